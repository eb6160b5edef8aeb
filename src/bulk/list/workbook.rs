//! An XLSX workbook to the text that its first sheet would be as CSV, separated by tabulators.
//!
//! A workbook is a ZIP archive, and calamine trusts what stands in it. So the archive is measured
//! first: what its parts declare, what they truly unpack to, and how many strings they say they have.

use std::io::{Cursor, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};

use calamine::{DataRef, Reader, SheetType, SheetVisible, Xlsx};
use zip::ZipArchive;

use super::{ListFault, MAX_BYTES, MAX_COLUMNS, MAX_ROWS, MAX_UNPACKED};

/// What separates cells in the text.
pub(super) const SEPARATOR: u8 = b'\t';
/// Most bytes of the parts that become trees and tables in memory: styles, relations, names.
const MAX_PART: u64 = 4 * 1024 * 1024;
/// Most bytes of the table of strings.
const MAX_STRINGS: u64 = 64 * 1024 * 1024;
/// Most strings that the table may declare.
const MAX_STRING_COUNT: u64 = 4_000_000;
/// Rows of a sheet, and bytes of a cell: 32,767 characters.
const SHEET_ROWS: u32 = 1_048_576;
const CELL_BYTES: usize = 32_767 * 4;

/// The text of the first visible sheet that has anything in it.
///
/// # Errors
/// A damaged or locked workbook, or one that is too large.
pub(super) fn read(bytes: Vec<u8>) -> Result<String, ListFault> {
    // Sums of calamine's overflow in some damaged files, which panics in builds that check for it.
    catch_unwind(AssertUnwindSafe(|| {
        let bytes = measure(bytes)?;
        sheet(bytes)
    }))
    .unwrap_or(Err(ListFault::Damaged))
}

/// Unpacks every part that will be read, and keeps nothing of it.
fn measure(bytes: Vec<u8>) -> Result<Vec<u8>, ListFault> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|_| ListFault::Damaged)?;
    let mut declared: u64 = 0;
    let mut unpacked: u64 = 0;
    for index in 0..archive.len() {
        let mut part = archive.by_index(index).map_err(|_| ListFault::Damaged)?;
        declared = declared.saturating_add(part.size());
        if declared > MAX_UNPACKED {
            return Err(ListFault::TooLargeUnpacked);
        }
        let name = part.name().map_err(|_| ListFault::Damaged)?.replace('\\', "/").to_ascii_lowercase();
        let is_read = [".xml", ".rels"].iter().any(|end| name.ends_with(end));
        if !is_read {
            continue;
        }
        let most = match name.as_str() {
            name if name.ends_with("sharedstrings.xml") => MAX_STRINGS,
            name if name.contains("/worksheets/") => MAX_UNPACKED,
            _ => MAX_PART,
        };
        unpacked += if most == MAX_STRINGS { strings(&mut part)? } else { length(&mut part, most)? };
        if unpacked > MAX_UNPACKED {
            return Err(ListFault::TooLargeUnpacked);
        }
    }
    Ok(archive.into_inner().into_inner())
}

fn length(part: &mut impl Read, most: u64) -> Result<u64, ListFault> {
    let length = std::io::copy(&mut part.take(most + 1), &mut std::io::sink()).map_err(|_| ListFault::Damaged)?;
    if length > most { Err(ListFault::TooLargeUnpacked) } else { Ok(length) }
}

/// Measures the table of strings. Memory is taken for as many as it declares, before one is read.
fn strings(part: &mut impl Read) -> Result<u64, ListFault> {
    let mut xml = Vec::new();
    part.take(MAX_STRINGS + 1).read_to_end(&mut xml).map_err(|_| ListFault::Damaged)?;
    if xml.len() as u64 > MAX_STRINGS {
        return Err(ListFault::TooLargeUnpacked);
    }
    // In UTF-16 or with shift sequences the count would not be found.
    if xml.iter().any(|&byte| byte == 0 || byte == 0x1B) {
        return Err(ListFault::Damaged);
    }
    let count = b"uniqueCount";
    let mut rest = xml.as_slice();
    while let Some(at) = rest.iter().position(|&byte| byte == b'u') {
        rest = &rest[at..];
        if let Some(value) = rest.strip_prefix(count)
            && declared(value) > MAX_STRING_COUNT
        {
            return Err(ListFault::TooLargeUnpacked);
        }
        rest = &rest[1..];
    }
    Ok(xml.len() as u64)
}

/// The number in `="123"`.
fn declared(value: &[u8]) -> u64 {
    let skipped = value.iter().take_while(|byte| !byte.is_ascii_digit() && !byte.is_ascii_alphabetic()).count();
    value[skipped..]
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .fold(0, |sum: u64, byte| sum.saturating_mul(10).saturating_add(u64::from(byte - b'0')))
}

