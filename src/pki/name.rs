//! Distinguished names (RFC 5280, 4.1.2.4): as text for people, and compared as chains want it.

use const_oid::ObjectIdentifier;
use unicode_normalization::UnicodeNormalization as _;

use super::algorithm::Hash;
use super::der::{self, DerError, Element, Reader, tag};
use super::oid;

/// Most attributes that a name may have.
const MOST: usize = 64;

/// A distinguished name.
#[derive(Debug, Clone)]
pub struct Name {
    der: Vec<u8>,
    /// Sets of attributes, in the order of the name.
    parts: Vec<Vec<Attribute>>,
    /// What is compared: a digest of each part.
    folded: Vec<u8>,
}

#[derive(Debug, Clone)]
struct Attribute {
    kind: ObjectIdentifier,
    /// The value as text, if it is one.
    text: Option<String>,
    raw: Vec<u8>,
}

impl Name {
    /// Reads a Name.
    ///
    /// # Errors
    /// It is none, or has more than 64 attributes.
    pub fn from_der(bytes: &[u8]) -> Result<Self, DerError> {
        let mut parts = Vec::new();
        let mut count = 0;
        for set in der::only_sequence(bytes)?.all(MOST, "parts of a name")? {
            let set = der::only(set.raw, tag::SET)?.inside().all(MOST, "parts of a name")?;
            count += set.len();
            if count > MOST {
                return Err(DerError::TooMany("parts of a name"));
            }
            parts.push(set.iter().map(|element| attribute(element.raw)).collect::<Result<Vec<_>, _>>()?);
        }
        let folded = fold(&parts);
        Ok(Self { der: bytes.to_vec(), parts, folded })
    }

    /// The Name, as it came.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Whether it has no parts.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// All values of a kind; nothing for one that is no text.
    pub(super) fn values(&self, kind: ObjectIdentifier) -> impl Iterator<Item = Option<&str>> {
        self.parts.iter().flatten().filter(move |attribute| attribute.kind == kind).map(|one| one.text.as_deref())
    }

    /// The first value of a kind, such as [`oid::COMMON_NAME`].
    #[must_use]
    pub fn value(&self, kind: ObjectIdentifier) -> Option<&str> {
        self.parts.iter().flatten().find(|attribute| attribute.kind == kind)?.text.as_deref()
    }

    /// The common name.
    #[must_use]
    pub fn common_name(&self) -> Option<&str> {
        self.value(oid::COMMON_NAME)
    }

    /// The name of the organisation.
    #[must_use]
    pub fn organisation(&self) -> Option<&str> {
        self.value(oid::ORGANISATION)
    }

    /// The identifier of the organisation, such as `NTRNO-123456785` (2.5.4.97; ETSI EN 319 412-1, 5.1.4).
    #[must_use]
    pub fn organisation_id(&self) -> Option<&str> {
        self.value(oid::ORGANISATION_ID)
    }

    /// What people call it: common name, else organisation, else all of it. On one line, and without what steers a screen: it goes into messages
    /// and onto pages, and whoever is named wrote it.
    #[must_use]
    pub fn short(&self) -> String {
        let name = self.common_name().or_else(|| self.organisation());
        name.map_or_else(
            || self.to_string(),
            |name| name.chars().map(|character| if steers(character) { ' ' } else { character }).collect(),
        )
    }

    /// Whether the name begins with all the parts of another (RFC 5280, 7.1): it stands below that in a directory.
    pub(super) fn is_below(&self, base: &Self) -> bool {
        // What is compared consists of digests of whole parts, so that none can end within another.
        self.folded.starts_with(&base.folded)
    }

    /// Whether two names are one: the same kinds in the same order, and values that differ in case, spaces and the way in which letters are put
    /// together at most (RFC 5280, 7.1 with RFC 4518, 2: NFKC, and Unicode's lower case).
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        self.der == other.der || self.folded == other.folded
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.is(other)
    }
}

impl Eq for Name {}

impl std::fmt::Display for Name {
    /// As RFC 4514 writes it: the last part first.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let written = |attribute: &Attribute| match (keyword(attribute.kind), &attribute.text) {
            (Some(word), Some(text)) => format!("{word}={}", escaped(text)),
            (None, Some(text)) => format!("{}={}", attribute.kind, escaped(text)),
            (_, None) => format!("{}=#{}", attribute.kind, super::hex(&attribute.raw)),
        };
        let parts: Vec<String> =
            self.parts.iter().rev().map(|set| set.iter().map(written).collect::<Vec<_>>().join("+")).collect();
        formatter.write_str(&parts.join(","))
    }
}

