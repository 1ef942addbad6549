//! What a run found, as it is written to JSON.

use std::{fs, path::Path, process::Command};

use anyhow::{Context as _, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::{machine::Machine, statistic::Estimate};

/// Raised when what is measured changes so that older reports cannot be compared.
const VERSION: u32 = 3;

/// All that a run found.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Report {
    version: u32,
    pub(crate) machine: Machine,
    /// Whether it was a short run.
    pub(crate) quick: bool,
    /// The day it was begun on, as `2026-11-21`, in UTC.
    pub(crate) date: String,
    /// How long it took, in seconds.
    pub(crate) seconds: u64,
    pub(crate) comparisons: Vec<Comparison>,
}

/// What is read first: a report of another version may have other fields.
#[derive(Deserialize)]
struct Version {
    version: u32,
}

/// Columns that were measured side by side.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Comparison {
    /// By which goals and other reports know it.
    pub(crate) id: String,
    /// The row of the benchmark.
    pub(crate) row: u8,
    pub(crate) title: String,
    pub(crate) unit: String,
    /// Whether less is better.
    pub(crate) less: bool,
    /// The first is what the others are shown as multiples of.
    pub(crate) columns: Vec<Column>,
    /// What must be known beside the figures, in sentences.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) note: Option<String>,
}

/// A column: the figure of each round.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) samples: Vec<f64>,
}

impl Report {
    /// A report of this machine with nothing in it.
    ///
    /// # Errors
    /// When the machine does not tell what it is, or what day.
    pub(crate) fn new(quick: bool) -> Result<Self> {
        Ok(Self {
            version: VERSION,
            machine: Machine::this()?,
            quick,
            date: today()?,
            seconds: 0,
            comparisons: Vec::new(),
        })
    }

    /// The report in a file, of this machine.
    ///
    /// # Errors
    /// When there is none, or it is of another machine or of a benchmark that measured
    /// differently: figures of two machines say nothing about what changed.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let report = Self::of_any_machine(path)?;
        let this = Machine::this()?;
        ensure!(
            report.machine == this,
            "{} is of another machine, which compares with nothing here:\n  {}\n  {this}",
            path.display(),
            report.machine
        );
        Ok(report)
    }

    /// The report in a file, of whichever machine: to be shown, not to be compared.
    ///
    /// # Errors
    /// When there is none, or it is of a benchmark that measured differently.
    pub(crate) fn of_any_machine(path: &Path) -> Result<Self> {
        let name = path.display();
        let text = fs::read_to_string(path).with_context(|| format!("read {name}"))?;
        let version: Version =
            serde_json::from_str(&text).with_context(|| format!("{name} is no report"))?;
        let version = version.version;
        ensure!(
            version == VERSION,
            "{name} is of version {version} of the benchmark, this is {VERSION}: measure anew"
        );
        serde_json::from_str(&text).with_context(|| format!("{name} is no report"))
    }

    /// Writes it to a file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self)? + "\n";
        fs::write(path, text).with_context(|| format!("write {}", path.display()))
    }

    /// The comparison of that id, if it was made.
    pub(crate) fn comparison(&self, id: &str) -> Option<&Comparison> {
        self.comparisons.iter().find(|found| found.id == id)
    }
}

fn today() -> Result<String> {
    let output = Command::new("date").args(["-u", "+%F"]).output();
    let output = output.context("run date")?;
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

impl Comparison {
    /// The samples of the column of that name, if there is one.
    pub(crate) fn samples(&self, column: &str) -> Option<&[f64]> {
        let found = self.columns.iter().find(|found| found.name == column)?;
        Some(&found.samples)
    }

    /// How often was measured.
    pub(crate) fn rounds(&self) -> usize {
        let rounds = self.columns.iter().map(|column| column.samples.len());
        rounds.max().unwrap_or_default()
    }

    /// How much of `against` a column is, round by round. None where that is not surely more than
    /// nothing, as where almost all of it was subtracted.
    pub(crate) fn ratio(&self, column: &str, against: &str) -> Option<Estimate> {
        let base = self.samples(against)?;
        Estimate::of(base).filter(|found| found.low > 0.0)?;
        let pairs = self.samples(column)?.iter().zip(base);
        let ratios: Vec<f64> = pairs.map(|(one, other)| one / other).collect();
        Estimate::of(&ratios)
    }

    /// The same with `column` subtracted from every other, round by round, and left out.
    pub(crate) fn beyond(&self, column: &str) -> Option<Vec<Column>> {
        let base = self.samples(column)?;
        let others = self.columns.iter().filter(|other| other.name != column);
        let beyond = others.map(|other| Column {
            name: other.name.clone(),
            samples: other.samples.iter().zip(base).map(|(a, b)| a - b).collect(),
        });
        Some(beyond.collect())
    }
}

#[cfg(test)]
impl Report {
    /// One of a single comparison, for tests: in k/s, with the samples of these columns.
    pub(crate) fn of(id: &str, columns: &[(&str, &[f64])]) -> Self {
        let column = |(name, samples): &(&str, &[f64])| Column {
            name: (*name).to_owned(),
            samples: samples.to_vec(),
        };
        let mut report = Self::new(false).unwrap();
        report.comparisons.push(Comparison {
            id: id.to_owned(),
            row: 3,
            title: "64 bytes & more".to_owned(),
            unit: "k/s".to_owned(),
            less: false,
            columns: columns.iter().map(column).collect(),
            note: None,
        });
        report
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_and_differences_are_those_of_each_round() {
        let columns: [(_, &[f64]); 2] =
            [("base", &[10.0, 20.0, 40.0]), ("ours", &[11.0, 26.0, 48.0])];
        let comparison = &Report::of("x", &columns).comparisons[0];
        let ratio = comparison.ratio("ours", "base").unwrap();
        assert!((ratio.median - 1.2).abs() < 1e-9, "{ratio:?}");
        let beyond = comparison.beyond("base").unwrap();
        assert_eq!(beyond[0].samples, [1.0, 6.0, 8.0]);
        assert_eq!(comparison.ratio("ours", "nobody"), None);
    }

    #[test]
    fn of_nothing_there_is_no_multiple() {
        let columns: [(_, &[f64]); 2] = [("base", &[0.0, 2.0]), ("ours", &[1.0, 2.0])];
        let comparison = &Report::of("x", &columns).comparisons[0];
        assert_eq!(comparison.ratio("ours", "base"), None);
    }
}
