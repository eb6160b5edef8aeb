//! A text of separated values, taken apart by RFC 4180.
//!
//! Written here and not left to a crate for three reasons. Readers made for data at large take a
//! stray quotation mark as they best can; here that would put the next pupil's row into this pupil's
//! letter, so it is a fault. Row numbers are those a spreadsheet shows, also after blank lines and
//! cells with line breaks. And a line of sixty million commas takes no memory.

use std::borrow::Cow;

use super::{ListFault, MAX_COLUMNS};

/// One row as it stands.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Record<'t> {
    /// As a spreadsheet counts, from 1.
    pub(super) number: usize,
    /// The first [`MAX_COLUMNS`] cells, trimmed.
    pub(super) cells: Vec<Cow<'t, str>>,
    /// Whether anything stands beyond these.
    pub(super) overflows: bool,
}

impl Record<'_> {
    /// A cell; empty where the row is shorter.
    pub(super) fn cell(&self, column: usize) -> &str {
        self.cells.get(column).map_or("", |cell| cell)
    }

    /// Whether nothing stands in it.
    pub(super) fn is_empty(&self) -> bool {
        !self.overflows && self.cells.iter().all(|cell| cell.is_empty())
    }
}

/// The rows of a text, those with nothing in them left out.
#[derive(Debug, Clone)]
pub(super) struct Records<'t> {
    text: &'t str,
    at: usize,
    number: usize,
    separator: u8,
}

impl<'t> Records<'t> {
    /// From the first row on.
    pub(super) fn new(text: &'t str, separator: u8) -> Self {
        Self { text, at: 0, number: 0, separator }
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Steps over one line break, if one stands here.
    fn line_break(&mut self) -> bool {
        let rest = &self.text.as_bytes()[self.at..];
        let length = match rest {
            [b'\r', b'\n', ..] => 2,
            [b'\r' | b'\n', ..] => 1,
            _ => 0,
        };
        self.at += length;
        length > 0
    }

    /// One cell, up to the separator or line break after it. `None`: its quotation marks do not match.
    fn cell(&mut self) -> Option<Cow<'t, str>> {
        if self.byte() == Some(b'"') {
            return self.quoted();
        }
        let rest = &self.text[self.at..];
        let ends = |byte: u8| byte == self.separator || byte == b'\n' || byte == b'\r';
        let length = rest.bytes().position(ends).unwrap_or(rest.len());
        self.at += length;
        Some(Cow::Borrowed(bare(rest[..length].trim())))
    }

    fn quoted(&mut self) -> Option<Cow<'t, str>> {
        let content = &self.text[self.at + 1..];
        let bytes = content.as_bytes();
        let mut end = 0;
        let mut doubled = false;
        loop {
            end += bytes[end..].iter().position(|&byte| byte == b'"')?;
            if bytes.get(end + 1) != Some(&b'"') {
                break;
            }
            doubled = true;
            end += 2;
        }
        self.at += end + 2;
        while self.byte() == Some(b' ') && self.separator != b' ' {
            self.at += 1;
        }
        let closed = self.byte().is_none_or(|byte| byte == self.separator || byte == b'\n' || byte == b'\r');
        let content = content[..end].trim();
        let cell = if doubled { Cow::Owned(content.replace("\"\"", "\"")) } else { Cow::Borrowed(content) };
        closed.then(|| match cell {
            Cow::Borrowed(text) => Cow::Borrowed(bare(text)),
            Cow::Owned(text) => Cow::Owned(bare(&text).to_owned()),
        })
    }

    fn record(&mut self) -> Option<Record<'t>> {
        let mut record = Record { number: self.number, cells: Vec::new(), overflows: false };
        loop {
            let cell = self.cell()?;
            if record.cells.len() < MAX_COLUMNS {
                record.cells.push(cell);
            } else {
                record.overflows |= !cell.is_empty();
            }
            if self.byte() != Some(self.separator) {
                self.line_break();
                return Some(record);
            }
            self.at += 1;
        }
    }
}

impl<'t> Iterator for Records<'t> {
    type Item = Result<Record<'t>, ListFault>;

    /// The next row. After a fault there are none: where they begin cannot be told.
    fn next(&mut self) -> Option<Self::Item> {
        while self.at < self.text.len() {
            self.number += 1;
            if self.line_break() {
                continue;
            }
            match self.record() {
                Some(record) if record.is_empty() => {}
                Some(record) => return Some(Ok(record)),
                None => {
                    self.at = self.text.len();
                    return Some(Err(ListFault::Quotation { row: self.number }));
                }
            }
        }
        None
    }
}

/// `="0123"`, as some systems write a text so that Excel keeps its zeros, without what is for Excel.
fn bare(cell: &str) -> &str {
    cell.strip_prefix("=\"").and_then(|rest| rest.strip_suffix('"')).map_or(cell, str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Vec<(usize, Vec<String>)> {
        Records::new(text, b';')
            .map(|record| record.unwrap())
            .map(|record| (record.number, record.cells.into_iter().map(Cow::into_owned).collect()))
            .collect()
    }

    fn row(number: usize, cells: &[&str]) -> (usize, Vec<String>) {
        (number, cells.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn takes_rows_apart() {
        let cases = [
            ("a;b\r\nc;d\r\n", vec![row(1, &["a", "b"]), row(2, &["c", "d"])]),
            ("a;b\rc;d", vec![row(1, &["a", "b"]), row(2, &["c", "d"])]),
            (" a ;\u{a0}b\t;", vec![row(1, &["a", "b", ""])]),
            ("\"a;b\" ;\"c\"\"d\"\"\"", vec![row(1, &["a;b", "c\"d\""])]),
            ("5\" r\u{f8}r;b", vec![row(1, &["5\" r\u{f8}r", "b"])]),
            ("=\"0123\";\"=\"\"0456\"\"\"", vec![row(1, &["0123", "0456"])]),
            ("", vec![]),
            (";;\n\n  \n", vec![]),
        ];
        for (text, expected) in cases {
            assert_eq!(rows(text), expected, "{text:?}");
        }
    }

    #[test]
    fn counts_rows_as_a_spreadsheet_does() {
        let text = "\r\nnavn;adresse\r\n\r\n;\r\n\"a\r\nb\";c\r\nd;e";
        assert_eq!(rows(text), [row(2, &["navn", "adresse"]), row(5, &["a\r\nb", "c"]), row(6, &["d", "e"])]);
    }

    #[test]
    fn stops_at_a_quotation_mark_that_does_not_match() {
        for text in ["a;b\n\"c;d\ne;f\n", "a;b\n\"c\"d;e\n\"f\";g\n", "a\n\""] {
            let all: Vec<_> = Records::new(text, b';').collect();
            assert_eq!(all.len(), 2, "{text:?}");
            assert_eq!(all[1], Err(ListFault::Quotation { row: 2 }), "{text:?}");
        }
    }

    #[test]
    fn keeps_no_more_cells_than_a_list_may_have() {
        let text = ";".repeat(1_000_000) + "a";
        let record = Records::new(&text, b';').next().unwrap().unwrap();
        assert_eq!(record.cells.len(), MAX_COLUMNS);
        assert!(record.overflows);
    }
}
