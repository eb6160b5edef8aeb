//! Judging files: what `crate::verify` says of the signatures, whether the service keeps the file, and whether a document gives it again.

use std::sync::Arc;

use bytes::Bytes;
use poem::http::{HeaderMap, HeaderValue, header};
use poem::{IntoResponse, Response};
use poem_openapi::param::Query;
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::{ApiResponse, Enum, OpenApi, Tags};
use schemars::JsonSchema;
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::caller::{Caller, ToReadPlans};
use super::failure::{Failure, OfVerification};
use super::negotiate;
use super::problem::Problem;
use super::verify_body::{Sent, VerifyBody};
use super::verify_fetch;
use super::verify_kept::{self, Kept};
use crate::access::now;
use crate::audit::Audit;
use crate::document::Kind;
use crate::pipeline::{Freshness, Pipeline, Request};
use crate::pki::fetch::Fetcher;
use crate::pki::revocation::Evidence;
use crate::pki::{Anchors, Certificate, Chain};
use crate::record::{Records, Reproduced};
use crate::tenant::Tenant;
use crate::verify::{Policy, Report, RevocationPolicy, verify_asking};
use crate::worker::Priority;

/// Files that are judged at a time.
const AT_ONCE: usize = 2;
/// Files that are on their way in, wait or are judged. Each is held in memory.
const ROOM: usize = AT_ONCE + 8;
/// Seconds after which there may be room again.
const RETRY_AFTER: u64 = 2;
/// The answer, in the API description.
const SCHEMA: &str = "Verification";

#[derive(Tags)]
enum Tag {
    /// Judging signatures.
    Verify,
}

/// Who is trusted when signatures are judged.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    /// Whom chains have to lead to.
    pub anchors: Anchors,
    /// Certificates that may stand between; nobody trusts them for that.
    pub pool: Vec<Certificate>,
    /// Asks for revocation where a file does not prove it; nobody is asked without.
    pub fetcher: Option<Fetcher>,
}

/// What is asked of revocation.
#[derive(Debug, Clone, Copy, Enum)]
#[oai(rename = "RevocationWish", rename_all = "snake_case")]
enum RevocationName {
    /// Every certificate has to be proven good, else the verdict is `INDETERMINATE`. The default.
    Required,
    /// Proofs are heeded where there are some.
    IfPresent,
}

/// What is said of a file.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Verification {
    #[serde(flatten)]
    report: Report,
    /// Versions of the caller's own plans and agreements that have these bytes, or that the file begins with.
    kept: Vec<Kept>,
    /// Whether the document that was sent beside gives this file.
    #[serde(skip_serializing_if = "Option::is_none")]
    reproduced: Option<Reproduced>,
}

/// The verdict.
struct Verified(Response);

impl IntoResponse for Verified {
    fn into_response(self) -> Response {
        self.0
    }
}

impl ApiResponse for Verified {
    fn meta() -> MetaResponses {
        let told = MetaResponse {
            description: "What is said of the file. A file that is not good, or no PDF at all, is no problem of the request.",
            status: Some(200),
            status_range: None,
            content: vec![MetaMediaType {
                content_type: "application/json; charset=utf-8",
                schema: MetaSchemaRef::Reference(SCHEMA.to_owned()),
            }],
            headers: Vec::new(),
        };
        MetaResponses { responses: vec![told] }
    }

    /// A place for the schema, which `spec` fills.
    fn register(registry: &mut Registry) {
        registry.schemas.entry(SCHEMA.to_owned()).or_insert_with(|| MetaSchema::new("object"));
    }
}

/// The operation on files.
pub(super) struct VerifyApi {
    pipeline: Pipeline,
    records: Records,
    audit: Audit,
    trust: Arc<Trust>,
    room: Arc<Semaphore>,
    turns: Arc<Semaphore>,
}

impl VerifyApi {
    pub(super) fn new(pipeline: Pipeline, records: Records, audit: Audit, trust: Trust) -> Self {
        let (room, turns) = (Arc::new(Semaphore::new(ROOM)), Arc::new(Semaphore::new(AT_ONCE)));
        Self { pipeline, records, audit, trust: Arc::new(trust), room, turns }
    }

