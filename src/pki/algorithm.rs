//! Algorithms of digests and signatures: their names in DER, how strong they are, and the check of a signature.
//!
//! Weak ones are named, and the judge decides: a signature with SHA-1 can be right, and still prove nothing. How strong they are is told
//! after ETSI TS 119 312 and the SOG-IS Agreed Cryptographic Mechanisms that it points to.

use aws_lc_rs::digest as legacy;
use aws_lc_rs::signature::{self, RsaParameters, RsaPssSaltLength, UnparsedPublicKey, VerificationAlgorithm};
use const_oid::ObjectIdentifier;
use sha2::{Digest, Sha256, Sha384, Sha512};

use super::der::{self, DerError, tag};
use super::key::{Curve, KeyKind, PublicKey};
use super::oid;

/// A digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Hash {
    /// SHA-1: 20 bytes. Collisions have been made (SHAttered, 2017); only to read and to name what is old.
    Sha1,
    /// SHA-256: 32 bytes.
    Sha256,
    /// SHA-384: 48 bytes.
    Sha384,
    /// SHA-512: 64 bytes.
    Sha512,
}

impl Hash {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Sha1, Self::Sha256, Self::Sha384, Self::Sha512];

    /// Its name in DER.
    #[must_use]
    pub fn oid(self) -> ObjectIdentifier {
        match self {
            Self::Sha1 => oid::SHA1,
            Self::Sha256 => oid::SHA256,
            Self::Sha384 => oid::SHA384,
            Self::Sha512 => oid::SHA512,
        }
    }

    /// The digest of a name in DER, if it is one of these.
    #[must_use]
    pub fn of(oid: ObjectIdentifier) -> Option<Self> {
        Self::ALL.into_iter().find(|hash| hash.oid() == oid)
    }

    /// Its name in words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "SHA-1",
            Self::Sha256 => "SHA-256",
            Self::Sha384 => "SHA-384",
            Self::Sha512 => "SHA-512",
        }
    }

    /// How many bytes it has.
    #[must_use]
    pub fn length(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    /// The digest of parts that follow one another.
    #[must_use]
    pub fn digest(self, parts: &[&[u8]]) -> Vec<u8> {
        fn of<D: Digest>(parts: &[&[u8]]) -> Vec<u8> {
            let mut digest = D::new();
            for part in parts {
                digest.update(part);
            }
            digest.finalize().to_vec()
        }
        match self {
            Self::Sha1 => {
                let mut digest = legacy::Context::new(&legacy::SHA1_FOR_LEGACY_USE_ONLY);
                for part in parts {
                    digest.update(part);
                }
                digest.finish().as_ref().to_vec()
            }
            Self::Sha256 => of::<Sha256>(parts),
            Self::Sha384 => of::<Sha384>(parts),
            Self::Sha512 => of::<Sha512>(parts),
        }
    }

    /// Its AlgorithmIdentifier, without parameters (RFC 5754, 2).
    #[must_use]
    pub fn to_der(self) -> Vec<u8> {
        der::sequence(&[&der::oid(self.oid())])
    }

    /// Reads an AlgorithmIdentifier; parameters are left out or NULL (RFC 5754, 2).
    ///
    /// # Errors
    /// It is none of a digest that is known.
    pub fn from_der(bytes: &[u8]) -> Result<Self, AlgorithmError> {
        let (oid, parameters) = identifier(bytes)?;
        let hash = Self::of(oid).ok_or_else(|| AlgorithmError::Unknown(oid.to_string()))?;
        if none_or_null(parameters) { Ok(hash) } else { Err(AlgorithmError::Parameters) }
    }
}

/// How a signature is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// RSASSA-PKCS1-v1_5 (RFC 8017, 8.2).
    RsaPkcs1,
    /// RSASSA-PSS (RFC 8017, 8.1), with MGF1 over the same digest.
    RsaPss {
        /// How many bytes of salt it has, at least as many as the digest.
        salt: u16,
    },
    /// ECDSA (FIPS 186-5, 6).
    Ecdsa,
    /// Ed25519 (RFC 8032).
    Ed25519,
}

/// A scheme with the digest that it signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SignatureAlgorithm {
    /// How it is signed.
    pub scheme: Scheme,
    /// What is signed is the digest of the message by this (SHA-512 inside of Ed25519).
    pub hash: Hash,
}

/// An algorithm is not known here, or is written wrongly.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AlgorithmError {
    /// Not known, by its object identifier.
    #[error("the algorithm `{0}` is not known; RSA, ECDSA and Ed25519 with SHA-256, SHA-384 or SHA-512 are")]
    Unknown(String),
    /// Parameters that are wrong or not understood.
    #[error("the parameters of an algorithm are wrong, or not understood")]
    Parameters,
    /// No DER.
    #[error(transparent)]
    Der(#[from] DerError),
}

