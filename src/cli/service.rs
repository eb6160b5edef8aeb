//! Looks at a service: whether it lives, and whether it has all that it needs.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::time::Duration;

use super::{Failure, print_text, runtime, settings};
use crate::doctor::{self, State};
use crate::http;
use crate::outgoing::http_client;
use crate::telemetry::with_causes;

/// Asks a service for its life, as a container's health check does.
pub(super) fn ask_health(server: &http::ServerSettings) -> Result<(), Failure> {
    const PATIENCE: Duration = Duration::from_secs(3);
    let mut address = server.bind;
    if address.ip().is_unspecified() {
        let loopback: IpAddr = if address.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() };
        address.set_ip(loopback);
    }
    let scheme = if server.tls.is_some() { "https" } else { "http" };
    let runtime = runtime()?;
    let answer = runtime.block_on(async {
        // The name in the certificate is not the loopback address, and nothing secret is sent.
        let client = http_client().danger_accept_invalid_certs(true).timeout(PATIENCE).build()?;
        client.get(format!("{scheme}://{address}/health/live")).send().await?.error_for_status()
    });
    match answer {
        Ok(_) => Ok(()),
        Err(error) => {
            eprintln!("skoledok: `{address}` does not say that it lives: {}", with_causes(&error));
            Err(Failure::Faults)
        }
    }
}

/// Looks at everything that a service needs.
pub(super) fn examine(config: Option<&Path>) -> Result<(), Failure> {
    let findings = doctor::examine(settings(config, None)?).map_err(Failure::caused)?;
    let lines: Vec<_> = findings
        .iter()
        .map(|finding| match &finding.state {
            State::Ok => format!("ok       {}", finding.what),
            State::Warning(remedy) => format!("warning  {}: no; {remedy}", finding.what),
            State::Fault(remedy) => format!("FAULT    {}: no; {remedy}", finding.what),
        })
        .collect();
    print_text(&lines.join("\n"))?;
    let whole = findings.iter().all(|finding| !matches!(finding.state, State::Fault(_)));
    if whole { Ok(()) } else { Err(Failure::Faults) }
}
