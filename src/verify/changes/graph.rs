//! From where the objects of a revision can be reached, and what else they are used for. An object that is used twice may look harmless
//! from one side only.

use std::collections::{HashMap, HashSet};

use super::super::pdf::{Dictionary, Entry, File, Id, PdfError, Span, Value};

/// One step from a value into it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Step {
    Key(Box<[u8]>),
    /// Into an array, wherever.
    Item,
}

impl Step {
    /// As how many values it counts, by the memory that it takes.
    fn weight(&self) -> usize {
        match self {
            Self::Key(key) => 1 + key.len() / 32,
            Self::Item => 1,
        }
    }
}

/// What holds a reference: the trailer or an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Holder {
    Trailer,
    Object(u32),
}

/// A place in a file: the way to it from the beginning of its object.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Place {
    pub holder: Holder,
    pub path: Vec<Step>,
}

impl Place {
    pub fn new(holder: Holder, path: &[&str]) -> Self {
        Self { holder, path: path.iter().map(|key| Step::Key(key.as_bytes().into())).collect() }
    }

    pub fn object(id: Id) -> Self {
        Self::new(Holder::Object(id.number), &[])
    }

    pub fn key(&self, key: &str) -> Self {
        self.then(Step::Key(key.as_bytes().into()))
    }

    pub fn item(&self) -> Self {
        self.then(Step::Item)
    }

    fn then(&self, step: Step) -> Self {
        let mut path = self.path.clone();
        path.push(step);
        Self { holder: self.holder, path }
    }
}

/// What a signature is over: all up to `end` but for `hole`, which is in the object `owner`.
pub(in crate::verify) struct Signed<'a> {
    pub end: usize,
    pub hole: &'a Span,
    pub owner: u32,
}

impl Signed<'_> {
    /// Whether an object reaches into bytes that nobody signed. One that begins before the end may go on behind it: its head stands in the last
    /// lines of the revision, and whoever appends something writes the rest.
    fn is_left_by(&self, number: u32, extent: &Span) -> bool {
        extent.end > self.end || number != self.owner && extent.start < self.hole.end && extent.end > self.hole.start
    }
}

/// What can be reached from the trailer of a revision.
#[derive(Debug, Default)]
pub(in crate::verify) struct Graph {
    /// The places where the objects asked for are used.
    pub(super) uses: HashMap<u32, Vec<Place>>,
    /// An object reaches into bytes that are not its own.
    pub has_intruder: bool,
    /// An object can not be read. Nobody sees it, but what it was is not known either.
    pub has_unreadable: bool,
    reached: HashSet<u32>,
}

impl Graph {
    /// Walks a revision. Remembers the uses of the objects in `interesting`, and whether one reaches beyond what is signed.
    pub fn walk(
        file: &File<'_>,
        revision: usize,
        interesting: &HashSet<u32>,
        signed: &Signed<'_>,
    ) -> Result<Self, PdfError> {
        let mut graph = Self::default();
        let mut open = Vec::new();
        graph.uses_in(file, Holder::Trailer, trailer(file, revision)?, interesting, &mut open)?;
        while let Some(id) = open.pop() {
            let object = match file.object(revision, id) {
                Ok(Some(object)) => object,
                Ok(None) => continue,
                Err(PdfError::Limit) => return Err(PdfError::Limit),
                Err(_) => {
                    graph.has_unreadable = true;
                    continue;
                }
            };
            graph.has_intruder |= signed.is_left_by(id.number, &object.extent);
            // Nothing refers to an object stream, and yet what is in it depends on it and on its length.
            if let Some((_, Entry::In { container, .. })) = file.place(revision, id.number)
                && graph.reached.insert(container)
            {
                open.push(Id { number: container, generation: 0 });
            }
            graph.value(file, Holder::Object(id.number), &object.value, interesting, &mut open)?;
        }
        Ok(graph)
    }

    fn value(
        &mut self,
        file: &File<'_>,
        holder: Holder,
        value: &Value,
        interesting: &HashSet<u32>,
        open: &mut Vec<Id>,
    ) -> Result<(), PdfError> {
        let mut visit = Visit { graph: self, file, holder, interesting, open, path: Vec::new() };
        visit.value(value)
    }

    fn uses_in(
        &mut self,
        file: &File<'_>,
        holder: Holder,
        dictionary: Dictionary,
        interesting: &HashSet<u32>,
        open: &mut Vec<Id>,
    ) -> Result<(), PdfError> {
        self.value(file, holder, &Value::Dictionary(dictionary), interesting, open)
    }
}

/// The entries of the trailer that lead to the document.
fn trailer(file: &File<'_>, revision: usize) -> Result<Dictionary, PdfError> {
    let mut trailer = file.trailer(revision)?.clone();
    trailer.retain(|key, _| [&b"Root"[..], b"Info"].contains(&&**key));
    Ok(trailer)
}

/// A walk through one object. Its depth is that of the parser.
struct Visit<'a, 'f> {
    graph: &'a mut Graph,
    file: &'a File<'f>,
    holder: Holder,
    interesting: &'a HashSet<u32>,
    open: &'a mut Vec<Id>,
    path: Vec<Step>,
}

impl Visit<'_, '_> {
    fn value(&mut self, value: &Value) -> Result<(), PdfError> {
        self.file.budget.steps(1)?;
        match value {
            Value::Reference(id) => self.reference(*id)?,
            Value::Array(values) => {
                self.path.push(Step::Item);
                for value in values {
                    self.value(value)?;
                }
                self.path.pop();
            }
            Value::Dictionary(entries) => self.dictionary(entries)?,
            Value::Stream(stream) => self.dictionary(&stream.dictionary)?,
            _ => {}
        }
        Ok(())
    }

    fn dictionary(&mut self, entries: &Dictionary) -> Result<(), PdfError> {
        for (key, value) in entries {
            // Most values are leaves, and their way is never asked for.
            if matches!(value, Value::Reference(_) | Value::Array(_) | Value::Dictionary(_)) {
                self.path.push(Step::Key(key.clone()));
                self.value(value)?;
                self.path.pop();
            }
        }
        Ok(())
    }

    fn reference(&mut self, id: Id) -> Result<(), PdfError> {
        if self.interesting.contains(&id.number) {
            // A way that is long, to one object over and over, is a cheap way to fill the memory.
            self.file.budget.values(1 + self.path.iter().map(Step::weight).sum::<usize>())?;
            let place = Place { holder: self.holder, path: self.path.clone() };
            self.graph.uses.entry(id.number).or_default().push(place);
        }
        if self.graph.reached.insert(id.number) {
            self.open.push(id);
        }
        Ok(())
    }
}