fn attribute(bytes: &[u8]) -> Result<Attribute, DerError> {
    let mut inside = der::only_sequence(bytes)?;
    let kind = inside.oid()?;
    let value = inside.next()?;
    inside.end()?;
    Ok(Attribute { kind, text: text(value.tag, value.body), raw: value.raw.to_vec() })
}

/// The text of a string type, if the bytes are good for it (X.690, 8.23).
pub(super) fn text(tag: u8, body: &[u8]) -> Option<String> {
    match tag {
        // UTF8String, NumericString, PrintableString, IA5String, VisibleString: ASCII is UTF-8.
        0x0C | 0x12 | 0x13 | 0x16 | 0x1A => String::from_utf8(body.to_vec()).ok(),
        // TeletexString: in practice Latin-1.
        0x14 => Some(body.iter().copied().map(char::from).collect()),
        // BMPString: pairs of bytes.
        0x1E => {
            let (pairs, []) = body.as_chunks::<2>() else { return None };
            let units: Vec<u16> = pairs.iter().map(|pair| u16::from_be_bytes(*pair)).collect();
            String::from_utf16(&units).ok()
        }
        _ => None,
    }
}

/// Bytes that are the same for names that are the same: 32 for each part, so that one begins with another where the names do. A letter can become
/// eleven times as long when it is taken apart, so that what is compared is not kept.
fn fold(parts: &[Vec<Attribute>]) -> Vec<u8> {
    let mut folded = Vec::new();
    for set in parts {
        let values = set.iter().map(|attribute| {
            let value = match &attribute.text {
                Some(text) => {
                    let text: String = text.chars().filter(|character| !is_nothing(*character)).nfkc().collect();
                    let text: String = text.to_lowercase().nfkc().collect();
                    let words: Vec<&str> = text.split_whitespace().collect();
                    der::element(tag::UTF8, words.join(" ").as_bytes())
                }
                None => attribute.raw.clone(),
            };
            der::sequence(&[&der::oid(attribute.kind), &value])
        });
        // Each value stands in an element, so that no value can pass for two.
        folded.extend(Hash::Sha256.digest(&[&der::set_of(tag::SET, values.collect())]));
    }
    folded
}

/// Characters that names are compared without (RFC 4518, 2.2, «mapped to nothing»): nobody sees them.
fn is_nothing(character: char) -> bool {
    let steers = character.is_control() && !matches!(character, '\t'..='\r' | '\u{85}');
    steers
        || matches!(character,
            '\u{AD}' | '\u{34F}' | '\u{6DD}' | '\u{70F}' | '\u{1806}' | '\u{180B}'..='\u{180E}' | '\u{200B}'..='\u{200F}'
            | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFC}'
            | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E007F}')
}

/// The keywords of RFC 4514, 3, and those that OpenSSL and others write beside them.
fn keyword(kind: ObjectIdentifier) -> Option<&'static str> {
    let known = [
        (oid::COMMON_NAME, "CN"),
        (oid::LOCALITY, "L"),
        (oid::STATE, "ST"),
        (oid::ORGANISATION, "O"),
        (oid::UNIT, "OU"),
        (oid::COUNTRY, "C"),
        (oid::STREET, "STREET"),
        (oid::DOMAIN_COMPONENT, "DC"),
        (oid::USER_ID, "UID"),
        (oid::SURNAME, "SN"),
        (oid::GIVEN_NAME, "GN"),
        (oid::SERIAL_NUMBER, "serialNumber"),
        (oid::TITLE, "title"),
        (oid::EMAIL, "emailAddress"),
        (oid::ORGANISATION_ID, "organizationIdentifier"),
    ];
    known.into_iter().find(|(known, _)| *known == kind).map(|(_, word)| word)
}

/// Characters that steer a screen, or turn the direction of what is written.
fn steers(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200E}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// A value with what means something in a name escaped (RFC 4514, 2.4), and characters that steer a screen as well.
fn escaped(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    let last = text.chars().count().saturating_sub(1);
    for (place, character) in text.chars().enumerate() {
        let edge = (character == ' ' && (place == 0 || place == last)) || (character == '#' && place == 0);
        if edge || matches!(character, '"' | '+' | ',' | ';' | '<' | '>' | '\\' | '=') {
            written.push('\\');
            written.push(character);
        } else if steers(character) {
            let mut bytes = [0; 4];
            for byte in character.encode_utf8(&mut bytes).bytes() {
                written.push('\\');
                written.push_str(&super::hex(&[byte]));
            }
        } else {
            written.push(character);
        }
    }
    written
}

/// A GeneralName (RFC 5280, 4.2.1.6): of a subject, of a place, or the base of a subtree of names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum GeneralName {
    /// An e-mail address; in a base also a host.
    Mail(String),
    /// The name of a host.
    Host(String),
    /// A distinguished name.
    Directory(Name),
    /// A URL.
    Url(String),
    /// An address of IP; in a base with a mask.
    Address(Vec<u8>),
    /// Of a form that nothing is asked of here, as it came.
    Other(Vec<u8>),
}

