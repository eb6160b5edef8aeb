//! What earlier signatures allow: a certification (DocMDP) and locked fields (FieldMDP), ISO 32000-1, 12.8.2.

use super::field::SignatureField;
use super::file::{Dictionary, File, FileError, Object};

/// Most references of one signature.
const REFERENCES: usize = 16;

/// What earlier signatures say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Permissions {
    /// Whether the document is certified.
    pub is_certified: bool,
    /// Whether nothing may be changed, so that nobody may sign any more (`/P 1`).
    pub is_closed: bool,
    locks: Vec<Lock>,
}

/// Which fields a signature locks.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Lock {
    /// The names are those that are not locked.
    is_all_but: bool,
    names: Vec<String>,
}

impl Permissions {
    /// What the signatures of a file say.
    ///
    /// # Errors
    ///
    /// The file is broken.
    pub fn read(file: &File<'_>, fields: &[SignatureField]) -> Result<Self, FileError> {
        let mut own = Self::default();
        let permissions = file.catalog()?.get("Perms").map(|entry| file.dictionary(entry)).transpose()?.flatten();
        if let Some(certification) = permissions.as_ref().and_then(|permissions| permissions.get("DocMDP")) {
            own.is_certified = true;
            own.add(file, certification)?;
        }
        for signature in fields.iter().filter_map(|field| field.signature) {
            own.add(file, &signature.into())?;
        }
        Ok(own)
    }

    /// Whether a field is locked.
    pub fn locks(&self, name: &str) -> bool {
        // A name stands for the fields inside it, too.
        let is_named = |lock: &Lock| {
            let inside =
                |one: &String| name == one || name.strip_prefix(one.as_str()).is_some_and(|rest| rest.starts_with('.'));
            lock.names.iter().any(inside)
        };
        self.locks.iter().any(|lock| is_named(lock) != lock.is_all_but)
    }

    fn add(&mut self, file: &File<'_>, signature: &Object) -> Result<(), FileError> {
        let Some(signature) = file.dictionary(signature)? else { return Ok(()) };
        for reference in file.array(&signature, "Reference")?.iter().take(REFERENCES) {
            let Some(reference) = file.dictionary(reference)? else { continue };
            let parameters = reference.get("TransformParams").map(|own| file.dictionary(own)).transpose()?.flatten();
            let parameters = parameters.unwrap_or_default();
            if reference.is("TransformMethod", "DocMDP") {
                self.is_closed |= parameters.get("P").and_then(Object::as_integer) == Some(1);
            } else if reference.is("TransformMethod", "FieldMDP") {
                self.locks.push(lock(file, &parameters)?);
            }
        }
        Ok(())
    }
}

/// All fields, those that are named, or all but those.
fn lock(file: &File<'_>, parameters: &Dictionary) -> Result<Lock, FileError> {
    let names = file.array(parameters, "Fields")?.iter().filter_map(Object::to_text).collect();
    Ok(if parameters.is("Action", "Include") {
        Lock { is_all_but: false, names }
    } else {
        let is_exclude = parameters.is("Action", "Exclude");
        Lock { is_all_but: true, names: if is_exclude { names } else { Vec::new() } }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_holds_for_what_it_names_and_what_is_inside() {
        let with = |is_all_but, names: &[&str]| Permissions {
            locks: vec![Lock { is_all_but, names: names.iter().map(ToString::to_string).collect() }],
            ..Permissions::default()
        };
        assert!(!Permissions::default().locks("a"));
        assert!(with(false, &["a"]).locks("a") && with(false, &["a"]).locks("a.b") && !with(false, &["a"]).locks("ab"));
        assert!(!with(true, &["a"]).locks("a") && with(true, &["a"]).locks("b"));
        assert!(with(true, &[]).locks("a"), "all of them");
    }
}
