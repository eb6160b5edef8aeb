//! A document as HTTP shows it: its headers, whole or in part, fresh or found.

use base64::Engine as _;
use base64::engine::general_purpose::{GeneralPurpose, STANDARD, URL_SAFE_NO_PAD};
use poem::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header as names};
use poem::web::headers::{ETag, HeaderMapExt, IfNoneMatch};
use poem::{Body, Response};
use poem_openapi::registry::{MetaHeader, MetaMediaType, MetaSchema, MetaSchemaRef};
use poem_openapi::types::Type;

use crate::cache::{Id, Source};
use crate::pipeline::{Delivered, Freshness};

pub(super) const REPR_DIGEST: HeaderName = HeaderName::from_static("repr-digest");
const WARNINGS: HeaderName = HeaderName::from_static("skoledok-warnings");
const PAGES: HeaderName = HeaderName::from_static("skoledok-pages");
const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");
/// A document that is opened in a browser can load and run nothing.
const NOTHING_ACTIVE: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox";

/// The path at which a document is found again.
pub(super) fn location(id: Id) -> HeaderValue {
    value(format!("/v1/documents/{id}"))
}

/// The strong entity tag of a document.
pub(super) fn entity_tag(delivered: &Delivered) -> String {
    encoded("\"", &URL_SAFE_NO_PAD, &delivered.label.digest, "\"")
}

/// The strong entity tag of bytes by their SHA-256, and what `Repr-Digest` says of them.
pub(super) fn tag_and_digest(hash: &[u8; 32]) -> (String, String) {
    (encoded("\"", &URL_SAFE_NO_PAD, hash, "\""), encoded("sha-256=:", &STANDARD, hash, ":"))
}

/// Whether the caller has what has this entity tag (RFC 9110, 13.1.2).
pub(super) fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let wanted = headers.typed_get::<IfNoneMatch>();
    tag.parse::<ETag>().is_ok_and(|tag| wanted.is_some_and(|wanted| !wanted.precondition_passes(&tag)))
}

/// Bytes as base64 between two words, without growing on the way.
fn encoded(before: &str, engine: &GeneralPurpose, bytes: &[u8], after: &str) -> String {
    let mut text = String::with_capacity(before.len() + bytes.len() * 4 / 3 + 4 + after.len());
    text.push_str(before);
    engine.encode_string(bytes, &mut text);
    text.push_str(after);
    text
}

/// The whole document.
pub(super) fn whole(delivered: &Delivered) -> Response {
    let mut response = Response::builder().status(StatusCode::OK).body(Body::from(delivered.bytes.clone()));
    describe(delivered, response.headers_mut());
    // Told here, since an answer to HEAD loses the body it could be counted from.
    response.headers_mut().insert(names::CONTENT_LENGTH, delivered.bytes.len().into());
    response
}

/// Bytes of a document, both ends among them.
pub(super) fn part(delivered: &Delivered, first: usize, last: usize) -> Response {
    let body = Body::from(delivered.bytes.slice(first..=last));
    let mut response = Response::builder().status(StatusCode::PARTIAL_CONTENT).body(body);
    describe(delivered, response.headers_mut());
    let range = format!("bytes {first}-{last}/{}", delivered.bytes.len());
    response.headers_mut().insert(names::CONTENT_RANGE, value(range));
    response
}

/// Only where the document is (RFC 7240).
pub(super) fn place_of(delivered: &Delivered, location: &HeaderValue) -> Response {
    let mut response = Response::builder().status(StatusCode::CREATED).finish();
    let headers = response.headers_mut();
    describe(delivered, headers);
    headers.remove(names::CONTENT_TYPE);
    headers.remove(names::CONTENT_DISPOSITION);
    headers.remove(names::CONTENT_SECURITY_POLICY);
    headers.insert(names::LOCATION, location.clone());
    headers.insert(PREFERENCE_APPLIED, HeaderValue::from_static("return=minimal"));
    response
}

/// The caller has the document already.
pub(super) fn not_modified(delivered: &Delivered) -> Response {
    let mut response = Response::builder().status(StatusCode::NOT_MODIFIED).finish();
    let headers = response.headers_mut();
    headers.insert(names::ETAG, value(entity_tag(delivered)));
    headers.insert(names::CACHE_CONTROL, cache_control(delivered));
    response
}

/// How a cache of the caller's may treat a document: what may hold personal data stays out of it.
fn cache_control(delivered: &Delivered) -> HeaderValue {
    HeaderValue::from_static(if delivered.label.personal { "private, no-store" } else { "private, no-cache" })
}

