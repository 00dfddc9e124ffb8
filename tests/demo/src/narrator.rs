//! How the demo looks: numbered steps, the lines that a user would type, and what they answered. Colour on terminals
//! only. It runs nothing.

use std::{
    borrow::Cow,
    cell::Cell,
    io::{self, Write},
};

use anstyle::{AnsiColor, Style};

const TITLE: Style = AnsiColor::Green.on_default().bold();
const HEADING: Style = Style::new().bold();
const PROMPT: Style = AnsiColor::Cyan.on_default();
const TYPED: Style = AnsiColor::Cyan.on_default().bold();
const DIM: Style = Style::new().dimmed();
const ERROR: Style = AnsiColor::Red.on_default().bold();

const MARGIN: &str = "   ";
/// Ciphertext is wider than any terminal and no pleasure to read: beyond `LONG` a line shows `SHOWN` characters.
const LONG: usize = 160;
const SHOWN: usize = 64;

/// The one voice of the demo.
#[derive(Default)]
pub(crate) struct Narrator {
    steps: Cell<u32>,
}

impl Narrator {
    /// The first line of all.
    pub(crate) fn title(&self, words: &str) -> io::Result<()> {
        self.line(&format!("{TITLE}{words}{TITLE:#}"))
    }

    /// Begins a numbered step and says what it is about.
    pub(crate) fn step(&self, heading: &str, words: &str) -> io::Result<()> {
        self.steps.set(self.steps.get() + 1);
        let number = self.steps.get();
        self.line(&format!(
            "\n{HEADING}{number:<MARGIN$}{heading}{HEADING:#}",
            MARGIN = MARGIN.len()
        ))?;
        self.words(words)
    }

    /// The heading of what is no step.
    pub(crate) fn heading(&self, heading: &str) -> io::Result<()> {
        self.line(&format!("\n{HEADING}{heading}{HEADING:#}"))
    }

    /// Something to know, in plain words.
    pub(crate) fn words(&self, words: &str) -> io::Result<()> {
        words
            .lines()
            .try_for_each(|line| self.line(&format!("{MARGIN}{line}")))
    }

    /// What goes on meanwhile.
    #[cfg(target_os = "linux")]
    pub(crate) fn aside(&self, words: &str) -> io::Result<()> {
        words
            .lines()
            .try_for_each(|line| self.line(&format!("{MARGIN}{DIM}{line}{DIM:#}")))
    }

    /// A command as it is typed.
    pub(crate) fn command(&self, typed: &str) -> io::Result<()> {
        self.line(&format!("\n{MARGIN}{PROMPT}${PROMPT:#} {TYPED}{typed}{TYPED:#}"))
    }

    /// What a command answered, line by line.
    pub(crate) fn output(&self, text: &str) -> io::Result<()> {
        text.lines()
            .try_for_each(|line| self.line(&format!("{MARGIN}{}", shortened(line))))
    }

    /// What to type next, and what for.
    pub(crate) fn suggestions(&self, rows: &[(&str, &str)]) -> io::Result<()> {
        let width = rows
            .iter()
            .map(|(purpose, _)| purpose.len())
            .max()
            .unwrap_or_default();
        rows.iter().try_for_each(|(purpose, typed)| {
            self.line(&format!("{MARGIN}{purpose:<width$}  {TYPED}{typed}{TYPED:#}"))
        })
    }

    /// Lines to type, without a prompt, so that all can be copied at once.
    #[cfg(target_os = "linux")]
    pub(crate) fn commands(&self, lines: &[&str]) -> io::Result<()> {
        lines
            .iter()
            .try_for_each(|line| self.line(&format!("{MARGIN}{TYPED}{line}{TYPED:#}")))
    }

    /// What ends the demo early.
    pub(crate) fn complain(&self, words: &str) {
        // Nobody is left to tell when standard error is gone.
        let _ = writeln!(anstream::stderr(), "{ERROR}demo:{ERROR:#} {words}");
    }

    pub(crate) fn line(&self, line: &str) -> io::Result<()> {
        let mut output = anstream::stdout().lock();
        writeln!(output, "{}", line.trim_end())?;
        output.flush()
    }
}

fn shortened(line: &str) -> Cow<'_, str> {
    let length = line.chars().count();
    if length <= LONG {
        return Cow::Borrowed(line);
    }
    let shown: String = line.chars().take(SHOWN).collect();
    Cow::Owned(format!(
        "{shown}{DIM}… ({} more characters){DIM:#}",
        length - SHOWN
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ciphertext_is_shortened_and_says_by_how_much() {
        let line = format!("password: {}", "é".repeat(700));
        let text = anstream::adapter::strip_str(&shortened(&line)).to_string();
        assert!(
            text.starts_with("password: é") && text.ends_with("é… (646 more characters)"),
            "{text}"
        );
    }

    #[test]
    fn line_of_a_table_stays_whole() {
        let line = "x".repeat(LONG);
        assert_eq!(shortened(&line), line);
    }
}
