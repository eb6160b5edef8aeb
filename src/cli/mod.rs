//! The command line. Exit status 0: done; 1: the document has faults, each printed in a line; 2: wrong
//! use, or something that is not the document's fault.

mod audit;
mod bulk;
mod document;
mod file;
mod key;
mod names;
mod plan;
mod service;
mod sign;
mod verify;

use std::fmt::Display;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use self::document::{Input, Render, describe, render_file, validate_file};
use self::names::{KindName, LocaleName};
use self::service::{ask_health, examine};
use crate::config::{Config, DEFAULTS, Flags};
use crate::document::Kind;
use crate::store::{Role, Store};
use crate::telemetry::with_causes;
use crate::{app, http, pipeline, telemetry, template};

/// School documents as archivable (PDF/A-2a), accessible (PDF/UA-1) PDF.
#[derive(Parser)]
#[command(
    version,
    about,
    max_term_width = 100,
    after_help = "Example:\n  skoledok sample parent-letter | skoledok render parent-letter - -o letter.pdf"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve over HTTP.
    #[command(after_help = "Example:\n  skoledok serve --bind 127.0.0.1:8080")]
    Serve {
        /// Settings (TOML); see `skoledok config --defaults`.
        #[arg(long)]
        config: Option<PathBuf>,
        /// Address and port; port 0 takes a free one [default: 127.0.0.1:8080].
        #[arg(long)]
        bind: Option<SocketAddr>,
    },
    /// Render a document.
    #[command(after_help = "Example:\n  skoledok render annual-plan plan.json -o plan.pdf --standard a-2a")]
    Render(Render),
    /// Check a document without rendering it.
    #[command(after_help = "Example:\n  skoledok validate consent-form consent.json")]
    Validate {
        #[command(flatten)]
        input: Input,
    },
    /// Make a letter for every home of a list.
    #[command(
        after_help = "Examples:\n  skoledok bulk letter.json class.csv -o letters.zip\n  skoledok bulk letter.json class.xlsx --dry-run"
    )]
    Bulk(bulk::Bulk),
    /// Sign a PDF with a key on this machine. Exit status 1 when it can not be signed as asked for.
    #[command(
        after_help = "Example:\n  skoledok sign plan.pdf --key principal.p12 --password-env P12 --field sig-1 --level B-T --tsa http://tsa.example -o signed.pdf"
    )]
    Sign(sign::Sign),
    /// Prove the signatures of a PDF for more years: what proves its last time stamp, and another one over all.
    #[command(
        after_help = "Example:\n  skoledok renew signed.pdf --trust roots.pem --tsa http://tsa.example -o renewed.pdf"
    )]
    Renew(sign::Renew),
    /// Judge the signatures in a PDF. Exit status 0 when each of them is TOTAL-PASSED, 1 when one is not or there is none.
    #[command(
        after_help = "Examples:\n  skoledok verify signed.pdf --trust roots.pem\n  skoledok verify signed.pdf --trust roots.pem --document plan.json --kind annual-plan --json"
    )]
    Verify(verify::Verify),
    /// Print a sample body that renders.
    #[command(after_help = "Example:\n  skoledok sample meeting-schedule --locale nn > meetings.json")]
    Sample {
        /// Kind of document.
        kind: KindName,
        /// Language of the sample.
        #[arg(long, default_value = "nb")]
        locale: LocaleName,
    },
    /// List the kinds of document.
    #[command(after_help = "Example:\n  skoledok kinds")]
    Kinds,
    /// Print the settings that are in force, without secrets.
    #[command(
        after_help = "Examples:\n  skoledok config --config skoledok.toml\n  skoledok config --defaults > skoledok.toml"
    )]
    Config {
        /// All settings with their defaults and what they mean, instead of those in force.
        #[arg(long, conflicts_with = "config")]
        defaults: bool,
        /// Settings (TOML), as for `serve`.
        #[arg(long)]
        config: Option<PathBuf>,
    },
    /// Look at everything that the service needs, and say how to mend what is wrong.
    #[command(after_help = "Example:\n  skoledok doctor --config skoledok.toml")]
    Doctor {
        /// Settings (TOML), as for `serve`.
        #[arg(long)]
        config: Option<PathBuf>,
    },
    /// Make, list, rotate and revoke API keys.
    #[command(subcommand)]
    Key(key::KeyCommand),
    /// Look at plans and agreements that are kept, write them into a folder, hold them.
    #[command(subcommand)]
    Plan(plan::PlanCommand),
    /// Read out or check the audit log.
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Copy the SQLite store into a new file, also while a service uses it.
    #[command(after_help = "Example:\n  skoledok backup /backup/skoledok-2026-11-22.db")]
    Backup {
        /// File to write; it must not be there yet.
        file: PathBuf,
        /// Settings (TOML), as for `serve`.
        #[arg(long)]
        config: Option<PathBuf>,
    },
    /// Put a copy in the place of the SQLite store, while no service uses it. What was there stays beside it (`.before`).
    #[command(after_help = "Example:\n  skoledok restore /backup/skoledok-2026-11-22.db")]
    Restore {
        /// File that `backup` has written.
        file: PathBuf,
        /// Settings (TOML), as for `serve`.
        #[arg(long)]
        config: Option<PathBuf>,
    },
    /// Ask a running service on this machine whether it lives. Exit status 0 or 1.
    #[command(after_help = "Example:\n  skoledok health --bind 127.0.0.1:8080")]
    Health {
        /// Settings (TOML), as for `serve`.
        #[arg(long)]
        config: Option<PathBuf>,
        /// Where it listens [default: as in the settings].
        #[arg(long)]
        bind: Option<SocketAddr>,
    },
    /// Render for a service, which starts this itself.
    #[command(hide = true)]
    RenderWorker {
        /// Most bytes of memory.
        #[arg(long)]
        memory: u64,
        /// The kind that it warms itself with; all kinds without it.
        #[arg(long)]
        warm: Option<KindName>,
    },
    /// Print the API description (OpenAPI).
    #[command(after_help = "Example:\n  skoledok openapi > openapi.json")]
    Openapi,
}

