//! Starts a plane: files, flags, ports, and the wait until it is ready. What it offers then is its parent's.

use std::{
    ffi::OsString, fmt::Write, fs, net::TcpListener, os::fd::OwnedFd, path::Path, process::Stdio,
    sync::Mutex, time::Duration,
};

use anyhow::{Context, bail};

use super::{ADMIN, Certificates, ControlPlane, Network, User, held};
use crate::{Process, keeper::Keeper, process::Supervisor, random, tool, wait_for};

// Several planes at once on two slow cores take a minute.
const READY_DEADLINE: Duration = Duration::from_secs(180);
pub(super) const ATTEMPTS: usize = 4;
const PORT_TAKEN: &str = "address already in use";
const MANAGER: &str = "system:kube-controller-manager";

/// Every call, with who and what but no bodies. The API server's own and the probes would only be noise.
const AUDIT_POLICY: &str = r#"
apiVersion: audit.k8s.io/v1
kind: Policy
rules:
- {level: None, users: ["system:apiserver", "system:kube-controller-manager"]}
- {level: None, nonResourceURLs: ["/readyz*", "/livez*", "/healthz*"]}
- {level: Metadata}
"#;

/// Whether a process ended because another one listened where it should.
pub(super) fn is_port_taken(fault: &anyhow::Error) -> bool {
    fault.to_string().contains(PORT_TAKEN)
}

/// What a plane has beyond etcd and the API server.
#[derive(Default)]
pub struct ControlPlaneBuilder {
    own_network: bool,
    controller_manager: bool,
    users: Vec<(String, Vec<String>)>,
}

impl ControlPlaneBuilder {
    /// A network namespace of its own with the address 10.99.0.1, so that the API server's service proxy can
    /// reach what runs in the plane. Needs root or user namespaces, iproute2 and util-linux.
    pub fn own_network(mut self) -> Self {
        self.own_network = true;
        self
    }

    /// Garbage collection by owner, the end of namespaces, default service accounts.
    pub fn controller_manager(mut self) -> Self {
        self.controller_manager = true;
        self
    }

    /// A user with a static token, without rights but those that its name and groups are given.
    pub fn user(mut self, name: &str, groups: &[&str]) -> Self {
        self.users.push((
            name.to_owned(),
            groups.iter().map(|group| (*group).to_owned()).collect(),
        ));
        self
    }

    /// Starts it and waits until it is ready. A port that was taken meanwhile is a reason to try again.
    pub async fn start(self) -> anyhow::Result<ControlPlane> {
        for _ in 1..ATTEMPTS {
            match self.attempt().await {
                Err(fault) if is_port_taken(&fault) => {}
                outcome => return outcome,
            }
        }
        self.attempt().await
    }

    async fn attempt(&self) -> anyhow::Result<ControlPlane> {
        let (etcd, api_server) = (tool("etcd")?, tool("kube-apiserver")?);
        let manager = self
            .controller_manager
            .then(|| tool("kube-controller-manager"))
            .transpose()?;
        let dir = tempfile::Builder::new().prefix("seal-testbed-").tempdir()?.keep();
        let mut plane = self
            .lay_out(&dir)
            .inspect_err(|_| drop(fs::remove_dir_all(&dir)))?;
        plane.etcd = Some(plane.launch(&etcd, plane.etcd_flags())?);
        plane.launch_api_server(&api_server)?;
        plane.wait_until_ready().await?;
        if let Some(manager) = manager {
            plane.launch_manager(&manager).await?;
        }
        Ok(plane)
    }

    /// All files, and the keeper that removes them.
    fn lay_out(&self, dir: &Path) -> anyhow::Result<ControlPlane> {
        for folder in ["logs", "etcd", "kubeconfigs"] {
            fs::create_dir(dir.join(folder))?;
        }
        let certificates = Certificates::make()?;
        let serving = certificates.serving()?;
        let accounts = rcgen::KeyPair::generate()?;
        let users = self.named_users()?;
        let mut tokens = String::new();
        for User { name, groups, token } in &users {
            writeln!(tokens, "{token},{name},{name},\"{}\"", groups.join(","))?;
        }
        for (name, content) in [
            ("ca.crt", &certificates.authority_pem),
            ("serving.crt", &serving.certificate.pem()),
            ("serving.key", &serving.key.serialize_pem()),
            ("accounts.key", &accounts.serialize_pem()),
            ("accounts.pub", &accounts.public_key_pem()),
            ("tokens.csv", &tokens),
            ("audit-policy.yaml", &AUDIT_POLICY.to_owned()),
        ] {
            fs::write(dir.join(name), content)?;
        }
        let (network, outer) = if self.own_network {
            let outer = TcpListener::bind("127.0.0.1:0")?;
            (
                Network::Own {
                    port: outer.local_addr()?.port(),
                },
                Some(outer),
            )
        } else {
            (Network::loopback()?, None)
        };
        let mut role = vec![OsString::from("keep"), dir.into()];
        let output = match outer {
            None => Stdio::null(),
            Some(outer) => {
                role.push(format!("127.0.0.1:{}", network.port()).into());
                Stdio::from(OwnedFd::from(outer))
            }
        };
        let complaints = dir.join("logs/keeper.log");
        let supervisor = Supervisor::start(network.create(), role.into_iter(), [], output, &complaints);
        let supervisor = supervisor.with_context(|| match self.own_network {
            true => "no network namespace: this needs root or user namespaces, iproute2 and util-linux",
            false => "the supervisor did not start",
        })?;
        let keeper = Keeper::stand(dir.to_owned(), supervisor);
        Ok(ControlPlane {
            api_server: Mutex::default(),
            manager: Mutex::default(),
            etcd: None,
            keeper,
            network,
            certificates,
            users,
        })
    }

