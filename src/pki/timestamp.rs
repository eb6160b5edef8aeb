//! Time stamps (RFC 3161, RFC 5816).

use const_oid::ObjectIdentifier;

use super::algorithm::{Hash, Weakness};
use super::certificate::Certificate;
use super::chain::{Purpose, is_for};
use super::cms::{CmsError, SignedData, Verified};
use super::der::{self, DerError, Reader, tag};
use super::{extension, oid, time};

/// Longest response of a time-stamp server, in bytes.
pub const LONGEST: usize = 256 * 1024;

/// Why there is no time stamp, or it proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TimeStampError {
    /// No DER of one.
    #[error("this is no time stamp in DER: {0}")]
    Der(#[from] DerError),
    /// Too long.
    #[error("the answer is longer than 256 KiB")]
    Length,
    /// Its signature or its frame is not good.
    #[error(transparent)]
    Cms(#[from] CmsError),
    /// The server refused, in words.
    #[error("the time-stamp server gave no time stamp: {0}")]
    Refused(String),
    /// It is over other data.
    #[error("the time stamp is over other data (message imprint)")]
    Imprint,
    /// It answers another question.
    #[error("the time stamp answers another request (nonce)")]
    Nonce,
    /// Who signed it must not.
    #[error("the certificate of the time-stamp server is not for time stamps (extended key usage)")]
    Usage,
    /// Its algorithms are too weak to prove anything.
    #[error("the time stamp is too weak: {0}")]
    Weak(Weakness),
    /// There are no random numbers.
    #[error("the system gives no random numbers")]
    Random,
}

/// A question for a time stamp.
#[derive(Debug, Clone)]
pub struct TimeStampRequest {
    der: Vec<u8>,
    hash: Hash,
    digest: Vec<u8>,
    nonce: Vec<u8>,
}

impl TimeStampRequest {
    /// Asks for a time stamp over a digest, with a random nonce, and for the certificate of the server.
    ///
    /// # Errors
    /// There are no random numbers.
    pub fn new(hash: Hash, digest: &[u8]) -> Result<Self, TimeStampError> {
        let mut nonce = [0; 16];
        getrandom::fill(&mut nonce).map_err(|_| TimeStampError::Random)?;
        let nonce = der::unsigned(&nonce);
        let algorithm = der::sequence(&[&der::oid(hash.oid()), &der::element(tag::NULL, &[])]);
        let imprint = der::sequence(&[&algorithm, &der::element(tag::OCTET_STRING, digest)]);
        let with_certificate = der::element(tag::BOOLEAN, &[0xFF]);
        let request = der::sequence(&[&der::integer(1), &imprint, &nonce, &with_certificate]);
        let nonce = der::only(&nonce, tag::INTEGER)?.body.to_vec();
        Ok(Self { der: request, hash, digest: digest.to_vec(), nonce })
    }

    /// The TimeStampReq.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Reads the TimeStampResp to this question: granted, over these data, with this nonce, and rightly and strongly signed by the certificate in it.
    /// Whether that is trusted is not asked.
    ///
    /// # Errors
    /// It is none, or the server refused.
    pub fn read(&self, response: &[u8]) -> Result<TimeStampToken, TimeStampError> {
        if response.len() > LONGEST {
            return Err(TimeStampError::Length);
        }
        let mut inside = der::only_sequence(response)?;
        granted(inside.sequence()?)?;
        let token = TimeStampToken::from_der(inside.rest())?;
        if token.hash != self.hash || token.imprint != self.digest {
            return Err(TimeStampError::Imprint);
        }
        if token.nonce.as_deref() != Some(&self.nonce[..]) {
            return Err(TimeStampError::Nonce);
        }
        // What no judge would take is refused while another server can still be asked.
        match token.verify(&self.digest, &[])?.weaknesses().first() {
            Some(weakness) => Err(TimeStampError::Weak(*weakness)),
            None => Ok(token),
        }
    }
}

/// Whether a PKIStatusInfo says that the time stamp was given (RFC 3161, 2.4.2).
fn granted(mut info: Reader<'_>) -> Result<(), TimeStampError> {
    let status = info.next()?.number()?;
    if status < 2 {
        return Ok(());
    }
    let mut told = vec![match status {
        2 => "rejected".to_owned(),
        3 => "to be asked for later".to_owned(),
        4 | 5 => "the certificate of the server is revoked, or soon will be".to_owned(),
        other => format!("status {other}"),
    }];
    if let Some(texts) = info.optional(tag::SEQUENCE)? {
        let texts = texts.inside().all(8, "texts")?;
        told.extend(texts.iter().map(|text| plain(text.body)));
    }
    if let Some(bits) = info.optional(tag::BIT_STRING)? {
        let bits = bits.named_bits()?;
        told.extend(FAILURES.iter().filter(|(bit, _)| bits & 1 << bit != 0).map(|(_, word)| (*word).to_owned()));
    }
    Err(TimeStampError::Refused(told.join(", ")))
}

/// PKIFailureInfo in words (RFC 3161, 2.4.2).
const FAILURES: [(u32, &str); 8] = [
    (0, "the digest is not known or not supported"),
    (2, "the request is not allowed or not supported"),
    (5, "the request has the wrong format"),
    (14, "the server has no time at hand"),
    (15, "the policy is not supported"),
    (16, "an extension is not supported"),
    (17, "the additional information was not understood or is not available"),
    (25, "the server has an internal fault"),
];

/// What a server says, in one short line.
fn plain(text: &[u8]) -> String {
    String::from_utf8_lossy(text).chars().map(|c| if c.is_control() { ' ' } else { c }).take(120).collect()
}

/// A time stamp.
#[derive(Debug, Clone)]
pub struct TimeStampToken {
    data: SignedData,
    hash: Hash,
    imprint: Vec<u8>,
    time: i64,
    accuracy: Option<u64>,
    serial: Vec<u8>,
    policy: ObjectIdentifier,
    nonce: Option<Vec<u8>>,
}

impl TimeStampToken {
    /// Reads a token: a ContentInfo with signed TSTInfo. Nothing is checked yet: see [`TimeStampToken::verify`].
    ///
    /// # Errors
    /// It is none.
    pub fn from_der(bytes: &[u8]) -> Result<Self, TimeStampError> {
        Self::of(SignedData::from_der(bytes)?)
    }

    /// Reads a token out of `/Contents` of a document time stamp, where zeros may follow.
    ///
    /// # Errors
    /// It is none, or something else follows.
    pub fn from_padded(bytes: &[u8]) -> Result<Self, TimeStampError> {
        Self::of(SignedData::from_padded(bytes)?)
    }

    /// Reads the TSTInfo (RFC 3161, 2.4.2) in its frame.
    fn of(data: SignedData) -> Result<Self, TimeStampError> {
        if data.content_type() != oid::TST_INFO {
            return Err(DerError::Value("the content type").into());
        }
        let mut inside = der::only_sequence(data.content().unwrap_or_default())?;
        if inside.next()?.number()? != 1 {
            return Err(DerError::Value("the version of a time stamp").into());
        }
        let policy = inside.oid()?;
        let mut imprint = inside.sequence()?;
        let hash = Hash::from_der(imprint.expect(tag::SEQUENCE)?.raw).map_err(CmsError::from)?;
        let digest = imprint.expect(tag::OCTET_STRING)?.body.to_vec();
        imprint.end()?;
        let serial = inside.next()?.integer()?.to_vec();
        let time = time::generalized(inside.expect(tag::GENERALIZED_TIME)?.body)?;
        let accuracy = inside.optional(tag::SEQUENCE)?.map(|accuracy| milliseconds(accuracy.inside())).transpose()?;
        inside.boolean_or(false)?;
        let nonce = inside.optional(tag::INTEGER)?.map(|nonce| nonce.integer()).transpose()?.map(<[u8]>::to_vec);
        inside.optional(tag::constructed(0))?;
        if let Some(extensions) = inside.optional(tag::constructed(1))? {
            let list = der::element(tag::SEQUENCE, extensions.body);
            if extension::list(&list)?.iter().any(|extension| extension.critical) {
                return Err(DerError::Value("a critical extension of a time stamp").into());
            }
        }
        inside.end()?;
        Ok(Self { hash, imprint: digest, time, accuracy, serial, policy, nonce, data })
    }

    /// The token, as it came.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        self.data.der()
    }

    /// Its frame, with certificates and attributes.
    #[must_use]
    pub fn signed_data(&self) -> &SignedData {
        &self.data
    }

    /// The digest that it is over.
    #[must_use]
    pub fn hash(&self) -> Hash {
        self.hash
    }

    /// The bytes of that digest.
    #[must_use]
    pub fn imprint(&self) -> &[u8] {
        &self.imprint
    }

    /// The time that it tells, in seconds since 1970; parts of a second are cut off.
    #[must_use]
    pub fn time(&self) -> i64 {
        self.time
    }

    /// By how many milliseconds the time may be wrong, if that is told.
    #[must_use]
    pub fn accuracy(&self) -> Option<u64> {
        self.accuracy
    }

    /// The content of the INTEGER of its serial number.
    #[must_use]
    pub fn serial(&self) -> &[u8] {
        &self.serial
    }

    /// The policy of the server.
    #[must_use]
    pub fn policy(&self) -> ObjectIdentifier {
        self.policy
    }

    /// The content of the INTEGER of the nonce.
    #[must_use]
    pub fn nonce(&self) -> Option<&[u8]> {
        self.nonce.as_deref()
    }

    /// The certificates inside. They are not trusted.
    #[must_use]
    pub fn certificates(&self) -> &[Certificate] {
        self.data.certificates()
    }

    /// Checks it over a digest: it is over that, its signature is right, the signed attributes name the certificate, and that is for time stamps.
    /// `others` are certificates at hand beside those inside. Chain, revocation and strength are left to the judge.
    ///
    /// # Errors
    /// Something does not fit.
    pub fn verify(&self, digest: &[u8], others: &[Certificate]) -> Result<Verified, TimeStampError> {
        if self.imprint != digest {
            return Err(TimeStampError::Imprint);
        }
        let signer = self.data.only_signer()?;
        let content = signer.hash().digest(&[self.data.content().unwrap_or_default()]);
        let certificates = [self.data.certificates(), others].concat();
        let verified = signer.verify(oid::TST_INFO, &content, &certificates)?;
        if !verified.names_certificate {
            return Err(CmsError::Missing("signing-certificate").into());
        }
        if is_for(&verified.certificate, Purpose::TimeStamping) { Ok(verified) } else { Err(TimeStampError::Usage) }
    }

    /// The same over parts that follow one another, which are digested by [`TimeStampToken::hash`].
    ///
    /// # Errors
    /// Something does not fit.
    pub fn verify_over(&self, parts: &[&[u8]], others: &[Certificate]) -> Result<Verified, TimeStampError> {
        self.verify(&self.hash.digest(parts), others)
    }
}

/// Reads an Accuracy (RFC 3161, 2.4.2); parts of a millisecond are rounded up.
fn milliseconds(mut accuracy: Reader<'_>) -> Result<u64, DerError> {
    let seconds = accuracy.optional(tag::INTEGER)?.map_or(Ok(0), |seconds| seconds.number())?;
    let millis = accuracy.optional(tag::primitive(0))?.map_or(Ok(0), |millis| der::small(millis.body))?;
    let micros = accuracy.optional(tag::primitive(1))?.map_or(Ok(0), |micros| der::small(micros.body))?;
    accuracy.end()?;
    Ok(seconds.saturating_mul(1000).saturating_add(millis).saturating_add(micros.div_ceil(1000)))
}
