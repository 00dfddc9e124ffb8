//! Where session keys and serial numbers come from.

/// The system's generator did not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the system's random number generator did not answer")]
pub struct RandomnessUnavailable;

/// A source of cryptographically secure random bytes.
pub trait RandomSource {
    /// Fills `buffer` whole.
    ///
    /// # Errors
    /// When the source cannot deliver; `buffer` must then not be used.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), RandomnessUnavailable>;
}

/// aws-lc's generator, seeded by the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRandom;

impl RandomSource for SystemRandom {
    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), RandomnessUnavailable> {
        aws_lc_rs::rand::fill(buffer).map_err(|_| RandomnessUnavailable)
    }
}
