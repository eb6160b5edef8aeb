//! How the end of jobs is told.

use std::time::Duration;

use serde::Deserialize;

use super::value::within;
use crate::webhook;

#[derive(Deserialize)]
pub(super) struct WebhooksTable {
    allow: String,
    allow_http: bool,
    timeout_ms: u64,
}

impl WebhooksTable {
    pub(super) fn settings(&self, problems: &mut Vec<String>) -> webhook::Settings {
        within(problems, "webhooks.timeout_ms", self.timeout_ms, 100, 60_000);
        let named = self.allow.split(',').map(str::trim).filter(|target| !target.is_empty());
        let mut allow = Vec::new();
        for target in named {
            match target.parse() {
                Ok(target) => allow.push(target),
                Err(error) => problems.push(format!("`webhooks.allow`: `{target}` is {error}")),
            }
        }
        webhook::Settings {
            http: self.allow_http,
            allow,
            timeout: Duration::from_millis(self.timeout_ms),
            ..webhook::Settings::default()
        }
    }
}
