//! The service over HTTP: routes, payloads, problems.

mod document;
mod health;
mod kind;
mod negotiate;
mod outer;
mod pages;
mod payload;
mod problem;
mod representation;
mod spec;
mod stored;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use poem::{Endpoint, EndpointExt, IntoEndpoint};
use poem_openapi::OpenApiService;

use crate::pipeline::Pipeline;
use outer::Outer;
use pages::Pages;
pub use spec::openapi;

fn service(pipeline: Pipeline, ready: Arc<AtomicBool>) -> OpenApiService<impl poem_openapi::OpenApi, ()> {
    let apis = (
        document::DocumentApi { pipeline: pipeline.clone() },
        stored::StoredApi { pipeline: pipeline.clone() },
        kind::KindApi,
        health::HealthApi { pipeline, ready },
    );
    OpenApiService::new(apis, "skoledok", env!("CARGO_PKG_VERSION"))
        .description(
            "School documents as archivable, accessible PDF: JSON in, PDF/A-2a and PDF/UA-1 out. Problems are `application/problem+json` (RFC 9457), \
             each fault with a JSON Pointer into the body.",
        )
        .license(poem_openapi::LicenseObject::new("EUPL-1.2"))
}

/// All routes. `ready` is set once the render workers are warm.
pub fn routes(pipeline: Pipeline, ready: Arc<AtomicBool>) -> impl Endpoint {
    let service = service(pipeline, ready);
    let own = service.spec();
    let spec = spec::complete(&own);
    let pages = Pages {
        docs: spec::docs_page(&service.swagger_ui_html(), &own, &spec).into(),
        openapi: spec.to_string().into(),
    };
    let outer = Outer::new(&spec);
    // Not nested in a `Route`, which would take the address of each request apart and put it together again.
    service.into_endpoint().with(pages).with(outer)
}
