//! Sealed values: AES-256-GCM (NIST SP 800-38D) under a key of the place they lie at. A dump of Redis
//! shows lengths and nothing else; a value that was changed, moved or sealed under another service key
//! does not open.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

use super::key::{Keys, Place};

/// First byte of a sealed value.
const VERSION: u8 = 1;

fn key(keys: &Keys, place: &Place) -> Option<LessSafeKey> {
    UnboundKey::new(&AES_256_GCM, &keys.seal(place)[..]).ok().map(LessSafeKey::new)
}

/// Seals a value; nothing when there are no random numbers.
pub(super) fn seal(keys: &Keys, place: &Place, value: &[u8]) -> Option<Vec<u8>> {
    let mut nonce = [0; NONCE_LEN];
    getrandom::fill(&mut nonce).ok()?;
    let mut sealed = Vec::with_capacity(1 + NONCE_LEN + value.len() + AES_256_GCM.tag_len());
    sealed.push(VERSION);
    sealed.extend_from_slice(&nonce);
    sealed.extend_from_slice(value);
    let (head, body) = sealed.split_at_mut(1 + NONCE_LEN);
    let tag = key(keys, place)?
        .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(&head[..1]), body)
        .ok()?;
    sealed.extend_from_slice(tag.as_ref());
    Some(sealed)
}

/// Opens a sealed value; nothing when it is not one of ours for this place.
pub(super) fn open(keys: &Keys, place: &Place, mut sealed: Vec<u8>) -> Option<Vec<u8>> {
    let (head, body) = sealed.split_at_mut_checked(1 + NONCE_LEN)?;
    if head[0] != VERSION {
        return None;
    }
    let nonce = Nonce::try_assume_unique_for_key(&head[1..]).ok()?;
    let length = key(keys, place)?.open_in_place(nonce, Aad::from([VERSION]), body).ok()?.len();
    sealed.truncate(1 + NONCE_LEN + length);
    sealed.drain(..=NONCE_LEN);
    Some(sealed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tenant::Tenant;

    #[test]
    fn only_the_same_key_at_the_same_place_opens_what_was_not_touched() {
        let keys = Keys::derive(&[1; 32]);
        let place = keys.place(&Tenant::local(), &keys.id(&Tenant::local(), &[b"one"]));
        let sealed = seal(&keys, &place, b"a child's name").expect("there are random numbers");
        assert!(!sealed.windows(5).any(|part| part == b"child"), "the words are not to be seen");
        assert_ne!(sealed, seal(&keys, &place, b"a child's name").expect("there are random numbers"));
        assert_eq!(open(&keys, &place, sealed.clone()).as_deref(), Some(&b"a child's name"[..]));
        for index in 0..sealed.len() {
            let mut touched = sealed.clone();
            touched[index] ^= 1;
            assert_eq!(open(&keys, &place, touched), None, "byte {index}");
        }
        for length in 0..sealed.len() {
            assert_eq!(open(&keys, &place, sealed[..length].to_vec()), None, "cut to {length}");
        }
        let elsewhere = keys.place(&Tenant::local(), &keys.id(&Tenant::local(), &[b"two"]));
        assert_eq!(open(&keys, &elsewhere, sealed.clone()), None, "moved");
        assert_eq!(open(&Keys::derive(&[2; 32]), &place, sealed), None, "the key was rotated");
    }
}
