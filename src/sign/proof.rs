//! What proves a signature in later years (ETSI EN 319 142-1, 5.4): certificates and revocation in the document security
//! store, and time stamps over the document. Here is what is pure; [`super::level`] fetches.

use std::collections::HashSet;
use std::io::Write as _;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use serde::{Deserialize, Serialize};

use super::SignError;
use super::field::{self, FieldName, SignatureField};
use super::file::{Dictionary, File, FileError, Hole, Id, Object, Revision};
use super::signature::TOKEN_ROOM;
use crate::pki::cms::{SignedData, SignerId};
use crate::pki::crl::Crl;
use crate::pki::ocsp::OcspResponse;
use crate::pki::revocation::Evidence;
use crate::pki::timestamp::{TimeStampRequest, TimeStampToken};
use crate::pki::{Certificate, Hash, oid};

/// Most entries of one kind that are read from a store.
const ENTRIES: usize = 1000;
/// What the names of fields for time stamps begin with.
const FIELD: &str = "timestamp-";

/// Certificates and revocation, as they came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proofs {
    /// Certificates in DER.
    pub certificates: Vec<Vec<u8>>,
    /// CRLs in DER.
    pub crls: Vec<Vec<u8>>,
    /// OCSP responses in DER.
    pub responses: Vec<Vec<u8>>,
}

impl Proofs {
    /// What the store of a file holds; entries that can not be unpacked are left out.
    ///
    /// # Errors
    ///
    /// The file is broken.
    pub fn stored(file: &File<'_>) -> Result<Self, FileError> {
        let store = file.catalog()?.get("DSS").map(|store| file.dictionary(store)).transpose()?.flatten();
        let Some(store) = store else { return Ok(Self::default()) };
        Ok(Self {
            certificates: entries(file, &store, "Certs")?,
            crls: entries(file, &store, "CRLs")?,
            responses: entries(file, &store, "OCSPs")?,
        })
    }

    /// The certificates that can be read.
    pub fn read_certificates(&self) -> Vec<Certificate> {
        self.certificates.iter().filter_map(|der| Certificate::from_der(der).ok()).collect()
    }

    /// The CRLs and responses that can be read.
    pub fn evidence(&self) -> Evidence {
        Evidence {
            crls: self.crls.iter().filter_map(|der| Crl::from_der(der).ok()).collect(),
            responses: self.responses.iter().filter_map(|der| OcspResponse::from_der(der).ok()).collect(),
        }
    }

    /// Adds what was fetched.
    pub fn add_evidence(&mut self, evidence: &Evidence) {
        self.crls.extend(evidence.crls.iter().map(|crl| crl.der().to_vec()));
        self.responses.extend(evidence.responses.iter().map(|response| response.der().to_vec()));
    }

    /// Adds certificates.
    pub fn add_certificates(&mut self, certificates: &[Certificate]) {
        self.certificates.extend(certificates.iter().map(|certificate| certificate.der().to_vec()));
    }

    /// Without what others hold, and nothing twice.
    fn without(mut self, other: &Self) -> Self {
        for (own, known) in [
            (&mut self.certificates, &other.certificates),
            (&mut self.crls, &other.crls),
            (&mut self.responses, &other.responses),
        ] {
            let mut seen: HashSet<&Vec<u8>> = known.iter().collect();
            let new: Vec<bool> = own.iter().map(|der| seen.insert(der)).collect();
            let mut new = new.into_iter();
            own.retain(|_| new.next().unwrap_or_default());
        }
        self
    }

    fn is_empty(&self) -> bool {
        self.certificates.is_empty() && self.crls.is_empty() && self.responses.is_empty()
    }
}

fn entries(file: &File<'_>, store: &Dictionary, key: &str) -> Result<Vec<Vec<u8>>, FileError> {
    let mut found = Vec::new();
    for entry in file.array(store, key)?.iter().take(ENTRIES) {
        if let Some(Ok(der)) = file.stream(entry)?.map(|stream| file.unpacked(&stream)) {
            found.push(der);
        }
    }
    Ok(found)
}

