//! Medians, and how sure they are.
//!
//! Nothing is assumed of how measurements spread: the interval of a median is one between two of
//! the measurements themselves, by the sign test.

/// How sure an interval is to hold the median of all measurements that could be made.
const CONFIDENCE: f64 = 0.95;

/// A median and its interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Estimate {
    pub(crate) median: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl Estimate {
    /// The estimate from measurements. Fewer than six are too few for an interval of that
    /// confidence: it is then from the smallest to the largest. None of none.
    pub(crate) fn of(samples: &[f64]) -> Option<Self> {
        let mut sorted = samples.to_vec();
        sorted.sort_by(f64::total_cmp);
        let last = sorted.len().checked_sub(1)?;
        let cut = cut(sorted.len());
        Some(Self {
            median: f64::midpoint(sorted[last / 2], sorted[sorted.len() / 2]),
            low: sorted[cut],
            high: sorted[last - cut],
        })
    }

    /// Half the interval, as a share of the median.
    pub(crate) fn spread(&self) -> f64 {
        (self.high - self.low) / (2.0 * self.median.abs())
    }
}

/// How many measurements lie outside of the interval on each side.
fn cut(count: usize) -> usize {
    // The median of all lies below the k+1-th of n with the probability that a coin shows heads
    // at most k times in n.
    let mut chance = 0.5_f64.powi(count as i32);
    let mut below = chance;
    let mut cut = 0;
    while 1.0 - 2.0 * (below + chance * (count - cut) as f64 / (cut + 1) as f64) >= CONFIDENCE {
        chance *= (count - cut) as f64 / (cut + 1) as f64;
        below += chance;
        cut += 1;
    }
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_is_that_of_the_sign_test() {
        // Measurements outside on each side for a confidence of 95 %, as in any table of it.
        let table = [
            (5, 0),
            (6, 0),
            (8, 0),
            (9, 1),
            (12, 2),
            (15, 3),
            (20, 5),
            (25, 7),
        ];
        for (count, outside) in table {
            assert_eq!(cut(count), outside, "{count} measurements");
        }
    }

    #[test]
    fn a_median_lies_in_its_interval() {
        let samples: Vec<f64> = (1..=9).rev().map(f64::from).collect();
        let estimate = Estimate::of(&samples).unwrap();
        let expected = Estimate {
            median: 5.0,
            low: 2.0,
            high: 8.0,
        };
        assert_eq!(estimate, expected);
        assert!((estimate.spread() - 0.6).abs() < 1e-9);
        assert_eq!(Estimate::of(&[2.0, 1.0]).unwrap().median, 1.5);
        assert_eq!(Estimate::of(&[]), None);
    }
}
