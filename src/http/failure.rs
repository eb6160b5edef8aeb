//! The statuses that operations can fail with, for the API description, and a problem that is one of them.

use std::fmt;
use std::marker::PhantomData;

use poem::{IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, MetaSchemaRef, Registry};
use poem_openapi::types::Type;

use super::problem::{MEDIA_TYPE, Problem, ProblemBody};

/// The statuses that an operation can fail with.
pub(super) trait Statuses: Send + Sync + fmt::Debug + 'static {
    /// Status and its meaning.
    const LIST: &'static [(u16, &'static str)];
}

/// Failures of operations that take a document.
#[derive(Debug)]
pub(super) struct OfDocument;

impl Statuses for OfDocument {
    const LIST: &'static [(u16, &'static str)] = &[
        (400, "The body is not JSON (with line and column), or a parameter is wrong."),
        (406, "The kind can not be had in any of the accepted media types."),
        (408, "The body did not come in time."),
        (413, "The body has more than 262144 bytes."),
        (415, "The body is not `application/json`, or it is compressed."),
        (
            422,
            "The document is not valid: all faults, each with a JSON Pointer. Or it has no such page, or takes too much memory.",
        ),
        (500, "Our fault."),
        (503, "Too much is waiting, or who calls or what is done can not be looked up or noted; see `Retry-After`."),
        (504, "Rendering took longer than it may."),
    ];
}

/// Failures of operations that only check a document.
#[derive(Debug)]
pub(super) struct OfCheck;

impl Statuses for OfCheck {
    const LIST: &'static [(u16, &'static str)] = &[
        (400, "The body is not JSON, with line and column."),
        (408, "The body did not come in time."),
        (413, "The body has more than 262144 bytes."),
        (415, "The body is not `application/json`, or it is compressed."),
        (422, "The document takes too much memory."),
        (500, "Our fault."),
        (503, "Too much is waiting; see `Retry-After`."),
        (504, "Checking took longer than it may."),
    ];
}

/// Failures of fetching a document again.
#[derive(Debug)]
pub(super) struct OfStored;

impl Statuses for OfStored {
    const LIST: &'static [(u16, &'static str)] = &[
        (404, "There is no such document, or it is no longer kept."),
        (416, "The document is shorter than the range."),
        (500, "Our fault."),
    ];
}

/// Failures of removing documents.
#[derive(Debug)]
pub(super) struct OfRemoval;

impl Statuses for OfRemoval {
    const LIST: &'static [(u16, &'static str)] = &[
        (404, "There is no such document, or it is no longer kept."),
        (500, "Our fault."),
        (503, "The shared cache can not be reached and may still hold it."),
    ];
}

/// Failures of removing all documents.
#[derive(Debug)]
pub(super) struct OfPurge;

impl Statuses for OfPurge {
    const LIST: &'static [(u16, &'static str)] =
        &[(500, "Our fault."), (503, "The shared cache can not be reached and may still hold them.")];
}

/// Failures of reading the audit log.
#[derive(Debug)]
pub(super) struct OfAudit;

impl Statuses for OfAudit {
    const LIST: &'static [(u16, &'static str)] =
        &[(400, "A parameter is wrong."), (500, "Our fault."), (503, "The store does not answer; see `Retry-After`.")];
}

/// Failures of sending a mailing.
#[derive(Debug)]
pub(super) struct OfNewJob;

impl Statuses for OfNewJob {
    const LIST: &'static [(u16, &'static str)] = &[
        (400, "Letter or list is not JSON (with line and column), the form lacks a part, or a parameter is wrong."),
        (408, "The body did not come in time."),
        (409, "Under this `Idempotency-Key` another mailing was sent."),
        (413, "The list is too long; the problem tells how long it may be."),
        (415, "The body is none of the media types, or it is compressed."),
        (429, "Too many jobs are not done yet, or too many requests; see `Retry-After`."),
        (422, "Letter, columns or first look of the list are not valid: all faults, each with a JSON Pointer."),
        (500, "Our fault."),
        (
            503,
            "The store does not answer, has no room or no key to seal with, or too much is waiting; see `Retry-After`.",
        ),
        (504, "Checking the letter took longer than it may."),
    ];
}

/// Failures of looking at a job and of what it has made.
#[derive(Debug)]
pub(super) struct OfJob;

impl Statuses for OfJob {
    const LIST: &'static [(u16, &'static str)] = &[
        (400, "A parameter is wrong."),
        (404, "There is no such job, item or file, or it is no longer kept."),
        (409, "The job is in a state in which this can not be done."),
        (500, "Our fault."),
        (503, "The store does not answer; see `Retry-After`."),
    ];
}

/// Failures of keeping a new plan or agreement.
#[derive(Debug)]
pub(super) struct OfNewRecord;

impl Statuses for OfNewRecord {
    const LIST: &'static [(u16, &'static str)] = &[
        (400, "The body is not JSON (with line and column), or a parameter is wrong."),
        (408, "The body did not come in time."),
        (409, "Under this `Idempotency-Key` another document was sent."),
        (413, "The body has more than 262144 bytes."),
        (415, "The body is not `application/json`, or it is compressed."),
        (422, "The document is not valid: all faults, each with a JSON Pointer."),
        (500, "Our fault."),
        (503, "The store does not answer or has no key to seal with, or too much is waiting; see `Retry-After`."),
        (504, "Checking the document took longer than it may."),
    ];
}

/// Failures of changing a plan or agreement.
#[derive(Debug)]
pub(super) struct OfRecordChange;

