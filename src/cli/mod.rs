//! The command line. Exit status 0: done; 1: the document has faults, each printed in a line; 2: wrong
//! use, or something that is not the document's fault.

mod audit;
mod bulk;
mod key;
mod plan;
mod sign;
mod verify;

use std::fmt::Display;
use std::io::{IsTerminal, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use serde_json::Value;

use crate::config::{Config, DEFAULTS, Flags};
use crate::doctor::{self, State};
use crate::document::{Kind, Locale, PdfStandard};
use crate::outgoing::http_client;
use crate::pipeline::{self, Order, ProduceError};
use crate::render::{Engine, Options};
use crate::store::{Role, Store};
use crate::telemetry::with_causes;
use crate::template::{self, Format};
use crate::validate::{self, Finding, MAX_BODY};
use crate::{app, http, telemetry};

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

#[derive(Args)]
struct Input {
    /// Kind of document.
    kind: KindName,
    /// JSON file, or `-` for standard input.
    file: PathBuf,
    /// Language of the document, instead of the one in the file; also of messages.
    #[arg(long)]
    locale: Option<LocaleName>,
}

#[derive(Args)]
struct Render {
    #[command(flatten)]
    input: Input,
    /// File to write; without it, standard output.
    #[arg(short, long)]
    output: Option<PathBuf>,
    /// Format; without it, what the extension of the output says, else PDF.
    #[arg(long)]
    format: Option<FormatName>,
    /// Standards of the PDF.
    #[arg(long)]
    standard: Option<StandardName>,
    /// Page of PNG and SVG, from 1.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1000))]
    page: u16,
    /// Resolution of PNG in dots per inch.
    #[arg(long, default_value_t = 144, value_parser = clap::value_parser!(u16).range(36..=300))]
    dpi: u16,
    /// Make signature fields of the boxes for signatures, to be signed with `skoledok sign`.
    #[arg(long)]
    signable: bool,
}

/// Makes a type of ours an argument: its values by their own names.
macro_rules! names {
    ($name:ident, $of:ty, $all:expr, $text:expr) => {
        #[derive(Clone, Copy)]
        struct $name($of);

        impl ValueEnum for $name {
            fn value_variants<'a>() -> &'a [Self] {
                const ALL: &[$name] = &$all;
                ALL
            }

            fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
                let text: fn($of) -> &'static str = $text;
                Some(clap::builder::PossibleValue::new(text(self.0)))
            }
        }
    };
}

names!(
    KindName,
    Kind,
    [
        KindName(Kind::ALL[0]),
        KindName(Kind::ALL[1]),
        KindName(Kind::ALL[2]),
        KindName(Kind::ALL[3]),
        KindName(Kind::ALL[4]),
        KindName(Kind::ALL[5]),
        KindName(Kind::ALL[6])
    ],
    Kind::slug
);
names!(LocaleName, Locale, [LocaleName(Locale::Nb), LocaleName(Locale::Nn), LocaleName(Locale::En)], Locale::tag);
names!(
    FormatName,
    Format,
    [
        FormatName(Format::Pdf),
        FormatName(Format::Png),
        FormatName(Format::Svg),
        FormatName(Format::Html),
        FormatName(Format::Ics)
    ],
    Format::extension
);
names!(
    StandardName,
    PdfStandard,
    [
        StandardName(PdfStandard::A2aUa1),
        StandardName(PdfStandard::A2a),
        StandardName(PdfStandard::Ua1),
        StandardName(PdfStandard::A2b),
        StandardName(PdfStandard::Plain)
    ],
    PdfStandard::name
);

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

/// Asks a service for its life, as a container's health check does.
fn ask_health(server: &http::ServerSettings) -> Result<(), Failure> {
    const PATIENCE: Duration = Duration::from_secs(3);
    let mut address = server.bind;
    if address.ip().is_unspecified() {
        let loopback: IpAddr = if address.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() };
        address.set_ip(loopback);
    }
    let scheme = if server.tls.is_some() { "https" } else { "http" };
    let runtime = runtime()?;
    let answer = runtime.block_on(async {
        // The name in the certificate is not the loopback address, and nothing secret is sent.
        let client = http_client().danger_accept_invalid_certs(true).timeout(PATIENCE).build()?;
        client.get(format!("{scheme}://{address}/health/live")).send().await?.error_for_status()
    });
    match answer {
        Ok(_) => Ok(()),
        Err(error) => {
            eprintln!("skoledok: `{address}` does not say that it lives: {}", with_causes(&error));
            Err(Failure::Faults)
        }
    }
}

fn examine(config: Option<&Path>) -> Result<(), Failure> {
    let findings = doctor::examine(settings(config, None)?).map_err(Failure::caused)?;
    let lines: Vec<_> = findings
        .iter()
        .map(|finding| match &finding.state {
            State::Ok => format!("ok       {}", finding.what),
            State::Warning(remedy) => format!("warning  {}: no; {remedy}", finding.what),
            State::Fault(remedy) => format!("FAULT    {}: no; {remedy}", finding.what),
        })
        .collect();
    print_text(&lines.join("\n"))?;
    let whole = findings.iter().all(|finding| !matches!(finding.state, State::Fault(_)));
    if whole { Ok(()) } else { Err(Failure::Faults) }
}

