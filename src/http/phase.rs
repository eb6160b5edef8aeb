//! What a service is about: starting, serving, or leaving.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

const STARTING: u8 = 0;
const SERVING: u8 = 1;
const LEAVING: u8 = 2;

/// What a service is about, as its parts share it.
#[derive(Debug, Clone, Default)]
pub struct Phase(Arc<AtomicU8>);

impl Phase {
    /// The render workers are warm. A service that is leaving already stays so.
    pub fn serve(&self) {
        // Whoever has set something else knows better.
        self.0.compare_exchange(STARTING, SERVING, Ordering::AcqRel, Ordering::Acquire).ok();
    }

    /// It will stop soon: callers had better go elsewhere, though they are served.
    pub fn leave(&self) {
        self.0.store(LEAVING, Ordering::Release);
    }

    /// Whether requests had better come here.
    #[must_use]
    pub fn is_serving(&self) -> bool {
        self.0.load(Ordering::Acquire) == SERVING
    }

    /// Whether it will stop soon.
    #[must_use]
    pub fn is_leaving(&self) -> bool {
        self.0.load(Ordering::Relaxed) == LEAVING
    }
}
