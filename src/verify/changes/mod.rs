//! What was changed after a signature, and whether that may be.
//!
//! A revision after the signed one is good when each object that it replaces is accounted for by a rule *at every place where the signed
//! revision uses it*. So nothing has to be known about attacks: what no rule speaks of is forbidden. The rules are those of pyHanko's
//! default policy (Mladenov, Mainka et al., «1 Trillion Dollar Refund», 2019, and «Shadow Attacks», 2021, tell why they are needed), in
//! places tighter: see `docs/verification.md`. Each later revision is compared by itself, since the last one might hide what an earlier did.

mod catalog;
mod form;
mod graph;
mod metadata;
mod page;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{BuildHasher, Hasher, RandomState};

use super::pdf::{Dictionary, Entry, File, PdfError, Resolved, Value, entry, is_space};
use super::report::{Change, ChangeCode};
pub(super) use form::{Field, fields};
use graph::Place;
pub(super) use graph::{Graph, Signed};

/// Most changes that a report lists for one signature.
const MOST: usize = 64;

/// How far a change goes, by what DocMDP (ISO 32000-2, 12.8.2.2) asks about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reach {
    /// Keeps signatures provable; good under every permission.
    Maintenance,
    /// Fills in forms, or signs.
    Filling,
}

/// What a signature allows after it.
#[derive(Debug, Clone, Default)]
pub(super) struct Permissions {
    /// 1 to 3, from DocMDP or the lock of the field.
    pub document: Option<u8>,
    pub fields: Option<LockedFields>,
}

/// Fields that a signature locks (ISO 32000-2, 12.8.2.4).
#[derive(Debug, Clone)]
pub(super) enum LockedFields {
    All,
    Only(Names),
    AllBut(Names),
}

impl LockedFields {
    fn locks(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(names) => names.have(name),
            Self::AllBut(names) => !names.have(name),
        }
    }
}

/// Names of fields, each for all that is under it, too. They are found in one pass over a name, however many there are and
/// however many parts it has: a file may list half a million beside ten thousand fields.
#[derive(Debug, Clone, Default)]
pub(super) struct Names {
    all: HashSet<String>,
    /// Of each name, made part by part.
    hashes: HashSet<u64>,
    state: RandomState,
}

impl Names {
    fn have(&self, name: &str) -> bool {
        self.above(name).any(|(above, hash)| self.hashes.contains(&hash) && self.all.contains(above))
    }

    /// A name with those above it, from the top on, and their hashes.
    fn above<'a>(&self, name: &'a str) -> impl Iterator<Item = (&'a str, u64)> {
        let ends = name.match_indices('.').map(|(at, _)| at).chain([name.len()]);
        ends.scan((0, self.state.build_hasher()), move |(from, hasher), end| {
            hasher.write(&name.as_bytes()[*from..end]);
            *from = end;
            Some((&name[..end], hasher.finish()))
        })
    }
}

impl FromIterator<String> for Names {
    fn from_iter<T: IntoIterator<Item = String>>(names: T) -> Self {
        let mut own = Self { all: names.into_iter().collect(), ..Self::default() };
        own.hashes = own.all.iter().filter_map(|name| own.above(name).last()).map(|(_, hash)| hash).collect();
        own
    }
}

/// Lists what happened after `signed`, which ends at the byte `end` and whose objects are used as `graph` says.
pub(super) fn after(
    file: &File<'_>,
    signed: usize,
    end: usize,
    graph: &Graph,
    permissions: &Permissions,
) -> Result<Vec<Change>, PdfError> {
    let mut changes = Vec::new();
    if signed < file.newest() && has_stray(file, signed, end)? {
        let (code, revision) = (ChangeCode::StrayObject, file.newest() + 1);
        changes.push(Change { code, allowed: false, field: None, object: None, revision });
    }
    for later in signed + 1..=file.newest() {
        let mut comparison = Comparison::new(file, signed, later, graph, permissions)?;
        // What can not be read is not what was signed; but a limit says nothing about the file.
        match comparison.run() {
            Ok(()) if !graph.has_unreadable => {}
            Err(PdfError::Limit) => return Err(PdfError::Limit),
            Ok(()) | Err(_) => comparison.forbid(ChangeCode::Unreadable, None),
        }
        for change in comparison.changes {
            let known = |known: &Change| {
                (known.code, &known.field, known.allowed) == (change.code, &change.field, change.allowed)
            };
            if !changes.iter().any(known) && (changes.len() < MOST || !change.allowed && changes.len() < 2 * MOST) {
                changes.push(change);
            }
        }
    }
    Ok(changes)
}

