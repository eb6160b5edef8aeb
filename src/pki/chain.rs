//! Chains from a certificate to somebody who is trusted (RFC 5280, 6).

use const_oid::ObjectIdentifier;

use super::algorithm::{SignatureError, Strength};
use super::certificate::Certificate;
use super::indication::SubIndication;
use super::oid;

/// Most certificates in a chain, both ends with it.
pub const DEEPEST: usize = 8;

/// What a leaf is to be good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Documents: digitalSignature or nonRepudiation, if there is a keyUsage at all.
    Signing,
    /// Time stamps: extKeyUsage, critical, with timeStamping alone (RFC 3161, 2.3).
    TimeStamping,
    /// OCSP responses in an issuer's place: extKeyUsage with OCSPSigning (RFC 6960, 4.2.2.2).
    OcspSigning,
}

/// Who is trusted.
#[derive(Debug, Clone, Default)]
pub struct Anchors(Vec<Certificate>);

impl Anchors {
    /// Those of certificates, each of which is trusted as it is: neither its validity nor its own signature is asked for (RFC 5280, 6.1.1 d).
    #[must_use]
    pub fn new(certificates: Vec<Certificate>) -> Self {
        Self(certificates)
    }

    /// All of them.
    #[must_use]
    pub fn certificates(&self) -> &[Certificate] {
        &self.0
    }

    /// Whether nobody is trusted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a certificate is one.
    #[must_use]
    pub fn contains(&self, certificate: &Certificate) -> bool {
        self.0.contains(certificate)
    }
}

/// A chain that was found good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    certificates: Vec<Certificate>,
    strengths: Vec<Strength>,
}

impl Chain {
    /// The certificates, the leaf first and the anchor last. It is one alone if the leaf is trusted itself.
    #[must_use]
    pub fn certificates(&self) -> &[Certificate] {
        &self.certificates
    }

    /// Each certificate whose revocation can be asked for, with its issuer: all but the anchor.
    pub fn links(&self) -> impl Iterator<Item = (&Certificate, &Certificate)> {
        self.certificates.iter().zip(self.certificates.iter().skip(1))
    }

    /// How strong the signature on each certificate is but on the anchor, in their order.
    #[must_use]
    pub fn strengths(&self) -> &[Strength] {
        &self.strengths
    }
}

/// What is wrong with a certificate of a chain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Nobody who is trusted, and nobody whose certificate is at hand, made it.
    #[error(
        "no certificate of its issuer is at hand, and it is not trusted itself; add the trust anchor or the missing certificate"
    )]
    NoIssuer,
    /// More certificates than any chain has, or more ways than are tried.
    #[error("no chain of at most 8 certificates was found within the tries that are allowed")]
    TooLong,
    /// The signature on it is wrong or can not be checked.
    #[error("the signature on it is not good: {0}")]
    Signature(SignatureError),
    /// It is not valid yet.
    #[error("it is valid only from {}", super::time::text(*.0))]
    NotYetValid(i64),
    /// It is not valid any more.
    #[error("it was valid only until {}", super::time::text(*.0))]
    Expired(i64),
    /// It makes certificates and is no authority.
    #[error("it stands between others in the chain, and is not the certificate of an authority")]
    NoAuthority,
    /// An authority may not have as many below it.
    #[error("more authorities follow below it than it allows")]
    PathLength,
    /// Its key must not be used for this.
    #[error("its key is not for this purpose (key usage or extended key usage)")]
    Usage,
    /// It has a critical extension that is not known, or a constraint that is not worked out here.
    #[error("it has the extension `{0}`, which is not understood here")]
    Extension(ObjectIdentifier),
}

/// No chain was found good.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("certificate of `{}`: {fault}", .certificate.subject().short())]
pub struct ChainError {
    /// What is wrong.
    pub fault: Fault,
    /// With which certificate.
    pub certificate: Certificate,
    /// The chain as far as it goes, the leaf first.
    pub chain: Vec<Certificate>,
}

impl ChainError {
    /// Whether the fault is of the leaf.
    #[must_use]
    pub fn is_of_leaf(&self) -> bool {
        self.chain.first() == Some(&self.certificate)
    }

