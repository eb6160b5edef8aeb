//! Mailings: who gets a letter, what stands in it, and the files that are made, by `skoledok bulk`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use skoledok::app;
use skoledok::bulk::entry::List;
use skoledok::bulk::home::Survey;
use skoledok::bulk::plan::{Decision, Item, Planner};
use skoledok::bulk::print_file::{Front, MOST_BYTES, PrintFile};
use skoledok::document::{Kind, Language, Locale, Mailing, PdfStandard};
use skoledok::merge::letter::{Draft, LetterFacts, LetterToMany};
use skoledok::pipeline::{MailingBytes, check_letter, merge};
use skoledok::render::Options;
use skoledok::validate::read_mailing;
use skoledok::worker::{Pool, Program, Settings};

use crate::support::{
    assert_standards, binary, children_of, eventually, output_folder, pdf, produce, python, root, run, run_ok, sample,
    words,
};

fn mailing(value: Value) -> Mailing {
    read_mailing(value).unwrap_or_else(|faults| panic!("{faults:#?}"))
}

/// The items of a list. The letter is given in bokmål, nynorsk and English, and is about the pupil if asked.
fn plan(mailing: &Mailing, names_pupil: bool, entries: &Value) -> Vec<Item> {
    let list = List::read(entries.to_string().into_bytes()).unwrap_or_else(|error| panic!("{error}"));
    let facts = LetterFacts {
        languages: vec![Language::Nb, Language::Nn, Language::En],
        fallback: Language::En,
        own: Language::Nb,
        names_pupil,
        date: Some("2026-11-20".parse_date()),
        school: Some("Fjordvik skole".to_owned()),
    };
    let mut survey = Survey::default();
    list.entries().for_each(|entry| survey.note(&entry));
    let mut planner = Planner::new(mailing, facts, survey);
    list.entries().flat_map(|entry| planner.plan(entry)).collect()
}

trait ParseDate {
    fn parse_date(&self) -> skoledok::document::Date;
}

impl ParseDate for str {
    fn parse_date(&self) -> skoledok::document::Date {
        skoledok::document::Date::parse(self).expect("a date of the tests")
    }
}

