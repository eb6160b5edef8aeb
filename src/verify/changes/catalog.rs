//! Rules for the trailer, the catalog and the document security store (ISO 32000-2, 7.5.5, 7.7.2 and 12.8.4.3).

use super::super::pdf::{Dictionary, PdfError, Resolved, Value, entry};
use super::super::report::ChangeCode;
use super::graph::{Holder, Place, Step};
use super::{Comparison, Followed, Reach, differing, only};

/// Entries of the catalog that other rules look after, or that show nothing.
const CATALOG: [&str; 6] = ["AcroForm", "DSS", "Extensions", "Metadata", "MarkInfo", "Version"];

/// What `/Info` tells of the file and not of what it says, as in `metadata`.
const INFORMATION: [&str; 4] = ["ModDate", "CreationDate", "Producer", "Creator"];

impl Comparison<'_, '_> {
    pub(super) fn trailer(&mut self) -> Result<(), PdfError> {
        let (old, new) = (self.file.trailer(self.old)?, self.file.trailer(self.new)?);
        if entry(old, "Root") != entry(new, "Root") || entry(new, "Root").and_then(Value::as_reference).is_none() {
            self.forbid(ChangeCode::CatalogChanged, None);
        }
        // Some readers leave out objects with numbers from `/Size` on (7.5.5): it could hide what was signed, or show what was not seen.
        let size = |trailer| entry(trailer, "Size").and_then(Value::as_index).unwrap_or(0);
        let (before, after) = (size(old), size(new));
        if before < self.file.objects_until(self.old) || after < before.max(self.file.objects_until(self.new)) {
            self.forbid(ChangeCode::ObjectFreed, None);
        }
        if entry(new, "Info").is_none() {
            return Ok(());
        }
        let info = self.follow(&Place::new(Holder::Trailer, &[]), "Info", old, new)?;
        if let Some(new) = info.new {
            let nothing = Dictionary::new();
            let before = info.old.as_ref().and_then(|old| old.as_dictionary()).unwrap_or(&nothing);
            let keeps = new.as_dictionary().is_some_and(|new| only(&differing(before, new), &INFORMATION));
            if !keeps || new.id.is_none() {
                self.forbid(ChangeCode::InformationChanged, None);
            }
            let same = info.old.is_some_and(|old| old.id == new.id && *old == *new);
            if !same {
                self.allow(ChangeCode::InformationChanged, Reach::Maintenance, None);
            }
        }
        Ok(())
    }

    pub(super) fn catalog(&mut self) -> Result<(), PdfError> {
        let (old, new) = (self.file.catalog(self.old)?, self.file.catalog(self.new)?);
        let (Some(id), Some(before), Some(after)) = (old.id, old.as_dictionary(), new.as_dictionary()) else {
            return Err(PdfError::Structure("/Root"));
        };
        let apart = differing(before, after);
        if !only(&apart, &CATALOG) {
            self.forbid(catalog_code(&apart), None);
        }
        // As what the trailer leads to, and as nothing else: a page could take it for its fonts, and `/MarkInfo` for one of them.
        // Signatures that lock fields name it as what they lock (12.8.2.4).
        let root = Place::new(Holder::Trailer, &["Root"]);
        let locked = [Step::Key(b"Reference".as_slice().into()), Step::Item, Step::Key(b"Data".as_slice().into())];
        self.approve_where(id.number, |used| *used == root || used.path == locked);
        let at = Place::object(id);
        for key in ["Extensions", "MarkInfo"] {
            let Followed { old, new, .. } = self.follow(&at, key, before, after)?;
            if new.is_some() && old.as_deref() != new.as_deref() {
                self.allow(ChangeCode::DeclarationsChanged, Reach::Maintenance, None);
            }
        }
        if entry(before, "Version") != entry(after, "Version") {
            self.allow(ChangeCode::DeclarationsChanged, Reach::Maintenance, None);
        }
        self.metadata(&at, before, after)?;
        self.security_store(&at, before, after)
    }

