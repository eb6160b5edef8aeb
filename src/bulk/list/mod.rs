//! Class lists: CSV or XLSX in, entries as JSON out.
//!
//! Knows no HTTP, no store and no templates, and does not say whether an entry is right: what a cell
//! holds goes into the entry as it stands, unless its meaning is plain, and validation has the word.
//!
//! A list is taken as a whole or not at all as far as its columns go: a [`ListFault`] each for all that
//! is wrong with them. A row that cannot be read is a [`RowFault`], and the others go on.
//! What the columns may be called is told in docs/lists.md.

mod columns;
mod encoding;
mod entry;
mod fault;
mod heading;
mod pointer;
mod record;
#[cfg(test)]
mod tests;
mod value;
mod workbook;

use serde_json::Value;

pub use columns::Columns;
pub use fault::{ListFault, RowFault};
use record::{Record, Records};

/// Most bytes of a list, as it is sent and as text.
pub const MAX_BYTES: usize = 64 * 1024 * 1024;
/// Most bytes that the parts of a workbook may unpack to.
pub const MAX_UNPACKED: u64 = 256 * 1024 * 1024;
/// Most rows under the header.
pub const MAX_ROWS: usize = 200_000;
/// Most columns.
pub const MAX_COLUMNS: usize = 200;

/// What a list is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Separated values.
    Csv,
    /// A workbook of Office Open XML.
    Xlsx,
}

impl Format {
    /// By the first bytes: a workbook is a ZIP archive.
    #[must_use]
    pub fn detect(bytes: &[u8]) -> Self {
        if bytes.starts_with(b"PK\x03\x04") { Self::Xlsx } else { Self::Csv }
    }
}

/// A list whose columns are settled.
#[derive(Debug)]
pub struct Table {
    /// Separated values; of a workbook too.
    text: String,
    separator: u8,
    columns: Columns,
    rows: usize,
}

/// One row under the header.
#[derive(Debug)]
pub struct Row {
    /// As a spreadsheet counts; the header is mostly 1.
    pub number: usize,
    /// A pupil or a plain recipient, see [`Columns::is_of_pupils`].
    pub entry: Result<Value, RowFault>,
    /// Of a row that cannot be read, what can be read of it.
    pub remains: Value,
    /// Which guardians or names of the columns the entry has.
    listed: Vec<usize>,
}

impl Row {
    /// The name of the column that a member of this row's entry comes from.
    ///
    /// Differs from [`Columns::header_of`] where a row has a second guardian but no first: its
    /// `/guardians/0` then comes from the columns of the second.
    #[must_use]
    pub fn header_of<'c>(&self, columns: &'c Columns, pointer: &str) -> Option<&'c str> {
        let list = ["/guardians/", "/names/"].into_iter().find(|list| pointer.starts_with(list));
        let Some(list) = list else { return columns.header_of(pointer) };
        let (index, rest) = pointer[list.len()..].split_at_checked(1)?;
        let column = self.listed.get(index.parse::<usize>().ok()?)?;
        columns.header_of(&format!("{list}{column}{rest}"))
    }
}

impl Table {
    /// Reads a list, all but its rows: these are counted and looked through, no more.
    ///
    /// # Errors
    /// All that is wrong with the list as a whole.
    pub fn open(bytes: Vec<u8>) -> Result<Self, Vec<ListFault>> {
        if bytes.len() > MAX_BYTES {
            return Err(vec![ListFault::TooLarge]);
        }
        if bytes.starts_with(b"\xD0\xCF\x11\xE0") {
            return Err(vec![ListFault::OldOrLocked]);
        }
        let format = Format::detect(&bytes);
        let (text, separator) = match format {
            Format::Xlsx => (workbook::read(bytes).map_err(|fault| vec![fault])?, workbook::SEPARATOR),
            Format::Csv => {
                let mut text = encoding::decode(bytes).map_err(|fault| vec![fault])?;
                let separator = separator(&mut text).map_err(|fault| vec![fault])?;
                (text, separator)
            }
        };
        let (columns, rows) = survey(format, &text, separator)?;
        Ok(Self { text, separator, columns, rows })
    }

    /// The columns.
    #[must_use]
    pub fn columns(&self) -> &Columns {
        &self.columns
    }

