//! Certificates (RFC 5280, 4): read once, kept byte for byte, cheap to clone.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use const_oid::ObjectIdentifier;

use super::algorithm::{self, AlgorithmError, Hash, SignatureAlgorithm, SignatureError, Strength};
use super::constraint::NameConstraints;
use super::der::{self, DerError, tag};
use super::extension::{BasicConstraints, ExtendedKeyUsage, Extensions, KeyUsage, Qualified};
use super::key::PublicKey;
use super::name::{GeneralName, Name};
use super::time;

/// Longest certificate, in bytes.
pub const LONGEST: usize = 64 * 1024;
/// Most certificates in one list.
pub const MOST: usize = 512;

/// Why something is no certificate. Nothing of it is told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// No DER of a certificate.
    #[error("this is no certificate in DER: {0}")]
    Der(#[from] DerError),
    /// Too long.
    #[error("the certificate is longer than 64 KiB")]
    Length,
    /// No block of PEM, or a broken one.
    #[error("no certificate in PEM was found; one begins with `-----BEGIN CERTIFICATE-----`")]
    Pem,
    /// Too many in a list.
    #[error("there are more than 512 certificates in the list")]
    TooMany,
    /// The algorithm is told twice and differently (RFC 5280, 4.1.1.2).
    #[error("the certificate tells two different algorithms of its signature")]
    Algorithm,
}

/// A certificate.
#[derive(Clone)]
pub struct Certificate(Arc<Parts>);

struct Parts {
    der: Vec<u8>,
    /// 0 is version 1.
    version: u64,
    /// Where the signed part lies in it.
    signed: std::ops::Range<usize>,
    fingerprint: [u8; 32],
    serial: Vec<u8>,
    algorithm: Vec<u8>,
    signature: Vec<u8>,
    issuer: Name,
    subject: Name,
    not_before: i64,
    not_after: i64,
    key: PublicKey,
    extensions: Extensions,
}

impl Certificate {
    /// Reads a certificate in DER, of at most 64 KiB.
    ///
    /// # Errors
    /// It is none.
    pub fn from_der(bytes: &[u8]) -> Result<Self, CertificateError> {
        if bytes.len() > LONGEST {
            return Err(CertificateError::Length);
        }
        let mut outer = der::only_sequence(bytes)?;
        let signed = outer.expect(tag::SEQUENCE)?;
        let algorithm = outer.expect(tag::SEQUENCE)?.raw;
        let signature = outer.expect(tag::BIT_STRING)?.whole_bits()?;
        outer.end()?;

        let mut inside = signed.inside();
        let version = match inside.optional(tag::constructed(0))? {
            Some(version) => der::only(version.body, tag::INTEGER)?.number()?,
            None => 0,
        };
        let serial = inside.next()?.integer()?.to_vec();
        if inside.expect(tag::SEQUENCE)?.raw != algorithm {
            return Err(CertificateError::Algorithm);
        }
        let issuer = Name::from_der(inside.expect(tag::SEQUENCE)?.raw)?;
        let mut validity = inside.sequence()?;
        let (not_before, not_after) = (time::read(&validity.next()?)?, time::read(&validity.next()?)?);
        validity.end()?;
        let subject = Name::from_der(inside.expect(tag::SEQUENCE)?.raw)?;
        let key = PublicKey::from_der(inside.expect(tag::SEQUENCE)?.raw)?;
        inside.optional(tag::primitive(1))?;
        inside.optional(tag::primitive(2))?;
        let extensions = match inside.optional(tag::constructed(3))? {
            Some(element) if version == 2 => Extensions::from_der(element.body)?,
            Some(_) => return Err(DerError::Value("the version of a certificate").into()),
            None => Extensions::default(),
        };
        inside.end()?;

        let begin = bytes.len() - outer_rest(bytes)?;
        Ok(Self(Arc::new(Parts {
            der: bytes.to_vec(),
            version,
            signed: begin..begin + signed.raw.len(),
            fingerprint: Hash::Sha256.digest(&[bytes]).try_into().unwrap_or([0; 32]),
            serial,
            algorithm: algorithm.to_vec(),
            signature: signature.to_vec(),
            issuer,
            subject,
            not_before,
            not_after,
            key,
            extensions,
        })))
    }

