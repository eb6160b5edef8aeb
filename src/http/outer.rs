//! Round every request: its id, its line in the log, and one form for every problem.

use std::sync::Arc;
use std::time::Instant;

use poem::error::NotFoundError;
use poem::http::{HeaderValue, Method, StatusCode, header};
use poem::{Endpoint, IntoResponse, Middleware, Request, Response, Result};
use serde_json::Value;

use super::problem::Problem;
use crate::document::hex;

const REQUEST_ID: &str = "X-Request-Id";

/// The middleware. It knows the paths of the API, for `Allow` and for the log.
pub(super) struct Outer {
    paths: Arc<Vec<(String, Vec<String>)>>,
}

impl Outer {
    pub(super) fn new(spec: &Value) -> Self {
        let mut paths: Vec<(String, Vec<String>)> = spec
            .get("paths")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
            .map(|(path, operations)| {
                let methods = operations.as_object().into_iter().flatten().map(|(method, _)| method.to_uppercase());
                (path.clone(), methods.collect())
            })
            .collect();
        for own in ["/", "/docs", "/openapi.json"] {
            paths.push((own.to_owned(), vec!["GET".to_owned()]));
        }
        Self { paths: Arc::new(paths) }
    }
}

impl<E: Endpoint> Middleware<E> for Outer {
    type Output = OuterEndpoint<E>;

    fn transform(&self, inner: E) -> Self::Output {
        OuterEndpoint { inner, paths: Arc::clone(&self.paths) }
    }
}

/// An endpoint with the middleware round it.
pub(super) struct OuterEndpoint<E> {
    inner: E,
    paths: Arc<Vec<(String, Vec<String>)>>,
}

impl<E: Endpoint> Endpoint for OuterEndpoint<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        let began = Instant::now();
        let id = request_id(&request);
        let path = request.uri().path().to_owned();
        let method = request.method().clone();
        let known = self.paths.iter().find(|(pattern, _)| is_path(pattern, &path));
        let mut response = match self.inner.call(request).await {
            Ok(response) => response.into_response(),
            Err(error) if error.is_from_response() => error.into_response(),
            Err(error) if error.is::<NotFoundError>() && is_of_kind(&path) => {
                Problem::unknown_kind().respond(&instance(&path), &id)
            }
            Err(error) => Problem::of_framework(&error).respond(&instance(&path), &id),
        };
        if response.status() == StatusCode::METHOD_NOT_ALLOWED
            && let Some((_, methods)) = known
            && let Ok(allow) = HeaderValue::from_str(&allow(methods))
        {
            response.headers_mut().insert(header::ALLOW, allow);
        }
        if let Ok(value) = HeaderValue::from_str(&id) {
            response.headers_mut().insert(REQUEST_ID, value);
        }
        // A path that is not ours can hold anything, so only the pattern is logged.
        tracing::info!(
            request_id = id,
            method = method_name(&method),
            route = known.map_or("-", |(pattern, _)| pattern.as_str()),
            status = response.status().as_u16(),
            ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
            "request"
        );
        Ok(response)
    }
}

/// The caller's own id, when it is a plain one, or 128 random bits.
fn request_id(request: &Request) -> String {
    let given = request.headers().get(REQUEST_ID).and_then(|value| value.to_str().ok());
    if let Some(id) =
        given.filter(|id| (8..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-'))
    {
        return id.to_owned();
    }
    let mut bytes = [0; 16];
    // Without random numbers the id is all noughts; the request goes on.
    if let Err(error) = getrandom::fill(&mut bytes) {
        tracing::warn!(%error, "no random numbers for request ids");
    }
    hex(&bytes)
}

/// The path that a problem names: none that is longer than any of ours.
fn instance(path: &str) -> String {
    if path.len() <= 100 { path.to_owned() } else { "/…".to_owned() }
}

/// Whether a path would lead somewhere, were its last part a kind.
fn is_of_kind(path: &str) -> bool {
    ["/v1/render/", "/v1/validate/"].iter().any(|prefix| path.starts_with(prefix))
}

fn is_path(pattern: &str, path: &str) -> bool {
    let trim = |text: &str| text.trim_end_matches('/').to_owned();
    let (pattern, path) = (trim(pattern), trim(path));
    let (mut expected, mut given) = (pattern.split('/'), path.split('/'));
    loop {
        match (expected.next(), given.next()) {
            (None, None) => return true,
            (Some(part), Some(word)) if part == word || (part.starts_with('{') && !word.is_empty()) => {}
            _ => return false,
        }
    }
}

fn allow(methods: &[String]) -> String {
    let mut methods = methods.to_vec();
    if methods.iter().any(|method| method == "GET") {
        methods.push("HEAD".to_owned());
    }
    methods.join(", ")
}

/// A method of HTTP, or nothing: a method can be any word.
fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        Method::PATCH => "PATCH",
        _ => "-",
    }
}
