//! Runs a program to its end under a deadline: arguments and standard input in, exit code and output out.
//! What should live longer is a [`crate::Process`].

use std::{
    ffi::OsStr,
    io::{Read, Write},
    os::unix::process::{CommandExt, ExitStatusExt},
    path::Path,
    process::{Command, Stdio},
    sync::mpsc::channel,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process_group};

const DEADLINE: Duration = Duration::from_secs(180);

/// A program about to run. It sees no `KUBECONFIG` but one given here.
pub struct Program {
    command: Command,
    input: Vec<u8>,
    deadline: Duration,
}

/// How a program ended, and what it said.
#[derive(Clone, Debug, PartialEq)]
pub struct ProgramOutput {
    /// The exit code; 128 + n when signal n ended it.
    pub code: i32,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
}

impl Program {
    /// A program by path, or by name in `PATH`.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        let mut command = Command::new(program);
        command.env_remove("KUBECONFIG");
        Self {
            command,
            input: Vec::new(),
            deadline: DEADLINE,
        }
    }

    /// One more argument.
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    /// More arguments.
    pub fn args(mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.command.args(arguments);
        self
    }

    /// An environment variable.
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// The folder that it runs in.
    pub fn current_dir(mut self, dir: &Path) -> Self {
        self.command.current_dir(dir);
        self
    }

    /// What it reads; nothing otherwise.
    pub fn stdin(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.input = input.into();
        self
    }

    /// After this it is killed and running it is an error; three minutes otherwise.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Runs it to its end. Any exit code is a result.
    pub fn run(self) -> anyhow::Result<ProgramOutput> {
        let Self {
            mut command,
            input,
            deadline,
        } = self;
        let name = command.get_program().display().to_string();
        let end = Instant::now() + deadline;
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .with_context(|| name.clone())?;
        let group = i32::try_from(child.id())
            .ok()
            .and_then(Pid::from_raw)
            .context("not a process id")?;
        let (mut stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        // A program that does not read all of its input is no fault of ours.
        thread::spawn(move || stdin.as_mut().map(|stdin| stdin.write_all(&input)));
        let (stdout, stderr) = (collect(stdout), collect(stderr));
        let (sender, ended) = channel();
        thread::spawn(move || sender.send(child.wait()));
        let left = || end.saturating_duration_since(Instant::now());
        let outcome = (|| {
            let status = ended.recv_timeout(left()).ok()?;
            Some((
                status,
                stdout.recv_timeout(left()).ok()?,
                stderr.recv_timeout(left()).ok()?,
            ))
        })();
        let Some((status, stdout, stderr)) = outcome else {
            let _ = kill_process_group(group, Signal::KILL);
            bail!("{name} did not end within {deadline:?}");
        };
        let status = status?;
        let code = status
            .code()
            .unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
        Ok(ProgramOutput { code, stdout, stderr })
    }
}

impl ProgramOutput {
    /// Standard output as text.
    pub fn out(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Standard error as text.
    pub fn err(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// Itself when the code is 0, else an error with what was said on standard error.
    pub fn success(self) -> anyhow::Result<Self> {
        if self.code != 0 {
            bail!("exit code {}: {}", self.code, self.err().trim_end());
        }
        Ok(self)
    }
}

fn collect(source: Option<impl Read + Send + 'static>) -> std::sync::mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut output = Vec::new();
        if let Some(mut source) = source {
            drop(source.read_to_end(&mut output));
        }
        sender.send(output)
    });
    receiver
}
