//! The online certificate status protocol (RFC 6960).

use std::ops::Range;
use std::sync::Arc;

use super::algorithm::{self, Hash, SignatureAlgorithm, SignatureError, Strength};
use super::certificate::Certificate;
use super::chain::{Purpose, is_for};
use super::der::{self, DerError, Element, Reader, tag};
use super::key::PublicKey;
use super::name::Name;
use super::revocation::{Known, Proof, Reason, RevocationError, Source, Status, check_times};
use super::{extension, oid, time};

/// Longest response, in bytes.
pub const LONGEST: usize = 256 * 1024;
/// Most answers and certificates in a response.
const MOST: usize = 64;
/// Most certificates of a response that are tried as that of who signed it.
const MOST_DELEGATES: usize = 4;

/// A question about one certificate.
#[derive(Debug, Clone)]
pub struct OcspRequest {
    der: Vec<u8>,
}

impl OcspRequest {
    /// Asks for a certificate of an issuer. All responders know SHA-1 for its id (RFC 5019, 2.1.1), where it protects nothing; some know SHA-256.
    /// The nonce has 1 to 32 bytes (RFC 9654); many responders leave it out of the answer, which they have made before.
    #[must_use]
    pub fn new(certificate: &Certificate, issuer: &Certificate, id: Hash, nonce: Option<&[u8]>) -> Self {
        let algorithm = der::sequence(&[&der::oid(id.oid()), &der::element(tag::NULL, &[])]);
        // As it is written in the certificate, not in that of the issuer (RFC 6960, 4.1.1).
        let name = der::element(tag::OCTET_STRING, &id.digest(&[certificate.issuer().der()]));
        let key = der::element(tag::OCTET_STRING, &id.digest(&[issuer.public_key().bits()]));
        let serial = der::element(tag::INTEGER, certificate.serial());
        let asked = der::sequence(&[&der::sequence(&[&algorithm, &name, &key, &serial])]);
        let extensions = nonce.map_or_else(Vec::new, |nonce| {
            let value = der::element(tag::OCTET_STRING, &der::element(tag::OCTET_STRING, nonce));
            let list = der::sequence(&[&der::sequence(&[&der::oid(oid::OCSP_NONCE), &value])]);
            der::element(tag::constructed(2), &list)
        });
        Self { der: der::sequence(&[&der::sequence(&[&der::sequence(&[&asked]), &extensions])]) }
    }

    /// The OCSPRequest.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }
}

/// A response with an answer: an OCSPResponse with a BasicOCSPResponse inside.
#[derive(Debug, Clone)]
pub struct OcspResponse(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    der: Vec<u8>,
    /// Where the signed part lies in it.
    signed: Range<usize>,
    algorithm: Vec<u8>,
    signature: Vec<u8>,
    certificates: Vec<Certificate>,
    responder: Responder,
    produced_at: i64,
    nonce: Option<Vec<u8>>,
    answers: Vec<Answer>,
    known: Known<Result<Signer, RevocationError>>,
}

/// How strongly somebody signed, and their certificate if that is not the issuer.
type Signer = (Strength, Option<Certificate>);

/// Who says that they answered.
#[derive(Debug)]
enum Responder {
    Name(Name),
    /// SHA-1 of the bits of the key.
    Key(Vec<u8>),
}

impl Responder {
    fn is(&self, certificate: &Certificate) -> bool {
        match self {
            Self::Name(name) => name.is(certificate.subject()),
            Self::Key(id) => *id == Hash::Sha1.digest(&[certificate.public_key().bits()]),
        }
    }
}

#[derive(Debug)]
struct Answer {
    hash: Hash,
    issuer_name: Vec<u8>,
    issuer_key: Vec<u8>,
    serial: Vec<u8>,
    status: Status,
    this_update: i64,
    next_update: Option<i64>,
    archive_cutoff: Option<i64>,
}

