//! The words that the operators of a page show, in the order in which they show them (ISO 32000-2, 7.8, 8.4 and 9.4).
//!
//! A word ends with a space, or where the next letter does not stand beside the one before. Text that is not painted does not count: it is
//! no part of what a signer sees. What might be painted or not, as the reader likes (layers), is not read at all.

use std::collections::HashMap;
use std::rc::Rc;

use super::super::pdf::{Budget, Dictionary, File, Id, Parser, PdfError, Resolved, Value, entry, text};
use super::font::Font;
use super::page::Page;
use super::{Rectangle, Word, normal};

/// How deep forms may lie in one another.
const DEEPEST: usize = 8;
/// How many states may be saved at once.
const MOST_SAVED: usize = 256;
/// Most operands of an operator.
const MOST_OPERANDS: usize = 64;
/// Longest text that may replace what is shown, in bytes. Longer ones would be cut when they are read.
const LONGEST_TEXT: usize = 256;
/// As how many values a word counts, by the memory that it takes.
const WORD: usize = 8;

/// How far letters of one word may stand apart, and over one another, along the line; and how far beside it. In parts of the size.
const APART: f64 = 0.15;
const OVER: f64 = -0.6;
const BESIDE: f64 = 0.3;

/// What a key of a dictionary leads to. What is copied for it is paid for.
pub(super) fn look(file: &File<'_>, dictionary: &Dictionary, key: &str) -> Result<Option<Resolved>, PdfError> {
    match entry(dictionary, key) {
        Some(value) => file.weigh(value)?,
        None => return Ok(None),
    }
    file.get(file.newest(), dictionary, key)
}

/// An operand or an operator.
pub(super) enum Token<'a> {
    Operand(Value),
    Operator(&'a [u8]),
}

/// Reads operands and operators.
pub(super) struct Tokens<'a> {
    bytes: &'a [u8],
    parser: Parser<'a>,
}

impl<'a> Tokens<'a> {
    pub fn new(bytes: &'a [u8], budget: &'a Budget) -> Self {
        Self { bytes, parser: Parser::new(bytes, 0, budget) }
    }

    pub fn next(&mut self) -> Result<Option<Token<'a>>, PdfError> {
        self.parser.skip_space();
        let rest = self.bytes.get(self.parser.at..).unwrap_or_default();
        let Some(first) = rest.first() else { return Ok(None) };
        let is_letter = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'*' | b'\'' | b'"');
        if first.is_ascii_digit() || !is_letter(first) {
            let value = self.parser.value()?;
            self.parser.spans.clear();
            return Ok(Some(Token::Operand(value)));
        }
        let length = rest.iter().take_while(|byte| is_letter(byte)).count();
        let word = rest.get(..length).unwrap_or_default();
        if [&b"true"[..], b"false", b"null"].contains(&word) {
            return self.parser.value().map(|value| Some(Token::Operand(value)));
        }
        self.parser.at += length;
        Ok(Some(Token::Operator(word)))
    }
}

/// Moves and turns (8.3.3): where a step to the right leads, one upwards, and where the origin is.
#[derive(Debug, Clone, Copy)]
struct Matrix {
    right: (f64, f64),
    up: (f64, f64),
    origin: (f64, f64),
}

impl Matrix {
    const SAME: Self = Self::moved(0.0, 0.0);

    const fn moved(x: f64, y: f64) -> Self {
        Self { right: (1.0, 0.0), up: (0.0, 1.0), origin: (x, y) }
    }

    fn of(operands: &[Value]) -> Result<Self, PdfError> {
        let [right_x, right_y, up_x, up_y, x, y] = numbers(operands)?;
        Ok(Self { right: (right_x, right_y), up: (up_x, up_y), origin: (x, y) })
    }

    /// This one first, then the other.
    fn then(self, next: Self) -> Self {
        Self { right: next.turn(self.right), up: next.turn(self.up), origin: next.apply(self.origin) }
    }

    fn turn(self, (x, y): (f64, f64)) -> (f64, f64) {
        (x * self.right.0 + y * self.up.0, x * self.right.1 + y * self.up.1)
    }

    fn apply(self, point: (f64, f64)) -> (f64, f64) {
        let (x, y) = self.turn(point);
        (x + self.origin.0, y + self.origin.1)
    }
}

/// What `q` saves, as far as it is about text.
#[derive(Debug, Clone)]
struct State {
    page: Matrix,
    font: Option<Rc<Font>>,
    size: f64,
    letter_space: f64,
    word_space: f64,
    stretch: f64,
    leading: f64,
    rise: f64,
    is_painted: bool,
}

