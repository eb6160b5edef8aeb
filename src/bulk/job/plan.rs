//! Decides who gets a letter, for a whole list, and keeps what was decided in chunks.
//!
//! The list is gone through twice (see [`super::super::plan`]) in a thread of its own, which asks the store for one part after the other, so that of
//! a list of lines no more than two parts are in memory.

use std::collections::VecDeque;

use rayon::prelude::*;
use tokio::runtime::Handle;

use super::vault::{About, Form, Head, Plan, Vault};
use super::{EMPTY, JobError, Jobs, State};
use crate::access::now;
use crate::bulk::chunk::ITEMS;
use crate::bulk::documents::{Order, Orders};
use crate::bulk::entry::{Entry, List};
use crate::bulk::home::Survey;
use crate::bulk::parsed::Parsed;
use crate::bulk::plan::{Item, Planner};
use crate::store::{JobRecord, Planned, Store};

/// Chunks that are kept in one transaction.
const BATCH: usize = 10;

/// The list of a job, to be gone through again and again.
struct Source<'a> {
    store: &'a Store,
    vault: &'a Vault,
    head: &'a Head,
    job: &'a str,
    epoch: i64,
    runtime: Handle,
}

impl Source<'_> {
    fn part(&self, number: i64) -> Result<Vec<u8>, JobError> {
        let sealed = self.runtime.block_on(self.store.part(self.job, number))?.ok_or(JobError::Unknown)?;
        self.vault.unseal("part", number, sealed)
    }

    /// Gives what is made of every entry by itself, in order.
    fn each<T: Send>(
        &self,
        prepare: impl Fn(Entry) -> T + Sync,
        mut with: impl FnMut(T) -> Result<(), JobError>,
    ) -> Result<(), JobError> {
        match self.head.form {
            Form::Table => {
                let mut bytes = Vec::new();
                for number in 1..=self.head.parts {
                    bytes.extend(self.part(number)?);
                }
                // It was readable when it came.
                let list = List::read(bytes).map_err(|_| JobError::Sealed)?;
                list.entries().map(prepare).try_for_each(with)
            }
            Form::Lines => {
                let mut lines = Lines { line: self.head.line, rest: Vec::new() };
                for number in 1..=self.head.parts {
                    lines.take(&self.part(number)?, &prepare, &mut with)?;
                }
                lines.end(&prepare, &mut with)
            }
        }
    }
}

/// Lines out of parts that end anywhere.
struct Lines {
    line: usize,
    rest: Vec<u8>,
}

impl Lines {
    fn take<T: Send>(
        &mut self,
        part: &[u8],
        prepare: &(impl Fn(Entry) -> T + Sync),
        with: &mut impl FnMut(T) -> Result<(), JobError>,
    ) -> Result<(), JobError> {
        let mut pieces = part.split(|&byte| byte == b'\n').collect::<VecDeque<_>>();
        let last = pieces.pop_back().unwrap_or_default();
        let mut lines = Vec::with_capacity(pieces.len());
        for piece in pieces {
            self.rest.extend_from_slice(piece);
            lines.push(self.line());
        }
        self.rest.extend_from_slice(last);
        // To read and check an entry takes longer than to decide on it, and no entry depends on another there.
        let prepared = |(line, number): (Vec<u8>, usize)| entry(&line, number).map(prepare);
        let entries: Vec<_> = lines.into_par_iter().map(prepared).collect();
        entries.into_iter().flatten().try_for_each(with)
    }

    fn end<T>(
        &mut self,
        prepare: impl Fn(Entry) -> T,
        with: &mut impl FnMut(T) -> Result<(), JobError>,
    ) -> Result<(), JobError> {
        let (line, number) = self.line();
        entry(&line, number).map(prepare).map_or(Ok(()), with)
    }

    /// The line that is whole now, with its number.
    fn line(&mut self) -> (Vec<u8>, usize) {
        self.line += 1;
        (std::mem::take(&mut self.rest), self.line)
    }
}

/// The entry of a line, if there is one in it.
fn entry(line: &[u8], number: usize) -> Option<Entry> {
    let bytes = if number == 1 { line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line) } else { line };
    if bytes.trim_ascii().is_empty() { None } else { Some(Entry::of_line(bytes, number)) }
}

impl Jobs {
    /// Plans a job that was admitted, and has its chunks queued. Done twice, it gives the same plan.
    pub(super) async fn plan(&self, record: &JobRecord) -> Result<(), JobError> {
        let Some(epoch) = self.store().begin_plan(&record.id, State::Planning.name(), now()).await? else {
            return Ok(());
        };
        let (jobs, record_of, runtime) = (self.clone(), record.clone(), Handle::current());
        let planned = tokio::task::spawn_blocking(move || jobs.cut(&record_of, epoch, runtime)).await;
        let (items, to) = match planned.map_err(|_| JobError::Form("a plan has broken down"))? {
            // Another one has begun anew since, or somebody has stopped or erased the job.
            Err(JobError::Unknown) => return Ok(()),
            planned => planned?,
        };
        let (to, problem) = if items == 0 { (State::Failed, Some(EMPTY)) } else { (to, None) };
        let items = i64::try_from(items).unwrap_or(i64::MAX);
        let step = Self::step_to(State::Planning, to, problem);
        if self.store().end_plan(Planned { job: &record.id, epoch, items }, step, now()).await? {
            if to.is_end() {
                self.note_end();
            }
            self.dispatch(&record.tenant).await?;
        }
        Ok(())
    }

