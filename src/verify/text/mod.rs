//! Whether a file holds a document that is kept: to the byte, with nothing added but what signatures need; or, if a service made a file of
//! its own of it, in its words.
//!
//! Both files are read by the reader that judges signatures, so that words are taken from what was signed and from nothing that another
//! reader might find. Libraries that tell the text of a PDF repair what is broken, and have no bounds. Nothing here sees a page: words that
//! are the same can look otherwise, and a font can show another letter than the one it says. So a tie by words says what it does not show.

mod content;
mod font;
mod page;

use serde::Serialize;
use unicode_normalization::UnicodeNormalization as _;

use super::changes::{Graph, Permissions, Signed, after, interesting};
use super::pdf::{Budget, File, PdfError, entry, is_space};
use super::report::{Change, ChangeCode};
use super::{LARGEST, MOST_INFLATED, MOST_VALUES};
use content::Reader;
use page::{Page, pages};

/// Letters that may be shown, and values that may be looked at for them.
const MOST_STEPS: usize = 10_000_000;
/// Most pages that a service may add.
const MOST_PAGES: usize = 16;
/// Most words that a service may add to a page: a line in its margin.
const MOST_WORDS: usize = 100;

/// By what a file is tied to a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TiedBy {
    /// It begins with its bytes, and what comes behind them adds signatures and nothing else.
    Bytes,
    /// Its pages have the words of the document, in their order.
    Text,
}

/// How a file is tied to a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tie {
    /// By what.
    pub by: TiedBy,
    /// Whether its pages look as they did, but for marks in boxes that the document has for them.
    pub look: bool,
    /// Pages of the file that the document does not have, counted from 1.
    pub added_pages: Vec<usize>,
    /// Pages of the file, counted from 1, with words in the margin that the document does not have, and how many.
    pub added_words: Vec<(usize, usize)>,
}

/// Why a file is not tied to a document. Never the words themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotTied {
    /// The document itself can not be read.
    #[error("the words of the document that is kept can not be told, so that no other file can be compared with it")]
    Kept,
    /// The file can not be read.
    #[error(
        "the file does not begin with the document of this version, byte by byte, and can not be read as its own tables say"
    )]
    Unreadable,
    /// A page can not be read.
    #[error(
        "the words of page {0} of the file can not be told: it has layers, pictures among its operators, or an encoding that is not read"
    )]
    Page(usize),
    /// There are not enough pages, or far too many.
    #[error("the file has {found} pages, and the document {wanted}")]
    Pages {
        /// In the file.
        found: usize,
        /// In the document.
        wanted: usize,
    },
    /// Words are others, or in another order.
    #[error("the words of page {0} of the document do not stand in the file as they are")]
    Words(usize),
    /// Words were added in the midst of a page.
    #[error("words were added to page {0} of the document among its own; only its margin may get some")]
    Among(usize),
    /// It is too much.
    #[error("the file takes more work than is allowed")]
    Limit,
}

/// A word, and the rectangle that it stands in: left, bottom, right, top.
#[derive(Debug, Clone, PartialEq)]
struct Word {
    text: String,
    place: Rectangle,
}

/// A rectangle on a page.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Rectangle {
    low: (f64, f64),
    high: (f64, f64),
}

impl Rectangle {
    fn of(point: (f64, f64)) -> Self {
        Self { low: point, high: point }
    }

    fn and(self, point: (f64, f64)) -> Self {
        Self {
            low: (self.low.0.min(point.0), self.low.1.min(point.1)),
            high: (self.high.0.max(point.0), self.high.1.max(point.1)),
        }
    }

    fn overlaps(&self, other: &Self) -> bool {
        // What is no number stands anywhere.
        let apart = self.high.0 < other.low.0
            || other.high.0 < self.low.0
            || self.high.1 < other.low.1
            || other.high.1 < self.low.1;
        !apart
    }
}

