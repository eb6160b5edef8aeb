//! The shape of a body, checked against the JSON Schema of its kind.

use std::sync::{LazyLock, OnceLock};

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{ValidationError, Validator};
use serde_json::Value;

use super::finding::{Code, Finding};
use super::node::{escape, is_plain_name};
use crate::document::{
    DATE_PATTERN, Date, DateError, EMAIL_PATTERN, Kind, Mailing, MailingEntry, MailingPupil, MailingRecipient,
    ORG_NUMBER_PATTERN, OrgNumber, PHONE_PATTERN, SCHOOL_YEAR_PATTERN, SchoolYear, TIME_PATTERN, URL_PATTERN, schema,
};

/// The validator of a kind, made when it is first asked for: some processes meet letters alone.
#[expect(clippy::expect_used, reason = "the schemas are made from our own types and a test builds all of them")]
fn of(kind: Kind) -> &'static Validator {
    static VALIDATORS: [OnceLock<Validator>; Kind::ALL.len()] = [const { OnceLock::new() }; Kind::ALL.len()];
    VALIDATORS[kind as usize]
        .get_or_init(|| validator(&schema::json_schema(kind)).expect("the schema of a kind is valid"))
}

/// The validators of a mailing, a pupil and a recipient.
#[expect(clippy::expect_used, reason = "the schemas are made from our own types and a test uses all of them")]
static OF_MAILINGS: LazyLock<[Validator; 3]> = LazyLock::new(|| {
    [
        schema::json_schema_of::<Mailing>(),
        schema::json_schema_of::<MailingPupil>(),
        schema::json_schema_of::<MailingRecipient>(),
    ]
    .map(|schema| validator(&schema).expect("the schema of a mailing is valid"))
});

/// A format speaks only of what has the right shape; the shape itself is told by the pattern.
fn validator(schema: &Value) -> Result<Validator, ValidationError<'static>> {
    jsonschema::options()
        .should_validate_formats(true)
        .with_format(schema::FORMAT_DAY, |text| Date::parse(text) != Err(DateError::NoSuchDay))
        .with_format(schema::FORMAT_ORG_NUMBER, |text| !is_digits(text, 9) || OrgNumber::parse(text).is_some())
        .with_format(schema::FORMAT_SCHOOL_YEAR, |text| {
            let shaped =
                text.split_once('/').is_some_and(|(first, second)| is_digits(first, 4) && is_digits(second, 4));
            !shaped || SchoolYear::parse(text).is_some()
        })
        .build(schema)
}

fn is_digits(text: &str, count: usize) -> bool {
    text.len() == count && text.bytes().all(|b| b.is_ascii_digit())
}

/// All faults of shape.
pub(super) fn check(kind: Kind, body: &Value) -> Vec<Finding> {
    faults(of(kind), body)
}

/// All faults of shape of a mailing.
pub(super) fn check_mailing(mailing: &Value) -> Vec<Finding> {
    faults(&OF_MAILINGS[0], mailing)
}

/// All faults of shape of an entry.
pub(super) fn check_entry(entry: &Value) -> Vec<Finding> {
    faults(&OF_MAILINGS[if MailingEntry::is_recipient(entry) { 2 } else { 1 }], entry)
}

fn faults(validator: &Validator, value: &Value) -> Vec<Finding> {
    let mut findings = Vec::new();
    // Most have none, and that takes less time to tell than where they are.
    if validator.is_valid(value) {
        return findings;
    }
    for error in validator.iter_errors(value) {
        report(&error, &mut findings);
    }
    findings
}

