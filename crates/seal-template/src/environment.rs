//! What a rendering may know of the world: the time, time zones, random bytes, all handed in.
//! Nothing here asks a clock, a file or the kernel.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// The world of one rendering. The same world gives the same output.
pub struct Env<'a> {
    /// What `now` returns.
    pub now: Timestamp,
    /// Time zones by name.
    pub zones: &'a dyn TimeZones,
    /// Where random functions get their bytes.
    pub random: &'a mut dyn Random,
}

/// Finds time zones: `dateInZone`, `toDate`.
pub trait TimeZones {
    /// The zone of that IANA name; `None` when unknown, which templates read as UTC.
    fn named(&self, name: &str) -> Option<TimeZone>;

    /// Go's `time.Local`: the zone of the controller, UTC in a container.
    fn local(&self) -> TimeZone {
        TimeZone::UTC
    }
}

/// Knows UTC only.
pub struct UtcOnly;

impl TimeZones for UtcOnly {
    fn named(&self, name: &str) -> Option<TimeZone> {
        matches!(name, "" | "UTC").then_some(TimeZone::UTC)
    }
}

/// A source of random bytes.
pub trait Random {
    /// Fills all of `bytes`.
    ///
    /// # Guarantees
    /// In production the bytes are fit for keys and passwords: a template may well make some.
    fn fill(&mut self, bytes: &mut [u8]);
}
