//! Writes fields: on a page, and in the form of the document.

use super::{FieldError, FieldName};
use crate::sign::file::{Dictionary, FileError, Id, Object, Revision};

/// Where a field is that is not to be seen: beside the page, where PDF/UA-1 (7.18.1) asks for no place in the structure.
const NOWHERE: [i64; 4] = [-10, -10, -10, -10];
/// Printed, and not to be moved (ISO 32000-1, table 165).
const FLAGS: i64 = 4 + 128;

/// A field and its place in one, without the place.
pub(super) fn widget(name: &FieldName, label: &str, page: Id) -> Dictionary {
    Dictionary::new()
        .with("Type", Object::name("Annot"))
        .with("Subtype", Object::name("Widget"))
        .with("FT", Object::name("Sig"))
        .with("T", Object::String(name.as_str().as_bytes().to_vec()))
        .with("TU", Object::text(label))
        .with("F", Object::Integer(FLAGS))
        .with("P", page)
}

/// Adds a field that is not to be seen, with some entries of its own, but not to the form.
pub(in crate::sign) fn add_invisible(
    revision: &mut Revision<'_, '_>,
    name: &FieldName,
    label: &str,
    more: &Dictionary,
    is_signed: bool,
) -> Result<Id, FieldError> {
    let page = page_for_invisible(revision)?;
    let mut widget = widget(name, label, page).with("Rect", NOWHERE.map(Object::Integer).to_vec());
    for (key, value) in more.iter() {
        widget.set(&String::from_utf8_lossy(key), value.clone());
    }
    let id = revision.add(widget);
    let mut dictionary = revision.dictionary(&page.into())?.ok_or(FieldError::NoPage)?;
    if revision.append(&mut dictionary, "Annots", id)? {
        revision.set(page, dictionary);
    }
    if !is_signed {
        order_by_structure(revision, page)?;
    }
    Ok(id)
}

/// The last page that has annotations, whose order of fields is therefore set, or else the first page.
fn page_for_invisible(revision: &Revision<'_, '_>) -> Result<Id, FieldError> {
    let pages = revision.file().pages()?;
    // The fields that were asked for are on few pages; a long way back is not worth it.
    for page in pages.iter().rev().take(20) {
        if revision.dictionary(&(*page).into())?.is_some_and(|page| page.is("Tabs", "S")) {
            return Ok(*page);
        }
    }
    pages.first().copied().ok_or(FieldError::NoPage)
}

/// Who goes through the fields of a page with the keyboard follows the structure (PDF/UA-1, 7.18.3).
pub(super) fn order_by_structure(revision: &mut Revision<'_, '_>, page: Id) -> Result<(), FileError> {
    let mut dictionary = revision.dictionary(&page.into())?.ok_or(FileError::Part("a page"))?;
    if !dictionary.is("Tabs", "S") {
        dictionary.set("Tabs", Object::name("S"));
        revision.set(page, dictionary);
    }
    Ok(())
}

/// Names fields in the form of the document.
pub(in crate::sign) fn add_to_form(
    revision: &mut Revision<'_, '_>,
    made: &[Id],
    is_signed: bool,
) -> Result<(), FileError> {
    let mut catalog = revision.catalog()?;
    let held = catalog.get("AcroForm").cloned();
    let mut form = held.as_ref().map(|form| revision.dictionary(form)).transpose()?.flatten().unwrap_or_default();
    let mut is_changed = held.is_none();
    for id in made {
        is_changed |= revision.append(&mut form, "Fields", *id)?;
    }
    // Signatures exist, and the file may only grow (ISO 32000-1, table 219).
    if !is_signed && form.get("SigFlags").and_then(Object::as_integer) != Some(3) {
        form.set("SigFlags", 3);
        is_changed = true;
    }
    let mut is_catalog_changed = false;
    match held.as_ref().and_then(Object::as_reference) {
        Some(id) if is_changed => revision.set(id, form),
        None if is_changed => {
            let own = revision.add(form);
            catalog.set("AcroForm", own);
            is_catalog_changed = true;
        }
        _ => {}
    }
    if !is_signed && !catalog.has("Extensions") {
        // That what EN 319 142-1 adds to ISO 32000-1 is in use (clause 5.7 there).
        let extension = Dictionary::new().with("BaseVersion", Object::name("1.7")).with("ExtensionLevel", 1);
        catalog.set("Extensions", Dictionary::new().with("ESIC", extension));
        is_catalog_changed = true;
    }
    if is_catalog_changed {
        revision.set_catalog(catalog)?;
    }
    Ok(())
}
