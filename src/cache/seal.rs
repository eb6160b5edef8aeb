//! Sealed documents: each under a key of the place it lies at, so that random nonces do not run out, and a dump of Redis shows lengths
//! and nothing else.

use super::key::{Keys, Place};

/// Seals a value; nothing when there are no random numbers.
pub(super) fn seal(keys: &Keys, place: &Place, value: &[u8]) -> Option<Vec<u8>> {
    crate::seal::seal(&keys.seal(place), &[], value)
}

/// Opens a sealed value; nothing when it is not one of ours for this place.
pub(super) fn open(keys: &Keys, place: &Place, sealed: Vec<u8>) -> Option<Vec<u8>> {
    crate::seal::open(&keys.seal(place), &[], sealed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tenant::Tenant;

    #[test]
    fn a_document_opens_at_its_place_alone() {
        let keys = Keys::derive(&[1; 32]);
        let place = keys.place(&Tenant::local(), &keys.id(&Tenant::local(), &[b"one"]));
        let sealed = seal(&keys, &place, b"a child's name").expect("there are random numbers");
        assert_eq!(open(&keys, &place, sealed.clone()).as_deref(), Some(&b"a child's name"[..]));
        let elsewhere = keys.place(&Tenant::local(), &keys.id(&Tenant::local(), &[b"two"]));
        assert_eq!(open(&keys, &elsewhere, sealed.clone()), None, "moved");
        assert_eq!(open(&Keys::derive(&[2; 32]), &place, sealed), None, "the service key was rotated");
    }
}
