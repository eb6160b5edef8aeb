//! Jobs: mailings over HTTP, on both stores, with services that are killed.

use std::io::{BufRead, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use skoledok::document::{Kind, Locale};

use crate::postgres_server::PostgresServer;
use crate::store::{block_on, execute};
use crate::support::{
    Answer, Server, assert_standards, binary, eventually, output_folder, output_path, python, root, run_ok, sample,
    signal, words,
};

const JOBS: &str = "/v1/jobs";
const LINES: (&str, &str) = ("Content-Type", "application/x-ndjson");

fn address(street: &str) -> Value {
    json!({ "line1": street, "postcode": "0001", "city": "Fjordvik" })
}

/// A letter that names the pupil.
pub fn letter() -> Value {
    json!({ "letter": {
        "status": "final",
        "document_date": "2026-11-20",
        "school": { "name": "Fjordvik skole", "address": address("Skoleveien 1") },
        "title": "Tur for {{pupil.class}}",
        "body": "Hei {{list recipient.names}}!\n\n**{{pupil.first_name}}** skal på tur.\n\nHilsen {{school.name}}",
        "contact": { "email": "post@fjordvik.example" }
    }})
}

/// A pupil with one guardian; every tenth one's address is protected.
pub fn pupil(number: usize) -> Value {
    json!({
        "key": format!("e{number}"),
        "first_name": format!("Prøvine{number}"),
        "class": "8A",
        "protected_address": number.is_multiple_of(10),
        "guardians": [{ "name": format!("Foresatt Testesen{number}"), "address": address(&format!("Prøveveien {number}")) }]
    })
}

fn with_list(mut mailing: Value, list: Vec<Value>) -> Value {
    mailing["list"] = list.into();
    mailing
}

/// Lines: the mailing, and pupils.
fn lines(mailing: &Value, pupils: impl Iterator<Item = Value>) -> String {
    pupils.fold(format!("{mailing}\n"), |lines, pupil| format!("{lines}{pupil}\n"))
}

fn form(parts: &[(&str, &[u8])]) -> (Vec<u8>, String) {
    let mut body = Vec::new();
    for (name, contents) in parts {
        let head = format!("--grense\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"{name}\"\r\n\r\n");
        body.extend([head.as_bytes(), contents, b"\r\n"].concat());
    }
    body.extend(b"--grense--\r\n");
    (body, "multipart/form-data; boundary=grense".to_owned())
}

fn post_form(server: &Server, query: &str, parts: &[(&str, &[u8])]) -> Answer {
    let (body, content_type) = form(parts);
    server.post(&format!("{JOBS}{query}"), &body, &[("Content-Type", &content_type)])
}

fn taken(answer: &Answer) -> String {
    assert_eq!(answer.status, 202, "{}", answer.text());
    let location = answer.header("location").to_owned();
    assert_eq!(location, format!("{JOBS}/{}", answer.json()["id"].as_str().unwrap_or_default()));
    location
}

fn problem(answer: &Answer) -> String {
    answer.json()["type"].as_str().unwrap_or_default().trim_start_matches("urn:skoledok:problem:").to_owned()
}

/// Waits until a job has ended, for as long as it goes on.
fn ended(server: &Server, location: &str) -> Value {
    while_it_goes_on(server, location, |job| {
        ["done", "rejected", "cancelled", "failed"].iter().any(|state| job["state"] == *state)
    })
}

/// Asks for a job until something is true of it, for as long as it changes.
fn while_it_goes_on(server: &Server, location: &str, holds: impl Fn(&Value) -> bool) -> Value {
    let (mut last, mut since) = (Value::Null, Instant::now());
    loop {
        let job = server.get(location).json();
        if holds(&job) {
            return job;
        }
        if job["version"] != last {
            (last, since) = (job["version"].clone(), Instant::now());
        }
        assert!(since.elapsed() < Duration::from_secs(90), "the job does not go on: {job}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn ended_as(server: &Server, location: &str, state: &str) -> Value {
    let job = ended(server, location);
    assert_eq!(job["state"], state, "{job}");
    job["counts"].clone()
}

fn items(server: &Server, location: &str, query: &str) -> Vec<Value> {
    let (mut all, mut after) = (Vec::new(), 0);
    loop {
        let page = server.get(&format!("{location}/items?limit=1000&after={after}{query}")).json();
        all.extend(page["items"].as_array().expect("a page has items").clone());
        match page["next"].as_u64() {
            Some(next) => after = next,
            None => return all,
        }
    }
}

/// Files of an archive, by their names.
fn unzip(bytes: Vec<u8>) -> Vec<(String, Vec<u8>)> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).expect("an archive");
    let mut files = Vec::new();
    for index in 0..archive.len() {
        let mut file = archive.by_index(index).expect("a file");
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).expect("a file can be read");
        files.push((file.name().expect("a name").into_owned(), bytes));
    }
    files
}

/// The SHA-256 of each letter of an archive, by name, after a look that the manifest says the same.
fn digests(server: &Server, location: &str) -> Vec<(String, String)> {
    let archive = server.get(&format!("{location}/archive.zip"));
    assert_eq!(archive.status, 200, "{}", archive.text());
    let files = unzip(archive.body);
    let of = |name: &str| files.iter().find(|(known, _)| known == name).map(|(_, bytes)| bytes).expect("it is there");
    let manifest: Value = serde_json::from_slice(of("manifest.json")).expect("the manifest is JSON");
    let told = manifest["items"]
        .as_array()
        .expect("a manifest has items")
        .iter()
        .filter_map(|item| Some((item["file"].as_str()?.to_owned(), item["sha256"].as_str()?.to_owned())));
    let told: Vec<_> = told.collect();
    let hash = |bytes: &[u8]| skoledok::document::hex(&Sha256::digest(bytes));
    let found: Vec<_> = files
        .iter()
        .filter(|(name, _)| !name.starts_with("manifest"))
        .map(|(name, bytes)| (name.clone(), hash(bytes)))
        .collect();
    assert_eq!(told, found, "the manifest tells what is in the archive");
    found
}

fn write(folder: &Path, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, contents).expect("a file can be written");
    path
}

/// Letters as the command line makes them.
fn by_command(folder: &Path, mailing: &Value, list: &str) -> Vec<(String, String)> {
    let (letter, list) = (write(folder, "letter.json", mailing.to_string()), write(folder, "list.ndjson", list));
    let zip = folder.join("letters.zip");
    run_ok(binary().arg("bulk").args([&letter, &list]).arg("-o").arg(&zip));
    let files = unzip(std::fs::read(zip).expect("the archive can be read"));
    let hash = |bytes: &[u8]| skoledok::document::hex(&Sha256::digest(bytes));
    files
        .iter()
        .filter(|(name, _)| !name.starts_with("manifest"))
        .map(|(name, bytes)| (name.clone(), hash(bytes)))
        .collect()
}

/// Names and digests of the letters of [`MANY`] pupils, as a run makes them that nobody disturbs; those of fewer are the first of them.
static UNDISTURBED: LazyLock<Vec<(String, String)>> = LazyLock::new(|| {
    let list = lines(&json!(null), (1..=MANY).map(pupil)).split_once('\n').expect("lines").1.to_owned();
    let made = by_command(&output_folder("jobs-undisturbed"), &letter(), &list);
    assert_eq!(made.len(), MANY);
    made
});

