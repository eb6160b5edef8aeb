//! The one use case: a body becomes a document. HTTP and the command line both go through here.

mod canonical;
#[cfg(debug_assertions)]
pub(crate) mod fault;
mod merged;
mod task;

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::cache::{Cache, Id, New, Source, Stored};
use crate::document::{Kind, Language, Locale, hex};
use crate::render::{self, Engine, Mark, Options, RenderError, Rendered};
use crate::telemetry::{metrics, trace};
use crate::template::{self, Format};
use crate::tenant::Tenant;
use crate::validate::{self, Checked, Finding, Unreadable};
use crate::worker::{Pool, Priority, WorkError};
#[cfg(fuzzing)]
pub(crate) use canonical::fuzz as canonical;
pub use merged::{MailingBytes, check_letter, count_pages, examine_mailing, merge};
#[cfg(fuzzing)]
pub(crate) use task::fuzz as fuzz_answer;
pub use task::run_worker;
use task::{Answer, Task};

/// What is to be made.
#[derive(Debug, Clone)]
pub struct Order {
    /// Kind.
    pub kind: Kind,
    /// The caller's body.
    pub body: Value,
    /// Format, standard, page.
    pub options: Options,
}

/// A document with its warnings and digest.
#[derive(Debug, Clone, PartialEq)]
pub struct Produced {
    /// The document.
    pub rendered: Rendered,
    /// Warnings of validation and of rendering.
    pub warnings: Vec<Finding>,
    /// SHA-256 of the bytes.
    pub digest: [u8; 32],
    /// Language for messages.
    pub locale: Locale,
}

/// What validation says, with what only layout can tell.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Report {
    /// All faults; none means valid.
    pub violations: Vec<Finding>,
    /// All warnings.
    pub warnings: Vec<Finding>,
    /// Language for messages.
    pub locale: Locale,
    /// Number of pages, of what is valid.
    pub pages: Option<usize>,
}

/// Why nothing was made.
#[derive(Debug, Serialize, Deserialize, thiserror::Error)]
pub enum ProduceError {
    /// The body is not JSON.
    #[error("the body is not JSON: {0}")]
    Unreadable(#[from] Unreadable),
    /// The body has faults.
    #[error("the document has {} faults", .violations.len())]
    Invalid {
        /// All of them.
        violations: Vec<Finding>,
        /// Language for messages.
        locale: Locale,
    },
    /// Rendering failed.
    #[error(transparent)]
    Render(#[from] RenderError),
    /// No worker did it.
    #[error(transparent)]
    #[serde(skip)]
    Work(#[from] WorkError),
}

/// Makes a document here and now.
///
/// # Errors
/// See [`ProduceError`].
pub fn produce(engine: &Engine, order: Order) -> Result<Produced, ProduceError> {
    produce_and_tell(engine, order, &mut || {})
}

/// Makes a document, and tells when it is laid out and only to be written.
fn produce_and_tell(engine: &Engine, order: Order, laid_out: &mut dyn FnMut()) -> Result<Produced, ProduceError> {
    let Checked { locale, outcome, mut warnings } = validate::check(order.kind, order.body, engine.coverage());
    let document = outcome.map_err(|violations| ProduceError::Invalid { violations, locale })?;
    let rendered = engine.render_and_tell(&document, &order.options, laid_out)?;
    warnings.extend(rendered.warnings.iter().cloned());
    let digest = Sha256::digest(&rendered.bytes).into();
    Ok(Produced { rendered, warnings, digest, locale })
}

/// Validates a body, and lays it out to count its pages.
///
/// # Errors
/// Only when a shipped template fails.
pub fn report(engine: &Engine, kind: Kind, body: Value) -> Result<Report, ProduceError> {
    let Checked { locale, outcome, mut warnings } = validate::check(kind, body, engine.coverage());
    let (violations, pages) = match outcome {
        Ok(document) => {
            let (pages, of_pages) = engine.preview(&document)?;
            warnings.extend(of_pages);
            (Vec::new(), Some(pages))
        }
        Err(violations) => (violations, None),
    };
    Ok(Report { violations, warnings, locale, pages })
}

/// A request for a document, as a caller makes it.
#[derive(Debug, Clone)]
pub struct Request {
    /// Whose it is.
    pub tenant: Tenant,
    /// Kind.
    pub kind: Kind,
    /// The caller's body, as it came.
    pub body: Bytes,
    /// Format, standard, page.
    pub options: Options,
    /// What the caller says of the cache.
    pub freshness: Freshness,
    /// Who goes first.
    pub priority: Priority,
}

/// What a caller says of the cache.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Freshness {
    /// A document that was made before will do.
    #[default]
    Any,
    /// Make it anew, and keep it (`Cache-Control: no-cache`).
    Anew,
    /// Make it anew, and do not keep it (`Cache-Control: no-store`).
    Unkept,
}

/// First byte of a label in the cache. A document can be fetched by its id after an upgrade, so what another version has
/// written must not be read as ours: a change of [`Label`], or of what is in it, takes another number.
const LABEL_VERSION: u8 = 1;

/// What is known of a document without opening it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    /// Format.
    pub format: Format,
    /// Number of pages, of formats that have pages.
    pub pages: Option<usize>,
    /// Language it is written in.
    pub language: Language,
    /// File name without extension, see [`Cover::file_stem`](crate::document::Cover::file_stem).
    pub file_stem: String,
    /// SHA-256 of the bytes.
    pub digest: [u8; 32],
    /// Number of warnings.
    pub warnings: usize,
    /// Whether it may hold personal data.
    pub personal: bool,
}

impl Label {
    fn of(produced: &Produced) -> Self {
        let cover = &produced.rendered.cover;
        Self {
            format: produced.rendered.format,
            pages: produced.rendered.pages,
            language: cover.language,
            file_stem: cover.file_stem(),
            digest: produced.digest,
            warnings: produced.warnings.len(),
            personal: cover.personal,
        }
    }

