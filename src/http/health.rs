//! Whether the service lives, and whether it can work.

#![expect(clippy::unused_async, reason = "operations of poem-openapi are asynchronous")]

use std::sync::Arc;
use std::time::Duration;

use poem_openapi::payload::Json;
use poem_openapi::{Enum, Object, OpenApi, Tags};

use super::failure::{Failure, OfProbe};
use super::phase::Phase;
use super::problem::Problem;
use crate::access::Access;
use crate::audit::AuditHealth;
use crate::pipeline::Pipeline;
use crate::store::Store;

/// Longest that a probe waits for the store.
const PATIENCE: Duration = Duration::from_secs(1);

#[derive(Tags)]
enum Tag {
    /// For those who run the service.
    Operation,
}

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename = "HealthStatus", rename_all = "snake_case")]
enum Status {
    /// As it should be.
    Ok,
    /// It works, but not with all that it was given.
    Degraded,
}

impl Status {
    fn of(is_well: bool) -> Self {
        if is_well { Self::Ok } else { Self::Degraded }
    }
}

/// The process answers.
#[derive(Debug, Object)]
struct Life {
    // A described reference becomes an `allOf`, which generators of clients refuse for an enumeration.
    status: Status,
    /// Version of the service.
    version: String,
}

/// State of the parts. The workers are degraded while one is being replaced, the cache while its Redis is
/// away or refuses documents, the store while it does not answer or the audit log waits to be written, and access while the keys
/// of the issuer of tokens are not known.
#[derive(Debug, Object)]
struct Parts {
    workers: Status,
    cache: Status,
    store: Status,
    access: Status,
}

/// State of the service, which is the worst of its parts.
#[derive(Debug, Object)]
struct Readiness {
    status: Status,
    /// Version of the service.
    version: String,
    parts: Parts,
}

fn version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}

/// The probes.
pub(super) struct HealthApi {
    pub(super) pipeline: Pipeline,
    pub(super) store: Store,
    pub(super) access: Arc<Access>,
    pub(super) audit: AuditHealth,
    pub(super) phase: Phase,
}

impl HealthApi {
    async fn store_answers(&self) -> bool {
        matches!(tokio::time::timeout(PATIENCE, self.store.ping()).await, Ok(Ok(())))
    }
}

#[OpenApi(prefix_path = "/health", tag = "Tag::Operation")]
impl HealthApi {
    /// The process answers.
    #[oai(path = "/live", method = "get", operation_id = "health_live")]
    async fn live(&self) -> Json<Life> {
        Json(Life { status: Status::Ok, version: version() })
    }

    /// Documents can be made: the render processes are warm, and the service is not about to stop. Degraded is still ready.
    #[oai(path = "/ready", method = "get", operation_id = "health_ready")]
    async fn ready(&self) -> Result<Json<Readiness>, Failure<OfProbe>> {
        let census = self.pipeline.pool().census();
        if !self.phase.is_serving() || !census.can_work() {
            return Err(Problem::not_ready().into());
        }
        let parts = Parts {
            workers: Status::of(census.workers >= census.wanted && !census.failing),
            cache: Status::of(self.pipeline.cache().is_well()),
            store: Status::of(self.audit.is_well() && self.store_answers().await),
            access: Status::of(self.access.is_well()),
        };
        let is_well =
            [parts.workers, parts.cache, parts.store, parts.access].into_iter().all(|part| part == Status::Ok);
        Ok(Json(Readiness { status: Status::of(is_well), version: version(), parts }))
    }
}