#[test]
fn a_mailing_is_taken_in_every_form_and_becomes_the_same_letters() {
    let folder = output_folder("jobs-forms");
    let server = Server::start();
    let pupils = || (1..=120).map(pupil);
    let list = lines(&json!(null), pupils()).split_once('\n').expect("lines").1.to_owned();
    let expected = by_command(&folder, &letter(), &list);
    assert_eq!(expected.len(), 120);
    let array = Value::Array(pupils().collect()).to_string();
    let letter_text = letter().to_string();
    let sent = [
        server.post_json(JOBS, &with_list(letter(), pupils().collect())),
        server.post(JOBS, lines(&letter(), pupils()).as_bytes(), &[LINES]),
        post_form(&server, "", &[("letter", letter_text.as_bytes()), ("list", list.as_bytes())]),
        post_form(&server, "", &[("list", array.as_bytes()), ("letter", letter_text.as_bytes())]),
    ];
    let locations: Vec<String> = sent.iter().map(taken).collect();
    for location in &locations {
        let counts = ended_as(&server, location, "done");
        assert_eq!(
            (&counts["items"], &counts["letters"], &counts["protected"]),
            (&json!(120), &json!(120), &json!(12))
        );
        assert_eq!(digests(&server, location), expected);
    }
    // The newest first, in pages.
    let page = server.get(&format!("{JOBS}?limit=3")).json();
    let next = page["next"].as_str().expect("there are more").to_owned();
    let rest = server.get(&format!("{JOBS}?limit=3&after={next}")).json();
    let ids: Vec<String> = [&page, &rest]
        .iter()
        .flat_map(|page| page["jobs"].as_array().expect("a page has jobs"))
        .map(|job| format!("{JOBS}/{}", job["id"].as_str().unwrap_or_default()))
        .collect();
    assert_eq!(ids, locations.iter().rev().cloned().collect::<Vec<_>>());

    let location = &locations[0];
    let zip = write(&folder, "served.zip", server.get(&format!("{location}/archive.zip")).body);
    assert!(run_ok(Command::new("unzip").arg("-t").arg(&zip)).contains("No errors detected"));
    let letter = server.get(&format!("{location}/items/7/document"));
    assert_eq!(letter.header("content-disposition"), "attachment; filename=\"000007-e7.pdf\"");
    assert_eq!(letter.header("cache-control"), "private, no-store");
    let letter = write(&folder, "letter.pdf", &letter.body);
    assert!(words(&letter).contains("Prøveveien 7") && words(&letter).contains("Prøvine7"));
    assert_standards(&[letter]);
    assert_eq!(server.get(&format!("{location}/items/121/document")).status, 404);
    assert_eq!(server.get(&format!("{location}/items/0/document")).status, 404);
    assert_eq!(items(&server, location, "&status=made").len(), 120);
    assert_eq!(items(&server, location, "&status=invalid").len(), 0);
}

#[test]
fn lists_of_schools_are_taken_as_they_are() {
    let server = Server::start();
    let mut letter = letter();
    letter["letter"]["body"] = "Hei {{list recipient.names}}!".into();
    letter["letter"]["title"] = "Tur".into();
    let letter = letter.to_string();
    for name in ["klasseliste-excel.csv", "klasseliste-nynorsk-utf16.txt", "klasseliste.xlsx", "mottakere-utf8.csv"] {
        let list = std::fs::read(root().join("tests/data/lists").join(name)).expect("a list of the tests");
        let location =
            taken(&post_form(&server, "?on_invalid=skip", &[("letter", letter.as_bytes()), ("list", &list)]));
        let counts = ended_as(&server, &location, "done");
        assert!(counts["letters"].as_u64().is_some_and(|letters| letters > 0), "{name}: {counts}");
    }
}

#[test]
fn print_files_stand_where_the_manifest_has_them_and_hold_nobody_protected() {
    let folder = output_folder("jobs-print");
    let server = Server::start();
    let mut mailing = letter();
    // Letters of one and of two pages.
    mailing["letter"]["body"] =
        format!("{{{{pupil.first_name}}}} {{{{#if lang}}}}{}{{{{/if}}}}", "Ord om turen. ".repeat(400)).into();
    let pupils = (1..=60).map(|number| {
        let mut pupil = pupil(number);
        pupil["fields"] = json!({ "lang": number % 3 == 0 });
        pupil
    });
    let location = taken(&server.post(JOBS, lines(&mailing, pupils).as_bytes(), &[LINES]));
    ended_as(&server, &location, "done");
    for two_sided in [false, true] {
        let query = format!("two_sided={two_sided}&pages_per_file=30");
        let manifest = server.get(&format!("{location}/manifest.json?{query}")).json();
        let table = server.get(&format!("{location}/manifest.csv?{query}")).text();
        let (mut part, mut files) = (1, Vec::new());
        loop {
            let answer = server.get(&format!("{location}/merged.pdf?{query}&part={part}"));
            assert_eq!(answer.status, 200, "{}", answer.text());
            let more = answer.header("link").contains("rel=\"next\"");
            files.push(write(&folder, &format!("{two_sided}-{part}.pdf"), &answer.body));
            part += 1;
            if !more {
                break;
            }
        }
        assert!(files.len() > 2, "{files:?}");
        assert_eq!(server.get(&format!("{location}/merged.pdf?{query}&part={part}")).status, 404);
        assert_standards(&files);
        let mut marks = Vec::new();
        for (index, file) in files.iter().enumerate() {
            run_ok(Command::new("qpdf").arg("--check").arg(file));
            let told: Value =
                serde_json::from_str(&run_ok(python("print_file.py").arg(file))).expect("the script prints JSON");
            let name = if index == 0 { "merged.pdf".to_owned() } else { format!("merged-{}.pdf", index + 1) };
            for bookmark in told["bookmarks"].as_array().expect("there are bookmarks") {
                marks.push((
                    bookmark["title"].as_str().unwrap_or_default().to_owned(),
                    name.clone(),
                    bookmark["page"].clone(),
                ));
            }
            let text = words(file);
            for number in (10..=60).step_by(10) {
                assert!(!text.contains(&format!("Prøvine{number} ")), "{number} is protected");
                assert!(!text.contains(&format!("Testesen{number} ")), "{number} is protected");
            }
        }
        let items = manifest["items"].as_array().expect("a manifest has items");
        let mapped: Vec<_> = items
            .iter()
            .filter(|item| !item["printed"].is_null())
            .map(|item| {
                let printed = &item["printed"];
                let title = format!("{} · {}", item["number"], item["key"].as_str().unwrap_or_default());
                (title, printed["file"].as_str().unwrap_or_default().to_owned(), printed["first_page"].clone())
            })
            .collect();
        assert_eq!(mapped, marks);
        assert_eq!(mapped.len(), 54);
        if two_sided {
            assert!(mapped.iter().all(|(_, _, page)| page.as_u64().is_some_and(|page| page % 2 == 1)), "{mapped:?}");
        }
        assert_eq!(table.lines().count(), 61);
        // The same again, byte for byte.
        let again = server.get(&format!("{location}/merged.pdf?{query}")).body;
        assert_eq!(std::fs::read(&files[0]).expect("the file can be read"), again);
    }
}

#[test]
fn the_same_key_and_mailing_are_the_same_job() {
    let server = Server::start();
    let send = |key: &str, mailing: &Value, query: &str| {
        server.post(&format!("{JOBS}{query}"), mailing.to_string().as_bytes(), &[("Idempotency-Key", key)])
    };
    let one = with_list(letter(), vec![pupil(1), pupil(2)]);
    let other = with_list(letter(), vec![pupil(1), pupil(3)]);
    // Many at the same moment.
    let locations: Vec<String> = std::thread::scope(|scope| {
        let calls: Vec<_> = (0..8).map(|_| scope.spawn(|| taken(&send("a-b-c", &one, "")))).collect();
        calls.into_iter().map(|sent| sent.join().expect("it is sent")).collect()
    });
    assert!(locations.iter().all(|location| *location == locations[0]), "{locations:?}");
    assert_eq!(taken(&send("a-b-c", &one, "")), locations[0]);
    assert_ne!(taken(&send("a-b-d", &one, "")), locations[0]);
    for answer in [send("a-b-c", &other, ""), send("a-b-c", &one, "?dry_run=true")] {
        assert_eq!((answer.status, problem(&answer).as_str()), (409, "idempotency-key-used"));
    }
    assert_eq!(server.get(JOBS).json()["jobs"].as_array().map(Vec::len), Some(2));
    // A form has another boundary each time, which is nothing of the mailing.
    let (text, list) = (letter().to_string(), format!("{}\n", pupil(1)));
    let parts = [("letter", text.as_bytes()), ("list", list.as_bytes())];
    let (body, _) = form(&parts);
    let send = |boundary: &str| {
        let body = String::from_utf8(body.clone()).expect("text").replace("grense", boundary);
        let content_type = format!("multipart/form-data; boundary={boundary}");
        taken(&server.post(JOBS, body.as_bytes(), &[("Content-Type", &content_type), ("Idempotency-Key", "form")]))
    };
    assert_eq!(send("en"), send("to"));
}