/// What names in a content stream lead to.
struct Resources {
    fonts: Option<Resolved>,
    forms: Option<Resolved>,
    properties: Option<Resolved>,
    states: Option<Resolved>,
}

impl Resources {
    fn of(file: &File<'_>, resources: Option<&Resolved>) -> Result<Self, PdfError> {
        let own = resources.and_then(|resources| resources.as_dictionary());
        let part = |key| own.map_or(Ok(None), |own| look(file, own, key));
        Ok(Self {
            fonts: part("Font")?,
            forms: part("XObject")?,
            properties: part("Properties")?,
            states: part("ExtGState")?,
        })
    }
}

/// Text that stands for what is shown until some marked content ends (14.9.4).
struct Instead {
    level: usize,
    text: Option<String>,
}

/// Where the operators of one stream are.
struct Place {
    state: State,
    saved: Vec<State>,
    line: Matrix,
    text: Matrix,
    depth: usize,
}

/// Reads the words of pages.
pub(super) struct Reader<'a, 'f> {
    file: &'a File<'f>,
    fonts: HashMap<Id, Rc<Font>>,
    words: Vec<Word>,
    word: Option<Word>,
    /// Where the last letter ended.
    pen: Option<(f64, f64)>,
    /// How deep in marked content.
    level: usize,
    instead: Option<Instead>,
}

impl<'a, 'f> Reader<'a, 'f> {
    pub fn new(file: &'a File<'f>) -> Self {
        let fonts = HashMap::new();
        Self { file, fonts, words: Vec::new(), word: None, pen: None, level: 0, instead: None }
    }

    /// The words of a page.
    pub fn words(&mut self, page: &Page) -> Result<Vec<Word>, PdfError> {
        (self.words, self.word, self.pen, self.level, self.instead) = (Vec::new(), None, None, 0, None);
        let content = page.content(self.file)?;
        let resources = Resources::of(self.file, page.resources.as_deref())?;
        let state = State {
            page: Matrix::SAME,
            font: None,
            size: 0.0,
            letter_space: 0.0,
            word_space: 0.0,
            stretch: 1.0,
            leading: 0.0,
            rise: 0.0,
            is_painted: true,
        };
        self.run(&content, &resources, state, 0)?;
        self.end_word();
        Ok(std::mem::take(&mut self.words))
    }

    fn run(&mut self, content: &[u8], resources: &Resources, state: State, depth: usize) -> Result<(), PdfError> {
        let (line, text) = (Matrix::SAME, Matrix::SAME);
        let mut place = Place { state, saved: Vec::new(), line, text, depth };
        let mut tokens = Tokens::new(content, self.file.budget);
        let mut operands = Vec::new();
        while let Some(token) = tokens.next()? {
            match token {
                Token::Operand(_) if operands.len() >= MOST_OPERANDS => return Err(PdfError::Structure("operand")),
                Token::Operand(value) => operands.push(value),
                Token::Operator(operator) => {
                    self.file.budget.steps(1)?;
                    self.operator(operator, &operands, resources, &mut place)?;
                    operands.clear();
                }
            }
        }
        Ok(())
    }

    fn operator(
        &mut self,
        operator: &[u8],
        operands: &[Value],
        resources: &Resources,
        place: &mut Place,
    ) -> Result<(), PdfError> {
        match operator {
            b"q" if place.saved.len() >= MOST_SAVED => return Err(PdfError::Limit),
            b"q" => place.saved.push(place.state.clone()),
            b"Q" => {
                if let Some(state) = place.saved.pop() {
                    place.state = state;
                }
            }
            b"cm" => place.state.page = Matrix::of(operands)?.then(place.state.page),
            b"Tf" | b"gs" => self.style(operator, operands, resources, &mut place.state)?,
            b"Tc" | b"Tw" | b"Tz" | b"TL" | b"Ts" | b"Tr" => spacing(operator, operands, &mut place.state)?,
            b"BT" => (place.line, place.text) = (Matrix::SAME, Matrix::SAME),
            b"Tm" => {
                place.line = Matrix::of(operands)?;
                place.text = place.line;
            }
            b"Td" | b"TD" => {
                let [x, y] = numbers(operands)?;
                if operator == b"TD" {
                    place.state.leading = -y;
                }
                place.next_line(x, y);
            }
            b"T*" => place.next_line(0.0, -place.state.leading),
            b"Tj" => self.show(string(operands)?, place)?,
            b"'" => {
                place.next_line(0.0, -place.state.leading);
                self.show(string(operands)?, place)?;
            }
            b"\"" => {
                let [word, letter] = numbers(operands.get(..2).unwrap_or_default())?;
                (place.state.word_space, place.state.letter_space) = (word, letter);
                place.next_line(0.0, -place.state.leading);
                self.show(string(operands)?, place)?;
            }
            b"TJ" => self.show_all(operands, place)?,
            b"Do" => self.object(operands, resources, place)?,
            b"BMC" | b"BDC" => self.begin(operands, resources)?,
            b"EMC" => {
                if self.instead.as_ref().is_some_and(|instead| instead.level == self.level) {
                    self.instead = None;
                }
                self.level = self.level.saturating_sub(1);
            }
            // Where the bytes of a picture among operators end is a matter of taste.
            b"BI" => return Err(PdfError::Structure("BI")),
            _ => {}
        }
        Ok(())
    }

