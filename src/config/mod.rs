//! Every setting with its default (`default.toml`), from a file, the environment and flags. All
//! problems are told together.

mod effective;
mod signing;

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::Path;
use std::time::Duration;

use reqwest::header::{HeaderName, HeaderValue};
use serde::Deserialize;
use toml::{Table, Value};
use zeroize::Zeroizing;

use crate::access::{LimitSettings, TokenSettings};
use crate::bulk::job;
use crate::document::unhex;
use crate::seal::Key;
use crate::telemetry::trace::TraceSettings;
use crate::{access, cache, http, record, store, webhook, worker};

/// The defaults, with a comment on each.
pub const DEFAULTS: &str = include_str!("default.toml");
/// The store when none is set.
const STORE: &str = "sqlite:skoledok.db";
/// What the names of variables begin with.
const PREFIX: &str = "SKOLEDOK__";

/// All settings.
#[derive(Clone)]
pub struct Config {
    /// Address to serve on, and how.
    pub server: http::ServerSettings,
    /// Threads that take requests.
    pub threads: usize,
    /// How long requests are still taken after the signal to stop.
    pub drain: Duration,
    /// Longest that a caller may take to send a body.
    pub body_timeout: Duration,
    /// Address for the metrics alone.
    pub metrics_bind: Option<SocketAddr>,
    /// Where traces go.
    pub traces: Option<TraceSettings>,
    /// The pool of render workers.
    pub render: worker::Settings,
    /// Most bytes of memory of a render worker.
    pub render_memory: u64,
    /// The cache.
    pub cache: cache::Settings,
    /// Where things last.
    pub store: store::Settings,
    /// How mailings are made.
    pub bulk: job::Settings,
    /// How plans and agreements are kept.
    pub records: record::Settings,
    /// How they are signed.
    pub signing: crate::signing::Settings,
    /// How the end of jobs is told.
    pub webhooks: webhook::Settings,
    /// Who may call.
    pub access: access::Settings,
    /// How often a tenant may call.
    pub limit: Option<LimitSettings>,
}

/// What is wrong with the settings, each with its remedy.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the configuration is wrong:\n  {}", .0.join("\n  "))]
pub struct Problems(pub Vec<String>);

#[derive(Deserialize)]
struct Tree {
    server: Server,
    tls: TlsTable,
    store: StoreTable,
    bulk: BulkTable,
    records: RecordsTable,
    signing: signing::SigningTable,
    webhooks: WebhooksTable,
    access: AccessTable,
    oauth: OauthTable,
    telemetry: TelemetryTable,
    render: Render,
    cache: CacheTable,
}

#[derive(Deserialize)]
struct Server {
    bind: String,
    head_timeout_ms: u64,
    body_timeout_ms: u64,
    write_timeout_ms: u64,
    drain_ms: u64,
    connections: usize,
    threads: usize,
}

#[derive(Deserialize)]
struct TlsTable {
    certificate_file: String,
    key_file: String,
}

#[derive(Deserialize)]
struct TelemetryTable {
    metrics_bind: String,
    otlp_url: String,
    otlp_headers: Zeroizing<String>,
    otlp_headers_file: String,
    trace_percent: u64,
}

#[derive(Deserialize)]
struct StoreTable {
    url: Zeroizing<String>,
    url_file: String,
    connections: u32,
    key: Zeroizing<String>,
    key_file: String,
}

#[derive(Deserialize)]
struct BulkTable {
    chunks_at_once: usize,
    keep_days: u64,
    list_mib: usize,
    heartbeat_seconds: u64,
    open_jobs: u32,
}

