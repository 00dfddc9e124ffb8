//! Splices into manifests of the real world, a few hundred YAML files of charts and modules whose
//! versions `go.sum` pins: every changed text parses, says what was set, and all else is as it was.
//!
//! They are found in Go's module cache, where building the peers puts them.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::path::{Path, PathBuf};

use seal_document::{
    DuplicateKeys, EditFault, Edits, Format, JsonStyle, KeyOrder, Limits, Node, NodeKind, Path as Place,
    Schema, Step, Value, parse, to_json,
};
use seal_peers::Module;

/// Whose manifests are edited.
const MODULES: &[&str] = &[
    "github.com/bitnami-labs/sealed-secrets",
    "k8s.io/kubernetes",
    "k8s.io/apiextensions-apiserver",
    "k8s.io/kubectl",
    "helm.sh/helm/v4",
];
const FEWEST: usize = 300;
const LARGEST: u64 = 100_000;
/// Bytes parsed for one file, all its edits together: enough to meet every style in it, few enough for
/// seconds.
const WORK: usize = 60_000;
const KEPT: JsonStyle = JsonStyle {
    order: KeyOrder::Kept,
    ..JsonStyle::COMPACT
};

fn yaml_files(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    for path in entries {
        let metadata = std::fs::symlink_metadata(&path).unwrap();
        if metadata.is_dir() {
            yaml_files(&path, found);
        } else if metadata.is_file()
            && metadata.len() <= LARGEST
            && path
                .extension()
                .is_some_and(|extension| extension == "yaml" || extension == "yml")
        {
            found.push(path);
        }
    }
}

fn scalars(node: &Node<'_>, place: &Place, found: &mut Vec<Place>) {
    match node.kind() {
        NodeKind::Scalar { .. } => found.push(place.clone()),
        NodeKind::Mapping { entries, .. } => {
            for (key, value) in entries {
                // `on` is the key "true" for Kubernetes, so no path calls it "on".
                if let Some(key) = key.as_str().filter(|key| !["on", "off", "y", "n"].contains(key)) {
                    scalars(value, &place.key(key), found);
                }
            }
        }
        NodeKind::Sequence { items, .. } => {
            for (index, item) in items.iter().enumerate() {
                scalars(item, &place.index(index), found);
            }
        }
        NodeKind::Alias(_) => {}
    }
}

#[derive(Default)]
struct Tally {
    files: usize,
    edits: usize,
    unsupported: usize,
}

/// Sets and takes back scalars of one file, one at a time, then all at once.
fn exercise(text: &str, tally: &mut Tally) -> Result<(), String> {
    let limits = Limits::default();
    let Ok(stream) = parse(text, Format::Yaml, &limits) else {
        // Charts are templates, not YAML.
        return Ok(());
    };
    tally.files += 1;
    let read = |text: &str, at: usize| -> Option<Value> {
        let stream = parse(text, Format::Yaml, &limits).ok()?;
        stream.documents()[at]
            .value(Schema::Kubernetes, DuplicateKeys::LastWins)
            .ok()
    };
    let mut all = Edits::new(&stream);
    let mut any = false;
    for document in stream.documents() {
        let at = document.index();
        let mut places = Vec::new();
        if let Some(root) = document.root() {
            scalars(root, &Place::root(), &mut places);
        }
        let step = places
            .len()
            .div_ceil((WORK / text.len().max(1)).clamp(2, 24))
            .max(1);
        for place in places.iter().step_by(step) {
            let mut edits = Edits::new(&stream);
            edits.set(at, place, Value::from("AgB0/new+value=="));
            let changed = match edits.apply() {
                Ok(changed) => changed,
                Err(error)
                    if matches!(
                        error.fault,
                        EditFault::Tagged | EditFault::Alias | EditFault::Unsupported
                    ) =>
                {
                    tally.unsupported += 1;
                    continue;
                }
                Err(error) => return Err(error.to_string()),
            };
            all.set(at, place, Value::from("AgB0/new+value=="));
            any = true;
            tally.edits += 1;
            outside_is_untouched(text, &changed, at, place)?;
            let (Some(mut before), Some(after)) = (read(text, at), read(&changed, at)) else {
                continue;
            };
            // An anchored scalar would change its aliases too; the splicer refuses those.
            put(&mut before, place.steps(), "AgB0/new+value==");
            if to_json(&before, KEPT).unwrap().as_str() != to_json(&after, KEPT).unwrap().as_str() {
                return Err(format!("document {at}: setting {place} changed another value"));
            }
        }
    }
    if any {
        all.apply().map_err(|error| format!("all at once: {error}"))?;
    }
    Ok(())
}

