//! Takes a mailing in: its list goes to the store as it comes, so that one of any length takes no more memory than a short one.

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use tokio::sync::SemaphorePermit;

use super::vault::{About, Form, Head, Hook, Vault};
use super::{Job, JobError, Jobs, State};
use crate::access::now;
use crate::bulk::entry::{List, ListError};
use crate::document::{Kind, OnInvalid};
use crate::pipeline::{MailingBytes, examine_mailing};
use crate::seal;
use crate::store::{JobRecord, Tally, Task};
use crate::telemetry::with_causes;
use crate::tenant::Tenant;
use crate::validate::{self, MAX_BODY, read_json};
use crate::webhook::Secret;

/// Bytes of a part of a list in the store.
const PART: usize = 1 << 20;
/// Most lines of a list. A line of nothing but a fault takes more room than it has.
const LINES: usize = 1_000_000;

/// A job that was taken in.
#[derive(Debug, Clone, PartialEq)]
pub struct NewJob {
    /// The job.
    pub job: Job,
    /// Whether it was there before, under the same idempotency key.
    pub was_there: bool,
}

/// What is asked for beside letter and list.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    /// Whether no letter is to be made.
    pub dry_run: bool,
    /// What is done when some recipients have faults, if not what the mailing says.
    pub on_invalid: Option<OnInvalid>,
    /// Under the same key the same job is made once.
    pub idempotency_key: Option<String>,
}

/// A mailing on its way in. What there is of it is removed when it is dropped before its end.
pub struct Receiving {
    jobs: Jobs,
    record: JobRecord,
    vault: Vault,
    wish: Wish,
    hash: Sha256,
    buffer: Vec<u8>,
    parts: i64,
    received: usize,
    lines: usize,
    /// Bytes of the line that is being received.
    line: usize,
    is_whole: bool,
}

/// Most bytes of a JSON document with a list, which is taken apart in memory; a longer list comes in lines.
pub const MAX_JSON: usize = 4 << 20;

/// What a list begins with, behind a mark and blanks.
#[must_use]
pub fn first_byte(bytes: &[u8]) -> Option<u8> {
    bytes.iter().copied().find(|byte| !byte.is_ascii_whitespace() && !b"\xEF\xBB\xBF".contains(byte))
}

/// How the list of a mailing came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Came {
    /// As a table, written with [`Receiving::whole`].
    Table,
    /// As lines, the first of which has this number.
    Lines(usize),
}

impl Jobs {
    /// A place among those who take documents apart in memory.
    ///
    /// # Errors
    /// Never: the places are not closed.
    pub async fn parser(&self) -> Result<SemaphorePermit<'_>, JobError> {
        self.0.parsers.acquire().await.map_err(|_| JobError::Busy)
    }

    /// A key for hashes that can not be searched for.
    fn derived(&self, purpose: &str) -> Result<[u8; 32], JobError> {
        Ok(blake3::derive_key(&format!("skoledok 2026-11 jobs: {purpose}"), &self.key()?[..]))
    }

    /// Begins to take a mailing in.
    ///
    /// # Errors
    /// When there is no key to seal it with, or the store does not answer.
    pub async fn receive(&self, tenant: &Tenant, wish: Wish) -> Result<Receiving, JobError> {
        self.queue()?;
        if self.store().open_jobs(tenant.name()).await? >= self.0.settings.open_jobs.into() {
            return Err(JobError::TooMany);
        }
        let id = seal::new_name().ok_or(JobError::Sealed)?;
        let (vault, key) = Vault::new(self.key()?, &id, tenant.name()).ok_or(JobError::Sealed)?;
        let created_at = now();
        let keep = i64::try_from(self.0.settings.keep.as_millis()).unwrap_or(i64::MAX);
        let record = JobRecord {
            id,
            tenant: tenant.name().to_owned(),
            state: State::Receiving.name().to_owned(),
            stage: 0,
            round: 0,
            version: 0,
            dry_run: i64::from(wish.dry_run),
            notify: 0,
            created_at,
            stage_at: None,
            finished_at: None,
            expires_at: created_at.saturating_add(keep),
            problem: None,
            contents: None,
            key,
            stage_done: 0,
            moved_at: created_at,
            items: None,
        };
        self.store().add_job(&record).await?;
        Ok(Receiving {
            jobs: self.clone(),
            record,
            vault,
            wish,
            hash: Sha256::new(),
            buffer: Vec::new(),
            parts: 0,
            received: 0,
            lines: 0,
            line: 0,
            is_whole: false,
        })
    }
}

