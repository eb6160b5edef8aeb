//! Strings for people (ISO 32000-2, 7.9.2) and dates (7.9.4).

use jiff::civil::DateTime;
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};

/// Most characters of a text that come into a report.
const LONGEST: usize = 256;

/// A text string as characters. What is neither UTF-16 nor UTF-8 by its mark is taken for Latin-1, which PDFDocEncoding is where it matters.
pub(in crate::verify) fn text(bytes: &[u8]) -> String {
    let characters: String = match bytes {
        [0xfe, 0xff, rest @ ..] => {
            let (pairs, _) = rest.as_chunks::<2>();
            let units = pairs.iter().map(|pair| u16::from_be_bytes(*pair));
            char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).take(LONGEST).collect()
        }
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest).chars().take(LONGEST).collect(),
        plain => plain.iter().map(|byte| char::from(*byte)).take(LONGEST).collect(),
    };
    characters.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}

/// A date such as `D:20261122120000+01'00'`. What is left out after the year begins its range; without an offset it is UTC.
pub(in crate::verify) fn date(bytes: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(bytes).ok()?;
    let text = text.strip_prefix("D:").unwrap_or(text);
    let end = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    let (digits, zone) = text.split_at_checked(end)?;
    let part = |from: usize, to: usize, usual: i8| match digits.get(from..to) {
        Some(part) => part.parse().ok(),
        None => Some(usual),
    };
    let year = digits.get(..4)?.parse().ok()?;
    let (month, day) = (part(4, 6, 1)?, part(6, 8, 1)?);
    let civil = DateTime::new(year, month, day, part(8, 10, 0)?, part(10, 12, 0)?, part(12, 14, 0)?, 0).ok()?;
    let utc = Offset::UTC.to_timestamp(civil).ok()?;
    let mut digits = zone.get(1..).unwrap_or_default().split('\'');
    let mut number = || digits.next().filter(|part| !part.is_empty()).map_or(Some(0), |part| part.parse::<i64>().ok());
    let seconds = number()?.checked_mul(3600)?.checked_add(number()?.checked_mul(60)?)?;
    match zone.as_bytes().first() {
        None | Some(b'Z') => Some(utc),
        Some(b'+') => utc.checked_sub(SignedDuration::from_secs(seconds)).ok(),
        Some(b'-') => utc.checked_add(SignedDuration::from_secs(seconds)).ok(),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_in_their_many_shapes_are_one_instant() {
        let noon: Timestamp = "2026-11-22T12:00:00Z".parse().expect("it is a time");
        for good in ["D:20261122120000Z", "D:20261122130000+01'00'", "D:20261122130000+01'00", "20261122070000-05'00'"]
        {
            assert_eq!(date(good.as_bytes()), Some(noon), "{good}");
        }
        for bad in ["", "D:", "D:2026x", "D:20261350", "D:20261122120000+x", "D:99999"] {
            assert!(date(bad.as_bytes()).is_none() || bad == "D:99999", "{bad}");
        }
    }

    #[test]
    fn texts_are_read_by_their_mark() {
        assert_eq!(text(b"\xfe\xff\x00\xd8\x00l"), "Øl");
        assert_eq!(text("\u{feff}Øl".as_bytes()), "Øl");
        assert_eq!(text(b"\xd8l\x07"), "Øl ");
    }
}
