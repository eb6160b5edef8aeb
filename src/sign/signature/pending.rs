//! What comes between the hole and the signed file: what a signer gave is checked in full before it goes in.

use serde::{Deserialize, Serialize};

use super::TOKEN_ROOM;
use crate::pki::cms::SignedData;
use crate::pki::timestamp::{TimeStampRequest, TimeStampToken};
use crate::pki::{Certificate, Hash, oid};
use crate::sign::SignError;
use crate::sign::cms::{self, Algorithm};
use crate::sign::file::{File, Hole, Object};
use crate::sign::key::{Checks, KeyError, Signer};
use crate::sign::proof::{self, Content};

/// A document that waits for its signature. It can be stored; it holds the document and no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    pub(super) document: Vec<u8>,
    pub(super) hole: Hole,
    /// With which the signer's chain signs, if that is known; what is digested has SHA-256 otherwise.
    pub(super) signer: Option<PendingSigner>,
    pub(super) digest: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PendingSigner {
    pub(super) algorithm: Algorithm,
    pub(super) attributes: Vec<u8>,
    pub(super) chain: Vec<Vec<u8>>,
}

/// A signature that was checked, not yet in its document.
#[derive(Debug, Clone)]
pub struct Completed {
    document: Vec<u8>,
    hole: Hole,
    signed_data: Vec<u8>,
    signature: Vec<u8>,
    certificate: Certificate,
}

impl Pending {
    /// The digest of what is signed, for services that make signed data themselves.
    pub fn digest(&self) -> &[u8] {
        &self.digest
    }

    /// Its algorithm.
    pub fn hash(&self) -> Hash {
        self.signer.as_ref().map_or(Hash::Sha256, |signer| signer.algorithm.hash())
    }

    /// The signed attributes in DER: what a raw signature is over. Nothing if the signer's chain was not told.
    pub fn attributes(&self) -> Option<&[u8]> {
        self.signer.as_ref().map(|signer| signer.attributes.as_slice())
    }

    /// What a raw signature is made with. Nothing if the signer's chain was not told.
    pub fn algorithm(&self) -> Option<Algorithm> {
        self.signer.as_ref().map(|signer| signer.algorithm)
    }

    /// Takes a raw signature over the attributes, with the chain of the signer.
    ///
    /// # Errors
    ///
    /// The certificate is another than the one that was told, may not sign, or the signature is wrong.
    pub fn complete_with(
        self,
        signature: &[u8],
        chain: &[Certificate],
        checks: &Checks<'_>,
    ) -> Result<Completed, SignError> {
        self.check_document()?;
        let signer = self.signer.as_ref().ok_or(SignError::NoAttributes)?;
        let (own, others) = chain.split_first().ok_or(KeyError::NoCertificate)?;
        if signer.chain.first().map(Vec::as_slice) != Some(own.der()) {
            return Err(SignError::OtherCertificate);
        }
        checks.check(own, others)?;
        signer.algorithm.verify(own.public_key(), &signer.attributes, signature)?;
        let signed_data = cms::signed_data(signer.algorithm, &signer.attributes, signature, chain);
        let (signature, certificate) = (signature.to_vec(), own.clone());
        Ok(Completed { document: self.document, hole: self.hole, signed_data, signature, certificate })
    }

    /// Takes signed data that were made elsewhere: a ContentInfo in DER, detached, with one signer and the attributes
    /// that PAdES asks for.
    ///
    /// # Errors
    ///
    /// It is over something else, lacks something, or the certificate may not sign or is another than was told.
    pub fn complete_with_cms(self, signed_data: &[u8], checks: &Checks<'_>) -> Result<Completed, SignError> {
        let hash = self.check_document()?;
        let data = SignedData::from_der(signed_data)?;
        let signer = data.only_signer()?;
        if signer.hash() != hash {
            return Err(SignError::Hash(hash.name()));
        }
        if data.content().is_some() {
            return Err(SignError::Attached);
        }
        let verified = signer.verify(oid::DATA, &self.digest, data.certificates())?;
        if !verified.names_certificate || !signer.signed_values(oid::SIGNING_TIME).is_empty() {
            return Err(SignError::Attributes);
        }
        if !verified.weaknesses().is_empty() {
            return Err(SignError::Weak);
        }
        let told = self.signer.as_ref().and_then(|signer| signer.chain.first());
        if told.is_some_and(|told| told.as_slice() != verified.certificate.der()) {
            return Err(SignError::OtherCertificate);
        }
        checks.check(&verified.certificate, data.certificates())?;
        Ok(Completed {
            document: self.document,
            hole: self.hole,
            signed_data: data.der().to_vec(),
            signature: signer.signature().to_vec(),
            certificate: verified.certificate,
        })
    }