/// An item in a line: key, decision with what it follows, notes, names and street of the letter.
fn told(item: &Item) -> String {
    let mut line = format!("{} {}", item.key, item.decision.name());
    if let Some(follows) = item.decision.follows() {
        line.extend([format!(" {follows}")]);
    }
    for note in &item.notes {
        line.extend([format!(" +{}", note.name())]);
    }
    match &item.decision {
        Decision::Letter(draft) => {
            let names: Vec<_> =
                draft.recipient["names"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            let street = draft.recipient.pointer("/postal_address/line1").and_then(Value::as_str).unwrap_or("-");
            let pupil =
                draft.recipient["pupil_first_name"].as_str().map(|name| format!(" ({name})")).unwrap_or_default();
            line.extend([format!(": {} @ {street} {}{pupil}", names.join(" & "), draft.language.tag())]);
        }
        Decision::Invalid(findings) => {
            for finding in findings {
                line.extend([format!(" {}={}", finding.pointer, finding.code.name())]);
            }
        }
        _ => {}
    }
    line
}

fn address(street: &str) -> Value {
    json!({ "line1": street, "postcode": "0001", "city": "Fjordvik" })
}

fn pupil(key: &str, first_name: &str, guardians: &[(&str, &str)]) -> Value {
    let guardians: Vec<Value> = guardians
        .iter()
        .map(|(name, street)| match *street {
            "" => json!({ "name": name }),
            street => json!({ "name": name, "address": address(street) }),
        })
        .collect();
    json!({ "key": key, "first_name": first_name, "class": "8A", "guardians": guardians })
}

/// A value with some members changed.
fn with(mut value: Value, changes: &[(&str, Value)]) -> Value {
    for (pointer, new) in changes {
        let (parent, name) = pointer.rsplit_once('/').expect("a pointer has a slash");
        let parent = value.pointer_mut(parent).expect("the parent is there");
        match parent {
            Value::Object(members) => drop(members.insert(name.to_owned(), new.clone())),
            Value::Array(items) => items[name.parse::<usize>().expect("an index")] = new.clone(),
            _ => panic!("{pointer}: not a container"),
        }
    }
    value
}

const HOME: bool = false;
const PUPIL: bool = true;

#[test]
fn who_gets_a_letter() {
    let mum_and_dad = [("Mor Prøvesen", "Storgata 1"), ("Far Prøvesen", "Storgata 1")];
    let apart = [("Mor Prøvesen", "Storgata 1"), ("Far Prøvesen", "Bakken 2")];
    let protected_mum =
        |key: &str, name: &str| with(pupil(key, name, &apart), &[("/guardians/0/protected_address", json!(true))]);
    let adult = with(
        pupil("a", "Ada", &mum_and_dad),
        &[("/birth_date", json!("2008-11-20")), ("/name", json!("Ada Prøvesen")), ("/address", address("Hybelen 3"))],
    );
    let no_rules = json!({});
    let cases: Vec<(&str, Value, bool, Value, &[&str])> = vec![
        (
            "one letter for each household",
            no_rules.clone(),
            PUPIL,
            json!([pupil("e1", "Ada", &mum_and_dad)]),
            &["e1 letter +household: Mor Prøvesen & Far Prøvesen @ Storgata 1 nb (Ada)"],
        ),
        (
            "the rule turned off: one for each guardian",
            json!({ "one_per_household": false }),
            PUPIL,
            json!([pupil("e1", "Ada", &mum_and_dad)]),
            &["e1.1 letter: Mor Prøvesen @ Storgata 1 nb (Ada)", "e1.2 letter: Far Prøvesen @ Storgata 1 nb (Ada)"],
        ),
        (
            "two homes get two",
            no_rules.clone(),
            PUPIL,
            json!([pupil("e1", "Ada", &apart)]),
            &["e1.1 letter: Mor Prøvesen @ Storgata 1 nb (Ada)", "e1.2 letter: Far Prøvesen @ Bakken 2 nb (Ada)"],
        ),
        (
            "spelling does not make two homes of one, a number does",
            no_rules.clone(),
            PUPIL,
            json!([pupil("e1", "Ada", &[("A", "Storgata 5 B"), ("B", "storgata  5b"), ("C", "Storgata 58")])]),
            &["e1.1 letter +household: A & B @ Storgata 5 B nb (Ada)", "e1.2 letter: C @ Storgata 58 nb (Ada)"],
        ),
        (
            "three live together, two are named",
            no_rules.clone(),
            PUPIL,
            json!([pupil("e1", "Ada", &[("A", "V 1"), ("B", "V 1"), ("C", "V 1")])]),
            &["e1 letter +household +names_left_out: A & B @ V 1 nb (Ada)"],
        ),
        (
            "siblings share a letter that is about the home",
            no_rules.clone(),
            HOME,
            json!([pupil("e1", "Ada", &mum_and_dad), pupil("e2", "Bo", &mum_and_dad)]),
            &[
                "e1 letter +household: Mor Prøvesen & Far Prøvesen @ Storgata 1 nb",
                "e2 shares_with_sibling 1 +household",
            ],
        ),
        (
            "siblings get one each when it is about the pupil",
            no_rules.clone(),
            PUPIL,
            json!([pupil("e1", "Ada", &mum_and_dad), pupil("e2", "Bo", &mum_and_dad)]),
            &[
                "e1 letter +household: Mor Prøvesen & Far Prøvesen @ Storgata 1 nb (Ada)",
                "e2 letter +household: Mor Prøvesen & Far Prøvesen @ Storgata 1 nb (Bo)",
            ],
        ),
        (
            "it can be said what the letter is about",
            json!({ "about": "pupil" }),
            HOME,
            json!([pupil("e1", "Ada", &mum_and_dad), pupil("e2", "Bo", &mum_and_dad)]),
            &[
                "e1 letter +household: Mor Prøvesen & Far Prøvesen @ Storgata 1 nb (Ada)",
                "e2 letter +household: Mor Prøvesen & Far Prøvesen @ Storgata 1 nb (Bo)",
            ],
        ),
        (
            "neighbours are no siblings",
            no_rules.clone(),
            HOME,
            json!([pupil("e1", "Ada", &[("A", "Blokka 1")]), pupil("e2", "Bo", &[("B", "Blokka 1")])]),
            &["e1 letter: A @ Blokka 1 nb", "e2 letter: B @ Blokka 1 nb"],
        ),
        (
            "three siblings, two homes, one of them protected: known from one of the entries",
            no_rules.clone(),
            HOME,
            json!([pupil("e1", "Ada", &apart), protected_mum("e2", "Bo"), pupil("e3", "Cato", &apart)]),
            &[
                "e1.1 letter +protected_address: Mor Prøvesen @ - nb",
                "e1.2 letter: Far Prøvesen @ Bakken 2 nb",
                "e2.1 shares_with_sibling 1",
                "e2.2 shares_with_sibling 2",
                "e3.1 shares_with_sibling 1",
                "e3.2 shares_with_sibling 2",
            ],
        ),
        (
            "an entry with faults protects as well, and a recipient or an adult who lives with one who is protected",
            no_rules.clone(),
            PUPIL,
            json!([
                with(protected_mum("e1", "Ada"), &[("/class", json!(8)), ("/protected_address", json!("ja"))]),
                pupil("e2", "Bo", &[("mor  prøvesen", "STORGATA 1")]),
                { "key": "r1", "names": ["Far Prøvesen"], "address": address("Bakken 2") },
                with(adult.clone(), &[("/address", address("storgata 1")), ("/guardians/0/protected_address", json!(true))]),
            ]),
            &[
                "e1 invalid /class=wrong_type /protected_address=wrong_type",
                "e2 letter +protected_address: mor  prøvesen @ - nb (Bo)",
                "r1 letter +protected_address: Far Prøvesen @ - nb",
                "a letter +adult_pupil +protected_address: Ada Prøvesen @ - nb (Ada)",
            ],
        ),
        (
            "who is marked is protected wherever, who lives with one is, from entry to entry, however it is written",
            no_rules.clone(),
            PUPIL,
            json!([
                with(pupil("e1", "Ada", &[("Mor Prøvesen", "")]), &[("/guardians/0/protected_address", json!(true))]),
                pupil("e2", "Bo", &[("Mor Pr\u{f8}vesen", "Ny vei 2")]),
                with(
                    pupil("e3", "Cato", &[("Å Prøvesen", "Vei 3"), ("B", "Vei 3")]),
                    &[("/guardians/0/protected_address", json!(true))]
                ),
                with(
                    pupil("e4", "Dag", &[("B", "Vei\u{ad} 3"), ("C", "Vei 3")]),
                    &[("/guardians/0/address/country", json!("Norge"))],
                ),
                pupil("e5", "Eli", &[("C", "Vei 3")]),
                pupil("e6", "Frid", &[("A\u{30a} Prøvesen", "Annen vei 4")]),
                pupil("e7", "Geir", &[("D", "Vei 3")]),
                pupil("e8", "Hans", &[("Mor Prøvesen", "Ny vei 5"), ("Ny Samboer", "Ny vei 5")]),
                pupil("e9", "Ida", &[("Ny Samboer", "Ny vei 5")]),
            ]),
            &[
                "e1 letter +protected_address: Mor Prøvesen @ - nb (Ada)",
                "e2 letter +protected_address: Mor Prøvesen @ - nb (Bo)",
                "e3 letter +household +protected_address: Å Prøvesen & B @ - nb (Cato)",
                "e4 letter +household +protected_address: B & C @ - nb (Dag)",
                "e5 letter +protected_address: C @ - nb (Eli)",
                "e6 letter +protected_address: Å Prøvesen @ - nb (Frid)",
                "e7 letter: D @ Vei 3 nb (Geir)",
                "e8 letter +household +protected_address: Mor Prøvesen & Ny Samboer @ - nb (Hans)",
                "e9 letter +protected_address: Ny Samboer @ - nb (Ida)",
            ],
        ),
        (
            "the same entry in another order of members, and a number of a person as key",
            no_rules.clone(),
            PUPIL,
            json!([
                pupil("e1", "Ada", &[("A", "V 1")]),
                { "guardians": [{ "address": { "city": "Fjordvik", "postcode": "0001", "line1": "V 1" }, "name": "A" }],
                    "class": "8A", "first_name": "Ada", "key": "e2" },
                pupil("01010012356", "Bo", &[("A", "V 1")]),
            ]),
            &["e1 letter: A @ V 1 nb (Ada)", "e2 duplicate 1", "entry-3 invalid /key=national_identity_number"],
        ),
        (
            "a protected pupil is protected in every home",
            no_rules.clone(),
            PUPIL,
            json!([with(pupil("e1", "Ada", &apart), &[("/protected_address", json!(true))])]),
            &[
                "e1.1 letter +protected_address: Mor Prøvesen @ - nb (Ada)",
                "e1.2 letter +protected_address: Far Prøvesen @ - nb (Ada)",
            ],
        ),
        (
            "somebody marked without a name protects those of the same entry",
            no_rules.clone(),
            PUPIL,
            json!([
                with(
                    pupil("e1", "Ada", &[("Åse Prøvesen", "Vei 1"), ("-", "Vei 1")]),
                    &[("/guardians/1", json!({ "address": address("Vei 1"), "protected_address": true }))],
                ),
                pupil("e2", "Bo", &[("Åse Prøvesen", "Vei 1")]),
                pupil("e3", "Cato", &[("En Nabo", "Vei 1")]),
            ]),
            &[
                "e1 invalid /guardians/1/name=missing",
                "e2 letter +protected_address: Åse Prøvesen @ - nb (Bo)",
                "e3 letter: En Nabo @ Vei 1 nb (Cato)",
            ],
        ),
        (
            "who has shared a letter has got it, whatever the order",
            no_rules.clone(),
            HOME,
            json!([
                pupil("e1", "Ada", &[("A", "V 1")]),
                pupil("e2", "Bo", &[("A", "V 1"), ("B", "V 1")]),
                pupil("e3", "Cato", &[("B", "V 1")]),
            ]),
            &["e1 letter: A @ V 1 nb", "e2 shares_with_sibling 1 +household", "e3 shares_with_sibling 1"],
        ),
        (
            "nobody shares a letter that is not made",
            json!({ "protected": "list" }),
            HOME,
            json!([protected_mum("e1", "Ada"), protected_mum("e2", "Bo")]),
            &[
                "e1.1 protected_address +protected_address",
                "e1.2 letter: Far Prøvesen @ Bakken 2 nb",
                "e2.1 protected_address +protected_address",
                "e2.2 shares_with_sibling 2",
            ],
        ),
        (
            "what says nothing makes no other entry, and a key of an entry with faults is taken",
            no_rules.clone(),
            PUPIL,
            json!([
                pupil("e1", "Ada", &[("A", "V 1")]),
                with(pupil("e1", "Ada", &[("A", "V 1")]), &[("/locale", json!(null)), ("/fields", json!({}))]),
                with(pupil("e2", "Bo", &[("B", "V 2")]), &[("/class", json!(8))]),
                pupil("e2", "Bo", &[("B", "V 2")]),
            ]),
            &[
                "e1 letter: A @ V 1 nb (Ada)",
                "e1 duplicate 1",
                "e2 invalid /class=wrong_type",
                "e2 invalid /key=repeated_entry_key",
            ],
        ),
        (
            "who is protected can be listed instead",
            json!({ "protected": "list" }),
            PUPIL,
            json!([protected_mum("e1", "Ada")]),
            &["e1.1 protected_address +protected_address", "e1.2 letter: Far Prøvesen @ Bakken 2 nb (Ada)"],
        ),
        (
            "without an address nobody is guessed",
            no_rules.clone(),
            PUPIL,
            json!([pupil("e1", "Ada", &[("A", ""), ("B", "")]), pupil("e2", "Bo", &[])]),
            &["e1.1 no_address", "e1.2 no_address", "e2 no_guardian"],
        ),
        (
            "or gets a letter to be handed over",
            json!({ "without_address": "print" }),
            PUPIL,
            json!([pupil("e1", "Ada", &[("A", "")])]),
            &["e1 letter +without_address: A @ - nb (Ada)"],
        ),
        (
            "18 on the day of the letter",
            no_rules.clone(),
            PUPIL,
            json!([adult]),
            &["a letter +adult_pupil: Ada Prøvesen @ Hybelen 3 nb (Ada)"],
        ),
        (
            "18 the day after",
            no_rules.clone(),
            PUPIL,
            json!([with(adult.clone(), &[("/birth_date", json!("2008-11-21"))])]),
            &["a letter +household: Mor Prøvesen & Far Prøvesen @ Storgata 1 nb (Ada)"],
        ),
        (
            "on another day",
            json!({ "as_of": "2026-11-19" }),
            PUPIL,
            json!([adult]),
            &["a letter +household: Mor Prøvesen & Far Prøvesen @ Storgata 1 nb (Ada)"],
        ),
        (
            "18 with a consent",
            no_rules.clone(),
            PUPIL,
            json!([with(adult.clone(), &[("/consent", json!(true))])]),
            &["a letter +household +consent: Mor Prøvesen & Far Prøvesen @ Storgata 1 nb (Ada)"],
        ),
        (
            "the rule turned off",
            json!({ "adult_pupils": false }),
            PUPIL,
            json!([adult]),
            &["a letter +household: Mor Prøvesen & Far Prøvesen @ Storgata 1 nb (Ada)"],
        ),
        (
            "an adult is addressed by the whole name, at no other address than the own",
            no_rules.clone(),
            PUPIL,
            json!([
                with(adult.clone(), &[("/name", Value::Null)]),
                with(adult.clone(), &[("/key", json!("b")), ("/address", Value::Null)])
            ]),
            &["a invalid +adult_pupil /name=missing", "b no_address +adult_pupil"],
        ),
        (
            "the same entry twice, with another key or the same",
            no_rules.clone(),
            PUPIL,
            json!([
                pupil("e1", "Ada", &[("A", "V 1")]),
                pupil("e2", "Ada", &[("A", "V 1")]),
                pupil("e1", "Ada", &[("A", "V 1")])
            ]),
            &["e1 letter: A @ V 1 nb (Ada)", "e2 duplicate 1", "e1 duplicate 1"],
        ),
        (
            "the rule turned off",
            json!({ "drop_duplicates": false }),
            PUPIL,
            json!([pupil("e1", "Ada", &[("A", "V 1")]), pupil("e2", "Ada", &[("A", "V 1")])]),
            &["e1 letter: A @ V 1 nb (Ada)", "e2 letter: A @ V 1 nb (Ada)"],
        ),
        (
            "one key for two",
            no_rules.clone(),
            PUPIL,
            json!([pupil("e1", "Ada", &[("A", "V 1")]), pupil("e1", "Bo", &[("B", "V 2")])]),
            &["e1 letter: A @ V 1 nb (Ada)", "e1 invalid /key=repeated_entry_key"],
        ),
        (
            "the language of the guardian, of the home, and the fallback",
            no_rules.clone(),
            PUPIL,
            json!([
                with(pupil("e1", "Ada", &apart), &[("/guardians/1/locale", json!("nn")), ("/locale", json!("en"))]),
                with(pupil("e2", "Bo", &[("A", "V 1")]), &[("/locale", json!("pl"))]),
                with(
                    pupil("e3", "Cato", &mum_and_dad),
                    &[("/guardians/0/locale", json!("nn")), ("/guardians/1/locale", json!("en"))]
                ),
            ]),
            &[
                "e1.1 letter: Mor Prøvesen @ Storgata 1 en (Ada)",
                "e1.2 letter: Far Prøvesen @ Bakken 2 nn (Ada)",
                "e2 letter +fallback_language: A @ V 1 en (Bo)",
                "e3 letter +household +languages_differ: Mor Prøvesen & Far Prøvesen @ Storgata 1 nn (Cato)",
            ],
        ),
        (
            "plain recipients get what they are given",
            no_rules.clone(),
            PUPIL,
            json!([
                { "key": "r1", "names": ["Testine Prøvesen"], "address": address("Storgata 1"), "pupil_first_name": "Ada" },
                { "key": "r2", "names": ["Ola Prøvesen"] },
                { "key": "r3", "names": ["Kari Prøvesen"], "address": address("Storgata 1"), "protected_address": true },
            ]),
            &[
                "r1 letter: Testine Prøvesen @ Storgata 1 nb (Ada)",
                "r2 no_address",
                "r3 letter +protected_address: Kari Prøvesen @ - nb",
            ],
        ),
        (
            "faults of an entry are told with their places, and the others go on",
            no_rules,
            PUPIL,
            json!([
                { "key": "x y", "guardian": [], "birth_date": "2008-13-01" },
                pupil("e2", "Bo", &[("A", "V 1")]),
                with(pupil("e3", "Cato", &[("A", "V 1")]), &[("/fields", json!({ "pupil": "x" }))]),
                17,
            ]),
            &[
                "entry-1 invalid /key=bad_form /birth_date=no_such_day /guardian=unknown_member",
                "e2 letter: A @ V 1 nb (Bo)",
                "e3 invalid /fields/pupil=reserved_field",
                "entry-4 invalid =wrong_type",
            ],
        ),
    ];
    for (what, rules, names_pupil, entries, expected) in cases {
        let mailing = mailing(json!({ "letter": {}, "rules": rules }));
        let items = plan(&mailing, names_pupil, &entries);
        let lines: Vec<String> = items.iter().map(told).collect();
        // The order of notes and of faults does not matter; whose letter it is, and where it goes, does.
        let sorted = |line: &str| {
            let (decision, letter) = line.split_once(": ").unwrap_or((line, ""));
            (decision.split(' ').map(str::to_owned).collect::<BTreeSet<_>>(), letter.to_owned())
        };
        let same = lines.len() == expected.len()
            && lines.iter().zip(expected).all(|(line, expected)| sorted(line) == sorted(expected));
        assert!(same, "{what}: {lines:#?}");
        let numbers: Vec<u64> = items.iter().map(|item| item.number).collect();
        assert_eq!(numbers, (1..=items.len() as u64).collect::<Vec<_>>(), "{what}");
    }
}

#[test]
fn fifty_thousand_entries_are_decided_in_order_and_each_once() {
    let entries: Vec<Value> = (0..50_000)
        .map(|n| pupil(&format!("e{n}"), "Ada", &[(&format!("Forelder {}", n / 2), &format!("Vei {}", n / 2))]))
        .collect();
    let items = plan(&mailing(json!({ "letter": {} })), HOME, &json!(entries));
    assert_eq!(items.len(), 50_000);
    let letters = items.iter().filter(|item| item.decision.name() == "letter").count();
    assert_eq!(letters, 25_000, "every home of two siblings gets one");
    assert!(items.iter().skip(1).step_by(2).all(|item| item.decision.follows() == Some(item.number - 1)));
}

/// A free letter with merge fields, in two languages.
fn letter() -> Value {
    json!({
        "letter": {
            "status": "final",
            "document_date": "2026-11-20",
            "school": { "name": "Fjordvik skole", "address": address("Skoleveien 1") },
            "title": "Tur for {{pupil.class}}",
            "body": "Hei {{list recipient.names}}!\n\n**{{pupil.first_name}}** skal på tur {{date tur_dato}} {{#if oppmøte}}klokka {{time oppmøte}}{{/if}}.\n\nHilsen {{school.name}}",
            "contact": { "email": "post@fjordvik.example" }
        },
        "translations": { "en": {
            "title": "A trip for {{pupil.class}}",
            "body": "Dear {{list recipient.names}},\n\n{{pupil.first_name}} goes on a trip on {{date tur_dato}}."
        }}
    })
}

fn write(folder: &Path, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, contents).expect("a file can be written");
    path
}

