//! Whole documents of one kind, many at once.

use futures_util::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::chunk::{Chunk, Letter, Made, Outcome, Wanted, patiently};
use super::entry::{Entry, is_key};
use crate::document::{Kind, PdfStandard};
use crate::pipeline::{Freshness, Pipeline, ProduceError, Request};
use crate::render::Options;
use crate::tenant::Tenant;
use crate::validate::{self, Code, Finding};
use crate::worker::Priority;

/// A document that is to be made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// Number of the document, from 1.
    pub number: u64,
    /// Line in the list, from 1.
    pub row: usize,
    /// Its `document_id`, or else its line.
    pub key: String,
    /// Whether an address in it is protected, so that it stays out of merged files.
    pub is_protected: bool,
    /// The document as it came, or what is wrong with the line.
    pub body: Result<Value, Vec<Finding>>,
}

/// Numbers documents as they come.
#[derive(Debug, Default)]
pub struct Orders {
    count: u64,
}

impl Orders {
    /// The order of the next line.
    pub fn take(&mut self, entry: Entry) -> Order {
        self.count += 1;
        // What is wrong with the shape of a recipient is nothing to a document; a line that is no JSON at all is.
        let body = if entry.raw.is_null() { Err(entry.value.err().unwrap_or_default()) } else { Ok(entry.raw) };
        let id = body.as_ref().ok().and_then(|body| body.pointer("/archive_metadata/document_id")?.as_str());
        let id = id.filter(|id| is_key(id) && !validate::holds_identity_number(id));
        Order {
            number: self.count,
            row: entry.row,
            key: id.map_or_else(|| format!("line-{}", entry.row), str::to_owned),
            is_protected: body.as_ref().is_ok_and(protects),
            body: body.and_then(in_the_standard),
        }
    }
}

/// Whether a member anywhere says that an address is protected. Anything but a clear no counts.
fn protects(value: &Value) -> bool {
    match value {
        Value::Object(members) => members.iter().any(|(name, value)| {
            (name == "protected_address" && !matches!(value, Value::Null | Value::Bool(false))) || protects(value)
        }),
        Value::Array(values) => values.iter().any(protects),
        _ => false,
    }
}

/// Print files keep both standards, so a document of many can have no other.
fn in_the_standard(body: Value) -> Result<Value, Vec<Finding>> {
    let place = "/render_options/pdf_standard";
    let other = body.pointer(place).filter(|standard| !standard.is_null());
    if other.is_some_and(|standard| standard.as_str() != Some(PdfStandard::A2aUa1.name())) {
        let allowed = format!("`{}`", PdfStandard::A2aUa1.name());
        return Err(vec![Finding::new(place, Code::UnknownValue).with("allowed", allowed)]);
    }
    Ok(body)
}

/// Has documents made. At most `ahead` of them are in the queue at once.
pub async fn make(pipeline: &Pipeline, kind: Kind, orders: Vec<Order>, wanted: Wanted, ahead: usize) -> Chunk {
    let mut chunk = Chunk::default();
    let made = stream::iter(orders).map(|order| make_one(pipeline, kind, order, wanted));
    let mut made = made.buffered(ahead.max(1));
    while let Some((outcome, bytes)) = made.next().await {
        chunk.add(outcome, &bytes);
    }
    chunk
}

async fn make_one(pipeline: &Pipeline, kind: Kind, order: Order, wanted: Wanted) -> (Outcome, bytes::Bytes) {
    let (result, bytes) = match order.body {
        Err(findings) => (Made::Faults(findings), bytes::Bytes::new()),
        Ok(body) => {
            let body = bytes::Bytes::from(body.to_string());
            patiently(|| document(pipeline, kind, body.clone(), wanted)).await
        }
    };
    let outcome = Outcome {
        number: order.number,
        entry: order.number,
        row: order.row,
        key: order.key,
        decision: if matches!(result, Made::Faults(_)) { "invalid" } else { "document" }.to_owned(),
        follows: None,
        notes: if order.is_protected { vec!["protected_address".to_owned()] } else { Vec::new() },
        is_protected: order.is_protected,
        result,
    };
    (outcome, bytes)
}

async fn document(
    pipeline: &Pipeline,
    kind: Kind,
    body: bytes::Bytes,
    wanted: Wanted,
) -> Result<(Letter, bytes::Bytes), ProduceError> {
    if wanted != Wanted::Letters {
        let report = pipeline.report(kind, &body, Priority::Bulk).await?;
        let Some(pages) = report.pages else {
            return Err(ProduceError::Invalid { violations: report.violations, locale: report.locale });
        };
        let language = report.locale.into();
        return Ok((Letter { language, pages, digest: [0; 32], place: (0, 0) }, bytes::Bytes::new()));
    }
    let request = Request {
        // Nothing is kept in a cache, so it is nobody's.
        tenant: Tenant::local(),
        kind,
        body,
        options: Options::default(),
        freshness: Freshness::Unkept,
        priority: Priority::Bulk,
    };
    let made = pipeline.produce(request).await.map_err(|error| match std::sync::Arc::try_unwrap(error) {
        Ok(error) => error,
        Err(_) => crate::worker::WorkError::Crashed.into(),
    })?;
    let label = made.label;
    let pages = label.pages.unwrap_or_default();
    Ok((Letter { language: label.language, pages, digest: label.digest, place: (0, 0) }, made.bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_known_by_its_id_and_what_protects_is_seen_wherever_it_stands() {
        let mut orders = Orders::default();
        let mut take = |line: &str, number| orders.take(Entry::of_line(line.as_bytes(), number));
        let one = take(r#"{"archive_metadata":{"document_id":"a-1"},"x":[{"y":{"protected_address":"ja"}}]}"#, 2);
        assert_eq!((one.number, one.row, one.key.as_str(), one.is_protected), (1, 2, "a-1", true));
        let other = take(r#"{"archive_metadata":{"document_id":"Kari Nordmann"},"protected_address":false}"#, 4);
        assert_eq!((other.number, other.key.as_str(), other.is_protected), (2, "line-4", false));
        assert!(take("{", 5).body.is_err());
        assert!(take(r#"{"render_options":{"pdf_standard":"plain"}}"#, 6).body.is_err());
    }
}