impl Receiving {
    /// Takes some bytes of a list of lines.
    ///
    /// # Errors
    /// When the list or a line is too long, or the store does not answer.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), JobError> {
        for (index, piece) in bytes.split(|&byte| byte == b'\n').enumerate() {
            if index > 0 {
                self.lines += 1;
                self.line = 0;
            }
            self.line += piece.len();
            if self.line > MAX_BODY {
                return Err(JobError::Form("a line of the list has more than 262144 bytes"));
            }
        }
        if self.lines > LINES {
            return Err(JobError::Form("the list has more than a million lines; send it in several jobs"));
        }
        self.take(bytes).await
    }

    async fn take(&mut self, bytes: &[u8]) -> Result<(), JobError> {
        self.received = self.received.saturating_add(bytes.len());
        if self.received > self.jobs.largest() {
            return Err(JobError::TooLarge(self.jobs.largest()));
        }
        self.hash.update(bytes);
        self.buffer.extend_from_slice(bytes);
        while self.buffer.len() >= PART {
            let rest = self.buffer.split_off(PART);
            self.keep().await?;
            self.buffer = rest;
        }
        Ok(())
    }

    async fn keep(&mut self) -> Result<(), JobError> {
        self.parts += 1;
        let part = self.vault.seal("part", self.parts, &self.buffer)?;
        self.jobs.store().add_part(&self.record.id, self.parts, part).await?;
        self.buffer.clear();
        Ok(())
    }

    /// Takes a list that has to be read as a whole: a table, or a JSON array, whose entries become lines.
    ///
    /// # Errors
    /// What is wrong with its columns; else as [`Self::write`].
    pub async fn whole(&mut self, bytes: Vec<u8>) -> Result<Came, JobError> {
        let jobs = self.jobs.clone();
        let _place = jobs.parser().await?;
        if first_byte(&bytes) == Some(b'[') {
            if bytes.len() > MAX_JSON {
                return Err(JobError::TooLarge(MAX_JSON));
            }
            return match read_json(&bytes).map_err(|error| JobError::Unreadable { part: "list", error })? {
                Value::Array(values) if !values.is_empty() => self.values(values).await,
                _ => Err(JobError::Form("the list is empty")),
            };
        }
        self.take(&bytes).await?;
        // Reading takes long, and strange bytes should end nothing but this.
        let read = tokio::task::spawn_blocking(move || List::read(bytes).map(drop)).await;
        let read = read.map_err(|_| JobError::Form("the list can not be read"))?;
        read.map_err(|error| match error {
            ListError::Table(faults) => JobError::List(faults),
            ListError::Json(error) => JobError::Unreadable { part: "list", error },
            ListError::Empty => JobError::Form("the list is empty"),
        })?;
        Ok(Came::Table)
    }

    /// Takes the entries of a JSON array.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub async fn values(&mut self, values: Vec<Value>) -> Result<Came, JobError> {
        for value in values {
            let mut line = value.to_string();
            line.push('\n');
            self.write(line.as_bytes()).await?;
        }
        Ok(Came::Lines(1))
    }

    /// Ends the list, has the letter examined, and admits the job.
    ///
    /// # Errors
    /// All that is wrong with the mailing; [`JobError::OtherContents`] if the idempotency key was used for another one.
    pub async fn finish(mut self, envelope: Envelope, came: Came) -> Result<NewJob, JobError> {
        if self.received == 0 {
            return Err(JobError::Form("the list is empty"));
        }
        if !self.buffer.is_empty() {
            self.keep().await?;
        }
        let about = self.about(envelope.about).await?;
        if came == Came::Table && matches!(about, About::Documents { .. }) {
            return Err(JobError::Form("documents come as lines of JSON or as a JSON array, not in a table"));
        }
        let (form, line) = match came {
            Came::Table => (Form::Table, 0),
            Came::Lines(first) => (Form::Lines, first - 1),
        };
        let hook = envelope.webhook.map(|webhook| self.hook(webhook)).transpose()?;
        let contents = self.contents(&about, form, hook.as_ref())?;
        let notify = hook.is_some();
        let head = self.vault.seal_head(&Head { about, form, line, parts: self.parts, hook })?;
        let idempotency = self.idempotency()?;
        let states = (State::Receiving.name(), State::Planning.name());
        let admitted =
            self.jobs.store().admit_job(&self.record.id, states, head, notify, idempotency, contents.clone(), now());
        let other = admitted.await?;
        self.is_whole = true;
        if let Some(record) = other {
            if record.contents.as_ref() != Some(&contents) {
                return Err(JobError::OtherContents);
            }
            return Ok(NewJob { job: self.jobs.view(record).await?, was_there: true });
        }
        // Should this fail, the next look at the jobs does it; the job is there.
        if let Err(error) = self.jobs.queue()?.push(Task::Plan { job: self.record.id.clone(), round: 0 }).await {
            tracing::warn!(error = with_causes(&error), "a job waits to be looked at");
        }
        let mut record = self.record.clone();
        (record.state, record.version) = (State::Planning.name().to_owned(), 1);
        Ok(NewJob { job: Job::of(record, State::Planning, Tally::default()), was_there: false })
    }

    /// What stands for the idempotency key of this tenant.
    fn idempotency(&self) -> Result<Option<Vec<u8>>, JobError> {
        let Some(key) = &self.wish.idempotency_key else { return Ok(None) };
        let mut hash = blake3::Hasher::new_keyed(&self.jobs.derived("idempotency key")?);
        hash.update(&(self.record.tenant.len() as u64).to_le_bytes());
        hash.update(self.record.tenant.as_bytes());
        hash.update(key.as_bytes());
        Ok(Some(hash.finalize().as_bytes().to_vec()))
    }

    /// What is made of the entries; a letter is examined.
    async fn about(&self, given: Given) -> Result<About, JobError> {
        let (kind, on_invalid) = match given {
            Given::Mailing(mailing) => {
                let mut mailing = validate::read_mailing(mailing).map_err(JobError::Mailing)?;
                mailing.on_invalid = self.wish.on_invalid.unwrap_or(mailing.on_invalid);
                let bytes = MailingBytes::new(&mailing).map_err(|_| JobError::Sealed)?;
                let facts = examine_mailing(self.jobs.0.pipeline.pool(), &bytes).await?;
                return Ok(About::Letter { mailing: mailing.into(), facts });
            }
            Given::Documents { kind, on_invalid } => (kind, on_invalid),
        };
        Ok(About::Documents { kind, on_invalid: self.wish.on_invalid.unwrap_or(on_invalid) })
    }

    /// Whom to tell of the end.
    fn hook(&self, webhook: Value) -> Result<Hook, JobError> {
        let fault = |member, reason: String| JobError::Webhook { member, reason };
        let Value::Object(mut members) = webhook else {
            return Err(JobError::Form("`webhook` is an object with `url` and `secret`"));
        };
        let mut take = |member| match members.shift_remove(member) {
            Some(Value::String(text)) => Ok(text),
            _ => Err(fault(member, "a text is asked for".to_owned())),
        };
        let (url, secret) = (take("url")?, take("secret")?);
        if !members.is_empty() {
            return Err(JobError::Form("`webhook` has `url` and `secret` and nothing more"));
        }
        let sender = self.jobs.0.sender.as_ref().ok_or(JobError::NoKey)?;
        sender.target(&url).map_err(|error| fault("url", error.to_string()))?;
        Secret::parse(&secret).map_err(|error| fault("secret", error.to_string()))?;
        Ok(Hook { url, secret })
    }

    /// A hash of all that was asked for, under the key of the store, since of a short list it could be guessed.
    fn contents(&self, about: &About, form: Form, hook: Option<&Hook>) -> Result<Vec<u8>, JobError> {
        let about = serde_json::to_vec(about).map_err(|_| JobError::Sealed)?;
        let mut hash = blake3::Hasher::new_keyed(&self.jobs.derived("contents")?);
        hash.update(&(about.len() as u64).to_le_bytes());
        hash.update(&about);
        hash.update(&[u8::from(self.wish.dry_run), u8::from(form == Form::Table)]);
        hash.update(&self.hash.clone().finalize());
        for part in hook.into_iter().flat_map(|hook| [&hook.url, &hook.secret]) {
            hash.update(&(part.len() as u64).to_le_bytes());
            hash.update(part.as_bytes());
        }
        Ok(hash.finalize().as_bytes().to_vec())
    }
}

