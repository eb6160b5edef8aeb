//! Signature fields where the template has marked their places.

use typst::foundations::{Label, Selector, Value};
use typst::introspection::{Introspector, MetadataElem};
use typst::utils::PicoStr;
use typst_layout::PagedDocument;

use super::RenderError;
use crate::sign::field::{self, FieldName, NewField, Place};

/// What marks the places, in `templates/shared/signature.typ`.
const LABEL: &str = "signature-field";

/// Makes fields of the places that a template has marked, in their order. A document without any stays as it is.
pub(super) fn make(file: Vec<u8>, document: &PagedDocument) -> Result<Vec<u8>, RenderError> {
    let Some(label) = Label::new(PicoStr::intern(LABEL)) else { return Ok(file) };
    let marks = document.introspector().query(&Selector::Label(label));
    let fields: Option<Vec<NewField>> =
        marks.iter().map(|mark| mark.to_packed::<MetadataElem>().and_then(|told| field(&told.value))).collect();
    let fields = fields.ok_or_else(|| RenderError::Fields("a mark is not as it should be".to_owned()))?;
    if fields.is_empty() {
        return Ok(file);
    }
    field::prepare(&file, &fields).map_err(|error| RenderError::Fields(error.to_string()))
}

fn field(told: &Value) -> Option<NewField> {
    let Value::Dict(told) = told else { return None };
    let text = |key: &str| match told.get(key) {
        Ok(Value::Str(text)) => Some(text.to_string()),
        _ => None,
    };
    Some(NewField { name: FieldName::parse(&text("name")?).ok()?, label: text("label")?, place: Place::Marked })
}