/// Text as Excel in Norway writes it: Windows-1252, semicolons.
fn windows_1252(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(u32::from(c)).expect("the letters of the tests are of Latin 1")).collect()
}

const LIST: &str = "Elev-ID;Fornavn;Klasse;Foresatt 1;Foresatt 1 adresse;Foresatt 1 postnr;Foresatt 1 poststed;Foresatt 1 språk;Foresatt 2;Foresatt 2 adresse;Foresatt 2 postnr;Foresatt 2 poststed;Adressesperre;Tur dato;Oppmøte\r\n\
    e1;Ådne;8A;Mor Prøvesen;Storgata 1;0001;Fjordvik;;Far Prøvesen;Storgata 1;0001;Fjordvik;nei;2026-12-03;09:30\r\n\
    e2;Bo;8A;Mor Øvrebø;Bakken 2;1;Fjordvik;engelsk;;;;;nei;3.12.2026;\r\n\
    e3;Cæcilie;8B;Hemmelig Prøvesen;Skjulestien 9;0001;Fjordvik;;;;;;ja;2026-12-03;10.00\r\n\
    e4;Dag;8B;Far Dagsen;;;;;;;;;nei;2026-12-03;\r\n";

fn bulk(arguments: &[&std::ffi::OsStr]) -> std::process::Output {
    run(binary().arg("bulk").args(arguments))
}

