//! What a caller may do.

use std::fmt;

/// One thing that a caller may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Make, check, fetch and remove documents.
    Render,
    /// Have many documents made at once.
    Bulk,
    /// Read plans and agreements.
    PlanRead,
    /// Write plans and agreements.
    PlanWrite,
    /// Sign them.
    Sign,
    /// Publish templates.
    Template,
    /// Read the audit log and remove all that is kept of the tenant.
    Admin,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Render, Self::Bulk, Self::PlanRead, Self::PlanWrite, Self::Sign, Self::Template, Self::Admin];

    /// The name, as in keys, tokens and messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Render => "render",
            Self::Bulk => "bulk",
            Self::PlanRead => "plan:read",
            Self::PlanWrite => "plan:write",
            Self::Sign => "sign",
            Self::Template => "template",
            Self::Admin => "admin",
        }
    }

    /// The scope of a name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.name() == name)
    }
}

/// A set of scopes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Scopes(u8);

impl Scopes {
    /// All of them.
    #[must_use]
    pub fn all() -> Self {
        Scope::ALL.into_iter().collect()
    }

    /// Those that are named in a text with spaces between; names that are none of ours are left out, since a token has also
    /// scopes of others.
    #[must_use]
    pub fn parse(text: &str, prefix: &str) -> Self {
        text.split_ascii_whitespace().filter_map(|name| Scope::parse(name.strip_prefix(prefix)?)).collect()
    }

    /// Whether a scope is among them. None of them holds another.
    #[must_use]
    pub fn contains(self, scope: Scope) -> bool {
        self.0 & (1 << scope as u8) != 0
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<T: IntoIterator<Item = Scope>>(scopes: T) -> Self {
        Self(scopes.into_iter().fold(0, |all, scope| all | 1 << scope as u8))
    }
}

/// The names with spaces between.
impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = Scope::ALL.into_iter().filter(|scope| self.contains(*scope)).map(Scope::name).collect();
        f.write_str(&names.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back_and_others_are_left_out() {
        let scopes = Scopes::parse("skole:render skole:plan:read openid skole:all render", "skole:");
        assert_eq!(scopes.to_string(), "render plan:read");
        assert!(scopes.contains(Scope::PlanRead) && !scopes.contains(Scope::PlanWrite));
        assert_eq!(Scopes::parse(&Scopes::all().to_string(), ""), Scopes::all());
        assert!(Scopes::parse("Render RENDER", "").is_empty());
    }
}
