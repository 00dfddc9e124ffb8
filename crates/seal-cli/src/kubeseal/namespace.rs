//! The namespace that kubeconfig, flag or variable name, looked up at most once and only when asked.

use std::cell::OnceCell;

use seal_cluster::kubeconfig::{Kubeconfig, KubeconfigError, NamespaceChoice, Overrides};

/// Where to look.
pub(super) struct NamespaceSource<'a> {
    overrides: &'a Overrides,
    found: OnceCell<Result<NamespaceChoice, KubeconfigError>>,
}

impl<'a> NamespaceSource<'a> {
    /// Looks nowhere yet.
    pub(super) fn new(overrides: &'a Overrides) -> Self {
        Self {
            overrides,
            found: OnceCell::new(),
        }
    }

    /// The namespace, or why there is none.
    pub(super) fn choice(&self) -> Result<&NamespaceChoice, &KubeconfigError> {
        self.found
            .get_or_init(|| Kubeconfig::load(self.overrides)?.namespace())
            .as_ref()
    }

    /// The same, for the last one to ask.
    pub(super) fn into_choice(self) -> Result<NamespaceChoice, KubeconfigError> {
        match self.found.into_inner() {
            Some(found) => found,
            None => Kubeconfig::load(self.overrides)?.namespace(),
        }
    }
}
