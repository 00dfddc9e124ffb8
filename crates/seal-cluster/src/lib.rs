//! Kubernetes for the engine: watches, object needs, steps, status and events.

pub mod kubeconfig;
pub mod service_proxy;
