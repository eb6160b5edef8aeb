//! Keys that sign, with their certificates, and whether they may.
//!
//! A key is checked before it is used: a signature with an expired certificate can never be made good again. Private
//! keys are in no message and not in `Debug`, and what they were read from is wiped.

use std::fmt;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256,
    RsaKeyPair,
};
use zeroize::Zeroizing;

use super::cms::Algorithm;
use super::container::{self, ContainerError, Secret};
use crate::pki::certificate::CertificateError;
use crate::pki::revocation::Evidence;
use crate::pki::{Anchors, Certificate, Chain, ChainError, Purpose, chain, time};

/// Most certificates beside a key.
const CERTIFICATES: usize = 16;

/// A key can not sign.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The file can not be read.
    #[error(transparent)]
    Container(#[from] ContainerError),
    /// A certificate is broken.
    #[error("a certificate beside the key can not be read: {0}")]
    Certificate(#[from] CertificateError),
    /// No certificate belongs to the key.
    #[error("none of the certificates belongs to the key")]
    NoCertificate,
    /// There are more certificates than any chain has.
    #[error("there are more than {CERTIFICATES} certificates beside the key")]
    TooMany,
    /// The key is of another kind.
    #[error("the key is {0}; RSA of 2048 to 4096 bits, P-256 and P-384 can be used")]
    Kind(String),
    /// The certificate is not valid yet.
    #[error("the certificate is valid only from {}", time::text(*.0))]
    NotYetValid(i64),
    /// The certificate has expired.
    #[error("the certificate was valid only until {}", time::text(*.0))]
    Expired(i64),
    /// The certificate is for something else.
    #[error(
        "the certificate is not for signatures (key usage has neither `digitalSignature` nor `nonRepudiation`, or it is that of an authority)"
    )]
    Usage,
    /// No chain leads to somebody who is trusted.
    #[error("no chain of certificates leads to a trust anchor: {0}")]
    Chain(Box<ChainError>),
    /// It was revoked.
    #[error("the certificate of `{0}` was revoked")]
    Revoked(String),
    /// The key does not sign.
    #[error("the key gives no signature")]
    Failed,
}

/// What a certificate is checked against.
#[derive(Debug, Clone, Copy)]
pub struct Checks<'a> {
    /// The time, in seconds since 1970.
    pub now: i64,
    /// Who is trusted; if nobody is told, the chain is not looked at.
    pub anchors: Option<&'a Anchors>,
    /// Certificates between signers and anchors, beside those with the key.
    pub pool: &'a [Certificate],
    /// Proofs of revocation at hand.
    pub evidence: Option<&'a Evidence>,
}

impl Checks<'_> {
    /// Whether a certificate may sign; its chain is looked for among the others.
    ///
    /// # Errors
    ///
    /// [`KeyError`] says why not.
    pub fn check(&self, certificate: &Certificate, others: &[Certificate]) -> Result<(), KeyError> {
        self.chain(certificate, others).map(drop)
    }

    /// The chain of a certificate that may sign; nothing if nobody is told who could be trusted.
    ///
    /// # Errors
    ///
    /// As [`Checks::check`].
    pub fn chain(&self, certificate: &Certificate, others: &[Certificate]) -> Result<Option<Chain>, KeyError> {
        if Algorithm::of(certificate.public_key()).is_none() {
            return Err(KeyError::Kind(certificate.public_key().kind().name()));
        }
        if self.now < certificate.not_before() {
            return Err(KeyError::NotYetValid(certificate.not_before()));
        }
        if self.now > certificate.not_after() {
            return Err(KeyError::Expired(certificate.not_after()));
        }
        let signs = certificate.key_usage().is_none_or(|usage| usage.digital_signature() || usage.non_repudiation());
        if !signs || certificate.is_authority() {
            return Err(KeyError::Usage);
        }
        let Some(anchors) = self.anchors else { return Ok(None) };
        let pool = [others, self.pool].concat();
        let chain = chain::build(certificate, &pool, anchors, self.now, Purpose::Signing)
            .map_err(|error| KeyError::Chain(Box::new(error)))?;
        for (one, issuer) in chain.links() {
            let proofs = self.evidence.map(|evidence| evidence.proofs(one, issuer)).unwrap_or_default();
            if proofs.iter().any(|proof| proof.is_revoked_at(self.now)) {
                return Err(KeyError::Revoked(one.subject().short()));
            }
        }
        Ok(Some(chain))
    }
}

/// A private key with its certificates.
pub struct Signer {
    key: Key,
    algorithm: Algorithm,
    chain: Vec<Certificate>,
}

enum Key {
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair),
}

impl fmt::Debug for Signer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Signer(..)")
    }
}