    /// Judges a file, and once more if something could be fetched that it lacks.
    async fn judge(
        &self,
        file: &Bytes,
        revocation: RevocationPolicy,
        place: &Arc<OwnedSemaphorePermit>,
    ) -> Result<Report, Problem> {
        let (report, open) = self.judge_by(file, revocation, Evidence::default(), place).await?;
        let Some(fetcher) = self.trust.fetcher.as_ref().filter(|_| !open.is_empty()) else { return Ok(report) };
        // Nobody else waits for those who are asked: there is no turn taken.
        let evidence = verify_fetch::evidence(fetcher, &open).await;
        if evidence.crls.is_empty() && evidence.responses.is_empty() {
            return Ok(report);
        }
        Ok(self.judge_by(file, revocation, evidence, place).await?.0)
    }

    async fn judge_by(
        &self,
        file: &Bytes,
        revocation: RevocationPolicy,
        evidence: Evidence,
        place: &Arc<OwnedSemaphorePermit>,
    ) -> Result<(Report, Vec<Chain>), Problem> {
        // They are never closed.
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|_| Problem::busy(RETRY_AFTER))?;
        let (trust, file, place) = (Arc::clone(&self.trust), file.clone(), Arc::clone(place));
        let judging = tokio::task::spawn_blocking(move || {
            // Whoever does not wait for the answer still has the work done.
            let _held = (place, turn);
            let policy = Policy {
                anchors: trust.anchors.clone(),
                revocation,
                evidence,
                certificates: trust.pool.clone(),
                now: now() / 1000,
            };
            verify_asking(&file, &policy)
        });
        judging.await.map_err(|error| {
            tracing::error!(%error, "a verification has broken down");
            Problem::internal()
        })
    }

    async fn reproduce(
        &self,
        tenant: &Tenant,
        file: &[u8],
        (kind, body): (Kind, Bytes),
        headers: &HeaderMap,
    ) -> Result<Reproduced, Problem> {
        for options in Reproduced::ways() {
            let request = Request {
                tenant: tenant.clone(),
                kind,
                body: body.clone(),
                options,
                // Asking leaves no trace of what was asked.
                freshness: Freshness::Unkept,
                priority: Priority::Interactive,
            };
            let made = self.pipeline.produce(request).await;
            let made = made.map_err(|error| Problem::of_production(&error, negotiate::locale(headers)))?;
            let found = Reproduced::compare(file, &made.bytes);
            if found != Reproduced::Different {
                return Ok(found);
            }
        }
        Ok(Reproduced::Different)
    }
}

#[OpenApi(prefix_path = "/v1/verify", tag = "Tag::Verify")]
impl VerifyApi {
    /// Judges the signatures in a PDF, whoever made it, in the words of ETSI EN 319 102-1: who signed, when, at which level, what it covers, what
    /// was changed afterwards. Tells also whether the caller's own plans and agreements have this file or one that it begins with, and, with `document` and `kind`, whether
    /// that document gives exactly this file.
    #[oai(path = "/", method = "post", operation_id = "verify")]
    async fn verify(
        &self,
        caller: Caller<ToReadPlans>,
        headers: &HeaderMap,
        /// What is asked of revocation; `required` if not given.
        revocation: Query<Option<RevocationName>>,
        body: VerifyBody,
    ) -> Result<Verified, Failure<OfVerification>> {
        let line = caller.line(&self.audit)?;
        let place = Arc::clone(&self.room).try_acquire_owned().map_err(|_| Problem::busy(RETRY_AFTER))?;
        let Sent { file, document } = body.receive().await?;
        let tenant = &caller.principal.tenant;
        let reproduced = match document {
            Some(document) => Some(self.reproduce(tenant, &file, document, headers).await?),
            None => None,
        };
        let revocation = match revocation.0 {
            Some(RevocationName::IfPresent) => RevocationPolicy::IfPresent,
            Some(RevocationName::Required) | None => RevocationPolicy::Required,
        };
        let place = Arc::new(place);
        let report = self.judge(&file, revocation, &place).await?;
        let kept = verify_kept::kept(&self.records, tenant, &file, &report.file.ends).await;
        let kept = kept.map_err(|error| Problem::of_store(&error))?;
        let verdict = serde_json::to_string(&report.indication).unwrap_or_default();
        line.write("verify file", &report.file.sha256, verdict.trim_matches('"'));
        let told = serde_json::to_vec(&Verification { report, kept, reproduced }).map_err(|_| Problem::internal())?;
        let response = Response::builder().content_type("application/json; charset=utf-8");
        let response = response.header(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
        Ok(Verified(response.body(told)))
    }
}
