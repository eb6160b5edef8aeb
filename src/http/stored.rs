//! Documents that were made before: fetched again by their location, and removed.

use poem::http::{HeaderMap, header};
use poem::web::headers::{ETag, HeaderMapExt, IfNoneMatch, IfRange};
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
    let length = delivered.bytes.len();
    let Some(mut ranges) = ranges_within(headers, length) else { return Ok(representation::whole(delivered)) };
    if headers.typed_get::<IfRange>().is_some_and(|known| known.is_modified(Some(&tag), None)) {
        return Ok(representation::whole(delivered));
    }
    match (ranges.next(), ranges.next()) {
        (Some((first, last)), None) => Ok(representation::part(delivered, first, last)),
        // Several ranges at once are not worth their form; the whole is an allowed answer.
        (Some(_), Some(_)) => Ok(representation::whole(delivered)),
        (None, _) => Err(Problem::no_such_range(length)),
    }
}

/// First and last byte of each range that can be satisfied; nothing when no bytes are asked for. The `headers` crate leaves out a
/// suffix that is longer than the document, which stands for all of it.
fn ranges_within(headers: &HeaderMap, length: usize) -> Option<impl Iterator<Item = (usize, usize)>> {
    let (unit, ranges) = headers.get(header::RANGE)?.to_str().ok()?.split_once('=')?;
    let of_bytes = unit.eq_ignore_ascii_case("bytes");
    of_bytes.then(|| ranges.split(',').filter_map(move |range| within(range.trim(), length)))
}

/// First and last byte of a range within a length (RFC 9110, 14.1.2); nothing when it lies outside, or is none.
fn within(range: &str, length: usize) -> Option<(usize, usize)> {
    let end = length.checked_sub(1)?;
    let (first, last) = match range.split_once('-')? {
        ("", suffix) => (length.saturating_sub(position(suffix)?), end),
        (first, "") => (position(first)?, end),
        (first, last) => (position(first)?, position(last)?.min(end)),
    };
    (first <= last).then_some((first, last))
}

/// A number of bytes. One that is too large for us lies behind every document.
fn position(digits: &str) -> Option<usize> {
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_those_of_rfc_9110() {
        let found = |range: &str| -> Option<Vec<(usize, usize)>> {
            let headers = HeaderMap::from_iter([(header::RANGE, range.parse().expect("a header value"))]);
            ranges_within(&headers, 100).map(Iterator::collect)
        };
        let satisfied = [
            ("bytes=0-0", (0, 0)),
            ("bytes=10-19", (10, 19)),
            ("bytes=10-", (10, 99)),
            ("bytes=0-999", (0, 99)),
            ("bytes=0-99999999999999999999999", (0, 99)),
            ("bytes=-10", (90, 99)),
            ("bytes=-100", (0, 99)),
            ("bytes=-65536", (0, 99)),
            ("bytes=-99999999999999999999999", (0, 99)),
            ("Bytes=5-5", (5, 5)),
            ("bytes=999-, 0-9", (0, 9)),
        ];
        for (range, bytes) in satisfied {
            assert_eq!(found(range), Some(vec![bytes]), "{range}");
        }
        assert_eq!(found("bytes=0-1,5-6"), Some(vec![(0, 1), (5, 6)]));
        for range in ["bytes=100-", "bytes=-0", "bytes=9-5", "bytes=+1-2, 1, -, a-b"] {
            assert_eq!(found(range), Some(Vec::new()), "{range}");
        }
        for range in ["lines=1-2", "bytes"] {
            assert_eq!(found(range), None, "{range}");
        }
        assert_eq!(within("-1", 0), None, "there is nothing of what is empty");
    }
}
