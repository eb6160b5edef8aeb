//! Raises signatures to the level that was wished for, when servers did not answer at first.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use super::{Signing, SigningError, seconds};
use crate::access::now;
use crate::audit::{Audit, Permit};
use crate::record::entry_of_service;
use crate::sign::level::{self, Level};
use crate::telemetry::with_causes;

/// Pause between two tries to raise a signature, in milliseconds.
pub(super) const PAUSE: i64 = 5 * 60 * 1000;
/// How often it is looked for signatures that are due.
const LOOK: Duration = Duration::from_secs(10);
/// Versions that are looked at before it is waited again.
pub(super) const AT_ONCE: i64 = 20;

impl Signing {
    /// Looks for signatures that are due and for keys that have changed, until it is told to stop.
    pub async fn look_after(self, audit: Audit, stopped: watch::Receiver<bool>) {
        let keys = Arc::clone(&self.0.keys).follow(stopped.clone());
        tokio::join!(keys, self.raise_and_renew(&audit, stopped));
    }

    async fn raise_and_renew(&self, audit: &Audit, mut stopped: watch::Receiver<bool>) {
        let mut ticks = interval(LOOK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                _ = stopped.wait_for(|stop| *stop) => return,
            }
            if let Err(error) = self.raise_all(audit).await {
                tracing::warn!(error = with_causes(&error), "signatures can not be raised");
            }
            if let Err(error) = self.renew_all(audit).await {
                tracing::warn!(error = with_causes(&error), "signatures can not be renewed");
            }
        }
    }

    async fn raise_all(&self, audit: &Audit) -> Result<(), SigningError> {
        let store = self.0.records.store();
        for (record, version) in
            store.signatures_to_raise(now(), AT_ONCE).await.map_err(crate::record::RecordError::from)?
        {
            let Ok(room) = audit.reserve() else { return Ok(()) };
            // First, so that a file that can not be raised is not the first of every round.
            let put_off = store.put_off_raising(&record, version, now() + PAUSE);
            put_off.await.map_err(crate::record::RecordError::from)?;
            match self.raise(&record, version, room).await {
                // Somebody else was at it, and it is looked at again.
                Ok(()) | Err(SigningError::Record(crate::record::RecordError::Changed)) => {}
                Err(error) => {
                    tracing::warn!(error = with_causes(&error), %record, version, "a signature can not be raised");
                }
            }
        }
        Ok(())
    }

    async fn raise(&self, record: &str, version: i64, room: Permit<'_>) -> Result<(), SigningError> {
        let Some(found) = self.0.records.to_raise(record, version).await? else { return Ok(()) };
        let before = found.bytes.len();
        let wished = found.wished;
        let outcome = level::raise(found.bytes.to_vec(), wished, &self.services(seconds())).await?;
        let after = (outcome.level < wished).then(|| now() + PAUSE);
        let is_new = outcome.document.len() > before;
        // A record that stays as it was is not changed: it was put off already.
        if !is_new && after.is_some() && found.levels.iter().all(|(_, had)| *had >= outcome.level) {
            return Ok(());
        }
        let levels: Vec<(String, Level, Option<i64>)> =
            found.levels.into_iter().map(|(field, had)| (field, had.max(outcome.level), after)).collect();
        let bytes = outcome.document.into();
        let file = is_new.then_some(&bytes);
        let place = (record, version);
        self.0.records.raise(&found.tenant, found.kind, place, found.revision, file, &levels).await?;
        if is_new {
            room.enter(entry_of_service(found.tenant.name(), "raise signatures", record, version));
        }
        Ok(())
    }
}
