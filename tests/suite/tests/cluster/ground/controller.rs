//! A controller of the tests: under the chart's role, with these flags, behind a proxy or not, and what it
//! answers.

use std::path::{Path, PathBuf};

use anyhow::ensure;
use seal_api::SealedSecret;
use seal_core::Certificate;
use seal_testbed::{ControlPlane, FaultProxy, Process, wait_for};
use serde_json::Value;
use tokio::sync::OnceCell;

use super::{APART, HOME, SOON, account, binary, grant, plane};

static SHARED: OnceCell<Controller> = OnceCell::const_new();

/// A running controller and where it listens.
pub(crate) struct Controller {
    pub(crate) process: Process,
    pub(crate) namespace: String,
    api: String,
    metrics: String,
}

impl Controller {
    /// The one that serves most tests.
    pub(crate) async fn shared() -> &'static Self {
        SHARED
            .get_or_init(async || {
                Self::start(HOME, &[&format!("--label-selector=!{APART}")])
                    .await
                    .expect("a controller")
            })
            .await
    }

    /// One with these flags in a namespace of its own.
    pub(crate) async fn start(namespace: &str, flags: &[&str]) -> anyhow::Result<Self> {
        grant(namespace).await?;
        let kubeconfig = plane().await.kubeconfig(&account(namespace)).await?;
        Self::start_with(namespace, flags, &kubeconfig).await
    }

    /// The same behind a proxy.
    pub(crate) async fn behind(
        proxy: &FaultProxy<'_>,
        namespace: &str,
        flags: &[&str],
    ) -> anyhow::Result<Self> {
        grant(namespace).await?;
        Self::start_with(namespace, flags, &proxy.kubeconfig(&account(namespace)).await?).await
    }

    async fn start_with(namespace: &str, flags: &[&str], kubeconfig: &Path) -> anyhow::Result<Self> {
        Self::start_on(plane().await, namespace, flags, kubeconfig).await
    }

    /// One on another plane, whose loopback addresses are the test's own.
    pub(crate) async fn start_on(
        plane: &ControlPlane,
        namespace: &str,
        flags: &[&str],
        kubeconfig: &Path,
    ) -> anyhow::Result<Self> {
        let mut controller = Self::launch_on(plane, namespace, flags, kubeconfig).await?;
        controller.wait_until_ready().await?;
        Ok(controller)
    }

    /// Starts it without waiting for anything.
    pub(crate) async fn launch(namespace: &str, flags: &[&str], kubeconfig: &Path) -> anyhow::Result<Self> {
        Self::launch_on(plane().await, namespace, flags, kubeconfig).await
    }

    async fn launch_on(
        plane: &ControlPlane,
        namespace: &str,
        flags: &[&str],
        kubeconfig: &Path,
    ) -> anyhow::Result<Self> {
        static BUILT: OnceCell<PathBuf> = OnceCell::const_new();
        let binary = BUILT
            .get_or_try_init(async || tokio::task::spawn_blocking(binary).await?)
            .await?;
        let ports = [
            "--listen-addr=127.0.0.1:0",
            "--listen-metrics-addr=127.0.0.1:0",
            "--log-format=json",
        ];
        // Small keys first: a flag of the test's own wins.
        let sizes: &[&str] = if flags.iter().any(|flag| flag.starts_with("--key-size")) {
            &[]
        } else {
            &["--key-size=2048"]
        };
        let flags = ports.iter().chain(sizes).chain(flags);
        let environment = [
            ("KUBECONFIG", kubeconfig.display().to_string()),
            ("POD_NAMESPACE", namespace.to_owned()),
        ];
        let process = Process::start_in(plane, binary, flags, environment)?;
        Ok(Self {
            process,
            namespace: namespace.to_owned(),
            api: String::new(),
            metrics: String::new(),
        })
    }

    /// Waits until it takes care of SealedSecrets.
    pub(crate) async fn wait_until_ready(&mut self) -> anyhow::Result<()> {
        let process = &mut self.process;
        let listening = wait_for("the controller to be ready", SOON, async || {
            if let Some(code) = process.exit_code()? {
                return Ok(Some(Err(anyhow::anyhow!("ended with {code}: {}", process.log()))));
            }
            let lines = process.log();
            let lines = lines
                .lines()
                .filter_map(|line| serde_json::from_str::<Value>(line).ok());
            let serving = lines.filter(|line| line["message"] == "HTTP server serving");
            let urls: Vec<String> = serving
                .filter_map(|line| Some(format!("http://{}", line["address"].as_str()?)))
                .collect();
            let Ok([api, metrics]) = <[String; 2]>::try_from(urls) else {
                return Ok(None);
            };
            let (code, _) = http(&format!("{api}/readyz")).await?;
            Ok((code == 200).then_some(Ok((api, metrics))))
        });
        (self.api, self.metrics) = listening.await??;
        Ok(())
    }

    /// What it answers on its API port.
    pub(crate) async fn get(&self, path: &str) -> (u16, String) {
        http(&format!("{}{path}", self.api)).await.expect("an answer")
    }

    /// The same, where an object is handed in.
    pub(crate) async fn post(&self, path: &str, object: &SealedSecret) -> (u16, String) {
        let body = serde_json::to_vec(object).expect("an object");
        let request = client().expect("a client").post(format!("{}{path}", self.api));
        let answer = request.body(body).send().await.expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("a text"))
    }

    /// Its metrics.
    pub(crate) async fn metrics(&self) -> String {
        http(&format!("{}/metrics", self.metrics))
            .await
            .expect("metrics")
            .1
    }

    /// Waits until it has looked at these objects in its namespace: its metrics tell of an object when it is
    /// through with the Secret and the status. What comes later says nothing about them, since news go first.
    pub(crate) async fn has_looked_at(&self, names: &[&str]) {
        wait_for("all objects to be looked at", SOON, async || {
            let metrics = self.metrics().await;
            for name in names {
                let series = format!("condition_info{{condition=\"Synced\",name=\"{name}\",");
                ensure!(metrics.contains(&series), "{name} was not looked at");
            }
            Ok(Some(()))
        })
        .await
        .expect("a look at each");
    }

    /// The certificate that it hands out.
    pub(crate) async fn certificate(&self) -> Certificate {
        let (code, pem) = self.get("/v1/cert.pem").await;
        assert_eq!(code, 200);
        Certificate::from_pem(pem.as_bytes()).expect("a certificate")
    }
}

fn client() -> anyhow::Result<reqwest::Client> {
    Ok(reqwest::Client::builder().no_proxy().build()?)
}

async fn http(url: &str) -> anyhow::Result<(u16, String)> {
    let response = client()?.get(url).send().await?;
    Ok((response.status().as_u16(), response.text().await?))
}
