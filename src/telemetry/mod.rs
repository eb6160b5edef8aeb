//! What the service tells of itself.

mod log;
pub mod metrics;
pub mod trace;

pub use log::start as start_log;

/// An error with all that caused it, in a line.
#[must_use]
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
