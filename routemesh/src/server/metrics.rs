//! The scrape page, in the two text formats Prometheus reads.

use std::fmt;

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric, text},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
    registry::Registry,
};

use crate::api::metrics::{FAMILIES, Family, FamilyKind, Metrics, Sample, Value};

/// The formats of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Prometheus's own, 0.0.4: what a client gets that names none.
    Prometheus,
    /// OpenMetrics 1.0.0.
    OpenMetrics,
}

impl Format {
    /// The format a client takes, from its `Accept` header.
    #[must_use]
    pub fn accepted(accept: &str) -> Self {
        if accept.contains("application/openmetrics-text") {
            Self::OpenMetrics
        } else {
            Self::Prometheus
        }
    }

    /// The format's `Content-Type`.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// The page that shows `metrics`.
#[must_use]
pub fn render(metrics: Metrics, format: Format) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Page { metrics, format }));
    let mut page = String::new();
    let written = match format {
        Format::Prometheus => text::encode_registry(&mut page, &registry),
        Format::OpenMetrics => text::encode(&mut page, &registry),
    };
    debug_assert!(written.is_ok(), "a String takes what it is given");
    page
}

#[derive(Debug)]
struct Page {
    metrics: Metrics,
    format: Format,
}

impl Collector for Page {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        for family in FAMILIES {
            let samples = (family.read)(&self.metrics);
            if !samples.is_empty() {
                self.write(&mut encoder, family, &samples)?;
            }
        }
        Ok(())
    }
}

impl Page {
    /// A counter's `_total` belongs to the sample in OpenMetrics and to the family in
    /// Prometheus's format, which the encoder does not know: there it writes a counter as it
    /// would a gauge, under its whole name.
    fn write(
        &self,
        encoder: &mut DescriptorEncoder,
        family: &Family,
        samples: &[Sample],
    ) -> fmt::Result {
        let kind = match family.kind {
            FamilyKind::Counter => MetricType::Counter,
            FamilyKind::Gauge => MetricType::Gauge,
        };
        let suffixed = self.format == Format::OpenMetrics && family.kind == FamilyKind::Counter;
        let name = if suffixed {
            family.name.to_owned()
        } else {
            family.sample_name()
        };
        let mut metric = encoder.encode_descriptor(&name, family.help, None, kind)?;
        for sample in samples {
            let labels: Vec<(&str, &str)> = family
                .labels
                .iter()
                .copied()
                .zip(sample.labels.iter().map(String::as_str))
                .collect();
            let line = metric.encode_family(&labels)?;
            match (sample.value, suffixed) {
                (Value::Whole(value), true) => ConstCounter::new(value).encode(line)?,
                (Value::Real(value), true) => ConstCounter::new(value).encode(line)?,
                (Value::Whole(value), false) => ConstGauge::new(value).encode(line)?,
                (Value::Real(value), false) => ConstGauge::new(value).encode(line)?,
            }
        }
        Ok(())
    }
}
