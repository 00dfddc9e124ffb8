//! Files that tools and editors leave behind: known by their names, judged by what they hold.

use std::path::Path;

use memchr::memmem;
use seal_document::Position;

use super::finding::{Finding, position_at};
use super::prefilter::Suspicion;
use super::{private_keys, rules};

/// What left a file behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leftover {
    /// A tool, which decrypted something into it: helm-secrets and its kin.
    Decrypted,
    /// An editor or `patch`, beside the file that is meant.
    Backup,
}

/// Whether a file of this name is one.
pub(crate) fn leftover(path: &Path) -> Option<Leftover> {
    let name = path.file_name()?.to_str()?.to_ascii_lowercase();
    let is_manifest = |name: &str| [".yaml", ".yml", ".json"].iter().any(|end| name.ends_with(end));
    let decrypted = [".dec", ".dec.yaml", ".dec.yml", ".dec.json", ".decrypted"];
    if decrypted.iter().any(|end| name.ends_with(end)) {
        return Some(Leftover::Decrypted);
    }
    let backups = [
        "~", ".bak", ".orig", ".rej", ".old", ".save", ".swp", ".swo", ".tmp",
    ];
    let stem = backups.iter().find_map(|end| name.strip_suffix(end));
    let stem = stem.or_else(|| name.strip_prefix('#')?.strip_suffix('#'));
    let stem = stem
        .map(|stem| stem.trim_end_matches(|last: char| matches!(last, '~' | '.') || last.is_ascii_digit()));
    stem.filter(|stem| is_manifest(stem)).map(|_| Leftover::Backup)
}

/// Judges a leftover. A backup of what is sealed is no finding; it is untidy.
pub(super) fn judge(left: Leftover, bytes: &[u8], suspicion: Suspicion) -> Option<Finding> {
    let at = match left {
        Leftover::Decrypted if bytes.iter().all(u8::is_ascii_whitespace) => return None,
        // Encrypted under that name all the same.
        Leftover::Decrypted if is_encrypted(bytes) => return None,
        Leftover::Decrypted => Position::START,
        Leftover::Backup => position_at(bytes, plaintext(bytes, suspicion)?),
    };
    Some(Finding::new(&rules::PLAINTEXT_LEFTOVER, at).snippet(super::finding::MASK))
}

/// Whether SOPS encrypted what is in it.
pub(super) fn is_encrypted(bytes: &[u8]) -> bool {
    memmem::find(bytes, b"ENC[AES256_GCM,").is_some()
}

// An editor's swap file is no text, so that words have to do.
fn plaintext(bytes: &[u8], suspicion: Suspicion) -> Option<usize> {
    if let Some((at, _)) = private_keys::find(bytes).first() {
        return Some(*at);
    }
    let is_sealed = memmem::find(bytes, b"encryptedData").is_some() || is_encrypted(bytes);
    let at = memmem::find(bytes, b"stringData").or_else(|| memmem::find(bytes, b"\ndata:"));
    at.filter(|_| suspicion.manifest && !is_sealed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leftovers_are_known_by_their_names() {
        for (name, left) in [
            ("secrets.yaml.dec", Some(Leftover::Decrypted)),
            ("a/secrets.dec.yaml", Some(Leftover::Decrypted)),
            ("db.yaml~", Some(Leftover::Backup)),
            (".db.yaml.swp", Some(Leftover::Backup)),
            ("#db.yml#", Some(Leftover::Backup)),
            ("db.yaml.~1~", Some(Leftover::Backup)),
            ("db.json.bak", Some(Leftover::Backup)),
            ("db.yaml", None),
            ("decode.yaml", None),
            ("notes.txt~", None),
        ] {
            assert_eq!(leftover(Path::new(name)), left, "{name}");
        }
    }

    #[test]
    fn a_backup_counts_only_if_it_holds_values() {
        let of = |left, text: &str| judge(left, text.as_bytes(), Suspicion::of(text.as_bytes())).is_some();
        assert!(of(Leftover::Backup, "kind: Secret\nstringData:\n  a: b\n"));
        assert!(!of(
            Leftover::Backup,
            "kind: SealedSecret\nspec:\n  encryptedData:\n    a: b\n"
        ));
        assert!(!of(Leftover::Backup, "kind: ConfigMap\ndata:\n  a: b\n"));
        assert!(of(Leftover::Decrypted, "password: x\n"));
        assert!(!of(Leftover::Decrypted, "password: ENC[AES256_GCM,data:x]\n"));
        assert!(!of(Leftover::Decrypted, "\n"));
    }
}
