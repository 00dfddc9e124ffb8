//! What the native commands advise where a cluster is not named, refuses, or has lost something.

use std::net::TcpListener;
use std::sync::Arc;

use seal_core::encode_base64;

use super::cluster::Server;
use super::harness::{Bench, done, program, refused, secret};

#[test]
fn a_kubeconfig_that_names_no_cluster_is_named_itself() {
    let bench = Bench::new();
    bench.write("secret.yaml", secret("a: b"));
    let run = |words: &str, kubeconfig: &str| {
        let program = program(bench.folder.path()).args(words.split(' '));
        program.env("KUBECONFIG", kubeconfig).run().unwrap()
    };
    let missing = bench.folder.path().join("nope");
    let missing = missing.to_str().unwrap();
    let both = format!("secret.yaml:{missing}");
    for words in ["keys ls", "cert fetch", "doctor"] {
        let output = run(words, missing);
        refused(&output, 7, &format!("{missing} (from KUBECONFIG) does not exist"));
        let output = run(words, &both);
        refused(
            &output,
            7,
            &format!(
                "secret.yaml (from KUBECONFIG) names no cluster, {missing} (from KUBECONFIG) does not exist"
            ),
        );
    }
    let output = bench.seal("keys ls --kubeconfig secret.yaml");
    refused(&output, 7, "secret.yaml names no cluster");
    let output = bench.seal("keys ls");
    refused(&output, 7, ".kube/config does not exist");
    assert!(!output.err().contains("KUBERNETES_MASTER"), "{}", output.err());
}

#[test]
fn a_key_that_is_named_to_seal_is_not_asked_to_be_retired_nor_the_other_way_round() {
    let bench = Bench::new();
    let name = "SHA256:dN9SaYeyOQjr3Uj6ELd50H3YjJF4QdwEVRMhE3Z6RY0";
    let ring = "/apis/sealops.dev/v1alpha1/namespaces/kube-system/sealingkeyrings/seal ";
    for (spec, words, complaint, remedy) in [
        (
            format!(r#"{{"primary":"{name}"}}"#),
            "keys retire",
            "is the key that is named to seal",
            "seal keys primary",
        ),
        (
            format!(r#"{{"retire":[{{"fingerprint":"{name}"}}]}}"#),
            "keys primary",
            "is to be retired",
            "kubectl patch sealingkeyrings.sealops.dev seal -n kube-system",
        ),
    ] {
        let body = format!(r#"{{"metadata":{{"name":"seal","resourceVersion":"1"}},"spec":{spec}}}"#);
        let server = Server::start(vec![(format!("GET {ring}"), 200, body)]);
        server.kubeconfig(&bench, "config");
        let output = bench.seal(&format!("{words} {name} --kubeconfig config"));
        refused(&output, 5, &format!("{name} {complaint}"));
        refused(&output, 5, remedy);
        let asked = server.asked.lock().unwrap();
        assert!(
            asked.iter().all(|request| request.starts_with("GET ")),
            "{asked:?}"
        );
    }
}

#[test]
fn what_is_restored_seals_where_nothing_says_which_key_does() {
    let bench = Bench::new();
    let path = "/api/v1/namespaces/kube-system/secrets";
    let name = "SHA256:dN9SaYeyOQjr3Uj6ELd50H3YjJF4QdwEVRMhE3Z6RY0";
    let installation = format!(
        r#"{{"kind":"Secret","metadata":{{"name":"seal-installation-key"}},"data":{{"key":"{}","primary":"{}"}}}}"#,
        encode_base64(&[1; 32]),
        encode_base64(name.as_bytes())
    );
    let ring = format!(
        r#"{{"metadata":{{"name":"seal"}},"spec":{{}},"status":{{"keys":[{{"fingerprint":"{name}","secret":"k",
            "notBefore":"","notAfter":"","primary":true,"retired":false,"backedUp":true}}]}}}}"#
    );
    let created = || {
        (
            format!("POST {path} "),
            201,
            r#"{"kind":"Secret","metadata":{}}"#.to_owned(),
        )
    };
    let noted = (format!("GET {path}/seal-installation-key "), 200, installation);
    let known = (
        "GET /apis/sealops.dev/v1alpha1/namespaces/kube-system/sealingkeyrings/seal ".to_owned(),
        200,
        ring,
    );
    bench.write("id.txt", "");
    for (answers, said) in [
        (
            vec![created(), noted],
            format!("{name} goes on to be the one that seals"),
        ),
        (vec![created()], "the newest that is in use seals".to_owned()),
        (vec![created(), known], format!("`seal keys primary {name}`")),
    ] {
        let server = Server::start(answers);
        server.kubeconfig(&bench, "config");
        let output = bench.seal("keys restore key.pem -I id.txt --apply --kubeconfig config");
        done(&output);
        assert!(output.err().contains(&said), "{}", output.err());
    }
}

#[test]
fn a_certificate_that_is_not_handed_out_is_explained_by_what_went_wrong() {
    let bench = Bench::new();
    let service = "GET /api/v1/namespaces/kube-system/services/";
    let found = r#"{"spec":{"ports":[{"name":"http"}]}}"#.to_owned();
    let proxied = format!("{service}http:");
    let plain = format!("{service}sealed-secrets-controller ");
    for (answers, remedy) in [
        (vec![], "--controller-name"),
        (
            vec![(plain.clone(), 403, "{}".to_owned())],
            "sealed-secrets-controller-service-proxier",
        ),
        (
            vec![
                (proxied.clone(), 403, "{}".to_owned()),
                (plain.clone(), 200, found.clone()),
            ],
            "sealed-secrets-controller-service-proxier",
        ),
        (
            vec![(proxied, 503, "{}".to_owned()), (plain, 200, found)],
            "seal doctor",
        ),
    ] {
        let server = Server::start(answers);
        server.kubeconfig(&bench, "config");
        refused(&bench.seal("cert fetch --kubeconfig config"), 7, remedy);
    }
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let server = Server {
        url: format!("http://{nobody}"),
        asked: Arc::default(),
    };
    server.kubeconfig(&bench, "config");
    let output = bench.seal("cert fetch --kubeconfig config");
    refused(&output, 7, "look at the API server");
    assert!(!output.err().contains("--controller-name"), "{}", output.err());
}