    /// Signs with a key of our own.
    ///
    /// # Errors
    ///
    /// As [`Pending::complete_with`].
    pub fn sign(self, signer: &Signer, checks: &Checks<'_>) -> Result<Completed, SignError> {
        // Before the key is used, not after.
        signer.check(checks)?;
        let attributes = self.attributes().ok_or(SignError::NoAttributes)?;
        let signature = signer.sign(attributes)?;
        self.complete_with(&signature, signer.chain(), &Checks { anchors: None, ..*checks })
    }

    /// Whether the document is still the one whose digest was told.
    fn check_document(&self) -> Result<Hash, SignError> {
        let hash = self.hash();
        let covered = self.hole.covered(&self.document).ok_or(SignError::Changed)?;
        if hash.digest(&covered) == self.digest { Ok(hash) } else { Err(SignError::Changed) }
    }
}

impl Completed {
    /// The signature that a document ends with, if it has no time stamp yet and room for one. What a signature holds is
    /// not part of what it signs, so that a time stamp can still go in.
    ///
    /// # Errors
    ///
    /// The file is broken.
    pub fn last_of(document: &[u8]) -> Result<Option<Self>, SignError> {
        let file = File::read(document)?;
        let existing = proof::existing(&file)?;
        let Some(last) = existing.last().filter(|last| usize::try_from(last.end) == Ok(document.len())) else {
            return Ok(None);
        };
        let (Content::Signature(data), true) = (&last.content, last.content.time_stamps().is_empty()) else {
            return Ok(None);
        };
        let dictionary = file.dictionary(&last.id.into())?.unwrap_or_default();
        let range: Vec<i64> = file.array(&dictionary, "ByteRange")?.iter().filter_map(Object::as_integer).collect();
        let hole = Hole::of(&file, last.id)?.filter(|hole| hole.is_left_out(document, &range));
        let hole = hole.filter(|hole| hole.room() >= data.der().len() + TOKEN_ROOM / 2);
        let (Some(hole), Some(certificate), Ok(signer)) = (hole, proof::signer_of(data, &[]), data.only_signer())
        else {
            return Ok(None);
        };
        let (signed_data, signature) = (data.der().to_vec(), signer.signature().to_vec());
        Ok(Some(Self { document: document.to_vec(), hole, signed_data, signature, certificate }))
    }

    /// The certificate that the signature is of.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// The certificates beside it.
    ///
    /// # Errors
    ///
    /// The signed data are broken.
    pub fn certificates(&self) -> Result<Vec<Certificate>, SignError> {
        Ok(SignedData::from_der(&self.signed_data)?.certificates().to_vec())
    }

    /// What a time stamp is asked for over: the signature (EN 319 122-1, 5.3).
    ///
    /// # Errors
    ///
    /// There are no random numbers.
    pub fn time_stamp_request(&self) -> Result<TimeStampRequest, SignError> {
        Ok(TimeStampRequest::new(Hash::Sha256, &Hash::Sha256.digest(&[&self.signature]))?)
    }

    /// Adds a time stamp.
    ///
    /// # Errors
    ///
    /// It is over something else, or broken.
    pub fn stamped(mut self, token: &TimeStampToken) -> Result<Self, SignError> {
        token.verify_over(&[&self.signature], &[])?;
        self.signed_data = cms::with_time_stamp(&self.signed_data, token.der())?;
        Ok(self)
    }

    /// The signed document.
    ///
    /// # Errors
    ///
    /// The signature does not fit into the room that was kept for it.
    pub fn finish(mut self) -> Result<Vec<u8>, SignError> {
        let room = SignError::Room { needs: self.signed_data.len(), has: self.hole.room() };
        self.hole.fill(&mut self.document, &self.signed_data).ok_or(room)?;
        Ok(self.document)
    }
}
