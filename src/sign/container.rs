//! Files that private keys lie in: PKCS#12 (RFC 7292) and PEM with PKCS#8, PKCS#1 or SEC1 (RFC 5958, RFC 8017, RFC 5915).
//!
//! Passwords are turned into keys by PBES2 (RFC 8018): PBKDF2 and AES, as OpenSSL 3, Java and Windows (with AES chosen)
//! write them. The older ways (RC2, triple DES) are not opened. All that is secret is wiped when it is not needed any more.

use std::num::NonZeroU32;

use aws_lc_rs::cipher::{AES_128, AES_192, AES_256, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::{hmac, pbkdf2};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use const_oid::ObjectIdentifier;
use zeroize::Zeroizing;

use crate::pki::der::{self, DerError, Element, Reader, tag};
use crate::pki::{Hash, oid};

/// Longest file, in bytes.
const LONGEST: usize = 1 << 20;
/// Most rounds of a derivation: about ten seconds.
const ROUNDS: u64 = 10_000_000;
/// Most bags and parts.
const PARTS: usize = 100;

const PBES2: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.5.13");
const PBKDF2: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.5.12");
const HMAC_SHA1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.2.7");
const HMAC_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.2.9");
const HMAC_SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.2.10");
const HMAC_SHA512: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.2.11");
const AES128_CBC: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.1.2");
const AES192_CBC: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.1.22");
const AES256_CBC: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.1.42");
const ENCRYPTED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.6");
const KEY_BAG: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.10.1.1");
const SHROUDED_BAG: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.10.1.2");
const CERTIFICATE_BAG: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.10.1.3");
const X509: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.22.1");

/// A file with a key can not be read. Neither key nor password is told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ContainerError {
    /// The password is wrong.
    #[error("the password of the key is wrong")]
    Password,
    /// There is a password to be told.
    #[error("the key is encrypted; tell its password")]
    NoPassword,
    /// The file is too long.
    #[error("the file of the key is larger than 1 MiB")]
    Length,
    /// It is something else, or broken.
    #[error("the file of the key is neither PKCS#12 nor PEM with one private key, or it is broken: {0}")]
    Broken(#[from] DerError),
    /// There is none, or another one.
    #[error("the file has no private key, or more than one")]
    Keys,
    /// It is encrypted in another way.
    #[error(
        "the key is encrypted in a way that is not known, such as RC2 or triple DES of older programs; renew the file with \
         `openssl pkcs12 -legacy -in OLD -nodes | openssl pkcs12 -export -out NEW`, or for PEM with `openssl pkcs8 -topk8`"
    )]
    Encryption,
}

/// A private key as it is stored, wiped when it is dropped.
pub(super) enum Secret {
    Pkcs8(Zeroizing<Vec<u8>>),
    Pkcs1(Zeroizing<Vec<u8>>),
    Sec1(Zeroizing<Vec<u8>>),
}

/// The private key of a PEM file; other things in it are left alone.
pub(super) fn pem(bytes: &[u8], password: Option<&str>) -> Result<Secret, ContainerError> {
    let broken = ContainerError::Broken(DerError::Cut);
    if bytes.len() > LONGEST {
        return Err(ContainerError::Length);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| broken.clone())?;
    let mut found = None;
    let mut rest = text;
    while let Some((_, after)) = rest.split_once("-----BEGIN ") {
        let (label, after) = after.split_once("-----").ok_or_else(|| broken.clone())?;
        let (body, after) = after.split_once(&format!("-----END {label}-----")).ok_or_else(|| broken.clone())?;
        rest = after;
        if !label.ends_with("PRIVATE KEY") {
            continue;
        }
        if body.contains("DEK-Info") {
            return Err(ContainerError::Encryption);
        }
        // Room for all of it from the beginning: what grows leaves copies behind.
        let mut digits = Zeroizing::new(String::with_capacity(body.len()));
        digits.extend(body.split_ascii_whitespace());
        let der = Zeroizing::new(STANDARD.decode(digits.as_bytes()).map_err(|_| broken.clone())?);
        let secret = match label {
            "PRIVATE KEY" => Secret::Pkcs8(der),
            "RSA PRIVATE KEY" => Secret::Pkcs1(der),
            "EC PRIVATE KEY" => Secret::Sec1(der),
            "ENCRYPTED PRIVATE KEY" => {
                Secret::Pkcs8(encrypted_key(&der, password.ok_or(ContainerError::NoPassword)?.as_bytes())?)
            }
            _ => return Err(ContainerError::Encryption),
        };
        if found.replace(secret).is_some() {
            return Err(ContainerError::Keys);
        }
    }
    found.ok_or(ContainerError::Keys)
}

