//! PKCS#12 archives of templates against OpenSSL: it opens what ours wrote, ours opens what it wrote. That ours are
//! upstream's to the byte is for the vectors of seal-template to say.

#![expect(clippy::unwrap_used, reason = "a test may end where its props fail")]

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use seal_template::environment::{Random, UtcOnly};
use seal_template::value::{Map, Text};
use seal_template::{Delimiters, Env, Limits, external_secrets};
use serde_json::Value as Json;

const VALUES: &str = include_str!("../../../crates/seal-template/vectors/external-secrets/values.json");
const PASSWORDS: [&str; 3] = ["", "secret", "pässword"];

/// Bytes that are as good as any for salts.
struct Count(u8);

impl Random for Count {
    fn fill(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            self.0 = self.0.wrapping_mul(5).wrapping_add(113);
            *byte = self.0;
        }
    }
}

fn value(name: &str) -> String {
    let values: Json = serde_json::from_str(VALUES).unwrap();
    values[name].as_str().unwrap().to_owned()
}

fn render(source: &str, values: &[(&str, &[u8])]) -> Result<Vec<u8>, String> {
    let functions = external_secrets::functions();
    let template = external_secrets::parse("t", source, &functions, &Delimiters::default()).unwrap();
    let mut env = Env {
        now: jiff::Timestamp::UNIX_EPOCH,
        zones: &UtcOnly,
        random: &mut Count(1),
    };
    let dot = Map::texts(
        values
            .iter()
            .map(|(name, value)| (Text::from(*name), Text::new(value))),
    );
    template
        .render(&dot.into(), &mut env, &Limits::default())
        .map(|output| output.to_vec())
        .map_err(|fault| fault.to_string())
}

