//! What fails on our side.

use poem::http::StatusCode;

use super::Problem;
use crate::audit::NotNoted;
use crate::store::StoreError;
use crate::telemetry::with_causes;

impl Problem {
    /// What has to be noted can not be.
    pub(in crate::http) fn not_noted(error: NotNoted) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "audit-unavailable",
            "what is done can not be noted",
            error.to_string(),
        )
        .after(5)
    }

    /// The store does not answer.
    pub(in crate::http) fn of_store(error: &StoreError) -> Self {
        tracing::error!(error = with_causes(error), "the store does not answer");
        Self::store_unavailable()
    }

    pub(super) fn store_unavailable() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "store-unavailable",
            "the store does not answer",
            "try again after the time in `Retry-After`",
        )
        .after(5)
    }

    /// Too much is waiting; there may be room after some seconds.
    pub(in crate::http) fn busy(seconds: u64) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "busy",
            "too much to do",
            "try again after the time in `Retry-After`",
        )
        .after(seconds)
    }

    pub(in crate::http) fn not_ready() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "not-ready",
            "not ready",
            "the self-test is not done yet, no render process can be started, or the service is about to stop",
        )
        .after(1)
    }

    pub(in crate::http) fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal-error",
            "our fault",
            "the service failed; report the request id",
        )
    }
}