    /// Cuts the list into chunks; how many items there are, and what is done next. [`JobError::Unknown`] when somebody else does so.
    fn cut(&self, record: &JobRecord, epoch: i64, runtime: Handle) -> Result<(u64, State), JobError> {
        let vault = self.vault(record)?;
        let head = runtime.block_on(self.head(&record.id, &vault))?;
        let source = Source { store: self.store(), vault: &vault, head: &head, job: &record.id, epoch, runtime };
        let items = match &head.about {
            About::Letter { mailing, facts } => {
                let mut survey = Survey::default();
                let note = |noted| {
                    survey.add(noted);
                    Ok(())
                };
                source.each(|entry| Survey::of(&entry), note)?;
                let mut planner = Planner::new(mailing, facts.clone(), survey);
                let mut chunks = Chunks::new(&source, Plan::Letters, |item: &Item| item.number);
                source.each(Parsed::from, |entry| chunks.take(planner.plan(entry)))?;
                chunks.end()?
            }
            About::Documents { .. } => {
                let mut orders = Orders::default();
                let mut chunks = Chunks::new(&source, Plan::Documents, |order: &Order| order.number);
                source.each(|entry| entry, |entry| chunks.take(vec![orders.take(entry)]))?;
                chunks.end()?
            }
        };
        Ok((items, head.first_state(record.dry_run != 0)))
    }
}

/// A chunk that is not sealed yet: its number, that of its first item, and its items.
type Open<T> = (i64, u64, Vec<T>);

/// Chunks on their way to the store.
struct Chunks<'a, T> {
    source: &'a Source<'a>,
    plan: fn(Vec<T>) -> Plan,
    number_of: fn(&T) -> u64,
    ready: Vec<T>,
    batch: Vec<Open<T>>,
    number: i64,
    items: u64,
}

impl<'a, T: Send> Chunks<'a, T> {
    fn new(source: &'a Source<'a>, plan: fn(Vec<T>) -> Plan, number_of: fn(&T) -> u64) -> Self {
        Self { source, plan, number_of, ready: Vec::new(), batch: Vec::new(), number: 0, items: 0 }
    }

    fn take(&mut self, items: Vec<T>) -> Result<(), JobError> {
        self.items += items.len() as u64;
        self.ready.extend(items);
        while self.ready.len() >= ITEMS {
            let rest = self.ready.split_off(ITEMS);
            let items = std::mem::replace(&mut self.ready, rest);
            self.keep(items)?;
        }
        Ok(())
    }

    fn keep(&mut self, items: Vec<T>) -> Result<(), JobError> {
        let Some(first) = items.first().map(self.number_of) else { return Ok(()) };
        self.number += 1;
        self.batch.push((self.number, first, items));
        if self.batch.len() >= BATCH { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), JobError> {
        let Source { store, vault, job, epoch, runtime, .. } = self.source;
        let plan = self.plan;
        let seal = |(chunk, first, items): Open<T>| {
            let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
            let count = number(items.len() as u64);
            Ok((chunk, number(first), count, vault.seal_plan(chunk, &plan(items))?))
        };
        let batch = std::mem::take(&mut self.batch).into_par_iter().map(seal).collect::<Result<Vec<_>, JobError>>()?;
        let kept = runtime.block_on(store.add_plan(job, *epoch, now(), batch))?;
        if kept { Ok(()) } else { Err(JobError::Unknown) }
    }

    /// How many items there are.
    fn end(mut self) -> Result<u64, JobError> {
        let items = std::mem::take(&mut self.ready);
        self.keep(items)?;
        self.flush().map(|()| self.items)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_whole_out_of_parts_that_end_anywhere() {
        let text = b"\xEF\xBB\xBF{\"key\":\"a\"}\r\n\n{\"key\":\"b\"}\n{\"key\":\"c\"}";
        for size in 1..=text.len() {
            let mut lines = Lines { line: 0, rest: Vec::new() };
            let mut keys = Vec::new();
            let mut with = |entry: Entry| {
                keys.push((entry.key, entry.row));
                Ok(())
            };
            for part in text.chunks(size) {
                lines.take(part, &|entry| entry, &mut with).expect("lines can be read");
            }
            lines.end(|entry| entry, &mut with).expect("lines can be read");
            assert_eq!(keys, [("a".to_owned(), 1), ("b".to_owned(), 3), ("c".to_owned(), 4)], "parts of {size}");
        }
    }
}
