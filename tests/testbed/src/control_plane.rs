//! One throwaway control plane: etcd, the API server, on request the controller manager; where they live, who
//! may talk to them, and their end. It does not know what is tested on it.

mod builder;
pub(crate) mod certificates;
mod network;
mod objects;
mod rights;

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use anyhow::Context;
use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};

pub use self::builder::ControlPlaneBuilder;
use self::{builder::is_port_taken, certificates::Certificates, network::Network};
use crate::{Audit, Process, keeper::Keeper, process::Supervisor, tool};

/// The user that may do everything (group `system:masters`).
pub const ADMIN: &str = "admin";

/// A running control plane. Dropping it kills everything in it and removes its folder; so does the end of
/// this process, however it comes. After a panic anywhere in the process the logs stay and their path is
/// printed; `SEAL_TESTBED_KEEP=1` keeps them always.
///
/// It holds nothing of an asynchronous runtime, so one in a `static` can serve every `#[tokio::test]` of a
/// binary; clients belong to the runtime that made them.
pub struct ControlPlane {
    // Fields drop in this order: the keeper removes the folder when those that write into it are gone.
    manager: Mutex<Option<Process>>,
    api_server: Mutex<Option<Process>>,
    etcd: Option<Process>,
    keeper: Keeper,
    network: Network,
    certificates: Certificates,
    users: Vec<User>,
}

struct User {
    name: String,
    groups: Vec<String>,
    token: String,
}

impl ControlPlane {
    /// etcd and the API server on free loopback ports.
    pub async fn start() -> anyhow::Result<Self> {
        Self::builder().start().await
    }

    /// A plane with more users, the controller manager, or a network of its own.
    pub fn builder() -> ControlPlaneBuilder {
        ControlPlaneBuilder::default()
    }

    /// The API server, for this process as well as for those started in the plane.
    pub fn url(&self) -> String {
        self.network.url()
    }

    /// The authority that signed the API server's certificate.
    pub fn ca_pem(&self) -> &str {
        &self.certificates.authority_pem
    }

    /// A certificate with which a user of that name comes in, and its private key, as PEM.
    pub fn client_certificate(&self, user: &str) -> anyhow::Result<(String, String)> {
        let pair = self.certificates.client(user)?;
        Ok((pair.certificate.pem(), pair.key.serialize_pem()))
    }

    /// Where data, logs and kubeconfigs are; gone with the plane.
    pub fn dir(&self) -> &Path {
        &self.keeper.dir
    }

    /// A kubeconfig file for [`ADMIN`], a user named to the builder, or `system:serviceaccount:NS:NAME`
    /// (which is created where it does not exist).
    pub async fn kubeconfig(&self, user: &str) -> anyhow::Result<PathBuf> {
        let token = self.token(user).await?;
        self.write_kubeconfig(user, &self.url(), &token)
    }

    /// A client of the current runtime; users as for [`ControlPlane::kubeconfig`].
    pub async fn client(&self, user: &str) -> anyhow::Result<Client> {
        client_of(&self.kubeconfig(user).await?).await
    }

    /// The bearer token of a user; users as for [`ControlPlane::kubeconfig`].
    pub async fn token(&self, user: &str) -> anyhow::Result<String> {
        if let Some(user) = self.users.iter().find(|known| known.name == user) {
            return Ok(user.token.clone());
        }
        let (namespace, name) = user
            .strip_prefix("system:serviceaccount:")
            .and_then(|account| account.split_once(':'))
            .with_context(|| format!("no user {user}: name it to ControlPlaneBuilder::user"))?;
        // Boxed: making an account takes a client, and a client takes a token.
        Box::pin(self.service_account(namespace, name)).await
    }

    /// What was asked of the API server, by whom.
    pub fn audit(&self) -> Audit {
        Audit::of(self.dir().join("logs/audit.log"))
    }

    /// What runs of the plane now, by the program's name, with its process ID.
    pub fn processes(&self) -> Vec<(&'static str, u32)> {
        let etcd = self.etcd.as_ref().map(Process::pid);
        let [api_server, manager] =
            [&self.api_server, &self.manager].map(|process| held(process).as_ref().map(Process::pid));
        let all = [
            ("etcd", etcd),
            ("kube-apiserver", api_server),
            ("kube-controller-manager", manager),
        ];
        all.into_iter()
            .filter_map(|(name, pid)| Some((name, pid?)))
            .collect()
    }

    /// Kills the API server (SIGKILL) and returns when it is gone. What it stored stays with etcd, and its
    /// port stays its own as far as nobody else takes it.
    pub fn kill_api_server(&self) {
        drop(held(&self.api_server).take());
    }

