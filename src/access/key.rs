//! API keys: `skd_`, 16 hexadecimal digits that name the key, `_`, and 64 that are its secret.
//!
//! The secret has 256 random bits, so a plain hash of it can not be searched for, and no salt is needed.

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::{Scopes, now};
use crate::document::{OrgNumber, hex, unhex};
use crate::store::KeyRecord;

/// What every key begins with; secret scanners look for it.
const PREFIX: &str = "skd_";

/// A key as its owner has it.
pub struct ApiKey {
    /// Names it.
    pub id: String,
    secret: Zeroizing<[u8; 32]>,
}

/// The system gives no random numbers.
#[derive(Debug, thiserror::Error)]
#[error("the system gives no random numbers")]
pub struct NoRandomness;

impl ApiKey {
    /// A new key.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub fn generate() -> Result<Self, NoRandomness> {
        let (mut id, mut secret) = ([0; 8], Zeroizing::new([0; 32]));
        getrandom::fill(&mut id).and_then(|()| getrandom::fill(&mut secret[..])).map_err(|_| NoRandomness)?;
        Ok(Self { id: hex(&id), secret })
    }

    /// Reads a key.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (id, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
        unhex::<8>(id)?;
        Some(Self { id: id.to_ascii_lowercase(), secret: Zeroizing::new(unhex(secret)?) })
    }

    /// The text to give to its owner, once.
    #[must_use]
    pub fn reveal(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("{PREFIX}{}_{}", self.id, hex(&self.secret[..])))
    }

    /// What is kept of it. `expires_at` in milliseconds since 1970.
    #[must_use]
    pub fn record(&self, tenant: &OrgNumber, label: &str, scopes: Scopes, expires_at: Option<i64>) -> KeyRecord {
        KeyRecord {
            id: self.id.clone(),
            tenant: tenant.as_str().to_owned(),
            label: label.to_owned(),
            scopes: scopes.to_string(),
            secret_hash: self.hash(),
            created_at: now(),
            expires_at,
            revoked_at: None,
        }
    }

    fn hash(&self) -> Vec<u8> {
        Sha256::digest(&self.secret[..]).to_vec()
    }

    /// Whether it is the key of a record and good at a time. Of a difference between hashes nobody can learn a secret,
    /// so comparing them need not take the same time always.
    pub(super) fn opens(&self, record: &KeyRecord, at: i64) -> bool {
        record.secret_hash == self.hash()
            && record.expires_at.is_none_or(|end| at < end)
            && record.revoked_at.is_none_or(|end| at < end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_comes_back_from_its_text_and_no_other_opens() {
        let key = ApiKey::generate().expect("there are random numbers");
        let read = ApiKey::parse(&key.reveal()).expect("a key can be read");
        let tenant = OrgNumber::parse("999888763").unwrap_or_else(|| panic!("no organisation number"));
        let mut record = key.record(&tenant, "test", Scopes::all(), Some(1000));
        assert!(read.opens(&record, 999) && !read.opens(&record, 1000));
        record.revoked_at = Some(500);
        assert!(read.opens(&record, 499) && !read.opens(&record, 500));
        let other = ApiKey::generate().expect("there are random numbers");
        assert!(!ApiKey { id: key.id.clone(), secret: other.secret }.opens(&record, 0));
        let text = key.reveal();
        for wrong in [
            "skd_é_é",
            "skd_0000000000000000_é",
            "",
            "skd_",
            &text[1..],
            &text[..text.len() - 1],
            &text.replace("skd_", "sk_"),
        ] {
            assert!(ApiKey::parse(wrong).is_none(), "{wrong}");
        }
    }
}
