//! Runs the real kubeseal and ours on equal terms and compares everything that can be observed.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;

use tempfile::TempDir;

/// The manifest that most cases read.
pub(crate) const SECRET: &str = include_str!("../../../vectors/kubeseal/secret.yaml");

/// One invocation.
pub(crate) struct Case {
    arguments: Vec<String>,
    stdin: Vec<u8>,
    environment: Vec<(String, String)>,
    stdout_begins: bool,
}

/// What an invocation did.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Done {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// Content and mode of every file that is new or changed.
    pub(crate) files: BTreeMap<String, (String, u32)>,
}

/// A case without input.
pub(crate) fn run(arguments: &str) -> Case {
    Case::new(arguments)
}

/// A case that seals what it reads.
pub(crate) fn seal(input: &str) -> Case {
    Case::new("--cert cert.pem -o yaml -n myns").stdin(input)
}

impl Case {
    /// `line` is split at blanks; `''` and `'…'` are one argument.
    pub(crate) fn new(line: &str) -> Self {
        let (arguments, stdin) = (split(line), Vec::new());
        Self {
            arguments,
            stdin,
            environment: Vec::new(),
            stdout_begins: false,
        }
    }

    pub(crate) fn stdin(self, input: &str) -> Self {
        self.stdin_bytes(input.as_bytes())
    }

    pub(crate) fn stdin_bytes(mut self, input: &[u8]) -> Self {
        self.stdin = input.to_vec();
        self
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Our standard output may go on after kubeseal's: the help with its differences.
    pub(crate) fn stdout_begins(mut self) -> Self {
        self.stdout_begins = true;
        self
    }

    pub(crate) fn run_real(&self) -> Done {
        self.run(&real())
    }

    pub(crate) fn run_ours(&self) -> Done {
        self.run(&ours())
    }

    fn run(&self, program: &Path) -> Done {
        self.run_in(program, &fixtures())
    }

    /// Runs in a folder that stays.
    pub(crate) fn run_in(&self, program: &Path, folder: &TempDir) -> Done {
        let before = files(folder.path());
        let mut child = Command::new(program)
            .arg0("kubeseal")
            .args(&self.arguments)
            .env_clear()
            .env("HOME", folder.path())
            .env("TMPDIR", folder.path())
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A program that complains about its arguments may not read.
        let _ = child.stdin.take().unwrap().write_all(&self.stdin);
        let output = child.wait_with_output().unwrap();
        let mut after = files(folder.path());
        after.retain(|name, content| before.get(name) != Some(content));
        if output.status.code() != Some(0) {
            // What kubeseal leaves behind of a file that it did not come to write.
            after.retain(|name, (content, _)| !(name.starts_with('.') && content.is_empty()));
        }
        let masked = |bytes: &[u8]| mask(&String::from_utf8_lossy(bytes));
        Done {
            code: output.status.code(),
            stdout: masked(&output.stdout),
            stderr: masked(&output.stderr),
            files: after
                .into_iter()
                .map(|(name, (content, mode))| (mask_digits(&name), (masked(&content), mode)))
                .collect(),
        }
    }
}

/// Runs every case on both sides and reports all disagreements together.
pub(crate) fn compare_all(cases: Vec<Case>) {
    let mut report = String::new();
    let count = cases.len();
    let mut failed = 0;
    for case in cases {
        let (real, mut ours) = (case.run_real(), case.run_ours());
        if case.stdout_begins && ours.stdout.len() > real.stdout.len() {
            ours.stdout.truncate(real.stdout.len());
        }
        if real != ours {
            failed += 1;
            writeln!(report, "=== kubeseal {:?} {:?}", case.arguments, case.environment).unwrap();
            writeln!(report, "    stdin {:?}", String::from_utf8_lossy(&case.stdin)).unwrap();
            writeln!(report, "--- real: {real:#?}\n--- ours: {ours:#?}").unwrap();
        }
    }
    assert!(failed == 0, "{failed} of {count} invocations differ\n{report}");
}

/// A folder with all fixtures.
pub(crate) fn fixtures() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(vectors()).unwrap() {
        let entry = entry.unwrap();
        let target = folder.path().join(entry.file_name());
        std::fs::copy(entry.path(), &target).unwrap();
        std::fs::set_permissions(&target, std::fs::Permissions::from_mode(0o644)).unwrap();
    }
    folder
}

pub(crate) fn vectors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors/kubeseal")
}

/// The real kubeseal, verified.
pub(crate) fn real() -> PathBuf {
    seal_testbed::tool("kubeseal").expect("the real kubeseal")
}

