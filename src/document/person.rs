//! People, the roles they have, and their signatures.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Date, Name, Short};

/// What somebody is to the school. Printed in the language of the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// rektor
    Principal,
    /// assisterende rektor
    AssistantPrincipal,
    /// undervisningsinspektør
    DeputyHead,
    /// skoleledelsen
    SchoolManagement,
    /// kontaktlærer
    ContactTeacher,
    /// lærer
    Teacher,
    /// spesialpedagog
    SpecialNeedsTeacher,
    /// sosiallærer
    SocialTeacher,
    /// rådgiver
    Counsellor,
    /// miljøterapeut
    MilieuTherapist,
    /// miljøarbeider
    MilieuWorker,
    /// logoped
    SpeechTherapist,
    /// helsesykepleier
    PublicHealthNurse,
    /// PP-rådgiver
    PptAdviser,
    /// PPT-leder
    HeadOfPpt,
    /// AKS-leder
    AfterSchoolLeader,
    /// baseleder
    BaseLeader,
    /// kommunalsjef
    MunicipalDirector,
    /// virksomhetsleder
    HeadOfUnit,
    /// sosialfaglig ansatt
    SocialWorkStaff,
    /// foresatt
    ParentOrGuardian,
    /// elev
    Pupil,
    /// klassekontakt
    ClassParentContact,
    /// barnevern
    ChildWelfareService,
    /// BUP
    Bup,
}

/// A telephone number: digits and spaces, with a leading `+` for a country code.
pub const PHONE_PATTERN: &str = r"^\+?[0-9][0-9 ]{3,18}[0-9]$";
/// An e-mail address, loosely: something, `@`, a host with a dot.
pub const EMAIL_PATTERN: &str = r"^[^\s@]{1,64}@[^\s@.]+(\.[^\s@.]+)+$";

/// Somebody by name, by role, or both. At least one of `name` and `role` must be given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// Name of the person, or of the group («PPT»).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Name>,
    /// Role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// Where the person works.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organisation: Option<Name>,
    /// E-mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = EMAIL_PATTERN), length(max = 254))]
    pub email: Option<String>,
    /// Telephone number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = PHONE_PATTERN))]
    pub phone: Option<String>,
}

/// On whose behalf somebody signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Party {
    /// The school.
    School,
    /// The educational-psychological service.
    Ppt,
    /// The school health service.
    HealthService,
    /// The parents' working committee.
    Fau,
    /// The school owner.
    SchoolOwner,
    /// A parent or guardian.
    Parent,
    /// The pupil.
    Pupil,
    /// Anybody else.
    Other,
}

/// How a document is signed (Digdir's and Posten's words for electronic signatures).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SignatureMethod {
    /// By hand, on paper.
    Wet,
    /// Authenticated electronic signature.
    Autentisert,
    /// Advanced electronic signature.
    Avansert,
}

/// How far a signature has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SignatureStatus {
    /// Not signed yet.
    Pending,
    /// Signed.
    Signed,
    /// The signatory has declined.
    Declined,
}

/// One who signs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Signatory {
    /// On whose behalf.
    pub party: Party,
    /// Role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// Name.
    pub name: Name,
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
