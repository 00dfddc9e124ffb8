//! The operator: queues, wiring, HTTP, metrics and settings.
//!
//! What should be done to a Secret is `seal-engine`'s to say, and how to talk to the API server
//! `seal-cluster`'s to know.

mod diagnosis;
mod external_secrets;
mod http;
mod known;
mod leadership;
pub mod logs;
mod metrics;
mod queue;
mod reconcile;
mod rendering;
mod requests;
mod sealing_keys;
pub mod serve;
pub mod settings;
mod watches;
mod workers;