#[test]
fn what_is_wrong_with_letter_or_list_is_told_at_once() {
    let server = Server::with(&[("SKOLEDOK__BULK__LIST_MIB", "1")], Stdio::null());
    let text = letter().to_string();
    let good = format!("{}\n", pupil(1));
    let mut wrong = letter();
    wrong["letter"]["title"] = "{{#if a}}".into();
    wrong["letter"]["body"] = "x\n\n {{{b}}}".into();
    let wrong = with_list(wrong, vec![pupil(1)]);
    let answer = server.post(JOBS, wrong.to_string().as_bytes(), &[("Accept-Language", "en")]);
    assert_eq!((answer.status, problem(&answer).as_str()), (422, "invalid-document"));
    let pointers: Vec<Value> =
        answer.json()["errors"].as_array().into_iter().flatten().map(|fault| fault["pointer"].clone()).collect();
    assert!(pointers.contains(&json!("/letter/title")) && pointers.contains(&json!("/letter/body")), "{pointers:?}");
    assert!(answer.text().contains("line 3, column 2"), "{}", answer.text());

    let long_enough = lines(&letter(), (1..=2).map(pupil));
    let table = |list: &[u8]| post_form(&server, "", &[("letter", text.as_bytes()), ("list", list)]);
    let answer = table("Navn;Fødselsnummer\nA;1\n".as_bytes());
    assert_eq!((answer.status, problem(&answer).as_str()), (422, "invalid-list"), "{}", answer.text());
    assert_eq!(answer.json()["errors"][0]["pointer"], "/list");
    for (answer, status, name) in [
        (table(b""), 400, "bad-form"),
        (table(b"[]"), 400, "bad-form"),
        (table(b"[{"), 400, "unreadable-json"),
        (table(b"PK\x03\x04 no workbook"), 422, "invalid-list"),
        (post_form(&server, "", &[("list", good.as_bytes())]), 400, "bad-form"),
        (post_form(&server, "", &[("letter", text.as_bytes())]), 400, "bad-form"),
        (post_form(&server, "", &[("letter", text.as_bytes()), ("annet", b"x")]), 400, "bad-form"),
        (post_form(&server, "", &[("letter", b"{"), ("list", good.as_bytes())]), 400, "unreadable-json"),
        (server.post_json(JOBS, &letter()), 400, "bad-form"),
        (server.post_json(JOBS, &json!([])), 400, "bad-form"),
        (server.post(JOBS, b"{", &[]), 400, "unreadable-json"),
        (server.post(JOBS, text.as_bytes(), &[LINES]), 400, "bad-form"),
        (server.post(JOBS, b"", &[LINES]), 400, "bad-form"),
        (server.post(JOBS, b"x", &[("Content-Type", "text/csv")]), 415, "unsupported-media-type"),
        (server.post(JOBS, b"x", &[LINES, ("Content-Encoding", "gzip")]), 415, "unsupported-encoding"),
        (server.post(JOBS, b"x", &[("Content-Type", "multipart/form-data")]), 400, "bad-form"),
        (server.post(&format!("{JOBS}?on_invalid=perhaps"), b"{}", &[]), 400, "bad-parameter"),
        (server.post(JOBS, long_enough.as_bytes(), &[LINES, ("Sec-Fetch-Site", "cross-site")]), 400, "bad-form"),
    ] {
        assert_eq!((answer.status, problem(&answer).as_str()), (status, name), "{}", answer.text());
    }
    let mark = format!("\u{feff}{}", lines(&letter(), (1..=2).map(pupil)));
    assert_eq!(server.post(&format!("{JOBS}?dry_run=true"), mark.as_bytes(), &[LINES]).status, 202);
    let mut with_both = letter();
    with_both["list"] = json!([pupil(1)]);
    let answer = server.post(JOBS, lines(&with_both, (2..3).map(pupil)).as_bytes(), &[LINES]);
    assert_eq!((answer.status, problem(&answer).as_str()), (400, "bad-form"), "a list in two places");
    let answer = server.post(JOBS, format!("{}\n[{}]", letter(), "1,".repeat(200_000)).as_bytes(), &[LINES]);
    assert_eq!((answer.status, problem(&answer).as_str()), (400, "bad-form"), "a line too long");
    let jobs = server.get(JOBS).json()["jobs"].as_array().map(Vec::len);
    assert_eq!(jobs, Some(1));
    let long = lines(&letter(), (0..6000).map(pupil));
    let answer = server.post(JOBS, long.as_bytes(), &[LINES]);
    assert_eq!((answer.status, problem(&answer).as_str()), (413, "body-too-large"), "{}", answer.text());
    // Nothing of all this is left.
    assert_eq!(server.get(JOBS).json()["jobs"].as_array().map(Vec::len), jobs);
    assert_eq!(server.get(&format!("{JOBS}?after=nobody")).status, 404);
}

#[test]
fn faults_of_recipients_reject_a_job_or_are_left_out_and_a_dry_run_makes_nothing() {
    let server = Server::start();
    let pupils = || {
        (1..=250).map(|number| {
            let mut pupil = pupil(number);
            if number % 50 == 0 {
                pupil["guardians"][0]["address"]["postcode"] = "ABC!".into();
            }
            pupil
        })
    };
    let body = lines(&letter(), pupils());
    let send = |query: &str| taken(&server.post(&format!("{JOBS}{query}"), body.as_bytes(), &[LINES]));
    let (rejected, skipped, dry) = (send(""), send("?on_invalid=skip"), send("?dry_run=true&on_invalid=skip"));

    let counts = ended_as(&server, &rejected, "rejected");
    assert_eq!((&counts["items"], &counts["letters"], &counts["invalid"]), (&json!(250), &json!(0), &json!(5)));
    let invalid = items(&server, &rejected, "&status=invalid");
    let rows: Vec<u64> = invalid.iter().filter_map(|item| item["row"].as_u64()).collect();
    assert_eq!(rows, [51, 101, 151, 201, 251], "lines are counted with that of the letter");
    assert!(
        invalid.iter().all(|item| item["violations"][0]["pointer"] == "/guardians/0/address/postcode"),
        "{invalid:?}"
    );
    assert!(!invalid[0].to_string().contains("ABC!"), "what is wrong is not repeated");
    assert_eq!(items(&server, &rejected, "&status=valid").len(), 245);
    for path in ["archive.zip", "merged.pdf", "manifest.json"] {
        let answer = server.get(&format!("{rejected}/{path}"));
        assert_eq!((answer.status, problem(&answer).as_str()), (409, "not-now"), "{path}");
    }
    assert_eq!(server.get(&format!("{rejected}/items/1/document")).status, 404);

    let counts = ended_as(&server, &skipped, "done");
    assert_eq!((&counts["letters"], &counts["invalid"], &counts["pages"]), (&json!(245), &json!(5), &json!(245)));
    assert_eq!(digests(&server, &skipped).len(), 245);

    let counts = ended_as(&server, &dry, "done");
    assert_eq!((&counts["letters"], &counts["invalid"], &counts["pages"]), (&json!(245), &json!(5), &json!(245)));
    assert_eq!(server.get(&format!("{dry}/archive.zip")).status, 409);
    assert_eq!(server.get(&format!("{dry}/items/1/document")).status, 404);
    assert_eq!(server.get(&dry).json()["dry_run"], true);

    // Nobody at all, though there are lines.
    let empty = taken(&server.post(JOBS, format!("{}\n\n \n", letter()).as_bytes(), &[LINES]));
    let job = ended(&server, &empty);
    assert_eq!((&job["state"], &job["problem"]), (&json!("failed"), &json!("empty_list")));
}

/// What Python's own SQLite says to a question.
fn sqlite(store: &Path, question: &str) -> String {
    let script =
        "import sqlite3, sys; print(sqlite3.connect(sys.argv[1], timeout=10).execute(sys.argv[2]).fetchone()[0])";
    run_ok(Command::new("python3").args(["-c", script]).arg(store).arg(question)).trim().to_owned()
}

/// Events as they come: id and data.
fn follow(server: &Server, location: &str, last: Option<&str>) -> Vec<(i64, Value)> {
    let mut command = Command::new("curl");
    command.args(["-sN", "--max-time", "120"]).arg(format!("{}{location}/events", server.base));
    if let Some(last) = last {
        command.args(["-H", &format!("Last-Event-ID: {last}")]);
    }
    let mut child = command.stdout(Stdio::piped()).spawn().expect("curl is there; install it with `make setup`");
    let mut events = Vec::new();
    let mut id = None;
    for line in BufReader::new(child.stdout.take().expect("it is piped")).lines() {
        let line = line.expect("text");
        if let Some(number) = line.strip_prefix("id: ") {
            id = Some(number.parse().expect("a number"));
        } else if let Some(data) = line.strip_prefix("data: ") {
            events.push((id.take().expect("an event has an id"), serde_json::from_str(data).expect("JSON")));
        }
    }
    assert!(child.wait().expect("curl ends").success());
    events
}

