//! The one type in which a secret's value rests, wiped when it is dropped.
//!
//! It has one door, [`Plaintext::expose`], and deliberately no `Debug`, `Display`, `Serialize` or
//! `PartialEq`: a value cannot slip into a log line or be compared byte by byte.

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// A secret's value: any bytes, also none.
pub struct Plaintext(Zeroizing<Vec<u8>>);

impl Plaintext {
    /// Takes over `bytes`; the buffer is wiped when this value is dropped.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// A copy of `bytes` in a buffer of its own. The caller still owns, and must wipe, the original.
    pub fn copied(bytes: &[u8]) -> Self {
        Self::new(bytes.to_vec())
    }

    /// The value itself: the one door.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The number of bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the value is empty, which is legal for a Secret's entry.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A second copy, wiped on its own. Named, so that no copy is made unnoticed.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self::copied(self.expose())
    }

    /// Whether both hold the same bytes, in time that depends on the length only.
    pub fn matches(&self, other: &[u8]) -> bool {
        self.expose().ct_eq(other).into()
    }
}

impl From<Zeroizing<Vec<u8>>> for Plaintext {
    fn from(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self(bytes)
    }
}
