//! Who may call, and how often.

use std::num::NonZeroU32;
use std::time::Duration;

use serde::Deserialize;

use super::value::{is_safe, within};
use crate::access::{self, LimitSettings, TokenSettings};

#[derive(Deserialize)]
pub(super) struct AccessTable {
    open: bool,
    remember_seconds: u64,
    requests_per_second: u32,
    burst: u32,
}

#[derive(Deserialize)]
pub(super) struct OauthTable {
    issuer: String,
    jwks_url: String,
    audience: String,
    algorithms: String,
    scope_prefix: String,
}

impl AccessTable {
    pub(super) fn settings(&self, oauth: &OauthTable, problems: &mut Vec<String>) -> access::Settings {
        within(problems, "access.remember_seconds", self.remember_seconds, 0, 3600);
        access::Settings {
            open: self.open,
            remember: Duration::from_secs(self.remember_seconds),
            tokens: oauth.settings(problems),
        }
    }

    pub(super) fn limit(&self, problems: &mut Vec<String>) -> Option<LimitSettings> {
        within(problems, "access.burst", self.burst.into(), 1, 1_000_000);
        let (rate, burst) = NonZeroU32::new(self.requests_per_second).zip(NonZeroU32::new(self.burst))?;
        Some(LimitSettings { rate, burst })
    }
}

impl OauthTable {
    fn settings(&self, problems: &mut Vec<String>) -> Option<TokenSettings> {
        if self.issuer.is_empty() {
            if !self.audience.is_empty() || !self.jwks_url.is_empty() {
                problems.push("`oauth.issuer` is missing beside the rest of `[oauth]`".to_owned());
            }
            return None;
        }
        if self.audience.is_empty() {
            problems.push("`oauth.issuer` needs `oauth.audience`, or tokens for any other service would do".to_owned());
        }
        if !reqwest::Url::parse(&self.jwks_url).is_ok_and(|url| is_safe(&url)) {
            problems.push("`oauth.jwks_url` is an address with `https`, like `https://maskinporten.no/jwk`".to_owned());
        }
        let algorithms = match access::algorithms(&self.algorithms) {
            Ok(algorithms) if algorithms.is_empty() => {
                problems.push("`oauth.algorithms` names at least one, like `RS256`".to_owned());
                return None;
            }
            Ok(algorithms) => algorithms,
            Err(name) => {
                problems.push(format!("`oauth.algorithms`: `{name}` is none that a public key can check"));
                return None;
            }
        };
        Some(TokenSettings {
            issuer: self.issuer.clone(),
            jwks_url: self.jwks_url.clone(),
            audience: self.audience.clone(),
            algorithms,
            scope_prefix: self.scope_prefix.clone(),
        })
    }
}
