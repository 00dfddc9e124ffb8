//! How Git merges and shows SealedSecrets: by entry, without a key, without a network. No value is opened, and
//! nothing but ciphertexts and names is written anywhere (S21).

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use seal_api::annotations;
use seal_core::{CiphertextDigest, decode_base64};
use seal_document::{Edits, Format, Limits, Path as Place, Value, parse};
use seal_engine::sealed_secret::SealedWith;

use crate::command_error::CommandError;
use crate::file_system::{Access, Replacement};
use crate::input::{MANIFEST_LIMIT, Source};
use crate::manifests::{self, Kind};
use crate::output;
use crate::repository::three_way::{self, Merged};
use crate::repository::{Git, merge_texts};
use crate::terminal::Terminal;

const LABELS: [&str; 2] = ["ours", "theirs"];
const SETTINGS: [(&str, &str); 5] = [
    ("merge.seal.name", "SealedSecrets by entry"),
    ("merge.seal.driver", "seal git merge %O %A %B %P"),
    ("diff.seal.textconv", "seal git textconv"),
    // What it prints says which keys; a cache of it would be one more place.
    ("diff.seal.cachetextconv", "false"),
    ("diff.seal.xfuncname", "^ *name: .*$"),
];
const ATTRIBUTES: &str =
    "*.yaml merge=seal diff=seal\n*.yml merge=seal diff=seal\n*.json merge=seal diff=seal\n";

/// Writes them into the checkout's own settings, which are not committed.
pub(super) fn install(git: &Git, terminal: Terminal) -> Result<(), CommandError> {
    for (name, value) in SETTINGS {
        git.configure(name, value)?;
    }
    let path = git.path("info/attributes")?;
    let failed = |error: io::Error| CommandError::file("write", &path, &error);
    let standing = fs::read_to_string(&path).unwrap_or_default();
    if !standing.contains("merge=seal") {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        let text = format!(
            "{standing}{}{ATTRIBUTES}",
            if standing.is_empty() || standing.ends_with('\n') {
                ""
            } else {
                "\n"
            }
        );
        Replacement::prepare(&path, text.as_bytes(), Access::Public)?.commit()?;
    }
    terminal.tell("Git merges and shows SealedSecrets by their entries in this checkout");
    Ok(())
}

/// Merges the files, base, ours and theirs, into ours.
pub(super) fn merge(
    files: [&PathBuf; 3],
    path: Option<&Path>,
    terminal: Terminal,
) -> Result<(), CommandError> {
    let read = |file: &PathBuf| -> Result<String, CommandError> {
        let bytes = Source::of(file).read(MANIFEST_LIMIT)?;
        let text = std::str::from_utf8(&bytes).map_err(|_| CommandError::input("it is not UTF-8"))?;
        Ok(text.to_owned())
    };
    let [base, ours, theirs] = files.map(read);
    let (base, ours, theirs) = (base?, ours?, theirs?);
    let texts = [base.as_str(), ours.as_str(), theirs.as_str()];
    // What cannot be read as manifests is text, as it is without this driver.
    let merged = three_way::merge(texts, LABELS, by_text).or_else(|_| by_text(texts))?;
    let Merged { text, conflicts } = merged;
    Replacement::prepare(files[1], text.as_bytes(), Access::Public)?.commit()?;
    if conflicts == 0 {
        return Ok(());
    }
    let shown = path.unwrap_or(files[1]).display();
    terminal.tell(&format!(
        "{shown}: {conflicts} {} for you to resolve",
        if conflicts == 1 {
            "place is left"
        } else {
            "places are left"
        }
    ));
    Err(CommandError::findings())
}

fn by_text(texts: [&str; 3]) -> Result<Merged, CommandError> {
    merge_texts(texts, LABELS)
}

/// Prints `file` with each sealed text replaced by what can be said of it.
pub(super) fn textconv(file: &Path) -> Result<(), CommandError> {
    let bytes = Source::of(file).read(MANIFEST_LIMIT)?;
    let text = String::from_utf8_lossy(&bytes);
    output::print(&shown(&text).unwrap_or_else(|| text.clone().into_owned()))
}

fn shown(text: &str) -> Option<String> {
    let stream = parse(text, Format::detect(None, text), &Limits::default()).ok()?;
    let mut edits = Edits::new(&stream);
    let mut any = false;
    for found in manifests::find(&stream).ok()? {
        if found.kind != Kind::SealedSecret {
            continue;
        }
        let object = seal_api::SealedSecret::from_value(&found.value).ok()?;
        let said = SealedWith::of(&object);
        let place: Place = found.place.path();
        for (entry, sealed) in &object.spec.encrypted_data {
            let mut line = String::from("sealed");
            let digest = sealed.as_deref().and_then(|text| decode_base64(text).ok());
            if let Some(key) = said.key_of(entry) {
                write!(line, " to {key}").expect("a String takes everything");
            }
            if let Some(bytes) = digest {
                write!(line, ", ciphertext {}", CiphertextDigest::of(&bytes))
                    .expect("a String takes everything");
            }
            let path = place.key("spec").key("encryptedData").key(entry.as_str());
            edits.set(found.place.document, &path, Value::from(line));
            any = true;
        }
        if said != SealedWith::default() {
            let path = place
                .key("metadata")
                .key("annotations")
                .key(annotations::SEALED_WITH);
            edits.set(found.place.document, &path, Value::from("see the entries"));
        }
    }
    any.then(|| edits.apply().ok().map(|text| text.to_string()))
        .flatten()
}
