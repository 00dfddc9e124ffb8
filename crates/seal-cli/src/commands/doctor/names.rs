//! Whether kubeseal and seal find the controller without being told where it is.

use k8s_openapi::api::core::v1::Service;
use seal_cluster::look::{Look, Seen};

use crate::controller::Controller;
use crate::report::Check;

// kubeseal's defaults, and ours.
const NAMESPACE: &str = "kube-system";
const NAME: &str = "sealed-secrets-controller";

/// What stands where a controller is looked for.
pub(super) struct Names {
    /// At the default place, if the controller is named elsewhere.
    default: Option<Seen<Service>>,
    /// Anywhere, if there is none where it was named.
    elsewhere: Option<Seen<Vec<Service>>>,
}

impl Names {
    /// Asks for what is needed to judge.
    pub(super) async fn gather(look: &Look, controller: &Controller) -> Self {
        let is_default = controller.namespace == NAMESPACE && controller.name == NAME;
        Self {
            default: match is_default {
                true => None,
                false => Some(look.service(NAMESPACE, NAME).await),
            },
            elsewhere: match controller.service {
                Seen::Absent => Some(look.controller_services().await),
                _ => None,
            },
        }
    }

    /// What that means for those who seal.
    pub(super) fn judge(&self, controller: &Controller) -> Option<Check> {
        let Controller { namespace, name, .. } = controller;
        let about = "names";
        let told = format!(
            "SEALED_SECRETS_CONTROLLER_NAMESPACE={namespace} SEALED_SECRETS_CONTROLLER_NAME={name} for kubeseal, SEAL_CONTROLLER_NAMESPACE and SEAL_CONTROLLER_NAME for seal"
        );
        if let Some(elsewhere) = &self.elsewhere {
            let found = elsewhere.found()?;
            let places: Vec<String> = found.iter().filter_map(place).collect();
            return Some(match places.as_slice() {
                [] => Check::failed(about, "no Service in any namespace has a controller's labels")
                    .code("no-controller")
                    .remedy("install the chart"),
                places => Check::failed(
                    about,
                    format!("a controller seems to be at {}", places.join(", ")),
                )
                .code("another-name")
                .remedy("name it with --controller-namespace and --controller-name"),
            });
        }
        Some(match &self.default {
            None => Check::ok(
                about,
                format!("{NAMESPACE}/{NAME}, where kubeseal looks by itself"),
            ),
            Some(Seen::Found(_)) => Check::warning(
                about,
                format!(
                    "kubeseal without flags asks {NAMESPACE}/{NAME}, which is another Service than this one"
                ),
            )
            .code("two-controllers")
            .remedy(format!("remove the one that is not used, or set {told}")),
            Some(Seen::Absent) => Check::warning(
                about,
                format!("kubeseal without flags looks for {NAMESPACE}/{NAME} and finds nothing"),
            )
            .code("another-name")
            .remedy(format!(
                "set {told}; or install with fullnameOverride={NAME} into {NAMESPACE}"
            )),
            Some(other) => Check::unseen(about, other, ""),
        })
    }
}

// The metrics' Service carries the same labels.
fn place(service: &Service) -> Option<String> {
    let (namespace, name) = (
        service.metadata.namespace.as_ref()?,
        service.metadata.name.as_ref()?,
    );
    (!name.ends_with("-metrics")).then(|| format!("{namespace}/{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::State;

    fn controller(namespace: &str, service: Seen<Service>) -> Controller {
        Controller {
            namespace: namespace.to_owned(),
            name: NAME.to_owned(),
            service,
            readiness: Seen::Absent,
            certificate: Seen::Absent,
            deployment: Seen::Absent,
            told: None,
            lease: Seen::Absent,
        }
    }

    fn service(namespace: &str, name: &str) -> Service {
        let mut service = Service::default();
        service.metadata.namespace = Some(namespace.to_owned());
        service.metadata.name = Some(name.to_owned());
        service
    }

    #[test]
    fn the_controller_is_found_by_itself_by_name_or_not_at_all() {
        let here = || Seen::Found(Service::default());
        let both = vec![service("seal", "seal"), service("seal", "seal-metrics")];
        for (controller, default, elsewhere, state, code) in [
            (controller(NAMESPACE, here()), None, None, State::Ok, None),
            (
                controller("seal", here()),
                Some(here()),
                None,
                State::Warning,
                Some("two-controllers"),
            ),
            (
                controller("seal", here()),
                Some(Seen::Absent),
                None,
                State::Warning,
                Some("another-name"),
            ),
            (
                controller("seal", here()),
                Some(Seen::Unknown("x".to_owned())),
                None,
                State::Unknown,
                None,
            ),
            (
                controller(NAMESPACE, Seen::Absent),
                None,
                Some(Seen::Found(both)),
                State::Failed,
                Some("another-name"),
            ),
            (
                controller(NAMESPACE, Seen::Absent),
                None,
                Some(Seen::Found(Vec::new())),
                State::Failed,
                Some("no-controller"),
            ),
        ] {
            let check = Names { default, elsewhere }.judge(&controller).unwrap();
            assert_eq!(
                (check.state, check.code.as_deref()),
                (state, code),
                "{}",
                check.what
            );
            assert!(!check.what.contains("-metrics"));
        }
    }
}
