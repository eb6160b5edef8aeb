//! The API description: what poem-openapi knows, completed with the schemas of the kinds.

use std::sync::Arc;
use std::time::Duration;

use zeroize::Zeroizing;

use serde_json::{Map, Value};

use crate::cache::{self, Cache};
use crate::document::schema;
use crate::pipeline::Pipeline;
use crate::worker::{self, Pool};

/// The OpenAPI document, as served and as committed in `openapi/openapi.json`.
///
/// # Errors
/// Never: the parts that the description is asked of have nothing to connect to.
pub fn openapi() -> Result<Value, cache::SettingsError> {
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
    Ok(complete(&super::service(Pipeline::new(pool, cache), Arc::default()).spec()))
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
    document
}

/// The interactive page, with everything it needs inside it: the page of poem-openapi with the
/// completed description in place of its own.
pub(super) fn docs_page(page: &str, own: &str, complete: &Value) -> String {
    page.replace(own, &complete.to_string())
        .replace("<html charset=\"UTF-8\">", "<!doctype html><html lang=\"en\">")
        .replace("<title>Swagger UI</title>", "<title>skoledok API</title>")
}
