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
    let module = module("sealed-secrets", "github.com/bitnami/sealed-secrets")?;
    Ok(module.join("helm/sealed-secrets"))
}

/// The CRDs of upstream's controller of ExternalSecrets, one text each, from the module that it was built of.
pub fn external_secrets_crds() -> anyhow::Result<Vec<String>> {
    let module = module("external-secrets", "github.com/external-secrets/external-secrets")?;
    let folder = module.join("config/crds/bases");
    let files = fs::read_dir(&folder).with_context(|| folder.display().to_string())?;
    let mut files: Vec<PathBuf> = files
        .map(|file| Ok(file?.path()))
        .collect::<std::io::Result<_>>()?;
    files.retain(|file| !file.ends_with("kustomization.yaml"));
    files.sort();
    let read = |file: PathBuf| fs::read_to_string(&file).with_context(|| file.display().to_string());
    files.into_iter().map(read).collect()
}

// Where Go keeps the source of a peer.
fn module(peer: &str, path: &str) -> anyhow::Result<PathBuf> {
    let listed = Command::new("go")
        .args(["list", "-m", "-f", "{{.Dir}}", path])
        .env("GOFLAGS", "-mod=mod")
        .current_dir(
            PathBuf::from(env!("CARGO_MANIFEST_DIR"))
                .join("../peers")
                .join(peer),
        )
        .output()
        .context("go")?;
    let complaint = String::from_utf8_lossy(&listed.stderr);
    ensure!(
        listed.status.success(),
        "go does not find upstream's module: {}",
        complaint.trim_end()
    );
    Ok(PathBuf::from(String::from_utf8(listed.stdout)?.trim()))
}

/// The CRD that it carries.
pub fn sealed_secrets_crd() -> anyhow::Result<String> {
    let crd = sealed_secrets_chart()?.join("crds/bitnami.com_sealedsecrets.yaml");
    fs::read_to_string(&crd).with_context(|| crd.display().to_string())
}
