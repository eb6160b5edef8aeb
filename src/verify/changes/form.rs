//! Rules for the form and its fields (ISO 32000-2, 12.7): what may be signed or filled in later, and what may be added.

use std::collections::HashSet;

use super::super::pdf::{Dictionary, File, Id, PdfError, Resolved, Value, entry, text};
use super::super::report::ChangeCode;
use super::graph::{Place, Step};
use super::page::Pages;
use super::{ByName, Comparison, Followed, Reach, differing, only};

/// Most fields of a form.
const MOST_FIELDS: usize = 20_000;
/// Deepest nesting of fields.
const DEEPEST: usize = 16;
/// Entries of a field that filling it in may change.
const VALUE: [&str; 8] = ["Ff", "Type", "AP", "AS", "V", "F", "DA", "Q"];
/// Entries that some programs set without meaning anything by it.
const HARMLESS: [&str; 2] = ["Ff", "Type"];
/// Entries by which a field looks otherwise.
const LOOK: [&str; 5] = ["AP", "AS", "F", "DA", "Q"];
/// Entries of the form that filling it in may change.
const FORM: [&str; 5] = ["Fields", "DR", "DA", "Q", "NeedAppearances"];

/// A field of the form in one revision.
#[derive(Debug)]
pub(in crate::verify) struct Field {
    /// With the names of those above it, and full stops between.
    pub name: String,
    pub id: Id,
    pub is_signature: bool,
    /// The kind as it was written, there or above.
    kind: Option<Box<[u8]>>,
    value: Resolved,
    /// Where the reference to it stands.
    place: Place,
    /// Its widgets, if they are not one with it.
    widgets: Vec<Id>,
}

impl Field {
    pub fn dictionary(&self) -> Option<&Dictionary> {
        self.value.as_dictionary()
    }
}

/// The fields with a name of a revision, in the order of the form.
pub(in crate::verify) fn fields(file: &File<'_>, revision: usize) -> Result<Vec<Field>, PdfError> {
    let catalog = file.catalog(revision)?;
    let (Some(id), Some(root)) = (catalog.id, catalog.as_dictionary()) else { return Ok(Vec::new()) };
    let Some(form) = file.get(revision, root, "AcroForm")? else { return Ok(Vec::new()) };
    let at = form.id.map_or_else(|| Place::object(id).key("AcroForm"), Place::object);
    let form = form.as_dictionary().ok_or(PdfError::Structure("/AcroForm"))?;
    let Some(array) = file.get(revision, form, "Fields")? else { return Ok(Vec::new()) };
    let at = array.id.map_or_else(|| at.key("Fields"), Place::object);
    let mut listing = Listing { file, revision, fields: Vec::new(), seen: HashSet::new() };
    listing.list(&array, &at, "", None, 0)?;
    Ok(listing.fields)
}

struct Listing<'a, 'f> {
    file: &'a File<'f>,
    revision: usize,
    fields: Vec<Field>,
    seen: HashSet<u32>,
}

impl Listing<'_, '_> {
    fn list(
        &mut self,
        array: &Value,
        at: &Place,
        above: &str,
        kind_above: Option<&[u8]>,
        depth: usize,
    ) -> Result<(), PdfError> {
        let wrong = PdfError::Structure("/Fields");
        if depth > DEEPEST {
            return Err(PdfError::Limit);
        }
        for item in array.as_array().ok_or(wrong)? {
            let id = item.as_reference().ok_or(wrong)?;
            let value = self.file.resolved(self.revision, item)?;
            self.file.weigh(&value)?;
            let field = value.as_dictionary().ok_or(wrong)?;
            let Some(part) = entry(field, "T") else { continue };
            let part = self.file.resolved(self.revision, part)?;
            let part = text(part.as_text().ok_or(wrong)?);
            if !self.seen.insert(id.number) || self.fields.len() >= MOST_FIELDS {
                return Err(PdfError::Structure("/Fields"));
            }
            let name = if above.is_empty() { part } else { format!("{above}.{part}") };
            let kind = entry(field, "FT").and_then(Value::as_name).or(kind_above).map(Into::into);
            let kids = self.file.get(self.revision, field, "Kids")?;
            let widgets = match &kids {
                Some(kids) => self.widgets(kids)?,
                None => Vec::new(),
            };
            let is_signature = kind.as_deref().is_some_and(|kind: &[u8]| kind == b"Sig");
            let below =
                kids.as_ref().and_then(|kids| kids.id).map_or_else(|| Place::object(id).key("Kids"), Place::object);
            self.fields.push(Field {
                name: name.clone(),
                id,
                is_signature,
                kind: kind.clone(),
                value: value.clone(),
                place: at.item(),
                widgets,
            });
            if let Some(kids) = kids {
                self.list(&kids, &below, &name, kind.as_deref(), depth + 1)?;
            }
        }
        Ok(())
    }

