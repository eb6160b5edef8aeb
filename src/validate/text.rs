//! Free text: brought to one form, then looked at character by character.

use serde_json::{Number, Value};
use unicode_normalization::char::decompose_canonical;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

use super::finding::{Code, Finding};
use super::glyph::Coverage;
use super::identity_number;
use super::node::is_plain_name;

/// Most bytes that one text may have (measured: one paragraph of 100 KB takes half a second to set).
pub(super) const MAX_BYTES: usize = 20 * 1024;
/// Up to here a float tells one integer from the next.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Brings every text of a body to NFC, with line feeds alone between lines and without invisible
/// characters: soft hyphen, zero-width space, word joiner, byte-order mark, bidirectional controls.
/// Joiners stay where a script needs them (Arabic, Indic). A whole number becomes an integer however it is written: `1.0` is one by
/// JSON Schema, and has the canonical form of `1`.
pub(super) fn normalise(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let Some(normal) = normal_form(text) {
                *text = normal;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(normalise),
        Value::Object(members) => members.values_mut().for_each(normalise),
        Value::Number(number) => {
            if let Some(integer) = integer(number) {
                *number = integer.into();
            }
        }
        Value::Null | Value::Bool(_) => {}
    }
}

/// The integer that a float is; nothing for an integer, and for a float that is none or too large to say which.
fn integer(number: &Number) -> Option<i64> {
    let float = number.as_f64().filter(|_| number.is_f64())?;
    #[expect(clippy::cast_possible_truncation, reason = "whole, and within what an integer holds")]
    (float.fract() == 0.0 && float.abs() <= EXACT).then_some(float as i64)
}

/// The normal form, or nothing when the text has it already. What is invisible goes first, since it keeps apart what belongs
/// together: a letter and its mark, a carriage return and its line feed.
fn normal_form(text: &str) -> Option<String> {
    if text.is_ascii() && !text.contains('\r') {
        return None;
    }
    let needs_joiners = |c| matches!(c, '\u{600}'..='\u{8FF}' | '\u{900}'..='\u{DFF}' | '\u{FB50}'..='\u{FEFC}');
    let joiners_matter = text.chars().any(|c| needs_joiners(c) && !is_invisible(c));
    let goes = |c: char| is_invisible(c) || (matches!(c, '\u{200C}' | '\u{200D}') && !joiners_matter);
    let unchanged = is_nfc_quick(text.chars()) == IsNormalized::Yes && !text.contains('\r') && !text.chars().any(goes);
    if unchanged {
        return None;
    }
    let visible: String = text.chars().filter(|&c| !goes(c)).collect();
    Some(visible.replace("\r\n", "\n").nfc().collect())
}

/// Whether a character is never seen, whatever the script.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{AD}'
            | '\u{61C}'
            | '\u{200B}'
            | '\u{200E}'
            | '\u{200F}'
            | '\u{202A}'..='\u{202E}'
            | '\u{2060}'
            | '\u{2066}'..='\u{2069}'
            | '\u{FEFF}'
    )
}

/// Where national identity numbers stand.
pub(super) fn identity_numbers(value: &Value) -> Vec<Finding> {
    fn visit(value: &Value, pointer: &str, findings: &mut Vec<Finding>) {
        match value {
            Value::String(text) if identity_number::is_within(text) => {
                findings.push(Finding::new(pointer, Code::NationalIdentityNumber));
            }
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    visit(item, &format!("{pointer}/{index}"), findings);
                }
            }
            Value::Object(members) => {
                for (name, member) in members {
                    let place = if is_plain_name(name) { format!("{pointer}/{name}") } else { pointer.to_owned() };
                    visit(member, &place, findings);
                }
            }
            _ => {}
        }
    }
    let mut findings = Vec::new();
    visit(value, "", &mut findings);
    findings
}

/// What the scan of a text needs to know.
pub(super) struct Scan<'a> {
    pub(super) glyphs: &'a Coverage,
    pub(super) is_final: bool,
}

