//! PEM blocks (RFC 7468) as Go's `encoding/pem` finds and writes them: what is no block is passed over,
//! so a broken one does not hide the good ones behind it. What a block holds is its reader's business.

use zeroize::Zeroizing;

use crate::{decode_base64, encode_base64};

/// One block.
pub(crate) struct Block<'a> {
    /// What stands behind `BEGIN`.
    pub(crate) tag: &'a str,
    /// Whether lines such as `Proc-Type: 4,ENCRYPTED` precede the contents.
    pub(crate) has_headers: bool,
    /// The contents.
    pub(crate) der: Zeroizing<Vec<u8>>,
}

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";
const LINE: usize = 64;

/// The blocks in `text`, in their order. A `BEGIN` without its `END` gives way to the next `BEGIN`.
pub(crate) fn blocks(text: &[u8]) -> Vec<Block<'_>> {
    let mut found = Vec::new();
    let mut begun: Option<(&str, Vec<&str>)> = None;
    for line in text.split(|byte| *byte == b'\n') {
        // Neither tags nor base64 have letters beyond ASCII; the line breaks the block that it is in.
        let Ok(line) = std::str::from_utf8(line) else {
            begun = None;
            continue;
        };
        let line = line.trim_ascii_end();
        if let Some(tag) = line.strip_prefix(BEGIN) {
            begun = tag.strip_suffix(DASHES).map(|tag| (tag, Vec::new()));
        } else if let Some(tag) = line.strip_prefix(END) {
            let block = begun
                .take()
                .filter(|(begun, _)| tag.strip_suffix(DASHES) == Some(begun))
                .and_then(|(tag, lines)| block(tag, &lines));
            found.extend(block);
        } else if let Some((_, lines)) = &mut begun {
            lines.push(line);
        }
    }
    found
}

fn block<'a>(tag: &'a str, lines: &[&str]) -> Option<Block<'a>> {
    let headers = lines.iter().take_while(|line| line.contains(':')).count();
    let size = lines.iter().map(|line| line.len()).sum();
    let mut base64 = Zeroizing::new(String::with_capacity(size));
    for line in &lines[headers..] {
        base64.extend(line.split([' ', '\t']));
    }
    let der = Zeroizing::new(decode_base64(&base64).ok()?);
    Some(Block {
        tag,
        has_headers: headers > 0,
        der,
    })
}

/// A block of `der` in lines of 64, ending with a line break. It may be a private key: nothing that
/// was written on the way is left behind.
pub(crate) fn encode(tag: &str, der: &[u8]) -> Zeroizing<String> {
    let base64 = Zeroizing::new(encode_base64(der));
    let frame = BEGIN.len() + END.len() + 2 * (tag.len() + DASHES.len() + 1);
    let mut text = Zeroizing::new(String::with_capacity(
        base64.len() + base64.len() / LINE + 1 + frame,
    ));
    for part in [BEGIN, tag, DASHES, "\n"] {
        text.push_str(part);
    }
    let mut rest = base64.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(LINE));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    for part in [END, tag, DASHES, "\n"] {
        text.push_str(part);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(text: &str) -> Vec<(String, bool, Vec<u8>)> {
        blocks(text.as_bytes())
            .into_iter()
            .map(|block| (block.tag.to_owned(), block.has_headers, block.der.to_vec()))
            .collect()
    }

    const GOOD: &str = "-----BEGIN A-----\nYm\nFy\n-----END A-----\n";

    #[test]
    fn blocks_stand_among_text_in_their_order() {
        let bar = |tag: &str| (tag.to_owned(), false, b"bar".to_vec());
        assert_eq!(seen(GOOD), [bar("A")]);
        let text = format!(
            "text\r\n{GOOD}more\n{}",
            GOOD.replace('A', "B C").replace('\n', " \r\n")
        );
        assert_eq!(seen(&text), [bar("A"), bar("B C")]);
        let headers = GOOD.replace("A-----\nYm", "A-----\nProc-Type: 4\n\nYm");
        assert_eq!(seen(&headers), [("A".to_owned(), true, b"bar".to_vec())]);
        assert_eq!(
            seen("-----BEGIN A-----\n-----END A-----"),
            [("A".to_owned(), false, Vec::new())]
        );
    }

    #[test]
    fn a_block_is_written_in_lines_of_64_in_one_buffer_that_never_grows() {
        assert_eq!(*encode("A", b"bar"), "-----BEGIN A-----\nYmFy\n-----END A-----\n");
        for length in [0, 1, 47, 48, 49, 1000] {
            let der = vec![7; length];
            let text = encode("RSA PRIVATE KEY", &der);
            assert!(text.lines().all(|line| line.len() <= 64), "{length}");
            assert_eq!(seen(&text), [("RSA PRIVATE KEY".to_owned(), false, der)]);
            let lines = text.lines().count() - 2;
            assert_eq!(lines, length.div_ceil(48), "{length}");
            assert!(text.capacity() <= text.len() + 1, "{length}");
        }
    }

    #[test]
    fn what_is_no_block_does_not_hide_the_next() {
        for broken in [
            "-----BEGIN A-----\n",
            "-----BEGIN A-----\n!\n-----END A-----\n",
            "-----BEGIN A-----\nYm\n-----END A-----\n",
            "-----BEGIN A-----\nYmFy\n-----END B-----\n",
            "-----BEGIN A\nYmFy\n-----END A-----\n",
            "-----END A-----\n",
            " -----BEGIN A-----\nYmFy\n-----END A-----\n",
        ] {
            assert_eq!(seen(&format!("{broken}{GOOD}")).len(), 1, "{broken:?}");
            assert_eq!(seen(broken).len(), 0, "{broken:?}");
        }
        assert_eq!(blocks(b"-----BEGIN A-----\n\xff\n-----END A-----\n").len(), 0);
    }
}
