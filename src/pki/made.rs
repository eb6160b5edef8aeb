//! Certificates, CRLs, OCSP responses and signed data for the tests beside, by keys that are made here: so that they can be wrong in every place
//! where OpenSSL would only make right ones.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use const_oid::ObjectIdentifier;

use super::certificate::Certificate;
use super::der::{self, tag};
use super::{Hash, oid};

/// 2026-01-01, in seconds since 1970; most of what is made here is of that day or valid on it.
pub(super) const NOW: i64 = 1_767_225_600;

/// A key of P-256.
pub(super) struct Key(EcdsaKeyPair);

impl Key {
    pub(super) fn new() -> Self {
        Self(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).expect("a key can be made"))
    }

    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.0.sign(&SystemRandom::new(), message).expect("it can sign").as_ref().to_vec()
    }

    pub(super) fn bits(&self) -> &[u8] {
        self.0.public_key().as_ref()
    }

    fn info(&self) -> Vec<u8> {
        der::sequence(&[&der::sequence(&[&der::oid(oid::EC_KEY), &der::oid(oid::P256)]), &bit_string(self.bits())])
    }
}

pub(super) fn algorithm() -> Vec<u8> {
    der::sequence(&[&der::oid(oid::ECDSA_SHA256)])
}

pub(super) fn bit_string(bytes: &[u8]) -> Vec<u8> {
    der::element(tag::BIT_STRING, &[&[0], bytes].concat())
}

/// A Name of kinds and texts.
pub(super) fn name(parts: &[(ObjectIdentifier, &str)]) -> Vec<u8> {
    let part = |(kind, text): &(ObjectIdentifier, &str)| {
        der::element(tag::SET, &der::sequence(&[&der::oid(*kind), &der::element(tag::UTF8, text.as_bytes())]))
    };
    der::element(tag::SEQUENCE, &parts.iter().map(part).collect::<Vec<_>>().concat())
}

/// A Name of a common name.
pub(super) fn called(common: &str) -> Vec<u8> {
    name(&[(oid::COMMON_NAME, common)])
}

/// A GeneralizedTime some days from [`NOW`].
pub(super) fn day(days: i64) -> Vec<u8> {
    let text = super::time::text(NOW + days * 86_400);
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    der::element(tag::GENERALIZED_TIME, format!("{digits}Z").as_bytes())
}

pub(super) fn extension(kind: ObjectIdentifier, critical: bool, value: &[u8]) -> Vec<u8> {
    let critical: &[u8] = if critical { &[tag::BOOLEAN, 1, 0xFF] } else { &[] };
    der::sequence(&[&der::oid(kind), critical, &der::element(tag::OCTET_STRING, value)])
}

/// basicConstraints of an authority.
pub(super) fn authority() -> Vec<u8> {
    extension(oid::BASIC_CONSTRAINTS, true, &der::sequence(&[&[tag::BOOLEAN, 1, 0xFF]]))
}

/// extKeyUsage.
pub(super) fn purposes(critical: bool, purposes: &[ObjectIdentifier]) -> Vec<u8> {
    let all: Vec<Vec<u8>> = purposes.iter().map(|purpose| der::oid(*purpose)).collect();
    extension(oid::EXTENDED_KEY_USAGE, critical, &der::element(tag::SEQUENCE, &all.concat()))
}

/// authorityInfoAccess with the URL of a responder, and cRLDistributionPoints with that of a CRL, if they are told.
pub(super) fn places(responder: Option<&str>, list: Option<&str>) -> Vec<Vec<u8>> {
    let url = |url: &str| der::element(0x86, url.as_bytes());
    let responder = responder.map(|told| {
        let place = der::sequence(&[&der::oid(oid::AD_OCSP), &url(told)]);
        extension(oid::AUTHORITY_INFO, false, &der::sequence(&[&place]))
    });
    let list = list.map(|told| {
        let names = der::element(tag::constructed(0), &der::element(tag::constructed(0), &url(told)));
        extension(oid::CRL_DISTRIBUTION, false, &der::sequence(&[&der::sequence(&[&names])]))
    });
    responder.into_iter().chain(list).collect()
}

/// keyUsage of bits such as `0b1100_0000` for digitalSignature and nonRepudiation.
pub(super) fn usage(bits: u8) -> Vec<u8> {
    let unused = u8::try_from(bits.trailing_zeros().min(7)).unwrap_or(7);
    extension(oid::KEY_USAGE, true, &der::element(tag::BIT_STRING, &[unused, bits]))
}

/// Extensions of a certificate, CRL or response, without the tag around them.
pub(super) fn extensions(all: &[Vec<u8>]) -> Vec<u8> {
    if all.is_empty() { Vec::new() } else { der::element(tag::SEQUENCE, &all.concat()) }
}

