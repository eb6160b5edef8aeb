//! `skoledok verify`: judges the signatures in a file, in words or as JSON.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::document::print_findings;
use super::file::read_bounded;
use super::names::KindName;
use super::sign::anchors;
use super::{Failure, print_text, runtime};
use crate::access::now;
use crate::document::Kind;
use crate::http::{evidence_fetcher, fetched_evidence};
use crate::pipeline::{self, Order, ProduceError};
use crate::pki::revocation::Evidence;
use crate::record::Reproduced;
use crate::render::Engine;
use crate::validate::{self, MAX_BODY};
use crate::verify::report::{
    CertificateFacts, ChangeVerdict, Coverage, Extent, RevocationState, SignatureKind, SignatureReport, Strength,
    TimeSource,
};
use crate::verify::{self, Indication, LARGEST, Policy, Reason, Report, RevocationPolicy};
use crate::webhook::AllowedTarget;

/// Longest time for one answer of who is asked for revocation.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Args)]
pub(super) struct Verify {
    /// Signed PDF, or `-` for standard input.
    file: PathBuf,
    /// Certificates as PEM of who is trusted, for signatures and time stamps. Without any, no signature is TOTAL-PASSED.
    #[arg(long, value_name = "CA.pem")]
    trust: Vec<PathBuf>,
    /// Whether each certificate has to be proven not to be revoked.
    #[arg(long, default_value = "required")]
    revocation: RevocationName,
    /// Ask for revocation where the file does not prove it: at the addresses that the certificates of trusted chains name, if they are public.
    #[arg(long)]
    fetch: bool,
    /// Host, address or network that may be asked though it is not public.
    #[arg(long, value_name = "HOST", requires = "fetch")]
    fetch_from: Vec<AllowedTarget>,
    /// Body (JSON) that the file may have been made of: tells whether this program makes exactly this file of it.
    #[arg(long, value_name = "BODY.json", requires = "kind")]
    document: Option<PathBuf>,
    /// Kind of that document.
    #[arg(long, requires = "document")]
    kind: Option<KindName>,
    /// Print the whole report as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum RevocationName {
    /// Yes; else INDETERMINATE.
    Required,
    /// Only nothing may say that it is.
    IfPresent,
}

/// What is printed as JSON.
#[derive(Serialize)]
struct Whole<'a> {
    #[serde(flatten)]
    report: &'a Report,
    #[serde(skip_serializing_if = "Option::is_none")]
    reproduced: Option<Reproduced>,
}

pub(super) fn run(verify: &Verify) -> Result<(), Failure> {
    let bytes = read_bounded(&verify.file, "the file", LARGEST)?;
    let anchors = anchors(&verify.trust).map_err(misused)?.unwrap_or_default();
    let is_anybody_trusted = !anchors.certificates().is_empty();
    let mut policy = Policy {
        anchors,
        revocation: match verify.revocation {
            RevocationName::Required => RevocationPolicy::Required,
            RevocationName::IfPresent => RevocationPolicy::IfPresent,
        },
        evidence: Evidence::default(),
        certificates: Vec::new(),
        now: now() / 1000,
    };
    let (mut report, open) = verify::verify_asking(&bytes, &policy);
    if verify.fetch && !open.is_empty() {
        let fetcher = evidence_fetcher(verify.fetch_from.clone(), PATIENCE).map_err(Failure::told)?;
        policy.evidence = runtime()?.block_on(fetched_evidence(&fetcher, &open));
        report = verify::verify(&bytes, &policy);
    }
    let of_document = verify.document.as_ref().zip(verify.kind);
    let reproduced = of_document.map(|(path, kind)| reproduce(&bytes, path, kind.0)).transpose()?;
    if verify.json {
        let whole = Whole { report: &report, reproduced };
        print_text(&serde_json::to_string_pretty(&whole).map_err(Failure::told)?)?;
    } else {
        print_text(in_words(&report, reproduced, is_anybody_trusted).trim_end())?;
    }
    let is_good = report.indication == Indication::TotalPassed && reproduced != Some(Reproduced::Different);
    if is_good { Ok(()) } else { Err(Failure::Faults) }
}

