//! Homes: who lives where, as far as a list tells, and which homes are protected.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::entry::Entry;
use crate::document::{Guardian, MailingPupil, Name, PostalAddress};

/// A hash in place of what it is of.
pub(super) type Hash = [u8; 16];

/// A hash of texts, each with its length, so that no two lists of them give the same bytes.
pub(super) fn hash(parts: &[&str]) -> Hash {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    let mut out = [0; 16];
    hasher.finalize_xof().fill(&mut out);
    out
}

/// Words of letters and digits in lower case, with one space between. A single letter goes with the number before it: «Storgata 5 B» is
/// «storgata 5b», and neither is «Storgata 58».
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        let goes_with_number = out.ends_with(|c: char| c.is_ascii_digit())
            && word.chars().count() == 1
            && word.chars().all(char::is_alphabetic);
        if !goes_with_number && !out.is_empty() {
            out.push(' ');
        }
        out.extend(word.chars().flat_map(char::to_lowercase));
    }
    out
}

/// An address in a form in which spelling does not count.
pub(super) fn plain_address(address: &PostalAddress) -> String {
    let optional = |part: &Option<Name>| part.as_ref().map(|part| plain(part.as_str())).unwrap_or_default();
    let lines = [
        plain(address.line1.as_str()),
        optional(&address.line2),
        optional(&address.line3),
        plain(&address.postcode),
        plain(address.city.as_str()),
        abroad(address.country.as_ref().map_or("", Name::as_str)),
    ];
    lines.join("\n")
}

/// The same of an address whose shape may have faults.
fn plain_of_value(address: &Value) -> String {
    let part = |name| address.get(name).and_then(Value::as_str).map(plain).unwrap_or_default();
    let country = address.get("country").and_then(Value::as_str).unwrap_or_default();
    let [line1, line2, line3, postcode, city] = ["line1", "line2", "line3", "postcode", "city"].map(part);
    [line1, line2, line3, postcode, city, abroad(country)].join("\n")
}

/// A country, but not Norway, which is mostly left out.
fn abroad(country: &str) -> String {
    let country = plain(country);
    if ["norge", "noreg", "norway", "no"].contains(&country.as_str()) { String::new() } else { country }
}

fn resident_at(name: &str, place: &str) -> Hash {
    hash(&["resident", &plain(name), place])
}

/// Somebody at an address.
pub(super) fn resident(name: &Name, address: &PostalAddress) -> Hash {
    resident_at(name.as_str(), &plain_address(address))
}

/// A guardian at his or her address.
pub(super) fn resident_of(guardian: &Guardian) -> Option<Hash> {
    guardian.address.as_ref().map(|address| resident(&guardian.name, address))
}

/// The guardians by home, as indices. Those without an address are not assumed to live together.
pub(super) fn homes(pupil: &MailingPupil, together: bool) -> Vec<Vec<usize>> {
    let mut homes: Vec<(Option<String>, Vec<usize>)> = Vec::new();
    for (index, guardian) in pupil.guardians.iter().enumerate() {
        let place = guardian.address.as_ref().map(plain_address);
        match homes.iter_mut().find(|(other, _)| together && place.is_some() && *other == place) {
            Some((_, home)) => home.push(index),
            None => homes.push((place, vec![index])),
        }
    }
    homes.into_iter().map(|(_, home)| home).collect()
}

/// Who is protected, by any entry of a list: whoever is marked, by name, wherever; and who lives with one of them, by any entry, there.
#[derive(Debug, Default)]
pub struct Survey {
    protected: HashSet<Hash>,
    names: HashSet<Hash>,
    /// Residents who live together, by some entry, each with a hash of the name.
    together: Vec<[(Hash, Hash); 2]>,
}

impl Survey {
    /// A survey of one entry.
    #[must_use]
    pub fn of(entry: &Entry) -> Self {
        let mut survey = Self::default();
        survey.note(entry);
        survey
    }

