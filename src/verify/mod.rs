//! Judges signed PDFs (ISO 32000-2, 12.8; ETSI EN 319 142-1) by the words of ETSI EN 319 102-1.
//!
//! Bytes, trust anchors and a time go in, a report comes out. Nothing is fetched, no clock is read, nothing is trusted that the caller
//! did not give. Files are taken to be hostile: they are read without repairing anything, and work is counted, so that the answer for one
//! file is the same everywhere and always comes.
//!
//! A signature is over the bytes that `/ByteRange` names. Whether these are the document that a reader shows is another question, and
//! most attacks on signed PDFs live between the two. So `signature` insists that a signature is over one whole revision without anything
//! but its own value, and `changes` that later revisions do nothing to it that may not be.

mod changes;
mod evidence;
mod facts;
mod judge;
mod pdf;
mod reason;
pub mod report;
mod signature;
pub mod text;
mod token;
mod trust;
mod value;

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use crate::pki::revocation::Evidence;
use crate::pki::{Anchors, Certificate, Chain, hex};
use evidence::Store;
use judge::Bench;
use pdf::{Budget, File, PdfError, entry};
use reason::together;
use report::{FileFacts, SignatureReport};
pub use report::{Indication, Reason, ReasonCode, Report, SubIndication};
use signature::Format;
use value::Value;

/// Largest file that is looked at, in bytes.
pub const LARGEST: usize = 128 * 1024 * 1024;
/// Values that may be parsed in one file, and what else takes as much memory; altogether some 300 MiB.
const MOST_VALUES: usize = 4_000_000;
/// Bytes that may come out of all compressed streams that are read.
const MOST_INFLATED: usize = 64 * 1024 * 1024;
/// Values that may be looked at in all comparisons.
const MOST_STEPS: usize = 50_000_000;

/// What is asked of revocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RevocationPolicy {
    /// Every certificate but the anchors has to be proven good; else the verdict is `INDETERMINATE`, `TRY_LATER`.
    #[default]
    Required,
    /// Proofs are heeded where there are some.
    IfPresent,
}

/// By what a file is judged.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Who is trusted, for signatures and time stamps alike. Without one nothing is ever `TOTAL-PASSED`.
    pub anchors: Anchors,
    /// What is asked of revocation.
    pub revocation: RevocationPolicy,
    /// Proofs that were fetched, beside those in the file.
    pub evidence: Evidence,
    /// Certificates that were fetched, beside those in the file. They are not trusted.
    pub certificates: Vec<Certificate>,
    /// What time it is, in seconds since 1970.
    pub now: i64,
}

/// Judges a file.
#[must_use]
pub fn verify(bytes: &[u8], policy: &Policy) -> Report {
    verify_asking(bytes, policy).0
}

/// Judges a file, and tells for which chains more would have to be known: each leads from a certificate that signed to an anchor, and of one in it
/// nothing tells whether it is revoked. With proofs that were fetched for them ([`Policy::evidence`]) the file may be judged once more.
#[must_use]
pub fn verify_asking(bytes: &[u8], policy: &Policy) -> (Report, Vec<Chain>) {
    let budget = Budget::new(MOST_VALUES, MOST_INFLATED, MOST_STEPS);
    let mut open = Vec::new();
    let report = within(bytes, policy, &budget, &mut open);
    (report, open)
}

fn within(bytes: &[u8], policy: &Policy, budget: &Budget, open: &mut Vec<Chain>) -> Report {
    let mut file = FileFacts {
        size: bytes.len(),
        sha256: hex(&Sha256::digest(bytes)),
        revisions: 0,
        encrypted: false,
        hybrid: false,
        loose_signatures: 0,
        ends: Vec::new(),
    };
    let mut reasons = Vec::new();
    let signatures = match examine(bytes, policy, budget, (&mut file, &mut reasons, open)) {
        Ok(signatures) => signatures,
        Err(fault) => {
            reasons.push(fault);
            Vec::new()
        }
    };
    let reasons: Vec<Reason> = reasons.into_iter().map(Reason::from).collect();
    let (mut indication, mut sub_indication) = together(&reasons);
    for signature in &signatures {
        if signature.indication > indication {
            (indication, sub_indication) = (signature.indication, signature.sub_indication);
        }
    }
    Report { indication, sub_indication, reasons, file, signatures }
}

