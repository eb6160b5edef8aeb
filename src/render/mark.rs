//! The mark in a signature field: who signed, as what, and when.

use serde::{Deserialize, Serialize};
use typst::diag::Warned;
use typst::foundations::{Datetime, Smart};
use typst_layout::PagedDocument;
use typst_pdf::{PdfOptions, PdfStandard, PdfStandards, Timestamp};

use super::desk::Desk;
use super::{Engine, RenderError, messages};
use crate::document::Locale;

/// What a mark says, and how large it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mark {
    /// Language of its words.
    pub locale: Locale,
    /// Who signed.
    pub name: String,
    /// As what, in the words of the document.
    pub role: Option<String>,
    /// When, in seconds since 1970; told as the clocks in Norway say.
    pub at: i64,
    /// Width of the field in points.
    pub width: f64,
    /// Height of the field in points.
    pub height: f64,
}

/// A moment by the clocks in Norway. The rules of the zone are part of the program: those of the machine may be missing or others.
fn local(at: i64) -> Option<jiff::Zoned> {
    let zone = jiff::tz::TimeZoneDatabase::bundled().get("Europe/Oslo").ok()?;
    Some(jiff::Timestamp::from_second(at).ok()?.to_zoned(zone))
}

/// A day for the metadata, which PDF/A asks for.
fn day(at: &jiff::Zoned) -> Option<Datetime> {
    Datetime::from_ymd(at.year().into(), at.month().unsigned_abs(), at.day().unsigned_abs())
}

/// Least and largest side of a mark in points.
const SIDES: std::ops::RangeInclusive<f64> = 10.0..=1000.0;

impl Engine {
    /// A mark as a PDF of one page, PDF/A-2b and without structure: the field that it goes into has its place in the structure already.
    /// Under any other standard the file that it goes into would not keep its own (ISO 19005-2, 6.2.2).
    ///
    /// # Errors
    /// [`RenderError::Mark`] if its words can not be printed or its size is none.
    pub fn mark(&self, mark: &Mark) -> Result<Vec<u8>, RenderError> {
        let words = [Some(&mark.name), mark.role.as_ref()];
        let mut characters = words.into_iter().flatten().flat_map(|text| text.chars());
        let printable = characters.all(|c| c != '\n' && c != '\t' && self.coverage.has(c));
        if !printable || !SIDES.contains(&mark.width) || !SIDES.contains(&mark.height) {
            return Err(RenderError::Mark);
        }
        let at = local(mark.at).ok_or(RenderError::Mark)?;
        let json = serde_json::json!({
            "locale": mark.locale, "name": mark.name, "role": mark.role, "width": mark.width, "height": mark.height,
            "date": at.date().to_string(), "time": at.time().strftime("%H:%M").to_string(),
        });
        let json = json.to_string().into_bytes();
        let desk = Desk::for_mark(&self.library, json);
        let Warned { output, .. } = typst::compile::<PagedDocument>(&desk);
        let bytes = output.map_err(|errors| RenderError::Template(desk.describe(&errors))).and_then(|page| {
            let standards = PdfStandards::new(&[PdfStandard::A_2b])
                .map_err(|error| RenderError::Template(error.message().to_string()))?;
            let options = PdfOptions {
                ident: Smart::Custom("mark".to_owned()),
                creator: Smart::Custom(None),
                timestamp: day(&at).map(Timestamp::new_utc),
                tagged: false,
                standards,
                ..PdfOptions::default()
            };
            typst_pdf::pdf(&page, &options).map_err(|errors| RenderError::Template(messages(&errors)))
        });
        self.forget();
        bytes
    }
}
