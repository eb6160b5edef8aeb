//! Brings BER (ITU-T X.690, 8) to the lengths of DER, for signed data of others that were written as a stream.

use super::der::{self, tag};

/// How deep elements may lie in one another. Signed data with certificates inside have about 20.
const DEEPEST: usize = 40;
/// How many elements are read. Streams with so many would take much memory.
const MOST: usize = 100_000;

/// The first element of some bytes with definite, shortest lengths and OCTET STRINGs in one piece, and how many bytes it took. Nothing if it is no BER,
/// is nested too deep, or ends too early. Values are not brought to DER.
pub(super) fn to_definite(bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    element(bytes, DEEPEST, &mut { MOST })
}

/// Goes down into itself for constructed elements, and no deeper than it may.
fn element(bytes: &[u8], deeper: usize, left: &mut usize) -> Option<(Vec<u8>, usize)> {
    let [tag, first, rest @ ..] = bytes else { return None };
    if tag & 0x1F == 0x1F || deeper == 0 {
        return None;
    }
    *left = left.checked_sub(1)?;
    let count = usize::from(first & 0x7F);
    let (head, length) = match first {
        0..0x80 => (2, Some(usize::from(*first))),
        0x80 => (2, None),
        0x81..=0x84 => {
            let digits = rest.get(..count)?;
            (2 + count, Some(digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit))))
        }
        _ => return None,
    };
    let behind = bytes.get(head..)?;
    match length {
        Some(length) if tag & 0x20 == 0 => Some((der::element(*tag, behind.get(..length)?), head + length)),
        None if tag & 0x20 == 0 => None,
        _ => {
            let (parts, used) = parts(behind, length, deeper - 1, left)?;
            Some((joined(*tag, &parts)?, head + used))
        }
    }
}

/// What is inside of a constructed element, up to its length or to the end-of-contents, and how many bytes it took.
fn parts(bytes: &[u8], length: Option<usize>, deeper: usize, left: &mut usize) -> Option<(Vec<Vec<u8>>, usize)> {
    let inside = bytes.get(..length.unwrap_or(bytes.len()))?;
    let (mut parts, mut used) = (Vec::new(), 0);
    loop {
        let rest = inside.get(used..)?;
        match (length, rest) {
            (Some(_), []) => return Some((parts, used)),
            (None, [0, 0, ..]) => return Some((parts, used + 2)),
            _ => {}
        }
        let (part, taken) = element(rest, deeper, left)?;
        parts.push(part);
        used += taken;
    }
}

/// A constructed element; an OCTET STRING in pieces becomes one.
fn joined(tag: u8, parts: &[Vec<u8>]) -> Option<Vec<u8>> {
    if tag != 0x20 | tag::OCTET_STRING {
        return Some(der::element(tag, &parts.concat()));
    }
    let mut whole = Vec::new();
    for part in parts {
        whole.extend_from_slice(der::only(part, tag::OCTET_STRING).ok()?.body);
    }
    Some(der::element(tag::OCTET_STRING, &whole))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lengths_become_definite_and_strings_whole() {
        let stream = [0x30, 0x80, 0x24, 0x80, 4, 1, b'a', 4, 0x81, 1, b'b', 0, 0, 2, 1, 5, 0, 0, 0xFF];
        assert_eq!(to_definite(&stream), Some((vec![0x30, 7, 4, 2, b'a', b'b', 2, 1, 5], 18)));
        assert_eq!(to_definite(&stream[..17]), None, "without its end");
        assert_eq!(to_definite(&[0x04, 0x80, 0, 0]), None, "a primitive element has a length");
        assert_eq!(to_definite(&[0x30, 0x80].repeat(100_000)), None, "too deep");
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(bytes in prop::collection::vec(prop::sample::select(vec![0, 1, 2, 4, 0x24, 0x30, 0x80, 0x81, 0xFF]), 0..64)) {
            if let Some((whole, used)) = to_definite(&bytes) {
                prop_assert!(used <= bytes.len());
                prop_assert_eq!(to_definite(&whole), Some((whole.clone(), whole.len())));
            }
        }
    }
}
