//! Cross-references (ISO 32000-2, 7.5.4 to 7.5.8): which object stands where, section by section, as the file itself says it.
//!
//! Nothing is repaired. A reader that searches for objects when the table is wrong may find what was never signed.

use std::collections::BTreeMap;

use super::filter;
use super::parse::{Budget, Parser, PdfError, is_space};
use super::value::{Dictionary, Value, entry};

/// Most sections, which is more than anyone signs a file.
const MOST_SECTIONS: usize = 256;
/// Most entries of all sections together.
const MOST_ENTRIES: usize = 1_000_000;
/// How far from its end a file may have its last `startxref`.
const TAIL: usize = 2048;

/// Where an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::verify) enum Entry {
    /// Nowhere: it was taken out, or never there.
    Free,
    /// At this byte.
    At { offset: usize, generation: u16 },
    /// In an object stream, as its object of this place.
    In { container: u32, index: usize },
}

/// One cross-reference section with its trailer.
#[derive(Debug)]
pub(in crate::verify) struct Section {
    /// First byte.
    pub start: usize,
    /// The byte after its end: after the trailer or the stream.
    pub end: usize,
    pub trailer: Dictionary,
    pub entries: BTreeMap<u32, Entry>,
    /// The byte after the `%%EOF` behind it, if that follows a `startxref` that leads to this section.
    pub eof: Option<usize>,
    /// Has a stream beside its table, for readers that know it.
    pub hybrid: bool,
}

/// All sections, the oldest first, and the byte after the last `%%EOF`.
pub(super) fn sections(bytes: &[u8], budget: &Budget) -> Result<(Vec<Section>, usize), PdfError> {
    let (mut next, tail) = last_marker(bytes, budget)?;
    let mut sections = Vec::<Section>::new();
    let mut entries = 0;
    loop {
        let section = section(bytes, next, budget)?;
        entries += section.entries.len();
        // An entry takes as much memory as two values.
        budget.values(2 * section.entries.len())?;
        let previous =
            entry(&section.trailer, "Prev").map(|value| value.as_index().ok_or(PdfError::Structure("/Prev")));
        sections.push(section);
        let Some(previous) = previous.transpose()? else { break };
        if sections.iter().any(|seen| seen.start == previous) {
            return Err(PdfError::Structure("/Prev"));
        }
        if sections.len() >= MOST_SECTIONS || entries > MOST_ENTRIES {
            return Err(PdfError::Limit);
        }
        next = previous;
    }
    sections.reverse();
    Ok((sections, tail))
}

/// Where the last `startxref` leads, and the byte after the `%%EOF` behind it.
fn last_marker(bytes: &[u8], budget: &Budget) -> Result<(usize, usize), PdfError> {
    let from = bytes.len().saturating_sub(TAIL);
    let tail = bytes.get(from..).unwrap_or_default();
    let found = tail.windows(9).rposition(|window| window == b"startxref");
    found.and_then(|found| marker(bytes, from + found, budget)).ok_or(PdfError::Structure("startxref"))
}

/// Reads `startxref`, a number and `%%EOF`.
fn marker(bytes: &[u8], at: usize, budget: &Budget) -> Option<(usize, usize)> {
    let mut parser = Parser::new(bytes, at, budget);
    parser.keyword("startxref").ok()?;
    parser.skip_space();
    let target = parser.natural().ok()?;
    let rest = bytes.get(parser.at..)?;
    let gap = rest.iter().take_while(|byte| is_space(**byte)).count();
    rest.get(gap..)?.starts_with(b"%%EOF").then_some((target, parser.at + gap + 5))
}