    fn style(
        &mut self,
        operator: &[u8],
        operands: &[Value],
        resources: &Resources,
        state: &mut State,
    ) -> Result<(), PdfError> {
        let name = operands.first().and_then(Value::as_name).ok_or(PdfError::Structure("operand"))?;
        if operator == b"Tf" {
            let [size] = numbers(operands.get(1..).unwrap_or_default())?;
            state.size = size;
            state.font = self.font(name, resources)?;
            return Ok(());
        }
        let found = self.named(resources.states.as_ref(), name)?;
        // It could set a font as well. Nobody does.
        let sets_font = |found: &Resolved| found.as_dictionary().is_some_and(|state| entry(state, "Font").is_some());
        if found.as_ref().is_some_and(sets_font) { Err(PdfError::Structure("/ExtGState")) } else { Ok(()) }
    }

    /// What a name leads to in a part of the resources.
    fn named(&self, part: Option<&Resolved>, name: &[u8]) -> Result<Option<Resolved>, PdfError> {
        let Some(value) = part.and_then(|part| part.as_dictionary()).and_then(|part| part.get(name)) else {
            return Ok(None);
        };
        self.file.weigh(value)?;
        self.file.resolved(self.file.newest(), value).map(Some)
    }

    fn font(&mut self, name: &[u8], resources: &Resources) -> Result<Option<Rc<Font>>, PdfError> {
        let Some(found) = self.named(resources.fonts.as_ref(), name)? else { return Ok(None) };
        if let Some(known) = found.id.and_then(|id| self.fonts.get(&id)) {
            return Ok(Some(Rc::clone(known)));
        }
        let Some(dictionary) = found.as_dictionary() else { return Ok(None) };
        let font = Rc::new(Font::read(self.file, dictionary)?);
        if let Some(id) = found.id {
            self.fonts.insert(id, Rc::clone(&font));
        }
        Ok(Some(font))
    }

    fn begin(&mut self, operands: &[Value], resources: &Resources) -> Result<(), PdfError> {
        self.level = self.level.saturating_add(1);
        // Whether a layer is shown is up to the reader.
        if operands.first().and_then(Value::as_name) == Some(b"OC") {
            return Err(PdfError::Structure("/OC"));
        }
        let named;
        let properties = match operands.get(1) {
            Some(Value::Dictionary(properties)) => Some(properties),
            Some(Value::Name(name)) => {
                named = self.named(resources.properties.as_ref(), name)?;
                named.as_ref().and_then(|properties| properties.as_dictionary())
            }
            _ => None,
        };
        let Some(properties) = properties.filter(|_| self.instead.is_none()) else { return Ok(()) };
        if let Some(instead) = look(self.file, properties, "ActualText")? {
            let wrong = PdfError::Structure("/ActualText");
            let instead = instead.as_text().filter(|text| text.len() <= LONGEST_TEXT).ok_or(wrong)?;
            self.instead = Some(Instead { level: self.level, text: Some(text(instead)) });
        }
        Ok(())
    }

    fn object(&mut self, operands: &[Value], resources: &Resources, place: &Place) -> Result<(), PdfError> {
        let name = operands.first().and_then(Value::as_name).ok_or(PdfError::Structure("operand"))?;
        let Some(found) = self.named(resources.forms.as_ref(), name)? else { return Ok(()) };
        let Some(stream) = found.as_stream() else { return Ok(()) };
        let form = &stream.dictionary;
        if entry(form, "Subtype").and_then(Value::as_name) != Some(b"Form") {
            return Ok(());
        }
        if entry(form, "OC").is_some() {
            return Err(PdfError::Structure("/OC"));
        }
        if place.depth >= DEEPEST {
            return Err(PdfError::Limit);
        }
        let mut state = place.state.clone();
        if let Some(matrix) = look(self.file, form, "Matrix")? {
            state.page = Matrix::of(matrix.as_array().unwrap_or_default())?.then(state.page);
        }
        let content = self.file.decoded(stream)?;
        match look(self.file, form, "Resources")? {
            Some(own) => {
                let own = Resources::of(self.file, Some(&own))?;
                self.run(&content, &own, state, place.depth + 1)
            }
            None => self.run(&content, resources, state, place.depth + 1),
        }
    }

