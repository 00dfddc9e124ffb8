//! DER (X.690): elements read by their tags, and written into bytes that are wiped. Only what keys and archives
//! are made of; whole certificates are read elsewhere.

use zeroize::Zeroizing;

/// Bytes that may be a private key's.
pub(super) type Der = Zeroizing<Vec<u8>>;

pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const NULL: u8 = 0x05;
pub(super) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(super) const UTF8_STRING: u8 = 0x0c;
pub(super) const PRINTABLE_STRING: u8 = 0x13;
pub(super) const BMP_STRING: u8 = 0x1e;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;

/// `[number]` around whole elements.
pub(super) const fn explicit(number: u8) -> u8 {
    0xa0 | number
}

/// `[number]` in place of a primitive's own tag.
pub(super) const fn implicit(number: u8) -> u8 {
    0x80 | number
}

/// Reads elements one after the other. What is not DER reads as nothing.
#[derive(Clone, Copy)]
pub(super) struct Reader<'d>(&'d [u8]);

impl<'d> Reader<'d> {
    pub(super) fn new(der: &'d [u8]) -> Self {
        Reader(der)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn next_is(&self, tag: u8) -> bool {
        self.0.first() == Some(&tag)
    }

    /// The next element: its tag, and what is inside.
    pub(super) fn any(&mut self) -> Option<(u8, &'d [u8])> {
        let [tag, first, rest @ ..] = self.0 else {
            return None;
        };
        let (length, rest) = match first {
            0..=0x7f => (usize::from(*first), rest),
            0x81..=0x84 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x0f))?;
                let length = bytes
                    .iter()
                    .fold(0, |length, byte| length << 8 | usize::from(*byte));
                // There is one way to write a length: the shortest.
                if bytes.first() == Some(&0) || length < 0x80 {
                    return None;
                }
                (length, rest)
            }
            _ => return None,
        };
        let is_long_tag = tag & 0x1f == 0x1f;
        let (inside, rest) = rest.split_at_checked(length).filter(|_| !is_long_tag)?;
        self.0 = rest;
        Some((*tag, inside))
    }

    /// The inside of the next element, if it has that tag.
    pub(super) fn take(&mut self, tag: u8) -> Option<&'d [u8]> {
        self.next_is(tag)
            .then(|| self.any())
            .flatten()
            .map(|(_, inside)| inside)
    }

    /// The elements within the next one, if it has that tag.
    pub(super) fn within(&mut self, tag: u8) -> Option<Reader<'d>> {
        self.take(tag).map(Reader)
    }

    /// A whole number above zero or zero itself, without leading zeros.
    pub(super) fn natural(&mut self) -> Option<&'d [u8]> {
        match self.take(INTEGER)? {
            [0, rest @ ..] => match rest {
                [] => Some(rest),
                [first, ..] if *first >= 0x80 => Some(rest),
                _ => None,
            },
            [first, ..] if *first >= 0x80 => None,
            [] => None,
            number => Some(number),
        }
    }

    /// A natural number of at most 31 bits.
    pub(super) fn count(&mut self) -> Option<u32> {
        let bytes = self.natural()?;
        let number = bytes.iter().try_fold(0_u32, |number, byte| {
            number.checked_mul(256)?.checked_add(u32::from(*byte))
        })?;
        (number <= i32::MAX as u32).then_some(number)
    }
}

/// The only element of `der`, if it has that tag.
pub(super) fn only(der: &[u8], tag: u8) -> Option<Reader<'_>> {
    let mut reader = Reader(der);
    reader.within(tag).filter(|_| reader.is_empty())
}

/// An element around `parts`.
pub(super) fn element(tag: u8, parts: &[&[u8]]) -> Der {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    // Allocated once: a vector that grows leaves copies behind.
    let mut der = Zeroizing::new(Vec::with_capacity(length + 6));
    der.push(tag);
    let bytes = length.to_be_bytes();
    let significant = &bytes[bytes.iter().take_while(|byte| **byte == 0).count()..];
    match length {
        0..=0x7f => der.push(length as u8),
        _ => {
            der.push(0x80 | significant.len() as u8);
            der.extend_from_slice(significant);
        }
    }
    parts.iter().for_each(|part| der.extend_from_slice(part));
    der
}

pub(super) fn sequence(parts: &[&[u8]]) -> Der {
    element(SEQUENCE, parts)
}

pub(super) fn octets(bytes: &[u8]) -> Der {
    element(OCTET_STRING, &[bytes])
}

/// An object identifier, given by what is inside of it.
pub(super) fn identifier(inside: &[u8]) -> Der {
    element(OBJECT_IDENTIFIER, &[inside])
}

/// A natural number, given most significant byte first.
pub(super) fn natural(bytes: &[u8]) -> Der {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let significant = &bytes[zeros..];
    let needs_sign = significant.first().is_none_or(|first| *first >= 0x80);
    element(INTEGER, &[if needs_sign { &[0] } else { &[] }, significant])
}

/// A bit string of whole bytes.
pub(super) fn bits(bytes: &[u8]) -> Der {
    element(BIT_STRING, &[&[0], bytes])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        for length in [0, 1, 127, 128, 255, 256, 65_535, 65_536] {
            let bytes = vec![7; length];
            let der = octets(&bytes);
            assert_eq!(Reader::new(&der).take(OCTET_STRING), Some(&bytes[..]), "{length}");
        }
        for number in [0_u32, 1, 127, 128, 255, 256, 2048, i32::MAX as u32] {
            let der = natural(&number.to_be_bytes());
            assert_eq!(Reader::new(&der).count(), Some(number));
        }
        assert_eq!(*natural(&[0, 0, 0x80]), [2, 2, 0, 0x80]);
    }

    #[test]
    fn what_has_another_encoding_is_refused() {
        for wrong in [
            &[4, 0x81, 1, 7][..],
            &[4, 0x82, 0, 200],
            &[4, 0x80, 7, 0, 0],
            &[4, 0x85, 0, 0, 0, 0, 1, 7],
            &[0x1f, 1, 7],
            &[4, 2, 7],
            &[4],
            &[],
        ] {
            assert_eq!(Reader::new(wrong).any(), None, "{wrong:?}");
        }
        for wrong in [&[2, 2, 0, 1][..], &[2, 1, 0x80], &[2, 0], &[2, 5, 1, 0, 0, 0, 0]] {
            assert_eq!(Reader::new(wrong).count(), None, "{wrong:?}");
        }
    }
}
