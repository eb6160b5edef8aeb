//! Takes Flate and its predictors off a stream (ISO 32000-2, 7.4.4), and stops where the budget ends.

use std::io::Read as _;

use flate2::read::ZlibDecoder;

use super::parse::{Budget, PdfError};
use super::value::{Dictionary, Value, entry};

/// Most bytes that one stream may become.
const LARGEST: usize = 32 * 1024 * 1024;

/// The bytes of a stream. Streams that hold objects, cross-references or proofs have Flate or no filter at all.
pub(super) fn decode(dictionary: &Dictionary, raw: &[u8], budget: &Budget) -> Result<Vec<u8>, PdfError> {
    // Other names for the same, or contents from elsewhere: some readers heed them and some do not.
    if ["F", "FFilter", "FDecodeParms", "DP"].iter().any(|key| entry(dictionary, key).is_some()) {
        return Err(PdfError::Structure("/F"));
    }
    let filter = match entry(dictionary, "Filter") {
        Some(Value::Array(filters)) if filters.len() <= 1 => filters.first(),
        other => other,
    };
    let parameters = match entry(dictionary, "DecodeParms") {
        Some(Value::Array(parameters)) if parameters.len() <= 1 => parameters.first(),
        other => other,
    };
    let parameters = match parameters {
        None | Some(Value::Null) => None,
        // A reference would be followed by others, who would get other bytes.
        Some(parameters) => Some(parameters.as_dictionary().ok_or(PdfError::Structure("/DecodeParms"))?),
    };
    match filter {
        None | Some(Value::Null) => {
            budget.inflated(raw.len())?;
            Ok(raw.to_vec())
        }
        Some(Value::Name(name)) if **name == *b"FlateDecode" => {
            let plain = inflate(raw, budget)?;
            match parameters {
                Some(parameters) => unpredict(plain, parameters),
                None => Ok(plain),
            }
        }
        _ => Err(PdfError::Structure("/Filter")),
    }
}

fn inflate(raw: &[u8], budget: &Budget) -> Result<Vec<u8>, PdfError> {
    let most = LARGEST.min(budget.left_to_inflate());
    let mut plain = Vec::new();
    let more = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    let read = ZlibDecoder::new(raw).take(more).read_to_end(&mut plain);
    budget.inflated(plain.len())?;
    if plain.len() > most {
        return Err(PdfError::Limit);
    }
    read.map(|_| plain).map_err(|_| PdfError::Structure("/FlateDecode"))
}

/// PNG predictors for bytes in rows; those are what cross-reference streams have.
fn unpredict(plain: Vec<u8>, parameters: &Dictionary) -> Result<Vec<u8>, PdfError> {
    let number = |key| entry(parameters, key).map(|value| value.as_index().ok_or(PdfError::Structure("/DecodeParms")));
    if number("Predictor").transpose()?.unwrap_or(1) < 10 {
        return match number("Predictor").transpose()? {
            None | Some(1) => Ok(plain),
            _ => Err(PdfError::Structure("/Predictor")),
        };
    }
    let width = number("Columns").transpose()?.unwrap_or(1);
    let single = |key, usual| number(key).transpose().map(|value| value.unwrap_or(usual) == usual);
    if !single("Colors", 1)? || !single("BitsPerComponent", 8)? || !(1..=65_536).contains(&width) {
        return Err(PdfError::Structure("/DecodeParms"));
    }
    // What is left over after the last row is read by some.
    if !plain.len().is_multiple_of(width + 1) {
        return Err(PdfError::Structure("/DecodeParms"));
    }
    let mut rows = Vec::with_capacity(plain.len());
    let mut above = vec![0_u8; width];
    for row in plain.chunks_exact(width + 1) {
        let Some((kind, row)) = row.split_first() else { break };
        let mut left = 0_u8;
        let mut corner = 0_u8;
        for (byte, up) in row.iter().zip(&mut above) {
            let guess = match kind {
                0 => 0,
                1 => left,
                2 => *up,
                3 => u8::midpoint(left, *up),
                4 => paeth(left, *up, corner),
                _ => return Err(PdfError::Structure("/Predictor")),
            };
            corner = *up;
            left = byte.wrapping_add(guess);
            *up = left;
        }
        rows.extend_from_slice(&above);
    }
    Ok(rows)
}

fn paeth(left: u8, up: u8, corner: u8) -> u8 {
    let estimate = i16::from(left) + i16::from(up) - i16::from(corner);
    let distance = |byte: u8| (estimate - i16::from(byte)).abs();
    if distance(left) <= distance(up) && distance(left) <= distance(corner) {
        left
    } else if distance(up) <= distance(corner) {
        up
    } else {
        corner
    }
}
