//! Which column each member of an entry comes from, by JSON Pointer (RFC 6901).

use std::collections::BTreeMap;

use super::columns::{Address, Person, Plan};

/// The pointers of a plan.
pub(super) fn pointers(plan: &Plan, of_pupils: bool) -> BTreeMap<String, usize> {
    let mut pointers = Pointers::default();
    pointers.put("/key", plan.key);
    pointers.put("/class", plan.class);
    pointers.person("", &plan.own);
    if of_pupils {
        pointers.put("/name", plan.own.full_name());
        pointers.put("/first_name", plan.own.first_name);
        pointers.put("/birth_date", plan.birth_date);
        pointers.put("/consent", plan.consent);
        for (index, guardian) in plan.guardians.iter().enumerate() {
            let start = format!("/guardians/{index}");
            pointers.put(&format!("{start}/name"), guardian.full_name());
            pointers.person(&start, guardian);
        }
    } else {
        pointers.put("/pupil_first_name", plan.pupil);
        for (index, name) in [plan.own.full_name(), plan.second].into_iter().flatten().enumerate() {
            pointers.put(&format!("/names/{index}"), Some(name));
        }
    }
    for (identifier, column) in &plan.fields {
        pointers.put(&format!("/fields/{identifier}"), Some(*column));
    }
    pointers.0
}

#[derive(Default)]
struct Pointers(BTreeMap<String, usize>);

impl Pointers {
    fn put(&mut self, pointer: &str, column: Option<usize>) {
        if let Some(column) = column {
            self.0.insert(pointer.to_owned(), column);
        }
    }

    fn person(&mut self, start: &str, person: &Person) {
        self.put(&format!("{start}/locale"), person.locale);
        self.put(&format!("{start}/protected_address"), person.protected.first().copied());
        self.address(start, &person.address);
    }

    fn address(&mut self, start: &str, address: &Address) {
        for (line, column) in (1..).zip(address.lines) {
            self.put(&format!("{start}/address/line{line}"), column);
        }
        self.put(&format!("{start}/address/postcode"), address.postcode);
        self.put(&format!("{start}/address/city"), address.city);
        self.put(&format!("{start}/address/country"), address.country);
    }
}
