//! A real OpenBao proxy before the store: it logs in by itself, so whoever asks it needs no token.

use std::{fs, net::TcpListener, time::Duration};

use anyhow::bail;

use super::{OpenBao, PORT_TAKEN};
use crate::{Process, tool, wait_for};

const READY_DEADLINE: Duration = Duration::from_secs(60);

/// A running proxy; dropping it kills it.
pub struct StoreProxy {
    process: Process,
    port: u16,
}

impl StoreProxy {
    /// Starts one that asks with `token`, and refuses requests that a browser could have been made to send.
    pub async fn start(store: &OpenBao, token: &str) -> anyhow::Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let file = |name: &str| store.dir().join(format!("{name}-{port}"));
        let configuration = format!(
            r#"
vault {{ address = "{url}" }}
auto_auth {{
  method {{
    type = "token_file"
    config = {{ token_file_path = "{token}" }}
  }}
}}
api_proxy {{ use_auto_auth_token = "force" }}
listener "tcp" {{
  address                = "127.0.0.1:{port}"
  tls_disable            = true
  require_request_header = true
}}
"#,
            url = store.url(),
            token = file("token").display(),
        );
        fs::write(file("token"), token)?;
        fs::write(file("proxy.hcl"), configuration)?;
        let command = [
            tool("bao")?.into_os_string(),
            "proxy".into(),
            format!("-config={}", file("proxy.hcl").display()).into(),
        ];
        let log = store.dir().join(format!("logs/proxy-{port}.log"));
        let process = Process::start(log, Vec::new(), command.into_iter(), [])?;
        let proxy = Self { process, port };
        proxy.wait_until_ready().await?;
        Ok(proxy)
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    async fn wait_until_ready(&self) -> anyhow::Result<()> {
        let http = reqwest::Client::builder().no_proxy().build()?;
        let ended = wait_for("the proxy to have logged in", READY_DEADLINE, async || {
            if let Some(code) = self.process.exit_code()? {
                return Ok(Some(Some(code)));
            }
            let request = http.get(format!("{}/v1/auth/token/lookup-self", self.url()));
            let answer = request.header("X-Vault-Request", "true").send().await?;
            Ok(answer.status().is_success().then_some(None))
        })
        .await?;
        match ended {
            None => Ok(()),
            Some(_) if self.process.log().contains(PORT_TAKEN) => bail!(PORT_TAKEN),
            Some(code) => bail!("the proxy ended with {code}: {}", self.process.log()),
        }
    }
}
