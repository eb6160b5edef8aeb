//! The files of plans and agreements: what was sent, the document without signatures and with them, and what is told of them. Described and reached
//! twice, as their records are.

use std::collections::HashMap;
use std::marker::PhantomData;

use poem::endpoint::BoxEndpoint;
use poem::http::{HeaderMap, HeaderValue, Method, header};
use poem::{Body, IntoResponse, Response};
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::registry::{
    MetaApi, MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry,
};
use poem_openapi::types::Any;
use poem_openapi::{ApiResponse, OpenApi};
use serde_json::Value;

use super::caller::{Caller, ToReadPlans, ToSign};
use super::failure::{Failure, OfRecord, OfRecordFile};
use super::handed_in;
use super::negotiate;
use super::record::{RecordKind, failure, name_operations};
use super::record_view::RecordChanges;
use super::representation;
use super::signature::Signed;
use super::stored;
use super::verify_body::{Sent, VerifyBody};
use crate::audit::Audit;
use crate::record::{Content, Fetched, RecordError, Records};
use crate::signing::Signing;

/// What operations are called below, and of plans and of agreements.
const NAMES: [(&str, [&str; 2]); 6] = [
    ("content", ["get_plan_content", "get_agreement_content"]),
    ("document", ["get_plan_document", "get_agreement_document"]),
    ("signed", ["get_signed_plan", "get_signed_agreement"]),
    ("hand_in", ["hand_in_signed_plan", "hand_in_signed_agreement"]),
    ("archive", ["get_plan_archive", "get_agreement_archive"]),
    ("changes", ["get_plan_changes", "get_agreement_changes"]),
];

/// The files of records of a kind.
pub(super) struct RecordFileApi<T>(Operations<T>);

impl<T: RecordKind> RecordFileApi<T> {
    pub(super) fn new(records: Records, signing: Signing, audit: Audit) -> Self {
        Self(Operations { records, signing, audit, kind: PhantomData })
    }
}

impl<T: RecordKind> OpenApi for RecordFileApi<T> {
    fn meta() -> Vec<MetaApi> {
        name_operations::<T>(Operations::<T>::meta(), &NAMES)
    }

    fn register(registry: &mut Registry) {
        Operations::<T>::register(registry);
    }

    fn add_routes(self, route_table: &mut HashMap<String, HashMap<Method, BoxEndpoint<'static>>>) {
        self.0.add_routes(route_table);
    }
}

struct Operations<T> {
    records: Records,
    signing: Signing,
    audit: Audit,
    kind: PhantomData<T>,
}

/// A PDF, or as much of it as was asked for.
struct PdfFile(Response);

impl IntoResponse for PdfFile {
    fn into_response(self) -> Response {
        self.0
    }
}

impl ApiResponse for PdfFile {
    fn meta() -> MetaResponses {
        // What is kept here does not come from the cache.
        let headers = || representation::headers().into_iter().filter(|header| header.name != "Cache-Status").collect();
        let binary = || MetaSchemaRef::Inline(Box::new(MetaSchema::new_with_format("string", "binary")));
        let response = |status, description, headers| MetaResponse {
            description,
            status: Some(status),
            status_range: None,
            content: vec![MetaMediaType { content_type: "application/pdf", schema: binary() }],
            headers,
        };
        let mut of_part: Vec<_> = headers();
        of_part.push(representation::header("Content-Range", "Which bytes.", true));
        let mut known = not_modified();
        known.content.clear();
        MetaResponses {
            responses: vec![
                response(
                    200,
                    "The file: PDF/A-2a and PDF/UA-1, unless it was signed elsewhere and handed in.",
                    headers(),
                ),
                response(206, "The bytes that `Range` asks for.", of_part),
                known,
            ],
        }
    }

    fn register(_: &mut Registry) {}
}

fn not_modified() -> MetaResponse {
    MetaResponse {
        description: "The caller has it: its `ETag` is in `If-None-Match`.",
        status: Some(304),
        status_range: None,
        content: Vec::new(),
        headers: vec![representation::header("ETag", "Strong; changes with every byte.", true)],
    }
}

