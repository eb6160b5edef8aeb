//! The agreement between a school and the educational-psychological service (PPT).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Cell, Common, Date, Locale, Name, OrgNumber, Paragraph, Period, Person};

/// The educational-psychological service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ppt {
    /// Names of the advisers.
    #[schemars(length(min = 1, max = 5))]
    pub adviser_names: Vec<Name>,
    /// Name of the service, when it serves several municipalities.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_name: Option<Name>,
    /// Organisation number of the service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub org_number: Option<OrgNumber>,
}

/// When and how something was evaluated. At least one member must be given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Evaluation {
    /// Day of the evaluation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<Date>,
    /// Result, in a few sentences.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<Cell>,
}

/// A row of «Mål og fokusområder».
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Goal {
    /// Hva.
    pub what: Cell,
    /// Hvordan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub how: Option<Cell>,
    /// Tidsrom; days lie within the school year.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<Period>,
    /// Hvem.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10))]
    pub who: Vec<Person>,
    /// Evaluering.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evaluation: Option<Evaluation>,
}

/// The five rows that the table of organisation has from the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OrganisationKey {
    /// Pedagogisk team.
    PedagogicalTeam,
    /// Forebygging og tidlig innsats – oppdrag.
    EarlyIntervention,
    /// Strategisk samarbeidsmøte.
    StrategicMeeting,
    /// Generell møtedeltakelse.
    GeneralParticipation,
    /// Presentasjoner på aktuelle tema.
    Presentations,
}

/// A row of the table of organisation. With `key` it changes the default row of that name in
/// the cells it gives, or hides it; without, it is a row of its own and needs `arena`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OrganisationRow {
    /// Which default row this changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<OrganisationKey>,
    /// Whether the row is printed; default true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Hvordan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arena: Option<Cell>,
    /// Når.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<Cell>,
    /// Hvem.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10))]
    pub who: Vec<Person>,
    /// Rammer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub framework: Option<Cell>,
    /// Evaluering.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evaluation: Option<Cell>,
}

/// How much of the law the annex quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LegalAnnexForm {
    /// § 11-2 in full and the headings of §§ 11-4 to 11-6.
    Source,
    /// §§ 11-2, 11-4, 11-5 and 11-6.
    Full,
}

/// Cooperation agreement between a school and the educational-psychological service (PPT).
///
/// A final agreement needs at least one goal, and a signatory of the school and of PPT.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct CooperationAgreement {
    /// Language of the document.
    #[serde(default)]
    pub locale: Locale,
    /// The members that all kinds have.
    #[serde(flatten)]
    pub common: Common,
    /// The service. Required unless `status` is `blank_template`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ppt: Option<Ppt>,
    /// First day of validity; default the first day of the school year.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_from: Option<Date>,
    /// Last day of validity; default the last day of the school year.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_to: Option<Date>,
    /// Words of your own after the fixed text of the background.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub background_extra: Option<Paragraph>,
    /// Words of your own after the fixed text of the purpose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose_extra: Option<Paragraph>,
    /// Goals and focus areas.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 30))]
    pub goals: Vec<Goal>,
    /// Changes and additions to the table of organisation.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 30))]
    pub organisation: Vec<OrganisationRow>,
    /// Further responsibilities of the school, after the fixed ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    pub school_responsibilities: Vec<Cell>,
    /// Further responsibilities of PPT, after the fixed ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    pub ppt_responsibilities: Vec<Cell>,
    /// Day of the yearly evaluation, within the school year.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annual_evaluation_date: Option<Date>,
    /// Whether the law is quoted in an annex; default true.
    /// `render_options.include_legal_annex`, when given, goes before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub legal_annex: Option<bool>,
    /// How much of the law the annex quotes; default `source`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub legal_annex_form: Option<LegalAnnexForm>,
}