/// Until when a document proves itself by the newest time stamp over it: when the certificate of that ends, in seconds since 1970. Nothing without
/// such a time stamp, or if its certificate is not at hand.
///
/// # Errors
///
/// The file is broken.
pub fn proven_until(bytes: &[u8]) -> Result<Option<i64>, SignError> {
    let file = File::read(bytes)?;
    let newest = existing(&file)?.into_iter().rev().find_map(|one| match one.content {
        Content::TimeStamp(token) => Some(token),
        _ => None,
    });
    let Some(token) = newest else { return Ok(None) };
    let pool = Proofs::stored(&file)?.read_certificates();
    Ok(signer_of(token.signed_data(), &pool).map(|certificate| certificate.not_after()))
}

/// Adds proofs to the store of a file, in one revision; nothing if all of them are there.
///
/// # Errors
///
/// The file is broken.
pub fn add(bytes: &[u8], proofs: Proofs) -> Result<Option<Vec<u8>>, SignError> {
    let file = File::read(bytes)?;
    let new = proofs.without(&Proofs::stored(&file)?);
    if new.is_empty() {
        return Ok(None);
    }
    let mut revision = Revision::new(&file)?;
    let mut catalog = revision.catalog()?;
    let held = catalog.get("DSS").cloned();
    let mut store = match &held {
        Some(held) => revision.dictionary(held)?.unwrap_or_default(),
        None => Dictionary::new().with("Type", Object::name("DSS")),
    };
    for (key, entries) in [("Certs", new.certificates), ("CRLs", new.crls), ("OCSPs", new.responses)] {
        for der in entries {
            let stream =
                revision.add_stream(Dictionary::new().with("Filter", Object::name("FlateDecode")), packed(&der)?);
            revision.append(&mut store, key, stream)?;
        }
    }
    if let Some(id) = held.as_ref().and_then(Object::as_reference) {
        revision.set(id, store);
    } else {
        let id = revision.add(store);
        catalog.set("DSS", id);
        revision.set_catalog(catalog)?;
    }
    Ok(Some(revision.finish()?.0))
}

fn packed(der: &[u8]) -> Result<Vec<u8>, FileError> {
    let mut packer = ZlibEncoder::new(Vec::new(), Compression::default());
    packer.write_all(der).and_then(|()| packer.finish()).map_err(|_| FileError::Filter)
}

/// A document that waits for a time stamp over all of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingTimeStamp {
    document: Vec<u8>,
    hole: Hole,
}

/// Writes a revision with a hole for a time stamp over the document (EN 319 142-1, 5.4.3), in a new field that is not
/// to be seen, with a label in the language of the document.
///
/// # Errors
///
/// The file is broken.
pub fn begin_time_stamp(bytes: &[u8], label: &str) -> Result<PendingTimeStamp, SignError> {
    let file = File::read(bytes)?;
    let fields = field::fields(&file)?;
    let names: HashSet<&str> = fields.iter().map(|field| field.name.as_str()).collect();
    let name =
        (1..=names.len() + 1).map(|number| format!("{FIELD}{number}")).find(|name| !names.contains(name.as_str()));
    let name = FieldName::parse(&name.unwrap_or_default())?;
    let mut revision = Revision::new(&file)?;
    let dictionary = Dictionary::new()
        .with("Type", Object::name("DocTimeStamp"))
        .with("Filter", Object::name("Adobe.PPKLite"))
        .with("SubFilter", Object::name("ETSI.RFC3161"));
    let signature = revision.add_signature(dictionary, TOKEN_ROOM);
    let is_signed = fields.iter().any(SignatureField::is_signed);
    let value = Dictionary::new().with("V", signature);
    let made = field::add_invisible(&mut revision, &name, label, &value, is_signed)?;
    field::add_to_form(&mut revision, &[made], is_signed)?;
    let (document, hole) = revision.finish()?;
    Ok(PendingTimeStamp { document, hole: hole.ok_or(SignError::Changed)? })
}

