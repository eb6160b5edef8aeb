//! The API description: what poem-openapi knows, completed with the schemas of the kinds.

use std::sync::Arc;
use std::time::Duration;

use zeroize::Zeroizing;

use serde_json::{Map, Value, json};

use super::problem::MEDIA_TYPE;
use super::verify::Verification;
use super::verify_body::FORM;
use crate::access::{self, Access};
use crate::audit::Audit;
use crate::bulk::job::Jobs;
use crate::cache::{self, Cache};
use crate::document::{Kind, schema};
use crate::pipeline::Pipeline;
use crate::record::{self, Records};
use crate::signing::{self, Signing};
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
    let pipeline = Pipeline::new(pool, cache);
    let records = Records::new(store.clone(), Some(pipeline.clone()), record::Settings { retention_years: 0 });
    Ok(super::Parts {
        jobs: Jobs::idle(store.clone(), pipeline.clone()),
        signing: Signing::new(records.clone(), pipeline.clone(), signing::Settings::default())?,
        records,
        pipeline,
        access: Arc::new(Access::start(settings, store.clone())?),
        store,
        trust: super::Trust::default(),
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

/// Adds the schemas of a mailing in each of the forms in which it can be sent.
fn add_mailings(schemas: &mut Map<String, Value>) {
    let of_letter = schemas.get("Mailing").cloned().unwrap_or_default();
    let mut with_list = of_letter.clone();
    if let Some(properties) = with_list.get_mut("properties").and_then(Value::as_object_mut) {
        properties.insert(
            "webhook".into(),
            json!({
                "type": "object",
                "required": ["url", "secret"],
                "additionalProperties": false,
                "description": "Whom to tell of the end of the job (Standard Webhooks).",
                "properties": {
                    "url": { "type": "string", "maxLength": 2048, "description": "An `https` address that is public." },
                    "secret": { "type": "string", "description": "`whsec_` and 24 to 64 bytes in base64." },
                },
            }),
        );
        properties.insert(
            "list".into(),
            json!({
                "type": "array",
                "minItems": 1,
                "description": "Who may get the letter.",
                "items": { "anyOf": [
                    { "$ref": "#/components/schemas/MailingPupil" },
                    { "$ref": "#/components/schemas/MailingRecipient" },
                ] },
            }),
        );
    }
    if let Some(required) = with_list.get_mut("required").and_then(Value::as_array_mut) {
        required.push("list".into());
    }
    let lines = json!({
        "type": "string",
        "format": "binary",
        "description": "The mailing in the first line; in each other one a pupil or a recipient, all as JSON.",
    });
    let form = json!({
        "type": "object",
        "required": ["letter", "list"],
        "properties": {
            "letter": { "type": "string", "description": "The mailing, or only its letter, as JSON." },
            "list": {
                "type": "string",
                "format": "binary",
                "description": "CSV, XLSX, lines of JSON, or a JSON array; see docs/lists.md.",
            },
        },
    });
    for (name, schema) in [("MailingJob", with_list), ("MailingLines", lines), ("MailingForm", form)] {
        schemas.insert(name.to_owned(), schema);
    }
}

/// Adds the schemas of judging files.
fn add_verification(schemas: &mut Map<String, Value>) {
    for (name, schema) in schema::openapi_components_of::<Verification>() {
        schemas.insert(name, schema);
    }
    let kinds = Kind::ALL.map(Kind::slug);
    let form = json!({
        "type": "object",
        "required": ["file"],
        "properties": {
            "file": { "type": "string", "format": "binary", "description": "The PDF." },
            "document": { "type": "string", "description": "The document that it may have been made of, as JSON; needs `kind`." },
            "kind": { "type": "string", "enum": kinds, "description": "Kind of that document." },
        },
    });
    schemas.insert(FORM.to_owned(), form);
}

/// Adds the schemas that request bodies refer to, and puts members in a lasting order.
pub(super) fn complete(spec: &str) -> Value {
    let mut document: Value = serde_json::from_str(spec).unwrap_or_default();
    if let Some(schemas) = document.pointer_mut("/components/schemas").and_then(Value::as_object_mut) {
        for (name, schema) in schema::openapi_components() {
            schemas.insert(name, schema);
        }
        add_mailings(schemas);
        add_verification(schemas);
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
