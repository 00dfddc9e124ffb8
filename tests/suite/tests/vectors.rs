//! Files below `tests/vectors`, made by the real programs, found by walking, run by the runner of their
//! folder. A file that no runner knows is an error. How they are made stands in `tests/vectors/README.md`.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod vectors {
    pub(crate) mod base64;
    pub(crate) mod blobs;
    pub(crate) mod certificates;
    pub(crate) mod files;
    pub(crate) mod objects;
    pub(crate) mod oracle;
}

use vectors::files;

/// The folders of vectors and whether this test runs them; the others have their own tests or none.
const FOLDERS: &[(&str, bool)] = &[
    ("adversarial", true),
    ("base64", true),
    ("certificates", true),
    ("envelopes", true),
    ("generate", false),
    ("keys", false),
    ("kubeseal", false),
    ("legacy", true),
    ("private-keys", true),
    ("scopes", true),
    ("templates", true),
];

#[test]
fn every_folder_of_vectors_has_a_runner() {
    let known: Vec<&str> = FOLDERS.iter().map(|(folder, _)| *folder).collect();
    assert_eq!(
        files::folders(),
        known,
        "a folder without a runner, or a runner without a folder"
    );
    for (folder, _) in FOLDERS.iter().filter(|(_, run)| *run) {
        assert!(!files::names(folder).is_empty(), "{folder} is empty");
    }
}