/// Runs OpenSSL, which reads the password from its standard input.
fn openssl(folder: &Path, arguments: &[&str], password: &str) -> Result<Vec<u8>, String> {
    let mut child = Command::new("openssl")
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // What needs no password may end before it has read one.
    let _ = writeln!(child.stdin.take().unwrap(), "{password}");
    let output = child.wait_with_output().unwrap();
    match output.status.success() {
        true => Ok(output.stdout),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

/// The PEM blocks of a text without what stands around them.
fn blocks(text: &[u8]) -> Vec<pem::Pem> {
    pem::parse_many(text).unwrap()
}

#[test]
fn openssl_opens_the_archives_that_templates_make() {
    let folder = tempfile::tempdir().unwrap();
    let chain = value("chain");
    for kind in ["rsa", "rsa_pkcs1", "rsa_3072", "p256", "p384", "p521_sec1", "ed"] {
        for password in PASSWORDS {
            let key = value(&format!("key_{kind}"));
            let source = "{{ fullPemToPkcs12Pass .chain .key .password | b64dec }}";
            let values = [
                ("chain", chain.as_bytes()),
                ("key", key.as_bytes()),
                ("password", password.as_bytes()),
            ];
            fs::write(folder.path().join("ours.p12"), render(source, &values).unwrap()).unwrap();
            let dump = ["pkcs12", "-in", "ours.p12", "-passin", "stdin", "-nodes"];
            let opened = openssl(folder.path(), &dump, password)
                .unwrap_or_else(|error| panic!("{kind} under {password:?}: {error}"));
            let (keys, certificates): (Vec<_>, Vec<_>) = blocks(&opened)
                .into_iter()
                .partition(|block| block.tag() != "CERTIFICATE");
            assert_eq!(
                certificates,
                blocks(chain.as_bytes()),
                "{kind} under {password:?}"
            );
            fs::write(folder.path().join("key.pem"), &key).unwrap();
            let public = |file: &str, text: &[u8]| {
                fs::write(folder.path().join(file), text).unwrap();
                openssl(folder.path(), &["pkey", "-in", file, "-pubout"], "").unwrap()
            };
            let opened = public("opened.pem", pem::encode(&keys[0]).as_bytes());
            assert_eq!(
                opened,
                public("key.pem", key.as_bytes()),
                "{kind} under {password:?}"
            );
            assert_eq!(keys.len(), 1);
        }
    }
}

#[test]
fn openssl_refuses_an_archive_under_another_password() {
    let folder = tempfile::tempdir().unwrap();
    let (chain, key) = (value("chain"), value("key_p256"));
    let values = [("chain", chain.as_bytes()), ("key", key.as_bytes())];
    let archive = render(r#"{{ pemToPkcs12Pass .chain .key "secret" | b64dec }}"#, &values).unwrap();
    fs::write(folder.path().join("ours.p12"), archive).unwrap();
    let dump = ["pkcs12", "-in", "ours.p12", "-passin", "stdin", "-nodes"];
    let error = openssl(folder.path(), &dump, "Secret").unwrap_err();
    assert!(error.contains("invalid password"), "{error}");
}

#[test]
fn openssl_reads_a_trust_store_with_a_name_for_each_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let chain = value("chain");
    let values = [("chain", chain.as_bytes())];
    let store = render("{{ pemTruststoreToPKCS12 .chain | b64dec }}", &values).unwrap();
    fs::write(folder.path().join("ours.p12"), store).unwrap();
    let dump = ["pkcs12", "-in", "ours.p12", "-passin", "stdin", "-nokeys"];
    let opened = openssl(folder.path(), &dump, "").unwrap();
    assert_eq!(blocks(&opened), blocks(chain.as_bytes()));
    let opened = String::from_utf8(opened).unwrap();
    for name in ["CN=leaf", "CN=lower", "CN=intermediate", "CN=root"] {
        assert!(opened.contains(&format!("friendlyName: {name}\n")), "{opened}");
    }
    // The attribute by which Java knows what it may trust.
    assert_eq!(
        opened.matches("2.16.840.1.113894.746875.1.1: ").count(),
        4,
        "{opened}"
    );
}

#[test]
fn templates_open_the_archives_that_openssl_makes() {
    let folder = tempfile::tempdir().unwrap();
    let (chain, key) = (value("chain"), value("key_rsa"));
    fs::write(folder.path().join("chain.pem"), &chain).unwrap();
    fs::write(folder.path().join("key.pem"), &key).unwrap();
    let ways: [&[&str]; 7] = [
        &[],
        &["-macalg", "sha512", "-iter", "10000"],
        &["-keypbe", "AES-128-CBC", "-certpbe", "AES-192-CBC"],
        &["-legacy"],
        &[
            "-legacy",
            "-keypbe",
            "PBE-SHA1-3DES",
            "-certpbe",
            "PBE-SHA1-RC2-128",
            "-macalg",
            "sha1",
        ],
        &["-certpbe", "NONE"],
        &["-keypbe", "NONE", "-certpbe", "NONE"],
    ];
    for way in ways {
        for password in PASSWORDS {
            let mut arguments = vec![
                "pkcs12",
                "-export",
                "-in",
                "chain.pem",
                "-inkey",
                "key.pem",
                "-passout",
                "stdin",
                "-out",
                "theirs.p12",
            ];
            arguments.extend(way);
            // It takes a password for the two files in the clear, too, and asks for it twice where it is empty.
            openssl(folder.path(), &arguments, password).unwrap();
            let archive = fs::read(folder.path().join("theirs.p12")).unwrap();
            let values = [("p12", &archive[..]), ("password", password.as_bytes())];
            let opened = |function: &str| {
                let source = format!("{{{{ .p12 | {function} .password }}}}");
                render(&source, &values).unwrap_or_else(|fault| panic!("{way:?} {password:?}: {fault}"))
            };
            let certificates = blocks(&opened("pkcs12certPass"));
            assert_eq!(certificates, blocks(chain.as_bytes()), "{way:?} {password:?}");
            assert_eq!(opened("pkcs12keyPass"), key.as_bytes(), "{way:?} {password:?}");
        }
    }
}
