//! How long a signature can be proven (ETSI EN 319 142-1, 6): this asks servers for what [`super::proof`] writes.
//!
//! A server that does not answer costs the level, never the signature: what was reached is told with what is missing,
//! and [`raise`] can be called again later.

use std::fmt;

use reqwest::Url;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::SignError;
use super::file::File;
use super::key::{Checks, Signer};
use super::proof::{self, Content, Existing, Proofs, signer_of};
use super::signature::{self, Completed, Request};
use crate::pki::chain::Fault;
use crate::pki::fetch::{FetchError, Fetcher};
use crate::pki::revocation::Evidence;
use crate::pki::timestamp::{TimeStampRequest, TimeStampToken};
use crate::pki::{Anchors, Certificate, Chain, ChainError, Purpose, chain};

/// How old a CRL or response may be that does not say when there is news: a day, in seconds.
const LONGEST: i64 = 86_400;
/// How many certificates of issuers are fetched to find one chain.
const ISSUERS: usize = 4;

/// The levels of PAdES.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "VerifiedLevel")]
pub enum Level {
    /// Signed.
    #[serde(rename = "B-B")]
    BB,
    /// With a time stamp.
    #[serde(rename = "B-T")]
    #[default]
    BT,
    /// With certificates and revocation.
    #[serde(rename = "B-LT")]
    BLT,
    /// With a time stamp over all of it.
    #[serde(rename = "B-LTA")]
    BLTA,
}

impl Level {
    /// All of them, each with more than the one before.
    pub const ALL: [Self; 4] = [Self::BB, Self::BT, Self::BLT, Self::BLTA];

    /// The name, `B-LTA`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::BB => "B-B",
            Self::BT => "B-T",
            Self::BLT => "B-LT",
            Self::BLTA => "B-LTA",
        }
    }

    /// The level of a name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.name() == name)
    }
}

impl fmt::Display for Level {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// Whom to ask, and whom to trust.
#[derive(Debug, Clone, Copy)]
pub struct Services<'a> {
    /// Asks.
    pub fetcher: &'a Fetcher,
    /// Time-stamp servers, the first that answers well.
    pub servers: &'a [Url],
    /// Whose chains are proven.
    pub anchors: &'a Anchors,
    /// Certificates between, beside those in the file.
    pub pool: &'a [Certificate],
    /// What was told of the signer before the signature was made, so that nobody is asked again.
    pub known: Option<&'a Evidence>,
    /// What a screen reader says of the field of a time stamp, in the language of the document.
    pub label: &'a str,
    /// The time, in seconds since 1970.
    pub now: i64,
}

/// A signed document.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Its bytes.
    pub document: Vec<u8>,
    /// What all its signatures reach, and no more than was asked for.
    pub level: Level,
    /// Why not more, if more was asked for.
    pub missing: Vec<Missing>,
}

/// Why a level was not reached.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Missing {
    /// No server is named, or none may be asked.
    #[error("no time-stamp server is configured")]
    Services,
    /// No time stamp came.
    #[error("no time-stamp server gave a time stamp: {0}")]
    TimeStamp(FetchError),
    /// The time stamp that came can not be used.
    #[error("the time stamp can not be used: {0}")]
    Unfit(Box<SignError>),
    /// No chain was found.
    #[error("no chain leads to a trust anchor: {0}")]
    Chain(Box<ChainError>),
    /// No revocation came for a certificate.
    #[error("nobody tells whether the certificate of `{subject}` was revoked: {error}")]
    Revocation {
        /// Whose certificate.
        subject: String,
        /// What the servers said.
        error: FetchError,
    },
    /// What came does not cover the chain.
    #[error("what was fetched does not tell of every certificate between `{0}` and the trust anchor")]
    Uncovered(String),
    /// It was revoked.
    #[error("the certificate of `{0}` was revoked")]
    Revoked(String),
    /// A signature of the file can not be read.
    #[error("the signature in the field `{0}` can not be read")]
    Unreadable(String),
}

/// Signs with a key of our own, up to a level.
///
/// # Errors
///
/// [`SignError`]: nothing was signed. That a level was not reached is no error.
pub async fn sign(
    bytes: &[u8],
    request: &Request<'_>,
    signer: &Signer,
    checks: &Checks<'_>,
    level: Level,
    services: Option<&Services<'_>>,
) -> Result<Outcome, SignError> {
    let request = Request { chain: signer.chain(), time_stamp: level > Level::BB, ..request.clone() };
    let completed = signature::begin(bytes, &request)?.sign(signer, checks)?;
    finish(completed, level, services).await
}

