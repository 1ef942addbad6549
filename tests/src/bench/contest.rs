//! Measuring columns side by side: one after the other, round after round.

use std::{ops::RangeInclusive, time::Duration};

use anyhow::{Context as _, Result, ensure};
use routemesh_tests::interrupt;

use crate::{
    background::Background,
    goal::goals,
    report::{Column, Comparison},
    screen::Screen,
};

/// How long and how often is measured.
#[derive(Clone, Debug)]
pub(crate) struct Pace {
    /// Rounds at least, and at most.
    pub(crate) rounds: RangeInclusive<usize>,
    /// How long one measurement lasts, where that can be chosen: three fifths of it where no goal is
    /// set.
    pub(crate) sample: Duration,
    /// Half the interval of a ratio, as a share of it, that is tight enough to stop.
    pub(crate) spread: f64,
}

impl Pace {
    /// That of a short run, in three minutes, or of one in thirty.
    pub(crate) const fn of(quick: bool) -> Self {
        if quick {
            Self {
                rounds: 6..=6,
                sample: Duration::from_millis(100),
                spread: 0.1,
            }
        } else {
            Self {
                // With one more the interval is no narrower, nor with two.
                rounds: 8..=17,
                sample: Duration::from_millis(450),
                spread: 0.03,
            }
        }
    }

    /// How long one measurement of a comparison lasts.
    fn of_one(&self, comparison: &Comparison) -> Duration {
        if goals(comparison).next().is_some() {
            self.sample
        } else {
            self.sample * 3 / 5
        }
    }
}

/// A figure that each measurement yields.
#[derive(Clone, Copy)]
pub(crate) struct Measure {
    /// By which goals and other reports know it, in all of the benchmark.
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    pub(crate) unit: &'static str,
    /// Whether less is better.
    pub(crate) less: bool,
    /// The row that it belongs to, where that is not the contest's.
    row: Option<u8>,
}

/// The row of processor time.
const PROCESSOR: u8 = 5;
/// What streams cost.
const PER_GBIT: &str = "ms of processor per Gbit";
/// What datagrams and frames cost: so many nanoseconds each are as many milliseconds a million.
const PER_MILLION: &str = "ms of processor per million packets";

impl Measure {
    /// A rate in Gbit/s.
    pub(crate) const fn gbit(id: &'static str, title: &'static str) -> Self {
        Self::of(id, title, "Gbit/s")
    }

    /// A rate in thousands a second.
    pub(crate) const fn thousands(id: &'static str, title: &'static str) -> Self {
        Self::of(id, title, "k/s")
    }

    /// Something of which less is better.
    pub(crate) const fn cost(id: &'static str, title: &'static str, unit: &'static str) -> Self {
        Self {
            less: true,
            ..Self::of(id, title, unit)
        }
    }

    /// Milliseconds of processor time, the whole machine's, for each Gbit.
    pub(crate) const fn per_gbit(id: &'static str, title: &'static str) -> Self {
        Self {
            row: Some(PROCESSOR),
            ..Self::cost(id, title, PER_GBIT)
        }
    }

    /// Milliseconds of processor time, the whole machine's, for a million packets.
    pub(crate) const fn per_million(id: &'static str, title: &'static str) -> Self {
        Self {
            row: Some(PROCESSOR),
            ..Self::cost(id, title, PER_MILLION)
        }
    }

    const fn of(id: &'static str, title: &'static str, unit: &'static str) -> Self {
        Self {
            id,
            title,
            unit,
            less: false,
            row: None,
        }
    }
}

type Sampler<'a> = Box<dyn FnMut(Duration) -> Result<Vec<f64>> + 'a>;

/// Who is measured, and how.
pub(crate) struct Contender<'a> {
    name: String,
    sample: Sampler<'a>,
}

impl<'a> Contender<'a> {
    /// `sample` is told how long to measure, and returns a figure for each measure of the
    /// contest.
    pub(crate) fn new(name: &str, sample: impl FnMut(Duration) -> Result<Vec<f64>> + 'a) -> Self {
        Self {
            name: name.to_owned(),
            sample: Box::new(sample),
        }
    }
}

/// A row's columns.
pub(crate) struct Contest<'a> {
    pub(crate) row: u8,
    pub(crate) measures: Vec<Measure>,
    /// The first is what the others are compared with.
    pub(crate) contenders: Vec<Contender<'a>>,
    /// What is subtracted from processor time; it is listened to in each round.
    pub(crate) background: Option<&'a Background>,
}

