//! Norwegian public holidays, computed for any year.

use jiff::ToSpan;
use jiff::civil::{self, Weekday};

use crate::document::Date;

/// The name, as a word of the message table, of the public holiday that a day is: the days of
/// lov 24. februar 1995 nr. 12 § 2 and lov 26. april 1947 nr. 1, Sundays as such left out.
pub(super) fn public_holiday(date: Date) -> Option<&'static str> {
    let day = date.civil();
    match (day.month(), day.day()) {
        (1, 1) => return Some("new year's day"),
        (5, 1) => return Some("labour day"),
        (5, 17) => return Some("constitution day"),
        (12, 25) => return Some("christmas day"),
        (12, 26) => return Some("boxing day"),
        _ => {}
    }
    let easter = easter_sunday(day.year());
    let since = easter.until(day).map(|span| span.get_days()).ok()?;
    Some(match since {
        -3 => "maundy thursday",
        -2 => "good friday",
        0 => "easter sunday",
        1 => "easter monday",
        39 => "ascension day",
        49 => "whit sunday",
        50 => "whit monday",
        _ => return None,
    })
}

/// Whether a day is a Saturday or a Sunday.
pub(super) fn is_weekend(date: Date) -> bool {
    matches!(date.civil().weekday(), Weekday::Saturday | Weekday::Sunday)
}

/// Easter Sunday of the Gregorian calendar (Meeus, «Astronomical Algorithms», chapter 8).
#[expect(clippy::many_single_char_names, reason = "the names of the source")]
fn easter_sunday(year: i16) -> civil::Date {
    let year_ = i32::from(year);
    let a = year_ % 19;
    let (b, c) = (year_ / 100, year_ % 100);
    let (d, e) = (b / 4, b % 4);
    let f = (b + 8) / 25;
    let g = (b - f + 1) / 3;
    let h = (19 * a + b - d - g + 15) % 30;
    let (i, k) = (c / 4, c % 4);
    let l = (32 + 2 * e + 2 * i - h - k) % 7;
    let m = (a + 11 * h + 22 * l) / 451;
    let days_after_21_march = h + l - 7 * m + 1;
    civil::date(year, 3, 21).saturating_add(days_after_21_march.days())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_year(year: i16) -> Vec<String> {
        let mut day = civil::date(year, 1, 1);
        let mut found = Vec::new();
        while day.year() == year {
            if public_holiday(day.into()).is_some() {
                found.push(format!("{:02}-{:02}", day.month(), day.day()));
            }
            day = day.saturating_add(1.day());
        }
        found
    }

    #[test]
    fn the_days_of_two_school_years() {
        assert_eq!(
            of_year(2026),
            [
                "01-01", "04-02", "04-03", "04-05", "04-06", "05-01", "05-14", "05-17", "05-24", "05-25", "12-25",
                "12-26"
            ]
        );
        assert_eq!(
            of_year(2027),
            // Constitution day and Whit Monday fall on one day.
            ["01-01", "03-25", "03-26", "03-28", "03-29", "05-01", "05-06", "05-16", "05-17", "12-25", "12-26"]
        );
    }

    #[test]
    fn the_earliest_and_the_latest_easter() {
        assert_eq!(easter_sunday(2285), civil::date(2285, 3, 22));
        assert_eq!(easter_sunday(2038), civil::date(2038, 4, 25));
        assert_eq!(easter_sunday(1943), civil::date(1943, 4, 25));
    }
}
