//! Extensions of certificates (RFC 5280, 4.2): those that chains, revocation and the facts about a signer ask for.

use const_oid::ObjectIdentifier;

use super::constraint::NameConstraints;
use super::der::{self, DerError, Element, Reader, tag};
use super::name::{self, GeneralName};
use super::oid;

/// Most extensions, purposes, policies and the like that are read.
const MOST: usize = 64;

/// What a key may be used for (RFC 5280, 4.2.1.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyUsage(u32);

impl KeyUsage {
    /// digitalSignature.
    #[must_use]
    pub fn digital_signature(self) -> bool {
        self.0 & 1 != 0
    }

    /// nonRepudiation, also called contentCommitment.
    #[must_use]
    pub fn non_repudiation(self) -> bool {
        self.0 & 1 << 1 != 0
    }

    /// keyCertSign.
    #[must_use]
    pub fn signs_certificates(self) -> bool {
        self.0 & 1 << 5 != 0
    }

    /// cRLSign.
    #[must_use]
    pub fn signs_crls(self) -> bool {
        self.0 & 1 << 6 != 0
    }
}

/// What else a key is for (RFC 5280, 4.2.1.12).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtendedKeyUsage {
    /// Whether it must be understood.
    pub critical: bool,
    /// The purposes.
    pub purposes: Vec<ObjectIdentifier>,
}

impl ExtendedKeyUsage {
    /// Whether it names a purpose.
    #[must_use]
    pub fn has(&self, purpose: ObjectIdentifier) -> bool {
        self.purposes.contains(&purpose)
    }
}

/// Whether the subject is an authority (RFC 5280, 4.2.1.9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BasicConstraints {
    /// Whether it is.
    pub authority: bool,
    /// How many authorities may stand between it and a leaf.
    pub path_length: Option<u64>,
}

/// What a certificate says of itself by eIDAS (ETSI EN 319 412-5). Whether it is true, the trusted lists of the EEA know.
#[expect(clippy::struct_excessive_bools, reason = "five statements that are made or not, whatever the others")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Qualified {
    /// QcCompliance: it says that it is a qualified certificate.
    pub compliance: bool,
    /// QcSSCD: it says that the key is in a qualified device.
    pub device: bool,
    /// QcType eSign: for signatures of people.
    pub signature: bool,
    /// QcType eSeal: for seals of organisations.
    pub seal: bool,
    /// QcType web: for web sites.
    pub web: bool,
}

/// All that is read of the extensions.
#[derive(Debug, Clone, Default)]
pub(super) struct Extensions {
    pub(super) key_usage: Option<KeyUsage>,
    pub(super) extended_key_usage: Option<ExtendedKeyUsage>,
    pub(super) basic_constraints: Option<BasicConstraints>,
    pub(super) subject_key_id: Option<Vec<u8>>,
    pub(super) authority_key_id: Option<Vec<u8>>,
    pub(super) ocsp_urls: Vec<String>,
    pub(super) issuer_urls: Vec<String>,
    pub(super) crl_urls: Vec<String>,
    pub(super) crl_places: Vec<GeneralName>,
    pub(super) ocsp_no_check: bool,
    pub(super) policies: Vec<ObjectIdentifier>,
    pub(super) qualified: Qualified,
    /// subjectAltName, as it came: only constraints on names ask for it.
    pub(super) alternative_names: Option<Vec<u8>>,
    pub(super) name_constraints: Option<NameConstraints>,
    /// Constraints on paths that are not worked out here, so that no path goes through them.
    pub(super) constraints: Vec<ObjectIdentifier>,
    pub(super) unknown_critical: Vec<ObjectIdentifier>,
}

/// One extension, also of a CRL or an OCSP response.
pub(super) struct Extension<'a> {
    pub(super) oid: ObjectIdentifier,
    pub(super) critical: bool,
    /// What stands inside of its OCTET STRING.
    pub(super) value: &'a [u8],
}

/// Reads Extensions, each kind at most once (RFC 5280, 4.2).
pub(super) fn list(bytes: &[u8]) -> Result<Vec<Extension<'_>>, DerError> {
    let mut found: Vec<Extension<'_>> = Vec::new();
    for element in der::only_sequence(bytes)?.all(MOST, "extensions")? {
        let mut inside = der::only_sequence(element.raw)?;
        let oid = inside.oid()?;
        let critical = inside.boolean_or(false)?;
        let value = inside.expect(tag::OCTET_STRING)?.body;
        inside.end()?;
        if found.iter().any(|one| one.oid == oid) {
            return Err(DerError::Value("a list of extensions that has one twice"));
        }
        found.push(Extension { oid, critical, value });
    }
    Ok(found)
}

impl Extensions {
    /// Reads the Extensions of a certificate.
    pub(super) fn from_der(bytes: &[u8]) -> Result<Self, DerError> {
        let mut read = Self::default();
        for extension in list(bytes)? {
            if !read.take(&extension)? && extension.critical {
                read.unknown_critical.push(extension.oid);
            }
        }
        Ok(read)
    }