fn section(bytes: &[u8], start: usize, budget: &Budget) -> Result<Section, PdfError> {
    let mut section = if bytes.get(start..).is_some_and(|rest| rest.starts_with(b"xref")) {
        table(bytes, start, budget)?
    } else {
        stream(bytes, start, budget)?
    };
    let after = bytes.get(section.end..).unwrap_or_default();
    let gap = after.iter().take_while(|byte| is_space(**byte)).count();
    section.eof = marker(bytes, section.end + gap, budget).filter(|(target, _)| *target == start).map(|(_, eof)| eof);
    Ok(section)
}

fn table(bytes: &[u8], start: usize, budget: &Budget) -> Result<Section, PdfError> {
    let mut parser = Parser::new(bytes, start, budget);
    parser.keyword("xref")?;
    let mut entries = BTreeMap::new();
    loop {
        parser.skip_blank();
        if !parser.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            break;
        }
        let first = parser.natural()?;
        parser.skip_blank();
        let count = parser.natural()?;
        parser.skip_blank();
        for number in first..first.saturating_add(count) {
            let entry = table_entry(&mut parser)?;
            insert(&mut entries, number, entry)?;
        }
    }
    parser.keyword("trailer")?;
    let Value::Dictionary(trailer) = parser.value()? else { return Err(PdfError::Structure("trailer")) };
    let mut section = Section { start, end: parser.at, trailer, entries, eof: None, hybrid: false };
    if let Some(beside) = entry(&section.trailer, "XRefStm") {
        section.hybrid = true;
        let beside = stream(bytes, beside.as_index().ok_or(PdfError::Structure("/XRefStm"))?, budget)?;
        for (number, entry) in beside.entries {
            let known = section.entries.entry(number).or_insert(entry);
            if *known == Entry::Free {
                *known = entry;
            }
        }
    }
    Ok(section)
}

/// An entry has twenty bytes, each in its place (7.5.4). A reader that stumbles over one looks for objects by itself, and may find others.
fn table_entry(parser: &mut Parser<'_>) -> Result<Entry, PdfError> {
    let wrong = PdfError::Syntax(parser.at);
    let line = parser.exactly::<20>()?;
    let (offset, rest) = line.split_at(10);
    let [b' ', generation @ .., b' ', kind, first, second] = rest else { return Err(wrong) };
    if !matches!((first, second), (b' ', b'\r' | b'\n') | (b'\r', b'\n')) {
        return Err(wrong);
    }
    let offset = digits(offset).ok_or(wrong)?;
    let generation = digits(generation).ok_or(wrong)?;
    match kind {
        b'f' => Ok(Entry::Free),
        b'n' if offset == 0 => Ok(Entry::Free),
        b'n' => Ok(Entry::At { offset, generation: u16::try_from(generation).map_err(|_| wrong)? }),
        _ => Err(wrong),
    }
}

/// The number that a few digits make.
fn digits(digits: &[u8]) -> Option<usize> {
    digits.iter().try_fold(0, |number, digit| digit.is_ascii_digit().then(|| number * 10 + usize::from(digit - b'0')))
}

fn insert(entries: &mut BTreeMap<u32, Entry>, number: usize, entry: Entry) -> Result<(), PdfError> {
    let number = u32::try_from(number).map_err(|_| PdfError::Structure("xref"))?;
    // Two places for one object leave it to the reader which of them it takes.
    match entries.insert(number, entry) {
        Some(_) => Err(PdfError::Structure("xref")),
        None if entries.len() > MOST_ENTRIES => Err(PdfError::Limit),
        None => Ok(()),
    }
}

fn stream(bytes: &[u8], start: usize, budget: &Budget) -> Result<Section, PdfError> {
    let mut parser = Parser::new(bytes, start, budget);
    parser.header()?;
    let Value::Dictionary(trailer) = parser.value()? else { return Err(PdfError::Structure("xref")) };
    if entry(&trailer, "Type").and_then(Value::as_name) != Some(b"XRef") {
        return Err(PdfError::Structure("xref"));
    }
    let length = entry(&trailer, "Length").and_then(Value::as_index).ok_or(PdfError::Structure("/Length"))?;
    let (raw, end) = stream_bytes(bytes, &mut parser, length)?;
    let plain = filter::decode(&trailer, bytes.get(raw..raw + length).unwrap_or_default(), budget)?;
    let entries = stream_entries(&trailer, &plain)?;
    Ok(Section { start, end, trailer, entries, eof: None, hybrid: false })
}

