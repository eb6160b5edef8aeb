//! What changed between two versions of a document, field by field, in words.
//!
//! Lists are compared by keys: entries of the plan by their `id`, signatories by party and name, rows by what they are about, texts by themselves. So
//! something that was moved is not told as changed.

mod words;

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use crate::document::{Kind, Locale};
use crate::validate;
use words::Words;

/// What happened to a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// It was not there before.
    Added,
    /// It is no longer there.
    Removed,
    /// It is another.
    Changed,
    /// The members of a list come in another order.
    Moved,
}

impl Sort {
    /// The name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
            Self::Moved => "moved",
        }
    }
}

/// A change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// JSON Pointer (RFC 6901) into the newer document; of what is gone, into the older one.
    pub pointer: String,
    /// What happened.
    pub sort: Sort,
    /// The field, with what it belongs to.
    pub label: String,
    /// What it said before, in words.
    pub before: Option<String>,
    /// What it says now, in words.
    pub after: Option<String>,
    /// All that in a sentence.
    pub text: String,
}

/// Lists whose members are told apart, and the members of these that a key is made of; none for texts.
const LISTS: [(&str, &[&str]); 7] = [
    ("entries", &["id"]),
    ("goals", &["what"]),
    ("organisation", &["key", "arena"]),
    ("signatories", &["party", "name"]),
    ("school_calendar", &["title"]),
    ("school_responsibilities", &[]),
    ("ppt_responsibilities", &[]),
];

/// What changed between two bodies that were checked before; nothing when one of them is none.
#[must_use]
pub fn between(kind: Kind, before: &[u8], after: &[u8], locale: Locale) -> Option<Vec<Change>> {
    let read = |bytes| {
        let mut value = validate::read_json(bytes).ok()?;
        validate::normalise(&mut value);
        Some(value)
    };
    let (before, after) = (read(before)?, read(after)?);
    let mut teller = Teller { words: Words::new(kind, locale), changes: Vec::new() };
    teller.compare(&Place::default(), Some(&before), Some(&after));
    Some(teller.changes)
}

/// A field of a document.
#[derive(Debug, Clone, Default)]
struct Place {
    pointer: String,
    /// Its name with what it belongs to, in words.
    label: String,
    /// The field that it is in, and its own name.
    parent: String,
    field: String,
}

struct Teller {
    words: Words,
    changes: Vec<Change>,
}

impl Teller {
    fn compare(&mut self, place: &Place, before: Option<&Value>, after: Option<&Value>) {
        let keys =
            LISTS.iter().find(|(list, _)| place.parent.is_empty() && place.field == *list).map(|(_, keys)| *keys);
        match (before, after) {
            (Some(before), Some(after)) if before == after => {}
            (Some(Value::Object(before)), Some(Value::Object(after))) if place.field != "logo" => {
                self.compare_members(place, before, after);
            }
            (None, None) => {}
            (before, after) => match keys {
                Some(keys) => self.compare_items(place, keys, items(before), items(after)),
                None => self.tell(place, before, after),
            },
        }
    }

    fn compare_members(&mut self, place: &Place, before: &Map<String, Value>, after: &Map<String, Value>) {
        let gone = before.keys().filter(|name| !after.contains_key(*name));
        for name in after.keys().chain(gone) {
            let member = self.member(place, name);
            self.compare(&member, before.get(name), after.get(name));
        }
    }

    fn compare_items(&mut self, place: &Place, keys: &[&str], before: &[Value], after: &[Value]) {
        let (older, newer) = (keyed(before, keys), keyed(after, keys));
        let places: HashMap<&str, usize> = (0..).zip(&older).map(|(index, key)| (key.as_str(), index)).collect();
        for (index, (key, item)) in newer.iter().zip(after).enumerate() {
            let at = self.item(place, index, item);
            let known = places.get(key.as_str()).and_then(|index| before.get(*index));
            self.compare(&at, known, Some(item));
        }
        let now: HashSet<&str> = newer.iter().map(String::as_str).collect();
        for (index, (key, item)) in older.iter().zip(before).enumerate() {
            if !now.contains(key.as_str()) {
                let at = self.item(place, index, item);
                self.compare(&at, Some(item), None);
            }
        }
        let stayed: Vec<&String> = newer.iter().filter(|key| places.contains_key(key.as_str())).collect();
        if older.iter().filter(|key| now.contains(key.as_str())).ne(stayed) {
            self.push(place, Sort::Moved, None, None);
        }
    }

