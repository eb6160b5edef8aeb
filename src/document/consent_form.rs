//! The adult pupil's consent to contact with parents.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::person::{EMAIL_PATTERN, PHONE_PATTERN};
use super::{Common, Date, Locale, Name, Short, SignatureMethod, SignatureStatus, Text};

/// The pupil. Never the national identity number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConsentPupil {
    /// Name.
    pub name: Name,
    /// Date of birth.
    pub date_of_birth: Date,
}

/// One the school may be in contact with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConsentContact {
    /// Name.
    pub name: Name,
    /// Relation to the pupil («mor», «foster parent»).
    pub relation: Name,
    /// Telephone number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = PHONE_PATTERN))]
    pub phone: Option<String>,
    /// E-mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = EMAIL_PATTERN), length(max = 254))]
    pub email: Option<String>,
}

/// What the consent covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConsentScope {
    /// Absence.
    Fravaer,
    /// Assessment and marks.
    VurderingKarakterer,
    /// Warnings.
    Varsler,
    /// Talks and meetings.
    SamtalerMoter,
    /// Access to the school administration system.
    Systemtilgang,
    /// Crisis and emergency.
    KriseBeredskap,
    /// Something else, told in `scope_other`.
    Annet,
}

/// The pupil's signature.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PupilSignature {
    /// Name; default the pupil's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Name>,
    /// Place of signing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Short>,
    /// Day of signing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_date: Option<Date>,
    /// How it is signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<SignatureMethod>,
    /// How far the signature has come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<SignatureStatus>,
}

/// Consent to contact with parents or guardians after the age of 18.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct ConsentForm {
    /// Language of the document.
    #[serde(default)]
    pub locale: Locale,
    /// The members that all kinds have.
    #[serde(flatten)]
    pub common: Common,
    /// The pupil. Required unless `status` is `blank_template`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pupil: Option<ConsentPupil>,
    /// Class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<Text<20>>,
    /// Whom the consent is about; at least one unless `status` is `blank_template`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 4))]
    pub contacts: Vec<ConsentContact>,
    /// What it covers; at least one unless `status` is `blank_template`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 7), extend("uniqueItems" = true))]
    pub scope: Vec<ConsentScope>,
    /// What else it covers; goes with `annet` in `scope`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope_other: Option<Short>,
    /// First day; not before the 18th birthday. Required unless `status` is `blank_template`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective_from: Option<Date>,
    /// Last day; default 31 July of the school year.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<Date>,
    /// The pupil's signature. Required in a final form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<PupilSignature>,
}
