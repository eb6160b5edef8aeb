//! Opens a letter: its cross-reference table, its catalog, its pages, its objects.
//!
//! What a print file cannot carry over (forms, attachments, layers, changes saved on top) is refused here. Nothing of the
//! print file is known here.

use super::PrintFileError::{self, Malformed, Unsupported};
use super::scan::{Dict, Scanner, Token, array, integer, reference};

/// Deepest node within nodes of a tree.
const MAX_DEPTH: usize = 32;
/// Bytes of a line of a cross-reference table.
const ROW_BYTES: usize = 20;

/// A letter that is read where it stands.
pub struct Letter<'a> {
    bytes: &'a [u8],
    /// Where each object begins, by number; 0 for none.
    places: Vec<usize>,
    pub catalog: Dict<'a>,
    /// The root of its structure tree.
    pub structure: Dict<'a>,
    pub structure_number: u32,
    /// The numbers of its pages, in order.
    pub pages: Vec<u32>,
}

/// A key of a tree and what it leads to, as written.
pub type Pair<'a> = (&'a [u8], &'a [u8]);

/// What stands under a number.
pub struct Object<'a> {
    /// The value, for a stream its dictionary, as written.
    pub value: &'a [u8],
    /// The bytes of a stream, as written.
    pub data: Option<&'a [u8]>,
}

impl<'a> Letter<'a> {
    pub fn read(bytes: &'a [u8]) -> Result<Self, PrintFileError> {
        if !bytes.starts_with(b"%PDF-1.") {
            return Err(Malformed("it does not begin as PDF 1"));
        }
        if !bytes.trim_ascii_end().ends_with(b"%%EOF") {
            return Err(Malformed("it is cut off"));
        }
        let (places, trailer) = cross_references(bytes)?;
        let mut letter = Letter {
            bytes,
            places,
            catalog: Dict::default(),
            structure: Dict::default(),
            structure_number: 0,
            pages: Vec::new(),
        };
        letter.catalog = letter.dict(trailer.need("Root")?)?;
        check_catalog(&letter.catalog)?;
        let structure = letter.catalog.get("StructTreeRoot").ok_or(Unsupported("no structure tree"))?;
        letter.structure_number = reference(structure).ok_or(Malformed("the structure tree has no number"))?;
        letter.structure = letter.dict(structure)?;
        check_structure(&letter.structure)?;
        letter.pages = letter.find_pages()?;
        Ok(letter)
    }

    /// How many numbers there are, 0 among them.
    pub fn numbers(&self) -> usize {
        self.places.len()
    }