impl Scan<'_> {
    /// Looks at every text of a body but the file contents of a logo.
    pub(super) fn run(&self, value: &Value) -> Vec<Finding> {
        let mut findings = Vec::new();
        self.visit(value, &mut String::new(), &mut findings);
        findings
    }

    fn visit(&self, value: &Value, pointer: &mut String, findings: &mut Vec<Finding>) {
        let length = pointer.len();
        match value {
            Value::String(text) => {
                if pointer != "/school/logo/data" {
                    self.text(text, pointer, findings);
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    pointer.push('/');
                    pointer.push_str(&index.to_string());
                    self.visit(item, pointer, findings);
                    pointer.truncate(length);
                }
            }
            Value::Object(members) => {
                for (name, member) in members {
                    // A name that is not ours is not told, as in `shape`: the place is the object.
                    if is_plain_name(name) {
                        pointer.push('/');
                        pointer.push_str(name);
                    }
                    self.visit(member, pointer, findings);
                    pointer.truncate(length);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn text(&self, text: &str, pointer: &str, findings: &mut Vec<Finding>) {
        let at = |code| Finding::new(pointer, code);
        if text.len() > MAX_BYTES {
            findings.push(at(Code::TooLarge).with("limit", MAX_BYTES).with("size", text.len()));
        }
        if !text.is_empty() && text.trim().is_empty() {
            findings.push(at(Code::EmptyText));
        }
        if identity_number::is_within(text) {
            findings.push(at(Code::NationalIdentityNumber));
        }
        if let Some(control) = text.chars().find(|&c| is_control(c)) {
            findings.push(at(Code::ControlCharacter).with("character", code_point(control)));
        }
        let missing = self.missing_glyphs(text);
        if !missing.is_empty() {
            findings.push(at(Code::MissingGlyph).with("characters", missing.join(", ")));
        }
        if self.is_final && holds_placeholder(text) {
            findings.push(at(Code::PlaceholderInFinal));
        }
    }

    /// A letter without a glyph of its own is set as its parts, like ǩ as k and caron.
    fn prints(&self, c: char) -> bool {
        let mut parts = true;
        self.glyphs.has(c) || {
            let mut count = 0;
            decompose_canonical(c, |part| {
                count += 1;
                parts &= self.glyphs.has(part);
            });
            count > 1 && parts
        }
    }

    /// The first ten different characters that no shipped font has, as code points.
    fn missing_glyphs(&self, text: &str) -> Vec<String> {
        let mut missing: Vec<char> = Vec::new();
        for c in text.chars() {
            if !is_control(c) && !self.prints(c) && !missing.contains(&c) {
                missing.push(c);
                if missing.len() == 10 {
                    break;
                }
            }
        }
        missing.into_iter().map(code_point).collect()
    }
}

/// C0 and C1 controls other than line feed and tabulator.
fn is_control(c: char) -> bool {
    c.is_control() && c != '\n' && c != '\t'
}

fn code_point(c: char) -> String {
    format!("U+{:04X}", u32::from(c))
}

/// Whether a text holds a placeholder of a blank form, like `[dd.mm.yyyy]` or `[Navn …]`.
fn holds_placeholder(text: &str) -> bool {
    const BEGINNINGS: [&str; 14] = [
        "dd.mm",
        "åååå",
        "yyyy",
        "skolens navn",
        "namnet på skolen",
        "navn",
        "namn",
        "name",
        "school",
        "skole",
        "dato",
        "date",
        "sett inn",
        "fyll inn",
    ];
    text.match_indices('[').any(|(start, _)| {
        let rest: String = text[start + 1..].chars().take(40).collect::<String>().to_lowercase();
        rest.contains(']') && BEGINNINGS.iter().any(|beginning| rest.starts_with(beginning))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(text: &str, is_final: bool) -> Vec<&'static str> {
        let mut glyphs = Coverage::default();
        glyphs.insert_range(' '..='~');
        glyphs.insert_range('\u{A1}'..='\u{17F}');
        Scan { glyphs: &glyphs, is_final }
            .run(&serde_json::json!({ "t": text }))
            .iter()
            .map(|finding| finding.code.name())
            .collect()
    }

    #[test]
    fn normal_form_is_composed_and_visible() {
        let cases = [
            ("A\u{30A}s", "Ås"),
            ("sam\u{AD}arbeid", "samarbeid"),
            ("\u{FEFF}navn\u{200B}", "navn"),
            ("a\r\nb", "a\nb"),
            ("snu\u{202E}", "snu"),
            ("می\u{200C}خواهم", "می\u{200C}خواهم"),
            ("a\u{200D}b", "ab"),
            ("A\u{200B}\u{30A}se", "Åse"),
            ("a\r\u{200B}\nb", "a\nb"),
            ("a\u{61C}\u{200C}b", "ab"),
        ];
        for (text, normal) in cases {
            let mut value = Value::String(text.to_owned());
            normalise(&mut value);
            assert_eq!(value, Value::String(normal.to_owned()));
            assert_eq!(normal_form(normal), None, "{normal:?} is the normal form of itself");
        }
    }

    #[test]
    fn a_whole_number_is_an_integer_however_it_is_written() {
        let cases = [
            ("1.0", "1"),
            ("1e2", "100"),
            ("-0.0", "0"),
            ("-3.0", "-3"),
            ("9007199254740992.0", "9007199254740992"),
            ("9007199254740994.0", "9007199254740994.0"),
            ("1e300", "1e+300"),
            ("0.5", "0.5"),
            ("9007199254740993", "9007199254740993"),
            ("18446744073709551615", "18446744073709551615"),
        ];
        for (written, normal) in cases {
            let mut value = serde_json::json!({ "n": [crate::validate::read_json(written.as_bytes()).expect("JSON")] });
            normalise(&mut value);
            assert_eq!(value["n"][0].to_string(), normal, "{written}");
        }
    }

    #[test]
    fn finds_what_can_not_be_printed() {
        assert_eq!(scan("a\u{1}b", false), ["control_character"]);
        assert_eq!(scan("a\rb", false), ["control_character"]);
        assert_eq!(scan("hei \u{1F600}", false), ["missing_glyph"]);
        assert_eq!(scan("  \n ", false), ["empty_text"]);
        assert_eq!(scan(&"a".repeat(MAX_BYTES + 1), false), ["too_large"]);
        assert_eq!(scan("Ola\tog\nKari", true), [""; 0]);
    }

    #[test]
    fn a_final_document_has_no_placeholders() {
        for text in ["[dd.mm.yyyy]", "Skole: [Skolens navn]", "[Navn på PPT-rådgiver]", "[Name of adviser]"] {
            assert_eq!(scan(text, true), ["placeholder_in_final"], "{text}");
            assert_eq!(scan(text, false), [""; 0], "{text}");
        }
        for text in ["[1] og [sic]", "[", "a [b", "[]", "liste[0]"] {
            assert_eq!(scan(text, true), [""; 0], "{text}");
        }
    }
}