fn describe(delivered: &Delivered, headers: &mut HeaderMap) {
    let label = &delivered.label;
    // Room for these and for what is added later.
    headers.reserve(20);
    let name = ["attachment; filename=\"", &label.file_stem, ".", label.format.extension(), "\""].concat();
    headers.insert(names::CONTENT_TYPE, HeaderValue::from_static(label.format.media_type()));
    headers.insert(names::CONTENT_DISPOSITION, value(name));
    headers.insert(names::CONTENT_LANGUAGE, HeaderValue::from_static(label.language.tag()));
    headers.insert(names::ETAG, value(entity_tag(delivered)));
    headers.insert(REPR_DIGEST, value(encoded("sha-256=:", &STANDARD, &label.digest, ":")));
    headers.insert(WARNINGS, label.warnings.into());
    headers.insert(names::CACHE_CONTROL, cache_control(delivered));
    headers.insert(names::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(names::CONTENT_SECURITY_POLICY, HeaderValue::from_static(NOTHING_ACTIVE));
    if let Some(pages) = label.pages {
        headers.insert(PAGES, pages.into());
    }
}

/// Every part of these values is ASCII; a value that was not would be left empty rather than fail.
fn value(text: String) -> HeaderValue {
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""))
}

/// What the cache did (RFC 9211).
pub(super) struct CacheStatus(HeaderValue);

impl CacheStatus {
    /// What it did for a request with these wishes.
    pub(super) fn of(delivered: &Delivered, freshness: Freshness) -> Self {
        let fixed = HeaderValue::from_static;
        Self(match (delivered.source, freshness) {
            (Source::Memory, _) => value(format!("skoledok; hit; ttl={}; detail=memory", delivered.life)),
            (Source::Redis, _) => value(format!("skoledok; hit; ttl={}; detail=redis", delivered.life)),
            (Source::Shared, _) => fixed("skoledok; fwd=miss; collapsed"),
            (Source::Made, Freshness::Any) if delivered.id.is_some() => fixed("skoledok; fwd=miss; stored"),
            (Source::Made, Freshness::Any) => fixed("skoledok; fwd=miss"),
            (Source::Made, Freshness::Anew) if delivered.id.is_some() => {
                fixed("skoledok; fwd=request; stored; detail=no-cache")
            }
            (Source::Made, Freshness::Anew) => fixed("skoledok; fwd=request; detail=no-cache"),
            (Source::Made, Freshness::Unkept) => fixed("skoledok; fwd=bypass; detail=no-store"),
        })
    }

    pub(super) fn tell(self, headers: &mut HeaderMap) {
        headers.insert(CACHE_STATUS, self.0);
    }
}

/// The headers of every document, for the API description.
pub(super) fn headers() -> Vec<MetaHeader> {
    vec![
        header("Content-Disposition", "A file name that holds no name of a person.", false),
        header("Content-Language", "Language of the document.", true),
        header("ETag", "Strong; changes with every byte.", true),
        header("Repr-Digest", "SHA-256 of the document (RFC 9530).", true),
        header("Cache-Status", "Whether the document was found, and where, or why it was made (RFC 9211).", true),
        header("Skoledok-Pages", "Number of pages, of formats that have pages.", false),
        header(
            "Skoledok-Warnings",
            "Number of warnings; `/v1/validate` tells them, but for the size of the file, which only rendering shows.",
            true,
        ),
    ]
}

pub(super) fn header(name: &str, description: &str, required: bool) -> MetaHeader {
    MetaHeader {
        name: name.to_owned(),
        description: Some(description.to_owned()),
        required,
        deprecated: false,
        schema: String::schema_ref(),
    }
}

/// The media types of documents, for the API description.
pub(super) fn contents(calendar: bool) -> Vec<MetaMediaType> {
    let binary = || MetaSchemaRef::Inline(Box::new(MetaSchema::new_with_format("string", "binary")));
    let text = || MetaSchemaRef::Inline(Box::new(MetaSchema::new("string")));
    let mut contents = vec![
        MetaMediaType { content_type: "application/pdf", schema: binary() },
        MetaMediaType { content_type: "image/png", schema: binary() },
        MetaMediaType { content_type: "image/svg+xml", schema: text() },
        MetaMediaType { content_type: "text/html; charset=utf-8", schema: text() },
    ];
    if calendar {
        contents.push(MetaMediaType { content_type: "text/calendar; charset=utf-8", schema: text() });
    }
    contents
}
