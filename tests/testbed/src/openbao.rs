//! A real OpenBao that lives as long as the test: in memory, on loopback, plain and over TLS, with an audit log
//! that counts what was asked of it. What a test keeps in it, and who may read that, is the test's own.

mod audit;
mod proxy;

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, bail};
use reqwest::Method;
use serde_json::{Value, json};

pub use self::{
    audit::{StoreAudit, StoreCall, StoreLog, StoreMark},
    proxy::StoreProxy,
};
use crate::{
    Process, control_plane::certificates::Certificates, keeper::Keeper, process::Supervisor, random, tool,
    wait_for,
};

const READY_DEADLINE: Duration = Duration::from_secs(120);
const ATTEMPTS: usize = 4;
const PORT_TAKEN: &str = "address already in use";

/// A running server, unsealed, with the KV engine (version 2) at `secret/`. Dropping it kills it and removes its
/// folder; so does the end of this process, however it comes.
pub struct OpenBao {
    // Fields drop in this order: the keeper removes the folder when the server that writes into it is gone.
    process: Process,
    keeper: Keeper,
    certificates: Certificates,
    ports: [u16; 2],
    root_token: String,
    http: reqwest::Client,
}

/// What the server said instead of yes.
#[derive(Debug)]
pub struct StoreRefusal {
    /// The HTTP status.
    pub code: u16,
    /// The body, as it came.
    pub body: String,
}

impl std::fmt::Display for StoreRefusal {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "OpenBao answered {}: {}", self.code, self.body.trim())
    }
}

impl std::error::Error for StoreRefusal {}

impl OpenBao {
    /// Starts one on free ports and waits until it is unsealed.
    pub async fn start() -> anyhow::Result<Self> {
        for _ in 1..ATTEMPTS {
            match Self::attempt().await {
                Err(fault) if fault.to_string().contains(PORT_TAKEN) => {}
                outcome => return outcome,
            }
        }
        Self::attempt().await
    }

    async fn attempt() -> anyhow::Result<Self> {
        let program = tool("bao")?;
        let certificates = Certificates::make()?;
        let ports = free_ports()?;
        let dir = tempfile::Builder::new().prefix("seal-testbed-").tempdir()?.keep();
        let keeper =
            lay_out(&dir, &certificates, ports[1]).inspect_err(|_| drop(fs::remove_dir_all(&dir)))?;
        let root_token = random::hex(16)?;
        let command = [
            program.into_os_string(),
            "server".into(),
            "-dev".into(),
            // Else the token is left in the home folder.
            "-dev-no-store-token".into(),
            format!("-dev-listen-address=127.0.0.1:{}", ports[0]).into(),
            format!("-config={}", dir.join("server.hcl").display()).into(),
        ];
        let environment = [("BAO_DEV_ROOT_TOKEN_ID", root_token.clone())];
        let process = Process::start(
            dir.join("logs/bao.log"),
            Vec::new(),
            command.into_iter(),
            environment,
        )?;
        let store = Self {
            process,
            keeper,
            certificates,
            ports,
            root_token,
            // A connection belongs to the runtime of the test that made it, and the store may be several tests'.
            http: reqwest::Client::builder()
                .no_proxy()
                .pool_max_idle_per_host(0)
                .build()?,
        };
        store.wait_until_ready().await?;
        Ok(store)
    }

