//! How signatures are made: servers, trust and keys.

use std::path::PathBuf;
use std::time::Duration;

use reqwest::Url;
use serde::Deserialize;

use super::value::within;
use crate::pki::{Anchors, Certificate};
use crate::signing::Settings;

#[derive(Deserialize)]
pub(super) struct SigningTable {
    time_stamp_urls: String,
    trust_files: String,
    chain_files: String,
    revocation_hosts: String,
    fetch_to_verify: bool,
    keys_folder: String,
    timeout_ms: u64,
    prepared_minutes: u64,
    renew_days: u64,
}

/// The words of a list.
fn words(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim).filter(|word| !word.is_empty())
}

impl SigningTable {
    pub(super) fn settings(&self, problems: &mut Vec<String>) -> Settings {
        within(problems, "signing.timeout_ms", self.timeout_ms, 100, 60_000);
        within(problems, "signing.prepared_minutes", self.prepared_minutes, 1, 10_080);
        within(problems, "signing.renew_days", self.renew_days, 1, 3650);
        let mut servers = Vec::new();
        for url in words(&self.time_stamp_urls) {
            match Url::parse(url) {
                Ok(url) if matches!(url.scheme(), "http" | "https") => servers.push(url),
                _ => problems.push(
                    "`signing.time_stamp_urls` are addresses with `http` or `https`, with commas between".to_owned(),
                ),
            }
        }
        let anchors = certificates("signing.trust_files", &self.trust_files, problems);
        let pool = certificates("signing.chain_files", &self.chain_files, problems);
        Settings {
            servers,
            anchors: Anchors::new(anchors),
            pool,
            hosts: words(&self.revocation_hosts).map(str::to_owned).collect(),
            fetch_to_verify: self.fetch_to_verify,
            keys: (!self.keys_folder.is_empty()).then(|| PathBuf::from(&self.keys_folder)),
            timeout: Duration::from_millis(self.timeout_ms),
            prepared: Duration::from_mins(self.prepared_minutes),
            renew: Duration::from_hours(24 * self.renew_days.min(36_500)),
        }
    }
}

fn certificates(name: &str, files: &str, problems: &mut Vec<String>) -> Vec<Certificate> {
    let mut all = Vec::new();
    for path in words(files) {
        let read = std::fs::read(path).map_err(|error| error.to_string());
        match read.and_then(|bytes| Certificate::list(&bytes).map_err(|error| error.to_string())) {
            Ok(found) => all.extend(found),
            Err(error) => problems.push(format!("`{name}`: `{path}`: {error}")),
        }
    }
    all
}
