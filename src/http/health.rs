//! Whether the service lives, and whether it can work.

#![expect(clippy::unused_async, reason = "operations of poem-openapi are asynchronous")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi, Tags};

use super::problem::{Failure, OfProbe, Problem};

#[derive(Tags)]
enum Tag {
    /// For those who run the service.
    Operation,
}

/// State of the service.
#[derive(Debug, Object)]
struct Health {
    /// `ok`.
    status: String,
    /// Version of the service.
    version: String,
}

impl Health {
    fn ok() -> Json<Self> {
        Json(Self { status: "ok".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() })
    }
}

/// The probes.
pub(super) struct HealthApi {
    pub(super) ready: Arc<AtomicBool>,
}

#[OpenApi(prefix_path = "/health", tag = "Tag::Operation")]
impl HealthApi {
    /// The process answers.
    #[oai(path = "/live", method = "get", operation_id = "health_live")]
    async fn live(&self) -> Json<Health> {
        Health::ok()
    }

    /// The self-test render has passed.
    #[oai(path = "/ready", method = "get", operation_id = "health_ready")]
    async fn ready(&self) -> Result<Json<Health>, Failure<OfProbe>> {
        if self.ready.load(Ordering::Acquire) { Ok(Health::ok()) } else { Err(Problem::not_ready().into()) }
    }
}