    /// Looks at an entry, also at one with faults: these do not make an address less secret.
    pub fn note(&mut self, entry: &Entry) {
        let entry = &entry.raw;
        let list = |name| entry.get(name).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let everywhere = is_flagged(entry);
        let guardians = list("guardians")
            .iter()
            .map(|guardian| (guardian.get("name"), guardian.get("address"), everywhere || is_flagged(guardian)));
        let own = entry.get("name").into_iter().chain(list("names"));
        let own = own.map(|name| (Some(name), entry.get("address"), everywhere));
        let mut first_at: HashMap<String, (Hash, Hash)> = HashMap::new();
        for (name, address, flagged) in guardians.chain(own) {
            // Who has no name may still be protected, and live with somebody.
            let name = name.and_then(Value::as_str).unwrap_or_default();
            if flagged && !name.is_empty() {
                self.names.insert(named(name));
            }
            let Some(place) = address.map(plain_of_value) else { continue };
            let resident = (resident_at(name, &place), named(name));
            if flagged {
                self.protected.insert(resident.0);
            }
            let first = *first_at.entry(place).or_insert(resident);
            if first != resident {
                self.together.push([first, resident]);
            }
        }
    }

    /// What others have noted, too.
    pub fn add(&mut self, other: Self) {
        self.protected.extend(other.protected);
        self.names.extend(other.names);
        self.together.extend(other.together);
    }

    /// Follows who lives with whom from entry to entry. To be called when all entries are noted.
    #[must_use]
    pub fn finish(mut self) -> Self {
        let together = std::mem::take(&mut self.together);
        if self.names.is_empty() && self.protected.is_empty() {
            return self;
        }
        let mut neighbours: HashMap<Hash, Vec<Hash>> = HashMap::new();
        for residents in together {
            // Who is marked is protected wherever, and so who lives there, too.
            let marked = residents.iter().filter(|(_, name)| self.names.contains(name));
            self.protected.extend(marked.map(|(resident, _)| *resident));
            let [(left, _), (right, _)] = residents;
            neighbours.entry(left).or_default().push(right);
            neighbours.entry(right).or_default().push(left);
        }
        let mut open: Vec<Hash> = self.protected.iter().copied().collect();
        while let Some(resident) = open.pop() {
            for neighbour in neighbours.remove(&resident).unwrap_or_default() {
                if self.protected.insert(neighbour) {
                    open.push(neighbour);
                }
            }
        }
        self
    }

    /// Whether somebody is protected, or lives with one who is.
    pub(super) fn protects(&self, name: &Name, address: Option<&PostalAddress>) -> bool {
        self.names.contains(&named(name.as_str()))
            || address.is_some_and(|address| self.protected.contains(&resident(name, address)))
    }
}

fn named(name: &str) -> Hash {
    hash(&["name", &plain(name)])
}

/// Anything but a clear no counts.
fn is_flagged(value: &Value) -> bool {
    !matches!(value.get("protected_address"), None | Some(Value::Null | Value::Bool(false)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn norway_is_the_same_as_no_country() {
        let at = |country: &str| {
            let address =
                serde_json::json!({ "line1": "Vei 1", "postcode": "0001", "city": "Fjordvik", "country": country });
            (plain_of_value(&address), plain_address(&serde_json::from_value(address).expect("an address")))
        };
        let (value, typed) = at("Norge");
        assert_eq!(value, typed);
        let without = serde_json::json!({ "line1": "vei 1", "postcode": "0001", "city": "FJORDVIK" });
        assert_eq!(plain_of_value(&without), value);
        assert_ne!(at("Sverige").0, value);
    }

    #[test]
    fn spelling_does_not_make_another_place() {
        for (left, right, same) in [
            ("Storgata 5 B", "storgata 5b", true),
            ("Storgata 5, B", "STORGATA  5b", true),
            ("Storgata 5 B", "Storgata 58", false),
            ("Vei 1, 12", "Vei 11 2", false),
            ("Vei 1 H0101", "Vei 1 H0102", false),
            ("Åsveien 3", "åsveien 3", true),
        ] {
            assert_eq!(plain(left) == plain(right), same, "{left} {right}");
        }
    }
}
