//! The pool of render processes.

use std::time::Duration;

use serde::Deserialize;

use super::value::within;
use crate::worker;

#[derive(Deserialize)]
pub(super) struct RenderTable {
    workers: usize,
    queue: usize,
    deadline_ms: u64,
    pub(super) memory_mib: u64,
    recycle_documents: u64,
    recycle_growth_mib: u64,
}

impl RenderTable {
    /// `cores` are those of the machine.
    pub(super) fn settings(&self, cores: usize, problems: &mut Vec<String>) -> worker::Settings {
        within(problems, "render.workers", self.workers as u64, 0, 256);
        within(problems, "render.queue", self.queue as u64, 1, 100_000);
        within(problems, "render.deadline_ms", self.deadline_ms, 100, 600_000);
        within(problems, "render.memory_mib", self.memory_mib, 128, 65_536);
        within(problems, "render.recycle_documents", self.recycle_documents, 1, u64::MAX);
        within(problems, "render.recycle_growth_mib", self.recycle_growth_mib, 16, 65_536);
        worker::Settings {
            workers: if self.workers == 0 { cores } else { self.workers },
            queue: self.queue,
            deadline: Duration::from_millis(self.deadline_ms),
            recycle_after: self.recycle_documents,
            recycle_growth: self.recycle_growth_mib << 20,
        }
    }
}
