//! What validation finds, and how it is told in three languages.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::document::Locale;

/// Declares the codes with their names on the wire.
macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)+) => {
        /// A stable name for each kind of fault and of warning.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum Code { $($(#[$doc])* $variant,)+ }

        impl Code {
            /// All codes.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The name on the wire.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }
        }
    };
}

codes! {
    /// A member that must be there is not.
    Missing = "missing",
    /// A member that the kind does not have.
    UnknownMember = "unknown_member",
    /// A number where a text should be, and the like.
    WrongType = "wrong_type",
    /// Not one of the named values.
    UnknownValue = "unknown_value",
    /// Fewer characters than allowed.
    TooShort = "too_short",
    /// More characters than allowed.
    TooLong = "too_long",
    /// More bytes than allowed.
    TooLarge = "too_large",
    /// Fewer members in a list than allowed.
    TooFewItems = "too_few_items",
    /// More members in a list than allowed.
    TooManyItems = "too_many_items",
    /// Twice the same member in a list.
    RepeatedItem = "repeated_item",
    /// A number outside its bounds.
    OutOfRange = "out_of_range",
    /// Not of the form asked for.
    BadForm = "bad_form",
    /// Not a date by its form.
    BadDate = "bad_date",
    /// The day does not exist.
    NoSuchDay = "no_such_day",
    /// Not a time of day.
    BadTime = "bad_time",
    /// Not a school year.
    BadSchoolYear = "bad_school_year",
    /// The check digit of an organisation number is wrong.
    BadOrgNumber = "bad_org_number",
    /// Not an e-mail address.
    BadEmail = "bad_email",
    /// Not a telephone number.
    BadPhone = "bad_phone",
    /// Not an `https` address.
    BadUrl = "bad_url",
    /// Not a Norwegian postcode.
    BadPostcode = "bad_postcode",
    /// The rule of the schema is broken in a way that has no name of its own.
    Invalid = "invalid",
    /// Only white space.
    EmptyText = "empty_text",
    /// A control character.
    ControlCharacter = "control_character",
    /// A national identity number.
    NationalIdentityNumber = "national_identity_number",
    /// No shipped font has the character.
    MissingGlyph = "missing_glyph",
    /// A placeholder in a final document.
    PlaceholderInFinal = "placeholder_in_final",
    /// Markdown beyond the subset.
    UnsupportedMarkdown = "unsupported_markdown",
    /// A link that is not `https`, `mailto` or `tel`.
    LinkScheme = "link_scheme",
    /// The body says that it is of another kind.
    WrongKind = "wrong_kind",
    /// A member that the status asks for.
    RequiredByStatus = "required_by_status",
    /// None of several members, where one is needed.
    NeedsOneOf = "needs_one_of",
    /// Several members that exclude each other.
    OnlyOneOf = "only_one_of",
    /// Two members that go together.
    NeedsAlso = "needs_also",
    /// An end before its beginning.
    EndBeforeStart = "end_before_start",
    /// A day outside the school year.
    OutsideSchoolYear = "outside_school_year",
    /// Days that should rise and do not.
    NotRising = "not_rising",
    /// The five meetings are not the five.
    WrongMeetings = "wrong_meetings",
    /// The five modules are not the five.
    WrongModules = "wrong_modules",
    /// A key used twice.
    RepeatedKey = "repeated_key",
    /// A party that must sign is not among the signatories.
    SignatoryMissing = "signatory_missing",
    /// White text can not be read on the colour.
    LowContrast = "low_contrast",
    /// The logo can not be read.
    BadLogo = "bad_logo",
    /// The logo holds what a logo may not.
    UnsafeLogo = "unsafe_logo",
    /// Before the 18th birthday.
    BeforeEighteen = "before_eighteen",
    /// A week that the year does not have.
    NoSuchWeek = "no_such_week",
    /// A locale that has no fixed sentences.
    LocaleNeedsText = "locale_needs_text",
    /// The recipient's language is not the language of the words given.
    LocaleMismatch = "locale_mismatch",
    /// Every form of cooperation is turned off.
    NothingToSay = "nothing_to_say",
    /// A text with merge fields that can not be read.
    BadTemplate = "bad_template",
    /// A merge field that the recipient does not have.
    MissingField = "missing_field",
    /// A merge field that is not what the text asks for.
    WrongField = "wrong_field",
    /// A merge field by a name that is taken.
    ReservedField = "reserved_field",
    /// The key of another entry.
    RepeatedEntryKey = "repeated_entry_key",
    /// A recipient who shares a letter that was not made.
    FollowsFaulty = "follows_faulty",
    /// A line of a list that is not JSON.
    UnreadableEntry = "unreadable_entry",
    /// A row of a list that can not be read.
    UnreadableRow = "unreadable_row",
    /// Warning: a Saturday or Sunday.
    Weekend = "weekend",
    /// Warning: a public holiday.
    PublicHoliday = "public_holiday",
    /// Warning: a day without school.
    SchoolDayOff = "school_day_off",
    /// Warning: outside the part of the year that is suggested.
    OutOfSeason = "out_of_season",
    /// Warning: nobody takes notes.
    NoNoteTaker = "no_note_taker",
    /// Warning: more pages than printing services take.
    ManyPages = "many_pages",
    /// Warning: more bytes than signing services take.
    LargeFile = "large_file",
    /// Warning: a left margin that is small for printing services.
    NarrowMargin = "narrow_margin",
    /// Warning: a reference of an unusual form.
    UnusualReference = "unusual_reference",
    /// Warning: the work plan is made for primary schools.
    UnusualLevel = "unusual_level",
    /// Warning: no Norwegian version goes with the letter.
    NoNorwegianVersion = "no_norwegian_version",
    /// Warning: an address without a place to print it.
    AddressNotPrinted = "address_not_printed",
}

