//! Times in certificates: read into seconds since 1970 (UTC, without leap seconds).

use jiff::civil::DateTime;

use super::der::{DerError, Element, tag};

/// Reads a Time, which is a UTCTime or a GeneralizedTime in UTC (RFC 5280, 4.1.2.5).
///
/// # Errors
/// It is something else, or a day that no calendar has.
pub fn read(element: &Element<'_>) -> Result<i64, DerError> {
    match element.tag {
        tag::UTC_TIME => {
            let (year, rest) = digits(element.body, 2)?;
            // 4.1.2.5.1: two digits from 50 on are of the last century.
            seconds(if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        tag::GENERALIZED_TIME => generalized(element.body),
        found => Err(DerError::Tag { expected: tag::GENERALIZED_TIME, found }),
    }
}

/// Reads the content of a GeneralizedTime in UTC. A fraction of a second (RFC 3161, 2.4.2 allows one) is cut off.
///
/// # Errors
/// It is something else, or a day that no calendar has.
pub fn generalized(content: &[u8]) -> Result<i64, DerError> {
    let (year, rest) = digits(content, 4)?;
    let Some(point) = rest.iter().position(|byte| *byte == b'.') else { return seconds(year, rest) };
    let (whole, fraction) = rest.split_at(point);
    match fraction {
        [b'.', digits @ .., b'Z'] if !digits.is_empty() && digits.iter().all(u8::is_ascii_digit) => {
            seconds(year, &[whole, b"Z"].concat())
        }
        _ => Err(BAD),
    }
}

/// A time in words, as RFC 3339 writes it.
#[must_use]
pub fn text(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds)
        .map_or_else(|_| "a time beyond the calendar".to_owned(), |time| time.to_string())
}

const BAD: DerError = DerError::Value("a time");
const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

/// A number of so many digits, and what follows it.
fn digits(bytes: &[u8], count: usize) -> Result<(i16, &[u8]), DerError> {
    let (digits, rest) = bytes.split_at_checked(count).ok_or(BAD)?;
    let number = digits
        .iter()
        .try_fold(0_i16, |number, digit| digit.is_ascii_digit().then(|| number * 10 + i16::from(digit - b'0')));
    Ok((number.ok_or(BAD)?, rest))
}

/// The seconds of a year and `MMDDHHMMSSZ`.
fn seconds(year: i16, rest: &[u8]) -> Result<i64, DerError> {
    let mut parts = [0_i8; 5];
    let mut rest = rest;
    for part in &mut parts {
        let (number, behind) = digits(rest, 2)?;
        *part = i8::try_from(number).map_err(|_| BAD)?;
        rest = behind;
    }
    if rest != b"Z" {
        return Err(BAD);
    }
    let [month, day, hour, minute, second] = parts;
    let time = DateTime::new(year, month, day, hour, minute, second, 0).map_err(|_| BAD)?;
    // Counted without a time zone: RFC 5280, 4.1.2.5, writes `99991231235959Z` for no end, and jiff's time stamps end some hours before.
    Ok(time.duration_since(EPOCH).as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utc(text: &str) -> Result<i64, DerError> {
        read(&Element { tag: tag::UTC_TIME, raw: &[], body: text.as_bytes() })
    }

    #[test]
    fn times_are_read_in_one_form_only() {
        assert_eq!(utc("700101000000Z"), Ok(0));
        assert_eq!(utc("500101000000Z"), Ok(-631_152_000));
        assert_eq!(utc("491231235959Z"), Ok(2_524_607_999));
        assert_eq!(generalized(b"20500101000000Z"), Ok(2_524_608_000));
        assert_eq!(generalized(b"20500101000000.25Z"), Ok(2_524_608_000));
        for bad in
            ["", "7001010000Z", "700101000000", "700101000000+0100", "701301000000Z", "700230000000Z", "7001 1000000Z"]
        {
            assert!(utc(bad).is_err(), "{bad}");
        }
        for bad in ["20500101000000.Z", "20500101000000.5", "20500101000000,5Z", "2050010100.5Z", "20500101000060Z"] {
            assert!(generalized(bad.as_bytes()).is_err(), "{bad}");
        }
        assert_eq!(generalized(b"99991231235959Z"), Ok(253_402_300_799), "the end that means none");
        assert_eq!(text(0), "1970-01-01T00:00:00Z");
        assert_eq!(text(253_402_300_799), "a time beyond the calendar");
    }
}
