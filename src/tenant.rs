//! Whose request it is.

/// The organisation that a request is for. Nothing of one tenant can be seen, found or timed by another.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Tenant(String);

impl Tenant {
    /// The one tenant of a service without authentication.
    #[must_use]
    pub fn local() -> Self {
        Self("local".to_owned())
    }

    /// A tenant by its name.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0
    }
}
