//! Reading JSON strictly: one meaning or none.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::map::Entry;
use serde_json::{Map, Number, Value};

/// Why a body can not be read as JSON. It holds no part of the body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{reason} at line {line}, column {column}")]
pub struct Unreadable {
    /// Line, from 1.
    pub line: usize,
    /// Column in bytes, from 1.
    pub column: usize,
    /// What is wrong there.
    pub reason: Cow<'static, str>,
}

/// Reads a JSON value (RFC 8259). Two members of one name in an object are refused, since readers
/// disagree on which of them counts, and a child's address must not depend on that.
///
/// # Errors
/// [`Unreadable`] with the place.
pub fn read_json(body: &[u8]) -> Result<Value, Unreadable> {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    Strict.deserialize(&mut deserializer).and_then(|value| deserializer.end().map(|()| value)).map_err(|error| {
        Unreadable { line: error.line(), column: error.column(), reason: Cow::Borrowed(reason(&error)) }
    })
}

/// The library's own message can quote the body, so only its category is told.
fn reason(error: &serde_json::Error) -> &'static str {
    use serde_json::error::Category;
    match error.classify() {
        Category::Eof => "the JSON ends too early",
        Category::Data if error.to_string().starts_with(REPEATED) => REPEATED,
        Category::Syntax if error.to_string().starts_with("recursion limit") => "the JSON is nested too deeply",
        Category::Syntax | Category::Data | Category::Io => "not JSON",
    }
}

const REPEATED: &str = "a member name stands twice in one object";

struct Strict;

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(Self)? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some(name) = map.next_key::<String>()? {
            let Entry::Vacant(place) = members.entry(name) else { return Err(de::Error::custom(REPEATED)) };
            place.insert(map.next_value_seed(Self)?);
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_serde_json_reads() {
        let text = r#"{"a":[1,-2,2.5,true,null,"ø\u00e5"],"b":{"c":{}}}"#;
        assert_eq!(read_json(text.as_bytes()).ok(), serde_json::from_str(text).ok());
    }

    #[test]
    fn tells_place_and_reason_without_the_words() {
        let cases = [
            ("{\n  \"a\": 1,\n  \"a\": 2\n}", 3, REPEATED),
            ("{\"name\": Ola}", 1, "not JSON"),
            ("{\"a\":", 1, "the JSON ends too early"),
            ("{} {}", 1, "not JSON"),
            ("", 1, "the JSON ends too early"),
        ];
        for (text, line, reason) in cases {
            let error = read_json(text.as_bytes()).expect_err(text);
            assert_eq!((error.line.max(1), error.reason.as_ref()), (line, reason), "{text}");
        }
        let deep = "[".repeat(200);
        assert_eq!(read_json(deep.as_bytes()).map_err(|e| e.reason), Err("the JSON is nested too deeply".into()));
        assert!(read_json(b"\"\xff\"").is_err());
    }
}
