//! Whether a certificate was revoked, as a CRL or an OCSP response tells it.

use std::sync::{Mutex, PoisonError};

use super::algorithm::{SignatureError, Strength};
use super::certificate::Certificate;
use super::chain::Chain;
use super::crl::Crl;
use super::der::{self, DerError, tag};
use super::ocsp::OcspResponse;

/// Why a certificate was revoked (RFC 5280, 5.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Not told, or a number that has no meaning.
    Unspecified,
    /// The key is known to others.
    KeyCompromise,
    /// The key of the authority is known to others.
    CaCompromise,
    /// The subject has changed.
    AffiliationChanged,
    /// There is a newer one.
    Superseded,
    /// It is not needed any more.
    CessationOfOperation,
    /// It is on hold, and may be good again later.
    CertificateHold,
    /// It was on hold (in delta CRLs).
    RemoveFromCrl,
    /// What was promised of the subject does not hold any more.
    PrivilegeWithdrawn,
    /// The key of the attribute authority is known to others.
    AaCompromise,
}

impl Reason {
    /// The reason of a CRLReason.
    #[must_use]
    pub fn of(code: u64) -> Self {
        match code {
            1 => Self::KeyCompromise,
            2 => Self::CaCompromise,
            3 => Self::AffiliationChanged,
            4 => Self::Superseded,
            5 => Self::CessationOfOperation,
            6 => Self::CertificateHold,
            8 => Self::RemoveFromCrl,
            9 => Self::PrivilegeWithdrawn,
            10 => Self::AaCompromise,
            _ => Self::Unspecified,
        }
    }

    /// Reads a CRLReason.
    pub(super) fn from_der(bytes: &[u8]) -> Result<Self, DerError> {
        der::small(der::only(bytes, tag::ENUMERATED)?.body).map(Self::of)
    }

    /// Its name in RFC 5280.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Unspecified => "unspecified",
            Self::KeyCompromise => "keyCompromise",
            Self::CaCompromise => "cACompromise",
            Self::AffiliationChanged => "affiliationChanged",
            Self::Superseded => "superseded",
            Self::CessationOfOperation => "cessationOfOperation",
            Self::CertificateHold => "certificateHold",
            Self::RemoveFromCrl => "removeFromCRL",
            Self::PrivilegeWithdrawn => "privilegeWithdrawn",
            Self::AaCompromise => "aACompromise",
        }
    }
}

/// What is told of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It was not revoked.
    Good,
    /// It was revoked.
    Revoked {
        /// When, in seconds since 1970.
        at: i64,
        /// Why.
        reason: Reason,
        /// Since when it must not be relied on, if that is told and earlier (RFC 5280, 5.3.2).
        invalid_since: Option<i64>,
    },
    /// The responder does not know it.
    Unknown,
}

/// Where a proof is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    /// A CRL.
    Crl,
    /// An OCSP response.
    Ocsp,
}

/// What is proven of a certificate: its status, by somebody who has the right to tell it, and for which time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// What is told.
    pub status: Status,
    /// Where from.
    pub source: Source,
    /// The time of which it tells, in seconds since 1970.
    pub this_update: i64,
    /// When there is news at the latest.
    pub next_update: Option<i64>,
    /// When it was made: `producedAt` of OCSP, `thisUpdate` of a CRL.
    pub produced_at: i64,
    /// How strongly it is signed.
    pub strength: Strength,
    /// The certificate of an OCSP responder in the issuer's place. Unless it [`needs_no_ocsp`](Certificate::needs_no_ocsp), it can be revoked itself.
    pub delegate: Option<Certificate>,
    /// The certificate had expired before `this_update`, and nothing says that expired ones are told of still: `Good` means nothing then.
    pub expired_before: bool,
}

