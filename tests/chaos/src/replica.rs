//! One controller behind a proxy of its own: started, killed, stopped and gone on, started again when it
//! ended by itself, as a kubelet does. Who of them leads is the stage's to know.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use seal_testbed::{ControlPlane, FaultProxy, Process, Program};

use crate::stage::HOME;
use crate::usage::Usage;

// After this, whatever a process needs once has been needed.
const WARM: Duration = Duration::from_secs(10);
// From then on it listens to signals; before, they would end it.
const LISTENING: Duration = Duration::from_secs(10);
const UNSHARE: &str = "unshare";

/// A controller, running or not.
pub(crate) struct Replica<'a> {
    pub(crate) proxy: FaultProxy<'a>,
    /// As in its Lease.
    pub(crate) pod: String,
    plane: &'a ControlPlane,
    binary: PathBuf,
    kubeconfig: PathBuf,
    life: Option<Life>,
}

struct Life {
    process: Process,
    born: Instant,
    warm: Option<Usage>,
    last: Option<Usage>,
    still_until: Option<Instant>,
}

impl<'a> Replica<'a> {
    /// One that is not started yet.
    pub(crate) async fn prepare(
        plane: &'a ControlPlane,
        number: usize,
        user: &str,
        binary: &Path,
    ) -> anyhow::Result<Self> {
        let proxy = FaultProxy::start(plane).await?;
        let kubeconfig = proxy.kubeconfig(user).await?;
        Ok(Self {
            proxy,
            pod: format!("seal-{number}"),
            plane,
            binary: binary.to_owned(),
            kubeconfig,
            life: None,
        })
    }

    /// Starts it, with a monotonic clock that is that many hours ahead.
    pub(crate) async fn start(&mut self, flags: &[&str], clock_ahead: Option<u32>) -> anyhow::Result<()> {
        let environment = [
            ("KUBECONFIG", self.kubeconfig.display().to_string()),
            ("POD_NAMESPACE", HOME.to_owned()),
            ("POD_NAME", self.pod.clone()),
        ];
        let process = match clock_ahead {
            None => Process::start_in(self.plane, &self.binary, flags, environment)?,
            Some(hours) => {
                let binary = self.binary.display().to_string();
                let command = own_clock(hours).into_iter().chain([binary]);
                let command = command.chain(flags.iter().map(|flag| (*flag).to_owned()));
                Process::start_in(self.plane, Path::new(UNSHARE), command, environment)?
            }
        };
        self.life = Some(Life {
            process,
            born: Instant::now(),
            warm: None,
            last: None,
            still_until: None,
        });
        Ok(())
    }

    /// Kills it (SIGKILL).
    pub(crate) fn kill(&mut self) {
        if let Some(life) = self.life.take() {
            life.process.kill();
        }
    }

    /// Stops it for that time; [`Replica::tend`] lets it go on.
    pub(crate) async fn stop(&mut self, time: Duration) -> anyhow::Result<()> {
        let Some(life) = &mut self.life else { return Ok(()) };
        match life.process.pause().await {
            Ok(()) => life.still_until = Some(Instant::now() + time),
            // One that has ended stands still enough, and is started again by `tend`.
            Err(_) if life.process.exit_code()?.is_some() => {}
            Err(fault) => return Err(fault),
        }
        Ok(())
    }

    /// Whether a signal would ask it for a new key, and not end it.
    pub(crate) fn listens(&self) -> bool {
        self.life
            .as_ref()
            .is_some_and(|life| life.born.elapsed() >= LISTENING)
    }

    /// Asks it for a new key (SIGUSR1).
    pub(crate) fn ask_for_a_key(&self) -> anyhow::Result<()> {
        let Some(life) = &self.life else { return Ok(()) };
        let process = i32::try_from(life.process.pid())?;
        let process = rustix::process::Pid::from_raw(process).context("a process id")?;
        // One that has ended meanwhile is started again by `tend`.
        let _ = rustix::process::kill_process(process, rustix::process::Signal::USR1);
        Ok(())
    }

    /// Lets it go on when its time has come, or at once. Says how it ended where it did.
    pub(crate) fn tend(&mut self, at_once: bool) -> anyhow::Result<Option<i32>> {
        self.look();
        let Some(life) = &mut self.life else {
            return Ok(None);
        };
        if let Some(code) = life.process.exit_code()? {
            self.life = None;
            return Ok(Some(code));
        }
        if life
            .still_until
            .is_some_and(|until| at_once || Instant::now() >= until)
        {
            life.process.resume()?;
            life.still_until = None;
        }
        Ok(None)
    }

    /// Whether it runs.
    pub(crate) fn is_alive(&self) -> bool {
        self.life.is_some()
    }

    /// What it held when it was warm, and last, in words.
    pub(crate) fn describe(&self) -> String {
        match self.usage() {
            Some((warm, last)) => format!("{}: {warm} when it was warm, {last} at the end", self.pod),
            None => format!("{} did not live long enough to be measured", self.pod),
        }
    }

    /// A complaint where it leaks.
    pub(crate) fn leak(&self) -> Option<String> {
        let (warm, last) = self.usage()?;
        Some(format!("{} {}", self.pod, last.judge(warm)?))
    }

    fn usage(&self) -> Option<(Usage, Usage)> {
        let life = self.life.as_ref()?;
        Some((life.warm?, life.last?))
    }

    fn look(&mut self) {
        let Some(life) = &mut self.life else { return };
        // A process that is just ending has nothing to show.
        let Ok(usage) = Usage::of(life.process.pid()) else {
            return;
        };
        life.last = Some(usage);
        if life.warm.is_none() && life.born.elapsed() >= WARM {
            life.warm = Some(usage);
        }
    }
}

/// Whether a process can be given a clock of its own here.
pub(crate) fn demand_clocks() -> anyhow::Result<()> {
    let ours = std::fs::read_link("/proc/self/ns/time").context("no time namespaces in this kernel")?;
    let theirs = Program::new(UNSHARE)
        .args(own_clock(1))
        .args(["readlink", "/proc/self/ns/time"])
        .run()?
        .success()
        .context("a clock of its own needs root or user namespaces, and util-linux")?;
    // Older kernels move a process into its new time when it forks, not when it becomes the program.
    ensure!(
        theirs.out().trim() != ours.to_string_lossy(),
        "a clock of its own needs Linux 6.3 or newer"
    );
    Ok(())
}

fn own_clock(hours_ahead: u32) -> Vec<String> {
    let seconds = u64::from(hours_ahead) * 3_600;
    let root = rustix::process::geteuid().is_root();
    let user = ["--user", "--map-root-user"].map(str::to_owned);
    let mut flags: Vec<String> = user.into_iter().filter(|_| !root).collect();
    flags.extend([
        "--time".to_owned(),
        format!("--monotonic={seconds}"),
        format!("--boottime={seconds}"),
    ]);
    flags
}
