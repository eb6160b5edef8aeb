//! A place in the caller's body. Rules walk nodes rather than parsed types, so that they still
//! find what they can when other parts of the body are of the wrong shape.

use serde_json::Value;

use crate::document::{ClockTime, Date, SchoolYear};

/// A value and the JSON Pointer to it. What is not there, or is of another type than asked for,
/// reads as nothing: the shape is reported by the schema.
#[derive(Debug, Clone)]
pub(super) struct Node<'a> {
    value: Option<&'a Value>,
    pointer: String,
}

impl<'a> Node<'a> {
    pub(super) fn root(value: &'a Value) -> Self {
        Self { value: Some(value), pointer: String::new() }
    }

    pub(super) fn pointer(&self) -> &str {
        &self.pointer
    }

    /// A member of an object; `null` counts as absent.
    pub(super) fn get(&self, name: &str) -> Node<'a> {
        Node {
            value: self.value.and_then(|value| value.get(name)).filter(|value| !value.is_null()),
            pointer: format!("{}/{}", self.pointer, escape(name)),
        }
    }

    /// The members of a list.
    pub(super) fn items(&self) -> Vec<Node<'a>> {
        self.value
            .and_then(Value::as_array)
            .map(|items| {
                items
                    .iter()
                    .enumerate()
                    .map(|(index, value)| Node { value: Some(value), pointer: format!("{}/{index}", self.pointer) })
                    .collect()
            })
            .unwrap_or_default()
    }

    pub(super) fn is_given(&self) -> bool {
        self.value.is_some()
    }

    pub(super) fn text(&self) -> Option<&'a str> {
        self.value.and_then(Value::as_str)
    }

    pub(super) fn flag(&self) -> Option<bool> {
        self.value.and_then(Value::as_bool)
    }

    pub(super) fn whole_number(&self) -> Option<i64> {
        self.value.and_then(Value::as_i64)
    }

    pub(super) fn number(&self) -> Option<f64> {
        self.value.and_then(Value::as_f64)
    }

    pub(super) fn date(&self) -> Option<Date> {
        self.text().and_then(|text| Date::parse(text).ok())
    }

    pub(super) fn time(&self) -> Option<ClockTime> {
        self.text().and_then(ClockTime::parse)
    }

    pub(super) fn school_year(&self) -> Option<SchoolYear> {
        self.text().and_then(SchoolYear::parse)
    }
}

/// Whether the name of a member looks like one of ours. Any other could be data, and is not told.
pub(super) fn is_plain_name(name: &str) -> bool {
    (1..=40).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-')
        && name.bytes().filter(u8::is_ascii_digit).count() <= 2
}

/// Escapes a reference token of a JSON Pointer (RFC 6901, section 3).
pub(super) fn escape(token: &str) -> String {
    token.replace('~', "~0").replace('/', "~1")
}