    fn member(&self, place: &Place, name: &str) -> Place {
        // What belongs to an item of a list belongs to the list.
        let parent = place.field.clone();
        let own = self.words.label(&parent, name);
        let label = if place.label.is_empty() { own } else { format!("{} › {own}", place.label) };
        let escaped = name.replace('~', "~0").replace('/', "~1");
        Place { pointer: format!("{}/{escaped}", place.pointer), label, parent, field: name.to_owned() }
    }

    fn item(&self, place: &Place, index: usize, item: &Value) -> Place {
        let title = self.words.title(&place.field, item);
        let label = title.map_or_else(|| place.label.clone(), |title| format!("{} › {title}", place.label));
        // Not itself a list that members are told apart of.
        let parent = place.field.clone();
        Place { pointer: format!("{}/{index}", place.pointer), label, parent, field: place.field.clone() }
    }

    fn tell(&mut self, place: &Place, before: Option<&Value>, after: Option<&Value>) {
        let words = |value: Option<&Value>| value.map(|value| self.words.value(&place.parent, &place.field, value));
        let (before, after) = (words(before), words(after));
        let sort = match (&before, &after) {
            (None, _) => Sort::Added,
            (_, None) => Sort::Removed,
            _ => Sort::Changed,
        };
        self.push(place, sort, before, after);
    }

    fn push(&mut self, place: &Place, sort: Sort, before: Option<String>, after: Option<String>) {
        let text = self.words.sentence(sort.name(), &place.label, before.as_deref(), after.as_deref());
        let (pointer, label) = (place.pointer.clone(), place.label.clone());
        self.changes.push(Change { pointer, sort, label, before, after, text });
    }
}

