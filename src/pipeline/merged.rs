//! One letter of a mailing: merged, checked and made, in a render process or here.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;

use super::task::{Answer, Task};
use super::{Label, Order, ProduceError, Produced, ask, produce_and_tell};
use crate::document::{Kind, Language, Locale, Mailing, PdfStandard};
use crate::merge::fields::{MergeFault, TemplateFault};
use crate::merge::letter::{Draft, Faults, LetterFacts, LetterToMany};
use crate::render::{Engine, Options};
use crate::validate::{self, Arg, Checked, Code, Finding, Unreadable, read_json};
use crate::worker::{Pool, Priority};

/// A mailing as it goes to render processes.
#[derive(Debug, Clone)]
pub struct MailingBytes(Arc<[u8]>);

impl MailingBytes {
    /// The mailing, written once for all its letters.
    ///
    /// # Errors
    /// Never: a mailing is JSON.
    pub fn new(mailing: &Mailing) -> Result<Self, serde_json::Error> {
        Ok(Self(serde_json::to_vec(mailing)?.into()))
    }

    /// The bytes.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        &self.0
    }

    /// The mailing and what goes with it, for the pipe: the length of the mailing, the mailing, the rest.
    fn with(&self, rest: &[u8]) -> Vec<u8> {
        let length = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        [&length.to_le_bytes(), &*self.0, rest].concat()
    }
}

/// What a render process keeps of the mailing that it worked for last.
#[derive(Default)]
pub(super) struct Kept {
    bytes: Vec<u8>,
    letter: Option<LetterToMany>,
}

impl Kept {
    /// The letter of a message, and what goes with it.
    fn letter<'a, 'b>(&'a mut self, message: &'b [u8]) -> Result<(&'a LetterToMany, &'b [u8]), ProduceError> {
        let parts = message.split_first_chunk::<4>().and_then(|(length, rest)| {
            let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
            rest.split_at_checked(length)
        });
        let (mailing, rest) = parts.ok_or_else(unreadable)?;
        if self.letter.is_none() || self.bytes != mailing {
            let read: Mailing = serde_json::from_slice(mailing).map_err(|_| unreadable())?;
            let letter = LetterToMany::parse(&read).map_err(|faults| ProduceError::Invalid {
                violations: of_templates(&faults),
                locale: Locale::default(),
            })?;
            mailing.clone_into(&mut self.bytes);
            self.letter = Some(letter);
        }
        Ok((self.letter.as_ref().ok_or_else(unreadable)?, rest))
    }
}

fn unreadable() -> ProduceError {
    Unreadable { line: 0, column: 0, reason: "not a task".into() }.into()
}

fn of_templates(faults: &Faults<TemplateFault>) -> Vec<Finding> {
    let finding = |(pointer, fault): &(String, TemplateFault)| {
        Finding::new(pointer, Code::BadTemplate)
            .with("reason", Arg::word(fault.reason))
            .with("line", fault.line)
            .with("column", fault.column)
    };
    faults.iter().map(finding).collect()
}

/// What is wrong with the letter itself, whoever gets it, or else what has to be known of it.
pub(super) fn examine(engine: &Engine, kept: &mut Kept, message: &[u8]) -> Result<LetterFacts, ProduceError> {
    let (letter, _) = kept.letter(message)?;
    let facts = letter.facts();
    let mut violations = Vec::new();
    if !facts.languages.contains(&facts.fallback) {
        violations.push(Finding::new("/fallback_locale", Code::UnknownValue).with("allowed", tags(&facts.languages)));
    }
    violations.extend(of_the_letter(letter, engine));
    for &language in &facts.languages {
        let checked = validate::check(Kind::ParentLetter, letter.specimen(language), engine.coverage());
        let faults = checked.outcome.err().unwrap_or_default();
        violations.extend(faults.into_iter().map(|mut fault| {
            fault.pointer = letter.place(language, &[], &fault.pointer);
            fault
        }));
    }
    violations.sort_by(|a, b| (&a.pointer, a.code).cmp(&(&b.pointer, b.code)));
    violations.dedup();
    let locale = facts.own.locale().unwrap_or_default();
    if violations.is_empty() { Ok(facts) } else { Err(ProduceError::Invalid { violations, locale }) }
}

