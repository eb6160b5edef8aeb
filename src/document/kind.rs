//! The kinds of document, and a document of any kind.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    AnnualPlan, Common, ConsentForm, CooperationAgreement, HomeSchoolGuide, Language, MeetingSchedule, ParentLetter,
    SoveiActivityPlan,
};

/// A kind of document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Agreement between a school and the educational-psychological service.
    CooperationAgreement,
    /// Schedule of theme meetings.
    MeetingSchedule,
    /// Annual plan with annual wheel.
    AnnualPlan,
    /// Letter to parents and guardians.
    ParentLetter,
    /// Guide to cooperation between home and school.
    HomeSchoolGuide,
    /// Consent of an adult pupil.
    ConsentForm,
    /// SoVei work plan.
    SoveiActivityPlan,
}

impl Kind {
    /// All kinds, in the order of the domain specification.
    pub const ALL: [Self; 7] = [
        Self::CooperationAgreement,
        Self::MeetingSchedule,
        Self::AnnualPlan,
        Self::ParentLetter,
        Self::HomeSchoolGuide,
        Self::ConsentForm,
        Self::SoveiActivityPlan,
    ];

    /// The name in JSON, `parent_letter`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::CooperationAgreement => "cooperation_agreement",
            Self::MeetingSchedule => "meeting_schedule",
            Self::AnnualPlan => "annual_plan",
            Self::ParentLetter => "parent_letter",
            Self::HomeSchoolGuide => "home_school_guide",
            Self::ConsentForm => "consent_form",
            Self::SoveiActivityPlan => "sovei_activity_plan",
        }
    }

    /// The name in URLs, file names and on the command line, `parent-letter`.
    #[must_use]
    pub fn slug(self) -> &'static str {
        match self {
            Self::CooperationAgreement => "cooperation-agreement",
            Self::MeetingSchedule => "meeting-schedule",
            Self::AnnualPlan => "annual-plan",
            Self::ParentLetter => "parent-letter",
            Self::HomeSchoolGuide => "home-school-guide",
            Self::ConsentForm => "consent-form",
            Self::SoveiActivityPlan => "sovei-activity-plan",
        }
    }

    /// Reads the name in URLs.
    #[must_use]
    pub fn from_slug(slug: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.slug() == slug)
    }

    /// The name of its type in schemas, `ParentLetter`.
    #[must_use]
    pub fn type_name(self) -> &'static str {
        match self {
            Self::CooperationAgreement => "CooperationAgreement",
            Self::MeetingSchedule => "MeetingSchedule",
            Self::AnnualPlan => "AnnualPlan",
            Self::ParentLetter => "ParentLetter",
            Self::HomeSchoolGuide => "HomeSchoolGuide",
            Self::ConsentForm => "ConsentForm",
            Self::SoveiActivityPlan => "SoveiActivityPlan",
        }
    }
}

/// A document of any kind.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
#[expect(missing_docs, reason = "each variant is the kind of its name")]
pub enum Document {
    CooperationAgreement(Box<CooperationAgreement>),
    MeetingSchedule(Box<MeetingSchedule>),
    AnnualPlan(Box<AnnualPlan>),
    ParentLetter(Box<ParentLetter>),
    HomeSchoolGuide(Box<HomeSchoolGuide>),
    ConsentForm(Box<ConsentForm>),
    SoveiActivityPlan(Box<SoveiActivityPlan>),
}

impl Document {
    /// Parses the concrete kind. Only shapes are checked here, not meaning.
    ///
    /// # Errors
    /// When the value does not have the shape of the kind.
    pub fn parse(kind: Kind, value: Value) -> Result<Self, serde_json::Error> {
        use serde_json::from_value;
        Ok(match kind {
            Kind::CooperationAgreement => Self::CooperationAgreement(from_value(value)?),
            Kind::MeetingSchedule => Self::MeetingSchedule(from_value(value)?),
            Kind::AnnualPlan => Self::AnnualPlan(from_value(value)?),
            Kind::ParentLetter => Self::ParentLetter(from_value(value)?),
            Kind::HomeSchoolGuide => Self::HomeSchoolGuide(from_value(value)?),
            Kind::ConsentForm => Self::ConsentForm(from_value(value)?),
            Kind::SoveiActivityPlan => Self::SoveiActivityPlan(from_value(value)?),
        })
    }

    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::CooperationAgreement(_) => Kind::CooperationAgreement,
            Self::MeetingSchedule(_) => Kind::MeetingSchedule,
            Self::AnnualPlan(_) => Kind::AnnualPlan,
            Self::ParentLetter(_) => Kind::ParentLetter,
            Self::HomeSchoolGuide(_) => Kind::HomeSchoolGuide,
            Self::ConsentForm(_) => Kind::ConsentForm,
            Self::SoveiActivityPlan(_) => Kind::SoveiActivityPlan,
        }
    }

    /// The members that all kinds have.
    #[must_use]
    pub fn common(&self) -> &Common {
        match self {
            Self::CooperationAgreement(document) => &document.common,
            Self::MeetingSchedule(document) => &document.common,
            Self::AnnualPlan(document) => &document.common,
            Self::ParentLetter(document) => &document.common,
            Self::HomeSchoolGuide(document) => &document.common,
            Self::ConsentForm(document) => &document.common,
            Self::SoveiActivityPlan(document) => &document.common,
        }
    }

    /// The language it is printed in; in a letter the recipient's language goes first.
    #[must_use]
    pub fn language(&self) -> Language {
        match self {
            Self::CooperationAgreement(document) => document.locale.into(),
            Self::MeetingSchedule(document) => document.locale.into(),
            Self::AnnualPlan(document) => document.locale.into(),
            Self::ParentLetter(letter) => {
                letter.recipients.first().and_then(|recipient| recipient.locale).unwrap_or(letter.locale)
            }
            Self::HomeSchoolGuide(document) => document.locale.into(),
            Self::ConsentForm(document) => document.locale.into(),
            Self::SoveiActivityPlan(document) => document.locale.into(),
        }
    }
}
