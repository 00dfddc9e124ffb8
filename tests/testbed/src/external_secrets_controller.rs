//! The real controller of ExternalSecrets as a peer, on ports of its own choice and without its webhook. It installs
//! no CRD; whose stand there is the test's choice.

use std::ops::Deref;

use crate::{ControlPlane, Process, tool};

const NAME: &str = "external-secrets";

/// A running upstream controller under one user of the plane; ends when it is dropped.
pub struct ExternalSecretsController {
    process: Process,
}

impl ExternalSecretsController {
    /// Starts it as that user, with those flags. It has begun when it asks for objects, which the audit log tells.
    pub async fn start(plane: &ControlPlane, user: &str, flags: &[&str]) -> anyhow::Result<Self> {
        let kubeconfig = plane.kubeconfig(user).await?;
        let own = [
            "--enable-leader-election=false",
            "--metrics-addr=127.0.0.1:0",
            "--live-addr=127.0.0.1:0",
        ];
        let environment = [("KUBECONFIG", kubeconfig.display().to_string())];
        let process = Process::start_in(plane, &tool(NAME)?, own.iter().chain(flags), environment)?;
        Ok(Self { process })
    }
}

impl Deref for ExternalSecretsController {
    type Target = Process;

    fn deref(&self) -> &Process {
        &self.process
    }
}
