//! What the native commands ask of a cluster and keep of its answers, held against canned answers on
//! loopback: the certificate and its cache (S3), key Secrets listed and restored (S4).

use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, SystemTime};

use seal_core::encode_base64;
use seal_testbed::{Program, tool};

use super::harness::{Bench, done, refused, secret};

/// An API server with answers by method and path, and everything it was asked.
pub(super) struct Server {
    pub(super) url: String,
    pub(super) asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub(super) fn start(answers: Vec<(String, u16, String)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        thread::spawn(move || {
            for mut client in listener.incoming().flatten() {
                let mut request = Vec::new();
                let mut chunk = [0; 4096];
                while !complete(&request) {
                    match client.read(&mut chunk) {
                        Ok(read) if read > 0 => request.extend_from_slice(&chunk[..read]),
                        _ => break,
                    }
                }
                let request = String::from_utf8_lossy(&request).into_owned();
                let line = request.lines().next().unwrap_or_default().to_owned();
                let found = answers
                    .iter()
                    .find(|(start, ..)| line.starts_with(start.as_str()));
                let (code, body) = found.map_or((404, "{}"), |(_, code, body)| (*code, body.as_str()));
                log.lock().unwrap().push(request);
                let head = format!(
                    "HTTP/1.1 {code} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                    body.len()
                );
                let _ = client.write_all(format!("{head}{body}").as_bytes());
            }
        });
        Self { url, asked }
    }

    /// One whose controller serves `certificate`.
    fn of_controller(certificate: &str) -> Self {
        Self::of_service(200, certificate)
    }

    /// One with the controller's Service, that answers so when it is asked for a certificate.
    fn of_service(code: u16, answer: &str) -> Self {
        let service = "/api/v1/namespaces/kube-system/services/";
        Self::start(vec![
            (
                format!("GET {service}sealed-secrets-controller "),
                200,
                r#"{"kind":"Service","spec":{"ports":[{"name":"http","port":8080}]}}"#.to_owned(),
            ),
            (
                format!("GET {service}http:sealed-secrets-controller:http/proxy/v1/cert.pem"),
                code,
                answer.to_owned(),
            ),
        ])
    }

    pub(super) fn kubeconfig(&self, bench: &Bench, name: &str) {
        let config = format!(
            "apiVersion: v1\nkind: Config\nclusters: [{{name: c, cluster: {{server: '{}'}}}}]\ncontexts: [{{name: c, context: {{cluster: c, user: u}}}}]\nusers: [{{name: u, user: {{}}}}]\ncurrent-context: c\n",
            self.url
        );
        bench.write(name, config);
    }

    fn count(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

fn complete(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head.lines().find_map(|line| {
        line.to_ascii_lowercase()
            .strip_prefix("content-length: ")?
            .parse()
            .ok()
    });
    body.len() >= length.unwrap_or(0)
}

fn kept(bench: &Bench) -> Vec<PathBuf> {
    let folder = bench.folder.path().join("cache/seal/certificates");
    std::fs::read_dir(folder)
        .map(|files| files.flatten().map(|file| file.path()).collect())
        .unwrap_or_default()
}

const SEAL: &str = "seal --kubeconfig config";

#[test]
fn the_controllers_certificate_is_asked_for_once_and_kept() {
    let bench = Bench::new();
    let server = Server::of_controller(&bench.read("cert.pem"));
    server.kubeconfig(&bench, "config");
    for _ in 0..3 {
        let sealed = done(&bench.seal_with(SEAL, secret("a: b")));
        bench.rendered(&sealed);
    }
    assert_eq!(server.count(), 2, "the service, then its certificate");
    let [file] = kept(&bench).try_into().unwrap();
    assert_eq!(
        std::fs::metadata(file.parent().unwrap())
            .unwrap()
            .permissions()
            .mode()
            & 0o777,
        0o700
    );
    done(&bench.seal_with("seal --refresh --kubeconfig config", secret("a: b")));
    assert_eq!(server.count(), 4);
}

#[test]
fn a_service_without_endpoints_is_not_said_to_be_missing() {
    let bench = Bench::new();
    let server = Server::of_service(
        404,
        r#"{"kind":"Status","status":"Failure","message":"services \"sealed-secrets-controller\" not found","reason":"NotFound","code":404}"#,
    );
    server.kubeconfig(&bench, "config");
    let output = bench.seal_with(SEAL, secret("a: b"));
    let told =
        "nothing that hands out a certificate runs behind the Service kube-system/sealed-secrets-controller";
    refused(&output, 7, told);
}

#[test]
fn another_cluster_never_gets_the_kept_certificate() {
    let bench = Bench::new();
    Server::of_controller(&bench.read("cert.pem")).kubeconfig(&bench, "config");
    Server::of_controller(&bench.read("other-cert.pem")).kubeconfig(&bench, "other-config");
    done(&bench.seal_with(SEAL, secret("a: b")));
    let sealed = done(&bench.seal_with("seal --kubeconfig other-config", secret("a: b")));
    refused(
        &bench.seal_with("render --keys key.pem", sealed.clone()),
        5,
        "a key that is not here",
    );
    done(&bench.seal_with("render --keys other.pem", sealed));
    assert_eq!(kept(&bench).len(), 2);
}

#[test]
fn a_kept_certificate_that_others_could_have_written_is_not_used() {
    let bench = Bench::new();
    Server::of_controller(&bench.read("cert.pem")).kubeconfig(&bench, "config");
    done(&bench.seal_with(SEAL, secret("a: b")));
    let [file] = kept(&bench).try_into().unwrap();
    std::fs::write(&file, bench.read("other-cert.pem")).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o666)).unwrap();
    let sealed = done(&bench.seal_with(SEAL, secret("a: b")));
    bench.rendered(&sealed);
}

