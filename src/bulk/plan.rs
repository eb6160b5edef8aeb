//! Who gets a letter.
//!
//! Two passes over a list: [`Survey`] learns which homes are protected, since one entry may know it and another not; [`Planner`]
//! then decides for each home of each entry, in the order of the list. Of entries that have been seen only hashes of 16 bytes are
//! kept, so a long list takes hardly more memory than a short one. The rules are told in docs/mailings.md.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::home::{Hash, Survey, hash, homes, plain_address, resident_of};
use super::parsed::Parsed;
use crate::document::{
    About, Guardian, Language, Mailing, MailingEntry, MailingPupil, MailingRecipient, Name, PostalAddress, Protected,
    Rules, Text, WithoutAddress,
};
use crate::merge::letter::{Draft, LetterFacts};
use crate::validate::{Code, Finding};

/// What is decided for one home.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// It gets a letter.
    Letter(Box<Draft>),
    /// It gets the letter of that item, as a sibling's home.
    SharesWith(u64),
    /// The entry is the same as the one of that item.
    Duplicate(u64),
    /// There is no address.
    NoAddress,
    /// The address is protected, and such recipients are only listed.
    Protected,
    /// The pupil has no guardian.
    NoGuardian,
    /// The entry has faults.
    Invalid(Vec<Finding>),
}

impl Decision {
    /// The name in manifests.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Letter(_) => "letter",
            Self::SharesWith(_) => "shares_with_sibling",
            Self::Duplicate(_) => "duplicate",
            Self::NoAddress => "no_address",
            Self::Protected => "protected_address",
            Self::NoGuardian => "no_guardian",
            Self::Invalid(_) => "invalid",
        }
    }

    /// The item that it follows.
    #[must_use]
    pub fn follows(&self) -> Option<u64> {
        match self {
            Self::SharesWith(item) | Self::Duplicate(item) => Some(*item),
            _ => None,
        }
    }
}

/// What is worth knowing of a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Note {
    /// Several guardians live there and get one letter.
    Household,
    /// More than two live there; the first two are named.
    NamesLeftOut,
    /// The pupil is 18 and gets the letter.
    AdultPupil,
    /// The pupil is 18 and has consented that the guardians get it.
    Consent,
    /// The address is protected: it is not printed, and the letter is in no merged file.
    ProtectedAddress,
    /// There is no address; the letter is to be handed over.
    WithoutAddress,
    /// The letter is not given in the language of the recipient.
    FallbackLanguage,
    /// Those who live there read different languages; the first one's is taken.
    LanguagesDiffer,
}

impl Note {
    /// The name in manifests.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Household => "household",
            Self::NamesLeftOut => "names_left_out",
            Self::AdultPupil => "adult_pupil",
            Self::Consent => "consent",
            Self::ProtectedAddress => "protected_address",
            Self::WithoutAddress => "without_address",
            Self::FallbackLanguage => "fallback_language",
            Self::LanguagesDiffer => "languages_differ",
        }
    }
}

/// One home of one entry, and what is decided for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// Number of the item, from 1, in the order of the list.
    pub number: u64,
    /// Number of the entry, from 1.
    pub entry: u64,
    /// Row or line of the entry in the list, from 1.
    pub row: usize,
    /// Key of the recipient: that of the entry, with the number of the home behind it where there are several.
    pub key: String,
    /// What is decided.
    pub decision: Decision,
    /// What is worth knowing.
    pub notes: Vec<Note>,
}

impl Item {
    /// Whether the letter stays out of merged files.
    #[must_use]
    pub fn is_protected(&self) -> bool {
        self.notes.contains(&Note::ProtectedAddress)
    }
}

/// Decides for one entry after the other.
#[derive(Debug)]
pub struct Planner {
    rules: Rules,
    letter: LetterFacts,
    survey: Survey,
    about_pupil: bool,
    next: u64,
    entries: u64,
    row: usize,
    /// By key: the entry, its contents, its first item.
    keys: HashMap<Hash, (u64, Hash, u64)>,
    /// By contents: the first item.
    contents: HashMap<Hash, u64>,
    /// Residents who get a letter that is about the home: the item.
    residents: HashMap<Hash, u64>,
}

