//! A child that dies with the test: every process runs under a supervisor of its own, whose lifeline is a
//! socket that the kernel closes for us however we end. It does not interpret what the child prints.

use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io::{BufRead, BufReader, Write},
    os::{
        fd::OwnedFd,
        unix::{
            net::UnixStream,
            process::{CommandExt, ExitStatusExt},
        },
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::{ControlPlane, wait_for};

const START_DEADLINE: Duration = Duration::from_secs(60);
const SUPERVISOR: &str = env!("SEAL_TESTBED_SUPERVISOR");

/// A program running beside a control plane, in its network. Dropping it kills it and its descendants.
pub struct Process {
    name: String,
    log: PathBuf,
    supervisor: Supervisor,
}

impl Process {
    /// Starts `binary` in the plane's network, without the caller's `KUBECONFIG`; its output goes to a log
    /// beside the plane's own.
    pub fn start_in<'a>(
        plane: &ControlPlane,
        binary: &Path,
        arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
        environment: impl IntoIterator<Item = (&'a str, String)>,
    ) -> anyhow::Result<Self> {
        let command = [binary.as_os_str().to_owned()].into_iter();
        let command = command.chain(arguments.into_iter().map(|argument| argument.as_ref().to_owned()));
        Self::start(plane.new_log(binary), plane.enter(), command, environment)
    }

    /// Like [`Process::start_in`], in the clothes of a pod: in-cluster configuration for that service account
    /// (variables, and the credentials' folder in a mount namespace of its own), and nothing else to go by.
    pub async fn start_as_pod<'a>(
        plane: &ControlPlane,
        (namespace, account): (&str, &str),
        binary: &Path,
        arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
        environment: impl IntoIterator<Item = (&'a str, String)>,
    ) -> anyhow::Result<Self> {
        let token = plane.service_account(namespace, account).await?;
        let log = plane.new_log(binary);
        let credentials = log.with_extension("credentials");
        std::fs::create_dir(&credentials)?;
        for (file, content) in [
            ("token", token.as_str()),
            ("ca.crt", plane.ca_pem()),
            ("namespace", namespace),
        ] {
            std::fs::write(credentials.join(file), content)?;
        }
        let mut command = plane.own_mounts();
        command.extend([
            SUPERVISOR.into(),
            "pod".into(),
            credentials.into(),
            "--".into(),
            binary.into(),
        ]);
        command.extend(arguments.into_iter().map(|argument| argument.as_ref().to_owned()));
        let (host, port) = plane.in_cluster_address();
        let variables = [
            ("KUBERNETES_SERVICE_HOST", host),
            ("KUBERNETES_SERVICE_PORT", port),
        ];
        let environment = variables.into_iter().chain(environment);
        Self::start(log, plane.enter(), command.into_iter(), environment)
    }

    /// The process id, for `/proc` and signals of the caller's own.
    pub fn pid(&self) -> u32 {
        self.supervisor.pid
    }

    /// Where its output is written.
    pub fn log_path(&self) -> &Path {
        &self.log
    }

    /// All that it has printed so far, standard output and error as they came.
    pub fn log(&self) -> String {
        std::fs::read(&self.log)
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }

    /// How it ended, if it has; 128 + n when signal n ended it.
    pub fn exit_code(&self) -> anyhow::Result<Option<i32>> {
        self.supervisor.exit_code()
    }

    /// Asks it to end (SIGTERM) and waits.
    pub async fn terminate(&self, deadline: Duration) -> anyhow::Result<i32> {
        self.signal(Signal::TERM)?;
        let what = format!("{} to end after SIGTERM", self.name);
        wait_for(&what, deadline, async || self.supervisor.exit_code()).await
    }

    /// Interrupts it, as Ctrl-C does (SIGINT).
    pub fn interrupt(&self) -> anyhow::Result<()> {
        self.signal(Signal::INT)
    }

    /// Stops it where it stands (SIGSTOP), as a node that stalls does, and returns when it stands.
    pub async fn pause(&self) -> anyhow::Result<()> {
        self.signal(Signal::STOP)?;
        let stat = format!("/proc/{}/stat", self.pid());
        wait_for("the process to stand", START_DEADLINE, async || {
            let stat = std::fs::read_to_string(&stat)?;
            // The state follows the program's name, which is in parentheses and may hold anything.
            let state = stat.rsplit(") ").next().and_then(|rest| rest.chars().next());
            Ok((state == Some('T')).then_some(()))
        })
        .await
    }

    /// Lets it go on after [`Process::pause`].
    pub fn resume(&self) -> anyhow::Result<()> {
        self.signal(Signal::CONT)
    }

    /// Kills it (SIGKILL) and returns when it is gone.
    pub fn kill(self) {
        drop(self);
    }

    pub(crate) fn start<'a>(
        log: PathBuf,
        enter: Vec<OsString>,
        command: impl Iterator<Item = OsString>,
        environment: impl IntoIterator<Item = (&'a str, String)>,
    ) -> anyhow::Result<Self> {
        let name = log.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let role = [OsString::from("run"), log.clone().into(), OsString::from("--")]
            .into_iter()
            .chain(command);
        let supervisor = Supervisor::start(enter, role, environment, Stdio::null(), &log)
            .with_context(|| format!("{name} did not start"))?;
        Ok(Self {
            name,
            log,
            supervisor,
        })
    }

    pub(crate) fn detach(self) -> anyhow::Result<()> {
        self.supervisor.detach()
    }

    fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        if let Some(code) = self.exit_code()? {
            bail!("{} has ended already, with {code}", self.name);
        }
        let pid = i32::try_from(self.pid())
            .ok()
            .and_then(Pid::from_raw)
            .context("not a process id")?;
        kill_process(pid, signal).with_context(|| format!("cannot signal {}", self.name))
    }
}