    /// How many rows there are under the header.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Never: a list without rows is not opened.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// The rows under the header, those with nothing in them left out. Read as they are asked for.
    pub fn rows(&self) -> impl Iterator<Item = Row> {
        Records::new(&self.text, self.separator).skip(1).filter_map(Result::ok).map(|record| self.row(&record))
    }

    fn row(&self, record: &Record) -> Row {
        let number = record.number;
        let (entry, listed) = entry::entry(&self.columns, record);
        match entry::examine(&self.columns, record) {
            Ok(()) => Row { number, entry: Ok(entry), remains: Value::Null, listed },
            Err(fault) => {
                let mut remains = entry;
                if matches!(fault, RowFault::TooManyCells { .. }) && self.columns.tell_protection() {
                    protect(&mut remains, record);
                }
                Row { number, entry: Err(fault), remains, listed }
            }
        }
    }
}

/// Takes everybody whom a row may name for protected: its cells are shifted, so which of them says so cannot be told.
fn protect(remains: &mut Value, record: &Record) {
    let Some(members) = remains.as_object_mut() else { return };
    members.insert("protected_address".into(), true.into());
    let cells = record.cells.iter().filter(|cell| !cell.is_empty());
    members.insert("names".into(), cells.map(|cell| Value::from(cell.as_ref())).collect());
}

/// What cells are separated by. Takes the line `sep=;` away, which Excel writes and reads but does not
/// count. Without it: whatever gives the first row most columns that we know, then most columns.
fn separator(text: &mut String) -> Result<u8, ListFault> {
    let line = text.split(['\r', '\n']).next().unwrap_or_default();
    let length = line.len();
    let said = line.trim().trim_matches('"').to_ascii_lowercase();
    if let Some(said) = said.strip_prefix("sep=") {
        let separator = match said {
            // A tabulator at the end of the line is trimmed away.
            "" => b'\t',
            "," | ";" => said.as_bytes()[0],
            _ => return Err(ListFault::Separator),
        };
        let breaks = if text[length..].starts_with("\r\n") { 2 } else { 1 };
        text.drain(..text.len().min(length + breaks));
        return Ok(separator);
    }
    let gives = |separator: &u8| match Records::new(text, *separator).next() {
        Some(Ok(record)) => {
            let known = record.cells.iter().filter(|cell| heading::Heading::is_known(cell)).count();
            (known, record.cells.len())
        }
        Some(Err(_)) => (0, 0),
        // Nothing but this separator.
        None => (usize::MAX, 0),
    };
    // Of equals the last.
    Ok([b',', b'\t', b';'].into_iter().max_by_key(gives).unwrap_or(b';'))
}

/// Looks through all rows, once, and settles the columns.
fn survey(format: Format, text: &str, separator: u8) -> Result<(Columns, usize), Vec<ListFault>> {
    let mut records = Records::new(text, separator);
    let header = match records.next() {
        None => return Err(vec![ListFault::NoRows]),
        Some(header) => header.map_err(|fault| vec![fault])?,
    };
    if !Columns::begin_in(&header.cells) {
        return Err(vec![ListFault::NoHeader { row: header.number }]);
    }
    if header.overflows {
        return Err(vec![ListFault::TooManyColumns]);
    }
    let mut faults = Vec::new();
    // In a workbook every column has a header cell, empty or not. In a text a longer row is a fault of its own.
    let width = if format == Format::Xlsx { MAX_COLUMNS } else { header.cells.len() };
    let mut filled = vec![false; width];
    let mut rows = 0;
    for record in records {
        match record {
            Ok(record) => {
                rows += 1;
                for (filled, cell) in filled.iter_mut().zip(&record.cells) {
                    *filled |= !cell.is_empty();
                }
            }
            Err(fault) => faults.push(fault),
        }
    }
    if rows > MAX_ROWS {
        faults.push(ListFault::TooManyRows);
    } else if rows == 0 && faults.is_empty() {
        faults.push(ListFault::NoRows);
    }
    match Columns::settle(&header.cells, &filled) {
        Ok(columns) if faults.is_empty() => Ok((columns, rows)),
        Ok(_) => Err(faults),
        Err(of_columns) => {
            faults.extend(of_columns);
            Err(faults)
        }
    }
}