/// Who a letter is for, before it is known whether there is one.
struct Addressee<'a> {
    key: String,
    names: Vec<&'a Name>,
    /// Where the names stand in the entry.
    name_places: Vec<String>,
    address: Option<(&'a PostalAddress, String)>,
    languages: Vec<Language>,
    is_protected: bool,
    pupil: Option<(Option<&'a Name>, Option<&'a str>)>,
    /// Where the pupil's first name stands in the entry.
    pupil_place: &'static str,
    notes: Vec<Note>,
}

impl Planner {
    /// A planner for one list.
    #[must_use]
    pub fn new(mailing: &Mailing, letter: LetterFacts, survey: Survey) -> Self {
        let about_pupil = match mailing.rules.about {
            About::Auto => letter.names_pupil,
            About::Pupil => true,
            About::Home => false,
        };
        Self {
            rules: mailing.rules.clone(),
            letter,
            survey: survey.finish(),
            about_pupil,
            next: 1,
            entries: 0,
            row: 0,
            keys: HashMap::new(),
            contents: HashMap::new(),
            residents: HashMap::new(),
        }
    }

    /// Decides for the next entry.
    pub fn plan(&mut self, entry: impl Into<Parsed>) -> Vec<Item> {
        let Parsed { entry, contents, key, has_key, row } = entry.into();
        self.entries += 1;
        self.row = row;
        let first = self.next;
        let entry = match entry {
            Ok(entry) => entry,
            Err(findings) => {
                if has_key {
                    // Whoever has the same key is not known to be the one who is meant.
                    self.keys.entry(hash(&["key", &key])).or_insert((self.entries, contents, first));
                }
                return vec![self.item(key, Decision::Invalid(findings), Vec::new())];
            }
        };
        if let Some(item) = self.seen_before(&entry, contents) {
            return vec![item];
        }
        self.keys.insert(hash(&["key", entry.key()]), (self.entries, contents, first));
        self.contents.entry(contents).or_insert(first);
        match &entry {
            MailingEntry::Pupil(pupil) => self.pupil(pupil),
            MailingEntry::Recipient(recipient) => vec![self.recipient(recipient)],
        }
    }

    fn seen_before(&mut self, entry: &MailingEntry, contents: Hash) -> Option<Item> {
        let key = entry.key();
        if let Some(&(first, same, item)) = self.keys.get(&hash(&["key", key])) {
            if same != contents {
                let finding = Finding::new("/key", Code::RepeatedEntryKey).with("first", first);
                return Some(self.item(key.to_owned(), Decision::Invalid(vec![finding]), Vec::new()));
            }
            if self.rules.drop_duplicates {
                return Some(self.item(key.to_owned(), Decision::Duplicate(item), Vec::new()));
            }
        }
        let &item = self.contents.get(&contents).filter(|_| self.rules.drop_duplicates)?;
        Some(self.item(key.to_owned(), Decision::Duplicate(item), Vec::new()))
    }

    fn item(&mut self, key: String, decision: Decision, notes: Vec<Note>) -> Item {
        let number = self.next;
        self.next += 1;
        Item { number, entry: self.entries, row: self.row, key, decision, notes }
    }

    fn recipient(&mut self, recipient: &MailingRecipient) -> Item {
        let addressee = Addressee {
            key: recipient.key.clone(),
            names: recipient.names.iter().collect(),
            name_places: (0..recipient.names.len()).map(|index| format!("/names/{index}")).collect(),
            address: recipient.address.as_ref().map(|address| (address, "/address".to_owned())),
            languages: recipient.locale.into_iter().collect(),
            is_protected: recipient.protected_address == Some(true)
                || recipient.names.iter().any(|name| self.survey.protects(name, recipient.address.as_ref())),
            pupil: Some((recipient.pupil_first_name.as_ref(), recipient.class.as_ref().map(Text::as_str))),
            pupil_place: "/pupil_first_name",
            notes: Vec::new(),
        };
        let mut data = recipient.fields.clone();
        data.insert(
            "pupil".to_owned(),
            present(&[
                ("first_name", recipient.pupil_first_name.as_ref().map(Name::as_str)),
                ("class", recipient.class.as_ref().map(Text::as_str)),
            ]),
        );
        self.decide(addressee, data)
    }

