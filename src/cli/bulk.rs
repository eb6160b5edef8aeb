//! `skoledok bulk`: a letter to every home, without a service.
//!
//! The letters are made in render processes, as the service does, and kept in a folder beside the output until all are there; a run
//! that was interrupted goes on where it stopped. The output is written beside its place as letters come, and is there whole or not at
//! all.

use std::fs;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Sender};

use clap::{Args, ValueEnum};
use futures_util::{StreamExt, stream};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use tokio::runtime::Runtime;

use super::{Failure, print_text, settings, with_causes};
use crate::app;
use crate::bulk::chunk::{self, Chunk, Followers, ITEMS, Made, Outcome, Wanted};
use crate::bulk::entry::{List, ListError, Places};
use crate::bulk::home::Survey;
use crate::bulk::manifest::Counts;
use crate::bulk::output::{Finished, Output, beside};
use crate::bulk::plan::{Item, Planner};
use crate::bulk::spool::Spool;
use crate::document::{Kind, Locale, Mailing, OnInvalid};
use crate::merge::letter::LetterFacts;
use crate::pipeline::{MailingBytes, ProduceError, examine_mailing};
use crate::validate::{self, Finding, MAX_BODY};
use crate::worker::{self, Pool};
use crate::{render, template};

#[derive(Args)]
pub(super) struct Bulk {
    /// The letter: a JSON file with a parent letter, or with a mailing (`letter`, `translations`, `rules`).
    letter: PathBuf,
    /// The recipients: CSV, XLSX, a JSON array, or a line of JSON for each; see docs/lists.md.
    list: PathBuf,
    /// Folder, `.zip`, or `.pdf` to print; see docs/mailings.md.
    #[arg(short, long, required_unless_present = "dry_run")]
    output: Option<PathBuf>,
    /// Only check everything, and tell how many letters and pages there would be.
    #[arg(long)]
    dry_run: bool,
    /// Whether the others get their letter when some recipients have faults [default: as in the mailing, else reject].
    #[arg(long)]
    on_invalid: Option<OnInvalidName>,
    /// Begin each letter of a `.pdf` on a new sheet.
    #[arg(long)]
    two_sided: bool,
    /// Most pages of a `.pdf`; more go into further files.
    #[arg(long, default_value_t = 5000, value_parser = clap::value_parser!(u32).range(1..))]
    pages_per_file: u32,
    /// Settings (TOML), as for `serve`.
    #[arg(long)]
    config: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum OnInvalidName {
    Reject,
    Skip,
}

/// Most bytes of a letter with its translations, and of a list.
const MAX_LIST: u64 = 1 << 30;

/// What a run works with.
struct Run<'a> {
    bulk: &'a Bulk,
    runtime: &'a Runtime,
    pool: Pool,
    mailing: Mailing,
    bytes: MailingBytes,
    facts: LetterFacts,
    list: List,
    /// Letters of a chunk that are in the queue at once.
    ahead: usize,
}

pub(super) fn run(bulk: &Bulk) -> Result<(), Failure> {
    let config = settings(bulk.config.as_deref(), None)?;
    worker::hide_memory().map_err(Failure::told)?;
    // Two chunks are made at a time. With all letters of the first before those of the second in the queue, there is always one to be
    // made while the other is kept.
    let ahead = (config.render.queue / 2).clamp(1, ITEMS);
    let pool = Pool::new(config.render);
    let workers = pool.clone();
    let runtime = pool.runtime(1).map_err(Failure::told)?;
    // They warm themselves while letter and list are read.
    let started =
        runtime.spawn(async move { workers.start_without_spare(app::letter_worker(config.render_memory)).await });
    let mailing = read_mailing(bulk)?;
    let list = read_list(&bulk.list)?;
    let bytes = MailingBytes::new(&mailing).map_err(Failure::told)?;
    runtime.block_on(started).map_err(Failure::told)?.map_err(Failure::caused)?;
    let facts = match runtime.block_on(examine_mailing(&pool, &bytes)) {
        Ok(facts) => facts,
        Err(ProduceError::Invalid { violations, locale }) => {
            return Err(tell_faults(&bulk.letter, &violations, locale));
        }
        Err(error) => return Err(Failure::Told(with_causes(&error))),
    };
    Run { bulk, runtime: &runtime, pool, mailing, bytes, facts, list, ahead }.run()
}

fn tell_faults(file: &Path, violations: &[Finding], locale: Locale) -> Failure {
    for line in super::document::told(violations, locale, "") {
        eprintln!("{}: {line}", file.display());
    }
    Failure::Faults
}