/// Our binary, built by the cargo that runs this test.
pub(crate) fn ours() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT
        .get_or_init(|| seal_tests::built("seal-cli", "seal").unwrap())
        .clone()
}

/// A proxy on loopback that tunnels (`CONNECT`), and how many tunnels there were.
pub(crate) fn tunnelling_proxy() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let tunnels = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&tunnels);
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let counter = Arc::clone(&counter);
            thread::spawn(move || tunnel(client, &counter));
        }
    });
    (url, tunnels)
}

fn tunnel(mut client: TcpStream, counter: &AtomicUsize) -> Option<()> {
    let head = read_head(&mut client)?;
    let target = head.strip_prefix("CONNECT ")?.split(' ').next()?.to_owned();
    let mut server = TcpStream::connect(target).ok()?;
    counter.fetch_add(1, Ordering::SeqCst);
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").ok()?;
    let (mut from, mut to) = (client.try_clone().ok()?, server.try_clone().ok()?);
    thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(std::net::Shutdown::Write);
    });
    std::io::copy(&mut server, &mut client).ok()?;
    client.shutdown(std::net::Shutdown::Both).ok()
}

/// A web server on loopback: `/cert.pem`, `/moved` (to it); anything else is missing.
/// It answers as a proxy too.
pub(crate) fn web_server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        let certificate = std::fs::read_to_string(vectors().join("cert.pem")).unwrap();
        for mut client in listener.incoming().flatten() {
            let head = read_head(&mut client).unwrap_or_default();
            let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
            let (status, header, body) = match path.rsplit('/').next().unwrap_or_default() {
                "cert.pem" => ("200 OK", String::new(), certificate.as_str()),
                "moved" => ("302 Found", "Location: cert.pem\r\n".to_owned(), ""),
                _ => ("404 Not Found", String::new(), "none"),
            };
            let length = body.len();
            let _ = write!(
                client,
                "HTTP/1.1 {status}\r\n{header}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
            );
        }
    });
    url
}

fn read_head(client: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    String::from_utf8(head).ok()
}

fn files(folder: &Path) -> BTreeMap<String, (Vec<u8>, u32)> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let metadata = std::fs::symlink_metadata(entry.path()).unwrap();
        if metadata.is_dir() {
            continue;
        }
        let content = std::fs::read(entry.path()).unwrap();
        let name = entry.file_name().to_string_lossy().into_owned();
        found.insert(name, (content, metadata.permissions().mode() & 0o7777));
    }
    found
}

/// Ciphertexts by their length, numbers of temporary files by `N`.
fn mask(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    let is_base64 =
        |character: char| character.is_ascii_alphanumeric() || matches!(character, '+' | '/' | '=');
    while !rest.is_empty() {
        let run = rest.find(|character| !is_base64(character)).unwrap_or(rest.len());
        if run >= 300 && rest.starts_with('A') {
            write!(out, "<sealed {run}>").unwrap();
        } else {
            out.push_str(&rest[..run]);
        }
        rest = &rest[run..];
        let other = rest.find(is_base64).unwrap_or(rest.len());
        out.push_str(&rest[..other]);
        rest = &rest[other..];
    }
    // Releases are built with the version bare, peers from the module with Go's `v`.
    sort_names(&mask_digits(&out).replace("kubeseal version: v", "kubeseal version: "))
}

/// Upstream names undecryptable items in random order.
fn sort_names(text: &str) -> String {
    const LIST: &str = "no key could decrypt secret (";
    let Some((head, rest)) = text.split_once(LIST) else {
        return text.to_owned();
    };
    let Some((names, tail)) = rest.split_once(')') else {
        return text.to_owned();
    };
    let mut names: Vec<&str> = names.split(", ").collect();
    names.sort_unstable();
    format!("{head}{LIST}{}){tail}", names.join(", "))
}

fn mask_digits(text: &str) -> String {
    let mut out = String::new();
    let mut digits = String::new();
    for character in text.chars().chain([' ']) {
        if character.is_ascii_digit() {
            digits.push(character);
            continue;
        }
        if digits.len() >= 8 {
            out.push('N')
        } else {
            out.push_str(&digits)
        }
        digits.clear();
        out.push(character);
    }
    out.pop();
    out
}

fn split(line: &str) -> Vec<String> {
    let mut arguments = Vec::new();
    let mut current: Option<String> = None;
    let mut quoted = false;
    for character in line.chars() {
        match character {
            '\'' => {
                quoted = !quoted;
                current.get_or_insert_default();
            }
            ' ' if !quoted => arguments.extend(current.take()),
            other => current.get_or_insert_default().push(other),
        }
    }
    arguments.extend(current);
    arguments
}
