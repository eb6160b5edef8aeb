//! The seven kinds of document as data: what they hold and what their words mean.
//!
//! This module knows nothing of HTTP, Typst or storage. The types describe the wire format; their
//! schema ([`schema`]) is the single source of every shape constraint, and `validate` adds the rules
//! that a schema cannot say.

mod annual_plan;
mod common;
mod consent_form;
mod cooperation_agreement;
mod cover;
mod date;
mod hex;
mod home_school_guide;
mod kind;
mod language;
mod mailing;
mod meeting_schedule;
mod org_number;
mod parent_letter;
mod person;
mod record;
pub mod schema;
mod school;
mod school_year;
mod sovei_activity_plan;
mod text;

pub use annual_plan::{AnnualPlan, Category, Entry, EntryStatus, Recurrence};
pub use common::Common;
pub use consent_form::{ConsentContact, ConsentForm, ConsentPupil, ConsentScope, PupilSignature};
pub use cooperation_agreement::{
    CooperationAgreement, Evaluation, Goal, LegalAnnexForm, OrganisationKey, OrganisationRow, Ppt,
};
pub use cover::Cover;
pub use date::{ClockTime, DATE_PATTERN, Date, DateError, TIME_PATTERN};
pub use hex::{hex, unhex};
pub use home_school_guide::{GuideVariant, HomeSchoolGuide};
pub use kind::{Document, Kind};
pub use language::{Language, Locale};
pub use mailing::{
    About, ENTRY_KEY_PATTERN, Guardian, Mailing, MailingEntry, MailingPupil, MailingRecipient, OnInvalid, Protected,
    Rules, Translation, WithoutAddress,
};
pub use meeting_schedule::{Grade, Meeting, MeetingKey, MeetingSchedule, OptionalParticipants, RequiredParticipants};
pub use org_number::{ORG_NUMBER_PATTERN, OrgNumber};
pub use parent_letter::{
    Contact, DateStyle, Forms, NorwegianVersion, ParentLetter, Recipient, ResourceTeam, ResponsibilityGroup,
};
pub use person::{EMAIL_PATTERN, PHONE_PATTERN, Party, Person, Role, Signatory, SignatureMethod, SignatureStatus};
pub use record::{ArchiveMetadata, DayOff, GuideLink, PdfStandard, Period, Reference, RenderOptions, Status};
pub use school::{
    LocalService, LocalityPreset, LocalityProfile, Logo, LogoType, OwnerKind, PostalAddress, School, SchoolLevel,
    SchoolOwner, URL_PATTERN,
};
pub use school_year::{SCHOOL_YEAR_PATTERN, SchoolYear};
pub use sovei_activity_plan::{Component, EvaluationMethod, Module, SoveiActivityPlan, Task, TaskLevel, TaskStatus};
pub use text::{Cell, Markdown, Name, Paragraph, Short, Text};