impl BulkTable {
    fn settings(&self, within: &mut impl FnMut(&str, u64, u64, u64)) -> job::Settings {
        within("bulk.chunks_at_once", self.chunks_at_once as u64, 1, 64);
        within("bulk.keep_days", self.keep_days, 1, 366);
        within("bulk.list_mib", self.list_mib as u64, 1, 65_536);
        within("bulk.open_jobs", self.open_jobs.into(), 1, 1_000_000);
        within("bulk.heartbeat_seconds", self.heartbeat_seconds, 1, 600);
        job::Settings {
            at_once: self.chunks_at_once,
            keep: Duration::from_hours(24 * self.keep_days),
            largest: self.list_mib << 20,
            heartbeat: Duration::from_secs(self.heartbeat_seconds),
            open_jobs: self.open_jobs,
        }
    }
}

#[derive(Deserialize)]
struct RecordsTable {
    retention_years: u16,
}

#[derive(Deserialize)]
struct WebhooksTable {
    allow: String,
    allow_http: bool,
    timeout_ms: u64,
}

impl WebhooksTable {
    fn settings(&self, problems: &mut Vec<String>) -> webhook::Settings {
        let named = self.allow.split(',').map(str::trim).filter(|target| !target.is_empty());
        let mut allow = Vec::new();
        for target in named {
            match target.parse() {
                Ok(target) => allow.push(target),
                Err(error) => problems.push(format!("`webhooks.allow`: `{target}` is {error}")),
            }
        }
        webhook::Settings {
            http: self.allow_http,
            allow,
            timeout: Duration::from_millis(self.timeout_ms),
            ..webhook::Settings::default()
        }
    }
}

#[derive(Deserialize)]
struct AccessTable {
    open: bool,
    remember_seconds: u64,
    requests_per_second: u32,
    burst: u32,
}

#[derive(Deserialize)]
struct OauthTable {
    issuer: String,
    jwks_url: String,
    audience: String,
    algorithms: String,
    scope_prefix: String,
}

#[derive(Deserialize)]
struct Render {
    workers: usize,
    queue: usize,
    deadline_ms: u64,
    memory_mib: u64,
    recycle_documents: u64,
    recycle_growth_mib: u64,
}

#[derive(Deserialize)]
struct CacheTable {
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

/// Settings that are given on the command line.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    /// Instead of `server.bind`.
    pub bind: Option<SocketAddr>,
}

impl Config {
    /// Reads the defaults, then a file, then variables, then flags: each goes before the last.
    ///
    /// # Errors
    /// All problems together.
    pub fn load(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
        flags: &Flags,
    ) -> Result<Self, Problems> {
        let (table, problems) = gather(file, environment, flags);
        Self::check(table, problems)
    }

    /// The settings that are in force, as TOML without secrets.
    ///
    /// # Errors
    /// All problems together, as [`Self::load`] has them.
    pub fn effective(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
        flags: &Flags,
    ) -> Result<String, Problems> {
        let (table, problems) = gather(file, environment, flags);
        let text = effective::write(&table, &defaults());
        Self::check(table, problems).map(|_| text)
    }

    fn check(table: Table, mut problems: Vec<String>) -> Result<Self, Problems> {
        let config = match Value::Table(table).try_into::<Tree>() {
            Ok(tree) => Self::of(&tree, &mut problems),
            Err(error) => {
                problems.push(error.message().to_owned());
                None
            }
        };
        match config {
            Some(config) if problems.is_empty() => Ok(config),
            _ => Err(Problems(problems)),
        }
    }

