//! How mailings are made.

use std::time::Duration;

use serde::Deserialize;

use super::value::within;
use crate::bulk::job;

#[derive(Deserialize)]
pub(super) struct BulkTable {
    chunks_at_once: usize,
    keep_days: u64,
    list_mib: usize,
    heartbeat_seconds: u64,
    open_jobs: u32,
}

impl BulkTable {
    pub(super) fn settings(&self, problems: &mut Vec<String>) -> job::Settings {
        within(problems, "bulk.chunks_at_once", self.chunks_at_once as u64, 1, 64);
        within(problems, "bulk.keep_days", self.keep_days, 1, 366);
        within(problems, "bulk.list_mib", self.list_mib as u64, 1, 65_536);
        within(problems, "bulk.open_jobs", self.open_jobs.into(), 1, 1_000_000);
        within(problems, "bulk.heartbeat_seconds", self.heartbeat_seconds, 1, 600);
        job::Settings {
            at_once: self.chunks_at_once,
            keep: Duration::from_hours(24 * self.keep_days),
            largest: self.list_mib << 20,
            heartbeat: Duration::from_secs(self.heartbeat_seconds),
            open_jobs: self.open_jobs,
        }
    }
}
