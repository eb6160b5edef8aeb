//! The service over HTTP: routes, payloads, problems.

mod audit;
mod caller;
mod context;
mod document;
mod failure;
mod handed_in;
mod health;
mod job;
mod job_body;
mod job_view;
mod kind;
mod negotiate;
mod outer;
mod pages;
mod payload;
mod phase;
mod problem;
mod record;
mod record_file;
mod record_view;
mod representation;
mod server;
mod signature;
mod spec;
mod stored;
mod verify;
mod verify_body;
mod verify_fetch;
mod verify_kept;

use std::sync::Arc;
use std::time::Duration;

use poem::{Endpoint, EndpointExt, IntoEndpoint};
use poem_openapi::OpenApiService;

use crate::access::{Access, Limiter};
use crate::audit::Audit;
use crate::bulk::job::Jobs;
use crate::document::{AnnualPlan, CooperationAgreement};
use crate::pipeline::Pipeline;
use crate::record::Records;
use crate::signing::Signing;
use crate::store::Store;
use caller::Door;
use outer::Outer;
use pages::Pages;
pub use pages::Scrape;
pub use phase::Phase;
pub use server::{Server, ServerError, ServerSettings, TlsFiles, check_tls};
pub use spec::openapi;
pub use verify::Trust;
pub use verify_fetch::{evidence as fetched_evidence, fetcher as evidence_fetcher};

/// What the operations work with.
pub struct Parts {
    /// Makes documents.
    pub pipeline: Pipeline,
    /// Makes mailings.
    pub jobs: Jobs,
    /// Plans and agreements.
    pub records: Records,
    /// Has plans and agreements signed.
    pub signing: Signing,
    /// What lasts.
    pub store: Store,
    /// Who is trusted when signatures are judged.
    pub trust: Trust,
    /// Lets callers in.
    pub access: Arc<Access>,
    /// Counts their requests.
    pub limiter: Option<Arc<Limiter>>,
    /// Notes what they do.
    pub audit: Audit,
    /// The metrics, when they are shown beside the API.
    pub metrics: Option<Scrape>,
    /// Longest that a caller may take to send a body.
    pub body_timeout: Duration,
    /// What the service is about.
    pub phase: Phase,
}

fn service(parts: Parts) -> OpenApiService<impl poem_openapi::OpenApi, ()> {
    let Parts { pipeline, jobs, records, signing, store, trust, access, audit, phase, .. } = parts;
    let apis = (
        document::DocumentApi { pipeline: pipeline.clone(), audit: audit.clone() },
        stored::StoredApi { pipeline: pipeline.clone(), audit: audit.clone() },
        job::JobApi { jobs, audit: audit.clone(), phase: phase.clone() },
        record::RecordApi::<AnnualPlan>::new(records.clone(), audit.clone()),
        record::RecordApi::<CooperationAgreement>::new(records.clone(), audit.clone()),
        record_file::RecordFileApi::<AnnualPlan>::new(records.clone(), signing.clone(), audit.clone()),
        record_file::RecordFileApi::<CooperationAgreement>::new(records.clone(), signing.clone(), audit.clone()),
        signature::SignatureApi::<AnnualPlan>::new(records.clone(), signing.clone(), audit.clone()),
        signature::SignatureApi::<CooperationAgreement>::new(records.clone(), signing, audit.clone()),
        verify::VerifyApi::new(pipeline.clone(), records, audit.clone(), trust),
        kind::KindApi,
        audit::AuditApi { store: store.clone() },
        health::HealthApi { pipeline, store, access, audit: audit.health(), phase },
    );
    OpenApiService::new(apis, "skoledok", env!("CARGO_PKG_VERSION"))
        .description(
            "School documents as archivable, accessible PDF: JSON in, PDF/A-2a and PDF/UA-1 out. Problems are `application/problem+json` (RFC 9457), \
             each fault with a JSON Pointer into the body.",
        )
        .license(poem_openapi::LicenseObject::new("EUPL-1.2"))
}

/// All routes.
pub fn routes(parts: Parts) -> impl Endpoint {
    let (metrics, body_timeout, phase) = (parts.metrics.clone(), parts.body_timeout, parts.phase.clone());
    let door = Door { access: Arc::clone(&parts.access), limiter: parts.limiter.clone() };
    let service = service(parts);
    let own = service.spec();
    let spec = spec::complete(&own);
    let pages = Pages {
        docs: spec::docs_page(&service.swagger_ui_html(), &own, &spec).into(),
        openapi: spec.to_string().into(),
        metrics,
    };
    let outer = Outer::new(&spec, body_timeout, phase);
    // Not nested in a `Route`, which would take the address of each request apart and put it together again.
    service.into_endpoint().with(door).with(pages).with(outer)
}
