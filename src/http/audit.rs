//! The audit log, for those who look after a tenant.

use poem_openapi::param::Query;
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi, Tags};

use super::caller::{Caller, ToAdminister};
use super::failure::{Failure, OfAudit};
use super::problem::Problem;
use crate::document::hex;
use crate::store::{Record, Store};

#[derive(Tags)]
enum Tag {
    /// Who did what.
    Audit,
}

/// Entries in a page, without and with a wish.
const PAGE: u16 = 100;

/// What somebody did.
#[derive(Debug, Object)]
#[oai(rename = "AuditEntry")]
struct EntryView {
    /// Place in the log of the whole service; a tenant sees only its own entries, so there are gaps.
    seq: i64,
    /// When, in milliseconds since 1970, UTC.
    at: i64,
    /// Who: `key` with the id of a key, `client` with the name in a token and the supplier that it belongs to, if any, or
    /// `command line`.
    actor: String,
    /// What.
    action: String,
    /// To what: the SHA-256 of a document, or what else is named.
    object: String,
    /// How it ended.
    result: String,
    /// The request, as in the log.
    request_id: String,
    /// SHA-256 of this entry and all before it.
    hash: String,
}

impl From<Record> for EntryView {
    fn from(record: Record) -> Self {
        let entry = record.entry;
        Self {
            seq: record.seq,
            at: entry.at,
            actor: entry.actor,
            action: entry.action,
            object: entry.object,
            result: entry.result,
            request_id: entry.request_id,
            hash: hex(&record.hash),
        }
    }
}

/// A page of the audit log.
#[derive(Debug, Object)]
#[oai(rename = "AuditPage")]
struct Page {
    /// The entries, the oldest first.
    entries: Vec<EntryView>,
    /// What to give as `after` for the next page; absent when there is none yet.
    #[oai(skip_serializing_if_is_none)]
    next: Option<i64>,
}

/// The operations on the audit log.
pub(super) struct AuditApi {
    pub(super) store: Store,
}

#[OpenApi(prefix_path = "/v1/audit", tag = "Tag::Audit")]
impl AuditApi {
    /// Reads the caller's own entries. There is no way to change or remove one.
    #[oai(path = "/", method = "get", operation_id = "read_audit")]
    async fn read(
        &self,
        caller: Caller<ToAdminister>,
        /// The entry after which to begin.
        #[oai(validator(minimum(value = "0")))]
        after: Query<Option<i64>>,
        /// Most entries; 100 if not given.
        #[oai(validator(minimum(value = "1"), maximum(value = "1000")))]
        limit: Query<Option<u16>>,
    ) -> Result<Json<Page>, Failure<OfAudit>> {
        let limit = limit.0.unwrap_or(PAGE);
        let tenant = caller.principal.tenant.name();
        let found = self.store.audit_after(after.0.unwrap_or(0), Some(tenant), limit.into()).await;
        let entries: Vec<EntryView> =
            found.map_err(|error| Problem::of_store(&error))?.into_iter().map(Into::into).collect();
        let next = entries.last().filter(|_| entries.len() == usize::from(limit)).map(|entry| entry.seq);
        Ok(Json(Page { entries, next }))
    }
}
