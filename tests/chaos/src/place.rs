//! Where objects stand and what their entries say: names and texts, and how a version is read back
//! from them.

use std::fmt;

/// The namespaces of the objects.
pub(crate) const NAMESPACES: [&str; 3] = ["chaos-a", "chaos-b", STORES_NAMESPACE];
/// That of the ExternalSecrets; all others are SealedSecrets'.
pub(crate) const STORES_NAMESPACE: &str = "chaos-stores";
/// The entries of every object. All of them say the same, so that a mix of two versions is seen.
pub(crate) const ENTRIES: [&str; 5] = ["a", "b", "c", "d", "e"];
const NAMES: usize = 6;

/// The namespace and name of an object and of its Secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Place {
    namespace: usize,
    name: usize,
}

impl Place {
    /// All there are.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        (0..NAMESPACES.len()).flat_map(|namespace| (0..NAMES).map(move |name| Self { namespace, name }))
    }

    /// Those of SealedSecrets.
    pub(crate) fn of_sealed() -> impl Iterator<Item = Self> {
        Self::all().filter(|place| !place.is_of_stores())
    }

    /// Those of ExternalSecrets.
    pub(crate) fn of_stores() -> impl Iterator<Item = Self> {
        Self::all().filter(|place| place.is_of_stores())
    }

    /// Whose text its entries are: in pairs, two ExternalSecrets share one value of the store.
    pub(crate) fn source(self) -> Self {
        match self.is_of_stores() {
            true => Self {
                name: self.name - self.name % 2,
                ..self
            },
            false => self,
        }
    }

    /// The ExternalSecrets that share this value.
    pub(crate) fn orders(self) -> impl Iterator<Item = Self> {
        Self::all().filter(move |place| place.source() == self)
    }

    /// Whether its Secret is to go when the store has its value no longer: one of each pair.
    pub(crate) fn deletes(self) -> bool {
        self.source() != self
    }

    fn is_of_stores(self) -> bool {
        self.namespace() == STORES_NAMESPACE
    }

    /// The one with that namespace and name.
    pub(crate) fn find(namespace: &str, name: &str) -> Option<Self> {
        Self::all().find(|place| place.namespace() == namespace && place.name() == name)
    }

    /// Its namespace.
    pub(crate) fn namespace(self) -> &'static str {
        NAMESPACES[self.namespace]
    }

    /// Its name.
    pub(crate) fn name(self) -> String {
        format!("db-{}", self.name)
    }

    /// What each of its entries says at that version.
    pub(crate) fn text(self, version: u64) -> String {
        format!("{self} version {version}")
    }

    /// The version at which an entry of its says this.
    pub(crate) fn version(self, text: &str) -> Option<u64> {
        let version = text.strip_prefix(&format!("{self} version "))?.parse().ok()?;
        (self.text(version) == text).then_some(version)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.namespace(), self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_is_read_from_its_own_text_only() {
        let places: Vec<Place> = Place::all().collect();
        assert_eq!(places[0].version(&places[0].text(7)), Some(7));
        assert_eq!(places[1].version(&places[0].text(7)), None);
        assert_eq!(places[0].version("chaos-a/db-0 version 07"), None);
        assert_eq!(places[0].version("tampered"), None);
        assert_eq!(Place::find(STORES_NAMESPACE, "db-5"), places.last().copied());
        assert_eq!(Place::find("chaos-b", "bystander"), None);
    }
}
