//! Plans and agreements: one set of operations, described and reached twice. Here are the records with their versions; `record_file` gives their files,
//! `signature` has them signed.

use std::collections::HashMap;
use std::marker::PhantomData;

use poem::endpoint::BoxEndpoint;
use poem::http::{HeaderMap, Method};
use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::registry::{MetaApi, Registry};
use poem_openapi::{ApiResponse, OpenApi, Tags};

use super::caller::{Caller, ToAdminister, ToReadPlans, ToWritePlans};
use super::failure::{Failure, OfNewRecord, OfRecord, OfRecordChange, Statuses};
use super::negotiate;
use super::payload::{OfKind, Small, Unchecked};
use super::problem::Problem;
use super::record_view::{HoldBody, RecordPage, RecordVersions, RecordView, StatusName, VersionView};
use crate::audit::Audit;
use crate::document::{AnnualPlan, CooperationAgreement};
use crate::record::{Condition, Filter, Record, RecordError, Records};

/// The sets of operations.
#[derive(Tags)]
pub(super) enum Tag {
    /// Annual plans that are kept, signed and fetched again.
    Plans,
    /// Cooperation agreements that are kept, signed and fetched again.
    Agreements,
}

/// Records in a page, without a wish.
const PAGE: u16 = 100;

/// A kind that records are kept of.
pub(super) trait RecordKind: OfKind {
    /// Where they are.
    const PATH: &'static str;
    /// Where they stand in the API description.
    const TAG: Tag;
    /// Which column of [`NAMES`] has the names of the operations.
    const COLUMN: usize;
}

impl RecordKind for AnnualPlan {
    const PATH: &'static str = "/v1/plans";
    const TAG: Tag = Tag::Plans;
    const COLUMN: usize = 0;
}

impl RecordKind for CooperationAgreement {
    const PATH: &'static str = "/v1/agreements";
    const TAG: Tag = Tag::Agreements;
    const COLUMN: usize = 1;
}

/// What operations are called below, and of plans and of agreements: no two operations may have one name.
const NAMES: [(&str, [&str; 2]); 11] = [
    ("create", ["create_plan", "create_agreement"]),
    ("list", ["list_plans", "list_agreements"]),
    ("get", ["get_plan", "get_agreement"]),
    ("replace", ["replace_plan", "replace_agreement"]),
    ("delete", ["delete_plan", "delete_agreement"]),
    ("discard", ["discard_plan_draft", "discard_agreement_draft"]),
    ("versions", ["list_plan_versions", "list_agreement_versions"]),
    ("version", ["get_plan_version", "get_agreement_version"]),
    ("finalise", ["finalise_plan", "finalise_agreement"]),
    ("hold", ["hold_plan", "hold_agreement"]),
    ("release", ["release_plan", "release_agreement"]),
];

/// The operations on records of a kind.
pub(super) struct RecordApi<T>(Operations<T>);

impl<T: RecordKind> RecordApi<T> {
    pub(super) fn new(records: Records, audit: Audit) -> Self {
        Self(Operations { records, audit, kind: PhantomData })
    }
}

impl<T: RecordKind> OpenApi for RecordApi<T> {
    fn meta() -> Vec<MetaApi> {
        name_operations::<T>(Operations::<T>::meta(), &NAMES)
    }

    fn register(registry: &mut Registry) {
        Operations::<T>::register(registry);
    }

    fn add_routes(self, route_table: &mut HashMap<String, HashMap<Method, BoxEndpoint<'static>>>) {
        self.0.add_routes(route_table);
    }
}

