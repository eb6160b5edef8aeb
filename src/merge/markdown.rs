//! The Markdown subset of free letters: paragraphs, headings, lists, bold, italic and links.
//!
//! Read by CommonMark rules. What lies beyond the subset (tables, pictures, HTML, code, quotes,
//! rules) is reported, not dropped: a letter never says less than its sender wrote. The result is a
//! tree of plain texts, so nothing in it can act as Typst or HTML.

use pulldown_cmark::{Event, HeadingLevel, LinkType, Options, Parser, Tag, TagEnd};
use serde::Serialize;

/// Deepest list within lists.
const MAX_DEPTH: usize = 4;

/// A block of text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Block {
    /// A paragraph.
    Paragraph {
        /// Its text.
        spans: Vec<Span>,
    },
    /// A heading below the title of the letter.
    Heading {
        /// 2 or 3.
        level: u8,
        /// Its text.
        spans: Vec<Span>,
    },
    /// A list.
    List {
        /// Numbered or not.
        ordered: bool,
        /// First number.
        start: u64,
        /// What each point holds.
        items: Vec<Vec<Block>>,
    },
}

/// A run of text in one style.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Span {
    /// The text, empty at a line break.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// Bold.
    #[serde(skip_serializing_if = "is_false")]
    pub bold: bool,
    /// Italic.
    #[serde(skip_serializing_if = "is_false")]
    pub italic: bool,
    /// Address that it leads to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// A line break.
    #[serde(rename = "break", skip_serializing_if = "is_false")]
    pub line_break: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// Why a text is not of the subset.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MarkdownError {
    /// A construct beyond the subset, by its name in the message table, and its line from 1.
    #[error("unsupported {construct} in line {line}")]
    Unsupported {
        /// Name of the construct.
        construct: &'static str,
        /// Line.
        line: usize,
    },
    /// A link that is not `https`, `mailto` or `tel`.
    #[error("link of another scheme in line {line}")]
    LinkScheme {
        /// Line.
        line: usize,
    },
}

impl MarkdownError {
    fn line(&self) -> usize {
        match self {
            Self::Unsupported { line, .. } | Self::LinkScheme { line } => *line,
        }
    }
}

/// Whether an address may stand in a document.
#[must_use]
pub fn is_safe_link(address: &str) -> bool {
    let lower = address.to_ascii_lowercase();
    let target = ["https://", "mailto:", "tel:"].iter().find_map(|scheme| lower.strip_prefix(scheme));
    target.is_some_and(|rest| !rest.is_empty())
        && address.len() <= 2_000
        && !address.chars().any(|c| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | '"'))
}

/// Parses a text.
///
/// # Errors
/// Every construct beyond the subset and every link of another scheme, in the order of the text.
pub fn parse(text: &str) -> Result<Vec<Block>, Vec<MarkdownError>> {
    let mut reader = Reader {
        text,
        frames: vec![Frame::default()],
        errors: Vec::new(),
        bold: 0,
        italic: 0,
        link: None,
        labels: Vec::new(),
    };
    let mut events = Parser::new_ext(text, Options::empty()).into_offset_iter();
    for (event, range) in events.by_ref() {
        reader.event(event, range.start);
    }
    // `[Obs]: avlyst` defines a link and prints nothing; with no link that uses it, these were words.
    let definitions = events.reference_definitions();
    let used: Vec<usize> = reader.labels.iter().filter_map(|label| Some(definitions.get(label)?.span.start)).collect();
    let mut unused: Vec<usize> = definitions.iter().map(|(_, definition)| definition.span.start).collect();
    unused.retain(|start| !used.contains(start));
    unused.sort_unstable();
    for at in unused {
        reader.unsupported("the address of a link", at);
    }
    reader.errors.sort_by_key(MarkdownError::line);
    if reader.errors.is_empty() {
        let mut frame = reader.frames.swap_remove(0);
        frame.finish_paragraph();
        Ok(frame.blocks)
    } else {
        Err(reader.errors)
    }
}

/// What is open at some depth: blocks that are done and spans of the one that is not.
#[derive(Default)]
struct Frame {
    blocks: Vec<Block>,
    spans: Vec<Span>,
    /// Of a list: its points that are done.
    items: Vec<Vec<Block>>,
    first_number: Option<u64>,
}