impl Proof {
    /// Whether it can say something of a signature that was made at `signed`, judged at `now` (ETSI EN 319 102-1, 5.2.5): a proof of a later
    /// time than the signature is always fresh for it; an earlier one is for as long as its issuer promised (`next_update`), and without a promise
    /// for `longest` seconds. What tells of the future or was made there (`now` plus five minutes) is not.
    #[must_use]
    pub fn is_fresh(&self, signed: i64, now: i64, longest: i64) -> bool {
        let until = self.next_update.unwrap_or_else(|| self.this_update.saturating_add(longest));
        self.this_update.max(self.produced_at) <= now.saturating_add(LEEWAY)
            && (self.this_update >= signed || until >= signed)
    }

    /// Whether it says anything that counts: by algorithms that are strong enough, that the certificate was revoked, or that it was not at a time of
    /// which that can be told.
    #[must_use]
    pub fn is_telling(&self) -> bool {
        let says = match self.status {
            Status::Good => !self.expired_before,
            Status::Revoked { .. } => true,
            Status::Unknown => false,
        };
        says && self.strength.weaknesses().is_empty()
    }

    /// Whether it says that the certificate could not be relied on at a time. A certificate on hold could not from then on.
    #[must_use]
    pub fn is_revoked_at(&self, time: i64) -> bool {
        match self.status {
            Status::Revoked { at, invalid_since, .. } => time >= invalid_since.map_or(at, |since| since.min(at)),
            Status::Good | Status::Unknown => false,
        }
    }
}

/// Seconds by which clocks may differ.
pub const LEEWAY: i64 = 300;

