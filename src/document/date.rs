//! Calendar dates and clock times as they stand on the wire.

use std::borrow::Cow;
use std::fmt;

use jiff::civil;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Why a text is not a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DateError {
    /// Neither `YYYY-MM-DD` nor `dd.mm.yyyy`.
    #[error("not of the form `YYYY-MM-DD` or `dd.mm.yyyy`")]
    Shape,
    /// The right shape, but no such day, like 30 February.
    #[error("no such day in the calendar")]
    NoSuchDay,
}

/// A day in the calendar.
///
/// Read as ISO 8601 `YYYY-MM-DD` or Norwegian `dd.mm.yyyy`, always written as ISO 8601.
/// Years 1900 to 2199, so that a slip of the finger does not become an archived date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(civil::Date);

/// The shape that [`Date::parse`] reads, as a pattern for schemas.
pub const DATE_PATTERN: &str = r"^([0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{2}\.[0-9]{2}\.[0-9]{4})$";
/// The shape that [`ClockTime::parse`] reads, as a pattern for schemas.
pub const TIME_PATTERN: &str = r"^([01][0-9]|2[0-3]):[0-5][0-9]$";

impl Date {
    /// Reads `YYYY-MM-DD` or `dd.mm.yyyy`.
    ///
    /// # Errors
    /// [`DateError::Shape`] or [`DateError::NoSuchDay`].
    pub fn parse(text: &str) -> Result<Self, DateError> {
        let digits = |range: std::ops::Range<usize>| -> Result<i16, DateError> {
            let part = text.get(range).ok_or(DateError::Shape)?;
            if part.bytes().all(|b| b.is_ascii_digit()) {
                part.parse().map_err(|_| DateError::Shape)
            } else {
                Err(DateError::Shape)
            }
        };
        let bytes = text.as_bytes();
        let (year, month, day) = match (bytes.len(), bytes.get(4), bytes.get(7), bytes.get(2), bytes.get(5)) {
            (10, Some(b'-'), Some(b'-'), _, _) => (digits(0..4)?, digits(5..7)?, digits(8..10)?),
            (10, _, _, Some(b'.'), Some(b'.')) => (digits(6..10)?, digits(3..5)?, digits(0..2)?),
            _ => return Err(DateError::Shape),
        };
        if !(1900..2200).contains(&year) {
            return Err(DateError::NoSuchDay);
        }
        let month = i8::try_from(month).map_err(|_| DateError::NoSuchDay)?;
        let day = i8::try_from(day).map_err(|_| DateError::NoSuchDay)?;
        civil::Date::new(year, month, day).map(Self).map_err(|_| DateError::NoSuchDay)
    }

    /// The date as the calendar library knows it.
    #[must_use]
    pub fn civil(self) -> civil::Date {
        self.0
    }

    /// The day on which somebody born on this day is 18 (vergemålsloven § 2: of age). For one born on 29 February it is 1 March in
    /// a common year: the later of two readings, so that nothing begins before majority.
    #[must_use]
    pub fn eighteenth_birthday(self) -> Self {
        let year = self.0.year() + 18;
        Self(civil::Date::new(year, self.0.month(), self.0.day()).unwrap_or_else(|_| civil::date(year, 3, 1)))
    }
}

impl From<civil::Date> for Date {
    fn from(date: civil::Date) -> Self {
        Self(date)
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.0.year(), self.0.month(), self.0.day())
    }
}

impl Serialize for Date {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Date {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

impl JsonSchema for Date {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Date".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": DATE_PATTERN,
            "format": super::schema::FORMAT_DAY,
            "examples": ["2026-08-17"]
        })
    }
}

/// A time of day in whole minutes, `HH:MM`, Norwegian local time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClockTime(civil::Time);

impl ClockTime {
    /// Reads `HH:MM`, 00:00 to 23:59.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (hour, minute) = text.split_once(':')?;
        let two_digits = |part: &str| -> Option<i8> {
            (part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit())).then(|| part.parse().ok()).flatten()
        };
        civil::Time::new(two_digits(hour)?, two_digits(minute)?, 0, 0).ok().map(Self)
    }

    /// The time as the calendar library knows it.
    #[must_use]
    pub fn civil(self) -> civil::Time {
        self.0
    }
}

impl Serialize for ClockTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:02}:{:02}", self.0.hour(), self.0.minute()))
    }
}

impl<'de> Deserialize<'de> for ClockTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| de::Error::custom("not a time of the form `HH:MM`"))
    }
}

impl JsonSchema for ClockTime {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "ClockTime".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": TIME_PATTERN, "examples": ["14:30"] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_both_forms_and_writes_iso() {
        for text in ["2028-02-29", "29.02.2028"] {
            assert_eq!(Date::parse(text).map(|d| d.to_string()).as_deref(), Ok("2028-02-29"));
        }
    }

    #[test]
    fn eighteen_years_after_birth() {
        for (born, expected) in
            [("2008-10-05", "2026-10-05"), ("2008-02-29", "2026-03-01"), ("2000-12-31", "2018-12-31")]
        {
            let birthday = Date::parse(born).map(Date::eighteenth_birthday);
            assert_eq!(birthday.map(|date| date.to_string()).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn names_what_is_wrong() {
        let cases = [
            ("2027-02-29", DateError::NoSuchDay),
            ("31.04.2027", DateError::NoSuchDay),
            ("0027-02-01", DateError::NoSuchDay),
            ("23.10.23", DateError::Shape),
            ("2027/02/01", DateError::Shape),
            ("2027-2-1", DateError::Shape),
            ("+027-02-01", DateError::Shape),
            ("åå-02-01-0", DateError::Shape),
            ("", DateError::Shape),
        ];
        for (text, expected) in cases {
            assert_eq!(Date::parse(text), Err(expected), "{text}");
        }
    }

    #[test]
    fn reads_a_clock_time_in_two_digits_only() {
        assert!(ClockTime::parse("08:30").is_some());
        for text in ["8:30", "24:00", "08:60", "08.30", "+8:30", ""] {
            assert!(ClockTime::parse(text).is_none(), "{text}");
        }
    }
}
