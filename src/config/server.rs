//! Where and how requests are taken.

use std::time::Duration;

use serde::Deserialize;

use super::value::within;
use crate::http;

#[derive(Deserialize)]
pub(super) struct Server {
    bind: String,
    head_timeout_ms: u64,
    pub(super) body_timeout_ms: u64,
    write_timeout_ms: u64,
    pub(super) drain_ms: u64,
    connections: usize,
    pub(super) threads: usize,
}

#[derive(Deserialize)]
pub(super) struct TlsTable {
    certificate_file: String,
    key_file: String,
}

impl Server {
    pub(super) fn settings(&self, tls: &TlsTable, problems: &mut Vec<String>) -> Option<http::ServerSettings> {
        let bind = self.bind.parse();
        if bind.is_err() {
            problems.push("`server.bind` is an address and a port, like `127.0.0.1:8080`".to_owned());
        }
        within(problems, "server.head_timeout_ms", self.head_timeout_ms, 100, 600_000);
        within(problems, "server.body_timeout_ms", self.body_timeout_ms, 100, 600_000);
        within(problems, "server.write_timeout_ms", self.write_timeout_ms, 100, 600_000);
        within(problems, "server.drain_ms", self.drain_ms, 0, 600_000);
        within(problems, "server.threads", self.threads as u64, 0, 256);
        within(problems, "server.connections", self.connections as u64, 1, 1_000_000);
        Some(http::ServerSettings {
            tls: tls.settings(problems)?,
            bind: bind.ok()?,
            head_timeout: Duration::from_millis(self.head_timeout_ms),
            write_timeout: Duration::from_millis(self.write_timeout_ms),
            connections: self.connections,
        })
    }
}

impl TlsTable {
    /// The files, if there are any; nothing when one of them is missing.
    #[expect(clippy::option_option, reason = "no TLS is right, half of it is not")]
    fn settings(&self, problems: &mut Vec<String>) -> Option<Option<http::TlsFiles>> {
        match (self.certificate_file.as_str(), self.key_file.as_str()) {
            ("", "") => Some(None),
            ("", _) | (_, "") => {
                problems.push("`tls.certificate_file` and `tls.key_file` go together".to_owned());
                None
            }
            (certificate, key) => Some(Some(http::TlsFiles { certificate: certificate.into(), key: key.into() })),
        }
    }
}
