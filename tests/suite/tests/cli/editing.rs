//! `edit`: a real editor, though a script; what it leaves alone stays, and nothing it was shown stays behind.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use seal_testbed::{Program, ProgramOutput};
use tempfile::TempDir;

use super::harness::{Bench, done, program, refused, secret};

/// A file to edit, and a folder in memory that is this test's alone.
pub(super) struct Desk {
    pub(super) bench: Bench,
    memory: TempDir,
}

impl Desk {
    pub(super) fn new() -> Self {
        let bench = Bench::new();
        let sealed = bench.sealed(&secret("a: old-a\nb: old-b\nc: old-c"));
        let sealed = sealed.replace(
            "  encryptedData:\n",
            "  # sealed values\n  encryptedData:   # by entry\n",
        );
        bench.write(
            "f.yaml",
            format!("# head\napiVersion: v1\nkind:  ConfigMap\n---\n{sealed}  # tail\n"),
        );
        let memory = tempfile::tempdir_in("/dev/shm").unwrap();
        Self { bench, memory }
    }

    pub(super) fn with(file: &str) -> Self {
        let desk = Self::new();
        desk.bench.write("f.yaml", file);
        desk
    }

    /// `seal edit` with an editor that is the script `editor`, in which $f is the file that it is given.
    pub(super) fn editing(&self, editor: &str, line: &str) -> Program {
        self.bench
            .write("editor", format!("#!/bin/sh\nfor f; do :; done\n{editor}\n"));
        let path = self.bench.folder.path().join("editor");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        program(self.bench.folder.path())
            .args(line.split_whitespace())
            .env("XDG_RUNTIME_DIR", self.memory.path())
            .env("SEAL_EDITOR", "./editor")
    }

    pub(super) fn edit(&self, editor: &str) -> ProgramOutput {
        self.editing(editor, "edit f.yaml --cert cert.pem").run().unwrap()
    }

    /// Asserts that the editor is refused, that the file stays, and that nothing of the text does.
    fn gives_up(&self, editor: &str, code: i32, complaint: &str) {
        let before = self.bench.read("f.yaml");
        refused(&self.edit(editor), code, complaint);
        assert_eq!(self.bench.read("f.yaml"), before);
        self.is_clean();
    }

    pub(super) fn is_clean(&self) {
        assert_eq!(fs::read_dir(self.memory.path()).unwrap().count(), 0);
    }

    pub(super) fn rendered(&self) -> String {
        self.bench.rendered(&self.bench.read("f.yaml"))
    }
}

pub(super) fn entry<'f>(file: &'f str, name: &str) -> &'f str {
    let line = file
        .lines()
        .find(|line| line.trim_start().starts_with(&format!("{name}: ")));
    line.unwrap_or_else(|| panic!("no {name}: {file}"))
}

#[test]
fn what_is_left_stays_what_is_replaced_is_sealed_and_lines_come_and_go() {
    let desk = Desk::new();
    let before = desk.bench.read("f.yaml");
    let editor = "cp \"$f\" seen\nsed -i -e 's/^  b: .*/  b: new-b/' -e '/^  c: /d' \"$f\"\necho '  d: new-d' >> \"$f\"";
    done(&desk.edit(editor));
    let after = desk.bench.read("f.yaml");
    assert_ne!(entry(&before, "b"), entry(&after, "b"));
    let expected = before
        .replace(entry(&before, "b"), entry(&after, "b"))
        .replace(entry(&before, "c"), entry(&after, "d"));
    assert_eq!(after, expected);
    let rendered = desk.rendered();
    for line in ["  a: b2xkLWE=\n", "  b: bmV3LWI=\n", "  d: bmV3LWQ=\n"] {
        assert!(rendered.contains(line), "{rendered}");
    }
    assert!(!rendered.contains("  c:"));
    let seen = desk.bench.read("seen");
    assert!(
        seen.contains("kind: Secret\n") && seen.contains("stringData:\n  a: <sealed:"),
        "{seen}"
    );
    assert!(
        before.contains(": AQ") && !seen.contains("old-") && !seen.contains(": AQ"),
        "{seen}"
    );
    desk.is_clean();
}