/// The private key and all certificates of a PKCS#12 file.
pub(super) fn pkcs12(bytes: &[u8], password: &str) -> Result<(Secret, Vec<Vec<u8>>), ContainerError> {
    if bytes.len() > LONGEST {
        return Err(ContainerError::Length);
    }
    let mut file = der::only_sequence(bytes)?;
    if file.next()?.number()? != 3 {
        return Err(DerError::Value("the version of PKCS#12").into());
    }
    let mut safe = file.sequence()?;
    if safe.oid()? != oid::DATA {
        return Err(ContainerError::Encryption);
    }
    let content = safe.expect(tag::constructed(0))?.inside().expect(tag::OCTET_STRING)?.body;
    let mac = file.sequence().map_err(|_| ContainerError::Encryption)?;
    if !is_authentic(mac, content, password)? {
        return Err(ContainerError::Password);
    }
    let mut bags = Bags { password, keys: Vec::new(), certificates: Vec::new() };
    for part in der::only_sequence(content)?.all(PARTS, "parts")? {
        bags.part(part)?;
    }
    match <[Zeroizing<Vec<u8>>; 1]>::try_from(bags.keys) {
        Ok([key]) => Ok((Secret::Pkcs8(key), bags.certificates)),
        Err(_) => Err(ContainerError::Keys),
    }
}

/// What was found in the bags of a file.
struct Bags<'a> {
    password: &'a str,
    keys: Vec<Zeroizing<Vec<u8>>>,
    certificates: Vec<Vec<u8>>,
}

impl Bags<'_> {
    /// A ContentInfo: bags as they are, or encrypted together.
    fn part(&mut self, part: Element<'_>) -> Result<(), ContainerError> {
        let mut info = part.inside();
        let kind = info.oid()?;
        let mut inner = info.expect(tag::constructed(0))?.inside();
        if kind == oid::DATA {
            return self.bags(inner.expect(tag::OCTET_STRING)?.body);
        }
        if kind != ENCRYPTED_DATA {
            return Err(ContainerError::Encryption);
        }
        let mut data = inner.sequence()?;
        data.next()?.number()?;
        let mut content = data.sequence()?;
        content.oid()?;
        let algorithm = content.expect(tag::SEQUENCE)?;
        let sealed = content.expect(tag::primitive(0))?.body;
        self.bags(&decrypt(algorithm, sealed, self.password.as_bytes())?)
    }

    fn bags(&mut self, contents: &[u8]) -> Result<(), ContainerError> {
        for bag in der::only_sequence(contents)?.all(PARTS, "bags")? {
            let mut bag = bag.inside();
            let kind = bag.oid()?;
            let value = bag.expect(tag::constructed(0))?;
            if kind == KEY_BAG {
                self.keys.push(Zeroizing::new(value.body.to_vec()));
            } else if kind == SHROUDED_BAG {
                self.keys.push(encrypted_key(value.body, self.password.as_bytes())?);
            } else if kind == CERTIFICATE_BAG {
                let mut certificate = value.inside().sequence()?;
                if certificate.oid()? == X509 {
                    let der = certificate.expect(tag::constructed(0))?.inside().expect(tag::OCTET_STRING)?.body;
                    self.certificates.push(der.to_vec());
                }
            }
        }
        Ok(())
    }
}

/// Whether the password is the one a file was sealed with (RFC 7292, 5.1).
fn is_authentic(mut mac: Reader<'_>, content: &[u8], password: &str) -> Result<bool, ContainerError> {
    let mut info = mac.sequence()?;
    let hash = Hash::from_der(info.expect(tag::SEQUENCE)?.raw).map_err(|_| ContainerError::Encryption)?;
    let expected = info.expect(tag::OCTET_STRING)?.body;
    let salt = mac.expect(tag::OCTET_STRING)?.body;
    let rounds = mac.optional(tag::INTEGER)?.map_or(Ok(1), |rounds| rounds.number())?;
    // Two zeros end the password there (RFC 7292, B.1).
    let units = password.encode_utf16().chain([0]);
    let password: Zeroizing<Vec<u8>> = Zeroizing::new(units.flat_map(u16::to_be_bytes).collect());
    let key = derived(hash, &password, salt, rounds)?;
    let algorithm = match hash {
        Hash::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        Hash::Sha256 => hmac::HMAC_SHA256,
        Hash::Sha384 => hmac::HMAC_SHA384,
        Hash::Sha512 => hmac::HMAC_SHA512,
    };
    Ok(hmac::verify(&hmac::Key::new(algorithm, &key), content, expected).is_ok())
}

