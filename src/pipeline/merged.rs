//! One letter of a mailing: merged, checked and made, in a render process or here.

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::task::{Answer, Task};
use super::{Label, Order, ProduceError, Produced, produce_and_tell, read_answer};
use crate::document::{Kind, Language, Locale, Mailing, PdfStandard};
use crate::merge::fields::{MergeFault, TemplateFault};
use crate::merge::letter::{Draft, Faults, LetterFacts, LetterToMany};
use crate::render::{Engine, Options};
use crate::validate::{self, Arg, Checked, Code, Finding, Unreadable, read_json};
use crate::worker::{self, Pool, Priority, WorkError};

/// What is wanted of a mailing.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) enum Wish {
    /// Examine its letter.
    Examine,
    /// Merge and make one letter.
    Merge(Options),
    /// Merge and check one letter, and count its pages if that is wanted.
    Count(bool),
}

/// BLAKE3 of all bytes of a mailing.
type Hash = [u8; blake3::OUT_LEN];

/// A mailing as it goes to render processes: whole to one that does not have it, and else by its hash.
#[derive(Debug, Clone)]
pub struct MailingBytes {
    bytes: Bytes,
    hash: Hash,
}

impl MailingBytes {
    /// The mailing, written once for all its letters.
    ///
    /// # Errors
    /// Never: a mailing is JSON.
    pub fn new(mailing: &Mailing) -> Result<Self, serde_json::Error> {
        let bytes = serde_json::to_vec(mailing)?;
        Ok(Self { hash: blake3::hash(&bytes).into(), bytes: bytes.into() })
    }

    /// The bytes.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes
    }

    /// The mailing and what goes with it, for the pipe: the length of the mailing, the mailing, the rest.
    fn with(&self, rest: &[u8]) -> Vec<u8> {
        let length = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
        [&length.to_le_bytes(), &*self.bytes, rest].concat()
    }

    /// The same by its hash: the length of nothing, the hash, the rest.
    fn named_with(&self, rest: &[u8]) -> Vec<u8> {
        [&0_u32.to_le_bytes(), &self.hash[..], rest].concat()
    }
}

/// Most mailings that a render process keeps.
const KEPT: usize = 4;
/// Most bytes that they have together, where there are several; what is made of them takes a few times as much.
const KEPT_BYTES: usize = 4 * validate::MAX_BODY;

/// What a render process keeps of the mailings that it worked for last, so that each is sent and parsed once.
#[derive(Default)]
pub(super) struct Kept {
    /// The one of the last task at the end.
    mailings: Vec<KeptMailing>,
}

struct KeptMailing {
    hash: Hash,
    bytes: usize,
    letter: LetterToMany,
}

impl Kept {
    /// The letter of a message, and what goes with it. Nothing when the message has only the hash of a mailing that is not kept.
    ///
    /// # Errors
    /// When the message can not be read, or the templates of the mailing that is in it.
    pub(super) fn letter<'a, 'b>(
        &'a mut self,
        message: &'b [u8],
    ) -> Result<Option<(&'a LetterToMany, &'b [u8])>, ProduceError> {
        let (length, rest) = message.split_first_chunk::<4>().ok_or_else(unreadable)?;
        let length = usize::try_from(u32::from_le_bytes(*length)).map_err(|_| unreadable())?;
        let (hash, rest) = if length == 0 {
            let (hash, rest) = rest.split_first_chunk().ok_or_else(unreadable)?;
            (*hash, rest)
        } else {
            let (mailing, rest) = rest.split_at_checked(length).ok_or_else(unreadable)?;
            (self.learn(mailing)?, rest)
        };
        Ok(self.find(&hash).map(|letter| (letter, rest)))
    }

    /// Keeps a mailing, under the hash of what came: nobody's word is taken for it.
    fn learn(&mut self, mailing: &[u8]) -> Result<Hash, ProduceError> {
        let hash = blake3::hash(mailing).into();
        if self.find(&hash).is_none() {
            let read: Mailing = serde_json::from_slice(mailing).map_err(|_| unreadable())?;
            let letter = LetterToMany::parse(&read).map_err(|faults| ProduceError::Invalid {
                violations: of_templates(&faults),
                locale: Locale::default(),
            })?;
            self.mailings.push(KeptMailing { hash, bytes: mailing.len(), letter });
            self.forget();
        }
        Ok(hash)
    }