fn error_of(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_list_of_excel_becomes_letters_in_an_archive() {
    let folder = output_folder("mailing-zip");
    let letter = write(&folder, "letter.json", letter().to_string());
    let list = write(&folder, "list.csv", windows_1252(LIST));
    let zip = folder.join("letters.zip");
    let done = bulk(&[letter.as_ref(), list.as_ref(), "-o".as_ref(), zip.as_ref()]);
    assert!(done.status.success(), "{}", error_of(&done));
    let told = String::from_utf8_lossy(&done.stdout);
    assert!(
        told.contains(
            "3 letters with 3 pages were made for 4 recipients; 1 with a protected address, 1 without a letter"
        ),
        "{told}"
    );
    run_ok(Command::new("unzip").arg("-t").arg(&zip));
    run_ok(Command::new("unzip").arg("-o").arg(&zip).arg("-d").arg(folder.join("unpacked")));
    let unpacked = folder.join("unpacked");
    let manifest = std::fs::read(unpacked.join("manifest.json")).expect("the manifest is there");
    let manifest: Value = serde_json::from_slice(&manifest).expect("it is JSON");
    let files: Vec<_> =
        manifest["items"].as_array().into_iter().flatten().filter_map(|item| item["file"].as_str()).collect();
    assert_eq!(files, ["000001-e1.pdf", "000002-e2.pdf", "000003-e3.pdf"]);
    assert_eq!(manifest["items"][3]["decision"], "no_address");
    let pdfs: Vec<PathBuf> = files.iter().map(|name| unpacked.join(name)).collect();
    assert_standards(&pdfs);
    let first = words(&pdfs[0]);
    for part in [
        "Tur for 8A",
        "Hei Mor Prøvesen og Far Prøvesen!",
        "Ådne skal på tur 3. desember 2026 klokka 09.30",
        "Storgata 1",
    ] {
        assert!(first.contains(part), "{part}: {first}");
    }
    let second = words(&pdfs[1]);
    assert!(
        second.contains("Dear Mor Øvrebø") && second.contains("3 December 2026") && second.contains("0001 Fjordvik"),
        "{second}"
    );
    let third = words(&pdfs[2]);
    assert!(!third.contains("Skjulestien"), "{third}");
    for (pdf, item) in pdfs.iter().zip(manifest["items"].as_array().into_iter().flatten()) {
        let sum = run_ok(Command::new("sha256sum").arg(pdf));
        assert_eq!(sum.split(' ').next(), item["sha256"].as_str());
    }
    let csv = std::fs::read_to_string(unpacked.join("manifest.csv")).expect("the table is there");
    assert_eq!(csv.lines().count(), 5);
    let names = run_ok(Command::new("unzip").arg("-l").arg(&zip));
    for word in ["Mor", "Prøvesen", "Storgata"] {
        assert!(!names.contains(word) && !csv.contains(word) && !manifest.to_string().contains(word), "{word}");
    }
    assert!(!folder.join("letters.zip.part").exists() && !folder.join("letters.zip.writing").exists());
}

#[test]
fn a_print_file_keeps_the_standards_and_holds_no_protected_letter() {
    let folder = output_folder("mailing-print");
    let letter = write(&folder, "letter.json", letter().to_string());
    let list = write(&folder, "list.csv", LIST);
    let pdf = folder.join("print.pdf");
    let done = bulk(&[letter.as_ref(), list.as_ref(), "-o".as_ref(), pdf.as_ref(), "--two-sided".as_ref()]);
    assert!(done.status.success(), "{}", error_of(&done));
    assert_standards(std::slice::from_ref(&pdf));
    run_ok(Command::new("qpdf").arg("--check").arg(&pdf));
    let text = words(&pdf);
    assert!(text.contains("Ådne skal på tur") && text.contains("Bo goes on a trip"), "{text}");
    for word in ["Hemmelig", "Skjulestien", "Cæcilie"] {
        assert!(!text.contains(word), "{word}: {text}");
    }
    assert!(folder.join("print.protected/000003-e3.pdf").exists());
    let manifest = std::fs::read(folder.join("print.manifest.json")).expect("the manifest is there");
    let manifest: Value = serde_json::from_slice(&manifest).expect("it is JSON");
    let file: Value = serde_json::from_str(&run_ok(python("print_file.py").arg(&pdf))).expect("the script prints JSON");
    let printed: Vec<(String, Value)> = manifest["items"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|item| !item["printed"].is_null())
        .map(|item| {
            let title = format!("{} · {}", item["number"], item["key"].as_str().unwrap_or_default());
            (title, item["printed"]["first_page"].clone())
        })
        .collect();
    let bookmarks: Vec<(String, Value)> = file["bookmarks"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|bookmark| (bookmark["title"].as_str().unwrap_or_default().to_owned(), bookmark["page"].clone()))
        .collect();
    assert_eq!(printed, bookmarks);
    assert_eq!(printed.len(), 2);
    assert_eq!(file["pages"], 4, "each letter has a sheet");
    assert_eq!(file["blank"], json!([2, 4]));
    let told = run_ok(Command::new("qpdf").args(["--json", "--json-key=pagelabels"]).arg(&pdf));
    let told: Value = serde_json::from_str(&told).expect("qpdf writes JSON");
    let labels: Vec<_> = told["pagelabels"].as_array().into_iter().flatten().collect();
    for (label, (index, prefix)) in labels.iter().zip([(0, "u:1-"), (2, "u:2-")]) {
        assert_eq!(label["index"], index);
        assert_eq!((&label["label"]["/P"], &label["label"]["/St"]), (&json!(prefix), &json!(1)));
    }
    assert_eq!(labels.len(), 2, "numbers start again in each letter");
    let languages: Vec<_> = file["parts"].as_array().into_iter().flatten().map(|part| part["lang"].clone()).collect();
    assert!(languages[0].as_str().is_some_and(|lang| lang.starts_with("nb")), "{languages:?}");
    assert!(languages[1].as_str().is_some_and(|lang| lang.starts_with("en")), "{languages:?}");
}

#[test]
fn a_print_file_of_many_letters_is_split_between_letters() {
    let folder = output_folder("mailing-split");
    let letter = write(&folder, "letter.json", json!({ "letter": sample(Kind::ParentLetter, Locale::Nb) }).to_string());
    let entries: Vec<Value> = (1..=250)
        .map(|n| json!({ "key": format!("r{n}"), "names": [format!("Mottaker {n}")], "address": address(&format!("Vei {n}")) }))
        .collect();
    let list = write(&folder, "list.json", json!(entries).to_string());
    let pdf = folder.join("print.pdf");
    let done = bulk(&[
        letter.as_ref(),
        list.as_ref(),
        "-o".as_ref(),
        pdf.as_ref(),
        "--pages-per-file".as_ref(),
        "300".as_ref(),
    ]);
    assert!(done.status.success(), "{}", error_of(&done));
    let files = [pdf, folder.join("print-2.pdf")];
    assert_standards(&files);
    let mut pages = 0;
    for file in &files {
        run_ok(Command::new("qpdf").arg("--check").arg(file));
        let told: Value =
            serde_json::from_str(&run_ok(python("print_file.py").arg(file))).expect("the script prints JSON");
        let count = told["pages"].as_u64().unwrap_or_default();
        assert!(count <= 300 && count > 100, "{count}");
        pages += count;
        let parts = told["parts"].as_array().expect("there are parts");
        assert_eq!(parts.len(), told["bookmarks"].as_array().map_or(0, Vec::len));
        let all: Vec<u64> = parts
            .iter()
            .flat_map(|part| part["pages"].as_array().into_iter().flatten())
            .filter_map(Value::as_u64)
            .collect();
        assert_eq!(all, (1..=count).collect::<Vec<_>>(), "each page belongs to one letter, in order");
    }
    assert_eq!(pages, 500);
    let text = words(&files[0]) + &words(&files[1]);
    for n in 1..=250 {
        assert_eq!(text.matches(&format!("Mottaker {n} Vei {n} ")).count(), 1, "{n}");
    }
}

#[test]
fn faults_are_told_all_at_once_and_nothing_is_left_behind() {
    let folder = output_folder("mailing-faults");
    let letter = write(&folder, "letter.json", letter().to_string());
    let mut list = LIST.lines().next().expect("a header").to_owned() + "\r\n";
    for n in 1..=500 {
        // A postcode that is none, and a field that is not there: two faults each.
        list.extend([format!("e{n};Elev;8A;Mor {n};Vei {n};ABC!;Fjordvik;;;;;;nei;;\r\n")]);
    }
    list.push_str("god;Elev;8A;Mor;Vei;0001;Fjordvik;;;;;;nei;2026-12-03;\r\n");
    let list = write(&folder, "list.csv", list);
    let zip = folder.join("letters.zip");
    let done = bulk(&[letter.as_ref(), list.as_ref(), "-o".as_ref(), zip.as_ref()]);
    assert_eq!(done.status.code(), Some(1));
    let told = error_of(&done);
    assert_eq!(told.lines().filter(|line| line.starts_with("row ")).count(), 500, "{told}");
    assert!(told.contains("row 2, «Foresatt 1 postnr»"), "{told}");
    assert!(!told.contains("ABC!") && !told.contains("Mor 1"), "{told}");
    assert!(!zip.exists() && !folder.join("letters.zip.part").exists());
    let done =
        bulk(&[letter.as_ref(), list.as_ref(), "-o".as_ref(), zip.as_ref(), "--on-invalid".as_ref(), "skip".as_ref()]);
    assert_eq!(done.status.code(), Some(1), "some have no letter");
    assert!(String::from_utf8_lossy(&done.stdout).starts_with("1 letters with 1 pages"));
    assert!(zip.exists());
    for (name, contents, expected) in [
        ("empty.csv", "", "the list is empty"),
        ("empty.json", "[]", "the list is empty"),
        ("fnr.csv", "Navn;Fødselsnummer\nA;1\n", "fnr.csv"),
        ("broken.json", "[{", "not JSON"),
    ] {
        let list = write(&folder, name, contents);
        let done = bulk(&[letter.as_ref(), list.as_ref(), "-o".as_ref(), zip.as_ref()]);
        assert!(!done.status.success() && error_of(&done).contains(expected), "{name}: {}", error_of(&done));
    }
    let wrong = write(
        &folder,
        "wrong.json",
        json!({ "letter": { "status": "final", "title": "{{> a}}", "body": "x\n\n {{{b}}}" } }).to_string(),
    );
    let done = bulk(&[wrong.as_ref(), list.as_ref(), "--dry-run".as_ref()]);
    assert_eq!(done.status.code(), Some(1));
    let told = error_of(&done);
    assert!(
        told.contains("/letter/title") && told.contains("/letter/body") && told.contains("linje 3, kolonne 2"),
        "{told}"
    );
}

#[test]
fn what_can_not_be_read_is_told_by_its_line() {
    let folder = output_folder("mailing-lines");
    let letter = write(&folder, "letter.json", letter().to_string());
    let good = with(pupil("e1", "Ada", &[("Mor", "Vei 1")]), &[("/fields", json!({ "tur_dato": "2026-12-03" }))]);
    let lines = write(&folder, "list.ndjson", format!("{good}\n\n{{\"key\": \n{{}}\n"));
    let done = bulk(&[letter.as_ref(), lines.as_ref(), "--dry-run".as_ref()]);
    let told = error_of(&done);
    assert!(told.contains("row 3, /: linjen er ikke JSON") && told.contains("row 4, /key"), "{told}");
    assert!(String::from_utf8_lossy(&done.stdout).starts_with("1 letters"), "the others are counted");
    let rows = write(
        &folder,
        "list.csv",
        "Nøkkel;Navn;Adresse;Postnr;Poststed\nr1;A;Vei 1;0001;Fjordvik;for;mye\nr2;;Vei 1;0001;Fjordvik\n",
    );
    let done = bulk(&[letter.as_ref(), rows.as_ref(), "--dry-run".as_ref()]);
    let told = error_of(&done);
    assert!(told.contains("row 2, /: raden kan ikke leses") && told.contains("row 3"), "{told}");
}

#[test]
fn faults_of_the_letter_itself_are_told_before_anything_is_made() {
    let folder = output_folder("mailing-letter");
    let list = write(&folder, "list.csv", LIST);
    for (changes, expected) in [
        (vec![("/letter/locale", json!("xx"))], "/letter/locale"),
        (vec![("/letter/title", json!(5))], "/letter/title"),
        (vec![("/letter/status", json!("blank_template"))], "/letter/status"),
        (vec![("/letter/school", json!({}))], "/letter/school/name"),
        (vec![("/letter/render_options", json!({ "pdf_standard": "plain" }))], "/letter/render_options/pdf_standard"),
        (vec![("/letter/archive_metadata", json!({ "document_id": "a" }))], "/letter/archive_metadata/document_id"),
        (vec![("/letter/norwegian_version", json!({ "title": "x" }))], "/letter/norwegian_version/body"),
        (vec![("/translations/pl", json!({ "body": "Dzień dobry" }))], "/translations/pl/title"),
        (vec![("/fallback_locale", json!("so"))], "/fallback_locale"),
        (vec![("/translations/nb", json!({ "title": "B" }))], "/translations/nb"),
        (vec![("/rules", json!({ "abot": "home" }))], "/rules/abot"),
        (vec![("/letter/body", json!("> sitat"))], "/letter/body"),
    ] {
        let letter = write(&folder, "letter.json", with(letter(), &changes).to_string());
        let done = bulk(&[letter.as_ref(), list.as_ref(), "--dry-run".as_ref()]);
        let told = error_of(&done);
        assert_eq!(done.status.code(), Some(1), "{expected}: {told}");
        assert!(told.contains(&format!("letter.json: {expected}: ")), "{expected}: {told}");
    }
}

#[test]
fn a_column_about_protection_is_never_left_to_the_letter() {
    let folder = output_folder("mailing-columns");
    let letter = write(&folder, "letter.json", letter().to_string());
    for (list, expected) in [
        (
            "Nøkkel;Navn;Adresse;Postnr;Poststed;Skjermet adresse (ja/nei)\nr1;A;Vei 1;0001;Fjordvik;ja\n",
            "protected addresses",
        ),
        ("Foresatt 1;Foresatt 2;Adresse 1;Adresse 2;Postnr;Poststed\nA;B;Vei 1;Vei 2;0001;Fjordvik\n", "another line"),
    ] {
        let list = write(&folder, "list.csv", list);
        let done = bulk(&[letter.as_ref(), list.as_ref(), "--dry-run".as_ref()]);
        assert!(!done.status.success() && error_of(&done).contains(expected), "{}", error_of(&done));
    }
}

#[test]
fn who_shares_a_letter_that_is_not_made_is_told() {
    let folder = output_folder("mailing-followers");
    let letter = write(&folder, "letter.json", sample(Kind::ParentLetter, Locale::Nb).to_string());
    let list = json!([
        pupil("e1", "Ada", &[("Mor \u{1F600}", "Vei 1"), ("Far", "Vei 1")]),
        pupil("e2", "Bo", &[("Far", "Vei 1")]),
    ]);
    let list = write(&folder, "list.json", list.to_string());
    let out = folder.join("out");
    let done =
        bulk(&[letter.as_ref(), list.as_ref(), "-o".as_ref(), out.as_ref(), "--on-invalid".as_ref(), "skip".as_ref()]);
    let told = error_of(&done);
    assert!(told.contains("row 2") && told.contains("nummer 1"), "{told}");
    let manifest = std::fs::read_to_string(out.join("manifest.json")).expect("the manifest is there");
    let manifest: Value = serde_json::from_str(&manifest).expect("it is JSON");
    assert_eq!(manifest["counts"]["invalid"], 2);
    assert_eq!(manifest["items"][1]["violations"][0]["code"], "follows_faulty");
}

#[test]
fn what_is_there_is_not_written_over() {
    let folder = output_folder("mailing-taken");
    let letter = write(&folder, "letter.json", letter().to_string());
    let list = write(&folder, "list.csv", LIST);
    for (output, taken) in [
        ("a.zip", "a.zip"),
        ("a.pdf", "a.protected"),
        ("out", "out/old.pdf"),
        ("b.zip", "b.zip.part/mine.txt"),
        ("c.zip", "c.zip.writing/mine.txt"),
        ("d.pdf", "d-2.pdf"),
    ] {
        let path = folder.join(taken);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder can be made");
        std::fs::write(&path, "of another mailing").expect("a file can be written");
        let one = "--pages-per-file=1".as_ref();
        let done = bulk(&[letter.as_ref(), list.as_ref(), "-o".as_ref(), folder.join(output).as_ref(), one]);
        assert_eq!(done.status.code(), Some(2));
        let told = error_of(&done);
        assert!(
            ["is there already", "another mailing", "can not write"].iter().any(|part| told.contains(part)),
            "{told}"
        );
        assert_eq!(std::fs::read_to_string(&path).expect("it is there"), "of another mailing");
    }
}

#[test]
fn what_is_in_the_way_of_the_last_file_is_named_and_the_next_run_goes_on() {
    let folder = output_folder("mailing-way");
    let letter = write(&folder, "letter.json", json!({ "letter": sample(Kind::ParentLetter, Locale::Nb) }).to_string());
    let entries: Vec<Value> = (1..=3)
        .map(|n| json!({ "key": format!("r:{n}"), "names": ["Mottaker"], "address": address(&format!("Vei {n}")) }))
        .collect();
    let list = write(&folder, "list.json", json!(entries).to_string());
    let (pdf, taken) = (folder.join("c.pdf"), write(&folder, "c-3.pdf", "of another mailing"));
    let run = || bulk(&[letter.as_ref(), list.as_ref(), "-o".as_ref(), pdf.as_ref(), "--pages-per-file=1".as_ref()]);
    let done = run();
    assert_eq!(done.status.code(), Some(2));
    assert!(error_of(&done).contains("c-3.pdf` is there already"), "{}", error_of(&done));
    assert!(!pdf.exists() && !folder.join("c-2.pdf").exists());
    assert_eq!(std::fs::read_to_string(&taken).expect("it is there"), "of another mailing");
    std::fs::remove_file(&taken).expect("it can be removed");
    // As if the run had been interrupted when it removed the letters that the files were made of.
    std::fs::remove_file(folder.join("c.pdf.part/000001.outcomes")).expect("it is there");
    let done = run();
    assert!(done.status.success(), "{}", error_of(&done));
    let told = String::from_utf8_lossy(&done.stdout);
    assert!(told.starts_with("3 letters with 6 pages were made for 3 recipients"), "{told}");
    assert_standards(&[pdf.clone(), folder.join("c-2.pdf"), taken]);
    assert!(!folder.join("c.pdf.part").exists() && !folder.join("c.pdf.writing").exists());
    let done = run();
    assert!(error_of(&done).contains("c.pdf` is there already"), "{}", error_of(&done));
}

#[test]
fn a_field_that_is_missing_is_a_fault_of_that_recipient() {
    let folder = output_folder("mailing-missing");
    let letter = write(&folder, "letter.json", letter().to_string());
    let list = "Elev-ID;Fornavn;Klasse;Foresatt 1;Foresatt 1 adresse;Foresatt 1 postnr;Foresatt 1 poststed;Tur dato\n\
                e1;Ada;8A;Mor;Vei 1;0001;Fjordvik;\ne2;;8A;Mor;Vei 1;0001;Fjordvik;i morgen\ne3;\u{1F600};8A;Mor;Vei 1;0001;Fjordvik;2026-12-03\n";
    let list = write(&folder, "list.csv", list);
    let done = bulk(&[letter.as_ref(), list.as_ref(), "--dry-run".as_ref()]);
    let told = error_of(&done);
    assert_eq!(done.status.code(), Some(1), "{told}");
    for part in ["row 2, «Tur dato»", "row 3, «Fornavn»", "row 4, «Fornavn»"] {
        assert!(told.contains(part), "{part}: {told}");
    }
}

#[test]
fn a_dry_run_counts_and_writes_nothing() {
    let folder = output_folder("mailing-dry");
    let letter = write(&folder, "letter.json", letter().to_string());
    let list = write(&folder, "list.csv", LIST);
    let done = bulk(&[letter.as_ref(), list.as_ref(), "--dry-run".as_ref()]);
    assert!(done.status.success(), "{}", error_of(&done));
    assert!(String::from_utf8_lossy(&done.stdout).contains("3 letters with 3 pages would be for 4 recipients"));
    assert_eq!(std::fs::read_dir(&folder).expect("the folder is there").count(), 2);
}

#[test]
fn nothing_that_is_written_acts_as_source() {
    let folder = output_folder("mailing-hostile");
    let letter = write(
        &folder,
        "letter.json",
        json!({ "letter": {
            "status": "final", "document_date": "2026-11-20", "school": { "name": "#panic() {{x}}" },
            "title": "#eval(\"1\") {{fields}} \\{{x}}", "intro": "$x$ {{pupil.first_name}}",
            "body": "{{verdi}} {{pupil.class}} #include \"/etc/passwd\"",
        }})
        .to_string(),
    );
    let hostile = [
        "#panic(1)",
        "{{pupil.first_name}}",
        "{{{x}}}",
        "**fet**",
        "# H",
        "[a](javascript:alert(1))",
        "<script>x</script>",
        "$1/0$",
        "\\u{41}",
        "@ref <label>",
        "../../etc/passwd",
        "'; DROP TABLE job; --",
        "=1+1",
        "%s%n",
        "\"quoted\", and, comma",
    ];
    let entries: Vec<Value> = hostile
        .iter()
        .enumerate()
        .map(|(n, text)| {
            json!({ "key": format!("h{n}"), "first_name": text, "class": text.chars().take(20).collect::<String>(),
                "guardians": [{ "name": text, "address": { "line1": text, "postcode": "0001", "city": text } }],
                "fields": { "verdi": text, "fields": text } })
        })
        .collect();
    let list = write(&folder, "list.json", json!(entries).to_string());
    let out = folder.join("out");
    let done = bulk(&[letter.as_ref(), list.as_ref(), "-o".as_ref(), out.as_ref()]);
    assert!(done.status.success(), "{}", error_of(&done));
    for (n, text) in hostile.iter().enumerate() {
        let words =
            words(&out.join(format!("{:06}-h{n}.pdf", n + 1))).replace('"', "'").replace(['“', '”', '«', '»'], "'");
        let text = text.replace('"', "'");
        // Title, salutation line, street, place, intro and body.
        assert!(words.matches(text.as_str()).count() >= 5, "{text}: {words}");
        assert!(words.contains("#panic() {{x}}") && words.contains("#include"), "{words}");
    }
}

#[test]
fn a_killed_run_goes_on_and_gives_the_same_bytes() {
    let folder = output_folder("mailing-killed");
    let letter = write(&folder, "letter.json", letter().to_string());
    let mut list = LIST.lines().next().expect("a header").to_owned() + "\r\n";
    for n in 1..=900 {
        list.extend([format!("e{n};Elev {n};8A;Mor {n};Vei {n};0001;Fjordvik;;;;;;nei;2026-12-03;\r\n")]);
    }
    let list = write(&folder, "list.csv", list);
    let (whole, pieces) = (folder.join("whole.zip"), folder.join("pieces.zip"));
    let arguments = |zip: &Path| {
        vec![
            "bulk".into(),
            letter.clone().into_os_string(),
            list.clone().into(),
            "-o".into(),
            zip.as_os_str().to_owned(),
        ]
    };
    run_ok(binary().args(arguments(&whole)));
    let part = folder.join("pieces.zip.part");
    let mut kills = 0;
    let mut seen = 0;
    while kills < 3 {
        let mut child =
            binary().args(arguments(&pieces)).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
        let began = Instant::now();
        // Until two more chunks are there than before.
        let chunks = || {
            std::fs::read_dir(&part).map_or(0, |files| {
                files.flatten().filter(|file| file.path().extension().is_some_and(|end| end == "outcomes")).count()
            })
        };
        while chunks() < seen + 2 && child.try_wait().expect("it can be asked").is_none() {
            assert!(began.elapsed() < Duration::from_mins(2), "no chunk came");
            std::thread::sleep(Duration::from_millis(10));
        }
        child.kill().expect("it can be killed");
        child.wait().expect("it ends");
        seen = chunks();
        kills += 1;
    }
    assert!(seen >= 5 && !pieces.exists(), "{seen} chunks are kept");
    let other = write(&folder, "other.json", letter_of_another_day().to_string());
    let done = bulk(&[other.as_ref(), list.as_ref(), "-o".as_ref(), pieces.as_ref()]);
    assert!(error_of(&done).contains("another mailing"), "{}", error_of(&done));
    run_ok(binary().args(arguments(&pieces)));
    assert!(
        std::fs::read(&whole).expect("it is there") == std::fs::read(&pieces).expect("it is there"),
        "the same bytes"
    );
    assert!(!part.exists());
}

/// One of several mailings that differ in their words alone, and a letter of it that is wanted.
fn mailing_of_several(number: usize) -> Mailing {
    mailing(json!({ "letter": {
        "status": "final",
        "document_date": "2026-11-20",
        "school": { "name": "Fjordvik skole", "address": address("Skoleveien 1") },
        "title": format!("Sending {number}"),
        "body": "Hei {{navn}}!"
    }}))
}

fn draft_of_several(number: usize) -> Draft {
    let name = format!("Mor {number}");
    let recipient = json!({ "recipient_key": format!("r{number}"), "names": [name] });
    Draft { language: Language::Nb, recipient, data: json!({ "navn": name }), places: Vec::new() }
}

/// Render processes that this test has started itself.
fn own_workers() -> Vec<u32> {
    let mut own = children_of(std::process::id());
    own.retain(|id| {
        std::fs::read(format!("/proc/{id}/cmdline")).is_ok_and(|line| line.ends_with(b"\0parent-letter\0"))
    });
    own
}

#[test]
fn mailings_in_turn_get_their_own_letters_from_processes_that_come_and_go() {
    // More mailings than a process keeps.
    const MAILINGS: usize = 6;
    const DRAFTS: usize = 3;
    let mailings: Vec<_> = (0..MAILINGS).map(mailing_of_several).collect();
    let expected: Vec<Vec<_>> = mailings
        .iter()
        .map(|mailing| {
            let letter = LetterToMany::parse(mailing).expect("its templates can be read");
            let body = |number| letter.compose(&draft_of_several(number)).expect("all fields are there");
            (0..DRAFTS).map(|number| pdf(Kind::ParentLetter, &body(number))).collect()
        })
        .collect();
    let bytes: Vec<_> = mailings.iter().map(|mailing| MailingBytes::new(mailing).expect("it is JSON")).collect();
    let settings = Settings {
        workers: 2,
        queue: 256,
        deadline: Duration::from_mins(1),
        recycle_after: 60,
        recycle_growth: u64::MAX,
    };
    let program = Program { path: env!("CARGO_BIN_EXE_skoledok").into(), ..app::letter_worker(512 << 20) };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    runtime.expect("there is a runtime").block_on(async {
        let pool = Pool::new(settings);
        pool.start_without_spare(program).await.expect("the processes start");
        let first = own_workers();
        assert_eq!(first.len(), 2, "no spare stands by");
        let orders = stream::iter(0..600).map(|number: usize| {
            // In runs and one by one, so that mailings are known, forgotten and sent anew.
            let of = if number < 300 { number / 20 % MAILINGS } else { number * 5 % MAILINGS };
            let (pool, bytes, expected) = (&pool, &bytes[of], &expected[of]);
            async move {
                let draft = draft_of_several(number % DRAFTS);
                check_letter(pool, bytes, &draft).await.expect("the letter is good");
                let (_, made) = merge(pool, bytes, &draft, Options::default()).await.expect("the letter is made");
                assert!(made == expected[number % DRAFTS], "letter {number} is the one that was asked for");
                if number == 150 || number == 450 {
                    for worker in own_workers() {
                        // It may be gone already.
                        drop(Command::new("kill").args(["-KILL", &worker.to_string()]).status());
                    }
                }
            }
        });
        orders.buffer_unordered(8).collect::<Vec<()>>().await;
        assert!(!own_workers().iter().any(|worker| first.contains(worker)), "the first ones are gone");
        eventually("both are replaced", || pool.census().workers == 2);
    });
}

fn letter_of_another_day() -> Value {
    with(letter(), &[("/letter/document_date", json!("2026-11-21"))])
}

/// Joins letters with their bookmarks; what is refused is left out.
fn joined(letters: &[Vec<u8>], two_sided: bool) -> (Vec<u8>, usize) {
    let front = Front {
        title: "Brev til utskrift",
        language: "nb",
        identifier: "0123456789abcdef0123456789abcdef",
        created: (2026, 11, 20),
        two_sided,
    };
    let mut file = PrintFile::begin(Vec::new(), &front).expect("a print file can be begun");
    let mut refused = 0;
    for (index, letter) in letters.iter().enumerate() {
        refused += usize::from(file.add(letter, &format!("Brev {}", index + 1)).is_err());
    }
    (file.finish().expect("a print file can be finished"), refused)
}

#[test]
fn documents_of_every_kind_and_script_can_be_printed_together() {
    let mut letters = Vec::new();
    for kind in Kind::ALL {
        for locale in Locale::ALL {
            letters.push(pdf(kind, &sample(kind, locale)));
        }
    }
    for name in ["ar", "ta"] {
        let text = std::fs::read_to_string(root().join(format!("tests/data/letters/free.{name}.json")));
        let body: Value = serde_json::from_str(&text.expect("the letter is there")).expect("a letter is JSON");
        letters.push(pdf(Kind::ParentLetter, &body));
    }
    let folder = output_folder("print-file");
    let pages: Vec<Vec<String>> = letters
        .iter()
        .enumerate()
        .map(|(index, letter)| pages_of(&write(&folder, &format!("{index}.pdf"), letter)))
        .collect();
    for two_sided in [false, true] {
        let (bytes, refused) = joined(&letters, two_sided);
        assert_eq!(refused, 0);
        assert!(joined(&letters, two_sided).0 == bytes, "the same letters give the same bytes");
        let file = write(&folder, &format!("together-{two_sided}.pdf"), &bytes);
        assert_standards(std::slice::from_ref(&file));
        run_ok(Command::new("qpdf").arg("--check").arg(&file));
        let mut expected = Vec::new();
        for letter in &pages {
            expected.extend(letter.clone());
            if two_sided && letter.len() % 2 == 1 {
                expected.push(String::new());
            }
        }
        assert_eq!(pages_of(&file), expected, "each page says what it said in its letter");
    }
    let only_ua = Options { standard: Some(PdfStandard::Ua1), ..Options::default() };
    let refused = produce(Kind::ParentLetter, sample(Kind::ParentLetter, Locale::Nb), only_ua).expect("a letter");
    let cut = letters[1][..letters[1].len() / 2].to_vec();
    let with = [letters[0].clone(), refused.rendered.bytes, cut, letters[1].clone()];
    let (bytes, count) = joined(&with, false);
    assert_eq!(count, 2, "neither a letter of another standard nor half of one is taken");
    assert!(bytes.len() < letters[0].len() + letters[1].len());
    let file = write(&folder, "without.pdf", bytes);
    assert_standards(&[file]);
}

/// The objects of a file, by its trailer.
fn objects_of(file: &[u8]) -> usize {
    let text = String::from_utf8_lossy(file);
    let (_, size) = text.rsplit_once("/Size ").expect("a trailer tells how many objects there are");
    let end = size.find(|c: char| !c.is_ascii_digit()).expect("something follows");
    size[..end].parse().expect("a number")
}

#[test]
fn letters_full_of_objects_leave_room_in_a_print_file() {
    // PDF/A-2, 6.1.13.
    let most = 8_388_607;
    for (words, times) in
        [("- **a**\n", 900), ("- a\n", 900), ("# a\n\n", 500), ("**a** ", 2000), ("[a](tel:1) ", 1300)]
    {
        let body = json!({
            "status": "final",
            "document_date": "2026-11-20",
            "school": { "name": "Fjordvik skole" },
            "title": "Tur",
            "body": words.repeat(times).trim(),
            "recipients": [{ "recipient_key": "e1", "names": ["Testine Prøvesen"] }]
        });
        let letter = pdf(Kind::ParentLetter, &body);
        let (three, one) = ([letter.clone(), letter.clone(), letter.clone()], [letter.clone()]);
        let each = (objects_of(&joined(&three, true).0) - objects_of(&joined(&one, true).0)) / 2;
        assert!(each > times, "{words:?} is worth a look: {each}");
        assert!(MOST_BYTES / letter.len() * each < most * 9 / 10, "{words:?}: {each} in {} bytes", letter.len());
    }
}

/// The words of each page.
fn pages_of(file: &Path) -> Vec<String> {
    let text = run_ok(Command::new("pdftotext").args(["-raw", "-enc", "UTF-8"]).arg(file).arg("-"));
    let mut pages: Vec<String> = text.split('\u{c}').map(|page| page.trim().to_owned()).collect();
    pages.pop();
    pages
}