impl SignatureAlgorithm {
    /// Reads an AlgorithmIdentifier of a signature. In CMS that of the key alone is common (RFC 5652, 10.1.2 with RFC 3370, 3.2): then
    /// `digest` is the one beside it.
    ///
    /// # Errors
    /// It is not known.
    pub fn from_der(bytes: &[u8], digest: Option<Hash>) -> Result<Self, AlgorithmError> {
        let (name, parameters) = identifier(bytes)?;
        if name == oid::RSA_PSS {
            return pss(parameters);
        }
        let unknown = || AlgorithmError::Unknown(name.to_string());
        let found = if name == oid::RSA_ENCRYPTION {
            Self { scheme: Scheme::RsaPkcs1, hash: digest.ok_or_else(unknown)? }
        } else if name == oid::ED25519 {
            Self { scheme: Scheme::Ed25519, hash: Hash::Sha512 }
        } else {
            let (_, scheme, hash) = NAMED.into_iter().find(|(known, ..)| *known == name).ok_or_else(unknown)?;
            Self { scheme, hash }
        };
        let fits = match found.scheme {
            Scheme::RsaPkcs1 | Scheme::RsaPss { .. } => none_or_null(parameters),
            Scheme::Ecdsa | Scheme::Ed25519 => parameters.is_empty(),
        };
        if fits { Ok(found) } else { Err(AlgorithmError::Parameters) }
    }

    /// Its name in words, such as `ECDSA with SHA-256`.
    #[must_use]
    pub fn name(self) -> String {
        match self.scheme {
            Scheme::RsaPkcs1 => format!("RSA PKCS#1 v1.5 with {}", self.hash.name()),
            Scheme::RsaPss { .. } => format!("RSA-PSS with {}", self.hash.name()),
            Scheme::Ecdsa => format!("ECDSA with {}", self.hash.name()),
            Scheme::Ed25519 => "Ed25519".to_owned(),
        }
    }
}

const NAMED: [(ObjectIdentifier, Scheme, Hash); 8] = [
    (oid::RSA_SHA1, Scheme::RsaPkcs1, Hash::Sha1),
    (oid::RSA_SHA256, Scheme::RsaPkcs1, Hash::Sha256),
    (oid::RSA_SHA384, Scheme::RsaPkcs1, Hash::Sha384),
    (oid::RSA_SHA512, Scheme::RsaPkcs1, Hash::Sha512),
    (oid::ECDSA_SHA1, Scheme::Ecdsa, Hash::Sha1),
    (oid::ECDSA_SHA256, Scheme::Ecdsa, Hash::Sha256),
    (oid::ECDSA_SHA384, Scheme::Ecdsa, Hash::Sha384),
    (oid::ECDSA_SHA512, Scheme::Ecdsa, Hash::Sha512),
];

/// Object identifier and parameters of an AlgorithmIdentifier.
fn identifier(bytes: &[u8]) -> Result<(ObjectIdentifier, &[u8]), DerError> {
    let mut inside = der::only_sequence(bytes)?;
    let oid = inside.oid()?;
    let parameters = inside.rest();
    if !inside.is_empty() {
        inside.next()?;
        inside.end()?;
    }
    Ok((oid, parameters))
}

fn none_or_null(parameters: &[u8]) -> bool {
    parameters.is_empty() || parameters == [tag::NULL, 0]
}

/// Reads RSASSA-PSS-params (RFC 4055, 3.1). What is left out there means SHA-1.
fn pss(parameters: &[u8]) -> Result<SignatureAlgorithm, AlgorithmError> {
    let (hash, salt) = pss_parameters(parameters)?;
    // OpenSSL writes the longest salt that fits; one that is shorter than the digest nobody writes.
    if usize::from(salt) < hash.length() {
        return Err(AlgorithmError::Parameters);
    }
    Ok(SignatureAlgorithm { scheme: Scheme::RsaPss { salt }, hash })
}

