//! Bounded free text. The bound is part of the type, so the schema, the API
//! description and the parser can not disagree about it.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// Text of 1 to `MAX` characters (Unicode scalar values, after normalisation).
///
/// It is data: it is never parsed as Typst, HTML or Handlebars source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Text<const MAX: u32>(String);

/// A name or a title in one line.
pub type Name = Text<120>;
/// A short text in one line, such as a place or a label.
pub type Short = Text<200>;
/// The text of one table cell.
pub type Cell = Text<1_000>;
/// A paragraph; line breaks are kept.
pub type Paragraph = Text<5_000>;
/// The Markdown body of a free letter. The body is also bounded in bytes, see `validate`.
pub type Markdown = Text<15_000>;

impl<const MAX: u32> Text<MAX> {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const MAX: u32> JsonSchema for Text<MAX> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Text{MAX}").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "minLength": 1, "maxLength": MAX })
    }
}
