//! The letters of a hundred items, made by the render processes.

use std::collections::HashSet;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::plan::{Decision, Item};
use crate::document::Language;
use crate::merge::letter::Draft;
use crate::pipeline::{MailingBytes, ProduceError, check_letter, count_pages, merge};
use crate::render::Options;
use crate::validate::{Code, Finding};
use crate::worker::{Pool, WorkError};

/// Items that are made together.
pub const ITEMS: usize = 100;

/// What became of an item.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Number of the item, from 1.
    pub number: u64,
    /// Number of the entry, from 1.
    pub entry: u64,
    /// Row or line of the entry in the list, from 1.
    pub row: usize,
    /// Key of the recipient.
    pub key: String,
    /// What was decided, by its name.
    pub decision: String,
    /// The item that it follows.
    pub follows: Option<u64>,
    /// What is worth knowing, by names.
    pub notes: Vec<String>,
    /// Whether the letter stays out of merged files.
    pub is_protected: bool,
    /// What was made.
    pub result: Made,
}

/// What was made for an item.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Made {
    /// A letter.
    Letter(Letter),
    /// Nothing, as decided.
    Nothing,
    /// Nothing, since something is wrong with the entry or the letter.
    Faults(Vec<Finding>),
    /// Nothing, since it took too long or too much memory, or the renderer failed.
    Failed(Failure),
}

/// A letter that was made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Letter {
    /// Its language.
    pub language: Language,
    /// Number of pages.
    pub pages: usize,
    /// SHA-256.
    pub digest: [u8; 32],
    /// Where it begins among the documents of its chunk, and how many bytes it has.
    pub place: (usize, usize),
}

impl Letter {
    /// Its bytes among the documents of its chunk; nothing when they are not what was made.
    #[must_use]
    pub fn within<'a>(&self, documents: &'a [u8]) -> Option<&'a [u8]> {
        let bytes = self.bytes_in(documents)?;
        (Sha256::digest(bytes).as_slice() == self.digest).then_some(bytes)
    }

    fn bytes_in<'a>(&self, documents: &'a [u8]) -> Option<&'a [u8]> {
        let (begin, length) = self.place;
        documents.get(begin..begin.checked_add(length)?)
    }
}

/// Why a letter was not made, when it is not at fault itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Failure {
    /// It took too long.
    Deadline,
    /// It took too much memory.
    Memory,
    /// The renderer failed.
    Renderer,
}

impl Failure {
    /// The name in manifests.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Deadline => "deadline",
            Self::Memory => "memory",
            Self::Renderer => "renderer",
        }
    }
}

impl Outcome {
    /// Its status in manifests.
    #[must_use]
    pub fn status(&self) -> &'static str {
        match self.result {
            Made::Letter(_) => "made",
            Made::Nothing => "no_letter",
            Made::Faults(_) => "invalid",
            Made::Failed(_) => "failed",
        }
    }

    /// The letter, if there is one.
    #[must_use]
    pub fn letter(&self) -> Option<&Letter> {
        match &self.result {
            Made::Letter(letter) => Some(letter),
            _ => None,
        }
    }

    /// A file name for the letter: number and key, which hold no name of a person.
    #[must_use]
    pub fn file_name(&self) -> String {
        // A colon is no part of a file name everywhere.
        format!("{:06}-{}.pdf", self.number, self.key.replace(':', "_"))
    }
}

/// Outcomes in the order of the list, each with what becomes of it when the letter that it shares was not made.
#[derive(Debug, Default)]
pub struct Followers {
    /// Items without a letter that should have one.
    without: HashSet<u64>,
}

impl Followers {
    /// The outcome, with a fault where it follows an item that has one: who shares a letter that is not there gets none.
    #[must_use]
    pub fn settle(&mut self, mut outcome: Outcome) -> Outcome {
        if let Some(item) = outcome.follows.filter(|item| self.without.contains(item)) {
            outcome.result = Made::Faults(vec![Finding::new("", Code::FollowsFaulty).with("item", item)]);
        }
        if matches!(outcome.result, Made::Faults(_) | Made::Failed(_)) {
            self.without.insert(outcome.number);
        }
        outcome
    }
}