/// Digest and bytes of salt in RSASSA-PSS-params, of a signature or of a key.
pub(super) fn pss_parameters(parameters: &[u8]) -> Result<(Hash, u16), AlgorithmError> {
    let mut inside = der::only_sequence(parameters)?;
    let hash = match inside.optional(tag::constructed(0))? {
        Some(element) => Hash::from_der(element.body)?,
        None => Hash::Sha1,
    };
    let mask = match inside.optional(tag::constructed(1))? {
        Some(element) => {
            let (name, of) = identifier(element.body)?;
            if name != oid::MGF1 {
                return Err(AlgorithmError::Unknown(name.to_string()));
            }
            Hash::from_der(of)?
        }
        None => Hash::Sha1,
    };
    let salt = match inside.optional(tag::constructed(2))? {
        Some(element) => der::only(element.body, tag::INTEGER)?.number()?,
        None => 20,
    };
    let trailer = match inside.optional(tag::constructed(3))? {
        Some(element) => der::only(element.body, tag::INTEGER)?.number()?,
        None => 1,
    };
    inside.end()?;
    match u16::try_from(salt) {
        Ok(salt) if mask == hash && trailer == 1 => Ok((hash, salt)),
        _ => Err(AlgorithmError::Parameters),
    }
}

/// What is too weak to prove anything today.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, thiserror::Error)]
pub enum Weakness {
    /// SHA-1.
    #[error("SHA-1 is broken: two documents can be made with one digest")]
    Sha1,
    /// An RSA key of so few bits.
    #[error("an RSA key of {0} bits is too short; at least 2048 are asked for")]
    ShortRsa(u32),
}

/// How far an algorithm is to be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Level {
    /// Too weak: see the [`Weakness`]es.
    Weak,
    /// To be replaced: RSA below 3000 bits, «legacy» in SOG-IS Agreed Cryptographic Mechanisms 1.3, 4.1. (Its time is told there; TS 119
    /// 312 repeats it with each edition, so it is not repeated here.)
    Legacy,
    /// For years to come.
    Recommended,
}

/// How strong a signature is, by its algorithm and key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Strength {
    /// The algorithm.
    pub algorithm: SignatureAlgorithm,
    /// The key that made it.
    pub key: KeyKind,
}

impl Strength {
    /// All that is too weak.
    #[must_use]
    pub fn weaknesses(&self) -> Vec<Weakness> {
        let mut found = Vec::new();
        if self.algorithm.hash == Hash::Sha1 {
            found.push(Weakness::Sha1);
        }
        if let KeyKind::Rsa { bits } = self.key
            && bits < 2048
        {
            found.push(Weakness::ShortRsa(bits));
        }
        found
    }

    /// How far it is to be trusted.
    #[must_use]
    pub fn level(&self) -> Level {
        match self.key {
            _ if !self.weaknesses().is_empty() => Level::Weak,
            KeyKind::Rsa { bits } if bits < 3000 => Level::Legacy,
            _ => Level::Recommended,
        }
    }

    /// Algorithm and key in words.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}, {}", self.algorithm.name(), self.key.name())
    }
}

/// A signature is not right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// It does not belong to this message and key.
    #[error("the signature does not fit what was signed, or not this key")]
    Wrong,
    /// The key is of another kind than the algorithm.
    #[error("the signature is by {algorithm} and the key is {key}")]
    Key {
        /// The algorithm.
        algorithm: String,
        /// The key.
        key: String,
    },
    /// Key and algorithm are not checked in this pairing.
    #[error("signatures by {algorithm} with the key {key} can not be checked here")]
    Unsupported {
        /// The algorithm.
        algorithm: String,
        /// The key.
        key: String,
    },
    /// The algorithm is not known.
    #[error(transparent)]
    Algorithm(#[from] AlgorithmError),
}

/// Checks a signature over a message, and tells how strong it is. A weak one that is right is `Ok`: ask [`Strength::weaknesses`].
///
/// # Errors
/// It is not right, or can not be checked.
pub fn verify(
    algorithm: SignatureAlgorithm,
    key: &PublicKey,
    message: &[u8],
    signature: &[u8],
) -> Result<Strength, SignatureError> {
    let kind = key.kind();
    let told = || (algorithm.name(), key.name());
    let fits = match (algorithm.scheme, kind) {
        (Scheme::RsaPkcs1, KeyKind::Rsa { .. }) => key.pss().is_none(),
        (Scheme::RsaPss { salt }, KeyKind::Rsa { .. }) => {
            key.pss().is_none_or(|limit| limit.allows(algorithm.hash, salt))
        }
        (Scheme::Ecdsa, KeyKind::Ec(_)) | (Scheme::Ed25519, KeyKind::Ed25519) => true,
        _ => false,
    };
    if !fits {
        let (algorithm, key) = told();
        return Err(SignatureError::Key { algorithm, key });
    }
    match is_right(algorithm, key, message, signature) {
        Some(true) => Ok(Strength { algorithm, key: kind }),
        Some(false) => Err(SignatureError::Wrong),
        None => {
            let (algorithm, key) = told();
            Err(SignatureError::Unsupported { algorithm, key })
        }
    }
}

