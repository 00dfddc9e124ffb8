//! Names and tokens that no other test run has. Not a source of key material for what is tested.

use std::{fmt::Write, fs::File, io::Read};

use anyhow::Context;

pub(crate) fn hex(bytes: usize) -> anyhow::Result<String> {
    let mut random = vec![0; bytes];
    File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(&mut random))
        .context("/dev/urandom")?;
    Ok(random.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a String cannot fail");
        text
    }))
}
