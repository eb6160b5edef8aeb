//! The annual plan with its wheel.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Cell, ClockTime, Common, Date, DayOff, Locale, Person, Short};

/// What an entry is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// temamøte
    ThemeMeeting,
    /// pedagogisk team
    PedagogicalTeam,
    /// ressursteam
    ResourceTeam,
    /// strategisk samarbeidsmøte
    StrategicMeeting,
    /// ansvarsgruppemøte
    ResponsibilityGroupMeeting,
    /// tverrfaglig møte
    InterdisciplinaryMeeting,
    /// foreldremøte
    ParentMeeting,
    /// utviklingssamtale
    DevelopmentTalk,
    /// FAU
    Fau,
    /// SMU
    Smu,
    /// driftsstyre
    GoverningBoard,
    /// evaluering
    Evaluation,
    /// kartlegging
    Mapping,
    /// sosialfaglig aktivitet
    SocialWorkActivity,
    /// ferie/fridag
    Holiday,
    /// annet
    Other,
}

/// How often an entry comes back within the school year.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Recurrence {
    /// Once.
    #[default]
    Once,
    /// Every month, to June.
    Monthly,
    /// Twice a year.
    TwiceYearly,
    /// Once every year.
    Yearly,
}

/// How far an entry has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EntryStatus {
    /// planlagt
    Planned,
    /// gjennomført
    Completed,
    /// avlyst
    Cancelled,
}

/// Something that happens in the year. Exactly one of `month`, `date`, `start` with `end`, and
/// `week` with `iso_year` says when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Key of the entry, unique in the plan; it stays the same when the entry is changed.
    #[schemars(regex(pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"))]
    pub id: String,
    /// Aktivitet.
    pub title: Short,
    /// Kategori.
    pub category: Category,
    /// Month, 1 to 12.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 12))]
    pub month: Option<i8>,
    /// Day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<Date>,
    /// First day of several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<Date>,
    /// Last day of several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<Date>,
    /// Week of ISO 8601, 1 to 53.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 53))]
    pub week: Option<i8>,
    /// Year that `week` is counted in (ISO 8601 week-numbering year).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1900, max = 2199))]
    pub iso_year: Option<i16>,
    /// Time of beginning on `date`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_time: Option<ClockTime>,
    /// Time of ending on `date`, after `start_time`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_time: Option<ClockTime>,
    /// How often it comes back.
    #[serde(default)]
    pub recurrence: Recurrence,
    /// Ansvarlig.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10))]
    pub responsible: Vec<Person>,
    /// Deltakere.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub participants: Vec<Person>,
    /// A document that belongs to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub related_document: Option<Short>,
    /// How far it has come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<EntryStatus>,
    /// Evaluering.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evaluation: Option<Cell>,
}

/// Annual plan with annual wheel («årsplan / årshjul»).
///
/// A final plan is approved by the principal among `signatories`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct AnnualPlan {
    /// Language of the document.
    #[serde(default)]
    pub locale: Locale,
    /// The members that all kinds have.
    #[serde(flatten)]
    pub common: Common,
    /// Version, from 1. Required unless `status` is `blank_template`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10_000))]
    pub version: Option<u32>,
    /// Goals of the school year.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    pub goals: Vec<Cell>,
    /// What happens in the year; at least one unless `status` is `blank_template`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 200))]
    pub entries: Vec<Entry>,
    /// Days without school, printed and used for warnings.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    pub school_calendar: Vec<DayOff>,
    /// Whether the annual wheel is drawn; default true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub include_wheel: Option<bool>,
}
