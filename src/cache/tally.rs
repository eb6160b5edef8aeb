//! Requests of a tenant, counted in Redis for all services that share it.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use super::key::Keys;
use super::remote::Remote;
use crate::tenant::Tenant;

/// Counts in Redis.
#[derive(Clone)]
pub struct Tally {
    pub(super) remote: Arc<Remote>,
    pub(super) keys: Keys,
}

/// What a count has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// The request is one of those allowed; so many more may come at once.
    Left(u32),
    /// It is one too many until this time has passed.
    Wait(Duration),
}

impl Tally {
    /// Counts a request of a tenant that may send `burst` at once and `rate` a second in the long run. Nothing when Redis
    /// does not answer at once.
    pub async fn count(&self, tenant: &Tenant, rate: NonZeroU32, burst: NonZeroU32) -> Option<Count> {
        self.remote.count(self.keys.tenant(tenant), rate, burst).await.ok()
    }
}
