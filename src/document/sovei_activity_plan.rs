//! The SoVei work plan of social-work staff.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Cell, Common, Locale, Paragraph, Period, Person, Short};

/// Whom a task is directed at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TaskLevel {
    /// The single pupil.
    Individ,
    /// A group.
    Gruppe,
    /// The school as a system.
    System,
}

/// How far a task has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TaskStatus {
    /// Planned.
    Planned,
    /// Under way.
    Ongoing,
    /// Done.
    Completed,
    /// Called off.
    Cancelled,
}

/// A task or an activity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// Aktivitet.
    pub description: Cell,
    /// Whom it is directed at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<TaskLevel>,
    /// Ansvarlig.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10))]
    pub responsible: Vec<Person>,
    /// Samarbeidspartnere.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10))]
    pub partners: Vec<Short>,
    /// Tidsrom; days lie within the school year.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<Period>,
    /// Status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<TaskStatus>,
    /// Evaluering.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evaluation: Option<Cell>,
}

/// A component of a module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Component {
    /// Number, unique in the module.
    #[schemars(range(min = 1, max = 99))]
    pub number: u8,
    /// Komponent.
    pub title: Short,
    /// Its tasks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub tasks: Vec<Task>,
}

/// One of the five modules of the work model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Module {
    /// 1 organisational development, 2 guidance, 3 pupils, 4 within the school, 5 outside the school.
    #[schemars(range(min = 1, max = 5))]
    pub number: u8,
    /// Its components.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10))]
    pub components: Vec<Component>,
}

/// How the plan is evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EvaluationMethod {
    /// Spørreskjema om implementerbarhet og brukervennlighet.
    Survey,
    /// Gruppeintervju med skoleledere.
    SchoolLeaderGroupInterview,
    /// Dybdeintervju med sosialfaglige ansatte.
    StaffDepthInterview,
    /// Gruppeintervju med lærere og avdelingsledere.
    TeacherGroupInterview,
}

/// SoVei activity plan for social-work staff.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct SoveiActivityPlan {
    /// Language of the document.
    #[serde(default)]
    pub locale: Locale,
    /// The members that all kinds have.
    #[serde(flatten)]
    pub common: Common,
    /// Who is responsible for the plan; at least one unless `status` is `blank_template`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10))]
    pub responsible: Vec<Person>,
    /// The five modules in order. May be left out of a blank form only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 5))]
    pub modules: Vec<Module>,
    /// Goals.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    pub goals: Vec<Cell>,
    /// Challenges.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub challenges: Option<Paragraph>,
    /// How the plan is evaluated.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 4), extend("uniqueItems" = true))]
    pub evaluation_methods: Vec<EvaluationMethod>,
    /// Whether the block «Skolen som arena for tidlig innsats» is printed; default false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub include_arena_block: Option<bool>,
    /// Whether the line on opplæringsloven § 12-2 is printed; default false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub include_legal_line: Option<bool>,
    /// Whether the list of psychosocial factors is printed; default false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub include_psychosocial_list: Option<bool>,
}
