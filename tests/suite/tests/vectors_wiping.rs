//! What held a text is wiped when it is dropped: looked up in this process's own memory, since no safe code can
//! see what lies behind a text's end. Which texts must be wiped is each crate's affair.

#![cfg(target_os = "linux")]

use std::fs::File;
use std::os::unix::fs::FileExt;

use seal_document::WipedText;
use zeroize::Zeroize;

// More than an allocator writes over in what was freed, and less than it gives back to the system at once.
const LENGTH: usize = 32 << 10;

fn text() -> WipedText {
    WipedText::new("hunter2.".repeat(LENGTH / 8))
}

/// Looks into memory with a buffer of its own, so that looking does not fill what was just freed.
struct Window {
    memory: File,
    bytes: Vec<u8>,
}

impl Window {
    fn open() -> anyhow::Result<Self> {
        let memory = File::open("/proc/self/mem")?;
        Ok(Self {
            memory,
            bytes: vec![0; LENGTH],
        })
    }

    /// How often the secret stands there.
    fn sightings(&mut self, address: usize) -> anyhow::Result<usize> {
        self.memory
            .read_exact_at(&mut self.bytes, u64::try_from(address)?)?;
        Ok(self.bytes.windows(7).filter(|seen| seen == b"hunter2").count())
    }
}

#[test]
fn a_wiped_text_leaves_nothing_behind_its_end() -> anyhow::Result<()> {
    let mut window = Window::open()?;
    let mut text = text();
    let address = text.as_ptr() as usize;
    assert_eq!(window.sightings(address)?, LENGTH / 8);
    text.zeroize();
    assert_eq!((text.as_ptr() as usize, text.len()), (address, 0));
    assert_eq!(window.sightings(address)?, 0);
    Ok(())
}

#[test]
fn a_dropped_text_leaves_nothing_in_freed_memory() -> anyhow::Result<()> {
    let mut window = Window::open()?;
    let text = text();
    let address = text.as_ptr() as usize;
    assert_eq!(window.sightings(address)?, LENGTH / 8);
    drop(text);
    // Memory that was given back to the system cannot be read, and holds nothing either.
    assert_eq!(window.sightings(address).unwrap_or(0), 0);
    Ok(())
}
