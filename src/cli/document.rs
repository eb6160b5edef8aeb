//! Single documents: rendered, checked, and the kinds that there are.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::Value;

use super::file::{read_bounded, write_whole};
use super::names::{FormatName, KindName, LocaleName, StandardName};
use super::{Failure, print_text};
use crate::document::{Kind, Locale};
use crate::pipeline::{self, Order, ProduceError};
use crate::render::{Engine, Options};
use crate::telemetry::with_causes;
use crate::template::{self, Format};
use crate::validate::{self, Finding, MAX_BODY};

#[derive(Args)]
pub(super) struct Input {
    /// Kind of document.
    kind: KindName,
    /// JSON file, or `-` for standard input.
    file: PathBuf,
    /// Language of the document, instead of the one in the file; also of messages.
    #[arg(long)]
    locale: Option<LocaleName>,
}

#[derive(Args)]
pub(super) struct Render {
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

/// Renders a document into a file, or onto standard output.
pub(super) fn render_file(render: &Render) -> Result<(), Failure> {
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

/// Checks a document, and prints what is wrong with it.
pub(super) fn validate_file(input: &Input) -> Result<(), Failure> {
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
    pub(super) fn message_locale(&self, of_document: Locale) -> Locale {
        self.locale.map_or(of_document, |name| name.0)
    }
}

/// One finding a line: pointer, message, hint.
pub(super) fn told(findings: &[Finding], locale: Locale, prefix: &str) -> Vec<String> {
    let line = |finding: &Finding| {
        let told = finding.tell(locale);
        let pointer = if told.pointer.is_empty() { "/" } else { &told.pointer };
        let hint = told.hint.map(|hint| format!(" ({hint})")).unwrap_or_default();
        format!("{prefix}{pointer}: {}{hint}", told.detail)
    };
    findings.iter().map(line).collect()
}

/// Beside a document on standard output there is no room for findings: they go to standard error.
pub(super) fn print_findings(findings: &[Finding], locale: Locale, prefix: &str) {
    for line in told(findings, locale, prefix) {
        eprintln!("{line}");
    }
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

fn from_extension(path: Option<&Path>) -> Option<Format> {
    Format::parse(path?.extension()?.to_str()?)
}

/// A kind in a line.
pub(super) fn describe(kind: Kind) -> String {
    let manifest = template::manifest(kind);
    let title = manifest.title.get(&Locale::Nb).map_or("", String::as_str);
    let formats: Vec<_> = manifest.formats.iter().map(|format| format.extension()).collect();
    let locales: Vec<_> = manifest.locales.iter().map(|language| language.tag()).collect();
    format!("{:<24}{title} ({}; {})", kind.slug(), locales.join(" "), formats.join(" "))
}