fn read_mailing(bulk: &Bulk) -> Result<Mailing, Failure> {
    let bytes = read_file(&bulk.letter, MAX_BODY as u64)?;
    let read = validate::read_json(&bytes);
    let value = read.map_err(|error| Failure::Told(format!("`{}` is not JSON: {error}", bulk.letter.display())))?;
    let is_bare = value.get("letter").is_none();
    let value = if is_bare { json!({ "letter": value }) } else { value };
    let mut mailing =
        validate::read_mailing(value).map_err(|faults| tell_faults(&bulk.letter, &faults, Locale::default()))?;
    match bulk.on_invalid {
        Some(OnInvalidName::Reject) => mailing.on_invalid = OnInvalid::Reject,
        Some(OnInvalidName::Skip) => mailing.on_invalid = OnInvalid::Skip,
        None => {}
    }
    Ok(mailing)
}

fn read_list(path: &Path) -> Result<List, Failure> {
    List::read(read_file(path, MAX_LIST)?).map_err(|error| match error {
        ListError::Table(faults) => {
            for fault in &faults {
                eprintln!("{}: {fault} ({})", path.display(), fault.hint());
            }
            Failure::Faults
        }
        error => Failure::Told(format!("`{}`: {error}", path.display())),
    })
}

fn read_file(path: &Path, most: u64) -> Result<Vec<u8>, Failure> {
    let told = |error: std::io::Error| Failure::Told(format!("can not read `{}`: {error}", path.display()));
    if fs::metadata(path).map_err(told)?.len() > most {
        return Err(Failure::Told(format!("`{}` has more than {most} bytes", path.display())));
    }
    fs::read(path).map_err(told)
}

