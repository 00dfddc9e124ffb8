//! What templates may know of this machine: its time zones and its random numbers.
//!
//! The clock is read where a rendering begins, so that one rendering has one time.

use jiff::tz::TimeZone;
use seal_core::{RandomSource, SystemRandom};
use seal_template::environment::{Random, TimeZones};

/// The system's time zone database; its own zone is Go's `time.Local`.
pub(crate) struct SystemTimeZones;

impl TimeZones for SystemTimeZones {
    fn named(&self, name: &str) -> Option<TimeZone> {
        match name {
            "" | "UTC" => Some(TimeZone::UTC),
            "Local" => Some(self.local()),
            name => TimeZone::get(name).ok(),
        }
    }

    fn local(&self) -> TimeZone {
        TimeZone::try_system().unwrap_or(TimeZone::UTC)
    }
}

/// The system's generator.
pub(crate) struct TemplateRandom;

impl Random for TemplateRandom {
    fn fill(&mut self, bytes: &mut [u8]) {
        // A password of zeros would be worse than an end without one.
        SystemRandom
            .fill(bytes)
            .expect("the system's random number generator answers");
    }
}
