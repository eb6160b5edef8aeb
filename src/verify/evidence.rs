//! What a file brings along to be proven with: the document security store (ISO 32000-2, 12.8.4.3) and what lies in the signatures.

use std::cell::RefCell;
use std::collections::HashMap;

use super::pdf::{File, PdfError};
use crate::pki::crl::Crl;
use crate::pki::ocsp::OcspResponse;
use crate::pki::revocation::Evidence;
use crate::pki::{Certificate, Chain, Proof, Status};

/// Most items that one list of the store may have.
const MOST_ITEMS: usize = 256;
/// Most certificates, CRLs and OCSP answers at hand.
const MOST: usize = 1024;
/// Most checks of what may be proofs, since each takes the time of a signature, and a long list that of more.
const MOST_CHECKS: usize = 50_000;
/// Bytes of a list that take as long as a check.
const BYTES_A_CHECK: usize = 4096;
/// For how long a proof counts that does not say so itself: a week, in seconds.
const LONGEST: i64 = 7 * 24 * 60 * 60;

/// Certificates and proofs at hand.
#[derive(Default)]
pub(super) struct Store {
    pub certificates: Vec<Certificate>,
    pub evidence: Evidence,
    known: RefCell<HashMap<(Certificate, Certificate), Vec<Proof>>>,
    checks: RefCell<usize>,
}

impl Store {
    /// The store of a revision. What can not be read in it is left out: somebody else may have added it.
    pub fn of(file: &File<'_>, revision: usize) -> Result<Self, PdfError> {
        let mut store = Self::default();
        let catalog = file.catalog(revision)?;
        let dss = catalog.as_dictionary().map(|catalog| file.get(revision, catalog, "DSS")).transpose()?.flatten();
        let Some(dss) = dss.as_ref().and_then(|dss| dss.as_dictionary()) else { return Ok(store) };
        for (key, kind) in [("Certs", 0), ("CRLs", 1), ("OCSPs", 2)] {
            let Some(list) = file.get(revision, dss, key)? else { continue };
            for item in list.as_array().unwrap_or_default().iter().take(MOST_ITEMS) {
                let stream = file.resolved(revision, item)?;
                let Some(stream) = stream.as_stream() else { continue };
                match file.decoded(stream) {
                    Ok(bytes) if kind == 0 => store.certificates.extend(Certificate::from_der(&bytes).ok()),
                    Ok(bytes) if kind == 1 => store.evidence.crls.extend(Crl::from_der(&bytes).ok()),
                    Ok(bytes) => store.evidence.responses.extend(OcspResponse::from_der(&bytes).ok()),
                    Err(PdfError::Limit) => return Err(PdfError::Limit),
                    Err(_) => {}
                }
            }
        }
        Ok(store)
    }

    /// Takes in what lies in a CMS structure.
    pub fn add(&mut self, certificates: &[Certificate], crls: &[Vec<u8>], responses: &[Vec<u8>]) {
        for certificate in certificates.iter().take(MOST_ITEMS) {
            if self.certificates.len() < MOST && !self.certificates.contains(certificate) {
                self.certificates.push(certificate.clone());
            }
        }
        self.evidence.crls.extend(crls.iter().take(MOST_ITEMS).filter_map(|crl| Crl::from_der(crl).ok()));
        let responses = responses.iter().take(MOST_ITEMS);
        self.evidence.responses.extend(responses.filter_map(|response| OcspResponse::from_der(response).ok()));
        self.evidence.crls.truncate(MOST);
        self.evidence.responses.truncate(MOST);
    }

    /// Takes in proofs from elsewhere. They come first: only so many are looked at, and a file could bring more than that.
    pub fn add_evidence(&mut self, evidence: &Evidence) {
        self.evidence.crls.splice(..0, evidence.crls.iter().cloned());
        self.evidence.responses.splice(..0, evidence.responses.iter().cloned());
    }

    /// What is proven of a certificate by somebody who may, with algorithms that count; the latest first.
    pub fn proofs(&self, certificate: &Certificate, issuer: &Certificate) -> Result<Vec<Proof>, PdfError> {
        let all = self.all_proofs(certificate, issuer)?;
        let mut good = Vec::new();
        for proof in all {
            if proof.strength.weaknesses().is_empty() && self.may_tell(&proof, issuer)? {
                good.push(proof);
            }
        }
        Ok(good)
    }

    fn all_proofs(&self, certificate: &Certificate, issuer: &Certificate) -> Result<Vec<Proof>, PdfError> {
        let pair = (certificate.clone(), issuer.clone());
        if let Some(known) = self.known.borrow().get(&pair) {
            return Ok(known.clone());
        }
        let mut checks = self.checks.borrow_mut();
        let lists = self.evidence.crls.iter().map(|crl| 1 + crl.der().len() / BYTES_A_CHECK).sum::<usize>();
        *checks += lists + self.evidence.responses.len();
        if *checks > MOST_CHECKS {
            return Err(PdfError::Limit);
        }
        let proofs = self.evidence.proofs(certificate, issuer);
        self.known.borrow_mut().insert(pair, proofs.clone());
        Ok(proofs)
    }

    /// Whether a responder in an issuer's place is itself not revoked, unless nobody needs to ask (RFC 6960, 4.2.2.2.1).
    fn may_tell(&self, proof: &Proof, issuer: &Certificate) -> Result<bool, PdfError> {
        let Some(delegate) = proof.delegate.as_ref().filter(|delegate| !delegate.needs_no_ocsp()) else {
            return Ok(true);
        };
        let about = self.all_proofs(delegate, issuer)?;
        let direct = || about.iter().filter(|proof| proof.delegate.is_none());
        let is_good = direct().any(|proof| proof.status == Status::Good);
        Ok(is_good && !direct().any(|about| about.is_revoked_at(proof.produced_at)))
    }

    /// Whether every certificate of a chain is proven good at a time.
    pub fn covers(&self, chain: &Chain, at: i64, now: i64) -> Result<bool, PdfError> {
        for (certificate, issuer) in chain.links() {
            if !self.proofs(certificate, issuer)?.iter().any(|proof| is_good(proof, at, now)) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Whether a proof says that a certificate was good at a time.
pub(super) fn is_good(proof: &Proof, at: i64, now: i64) -> bool {
    let says_so = match proof.status {
        Status::Good => !proof.expired_before,
        Status::Revoked { .. } => !proof.is_revoked_at(at),
        Status::Unknown => false,
    };
    says_so && proof.is_fresh(at, now, LONGEST)
}
