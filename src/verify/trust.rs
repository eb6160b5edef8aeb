//! Whether a certificate was good at a time: its chain (RFC 5280, 6) and its revocation (ETSI EN 319 102-1, 5.2.6 and 5.5.4).

use super::evidence::{Store, is_good};
use super::pdf::PdfError;
use super::reason::ReasonCode;
use super::report::{CertificateFacts, RevocationState};
use super::{Policy, RevocationPolicy, instant};
use crate::pki::chain::{Fault, build};
use crate::pki::revocation::Reason as Why;
use crate::pki::{Certificate, Chain, ChainError, Proof, Purpose, Status, Weakness};

/// At which time a certificate has to be good.
#[derive(Debug, Clone, Copy)]
pub(super) struct Control {
    /// The earliest time at which what it signed is known to have been there; now, if there is none.
    pub at: i64,
    /// There is such a time.
    pub is_proven: bool,
    /// What the signer says about the time.
    pub claimed: Option<i64>,
}

/// What is known of a certificate.
pub(super) struct Judged {
    pub chain: Option<Chain>,
    pub faults: Vec<ReasonCode>,
    /// The leaf, and those above it.
    pub facts: Vec<CertificateFacts>,
}

impl Judged {
    /// It leads to an anchor, and nothing is known against it.
    pub fn is_trusted(&self) -> bool {
        use ReasonCode as R;
        let harmless =
            |fault: &ReasonCode| matches!(fault, R::RevocationUnknown | R::RevocationNotAsked | R::RevokedLater);
        self.chain.is_some() && self.faults.iter().all(harmless)
    }
}

/// Judges a certificate.
pub(super) fn judge(
    leaf: &Certificate,
    purpose: Purpose,
    control: Control,
    store: &Store,
    policy: &Policy,
) -> Result<Judged, PdfError> {
    let chain = match build(leaf, &store.certificates, &policy.anchors, control.at, purpose) {
        Ok(chain) => chain,
        Err(error) => return without_chain(leaf, &error, control, store, policy),
    };
    let mut faults = Vec::new();
    for weakness in chain.strengths().iter().flat_map(crate::pki::Strength::weaknesses) {
        push(&mut faults, weak(weakness));
    }
    let mut facts = Vec::new();
    for (index, (certificate, issuer)) in chain.links().enumerate() {
        let (state, revoked_at, fault) = revocation(certificate, issuer, control, index == 0, store, policy)?;
        if let Some(fault) = fault {
            push(&mut faults, fault);
        }
        facts.push(fact(certificate, policy, state, revoked_at));
    }
    let anchor = chain.certificates().last();
    facts.extend(anchor.map(|anchor| fact(anchor, policy, RevocationState::NotChecked, None)));
    Ok(Judged { chain: Some(chain), faults, facts })
}

fn without_chain(
    leaf: &Certificate,
    error: &ChainError,
    control: Control,
    store: &Store,
    policy: &Policy,
) -> Result<Judged, PdfError> {
    let facts = error.chain.iter().map(|link| fact(link, policy, RevocationState::NotChecked, None)).collect();
    let mut facts: Vec<_> = facts;
    if facts.is_empty() {
        facts.push(fact(leaf, policy, RevocationState::NotChecked, None));
    }
    let fault = match error.fault {
        Fault::NoIssuer | Fault::TooLong => ReasonCode::NoTrustAnchor,
        Fault::Expired(_) if error.is_of_leaf() => expired(leaf, control, store, policy)?,
        Fault::NotYetValid(_) if error.is_of_leaf() && control.is_proven => ReasonCode::CertificateNotYetValid,
        Fault::NotYetValid(_) if error.is_of_leaf() => ReasonCode::CertificateFromTheFuture,
        Fault::Usage => ReasonCode::ChainConstraints,
        _ => ReasonCode::ChainInvalid,
    };
    Ok(Judged { chain: None, faults: vec![fault], facts })
}