/// What is wrong with the letter as it was given, but for its templates, and what a letter to many can not have: another standard than
/// print files keep, and one document id for all.
fn of_the_letter(letter: &LetterToMany, engine: &Engine) -> Vec<Finding> {
    let (given, templates) = letter.given();
    let checked = validate::check(Kind::ParentLetter, Value::Object(given.clone()), engine.coverage());
    let mut violations = checked.outcome.err().unwrap_or_default();
    violations.retain(|violation| !templates.contains(&violation.pointer) || violation.code == Code::Missing);
    if given.get("status").and_then(Value::as_str) == Some("blank_template") {
        violations.push(Finding::new("/status", Code::UnknownValue).with("allowed", "`draft`, `final`"));
    }
    let standard = given.get("render_options").and_then(|options| options.get("pdf_standard"));
    if standard.is_some_and(|standard| !standard.is_null() && standard.as_str() != Some(PdfStandard::A2aUa1.name())) {
        let allowed = format!("`{}`", PdfStandard::A2aUa1.name());
        violations.push(Finding::new("/render_options/pdf_standard", Code::UnknownValue).with("allowed", allowed));
    }
    if given.get("archive_metadata").and_then(|metadata| metadata.get("document_id")).is_some_and(|id| !id.is_null()) {
        let id = Finding::new("/archive_metadata/document_id", Code::UnknownMember);
        violations.push(id.with("member", "document_id"));
    }
    for violation in &mut violations {
        violation.pointer = format!("/letter{}", violation.pointer);
    }
    violations
}

fn tags(languages: &[Language]) -> String {
    languages.iter().map(|language| format!("`{}`", language.tag())).collect::<Vec<_>>().join(", ")
}

/// Merges and makes one letter.
pub(super) fn produce(
    engine: &Engine,
    kept: &mut Kept,
    message: &[u8],
    options: Options,
    laid_out: &mut dyn FnMut(),
) -> Result<Produced, ProduceError> {
    let (body, letter, draft) = compose(engine, kept, message)?;
    let made = produce_and_tell(engine, Order { kind: Kind::ParentLetter, body, options }, laid_out);
    made.map_err(|error| placed(error, letter, &draft))
}

/// Merges one letter, checks it, and counts its pages if that is wanted, which takes much longer.
pub(super) fn count(engine: &Engine, kept: &mut Kept, message: &[u8], pages: bool) -> Result<usize, ProduceError> {
    let (body, letter, draft) = compose(engine, kept, message)?;
    let Checked { locale, outcome, .. } = validate::check(Kind::ParentLetter, body, engine.coverage());
    let document = outcome.map_err(|violations| ProduceError::Invalid { violations, locale });
    let document = document.map_err(|error| placed(error, letter, &draft))?;
    if pages { Ok(engine.pages(&document)?) } else { Ok(0) }
}

fn compose<'a>(
    engine: &Engine,
    kept: &'a mut Kept,
    message: &[u8],
) -> Result<(Value, &'a LetterToMany, Draft), ProduceError> {
    let (letter, rest) = kept.letter(message)?;
    let draft = read_json(rest)?;
    let draft: Draft = serde_json::from_value(draft).map_err(|_| unreadable())?;
    let locale = draft.language.locale().unwrap_or_default();
    let mut violations = of_fields(&draft, engine);
    match letter.compose(&draft) {
        Ok(body) if violations.is_empty() => Ok((body, letter, draft)),
        Ok(_) => Err(ProduceError::Invalid { violations, locale }),
        Err(faults) => {
            violations.extend(faults.iter().map(|(text, fault)| of_merging(text, fault, &draft)));
            Err(ProduceError::Invalid { violations, locale })
        }
    }
}

/// What may not stand in the merge fields that the caller's entry has.
fn of_fields(draft: &Draft, engine: &Engine) -> Vec<Finding> {
    let fields = draft.data.as_object().into_iter().flatten();
    let found =
        fields.filter(|(name, _)| !["recipient", "school", "pupil"].contains(&name.as_str())).map(|(name, value)| {
            // A name that is none of a field could be data, and is not told.
            let is_field = name.len() <= 60 && name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-');
            let place = if is_field { format!("/fields/{name}") } else { "/fields".to_owned() };
            validate::scan(value, engine.coverage()).into_iter().map(move |mut finding| {
                finding.pointer = format!("{place}{}", finding.pointer);
                finding
            })
        });
    found.flatten().collect()
}

