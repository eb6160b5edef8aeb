//! Makes fields of the marks of a template.

use std::collections::HashSet;

use super::list::rect_of;
use super::write::{add_invisible, add_to_form, order_by_structure, widget};
use super::{FIELDS, FieldError, NewField, PLACEHOLDER, Place, SignatureField, fields};
use crate::sign::file::{Dictionary, File, FileError, Id, Object, Revision};
use crate::sign::form;

/// How many annotations all pages may have.
const ANNOTATIONS: usize = 200_000;

/// Makes fields in one revision behind a file; the same file and fields give the same bytes.
///
/// # Errors
///
/// [`FieldError`]: a place is not marked or marked twice, a mark remains, a field is there already, the file is signed
/// or broken.
pub fn prepare(bytes: &[u8], new: &[NewField]) -> Result<Vec<u8>, FieldError> {
    let file = File::read(bytes)?;
    let there = fields(&file)?;
    let mut names: HashSet<&str> = there.iter().map(|field| field.name.as_str()).collect();
    if let Some(double) = new.iter().find(|field| !names.insert(field.name.as_str())) {
        return Err(FieldError::Exists(double.name.clone()));
    }
    let is_signed = there.iter().any(SignatureField::is_signed);
    let marks = marks(&file)?;
    let mut revision = Revision::new(&file)?;
    let mut made = Vec::new();
    let mut used = 0;
    for field in new {
        made.push(match field.place {
            Place::Marked if is_signed => return Err(FieldError::Signed),
            Place::Marked => {
                used += 1;
                replace_mark(&mut revision, field, &marks)?
            }
            Place::Invisible => add_invisible(&mut revision, &field.name, &field.label, &Dictionary::new(), is_signed)?,
        });
    }
    if used < marks.len() {
        return Err(FieldError::Leftover);
    }
    add_to_form(&mut revision, &made, is_signed)?;
    Ok(revision.finish()?.0)
}

/// A link that marks a place.
struct Mark {
    name: Vec<u8>,
    id: Id,
    page: Id,
    annotation: Dictionary,
}

/// All links that mark places.
fn marks(file: &File<'_>) -> Result<Vec<Mark>, FieldError> {
    let (mut marks, mut count) = (Vec::new(), 0_usize);
    for page in file.pages()? {
        let Some(dictionary) = file.dictionary(&(*page).into())? else { continue };
        for annotation in file.array(&dictionary, "Annots")? {
            count += 1;
            if count > ANNOTATIONS {
                return Err(FileError::Limit("annotations").into());
            }
            let Some(link) = file.dictionary(&annotation)? else { continue };
            let Some(name) = marked(&link, file)? else { continue };
            // One that is no object of its own can not be written anew.
            let id = annotation.as_reference().ok_or(FieldError::Leftover)?;
            marks.push(Mark { name, id, page: *page, annotation: link });
        }
    }
    Ok(marks)
}

/// What stands behind [`PLACEHOLDER`] in the action of a link.
fn marked(link: &Dictionary, file: &File<'_>) -> Result<Option<Vec<u8>>, FileError> {
    let action = link.get("A").map(|action| file.dictionary(action)).transpose()?.flatten();
    let uri = action.as_ref().and_then(|action| action.get("URI")).map(|uri| file.resolve(uri)).transpose()?;
    let name = uri.as_ref().and_then(Object::as_string).and_then(|uri| uri.strip_prefix(PLACEHOLDER.as_bytes()));
    Ok(name.map(<[u8]>::to_vec))
}

/// Puts a field where its mark is, on the page and in the structure.
fn replace_mark(revision: &mut Revision<'_, '_>, field: &NewField, marks: &[Mark]) -> Result<Id, FieldError> {
    let mut own = marks.iter().filter(|mark| mark.name == field.name.as_str().as_bytes());
    let mark = own.next().ok_or_else(|| FieldError::Missing(field.name.clone()))?;
    if own.next().is_some() {
        return Err(FieldError::Twice(field.name.clone()));
    }
    let link = &mark.annotation;
    let rect = rect_of(link, revision.file())?.ok_or(FileError::Part("the place of a link"))?;
    let empty = form::add_empty(revision, rect);
    let mut widget = widget(&field.name, &field.label, mark.page).with("AP", Dictionary::new().with("N", empty));
    widget.set("Rect", link.get("Rect").cloned().unwrap_or(Object::Null));
    if let Some(key) = link.get("StructParent") {
        widget.set("StructParent", key.clone());
        let key = key.as_integer().ok_or(FileError::Part("the structure"))?;
        let content = || FieldError::Content(field.name.clone());
        let element = structure_element(revision.file(), key)?.ok_or_else(content)?;
        let old = revision.dictionary(&element.into())?.ok_or_else(content)?;
        revision.set(element, as_form(old, mark.id, revision.file())?.ok_or_else(content)?);
    }
    revision.set(mark.id, widget);
    order_by_structure(revision, mark.page)?;
    Ok(mark.id)
}

/// An element of a link becomes one of a form field. The one child stands alone and not in an array: otherwise pyHanko
/// sees a change to it when a second signer signs.
fn as_form(mut element: Dictionary, annotation: Id, file: &File<'_>) -> Result<Option<Dictionary>, FileError> {
    let children = element.get("K").map(|child| file.resolve(child)).transpose()?;
    let child = match children {
        Some(Object::Array(children)) => match children.as_slice() {
            [one] => file.resolve(one)?,
            _ => return Ok(None),
        },
        other => other.unwrap_or(Object::Null),
    };
    let is_link = child.as_dictionary().is_some_and(|child| {
        child.is("Type", "OBJR") && child.get("Obj").and_then(Object::as_reference) == Some(annotation)
    });
    element.set("S", Object::name("Form"));
    element.set("K", child);
    Ok(is_link.then_some(element))
}

/// The element of the structure that an annotation belongs to, by the number tree of parents (ISO 32000-1, 14.7.4.4).
fn structure_element(file: &File<'_>, key: i64) -> Result<Option<Id>, FileError> {
    let tree = file.catalog()?.get("StructTreeRoot").map(|root| file.dictionary(root)).transpose()?.flatten();
    let mut open = vec![tree.and_then(|root| root.get("ParentTree").cloned()).unwrap_or(Object::Null)];
    let mut seen = 0;
    while let Some(node) = open.pop() {
        seen += 1;
        if seen > FIELDS || open.len() > FIELDS {
            return Err(FileError::Limit("parts of the structure"));
        }
        let Some(node) = file.dictionary(&node)? else { continue };
        let numbers = file.array(&node, "Nums")?;
        if let Some([_, element]) =
            numbers.chunks(2).find(|pair| pair.first().and_then(Object::as_integer) == Some(key))
        {
            return Ok(element.as_reference());
        }
        for kid in file.array(&node, "Kids")? {
            let limits = file.dictionary(&kid)?.map(|kid| file.array(&kid, "Limits")).transpose()?.unwrap_or_default();
            let within = match limits.as_slice() {
                [Object::Integer(least), Object::Integer(most)] => (*least..=*most).contains(&key),
                _ => true,
            };
            if within {
                open.push(kid);
            }
        }
    }
    Ok(None)
}
