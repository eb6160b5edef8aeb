//! Whether the service lives, and whether it can work.

#![expect(clippy::unused_async, reason = "operations of poem-openapi are asynchronous")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use poem_openapi::payload::Json;
use poem_openapi::{Enum, Object, OpenApi, Tags};

use super::problem::{Failure, OfProbe, Problem};
use crate::pipeline::Pipeline;

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
/// away or refuses documents.
#[derive(Debug, Object)]
struct Parts {
    workers: Status,
    cache: Status,
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
    pub(super) ready: Arc<AtomicBool>,
}

#[OpenApi(prefix_path = "/health", tag = "Tag::Operation")]
impl HealthApi {
    /// The process answers.
    #[oai(path = "/live", method = "get", operation_id = "health_live")]
    async fn live(&self) -> Json<Life> {
        Json(Life { status: Status::Ok, version: version() })
    }

    /// Documents can be made: the render processes are warm. Degraded is still ready.
    #[oai(path = "/ready", method = "get", operation_id = "health_ready")]
    async fn ready(&self) -> Result<Json<Readiness>, Failure<OfProbe>> {
        if !self.ready.load(Ordering::Acquire) {
            return Err(Problem::not_ready().into());
        }
        let census = self.pipeline.pool().census();
        let parts = Parts {
            workers: Status::of(census.workers >= census.wanted),
            cache: Status::of(self.pipeline.cache().is_well()),
        };
        let is_well = parts.workers == Status::Ok && parts.cache == Status::Ok;
        Ok(Json(Readiness { status: Status::of(is_well), version: version(), parts }))
    }
}
