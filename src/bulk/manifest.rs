//! What was decided and made for each recipient, as JSON and as CSV. Neither holds a name or an address.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::json;

use super::chunk::{Made, Outcome};
use super::print_file::Placed;
use crate::document::{Locale, hex};
use crate::validate::Told;

/// Where a letter stands in a print file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Printed {
    /// Name of the file.
    pub file: String,
    /// Its first page there, from 1.
    pub first_page: usize,
}

impl Printed {
    /// The place that a print file has told.
    #[must_use]
    pub fn new(file: &str, placed: &Placed) -> Self {
        Self { file: file.to_owned(), first_page: placed.first_page }
    }
}

/// How many there are of each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Homes and recipients that something was decided for.
    pub items: u64,
    /// Letters that were made.
    pub letters: u64,
    /// Their pages.
    pub pages: u64,
    /// No letter, as decided.
    pub no_letter: u64,
    /// No letter, since something is wrong.
    pub invalid: u64,
    /// No letter, since it could not be made.
    pub failed: u64,
    /// Letters with a protected address.
    pub protected: u64,
}

impl Counts {
    /// Counts an outcome.
    pub fn add(&mut self, outcome: &Outcome) {
        self.items += 1;
        match &outcome.result {
            Made::Letter(letter) => {
                self.letters += 1;
                self.pages += letter.pages as u64;
                self.protected += u64::from(outcome.is_protected);
            }
            Made::Nothing => self.no_letter += 1,
            Made::Faults(_) => self.invalid += 1,
            Made::Failed(_) => self.failed += 1,
        }
    }
}

/// Writes both forms, a line for each item as it comes.
#[derive(Debug)]
pub struct Manifest<J, C> {
    json: J,
    csv: C,
    locale: Locale,
    counts: Counts,
}

/// One item as it stands in the JSON.
#[derive(Serialize)]
struct Line<'a> {
    number: u64,
    entry: u64,
    row: usize,
    key: &'a str,
    decision: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    follows: Option<u64>,
    notes: &'a [String],
    status: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pages: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    printed: Option<&'a Printed>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    violations: Vec<Told>,
}

const COLUMNS: &str =
    "number;entry;row;key;decision;follows;notes;status;file;language;pages;sha256;print_file;first_page;faults";

impl<J: Write, C: Write> Manifest<J, C> {
    /// Begins a manifest whose faults are told in a language. The CSV is as Excel in Norway reads it: UTF-8 with its mark,
    /// semicolons.
    ///
    /// # Errors
    /// When it can not be written.
    pub fn begin(mut json: J, mut csv: C, locale: Locale) -> io::Result<Self> {
        json.write_all(b"{\"items\":[")?;
        write!(csv, "\u{FEFF}{COLUMNS}\r\n")?;
        Ok(Self { json, csv, locale, counts: Counts::default() })
    }

    /// Adds an item. `file` is the name of its letter.
    ///
    /// # Errors
    /// When it can not be written.
    pub fn add(&mut self, outcome: &Outcome, file: Option<&str>, printed: Option<&Printed>) -> io::Result<()> {
        if self.counts.items > 0 {
            self.json.write_all(b",")?;
        }
        self.json.write_all(b"\n")?;
        self.counts.add(outcome);
        let letter = outcome.letter();
        let violations: Vec<Told> = match &outcome.result {
            Made::Faults(findings) => findings.iter().map(|finding| finding.tell(self.locale)).collect(),
            _ => Vec::new(),
        };
        let faults: Vec<String> = violations.iter().map(|told| format!("{}: {}", told.pointer, told.detail)).collect();
        let failure = match outcome.result {
            Made::Failed(failure) => Some(failure.name()),
            _ => None,
        };
        let cells = [
            outcome.number.to_string(),
            outcome.entry.to_string(),
            outcome.row.to_string(),
            outcome.key.clone(),
            outcome.decision.clone(),
            outcome.follows.map(|item| item.to_string()).unwrap_or_default(),
            outcome.notes.join(" "),
            outcome.status().to_owned(),
            file.unwrap_or_default().to_owned(),
            letter.map(|letter| letter.language.tag().to_owned()).unwrap_or_default(),
            letter.map(|letter| letter.pages.to_string()).unwrap_or_default(),
            letter.map(|letter| hex(&letter.digest)).unwrap_or_default(),
            printed.map(|printed| printed.file.clone()).unwrap_or_default(),
            printed.map(|printed| printed.first_page.to_string()).unwrap_or_default(),
            failure.map_or_else(|| faults.join(" | "), str::to_owned),
        ];
        let cells: Vec<String> = cells.iter().map(|cell| quoted(cell)).collect();
        write!(self.csv, "{}\r\n", cells.join(";"))?;
        let line = Line {
            number: outcome.number,
            entry: outcome.entry,
            row: outcome.row,
            key: &outcome.key,
            decision: &outcome.decision,
            follows: outcome.follows,
            notes: &outcome.notes,
            status: outcome.status(),
            file,
            language: letter.map(|letter| letter.language.tag()),
            pages: letter.map(|letter| letter.pages),
            bytes: letter.map(|letter| letter.place.1),
            sha256: letter.map(|letter| hex(&letter.digest)),
            printed,
            failure,
            violations,
        };
        serde_json::to_writer(&mut self.json, &line).map_err(io::Error::from)
    }

