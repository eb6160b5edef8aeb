//! From a valid document to bytes: PDF, PNG, SVG, HTML and iCalendar.
//!
//! Pure and synchronous. Nothing here reads a clock, the environment, a disk or a network, so the
//! same document gives the same bytes in every process.

mod calendar;
mod data;
mod desk;
mod fields;
mod font;
mod mark;
#[cfg(debug_assertions)]
mod scratch;

use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::{Deserialize, Serialize};
use typst::comemo;
use typst::diag::{SourceDiagnostic, Warned};
use typst::foundations::{Datetime, Smart};
use typst_html::HtmlDocument;
use typst_layout::PagedDocument;
use typst_pdf::{PdfOptions, PdfStandard as Typst, PdfStandards, Timestamp};

use crate::document::{Cover, Document, Kind, PdfStandard};
use crate::template::{self, Format};
use crate::validate::{Code, Coverage, Finding, Valid};
use desk::{Desk, Library};
pub use mark::Mark;

/// Looking for what to forget takes as long as there is much to look through, so it is not done after
/// every document (docs/benchmarks.md: a letter takes a third less than with 1 and 45; 8 and 6 keep as much and look twice as often).
const EVICT_EVERY: usize = 16;
/// How often it is looked for before an unused memoised result is forgotten. `EVICT_EVERY` times this is
/// more than the templates and languages that one worker sees in turn (seven kinds in three languages,
/// and letters in eleven more).
const EVICT_AGE: usize = 3;

/// Most pages that printing services take (Digipost printability validator).
const PRINTABLE_PAGES: usize = 20;
/// Most bytes that signing services take (Posten/Digdir signing: 3 MB).
const SIGNABLE_BYTES: usize = 3_145_728;

/// What is wanted of a document.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Options {
    /// Format.
    pub format: Format,
    /// Standards of the PDF; default what the document asks for, else PDF/A-2a and PDF/UA-1.
    pub standard: Option<PdfStandard>,
    /// Page of PNG and SVG, from 1.
    pub page: usize,
    /// Resolution of PNG in dots per inch, 36 to 300.
    pub dpi: u16,
    /// Whether the boxes for signatures are signature fields, which a PDF can have.
    pub signable: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { format: Format::Pdf, standard: None, page: 1, dpi: 144, signable: false }
    }
}

/// A document in bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct Rendered {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Their format.
    pub format: Format,
    /// Number of pages, of formats that have pages.
    pub pages: Option<usize>,
    /// Kind, language and identifier.
    pub cover: Cover,
    /// Warnings that only the finished document can give.
    pub warnings: Vec<Finding>,
}

/// Why a document was not rendered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, thiserror::Error)]
pub enum RenderError {
    /// The document has fewer pages.
    #[error("there is no page {wanted} among {pages}")]
    NoSuchPage {
        /// The page asked for.
        wanted: usize,
        /// How many there are.
        pages: usize,
    },
    /// The kind can not be had in the format.
    #[error("`{}` can not be had as `{}`", .kind.slug(), .format.extension())]
    NoSuchFormat {
        /// Kind.
        kind: Kind,
        /// Format.
        format: Format,
    },
    /// A shipped template is broken: our fault. The text names the place in the template and holds
    /// nothing of the document.
    #[error("the template failed: {0}")]
    Template(String),
    /// A mark has no size, or words that can not be printed.
    #[error(
        "the mark of a signature can not be printed: the name has characters that no font here has, or the field has no size; sign an invisible field"
    )]
    Mark,
    /// The places for signatures can not be made fields: our fault.
    #[error("the signature fields can not be made: {0}")]
    Fields(String),
    /// An encoder failed.
    #[error("the picture could not be encoded")]
    Encode,
}

/// What the bytes depend on beside document and options: this program's version, Typst's, the shipped
/// templates and fonts. A change of any of them is another identity.
#[must_use]
pub fn identity() -> &'static str {
    static IDENTITY: LazyLock<String> = LazyLock::new(|| {
        let typst = typst::utils::version().raw();
        format!("{} typst-{typst} {} {}", env!("CARGO_PKG_VERSION"), template::digest(), font::digest())
    });
    &IDENTITY
}

