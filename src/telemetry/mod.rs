//! What the service tells of itself.

mod log;

pub use log::start as start_log;
