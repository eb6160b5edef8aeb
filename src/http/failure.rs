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
