//! What is wrong with a request itself: its body, its parameters, its path.

use poem::error::{MethodNotAllowedError, NotFoundError, ParsePathError, ParseQueryError, ReadBodyError};
use poem::http::StatusCode;
use poem_openapi::error::{ContentTypeError, ParseParamError, ParsePathError as ParseOperationPathError};

use super::Problem;
use crate::validate::{MAX_BODY, Unreadable};

impl Problem {
    /// Only places and reasons: never what the body holds.
    pub(in crate::http) fn unreadable(error: &Unreadable) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "unreadable-json", "the body is not JSON", error.to_string())
    }

    pub(in crate::http) fn too_large() -> Self {
        Self::larger_than(MAX_BODY)
    }

    /// A body, or a part of one, is larger than so many bytes.
    pub(in crate::http) fn larger_than(most: usize) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "body-too-large",
            "the body is too large",
            format!("at most {most} bytes"),
        )
    }

    pub(in crate::http) fn too_slow() -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, "body-too-slow", "the body did not come in time", "send it at once")
    }

    /// A body is not of the form that its media type has, or lacks a part.
    pub(in crate::http) fn bad_form(detail: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-form", "the body is wrong", detail)
    }

    /// The body is JSON of another form.
    pub(in crate::http) fn not_of_form() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "bad-form",
            "the body is wrong",
            "it is not of the form that the API description asks for",
        )
    }

    /// The body is compressed, or encoded in another way.
    pub(in crate::http) fn encoded() -> Self {
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported-encoding",
            "the body is encoded",
            "send it as it is, without `Content-Encoding`",
        )
    }

    /// The body is of none of some media types.
    pub(in crate::http) fn not_of_types(types: &[&str]) -> Self {
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported-media-type",
            "the body is of another type",
            format!("send it as one of: {}", types.join(", ")),
        )
    }

    pub(super) fn parameter(name: &str, detail: &str) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "bad-parameter",
            "a parameter is wrong",
            format!("parameter `{name}`: {detail}"),
        )
    }

    /// What an error of the framework means to the caller.
    pub(in crate::http) fn of_framework(error: &poem::Error) -> Self {
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