/// Brings a signature that was completed into its document, up to a level.
///
/// # Errors
///
/// As [`sign`].
pub async fn finish(completed: Completed, level: Level, services: Option<&Services<'_>>) -> Result<Outcome, SignError> {
    if level == Level::BB {
        return Ok(Outcome { document: completed.finish()?, level, missing: Vec::new() });
    }
    let Some(services) = services else {
        return Ok(Outcome { document: completed.finish()?, level: Level::BB, missing: vec![Missing::Services] });
    };
    match services.time_stamp(&completed.time_stamp_request()?).await {
        Ok(token) => raise(stamped_if_it_fits(completed, &token)?, level, services).await,
        // Asking again for a time stamp at once would only take time.
        Err(missing) => Ok(Outcome { document: completed.finish()?, level: Level::BB, missing: vec![missing] }),
    }
}

/// Raises a signed document to a level, by as much as is missing. A time stamp goes into the signature, if that is the
/// last thing in the file and has room, and else over the document, which is as good (EN 319 142-1, 6.3).
///
/// # Errors
///
/// The file is broken. That a level was not reached is no error.
pub async fn raise(bytes: Vec<u8>, level: Level, services: &Services<'_>) -> Result<Outcome, SignError> {
    let mut document = bytes;
    let reached = |document, level, missing| Ok(Outcome { document, level, missing });
    if level > Level::BB
        && let Some(last) = Completed::last_of(&document)?
    {
        match services.time_stamp(&last.time_stamp_request()?).await {
            Ok(token) => document = stamped_if_it_fits(last, &token)?,
            Err(missing) => return reached(document, Level::BB, vec![missing]),
        }
    }
    if level > Level::BB && !all_stamped(&proof::existing(&File::read(&document)?)?) {
        match services.stamp_document(&document).await? {
            Ok(stamped) => document = stamped,
            Err(missing) => return reached(document, Level::BB, vec![missing]),
        }
    }
    if level <= Level::BT {
        return reached(document, level, Vec::new());
    }
    let (proofs, missing) = services.gather(&File::read(&document)?).await?;
    // A part of it proves nothing, and each further try would add to it.
    if !missing.is_empty() {
        return reached(document, Level::BT, missing);
    }
    let added = proof::add(&document, proofs)?;
    let is_new = added.is_some();
    document = added.unwrap_or(document);
    let is_archived = !is_new && ends_with_time_stamp(&proof::existing(&File::read(&document)?)?);
    if level == Level::BLT || is_archived {
        return reached(document, level, Vec::new());
    }
    match services.stamp_document(&document).await? {
        Ok(stamped) => reached(stamped, Level::BLTA, Vec::new()),
        Err(missing) => reached(document, Level::BLT, vec![missing]),
    }
}

/// Proves a document of the level B-LTA for more years, before its last time stamp can not be checked any more: what
/// proves that one, and another one over all.
///
/// # Errors
///
/// As [`raise`].
pub async fn renew(bytes: Vec<u8>, services: &Services<'_>) -> Result<Outcome, SignError> {
    let outcome = raise(bytes, Level::BLT, services).await?;
    if outcome.level < Level::BLT {
        return Ok(outcome);
    }
    match services.stamp_document(&outcome.document).await? {
        Ok(document) => Ok(Outcome { document, level: Level::BLTA, missing: Vec::new() }),
        Err(missing) => Ok(Outcome { missing: vec![missing], ..outcome }),
    }
}