impl OcspResponse {
    /// Reads an OCSPResponse in DER, of at most 256 KiB, that has an answer. Its signature is not checked: see [`OcspResponse::proof`].
    ///
    /// # Errors
    /// It is none, or the responder refused ([`RevocationError::Refused`]).
    pub fn from_der(bytes: &[u8]) -> Result<Self, RevocationError> {
        if bytes.len() > LONGEST {
            return Err(RevocationError::Length);
        }
        let mut outer = der::only_sequence(bytes)?;
        refused(der::small(outer.expect(tag::ENUMERATED)?.body)?)?;
        let mut inside = der::only_sequence(outer.expect(tag::constructed(0))?.body)?;
        outer.end()?;
        if inside.oid()? != oid::OCSP_BASIC {
            return Err(RevocationError::NotUnderstood("no basic OCSP response"));
        }
        let basic = inside.expect(tag::OCTET_STRING)?.body;
        inside.end()?;
        let mut parts = der::only_sequence(basic)?;
        let before = parts.rest().len();
        let signed = parts.expect(tag::SEQUENCE)?;
        let algorithm = parts.expect(tag::SEQUENCE)?.raw.to_vec();
        let signature = parts.expect(tag::BIT_STRING)?.whole_bits()?.to_vec();
        let certificates = match parts.optional(tag::constructed(0))? {
            Some(list) => certificates(list.body)?,
            None => Vec::new(),
        };
        parts.end()?;
        // The basic response stands at the very end of all.
        let begin = bytes.len() - before;
        let data = ResponseData::from_der(&signed)?;
        Ok(Self(Arc::new(Parts {
            der: bytes.to_vec(),
            signed: begin..begin + signed.raw.len(),
            algorithm,
            signature,
            certificates,
            responder: data.responder,
            produced_at: data.produced_at,
            nonce: data.nonce,
            answers: data.answers,
            known: Known::default(),
        })))
    }

    /// The OCSPResponse, as it came.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.0.der
    }

    /// When it was made, in seconds since 1970.
    #[must_use]
    pub fn produced_at(&self) -> i64 {
        self.0.produced_at
    }

    /// The nonce in it.
    #[must_use]
    pub fn nonce(&self) -> Option<&[u8]> {
        self.0.nonce.as_deref()
    }

    /// The certificates in it. They are not trusted.
    #[must_use]
    pub fn certificates(&self) -> &[Certificate] {
        &self.0.certificates
    }

    /// What it proves of a certificate: the issuer signed it, or somebody whom the issuer gave the right to (RFC 6960, 4.2.2.2).
    ///
    /// # Errors
    /// Nothing.
    pub fn proof(&self, certificate: &Certificate, issuer: &Certificate) -> Result<Proof, RevocationError> {
        if !certificate.issuer().is(issuer.subject()) {
            return Err(RevocationError::Other);
        }
        let about = |answer: &&Answer| answer.is_about(certificate, issuer);
        // Of two for one time, that which is not good.
        let rank = |answer: &&Answer| (answer.this_update, answer.status != Status::Good);
        let answer = self.0.answers.iter().filter(about).max_by_key(rank).ok_or(RevocationError::Other)?;
        check_times(answer.this_update, answer.next_update, self.0.produced_at)?;
        let (strength, delegate) = self.0.known.with(issuer, || self.signer(issuer))?;
        let kept = answer.archive_cutoff.is_some_and(|since| since <= certificate.not_after());
        Ok(Proof {
            status: answer.status,
            source: Source::Ocsp,
            this_update: answer.this_update,
            next_update: answer.next_update,
            produced_at: self.0.produced_at,
            strength,
            delegate,
            expired_before: certificate.not_after() < answer.this_update && !kept,
        })
    }

    /// Who signed it, if that is somebody with the right to.
    fn signer(&self, issuer: &Certificate) -> Result<Signer, RevocationError> {
        let mut why = RevocationError::Authority;
        if self.0.responder.is(issuer) {
            match self.is_signed_by(issuer.public_key()) {
                Ok(strength) => return Ok((strength, None)),
                Err(error) => why = error.into(),
            }
        }
        // Each try takes the time of two signatures, and one response can hold many certificates of one name.
        let named = self.0.certificates.iter().filter(|one| self.0.responder.is(one) && is_named_delegate(one, issuer));
        for delegate in named.take(MOST_DELEGATES) {
            match self.is_signed_by(delegate.public_key()) {
                Ok(strength) if self.is_delegate(delegate, issuer) => return Ok((strength, Some(delegate.clone()))),
                Ok(_) => {}
                Err(error) => why = error.into(),
            }
        }
        Err(why)
    }

    /// Whether the issuer itself gave somebody the right to answer at the time when this was made.
    fn is_delegate(&self, delegate: &Certificate, issuer: &Certificate) -> bool {
        delegate.is_valid_at(self.0.produced_at)
            && delegate.is_signed_by(issuer.public_key()).is_ok_and(|strength| strength.weaknesses().is_empty())
    }

    fn is_signed_by(&self, key: &PublicKey) -> Result<Strength, SignatureError> {
        let algorithm = SignatureAlgorithm::from_der(&self.0.algorithm, None)?;
        let signed = self.0.der.get(self.0.signed.clone()).unwrap_or_default();
        algorithm::verify(algorithm, key, signed, &self.0.signature)
    }
}