    /// Ends both, with the sums.
    ///
    /// # Errors
    /// When they can not be written.
    pub fn finish(mut self) -> io::Result<(J, C, Counts)> {
        write!(self.json, "\n],\"counts\":{}}}\n", json!(self.counts))?;
        self.json.flush()?;
        self.csv.flush()?;
        Ok((self.json, self.csv, self.counts))
    }
}

/// A cell in quotation marks where it needs them. One that a spreadsheet would take for a formula begins with an apostrophe.
fn quoted(cell: &str) -> String {
    let cell = if cell.starts_with(['=', '+', '-', '@']) { format!("'{cell}") } else { cell.to_owned() };
    if cell.contains([';', '"', '\n', '\r']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bulk::chunk::{Failure, Letter};
    use crate::document::Language;
    use crate::validate::{Code, Finding};

    fn outcome(number: u64, result: Made) -> Outcome {
        Outcome { notes: vec!["household".to_owned()], ..Outcome::of_letter(number, result) }
    }

    #[test]
    fn tells_each_item_in_both_forms() {
        let letter = Letter { language: Language::Nb, pages: 2, digest: [7; 32], place: (0, 10) };
        let mut manifest = Manifest::begin(Vec::new(), Vec::new(), Locale::En).expect("memory takes it");
        let printed = Printed { file: "print.pdf".to_owned(), first_page: 3 };
        let made = outcome(1, Made::Letter(letter));
        manifest.add(&made, Some(&made.file_name()), Some(&printed)).expect("memory takes it");
        let faulty = outcome(2, Made::Faults(vec![Finding::new("/address/postcode", Code::BadPostcode)]));
        manifest.add(&faulty, None, None).expect("memory takes it");
        manifest.add(&outcome(3, Made::Failed(Failure::Deadline)), None, None).expect("memory takes it");
        let (json, csv, counts) = manifest.finish().expect("memory takes it");
        assert_eq!((counts.items, counts.letters, counts.pages, counts.invalid, counts.failed), (3, 1, 2, 1, 1));
        let value: serde_json::Value = serde_json::from_slice(&json).expect("it is JSON");
        assert_eq!(value["items"][0]["file"], "000001-k1.pdf");
        assert_eq!(value["items"][0]["printed"]["first_page"], 3);
        assert_eq!(value["items"][1]["violations"][0]["pointer"], "/address/postcode");
        assert_eq!(value["items"][2]["failure"], "deadline");
        assert_eq!(value["counts"]["letters"], 1);
        let csv = String::from_utf8(csv).expect("it is UTF-8");
        let lines: Vec<&str> = csv.trim_start_matches('\u{FEFF}').split("\r\n").collect();
        assert_eq!(lines.len(), 5, "{csv}");
        assert!(lines.iter().take(4).all(|line| line.matches(';').count() == 14), "{csv}");
        assert!(lines[1].ends_with(";print.pdf;3;"), "{csv}");
    }

    #[test]
    fn no_cell_is_a_formula() {
        assert_eq!(quoted("=1+1"), "'=1+1");
        assert_eq!(quoted("a;\"b\""), "\"a;\"\"b\"\"\"");
    }
}