/// Ties a file to a document that is kept.
///
/// # Errors
/// See [`NotTied`].
pub fn tie(kept: &[u8], file: &[u8]) -> Result<Tie, NotTied> {
    if file.len() > LARGEST {
        return Err(NotTied::Limit);
    }
    let budget = || Budget::new(MOST_VALUES, MOST_INFLATED, MOST_STEPS);
    // One after the other, so that the memory of one is free for the next.
    match continued(kept, file, &budget()) {
        Ok(Some(changes)) => {
            // What a new field shows can lie over anything.
            let look = changes.iter().all(|change| change.code != ChangeCode::VisibleFieldAdded);
            return Ok(Tie { by: TiedBy::Bytes, look, added_pages: Vec::new(), added_words: Vec::new() });
        }
        Err(PdfError::Limit) => return Err(NotTied::Limit),
        Ok(None) | Err(_) => {}
    }
    let wanted = kept_words(kept, &budget()).map_err(|_| NotTied::Kept)?;
    words_in(&wanted, file, &budget())
}

/// What was done to a document in the revisions that a file has behind it, if all they do is sign. It is not enough that the file begins
/// with its bytes: a revision behind them can show anything, and be signed.
fn continued(kept: &[u8], file: &[u8], budget: &Budget) -> Result<Option<Vec<Change>>, PdfError> {
    if !file.starts_with(kept) {
        return Ok(None);
    }
    let document = File::open(kept, budget)?;
    let file = File::open(file, budget)?;
    let (old, newest) = (document.newest(), file.newest());
    let (Some(last), Some(same)) = (document.sections.last(), file.sections.get(old)) else { return Ok(None) };
    let is_there = same.start == last.start && same.eof.is_some_and(|eof| only_space(kept.get(eof..)));
    let is_behind = file.sections.iter().skip(old + 1).all(|section| section.start >= kept.len());
    if !is_there || !is_behind || file.has_trailing_bytes() {
        return Ok(None);
    }
    if old == newest {
        return Ok(Some(Vec::new()));
    }
    // As if the document had been signed when it was made final: nobody's bytes are left out.
    let signed = Signed { end: kept.len(), hole: &(0..0), owner: u32::MAX };
    let graph = Graph::walk(&file, old, &interesting(&file, old)?, &signed)?;
    if graph.has_intruder {
        return Ok(None);
    }
    let changes = after(&file, old, signed.end, &graph, &Permissions::default())?;
    Ok(Some(changes).filter(|changes| changes.iter().all(|change| change.allowed)))
}

fn only_space(bytes: Option<&[u8]>) -> bool {
    bytes.is_some_and(|bytes| bytes.iter().all(|byte| is_space(*byte)))
}

fn open<'a>(bytes: &'a [u8], budget: &'a Budget) -> Result<(File<'a>, Vec<Page>), PdfError> {
    let file = File::open(bytes, budget)?;
    if file.sections.iter().any(|section| section.hybrid || entry(&section.trailer, "Encrypt").is_some()) {
        return Err(PdfError::Structure("trailer"));
    }
    let pages = pages(&file)?;
    Ok((file, pages))
}

/// The words of a document of ours, page by page. Each page has some, and all of them are known.
fn kept_words(bytes: &[u8], budget: &Budget) -> Result<Vec<Vec<String>>, PdfError> {
    let (file, pages) = open(bytes, budget)?;
    let mut reader = Reader::new(&file);
    let mut found = Vec::with_capacity(pages.len());
    for page in &pages {
        let words: Vec<String> = reader.words(page)?.into_iter().map(|word| word.text).collect();
        // Two letters that nobody knows are not the same.
        if words.is_empty() || words.iter().any(|word| word.contains(char::REPLACEMENT_CHARACTER)) {
            return Err(PdfError::Structure("/ToUnicode"));
        }
        found.push(words);
    }
    if found.is_empty() { Err(PdfError::Structure("/Pages")) } else { Ok(found) }
}

