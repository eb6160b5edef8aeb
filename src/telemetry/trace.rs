//! Traces for OpenTelemetry, sent by OTLP over HTTP when a collector is set.
//!
//! A span is named by a route or a step of ours, and its attributes are words and numbers of ours. Of a caller only the ids in
//! `traceparent` are taken (W3C Trace Context, 3.2); `tracestate` and `baggage` can hold anything and are left alone.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use opentelemetry::context::FutureExt;
use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry::trace::{SpanKind, Status, TraceContextExt, TraceId, Tracer, TracerProvider};
use opentelemetry::{Context, KeyValue};
use opentelemetry_http::{HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{ExporterBuildError, Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{
    BatchConfig, BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracer, SdkTracerProvider,
};
use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use tokio::runtime::Handle;

use crate::outgoing::http_client;

/// Longest that the collector may take for what it is sent, and for the rest when the service stops.
const PATIENCE: Duration = Duration::from_secs(5);
/// Spans that may wait to be sent; more are lost.
const WAITING: usize = 8192;
/// Routes that somebody asks every few seconds, and that tell nothing.
const UNTRACED: [&str; 2] = ["/health/", "/metrics"];
const TRACEPARENT: &str = "traceparent";

/// What spans are made with, once there is a collector.
static TRACER: OnceLock<SdkTracer> = OnceLock::new();

/// Where traces go.
#[derive(Clone)]
pub struct TraceSettings {
    /// Where the collector takes traces, such as `http://collector:4318/v1/traces`.
    pub url: String,
    /// Headers that go with them, marked as secret.
    pub headers: HeaderMap,
    /// Of a hundred requests that come without a decision of their caller, how many are traced.
    pub percent: u8,
}

/// Why there are no traces.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// No HTTP client can be made.
    #[error("no HTTP client for the collector of traces")]
    Client(#[from] reqwest::Error),
    /// The exporter can not be made.
    #[error("traces can not be exported")]
    Exporter(#[from] ExporterBuildError),
}

/// The export of traces.
pub struct Traces(SdkTracerProvider);

impl Traces {
    /// Starts to trace, for the whole process. To be called once, within a runtime of Tokio.
    ///
    /// # Errors
    /// See [`TraceError`].
    pub fn start(settings: TraceSettings) -> Result<Self, TraceError> {
        let sender = Sender {
            client: http_client().timeout(PATIENCE).build()?,
            headers: settings.headers,
            runtime: Handle::current(),
            is_failing: Arc::new(AtomicBool::new(false)),
        };
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(sender)
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(settings.url)
            .with_timeout(PATIENCE)
            .build()?;
        let share = Sampler::TraceIdRatioBased(f64::from(settings.percent) / 100.0);
        let resource = Resource::builder_empty()
            .with_service_name("skoledok")
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .build();
        let provider = SdkTracerProvider::builder()
            .with_span_processor(BatchSpanProcessor::builder(exporter).with_batch_config(batches()).build())
            .with_sampler(Sampler::ParentBased(Box::new(share)))
            .with_resource(resource)
            .build();
        // Called once; a second call would leave the first in its place.
        drop(TRACER.set(provider.tracer("skoledok")));
        Ok(Self(provider))
    }

    /// Sends what is left.
    pub async fn end(self) {
        let sent = tokio::task::spawn_blocking(move || self.0.shutdown_with_timeout(PATIENCE)).await;
        if !matches!(sent, Ok(Ok(()))) {
            tracing::warn!("the last traces could not be sent");
        }
    }
}

/// How spans are gathered. All is set, since what is not would be read from the environment.
fn batches() -> BatchConfig {
    BatchConfigBuilder::default()
        .with_max_queue_size(WAITING)
        .with_max_export_batch_size(512)
        .with_scheduled_delay(Duration::from_secs(5))
        .build()
}

/// Sends what the exporter has gathered. It is called on a thread of the exporter's own, and works in the service's runtime.
#[derive(Debug)]
struct Sender {
    client: reqwest::Client,
    headers: HeaderMap,
    runtime: Handle,
    is_failing: Arc<AtomicBool>,
}

impl HttpClient for Sender {
    fn send_bytes<'a, 'b>(
        &'a self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'b>>
    where
        'a: 'b,
        Self: 'b,
    {
        // Of the exporter's headers only what the body is: it adds what the environment says to those of the settings.
        let kind = request.headers().get(CONTENT_TYPE).cloned();
        let mut headers = self.headers.clone();
        headers.extend(kind.map(|kind| (CONTENT_TYPE, kind)));
        let sending = self.client.post(request.uri().to_string()).headers(headers).body(request.into_body());
        let is_failing = Arc::clone(&self.is_failing);
        let sending = self.runtime.spawn(async move {
            let answer = sending.send().await;
            // Not an address, which can hold a secret.
            let why = match &answer {
                Ok(answer) if answer.status().is_success() => None,
                Ok(answer) => Some(answer.status().as_str().to_owned()),
                Err(error) if error.is_timeout() => Some("no answer in time".to_owned()),
                Err(_) => Some("no connection".to_owned()),
            };
            match why {
                None if is_failing.swap(false, Ordering::Relaxed) => tracing::info!("the collector takes traces again"),
                Some(why) if !is_failing.swap(true, Ordering::Relaxed) => {
                    tracing::warn!(why, "the collector does not take traces; they are lost, and the service goes on");
                }
                _ => {}
            }
            let answer = answer.map_err(reqwest::Error::without_url)?;
            // The exporter draws its conclusions from the status; what else it says does not matter.
            let mut told = Response::builder().status(answer.status());
            if let Some(later) = answer.headers().get(RETRY_AFTER) {
                told = told.header(RETRY_AFTER, later);
            }
            Ok(told.body(Bytes::new())?)
        });
        Box::pin(async move { sending.await? })
    }
}

/// A request, as a span if there is a collector.
pub struct RequestSpan {
    span: Option<Context>,
    trace: Option<TraceId>,
}

impl RequestSpan {
    /// Begins the span of a request: `method` and `route` are words of ours, `traceparent` is what the caller says.
    #[must_use]
    pub fn begin(method: &'static str, route: &str, traceparent: Option<&str>) -> Self {
        let tracer = TRACER.get().filter(|_| !UNTRACED.iter().any(|prefix| route.starts_with(prefix)));
        let Some(tracer) = tracer else {
            let trace = traceparent.and_then(|text| remote(text).map(|parent| trace_of(&parent)));
            return Self { span: None, trace };
        };
        let parent = traceparent.and_then(remote).unwrap_or_default();
        let span = tracer
            .span_builder(format!("{method} {route}"))
            .with_kind(SpanKind::Server)
            .with_attributes([
                KeyValue::new("http.request.method", method),
                KeyValue::new("http.route", route.to_owned()),
            ])
            .start_with_context(tracer, &parent);
        let span = Context::new().with_span(span);
        Self { trace: Some(trace_of(&span)), span: Some(span) }
    }

    /// The id of the trace that the request belongs to: its caller's, or one of ours.
    #[must_use]
    pub fn trace(&self) -> Option<TraceId> {
        self.trace
    }

    /// Does the work of the request; steps within it become spans below.
    pub async fn within<F: Future>(&self, work: F) -> F::Output {
        match &self.span {
            Some(span) => work.with_context(span.clone()).await,
            None => work.await,
        }
    }

    /// Ends the span with the status of the answer.
    pub fn end(self, status: u16) {
        let Some(context) = self.span else { return };
        let span = context.span();
        span.set_attribute(KeyValue::new("http.response.status_code", i64::from(status)));
        if status >= 500 {
            span.set_status(Status::error(""));
        }
        span.end();
    }
}

/// Does a step of a request, as a span within that of the request. `attributes` are words of ours.
pub async fn step<F: Future>(name: &'static str, attributes: &[(&'static str, &'static str)], work: F) -> F::Output {
    let Some(tracer) = TRACER.get() else { return work.await };
    let parent = Context::current();
    if !parent.has_active_span() {
        return work.await;
    }
    let attributes = attributes.iter().map(|(key, value)| KeyValue::new(*key, *value));
    let span = tracer.span_builder(name).with_attributes(attributes).start_with_context(tracer, &parent);
    // The span ends when the last that knows the context is dropped, which is also so when nobody waits any more.
    work.with_context(parent.with_span(span)).await
}

/// Adds a word of ours to the span at hand.
pub fn note(key: &'static str, value: &'static str) {
    if TRACER.get().is_some() {
        Context::map_current(|context| context.span().set_attribute(KeyValue::new(key, value)));
    }
}

fn trace_of(context: &Context) -> TraceId {
    context.span().span_context().trace_id()
}

/// The caller's span, if what it says is well-formed.
fn remote(traceparent: &str) -> Option<Context> {
    struct Only<'a>(&'a str);

    impl Extractor for Only<'_> {
        fn get(&self, key: &str) -> Option<&str> {
            (key == TRACEPARENT).then_some(self.0)
        }

        fn keys(&self) -> Vec<&str> {
            vec![TRACEPARENT]
        }
    }

    // The propagator takes shorter ids, too.
    let lengths = [2, 32, 16, 2];
    let parts = traceparent.split('-').zip(lengths);
    let is_hex = |part: &str| part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if traceparent.split('-').count() < 4
        || !parts.into_iter().all(|(part, length)| part.len() == length && is_hex(part))
    {
        return None;
    }
    let context = TraceContextPropagator::new().extract_with_context(&Context::new(), &Only(traceparent));
    context.has_active_span().then_some(context)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_traceparent_is_taken_when_it_is_well_formed() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let trace = RequestSpan::begin("GET", "/v1/kinds", Some(good)).trace().map(|id| id.to_string());
        assert_eq!(trace.as_deref(), Some("4bf92f3577b34da6a3ce929d0e0e4736"));
        for wrong in [
            "",
            "Kari Nordmann",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4bf92f3577b34da6a3ce929d0e0e47-00f067aa0ba902b7-01",
        ] {
            assert_eq!(RequestSpan::begin("GET", "/v1/kinds", Some(wrong)).trace(), None, "{wrong}");
        }
    }
}
