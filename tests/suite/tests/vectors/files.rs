//! Finds and reads vectors. What they mean is their runner's business.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use seal_core::{KeyRing, PrivateKey, RingKey};
use serde::de::DeserializeOwned;

/// Where vectors are.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../vectors")
}

/// The folders of vectors, sorted.
pub(crate) fn folders() -> Vec<String> {
    let mut found: Vec<String> = fs::read_dir(root())
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_type().unwrap().is_dir())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    found.sort();
    found
}

/// The files in `folder`, sorted. Anything but a JSON file is an error: it would be run by nobody.
pub(crate) fn names(folder: &str) -> Vec<String> {
    let mut found: Vec<String> = fs::read_dir(root().join(folder))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    found.sort();
    for name in &found {
        assert!(name.ends_with(".json"), "{folder}/{name} is not a vector");
    }
    found
}

/// All vectors in `folder`: each file holds one or a list of them. Names are `folder/file: number`.
pub(crate) fn read<T: DeserializeOwned>(folder: &str) -> Vec<(String, T)> {
    let mut vectors = Vec::new();
    for name in names(folder) {
        let text = fs::read(root().join(folder).join(&name)).unwrap();
        let malformed = |error| -> ! { panic!("{folder}/{name} is malformed: {error}") };
        let content: serde_json::Value =
            serde_json::from_slice(&text).unwrap_or_else(|error| malformed(error));
        let list = match content {
            serde_json::Value::Array(list) => list,
            one => vec![one],
        };
        assert!(!list.is_empty(), "{folder}/{name} is empty");
        for (index, one) in list.into_iter().enumerate() {
            let vector = serde_json::from_value(one).unwrap_or_else(|error| malformed(error));
            vectors.push((format!("{folder}/{name}: {index}"), vector));
        }
    }
    vectors
}

/// A key of `tests/vectors/keys` as text.
pub(crate) fn key_text(file: &str) -> String {
    fs::read_to_string(root().join("keys").join(file)).unwrap()
}

/// Rings of the keys in `tests/vectors/keys`, each made once.
#[derive(Default)]
pub(crate) struct Rings(BTreeMap<Vec<String>, KeyRing>);

impl Rings {
    /// The ring of these keys.
    pub(crate) fn of(&mut self, files: &[String]) -> &KeyRing {
        self.0.entry(files.to_vec()).or_insert_with(|| {
            let key = |(second, file): (i64, &String)| {
                let key = PrivateKey::from_pem(key_text(file).as_bytes()).unwrap();
                RingKey::new(key, jiff::Timestamp::from_second(second).unwrap())
            };
            KeyRing::new((0..).zip(files).map(key).collect()).unwrap()
        })
    }
}

/// Fails with all complaints, if there are any.
pub(crate) fn report(complaints: &[String], count: usize) {
    assert!(
        complaints.is_empty(),
        "{} of {count} differ:\n{}",
        complaints.len(),
        complaints.join("\n")
    );
    assert!(count > 0, "no vectors were run");
}