    pub fn object(&self, number: u32) -> Result<Object<'a>, PrintFileError> {
        let place = self.places.get(number as usize).copied().filter(|&place| place != 0);
        let mut scanner = Scanner::starting(self.bytes, place.ok_or(Malformed("an object is missing"))?);
        let found = (scanner.expect_integer()?, scanner.expect_integer()?);
        scanner.expect_word(b"obj")?;
        if found != (number as usize, 0) {
            return Err(Malformed("an object stands in the wrong place"));
        }
        let value = scanner.value()?;
        let end = scanner.at;
        let data = if scanner.expect_word(b"endobj").is_ok() { None } else { Some(self.data(value, end)?) };
        Ok(Object { value, data })
    }

    /// What a value says, or the object that it refers to.
    pub fn resolve(&self, value: &'a [u8]) -> Result<&'a [u8], PrintFileError> {
        reference(value).map_or(Ok(value), |number| Ok(self.object(number)?.value))
    }

    pub fn dict(&self, value: &'a [u8]) -> Result<Dict<'a>, PrintFileError> {
        Dict::read(self.resolve(value)?)
    }

    pub fn dict_of(&self, number: u32) -> Result<Dict<'a>, PrintFileError> {
        Dict::read(self.object(number)?.value)
    }

    /// The keys and values of a number tree (`Nums`) or a name tree (`Names`), in order (ISO 32000-1, 7.9.6 and 7.9.7).
    pub fn tree(&self, root: &'a [u8], leaf: &str) -> Result<Vec<Pair<'a>>, PrintFileError> {
        let mut entries = Vec::new();
        let mut seen = Seen::of(self);
        self.branch(root, leaf, &mut entries, &mut seen, 0)?;
        Ok(entries)
    }

    fn branch(
        &self,
        node: &'a [u8],
        leaf: &str,
        entries: &mut Vec<Pair<'a>>,
        seen: &mut Seen,
        depth: usize,
    ) -> Result<(), PrintFileError> {
        let node = self.dict(node)?;
        if let Some(values) = node.get(leaf) {
            let values = array(self.resolve(values)?)?;
            let (pairs, rest) = values.as_chunks();
            entries.extend(pairs.iter().map(|[key, value]| (*key, *value)));
            if !rest.is_empty() {
                return Err(Malformed("a tree has a key without a value"));
            }
        }
        let Some(kids) = node.get("Kids") else { return Ok(()) };
        for kid in array(self.resolve(kids)?)? {
            seen.once(kid, depth)?;
            self.branch(kid, leaf, entries, seen, depth + 1)?;
        }
        Ok(())
    }

    fn find_pages(&self) -> Result<Vec<u32>, PrintFileError> {
        let mut pages = Vec::new();
        let mut seen = Seen::of(self);
        self.pages_below(self.catalog.need("Pages")?, &mut pages, &mut seen, 0)?;
        if pages.is_empty() { Err(Malformed("it has no pages")) } else { Ok(pages) }
    }

    fn pages_below(
        &self,
        node: &'a [u8],
        pages: &mut Vec<u32>,
        seen: &mut Seen,
        depth: usize,
    ) -> Result<(), PrintFileError> {
        let number = seen.once(node, depth)?;
        let node = self.dict(node)?;
        if node.has_name("Type", "Page") {
            pages.push(number);
            return Ok(());
        }
        if !node.has_name("Type", "Pages") || !node.has_only(&["Type", "Parent", "Count", "Kids"]) {
            return Err(Unsupported("pages that take over what stands above them"));
        }
        for kid in array(self.resolve(node.need("Kids")?)?)? {
            self.pages_below(kid, pages, seen, depth + 1)?;
        }
        Ok(())
    }

    /// The bytes of a stream whose dictionary ends at `end`.
    fn data(&self, dict: &'a [u8], end: usize) -> Result<&'a [u8], PrintFileError> {
        let mut scanner = Scanner::starting(self.bytes, end);
        scanner.expect_word(b"stream")?;
        let rest = self.bytes.get(scanner.at..).unwrap_or_default();
        let rest = rest.strip_prefix(b"\r").unwrap_or(rest);
        let rest = rest.strip_prefix(b"\n").ok_or(Malformed("a stream does not begin on a new line"))?;
        let dict = Dict::read(dict)?;
        let length = integer(dict.need("Length")?).ok_or(Unsupported("a stream whose length stands elsewhere"))?;
        let (data, after) = rest.split_at_checked(length).ok_or(Malformed("a stream ends too soon"))?;
        Scanner::new(after).expect_word(b"endstream")?;
        Ok(data)
    }
}

/// What has been visited, so that no walk runs in a circle or meets a thing twice.
pub struct Seen(Vec<bool>);

impl Seen {
    pub fn of(letter: &Letter) -> Self {
        Seen(vec![false; letter.numbers()])
    }

    /// The number that is referred to, if it has not been met before.
    pub fn once(&mut self, value: &[u8], depth: usize) -> Result<u32, PrintFileError> {
        let number = reference(value).ok_or(Malformed("a node of a tree has no number"))?;
        let seen = self.0.get_mut(number as usize).ok_or(Malformed("an object is missing"))?;
        if std::mem::replace(seen, true) || depth > MAX_DEPTH {
            return Err(Malformed("a tree runs in a circle"));
        }
        Ok(number)
    }
}

/// The table at the end of the file (ISO 32000-1, 7.5.4) and its trailer.
fn cross_references(bytes: &[u8]) -> Result<(Vec<usize>, Dict<'_>), PrintFileError> {
    let tail = bytes.len().saturating_sub(64);
    let start = bytes[tail..].windows(9).rposition(|window| window == b"startxref");
    let start = start.ok_or(Malformed("it has no `startxref` at its end"))?;
    let mut scanner = Scanner::starting(bytes, tail + start);
    scanner.expect_word(b"startxref")?;
    let table = scanner.expect_integer()?;
    let mut scanner = Scanner::starting(bytes, table);
    if scanner.expect_word(b"xref").is_err() {
        return Err(Unsupported("no plain cross-reference table"));
    }
    let (first, count) = (scanner.expect_integer()?, scanner.expect_integer()?);
    if first != 0 || count > bytes.len() / ROW_BYTES {
        return Err(Malformed("the cross-reference table is wrong"));
    }
    let mut places = Vec::with_capacity(count);
    for _ in 0..count {
        let (place, _generation) = (scanner.expect_integer()?, scanner.expect_integer()?);
        let used = scanner.token()? == Token::Word(b"n");
        places.push(if used { place } else { 0 });
    }
    scanner.expect_word(b"trailer")?;
    let trailer = Dict::read(scanner.value()?)?;
    if !trailer.has_only(&["Size", "Root", "Info", "ID"]) {
        return Err(Unsupported("encryption or changes saved on top"));
    }
    Ok((places, trailer))
}

/// Anything else in a catalog speaks for the whole file and would be lost, or would speak for other letters.
fn check_catalog(catalog: &Dict) -> Result<(), PrintFileError> {
    const CARRIED: [&str; 8] =
        ["Type", "Pages", "Lang", "StructTreeRoot", "Outlines", "OutputIntents", "Names", "Metadata"];
    const REPLACED: [&str; 4] = ["MarkInfo", "ViewerPreferences", "PageMode", "PageLayout"];
    let known = [&CARRIED[..], &REPLACED[..]].concat();
    if !catalog.has_name("Type", "Catalog") {
        return Err(Malformed("it has no catalog"));
    }
    if catalog.has_only(&known) { Ok(()) } else { Err(Unsupported("a catalog with more than pages and structure")) }
}

fn check_structure(structure: &Dict) -> Result<(), PrintFileError> {
    let known = ["Type", "K", "ParentTree", "ParentTreeNextKey", "RoleMap", "IDTree"];
    if structure.has_only(&known) { Ok(()) } else { Err(Unsupported("a structure tree with classes or name spaces")) }
}