#[test]
fn a_job_can_be_followed_from_where_one_was() {
    let server = Server::start();
    let location = taken(&server.post(JOBS, lines(&letter(), (1..=600).map(pupil)).as_bytes(), &[LINES]));
    let events = follow(&server, &location, None);
    assert!(events.len() > 2, "{events:?}");
    assert!(events.windows(2).all(|pair| pair[0].0 < pair[1].0), "ids grow");
    let (last, job) = events.last().expect("there are events");
    assert_eq!(job["state"], "done");
    assert_eq!(*job, server.get(&location).json());
    let middle = events[events.len() / 2].0.to_string();
    let rest = follow(&server, &location, Some(&middle));
    assert_eq!(rest.last().map(|(id, _)| id), Some(last));
    let over = server.get_with(&format!("{location}/events"), &[("Last-Event-ID", &last.to_string())]);
    assert_eq!(over.status, 204, "nothing comes any more");
    for strange in ["none of ours", "-1", &(last + 1).to_string(), "9223372036854775807"] {
        assert_eq!(follow(&server, &location, Some(strange)).len(), 1, "{strange}");
    }
    assert_eq!(server.get(&format!("{JOBS}/nobody/events")).status, 404);
}

#[test]
fn a_job_can_be_stopped_gone_on_with_and_erased() {
    let store = output_folder("jobs-erased").join("store.db");
    drop(std::fs::remove_file(&store));
    let server = Server::with(&[("SKOLEDOK__STORE__URL", &format!("sqlite:{}", store.display()))], Stdio::null());
    let body = lines(&letter(), (1..=1500).map(pupil));
    let location = taken(&server.post(&format!("{JOBS}?on_invalid=skip"), body.as_bytes(), &[LINES]));
    eventually("some letters are made", || server.get(&location).json()["counts"]["letters"].as_u64() > Some(0));
    let stopped = server.post(&format!("{location}/cancel"), b"", &[]);
    assert_eq!((stopped.status, &stopped.json()["state"]), (200, &json!("cancelled")), "{}", stopped.text());
    assert_eq!(server.post(&format!("{location}/cancel"), b"", &[]).status, 409);
    assert_eq!(server.get(&format!("{location}/archive.zip")).status, 409);
    std::thread::sleep(Duration::from_secs(2));
    let still = server.get(&location).json();
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(server.get(&location).json()["counts"], still["counts"], "nothing more is made");
    assert!(still["counts"]["letters"].as_u64() < Some(1500), "{still}");

    assert_eq!(server.post(&format!("{location}/retry"), b"", &[]).status, 200);
    let counts = ended_as(&server, &location, "done");
    assert_eq!(counts["letters"], 1500);
    assert_eq!(digests(&server, &location).len(), 1500);
    let answer = server.post(&format!("{location}/retry"), b"", &[]);
    assert_eq!((answer.status, problem(&answer).as_str()), (409, "not-now"));

    assert_eq!(server.delete(&location).status, 204);
    for path in ["", "/items", "/items/1/document", "/archive.zip", "/events"] {
        assert_eq!(server.get(&format!("{location}{path}")).status, 404, "{path}");
    }
    assert_eq!(server.delete(&location).status, 404);
    assert_eq!(server.get(JOBS).json()["jobs"], json!([]));
    eventually("nothing is left of it in the store", || {
        let rows = sqlite(
            &store,
            "SELECT (SELECT COUNT(*) FROM bulk_job) + (SELECT COUNT(*) FROM bulk_chunk) + (SELECT COUNT(*) FROM bulk_documents)",
        );
        rows == "0"
    });
    // One that is erased while it is being made leaves nothing either.
    let location = taken(&server.post(&format!("{JOBS}?on_invalid=skip"), body.as_bytes(), &[LINES]));
    eventually("some letters are made", || server.get(&location).json()["counts"]["letters"].as_u64() > Some(0));
    assert_eq!(server.delete(&location).status, 204);
    let next = taken(&server.post_json(JOBS, &with_list(letter(), vec![pupil(1)])));
    ended_as(&server, &next, "done");
}

#[test]
fn what_failed_and_only_that_is_made_again() {
    let store = output_folder("jobs-retry").join("store.db");
    drop(std::fs::remove_file(&store));
    let url = format!("sqlite:{}", store.display());
    let start = |fault: &str| {
        let variables = [
            ("SKOLEDOK__STORE__URL", url.as_str()),
            ("SKOLEDOK__RENDER__WORKERS", "2"),
            ("SKOLEDOK_TEST_FAULT", fault),
        ];
        Server::with(&variables, Stdio::null())
    };
    let server = start("fault");
    let pupils = (1..=150).map(|number| {
        let mut pupil = pupil(number);
        match number {
            3 | 120 => pupil["class"] = format!("fault-panic-{number}").into(),
            // These could not be made the second time.
            5 | 121 => pupil["class"] = format!("other-panic-{number}").into(),
            _ => {}
        }
        pupil
    });
    let body = lines(&letter(), pupils);
    let location = taken(&server.post(&format!("{JOBS}?on_invalid=skip"), body.as_bytes(), &[LINES]));
    let counts = ended_as(&server, &location, "done");
    assert_eq!((&counts["letters"], &counts["failed"]), (&json!(148), &json!(2)));
    let failed = items(&server, &location, "&status=failed");
    assert_eq!(failed.iter().map(|item| &item["failure"]).collect::<Vec<_>>(), ["renderer", "renderer"]);
    let before = digests(&server, &location);
    drop(server);
    let server = start("other");
    assert_eq!(server.post(&format!("{location}/retry"), b"", &[]).status, 200);
    let counts = ended_as(&server, &location, "done");
    assert_eq!((&counts["letters"], &counts["failed"]), (&json!(150), &json!(0)));
    let after = digests(&server, &location);
    assert!(before.iter().all(|letter| after.contains(letter)), "the others are as they were");
    assert_eq!(after.len(), 150);
}

#[test]
fn a_service_that_is_stopped_with_its_workers_fails_no_letter() {
    let store = output_folder("jobs-stopped").join("store.db");
    drop(std::fs::remove_file(&store));
    let url = format!("sqlite:{}", store.display());
    let start = || Server::with(&[("SKOLEDOK__STORE__URL", url.as_str())], Stdio::null());
    let mut server = start();
    let body = lines(&letter(), (1..=900).map(pupil));
    let location = taken(&server.post(&format!("{JOBS}?on_invalid=skip"), body.as_bytes(), &[LINES]));
    for share in [100, 400] {
        eventually("letters are made", || server.get(&location).json()["counts"]["letters"].as_u64() >= Some(share));
        // As systemd does, and a terminal.
        for worker in server.workers() {
            signal("TERM", worker);
            signal("INT", worker);
        }
        assert!(server.terminate().success());
        server = start();
    }
    let counts = ended_as(&server, &location, "done");
    assert_eq!((&counts["letters"], &counts["failed"]), (&json!(900), &json!(0)));
}

/// How many letters are made before a service is killed, again and again.
const MANY: usize = 5000;

/// Thousands of letters are made by one test at a time: all of them use every core, and much of the disk.
fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    // That another test failed says nothing of this one.
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Has a job made by services that are killed over and over, and gives the last one with the job's location.
fn made_under_kills(start: &dyn Fn() -> Server) -> (Server, String) {
    let list = lines(&json!(null), (1..=MANY).map(pupil)).split_once('\n').expect("lines").1.to_owned();
    let body = format!("{}\n{list}", letter());
    let mut server = start();
    let location = taken(&server.post(&format!("{JOBS}?on_invalid=skip"), body.as_bytes(), &[LINES]));
    // While it is planned, and five times while letters are made.
    for share in [0, 10, 25, 45, 65, 85] {
        let enough = MANY as u64 * share / 100;
        while_it_goes_on(&server, &location, |job| job["counts"]["letters"].as_u64() >= Some(enough));
        assert_ne!(server.get(&location).json()["state"], "done", "it was killed too late");
        // Dropped, it is killed with SIGKILL.
        drop(server);
        server = start();
    }
    let counts = ended_as(&server, &location, "done");
    assert_eq!((&counts["items"], &counts["letters"]), (&json!(MANY), &json!(MANY)));
    let made = digests(&server, &location);
    assert_eq!(made.len(), MANY);
    assert!(made.windows(2).all(|pair| pair[0].0 < pair[1].0), "each once, in the order of the list");
    assert_eq!(made, *UNDISTURBED, "the same bytes as of a run that nobody disturbs");
    (server, location)
}