/// Whether a certificate says that it is of a responder in an issuer's place.
fn is_named_delegate(delegate: &Certificate, issuer: &Certificate) -> bool {
    delegate.issuer().is(issuer.subject())
        && is_for(delegate, Purpose::OcspSigning)
        && delegate.unknown_critical().is_empty()
}

/// What a responder says when it does not answer (RFC 6960, 4.2.1).
fn refused(status: u64) -> Result<(), RevocationError> {
    Err(RevocationError::Refused(match status {
        0 => return Ok(()),
        1 => "it calls the request malformed",
        2 => "it has an internal error",
        3 => "it asks to try later",
        5 => "it wants the request to be signed",
        6 => "it does not answer us",
        _ => "it gives a status without a meaning",
    }))
}

fn certificates(list: &[u8]) -> Result<Vec<Certificate>, DerError> {
    let all = der::only_sequence(list)?.all(MOST, "certificates")?;
    // One that is not read here can not be the responder's.
    Ok(all.iter().filter_map(|one| Certificate::from_der(one.raw).ok()).collect())
}

struct ResponseData {
    responder: Responder,
    produced_at: i64,
    nonce: Option<Vec<u8>>,
    answers: Vec<Answer>,
}

impl ResponseData {
    fn from_der(signed: &Element<'_>) -> Result<Self, RevocationError> {
        const BY_NAME: u8 = tag::constructed(1);
        const BY_KEY: u8 = tag::constructed(2);
        let mut inside = signed.inside();
        inside.optional(tag::constructed(0))?;
        let id = inside.next()?;
        let responder = match id.tag {
            BY_NAME => Responder::Name(Name::from_der(id.body)?),
            BY_KEY => Responder::Key(der::only(id.body, tag::OCTET_STRING)?.body.to_vec()),
            _ => return Err(DerError::Value("the id of an OCSP responder").into()),
        };
        let produced_at = time::read(&inside.expect(tag::GENERALIZED_TIME)?)?;
        let answers = inside.sequence()?.all(MOST, "answers")?;
        let answers = answers.iter().map(|answer| Answer::from_der(answer.raw)).collect::<Result<Vec<_>, _>>()?;
        let mut nonce = None;
        if let Some(list) = inside.optional(tag::constructed(1))? {
            for extension in extension::list(list.body)? {
                if extension.oid == oid::OCSP_NONCE {
                    // Some write the bytes without the OCTET STRING around them.
                    let value = der::only(extension.value, tag::OCTET_STRING);
                    nonce = Some(value.map_or(extension.value, |value| value.body).to_vec());
                } else if extension.critical {
                    return Err(RevocationError::NotUnderstood("it has a critical extension that is not known"));
                }
            }
        }
        inside.end()?;
        Ok(Self { responder, produced_at, nonce, answers })
    }
}

impl Answer {
    fn from_der(bytes: &[u8]) -> Result<Self, RevocationError> {
        let mut inside = der::only_sequence(bytes)?;
        let mut id = inside.sequence()?;
        // An answer by a digest that is not known is about nobody.
        let hash = Hash::from_der(id.expect(tag::SEQUENCE)?.raw)
            .map_err(|_| RevocationError::NotUnderstood("the digest in the id of a certificate"))?;
        let issuer_name = id.expect(tag::OCTET_STRING)?.body.to_vec();
        let issuer_key = id.expect(tag::OCTET_STRING)?.body.to_vec();
        let serial = id.next()?.integer()?.to_vec();
        id.end()?;
        let mut status = status(&inside.next()?)?;
        let this_update = time::read(&inside.expect(tag::GENERALIZED_TIME)?)?;
        let next_update = match inside.optional(tag::constructed(0))? {
            Some(time) => Some(time::read(&der::only(time.body, tag::GENERALIZED_TIME)?)?),
            None => None,
        };
        let mut archive_cutoff = None;
        if let Some(list) = inside.optional(tag::constructed(1))? {
            for extension in extension::list(list.body)? {
                let time = || time::read(&der::only(extension.value, tag::GENERALIZED_TIME)?);
                match (extension.oid, &mut status) {
                    (oid::OCSP_ARCHIVE_CUTOFF, _) => archive_cutoff = Some(time()?),
                    (oid::INVALIDITY_DATE, Status::Revoked { invalid_since, .. }) => *invalid_since = Some(time()?),
                    _ if extension.critical => {
                        return Err(RevocationError::NotUnderstood(
                            "an answer has a critical extension that is not known",
                        ));
                    }
                    _ => {}
                }
            }
        }
        inside.end()?;
        Ok(Self { hash, issuer_name, issuer_key, serial, status, this_update, next_update, archive_cutoff })
    }