    /// As it lies in the cache.
    fn write(&self) -> Result<Bytes, WorkError> {
        postcard::to_extend(self, vec![LABEL_VERSION]).map(Bytes::from).map_err(|_| WorkError::Crashed)
    }

    /// Reads what `write` wrote; nothing when another version did.
    fn read(bytes: &[u8]) -> Option<Self> {
        let (version, label) = bytes.split_first()?;
        (*version == LABEL_VERSION).then(|| postcard::from_bytes(label).ok()).flatten()
    }
}

/// A document on its way to the caller.
#[derive(Debug, Clone)]
pub struct Delivered {
    /// What is known of it.
    pub label: Label,
    /// Its bytes.
    pub bytes: Bytes,
    /// Where it can be fetched again, if it is kept.
    pub id: Option<Id>,
    /// Where it came from.
    pub source: Source,
    /// Seconds that it is kept from now on.
    pub life: u64,
}

/// The use case behind a cache and a pool of render workers.
#[derive(Clone)]
pub struct Pipeline {
    parts: Arc<Parts>,
}

struct Parts {
    pool: Pool,
    cache: Cache<ProduceError>,
    /// Ids by a hash of the very bytes of a request, which saves the parsing of what was found before.
    known: moka::sync::Cache<Id, Id>,
}

/// Requests whose bytes are remembered, at about 200 bytes each.
const KNOWN: u64 = 50_000;

impl Pipeline {
    /// A pipeline over a pool and a cache.
    #[must_use]
    pub fn new(pool: Pool, cache: Cache<ProduceError>) -> Self {
        Self { parts: Arc::new(Parts { pool, cache, known: moka::sync::Cache::new(KNOWN) }) }
    }

    /// The pool, to ask how it is doing.
    #[must_use]
    pub fn pool(&self) -> &Pool {
        &self.parts.pool
    }

    /// The cache, to ask how it is doing.
    #[must_use]
    pub fn cache(&self) -> &Cache<ProduceError> {
        &self.parts.cache
    }

