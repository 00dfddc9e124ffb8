//! ExternalSecrets: the real external-secrets controller and ours, on the same kind of API server and the same store.
//! Each measurement has a control plane and a store of its own, so that none pays for what another left behind.

mod cold;
mod field;
mod large;
mod outages;
mod quiet;

pub(crate) use cold::measure as cold;
pub(crate) use large::measure as large;
pub(crate) use outages::measure as outages;
pub(crate) use quiet::measure as quiet;