/// What became of the items of a chunk, and the letters one behind the other.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Chunk {
    /// An outcome for each item.
    pub outcomes: Vec<Outcome>,
    /// The letters.
    pub documents: Vec<u8>,
}

impl Chunk {
    /// Adds an outcome with the bytes of its letter.
    pub(super) fn add(&mut self, mut outcome: Outcome, bytes: &[u8]) {
        if let Made::Letter(letter) = &mut outcome.result {
            letter.place = (self.documents.len(), bytes.len());
            self.documents.extend_from_slice(bytes);
        }
        self.outcomes.push(outcome);
    }

    /// What need not be done again when what failed is: what has no letter for a reason of its own, and letters whose bytes are there, if those are
    /// wanted. What follows another item is as that one will be.
    #[must_use]
    pub fn without_failed(mut self, wanted: Wanted) -> Self {
        let documents = &self.documents;
        self.outcomes.retain(|outcome| match &outcome.result {
            Made::Letter(letter) => wanted != Wanted::Letters || letter.within(documents).is_some(),
            Made::Nothing | Made::Faults(_) => outcome.follows.is_none(),
            Made::Failed(_) => false,
        });
        self
    }

    /// This chunk and another one in one, in the order of the list.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        if self.outcomes.is_empty() {
            return other;
        }
        let mut all: Vec<_> = [(self.outcomes, &self.documents), (other.outcomes, &other.documents)]
            .into_iter()
            .flat_map(|(outcomes, documents)| outcomes.into_iter().map(move |outcome| (outcome, documents)))
            .collect();
        all.sort_by_key(|(outcome, _)| outcome.number);
        let mut both = Self::default();
        for (outcome, documents) in all {
            let bytes = outcome.letter().and_then(|letter| letter.bytes_in(documents)).unwrap_or_default();
            both.add(outcome, bytes);
        }
        both
    }
}

/// What is wanted of letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// Only whether they can be made.
    Check,
    /// How many pages they would have.
    Pages,
    /// The letters.
    Letters,
}

/// Has the letters of some items made. At most `ahead` of them are in the queue at once; when it is full, the rest waits.
pub async fn make(pool: &Pool, mailing: &MailingBytes, items: Vec<Item>, wanted: Wanted, ahead: usize) -> Chunk {
    let mut chunk = Chunk::default();
    let letters = stream::iter(items).map(|item| make_one(pool, mailing, item, wanted));
    let mut letters = letters.buffered(ahead.max(1));
    while let Some((outcome, bytes)) = letters.next().await {
        chunk.add(outcome, &bytes);
    }
    chunk
}

async fn make_one(pool: &Pool, mailing: &MailingBytes, item: Item, wanted: Wanted) -> (Outcome, bytes::Bytes) {
    let mut outcome = Outcome {
        number: item.number,
        entry: item.entry,
        row: item.row,
        decision: item.decision.name().to_owned(),
        follows: item.decision.follows(),
        notes: item.notes.iter().map(|note| note.name().to_owned()).collect(),
        is_protected: item.is_protected(),
        key: item.key,
        result: Made::Nothing,
    };
    let mut bytes = bytes::Bytes::new();
    match item.decision {
        Decision::Letter(draft) => (outcome.result, bytes) = letter(pool, mailing, &draft, wanted).await,
        Decision::Invalid(findings) => outcome.result = Made::Faults(findings),
        _ => {}
    }
    (outcome, bytes)
}

async fn letter(pool: &Pool, mailing: &MailingBytes, draft: &Draft, wanted: Wanted) -> (Made, bytes::Bytes) {
    let counted =
        |pages| (Letter { language: draft.language, pages, digest: [0; 32], place: (0, 0) }, bytes::Bytes::new());
    patiently(|| async move {
        match wanted {
            Wanted::Check => check_letter(pool, mailing, draft).await.map(|()| counted(0)),
            Wanted::Pages => count_pages(pool, mailing, draft).await.map(counted),
            Wanted::Letters => merge(pool, mailing, draft, Options::default()).await.map(|(label, bytes)| {
                let pages = label.pages.unwrap_or_default();
                (Letter { language: label.language, pages, digest: label.digest, place: (0, 0) }, bytes)
            }),
        }
    })
    .await
}