/// Whether an object stands behind a revision that no table leads to. A reader that stumbles over something looks for objects by itself, and takes
/// the last one of each number. What looks like one in a stream is found by such a reader as well.
fn has_stray(file: &File<'_>, signed: usize, end: usize) -> Result<bool, PdfError> {
    let added = file.bytes.get(end..).unwrap_or_default();
    file.weigh_bytes(8 * added.len())?;
    let mut known = HashSet::new();
    for section in file.sections.iter().skip(signed + 1) {
        file.budget.steps(section.entries.len())?;
        known.insert(section.start);
        known.extend(section.entries.values().filter_map(|entry| match entry {
            Entry::At { offset, .. } => Some(*offset),
            _ => None,
        }));
    }
    let found = added.windows(3).enumerate().filter(|(_, word)| **word == *b"obj");
    Ok(found.filter_map(|(at, _)| head(added.get(..at)?)).any(|at| !known.contains(&(end + at))))
}

/// Where the two numbers begin that stand at the end of some bytes, if they do.
fn head(bytes: &[u8]) -> Option<usize> {
    let mut rest = bytes;
    for _ in 0..2 {
        let spaces = rest.iter().rev().take_while(|byte| is_space(**byte)).count();
        let trimmed = rest.get(..rest.len() - spaces)?;
        let digits = trimmed.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
        if digits == 0 || spaces == 0 {
            return None;
        }
        rest = trimmed.get(..trimmed.len() - digits)?;
    }
    Some(rest.len())
}

/// An object of the signed revision that a later one has changed.
struct Replaced {
    /// The uses that no rule has accounted for.
    uses: Vec<Place>,
    approved: bool,
}

/// Two revisions beside each other.
struct Comparison<'a, 'f> {
    file: &'a File<'f>,
    old: usize,
    new: usize,
    permissions: &'a Permissions,
    /// Numbers below this could have been used by the signed revision.
    size: u32,
    replaced: BTreeMap<u32, Replaced>,
    changes: Vec<Change>,
}

impl<'a, 'f> Comparison<'a, 'f> {
    fn new(
        file: &'a File<'f>,
        old: usize,
        new: usize,
        graph: &Graph,
        permissions: &'a Permissions,
    ) -> Result<Self, PdfError> {
        let size =
            entry(file.trailer(old)?, "Size").and_then(Value::as_index).and_then(|size| u32::try_from(size).ok());
        let size = size.ok_or(PdfError::Structure("/Size"))?;
        let mut comparison = Self { file, old, new, permissions, size, replaced: BTreeMap::new(), changes: Vec::new() };
        comparison.gather(graph)?;
        Ok(comparison)
    }

    /// Finds the objects of the signed revision that are others now.
    fn gather(&mut self, graph: &Graph) -> Result<(), PdfError> {
        for (number, entry) in self.file.touched(self.old, self.new)? {
            let known = graph.uses.get(&number);
            if self.is_new(number) && known.is_none() {
                continue;
            }
            match self.is_same(number, entry) {
                Ok(true) => {}
                Ok(false) if entry == Entry::Free && self.file.has(self.old, number) => {
                    self.forbid(ChangeCode::ObjectFreed, None);
                }
                Err(PdfError::Limit) => return Err(PdfError::Limit),
                Ok(false) | Err(_) => {
                    self.file.budget.steps(known.map_or(0, Vec::len))?;
                    let uses = known.cloned().unwrap_or_default();
                    self.replaced.insert(number, Replaced { uses, approved: false });
                }
            }
        }
        Ok(())
    }

    fn is_same(&self, number: u32, entry: Entry) -> Result<bool, PdfError> {
        if entry == Entry::Free {
            return Ok(!self.file.has(self.old, number));
        }
        let generation = match entry {
            Entry::At { generation, .. } => generation,
            _ => 0,
        };
        let id = super::pdf::Id { number, generation };
        Ok(match (self.file.object(self.old, id)?, self.file.object(self.new, id)?) {
            (Some(old), Some(new)) => self.same(&old.value, &new.value)?,
            (None, None) => true,
            _ => false,
        })
    }

