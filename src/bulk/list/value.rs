//! What a cell says: days, yes and no, languages, postcodes. A word that is not understood stays as it
//! is, so that validation names it.

use jiff::civil;
use serde_json::Value;

use super::heading::fold;

/// `ugradert` is the word of the population register for an address without protection.
const NO: [&str; 8] = ["", "nei", "no", "false", "0", "usann", "usant", "ugradert"];
const YES: [&str; 7] = ["ja", "yes", "true", "1", "sann", "sant", "x"];

/// The languages of letters, each by its tag and its names.
const LANGUAGES: [(&str, &[&str]); 14] = [
    ("nb", &["bokmål", "norskbokmål", "norwegianbokmål", "bokmal"]),
    ("nn", &["nynorsk", "norsknynorsk", "norwegiannynorsk"]),
    ("en", &["engelsk", "english"]),
    ("se", &["nordsamisk", "northernsami", "northsami", "davvisámegiella"]),
    ("pl", &["polsk", "polish"]),
    ("uk", &["ukrainsk", "ukrainian"]),
    ("ar", &["arabisk", "arabic"]),
    ("so", &["somali", "somalisk"]),
    ("ti", &["tigrinja", "tigrinya"]),
    ("ur", &["urdu"]),
    ("fa", &["persisk", "farsi", "persian"]),
    ("tr", &["tyrkisk", "turkish"]),
    ("vi", &["vietnamesisk", "vietnamese"]),
    ("ta", &["tamil", "tamilsk"]),
];

/// What a spreadsheet shows for a formula that fails, in English and Norwegian.
const ERRORS: [&str; 14] = [
    "#N/A",
    "#I/T",
    "#REF!",
    "#VALUE!",
    "#VERDI!",
    "#NAME?",
    "#NAVN?",
    "#DIV/0!",
    "#NUM!",
    "#NULL!",
    "#SPILL!",
    "#CALC!",
    "#GETTING_DATA",
    "#DATA!",
];

/// Whether an address is protected. Only a clear no says that it is not: a letter too careful can be
/// sent again, an address once printed cannot be taken back.
pub(super) fn is_protected(cell: &str) -> bool {
    !NO.contains(&cell.to_lowercase().as_str())
}

/// Yes, no, or the text itself.
pub(super) fn consent(cell: &str) -> Value {
    let word = cell.to_lowercase();
    match (YES.contains(&word.as_str()), NO.contains(&word.as_str())) {
        (true, _) => Value::Bool(true),
        (_, true) => Value::Bool(false),
        _ => Value::from(cell),
    }
}

/// A day as ISO 8601 if it is one written `d.m.yyyy` or `yyyy-mm-dd`, else the text itself.
pub(super) fn day(cell: &str) -> String {
    norwegian_day(cell).map_or_else(|| cell.to_owned(), |day| day.to_string())
}

fn norwegian_day(cell: &str) -> Option<civil::Date> {
    let mut parts = cell.split('.');
    let mut number = |digits: std::ops::RangeInclusive<usize>| -> Option<i16> {
        let part = parts.next()?;
        (digits.contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit())).then(|| part.parse().ok())?
    };
    let (day, month, year) = (number(1..=2)?, number(1..=2)?, number(4..=4)?);
    if parts.next().is_some() {
        return None;
    }
    civil::Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

/// The tag of a language given by tag or name, else the text itself.
pub(super) fn locale(cell: &str) -> &str {
    let word = fold(cell);
    // `en-GB`, `nb_NO`
    let lower = cell.to_lowercase();
    let primary = lower.split_once(['-', '_']).filter(|(_, region)| region.len() == 2).map(|(tag, _)| tag);
    let known =
        |(tag, names): &&(&str, &[&str])| *tag == word || names.contains(&word.as_str()) || primary == Some(*tag);
    LANGUAGES.iter().find(known).map_or(cell, |(tag, _)| tag)
}

/// A postcode with the zeros that spreadsheets drop from numbers, unless it is of another country.
pub(super) fn postcode(cell: &str, abroad: bool) -> String {
    if !abroad && (1..4).contains(&cell.len()) && cell.bytes().all(|byte| byte.is_ascii_digit()) {
        format!("{cell:0>4}")
    } else {
        cell.to_owned()
    }
}

/// Whether a spreadsheet shows an error here.
pub(super) fn is_error(cell: &str) -> bool {
    cell.starts_with('#') && (ERRORS.contains(&cell) || (cell.len() > 2 && cell.bytes().all(|byte| byte == b'#')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_an_address_for_protected_unless_the_cell_is_a_clear_no() {
        for cell in ["", "nei", "Nei", "NO", "false", "0", "USANN", "Ugradert"] {
            assert!(!is_protected(cell), "{cell}");
        }
        for cell in ["ja", "x", "1", "kode 6", "strengt fortrolig", "SANN", "?", "-", "nei?", "ikke avklart", "6"] {
            assert!(is_protected(cell), "{cell}");
        }
    }

    #[test]
    fn reads_consent_only_where_it_is_clear() {
        for (cell, expected) in [
            ("Ja", Value::Bool(true)),
            ("x", Value::Bool(true)),
            ("nei", Value::Bool(false)),
            ("USANN", Value::Bool(false)),
            ("delvis", Value::from("delvis")),
        ] {
            assert_eq!(consent(cell), expected, "{cell}");
        }
    }

    #[test]
    fn writes_days_as_iso_and_leaves_the_rest() {
        for (cell, expected) in [
            ("01.02.2015", "2015-02-01"),
            ("1.2.2015", "2015-02-01"),
            ("2015-02-01", "2015-02-01"),
            ("30.02.2015", "30.02.2015"),
            ("1.2.15", "1.2.15"),
            ("1/2/2015", "1/2/2015"),
            ("1.2.2015.", "1.2.2015."),
            ("+1.2.2015", "+1.2.2015"),
            ("våren", "våren"),
        ] {
            assert_eq!(day(cell), expected, "{cell}");
        }
    }

    #[test]
    fn reads_languages_by_tag_and_name() {
        for (cell, expected) in [
            ("nb", "nb"),
            ("Nynorsk", "nn"),
            ("nn-NO", "nn"),
            ("en_GB", "en"),
            ("Ukrainsk", "uk"),
            ("Arabic", "ar"),
            ("NORDSAMISK", "se"),
            ("Tigrinja", "ti"),
            ("norsk", "norsk"),
            ("klingon", "klingon"),
            ("en-", "en"),
        ] {
            assert_eq!(locale(cell), expected, "{cell}");
        }
    }

    #[test]
    fn gives_postcodes_their_zeros_back() {
        for (cell, abroad, expected) in [
            ("101", false, "0101"),
            ("1", false, "0001"),
            ("4321", false, "4321"),
            ("101", true, "101"),
            ("12345", false, "12345"),
            ("1a", false, "1a"),
        ] {
            assert_eq!(postcode(cell, abroad), expected, "{cell}");
        }
    }
}
