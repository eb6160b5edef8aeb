//! What every document carries beside its contents: status, references, archive
//! metadata, rendering options.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Date, Name, Short};

/// How finished a document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// An empty form: placeholders and guidance are printed.
    BlankTemplate,
    /// Marked as a draft on every page.
    Draft,
    /// Complete; placeholders are refused.
    Final,
}

impl Status {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::BlankTemplate, Self::Draft, Self::Final];
}

/// Case numbers of the sender and of the receiver.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    /// Our reference, usually `26/1234-5`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub our: Option<Short>,
    /// Your reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub yours: Option<Short>,
}

/// What the archive needs to know (arkivforskrifta § 15, a to f).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ArchiveMetadata {
    /// Unique identifier of the document, for people and machines; stands in the PDF metadata.
    /// It must not hold a name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^[A-Za-z0-9][A-Za-z0-9._/-]{0,63}$"))]
    pub document_id: Option<String>,
    /// The case it belongs to, and related documents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case_context: Option<Short>,
    /// Title in the journal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<Short>,
    /// Sender or receiver.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counterparty: Option<Short>,
    /// Date of the document in the journal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document_date: Option<Date>,
    /// Day of registration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registered_at: Option<Date>,
}

/// Standards that the PDF claims and keeps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum PdfStandard {
    /// PDF/A-2a (ISO 19005-2) and PDF/UA-1 (ISO 14289-1) in one file.
    #[default]
    #[serde(rename = "a-2a+ua-1")]
    A2aUa1,
    /// PDF/A-2a alone.
    #[serde(rename = "a-2a")]
    A2a,
    /// PDF/UA-1 alone.
    #[serde(rename = "ua-1")]
    Ua1,
    /// PDF/A-2b alone.
    #[serde(rename = "a-2b")]
    A2b,
    /// Tagged PDF 1.7 without a claim.
    #[serde(rename = "plain")]
    Plain,
}

impl PdfStandard {
    /// All of them, the default first.
    pub const ALL: [Self; 5] = [Self::A2aUa1, Self::A2a, Self::Ua1, Self::A2b, Self::Plain];

    /// The name on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::A2aUa1 => "a-2a+ua-1",
            Self::A2a => "a-2a",
            Self::Ua1 => "ua-1",
            Self::A2b => "a-2b",
            Self::Plain => "plain",
        }
    }

    /// Reads a name on the wire.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|standard| standard.name() == name)
    }
}

/// How the document is set.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RenderOptions {
    /// Standards of the PDF.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pdf_standard: Option<PdfStandard>,
    /// Size of all text, 1.0 to 1.5 times the normal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1.0, max = 1.5))]
    pub font_scale: Option<f64>,
    /// Whether words may be divided at the end of a line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hyphenate: Option<bool>,
    /// Whether the statutes are quoted in an annex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub include_legal_annex: Option<bool>,
    /// Left margin in millimetres, 18 to 40, normally 25. Printing services overwrite what
    /// lies within 18 mm; under 20 mm gives a warning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 18.0, max = 40.0))]
    pub margin_left_mm: Option<f64>,
}

/// When something is done: days, words, or both. At least one member must be given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Period {
    /// First day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Date>,
    /// Last day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Date>,
    /// In words («hele høsten»).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<Short>,
}

/// A day, or a run of days, without school. Either `date`, or `from` and `to`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DayOff {
    /// What it is («Høstferie»).
    pub title: Name,
    /// The one day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<Date>,
    /// First day of a run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Date>,
    /// Last day of a run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Date>,
}

/// A link with the text that stands for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GuideLink {
    /// Text of the link.
    pub title: Short,
    /// Address, `https` only.
    #[schemars(regex(pattern = super::school::URL_PATTERN), length(max = 508))]
    pub url: String,
}
