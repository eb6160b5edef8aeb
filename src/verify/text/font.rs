//! What the codes in a shown string stand for, and how wide each is (ISO 32000-2, 9.6, 9.7 and 9.10).

use std::collections::{BTreeMap, HashMap};

use encoding_rs::{Encoding, MACINTOSH, WINDOWS_1252};

use super::super::pdf::{Dictionary, File, PdfError, Value, entry};
use super::content::{Token, Tokens, look};

/// How wide a letter is where nobody says.
const USUAL: f64 = 0.5;

/// A font, as far as it says what its codes mean.
#[derive(Debug, Default)]
pub(super) struct Font {
    /// Bytes of a code, 1 or 2; none if codes can not be told apart.
    bytes: usize,
    texts: HashMap<u32, String>,
    /// By the first code of a run, its last code and the width of each.
    widths: BTreeMap<u32, (u32, f64)>,
    other_width: f64,
    /// What a width is multiplied with to become a part of the size of the font.
    unit: f64,
}

/// A code of a shown string.
pub(super) struct Glyph<'f> {
    /// Nothing if nobody says.
    pub text: Option<&'f str>,
    /// Part of the size of the font.
    pub width: f64,
    /// Word spacing is added to it.
    pub is_space: bool,
}

impl Font {
    /// Reads a font. One of a kind that is not read shows letters that nobody knows.
    pub fn read(file: &File<'_>, dictionary: &Dictionary) -> Result<Self, PdfError> {
        let name = |key| entry(dictionary, key).and_then(Value::as_name);
        let font = match name("Subtype") {
            Some(b"Type0") if name("Encoding") == Some(b"Identity-H") => Self::composite(file, dictionary),
            Some(b"Type1" | b"TrueType" | b"MMType1" | b"Type3") => Self::simple(file, dictionary),
            _ => Ok(Self::default()),
        };
        match font {
            Err(PdfError::Limit) => Err(PdfError::Limit),
            font => Ok(font.unwrap_or_default()),
        }
    }

    fn composite(file: &File<'_>, dictionary: &Dictionary) -> Result<Self, PdfError> {
        let wrong = PdfError::Structure("/DescendantFonts");
        let below = look(file, dictionary, "DescendantFonts")?.ok_or(wrong)?;
        let below = below.as_array().and_then(<[Value]>::first).ok_or(wrong)?;
        file.weigh(below)?;
        let below = file.resolved(file.newest(), below)?;
        let below = below.as_dictionary().ok_or(wrong)?;
        let mut font = Self { bytes: 2, unit: 0.001, ..Self::default() };
        font.other_width = entry(below, "DW").and_then(Value::as_number).unwrap_or(1000.0);
        if let Some(widths) = look(file, below, "W")? {
            font.composite_widths(file, widths.as_array().ok_or(PdfError::Structure("/W"))?)?;
        }
        font.read_unicode(file, dictionary)?;
        Ok(font)
    }

    /// `c [w …]` and `first last w`.
    fn composite_widths(&mut self, file: &File<'_>, widths: &[Value]) -> Result<(), PdfError> {
        let wrong = PdfError::Structure("/W");
        let code = |value: Option<&Value>| {
            value.and_then(Value::as_index).and_then(|code| u32::try_from(code).ok()).ok_or(wrong)
        };
        let mut items = widths.iter();
        while let Some(first) = items.next() {
            let first = code(Some(first))?;
            let next = items.next().ok_or(wrong)?;
            if let Some(last) = next.as_index() {
                file.budget.values(1)?;
                let width = items.next().and_then(Value::as_number).ok_or(wrong)?;
                self.widths.insert(first, (u32::try_from(last).map_err(|_| wrong)?, width));
                continue;
            }
            file.weigh(next)?;
            let list = file.resolved(file.newest(), next)?;
            self.list_of_widths(file, first, list.as_array().ok_or(wrong)?)?;
        }
        Ok(())
    }

    fn list_of_widths(&mut self, file: &File<'_>, first: u32, widths: &[Value]) -> Result<(), PdfError> {
        file.budget.values(widths.len())?;
        for (code, width) in (first..).zip(widths) {
            let width = width.as_number().ok_or(PdfError::Structure("/Widths"))?;
            self.widths.insert(code, (code, width));
        }
        Ok(())
    }

    fn simple(file: &File<'_>, dictionary: &Dictionary) -> Result<Self, PdfError> {
        let mut font = Self { bytes: 1, unit: 0.001, ..Self::default() };
        if entry(dictionary, "Subtype").and_then(Value::as_name) == Some(b"Type3") {
            let matrix = look(file, dictionary, "FontMatrix")?.ok_or(PdfError::Structure("/FontMatrix"))?;
            let across = matrix.as_array().and_then(<[Value]>::first).and_then(Value::as_number);
            font.unit = across.ok_or(PdfError::Structure("/FontMatrix"))?;
        }
        match look(file, dictionary, "Widths")? {
            Some(widths) => {
                let first = entry(dictionary, "FirstChar").and_then(Value::as_index).unwrap_or(0);
                let first = u32::try_from(first).map_err(|_| PdfError::Structure("/FirstChar"))?;
                font.list_of_widths(file, first, widths.as_array().ok_or(PdfError::Structure("/Widths"))?)?;
            }
            None => font.other_width = USUAL / font.unit,
        }
        if let Some(encoding) = look(file, dictionary, "Encoding")? {
            font.encoding(file, &encoding)?;
        }
        font.read_unicode(file, dictionary)?;
        Ok(font)
    }