#[test]
fn a_service_that_is_killed_again_and_again_makes_every_letter_once() {
    let (folder, _alone) = (output_folder("jobs-killed"), alone());
    let store = folder.join("store.db");
    drop(std::fs::remove_file(&store));
    let url = format!("sqlite:{}", store.display());
    let start = || Server::with(&[("SKOLEDOK__STORE__URL", url.as_str())], Stdio::null());
    drop(made_under_kills(&start));
    // What it holds of people is sealed.
    for end in ["", "-wal"] {
        let bytes = std::fs::read(format!("{}{end}", store.display())).unwrap_or_default();
        for name in ["Testesen", "Prøvine", "Prøveveien", "skal på tur", "%PDF-"] {
            assert!(
                !bytes.windows(name.len()).any(|part| part == name.as_bytes()),
                "`{name}` stands in the store{end}"
            );
        }
    }
}

#[test]
fn the_same_on_a_shared_store() {
    let _alone = alone();
    let postgres = PostgresServer::start("jobs-killed");
    let url = postgres.url();
    let variables = [
        ("SKOLEDOK__STORE__URL", url.as_str()),
        ("SKOLEDOK__STORE__KEY", STORE_KEY),
        ("SKOLEDOK__BULK__HEARTBEAT_SECONDS", "1"),
    ];
    let (server, location) = made_under_kills(&|| Server::with(&variables, Stdio::null()));
    assert_eq!(postgres.ask("SELECT COUNT(*), SUM(items) FROM bulk_chunk"), format!("50|{MANY}"));
    assert_eq!(server.delete(&location).status, 204);
}

const STORE_KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const TENANT: &str = "999888763";
const OTHER: &str = "999888771";

#[test]
fn two_services_share_a_job_and_outlive_each_other_and_the_database() {
    let _alone = alone();
    let mut postgres = PostgresServer::start("jobs");
    let url = postgres.url();
    let variables = [
        ("SKOLEDOK__STORE__URL", url.as_str()),
        ("SKOLEDOK__STORE__KEY", STORE_KEY),
        ("SKOLEDOK__RENDER__WORKERS", "1"),
        ("SKOLEDOK__BULK__HEARTBEAT_SECONDS", "1"),
    ];
    let start = || Server::with(&variables, Stdio::null());
    let (one, two) = (start(), start());
    let count = 2000;
    let list = lines(&json!(null), (1..=count).map(pupil)).split_once('\n').expect("lines").1.to_owned();
    let body = format!("{}\n{list}", letter());
    let location = taken(&one.post(&format!("{JOBS}?on_invalid=skip"), body.as_bytes(), &[LINES]));
    let made = |server: &Server, enough: u64| {
        while_it_goes_on(server, &location, |job| job["counts"]["letters"].as_u64() >= Some(enough));
    };
    made(&two, 300);
    // Both have their hands in it; one is killed with what it holds.
    let workers = postgres.ask("SELECT COUNT(DISTINCT lock_by) FROM apalis.jobs WHERE status = 'Done'");
    assert_eq!(workers, "2", "both take part");
    drop(one);
    made(&two, 700);
    postgres.stop();
    std::thread::sleep(Duration::from_secs(1));
    postgres.run();
    let three = start();
    made(&three, 1000);
    let counts = ended_as(&three, &location, "done");
    assert_eq!((&counts["items"], &counts["letters"]), (&json!(count), &json!(count)));
    let found = digests(&two, &location);
    assert_eq!(found, UNDISTURBED[..count]);
    let dump = postgres.ask("SELECT COUNT(*) FROM bulk_chunk WHERE position('Testesen'::bytea in plan) > 0");
    assert_eq!(dump, "0", "what it holds of people is sealed");
}

#[test]
fn a_plan_that_two_have_begun_is_made_once_and_tasks_that_are_there_are_not_added() {
    let postgres = PostgresServer::start("jobs-plan");
    let url = postgres.url();
    let variables = [
        ("SKOLEDOK__STORE__URL", url.as_str()),
        ("SKOLEDOK__STORE__KEY", STORE_KEY),
        ("SKOLEDOK__RENDER__WORKERS", "1"),
        ("SKOLEDOK__BULK__HEARTBEAT_SECONDS", "1"),
    ];
    let start = || Server::with(&variables, Stdio::null());
    let first = start();
    let activity = |which: &str| format!("SELECT COUNT(*) FROM pg_stat_activity WHERE {which}");
    let linger = |how: &str| {
        format!(
            "CREATE OR REPLACE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {how} RETURN NEW; END $$"
        )
    };
    postgres.ask(&linger("IF NEW.number > 10 THEN PERFORM pg_sleep(0.2); END IF;"));
    postgres.ask("CREATE TRIGGER linger BEFORE INSERT ON bulk_chunk FOR EACH ROW EXECUTE FUNCTION linger()");
    let count = 20_000;
    let body = lines(&letter(), (1..=count).map(pupil));
    let location = taken(&first.post(&format!("{JOBS}?on_invalid=skip"), body.as_bytes(), &[LINES]));
    // Stopped within a transaction, which has rows that the other one needs.
    eventually("a part is planned", || postgres.ask(&activity("wait_event = 'PgSleep'")) == "1");
    signal("STOP", first.process_id().parse().expect("a number"));
    eventually("its transaction stands still", || postgres.ask(&activity("state = 'idle in transaction'")) == "1");
    assert_eq!(postgres.ask("SELECT state, (SELECT COUNT(*) FROM bulk_chunk) FROM bulk_job"), "planning|10");
    postgres.ask(&linger(""));
    let second = start();
    eventually("the other one has planned", || second.get(&location).json()["state"] == "making");
    signal("CONT", first.process_id().parse().expect("a number"));
    std::thread::sleep(Duration::from_secs(3));
    let job = second.get(&location).json();
    assert_eq!((&job["state"], &job["counts"]["items"]), (&json!("making"), &json!(count)), "{job}");
    assert_eq!(postgres.ask("SELECT COUNT(*), SUM(items) FROM bulk_chunk"), format!("200|{count}"));
    assert_eq!(second.delete(&location).status, 204);
    eventually("nothing is left of it", || {
        postgres.ask("SELECT (SELECT COUNT(*) FROM bulk_job) + (SELECT COUNT(*) FROM bulk_chunk) + (SELECT COUNT(*) FROM bulk_documents)")
            == "0"
    });
    drop(first);

    // Killed after a chunk was queued and before that was noted: it is queued again, and done once.
    let body = lines(&letter(), (1..=1200).map(pupil));
    let location = taken(&second.post(&format!("{JOBS}?on_invalid=skip"), body.as_bytes(), &[LINES]));
    eventually("letters are made", || second.get(&location).json()["counts"]["letters"].as_u64() > Some(0));
    postgres.ask("UPDATE bulk_chunk SET sent = stage");
    // Stopped while it is planned as well as while letters are made, and gone on with.
    let stopped = second.post(&format!("{location}/cancel"), b"", &[]);
    assert_eq!(stopped.status, 200, "{}", stopped.text());
    assert_eq!(second.post(&format!("{location}/retry"), b"", &[]).status, 200);
    postgres.ask("UPDATE bulk_chunk SET sent = stage");
    let counts = ended_as(&second, &location, "done");
    assert_eq!(counts["letters"], 1200);
    assert_eq!(digests(&second, &location).len(), 1200);
    let location = taken(&second.post(&format!("{JOBS}?on_invalid=skip"), body.as_bytes(), &[LINES]));
    assert_eq!(second.post(&format!("{location}/cancel"), b"", &[]).status, 200);
    assert_eq!(second.post(&format!("{location}/retry"), b"", &[]).status, 200);
    assert_eq!(ended_as(&second, &location, "done")["letters"], 1200);
    // The same key at the same moment.
    let mailing = with_list(letter(), vec![pupil(1)]).to_string();
    let send = || taken(&second.post(JOBS, mailing.as_bytes(), &[("Idempotency-Key", "\"one\"")]));
    let locations: Vec<String> = std::thread::scope(|scope| {
        let calls: Vec<_> = (0..6).map(|_| scope.spawn(send)).collect();
        calls.into_iter().map(|sent| sent.join().expect("it is sent")).collect()
    });
    assert!(locations.iter().all(|location| *location == locations[0]), "{locations:?}");
}

