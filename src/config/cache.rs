//! The cache, in memory and in Redis.

use std::time::Duration;

use serde::Deserialize;
use zeroize::Zeroizing;

use super::value::{secret, within};
use crate::cache;
use crate::document::unhex;

#[derive(Deserialize)]
pub(super) struct CacheTable {
    memory_mib: u64,
    life_seconds: u64,
    largest_mib: usize,
    key: Zeroizing<String>,
    key_file: String,
    redis_url: Zeroizing<String>,
    redis_url_file: String,
    redis_ca_file: String,
    redis_patience_ms: u64,
    redis_lock_ms: u64,
}

impl CacheTable {
    pub(super) fn settings(&self, problems: &mut Vec<String>) -> Option<cache::Settings> {
        within(problems, "cache.memory_mib", self.memory_mib, 0, 1_048_576);
        within(problems, "cache.life_seconds", self.life_seconds, 1, 30 * 24 * 3600);
        within(problems, "cache.largest_mib", self.largest_mib as u64, 1, 512);
        within(problems, "cache.redis_patience_ms", self.redis_patience_ms, 1, 1000);
        within(problems, "cache.redis_lock_ms", self.redis_lock_ms, 10, 600_000);
        let url = secret("cache.redis_url", &self.redis_url, &self.redis_url_file, problems)?;
        let key = secret("cache.key", &self.key, &self.key_file, problems)?;
        let key = if key.is_empty() {
            if !url.is_empty() {
                problems.push(
                    "`cache.redis_url` needs `cache.key` (or `cache.key_file`), the same for all services on that Redis; `openssl rand -hex 32` makes one"
                        .to_owned(),
                );
            }
            let mut key = Zeroizing::new([0; 32]);
            if getrandom::fill(&mut key[..]).is_err() {
                problems.push("the system gives no random numbers; set `cache.key`".to_owned());
            }
            key
        } else {
            let Some(key) = unhex(&key).map(Zeroizing::new) else {
                problems.push("`cache.key` is 64 hexadecimal digits; `openssl rand -hex 32` makes them".to_owned());
                return None;
            };
            key
        };
        let authority = match self.redis_ca_file.as_str() {
            "" => None,
            path => match std::fs::read(path) {
                Ok(pem) => Some(pem),
                Err(error) => {
                    problems.push(format!("`cache.redis_ca_file`: can not read `{path}`: {error}"));
                    return None;
                }
            },
        };
        Some(cache::Settings {
            key,
            memory: self.memory_mib << 20,
            life: Duration::from_secs(self.life_seconds),
            largest: self.largest_mib << 20,
            redis: (!url.is_empty()).then(|| cache::RedisSettings {
                url,
                authority,
                patience: Duration::from_millis(self.redis_patience_ms),
                lock: Duration::from_millis(self.redis_lock_ms),
            }),
        })
    }
}
