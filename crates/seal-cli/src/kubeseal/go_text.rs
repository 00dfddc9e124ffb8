//! Texts as Go's standard library words them: quoted strings, numbers and system errors.
//!
//! They are part of upstream's error texts, which scripts match. Nothing here decides anything.

use std::fmt::Write as _;
use std::io;

/// `text` as Go's `%q` prints a string.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for character in text.chars() {
        push_escaped(&mut out, character, '"');
    }
    out.push('"');
    out
}

/// `character` as Go's `%q` prints a rune.
pub(super) fn quoted_rune(character: char) -> String {
    let mut out = String::from("'");
    push_escaped(&mut out, character, '\'');
    out.push('\'');
    out
}

fn push_escaped(out: &mut String, character: char, quote: char) {
    match character {
        '\x07' => out.push_str("\\a"),
        '\x08' => out.push_str("\\b"),
        '\x0c' => out.push_str("\\f"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\x0b' => out.push_str("\\v"),
        '\\' => out.push_str("\\\\"),
        _ if character == quote => {
            out.push('\\');
            out.push(quote);
        }
        _ if u32::from(character) < 0x20 || character == '\x7f' => {
            write!(out, "\\x{:02x}", u32::from(character)).expect("writing to a String cannot fail");
        }
        _ if character.is_control() => {
            write!(out, "\\u{:04x}", u32::from(character)).expect("writing to a String cannot fail");
        }
        _ => out.push(character),
    }
}

/// `strconv.ParseBool`.
pub(super) fn parse_bool(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok(false),
        _ => Err(format!(
            "strconv.ParseBool: parsing {}: invalid syntax",
            quoted(text)
        )),
    }
}

/// `strconv.ParseInt` with base 10 and 32 bits.
pub(super) fn parse_int32(text: &str) -> Result<i32, String> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!(
            "strconv.ParseInt: parsing {}: invalid syntax",
            quoted(text)
        ));
    }
    text.parse()
        .map_err(|_| format!("strconv.ParseInt: parsing {}: value out of range", quoted(text)))
}

/// The fields of one CSV record, as pflag reads the value of a list.
pub(super) fn split_csv(text: &str) -> Result<Vec<String>, String> {
    let mut fields = Vec::new();
    let mut rest = text.split_once('\n').map_or(text, |(line, _)| line);
    if rest.is_empty() {
        return Ok(fields);
    }
    let fault = |at: &str, what| {
        let column = text.len() - at.len() + 1;
        Err(format!("parse error on line 1, column {column}: {what}"))
    };
    loop {
        let field;
        if let Some(mut quoted) = rest.strip_prefix('"') {
            let mut content = String::new();
            loop {
                let Some((part, after)) = quoted.split_once('"') else {
                    return fault("", "extraneous or missing \" in quoted-field");
                };
                content.push_str(part);
                quoted = after;
                match after.strip_prefix('"') {
                    Some(more) => {
                        content.push('"');
                        quoted = more;
                    }
                    None => break,
                }
            }
            if !quoted.is_empty() && !quoted.starts_with(',') {
                return fault(quoted, "extraneous or missing \" in quoted-field");
            }
            (field, rest) = (content, quoted);
        } else {
            let end = rest.find(',').unwrap_or(rest.len());
            if let Some(bare) = rest[..end].find('"') {
                return fault(&rest[bare..], "bare \" in non-quoted-field");
            }
            (field, rest) = (rest[..end].to_owned(), &rest[end..]);
        }
        fields.push(field);
        match rest.strip_prefix(',') {
            Some(more) => rest = more,
            None => return Ok(fields),
        }
    }
}

/// What Go says of a failed system call, without operation and path.
pub(super) fn system_error(error: &io::Error) -> String {
    let full = error.to_string();
    let text = full.split(" (os error").next().unwrap_or(&full);
    // Go's table writes the system's sentences in lower case; acronyms keep theirs on both sides.
    let mut characters = text.chars();
    match (characters.next(), characters.next()) {
        (Some(first), Some(second)) if !second.is_uppercase() => {
            first.to_lowercase().chain(text.chars().skip(1)).collect()
        }
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_quoted_as_go_quotes_them() {
        assert_eq!(quoted("a\"b\\\n\u{1}é\u{7f}"), r#""a\"b\\\n\x01é\x7f""#);
        assert_eq!(quoted_rune('\''), r"'\''");
    }

    #[test]
    fn a_list_is_one_csv_record() {
        assert_eq!(split_csv("a,b").unwrap(), ["a", "b"]);
        assert_eq!(split_csv("\"a,b\",c").unwrap(), ["a,b", "c"]);
        assert_eq!(split_csv("\"a\"\"b\"").unwrap(), ["a\"b"]);
        assert_eq!(split_csv("a,").unwrap(), ["a", ""]);
        assert!(split_csv("").unwrap().is_empty());
        assert_eq!(
            split_csv("a\"b").unwrap_err(),
            "parse error on line 1, column 2: bare \" in non-quoted-field"
        );
    }

    #[test]
    fn system_errors_are_in_lower_case() {
        assert_eq!(
            system_error(&io::Error::from_raw_os_error(2)),
            "no such file or directory"
        );
        assert_eq!(
            system_error(&io::Error::from_raw_os_error(13)),
            "permission denied"
        );
        assert_eq!(system_error(&io::Error::from_raw_os_error(21)), "is a directory");
    }
}
