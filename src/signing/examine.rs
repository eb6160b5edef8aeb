//! Looks at all keys of tenants, for whoever looks after a service.

use super::keys::survey;
use super::revocation::Revocation;
use super::{Settings, SetupError, seconds};
use crate::sign::key::{Checks, KeyError, Signer};
use crate::telemetry::with_causes;

/// A key, and how it is. Nothing of it is told but its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyState {
    /// The name of its tenant.
    pub tenant: String,
    /// Its own.
    pub name: String,
    /// When its certificate ends, in milliseconds since 1970, if it can be read.
    pub ends: Option<i64>,
    /// Why it can not be used.
    pub fault: Option<String>,
}

/// Looks at the keys of all tenants: whether they can be read, may sign, lead to who is trusted, and were not revoked as far as anybody tells.
///
/// # Errors
/// When their folder can not be read.
pub async fn examine(settings: &Settings) -> Result<Vec<KeyState>, SetupError> {
    let Some(folder) = &settings.keys else { return Ok(Vec::new()) };
    let revocation = Revocation::new(settings)?;
    let mut states = Vec::new();
    for found in survey(folder)? {
        let (ends, fault) = match found.signer {
            Ok(signer) => {
                let ends = signer.chain().first().map(|own| own.not_after().saturating_mul(1000));
                (ends, check(settings, &revocation, &signer).await.err().map(|error| with_causes(&error)))
            }
            Err(error) => (None, Some(with_causes(&error))),
        };
        states.push(KeyState { tenant: found.tenant, name: found.name, ends, fault });
    }
    Ok(states)
}

async fn check(settings: &Settings, revocation: &Revocation, signer: &Signer) -> Result<(), KeyError> {
    let Settings { anchors, pool, .. } = settings;
    let checks = Checks { now: seconds(), anchors: (!anchors.is_empty()).then_some(anchors), pool, evidence: None };
    let (own, others) = signer.chain().split_first().ok_or(KeyError::NoCertificate)?;
    let Some(chain) = checks.chain(own, others)? else { return Ok(()) };
    let evidence = revocation.of(&chain).await;
    Checks { evidence: Some(&evidence), ..checks }.check(own, others)
}