impl Services<'_> {
    async fn time_stamp(&self, request: &TimeStampRequest) -> Result<TimeStampToken, Missing> {
        if self.servers.is_empty() {
            return Err(Missing::Services);
        }
        self.fetcher.time_stamp(self.servers, request).await.map_err(Missing::TimeStamp)
    }

    /// The document with a time stamp over it.
    async fn stamp_document(&self, document: &[u8]) -> Result<Result<Vec<u8>, Missing>, SignError> {
        let pending = proof::begin_time_stamp(document, self.label)?;
        Ok(match self.time_stamp(&pending.request()?).await {
            Ok(token) => pending.complete(&token).map_err(|error| Missing::Unfit(Box::new(error))),
            Err(missing) => Err(missing),
        })
    }

    /// Fetches what proves all signatures and time stamps of a file and is not in it yet.
    async fn gather(&self, file: &File<'_>) -> Result<(Proofs, Vec<Missing>), SignError> {
        let stored = Proofs::stored(file)?;
        let (mut proofs, mut missing) = (Proofs::default(), Vec::new());
        let mut evidence = stored.evidence();
        let existing = proof::existing(file)?;
        let mut pool = [self.pool, &stored.read_certificates()].concat();
        let (leaves, unreadable) = leaves(&existing, &mut pool, self.now);
        missing.extend(unreadable.into_iter().map(Missing::Unreadable));
        for leaf in leaves {
            let chain = match self.chain(&leaf, &mut pool).await {
                Ok(chain) => chain,
                Err(error) => {
                    missing.push(Missing::Chain(Box::new(error)));
                    continue;
                }
            };
            proofs.add_certificates(chain.certificates());
            if !evidence.covers(&chain, leaf.at, self.now, LONGEST) {
                let covers = |known: &&Evidence| known.covers(&chain, leaf.at, self.now, LONGEST);
                let (fetched, failed) = match self.known.filter(covers) {
                    Some(known) => (known.clone(), Vec::new()),
                    None => self.fetcher.evidence(&chain).await,
                };
                proofs.add_evidence(&fetched);
                evidence.crls.extend(fetched.crls);
                evidence.responses.extend(fetched.responses);
                let failed = failed.into_iter();
                missing
                    .extend(failed.map(|(one, error)| Missing::Revocation { subject: one.subject().short(), error }));
            }
            for (one, issuer) in chain.links() {
                if evidence.proofs(one, issuer).iter().any(|proof| proof.is_revoked_at(leaf.at)) {
                    missing.push(Missing::Revoked(one.subject().short()));
                }
            }
            if missing.is_empty() && !evidence.covers(&chain, leaf.at, self.now, LONGEST) {
                missing.push(Missing::Uncovered(leaf.certificate.subject().short()));
            }
        }
        Ok((proofs, missing))
    }

    /// The chain of a leaf; certificates of issuers that are not at hand are fetched.
    async fn chain(&self, leaf: &Leaf, pool: &mut Vec<Certificate>) -> Result<Chain, ChainError> {
        for _ in 0..ISSUERS {
            let error = match chain::build(&leaf.certificate, pool, self.anchors, leaf.at, leaf.purpose) {
                Ok(chain) => return Ok(chain),
                Err(error) if error.fault == Fault::NoIssuer => error,
                Err(error) => return Err(error),
            };
            match self.fetcher.issuers(&error.certificate).await {
                Ok(found) if found.iter().any(|one| !pool.contains(one)) => pool.extend(found),
                _ => return Err(error),
            }
        }
        chain::build(&leaf.certificate, pool, self.anchors, leaf.at, leaf.purpose)
    }
}

/// A certificate to be proven, when it was used and what for.
struct Leaf {
    certificate: Certificate,
    at: i64,
    purpose: Purpose,
}

/// Who signed and who stamped; the certificates beside go into the pool. Also the fields that can not be read.
fn leaves(existing: &[Existing], pool: &mut Vec<Certificate>, now: i64) -> (Vec<Leaf>, Vec<String>) {
    let (mut leaves, mut unreadable) = (Vec::<Leaf>::new(), Vec::new());
    let mut add = |certificate: Option<Certificate>, at, purpose| {
        let is_known = |leaf: &Leaf| certificate.as_ref() == Some(&leaf.certificate) && leaf.at == at;
        if leaves.iter().any(is_known) {
            return true;
        }
        certificate.map(|certificate| leaves.push(Leaf { certificate, at, purpose })).is_some()
    };
    for (index, one) in existing.iter().enumerate() {
        let is_readable = match &one.content {
            Content::Unknown => false,
            Content::TimeStamp(token) => {
                pool.extend_from_slice(token.certificates());
                add(signer_of(token.signed_data(), pool), token.time(), Purpose::TimeStamping)
            }
            Content::Signature(data) => {
                pool.extend_from_slice(data.certificates());
                let tokens = one.content.time_stamps();
                let later = existing.iter().skip(index).find_map(|one| time_of(&one.content));
                let at = tokens.iter().map(TimeStampToken::time).min().or(later).unwrap_or(now);
                let mut is_readable = add(signer_of(data, pool), at, Purpose::Signing);
                for token in tokens {
                    pool.extend_from_slice(token.certificates());
                    is_readable &= add(signer_of(token.signed_data(), pool), token.time(), Purpose::TimeStamping);
                }
                is_readable
            }
        };
        if !is_readable {
            unreadable.push(one.field.clone());
        }
    }
    (leaves, unreadable)
}

fn time_of(content: &Content) -> Option<i64> {
    if let Content::TimeStamp(token) = content { Some(token.time()) } else { None }
}

/// The document with its signature, and with the time stamp if there is room for it. A signature is not lost for that.
fn stamped_if_it_fits(completed: Completed, token: &TimeStampToken) -> Result<Vec<u8>, SignError> {
    match completed.clone().stamped(token).and_then(Completed::finish) {
        Ok(document) => Ok(document),
        Err(_) => completed.finish(),
    }
}

/// Whether each signature has a time stamp, or the document has one later.
fn all_stamped(existing: &[Existing]) -> bool {
    let mut later = false;
    existing.iter().rev().all(|one| match &one.content {
        Content::TimeStamp(_) => {
            later = true;
            true
        }
        Content::Signature(_) => later || !one.content.time_stamps().is_empty(),
        Content::Unknown => later,
    })
}

/// Whether a time stamp is the last thing in the document.
fn ends_with_time_stamp(existing: &[Existing]) -> bool {
    existing.last().is_some_and(|last| matches!(last.content, Content::TimeStamp(_)))
}
