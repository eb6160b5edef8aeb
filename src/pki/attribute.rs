//! The attributes of a signer that a signature stands or falls with (RFC 5652, 11; RFC 5035; RFC 6211; ETSI EN 319 122-1, 5.2.2).

use const_oid::ObjectIdentifier;

use super::algorithm::{Hash, SignatureAlgorithm};
use super::certificate::Certificate;
use super::cms::CmsError;
use super::der::{self, DerError, Reader, tag};
use super::name::Name;
use super::{oid, time};

/// Most attributes, and most values of one.
const MOST: usize = 64;

/// An attribute with its values as they came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    /// What it is.
    pub oid: ObjectIdentifier,
    /// Its values, each a whole element in DER.
    pub values: Vec<Vec<u8>>,
}

/// Reads the inside of a SET of attributes.
pub(super) fn list(content: &[u8]) -> Result<Vec<Attribute>, DerError> {
    let all = Reader::new(content).all(MOST, "attributes")?;
    let read = |raw| {
        let mut inside = der::only_sequence(raw)?;
        let oid = inside.oid()?;
        let values = inside.expect(tag::SET)?.inside().all(MOST, "values of an attribute")?;
        inside.end()?;
        Ok(Attribute { oid, values: values.iter().map(|value| value.raw.to_vec()).collect() })
    };
    all.iter().map(|element| read(element.raw)).collect()
}

/// The one value of the one attribute of a kind, if there is one (RFC 5652, 11: each of those below has one value, and is there once).
pub(super) fn only_value<'a>(
    attributes: &'a [Attribute],
    oid: ObjectIdentifier,
    name: &'static str,
) -> Result<Option<&'a [u8]>, CmsError> {
    let mut found = attributes.iter().filter(|attribute| attribute.oid == oid);
    match (found.next().map(|attribute| &attribute.values[..]), found.next()) {
        (None, _) => Ok(None),
        (Some([value]), None) => Ok(Some(value)),
        _ => Err(CmsError::Attribute(name)),
    }
}

/// Content type and message digest are there, and those that are told.
pub(super) fn check_content(
    attributes: &[Attribute],
    content_type: ObjectIdentifier,
    digest: &[u8],
) -> Result<(), CmsError> {
    const TYPE: &str = "content-type";
    const DIGEST: &str = "message-digest";
    let value = only_value(attributes, oid::CONTENT_TYPE, TYPE)?.ok_or(CmsError::Missing(TYPE))?;
    if der::only(value, tag::OID)?.oid()? != content_type {
        return Err(CmsError::Attribute(TYPE));
    }
    let value = only_value(attributes, oid::MESSAGE_DIGEST, DIGEST)?.ok_or(CmsError::Missing(DIGEST))?;
    if der::only(value, tag::OCTET_STRING)?.body == digest { Ok(()) } else { Err(CmsError::Digest) }
}

/// If the algorithms are repeated among what is signed, they are the same (RFC 6211, 2).
pub(super) fn check_algorithms(
    attributes: &[Attribute],
    hash: Hash,
    algorithm: SignatureAlgorithm,
) -> Result<(), CmsError> {
    const NAME: &str = "algorithm-protection";
    let Some(value) = only_value(attributes, oid::ALGORITHM_PROTECTION, NAME)? else { return Ok(()) };
    let mut inside = der::only_sequence(value)?;
    let told = Hash::from_der(inside.expect(tag::SEQUENCE)?.raw)?;
    let signature = inside.expect(tag::constructed(1))?;
    inside.end()?;
    let signature = SignatureAlgorithm::from_der(&der::element(tag::SEQUENCE, signature.body), Some(told))?;
    if told == hash && signature == algorithm { Ok(()) } else { Err(CmsError::Attribute(NAME)) }
}

/// Whether signing-certificate or signing-certificate-v2 names a certificate; neither may name another.
pub(super) fn names(attributes: &[Attribute], certificate: &Certificate) -> Result<bool, CmsError> {
    let mut named = false;
    for (kind, name) in
        [(oid::SIGNING_CERTIFICATE, "signing-certificate"), (oid::SIGNING_CERTIFICATE_V2, "signing-certificate-v2")]
    {
        let Some(value) = only_value(attributes, kind, name)? else { continue };
        // The first of the list is the signer's (RFC 5035, 3).
        let mut id = der::only_sequence(value)?.sequence()?.sequence()?;
        let hash = match id.optional(tag::SEQUENCE)? {
            _ if kind == oid::SIGNING_CERTIFICATE => Hash::Sha1,
            Some(algorithm) => Hash::from_der(algorithm.raw)?,
            None => Hash::Sha256,
        };
        let fits = id.expect(tag::OCTET_STRING)?.body == hash.digest(&[certificate.der()]);
        if !fits || !is_issuer_and_serial(id, certificate)? {
            return Err(CmsError::OtherCertificate);
        }
        named = true;
    }
    Ok(named)
}

/// Whether an IssuerSerial, if there is one, is that of a certificate.
fn is_issuer_and_serial(mut id: Reader<'_>, certificate: &Certificate) -> Result<bool, DerError> {
    if id.is_empty() {
        return Ok(true);
    }
    let mut both = id.sequence()?;
    id.end()?;
    let issuers = both.sequence()?.all(MOST, "names")?;
    let serial = both.next()?.integer()?;
    both.end()?;
    let directory = tag::constructed(4);
    let is_issuer = |name: &[u8]| Name::from_der(name).is_ok_and(|name| name.is(certificate.issuer()));
    let named = issuers.iter().any(|name| name.tag == directory && is_issuer(name.body));
    Ok(named && serial == certificate.serial())
}

/// The signing time that a signer claims.
pub(super) fn claimed_time(attributes: &[Attribute]) -> Option<i64> {
    let value = only_value(attributes, oid::SIGNING_TIME, "signing-time").ok()??;
    time::read(&Reader::new(value).next().ok()?).ok()
}

/// CRLs and OCSPResponses, as they came.
pub(super) type Archived = (Vec<Vec<u8>>, Vec<Vec<u8>>);

/// The CRLs and OCSPResponses of adbe-revocationInfoArchival (ISO 32000-2, 12.8.3.3.2), as they came.
pub(super) fn archived(attributes: &[Attribute]) -> Archived {
    let value = only_value(attributes, oid::ADBE_REVOCATION, "adbe-revocationInfoArchival").ok().flatten();
    value.and_then(|value| read_archived(value).ok()).unwrap_or_default()
}

fn read_archived(value: &[u8]) -> Result<Archived, DerError> {
    let mut inside = der::only_sequence(value)?;
    let mut list = |number| match inside.optional(tag::constructed(number))? {
        Some(list) => {
            let all = der::only_sequence(list.body)?.all(MOST, "proofs")?;
            Ok(all.iter().map(|one| one.raw.to_vec()).collect())
        }
        None => Ok(Vec::new()),
    };
    Ok((list(0)?, list(1)?))
}
