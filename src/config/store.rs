//! Where things last.

use serde::Deserialize;
use zeroize::Zeroizing;

use super::value::{secret, within};
use crate::document::unhex;
use crate::seal::Key;
use crate::store;

/// The store when none is set.
pub(super) const DEFAULT: &str = "sqlite:skoledok.db";

#[derive(Deserialize)]
pub(super) struct StoreTable {
    url: Zeroizing<String>,
    url_file: String,
    connections: u32,
    key: Zeroizing<String>,
    key_file: String,
}

impl StoreTable {
    pub(super) fn settings(&self, problems: &mut Vec<String>) -> Option<store::Settings> {
        within(problems, "store.connections", self.connections.into(), 1, 1000);
        let url = secret("store.url", &self.url, &self.url_file, problems);
        let key = self.key(problems);
        let url = url.map(|url| if url.is_empty() { Zeroizing::new(DEFAULT.to_owned()) } else { url })?;
        Some(store::Settings { url, connections: self.connections, key: key? })
    }

    /// The key, if one is set; nothing when what is set is none.
    #[expect(clippy::option_option, reason = "no key is right, a wrong one is not")]
    fn key(&self, problems: &mut Vec<String>) -> Option<Option<Key>> {
        let key = secret("store.key", &self.key, &self.key_file, problems)?;
        if key.is_empty() {
            return Some(None);
        }
        let key = unhex(&key).map(Key::new);
        if key.is_none() {
            problems.push("`store.key` is 64 hexadecimal digits; `openssl rand -hex 32` makes them".to_owned());
        }
        key.map(Some)
    }
}
