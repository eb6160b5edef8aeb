//! Whether the certificate of a signer was revoked: asked before a signature is kept that is to be proven later.
//!
//! Who is asked and does not answer keeps nobody from signing: that is found out when the level is raised. What they answer also goes into the file,
//! so they are not asked twice.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use sha2::{Digest, Sha256};

use super::{Settings, Signing, SigningError};
use crate::outgoing::http_client;
use crate::pki::fetch::{Fetcher, Patience, Policy};
use crate::pki::revocation::Evidence;
use crate::pki::{Certificate, Chain};
use crate::sign::SignError;
use crate::sign::key::Checks;
use crate::sign::level::Level;

/// How long an answer is good for the next signature with the same certificates. A certificate that is revoked signs for no longer than that.
const LIFE: Duration = Duration::from_mins(1);
/// Most bytes of answers that are held.
const MEMORY: u64 = 16 << 20;

/// Who is asked, and what they have answered.
pub(super) struct Revocation {
    fetcher: Fetcher,
    answers: Cache<[u8; 32], Arc<Evidence>>,
}

impl Revocation {
    pub(super) fn new(settings: &Settings) -> Result<Self, reqwest::Error> {
        // Somebody waits for the signature: OCSP and CRL are asked once each, and both together have the time of one answer.
        let patience = Patience { timeout: settings.timeout / 2, tries: 1, ..Patience::default() };
        let fetcher = Fetcher::new(http_client().build()?, Policy::hosts(settings.hosts.clone()), patience);
        let answers = Cache::builder()
            .max_capacity(MEMORY)
            .weigher(|_, one: &Arc<Evidence>| weight(one))
            .time_to_live(LIFE)
            .build();
        Ok(Self { fetcher, answers })
    }

    /// What is told of the certificates of a chain.
    pub(super) async fn of(&self, chain: &Chain) -> Arc<Evidence> {
        let mut key = Sha256::new();
        for certificate in chain.certificates() {
            key.update(Sha256::digest(certificate.der()));
        }
        let key = key.finalize().into();
        if let Some(known) = self.answers.get(&key) {
            return known;
        }
        let (evidence, missing) = self.fetcher.evidence(chain).await;
        let evidence = Arc::new(evidence);
        // What lacks an answer may have one in a moment.
        if missing.is_empty() {
            self.answers.insert(key, Arc::clone(&evidence));
        }
        evidence
    }
}

fn weight(evidence: &Evidence) -> u32 {
    let crls: usize = evidence.crls.iter().map(|crl| crl.der().len()).sum();
    let responses: usize = evidence.responses.iter().map(|response| response.der().len()).sum();
    u32::try_from(crls + responses).unwrap_or(u32::MAX)
}

impl Signing {
    /// What is told of the chain of a certificate, if it may sign. At the level B-B nobody is asked, since nothing of it could be proven later.
    pub(super) async fn asked_for(
        &self,
        own: &Certificate,
        others: &[Certificate],
        (wished, at): (Level, i64),
    ) -> Result<Arc<Evidence>, SigningError> {
        let checks = self.checks(at);
        let chain = checks.chain(own, others).map_err(SignError::from)?;
        let Some(chain) = chain.filter(|_| wished > Level::BB) else { return Ok(Arc::default()) };
        let evidence = self.0.revocation.of(&chain).await;
        Checks { evidence: Some(&evidence), ..checks }.check(own, others).map_err(SignError::from)?;
        Ok(evidence)
    }
}