/// What is no verdict on the file ends with another status than one.
fn misused(failure: Failure) -> Failure {
    match failure {
        Failure::Refused(message) => Failure::Told(message),
        other => other,
    }
}

fn reproduce(file: &[u8], path: &Path, kind: Kind) -> Result<Reproduced, Failure> {
    let bytes = read_bounded(path, "the body", MAX_BODY)?;
    let body = validate::read_json(&bytes).map_err(|error| Failure::told(format!("the body is not JSON: {error}")))?;
    let engine = Engine::load();
    for options in Reproduced::ways() {
        let made = match pipeline::produce(&engine, Order { kind, body: body.clone(), options }) {
            Ok(made) => made.rendered.bytes,
            Err(ProduceError::Invalid { violations, locale }) => {
                print_findings(&violations, locale, "");
                return Err(Failure::told("nothing can be made of the body"));
            }
            Err(error) => return Err(Failure::caused(error)),
        };
        let found = Reproduced::compare(file, &made);
        if found != Reproduced::Different {
            return Ok(found);
        }
    }
    Ok(Reproduced::Different)
}

fn in_words(report: &Report, reproduced: Option<Reproduced>, is_anybody_trusted: bool) -> String {
    let mut text = Text::default();
    text.head("file", report.indication, report.sub_indication);
    text.reasons(&report.reasons);
    text.line("size", &format!("{} bytes, {}", report.file.size, counted(report.file.revisions, "revision")));
    text.line("SHA-256", &report.file.sha256);
    match reproduced {
        Some(Reproduced::WholeFile) => text.line("document", "this body gives exactly this file"),
        Some(Reproduced::FirstRevision) => {
            text.line("document", "this body gives exactly the file as it first was; what follows was added");
        }
        Some(Reproduced::Different) => text.line("document", "this body does not give this file with this program"),
        None => {}
    }
    if !is_anybody_trusted {
        text.line("note", "nobody is trusted; give `--trust CA.pem`");
    }
    for signature in &report.signatures {
        text.0.push('\n');
        text.signature(signature);
    }
    text.0
}

