//! One row to one entry, as the plan of its columns has it.

use serde_json::{Map, Value};

use super::columns::{Address, Columns, Person};
use super::record::Record;
use super::{RowFault, value};

/// The entry of a row, and which of the guardians or names of the plan it has: those with nothing in
/// their cells are left out.
pub(super) fn entry(columns: &Columns, record: &Record) -> (Value, Vec<usize>) {
    let plan = &columns.plan;
    let row = Row(record);
    let mut entry = Map::new();
    match plan.key {
        Some(column) => row.put(&mut entry, "key", Some(column)),
        None => put_text(&mut entry, "key", format!("row-{}", record.number)),
    }
    let listed = if columns.is_of_pupils() {
        row.put(&mut entry, "first_name", plan.own.first_name);
        put_text(&mut entry, "name", row.full_name(&plan.own));
        row.put(&mut entry, "class", plan.class);
        put_text(&mut entry, "birth_date", value::day(row.text(plan.birth_date)));
        let consent = row.text(plan.consent);
        if !consent.is_empty() {
            entry.insert("consent".into(), value::consent(consent));
        }
        row.person(&mut entry, &plan.own);
        let guardians: Vec<_> = plan.guardians.iter().map(|guardian| row.guardian(guardian)).collect();
        let mut left_out = plan.guardians.iter().zip(&guardians).filter(|(_, value)| value.is_none());
        if left_out.any(|(guardian, _)| row.is_protected(guardian)) {
            // Who it is cannot be told, so it holds for all of the row.
            entry.insert("protected_address".into(), true.into());
        }
        list(&mut entry, "guardians", guardians.into_iter())
    } else {
        let names = [Some(row.full_name(&plan.own)), plan.second.map(|column| row.text(Some(column)).to_owned())];
        let names = names.into_iter().flatten().map(|name| (!name.is_empty()).then(|| Value::from(name)));
        let listed = list(&mut entry, "names", names);
        row.person(&mut entry, &plan.own);
        row.put(&mut entry, "pupil_first_name", plan.pupil);
        row.put(&mut entry, "class", plan.class);
        listed
    };
    let mut fields = Map::new();
    for (identifier, column) in &plan.fields {
        row.put(&mut fields, identifier, Some(*column));
    }
    if !fields.is_empty() {
        entry.insert("fields".into(), fields.into());
    }
    (entry.into(), listed)
}

/// Whether a row can be what it says.
///
/// # Errors
/// [`RowFault`]
pub(super) fn examine(columns: &Columns, record: &Record) -> Result<(), RowFault> {
    let surplus = record.cells.iter().skip(columns.len()).any(|cell| !cell.is_empty());
    if record.overflows || surplus {
        return Err(RowFault::TooManyCells { columns: columns.len() });
    }
    match record.cells.iter().position(|cell| value::is_error(cell)) {
        Some(column) => Err(RowFault::Formula { header: columns.header(column).to_owned() }),
        None => Ok(()),
    }
}

/// Puts those that are there in a list, and tells which they were.
fn list(entry: &mut Map<String, Value>, member: &str, all: impl Iterator<Item = Option<Value>>) -> Vec<usize> {
    let (listed, values): (Vec<usize>, Vec<Value>) =
        all.enumerate().filter_map(|(index, value)| Some((index, value?))).unzip();
    if !values.is_empty() {
        entry.insert(member.into(), values.into());
    }
    listed
}

fn put_text(entry: &mut Map<String, Value>, member: &str, text: impl Into<String>) {
    let text = text.into();
    if !text.is_empty() {
        entry.insert(member.into(), text.into());
    }
}

struct Row<'r>(&'r Record<'r>);

impl Row<'_> {
    /// The cell, empty where there is no such column.
    fn text(&self, column: Option<usize>) -> &str {
        column.map_or("", |column| self.0.cell(column))
    }

    fn put(&self, entry: &mut Map<String, Value>, member: &str, column: Option<usize>) {
        put_text(entry, member, self.text(column));
    }

    fn full_name(&self, person: &Person) -> String {
        let name = self.text(person.name);
        if !name.is_empty() || person.last_name.is_none() {
            return name.to_owned();
        }
        let (first, last) = (self.text(person.first_name), self.text(person.last_name));
        format!("{first} {last}").trim().to_owned()
    }

    fn person(&self, entry: &mut Map<String, Value>, person: &Person) {
        put_text(entry, "locale", value::locale(self.text(person.locale)));
        if person.protected.iter().any(|&column| !self.text(Some(column)).is_empty()) {
            entry.insert("protected_address".into(), self.is_protected(person).into());
        }
        if let Some(address) = self.address(&person.address) {
            entry.insert("address".into(), address);
        }
    }

    fn is_protected(&self, person: &Person) -> bool {
        person.protected.iter().any(|&column| value::is_protected(self.text(Some(column))))
    }

    /// `None` if no cell but that of the country has anything.
    fn address(&self, columns: &Address) -> Option<Value> {
        let mut address = Map::new();
        for (member, column) in ["line1", "line2", "line3"].into_iter().zip(columns.lines) {
            self.put(&mut address, member, column);
        }
        let country = self.text(columns.country);
        put_text(&mut address, "postcode", value::postcode(self.text(columns.postcode), !country.is_empty()));
        self.put(&mut address, "city", columns.city);
        if address.is_empty() {
            return None;
        }
        put_text(&mut address, "country", country);
        Some(address.into())
    }

    /// `None` if neither a name nor an address of that guardian alone stands there. A language or a
    /// «nei» under adressesperre makes nobody.
    fn guardian(&self, columns: &Person) -> Option<Value> {
        let name = self.full_name(columns);
        if name.is_empty() && (columns.shares_address || self.address(&columns.address).is_none()) {
            return None;
        }
        let mut guardian = Map::new();
        put_text(&mut guardian, "name", name);
        self.person(&mut guardian, columns);
        Some(guardian.into())
    }
}
