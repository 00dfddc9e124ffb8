//! Throwaway control planes and what tests do to them: real API servers that die with the test, an audit log
//! as an instrument, a proxy that injects faults, upstream's controller as a peer, a real OpenBao, programs run with
//! a deadline, and canaries. Used by the test tiers, the benchmarks and the demo; it knows no secret format of its own.
//!
//! Linux. A plane of its own network ([`ControlPlaneBuilder::own_network`]) needs root or user namespaces, and
//! `ip`, `mount`, `unshare`, `nsenter` (iproute2, util-linux). What is missing is an error, never a skip.
//!
//! ```no_run
//! use std::time::Duration;
//! use k8s_openapi::api::core::v1::Secret;
//! use seal_testbed::{ADMIN, ControlPlane, Fault, FaultProxy, Process, Rule, wait_for};
//!
//! # async fn test(controller: &std::path::Path, manifests: &str) -> anyhow::Result<()> {
//! let plane = ControlPlane::builder().controller_manager().start().await?;
//! plane.apply(manifests).await?;
//! let account = "system:serviceaccount:seal:controller";
//! let proxy = FaultProxy::start(&plane).await?;
//! proxy.inject(Rule::on("create", "/api/v1/namespaces/*/secrets", Fault::Conflict).times(2));
//! let kubeconfig = proxy.kubeconfig(account).await?.display().to_string();
//! let _controller = Process::start_in(&plane, controller, [""; 0], [("KUBECONFIG", kubeconfig)])?;
//!
//! let secrets: kube::Api<Secret> = kube::Api::namespaced(plane.client(ADMIN).await?, "default");
//! wait_for("the Secret", Duration::from_secs(10), async || Ok(secrets.get_opt("mine").await?)).await?;
//! let calls = plane.audit().all().await?.user(account).resource("secrets");
//! assert_eq!(calls.clone().verb("create").code(201).len(), 1, "{calls}");
//! # Ok(())
//! # }
//! ```

mod audit;
mod canary;
mod control_plane;
mod external_secrets_controller;
mod fault_proxy;
mod keeper;
mod openbao;
mod process;
mod program;
mod random;
mod tools;
mod upstream_controller;
mod wait;
mod workspace;

pub use audit::{Audit, AuditCall, AuditLog, AuditMark};
pub use canary::{Canary, Sighting};
pub use control_plane::{ADMIN, ControlPlane, ControlPlaneBuilder};
pub use external_secrets_controller::ExternalSecretsController;
pub use fault_proxy::{Fault, FaultProxy, Gate, Rule, Seen};
pub use openbao::{OpenBao, StoreAudit, StoreCall, StoreLog, StoreMark, StoreProxy, StoreRefusal};
pub use process::Process;
pub use program::{Program, ProgramOutput};
pub use tools::{external_secrets_crds, sealed_secrets_chart, sealed_secrets_crd, tool};
pub use upstream_controller::UpstreamController;
pub use wait::wait_for;
pub use workspace::Workspace;
