//! Public keys: what kind they are, and the bits that signatures are checked with (RFC 5280, 4.1.2.7; RFC 3279, RFC 5480, RFC 8410).

use super::algorithm::{Hash, pss_parameters};
use super::der::{self, DerError, tag};
use super::oid;

/// A curve of NIST (FIPS 186-5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Curve {
    /// P-256.
    P256,
    /// P-384.
    P384,
    /// P-521.
    P521,
}

/// What kind of key it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyKind {
    /// RSA, with the bits of its modulus.
    Rsa {
        /// Bits of the modulus.
        bits: u32,
    },
    /// On a curve.
    Ec(Curve),
    /// Ed25519.
    Ed25519,
    /// One that nothing is checked with here.
    Other,
}

impl KeyKind {
    /// Its name in words, such as `RSA of 2048 bits`.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::Rsa { bits } => format!("RSA of {bits} bits"),
            Self::Ec(Curve::P256) => "P-256".to_owned(),
            Self::Ec(Curve::P384) => "P-384".to_owned(),
            Self::Ec(Curve::P521) => "P-521".to_owned(),
            Self::Ed25519 => "Ed25519".to_owned(),
            Self::Other => "of a kind that is not known here".to_owned(),
        }
    }

    /// How many bits the key has.
    #[must_use]
    pub fn bits(self) -> u32 {
        match self {
            Self::Rsa { bits } => bits,
            Self::Ec(Curve::P256) | Self::Ed25519 => 256,
            Self::Ec(Curve::P384) => 384,
            Self::Ec(Curve::P521) => 521,
            Self::Other => 0,
        }
    }
}

/// What an RSA key is kept to that signs by RSA-PSS alone (RFC 4055, 1.2 and 3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PssLimit {
    /// The digest and the least salt, if the key tells them.
    only: Option<(Hash, u16)>,
}

impl PssLimit {
    pub(super) fn allows(self, hash: Hash, salt: u16) -> bool {
        self.only.is_none_or(|(only, least)| hash == only && salt >= least)
    }
}

/// A public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    kind: KeyKind,
    pss: Option<PssLimit>,
    info: Vec<u8>,
    bits: Vec<u8>,
}

impl PublicKey {
    /// Reads a SubjectPublicKeyInfo. A key of another kind than those that are known is [`KeyKind::Other`].
    ///
    /// # Errors
    /// It is none.
    pub fn from_der(bytes: &[u8]) -> Result<Self, DerError> {
        let mut inside = der::only_sequence(bytes)?;
        let mut algorithm = inside.sequence()?;
        let bits = inside.expect(tag::BIT_STRING)?.whole_bits()?;
        inside.end()?;
        let name = algorithm.oid()?;
        let mut pss = None;
        let kind = if name == oid::RSA_ENCRYPTION {
            KeyKind::Rsa { bits: modulus_bits(bits)? }
        } else if name == oid::RSA_PSS {
            let told = algorithm.rest();
            let only = if told.is_empty() { Ok(None) } else { pss_parameters(told).map(Some) };
            pss = only.ok().map(|only| PssLimit { only });
            // With limits that are not understood, nothing can be said of what the key signs.
            if pss.is_some() { KeyKind::Rsa { bits: modulus_bits(bits)? } } else { KeyKind::Other }
        } else if name == oid::EC_KEY {
            curve(algorithm)
        } else if name == oid::ED25519 {
            KeyKind::Ed25519
        } else {
            KeyKind::Other
        };
        Ok(Self { kind, pss, info: bytes.to_vec(), bits: bits.to_vec() })
    }

    /// What it is kept to, if it is for RSA-PSS alone.
    pub(super) fn pss(&self) -> Option<PssLimit> {
        self.pss
    }

    /// Its name in words.
    pub(super) fn name(&self) -> String {
        let name = self.kind.name();
        if self.pss.is_some() { format!("{name} for RSA-PSS alone") } else { name }
    }

    /// What kind it is.
    #[must_use]
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// The SubjectPublicKeyInfo, as it came.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.info
    }

    /// What is in its bit string: an RSAPublicKey, a point, or the 32 bytes of Ed25519.
    #[must_use]
    pub fn bits(&self) -> &[u8] {
        &self.bits
    }
}

/// The named curve; one with parameters of its own is refused (RFC 5480, 2.1.1).
fn curve(mut algorithm: der::Reader<'_>) -> KeyKind {
    match algorithm.oid() {
        Ok(name) if name == oid::P256 => KeyKind::Ec(Curve::P256),
        Ok(name) if name == oid::P384 => KeyKind::Ec(Curve::P384),
        Ok(name) if name == oid::P521 => KeyKind::Ec(Curve::P521),
        _ => KeyKind::Other,
    }
}

fn modulus_bits(key: &[u8]) -> Result<u32, DerError> {
    let mut inside = der::only_sequence(key)?;
    let modulus = inside.next()?.integer()?;
    inside.next()?.integer()?;
    inside.end()?;
    let negative = modulus.first().is_some_and(|first| first & 0x80 != 0);
    let digits = modulus.strip_prefix(&[0]).unwrap_or(modulus);
    let bits = digits.len() * 8 - digits.first().map_or(0, |first| first.leading_zeros() as usize);
    u32::try_from(bits).ok().filter(|_| !negative).ok_or(DerError::Value("an RSA modulus"))
}
