//! Rules for pages (ISO 32000-2, 7.7.3): they stay as they are, but for the widgets of new signature fields.

use std::collections::{HashMap, HashSet};

use super::super::pdf::{File, Id, PdfError, Value, entry};
use super::super::report::ChangeCode;
use super::graph::{Holder, Place, Step};
use super::{ByName, Comparison, differing, only};

/// The pages of a revision and their lists of annotations.
pub(super) struct Pages {
    order: Vec<Id>,
    numbers: HashSet<u32>,
    /// Lists that are objects by themselves, and the number of pages with each.
    lists: HashMap<u32, usize>,
}

impl Pages {
    pub fn of(file: &File<'_>, revision: usize) -> Result<Self, PdfError> {
        let catalog = file.catalog(revision)?;
        let root = catalog.as_dictionary().and_then(|catalog| entry(catalog, "Pages")).and_then(Value::as_reference);
        let mut open = vec![root.ok_or(PdfError::Structure("/Pages"))?];
        let mut seen = HashSet::new();
        let mut found = Self { order: Vec::new(), numbers: HashSet::new(), lists: HashMap::new() };
        while let Some(id) = open.pop() {
            file.budget.steps(1)?;
            if !seen.insert(id.number) {
                return Err(PdfError::Structure("/Pages"));
            }
            let node = file.object(revision, id)?.ok_or(PdfError::Structure("/Pages"))?;
            let node = node.value.as_dictionary().ok_or(PdfError::Structure("/Pages"))?;
            if let Some(kids) = file.get(revision, node, "Kids")? {
                for kid in kids.as_array().ok_or(PdfError::Structure("/Kids"))?.iter().rev() {
                    open.push(kid.as_reference().ok_or(PdfError::Structure("/Kids"))?);
                }
                continue;
            }
            found.order.push(id);
            found.numbers.insert(id.number);
            if let Some(list) = entry(node, "Annots").and_then(Value::as_reference) {
                *found.lists.entry(list.number).or_default() += 1;
            }
        }
        Ok(found)
    }

    /// Whether a place is an item in the list of annotations of a page.
    pub fn is_annotation(&self, place: &Place) -> bool {
        match (place.holder, &*place.path) {
            (Holder::Object(page), [Step::Key(key), Step::Item]) => **key == *b"Annots" && self.numbers.contains(&page),
            (Holder::Object(list), [Step::Item]) => self.lists.contains_key(&list),
            _ => false,
        }
    }
}

impl Comparison<'_, '_> {
    /// Accounts for pages that have got the widgets of fields that are new.
    pub(super) fn new_annotations(&mut self, pages: &Pages, added: &ByName<Vec<u32>>) -> Result<(), PdfError> {
        if added.is_empty() {
            return Ok(());
        }
        let widgets: HashSet<u32> = added.values().flatten().copied().collect();
        for page in &pages.order {
            self.page(pages, *page, &widgets)?;
        }
        Ok(())
    }

    fn page(&mut self, pages: &Pages, id: Id, widgets: &HashSet<u32>) -> Result<(), PdfError> {
        self.file.budget.steps(1)?;
        let (Some(old), Some(new)) = (self.file.object(self.old, id)?, self.file.object(self.new, id)?) else {
            return Err(PdfError::Structure("/Pages"));
        };
        let (Some(old), Some(new)) = (old.value.as_dictionary(), new.value.as_dictionary()) else {
            return Ok(());
        };
        let list = entry(old, "Annots").and_then(Value::as_reference);
        let touched =
            self.replaced.contains_key(&id.number) || list.is_some_and(|list| self.replaced.contains_key(&list.number));
        self.file.budget.steps(old.len())?;
        if !touched || !only(&differing(old, new), &["Annots"]) {
            return Ok(());
        }
        let after = self.file.get(self.new, new, "Annots")?;
        let before = self.file.get(self.old, old, "Annots")?;
        let Some(after) = after else { return Ok(()) };
        let (Some(was), Some(is)) = (annotations(before.as_deref()), annotations(Some(&*after))) else {
            return Ok(());
        };
        if !self.only_adds(&was, &is, widgets)? {
            self.forbid(ChangeCode::AnnotationAdded, Some(id.number));
            return Ok(());
        }
        self.approve(id.number);
        if let Some(list) = after.id {
            if before.as_ref().and_then(|before| before.id) == Some(list) {
                let place = Place::object(id).key("Annots");
                let shared = pages.lists.get(&list.number).is_some_and(|pages| *pages > 1);
                self.approve_where(list.number, |used| *used == place && !shared);
            } else if !self.is_new(list.number) {
                self.forbid(ChangeCode::ObjectReused, Some(list.number));
            }
        }
        Ok(())
    }

    /// Whether a list has what it had, in its order, and beside it nothing but the widgets.
    fn only_adds(&self, was: &[Id], is: &[Id], widgets: &HashSet<u32>) -> Result<bool, PdfError> {
        self.file.budget.steps(is.len())?;
        let mut was = was.iter().peekable();
        for id in is {
            if was.peek() == Some(&id) {
                was.next();
            } else if !widgets.contains(&id.number) {
                return Ok(false);
            }
        }
        Ok(was.next().is_none())
    }
}

fn annotations(list: Option<&Value>) -> Option<Vec<Id>> {
    let Some(list) = list else { return Some(Vec::new()) };
    list.as_array()?.iter().map(Value::as_reference).collect()
}
