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
use crate::bulk::job::JobError;
use crate::bulk::list::ListFault;
use crate::cache::NotRemoved;
use crate::document::Locale;
use crate::pipeline::ProduceError;
use crate::record::state::State;
use crate::record::{MOST_BYTES, MOST_VERSIONS, RecordError};
use crate::render::RenderError;
use crate::signing::SigningError;
use crate::store::StoreError;
use crate::telemetry::with_causes;
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
            state: None,
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
        tracing::error!(error = with_causes(error), "the store does not answer");
        Self::store_unavailable()
    }

    fn store_unavailable() -> Self {
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
        Self::larger_than(MAX_BODY)
    }

    /// A body, or a part of one, is larger than so many bytes.
    pub(super) fn larger_than(most: usize) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "body-too-large",
            "the body is too large",
            format!("at most {most} bytes"),
        )
    }

    /// A body is not of the form that its media type has, or lacks a part.
    pub(super) fn bad_form(detail: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-form", "the body is wrong", detail)
    }

    /// Too much is waiting; there may be room after some seconds.
    pub(super) fn busy(seconds: u64) -> Self {
        let mut problem = Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "busy",
            "too much to do",
            "try again after the time in `Retry-After`",
        );
        problem.retry_after = Some(seconds);
        problem
    }

    /// A job that is not taken, not found, or not as it would have to be.
    pub(super) fn of_job(error: &JobError, locale: Option<Locale>) -> Self {
        match error {
            JobError::Unknown => Self::new(
                StatusCode::NOT_FOUND,
                "no-such-job",
                "no such job",
                "there is no such job, or it is no longer kept",
            ),
            JobError::Nothing(detail) => Self::new(StatusCode::NOT_FOUND, "not-there", "not there", *detail),
            JobError::OtherContents => Self::new(
                StatusCode::CONFLICT,
                "idempotency-key-used",
                "another mailing has this key",
                "under this `Idempotency-Key` another mailing was sent; take a new key for a new mailing",
            ),
            JobError::NotNow(detail) => Self::new(StatusCode::CONFLICT, "not-now", "not in this state", *detail),
            JobError::NoKey => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "no-store-key",
                "no jobs are taken",
                "the service has no key to seal contents with; whoever runs it sets `store.key`",
            ),
            JobError::TooMany => {
                let mut problem = Self::new(
                    StatusCode::TOO_MANY_REQUESTS,
                    "too-many-jobs",
                    "too many jobs",
                    "so many jobs of yours are not done yet that no more are taken; try again when some are",
                );
                problem.retry_after = Some(60);
                problem
            }
            JobError::Busy => Self::busy(10),
            JobError::TooLarge(most) => Self::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "body-too-large",
                "the body is too large",
                format!("at most {most} bytes; a longer list can be sent in lines (NDJSON), or in several jobs"),
            ),
            JobError::Form(detail) => Self::bad_form(detail),
            JobError::Unreadable { .. } => {
                Self::new(StatusCode::BAD_REQUEST, "unreadable-json", "the body is not JSON", error.to_string())
            }
            JobError::Mailing(findings) => Self::invalid(findings, locale.unwrap_or_default()),
            JobError::List(faults) => Self::invalid_list(faults),
            JobError::Webhook { member, reason } => {
                let mut problem = Self::new(
                    StatusCode::UNPROCESSABLE_ENTITY,
                    "invalid-webhook",
                    "the webhook can not be used",
                    "1 fault; see `errors`",
                );
                problem.errors = vec![Fault {
                    pointer: format!("/webhook/{member}"),
                    code: "bad_webhook".to_owned(),
                    detail: reason.clone(),
                    hint: None,
                }];
                problem
            }
            JobError::Produce(error) => Self::of_production(error, locale),
            JobError::Store(error) => Self::of_store(error),
            JobError::Queue(error) => {
                tracing::error!(error = with_causes(error), "the queue does not answer");
                Self::store_unavailable()
            }
            JobError::Sealed => {
                tracing::error!(%error, "a job can not be opened");
                Self::internal()
            }
        }
    }

    /// A plan or an agreement that can not be signed in this way.
    pub(super) fn of_signing(error: &SigningError, locale: Option<Locale>) -> Self {
        let refused = |slug, title| Self::new(StatusCode::UNPROCESSABLE_ENTITY, slug, title, with_causes(error));
        match error {
            SigningError::Record(error) => Self::of_record(error, locale),
            SigningError::Mark(ProduceError::Render(RenderError::Mark)) => {
                refused("unprintable-signer", "the signature can not be shown")
            }
            SigningError::Mark(error) => Self::of_production(error, locale),
            SigningError::NoKey => refused("no-such-key", "no such key"),
            SigningError::Who => refused("invalid-signers", "the signers can not be asked"),
            SigningError::OtherDocument => refused("other-document", "it is another document"),
            SigningError::Sign(_)
            | SigningError::Form(_)
            | SigningError::Missing(_)
            | SigningError::NotSigned
            | SigningError::NotRight(_)
            | SigningError::NotTrusted(_) => refused("not-signed", "it can not be signed so"),
        }
    }

    /// A plan or an agreement that can not be kept, found, or changed in this way.
    pub(super) fn of_record(error: &RecordError, locale: Option<Locale>) -> Self {
        let conflict = |slug, title, detail: &str| Self::new(StatusCode::CONFLICT, slug, title, detail);
        match error {
            RecordError::Unknown => Self::new(
                StatusCode::NOT_FOUND,
                "no-such-record",
                "no such record",
                "there is no such plan or agreement",
            ),
            RecordError::NoVersion => Self::new(
                StatusCode::NOT_FOUND,
                "no-such-version",
                "no such version",
                "there are fewer versions; `…/versions` lists them",
            ),
            RecordError::Cursor => Self::parameter("after", "what `next` of the page before says, as it is"),
            RecordError::OtherContents => conflict(
                "idempotency-key-used",
                "another document has this key",
                "under this `Idempotency-Key` another document was sent; take a new key for a new one",
            ),
            RecordError::Lost => Self::new(
                StatusCode::PRECONDITION_FAILED,
                "changed-since",
                "changed since it was seen",
                "somebody has changed it; fetch it again and send its `ETag` in `If-Match`",
            ),
            RecordError::Changed => {
                conflict("changed-meanwhile", "changed at the same moment", "somebody else was first; look at it again")
            }
            RecordError::NotNow { state, .. } => {
                let mut problem = conflict("not-now", "not in this state", &error.to_string());
                problem.state = Some(*state);
                problem
            }
            RecordError::NotFinal => {
                let detail = "the `status` of the document is not `final`; replace it by one whose status is";
                conflict("not-final", "the document is not final", detail)
            }
            RecordError::Retained { until } => {
                let until =
                    jiff::Timestamp::from_millisecond(*until).map_or_else(|_| "?".to_owned(), |at| format!("{at:.0}"));
                conflict("retained", "it has to be kept", &format!("a version of it is kept until {until}"))
            }
            RecordError::Held => conflict(
                "held",
                "it is held",
                "nothing of it is deleted before somebody with the scope `admin` releases it",
            ),
            RecordError::NotHeld => conflict("not-held", "it is not held", "there is no hold to release"),
            RecordError::TooMany => conflict(
                "too-many-versions",
                "too many versions",
                &format!("it has {MOST_VERSIONS} versions; begin a new one"),
            ),
            RecordError::TooLarge => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "document-too-large",
                "the document is too large",
                format!("its file has more than {MOST_BYTES} bytes; make the logo smaller"),
            ),
            RecordError::Form { pointer, reason } => {
                let (pointer, detail) = (pointer.clone(), (*reason).to_owned());
                let mut problem = Self::new(
                    StatusCode::UNPROCESSABLE_ENTITY,
                    "invalid-signers",
                    "the signers can not be asked",
                    "1 fault; see `errors`",
                );
                problem.errors = vec![Fault { pointer, code: "bad_signer".to_owned(), detail, hint: None }];
                problem
            }
            RecordError::NoKey => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "no-store-key",
                "no records are kept",
                "the service has no key to seal contents with; whoever runs it sets `store.key`",
            ),
            RecordError::Produce(error) => Self::of_production(error, locale),
            RecordError::Store(error) => Self::of_store(error),
            RecordError::Sealed => {
                tracing::error!(%error, "a record can not be opened");
                Self::internal()
            }
        }
    }

    /// A change without a word on what it is a change of.
    pub(super) fn unconditional() -> Self {
        Self::new(
            StatusCode::PRECONDITION_REQUIRED,
            "condition-missing",
            "`If-Match` is missing",
            "send the `ETag` of what you have seen in `If-Match`, so that nobody's change is lost",
        )
    }

    /// The body is JSON of another form.
    pub(super) fn not_of_form() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "bad-form",
            "the body is wrong",
            "it is not of the form that the API description asks for",
        )
    }

    /// All faults of the columns of a list.
    fn invalid_list(faults: &[ListFault]) -> Self {
        let count = faults.len();
        let mut problem = Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid-list",
            "the list can not be used",
            format!("{count} {}; see `errors`", if count == 1 { "fault" } else { "faults" }),
        );
        let fault = |fault: &ListFault| Fault {
            pointer: "/list".to_owned(),
            code: "bad_list".to_owned(),
            detail: fault.to_string(),
            hint: Some(fault.hint().to_owned()),
        };
        problem.errors = faults.iter().map(fault).collect();
        problem
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

    /// The body is of none of some media types.
    pub(super) fn not_of_types(types: &[&str]) -> Self {
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported-media-type",
            "the body is of another type",
            format!("send it as one of: {}", types.join(", ")),
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

    pub(super) fn internal() -> Self {
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
            ProduceError::Render(RenderError::Encode | RenderError::Fields(_) | RenderError::Mark)
            | ProduceError::Work(WorkError::Crashed) => {
                tracing::error!(%error, "rendering failed");
                Self::internal()
            }
            ProduceError::Work(WorkError::Busy { retry_after }) => Self::busy(*retry_after),
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
        "page" | "limit" => "a whole number from 1 to 1000",
        "dpi" => "a whole number from 36 to 300",
        "locale" => "one of `nb`, `nn`, `en`",
        "revocation" => "one of `required`, `if_present`",
        "on_invalid" => "one of `reject`, `skip`",
        "status" => "one of those that the API description names",
        "part" | "pages_per_file" => "a whole number from 1",
        _ => "not of the form that the API description asks for",
    }
}