    fn show_all(&mut self, operands: &[Value], place: &mut Place) -> Result<(), PdfError> {
        let items = operands.first().and_then(Value::as_array).ok_or(PdfError::Structure("operand"))?;
        for item in items {
            if let Some(shown) = item.as_text() {
                self.show(shown, place)?;
            } else {
                let back = item.as_number().ok_or(PdfError::Structure("operand"))?;
                place.advance(-back / 1000.0 * place.state.size * place.state.stretch);
            }
        }
        Ok(())
    }

    fn show(&mut self, shown: &[u8], place: &mut Place) -> Result<(), PdfError> {
        self.file.budget.steps(shown.len())?;
        let Some(font) = place.state.font.clone() else { return self.letter(None, place, 0.0) };
        for glyph in font.glyphs(shown) {
            let State { size, letter_space, word_space, stretch, .. } = place.state;
            let space = if glyph.is_space { letter_space + word_space } else { letter_space };
            self.letter(glyph.text, place, (glyph.width * size + space) * stretch)?;
        }
        Ok(())
    }

    /// Shows a letter, and goes on by its width.
    fn letter(&mut self, text: Option<&str>, place: &mut Place, width: f64) -> Result<(), PdfError> {
        let to_page = place.text.then(place.state.page);
        let start = to_page.apply((0.0, place.state.rise));
        let end = to_page.apply((width, place.state.rise));
        let top = to_page.apply((0.0, place.state.rise + 0.7 * place.state.size));
        place.advance(width);
        if !place.state.is_painted {
            return Ok(());
        }
        let size = place.state.size.abs();
        if self.pen.is_some_and(|pen| !is_beside(pen, start, to_page.turn((size, 0.0)), to_page.turn((0.0, size)))) {
            self.end_word();
        }
        self.pen = Some(end);
        // What stands for many letters is said with the first of them.
        let instead = self.instead.as_mut().map(|instead| instead.text.take().unwrap_or_default());
        let text = instead.as_deref().or(text).unwrap_or("\u{fffd}");
        for character in text.chars() {
            if character.is_whitespace() {
                self.end_word();
                continue;
            }
            if self.word.is_none() {
                self.file.budget.values(WORD)?;
            }
            self.file.budget.values(1)?;
            let word = self.word.get_or_insert_with(|| Word { text: String::new(), place: Rectangle::of(start) });
            word.text.push(character);
            word.place = word.place.and(start).and(end).and(top);
        }
        Ok(())
    }

    fn end_word(&mut self) {
        if let Some(mut word) = self.word.take() {
            word.text = normal(&word.text);
            self.words.push(word);
        }
    }
}

impl Place {
    fn next_line(&mut self, x: f64, y: f64) {
        self.line = Matrix::moved(x, y).then(self.line);
        self.text = self.line;
    }

    fn advance(&mut self, width: f64) {
        self.text = Matrix::moved(width, 0.0).then(self.text);
    }
}

/// Whether a letter that starts here goes on a word that has come to the pen. The size is told along the line and across it.
fn is_beside(pen: (f64, f64), start: (f64, f64), along: (f64, f64), across: (f64, f64)) -> bool {
    let way = (start.0 - pen.0, start.1 - pen.1);
    let part = |of: (f64, f64)| (way.0 * of.0 + way.1 * of.1) / (of.0 * of.0 + of.1 * of.1);
    (OVER..=APART).contains(&part(along)) && (-BESIDE..=BESIDE).contains(&part(across))
}

fn spacing(operator: &[u8], operands: &[Value], state: &mut State) -> Result<(), PdfError> {
    let [number] = numbers(operands)?;
    match operator {
        b"Tc" => state.letter_space = number,
        b"Tw" => state.word_space = number,
        b"Tz" => state.stretch = number / 100.0,
        b"TL" => state.leading = number,
        b"Ts" => state.rise = number,
        // Neither filled nor drawn, or only cut out.
        _ => state.is_painted = ![3.0, 7.0].iter().any(|mode| (number - mode).abs() < 0.5),
    }
    Ok(())
}

fn numbers<const N: usize>(operands: &[Value]) -> Result<[f64; N], PdfError> {
    let numbers: Option<Vec<f64>> = operands.iter().map(Value::as_number).collect();
    numbers.and_then(|numbers| numbers.try_into().ok()).ok_or(PdfError::Structure("operand"))
}

fn string(operands: &[Value]) -> Result<&[u8], PdfError> {
    operands.last().and_then(Value::as_text).ok_or(PdfError::Structure("operand"))
}
