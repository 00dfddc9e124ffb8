//! What can be seen of a controller from outside: its Service, what it says of itself, its certificate,
//! Deployment and Lease. How healthy that is, `health` judges.

pub(crate) mod health;
pub(crate) mod told;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{Container, Service};
use seal_cluster::lease::DEFAULT_NAME;
use seal_cluster::look::{Look, Readiness, Seen};
use seal_core::Certificate;

use crate::arguments::ClusterArguments;
use told::{Election, Told};

/// A controller as it looks from outside.
pub(crate) struct Controller {
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) service: Seen<Service>,
    pub(crate) readiness: Seen<Readiness>,
    pub(crate) certificate: Seen<Certificate>,
    pub(crate) deployment: Seen<Deployment>,
    /// What that Deployment tells it, if it was seen.
    pub(crate) told: Option<Told>,
    /// The Lease of the one that leads, if there is to be one.
    pub(crate) lease: Seen<Lease>,
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
        let deployment = look.deployment(&namespace, &name).await;
        let told = deployment.found().and_then(Told::of);
        let mut controller = Self {
            namespace,
            name,
            service,
            readiness,
            certificate,
            deployment,
            told,
            lease: Seen::Absent,
        };
        if let Some(lease) = controller.lease_name() {
            controller.lease = look.lease(&controller.namespace, lease).await;
        }
        controller
    }

    /// The name of its Lease: the default one where its Deployment was not seen.
    pub(crate) fn lease_name(&self) -> Option<&str> {
        match self.told.as_ref().map(|told| &told.election) {
            Some(Election::By(name)) => Some(name),
            Some(Election::Off | Election::Unclear(_)) => None,
            None => Some(DEFAULT_NAME),
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

/// The container that is the controller, by the name that both charts give it.
fn container(deployment: &Deployment) -> Option<&Container> {
    let containers = &deployment.spec.as_ref()?.template.spec.as_ref()?.containers;
    let named = containers.iter().find(|container| container.name == "controller");
    named.or_else(|| containers.first())
}

fn first_port(service: &Service) -> Option<String> {
    let ports = service.spec.as_ref()?.ports.as_ref()?;
    Some(ports.first()?.name.clone().unwrap_or_default())
}