    fn of(tree: &Tree, problems: &mut Vec<String>) -> Option<Self> {
        let before = problems.len();
        let Render { workers, queue, deadline_ms, memory_mib, recycle_documents, recycle_growth_mib } = tree.render;
        let bind = tree.server.bind.parse();
        if bind.is_err() {
            problems.push("`server.bind` is an address and a port, like `127.0.0.1:8080`".to_owned());
        }
        let metrics_bind = tree.telemetry.metrics_bind(problems);
        let mut within = |name: &str, value: u64, low: u64, high: u64| {
            if !(low..=high).contains(&value) {
                problems.push(format!("`{name}` is {value}; it is at least {low} and at most {high}"));
            }
        };
        within("render.workers", workers as u64, 0, 256);
        within("render.queue", queue as u64, 1, 100_000);
        within("render.deadline_ms", deadline_ms, 100, 600_000);
        within("render.memory_mib", memory_mib, 128, 65_536);
        within("render.recycle_documents", recycle_documents, 1, u64::MAX);
        within("render.recycle_growth_mib", recycle_growth_mib, 16, 65_536);
        within("cache.memory_mib", tree.cache.memory_mib, 0, 1_048_576);
        within("cache.life_seconds", tree.cache.life_seconds, 1, 30 * 24 * 3600);
        within("cache.largest_mib", tree.cache.largest_mib as u64, 1, 512);
        within("cache.redis_patience_ms", tree.cache.redis_patience_ms, 1, 1000);
        within("cache.redis_lock_ms", tree.cache.redis_lock_ms, 10, 600_000);
        within("server.head_timeout_ms", tree.server.head_timeout_ms, 100, 600_000);
        within("server.body_timeout_ms", tree.server.body_timeout_ms, 100, 600_000);
        within("server.write_timeout_ms", tree.server.write_timeout_ms, 100, 600_000);
        within("server.drain_ms", tree.server.drain_ms, 0, 600_000);
        within("server.threads", tree.server.threads as u64, 0, 256);
        within("server.connections", tree.server.connections as u64, 1, 1_000_000);
        within("store.connections", tree.store.connections.into(), 1, 1000);
        let bulk = tree.bulk.settings(&mut within);
        within("records.retention_years", tree.records.retention_years.into(), 1, 1000);
        within("signing.timeout_ms", tree.signing.timeout_ms, 100, 60_000);
        within("signing.prepared_minutes", tree.signing.prepared_minutes, 1, 10_080);
        within("signing.renew_days", tree.signing.renew_days, 1, 3650);
        within("webhooks.timeout_ms", tree.webhooks.timeout_ms, 100, 60_000);
        within("access.remember_seconds", tree.access.remember_seconds, 0, 3600);
        within("telemetry.trace_percent", tree.telemetry.trace_percent, 0, 100);
        within("access.burst", tree.access.burst.into(), 1, 1_000_000);
        let tls = match (tree.tls.certificate_file.as_str(), tree.tls.key_file.as_str()) {
            ("", "") => Some(None),
            ("", _) | (_, "") => {
                problems.push("`tls.certificate_file` and `tls.key_file` go together".to_owned());
                None
            }
            (certificate, key) => Some(Some(http::TlsFiles { certificate: certificate.into(), key: key.into() })),
        };
        let cache = tree.cache.settings(problems);
        let store_url = secret("store.url", &tree.store.url, &tree.store.url_file, problems);
        let webhooks = tree.webhooks.settings(problems);
        let signing = tree.signing.settings(problems);
        let store_key = tree.store.key(problems);
        let tokens = tree.oauth.settings(problems);
        let traces = tree.telemetry.traces(problems);
        if problems.len() > before {
            return None;
        }
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Some(Self {
            server: http::ServerSettings {
                bind: bind.ok()?,
                tls: tls?,
                head_timeout: Duration::from_millis(tree.server.head_timeout_ms),
                write_timeout: Duration::from_millis(tree.server.write_timeout_ms),
                connections: tree.server.connections,
            },
            threads: if tree.server.threads == 0 { (cores / 2).max(1) } else { tree.server.threads },
            drain: Duration::from_millis(tree.server.drain_ms),
            body_timeout: Duration::from_millis(tree.server.body_timeout_ms),
            metrics_bind,
            traces,
            render: worker::Settings {
                workers: if workers == 0 { cores } else { workers },
                queue,
                deadline: Duration::from_millis(deadline_ms),
                recycle_after: recycle_documents,
                recycle_growth: recycle_growth_mib << 20,
            },
            render_memory: memory_mib << 20,
            cache: cache?,
            store: store::Settings {
                url: store_url.map(|url| if url.is_empty() { Zeroizing::new(STORE.to_owned()) } else { url })?,
                connections: tree.store.connections,
                key: store_key?,
            },
            bulk,
            records: record::Settings { retention_years: tree.records.retention_years },
            signing,
            webhooks,
            access: access::Settings {
                open: tree.access.open,
                remember: Duration::from_secs(tree.access.remember_seconds),
                tokens,
            },
            limit: NonZeroU32::new(tree.access.requests_per_second)
                .zip(NonZeroU32::new(tree.access.burst))
                .map(|(rate, burst)| LimitSettings { rate, burst }),
        })
    }
}

