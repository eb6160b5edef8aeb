//! Traces as a collector gets them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use skoledok::document::hex as hex_of;

use crate::redis_server::{KEY, RedisServer};
use crate::support::{Server, eventually, letter, output_folder};

/// A collector, as far as spans go.
pub struct Collector {
    pub url: String,
    bodies: Arc<Mutex<Vec<Vec<u8>>>>,
    /// What came with them.
    heads: Arc<Mutex<String>>,
    /// How often it has refused, if it does.
    refused: Arc<Mutex<Option<usize>>>,
}

impl Collector {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
        let url = format!("http://{}/v1/traces", listener.local_addr().expect("a listener has an address"));
        let collector = Self { url, bodies: Arc::default(), heads: Arc::default(), refused: Arc::default() };
        let (bodies, heads, refused) =
            (Arc::clone(&collector.bodies), Arc::clone(&collector.heads), Arc::clone(&collector.refused));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mut reader = BufReader::new(&stream);
                let (mut head, mut line) = (String::new(), String::new());
                while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
                    head += &std::mem::take(&mut line);
                }
                let length =
                    head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
                let mut body = vec![0; length.unwrap_or(0)];
                reader.read_exact(&mut body).expect("a body comes whole");
                let refuse = refused.lock().expect("nobody panics").as_mut().map(|count| *count += 1).is_some();
                if !refuse {
                    bodies.lock().expect("nobody panics").push(body);
                    heads.lock().expect("nobody panics").push_str(&head);
                }
                let status = if refuse { "503 Busy" } else { "200 OK" };
                // A service that has ended does not need it.
                drop(write!(&stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"));
            }
        });
        collector
    }

    /// All that has come, as bytes.
    pub fn bytes(&self) -> Vec<u8> {
        self.bodies.lock().expect("nobody panics").concat()
    }

    fn spans(&self) -> Vec<Span> {
        let bodies = self.bodies.lock().expect("nobody panics").clone();
        let requests =
            bodies.iter().map(|body| ExportTraceServiceRequest::decode(body.as_slice()).expect("it is OTLP"));
        requests
            .flat_map(|request| request.resource_spans)
            .flat_map(|of_resource| of_resource.scope_spans)
            .flat_map(|of_scope| of_scope.spans)
            .collect()
    }
}

fn attribute(span: &Span, key: &str) -> String {
    let found = span.attributes.iter().find(|attribute| attribute.key == key);
    match found.and_then(|attribute| attribute.value.clone()?.value) {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    }
}

#[test]
fn a_request_and_its_steps_become_spans_below_that_of_the_caller() {
    let (collector, redis) = (Collector::start(), RedisServer::start("traces"));
    let log = output_folder("traces").join("log.json");
    let file = std::fs::File::create(&log).expect("a log can be made");
    let variables = [
        ("SKOLEDOK__TELEMETRY__OTLP_URL", collector.url.as_str()),
        ("SKOLEDOK__TELEMETRY__OTLP_HEADERS", "authorization=Bearer abc"),
        ("SKOLEDOK__CACHE__REDIS_URL", &redis.url()),
        ("SKOLEDOK__CACHE__KEY", KEY),
    ];
    let server = Server::with(&variables, Stdio::from(file));
    server.await_part("cache", "ok");
    let (trace, parent) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
    let headers = [("traceparent", &*format!("00-{trace}-{parent}-01")), ("tracestate", "navn=hemmelig")];
    let body = letter(1).to_string();
    assert_eq!(server.post("/v1/render/parent-letter", body.as_bytes(), &headers).status, 200);
    // One whose caller does not want it to be traced.
    let headers = [("traceparent", &*format!("00-{}-{parent}-00", "ab".repeat(16)))];
    assert_eq!(server.get_with("/v1/kinds", &headers).status, 200);
    assert_eq!(server.terminate().code(), Some(0), "an orderly stop sends what is left");

    let spans = collector.spans();
    let own: Vec<_> = spans.iter().filter(|span| hex_of(&span.trace_id) == trace).collect();
    let request = own.iter().find(|span| span.name == "POST /v1/render/parent-letter").expect("the request is a span");
    assert_eq!(hex_of(&request.parent_span_id), parent);
    assert_eq!(attribute(request, "http.response.status_code"), "200");
    assert_eq!(attribute(request, "skoledok.source"), "made");
    for (name, key, value) in [("render", "skoledok.kind", "parent-letter"), ("redis", "", "None")] {
        let step = own.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("{name} is no span: {own:?}"));
        assert_eq!(step.parent_span_id, request.span_id, "{name}");
        assert_eq!(attribute(step, key), value);
        assert!(step.start_time_unix_nano >= request.start_time_unix_nano);
        assert!(step.end_time_unix_nano <= request.end_time_unix_nano);
    }
    assert!(!spans.iter().any(|span| hex_of(&span.trace_id) == "ab".repeat(16)));
    let bytes = collector.bytes();
    assert!(!bytes.windows(8).any(|part| part == b"hemmelig"), "tracestate goes no further");
    assert!(collector.heads.lock().expect("nobody panics").contains("authorization: Bearer abc"));
    let log = std::fs::read_to_string(&log).expect("the log can be read");
    assert!(log.contains(&format!(r#""trace_id":"{trace}""#)), "{log}");
}

#[test]
fn a_collector_that_is_away_costs_one_warning() {
    let collector = Collector::start();
    *collector.refused.lock().expect("nobody panics") = Some(0);
    let log = output_folder("traces-away").join("log.json");
    let file = std::fs::File::create(&log).expect("a log can be made");
    let server = Server::with(&[("SKOLEDOK__TELEMETRY__OTLP_URL", &collector.url)], Stdio::from(file));
    let lines = |part: &str| {
        let log = std::fs::read_to_string(&log).expect("the log can be read");
        log.lines().filter(|line| line.contains(part)).count()
    };
    eventually("it has refused twice", || {
        assert_eq!(server.get("/v1/kinds").status, 200);
        collector.refused.lock().expect("nobody panics").is_some_and(|count| count >= 2)
    });
    assert_eq!(lines("does not take traces"), 1);
    *collector.refused.lock().expect("nobody panics") = None;
    assert_eq!(server.get("/v1/kinds").status, 200);
    eventually("it is told", || lines("takes traces again") == 1);
    assert_eq!(lines("does not take traces"), 1);
    assert_eq!(server.terminate().code(), Some(0));
}
