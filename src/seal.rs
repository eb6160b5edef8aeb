//! Sealed values: AES-256-GCM (NIST SP 800-38D) under a key of their own, bound to the place they lie at.
//!
//! Who sees a sealed value sees its length and nothing else; a value that was changed, moved or sealed under another key does not open.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use zeroize::Zeroizing;

/// A key, 32 bytes.
pub type Key = Zeroizing<[u8; 32]>;

/// First byte of a sealed value.
const VERSION: u8 = 1;

/// A new key; nothing when there are no random numbers.
#[must_use]
pub fn new_key() -> Option<Key> {
    let mut key = Key::default();
    getrandom::fill(&mut key[..]).ok()?;
    Some(key)
}

/// A name that nobody can guess: 128 random bits in 22 characters of base64url; nothing when there are no random numbers.
#[must_use]
pub fn new_name() -> Option<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).ok()?;
    Some(URL_SAFE_NO_PAD.encode(bytes))
}

fn cipher(key: &Key) -> Option<LessSafeKey> {
    UnboundKey::new(&AES_256_GCM, &key[..]).ok().map(LessSafeKey::new)
}

/// Seals a value for a place; nothing when there are no random numbers. Nonces are random, so a key is good for about four thousand
/// million values (NIST SP 800-38D, 8.3).
#[must_use]
pub fn seal(key: &Key, place: &[u8], value: &[u8]) -> Option<Vec<u8>> {
    let mut nonce = [0; NONCE_LEN];
    getrandom::fill(&mut nonce).ok()?;
    let mut sealed = Vec::with_capacity(1 + NONCE_LEN + value.len() + AES_256_GCM.tag_len());
    sealed.push(VERSION);
    sealed.extend_from_slice(&nonce);
    sealed.extend_from_slice(value);
    let body = &mut sealed[1 + NONCE_LEN..];
    let tag = cipher(key)?
        .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(bound(place)), body)
        .ok()?;
    sealed.extend_from_slice(tag.as_ref());
    Some(sealed)
}

/// Opens a sealed value; nothing when it is not one of ours for this place.
#[must_use]
pub fn open(key: &Key, place: &[u8], mut sealed: Vec<u8>) -> Option<Vec<u8>> {
    let (head, body) = sealed.split_at_mut_checked(1 + NONCE_LEN)?;
    if head[0] != VERSION {
        return None;
    }
    let nonce = Nonce::try_assume_unique_for_key(&head[1..]).ok()?;
    let length = cipher(key)?.open_in_place(nonce, Aad::from(bound(place)), body).ok()?.len();
    sealed.truncate(1 + NONCE_LEN + length);
    sealed.drain(..=NONCE_LEN);
    Some(sealed)
}

/// Seals and opens what belongs to one thing, under a key of its own. That key lies with the thing, itself sealed under another: without it nothing
/// of the thing opens any more.
pub struct Vault {
    id: String,
    key: Key,
}

impl Vault {
    /// A vault for a new thing of an owner's, and its key as it is kept. `what` is the sort of thing, `under` the key that seals its key. Nothing when
    /// there are no random numbers.
    #[must_use]
    pub fn new(under: &Key, what: &str, id: &str, owner: &str) -> Option<(Self, Vec<u8>)> {
        let key = new_key()?;
        let sealed = seal(under, &owned(what, id, owner), &key[..])?;
        Some((Self { id: id.to_owned(), key }, sealed))
    }

    /// The vault of a thing; nothing when its key does not open, as with the name of another owner.
    #[must_use]
    pub fn open(under: &Key, what: &str, id: &str, owner: &str, sealed: Vec<u8>) -> Option<Self> {
        let opened = Zeroizing::new(open(under, &owned(what, id, owner), sealed)?);
        let key = Key::new(opened.as_slice().try_into().ok()?);
        Some(Self { id: id.to_owned(), key })
    }

    fn place(&self, what: &str, number: i64) -> Vec<u8> {
        format!("{} {what} {number}", self.id).into_bytes()
    }

    /// Seals a part of the thing, which opens only as the same part with the same number.
    #[must_use]
    pub fn seal(&self, what: &str, number: i64, value: &[u8]) -> Option<Vec<u8>> {
        seal(&self.key, &self.place(what, number), value)
    }

    /// Opens a part of the thing.
    #[must_use]
    pub fn unseal(&self, what: &str, number: i64, sealed: Vec<u8>) -> Option<Vec<u8>> {
        open(&self.key, &self.place(what, number), sealed)
    }
}

/// What the key of a thing is bound to: in the row of another owner it does not open.
fn owned(what: &str, id: &str, owner: &str) -> Vec<u8> {
    format!("{what} {id} of {owner}").into_bytes()
}

/// What a value is bound to.
fn bound(place: &[u8]) -> Vec<u8> {
    [&[VERSION], place].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_key_at_the_same_place_opens_what_was_not_touched() {
        let key = new_key().expect("there are random numbers");
        let sealed = seal(&key, b"here", b"a child's name").expect("there are random numbers");
        assert!(!sealed.windows(5).any(|part| part == b"child"), "the words are not to be seen");
        assert_ne!(sealed, seal(&key, b"here", b"a child's name").expect("there are random numbers"));
        assert_eq!(open(&key, b"here", sealed.clone()).as_deref(), Some(&b"a child's name"[..]));
        for index in 0..sealed.len() {
            let mut touched = sealed.clone();
            touched[index] ^= 1;
            assert_eq!(open(&key, b"here", touched), None, "byte {index}");
        }
        for length in 0..sealed.len() {
            assert_eq!(open(&key, b"here", sealed[..length].to_vec()), None, "cut to {length}");
        }
        assert_eq!(open(&key, b"there", sealed.clone()), None, "moved");
        assert_eq!(open(&Key::new([2; 32]), b"here", sealed), None, "another key");
    }

    #[test]
    fn a_vault_opens_for_its_owner_alone_and_each_part_in_its_place() {
        let under = new_key().expect("there are random numbers");
        let (vault, kept) = Vault::new(&under, "job", "a", "999888763").expect("there are random numbers");
        let sealed = vault.seal("part", 1, b"names").expect("there are random numbers");
        let again = Vault::open(&under, "job", "a", "999888763", kept.clone()).expect("it is the owner's");
        assert_eq!(again.unseal("part", 1, sealed.clone()).as_deref(), Some(&b"names"[..]));
        assert_eq!(again.unseal("part", 2, sealed.clone()), None);
        assert_eq!(again.unseal("head", 1, sealed), None);
        for (what, id, owner) in [("job", "b", "999888763"), ("job", "a", "999888771"), ("record", "a", "999888763")] {
            assert!(Vault::open(&under, what, id, owner, kept.clone()).is_none(), "{what} {id} of {owner}");
        }
    }
}