impl Signer {
    /// Reads a PKCS#12 file (RFC 7292).
    ///
    /// # Errors
    ///
    /// [`ContainerError`]: the password is wrong, the file is broken or sealed in an old way. Or key and certificates
    /// do not fit.
    pub fn from_pkcs12(bytes: &[u8], password: &str) -> Result<Self, KeyError> {
        let (secret, certificates) = container::pkcs12(bytes, password)?;
        Self::new(&secret, certificates.iter().map(|der| Certificate::from_der(der)).collect::<Result<_, _>>()?)
    }

    /// Reads a key in PEM (PKCS#8 plain or encrypted, PKCS#1, SEC1) and its certificates in PEM, which may stand in
    /// the same file.
    ///
    /// # Errors
    ///
    /// As [`Signer::from_pkcs12`].
    pub fn from_pem(key: &[u8], password: Option<&str>, certificates: &[u8]) -> Result<Self, KeyError> {
        Self::new(&container::pem(key, password)?, Certificate::list(certificates)?)
    }

    /// Finds the certificate of a key, and puts those above it behind it.
    fn new(secret: &Secret, certificates: Vec<Certificate>) -> Result<Self, KeyError> {
        if certificates.len() > CERTIFICATES {
            return Err(KeyError::TooMany);
        }
        let keys = certificates.iter().enumerate().filter_map(|(index, certificate)| {
            let algorithm = Algorithm::of(certificate.public_key())?;
            let key = open(secret, algorithm).filter(|key| key.public() == certificate.public_key().bits())?;
            Some((index, algorithm, key))
        });
        let Some((index, algorithm, key)) = { keys }.next() else { return Err(unfit(secret, &certificates)) };
        Ok(Self { key, algorithm, chain: in_order(certificates, index) })
    }

    /// What it signs with.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Its certificates, its own first.
    pub fn chain(&self) -> &[Certificate] {
        &self.chain
    }

    /// Whether it may sign.
    ///
    /// # Errors
    ///
    /// [`KeyError`] says why not.
    pub fn check(&self, checks: &Checks<'_>) -> Result<(), KeyError> {
        let (own, others) = self.chain.split_first().ok_or(KeyError::NoCertificate)?;
        checks.check(own, others)
    }

    /// Signs a message, whose digest is part of the algorithm.
    ///
    /// # Errors
    ///
    /// [`KeyError::Failed`].
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        match &self.key {
            Key::Rsa(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)
                    .map_err(|_| KeyError::Failed)?;
                Ok(signature)
            }
            Key::Ec(key) => {
                let signature = key.sign(&SystemRandom::new(), message).map_err(|_| KeyError::Failed)?;
                Ok(signature.as_ref().to_vec())
            }
        }
    }
}

impl Key {
    /// What stands in the bit string of its public key.
    fn public(&self) -> &[u8] {
        match self {
            Self::Rsa(key) => key.public_key().as_ref(),
            Self::Ec(key) => key.public_key().as_ref(),
        }
    }
}

/// Opens a key for an algorithm, if it is one.
fn open(secret: &Secret, algorithm: Algorithm) -> Option<Key> {
    let curve = match algorithm {
        Algorithm::RsaSha256 => {
            let key = match secret {
                Secret::Pkcs8(bytes) => RsaKeyPair::from_pkcs8(bytes),
                Secret::Pkcs1(bytes) => RsaKeyPair::from_der(bytes),
                Secret::Sec1(_) => return None,
            };
            return key.ok().map(Key::Rsa);
        }
        Algorithm::P256Sha256 => &ECDSA_P256_SHA256_ASN1_SIGNING,
        Algorithm::P384Sha384 => &ECDSA_P384_SHA384_ASN1_SIGNING,
    };
    let bytes: &Zeroizing<Vec<u8>> = match secret {
        Secret::Pkcs8(bytes) | Secret::Sec1(bytes) => bytes,
        Secret::Pkcs1(_) => return None,
    };
    EcdsaKeyPair::from_private_key_der(curve, bytes).ok().map(Key::Ec)
}

/// Why no certificate fits a key.
fn unfit(secret: &Secret, certificates: &[Certificate]) -> KeyError {
    let opens = [Algorithm::RsaSha256, Algorithm::P256Sha256, Algorithm::P384Sha384];
    let is_known = opens.into_iter().any(|algorithm| open(secret, algorithm).is_some());
    match certificates.first() {
        Some(first) if !is_known => KeyError::Kind(first.public_key().kind().name()),
        _ => KeyError::NoCertificate,
    }
}

/// The certificate at an index, then the one that issued it, and so on; what belongs to none of them is left out.
fn in_order(mut certificates: Vec<Certificate>, index: usize) -> Vec<Certificate> {
    let mut chain = vec![certificates.swap_remove(index)];
    while let Some(last) = chain.last().filter(|last| !last.is_self_issued()) {
        let above = certificates
            .iter()
            .position(|one| one.subject() == last.issuer() && last.is_signed_by(one.public_key()).is_ok());
        match above {
            Some(index) => chain.push(certificates.swap_remove(index)),
            None => break,
        }
    }
    chain
}
