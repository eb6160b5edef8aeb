//! Reading and writing DER (ITU-T X.690, 10), element by element.
//!
//! Signatures and digests are over the very bytes that came, so what is read here are slices of them, and nothing is ever read into a
//! structure and written again. A reader goes forward only and down only where it is led: it has no recursion of its own.

use const_oid::ObjectIdentifier;

/// Tags of the universal class that certificates and signatures are made of.
pub mod tag {
    /// BOOLEAN.
    pub const BOOLEAN: u8 = 0x01;
    /// INTEGER.
    pub const INTEGER: u8 = 0x02;
    /// BIT STRING.
    pub const BIT_STRING: u8 = 0x03;
    /// OCTET STRING.
    pub const OCTET_STRING: u8 = 0x04;
    /// NULL.
    pub const NULL: u8 = 0x05;
    /// OBJECT IDENTIFIER.
    pub const OID: u8 = 0x06;
    /// ENUMERATED.
    pub const ENUMERATED: u8 = 0x0A;
    /// UTF8String.
    pub const UTF8: u8 = 0x0C;
    /// UTCTime.
    pub const UTC_TIME: u8 = 0x17;
    /// GeneralizedTime.
    pub const GENERALIZED_TIME: u8 = 0x18;
    /// SEQUENCE.
    pub const SEQUENCE: u8 = 0x30;
    /// SET.
    pub const SET: u8 = 0x31;

    /// A primitive element `[number]`.
    #[must_use]
    pub const fn primitive(number: u8) -> u8 {
        0x80 | number
    }

    /// A constructed element `[number]`.
    #[must_use]
    pub const fn constructed(number: u8) -> u8 {
        0xA0 | number
    }
}

/// Bytes are not the DER that was expected. Nothing of them is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DerError {
    /// It ends too early.
    #[error("the data end in the middle of an element")]
    Cut,
    /// A length that is not the shortest form, is indefinite, or leads beyond what there is.
    #[error("an element has a length that DER does not have")]
    Length,
    /// Another element than expected (`found` is its first byte).
    #[error("an element with tag 0x{expected:02x} was expected and 0x{found:02x} found")]
    Tag {
        /// What was expected.
        expected: u8,
        /// What is there.
        found: u8,
    },
    /// Something stands behind the end.
    #[error("there are data behind the end of a structure")]
    Trailing,
    /// An element holds what it must not, by the name of the element.
    #[error("{0} has a value that is not allowed")]
    Value(&'static str),
    /// There are more of a thing than anybody needs.
    #[error("there are more {0} than are read")]
    TooMany(&'static str),
}

/// One element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Element<'a> {
    /// Its first byte: class, form and number.
    pub tag: u8,
    /// All of it.
    pub raw: &'a [u8],
    /// What is inside.
    pub body: &'a [u8],
}

impl<'a> Element<'a> {
    /// A reader of what is inside.
    #[must_use]
    pub fn inside(&self) -> Reader<'a> {
        Reader(self.body)
    }

    /// The object identifier that it is.
    ///
    /// # Errors
    /// It is none, or one of more than 39 bytes.
    pub fn oid(&self) -> Result<ObjectIdentifier, DerError> {
        self.must_be(tag::OID)?;
        ObjectIdentifier::from_bytes(self.body).map_err(|_| DerError::Value("an object identifier"))
    }

    /// The number that it is, if it is small and not negative.
    ///
    /// # Errors
    /// It is none such.
    pub fn number(&self) -> Result<u64, DerError> {
        small(self.integer()?)
    }

    /// The content of the INTEGER that it is, in its shortest form, with a sign.
    ///
    /// # Errors
    /// It is none.
    pub fn integer(&self) -> Result<&'a [u8], DerError> {
        self.must_be(tag::INTEGER)?;
        shortest(self.body)
    }

    /// The bytes of the BIT STRING that it is, with no bit unused.
    ///
    /// # Errors
    /// It is none, or has a part of a byte.
    pub fn whole_bits(&self) -> Result<&'a [u8], DerError> {
        self.must_be(tag::BIT_STRING)?;
        match self.body.split_first() {
            Some((0, bytes)) => Ok(bytes),
            _ => Err(DerError::Value("a bit string")),
        }
    }

    /// The first 32 named bits of the BIT STRING that it is; bit 0 is the lowest of the result.
    ///
    /// # Errors
    /// It is none.
    pub fn named_bits(&self) -> Result<u32, DerError> {
        self.must_be(tag::BIT_STRING)?;
        named_bits(self.body)
    }

    fn must_be(&self, expected: u8) -> Result<(), DerError> {
        if self.tag == expected { Ok(()) } else { Err(DerError::Tag { expected, found: self.tag }) }
    }
}

