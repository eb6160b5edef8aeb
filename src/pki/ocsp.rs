//! The online certificate status protocol (RFC 6960).

use std::ops::Range;
use std::sync::Arc;

use super::algorithm::{self, Hash, SignatureAlgorithm, SignatureError, Strength};
use super::certificate::Certificate;
use super::chain::{Purpose, is_for};
use super::der::{self, DerError, Element, Reader, tag};
use super::key::PublicKey;
use super::name::Name;
use super::revocation::{Proof, Reason, RevocationError, Source, Status};
use super::{extension, oid, time};

/// Longest response, in bytes.
pub const LONGEST: usize = 256 * 1024;
/// Most answers and certificates in a response.
const MOST: usize = 64;

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
        let name = der::element(tag::OCTET_STRING, &id.digest(&[issuer.subject().der()]));
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
}

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
        let latest = self.0.answers.iter().filter(about).max_by_key(|answer| answer.this_update);
        let answer = latest.ok_or(RevocationError::Other)?;
        let (strength, delegate) = self.signer(issuer)?;
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
    fn signer(&self, issuer: &Certificate) -> Result<(Strength, Option<Certificate>), RevocationError> {
        if self.0.responder.is(issuer) {
            return Ok((self.is_signed_by(issuer.public_key())?, None));
        }
        let named = self.0.certificates.iter().filter(|one| self.0.responder.is(one));
        let mut why = RevocationError::Authority;
        for delegate in named.filter(|one| self.is_delegate(one, issuer)) {
            match self.is_signed_by(delegate.public_key()) {
                Ok(strength) => return Ok((strength, Some(delegate.clone()))),
                Err(error) => why = error.into(),
            }
        }
        Err(why)
    }

    /// Whether the issuer itself gave somebody the right to answer at the time when this was made.
    fn is_delegate(&self, delegate: &Certificate, issuer: &Certificate) -> bool {
        delegate.issuer().is(issuer.subject())
            && is_for(delegate, Purpose::OcspSigning)
            && delegate.is_valid_at(self.0.produced_at)
            && delegate.unknown_critical().is_empty()
            && delegate.is_signed_by(issuer.public_key()).is_ok_and(|strength| strength.weaknesses().is_empty())
    }

    fn is_signed_by(&self, key: &PublicKey) -> Result<Strength, SignatureError> {
        let algorithm = SignatureAlgorithm::from_der(&self.0.algorithm, None)?;
        let signed = self.0.der.get(self.0.signed.clone()).unwrap_or_default();
        algorithm::verify(algorithm, key, signed, &self.0.signature)
    }
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
            && self.issuer_name == self.hash.digest(&[issuer.subject().der()])
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