/// A value in a message: as it is, or a word that has a form in each language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Arg {
    /// Printed as it is.
    Text(String),
    /// Looked up among the words of the language.
    Word(Cow<'static, str>),
}

impl Arg {
    /// A word that `messages.json` has a form of in each language.
    #[must_use]
    pub fn word(word: &'static str) -> Self {
        Self::Word(Cow::Borrowed(word))
    }
}

impl<T: ToString> From<T> for Arg {
    fn from(value: T) -> Self {
        Self::Text(value.to_string())
    }
}

/// One fault or warning, in no language yet. It never holds the value at fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Where in the caller's own body (RFC 6901).
    pub pointer: String,
    /// What.
    pub code: Code,
    /// Values of the message.
    pub args: Vec<(Cow<'static, str>, Arg)>,
}

impl Finding {
    /// A finding without values.
    #[must_use]
    pub fn new(pointer: impl Into<String>, code: Code) -> Self {
        Self { pointer: pointer.into(), code, args: Vec::new() }
    }

    /// Adds a value.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Arg>) -> Self {
        self.args.push((Cow::Borrowed(name), value.into()));
        self
    }

    /// Tells the finding in a language.
    #[must_use]
    pub fn tell(&self, locale: Locale) -> Told {
        let texts = MESSAGES.texts(self.code, locale);
        Told {
            pointer: self.pointer.clone(),
            code: self.code.name(),
            detail: self.fill(&texts.message, locale),
            hint: texts.hint.as_ref().map(|hint| self.fill(hint, locale)),
        }
    }

    fn fill(&self, template: &str, locale: Locale) -> String {
        let mut text = template.to_owned();
        for (name, value) in &self.args {
            let value = match value {
                Arg::Text(text) => text.as_str(),
                Arg::Word(word) => MESSAGES.word(word, locale),
            };
            text = text.replace(&format!("{{{name}}}"), value);
        }
        text
    }
}

/// A finding in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Told {
    /// Where in the caller's own body (RFC 6901).
    pub pointer: String,
    /// Stable name of the fault.
    pub code: &'static str,
    /// What is wrong.
    pub detail: String,
    /// How to mend it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

#[derive(Deserialize)]
struct Texts {
    message: String,
    hint: Option<String>,
}

#[derive(Deserialize)]
struct Messages {
    messages: HashMap<String, HashMap<Locale, Texts>>,
    words: HashMap<String, HashMap<Locale, String>>,
}

#[expect(clippy::expect_used, reason = "the table is part of the program and a test reads all of it")]
static MESSAGES: LazyLock<Messages> =
    LazyLock::new(|| serde_json::from_str(include_str!("messages.json")).expect("messages.json is well formed"));

impl Messages {
    #[expect(clippy::expect_used, reason = "a test asks for every code in every language")]
    fn texts(&self, code: Code, locale: Locale) -> &Texts {
        self.messages
            .get(code.name())
            .and_then(|languages| languages.get(&locale))
            .expect("every code has a message in every language")
    }

    fn word<'a>(&'a self, word: &'a str, locale: Locale) -> &'a str {
        self.words.get(word).and_then(|languages| languages.get(&locale)).map_or(word, String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_message_in_every_language() {
        for &code in Code::ALL {
            let placeholders = |locale| {
                let texts = MESSAGES.texts(code, locale);
                let text = format!("{} {}", texts.message, texts.hint.as_deref().unwrap_or_default());
                let mut names: Vec<_> = text
                    .split('{')
                    .skip(1)
                    .filter_map(|rest| rest.split_once('}').map(|(name, _)| name.to_owned()))
                    .collect();
                names.sort();
                names.dedup();
                names
            };
            let english = placeholders(Locale::En);
            assert_eq!(placeholders(Locale::Nb), english, "{}", code.name());
            assert_eq!(placeholders(Locale::Nn), english, "{}", code.name());
        }
        assert_eq!(MESSAGES.messages.len(), Code::ALL.len(), "a message without a code");
    }

    #[test]
    fn every_word_has_a_form_in_every_language() {
        for (word, languages) in &MESSAGES.words {
            assert_eq!(languages.len(), Locale::ALL.len(), "{word}");
        }
    }
}