/// The named bits in the content of a BIT STRING, as [`Element::named_bits`] tells them; for implicitly tagged ones.
///
/// # Errors
/// It is no content of one.
pub fn named_bits(content: &[u8]) -> Result<u32, DerError> {
    let (unused, bytes) = content.split_first().ok_or(DerError::Value("a bit string"))?;
    if *unused > 7 || (bytes.is_empty() && *unused > 0) {
        return Err(DerError::Value("a bit string"));
    }
    // X.690, 11.2.1: unused bits are zero. Otherwise they would count here and not elsewhere.
    if bytes.last().is_some_and(|last| u32::from(*last) & ((1 << unused) - 1) != 0) {
        return Err(DerError::Value("a bit string"));
    }
    let bits = bytes.iter().take(4).enumerate();
    Ok(bits.fold(0, |all, (place, byte)| all | u32::from(byte.reverse_bits()) << (8 * place)))
}

/// The content of an INTEGER, if it has the shortest form.
///
/// # Errors
/// It has not.
pub fn shortest(content: &[u8]) -> Result<&[u8], DerError> {
    match content {
        [] | [0x00, 0x00..=0x7F, ..] | [0xFF, 0x80..=0xFF, ..] => Err(DerError::Value("an integer")),
        _ => Ok(content),
    }
}

/// The number that the content of an INTEGER or ENUMERATED tells, if it is small and not negative.
///
/// # Errors
/// It tells another.
pub fn small(content: &[u8]) -> Result<u64, DerError> {
    let content = shortest(content)?;
    if content.len() > 8 || content.first().is_some_and(|first| first & 0x80 != 0) {
        return Err(DerError::Value("an integer"));
    }
    Ok(content.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

/// Reads elements that follow one another.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// A reader of bytes.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Whether there is nothing left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is left.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.0
    }

    /// The first byte of the next element.
    #[must_use]
    pub fn peek(&self) -> Option<u8> {
        self.0.first().copied()
    }

    /// The next element, whatever it is.
    ///
    /// # Errors
    /// There is none, or it is not DER.
    #[expect(clippy::should_implement_trait, reason = "it can fail, and the reader is at its end then")]
    pub fn next(&mut self) -> Result<Element<'a>, DerError> {
        let bytes = self.0;
        let (tag, head, length) = header(bytes)?;
        let end = head.checked_add(length).ok_or(DerError::Length)?;
        let (raw, rest) = bytes.split_at_checked(end).ok_or(DerError::Cut)?;
        let body = raw.get(head..).ok_or(DerError::Cut)?;
        self.0 = rest;
        Ok(Element { tag, raw, body })
    }

    /// The next element, which has a tag.
    ///
    /// # Errors
    /// It has another, there is none, or it is not DER.
    pub fn expect(&mut self, tag: u8) -> Result<Element<'a>, DerError> {
        let element = self.next()?;
        element.must_be(tag)?;
        Ok(element)
    }

    /// The next element if it has a tag.
    ///
    /// # Errors
    /// It has, and is not DER.
    pub fn optional(&mut self, tag: u8) -> Result<Option<Element<'a>>, DerError> {
        if self.peek() == Some(tag) { self.next().map(Some) } else { Ok(None) }
    }

    /// A reader of the SEQUENCE that is next.
    ///
    /// # Errors
    /// None is next.
    pub fn sequence(&mut self) -> Result<Reader<'a>, DerError> {
        Ok(self.expect(tag::SEQUENCE)?.inside())
    }

    /// The object identifier that is next.
    ///
    /// # Errors
    /// None is next.
    pub fn oid(&mut self) -> Result<ObjectIdentifier, DerError> {
        self.next()?.oid()
    }

    /// The BOOLEAN that is next, or what it is when it is left out.
    ///
    /// # Errors
    /// It is not DER.
    pub fn boolean_or(&mut self, default: bool) -> Result<bool, DerError> {
        match self.optional(tag::BOOLEAN)?.map(|element| element.body) {
            None => Ok(default),
            Some([0x00]) => Ok(false),
            Some([0xFF]) => Ok(true),
            Some(_) => Err(DerError::Value("a boolean")),
        }
    }

    /// Nothing is left.
    ///
    /// # Errors
    /// Something is.
    pub fn end(&self) -> Result<(), DerError> {
        if self.is_empty() { Ok(()) } else { Err(DerError::Trailing) }
    }

    /// All elements that are left, of which there are at most so many.
    ///
    /// # Errors
    /// One is not DER, or there are more.
    pub fn all(mut self, most: usize, what: &'static str) -> Result<Vec<Element<'a>>, DerError> {
        let mut elements = Vec::new();
        while !self.is_empty() {
            if elements.len() == most {
                return Err(DerError::TooMany(what));
            }
            elements.push(self.next()?);
        }
        Ok(elements)
    }
}

