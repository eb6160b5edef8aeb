//! Gives signed files another time stamp over all of it before the newest one can not be checked any more, so that they prove themselves for decades.

use super::raise::AT_ONCE;
use super::{Signing, SigningError, seconds};
use crate::access::now;
use crate::audit::{Audit, Permit};
use crate::record::{RecordError, ToRaise, entry_of_service};
use crate::sign::level::{self, Level};
use crate::sign::proof::proven_until;
use crate::telemetry::with_causes;

const HOUR: i64 = 60 * 60 * 1000;
const DAY: i64 = 24 * HOUR;
/// Longest pause between two looks at a file: what the settings say may have changed since.
const LONGEST: i64 = 90 * DAY;

impl Signing {
    /// Looks at some of the files of which it is time.
    pub(super) async fn renew_all(&self, audit: &Audit) -> Result<(), SigningError> {
        let store = self.0.records.store();
        for (record, version, revisions) in store.proofs_to_renew(now(), AT_ONCE).await.map_err(RecordError::from)? {
            let Ok(room) = audit.reserve() else { return Ok(()) };
            // First, so that a file that can not be read is not the first of every round.
            let noted = store.note_proofs(&record, version, revisions, (None, Some(now() + DAY)));
            noted.await.map_err(RecordError::from)?;
            match self.look_at_proofs(&record, version, room).await {
                // Somebody else was at it, and it is looked at again.
                Ok(()) | Err(SigningError::Record(RecordError::Changed)) => {}
                Err(error) => {
                    tracing::warn!(error = with_causes(&error), %record, version, "a signature can not be renewed");
                }
            }
        }
        Ok(())
    }

    async fn look_at_proofs(&self, record: &str, version: i64, room: Permit<'_>) -> Result<(), SigningError> {
        let note = async |revisions, proven_until, renew_at| {
            let noted = self.0.records.store().note_proofs(record, version, revisions, (proven_until, renew_at));
            Ok::<(), SigningError>(noted.await.map_err(RecordError::from)?)
        };
        let Some(found) = self.0.records.to_raise(record, version).await? else { return Ok(()) };
        let is_archived = found.is_whole && found.levels.iter().any(|(_, level)| *level == Level::BLTA);
        let end = if is_archived { proven_until(&found.bytes)? } else { None };
        // Of a file whose level is not reached yet it is looked at again when it is.
        let Some(end) = end.map(|end| end.saturating_mul(1000)) else { return note(found.revisions, None, None).await };
        let ahead = i64::try_from(self.0.settings.renew.as_millis()).unwrap_or(i64::MAX);
        let next = match step(end, now(), ahead) {
            Next::Wait(until) => until,
            Next::Renew => match self.renewed(&found, end).await {
                Ok(Some(bytes)) => {
                    let place = (record, version);
                    let file = bytes.into();
                    self.0.records.raise(&found.tenant, found.kind, place, found.revision, Some(&file), &[]).await?;
                    room.enter(entry_of_service(found.tenant.name(), "renew signatures", record, version));
                    return Ok(());
                }
                Ok(None) => later(end, now()),
                Err(error) => {
                    tracing::warn!(error = with_causes(&error), %record, version, "a signature can not be renewed");
                    if end > now() { now() + HOUR } else { now() + DAY }
                }
            },
        };
        note(found.revisions, Some(end), Some(next)).await
    }

    /// The file with another time stamp; nothing if that one would not last longer.
    async fn renewed(&self, found: &ToRaise, end: i64) -> Result<Option<Vec<u8>>, SigningError> {
        let outcome = level::renew(found.bytes.to_vec(), &self.services(seconds())).await?;
        if outcome.level < Level::BLTA {
            let missing = outcome.missing.into_iter().next();
            return Err(missing.map_or(SigningError::NotSigned, |missing| SigningError::Missing(Box::new(missing))));
        }
        let new = proven_until(&outcome.document)?.unwrap_or_default().saturating_mul(1000);
        Ok(is_gain(end, new, now()).then_some(outcome.document))
    }
}

/// What is done with a file.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    /// It is looked at again at a time.
    Wait(i64),
    /// It gets another time stamp.
    Renew,
}

/// What is done with a file whose newest time stamp can be checked until `end`, when that is to be renewed so long `ahead`. Times in milliseconds.
fn step(end: i64, now: i64, ahead: i64) -> Next {
    let due = end.saturating_sub(ahead);
    if due <= now { Next::Renew } else { Next::Wait(due.min(now.saturating_add(LONGEST))) }
}

/// When it is tried again after a time stamp came that would not last longer: at half of the time that is left.
fn later(end: i64, now: i64) -> i64 {
    let left = end.saturating_sub(now);
    now.saturating_add(if left > 0 { (left / 2).clamp(HOUR, LONGEST) } else { DAY })
}

/// Whether a time stamp that can be checked until `new` is worth keeping: if it lasts at least half as long again as the one that ends. A server goes on with
/// one certificate for years, and a file is not to grow with each look at it.
fn is_gain(end: i64, new: i64, now: i64) -> bool {
    let left = end.saturating_sub(now).max(0);
    new > now && new > end && new - now >= left.saturating_add(left / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_left_alone_until_its_end_is_near() {
        let now = 1000 * DAY;
        assert_eq!(step(now + 200 * DAY, now, 180 * DAY), Next::Wait(now + 20 * DAY));
        assert_eq!(step(now + 4000 * DAY, now, 180 * DAY), Next::Wait(now + LONGEST));
        assert_eq!(step(now + 180 * DAY, now, 180 * DAY), Next::Renew);
        assert_eq!(step(now - DAY, now, 180 * DAY), Next::Renew, "better late than never");
        assert_eq!(step(i64::MIN, now, i64::MAX), Next::Renew);
    }

    #[test]
    fn a_time_stamp_that_lasts_no_longer_is_not_kept_and_asked_for_ever_more_seldom_in_all() {
        let (mut now, end) = (0, 180 * DAY);
        assert!(!is_gain(end, end, now) && !is_gain(end, end + DAY, now));
        assert!(is_gain(end, 2 * end, now) && is_gain(-DAY, DAY, now) && !is_gain(-DAY, 0, now));
        let mut tries = 0;
        while now < end {
            now = later(end, now);
            tries += 1;
        }
        assert!((10..20).contains(&tries), "{tries}");
        assert_eq!(later(end, end), end + DAY);
    }

    #[test]
    fn with_certificates_of_three_months_a_file_grows_every_month_and_a_half_at_most() {
        let (mut now, mut end, mut kept) = (0, 90 * DAY, 0);
        while now < 3600 * DAY {
            assert!(end > now, "it is never without a time stamp that can be checked");
            let new = now + 90 * DAY;
            if is_gain(end, new, now) {
                (end, kept) = (new, kept + 1);
            }
            now = later(end, now);
        }
        assert!(kept <= 80, "{kept}");
    }
}
