//! Certificate revocation lists (RFC 5280, 5): complete ones, by the authority that made the certificates.

use std::ops::Range;
use std::sync::Arc;

use super::algorithm::{self, SignatureAlgorithm, Strength};
use super::certificate::Certificate;
use super::der::{self, DerError, Reader, tag};
use super::extension::{self, places};
use super::key::PublicKey;
use super::name::{GeneralName, Name};
use super::revocation::{Known, Proof, Reason, RevocationError, Source, Status, check_times};
use super::{oid, time};

/// Longest CRL, in bytes.
pub const LONGEST: usize = 32 * 1024 * 1024;

/// A CRL that is complete for its issuer, or for a part of the certificates that they name themselves.
#[derive(Debug, Clone)]
pub struct Crl(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    der: Vec<u8>,
    /// Where the signed part lies in it, and where the entries do.
    signed: Range<usize>,
    entries: Range<usize>,
    algorithm: Vec<u8>,
    signature: Vec<u8>,
    issuer: Name,
    this_update: i64,
    next_update: Option<i64>,
    scope: Scope,
    known: Known<Result<Strength, RevocationError>>,
}

/// Which certificates it tells of.
#[derive(Debug, Default)]
struct Scope {
    number: Option<Vec<u8>>,
    /// Since when it keeps expired certificates, if it does.
    expired_since: Option<i64>,
    only_users: bool,
    only_authorities: bool,
    /// It is a part, for certificates that name one of these places.
    places: Option<Vec<GeneralName>>,
}

impl Crl {
    /// Reads a CRL in DER, of at most 32 MiB. Its signature is not checked: see [`Crl::proof`].
    ///
    /// # Errors
    /// It is none, or of a kind that is not understood: indirect, a delta, with only some of the reasons, or with something critical that is not known.
    pub fn from_der(bytes: &[u8]) -> Result<Self, RevocationError> {
        if bytes.len() > LONGEST {
            return Err(RevocationError::Length);
        }
        let outer = der::only(bytes, tag::SEQUENCE)?;
        let mut parts = outer.inside();
        let signed = parts.expect(tag::SEQUENCE)?;
        let algorithm = parts.expect(tag::SEQUENCE)?.raw.to_vec();
        let signature = parts.expect(tag::BIT_STRING)?.whole_bits()?.to_vec();
        parts.end()?;

        let mut inside = signed.inside();
        let version = inside.optional(tag::INTEGER)?.map(|version| version.number()).transpose()?;
        if inside.expect(tag::SEQUENCE)?.raw != algorithm {
            return Err(DerError::Value("the algorithm of a CRL").into());
        }
        let issuer = Name::from_der(inside.expect(tag::SEQUENCE)?.raw)?;
        let this_update = time::read(&inside.next()?)?;
        let next_update = match inside.peek() {
            Some(tag::UTC_TIME | tag::GENERALIZED_TIME) => Some(time::read(&inside.next()?)?),
            _ => None,
        };
        let before = inside.rest().len();
        let entries = inside.optional(tag::SEQUENCE)?.map_or(&[][..], |entries| entries.body);
        let entries_end = (before > inside.rest().len()).then_some(inside.rest().len());
        let scope = match inside.optional(tag::constructed(0))? {
            // RFC 5280, 5.1.2.1: with extensions it is of version 2, which is written as 1.
            Some(extensions) if version == Some(1) => Scope::from_der(extensions.body)?,
            Some(_) => return Err(DerError::Value("the version of a CRL").into()),
            None => Scope::default(),
        };
        inside.end()?;
        check_entries(entries)?;

        let signed_begin = bytes.len() - outer.body.len();
        let signed = signed_begin..signed_begin + signed.raw.len();
        let end = entries_end.map_or(0, |behind| signed.end - behind);
        let entries = end.saturating_sub(entries.len())..end;
        let der = bytes.to_vec();
        Ok(Self(Arc::new(Parts {
            der,
            signed,
            entries,
            algorithm,
            signature,
            issuer,
            this_update,
            next_update,
            scope,
            known: Known::default(),
        })))
    }