    /// Whether two values say the same, without following references.
    fn same(&self, old: &Value, new: &Value) -> Result<bool, PdfError> {
        self.file.weigh(old)?;
        Ok(match (old, new) {
            (Value::Stream(old), Value::Stream(new)) => {
                old.dictionary == new.dictionary && self.file.raw(old) == self.file.raw(new)
            }
            (old, new) => old == new,
        })
    }

    fn run(&mut self) -> Result<(), PdfError> {
        self.trailer()?;
        self.catalog()?;
        self.form()?;
        let left: Vec<u32> = self
            .replaced
            .iter()
            .filter(|(_, replaced)| !replaced.approved || !replaced.uses.is_empty())
            .map(|(number, _)| *number)
            .collect();
        for number in left {
            let code = self.what_is(number)?;
            self.forbid(code, Some(number));
        }
        Ok(())
    }

    /// Names the kind of an object that no rule accounts for.
    fn what_is(&self, number: u32) -> Result<ChangeCode, PdfError> {
        let object = self.file.object(self.old, super::pdf::Id { number, generation: 0 });
        let Some(object) = object.ok().flatten() else { return Ok(ChangeCode::ObjectReplaced) };
        let dictionary = match &object.value {
            Value::Dictionary(dictionary) => dictionary,
            Value::Stream(stream) => &stream.dictionary,
            _ => return Ok(ChangeCode::ObjectReplaced),
        };
        let name = |key| entry(dictionary, key).and_then(Value::as_name).unwrap_or_default();
        let uses = self.replaced.get(&number).map_or(&[][..], |replaced| &replaced.uses);
        let used_as =
            |key: &str| uses.iter().any(|place| place.path.first() == Some(&graph::Step::Key(key.as_bytes().into())));
        Ok(match (name("Type"), name("Subtype")) {
            (b"Page", _) => self.what_of_page(number, dictionary)?,
            (b"Pages", _) => ChangeCode::PagesChanged,
            (b"Catalog", _) => ChangeCode::CatalogChanged,
            (b"Sig" | b"DocTimeStamp", _) => ChangeCode::SignatureReplaced,
            (b"StructTreeRoot" | b"StructElem", _) => ChangeCode::StructureChanged,
            (b"Font" | b"FontDescriptor", _) => ChangeCode::FontChanged,
            (b"OCG" | b"OCMD", _) => ChangeCode::LayersChanged,
            (b"Annot", _) | (_, b"Widget" | b"Link" | b"FreeText" | b"Stamp" | b"Text") => {
                ChangeCode::AnnotationChanged
            }
            _ if used_as("Contents") => ChangeCode::PageChanged,
            _ if used_as("FontFile2") || used_as("FontFile3") || used_as("FontFile") => ChangeCode::FontChanged,
            _ if used_as("OCProperties") => ChangeCode::LayersChanged,
            _ if used_as("StructTreeRoot") || used_as("ParentTree") => ChangeCode::StructureChanged,
            _ => ChangeCode::ObjectReplaced,
        })
    }

    fn what_of_page(&self, number: u32, old: &Dictionary) -> Result<ChangeCode, PdfError> {
        let new = self.file.object(self.new, super::pdf::Id { number, generation: 0 })?;
        let Some(new) = new.as_ref().and_then(|new| new.value.as_dictionary()) else {
            return Ok(ChangeCode::PageChanged);
        };
        let apart = differing(old, new);
        Ok(if apart.iter().all(|key| **key == *b"Annots") {
            ChangeCode::AnnotationAdded
        } else {
            ChangeCode::PageChanged
        })
    }

    /// Whether the signed revision could not have known an object of this number.
    fn is_new(&self, number: u32) -> bool {
        number >= self.size && !self.file.has(self.old, number)
    }

    fn allow(&mut self, code: ChangeCode, reach: Reach, field: Option<&str>) {
        let filling_forbidden = self.permissions.document == Some(1);
        let allowed = reach == Reach::Maintenance || !filling_forbidden;
        self.note(Change { code, allowed, field: field.map(str::to_owned), object: None, revision: self.new + 1 });
    }

    fn forbid(&mut self, code: ChangeCode, object: Option<u32>) {
        self.note(Change { code, allowed: false, field: None, object, revision: self.new + 1 });
    }

    fn forbid_field(&mut self, code: ChangeCode, field: &str) {
        self.note(Change { code, allowed: false, field: Some(field.to_owned()), object: None, revision: self.new + 1 });
    }

