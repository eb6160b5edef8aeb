//! Every setting with its default (`default.toml`), from a file, the environment and flags. All
//! problems are told together. Each section of the file has a module of its own, with its bounds.

mod access;
mod bulk;
mod cache;
mod effective;
mod gather;
mod records;
mod render;
mod server;
mod signing;
mod store;
mod telemetry;
mod value;
mod webhooks;

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use toml::{Table, Value};

use crate::access::LimitSettings;
use crate::bulk::job;
use crate::telemetry::trace::TraceSettings;

/// The defaults, with a comment on each.
pub const DEFAULTS: &str = include_str!("default.toml");

/// All settings.
#[derive(Clone)]
pub struct Config {
    /// Address to serve on, and how.
    pub server: crate::http::ServerSettings,
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
    pub render: crate::worker::Settings,
    /// Most bytes of memory of a render worker.
    pub render_memory: u64,
    /// The cache.
    pub cache: crate::cache::Settings,
    /// Where things last.
    pub store: crate::store::Settings,
    /// How mailings are made.
    pub bulk: job::Settings,
    /// How plans and agreements are kept.
    pub records: crate::record::Settings,
    /// How they are signed.
    pub signing: crate::signing::Settings,
    /// How the end of jobs is told.
    pub webhooks: crate::webhook::Settings,
    /// Who may call.
    pub access: crate::access::Settings,
    /// How often a tenant may call.
    pub limit: Option<LimitSettings>,
}

/// What is wrong with the settings, each with its remedy.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the configuration is wrong:\n  {}", .0.join("\n  "))]
pub struct Problems(pub Vec<String>);

#[derive(Deserialize)]
struct Tree {
    server: server::Server,
    tls: server::TlsTable,
    store: store::StoreTable,
    bulk: bulk::BulkTable,
    records: records::RecordsTable,
    signing: signing::SigningTable,
    webhooks: webhooks::WebhooksTable,
    access: access::AccessTable,
    oauth: access::OauthTable,
    telemetry: telemetry::TelemetryTable,
    render: render::RenderTable,
    cache: cache::CacheTable,
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
        let (table, problems) = gather::gather(file, environment, flags);
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
        let (table, problems) = gather::gather(file, environment, flags);
        let text = effective::write(&table, &gather::defaults());
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
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let server = tree.server.settings(&tree.tls, problems);
        let metrics_bind = tree.telemetry.metrics_bind(problems);
        let traces = tree.telemetry.traces(problems);
        let render = tree.render.settings(cores, problems);
        let cache = tree.cache.settings(problems);
        let store = tree.store.settings(problems);
        let bulk = tree.bulk.settings(problems);
        let records = tree.records.settings(problems);
        let signing = tree.signing.settings(problems);
        let webhooks = tree.webhooks.settings(problems);
        let access = tree.access.settings(&tree.oauth, problems);
        let limit = tree.access.limit(problems);
        if problems.len() > before {
            return None;
        }
        Some(Self {
            server: server?,
            threads: if tree.server.threads == 0 { (cores / 2).max(1) } else { tree.server.threads },
            drain: Duration::from_millis(tree.server.drain_ms),
            body_timeout: Duration::from_millis(tree.server.body_timeout_ms),
            metrics_bind,
            traces,
            render,
            render_memory: tree.render.memory_mib << 20,
            cache: cache?,
            store: store?,
            bulk,
            records,
            signing,
            webhooks,
            access,
            limit,
        })
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
        assert_eq!(config.store.url.as_str(), store::DEFAULT);
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