    /// The CRL, as it came.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.0.der
    }

    /// The name of who made it.
    #[must_use]
    pub fn issuer(&self) -> &Name {
        &self.0.issuer
    }

    /// When it was made, in seconds since 1970.
    #[must_use]
    pub fn this_update(&self) -> i64 {
        self.0.this_update
    }

    /// When there is a newer one at the latest.
    #[must_use]
    pub fn next_update(&self) -> Option<i64> {
        self.0.next_update
    }

    /// The content of the INTEGER of its number.
    #[must_use]
    pub fn number(&self) -> Option<&[u8]> {
        self.0.scope.number.as_deref()
    }

    /// What it proves of a certificate: its issuer signed it, and may, and the certificate is among those that it tells of.
    ///
    /// # Errors
    /// Nothing.
    pub fn proof(&self, certificate: &Certificate, issuer: &Certificate) -> Result<Proof, RevocationError> {
        if !self.0.issuer.is(issuer.subject()) || !certificate.issuer().is(issuer.subject()) {
            return Err(RevocationError::Other);
        }
        if !self.0.scope.holds(certificate) {
            return Err(RevocationError::Other);
        }
        if issuer.key_usage().is_some_and(|usage| !usage.signs_crls()) {
            return Err(RevocationError::Authority);
        }
        check_times(self.0.this_update, self.0.next_update, self.0.this_update)?;
        let strength = self.0.known.with(issuer, || self.is_signed_by(issuer.public_key()))?;
        let kept = self.0.scope.expired_since.is_some_and(|since| since <= certificate.not_after());
        Ok(Proof {
            status: self.status(certificate.serial())?,
            source: Source::Crl,
            this_update: self.0.this_update,
            next_update: self.0.next_update,
            produced_at: self.0.this_update,
            strength,
            delegate: None,
            expired_before: certificate.not_after() < self.0.this_update && !kept,
        })
    }

    fn is_signed_by(&self, key: &PublicKey) -> Result<Strength, RevocationError> {
        let algorithm =
            SignatureAlgorithm::from_der(&self.0.algorithm, None).map_err(algorithm::SignatureError::from)?;
        let signed = self.0.der.get(self.0.signed.clone()).unwrap_or_default();
        Ok(algorithm::verify(algorithm, key, signed, &self.0.signature)?)
    }

    fn status(&self, serial: &[u8]) -> Result<Status, DerError> {
        let mut entries = Reader::new(self.0.der.get(self.0.entries.clone()).unwrap_or_default());
        while !entries.is_empty() {
            let mut entry = entries.sequence()?;
            if entry.next()?.integer()? != serial {
                continue;
            }
            let at = time::read(&entry.next()?)?;
            let (mut reason, mut invalid_since) = (Reason::Unspecified, None);
            for extension in extensions_of(entry)? {
                match extension.oid {
                    oid::REASON_CODE => reason = Reason::from_der(extension.value)?,
                    oid::INVALIDITY_DATE => {
                        invalid_since = Some(time::read(&der::only(extension.value, tag::GENERALIZED_TIME)?)?);
                    }
                    _ => {}
                }
            }
            return Ok(Status::Revoked { at, reason, invalid_since });
        }
        Ok(Status::Good)
    }
}

/// All entries have the right shape and nothing critical that is not known. With one that has, nothing can be said of any certificate
/// (RFC 5280, 5.3).
fn check_entries(entries: &[u8]) -> Result<(), RevocationError> {
    let mut entries = Reader::new(entries);
    while !entries.is_empty() {
        let mut entry = entries.sequence()?;
        entry.next()?.integer()?;
        time::read(&entry.next()?)?;
        if entry.is_empty() {
            continue;
        }
        let known = [oid::REASON_CODE, oid::INVALIDITY_DATE];
        if extensions_of(entry)?.iter().any(|extension| extension.critical && !known.contains(&extension.oid)) {
            return Err(RevocationError::NotUnderstood("an entry has a critical extension that is not known"));
        }
    }
    Ok(())
}

