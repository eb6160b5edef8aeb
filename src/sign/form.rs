//! What a signature looks like: one page of another PDF, made elsewhere, as a form in the field (ISO 32000-1, 8.10).
//!
//! The page comes as PDF/A-2b without structure, since the field is in the structure already. Its fonts and colours
//! come over as they are stored.

use std::collections::HashMap;

use super::file::{Dictionary, File, FileError, Id, Indirect, Object, Revision};

/// How many objects a look may have.
const OBJECTS: usize = 2000;
/// How many bytes a look may have.
const BYTES: usize = 4 << 20;

/// What a look can not be made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    /// It can not be read.
    #[error("the appearance can not be read: {0}")]
    File(#[from] FileError),
    /// It has not one page.
    #[error("the appearance has to be a PDF of one page")]
    Pages,
    /// It is larger than 4 MiB.
    #[error("the appearance is larger than 4 MiB, or has more than 2000 objects")]
    Size,
    /// It has a structure or marked content of its own.
    #[error("the appearance is tagged; export it without tags")]
    Tagged,
}

/// Adds an empty look for a field of a size: every widget has to have one in PDF/A.
pub(super) fn add_empty(revision: &mut Revision<'_, '_>, rect: [f64; 4]) -> Id {
    let [left, bottom, right, top] = rect;
    let size = [0.0, 0.0, right - left, top - bottom].map(number).to_vec();
    revision.add_stream(dictionary().with("BBox", size).with("Resources", Dictionary::new()), Vec::new())
}

fn dictionary() -> Dictionary {
    Dictionary::new().with("Type", Object::name("XObject")).with("Subtype", Object::name("Form"))
}

/// A number with at most four digits behind the point.
fn number(value: f64) -> Object {
    let text = format!("{value:.4}");
    Object::Real(text.trim_end_matches('0').trim_end_matches('.').into())
}

/// Adds a page of another PDF as a form. A reader scales it to the rectangle of the field (12.5.5).
pub(super) fn add_page(revision: &mut Revision<'_, '_>, appearance: &[u8]) -> Result<Id, FormError> {
    if appearance.len() > BYTES {
        return Err(FormError::Size);
    }
    let source = File::read(appearance)?;
    if source.catalog()?.has("StructTreeRoot") {
        return Err(FormError::Tagged);
    }
    let [page] = source.pages()? else { return Err(FormError::Pages) };
    let page = source.dictionary(&(*page).into())?.ok_or(FormError::Pages)?;
    let inherited = |key: &str| -> Result<Object, FileError> { inherited(&source, &page, key) };
    let content = page.get("Contents").and_then(Object::as_reference).ok_or(FormError::Pages)?;
    let Some(Indirect::Stream(content)) = source.get(content)? else { return Err(FormError::Pages) };
    let mut copy = Copy { revision, source: &source, ids: HashMap::new(), open: Vec::new() };
    let mut form = dictionary().with("BBox", inherited("MediaBox")?);
    form.set("Resources", copy.value(&inherited("Resources")?)?);
    for key in ["Filter", "DecodeParms"] {
        if let Some(value) = content.dictionary.get(key) {
            form.set(key, source.resolve(value)?);
        }
    }
    copy.finish()?;
    Ok(revision.add_stream(form, source.raw(&content).to_vec()))
}

/// What a page says, or a node above it (ISO 32000-1, 7.7.3.4).
fn inherited(file: &File<'_>, page: &Dictionary, key: &str) -> Result<Object, FileError> {
    let mut node = page.clone();
    for _ in 0..super::file::TREE {
        if let Some(value) = node.get(key) {
            return file.resolve(value);
        }
        let above = node.get("Parent").map(|parent| file.dictionary(parent)).transpose()?.flatten();
        node = above.ok_or(FileError::Part("the page of the appearance"))?;
    }
    Err(FileError::Part("the tree of pages"))
}

/// Brings objects of one file into a revision of another.
struct Copy<'r, 'f, 'a, 's> {
    revision: &'r mut Revision<'f, 'a>,
    source: &'s File<'s>,
    ids: HashMap<Id, Id>,
    /// What has its number already and is still to be brought over.
    open: Vec<(Id, Id)>,
}

impl Copy<'_, '_, '_, '_> {
    fn finish(&mut self) -> Result<(), FormError> {
        while let Some((old, new)) = self.open.pop() {
            match self.source.get(old)? {
                Some(Indirect::Value(value)) => {
                    let value = self.value(&value)?;
                    self.revision.set(new, value);
                }
                Some(Indirect::Stream(stream)) => {
                    let dictionary = stream.dictionary.try_map(|value| self.value(value))?;
                    self.revision.set_stream(new, dictionary, self.source.raw(&stream).to_vec());
                }
                None => self.revision.set(new, Object::Null),
            }
        }
        Ok(())
    }

    /// A value with the numbers that its objects have in the revision. What was read is not nested deeply.
    fn value(&mut self, value: &Object) -> Result<Object, FormError> {
        Ok(match value {
            Object::Reference(old) => self.reference(*old)?.into(),
            Object::Array(elements) => {
                Object::Array(elements.iter().map(|element| self.value(element)).collect::<Result<_, _>>()?)
            }
            Object::Dictionary(dictionary) => dictionary.try_map(|value| self.value(value))?.into(),
            plain => plain.clone(),
        })
    }

    fn reference(&mut self, old: Id) -> Result<Id, FormError> {
        if let Some(new) = self.ids.get(&old) {
            return Ok(*new);
        }
        if self.ids.len() >= OBJECTS {
            return Err(FormError::Size);
        }
        let new = self.revision.reserve();
        self.ids.insert(old, new);
        self.open.push((old, new));
        Ok(new)
    }
}
