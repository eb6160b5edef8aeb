//! The school, its owner and the local names of things.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::person::{EMAIL_PATTERN, PHONE_PATTERN};
use super::{Name, OrgNumber, Short};

/// A link that may stand in a document: `https`, without white space.
pub const URL_PATTERN: &str = r"^https://[^\s<>]+$";

/// Kind of school.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SchoolLevel {
    /// Years 1 to 7.
    Barneskole,
    /// Years 8 to 10.
    Ungdomsskole,
    /// Years 1 to 10.
    BarneOgUngdomsskole,
    /// Vg1 to Vg3.
    Videregaende,
}

/// A postal address. Norwegian when `country` is left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PostalAddress {
    /// Street and number, or box.
    pub line1: Name,
    /// Second line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line2: Option<Name>,
    /// Third line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line3: Option<Name>,
    /// Postcode; four digits in Norway.
    #[schemars(regex(pattern = r"^[0-9A-Za-z][0-9A-Za-z -]{1,10}$"))]
    pub postcode: String,
    /// Place.
    pub city: Name,
    /// Country, when it is not Norway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<Name>,
}

/// Image formats that a logo may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum LogoType {
    /// PNG.
    #[serde(rename = "image/png")]
    Png,
    /// JPEG.
    #[serde(rename = "image/jpeg")]
    Jpeg,
    /// SVG, shapes and paths only: no text, images, scripts or references out of the file.
    #[serde(rename = "image/svg+xml")]
    Svg,
}

/// The school's logo, inline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Logo {
    /// Format of `data`.
    pub media_type: LogoType,
    /// The file in base64 (RFC 4648, section 4), at most 128 KiB so encoded.
    #[schemars(length(min = 4, max = 131_072))]
    pub data: String,
    /// What the logo shows, for those who do not see it; default the school's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alt: Option<Short>,
}

/// The school that sends the document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct School {
    /// Name.
    pub name: Name,
    /// Organisation number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub org_number: Option<OrgNumber>,
    /// Kind of school.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<SchoolLevel>,
    /// Postal address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<PostalAddress>,
    /// Telephone number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = PHONE_PATTERN))]
    pub phone: Option<String>,
    /// The shared mailbox.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = EMAIL_PATTERN), length(max = 254))]
    pub email: Option<String>,
    /// Web site.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = URL_PATTERN), length(max = 508))]
    pub website: Option<String>,
    /// Logo.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logo: Option<Logo>,
    /// Accent colour `#RRGGBB`; white text on it must have a contrast of at least 4.5:1 (WCAG 2.1, 1.4.3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^#[0-9A-Fa-f]{6}$"), extend("examples" = ["#1F5A7A"]))]
    pub accent_color: Option<String>,
}

/// Kind of school owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OwnerKind {
    /// Municipality.
    Kommune,
    /// County.
    Fylkeskommune,
    /// Private.
    Privat,
}

/// Who owns the school.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SchoolOwner {
    /// Municipality, county or private.
    pub kind: OwnerKind,
    /// Name.
    pub name: Name,
    /// Organisation number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub org_number: Option<OrgNumber>,
    /// Municipality number, four digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^[0-9]{4}$"))]
    pub municipality_number: Option<String>,
}

/// Which set of local words is the starting point.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LocalityPreset {
    /// Oslo: AKS, bydelen, Ung Arena, Salto.
    #[default]
    Oslo,
    /// Anywhere: SFO, kommunen, no named local services.
    General,
}

/// Local services that a document may leave out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LocalService {
    /// Low-threshold help for young people.
    YouthService,
    /// Police and crime-prevention network.
    CrimePrevention,
    /// Further local services.
    LocalExtraServices,
    /// The governing body of the school.
    GoverningBody,
}

/// What things are called where the school is. Each word left out comes from the preset.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LocalityProfile {
    /// The set of words to start from.
    #[serde(default)]
    pub preset: LocalityPreset,
    /// After-school programme («AKS», «SFO»).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_school: Option<Name>,
    /// Its leader («AKS-leder»).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_school_leader: Option<Name>,
    /// Whom to ask about it («baseleder på AKS»).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_school_contact: Option<Name>,
    /// Who is responsible for responsibility groups («bydelen», «kommunen»).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub district_body: Option<Name>,
    /// Low-threshold help for young people («Ung Arena»).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub youth_service: Option<Short>,
    /// Police and crime-prevention network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crime_prevention: Option<Short>,
    /// A sentence on further local services.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local_extra_services: Option<Short>,
    /// The governing body («driftsstyre», «samarbeidsutvalg»).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub governing_body: Option<Name>,
    /// The school's message app.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_app: Option<Name>,
    /// The school administration system («Visma»).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub school_admin_system: Option<Name>,
    /// Services not to be mentioned.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 4), extend("uniqueItems" = true))]
    pub omit: Vec<LocalService>,
}