    /// What the encoding says. A letter that is called by a name of its own is not known here.
    fn encoding(&mut self, file: &File<'_>, encoding: &Value) -> Result<(), PdfError> {
        let (name, differences) = match encoding {
            Value::Dictionary(encoding) => (entry(encoding, "BaseEncoding"), look(file, encoding, "Differences")?),
            name => (Some(name), None),
        };
        let table: &'static Encoding = match name.and_then(Value::as_name) {
            Some(b"WinAnsiEncoding") => WINDOWS_1252,
            Some(b"MacRomanEncoding") => MACINTOSH,
            _ => return Ok(()),
        };
        for code in b' '..=u8::MAX {
            if let Some(text) = table.decode_without_bom_handling_and_without_replacement(&[code]) {
                self.texts.insert(u32::from(code), text.into_owned());
            }
        }
        let mut code = 0_usize;
        for item in differences.as_ref().and_then(|list| list.as_array()).unwrap_or_default() {
            file.budget.steps(1)?;
            if let Some(first) = item.as_index() {
                code = first;
                continue;
            }
            if let Ok(code) = u32::try_from(code) {
                self.texts.remove(&code);
            }
            code = code.saturating_add(1);
        }
        Ok(())
    }

    /// What the font says its codes stand for (9.10.3), before what its encoding says.
    fn read_unicode(&mut self, file: &File<'_>, dictionary: &Dictionary) -> Result<(), PdfError> {
        let wrong = PdfError::Structure("/ToUnicode");
        let Some(map) = look(file, dictionary, "ToUnicode")? else { return Ok(()) };
        let map = file.decoded(map.as_stream().ok_or(wrong)?)?;
        let mut tokens = Tokens::new(&map, file.budget);
        let mut operands = Vec::new();
        while let Some(token) = tokens.next()? {
            let operator = match token {
                Token::Operand(value) => {
                    operands.push(value);
                    continue;
                }
                Token::Operator(operator) => operator,
            };
            match operator {
                b"endbfchar" => {
                    for pair in operands.chunks(2) {
                        let [from, to] = pair else { return Err(wrong) };
                        self.say(file, code(from).ok_or(wrong)?, &units(to).ok_or(wrong)?)?;
                    }
                }
                b"endbfrange" => {
                    for run in operands.chunks(3) {
                        let [first, last, to] = run else { return Err(wrong) };
                        self.say_run(file, code(first).ok_or(wrong)?, code(last).ok_or(wrong)?, to)?;
                    }
                }
                _ => {}
            }
            operands.clear();
        }
        Ok(())
    }

    fn say_run(&mut self, file: &File<'_>, first: u32, last: u32, to: &Value) -> Result<(), PdfError> {
        let wrong = PdfError::Structure("/ToUnicode");
        if let Value::Array(list) = to {
            for (code, to) in (first..=last).zip(list) {
                self.say(file, code, &units(to).ok_or(wrong)?)?;
            }
            return Ok(());
        }
        let units = units(to).ok_or(wrong)?;
        let (end, start) = units.split_last().ok_or(wrong)?;
        for (step, code) in (0..=u16::MAX).zip(first..=last) {
            let end = end.checked_add(step).ok_or(wrong)?;
            let units: Vec<u16> = start.iter().copied().chain([end]).collect();
            self.say(file, code, &units)?;
        }
        Ok(())
    }

    fn say(&mut self, file: &File<'_>, code: u32, units: &[u16]) -> Result<(), PdfError> {
        // It takes about as much memory as these.
        file.budget.values(2 + units.len() / 16)?;
        match String::from_utf16(units) {
            Ok(text) if !text.is_empty() => self.texts.insert(code, text),
            _ => self.texts.remove(&code),
        };
        Ok(())
    }

    /// The codes of a shown string.
    pub fn glyphs<'f>(&'f self, shown: &'f [u8]) -> impl Iterator<Item = Glyph<'f>> {
        let size = if self.bytes == 0 { shown.len().max(1) } else { self.bytes };
        shown.chunks(size).map(move |bytes| {
            let code = bytes.iter().fold(0_u32, |code, byte| code << 8 | u32::from(*byte));
            let is_whole = bytes.len() == self.bytes;
            let text = self.texts.get(&code).filter(|_| is_whole).map(String::as_str);
            let run = self.widths.range(..=code).next_back().filter(|(_, (last, _))| code <= *last);
            let width = run.map_or(self.other_width, |(_, (_, width))| *width) * self.unit;
            Glyph { text, width, is_space: self.bytes == 1 && code == 32 }
        })
    }
}

/// A code of one or two bytes.
fn code(value: &Value) -> Option<u32> {
    let bytes = value.as_text().filter(|bytes| (1..=2).contains(&bytes.len()))?;
    Some(bytes.iter().fold(0, |code, byte| code << 8 | u32::from(*byte)))
}

/// UTF-16, the higher byte first.
fn units(value: &Value) -> Option<Vec<u16>> {
    let (pairs, rest) = value.as_text()?.as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().map(|pair| u16::from_be_bytes(*pair)).collect())
}