    fn named_users(&self) -> anyhow::Result<Vec<User>> {
        let masters = || vec!["system:masters".to_owned()];
        [(ADMIN.to_owned(), masters()), (MANAGER.to_owned(), masters())]
            .into_iter()
            .chain(self.users.iter().cloned())
            .map(|(name, groups)| {
                Ok(User {
                    name,
                    groups,
                    token: random::hex(16)?,
                })
            })
            .collect()
    }
}

impl ControlPlane {
    pub(super) fn launch(&self, program: &Path, flags: Vec<String>) -> anyhow::Result<Process> {
        let command = [program.as_os_str().to_owned()]
            .into_iter()
            .chain(flags.into_iter().map(Into::into));
        Process::start(self.new_log(program), self.enter(), command, [])
    }

    fn etcd_flags(&self) -> Vec<String> {
        let (client, peer) = self.network.etcd_ports();
        let (client, peer) = (
            format!("http://127.0.0.1:{client}"),
            format!("http://127.0.0.1:{peer}"),
        );
        vec![
            format!("--data-dir={}", self.dir().join("etcd").display()),
            format!("--listen-client-urls={client}"),
            format!("--advertise-client-urls={client}"),
            format!("--listen-peer-urls={peer}"),
            format!("--initial-advertise-peer-urls={peer}"),
            format!("--initial-cluster=default={peer}"),
            // Nothing here outlives the machine's power, and a test disk's fsync is slow.
            "--unsafe-no-fsync".to_owned(),
        ]
    }

    pub(super) fn api_server_flags(&self) -> Vec<String> {
        let file = |name: &str| self.dir().join(name).display().to_string();
        let (bind, advertise) = self.network.addresses();
        vec![
            format!("--etcd-servers=http://127.0.0.1:{}", self.network.etcd_ports().0),
            format!("--bind-address={bind}"),
            format!("--advertise-address={advertise}"),
            format!("--secure-port={}", self.network.port()),
            format!("--tls-cert-file={}", file("serving.crt")),
            format!("--tls-private-key-file={}", file("serving.key")),
            format!("--client-ca-file={}", file("ca.crt")),
            format!("--token-auth-file={}", file("tokens.csv")),
            format!("--service-account-key-file={}", file("accounts.pub")),
            format!("--service-account-signing-key-file={}", file("accounts.key")),
            "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
            "--service-cluster-ip-range=10.0.0.0/24".to_owned(),
            "--authorization-mode=RBAC".to_owned(),
            "--endpoint-reconciler-type=none".to_owned(),
            "--allow-privileged".to_owned(),
            // Without the controller manager no namespace has the account that this would ask for.
            "--disable-admission-plugins=ServiceAccount".to_owned(),
            format!("--audit-policy-file={}", file("audit-policy.yaml")),
            format!("--audit-log-path={}", file("logs/audit.log")),
            // `blocking` writes a call's first line before it is served: what was answered is in the file.
            "--audit-log-mode=blocking".to_owned(),
            "--audit-log-maxsize=100000".to_owned(),
        ]
    }

    pub(super) async fn manager_flags(&self) -> anyhow::Result<Vec<String>> {
        Ok(vec![
            format!("--kubeconfig={}", self.kubeconfig(MANAGER).await?.display()),
            format!(
                "--service-account-private-key-file={}",
                self.dir().join("accounts.key").display()
            ),
            "--secure-port=0".to_owned(),
            "--controllers=garbagecollector,namespace,serviceaccount,serviceaccount-token,ttl".to_owned(),
            "--leader-elect=false".to_owned(),
        ])
    }

    pub(super) async fn wait_until_ready(&self) -> anyhow::Result<()> {
        let authority = reqwest::Certificate::from_pem(self.ca_pem().as_bytes())?;
        let http = reqwest::Client::builder()
            .no_proxy()
            .tls_certs_only([authority])
            .timeout(Duration::from_secs(10))
            .build()?;
        let probe = http
            .get(format!("{}/readyz", self.url()))
            .bearer_auth(self.token(ADMIN).await?);
        let ended = wait_for("the API server to be ready", READY_DEADLINE, async || {
            for process in self.etcd.iter().chain(held(&self.api_server).as_ref()) {
                if let Some(code) = process.exit_code()? {
                    return Ok(Some(Some((process.log(), process.log_path().to_owned(), code))));
                }
            }
            let answer = probe
                .try_clone()
                .context("a request without a body")?
                .send()
                .await?;
            Ok(answer.status().is_success().then_some(None))
        })
        .await?;
        let Some((log, path, code)) = ended else {
            return Ok(());
        };
        if log.contains(PORT_TAKEN) {
            bail!(PORT_TAKEN);
        }
        self.keep_logs()?;
        let last = log
            .lines()
            .rev()
            .find(|line| !line.trim().is_empty())
            .unwrap_or_default();
        bail!("ended with {code}: {last} (more in {})", path.display())
    }
}