/// A body as it was sent.
struct ContentFile(Response);

impl ContentFile {
    fn of(content: &Content, headers: &HeaderMap) -> Self {
        let (tag, digest) = representation::tag_and_digest(&content.hash);
        let is_known = representation::is_known(headers, &tag);
        let body = if is_known { Body::empty() } else { Body::from(content.bytes.clone()) };
        let mut response = Response::builder()
            .status(if is_known { poem::http::StatusCode::NOT_MODIFIED } else { poem::http::StatusCode::OK })
            .header(header::ETAG, tag)
            .header(header::CACHE_CONTROL, "private, no-store")
            .body(body);
        if !is_known {
            let headers = response.headers_mut();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
            headers.insert(header::CONTENT_LENGTH, content.bytes.len().into());
            let name = format!("attachment; filename=\"{}.json\"", content.file_stem);
            for (header, value) in [(header::CONTENT_DISPOSITION, name), (representation::REPR_DIGEST, digest)] {
                if let Ok(value) = HeaderValue::try_from(value) {
                    headers.insert(header, value);
                }
            }
        }
        Self(response)
    }
}

impl IntoResponse for ContentFile {
    fn into_response(self) -> Response {
        self.0
    }
}

impl ApiResponse for ContentFile {
    fn meta() -> MetaResponses {
        let content = MetaResponse {
            description: "The body, byte by byte as it was sent.",
            status: Some(200),
            status_range: None,
            content: vec![MetaMediaType {
                content_type: "application/json",
                schema: MetaSchemaRef::Inline(Box::new(MetaSchema::new("object"))),
            }],
            headers: vec![
                representation::header("Content-Disposition", "`attachment`, with a file name.", true),
                representation::header("ETag", "Strong; changes with every byte.", true),
                representation::header("Repr-Digest", "SHA-256 of the body (RFC 9530).", true),
            ],
        };
        MetaResponses { responses: vec![content, not_modified()] }
    }

    fn register(_: &mut Registry) {}
}

impl<T: RecordKind> Operations<T> {
    /// Shows a file, and notes that it is fetched before it is.
    async fn fetch(
        &self,
        caller: &Caller<ToReadPlans>,
        headers: &HeaderMap,
        (action, id): (&str, &str),
        file: impl Future<Output = Result<Fetched, RecordError>>,
    ) -> Result<PdfFile, Failure<OfRecordFile>> {
        let line = caller.line(&self.audit)?;
        let Fetched { number, delivered } = file.await.map_err(|error| failure(&error, headers))?;
        let response = stored::show(headers, &delivered)?;
        line.write(action, &format!("record {id} version {number}"), response.status().as_str());
        Ok(PdfFile(response))
    }
}

#[OpenApi(prefix_path = T::PATH, tag = "T::TAG")]
impl<T: RecordKind> Operations<T> {
    /// The body of a version, as it was sent. Takes `If-None-Match`.
    #[oai(path = "/:id/content", method = "get", operation_id = "content")]
    async fn content(
        &self,
        caller: Caller<ToReadPlans>,
        headers: &HeaderMap,
        id: Path<String>,
        /// Number of the version; the newest if not given.
        #[oai(validator(minimum(value = "1")))]
        version: Query<Option<i64>>,
    ) -> Result<ContentFile, Failure<OfRecord>> {
        let line = caller.line(&self.audit)?;
        let content = self.records.content(&caller.principal.tenant, T::KIND, &id, version.0).await;
        let content = content.map_err(|error| failure(&error, headers))?;
        line.write("fetch content", &format!("record {} version {}", *id, content.number), "done");
        Ok(ContentFile::of(&content, headers))
    }