    /// The server's process ID.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Where it listens without TLS.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports[0])
    }

    /// Where it listens with a certificate that [`OpenBao::ca_pem`] signed.
    pub fn tls_url(&self) -> String {
        format!("https://127.0.0.1:{}", self.ports[1])
    }

    /// The authority of its certificate, and of its clients' certificates.
    pub fn ca_pem(&self) -> &str {
        &self.certificates.authority_pem
    }

    /// A certificate for a client of that name and its private key, as PEM.
    pub fn client_certificate(&self, name: &str) -> anyhow::Result<(String, String)> {
        let pair = self.certificates.client(name)?;
        Ok((pair.certificate.pem(), pair.key.serialize_pem()))
    }

    /// The token that may do everything.
    pub fn root_token(&self) -> &str {
        &self.root_token
    }

    /// The server's process, to pause it or read its log.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// What was asked of it.
    pub fn audit(&self) -> StoreAudit {
        StoreAudit::of(self.dir().join("logs/audit.log"))
    }

    /// Where its configuration and its logs are; gone with it.
    pub fn dir(&self) -> &Path {
        &self.keeper.dir
    }

    /// One call with the root token: the path without `/v1/`, and its answer. A refusal is a [`StoreRefusal`].
    pub async fn call(&self, method: &str, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.call_in("", method, path, body).await
    }

    /// Like [`OpenBao::call`], in a namespace.
    pub async fn call_in(
        &self,
        namespace: &str,
        method: &str,
        path: &str,
        body: &Value,
    ) -> anyhow::Result<Value> {
        let mut request = self
            .http
            .request(method.parse::<Method>()?, format!("{}/v1/{path}", self.url()))
            .header("X-Vault-Token", &self.root_token);
        if !namespace.is_empty() {
            request = request.header("X-Vault-Namespace", namespace);
        }
        if !body.is_null() {
            request = request.body(body.to_string());
        }
        let response = request.send().await?;
        let (status, body) = (response.status(), response.text().await?);
        if !status.is_success() {
            bail!(StoreRefusal {
                code: status.as_u16(),
                body
            });
        }
        match body.as_str() {
            "" => Ok(Value::Null),
            body => serde_json::from_str(body).context("OpenBao's answer"),
        }
    }

    /// Mounts an engine: `{"type": "kv", "options": {"version": "1"}}`.
    pub async fn mount(&self, path: &str, engine: &Value) -> anyhow::Result<()> {
        self.call("POST", &format!("sys/mounts/{path}"), engine)
            .await
            .map(drop)
    }

    /// Takes an engine away with all that is in it.
    pub async fn unmount(&self, path: &str) -> anyhow::Result<()> {
        self.call("DELETE", &format!("sys/mounts/{path}"), &Value::Null)
            .await
            .map(drop)
    }

    /// Writes a secret into a KV engine of version 2.
    pub async fn write(&self, mount: &str, path: &str, data: &Value) -> anyhow::Result<()> {
        self.call("POST", &format!("{mount}/data/{path}"), &json!({"data": data}))
            .await
            .map(drop)
    }

    /// Switches an authentication method on: `("approle", "approle")`, by path and type.
    pub async fn enable_auth(&self, path: &str, kind: &str) -> anyhow::Result<()> {
        self.call("POST", &format!("sys/auth/{path}"), &json!({"type": kind}))
            .await
            .map(drop)
    }

    /// Writes a policy, in HCL.
    pub async fn policy(&self, name: &str, rules: &str) -> anyhow::Result<()> {
        self.call(
            "POST",
            &format!("sys/policies/acl/{name}"),
            &json!({"policy": rules}),
        )
        .await
        .map(drop)
    }

    /// A new token with these policies and this lifetime (`1h`).
    pub async fn token(&self, policies: &[&str], lifetime: &str) -> anyhow::Result<String> {
        let wanted = json!({"policies": policies, "ttl": lifetime, "no_parent": true});
        let answer = self.call("POST", "auth/token/create", &wanted).await?;
        let token = answer["auth"]["client_token"].as_str();
        Ok(token.context("an answer without a token")?.to_owned())
    }

    /// Seals it: from now on every request is answered with 503.
    pub async fn seal(&self) -> anyhow::Result<()> {
        self.call("POST", "sys/seal", &Value::Null).await.map(drop)
    }

    /// Unseals it again.
    pub async fn unseal(&self) -> anyhow::Result<()> {
        let log = self.process.log();
        let key = log
            .lines()
            .find_map(|line| line.strip_prefix("Unseal Key: "))
            .context("the server printed no key")?;
        self.call("POST", "sys/unseal", &json!({"key": key.trim()}))
            .await?;
        self.wait_until_ready().await
    }

    /// Lets it live on after this process. Removing the returned folder ends it.
    pub fn detach(mut self) -> anyhow::Result<PathBuf> {
        self.process.detach()?;
        let keeper = self.keeper.supervisor.take();
        keeper.context("already detached")?.detach()?;
        Ok(self.keeper.dir.clone())
    }

    pub(crate) fn certificates(&self) -> &Certificates {
        &self.certificates
    }

    async fn wait_until_ready(&self) -> anyhow::Result<()> {
        let ended = wait_for("OpenBao to be unsealed", READY_DEADLINE, async || {
            if let Some(code) = self.process.exit_code()? {
                return Ok(Some(Some(code)));
            }
            // The engine answers for itself only once it has upgraded itself, a moment after it is mounted.
            let mounted = self.call("GET", "secret/config", &Value::Null).await;
            Ok(mounted.is_ok().then_some(None))
        })
        .await?;
        let Some(code) = ended else { return Ok(()) };
        let log = self.process.log();
        if log.contains(PORT_TAKEN) {
            bail!(PORT_TAKEN);
        }
        bail!(
            "OpenBao ended with {code}: {}",
            log.lines().last().unwrap_or_default()
        )
    }
}

/// All files, and the keeper that removes them.
fn lay_out(dir: &Path, certificates: &Certificates, tls_port: u16) -> anyhow::Result<Keeper> {
    fs::create_dir(dir.join("logs"))?;
    let serving = certificates.serving()?;
    let file = |name: &str| -> PathBuf { dir.join(name) };
    // Only the configuration file brings an audit device since 2.4; the development server reads one too.
    let configuration = format!(
        r#"
audit "file" "testbed" {{
  options {{ file_path = "{audit}" }}
}}
listener "tcp" {{
  address            = "127.0.0.1:{tls_port}"
  tls_cert_file      = "{certificate}"
  tls_key_file       = "{key}"
  tls_client_ca_file = "{authority}"
}}
"#,
        audit = file("logs/audit.log").display(),
        certificate = file("serving.crt").display(),
        key = file("serving.key").display(),
        authority = file("ca.crt").display(),
    );
    for (name, content) in [
        ("ca.crt", &certificates.authority_pem),
        ("serving.crt", &serving.certificate.pem()),
        ("serving.key", &serving.key.serialize_pem()),
        ("server.hcl", &configuration),
    ] {
        fs::write(file(name), content)?;
    }
    let role = ["keep".into(), dir.to_owned().into_os_string()];
    let supervisor = Supervisor::start(
        Vec::new(),
        role.into_iter(),
        [],
        Stdio::null(),
        &file("logs/keeper.log"),
    )?;
    Ok(Keeper::stand(dir.to_owned(), supervisor))
}

fn free_ports() -> anyhow::Result<[u16; 2]> {
    // Both are held until both are known, so that they differ.
    let held = [
        TcpListener::bind("127.0.0.1:0")?,
        TcpListener::bind("127.0.0.1:0")?,
    ];
    Ok([held[0].local_addr()?.port(), held[1].local_addr()?.port()])
}