/// Tries until there is room in the queue, and tells what came of it.
pub(super) async fn patiently<F>(work: impl Fn() -> F) -> (Made, bytes::Bytes)
where
    F: Future<Output = Result<(Letter, bytes::Bytes), ProduceError>>,
{
    let made = loop {
        match work().await {
            Ok((letter, bytes)) => return (Made::Letter(letter), bytes),
            // Somebody who waits for an answer goes first.
            Err(ProduceError::Work(WorkError::Busy { .. })) => tokio::time::sleep(Duration::from_millis(100)).await,
            Err(ProduceError::Invalid { violations, .. }) => break Made::Faults(violations),
            Err(ProduceError::Work(WorkError::Deadline)) => break Made::Failed(Failure::Deadline),
            Err(ProduceError::Work(WorkError::Memory)) => break Made::Failed(Failure::Memory),
            Err(error) => {
                tracing::error!(error = %error, "a letter can not be made");
                break Made::Failed(Failure::Renderer);
            }
        }
    };
    (made, bytes::Bytes::new())
}

#[cfg(test)]
impl Outcome {
    /// What became of an item that was to get a letter, for tests.
    pub(super) fn of_letter(number: u64, result: Made) -> Self {
        Self {
            number,
            entry: number,
            row: 2,
            key: format!("k{number}"),
            decision: "letter".to_owned(),
            follows: None,
            notes: Vec::new(),
            is_protected: false,
            result,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(bytes: &[u8]) -> Made {
        Made::Letter(Letter { language: Language::Nb, pages: 1, digest: Sha256::digest(bytes).into(), place: (0, 0) })
    }

    /// Items with letters of these bytes; of those without any, one that failed.
    fn chunk(items: &[(u64, &[u8])]) -> Chunk {
        let mut chunk = Chunk::default();
        for &(number, bytes) in items {
            let result = if bytes.is_empty() { Made::Failed(Failure::Deadline) } else { letter(bytes) };
            chunk.add(Outcome::of_letter(number, result), bytes);
        }
        chunk
    }

    #[test]
    fn what_is_made_again_takes_its_place_among_letters_that_stay() {
        let before = chunk(&[(1, b"one"), (2, b""), (3, b"three"), (4, b""), (5, b"five")]);
        let stays = before.without_failed(Wanted::Letters);
        assert_eq!(stays.outcomes.iter().map(|outcome| outcome.number).collect::<Vec<_>>(), [1, 3, 5]);
        let both = stays.and(chunk(&[(2, b"two"), (4, b"")]));
        assert_eq!(both, chunk(&[(1, b"one"), (2, b"two"), (3, b"three"), (4, b""), (5, b"five")]));
        assert_eq!(both.documents, b"onetwothreefive");
        let made = chunk(&[(1, b"one")]);
        assert_eq!(Chunk::default().and(made.clone()), made);
    }

    #[test]
    fn only_letters_whose_bytes_are_there_stay_and_nothing_that_hangs_on_another_item() {
        let mut before = chunk(&[(1, b"one"), (2, b"two")]);
        before.documents[0] = b'x';
        before.add(Outcome::of_letter(3, Made::Faults(Vec::new())), b"");
        for result in [Made::Nothing, Made::Faults(Vec::new())] {
            before.add(Outcome { follows: Some(1), ..Outcome::of_letter(4, result) }, b"");
        }
        let numbers = |chunk: &Chunk| chunk.outcomes.iter().map(|outcome| outcome.number).collect::<Vec<_>>();
        assert_eq!(numbers(&before.clone().without_failed(Wanted::Letters)), [2, 3]);
        assert_eq!(numbers(&before.without_failed(Wanted::Check)), [1, 2, 3], "of what is only checked there are none");
    }
}