#[test]
fn an_old_certificate_serves_with_a_warning_while_the_cluster_is_away() {
    let bench = Bench::new();
    let server = Server::start(Vec::new());
    server.kubeconfig(&bench, "config");
    refused(
        &bench.seal_with(SEAL, secret("a: b")),
        7,
        "could not find the requested resource",
    );

    let live = Server::of_controller(&bench.read("cert.pem"));
    live.kubeconfig(&bench, "config");
    done(&bench.seal_with(SEAL, secret("a: b")));
    let [file] = kept(&bench).try_into().unwrap();
    let age = |days: u64| {
        let then = SystemTime::now() - Duration::from_secs(days * 24 * 3600 + 60);
        std::fs::File::options()
            .append(true)
            .open(&file)
            .unwrap()
            .set_modified(then)
            .unwrap();
    };
    age(9);
    // The controller has another key by now: said, and used.
    std::fs::write(&file, bench.read("other-cert.pem")).unwrap();
    age(9);
    let output = bench.seal_with(SEAL, secret("a: b"));
    bench.rendered(&done(&output));
    assert!(
        output.err().contains("the controller has a new key"),
        "{}",
        output.err()
    );

    age(9);
    live.asked.lock().unwrap().clear();
    let config = bench.read("config");
    assert!(config.contains(&live.url));
    // A proxy that nobody listens at stands for a network that is away.
    let away = config.replace("server:", "proxy-url: 'http://127.0.0.1:9', server:");
    bench.write("config", away);
    let output = bench.seal_with(SEAL, secret("a: b"));
    bench.rendered(&done(&output));
    assert!(
        output.err().contains("the certificate it had 9 days ago"),
        "{}",
        output.err()
    );
    assert_eq!(live.count(), 0);
}

