//! Finds the signatures of a file and what each is over (ISO 32000-2, 12.8.1). What is said of `/ByteRange` is checked to the byte: a gap
//! that is a little too wide is all that a forger needs.

use std::collections::HashMap;

use jiff::Timestamp;

use super::changes::{Field, LockedFields, Names, Permissions, fields};
use super::pdf::{Dictionary, Entry, File, Id, Parser, PdfError, Span, Value, date, entry, is_space, nibble, text};
use super::reason::ReasonCode;
use super::report::{Coverage, Extent};

/// Most signatures of a file.
const MOST_SIGNATURES: usize = 64;
/// Longest value of a signature, in bytes.
const LONGEST_VALUE: usize = 4 * 1024 * 1024;

/// What is told of a signature by its `/SubFilter`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// `ETSI.CAdES.detached`
    Pades,
    /// `adbe.pkcs7.detached`
    Detached,
    /// `ETSI.RFC3161`
    Timestamp,
    /// Anything else.
    Other,
}

/// A signature in its place.
#[derive(Debug)]
pub(super) struct Located {
    pub field: String,
    pub id: Id,
    /// The revision that brought it.
    pub revision: usize,
    pub format: Format,
    pub format_name: Option<String>,
    /// Everything that is wrong with it so far.
    pub faults: Vec<ReasonCode>,
    /// The CMS structure, and zeros behind it.
    pub contents: Vec<u8>,
    /// What it leaves out, with the angle brackets.
    pub hole: Span,
    pub coverage: Coverage,
    pub permissions: Permissions,
    pub certification: Option<u8>,
    pub claimed_time: Option<Timestamp>,
}

impl Located {
    /// The two parts of the file that were signed.
    pub fn signed<'a>(&self, bytes: &'a [u8]) -> Option<[&'a [u8]; 2]> {
        Some([bytes.get(..self.hole.start)?, bytes.get(self.hole.end..self.coverage.end?)?])
    }
}

/// All signatures that fields have, the oldest first.
pub(super) fn signatures(file: &File<'_>) -> Result<Vec<Located>, PdfError> {
    let newest = file.newest();
    let mut found = Vec::new();
    for field in fields(file, newest)?.iter().filter(|field| field.is_signature) {
        let Some(value) = field.dictionary().and_then(|field| entry(field, "V")) else { continue };
        if *value == Value::Null {
            continue;
        }
        if found.len() >= MOST_SIGNATURES {
            return Err(PdfError::Limit);
        }
        found.push(locate(file, field, value)?);
    }
    let mut owners = HashMap::<u32, usize>::new();
    for located in &found {
        *owners.entry(located.id.number).or_default() += 1;
    }
    for located in &mut found {
        if owners.get(&located.id.number).is_some_and(|count| *count > 1) {
            located.faults.push(ReasonCode::SharedSignature);
        }
    }
    found.sort_by_key(|located| (located.revision, located.coverage.end));
    Ok(found)
}

/// How many `/ByteRange` there are in the file beside those of the signatures.
pub(super) fn loose(file: &File<'_>, found: &[Located]) -> usize {
    let needle = b"/ByteRange";
    let all = file.bytes.windows(needle.len()).filter(|window| window == needle).count();
    all.saturating_sub(found.len())
}

fn locate(file: &File<'_>, field: &Field, value: &Value) -> Result<Located, PdfError> {
    let id = value.as_reference().unwrap_or(Id { number: 0, generation: 0 });
    let mut located = Located {
        field: field.name.clone(),
        id,
        revision: file.newest(),
        format: Format::Other,
        format_name: None,
        faults: Vec::new(),
        contents: Vec::new(),
        hole: 0..0,
        coverage: Coverage { extent: Extent::Unclear, revision: None, end: None },
        permissions: Permissions::default(),
        certification: None,
        claimed_time: None,
    };
    match read(file, field, &mut located) {
        Err(PdfError::Limit) => return Err(PdfError::Limit),
        Err(_) => located.faults.push(ReasonCode::DictionaryMalformed),
        Ok(()) => {}
    }
    Ok(located)
}

