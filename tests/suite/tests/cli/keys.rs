//! `keygen` and `keys`: keys made, listed, backed up for the real age and restored from it.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use seal_core::{Certificate, PrivateKey, SelfSigned, SystemRandom};
use seal_testbed::{Program, tool};

use super::harness::{Bench, done, refused, secret};

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// An age identity in `id.txt`; its recipient.
fn identity(bench: &Bench) -> String {
    let path = bench.folder.path().join("id.txt");
    let made = Program::new(tool("age-keygen").unwrap())
        .arg("-o")
        .arg(&path)
        .run()
        .unwrap();
    made.success().unwrap();
    let text = bench.read("id.txt");
    text.lines()
        .find_map(|line| line.strip_prefix("# public key: "))
        .unwrap()
        .to_owned()
}

fn fingerprints(output: &str) -> Vec<&str> {
    let mut found: Vec<&str> = output
        .split_whitespace()
        .filter(|word| word.starts_with("SHA256:"))
        .map(|word| word.trim_end_matches(','))
        .collect();
    found.sort_unstable();
    found
}

#[test]
fn a_private_key_is_its_owners_alone_and_never_replaced() {
    let bench = Bench::new();
    assert_eq!(
        mode(&bench.folder.path().join("key.pem")),
        0o600 | mode(&bench.folder.path().join("key.pem"))
    );
    done(&bench.seal("keygen --bits 2048 --key-file k.pem --cert-file c.pem"));
    assert_eq!(mode(&bench.folder.path().join("k.pem")), 0o600);
    let before = bench.read("k.pem");
    refused(
        &bench.seal("keygen --bits 2048 --key-file k.pem --cert-file new.pem"),
        3,
        "it exists already",
    );
    assert_eq!(bench.read("k.pem"), before);
    refused(
        &bench.seal("keygen --bits 1024 --key-file x.pem --cert-file y.pem"),
        2,
        "2048, 3072, 4096 and 8192",
    );
}

#[test]
fn a_key_secret_made_here_opens_what_its_certificate_sealed() {
    let bench = Bench::new();
    done(&bench.seal("keygen --bits 2048 --manifest key.yaml --days 10"));
    assert_eq!(mode(&bench.folder.path().join("key.yaml")), 0o600);
    let manifest = bench.read("key.yaml");
    assert!(
        manifest.contains("sealedsecrets.bitnami.com/sealed-secrets-key: active"),
        "{manifest}"
    );
    let listed = done(&bench.seal("keys ls --keys key.yaml"));
    assert!(listed.contains("(newest)") && listed.contains("2048"), "{listed}");
}

#[test]
fn keys_are_listed_newest_first() {
    let bench = Bench::new();
    let key = PrivateKey::from_pem(bench.read("key.pem").as_bytes()).unwrap();
    let contents = SelfSigned {
        common_name: "",
        not_before: "2020-01-01T00:00:00Z".parse().unwrap(),
        lifetime: Duration::from_secs(3600),
    };
    let old = Certificate::self_signed(&key, &contents, &mut SystemRandom).unwrap();
    let with = |key: &str, certificate: &str| format!("Bag Attributes\n{}{certificate}", bench.read(key));
    bench.write("old.pem", with("key.pem", old.pem()));
    bench.write("new.pem", with("other.pem", &bench.read("other-cert.pem")));
    let listed = done(&bench.seal("keys ls --output json --keys old.pem --keys new.pem"));
    let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(
        (&listed[0]["from"], &listed[0]["newest"]),
        (&"new.pem".into(), &true.into())
    );
    assert_eq!(
        (&listed[1]["notAfter"], &listed[1]["newest"]),
        (&"2020-01-01T01:00:00Z".into(), &false.into())
    );
}