fn report(error: &ValidationError<'_>, findings: &mut Vec<Finding>) {
    let pointer = error.instance_path().as_str();
    let at = |code| Finding::new(pointer, code);
    let finding = match error.kind() {
        // An optional member is «the type, or null»: what does not fit is told by the type.
        ValidationErrorKind::AnyOf { context } => {
            if let Some(branch) = context.first() {
                for inner in branch {
                    report(inner, findings);
                }
            }
            return;
        }
        ValidationErrorKind::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            Finding::new(format!("{pointer}/{}", escape(name)), Code::Missing).with("member", name)
        }
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            findings.extend(unexpected.iter().map(|name| unknown_member(pointer, name)));
            return;
        }
        ValidationErrorKind::Type { kind } => {
            at(Code::WrongType).with("expected", super::finding::Arg::word(type_word(kind)))
        }
        ValidationErrorKind::Enum { options } => at(Code::UnknownValue).with("allowed", enumeration(options)),
        ValidationErrorKind::MinLength { limit } => at(Code::TooShort).with("limit", limit),
        ValidationErrorKind::MaxLength { limit } => at(Code::TooLong)
            .with("limit", limit)
            .with("length", error.instance().as_str().map_or(0, |text| text.chars().count())),
        ValidationErrorKind::MinItems { limit } => at(Code::TooFewItems).with("limit", limit),
        ValidationErrorKind::MaxItems { limit } => {
            at(Code::TooManyItems).with("limit", limit).with("count", error.instance().as_array().map_or(0, Vec::len))
        }
        ValidationErrorKind::UniqueItems => at(Code::RepeatedItem),
        ValidationErrorKind::Minimum { limit } => {
            at(Code::OutOfRange).with("bound", super::finding::Arg::word("at least")).with("limit", limit)
        }
        ValidationErrorKind::Maximum { limit } => {
            at(Code::OutOfRange).with("bound", super::finding::Arg::word("at most")).with("limit", limit)
        }
        ValidationErrorKind::Pattern { pattern } => pattern_fault(pointer, pattern),
        ValidationErrorKind::Format { format } => at(match format.as_str() {
            schema::FORMAT_DAY => Code::NoSuchDay,
            schema::FORMAT_ORG_NUMBER => Code::BadOrgNumber,
            schema::FORMAT_SCHOOL_YEAR => Code::BadSchoolYear,
            _ => Code::Invalid,
        }),
        _ => at(Code::Invalid),
    };
    findings.push(finding);
}

/// An unknown member is named only when its name looks like one: anything else could be data.
fn unknown_member(pointer: &str, name: &str) -> Finding {
    if is_plain_name(name) {
        Finding::new(format!("{pointer}/{name}"), Code::UnknownMember).with("member", name)
    } else {
        Finding::new(pointer, Code::UnknownMember).with("member", "…")
    }
}

fn pattern_fault(pointer: &str, pattern: &str) -> Finding {
    let code = match pattern {
        DATE_PATTERN => Code::BadDate,
        TIME_PATTERN => Code::BadTime,
        EMAIL_PATTERN => Code::BadEmail,
        PHONE_PATTERN => Code::BadPhone,
        URL_PATTERN => Code::BadUrl,
        ORG_NUMBER_PATTERN => Code::BadOrgNumber,
        SCHOOL_YEAR_PATTERN => Code::BadSchoolYear,
        _ => return Finding::new(pointer, Code::BadForm).with("form", pattern),
    };
    Finding::new(pointer, code)
}

fn type_word(kind: &TypeKind) -> &'static str {
    let name = match kind {
        TypeKind::Single(single) => single.to_string(),
        // «string or null»: the caller is told of the string.
        TypeKind::Multiple(several) => {
            several.iter().map(|one| one.to_string()).find(|name| name != "null").unwrap_or_default()
        }
    };
    match name.as_str() {
        "object" => "an object",
        "array" => "a list",
        "string" => "a text",
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "true or false",
        _ => "another type",
    }
}

fn enumeration(options: &Value) -> String {
    options
        .as_array()
        .map(|options| {
            options.iter().filter_map(Value::as_str).map(|option| format!("`{option}`")).collect::<Vec<_>>().join(", ")
        })
        .unwrap_or_default()
}