    fn security_store(&mut self, at: &Place, before: &Dictionary, after: &Dictionary) -> Result<(), PdfError> {
        let Followed { old, new: Some(new), place } = self.follow(at, "DSS", before, after)? else { return Ok(()) };
        let nothing = Dictionary::new();
        let old = old.as_ref().and_then(|old| old.as_dictionary()).unwrap_or(&nothing);
        let Some(new) = new.as_dictionary() else {
            self.bad_store();
            return Ok(());
        };
        if !only(&new.keys().map(|key| &**key).collect::<Vec<_>>(), &["Type", "VRI", "Certs", "CRLs", "OCSPs"]) {
            self.bad_store();
            return Ok(());
        }
        self.proofs(&place, old, new, &["Certs", "CRLs", "OCSPs"])?;
        let vri = self.follow(&place, "VRI", old, new)?;
        if let Some(new) = &vri.new {
            self.per_signature(&vri.place, vri.old.as_ref(), new)?;
        }
        if !differing(old, new).is_empty() || self.has_new_items(old, new)? {
            self.allow(ChangeCode::ProofsAdded, Reach::Maintenance, None);
        }
        Ok(())
    }

    fn bad_store(&mut self) {
        self.forbid(ChangeCode::ProofsMalformed, None);
    }

    /// Whether an array of proofs that stayed under its number became another.
    fn has_new_items(&self, old: &Dictionary, new: &Dictionary) -> Result<bool, PdfError> {
        for key in ["Certs", "CRLs", "OCSPs", "VRI"] {
            if self.file.get(self.old, old, key)?.as_deref() != self.file.get(self.new, new, key)?.as_deref() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Arrays of references to streams. They may gain and lose items, but no stream may become another.
    fn proofs(&mut self, at: &Place, old: &Dictionary, new: &Dictionary, keys: &[&str]) -> Result<(), PdfError> {
        for key in keys {
            let Some(array) = self.file.get(self.new, new, key)? else { continue };
            if let Some(id) = array.id {
                let place = at.key(key);
                let was = self.file.get(self.old, old, key)?.and_then(|old| old.id);
                if was == Some(id) {
                    self.approve_where(id.number, |used| *used == place);
                } else if !self.is_new(id.number) {
                    self.forbid(ChangeCode::ObjectReused, Some(id.number));
                }
            }
            let Some(items) = array.as_array() else {
                self.bad_store();
                return Ok(());
            };
            for item in items {
                self.file.budget.steps(1)?;
                let stream = self.file.resolved(self.new, item)?;
                if stream.id.is_none() || stream.as_stream().is_none() {
                    self.bad_store();
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// `/VRI`: what was there stays as it was; what comes is of the right shape.
    fn per_signature(&mut self, at: &Place, old: Option<&Resolved>, new: &Resolved) -> Result<(), PdfError> {
        let nothing = Dictionary::new();
        let old = old.and_then(|old| old.as_dictionary()).unwrap_or(&nothing);
        let Some(new) = new.as_dictionary() else {
            self.bad_store();
            return Ok(());
        };
        if old.iter().any(|(key, value)| new.get(key) != Some(value)) {
            self.bad_store();
            return Ok(());
        }
        for (key, value) in new.iter().filter(|(key, _)| !old.contains_key(*key)) {
            let is_digest = key.len() == 40 && key.iter().all(|byte| matches!(byte, b'A'..=b'Z' | b'0'..=b'9'));
            let entries = self.file.resolved(self.new, value)?;
            let clobbers = entries.id.is_some_and(|id| !self.is_new(id.number));
            let Some(entries) = entries.as_dictionary().filter(|_| is_digest && !clobbers) else {
                self.bad_store();
                return Ok(());
            };
            let keys: Vec<&[u8]> = entries.keys().map(|key| &**key).collect();
            if !only(&keys, &["Type", "TU", "TS", "Cert", "CRL", "OCSP"]) {
                self.bad_store();
                return Ok(());
            }
            self.proofs(&at.key(&String::from_utf8_lossy(key)), &nothing, entries, &["Cert", "CRL", "OCSP"])?;
        }
        Ok(())
    }
}

/// Names what happened to the catalog by the entries that are others.
fn catalog_code(apart: &[&[u8]]) -> ChangeCode {
    let has = |key: &[u8]| apart.contains(&key);
    match () {
        () if has(b"Pages") => ChangeCode::PagesChanged,
        () if has(b"OCProperties") => ChangeCode::LayersChanged,
        () if has(b"StructTreeRoot") => ChangeCode::StructureChanged,
        () if has(b"OpenAction") || has(b"AA") || has(b"Names") => ChangeCode::ActionsChanged,
        () => ChangeCode::CatalogChanged,
    }
}
