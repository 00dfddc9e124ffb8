//! YAML or JSON: which of the two a text is. The formats' grammars live in `yaml` and `json`.

use crate::json;
use crate::limits::Limits;
use crate::stream;

/// How a text is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// YAML: documents separated by `---`.
    Yaml,
    /// JSON: documents one after another.
    Json,
}

impl Format {
    /// The format of a text, by the name of its file where that tells, else by what it holds.
    ///
    /// A text that opens with a brace and is no JSON counts as YAML only if it parses as YAML;
    /// otherwise it is JSON with a fault, which the JSON parser places best.
    pub fn detect(path: Option<&str>, text: &str) -> Self {
        let extension = path.and_then(|path| path.rsplit(['/', '\\']).next()?.rsplit_once('.'));
        if let Some((_, extension)) = extension {
            if extension.eq_ignore_ascii_case("json") {
                return Self::Json;
            }
            if extension.eq_ignore_ascii_case("yaml") || extension.eq_ignore_ascii_case("yml") {
                return Self::Yaml;
            }
        }
        let body = text.strip_prefix('\u{FEFF}').unwrap_or(text).trim_start();
        if !body.starts_with(['{', '[']) {
            return Self::Yaml;
        }
        let limits = Limits::default();
        let mut documents = json::documents(text, &limits);
        let accepted = documents.all(|document| document.is_ok());
        if !accepted && stream::parse(text, Self::Yaml, &limits).is_ok() {
            Self::Yaml
        } else {
            Self::Json
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_the_file_tells_first() {
        assert_eq!(Format::detect(Some("a/b.JSON"), "a: 1"), Format::Json);
        assert_eq!(Format::detect(Some("a.json/b.yml"), "{}"), Format::Yaml);
    }

    #[test]
    fn without_a_telling_name_the_text_does() {
        for (text, format) in [
            ("", Format::Yaml),
            ("a: 1", Format::Yaml),
            ("\u{FEFF} {\"a\": 1}{}", Format::Json),
            ("{\"a\": b}", Format::Yaml),
            ("{a: 1}", Format::Yaml),
            ("{}\n---\n{}\n", Format::Yaml),
            ("{\"a\": 1,,}", Format::Json),
        ] {
            assert_eq!(Format::detect(Some("secrets.txt"), text), format, "{text}");
        }
    }
}