fn describe(kind: Kind) -> String {
    let manifest = template::manifest(kind);
    let title = manifest.title.get(&Locale::Nb).map_or("", String::as_str);
    let formats: Vec<_> = manifest.formats.iter().map(|format| format.extension()).collect();
    let locales: Vec<_> = manifest.locales.iter().map(|language| language.tag()).collect();
    format!("{:<24}{title} ({}; {})", kind.slug(), locales.join(" "), formats.join(" "))
}

fn render_file(render: &Render) -> Result<(), Failure> {
    let format =
        render.format.map(|name| name.0).or_else(|| from_extension(render.output.as_deref())).unwrap_or_default();
    if render.output.is_none() && format != Format::Html && format != Format::Ics && std::io::stdout().is_terminal() {
        return Err(Failure::told("not writing a picture of bytes to a terminal; give `-o FILE`"));
    }
    let kind = render.input.kind.0;
    let body = read_body(&render.input)?;
    let options = Options {
        format,
        standard: render.standard.map(|name| name.0),
        page: usize::from(render.page),
        dpi: render.dpi,
        signable: render.signable,
    };
    let produced = match pipeline::produce(&Engine::load(), Order { kind, body, options }) {
        Ok(produced) => produced,
        Err(ProduceError::Invalid { violations, locale }) => {
            print_findings(&violations, render.input.message_locale(locale), "");
            return Err(Failure::Faults);
        }
        Err(error) => return Err(Failure::Told(with_causes(&error))),
    };
    print_findings(&produced.warnings, render.input.message_locale(produced.locale), "warning: ");
    match &render.output {
        Some(path) => write_whole(path, &produced.rendered.bytes),
        None => std::io::stdout().write_all(&produced.rendered.bytes).map_err(Failure::told),
    }
}

fn validate_file(input: &Input) -> Result<(), Failure> {
    let body = read_body(input)?;
    let report = pipeline::report(&Engine::load(), input.kind.0, body).map_err(Failure::told)?;
    let locale = input.message_locale(report.locale);
    let mut lines = told(&report.violations, locale, "");
    lines.extend(told(&report.warnings, locale, "warning: "));
    if !lines.is_empty() {
        print_text(&lines.join("\n"))?;
    }
    if report.violations.is_empty() { Ok(()) } else { Err(Failure::Faults) }
}

impl Input {
    fn message_locale(&self, of_document: Locale) -> Locale {
        self.locale.map_or(of_document, |name| name.0)
    }
}

/// One finding a line: pointer, message, hint.
fn told(findings: &[Finding], locale: Locale, prefix: &str) -> Vec<String> {
    let line = |finding: &Finding| {
        let told = finding.tell(locale);
        let pointer = if told.pointer.is_empty() { "/" } else { &told.pointer };
        let hint = told.hint.map(|hint| format!(" ({hint})")).unwrap_or_default();
        format!("{prefix}{pointer}: {}{hint}", told.detail)
    };
    findings.iter().map(line).collect()
}

/// Beside a document on standard output there is no room for findings: they go to standard error.
fn print_findings(findings: &[Finding], locale: Locale, prefix: &str) {
    for line in told(findings, locale, prefix) {
        eprintln!("{line}");
    }
}

/// A file, or standard input for `-`, of at most so many bytes.
fn read_bounded(path: &Path, what: &str, most: usize) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let limit = most as u64 + 1;
    if path == Path::new("-") {
        std::io::stdin().take(limit).read_to_end(&mut bytes).map_err(Failure::told)?;
    } else {
        let unreadable = |error| Failure::Told(format!("can not read `{}`: {error}", path.display()));
        let file = std::fs::File::open(path).map_err(unreadable)?;
        file.take(limit).read_to_end(&mut bytes).map_err(unreadable)?;
    }
    if bytes.len() > most {
        return Err(Failure::Told(format!("{what} has more than {most} bytes")));
    }
    Ok(bytes)
}

fn read_body(input: &Input) -> Result<Value, Failure> {
    let bytes = read_bounded(&input.file, "the body", MAX_BODY)?;
    let mut body =
        validate::read_json(&bytes).map_err(|error| Failure::Told(format!("the body is not JSON: {error}")))?;
    if let (Some(locale), Some(members)) = (input.locale, body.as_object_mut()) {
        members.insert("locale".to_owned(), Value::from(locale.0.tag()));
    }
    Ok(body)
}

/// Writes beside the target and renames, so that no half-written document is ever found.
fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let told = |error: std::io::Error| Failure::Told(format!("can not write `{}`: {error}", path.display()));
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    let part = path.with_file_name(name);
    let written = std::fs::write(&part, bytes).and_then(|()| std::fs::rename(&part, path));
    if written.is_err() {
        // What could not be written whole is not left behind; there may be nothing to remove.
        drop(std::fs::remove_file(&part));
    }
    written.map_err(told)
}

fn from_extension(path: Option<&Path>) -> Option<Format> {
    Format::parse(path?.extension()?.to_str()?)
}

fn print_text(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout();
    match writeln!(out, "{text}") {
        // A reader that has seen enough, like `head`, is no failure.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(Failure::told),
    }
}
