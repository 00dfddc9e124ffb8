//! `seal doctor external-secrets`: what a cluster uses of external-secrets, and what of that Seal does not do; what is
//! left of another installation and stands in the way. Facts are gathered here, and judged in the files beside this one.

mod controllers;
mod definitions;
mod features;
mod namespaces;
mod webhooks;

use seal_api::external_secrets::names::{API_VERSION, GENERATORS_API_VERSION};
use seal_cluster::look::{Look, Seen, Served};
use serde_json::Value;

use super::access;
use crate::controller::Controller;
use crate::report::{Report, Section};

/// What goes the other way, and nothing else any longer.
const PUSHES: &str = "external-secrets.io/v1alpha1";

/// Of these a controller makes notes to itself.
const NOTES: &str = "GeneratorState";

/// The objects of one kind.
struct Listed {
    kind: String,
    /// In all namespaces, or in which one.
    place: String,
    objects: Seen<Vec<Value>>,
}

/// Looks over all of it.
pub(super) async fn look_over(look: &Look, controller: &Controller, namespace: &str) -> Report {
    let versions = [API_VERSION, PUSHES, GENERATORS_API_VERSION];
    let mut served = Vec::new();
    for version in versions {
        served.push((version, look.kinds(version).await));
    }
    let definitions = definitions::Definitions::gather(look).await;
    let mut listed: Vec<Listed> = Vec::new();
    for (version, kinds) in &served {
        for kind in kinds.found().into_iter().flatten() {
            // What is served in an old version too is listed once.
            let known = listed.iter().any(|known| known.kind == kind.kind);
            if !known && kind.kind != NOTES {
                listed.push(list(look, version, kind, namespace).await);
            }
        }
    }
    let webhooks = webhooks::Webhooks::gather(look, &definitions).await;
    let controllers = controllers::Controllers::gather(look).await;
    let namespaces = namespaces::Namespaces::gather(look).await;
    let rights = access::of_external_secrets(look, controller, namespace).await;
    let section = |title, checks| Section {
        title,
        detail: String::new(),
        checks,
    };
    Report {
        about: "External secrets".to_owned(),
        sections: vec![
            section("CRDs", definitions.judge(&served)),
            section("Objects", features::judge(&listed)),
            section("Webhooks", webhooks.judge()),
            section("Controllers", controllers.judge(controller)),
            section("Namespaces", namespaces.judge()),
            section("Permissions", rights),
        ],
    }
}

async fn list(look: &Look, version: &str, kind: &Served, namespace: &str) -> Listed {
    let everywhere = look.written(version, &kind.plural, "").await;
    let (place, objects) = match everywhere {
        Seen::Forbidden(_) => (
            format!("in namespace {namespace}"),
            look.written(version, &kind.plural, namespace).await,
        ),
        objects => ("in all namespaces".to_owned(), objects),
    };
    Listed {
        kind: kind.kind.clone(),
        place,
        objects,
    }
}
