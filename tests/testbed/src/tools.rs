//! The real programs that tests run, each verified once in a process: hashing a hundred megabytes for every
//! plane would cost more than starting it. Which they are and how they are built is `seal-peers`' business.

use std::{
    collections::HashMap,
    fs,
    path::PathBuf,
    process::Command,
    sync::{Mutex, PoisonError},
};

use anyhow::{Context, ensure};

static VERIFIED: Mutex<Option<HashMap<String, PathBuf>>> = Mutex::new(None);

/// The pinned program of that name, such as `kubeseal` or `kube-apiserver`.
pub fn tool(name: &str) -> anyhow::Result<PathBuf> {
    let mut verified = VERIFIED.lock().unwrap_or_else(PoisonError::into_inner);
    let verified = verified.get_or_insert_default();
    if let Some(path) = verified.get(name) {
        return Ok(path.clone());
    }
    let path = seal_peers::path(name)?;
    verified.insert(name.to_owned(), path.clone());
    Ok(path)
}

/// Upstream's chart, from the module that its programs were built of.
pub fn sealed_secrets_chart() -> anyhow::Result<PathBuf> {
    let module = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../peers/sealed-secrets");
    let listed = Command::new("go")
        .args([
            "list",
            "-m",
            "-f",
            "{{.Dir}}",
            "github.com/bitnami/sealed-secrets",
        ])
        .env("GOFLAGS", "-mod=mod")
        .current_dir(&module)
        .output()
        .context("go")?;
    let complaint = String::from_utf8_lossy(&listed.stderr);
    ensure!(
        listed.status.success(),
        "go does not find upstream's module: {}",
        complaint.trim_end()
    );
    let dir = PathBuf::from(String::from_utf8(listed.stdout)?.trim());
    Ok(dir.join("helm/sealed-secrets"))
}

/// The CRD that it carries.
pub fn sealed_secrets_crd() -> anyhow::Result<String> {
    let crd = sealed_secrets_chart()?.join("crds/bitnami.com_sealedsecrets.yaml");
    fs::read_to_string(&crd).with_context(|| crd.display().to_string())
}
