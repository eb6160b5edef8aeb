//! Makes the document of a version, once and for all.

use bytes::Bytes;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::read::MOST_BYTES;
use super::state::Step;
use super::write::superseded_by;
use super::{Condition, Facts, Record, RecordError, Records};
use crate::document::{Kind, PdfStandard, Status};
use crate::pipeline::{Delivered, Freshness, Request};
use crate::render::Options;
use crate::store::Frozen;
use crate::tenant::Tenant;
use crate::worker::Priority;

/// How the documents of records are made: always so that an archive can keep them, whatever they ask for themselves, and with fields for the
/// signatures of their signatories.
#[must_use]
pub fn options() -> Options {
    Options { standard: Some(PdfStandard::A2aUa1), signable: true, ..Options::default() }
}

impl Records {
    /// Freezes the newest version: its document is made and never again.
    ///
    /// # Errors
    /// [`RecordError::NotNow`] if it is no draft, [`RecordError::NotFinal`] if the document says that it is not final.
    pub async fn finalise(
        &self,
        tenant: &Tenant,
        kind: Kind,
        id: &str,
        condition: &Condition,
    ) -> Result<Record, RecordError> {
        let opened = self.open_as_seen(tenant, kind, id, condition).await?;
        let to = opened.after(Step::Finalise, "only a draft can be made final")?;
        let number = opened.version.number;
        if Facts::open(&opened.vault, number, opened.version.facts.clone())?.status != Status::Final {
            return Err(RecordError::NotFinal);
        }
        let body = self.body(&opened).await?;
        let made = self.produce(tenant, kind, body, (options(), Freshness::Unkept)).await?;
        if made.bytes.len() > MOST_BYTES {
            return Err(RecordError::TooLarge);
        }
        let supersedes = superseded_by(to);
        let step = opened.step_to(to, &supersedes);
        let frozen = Frozen {
            hash: made.label.digest,
            size: i64::try_from(made.bytes.len()).unwrap_or(i64::MAX),
            label: postcard::to_stdvec(&made.label)
                .ok()
                .and_then(|label| opened.vault.seal("label", number, &label))
                .ok_or(RecordError::Sealed)?,
            file: opened.vault.seal("document", number, &made.bytes).ok_or(RecordError::Sealed)?,
            retention_until: self.retention_from(step.at),
        };
        let is_made = self.store().freeze_record(id, opened.record.revision, step, frozen).await?;
        self.changed(tenant, kind, id, condition, is_made).await
    }

    /// The document of a body, made by the pipeline.
    pub(super) async fn produce(
        &self,
        tenant: &Tenant,
        kind: Kind,
        body: Bytes,
        (options, freshness): (Options, Freshness),
    ) -> Result<Delivered, RecordError> {
        let pipeline = self.0.pipeline.as_ref().ok_or(RecordError::NoKey)?;
        let request =
            Request { tenant: tenant.clone(), kind, body, options, freshness, priority: Priority::Interactive };
        // A large future, which is not to make those round it large.
        Ok(Box::pin(pipeline.produce(request)).await?)
    }

    /// Until when a version is kept that was frozen or signed at a moment: so many years later, by the calendar.
    #[must_use]
    pub fn retention_from(&self, at: i64) -> i64 {
        let years = i64::from(self.0.settings.retention_years);
        let later = Timestamp::from_millisecond(at)
            .ok()
            .and_then(|at| at.to_zoned(TimeZone::UTC).checked_add(years.years()).ok());
        later.map_or(i64::MAX, |later| later.timestamp().as_millisecond())
    }
}
