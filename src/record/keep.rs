//! What keeps a record, and its end: legal hold, retention, deleting.

use super::state::State;
use super::{Condition, Facts, Record, RecordError, Records};
use crate::access::now;
use crate::document::Kind;
use crate::telemetry::with_causes;
use crate::tenant::Tenant;

impl Records {
    /// Holds a record: nothing of it is deleted, not even when its time is over. Held again, the reason is another.
    ///
    /// # Errors
    /// As [`Self::find`].
    pub async fn hold(
        &self,
        tenant: &Tenant,
        kind: Kind,
        id: &str,
        reason: &str,
        condition: &Condition,
    ) -> Result<Record, RecordError> {
        let opened = self.open_as_seen(tenant, kind, id, condition).await?;
        let sealed = opened.vault.seal("hold", 0, reason.as_bytes()).ok_or(RecordError::Sealed)?;
        let since = opened.record.held_at.unwrap_or_else(now);
        let is_made = self.store().hold_record(id, opened.record.revision, Some((since, sealed)), now()).await?;
        self.changed(tenant, kind, id, condition, is_made).await
    }

    /// Holds a record no longer.
    ///
    /// # Errors
    /// [`RecordError::NotHeld`] if it is not held.
    pub async fn release(
        &self,
        tenant: &Tenant,
        kind: Kind,
        id: &str,
        condition: &Condition,
    ) -> Result<Record, RecordError> {
        let opened = self.open_as_seen(tenant, kind, id, condition).await?;
        if opened.record.held_at.is_none() {
            return Err(RecordError::NotHeld);
        }
        let is_made = self.store().hold_record(id, opened.record.revision, None, now()).await?;
        self.changed(tenant, kind, id, condition, is_made).await
    }

    /// Discards the newest version, a draft, and drafts before it, so that the version that was made final last is the newest again.
    ///
    /// # Errors
    /// [`RecordError::NotNow`] if it is no draft, or none was ever final: then the record is deleted. [`RecordError::Held`] while it is held.
    pub async fn discard(
        &self,
        tenant: &Tenant,
        kind: Kind,
        id: &str,
        condition: &Condition,
    ) -> Result<Record, RecordError> {
        let opened = self.open_as_seen(tenant, kind, id, condition).await?;
        let not_now = |why| Err(RecordError::NotNow { state: opened.state, why });
        if opened.state != State::Draft {
            return not_now("only a draft can be discarded");
        }
        if opened.record.held_at.is_some() {
            return Err(RecordError::Held);
        }
        let versions = self.store().versions(id).await?;
        let Some(last) = versions.into_iter().find(|version| version.final_at.is_some()) else {
            return not_now("no version was ever final; delete the record");
        };
        let terms = self.terms(tenant, &Facts::open(&opened.vault, last.number, last.facts)?)?;
        let is_made = self.store().discard_versions(id, opened.record.revision, last.number, terms, now()).await?;
        if is_made {
            self.forget_journal().await;
        }
        self.changed(tenant, kind, id, condition, is_made).await
    }

    /// Deletes a record with all its versions: one of nothing but drafts, or one whose time is over.
    ///
    /// # Errors
    /// [`RecordError::Held`], [`RecordError::Retained`], or [`RecordError::NotNow`] while it is being signed.
    pub async fn delete(
        &self,
        tenant: &Tenant,
        kind: Kind,
        id: &str,
        condition: &Condition,
    ) -> Result<(), RecordError> {
        let opened = self.open_as_seen(tenant, kind, id, condition).await?;
        if opened.record.held_at.is_some() {
            return Err(RecordError::Held);
        }
        if opened.state == State::Signing {
            let why = "it can not be deleted while it is being signed";
            return Err(RecordError::NotNow { state: opened.state, why });
        }
        let versions = self.store().versions(id).await?;
        if let Some(until) =
            versions.iter().filter_map(|version| version.retention_until).max().filter(|at| *at > now())
        {
            return Err(RecordError::Retained { until });
        }
        if !self.store().delete_record(id, opened.record.revision, State::Signing.name(), now()).await? {
            return Err(condition.lost());
        }
        // With its row the key is gone; this is only tidier.
        self.forget_journal().await;
        Ok(())
    }

    async fn forget_journal(&self) {
        if let Err(error) = self.store().forget_journal().await {
            tracing::warn!(error = with_causes(&error), "what was deleted stays in the journal for a while");
        }
    }
}