/// The items of a list; none of one that is not there.
fn items(list: Option<&Value>) -> &[Value] {
    list.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// A key for each item of a list. Of equal ones the second is another than the first.
fn keyed(items: &[Value], keys: &[&str]) -> Vec<String> {
    let mut seen: HashMap<String, usize> = HashMap::new();
    let key = |item: &Value| {
        let members: Vec<_> = keys.iter().filter_map(|key| item.get(key)).map(Value::to_string).collect();
        // A text, or a row without any of its keys, is known by all it says.
        if members.is_empty() { item.to_string() } else { members.join(" ") }
    };
    let keys = items.iter().map(key).collect::<Vec<_>>().into_iter().map(|key| {
        let count = seen.entry(key.clone()).or_default();
        *count += 1;
        format!("{count} {key}")
    });
    keys.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::schema::json_schema;
    use crate::record::KINDS;
    use crate::template;
    use serde_json::json;

    fn plan() -> Value {
        serde_json::from_str(template::sample(Kind::AnnualPlan, Locale::Nb)).expect("a sample is JSON")
    }

    fn told(kind: Kind, before: &Value, after: &Value, locale: Locale) -> Vec<Change> {
        between(kind, before.to_string().as_bytes(), after.to_string().as_bytes(), locale).expect("both are JSON")
    }

    fn texts(changes: &[Change]) -> Vec<&str> {
        changes.iter().map(|change| change.text.as_str()).collect()
    }

    #[test]
    fn the_same_is_not_changed() {
        assert_eq!(told(Kind::AnnualPlan, &plan(), &plan(), Locale::Nb), []);
    }

    #[test]
    fn changes_are_told_in_three_languages() {
        let mut after = plan();
        after["entries"][4]["date"] = json!("2026-09-16");
        after["entries"][4]["responsible"] = json!([{ "role": "principal" }]);
        after["document_date"] = json!("2026-12-01");
        let nb = told(Kind::AnnualPlan, &plan(), &after, Locale::Nb);
        assert_eq!(
            texts(&nb),
            [
                "«Dato» er endret fra «23.11.2026» til «01.12.2026».",
                "«Aktiviteter › Temamøte 1 › Dato» er endret fra «15.09.2026» til «16.09.2026».",
                "«Aktiviteter › Temamøte 1 › Ansvarlig» er endret fra «Kari Eksempel (assisterende rektor)» til «rektor».",
            ]
        );
        assert_eq!(nb[1].pointer, "/entries/4/date");
        let nn = told(Kind::AnnualPlan, &plan(), &after, Locale::Nn);
        assert_eq!(nn[0].text, "«Dato» er endra frå «23.11.2026» til «01.12.2026».");
        let en = told(Kind::AnnualPlan, &plan(), &after, Locale::En);
        assert_eq!(en[0].text, "“Date” was changed from “23 November 2026” to “1 December 2026”.");
    }

    #[test]
    fn what_was_moved_is_not_told_as_changed() {
        let mut after = plan();
        let entries = after["entries"].as_array_mut().expect("a plan has entries");
        entries.swap(0, 1);
        let changes = told(Kind::AnnualPlan, &plan(), &after, Locale::Nb);
        assert_eq!(texts(&changes), ["Rekkefølgen i «Aktiviteter» er endret."]);
    }

    #[test]
    fn what_came_and_went_is_told_whole() {
        let mut after = plan();
        let entries = after["entries"].as_array_mut().expect("a plan has entries");
        entries.remove(1);
        entries.push(json!({ "id": "ny", "title": "Ny dag", "category": "holiday", "month": 6 }));
        after["goals"][0] = json!("Et nytt mål.");
        after["include_wheel"] = json!(false);
        let changes = told(Kind::AnnualPlan, &plan(), &after, Locale::Nb);
        let found = texts(&changes);
        assert!(found.contains(&"«Mål» er lagt til: «Et nytt mål.»."), "{found:#?}");
        assert!(found.iter().any(|text| text.starts_with("«Mål» er fjernet: «Skolen, PP-tjenesten")), "{found:#?}");
        assert!(
            found.contains(&"«Aktiviteter › Ny dag» er lagt til: «Nøkkel: ny; Aktivitet: Ny dag; Kategori: ferie/fridag; Måned: juni»."),
            "{found:#?}"
        );
        assert!(found.iter().any(|text| text.starts_with("«Aktiviteter › Ressursteam» er fjernet")), "{found:#?}");
        assert!(found.contains(&"«Årshjul» er endret fra «Ja» til «Nei»."), "{found:#?}");
        assert_eq!(changes.len(), 5);
    }

    #[test]
    fn equal_members_and_a_logo_are_no_trouble() {
        let goals = |texts: &[&str], logo: &str| {
            let logo = json!({ "media_type": "image/png", "data": logo, "alt": "x" });
            json!({ "goals": texts, "school": { "name": "Fjordvik skole", "logo": logo } })
        };
        let changes = told(Kind::AnnualPlan, &goals(&["a", "a", "b"], "AAAA"), &goals(&["a", "b"], "BBBB"), Locale::En);
        assert_eq!(
            texts(&changes),
            ["“Goals” was removed: “a”.", "“School › Logo” was changed from “picture” to “picture”."]
        );
    }

    #[test]
    fn every_field_has_a_label_in_every_language() {
        fn names(schema: &Value, found: &mut HashSet<String>) {
            match schema {
                Value::Object(members) => {
                    if let Some(properties) = members.get("properties").and_then(Value::as_object) {
                        found.extend(properties.keys().cloned());
                    }
                    members.values().for_each(|value| names(value, found));
                }
                Value::Array(items) => items.iter().for_each(|value| names(value, found)),
                _ => {}
            }
        }
        for kind in KINDS {
            let mut found = HashSet::new();
            names(&json_schema(kind), &mut found);
            assert!(found.len() > 50, "{found:?}");
            for locale in Locale::ALL {
                let words = Words::new(kind, locale);
                for name in &found {
                    assert!(words.has_label(name), "`{name}` of {} has no label in `{}`", kind.slug(), locale.tag());
                }
            }
        }
    }
}