impl StoreTable {
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

impl OauthTable {
    fn settings(&self, problems: &mut Vec<String>) -> Option<TokenSettings> {
        if self.issuer.is_empty() {
            if !self.audience.is_empty() || !self.jwks_url.is_empty() {
                problems.push("`oauth.issuer` is missing beside the rest of `[oauth]`".to_owned());
            }
            return None;
        }
        if self.audience.is_empty() {
            problems.push("`oauth.issuer` needs `oauth.audience`, or tokens for any other service would do".to_owned());
        }
        if !reqwest::Url::parse(&self.jwks_url).is_ok_and(|url| is_safe(&url)) {
            problems.push("`oauth.jwks_url` is an address with `https`, like `https://maskinporten.no/jwk`".to_owned());
        }
        let algorithms = match access::algorithms(&self.algorithms) {
            Ok(algorithms) if algorithms.is_empty() => {
                problems.push("`oauth.algorithms` names at least one, like `RS256`".to_owned());
                return None;
            }
            Ok(algorithms) => algorithms,
            Err(name) => {
                problems.push(format!("`oauth.algorithms`: `{name}` is none that a public key can check"));
                return None;
            }
        };
        Some(TokenSettings {
            issuer: self.issuer.clone(),
            jwks_url: self.jwks_url.clone(),
            audience: self.audience.clone(),
            algorithms,
            scope_prefix: self.scope_prefix.clone(),
        })
    }
}

/// Whether nobody on the way can read or change what goes there.
fn is_safe(url: &reqwest::Url) -> bool {
    url.scheme() == "https"
        || (url.scheme() == "http" && matches!(url.host_str(), Some("127.0.0.1" | "[::1]" | "localhost")))
}

impl TelemetryTable {
    fn metrics_bind(&self, problems: &mut Vec<String>) -> Option<SocketAddr> {
        if self.metrics_bind.is_empty() {
            return None;
        }
        let address = self.metrics_bind.parse().ok();
        if address.is_none() {
            problems
                .push("`telemetry.metrics_bind` is an address and a port, like `127.0.0.1:9090`, or empty".to_owned());
        }
        address
    }

