//! What belongs to one request, from its first line to its answer.

use std::sync::OnceLock;
use std::time::Duration;

use poem::http::{HeaderMap, HeaderName, HeaderValue};

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// What belongs to one request.
pub(super) struct Context {
    /// The id, as in the log.
    pub(super) request_id: String,
    /// Longest that the caller may take to send a body.
    pub(super) body_timeout: Duration,
    /// Requests at once, the seconds in which as many may come again, and what is left to the tenant.
    limit: OnceLock<((u32, u32), u32)>,
}

impl Context {
    pub(super) fn new(request_id: String, body_timeout: Duration) -> Self {
        Self { request_id, body_timeout, limit: OnceLock::new() }
    }

    /// Keeps what is left to a tenant, for whatever the answer will be.
    pub(super) fn tell_limit(&self, policy: (u32, u32), remaining: u32) {
        // A request passes the door once.
        self.limit.set((policy, remaining)).ok();
    }

    /// Adds what is left to the tenant (draft-ietf-httpapi-ratelimit-headers).
    pub(super) fn add_limit(&self, headers: &mut HeaderMap) {
        let Some(((requests, seconds), remaining)) = self.limit.get() else { return };
        for (name, value) in [
            (RATE_LIMIT_POLICY, format!("\"tenant\";q={requests};w={seconds}")),
            (RATE_LIMIT, format!("\"tenant\";r={remaining}")),
        ] {
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.insert(name, value);
            }
        }
    }
}
