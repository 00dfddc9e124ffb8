//! Collects, from the lines that Rust's test harness prints, which tests failed and with what words, so that the
//! end of a long log tells it again. It runs nothing.

use std::fmt;

/// Bytes kept of one test's words: the panic's place and message, without the backtrace that may follow.
const LIMIT: usize = 900;

/// The failed tests of one command, in the order in which the harness told them.
#[derive(Debug, Default)]
pub(crate) struct Failures {
    told: Vec<Failed>,
    /// Whether the lines that come belong to the last of `told`.
    open: bool,
}

#[derive(Debug)]
struct Failed {
    test: String,
    words: String,
    /// Whether nothing but a backtrace follows.
    is_told: bool,
}

impl Failures {
    pub(crate) fn take_line(&mut self, line: &str) {
        let heading = line
            .strip_prefix("---- ")
            .and_then(|rest| rest.strip_suffix(" stdout ----"));
        if let Some(test) = heading {
            self.told.push(Failed {
                test: test.to_owned(),
                words: String::new(),
                is_told: false,
            });
            self.open = true;
        } else if line == "failures:" {
            self.open = false;
        } else if let (true, Some(failed)) = (self.open, self.told.last_mut()) {
            failed.take_line(line);
        }
    }

    pub(crate) fn append(&mut self, mut other: Self) {
        self.told.append(&mut other.told);
    }
}

impl Failed {
    fn take_line(&mut self, line: &str) {
        if line.trim().eq_ignore_ascii_case("stack backtrace:") {
            self.is_told = true;
        }
        let chatter = line.trim().is_empty() || line.starts_with("note: ");
        if chatter || self.is_told || self.words.len() >= LIMIT {
            return;
        }
        let room = line.floor_char_boundary(LIMIT - self.words.len());
        self.words.push_str("\n    ");
        self.words.push_str(&line[..room]);
    }
}

/// One paragraph for each test, each ended by a line break; nothing where nothing failed.
impl fmt::Display for Failures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Failed { test, words, .. } in &self.told {
            writeln!(f, "failed: {test}{words}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(output: &str) -> Failures {
        let mut failures = Failures::default();
        output.lines().for_each(|line| failures.take_line(line));
        failures
    }

    #[test]
    fn failed_tests_are_told_with_their_words() {
        let output = "test a ... ok\ntest b::c ... FAILED\n\nfailures:\n\n---- b::c stdout ----\n\n\
            thread 'b::c' (7) panicked at tests/b.rs:3:5:\nassertion failed\n  left: 1\n\
            stack backtrace:\n   0: rust_begin_unwind\n\
            note: run with `RUST_BACKTRACE=1`\n\n---- d stdout ----\nError: \"late\"\n\n\n\
            failures:\n    b::c\n    d\n\ntest result: FAILED. 1 passed; 2 failed; 0 ignored\n";
        assert_eq!(
            read(output).to_string(),
            "failed: b::c\n    thread 'b::c' (7) panicked at tests/b.rs:3:5:\n    assertion failed\n      left: 1\n\
             failed: d\n    Error: \"late\"\n"
        );
    }

    #[test]
    fn long_words_are_cut_between_characters() {
        let output = format!("---- a stdout ----\n{}\nmore\n", "é".repeat(LIMIT));
        let told = read(&output).to_string();
        assert!(told.len() < LIMIT + 40, "{}", told.len());
        assert!(!told.contains("more"));
    }

    #[test]
    fn green_output_tells_nothing() {
        assert_eq!(
            read("test a ... ok\ntest result: ok. 1 passed; 0 failed\n").to_string(),
            ""
        );
    }
}
