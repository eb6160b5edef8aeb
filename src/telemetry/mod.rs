//! What the service tells of itself.

mod log;
pub mod metrics;
pub mod trace;

pub use log::start as start_log;
