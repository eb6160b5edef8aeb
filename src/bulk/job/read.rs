//! Gives what a job has made: items, documents, archives, print files and manifests.
//!
//! Long answers are written in a thread of their own into a pipe that holds a few pieces, one chunk after the other, so that they take no more
//! memory for a long list than for a short one.

use std::io::{self, Write};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::stream::{self, BoxStream};
use tokio::runtime::Handle;
use tokio::sync::mpsc::{self, error::TrySendError};
use tokio::time::{Instant, timeout_at};

use super::vault::{Head, Vault};
use super::{JobError, Jobs, MADE, Place, State, state_of};
use crate::bulk::archive::Archive;
use crate::bulk::chunk::{Made, Outcome};
use crate::bulk::layout::Layout;
use crate::bulk::manifest::{Manifest, Printed};
use crate::bulk::print_file::{Front, PrintFile};
use crate::document::{Locale, hex};
use crate::store::{ChunkRecord, JobRecord};
use crate::telemetry::with_causes;
use crate::tenant::Tenant;

/// Bytes of a piece, and pieces that wait to be sent.
const PIECE: usize = 64 * 1024;
const WAITING: usize = 4;
/// Longest that an answer may take.
const LONGEST: Duration = Duration::from_hours(1);

/// A long answer as it comes.
pub type Stream = BoxStream<'static, io::Result<Bytes>>;

/// An item, and whether it has been made or only looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// What became of it.
    pub outcome: Outcome,
    /// Whether a letter of it is there.
    pub is_made: bool,
}

impl Item {
    /// Its status: `made`, or before that `valid`; `no_letter`, `invalid`, `failed`.
    #[must_use]
    pub fn status(&self) -> &'static str {
        match self.outcome.result {
            Made::Letter(_) if !self.is_made => "valid",
            _ => self.outcome.status(),
        }
    }
}

/// Some items of a job, and the language in which to tell what is wrong with them.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// The items.
    pub items: Vec<Item>,
    /// Whether there are more.
    pub is_last: bool,
    /// The language.
    pub locale: Locale,
}

/// In what form a manifest is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// JSON.
    Json,
    /// Separated values.
    Csv,
}

/// How print files are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PrintWish {
    /// Whether each letter begins on a sheet of its own.
    pub two_sided: bool,
    /// Most pages of a file.
    pub pages: usize,
    /// The version of the job that the other files are of, if there are others.
    pub version: Option<i64>,
}

impl PrintWish {
    fn layout(self) -> Layout {
        Layout::new(self.two_sided, self.pages)
    }
}

/// A print file as it comes.
pub struct PrintFileStream {
    /// The file.
    pub stream: Stream,
    /// Whether there is none after it.
    pub is_last: bool,
    /// The version of the job that it is of.
    pub version: i64,
}

/// The name of a print file, by its number from 1.
#[must_use]
pub fn print_name(part: usize) -> String {
    if part == 1 { "merged.pdf".to_owned() } else { format!("merged-{part}.pdf") }
}

/// A pipe that is written to in a thread.
struct Pipe {
    out: mpsc::Sender<io::Result<Bytes>>,
    piece: BytesMut,
    until: Instant,
    runtime: Handle,
}

