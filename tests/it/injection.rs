//! Words that would be source, in every field that a caller can fill: they print as they are, or are refused by the name of the field.

use std::collections::BTreeSet;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use skoledok::document::{Kind, Locale};

use crate::support::{Server, output_folder, sample, words};

/// Source of Typst, of Handlebars, of Markdown and HTML; short enough for a class.
const HOSTILE: [&str; 4] = ["#panic(1) $1/0$", "{{> x}} {{{a}}} {{b}}", "*x* _y_ <b>z</b>", "\\u{41} @a <a> [b](c)"];

/// Fields that are printed nowhere in a letter, or only where something else is there; but taken as they are.
const UNPRINTED: [&str; 5] = [
    "/archive_metadata/case_context",
    "/archive_metadata/title",
    "/archive_metadata/counterparty",
    "/key",
    "/fields/unused",
];

/// The places of all texts in a value.
fn texts(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::String(_) => found.push(at.to_owned()),
        Value::Array(members) => {
            members.iter().enumerate().for_each(|(index, member)| texts(member, &format!("{at}/{index}"), found));
        }
        Value::Object(members) => {
            members.iter().for_each(|(name, member)| texts(member, &format!("{at}/{name}"), found));
        }
        _ => {}
    }
}

/// Letters with every field that a letter can have: one of fixed sentences and a free one.
fn letters() -> [Value; 2] {
    let mut fixed = sample(Kind::ParentLetter, Locale::Nb);
    let members = fixed.as_object_mut().expect("a letter is an object");
    members.remove("recipients");
    members.insert("render_options".into(), json!({ "hyphenate": false }));
    members.insert("reference".into(), json!({ "our": "26/1", "yours": "26/2" }));
    members.insert(
        "archive_metadata".into(),
        json!({ "case_context": "Sak", "title": "Brev", "counterparty": "Hjemmet" }),
    );
    members.insert("subtitle".into(), "Undertittel".into());
    members["signatories"][0]["place"] = "Fjordvik".into();
    let free = json!({
        "status": "final", "document_date": "2026-11-20", "locale": "uk",
        "school": { "name": "Fjordvik skole" },
        "render_options": { "hyphenate": false },
        "title": "Тур", "intro": "Вступ", "closing": "Кінець", "body": "Текст {{pupil.first_name}}",
        "norwegian_version": { "title": "Tur", "body": "Tekst {{verdi}}" },
        "contact": { "name": "Kontoret", "email": "post@fjordvik.example", "phone": "22 00 00 00" },
    });
    [fixed, free]
}

fn entries() -> [Value; 2] {
    let address = json!({ "line1": "Prøveveien 1", "line2": "Port B", "line3": "Tun C", "country": "Norge", "postcode": "0001", "city": "Fjordvik" });
    [
        json!({ "key": "e1", "first_name": "Prøvine", "name": "Prøvine Testesen", "class": "8A",
            "guardians": [{ "name": "Foresatt Testesen", "address": address }],
            "fields": { "verdi": "noe", "unused": "noe" } }),
        json!({ "key": "r1", "names": ["Mottaker Testesen"], "pupil_first_name": "Prøvine", "class": "8A",
            "address": address, "fields": { "verdi": "noe", "unused": "noe" } }),
    ]
}

/// Uses every column.
fn merging_letter() -> Value {
    json!({
        "status": "final", "document_date": "2026-11-20", "school": { "name": "Fjordvik skole" },
        "render_options": { "hyphenate": false },
        "title": "Brev", "body": "{{list recipient.names}} – {{pupil.first_name}} – {{#if pupil.name}}{{pupil.name}}{{/if}} – {{pupil.class}} – {{verdi}}",
    })
}

/// A job that was sent with something hostile in a field.
struct Attempt {
    place: String,
    text: &'static str,
    location: Option<String>,
    told: Vec<String>,
}