/// Looks for the pages of a document in a file, one behind the other.
fn words_in(wanted: &[Vec<String>], file: &[u8], budget: &Budget) -> Result<Tie, NotTied> {
    let unreadable = |error| if error == PdfError::Limit { NotTied::Limit } else { NotTied::Unreadable };
    let (file, pages) = open(file, budget).map_err(unreadable)?;
    let Some(more) = pages.len().checked_sub(wanted.len()).filter(|more| *more <= MOST_PAGES) else {
        return Err(NotTied::Pages { found: pages.len(), wanted: wanted.len() });
    };
    let mut reader = Reader::new(&file);
    let mut found = Vec::with_capacity(pages.len());
    for page in &pages {
        // A page that a service added may be anything.
        match reader.words(page) {
            Ok(words) => found.push(Some(words)),
            Err(PdfError::Limit) => return Err(NotTied::Limit),
            Err(_) => found.push(None),
        }
    }
    let mut nearest = (0, NotTied::Words(1));
    for first in 0..=more {
        let mut added_words = Vec::new();
        let mut fault = None;
        for (index, words) in wanted.iter().enumerate() {
            match words_of_page(words, found.get(first + index).and_then(Option::as_deref)) {
                Ok(0) => {}
                Ok(added) => added_words.push((first + index + 1, added)),
                Err(why) => {
                    fault = Some((index, why.at(index, first)));
                    break;
                }
            }
        }
        let Some((index, why)) = fault else {
            let last = first + wanted.len();
            let added_pages = (1..=first).chain(last + 1..=pages.len()).collect();
            return Ok(Tie { by: TiedBy::Text, look: false, added_pages, added_words });
        };
        // Of all places where the document might begin, the one where most of it stands is told of.
        if index > nearest.0 || first == 0 {
            nearest = (index, why);
        }
    }
    Err(nearest.1)
}

/// What is wrong with a page.
enum Apart {
    Unknown,
    Others,
    Among,
}

impl Apart {
    fn at(&self, index: usize, first: usize) -> NotTied {
        match self {
            Self::Unknown => NotTied::Page(first + index + 1),
            Self::Others => NotTied::Words(index + 1),
            Self::Among => NotTied::Among(index + 1),
        }
    }
}

/// How many words a page has before and behind those that are wanted, which stand together. Those have to stay out of the part of the page
/// that the others fill: in it, one «not» would make another document of it.
fn words_of_page(wanted: &[String], found: Option<&[Word]>) -> Result<usize, Apart> {
    let found = found.ok_or(Apart::Unknown)?;
    let more = found.len().checked_sub(wanted.len()).filter(|more| *more <= MOST_WORDS).ok_or(Apart::Others)?;
    let is_there = |run: &[Word]| run.iter().map(|word| &word.text).eq(wanted);
    let mut apart = Apart::Others;
    for at in (0..=more).filter(|at| found.get(*at..at + wanted.len()).is_some_and(is_there)) {
        let (before, rest) = found.split_at(at);
        let (own, behind) = rest.split_at(wanted.len());
        let filled = own.iter().map(|word| word.place).reduce(|all, place| all.and(place.low).and(place.high));
        let is_among = |word: &Word| filled.is_none_or(|filled| filled.overlaps(&word.place));
        if !before.iter().chain(behind).any(is_among) {
            return Ok(more);
        }
        apart = Apart::Among;
    }
    Err(apart)
}

/// One form for letters that can be written in two, and for hyphens, which look the same wherever a line may break.
fn normal(text: &str) -> String {
    let hyphen = |letter| if matches!(letter, '\u{ad}' | '\u{2010}' | '\u{2011}') { '-' } else { letter };
    text.nfc().map(hyphen).collect()
}

