//! Carries one letter over: its pages, its structure, its bookmarks, its named destinations.
//!
//! Writes the letter's objects and says what the print file has to know of them. It keeps nothing of other letters.

use super::PrintFileError::{self, Malformed, Unsupported};
use super::bookmarks::{Bookmark, own_bookmarks};
use super::copy::Copier;
use super::front::text;
use super::letter::{Letter, Pair};
use super::objects::{Objects, push_number, push_reference};
use super::scan::{Scanner, Token, array, decode, integer, reference};
use super::tree::{self, Node, Pages};

/// A role and the standard type that it stands for, as written.
pub type Role = (Vec<u8>, Vec<u8>);

/// What a letter is for the print file.
pub struct Place<'a> {
    /// The letter's number, from 1.
    pub number: usize,
    /// The one element at the top of the structure.
    pub document: u32,
    /// The first free key of the parent tree.
    pub first_parent: usize,
    pub bookmark: &'a str,
    pub two_sided: bool,
}

/// What the print file has to know of a letter.
pub struct Carried {
    /// The letter's element in the structure.
    pub part: u32,
    pub parents: Option<Node<u32>>,
    pub next_parent: usize,
    pub ids: Option<Node<String>>,
    pub destinations: Option<Node<String>>,
    pub roles: Vec<Role>,
    pub intents: u32,
    pub bookmark: Bookmark,
    /// Without the empty one.
    pub pages: usize,
    pub blank_after: bool,
}

/// Carries a letter over.
pub fn carry(
    letter: &Letter,
    place: &Place,
    objects: &mut Objects,
    pages: &mut Pages,
) -> Result<Carried, PrintFileError> {
    let parents = letter.tree(letter.structure.need("ParentTree")?, "Nums")?;
    let keys = place.first_parent..place.first_parent.saturating_add(parent_keys(letter, &parents));
    let next_parent = keys.end;
    let copier = &mut Copier::new(letter, objects, keys, format!("{:08}.", place.number));
    copier.stand_for(letter.structure_number, place.document)?;
    let number = copier.objects.number()?;
    if let Some(outlines) = letter.catalog.get("Outlines") {
        copier.stand_for(reference(outlines).ok_or(Malformed("the bookmarks have no root"))?, number)?;
    }
    let (root, part) = begin_part(letter, copier)?;
    let sheets = Sheets::carry(letter, copier, pages, place.two_sided)?;
    let intents = output_intents(letter, copier)?;
    end_part(letter, copier, root, part, place)?;
    copier.drain()?;
    let below = own_bookmarks(letter, copier)?;
    let parents = parent_leaf(&parents, copier)?;
    let ids = letter.structure.get("IDTree").map_or(Ok(None), |root| name_leaf(letter, root, copier))?;
    let destinations = named_destinations(letter, copier)?;
    copier.drain()?;
    Ok(Carried {
        part,
        parents,
        next_parent,
        ids,
        destinations,
        roles: roles(letter)?,
        intents,
        bookmark: Bookmark { number, title: text(place.bookmark), destination: sheets.destination, below },
        pages: letter.pages.len(),
        blank_after: sheets.blank_after,
    })
}

/// How many keys of the parent tree the letter takes.
fn parent_keys(letter: &Letter, parents: &[Pair]) -> usize {
    let next = letter.structure.get("ParentTreeNextKey").and_then(integer).unwrap_or_default();
    let last = parents.last().and_then(|(key, _)| integer(key));
    next.max(last.map_or(0, |last| last.saturating_add(1)))
}

/// A letter's pages in the print file.
struct Sheets {
    destination: Vec<u8>,
    blank_after: bool,
}

impl Sheets {
    fn carry(letter: &Letter, copier: &mut Copier, pages: &mut Pages, two_sided: bool) -> Result<Self, PrintFileError> {
        let mut numbers = Vec::with_capacity(letter.pages.len());
        for old in &letter.pages {
            let new = copier.objects.number()?;
            copier.stand_for(*old, new)?;
            numbers.push(new);
        }
        let mut boxes = Vec::with_capacity(numbers.len());
        for (old, new) in letter.pages.iter().zip(&numbers) {
            let page = letter.dict_of(*old)?;
            boxes.push(letter.resolve(page.need("MediaBox")?)?);
            let mut value = begin_page(*new, copier.objects, pages)?;
            copier.entries(&page, &["Type", "Parent"], &mut value)?;
            value.extend_from_slice(b">>");
            copier.objects.pack(*new, &value);
        }
        let blank_after = two_sided && !numbers.len().is_multiple_of(2);
        if let Some(size) = boxes.last().filter(|_| blank_after) {
            let number = copier.objects.number()?;
            let mut value = begin_page(number, copier.objects, pages)?;
            value.extend_from_slice(b"/Resources<<>>/MediaBox");
            value.extend_from_slice(size);
            value.extend_from_slice(b">>");
            copier.objects.pack(number, &value);
        }
        let first = (numbers.first(), boxes.first());
        let (Some(page), Some(size)) = first else { return Err(Malformed("it has no pages")) };
        Ok(Sheets { destination: top_of(*page, size)?, blank_after })
    }
}

fn begin_page(number: u32, objects: &mut Objects, pages: &mut Pages) -> Result<Vec<u8>, PrintFileError> {
    let mut value = b"<</Type/Page/Parent ".to_vec();
    push_reference(&mut value, pages.push(number, objects)?);
    Ok(value)
}

