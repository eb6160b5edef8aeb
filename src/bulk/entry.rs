//! The entries of a list, whatever it is written in: a table, a JSON array, or a line of JSON for each (NDJSON).

use serde_json::Value;

use super::list::{ListFault, Row, RowFault, Table};
use crate::validate::{self, Arg, Code, Finding, Unreadable, read_json};

/// What a text in UTF-8 may begin with.
const MARK: &[u8] = b"\xEF\xBB\xBF";

/// A list that can be gone through again and again.
#[derive(Debug)]
pub enum List {
    /// Rows with columns.
    Table(Box<Table>),
    /// Entries of one JSON document.
    Values(Vec<Value>),
    /// A line for each.
    Lines(Vec<u8>),
}

/// Why there is no list.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// The columns are not as they have to be.
    #[error("the list can not be used")]
    Table(Vec<ListFault>),
    /// It begins as JSON and is none.
    #[error("the list is not JSON: {0}")]
    Json(#[from] Unreadable),
    /// It has no entries.
    #[error("the list is empty")]
    Empty,
}

/// One entry, as far as it can be read.
#[derive(Debug)]
pub struct Entry {
    /// The entry in the form of its shape, or what is wrong with that. The places of faults are those of the entry.
    pub value: Result<Value, Vec<Finding>>,
    /// The entry as it came, whatever is wrong with it.
    pub raw: Value,
    /// The key, as far as it can be told.
    pub key: String,
    /// Row or line in the list, from 1.
    pub row: usize,
}

impl List {
    /// Reads a list. Tables and JSON are told apart by how they begin.
    ///
    /// # Errors
    /// See [`ListError`].
    pub fn read(bytes: Vec<u8>) -> Result<Self, ListError> {
        let first = bytes.iter().copied().find(|byte| !byte.is_ascii_whitespace() && !MARK.contains(byte));
        match first {
            None => Err(ListError::Empty),
            Some(b'[') => match read_json(bytes.strip_prefix(MARK).unwrap_or(&bytes))? {
                Value::Array(values) if values.is_empty() => Err(ListError::Empty),
                Value::Array(values) => Ok(Self::Values(values)),
                // What begins with a bracket is an array.
                _ => Err(ListError::Empty),
            },
            Some(b'{') => Ok(Self::Lines(bytes)),
            Some(_) => Table::open(bytes).map(|table| Self::Table(table.into())).map_err(ListError::Table),
        }
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Table(table) => table.len(),
            Self::Values(values) => values.len(),
            Self::Lines(bytes) => lines(bytes).count(),
        }
    }

    /// Never: a list without entries is not read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The entries, read as they are asked for.
    pub fn entries(&self) -> Box<dyn Iterator<Item = Entry> + Send + '_> {
        match self {
            Self::Table(table) => {
                let of_pupils = table.columns().is_of_pupils();
                Box::new(table.rows().map(move |row| of_row(row, of_pupils)))
            }
            Self::Values(values) => {
                Box::new(values.iter().enumerate().map(|(index, value)| of_value(value.clone(), index + 1)))
            }
            Self::Lines(bytes) => Box::new(lines(bytes).map(|(line, bytes)| Entry::of_line(bytes, line))),
        }
    }

    /// How the places of entries are called in the list.
    #[must_use]
    pub fn places(&self) -> Places<'_> {
        match self {
            Self::Table(table) => Places { table: Some((table, Box::new(table.rows()))), row: None },
            Self::Values(_) | Self::Lines(_) => Places { table: None, row: None },
        }
    }
}

impl Entry {
    /// The entry of a line of JSON.
    #[must_use]
    pub fn of_line(bytes: &[u8], line: usize) -> Self {
        match read_json(bytes) {
            Ok(value) => of_value(value, line),
            Err(error) => {
                let finding = Finding::new("", Code::UnreadableEntry).with("column", error.column);
                Self { value: Err(vec![finding]), raw: Value::Null, key: format!("line-{line}"), row: line }
            }
        }
    }
}

/// How the places of entries are called in the list: in a table by the names of its columns. To be asked in the order of the rows, since the
/// table is gone through once.
pub struct Places<'a> {
    table: Option<(&'a Table, Box<dyn Iterator<Item = Row> + Send + 'a>)>,
    row: Option<Row>,
}

impl<'a> Places<'a> {
    /// The name of the column that a place of an entry has come from, if it has come from one.
    pub fn column(&mut self, row: usize, pointer: &str) -> Option<&'a str> {
        let (table, rows) = self.table.as_mut().filter(|_| !pointer.is_empty())?;
        while self.row.as_ref().is_none_or(|at| at.number < row) {
            self.row = Some(rows.next()?);
        }
        self.row.as_ref().filter(|at| at.number == row)?.header_of(table.columns(), pointer)
    }
}

