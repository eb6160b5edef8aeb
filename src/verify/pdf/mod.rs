//! Reads a PDF as whoever signed it meant it: every revision by itself, nothing repaired, never more work than is allowed.
//!
//! A library that makes one document of all revisions can not be used here: what was signed is an old revision, and what happened
//! after it is the question.

mod filter;
mod parse;
mod text;
mod value;
mod xref;

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::rc::Rc;

use parse::BYTES_A_STEP;
pub(super) use parse::{Budget, Parser, PdfError, Span, is_space, nibble};
pub(super) use text::{date, text};
pub(super) use value::{Dictionary, Id, Stream, Value, entry};
pub(super) use xref::{Entry, Section};

/// How many steps a look-up may lead from one object to the next.
const LONGEST_WAY: usize = 8;

/// An indirect object as it stands in the file.
#[derive(Debug)]
pub(super) struct Object {
    pub id: Id,
    pub value: Value,
    /// From its number to after its `endobj`; for one in an object stream, those of the stream.
    pub extent: Span,
}

/// An object stream, unpacked.
struct Container {
    plain: Vec<u8>,
    /// Number and first byte of each object.
    index: Vec<(u32, usize)>,
    extent: Span,
}

/// A file with all its revisions.
pub(super) struct File<'a> {
    pub bytes: &'a [u8],
    /// The sections, the oldest first. What came with one and those before it is a revision.
    pub sections: Vec<Section>,
    /// The byte after the last `%%EOF`.
    pub end: usize,
    pub budget: &'a Budget,
    places: HashMap<u32, Vec<(usize, Entry)>>,
    /// By first byte and, for those in object streams, place.
    objects: RefCell<HashMap<(usize, usize), Rc<Object>>>,
    containers: RefCell<HashMap<usize, Rc<Container>>>,
}

impl<'a> File<'a> {
    pub fn open(bytes: &'a [u8], budget: &'a Budget) -> Result<Self, PdfError> {
        let (sections, end) = xref::sections(bytes, budget)?;
        let mut places = HashMap::<u32, Vec<_>>::new();
        for (revision, section) in sections.iter().enumerate() {
            for (number, entry) in &section.entries {
                places.entry(*number).or_default().push((revision, *entry));
            }
        }
        let (objects, containers) = Default::default();
        Ok(Self { bytes, sections, end, budget, places, objects, containers })
    }

    /// Whether something other than empty lines follows the last `%%EOF`.
    pub fn has_trailing_bytes(&self) -> bool {
        !self.bytes.get(self.end..).unwrap_or_default().iter().all(|byte| is_space(*byte))
    }

    /// Index of the newest revision.
    pub fn newest(&self) -> usize {
        self.sections.len().saturating_sub(1)
    }

    /// The trailer of a revision.
    pub fn trailer(&self, revision: usize) -> Result<&Dictionary, PdfError> {
        self.sections.get(revision).map(|section| &section.trailer).ok_or(PdfError::Structure("trailer"))
    }

    /// Where an object is in a revision, and with which revision it came there.
    pub fn place(&self, revision: usize, number: u32) -> Option<(usize, Entry)> {
        let places = self.places.get(&number)?;
        let later = places.partition_point(|(since, _)| *since <= revision);
        places.get(later.checked_sub(1)?).copied()
    }

    /// How many numbers of objects there are in a revision, from 0 to the largest.
    pub fn objects_until(&self, revision: usize) -> usize {
        let sections = self.sections.iter().take(revision + 1);
        let largest = sections.filter_map(|section| section.entries.last_key_value().map(|(number, _)| *number)).max();
        largest.map_or(0, |largest| usize::try_from(largest).unwrap_or(usize::MAX).saturating_add(1))
    }

    /// Whether an object is there in a revision.
    pub fn has(&self, revision: usize, number: u32) -> bool {
        !matches!(self.place(revision, number), None | Some((_, Entry::Free)))
    }

    /// An object in a revision; nothing where a reference leads nowhere.
    pub fn object(&self, revision: usize, id: Id) -> Result<Option<Rc<Object>>, PdfError> {
        self.look_up(revision, id, LONGEST_WAY)
    }

