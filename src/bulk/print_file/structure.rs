//! The structure tree of a print file above its letters, and the labels of its pages (ISO 32000-1, 14.7.2, 12.4.2).
//!
//! It knows letters only as elements that have a number.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::PrintFileError;
use super::carry::Carried;
use super::objects::Objects;
use super::tree::{self, FAN, Node, push_references};

/// The structure tree above the letters.
#[derive(Debug)]
pub struct Structure {
    root: u32,
    /// The one element at the top, of which each letter is a part.
    pub document: u32,
    parts: Vec<u32>,
    parents: Vec<Node<u32>>,
    /// The first free key of the parent tree.
    pub next_parent: usize,
    ids: Vec<Node<String>>,
    roles: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Structure {
    pub fn begin(objects: &mut Objects) -> Result<Self, PrintFileError> {
        Ok(Structure {
            root: objects.number()?,
            document: objects.number()?,
            parts: Vec::new(),
            parents: Vec::new(),
            next_parent: 0,
            ids: Vec::new(),
            roles: BTreeMap::new(),
        })
    }

    /// Whether the letter means something else by a role than the letters before it.
    pub fn contradicts(&self, carried: &Carried) -> bool {
        carried.roles.iter().any(|(role, standard)| self.roles.get(role).is_some_and(|known| known != standard))
    }

    /// Takes a letter in.
    pub fn push(&mut self, carried: &mut Carried) {
        self.parts.push(carried.part);
        self.next_parent = carried.next_parent;
        self.parents.extend(carried.parents.take());
        self.ids.extend(carried.ids.take());
        self.roles.extend(carried.roles.drain(..));
    }

    /// Writes what is above the letters, and returns the root.
    pub fn finish(self, objects: &mut Objects) -> Result<u32, PrintFileError> {
        let (root, document) = (self.root, self.document);
        let mut value = format!("<</Type/StructElem/S/Document/P {root} 0 R/K").into_bytes();
        push_references(&mut value, self.parts.iter().copied());
        value.extend_from_slice(b">>");
        objects.pack(document, &value);
        let mut value = format!("<</Type/StructTreeRoot/K[{document} 0 R]").into_bytes();
        if let Some(parents) = tree::finish(self.parents, objects)? {
            let next = self.next_parent;
            value.extend_from_slice(format!("/ParentTree {parents} 0 R/ParentTreeNextKey {next}").as_bytes());
        }
        if let Some(ids) = tree::finish(self.ids, objects)? {
            value.extend_from_slice(format!("/IDTree {ids} 0 R").as_bytes());
        }
        value.extend_from_slice(b"/RoleMap<<");
        for (role, standard) in &self.roles {
            value.push(b'/');
            value.extend_from_slice(role);
            value.extend_from_slice(standard);
        }
        value.extend_from_slice(b">>>>");
        objects.pack(root, &value);
        Ok(root)
    }
}

/// Writes the labels: `12-3` is the third page of the twelfth letter.
pub fn page_labels(first_pages: &[usize], objects: &mut Objects) -> Result<Option<u32>, PrintFileError> {
    let mut leaves = Vec::with_capacity(first_pages.len().div_ceil(FAN));
    let mut letter = 0;
    for pages in first_pages.chunks(FAN) {
        let mut pairs = String::new();
        for page in pages {
            letter += 1;
            // Writing to a string does not fail.
            let _ = write!(pairs, "{page}<</S/D/P({letter}-)>>");
        }
        let [first, ..] = *pages else { continue };
        let last = pages.last().copied().unwrap_or(first);
        leaves.push(tree::leaf("Nums", first, last, pairs.as_bytes(), objects)?);
    }
    tree::finish(leaves, objects)
}
