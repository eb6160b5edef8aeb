//! Plans and agreements: one set of operations, described and reached twice.

use std::collections::HashMap;
use std::marker::PhantomData;

use poem::endpoint::BoxEndpoint;
use poem::http::{HeaderMap, HeaderValue, Method, header};
use poem::{Body, IntoResponse, Response};
use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::registry::{
    MetaApi, MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry,
};
use poem_openapi::types::Any;
use poem_openapi::{ApiResponse, OpenApi, Tags};
use serde_json::Value;

use super::caller::{Caller, ToAdminister, ToReadPlans, ToSign, ToWritePlans};
use super::failure::{Failure, OfNewRecord, OfRecord, OfRecordChange, OfRecordFile, Statuses};
use super::handed_in;
use super::negotiate;
use super::payload::{OfKind, Small, Unchecked};
use super::problem::Problem;
use super::record_view::{
    DeclineBody, HoldBody, RecordChanges, RecordPage, RecordVersions, RecordView, SigningBody, StatusName, VersionView,
};
use super::representation;
use super::signature::Signed;
use super::stored;
use super::verify_body::{Sent, VerifyBody};
use crate::audit::Audit;
use crate::document::{AnnualPlan, CooperationAgreement};
use crate::record::{Condition, Content, Fetched, Filter, Record, RecordError, Records};
use crate::signing::Signing;

/// The sets of operations.
#[derive(Tags)]
pub(super) enum Tag {
    /// Annual plans that are kept, signed and fetched again.
    Plans,
    /// Cooperation agreements that are kept, signed and fetched again.
    Agreements,
}

/// Records in a page, without a wish.
const PAGE: u16 = 100;

/// A kind that records are kept of.
pub(super) trait RecordKind: OfKind {
    /// Where they are.
    const PATH: &'static str;
    /// Where they stand in the API description.
    const TAG: Tag;
    /// Which column of [`NAMES`] has the names of the operations.
    const COLUMN: usize;
}

impl RecordKind for AnnualPlan {
    const PATH: &'static str = "/v1/plans";
    const TAG: Tag = Tag::Plans;
    const COLUMN: usize = 0;
}

impl RecordKind for CooperationAgreement {
    const PATH: &'static str = "/v1/agreements";
    const TAG: Tag = Tag::Agreements;
    const COLUMN: usize = 1;
}

/// What operations are called below, and of plans and of agreements: no two operations may have one name.
const NAMES: [(&str, [&str; 2]); 19] = [
    ("create", ["create_plan", "create_agreement"]),
    ("list", ["list_plans", "list_agreements"]),
    ("get", ["get_plan", "get_agreement"]),
    ("replace", ["replace_plan", "replace_agreement"]),
    ("delete", ["delete_plan", "delete_agreement"]),
    ("versions", ["list_plan_versions", "list_agreement_versions"]),
    ("version", ["get_plan_version", "get_agreement_version"]),
    ("content", ["get_plan_content", "get_agreement_content"]),
    ("document", ["get_plan_document", "get_agreement_document"]),
    ("signed", ["get_signed_plan", "get_signed_agreement"]),
    ("hand_in", ["hand_in_signed_plan", "hand_in_signed_agreement"]),
    ("archive", ["get_plan_archive", "get_agreement_archive"]),
    ("changes", ["get_plan_changes", "get_agreement_changes"]),
    ("finalise", ["finalise_plan", "finalise_agreement"]),
    ("start", ["start_plan_signing", "start_agreement_signing"]),
    ("decline", ["decline_plan", "decline_agreement"]),
    ("withdraw", ["withdraw_plan_signing", "withdraw_agreement_signing"]),
    ("hold", ["hold_plan", "hold_agreement"]),
    ("release", ["release_plan", "release_agreement"]),
];

/// The operations on records of a kind.
pub(super) struct RecordApi<T>(Operations<T>);

impl<T: RecordKind> RecordApi<T> {
    pub(super) fn new(records: Records, signing: Signing, audit: Audit) -> Self {
        Self(Operations { records, signing, audit, kind: PhantomData })
    }
}