/// What the fuzz target calls: reads the words of anything, within a small budget.
#[cfg(any(fuzzing, test))]
pub(super) fn fuzz(bytes: &[u8]) {
    let budget = Budget::new(200_000, 4 * 1024 * 1024, 500_000);
    if let Ok(words) = kept_words(bytes, &budget) {
        let same = words_in(&words, bytes, &Budget::new(200_000, 4 * 1024 * 1024, 500_000));
        assert!(matches!(same, Ok(_) | Err(NotTied::Among(_))), "a file has its own words");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Fonts and forms that contents may name: a simple font, one with codes of two bytes, a form, and one that shows itself.
    const OBJECTS: [&str; 7] = [
        "<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>",
        "<</Type/Font/Subtype/Type0/Encoding/Identity-H/DescendantFonts[<</Type/Font/W[1[500]2 9 500]>>]/ToUnicode 6 0 R>>",
        "STREAM 1 beginbfchar <0001> <00D8> endbfchar 2 beginbfrange <0002> <0003> <006B> <0004> <0005> [<006600660069> <0020>] endbfrange",
        "FORM BT /F 10 Tf (av skjema) Tj ET",
        "FORM /Self Do",
        "<</Font<</F 4 0 R/G 5 0 R>>/XObject<</Form 7 0 R/Self 8 0 R>>>>",
        "<</Type/Catalog/Pages 3 0 R>>",
    ];

    /// A PDF whose pages have these contents. Its objects: 1 the catalog, 2 resources, 3 the pages, 4 to 8 those above.
    fn pdf(contents: &[&str]) -> Vec<u8> {
        let [simple, composite, map, form, own, resources, catalog] = OBJECTS;
        let kids: Vec<String> = (0..contents.len()).map(|page| format!("{} 0 R", 9 + 2 * page)).collect();
        let pages = format!("<</Type/Pages/Resources 2 0 R/Count {}/Kids[{}]>>", kids.len(), kids.join(" "));
        let fixed = [catalog, resources, &pages, simple, composite, map, form, own].map(str::to_owned);
        let of_page = |(page, content): (usize, &&str)| {
            [format!("<</Type/Page/Parent 3 0 R/Contents {} 0 R>>", 10 + 2 * page), format!("STREAM {content}")]
        };
        let objects = fixed.into_iter().chain(contents.iter().enumerate().flat_map(of_page));
        let (mut bytes, mut places) = (b"%PDF-1.7\n".to_vec(), Vec::new());
        for (index, object) in objects.enumerate() {
            places.push(bytes.len());
            let streamed = |entries: &str, data: &str| {
                format!("<<{entries}/Resources 2 0 R/Length {}>>\nstream\n{data}\nendstream", data.len())
            };
            let object = match object.split_once(' ') {
                Some(("STREAM", data)) => streamed("", data),
                Some(("FORM", data)) => streamed("/Subtype/Form/BBox[0 0 9 9]/Matrix[1 0 0 1 5 5]", data),
                _ => object,
            };
            bytes.extend(format!("{} 0 obj\n{object}\nendobj\n", index + 1).bytes());
        }
        let start = bytes.len();
        bytes.extend(format!("xref\n0 {}\n0000000000 65535 f\r\n", places.len() + 1).bytes());
        for place in &places {
            bytes.extend(format!("{place:010} 00000 n\r\n").bytes());
        }
        let size = places.len() + 1;
        bytes.extend(format!("trailer\n<</Size {size}/Root 1 0 R>>\nstartxref\n{start}\n%%EOF\n").bytes());
        bytes
    }

    fn words(content: &str) -> Result<Vec<String>, PdfError> {
        kept_words(&pdf(&[content]), &Budget::new(100_000, 100_000, 100_000)).map(|pages| pages.concat())
    }

    const PLAIN: &str = "BT /F 10 Tf 50 700 Td (Timar til 1 12 elevar) Tj 0 -20 Td (er ikkje godkjende) Tj ET";

    #[test]
    fn words_are_found_however_they_are_shown() {
        let expected = ["Timar", "til"];
        for content in [
            "BT /F 10 Tf (Timar til) Tj ET",
            "BT /F 10 Tf [(Ti) 20 (mar) -300 (til)] TJ ET",
            "BT /F 10 Tf (Timar) Tj 0 -12 Td (til) Tj ET",
            "BT /F 10 Tf 12 TL (Timar) Tj (til) ' ET",
            "BT /F 10 Tf 12 TL (Timar) Tj 0 0 (til) \" ET",
            "BT /F 10 Tf (Timar) Tj ET BT /F 10 Tf 1 0 0 1 40 0 Tm (til) Tj ET",
            "q 3 0 0 3 9 9 cm BT /F 10 Tf (Ti) Tj (mar) Tj ET Q q 3 0 0 3 9 9 cm BT /F 10 Tf 40 0 Td (til) Tj ET Q",
            "BT /F 10 Tf 3 Tr (ikkje ) Tj ET BT /F 10 Tf 0 Tr (Timar til) Tj ET",
            "/Span <</ActualText (Timar)>> BDC BT /F 10 Tf (abc) Tj ET EMC BT /F 10 Tf 90 0 Td (til) Tj ET",
            "BT /F 10 Tf <54696d6172> Tj ( til) Tj ET % (ikkje) Tj",
        ] {
            assert_eq!(words(content).as_deref(), Ok(&expected.map(str::to_owned)[..]), "{content}");
        }
        assert_eq!(
            words("BT /G 10 Tf <000100020003000500040001> Tj ET"),
            Ok(vec!["Økl".to_owned(), "ffiØ".to_owned()])
        );
        assert_eq!(words("/Form Do"), Ok(vec!["av".to_owned(), "skjema".to_owned()]));
        assert_eq!(words("BT /F 10 Tf (PP\\255tenesta) Tj ET"), Ok(vec!["PP-tenesta".to_owned()]));
    }

    #[test]
    fn what_might_be_read_in_two_ways_is_not_read() {
        for content in [
            "/OC /Layer BDC BT /F 10 Tf (Timar) Tj ET EMC",
            "BI /W 1 /H 1 /BPC 8 /CS /G ID x EI BT /F 10 Tf (Timar) Tj ET",
            "BT /G 10 Tf <0009> Tj ET",
            "BT /Unknown 10 Tf (Timar) Tj ET",
            "BT /F 10 Tf (Timar) Tj ET >>",
            "BT /F Tf (Timar) Tj ET",
            "BT /F 10 Tf [(Timar) /x] TJ ET",
            "",
        ] {
            assert!(words(content).is_err(), "{content}: {:?}", words(content));
        }
        assert_eq!(words("/Self Do"), Err(PdfError::Limit), "a form that shows itself");
        assert_eq!(words(&"q ".repeat(300)), Err(PdfError::Limit));
        assert_eq!(words(&format!("BT /F 10 Tf ({}) Tj ET", "x".repeat(40_000))).map(|words| words.len()), Ok(1));
        let much = format!("BT /F 10 Tf {} ET", "(x) Tj ".repeat(60_000));
        assert_eq!(kept_words(&pdf(&[&much]), &Budget::new(100_000, 1 << 20, 100_000)), Err(PdfError::Limit));
    }

    #[test]
    fn a_file_with_other_words_is_another_document() {
        let kept = pdf(&[PLAIN, PLAIN]);
        // Bytes that differ, since comments do.
        let file = |second: &str| tie(&kept, &pdf(&[&format!("{PLAIN} % again"), second]));
        assert_eq!(file(PLAIN), Ok(Tie { by: TiedBy::Text, look: false, added_pages: vec![], added_words: vec![] }));
        for (from, to) in [
            ("ikkje ", ""),
            ("ikkje", "ikke"),
            ("1 12", "11 2"),
            ("1 12", "112"),
            ("Timar til", "til Timar"),
            ("10 Tf", "10 Tf 3 Tr"),
            ("(Timar", "(Timar x"),
        ] {
            assert_eq!(file(&PLAIN.replace(from, to)), Err(NotTied::Words(2)), "{from} {to}");
        }
        assert_eq!(tie(&kept, &pdf(&[PLAIN])), Err(NotTied::Pages { found: 1, wanted: 2 }));
        assert_eq!(tie(&kept, &pdf(&[PLAIN; 19])), Err(NotTied::Pages { found: 19, wanted: 2 }));
        assert_eq!(tie(&kept, b"%PDF-1.7 something else"), Err(NotTied::Unreadable));
        assert_eq!(tie(b"%PDF-1.7 something else", &kept), Err(NotTied::Kept));
    }

    #[test]
    fn a_service_may_add_pages_and_lines_in_margins() {
        let kept = pdf(&[PLAIN, PLAIN]);
        let line = |at: &str, words: &str| format!("{PLAIN} BT /F 6 Tf {at} Td ({words}) Tj ET");
        let (margin, among) = (line("50 20", "Signert av meg"), line("60 690", "snart"));
        let among_before = format!("BT /F 6 Tf 60 690 Td (snart) Tj ET {PLAIN}");
        let tied = tie(&kept, &pdf(&["BT /F 9 Tf (Framside) Tj ET", &margin, PLAIN, "BI unreadable"]));
        assert_eq!(tied, Ok(Tie { by: TiedBy::Text, look: false, added_pages: vec![1, 4], added_words: vec![(2, 3)] }));
        assert_eq!(tie(&kept, &pdf(&[PLAIN, &among])), Err(NotTied::Among(2)));
        assert_eq!(tie(&kept, &pdf(&[PLAIN, &among_before])), Err(NotTied::Among(2)));
        assert_eq!(tie(&kept, &pdf(&[PLAIN, &line("50 20", &"ord ".repeat(101))])), Err(NotTied::Words(2)));
        assert_eq!(tie(&kept, &pdf(&[PLAIN, "BT ET", PLAIN])), Err(NotTied::Words(2)), "a page between ours");
        assert_eq!(tie(&kept, &pdf(&[PLAIN, "BI", PLAIN])), Err(NotTied::Page(2)));
    }

    #[test]
    fn bytes_tie_only_with_nothing_but_signatures_behind_them() {
        let kept = pdf(&[PLAIN]);
        assert_eq!(tie(&kept, &kept).map(|tie| tie.by), Ok(TiedBy::Bytes));
        let behind = |object: &str| {
            let at = kept.len();
            let mut bytes = [&kept[..], object.as_bytes(), b"\n"].concat();
            let start = bytes.len();
            let old = String::from_utf8_lossy(&kept);
            let before: usize = old.lines().rev().nth(1).and_then(|line| line.parse().ok()).expect("a number");
            let table = format!("xref\n10 1\n{at:010} 00000 n\r\ntrailer\n<</Size 11/Root 1 0 R/Prev {before}>>\n");
            bytes.extend(format!("{table}startxref\n{start}\n%%EOF\n").bytes());
            bytes
        };
        let page =
            |content: &str| format!("10 0 obj\n<</Length {}>>\nstream\n{content}\nendstream\nendobj", content.len());
        let other = behind(&page("BT /F 10 Tf (noko anna) Tj ET"));
        assert!(other.starts_with(&kept));
        assert_eq!(tie(&kept, &other), Err(NotTied::Words(1)));
        let painted = behind(&page(&format!("{PLAIN} 0 0 600 800 re f")));
        assert_eq!(tie(&kept, &painted).map(|tie| tie.by), Ok(TiedBy::Text), "paint is not words");
    }

    proptest! {
        #[test]
        fn any_content_gets_an_answer(content in "[]\\[<>()/A-Za-z0-9 #.'\"*-]{0,120}") {
            fuzz(&pdf(&[&content]));
            fuzz(&pdf(&[&format!("BT /F 9 Tf /G 9 Tf {content} (ord) Tj ET")]));
        }
    }
}
