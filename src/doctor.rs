//! What stands between this machine and a service that works, each line with its remedy.

use std::time::{Duration, Instant};

use crate::access::{self, Access};
use crate::app::{self, ServeError};
use crate::cache::Cache;
use crate::config::Config;
use crate::http;
use crate::pipeline::{self, GOLDEN, ProduceError};
use crate::render::Engine;
use crate::signing;
use crate::store::{Role, Store};
use crate::telemetry::with_causes;
use crate::worker::{Landlock, Pool, Settings};

/// Longest wait for a Redis, or for the keys of an issuer.
const PATIENCE: Duration = Duration::from_secs(3);

/// Before this time there was no such program: the first of November 2026, in milliseconds since 1970.
const EARLIEST: i64 = 1_793_491_200_000;
/// Milliseconds by which the clocks of services and their store may differ.
const APART: i64 = 2000;

/// Milliseconds before its end at which a key or a certificate is worth a warning: 30 days.
const SOON: i64 = 30 * 24 * 3600 * 1000;

/// One part, and how it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The part, and how it is.
    pub what: String,
    /// How it is.
    pub state: State,
}

/// How a part is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// As it should be.
    Ok,
    /// The service works without it; what would mend it.
    Warning(&'static str),
    /// The service does not work so; what would mend it.
    Fault(String),
}

/// Looks at every part.
///
/// # Errors
/// When the system refuses what looking needs.
pub fn examine(config: Config) -> Result<Vec<Finding>, ServeError> {
    let mut findings = vec![engine()];
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        findings.extend(workers(&config).await);
        findings.extend(door(&config).await);
        findings.extend(signing_keys(&config.signing).await);
        findings.push(cache(config).await);
    });
    Ok(findings)
}

fn finding(what: &str, state: State) -> Finding {
    Finding { what: what.to_owned(), state }
}

/// Fonts and templates are part of the program, so a fault here is one of the program.
fn engine() -> Finding {
    let what = "fonts and templates: a sample of every kind renders to the bytes that it should";
    match pipeline::golden(&Engine::load()) {
        Ok(lines) if lines == GOLDEN => finding(what, State::Ok),
        // A processor or a C library that computes in another way is no fault, but a rare thing that one should know of.
        Ok(_) => finding(
            what,
            State::Warning(
                "they render, but not as where the program was made: it was changed, or this machine computes differently",
            ),
        ),
        Err(ProduceError::Render(error)) => finding(what, State::Fault(format!("report this: {error}"))),
        Err(_) => finding(what, State::Fault("report this: a shipped sample is not valid".to_owned())),
    }
}

async fn workers(config: &Config) -> Vec<Finding> {
    let started = "render workers: a process starts and is warm";
    let pool = Pool::new(Settings { workers: 1, ..config.render.clone() });
    if let Err(error) = pool.start(app::render_worker(config.render_memory)).await {
        return vec![finding(started, State::Fault(format!("{error}; see `[render]` of the settings")))];
    }
    let fence = match pool.landlock() {
        Some(Landlock::Full) => State::Ok,
        Some(Landlock::Partial) => State::Warning("this kernel has part of it; Linux 6.12 or later has all"),
        _ => State::Warning("this kernel has none; use Linux 5.13 or later with `landlock` among `lsm=`"),
    };
    vec![finding(started, State::Ok), finding("landlock: workers can reach no files and no network", fence)]
}

/// The store, the issuer of tokens, and the certificate.
async fn door(config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    let what = "store: it opens, and its tables are up to date";
    let store = match Store::open(&config.store, Role::Command).await {
        Ok(store) => store,
        Err(error) => {
            findings.push(finding(what, State::Fault(format!("{error}; see `[store]` of the settings"))));
            return findings;
        }
    };
    findings.push(finding(what, State::Ok));
    findings.push(clock(&store).await);
    let what = "audit log: no entry was changed or removed";
    findings.push(match store.verify_audit().await {
        Ok(Ok(_)) => finding(what, State::Ok),
        Ok(Err(fault)) => finding(what, State::Fault(format!("{fault}; find out who did it"))),
        Err(error) => finding(what, State::Fault(error.to_string())),
    });
    findings.push(keys(&store).await);
    if config.access.tokens.is_some() {
        let what = "access tokens: the keys of the issuer can be read";
        let state = match Access::start(config.access.clone(), store.clone()) {
            Ok(access) => {
                if becomes_well(|| access.is_well()).await {
                    State::Ok
                } else {
                    State::Warning("see `oauth.jwks_url`; API keys work without it")
                }
            }
            Err(error) => State::Fault(error.to_string()),
        };
        findings.push(finding(what, state));
    }
    if let Some(files) = &config.server.tls {
        let what = "TLS: certificate and key can be used, and go on for a while";
        findings.push(match http::check_tls(files) {
            Ok(None) => finding(what, State::Warning("it works, but its end can not be read")),
            Ok(Some(end)) if end <= access::now() => {
                finding(what, State::Fault("it has expired; put a new one in its place".to_owned()))
            }
            Ok(Some(end)) if end <= access::now() + SOON => {
                finding(what, State::Warning("it expires within 30 days; put a new one in its place"))
            }
            Ok(_) => finding(what, State::Ok),
            Err(error) => finding(what, State::Fault(error.to_string())),
        });
    }
    store.close().await;
    findings
}

