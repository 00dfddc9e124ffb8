//! Kubernetes for the engine: watches, object needs, steps, status, events, and who leads.

pub mod apply;
pub mod backup;
pub mod call;
pub mod config_maps;
pub mod events;
pub mod external_secrets;
pub mod fence;
pub mod finalizers;
pub mod installation;
pub mod keys;
pub mod kubeconfig;
pub mod lease;
pub mod look;
pub mod object_entries;
mod pages;
pub mod reencryption;
pub mod sealing_key_ring;
pub mod secrets;
pub mod service_account_tokens;
pub mod service_proxy;
pub mod status;
pub mod watch;
