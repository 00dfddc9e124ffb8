//! A checkout of a made repository: what Git says of it, and what a GitOps tool would apply.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use seal_repository::{ENVIRONMENTS, Repository, namespace};
use seal_testbed::{Program, tool};
use serde::Deserialize;
use serde_json::Value;

/// A folder with Git in it, and room beside it.
pub(super) struct Checkout {
    room: tempfile::TempDir,
}

impl Checkout {
    pub(super) fn empty() -> Self {
        let room = tempfile::tempdir().unwrap();
        std::fs::create_dir(room.path().join("shop")).unwrap();
        Self { room }
    }

    pub(super) fn folder(&self) -> PathBuf {
        self.outside("shop")
    }

    /// A file beside the checkout.
    pub(super) fn outside(&self, name: &str) -> PathBuf {
        self.room.path().join(name)
    }

    /// Makes an age identity, and returns its recipient.
    pub(super) fn identity(&self) -> String {
        let file = self.outside("id.txt");
        let made = Program::new(tool("age-keygen").unwrap())
            .arg("-o")
            .arg(&file)
            .run();
        made.unwrap().success().unwrap();
        let text = std::fs::read_to_string(file).unwrap();
        let recipient = text.lines().find_map(|line| line.strip_prefix("# public key: "));
        recipient.unwrap().to_owned()
    }

    /// Writes the repository, and commits what Git does not ignore.
    pub(super) fn fill(&self, repository: &Repository) {
        for (path, bytes) in &repository.files {
            let path = self.folder().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
        self.git(&["init", "--quiet"]);
        self.commit("The shop");
    }

    pub(super) fn commit(&self, message: &str) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", message]);
    }

    /// What changed since the last commit, without context.
    pub(super) fn diff(&self) -> String {
        self.git(&[
            "diff",
            "--unified=0",
            "--no-color",
            "--no-ext-diff",
            "--no-textconv",
        ])
    }

    fn git(&self, words: &[&str]) -> String {
        let done = Command::new("git")
            .args(["-c", "user.name=shop", "-c", "user.email=shop@example.com"])
            .args(["-c", "core.autocrlf=false"])
            .args(words)
            .current_dir(self.folder())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "git {words:?}: {said}");
        String::from_utf8(done.stdout).unwrap()
    }

    /// Asserts that Git sees whole lines in the place of whole lines, each a ciphertext or our note, the same but
    /// for that. Returns how many files changed.
    pub(super) fn only_ciphertexts_differ(&self, repository: &Repository) -> usize {
        let untracked = self.git(&["ls-files", "--others", "--exclude-standard"]);
        // Whoever is killed between naming a file and moving it leaves it, whole.
        for path in untracked.lines() {
            assert!(path.contains("/.seal-"), "{path} stays behind");
            std::fs::remove_file(self.folder().join(path)).unwrap();
        }
        let (mut removed, mut added) = (Vec::new(), Vec::new());
        for line in self.diff().lines() {
            match line {
                _ if line.starts_with("--- ") || line.starts_with("+++ ") => {}
                _ if line.starts_with('-') => removed.push(bare(&line[1..])),
                _ if line.starts_with('+') => added.push(bare(&line[1..])),
                _ => assert!(
                    ["diff --git ", "index ", "@@ "]
                        .iter()
                        .any(|start| line.starts_with(start)),
                    "{line}"
                ),
            }
        }
        assert_eq!(removed, added);
        let changed = self.git(&["diff", "--name-only"]);
        let changed: BTreeSet<&str> = changed.lines().collect();
        let sealed: BTreeSet<&str> = repository.sealed.iter().map(|one| one.file.as_str()).collect();
        assert!(changed.is_subset(&sealed), "{changed:?}");
        // What Git ignores is nobody's business.
        let ignored = "rendered/all.yaml";
        assert_eq!(
            std::fs::read(self.folder().join(ignored)).unwrap(),
            repository.files[ignored]
        );
        changed.len()
    }

    /// Asserts that no text of the first state stands anywhere.
    pub(super) fn every_text_changed(&self, repository: &Repository) {
        for one in &repository.sealed {
            let text = self.read(&one.file);
            for (entry, old) in one.object["spec"]["encryptedData"].as_object().unwrap() {
                assert!(!text.contains(old.as_str().unwrap()), "{}: {entry}", one.file);
            }
        }
    }

    /// Every SealedSecret as it is applied: namespace, name, object. Those that name no namespace go to all.
    pub(super) fn objects(&self) -> Vec<(String, String, Value)> {
        let mut all = Vec::new();
        for path in self.git(&["ls-files"]).lines() {
            let manifest = path.ends_with(".yaml") || path.ends_with(".json");
            if !manifest || path.contains("/templates/") {
                continue;
            }
            let text = self.read(path);
            let sealed = documents(&text).filter(|object| object["kind"] == "SealedSecret");
            all.extend(sealed.flat_map(placed));
        }
        all
    }

    fn read(&self, path: impl AsRef<Path>) -> String {
        std::fs::read_to_string(self.folder().join(path)).unwrap()
    }
}

/// The objects of a file, and the items of Lists.
pub(super) fn documents(text: &str) -> impl Iterator<Item = Value> {
    serde_yaml::Deserializer::from_str(text).flat_map(|document| {
        let value = Value::deserialize(document).unwrap();
        match value["items"].as_array() {
            Some(items) => items.clone(),
            None => vec![value],
        }
    })
}

fn placed(object: Value) -> Vec<(String, String, Value)> {
    let name = object["metadata"]["name"].as_str().unwrap().to_owned();
    let places = match object["metadata"]["namespace"].as_str() {
        Some(place) => vec![place.to_owned()],
        None => ENVIRONMENTS.map(namespace).to_vec(),
    };
    let at = |place: String| {
        let mut object = object.clone();
        object["metadata"]["namespace"] = place.clone().into();
        (place, name.clone(), object)
    };
    places.into_iter().map(at).collect()
}

// A line without its ciphertext, or without what our note says; a line that holds neither must not have changed.
fn bare(line: &str) -> String {
    if let Some((before, _)) = line.split_once("sealops.dev/sealed-with") {
        return format!("{before}sealops.dev/sealed-with");
    }
    let is_text = |character: char| character.is_ascii_alphanumeric() || "+/=".contains(character);
    let longest = line
        .split(|character| !is_text(character))
        .max_by_key(|part| part.len());
    let text = longest.unwrap_or_default();
    assert!(text.len() > 300 && text.starts_with("AQ"), "{line}");
    line.replace(text, "…")
}
