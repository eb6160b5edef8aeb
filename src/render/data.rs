//! What a template is given: the document as JSON, free text as blocks, the logo as a file.

use serde::Serialize;
use serde_json::Value;

use crate::document::{Cover, Document, LogoType};
use crate::merge::markdown::{self, Block};
use crate::validate::decode_logo;

/// The virtual `/data.json` and the logo that it refers to.
pub(super) struct Data {
    pub(super) json: Vec<u8>,
    pub(super) logo: Option<LogoFile>,
}

pub(super) struct LogoFile {
    pub(super) path: &'static str,
    pub(super) bytes: Vec<u8>,
}

#[derive(Serialize)]
struct Envelope<'a> {
    /// Identifier for the metadata.
    document_id: &'a str,
    document: Value,
    assets: Assets,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<Vec<Block>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    norwegian_body: Option<Vec<Block>>,
    /// Whether the boxes for signatures become fields. Left out when not, so that other documents keep their data.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    signable: bool,
}

#[derive(Serialize)]
struct Assets {
    #[serde(skip_serializing_if = "Option::is_none")]
    logo: Option<String>,
}

impl Data {
    pub(super) fn of(document: &Document, cover: &Cover, signable: bool) -> Self {
        let logo = logo(document);
        let letter = match document {
            Document::ParentLetter(letter) => Some(letter),
            _ => None,
        };
        let body = letter.and_then(|letter| letter.body.as_ref()).map(|text| blocks(text.as_str()));
        let norwegian_body =
            letter.and_then(|letter| letter.norwegian_version.as_ref()).map(|version| blocks(version.body.as_str()));
        let translated = document_in_its_language(document, cover);
        let envelope = Envelope {
            document_id: &cover.document_id,
            document: without_logo_data(translated.as_ref().unwrap_or(document)),
            assets: Assets { logo: logo.as_ref().map(|logo| format!("/{}", logo.path)) },
            body,
            norwegian_body,
            signable,
        };
        Self { json: json_bytes(&envelope), logo }
    }
}

/// The document as JSON. The logo is a file of its own; its text would only be carried about.
#[expect(clippy::expect_used, reason = "the document was made from JSON")]
fn without_logo_data(document: &Document) -> Value {
    let mut value = serde_json::to_value(document).expect("a document is JSON");
    if let Some(logo) = value.pointer_mut("/school/logo").and_then(Value::as_object_mut) {
        logo.shift_remove("data");
    }
    value
}

/// A letter whose recipient reads another language than the rest is set in that language.
fn document_in_its_language(document: &Document, cover: &Cover) -> Option<Document> {
    match document {
        Document::ParentLetter(letter) if letter.locale != cover.language => {
            let mut letter = letter.clone();
            letter.locale = cover.language;
            Some(Document::ParentLetter(letter))
        }
        _ => None,
    }
}

#[expect(clippy::expect_used, reason = "the document was made from JSON")]
fn json_bytes(envelope: &Envelope<'_>) -> Vec<u8> {
    serde_json::to_vec(envelope).expect("a document is JSON")
}

/// The blocks of a text that validation has parsed before.
#[expect(clippy::expect_used, reason = "validation has parsed the same text")]
fn blocks(text: &str) -> Vec<Block> {
    markdown::parse(text).expect("a valid document holds only the Markdown subset")
}

fn logo(document: &Document) -> Option<LogoFile> {
    let logo = document.common().school.as_ref()?.logo.as_ref()?;
    let bytes = decode_logo(&logo.data).ok()?;
    let path = match logo.media_type {
        LogoType::Png => "logo.png",
        LogoType::Jpeg => "logo.jpg",
        LogoType::Svg => "logo.svg",
    };
    Some(LogoFile { path, bytes })
}