    fn traces(&self, problems: &mut Vec<String>) -> Option<TraceSettings> {
        let headers = secret("telemetry.otlp_headers", &self.otlp_headers, &self.otlp_headers_file, problems)?;
        if self.otlp_url.is_empty() {
            if !headers.is_empty() {
                problems.push("`telemetry.otlp_url` is missing beside `telemetry.otlp_headers`".to_owned());
            }
            return None;
        }
        let is_plain = |url: &reqwest::Url| {
            matches!(url.scheme(), "http" | "https")
                && url.username().is_empty()
                && url.password().is_none()
                && url.query().is_none()
                && url.fragment().is_none()
        };
        let url = reqwest::Url::parse(&self.otlp_url).ok().filter(is_plain);
        let Some(url) = url.filter(|_| self.otlp_url.parse::<poem::http::Uri>().is_ok()) else {
            problems.push(
                "`telemetry.otlp_url` is an address like `http://collector:4318/v1/traces`; a password goes into `telemetry.otlp_headers`"
                    .to_owned(),
            );
            return None;
        };
        if !headers.is_empty() && !is_safe(&url) {
            problems.push(
                "`telemetry.otlp_headers` would be readable on the way; use `https` in `telemetry.otlp_url`".to_owned(),
            );
        }
        let headers = headers.split(',').filter(|header| !header.trim().is_empty()).map(|header| {
            let (name, value) = header.split_once('=')?;
            let mut value: HeaderValue = value.trim().parse().ok()?;
            value.set_sensitive(true);
            Some((name.trim().parse::<HeaderName>().ok()?, value))
        });
        let Some(headers) = headers.collect() else {
            problems.push("`telemetry.otlp_headers` is `name=value`, with commas between several".to_owned());
            return None;
        };
        let percent = u8::try_from(self.trace_percent).unwrap_or(100);
        Some(TraceSettings { url: self.otlp_url.clone(), headers, percent })
    }
}

impl CacheTable {
    fn settings(&self, problems: &mut Vec<String>) -> Option<cache::Settings> {
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

/// The defaults with a file, variables and flags over them, and what is wrong with these.
fn gather(
    file: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
    flags: &Flags,
) -> (Table, Vec<String>) {
    let mut problems = Vec::new();
    let mut table = defaults();
    if let Some(path) = file {
        overlay_file(&mut table, path, &mut problems);
    }
    overlay_environment(&mut table, environment, &mut problems);
    if let Some(bind) = flags.bind {
        set(&mut table, "server", "bind", Value::String(bind.to_string()));
    }
    (table, problems)
}

/// A secret that stands in the setting itself or in a file; empty when in neither.
fn secret(name: &str, value: &Zeroizing<String>, file: &str, problems: &mut Vec<String>) -> Option<Zeroizing<String>> {
    match (value.is_empty(), file) {
        (_, "") => Some(value.clone()),
        (false, _) => {
            problems.push(format!("`{name}` and `{name}_file` are both set; one of them is enough"));
            None
        }
        (true, path) => match std::fs::read_to_string(path) {
            Ok(text) => Some(Zeroizing::new(Zeroizing::new(text).trim().to_owned())),
            Err(error) => {
                problems.push(format!("`{name}_file`: can not read `{path}`: {error}"));
                None
            }
        },
    }
}

#[expect(clippy::expect_used, reason = "the file is part of the program and a test reads it")]
fn defaults() -> Table {
    DEFAULTS.parse().expect("default.toml is TOML")
}

fn overlay_file(table: &mut Table, path: &Path, problems: &mut Vec<String>) {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => Zeroizing::new(text),
        Err(error) => return problems.push(format!("can not read `{}`: {error}", path.display())),
    };
    let given: Table = match text.parse() {
        Ok(given) => given,
        // The library's own words would quote the line, which can hold a secret.
        Err(error) => {
            let error: toml::de::Error = error;
            let line = error.span().map_or(0, |span| text[..span.start.min(text.len())].lines().count().max(1));
            return problems.push(format!("`{}` is not TOML at line {line}: {}", path.display(), error.message()));
        }
    };
    for (section, members) in given {
        let Value::Table(members) = members else {
            problems.push(format!("`{section}` stands outside a section like `[render]`"));
            continue;
        };
        for (name, value) in members {
            match default_of(table, &section, &name) {
                Some(default) if default.same_type(&value) => set(table, &section, &name, value),
                Some(default) => problems.push(format!("`{section}.{name}` is {}", type_of(default))),
                None => problems.push(unknown(table, &format!("`{section}.{name}`"), &name)),
            }
        }
    }
}

fn overlay_environment(
    table: &mut Table,
    environment: impl IntoIterator<Item = (String, String)>,
    problems: &mut Vec<String>,
) {
    for (variable, text) in environment {
        let Some(path) = variable.strip_prefix(PREFIX) else { continue };
        let path = path.to_ascii_lowercase();
        let (section, name) = path.split_once("__").unwrap_or((path.as_str(), ""));
        let Some(default) = default_of(table, section, name) else {
            problems.push(unknown(table, &format!("the variable `{variable}`"), name));
            continue;
        };
        let value = match default {
            Value::Integer(_) => text.parse().ok().map(Value::Integer),
            Value::Boolean(_) => text.parse().ok().map(Value::Boolean),
            _ => Some(Value::String(text)),
        };
        match value {
            Some(value) => set(table, section, name, value),
            None => problems.push(format!("the variable `{variable}` is {}", type_of(default))),
        }
    }
}

fn default_of<'a>(table: &'a Table, section: &str, name: &str) -> Option<&'a Value> {
    table.get(section)?.as_table()?.get(name)
}