/// Which of the two words there are for a certificate that has expired.
fn expired(leaf: &Certificate, control: Control, store: &Store, policy: &Policy) -> Result<ReasonCode, PdfError> {
    let issuer = store.certificates.iter().chain(policy.anchors.certificates());
    let issuer = issuer
        .filter(|issuer| issuer.subject().is(leaf.issuer()))
        .find(|issuer| leaf.is_signed_by(issuer.public_key()).is_ok());
    let Some(issuer) = issuer else { return Ok(ReasonCode::CertificateExpired) };
    let proofs = store.proofs(leaf, issuer)?;
    if proofs.iter().any(|proof| proof.is_revoked_at(control.at)) {
        return Ok(ReasonCode::RevokedNoProof);
    }
    let good = proofs
        .iter()
        .any(|proof| proof.status == Status::Good && !proof.expired_before && proof.this_update >= leaf.not_after());
    Ok(if good { ReasonCode::CertificateExpiredNotRevoked } else { ReasonCode::CertificateExpired })
}

/// What is known of the revocation of one certificate, and what that means.
fn revocation(
    certificate: &Certificate,
    issuer: &Certificate,
    control: Control,
    is_leaf: bool,
    store: &Store,
    policy: &Policy,
) -> Result<(RevocationState, Option<i64>, Option<ReasonCode>), PdfError> {
    let proofs = store.proofs(certificate, issuer)?;
    if let Some((since, proof)) = revoked(&proofs) {
        if proof.is_revoked_at(control.at) {
            let fault = match (is_leaf, control.claimed) {
                (true, Some(claimed)) if claimed >= since => ReasonCode::Revoked,
                (true, _) => ReasonCode::RevokedNoProof,
                (false, _) => ReasonCode::CaRevokedNoProof,
            };
            return Ok((RevocationState::Revoked, Some(since), Some(fault)));
        }
        return Ok((RevocationState::Good, Some(since), Some(ReasonCode::RevokedLater)));
    }
    if proofs.iter().any(|proof| is_good(proof, control.at, policy.now)) {
        return Ok((RevocationState::Good, None, None));
    }
    let fault = match policy.revocation {
        // Who has expired is not told of any more, and nobody can find out later.
        _ if certificate.not_after() < policy.now => ReasonCode::ExpiredSince,
        RevocationPolicy::Required => ReasonCode::RevocationUnknown,
        RevocationPolicy::IfPresent => ReasonCode::RevocationNotAsked,
    };
    Ok((RevocationState::Unknown, None, Some(fault)))
}

/// The proof of revocation that tells of the earliest time. Being on hold ends when a later proof says so.
fn revoked(proofs: &[Proof]) -> Option<(i64, &Proof)> {
    let latest = proofs.first()?;
    let told = proofs.iter().filter_map(|proof| match proof.status {
        Status::Revoked { at, reason, invalid_since } => {
            let is_over = reason == Why::CertificateHold && latest.status == Status::Good;
            (!is_over).then(|| (invalid_since.map_or(at, |since| since.min(at)), proof))
        }
        Status::Good | Status::Unknown => None,
    });
    told.min_by_key(|(since, _)| *since)
}

pub(super) fn weak(weakness: Weakness) -> ReasonCode {
    match weakness {
        Weakness::Sha1 => ReasonCode::WeakDigest,
        Weakness::ShortRsa(_) => ReasonCode::WeakKey,
    }
}

pub(super) fn push(faults: &mut Vec<ReasonCode>, fault: ReasonCode) {
    if !faults.contains(&fault) {
        faults.push(fault);
    }
}

/// What a report says of a certificate.
pub(super) fn fact(
    certificate: &Certificate,
    policy: &Policy,
    revocation: RevocationState,
    revoked_at: Option<i64>,
) -> CertificateFacts {
    let subject = certificate.subject();
    CertificateFacts {
        subject: subject.to_string(),
        common_name: subject.common_name().map(str::to_owned),
        organization: subject.organisation().map(str::to_owned),
        organization_identifier: subject.organisation_id().map(str::to_owned),
        issuer: certificate.issuer().to_string(),
        serial: certificate.serial_hex(),
        sha256: certificate.fingerprint_hex(),
        not_before: instant(certificate.not_before()),
        not_after: instant(certificate.not_after()),
        anchor: policy.anchors.contains(certificate),
        revocation,
        revoked_at: revoked_at.map(instant),
    }
}