    /// Whether an extension is known.
    fn take(&mut self, extension: &Extension<'_>) -> Result<bool, DerError> {
        let value = extension.value;
        match extension.oid {
            oid::KEY_USAGE => self.key_usage = Some(KeyUsage(der::only(value, tag::BIT_STRING)?.named_bits()?)),
            oid::EXTENDED_KEY_USAGE => {
                let purposes = oids(value)?;
                self.extended_key_usage = Some(ExtendedKeyUsage { critical: extension.critical, purposes });
            }
            oid::BASIC_CONSTRAINTS => self.basic_constraints = Some(basic_constraints(value)?),
            oid::SUBJECT_KEY_ID => self.subject_key_id = Some(der::only(value, tag::OCTET_STRING)?.body.to_vec()),
            oid::AUTHORITY_KEY_ID => {
                let id = der::only_sequence(value)?.optional(tag::primitive(0))?;
                self.authority_key_id = id.map(|id| id.body.to_vec());
            }
            oid::AUTHORITY_INFO => self.authority_info(value)?,
            oid::CRL_DISTRIBUTION => {
                self.crl_places = crl_places(value)?;
                let urls = self.crl_places.iter().filter_map(GeneralName::url);
                self.crl_urls = urls.take(8).map(str::to_owned).collect();
            }
            oid::OCSP_NO_CHECK => self.ocsp_no_check = true,
            oid::POLICIES => self.policies = policies(value)?,
            oid::QC_STATEMENTS => self.qualified = qualified(value)?,
            oid::SUBJECT_ALT_NAME => self.alternative_names = Some(value.to_vec()),
            oid::NAME_CONSTRAINTS => match NameConstraints::from_der(value) {
                Ok(constraints) => self.name_constraints = Some(constraints),
                Err(_) => self.constraints.push(extension.oid),
            },
            oid::POLICY_CONSTRAINTS => {
                if asks_for_policies(value).unwrap_or(true) {
                    self.constraints.push(extension.oid);
                }
            }
            // Nobody asks for the issuer's other names; the others only narrow down policies, and none is asked for.
            oid::ISSUER_ALT_NAME | oid::POLICY_MAPPINGS | oid::INHIBIT_ANY_POLICY => {}
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn authority_info(&mut self, value: &[u8]) -> Result<(), DerError> {
        for description in der::only_sequence(value)?.all(MOST, "places of the issuer")? {
            let mut inside = der::only_sequence(description.raw)?;
            let method = inside.oid()?;
            let place = inside;
            inside.next()?;
            inside.end()?;
            let urls = match method {
                oid::AD_OCSP => &mut self.ocsp_urls,
                oid::AD_CA_ISSUERS => &mut self.issuer_urls,
                _ => continue,
            };
            urls.extend(name::urls(place)?);
            urls.truncate(8);
        }
        Ok(())
    }
}

fn oids(value: &[u8]) -> Result<Vec<ObjectIdentifier>, DerError> {
    der::only_sequence(value)?.all(MOST, "purposes")?.iter().map(Element::oid).collect()
}

fn basic_constraints(value: &[u8]) -> Result<BasicConstraints, DerError> {
    let mut inside = der::only_sequence(value)?;
    let authority = inside.boolean_or(false)?;
    let path_length = inside.optional(tag::INTEGER)?.map(|length| length.number()).transpose()?;
    inside.end()?;
    Ok(BasicConstraints { authority, path_length })
}

/// Every place that a CRL for the certificate can be from.
fn crl_places(value: &[u8]) -> Result<Vec<GeneralName>, DerError> {
    let mut found = Vec::new();
    for point in der::only_sequence(value)?.all(MOST, "places of CRLs")? {
        let mut inside = der::only_sequence(point.raw)?;
        let Some(place) = inside.optional(tag::constructed(0))? else { continue };
        // Points with a part of the reasons, or with another issuer, are not followed: such a CRL is not understood either.
        if inside.is_empty() {
            found.extend(places(place.body)?);
        }
        if found.len() > MOST {
            return Err(DerError::TooMany("places of CRLs"));
        }
    }
    Ok(found)
}

/// The names of a DistributionPointName that is a fullName.
pub(super) fn places(place: &[u8]) -> Result<Vec<GeneralName>, DerError> {
    match Reader::new(place).optional(tag::constructed(0))? {
        Some(names) => {
            // A place that is written wrongly is one where nothing is, and no reason to read nothing else.
            let read = |one: &Element<'_>| GeneralName::read(one).unwrap_or(GeneralName::Other(one.raw.to_vec()));
            Ok(names.inside().all(MOST, "names")?.iter().map(read).collect())
        }
        None => Ok(Vec::new()),
    }
}

/// Whether PolicyConstraints ask for a policy in every certificate below (RFC 5280, 4.2.1.11). The other constraint is on which policies mean the
/// same, which nobody asks for otherwise.
fn asks_for_policies(value: &[u8]) -> Result<bool, DerError> {
    let mut inside = der::only_sequence(value)?;
    let asks = inside.optional(tag::primitive(0))?.is_some();
    let narrows = inside.optional(tag::primitive(1))?.is_some();
    inside.end()?;
    if asks || narrows { Ok(asks) } else { Err(DerError::Value("policy constraints")) }
}

fn policies(value: &[u8]) -> Result<Vec<ObjectIdentifier>, DerError> {
    let all = der::only_sequence(value)?.all(MOST, "policies")?;
    all.iter().map(|policy| der::only_sequence(policy.raw)?.oid()).collect()
}

fn qualified(value: &[u8]) -> Result<Qualified, DerError> {
    let mut said = Qualified::default();
    for statement in der::only_sequence(value)?.all(MOST, "statements")? {
        let mut inside = der::only_sequence(statement.raw)?;
        match inside.oid()? {
            oid::QC_COMPLIANCE => said.compliance = true,
            oid::QC_SSCD => said.device = true,
            oid::QC_TYPE => {
                let types = oids(inside.next()?.raw)?;
                said.signature = types.contains(&oid::QCT_ESIGN);
                said.seal = types.contains(&oid::QCT_ESEAL);
                said.web = types.contains(&oid::QCT_WEB);
            }
            _ => {}
        }
    }
    Ok(said)
}