fn of_merging(place: &str, fault: &MergeFault, draft: &Draft) -> Finding {
    let text = place.rsplit('/').next().unwrap_or_default();
    match fault {
        MergeFault::Missing { field, line } => Finding::new(place_of(field, draft), Code::MissingField)
            .with("field", field)
            .with("text", text)
            .with("line", line),
        MergeFault::WrongType { field, line, wanted } => Finding::new(place_of(field, draft), Code::WrongField)
            .with("field", field)
            .with("text", text)
            .with("line", line)
            .with("wanted", Arg::word(wanted)),
        MergeFault::TooLong => {
            Finding::new(format!("/letter/{text}"), Code::TooLarge).with("limit", 20 * 1024).with("size", "…")
        }
    }
}

/// Where in the entry a merge field stands, or should.
fn place_of(field: &str, draft: &Draft) -> String {
    let mut parts = field.split(['.', '/']).filter(|part| !["..", "this", "@root", ""].contains(part));
    let first = parts.next().unwrap_or_default();
    let rest = parts.fold(String::new(), |rest, part| rest + "/" + part);
    match (first, rest.as_str()) {
        ("pupil", "/first_name" | "/class") => {
            let inner = if rest == "/class" { "/recipients/0/class" } else { "/recipients/0/pupil_first_name" };
            let place = draft.places.iter().find(|(from, _)| from == inner);
            place.map_or_else(|| rest.clone(), |(_, to)| to.clone())
        }
        ("pupil", _) => rest,
        _ => format!("/fields/{first}{rest}"),
    }
}

/// An error with the places of its faults in the mailing or the entry.
fn placed(error: ProduceError, letter: &LetterToMany, draft: &Draft) -> ProduceError {
    match error {
        ProduceError::Invalid { mut violations, locale } => {
            for violation in &mut violations {
                violation.pointer = letter.place(draft.language, &draft.places, &violation.pointer);
            }
            ProduceError::Invalid { violations, locale }
        }
        other => other,
    }
}

/// Has a mailing examined before anything is made of it.
///
/// # Errors
/// All that is wrong with the letter itself, by places in the mailing.
pub async fn examine_mailing(pool: &Pool, mailing: &MailingBytes) -> Result<LetterFacts, ProduceError> {
    match ask(pool, Task::Examine, &mailing.with(&[]), Priority::Bulk).await? {
        (Answer::Examined(facts), _) => Ok(facts),
        _ => Err(crate::worker::WorkError::Crashed.into()),
    }
}

/// Has one letter of a mailing made.
///
/// # Errors
/// What is wrong with it, by places in the entry or, behind `/letter` or `/translations`, in the mailing.
pub async fn merge(
    pool: &Pool,
    mailing: &MailingBytes,
    draft: &Draft,
    options: Options,
) -> Result<(Label, Bytes), ProduceError> {
    let draft = serde_json::to_vec(draft).map_err(|_| unreadable())?;
    match ask(pool, Task::Merge(options), &mailing.with(&draft), Priority::Bulk).await? {
        (Answer::Produced(label), bytes) => Ok((label, bytes)),
        _ => Err(crate::worker::WorkError::Crashed.into()),
    }
}

/// Has one letter of a mailing checked, and its pages counted.
///
/// # Errors
/// As [`merge`].
pub async fn count_pages(pool: &Pool, mailing: &MailingBytes, draft: &Draft) -> Result<usize, ProduceError> {
    checked(pool, mailing, draft, true).await
}

/// Has one letter of a mailing checked, which takes a small part of the time that making it does.
///
/// # Errors
/// As [`merge`].
pub async fn check_letter(pool: &Pool, mailing: &MailingBytes, draft: &Draft) -> Result<(), ProduceError> {
    checked(pool, mailing, draft, false).await.map(drop)
}

async fn checked(pool: &Pool, mailing: &MailingBytes, draft: &Draft, pages: bool) -> Result<usize, ProduceError> {
    let draft = serde_json::to_vec(draft).map_err(|_| unreadable())?;
    match ask(pool, Task::Count(pages), &mailing.with(&draft), Priority::Bulk).await? {
        (Answer::Counted(pages), _) => Ok(pages),
        _ => Err(crate::worker::WorkError::Crashed.into()),
    }
}