#[test]
fn a_note_of_what_sealed_what_follows_what_is_typed() {
    let desk = Desk::with(&Desk::new().bench.noted(&secret("a: old-a\nb: old-b")));
    done(&desk.edit("sed -i -e 's/^  a: /  renamed: /' -e 's/^  b: .*/  b: new-b/' \"$f\""));
    let table = done(&desk.bench.seal("keys usage f.yaml"));
    let row = table.lines().nth(1).unwrap();
    let all = row.starts_with("SHA256:") && row.split_whitespace().nth(1) == Some("2");
    assert!(all && !table.contains("unknown"), "{table}");
}

#[test]
fn an_editor_closed_without_a_change_leaves_the_file_untouched() {
    let desk = Desk::new();
    let path = desk.bench.folder.path().join("f.yaml");
    let look = || {
        let found = fs::metadata(&path).unwrap();
        (found.ino(), found.mtime_nsec(), found.mtime())
    };
    let before = look();
    done(&desk.edit(":"));
    // Written again, and still the same; other comments are no change either.
    done(&desk.edit("cp \"$f\" x && mv x \"$f\""));
    done(&desk.edit("echo '# mine' >> \"$f\""));
    assert_eq!(look(), before);
    desk.is_clean();
}

#[test]
fn what_is_wrong_opens_the_editor_again_with_the_error_at_its_line() {
    for (wrong, complaint) in [
        ("  port: 5432", "stringData[\"port\"] must be a string"),
        ("  port: '5432", "quote"),
        ("  port:", "stringData[\"port\"] has no value"),
        ("  a: again", "the key stands twice"),
        ("  'no name': x", "a Secret cannot have an entry of that name"),
        ("  port: x<sealed:AAAA>", "stands for no value of this Secret"),
        ("port: x", "\"port\" is no field that can be edited here"),
        ("data:\n  port: hunter2!", "data[\"port\"] is not base64"),
    ] {
        let desk = Desk::new();
        let wrong_line = wrong.lines().last().unwrap();
        desk.bench.write("wrong", format!("{wrong}\n"));
        // The second time what was wrong is mended; the heading is left as it stands.
        let editor = format!(
            "if [ -e round ]; then cp \"$f\" seen; grep -vF \"{wrong_line}\" \"$f\" > x; echo '  port: \"1\"' | cat x - | \
             sed '/^data:$/d' > y; cat y > \"$f\"; else touch round; cat wrong >> \"$f\"; fi"
        );
        done(&desk.edit(&editor));
        let seen = desk.bench.read("seen");
        let heading = seen.lines().next().unwrap();
        assert!(heading.contains(complaint), "{wrong}: {heading}");
        let number = heading
            .strip_prefix("# error: line ")
            .and_then(|rest| rest.split_once(':'));
        let number: usize = number.unwrap_or_else(|| panic!("{heading}")).0.parse().unwrap();
        let named = seen.lines().nth(number - 1).unwrap();
        assert!(
            named == wrong_line || wrong.contains("'5432") || wrong.contains("again"),
            "{wrong}: line {number} is {named}"
        );
        assert!(desk.rendered().contains("  port: MQ==\n"), "{wrong}");
        desk.is_clean();
    }
}

#[test]
fn who_closes_the_editor_on_an_error_gives_up_and_no_value_is_told() {
    let desk = Desk::new();
    let editor = "[ -e round ] || { touch round; printf 'data:\\n  port: hunter2!\\n' >> \"$f\"; }";
    let output = desk.edit(editor);
    refused(&output, 3, "nothing was changed; line ");
    assert!(!output.err().contains("hunter2"));
    fs::remove_file(desk.bench.folder.path().join("round")).unwrap();
    desk.gives_up(editor, 3, "data[\"port\"] is not base64");
    let emptied = "[ -e emptied ] || { touch emptied; : > \"$f\"; }";
    desk.gives_up(emptied, 3, "1 of 1 Secrets are gone");
}

