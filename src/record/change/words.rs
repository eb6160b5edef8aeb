//! The words in which changes are told: labels of fields from one table (`labels.json`), values as the templates print them.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::document::{Date, Kind, Locale};
use crate::template;

/// In bokmål, nynorsk and English.
type Three = [String; 3];

/// Fields by their name, or by that of what they are in, a dot and their own, which goes before it. Values by field, and then by themselves.
#[derive(Deserialize)]
struct Table {
    fields: BTreeMap<String, Three>,
    values: BTreeMap<String, BTreeMap<String, Three>>,
    sentences: BTreeMap<String, Three>,
}

#[expect(clippy::expect_used, reason = "the table is part of the program and every test of changes reads it")]
static TABLE: LazyLock<Table> =
    LazyLock::new(|| serde_json::from_str(include_str!("labels.json")).expect("the labels are a table"));

/// Most characters of a text that names an item of a list.
const TITLE: usize = 60;

/// Lists of people, by role and name.
const PEOPLE: [&str; 3] = ["responsible", "participants", "who"];

/// The words of a kind in a language.
pub(super) struct Words {
    locale: Locale,
    own: &'static Map<String, Value>,
    shared: &'static Map<String, Value>,
}

impl Words {
    pub(super) fn new(kind: Kind, locale: Locale) -> Self {
        Self { locale, own: template::strings(kind, locale), shared: template::shared_strings(locale) }
    }

    fn in_language<'a>(&self, three: &'a Three) -> &'a str {
        let [nb, nn, en] = three;
        match self.locale {
            Locale::Nb => nb,
            Locale::Nn => nn,
            Locale::En => en,
        }
    }

    /// What a field is called.
    pub(super) fn label(&self, parent: &str, field: &str) -> String {
        let found = TABLE.fields.get(&format!("{parent}.{field}")).or_else(|| TABLE.fields.get(field));
        found.map_or(field, |three| self.in_language(three)).to_owned()
    }

    #[cfg(test)]
    pub(super) fn has_label(&self, field: &str) -> bool {
        TABLE.fields.get(field).is_some_and(|three| !self.in_language(three).is_empty())
    }

    fn word(&self, name: &str) -> &str {
        TABLE.sentences.get(name).map_or("", |three| self.in_language(three))
    }

    /// A sentence on a change.
    pub(super) fn sentence(&self, sort: &str, label: &str, before: Option<&str>, after: Option<&str>) -> String {
        let mut text = String::new();
        let mut rest = self.word(sort);
        // Each place is filled once, so that braces in what is filled in stay as they are.
        while let Some((head, tail)) = rest.split_once('{') {
            let (name, tail) = tail.split_once('}').unwrap_or((tail, ""));
            text.push_str(head);
            text.push_str(match name {
                "label" => label,
                "before" => before.unwrap_or_default(),
                _ => after.unwrap_or_default(),
            });
            rest = tail;
        }
        text + rest
    }

    /// What names an item of a list, if it is more than a text.
    pub(super) fn title(&self, list: &str, item: &Value) -> Option<String> {
        let members = item.as_object()?;
        let name = ["title", "what", "arena", "name", "key"].into_iter().find(|name| members.contains_key(*name))?;
        let text = self.value(list, name, members.get(name)?);
        let mut short: String = text.chars().take(TITLE).collect();
        if short.len() < text.len() {
            short.push('…');
        }
        Some(short)
    }

    /// A value in words.
    pub(super) fn value(&self, parent: &str, field: &str, value: &Value) -> String {
        match value {
            Value::Null => self.word("nothing").to_owned(),
            Value::Bool(is) => self.shared_word("words", if *is { "yes" } else { "no" }).unwrap_or_default(),
            Value::Number(number) if field == "month" => {
                let place = number.as_u64().and_then(|month| usize::try_from(month).ok()?.checked_sub(1));
                place.and_then(|place| self.month(place)).unwrap_or_else(|| number.to_string())
            }
            Value::Number(number) => number.to_string(),
            Value::String(text) => self.text(parent, field, text),
            Value::Array(items) if items.is_empty() => self.word("nothing").to_owned(),
            Value::Array(items) => {
                let words: Vec<_> = items.iter().map(|item| self.value(parent, field, item)).collect();
                words.join(", ")
            }
            Value::Object(_) if field == "logo" => self.word("picture").to_owned(),
            Value::Object(person) if PEOPLE.contains(&field) => self.person(person),
            Value::Object(members) => {
                let part = |(name, value): (&String, &Value)| {
                    format!("{}: {}", self.label(field, name), self.value(field, name, value))
                };
                members.iter().map(part).collect::<Vec<_>>().join("; ")
            }
        }
    }

    fn text(&self, parent: &str, field: &str, text: &str) -> String {
        let tables = [format!("{parent}.{field}"), field.to_owned()];
        // What goes on in a list has a status of its own, which is none of a document.
        let own = tables
            .iter()
            .filter(|_| field != "status" || parent.is_empty())
            .find_map(|table| TABLE.values.get(table)?.get(text));
        if let Some(three) = own {
            return self.in_language(three).to_owned();
        }
        let printed = match field {
            "role" => self.shared_word("roles", text),
            "party" => self.shared_word("parties", text),
            "status" => self.shared_word("status", text),
            "locale" => self.shared_word("languages", text),
            "method" => self
                .shared
                .get("signature")
                .and_then(|words| words.get("methods")?.get(text)?.as_str())
                .map(str::to_owned),
            "category" => word_in(self.own, "categories", text),
            "recurrence" => word_in(self.own, "recurrences", text),
            "key" => self.row(text),
            _ => self.date(text),
        };
        printed.unwrap_or_else(|| text.to_owned())
    }

    fn shared_word(&self, table: &str, name: &str) -> Option<String> {
        word_in(self.shared, table, name)
    }

    /// The name of a row that the table of organisation has from the start.
    fn row(&self, key: &str) -> Option<String> {
        let rows = self.own.get("organisation")?.get("rows")?.as_array()?;
        let row = rows.iter().find(|row| row.get("key").and_then(Value::as_str) == Some(key))?;
        Some(row.get("arena")?.as_str()?.to_owned())
    }

    fn month(&self, place: usize) -> Option<String> {
        Some(self.shared.get("months")?.get(place)?.as_str()?.to_owned())
    }

    /// A date as it is written in the language; nothing of another text.
    fn date(&self, text: &str) -> Option<String> {
        let date = Date::parse(text).ok()?.civil();
        let (day, month, year) = (date.day(), date.month(), date.year());
        if self.locale != Locale::En {
            return Some(format!("{day:02}.{month:02}.{year}"));
        }
        Some(format!("{day} {} {year}", self.month(usize::try_from(month).ok()?.checked_sub(1)?)?))
    }

    fn person(&self, person: &Map<String, Value>) -> String {
        let text = |name: &str| Some(self.text("", name, person.get(name)?.as_str()?));
        let role = text("role");
        let behind: Vec<String> = ["organisation", "email", "phone"].into_iter().filter_map(text).collect();
        let (first, mut behind) = match (text("name"), role) {
            (Some(name), role) => (name, role.into_iter().chain(behind).collect::<Vec<_>>()),
            (None, Some(role)) => (role, behind),
            (None, None) => (String::new(), behind),
        };
        if first.is_empty() && !behind.is_empty() {
            return behind.swap_remove(0);
        }
        if behind.is_empty() { first } else { format!("{first} ({})", behind.join(", ")) }
    }
}

fn word_in(words: &Map<String, Value>, table: &str, name: &str) -> Option<String> {
    Some(words.get(table)?.get(name)?.as_str()?.to_owned())
}