fn read(file: &File<'_>, field: &Field, located: &mut Located) -> Result<(), PdfError> {
    let wrong = PdfError::Structure("/V");
    // In an object stream it would have no bytes of its own that could be left out.
    let Some((revision, Entry::At { offset, .. })) = file.place(file.newest(), located.id.number) else {
        return Err(wrong);
    };
    located.revision = revision;
    let object = file.object(file.newest(), located.id)?.ok_or(wrong)?;
    let signature = object.value.as_dictionary().ok_or(wrong)?;
    located.format_name = entry(signature, "SubFilter").and_then(Value::as_name).map(text);
    located.format = format(signature);
    located.claimed_time = entry(signature, "M").and_then(Value::as_text).and_then(date);
    let mut parser = Parser::new(file.bytes, offset, file.budget);
    parser.header()?;
    parser.value()?;
    let hole = parser.spans.iter().find(|(key, _)| **key == *b"Contents").map(|(_, span)| span.clone()).ok_or(wrong)?;
    match contents(file.bytes.get(hole.clone()).unwrap_or_default()) {
        Ok(contents) => located.contents = contents,
        Err(fault) => located.faults.push(fault),
    }
    located.hole = hole;
    coverage(file, signature, located);
    permissions(file, field, signature, located)
}

fn format(signature: &Dictionary) -> Format {
    let name = |key| entry(signature, key).and_then(Value::as_name);
    match (name("SubFilter"), name("Type")) {
        (Some(b"ETSI.CAdES.detached"), None | Some(b"Sig")) => Format::Pades,
        (Some(b"adbe.pkcs7.detached"), None | Some(b"Sig")) => Format::Detached,
        (Some(b"ETSI.RFC3161"), Some(b"DocTimeStamp")) => Format::Timestamp,
        _ => Format::Other,
    }
}

/// The bytes of a hexadecimal string that has nothing in it but digits.
fn contents(written: &[u8]) -> Result<Vec<u8>, ReasonCode> {
    let digits = written.strip_prefix(b"<").and_then(|rest| rest.strip_suffix(b">"));
    let digits = digits.filter(|digits| digits.len() <= 2 * LONGEST_VALUE).ok_or(ReasonCode::ContentsMalformed)?;
    let (pairs, rest) = digits.as_chunks::<2>();
    let bytes: Option<Vec<u8>> = pairs.iter().map(|[high, low]| Some(nibble(*high)? << 4 | nibble(*low)?)).collect();
    bytes.filter(|_| rest.is_empty()).ok_or(ReasonCode::ContentsMalformed)
}

fn coverage(file: &File<'_>, signature: &Dictionary, located: &mut Located) {
    let numbers = entry(signature, "ByteRange").and_then(Value::as_array);
    let numbers: Option<Vec<usize>> = numbers.and_then(|numbers| numbers.iter().map(Value::as_index).collect());
    let Some([0, first, second, length]) = numbers.as_deref().and_then(|numbers| <[usize; 4]>::try_from(numbers).ok())
    else {
        located.faults.push(ReasonCode::ByteRangeMalformed);
        return;
    };
    let Some(end) = second.checked_add(length).filter(|end| *end <= file.bytes.len()) else {
        located.faults.push(ReasonCode::ByteRangeMalformed);
        return;
    };
    if first != located.hole.start || second != located.hole.end {
        located.faults.push(ReasonCode::ByteRangeGap);
        return;
    }
    located.coverage.end = Some(end);
    if file.has_trailing_bytes() {
        located.faults.push(ReasonCode::BytesAfterEnd);
    }
    if !ends_revision(file, located.revision, end) {
        located.faults.push(ReasonCode::NotARevision);
        return;
    }
    if reached_into(file, located.revision, &located.hole, end) {
        located.faults.push(ReasonCode::HoleEntered);
    }
    let rest = file.bytes.get(end..).unwrap_or_default();
    let is_last = located.revision == file.newest() && rest.iter().all(|byte| is_space(*byte));
    located.coverage.extent = if is_last { Extent::WholeFile } else { Extent::Revision };
    located.coverage.revision = Some(located.revision + 1);
}

