//! Distinguished names (RFC 5280, 4.1.2.4): as text for people, and compared as chains want it.

use const_oid::ObjectIdentifier;

use super::der::{self, DerError, Reader, tag};
use super::oid;

/// Most attributes that a name may have.
const MOST: usize = 64;

/// A distinguished name.
#[derive(Debug, Clone)]
pub struct Name {
    der: Vec<u8>,
    /// Sets of attributes, in the order of the name.
    parts: Vec<Vec<Attribute>>,
    /// What is compared.
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

    /// What people call it: common name, else organisation, else all of it.
    #[must_use]
    pub fn short(&self) -> String {
        self.common_name().or_else(|| self.organisation()).map_or_else(|| self.to_string(), str::to_owned)
    }

    /// Whether two names are one: the same kinds in the same order, and values that differ in case and spaces at most
    /// (RFC 5280, 7.1, with the folding of Unicode's lower case).
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

/// Bytes that are the same for names that are the same. Each value stands in an element, so that no value can pass for two.
fn fold(parts: &[Vec<Attribute>]) -> Vec<u8> {
    let mut folded = Vec::new();
    for set in parts {
        let values = set.iter().map(|attribute| {
            let value = match &attribute.text {
                Some(text) => {
                    let words: Vec<String> = text.split_whitespace().map(str::to_lowercase).collect();
                    der::element(tag::UTF8, words.join(" ").as_bytes())
                }
                None => attribute.raw.clone(),
            };
            der::sequence(&[&der::oid(attribute.kind), &value])
        });
        folded.extend(der::set_of(tag::SET, values.collect()));
    }
    folded
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

/// A value with what means something in a name escaped (RFC 4514, 2.4), and characters that steer a screen as well.
fn escaped(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    let last = text.chars().count().saturating_sub(1);
    for (place, character) in text.chars().enumerate() {
        let edge = (character == ' ' && (place == 0 || place == last)) || (character == '#' && place == 0);
        if edge || matches!(character, '"' | '+' | ',' | ';' | '<' | '>' | '\\' | '=') {
            written.push('\\');
            written.push(character);
        } else if character.is_control()
            || matches!(character, '\u{200E}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
        {
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
        assert_eq!(ours.short(), " #Ola\nNordmann\u{202E} ");
    }

    #[test]
    fn names_are_one_whatever_their_case_spaces_and_string_types() {
        let ours = name(&[(oid::ORGANISATION, tag::UTF8, "Ås  Skole".as_bytes())]);
        let bmp: Vec<u8> = "ås skole ".encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert_eq!(ours, name(&[(oid::ORGANISATION, 0x1E, &bmp)]));
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