impl Run<'_> {
    fn run(&self) -> Result<(), Failure> {
        if self.bulk.dry_run {
            let counts = self.runtime.block_on(self.look(Wanted::Pages, "counting"));
            Self::sum_up(counts, "would be")?;
            return if counts.invalid + counts.failed == 0 { Ok(()) } else { Err(Failure::Faults) };
        }
        let (output, identity) = (self.output(), self.identity());
        let counts = match output.resume(&identity).map_err(Failure::caused)? {
            Some(counts) => counts,
            None => self.write(&output, &identity)?,
        };
        // What is left of the letters, if a run was interrupted when it removed them.
        self.spool(&identity)?.remove().map_err(Failure::caused)?;
        output.end().map_err(Failure::caused)?;
        if let Some(apart) = output.apart().filter(|_| counts.protected > 0) {
            eprintln!("skoledok: {} letters with a protected address are in `{}`", counts.protected, apart.display());
        }
        Self::sum_up(counts, "were made")?;
        if counts.invalid + counts.failed == 0 { Ok(()) } else { Err(Failure::Faults) }
    }

    /// Makes the letters that are missing, and writes them all.
    fn write(&self, output: &Output, identity: &str) -> Result<Counts, Failure> {
        output.look().map_err(Failure::caused)?;
        if self.mailing.on_invalid == OnInvalid::Reject {
            let counts = self.runtime.block_on(self.look(Wanted::Check, "checking"));
            if counts.invalid + counts.failed > 0 {
                eprintln!("skoledok: no letter is made; `--on-invalid skip` makes those of the others");
                return Err(Failure::Faults);
            }
        }
        let spool = self.spool(identity)?;
        let date = self.facts.date.unwrap_or(template::manifest(Kind::ParentLetter).released);
        let (there, chunks) = mpsc::channel();
        let finished = Finished { spool: &spool, chunks, identity, locale: self.locale(), date };
        let bar = self.bar("letters");
        let mut places = self.list.places();
        let mut tell = |outcome: &Outcome| bar.suspend(|| self.tell(outcome, &mut places));
        std::thread::scope(|scope| {
            let writer = scope.spawn(move || output.write(&finished, &mut tell));
            let made = self.runtime.block_on(self.make(&spool, there, &bar));
            let written = writer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            bar.finish_and_clear();
            made.and(written.map_err(Failure::caused))
        })
    }

    fn spool(&self, identity: &str) -> Result<Spool, Failure> {
        Spool::open(&beside(self.path(), ".part"), identity).map_err(Failure::caused)
    }

    fn path(&self) -> &Path {
        // Only a dry run has none.
        self.bulk.output.as_deref().unwrap_or(Path::new("letters"))
    }

    fn output(&self) -> Output {
        Output::new(self.path(), self.bulk.two_sided, self.bulk.pages_per_file as usize)
    }

    /// Checks all items, tells what is wrong with them, and counts.
    async fn look(&self, wanted: Wanted, word: &'static str) -> Counts {
        let bar = self.bar(word);
        let (mut counts, mut followers) = (Counts::default(), Followers::default());
        let mut places = self.list.places();
        let chunks = stream::iter(self.chunks()).map(|items| self.make_chunk(items, wanted));
        let mut chunks = chunks.buffered(2);
        while let Some(chunk) = chunks.next().await {
            bar.inc(chunk.outcomes.len() as u64);
            for outcome in chunk.outcomes {
                let outcome = followers.settle(outcome);
                counts.add(&outcome);
                bar.suspend(|| self.tell(&outcome, &mut places));
            }
        }
        bar.finish_and_clear();
        counts
    }

    /// Makes the chunks that the spool does not have, and tells of each that is there.
    async fn make(&self, spool: &Spool, there: Sender<Option<u64>>, bar: &ProgressBar) -> Result<(), Failure> {
        let numbered = (1_u64..).zip(self.chunks());
        let made = stream::iter(numbered).map(|(number, items)| {
            let count = items.len() as u64;
            async move {
                if spool.outcomes(number).map_err(Failure::caused)?.is_none() {
                    let chunk = self.make_chunk(items, Wanted::Letters).await;
                    keep(spool.clone(), number, chunk).await?;
                }
                Ok::<_, Failure>((number, count))
            }
        });
        let mut made = made.buffered(2);
        while let Some(chunk) = made.next().await {
            let (number, count) = chunk?;
            bar.inc(count);
            if there.send(Some(number)).is_err() {
                // Who writes has failed, and tells why.
                return Ok(());
            }
        }
        // Nobody needs the word when writing has failed meanwhile.
        let _ = there.send(None);
        Ok(())
    }

    async fn make_chunk(&self, items: Vec<Item>, wanted: Wanted) -> Chunk {
        chunk::make(&self.pool, &self.bytes, items, wanted, self.ahead).await
    }

    /// The items of the list, a hundred at a time.
    fn chunks(&self) -> impl Iterator<Item = Vec<Item>> + '_ {
        let mut survey = Survey::default();
        for entry in self.list.entries() {
            survey.note(&entry);
        }
        let mut planner = Planner::new(&self.mailing, self.facts.clone(), survey);
        let mut entries = self.list.entries();
        let mut ready = Vec::new();
        std::iter::from_fn(move || {
            while ready.len() < ITEMS {
                let Some(entry) = entries.next() else { break };
                ready.extend(planner.plan(entry));
            }
            let rest = ready.split_off(ready.len().min(ITEMS));
            let chunk = std::mem::replace(&mut ready, rest);
            (!chunk.is_empty()).then_some(chunk)
        })
    }

    /// A hash of all that the letters depend on.
    fn identity(&self) -> String {
        let mut hash = blake3::Hasher::new();
        hash.update(render::identity().as_bytes());
        hash.update(&(self.bytes.as_slice().len() as u64).to_le_bytes());
        hash.update(self.bytes.as_slice());
        for entry in self.list.entries() {
            // Also of an entry with faults, since another's protection may follow from it.
            for part in [entry.raw.to_string(), entry.key, entry.row.to_string(), entry.value.is_ok().to_string()] {
                hash.update(&(part.len() as u64).to_le_bytes());
                hash.update(part.as_bytes());
            }
        }
        hash.finalize().to_hex().to_string()
    }

    fn locale(&self) -> Locale {
        self.facts.own.locale().unwrap_or_default()
    }

    fn bar(&self, word: &'static str) -> ProgressBar {
        if !std::io::stderr().is_terminal() {
            return ProgressBar::hidden();
        }
        let bar = ProgressBar::new(self.list.len() as u64);
        let style = ProgressStyle::with_template("{msg} {bar:40} {pos} of about {len}  {per_sec:.0}  {eta} left");
        if let Ok(style) = style {
            bar.set_style(style);
        }
        bar.set_message(word);
        bar
    }

    /// Tells what is wrong with an item, in a line for each fault.
    fn tell(&self, outcome: &Outcome, places: &mut Places<'_>) {
        let findings = match &outcome.result {
            Made::Faults(findings) => findings,
            Made::Failed(failure) => return eprintln!("row {}: not made ({})", outcome.row, failure.name()),
            Made::Letter(_) | Made::Nothing => return,
        };
        for finding in findings {
            let told = finding.tell(self.locale());
            let column = places.column(outcome.row, &told.pointer);
            let place = column.map_or_else(|| told.pointer.clone(), |column| format!("«{column}»"));
            let hint = told.hint.map(|hint| format!(" ({hint})")).unwrap_or_default();
            eprintln!("row {}, {}: {}{hint}", outcome.row, if place.is_empty() { "/" } else { &place }, told.detail);
        }
    }

    fn sum_up(counts: Counts, word: &str) -> Result<(), Failure> {
        let Counts { items, letters, pages, no_letter, invalid, failed, protected } = counts;
        print_text(&format!(
            "{letters} letters with {pages} pages {word} for {items} recipients; {protected} with a protected address, {no_letter} without a letter, {invalid} with faults, {failed} failed"
        ))
    }
}

/// Has a chunk on the disk, without holding up the letters of the next.
async fn keep(spool: Spool, number: u64, chunk: Chunk) -> Result<(), Failure> {
    let kept = tokio::task::spawn_blocking(move || spool.keep(number, &chunk));
    kept.await.map_err(Failure::told)?.map_err(Failure::caused)
}
