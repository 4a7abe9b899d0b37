//! The totals of a test run, added up from the result line of each test binary.

use std::fmt;

/// How many tests ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Summary {
    passed: u64,
    failed: u64,
    skipped: u64,
}

impl Summary {
    /// Takes note of a line of output if it is a result:
    /// `test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in …`.
    pub(crate) fn note(&mut self, line: &str) {
        let Some((_, counts)) = line.strip_prefix("test result: ").and_then(|rest| rest.split_once(". "))
        else {
            return;
        };
        for count in counts.split("; ") {
            match count.split_once(' ') {
                Some((number, "passed")) => self.passed += number.parse().unwrap_or(0),
                Some((number, "failed")) => self.failed += number.parse().unwrap_or(0),
                Some((number, "ignored")) => self.skipped += number.parse().unwrap_or(0),
                _ => {}
            }
        }
    }

    /// A test binary that ended without a result (it did not build, or was killed) has failed.
    pub(crate) fn note_missing_result(&mut self) -> bool {
        let missing = self.failed == 0;
        self.failed += u64::from(missing);
        missing
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn result_lines_add_up() {
        let mut summary = Summary::default();
        for line in [
            "running 3 tests",
            "test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 4 filtered out; finished in 0.09s",
            "test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.00s",
            "error: test result: ok. 9 passed",
        ] {
            summary.note(line);
        }
        assert_eq!(summary.to_string(), "3 passed, 2 failed, 1 skipped");
        assert!(!summary.note_missing_result());
    }

    #[test]
    fn a_run_that_broke_off_is_not_green() {
        let mut summary = Summary::default();
        assert!(summary.note_missing_result());
        assert_eq!(summary.to_string(), "0 passed, 1 failed, 0 skipped");
    }
}
