//! What can be seen of a controller from outside: its Service, what it says of itself, its certificate,
//! Lease and Deployment. How healthy that is, `health` judges.

pub(crate) mod health;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Service;
use seal_cluster::look::{Look, Readiness, Seen};
use seal_core::Certificate;

use crate::arguments::ClusterArguments;

/// The Lease of the controller that leads.
pub(crate) const LEASE: &str = "seal-controller";

/// A controller as it looks from outside.
pub(crate) struct Controller {
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) service: Seen<Service>,
    pub(crate) readiness: Seen<Readiness>,
    pub(crate) certificate: Seen<Certificate>,
    pub(crate) lease: Seen<Lease>,
    pub(crate) deployment: Seen<Deployment>,
}

impl Controller {
    /// The one that the flags name.
    pub(crate) async fn see(look: &Look, named: &ClusterArguments) -> Self {
        let (namespace, name) = (
            named.controller_namespace.to_string(),
            named.controller_name.to_string(),
        );
        let service = look.service(&namespace, &name).await;
        let port = service.clone().and(|service| match first_port(&service) {
            Some(port) => Seen::Found(port),
            None => Seen::Unknown("its Service has no ports".to_owned()),
        });
        let (readiness, certificate) = match port {
            Seen::Found(port) => (
                look.readiness(&namespace, &name, &port).await,
                look.certificate(&namespace, &name, &port).await,
            ),
            none => (
                none.clone().map(|_| Readiness::NoEndpoint),
                none.and(|_| Seen::Absent),
            ),
        };
        Self {
            lease: look.lease(&namespace, LEASE).await,
            deployment: look.deployment(&namespace, &name).await,
            namespace,
            name,
            service,
            readiness,
            certificate,
        }
    }

    /// The name of the port that kubeseal asks: the first.
    pub(crate) fn port(&self) -> Option<String> {
        first_port(self.service.found()?)
    }

    /// The account that it runs as.
    pub(crate) fn account(&self) -> Option<String> {
        let pod = self.deployment.found()?.spec.as_ref()?.template.spec.as_ref()?;
        Some(
            pod.service_account_name
                .clone()
                .unwrap_or_else(|| "default".to_owned()),
        )
    }
}

fn first_port(service: &Service) -> Option<String> {
    let ports = service.spec.as_ref()?.ports.as_ref()?;
    Some(ports.first()?.name.clone().unwrap_or_default())
}