    fn is_about(&self, certificate: &Certificate, issuer: &Certificate) -> bool {
        self.serial == certificate.serial()
            && [certificate.issuer(), issuer.subject()]
                .iter()
                .any(|name| self.issuer_name == self.hash.digest(&[name.der()]))
            && self.issuer_key == self.hash.digest(&[issuer.public_key().bits()])
    }
}

/// Reads a CertStatus.
fn status(element: &Element<'_>) -> Result<Status, DerError> {
    match (element.tag, element.body) {
        (0x80, []) => Ok(Status::Good),
        (0xA1, _) => {
            let mut inside = Reader::new(element.body);
            let at = time::read(&inside.expect(tag::GENERALIZED_TIME)?)?;
            let reason = match inside.optional(tag::constructed(0))? {
                Some(reason) => Reason::from_der(reason.body)?,
                None => Reason::Unspecified,
            };
            inside.end()?;
            Ok(Status::Revoked { at, reason, invalid_since: None })
        }
        (0x82, []) => Ok(Status::Unknown),
        _ => Err(DerError::Value("the status of a certificate")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::made::{
        self, Key, NOW, answer, authority, called, certificate, certificate_valid, extension, purposes, response,
        revoked,
    };

    const DAY: i64 = 86_400;
    const GOOD: &[u8] = &[0x80, 0];

    struct Scene {
        key: Key,
        responder: Key,
        issuer: Certificate,
        leaf: Certificate,
    }

    impl Scene {
        fn new() -> Self {
            let [key, responder, leaf] = [Key::new(), Key::new(), Key::new()];
            let name = called("CA");
            let issuer = certificate(&name, &key, &name, &key, &[authority()]);
            let leaf = certificate(&called("Kari"), &leaf, &name, &key, &[]);
            Self { key, responder, issuer, leaf }
        }

        fn delegate(&self, all: &[Vec<u8>], days: (i64, i64)) -> Certificate {
            certificate_valid(&called("OCSP"), &self.responder, &called("CA"), &self.key, all, days)
        }

        fn told(&self, bytes: &[u8]) -> Result<Proof, RevocationError> {
            OcspResponse::from_der(bytes)?.proof(&self.leaf, &self.issuer)
        }
    }

    #[test]
    fn the_issuer_answers_by_the_hash_of_its_key() {
        let scene = Scene::new();
        let good = answer(&scene.leaf, &scene.issuer, GOOD, (0, 7));
        let proof = scene.told(&response(&scene.key, &scene.key, 0, &[good], &[])).expect("the issuer may answer");
        assert_eq!((proof.status, proof.delegate, proof.this_update), (Status::Good, None, NOW));
        // In the name of the issuer, by another key.
        let good = answer(&scene.leaf, &scene.issuer, GOOD, (0, 7));
        let error = scene.told(&response(&scene.key, &scene.responder, 0, &[good], &[])).expect_err("another key");
        assert!(matches!(error, RevocationError::Signature(_)), "{error}");
        let unknown = answer(&scene.leaf, &scene.issuer, &[0x82, 0], (0, 7));
        let proof = scene.told(&response(&scene.key, &scene.key, 0, &[unknown], &[])).expect("it answers");
        assert!(!proof.is_telling());
    }

    #[test]
    fn of_two_answers_for_one_time_the_bad_one_counts() {
        let scene = Scene::new();
        let good = || answer(&scene.leaf, &scene.issuer, GOOD, (0, 7));
        let bad = || answer(&scene.leaf, &scene.issuer, &revoked(-1), (0, 7));
        for answers in [[good(), bad()], [bad(), good()]] {
            let proof = scene.told(&response(&scene.key, &scene.key, 0, &answers, &[])).expect("it answers");
            assert!(proof.is_revoked_at(NOW), "{proof:?}");
        }
        // A later one may lift what an earlier one said.
        let earlier = answer(&scene.leaf, &scene.issuer, &revoked(-3), (-2, 7));
        let proof = scene.told(&response(&scene.key, &scene.key, 0, &[good(), earlier], &[])).expect("it answers");
        assert_eq!(proof.status, Status::Good);
    }

    #[test]
    fn who_answers_has_the_right_to_at_that_time() {
        let scene = Scene::new();
        let may = purposes(false, &[oid::FOR_OCSP]);
        let told = |delegate: Certificate, produced, times| {
            let good = answer(&scene.leaf, &scene.issuer, GOOD, times);
            scene.told(&response(&scene.responder, &scene.responder, produced, &[good], &[delegate]))
        };
        let year = (-365, 365);
        let good = told(scene.delegate(std::slice::from_ref(&may), year), 0, (0, 7)).expect("it may answer");
        assert!(good.delegate.is_some());
        let authority_fault =
            |result: Result<Proof, RevocationError>| assert_eq!(result, Err(RevocationError::Authority));
        authority_fault(told(scene.delegate(&[purposes(false, &[oid::ANY_PURPOSE])], year), 0, (0, 7)));
        authority_fault(told(scene.delegate(&[made::usage(0b1000_0000)], year), 0, (0, 7)));
        authority_fault(told(scene.delegate(&[may.clone(), made::usage(0b0010_0000)], year), 0, (0, 7)));
        let odd = extension(oid::MGF1, true, &[5, 0]);
        authority_fault(told(scene.delegate(&[may.clone(), odd], year), 0, (0, 7)));
        authority_fault(told(scene.delegate(std::slice::from_ref(&may), (-365, -30)), 0, (0, 7)));
        // Whose right has ended may not tell of today as if it had been said then, nor promise news for the past.
        let ended = || scene.delegate(std::slice::from_ref(&may), (-365, -30));
        assert_eq!(told(ended(), -40, (0, 7)), Err(RevocationError::Times));
        assert_eq!(told(ended(), -40, (-40, -41)), Err(RevocationError::Times));
        let old = told(ended(), -40, (-40, 7)).expect("it could say so then");
        assert_eq!(old.produced_at, NOW - 40 * DAY);
        // Given by somebody else of the same name.
        let other = Key::new();
        let foreign = certificate(&called("OCSP"), &scene.responder, &called("CA"), &other, &[may]);
        authority_fault(told(foreign, 0, (0, 7)));
    }

    #[test]
    fn a_crowd_of_responders_is_not_tried_one_by_one() {
        let scene = Scene::new();
        let good = answer(&scene.leaf, &scene.issuer, GOOD, (0, 7));
        let delegate = scene.delegate(&[purposes(false, &[oid::FOR_OCSP])], (-365, 365));
        let foreign = certificate(
            &called("OCSP"),
            &scene.responder,
            &called("CA"),
            &scene.responder,
            &[purposes(false, &[oid::FOR_OCSP])],
        );
        let among = |before: usize| {
            let all = [vec![foreign.clone(); before], vec![delegate.clone()]].concat();
            scene.told(&response(&scene.responder, &scene.responder, 0, std::slice::from_ref(&good), &all)).is_ok()
        };
        assert!(among(0) && among(3));
        assert!(!among(4));
    }

    #[test]
    fn a_question_names_the_issuer_as_the_certificate_does() {
        // The issuer writes its own name in another type of string.
        let [key, leaf] = [Key::new(), Key::new()];
        let common = |tag: u8| {
            let value = der::element(tag, b"CA");
            der::sequence(&[&der::element(tag::SET, &der::sequence(&[&der::oid(oid::COMMON_NAME), &value]))])
        };
        let issuer = certificate(&common(0x13), &key, &common(0x13), &key, &[authority()]);
        let leaf = certificate(&called("Kari"), &leaf, &common(tag::UTF8), &key, &[]);
        let asked = OcspRequest::new(&leaf, &issuer, Hash::Sha1, None);
        let hash = Hash::Sha1.digest(&[leaf.issuer().der()]);
        assert!(asked.der().windows(hash.len()).any(|part| part == hash), "RFC 6960, 4.1.1");
        let good = answer(&leaf, &issuer, GOOD, (0, 7));
        assert!(
            OcspResponse::from_der(&response(&key, &key, 0, &[good], &[]))
                .is_ok_and(|one| one.proof(&leaf, &issuer).is_ok())
        );
    }
}
