//! Webhooks of upstream that outlive it: where nothing is behind one, nobody can write the objects that it judges.

use k8s_openapi::api::admissionregistration::v1::{ValidatingWebhook, ValidatingWebhookConfiguration};
use seal_cluster::look::{Look, Seen};

use super::definitions::Definitions;
use crate::report::Check;

const GROUPS: [&str; 2] = ["external-secrets.io", "generators.external-secrets.io"];

/// One that is called when objects of external-secrets are written or read.
struct Hook {
    /// What it is called, and how it can be removed.
    name: String,
    remedy: String,
    /// Namespace and name of the Service behind it; none where it is called by URL.
    service: Option<(String, String)>,
    /// Whether nothing can be done without it.
    required: bool,
    /// Whether something is ready behind it.
    answers: Seen<bool>,
}

/// All of them.
pub(super) struct Webhooks {
    seen: Seen<Vec<Hook>>,
}

impl Webhooks {
    /// Asks.
    pub(super) async fn gather(look: &Look, definitions: &Definitions) -> Self {
        let mut seen = look.validating_webhooks().await.map(|all| hooks(&all));
        let conversions = conversions(definitions);
        if let Seen::Found(hooks) = &mut seen {
            hooks.extend(conversions);
        } else if !conversions.is_empty() {
            seen = Seen::Found(conversions);
        }
        if let Seen::Found(hooks) = &mut seen {
            for hook in hooks {
                if let Some((namespace, name)) = &hook.service {
                    hook.answers = look.answers(namespace, name).await;
                }
            }
        }
        Self { seen }
    }

    /// A line for each.
    pub(super) fn judge(&self) -> Vec<Check> {
        match &self.seen {
            Seen::Found(hooks) if hooks.is_empty() => vec![Check::ok("webhooks", "none is called")],
            Seen::Found(hooks) => hooks.iter().map(judged).collect(),
            other => vec![Check::unseen("webhooks", other, "")],
        }
    }
}

fn judged(hook: &Hook) -> Check {
    let place = match &hook.service {
        Some((namespace, name)) => format!("the Service {namespace}/{name}"),
        None => return Check::note(&hook.name, "it is called by a URL"),
    };
    match (&hook.answers, hook.required) {
        (Seen::Found(true), _) => Check::note(&hook.name, format!("{place} answers; Seal needs none")),
        (Seen::Found(false) | Seen::Absent, true) => Check::failed(
            &hook.name,
            format!("nothing is behind {place}, and without it no such object can be written"),
        )
        .code("webhook-without-service")
        .remedy(&hook.remedy),
        (Seen::Found(false) | Seen::Absent, false) => Check::warning(
            &hook.name,
            format!("nothing is behind {place}: each write waits for it"),
        )
        .code("webhook-without-service")
        .remedy(&hook.remedy),
        (other, _) => Check::unseen(&hook.name, other, ""),
    }
}

fn hooks(all: &[ValidatingWebhookConfiguration]) -> Vec<Hook> {
    let each = all.iter().flat_map(|configuration| {
        let name = configuration.metadata.name.clone().unwrap_or_default();
        let hooks = configuration.webhooks.iter().flatten();
        let concerned: Vec<&ValidatingWebhook> = hooks.filter(|hook| concerns(hook)).collect();
        concerned.into_iter().map(move |hook| {
            let service = hook.client_config.service.as_ref();
            Hook {
                name: hook.name.clone(),
                remedy: format!("kubectl delete validatingwebhookconfiguration {name}"),
                service: service.map(|service| (service.namespace.clone(), service.name.clone())),
                required: hook.failure_policy.as_deref() != Some("Ignore"),
                answers: Seen::Absent,
            }
        })
    });
    each.collect()
}

fn concerns(hook: &ValidatingWebhook) -> bool {
    let mut groups = hook
        .rules
        .iter()
        .flatten()
        .flat_map(|rule| rule.api_groups.iter().flatten());
    groups.any(|group| GROUPS.contains(&group.as_str()))
}

fn conversions(definitions: &Definitions) -> Vec<Hook> {
    let each = definitions.all.iter().filter_map(|(plural, seen)| {
        let conversion = seen.found()?.spec.conversion.as_ref()?;
        let client = conversion.webhook.as_ref()?.client_config.as_ref()?;
        let service = client.service.as_ref()?;
        Some(Hook {
            name: format!("conversion of {plural}"),
            remedy: format!(
                "kubectl apply --server-side --force-conflicts -f crds/external-secrets.io_{plural}.yaml"
            ),
            service: Some((service.namespace.clone(), service.name.clone())),
            required: true,
            answers: Seen::Absent,
        })
    });
    each.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::report::State;

    fn configuration(group: &str, policy: &str) -> ValidatingWebhookConfiguration {
        serde_json::from_value(json!({"metadata": {"name": "secretstore-validate"}, "webhooks": [{
            "name": "validate.secretstore.external-secrets.io", "failurePolicy": policy, "sideEffects": "None",
            "admissionReviewVersions": ["v1"],
            "clientConfig": {"service": {"namespace": "external-secrets", "name": "external-secrets-webhook"}},
            "rules": [{"apiGroups": [group], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["secretstores"]}]}]}))
        .unwrap()
    }

    #[test]
    fn a_webhook_without_anything_behind_it_is_a_failure_where_it_is_required() {
        for (policy, answers, state) in [
            ("Fail", Seen::Found(false), State::Failed),
            ("Fail", Seen::Absent, State::Failed),
            ("Ignore", Seen::Found(false), State::Warning),
            ("Fail", Seen::Found(true), State::Note),
            ("Fail", Seen::Unknown("x".to_owned()), State::Unknown),
        ] {
            let mut hooks = hooks(&[configuration("external-secrets.io", policy)]);
            hooks[0].answers = answers;
            let checks = Webhooks {
                seen: Seen::Found(hooks),
            }
            .judge();
            assert_eq!(checks[0].state, state, "{policy} {}", checks[0].what);
        }
        let other = hooks(&[configuration("cert-manager.io", "Fail")]);
        assert_eq!(
            Webhooks {
                seen: Seen::Found(other)
            }
            .judge()[0]
                .state,
            State::Ok
        );
    }
}
