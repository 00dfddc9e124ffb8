//! A growing text that leaves no copy of itself behind when it moves. It formats nothing.

use crate::wiped::WipedText;

/// Text under construction, which can only grow.
#[derive(Default)]
pub(crate) struct Buffer(WipedText);

impl Buffer {
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self(WipedText::with_capacity(capacity))
    }

    pub(crate) fn push_str(&mut self, text: &str) {
        self.0.append(text);
    }

    pub(crate) fn push(&mut self, character: char) {
        self.push_str(character.encode_utf8(&mut [0; 4]));
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn finish(self) -> WipedText {
        self.0
    }
}