#[test]
fn an_editor_that_fails_or_is_killed_changes_nothing_and_leaves_nothing() {
    let desk = Desk::new();
    let change = "sed -i 's/^  b: .*/  b: hunter2/' \"$f\"; cp \"$f\" \"$f~\"; ";
    desk.gives_up(&format!("{change} exit 1"), 3, "ended with exit status: 1");
    desk.gives_up(&format!("{change} kill -KILL $$"), 3, "ended with signal: 9");
    // As Ctrl-C ends a program that does nothing about it.
    desk.gives_up(&format!("{change} kill -INT $$"), 130, "nothing was changed");
    desk.gives_up(&format!("{change} rm \"$f\""), 3, "there is no such file");
    // Sent to the parent, that is to seal, which passes it on.
    for name in ["TERM", "HUP"] {
        let waiting = format!("{change} kill -{name} $PPID; exec sleep 60");
        desk.gives_up(&waiting, 130, "nothing was changed");
    }
    let none = desk
        .editing("", "edit f.yaml --cert cert.pem")
        .env("SEAL_EDITOR", "no-such-editor -x")
        .run()
        .unwrap();
    refused(
        &none,
        3,
        "cannot start the editor no-such-editor -x: there is no such program",
    );
}

#[test]
fn what_a_killed_seal_left_is_gone_after_the_next() {
    let desk = Desk::new();
    let before = desk.bench.read("f.yaml");
    let killed = desk.edit("sed -i 's/^  b: .*/  b: hunter2/' \"$f\"; kill -KILL $PPID");
    assert_eq!(killed.code, 137);
    assert_eq!(desk.bench.read("f.yaml"), before);
    assert_eq!(fs::read_dir(desk.memory.path()).unwrap().count(), 1);
    done(&desk.edit(":"));
    desk.is_clean();
}

#[test]
fn of_two_at_once_the_second_is_told_and_neither_loses_anything() {
    let desk = Desk::new();
    // Somebody else's change comes while the editor is open.
    let editor = "if [ -e round ]; then cp \"$f\" seen; else touch round; sed -i 's/^  b: .*/  b: mine/' \"$f\"; \
                  cp other.yaml f.yaml; fi";
    let theirs = format!("{}# theirs\n", desk.bench.read("f.yaml"));
    desk.bench.write("other.yaml", &theirs);
    refused(&desk.edit(editor), 3, "the file changed meanwhile");
    assert_eq!(desk.bench.read("f.yaml"), theirs);
    let seen = desk.bench.read("seen");
    assert!(
        seen.starts_with("# error: f.yaml: the file changed meanwhile\n"),
        "{seen}"
    );
    assert!(seen.contains("  b: mine\n"), "{seen}");
    desk.is_clean();
}

#[test]
fn name_namespace_and_scope_are_refused_with_the_reason() {
    for (change, complaint) in [
        (
            "s/^  name: .*/  name: other/",
            "metadata.name cannot be changed here",
        ),
        (
            "s/^  namespace: .*/  namespace: other/",
            "metadata.namespace cannot be changed here",
        ),
        ("/^  namespace: /d", "metadata.namespace cannot be changed here"),
        (
            "s|^  name: .*|&\\n  annotations: {sealedsecrets.bitnami.com/cluster-wide: \"true\"}|",
            "the scope cannot be changed here",
        ),
        ("s/^kind: .*/kind: SealedSecret/", "kind must stay Secret"),
    ] {
        let desk = Desk::new();
        let editor = format!("[ -e round ] || {{ touch round; sed -i '{change}' \"$f\"; }}");
        desk.gives_up(&editor, 3, complaint);
    }
}