impl GeneralName {
    pub(super) fn read(element: &Element<'_>) -> Result<Self, DerError> {
        const DIRECTORY: u8 = tag::constructed(4);
        const OTHER_NAME: u8 = tag::constructed(0);
        let ascii = || {
            let text = text(0x16, element.body).filter(|text| text.is_ascii());
            text.ok_or(DerError::Value("a name"))
        };
        Ok(match element.tag {
            0x81 => Self::Mail(ascii()?),
            0x82 => Self::Host(ascii()?),
            DIRECTORY => Self::Directory(Name::from_der(element.body)?),
            0x86 => Self::Url(ascii()?),
            0x87 => Self::Address(element.body.to_vec()),
            // An address beyond ASCII, which constraints on addresses bind as well (RFC 9598, 6).
            OTHER_NAME if Reader::new(element.body).oid()? == oid::SMTP_UTF8_MAILBOX => {
                Self::Mail(utf8_mailbox(element.body)?)
            }
            _ => Self::Other(element.raw.to_vec()),
        })
    }

    /// The URL that it is.
    pub(super) fn url(&self) -> Option<&str> {
        if let Self::Url(url) = self { Some(url) } else { None }
    }
}

fn utf8_mailbox(other_name: &[u8]) -> Result<String, DerError> {
    let mut inside = Reader::new(other_name);
    inside.oid()?;
    let value = der::only(inside.expect(tag::constructed(0))?.body, tag::UTF8)?;
    inside.end()?;
    text(value.tag, value.body).ok_or(DerError::Value("an e-mail address"))
}

/// The URLs among GeneralNames, at most eight (RFC 5280, 4.2.1.6).
pub(super) fn urls(names: Reader<'_>) -> Result<Vec<String>, DerError> {
    let uri = tag::primitive(6);
    let names = names.all(MOST, "names")?;
    Ok(names.iter().filter(|name| name.tag == uri).filter_map(|name| text(0x16, name.body)).take(8).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(parts: &[(ObjectIdentifier, u8, &[u8])]) -> Name {
        let set = |(kind, tag, value): &(ObjectIdentifier, u8, &[u8])| {
            der::set_of(tag::SET, vec![der::sequence(&[&der::oid(*kind), &der::element(*tag, value)])])
        };
        let sets: Vec<Vec<u8>> = parts.iter().map(set).collect();
        Name::from_der(&der::element(tag::SEQUENCE, &sets.concat())).expect("it is a name")
    }

    #[test]
    fn a_name_is_written_with_what_means_something_escaped() {
        let ours = name(&[
            (oid::COUNTRY, 0x13, b"NO"),
            (oid::ORGANISATION, tag::UTF8, "Ås, Åsen + Sønn".as_bytes()),
            (oid::COMMON_NAME, tag::UTF8, " #Ola\nNordmann\u{202E} ".as_bytes()),
            (oid::MGF1, tag::OCTET_STRING, &[1, 2]),
        ]);
        let written = "1.2.840.113549.1.1.8=#04020102,CN=\\ #Ola\\0aNordmann\\e2\\80\\ae\\ ,O=Ås\\, Åsen \\+ Sønn,C=NO";
        assert_eq!(ours.to_string(), written);
        assert_eq!(ours.short(), " #Ola Nordmann  ");
    }

    #[test]
    fn names_are_one_whatever_their_case_spaces_and_string_types() {
        let ours = name(&[(oid::ORGANISATION, tag::UTF8, "Ås  Skole".as_bytes())]);
        let bmp: Vec<u8> = "ås skole ".encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert_eq!(ours, name(&[(oid::ORGANISATION, 0x1E, &bmp)]));
        for same in ["A\u{30A}s Skole", "Å\u{AD}s\u{200B} Skole", "\u{212B}s Skole", "Ås\u{A0}Skole"] {
            assert_eq!(ours, name(&[(oid::ORGANISATION, tag::UTF8, same.as_bytes())]), "{same:?}");
        }
        assert_ne!(ours, name(&[(oid::ORGANISATION, tag::UTF8, "As Skole".as_bytes())]));
        assert_ne!(ours, name(&[(oid::UNIT, tag::UTF8, "Ås Skole".as_bytes())]));
        let two = name(&[(oid::UNIT, tag::UTF8, b"a"), (oid::ORGANISATION, tag::UTF8, b"b")]);
        assert_ne!(
            two,
            name(&[(oid::ORGANISATION, tag::UTF8, b"b"), (oid::UNIT, tag::UTF8, b"a")]),
            "their order counts"
        );
    }
}