#[test]
fn a_tenant_with_many_jobs_that_are_not_done_waits() {
    let server = Server::with(&[("SKOLEDOK__BULK__OPEN_JOBS", "1")], Stdio::null());
    let body = lines(&letter(), (1..=1500).map(pupil));
    let location = taken(&server.post(&format!("{JOBS}?on_invalid=skip"), body.as_bytes(), &[LINES]));
    let one = with_list(letter(), vec![pupil(1)]);
    let answer = server.post_json(JOBS, &one);
    assert_eq!((answer.status, problem(&answer).as_str()), (429, "too-many-jobs"), "{}", answer.text());
    assert!(!answer.header("retry-after").is_empty());
    assert_eq!(server.post(&format!("{location}/cancel"), b"", &[]).status, 200);
    ended_as(&server, &taken(&server.post_json(JOBS, &one)), "done");
}

#[test]
fn a_store_is_not_opened_with_another_key() {
    let store = output_folder("jobs-other-key").join("store.db");
    for end in ["", ".key"] {
        drop(std::fs::remove_file(format!("{}{end}", store.display())));
    }
    let url = format!("sqlite:{}", store.display());
    drop(Server::with(&[("SKOLEDOK__STORE__URL", url.as_str())], Stdio::null()));
    std::fs::remove_file(format!("{}.key", store.display())).expect("there is a key beside the store");
    let mut serve = binary();
    serve.args(["serve", "--bind", "127.0.0.1:0"]).env("SKOLEDOK__STORE__URL", &url);
    let refused = crate::support::run(&mut serve);
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("another `store.key`"));
    assert!(!Path::new(&format!("{}.key", store.display())).exists(), "no key is made that opens nothing");
    run_ok(binary().args(["key", "list"]).env("SKOLEDOK__STORE__URL", &url));
}

#[test]
fn without_a_key_a_shared_store_takes_no_jobs() {
    let postgres = PostgresServer::start("jobs-key");
    let server = Server::with(&[("SKOLEDOK__STORE__URL", &postgres.url())], Stdio::null());
    let answer = server.post_json(JOBS, &with_list(letter(), vec![pupil(1)]));
    assert_eq!((answer.status, problem(&answer).as_str()), (503, "no-store-key"));
}

#[test]
fn a_long_job_does_not_hold_up_a_short_one_of_another_tenant() {
    let folder = output_folder("jobs-fair");
    let store = folder.join("store.db");
    drop(std::fs::remove_file(&store));
    let url = format!("sqlite:{}", store.display());
    let key = |tenant: &str| {
        let mut command = binary();
        command.args(["key", "create", "--tenant", tenant, "--scope", "bulk"]).env("SKOLEDOK__STORE__URL", &url);
        run_ok(&mut command).lines().last().expect("a key").trim().to_owned()
    };
    let (long, short) = (key(TENANT), key(OTHER));
    let server =
        Server::with(&[("SKOLEDOK__STORE__URL", url.as_str()), ("SKOLEDOK__ACCESS__OPEN", "false")], Stdio::null());
    let send = |key: &str, count: usize| {
        let authorization = format!("Bearer {key}");
        let body = lines(&letter(), (1..=count).map(pupil));
        let path = format!("{JOBS}?on_invalid=skip");
        taken(&server.post(&path, body.as_bytes(), &[LINES, ("Authorization", &authorization)]))
    };
    let get = |key: &str, path: &str| server.get_with(path, &[("Authorization", &format!("Bearer {key}"))]);
    let slow = send(&long, 6000);
    eventually("the long one is being made", || get(&long, &slow).json()["counts"]["letters"].as_u64() > Some(0));
    let quick = send(&short, 20);
    eventually("the short one is done", || get(&short, &quick).json()["state"] == "done");
    let at_work = get(&long, &slow).json();
    assert_eq!(at_work["state"], "making", "{at_work}");
    assert_eq!(get(&short, &slow).status, 404, "another tenant's job is not there");
    assert_eq!(get(&short, JOBS).json()["jobs"].as_array().map(Vec::len), Some(1));
}

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A receiver that checks signatures with the library of Standard Webhooks.
struct Receiver {
    child: std::process::Child,
    lines: BufReader<std::process::ChildStdout>,
    url: String,
}

impl Receiver {
    fn start(arguments: &[&str]) -> Self {
        let mut command = python("webhook_receiver.py");
        command.args(["--secret", SECRET]).args(arguments).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the receiver starts; install what it needs with `make setup`");
        let mut lines = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut line = String::new();
        lines.read_line(&mut line).expect("it tells its address");
        let told: Value = serde_json::from_str(&line).expect("JSON");
        let url = told["url"].as_str().expect("an address").to_owned();
        Self { child, lines, url }
    }

