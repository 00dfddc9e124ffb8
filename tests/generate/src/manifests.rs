//! The plain manifests: the chart as Helm renders it, for those who install without Helm. What is in them
//! is the chart's affair.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::ensure;

const CHART: &str = "deploy/helm/seal";
const MADE_OF: &str = "# Generated from deploy/helm/seal by `cargo xtask generate`. Do not edit.\n";
const NAMESPACE: &str = "kube-system";
const NAME: &str = "fullnameOverride=sealed-secrets-controller";

/// Each manifest and the chart's settings that it is made with.
const MANIFESTS: &[(&str, &[&str])] = &[
    ("controller.yaml", &[NAME]),
    ("controller-norbac.yaml", &[NAME, "rbac.create=false"]),
];

/// Every manifest by its path from `root`.
pub(crate) fn generated(root: &Path) -> anyhow::Result<Vec<(PathBuf, String)>> {
    let helm = seal_peers::path("helm")?;
    MANIFESTS
        .iter()
        .map(|(file, settings)| {
            let mut command = Command::new(&helm);
            command.args(["template", "sealed-secrets", "--namespace", NAMESPACE]);
            for setting in *settings {
                command.args(["--set", setting]);
            }
            let output = command.arg(root.join(CHART)).output()?;
            ensure!(
                output.status.success(),
                "helm: {}",
                String::from_utf8_lossy(&output.stderr).trim_end()
            );
            let rendered = without_helm(&String::from_utf8(output.stdout)?);
            Ok((
                Path::new("deploy/manifests").join(file),
                format!("{MADE_OF}{rendered}"),
            ))
        })
        .collect()
}

/// Nothing that says Helm looks after these objects.
fn without_helm(rendered: &str) -> String {
    let its = ["# Source: ", "helm.sh/chart: ", "app.kubernetes.io/managed-by: "];
    let lines = rendered
        .lines()
        .filter(|line| !its.iter().any(|begin| line.trim_start().starts_with(begin)));
    let ours: Vec<&str> = lines.filter(|line| !line.trim().is_empty()).collect();
    ours.join("\n") + "\n"
}