/// The pointers of all that is told to be wrong.
fn pointers(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Array(members) => members.iter().for_each(|member| pointers(member, found)),
        Value::Object(members) => {
            found.extend(members.get("pointer").and_then(Value::as_str).map(str::to_owned));
            members.values().for_each(|member| pointers(member, found));
        }
        _ => {}
    }
}

fn send(server: &Server, letter: &Value, entry: &Value, place: String, text: &'static str) -> Attempt {
    let answer = server.post_json("/v1/jobs", &json!({ "letter": letter, "list": [entry] }));
    let mut told = Vec::new();
    if answer.status == 202 {
        return Attempt { place, text, location: Some(answer.header("location").to_owned()), told };
    }
    assert_eq!(answer.status, 422, "{place} {text}: {}", answer.text());
    pointers(&answer.json(), &mut told);
    Attempt { place, text, location: None, told }
}

/// How it ended: with the place refused, or with the words in print.
fn judge(server: &Server, attempt: Attempt, printed: &mut BTreeSet<String>) {
    let Attempt { place, text, location, mut told } = attempt;
    let shown = format!("`{text}` in {place}");
    if let Some(location) = location {
        let began = Instant::now();
        let state = loop {
            let job = server.get(&location).json();
            match job["state"].as_str() {
                Some("done" | "rejected" | "failed") => break job["state"].clone(),
                _ => assert!(began.elapsed() < Duration::from_secs(90), "{shown}: {job}"),
            }
            std::thread::sleep(Duration::from_millis(50));
        };
        let page = server.get(&format!("{location}/items")).json();
        let status = page["items"][0]["status"].clone();
        if (&state, &status) == (&json!("done"), &json!("made")) {
            let document = server.get(&format!("{location}/items/1/document"));
            assert_eq!(document.status, 200, "{shown}: {}", document.text());
            let file = output_folder("injection").join("letter.pdf");
            std::fs::write(&file, &document.body).expect("a file can be written");
            let plain = |text: &str| text.replace(|c: char| c.is_whitespace() || c == '\u{200b}', "");
            let found = plain(&words(&file)).contains(&plain(text));
            let field = place.split_once(' ').map_or("", |(_, field)| field);
            assert!(found || UNPRINTED.contains(&field), "{shown} is neither printed nor refused: {}", words(&file));
            printed.insert(place);
            return;
        }
        pointers(&page, &mut told);
    }
    let field = place.split_once(' ').map_or("", |(_, field)| field);
    let named = told.iter().any(|pointer| pointer.ends_with(field) || field.starts_with(pointer.as_str()));
    assert!(named, "{shown} is refused without its place: {told:?}");
}

#[test]
fn what_would_be_source_is_printed_or_refused_in_every_field_of_letter_and_list() {
    let variables = [("SKOLEDOK__BULK__OPEN_JOBS", "10000")];
    let server = Server::with(&variables, Stdio::null());
    let mut attempts = Vec::new();
    for letter in letters() {
        let mut places = Vec::new();
        texts(&letter, "", &mut places);
        for place in places {
            for text in HOSTILE {
                let mut letter = letter.clone();
                *letter.pointer_mut(&place).expect("the place is there") = text.into();
                attempts.push(send(&server, &letter, &entries()[0], format!("letter {place}"), text));
            }
        }
    }
    for entry in entries() {
        let mut places = Vec::new();
        texts(&entry, "", &mut places);
        for place in places {
            for text in HOSTILE.into_iter().chain(["{{pupil.first_name}}"]) {
                let mut entry = entry.clone();
                *entry.pointer_mut(&place).expect("the place is there") = text.into();
                attempts.push(send(&server, &merging_letter(), &entry, format!("entry {place}"), text));
            }
        }
    }
    let count = attempts.len();
    let mut printed = BTreeSet::new();
    for attempt in attempts {
        judge(&server, attempt, &mut printed);
    }
    assert!(count > 150 && printed.len() > 20, "{count} attempts, printed: {printed:?}");
    assert!(printed.contains("letter /school/name") && printed.contains("entry /guardians/0/name"), "{printed:?}");
}
