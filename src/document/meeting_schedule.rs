//! A year of theme meetings between a school and the school health service.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::school::URL_PATTERN;
use super::{ClockTime, Common, Date, DayOff, Locale, Name, Paragraph, Person, Short, Text};

/// Year group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the year groups are their own explanation")]
pub enum Grade {
    #[serde(rename = "1")]
    Year1,
    #[serde(rename = "2")]
    Year2,
    #[serde(rename = "3")]
    Year3,
    #[serde(rename = "4")]
    Year4,
    #[serde(rename = "5")]
    Year5,
    #[serde(rename = "6")]
    Year6,
    #[serde(rename = "7")]
    Year7,
    #[serde(rename = "8")]
    Year8,
    #[serde(rename = "9")]
    Year9,
    #[serde(rename = "10")]
    Year10,
    #[serde(rename = "vg1")]
    Vg1,
    #[serde(rename = "vg2")]
    Vg2,
    #[serde(rename = "vg3")]
    Vg3,
}

/// Which of the five meetings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MeetingKey {
    /// Betingelser for godt systemrettet samarbeid.
    Theme1,
    /// Felles områder for samarbeid.
    Theme2,
    /// Grunnlag for handling.
    Theme3,
    /// Flerfaglig kommunikasjon.
    Theme4,
    /// Gjort, lært, lurt.
    Summary,
}

impl MeetingKey {
    /// The five, in the order of the year.
    pub const ALL: [Self; 5] = [Self::Theme1, Self::Theme2, Self::Theme3, Self::Theme4, Self::Summary];

    /// The name on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Theme1 => "theme1",
            Self::Theme2 => "theme2",
            Self::Theme3 => "theme3",
            Self::Theme4 => "theme4",
            Self::Summary => "summary",
        }
    }
}

/// One of the five meetings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Meeting {
    /// Which meeting.
    pub key: MeetingKey,
    /// Day; required in a final schedule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<Date>,
    /// Time of beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_time: Option<ClockTime>,
    /// Length in minutes; at least 60, which is the default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 60, max = 480))]
    pub duration_min: Option<u16>,
    /// Place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Short>,
    /// Address of a video meeting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = URL_PATTERN), length(max = 508))]
    pub video_url: Option<String>,
    /// Whether time already set off for cooperation is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uses_existing_time: Option<bool>,
    /// Further items on the agenda.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub extra_agenda: Vec<Short>,
    /// Note.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<super::Cell>,
}

/// Those who must take part; a final schedule names somebody in each group.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RequiredParticipants {
    /// One of the school management.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub school_management: Vec<Person>,
    /// The public health nurse of the year group.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub health_nurse_grade: Vec<Person>,
    /// Contact teachers of the classes taking part.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub contact_teachers: Vec<Person>,
}

/// Those who may or should take part.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OptionalParticipants {
    /// Counsellor, social teacher, milieu therapist and the like.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub counsellor_social_milieu: Vec<Person>,
    /// Contact teachers of other classes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub other_contact_teachers: Vec<Person>,
    /// Other teachers and staff.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub other_staff: Vec<Person>,
}

/// Schedule of four theme meetings and a summary meeting («Skolesamarbeid»).
///
/// The five meetings stand in their order, their days rise strictly within the school year.
/// A final schedule has all days, a leader, and somebody in each required group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct MeetingSchedule {
    /// Language of the document.
    #[serde(default)]
    pub locale: Locale,
    /// The members that all kinds have.
    #[serde(flatten)]
    pub common: Common,
    /// Version, from 1; becomes the sequence number of calendar entries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10_000))]
    pub version: Option<u32>,
    /// Year group; default `8`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grade: Option<Grade>,
    /// Classes taking part.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub classes: Vec<Text<20>>,
    /// Name of the school health service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_service: Option<Name>,
    /// The one person who leads and convenes; required in a final schedule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meeting_leader: Option<Person>,
    /// Who takes notes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note_taker: Option<Person>,
    /// The five meetings, `theme1` to `theme4` and `summary`. May be left out of a blank form only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 5))]
    pub meetings: Vec<Meeting>,
    /// Those who must take part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub required_participants: Option<RequiredParticipants>,
    /// Those who may or should take part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub optional_participants: Option<OptionalParticipants>,
    /// The school's own goal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub goal: Option<Paragraph>,
    /// Plan for further work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub development_plan: Option<Paragraph>,
    /// Whether the section «Hvorfor er Skolesamarbeid viktig?» is printed; default false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub include_intro: Option<bool>,
    /// Days without school, for warnings.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    pub school_calendar: Vec<DayOff>,
}
