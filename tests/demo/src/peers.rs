//! The real programs of the second half: which are needed, and getting those that are missing, with an honest
//! estimate. How they are built is the business of `seal-peers`.

use std::{
    env,
    path::{Path, PathBuf},
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use seal_peers::{Cache, PeerError, State};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

use crate::stage::Stage;

const CONTROL_PLANE: [&str; 2] = ["etcd", "kube-apiserver"];
const PATIENCE: Duration = Duration::from_secs(5);

/// The clients that the demo types with; the control plane's programs are there when this returns.
pub(crate) struct Clients {
    pub(crate) kubectl: PathBuf,
    pub(crate) helm: PathBuf,
}

impl Clients {
    /// Finds everything, `more` too, and builds or fetches what is missing.
    pub(crate) async fn gather(stage: &Stage<'_>, more: &[&'static str]) -> anyhow::Result<Self> {
        // Before the first minute is spent on a build.
        let kubectl = on_path("kubectl")
            .context("there is no kubectl on PATH; `apt-get install kubectl`, or your system's like")?;
        let cache = Cache::open()?;
        let missing = |name: &'static str| match seal_peers::find(name).map(|peer| cache.state(peer)) {
            Some(Ok(State::Ready | State::Found)) => None,
            Some(Ok(_)) => Some(Ok(name)),
            Some(Err(error)) => Some(Err(error)),
            None => Some(Err(PeerError::Unknown {
                name: name.to_owned(),
            })),
        };
        // Any helm renders the chart alike; the pinned one takes minutes to build.
        let own_helm = on_path("helm");
        let helm = own_helm.is_none().then_some("helm");
        let wanted = CONTROL_PLANE.into_iter().chain(helm).chain(more.iter().copied());
        let missing = wanted
            .filter_map(missing)
            .collect::<Result<Vec<&str>, PeerError>>()?;
        if !missing.is_empty() {
            build(stage, &missing).await?;
        }
        let helm = own_helm.map_or_else(|| seal_peers::path("helm"), Ok)?;
        Ok(Self { kubectl, helm })
    }
}

async fn build(stage: &Stage<'_>, names: &[&str]) -> anyhow::Result<()> {
    stage
        .narrator
        .words("Not all of its programs are here yet. They are built or fetched once, by package name:")?;
    stage
        .narrator
        .command(&format!("cargo xtask tools {}", names.join(" ")))?;
    let child = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["xtask", "tools"])
        .args(names)
        .current_dir(checkout())
        // Compilers that are killed leave their work folders behind: these go with the stage.
        .env("TMPDIR", stage.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .process_group(0)
        .spawn()
        .context("cargo")?;
    let mut builder = Builder(child);
    let output = builder.0.stdout.take().context("standard output was piped")?;
    let mut lines = BufReader::new(output).lines();
    while let Some(line) = lines.next_line().await? {
        stage.narrator.output(&line)?;
    }
    let status = builder.0.wait().await?;
    ensure!(
        status.success(),
        "`cargo xtask tools` ended with {status}; it goes on where it stopped when it is called again"
    );
    Ok(())
}

/// The folder of the workspace.
pub(crate) fn checkout() -> &'static Path {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.ancestors()
        .nth(2)
        .expect("this package lies two folders below the workspace")
}

/// Ends the whole family when it is dropped early.
struct Builder(Child);

impl Drop for Builder {
    fn drop(&mut self) {
        let group = self
            .0
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .and_then(Pid::from_raw);
        let Some(group) = group else { return };
        let _ = kill_process_group(group, Signal::KILL);
        let end = Instant::now() + PATIENCE;
        // A group exists as long as anyone in it does, even if only to be reaped.
        while test_kill_process_group(group).is_ok() && Instant::now() < end {
            drop(self.0.try_wait());
            thread::sleep(Duration::from_millis(20));
        }
    }
}

fn on_path(name: &str) -> Option<PathBuf> {
    let folders = env::var_os("PATH").unwrap_or_default();
    // Tool kits for controllers carry a kubectl beside the API server.
    let assets = env::var_os("KUBEBUILDER_ASSETS").map(PathBuf::from);
    env::split_paths(&folders)
        .chain(assets)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
}
