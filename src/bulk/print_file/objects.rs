//! The objects of the print file on their way out: numbers, object streams, the cross-reference stream.
//!
//! Nothing is written before [`Objects::write`]; until then a letter can be taken back. Equal objects are held once. It
//! does not know what the objects are.

use std::collections::HashMap;
use std::io::{self, Write};

use flate2::Compression;
use flate2::write::ZlibEncoder;

use super::PrintFileError;

/// PDF/A-2, 6.1.13.
const MAX_OBJECTS: usize = 8_388_607;
/// Letters of so many bytes, 640 MiB, have room in one file whatever they say; pages tell nothing, since one can have 4,000 objects.
/// An object of a letter has 80 bytes at least, of which 20 are its row in the table: where objects are many, they are elements of
/// the structure (`500 0 obj <</Type/StructElem/S/LI/P 80 0 R/K[498 0 R 499 0 R]>> endobj`). The least that was measured is 104 on
/// average, in a list of letters in bold (`tests/it/mailing.rs`). What a file has beside the objects of its letters is far less
/// than the difference: some ten for each letter, which brings 20 KB of fonts.
pub const MOST_BYTES: usize = 80 * MAX_OBJECTS;
/// What five bytes in a cross-reference stream reach.
const MAX_BYTES: u64 = 1 << 40;
/// Bytes of small objects that share an object stream. More packs better, and makes a viewer read more for one page.
const PACK_BYTES: usize = 64 * 1024;
/// Objects in an object stream.
const PACK_OBJECTS: usize = 2_000;
/// Of the object streams. Level 1 costs 5 % more bytes and takes no less time.
const LEVEL: Compression = Compression::new(6);

/// Where an object stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Given out, not yet filled.
    Open,
    /// From this byte of the file on.
    At(u64),
    /// In an object stream.
    Packed { stream: u32, index: u16 },
}

/// Everything that has a number.
#[derive(Debug)]
pub struct Objects {
    /// By number.
    places: Vec<Place>,
    /// Bytes that have been written.
    written: u64,
    /// Whole bytes of the file that have not been written.
    ready: Vec<u8>,
    /// Small objects that wait for their object stream, and where each begins.
    packed: Vec<u8>,
    packed_at: Vec<(u32, usize)>,
    /// Numbers by hash of contents, and the hashes that can still be taken back.
    shared: HashMap<[u8; 32], u32>,
    fresh: Vec<[u8; 32]>,
}

/// A state to return to.
#[derive(Debug, Clone, Copy)]
pub struct Mark {
    places: usize,
    ready: usize,
    packed: usize,
    packed_at: usize,
}

impl Objects {
    pub fn new() -> Self {
        Objects {
            places: vec![Place::Open],
            written: 0,
            // A comment of four high bytes tells that the file is binary (PDF/A-2, 6.1.2).
            ready: b"%PDF-1.7\n%\xE2\xE3\xCF\xD3\n".to_vec(),
            packed: Vec::new(),
            packed_at: Vec::new(),
            shared: HashMap::new(),
            fresh: Vec::new(),
        }
    }

    /// Gives out a number, which must be filled before the end.
    pub fn number(&mut self) -> Result<u32, PrintFileError> {
        let number = u32::try_from(self.places.len()).ok().filter(|_| self.places.len() < MAX_OBJECTS);
        self.places.push(Place::Open);
        number.ok_or(PrintFileError::Full)
    }

    /// Fills a number with any object but a stream.
    pub fn pack(&mut self, number: u32, value: &[u8]) {
        self.packed_at.push((number, self.packed.len()));
        self.packed.extend_from_slice(value);
        self.packed.push(b'\n');
    }

    /// Fills a number with an object that stands for itself.
    pub fn stand(&mut self, number: u32, value: &[u8], data: Option<&[u8]>) -> Result<(), PrintFileError> {
        let at = self.written + self.ready.len() as u64;
        if at >= MAX_BYTES {
            return Err(PrintFileError::Full);
        }
        self.set(number, Place::At(at));
        push_number(&mut self.ready, number);
        self.ready.extend_from_slice(b" 0 obj\n");
        self.ready.extend_from_slice(value);
        if let Some(data) = data {
            self.ready.extend_from_slice(b"\nstream\n");
            self.ready.extend_from_slice(data);
            self.ready.extend_from_slice(b"\nendstream");
        }
        self.ready.extend_from_slice(b"\nendobj\n");
        Ok(())
    }

    /// Fills a new number.
    pub fn add(&mut self, value: &[u8], data: Option<&[u8]>) -> Result<u32, PrintFileError> {
        let number = self.number()?;
        if data.is_some() {
            self.stand(number, value, data)?;
        } else {
            self.pack(number, value);
        }
        Ok(number)
    }

    /// The number of an object with these contents, which is added if there is none.
    pub fn share(&mut self, value: &[u8], data: Option<&[u8]>) -> Result<u32, PrintFileError> {
        let mut hasher = blake3::Hasher::new();
        // The length keeps the two parts apart.
        hasher.update(&value.len().to_le_bytes()).update(value).update(data.unwrap_or_default());
        let hash = *hasher.finalize().as_bytes();
        if let Some(number) = self.shared.get(&hash) {
            return Ok(*number);
        }
        let number = self.add(value, data)?;
        self.shared.insert(hash, number);
        self.fresh.push(hash);
        Ok(number)
    }

