//! What stands beside the API: its description, its documentation, and the way there.

use bytes::Bytes;
use poem::error::MethodNotAllowedError;
use poem::http::{Method, header};
use poem::web::Redirect;
use poem::{Endpoint, IntoResponse, Middleware, Request, Response, Result};

/// The paths, for `Allow` and for the log.
pub(super) const PATHS: [&str; 3] = ["/", "/docs", "/openapi.json"];

/// The pages.
#[derive(Clone)]
pub(super) struct Pages {
    /// The interactive documentation (HTML).
    pub(super) docs: Bytes,
    /// The API description (JSON).
    pub(super) openapi: Bytes,
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
        Ok(match path {
            "/docs" => content("text/html; charset=utf-8", &self.pages.docs),
            "/openapi.json" => content("application/json; charset=utf-8", &self.pages.openapi),
            _ => Redirect::see_other("/docs").into_response(),
        })
    }
}

fn content(media_type: &'static str, bytes: &Bytes) -> Response {
    Response::builder().header(header::CONTENT_TYPE, media_type).body(bytes.clone())
}
