//! How the command speaks to people: messages on standard error, colour, and what may reach a terminal
//! at all. Results are written by `output`.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::Write;

use anstyle::{AnsiColor, Style};

use crate::arguments::{Color, Manner};
use crate::command_error::CommandError;
use crate::progress::Progress;

/// The messages of one run.
#[derive(Clone, Copy)]
pub(crate) struct Terminal {
    quiet: bool,
    verbose: bool,
}

const ERROR: Style = AnsiColor::Red.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();
const REMEDY: Style = AnsiColor::Cyan.on_default().bold();

impl Terminal {
    /// Speaks as the flags ask.
    pub(crate) fn new(manner: Manner) -> Self {
        let choice = match manner.color {
            Color::Auto => anstream::ColorChoice::Auto,
            Color::Always => anstream::ColorChoice::Always,
            Color::Never => anstream::ColorChoice::Never,
        };
        choice.write_global();
        Self {
            quiet: manner.quiet,
            verbose: manner.verbose,
        }
    }

    /// What went wrong, and what to do about it.
    pub(crate) fn complain(self, error: &CommandError) {
        for complaint in error.complaints() {
            say(ERROR, "error", &complaint.what);
            if let Some(remedy) = &complaint.remedy {
                say(REMEDY, "  try", remedy);
            }
        }
    }

    /// Something that the user should know, although the command does what was asked.
    pub(crate) fn warn(self, message: &str) {
        if !self.quiet {
            say(WARNING, "warning", message);
        }
    }

    /// What has been done.
    pub(crate) fn tell(self, message: &str) {
        if !self.quiet {
            let _ = writeln!(anstream::stderr().lock(), "{}", printable(message));
        }
    }

    /// How far a command has come with so many files.
    pub(crate) fn progress(self, files: usize) -> Progress {
        Progress::over(files, self.quiet)
    }

    /// Whether details are asked for.
    pub(crate) fn is_verbose(self) -> bool {
        self.verbose
    }

    /// Details for those who ask for them.
    pub(crate) fn detail(self, message: &str) {
        if self.verbose {
            self.tell(message);
        }
    }
}

// Nobody is left to tell when standard error is gone.
fn say(style: Style, what: &str, message: &str) {
    let _ = writeln!(
        anstream::stderr().lock(),
        "{style}{what}:{style:#} {}",
        printable(message)
    );
}

/// `text` without anything that a terminal would obey: control characters but line breaks and tabs, and
/// the marks that reverse the direction of writing (S22).
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    let obeyed = |character: char| {
        character.is_control() && !matches!(character, '\n' | '\t')
            || matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if !text.contains(obeyed) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if obeyed(character) {
            write!(shown, "\\u{{{:x}}}", u32::from(character)).expect("a String takes everything");
        } else {
            shown.push(character);
        }
    }
    Cow::Owned(shown)
}

/// `text` on one line that no pipeline obeys: what strangers wrote may look like a command to it (S22).
pub(crate) fn one_line(text: &str) -> String {
    let line = printable(text).replace(['\n', '\t'], " ");
    let start = line.trim_start();
    match start.starts_with("::") || start.starts_with("##[") {
        true => format!("./{start}"),
        false => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_pipeline_obeys_is_printed() {
        assert_eq!(one_line("a\n::add-mask::b"), "a ::add-mask::b");
        assert_eq!(one_line(" ::stop-commands::x"), "./::stop-commands::x");
        assert_eq!(one_line("##[group]\t"), "./##[group] ");
    }

    #[test]
    fn nothing_that_a_terminal_obeys_is_printed() {
        assert_eq!(
            printable("a\u{1b}[2Jb\u{202e}c\r\u{9b}"),
            "a\\u{1b}[2Jb\\u{202e}c\\u{d}\\u{9b}"
        );
        assert_eq!(printable("line\n\ttab é"), "line\n\ttab é");
    }
}