    /// The document without signatures: as it was frozen, or that of a draft as it is now. Takes `If-None-Match`, `Range` with one range, and `If-Range`.
    #[oai(path = "/:id/document.pdf", method = "get", operation_id = "document")]
    async fn document(
        &self,
        caller: Caller<ToReadPlans>,
        headers: &HeaderMap,
        id: Path<String>,
        /// Number of the version; the newest if not given.
        #[oai(validator(minimum(value = "1")))]
        version: Query<Option<i64>>,
    ) -> Result<PdfFile, Failure<OfRecordFile>> {
        let file = self.records.document(&caller.principal.tenant, T::KIND, &id, version.0);
        self.fetch(&caller, headers, ("fetch document", &id), file).await
    }

    /// The signed file, byte by byte as the last signature has left it; 409 before all have signed. Takes `If-None-Match`, `Range` with one range, and
    /// `If-Range`.
    #[oai(path = "/:id/signed.pdf", method = "get", operation_id = "signed")]
    async fn signed(
        &self,
        caller: Caller<ToReadPlans>,
        headers: &HeaderMap,
        id: Path<String>,
        /// Number of the version; the newest that is signed if not given.
        #[oai(validator(minimum(value = "1")))]
        version: Query<Option<i64>>,
    ) -> Result<PdfFile, Failure<OfRecordFile>> {
        let file = self.records.signed(&caller.principal.tenant, T::KIND, &id, version.0);
        self.fetch(&caller, headers, ("fetch signed document", &id), file).await
    }

    /// Takes the file of the newest version, which is final or being signed, as it was signed elsewhere, with its bytes or its words. Each signature is
    /// judged first; then the version is signed. `handed_in` tells what was shown.
    #[oai(path = "/:id/signed.pdf", method = "put", operation_id = "hand_in")]
    async fn hand_in(&self, caller: Caller<ToSign>, headers: &HeaderMap, id: Path<String>, body: VerifyBody) -> Signed {
        let Sent { file, .. } = body.receive().await?;
        let change = self.signing.hand_in(&caller.principal.tenant, T::KIND, &id, file);
        handed_in::note(&self.audit, &caller, headers, change).await
    }

    /// What an archive has to know of a version that is final, in the words of Noark 5.
    #[oai(path = "/:id/archive.json", method = "get", operation_id = "archive")]
    async fn archive(
        &self,
        caller: Caller<ToReadPlans>,
        headers: &HeaderMap,
        id: Path<String>,
        /// Number of the version; the newest if not given.
        #[oai(validator(minimum(value = "1")))]
        version: Query<Option<i64>>,
    ) -> Result<Json<Any<Value>>, Failure<OfRecord>> {
        let line = caller.line(&self.audit)?;
        let archived = self.records.archive(&caller.principal.tenant, T::KIND, &id, version.0).await;
        let archived = archived.map_err(|error| failure(&error, headers))?;
        line.write("fetch archive metadata", &format!("record {} version {}", *id, archived.number), "done");
        Ok(Json(Any(archived.value)))
    }

    /// What changed from one version to another, field by field, in words: in the language of `Accept-Language`, or else of the document.
    #[oai(path = "/:id/changes", method = "get", operation_id = "changes")]
    async fn changes(
        &self,
        caller: Caller<ToReadPlans>,
        headers: &HeaderMap,
        id: Path<String>,
        /// Number of the older version; the one before `to` if not given.
        #[oai(validator(minimum(value = "1")))]
        from: Query<Option<i64>>,
        /// Number of the newer version; the newest if not given.
        #[oai(validator(minimum(value = "1")))]
        to: Query<Option<i64>>,
    ) -> Result<Json<RecordChanges>, Failure<OfRecord>> {
        let line = caller.line(&self.audit)?;
        let (tenant, locale) = (&caller.principal.tenant, negotiate::locale(headers));
        let changes = self.records.changes(tenant, T::KIND, &id, (from.0, to.0), locale).await;
        let changes = changes.map_err(|error| failure(&error, headers))?;
        line.write("fetch changes", &format!("record {} version {}", *id, changes.to), "done");
        Ok(Json(changes.into()))
    }
}
