//! The binary, a key pair made by it, and folders for one test's files.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use seal_testbed::{Program, ProgramOutput, Workspace};

/// Our binary, built by the cargo that runs this test.
pub(crate) fn binary() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT
        .get_or_init(|| seal_tests::built("seal-cli", "seal").unwrap())
        .clone()
}

/// A folder with a key pair in it: `key.pem`, `cert.pem`, and another key's `other.pem`.
pub(crate) struct Bench {
    pub(crate) folder: Workspace,
}

impl Bench {
    pub(crate) fn new() -> Self {
        static KEYS: OnceLock<Workspace> = OnceLock::new();
        let keys = KEYS.get_or_init(|| {
            let keys = Workspace::new().unwrap();
            for (key, certificate) in [("key.pem", "cert.pem"), ("other.pem", "other-cert.pem")] {
                let arguments = [
                    "keygen",
                    "--bits",
                    "2048",
                    "--key-file",
                    key,
                    "--cert-file",
                    certificate,
                ];
                program(keys.path())
                    .args(arguments)
                    .run()
                    .unwrap()
                    .success()
                    .unwrap();
            }
            keys
        });
        let folder = Workspace::new().unwrap();
        for name in ["key.pem", "cert.pem", "other.pem", "other-cert.pem"] {
            std::fs::copy(keys.path().join(name), folder.path().join(name)).unwrap();
        }
        Self { folder }
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> &Self {
        self.folder.write(name, content).unwrap();
        self
    }

    pub(crate) fn read(&self, name: &str) -> String {
        self.folder.read(name).unwrap()
    }

    /// Runs `seal` with the words of `line`.
    pub(crate) fn seal(&self, line: &str) -> ProgramOutput {
        self.seal_with(line, "")
    }

    /// The same with standard input.
    pub(crate) fn seal_with(&self, line: &str, stdin: impl Into<Vec<u8>>) -> ProgramOutput {
        program(self.folder.path())
            .args(line.split_whitespace())
            .stdin(stdin)
            .run()
            .unwrap()
    }

    /// Seals `manifests`, without the note that kubeseal does not write either.
    pub(crate) fn sealed(&self, manifests: &str) -> String {
        without_note(&self.noted(manifests))
    }

    /// Seals `manifests` and answers what was printed.
    pub(crate) fn noted(&self, manifests: &str) -> String {
        done(&self.seal_with("seal --cert cert.pem", manifests))
    }

    /// Renders `manifests` and answers what was printed.
    pub(crate) fn rendered(&self, manifests: &str) -> String {
        done(&self.seal_with("render --keys key.pem", manifests))
    }
}

/// The binary in `folder`, at home there, too.
pub(crate) fn program(folder: &Path) -> Program {
    Program::new(binary())
        .current_dir(folder)
        .env("HOME", folder)
        .env("XDG_CACHE_HOME", folder.join("cache"))
}

/// YAML of ours without its notes of which key sealed what.
pub(crate) fn without_note(text: &str) -> String {
    let note = |line: &str| line.trim_start().starts_with("sealops.dev/sealed-with: ");
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let stays = |index: &usize| {
        let is_alone = |line: &&str| !line.starts_with("    ");
        let heads_nothing = lines[*index].trim() == "annotations:"
            && lines.get(index + 1).is_some_and(|line| note(line))
            && lines.get(index + 2).is_none_or(is_alone);
        !note(lines[*index]) && !heads_nothing
    };
    (0..lines.len()).filter(stays).map(|index| lines[index]).collect()
}

/// Standard output of a run that succeeded.
pub(crate) fn done(output: &ProgramOutput) -> String {
    assert_eq!(output.code, 0, "{}", output.err());
    output.out()
}

/// Asserts code and complaint of a run that failed, and that it printed nothing.
pub(crate) fn refused(output: &ProgramOutput, code: i32, complaint: &str) {
    let said = output.err();
    assert_eq!((output.code, output.out()), (code, String::new()), "{said}");
    assert!(said.contains(complaint), "{said}");
}

/// A Secret `prod/db` with the entries given as YAML lines.
pub(crate) fn secret(entries: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: db\n  namespace: prod\nstringData:\n  {}\n",
        entries.replace('\n', "\n  ")
    )
}
