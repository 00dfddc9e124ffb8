//! A plaintext that nobody else has, and the search for it in everything that is not allowed to hold it, in
//! each form that a careless program could have given it. It does not make the program careless.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE},
};

use crate::random;

/// A unique plaintext.
pub struct Canary {
    text: String,
}

/// Where and in which form a canary was seen.
#[derive(Clone, Debug, PartialEq)]
pub struct Sighting {
    /// `plain` (escaped copies too), `base64`, `base64url` or `hex`.
    pub form: &'static str,
    /// The file; none for bytes.
    pub path: Option<PathBuf>,
    /// The byte where it begins.
    pub offset: usize,
}

impl Canary {
    /// With a quote, a backslash, a line's end and a letter beyond ASCII in it, so that its escaped forms
    /// differ from the plain one.
    pub fn new() -> anyhow::Result<Self> {
        Ok(Self {
            text: format!("canary-{}\"\\\n<é>", random::hex(12)?),
        })
    }

    /// The plaintext to hide.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Its base64, as in `.data` of a Secret.
    pub fn base64(&self) -> String {
        STANDARD.encode(&self.text)
    }

    /// Every sighting in those bytes. The unique middle is what is looked for, so cut-off copies count, and
    /// base64 counts at any of its three alignments.
    pub fn find_in(&self, haystack: &[u8]) -> Vec<Sighting> {
        let sightings = self.forms().into_iter().flat_map(|(form, needle)| {
            let places: Vec<usize> = memchr::memmem::find_iter(haystack, &needle).collect();
            places.into_iter().map(move |offset| Sighting {
                form,
                path: None,
                offset,
            })
        });
        sightings.collect()
    }

    /// Every sighting in a file, or in all files below a folder.
    pub fn find_below(&self, path: &Path) -> anyhow::Result<Vec<Sighting>> {
        let mut sightings = Vec::new();
        let mut paths = vec![path.to_owned()];
        while let Some(path) = paths.pop() {
            let kind = fs::symlink_metadata(&path)
                .with_context(|| path.display().to_string())?
                .file_type();
            if kind.is_dir() {
                for entry in fs::read_dir(&path)? {
                    paths.push(entry?.path());
                }
            } else if kind.is_file() {
                let found = self.find_in(&fs::read(&path).with_context(|| path.display().to_string())?);
                sightings.extend(found.into_iter().map(|seen| Sighting {
                    path: Some(path.clone()),
                    ..seen
                }));
            }
        }
        Ok(sightings)
    }

    fn forms(&self) -> Vec<(&'static str, Vec<u8>)> {
        let unique = self.unique();
        let mut forms = vec![
            ("plain", unique.as_bytes().to_vec()),
            ("hex", hex(unique.as_bytes(), false)),
            ("hex", hex(unique.as_bytes(), true)),
        ];
        for shift in 0..3 {
            for (form, engine) in [("base64", &STANDARD), ("base64url", &URL_SAFE)] {
                let shifted = [&vec![0; shift], unique.as_bytes()].concat();
                let encoded = engine.encode(shifted);
                // The edges mix with the neighbours' bits; the middle is the same wherever it stands.
                let middle = encoded.as_bytes()[if shift == 0 { 0 } else { 4 }..].to_vec();
                let whole = middle.len() / 4 * 4 - 4;
                forms.push((form, middle[..whole].to_vec()));
            }
        }
        forms.sort_by(|one, other| one.1.cmp(&other.1));
        forms.dedup_by(|one, other| one.1 == other.1);
        forms
    }

    /// ASCII letters and digits only: the same in JSON, YAML, URLs and Go's quoting.
    fn unique(&self) -> &str {
        self.text.split('"').next().unwrap_or(&self.text)
    }
}

fn hex(bytes: &[u8], upper: bool) -> Vec<u8> {
    let digits = if upper {
        b"0123456789ABCDEF"
    } else {
        b"0123456789abcdef"
    };
    bytes
        .iter()
        .flat_map(|byte| [digits[usize::from(byte >> 4)], digits[usize::from(byte & 15)]])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forms(canary: &Canary, text: &str) -> Vec<&'static str> {
        canary
            .find_in(text.as_bytes())
            .into_iter()
            .map(|sighting| sighting.form)
            .collect()
    }

    #[test]
    fn canary_is_seen_in_every_form_and_at_every_alignment() {
        let canary = Canary::new().unwrap();
        let text = canary.text();

        assert_eq!(forms(&canary, &format!("log: {text}")), ["plain"]);
        assert_eq!(forms(&canary, &serde_json::to_string(text).unwrap()), ["plain"]);
        assert_eq!(
            forms(&canary, &String::from_utf8(hex(text.as_bytes(), true)).unwrap()),
            ["hex"]
        );
        for before in ["", "x", "xx", "xxx", "{\"password\":\""] {
            let seen = forms(&canary, &STANDARD.encode(format!("{before}{text}")));
            assert_eq!(seen, ["base64"], "behind {before:?}");
            let seen = forms(&canary, &URL_SAFE.encode(format!("{before}{text}")));
            assert_eq!(seen.len(), 1, "behind {before:?}");
        }
    }

    #[test]
    fn canary_is_not_seen_where_another_one_is() {
        let (one, other) = (Canary::new().unwrap(), Canary::new().unwrap());
        let text = format!("{} {}", other.text(), other.base64());
        assert_eq!(forms(&one, &text), Vec::<&str>::new());
    }

    #[test]
    fn sighting_below_a_folder_names_the_file() {
        let canary = Canary::new().unwrap();
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("a")).unwrap();
        fs::write(folder.path().join("a/clean"), "nothing").unwrap();
        fs::write(folder.path().join("a/leak"), format!("x{}", canary.text())).unwrap();

        let seen = canary.find_below(folder.path()).unwrap();

        let path = Some(folder.path().join("a/leak"));
        assert_eq!(
            seen,
            [Sighting {
                form: "plain",
                path,
                offset: 1
            }]
        );
    }
}
