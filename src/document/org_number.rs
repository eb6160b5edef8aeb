//! Norwegian organisation numbers.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, de};

/// Nine digits, as a pattern for schemas.
pub const ORG_NUMBER_PATTERN: &str = "^[0-9]{9}$";

/// An organisation number of the Brønnøysund registers: nine digits, the last a check digit.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct OrgNumber(String);

impl OrgNumber {
    /// Reads nine digits and checks the last one.
    ///
    /// Weights 3, 2, 7, 6, 5, 4, 3, 2 modulo 11; a remainder of 1 has no check digit
    /// (Brønnøysundregistrene, «Om organisasjonsnummeret»).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        const WEIGHTS: [u32; 8] = [3, 2, 7, 6, 5, 4, 3, 2];
        if text.len() != 9 || !text.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let digits: Vec<u32> = text.bytes().map(|b| u32::from(b - b'0')).collect();
        let sum: u32 = WEIGHTS.iter().zip(&digits).map(|(w, d)| w * d).sum();
        let check = match sum % 11 {
            0 => 0,
            1 => return None,
            remainder => 11 - remainder,
        };
        (digits.last() == Some(&check)).then(|| Self(text.to_owned()))
    }

    /// The nine digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for OrgNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| de::Error::custom("not an organisation number"))
    }
}

impl JsonSchema for OrgNumber {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "OrgNumber".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": ORG_NUMBER_PATTERN,
            "format": super::schema::FORMAT_ORG_NUMBER,
            "examples": ["974588145"]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_the_last_digit() {
        let cases = [
            ("123456785", true), // the official example of brreg.no
            ("974588145", true),
            ("123456786", false),
            ("12345678", false),
            ("1234567850", false),
            ("12345678a", false),
            ("000000000", true), // the sum is 0, so is the digit; the register, not the check, refuses it
            ("000000017", false),
        ];
        for (text, valid) in cases {
            assert_eq!(OrgNumber::parse(text).is_some(), valid, "{text}");
        }
    }
}
