//! Documents that were made before: fetched again by their location, and removed.

use poem::http::{HeaderMap, header};
use poem::web::headers::{ETag, HeaderMapExt, IfNoneMatch, IfRange, Range};
use poem::{IntoResponse, Response};
use poem_openapi::param::Path;
use poem_openapi::registry::{MetaResponse, MetaResponses, Registry};
use poem_openapi::{ApiResponse, OpenApi, Tags};

use super::caller::{Caller, Line, ToAdminister, ToRender};
use super::failure::{Failure, OfPurge, OfRemoval, OfStored};
use super::problem::Problem;
use super::representation::{self, CacheStatus};
use crate::audit::Audit;
use crate::cache::{Id, NotRemoved};
use crate::document::hex;
use crate::pipeline::{Delivered, Freshness, Pipeline};

#[derive(Tags)]
enum Tag {
    /// Documents that were made before.
    Documents,
}

/// The operations on documents that were made before.
pub(super) struct StoredApi {
    pub(super) pipeline: Pipeline,
    pub(super) audit: Audit,
}

/// A document that was found, or as much of it as was asked for.
struct Found(Response);

impl IntoResponse for Found {
    fn into_response(self) -> Response {
        self.0
    }
}

impl ApiResponse for Found {
    fn meta() -> MetaResponses {
        let response = |status, description, headers| MetaResponse {
            description,
            status: Some(status),
            status_range: None,
            content: if status == 304 { Vec::new() } else { representation::contents(true) },
            headers,
        };
        let mut of_part = representation::headers();
        of_part.push(representation::header("Content-Range", "Which bytes.", true));
        MetaResponses {
            responses: vec![
                response(200, "The document.", representation::headers()),
                response(206, "The bytes that `Range` asks for.", of_part),
                response(
                    304,
                    "The caller has it: its `ETag` is in `If-None-Match`.",
                    vec![representation::header("ETag", "Strong; changes with every byte.", true)],
                ),
            ],
        }
    }

    fn register(_: &mut Registry) {}
}

/// Nothing is left.
#[derive(ApiResponse)]
enum Removed {
    /// Removed, here and from Redis; the other services on it are told. What is being made at this moment is not stopped.
    #[oai(status = 204)]
    Removed,
}

#[OpenApi(prefix_path = "/v1/documents", tag = "Tag::Documents")]
impl StoredApi {
    /// Fetches a document again, for as long as it is kept. Takes `If-None-Match`, `Range` with one range,
    /// and `If-Range`.
    #[oai(path = "/:id", method = "get", operation_id = "get_document")]
    async fn get(
        &self,
        caller: Caller<ToRender>,
        headers: &HeaderMap,
        /// From the `Content-Location` of the document.
        id: Path<String>,
    ) -> Result<Found, Failure<OfStored>> {
        let id = Id::parse(&id).ok_or_else(Problem::no_document)?;
        let delivered = self.pipeline.find(&caller.principal.tenant, &id).await.ok_or_else(Problem::no_document)?;
        let mut response = show(headers, &delivered)?;
        CacheStatus::of(&delivered, Freshness::Any).tell(response.headers_mut());
        Ok(Found(response))
    }

    /// Removes a document before its time.
    #[oai(path = "/:id", method = "delete", operation_id = "delete_document")]
    async fn delete(
        &self,
        caller: Caller<ToRender>,
        /// From the `Content-Location` of the document.
        id: Path<String>,
    ) -> Result<Removed, Failure<OfRemoval>> {
        let id = Id::parse(&id).ok_or_else(Problem::no_document)?;
        let tenant = &caller.principal.tenant;
        // The log names a document by its digest, as when it was made; in Redis alone it may be gone by now.
        let digest = self.pipeline.digest(tenant, &id).await.map(|digest| hex(&digest));
        let line = caller.line(&self.audit)?;
        let removed = self.pipeline.cache().remove(tenant, &id).await;
        note(line, "remove document", digest.as_deref().unwrap_or("-"), removed);
        match removed {
            Ok(true) => Ok(Removed::Removed),
            Ok(false) => Err(Problem::no_document().into()),
            Err(error) => Err(Problem::not_removed(error).into()),
        }
    }

    /// Removes all documents of the caller's that are kept.
    #[oai(path = "/", method = "delete", operation_id = "delete_documents")]
    async fn purge(&self, caller: Caller<ToAdminister>) -> Result<Removed, Failure<OfPurge>> {
        let line = caller.line(&self.audit)?;
        let removed = self.pipeline.cache().purge(&caller.principal.tenant).await;
        note(line, "remove all documents", "-", removed.map(|()| true));
        removed.map(|()| Removed::Removed).map_err(|error| Problem::not_removed(error).into())
    }
}

/// Notes that something was removed, or that it may be gone though nobody can say so.
fn note(line: Line<'_>, action: &str, object: &str, removed: Result<bool, NotRemoved>) {
    match removed {
        Ok(true) => line.write(action, object, "removed"),
        Err(NotRemoved { is_begun: true }) => line.write(action, object, "not confirmed"),
        Ok(false) | Err(NotRemoved { is_begun: false }) => {}
    }
}

/// As much of a document as the headers ask for (RFC 9110, 13.2.2 and 14.2).
pub(super) fn show(headers: &HeaderMap, delivered: &Delivered) -> Result<Response, Problem> {
    if ![header::IF_NONE_MATCH, header::RANGE].iter().any(|name| headers.contains_key(name)) {
        return Ok(representation::whole(delivered));
    }
    let Ok(tag) = representation::entity_tag(delivered).parse::<ETag>() else {
        return Ok(representation::whole(delivered));
    };
    if headers.typed_get::<IfNoneMatch>().is_some_and(|wanted| !wanted.precondition_passes(&tag)) {
        return Ok(representation::not_modified(delivered));
    }
    let Some(range) = headers.typed_get::<Range>() else { return Ok(representation::whole(delivered)) };
    if headers.typed_get::<IfRange>().is_some_and(|known| known.is_modified(Some(&tag), None)) {
        return Ok(representation::whole(delivered));
    }
    let length = delivered.bytes.len();
    let mut ranges = range.satisfiable_ranges(length as u64);
    match (ranges.next().and_then(|bounds| bytes_of(bounds, length)), ranges.next()) {
        (Some((first, last)), None) => Ok(representation::part(delivered, first, last)),
        // Several ranges at once are not worth their form; the whole is an allowed answer.
        (Some(_), Some(_)) => Ok(representation::whole(delivered)),
        (None, _) => Err(Problem::no_such_range(length)),
    }
}

/// First and last byte of a range within a length; nothing when it lies outside.
fn bytes_of((from, to): (std::ops::Bound<u64>, std::ops::Bound<u64>), length: usize) -> Option<(usize, usize)> {
    use std::ops::Bound::{Excluded, Included, Unbounded};
    let end = length.checked_sub(1)?;
    let first = match from {
        Included(first) => usize::try_from(first).ok()?,
        Excluded(before) => usize::try_from(before).ok()?.checked_add(1)?,
        Unbounded => 0,
    };
    let last = match to {
        Included(last) => usize::try_from(last).unwrap_or(end).min(end),
        Excluded(after) => usize::try_from(after).ok()?.checked_sub(1)?.min(end),
        Unbounded => end,
    };
    (first <= last).then_some((first, last))
}