/// Lines with something in them, and their numbers from 1.
fn lines(bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> + Send {
    let bytes = bytes.strip_prefix(MARK).unwrap_or(bytes);
    let lines = bytes.split(|&byte| byte == b'\n').enumerate();
    lines.filter(|(_, line)| !line.trim_ascii().is_empty()).map(|(index, line)| (index + 1, line))
}

fn of_value(mut value: Value, row: usize) -> Entry {
    // Before anything is compared: what looks the same has to be the same.
    validate::normalise(&mut value);
    let key = key_of(&value).unwrap_or_else(|| format!("entry-{row}"));
    Entry { value: validate::read_entry(value.clone()), raw: value, key, row }
}

/// The key, if it has the form of one. Anything else may be a name or a number of a person, which does not go into manifests.
fn key_of(entry: &Value) -> Option<String> {
    let key = entry.get("key")?.as_str()?;
    (is_key(key) && !validate::holds_identity_number(key)).then(|| key.to_owned())
}

/// As [`ENTRY_KEY_PATTERN`](crate::document::ENTRY_KEY_PATTERN) has it.
pub(super) fn is_key(text: &str) -> bool {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"._:-".contains(byte);
    (1..=60).contains(&text.len()) && text.as_bytes()[0].is_ascii_alphanumeric() && text.as_bytes().iter().all(plain)
}

fn of_row(row: Row, of_pupils: bool) -> Entry {
    match row.entry {
        Ok(mut value) => {
            // A recipient without a name is no pupil.
            if let Some(members) = value.as_object_mut().filter(|members| !of_pupils && !members.contains_key("names"))
            {
                members.insert("names".to_owned(), Value::Array(Vec::new()));
            }
            of_value(value, row.number)
        }
        Err(fault) => {
            let mut raw = row.remains;
            validate::normalise(&mut raw);
            // Cells that are shifted may have put a name into the column of keys.
            let key = format!("row-{}", row.number);
            Entry { value: Err(vec![unreadable(&fault)]), raw, key, row: row.number }
        }
    }
}

/// A fault of a row in words that have a form in each language. What stands in these words comes behind them.
fn unreadable(fault: &RowFault) -> Finding {
    let told = |fault, hint| {
        Finding::new("", Code::UnreadableRow).with("fault", Arg::word(fault)).with("hint", Arg::word(hint))
    };
    match fault {
        RowFault::TooManyCells { columns } => {
            told("more cells than columns", "look for a separator within a text").with("columns", columns)
        }
        RowFault::Formula { header } => told("an error of the spreadsheet", "mend the formula").with("header", header),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Locale;

    #[test]
    fn a_row_that_can_not_be_read_is_told_in_the_language_of_the_letter() {
        let list = List::read("Navn;Klasse\na;b;c\nd;#N/A".into()).unwrap_or_else(|error| panic!("{error}"));
        let told = |locale| -> Vec<String> {
            let findings = list.entries().filter_map(|entry| entry.value.err()).flatten();
            let told = findings.map(|finding| finding.tell(locale));
            told.map(|told| format!("{} ({})", told.detail, told.hint.unwrap_or_default())).collect()
        };
        for (locale, expected) in [
            (
                Locale::Nb,
                [
                    "raden kan ikke leses: flere celler enn overskriften har kolonner (2) (se etter et skilletegn inne i en tekst, og sett en slik tekst i anførselstegn; eller gi kolonnen et navn)",
                    "raden kan ikke leses: regnearket viser en feil i kolonnen `Klasse` (rett formelen, eller skriv selve teksten)",
                ],
            ),
            (
                Locale::Nn,
                [
                    "rada kan ikkje lesast: fleire celler enn overskrifta har kolonnar (2) (sjå etter eit skiljeteikn inne i ein tekst, og set ein slik tekst i hermeteikn; eller gi kolonnen eit namn)",
                    "rada kan ikkje lesast: reknearket viser ein feil i kolonnen `Klasse` (rett formelen, eller skriv sjølve teksten)",
                ],
            ),
            (
                Locale::En,
                [
                    "the row cannot be read: more cells than the header has columns (2) (look for a separator within a text, and put such a text in quotation marks; or name the column)",
                    "the row cannot be read: an error of the spreadsheet in column `Klasse` (mend the formula, or write the text itself)",
                ],
            ),
        ] {
            assert_eq!(told(locale), expected);
        }
    }

    #[test]
    fn what_is_shifted_into_the_column_of_keys_is_no_key() {
        let list = "Navn;Nøkkel;Klasse\nPrøvesen;Testine;r1;5A\nPrøvar;r2;#N/A\nÅse;r3;5A";
        let list = List::read(list.into()).unwrap_or_else(|error| panic!("{error}"));
        let keys: Vec<String> = list.entries().map(|entry| entry.key).collect();
        assert_eq!(keys, ["row-2", "row-3", "r3"]);
    }
}
