//! What a job holds, sealed under a key of its own, which lies with it under the key of the store.

use serde::{Deserialize, Serialize};

use super::{JobError, State};
use crate::bulk::chunk::Outcome;
use crate::bulk::documents::Order;
use crate::bulk::plan::Item;
use crate::document::{Date, Kind, Locale, Mailing, OnInvalid};
use crate::merge::letter::LetterFacts;
use crate::seal::{self, Key};
use crate::store::JobRecord;
use crate::template;

/// What the list of a job is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Form {
    /// A table, which is read as a whole.
    Table,
    /// A line of JSON for each entry.
    Lines,
}

/// Whom to tell of the end of a job.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Hook {
    pub(super) url: String,
    pub(super) secret: String,
}

/// What is made of the entries of a list.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum About {
    /// One letter to many.
    Letter { mailing: Box<Mailing>, facts: LetterFacts },
    /// Each is a document.
    Documents { kind: Kind, on_invalid: OnInvalid },
}

/// What a chunk is to become.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Plan {
    Letters(Vec<Item>),
    Documents(Vec<Order>),
}

/// What a job is about.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Head {
    pub(super) about: About,
    pub(super) form: Form,
    /// Number of the line before the first entry.
    pub(super) line: usize,
    pub(super) parts: i64,
    pub(super) hook: Option<Hook>,
}

impl Head {
    /// What is done when it is decided who gets a letter.
    pub(super) fn first_state(&self, dry_run: bool) -> State {
        let on_invalid = match &self.about {
            About::Letter { mailing, .. } => mailing.on_invalid,
            About::Documents { on_invalid, .. } => *on_invalid,
        };
        match on_invalid {
            _ if dry_run => State::Counting,
            OnInvalid::Reject => State::Checking,
            OnInvalid::Skip => State::Making,
        }
    }

    /// Language of what is not of the letters.
    pub(super) fn locale(&self) -> Locale {
        match &self.about {
            About::Letter { facts, .. } => facts.own.locale().unwrap_or_default(),
            About::Documents { .. } => Locale::default(),
        }
    }

    /// The date of print files.
    pub(super) fn date(&self) -> Date {
        match &self.about {
            About::Letter { facts, .. } => facts.date.unwrap_or(template::manifest(Kind::ParentLetter).released),
            About::Documents { kind, .. } => template::manifest(*kind).released,
        }
    }

    /// The title of print files.
    pub(super) fn title(&self) -> &'static str {
        match (&self.about, self.locale()) {
            (About::Letter { .. }, Locale::En) => "Letters to print",
            (About::Letter { .. }, _) => "Brev til utskrift",
            (About::Documents { .. }, _) => "Dokumenter til utskrift",
        }
    }
}

/// What the keys of jobs are sealed as.
const WHAT: &str = "job";

/// How hard documents are packed: as zstd's level 1, 20 µs a letter. Harder gives little more, since what they have in common is found at once.
const PACKING: i32 = 1;

/// Seals and opens what belongs to one job.
pub(super) struct Vault(seal::Vault);

impl Vault {
    /// A vault for a new job, and its key as it is kept.
    pub(super) fn new(store: &Key, job: &str, tenant: &str) -> Option<(Self, Vec<u8>)> {
        let (vault, key) = seal::Vault::new(store, WHAT, job, tenant)?;
        Some((Self(vault), key))
    }

    /// The vault of a job.
    pub(super) fn open(store: &Key, record: &JobRecord) -> Option<Self> {
        seal::Vault::open(store, WHAT, &record.id, &record.tenant, record.key.clone()).map(Self)
    }

    pub(super) fn seal(&self, what: &str, number: i64, value: &[u8]) -> Result<Vec<u8>, JobError> {
        self.0.seal(what, number, value).ok_or(JobError::Sealed)
    }

    pub(super) fn unseal(&self, what: &str, number: i64, sealed: Vec<u8>) -> Result<Vec<u8>, JobError> {
        self.0.unseal(what, number, sealed).ok_or(JobError::Sealed)
    }

    pub(super) fn seal_head(&self, head: &Head) -> Result<Vec<u8>, JobError> {
        let bytes = serde_json::to_vec(head).map_err(|_| JobError::Sealed)?;
        self.seal("head", 0, &bytes)
    }

    pub(super) fn head(&self, sealed: Vec<u8>) -> Result<Head, JobError> {
        serde_json::from_slice(&self.unseal("head", 0, sealed)?).map_err(|_| JobError::Sealed)
    }

    pub(super) fn seal_plan(&self, number: i64, plan: &Plan) -> Result<Vec<u8>, JobError> {
        let bytes = serde_json::to_vec(plan).map_err(|_| JobError::Sealed)?;
        self.seal("plan", number, &bytes)
    }

    pub(super) fn plan(&self, number: i64, sealed: Vec<u8>) -> Result<Plan, JobError> {
        serde_json::from_slice(&self.unseal("plan", number, sealed)?).map_err(|_| JobError::Sealed)
    }

    pub(super) fn seal_outcomes(&self, number: i64, outcomes: &[Outcome]) -> Result<Vec<u8>, JobError> {
        let bytes = postcard::to_stdvec(outcomes).map_err(|_| JobError::Sealed)?;
        self.seal("outcomes", number, &bytes)
    }

    /// The documents of a chunk, packed and sealed. Letters of a mailing share their fonts and most of their words: packed together they take a third,
    /// and writing them is what keeping a job costs most. What the length of a sealed value then tells is how much they have in common.
    pub(super) fn seal_documents(&self, number: i64, documents: &[u8]) -> Result<Vec<u8>, JobError> {
        let mut packed = (documents.len() as u64).to_le_bytes().to_vec();
        packed.extend(zstd::bulk::compress(documents, PACKING).map_err(|_| JobError::Sealed)?);
        self.seal("documents", number, &packed)
    }

    pub(super) fn documents(&self, number: i64, sealed: Vec<u8>) -> Result<Vec<u8>, JobError> {
        let packed = self.unseal("documents", number, sealed)?;
        // Nobody but this service has written what opens, so its length is what it says.
        let (length, packed) = packed.split_first_chunk().ok_or(JobError::Sealed)?;
        let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|_| JobError::Sealed)?;
        let documents = zstd::bulk::decompress(packed, length).map_err(|_| JobError::Sealed)?;
        if documents.len() == length { Ok(documents) } else { Err(JobError::Sealed) }
    }

    pub(super) fn outcomes(&self, number: i64, sealed: Vec<u8>) -> Result<Vec<Outcome>, JobError> {
        postcard::from_bytes(&self.unseal("outcomes", number, sealed)?).map_err(|_| JobError::Sealed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_come_back_as_they_were_and_take_less_room_when_they_are_alike() {
        let under = seal::new_key().expect("there are random numbers");
        let (vault, _) = Vault::new(&under, "a", "999888763").expect("there are random numbers");
        // No two bytes in a row alike, as in what is compressed already.
        let letter: Vec<u8> =
            (0..30_000u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13).to_le_bytes()[0]).collect();
        for documents in [Vec::new(), vec![7], letter.clone(), letter.repeat(100)] {
            let sealed = vault.seal_documents(3, &documents).expect("it is sealed");
            assert!(sealed.len() < 60_000, "{} bytes", sealed.len());
            assert!(vault.documents(4, sealed.clone()).is_err(), "another chunk's");
            assert_eq!(vault.documents(3, sealed).expect("it opens"), documents);
        }
    }
}
