//! Dates, times and lists in the fourteen languages of letters, as the helpers of merge fields write them.

use crate::document::{ClockTime, Date, Language};

const MONTHS_NB: [&str; 12] = [
    "januar",
    "februar",
    "mars",
    "april",
    "mai",
    "juni",
    "juli",
    "august",
    "september",
    "oktober",
    "november",
    "desember",
];
const MONTHS_EN: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// A day, given as `2026-12-03`, `03.12.2026` or `3.12.2026`: «3. desember 2026» in Norwegian, «3 December 2026» in English, and in
/// figures, «03.12.2026», in other languages.
pub(super) fn date(text: &str, language: Language) -> Option<String> {
    let padded: Vec<String> = text.trim().split('.').map(|part| format!("{part:0>2}")).collect();
    let day = Date::parse(&padded.join(".")).ok()?.civil();
    let month = usize::from(day.month().unsigned_abs()) - 1;
    Some(match language {
        Language::Nb | Language::Nn => format!("{}. {} {}", day.day(), MONTHS_NB[month], day.year()),
        Language::En => format!("{} {} {}", day.day(), MONTHS_EN[month], day.year()),
        _ => format!("{:02}.{:02}.{}", day.day(), day.month(), day.year()),
    })
}

/// A time of day, given as `09:30` or `9.30`: «09.30» in Norwegian, «09:30» in other languages.
pub(super) fn time(text: &str, language: Language) -> Option<String> {
    let (hour, minute) = text.trim().split_once([':', '.'])?;
    let time = ClockTime::parse(&format!("{hour:0>2}:{minute}"))?.civil();
    let between = if matches!(language, Language::Nb | Language::Nn) { '.' } else { ':' };
    Some(format!("{:02}{between}{:02}", time.hour(), time.minute()))
}

/// «A, B og C». Tigrinya and Tamil join with suffixes rather than a word, so there all are joined by commas.
pub(super) fn list(items: &[&str], language: Language) -> String {
    let (comma, and) = match language {
        Language::Nb | Language::Nn => (", ", " og "),
        Language::En => (", ", " and "),
        Language::Se => (", ", " ja "),
        Language::Pl => (", ", " i "),
        Language::Uk => (", ", " і "),
        // The word is written together with what follows.
        Language::Ar => ("، ", " و"),
        Language::So => (", ", " iyo "),
        Language::Ur => ("، ", " اور "),
        Language::Fa => ("، ", " و "),
        Language::Tr => (", ", " ve "),
        Language::Vi => (", ", " và "),
        Language::Ti => ("፣ ", "፣ "),
        Language::Ta => (", ", ", "),
    };
    match items {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [first @ .., last] => format!("{}{and}{last}", first.join(comma)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_written_as_each_language_does() {
        for (language, expected) in [
            (Language::Nb, "3. desember 2026"),
            (Language::Nn, "3. desember 2026"),
            (Language::En, "3 December 2026"),
            (Language::Pl, "03.12.2026"),
        ] {
            assert_eq!(date("2026-12-03", language).as_deref(), Some(expected));
            assert_eq!(date(" 03.12.2026 ", language).as_deref(), Some(expected));
            assert_eq!(date("3.12.2026", language).as_deref(), Some(expected));
        }
        assert_eq!(date("3/12/26", Language::Nb), None);
        assert_eq!(date("2026-02-30", Language::Nb), None);
    }

    #[test]
    fn times_are_of_the_day() {
        assert_eq!(time("9:30", Language::Nn).as_deref(), Some("09.30"));
        assert_eq!(time("09.30", Language::En).as_deref(), Some("09:30"));
        assert_eq!(time("24:00", Language::Nb), None);
        assert_eq!(time("halv ti", Language::Nb), None);
    }

    #[test]
    fn lists_end_with_a_word() {
        assert_eq!(list(&["A", "B", "C"], Language::Nb), "A, B og C");
        assert_eq!(list(&["A", "B"], Language::En), "A and B");
        assert_eq!(list(&["A"], Language::Se), "A");
        assert_eq!(list(&[], Language::Nb), "");
        assert_eq!(list(&["أ", "ب"], Language::Ar), "أ وب");
    }
}