/// Gives operations the names that they have for a kind.
pub(super) fn name_operations<T: RecordKind>(
    mut apis: Vec<MetaApi>,
    table: &[(&str, [&'static str; 2])],
) -> Vec<MetaApi> {
    let operations = apis.iter_mut().flat_map(|api| &mut api.paths).flat_map(|path| &mut path.operations);
    for operation in operations {
        let row = table.iter().find(|(name, _)| operation.operation_id == Some(*name));
        operation.operation_id = row.and_then(|(_, names)| names.get(T::COLUMN)).copied();
    }
    apis
}

struct Operations<T> {
    records: Records,
    audit: Audit,
    kind: PhantomData<T>,
}

/// The record is kept.
#[derive(ApiResponse)]
enum Created {
    /// It is there, or was there already under the same `Idempotency-Key`.
    #[oai(status = 201)]
    Created(
        Json<RecordView>,
        /// Where it is.
        #[oai(header = "Location")]
        String,
        /// For `If-Match`; changes with every change.
        #[oai(header = "ETag")]
        String,
    ),
}

/// A record.
#[derive(ApiResponse)]
pub(super) enum Shown {
    /// As it is now.
    #[oai(status = 200)]
    Shown(
        Json<RecordView>,
        /// For `If-Match`; changes with every change.
        #[oai(header = "ETag")]
        String,
    ),
}

impl Shown {
    pub(super) fn of(record: Record) -> Self {
        let tag = tag_of(&record);
        Self::Shown(Json(record.into()), tag)
    }
}

/// Nothing is left.
#[derive(ApiResponse)]
enum Deleted {
    /// Deleted, with all versions.
    #[oai(status = 204)]
    Deleted,
}

fn tag_of(record: &Record) -> String {
    format!("\"{}\"", record.revision)
}

/// What `If-Match` asks for; nothing without it.
fn condition(if_match: &Header<Option<String>>) -> Option<Condition> {
    let wanted = if_match.0.as_deref()?.trim();
    if wanted == "*" {
        return Some(Condition::Any);
    }
    // A weak tag matches nothing here (RFC 9110, 13.1.1).
    let revision = |tag: &str| tag.trim().strip_prefix('"')?.strip_suffix('"')?.parse().ok();
    Some(Condition::OneOf(wanted.split(',').filter_map(revision).collect()))
}

/// What `If-Match` asks for, where it may be missing.
pub(super) fn wanted(if_match: &Header<Option<String>>) -> Condition {
    condition(if_match).unwrap_or(Condition::Any)
}

pub(super) fn failure<S: Statuses>(error: &RecordError, headers: &HeaderMap) -> Failure<S> {
    Problem::of_record(error, negotiate::locale(headers)).into()
}

pub(super) type Change = Result<Shown, Failure<OfRecordChange>>;

/// Makes a change and notes it. Without room for a line in the audit log nothing is done.
pub(super) async fn note<S>(
    audit: &Audit,
    caller: &Caller<S>,
    headers: &HeaderMap,
    action: &str,
    change: impl Future<Output = Result<Record, RecordError>>,
) -> Change {
    let line = caller.line(audit)?;
    let record = change.await.map_err(|error| failure(&error, headers))?;
    line.write(action, &format!("record {} version {}", record.id, record.version.number), "done");
    Ok(Shown::of(record))
}

#[OpenApi(prefix_path = T::PATH, tag = "T::TAG")]
impl<T: RecordKind> Operations<T> {
    /// Keeps a document as a draft. It is checked as for rendering: all faults are told at once.
    #[oai(path = "/", method = "post", operation_id = "create")]
    async fn create(
        &self,
        caller: Caller<ToWritePlans>,
        headers: &HeaderMap,
        /// The same key with the same document gives the same record. A text of the caller's own, such as a UUID.
        #[oai(name = "Idempotency-Key", validator(min_length = 1, max_length = 255))]
        idempotency_key: Header<Option<String>>,
        body: Unchecked<T>,
    ) -> Result<Created, Failure<OfNewRecord>> {
        let line = caller.line(&self.audit)?;
        let tenant = &caller.principal.tenant;
        // A text of structured fields stands in quotation marks (RFC 9651, 3.3.3).
        let key = idempotency_key.0.as_deref().map(|key| key.trim_matches('"'));
        let new = async {
            let written = self.records.check(T::KIND, body.body).await?;
            self.records.create(tenant, T::KIND, written, key).await
        };
        let new = new.await.map_err(|error| failure(&error, headers))?;
        let object = format!("record {} version {}", new.record.id, new.record.version.number);
        line.write("create record", &object, if new.was_there { "was there" } else { "done" });
        let location = format!("{}/{}", T::PATH, new.record.id);
        let tag = tag_of(&new.record);
        Ok(Created::Created(Json(new.record.into()), location, tag))
    }

    /// Lists what is kept, those that came last first. What comes or changes meanwhile moves nothing from page to page.
    #[oai(path = "/", method = "get", operation_id = "list")]
    #[expect(clippy::too_many_arguments, reason = "each is a parameter of the operation")]
    async fn list(
        &self,
        caller: Caller<ToReadPlans>,
        headers: &HeaderMap,
        /// Organisation number of the school, or its name as it stands in the newest version.
        #[oai(validator(max_length = 120))]
        school: Query<Option<String>>,
        /// School year, `2026/2027`.
        #[oai(validator(pattern = "^[0-9]{4}/[0-9]{4}$"))]
        school_year: Query<Option<String>>,
        /// Those that have a version of this status.
        status: Query<Option<StatusName>>,
        /// Those that were changed at this moment or later, in milliseconds since 1970.
        #[oai(validator(minimum(value = "0")))]
        changed_since: Query<Option<i64>>,
        /// `next` of the page before.
        #[oai(validator(max_length = 64))]
        after: Query<Option<String>>,
        /// Most of them; 100 if not given.
        #[oai(validator(minimum(value = "1"), maximum(value = "1000")))]
        limit: Query<Option<u16>>,
    ) -> Result<Json<RecordPage>, Failure<OfRecord>> {
        let filter = Filter {
            school: school.0,
            school_year: school_year.0,
            state: status.0.map(Into::into),
            changed_since: changed_since.0,
            after: after.0,
        };
        let page = self.records.list(&caller.principal.tenant, T::KIND, filter, limit.0.unwrap_or(PAGE)).await;
        let (records, next) = page.map_err(|error| failure(&error, headers))?;
        Ok(Json(RecordPage { records: records.into_iter().map(Into::into).collect(), next }))
    }

    /// Tells of one, with its newest version.
    #[oai(path = "/:id", method = "get", operation_id = "get")]
    async fn get(
        &self,
        caller: Caller<ToReadPlans>,
        headers: &HeaderMap,
        id: Path<String>,
    ) -> Result<Shown, Failure<OfRecord>> {
        let record = self.records.find(&caller.principal.tenant, T::KIND, &id).await;
        Ok(Shown::of(record.map_err(|error| failure(&error, headers))?))
    }

    /// Puts a new version beside the newest one, as a draft. A draft is superseded by it at once; what is final or signed counts until the new version
    /// has come as far. Not while it is being signed.
    #[oai(path = "/:id", method = "put", operation_id = "replace")]
    async fn replace(
        &self,
        caller: Caller<ToWritePlans>,
        headers: &HeaderMap,
        id: Path<String>,
        /// The `ETag` of what the caller has seen; 412 when it was changed since, 428 without it.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        body: Unchecked<T>,
    ) -> Change {
        let tenant = &caller.principal.tenant;
        // Nobody waits for a check who would be refused anyhow, and what is not there has no condition.
        self.records.find(tenant, T::KIND, &id).await.map_err(|error| failure(&error, headers))?;
        let condition = condition(&if_match).ok_or_else(Problem::unconditional)?;
        let replacing = async {
            let written = self.records.check(T::KIND, body.body).await?;
            self.records.replace(tenant, T::KIND, &id, written, &condition).await
        };
        note(&self.audit, &caller, headers, "replace record", replacing).await
    }

    /// Deletes it with all versions: one of nothing but drafts, or one whose retention is over. Never while it is held.
    #[oai(path = "/:id", method = "delete", operation_id = "delete")]
    async fn delete(
        &self,
        caller: Caller<ToWritePlans>,
        headers: &HeaderMap,
        id: Path<String>,
        /// The `ETag` of what the caller has seen; 412 when it was changed since.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
    ) -> Result<Deleted, Failure<OfRecordChange>> {
        let line = caller.line(&self.audit)?;
        let condition = wanted(&if_match);
        let deleted = self.records.delete(&caller.principal.tenant, T::KIND, &id, &condition).await;
        deleted.map_err(|error| failure(&error, headers))?;
        line.write("delete record", &format!("record {}", *id), "done");
        Ok(Deleted::Deleted)
    }

    /// Discards a draft beside a version that is final or signed, which is the newest again then. Numbers of discarded versions are given again. Not
    /// while it is held.
    #[oai(path = "/:id/draft", method = "delete", operation_id = "discard")]
    async fn discard(
        &self,
        caller: Caller<ToWritePlans>,
        headers: &HeaderMap,
        id: Path<String>,
        /// The `ETag` of what the caller has seen; 412 when it was changed since.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
    ) -> Change {
        let condition = wanted(&if_match);
        let change = self.records.discard(&caller.principal.tenant, T::KIND, &id, &condition);
        note(&self.audit, &caller, headers, "discard draft", change).await
    }

    /// All versions, the newest first. None is ever changed or lost.
    #[oai(path = "/:id/versions", method = "get", operation_id = "versions")]
    async fn versions(
        &self,
        caller: Caller<ToReadPlans>,
        headers: &HeaderMap,
        id: Path<String>,
    ) -> Result<Json<RecordVersions>, Failure<OfRecord>> {
        let versions = self.records.versions(&caller.principal.tenant, T::KIND, &id).await;
        let versions = versions.map_err(|error| failure(&error, headers))?;
        Ok(Json(RecordVersions { versions: versions.into_iter().map(Into::into).collect() }))
    }

    /// A version.
    #[oai(path = "/:id/versions/:number", method = "get", operation_id = "version")]
    async fn version(
        &self,
        caller: Caller<ToReadPlans>,
        headers: &HeaderMap,
        id: Path<String>,
        /// Number of the version, from 1.
        number: Path<i64>,
    ) -> Result<Json<VersionView>, Failure<OfRecord>> {
        let version = self.records.version(&caller.principal.tenant, T::KIND, &id, number.0).await;
        Ok(Json(version.map_err(|error| failure(&error, headers))?.into()))
    }

    /// Freezes the newest version: its document is made, kept with its SHA-256, and never made again. The document itself has to have the status
    /// `final`.
    #[oai(path = "/:id/finalise", method = "post", operation_id = "finalise")]
    async fn finalise(
        &self,
        caller: Caller<ToWritePlans>,
        headers: &HeaderMap,
        id: Path<String>,
        /// The `ETag` of what the caller has seen; 412 when it was changed since.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
    ) -> Change {
        let condition = wanted(&if_match);
        let change = self.records.finalise(&caller.principal.tenant, T::KIND, &id, &condition);
        note(&self.audit, &caller, headers, "finalise record", change).await
    }

    /// Holds it: nothing of it is deleted until it is released.
    #[oai(path = "/:id/hold", method = "put", operation_id = "hold")]
    async fn hold(
        &self,
        caller: Caller<ToAdminister>,
        headers: &HeaderMap,
        id: Path<String>,
        /// The `ETag` of what the caller has seen; 412 when it was changed since.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        body: Small<HoldBody>,
    ) -> Change {
        let condition = wanted(&if_match);
        let change = self.records.hold(&caller.principal.tenant, T::KIND, &id, &body.0.reason, &condition);
        note(&self.audit, &caller, headers, "hold record", change).await
    }

    /// Holds it no longer.
    #[oai(path = "/:id/hold", method = "delete", operation_id = "release")]
    async fn release(
        &self,
        caller: Caller<ToAdminister>,
        headers: &HeaderMap,
        id: Path<String>,
        /// The `ETag` of what the caller has seen; 412 when it was changed since.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
    ) -> Change {
        let condition = wanted(&if_match);
        let change = self.records.release(&caller.principal.tenant, T::KIND, &id, &condition);
        note(&self.audit, &caller, headers, "release record", change).await
    }
}

#[cfg(test)]
mod tests {
    use poem_openapi::param::Header;

    use super::{Condition, condition};

    #[test]
    fn if_match_names_revisions() {
        let cases = [
            (None, None),
            (Some("*"), Some(Condition::Any)),
            (Some("\"3\""), Some(Condition::OneOf(vec![3]))),
            (Some("\"3\", \"5\""), Some(Condition::OneOf(vec![3, 5]))),
            (Some("W/\"3\""), Some(Condition::OneOf(vec![]))),
            (Some("3"), Some(Condition::OneOf(vec![]))),
            (Some(""), Some(Condition::OneOf(vec![]))),
        ];
        for (header, expected) in cases {
            assert_eq!(condition(&Header(header.map(str::to_owned))), expected, "{header:?}");
        }
    }
}
