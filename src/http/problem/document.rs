//! What goes wrong in making a document, and in fetching one that was made.

use poem::http::StatusCode;

use super::Problem;
use crate::cache::NotRemoved;
use crate::document::{Kind, Locale};
use crate::pipeline::ProduceError;
use crate::render::RenderError;
use crate::validate::Finding;
use crate::worker::WorkError;

impl Problem {
    /// All faults of a document.
    pub(in crate::http) fn invalid(violations: &[Finding], locale: Locale) -> Self {
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

    /// What happened in making a document. `locale` is the language asked for by the caller, if any.
    pub(in crate::http) fn of_production(error: &ProduceError, asked: Option<Locale>) -> Self {
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

    pub(in crate::http) fn unknown_kind() -> Self {
        let kinds: Vec<_> = Kind::ALL.iter().map(|kind| format!("`{}`", kind.slug())).collect();
        Self::new(
            StatusCode::NOT_FOUND,
            "unknown-kind",
            "no such kind of document",
            format!("the kinds are {}", kinds.join(", ")),
        )
    }

    pub(in crate::http) fn not_acceptable(offered: &str) -> Self {
        Self::new(
            StatusCode::NOT_ACCEPTABLE,
            "not-acceptable",
            "no such representation",
            format!("this can be had as {offered}; see `Accept`"),
        )
    }

    /// The same for a document that never was, is no longer kept, or is another's.
    pub(in crate::http) fn no_document() -> Self {
        Self::new(StatusCode::NOT_FOUND, "no-such-document", "no such document", "it is no longer kept; make it again")
    }

    pub(in crate::http) fn no_such_range(length: usize) -> Self {
        let mut problem = Self::new(
            StatusCode::RANGE_NOT_SATISFIABLE,
            "no-such-range",
            "the document is shorter",
            format!("the document has {length} bytes"),
        );
        problem.length = Some(length);
        problem
    }

    pub(in crate::http) fn not_removed(error: NotRemoved) -> Self {
        tracing::warn!(%error, "a removal is not confirmed");
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "not-removed",
            "not removed everywhere",
            "the shared cache can not be reached and may still hold what was to be removed; try again",
        )
        .after(5)
    }
}
