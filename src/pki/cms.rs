//! Signed data of the Cryptographic Message Syntax (RFC 5652, 5), as CAdES and PAdES use it (ETSI EN 319 122-1, 319 142-1).

use const_oid::ObjectIdentifier;

use super::algorithm::{self, AlgorithmError, Hash, SignatureAlgorithm, SignatureError, Strength, Weakness};
pub use super::attribute::Attribute;
use super::certificate::{self, Certificate};
use super::der::{self, DerError, Element, Reader, tag};
use super::name::Name;
use super::{attribute, ber, oid};

/// Longest signed data, in bytes.
pub const LONGEST: usize = 16 * 1024 * 1024;
/// Most certificates, CRLs, signers and the like.
const MOST: usize = 256;

/// Why signed data are not read, or prove nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CmsError {
    /// No DER of signed data.
    #[error("this is no signed data in DER: {0}")]
    Der(#[from] DerError),
    /// BER that is too deep, or of a form that is not read.
    #[error("this is signed data in a form of BER that is not read here")]
    Ber,
    /// Too long.
    #[error("the signed data are longer than 16 MiB")]
    Length,
    /// Something other than zeros follows.
    #[error("there is something behind the end of the signed data that is not padding")]
    Trailing,
    /// No signer, or more than are read.
    #[error("the signed data have no signer, or more than one where one is needed")]
    Signers,
    /// The certificate of the signer is not at hand.
    #[error("the certificate of the signer is not among those at hand")]
    NoCertificate,
    /// There are no signed attributes, so that nothing ties the certificate to the signature.
    #[error("the signature has no signed attributes")]
    NoAttributes,
    /// An attribute is missing, by its name.
    #[error("the signed attribute `{0}` is missing")]
    Missing(&'static str),
    /// An attribute is there twice, has no value or more than one, or is not what it should be.
    #[error("the attribute `{0}` is not as it has to be")]
    Attribute(&'static str),
    /// The digest of the content is another: it was changed.
    #[error("the content was changed after it was signed, or is another (message digest)")]
    Digest,
    /// The signature was made with another certificate than the attribute tells.
    #[error("the signature names another certificate than the one at hand (signing certificate)")]
    OtherCertificate,
    /// An algorithm is not known.
    #[error(transparent)]
    Algorithm(#[from] AlgorithmError),
    /// The signature is wrong.
    #[error(transparent)]
    Signature(#[from] SignatureError),
}

/// Whose certificate a signature is checked with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignerId {
    /// By its issuer (a Name in DER) and the content of its serial number.
    IssuerAndSerial {
        /// The issuer's name.
        issuer: Name,
        /// The serial number.
        serial: Vec<u8>,
    },
    /// By the id of its key.
    KeyId(Vec<u8>),
}

/// One signer's part.
#[derive(Debug, Clone)]
pub struct SignerInfo {
    id: SignerId,
    hash: Hash,
    algorithm: Vec<u8>,
    signed: Option<Vec<u8>>,
    signed_attributes: Vec<Attribute>,
    unsigned_attributes: Vec<Attribute>,
    signature: Vec<u8>,
}

/// A signature that was checked and fits its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Whose it is.
    pub certificate: Certificate,
    /// How strong it is.
    pub strength: Strength,
    /// The digest of the content.
    pub hash: Hash,
    /// Whether a signed attribute names the certificate (signing-certificate or -v2), as CAdES and PAdES ask for.
    pub names_certificate: bool,
}

impl Verified {
    /// What is too weak: of the signature and of the digest of the content.
    #[must_use]
    pub fn weaknesses(&self) -> Vec<Weakness> {
        let mut found = self.strength.weaknesses();
        if self.hash == Hash::Sha1 && !found.contains(&Weakness::Sha1) {
            found.push(Weakness::Sha1);
        }
        found
    }
}

impl SignerInfo {
    /// Whose certificate it is checked with.
    #[must_use]
    pub fn id(&self) -> &SignerId {
        &self.id
    }

    /// The digest of the content.
    #[must_use]
    pub fn hash(&self) -> Hash {
        self.hash
    }

    /// The algorithm of the signature.
    ///
    /// # Errors
    /// It is not known.
    pub fn algorithm(&self) -> Result<SignatureAlgorithm, AlgorithmError> {
        SignatureAlgorithm::from_der(&self.algorithm, Some(self.hash))
    }

    /// The bytes that are signed: the signed attributes as a SET (RFC 5652, 5.4).
    #[must_use]
    pub fn signed_bytes(&self) -> Option<&[u8]> {
        self.signed.as_deref()
    }

    /// The signed attributes.
    #[must_use]
    pub fn signed_attributes(&self) -> &[Attribute] {
        &self.signed_attributes
    }

    /// The unsigned attributes.
    #[must_use]
    pub fn unsigned_attributes(&self) -> &[Attribute] {
        &self.unsigned_attributes
    }

    /// The values of the first signed attribute of a kind.
    #[must_use]
    pub fn signed_values(&self, oid: ObjectIdentifier) -> &[Vec<u8>] {
        values(&self.signed_attributes, oid)
    }

    /// The values of the first unsigned attribute of a kind, such as [`super::oid::SIGNATURE_TIME_STAMP`].
    #[must_use]
    pub fn unsigned_values(&self, oid: ObjectIdentifier) -> &[Vec<u8>] {
        values(&self.unsigned_attributes, oid)
    }

    /// The signature.
    #[must_use]
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// The signing time that the signer claims. PAdES leaves it out.
    #[must_use]
    pub fn claimed_time(&self) -> Option<i64> {
        attribute::claimed_time(&self.signed_attributes)
    }

    /// Checks the signature over a content whose digest (by [`SignerInfo::hash`]) is told: content type, message digest, algorithm protection and
    /// signing certificate fit, and the signature is right. Neither chain nor time are asked for.
    ///
    /// # Errors
    /// Something does not fit.
    pub fn verify(
        &self,
        content_type: ObjectIdentifier,
        digest: &[u8],
        certificates: &[Certificate],
    ) -> Result<Verified, CmsError> {
        let signed = self.signed.as_deref().ok_or(CmsError::NoAttributes)?;
        attribute::check_content(&self.signed_attributes, content_type, digest)?;
        let algorithm = self.algorithm()?;
        attribute::check_algorithms(&self.signed_attributes, self.hash, algorithm)?;
        let mut why = CmsError::NoCertificate;
        // Somebody may have put another certificate of the same issuer and number beside the right one.
        for certificate in certificates.iter().filter(|one| self.id.is(one)).take(8) {
            match self.verify_by(certificate, algorithm, signed) {
                Ok(verified) => return Ok(verified),
                Err(error) => why = error,
            }
        }
        Err(why)
    }

    fn verify_by(
        &self,
        certificate: &Certificate,
        algorithm: SignatureAlgorithm,
        signed: &[u8],
    ) -> Result<Verified, CmsError> {
        let names_certificate = attribute::names(&self.signed_attributes, certificate)?;
        let strength = algorithm::verify(algorithm, certificate.public_key(), signed, &self.signature)?;
        Ok(Verified { certificate: certificate.clone(), strength, hash: self.hash, names_certificate })
    }

    /// Reads a SignerInfo (RFC 5652, 5.3).
    fn from_der(bytes: &[u8]) -> Result<Self, CmsError> {
        let mut inside = der::only_sequence(bytes)?;
        inside.expect(tag::INTEGER)?;
        let id = SignerId::from_der(&inside.next()?)?;
        let hash = Hash::from_der(inside.expect(tag::SEQUENCE)?.raw)?;
        let signed = inside.optional(tag::constructed(0))?;
        let algorithm = inside.expect(tag::SEQUENCE)?.raw.to_vec();
        let signature = inside.expect(tag::OCTET_STRING)?.body.to_vec();
        let unsigned = inside.optional(tag::constructed(1))?;
        inside.end()?;
        let read = |set: Option<Element<'_>>| set.map_or(Ok(Vec::new()), |set| attribute::list(set.body));
        Ok(Self {
            id,
            hash,
            algorithm,
            signed: signed.map(|set| der::element(tag::SET, set.body)),
            signed_attributes: read(signed)?,
            unsigned_attributes: read(unsigned)?,
            signature,
        })
    }
}

impl SignerId {
    fn from_der(element: &Element<'_>) -> Result<Self, DerError> {
        if element.tag == tag::primitive(0) {
            return Ok(Self::KeyId(element.body.to_vec()));
        }
        let mut inside = der::only_sequence(element.raw)?;
        let issuer = Name::from_der(inside.expect(tag::SEQUENCE)?.raw)?;
        let serial = inside.next()?.integer()?.to_vec();
        inside.end()?;
        Ok(Self::IssuerAndSerial { issuer, serial })
    }

    /// Whether it is that of a certificate.
    #[must_use]
    pub fn is(&self, certificate: &Certificate) -> bool {
        match self {
            Self::IssuerAndSerial { issuer, serial } => {
                certificate.serial() == serial && certificate.issuer().is(issuer)
            }
            Self::KeyId(id) => certificate.subject_key_id() == Some(id),
        }
    }
}

fn values(attributes: &[Attribute], oid: ObjectIdentifier) -> &[Vec<u8>] {
    attributes.iter().find(|attribute| attribute.oid == oid).map_or(&[], |attribute| &attribute.values)
}

/// Signed data.
#[derive(Debug, Clone)]
pub struct SignedData {
    der: Vec<u8>,
    content_type: ObjectIdentifier,
    content: Option<Vec<u8>>,
    certificates: Vec<Certificate>,
    crls: Vec<Vec<u8>>,
    ocsp_responses: Vec<Vec<u8>>,
    signers: Vec<SignerInfo>,
}

impl SignedData {
    /// Reads a ContentInfo with SignedData, of at most 16 MiB, in DER or in BER with indefinite lengths.
    ///
    /// # Errors
    /// It is none.
    pub fn from_der(bytes: &[u8]) -> Result<Self, CmsError> {
        let (data, rest) = Self::first(bytes)?;
        if rest.is_empty() { Ok(data) } else { Err(CmsError::Trailing) }
    }

    /// Reads the same out of `/Contents` of a PDF signature, where zeros may follow (ISO 32000-2, 12.8.3.3.1).
    ///
    /// # Errors
    /// It is none, or something else follows.
    pub fn from_padded(bytes: &[u8]) -> Result<Self, CmsError> {
        let (data, rest) = Self::first(bytes)?;
        if rest.iter().all(|byte| *byte == 0) { Ok(data) } else { Err(CmsError::Trailing) }
    }

    fn first(bytes: &[u8]) -> Result<(Self, &[u8]), CmsError> {
        let mut reader = Reader::new(bytes);
        let first = reader.next();
        if first.is_ok_and(|element| element.raw.len() > LONGEST) {
            return Err(CmsError::Length);
        }
        match first.map_err(CmsError::from).and_then(|element| Self::definite(element.raw)) {
            Ok(data) => Ok((data, reader.rest())),
            // A length that DER does not have may be one of BER.
            Err(CmsError::Der(DerError::Length)) => {
                let (whole, used) = ber::to_definite(bytes.get(..LONGEST).unwrap_or(bytes)).ok_or(CmsError::Ber)?;
                Ok((Self::definite(&whole)?, bytes.get(used..).unwrap_or_default()))
            }
            Err(error) => Err(error),
        }
    }

    /// Reads a ContentInfo (RFC 5652, 3) with SignedData (5.1).
    fn definite(bytes: &[u8]) -> Result<Self, CmsError> {
        let mut outer = der::only_sequence(bytes)?;
        if outer.oid()? != oid::SIGNED_DATA {
            return Err(DerError::Value("the content type").into());
        }
        let mut inside = der::only_sequence(outer.expect(tag::constructed(0))?.body)?;
        outer.end()?;
        inside.expect(tag::INTEGER)?;
        inside.expect(tag::SET)?;
        let mut content = inside.sequence()?;
        let content_type = content.oid()?;
        let body = match content.optional(tag::constructed(0))? {
            Some(body) => Some(der::only(body.body, tag::OCTET_STRING)?.body.to_vec()),
            None => None,
        };
        content.end()?;
        let certificates = inside.optional(tag::constructed(0))?;
        let revocation = inside.optional(tag::constructed(1))?;
        let signers = inside.expect(tag::SET)?.inside().all(MOST, "signers")?;
        inside.end()?;
        let mut data = Self {
            der: bytes.to_vec(),
            content_type,
            content: body,
            certificates: certificates.map_or(Ok(Vec::new()), |set| read_certificates(set.inside()))?,
            crls: Vec::new(),
            ocsp_responses: Vec::new(),
            signers: signers.iter().map(|signer| SignerInfo::from_der(signer.raw)).collect::<Result<_, _>>()?,
        };
        if let Some(set) = revocation {
            data.add_revocation(set.inside())?;
        }
        for signer in &data.signers {
            let (crls, responses) = attribute::archived(&signer.signed_attributes);
            data.crls.extend(crls);
            data.ocsp_responses.extend(responses);
        }
        Ok(data)
    }

    /// Reads RevocationInfoChoices (RFC 5652, 10.2.1), with the OCSP responses of RFC 5940.
    fn add_revocation(&mut self, set: Reader<'_>) -> Result<(), DerError> {
        for choice in set.all(MOST, "proofs")? {
            if choice.tag == tag::SEQUENCE {
                self.crls.push(choice.raw.to_vec());
            } else if choice.tag == tag::constructed(1) {
                let mut inside = choice.inside();
                if inside.oid()? == oid::OCSP_IN_CMS {
                    self.ocsp_responses.push(inside.next()?.raw.to_vec());
                }
            }
        }
        Ok(())
    }

    /// The ContentInfo, without padding, as it came, or brought to definite lengths.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// What the content is.
    #[must_use]
    pub fn content_type(&self) -> ObjectIdentifier {
        self.content_type
    }

    /// The content, if it is inside.
    #[must_use]
    pub fn content(&self) -> Option<&[u8]> {
        self.content.as_deref()
    }

    /// The certificates inside. They are not trusted.
    #[must_use]
    pub fn certificates(&self) -> &[Certificate] {
        &self.certificates
    }

    /// The CRLs inside, as they came: those beside the certificates and those of adbe-revocationInfoArchival.
    #[must_use]
    pub fn crls(&self) -> &[Vec<u8>] {
        &self.crls
    }

    /// The OCSPResponses inside, as they came, likewise.
    #[must_use]
    pub fn ocsp_responses(&self) -> &[Vec<u8>] {
        &self.ocsp_responses
    }

    /// The signers.
    #[must_use]
    pub fn signers(&self) -> &[SignerInfo] {
        &self.signers
    }

    /// The one signer, as PAdES and RFC 3161 have it.
    ///
    /// # Errors
    /// There is none or another.
    pub fn only_signer(&self) -> Result<&SignerInfo, CmsError> {
        match &self.signers[..] {
            [one] => Ok(one),
            _ => Err(CmsError::Signers),
        }
    }
}

/// The certificates of a CertificateSet. What is of another kind, or not read here, can not be the signer's and is left out.
fn read_certificates(set: Reader<'_>) -> Result<Vec<Certificate>, DerError> {
    let all = set.all(certificate::MOST, "certificates")?;
    Ok(all.iter().filter_map(|one| Certificate::from_der(one.raw).ok()).collect())
}
