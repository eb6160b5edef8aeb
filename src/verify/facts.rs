//! What a report says of a signature beside the verdict.

use super::instant;
use super::report::{
    Algorithms, ChangeVerdict, Changes, Indication, ProvenTime, SignatureKind, SignatureReport, Strength, TimeSource,
};
use super::signature::{Format, Located};
use super::trust::Judged;
use crate::pki::algorithm::Level;
use crate::pki::cms::SignerInfo;
use crate::pki::{Certificate, Hash, oid};

/// A report of which nothing is known yet but where the signature is.
pub(super) fn blank(located: &Located) -> SignatureReport {
    let is_time = located.format == Format::Timestamp;
    SignatureReport {
        field: located.field.clone(),
        kind: if is_time { SignatureKind::DocumentTimestamp } else { SignatureKind::Signature },
        indication: Indication::Indeterminate,
        sub_indication: None,
        reasons: Vec::new(),
        format: located.format_name.clone(),
        intact: false,
        valid: false,
        trusted: false,
        signer: None,
        chain: Vec::new(),
        claimed_time: located.claimed_time,
        proven_time: None,
        level: None,
        coverage: located.coverage,
        changes: Changes { verdict: ChangeVerdict::Unknown, list: Vec::new() },
        algorithms: None,
        certification: located.certification,
    }
}

pub(super) fn show_chain(report: &mut SignatureReport, judged: Option<&Judged>) {
    let mut facts = judged.map(|judged| judged.facts.clone()).unwrap_or_default().into_iter();
    report.signer = facts.next();
    report.chain = facts.collect();
}

pub(super) fn algorithms(signer: &SignerInfo, certificate: &Certificate) -> Option<Algorithms> {
    let algorithm = signer.algorithm().ok()?;
    let key = certificate.public_key().kind();
    let strength = match (crate::pki::Strength { algorithm, key }.level(), signer.hash()) {
        (Level::Weak, _) | (_, Hash::Sha1) => Strength::Weak,
        (Level::Legacy, _) => Strength::Legacy,
        (Level::Recommended, _) => Strength::Recommended,
    };
    Some(Algorithms {
        digest: signer.hash().name().to_owned(),
        signature: algorithm.name(),
        key_bits: key.bits(),
        strength,
    })
}

/// A seal is of an organisation: its certificate says so (ETSI EN 319 412-5), or has an organisation's number and no name of a person.
pub(super) fn kind(certificate: &Certificate) -> SignatureKind {
    let subject = certificate.subject();
    let is_person = subject.value(oid::GIVEN_NAME).is_some() || subject.value(oid::SURNAME).is_some();
    let qualified = certificate.qualified();
    if qualified.seal || subject.organisation_id().is_some() && !is_person && !qualified.signature {
        SignatureKind::Seal
    } else {
        SignatureKind::Signature
    }
}

pub(super) fn proven(time: i64, source: TimeSource, authority: Option<&Certificate>) -> ProvenTime {
    ProvenTime { time: instant(time), source, authority: authority.map(|authority| authority.subject().short()) }
}
