//! A file that was signed elsewhere is handed in: judged, and tied to the version whose document it begins with.

use std::sync::Arc;

use bytes::Bytes;

use super::{Signing, SigningError, seconds};
use crate::access::now;
use crate::document::{Kind, Party};
use crate::pki::revocation::Evidence;
use crate::record::{Made, MadeElsewhere, Record, SignatoryFacts};
use crate::sign::level::Level;
use crate::tenant::Tenant;
use crate::verify::report::{ChangeVerdict, SignatureKind, SignatureReport};
use crate::verify::{Indication, Policy, Report, RevocationPolicy, verify};

impl Signing {
    /// Takes a file that was signed elsewhere. It has to begin with the document that was made final, to the byte; every signature in it has to be
    /// right, with nothing changed after it that may not be, and, if anybody is trusted, lead there. What was found out is kept beside it.
    ///
    /// # Errors
    /// See [`SigningError`].
    pub async fn hand_in(&self, tenant: &Tenant, kind: Kind, id: &str, bytes: Bytes) -> Result<Record, SigningError> {
        let record = self.0.records.find(tenant, kind, id).await?;
        let document = self.0.records.document(tenant, kind, id, Some(record.version.number)).await?;
        // Whoever signs writes behind it. What was made anew is no longer what was agreed on, whatever it looks like.
        if record.version.document.is_none() || !bytes.starts_with(&document.delivered.bytes) {
            return Err(SigningError::OtherDocument);
        }
        let report = self.judge(bytes.clone()).await?;
        let signatures = self.signatures(&report)?;
        Ok(self.0.records.hand_in(tenant, kind, id, record.revision, (&bytes, signatures)).await?)
    }

    async fn judge(&self, bytes: Bytes) -> Result<Report, SigningError> {
        let settings = &self.0.settings;
        let policy = Policy {
            anchors: settings.anchors.clone(),
            // Many services leave it to whoever asks later.
            revocation: RevocationPolicy::IfPresent,
            evidence: Evidence::default(),
            certificates: settings.pool.clone(),
            now: seconds(),
        };
        let turns = Arc::clone(&self.0.turns);
        let turn = turns.acquire_owned().await.map_err(|_| SigningError::Form("the service is stopping"))?;
        let judging = tokio::task::spawn_blocking(move || {
            let _held = turn;
            verify(&bytes, &policy)
        });
        judging.await.map_err(|_| SigningError::Form("the file can not be judged"))
    }

    fn signatures(&self, report: &Report) -> Result<Vec<MadeElsewhere>, SigningError> {
        let evidence = serde_json::to_vec(report).map_err(|_| SigningError::Form("the file can not be judged"))?;
        let signed: Vec<_> =
            report.signatures.iter().filter(|signature| signature.kind != SignatureKind::DocumentTimestamp).collect();
        if signed.is_empty() || !report.reasons.is_empty() {
            return Err(SigningError::NotSigned);
        }
        let mut made = Vec::with_capacity(signed.len());
        for signature in signed {
            self.look_at(signature)?;
            let name =
                signature.signer.as_ref().and_then(|who| who.common_name.clone().or_else(|| who.organization.clone()));
            made.push(MadeElsewhere {
                // A certificate says who, and not on whose behalf.
                who: SignatoryFacts { party: Party::Other, role: None, name: name.unwrap_or_default() },
                made: Made {
                    bytes: Bytes::new(),
                    field: signature.field.clone(),
                    level: signature.level.unwrap_or(Level::BB),
                    raise_after: None,
                    signed_at: signature.proven_time.as_ref().map_or_else(now, |proven| proven.time.as_millisecond()),
                    evidence: evidence.clone(),
                },
            });
        }
        Ok(made)
    }

    fn look_at(&self, signature: &SignatureReport) -> Result<(), SigningError> {
        let is_right = signature.intact && signature.valid && signature.indication != Indication::TotalFailed;
        let is_unchanged = matches!(signature.changes.verdict, ChangeVerdict::None | ChangeVerdict::Allowed);
        if !is_right || !is_unchanged {
            return Err(SigningError::NotRight(signature.field.clone()));
        }
        if self.trusts() && !signature.trusted {
            return Err(SigningError::NotTrusted(signature.field.clone()));
        }
        Ok(())
    }
}