impl Frame {
    /// A tight list holds bare text without a paragraph around it.
    fn finish_paragraph(&mut self) {
        if !self.spans.is_empty() {
            let spans = std::mem::take(&mut self.spans);
            self.blocks.push(Block::Paragraph { spans });
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    frames: Vec<Frame>,
    errors: Vec<MarkdownError>,
    bold: usize,
    italic: usize,
    link: Option<String>,
    /// The names of links whose addresses stand elsewhere.
    labels: Vec<String>,
}

impl Reader<'_> {
    fn event(&mut self, event: Event<'_>, at: usize) {
        match event {
            Event::Start(tag) => self.start(tag, at),
            Event::End(tag) => self.end(tag),
            Event::Text(text) => self.span(&text, false),
            Event::SoftBreak => self.span(" ", false),
            Event::HardBreak => self.span("", true),
            Event::Code(_) => self.unsupported("code", at),
            Event::Html(_) | Event::InlineHtml(_) => self.unsupported("html", at),
            Event::Rule => self.unsupported("a rule", at),
            _ => self.unsupported("markup", at),
        }
    }

    fn start(&mut self, tag: Tag<'_>, at: usize) {
        match tag {
            Tag::Paragraph | Tag::Heading { .. } => self.top().finish_paragraph(),
            Tag::List(first) => {
                self.top().finish_paragraph();
                if self.frames.len() > 2 * MAX_DEPTH {
                    self.unsupported("a list nested too deeply", at);
                }
                self.frames.push(Frame { first_number: first, ..Frame::default() });
            }
            Tag::Item => {
                self.check_number(at);
                self.frames.push(Frame::default());
            }
            Tag::Strong => self.bold += 1,
            Tag::Emphasis => self.italic += 1,
            Tag::Link { link_type, dest_url, id, .. } => {
                // `<post@example.no>` comes without a scheme.
                let scheme = if link_type == LinkType::Email { "mailto:" } else { "" };
                let address = format!("{scheme}{dest_url}");
                if !is_safe_link(&address) {
                    let line = self.line(at);
                    self.errors.push(MarkdownError::LinkScheme { line });
                }
                self.link = Some(address);
                self.labels.push(id.into_string());
            }
            Tag::BlockQuote(_) => self.unsupported("a quote", at),
            Tag::CodeBlock(_) => self.unsupported("code", at),
            Tag::HtmlBlock => self.unsupported("html", at),
            Tag::Image { .. } => self.unsupported("a picture", at),
            _ => self.unsupported("markup", at),
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Paragraph => self.top().finish_paragraph(),
            TagEnd::Heading(level) => {
                let spans = std::mem::take(&mut self.top().spans);
                let level = if level == HeadingLevel::H1 || level == HeadingLevel::H2 { 2 } else { 3 };
                if !spans.is_empty() {
                    self.heading(level, spans);
                }
            }
            TagEnd::Item => {
                if let Some(mut item) = self.frames.pop() {
                    item.finish_paragraph();
                    self.top().items.push(item.blocks);
                }
            }
            TagEnd::List(ordered) => {
                if let Some(list) = self.frames.pop() {
                    self.top().blocks.push(Block::List {
                        ordered,
                        start: list.first_number.unwrap_or(1),
                        items: list.items,
                    });
                }
            }
            TagEnd::Strong => self.bold -= 1,
            TagEnd::Emphasis => self.italic -= 1,
            TagEnd::Link => self.link = None,
            _ => {}
        }
    }

    /// A list is numbered anew, whatever its points are numbered by: «15. desember» behind «3. desember» would be the 4th.
    fn check_number(&mut self, at: usize) {
        let list = self.top();
        let Some(expected) = list.first_number.map(|first| first + list.items.len() as u64) else { return };
        let written = self.text[at..].trim_start();
        let digits = written.bytes().take_while(u8::is_ascii_digit).count();
        if written[..digits].parse() != Ok(expected) {
            self.unsupported("a list of other numbers", at);
        }
    }

    /// A third level needs a second before it: PDF/UA-1 refuses a skipped level (ISO 14289-1, 7.4.2).
    /// Within lists a heading is a paragraph in bold.
    fn heading(&mut self, level: u8, mut spans: Vec<Span>) {
        if self.frames.len() > 1 {
            for span in &mut spans {
                span.bold = true;
            }
            self.top().blocks.push(Block::Paragraph { spans });
            return;
        }
        let after_second = self.top().blocks.iter().any(|block| matches!(block, Block::Heading { level: 2, .. }));
        let level = if level == 3 && !after_second { 2 } else { level };
        self.top().blocks.push(Block::Heading { level, spans });
    }

    fn span(&mut self, text: &str, line_break: bool) {
        let span = Span {
            text: text.to_owned(),
            bold: self.bold > 0,
            italic: self.italic > 0,
            link: self.link.clone(),
            line_break,
        };
        let spans = &mut self.top().spans;
        match spans.last_mut() {
            Some(last)
                if !line_break
                    && !last.line_break
                    && (last.bold, last.italic, &last.link) == (span.bold, span.italic, &span.link) =>
            {
                last.text.push_str(text);
            }
            _ => spans.push(span),
        }
    }

    fn unsupported(&mut self, construct: &'static str, at: usize) {
        let error = MarkdownError::Unsupported { construct, line: self.line(at) };
        if self.errors.last() != Some(&error) {
            self.errors.push(error);
        }
    }

    fn line(&self, at: usize) -> usize {
        1 + self.text.bytes().take(at).filter(|&b| b == b'\n').count()
    }

    #[expect(clippy::expect_used, reason = "the parser closes what it opens, so the bottom frame stays")]
    fn top(&mut self) -> &mut Frame {
        self.frames.last_mut().expect("the bottom frame is never popped")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn blocks(text: &str) -> serde_json::Value {
        json!(parse(text).expect("the text is of the subset"))
    }

    #[test]
    fn reads_the_subset() {
        assert_eq!(
            blocks("# Tur\n\nVi *går* til **fjells**.\\\nMøt kl. 9\n"),
            json!([
                {"type": "heading", "level": 2, "spans": [{"text": "Tur"}]},
                {"type": "paragraph", "spans": [
                    {"text": "Vi "}, {"text": "går", "italic": true}, {"text": " til "},
                    {"text": "fjells", "bold": true}, {"text": "."}, {"break": true}, {"text": "Møt kl. 9"}
                ]},
            ])
        );
        assert_eq!(
            blocks("3. mat\n4. drikke\n   - saft\n"),
            json!([{"type": "list", "ordered": true, "start": 3, "items": [
                [{"type": "paragraph", "spans": [{"text": "mat"}]}],
                [{"type": "paragraph", "spans": [{"text": "drikke"}]},
                 {"type": "list", "ordered": false, "start": 1, "items": [[{"type": "paragraph", "spans": [{"text": "saft"}]}]]}],
            ]}])
        );
        assert_eq!(
            blocks("[siden](https://example.no)"),
            json!([{"type": "paragraph", "spans": [{"text": "siden", "link": "https://example.no"}]}])
        );
    }

    #[test]
    fn an_address_in_angle_brackets_is_a_link() {
        assert_eq!(
            blocks("<post@example.no>, <https://example.no>"),
            json!([{"type": "paragraph", "spans": [
                {"text": "post@example.no", "link": "mailto:post@example.no"}, {"text": ", "},
                {"text": "https://example.no", "link": "https://example.no"},
            ]}])
        );
    }

    #[test]
    fn words_that_would_define_a_link_are_not_lost() {
        assert_eq!(
            blocks("Se [siden] eller [her][Siden].\n\n[siden]: https://example.no"),
            json!([{"type": "paragraph", "spans": [
                {"text": "Se "}, {"text": "siden", "link": "https://example.no"}, {"text": " eller "},
                {"text": "her", "link": "https://example.no"}, {"text": "."},
            ]}])
        );
        let lost = |line| MarkdownError::Unsupported { construct: "the address of a link", line };
        assert_eq!(parse("Hei\n\n[Obs]: avlyst\n\n- a\n\n  [Frist]: fredag\n"), Err(vec![lost(3), lost(7)]));
        assert_eq!(
            blocks("[Obs]: turen er avlyst"),
            json!([{"type": "paragraph", "spans": [{"text": "[Obs]: turen er avlyst"}]}])
        );
    }

    #[test]
    fn a_list_keeps_the_numbers_that_were_written() {
        for text in ["1. a\n2. b", "3) a\n4) b\n\n   c\n5) d", "- a\n  9. b\n  10. c", "  1. a\n  2. b", "31. desember"]
        {
            assert!(parse(text).is_ok(), "{text:?}");
        }
        let other = |line| MarkdownError::Unsupported { construct: "a list of other numbers", line };
        assert_eq!(parse("3. desember\n15. desember"), Err(vec![other(2)]));
        assert_eq!(parse("Datoer\n\n- a\n  1. mai\n\n  17. mai"), Err(vec![other(6)]));
        assert_eq!(parse("1. a\n1. b\n1. c"), Err(vec![other(2), other(3)]));
        assert_eq!(
            blocks("3\\. desember\\\n15\\. desember"),
            json!([{"type": "paragraph", "spans": [{"text": "3. desember"}, {"break": true}, {"text": "15. desember"}]}])
        );
    }

    #[test]
    fn typst_and_handlebars_are_plain_text() {
        assert_eq!(
            blocks("#panic() $x$ @a {{x}} //x"),
            json!([{"type": "paragraph", "spans": [{"text": "#panic() $x$ @a {{x}} //x"}]}])
        );
    }

    #[test]
    fn a_heading_level_is_never_skipped() {
        let levels = |text: &str| -> Vec<u8> {
            parse(text)
                .expect("headings are of the subset")
                .iter()
                .filter_map(|block| match block {
                    Block::Heading { level, .. } => Some(*level),
                    _ => None,
                })
                .collect()
        };
        assert_eq!(levels("### a\n\n# b\n\n##### c"), [2, 2, 3]);
    }

    #[test]
    fn tells_everything_beyond_the_subset_with_its_line() {
        let text = "a\n\n> b\n\n`c`\n\n<b>d</b>\n\n![e](https://example.no/e.png)\n\n---\n\n[f](javascript:x)\n";
        let lines: Vec<usize> =
            parse(text).expect_err("none of it is of the subset").iter().map(MarkdownError::line).collect();
        assert_eq!(lines, [3, 5, 7, 9, 11, 13]);
    }

    #[test]
    fn only_three_schemes_lead_out() {
        for (address, safe) in [
            ("https://example.no", true),
            ("HTTPS://example.no", true),
            ("mailto:post@example.no", true),
            ("tel:+4722000000", true),
            ("http://example.no", false),
            ("javascript:alert(1)", false),
            ("file:///etc/passwd", false),
            ("//example.no", false),
            ("https://", false),
            ("https://a b", false),
        ] {
            assert_eq!(is_safe_link(address), safe, "{address}");
        }
    }
}
