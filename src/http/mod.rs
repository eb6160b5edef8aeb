//! The service over HTTP: routes, payloads, problems.

mod document;
mod health;
mod kind;
mod negotiate;
mod outer;
mod payload;
mod problem;
mod representation;
mod spec;
mod stored;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use poem::http::Method;
use poem::web::{Html, Json, Redirect};
use poem::{Endpoint, EndpointExt, IntoResponse, Request, Response, Route, get, handler};
use poem_openapi::OpenApiService;

use crate::pipeline::Pipeline;
use outer::Outer;
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
    let docs = spec::docs_page(&service.swagger_ui_html(), &own, &spec);
    let outer = Outer::new(&spec);
    Route::new()
        .at("/openapi.json", get(openapi_json.data(Arc::new(spec))))
        .at("/docs", get(docs_html.data(Arc::new(docs))))
        .nest("/", service)
        .around(home)
        .with(outer)
}

/// The bare address leads to the documentation. It is no route of its own, since the service is
/// nested at the root.
async fn home(next: Arc<impl Endpoint>, request: Request) -> poem::Result<Response> {
    if request.uri().path() == "/" && matches!(*request.method(), Method::GET | Method::HEAD) {
        return Ok(Redirect::see_other("/docs").into_response());
    }
    next.call(request).await.map(IntoResponse::into_response)
}

#[expect(clippy::needless_pass_by_value, reason = "handlers own what they extract")]
#[handler]
fn openapi_json(spec: poem::web::Data<&Arc<serde_json::Value>>) -> Json<serde_json::Value> {
    Json(spec.as_ref().clone())
}

#[expect(clippy::needless_pass_by_value, reason = "handlers own what they extract")]
#[handler]
fn docs_html(page: poem::web::Data<&Arc<String>>) -> Html<String> {
    Html(page.to_string())
}
