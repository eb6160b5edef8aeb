//! From a body to a document that holds what it promises, or to every fault at once.
//!
//! Three passes over the same value: the shape by the JSON Schema of the kind, every text character
//! by character, and the meaning by rules of the kind. A fault in one place never hides a fault in
//! another. This module is the only maker of [`Valid`].

mod finding;
mod glyph;
mod holiday;
mod identity_number;
mod logo;
mod node;
mod read;
mod rule;
mod shape;
mod text;

use serde_json::Value;

pub use finding::{Arg, Code, Finding, Told};
pub use glyph::Coverage;
pub use logo::decode as decode_logo;
pub use read::{Unreadable, read_json};

use crate::document::{Document, Kind, Language, Locale, Mailing};

/// Most bytes that a body may have.
pub const MAX_BODY: usize = 256 * 1024;

/// A value that has passed validation.
#[derive(Debug, Clone, PartialEq)]
pub struct Valid<T>(T);

impl<T> Valid<T> {
    /// The value.
    pub fn get(&self) -> &T {
        &self.0
    }
}

/// What validation says of a body.
#[derive(Debug, Clone)]
pub struct Checked {
    /// Language of the body as far as it can be told, for messages.
    pub locale: Locale,
    /// The document, or all faults.
    pub outcome: Result<Valid<Document>, Vec<Finding>>,
    /// What is allowed but worth a look.
    pub warnings: Vec<Finding>,
}

/// Checks a body. `glyphs` is what the shipped fonts can print.
#[must_use]
pub fn check(kind: Kind, mut body: Value, glyphs: &Coverage) -> Checked {
    text::normalise(&mut body);
    let locale = message_locale(&body);
    let mut violations = shape::check(kind, &body);
    let scan = text::Scan { glyphs, is_final: body.get("status").and_then(Value::as_str) == Some("final") };
    violations.extend(scan.run(&body));
    let (meaning, warnings) = rule::check(kind, &body);
    violations.extend(meaning);
    let outcome = if violations.is_empty() {
        Document::parse(kind, body).map(Valid).map_err(|_| {
            // The schema and the types are made from one source; should they ever disagree, the
            // caller is told that the body is not accepted rather than given a wrong document.
            vec![Finding::new("", Code::Invalid)]
        })
    } else {
        violations.sort_by(|a, b| (&a.pointer, a.code).cmp(&(&b.pointer, b.code)));
        violations.dedup();
        Err(violations)
    };
    Checked { locale, outcome, warnings }
}

/// Checks the shape of a mailing, and brings its texts to their normal form.
///
/// # Errors
/// All faults, by their places in the mailing.
pub fn read_mailing(mut mailing: Value) -> Result<Mailing, Vec<Finding>> {
    text::normalise(&mut mailing);
    let faults = shape::check_mailing(&mailing);
    if !faults.is_empty() {
        return Err(faults);
    }
    serde_json::from_value(mailing).map_err(|_| vec![Finding::new("", Code::Invalid)])
}

/// Checks the shape of an entry of a mailing, and brings its texts to their normal form. What it means, and whether it can be printed,
/// shows in its letter.
///
/// # Errors
/// All faults, by their places in the entry.
pub fn read_entry(mut entry: Value) -> Result<Value, Vec<Finding>> {
    text::normalise(&mut entry);
    let mut faults = shape::check_entry(&entry);
    faults.extend(text::identity_numbers(&entry));
    if faults.is_empty() { Ok(entry) } else { Err(faults) }
}

/// Brings every text and whole number of a value to its normal form, in which what looks the same is the same.
pub fn normalise(value: &mut Value) {
    text::normalise(value);
}

/// Whether a national identity number stands in a text.
#[must_use]
pub fn holds_identity_number(text: &str) -> bool {
    identity_number::is_within(text)
}

/// What can not be printed, or may not stand, in the texts of a value.
#[must_use]
pub fn scan(value: &Value, glyphs: &Coverage) -> Vec<Finding> {
    text::Scan { glyphs, is_final: false }.run(value)
}

fn message_locale(body: &Value) -> Locale {
    body.get("locale")
        .and_then(|locale| serde_json::from_value::<Language>(locale.clone()).ok())
        .and_then(Language::locale)
        .unwrap_or_default()
}