    fn note(&mut self, change: Change) {
        if self.changes.len() < 2 * MOST && !self.changes.contains(&change) {
            self.changes.push(change);
        }
    }

    /// Accounts for all uses of an object.
    fn approve(&mut self, number: u32) {
        if let Some(replaced) = self.replaced.get_mut(&number) {
            replaced.approved = true;
            replaced.uses.clear();
        }
    }

    /// Accounts for those uses of an object that are as expected.
    fn approve_where(&mut self, number: u32, is_expected: impl Fn(&Place) -> bool) {
        if let Some(replaced) = self.replaced.get_mut(&number) {
            replaced.approved = true;
            replaced.uses.retain(|place| !is_expected(place));
        }
    }

    /// Both values of a key that is allowed to lead elsewhere, and where the old one stands. A reference may stay, or lead to an object
    /// that is new. What the value holds has to be judged by the caller.
    fn follow(&mut self, at: &Place, key: &str, old: &Dictionary, new: &Dictionary) -> Result<Followed, PdfError> {
        let place = at.key(key);
        let before = self.file.get(self.old, old, key)?;
        let Some(after) = self.file.get(self.new, new, key)? else {
            if before.is_some() {
                self.forbid(ChangeCode::EntryRemoved, None);
            }
            return Ok(Followed { old: before, new: None, place });
        };
        let inner = before.as_ref().and_then(|before| before.id).map_or_else(|| place.clone(), Place::object);
        if let Some(id) = after.id {
            if before.as_ref().and_then(|before| before.id) == Some(id) {
                if after.as_stream().is_none() && before.as_ref().is_none_or(|before| before.as_stream().is_none()) {
                    self.approve_where(id.number, |used| *used == place);
                }
            } else if !self.is_new(id.number) {
                self.forbid(ChangeCode::ObjectReused, Some(id.number));
            }
        }
        Ok(Followed { old: before, new: Some(after), place: inner })
    }
}

/// Both values of a key.
struct Followed {
    old: Option<Resolved>,
    new: Option<Resolved>,
    /// Where the old value stands.
    place: Place,
}

/// The keys whose values are not the same, without following references.
fn differing<'a>(old: &'a Dictionary, new: &'a Dictionary) -> Vec<&'a [u8]> {
    let mut keys: Vec<&[u8]> =
        old.iter().filter(|(key, value)| new.get(*key) != Some(value)).map(|(key, _)| &**key).collect();
    keys.extend(new.keys().filter(|key| !old.contains_key(*key)).map(|key| &**key));
    keys
}

fn only(keys: &[&[u8]], allowed: &[&str]) -> bool {
    keys.iter().all(|key| allowed.iter().any(|allowed| allowed.as_bytes() == *key))
}

/// The objects that came or went after a revision: those whose uses matter.
pub(super) fn interesting(file: &File<'_>, signed: usize) -> Result<HashSet<u32>, PdfError> {
    Ok(file.touched(signed, file.newest())?.into_keys().collect())
}

/// Names by what they stand for.
type ByName<T> = HashMap<String, T>;

#[cfg(test)]
mod tests {
    use super::{LockedFields, Names, head};

    #[test]
    fn heads_of_objects_are_found() {
        assert_eq!(head(b"endobj\n12 0 "), Some(7));
        assert_eq!(head(b"12\n\0\n0\t"), Some(0));
        for none in [&b"12 0"[..], b"12 ", b"x 0 ", b"", b"end"] {
            assert_eq!(head(none), None);
        }
    }

    #[test]
    fn a_lock_holds_for_a_name_and_all_under_it() {
        let names: Names = ["plan.pupil", "school", "a..b", ""].map(str::to_owned).into_iter().collect();
        for (name, is_locked) in [
            ("school", true),
            ("school.name", true),
            ("schools", false),
            ("plan", false),
            ("plan.pupil", true),
            ("plan.pupil.name.first", true),
            ("plan.pupils", false),
            ("a..b.c", true),
            ("a.b", false),
            (".", true),
            ("", true),
            ("other", false),
        ] {
            assert_eq!(LockedFields::Only(names.clone()).locks(name), is_locked, "{name}");
            assert_eq!(LockedFields::AllBut(names.clone()).locks(name), !is_locked, "{name}");
            assert!(LockedFields::All.locks(name), "{name}");
        }
        assert!(!Names::default().have(""));
    }
}