/// Whether a signature is right, if that can be told.
fn is_right(algorithm: SignatureAlgorithm, key: &PublicKey, message: &[u8], signature: &[u8]) -> Option<bool> {
    if let Scheme::RsaPss { salt } = algorithm.scheme {
        let check = pss_check(algorithm.hash, key.kind())?.with_pss_salt_length(RsaPssSaltLength::Custom(salt));
        return Some(check.verify_sig(key.bits(), message, signature).is_ok());
    }
    let check = check(algorithm, key.kind())?;
    Some(UnparsedPublicKey::new(check, key.bits()).verify(message, signature).is_ok())
}

/// Who checks RSA-PSS.
fn pss_check(hash: Hash, key: KeyKind) -> Option<RsaParameters> {
    match (hash, key) {
        (Hash::Sha256, KeyKind::Rsa { bits: 2048..=8192 }) => Some(signature::RSA_PSS_2048_8192_SHA256),
        (Hash::Sha384, KeyKind::Rsa { bits: 2048..=8192 }) => Some(signature::RSA_PSS_2048_8192_SHA384),
        (Hash::Sha512, KeyKind::Rsa { bits: 2048..=8192 }) => Some(signature::RSA_PSS_2048_8192_SHA512),
        _ => None,
    }
}

/// Who checks a pairing.
fn check(algorithm: SignatureAlgorithm, key: KeyKind) -> Option<&'static dyn VerificationAlgorithm> {
    let short = matches!(key, KeyKind::Rsa { bits } if bits < 2048);
    if matches!(key, KeyKind::Rsa { bits } if !(1024..=8192).contains(&bits)) {
        return None;
    }
    let check: &'static dyn VerificationAlgorithm = match (algorithm.scheme, algorithm.hash, key) {
        (Scheme::RsaPkcs1, Hash::Sha1, _) => &signature::RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY,
        (Scheme::RsaPkcs1, Hash::Sha256, _) if short => &signature::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
        (Scheme::RsaPkcs1, Hash::Sha512, _) if short => &signature::RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY,
        (Scheme::RsaPkcs1, ..) if short => return None,
        (Scheme::RsaPkcs1, Hash::Sha256, _) => &signature::RSA_PKCS1_2048_8192_SHA256,
        (Scheme::RsaPkcs1, Hash::Sha384, _) => &signature::RSA_PKCS1_2048_8192_SHA384,
        (Scheme::RsaPkcs1, Hash::Sha512, _) => &signature::RSA_PKCS1_2048_8192_SHA512,
        (Scheme::Ecdsa, Hash::Sha1, KeyKind::Ec(Curve::P256)) => &signature::ECDSA_P256_SHA1_ASN1,
        (Scheme::Ecdsa, Hash::Sha256, KeyKind::Ec(Curve::P256)) => &signature::ECDSA_P256_SHA256_ASN1,
        (Scheme::Ecdsa, Hash::Sha384, KeyKind::Ec(Curve::P256)) => &signature::ECDSA_P256_SHA384_ASN1,
        (Scheme::Ecdsa, Hash::Sha512, KeyKind::Ec(Curve::P256)) => &signature::ECDSA_P256_SHA512_ASN1,
        (Scheme::Ecdsa, Hash::Sha256, KeyKind::Ec(Curve::P384)) => &signature::ECDSA_P384_SHA256_ASN1,
        (Scheme::Ecdsa, Hash::Sha384, KeyKind::Ec(Curve::P384)) => &signature::ECDSA_P384_SHA384_ASN1,
        (Scheme::Ecdsa, Hash::Sha512, KeyKind::Ec(Curve::P384)) => &signature::ECDSA_P384_SHA512_ASN1,
        (Scheme::Ecdsa, Hash::Sha1, KeyKind::Ec(Curve::P521)) => &signature::ECDSA_P521_SHA1_ASN1,
        (Scheme::Ecdsa, Hash::Sha256, KeyKind::Ec(Curve::P521)) => &signature::ECDSA_P521_SHA256_ASN1,
        (Scheme::Ecdsa, Hash::Sha384, KeyKind::Ec(Curve::P521)) => &signature::ECDSA_P521_SHA384_ASN1,
        (Scheme::Ecdsa, Hash::Sha512, KeyKind::Ec(Curve::P521)) => &signature::ECDSA_P521_SHA512_ASN1,
        (Scheme::Ed25519, ..) => &signature::ED25519,
        _ => return None,
    };
    Some(check)
}