impl Contest<'_> {
    /// Measures until the ratios of the first measure are tight enough, or the rounds are at
    /// their end.
    ///
    /// Every round begins at the other end of the columns, so that what drifts meets all alike.
    ///
    /// # Errors
    /// When a measurement fails, or finds that packets were lost, changed, or came another way.
    pub(crate) fn run(mut self, pace: &Pace, screen: &Screen) -> Result<Vec<Comparison>> {
        let mut found = self.empty();
        let time = pace.of_one(&found[0]);
        for round in 1..=*pace.rounds.end() {
            let mut order: Vec<usize> = (0..self.contenders.len()).collect();
            if round % 2 == 0 {
                order.reverse();
            }
            if let Some(background) = self.background {
                background.listen(time)?;
            }
            for turn in order {
                interrupt::check()?;
                let Contender { name, sample } = &mut self.contenders[turn];
                let title = self.measures[0].title;
                screen.progress(&format!("{title}, round {round}: {name}"));
                let figures = sample(time).with_context(|| format!("{title}: {name}"))?;
                ensure!(figures.len() == found.len(), "{name}: not a figure each");
                for (comparison, figure) in found.iter_mut().zip(figures) {
                    comparison.columns[turn].samples.push(figure);
                }
            }
            if round >= *pace.rounds.start() && is_tight(&found[0], pace.spread) {
                break;
            }
        }
        screen.settle();
        if let Some(background) = self.background {
            let charged = found.iter_mut().filter(|one| one.row == PROCESSOR);
            charged.for_each(|one| one.note = Some(background.note()));
        }
        Ok(found)
    }

    fn empty(&self) -> Vec<Comparison> {
        let columns = self.contenders.iter().map(|contender| Column {
            name: contender.name.clone(),
            samples: Vec::new(),
        });
        let columns: Vec<_> = columns.collect();
        let comparison = |measure: &Measure| Comparison {
            id: measure.id.to_owned(),
            row: measure.row.unwrap_or(self.row),
            title: measure.title.to_owned(),
            unit: measure.unit.to_owned(),
            less: measure.less,
            columns: columns.clone(),
            note: None,
        };
        self.measures.iter().map(comparison).collect()
    }
}

/// Whether the ratios that goals are set for are known well enough; without goals, those that
/// are shown.
fn is_tight(comparison: &Comparison, spread: f64) -> bool {
    let first = comparison
        .columns
        .first()
        .map(|column| column.name.as_str());
    let mut pairs: Vec<_> = goals(comparison)
        .filter_map(|goal| Some((goal.column, goal.against?)))
        .collect();
    if pairs.is_empty() {
        let columns = comparison.columns.iter().skip(1);
        pairs = columns
            .filter_map(|column| Some((column.name.as_str(), first?)))
            .collect();
    }
    pairs.into_iter().all(|(column, against)| {
        let ratio = comparison.ratio(column, against);
        ratio.is_some_and(|ratio| ratio.spread() <= spread)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Pace = Pace {
        rounds: 6..=20,
        sample: Duration::ZERO,
        spread: 0.05,
    };

    fn contest<'a>(mut second: impl FnMut() -> f64 + 'a) -> Contest<'a> {
        Contest {
            row: 1,
            measures: vec![Measure::thousands("test", "test")],
            contenders: vec![
                Contender::new("one", |_| Ok(vec![10.0])),
                Contender::new("two", move |_| Ok(vec![second()])),
            ],
            background: None,
        }
    }

    #[test]
    fn steady_columns_are_measured_as_often_as_an_interval_needs() {
        let found = contest(|| 20.0).run(&PACE, &Screen::quiet()).unwrap();
        assert_eq!(found[0].columns[1].samples, [20.0; 6]);
    }

    #[test]
    fn what_has_a_goal_is_measured_longer() {
        let pace = Pace::of(false);
        let mut comparison = contest(|| 20.0).empty().remove(0);
        assert_eq!(pace.of_one(&comparison), Duration::from_millis(270));
        comparison.id = "tcp-1".to_owned();
        assert_eq!(pace.of_one(&comparison), Duration::from_millis(450));
    }

    #[test]
    fn unsteady_ones_are_measured_until_the_end() {
        let mut turn = 0;
        let unsteady = || {
            turn += 1;
            if turn % 2 == 0 { 5.0 } else { 20.0 }
        };
        let found = contest(unsteady).run(&PACE, &Screen::quiet()).unwrap();
        assert_eq!(found[0].columns[1].samples.len(), 20);
        assert!(!is_tight(&found[0], PACE.spread));
    }
}