/// What somebody signs, with the signature on it.
pub(super) fn signed(content: &[&[u8]], key: &Key) -> Vec<u8> {
    let content = der::sequence(content);
    let signature = bit_string(&key.sign(&content));
    der::sequence(&[&content, &algorithm(), &signature])
}

/// A CRL with the serial numbers of those who were revoked some days ago, with extensions.
pub(super) fn crl(
    issuer: &[u8],
    by: &Key,
    (this, next): (i64, i64),
    revoked: &[&Certificate],
    all: &[Vec<u8>],
) -> Vec<u8> {
    let entry = |one: &&Certificate| der::sequence(&[&der::element(tag::INTEGER, one.serial()), &day(this)]);
    let entries: Vec<Vec<u8>> = revoked.iter().map(entry).collect();
    let entries = if entries.is_empty() { Vec::new() } else { der::element(tag::SEQUENCE, &entries.concat()) };
    let list = extensions(all);
    let (version, list) = if list.is_empty() {
        (Vec::new(), Vec::new())
    } else {
        (der::integer(1), der::element(tag::constructed(0), &list))
    };
    signed(&[&version, &algorithm(), issuer, &day(this), &day(next), &entries, &list], by)
}

/// An answer about a certificate: `80 00` is good, `82 00` unknown.
pub(super) fn answer(about: &Certificate, issuer: &Certificate, status: &[u8], (this, next): (i64, i64)) -> Vec<u8> {
    let hash = |bytes: &[u8]| der::element(tag::OCTET_STRING, &Hash::Sha1.digest(&[bytes]));
    let id = der::sequence(&[
        &der::sequence(&[&der::oid(oid::SHA1)]),
        &hash(about.issuer().der()),
        &hash(issuer.public_key().bits()),
        &der::element(tag::INTEGER, about.serial()),
    ]);
    der::sequence(&[&id, status, &day(this), &der::element(tag::constructed(0), &day(next))])
}

/// «Revoked», some days from [`NOW`].
pub(super) fn revoked(days: i64) -> Vec<u8> {
    der::element(tag::constructed(1), &day(days))
}

/// An OCSPResponse of who is told by the hash of their key, with certificates.
pub(super) fn response(
    of: &Key,
    by: &Key,
    produced: i64,
    answers: &[Vec<u8>],
    certificates: &[Certificate],
) -> Vec<u8> {
    response_with(of, by, produced, answers, certificates, &[])
}

/// The same with extensions.
pub(super) fn response_with(
    of: &Key,
    by: &Key,
    produced: i64,
    answers: &[Vec<u8>],
    certificates: &[Certificate],
    all: &[Vec<u8>],
) -> Vec<u8> {
    let id = der::element(tag::OCTET_STRING, &Hash::Sha1.digest(&[of.bits()]));
    let id = der::element(tag::constructed(2), &id);
    let list = extensions(all);
    let list = if list.is_empty() { list } else { der::element(tag::constructed(1), &list) };
    let data = der::sequence(&[&id, &day(produced), &der::element(tag::SEQUENCE, &answers.concat()), &list]);
    let all: Vec<Vec<u8>> = certificates.iter().map(|one| one.der().to_vec()).collect();
    let all = der::element(tag::constructed(0), &der::element(tag::SEQUENCE, &all.concat()));
    let basic = der::sequence(&[&data, &algorithm(), &bit_string(&by.sign(&data)), &all]);
    let bytes = der::sequence(&[&der::oid(oid::OCSP_BASIC), &der::element(tag::OCTET_STRING, &basic)]);
    der::sequence(&[&der::element(tag::ENUMERATED, &[0]), &der::element(tag::constructed(0), &bytes)])
}

/// A certificate of version 3, or of version 1 without extensions, valid from a year before [`NOW`] to a year after it.
pub(super) fn certificate(subject: &[u8], of: &Key, issuer: &[u8], by: &Key, all: &[Vec<u8>]) -> Certificate {
    certificate_valid(subject, of, issuer, by, all, (-365, 365))
}

/// The same, valid from one day to another.
pub(super) fn certificate_valid(
    subject: &[u8],
    of: &Key,
    issuer: &[u8],
    by: &Key,
    all: &[Vec<u8>],
    (from, until): (i64, i64),
) -> Certificate {
    let list = extensions(all);
    let wrapped = |number, bytes: &[u8]| {
        if list.is_empty() { Vec::new() } else { der::element(tag::constructed(number), bytes) }
    };
    let serial = Hash::Sha256.digest(&[subject, of.bits(), issuer]);
    let parts: [&[u8]; 8] = [
        &wrapped(0, &der::integer(2)),
        &der::unsigned(serial.get(..8).unwrap_or_default()),
        &algorithm(),
        issuer,
        &der::sequence(&[&day(from), &day(until)]),
        subject,
        &of.info(),
        &wrapped(3, &list),
    ];
    Certificate::from_der(&signed(&parts, by)).expect("it is a certificate")
}
