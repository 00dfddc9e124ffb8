//! Kubernetes for the engine: watches, object needs, steps, status and events.

pub mod apply;
pub mod call;
pub mod events;
pub mod keys;
pub mod kubeconfig;
pub mod secrets;
pub mod service_proxy;
pub mod status;
pub mod watch;
