//! Go's string: shared immutable bytes, and the buffer that builds them; both wipe what they held.
//! Knows no encoding: a decrypted value may be any bytes.

use std::borrow::Borrow;
use std::ops::Deref;
use std::sync::Arc;

use zeroize::{Zeroize, Zeroizing};

use crate::function::CallFault;
use crate::limits::Limit;

/// Immutable bytes, cheap to clone, wiped with their last owner. Compares and sorts as bytes do in Go.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Text(Arc<Wiped>);

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Wiped(Vec<u8>);

impl Drop for Wiped {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl Text {
    /// Copies `bytes`.
    pub fn new(bytes: impl AsRef<[u8]>) -> Self {
        Text(Arc::new(Wiped(bytes.as_ref().to_vec())))
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0.0
    }

    pub(crate) fn is_unshared(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }

    /// The text, if it is UTF-8.
    pub fn to_str(&self) -> Option<&str> {
        std::str::from_utf8(self.as_bytes()).ok()
    }
}

/// Takes the bytes over without copying them.
impl From<Zeroizing<Vec<u8>>> for Text {
    fn from(mut bytes: Zeroizing<Vec<u8>>) -> Self {
        Text(Arc::new(Wiped(std::mem::take(&mut *bytes))))
    }
}

impl Deref for Text {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl AsRef<[u8]> for Text {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl Borrow<[u8]> for Text {
    fn borrow(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Text::new(text)
    }
}

/// A growing byte string with a ceiling.
///
/// A plain `Vec` leaves stale copies behind whenever it grows; this one wipes each.
pub struct Buffer {
    bytes: Zeroizing<Vec<u8>>,
    ceiling: usize,
    limit: Limit,
}

impl Buffer {
    /// An empty buffer that refuses to grow past `ceiling` bytes, naming `limit` as the reason.
    pub(crate) fn new(ceiling: usize, limit: Limit) -> Self {
        Buffer {
            bytes: Zeroizing::new(Vec::new()),
            ceiling,
            limit,
        }
    }

    /// Appends one byte.
    ///
    /// # Errors
    /// When the ceiling is reached; so do all that append.
    pub fn push(&mut self, byte: u8) -> Result<(), CallFault> {
        self.extend([byte])
    }

    /// Appends a character as UTF-8.
    ///
    /// # Errors
    /// When the ceiling is reached.
    pub fn push_char(&mut self, character: char) -> Result<(), CallFault> {
        self.extend(character.encode_utf8(&mut [0; 4]).as_bytes())
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// When the ceiling is reached.
    pub fn extend(&mut self, bytes: impl AsRef<[u8]>) -> Result<(), CallFault> {
        let bytes = bytes.as_ref();
        self.reserve(bytes.len())?;
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    /// Appends `byte` `count` times.
    ///
    /// # Errors
    /// When the ceiling is reached.
    pub fn fill(&mut self, byte: u8, count: usize) -> Result<(), CallFault> {
        self.reserve(count)?;
        let length = self.bytes.len() + count;
        self.bytes.resize(length, byte);
        Ok(())
    }

    /// The bytes so far.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How many bytes there are.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The bytes, no longer growing.
    pub fn into_bytes(self) -> Zeroizing<Vec<u8>> {
        self.bytes
    }

    /// The bytes as a string.
    pub fn into_text(self) -> Text {
        self.bytes.into()
    }

    /// An empty buffer with the same ceiling, for a part that is measured before it is appended.
    pub(crate) fn sibling(&self) -> Buffer {
        Buffer::new(self.ceiling, self.limit)
    }

    fn reserve(&mut self, more: usize) -> Result<(), CallFault> {
        let needed = self.bytes.len().saturating_add(more);
        if needed > self.ceiling {
            return Err(CallFault::Exceeded(self.limit));
        }
        if needed > self.bytes.capacity() {
            let mut grown = Zeroizing::new(Vec::with_capacity(needed.max(2 * self.bytes.capacity()).max(32)));
            grown.extend_from_slice(&self.bytes);
            self.bytes = grown;
        }
        Ok(())
    }
}