    /// Makes a document, or finds one that was made of the same before.
    ///
    /// # Errors
    /// See [`ProduceError`]. Requests that wait for the same document share its error.
    pub async fn produce(&self, request: Request) -> Result<Delivered, Arc<ProduceError>> {
        let Parts { pool, cache, known } = &*self.parts;
        if request.freshness == Freshness::Unkept || !cache.keeps() {
            let new = make(pool, &request).await?;
            let label = read_label(&new.label)?;
            note_delivery(Source::Made);
            return Ok(Delivered { label, bytes: new.body, id: None, source: Source::Made, life: 0 });
        }
        let (id, unknown) = identify(cache, known, &request)?;
        let landed = match request.freshness {
            Freshness::Any => cache.get_or_make(&request.tenant, &id, make(pool, &request)).await?,
            Freshness::Anew | Freshness::Unkept => cache.put(&request.tenant, &id, make(pool, &request).await?).await,
        };
        // Most documents are made once; what is found may be asked for again and again.
        if let Some(bytes) = unknown
            && landed.source != Source::Made
        {
            known.insert(bytes, id);
        }
        note_delivery(landed.source);
        deliver(landed.is_kept.then_some(id), &landed.stored, landed.source)
    }

    /// The SHA-256 of a document that was made before, for its tenant.
    pub async fn digest(&self, tenant: &Tenant, id: &Id) -> Option<[u8; 32]> {
        let (stored, _) = self.parts.cache.get(tenant, id).await?;
        read_label(&stored.label).ok().map(|label| label.digest)
    }

    /// A document that was made before, for its tenant.
    pub async fn find(&self, tenant: &Tenant, id: &Id) -> Option<Delivered> {
        let (stored, source) = self.parts.cache.get(tenant, id).await?;
        note_delivery(source);
        deliver(Some(*id), &stored, source).ok()
    }

    /// Makes the mark in a signature field in one of the workers: a PDF of one page.
    ///
    /// # Errors
    /// See [`ProduceError`].
    pub async fn mark(&self, mark: &Mark) -> Result<Bytes, ProduceError> {
        let mark = postcard::to_stdvec(mark).map_err(|_| WorkError::Crashed)?;
        match ask(&self.parts.pool, Task::Mark, &mark, Priority::Interactive).await? {
            (Answer::Marked, file) => Ok(file),
            _ => Err(WorkError::Crashed.into()),
        }
    }