/// The engine: fonts, templates and the standard library of Typst, loaded once and shared.
pub struct Engine {
    library: Library,
    coverage: Coverage,
    /// Documents so far.
    rendered: AtomicUsize,
}

impl Engine {
    /// Loads fonts and templates, 5 to 30 ms.
    #[must_use]
    pub fn load() -> Self {
        let fonts = font::shipped();
        let coverage = font::coverage(&fonts);
        Self { library: Library::new(fonts), coverage, rendered: AtomicUsize::new(0) }
    }

    /// What the shipped fonts can print.
    #[must_use]
    pub fn coverage(&self) -> &Coverage {
        &self.coverage
    }

    /// Renders a document.
    ///
    /// # Errors
    /// See [`RenderError`].
    pub fn render(&self, document: &Valid<Document>, options: &Options) -> Result<Rendered, RenderError> {
        self.render_and_tell(document, options, &mut || {})
    }

    /// Renders a document, and tells when it is laid out: what is left then takes a time that can be foreseen.
    ///
    /// # Errors
    /// See [`RenderError`].
    pub fn render_and_tell(
        &self,
        document: &Valid<Document>,
        options: &Options,
        laid_out: &mut dyn FnMut(),
    ) -> Result<Rendered, RenderError> {
        let result = self.produce(document.get(), options, laid_out);
        self.forget();
        result
    }

    /// Lays a document out without writing it, for the number of its pages and the warnings that only then are known.
    ///
    /// # Errors
    /// See [`RenderError`].
    pub fn preview(&self, document: &Valid<Document>) -> Result<(usize, Vec<Finding>), RenderError> {
        self.pages(document).map(|pages| (pages, page_warnings(pages)))
    }

    /// The number of pages of a document, which is laid out and not written.
    ///
    /// # Errors
    /// See [`RenderError`].
    pub fn pages(&self, document: &Valid<Document>) -> Result<usize, RenderError> {
        let document = document.get();
        let cover = Cover::of(document, template::manifest(document.kind()).released);
        let result = self.lay_out(document, &cover, false).map(|paged| paged.pages().len());
        self.forget();
        result
    }

    /// Forgets memoised results that no document has used for long. To be called after each one, also after
    /// one that failed.
    fn forget(&self) {
        if self.rendered.fetch_add(1, Ordering::Relaxed) % EVICT_EVERY == EVICT_EVERY - 1 {
            comemo::evict(EVICT_AGE);
        }
    }

    /// Compiles a source with a document on the desk, for the tests of what may end a worker.
    #[cfg(debug_assertions)]
    pub(crate) fn run_source(&self, document: &Valid<Document>, source: &str) {
        let document = document.get();
        let cover = Cover::of(document, template::manifest(document.kind()).released);
        scratch::run(&Desk::new(&self.library, document, &cover, false), source);
    }

    fn produce(&self, document: &Document, options: &Options, tell: &mut dyn FnMut()) -> Result<Rendered, RenderError> {
        let manifest = template::manifest(document.kind());
        let cover = Cover::of(document, manifest.released);
        if !manifest.formats.contains(&options.format) {
            return Err(RenderError::NoSuchFormat { kind: cover.kind, format: options.format });
        }
        let mut warnings = Vec::new();
        let (bytes, pages) = match options.format {
            Format::Ics => (calendar::write(document, &cover), None),
            Format::Html => (self.html(document, &cover)?, None),
            Format::Pdf | Format::Png | Format::Svg => {
                let signable = options.signable && options.format == Format::Pdf;
                let laid_out = self.lay_out(document, &cover, signable)?;
                tell();
                let pages = laid_out.pages().len();
                warnings.extend(page_warnings(pages));
                let bytes = match options.format {
                    Format::Png => png(page(&laid_out, options.page)?, options.dpi)?,
                    Format::Svg => svg(page(&laid_out, options.page)?),
                    _ => {
                        let file = pdf(&laid_out, &cover, options.standard.unwrap_or(cover.standard))?;
                        if signable { fields::make(file, &laid_out)? } else { file }
                    }
                };
                if options.format == Format::Pdf && bytes.len() > SIGNABLE_BYTES {
                    warnings.push(Finding::new("", Code::LargeFile).with("bytes", bytes.len()));
                }
                (bytes, Some(pages))
            }
        };
        Ok(Rendered { bytes, format: options.format, pages, cover, warnings })
    }