/// Whether a revision ends here: after its `%%EOF`, with or without the end of the line.
fn ends_revision(file: &File<'_>, revision: usize, end: usize) -> bool {
    let Some(eof) = file.sections.get(revision).and_then(|section| section.eof) else { return false };
    let between = file.bytes.get(eof..end);
    match between {
        Some(b"" | b"\n" | b"\r" | b"\r\n") => true,
        // Some programs close a file with more empty lines, and then there is nothing else.
        Some(between) => end == file.bytes.len() && between.iter().all(|byte| is_space(*byte)),
        None => false,
    }
}

/// Whether a section of the signed revision, or what it leads to, is not signed from its first byte to its last, or any lies over the hole.
/// How far objects reach is looked at where they are read.
fn reached_into(file: &File<'_>, signed: usize, hole: &Span, end: usize) -> bool {
    file.sections.iter().enumerate().any(|(revision, section)| {
        let bad = |offset: usize| hole.contains(&offset) || revision <= signed && offset >= end;
        let over = section.start < hole.end && section.end > hole.start || revision <= signed && section.end > end;
        let places = section.entries.values();
        over || bad(section.start)
            || places.into_iter().any(|place| matches!(place, Entry::At { offset, .. } if bad(*offset)))
    })
}

fn permissions(file: &File<'_>, field: &Field, signature: &Dictionary, located: &mut Located) -> Result<(), PdfError> {
    let revision = located.revision;
    let wrong = PdfError::Structure("/Reference");
    let permissions = &mut located.permissions;
    if let Some(references) = file.get(revision, signature, "Reference")? {
        for reference in references.as_array().ok_or(wrong)? {
            let reference = file.resolved(revision, reference)?;
            let reference = reference.as_dictionary().ok_or(wrong)?;
            let parameters = file.get(revision, reference, "TransformParams")?;
            let parameters = parameters.as_ref().and_then(|parameters| parameters.as_dictionary());
            match entry(reference, "TransformMethod").and_then(Value::as_name) {
                Some(b"DocMDP") => {
                    let permission = permission(parameters.and_then(|parameters| entry(parameters, "P")))?;
                    permissions.document = Some(permission.unwrap_or(2));
                    located.certification = permissions.document;
                }
                Some(b"FieldMDP") => permissions.fields = Some(locked(file, revision, parameters.ok_or(wrong)?)?),
                _ => {}
            }
        }
    }
    // The lock of the field says the same, for programs that sign without repeating it.
    let lock = field.dictionary().map(|field| file.get(revision, field, "Lock")).transpose()?.flatten();
    if let Some(lock) = lock.as_ref().and_then(|lock| lock.as_dictionary()) {
        if permissions.document.is_none() {
            permissions.document = permission(entry(lock, "P"))?;
        }
        if permissions.fields.is_none() && entry(lock, "Action").is_some() {
            permissions.fields = Some(locked(file, revision, lock)?);
        }
    }
    Ok(())
}

fn permission(value: Option<&Value>) -> Result<Option<u8>, PdfError> {
    match value.map(Value::as_integer) {
        None => Ok(None),
        Some(Some(number @ 1..=3)) => Ok(u8::try_from(number).ok()),
        Some(_) => Err(PdfError::Structure("/P")),
    }
}

fn locked(file: &File<'_>, revision: usize, lock: &Dictionary) -> Result<LockedFields, PdfError> {
    let names = |wrong| {
        let names = file.get(revision, lock, "Fields")?.ok_or(wrong)?;
        let names = names.as_array().ok_or(wrong)?.iter().map(|name| name.as_text().map(text).ok_or(wrong));
        names.collect::<Result<Names, _>>()
    };
    let wrong = PdfError::Structure("/Fields");
    match entry(lock, "Action").and_then(Value::as_name) {
        Some(b"All") => Ok(LockedFields::All),
        Some(b"Include") => names(wrong).map(LockedFields::Only),
        Some(b"Exclude") => names(wrong).map(LockedFields::AllBut),
        _ => Err(PdfError::Structure("/Action")),
    }
}
