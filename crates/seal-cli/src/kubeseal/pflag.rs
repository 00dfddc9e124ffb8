//! An argument vector read as Go's pflag reads it, from one table of flags, and that table printed.
//!
//! It knows no flag by name and judges no value: each row of the table brings its own setter.

use std::fmt::Write as _;

use super::flags::{Flag, Options};
use super::go_text::{quoted, quoted_rune};

/// Why reading ended before the end of the arguments.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Halt {
    /// `-h`, which is no flag of the table.
    Help,
    /// An argument that cannot be; the text is pflag's.
    Fault(String),
}

/// What was read beside the options.
#[derive(Debug, Default)]
pub(super) struct Reading {
    /// One line for each use of a deprecated flag.
    pub(super) notices: Vec<String>,
}

/// Sets options from variables named `PREFIX_FLAG_NAME`. Values that do not fit are ignored, and a
/// list that is set here is extended by the command line, both as upstream does.
pub(super) fn read_environment(
    table: &[Flag],
    prefix: &str,
    variable: impl Fn(&str) -> Option<String>,
    options: &mut Options,
) {
    for flag in table.iter().filter(|flag| flag.in_environment) {
        let name = format!("{prefix}_{}", flag.name.to_uppercase().replace('-', "_"));
        if let Some(value) = variable(&name) {
            let _ = flag.setter.set(options, &value);
        }
    }
}

/// Reads `arguments` (without the command's name) into `options`. Positional arguments are ignored.
///
/// Notices of deprecated flags are handed out also when reading halts.
pub(super) fn read_arguments(
    table: &[Flag],
    arguments: &[String],
    options: &mut Options,
) -> (Reading, Result<(), Halt>) {
    let mut reader = Reader {
        table,
        options,
        reading: Reading::default(),
    };
    let result = reader.read(arguments);
    (reader.reading, result)
}

struct Reader<'a> {
    table: &'a [Flag],
    options: &'a mut Options,
    reading: Reading,
}

impl Reader<'_> {
    fn read(&mut self, arguments: &[String]) -> Result<(), Halt> {
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            if argument == "--" {
                return Ok(());
            }
            if let Some(long) = argument.strip_prefix("--") {
                self.read_long(argument, long, &mut rest)?;
            } else if let Some(letters) = argument.strip_prefix('-').filter(|letters| !letters.is_empty()) {
                self.read_short(letters, &mut rest)?;
            }
        }
        Ok(())
    }

    fn read_long<'v>(
        &mut self,
        argument: &str,
        long: &'v str,
        rest: &mut impl Iterator<Item = &'v String>,
    ) -> Result<(), Halt> {
        if long.starts_with(['-', '=']) {
            return Err(Halt::Fault(format!("bad flag syntax: {argument}")));
        }
        let (name, inline) = match long.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (long, None),
        };
        let Some(flag) = self.table.iter().find(|flag| flag.name == name) else {
            return Err(Halt::Fault(format!("unknown flag: --{name}")));
        };
        let value = match inline {
            Some(value) => value,
            None if flag.setter.is_switch() => "true",
            None => rest
                .next()
                .map(String::as_str)
                .ok_or_else(|| Halt::Fault(format!("flag needs an argument: --{name}")))?,
        };
        self.set(flag, value)
    }

    fn read_short<'v>(
        &mut self,
        letters: &'v str,
        rest: &mut impl Iterator<Item = &'v String>,
    ) -> Result<(), Halt> {
        // pflag leaves these to `go test`.
        if letters.starts_with("test.") {
            return Ok(());
        }
        let mut letters = letters;
        while let Some(letter) = letters.chars().next() {
            let Some(flag) = self.table.iter().find(|flag| flag.short == Some(letter)) else {
                if letter == 'h' {
                    return Err(Halt::Help);
                }
                let shown = quoted_rune(first_byte_as_pflag_shows_it(letters));
                return Err(Halt::Fault(format!(
                    "unknown shorthand flag: {shown} in -{letters}"
                )));
            };
            let after = &letters[letter.len_utf8()..];
            let value = if let Some(value) = after.strip_prefix('=').filter(|value| !value.is_empty()) {
                letters = "";
                value
            } else if flag.setter.is_switch() {
                letters = after;
                "true"
            } else if !after.is_empty() {
                letters = "";
                after
            } else {
                let missing = || {
                    let shown = quoted_rune(letter);
                    Halt::Fault(format!("flag needs an argument: {shown} in -{letters}"))
                };
                let value = rest.next().map(String::as_str).ok_or_else(missing)?;
                letters = "";
                value
            };
            self.set(flag, value)?;
        }
        Ok(())
    }

    fn set(&mut self, flag: &Flag, value: &str) -> Result<(), Halt> {
        flag.setter.set(self.options, value).map_err(|cause| {
            let name = match flag.short {
                Some(letter) => format!("-{letter}, --{}", flag.name),
                None => format!("--{}", flag.name),
            };
            Halt::Fault(format!(
                "invalid argument {} for \"{name}\" flag: {cause}",
                quoted(value)
            ))
        })?;
        if let Some(remedy) = flag.deprecated {
            self.reading
                .notices
                .push(format!("Flag --{} has been deprecated, {remedy}", flag.name));
        }
        Ok(())
    }
}

// pflag takes a byte for a letter and shows the first byte of its UTF-8 encoding.
fn first_byte_as_pflag_shows_it(letters: &str) -> char {
    match letters.as_bytes().first() {
        Some(byte) if byte.is_ascii() => char::from(*byte),
        Some(byte) if *byte < 0xc0 => '\u{c2}',
        _ => '\u{c3}',
    }
}

/// The table as pflag's `PrintDefaults` prints it; deprecated flags are hidden.
pub(super) fn usage(table: &[Flag]) -> String {
    let head = |flag: &Flag| {
        let mut head = match flag.short {
            Some(letter) => format!("  -{letter}, --{}", flag.name),
            None => format!("      --{}", flag.name),
        };
        if !flag.value_name.is_empty() {
            head.push(' ');
            head.push_str(flag.value_name);
        }
        head
    };
    let shown: Vec<_> = table
        .iter()
        .filter(|flag| flag.deprecated.is_none())
        .map(|flag| (head(flag), flag))
        .collect();
    let width = shown.iter().map(|(head, _)| head.len()).max().unwrap_or_default();
    let mut out = String::new();
    for (head, flag) in shown {
        write!(out, "{head:width$}   {}", flag.usage).expect("writing to a String cannot fail");
        if let Some(default) = flag.default {
            write!(out, " (default {default})").expect("writing to a String cannot fail");
        }
        out.push('\n');
    }
    out
}
