//! Metrics and traces.

use std::net::SocketAddr;

use reqwest::header::{HeaderName, HeaderValue};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::value::{is_safe, secret, within};
use crate::telemetry::trace::TraceSettings;

#[derive(Deserialize)]
pub(super) struct TelemetryTable {
    metrics_bind: String,
    otlp_url: String,
    otlp_headers: Zeroizing<String>,
    otlp_headers_file: String,
    trace_percent: u64,
}

impl TelemetryTable {
    pub(super) fn metrics_bind(&self, problems: &mut Vec<String>) -> Option<SocketAddr> {
        if self.metrics_bind.is_empty() {
            return None;
        }
        let address = self.metrics_bind.parse().ok();
        if address.is_none() {
            problems
                .push("`telemetry.metrics_bind` is an address and a port, like `127.0.0.1:9090`, or empty".to_owned());
        }
        address
    }

    pub(super) fn traces(&self, problems: &mut Vec<String>) -> Option<TraceSettings> {
        within(problems, "telemetry.trace_percent", self.trace_percent, 0, 100);
        let headers = secret("telemetry.otlp_headers", &self.otlp_headers, &self.otlp_headers_file, problems)?;
        if self.otlp_url.is_empty() {
            if !headers.is_empty() {
                problems.push("`telemetry.otlp_url` is missing beside `telemetry.otlp_headers`".to_owned());
            }
            return None;
        }
        let is_plain = |url: &reqwest::Url| {
            matches!(url.scheme(), "http" | "https")
                && url.username().is_empty()
                && url.password().is_none()
                && url.query().is_none()
                && url.fragment().is_none()
        };
        let url = reqwest::Url::parse(&self.otlp_url).ok().filter(is_plain);
        let Some(url) = url.filter(|_| self.otlp_url.parse::<poem::http::Uri>().is_ok()) else {
            problems.push(
                "`telemetry.otlp_url` is an address like `http://collector:4318/v1/traces`; a password goes into `telemetry.otlp_headers`"
                    .to_owned(),
            );
            return None;
        };
        if !headers.is_empty() && !is_safe(&url) {
            problems.push(
                "`telemetry.otlp_headers` would be readable on the way; use `https` in `telemetry.otlp_url`".to_owned(),
            );
        }
        let headers = headers.split(',').filter(|header| !header.trim().is_empty()).map(|header| {
            let (name, value) = header.split_once('=')?;
            let mut value: HeaderValue = value.trim().parse().ok()?;
            value.set_sensitive(true);
            Some((name.trim().parse::<HeaderName>().ok()?, value))
        });
        let Some(headers) = headers.collect() else {
            problems.push("`telemetry.otlp_headers` is `name=value`, with commas between several".to_owned());
            return None;
        };
        let percent = u8::try_from(self.trace_percent).unwrap_or(100);
        Some(TraceSettings { url: self.otlp_url.clone(), headers, percent })
    }
}