impl PendingTimeStamp {
    /// What is asked of a time-stamp server.
    ///
    /// # Errors
    ///
    /// There are no random numbers.
    pub fn request(&self) -> Result<TimeStampRequest, SignError> {
        let covered = self.hole.covered(&self.document).ok_or(SignError::Changed)?;
        Ok(TimeStampRequest::new(Hash::Sha256, &Hash::Sha256.digest(&covered))?)
    }

    /// The document with its time stamp.
    ///
    /// # Errors
    ///
    /// The time stamp is over something else or broken, or does not fit.
    pub fn complete(mut self, token: &TimeStampToken) -> Result<Vec<u8>, SignError> {
        let covered = self.hole.covered(&self.document).ok_or(SignError::Changed)?;
        token.verify_over(&covered, &[])?;
        let room = SignError::Room { needs: token.der().len(), has: self.hole.room() };
        self.hole.fill(&mut self.document, token.der()).ok_or(room)?;
        Ok(self.document)
    }
}

/// A signature or time stamp of a file, as far as it can be read. Nothing of it is checked.
#[derive(Debug, Clone)]
pub struct Existing {
    /// Its field.
    pub field: String,
    /// The object of its dictionary.
    pub id: Id,
    /// Where what it covers ends.
    pub end: i64,
    /// What it is.
    pub content: Content,
}

/// What fills a signature field.
#[derive(Debug, Clone)]
pub enum Content {
    /// Signed data.
    Signature(Box<SignedData>),
    /// A time stamp over the document.
    TimeStamp(Box<TimeStampToken>),
    /// Something else, or something broken.
    Unknown,
}

impl Content {
    /// The time stamps over a signature that stand in it.
    pub fn time_stamps(&self) -> Vec<TimeStampToken> {
        let Self::Signature(data) = self else { return Vec::new() };
        let signer = data.only_signer();
        let values = signer.map(|signer| signer.unsigned_values(oid::SIGNATURE_TIME_STAMP)).unwrap_or_default();
        values.iter().filter_map(|value| TimeStampToken::from_der(value).ok()).collect()
    }
}

/// The certificate that signed data name, among those inside and others.
pub fn signer_of(data: &SignedData, pool: &[Certificate]) -> Option<Certificate> {
    let id = data.only_signer().ok()?.id();
    let is_named = |certificate: &&Certificate| match id {
        SignerId::IssuerAndSerial { issuer, serial } => {
            certificate.issuer() == issuer && certificate.serial() == serial.as_slice()
        }
        SignerId::KeyId(key) => certificate.subject_key_id() == Some(key.as_slice()),
    };
    data.certificates().iter().chain(pool).find(is_named).cloned()
}

/// The signatures and time stamps of a file, in the order in which they were made.
///
/// # Errors
///
/// The file is broken.
pub fn existing(file: &File<'_>) -> Result<Vec<Existing>, FileError> {
    let mut found = Vec::new();
    for field in field::fields(file)? {
        if !field.is_signed() {
            continue;
        }
        // What is there and can not be read is told: a level holds for all signatures.
        let unknown = Existing { field: field.name.clone(), id: field.id, end: 0, content: Content::Unknown };
        let Some(signature) = field.signature else {
            found.push(unknown);
            continue;
        };
        let Some(dictionary) = file.dictionary(&signature.into())? else {
            found.push(unknown);
            continue;
        };
        let range: Vec<i64> = file.array(&dictionary, "ByteRange")?.iter().filter_map(Object::as_integer).collect();
        let [_, _, start, length] = range.as_slice() else {
            found.push(unknown);
            continue;
        };
        let end = start.saturating_add(*length);
        let contents = dictionary.get("Contents").and_then(Object::as_string).unwrap_or_default();
        let content = if dictionary.is("SubFilter", "ETSI.RFC3161") {
            TimeStampToken::from_padded(contents).map_or(Content::Unknown, |token| Content::TimeStamp(Box::new(token)))
        } else {
            SignedData::from_padded(contents).map_or(Content::Unknown, |data| Content::Signature(Box::new(data)))
        };
        found.push(Existing { field: field.name, id: signature, end, content });
    }
    found.sort_by_key(|one| one.end);
    Ok(found)
}