#[test]
fn a_backup_opens_with_age_and_a_backup_by_age_opens_here() {
    let bench = Bench::new();
    let recipient = identity(&bench);
    done(&bench.seal(&format!(
        "keys backup --keys key.pem,other.pem -r {recipient} -w backup.age"
    )));
    let backup = bench.read("backup.age");
    assert!(
        backup.starts_with("-----BEGIN AGE ENCRYPTED FILE-----\n"),
        "{backup}"
    );

    let opened = Program::new(tool("age").unwrap())
        .args(["-d", "-i", "id.txt", "backup.age"])
        .current_dir(bench.folder.path())
        .run()
        .unwrap()
        .success()
        .unwrap();
    assert_eq!(
        opened.out().matches("kind: Secret").count(),
        2,
        "{}",
        opened.err()
    );
    bench.write("opened.yaml", opened.stdout);

    // Binary, by the other program.
    Program::new(tool("age").unwrap())
        .args(["-r", &recipient, "-o", "theirs.age", "opened.yaml"])
        .current_dir(bench.folder.path())
        .run()
        .unwrap()
        .success()
        .unwrap();
    let sealed = bench.sealed(&secret("a: b"));
    for backup in ["backup.age", "theirs.age"] {
        let rendered = done(&bench.seal_with(&format!("render --keys {backup} -I id.txt"), sealed.clone()));
        assert!(rendered.contains("  a: Yg==\n"), "{rendered}");
    }
}

#[test]
fn a_restore_shows_fingerprints_and_writes_only_what_it_is_asked_to() {
    let bench = Bench::new();
    let recipient = identity(&bench);
    done(&bench.seal(&format!(
        "keys backup --keys key.pem,other.pem -r {recipient} -w backup.age"
    )));
    let files = bench.folder.files().unwrap();

    let shown = bench.seal("keys restore backup.age -I id.txt");
    assert_eq!(done(&shown), "");
    assert_eq!(bench.folder.files().unwrap(), files);
    let listed = done(&bench.seal("keys ls --keys key.pem,other.pem"));
    assert_eq!(fingerprints(&shown.err()), fingerprints(&listed));

    done(&bench.seal("keys restore backup.age -I id.txt -w keys.yaml"));
    assert_eq!(mode(&bench.folder.path().join("keys.yaml")), 0o600);
    let sealed = bench.sealed(&secret("a: b"));
    done(&bench.seal_with("render --keys keys.yaml", sealed));
}

#[test]
fn a_backup_that_is_cut_altered_or_anothers_is_refused() {
    let bench = Bench::new();
    let recipient = identity(&bench);
    done(&bench.seal(&format!(
        "keys backup --keys key.pem -r {recipient} -w backup.age"
    )));
    let backup = bench.read("backup.age");
    refused(&bench.seal("keys ls --keys backup.age"), 5, "--identity");
    bench.write("cut.age", &backup[..backup.len() / 2]);
    refused(
        &bench.seal("keys restore cut.age -I id.txt"),
        5,
        "cut.age: the backup is damaged",
    );
    std::fs::remove_file(bench.folder.path().join("id.txt")).unwrap();
    identity(&bench);
    refused(
        &bench.seal("keys restore backup.age -I id.txt"),
        5,
        "none of the identities opens",
    );
}

#[test]
fn an_identity_given_as_a_recipient_is_not_repeated() {
    let bench = Bench::new();
    identity(&bench);
    let secret_part = bench
        .read("id.txt")
        .lines()
        .find(|line| line.starts_with("AGE-SECRET-KEY"))
        .unwrap()
        .to_owned();
    let output = bench.seal(&format!("keys backup --keys key.pem -r {secret_part}"));
    refused(&output, 2, "not an age recipient");
    assert!(!output.err().contains(&secret_part), "{}", output.err());
}

#[test]
fn a_file_without_a_key_is_named() {
    let bench = Bench::new();
    let sealed = bench.sealed(&secret("a: b"));
    refused(
        &bench.seal_with("render --keys cert.pem", sealed.clone()),
        5,
        "cert.pem: no private key found",
    );
    refused(
        &bench.seal_with("render --keys missing.pem", sealed.clone()),
        3,
        "missing.pem: there is no such file",
    );
    refused(&bench.seal_with("render", sealed), 2, "no private key is named");
}
