//! Who takes care of ExternalSecrets: ours, upstream's, or both of the same objects, who would then undo each other's
//! work.

use k8s_openapi::api::apps::v1::Deployment;
use seal_cluster::look::{Look, Seen};

use crate::controller::Controller;
use crate::controller::told::{External, argument};
use crate::report::Check;

/// Upstream's Deployments, by the label of its chart.
pub(super) struct Controllers {
    upstreams: Seen<Vec<Deployment>>,
}

impl Controllers {
    /// Asks.
    pub(super) async fn gather(look: &Look) -> Self {
        Self {
            upstreams: look.deployments_named("external-secrets").await,
        }
    }

    /// A line for ours and one for each of upstream's.
    pub(super) fn judge(&self, controller: &Controller) -> Vec<Check> {
        let external = controller.told.as_ref().map(|told| &told.external_secrets);
        let mut checks = vec![match external {
            Some(External::On { class, .. }) => Check::ok(
                "Seal",
                format!("takes care of ExternalSecrets whose stores are of the class {class}, or of none"),
            ),
            Some(External::Off) => Check::note("Seal", "does not take care of ExternalSecrets")
                .remedy("switch that on: --external-secrets, externalSecrets.enabled of the chart"),
            Some(External::Unclear(why)) => Check::unknown("Seal", why.clone()),
            None => Check::unseen(
                "Seal",
                &controller.deployment,
                "there is no Deployment of that name",
            ),
        }];
        let found = match &self.upstreams {
            Seen::Found(found) => found,
            other => {
                checks.push(Check::unseen("upstream", other, ""));
                return checks;
            }
        };
        let running = found.iter().filter(|deployment| {
            let replicas = deployment.spec.as_ref().and_then(|spec| spec.replicas);
            replicas != Some(0)
        });
        checks.extend(running.map(|deployment| upstreams(deployment, external)));
        if checks.len() == 1 {
            checks.push(Check::note(
                "upstream",
                "no Deployment has its label, or none has pods",
            ));
        }
        checks
    }
}

fn upstreams(deployment: &Deployment, ours: Option<&External>) -> Check {
    let text = |part: &Option<String>| part.clone().unwrap_or_default();
    let metadata = &deployment.metadata;
    let place = format!("{}/{}", text(&metadata.namespace), text(&metadata.name));
    let class = argument(deployment, "controller-class").filter(|class| !class.is_empty());
    let class = class.unwrap_or("default");
    match ours {
        Some(External::On { class: own, .. }) if own == class => Check::failed(
            "upstream",
            format!("{place} takes care of the class {class} too: both write the same Secrets"),
        )
        .code("two-controllers")
        .remedy(format!(
            "stop one: kubectl scale deployment {} -n {} --replicas=0; or give ours another class (externalSecrets.controllerClass) and name it in spec.controller of its stores",
            text(&metadata.name),
            text(&metadata.namespace),
        )),
        Some(External::On { .. }) => Check::warning(
            "upstream",
            format!("{place} is of the class {class}; stores without a class are both controllers'"),
        )
        .code("classless-stores")
        .remedy("name a class in spec.controller of every store"),
        _ => Check::note("upstream", format!("{place} takes care of the class {class}")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn upstream(args: &[&str], replicas: i32) -> Deployment {
        serde_json::from_value(json!({"metadata": {"name": "external-secrets", "namespace": "external-secrets"},
            "spec": {"replicas": replicas, "selector": {}, "template": {"spec": {"containers": [{"name": "external-secrets", "args": args}]}}}}))
        .unwrap()
    }

    #[test]
    fn two_controllers_of_one_class_are_told() {
        let ours = External::On {
            class: "default".to_owned(),
            unanchored: false,
        };
        for (args, code) in [
            (&["--concurrent=1"][..], Some("two-controllers")),
            (&["--controller-class=default"], Some("two-controllers")),
            (&["--controller-class", "theirs"], Some("classless-stores")),
        ] {
            let check = upstreams(&upstream(args, 1), Some(&ours));
            assert_eq!(check.code.as_deref(), code, "{args:?}");
        }
        assert_eq!(upstreams(&upstream(&[], 1), Some(&External::Off)).code, None);
    }
}