    fn next(&mut self) -> Value {
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("it tells what comes");
        serde_json::from_str(&line).expect("JSON")
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn with_webhook(url: &str, secret: &str) -> Value {
    let mut mailing = with_list(letter(), vec![pupil(1), pupil(2)]);
    mailing["webhook"] = json!({ "url": url, "secret": secret });
    mailing
}

#[test]
fn the_end_of_a_job_is_told_with_a_signature_and_again_until_it_is_heard() {
    let mut receiver = Receiver::start(&["--answers", "500,200,204"]);
    let server = Server::with(
        &[("SKOLEDOK__WEBHOOKS__ALLOW", "127.0.0.1, ::1"), ("SKOLEDOK__WEBHOOKS__ALLOW_HTTP", "true")],
        Stdio::null(),
    );
    let location = taken(&server.post_json(JOBS, &with_webhook(&receiver.url, SECRET)));
    ended_as(&server, &location, "done");
    let (first, second) = (receiver.next(), receiver.next());
    for heard in [&first, &second] {
        assert_eq!(heard["verified"], true, "{heard}");
        let body = heard["body"]
            .as_str()
            .map_or_else(|| heard["body"].clone(), |text| serde_json::from_str(text).expect("JSON"));
        assert_eq!(body["type"], "job.done");
        assert_eq!(body["data"]["counts"]["letters"], 2);
        assert_eq!(format!("{JOBS}/{}", body["data"]["id"].as_str().unwrap_or_default()), location);
        for name in ["Testesen", "Prøvine", "Prøveveien"] {
            assert!(!heard.to_string().contains(name), "{heard}");
        }
    }
    let deliveries = || server.get(&format!("{location}/deliveries")).json()["deliveries"].clone();
    eventually("it is noted", || deliveries()[0]["state"] == "delivered");
    let told = deliveries();
    let statuses: Vec<&Value> =
        told[0]["attempts"].as_array().into_iter().flatten().map(|attempt| &attempt["status"]).collect();
    assert_eq!(statuses, [500, 200]);
    assert_eq!(told.as_array().map(Vec::len), Some(1));
    let id = told[0]["id"].as_str().expect("an id").to_owned();
    let again = format!("{location}/deliveries/{id}/retry");
    assert_eq!(server.post(&again, b"", &[]).status, 200);
    assert_eq!(receiver.next()["verified"], true);
    eventually("it is noted", || deliveries()[0]["attempts"].as_array().map(Vec::len) == Some(3));
    assert_eq!(server.post(&format!("{location}/deliveries/msg_other/retry"), b"", &[]).status, 404);
}

/// A SQLite file that does not take what a job has made, or that a message was sent.
const NO_DOCUMENTS: &str =
    "CREATE TRIGGER no_documents BEFORE INSERT ON bulk_documents BEGIN SELECT RAISE(ABORT, 'not now'); END";
const DOCUMENTS: &str = "DROP TRIGGER no_documents";
const NO_ATTEMPTS: &str =
    "CREATE TRIGGER no_attempts BEFORE INSERT ON webhook_attempt BEGIN SELECT RAISE(ABORT, 'not now'); END";
const ATTEMPTS: &str = "DROP TRIGGER no_attempts";
/// As if nothing had been done of any job for long.
const LONG_AGO: &str = "UPDATE bulk_job SET moved_at = 0";

/// A new store of a test's own: its file and URL.
fn own_store(name: &str) -> (PathBuf, String) {
    let file = output_folder(name).join("store.db");
    drop(std::fs::remove_file(&file));
    let url = format!("sqlite:{}", file.display());
    (file, url)
}

#[test]
fn what_is_made_and_sent_while_the_store_takes_nothing_is_made_and_sent_once() {
    let (file, url) = own_store("jobs-in-hand");
    let mut receiver = Receiver::start(&[]);
    let server = Server::with(
        &[
            ("SKOLEDOK__STORE__URL", url.as_str()),
            ("SKOLEDOK__WEBHOOKS__ALLOW", "127.0.0.1, ::1"),
            ("SKOLEDOK__WEBHOOKS__ALLOW_HTTP", "true"),
        ],
        Stdio::null(),
    );
    block_on(execute(&url, NO_DOCUMENTS));
    block_on(execute(&url, NO_ATTEMPTS));
    let plan = sample(Kind::AnnualPlan, Locale::Nb);
    let webhook = json!({ "url": receiver.url, "secret": SECRET });
    let body = json!({ "kind": "annual-plan", "on_invalid": "skip", "webhook": webhook, "list": [plan, plan] });
    let location = taken(&server.post_json(JOBS, &body));
    while_it_goes_on(&server, &location, |job| job["waits_for"] == "store");
    block_on(execute(&url, LONG_AGO));
    // The write is tried several times, and the jobs are looked at.
    std::thread::sleep(Duration::from_secs(11));
    assert_eq!(sqlite(&file, "SELECT round FROM bulk_job"), "0", "what is being made is not queued anew");
    block_on(execute(&url, DOCUMENTS));
    assert_eq!(ended_as(&server, &location, "done")["letters"], 2);
    let metrics = server.get("/metrics").text();
    let made =
        metrics.lines().find_map(|line| line.strip_prefix(r#"skoledok_render_seconds_count{kind="annual-plan"} "#));
    assert_eq!(made, Some("2"), "each is made once");

    assert_eq!(receiver.next()["verified"], true);
    std::thread::sleep(Duration::from_secs(3));
    block_on(execute(&url, ATTEMPTS));
    let deliveries = || server.get(&format!("{location}/deliveries")).json()["deliveries"].clone();
    eventually("it is noted", || deliveries()[0]["state"] == "delivered");
    assert_eq!(deliveries()[0]["attempts"].as_array().map(Vec::len), Some(1));
    receiver.child.kill().expect("the receiver runs");
    let mut rest = String::new();
    receiver.lines.read_to_string(&mut rest).expect("text");
    assert_eq!(rest, "", "it was sent once");
}

#[test]
fn a_service_whose_store_takes_nothing_can_be_stopped() {
    let (_, url) = own_store("jobs-in-hand-stopped");
    let start = || Server::with(&[("SKOLEDOK__STORE__URL", url.as_str())], Stdio::null());
    let server = start();
    block_on(execute(&url, NO_DOCUMENTS));
    let location = taken(&server.post_json(JOBS, &with_list(letter(), vec![pupil(1)])));
    while_it_goes_on(&server, &location, |job| job["waits_for"] == "store");
    assert!(server.terminate().success());
    block_on(execute(&url, DOCUMENTS));
    assert_eq!(ended_as(&start(), &location, "done")["letters"], 1);
}

#[test]
fn chunks_that_the_queue_has_lost_are_queued_again() {
    let (file, url) = own_store("jobs-lost");
    let server =
        Server::with(&[("SKOLEDOK__STORE__URL", url.as_str()), ("SKOLEDOK__BULK__CHUNKS_AT_ONCE", "1")], Stdio::null());
    block_on(execute(&url, NO_DOCUMENTS));
    let body = lines(&letter(), (1..=420).map(pupil));
    let location = taken(&server.post(&format!("{JOBS}?on_invalid=skip"), body.as_bytes(), &[LINES]));
    while_it_goes_on(&server, &location, |job| job["waits_for"] == "store");
    let waiting = "SELECT COUNT(*) FROM Jobs WHERE job_type = 'bulk' AND status = 'Pending'";
    assert_ne!(sqlite(&file, waiting), "0");
    block_on(execute(&url, "DELETE FROM Jobs WHERE job_type = 'bulk' AND status = 'Pending'"));
    block_on(execute(&url, DOCUMENTS));
    eventually("all letters are made", || {
        block_on(execute(&url, LONG_AGO));
        server.get(&location).json()["state"] == "done"
    });
    assert_eq!(digests(&server, &location).len(), 420);
}

#[test]
fn a_job_that_is_stopped_while_it_is_tried_again_goes_on_where_it_was() {
    let (_, url) = own_store("jobs-retry-stopped");
    let start = |fault: &str| {
        Server::with(&[("SKOLEDOK__STORE__URL", url.as_str()), ("SKOLEDOK_TEST_FAULT", fault)], Stdio::null())
    };
    let server = start("fault");
    let mut failing = pupil(2);
    failing["class"] = "fault-panic-2".into();
    let location = taken(&server.post_json(JOBS, &with_list(letter(), vec![pupil(1), failing])));
    assert_eq!(ended_as(&server, &location, "done")["failed"], 1);
    drop(server);
    let server = start("none");
    block_on(execute(&url, NO_DOCUMENTS));
    assert_eq!(server.post(&format!("{location}/retry"), b"", &[]).status, 200);
    while_it_goes_on(&server, &location, |job| job["waits_for"] == "store");
    assert_eq!(server.post(&format!("{location}/cancel"), b"", &[]).status, 200);
    assert_eq!(server.post(&format!("{location}/retry"), b"", &[]).json()["state"], "making");
    block_on(execute(&url, DOCUMENTS));
    assert_eq!(ended_as(&server, &location, "done")["letters"], 2);
}

#[test]
fn a_job_that_does_not_open_fails_alone() {
    let (_, url) = own_store("jobs-unopened");
    let server = Server::with(&[("SKOLEDOK__STORE__URL", url.as_str())], Stdio::null());
    let send = || {
        let location = taken(&server.post_json(JOBS, &with_list(letter(), vec![pupil(1)])));
        ended_as(&server, &location, "done");
        location
    };
    let (spoilt, whole) = (send(), send());
    let spoil = "UPDATE bulk_chunk SET outcomes = X'00' WHERE job = (SELECT id FROM bulk_job ORDER BY turn LIMIT 1)";
    block_on(execute(&url, spoil));
    // As if its service had ended before it took them on.
    block_on(execute(&url, "UPDATE bulk_job SET state = 'making', stage = 2, finished_at = NULL"));
    ended_as(&server, &whole, "done");
    ended_as(&server, &spoilt, "failed");
    assert_eq!(server.get(&spoilt).json()["problem"], "sealed");
}

#[test]
fn webhooks_go_to_no_network_of_ours_and_follow_nobody() {
    let plain = Server::start();
    for (url, secret, member) in [
        ("https://127.0.0.1/", SECRET, "url"),
        ("https://[::ffff:10.0.0.1]/", SECRET, "url"),
        ("https://2130706433/", SECRET, "url"),
        ("http://example.org/", SECRET, "url"),
        ("https://user:password@example.org/", SECRET, "url"),
        ("https://example.org/", "secret", "secret"),
    ] {
        let answer = plain.post_json(JOBS, &with_webhook(url, secret));
        assert_eq!((answer.status, problem(&answer).as_str()), (422, "invalid-webhook"), "{url}");
        assert_eq!(answer.json()["errors"][0]["pointer"], format!("/webhook/{member}"), "{url}");
    }
    // A name that leads home is found out when it is asked for.
    let location = taken(&plain.post_json(JOBS, &with_webhook("https://localhost/", SECRET)));
    ended_as(&plain, &location, "done");
    let attempt = |server: &Server, location: &str| {
        server.get(&format!("{location}/deliveries")).json()["deliveries"][0]["attempts"][0].clone()
    };
    eventually("it was tried", || !attempt(&plain, &location).is_null());
    assert_eq!(attempt(&plain, &location)["failure"], "refused_target");

    let mut receiver = Receiver::start(&["--answers", "307,410", "--header", "Location: http://127.0.0.1:1/"]);
    let server = Server::with(
        &[("SKOLEDOK__WEBHOOKS__ALLOW", "127.0.0.0/8"), ("SKOLEDOK__WEBHOOKS__ALLOW_HTTP", "true")],
        Stdio::null(),
    );
    let location = taken(&server.post_json(JOBS, &with_webhook(&receiver.url, SECRET)));
    receiver.next();
    eventually("it was tried", || !attempt(&server, &location).is_null());
    assert_eq!(attempt(&server, &location)["failure"], "redirect");
    receiver.next();
    eventually("nobody wants it", || {
        server.get(&format!("{location}/deliveries")).json()["deliveries"][0]["state"] == "gone"
    });
}

#[test]
fn whole_documents_of_a_kind_are_made_as_if_each_were_sent_alone() {
    let folder = output_folder("jobs-documents");
    let server = Server::start();
    let plan = |number: usize| {
        let mut plan = sample(Kind::AnnualPlan, Locale::Nb);
        plan["archive_metadata"]["document_id"] = format!("plan-{number}").into();
        plan
    };
    let mut body = format!("{}\n", json!({ "kind": "annual-plan", "on_invalid": "skip" }));
    for number in 1..=5 {
        body = format!("{body}{}\n", plan(number));
    }
    let mut other = plan(6);
    other["render_options"] = json!({ "pdf_standard": "plain" });
    let mut faulty = plan(7);
    faulty["school"]["name"] = "".into();
    body = format!("{body}{{\n{other}\n{faulty}\n");
    let location = taken(&server.post(JOBS, body.as_bytes(), &[LINES]));
    let counts = ended_as(&server, &location, "done");
    assert_eq!((&counts["items"], &counts["letters"], &counts["invalid"]), (&json!(8), &json!(5), &json!(3)));
    let invalid: Vec<(u64, String)> = items(&server, &location, "&status=invalid")
        .iter()
        .map(|item| {
            (
                item["row"].as_u64().unwrap_or(0),
                item["violations"][0]["pointer"].as_str().unwrap_or_default().to_owned(),
            )
        })
        .collect();
    assert_eq!(invalid, [(7, String::new()), (8, "/render_options/pdf_standard".into()), (9, "/school/name".into())]);
    let made = digests(&server, &location);
    let names: Vec<&str> = made.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names[..2], ["000001-plan-1.pdf", "000002-plan-2.pdf"]);
    let alone = server.post_json("/v1/render/annual-plan", &plan(3)).body;
    assert_eq!(server.get(&format!("{location}/items/3/document")).body, alone);
    let merged = write(&folder, "merged.pdf", server.get(&format!("{location}/merged.pdf")).body);
    assert_standards(&[merged]);
    let dry = taken(&server.post(&format!("{JOBS}?dry_run=true"), body.as_bytes(), &[LINES]));
    let counted = ended_as(&server, &dry, "done");
    assert_eq!((&counted["letters"], &counted["pages"]), (&json!(5), &counts["pages"]));
    for wrong in [
        json!({ "kind": "nothing", "list": [plan(1)] }),
        json!({ "kind": "annual-plan", "rules": {}, "list": [plan(1)] }),
        json!({ "kind": "annual-plan", "on_invalid": "perhaps", "list": [plan(1)] }),
    ] {
        assert_eq!(server.post_json(JOBS, &wrong).status, 400);
    }
    let one = taken(&server.post_json(JOBS, &json!({ "kind": "annual-plan", "list": [plan(1)] })));
    ended_as(&server, &one, "done");
}

/// A folder in memory with little room: a tmpfs of its own, or, where this user may not mount one, what a ballast leaves of the one that the system
/// has.
struct SmallDisk {
    folder: PathBuf,
    ballast: Option<PathBuf>,
    /// One at a time: without the right to mount they would share a disk.
    _turn: MutexGuard<'static, ()>,
}

/// The tmpfs that every Linux has.
const SHARED_MEMORY: &str = "/dev/shm";

impl SmallDisk {
    fn new(name: &str, mebibytes: usize) -> Self {
        static TURN: Mutex<()> = Mutex::new(());
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        // A run that was killed has left its disk there; most have left none, which is no failure.
        drop(Command::new("umount").args(["-q", "-l"]).arg(output_path(name)).output());
        let folder = output_folder(name);
        let size = format!("size={mebibytes}m");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(&folder);
        if mount.status().is_ok_and(|status| status.success()) {
            return Self { folder, ballast: None, _turn: turn };
        }
        let free = run_ok(Command::new("df").args(["--output=avail", "-m", SHARED_MEMORY]));
        let free: usize = free.lines().last().and_then(|line| line.trim().parse().ok()).expect("df tells a number");
        assert!(free < 1024, "run the tests as root, or with less than a gibibyte of free {SHARED_MEMORY}");
        let folder = Path::new(SHARED_MEMORY).join(format!("skoledok-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder can be made");
        let ballast = folder.join("ballast");
        let length = format!("{}M", free.saturating_sub(mebibytes));
        run_ok(Command::new("fallocate").args(["-l", &length]).arg(&ballast));
        Self { folder, ballast: Some(ballast), _turn: turn }
    }

    fn grow(&self) {
        match &self.ballast {
            Some(ballast) => std::fs::remove_file(ballast).expect("there is a ballast"),
            None => drop(run_ok(Command::new("mount").args(["-o", "remount,size=200m"]).arg(&self.folder))),
        }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        if self.ballast.is_some() {
            drop(std::fs::remove_dir_all(&self.folder));
        } else {
            // A service may still be leaving.
            drop(Command::new("umount").arg("-l").arg(&self.folder).status());
        }
    }
}

/// A service whose store is on a disk, with few connections to it.
fn on(disk: &SmallDisk) -> Server {
    let url = format!("sqlite:{}", disk.folder.join("store.db").display());
    Server::with(&[("SKOLEDOK__STORE__URL", url.as_str()), ("SKOLEDOK__STORE__CONNECTIONS", "2")], Stdio::null())
}

/// A job of 900 letters, more than there is room for; its place, what was sent, and how many letters are made when it waits. By then nobody can
/// send anything.
fn waiting_for_room(server: &Server) -> (String, String, u64) {
    let list = lines(&json!(null), (1..=900).map(pupil)).split_once('\n').expect("lines").1.to_owned();
    let body = format!("{}\n{list}", letter());
    let location = taken(&server.post(&format!("{JOBS}?on_invalid=skip"), body.as_bytes(), &[LINES]));
    let job = while_it_goes_on(server, &location, |job| job["waits_for"] == "room_in_store");
    assert_eq!(job["state"], "making", "{job}");
    let before = job["counts"]["letters"].as_u64().expect("a count");
    assert!(before > 0 && before < 900, "{job}");
    // One letter, in a list with many empty lines.
    let small = format!("{}\n{}\n{}", letter(), pupil(1), "\n".repeat(150_000));
    eventually("there is no room for another job", || {
        let answer = server.post(JOBS, small.as_bytes(), &[LINES]);
        assert!(answer.status == 202 || problem(&answer) == "store-unavailable", "{}", answer.text());
        answer.status == 503
    });
    (location, body, before)
}

#[test]
fn a_full_disk_is_told_loses_nothing_and_when_there_is_room_the_job_goes_on() {
    let disk = SmallDisk::new("jobs-full", 7);
    let server = on(&disk);
    let (location, _, before) = waiting_for_room(&server);
    // What is made can be had.
    assert_eq!(server.get(&format!("{location}/items/1/document")).status, 200);
    assert_eq!(server.get("/health/live").status, 200);
    // It is killed on top of it.
    drop(server);
    let server = on(&disk);
    assert!(server.get(&location).json()["counts"]["letters"].as_u64() >= Some(before), "nothing is lost");
    disk.grow();
    let counts = ended_as(&server, &location, "done");
    assert_eq!(counts["letters"], 900);
    assert_eq!(digests(&server, &location), UNDISTURBED[..900]);
    eventually("nothing waits any more", || server.get(&location).json()["waits_for"].is_null());
}

#[test]
fn a_service_whose_disk_was_full_for_long_goes_on_by_itself_when_there_is_room() {
    let disk = SmallDisk::new("jobs-full-for-long", 7);
    let server = on(&disk);
    let (location, body, _) = waiting_for_room(&server);
    // Each chunk is tried again and again meanwhile, so that more writes fail than the store has connections.
    std::thread::sleep(Duration::from_secs(6));
    disk.grow();
    let another = taken(&server.post(&format!("{JOBS}?on_invalid=skip"), body.as_bytes(), &[LINES]));
    for location in [location, another] {
        let counts = ended_as(&server, &location, "done");
        assert_eq!(counts["letters"], 900);
        assert_eq!(digests(&server, &location), UNDISTURBED[..900]);
    }
}
