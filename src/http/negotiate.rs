//! What the caller asks for: media types and languages, with their qualities (RFC 9110, 12.4 and 12.5).

use std::cmp::Reverse;

use poem::http::{HeaderMap, header};

use crate::document::Locale;
use crate::pipeline::Freshness;
use crate::template::Format;

/// A member of a header list and its quality in thousandths.
fn preferences<'a>(headers: &'a HeaderMap, name: &header::HeaderName) -> Vec<(&'a str, u16)> {
    let mut found: Vec<(&str, u16)> = headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|member| {
            let mut parts = member.split(';').map(str::trim);
            let value = parts.next().filter(|value| !value.is_empty())?;
            let quality = parts
                .find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")))
                .map_or(Some(1.0), |quality| quality.parse::<f32>().ok())?;
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0..=1000")]
            let thousandths = (quality.clamp(0.0, 1.0) * 1000.0) as u16;
            Some((value, thousandths))
        })
        .collect();
    // Stable: of equal quality the first named goes first.
    found.sort_by_key(|&(_, quality)| Reverse(quality));
    found
}

/// The format to answer in, among those offered (the first is the default); nothing when none is
/// accepted.
pub(super) fn format(headers: &HeaderMap, offered: &[Format]) -> Option<Format> {
    if !headers.contains_key(header::ACCEPT) {
        return offered.first().copied();
    }
    let wanted = preferences(headers, &header::ACCEPT);
    // Of all ranges that a format falls under the most specific one speaks for it (RFC 9110, 12.5.1). They stand in the order
    // in which they are wanted, so its place tells how good the format is.
    let place = |format: Format| {
        let ranges = wanted.iter().enumerate();
        let speaking = ranges.filter_map(|(place, (range, _))| Some((specificity(range, format)?, Reverse(place))));
        let (_, Reverse(place)) = speaking.max()?;
        (wanted[place].1 > 0).then_some(place)
    };
    let places = offered.iter().filter_map(|&format| Some((place(format)?, format)));
    places.min_by_key(|&(place, _)| place).map(|(_, format)| format)
}

/// How closely a range names a format, if it does.
fn specificity(range: &str, format: Format) -> Option<u8> {
    let essence = format.media_type().split(';').next().unwrap_or_default();
    let range = range.to_ascii_lowercase();
    match range.strip_suffix("/*") {
        Some("*") => Some(0),
        Some(kind) => (essence.split('/').next() == Some(kind)).then_some(1),
        None => (range == essence).then_some(2),
    }
}

/// The language that messages are asked for in, if one of ours is.
pub(super) fn locale(headers: &HeaderMap) -> Option<Locale> {
    preferences(headers, &header::ACCEPT_LANGUAGE).iter().filter(|(_, quality)| *quality > 0).find_map(|(range, _)| {
        match range.split('-').next()?.to_ascii_lowercase().as_str() {
            "nb" | "no" => Some(Locale::Nb),
            "nn" => Some(Locale::Nn),
            "en" => Some(Locale::En),
            _ => None,
        }
    })
}

/// What the caller says of the cache (RFC 9111, 5.2.1).
pub(super) fn freshness(headers: &HeaderMap) -> Freshness {
    let says =
        |directive: &str| members(headers, &header::CACHE_CONTROL).any(|member| member.eq_ignore_ascii_case(directive));
    if says("no-store") {
        Freshness::Unkept
    } else if says("no-cache") || says("max-age=0") {
        Freshness::Anew
    } else {
        Freshness::Any
    }
}

/// Whether the caller wants to be told no more than where the document is (RFC 7240, 4.2).
pub(super) fn wants_minimal(headers: &HeaderMap) -> bool {
    const PREFER: header::HeaderName = header::HeaderName::from_static("prefer");
    members(headers, &PREFER)
        .map(|member| member.split(';').next().unwrap_or_default().trim().replace('"', ""))
        .find(|member| member.len() >= 7 && member[..7].eq_ignore_ascii_case("return="))
        .is_some_and(|member| member[7..].eq_ignore_ascii_case("minimal"))
}

/// The members of a header list.
fn members<'a>(headers: &'a HeaderMap, name: &header::HeaderName) -> impl Iterator<Item = &'a str> {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: header::HeaderName, value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().expect("a header value"));
        headers
    }

    #[test]
    fn the_best_offer_wins() {
        let offered = [Format::Pdf, Format::Png, Format::Svg, Format::Html];
        let cases = [
            ("*/*", Some(Format::Pdf)),
            ("application/pdf", Some(Format::Pdf)),
            ("image/*", Some(Format::Png)),
            ("text/html, application/pdf;q=0.9", Some(Format::Html)),
            ("text/html;q=0.8, application/pdf;q=0.9", Some(Format::Pdf)),
            ("image/svg+xml", Some(Format::Svg)),
            ("application/pdf;q=0, */*", Some(Format::Png)),
            ("application/pdf, */*;q=0", Some(Format::Pdf)),
            ("*/*;q=0, text/html;q=0.1", Some(Format::Html)),
            ("application/pdf;q=0.1, */*", Some(Format::Png)),
            ("image/png;q=0.5, image/*", Some(Format::Svg)),
            ("image/*;q=0, */*;q=0.1, application/pdf;q=0", Some(Format::Html)),
            ("text/html, */*", Some(Format::Html)),
            ("*/*, text/html", Some(Format::Pdf)),
            ("image/svg+xml, image/png", Some(Format::Svg)),
            ("application/pdf;q=0", None),
            ("*/*;q=0", None),
            ("text/calendar", None),
            ("application/json", None),
            ("IMAGE/PNG", Some(Format::Png)),
        ];
        for (accept, expected) in cases {
            assert_eq!(format(&headers(header::ACCEPT, accept), &offered), expected, "{accept}");
        }
        assert_eq!(format(&HeaderMap::new(), &offered), Some(Format::Pdf));
    }

    #[test]
    fn wishes_for_the_cache_are_understood() {
        let cases = [
            ("no-cache", Freshness::Anew),
            ("max-age=0", Freshness::Anew),
            ("No-Store", Freshness::Unkept),
            ("no-cache, no-store", Freshness::Unkept),
            ("max-age=60", Freshness::Any),
            ("", Freshness::Any),
        ];
        for (value, expected) in cases {
            assert_eq!(freshness(&headers(header::CACHE_CONTROL, value)), expected, "{value}");
        }
    }

    #[test]
    fn the_first_preference_for_the_answer_counts() {
        let prefer = header::HeaderName::from_static("prefer");
        let cases = [
            ("return=minimal", true),
            ("respond-async, Return=\"minimal\"; x=1", true),
            ("return=representation", false),
            ("return=representation, return=minimal", false),
            ("returnæminimal", false),
            ("minimal", false),
        ];
        for (value, expected) in cases {
            let Ok(value) = poem::http::HeaderValue::from_bytes(value.as_bytes()) else { continue };
            let mut headers = HeaderMap::new();
            headers.insert(prefer.clone(), value.clone());
            assert_eq!(wants_minimal(&headers), expected, "{value:?}");
        }
    }

    #[test]
    fn the_first_language_of_ours_wins() {
        let cases = [
            ("nn-NO, nb;q=0.5", Some(Locale::Nn)),
            ("de, en-GB;q=0.7, nb;q=0.3", Some(Locale::En)),
            ("no", Some(Locale::Nb)),
            ("de", None),
            ("nb;q=0", None),
        ];
        for (accept, expected) in cases {
            assert_eq!(locale(&headers(header::ACCEPT_LANGUAGE, accept)), expected, "{accept}");
        }
    }
}
