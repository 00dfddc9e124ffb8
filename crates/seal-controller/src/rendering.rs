//! The world that templates see in the controller: random bytes that stay the same for the same inputs (S17), and the
//! time zones that the binary brings along.

use jiff::tz::TimeZone;
use seal_core::{RandomSource, SeededRandom};
use seal_template::environment::{Random, TimeZones};

/// Random bytes from a seed.
pub(crate) struct TemplateRandom(SeededRandom);

impl TemplateRandom {
    /// Those of this source.
    pub(crate) fn of(source: SeededRandom) -> Self {
        Self(source)
    }
}

impl Random for TemplateRandom {
    fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill(bytes).expect("HMAC in counter mode does not run dry");
    }
}

/// An image holds no time zone files.
pub(crate) struct BundledZones;

impl TimeZones for BundledZones {
    fn named(&self, name: &str) -> Option<TimeZone> {
        TimeZone::get(name).ok()
    }
}
