//! The letter to parents: the six forms of cooperation, or words of the school's own.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::person::{EMAIL_PATTERN, PHONE_PATTERN};
use super::{Common, Language, Markdown, Name, Paragraph, PostalAddress, Role, Short};

/// How the date of the letter is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DateStyle {
    /// 23.10.2023
    Numeric,
    /// 23. oktober 2023
    Long,
    /// 23.10.23
    Short,
}

/// Who gets the letter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Recipient {
    /// Opaque key of the caller's own; it never holds a name.
    #[schemars(regex(pattern = "^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$"))]
    pub recipient_key: String,
    /// One name or two.
    #[schemars(length(min = 1, max = 2))]
    pub names: Vec<Name>,
    /// Postal address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postal_address: Option<PostalAddress>,
    /// Language of this recipient; goes before the language of the letter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<Language>,
    /// First name of the pupil.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pupil_first_name: Option<Name>,
    /// Class of the pupil.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<super::Text<20>>,
    /// The address is confidential: neither name nor address is printed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protected_address: Option<bool>,
}

/// Which of the six forms of cooperation the letter tells about; each default true.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Forms {
    /// Contact with the contact teacher.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<bool>,
    /// Internal discussions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub internal_discussion: Option<bool>,
    /// Cooperation meetings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cooperation_meeting: Option<bool>,
    /// Resource team.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_team: Option<bool>,
    /// Interdisciplinary meetings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interdisciplinary_meeting: Option<bool>,
    /// Responsibility-group meetings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub responsibility_group: Option<bool>,
}

/// The resource team.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResourceTeam {
    /// How often it meets; default «en gang per måned».
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frequency: Option<Short>,
    /// Who is present; default the list of the fixed text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 25), extend("uniqueItems" = true))]
    pub members: Vec<Role>,
}

/// Responsibility groups.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResponsibilityGroup {
    /// How often they meet; default «ca. to ganger per år».
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frequency: Option<Short>,
    /// Who is responsible for them; default the district body of the locality profile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Name>,
}

/// Whom to ask: a shared mailbox or telephone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Contact {
    /// Name of the person or the office.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Name>,
    /// E-mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = EMAIL_PATTERN), length(max = 254))]
    pub email: Option<String>,
    /// Telephone number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = PHONE_PATTERN))]
    pub phone: Option<String>,
}

/// The Norwegian version that goes with a letter in another language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NorwegianVersion {
    /// Title.
    pub title: Short,
    /// Text in the Markdown subset.
    pub body: Markdown,
}

/// Letter to parents and guardians: the six forms of cooperation, or, with `body`, a free letter.
///
/// Locales other than `nb`, `nn` and `en` need `title` and `body`, since there are no fixed
/// sentences in them. One document is one letter: `recipients` has at most one member.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct ParentLetter {
    /// Language of the letter.
    #[serde(default)]
    pub locale: Language,
    /// The members that all kinds have.
    #[serde(flatten)]
    pub common: Common,
    /// How the date is written; default `numeric`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date_style: Option<DateStyle>,
    /// Title; default «Informasjon til foresatte».
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<Short>,
    /// Subtitle; default «Ulike samarbeidsformer for oppfølging av enkeltelever», none in a free letter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subtitle: Option<Short>,
    /// Who gets the letter.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1))]
    pub recipients: Vec<Recipient>,
    /// Which forms of cooperation the letter tells about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forms: Option<Forms>,
    /// Whether each form of cooperation has a heading; default true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub show_form_headings: Option<bool>,
    /// The resource team.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_team: Option<ResourceTeam>,
    /// Responsibility groups.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub responsibility_group: Option<ResponsibilityGroup>,
    /// Words before the forms of cooperation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intro: Option<Paragraph>,
    /// Words after them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closing: Option<Paragraph>,
    /// Whom to ask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<Contact>,
    /// The text of a free letter in a subset of Markdown: paragraphs, headings, lists, bold,
    /// italic, links. It replaces the forms of cooperation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Markdown>,
    /// The Norwegian version of a free letter in another language, printed after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub norwegian_version: Option<NorwegianVersion>,
}