    /// The kids that are no fields.
    fn widgets(&self, kids: &Value) -> Result<Vec<Id>, PdfError> {
        let mut widgets = Vec::new();
        for kid in kids.as_array().ok_or(PdfError::Structure("/Kids"))? {
            // Fields that share their kids each have them in memory.
            self.file.budget.values(1)?;
            self.file.budget.steps(1)?;
            let id = kid.as_reference().ok_or(PdfError::Structure("/Kids"))?;
            let value = self.file.resolved(self.revision, kid)?;
            if value.as_dictionary().is_none_or(|kid| entry(kid, "T").is_none()) {
                widgets.push(id);
            }
        }
        Ok(widgets)
    }
}

impl Comparison<'_, '_> {
    pub(super) fn form(&mut self) -> Result<(), PdfError> {
        let (old, new) = (self.file.catalog(self.old)?, self.file.catalog(self.new)?);
        let (Some(id), Some(before), Some(after)) = (old.id, old.as_dictionary(), new.as_dictionary()) else {
            return Err(PdfError::Structure("/Root"));
        };
        let Followed { old, new: Some(new), place } = self.follow(&Place::object(id), "AcroForm", before, after)?
        else {
            return Ok(());
        };
        let old = old.as_ref().and_then(|old| old.as_dictionary()).ok_or(PdfError::Structure("/AcroForm"))?;
        let new = new.as_dictionary().ok_or(PdfError::Structure("/AcroForm"))?;
        if !only(&differing(old, new), &FORM) {
            self.forbid(ChangeCode::FormChanged, None);
        }
        self.follow(&place, "Fields", old, new)?;
        let (old_form, new_form) = (old, new);
        let old = self.by_name(fields(self.file, self.old)?);
        let new = self.by_name(fields(self.file, self.new)?);
        let is_drawn = old.values().any(|field| !field.is_signature);
        self.form_defaults(&place, old_form, new_form, is_drawn)?;
        for name in old.keys().filter(|name| !new.contains_key(*name)) {
            self.forbid_field(ChangeCode::FieldRemoved, name);
        }
        let pages = Pages::of(self.file, self.old)?;
        let mut added = ByName::new();
        for (name, field) in &new {
            match old.get(name) {
                Some(was) => self.field(was, field, &pages)?,
                None => self.new_field(field, &mut added)?,
            }
        }
        self.new_annotations(&pages, &added)
    }

