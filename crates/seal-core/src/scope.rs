//! The scope of a sealed value and the encryption label that enforces it.
//!
//! Reading a scope from annotations is `seal-api`'s part.

use std::fmt;
use std::str::FromStr;

use crate::{Namespace, ObjectName};

/// Where a sealed value opens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Under its own name in its own namespace only.
    #[default]
    Strict,
    /// Under any name in its namespace.
    NamespaceWide,
    /// Under any name in any namespace of the cluster.
    ClusterWide,
}

/// A word that is none of the three scopes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be one of: strict, namespace-wide, cluster-wide")]
pub struct InvalidScope;

/// The OAEP label of a sealed value (RFC 8017 §7.1, parameter L): the whole scope mechanism.
///
/// Two labels are equal only if the same objects may open the value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EncryptionLabel(Vec<u8>);

impl Scope {
    /// All scopes, the narrowest first.
    pub const ALL: [Self; 3] = [Self::Strict, Self::NamespaceWide, Self::ClusterWide];

    /// The scope's name as it stands on command lines.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Strict => "strict",
            Self::NamespaceWide => "namespace-wide",
            Self::ClusterWide => "cluster-wide",
        }
    }

    /// The label under which this scope seals a value of the object `namespace/name`:
    /// `namespace/name`, `namespace`, or nothing.
    pub fn label(self, namespace: &Namespace, name: &ObjectName) -> EncryptionLabel {
        EncryptionLabel(match self {
            Self::Strict => format!("{namespace}/{name}").into_bytes(),
            Self::NamespaceWide => namespace.as_ref().as_bytes().to_vec(),
            Self::ClusterWide => Vec::new(),
        })
    }
}

impl EncryptionLabel {
    /// The label of the cluster-wide scope, which needs no names.
    pub fn cluster_wide() -> Self {
        Self(Vec::new())
    }

    /// The label of the namespace-wide scope, which needs no name.
    pub fn namespace_wide(namespace: &Namespace) -> Self {
        Self(namespace.as_ref().as_bytes().to_vec())
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for Scope {
    type Err = InvalidScope;

    fn from_str(text: &str) -> Result<Self, InvalidScope> {
        Self::ALL
            .into_iter()
            .find(|scope| scope.as_str() == text)
            .ok_or(InvalidScope)
    }
}
