//! Whose request it is.

use std::borrow::Cow;

/// The organisation that a request is for. Nothing that is kept of one tenant can be seen or found by another.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Tenant(Cow<'static, str>);

impl Tenant {
    /// The one tenant of a service without authentication.
    #[must_use]
    pub fn local() -> Self {
        Self(Cow::Borrowed("local"))
    }

    /// A tenant by its name: an organisation number.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        Self(Cow::Owned(name.into()))
    }

    /// Whether it is the one of a service without authentication.
    #[must_use]
    pub fn is_local(&self) -> bool {
        *self == Self::local()
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0
    }
}
