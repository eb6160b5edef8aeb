//! Who calls, and what they may do: API keys of this service, and access tokens of an issuer.

mod key;
mod limit;
mod scope;
mod token;

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub use key::{ApiKey, NoRandomness};
pub use limit::{Limit, LimitSettings, Limiter};
pub use scope::{Scope, Scopes};
use token::Tokens;
#[cfg(fuzzing)]
pub use token::fuzz;
pub use token::{ClientError, TokenSettings, algorithms};

use crate::store::Store;
use crate::telemetry::trace;
use crate::tenant::Tenant;

/// Callers that are remembered.
const REMEMBERED: u64 = 10_000;

/// Who may call.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Whether a caller without credentials may do everything, as a tenant called `local`. Only on a loopback address.
    pub open: bool,
    /// How long a caller is remembered, and so the longest that a revoked key still works.
    pub remember: Duration,
    /// Whose tokens are good, if anybody's.
    pub tokens: Option<TokenSettings>,
}

/// Somebody who has shown who they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// Whose documents they handle.
    pub tenant: Tenant,
    /// Who they are, for the audit log.
    pub actor: String,
    /// What they may do.
    pub scopes: Scopes,
}

/// Why somebody is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There are no credentials.
    #[error("send `Authorization: Bearer` with an API key or an access token")]
    Missing,
    /// They are not good.
    #[error("{0}")]
    Invalid(&'static str),
    /// They can not be checked now.
    #[error("credentials can not be checked now; try again soon")]
    Unavailable,
}

impl Refusal {
    /// A stable name, for metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Invalid(_) => "invalid",
            Self::Unavailable => "unavailable",
        }
    }
}

/// The door.
pub struct Access {
    settings: Settings,
    store: Store,
    tokens: Option<Arc<Tokens>>,
    /// Callers by a hash of their credentials, with the time until which these are good.
    known: moka::sync::Cache<[u8; 32], (Arc<Principal>, i64)>,
    local: Arc<Principal>,
}

impl Access {
    /// A door, reading the keys of the issuer in the background. Called within a runtime of Tokio.
    ///
    /// # Errors
    /// When no HTTP client can be made for the JWKS.
    pub fn start(settings: Settings, store: Store) -> Result<Self, ClientError> {
        let tokens = settings.tokens.clone().map(Tokens::start).transpose()?;
        let known = moka::sync::Cache::builder().max_capacity(REMEMBERED).time_to_live(settings.remember).build();
        let local = Arc::new(Principal { tenant: Tenant::local(), actor: "local".to_owned(), scopes: Scopes::all() });
        Ok(Self { settings, store, tokens, known, local })
    }

    /// Whether everybody who should be let in can be.
    #[must_use]
    pub fn is_well(&self) -> bool {
        self.tokens.as_ref().is_none_or(|tokens| tokens.is_ready())
    }

    /// Who calls, by the value of `Authorization`.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub async fn authenticate(&self, authorization: Option<&str>) -> Result<Arc<Principal>, Refusal> {
        let Some(authorization) = authorization else {
            return if self.settings.open { Ok(Arc::clone(&self.local)) } else { Err(Refusal::Missing) };
        };
        let credentials = authorization
            .split_once(' ')
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, credentials)| credentials.trim())
            .ok_or(Refusal::Missing)?;
        let name = *blake3::hash(credentials.as_bytes()).as_bytes();
        if let Some((principal, until)) = self.known.get(&name)
            && now() < until
        {
            return Ok(principal);
        }
        let (principal, until) = match (ApiKey::parse(credentials), &self.tokens) {
            (Some(key), _) => self.check_key(&key).await?,
            (None, Some(tokens)) => tokens.check(credentials).await?,
            (None, None) => return Err(Refusal::Invalid("not a key of this service")),
        };
        let principal = Arc::new(principal);
        self.known.insert(name, (Arc::clone(&principal), until));
        Ok(principal)
    }

    async fn check_key(&self, key: &ApiKey) -> Result<(Principal, i64), Refusal> {
        let record = trace::step("key", &[], self.store.find_key(&key.id)).await.map_err(|error| {
            tracing::warn!(%error, "an API key can not be looked up");
            Refusal::Unavailable
        })?;
        // Unknown, wrong, expired and revoked look alike from outside.
        let record = record
            .filter(|record| key.opens(record, now()))
            .ok_or(Refusal::Invalid("the key is unknown, expired or revoked"))?;
        let ends = [record.expires_at, record.revoked_at];
        let until = ends.into_iter().flatten().min().unwrap_or(i64::MAX);
        let principal = Principal {
            tenant: Tenant::named(record.tenant),
            actor: format!("key {}", record.id),
            scopes: Scopes::parse(&record.scopes, ""),
        };
        Ok((principal, until))
    }
}

/// Milliseconds since 1970, UTC.
#[must_use]
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
