//! The pages of a file in their order (ISO 32000-2, 7.7.3), each with what it has and what it inherits.

use std::collections::HashSet;
use std::rc::Rc;

use super::super::pdf::{File, PdfError, Resolved, Value, entry};
use super::content::look;

/// Most pages that are looked at.
const MOST: usize = 2000;

/// A page.
pub(super) struct Page {
    pub node: Resolved,
    /// Fonts and the like, its own or those of the nodes above it.
    pub resources: Option<Rc<Resolved>>,
}

/// The pages of the newest revision.
pub(super) fn pages(file: &File<'_>) -> Result<Vec<Page>, PdfError> {
    let wrong = PdfError::Structure("/Pages");
    let newest = file.newest();
    let catalog = file.catalog(newest)?;
    let root = catalog.as_dictionary().and_then(|catalog| entry(catalog, "Pages")).cloned();
    let mut open = vec![(root.ok_or(wrong)?, None::<Rc<Resolved>>)];
    let mut seen = HashSet::new();
    let mut found = Vec::new();
    while let Some((node, above)) = open.pop() {
        let id = node.as_reference().ok_or(wrong)?;
        if !seen.insert(id) {
            return Err(wrong);
        }
        let node = file.resolved(newest, &node)?;
        let dictionary = node.as_dictionary().ok_or(wrong)?;
        let resources = look(file, dictionary, "Resources")?.map(Rc::new).or(above);
        if let Some(kids) = look(file, dictionary, "Kids")? {
            let kids = kids.as_array().ok_or(wrong)?;
            file.budget.values(kids.len())?;
            open.extend(kids.iter().rev().map(|kid| (kid.clone(), resources.clone())));
            continue;
        }
        if found.len() >= MOST {
            return Err(PdfError::Limit);
        }
        found.push(Page { node: node.clone(), resources });
    }
    Ok(found)
}

impl Page {
    /// Its content, in one piece: operators may begin in one stream and end in the next, words may not.
    pub fn content(&self, file: &File<'_>) -> Result<Vec<u8>, PdfError> {
        let wrong = PdfError::Structure("/Contents");
        let dictionary = self.node.as_dictionary().ok_or(wrong)?;
        let Some(contents) = look(file, dictionary, "Contents")? else { return Ok(Vec::new()) };
        match &*contents {
            Value::Stream(stream) => file.decoded(stream),
            Value::Array(parts) => {
                let mut whole = Vec::new();
                for part in parts {
                    let part = file.resolved(file.newest(), part)?;
                    whole.extend(file.decoded(part.as_stream().ok_or(wrong)?)?);
                    whole.push(b'\n');
                }
                Ok(whole)
            }
            _ => Err(wrong),
        }
    }
}
