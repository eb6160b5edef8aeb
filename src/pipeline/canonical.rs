//! The canonical form of JSON (RFC 8785), in one pass. `serde_json_canonicalizer` gives the same, but copies every
//! object once for each level above it, which is a twelfth of what the service has to do for a document.

use std::cmp::Ordering;
use std::io;

use serde_json::Value;

/// Integers up to here are written as they are, others as the nearest number with 53 bits (RFC 8785, 3.2.2.3).
const EXACT: u64 = 1 << 53;

/// Writes a value in canonical form.
///
/// # Errors
/// Never, for values that were read from JSON: their numbers are finite.
pub(super) fn write(value: &Value, out: &mut Vec<u8>) -> io::Result<()> {
    match value {
        Value::Number(number) if number.as_i64().is_some_and(|integer| integer.unsigned_abs() <= EXACT) => {
            serde_json::to_writer(out, number)?;
        }
        Value::Number(number) => serde_json_canonicalizer::to_writer(number, out)?,
        // Its escapes are those that RFC 8785, 3.2.2.2 asks for.
        Value::Null | Value::Bool(_) | Value::String(_) => serde_json::to_writer(out, value)?,
        Value::Array(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write(item, out)?;
            }
            out.push(b']');
        }
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_unstable_by(|(one, _), (other, _)| by_utf16(one, other));
            out.push(b'{');
            for (index, (name, member)) in members.into_iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                serde_json::to_writer(&mut *out, name)?;
                out.push(b':');
                write(member, out)?;
            }
            out.push(b'}');
        }
    }
    Ok(())
}

/// The order of members (RFC 8785, 3.2.3), which is that of their bytes as long as these are ASCII.
fn by_utf16(one: &str, other: &str) -> Ordering {
    if one.is_ascii() && other.is_ascii() { one.cmp(other) } else { one.encode_utf16().cmp(other.encode_utf16()) }
}

/// The canonical form of a value.
#[cfg(fuzzing)]
pub(crate) fn fuzz(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    write(value, &mut out).expect("what was read can be written");
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn anything() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            (-(1_i64 << 55)..1 << 55).prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map("\\PC{0,3}", inner, 0..6).prop_map(Value::from_iter),
            ]
        })
    }

    proptest! {
        #[test]
        fn it_is_what_the_library_writes(value in anything()) {
            let mut own = Vec::new();
            write(&value, &mut own).expect("a value can be written");
            prop_assert_eq!(own, serde_json_canonicalizer::to_vec(&value).expect("a value can be written"));
        }
    }

    #[test]
    fn the_members_of_rfc_8785_are_in_its_order() {
        let value: Value = serde_json::from_str(
            r#"{"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One","\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis"}"#,
        )
        .expect("it is JSON");
        let mut out = Vec::new();
        write(&value, &mut out).expect("a value can be written");
        let text = String::from_utf8(out).expect("JSON is UTF-8");
        let order = ["Carriage", "One", "Control", "Latin", "Euro", "Emoji", "Hebrew"].map(|word| text.find(word));
        assert!(order.is_sorted() && order[0].is_some(), "{text}");
    }
}
