//! ExternalSecrets: the real external-secrets controller and ours, on the same kind of API server and the same store.
//! Each measurement has a control plane and a store of its own, so that none pays for what another left behind.

mod cold;
mod field;
mod large;
mod memory;
mod outages;
mod quiet;

pub(crate) use cold::measure as cold;
pub(crate) use large::measure as large;
pub(crate) use memory::measure as memory;
pub(crate) use outages::{bystander, refused, returning};
pub(crate) use quiet::measure as quiet;