#[test]
fn a_placeholder_gives_its_value_another_name_and_no_other_object_a_value() {
    let desk = Desk::new();
    let before = desk.bench.read("f.yaml");
    done(&desk.edit("sed -i 's/^  a: /  renamed: /' \"$f\""));
    let after = desk.bench.read("f.yaml");
    assert_eq!(
        entry(&after, "renamed").trim_start().replace("renamed: ", "a: "),
        entry(&before, "a").trim_start()
    );
    assert!(desk.rendered().contains("  renamed: b2xkLWE=\n"));
    let two = format!(
        "{}---\n{}",
        secret("a: one"),
        secret("b: two").replace("db", "other")
    );
    let desk = Desk::with(&Bench::new().sealed(&two));
    let swap =
        "[ -e round ] || { touch round; one=$(grep '^  a: ' \"$f\"); sed -i \"s/^  b: .*/$one/\" \"$f\"; }";
    desk.gives_up(swap, 3, "stands for no value of this Secret");
}

#[test]
fn template_metadata_and_type_are_carried_over_in_lists_and_json_too() {
    let edit = "sed -i -e 's/^  labels:/&\\n    tier: back/' -e '/^    app: /d' -e 's/^type: .*/type: example.com\\/x/' \
                -e 's/^  b: .*/  b: new-b/' \"$f\"; echo 'immutable: true' >> \"$f\"";
    let plain = secret("a: old-a\nb: old-b").replace(
        "  name: db\n",
        "  name: db\n  labels:\n    app: shop\n    keep: me\n",
    ) + "type: Opaque\n";
    let bench = Bench::new();
    let yaml = bench.sealed(&plain);
    let json = done(&bench.seal_with("seal --cert cert.pem --format json", plain.as_bytes()));
    let list = format!(
        "apiVersion: v1\nkind: List\nitems:\n# one\n- {}",
        yaml.trim_start_matches("---\n").trim_end().replace('\n', "\n  ")
    );
    for file in [yaml, json, list] {
        let desk = Desk::new();
        desk.bench.write("f.yaml", &file);
        done(&desk.edit(edit));
        let rendered = desk.rendered().replace('"', "");
        for part in [
            "tier: back",
            "keep: me",
            "type: example.com/x",
            "immutable: true",
            "b: bmV3LWI=",
            "a: b2xkLWE=",
        ] {
            assert!(rendered.contains(part), "{file}\n{rendered}");
        }
        assert!(!rendered.contains("app: shop"), "{rendered}");
        assert!(!file.contains("# one") || desk.bench.read("f.yaml").contains("\n# one\n- "));
    }
}

#[test]
fn what_is_edited_stands_in_memory_for_its_owner_alone_and_nowhere_else() {
    let desk = Desk::new();
    let editor = "stat -c %a \"$f\" \"${f%/*}\" > modes; stat -f -c %T \"$f\" >> modes; echo \"$#\" >> modes; \
                  sed -i 's/^  b: .*/  b: hunter2-canary/' \"$f\"";
    let output = desk
        .editing(editor, "edit f.yaml --cert cert.pem")
        .env("SEAL_EDITOR", "./editor --wait")
        .run()
        .unwrap();
    done(&output);
    assert_eq!(desk.bench.read("modes"), "600\n700\ntmpfs\n2\n");
    assert!(
        output
            .err()
            .contains("nobody knows how to keep ./editor --wait from leaving copies")
    );
    desk.is_clean();
    for found in fs::read_dir(desk.bench.folder.path()).unwrap() {
        let found = found.unwrap();
        if found.file_type().unwrap().is_file() && found.file_name() != "editor" {
            let bytes = fs::read(found.path()).unwrap();
            assert!(
                !bytes.windows(6).any(|part| part == b"canary"),
                "{:?}",
                found.path()
            );
        }
    }
}

