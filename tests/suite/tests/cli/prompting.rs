//! Somebody at a terminal: a value typed unseen, and the terminal afterwards; how far a walk has come.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::process::{Child, Command, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};

use super::harness::{Bench, binary, secret};

// Long, since machines are slow; never waited for where all is well.
const SOON: Duration = Duration::from_secs(60);

/// Who types and sees, and the terminal.
fn pair() -> (File, File) {
    let keyboard = File::from(openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap());
    grantpt(&keyboard).unwrap();
    unlockpt(&keyboard).unwrap();
    let name = ptsname(&keyboard, Vec::new()).unwrap();
    let terminal = OpenOptions::new()
        .read(true)
        .write(true)
        .open(OsStr::from_bytes(name.as_bytes()))
        .unwrap();
    (keyboard, terminal)
}

/// `seal set f.yaml a` at a terminal of its own, which waits for the value.
struct Prompted {
    bench: Bench,
    keyboard: File,
    terminal: File,
    child: Child,
}

impl Prompted {
    fn new() -> Self {
        let bench = Bench::new();
        bench.write("f.yaml", bench.sealed(&secret("a: old")));
        let (mut keyboard, terminal) = pair();
        // A session of its own whose terminal this is; setsid becomes the program it is to start.
        let child = Command::new("setsid")
            .args(["--ctty"])
            .arg(binary())
            .args(["set", "f.yaml", "a", "--cert", "cert.pem"])
            .current_dir(bench.folder.path())
            .env("HOME", bench.folder.path())
            .stdin(terminal.try_clone().unwrap())
            .stdout(terminal.try_clone().unwrap())
            .stderr(terminal.try_clone().unwrap())
            .spawn()
            .unwrap();
        let (mut seen, mut byte) = (Vec::new(), [0]);
        while !seen.ends_with(b"value of a: ") {
            keyboard.read_exact(&mut byte).unwrap();
            seen.extend(byte);
        }
        let prompted = Self {
            bench,
            keyboard,
            terminal,
            child,
        };
        // The prompt is shown a moment before the echo is off.
        let late = Instant::now() + SOON;
        while prompted.echoes() {
            assert!(Instant::now() < late, "what is typed would be seen");
            thread::yield_now();
        }
        prompted
    }

    fn echoes(&self) -> bool {
        let modes = tcgetattr(&self.terminal).unwrap().local_modes;
        modes.contains(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG)
    }

    fn send(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).unwrap();
    }

    fn end(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }
}

#[test]
fn a_value_typed_at_the_prompt_is_sealed_and_not_shown() {
    let mut prompted = Prompted::new();
    prompted.keyboard.write_all(b"typed\n").unwrap();
    assert_eq!(prompted.end().code(), Some(0));
    assert!(prompted.echoes());
    let rendered = prompted.bench.rendered(&prompted.bench.read("f.yaml"));
    assert!(rendered.contains("  a: dHlwZWQ=\n"), "{rendered}");
}

#[test]
fn a_terminal_echoes_again_after_ctrl_c_at_the_prompt() {
    let mut prompted = Prompted::new();
    let before = prompted.bench.read("f.yaml");
    prompted.keyboard.write_all(b"half\x03").unwrap();
    assert_eq!(prompted.end().code(), Some(130));
    assert!(prompted.echoes());
    assert_eq!(prompted.bench.read("f.yaml"), before);
}

#[test]
fn a_terminal_echoes_again_after_a_signal_at_the_prompt() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let mut prompted = Prompted::new();
        prompted.send(signal);
        assert_eq!(prompted.end().code(), Some(130), "{signal:?}");
        assert!(prompted.echoes(), "{signal:?}");
    }
}

#[test]
fn ctrl_c_ends_it_also_where_it_waits_for_the_folder_after_the_prompt() {
    let mut prompted = Prompted::new();
    let before = prompted.bench.read("f.yaml");
    let held = File::open(prompted.bench.folder.path()).unwrap();
    held.lock().unwrap();
    prompted.keyboard.write_all(b"typed\n").unwrap();
    let waits = format!(" {} ", prompted.child.id());
    let late = Instant::now() + SOON;
    while !std::fs::read_to_string("/proc/locks")
        .unwrap()
        .lines()
        .any(|line| line.contains("->") && line.contains(&waits))
    {
        assert!(Instant::now() < late, "it does not wait for the folder");
        thread::sleep(Duration::from_millis(10));
    }
    prompted.send(Signal::INT);
    while prompted.child.try_wait().unwrap().is_none() {
        if Instant::now() > late {
            prompted.child.kill().unwrap();
            panic!("it goes on waiting");
        }
        thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(prompted.end().code(), Some(130));
    assert!(prompted.echoes());
    assert_eq!(prompted.bench.read("f.yaml"), before);
}

#[test]
fn how_far_a_walk_has_come_is_drawn_for_who_watches_and_for_nobody_else() {
    let bench = Bench::new();
    for n in 0..40 {
        bench.write(&format!("apps/{n}.yaml"), "kind: Deployment\n");
    }
    let check = |words: &[&str]| {
        let (mut watcher, terminal) = pair();
        let mut child = Command::new(binary())
            .args(["check", "apps"])
            .args(words)
            .current_dir(bench.folder.path())
            .env("HOME", bench.folder.path())
            .env("TERM", "xterm")
            .stderr(terminal)
            .spawn()
            .unwrap();
        let mut seen = Vec::new();
        // It ends with an error once nobody holds the terminal.
        let _ = watcher.read_to_end(&mut seen);
        assert!(child.wait().unwrap().success());
        String::from_utf8(seen).unwrap()
    };
    let drawn = "of 40 files";
    let seen = check(&[]);
    assert!(seen.contains(drawn), "{seen}");
    let quiet = check(&["--quiet"]);
    assert!(!quiet.contains(drawn), "{quiet}");
    let elsewhere = bench.seal("check apps");
    assert_eq!(elsewhere.code, 0);
    assert!(!elsewhere.err().contains(drawn), "{}", elsewhere.err());
}
