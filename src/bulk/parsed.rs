//! What can be known of an entry by itself. No entry depends on another here, so that many can be looked at at once.

use serde_json::Value;

use super::entry::Entry;
use super::home::{Hash, hash};
use crate::document::MailingEntry;
use crate::validate::{Code, Finding};

/// Merge fields that no list can have, since every letter has them.
const RESERVED: [&str; 3] = ["pupil", "recipient", "school"];

/// An entry as far as it can be known by itself.
#[derive(Debug)]
pub struct Parsed {
    pub(super) entry: Result<MailingEntry, Vec<Finding>>,
    /// What it holds beside its key.
    pub(super) contents: Hash,
    pub(super) key: String,
    /// Whether the key is its own, and not made of its place.
    pub(super) has_key: bool,
    pub(super) row: usize,
}

impl From<Entry> for Parsed {
    fn from(entry: Entry) -> Self {
        let Entry { value, raw, key, row } = entry;
        let has_key = raw.get("key").and_then(Value::as_str) == Some(&key);
        let entry = value.and_then(|value| match reserved_fields(&value) {
            reserved if reserved.is_empty() => {
                MailingEntry::parse(value).map_err(|_| vec![Finding::new("", Code::Invalid)])
            }
            reserved => Err(reserved),
        });
        // What is left out is the same as what is said to be nothing.
        let told = entry.as_ref().ok().and_then(|entry| entry.to_json().ok());
        Self { entry, contents: contents_hash(told.unwrap_or(raw)), key, has_key, row }
    }
}

/// A hash of what an entry holds beside its key. The order of members does not matter, at any depth. This is not the canonical form
/// of JSON (RFC 8785), in which different large numbers are the same.
fn contents_hash(mut contents: Value) -> Hash {
    if let Some(members) = contents.as_object_mut() {
        members.shift_remove("key");
    }
    contents.sort_all_objects();
    hash(&["contents", &contents.to_string()])
}

fn reserved_fields(entry: &Value) -> Vec<Finding> {
    let has = |name: &&&str| entry.get("fields").and_then(|fields| fields.get(**name)).is_some();
    let finding = |name: &&str| Finding::new(format!("/fields/{name}"), Code::ReservedField).with("field", *name);
    RESERVED.iter().filter(has).map(finding).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn entries_are_the_same_whatever_the_order_and_only_if_they_print_the_same() {
        let of = |fields: Value| contents_hash(json!({ "key": "a", "names": ["A"], "fields": fields }));
        assert_eq!(of(json!({ "a": { "b": 1, "c": [2] }, "d": 3 })), of(json!({ "d": 3, "a": { "c": [2], "b": 1 } })));
        assert_ne!(of(json!({ "kid": 9_007_199_254_740_993_u64 })), of(json!({ "kid": 9_007_199_254_740_992_u64 })));
        assert_ne!(of(json!({ "a": [1, 2] })), of(json!({ "a": [2, 1] })));
        assert_eq!(
            contents_hash(json!({ "key": "a", "names": [] })),
            contents_hash(json!({ "names": [], "key": "b" }))
        );
    }
}
