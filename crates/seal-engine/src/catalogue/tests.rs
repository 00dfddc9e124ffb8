use std::collections::HashSet;

use super::*;

// All sources of all crates, as text, without files of tests: what only a test raises, nothing raises.
#[expect(clippy::disallowed_methods, reason = "a test of the sources reads them")]
fn sources(folder: &std::path::Path, all: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() && name != "tests" {
            sources(&path, all);
        } else if name.ends_with(".rs") && name != "tests.rs" {
            all.push_str(&std::fs::read_to_string(&path).unwrap());
        }
    }
}

#[test]
fn every_fault_has_a_remedy_a_reason_and_its_own_code_and_sentence() {
    let mut codes = HashSet::new();
    let mut sentences = HashSet::new();
    for kind in CATALOGUE {
        assert!(!kind.remedy.is_empty(), "{} has no remedy", kind.code);
        assert!(codes.insert(kind.code), "two faults are called {}", kind.code);
        let template = matches!(kind.code, "template-unreadable" | "template-failed");
        assert!(
            template || sentences.insert(kind.sentence),
            "{} has another's sentence",
            kind.code
        );
        assert!(
            kind.reason.starts_with(|first: char| first.is_ascii_uppercase()),
            "{}",
            kind.reason
        );
        assert!(
            kind.reason.chars().all(|letter| letter.is_ascii_alphanumeric()),
            "{}",
            kind.reason
        );
    }
}

#[test]
fn every_fault_is_raised_somewhere() {
    let mut all = String::new();
    sources(
        &std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(".."),
        &mut all,
    );
    for name in NAMES {
        let raised = format!("Fault::new(&catalogue::{name})");
        assert!(all.contains(&raised), "nothing raises {name}");
    }
}

#[test]
fn a_word_names_one_fault_by_code_and_all_by_reason() {
    let codes = |word: &str| -> Vec<_> { named(word).iter().map(|kind| kind.code).collect() };
    assert_eq!(codes("Not-Ours"), ["not-ours"]);
    assert_eq!(codes("TargetNotOurs"), ["not-ours"]);
    assert_eq!(codes("malformed"), ["malformed"]);
    assert_eq!(codes("TemplateFailed"), ["template-failed"]);
    assert!(codes("nothing").is_empty());
}

#[test]
fn upstreams_words_are_recognised() {
    let code = |message| recognised(message).map(|kind| kind.code);
    assert_eq!(
        code("no key could decrypt secret (foo, bar)"),
        Some("another-key-or-name")
    );
    assert_eq!(
        code("Resource \"db\" already exists and is not managed by SealedSecret"),
        Some("not-ours")
    );
    assert_eq!(
        code("illegal base64 data at input byte 0 (foo)"),
        Some("not-base64")
    );
    assert_eq!(
        code("template: url:2: function \"x\" not defined (url)"),
        Some("template-unreadable")
    );
    assert_eq!(
        code("template: url:1:3: executing \"url\" at <.x>: error calling fail (url)"),
        Some("template-failed")
    );
    assert_eq!(code("something else"), None);
}

#[test]
fn our_words_are_recognised_to_their_end() {
    for (message, code) in [
        (
            "no key could decrypt secret (a (b), c): this is not a sealed value",
            "malformed",
        ),
        (
            "no key could decrypt secret (a): the entry is not a string",
            "not-text",
        ),
        (
            "no key could decrypt secret (a): truncated, 3 bytes of at least 18\nillegal base64 data at input byte 0 (b)",
            "truncated",
        ),
        (
            "no key could decrypt secret (a): sealed strict, and the object says cluster-wide",
            "another-scope",
        ),
        (
            "no key could decrypt secret (a): sealed with a key of 4096 bits, and no key here has that size",
            "no-key-of-this-size",
        ),
        (
            "no key could decrypt secret (a): sealed with a key that is not here, or for another name or namespace; the two cannot be told apart",
            "another-key-or-name",
        ),
    ] {
        assert_eq!(recognised(message).map(|kind| kind.code), Some(code), "{message}");
    }
    let unknown = "no key could decrypt secret (a): for a reason of a later version";
    assert_eq!(recognised(unknown).map(|kind| kind.code), None);
}
