//! `set`, `unset` and `merge`: what they change, that they change nothing else, and what they refuse.

use std::os::unix::fs::PermissionsExt;

use super::harness::{Bench, done, refused, secret};

/// A file with comments, odd spacing and two objects, of which `prod/db` is to be changed.
fn bench() -> Bench {
    let bench = Bench::new();
    let sealed = bench.sealed(&secret("a: old-a\nb: old-b"));
    let sealed = sealed.replace(
        "  encryptedData:\n",
        "  # sealed values\n  encryptedData:   # by entry\n",
    );
    bench.write(
        "f.yaml",
        format!("# head\napiVersion: v1\nkind:  ConfigMap\n---\n{sealed}  # tail\n"),
    );
    bench
}

fn entry<'f>(file: &'f str, name: &str) -> &'f str {
    let start = file
        .find(&format!("    {name}: "))
        .unwrap_or_else(|| panic!("no {name}: {file}"));
    file[start..].lines().next().unwrap()
}

#[test]
fn set_changes_the_one_entry_and_no_other_byte() {
    let bench = bench();
    let before = bench.read("f.yaml");
    done(&bench.seal_with("set f.yaml a --cert cert.pem", "new-a"));
    let after = bench.read("f.yaml");
    assert_ne!(entry(&before, "a"), entry(&after, "a"));
    assert_eq!(after.replace(entry(&after, "a"), entry(&before, "a")), before);
    let rendered = bench.rendered(&after);
    assert!(
        rendered.contains("  a: bmV3LWE=\n") && rendered.contains("  b: b2xkLWI=\n"),
        "{rendered}"
    );
}

#[test]
fn set_adds_an_entry_and_unset_takes_it_out_again() {
    let bench = bench();
    let before = bench.read("f.yaml");
    bench.write("value", b"\x00\xffbinary\n");
    done(&bench.seal("set f.yaml new.key --from-file value --cert cert.pem"));
    let after = bench.read("f.yaml");
    assert!(bench.rendered(&after).contains("  new.key: AP9iaW5hcnkK\n"));
    done(&bench.seal("unset f.yaml new.key"));
    assert_eq!(bench.read("f.yaml"), before);
    refused(
        &bench.seal("unset f.yaml new.key"),
        3,
        "there is no entry new.key",
    );
}

#[test]
fn the_mode_of_the_file_and_a_link_to_it_stay() {
    let bench = bench();
    let path = bench.folder.path().join("f.yaml");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink("f.yaml", bench.folder.path().join("link.yaml")).unwrap();
    done(&bench.seal_with("set link.yaml a --cert cert.pem", "x"));
    assert!(
        std::fs::symlink_metadata(bench.folder.path().join("link.yaml"))
            .unwrap()
            .is_symlink()
    );
    assert_eq!(
        std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o640
    );
    assert!(bench.rendered(&bench.read("f.yaml")).contains("  a: eA==\n"));
}

#[test]
fn a_scope_wider_than_allowed_is_refused_before_anything_is_read_or_written() {
    let bench = bench();
    let mark = "metadata:\n  annotations: {sealedsecrets.bitnami.com/cluster-wide: \"true\"}\n";
    let widened = bench.read("f.yaml").replacen("metadata:\n", mark, 1);
    bench
        .write("f.yaml", &widened)
        .write("plain.yaml", secret("a: new"));
    let remedy = "if that is meant, say --allow-scope cluster-wide";
    for line in [
        "set f.yaml a --cert cert.pem",
        "merge f.yaml plain.yaml --cert cert.pem",
    ] {
        let output = bench.seal_with(line, "x");
        refused(&output, 3, "its scope is cluster-wide, wider than strict");
        assert!(output.err().contains(remedy), "{}", output.err());
    }
    refused(
        &bench.seal_with("set f.yaml a --allow-scope namespace-wide --cert cert.pem", "x"),
        3,
        remedy,
    );
    assert_eq!(bench.read("f.yaml"), widened);
    done(&bench.seal_with("set f.yaml a --allow-scope cluster-wide --cert cert.pem", "x"));
}

