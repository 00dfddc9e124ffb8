//! Counts what passed and failed, from the lines that Rust's test harness prints. It runs nothing.

use std::{fmt, ops::AddAssign};

/// Counts of one step or of a whole run; written as the line that ends a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    /// Tests that their authors switched off; never counted as passed.
    pub(crate) ignored: u64,
}

impl Tally {
    pub(crate) const PASSED: Self = Self {
        passed: 1,
        failed: 0,
        ignored: 0,
    };
    pub(crate) const FAILED: Self = Self {
        passed: 0,
        failed: 1,
        ignored: 0,
    };

    /// The counts in `test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; …`.
    pub(crate) fn of_line(line: &str) -> Option<Self> {
        let counts = line.strip_prefix("test result: ")?.split_once(". ")?.1;
        let count = |noun: &str| {
            counts
                .split(';')
                .find_map(|part| part.trim().strip_suffix(noun)?.trim_end().parse().ok())
        };
        Some(Self {
            passed: count("passed")?,
            failed: count("failed")?,
            ignored: count("ignored")?,
        })
    }

    /// The counts of a test command that ended. One that fails without naming a test (it did not compile, or a test
    /// took the whole process down) is one failure; one that ran nothing is one too, or a lost tier would pass.
    pub(crate) fn settle(mut self, success: bool) -> Self {
        let ran_nothing = self.passed + self.failed == 0;
        if self.failed == 0 && (!success || ran_nothing) {
            self.failed = 1;
        }
        self
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.ignored += other.ignored;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn result_lines_are_read_and_summed() {
        let output = "running 2 tests\ntest a ... ok\n\
            test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.01s\n\
            test result: FAILED. 4 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.20s\n";
        let mut sum = Tally::default();
        for tally in output.lines().filter_map(Tally::of_line) {
            sum += tally;
        }
        assert_eq!(
            sum,
            Tally {
                passed: 16,
                failed: 2,
                ignored: 1
            }
        );
        assert_eq!(sum.to_string(), "16 passed, 2 failed");
    }

    #[test]
    fn other_lines_count_nothing() {
        for line in [
            "",
            "test result",
            "test result: ok.",
            "  test result: ok. 1 passed; 0 failed; 0 ignored",
        ] {
            assert_eq!(Tally::of_line(line), None, "{line}");
        }
    }

    #[test]
    fn command_that_fails_without_a_failed_test_is_one_failure() {
        let green = Tally {
            passed: 5,
            ..Tally::default()
        };
        assert_eq!(green.settle(false).failed, 1);
        assert_eq!(green.settle(true).failed, 0);
        assert_eq!(Tally { failed: 2, ..green }.settle(false).failed, 2);
    }

    #[test]
    fn command_that_ran_no_test_is_one_failure() {
        assert_eq!(Tally::default().settle(true), Tally::FAILED);
        let all_ignored = Tally {
            ignored: 3,
            ..Tally::default()
        };
        assert_eq!(all_ignored.settle(true).failed, 1);
    }
}
