//! Round every request: its id, its line in the log, and one form for every problem.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use poem::error::NotFoundError;
use poem::http::{HeaderName, HeaderValue, Method, StatusCode, Version, header};
use poem::{Endpoint, IntoResponse, Middleware, Request, Response, Result};
use serde_json::Value;

use super::context::Context;
use super::pages::PATHS;
use super::phase::Phase;
use super::problem::Problem;
use crate::document::hex;
use crate::telemetry::metrics::Route;
use crate::telemetry::trace::RequestSpan;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The span of the caller (W3C Trace Context, 3.2).
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The middleware. It knows the paths of the API, for `Allow` and for the log.
pub(super) struct Outer {
    paths: Arc<Paths>,
    body_timeout: Duration,
    phase: Phase,
}

/// A path of the API, and its methods.
struct Known {
    route: Route,
    methods: Vec<String>,
}

/// The paths of the API: those without parameters by their text, the few others one after the other.
struct Paths {
    plain: HashMap<String, Known>,
    with_parameters: Vec<Known>,
    /// Requests for what is not there.
    others: Route,
}

impl Paths {
    fn add(&mut self, pattern: &str, methods: Vec<String>) {
        let known = Known { route: Route::new(pattern), methods };
        if pattern.contains('{') {
            self.with_parameters.push(known);
        } else {
            self.plain.insert(pattern.trim_end_matches('/').to_owned(), known);
        }
    }

    fn find(&self, path: &str) -> Option<&Known> {
        let plain = self.plain.get(path.trim_end_matches('/'));
        plain.or_else(|| self.with_parameters.iter().find(|known| is_path(known.route.pattern(), path)))
    }
}

impl Outer {
    pub(super) fn new(spec: &Value, body_timeout: Duration, phase: Phase) -> Self {
        let mut paths = Paths { plain: HashMap::new(), with_parameters: Vec::new(), others: Route::new("-") };
        for (path, operations) in spec.get("paths").and_then(Value::as_object).into_iter().flatten() {
            let methods = operations.as_object().into_iter().flatten().map(|(method, _)| method.to_uppercase());
            paths.add(path, methods.collect());
        }
        for own in PATHS {
            paths.add(own, vec!["GET".to_owned()]);
        }
        Self { paths: Arc::new(paths), body_timeout, phase }
    }
}

impl<E: Endpoint> Middleware<E> for Outer {
    type Output = OuterEndpoint<E>;

    fn transform(&self, inner: E) -> Self::Output {
        OuterEndpoint {
            inner,
            paths: Arc::clone(&self.paths),
            body_timeout: self.body_timeout,
            phase: self.phase.clone(),
        }
    }
}

/// An endpoint with the middleware round it.
pub(super) struct OuterEndpoint<E> {
    inner: E,
    paths: Arc<Paths>,
    body_timeout: Duration,
    phase: Phase,
}

impl<E: Endpoint> Endpoint for OuterEndpoint<E> {
    type Output = Response;

    async fn call(&self, mut request: Request) -> Result<Response> {
        let began = Instant::now();
        let context = Arc::new(Context::new(request_id(&request), self.body_timeout));
        let id = &context.request_id;
        request.set_data(Arc::clone(&context));
        let version = request.version();
        let path = request.uri().path().to_owned();
        let method = request.method().clone();
        if method == Method::HEAD {
            // Answered as GET, of which alone parts can be had (RFC 9110, 14.2).
            request.headers_mut().remove(header::RANGE);
        }
        let known = self.paths.find(&path);
        let route = known.map_or(&self.paths.others, |known| &known.route);
        let traceparent = request.headers().get(TRACEPARENT).and_then(|value| value.to_str().ok());
        let span = RequestSpan::begin(method_name(&method), route.pattern(), traceparent);
        let mut response = match span.within(self.inner.call(request)).await {
            Ok(response) => response.into_response(),
            Err(error) if error.is_from_response() => error.into_response(),
            Err(error) if error.is::<NotFoundError>() && is_of_kind(&path) => {
                Problem::unknown_kind().respond(&instance(&path), id)
            }
            Err(error) => Problem::of_framework(&error).respond(&instance(&path), id),
        };
        if response.status() == StatusCode::METHOD_NOT_ALLOWED
            && let Some(known) = known
            && let Ok(allow) = HeaderValue::from_str(&allow(&known.methods))
        {
            response.headers_mut().insert(header::ALLOW, allow);
        }
        if path.starts_with("/v1/jobs") && !response.headers().contains_key(header::CACHE_CONTROL) {
            response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
        context.add_limit(response.headers_mut());
        if let Ok(value) = HeaderValue::from_str(id) {
            response.headers_mut().insert(REQUEST_ID, value);
        }
        // A caller that keeps its connection opens the next one where there is somebody to stay. HTTP/2 has no such header (RFC 9113, 8.2.2).
        if self.phase.is_leaving() && version < Version::HTTP_2 {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        let took = began.elapsed();
        let status = response.status().as_u16();
        route.count(method_name(&method), status, took);
        // A path that is not ours can hold anything, so only the pattern is logged.
        tracing::info!(
            request_id = id,
            trace_id = span.trace().map(tracing::field::display),
            method = method_name(&method),
            route = route.pattern(),
            status,
            ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            "request"
        );
        span.end(status);
        Ok(response)
    }
}

/// What ids of this process begin with.
static PROCESS: LazyLock<u64> = LazyLock::new(|| {
    // Without random numbers ids of two processes can be alike; requests go on.
    getrandom::u64().unwrap_or_else(|error| {
        tracing::warn!(%error, "no random numbers for request ids");
        0
    })
});
/// How many ids there have been.
static COUNT: AtomicU64 = AtomicU64::new(0);

/// The caller's own id, when it is a plain one, or one of ours: 64 random bits of this process, then a
/// count.
fn request_id(request: &Request) -> String {
    let given = request.headers().get(REQUEST_ID).and_then(|value| value.to_str().ok());
    if let Some(id) =
        given.filter(|id| (8..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-'))
    {
        return id.to_owned();
    }
    let mut id = [0; 16];
    id[..8].copy_from_slice(&PROCESS.to_be_bytes());
    id[8..].copy_from_slice(&COUNT.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    hex(&id)
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
    let (pattern, path) = (pattern.trim_end_matches('/'), path.trim_end_matches('/'));
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