#[test]
fn merge_takes_the_targets_scope_and_not_the_plain_secrets() {
    let bench = bench();
    let wide = secret("a: new-a\nc: new-c").replace(
        "  name: db\n",
        "  name: db\n  annotations: {sealedsecrets.bitnami.com/cluster-wide: \"true\"}\n",
    );
    let before = bench.read("f.yaml");
    done(&bench.seal_with("merge f.yaml - --cert cert.pem", wide));
    let after = bench.read("f.yaml");
    assert!(!after.contains("cluster-wide"), "{after}");
    assert_eq!(entry(&before, "b"), entry(&after, "b"));
    let rendered = bench.rendered(&after);
    for line in ["  a: bmV3LWE=\n", "  b: b2xkLWI=\n", "  c: bmV3LWM=\n"] {
        assert!(rendered.contains(line), "{rendered}");
    }
}

#[test]
fn merge_with_keys_leaves_equal_values_alone() {
    let bench = bench();
    let before = bench.read("f.yaml");
    done(&bench.seal_with(
        "merge f.yaml - --cert cert.pem --keys key.pem",
        secret("a: old-a\nb: new-b"),
    ));
    let after = bench.read("f.yaml");
    assert_eq!(entry(&before, "a"), entry(&after, "a"));
    assert_ne!(entry(&before, "b"), entry(&after, "b"));
}

#[test]
fn merge_refuses_a_secret_that_is_meant_for_another_object() {
    let bench = bench();
    let before = bench.read("f.yaml");
    let other = secret("a: x").replace("name: db", "name: cache");
    refused(
        &bench.seal_with("merge f.yaml - --cert cert.pem", other),
        3,
        "has another name",
    );
    let other = secret("a: x").replace("namespace: prod", "namespace: test");
    refused(
        &bench.seal_with("merge f.yaml - --cert cert.pem", other),
        3,
        "has another namespace",
    );
    assert_eq!(bench.read("f.yaml"), before);
}

#[test]
fn of_several_objects_one_must_be_named() {
    let bench = bench();
    let sealed = bench.read("f.yaml");
    bench.write(
        "two.yaml",
        format!("{sealed}---\n{}", sealed.replace("name: db", "name: cache")),
    );
    refused(
        &bench.seal_with("set two.yaml a --cert cert.pem", "x"),
        2,
        "there are 2 SealedSecrets",
    );
    refused(
        &bench.seal_with("set two.yaml a --name none --cert cert.pem", "x"),
        3,
        "no SealedSecret of that name",
    );
    let before = bench.read("two.yaml");
    done(&bench.seal_with("set two.yaml a --name db --cert cert.pem", "x"));
    let after = bench.read("two.yaml");
    let half = before.find("name: cache").unwrap();
    assert!(after.ends_with(&before[half..]), "the other object changed");
}

#[test]
fn an_entry_inside_a_list_or_json_is_changed_in_place() {
    let bench = Bench::new();
    let list = "{\n  \"apiVersion\": \"v1\", \"kind\": \"List\",\n  \"items\": [{\"kind\": \"Other\"},   {\"apiVersion\": \"v1\", \"kind\": \"Secret\", \"metadata\": {\"name\": \"db\", \"namespace\": \"prod\"}, \"data\": {\"a\": \"eA==\"}}]\n}\n";
    bench.write("f.json", bench.sealed(list));
    let before = bench.read("f.json");
    done(&bench.seal_with("set f.json a --cert cert.pem", "y"));
    let after = bench.read("f.json");
    assert_eq!(before.len(), after.len());
    assert!(
        after.starts_with(
            "{\n  \"apiVersion\": \"v1\", \"kind\": \"List\",\n  \"items\": [{\"kind\": \"Other\"},   {"
        ),
        "{after}"
    );
    assert!(bench.rendered(&after).contains("\"a\": \"eQ==\""));
}

