//! SHA-256 of files, and the stamp that lies beside a cached program: the program's digest and that of its recipe.
//! It does not decide what a mismatch means; the cache does.

use std::{fmt::Write as _, fs::File, io::Read, path::Path};

use sha2::{Digest, Sha256};

/// What a stamp file says. `sha256sum -c` reads the same file; the recipe is a comment to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) recipe: String,
    pub(crate) program: String,
}

impl Stamp {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (first, second) = text.split_once('\n')?;
        let recipe = first.strip_prefix("# recipe ")?;
        let (program, _name) = second.split_once("  ")?;
        let is_digest = |text: &str| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        (is_digest(recipe) && is_digest(program)).then(|| Self {
            recipe: recipe.to_owned(),
            program: program.to_owned(),
        })
    }

    pub(crate) fn to_text(&self, name: &str) -> String {
        format!("# recipe {}\n{}  {name}\n", self.recipe, self.program)
    }
}

pub(crate) fn of_file(path: &Path) -> std::io::Result<String> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hex(&hash.finalize())),
            count => hash.update(&buffer[..count]),
        }
    }
}

/// Parts are length-prefixed, so that no two lists of parts share a digest.
pub(crate) fn of_parts<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hex(&hash.finalize())
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            write!(text, "{byte:02x}").expect("writing to a String cannot fail");
            text
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamp_survives_writing_and_reading() {
        let stamp = Stamp {
            recipe: "a".repeat(64),
            program: "0".repeat(64),
        };
        assert_eq!(Stamp::parse(&stamp.to_text("etcd")), Some(stamp));
    }

    #[test]
    fn stamp_without_two_digests_is_no_stamp() {
        assert_eq!(Stamp::parse(""), None);
        assert_eq!(Stamp::parse("# recipe abc\nabc  etcd\n"), None);
        assert_eq!(Stamp::parse(&format!("{}  etcd\n", "0".repeat(64))), None);
    }

    #[test]
    fn digest_is_sha256() {
        // FIPS 180-2, appendix B.1: "abc".
        let path = std::env::temp_dir().join(format!("seal-peers-digest-{}", std::process::id()));
        std::fs::write(&path, "abc").unwrap();
        let digest = of_file(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(
            digest,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn moving_a_byte_between_parts_changes_the_digest() {
        assert_ne!(
            of_parts([b"ab".as_slice(), b"c"]),
            of_parts([b"a".as_slice(), b"bc"])
        );
    }
}