    fn lay_out(&self, document: &Document, cover: &Cover, signable: bool) -> Result<PagedDocument, RenderError> {
        let desk = Desk::new(&self.library, document, cover, signable);
        let Warned { output, .. } = typst::compile::<PagedDocument>(&desk);
        output.map_err(|errors| RenderError::Template(desk.describe(&errors)))
    }

    fn html(&self, document: &Document, cover: &Cover) -> Result<Vec<u8>, RenderError> {
        let desk = Desk::new(&self.library, document, cover, false);
        let Warned { output, .. } = typst::compile::<HtmlDocument>(&desk);
        output
            .and_then(|html| typst_html::html(&html, &typst_html::HtmlOptions { pretty: false }))
            .map(String::into_bytes)
            .map_err(|errors| RenderError::Template(desk.describe(&errors)))
    }
}

fn page_warnings(pages: usize) -> Vec<Finding> {
    if pages > PRINTABLE_PAGES { vec![Finding::new("", Code::ManyPages).with("pages", pages)] } else { Vec::new() }
}

fn page(document: &PagedDocument, wanted: usize) -> Result<&typst_layout::Page, RenderError> {
    let pages = document.pages();
    wanted
        .checked_sub(1)
        .and_then(|index| pages.get(index))
        .ok_or(RenderError::NoSuchPage { wanted, pages: pages.len() })
}

fn png(page: &typst_layout::Page, dpi: u16) -> Result<Vec<u8>, RenderError> {
    let options = typst_render::RenderOptions {
        pixel_per_pt: typst::utils::Scalar::new(f64::from(dpi) / 72.0),
        ..Default::default()
    };
    typst_render::render(page, &options).encode_png().map_err(|_| RenderError::Encode)
}

fn svg(page: &typst_layout::Page) -> Vec<u8> {
    typst_svg::svg(page, &typst_svg::SvgOptions { render_bleed: false, pretty: false }).into_bytes()
}

fn pdf(document: &PagedDocument, cover: &Cover, standard: PdfStandard) -> Result<Vec<u8>, RenderError> {
    let list: &[Typst] = match standard {
        PdfStandard::A2aUa1 => &[Typst::A_2a, Typst::Ua_1],
        PdfStandard::A2a => &[Typst::A_2a],
        PdfStandard::Ua1 => &[Typst::Ua_1],
        PdfStandard::A2b => &[Typst::A_2b],
        PdfStandard::Plain => &[Typst::V_1_7],
    };
    let standards = PdfStandards::new(list).map_err(|error| RenderError::Template(error.message().to_string()))?;
    let day = cover.dated.civil();
    let timestamp =
        Datetime::from_ymd_hms(i32::from(day.year()), day.month().unsigned_abs(), day.day().unsigned_abs(), 0, 0, 0);
    let options = PdfOptions {
        ident: Smart::Custom(cover.document_id.clone()),
        creator: Smart::Custom(Some("skoledok".to_owned())),
        timestamp: timestamp.map(Timestamp::new_utc),
        standards,
        ..PdfOptions::default()
    };
    typst_pdf::pdf(document, &options).map_err(|errors| RenderError::Template(messages(&errors)))
}

/// The messages of diagnostics without what they quote, since a quotation can be of the document.
fn messages(errors: &[SourceDiagnostic]) -> String {
    let told: Vec<String> = errors.iter().take(3).map(|error| without_quotations(&error.message)).collect();
    told.join("; ")
}

fn without_quotations(message: &str) -> String {
    let mut kept = String::new();
    let mut inside = None;
    for c in message.chars() {
        match (inside, c) {
            (None, '"' | '`' | '“') => {
                inside = Some(if c == '“' { '”' } else { c });
                kept.push('…');
            }
            (Some(end), c) if c == end => inside = None,
            (None, c) => kept.push(c),
            (Some(_), _) => {}
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diagnostic_does_not_quote_the_document() {
        assert_eq!(
            without_quotations("text \"Ola Prøve\" has no glyph for `ł` in “Kari”"),
            "text … has no glyph for … in …"
        );
    }
}
