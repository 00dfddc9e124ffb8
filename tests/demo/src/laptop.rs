//! The first half, on this machine alone: a key, a Secret, what goes to Git, and the way back through the engine that
//! the controller runs. It needs no cluster and no peer.

use crate::stage::Stage;

/// What a developer has on the desk. The value is written plainly since it is nobody's.
const SECRET: &str = "\
apiVersion: v1
kind: Secret
metadata:
  name: db
  namespace: default
stringData:
  username: shop
  password: correct horse battery staple
";

pub(crate) async fn show(stage: &Stage<'_>) -> anyhow::Result<()> {
    stage.narrator.step(
        "A sealing key",
        "The certificate seals and may be shared. The private key opens and belongs to the cluster alone.",
    )?;
    stage
        .run("seal keygen --manifest key.yaml --cert-file cert.pem")
        .await?;

    stage.narrator.step(
        "A Secret, as somebody wrote it",
        "Whoever reads this file knows the password.",
    )?;
    stage.write("secret.yaml", SECRET)?;

    stage.narrator.step(
        "Sealed: this is what you commit",
        "Each value opens under this key, this namespace and this name only.",
    )?;
    stage
        .run("seal seal secret.yaml --cert cert.pem -w sealed.yaml")
        .await?;
    stage.cat("sealed.yaml")?;

    stage.narrator.step(
        "Opened again, offline",
        "The same engine that runs in the cluster makes the native Secret.",
    )?;
    stage
        .run("seal render sealed.yaml --keys key.yaml --show-values")
        .await
}