#[test]
fn keys_are_listed_and_backed_up_from_the_cluster() {
    let bench = Bench::new();
    let item = |name: &str, key: &str, certificate: &str| {
        let encoded = |file: &str| encode_base64(bench.read(file).as_bytes());
        format!(
            r#"{{"metadata":{{"name":"{name}","namespace":"kube-system","uid":"u","resourceVersion":"7"}},"type":"kubernetes.io/tls","data":{{"tls.key":"{}","tls.crt":"{}"}}}}"#,
            encoded(key),
            encoded(certificate)
        )
    };
    let items = [
        item("one", "key.pem", "cert.pem"),
        item("two", "other.pem", "other-cert.pem"),
    ]
    .join(",");
    let list = format!(r#"{{"kind":"SecretList","apiVersion":"v1","items":[{items}]}}"#);
    let path = "/api/v1/namespaces/kube-system/secrets";
    let server = Server::start(vec![
        (
            format!("GET {path}?labelSelector=sealedsecrets.bitnami.com%2Fsealed-secrets-key"),
            200,
            list,
        ),
        (format!("POST {path} "), 201, "{}".to_owned()),
    ]);
    server.kubeconfig(&bench, "config");
    let listed = done(&bench.seal("keys ls --kubeconfig config"));
    assert!(
        listed.contains("kube-system/one") && listed.contains("kube-system/two"),
        "{listed}"
    );

    let made = Program::new(tool("age-keygen").unwrap())
        .args(["-o", "id.txt"])
        .current_dir(bench.folder.path());
    made.run().unwrap().success().unwrap();
    let identity = bench.read("id.txt");
    let recipient = identity
        .lines()
        .find_map(|line| line.strip_prefix("# public key: "))
        .unwrap();
    done(&bench.seal(&format!(
        "keys backup --kubeconfig config -r {recipient} -w backup.age"
    )));

    server.asked.lock().unwrap().clear();
    let restored = bench.seal("keys restore backup.age -I id.txt --apply --kubeconfig config");
    done(&restored);
    assert!(
        restored.err().contains("kube-system/one: created"),
        "{}",
        restored.err()
    );
    let asked = server.asked.lock().unwrap().clone();
    let written: Vec<&String> = asked
        .iter()
        .filter(|request| !request.starts_with("GET "))
        .collect();
    assert_eq!(written.len(), 2);
    for request in written {
        // What belongs to the old cluster stays there; nothing is overwritten.
        assert!(
            request.starts_with("POST ") && !request.contains("resourceVersion") && !request.contains("uid"),
            "{request}"
        );
    }
}

#[test]
fn keys_are_listed_page_by_page() {
    let bench = Bench::new();
    let page = |key: &str, rest: &str| {
        let encoded = encode_base64(bench.read(key).as_bytes());
        format!(
            r#"{{"kind":"SecretList","apiVersion":"v1","metadata":{{"continue":"{rest}"}},"items":[{{"metadata":{{"name":"{key}"}},"data":{{"tls.key":"{encoded}"}}}}]}}"#
        )
    };
    let path = "GET /api/v1/namespaces/kube-system/secrets?labelSelector=sealedsecrets.bitnami.com%2Fsealed-secrets-key";
    let server = Server::start(vec![
        (
            format!("{path}&limit=100&continue=more%3D "),
            200,
            page("other.pem", ""),
        ),
        (path.to_owned(), 200, page("key.pem", "more=")),
    ]);
    server.kubeconfig(&bench, "config");
    let listed = done(&bench.seal("keys ls --kubeconfig config"));
    for key in ["kube-system/key.pem", "kube-system/other.pem"] {
        assert!(listed.contains(key), "{listed}");
    }
}

#[test]
fn an_api_server_that_refuses_is_not_quoted() {
    let bench = Bench::new();
    let path = "GET /api/v1/namespaces/kube-system/secrets".to_owned();
    let server = Server::start(vec![(
        path,
        403,
        r#"{"kind":"Status","message":"canary"}"#.to_owned(),
    )]);
    server.kubeconfig(&bench, "config");
    let output = bench.seal("keys ls --kubeconfig config");
    refused(
        &output,
        7,
        "refuses to list Secrets in namespace kube-system: 403",
    );
    assert!(!output.err().contains("canary"), "{}", output.err());
}

#[test]
fn a_name_that_stands_for_another_key_is_told_and_that_key_stays() {
    let bench = Bench::new();
    let path = "/api/v1/namespaces/kube-system/secrets";
    let encoded = encode_base64(bench.read("other.pem").as_bytes());
    let other = format!(
        r#"{{"kind":"Secret","metadata":{{"name":"sealed-secrets-key-restored-1"}},"data":{{"tls.key":"{encoded}"}}}}"#
    );
    let server = Server::start(vec![
        (format!("POST {path} "), 409, "{}".to_owned()),
        (format!("GET {path}/sealed-secrets-key-restored-1 "), 200, other),
    ]);
    server.kubeconfig(&bench, "config");
    bench.write("id.txt", "");
    let output = bench.seal("keys restore key.pem -I id.txt --apply --kubeconfig config");
    refused(
        &output,
        5,
        "kube-system/sealed-secrets-key-restored-1 stands for something else",
    );
    let same = encode_base64(bench.read("key.pem").as_bytes());
    let same = format!(
        r#"{{"kind":"Secret","metadata":{{"name":"sealed-secrets-key-restored-1"}},"data":{{"tls.key":"{same}"}}}}"#
    );
    let server = Server::start(vec![
        (format!("POST {path} "), 409, "{}".to_owned()),
        (format!("GET {path}/sealed-secrets-key-restored-1 "), 200, same),
    ]);
    server.kubeconfig(&bench, "config");
    let output = bench.seal("keys restore key.pem -I id.txt --apply --kubeconfig config");
    done(&output);
    assert!(output.err().contains("stands already"), "{}", output.err());
}

#[test]
fn where_a_cluster_knows_no_key_rings_the_primary_is_noted_in_the_installations_secret() {
    let bench = Bench::new();
    let secret = "PATCH /api/v1/namespaces/kube-system/secrets/seal-installation-key ".to_owned();
    let server = Server::start(vec![(
        secret,
        200,
        r#"{"kind":"Secret","metadata":{}}"#.to_owned(),
    )]);
    server.kubeconfig(&bench, "config");
    let name = "SHA256:dN9SaYeyOQjr3Uj6ELd50H3YjJF4QdwEVRMhE3Z6RY0";
    done(&bench.seal(&format!("keys primary {name} --kubeconfig config")));
    let asked = server.asked.lock().unwrap().last().cloned().unwrap();
    assert!(
        asked.contains("application/merge-patch+json") && asked.contains(name),
        "{asked}"
    );
    for words in [
        "keys renew",
        "keys primary --release",
        &format!("keys retire {name}"),
    ] {
        let output = bench.seal(&format!("{words} --kubeconfig config"));
        refused(&output, 7, "the cluster does not know SealingKeyRings");
    }
}