impl Drop for Receiving {
    fn drop(&mut self) {
        if self.is_whole {
            return;
        }
        let (store, id) = (self.jobs.store().clone(), std::mem::take(&mut self.record.id));
        tokio::spawn(async move {
            // Only what was not admitted: that may have been said to somebody else already.
            if let Err(error) = store.drop_job(&id, State::Receiving.name()).await {
                // It is erased an hour from now.
                tracing::warn!(error = with_causes(&error), "what came of a job can not be removed now");
            }
        });
    }
}

/// What is asked for, with what is sent beside it.
#[derive(Debug, Clone, PartialEq)]
pub struct Envelope {
    about: Given,
    list: Option<Vec<Value>>,
    webhook: Option<Value>,
}

#[derive(Debug, Clone, PartialEq)]
enum Given {
    Mailing(Value),
    Documents { kind: Kind, on_invalid: OnInvalid },
}

impl Envelope {
    /// Reads an envelope: a mailing with `list` and `webhook`, only the letter of one, or the kind of documents.
    ///
    /// # Errors
    /// When it is none of these.
    pub fn read(bytes: &[u8]) -> Result<Self, JobError> {
        let value = read_json(bytes).map_err(|error| JobError::Unreadable { part: "mailing", error })?;
        let Value::Object(mut members) = value else { return Err(JobError::Form("the mailing is no JSON object")) };
        let list = match members.shift_remove("list") {
            None => None,
            Some(Value::Array(values)) => Some(values),
            Some(_) => return Err(JobError::Form("`list` is no array")),
        };
        let webhook = members.shift_remove("webhook");
        let about = if members.contains_key("letter") {
            Given::Mailing(members.into())
        } else if members.contains_key("kind") {
            of_documents(members)?
        } else {
            // Only the letter of a mailing.
            Given::Mailing(Value::Object(Map::from_iter([("letter".to_owned(), members.into())])))
        };
        Ok(Self { about, list, webhook })
    }

    /// The list, if it is in the envelope.
    pub fn take_list(&mut self) -> Option<Vec<Value>> {
        self.list.take()
    }
}

fn of_documents(mut members: Map<String, Value>) -> Result<Given, JobError> {
    let kind = members.shift_remove("kind");
    let kind = kind.as_ref().and_then(Value::as_str).and_then(Kind::from_slug);
    let kind = kind.ok_or(JobError::Form("`kind` is none that `/v1/kinds` lists"))?;
    let on_invalid = match members.shift_remove("on_invalid") {
        None => OnInvalid::default(),
        Some(value) => {
            serde_json::from_value(value).map_err(|_| JobError::Form("`on_invalid` is `reject` or `skip`"))?
        }
    };
    match members.keys().next() {
        None => Ok(Given::Documents { kind, on_invalid }),
        Some(_) => Err(JobError::Form("beside `kind` stand `on_invalid`, `webhook` and `list`, and nothing more")),
    }
}
