//! Keys: who can find what.
//!
//! From the service key follow three keys of BLAKE3, each for one purpose. A document's id is a keyed
//! hash of its tenant and of everything that its bytes depend on; so it can not be guessed, and equal
//! input of two tenants has two ids. Where it lies is a keyed hash of tenant and id; so another tenant
//! that has got hold of an id looks in another place and finds nothing.

use std::fmt;

use base64::Engine as _;
use base64::display::Base64Display;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use crate::tenant::Tenant;

/// Names a document to its tenant: 32 bytes, in URLs as 43 characters of base64url.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Id([u8; 32]);

impl Id {
    /// Reads an id as it stands in a URL.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        let length = URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).ok()?;
        (length == bytes.len()).then_some(Self(bytes))
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Base64Display::new(&self.0, &URL_SAFE_NO_PAD), f)
    }
}

/// Not the id: who has it may fetch the document.
impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Id(…)")
    }
}

/// Where a document lies in a cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Place {
    /// Stands for the tenant, and tells nothing of it.
    pub(super) tenant: [u8; 8],
    pub(super) name: [u8; 32],
}

/// The keys of the cache.
#[derive(Clone)]
pub(super) struct Keys {
    id: Zeroizing<[u8; 32]>,
    place: Zeroizing<[u8; 32]>,
    seal: Zeroizing<[u8; 32]>,
}

impl Keys {
    /// Derives the keys from the service key.
    pub(super) fn derive(service: &[u8; 32]) -> Self {
        let key = |purpose: &str| Zeroizing::new(blake3::derive_key(purpose, service));
        Self {
            id: key("skoledok 2026-11 cache: id of a document"),
            place: key("skoledok 2026-11 cache: place of a document"),
            seal: key("skoledok 2026-11 cache: seal of a document"),
        }
    }

    /// The id of what follows from these parts for a tenant.
    pub(super) fn id(&self, tenant: &Tenant, parts: &[&[u8]]) -> Id {
        let mut hash = blake3::Hasher::new_keyed(&self.id);
        for part in std::iter::once(tenant.name().as_bytes()).chain(parts.iter().copied()) {
            hash.update(&(part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        Id(hash.finalize().into())
    }

    /// Where the document of an id lies, if it is the tenant's.
    pub(super) fn place(&self, tenant: &Tenant, id: &Id) -> Place {
        let mut hash = blake3::Hasher::new_keyed(&self.place);
        hash.update(&id.0);
        hash.update(tenant.name().as_bytes());
        Place { tenant: self.tenant(tenant), name: hash.finalize().into() }
    }

    /// What stands for a tenant.
    pub(super) fn tenant(&self, tenant: &Tenant) -> [u8; 8] {
        let hash = blake3::keyed_hash(&self.place, tenant.name().as_bytes());
        let mut tag = [0; 8];
        tag.copy_from_slice(&hash.as_bytes()[..8]);
        tag
    }

    /// The key that seals what lies at a place: one for each place, so that random nonces do not run out.
    pub(super) fn seal(&self, place: &Place) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(blake3::keyed_hash(&self.seal, &place.name).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_input_of_two_tenants_has_two_ids_and_two_places() {
        let keys = Keys::derive(&[7; 32]);
        let (one, other) = (Tenant::named("974588145"), Tenant::named("889640782"));
        let id = keys.id(&one, &[b"letter", b"{}"]);
        assert_eq!(id, keys.id(&one, &[b"letter", b"{}"]));
        assert_ne!(id, keys.id(&other, &[b"letter", b"{}"]));
        assert_ne!(keys.place(&one, &id), keys.place(&other, &id), "an id is of no use to another tenant");
        assert_ne!(keys.place(&one, &id).tenant, keys.place(&other, &id).tenant);
        assert_ne!(id, Keys::derive(&[8; 32]).id(&one, &[b"letter", b"{}"]), "another service key");
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        let keys = Keys::derive(&[7; 32]);
        let tenant = Tenant::local();
        assert_ne!(keys.id(&tenant, &[b"ab", b"c"]), keys.id(&tenant, &[b"a", b"bc"]));
        assert_ne!(keys.id(&tenant, &[b"ab", b""]), keys.id(&tenant, &[b"ab"]));
    }

    #[test]
    fn ids_survive_a_url_and_nothing_else_is_one() {
        let id = Keys::derive(&[7; 32]).id(&Tenant::local(), &[b"x"]);
        assert_eq!(Id::parse(&id.to_string()), Some(id));
        for wrong in ["", "AAAA", &id.to_string()[1..], &format!("{id}A"), "../../etc/passwd", &"=".repeat(43)] {
            assert_eq!(Id::parse(wrong), None, "{wrong}");
        }
    }
}