    fn pupil(&mut self, pupil: &MailingPupil) -> Vec<Item> {
        let is_adult = self.rules.adult_pupils && self.is_adult(pupil);
        let class = pupil.class.as_ref().map(Text::as_str);
        let mut data = Map::new();
        if self.about_pupil {
            data.clone_from(&pupil.fields);
            data.insert(
                "pupil".to_owned(),
                present(&[
                    ("first_name", pupil.first_name.as_ref().map(Name::as_str)),
                    ("name", pupil.name.as_ref().map(Name::as_str)),
                    ("class", class),
                    ("birth_date", pupil.birth_date.map(|date| date.to_string()).as_deref()),
                ]),
            );
        }
        let named = self.about_pupil.then_some((pupil.first_name.as_ref(), class));
        if is_adult && pupil.consent != Some(true) {
            return vec![self.adult(pupil, named, data)];
        }
        let homes = homes(pupil, self.rules.one_per_household);
        if homes.is_empty() {
            return vec![self.item(pupil.key.clone(), Decision::NoGuardian, Vec::new())];
        }
        let several = homes.len() > 1;
        let mut items = Vec::with_capacity(homes.len());
        for (index, home) in homes.iter().enumerate() {
            let key = if several { format!("{}.{}", pupil.key, index + 1) } else { pupil.key.clone() };
            let mut addressee = self.household(pupil, home, key);
            addressee.pupil = named;
            if is_adult {
                addressee.notes.push(Note::Consent);
            }
            let residents: Vec<Hash> = home.iter().filter_map(|&index| resident_of(&pupil.guardians[index])).collect();
            items.push(self.decide_once(addressee, &residents, data.clone()));
        }
        items
    }

    fn adult(
        &mut self,
        pupil: &MailingPupil,
        named: Option<(Option<&Name>, Option<&str>)>,
        data: Map<String, Value>,
    ) -> Item {
        let Some(name) = &pupil.name else {
            let finding = Finding::new("/name", Code::Missing).with("member", "name");
            return self.item(pupil.key.clone(), Decision::Invalid(vec![finding]), vec![Note::AdultPupil]);
        };
        let addressee = Addressee {
            key: pupil.key.clone(),
            names: vec![name],
            name_places: vec!["/name".to_owned()],
            address: pupil.address.as_ref().map(|address| (address, "/address".to_owned())),
            languages: pupil.locale.into_iter().collect(),
            is_protected: self.is_protected_adult(pupil, name),
            pupil: named,
            pupil_place: "/first_name",
            notes: vec![Note::AdultPupil],
        };
        self.decide(addressee, data)
    }

    /// Whether the own address of a pupil who is 18 is protected: by the pupil's own mark, or since somebody lives there who is.
    fn is_protected_adult(&self, pupil: &MailingPupil, name: &Name) -> bool {
        let Some(address) = &pupil.address else {
            return pupil.protected_address == Some(true) || self.survey.protects(name, None);
        };
        let place = plain_address(address);
        let lives_there =
            |guardian: &&Guardian| guardian.address.as_ref().is_some_and(|other| plain_address(other) == place);
        pupil.protected_address == Some(true)
            || self.survey.protects(name, Some(address))
            || pupil.guardians.iter().filter(lives_there).any(|guardian| {
                guardian.protected_address == Some(true)
                    || self.survey.protects(&guardian.name, guardian.address.as_ref())
            })
    }

    /// Whether a pupil is 18 on the day that counts (vergemålsloven § 2: of age at 18).
    fn is_adult(&self, pupil: &MailingPupil) -> bool {
        let day = self.rules.as_of.or(self.letter.date);
        pupil.birth_date.zip(day).is_some_and(|(born, day)| born.eighteenth_birthday() <= day)
    }

