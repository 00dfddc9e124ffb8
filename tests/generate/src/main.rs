//! Writes the files that are generated: `crds/` from types, and in `deploy/` what is made of the chart, of the
//! table of metrics and of the settings of a checkout. With `--check` it says which are not as committed. What is in them is their
//! sources' own affair.

mod manifests;
mod metrics;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use kube::CustomResourceExt;
use seal_api::external_secrets::{self, names};
use seal_api::{Reencryption, SealedSecret, SealingKeyRing};
use serde_json::{Value, json};

const HEADER: &str = "# Generated from crates/seal-api by `cargo xtask generate`. Do not edit.\n";

const SETTINGS_SCHEMA: &str = "deploy/seal-yaml.schema.json";

fn main() -> anyhow::Result<ExitCode> {
    let check = match std::env::args().nth(1).as_deref() {
        None => false,
        Some("--check") => true,
        Some(other) => bail!("{other}: --check is the only argument"),
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut stale = Vec::new();
    // Each after those that it is made of.
    for source in [|_: &Path| generated(), metrics::generated, manifests::generated] {
        for (name, content) in source(&root)? {
            let path = root.join(&name);
            if check {
                if std::fs::read_to_string(&path).ok().as_deref() != Some(content.as_str()) {
                    stale.push(name);
                }
            } else {
                std::fs::write(&path, content).with_context(|| name.display().to_string())?;
            }
        }
    }
    Ok(report(&stale))
}

/// Every file that is generated from types, by its path from the root.
fn generated() -> anyhow::Result<Vec<(PathBuf, String)>> {
    let mut files = vec![(PathBuf::from(SETTINGS_SCHEMA), seal_cli::settings_schema())];
    let own = [SealedSecret::crd(), Reencryption::crd(), SealingKeyRing::crd()];
    for definition in own.into_iter().chain(external_secrets::definitions()) {
        let spec = &definition.spec;
        let name = format!("{}_{}.yaml", spec.group, spec.names.plural);
        let mut definition = serde_json::to_value(definition)?;
        let of_stores = name.starts_with("external-secrets.io_");
        if of_stores {
            keep_v1beta1(&mut definition)?;
        }
        let of_generators = name.starts_with(names::GENERATORS_GROUP);
        let schema = definition.pointer_mut("/spec/versions/0/schema/openAPIV3Schema");
        let schema = schema.and_then(Value::as_object_mut).context("a schema")?;
        if of_generators {
            // A UUID is one without any spec; kube's derive demands it, and takes no word about it either.
            schema.remove("required");
        } else {
            // kube's derive makes it nullable and takes no word about it.
            let status = schema["properties"].get_mut("status");
            status
                .and_then(Value::as_object_mut)
                .context("a status")?
                .remove("nullable");
        }
        let definition = serde_yaml::to_string(&definition)?;
        // The chart needs a copy: Helm reads nothing outside its folder.
        let folders: &[&str] = match of_stores || of_generators {
            // Not yet: what it installs does not serve these.
            true => &["crds"],
            false => &["crds", "deploy/helm/seal/crds"],
        };
        for folder in folders {
            files.push((Path::new(folder).join(&name), format!("{HEADER}{definition}")));
        }
    }
    Ok(files)
}

/// A cluster that once stored objects in this version takes no definition without it. They are not served.
fn keep_v1beta1(definition: &mut Value) -> anyhow::Result<()> {
    let versions = definition.pointer_mut("/spec/versions").context("versions")?;
    versions.as_array_mut().context("versions")?.push(json!({
        "name": "v1beta1",
        "served": false,
        "storage": false,
        "schema": { "openAPIV3Schema": { "type": "object", "x-kubernetes-preserve-unknown-fields": true } }
    }));
    Ok(())
}

#[expect(clippy::print_stderr, reason = "this is what a check is for")]
fn report(stale: &[PathBuf]) -> ExitCode {
    for name in stale {
        eprintln!(
            "{} is not what its source says: run `cargo xtask generate`",
            name.display()
        );
    }
    if stale.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
