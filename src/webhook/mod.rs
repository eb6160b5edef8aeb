//! Delivers one webhook, as Standard Webhooks 1.0.0 has it
//! (<https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>): signs it, sees
//! to it that it goes to no network of ours, sends it, and tells how that went and when to try again.
//!
//! What is to be told to whom, and what was told, is kept elsewhere. Of a body, of what stands in a URL after the
//! host and of an answer but its status nothing comes into an error or a log.

mod address;
mod attempt;
mod schedule;
mod secret;
mod send;
mod target;

pub use address::is_public;
pub use attempt::{Attempt, Failure};
pub use schedule::delay;
pub use secret::{MessageId, NoRandomness, Secret, SecretError, Secrets};
pub use send::{ClientError, Sender, Settings};
pub use target::{AllowedError, AllowedTarget, Guard, Target, TargetError};
