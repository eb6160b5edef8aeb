//! Who calls is not let in, may not do this, or calls too often.

use std::fmt;

use poem::http::StatusCode;

use super::Problem;
use crate::access::{Refusal, Scope};

/// What `WWW-Authenticate` says (RFC 6750, 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Challenge {
    Missing,
    Invalid,
    Scope(Scope),
}

impl fmt::Display for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bearer realm=\"skoledok\"")?;
        match self {
            Self::Missing => Ok(()),
            Self::Invalid => f.write_str(", error=\"invalid_token\""),
            Self::Scope(scope) => write!(f, ", error=\"insufficient_scope\", scope=\"{}\"", scope.name()),
        }
    }
}

impl Problem {
    /// Somebody is not let in (RFC 6750, 3.1).
    pub(in crate::http) fn refused(refusal: Refusal) -> Self {
        let detail = refusal.to_string();
        match refusal {
            Refusal::Missing => {
                let mut problem =
                    Self::new(StatusCode::UNAUTHORIZED, "not-authenticated", "who calls is not known", detail);
                problem.challenge = Some(Challenge::Missing);
                problem
            }
            Refusal::Invalid(_) => {
                let mut problem =
                    Self::new(StatusCode::UNAUTHORIZED, "invalid-credentials", "the credentials are not good", detail);
                problem.challenge = Some(Challenge::Invalid);
                problem
            }
            Refusal::Unavailable => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "access-unavailable", "nobody can be let in now", detail)
                    .after(5)
            }
        }
    }

    /// Somebody may not do this.
    pub(in crate::http) fn not_allowed(needed: Scope) -> Self {
        let name = needed.name();
        let mut problem = Self::new(
            StatusCode::FORBIDDEN,
            "missing-scope",
            "the credentials are not for this",
            format!("the scope `{name}` is missing"),
        );
        problem.challenge = Some(Challenge::Scope(needed));
        problem
    }

    /// Somebody calls too often.
    pub(in crate::http) fn too_many(seconds: u64) -> Self {
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too-many-requests",
            "too many requests",
            "try again after the time in `Retry-After`; `RateLimit-Policy` tells how many are allowed",
        )
        .after(seconds)
    }
}
