//! Where the real programs are: `KUBEBUILDER_ASSETS`, then the cache that `cargo xtask tools` fills. It never
//! builds or downloads one.

use std::{env, fs, path::PathBuf, process::Command};

use anyhow::{Context, bail};

/// The newest cached version of a tool, such as `kubeseal` or `kube-apiserver`.
pub fn newest_tool(name: &str) -> anyhow::Result<PathBuf> {
    if let Some(assets) = env::var_os("KUBEBUILDER_ASSETS") {
        let program = PathBuf::from(assets).join(name);
        if program.is_file() {
            return Ok(program);
        }
    }
    let home = env::var_os("HOME").context("HOME is not set, so there is no cache of tools")?;
    let cache = PathBuf::from(home).join(".cache/seal/tools");
    let mut found: Vec<(Vec<u64>, PathBuf)> = fs::read_dir(&cache)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let folder = entry.file_name().into_string().ok()?;
            let version = folder.strip_prefix(name)?.strip_prefix('-')?;
            let numbers = version
                .split('.')
                .map(|part| part.parse().ok())
                .collect::<Option<_>>()?;
            let program = entry.path().join(name);
            program.is_file().then_some((numbers, program))
        })
        .collect();
    found.sort();
    match found.pop() {
        Some((_, program)) => Ok(program),
        None => bail!("{name} is not in {}: run `cargo xtask tools`", cache.display()),
    }
}

/// The CRD that upstream's chart carries, from the module that its programs were built of.
pub fn sealed_secrets_crd() -> anyhow::Result<String> {
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
    let dir = PathBuf::from(String::from_utf8(listed.stdout)?.trim());
    let crd = dir.join("helm/sealed-secrets/crds/bitnami.com_sealedsecrets.yaml");
    fs::read_to_string(&crd).with_context(|| crd.display().to_string())
}