    fn look_up(&self, revision: usize, id: Id, way: usize) -> Result<Option<Rc<Object>>, PdfError> {
        let way = way.checked_sub(1).ok_or(PdfError::Limit)?;
        match self.place(revision, id.number) {
            Some((_, Entry::At { offset, generation })) if generation == id.generation => {
                self.object_at(revision, id, offset, way).map(Some)
            }
            Some((_, Entry::In { container, index })) if id.generation == 0 => {
                self.object_in(revision, id, container, index, way).map(Some)
            }
            _ => Ok(None),
        }
    }

    fn object_at(&self, revision: usize, id: Id, offset: usize, way: usize) -> Result<Rc<Object>, PdfError> {
        if let Some(known) = self.objects.borrow().get(&(offset, usize::MAX)) {
            // Another number may have been given the same place.
            return if known.id == id { Ok(Rc::clone(known)) } else { Err(PdfError::Syntax(offset)) };
        }
        // Objects that can not be read are read anew each time, and have to be paid for as well.
        self.budget.values(1)?;
        let mut parser = Parser::new(self.bytes, offset, self.budget);
        if parser.header()? != id {
            return Err(PdfError::Syntax(offset));
        }
        let mut value = parser.value()?;
        parser.skip_space();
        let mut end = parser.at;
        if parser.keyword("endobj").is_ok() {
            end = parser.at;
        } else if let Value::Dictionary(dictionary) = value {
            let length = self.length(revision, &dictionary, way)?;
            let start;
            (start, end) = xref::stream_bytes(self.bytes, &mut parser, length)?;
            value = Value::Stream(Stream { dictionary, start, length });
        } else {
            return Err(PdfError::Syntax(end));
        }
        let object = Rc::new(Object { id, value, extent: offset..end });
        self.objects.borrow_mut().insert((offset, usize::MAX), Rc::clone(&object));
        Ok(object)
    }

    fn length(&self, revision: usize, dictionary: &Dictionary, way: usize) -> Result<usize, PdfError> {
        let length = match entry(dictionary, "Length") {
            Some(Value::Reference(id)) => self.look_up(revision, *id, way)?.and_then(|object| object.value.as_index()),
            Some(direct) => direct.as_index(),
            None => None,
        };
        length.ok_or(PdfError::Structure("/Length"))
    }

    fn object_in(
        &self,
        revision: usize,
        id: Id,
        container: u32,
        index: usize,
        way: usize,
    ) -> Result<Rc<Object>, PdfError> {
        let Some((_, Entry::At { offset, generation: 0 })) = self.place(revision, container) else {
            return Err(PdfError::Structure("/ObjStm"));
        };
        if let Some(known) = self.objects.borrow().get(&(offset, index)) {
            return if known.id == id { Ok(Rc::clone(known)) } else { Err(PdfError::Structure("/ObjStm")) };
        }
        let container = self.container(revision, Id { number: container, generation: 0 }, offset, way)?;
        let at = match container.index.get(index) {
            Some((number, at)) if *number == id.number => *at,
            _ => return Err(PdfError::Structure("/ObjStm")),
        };
        let value = Parser::new(&container.plain, at, self.budget).value()?;
        let object = Rc::new(Object { id, value, extent: container.extent.clone() });
        self.objects.borrow_mut().insert((offset, index), Rc::clone(&object));
        Ok(object)
    }

    fn container(&self, revision: usize, id: Id, offset: usize, way: usize) -> Result<Rc<Container>, PdfError> {
        if let Some(known) = self.containers.borrow().get(&offset) {
            return Ok(Rc::clone(known));
        }
        let object = self.object_at(revision, id, offset, way)?;
        let stream = object.value.as_stream().ok_or(PdfError::Structure("/ObjStm"))?;
        if entry(&stream.dictionary, "Type").and_then(Value::as_name) != Some(b"ObjStm") {
            return Err(PdfError::Structure("/ObjStm"));
        }
        let number =
            |key| entry(&stream.dictionary, key).and_then(Value::as_index).ok_or(PdfError::Structure("/ObjStm"));
        let (count, first) = (number("N")?, number("First")?);
        let plain = self.decoded(stream)?;
        let mut parser = Parser::new(&plain, 0, self.budget);
        let mut index = Vec::new();
        let mut seen = HashSet::new();
        for _ in 0..count {
            self.budget.values(1)?;
            parser.skip_space();
            let number = u32::try_from(parser.natural()?).map_err(|_| PdfError::Structure("/ObjStm"))?;
            // Some readers look for the number and some for the place.
            if !seen.insert(number) {
                return Err(PdfError::Structure("/ObjStm"));
            }
            parser.skip_space();
            index.push((number, first.saturating_add(parser.natural()?)));
        }
        let container = Rc::new(Container { plain, index, extent: object.extent.clone() });
        self.containers.borrow_mut().insert(offset, Rc::clone(&container));
        Ok(container)
    }

