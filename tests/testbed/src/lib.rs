//! Throwaway control planes and what tests do to them: real API servers that die with the test, an audit log
//! as an instrument, a proxy that injects faults, upstream's controller as a peer, programs run with a deadline,
//! and canaries. Used by the test tiers, the benchmarks and the demo; it knows no secret format of its own.
//!
//! Linux. A plane of its own network ([`ControlPlaneBuilder::own_network`]) needs root or user namespaces, and
//! `ip`, `mount`, `unshare`, `nsenter` (iproute2, util-linux). What is missing is an error, never a skip.

mod audit;
mod canary;
mod control_plane;
mod fault_proxy;
mod process;
mod program;
mod random;
mod tools;
mod upstream_controller;
mod wait;

pub use audit::{Audit, AuditCall, AuditLog, AuditMark};
pub use canary::{Canary, Sighting};
pub use control_plane::{ADMIN, ControlPlane, ControlPlaneBuilder};
pub use fault_proxy::{Fault, FaultProxy, Gate, Rule, Seen};
pub use process::Process;
pub use program::{Program, ProgramOutput};
pub use tools::{newest_tool, sealed_secrets_crd};
pub use upstream_controller::UpstreamController;
pub use wait::wait_for;
