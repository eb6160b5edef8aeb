//! The API description: what poem-openapi knows, completed with the schemas of the kinds.

use std::sync::Arc;
use std::time::Duration;

use zeroize::Zeroizing;

use serde_json::{Map, Value, json};

use super::problem::MEDIA_TYPE;
use crate::access::{self, Access};
use crate::audit::Audit;
use crate::cache::{self, Cache};
use crate::document::schema;
use crate::pipeline::Pipeline;
use crate::store::Store;
use crate::worker::{self, Pool};

/// Why there is no description.
#[derive(Debug, thiserror::Error)]
#[error("the API can not be described")]
pub struct DescribeError(#[source] Box<dyn std::error::Error + Send + Sync>);

/// The OpenAPI document, as served and as committed in `openapi/openapi.json`.
///
/// # Errors
/// When the system refuses a runtime: the parts that the description is asked of have nothing to connect to.
pub fn openapi() -> Result<Value, DescribeError> {
    let fault = |error| DescribeError(error);
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| fault(error.into()))?;
    let _entered = runtime.enter();
    let parts = idle_parts().map_err(fault)?;
    Ok(complete(&super::service(parts).spec()))
}

/// Parts that do nothing.
fn idle_parts() -> Result<super::Parts, Box<dyn std::error::Error + Send + Sync>> {
    let pool = Pool::new(worker::Settings {
        workers: 0,
        queue: 0,
        deadline: Duration::ZERO,
        recycle_after: 0,
        recycle_growth: 0,
    });
    let cache = Cache::start(cache::Settings {
        key: Zeroizing::new([0; 32]),
        memory: 0,
        life: Duration::ZERO,
        largest: 0,
        redis: None,
    })?;
    let store = Store::unconnected()?;
    let settings = access::Settings { open: false, remember: Duration::ZERO, tokens: None };
    let (audit, _) = Audit::start(store.clone());
    Ok(super::Parts {
        pipeline: Pipeline::new(pool, cache),
        access: Arc::new(Access::start(settings, store.clone())?),
        store,
        limiter: None,
        metrics: None,
        body_timeout: Duration::ZERO,
        audit,
        phase: super::Phase::default(),
    })
}

/// What the door before every operation that asks for credentials can answer.
const AT_THE_DOOR: [(&str, &str); 4] = [
    ("401", "There are no credentials, or they are not good; see `WWW-Authenticate`."),
    ("403", "The credentials are not for this; the problem names the missing scope."),
    ("429", "Too many requests; see `Retry-After`."),
    ("503", "The credentials can not be checked now; see `Retry-After`."),
];

/// Adds to each operation that asks for credentials what happens without.
fn add_refusals(document: &mut Value) {
    let operations = document.get_mut("paths").and_then(Value::as_object_mut).into_iter().flat_map(Map::values_mut);
    for operation in operations.filter_map(Value::as_object_mut).flat_map(Map::values_mut) {
        if operation.get("security").is_none() {
            continue;
        }
        let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut) else { continue };
        for (status, description) in AT_THE_DOOR {
            let response = json!({
                "description": description,
                "content": { MEDIA_TYPE: { "schema": { "$ref": "#/components/schemas/Problem" } } },
            });
            responses.entry(status).or_insert(response);
        }
        responses.sort_keys();
    }
}

/// Adds the schemas that request bodies refer to, and puts members in a lasting order.
pub(super) fn complete(spec: &str) -> Value {
    let mut document: Value = serde_json::from_str(spec).unwrap_or_default();
    if let Some(schemas) = document.pointer_mut("/components/schemas").and_then(Value::as_object_mut) {
        for (name, schema) in schema::openapi_components() {
            schemas.insert(name, schema);
        }
        let mut sorted: Vec<_> = std::mem::take(schemas).into_iter().collect();
        sorted.sort_by(|a, b| a.0.cmp(&b.0));
        *schemas = Map::from_iter(sorted);
    }
    add_refusals(&mut document);
    document
}

/// The interactive page, with everything it needs inside it: the page of poem-openapi with the
/// completed description in place of its own.
pub(super) fn docs_page(page: &str, own: &str, complete: &Value) -> String {
    page.replace(own, &complete.to_string())
        .replace("<html charset=\"UTF-8\">", "<!doctype html><html lang=\"en\">")
        .replace("<title>Swagger UI</title>", "<title>skoledok API</title>")
}