#[test]
fn an_editor_that_is_known_is_kept_from_making_copies_before_it_does_anything_else() {
    let desk = Desk::new();
    let vim = "#!/bin/sh\nprintf '%s\\n' \"$@\" > arguments\n";
    desk.bench.write("vim", vim);
    let path = desk.bench.folder.path().join("vim");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    let program = desk.editing("", "edit f.yaml --cert cert.pem");
    let output = program.env("SEAL_EDITOR", "./vim -S mine").run().unwrap();
    done(&output);
    assert_eq!(output.err(), "");
    let arguments = desk.bench.read("arguments");
    let expected = "-n\n-i\nNONE\n-c\nsilent! set nobackup nowritebackup noundofile\n-S\nmine\n/dev/shm/";
    assert!(arguments.starts_with(expected), "{arguments}");
}

#[test]
fn the_variable_may_be_any_of_three_and_hold_what_a_shell_reads() {
    let desk = Desk::new();
    let edit = |variable: &str, editor: &str| {
        desk.editing(
            "sed -i \"s/^  b: .*/  b: $1/\" \"$f\"",
            "edit f.yaml --cert cert.pem",
        )
        .env("SEAL_EDITOR", "")
        .env("VISUAL", "")
        .env("EDITOR", "false")
        .env(variable, editor)
        .run()
        .unwrap()
    };
    for (variable, editor, value) in [
        ("VISUAL", "./editor one", "one"),
        ("SEAL_EDITOR", "X=1 './editor' 'two words'", "two words"),
        ("EDITOR", "./editor three", "three"),
    ] {
        done(&edit(variable, editor));
        let rendered = desk.rendered();
        assert!(
            rendered.contains(&format!("  b: {}\n", base64(value))),
            "{rendered}"
        );
    }
}

#[test]
fn settings_hold_and_what_could_not_be_sealed_opens_no_editor() {
    let desk = Desk::new();
    let opened = || desk.bench.folder.path().join("opened").exists();
    let edit = |line: &str| desk.editing("touch opened", line).run().unwrap();
    refused(
        &edit("edit none.yaml --cert cert.pem"),
        3,
        "there is no such file",
    );
    refused(&edit("edit - --cert cert.pem"), 2, "standard input is none");
    refused(
        &edit("edit f.yaml --cert cert.pem --name other"),
        3,
        "there is no SealedSecret of that name",
    );
    refused(&edit("edit f.yaml --cert none.pem"), 3, "none.pem");
    let wide = secret("a: x").replace(
        "  name: db\n",
        "  name: db\n  annotations:\n    sealedsecrets.bitnami.com/cluster-wide: \"true\"\n",
    );
    desk.bench.write("wide.yaml", desk.bench.sealed(&wide));
    refused(
        &edit("edit wide.yaml --cert cert.pem"),
        3,
        "its scope is cluster-wide, wider than strict",
    );
    // The environment's certificate and pins.
    desk.bench.write(
        ".seal.yaml",
        "environments:\n  all:\n    paths: ['**']\n    certificate: other-cert.pem\n    fingerprints: \
         [SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA]\n",
    );
    refused(&edit("edit f.yaml"), 5, "which --fingerprint does not name");
    assert!(!opened());
    desk.bench.write(
        ".seal.yaml",
        "environments:\n  all:\n    paths: ['**']\n    certificate: other-cert.pem\n",
    );
    done(
        &desk
            .editing("sed -i 's/^  b: .*/  b: x/' \"$f\"", "edit f.yaml")
            .run()
            .unwrap(),
    );
    let opened = desk.bench.seal("verify f.yaml --keys other.pem --output json");
    let others = opened.out();
    assert!(
        others.contains("\"entry\": \"a\"") && !others.contains("\"entry\": \"b\""),
        "{others}"
    );
}

fn base64(text: &str) -> String {
    seal_core::encode_base64(text.as_bytes())
}
