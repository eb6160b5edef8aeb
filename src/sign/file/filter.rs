//! What streams are packed with, as far as structure is packed: Flate, with the predictors of PNG
//! (ISO 32000-1, 7.4.4). Pictures and fonts are never unpacked here.

use std::io::Read as _;

use flate2::read::ZlibDecoder;

use super::FileError;
use super::object::{Dictionary, Object};

/// Unpacks the bytes of a stream, and takes their number from what may still be unpacked.
pub(super) fn decode(dictionary: &Dictionary, data: &[u8], left: &mut usize) -> Result<Vec<u8>, FileError> {
    let plain = match names(dictionary.get("Filter")).as_deref() {
        Some([]) => data.to_vec(),
        Some([b"FlateDecode"]) => inflate(data, *left)?,
        _ => return Err(FileError::Filter),
    };
    *left = left.checked_sub(plain.len()).ok_or(FileError::Limit("unpacked bytes"))?;
    let parameters = match dictionary.get("DecodeParms") {
        Some(Object::Array(each)) => each.first(),
        other => other,
    };
    match parameters {
        Some(Object::Dictionary(parameters)) => predicted(parameters, plain),
        None | Some(Object::Null) => Ok(plain),
        Some(_) => Err(FileError::Filter),
    }
}

/// One name or many; nothing if it is something else.
fn names(value: Option<&Object>) -> Option<Vec<&[u8]>> {
    match value {
        None | Some(Object::Null) => Some(Vec::new()),
        Some(Object::Name(name)) => Some(vec![name]),
        Some(Object::Array(names)) => names.iter().map(Object::as_name).collect(),
        Some(_) => None,
    }
}

fn inflate(data: &[u8], most: usize) -> Result<Vec<u8>, FileError> {
    let mut plain = Vec::new();
    let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    ZlibDecoder::new(data).take(limit).read_to_end(&mut plain).map_err(|_| FileError::Filter)?;
    if plain.len() > most { Err(FileError::Limit("unpacked bytes")) } else { Ok(plain) }
}

/// Takes a predictor back.
fn predicted(parameters: &Dictionary, data: Vec<u8>) -> Result<Vec<u8>, FileError> {
    let number = |key, default| match parameters.get(key) {
        None => Some(default),
        Some(value) => value.as_integer().and_then(|number| usize::try_from(number).ok()),
    };
    match number("Predictor", 1) {
        Some(1) => return Ok(data),
        Some(10..=15) => {}
        _ => return Err(FileError::Filter),
    }
    let (Some(columns @ 1..=65_536), Some(1), Some(8)) =
        (number("Columns", 1), number("Colors", 1), number("BitsPerComponent", 8))
    else {
        return Err(FileError::Filter);
    };
    let mut plain: Vec<u8> = Vec::with_capacity(data.len());
    let mut above = vec![0; columns];
    for packed in data.chunks(columns + 1) {
        let Some((kind, row)) = packed.split_first() else { break };
        let mut line = Vec::with_capacity(columns);
        let (mut left, mut corner) = (0_u8, 0_u8);
        for (byte, up) in row.iter().zip(&above) {
            let guess = match kind {
                0 => 0,
                1 => left,
                2 => *up,
                3 => u8::midpoint(left, *up),
                4 => paeth(left, *up, corner),
                _ => return Err(FileError::Filter),
            };
            left = byte.wrapping_add(guess);
            corner = *up;
            line.push(left);
        }
        plain.extend_from_slice(&line);
        line.resize(columns, 0);
        above = line;
    }
    Ok(plain)
}

/// The neighbour nearest to `left + up - corner` (PNG, 9.4).
fn paeth(left: u8, up: u8, corner: u8) -> u8 {
    let guess = i16::from(left) + i16::from(up) - i16::from(corner);
    let far = |neighbour: u8| (guess - i16::from(neighbour)).abs();
    if far(left) <= far(up) && far(left) <= far(corner) {
        left
    } else if far(up) <= far(corner) {
        up
    } else {
        corner
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_predictor_is_taken_back() {
        let parameters = Dictionary::new().with("Predictor", 15).with("Columns", 3);
        let packed = vec![0, 1, 2, 3, 1, 1, 1, 1, 2, 1, 1, 1, 3, 1, 1, 1, 4, 1, 1, 1];
        let plain = predicted(&parameters, packed).expect("it is good");
        assert_eq!(plain, [1, 2, 3, 1, 2, 3, 2, 3, 4, 2, 3, 4, 3, 4, 5]);
    }

    #[test]
    fn what_unpacks_to_too_much_is_refused() {
        let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
        std::io::Write::write_all(&mut packed, &vec![0; 100_000]).expect("it is memory");
        let packed = packed.finish().expect("it is memory");
        let flate = Dictionary::new().with("Filter", Object::name("FlateDecode"));
        let mut left = 100_001;
        assert_eq!(decode(&flate, &packed, &mut left).expect("it fits").len(), 100_000);
        assert_eq!(left, 1);
        assert_eq!(decode(&flate, &packed, &mut left), Err(FileError::Limit("unpacked bytes")));
        assert_eq!(
            decode(&Dictionary::new().with("Filter", Object::name("LZWDecode")), &packed, &mut 9),
            Err(FileError::Filter)
        );
    }
}