impl Pipe {
    fn send(&mut self) -> io::Result<()> {
        if Instant::now() > self.until {
            return Err(io::ErrorKind::TimedOut.into());
        }
        // Mostly there is room.
        match self.out.try_send(Ok(self.piece.split().freeze())) {
            Ok(()) => Ok(()),
            Err(TrySendError::Closed(_)) => Err(io::ErrorKind::BrokenPipe.into()),
            Err(TrySendError::Full(piece)) => {
                // The time runs out for who does not read at all, too.
                let sent = self.runtime.block_on(async { timeout_at(self.until, self.out.send(piece)).await });
                sent.map_err(|_| io::ErrorKind::TimedOut)?.map_err(|_| io::ErrorKind::BrokenPipe.into())
            }
        }
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.piece.extend_from_slice(bytes);
        if self.piece.len() >= PIECE {
            self.send()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Outcomes of a chunk, and its documents.
type Letters = (Vec<Outcome>, Vec<u8>);

/// The chunks of a job, read in a thread.
struct Source {
    jobs: Jobs,
    _place: Place,
    record: JobRecord,
    vault: Vault,
    head: Head,
    chunks: Vec<ChunkRecord>,
    runtime: Handle,
}

impl Source {
    fn outcomes(&self, chunk: &ChunkRecord) -> Result<Vec<Outcome>, JobError> {
        let sealed = self.runtime.block_on(self.jobs.store().outcomes(&self.record.id, chunk.number))?;
        // The job may be erased while it is read.
        self.vault.outcomes(chunk.number, sealed.ok_or(JobError::Unknown)?)
    }

    fn documents(&self, chunk: &ChunkRecord) -> Result<Vec<u8>, JobError> {
        let sealed = self.runtime.block_on(self.jobs.store().documents(&self.record.id, chunk.number))?;
        self.vault.documents(chunk.number, sealed.ok_or(JobError::Unknown)?)
    }

    fn each(&self, mut with: impl FnMut(&Outcome) -> io::Result<()>) -> io::Result<()> {
        for chunk in &self.chunks {
            for outcome in self.outcomes(chunk).map_err(io::Error::other)? {
                with(&outcome)?;
            }
        }
        Ok(())
    }

    /// Gives those outcomes that have a letter, with its bytes. A second thread is a chunk ahead, so that one is read and opened
    /// while the one before is looked at and sent.
    fn each_letter(
        &self,
        mut wanted: impl FnMut(&Outcome) -> bool + Send,
        mut with: impl FnMut(&Outcome, &[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        let (ahead, chunks) = std::sync::mpsc::sync_channel(1);
        std::thread::scope(|scope| {
            scope.spawn(move || {
                for chunk in &self.chunks {
                    let letters = self.letters(chunk, &mut wanted).transpose();
                    // Who does not take any more has told why.
                    if letters.is_some_and(|letters| ahead.send(letters).is_err()) {
                        return;
                    }
                }
            });
            for chunk in chunks {
                let (outcomes, documents) = chunk.map_err(io::Error::other)?;
                for outcome in &outcomes {
                    let letter = outcome.letter().and_then(|letter| letter.within(&documents));
                    with(outcome, letter.ok_or(io::ErrorKind::InvalidData)?)?;
                }
            }
            Ok(())
        })
    }

    /// Those outcomes of a chunk that are wanted and have a letter, with the documents of the chunk; nothing when there are none.
    fn letters(
        &self,
        chunk: &ChunkRecord,
        wanted: &mut impl FnMut(&Outcome) -> bool,
    ) -> Result<Option<Letters>, JobError> {
        let mut outcomes = self.outcomes(chunk)?;
        outcomes.retain(|outcome| outcome.letter().is_some() && wanted(outcome));
        if outcomes.is_empty() { Ok(None) } else { self.documents(chunk).map(|documents| Some((outcomes, documents))) }
    }

    /// Whether the job is as it was when this began: else what was read of it may not go together.
    fn is_unchanged(&self) -> io::Result<()> {
        let version = self.runtime.block_on(self.jobs.store().version(&self.record.id)).map_err(io::Error::other)?;
        if version == Some(self.record.version) {
            Ok(())
        } else {
            Err(io::Error::other("the job was gone on with meanwhile"))
        }
    }

    fn write_archive(&self, out: Pipe) -> io::Result<Pipe> {
        let mut archive = Archive::stream(out);
        self.each_letter(|_| true, |outcome, bytes| archive.add(&outcome.file_name(), bytes))?;
        for (name, form) in [("manifest.json", Form::Json), ("manifest.csv", Form::Csv)] {
            self.write_manifest(archive.entry(name)?, form, None)?;
        }
        archive.finish().map(zip::write::StreamWriter::into_inner)
    }

    fn write_manifest(&self, out: impl Write, form: Form, wish: Option<PrintWish>) -> io::Result<()> {
        let (json, csv): (Box<dyn Write>, Box<dyn Write>) = match form {
            Form::Json => (Box::new(out), Box::new(io::sink())),
            Form::Csv => (Box::new(io::sink()), Box::new(out)),
        };
        let mut manifest = Manifest::begin(json, csv, self.head.locale())?;
        let mut layout = wish.map(PrintWish::layout);
        self.each(|outcome| {
            let name = outcome.letter().map(|_| outcome.file_name());
            let place = layout.as_mut().and_then(|layout| layout.place(outcome));
            let printed = place.map(|(part, first_page)| Printed { file: print_name(part), first_page });
            manifest.add(outcome, name.as_deref(), printed.as_ref())
        })?;
        self.is_unchanged()?;
        manifest.finish().map(drop)
    }

    fn write_print_file(&self, out: Pipe, wish: PrintWish, part: usize) -> io::Result<Pipe> {
        let contents = self.record.contents.as_deref().unwrap_or_default();
        let mut identity = blake3::Hasher::new();
        identity.update(contents);
        identity.update(format!("{} {} {part}", wish.two_sided, wish.pages).as_bytes());
        let date = self.head.date().civil();
        let locale = self.head.locale();
        let front = Front {
            title: self.head.title(),
            language: locale.tag(),
            identifier: &hex(&identity.finalize().as_bytes()[..16]),
            created: (i32::from(date.year()), date.month().unsigned_abs(), date.day().unsigned_abs()),
            two_sided: wish.two_sided,
        };
        let mut file = PrintFile::begin(out, &front).map_err(io::Error::other)?;
        let (mut layout, mut expected) = (wish.layout(), Vec::new());
        let mut first_pages = Vec::new();
        self.each_letter(
            |outcome| match layout.place(outcome) {
                Some((of, first)) if of == part => {
                    expected.push(first);
                    true
                }
                _ => false,
            },
            |outcome, bytes| {
                let bookmark = format!("{} · {}", outcome.number, outcome.key);
                let placed = file.add(bytes, &bookmark).map_err(io::Error::other)?;
                first_pages.push(placed.first_page);
                Ok(())
            },
        )?;
        if first_pages != expected {
            // The map of pages would send somebody's letter to somebody else.
            return Err(io::Error::other("a letter does not stand where the manifest has it"));
        }
        self.is_unchanged()?;
        file.finish().map_err(io::Error::other)
    }
}

impl Jobs {
    /// Items of a job behind one of them, of one status or all.
    ///
    /// # Errors
    /// [`JobError::Unknown`] if there is no such job.
    pub async fn items(
        &self,
        tenant: &Tenant,
        id: &str,
        status: Option<&str>,
        after: u64,
        limit: usize,
    ) -> Result<Page, JobError> {
        let record = self.record(tenant, id).await?;
        let vault = self.vault(&record)?;
        let locale = self.head(id, &vault).await?.locale();
        let mut items = Vec::new();
        for chunk in self.store().chunks(id).await? {
            let last = chunk.first_item + chunk.items - 1;
            if u64::try_from(last).is_ok_and(|last| last <= after) || !may_have(&chunk, status) {
                continue;
            }
            let Some(sealed) = self.store().outcomes(id, chunk.number).await? else { continue };
            for outcome in vault.outcomes(chunk.number, sealed)? {
                let item = Item { outcome, is_made: chunk.stage >= MADE };
                if item.outcome.number <= after || status.is_some_and(|status| status != item.status()) {
                    continue;
                }
                if items.len() == limit {
                    return Ok(Page { items, is_last: false, locale });
                }
                items.push(item);
            }
        }
        Ok(Page { items, is_last: true, locale })
    }

    /// The letter of an item.
    ///
    /// # Errors
    /// [`JobError::Nothing`] if there is none.
    pub async fn document(&self, tenant: &Tenant, id: &str, number: u64) -> Result<(Outcome, Bytes), JobError> {
        let nothing = || JobError::Nothing("the item has no letter, or not yet");
        let record = self.record(tenant, id).await?;
        let item = i64::try_from(number).map_err(|_| nothing())?;
        let chunk = self.store().chunk_of(id, item).await?.ok_or_else(nothing)?;
        let sealed = self.store().outcomes(id, chunk.number).await?.ok_or_else(nothing)?;
        let sealed_documents = self.store().documents(id, chunk.number).await?.ok_or_else(nothing)?;
        let vault = self.vault(&record)?;
        let number_of_chunk = chunk.number;
        let found = tokio::task::spawn_blocking(move || {
            let outcomes = vault.outcomes(number_of_chunk, sealed)?;
            let outcome = outcomes.into_iter().find(|outcome| outcome.number == number).ok_or_else(nothing)?;
            let documents = vault.documents(number_of_chunk, sealed_documents)?;
            let letter = outcome.letter().ok_or_else(nothing)?;
            // Not what was made, where it is being made again.
            let bytes = letter.within(&documents).map(Bytes::copy_from_slice).ok_or_else(nothing)?;
            Ok((outcome, bytes))
        });
        found.await.map_err(|_| JobError::Sealed)?
    }

    /// All letters of a job with the manifest, as a ZIP archive.
    ///
    /// # Errors
    /// [`JobError::NotNow`] before all letters are made.
    pub async fn archive(&self, tenant: &Tenant, id: &str) -> Result<Stream, JobError> {
        let source = self.source(tenant, id, None).await?;
        Ok(stream_of(Instant::now() + LONGEST, move |pipe| source.write_archive(pipe)))
    }

    /// What was decided and made for each recipient of a job, and where in which print file a letter stands.
    ///
    /// # Errors
    /// [`JobError::NotNow`] before all letters are made.
    pub async fn manifest(&self, tenant: &Tenant, id: &str, form: Form, wish: PrintWish) -> Result<Stream, JobError> {
        let source = self.source(tenant, id, wish.version).await?;
        let write = move |mut pipe: Pipe| source.write_manifest(&mut pipe, form, Some(wish)).map(|()| pipe);
        Ok(stream_of(Instant::now() + LONGEST, write))
    }

    /// A print file of a job.
    ///
    /// # Errors
    /// [`JobError::NotNow`] before all letters are made, [`JobError::Nothing`] if there are fewer files.
    pub async fn print_file(
        &self,
        tenant: &Tenant,
        id: &str,
        wish: PrintWish,
        part: usize,
    ) -> Result<PrintFileStream, JobError> {
        let source = self.source(tenant, id, wish.version).await?;
        let version = source.record.version;
        let counted = tokio::task::spawn_blocking(move || {
            let (mut layout, mut last) = (wish.layout(), 0);
            let counted = source.each(|outcome| {
                last = layout.place(outcome).map_or(last, |(part, _)| part);
                Ok(())
            });
            counted.map(|()| (source, last))
        });
        let counted = counted.await.map_err(|_| JobError::Form("the pages can not be counted"))?;
        let (source, last) = counted.map_err(|error| error.downcast().unwrap_or(JobError::Sealed))?;
        if !(1..=last).contains(&part) {
            return Err(JobError::Nothing("the job has fewer print files"));
        }
        let stream = stream_of(Instant::now() + LONGEST, move |pipe| source.write_print_file(pipe, wish, part));
        Ok(PrintFileStream { stream, is_last: part == last, version })
    }

    /// What a job has made. `version` is the one that the caller has seen, if any.
    async fn source(&self, tenant: &Tenant, id: &str, version: Option<i64>) -> Result<Source, JobError> {
        let place = self.place(tenant).await?;
        let record = self.record(tenant, id).await?;
        if state_of(&record)? != State::Done || record.dry_run != 0 {
            return Err(JobError::NotNow("the letters of the job are not made"));
        }
        if version.is_some_and(|version| version != record.version) {
            return Err(JobError::NotNow("letters were made again since; begin with the first file again"));
        }
        let vault = self.vault(&record)?;
        let head = self.head(id, &vault).await?;
        let chunks = self.store().chunks(id).await?;
        Ok(Source { jobs: self.clone(), _place: place, record, vault, head, chunks, runtime: Handle::current() })
    }
}

/// An answer that is written in a thread while it is sent. When it breaks off, so does what is sent, at the latest at a moment.
fn stream_of(until: Instant, write: impl FnOnce(Pipe) -> io::Result<Pipe> + Send + 'static) -> Stream {
    let (out, pieces) = mpsc::channel(WAITING + 1);
    // A place for the error, which has to come also where nobody reads: without it a part would pass for the whole.
    let last = out.clone().try_reserve_owned().ok();
    let pipe = Pipe { out, piece: BytesMut::new(), until, runtime: Handle::current() };
    tokio::task::spawn_blocking(move || {
        if let Err(error) = write(pipe).and_then(|mut pipe| pipe.send()) {
            if error.kind() != io::ErrorKind::BrokenPipe {
                tracing::error!(error = with_causes(&error), "an answer of a job breaks off");
            }
            if let Some(place) = last {
                drop(place.send(Err(error)));
            }
        }
    });
    let pieces = stream::unfold(pieces, async |mut pieces| pieces.recv().await.map(|piece| (piece, pieces)));
    Box::pin(pieces)
}

/// Whether a chunk may have items of a status, by its counts.
fn may_have(chunk: &ChunkRecord, status: Option<&str>) -> bool {
    let counts = chunk.counts;
    match status {
        Some("made") => chunk.stage >= MADE && counts.letters > 0,
        Some("valid") => chunk.stage < MADE && counts.letters > 0,
        Some("no_letter") => counts.no_letter > 0,
        Some("invalid") => counts.invalid > 0,
        Some("failed") => counts.failed > 0,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;

    use super::*;

    #[tokio::test]
    async fn an_answer_that_nobody_reads_ends_and_does_not_pass_for_a_whole_one() {
        let (ended, end) = tokio::sync::oneshot::channel();
        let write = move |mut pipe: Pipe| {
            let error = loop {
                if let Err(error) = pipe.write_all(&vec![7; PIECE]) {
                    break error;
                }
            };
            ended.send(error.kind()).expect("somebody waits");
            Err(error)
        };
        let stream = stream_of(Instant::now() + Duration::from_millis(50), write);
        assert_eq!(end.await, Ok(io::ErrorKind::TimedOut));
        let pieces: Vec<_> = stream.collect().await;
        assert_eq!(pieces.len(), WAITING + 1);
        let (last, before) = pieces.split_last().expect("there are pieces");
        assert!(before.iter().all(|piece| piece.as_ref().is_ok_and(|piece| piece.len() == PIECE)));
        assert!(last.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::TimedOut));
    }

    #[tokio::test]
    async fn an_answer_that_is_read_comes_as_it_was_written() {
        let bytes: Vec<u8> = (0..20 * PIECE + 3).map(|at| at.to_le_bytes()[1]).collect();
        let written = bytes.clone();
        let write = move |mut pipe: Pipe| written.chunks(1000).try_for_each(|part| pipe.write_all(part)).map(|()| pipe);
        let pieces: Vec<_> = stream_of(Instant::now() + LONGEST, write).collect().await;
        let read: Vec<u8> = pieces.into_iter().flat_map(|piece| piece.expect("it does not break off")).collect();
        assert_eq!(read, bytes);
    }
}
