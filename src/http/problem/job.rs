//! What goes wrong with jobs.

use poem::http::StatusCode;

use super::{Fault, Problem};
use crate::bulk::job::JobError;
use crate::bulk::list::ListFault;
use crate::document::Locale;
use crate::telemetry::with_causes;

impl Problem {
    /// A job that is not taken, not found, or not as it would have to be.
    pub(in crate::http) fn of_job(error: &JobError, locale: Option<Locale>) -> Self {
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
            JobError::TooMany => Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "too-many-jobs",
                "too many jobs",
                "so many jobs of yours are not done yet that no more are taken; try again when some are",
            )
            .after(60),
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
}
