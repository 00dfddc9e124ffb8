//! Who can open the backup of the keys, as a flag names them.

use std::str::FromStr;

use seal_cluster::backup::{InvalidRecipient, Recipient};

/// age recipients between commas. What is none is told later and by its place: a refusal by clap would
/// repeat it, and it may be an identity given by mistake.
#[derive(Clone, Debug, Default)]
pub(super) struct Recipients(Vec<Result<Recipient, InvalidRecipient>>);

impl FromStr for Recipients {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
        Ok(Self(names.map(str::parse).collect()))
    }
}

impl Recipients {
    /// Those that can be read.
    pub(super) fn valid(&self) -> Vec<Recipient> {
        self.0.iter().flatten().cloned().collect()
    }

    /// Which one cannot be read, counted from one.
    pub(super) fn fault(&self) -> Option<(usize, InvalidRecipient)> {
        let mut numbered = (1..).zip(&self.0);
        numbered.find_map(|(number, read)| Some((number, read.as_ref().err().copied()?)))
    }
}