fn counted(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// A value as it is called in JSON.
fn name(value: impl Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

/// Lines for people.
#[derive(Default)]
struct Text(String);

impl Text {
    /// Words from a file or a certificate could be anybody's: nothing in them moves a terminal or turns the direction of a line.
    fn line(&mut self, label: &str, value: &str) {
        let is_harmless = |character: char| {
            !character.is_control()
                && !matches!(character, '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}')
        };
        let value: String =
            value.chars().map(|character| if is_harmless(character) { character } else { '\u{FFFD}' }).collect();
        let line = format!("  {label:<12}{value}\n");
        self.0.push_str(&line);
    }

    fn head(&mut self, what: &str, indication: Indication, sub_indication: Option<verify::SubIndication>) {
        let why = sub_indication.map(|why| format!(", {}", name(why))).unwrap_or_default();
        let from = self.0.len();
        self.line("", &format!("{what}: {}{why}", name(indication)));
        let head = self.0.split_off(from);
        self.0.push_str(head.trim_start());
    }

    fn reasons(&mut self, reasons: &[Reason]) {
        for reason in reasons {
            self.line(if reason.code.verdict().is_some() { "why" } else { "note" }, reason.text);
        }
    }

    fn signature(&mut self, signature: &SignatureReport) {
        self.head(&signature.field, signature.indication, signature.sub_indication);
        self.reasons(&signature.reasons);
        let label = match signature.kind {
            SignatureKind::Signature => "signed by",
            SignatureKind::Seal => "sealed by",
            SignatureKind::DocumentTimestamp => "stamped by",
        };
        match &signature.signer {
            Some(signer) => self.line(label, &whose(signer)),
            None => self.line(label, "nobody knows whom"),
        }
        for certificate in &signature.chain {
            self.line("issued by", &whose(certificate));
        }
        let trust = if signature.trusted { "trusted" } else { "not trusted" };
        let intact = match (signature.intact, signature.valid) {
            (true, true) => "intact",
            (true, false) => "the bytes are intact, the signature is not valid",
            (false, _) => "not intact",
        };
        self.line("state", &format!("{intact}; {trust}"));
        self.time(signature);
        let level = signature.level.map_or_else(|| "none of PAdES".to_owned(), name);
        let format = signature.format.as_deref().map(|format| format!(" ({format})")).unwrap_or_default();
        self.line("level", &format!("{level}{format}"));
        self.line("covers", &covered(signature.coverage));
        self.changes(signature);
        if let Some(permission) = signature.certification {
            self.line("certifies", &format!("with permission {permission} for changes"));
        }
        if let Some(made) = &signature.algorithms {
            let strength = match made.strength {
                Strength::Recommended => "good for years",
                Strength::Legacy => "good today, to be replaced",
                Strength::Weak => "too weak",
            };
            self.line("algorithm", &format!("{}, {}, {} bits: {strength}", made.digest, made.signature, made.key_bits));
        }
    }

    fn time(&mut self, signature: &SignatureReport) {
        if let Some(proven) = &signature.proven_time {
            let source = match proven.source {
                TimeSource::SignatureTimestamp => "by a time stamp in the signature",
                TimeSource::DocumentTimestamp => "by a time stamp over the document",
            };
            let of = proven.authority.as_deref().map(|authority| format!(" of {authority}")).unwrap_or_default();
            self.line("time", &format!("{}, proven {source}{of}", proven.time));
        }
        if let Some(claimed) = signature.claimed_time {
            self.line("time", &format!("{claimed}, says the signature"));
        }
    }

    fn changes(&mut self, signature: &SignatureReport) {
        let verdict = match signature.changes.verdict {
            ChangeVerdict::None => "none",
            ChangeVerdict::Allowed => "only what may be",
            ChangeVerdict::Forbidden => "some that may not be",
            ChangeVerdict::Unknown => "not known",
        };
        self.line("changes", verdict);
        for change in &signature.changes.list {
            let allowed = if change.allowed { "allowed" } else { "NOT ALLOWED" };
            let field = change.field.as_deref().map(|field| format!(" `{field}`")).unwrap_or_default();
            let what = name(change.code).replace('_', " ");
            self.line("", &format!("{what}{field} in revision {}: {allowed}", change.revision));
        }
    }
}

fn whose(certificate: &CertificateFacts) -> String {
    let revocation = match certificate.revocation {
        RevocationState::NotChecked => String::new(),
        RevocationState::Good => ", not revoked".to_owned(),
        RevocationState::Revoked => match certificate.revoked_at {
            Some(at) => format!(", REVOKED {at}"),
            None => ", REVOKED".to_owned(),
        },
        RevocationState::Unknown => ", revocation not known".to_owned(),
    };
    let anchor = if certificate.anchor { ", trust anchor" } else { "" };
    let (from, until) = (certificate.not_before, certificate.not_after);
    format!("{} (valid {from} to {until}{revocation}{anchor})", certificate.subject)
}

fn covered(coverage: Coverage) -> String {
    match (coverage.extent, coverage.revision, coverage.end) {
        (Extent::WholeFile, ..) => "the whole file".to_owned(),
        (Extent::Revision, Some(revision), Some(end)) => format!("the file up to revision {revision} ({end} bytes)"),
        (Extent::Revision, ..) => "an earlier revision".to_owned(),
        (Extent::Unclear, ..) => "no whole revision".to_owned(),
    }
}