impl Statuses for OfRecordChange {
    const LIST: &'static [(u16, &'static str)] = &[
        (400, "The body is not JSON or not of the form asked for, or a parameter is wrong."),
        (404, "There is no such plan or agreement."),
        (408, "The body did not come in time."),
        (
            409,
            "It is in a state in which this can not be done; `allowed` has what can. Or somebody else changed it at the same moment.",
        ),
        (412, "It was changed since: its `ETag` is not in `If-Match`."),
        (413, "The body has more than 262144 bytes."),
        (415, "The body is not `application/json`, or it is compressed."),
        (422, "What was sent is not valid: all faults, each with a JSON Pointer. Or the document can not be made."),
        (428, "`If-Match` is missing where it has to be."),
        (500, "Our fault."),
        (503, "The store does not answer, or too much is waiting; see `Retry-After`."),
        (504, "Making or checking the document took longer than it may."),
    ];
}

/// Failures of signing plans and agreements.
#[derive(Debug)]
pub(super) struct OfSignature;

impl Statuses for OfSignature {
    const LIST: &'static [(u16, &'static str)] = &[
        (400, "The body is not JSON or not of the form asked for."),
        (404, "There is no such plan or agreement; or nothing was prepared under this name, or its time is over."),
        (408, "The body did not come in time."),
        (
            409,
            "It is in a state in which this can not be done; `allowed` has what can. Or it is not this signer's turn, or somebody else was first.",
        ),
        (412, "It was changed since: its `ETag` is not in `If-Match`."),
        (413, "The body has more than 262144 bytes, or the signed file more than 16777216."),
        (415, "The body is of another media type, or it is compressed."),
        (
            422,
            "There is no such key, or the signature can not be made, or what was sent is no good signature of the document.",
        ),
        (500, "Our fault."),
        (503, "The store does not answer, or too much is waiting; see `Retry-After`."),
        (504, "Making the mark of the signature took longer than it may."),
    ];
}

/// Failures of looking at plans and agreements.
#[derive(Debug)]
pub(super) struct OfRecord;

impl Statuses for OfRecord {
    const LIST: &'static [(u16, &'static str)] = &[
        (400, "A parameter is wrong."),
        (404, "There is no such plan, agreement or version."),
        (409, "The version is in a state in which there is nothing of the kind."),
        (500, "Our fault."),
        (503, "The store does not answer; see `Retry-After`."),
    ];
}

/// Failures of fetching a file of a plan or agreement.
#[derive(Debug)]
pub(super) struct OfRecordFile;

impl Statuses for OfRecordFile {
    const LIST: &'static [(u16, &'static str)] = &[
        (400, "A parameter is wrong."),
        (404, "There is no such plan, agreement or version."),
        (409, "The version is not signed."),
        (416, "The file is shorter than the range."),
        (422, "The document of a draft can not be made."),
        (500, "Our fault."),
        (503, "The store does not answer, or too much is waiting; see `Retry-After`."),
        (504, "Making the document of a draft took longer than it may."),
    ];
}

/// Failures of judging a file.
#[derive(Debug)]
pub(super) struct OfVerification;

impl Statuses for OfVerification {
    const LIST: &'static [(u16, &'static str)] = &[
        (
            400,
            "The form lacks a part or has one that is wrong, the document beside the file is not JSON, or a parameter is wrong.",
        ),
        (408, "The body did not come in time."),
        (413, "The file has more than 16777216 bytes, or the document beside it more than 262144."),
        (415, "The body is none of the media types, or it is compressed."),
        (
            422,
            "The document beside the file is not valid: all faults, each with a JSON Pointer. Or it takes too much memory.",
        ),
        (500, "Our fault."),
        (503, "Too much is waiting, or the store does not answer; see `Retry-After`."),
        (504, "Making the document beside the file took longer than it may."),
    ];
}

/// Failures of operations that look something up.
#[derive(Debug)]
pub(super) struct OfLookup;

impl Statuses for OfLookup {
    const LIST: &'static [(u16, &'static str)] =
        &[(400, "A parameter is wrong."), (404, "There is no such kind."), (500, "Our fault.")];
}

/// Failures of the readiness probe.
#[derive(Debug)]
pub(super) struct OfProbe;

impl Statuses for OfProbe {
    const LIST: &'static [(u16, &'static str)] = &[(503, "Not ready yet."), (500, "Our fault.")];
}

/// A problem of an operation, with the statuses that its description names.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Failure<S: Statuses>(Problem, PhantomData<S>);

impl<S: Statuses> From<Problem> for Failure<S> {
    fn from(problem: Problem) -> Self {
        debug_assert!(
            S::LIST.iter().any(|(status, _)| *status == problem.status.as_u16()),
            "undocumented status {}",
            problem.status
        );
        Self(problem, PhantomData)
    }
}

impl<S: Statuses> From<Failure<S>> for poem::Error {
    fn from(failure: Failure<S>) -> Self {
        failure.0.into()
    }
}

impl<S: Statuses> ApiResponse for Failure<S> {
    fn meta() -> MetaResponses {
        let responses = S::LIST
            .iter()
            .map(|&(status, description)| MetaResponse {
                description,
                status: Some(status),
                status_range: None,
                content: vec![MetaMediaType {
                    content_type: MEDIA_TYPE,
                    schema: MetaSchemaRef::Reference("Problem".to_owned()),
                }],
                headers: Vec::new(),
            })
            .collect();
        MetaResponses { responses }
    }

    fn register(registry: &mut Registry) {
        ProblemBody::register(registry);
    }
}

impl<S: Statuses> IntoResponse for Failure<S> {
    fn into_response(self) -> Response {
        self.0.respond("", "")
    }
}
