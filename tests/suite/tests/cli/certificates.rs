//! Which certificate seals: files, URLs, fingerprints, expiry (S3).

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use seal_core::{Certificate, PrivateKey, SelfSigned, SystemRandom};

use super::harness::{Bench, done, program, refused, secret};

/// A web server on loopback that gives `answer` to everyone.
fn server(answer: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let mut request = [0; 4096];
            let _ = client.read(&mut request);
            let _ = client.write_all(answer.as_bytes());
        }
    });
    format!("http://{address}/v1/cert.pem")
}

fn ok(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

fn fingerprint(bench: &Bench, file: &str) -> String {
    let shown = done(&bench.seal(&format!("cert show --output json --from {file}")));
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    shown["fingerprint"].as_str().unwrap().to_owned()
}

#[test]
fn a_certificate_is_described_for_people_and_programs() {
    let bench = Bench::new();
    let shown = done(&bench.seal("cert show --cert cert.pem"));
    assert!(
        shown.contains("RSA, 2048 bits") && shown.contains("days left"),
        "{shown}"
    );
    assert!(shown.contains(&fingerprint(&bench, "cert.pem")), "{shown}");
    assert_eq!(
        done(&bench.seal("cert fetch --from cert.pem")),
        bench.read("cert.pem")
    );
}

#[test]
fn the_certificate_to_show_may_stand_behind_the_command() {
    let bench = Bench::new();
    let shown = done(&bench.seal("cert show other-cert.pem"));
    assert!(shown.contains(&fingerprint(&bench, "other-cert.pem")), "{shown}");
    // Whoever exported a default asks about this file all the same.
    let shown = program(bench.folder.path())
        .args(["cert", "show", "other-cert.pem"])
        .env("SEAL_CERT", "cert.pem")
        .run()
        .unwrap();
    assert!(done(&shown).contains(&fingerprint(&bench, "other-cert.pem")));
}

#[test]
fn whoever_names_a_private_key_as_certificate_is_told_so_and_shown_nothing_of_it() {
    let bench = Bench::new();
    done(&bench.seal("keygen --bits 2048 --manifest secret.yaml"));
    for (file, kind) in [
        ("key.pem", "this is a private key"),
        ("secret.yaml", "this is a key Secret"),
    ] {
        let output = bench.seal_with(&format!("seal --cert {file}"), secret("a: b"));
        refused(&output, 5, kind);
        assert!(output.err().contains("seal cert fetch"), "{}", output.err());
        let held = bench.read(file);
        let told = output.err();
        let long = |line: &&str| line.len() > 40 && !line.starts_with("-----");
        for line in held.lines().filter(long) {
            assert!(!told.contains(line.trim()), "{told}");
        }
    }
    // Nothing of this is said of what is neither.
    bench.write("note.txt", "tls.crt to come");
    let output = bench.seal_with("seal --cert note.txt", secret("a: b"));
    refused(&output, 5, "does not contain any valid");
    assert!(!output.err().contains("this is"), "{}", output.err());
}

#[test]
fn a_pinned_fingerprint_refuses_every_other_certificate() {
    let bench = Bench::new();
    let pin = fingerprint(&bench, "cert.pem");
    let line = |certificate: &str| format!("seal --cert {certificate} --fingerprint {pin}");
    done(&bench.seal_with(&line("cert.pem"), secret("a: b")));
    refused(
        &bench.seal_with(&line("other-cert.pem"), secret("a: b")),
        5,
        "which --fingerprint does not name",
    );
    refused(
        &bench.seal_with("seal --cert cert.pem --fingerprint SHA256:x", secret("a: b")),
        2,
        "fingerprint",
    );
}

#[test]
fn plain_http_serves_loopback_only_unless_the_key_is_pinned() {
    let bench = Bench::new();
    let url = server(ok(&bench.read("cert.pem")));
    let sealed = done(&bench.seal_with(&format!("seal --cert {url}"), secret("a: b")));
    bench.rendered(&sealed);
    let far = "seal --cert http://192.0.2.1/cert.pem";
    refused(&bench.seal_with(far, secret("a: b")), 2, "over plain http");
    let pin = fingerprint(&bench, "other-cert.pem");
    refused(
        &bench.seal_with(&format!("seal --cert {url} --fingerprint {pin}"), secret("a: b")),
        5,
        "--fingerprint",
    );
}

#[test]
fn a_redirect_to_plain_http_is_not_followed() {
    let bench = Bench::new();
    let target = server(ok(&bench.read("cert.pem")));
    let url = server(format!(
        "HTTP/1.1 302 Found\r\nLocation: {target}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    ));
    refused(
        &bench.seal_with(&format!("seal --cert {url}"), secret("a: b")),
        7,
        "redirect to plain http",
    );
}

#[test]
fn an_answer_that_is_no_certificate_or_endless_is_refused() {
    let bench = Bench::new();
    let url = server(ok("<html>login</html>"));
    refused(
        &bench.seal_with(&format!("seal --cert {url}"), secret("a: b")),
        5,
        "does not contain any valid",
    );
    let url = server(format!(
        "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{}",
        "x".repeat(2 << 20)
    ));
    refused(
        &bench.seal_with(&format!("seal --cert {url}"), secret("a: b")),
        7,
        "too long for a certificate",
    );
    let url = server("HTTP/1.1 503 Down\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_owned());
    refused(
        &bench.seal_with(&format!("seal --cert {url}"), secret("a: b")),
        7,
        "503",
    );
}

#[test]
fn an_expired_certificate_does_not_seal() {
    let bench = Bench::new();
    let key = PrivateKey::from_pem(bench.read("key.pem").as_bytes()).unwrap();
    let contents = SelfSigned {
        common_name: "",
        not_before: "2020-01-01T00:00:00Z".parse().unwrap(),
        lifetime: Duration::from_secs(3600),
    };
    let expired = Certificate::self_signed(&key, &contents, &mut SystemRandom).unwrap();
    bench.write("expired.pem", expired.pem());
    refused(
        &bench.seal_with("seal --cert expired.pem", secret("a: b")),
        5,
        "the certificate expired on 2020-01-01",
    );
    assert!(done(&bench.seal("cert show --cert expired.pem")).contains("expired"));
}

#[test]
fn without_a_certificate_or_a_cluster_the_remedy_is_named() {
    let bench = Bench::new();
    let output = bench.seal_with("seal", secret("a: b"));
    refused(&output, 7, ".kube/config does not exist");
    assert!(output.err().contains("--cert"), "{}", output.err());
}
