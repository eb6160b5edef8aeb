//! Problems (RFC 9457): the one table that turns what goes wrong into what the caller is told.

use std::fmt;

use poem::Response;
use poem::error::{
    MethodNotAllowedError, NotFoundError, ParsePathError, ParseQueryError, ReadBodyError, ResponseError,
};
use poem::http::{HeaderValue, StatusCode, header};
use poem_openapi::Object;
use poem_openapi::error::{ContentTypeError, ParseParamError, ParsePathError as ParseOperationPathError};
use poem_openapi::types::ToJSON;

use crate::access::{Refusal, Scope};
use crate::audit::NotNoted;
use crate::cache::NotRemoved;
use crate::document::Locale;
use crate::pipeline::ProduceError;
use crate::render::RenderError;
use crate::store::StoreError;
use crate::validate::{Finding, MAX_BODY, Told, Unreadable};
use crate::worker::WorkError;

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
}

/// What `WWW-Authenticate` says (RFC 6750, 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Challenge {
    Missing,
    Invalid,
    Scope(Scope),
}

impl fmt::Display for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bearer realm=\"skoledok\"")?;
        match self {
            Self::Missing => Ok(()),
            Self::Invalid => f.write_str(", error=\"invalid_token\""),
            Self::Scope(scope) => write!(f, ", error=\"insufficient_scope\", scope=\"{}\"", scope.name()),
        }
    }
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
        }
    }

    /// All faults of a document.
    pub(super) fn invalid(violations: &[Finding], locale: Locale) -> Self {
        let count = violations.len();
        let mut problem = Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid-document",
            "the document is not valid",
            format!("{count} {}; see `errors`", if count == 1 { "fault" } else { "faults" }),
        );
        problem.errors = violations.iter().map(|finding| finding.tell(locale).into()).collect();
        problem.language = Some(locale);
        problem
    }

    /// Somebody is not let in (RFC 6750, 3.1).
    pub(super) fn refused(refusal: Refusal) -> Self {
        let detail = refusal.to_string();
        match refusal {
            Refusal::Missing => {
                let mut problem =
                    Self::new(StatusCode::UNAUTHORIZED, "not-authenticated", "who calls is not known", detail);
                problem.challenge = Some(Challenge::Missing);
                problem
            }
            Refusal::Invalid(_) => {
                let mut problem =
                    Self::new(StatusCode::UNAUTHORIZED, "invalid-credentials", "the credentials are not good", detail);
                problem.challenge = Some(Challenge::Invalid);
                problem
            }
            Refusal::Unavailable => {
                let mut problem = Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "access-unavailable",
                    "nobody can be let in now",
                    detail,
                );
                problem.retry_after = Some(5);
                problem
            }
        }
    }

    /// Somebody may not do this.
    pub(super) fn not_allowed(needed: Scope) -> Self {
        let name = needed.name();
        let mut problem = Self::new(
            StatusCode::FORBIDDEN,
            "missing-scope",
            "the credentials are not for this",
            format!("the scope `{name}` is missing"),
        );
        problem.challenge = Some(Challenge::Scope(needed));
        problem
    }

    /// Somebody calls too often.
    pub(super) fn too_many(seconds: u64) -> Self {
        let mut problem = Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too-many-requests",
            "too many requests",
            "try again after the time in `Retry-After`; `RateLimit-Policy` tells how many are allowed",
        );
        problem.retry_after = Some(seconds);
        problem
    }

    /// What has to be noted can not be.
    pub(super) fn not_noted(error: NotNoted) -> Self {
        let mut problem = Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "audit-unavailable",
            "what is done can not be noted",
            error.to_string(),
        );
        problem.retry_after = Some(5);
        problem
    }

    /// The store does not answer.
    pub(super) fn of_store(error: &StoreError) -> Self {
        tracing::error!(error = error as &dyn std::error::Error, "the store does not answer");
        let mut problem = Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "store-unavailable",
            "the store does not answer",
            "try again after the time in `Retry-After`",
        );
        problem.retry_after = Some(5);
        problem
    }

    /// Only places and reasons: never what the body holds.
    pub(super) fn unreadable(error: &Unreadable) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "unreadable-json", "the body is not JSON", error.to_string())
    }

    pub(super) fn too_large() -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "body-too-large",
            "the body is too large",
            format!("at most {MAX_BODY} bytes"),
        )
    }

    pub(super) fn too_slow() -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, "body-too-slow", "the body did not come in time", "send it at once")
    }

    pub(super) fn not_acceptable(offered: &str) -> Self {
        Self::new(
            StatusCode::NOT_ACCEPTABLE,
            "not-acceptable",
            "no such representation",
            format!("this can be had as {offered}; see `Accept`"),
        )
    }

    pub(super) fn unknown_kind() -> Self {
        let kinds: Vec<_> = crate::document::Kind::ALL.iter().map(|kind| format!("`{}`", kind.slug())).collect();
        Self::new(
            StatusCode::NOT_FOUND,
            "unknown-kind",
            "no such kind of document",
            format!("the kinds are {}", kinds.join(", ")),
        )
    }

    /// The same for a document that never was, is no longer kept, or is another's.
    pub(super) fn no_document() -> Self {
        Self::new(StatusCode::NOT_FOUND, "no-such-document", "no such document", "it is no longer kept; make it again")
    }

    pub(super) fn no_such_range(length: usize) -> Self {
        let mut problem = Self::new(
            StatusCode::RANGE_NOT_SATISFIABLE,
            "no-such-range",
            "the document is shorter",
            format!("the document has {length} bytes"),
        );
        problem.length = Some(length);
        problem
    }

    pub(super) fn not_removed(error: NotRemoved) -> Self {
        tracing::warn!(%error, "nothing was removed");
        let mut problem = Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "not-removed",
            "not removed everywhere",
            "the shared cache can not be reached and may still hold what was to be removed; try again",
        );
        problem.retry_after = Some(5);
        problem
    }

    pub(super) fn not_ready() -> Self {
        let mut problem = Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "not-ready",
            "not ready",
            "the self-test is not done yet, or the service is about to stop",
        );
        problem.retry_after = Some(1);
        problem
    }

    /// The body is compressed, or encoded in another way.
    pub(super) fn encoded() -> Self {
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported-encoding",
            "the body is encoded",
            "send it as it is, without `Content-Encoding`",
        )
    }

    fn parameter(name: &str, detail: &str) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "bad-parameter",
            "a parameter is wrong",
            format!("parameter `{name}`: {detail}"),
        )
    }

    fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal-error",
            "our fault",
            "the service failed; report the request id",
        )
    }

    /// What an error of the framework means to the caller.
    pub(super) fn of_framework(error: &poem::Error) -> Self {
        if let Some(problem) = error.downcast_ref::<Self>() {
            return problem.clone();
        }
        if let Some(error) = error.downcast_ref::<ParseParamError>() {
            return Self::parameter(error.name, bounds(error.name));
        }
        if error.is::<ParsePathError>() || error.is::<ParseOperationPathError>() || error.is::<ParseQueryError>() {
            return Self::parameter("path or query", "not of the form that the API description asks for");
        }
        if matches!(error.downcast_ref::<ReadBodyError>(), Some(ReadBodyError::PayloadTooLarge)) {
            return Self::too_large();
        }
        if error.is::<NotFoundError>() {
            return Self::new(
                StatusCode::NOT_FOUND,
                "not-found",
                "nothing here",
                "see `/openapi.json` for what there is",
            );
        }
        if error.is::<MethodNotAllowedError>() || error.status() == StatusCode::METHOD_NOT_ALLOWED {
            return Self::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "method-not-allowed",
                "no such method here",
                "see `Allow` for the methods of this path",
            );
        }
        if error.is::<ContentTypeError>() || error.status() == StatusCode::UNSUPPORTED_MEDIA_TYPE {
            return Self::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported-media-type",
                "the body is of another type",
                "send `Content-Type: application/json`",
            );
        }
        match error.status() {
            status if status.is_client_error() => {
                Self::new(status, "bad-request", "the request is wrong", "the request could not be understood")
            }
            _ => Self::internal(),
        }
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

    /// What happened in making a document. `locale` is the language asked for by the caller, if any.
    pub(super) fn of_production(error: &ProduceError, asked: Option<Locale>) -> Self {
        match error {
            ProduceError::Unreadable(error) => Self::unreadable(error),
            ProduceError::Invalid { violations, locale } => Self::invalid(violations, asked.unwrap_or(*locale)),
            ProduceError::Render(RenderError::NoSuchPage { wanted, pages }) => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "no-such-page",
                "the document has fewer pages",
                format!("there is no page {wanted}, the document has {pages}"),
            ),
            ProduceError::Render(RenderError::NoSuchFormat { .. }) => {
                Self::not_acceptable("the media types of its kind, see `/v1/kinds`")
            }
            ProduceError::Render(RenderError::Template(diagnostic)) => {
                tracing::error!(diagnostic, "a shipped template failed");
                Self::internal()
            }
            ProduceError::Render(RenderError::Encode) | ProduceError::Work(WorkError::Crashed) => {
                tracing::error!(%error, "rendering failed");
                Self::internal()
            }
            ProduceError::Work(WorkError::Busy { retry_after }) => {
                let mut problem = Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "busy",
                    "too much to do",
                    "try again after the time in `Retry-After`",
                );
                problem.retry_after = Some(*retry_after);
                problem
            }
            ProduceError::Work(WorkError::Deadline) => Self::new(
                StatusCode::GATEWAY_TIMEOUT,
                "deadline",
                "rendering took too long",
                "the document was given up; make it shorter",
            ),
            ProduceError::Work(WorkError::Memory) => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "too-much-memory",
                "the document takes too much memory",
                "the document was given up; make it shorter, or its pictures smaller",
            ),
        }
    }
}

/// What a parameter may be, by its name.
fn bounds(parameter: &str) -> &'static str {
    match parameter {
        "standard" => "one of `a-2a+ua-1` (with `+` written as `%2B`), `a-2a`, `ua-1`, `a-2b`, `plain`",
        "page" => "a whole number from 1 to 1000",
        "dpi" => "a whole number from 36 to 300",
        "locale" => "one of `nb`, `nn`, `en`",
        _ => "not of the form that the API description asks for",
    }
}
