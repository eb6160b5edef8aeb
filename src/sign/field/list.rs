//! Finds the signature fields of a form (ISO 32000-1, 12.7).

use std::collections::HashSet;

use super::{FIELDS, SignatureField};
use crate::sign::file::{Dictionary, File, FileError, Id, Object};

/// The signature fields of a file, in the order of its form.
///
/// # Errors
///
/// The file is broken, or has more than 10,000 fields.
pub fn fields(file: &File<'_>) -> Result<Vec<SignatureField>, FileError> {
    let Some(form) = file.catalog()?.get("AcroForm").map(|form| file.dictionary(form)).transpose()?.flatten() else {
        return Ok(Vec::new());
    };
    let (mut found, mut seen) = (Vec::new(), HashSet::new());
    let mut open: Vec<Node> = file.array(&form, "Fields")?.iter().rev().filter_map(Node::root).collect();
    while let Some(node) = open.pop() {
        if !seen.insert(node.id) || seen.len() > FIELDS || open.len() > FIELDS {
            return Err(FileError::Limit("fields, or they hold each other"));
        }
        let Some(field) = file.dictionary(&node.id.into())? else { continue };
        let node = node.entered(&field, file)?;
        let kids: Vec<Id> = file.array(&field, "Kids")?.iter().filter_map(Object::as_reference).collect();
        let mut inner = Vec::new();
        for kid in &kids {
            // A kid without a name is a place of this field, and no field (ISO 32000-1, 12.7.3.1).
            if file.dictionary(&(*kid).into())?.is_some_and(|kid| kid.has("T")) {
                inner.push(node.inner(*kid)?);
            }
        }
        if inner.is_empty() && node.is_signature {
            let widget = kids.first().filter(|_| !field.has("Rect")).copied().unwrap_or(node.id);
            let place = file.dictionary(&widget.into())?.unwrap_or_default();
            found.push(node.finish(widget, &place, &field, file)?);
        }
        open.extend(inner.into_iter().rev());
    }
    Ok(found)
}

/// A field on the way through the form, with what it has from the fields around it.
struct Node {
    id: Id,
    name: String,
    is_signature: bool,
    value: Option<Object>,
    depth: usize,
}

impl Node {
    fn root(field: &Object) -> Option<Self> {
        Some(Self { id: field.as_reference()?, name: String::new(), is_signature: false, value: None, depth: 0 })
    }

    fn inner(&self, id: Id) -> Result<Self, FileError> {
        if self.depth >= 16 {
            return Err(FileError::Limit("fields inside each other"));
        }
        Ok(Self {
            id,
            name: self.name.clone(),
            is_signature: self.is_signature,
            value: self.value.clone(),
            depth: self.depth + 1,
        })
    }

    fn entered(mut self, field: &Dictionary, file: &File<'_>) -> Result<Self, FileError> {
        if let Some(name) = field.get("T").map(|name| file.resolve(name)).transpose()?.and_then(|name| name.to_text()) {
            if name.len() > 1000 {
                return Err(FileError::Limit("letters in the name of a field"));
            }
            let dot = if self.name.is_empty() { "" } else { "." };
            self.name = format!("{}{dot}{name}", self.name);
        }
        if let Some(kind) = field.get("FT") {
            self.is_signature = file.resolve(kind)?.as_name() == Some(b"Sig");
        }
        if let Some(value) = field.get("V") {
            self.value = Some(value.clone());
        }
        Ok(self)
    }

    fn finish(
        self,
        widget: Id,
        place: &Dictionary,
        field: &Dictionary,
        file: &File<'_>,
    ) -> Result<SignatureField, FileError> {
        let rect = rect_of(place, file)?;
        let page = place.get("P").and_then(Object::as_reference);
        let page = page.map(|page| file.page_index(page)).transpose()?;
        let label = field.get("TU").map(|label| file.resolve(label)).transpose()?.and_then(|label| label.to_text());
        let signature = self.value.as_ref().and_then(Object::as_reference);
        // One that is no object of its own is a signature as well, if not one that is read here.
        let value = self.value.as_ref().map(|value| file.resolve(value)).transpose()?;
        Ok(SignatureField {
            name: self.name,
            page: page.flatten(),
            rect: rect.filter(|[left, bottom, right, top]| left < right && bottom < top),
            label,
            id: self.id,
            widget,
            has_rules: field.has("SV") || field.has("Lock"),
            is_filled: value.is_some_and(|value| value != Object::Null),
            signature,
        })
    }
}

/// The rectangle of an annotation, from the lower left to the upper right corner.
pub(super) fn rect_of(annotation: &Dictionary, file: &File<'_>) -> Result<Option<[f64; 4]>, FileError> {
    let corners = file.array(annotation, "Rect")?.iter().filter_map(Object::as_number).collect::<Vec<_>>();
    Ok(match corners.as_slice() {
        [a, b, c, d] => Some([a.min(*c), b.min(*d), a.max(*c), b.max(*d)]),
        _ => None,
    })
}
