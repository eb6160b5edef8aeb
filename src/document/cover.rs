//! What stands on the outside of a document: the facts that name and identify it.

use sha2::{Digest, Sha256};

use super::{Date, Document, Kind, Language, PdfStandard, Status, hex};

/// The facts that name and identify a document, none of them a person's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cover {
    /// Kind.
    pub kind: Kind,
    /// Language it is printed in.
    pub language: Language,
    /// Identifier: the caller's `archive_metadata.document_id`, or one that follows from kind,
    /// school and school year, so that it outlives changes of the contents.
    pub document_id: String,
    /// Day that stands in the metadata of files. Never read from a clock.
    pub dated: Date,
    /// Standards that the document itself asks for.
    pub standard: PdfStandard,
    /// School year as `2026-2027`, for file names.
    pub year: Option<String>,
    /// Whether the document may hold personal data: all but blank forms.
    pub personal: bool,
}

impl Cover {
    /// Reads the cover of a document. `undated` stands in where neither the document nor its
    /// school year has a day, as in a blank form.
    #[must_use]
    pub fn of(document: &Document, undated: Date) -> Self {
        let common = document.common();
        Self {
            kind: document.kind(),
            language: document.language(),
            document_id: common
                .archive_metadata
                .as_ref()
                .and_then(|metadata| metadata.document_id.clone())
                .unwrap_or_else(|| derived_id(document)),
            dated: common
                .document_date
                .or_else(|| common.school_year.map(super::SchoolYear::first_day))
                .unwrap_or(undated),
            standard: common.render_options.as_ref().and_then(|options| options.pdf_standard).unwrap_or_default(),
            year: common.school_year.map(|year| year.to_string().replace('/', "-")),
            personal: common.status != Status::BlankTemplate,
        }
    }

    /// A file name without extension that is safe in every file system and holds no name of a
    /// person: kind, school year, language.
    #[must_use]
    pub fn file_stem(&self) -> String {
        let year = self.year.as_deref().map(|year| format!("-{year}")).unwrap_or_default();
        format!("{}{year}-{}", self.kind.slug(), self.language.tag())
    }
}

/// 32 hexadecimal digits from kind, school and school year, and for what is about one person
/// also from the whole contents, since such documents of one school and year are many.
fn derived_id(document: &Document) -> String {
    let common = document.common();
    let mut hash = Sha256::new();
    let mut part = |text: &str| {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text);
    };
    part("skoledok document id");
    part(document.kind().name());
    part(common.school_year.map(|year| year.to_string()).as_deref().unwrap_or(""));
    if let Some(school) = &common.school {
        part(school.org_number.as_ref().map_or(school.name.as_str(), |number| number.as_str()));
    }
    match document {
        Document::MeetingSchedule(schedule) => {
            part(&serde_json::json!([schedule.grade, schedule.classes]).to_string());
        }
        Document::ParentLetter(_) | Document::ConsentForm(_) => {
            // The same as by `to_string`, and quicker where a logo is long.
            part(&serde_json::to_string(&serde_json::json!(document)).unwrap_or_default());
        }
        _ => {}
    }
    hex(&hash.finalize()[..16])
}