    pub fn mark(&mut self) -> Mark {
        self.fresh.clear();
        Mark {
            places: self.places.len(),
            ready: self.ready.len(),
            packed: self.packed.len(),
            packed_at: self.packed_at.len(),
        }
    }

    /// Forgets everything since the mark, which must be the last one and nothing written since.
    pub fn back_to(&mut self, mark: Mark) {
        self.places.truncate(mark.places);
        self.ready.truncate(mark.ready);
        self.packed.truncate(mark.packed);
        self.packed_at.truncate(mark.packed_at);
        for hash in self.fresh.drain(..) {
            self.shared.remove(&hash);
        }
    }

    /// Writes what is whole; small objects wait until there are enough of them.
    pub fn write(&mut self, out: &mut impl Write) -> Result<(), PrintFileError> {
        if self.packed.len() >= PACK_BYTES {
            self.close_packs()?;
        }
        out.write_all(&self.ready)?;
        self.written += self.ready.len() as u64;
        self.ready.clear();
        Ok(())
    }

    /// Writes the rest with the cross-reference stream (ISO 32000-1, 7.5.8), whose dictionary also is the trailer.
    pub fn finish(&mut self, out: &mut impl Write, trailer: &str) -> Result<(), PrintFileError> {
        self.close_packs()?;
        let number = self.number()?;
        let start = self.written + self.ready.len() as u64;
        self.set(number, Place::At(start));
        let rows = self.rows()?;
        let dict = format!(
            "<</Type/XRef/Size {}/W[1 5 2]/Filter/FlateDecode/DecodeParms<</Predictor 12/Columns 8>>{trailer}/Length {}>>",
            self.places.len(),
            rows.len()
        );
        self.stand(number, dict.as_bytes(), Some(&rows))?;
        write!(self.ready, "startxref\n{start}\n%%EOF\n")?;
        self.write(out)?;
        Ok(out.flush()?)
    }

    fn set(&mut self, number: u32, place: Place) {
        if let Some(slot) = self.places.get_mut(number as usize) {
            *slot = place;
        }
    }

    /// Makes object streams of what waits.
    fn close_packs(&mut self) -> Result<(), PrintFileError> {
        let packed = std::mem::take(&mut self.packed);
        let starts = std::mem::take(&mut self.packed_at);
        let mut rest = &starts[..];
        while let Some((_, from)) = rest.first().copied() {
            let fits = rest.partition_point(|(_, at)| at - from < PACK_BYTES).min(PACK_OBJECTS);
            let (now, later) = rest.split_at(fits);
            let to = later.first().map_or(packed.len(), |(_, at)| *at);
            self.close_pack(now, &packed[from..to])?;
            rest = later;
        }
        Ok(())
    }

    /// Makes one object stream (ISO 32000-1, 7.5.7).
    fn close_pack(&mut self, starts: &[(u32, usize)], values: &[u8]) -> Result<(), PrintFileError> {
        let stream = self.number()?;
        let base = starts.first().map_or(0, |(_, at)| *at);
        let mut head = Vec::with_capacity(starts.len() * 12);
        for (index, (number, at)) in (0..).zip(starts) {
            self.set(*number, Place::Packed { stream, index });
            write!(head, "{number} {} ", at - base)?;
        }
        let mut deflate = ZlibEncoder::new(Vec::new(), LEVEL);
        deflate.write_all(&head)?;
        deflate.write_all(values)?;
        let data = deflate.finish()?;
        let (count, first, length) = (starts.len(), head.len(), data.len());
        let dict = format!("<</Type/ObjStm/N {count}/First {first}/Filter/FlateDecode/Length {length}>>");
        self.stand(stream, dict.as_bytes(), Some(&data))
    }

    /// The cross-reference stream: a row for each number, as its difference from the row above (PNG predictor «up»).
    fn rows(&self) -> io::Result<Vec<u8>> {
        let mut deflate = ZlibEncoder::new(Vec::new(), LEVEL);
        let mut above = [0; 8];
        for place in &self.places {
            let row = place.row();
            let mut line = [2; 9];
            for (cell, (now, before)) in line[1..].iter_mut().zip(row.iter().zip(above)) {
                *cell = now.wrapping_sub(before);
            }
            deflate.write_all(&line)?;
            above = row;
        }
        deflate.finish()
    }
}

impl Place {
    /// One byte for the sort, five for the place, two for the index.
    fn row(self) -> [u8; 8] {
        let (sort, place, index) = match self {
            // The list of free numbers has one entry only, number 0.
            Place::Open => (0, 0, u16::MAX),
            Place::At(at) => (1, at, 0),
            Place::Packed { stream, index } => (2, u64::from(stream), index),
        };
        let [_, _, _, place @ ..] = place.to_be_bytes();
        let [high, low] = index.to_be_bytes();
        [sort, place[0], place[1], place[2], place[3], place[4], high, low]
    }
}

/// Appends a number, faster than formatting does.
pub fn push_number(out: &mut Vec<u8>, number: u32) {
    let mut digits = [b'0'; 10];
    let (mut rest, mut first) = (number, digits.len());
    while first > 0 && (rest > 0 || first == digits.len()) {
        first -= 1;
        digits[first] += u8::try_from(rest % 10).unwrap_or_default();
        rest /= 10;
    }
    out.extend_from_slice(&digits[first..]);
}

/// Appends a reference.
pub fn push_reference(out: &mut Vec<u8>, number: u32) {
    push_number(out, number);
    out.extend_from_slice(b" 0 R");
}