    /// What fields look like where they do not say it themselves. With other fields than those of signatures (`is_drawn`), resources may be
    /// added for new ones, and nothing else may change: by another font, or by having fields drawn anew, what was signed reads otherwise.
    fn form_defaults(
        &mut self,
        at: &Place,
        old: &Dictionary,
        new: &Dictionary,
        is_drawn: bool,
    ) -> Result<(), PdfError> {
        let Followed { old: before, new: after, .. } = self.follow(at, "DR", old, new)?;
        let differs = |key| entry(old, key) != entry(new, key);
        let is_same = before.as_deref() == after.as_deref();
        if !differs("DA") && !differs("Q") && !differs("NeedAppearances") && is_same {
            return Ok(());
        }
        let asks = |form| entry(form, "NeedAppearances").is_some_and(|asks| *asks != Value::Boolean(false));
        let before = before.as_ref().and_then(|before| before.as_dictionary());
        let after = after.as_ref().and_then(|after| after.as_dictionary());
        let gains = match (before, after) {
            (Some(before), Some(after)) => self.only_gains(before, after, 1)?,
            (None, _) => true,
            (Some(_), None) => is_same,
        };
        if is_drawn && (differs("DA") || differs("Q") || !gains || asks(new) && !asks(old)) {
            self.forbid(ChangeCode::FormDefaults, None);
        } else {
            self.allow(ChangeCode::FormDefaults, Reach::Filling, None);
        }
        Ok(())
    }