/// Where the store is that a command works on.
#[derive(Args)]
struct Place {
    /// Settings (TOML), as for `serve`.
    #[arg(long)]
    config: Option<PathBuf>,
}

/// Why a command ended otherwise than well.
enum Failure {
    /// The document has faults; they have been printed.
    Faults,
    /// It can not be done as asked for.
    Refused(String),
    /// Wrong use, or not the document's fault.
    Told(String),
}

impl Failure {
    fn told(error: impl Display) -> Self {
        Self::Told(error.to_string())
    }

    fn refused(error: impl Display) -> Self {
        Self::Refused(error.to_string())
    }

    fn caused(error: impl std::error::Error) -> Self {
        Self::Told(with_causes(&error))
    }
}

/// Runs the program with the arguments of the process.
#[must_use]
pub fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no errors to clap; both print themselves.
            let status = if error.use_stderr() { 2 } else { 0 };
            return error.print().map_or(ExitCode::from(2), |()| ExitCode::from(status));
        }
    };
    match execute(cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Faults) => ExitCode::from(1),
        Err(Failure::Refused(message)) => {
            eprintln!("skoledok: {message}");
            ExitCode::from(1)
        }
        Err(Failure::Told(message)) => {
            eprintln!("skoledok: {message}");
            ExitCode::from(2)
        }
    }
}

fn execute(command: Command) -> Result<(), Failure> {
    match command {
        Command::Serve { config, bind } => {
            telemetry::start_log();
            app::serve(settings(config.as_deref(), bind)?).map_err(Failure::caused)
        }
        Command::RenderWorker { memory, warm } => {
            let warm = warm.map_or(Kind::ALL.to_vec(), |name| vec![name.0]);
            pipeline::run_worker(memory, &warm).map_err(Failure::told)
        }
        Command::Key(command) => key::run(command),
        Command::Plan(command) => plan::run(command),
        Command::Audit(command) => audit::run(command),
        Command::Backup { file, config } => {
            let (runtime, store) = open_store(config.as_deref())?;
            let done = runtime.block_on(store.backup(&file));
            runtime.block_on(store.close());
            done.map_err(Failure::caused)
        }
        Command::Restore { file, config } => {
            let settings = settings(config.as_deref(), None)?;
            let runtime = runtime()?;
            let done = runtime.block_on(Store::restore(&file, &settings.store));
            done.map_err(Failure::caused)
        }
        Command::Health { config, bind } => ask_health(&settings(config.as_deref(), bind)?.server),
        Command::Doctor { config } => examine(config.as_deref()),
        Command::Config { defaults: true, .. } => print_text(DEFAULTS.trim_end()),
        Command::Config { config, .. } => {
            let text = Config::effective(config.as_deref(), std::env::vars(), &Flags::default());
            print_text(text.map_err(Failure::told)?.trim_end())
        }
        Command::Render(render) => render_file(&render),
        Command::Bulk(bulk) => bulk::run(&bulk),
        Command::Sign(sign) => sign::run(&sign),
        Command::Renew(renew) => sign::renew(&renew),
        Command::Verify(verify) => verify::run(&verify),
        Command::Validate { input } => validate_file(&input),
        Command::Sample { kind, locale } => print_text(template::sample(kind.0, locale.0).trim_end()),
        Command::Kinds => {
            let lines: Vec<_> = Kind::ALL.into_iter().map(describe).collect();
            print_text(&lines.join("\n"))
        }
        Command::Openapi => print_text(&format!("{:#}", http::openapi().map_err(Failure::caused)?)),
    }
}

fn settings(file: Option<&Path>, bind: Option<SocketAddr>) -> Result<Config, Failure> {
    Config::load(file, std::env::vars(), &Flags { bind }).map_err(Failure::told)
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::told)
}

/// The store of the settings, and a runtime to use it in.
fn open_store(config: Option<&Path>) -> Result<(tokio::runtime::Runtime, Store), Failure> {
    let settings = settings(config, None)?;
    let runtime = runtime()?;
    let store = runtime.block_on(Store::open(&settings.store, Role::Command)).map_err(Failure::caused)?;
    Ok((runtime, store))
}

fn print_text(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout();
    match writeln!(out, "{text}") {
        // A reader that has seen enough, like `head`, is no failure.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(Failure::told),
    }
}