fn set(table: &mut Table, section: &str, name: &str, value: Value) {
    if let Some(members) = table.get_mut(section).and_then(Value::as_table_mut) {
        members.insert(name.to_owned(), value);
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Integer(_) => "a whole number",
        Value::Boolean(_) => "`true` or `false`",
        _ => "a text",
    }
}

/// With the settings of that name in other sections, which is what was meant more often than not.
fn unknown(table: &Table, what: &str, name: &str) -> String {
    let elsewhere: Vec<_> = table
        .iter()
        .filter(|(_, members)| members.get(name).is_some())
        .map(|(section, _)| format!("`{section}.{name}`"))
        .collect();
    if elsewhere.is_empty() {
        format!("{what} is no setting; see `skoledok config --defaults` for all there are")
    } else {
        format!("{what} is no setting; perhaps {} is meant", elsewhere.join(" or "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(file: &str, variables: &[(&str, &str)]) -> Result<Config, Vec<String>> {
        let folder = std::env::temp_dir().join(format!(
            "skoledok-config-{}-{:?}",
            std::process::id(),
            std::thread::current().id()
        ));
        std::fs::write(&folder, file).expect("a file can be written");
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let config = Config::load(Some(&folder), variables, &Flags::default()).map_err(|problems| problems.0);
        std::fs::remove_file(folder).expect("the file can be removed");
        config
    }

    #[test]
    fn the_defaults_are_whole() {
        let config = Config::load(None, [], &Flags::default()).expect("the defaults are right");
        assert_eq!(config.server.bind.to_string(), "127.0.0.1:8080");
        assert!(config.render.workers > 0);
        assert!(config.cache.redis.is_none());
        assert_eq!(config.store.url.as_str(), STORE);
    }

    #[test]
    fn a_variable_goes_before_the_file_and_a_flag_before_both() {
        let file = "[render]\nqueue = 5\ndeadline_ms = 700\n[server]\nbind = \"127.0.0.1:1\"";
        let config = load(file, &[("SKOLEDOK__RENDER__QUEUE", "7"), ("HOME", "/")]).expect("all is right");
        assert_eq!((config.render.queue, config.render.deadline), (7, Duration::from_millis(700)));
        let flags = Flags { bind: Some(([127, 0, 0, 1], 2).into()) };
        let config = Config::load(None, [("SKOLEDOK__SERVER__BIND".to_owned(), "[::1]:3".to_owned())], &flags);
        assert_eq!(config.expect("all is right").server.bind.port(), 2);
    }

    #[test]
    fn all_problems_are_told_together_and_no_secret_with_them() {
        let file = "[render]\nque = 5\nmemory_mib = \"much\"\n[cache]\nqueue = 1\nkey = \"hemmelig\"\nredis_url = \"redis://:hemmelig@a\"\nlife_seconds = 0";
        let problems =
            load(file, &[("SKOLEDOK__RENDER__QUEUE", "many"), ("SKOLEDOK__OTHER", "1")]).err().unwrap_or_default();
        let told = problems.join("\n");
        for part in [
            "render.que`",
            "render.memory_mib",
            "perhaps `render.queue`",
            "SKOLEDOK__RENDER__QUEUE",
            "SKOLEDOK__OTHER",
            "cache.life_seconds",
            "cache.key",
        ] {
            assert!(told.contains(part), "{part}: {told}");
        }
        assert!(!told.contains("hemmelig"), "{told}");
    }

    #[test]
    fn a_redis_without_a_key_is_refused() {
        let problems = load("[cache]\nredis_url = \"redis://localhost\"", &[]).err().unwrap_or_default();
        assert!(problems.len() == 1 && problems[0].contains("openssl rand -hex 32"), "{problems:?}");
    }
}
