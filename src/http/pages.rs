//! What stands beside the API: its description, its documentation, and the way there.

use bytes::Bytes;
use poem::error::{MethodNotAllowedError, NotFoundError};
use poem::http::{Method, header};
use poem::web::Redirect;
use poem::{Endpoint, IntoResponse, Middleware, Request, Response, Result};

use crate::audit::AuditHealth;
use crate::pipeline::Pipeline;
use crate::telemetry::metrics::{Metrics, Snapshot};

/// The paths, for `Allow` and for the log.
pub(super) const PATHS: [&str; 4] = ["/", "/docs", "/metrics", "/openapi.json"];

/// The pages.
#[derive(Clone)]
pub(super) struct Pages {
    /// The interactive documentation (HTML).
    pub(super) docs: Bytes,
    /// The API description (JSON).
    pub(super) openapi: Bytes,
    /// The metrics, when they are shown here.
    pub(super) metrics: Option<Scrape>,
}

impl<E: Endpoint> Middleware<E> for Pages {
    type Output = WithPages<E>;

    fn transform(&self, inner: E) -> Self::Output {
        WithPages { inner, pages: self.clone() }
    }
}

/// An endpoint and the pages beside it.
pub(super) struct WithPages<E> {
    inner: E,
    pages: Pages,
}

impl<E: Endpoint> Endpoint for WithPages<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        let path = request.uri().path();
        if !PATHS.contains(&path) {
            return self.inner.call(request).await.map(IntoResponse::into_response);
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return Err(MethodNotAllowedError.into());
        }
        Ok(match (path, &self.pages.metrics) {
            ("/metrics", Some(metrics)) => metrics.page(),
            ("/metrics", None) => return Err(NotFoundError.into()),
            ("/docs", _) => content("text/html; charset=utf-8", &self.pages.docs),
            ("/openapi.json", _) => content("application/json; charset=utf-8", &self.pages.openapi),
            _ => Redirect::see_other("/docs").into_response(),
        })
    }
}

fn content(media_type: &'static str, bytes: &Bytes) -> Response {
    Response::builder().header(header::CONTENT_TYPE, media_type).body(bytes.clone())
}

/// The metrics, with the state of the parts at the moment of asking.
#[derive(Clone)]
pub struct Scrape {
    /// What is counted.
    pub metrics: Metrics,
    /// Makes documents.
    pub pipeline: Pipeline,
    /// The audit log.
    pub audit: AuditHealth,
}

impl Scrape {
    fn page(&self) -> Response {
        let census = self.pipeline.pool().census();
        let text = self.metrics.render(&Snapshot {
            queue: census.waiting,
            workers: census.workers,
            wanted: census.wanted,
            replaced: census.replaced,
            cache_is_well: self.pipeline.cache().is_well(),
            audit_pending: self.audit.pending(),
        });
        content("text/plain; version=0.0.4; charset=utf-8", &text.into())
    }
}

/// The metrics alone, for an address of their own.
impl Endpoint for Scrape {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        match (request.uri().path(), request.method()) {
            ("/metrics", &Method::GET | &Method::HEAD) => Ok(self.page()),
            ("/metrics", _) => Err(MethodNotAllowedError.into()),
            _ => Err(NotFoundError.into()),
        }
    }
}
