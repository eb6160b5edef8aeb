//! Time stamps in and over a file: which of them hold, and since when something is known to have been there (ETSI EN 319 102-1, 5.5.4).

use super::Policy;
use super::evidence::Store;
use super::pdf::PdfError;
use super::reason::ReasonCode;
use super::trust::{Control, Judged, judge, push, weak};
use crate::pki::cms::CmsError;
use crate::pki::timestamp::{TimeStampError, TimeStampToken};
use crate::pki::{Certificate, Purpose};

/// A time stamp that was looked at.
pub(super) struct Stamp {
    pub token: TimeStampToken,
    pub authority: Option<Certificate>,
    /// It is over what it should be.
    pub intact: bool,
    /// It is signed by its authority.
    pub valid: bool,
    pub judged: Option<Judged>,
    pub faults: Vec<ReasonCode>,
}

impl Stamp {
    /// Looks at a token over parts of a file or over the value of a signature.
    pub fn judge(
        token: TimeStampToken,
        parts: &[&[u8]],
        control: Control,
        store: &Store,
        policy: &Policy,
    ) -> Result<Self, PdfError> {
        let intact = token.hash().digest(parts) == token.imprint();
        let verified = token.verify_over(parts, &store.certificates);
        let mut stamp = Self { token, authority: None, intact, valid: false, judged: None, faults: Vec::new() };
        match verified {
            Err(error) => stamp.faults.push(fault(&error)),
            Ok(verified) => {
                stamp.valid = true;
                for weakness in verified.weaknesses() {
                    push(&mut stamp.faults, weak(weakness));
                }
                let judged = judge(&verified.certificate, Purpose::TimeStamping, control, store, policy)?;
                for fault in &judged.faults {
                    push(&mut stamp.faults, *fault);
                }
                stamp.judged = Some(judged);
                stamp.authority = Some(verified.certificate);
            }
        }
        if stamp.token.time() > policy.now.saturating_add(crate::pki::revocation::LEEWAY) {
            stamp.faults.push(ReasonCode::TimestampOrder);
        }
        Ok(stamp)
    }

    /// It proves its time.
    pub fn proves(&self) -> bool {
        self.valid && self.faults.iter().all(|fault| fault.verdict().is_none())
    }

    /// Its authority leads to an anchor, and nothing is known against it. Whether it was revoked may not be known.
    pub fn is_trusted(&self) -> bool {
        self.valid && self.judged.as_ref().is_some_and(Judged::is_trusted)
    }
}

fn fault(error: &TimeStampError) -> ReasonCode {
    match error {
        TimeStampError::Imprint => ReasonCode::TimestampImprint,
        TimeStampError::Cms(CmsError::NoCertificate) => ReasonCode::NoSigningCertificate,
        TimeStampError::Usage => ReasonCode::ChainConstraints,
        TimeStampError::Cms(CmsError::Algorithm(_)) => ReasonCode::AlgorithmUnsupported,
        _ => ReasonCode::TimestampBroken,
    }
}