    fn household<'a>(&self, pupil: &'a MailingPupil, home: &[usize], key: String) -> Addressee<'a> {
        let guardians: Vec<&Guardian> = home.iter().map(|&index| &pupil.guardians[index]).collect();
        let mut notes = Vec::new();
        if guardians.len() > 1 {
            notes.push(Note::Household);
        }
        if guardians.len() > 2 {
            notes.push(Note::NamesLeftOut);
        }
        let mut languages: Vec<Language> = guardians.iter().filter_map(|guardian| guardian.locale).collect();
        languages.extend(pupil.locale.filter(|_| languages.is_empty()));
        languages.dedup();
        let is_protected = pupil.protected_address == Some(true)
            || guardians.iter().any(|guardian| guardian.protected_address == Some(true))
            || guardians.iter().any(|guardian| self.survey.protects(&guardian.name, guardian.address.as_ref()));
        let first = home.first().copied().unwrap_or_default();
        let address = guardians.first().and_then(|guardian| guardian.address.as_ref());
        Addressee {
            key,
            names: guardians.iter().take(2).map(|guardian| &guardian.name).collect(),
            name_places: home.iter().take(2).map(|index| format!("/guardians/{index}/name")).collect(),
            address: address.map(|address| (address, format!("/guardians/{first}/address"))),
            languages,
            is_protected,
            pupil: None,
            pupil_place: "/first_name",
            notes,
        }
    }

    /// A letter about the home goes to each resident once, in whichever entry it stands first.
    fn decide_once(&mut self, addressee: Addressee<'_>, residents: &[Hash], data: Map<String, Value>) -> Item {
        if self.about_pupil {
            return self.decide(addressee, data);
        }
        let shared = residents.iter().find_map(|resident| self.residents.get(resident)).copied();
        let item = match shared {
            Some(item) => self.item(addressee.key, Decision::SharesWith(item), addressee.notes),
            None => self.decide(addressee, data),
        };
        // Nobody shares a letter that there is not.
        if let Some(letter) = shared.or_else(|| matches!(item.decision, Decision::Letter(_)).then_some(item.number)) {
            for resident in residents {
                self.residents.entry(*resident).or_insert(letter);
            }
        }
        item
    }

    fn decide(&mut self, addressee: Addressee<'_>, mut data: Map<String, Value>) -> Item {
        let Addressee { key, names, name_places, address, languages, is_protected, pupil, pupil_place, mut notes } =
            addressee;
        if is_protected {
            notes.push(Note::ProtectedAddress);
            if self.rules.protected == Protected::List {
                return self.item(key, Decision::Protected, notes);
            }
        } else if address.is_none() {
            if self.rules.without_address == WithoutAddress::List {
                return self.item(key, Decision::NoAddress, notes);
            }
            notes.push(Note::WithoutAddress);
        }
        let wanted = languages.first().copied().unwrap_or(self.letter.own);
        if languages.len() > 1 {
            notes.push(Note::LanguagesDiffer);
        }
        let is_given = self.letter.languages.contains(&wanted);
        if !is_given {
            notes.push(Note::FallbackLanguage);
        }
        let mut places: Vec<(String, String)> = Vec::new();
        let mut recipient = json!({ "recipient_key": key, "names": names });
        for (index, place) in name_places.into_iter().enumerate() {
            places.push((format!("/recipients/0/names/{index}"), place));
        }
        if let Some(members) = recipient.as_object_mut() {
            if is_protected {
                members.insert("protected_address".to_owned(), true.into());
            } else if let Some((address, place)) = address {
                members.insert("postal_address".to_owned(), json!(address));
                places.push(("/recipients/0/postal_address".to_owned(), place));
            }
            if let Some((first_name, class)) = pupil {
                members.extend(first_name.map(|name| ("pupil_first_name".to_owned(), json!(name))));
                members.extend(class.map(|class| ("class".to_owned(), json!(class))));
            }
        }
        for (inner, outer) in [("recipient_key", "/key"), ("pupil_first_name", pupil_place), ("class", "/class")] {
            places.push((format!("/recipients/0/{inner}"), outer.to_owned()));
        }
        data.insert("recipient".to_owned(), json!({ "names": names }));
        data.insert("school".to_owned(), present(&[("name", self.letter.school.as_deref())]));
        let language = if is_given { wanted } else { self.letter.fallback };
        let draft = Draft { language, recipient, data: data.into(), places };
        self.item(key, Decision::Letter(draft.into()), notes)
    }
}

/// An object of what is there.
fn present(members: &[(&str, Option<&str>)]) -> Value {
    let there = members.iter().filter_map(|(name, value)| Some(((*name).to_owned(), Value::from((*value)?))));
    Value::Object(there.collect())
}