/// The extensions that stand at the end of an entry.
fn extensions_of(mut entry: Reader<'_>) -> Result<Vec<extension::Extension<'_>>, DerError> {
    if entry.is_empty() {
        return Ok(Vec::new());
    }
    let list = entry.expect(tag::SEQUENCE)?.raw;
    entry.end()?;
    extension::list(list)
}

impl Scope {
    fn from_der(bytes: &[u8]) -> Result<Self, RevocationError> {
        let mut scope = Self::default();
        for extension in extension::list(bytes)? {
            let value = extension.value;
            match extension.oid {
                oid::CRL_NUMBER => scope.number = Some(der::only(value, tag::INTEGER)?.integer()?.to_vec()),
                oid::EXPIRED_ON_CRL => {
                    scope.expired_since = Some(time::read(&der::only(value, tag::GENERALIZED_TIME)?)?);
                }
                oid::ISSUING_POINT => scope.narrow(value)?,
                oid::DELTA_CRL => return Err(RevocationError::NotUnderstood("a delta CRL")),
                _ if extension.critical => {
                    return Err(RevocationError::NotUnderstood("it has a critical extension that is not known"));
                }
                _ => {}
            }
        }
        Ok(scope)
    }

    /// Reads an IssuingDistributionPoint (RFC 5280, 5.2.5).
    fn narrow(&mut self, value: &[u8]) -> Result<(), RevocationError> {
        for part in der::only_sequence(value)?.all(8, "parts of an issuing distribution point")? {
            const PLACE: u8 = tag::constructed(0);
            match (part.tag, part.body) {
                (PLACE, place) => self.places = Some(places(place)?),
                (0x81, [0xFF]) => self.only_users = true,
                (0x82, [0xFF]) => self.only_authorities = true,
                (0x83, _) => return Err(RevocationError::NotUnderstood("a CRL with only some of the reasons")),
                (0x84, [0xFF]) => return Err(RevocationError::NotUnderstood("an indirect CRL")),
                (0x85, [0xFF]) => return Err(RevocationError::NotUnderstood("a CRL of attribute certificates")),
                (0x81..=0x85, [0]) => {}
                _ => return Err(DerError::Value("an issuing distribution point").into()),
            }
        }
        Ok(())
    }

    /// Whether a certificate is among those that it tells of (RFC 5280, 6.3.3 b 2).
    fn holds(&self, certificate: &Certificate) -> bool {
        let kind = if certificate.is_authority() { !self.only_users } else { !self.only_authorities };
        let named = |places: &Vec<GeneralName>| places.iter().any(|place| certificate.crl_places().contains(place));
        kind && self.places.as_ref().is_none_or(named)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::made::{Key, NOW, authority, called, certificate, crl, extension};

    #[test]
    fn a_part_is_found_by_any_of_its_names() {
        let [key, leaf_key] = [Key::new(), Key::new()];
        let name = called("CA");
        let issuer = certificate(&name, &key, &name, &key, &[authority()]);
        let url = |url: &str| der::element(0x86, url.as_bytes());
        let directory = |name: &[u8]| der::element(tag::constructed(4), name);
        let full =
            |names: &[Vec<u8>]| der::element(tag::constructed(0), &der::element(tag::constructed(0), &names.concat()));
        let leaf = |points: &[Vec<u8>]| {
            let points: Vec<Vec<u8>> = points.iter().map(|point| der::sequence(&[point])).collect();
            let points = extension(oid::CRL_DISTRIBUTION, false, &der::element(tag::SEQUENCE, &points.concat()));
            certificate(&called("Kari"), &leaf_key, &name, &key, &[points])
        };
        let part = |names: &[Vec<u8>]| {
            let point = extension(oid::ISSUING_POINT, true, &der::sequence(&[&full(names)]));
            Crl::from_der(&crl(&name, &key, (0, 7), &[], &[point])).expect("it is read")
        };
        let many: Vec<Vec<u8>> = (0..12).map(|one| url(&format!("http://crl{one}.example/"))).collect();
        let ldap = url("ldap://crl.example/cn=CA");
        for (points, names, holds) in [
            (vec![full(&many)], many[11..].to_vec(), true),
            (vec![full(std::slice::from_ref(&ldap)), full(&many[..1])], vec![many[3].clone(), many[0].clone()], true),
            (vec![full(&[directory(&called("CRL 1"))])], vec![directory(&called("crl 1"))], true),
            (vec![full(&[directory(&called("CRL 1"))])], vec![directory(&called("CRL 2"))], false),
            (vec![full(&many[..1])], vec![many[1].clone()], false),
            // Another issuer, or a part of the reasons.
            (vec![[full(&many[..1]), vec![0x81, 2, 0, 2]].concat()], many[..1].to_vec(), false),
            (Vec::new(), many[..1].to_vec(), false),
        ] {
            let told = part(&names).proof(&leaf(&points), &issuer).map(|proof| proof.status);
            assert_eq!(told, if holds { Ok(Status::Good) } else { Err(RevocationError::Other) }, "{points:02x?}");
        }
        let urls = leaf(&[full(&[ldap]), full(&many)]);
        assert_eq!(urls.crl_urls().len(), 8, "few are asked");
    }

    #[test]
    fn a_crl_is_of_a_version_and_of_times_that_can_be() {
        let [key, leaf_key] = [Key::new(), Key::new()];
        let name = called("CA");
        let issuer = certificate(&name, &key, &name, &key, &[authority()]);
        let leaf = certificate(&called("Kari"), &leaf_key, &name, &key, &[]);
        let read = |bytes: &[u8]| Crl::from_der(bytes).and_then(|crl| crl.proof(&leaf, &issuer));
        let good = read(&crl(&name, &key, (0, 7), &[], &[])).expect("version 1");
        assert!(good.is_telling() && good.is_fresh(NOW, NOW, 0));
        assert!(read(&crl(&name, &key, (0, 7), &[&leaf], &[])).is_ok_and(|proof| proof.is_revoked_at(NOW)));
        assert_eq!(read(&crl(&name, &key, (0, -7), &[], &[])), Err(RevocationError::Times));
        let number = extension(oid::CRL_NUMBER, false, &der::integer(7));
        let second = crl(&name, &key, (0, 7), &[], &[number]);
        assert!(read(&second).is_ok());
        let place = second.windows(3).position(|part| part == [2, 1, 1]).expect("its version");
        let mut first = second.clone();
        first[place + 2] = 0;
        assert!(matches!(read(&first), Err(RevocationError::Der(_))), "version 1 has no extensions");
    }
}