/// The lines before the entry's first and behind its last are byte for byte what they were.
fn outside_is_untouched(before: &str, after: &str, document: usize, place: &Place) -> Result<(), String> {
    let stream = parse(before, Format::Yaml, &Limits::default()).unwrap();
    let root = stream.documents()[document].root().unwrap();
    let node = root.at(place).unwrap().span();
    let (parent, step) = place.split_last().unwrap_or((Place::root(), &Step::Index(0)));
    let line = |offset: usize| before[..offset].matches('\n').count();
    let (first, last) = match step {
        Step::Key(key) => {
            let key = root
                .at(&parent)
                .and_then(|parent| parent.entry(key))
                .unwrap()
                .0
                .span();
            // An omitted value may be found behind the comments that follow its key.
            (
                line(key.start),
                if node.is_empty() {
                    line(key.end)
                } else {
                    line(node.end)
                },
            )
        }
        Step::Index(_) => (line(node.start), line(node.end)),
    };
    let (old, new): (Vec<&str>, Vec<&str>) = (before.split('\n').collect(), after.split('\n').collect());
    let same_before = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
    let same_behind = old
        .iter()
        .rev()
        .zip(new.iter().rev())
        .take_while(|(old, new)| old == new)
        .count();
    match same_before >= first && same_behind + last + 1 >= old.len() {
        true => Ok(()),
        false => Err(format!(
            "document {document}: setting {place} touched its surroundings"
        )),
    }
}

fn put(value: &mut Value, steps: &[Step], new: &str) {
    match (steps, value) {
        ([], value) => *value = Value::from(new),
        ([Step::Key(key), rest @ ..], Value::Mapping(mapping)) => {
            if let Some(inner) = mapping.get_mut(key) {
                put(inner, rest, new);
            }
        }
        ([Step::Index(index), rest @ ..], Value::Sequence(items)) => put(&mut items[*index], rest, new),
        _ => {}
    }
}

#[test]
fn a_splice_into_a_manifest_of_the_real_world_leaves_all_else_as_it_was() {
    let mut tally = Tally::default();
    let mut complaints = Vec::new();
    for name in MODULES {
        let mut files = Vec::new();
        let folder = Module::find(name).and_then(Module::folder);
        yaml_files(&folder.unwrap_or_else(|error| panic!("{error}")), &mut files);
        for path in files {
            let bytes = std::fs::read(&path).unwrap();
            let Ok(text) = seal_document::decode(&bytes) else {
                continue;
            };
            for text in [text.to_owned(), text.replace('\n', "\r\n")] {
                if let Err(complaint) = exercise(&text, &mut tally) {
                    complaints.push(format!("{}: {complaint}", path.display()));
                }
            }
        }
    }
    let Tally {
        files,
        edits,
        unsupported,
    } = tally;
    println!(
        "{files} texts of manifests (with LF and with CR LF), {edits} edits, {unsupported} places refused"
    );
    assert!(
        complaints.is_empty(),
        "{} complaints:\n{}",
        complaints.len(),
        complaints.join("\n")
    );
    assert!(files >= 2 * FEWEST, "only {files} texts of manifests were found");
    assert!(
        unsupported * 20 < edits,
        "{unsupported} places refused beside {edits} edits"
    );
}