/// Looks at the file and its signatures.
fn examine(
    bytes: &[u8],
    policy: &Policy,
    budget: &Budget,
    (facts, reasons, open): (&mut FileFacts, &mut Vec<ReasonCode>, &mut Vec<Chain>),
) -> Result<Vec<SignatureReport>, ReasonCode> {
    if bytes.len() > LARGEST {
        return Err(ReasonCode::TooLarge);
    }
    if !bytes.starts_with(b"%PDF-") {
        return Err(ReasonCode::NotAPdf);
    }
    let file = File::open(bytes, budget).map_err(unreadable)?;
    facts.revisions = file.sections.len();
    facts.ends = file.sections.iter().filter_map(|section| section.eof).collect();
    facts.encrypted = file.sections.iter().any(|section| entry(&section.trailer, "Encrypt").is_some());
    facts.hybrid = file.sections.iter().any(|section| section.hybrid);
    if facts.encrypted {
        return Err(ReasonCode::Encrypted);
    }
    if facts.hybrid {
        reasons.push(ReasonCode::Hybrid);
    }
    if file.has_trailing_bytes() {
        reasons.push(ReasonCode::BytesAfterEnd);
    }
    let located = signature::signatures(&file).map_err(|error| match error {
        PdfError::Limit => ReasonCode::TooMuchWork,
        _ => ReasonCode::FormUnreadable,
    })?;
    facts.loose_signatures = signature::loose(&file, &located);
    if facts.loose_signatures > 0 {
        reasons.push(ReasonCode::LooseSignature);
    }
    // A time stamp proves that the file is old, and not that anybody stands by it.
    if located.iter().all(|located| located.format == Format::Timestamp) {
        reasons.push(ReasonCode::NoSignatures);
    }
    judged(&file, policy, &located, open).map_err(unreadable)
}

fn judged(
    file: &File<'_>,
    policy: &Policy,
    located: &[signature::Located],
    open: &mut Vec<Chain>,
) -> Result<Vec<SignatureReport>, PdfError> {
    let values: Vec<Value> = located.iter().map(Value::read).collect();
    let mut own = Store::of(file, file.newest())?;
    let mut store = Store::of(file, file.newest())?;
    for data in values.iter().filter_map(Value::data) {
        for store in [&mut own, &mut store] {
            store.add(data.certificates(), data.crls(), data.ocsp_responses());
        }
    }
    own.add(&policy.certificates, &[], &[]);
    store.add(&policy.certificates, &[], &[]);
    store.add_evidence(&policy.evidence);
    let mut bench = Bench::new(file, policy, &store, &own);
    let mut reports = Vec::new();
    for (located, value) in located.iter().zip(&values).rev() {
        reports.push(bench.judge(located, value)?);
    }
    reports.reverse();
    *open = bench.open.into_inner();
    Ok(reports)
}

fn unreadable(error: PdfError) -> ReasonCode {
    match error {
        PdfError::Limit => ReasonCode::TooMuchWork,
        PdfError::Syntax(_) | PdfError::Structure(_) => ReasonCode::Unreadable,
    }
}

/// Seconds since 1970 as a time; what lies beyond the calendar becomes its end.
fn instant(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap_or(if seconds < 0 { Timestamp::MIN } else { Timestamp::MAX })
}

/// What the fuzz target calls: judges anything, within a small budget, trusting nobody.
///
/// # Panics
/// A file passes although nobody is trusted.
#[cfg(any(fuzzing, test))]
pub fn fuzz(bytes: &[u8]) {
    let budget = Budget::new(200_000, 4 * 1024 * 1024, 500_000);
    let policy = Policy {
        anchors: Anchors::default(),
        revocation: RevocationPolicy::IfPresent,
        evidence: Evidence::default(),
        certificates: Vec::new(),
        now: 1_800_000_000,
    };
    let report = within(bytes, &policy, &budget, &mut Vec::new());
    assert_ne!(report.indication, Indication::TotalPassed, "nobody is trusted");
    text::fuzz(bytes);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_bytes_get_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            fuzz(&bytes);
            fuzz(&[b"%PDF-1.7\n", &bytes[..], b"\nstartxref\n9\n%%EOF\n"].concat());
            let head = b"%PDF-1.7\nxref\n0 1\n0000000000 65535 f\r\ntrailer\n<<";
            fuzz(&[head, &bytes[..], b">>\nstartxref\n9\n%%EOF\n"].concat());
        }

        #[test]
        fn any_field_gets_an_answer(text in "[]\\[<>()/A-Za-z0-9 #.+%\\n-]{0,200}") {
            let catalog = "<</Type/Catalog/AcroForm<</Fields[2 0 R]>>/Pages 2 0 R>>";
            let body = format!("%PDF-1.7\n1 0 obj\n{catalog}\nendobj\n2 0 obj\n{text}\nendobj\n");
            let second = body.find("2 0 obj").unwrap_or(0);
            let table = format!("xref\n0 3\n0000000000 65535 f\r\n0000000009 00000 n\r\n{second:010} 00000 n\r\n");
            let end = format!("trailer\n<</Size 3/Root 1 0 R>>\nstartxref\n{}\n%%EOF\n", body.len());
            fuzz(format!("{body}{table}{end}").as_bytes());
        }
    }
}