#[test]
fn a_value_is_never_an_argument_and_a_line_break_is_pointed_out() {
    let bench = bench();
    refused(
        &bench.seal("set f.yaml a value --cert cert.pem"),
        2,
        "unexpected argument",
    );
    let output = bench.seal_with("set f.yaml a --cert cert.pem", "x\n");
    assert!(
        output.code == 0 && output.err().contains("--trim-newline"),
        "{}",
        output.err()
    );
    done(&bench.seal_with("set f.yaml a --trim-newline --cert cert.pem", "x\n"));
    assert!(bench.rendered(&bench.read("f.yaml")).contains("  a: eA==\n"));
    refused(
        &bench.seal_with("set f.yaml ..a --cert cert.pem", "x"),
        2,
        "cannot have an entry of that name",
    );
}

#[test]
fn runs_at_the_same_time_lose_none_of_each_others_entries() {
    let bench = bench();
    std::thread::scope(|scope| {
        for run in 0..8 {
            let bench = &bench;
            scope.spawn(move || match run % 2 {
                0 => done(&bench.seal_with(&format!("set f.yaml k{run} --cert cert.pem"), "x")),
                _ => done(&bench.seal_with(
                    "kubeseal --merge-into f.yaml --cert cert.pem",
                    secret(&format!("k{run}: x")),
                )),
            });
        }
    });
    let file = bench.read("f.yaml");
    for run in 0..8 {
        entry(&file, &format!("k{run}"));
    }
}

#[test]
fn an_empty_value_on_standard_input_is_refused_unless_it_is_meant() {
    let bench = bench();
    let before = bench.read("f.yaml");
    let remedy = "say --allow-empty";
    refused(&bench.seal_with("set f.yaml a --cert cert.pem", ""), 3, remedy);
    let trimmed = "set f.yaml a --from-file - --trim-newline --cert cert.pem";
    refused(&bench.seal_with(trimmed, "\n"), 3, remedy);
    assert_eq!(bench.read("f.yaml"), before);
    done(&bench.seal_with("set f.yaml a --allow-empty --cert cert.pem", ""));
    assert!(bench.rendered(&bench.read("f.yaml")).contains("  a: \"\"\n"));
}

#[test]
fn a_note_of_what_sealed_what_is_kept_right() {
    let bench = Bench::new();
    let manifest = secret("a: old-a\nb: old-b");
    bench.write("f.yaml", bench.noted(&manifest));
    let keys = || {
        let table = done(&bench.seal("keys usage f.yaml"));
        let row = |row: &str| row.split_whitespace().nth(1).unwrap().parse().unwrap();
        table.lines().skip(1).map(row).collect::<Vec<usize>>()
    };
    assert_eq!(keys(), [2]);
    done(&bench.seal_with("set f.yaml a --cert other-cert.pem", "new-a"));
    assert_eq!(keys(), [1, 1]);
    done(&bench.seal_with(
        "merge f.yaml - --cert other-cert.pem",
        secret("b: new-b\nc: new-c"),
    ));
    assert_eq!(keys(), [3]);
    done(&bench.seal("unset f.yaml c"));
    let note = |file: &str| {
        file.lines()
            .find(|line| line.contains("sealed-with"))
            .map(str::to_owned)
    };
    let standing = note(&bench.read("f.yaml")).unwrap();
    assert!(
        standing.contains("\"b\":") && !standing.contains("\"c\":"),
        "{standing}"
    );
    // What says nothing of it is not made to.
    bench.write("f.yaml", bench.sealed(&manifest));
    done(&bench.seal_with("set f.yaml a --cert cert.pem", "new-a"));
    assert_eq!(note(&bench.read("f.yaml")), None);
    assert_eq!(
        note(&done(
            &bench.seal_with("kubeseal --cert cert.pem -o yaml", manifest)
        )),
        None
    );
}
