//! Problems (RFC 9457): the one table that turns what goes wrong into what the caller is told.

mod access;
mod document;
mod job;
mod record;
mod request;
mod service;

use poem::Response;
use poem::error::ResponseError;
use poem::http::{HeaderValue, StatusCode, header};
use poem_openapi::Object;
use poem_openapi::types::ToJSON;

use self::access::Challenge;
use crate::document::Locale;
use crate::record::state::State;
use crate::validate::Told;

/// Media type of problems.
pub(super) const MEDIA_TYPE: &str = "application/problem+json";

/// A fault in the body or in a parameter.
#[derive(Debug, Clone, PartialEq, Object)]
pub(super) struct Fault {
    /// JSON Pointer (RFC 6901) into the caller's own body; empty for the whole.
    pub(super) pointer: String,
    /// Stable name of the fault.
    pub(super) code: String,
    /// What is wrong, in the language asked for.
    pub(super) detail: String,
    /// How to mend it.
    #[oai(skip_serializing_if_is_none)]
    pub(super) hint: Option<String>,
}

impl From<Told> for Fault {
    fn from(told: Told) -> Self {
        Self { pointer: told.pointer, code: told.code.to_owned(), detail: told.detail, hint: told.hint }
    }
}

/// A problem as the caller sees it (RFC 9457).
#[derive(Debug, Clone, PartialEq, Object)]
#[oai(rename = "Problem")]
pub(super) struct ProblemBody {
    /// Stable name of the kind of problem.
    #[oai(rename = "type")]
    kind: String,
    /// The kind of problem in words.
    title: String,
    /// Status of the response.
    #[oai(validator(minimum(value = "400"), maximum(value = "599")))]
    status: u16,
    /// This problem in words.
    detail: String,
    /// Path of the request.
    instance: String,
    /// Identifier of the request, as in the log.
    request_id: String,
    /// Each fault of the body; empty when the problem is not one of the body's contents.
    errors: Vec<Fault>,
    /// What can be done in the state that a plan or an agreement is in, when this can not.
    #[oai(skip_serializing_if_is_none)]
    allowed: Option<Vec<String>>,
}

/// A problem on its way out.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{slug}: {detail}")]
pub(super) struct Problem {
    pub(super) status: StatusCode,
    slug: &'static str,
    title: &'static str,
    detail: String,
    errors: Vec<Fault>,
    retry_after: Option<u64>,
    /// Bytes of a document that is shorter than the range asked for.
    length: Option<usize>,
    language: Option<Locale>,
    challenge: Option<Challenge>,
    /// The state of a plan or an agreement in which something else is allowed.
    state: Option<State>,
}

impl ResponseError for Problem {
    fn status(&self) -> StatusCode {
        self.status
    }
}

impl Problem {
    fn new(status: StatusCode, slug: &'static str, title: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            slug,
            title,
            detail: detail.into(),
            errors: Vec::new(),
            retry_after: None,
            length: None,
            language: None,
            challenge: None,
            state: None,
        }
    }

    /// Says when to try again.
    fn after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// The response.
    pub(super) fn respond(self, instance: &str, request_id: &str) -> Response {
        let body = ProblemBody {
            kind: format!("urn:skoledok:problem:{}", self.slug),
            title: self.title.to_owned(),
            status: self.status.as_u16(),
            detail: self.detail,
            instance: instance.to_owned(),
            request_id: request_id.to_owned(),
            errors: self.errors,
            allowed: self.state.map(|state| state.steps().into_iter().map(|step| step.name().to_owned()).collect()),
        };
        let mut response = Response::builder()
            .status(self.status)
            .header(header::CONTENT_TYPE, MEDIA_TYPE)
            .header(header::CACHE_CONTROL, "no-store")
            .body(body.to_json_string());
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(range) = self.length.and_then(|length| HeaderValue::try_from(format!("bytes */{length}")).ok()) {
            response.headers_mut().insert(header::CONTENT_RANGE, range);
        }
        if let Some(challenge) = self.challenge.and_then(|challenge| HeaderValue::try_from(challenge.to_string()).ok())
        {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        if let Some(locale) = self.language {
            response.headers_mut().insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(locale.tag()));
        }
        response
    }
}
