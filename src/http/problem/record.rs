//! What goes wrong with plans and agreements, and with signing them.

use poem::http::StatusCode;

use super::{Fault, Problem};
use crate::document::Locale;
use crate::pipeline::ProduceError;
use crate::record::{MOST_BYTES, MOST_VERSIONS, RecordError};
use crate::render::RenderError;
use crate::signing::SigningError;
use crate::telemetry::with_causes;

impl Problem {
    /// A plan or an agreement that can not be kept, found, or changed in this way.
    pub(in crate::http) fn of_record(error: &RecordError, locale: Option<Locale>) -> Self {
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

    /// A plan or an agreement that can not be signed in this way.
    pub(in crate::http) fn of_signing(error: &SigningError, locale: Option<Locale>) -> Self {
        let refused = |slug, title| Self::new(StatusCode::UNPROCESSABLE_ENTITY, slug, title, with_causes(error));
        match error {
            SigningError::Record(error) => Self::of_record(error, locale),
            SigningError::Mark(ProduceError::Render(RenderError::Mark)) => {
                refused("unprintable-signer", "the signature can not be shown")
            }
            SigningError::Mark(error) => Self::of_production(error, locale),
            SigningError::NoKey => refused("no-such-key", "no such key"),
            SigningError::Who => refused("invalid-signers", "the signers can not be asked"),
            SigningError::OtherDocument(_) => refused("other-document", "it is another document"),
            SigningError::Sign(_)
            | SigningError::Form(_)
            | SigningError::Missing(_)
            | SigningError::NotSigned
            | SigningError::NotRight(_)
            | SigningError::NotTrusted(_) => refused("not-signed", "it can not be signed so"),
        }
    }

    /// A change without a word on what it is a change of.
    pub(in crate::http) fn unconditional() -> Self {
        Self::new(
            StatusCode::PRECONDITION_REQUIRED,
            "condition-missing",
            "`If-Match` is missing",
            "send the `ETag` of what you have seen in `If-Match`, so that nobody's change is lost",
        )
    }
}