impl<T: RecordKind> OpenApi for RecordApi<T> {
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

/// Gives operations the names that they have for a kind.
pub(super) fn name_operations<T: RecordKind>(
    mut apis: Vec<MetaApi>,
    table: &[(&str, [&'static str; 2])],
) -> Vec<MetaApi> {
    let operations = apis.iter_mut().flat_map(|api| &mut api.paths).flat_map(|path| &mut path.operations);
    for operation in operations {
        let row = table.iter().find(|(name, _)| operation.operation_id == Some(*name));
        operation.operation_id = row.and_then(|(_, names)| names.get(T::COLUMN)).copied();
    }
    apis
}

struct Operations<T> {
    records: Records,
    signing: Signing,
    audit: Audit,
    kind: PhantomData<T>,
}

/// The record is kept.
#[derive(ApiResponse)]
enum Created {
    /// It is there, or was there already under the same `Idempotency-Key`.
    #[oai(status = 201)]
    Created(
        Json<RecordView>,
        /// Where it is.
        #[oai(header = "Location")]
        String,
        /// For `If-Match`; changes with every change.
        #[oai(header = "ETag")]
        String,
    ),
}

/// A record.
#[derive(ApiResponse)]
pub(super) enum Shown {
    /// As it is now.
    #[oai(status = 200)]
    Shown(
        Json<RecordView>,
        /// For `If-Match`; changes with every change.
        #[oai(header = "ETag")]
        String,
    ),
}

impl Shown {
    pub(super) fn of(record: Record) -> Self {
        let tag = tag_of(&record);
        Self::Shown(Json(record.into()), tag)
    }
}

/// Nothing is left.
#[derive(ApiResponse)]
enum Deleted {
    /// Deleted, with all versions.
    #[oai(status = 204)]
    Deleted,
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
                response(200, "The file: PDF/A-2a and PDF/UA-1.", headers()),
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

fn tag_of(record: &Record) -> String {
    format!("\"{}\"", record.revision)
}

/// What `If-Match` asks for; nothing without it.
fn condition(if_match: Option<&str>) -> Option<Condition> {
    let wanted = if_match?.trim();
    if wanted == "*" {
        return Some(Condition::Any);
    }
    // A weak tag matches nothing here (RFC 9110, 13.1.1).
    let revision = |tag: &str| tag.trim().strip_prefix('"')?.strip_suffix('"')?.parse().ok();
    Some(Condition::OneOf(wanted.split(',').filter_map(revision).collect()))
}

fn failure<S: Statuses>(error: &RecordError, headers: &HeaderMap) -> Failure<S> {
    Problem::of_record(error, negotiate::locale(headers)).into()
}

type Change = Result<Shown, Failure<OfRecordChange>>;

impl<T: RecordKind> Operations<T> {
    /// Makes a change and notes it. Without room for a line in the audit log nothing is done.
    async fn change<S>(
        &self,
        caller: &Caller<S>,
        headers: &HeaderMap,
        action: &str,
        change: impl Future<Output = Result<Record, RecordError>>,
    ) -> Change {
        let line = caller.line(&self.audit)?;
        let record = change.await.map_err(|error| failure(&error, headers))?;
        line.write(action, &format!("record {} version {}", record.id, record.version.number), "done");
        Ok(Shown::of(record))
    }

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
    /// Keeps a document as a draft. It is checked as for rendering: all faults are told at once.
    #[oai(path = "/", method = "post", operation_id = "create")]
    async fn create(
        &self,
        caller: Caller<ToWritePlans>,
        headers: &HeaderMap,
        /// The same key with the same document gives the same record. A text of the caller's own, such as a UUID.
        #[oai(name = "Idempotency-Key", validator(min_length = 1, max_length = 255))]
        idempotency_key: Header<Option<String>>,
        body: Unchecked<T>,
    ) -> Result<Created, Failure<OfNewRecord>> {
        let line = caller.line(&self.audit)?;
        let tenant = &caller.principal.tenant;
        // A text of structured fields stands in quotation marks (RFC 9651, 3.3.3).
        let key = idempotency_key.0.as_deref().map(|key| key.trim_matches('"'));
        let new = async {
            let written = self.records.check(T::KIND, body.body).await?;
            self.records.create(tenant, T::KIND, written, key).await
        };
        let new = new.await.map_err(|error| failure(&error, headers))?;
        let object = format!("record {} version {}", new.record.id, new.record.version.number);
        line.write("create record", &object, if new.was_there { "was there" } else { "done" });
        let location = format!("{}/{}", T::PATH, new.record.id);
        let tag = tag_of(&new.record);
        Ok(Created::Created(Json(new.record.into()), location, tag))
    }

    /// Lists what is kept, those that came last first. What comes or changes meanwhile moves nothing from page to page.
    #[oai(path = "/", method = "get", operation_id = "list")]
    #[expect(clippy::too_many_arguments, reason = "each is a parameter of the operation")]
    async fn list(
        &self,
        caller: Caller<ToReadPlans>,
        headers: &HeaderMap,
        /// Organisation number of the school, or its name as it stands in the newest version.
        #[oai(validator(max_length = 120))]
        school: Query<Option<String>>,
        /// School year, `2026/2027`.
        #[oai(validator(pattern = "^[0-9]{4}/[0-9]{4}$"))]
        school_year: Query<Option<String>>,
        /// Those that have a version of this status.
        status: Query<Option<StatusName>>,
        /// Those that were changed at this moment or later, in milliseconds since 1970.
        #[oai(validator(minimum(value = "0")))]
        changed_since: Query<Option<i64>>,
        /// `next` of the page before.
        #[oai(validator(max_length = 64))]
        after: Query<Option<String>>,
        /// Most of them; 100 if not given.
        #[oai(validator(minimum(value = "1"), maximum(value = "1000")))]
        limit: Query<Option<u16>>,
    ) -> Result<Json<RecordPage>, Failure<OfRecord>> {
        let filter = Filter {
            school: school.0,
            school_year: school_year.0,
            state: status.0.map(Into::into),
            changed_since: changed_since.0,
            after: after.0,
        };
        let page = self.records.list(&caller.principal.tenant, T::KIND, filter, limit.0.unwrap_or(PAGE)).await;
        let (records, next) = page.map_err(|error| failure(&error, headers))?;
        Ok(Json(RecordPage { records: records.into_iter().map(Into::into).collect(), next }))
    }

    /// Tells of one, with its newest version.
    #[oai(path = "/:id", method = "get", operation_id = "get")]
    async fn get(
        &self,
        caller: Caller<ToReadPlans>,
        headers: &HeaderMap,
        id: Path<String>,
    ) -> Result<Shown, Failure<OfRecord>> {
        let record = self.records.find(&caller.principal.tenant, T::KIND, &id).await;
        Ok(Shown::of(record.map_err(|error| failure(&error, headers))?))
    }

    /// Puts a new version beside the newest one, as a draft. A draft is superseded by it at once; what is final or signed counts until the new version
    /// has come as far. Not while it is being signed.
    #[oai(path = "/:id", method = "put", operation_id = "replace")]
    async fn replace(
        &self,
        caller: Caller<ToWritePlans>,
        headers: &HeaderMap,
        id: Path<String>,
        /// The `ETag` of what the caller has seen; 412 when it was changed since, 428 without it.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        body: Unchecked<T>,
    ) -> Change {
        let tenant = &caller.principal.tenant;
        // Nobody waits for a check who would be refused anyhow, and what is not there has no condition.
        self.records.find(tenant, T::KIND, &id).await.map_err(|error| failure(&error, headers))?;
        let condition = condition(if_match.0.as_deref()).ok_or_else(Problem::unconditional)?;
        let replacing = async {
            let written = self.records.check(T::KIND, body.body).await?;
            self.records.replace(tenant, T::KIND, &id, written, &condition).await
        };
        self.change(&caller, headers, "replace record", replacing).await
    }

    /// Deletes it with all versions: one of nothing but drafts, or one whose retention is over. Never while it is held.
    #[oai(path = "/:id", method = "delete", operation_id = "delete")]
    async fn delete(
        &self,
        caller: Caller<ToWritePlans>,
        headers: &HeaderMap,
        id: Path<String>,
        /// The `ETag` of what the caller has seen; 412 when it was changed since.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
    ) -> Result<Deleted, Failure<OfRecordChange>> {
        let line = caller.line(&self.audit)?;
        let condition = condition(if_match.0.as_deref()).unwrap_or(Condition::Any);
        let deleted = self.records.delete(&caller.principal.tenant, T::KIND, &id, &condition).await;
        deleted.map_err(|error| failure(&error, headers))?;
        line.write("delete record", &format!("record {}", *id), "done");
        Ok(Deleted::Deleted)
    }

    /// All versions, the newest first. None is ever changed or lost.
    #[oai(path = "/:id/versions", method = "get", operation_id = "versions")]
    async fn versions(
        &self,
        caller: Caller<ToReadPlans>,
        headers: &HeaderMap,
        id: Path<String>,
    ) -> Result<Json<RecordVersions>, Failure<OfRecord>> {
        let versions = self.records.versions(&caller.principal.tenant, T::KIND, &id).await;
        let versions = versions.map_err(|error| failure(&error, headers))?;
        Ok(Json(RecordVersions { versions: versions.into_iter().map(Into::into).collect() }))
    }

    /// A version.
    #[oai(path = "/:id/versions/:number", method = "get", operation_id = "version")]
    async fn version(
        &self,
        caller: Caller<ToReadPlans>,
        headers: &HeaderMap,
        id: Path<String>,
        /// Number of the version, from 1.
        number: Path<i64>,
    ) -> Result<Json<VersionView>, Failure<OfRecord>> {
        let version = self.records.version(&caller.principal.tenant, T::KIND, &id, number.0).await;
        Ok(Json(version.map_err(|error| failure(&error, headers))?.into()))
    }

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

    /// Freezes the newest version: its document is made, kept with its SHA-256, and never made again. The document itself has to have the status
    /// `final`.
    #[oai(path = "/:id/finalise", method = "post", operation_id = "finalise")]
    async fn finalise(
        &self,
        caller: Caller<ToWritePlans>,
        headers: &HeaderMap,
        id: Path<String>,
        /// The `ETag` of what the caller has seen; 412 when it was changed since.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
    ) -> Change {
        let condition = condition(if_match.0.as_deref()).unwrap_or(Condition::Any);
        let change = self.records.finalise(&caller.principal.tenant, T::KIND, &id, &condition);
        self.change(&caller, headers, "finalise record", change).await
    }

    /// Names those who are to sign the newest version, which is final.
    #[oai(path = "/:id/signing", method = "post", operation_id = "start")]
    async fn start_signing(
        &self,
        caller: Caller<ToWritePlans>,
        headers: &HeaderMap,
        id: Path<String>,
        /// The `ETag` of what the caller has seen; 412 when it was changed since.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        body: Small<SigningBody>,
    ) -> Change {
        let condition = condition(if_match.0.as_deref()).unwrap_or(Condition::Any);
        let start = body.0.into();
        let change = self.records.start_signing(&caller.principal.tenant, T::KIND, &id, &start, &condition);
        self.change(&caller, headers, "start signing", change).await
    }

    /// Notes that a signer declines. That ends the signing; a new version can be made then.
    #[oai(path = "/:id/signing/decline", method = "post", operation_id = "decline")]
    async fn decline(
        &self,
        caller: Caller<ToWritePlans>,
        headers: &HeaderMap,
        id: Path<String>,
        /// The `ETag` of what the caller has seen; 412 when it was changed since.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        body: Small<DeclineBody>,
    ) -> Change {
        let condition = condition(if_match.0.as_deref()).unwrap_or(Condition::Any);
        let decline = body.0.into();
        let change = self.records.decline(&caller.principal.tenant, T::KIND, &id, &decline, &condition);
        self.change(&caller, headers, "decline signing", change).await
    }

    /// Calls the signing off, if nobody has signed: back to final.
    #[oai(path = "/:id/signing", method = "delete", operation_id = "withdraw")]
    async fn withdraw(
        &self,
        caller: Caller<ToWritePlans>,
        headers: &HeaderMap,
        id: Path<String>,
        /// The `ETag` of what the caller has seen; 412 when it was changed since.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
    ) -> Change {
        let condition = condition(if_match.0.as_deref()).unwrap_or(Condition::Any);
        let change = self.records.withdraw(&caller.principal.tenant, T::KIND, &id, &condition);
        self.change(&caller, headers, "withdraw signing", change).await
    }

    /// Holds it: nothing of it is deleted until it is released.
    #[oai(path = "/:id/hold", method = "put", operation_id = "hold")]
    async fn hold(
        &self,
        caller: Caller<ToAdminister>,
        headers: &HeaderMap,
        id: Path<String>,
        /// The `ETag` of what the caller has seen; 412 when it was changed since.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        body: Small<HoldBody>,
    ) -> Change {
        let condition = condition(if_match.0.as_deref()).unwrap_or(Condition::Any);
        let change = self.records.hold(&caller.principal.tenant, T::KIND, &id, &body.0.reason, &condition);
        self.change(&caller, headers, "hold record", change).await
    }

    /// Holds it no longer.
    #[oai(path = "/:id/hold", method = "delete", operation_id = "release")]
    async fn release(
        &self,
        caller: Caller<ToAdminister>,
        headers: &HeaderMap,
        id: Path<String>,
        /// The `ETag` of what the caller has seen; 412 when it was changed since.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
    ) -> Change {
        let condition = condition(if_match.0.as_deref()).unwrap_or(Condition::Any);
        let change = self.records.release(&caller.principal.tenant, T::KIND, &id, &condition);
        self.change(&caller, headers, "release record", change).await
    }
}

#[cfg(test)]
mod tests {
    use super::{Condition, condition};

    #[test]
    fn if_match_names_revisions() {
        let cases = [
            (None, None),
            (Some("*"), Some(Condition::Any)),
            (Some("\"3\""), Some(Condition::OneOf(vec![3]))),
            (Some("\"3\", \"5\""), Some(Condition::OneOf(vec![3, 5]))),
            (Some("W/\"3\""), Some(Condition::OneOf(vec![]))),
            (Some("3"), Some(Condition::OneOf(vec![]))),
            (Some(""), Some(Condition::OneOf(vec![]))),
        ];
        for (header, expected) in cases {
            assert_eq!(condition(header), expected, "{header:?}");
        }
    }
}
