//! How often a tenant may call.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock, QuantaClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};

use crate::cache::{Count, Tally};
use crate::tenant::Tenant;

/// After how many calls the tenants are forgotten that have not called for long.
const SWEEP: u64 = 100_000;

/// How often a tenant may call.
#[derive(Debug, Clone, Copy)]
pub struct LimitSettings {
    /// Requests a second in the long run.
    pub rate: NonZeroU32,
    /// Requests at once.
    pub burst: NonZeroU32,
}

/// What is left to a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Requests that may come at once now; 0 and a time to wait when this one was too many.
    pub remaining: u32,
    /// Seconds after which a refused request can be sent again.
    pub retry_after: Option<u64>,
}

/// Counts requests by tenant: in this process, and in Redis for all services on it when there is one. When Redis does not
/// answer, each service counts for itself.
pub struct Limiter {
    counts: RateLimiter<Tenant, DashMapStateStore<Tenant>, QuantaClock, StateInformationMiddleware>,
    settings: LimitSettings,
    shared: Option<Tally>,
    calls: std::sync::atomic::AtomicU64,
}

impl Limit {
    fn wait(wait: Duration) -> Self {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        Self { remaining: 0, retry_after: Some(seconds) }
    }
}

impl Limiter {
    /// A limiter that has seen nobody.
    #[must_use]
    pub fn new(settings: LimitSettings, shared: Option<Tally>) -> Self {
        let quota = Quota::per_second(settings.rate).allow_burst(settings.burst);
        let counts = RateLimiter::dashmap(quota).with_middleware::<StateInformationMiddleware>();
        Self { counts, settings, shared, calls: 0.into() }
    }

    /// Counts a request.
    pub async fn count(&self, tenant: &Tenant) -> Limit {
        let here = self.count_here(tenant);
        // Who sends too much to this service alone need not be counted in all of them.
        let Some(shared) = self.shared.as_ref().filter(|_| here.retry_after.is_none()) else { return here };
        match shared.count(tenant, self.settings.rate, self.settings.burst).await {
            Some(Count::Left(left)) => Limit { remaining: left, retry_after: None },
            Some(Count::Wait(wait)) => Limit::wait(wait),
            None => here,
        }
    }

    fn count_here(&self, tenant: &Tenant) -> Limit {
        if self.calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed) % SWEEP == SWEEP - 1 {
            self.counts.retain_recent();
        }
        match self.counts.check_key(tenant) {
            Ok(state) => Limit { remaining: state.remaining_burst_capacity(), retry_after: None },
            Err(state) => Limit::wait(state.wait_time_from(QuantaClock::default().now())),
        }
    }

    /// The policy, as in `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers): the requests that may come at once, and the
    /// seconds in which as many may come again.
    #[must_use]
    pub fn policy(&self) -> (u32, u32) {
        let (rate, burst) = (self.settings.rate.get(), self.settings.burst.get());
        (burst, burst.div_ceil(rate))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_waits_for_its_own_calls_only() {
        let (rate, burst) = (NonZeroU32::MIN, NonZeroU32::MIN.saturating_add(2));
        let limiter = Limiter::new(LimitSettings { rate, burst }, None);
        let (one, other) = (Tenant::named("999888763"), Tenant::named("999888771"));
        let left: Vec<_> = (0..4).map(|_| limiter.count_here(&one)).collect();
        assert_eq!(left.iter().map(|limit| limit.remaining).collect::<Vec<_>>(), [2, 1, 0, 0]);
        assert_eq!(left.iter().map(|limit| limit.retry_after).collect::<Vec<_>>(), [None, None, None, Some(1)]);
        assert_eq!(limiter.count_here(&other).remaining, 2);
        assert_eq!(limiter.policy(), (3, 3));
    }
}
