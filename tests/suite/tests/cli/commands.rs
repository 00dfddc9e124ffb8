//! The command line itself: help, completion, manual pages, colour, quiet.

use seal_testbed::Program;

use super::harness::{Bench, done, refused, secret};

#[test]
fn the_help_names_every_exit_code() {
    let bench = Bench::new();
    let help = done(&bench.seal("--help"));
    for code in [
        "0   done",
        "1   findings",
        "2   the command line",
        "3   the input",
        "4   a sealed",
        "5   a key",
        "6   a secret store",
        "7   the cluster",
        "70  a defect",
    ] {
        assert!(help.contains(code), "{code}: {help}");
    }
}

#[test]
fn every_shell_gets_a_script_and_every_command_a_page() {
    let bench = Bench::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        assert!(
            done(&bench.seal(&format!("completion {shell}"))).contains("keygen"),
            "{shell}"
        );
    }
    bench.write("complete.bash", done(&bench.seal("completion bash")));
    let check = Program::new("bash")
        .args(["-n", "complete.bash"])
        .current_dir(bench.folder.path());
    check.run().unwrap().success().unwrap();
    assert!(done(&bench.seal("man")).contains(".TH seal 1"));
    done(&bench.seal("man --dir man"));
    for page in ["seal.1", "seal-seal.1", "seal-keys-restore.1"] {
        assert!(bench.read(&format!("man/{page}")).contains(".TH "), "{page}");
    }
}

#[test]
fn colour_is_for_terminals_unless_asked_for() {
    let bench = Bench::new();
    let plain = bench.seal("verify missing.yaml");
    refused(
        &plain,
        3,
        "error: cannot read missing.yaml: there is no such file",
    );
    let coloured = bench.seal("verify missing.yaml --color always");
    assert!(coloured.err().starts_with("\u{1b}["), "{:?}", coloured.err());
}

#[test]
fn quiet_says_nothing_and_verbose_says_what_is_used() {
    let bench = Bench::new();
    let config = "apiVersion: v1\nkind: ConfigMap\n";
    let warned = bench.seal_with("seal --cert cert.pem", config);
    assert!(
        done(&warned) == config && warned.err().contains("no Secret in the input"),
        "{}",
        warned.err()
    );
    let quiet = bench.seal_with("-q seal --cert cert.pem", config);
    assert_eq!((quiet.code, quiet.err().as_str()), (0, ""));
    let verbose = bench.seal_with("seal -v --cert cert.pem", secret("a: b"));
    assert!(verbose.err().contains("certificate SHA256:"), "{}", verbose.err());
}

#[test]
fn an_unknown_command_is_taken_for_a_file_and_said_to_be_missing() {
    let bench = Bench::new();
    let output = bench.seal("unsael --cert cert.pem");
    refused(&output, 3, "cannot read unsael: there is no such file");
    refused(
        &output,
        3,
        "try: name a file, or a command: `seal --help` lists them",
    );
    let output = bench.seal("seal nothing.yaml --cert cert.pem");
    refused(&output, 3, "cannot read nothing.yaml: there is no such file");
    assert!(!output.err().contains("--help"), "{}", output.err());
    refused(&bench.seal("verify --nonsense"), 2, "--nonsense");
}

#[test]
fn a_scope_where_the_file_decides_it_is_refused_with_what_is_meant() {
    let bench = Bench::new();
    for words in [
        "set a.yaml entry --scope strict",
        "merge a.yaml b.yaml --scope=strict",
    ] {
        let output = bench.seal(words);
        refused(&output, 2, "unexpected argument '--scope'");
        refused(&output, 2, "--allow-scope");
        assert!(!output.err().contains("as a value"), "{}", output.err());
    }
}

#[test]
fn a_folder_that_is_missing_is_not_called_a_file() {
    let bench = Bench::new();
    let output = bench.seal_with("seal --cert cert.pem -w missing/out.yaml", secret("a: b"));
    refused(
        &output,
        3,
        "cannot write missing/out.yaml: there is no such folder",
    );
}