    /// Validates a body in one of the workers.
    ///
    /// # Errors
    /// See [`ProduceError`].
    pub async fn report(&self, kind: Kind, body: &[u8], priority: Priority) -> Result<Report, ProduceError> {
        let work = ask(&self.parts.pool, Task::Report(kind), body, priority);
        match trace::step("check", &[("skoledok.kind", kind.slug())], work).await? {
            (Answer::Reported(report), _) => Ok(report),
            _ => Err(WorkError::Crashed.into()),
        }
    }
}

/// The id of everything that the bytes depend on. The body counts in the canonical form of RFC 8785, so
/// that neither white space nor the order of members matters. Beside it the hash of the very bytes, unless it is known already.
fn identify(
    cache: &Cache<ProduceError>,
    known: &moka::sync::Cache<Id, Id>,
    request: &Request,
) -> Result<(Id, Option<Id>), ProduceError> {
    // What another version has kept is not found when a document is asked for anew.
    let options = (LABEL_VERSION, request.kind, &request.options);
    let options = postcard::to_stdvec(&options).map_err(|_| WorkError::Crashed)?;
    let bytes = cache.id(&request.tenant, &[b"the very bytes", &options, &request.body]);
    if let Some(id) = known.get(&bytes) {
        return Ok((id, None));
    }
    let body = validate::read_json(&request.body)?;
    let mut canonical = Vec::with_capacity(request.body.len());
    canonical::write(&body, &mut canonical).map_err(|_| WorkError::Crashed)?;
    let id = cache.id(&request.tenant, &[render::identity().as_bytes(), &options, &canonical]);
    Ok((id, Some(bytes)))
}

async fn make(pool: &Pool, request: &Request) -> Result<New, ProduceError> {
    let began = Instant::now();
    let work = ask(pool, Task::Produce(request.kind, request.options), &request.body, request.priority);
    match trace::step("render", &[("skoledok.kind", request.kind.slug())], work).await? {
        (Answer::Produced(label), body) => {
            metrics::made(request.kind.slug(), began.elapsed());
            Ok(New { is_text: label.format.is_text(), label: label.write()?, body })
        }
        _ => Err(WorkError::Crashed.into()),
    }
}

async fn ask(pool: &Pool, task: Task, body: &[u8], priority: Priority) -> Result<(Answer, Bytes), ProduceError> {
    read_answer(&pool.run(task.with_body(body), priority).await?)
}

fn read_answer(message: &Bytes) -> Result<(Answer, Bytes), ProduceError> {
    match Answer::read(message) {
        Some((Answer::Failed(error), _)) => Err(error),
        Some(answer) => Ok(answer),
        None => Err(WorkError::Crashed.into()),
    }
}

fn note_delivery(source: Source) {
    metrics::delivered(source.name());
    trace::note("skoledok.source", source.name());
}

fn deliver(id: Option<Id>, stored: &Stored, source: Source) -> Result<Delivered, Arc<ProduceError>> {
    Ok(Delivered { label: read_label(&stored.label)?, bytes: stored.body.clone(), id, source, life: stored.life() })
}

fn read_label(label: &[u8]) -> Result<Label, Arc<ProduceError>> {
    Label::read(label).ok_or_else(|| Arc::new(WorkError::Crashed.into()))
}

/// SHA-256 of the PDF of the sample of each kind, as `sha256sum` writes it. `make golden` writes it anew.
pub const GOLDEN: &str = include_str!("golden.txt");

/// The samples rendered here and now, in the form of [`GOLDEN`]. Another text means that the program was changed, or that this
/// machine computes differently from the one where it was made.
///
/// # Errors
/// The first document that fails.
pub fn golden(engine: &Engine) -> Result<String, ProduceError> {
    Kind::ALL.into_iter().try_fold(String::new(), |lines, kind| {
        let body = validate::read_json(template::sample(kind, Locale::Nb).as_bytes())?;
        let produced = produce(engine, Order { kind, body, options: Options::default() })?;
        Ok(format!("{lines}{}  {}.nb.pdf\n", hex(&produced.digest), kind.slug()))
    })
}

/// Renders a sample of every kind, so that templates, fonts and schemas are warm, and proves that the
/// engine works.
///
/// # Errors
/// The first document that fails.
pub fn self_test(engine: &Engine) -> Result<(), ProduceError> {
    self_test_of(engine, &Kind::ALL)
}

/// As [`self_test`], for some kinds.
///
/// # Errors
/// The first document that fails.
pub fn self_test_of(engine: &Engine, kinds: &[Kind]) -> Result<(), ProduceError> {
    for &kind in kinds {
        let body = validate::read_json(template::sample(kind, Locale::Nb).as_bytes())?;
        produce(engine, Order { kind, body, options: Options::default() })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_of_another_version_is_none() {
        let label = Label {
            format: Format::Pdf,
            pages: Some(2),
            language: Language::Nb,
            file_stem: "brev".to_owned(),
            digest: [7; 32],
            warnings: 3,
            personal: true,
        };
        let written = label.write().expect("a label can be written");
        assert_eq!(Label::read(&written), Some(label));
        // Should this differ, labels have changed: `LABEL_VERSION` goes up with it.
        assert_eq!(hex(&written), format!("01000102000462726576{}0301", "07".repeat(32)));
        let mut other = written.to_vec();
        other[0] += 1;
        assert_eq!(Label::read(&other), None);
        assert_eq!(Label::read(&[]), None);
    }
}
