//! Kubernetes for the engine: watches, object needs, steps, status, events, and who leads.

pub mod apply;
pub mod call;
pub mod events;
pub mod fence;
pub mod keys;
pub mod kubeconfig;
pub mod lease;
pub mod look;
pub mod secrets;
pub mod service_proxy;
pub mod status;
pub mod watch;
