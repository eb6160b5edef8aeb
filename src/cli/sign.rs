//! `skoledok sign` and `skoledok renew`: signatures in a file, with a key on this machine.

use std::path::{Path, PathBuf};

use clap::Args;
use reqwest::Url;
use zeroize::Zeroizing;

use super::file::write_whole;
use super::names::LocaleName;
use super::{Failure, runtime};
use crate::access::now;
use crate::outgoing::http_client;
use crate::pki::Anchors;
use crate::pki::fetch::{Fetcher, Patience, Policy};
use crate::pki::revocation::Evidence;
use crate::render::{Engine, Mark};
use crate::sign::field::{self, FieldName, SignatureField};
use crate::sign::file::File;
use crate::sign::key::{Checks, Signer};
use crate::sign::level::{self, Level, Outcome, Services};
use crate::sign::signature::{Request, Target};
use crate::signing::{KeysError, read_certificates, read_signer};
use crate::telemetry::with_causes;

#[derive(Args)]
pub(super) struct Sign {
    /// PDF to sign; `skoledok render --signable` makes one with fields.
    file: PathBuf,
    /// PKCS#12 file, or private key as PEM.
    #[arg(long)]
    key: PathBuf,
    /// Certificates as PEM, that of the signer first; for a key that is PEM.
    #[arg(long)]
    certificates: Option<PathBuf>,
    /// Variable of the environment that holds the password of the key.
    #[arg(long, value_name = "VAR")]
    password_env: Option<String>,
    /// File to write.
    #[arg(short, long)]
    output: PathBuf,
    /// Signature field; without it, a new one that is not to be seen.
    #[arg(long, value_name = "NAME")]
    field: Option<String>,
    /// Who signs, for people to read; without it, as the certificate says.
    #[arg(long)]
    name: Option<String>,
    /// As what, as it is to be read in the field.
    #[arg(long)]
    role: Option<String>,
    /// Why.
    #[arg(long)]
    reason: Option<String>,
    /// Where.
    #[arg(long)]
    location: Option<String>,
    /// Language of the words in the field.
    #[arg(long, default_value = "nb")]
    locale: LocaleName,
    /// Certify the document: from then on only signatures may be added. Only the first signature can.
    #[arg(long)]
    certify: bool,
    /// For how long the signature can be proven (ETSI EN 319 142-1): B-B, B-T, B-LT or B-LTA.
    #[arg(long, default_value = "B-B", value_parser = level_of)]
    level: Level,
    #[command(flatten)]
    others: Others,
}

#[derive(Args)]
pub(super) struct Renew {
    /// Signed PDF that you know: the servers that its certificates name are asked.
    file: PathBuf,
    /// File to write.
    #[arg(short, long)]
    output: PathBuf,
    #[command(flatten)]
    others: Others,
}

/// Who else takes part.
#[derive(Args)]
struct Others {
    /// Time-stamp server (RFC 3161); give it several times for some to fall back on.
    #[arg(long, value_name = "URL")]
    tsa: Vec<Url>,
    /// Certificates as PEM of who is trusted: for the levels B-LT and B-LTA, and to check the own certificate.
    #[arg(long, value_name = "CA.pem")]
    trust: Vec<PathBuf>,
}

/// Reads the name of a level.
fn level_of(name: &str) -> Result<Level, String> {
    Level::parse(name).ok_or_else(|| "one of B-B, B-T, B-LT, B-LTA".to_owned())
}

pub(super) fn run(sign: &Sign) -> Result<(), Failure> {
    let bytes = read(&sign.file)?;
    let signer = signer(sign)?;
    let level = sign.level;
    if level > Level::BB && sign.others.tsa.is_empty() {
        return Err(Failure::refused(format!("the level {level} needs a time stamp; give `--tsa URL`")));
    }
    let place = place(sign, &bytes)?;
    let own = signer.chain().first().map(|own| own.subject().short()).unwrap_or_default();
    let name = sign.name.clone().unwrap_or(own);
    let at = now() / 1000;
    let (target, mark) = match place {
        Some((field, [left, bottom, right, top])) => {
            let (locale, role) = (sign.locale.0, sign.role.clone());
            let (name, width, height) = (name.clone(), right - left, top - bottom);
            let mark = Engine::load().mark(&Mark { locale, name, role, at, width, height });
            (Target::Field(field), Some(mark.map_err(Failure::refused)?))
        }
        None => (invisible(sign, &bytes)?, None),
    };
    let anchors = sign.others.anchors()?;
    let fetcher = fetcher()?;
    let runtime = runtime()?;
    let checks = Checks { now: at, anchors: anchors.as_ref(), pool: &[], evidence: None };
    let known = runtime.block_on(asked_for(&signer, &checks, level, &fetcher))?;
    let checks = Checks { evidence: Some(&known), ..checks };
    signer.check(&checks).map_err(Failure::refused)?;
    let request = Request {
        field: target,
        signer: &name,
        reason: sign.reason.as_deref(),
        location: sign.location.as_deref(),
        time: at,
        appearance: mark.as_deref(),
        certify: sign.certify,
        time_stamp: level > Level::BB,
        chain: signer.chain(),
    };
    let none = Anchors::default();
    let services = sign.others.services(&fetcher, anchors.as_ref().unwrap_or(&none), at);
    let services = Services { known: Some(&known), ..services };
    let signing = level::sign(&bytes, &request, &signer, &checks, level, Some(&services));
    let outcome = runtime.block_on(signing).map_err(Failure::refused)?;
    keep(&outcome, level, &sign.output)
}