/// Where the bytes of a stream begin, and the byte after its `endobj`, when the parser stands behind its dictionary.
pub(super) fn stream_bytes(bytes: &[u8], parser: &mut Parser<'_>, length: usize) -> Result<(usize, usize), PdfError> {
    parser.skip_space();
    if !bytes.get(parser.at..).is_some_and(|rest| rest.starts_with(b"stream")) {
        return Err(PdfError::Syntax(parser.at));
    }
    parser.at += 6;
    let rest = bytes.get(parser.at..).unwrap_or_default();
    parser.at += match rest {
        [b'\r', b'\n', ..] => 2,
        [b'\n', ..] => 1,
        _ => return Err(PdfError::Syntax(parser.at)),
    };
    let start = parser.at;
    let end = start.checked_add(length).filter(|end| *end <= bytes.len()).ok_or(PdfError::Syntax(start))?;
    let after = bytes.get(end..).unwrap_or_default();
    parser.at = end + after.iter().take(2).take_while(|byte| is_space(**byte)).count();
    parser.keyword("endstream")?;
    parser.skip_space();
    parser.keyword("endobj")?;
    Ok((start, parser.at))
}

fn stream_entries(trailer: &Dictionary, plain: &[u8]) -> Result<BTreeMap<u32, Entry>, PdfError> {
    let numbers = |key: &'static str| {
        let values = entry(trailer, key).and_then(Value::as_array)?;
        values.iter().map(Value::as_index).collect::<Option<Vec<_>>>()
    };
    let widths = numbers("W").filter(|widths| widths.len() == 3 && widths.iter().all(|width| *width <= 8));
    let widths = widths.ok_or(PdfError::Structure("/W"))?;
    let size = entry(trailer, "Size").and_then(Value::as_index).ok_or(PdfError::Structure("/Size"))?;
    let index = match entry(trailer, "Index") {
        None => vec![0, size],
        Some(_) => numbers("Index").ok_or(PdfError::Structure("/Index"))?,
    };
    let width = widths.iter().sum::<usize>().max(1);
    let mut records = plain.chunks_exact(width);
    let mut entries = BTreeMap::new();
    for run in index.chunks(2) {
        let &[first, count] = run else { return Err(PdfError::Structure("/Index")) };
        for number in first..first.saturating_add(count) {
            let record = records.next().ok_or(PdfError::Structure("xref"))?;
            let mut at = 0;
            let mut fields = widths.iter().map(|width| {
                let field = record.get(at..at + width).unwrap_or_default();
                at += width;
                field.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte))
            });
            let kind = fields.next().unwrap_or_default();
            let kind = if widths.first() == Some(&0) { 1 } else { kind };
            let (second, third) = (fields.next().unwrap_or_default(), fields.next().unwrap_or_default());
            insert(&mut entries, number, stream_entry(kind, second, third)?)?;
        }
    }
    Ok(entries)
}

fn stream_entry(kind: u64, second: u64, third: u64) -> Result<Entry, PdfError> {
    let wrong = |_| PdfError::Structure("xref");
    Ok(match kind {
        0 => Entry::Free,
        1 if second == 0 => Entry::Free,
        1 => Entry::At {
            offset: usize::try_from(second).map_err(wrong)?,
            generation: u16::try_from(third).map_err(wrong)?,
        },
        2 => Entry::In {
            container: u32::try_from(second).map_err(wrong)?,
            index: usize::try_from(third).map_err(wrong)?,
        },
        _ => return Err(PdfError::Structure("xref")),
    })
}
