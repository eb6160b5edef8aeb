//! How one attempt to send a webhook went, and what follows from it.

use std::error::Error;
use std::io;
use std::time::Duration;

use reqwest::header::RETRY_AFTER;
use reqwest::{Response, StatusCode};

use super::schedule::delay;
use super::target::RefusedAddress;

/// Longest time for which a receiver may ask.
const LONGEST_PAUSE: Duration = Duration::from_hours(1);

/// Why a webhook was not delivered. Nothing of an answer is told but its status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Failure {
    /// The URL is not one to send to, or its host has an address that is not allowed.
    #[error("the target is not allowed")]
    RefusedTarget,
    /// The host was not found.
    #[error("the host was not found")]
    Dns,
    /// No connection was made.
    #[error("no connection was made")]
    Connect,
    /// TLS did not come about: a certificate that is not trusted, say.
    #[error("TLS failed")]
    Tls,
    /// It took too long.
    #[error("it took too long")]
    Timeout,
    /// The connection broke, or what came was not HTTP.
    #[error("no answer in HTTP came")]
    NoAnswer,
    /// A status from 300 to 399. It is not followed.
    #[error("the answer was a redirect ({0}), which is not followed")]
    Redirect(u16),
    /// Another status that is not of success.
    #[error("the answer had status {0}")]
    Status(u16),
}

impl Failure {
    /// One word for it, for records and metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::RefusedTarget => "refused_target",
            Self::Dns => "dns",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Timeout => "timeout",
            Self::NoAnswer => "no_answer",
            Self::Redirect(_) => "redirect",
            Self::Status(_) => "status",
        }
    }

    /// Why there is no answer. An error of `reqwest` shows the whole URL, and goes no further than this.
    pub(super) fn of(error: &reqwest::Error) -> Self {
        if caused_by::<RefusedAddress>(error) {
            Self::RefusedTarget
        } else if caused_by::<rustls::Error>(error) {
            Self::Tls
        } else if error.is_timeout() {
            Self::Timeout
        } else if error.is_dns() {
            Self::Dns
        } else if error.is_connect() {
            Self::Connect
        } else {
            Self::NoAnswer
        }
    }
}

/// Whether an error of a type is among the sources of another. What an `io::Error` holds is not its source.
fn caused_by<E: Error + 'static>(error: &(dyn Error + 'static)) -> bool {
    if error.is::<E>() {
        return true;
    }
    let held =
        error.downcast_ref::<io::Error>().and_then(io::Error::get_ref).map(|held| held as &(dyn Error + 'static));
    held.or_else(|| error.source()).is_some_and(caused_by::<E>)
}

/// How one attempt went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    /// The status, from 200 to 299, or why it is not that.
    pub result: Result<u16, Failure>,
    /// For how long the receiver asked to be left alone, with status 429 or 503; an hour at most.
    pub retry_after: Option<Duration>,
}

impl Attempt {
    pub(super) fn answered(response: &Response) -> Self {
        let status = response.status();
        let result = match status.as_u16() {
            code @ 200..=299 => Ok(code),
            code @ 300..=399 => Err(Failure::Redirect(code)),
            code => Err(Failure::Status(code)),
        };
        let asks = matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
        Self { result, retry_after: if asks { pause(response) } else { None } }
    }

    /// The status of the answer, if there was one.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self.result {
            Ok(code) | Err(Failure::Redirect(code) | Failure::Status(code)) => Some(code),
            Err(_) => None,
        }
    }

    /// Whether the receiver wants no more webhooks at this URL: `410 Gone` («Delivery success and failure»).
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.status() == Some(StatusCode::GONE.as_u16())
    }

    /// How long to wait before the next attempt, when so many were made with this one; nothing when there is to be none.
    /// `jitter` as for [`delay`].
    #[must_use]
    pub fn again(&self, attempts: u32, jitter: f64) -> Option<Duration> {
        if self.result.is_ok() || self.is_gone() {
            return None;
        }
        Some(delay(attempts, jitter)?.max(self.retry_after.unwrap_or_default()))
    }
}

impl From<Failure> for Attempt {
    fn from(failure: Failure) -> Self {
        Self { result: Err(failure), retry_after: None }
    }
}

/// `Retry-After` in seconds (RFC 9110, 10.2.3). A date counts for nothing: the schedule is good enough for it.
fn pause(response: &Response) -> Option<Duration> {
    let text = response.headers().get(RETRY_AFTER)?.to_str().ok()?;
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    // What is too large for a number is longer than the longest.
    plain.then(|| text.parse().map_or(LONGEST_PAUSE, Duration::from_secs).min(LONGEST_PAUSE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_has_its_name() {
        let names = [
            (Failure::RefusedTarget, "refused_target"),
            (Failure::Dns, "dns"),
            (Failure::Connect, "connect"),
            (Failure::Tls, "tls"),
            (Failure::Timeout, "timeout"),
            (Failure::NoAnswer, "no_answer"),
            (Failure::Redirect(302), "redirect"),
            (Failure::Status(500), "status"),
        ];
        for (failure, name) in names {
            assert_eq!(failure.name(), name);
            assert!(Attempt::from(failure).again(9, 0.0).is_some(), "{name} is tried again");
        }
    }

    #[test]
    fn who_asks_for_time_gets_it_but_no_more_attempts() {
        let asked = Attempt { result: Err(Failure::Status(503)), retry_after: Some(Duration::from_mins(10)) };
        assert_eq!(asked.again(1, 0.0), Some(Duration::from_mins(10)), "instead of five seconds");
        assert_eq!(asked.again(3, 0.0), Some(Duration::from_mins(30)), "the schedule is later");
        assert_eq!(asked.again(10, 0.0), None, "that were all");
    }
}