    /// Reads a list of certificates in PEM (RFC 7468), of which the text around the blocks is left out, or one in DER.
    ///
    /// # Errors
    /// There is none, one is broken, or there are more than 512.
    pub fn list(bytes: &[u8]) -> Result<Vec<Self>, CertificateError> {
        // A text could begin with the digit that is this tag; a certificate has a long length behind it.
        if matches!(bytes, [tag::SEQUENCE, 0x80..=0xFF, ..]) {
            return Ok(vec![Self::from_der(bytes)?]);
        }
        let blocks = pem_blocks(bytes, "CERTIFICATE").ok_or(CertificateError::Pem)?;
        if blocks.is_empty() {
            return Err(CertificateError::Pem);
        }
        if blocks.len() > MOST {
            return Err(CertificateError::TooMany);
        }
        blocks.iter().map(|block| Self::from_der(block)).collect()
    }

    /// Whether it is of version 3, and could say with extensions what it is for.
    pub(super) fn has_extensions(&self) -> bool {
        self.0.version == 2
    }

    /// The certificate, as it came.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.0.der
    }

    /// The certificate in PEM.
    #[must_use]
    pub fn to_pem(&self) -> String {
        let text = STANDARD.encode(self.der());
        let mut lines = vec!["-----BEGIN CERTIFICATE-----"];
        let mut rest = text.as_str();
        while !rest.is_empty() {
            let (line, behind) = rest.split_at(rest.len().min(64));
            lines.push(line);
            rest = behind;
        }
        lines.push("-----END CERTIFICATE-----\n");
        lines.join("\n")
    }

    /// SHA-256 of all of it.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 32] {
        self.0.fingerprint
    }

    /// SHA-256 of all of it, in small hexadecimal digits.
    #[must_use]
    pub fn fingerprint_hex(&self) -> String {
        super::hex(&self.0.fingerprint)
    }

    /// The name of whom it is of.
    #[must_use]
    pub fn subject(&self) -> &Name {
        &self.0.subject
    }

    /// The name of who made it.
    #[must_use]
    pub fn issuer(&self) -> &Name {
        &self.0.issuer
    }

    /// The content of the INTEGER of its serial number.
    #[must_use]
    pub fn serial(&self) -> &[u8] {
        &self.0.serial
    }

    /// Its serial number in small hexadecimal digits, without the zero byte that only tells the sign.
    #[must_use]
    pub fn serial_hex(&self) -> String {
        match self.serial() {
            [0, rest @ ..] if !rest.is_empty() => super::hex(rest),
            serial => super::hex(serial),
        }
    }

    /// The first second in which it is valid, since 1970.
    #[must_use]
    pub fn not_before(&self) -> i64 {
        self.0.not_before
    }

    /// The last second in which it is valid, since 1970.
    #[must_use]
    pub fn not_after(&self) -> i64 {
        self.0.not_after
    }

    /// Whether it is valid at a time.
    #[must_use]
    pub fn is_valid_at(&self, time: i64) -> bool {
        (self.0.not_before..=self.0.not_after).contains(&time)
    }

    /// Its key.
    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        &self.0.key
    }

    /// The algorithm that it is signed by.
    ///
    /// # Errors
    /// It is not known.
    pub fn signature_algorithm(&self) -> Result<SignatureAlgorithm, AlgorithmError> {
        SignatureAlgorithm::from_der(&self.0.algorithm, None)
    }

    /// Whether a key signed it, and how strongly. Nothing else is asked of who has the key.
    ///
    /// # Errors
    /// It did not, or that can not be told.
    pub fn is_signed_by(&self, key: &PublicKey) -> Result<Strength, SignatureError> {
        let signed = self.0.der.get(self.0.signed.clone()).unwrap_or_default();
        algorithm::verify(self.signature_algorithm()?, key, signed, &self.0.signature)
    }

    /// Whether its issuer and its subject have one name.
    #[must_use]
    pub fn is_self_issued(&self) -> bool {
        self.0.issuer.is(&self.0.subject)
    }

    /// keyUsage, if there is one.
    #[must_use]
    pub fn key_usage(&self) -> Option<KeyUsage> {
        self.0.extensions.key_usage
    }

    /// extKeyUsage, if there is one.
    #[must_use]
    pub fn extended_key_usage(&self) -> Option<&ExtendedKeyUsage> {
        self.0.extensions.extended_key_usage.as_ref()
    }

    /// basicConstraints, if there are some.
    #[must_use]
    pub fn basic_constraints(&self) -> Option<BasicConstraints> {
        self.0.extensions.basic_constraints
    }

    /// Whether it says that it is of an authority.
    #[must_use]
    pub fn is_authority(&self) -> bool {
        self.basic_constraints().is_some_and(|constraints| constraints.authority)
    }

    /// The id of its key.
    #[must_use]
    pub fn subject_key_id(&self) -> Option<&[u8]> {
        self.0.extensions.subject_key_id.as_deref()
    }

    /// The id of the key that signed it.
    #[must_use]
    pub fn authority_key_id(&self) -> Option<&[u8]> {
        self.0.extensions.authority_key_id.as_deref()
    }

    /// Where its issuer answers by OCSP. A stranger wrote these: see [`super::fetch`].
    #[must_use]
    pub fn ocsp_urls(&self) -> &[String] {
        &self.0.extensions.ocsp_urls
    }

    /// Where the certificate of its issuer is. A stranger wrote these: see [`super::fetch`].
    #[must_use]
    pub fn issuer_urls(&self) -> &[String] {
        &self.0.extensions.issuer_urls
    }

    /// Where the CRL of its issuer is. A stranger wrote these: see [`super::fetch`].
    #[must_use]
    pub fn crl_urls(&self) -> &[String] {
        &self.0.extensions.crl_urls
    }

    /// Where its CRL may be from, by names of every form.
    pub(super) fn crl_places(&self) -> &[GeneralName] {
        &self.0.extensions.crl_places
    }

    /// Whether it is of an OCSP responder and says that nobody needs to ask for its revocation (RFC 6960, 4.2.2.2.1).
    #[must_use]
    pub fn needs_no_ocsp(&self) -> bool {
        self.0.extensions.ocsp_no_check
    }

    /// The policies that it was made by.
    #[must_use]
    pub fn policies(&self) -> &[ObjectIdentifier] {
        &self.0.extensions.policies
    }

    /// What it says of itself by eIDAS.
    #[must_use]
    pub fn qualified(&self) -> Qualified {
        self.0.extensions.qualified
    }

    /// Critical extensions that are not known here. With one of them it is not valid (RFC 5280, 4.2).
    #[must_use]
    pub fn unknown_critical(&self) -> &[ObjectIdentifier] {
        &self.0.extensions.unknown_critical
    }

    /// subjectAltName, as it came.
    pub(super) fn alternative_names(&self) -> Option<&[u8]> {
        self.0.extensions.alternative_names.as_deref()
    }

    /// Whom it may name in certificates below it, if it says so.
    pub(super) fn name_constraints(&self) -> Option<&NameConstraints> {
        self.0.extensions.name_constraints.as_ref()
    }

    /// Constraints on the paths below it that are not worked out here (policyConstraints that ask for a policy, and nameConstraints that are broken). No path goes through
    /// them.
    #[must_use]
    pub fn constraints(&self) -> &[ObjectIdentifier] {
        &self.0.extensions.constraints
    }
}

impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        self.der() == other.der()
    }
}

impl Eq for Certificate {}

impl std::hash::Hash for Certificate {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.fingerprint.hash(state);
    }
}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Certificate({}, serial {})", self.subject(), self.serial_hex())
    }
}

/// How many bytes there are behind the first header.
fn outer_rest(bytes: &[u8]) -> Result<usize, DerError> {
    Ok(der::only(bytes, tag::SEQUENCE)?.body.len())
}

/// The contents of the blocks of PEM with a label; nothing if one is broken.
pub(super) fn pem_blocks(bytes: &[u8], label: &str) -> Option<Vec<Vec<u8>>> {
    let text = String::from_utf8_lossy(bytes);
    let (begin, end) = (format!("-----BEGIN {label}-----"), format!("-----END {label}-----"));
    let mut blocks = Vec::new();
    let mut rest = &*text;
    while let Some((_, behind)) = rest.split_once(&begin) {
        let (block, behind) = behind.split_once(&end)?;
        let block: String = block.split_whitespace().collect();
        blocks.push(STANDARD.decode(block).ok()?);
        rest = behind;
    }
    Some(blocks)
}
