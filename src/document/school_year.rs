//! School years.

use std::borrow::Cow;
use std::fmt;

use jiff::civil;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::Date;

/// Two years, as a pattern for schemas.
pub const SCHOOL_YEAR_PATTERN: &str = "^[0-9]{4}/[0-9]{4}$";

/// A school year `Y/Y+1`: from 1 August of the first year to 31 July of the second
/// (opplæringslova § 14-1 and the local regulations made under it).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SchoolYear(i16);

impl SchoolYear {
    /// Reads `2026/2027`; the second year must follow the first.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (first, second) = text.split_once('/')?;
        let year = |part: &str| -> Option<i16> {
            (part.len() == 4 && part.bytes().all(|b| b.is_ascii_digit())).then(|| part.parse().ok()).flatten()
        };
        let (first, second) = (year(first)?, year(second)?);
        ((1900..2199).contains(&first) && second == first + 1).then_some(Self(first))
    }

    /// The school year that a day belongs to.
    #[must_use]
    pub fn of(date: Date) -> Self {
        let date = date.civil();
        Self(if date.month() >= 8 { date.year() } else { date.year() - 1 })
    }

    /// The calendar year it begins in.
    #[must_use]
    pub fn first_year(self) -> i16 {
        self.0
    }

    /// 1 August of the first year.
    #[must_use]
    pub fn first_day(self) -> Date {
        civil::date(self.0, 8, 1).into()
    }

    /// 31 July of the second year.
    #[must_use]
    pub fn last_day(self) -> Date {
        civil::date(self.0 + 1, 7, 31).into()
    }

    /// Whether a day lies within the school year.
    #[must_use]
    pub fn contains(self, date: Date) -> bool {
        (self.first_day()..=self.last_day()).contains(&date)
    }

    /// The calendar year in which a month (1 to 12) of this school year lies.
    #[must_use]
    pub fn year_of_month(self, month: i8) -> i16 {
        if month >= 8 { self.0 } else { self.0 + 1 }
    }
}

impl fmt::Display for SchoolYear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}/{:04}", self.0, self.0 + 1)
    }
}

impl Serialize for SchoolYear {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SchoolYear {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| de::Error::custom("not a school year"))
    }
}

impl JsonSchema for SchoolYear {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "SchoolYear".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": SCHOOL_YEAR_PATTERN,
            "format": super::schema::FORMAT_SCHOOL_YEAR,
            "examples": ["2026/2027"]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_year_follows_the_first() {
        let cases = [
            ("2026/2027", true),
            ("1999/2000", true),
            ("2026/2028", false),
            ("2027/2026", false),
            ("2026/27", false),
            ("2026-2027", false),
        ];
        for (text, valid) in cases {
            assert_eq!(SchoolYear::parse(text).is_some(), valid, "{text}");
        }
    }

    #[test]
    fn july_ends_and_august_begins_a_school_year() {
        let year = |text| Date::parse(text).map(|d| SchoolYear::of(d).to_string());
        assert_eq!(year("2027-07-31").as_deref(), Ok("2026/2027"));
        assert_eq!(year("2027-08-01").as_deref(), Ok("2027/2028"));
    }
}
