//! Trees of a print file that are too long for one object: pages, number trees, name trees (ISO 32000-1, 7.7.3, 7.9.6,
//! 7.9.7).
//!
//! Lowest nodes are given; the nodes above are made at the end. What the trees are for is not known here.

use std::fmt::Display;

use super::PrintFileError;
use super::objects::{Objects, push_reference};

/// Kids of a node.
pub const FAN: usize = 64;

/// The nodes of the page tree that hold pages. Kept small: four bytes a page.
#[derive(Debug, Default)]
pub struct Pages {
    pages: Vec<u32>,
    /// A node for each [`FAN`] pages.
    nodes: Vec<u32>,
}

/// A state to return to.
#[derive(Debug, Clone, Copy)]
pub struct PagesMark(usize, usize);

impl Pages {
    pub fn count(&self) -> usize {
        self.pages.len()
    }

    /// Puts a page at the end, and returns what its `Parent` is.
    pub fn push(&mut self, page: u32, objects: &mut Objects) -> Result<u32, PrintFileError> {
        if self.pages.len().is_multiple_of(FAN) {
            self.nodes.push(objects.number()?);
        }
        self.pages.push(page);
        Ok(self.nodes.last().copied().unwrap_or_default())
    }

    pub fn mark(&self) -> PagesMark {
        PagesMark(self.pages.len(), self.nodes.len())
    }

    pub fn back_to(&mut self, mark: PagesMark) {
        self.pages.truncate(mark.0);
        self.nodes.truncate(mark.1);
    }

    /// Writes the tree from the leaves to the root, which is returned.
    pub fn finish(self, objects: &mut Objects) -> Result<u32, PrintFileError> {
        let kids = self.pages.iter().map(|page| (*page, 1)).collect::<Vec<_>>();
        let mut nodes = self.nodes;
        let mut level = kids;
        loop {
            let above = if nodes.len() > 1 { numbers(nodes.len().div_ceil(FAN), objects)? } else { Vec::new() };
            let mut next = Vec::with_capacity(nodes.len());
            for (index, (kids, node)) in level.chunks(FAN).zip(&nodes).enumerate() {
                let count = kids.iter().map(|(_, count)| count).sum::<usize>();
                let mut value = format!("<</Type/Pages/Count {count}").into_bytes();
                if let Some(parent) = above.get(index / FAN) {
                    value.extend_from_slice(b"/Parent ");
                    push_reference(&mut value, *parent);
                }
                value.extend_from_slice(b"/Kids");
                push_references(&mut value, kids.iter().map(|(kid, _)| *kid));
                value.extend_from_slice(b">>");
                objects.pack(*node, &value);
                next.push((*node, count));
            }
            match next[..] {
                [(root, _)] => return Ok(root),
                [] => return Err(PrintFileError::Empty),
                _ => (level, nodes) = (next, above),
            }
        }
    }
}

/// A node of a number or name tree, with its first and last key as PDF writes them.
#[derive(Debug, Clone)]
pub struct Node<K> {
    pub number: u32,
    pub first: K,
    pub last: K,
}

/// Writes a leaf of a number tree (`Nums`) or a name tree (`Names`), whose pairs are ready for writing.
pub fn leaf<K: Display>(
    kind: &str,
    first: K,
    last: K,
    pairs: &[u8],
    objects: &mut Objects,
) -> Result<Node<K>, PrintFileError> {
    let mut value = format!("<</Limits[{first} {last}]/{kind}[").into_bytes();
    value.extend_from_slice(pairs);
    value.extend_from_slice(b"]>>");
    Ok(Node { number: objects.add(&value, None)?, first, last })
}

/// Writes the nodes above the leaves, and returns the root, or nothing for no leaves.
pub fn finish<K: Display + Clone>(
    mut level: Vec<Node<K>>,
    objects: &mut Objects,
) -> Result<Option<u32>, PrintFileError> {
    while level.len() > FAN {
        let nodes = level.chunks(FAN).map(|kids| branch(kids, objects));
        level = nodes.collect::<Result<_, _>>()?;
    }
    if level.is_empty() {
        return Ok(None);
    }
    // A root has no limits.
    let mut root = b"<</Kids".to_vec();
    push_references(&mut root, level.iter().map(|node| node.number));
    root.extend_from_slice(b">>");
    objects.add(&root, None).map(Some)
}

fn branch<K: Display + Clone>(kids: &[Node<K>], objects: &mut Objects) -> Result<Node<K>, PrintFileError> {
    let [first, ..] = kids else { return Err(PrintFileError::Empty) };
    let last = kids.last().unwrap_or(first);
    let mut value = format!("<</Limits[{} {}]/Kids", first.first, last.last).into_bytes();
    push_references(&mut value, kids.iter().map(|node| node.number));
    value.extend_from_slice(b">>");
    Ok(Node { number: objects.add(&value, None)?, first: first.first.clone(), last: last.last.clone() })
}

/// Appends an array of references.
pub fn push_references(out: &mut Vec<u8>, numbers: impl Iterator<Item = u32>) {
    out.push(b'[');
    for (index, number) in numbers.enumerate() {
        if index > 0 {
            out.push(b' ');
        }
        push_reference(out, number);
    }
    out.push(b']');
}

fn numbers(count: usize, objects: &mut Objects) -> Result<Vec<u32>, PrintFileError> {
    (0..count).map(|_| objects.number()).collect()
}
