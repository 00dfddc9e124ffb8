//! Certificates that we make, read by those who have to: kubeseal and OpenSSL.

use seal_core::{Certificate, PrivateKey, SelfSigned, SystemRandom};
use seal_testbed::{Program, Workspace};

use super::ground::{kubeseal, vector_key};

const SECRET: &str = r#"{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a", "namespace": "b"}, "data": {"c": "YmFy"}}"#;

fn made(key: &PrivateKey, common_name: &str) -> Certificate {
    let contents = SelfSigned {
        common_name,
        not_before: jiff::Timestamp::now(),
        lifetime: std::time::Duration::from_hours(87_600),
    };
    Certificate::self_signed(key, &contents, &mut SystemRandom).expect("a certificate of a good key")
}

#[test]
fn kubeseal_seals_to_every_certificate_that_we_make() {
    let workspace = Workspace::new().unwrap();
    for (size, common_name) in [("2048", ""), ("3072", "name"), ("4096", ""), ("8192", "ü")] {
        let (key, _) = vector_key(size).unwrap();
        let file = workspace
            .write("cert.pem", made(&key, common_name).pem())
            .unwrap();
        let sealed = Program::new(kubeseal().unwrap())
            .arg("--cert")
            .arg(file)
            .stdin(SECRET)
            .run()
            .unwrap();
        assert_eq!(sealed.code, 0, "{size} bits: {}", sealed.err());
    }
}

#[test]
fn openssl_sees_in_our_certificate_what_it_sees_in_upstreams() {
    let workspace = Workspace::new().unwrap();
    let (key, theirs) = vector_key("2048").unwrap();
    let ours = made(&key, "");
    let seen = |name: &str, certificate: &Certificate| -> Vec<String> {
        let file = workspace.write(name, certificate.pem()).unwrap();
        let text = Program::new("openssl")
            .args(["x509", "-noout", "-text", "-in"])
            .arg(file)
            .run()
            .unwrap();
        assert_eq!(text.code, 0, "{}", text.err());
        let text = text.out();
        let wanted = [
            "Version:",
            "Signature Algorithm:",
            "Issuer:",
            "Subject:",
            "Public-Key:",
            "X509v3",
            "CA:",
            "Encipher Only",
        ];
        let lines = text.lines().map(str::trim);
        let mut lines: Vec<String> = lines
            .filter(|line| wanted.iter().any(|word| line.contains(word)))
            .map(str::to_owned)
            .collect();
        // Extensions have no order (RFC 5280 §4.2).
        lines.sort();
        lines
    };
    let (ours, theirs) = (seen("ours.pem", &ours), seen("theirs.pem", &theirs));
    assert_eq!(ours, theirs);
    for line in [
        "X509v3 Key Usage: critical",
        "Encipher Only",
        "X509v3 Basic Constraints: critical",
        "CA:TRUE",
    ] {
        assert!(
            ours.iter().any(|seen| seen == line),
            "{line} is missing in {ours:?}"
        );
    }
}
