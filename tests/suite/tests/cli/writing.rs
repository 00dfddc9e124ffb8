//! Where results go, and that a file is the old one or the new one and never anything between.

use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use seal_testbed::Program;

use super::harness::{Bench, binary, done, refused, secret};

#[test]
fn a_file_a_pipe_and_the_command_mean_the_same() {
    let bench = Bench::new();
    bench.write("s.yaml", secret("a: b"));
    for output in [
        bench.seal("s.yaml --cert cert.pem"),
        bench.seal("--cert cert.pem s.yaml"),
        bench.seal_with("--cert cert.pem", secret("a: b")),
        bench.seal_with("seal --cert cert.pem -", secret("a: b")),
    ] {
        assert!(bench.rendered(&done(&output)).contains("  a: Yg==\n"));
    }
}

#[test]
fn several_files_need_a_place_to_go() {
    let bench = Bench::new();
    bench
        .write("a.yaml", secret("a: b"))
        .write("b.yaml", secret("a: b"));
    refused(
        &bench.seal("seal a.yaml b.yaml --cert cert.pem"),
        2,
        "there are 2 inputs, and one output",
    );
    refused(
        &bench.seal_with("seal -i --cert cert.pem", secret("a: b")),
        2,
        "--in-place needs files",
    );
}

#[test]
fn a_folder_is_sealed_in_place_and_only_changed_files_are_touched() {
    let bench = Bench::new();
    bench
        .write("in/a.yaml", secret("a: b"))
        .write("in/deep/b.yml", secret("c: d"))
        .write("in/deep/c.json", "{\"kind\": \"Other\"}")
        .write("in/.gitignore", "*.yaml\n")
        .write("in/readme.md", "kind: Secret")
        .write("outside.yaml", secret("x: y"));
    std::os::unix::fs::symlink("../outside.yaml", bench.folder.path().join("in/link.yaml")).unwrap();
    let untouched = bench.folder.path().join("in/deep/c.json");
    let before = std::fs::metadata(&untouched).unwrap().modified().unwrap();

    let output = bench.seal("-v seal -i in --cert cert.pem");
    done(&output);
    assert!(
        output.err().contains("in/deep/c.json: nothing to seal"),
        "{}",
        output.err()
    );
    for sealed in ["in/a.yaml", "in/deep/b.yml"] {
        assert!(bench.read(sealed).contains("kind: SealedSecret"), "{sealed}");
    }
    // Beneath the folder only: a link may lead anywhere.
    assert_eq!(bench.read("outside.yaml"), secret("x: y"));
    assert_eq!(bench.read("in/readme.md"), "kind: Secret");
    assert_eq!(std::fs::metadata(&untouched).unwrap().modified().unwrap(), before);
}

#[test]
fn a_folder_is_sealed_into_another_with_its_structure() {
    let bench = Bench::new();
    bench
        .write("in/a.yaml", secret("a: b"))
        .write("in/deep/c.json", "{\"kind\": \"Other\"}");
    done(&bench.seal("seal -d out in --cert cert.pem"));
    assert!(bench.read("out/a.yaml").contains("SealedSecret"));
    assert_eq!(bench.read("out/deep/c.json"), "{\"kind\": \"Other\"}");
    assert_eq!(bench.read("in/a.yaml"), secret("a: b"));
}

#[test]
fn one_bad_file_leaves_all_files_as_they_were() {
    let bench = Bench::new();
    bench
        .write("in/a.yaml", secret("a: b"))
        .write("in/b.yaml", "a: [");
    refused(
        &bench.seal("seal -i in --cert cert.pem"),
        3,
        "in/b.yaml: document 1 at",
    );
    assert_eq!(bench.read("in/a.yaml"), secret("a: b"));
    assert_eq!(
        bench
            .folder
            .files()
            .unwrap()
            .iter()
            .filter(|path| path.starts_with("in"))
            .count(),
        2
    );
}

#[test]
fn a_folder_that_cannot_be_written_is_named_and_the_file_stays() {
    let bench = Bench::new();
    bench.write("in/a.yaml", secret("a: b"));
    let folder = bench.folder.path().join("in");
    for (path, mode) in [(bench.folder.path(), 0o755), (&*folder, 0o555)] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }
    // Root may write everywhere, so the test is somebody else.
    let mut run = Program::new(binary());
    if std::fs::metadata("/proc/self").is_ok_and(|process| std::os::unix::fs::MetadataExt::uid(&process) == 0)
    {
        run = Program::new("setpriv")
            .args(["--reuid", "65534", "--regid", "65534", "--clear-groups"])
            .arg(binary());
    }
    let output = run
        .args(["seal", "-i", "in/a.yaml", "--cert", "cert.pem"])
        .current_dir(bench.folder.path())
        .run()
        .unwrap();
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o755)).unwrap();
    refused(&output, 3, "cannot write in/a.yaml: permission denied");
    assert_eq!(bench.read("in/a.yaml"), secret("a: b"));
}

#[test]
fn a_kill_at_any_moment_leaves_the_old_file_or_the_new_one() {
    let bench = Bench::new();
    let filler = format!("---\nkind: ConfigMap\nx: {}\n", "x".repeat(4 << 20));
    let old = format!("{}{filler}", secret("a: b"));
    let start = |bench: &Bench| {
        Command::new(binary())
            .args(["seal", "-i", "big.yaml", "--cert", "cert.pem"])
            .current_dir(bench.folder.path())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    };
    bench.write("big.yaml", &old);
    let began = Instant::now();
    assert!(start(&bench).wait().unwrap().success());
    let whole = began.elapsed();
    let (mut olds, mut news) = (0, 0);
    for step in 0..30_u32 {
        bench.write("big.yaml", &old);
        let mut child = start(&bench);
        // Spread over the whole run: whichever step it is in, it is killed there once.
        std::thread::sleep(whole.mul_f64(f64::from(step) / 29.0).min(Duration::from_secs(5)));
        let _ = child.kill();
        child.wait().unwrap();
        let now = bench.read("big.yaml");
        if now == old {
            olds += 1;
        } else {
            assert!(
                now.starts_with("apiVersion: bitnami") && now.ends_with(&filler),
                "a mixture"
            );
            news += 1;
        }
    }
    assert!(olds > 0, "{olds} old, {news} new");
}

#[test]
fn a_result_that_nobody_reads_to_its_end_is_no_error() {
    let bench = Bench::new();
    bench.write(
        "s.yaml",
        format!("{}---\nx: {}\n", secret("a: b"), "x".repeat(1 << 20)),
    );
    let command = format!(
        "{} seal --cert cert.pem s.yaml | head -c 10; echo ${{PIPESTATUS[0]}}",
        binary().display()
    );
    let output = Program::new("bash")
        .args(["-c", &command])
        .current_dir(bench.folder.path())
        .run()
        .unwrap();
    assert_eq!(
        (output.out().trim_end(), output.err().as_str()),
        ("apiVersion0", "")
    );
}
