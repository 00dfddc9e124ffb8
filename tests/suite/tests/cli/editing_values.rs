//! `edit --show-values`: from key files, and from a cluster that answers with what is canned here (S24).

use serde_json::{Value, json};

use super::cluster::Server;
use super::editing::{Desk, entry};
use super::harness::{done, refused, secret};

const FROM_KEYS: &str = "edit f.yaml --cert cert.pem --show-values --keys key.pem";
const FROM_CLUSTER: &str =
    "edit f.yaml --cert cert.pem --show-values --from-cluster --kubeconfig config --context c";

#[test]
fn values_are_shown_on_request_only_and_what_is_not_touched_keeps_its_ciphertext() {
    // Whatever an editor or YAML might alter.
    let odd = "long: one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen\n\
               lines: \"first\\n  second\\n\\nlast \\n\"\nblank: \" \"\nempty: ''\ncarriage: \"a\\r\\nb\"\n\
               number: \"0123\"\nmark: '<sealed:mine>'\nword: 'null'\numlaut: \"\u{fc}\u{1f511}\"\nhash: 'a # b'\n\
               change: before";
    let desk = Desk::with(&Desk::new().bench.sealed(&secret(odd)));
    let before = desk.bench.read("f.yaml");
    let editor = "cp \"$f\" seen; sed -i 's/^  change: .*/  change: after/' \"$f\"";
    let line = "edit f.yaml --cert cert.pem --keys key.pem";
    done(&desk.editing("cp \"$f\" seen", line).run().unwrap());
    assert!(!desk.bench.read("seen").contains("before"));
    done(&desk.editing(editor, FROM_KEYS).run().unwrap());
    let seen = desk.bench.read("seen");
    for line in [
        "  change: before\n",
        "  number: \"0123\"\n",
        "data:\n  carriage: YQ0KYg==\n",
    ] {
        assert!(seen.contains(line), "{seen}");
    }
    assert!(!seen.contains(": AQ") && !seen.contains(": <sealed:"), "{seen}");
    let after = desk.bench.read("f.yaml");
    assert_eq!(
        after.replace(entry(&after, "change"), entry(&before, "change")),
        before
    );
    assert!(desk.rendered().contains("  change: YWZ0ZXI=\n"));
    desk.is_clean();
}

#[test]
fn an_entry_that_does_not_open_stays_a_placeholder_with_the_reason() {
    let desk = Desk::new();
    done(
        &desk
            .bench
            .seal_with("set f.yaml b --cert other-cert.pem", "other"),
    );
    let before = desk.bench.read("f.yaml");
    let editor = "cp \"$f\" seen; sed -i 's/^  a: .*/  a: after/' \"$f\"";
    done(&desk.editing(editor, FROM_KEYS).run().unwrap());
    let (seen, after) = (desk.bench.read("seen"), desk.bench.read("f.yaml"));
    assert!(
        seen.contains("  a: old-a\n") && seen.contains("  b: <sealed:"),
        "{seen}"
    );
    assert!(
        seen.contains("# not shown: no key could decrypt secret (b)"),
        "{seen}"
    );
    assert_eq!(entry(&after, "b"), entry(&before, "b"));
}

#[test]
fn values_need_a_source_and_a_cluster_needs_its_name() {
    let desk = Desk::new();
    let run = |line: &str| desk.editing("touch opened", line).run().unwrap();
    refused(
        &run("edit f.yaml --cert cert.pem --show-values"),
        2,
        "where the values come from",
    );
    refused(
        &run("edit f.yaml --cert cert.pem --show-values --from-cluster"),
        2,
        "--context",
    );
    refused(
        &run("edit f.yaml --cert cert.pem --from-cluster --context c"),
        2,
        "--show-values",
    );
    assert!(!desk.bench.folder.path().join("opened").exists());
}