/// A key that ends without a successor shuts somebody out.
async fn keys(store: &Store) -> Finding {
    let what = "API keys: none expires within 30 days";
    let now = access::now();
    let state = match store.keys(None).await {
        // One that was rotated ends, too, but has a successor.
        Ok(all) => {
            let ends_soon = |end: i64| (now..=now + SOON).contains(&end);
            if all.iter().any(|key| key.revoked_at.is_none() && key.expires_at.is_some_and(ends_soon)) {
                State::Warning(
                    "`skoledok key list` shows which; `skoledok key rotate ID --expires DATE` gives each a successor",
                )
            } else {
                State::Ok
            }
        }
        Err(error) => State::Fault(error.to_string()),
    };
    finding(what, state)
}

/// Keys that plans and agreements are signed with: how many there are, and one line for each that ends soon or can not be used.
async fn signing_keys(settings: &signing::Settings) -> Vec<Finding> {
    if settings.keys.is_none() {
        return Vec::new();
    }
    let keys = match signing::examine(settings).await {
        Ok(keys) => keys,
        Err(error) => return vec![finding("signing keys: they can be read", State::Fault(with_causes(&error)))],
    };
    let usable = keys.iter().filter(|key| key.fault.is_none()).count();
    let mut findings = vec![finding(&format!("signing keys: {usable} of {} can be used", keys.len()), State::Ok)];
    for key in keys {
        let what = format!("signing keys: `{}` of `{}` can be used, and goes on for a while", key.name, key.tenant);
        match key.fault {
            Some(fault) => findings.push(finding(&what, State::Fault(fault))),
            None if key.ends.is_some_and(|end| end <= access::now() + SOON) => findings.push(finding(
                &what,
                State::Warning("its certificate ends within 30 days; put its successor into `signing.keys_folder`"),
            )),
            None => {}
        }
    }
    findings
}

/// Tokens, keys and documents end at a time, and several services have to agree on it.
async fn clock(store: &Store) -> Finding {
    let what = "clock: it is not in the past, and goes with that of the store";
    let before = access::now();
    let state = match store.clock().await {
        Ok(there) => {
            let apart = (there - before).min(0).abs().max((there - access::now()).max(0));
            if before < EARLIEST {
                State::Fault("set the time of this machine, for example by NTP".to_owned())
            } else if apart > APART {
                State::Warning("set the time of this machine and of the database's, for example by NTP")
            } else {
                State::Ok
            }
        }
        Err(error) => State::Fault(error.to_string()),
    };
    finding(what, state)
}

/// Waits for a part that connects in the background.
async fn becomes_well(is_well: impl Fn() -> bool) -> bool {
    let began = Instant::now();
    while !is_well() && began.elapsed() < PATIENCE {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    is_well()
}

async fn cache(config: Config) -> Finding {
    if config.cache.redis.is_none() {
        return finding("cache: in memory, no Redis is set", State::Ok);
    }
    let what = "cache: Redis answers in time and takes documents";
    let cache = match Cache::<ProduceError>::start(config.cache) {
        Ok(cache) => cache,
        Err(error) => return finding(what, State::Fault(format!("{error}; see `cache.redis_url`"))),
    };
    if becomes_well(|| cache.is_well()).await {
        finding(what, State::Ok)
    } else {
        finding(
            what,
            State::Warning("see `cache.redis_url` and `cache.redis_patience_ms`; the service works without it"),
        )
    }
}