/// Why a CRL or an OCSP response proves nothing about a certificate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RevocationError {
    /// No DER of one.
    #[error("this is no CRL or OCSP response in DER: {0}")]
    Der(#[from] DerError),
    /// Too long.
    #[error("the CRL or OCSP response is longer than is read here")]
    Length,
    /// It is of another issuer, or not about this certificate.
    #[error("it does not tell of this certificate")]
    Other,
    /// The signature is wrong.
    #[error("the signature on it is not good: {0}")]
    Signature(#[from] SignatureError),
    /// Who signed it has no right to.
    #[error("who signed it has no right to tell of this issuer's certificates")]
    Authority,
    /// It has a part that is not understood, such as an indirect or delta CRL.
    #[error("it is of a kind that is not understood here: {0}")]
    NotUnderstood(&'static str),
    /// The responder gave no answer.
    #[error("the responder gave no answer: {0}")]
    Refused(&'static str),
    /// Its times can not be true together.
    #[error("its times contradict each other")]
    Times,
    /// The nonce is another.
    #[error("the answer is to another question (nonce)")]
    Nonce,
}

/// What was found out of a proof with an issuer: signatures take time, long lists take more, and one proof tells of many certificates.
#[derive(Debug)]
pub(super) struct Known<T>(Mutex<Vec<([u8; 32], T)>>);

/// Most issuers that something is known with.
const MOST_KNOWN: usize = 4;

impl<T> Default for Known<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Clone> Known<T> {
    /// What is known with an issuer, or is found out now.
    pub(super) fn with(&self, issuer: &Certificate, find: impl FnOnce() -> T) -> T {
        let known = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, found)) = known().iter().find(|(of, _)| *of == issuer.fingerprint()) {
            return found.clone();
        }
        let found = find();
        let mut all = known();
        if all.len() < MOST_KNOWN {
            all.push((issuer.fingerprint(), found.clone()));
        }
        found
    }
}

/// The times of a proof fit together: it tells of no time after it was made, and promises news for none before it. Whoever had the right to answer
/// once, and no more, could otherwise go on to answer in that time's name.
pub(super) fn check_times(this_update: i64, next_update: Option<i64>, produced_at: i64) -> Result<(), RevocationError> {
    let is_later = this_update > produced_at.saturating_add(LEEWAY);
    if is_later || next_update.is_some_and(|next| next < this_update) { Err(RevocationError::Times) } else { Ok(()) }
}

/// Proofs at hand: what was fetched, or what a file brings with it.
#[derive(Debug, Clone, Default)]
pub struct Evidence {
    /// CRLs.
    pub crls: Vec<Crl>,
    /// OCSP responses.
    pub responses: Vec<OcspResponse>,
}

impl Evidence {
    /// Adds what is not there yet.
    pub fn add(&mut self, other: Self) {
        for crl in other.crls {
            if self.crls.iter().all(|one| one.der() != crl.der()) {
                self.crls.push(crl);
            }
        }
        for response in other.responses {
            if self.responses.iter().all(|one| one.der() != response.der()) {
                self.responses.push(response);
            }
        }
    }

    /// All that is proven of a certificate, what tells of the latest time first. What is broken, or of others, is left out. The signature on each that is
    /// about the certificate is checked, and none is passed over, however many stand before it: a file could bring along as much as hides what was
    /// fetched. How many there are is for the caller to bound.
    #[must_use]
    pub fn proofs(&self, certificate: &Certificate, issuer: &Certificate) -> Vec<Proof> {
        let crls = self.crls.iter().filter_map(|crl| crl.proof(certificate, issuer).ok());
        let responses = self.responses.iter().filter_map(|response| response.proof(certificate, issuer).ok());
        let mut proofs: Vec<Proof> = crls.chain(responses).collect();
        proofs.sort_by_key(|proof| std::cmp::Reverse(proof.this_update));
        proofs
    }

    /// Whether every certificate of a chain but its anchor has a proof that is fresh (see [`Proof::is_fresh`]), says something
    /// ([`Proof::is_telling`]), and is by somebody who could still tell it. It may say that the certificate was revoked.
    #[must_use]
    pub fn covers(&self, chain: &Chain, signed: i64, now: i64, longest: i64) -> bool {
        chain.links().all(|(certificate, issuer)| {
            let counts = |proof: &Proof| {
                proof.is_telling() && proof.is_fresh(signed, now, longest) && self.may_tell(proof, issuer)
            };
            self.proofs(certificate, issuer).iter().any(counts)
        })
    }

    /// Whether a responder in an issuer's place was not revoked itself, by the issuer's own word, unless nobody needs to ask (RFC 6960, 4.2.2.2.1).
    fn may_tell(&self, proof: &Proof, issuer: &Certificate) -> bool {
        let Some(delegate) = proof.delegate.as_ref().filter(|delegate| !delegate.needs_no_ocsp()) else { return true };
        let about = self.proofs(delegate, issuer);
        let mut direct = about.iter().filter(|about| about.delegate.is_none() && about.is_telling()).peekable();
        direct.peek().is_some() && !direct.any(|about| about.is_revoked_at(proof.produced_at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::chain::{Anchors, Purpose, build};
    use crate::pki::made::{
        self, Key, NOW, answer, authority, called, certificate, certificate_valid, crl, purposes, response,
    };
    use crate::pki::oid;

    const DAY: i64 = 86_400;

    #[test]
    fn no_crowd_of_proofs_hides_one() {
        let [key, leaf_key, stranger] = [Key::new(), Key::new(), Key::new()];
        let name = called("CA");
        let issuer = certificate(&name, &key, &name, &key, &[authority()]);
        let leaf = certificate(&called("Kari"), &leaf_key, &name, &key, &[]);
        let read = |bytes: &[u8]| Crl::from_der(bytes).expect("it is read");
        let junk = read(&crl(&name, &stranger, (0, 7), &[], &[]));
        // A file brings along an old proof and as many lists by nobody as it likes; what was fetched comes last.
        let old = read(&crl(&name, &key, (-3, 7), &[], &[]));
        let fetched = read(&crl(&name, &key, (-1, 7), &[&leaf], &[]));
        let mut evidence = Evidence { crls: vec![old], responses: Vec::new() };
        evidence.crls.extend(vec![junk; 600]);
        evidence.crls.push(fetched);
        let proofs = evidence.proofs(&leaf, &issuer);
        assert_eq!(proofs.len(), 2);
        assert!(proofs[0].is_revoked_at(NOW), "{:?}", proofs[0]);
    }

    #[test]
    fn a_signature_is_checked_once_for_an_issuer() {
        let key = Key::new();
        let issuers: Vec<Certificate> =
            (0..6).map(|one| certificate(&called(&format!("CA {one}")), &key, &called("CA"), &key, &[])).collect();
        let known = Known::default();
        let mut count = 0;
        for _ in 0..3 {
            for (place, issuer) in issuers.iter().enumerate() {
                let found = known.with(issuer, || {
                    count += 1;
                    place
                });
                assert_eq!(found, place);
            }
        }
        assert_eq!(count, 6 + 2 * 2, "those that there is no room for are asked again");
    }

    #[test]
    fn a_proof_from_the_future_is_not_fresh() {
        let [key, leaf_key] = [Key::new(), Key::new()];
        let name = called("CA");
        let issuer = certificate(&name, &key, &name, &key, &[authority()]);
        let leaf = certificate(&called("Kari"), &leaf_key, &name, &key, &[]);
        let told = |produced| {
            let good = answer(&leaf, &issuer, &[0x80, 0], (0, 7));
            let read = OcspResponse::from_der(&response(&key, &key, produced, &[good], &[])).expect("it is read");
            read.proof(&leaf, &issuer).expect("it tells").is_fresh(NOW, NOW, 0)
        };
        assert!(told(0));
        assert!(!told(1), "it was made tomorrow");
    }

    #[test]
    fn a_chain_is_covered_by_what_counts() {
        let [key, leaf_key, responder] = [Key::new(), Key::new(), Key::new()];
        let name = called("CA");
        let issuer = certificate(&name, &key, &name, &key, &[authority()]);
        let delegate = certificate(&called("OCSP"), &responder, &name, &key, &[purposes(false, &[oid::FOR_OCSP])]);
        let anchors = Anchors::new(vec![issuer.clone()]);
        let list =
            |revoked: &[&Certificate]| Crl::from_der(&crl(&name, &key, (0, 7), revoked, &[])).expect("it is read");
        let with = |crls: Vec<Crl>, responses: Vec<OcspResponse>| Evidence { crls, responses };

        let leaf = certificate(&called("Kari"), &leaf_key, &name, &key, &[]);
        let chain = build(&leaf, &[], &anchors, NOW, Purpose::Signing).expect("there is a chain");
        let covers = |evidence: &Evidence| evidence.covers(&chain, NOW, NOW, DAY);
        assert!(covers(&with(vec![list(&[])], Vec::new())));
        assert!(!covers(&Evidence::default()));
        // A responder in the issuer's place has to be good by the issuer's own word.
        let good = answer(&leaf, &issuer, &[0x80, 0], (0, 7));
        let by_delegate = response(&responder, &responder, 0, &[good], std::slice::from_ref(&delegate));
        let by_delegate = OcspResponse::from_der(&by_delegate).expect("it is read");
        assert!(!covers(&with(Vec::new(), vec![by_delegate.clone()])));
        let about = |status: &[u8]| {
            let about = answer(&delegate, &issuer, status, (0, 7));
            OcspResponse::from_der(&response(&key, &key, 0, &[about], &[])).expect("it is read")
        };
        assert!(covers(&with(Vec::new(), vec![by_delegate.clone(), about(&[0x80, 0])])));
        assert!(!covers(&with(Vec::new(), vec![by_delegate.clone(), about(&made::revoked(-1))])));
        assert!(!covers(&with(Vec::new(), vec![by_delegate, about(&[0x82, 0])])));

        // Who had expired before is not on the list any more: that they are not says nothing.
        let ended = certificate_valid(&called("Kari"), &leaf_key, &name, &key, &[], (-365, -30));
        let then = NOW - 60 * DAY;
        let chain = build(&ended, &[], &anchors, then, Purpose::Signing).expect("there was a chain");
        assert!(!with(vec![list(&[])], Vec::new()).covers(&chain, then, NOW, DAY));
    }
}