fn sheet(bytes: Vec<u8>) -> Result<String, ListFault> {
    let mut workbook = Xlsx::new(Cursor::new(bytes)).map_err(|_| ListFault::Damaged)?;
    let is_shown =
        |sheet: &&calamine::Sheet| sheet.typ == SheetType::WorkSheet && sheet.visible == SheetVisible::Visible;
    let names: Vec<String> =
        workbook.sheets_metadata().iter().filter(is_shown).map(|sheet| sheet.name.clone()).collect();
    for name in names {
        let mut cells = workbook.worksheet_cells_reader(&name).map_err(|_| ListFault::Damaged)?;
        let mut sheet = Sheet::default();
        while let Some(cell) = cells.next_cell().map_err(|_| ListFault::Damaged)? {
            let (row, column) = cell.get_position();
            sheet.put(row, column, &written(cell.get_value()))?;
        }
        sheet.end_row()?;
        if !sheet.text.is_empty() {
            return Ok(sheet.text);
        }
    }
    Ok(String::new())
}

/// A sheet as separated values, in the making.
#[derive(Default)]
struct Sheet {
    text: String,
    /// Rows with anything in them.
    filled: usize,
    /// Rows in the text.
    written: u32,
    row: u32,
    /// The cells of the row, as far as the last with anything in it.
    cells: Vec<String>,
}

impl Sheet {
    fn put(&mut self, row: u32, column: u32, cell: &str) -> Result<(), ListFault> {
        if cell.is_empty() {
            return Ok(());
        }
        if row != self.row {
            self.end_row()?;
            if row < self.row || row >= SHEET_ROWS {
                return Err(ListFault::Damaged);
            }
            self.row = row;
        }
        let column = column as usize;
        if column >= MAX_COLUMNS {
            return Err(ListFault::TooManyColumns);
        }
        // One string of the table may stand in many cells.
        if cell.len() > CELL_BYTES {
            return Err(ListFault::Damaged);
        }
        // Cells of a row ascend. Where they do not, a row stands twice and two recipients would become one.
        if column < self.cells.len() {
            return Err(ListFault::Damaged);
        }
        self.cells.resize(column + 1, String::new());
        cell.clone_into(&mut self.cells[column]);
        Ok(())
    }

    fn end_row(&mut self) -> Result<(), ListFault> {
        if self.cells.is_empty() {
            return Ok(());
        }
        self.filled += 1;
        // One more than the rows: the header.
        if self.filled > MAX_ROWS + 1 {
            return Err(ListFault::TooManyRows);
        }
        for _ in self.written..self.row {
            self.text.push('\n');
        }
        self.written = self.row + 1;
        for (column, cell) in self.cells.drain(..).enumerate() {
            if column > 0 {
                self.text.push(char::from(SEPARATOR));
            }
            if cell.contains(['"', '\n', '\r', '\t']) {
                self.text.push('"');
                self.text.push_str(&cell.replace('"', "\"\""));
                self.text.push('"');
            } else {
                self.text.push_str(&cell);
            }
        }
        self.text.push('\n');
        if self.text.len() > MAX_BYTES { Err(ListFault::TooLarge) } else { Ok(()) }
    }
}

/// A cell as text: days as ISO 8601, whole numbers without decimals, truth as «ja» and «nei».
fn written(value: &DataRef) -> String {
    match value {
        DataRef::Empty => String::new(),
        DataRef::String(text) => text.trim().to_owned(),
        DataRef::SharedString(text) => text.trim().to_owned(),
        DataRef::Bool(truth) => if *truth { "ja" } else { "nei" }.to_owned(),
        DataRef::Int(number) => number.to_string(),
        DataRef::Float(number) => decimal(*number),
        DataRef::DateTime(time) if time.is_duration() => decimal(time.as_f64()),
        DataRef::DateTime(time) => {
            let (year, month, day, hour, minute, ..) = time.to_ymd_hms_milli();
            let day = format!("{year:04}-{month:02}-{day:02}");
            let clock = format!("{hour:02}:{minute:02}");
            match (time.as_f64() < 1.0, clock.as_str()) {
                (true, _) => clock,
                (false, "00:00") => day,
                (false, _) => format!("{day} {clock}"),
            }
        }
        DataRef::DateTimeIso(text) => text.trim_end_matches('Z').trim_end_matches("T00:00:00").to_owned(),
        DataRef::DurationIso(text) => text.clone(),
        DataRef::Error(error) => error.to_string(),
    }
}

/// Numbers of up to fifteen digits, which is what spreadsheets keep.
fn decimal(number: f64) -> String {
    if number.fract() == 0.0 { format!("{number:.0}") } else { number.to_string() }
}