/// The SEQUENCE that bytes are, and nothing more.
///
/// # Errors
/// They are something else.
pub fn only_sequence(bytes: &[u8]) -> Result<Reader<'_>, DerError> {
    only(bytes, tag::SEQUENCE).map(|element| element.inside())
}

/// The element that bytes are, and nothing more.
///
/// # Errors
/// They are something else.
pub fn only(bytes: &[u8], tag: u8) -> Result<Element<'_>, DerError> {
    let mut reader = Reader::new(bytes);
    let element = reader.expect(tag)?;
    reader.end()?;
    Ok(element)
}

/// Tag, length of the header and length of the content of the first element.
fn header(bytes: &[u8]) -> Result<(u8, usize, usize), DerError> {
    let [tag, first, rest @ ..] = bytes else { return Err(DerError::Cut) };
    // Numbers from 31 on have more bytes, and no structure that is read here has one.
    if tag & 0x1F == 0x1F {
        return Err(DerError::Value("a tag"));
    }
    if *first < 0x80 {
        return Ok((*tag, 2, usize::from(*first)));
    }
    let count = usize::from(first & 0x7F);
    if !(1..=4).contains(&count) {
        return Err(DerError::Length);
    }
    let digits = rest.get(..count).ok_or(DerError::Cut)?;
    let length = digits.iter().fold(0_usize, |length, digit| length << 8 | usize::from(*digit));
    if digits.first() == Some(&0) || length < 0x80 {
        return Err(DerError::Length);
    }
    Ok((*tag, 2 + count, length))
}

/// An element of a tag and a content.
#[must_use]
pub fn element(tag: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(body.len() + 6);
    bytes.push(tag);
    let length = body.len().to_be_bytes();
    let digits = length.iter().position(|digit| *digit != 0).and_then(|from| length.get(from..)).unwrap_or(&[0]);
    match digits {
        [digit] if *digit < 0x80 => bytes.push(*digit),
        _ => {
            bytes.push(0x80 | u8::try_from(digits.len()).unwrap_or(0));
            bytes.extend_from_slice(digits);
        }
    }
    bytes.extend_from_slice(body);
    bytes
}

/// A SEQUENCE of elements.
#[must_use]
pub fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    element(tag::SEQUENCE, &parts.concat())
}