/// One supervisor: see `bin/seal-testbed-supervisor.rs` for its roles.
pub(crate) struct Supervisor {
    child: Mutex<Child>,
    lifeline: Option<UnixStream>,
    pid: u32,
}

impl Supervisor {
    /// `enter` is a prefix such as `nsenter …`; returns once the role is underway.
    pub(crate) fn start<'a>(
        enter: Vec<OsString>,
        role: impl Iterator<Item = OsString>,
        environment: impl IntoIterator<Item = (&'a str, String)>,
        output: Stdio,
        complaints: &Path,
    ) -> anyhow::Result<Self> {
        let (ours, theirs) = UnixStream::pair()?;
        let mut words = enter.into_iter().chain([OsString::from(SUPERVISOR)]).chain(role);
        let program = words.next().context("no program")?;
        let child = Command::new(&program)
            .args(words)
            .env_remove("KUBECONFIG")
            .envs(environment)
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(output)
            .stderr(File::options().create(true).append(true).open(complaints)?)
            // Ctrl-C at a terminal reaches the test's own group; the supervisor must outlive it to clean up.
            .process_group(0)
            .spawn()
            .with_context(|| program.display().to_string())?;
        // Held from here on, so that a failure below still ends the child.
        let mut supervisor = Self {
            child: Mutex::new(child),
            lifeline: None,
            pid: 0,
        };
        ours.set_read_timeout(Some(START_DEADLINE))?;
        let mut answer = String::new();
        BufReader::new(ours.try_clone()?).read_line(&mut answer)?;
        supervisor.lifeline = Some(ours);
        supervisor.pid = answer.trim().parse().ok().with_context(|| {
            let said = std::fs::read_to_string(complaints).unwrap_or_default();
            said.lines()
                .last()
                .unwrap_or("the supervisor said nothing")
                .to_owned()
        })?;
        Ok(supervisor)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    pub(crate) fn exit_code(&self) -> anyhow::Result<Option<i32>> {
        let ended = self
            .child
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .try_wait()?;
        Ok(ended.map(|status| {
            status
                .code()
                .unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
        }))
    }

    /// From now on the removal of the plane's folder ends it, not the end of this process.
    pub(crate) fn detach(mut self) -> anyhow::Result<()> {
        let mut lifeline = self.lifeline.take().context("detached before it started")?;
        lifeline.write_all(b"d")?;
        std::mem::forget(self);
        Ok(())
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        drop(self.lifeline.take());
        drop(
            self.child
                .get_mut()
                .unwrap_or_else(PoisonError::into_inner)
                .wait(),
        );
    }
}
