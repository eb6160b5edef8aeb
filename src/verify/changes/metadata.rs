//! The rule for XMP (ISO 16684-1): who saves a file anew may say when and with what, and nothing else.

use roxmltree::{Document, Node, ParsingOptions};

use super::super::pdf::{Dictionary, PdfError};
use super::super::report::ChangeCode;
use super::graph::Place;
use super::{Comparison, Reach};

/// Largest packet that is read, in bytes.
const LARGEST: usize = 1024 * 1024;
/// Most elements and texts in it.
const MOST_NODES: u32 = 20_000;
/// Deepest nesting in it.
const DEEPEST: usize = 24;
/// Most namespaces that are declared in it: the reader copies them to each element that declares one.
const MOST_NAMESPACES: usize = 256;
/// Most attributes in it: the reader compares those of an element each with each.
const MOST_ATTRIBUTES: usize = 5000;
/// Properties that tell of the file and not of what it says, by namespace and name.
const OF_THE_FILE: [(&str, &str); 7] = [
    ("http://ns.adobe.com/xap/1.0/", "ModifyDate"),
    ("http://ns.adobe.com/xap/1.0/", "MetadataDate"),
    ("http://ns.adobe.com/xap/1.0/", "CreatorTool"),
    ("http://ns.adobe.com/pdf/1.3/", "Producer"),
    ("http://ns.adobe.com/xap/1.0/mm/", "InstanceID"),
    ("http://ns.adobe.com/xap/1.0/mm/", "History"),
    ("http://ns.adobe.com/pdf/1.3/", "PDFVersion"),
];

impl Comparison<'_, '_> {
    pub(super) fn metadata(&mut self, at: &Place, before: &Dictionary, after: &Dictionary) -> Result<(), PdfError> {
        let old = self.file.get(self.old, before, "Metadata")?;
        let new = self.file.get(self.new, after, "Metadata")?;
        let (Some(old), Some(new)) = (&old, &new) else {
            if old.is_some() || new.is_some() {
                self.forbid(ChangeCode::MetadataChanged, None);
            }
            return Ok(());
        };
        let (Some(id), Some(old_stream), Some(new_stream)) = (new.id, old.as_stream(), new.as_stream()) else {
            self.forbid(ChangeCode::MetadataChanged, None);
            return Ok(());
        };
        if old.id == new.id && self.same(old, new)? {
            return Ok(());
        }
        self.file.weigh_bytes(64 * old_stream.length)?;
        let (was, is) = (self.file.decoded(old_stream)?, self.file.decoded(new_stream)?);
        if says_the_same(&was, &is) != Some(true) || old.id != new.id && !self.is_new(id.number) {
            self.forbid(ChangeCode::MetadataChanged, Some(id.number));
            return Ok(());
        }
        let place = at.key("Metadata");
        self.approve_where(id.number, |used| *used == place);
        self.allow(ChangeCode::MetadataDates, Reach::Maintenance, None);
        Ok(())
    }
}

/// Whether two packets differ in nothing but properties of the file; nothing when one is no XMP that is read here.
fn says_the_same(old: &[u8], new: &[u8]) -> Option<bool> {
    Some(statements(old)? == statements(new)?)
}

/// What a packet says, in order.
fn statements(packet: &[u8]) -> Option<Vec<String>> {
    if packet.len() > LARGEST {
        return None;
    }
    let text = std::str::from_utf8(packet).ok()?;
    if text.matches("xmlns").count() > MOST_NAMESPACES || text.matches('=').count() > MOST_ATTRIBUTES {
        return None;
    }
    let text = text.trim_start_matches('\u{feff}').trim_end_matches(['\0', ' ', '\n', '\r', '\t']);
    // `<!DOCTYPE` and with it entities are refused by default.
    let options = ParsingOptions { nodes_limit: MOST_NODES, ..ParsingOptions::default() };
    let document = Document::parse_with_options(text, options).ok()?;
    let mut said = Vec::new();
    statement(document.root_element(), 0, &mut said)?;
    Some(said)
}

fn statement(node: Node<'_, '_>, depth: usize, said: &mut Vec<String>) -> Option<()> {
    if depth > DEEPEST {
        return None;
    }
    if let Some(text) = node.text().filter(|text| node.is_text() && !text.trim().is_empty()) {
        said.push(format!("{depth}'{}", text.trim()));
    }
    if !node.is_element() {
        return Some(());
    }
    let name = (node.tag_name().namespace().unwrap_or_default(), node.tag_name().name());
    if OF_THE_FILE.contains(&name) {
        return Some(());
    }
    let mut attributes: Vec<String> = node
        .attributes()
        .filter(|attribute| !OF_THE_FILE.contains(&(attribute.namespace().unwrap_or_default(), attribute.name())))
        .filter(|attribute| attribute.name() != "xmptk")
        .map(|attribute| {
            format!(
                "{depth}@{{{}}}{}={}",
                attribute.namespace().unwrap_or_default(),
                attribute.name(),
                attribute.value()
            )
        })
        .collect();
    attributes.sort();
    said.push(format!("{depth}<{{{}}}{}", name.0, name.1));
    said.extend(attributes);
    node.children().try_for_each(|child| statement(child, depth + 1, said))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(title: &str, date: &str) -> Vec<u8> {
        format!(
            "<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>\
             <rdf:Description xmlns:xmp='http://ns.adobe.com/xap/1.0/' xmlns:dc='http://purl.org/dc/elements/1.1/'>\
             <xmp:ModifyDate>{date}</xmp:ModifyDate>\n<dc:title>{title}</dc:title></rdf:Description></rdf:RDF></x:xmpmeta>"
        )
        .into_bytes()
    }

    #[test]
    fn a_date_may_change_and_a_title_may_not() {
        let signed = packet("Plan", "2026-01-01");
        assert_eq!(says_the_same(&signed, &packet("Plan", "2026-02-02")), Some(true));
        assert_eq!(says_the_same(&signed, &packet("Plan B", "2026-01-01")), Some(false));
        assert_eq!(says_the_same(&signed, b"<x"), None);
        let crowded: String = (0..70_000).fold(String::new(), |text, number| text + &format!(" a{number}=''"));
        assert_eq!(says_the_same(&signed, format!("<x{crowded}/>").as_bytes()), None);
        let spaces: String = (0..20_000).fold(String::new(), |text, number| text + &format!(" xmlns:a{number}=''"));
        let nested = format!("<x{spaces}>{}</x>", "<a xmlns:z=''/>".repeat(10_000));
        assert_eq!(says_the_same(&signed, nested.as_bytes()), None);
        assert_eq!(says_the_same(&signed, b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"), None);
    }
}