/// A cluster that has the object of the file as `change` leaves it, and its Secret.
fn cluster(desk: &Desk, change: impl FnOnce(&mut Value, &mut Value)) -> Server {
    let file = desk.bench.read("f.yaml");
    let sealed = |name| entry(&file, name).trim().split_once(": ").unwrap().1;
    let record = json!({
        "mac": "", "inputs": "", "secret": {"uid": "secret-uid", "version": "7"}, "rendered": 0, "keys": [],
        "entries": {}, "managed": []
    });
    let mut object = json!({
        "apiVersion": "bitnami.com/v1alpha1", "kind": "SealedSecret",
        "metadata": {"name": "db", "namespace": "prod", "uid": "object-uid", "generation": 2},
        "spec": {"encryptedData": {"a": sealed("a"), "b": sealed("b"), "c": sealed("c")}},
        "status": {"observedGeneration": 2, "conditions": [
            {"type": "Synced", "status": "True"},
            {"type": "sealops.dev/Recorded", "status": "True", "message": record.to_string()}
        ]}
    });
    let mut secret = json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": {"name": "db", "namespace": "prod", "uid": "secret-uid", "resourceVersion": "7", "ownerReferences": [
            {"apiVersion": "bitnami.com/v1alpha1", "kind": "SealedSecret", "name": "db", "uid": "object-uid", "controller": true}
        ]},
        "data": {"a": "b2xkLWE=", "b": "b2xkLWI=", "c": "b2xkLWM="}
    });
    change(&mut object, &mut secret);
    let server = Server::start(vec![
        (
            "GET /apis/bitnami.com/v1alpha1/namespaces/prod/sealedsecrets/db ".to_owned(),
            200,
            object.to_string(),
        ),
        (
            "GET /api/v1/namespaces/prod/secrets/db ".to_owned(),
            200,
            secret.to_string(),
        ),
    ]);
    server.kubeconfig(&desk.bench, "config");
    server
}

#[test]
fn the_cluster_shows_what_is_certainly_made_of_the_ciphertext_in_the_file() {
    let desk = Desk::new();
    let before = desk.bench.read("f.yaml");
    let _server = cluster(&desk, |object, secret| {
        // Sealed anew there, and made of a template.
        object["spec"]["encryptedData"]["b"] = "AAAA".into();
        object["spec"]["template"] = json!({"data": {"c": "x{{ .c }}"}});
        secret["data"]["c"] = "eG9sZC1j".into();
    });
    let editor = "cp \"$f\" seen; sed -i 's/^  b: .*/  b: after/' \"$f\"";
    done(&desk.editing(editor, FROM_CLUSTER).run().unwrap());
    let (seen, after) = (desk.bench.read("seen"), desk.bench.read("f.yaml"));
    for part in [
        "  a: old-a\n  b: <sealed:",
        "  c: <sealed:",
        "# not shown: b: the cluster has another ciphertext\n",
        "# not shown: c: in the Secret stands what the template makes of it\n",
    ] {
        assert!(seen.contains(part), "{seen}");
    }
    assert_eq!(after.replace(entry(&after, "b"), entry(&before, "b")), before);
    desk.is_clean();
}

#[test]
fn of_a_secret_that_drifted_or_is_not_ours_nothing_is_shown() {
    type Change = fn(&mut Value, &mut Value);
    let changes: [(Change, &str); 7] = [
        (
            |_, secret| secret["metadata"]["resourceVersion"] = "8".into(),
            "was changed after",
        ),
        (
            |_, secret| secret["metadata"]["uid"] = "another".into(),
            "was changed after",
        ),
        (
            |_, secret| secret["metadata"]["ownerReferences"][0]["uid"] = "another".into(),
            "is not this SealedSecret's",
        ),
        (
            |object, _| object["metadata"]["generation"] = 3.into(),
            "has not brought the Secret up",
        ),
        (
            |object, _| object["status"]["conditions"][0]["status"] = "False".into(),
            "has not brought the Secret up",
        ),
        (
            |object, _| object["status"]["conditions"][1] = json!({"type": "x", "status": "True"}),
            "keeps no record",
        ),
        (
            |object, _| object["metadata"]["uid"] = Value::Null,
            "is not this SealedSecret's",
        ),
    ];
    for (change, why) in changes {
        let desk = Desk::new();
        let _server = cluster(&desk, change);
        done(&desk.editing("cp \"$f\" seen", FROM_CLUSTER).run().unwrap());
        let seen = desk.bench.read("seen");
        assert!(
            seen.contains("# not shown: ") && seen.contains(why),
            "{why}: {seen}"
        );
        assert!(!seen.contains("old-"), "{why}: {seen}");
    }
    let desk = Desk::new();
    let server = Server::start(Vec::new());
    server.kubeconfig(&desk.bench, "config");
    done(&desk.editing("cp \"$f\" seen", FROM_CLUSTER).run().unwrap());
    assert!(
        desk.bench
            .read("seen")
            .contains("# not shown: the cluster has no such SealedSecret\n")
    );
}
