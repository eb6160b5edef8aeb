//! Chains from a certificate to somebody who is trusted (RFC 5280, 6).

use const_oid::ObjectIdentifier;

use super::algorithm::{SignatureError, Strength};
use super::certificate::Certificate;
use super::extension::{ExtendedKeyUsage, KeyUsage};
use super::indication::SubIndication;
use super::oid;

/// Most certificates in a chain, both ends with it.
pub const DEEPEST: usize = 8;

/// What a leaf is to be good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Documents: digitalSignature or nonRepudiation, if there is a keyUsage at all, and more than the purposes of servers, if there is an
    /// extKeyUsage.
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
    /// It has a name that an authority above it may not give.
    #[error("it has a name that an authority above it must not give (name constraints)")]
    Name,
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
        // A certificate of version 1 can be an anchor and says nothing of itself. One of version 3 that is trusted to sign is not trusted to
        // say who others are.
        let is_authority = certificate.is_authority() || (place == anchor && !certificate.has_extensions());
        if !is_authority {
            return Some((place, Fault::NoAuthority));
        }
        let signs = certificate.key_usage().is_none_or(KeyUsage::signs_certificates);
        if !signs || !leads_to(certificate, purpose) {
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
        // 6.1.3 b and c: of the authorities between, those that only hand on to themselves may name themselves.
        let named = || way.iter().enumerate().take(place).filter(|(at, one)| *at == 0 || !one.is_self_issued());
        if let Some(constraints) = certificate.name_constraints()
            && let Some((below, _)) = named().find(|(_, one)| !constraints.allow(one))
        {
            return Some((below, Fault::Name));
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
    signs
        && match purpose {
            Purpose::Signing => extended.is_none_or(|extended| {
                // Who says that a key binds its owner to what it signs means more than the handshakes of TLS.
                let binds = usage.is_some_and(KeyUsage::non_repudiation) && !answers(extended);
                binds || !is_for_machines(extended)
            }),
            Purpose::TimeStamping => {
                extended.is_some_and(|extended| extended.critical && extended.purposes == [oid::FOR_TIME_STAMPS])
            }
            Purpose::OcspSigning => extended.is_some_and(|extended| extended.has(oid::FOR_OCSP)),
        }
}

/// Whether what an authority issues can be for a purpose. RFC 5280, 4.2.1.12, leaves open what extKeyUsage means there; authorities write it to
/// keep what is below to it, and other validators read it so.
fn leads_to(authority: &Certificate, purpose: Purpose) -> bool {
    authority.extended_key_usage().is_none_or(|extended| {
        extended.has(oid::ANY_PURPOSE)
            || match purpose {
                Purpose::Signing => !is_for_machines(extended),
                Purpose::TimeStamping => extended.has(oid::FOR_TIME_STAMPS),
                // The issuer gives this right itself, and only for its own certificates.
                Purpose::OcspSigning => true,
            }
    })
}

/// Whether all purposes are of servers: what the key of a web site signs says nothing of documents, nor does that of who answers for times or
/// certificates. People log in with keys that they sign with, so that clients alone may sign.
fn is_for_machines(extended: &ExtendedKeyUsage) -> bool {
    const MACHINES: [ObjectIdentifier; 4] =
        [oid::FOR_TLS_SERVERS, oid::FOR_TLS_CLIENTS, oid::FOR_TIME_STAMPS, oid::FOR_OCSP];
    let all = &extended.purposes;
    all.iter().all(|purpose| MACHINES.contains(purpose)) && all[..] != [oid::FOR_TLS_CLIENTS]
}

/// Whether a key answers for times or certificates.
fn answers(extended: &ExtendedKeyUsage) -> bool {
    extended.has(oid::FOR_TIME_STAMPS) || extended.has(oid::FOR_OCSP)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::der::{self, tag};
    use crate::pki::made::{self, Key, NOW, authority, called, certificate, extension, purposes, usage};

    const SIGNS: u8 = 0b1100_0000;

    /// A leaf below an authority below a root, with extensions.
    fn judge(of_authority: &[Vec<u8>], of_leaf: &[Vec<u8>], purpose: Purpose) -> Result<(), Fault> {
        let [root_key, key, leaf_key] = [Key::new(), Key::new(), Key::new()];
        let (root, middle, leaf) = (called("Rot"), called("CA"), called("Kari"));
        let anchor = certificate(&root, &root_key, &root, &root_key, &[authority()]);
        let between = certificate(&middle, &key, &root, &root_key, &[&[authority()], of_authority].concat());
        let leaf = certificate(&leaf, &leaf_key, &middle, &key, of_leaf);
        build(&leaf, &[between], &Anchors::new(vec![anchor]), NOW, purpose).map(drop).map_err(|error| error.fault)
    }

    #[test]
    fn the_keys_of_servers_sign_no_documents() {
        let leaf =
            |usages, all: &[ObjectIdentifier]| judge(&[], &[usage(usages), purposes(false, all)], Purpose::Signing);
        let (server, client, mail) =
            (oid::FOR_TLS_SERVERS, oid::FOR_TLS_CLIENTS, ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.4"));
        assert_eq!(leaf(0b1000_0000, &[server, client]), Err(Fault::Usage), "a web site");
        assert_eq!(leaf(SIGNS, &[oid::FOR_TIME_STAMPS, oid::FOR_OCSP]), Err(Fault::Usage), "who answers");
        assert_eq!(leaf(SIGNS, &[server, oid::FOR_OCSP]), Err(Fault::Usage));
        assert_eq!(leaf(SIGNS, &[server, client]), Ok(()), "it binds its owner");
        assert_eq!(leaf(0b1000_0000, &[client]), Ok(()), "people log in with it");
        assert_eq!(leaf(0b1000_0000, &[server, mail]), Ok(()));
        assert_eq!(leaf(0b0010_0000, &[mail]), Err(Fault::Usage));
        let below = |all: &[ObjectIdentifier], purpose| {
            let own =
                if purpose == Purpose::TimeStamping { purposes(true, &[oid::FOR_TIME_STAMPS]) } else { usage(SIGNS) };
            judge(&[purposes(false, all)], &[own], purpose)
        };
        assert_eq!(below(&[server, client], Purpose::Signing), Err(Fault::Usage), "an authority of web sites");
        assert_eq!(below(&[server, mail], Purpose::Signing), Ok(()));
        assert_eq!(below(&[mail], Purpose::TimeStamping), Err(Fault::Usage));
        assert_eq!(below(&[mail, oid::FOR_TIME_STAMPS], Purpose::TimeStamping), Ok(()));
        assert_eq!(below(&[oid::ANY_PURPOSE], Purpose::TimeStamping), Ok(()));
    }

    #[test]
    fn a_signer_who_is_trusted_is_no_authority() {
        let [key, leaf_key] = [Key::new(), Key::new()];
        let name = called("Segl");
        let leaf = certificate(&called("Ola"), &leaf_key, &name, &key, &[usage(SIGNS)]);
        let trusted = |all: &[Vec<u8>]| {
            let anchor = certificate(&name, &key, &name, &key, all);
            build(&anchor, &[], &Anchors::new(vec![anchor.clone()]), NOW, Purpose::Signing)
                .expect("it is trusted itself");
            build(&leaf, &[], &Anchors::new(vec![anchor]), NOW, Purpose::Signing).map(drop).map_err(|error| error.fault)
        };
        assert_eq!(trusted(&[extension(oid::SUBJECT_KEY_ID, false, &[4, 1, 7])]), Err(Fault::NoAuthority));
        assert_eq!(trusted(&[]), Ok(()), "version 1 says nothing of itself");
    }

    #[test]
    fn names_are_bound_by_every_authority_above() {
        let subtree = |number, name: &[u8]| {
            let base = der::sequence(&[&der::element(tag::constructed(4), name)]);
            extension(oid::NAME_CONSTRAINTS, true, &der::sequence(&[&der::element(tag::constructed(number), &base)]))
        };
        assert_eq!(judge(&[subtree(0, &called("Kari"))], &[], Purpose::Signing), Ok(()));
        assert_eq!(judge(&[subtree(0, &called("Ola"))], &[], Purpose::Signing), Err(Fault::Name));
        assert_eq!(judge(&[subtree(1, &called("Ola"))], &[], Purpose::Signing), Ok(()));
        assert_eq!(judge(&[subtree(1, &called("Kari"))], &[], Purpose::Signing), Err(Fault::Name));
        let broken = extension(oid::NAME_CONSTRAINTS, true, &der::sequence(&[]));
        assert_eq!(judge(&[broken], &[], Purpose::Signing), Err(Fault::Extension(oid::NAME_CONSTRAINTS)));

        // The root allows names below its own, and its authority renews itself in between.
        let [root_key, old, new, leaf_key] = [Key::new(), Key::new(), Key::new(), Key::new()];
        let (root, middle) = (called("Rot"), called("CA"));
        let limits = |name: &[u8]| vec![authority(), subtree(0, name)];
        let anchor = certificate(&root, &root_key, &root, &root_key, &[authority()]);
        let first = certificate(&middle, &old, &root, &root_key, &limits(&called("Kari")));
        let renewed = certificate(&middle, &new, &middle, &old, &[authority()]);
        let leaf = |subject: &str| certificate(&called(subject), &leaf_key, &middle, &new, &[]);
        let pool = [first, renewed];
        let judge = |leaf: &Certificate| build(leaf, &pool, &Anchors::new(vec![anchor.clone()]), NOW, Purpose::Signing);
        let good = judge(&leaf("Kari")).expect("who hands on to itself may name itself");
        assert_eq!(good.certificates().len(), 4);
        let error = judge(&leaf("Ola")).expect_err("the limit holds further down");
        assert_eq!((error.fault.clone(), error.is_of_leaf()), (Fault::Name, true));
        // A limit of the anchor itself holds, too.
        let anchor = certificate(&root, &root_key, &root, &root_key, &limits(&called("Ola")));
        let error = build(&leaf("Kari"), &pool, &Anchors::new(vec![anchor]), NOW, Purpose::Signing);
        assert_eq!(error.expect_err("the anchor allows others").fault, Fault::Name);
    }

    #[test]
    fn an_authority_that_asks_for_policies_is_not_passed() {
        let constraint =
            |number: u8| extension(oid::POLICY_CONSTRAINTS, true, &der::sequence(&[&[0x80 | number, 1, 0]]));
        assert_eq!(judge(&[constraint(1)], &[], Purpose::Signing), Ok(()), "nobody asks which policies are the same");
        assert_eq!(judge(&[constraint(0)], &[], Purpose::Signing), Err(Fault::Extension(oid::POLICY_CONSTRAINTS)));
    }

    #[test]
    fn of_several_ways_one_that_holds_is_found() {
        // One authority, certified by a root that nobody trusts, by one that has ended, and by one that is trusted.
        let [root_key, other_key, key, leaf_key] = [Key::new(), Key::new(), Key::new(), Key::new()];
        let (root, other, middle) = (called("Rot"), called("Annen rot"), called("CA"));
        let anchor = certificate(&root, &root_key, &root, &root_key, &[authority()]);
        let stranger = certificate(&other, &other_key, &other, &other_key, &[authority()]);
        let cross = certificate(&middle, &key, &other, &other_key, &[authority()]);
        let ended = made::certificate_valid(&middle, &key, &root, &root_key, &[authority()], (-900, -10));
        let good = certificate(&middle, &key, &root, &root_key, &[authority()]);
        let leaf = certificate(&called("Kari"), &leaf_key, &middle, &key, &[]);
        let anchors = Anchors::new(vec![anchor.clone()]);
        let pool = [stranger, cross, ended.clone(), good.clone()];
        let chain = build(&leaf, &pool, &anchors, NOW, Purpose::Signing).expect("one way holds");
        assert_eq!(chain.certificates(), [leaf.clone(), good, anchor]);
        let error = build(&leaf, &pool[..3], &anchors, NOW, Purpose::Signing).expect_err("only the ended one is left");
        assert_eq!(error.certificate, ended);
        assert!(matches!(error.fault, Fault::Expired(_)));
    }
}