/// A SET OF elements under a tag, in the order that DER wants (X.690, 11.6).
#[must_use]
pub fn set_of(tag: u8, mut parts: Vec<Vec<u8>>) -> Vec<u8> {
    parts.sort();
    element(tag, &parts.concat())
}

/// An OBJECT IDENTIFIER.
#[must_use]
pub fn oid(oid: ObjectIdentifier) -> Vec<u8> {
    element(tag::OID, oid.as_bytes())
}

/// An INTEGER of a number.
#[must_use]
pub fn integer(number: u64) -> Vec<u8> {
    unsigned(&number.to_be_bytes())
}

/// An INTEGER of the digits of a number that is not negative, to the base 256, the highest first.
#[must_use]
pub fn unsigned(digits: &[u8]) -> Vec<u8> {
    let from = digits.iter().position(|digit| *digit != 0).unwrap_or(digits.len());
    let digits = digits.get(from..).unwrap_or_default();
    let sign: &[u8] = if digits.first().is_none_or(|first| first & 0x80 != 0) { &[0] } else { &[] };
    element(tag::INTEGER, &[sign, digits].concat())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_not_the_one_form_of_an_element_is_refused() {
        for (bytes, error) in [
            (&[][..], DerError::Cut),
            (&[0x30], DerError::Cut),
            (&[0x30, 0x01], DerError::Cut),
            (&[0x30, 0x81], DerError::Cut),
            (&[0x30, 0x80, 0, 0], DerError::Length),
            (&[0x30, 0x81, 0x01, 0], DerError::Length),
            (&[0x30, 0x82, 0x00, 0x81], DerError::Length),
            (&[0x30, 0x85, 1, 1, 1, 1, 1], DerError::Length),
            (&[0x30, 0x84, 0xFF, 0xFF, 0xFF, 0xFF], DerError::Cut),
            (&[0x3F, 0x81, 0x01, 0], DerError::Value("a tag")),
        ] {
            assert_eq!(Reader::new(bytes).next(), Err(error), "{bytes:02x?}");
        }
        assert_eq!(only(&[0x05, 0, 0], tag::NULL), Err(DerError::Trailing));
    }

    #[test]
    fn numbers_have_one_form() {
        for (number, bytes) in [(0, &[2, 1, 0][..]), (127, &[2, 1, 127]), (128, &[2, 2, 0, 128]), (256, &[2, 2, 1, 0])]
        {
            assert_eq!(integer(number), bytes);
            assert_eq!(only(bytes, tag::INTEGER).and_then(|element| element.number()), Ok(number));
        }
        for bytes in
            [&[2, 0][..], &[2, 2, 0, 1], &[2, 1, 0x80], &[2, 2, 0xFF, 0x80], &[2, 9, 1, 0, 0, 0, 0, 0, 0, 0, 0]]
        {
            assert!(only(bytes, tag::INTEGER).and_then(|element| element.number()).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn bits_are_counted_from_the_highest_of_the_first_byte() {
        // digitalSignature and nonRepudiation.
        assert_eq!(named_bits(&[6, 0b1100_0000]), Ok(0b11));
        // decipherOnly is bit 8.
        assert_eq!(named_bits(&[7, 0, 0x80]), Ok(1 << 8));
        assert!(named_bits(&[]).is_err());
        assert!(named_bits(&[8, 0]).is_err());
        assert!(named_bits(&[6, 0b1110_0000]).is_err(), "an unused bit is set");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(tag in 0_u8..31, body in prop::collection::vec(any::<u8>(), 0..70_000)) {
            let bytes = element(tag, &body);
            let read = only(&bytes, tag);
            prop_assert_eq!(read.map(|element| element.body), Ok(&body[..]));
        }

        #[test]
        fn nothing_makes_a_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let mut reader = Reader::new(&bytes);
            while let Ok(element) = reader.next() {
                let _ = (element.oid(), element.number(), element.named_bits(), element.whole_bits());
            }
        }
    }
}
