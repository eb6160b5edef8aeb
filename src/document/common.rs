//! The members that all kinds have.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    ArchiveMetadata, Date, Kind, LocalityProfile, Reference, RenderOptions, School, SchoolOwner, SchoolYear, Signatory,
    Status,
};

/// The members that all kinds have.
///
/// What a status other than `blank_template` requires is checked by `validate`, since a blank
/// form may lack nearly everything.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Common {
    /// Kind of the document, for bodies that are kept or sent together. When given it must be the
    /// kind that is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// How finished the document is.
    pub status: Status,
    /// Date of the document. Required unless `status` is `blank_template`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document_date: Option<Date>,
    /// School year. Required unless `status` is `blank_template` or the kind has no school year.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub school_year: Option<SchoolYear>,
    /// The school. Required unless `status` is `blank_template`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub school: Option<School>,
    /// Who owns the school.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub school_owner: Option<SchoolOwner>,
    /// Case numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<Reference>,
    /// Who signs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10))]
    pub signatories: Vec<Signatory>,
    /// What things are called where the school is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locality_profile: Option<LocalityProfile>,
    /// What the archive needs to know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archive_metadata: Option<ArchiveMetadata>,
    /// How the document is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub render_options: Option<RenderOptions>,
}