    fn find(&mut self, hash: &Hash) -> Option<&LetterToMany> {
        let at = self.mailings.iter().position(|kept| kept.hash == *hash)?;
        self.mailings[at..].rotate_left(1);
        self.mailings.last().map(|kept| &kept.letter)
    }

    /// Forgets what was not used for longest, but never the last one.
    fn forget(&mut self) {
        let mut bytes = 0;
        let fits = |kept: &&KeptMailing| {
            bytes += kept.bytes;
            bytes <= KEPT_BYTES
        };
        let count = self.mailings.iter().rev().take(KEPT).take_while(fits).count().max(1);
        self.mailings.drain(..self.mailings.len().saturating_sub(count));
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
pub(super) fn examine(engine: &Engine, letter: &LetterToMany) -> Result<LetterFacts, ProduceError> {
    let facts = letter.facts();
    let mut violations = Vec::new();
    if !facts.languages.contains(&facts.fallback) {
        violations.push(Finding::new("/fallback_locale", Code::UnknownValue).with("allowed", tags(&facts.languages)));
    }
    if let Some(language) = letter.given_twice() {
        let translation = format!("/translations/{}", language.tag());
        let members = format!("`/letter`, `{translation}`");
        violations.push(Finding::new(translation, Code::OnlyOneOf).with("members", members));
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
    letter: &LetterToMany,
    draft: &[u8],
    options: Options,
    laid_out: &mut dyn FnMut(),
) -> Result<Produced, ProduceError> {
    let (body, draft) = compose(engine, letter, draft)?;
    #[cfg(debug_assertions)]
    super::fault::strike(engine, &body);
    let made = produce_and_tell(engine, Order { kind: Kind::ParentLetter, body, options }, laid_out);
    made.map_err(|error| placed(error, letter, &draft))
}

/// Merges one letter, checks it, and counts its pages if that is wanted, which takes much longer.
pub(super) fn count(engine: &Engine, letter: &LetterToMany, draft: &[u8], pages: bool) -> Result<usize, ProduceError> {
    let (body, draft) = compose(engine, letter, draft)?;
    let Checked { locale, outcome, .. } = validate::check(Kind::ParentLetter, body, engine.coverage());
    let document = outcome.map_err(|violations| ProduceError::Invalid { violations, locale });
    let document = document.map_err(|error| placed(error, letter, &draft))?;
    if pages { Ok(engine.pages(&document)?) } else { Ok(0) }
}

fn compose(engine: &Engine, letter: &LetterToMany, draft: &[u8]) -> Result<(Value, Draft), ProduceError> {
    let draft = read_json(draft)?;
    let draft: Draft = serde_json::from_value(draft).map_err(|_| unreadable())?;
    let locale = draft.language.locale().unwrap_or_default();
    let mut violations = of_fields(&draft, engine);
    match letter.compose(&draft) {
        Ok(body) if violations.is_empty() => Ok((body, draft)),
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

/// Has something done of a mailing. It is sent by its hash, and whole only to a process that is new or does not know it.
async fn ask_of(
    pool: &Pool,
    mailing: &MailingBytes,
    wish: Wish,
    draft: Vec<u8>,
    priority: Priority,
) -> Result<(Answer, Bytes), ProduceError> {
    let task = Task::OfMailing(wish);
    let named = task.with_body(&mailing.named_with(&draft));
    let mailing = mailing.clone();
    let whole = Arc::new(move || task.with_body(&mailing.with(&draft)));
    let anew = Arc::clone(&whole);
    let answer = pool.run(worker::Task::resting(named, move || anew()), priority).await?;
    match read_answer(&answer)? {
        (Answer::UnknownMailing, _) => read_answer(&pool.run(whole(), priority).await?),
        answer => Ok(answer),
    }
}

/// Has a mailing examined before anything is made of it, for somebody who waits to hear whether it is good.
///
/// # Errors
/// All that is wrong with the letter itself, by places in the mailing.
pub async fn examine_mailing(pool: &Pool, mailing: &MailingBytes) -> Result<LetterFacts, ProduceError> {
    match ask_of(pool, mailing, Wish::Examine, Vec::new(), Priority::Interactive).await? {
        (Answer::Examined(facts), _) => Ok(facts),
        _ => Err(WorkError::Crashed.into()),
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
    match ask_of(pool, mailing, Wish::Merge(options), draft, Priority::Bulk).await? {
        (Answer::Produced(label), bytes) => Ok((label, bytes)),
        _ => Err(WorkError::Crashed.into()),
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
    match ask_of(pool, mailing, Wish::Count(pages), draft, Priority::Bulk).await? {
        (Answer::Counted(pages), _) => Ok(pages),
        _ => Err(WorkError::Crashed.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// A mailing whose school has this name.
    fn mailing(name: &str) -> MailingBytes {
        let letter = json!({"letter": {"school": {"name": name}, "title": "a", "body": "b"}});
        let mailing: Mailing = serde_json::from_value(letter).expect("the mailing has its shape");
        MailingBytes::new(&mailing).expect("a mailing is JSON")
    }

    /// The name of the school for which a message is taken, and what goes with it.
    fn read(kept: &mut Kept, message: &[u8]) -> Option<(String, String)> {
        let (letter, rest) = kept.letter(message).expect("the message can be read")?;
        Some((letter.facts().school.expect("the school has a name"), String::from_utf8_lossy(rest).into_owned()))
    }

    #[test]
    fn a_mailing_that_came_whole_is_known_by_its_hash_and_no_other_is() {
        let (one, other, mut kept) = (mailing("En"), mailing("To"), Kept::default());
        let expected = |name: &str| Some((name.to_owned(), "draft".to_owned()));
        assert_eq!(read(&mut kept, &one.named_with(b"draft")), None);
        assert_eq!(read(&mut kept, &one.with(b"draft")), expected("En"));
        assert_eq!(read(&mut kept, &other.named_with(b"draft")), None, "the other one is not known");
        for _ in 0..2 {
            assert_eq!(read(&mut kept, &other.with(b"draft")), expected("To"));
            assert_eq!(read(&mut kept, &one.named_with(b"draft")), expected("En"));
            assert_eq!(read(&mut kept, &other.named_with(b"draft")), expected("To"));
        }
        let mut near = one.clone();
        near.hash[31] ^= 1;
        assert_eq!(read(&mut kept, &near.named_with(b"draft")), None, "all of the hash counts");
    }

    #[test]
    fn what_was_not_used_for_longest_is_forgotten() {
        let mut kept = Kept::default();
        let mailings: Vec<_> = (0..=KEPT).map(|number| mailing(&number.to_string())).collect();
        for mailing in &mailings[..KEPT] {
            read(&mut kept, &mailing.with(b""));
        }
        assert!(read(&mut kept, &mailings[0].named_with(b"")).is_some());
        read(&mut kept, &mailings[KEPT].with(b""));
        let known = |kept: &mut Kept, number: usize| read(kept, &mailings[number].named_with(b"")).is_some();
        assert_eq!([0, 1, 2, KEPT].map(|number| known(&mut kept, number)), [true, false, true, true]);
        let long = mailing(&"l".repeat(KEPT_BYTES));
        assert!(read(&mut kept, &long.with(b"")).is_some());
        assert_eq!(kept.mailings.len(), 1, "it leaves no room for others");
        assert!(read(&mut kept, &long.named_with(b"")).is_some());
    }

    #[test]
    fn what_is_cut_off_is_no_message() {
        let (one, mut kept) = (mailing("En"), Kept::default());
        for message in [one.with(b""), one.named_with(b"")] {
            for length in 0..message.len() {
                assert!(kept.letter(&message[..length]).is_err(), "{length} bytes");
            }
        }
        assert!(kept.mailings.is_empty());
    }
}