    /// The bytes of a stream as they stand.
    pub fn raw(&self, stream: &Stream) -> &'a [u8] {
        self.bytes.get(stream.start..stream.start.saturating_add(stream.length)).unwrap_or_default()
    }

    /// The bytes of a stream without its filter.
    pub fn decoded(&self, stream: &Stream) -> Result<Vec<u8>, PdfError> {
        filter::decode(&stream.dictionary, self.raw(stream), self.budget)
    }

    /// A value, or what it leads to.
    pub fn resolved(&self, revision: usize, value: &Value) -> Result<Resolved, PdfError> {
        match value {
            Value::Reference(id) => Ok(match self.object(revision, *id)? {
                // A reference that leads to a reference is not a thing (7.3.10).
                Some(object) if object.value.as_reference().is_some() => return Err(PdfError::Structure("obj")),
                Some(object) => Resolved { id: Some(*id), object: Some(object), direct: Value::Null },
                None => Resolved { id: Some(*id), object: None, direct: Value::Null },
            }),
            direct => Ok(Resolved { id: None, object: None, direct: direct.clone() }),
        }
    }

    /// What a key of a dictionary leads to; `null` is as good as nothing (7.3.7).
    pub fn get(&self, revision: usize, dictionary: &Dictionary, key: &str) -> Result<Option<Resolved>, PdfError> {
        let Some(value) = entry(dictionary, key) else { return Ok(None) };
        Ok(Some(self.resolved(revision, value)?).filter(|resolved| **resolved != Value::Null))
    }

    /// The catalog of a revision.
    pub fn catalog(&self, revision: usize) -> Result<Resolved, PdfError> {
        let catalog = self.get(revision, self.trailer(revision)?, "Root")?;
        catalog.filter(|catalog| catalog.as_dictionary().is_some()).ok_or(PdfError::Structure("/Root"))
    }

    /// The numbers of all objects that came or went with the revisions after `old` up to `new`, with their last place.
    pub fn touched(&self, old: usize, new: usize) -> Result<BTreeMap<u32, Entry>, PdfError> {
        let later = || self.sections.iter().take(new + 1).skip(old + 1);
        self.budget.steps(later().map(|section| section.entries.len()).sum())?;
        Ok(later().flat_map(|section| section.entries.iter().map(|(number, entry)| (*number, *entry))).collect())
    }

    /// Pays for a comparison of a value, by its size.
    pub fn weigh(&self, value: &Value) -> Result<(), PdfError> {
        self.budget.steps(1)?;
        let mut entries = match value {
            Value::Array(values) => return values.iter().try_for_each(|value| self.weigh(value)),
            Value::Dictionary(entries) => entries.values(),
            Value::Stream(stream) => {
                self.budget.steps(stream.length / BYTES_A_STEP)?;
                stream.dictionary.values()
            }
            _ => return Ok(()),
        };
        entries.try_for_each(|value| self.weigh(value))
    }

    /// Pays for a digest over a part of the file.
    pub fn weigh_bytes(&self, count: usize) -> Result<(), PdfError> {
        self.budget.steps(count / BYTES_A_STEP)
    }
}

/// A value, and the object that it came from.
#[derive(Debug, Clone)]
pub(super) struct Resolved {
    pub id: Option<Id>,
    object: Option<Rc<Object>>,
    direct: Value,
}

impl std::ops::Deref for Resolved {
    type Target = Value;

    fn deref(&self) -> &Value {
        self.object.as_ref().map_or(&self.direct, |object| &object.value)
    }
}