/// The key of the seal (RFC 7292, B.2, with the id 3): one block of the digest, which is as long as the key.
fn derived(hash: Hash, password: &[u8], salt: &[u8], rounds: u64) -> Result<Zeroizing<Vec<u8>>, ContainerError> {
    if rounds == 0 || rounds > ROUNDS || salt.is_empty() || salt.len() > 1024 || password.len() > 4096 {
        return Err(ContainerError::Encryption);
    }
    let block = if hash.length() > 32 { 128 } else { 64 };
    let filled = |part: &[u8]| -> Zeroizing<Vec<u8>> {
        let length = part.len().div_ceil(block) * block;
        Zeroizing::new(part.iter().copied().cycle().take(length).collect())
    };
    let diversifier = vec![3; block];
    let mut key = Zeroizing::new(hash.digest(&[&diversifier, &filled(salt), &filled(password)]));
    for _ in 1..rounds {
        key = Zeroizing::new(hash.digest(&[&key]));
    }
    Ok(key)
}

/// Opens an EncryptedPrivateKeyInfo (RFC 5958, 3).
fn encrypted_key(bytes: &[u8], password: &[u8]) -> Result<Zeroizing<Vec<u8>>, ContainerError> {
    let mut info = der::only_sequence(bytes)?;
    let algorithm = info.expect(tag::SEQUENCE)?;
    let sealed = info.expect(tag::OCTET_STRING)?.body;
    let key = decrypt(algorithm, sealed, password)?;
    // With a wrong password the padding is right once in 256 times.
    der::only_sequence(&key).map_err(|_| ContainerError::Password)?;
    Ok(key)
}

/// Opens what was sealed by PBES2.
fn decrypt(algorithm: Element<'_>, sealed: &[u8], password: &[u8]) -> Result<Zeroizing<Vec<u8>>, ContainerError> {
    let mut algorithm = algorithm.inside();
    if algorithm.oid()? != PBES2 {
        return Err(ContainerError::Encryption);
    }
    let mut parameters = algorithm.sequence()?;
    let derivation = parameters.expect(tag::SEQUENCE)?;
    let mut cipher = parameters.sequence()?;
    let (cipher_of, length) = match cipher.oid()? {
        AES128_CBC => (&AES_128, 16),
        AES192_CBC => (&AES_192, 24),
        AES256_CBC => (&AES_256, 32),
        _ => return Err(ContainerError::Encryption),
    };
    let nonce: [u8; 16] = cipher.expect(tag::OCTET_STRING)?.body.try_into().map_err(|_| ContainerError::Encryption)?;
    let mut key = Zeroizing::new(vec![0; length]);
    derive(derivation, password, &mut key)?;
    let wrong = |_| ContainerError::Password;
    let key = UnboundCipherKey::new(cipher_of, &key).map_err(wrong)?;
    let key = PaddedBlockDecryptingKey::cbc_pkcs7(key).map_err(wrong)?;
    let mut opened = Zeroizing::new(sealed.to_vec());
    let length = key.decrypt(&mut opened, DecryptionContext::Iv128(FixedLength::from(nonce))).map_err(wrong)?.len();
    opened.truncate(length);
    Ok(opened)
}

/// PBKDF2 (RFC 8018, A.2).
fn derive(algorithm: Element<'_>, password: &[u8], key: &mut [u8]) -> Result<(), ContainerError> {
    let mut algorithm = algorithm.inside();
    if algorithm.oid()? != PBKDF2 {
        return Err(ContainerError::Encryption);
    }
    let mut parameters = algorithm.sequence()?;
    let salt = parameters.expect(tag::OCTET_STRING)?.body;
    let rounds = parameters.next()?.number()?;
    parameters.optional(tag::INTEGER)?;
    let function = match parameters.optional(tag::SEQUENCE)?.map(|function| function.inside().oid()).transpose()? {
        None | Some(HMAC_SHA1) => pbkdf2::PBKDF2_HMAC_SHA1,
        Some(HMAC_SHA256) => pbkdf2::PBKDF2_HMAC_SHA256,
        Some(HMAC_SHA384) => pbkdf2::PBKDF2_HMAC_SHA384,
        Some(HMAC_SHA512) => pbkdf2::PBKDF2_HMAC_SHA512,
        Some(_) => return Err(ContainerError::Encryption),
    };
    let rounds = u32::try_from(rounds).ok().filter(|rounds| u64::from(*rounds) <= ROUNDS).and_then(NonZeroU32::new);
    pbkdf2::derive(function, rounds.ok_or(ContainerError::Encryption)?, salt, password, key);
    Ok(())
}
