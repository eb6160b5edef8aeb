//! Plans and agreements are signed: with keys of their tenant that are kept here, by others in two steps, or wholly elsewhere; and what was signed is
//! raised to the level that was wished for, as soon as the servers answer.
//!
//! [`crate::sign`] works on bytes, [`crate::record`] keeps versions; this brings the two together.

mod elsewhere;
mod examine;
mod keys;
mod order;
mod raise;
mod renew;
mod revocation;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use serde::Serialize;
use serde_json::json;
use tokio::sync::Semaphore;

use crate::access::now;
use crate::outgoing::http_client;
use crate::pipeline::{Pipeline, ProduceError};
use crate::pki::fetch::{Fetcher, Patience, Policy};
use crate::pki::{Anchors, Certificate};
use crate::record::{RecordError, Records};
use crate::sign::SignError;
use crate::sign::field;
use crate::sign::file::File;
use crate::sign::key::Checks;
use crate::sign::level::{Level, Missing, Outcome, Services};
use crate::verify::text::NotTied;

pub use elsewhere::{AddedWords, Check, Expected, Found, FoundSignature, HandedIn, Subject};
pub use examine::{KeyState, examine};
use keys::Keys;
pub use keys::{KeysError, read_certificates, read_signer};
pub use order::{Completion, Order, Preparation, Who};
use revocation::Revocation;

/// How signatures are made.
#[derive(Clone, Default)]
pub struct Settings {
    /// Time-stamp servers, in the order in which they are asked.
    pub servers: Vec<Url>,
    /// Who is trusted.
    pub anchors: Anchors,
    /// Certificates between signers and those, beside what files and keys hold.
    pub pool: Vec<Certificate>,
    /// Hosts that may be asked for revocation and for certificates of issuers.
    pub hosts: Vec<String>,
    /// Whether those, and public addresses that certificates name, are asked when files are verified.
    pub fetch_to_verify: bool,
    /// The folder with the keys of tenants.
    pub keys: Option<PathBuf>,
    /// How long a server may take for an answer.
    pub timeout: Duration,
    /// How long a prepared signature can be completed.
    pub prepared: Duration,
    /// How long before its end a time stamp over a signed file gets a successor.
    pub renew: Duration,
}

/// Why nothing can be signed.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// No client for HTTP can be made.
    #[error("the client for time-stamp servers can not be made")]
    Client(#[from] reqwest::Error),
    /// A key can not be read.
    #[error("`signing.keys_folder` can not be used")]
    Keys(#[from] KeysError),
}

/// Why nothing was signed.
#[derive(Debug, thiserror::Error)]
pub enum SigningError {
    /// The record does not allow it.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The signature can not be made, or is not good.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// The mark of the signature can not be made.
    #[error(transparent)]
    Mark(#[from] ProduceError),
    /// The tenant has no key of that name.
    #[error("there is no key of this name; name one that the settings have for this organisation")]
    NoKey,
    /// The signer is named in no way, or in two.
    #[error("give either `signatory`, the place among the signatories from 0, or `field`, such as `sig-1`")]
    Who,
    /// It is another document.
    #[error(transparent)]
    OtherDocument(NotTied),
    /// Nobody has signed.
    #[error("the file can not be read, or has no signature")]
    NotSigned,
    /// A signature is not right.
    #[error(
        "the signature in the field `{0}` is not right, or the file was changed after it; `POST /v1/verify` tells more"
    )]
    NotRight(String),
    /// A signature leads to nobody who is trusted.
    #[error("the signature in the field `{0}` leads to nobody whom this service trusts; `POST /v1/verify` tells more")]
    NotTrusted(String),
    /// The level can not be reached.
    #[error(transparent)]
    Missing(Box<Missing>),
    /// What was sent is no certificate, or no signature.
    #[error("{0}")]
    Form(&'static str),
}

/// Makes and raises signatures of records.
#[derive(Clone)]
pub struct Signing(Arc<Parts>);

struct Parts {
    records: Records,
    pipeline: Pipeline,
    settings: Settings,
    fetcher: Fetcher,
    revocation: Revocation,
    keys: Arc<Keys>,
    /// How many files are judged at once.
    turns: Arc<Semaphore>,
}

/// What a signature was checked by, as it is kept beside it.
#[derive(Debug, Serialize)]
struct Evidence {
    signer: String,
    issuer: String,
    serial: String,
    fingerprint: String,
    /// Whether its chain was looked at, and led to somebody who is trusted: otherwise nobody was told to be.
    trusted: bool,
    missing: Vec<String>,
}

impl Signing {
    /// Signatures for records.
    ///
    /// # Errors
    /// See [`SetupError`].
    pub fn new(records: Records, pipeline: Pipeline, settings: Settings) -> Result<Self, SetupError> {
        let patience = Patience { timeout: settings.timeout, ..Patience::default() };
        let fetcher = Fetcher::new(http_client().build()?, Policy::hosts(settings.hosts.clone()), patience);
        let turns = Arc::new(Semaphore::new(2));
        let revocation = Revocation::new(&settings)?;
        let keys = Arc::new(Keys::open(settings.keys.as_deref())?);
        Ok(Self(Arc::new(Parts { records, pipeline, settings, fetcher, revocation, keys, turns })))
    }

    fn services(&self, now: i64) -> Services<'_> {
        let Settings { servers, anchors, pool, .. } = &self.0.settings;
        // The field of a time stamp is not to be seen; its label is for screen readers that read all fields.
        Services { fetcher: &self.0.fetcher, servers, anchors, pool, known: None, label: "Tidsstempel", now }
    }

    fn checks(&self, now: i64) -> Checks<'_> {
        let Settings { anchors, pool, .. } = &self.0.settings;
        Checks { now, anchors: self.trusts().then_some(anchors), pool, evidence: None }
    }

    fn trusts(&self) -> bool {
        !self.0.settings.anchors.is_empty()
    }

    /// When the next try to reach a level is due: nothing if it was reached, or none can be made.
    fn raise_after(&self, outcome: &Outcome, wished: Level, now: i64) -> Option<i64> {
        (outcome.level < wished && !self.0.settings.servers.is_empty()).then(|| now + raise::PAUSE)
    }

    fn evidence(&self, certificate: &Certificate, outcome: &Outcome) -> Vec<u8> {
        let evidence = Evidence {
            signer: certificate.subject().to_string(),
            issuer: certificate.issuer().to_string(),
            serial: certificate.serial_hex(),
            fingerprint: certificate.fingerprint_hex(),
            trusted: self.trusts(),
            missing: outcome.missing.iter().map(ToString::to_string).collect(),
        };
        json!(evidence).to_string().into_bytes()
    }
}

/// Seconds since 1970.
fn seconds() -> i64 {
    now() / 1000
}

/// The size of a visible field, width and height in points; nothing for one that is not to be seen.
fn size_of(bytes: &[u8], name: &str) -> Result<Option<(f64, f64)>, SigningError> {
    let file = File::read(bytes).map_err(SignError::from)?;
    let fields = field::fields(&file).map_err(SignError::from)?;
    let found = fields.into_iter().find(|field| field.name == name);
    let found = found.ok_or_else(|| SignError::NoField(name.to_owned()))?;
    Ok(found.rect.map(|[left, bottom, right, top]| (right - left, top - bottom)))
}
