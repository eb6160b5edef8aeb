//! A mailing: one letter, and the homes that may get it.
//!
//! Here is what callers write. Who gets a letter follows from it by the rules in `bulk`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Date, Language, Markdown, Name, NorwegianVersion, Paragraph, PostalAddress, Short, Text};

/// A letter that is sent to many.
///
/// `title`, `subtitle`, `intro`, `closing` and `body` of the letter and of its translations may hold merge fields, such as
/// `{{pupil.first_name}}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mailing {
    /// A parent letter without `recipients`: what all letters have in common.
    pub letter: Map<String, Value>,
    /// The words of the letter in other languages, by the tag of the language.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub translations: BTreeMap<Language, Translation>,
    /// The language for recipients whose own the letter is not given in; default that of the letter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback_locale: Option<Language>,
    /// Who gets a letter.
    #[serde(default)]
    pub rules: Rules,
    /// Whether the mailing goes on when some of its recipients have faults.
    #[serde(default)]
    pub on_invalid: OnInvalid,
}

/// The words of a letter in another language. What is absent is left out of the letter in that language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Translation {
    /// Title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<Short>,
    /// Subtitle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subtitle: Option<Short>,
    /// Words before the forms of cooperation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intro: Option<Paragraph>,
    /// Words after them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closing: Option<Paragraph>,
    /// The text of a free letter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Markdown>,
    /// The Norwegian version to print after it; default the letter's own in bokmål or nynorsk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub norwegian_version: Option<NorwegianVersion>,
}

/// What is done with a mailing of which some recipients have faults.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnInvalid {
    /// No letter is made.
    #[default]
    Reject,
    /// The others get theirs.
    Skip,
}

/// What a letter is about, which decides whether siblings share one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum About {
    /// The single pupil if it has a merge field of the pupil or of the list, else the home.
    #[default]
    Auto,
    /// The single pupil: siblings get a letter each, which names the pupil.
    Pupil,
    /// The home: siblings share one, and no pupil is named.
    Home,
}

/// What is done with a recipient without a postal address.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WithoutAddress {
    /// It is listed and gets no letter.
    #[default]
    List,
    /// It gets a letter without an address, to be handed over.
    Print,
}

/// What is done with a recipient whose address is protected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Protected {
    /// It gets a letter with nothing in its address window, which is in no merged file.
    #[default]
    Unaddressed,
    /// It is listed and gets no letter.
    List,
}

/// Who gets a letter. Each rule can be turned off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Rules {
    /// One letter for each home of a pupil, addressed to the guardians who live there; `false`: one for each guardian.
    pub one_per_household: bool,
    /// What the letter is about. About the home, siblings share one.
    pub about: About,
    /// A pupil who is 18 gets the letter instead of the guardians, unless there is a consent.
    pub adult_pupils: bool,
    /// The day on which a pupil has to be 18 for that; default the date of the letter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub as_of: Option<Date>,
    /// An entry that stands twice in the list counts once; `false`: both get a letter.
    pub drop_duplicates: bool,
    /// What is done without an address.
    pub without_address: WithoutAddress,
    /// What is done with a protected address. It is never printed.
    pub protected: Protected,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            one_per_household: true,
            about: About::Auto,
            adult_pupils: true,
            as_of: None,
            drop_duplicates: true,
            without_address: WithoutAddress::List,
            protected: Protected::Unaddressed,
        }
    }
}

/// Key of an entry: opaque, the caller's own, never a name.
pub const ENTRY_KEY_PATTERN: &str = "^[A-Za-z0-9][A-Za-z0-9._:-]{0,59}$";

/// A pupil with the guardians.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MailingPupil {
    /// Opaque key of the caller's own; it never holds a name.
    #[schemars(regex(pattern = ENTRY_KEY_PATTERN))]
    pub key: String,
    /// First name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_name: Option<Name>,
    /// Whole name; a pupil who is 18 is addressed by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Name>,
    /// Class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<Text<20>>,
    /// Day of birth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub birth_date: Option<Date>,
    /// A pupil who is 18 has consented that the guardians are informed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent: Option<bool>,
    /// Language of the home, where a guardian has none of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<Language>,
    /// Every address of this pupil's is confidential.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protected_address: Option<bool>,
    /// The pupil's own address, for one who is 18.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<PostalAddress>,
    /// The guardians.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 6))]
    pub guardians: Vec<Guardian>,
    /// More merge fields.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub fields: Map<String, Value>,
}

/// A parent or guardian.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Guardian {
    /// Name.
    pub name: Name,
    /// Postal address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<PostalAddress>,
    /// Language.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<Language>,
    /// The address is confidential.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protected_address: Option<bool>,
}

/// Somebody who gets a letter as given, without the rules on pupils and homes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MailingRecipient {
    /// Opaque key of the caller's own; it never holds a name.
    #[schemars(regex(pattern = ENTRY_KEY_PATTERN))]
    pub key: String,
    /// One name or two.
    #[schemars(length(min = 1, max = 2))]
    pub names: Vec<Name>,
    /// Postal address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<PostalAddress>,
    /// Language.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<Language>,
    /// The address is confidential.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protected_address: Option<bool>,
    /// First name of the pupil.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pupil_first_name: Option<Name>,
    /// Class of the pupil.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<Text<20>>,
    /// More merge fields.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub fields: Map<String, Value>,
}

/// An entry of a list: a recipient if it has `names`, else a pupil.
#[derive(Debug, Clone, PartialEq)]
pub enum MailingEntry {
    /// A pupil with the guardians.
    Pupil(Box<MailingPupil>),
    /// Somebody who gets a letter as given.
    Recipient(Box<MailingRecipient>),
}

impl MailingEntry {
    /// Whether an entry is meant to be a recipient.
    #[must_use]
    pub fn is_recipient(entry: &Value) -> bool {
        entry.get("names").is_some()
    }

    /// Parses an entry. Only shapes are checked here.
    ///
    /// # Errors
    /// When the value is of neither shape.
    pub fn parse(entry: Value) -> Result<Self, serde_json::Error> {
        if Self::is_recipient(&entry) {
            serde_json::from_value(entry).map(|recipient| Self::Recipient(Box::new(recipient)))
        } else {
            serde_json::from_value(entry).map(|pupil| Self::Pupil(Box::new(pupil)))
        }
    }

    /// The entry as JSON, without members that say nothing.
    ///
    /// # Errors
    /// When a member has no form in JSON, which none has.
    pub fn to_json(&self) -> Result<Value, serde_json::Error> {
        match self {
            Self::Pupil(pupil) => serde_json::to_value(pupil),
            Self::Recipient(recipient) => serde_json::to_value(recipient),
        }
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> &str {
        match self {
            Self::Pupil(pupil) => &pupil.key,
            Self::Recipient(recipient) => &recipient.key,
        }
    }
}