    /// Whether resources have all that they had as it was, by category and name.
    fn only_gains(&self, old: &Dictionary, new: &Dictionary, depth: usize) -> Result<bool, PdfError> {
        for (key, was) in old {
            let Some(is) = new.get(key) else { return Ok(false) };
            self.file.weigh(was)?;
            if was == is {
                continue;
            }
            let Some(depth) = depth.checked_sub(1) else { return Ok(false) };
            let (was, is) = (self.file.resolved(self.old, was)?, self.file.resolved(self.new, is)?);
            let gains = match (was.as_dictionary(), is.as_dictionary()) {
                (Some(was), Some(is)) => self.only_gains(was, is, depth)?,
                _ => false,
            };
            if !gains {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn by_name(&mut self, fields: Vec<Field>) -> ByName<Field> {
        let mut named = ByName::new();
        for field in fields {
            let name = field.name.clone();
            if named.insert(name.clone(), field).is_some() {
                self.forbid_field(ChangeCode::FieldDoubled, &name);
            }
        }
        named
    }

    /// A field that was there.
    fn field(&mut self, was: &Field, field: &Field, pages: &Pages) -> Result<(), PdfError> {
        if was.id != field.id || was.kind != field.kind {
            self.forbid_field(ChangeCode::FieldChanged, &field.name);
            return Ok(());
        }
        let (Some(old), Some(new)) = (was.dictionary(), field.dictionary()) else { return Ok(()) };
        let apart = differing(old, new);
        if !only(&apart, &VALUE) || !good_type(old, new) {
            self.forbid_field(ChangeCode::FieldChanged, &field.name);
            return Ok(());
        }
        if !field.is_signature && self.is_locked(&field.name) && self.drawn_before(old, new)? {
            self.forbid_field(ChangeCode::FieldLocked, &field.name);
        }
        let harmless = only(&apart, &HARMLESS);
        let signed_before = entry(old, "V").is_some();
        let signed_now = entry(new, "V").is_some();
        if field.is_signature && (signed_before || !signed_now) {
            // It was signed, or still is not: nothing but what means nothing may be another.
            if harmless {
                self.approve_field(was, pages);
            } else {
                let code = if signed_before { ChangeCode::SignatureReplaced } else { ChangeCode::FieldChanged };
                self.forbid_field(code, &field.name);
            }
            return Ok(());
        }
        let is_redrawn = self.appearance_touched(old)?;
        if apart.is_empty() && !self.replaced.contains_key(&was.id.number) && !is_redrawn {
            return Ok(());
        }
        self.lock(&field.name);
        self.approve_field(was, pages);
        self.appearance(&field.name, was.id, old, new)?;
        if field.is_signature {
            return self.new_signature(field);
        }
        // Who fills in a field gives it another value. One that says the same and looks otherwise is a lie, and so is a button's new face.
        let looks_otherwise = is_redrawn || apart.iter().any(|key| only(&[*key], &LOOK));
        if looks_otherwise && entry(old, "V") == entry(new, "V") {
            self.forbid_field(ChangeCode::FieldChanged, &field.name);
            return Ok(());
        }
        self.allow(ChangeCode::FormFilled, Reach::Filling, Some(&field.name));
        Ok(())
    }

    /// Notes that a field has changed, in case it may not.
    fn lock(&mut self, name: &str) {
        if self.is_locked(name) {
            self.forbid_field(ChangeCode::FieldLocked, name);
        }
    }

    fn is_locked(&self, name: &str) -> bool {
        let Some(locked) = &self.permissions.fields else { return false };
        self.file.budget.passed(name.len());
        locked.locks(name)
    }

    /// Whether a field that is locked is drawn by a stream from before the signed revision. pyHanko takes any later revision for a change of
    /// such a field. Where it says bad nothing passes here, so this is no change that may be, even if nobody has touched the field.
    fn drawn_before(&self, old: &Dictionary, new: &Dictionary) -> Result<bool, PdfError> {
        // The appearance of a field with states is chosen, not drawn anew.
        if entry(old, "AS").is_some() {
            return Ok(false);
        }
        let (Some(before), Some(after)) = (self.file.get(self.old, old, "AP")?, self.file.get(self.new, new, "AP")?)
        else {
            return Ok(false);
        };
        let (Some(before), Some(after)) = (before.as_dictionary(), after.as_dictionary()) else { return Ok(false) };
        let streams = ["N", "R", "D"].into_iter().filter_map(|key| {
            let stream = entry(before, key).and_then(Value::as_reference)?;
            (entry(after, key).and_then(Value::as_reference) == Some(stream)).then_some(stream.number)
        });
        let since = |number| self.file.place(self.new, number).map(|(since, _)| since);
        Ok(streams.into_iter().any(|number| since(number) != Some(self.old)))
    }

    /// Accounts for a field as an item of the form, a widget of a page, and what an element of the structure stands for.
    fn approve_field(&mut self, was: &Field, pages: &Pages) {
        let in_structure = [Step::Key(b"K".as_slice().into()), Step::Key(b"Obj".as_slice().into())];
        let as_parent = [Step::Key(b"Parent".as_slice().into())];
        self.approve_where(was.id.number, |used| {
            *used == was.place || used.path == in_structure || used.path == as_parent || pages.is_annotation(used)
        });
    }

    /// The streams that an appearance may be drawn with are new ones.
    fn appearance(&mut self, name: &str, id: Id, old: &Dictionary, new: &Dictionary) -> Result<(), PdfError> {
        let Followed { old, new: Some(new), place } = self.follow(&Place::object(id), "AP", old, new)? else {
            return Ok(());
        };
        let Some(new) = new.as_dictionary() else {
            self.forbid_field(ChangeCode::FieldChanged, name);
            return Ok(());
        };
        let Some(old) = old.as_ref().and_then(|old| old.as_dictionary()) else { return Ok(()) };
        for key in ["N", "R", "D"] {
            let stream = entry(old, key).and_then(Value::as_reference);
            // The same stream with other contents is good when nothing else draws it.
            if let Some(id) = stream.filter(|id| entry(new, key).and_then(Value::as_reference) == Some(*id)) {
                let place = place.key(key);
                self.approve_where(id.number, |used| *used == place);
            }
        }
        Ok(())
    }

    /// Whether the appearance of a field was changed without the field.
    fn appearance_touched(&self, field: &Dictionary) -> Result<bool, PdfError> {
        let is_replaced = |value: &Value| value.as_reference().is_some_and(|id| self.replaced.contains_key(&id.number));
        let Some(appearance) = entry(field, "AP") else { return Ok(false) };
        if is_replaced(appearance) {
            return Ok(true);
        }
        let appearance = self.file.resolved(self.old, appearance)?;
        Ok(appearance.as_dictionary().is_some_and(|appearance| appearance.values().any(is_replaced)))
    }

    /// A field that has become signed.
    fn new_signature(&mut self, field: &Field) -> Result<(), PdfError> {
        let value = field.dictionary().and_then(|field| entry(field, "V"));
        let Some(id) = value.and_then(Value::as_reference).filter(|id| self.is_new(id.number)) else {
            self.forbid_field(ChangeCode::SignatureReplaced, &field.name);
            return Ok(());
        };
        let signature = self.file.object(self.new, id)?;
        let Some(signature) = signature.as_ref().and_then(|signature| signature.value.as_dictionary()) else {
            self.forbid_field(ChangeCode::SignatureReplaced, &field.name);
            return Ok(());
        };
        let is_time = entry(signature, "Type").and_then(Value::as_name) == Some(b"DocTimeStamp");
        if is_time && !self.is_visible(field)? {
            self.allow(ChangeCode::TimestampAdded, Reach::Maintenance, Some(&field.name));
        } else {
            self.lock(&field.name);
            self.allow(ChangeCode::SignatureAdded, Reach::Filling, Some(&field.name));
        }
        Ok(())
    }

    /// A field that was not there. Only those for signatures may come.
    fn new_field(&mut self, field: &Field, added: &mut ByName<Vec<u32>>) -> Result<(), PdfError> {
        let Some(new) = field.dictionary().filter(|_| field.is_signature) else {
            self.forbid_field(ChangeCode::FieldAdded, &field.name);
            return Ok(());
        };
        let mut objects = Vec::new();
        for id in std::iter::once(field.id).chain(field.widgets.iter().copied()) {
            self.file.budget.steps(1)?;
            if !self.is_new(id.number) {
                self.forbid_field(ChangeCode::ObjectReused, &field.name);
            }
            let object = self.file.object(self.new, id)?;
            let Some(object) = object.as_ref().and_then(|object| object.value.as_dictionary()) else { continue };
            if entry(object, "A").is_some() || entry(object, "AA").is_some() {
                self.forbid_field(ChangeCode::ActionsChanged, &field.name);
            }
            // A note or a stamp is seen whatever its rectangle, and is none the less so for being called a field.
            match entry(object, "Subtype").map(Value::as_name) {
                None => {}
                Some(Some(b"Widget")) => objects.push(id.number),
                Some(_) => self.forbid_field(ChangeCode::AnnotationAdded, &field.name),
            }
        }
        let is_signed = entry(new, "V").is_some();
        if self.is_visible(field)? {
            self.lock(&field.name);
            // An empty field with an appearance is a sticker that anyone can put on a page.
            if self.permissions.document.is_some() || !is_signed {
                self.forbid_field(ChangeCode::VisibleFieldAdded, &field.name);
            } else {
                self.allow(ChangeCode::VisibleFieldAdded, Reach::Filling, Some(&field.name));
            }
        } else {
            self.allow(ChangeCode::InvisibleFieldAdded, Reach::Maintenance, Some(&field.name));
        }
        added.insert(field.name.clone(), objects);
        if is_signed { self.new_signature(field) } else { Ok(()) }
    }

    fn is_visible(&self, field: &Field) -> Result<bool, PdfError> {
        if field.dictionary().is_some_and(has_area) {
            return Ok(true);
        }
        for widget in &field.widgets {
            let widget = self.file.object(self.new, *widget)?;
            if widget.as_ref().and_then(|widget| widget.value.as_dictionary()).is_some_and(has_area) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn has_area(widget: &Dictionary) -> bool {
    let sides = entry(widget, "Rect").and_then(Value::as_array).unwrap_or_default();
    let sides: Option<Vec<f64>> = sides.iter().map(Value::as_number).collect();
    match (sides.as_deref(), entry(widget, "Rect")) {
        (Some([left, bottom, right, top]), _) => (right - left).abs() * (top - bottom).abs() > 0.0,
        // What can not be read may be seen.
        (_, rectangle) => rectangle.is_some(),
    }
}

/// `/Type` may come as `/Annot`, and never goes or changes.
fn good_type(old: &Dictionary, new: &Dictionary) -> bool {
    match (entry(old, "Type"), entry(new, "Type")) {
        (None, None) => true,
        (None, Some(new)) => new.as_name() == Some(b"Annot"),
        (old, new) => old == new,
    }
}