    /// Starts the API server anew after [`ControlPlane::kill_api_server`], on the same port and the same etcd,
    /// and waits until it is ready.
    pub async fn start_api_server(&self) -> anyhow::Result<()> {
        let program = tool("kube-apiserver")?;
        let mut attempts = 1;
        loop {
            self.launch_api_server(&program)?;
            match self.wait_until_ready().await {
                // Somebody's connection may have been given the port meanwhile, for as long as it lasts.
                Err(fault) if is_port_taken(&fault) && attempts < builder::ATTEMPTS => attempts += 1,
                outcome => return outcome,
            }
        }
    }

    /// Kills the controller manager where there is one, and starts it anew: what it had missed it finds then.
    pub async fn restart_controller_manager(&self) -> anyhow::Result<()> {
        let Some(killed) = held(&self.manager).take() else {
            return Ok(());
        };
        killed.kill();
        self.launch_manager(&tool("kube-controller-manager")?).await
    }

    /// Keeps data, logs and kubeconfigs when the plane ends.
    pub fn keep_logs(&self) -> anyhow::Result<()> {
        fs::write(self.dir().join("keep"), "").context("cannot mark the folder as kept")
    }

    /// Lets the plane live on after this process. Removing the returned folder ends it. `processes` are those
    /// started in it that live on as well.
    pub fn detach(mut self, processes: impl IntoIterator<Item = Process>) -> anyhow::Result<PathBuf> {
        let [manager, api_server] = [&mut self.manager, &mut self.api_server]
            .map(|process| process.get_mut().unwrap_or_else(PoisonError::into_inner).take());
        let own = [manager, api_server, self.etcd.take()].into_iter().flatten();
        for process in own.chain(processes) {
            process.detach()?;
        }
        self.keeper
            .supervisor
            .take()
            .context("already detached")?
            .detach()?;
        Ok(self.keeper.dir.clone())
    }

    pub(crate) fn has_own_network(&self) -> bool {
        matches!(self.network, Network::Own { .. })
    }

    /// Host and port that a pod would be told.
    pub(crate) fn in_cluster_address(&self) -> (String, String) {
        (
            self.network.addresses().1.to_owned(),
            self.network.port().to_string(),
        )
    }

    /// The prefix that gives a command, once in the plane's network, mounts of its own.
    pub(crate) fn own_mounts(&self) -> Vec<OsString> {
        self.network.own_mounts()
    }

    pub(crate) fn certificates(&self) -> &Certificates {
        &self.certificates
    }

    /// The prefix that brings a command into the plane's network.
    pub(crate) fn enter(&self) -> Vec<OsString> {
        let keeper = self.keeper.supervisor.as_ref().map_or(0, Supervisor::pid);
        self.network.enter(keeper)
    }

    fn launch_api_server(&self, program: &Path) -> anyhow::Result<()> {
        let process = self.launch(program, self.api_server_flags())?;
        *held(&self.api_server) = Some(process);
        Ok(())
    }

    async fn launch_manager(&self, program: &Path) -> anyhow::Result<()> {
        let process = self.launch(program, self.manager_flags().await?)?;
        *held(&self.manager) = Some(process);
        Ok(())
    }

    pub(crate) fn new_log(&self, program: &Path) -> PathBuf {
        let name = program.file_name().unwrap_or_default().to_string_lossy();
        let logs = self.dir().join("logs");
        let mut log = logs.join(format!("{name}.log"));
        for number in 2.. {
            // Creating is what reserves the name among threads.
            let created = fs::File::options().write(true).create_new(true).open(&log);
            if !created.is_err_and(|fault| fault.kind() == std::io::ErrorKind::AlreadyExists) {
                break;
            }
            log = logs.join(format!("{name}-{number}.log"));
        }
        log
    }

    pub(crate) fn write_kubeconfig(&self, user: &str, server: &str, token: &str) -> anyhow::Result<PathBuf> {
        let ca = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, self.ca_pem());
        let content = serde_json::json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "testbed", "cluster": {"server": server, "certificate-authority-data": ca}}],
            "users": [{"name": user, "user": {"token": token}}],
            "contexts": [{"name": "testbed", "context": {"cluster": "testbed", "user": user}}],
            "current-context": "testbed",
        });
        let host = server.rsplit(':').next().unwrap_or_default();
        let path = self.dir().join(format!(
            "kubeconfigs/{}-{host}.json",
            user.replace([':', '/'], "-")
        ));
        // Written aside and renamed: another thread's client may be reading the same user's file.
        let mut file = tempfile::NamedTempFile::new_in(self.dir().join("kubeconfigs"))?;
        serde_json::to_writer_pretty(&mut file, &content)?;
        file.persist(&path)?;
        Ok(path)
    }
}

fn held(process: &Mutex<Option<Process>>) -> MutexGuard<'_, Option<Process>> {
    process.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A client with the settings of that file alone: neither `KUBECONFIG` nor the home folder is read.
pub(crate) async fn client_of(kubeconfig: &Path) -> anyhow::Result<Client> {
    let kubeconfig = Kubeconfig::read_from(kubeconfig)?;
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    config.proxy_url = None;
    Ok(Client::try_from(config)?)
}