/// What is told of the chain of a key that may sign. At the level B-B nobody is asked, and who does not answer keeps nobody from signing.
async fn asked_for(signer: &Signer, checks: &Checks<'_>, level: Level, fetcher: &Fetcher) -> Result<Evidence, Failure> {
    let chain = match signer.chain().split_first() {
        Some((own, others)) if level > Level::BB => checks.chain(own, others).map_err(Failure::refused)?,
        _ => None,
    };
    Ok(match chain {
        Some(chain) => fetcher.evidence(&chain).await.0,
        None => Evidence::default(),
    })
}

pub(super) fn renew(renew: &Renew) -> Result<(), Failure> {
    let bytes = read(&renew.file)?;
    let anchors = renew.others.anchors()?.ok_or_else(|| Failure::refused("give `--trust CA.pem`"))?;
    let fetcher = fetcher()?;
    let services = renew.others.services(&fetcher, &anchors, now() / 1000);
    let outcome = runtime()?.block_on(level::renew(bytes, &services)).map_err(Failure::refused)?;
    keep(&outcome, Level::BLTA, &renew.output)
}

/// Writes what was signed, if it is what was asked for: nobody is here to raise it later.
fn keep(outcome: &Outcome, wanted: Level, output: &Path) -> Result<(), Failure> {
    if outcome.level < wanted {
        let why: Vec<String> = outcome.missing.iter().map(ToString::to_string).collect();
        return Err(Failure::refused(format!(
            "only the level {} can be reached, and nothing was written: {}",
            outcome.level,
            why.join("; ")
        )));
    }
    write_whole(output, &outcome.document)
}

impl Others {
    fn anchors(&self) -> Result<Option<Anchors>, Failure> {
        anchors(&self.trust)
    }

    fn services<'a>(&'a self, fetcher: &'a Fetcher, anchors: &'a Anchors, now: i64) -> Services<'a> {
        Services { fetcher, servers: &self.tsa, anchors, pool: &[], known: None, label: "Tidsstempel", now }
    }
}

/// Who is trusted: all certificates of some files; nothing without any.
pub(super) fn anchors(files: &[PathBuf]) -> Result<Option<Anchors>, Failure> {
    let mut all = Vec::new();
    for path in files {
        all.extend(read_certificates(path).map_err(unreadable)?);
    }
    Ok((!all.is_empty()).then(|| Anchors::new(all)))
}

/// Asks wherever certificates say: those of whoever runs this command, of the time-stamp servers named, and of a file that is renewed, which is
/// why its help says to renew only what is known.
fn fetcher() -> Result<Fetcher, Failure> {
    let client = http_client().build().map_err(Failure::told)?;
    Ok(Fetcher::new(client, Policy::Only(std::sync::Arc::new(|_| true)), Patience::default()))
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|error| Failure::told(format!("can not read `{}`: {error}", path.display())))
}

fn signer(sign: &Sign) -> Result<Signer, Failure> {
    let password = match &sign.password_env {
        Some(name) => Some(Zeroizing::new(
            std::env::var(name).map_err(|_| Failure::refused(format!("the variable `{name}` is not set")))?,
        )),
        None => None,
    };
    let password = password.as_ref().map(|password| password.as_str());
    read_signer(&sign.key, sign.certificates.as_deref(), password).map_err(|error| match error {
        KeysError::Alone(_) => Failure::refused("a PEM key needs `--certificates CHAIN.pem`"),
        error => unreadable(error),
    })
}

/// A file that can not be read is told as such; one that holds something else is refused.
fn unreadable(error: KeysError) -> Failure {
    if matches!(error, KeysError::File { .. }) { Failure::caused(error) } else { Failure::refused(with_causes(&error)) }
}

/// The visible field that is to be signed, with its rectangle in points; nothing for one that is not to be seen.
fn place(sign: &Sign, bytes: &[u8]) -> Result<Option<(String, [f64; 4])>, Failure> {
    let Some(name) = &sign.field else { return Ok(None) };
    let fields = fields(bytes)?;
    let found = fields.iter().find(|field| field.name == *name);
    Ok(found.and_then(|field| Some((field.name.clone(), field.rect?))))
}

fn fields(bytes: &[u8]) -> Result<Vec<SignatureField>, Failure> {
    File::read(bytes).and_then(|file| field::fields(&file)).map_err(Failure::refused)
}

/// A field without a place: the one that was named, if it is there, or a new one with a name that is free.
fn invisible(sign: &Sign, bytes: &[u8]) -> Result<Target, Failure> {
    if let Some(name) = &sign.field {
        return Ok(Target::Field(name.clone()));
    }
    let fields = fields(bytes)?;
    let is_free = |name: &String| !fields.iter().any(|field| field.name == *name);
    let name = (1..=fields.len() + 1).map(|number| format!("signature-{number}")).find(is_free).unwrap_or_default();
    let name = FieldName::parse(&name).map_err(Failure::refused)?;
    Ok(Target::Invisible { name, label: "Underskrift".to_owned() })
}