    /// The word for it (ETSI EN 319 102-1, 5.2.6). A leaf that had expired is `OUT_OF_BOUNDS_NO_POE`; with a proof of when it was signed the judge
    /// says `EXPIRED` instead.
    #[must_use]
    pub fn sub_indication(&self) -> SubIndication {
        match self.fault {
            // A signature by another key of the same name, or by nobody: no chain holds together either way.
            Fault::NoIssuer | Fault::TooLong | Fault::Signature(SignatureError::Wrong | SignatureError::Key { .. }) => {
                SubIndication::NoCertificateChainFound
            }
            Fault::Expired(_) | Fault::NotYetValid(_) if self.is_of_leaf() => SubIndication::OutOfBoundsNoPoe,
            Fault::Usage => SubIndication::ChainConstraintsFailure,
            Fault::Signature(SignatureError::Unsupported { .. } | SignatureError::Algorithm(_)) => {
                SubIndication::CryptoConstraintsFailure
            }
            _ => SubIndication::CertificateChainGeneralFailure,
        }
    }
}

/// Finds a chain from a leaf to an anchor that is good at a time, for a purpose. The certificates of the pool are not trusted. Weak algorithms
/// are told by [`Chain::strengths`] and are no fault here; revocation is asked for link by link ([`super::revocation`]).
///
/// # Errors
/// There is none. The fault is that of the way that leads furthest.
pub fn build(
    leaf: &Certificate,
    pool: &[Certificate],
    anchors: &Anchors,
    at: i64,
    purpose: Purpose,
) -> Result<Chain, ChainError> {
    let mut search = Search { pool, anchors, at, purpose, tries: TRIES, furthest: None };
    let mut way = Chain { certificates: vec![leaf.clone()], strengths: Vec::new() };
    if search.climb(&mut way) {
        return Ok(way);
    }
    let unknown = || ChainError { fault: Fault::NoIssuer, certificate: leaf.clone(), chain: vec![leaf.clone()] };
    Err(search.furthest.map_or_else(unknown, |(_, error)| error))
}

/// How many signatures on certificates are checked at most for one chain.
const TRIES: u32 = 64;

struct Search<'a> {
    pool: &'a [Certificate],
    anchors: &'a Anchors,
    at: i64,
    purpose: Purpose,
    tries: u32,
    /// How far the best way led, and what was wrong with it.
    furthest: Option<(usize, ChainError)>,
}

impl Search<'_> {
    /// Goes up from the end of a way. It goes down again to no more than eight certificates. Whether the way is at its end then.
    fn climb(&mut self, way: &mut Chain) -> bool {
        let Some(current) = way.certificates.last().cloned() else { return false };
        if self.anchors.contains(&current) {
            return match faulty(&way.certificates, self.at, self.purpose) {
                None => true,
                Some((place, fault)) => {
                    self.note(DEEPEST + 1, way, place, fault);
                    false
                }
            };
        }
        let end = way.certificates.len() - 1;
        if way.certificates.len() == DEEPEST {
            self.note(end, way, end, Fault::TooLong);
            return false;
        }
        let issuers = self.issuers(&current, &way.certificates);
        if issuers.is_empty() {
            self.note(end, way, end, Fault::NoIssuer);
        }
        for issuer in issuers {
            if self.tries == 0 {
                self.note(end, way, end, Fault::TooLong);
                return false;
            }
            self.tries -= 1;
            match current.is_signed_by(issuer.public_key()) {
                Ok(strength) => {
                    way.certificates.push(issuer);
                    way.strengths.push(strength);
                    if self.climb(way) {
                        return true;
                    }
                    way.certificates.pop();
                    way.strengths.pop();
                }
                // A root that is not trusted; who has its name with another key is no issuer of it.
                Err(_) if current.is_self_issued() => self.note(end, way, end, Fault::NoIssuer),
                Err(error) => self.note(end, way, end, Fault::Signature(error)),
            }
        }
        false
    }

    /// Who could have made a certificate, by the name. Who is trusted comes first, and whose key has the id that is told; the id is a hint and no proof.
    fn issuers(&self, of: &Certificate, way: &[Certificate]) -> Vec<Certificate> {
        // The same name with the same key, under whatever certificate, would only go round.
        let seen = |one: &Certificate| {
            way.iter().any(|known| known.public_key() == one.public_key() && known.subject().is(one.subject()))
        };
        let all = self.anchors.certificates().iter().chain(self.pool);
        let mut found: Vec<Certificate> = Vec::new();
        for one in all.filter(|one| one.subject().is(of.issuer()) && !seen(one)) {
            // No more are tried.
            if found.len() < TRIES as usize && !found.contains(one) {
                found.push(one.clone());
            }
        }
        let hinted = |one: &Certificate| match (of.authority_key_id(), one.subject_key_id()) {
            (Some(told), Some(id)) => told == id,
            _ => true,
        };
        found.sort_by_key(|one| (!hinted(one), !self.anchors.contains(one)));
        found
    }

    /// Keeps a fault if no way led further before.
    fn note(&mut self, rank: usize, way: &Chain, place: usize, fault: Fault) {
        if self.furthest.as_ref().is_some_and(|(before, _)| *before >= rank) {
            return;
        }
        let Some(certificate) = way.certificates.get(place).cloned() else { return };
        self.furthest = Some((rank, ChainError { fault, certificate, chain: way.certificates.clone() }));
    }
}

