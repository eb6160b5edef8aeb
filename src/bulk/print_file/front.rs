//! What stands on the outside of a print file: title, language, dates, ids, as PDF strings and as XMP.
//!
//! Says the same in both, as PDF/A-2 asks (6.6.3). It knows nothing of objects and letters.

use std::fmt::Write as _;

use super::PrintFileError;

/// The program that writes.
const CREATOR: &str = "skoledok";
/// Of a title or a bookmark. A string has at most 32,767 bytes (PDF/A-2, 6.1.13).
const MAX_CHARACTERS: usize = 1_000;

/// What stands on the outside of a print file.
#[derive(Debug, Clone, Copy)]
pub struct Front<'a> {
    /// Shown in the window's title bar.
    pub title: &'a str,
    /// Language of the title and the bookmarks (BCP 47). Letters keep their own.
    pub language: &'a str,
    /// 32 hexadecimal digits; the same for the same contents.
    pub identifier: &'a str,
    /// Year, month, day.
    pub created: (i32, u8, u8),
    /// Whether each letter begins on a sheet of its own in two-sided printing.
    pub two_sided: bool,
}

impl Front<'_> {
    /// Says which field is wrong, if one is.
    pub(super) fn check(&self) -> Result<(), PrintFileError> {
        let (year, month, day) = self.created;
        let parts = || self.language.split('-');
        let wrong = if clean(self.title).trim().is_empty() {
            "title"
        } else if !parts().all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric()))
            || self.language.starts_with(|first: char| first.is_ascii_digit())
        {
            "language"
        } else if self.identifier.len() != 32 || !self.identifier.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            "identifier"
        } else if !((0..=9999).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day)) {
            "created"
        } else {
            return Ok(());
        };
        Err(PrintFileError::Front(wrong))
    }

    /// The `Info` dictionary.
    pub(super) fn info(&self) -> String {
        let (year, month, day) = self.created;
        let date = format!("(D:{year:04}{month:02}{day:02}000000Z)");
        let title = text(self.title);
        format!("<</Title{title}/Creator({CREATOR})/CreationDate{date}/ModDate{date}>>")
    }

    /// The ids of the trailer.
    pub(super) fn ids(&self) -> String {
        format!("/ID[<{0}><{0}>]", self.identifier)
    }

    /// The metadata stream.
    pub(super) fn xmp(&self) -> String {
        let (year, month, day) = self.created;
        let date = format!("{year:04}-{month:02}-{day:02}T00:00:00Z");
        let (title, language) = (escape(&clean(self.title)), self.language);
        let id = self.identifier.to_ascii_lowercase();
        format!(
            "<?xpacket begin=\"\u{FEFF}\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>\n\
             <x:xmpmeta xmlns:x=\"adobe:ns:meta/\"><rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">\n\
             <rdf:Description rdf:about=\"\" xmlns:dc=\"http://purl.org/dc/elements/1.1/\" \
             xmlns:xmp=\"http://ns.adobe.com/xap/1.0/\" xmlns:xmpMM=\"http://ns.adobe.com/xap/1.0/mm/\" \
             xmlns:pdfaid=\"http://www.aiim.org/pdfa/ns/id/\" \
             xmlns:pdfuaid=\"http://www.aiim.org/pdfua/ns/id/\" \
             xmlns:pdfaExtension=\"http://www.aiim.org/pdfa/ns/extension/\" \
             xmlns:pdfaSchema=\"http://www.aiim.org/pdfa/ns/schema#\" \
             xmlns:pdfaProperty=\"http://www.aiim.org/pdfa/ns/property#\">\n\
             <dc:format>application/pdf</dc:format>\n\
             <dc:title><rdf:Alt><rdf:li xml:lang=\"x-default\">{title}</rdf:li></rdf:Alt></dc:title>\n\
             <dc:language><rdf:Bag><rdf:li>{language}</rdf:li></rdf:Bag></dc:language>\n\
             <xmp:CreatorTool>{CREATOR}</xmp:CreatorTool>\n\
             <xmp:CreateDate>{date}</xmp:CreateDate>\n<xmp:ModifyDate>{date}</xmp:ModifyDate>\n\
             <xmpMM:DocumentID>uuid:{id}</xmpMM:DocumentID>\n<xmpMM:InstanceID>uuid:{id}</xmpMM:InstanceID>\n\
             <pdfaid:part>2</pdfaid:part>\n<pdfaid:conformance>A</pdfaid:conformance>\n\
             <pdfuaid:part>1</pdfuaid:part>\n{UA_SCHEMA}\
             </rdf:Description>\n</rdf:RDF></x:xmpmeta>\n<?xpacket end=\"r\"?>"
        )
    }
}

/// PDF/A-2 knows no `pdfuaid`, so the file describes it (6.6.2.3).
const UA_SCHEMA: &str = "<pdfaExtension:schemas><rdf:Bag><rdf:li rdf:parseType=\"Resource\">\
    <pdfaSchema:schema>PDF/UA Identification schema</pdfaSchema:schema>\
    <pdfaSchema:namespaceURI>http://www.aiim.org/pdfua/ns/id/</pdfaSchema:namespaceURI>\
    <pdfaSchema:prefix>pdfuaid</pdfaSchema:prefix>\
    <pdfaSchema:property><rdf:Seq><rdf:li rdf:parseType=\"Resource\">\
    <pdfaProperty:category>internal</pdfaProperty:category>\
    <pdfaProperty:description>Part Number of ISO 14289 (PDF/UA)</pdfaProperty:description>\
    <pdfaProperty:name>part</pdfaProperty:name><pdfaProperty:valueType>Integer</pdfaProperty:valueType>\
    </rdf:li></rdf:Seq></pdfaSchema:property></rdf:li></rdf:Bag></pdfaExtension:schemas>\n";

/// A text as a PDF string: as it stands if ASCII says it, otherwise UTF-16 (ISO 32000-1, 7.9.2.2).
pub fn text(text: &str) -> String {
    let text = clean(text);
    let mut out = String::with_capacity(text.len() + 2);
    if text.is_ascii() {
        out.push('(');
        for character in text.chars() {
            if matches!(character, '(' | ')' | '\\') {
                out.push('\\');
            }
            out.push(character);
        }
        out.push(')');
    } else {
        out.push_str("<FEFF");
        for unit in text.encode_utf16() {
            // Writing to a string does not fail.
            let _ = write!(out, "{unit:04X}");
        }
        out.push('>');
    }
    out
}

/// Cut to a length that fits, and without characters that neither XML nor a line of text can hold.
fn clean(text: &str) -> String {
    let short = text.char_indices().nth(MAX_CHARACTERS).map_or(text, |(end, _)| &text[..end]);
    short.replace(|character: char| character.is_control() || matches!(character, '\u{FFFE}' | '\u{FFFF}'), " ")
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
