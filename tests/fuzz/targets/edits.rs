//! Changes to text of strangers: what is handed out parses, says what was set, and setting it again
//! changes nothing but blanks.

#![no_main]

use libfuzzer_sys::fuzz_target;
use seal_document::{
    DuplicateKeys, Edits, Format, Limits, Node, NodeKind, Path, Schema, Value, decode, parse,
};

fuzz_target!(|input: (Vec<u8>, usize, String, bool)| {
    let (bytes, pick, new, remove) = input;
    let Ok(text) = decode(&bytes) else { return };
    let format = Format::detect(None, text);
    let limits = Limits::default();
    let Ok(stream) = parse(text, format, &limits) else {
        return;
    };
    let Some(document) = stream.documents().first() else {
        return;
    };
    let mut paths = vec![Path::root().key("added")];
    if let Some(root) = document.root() {
        collect(root, &Path::root(), &mut paths);
    }
    let path = &paths[pick % paths.len()];
    let mut edits = Edits::new(&stream);
    match remove {
        true => edits.remove(0, path),
        false => edits.set(0, path, Value::from(new.as_str())),
    }
    let Ok(changed) = edits.apply() else { return };
    let after = parse(&changed, format, &limits).expect("what is handed out parses");
    assert_eq!(after.documents().len(), stream.documents().len());
    if remove {
        return;
    }
    let Ok(value) = after.documents()[0].value(Schema::Kubernetes, DuplicateKeys::LastWins) else {
        return;
    };
    assert_eq!(
        value.at(path).and_then(Value::as_str),
        Some(new.as_str()),
        "{path}"
    );
    let mut again = Edits::new(&after);
    again.set(0, path, Value::from(new.as_str()));
    let again = again.apply().expect("what was set can be set again");
    // A block takes the blanks behind it along, which belonged to nobody before.
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(words(&again), words(&changed), "{path}");
});

fn collect(node: &Node<'_>, path: &Path, found: &mut Vec<Path>) {
    if found.len() > 200 {
        return;
    }
    match node.kind() {
        NodeKind::Scalar { .. } => found.push(path.clone()),
        NodeKind::Mapping { entries, .. } => {
            for (key, value) in entries {
                if let Some(key) = key.as_str() {
                    collect(value, &path.key(key), found);
                }
            }
        }
        NodeKind::Sequence { items, .. } => {
            for (index, item) in items.iter().enumerate() {
                collect(item, &path.index(index), found);
            }
        }
        NodeKind::Alias(_) => {}
    }
}
