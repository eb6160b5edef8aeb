//! Bytes of a CSV list to text. Says which encoding it was only by reading it rightly.

use encoding_rs::{UTF_16BE, UTF_16LE, WINDOWS_1252};

use super::ListFault;

/// What UTF-8 for å, ø, æ, Å, Ø, Æ, é and ü looks like when it is read as Windows-1252.
const MOJIBAKE: [&str; 8] = ["Ã¥", "Ã¸", "Ã¦", "Ã…", "Ã˜", "Ã†", "Ã©", "Ã¼"];

/// Reads UTF-8 with or without a byte-order mark, UTF-16 with one, else Windows-1252.
///
/// UTF-8 keeps the bytes where they are.
///
/// # Errors
/// [`ListFault::Encoding`] for a text that is cut off or of two encodings, [`ListFault::NotAList`] for
/// one with zero bytes: a program or a picture, or UTF-16 without its mark.
pub(super) fn decode(bytes: Vec<u8>) -> Result<String, ListFault> {
    let utf_16 = match bytes.as_slice() {
        [0xFF, 0xFE, ..] => Some(UTF_16LE),
        [0xFE, 0xFF, ..] => Some(UTF_16BE),
        _ => None,
    };
    if let Some(encoding) = utf_16 {
        let (text, malformed) = encoding.decode_with_bom_removal(&bytes);
        return if malformed { Err(ListFault::Encoding) } else { whole(text.into_owned()) };
    }
    let marked = bytes.starts_with(b"\xEF\xBB\xBF");
    match String::from_utf8(bytes) {
        Ok(mut text) => {
            if marked {
                text.drain(..'\u{feff}'.len_utf8());
            }
            whole(text)
        }
        Err(_) if marked => Err(ListFault::Encoding),
        Err(error) => {
            let text = whole(WINDOWS_1252.decode_without_bom_handling(error.as_bytes()).0.into_owned())?;
            // One broken letter in UTF-8 must not garble all the others.
            if MOJIBAKE.iter().any(|pair| text.contains(pair)) { Err(ListFault::Encoding) } else { Ok(text) }
        }
    }
}

fn whole(text: String) -> Result<String, ListFault> {
    if text.contains('\0') { Err(ListFault::NotAList) } else { Ok(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_spreadsheets_write() {
        let utf_16 = |mark: [u8; 2], bytes: fn(u16) -> [u8; 2]| {
            let mut all = mark.to_vec();
            all.extend("Ståle Ærøy €".encode_utf16().flat_map(bytes));
            all
        };
        let cases = [
            "Ståle Ærøy €".as_bytes().to_vec(),
            "\u{feff}Ståle Ærøy €".as_bytes().to_vec(),
            b"St\xe5le \xc6r\xf8y \x80".to_vec(),
            utf_16([0xFF, 0xFE], u16::to_le_bytes),
            utf_16([0xFE, 0xFF], u16::to_be_bytes),
        ];
        for bytes in cases {
            assert_eq!(decode(bytes.clone()).as_deref(), Ok("Ståle Ærøy €"), "{bytes:x?}");
        }
    }

    #[test]
    fn refuses_what_it_would_garble() {
        let cases: [(&[u8], ListFault); 5] = [
            (b"\xEF\xBB\xBFSt\xe5le", ListFault::Encoding),
            ("Ståle Ærøy\u{20ac}".as_bytes().split_last().map_or(&[], |(_, cut)| cut), ListFault::Encoding),
            (b"\xFF\xFEa", ListFault::Encoding),
            (b"S\0t\0", ListFault::NotAList),
            (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", ListFault::NotAList),
        ];
        for (bytes, fault) in cases {
            assert_eq!(decode(bytes.to_vec()), Err(fault), "{bytes:x?}");
        }
    }
}