/// The first fault of a whole way, and of which certificate, from the anchor down (RFC 5280, 6.1). The signatures were checked on the way up.
fn faulty(way: &[Certificate], at: i64, purpose: Purpose) -> Option<(usize, Fault)> {
    let anchor = way.len().checked_sub(1)?;
    let mut below = 0;
    for (place, certificate) in way.iter().enumerate().skip(1) {
        // A version 1 certificate can be an anchor and says nothing of itself.
        let is_authority = certificate.is_authority() || (place == anchor && certificate.basic_constraints().is_none());
        if !is_authority {
            return Some((place, Fault::NoAuthority));
        }
        if certificate.key_usage().is_some_and(|usage| !usage.signs_certificates()) {
            return Some((place, Fault::Usage));
        }
        // 6.1.4 l and m: authorities between it and the leaf count, unless they only hand on to themselves.
        if certificate.basic_constraints().and_then(|limit| limit.path_length).is_some_and(|most| below > most) {
            return Some((place, Fault::PathLength));
        }
        if !certificate.is_self_issued() {
            below += 1;
        }
    }
    for (place, certificate) in way.iter().enumerate().rev() {
        let unknown = certificate.unknown_critical().iter().chain(certificate.constraints()).next();
        if let Some(extension) = unknown {
            return Some((place, Fault::Extension(*extension)));
        }
        // An anchor is trusted for as long as it is configured, but one that is the leaf is judged as a leaf.
        if place == anchor && anchor > 0 {
            continue;
        }
        if at < certificate.not_before() {
            return Some((place, Fault::NotYetValid(certificate.not_before())));
        }
        if at > certificate.not_after() {
            return Some((place, Fault::Expired(certificate.not_after())));
        }
    }
    let leaf = way.first()?;
    (!is_for(leaf, purpose)).then_some((0, Fault::Usage))
}

/// Whether a certificate is for a purpose.
pub(super) fn is_for(certificate: &Certificate, purpose: Purpose) -> bool {
    let usage = certificate.key_usage();
    let extended = certificate.extended_key_usage();
    let signs = usage.is_none_or(|usage| usage.digital_signature() || usage.non_repudiation());
    let only_for = |purpose| extended.is_some_and(|extended| extended.purposes == [purpose]);
    signs
        && match purpose {
            // A key that answers for times or certificates says nothing of documents.
            Purpose::Signing => !only_for(oid::FOR_TIME_STAMPS) && !only_for(oid::FOR_OCSP),
            Purpose::TimeStamping => {
                only_for(oid::FOR_TIME_STAMPS) && extended.is_some_and(|extended| extended.critical)
            }
            Purpose::OcspSigning => extended.is_some_and(|extended| extended.has(oid::FOR_OCSP)),
        }
}
