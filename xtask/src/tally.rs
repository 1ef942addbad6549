//! What test binaries say they have found, added up.

use std::ops::AddAssign;

/// How many tests ended in which way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u32,
    pub(crate) failed: u32,
    pub(crate) ignored: u32,
    /// The names of those that failed.
    pub(crate) failures: Vec<String>,
}

impl Tally {
    /// What a line of a test binary's output adds: its last one the numbers, others perhaps a name.
    pub(crate) fn of(line: &str) -> Self {
        let Some(result) = line.strip_prefix("test result: ") else {
            let failures = failure(line).map(str::to_owned).into_iter().collect();
            return Self {
                failures,
                ..Self::default()
            };
        };
        let words: Vec<_> = result.split([' ', ';']).collect();
        let before = |name| {
            let at = words.iter().position(|word| *word == name)?;
            words.get(at.checked_sub(1)?)?.parse().ok()
        };
        Self {
            passed: before("passed").unwrap_or(0),
            failed: before("failed").unwrap_or(0),
            ignored: before("ignored").unwrap_or(0),
            failures: Vec::new(),
        }
    }
}

/// The test that a line says has failed.
fn failure(line: &str) -> Option<&str> {
    let (name, verdict) = line.strip_prefix("test ")?.split_once(" ... ")?;
    verdict.contains("FAILED").then_some(name)
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.ignored += other.ignored;
        self.failures.extend(other.failures);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_line_is_counted_with_and_without_colour() {
        let expected = Tally {
            passed: 12,
            failed: 3,
            ignored: 1,
            failures: Vec::new(),
        };
        for verdict in ["FAILED", "\u{1b}[31mFAILED\u{1b}[m"] {
            let line = format!(
                "test result: {verdict}. 12 passed; 3 failed; 1 ignored; 0 measured; 7 filtered out; finished in 0.01s"
            );
            assert_eq!(Tally::of(&line), expected);
        }
    }

    #[test]
    fn a_failure_is_known_by_name() {
        assert_eq!(
            Tally::of("test wire::a_frame ... FAILED").failures,
            ["wire::a_frame"]
        );
        assert_eq!(
            failure("test wire::a_frame ... \u{1b}[31mFAILED\u{1b}[m"),
            Some("wire::a_frame")
        );
    }

    #[test]
    fn other_lines_count_for_nothing() {
        for line in [
            "test wire::a_frame ... ok",
            "running 3 tests",
            "2 passed, 1 failed",
        ] {
            assert_eq!(Tally::of(line), Tally::default());
        }
    }
}