/// A destination at the upper left corner that leaves the zoom as it is.
fn top_of(page: u32, size: &[u8]) -> Result<Vec<u8>, PrintFileError> {
    let [left, _, _, top] = array(size)?[..] else { return Err(Malformed("a page has no size")) };
    let mut value = b"[".to_vec();
    push_reference(&mut value, page);
    value.extend_from_slice(b"/XYZ ");
    value.extend_from_slice(left);
    value.push(b' ');
    value.extend_from_slice(top);
    value.extend_from_slice(b" null]");
    Ok(value)
}

/// Finds the letter's root element, and gives it a number.
fn begin_part(letter: &Letter, copier: &mut Copier) -> Result<(u32, u32), PrintFileError> {
    let kids = letter.resolve(letter.structure.need("K")?)?;
    let kids = if kids.starts_with(b"[") { array(kids)? } else { vec![letter.structure.need("K")?] };
    let [root] = kids[..] else { return Err(Unsupported("a structure with several roots")) };
    let root = reference(root).ok_or(Malformed("the structure has no root"))?;
    if !letter.dict_of(root)?.has_name("S", "Document") {
        return Err(Unsupported("a structure whose root is no document"));
    }
    let part = copier.objects.number()?;
    copier.stand_for(root, part)?;
    Ok((root, part))
}

/// Writes the root element as a part of the print file, in its own language.
///
/// A `Document` is the root of a whole structure tree, a `Part` a large division of it (ISO 32000-1, 14.8.4.2).
fn end_part(letter: &Letter, copier: &mut Copier, root: u32, part: u32, place: &Place) -> Result<(), PrintFileError> {
    let language = letter.resolve(letter.catalog.get("Lang").ok_or(Unsupported("no language"))?)?;
    if !matches!(Scanner::new(language).token(), Ok(Token::Text(_))) {
        return Err(Malformed("its language is not a string"));
    }
    let (document, title) = (place.document, text(place.bookmark));
    let mut value = format!("<</Type/StructElem/S/Part/P {document} 0 R/T{title}/Lang").into_bytes();
    value.extend_from_slice(language);
    copier.entries(&letter.dict_of(root)?, &["Type", "S", "P", "T", "Lang"], &mut value)?;
    value.extend_from_slice(b">>");
    copier.objects.pack(part, &value);
    Ok(())
}

/// The letter's part of the parent tree, which leads from contents to structure.
fn parent_leaf(parents: &[Pair], copier: &mut Copier) -> Result<Option<Node<u32>>, PrintFileError> {
    let mut pairs = Vec::new();
    let mut limits: Option<(u32, u32)> = None;
    for (key, value) in parents {
        let key = copier.parent_key(key)?;
        if limits.is_some_and(|(_, last)| key <= last) {
            return Err(UNSORTED);
        }
        limits = Some((limits.map_or(key, |(first, _)| first), key));
        push_number(&mut pairs, key);
        pairs.push(b' ');
        copier.copy(value, b"", false, &mut pairs)?;
        pairs.push(b' ');
    }
    let Some((first, last)) = limits else { return Ok(None) };
    tree::leaf("Nums", first, last, &pairs, copier.objects).map(Some)
}

/// The letter's part of a name tree. The letter's number before each name keeps names apart, and in order.
fn name_leaf(letter: &Letter, root: &[u8], copier: &mut Copier) -> Result<Option<Node<String>>, PrintFileError> {
    let mut pairs = Vec::new();
    let mut limits: Option<(Vec<u8>, Vec<u8>)> = None;
    for (key, value) in letter.tree(root, "Names")? {
        let name = decode(key);
        if limits.as_ref().is_some_and(|(_, last)| name <= *last) {
            return Err(UNSORTED);
        }
        limits = Some((limits.map_or_else(|| name.clone(), |(first, _)| first), name));
        copier.prefixed(key, &mut pairs);
        pairs.push(b' ');
        copier.copy(value, b"", false, &mut pairs)?;
    }
    let Some((first, last)) = limits else { return Ok(None) };
    tree::leaf("Names", copier.name(&first), copier.name(&last), &pairs, copier.objects).map(Some)
}

fn named_destinations(letter: &Letter, copier: &mut Copier) -> Result<Option<Node<String>>, PrintFileError> {
    let Some(names) = letter.catalog.get("Names") else { return Ok(None) };
    let names = letter.dict(names)?;
    if !names.has_only(&["Dests"]) {
        return Err(Unsupported("attachments or scripts"));
    }
    names.get("Dests").map_or(Ok(None), |root| name_leaf(letter, root, copier))
}

/// The colours that the letter means, which all letters have to share.
fn output_intents(letter: &Letter, copier: &mut Copier) -> Result<u32, PrintFileError> {
    let intents = letter.catalog.get("OutputIntents").ok_or(Unsupported("no output intent"))?;
    let mut value = Vec::new();
    copier.copy(letter.resolve(intents)?, b"", true, &mut value)?;
    copier.objects.share(&value, None)
}

fn roles(letter: &Letter) -> Result<Vec<Role>, PrintFileError> {
    let Some(map) = letter.structure.get("RoleMap") else { return Ok(Vec::new()) };
    Ok(letter.dict(map)?.entries().map(|(role, standard)| (role.to_vec(), standard.to_vec())).collect())
}

impl Carried {
    /// Pages with the empty one.
    pub fn sheets(&self) -> usize {
        self.pages + usize::from(self.blank_after)
    }
}

const UNSORTED: PrintFileError = Malformed("the keys of a tree are not in order");
