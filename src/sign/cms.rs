//! The signature itself: signed data of CAdES at the level B-B and B-T (ETSI EN 319 122-1, 319 142-1), over a digest.
//!
//! Certificates and tokens go in byte for byte as they came.

use serde::{Deserialize, Serialize};

use crate::pki::algorithm::SignatureError;
use crate::pki::der::{self, DerError, tag};
use crate::pki::key::{Curve, KeyKind, PublicKey};
use crate::pki::{Certificate, Hash, SignatureAlgorithm, algorithm, oid};

/// What a key signs with. The digest is as strong as the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Algorithm {
    /// RSA PKCS#1 v1.5 with SHA-256.
    RsaSha256,
    /// ECDSA on P-256 with SHA-256.
    P256Sha256,
    /// ECDSA on P-384 with SHA-384.
    P384Sha384,
}

impl Algorithm {
    /// What a key signs with; nothing for keys that are not used here: RSA has 2048 to 4096 bits.
    pub fn of(key: &PublicKey) -> Option<Self> {
        match key.kind() {
            KeyKind::Rsa { bits: 2048..=4096 } => Some(Self::RsaSha256),
            KeyKind::Ec(Curve::P256) => Some(Self::P256Sha256),
            KeyKind::Ec(Curve::P384) => Some(Self::P384Sha384),
            _ => None,
        }
    }

    /// Its digest.
    pub fn hash(self) -> Hash {
        match self {
            Self::RsaSha256 | Self::P256Sha256 => Hash::Sha256,
            Self::P384Sha384 => Hash::Sha384,
        }
    }

    /// Its AlgorithmIdentifier (RFC 5754, 3).
    pub fn to_der(self) -> Vec<u8> {
        match self {
            Self::RsaSha256 => der::sequence(&[&der::oid(oid::RSA_SHA256), &der::element(tag::NULL, &[])]),
            Self::P256Sha256 => der::sequence(&[&der::oid(oid::ECDSA_SHA256)]),
            Self::P384Sha384 => der::sequence(&[&der::oid(oid::ECDSA_SHA384)]),
        }
    }

    /// Checks a signature over a message.
    ///
    /// # Errors
    ///
    /// It is wrong.
    pub fn verify(self, key: &PublicKey, message: &[u8], signature: &[u8]) -> Result<(), SignatureError> {
        let own = SignatureAlgorithm::from_der(&self.to_der(), Some(self.hash()))?;
        algorithm::verify(own, key, message, signature).map(drop)
    }
}

/// What is signed (RFC 5652, 5.4): the signed attributes as a SET. They name the content by its digest, the certificate
/// and the algorithms. The time is not among them: PAdES has it in the dictionary (EN 319 142-1, 6.3).
pub fn signed_attributes(algorithm: Algorithm, digest: &[u8], certificate: &Certificate) -> Vec<u8> {
    der::set_of(
        tag::SET,
        vec![
            attribute(oid::CONTENT_TYPE, &der::oid(oid::DATA)),
            attribute(oid::MESSAGE_DIGEST, &der::element(tag::OCTET_STRING, digest)),
            attribute(oid::SIGNING_CERTIFICATE_V2, &signing_certificate(certificate)),
            attribute(oid::ALGORITHM_PROTECTION, &protection(algorithm)),
        ],
    )
}

/// Signed data at the level B-B: the attributes as they were signed, and the chain with the signer first.
pub fn signed_data(algorithm: Algorithm, attributes: &[u8], signature: &[u8], chain: &[Certificate]) -> Vec<u8> {
    let Some(signer) = chain.first() else { return Vec::new() };
    // In the signer's part they are tagged as `[0]` (RFC 5652, 5.3).
    let attributes =
        attributes.split_first().map_or_else(Vec::new, |(_, rest)| [&[tag::constructed(0)], rest].concat());
    let hash = algorithm.hash().to_der();
    let info = der::sequence(&[
        &der::integer(1),
        &issuer_and_serial(signer, signer.issuer().der()),
        &hash,
        &attributes,
        &algorithm.to_der(),
        &der::element(tag::OCTET_STRING, signature),
    ]);
    let certificates = chain.iter().map(|certificate| certificate.der().to_vec()).collect();
    let data = der::sequence(&[
        &der::integer(1),
        &der::element(tag::SET, &hash),
        &der::sequence(&[&der::oid(oid::DATA)]),
        &der::set_of(tag::constructed(0), certificates),
        &der::element(tag::SET, &info),
    ]);
    der::sequence(&[&der::oid(oid::SIGNED_DATA), &der::element(tag::constructed(0), &data)])
}

/// The same signed data with a time stamp over the signature, as an unsigned attribute (EN 319 122-1, 5.3).
///
/// # Errors
///
/// It is no signed data of one signer in DER.
pub fn with_time_stamp(signed_data: &[u8], token: &[u8]) -> Result<Vec<u8>, DerError> {
    let mut content = der::only_sequence(signed_data)?;
    let kind = content.next()?.raw;
    let mut data = content.expect(tag::constructed(0))?.inside().sequence()?;
    let mut parts: Vec<Vec<u8>> = Vec::new();
    let mut signers = None;
    while !data.is_empty() {
        let part = data.next()?;
        // The signers come last (RFC 5652, 5.1).
        if data.is_empty() && part.tag == tag::SET {
            signers = Some(part.inside());
        } else {
            parts.push(part.raw.to_vec());
        }
    }
    let mut signers = signers.ok_or(DerError::Cut)?;
    let signer = signers.sequence()?.all(16, "parts of a signer")?;
    signers.end()?;
    let (mut own, mut unsigned) = (Vec::new(), vec![attribute(oid::SIGNATURE_TIME_STAMP, token)]);
    for part in signer {
        if part.tag == tag::constructed(1) {
            unsigned.extend(part.inside().all(64, "attributes")?.iter().map(|attribute| attribute.raw.to_vec()));
        } else {
            own.extend_from_slice(part.raw);
        }
    }
    own.extend(der::set_of(tag::constructed(1), unsigned));
    parts.push(der::element(tag::SET, &der::element(tag::SEQUENCE, &own)));
    let data = der::element(tag::SEQUENCE, &parts.concat());
    Ok(der::sequence(&[kind, &der::element(tag::constructed(0), &data)]))
}

fn attribute(kind: const_oid::ObjectIdentifier, value: &[u8]) -> Vec<u8> {
    der::sequence(&[&der::oid(kind), &der::element(tag::SET, value)])
}

fn issuer_and_serial(certificate: &Certificate, issuer: &[u8]) -> Vec<u8> {
    der::sequence(&[issuer, &der::element(tag::INTEGER, certificate.serial())])
}

/// SigningCertificateV2 of one certificate, by SHA-256, which is what is meant when no algorithm is named (RFC 5035, 4).
fn signing_certificate(certificate: &Certificate) -> Vec<u8> {
    let digest = der::element(tag::OCTET_STRING, &certificate.fingerprint());
    // GeneralNames of one directoryName.
    let issuer = der::sequence(&[&der::element(tag::constructed(4), certificate.issuer().der())]);
    let id = der::sequence(&[&digest, &issuer_and_serial(certificate, &issuer)]);
    der::sequence(&[&der::sequence(&[&id])])
}

/// CMSAlgorithmProtection (RFC 6211): the digest, and `[1]` the signature algorithm.
fn protection(algorithm: Algorithm) -> Vec<u8> {
    let own = algorithm.to_der();
    let tagged = own.split_first().map_or_else(Vec::new, |(_, rest)| [&[tag::constructed(1)], rest].concat());
    der::sequence(&[&algorithm.hash().to_der(), &tagged])
}
