//! Plans and agreements over HTTP and in the store, on both stores: their life, conditions, who comes first, what stays.

use std::collections::BTreeSet;
use std::process::Stdio;

use bytes::Bytes;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use skoledok::access::{Scopes, now};
use skoledok::document::{Kind, Locale, hex};
use skoledok::record::{Condition, Made, RecordError, Records, Settings as RecordSettings};
use skoledok::sign::level::Level;
use skoledok::store::{
    DOCUMENT, Entry, Frozen, KeptSignature, Move, NewSignature, NewSigning, NewVersion, PendingRow, RecordRow, Role,
    SIGNED, Settings, SignedFile, SigningEnd, Store, Terms,
};
use skoledok::tenant::Tenant;

use crate::access::Keys;
use crate::postgres_server::PostgresServer;
use crate::store::{block_on, execute};
use crate::support::{
    Answer, Server, assert_standards, binary, eventually, output_folder, run_ok, sample, signal, words,
};

const PLANS: &str = "/v1/plans";
const AGREEMENTS: &str = "/v1/agreements";
/// A key for stores of tests.
const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

/// A plan unlike every other, by its number.
fn plan(number: usize) -> Value {
    let mut plan = sample(Kind::AnnualPlan, Locale::Nb);
    plan["goals"][0] = json!(format!("Mål nummer {number}"));
    plan
}

fn problem(answer: &Answer) -> String {
    answer.json()["type"].as_str().unwrap_or_default().trim_start_matches("urn:skoledok:problem:").to_owned()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn kept(answer: &Answer) -> String {
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert_eq!(answer.header("etag"), "\"1\"");
    answer.header("location").to_owned()
}

/// The answer, which has to have a status and a kind of problem.
fn refused(answer: Answer, status: u16, name: &str) -> Answer {
    assert_eq!((answer.status, problem(&answer).as_str()), (status, name), "{}", answer.text());
    answer
}

fn done(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

/// Replaces a record as it is now.
fn replace(server: &Server, location: &str, body: &Value) -> Answer {
    let tag = server.get(location).header("etag").to_owned();
    server.put(location, body.to_string().as_bytes(), &[("If-Match", &tag)])
}

fn finalise(server: &Server, location: &str) -> Answer {
    server.post(&format!("{location}/finalise"), b"", &[])
}

fn start_signing(server: &Server, location: &str) -> Answer {
    let signers = json!({ "signers": [{ "signatory": 0 }, { "field": "sig-2" }], "level": "B-B" });
    server.post_json(&format!("{location}/signing"), &signers)
}

/// The records of a service, reached behind its back: what makes signatures is not part of it.
struct Signers {
    records: Records,
    tenant: Tenant,
}

impl Signers {
    async fn beside(url: &str) -> Self {
        let key = Some(skoledok::seal::Key::new(skoledok::document::unhex(KEY).expect("a key has 64 digits")));
        let settings = Settings { url: url.to_owned().into(), connections: 2, key };
        let store = Store::open(&settings, Role::Command).await.expect("the store opens");
        let records = Records::new(store, None, RecordSettings { retention_years: 10 });
        Self { records, tenant: Tenant::local() }
    }

    /// What a signature on the file as it is now would make of it, when it is the turn of somebody, who may be another.
    async fn made(&self, kind: Kind, id: &str, turn: &str, field: &str) -> (i64, Made) {
        let base = self.records.base(&self.tenant, kind, id, turn, &Condition::Any).await.expect("it is being signed");
        let bytes = [&base.bytes[..], b"% signature of ", field.as_bytes(), b"\n"].concat();
        let made = Made {
            bytes: Bytes::from(bytes),
            field: field.to_owned(),
            level: Level::BB,
            raise_after: None,
            signed_at: now(),
            evidence: b"{}".to_vec(),
        };
        (base.record.revision, made)
    }

    async fn sign(&self, kind: Kind, id: &str, field: &str) {
        let (revision, made) = self.made(kind, id, field, field).await;
        let seen = (revision, &Condition::Any);
        self.records.keep_signature(&self.tenant, kind, id, seen, made, None).await.expect("it is waited for");
    }
}

fn id_of(location: &str) -> &str {
    location.rsplit('/').next().expect("a location has an id")
}

/// From the first draft to the second signed version.
fn live(server: &Server, url: &str) {
    let sent = plan(1).to_string();
    let location = kept(&server.post(PLANS, sent.as_bytes(), &[]));
    let record = done(&server.get(&location));
    assert_eq!((text(&record["status"]), &record["version"]), ("draft", &json!(1)));
    assert_eq!(record["title"], "Årsplan 2026/2027 – Fjordvik skole");
    assert_eq!(record["allowed"], json!(["replace", "finalise"]));
    assert_eq!(record["school"], json!({ "name": "Fjordvik skole", "org_number": "974588145" }));
    let content = server.get(&format!("{location}/content"));
    assert_eq!(content.text(), sent, "as it was sent, byte by byte");
    let again = server.get_with(&format!("{location}/content"), &[("If-None-Match", content.header("etag"))]);
    assert_eq!(again.status, 304);
    let pdf = format!("{location}/document.pdf");
    assert_eq!(server.get(&pdf).body, server.post("/v1/render/annual-plan", sent.as_bytes(), &[]).body);
    refused(server.get(&format!("{location}/signed.pdf")), 409, "not-now");
    refused(server.get(&format!("{location}/archive.json")), 409, "not-now");
    let answer = refused(start_signing(server, &location), 409, "not-now");
    assert_eq!(answer.json()["allowed"], json!(["replace", "finalise"]));

    // A second draft in place of the first, which stays readable.
    done(&replace(server, &location, &plan(2)));
    let record = done(&finalise(server, &location));
    assert_eq!((text(&record["status"]), &record["version"]), ("final", &json!(2)));
    refused(finalise(server, &location), 409, "not-now");
    let versions = done(&server.get(&format!("{location}/versions")))["versions"].clone();
    let statuses: Vec<_> = versions.as_array().expect("versions").iter().map(|v| text(&v["status"])).collect();
    assert_eq!(statuses, ["final", "superseded"]);
    assert_eq!(done(&server.get(&format!("{location}/versions/1")))["status"], "superseded");
    refused(server.get(&format!("{location}/versions/3")), 404, "no-such-version");
    assert_eq!(server.get(&format!("{location}/content?version=1")).text(), sent);

    // The frozen document: the bytes that the log of versions tells, whole and in part.
    let frozen = server.get(&pdf);
    assert_eq!(hex(&Sha256::digest(&frozen.body)), text(&versions[0]["document"]["sha256"]));
    assert_eq!(versions[0]["document"]["size"], frozen.body.len());
    assert!(frozen.header("repr-digest").starts_with("sha-256=:") && frozen.header("etag").starts_with('"'));
    assert_eq!(frozen.header("content-disposition"), "attachment; filename=\"annual-plan-2026-2027-nb.pdf\"");
    let part = server.get_with(&pdf, &[("Range", "bytes=5-9")]);
    assert_eq!((part.status, &part.body[..]), (206, &frozen.body[5..10]));
    assert_eq!(server.get_with(&pdf, &[("If-None-Match", frozen.header("etag"))]).status, 304);
    for headers in [&[][..], &[("Range", "bytes=5-9")]] {
        let head = server.head_with(&pdf, headers);
        assert_eq!((head.status, head.header("content-length")), (200, frozen.body.len().to_string().as_str()));
    }
    let folder = output_folder(&format!("records-{}", if url.starts_with("sqlite") { "sqlite" } else { "postgres" }));
    let file = folder.join("frozen.pdf");
    std::fs::write(&file, &frozen.body).expect("a file can be written");
    assert!(words(&file).contains("Mål nummer 2"));
    assert_standards(&[file]);

    let record = done(&start_signing(server, &location));
    assert_eq!((text(&record["status"]), &record["signing"]["in_order"]), ("signing", &json!(true)));
    let signers = record["signing"]["signers"].as_array().expect("signers").clone();
    assert_eq!((text(&signers[0]["field"]), text(&signers[0]["name"])), ("sig-1", "Liv Døme"));
    assert_eq!((text(&signers[1]["field"]), text(&signers[1]["status"])), ("sig-2", "waiting"));
    let answer = refused(replace(server, &location, &plan(3)), 409, "not-now");
    assert_eq!(answer.json()["allowed"], json!(["sign", "hand_in", "decline", "withdraw"]));
    refused(server.delete(&location), 409, "not-now");
    refused(server.get(&format!("{location}/signed.pdf")), 409, "not-now");
    let id = id_of(&location);
    block_on(async {
        let signers = Signers::beside(url).await;
        let kind = Kind::AnnualPlan;
        let (revision, made) = signers.made(kind, id, "sig-1", "sig-2").await;
        let early =
            signers.records.keep_signature(&signers.tenant, kind, id, (revision, &Condition::Any), made, None).await;
        assert!(matches!(early, Err(RecordError::NotNow { .. })), "not before the first: {early:?}");
        let early = signers.records.base(&signers.tenant, kind, id, "sig-2", &Condition::Any).await;
        assert!(matches!(early, Err(RecordError::NotNow { .. })), "nor is anything made for it: {early:?}");
        let lost = Condition::OneOf(vec![1]);
        let lost = signers.records.base(&signers.tenant, kind, id, "sig-1", &lost).await;
        assert!(matches!(lost, Err(RecordError::Lost)), "it was changed since: {lost:?}");
        signers.sign(kind, id, "sig-1").await;
    });
    refused(server.get(&format!("{location}/signed.pdf")), 409, "not-now");
    refused(server.delete(&format!("{location}/signing")), 409, "not-now");
    block_on(async { Signers::beside(url).await.sign(Kind::AnnualPlan, id, "sig-2").await });
    let record = done(&server.get(&location));
    assert_eq!((text(&record["status"]), &record["signed_version"]), ("signed", &json!(2)));
    let signed = server.get(&format!("{location}/signed.pdf"));
    assert_eq!(signed.body, [&frozen.body[..], b"% signature of sig-1\n% signature of sig-2\n"].concat());
    assert_eq!(signed.header("content-disposition"), "attachment; filename=\"annual-plan-2026-2027-nb-signed.pdf\"");
    assert_eq!(server.get(&pdf).body, frozen.body, "the unsigned one stays");

    // A third version beside the signed one, which counts until that is signed, too.
    done(&replace(server, &location, &plan(3)));
    assert_eq!(server.get(&format!("{location}/signed.pdf")).body, signed.body);
    done(&finalise(server, &location));
    assert_eq!(done(&server.get(&format!("{location}/versions/2")))["status"], "signed");
    done(&start_signing(server, &location));
    block_on(async {
        let signers = Signers::beside(url).await;
        signers.sign(Kind::AnnualPlan, id, "sig-1").await;
        signers.sign(Kind::AnnualPlan, id, "sig-2").await;
    });
    assert_eq!(done(&server.get(&format!("{location}/versions/2")))["status"], "superseded");
    assert_ne!(server.get(&format!("{location}/signed.pdf")).body, signed.body);
    assert_eq!(server.get(&format!("{location}/signed.pdf?version=2")).body, signed.body, "for ever");
    archive_is_told(server, &location);
}

fn archive_is_told(server: &Server, location: &str) {
    let archive = done(&server.get(&format!("{location}/archive.json?version=2")));
    let signed = server.get(&format!("{location}/signed.pdf?version=2"));
    let journal = &archive["arkivforskrifta_15"];
    for letter in
        ["a_identifikator", "b_sammenheng", "c_tittel", "d_avsender_mottaker", "e_dokumentdato", "f_registrert"]
    {
        assert!(!journal[letter].is_null(), "{letter}: {journal}");
    }
    assert_eq!(archive["saksmappe"]["mappeID"], "2026/87");
    assert_eq!(archive["journalpost"]["tittel"], "Årsplan 2026/2027 – Fjordvik skole");
    let objects = archive["dokumentbeskrivelse"]["dokumentobjekt"].as_array().expect("objects").clone();
    assert_eq!(objects.len(), 2);
    assert_eq!(
        (text(&objects[0]["variantformat"]), text(&objects[0]["format"]), &objects[0]["versjonsnummer"]),
        ("Arkivformat", "PDF/A-2A", &json!(2))
    );
    assert_eq!(text(&objects[0]["sjekksum"]), hex(&Sha256::digest(&signed.body)));
    assert_eq!(objects[0]["filstoerrelse"], signed.body.len());
    assert_eq!(text(&objects[1]["variantformat"]), "Produksjonsformat");
}

#[test]
fn a_plan_lives_on_sqlite() {
    let url = format!("sqlite:{}", output_folder("records-life").join("store.db").display());
    let server = Server::with(&[("SKOLEDOK__STORE__URL", &url), ("SKOLEDOK__STORE__KEY", KEY)], Stdio::null());
    live(&server, &url);
}

#[test]
fn a_plan_lives_on_postgresql() {
    let postgres = PostgresServer::start("records");
    let url = postgres.url();
    let server = Server::with(&[("SKOLEDOK__STORE__URL", &url), ("SKOLEDOK__STORE__KEY", KEY)], Stdio::null());
    live(&server, &url);
    // Nothing of the document is readable in the store.
    let dump = postgres.ask("SELECT string_agg(v::text, ' ') FROM record v")
        + &postgres.ask("SELECT string_agg(v::text, ' ') FROM record_version v");
    assert!(!dump.contains("Fjordvik") && !dump.contains("974588145") && !dump.contains(&hex(b"Fjordvik")), "{dump}");
}

#[test]
fn bodies_are_checked_as_for_rendering_and_conditions_hold() {
    let server = Server::start();
    let mut faulty = plan(1);
    faulty["school"]["email"] = json!("nobody");
    faulty["entries"][0]["date"] = json!("2026-13-01");
    let answer = refused(server.post_json(PLANS, &faulty), 422, "invalid-document");
    assert_eq!(answer.json()["errors"].as_array().map(Vec::len), Some(2), "all at once");
    refused(server.post(PLANS, b"{", &[]), 400, "unreadable-json");
    refused(server.post_json(AGREEMENTS, &plan(1)), 422, "invalid-document");

    // The same key with the same body is the same record.
    let key = [("Idempotency-Key", "\"a-key\"")];
    let location = kept(&server.post(PLANS, plan(1).to_string().as_bytes(), &key));
    assert_eq!(kept(&server.post(PLANS, plan(1).to_string().as_bytes(), &key)), location);
    refused(server.post(PLANS, plan(2).to_string().as_bytes(), &key), 409, "idempotency-key-used");
    let other = kept(&server.post(PLANS, plan(1).to_string().as_bytes(), &[]));
    assert_ne!(other, location);

    let body = plan(2).to_string();
    let put = |tag: Option<&str>| {
        let headers: Vec<_> = tag.map(|tag| ("If-Match", tag)).into_iter().collect();
        server.put(&location, body.as_bytes(), &headers)
    };
    refused(put(None), 428, "condition-missing");
    refused(put(Some("\"7\"")), 412, "changed-since");
    refused(put(Some("W/\"1\"")), 412, "changed-since");
    assert_eq!(put(Some("\"9\", \"1\"")).header("etag"), "\"2\"");
    refused(put(Some("\"1\"")), 412, "changed-since");
    assert_eq!(put(Some("*")).status, 200);
    refused(server.put(&location, faulty.to_string().as_bytes(), &[("If-Match", "*")]), 422, "invalid-document");
    refused(server.post(&format!("{location}/finalise"), b"", &[("If-Match", "\"1\"")]), 412, "changed-since");

    // What the document itself says counts.
    let mut draft = plan(3);
    draft["status"] = json!("draft");
    done(&replace(&server, &location, &draft));
    refused(finalise(&server, &location), 409, "not-final");
    // A kind is not found where another is kept.
    refused(server.get(&location.replace("plans", "agreements")), 404, "no-such-record");
    refused(server.get(&format!("{PLANS}/{}", "A".repeat(22))), 404, "no-such-record");

    let location = kept(&server.post_json(AGREEMENTS, &sample(Kind::CooperationAgreement, Locale::Nn)));
    done(&finalise(&server, &location));
    for (wrong, pointer) in [
        (json!({ "signers": [{ "signatory": 5 }] }), "/signers/0"),
        (json!({ "signers": [{ "signatory": 0 }, { "field": "sig-1" }] }), "/signers/1"),
        (json!({ "signers": [{ "field": "sig-9" }] }), "/signers/0"),
        (json!({ "signers": [{ "signatory": 0, "field": "sig-1" }] }), "/signers/0"),
    ] {
        let answer = refused(server.post_json(&format!("{location}/signing"), &wrong), 422, "invalid-signers");
        assert_eq!(answer.json()["errors"][0]["pointer"], pointer, "{wrong}");
    }
    for wrong in [json!({}), json!({ "signers": [] }), json!({ "signers": [{ "signatory": 0 }], "more": 1 }), json!([])]
    {
        refused(server.post_json(&format!("{location}/signing"), &wrong), 400, "bad-form");
    }
}

#[test]
fn signing_is_declined_withdrawn_and_runs_out() {
    let url = format!("sqlite:{}", output_folder("records-signing").join("store.db").display());
    let server = Server::with(&[("SKOLEDOK__STORE__URL", &url), ("SKOLEDOK__STORE__KEY", KEY)], Stdio::null());
    let location = kept(&server.post_json(AGREEMENTS, &sample(Kind::CooperationAgreement, Locale::Nb)));
    refused(server.delete(&format!("{location}/signing")), 409, "not-now");
    done(&finalise(&server, &location));
    done(&start_signing(&server, &location));
    refused(start_signing(&server, &location), 409, "not-now");
    let record = done(&server.delete(&format!("{location}/signing")));
    assert_eq!((text(&record["status"]), &record["signing"]), ("final", &Value::Null));

    done(&start_signing(&server, &location));
    let decline = |field: &str| {
        let body = json!({ "signer": { "field": field }, "reason": "disagrees" });
        server.post_json(&format!("{location}/signing/decline"), &body)
    };
    refused(decline("sig-3"), 422, "invalid-signers");
    let record = done(&decline("sig-2"));
    assert_eq!((text(&record["status"]), text(&record["signing"]["decline_reason"])), ("declined", "disagrees"));
    assert_eq!(record["signing"]["signers"][1]["status"], "declined");
    assert_eq!(record["allowed"], json!(["replace"]));
    refused(start_signing(&server, &location), 409, "not-now");

    // A new version supersedes the one that was declined when it is final.
    done(&replace(&server, &location, &sample(Kind::CooperationAgreement, Locale::Nb)));
    assert_eq!(done(&server.get(&format!("{location}/versions/1")))["status"], "declined");
    done(&finalise(&server, &location));
    assert_eq!(done(&server.get(&format!("{location}/versions/1")))["status"], "superseded");
    done(&start_signing(&server, &location));
    block_on(execute(&url, "UPDATE record_version SET deadline = 1 WHERE state = 'signing'"));
    eventually("the time is over without anybody asking", || {
        let versions = std::process::Command::new(crate::support::root().join("target/test-tools/venv/bin/python"))
            .args(["-c", "import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute('SELECT count(*) FROM record_version WHERE state = ?', ('expired',)).fetchone()[0])"])
            .arg(url.trim_start_matches("sqlite:"))
            .output()
            .expect("python runs");
        String::from_utf8_lossy(&versions.stdout).trim() == "1"
    });
    assert_eq!(done(&server.get(&location))["allowed"], json!(["replace"]));
    refused(decline("sig-1"), 409, "not-now");

    // Whoever finds out that the time is over, it is noted once.
    done(&replace(&server, &location, &sample(Kind::CooperationAgreement, Locale::Nb)));
    done(&finalise(&server, &location));
    done(&start_signing(&server, &location));
    block_on(execute(&url, "UPDATE record_version SET deadline = 1 WHERE state = 'signing'"));
    assert_eq!(done(&server.get(&location))["status"], "expired");
    let log = run_ok(binary().args(["audit", "export"]).env("SKOLEDOK__STORE__URL", &url));
    assert_eq!(log.matches("expire signing").count(), 2, "{log}");
}

#[test]
fn lists_are_filtered_and_stay_in_place_while_things_change() {
    let server = Server::start();
    let mut locations = Vec::new();
    for number in 0..7 {
        let mut body = plan(number);
        if number == 3 {
            body["school"] = json!({ "name": "Åsen skole" });
            body["school_year"] = json!("2027/2028");
            body["entries"] = json!([{ "id": "a", "title": "Start", "category": "other", "month": 8 }]);
            body["school_calendar"] = json!([]);
        }
        locations.push(kept(&server.post_json(PLANS, &body)));
        // The same moment for two is possible, but not for all.
        std::thread::sleep(std::time::Duration::from_millis(3));
    }
    let ids = |page: &Value| -> Vec<String> {
        let records = page["records"].as_array().expect("a page has records");
        records.iter().map(|record| format!("{PLANS}/{}", text(&record["id"]))).collect()
    };
    let list = |query: &str| done(&server.get(&format!("{PLANS}?{query}")));
    let first = list("limit=3");
    let next = text(&first["next"]).to_owned();
    // Meanwhile one of the first page is changed, one comes, and the last of the page goes.
    done(&replace(&server, &locations[6], &plan(66)));
    kept(&server.post_json(PLANS, &plan(8)));
    assert_eq!(server.delete(&locations[4]).status, 204);
    let second = list(&format!("limit=3&after={next}"));
    let third = list(&format!("limit=3&after={}", text(&second["next"])));
    let seen: Vec<_> = [&first, &second, &third].into_iter().flat_map(ids).collect();
    assert_eq!(seen, locations.iter().rev().cloned().collect::<Vec<_>>());
    assert_eq!(third["next"], Value::Null);
    refused(server.get(&format!("{PLANS}?after=nowhere")), 400, "bad-parameter");

    assert_eq!(ids(&list("school=%C3%85sen%20skole")), [locations[3].clone()]);
    // The same name in another normal form.
    assert_eq!(ids(&list("school=A%CC%8Asen%20skole")), [locations[3].clone()]);
    assert_eq!(ids(&list("school=974588145")).len(), 6);
    assert_eq!(ids(&list("school=Fjordvik")).len(), 0, "the whole name");
    assert_eq!(ids(&list("school_year=2027/2028")), [locations[3].clone()]);
    done(&finalise(&server, &locations[0]));
    assert_eq!(ids(&list("status=final")), [locations[0].clone()]);
    assert_eq!(ids(&list("status=superseded")), [locations[6].clone()]);
    let changed = done(&server.get(&locations[0]))["changed_at"].as_i64().expect("a moment");
    assert_eq!(ids(&list(&format!("changed_since={changed}"))), [locations[0].clone()]);
    assert_eq!(ids(&list("status=final&school=974588145&school_year=2026/2027&limit=1")), [locations[0].clone()]);
    assert_eq!(done(&server.get(AGREEMENTS))["records"], json!([]));
    refused(server.get(&format!("{PLANS}?status=lost")), 400, "bad-parameter");
}

#[test]
fn of_two_who_change_a_record_at_once_one_does() {
    let server = Server::start();
    for round in 0..4 {
        let location = kept(&server.post_json(PLANS, &plan(round)));
        let (body, tag) = (plan(100).to_string(), "\"1\"");
        let answers: Vec<Answer> = std::thread::scope(|scope| {
            let put = |_| scope.spawn(|| server.put(&location, body.as_bytes(), &[("If-Match", tag)]));
            let putting: Vec<_> = (0..4).map(put).collect();
            let finalising = scope.spawn(|| server.post(&format!("{location}/finalise"), b"", &[("If-Match", tag)]));
            putting.into_iter().chain([finalising]).map(|thread| thread.join().expect("nobody panics")).collect()
        });
        let won = answers.iter().filter(|answer| answer.status == 200).count();
        let lost = answers.iter().filter(|answer| matches!(answer.status, 409 | 412)).count();
        assert_eq!((won, lost), (1, 4), "{:?}", answers.iter().map(|answer| answer.status).collect::<Vec<_>>());
        let record = done(&server.get(&location));
        let versions = done(&server.get(&format!("{location}/versions")))["versions"].as_array().map_or(0, Vec::len);
        assert_eq!(record["version"], versions, "nothing mixes: {record}");
        assert!(versions == 2 || record["status"] == "final", "{record}");
    }
}

#[test]
fn what_is_fetched_again_and_again_is_what_the_record_has_now() {
    let url = format!("sqlite:{}", output_folder("records-fetched").join("store.db").display());
    let server = Server::with(&[("SKOLEDOK__STORE__URL", url.as_str())], Stdio::null());
    let location = kept(&server.post_json(PLANS, &plan(0)));
    let fetched = |query: &str| {
        let answers = [(); 3].map(|()| server.get(&format!("{location}/document.pdf{query}")));
        assert!(answers.iter().all(|answer| answer.status == 200 && answer.body == answers[0].body));
        let [answer, ..] = answers;
        answer.body
    };
    let mut versions = Vec::new();
    for number in 1..=4 {
        done(&finalise(&server, &location));
        versions.push(fetched(""));
        done(&replace(&server, &location, &plan(number)));
        assert!(!versions.contains(&fetched("")), "version {number} is no longer the newest");
        assert_eq!(fetched(&format!("?version={number}")), versions[number - 1]);
    }
    assert_eq!(server.get(&format!("{AGREEMENTS}/{}/document.pdf?version=1", id_of(&location))).status, 404);
}

#[test]
fn what_has_to_be_kept_is_not_deleted() {
    let folder = output_folder("records-keep");
    let keys = Keys::new("records-keep-keys");
    let key = keys.add("999888763", Scopes::all(), None, None);
    let authorization = format!("Bearer {key}");
    let headers = [("Authorization", authorization.as_str())];
    let server = keys.server(&[("SKOLEDOK__RECORDS__RETENTION_YEARS", "10")]);
    let post = |path: &str, body: &Value| server.post(path, body.to_string().as_bytes(), &headers);
    let location = kept(&post(PLANS, &plan(1)));
    // Another organisation finds nothing of it, not even with the same idempotency key.
    let stranger = format!("Bearer {}", keys.add("999888771", Scopes::all(), None, None));
    let stranger = [("Authorization", stranger.as_str()), ("Idempotency-Key", "k")];
    for query in ["", "?school=974588145", "?status=draft"] {
        assert_eq!(done(&server.get_with(&format!("{PLANS}{query}"), &stranger))["records"], json!([]), "{query}");
    }
    let mine = kept(&server.post(PLANS, plan(3).to_string().as_bytes(), &[headers[0], ("Idempotency-Key", "k")]));
    let theirs = kept(&server.post(PLANS, plan(3).to_string().as_bytes(), &stranger));
    assert_ne!(mine, theirs);
    assert_eq!(server.delete_with(&mine, &headers).status, 204);
    let draft = kept(&post(PLANS, &plan(2)));
    assert_eq!(server.delete_with(&draft, &headers).status, 204);
    refused(server.get_with(&draft, &headers), 404, "no-such-record");
    done(&post(&format!("{location}/finalise"), &Value::Null));
    let answer = refused(server.delete_with(&location, &headers), 409, "retained");
    assert!(text(&answer.json()["detail"]).contains("is kept until 20"), "{}", answer.text());
    let retention = done(&server.get_with(&location, &headers))["retention_until"].as_i64().expect("a moment");
    assert!((retention - now() - 3652 * 86_400_000).abs() < 3 * 86_400_000, "ten years");

    // A draft beside it goes alone, and what was final is the newest again. Nothing else is discarded.
    let discard = |tag: &str| {
        let headers = [headers[0], ("If-Match", tag)];
        server.delete_with(&format!("{location}/draft"), &headers)
    };
    refused(discard("*"), 409, "not-now");
    let record = server.get_with(&location, &headers);
    for number in [4, 5] {
        let headers = [headers[0], ("If-Match", "*")];
        done(&server.put(&location, plan(number).to_string().as_bytes(), &headers));
    }
    refused(discard(record.header("etag")), 412, "changed-since");
    let discarded = done(&discard("*"));
    assert_eq!((text(&discarded["status"]), &discarded["version"]), ("final", &json!(1)));
    assert_eq!(discarded["title"], record.json()["title"]);
    refused(server.get_with(&format!("{location}/versions/2"), &headers), 404, "no-such-version");
    assert_eq!(
        done(&server.get_with(&format!("{location}/versions"), &headers))["versions"].as_array().map(Vec::len),
        Some(1)
    );
    refused(discard("*"), 409, "not-now");
    let draft = kept(&post(PLANS, &plan(2)));
    refused(server.delete_with(&format!("{draft}/draft"), &headers), 409, "not-now");
    assert_eq!(server.delete_with(&draft, &headers).status, 204, "nothing of it was ever final");

    // Held, not even when its time is over.
    block_on(execute(keys.url(), "UPDATE record_version SET retention_until = 1"));
    let reason = json!({ "reason": "Tilsynssak 26/1042" });
    let held = done(&server.put(&format!("{location}/hold"), reason.to_string().as_bytes(), &headers));
    assert_eq!(held["hold"]["reason"], "Tilsynssak 26/1042");
    refused(server.delete_with(&location, &headers), 409, "held");
    done(&server.delete_with(&format!("{location}/hold"), &headers));
    refused(server.delete_with(&format!("{location}/hold"), &headers), 409, "not-held");

    // The same beside the service.
    let skoledok = |words: &[&str]| {
        binary().arg("plan").args(words).env("SKOLEDOK__STORE__URL", keys.url()).output().expect("the program starts")
    };
    let id = id_of(&location);
    assert!(skoledok(&["hold", id, "--reason", "tilsyn"]).status.success());
    refused(server.delete_with(&location, &headers), 409, "held");
    let listed = String::from_utf8_lossy(&skoledok(&["list", "--tenant", "999888763"]).stdout).into_owned();
    assert_eq!(listed.trim(), format!("{id}  version 1  final  held  Årsplan 2026/2027 – Fjordvik skole"));
    let shown = String::from_utf8_lossy(&skoledok(&["show", id]).stdout).into_owned();
    assert!(shown.contains(": tilsyn") && shown.contains("version 1  final  since"), "{shown}");
    let out = folder.join("plan");
    let exported = skoledok(&["export", id, "-o", &out.display().to_string()]);
    assert!(exported.status.success(), "{}", String::from_utf8_lossy(&exported.stderr));
    let read = |name: &str| std::fs::read(out.join(name)).expect("it was written");
    assert_eq!(read("content.json"), server.get_with(&format!("{location}/content"), &headers).body);
    assert_eq!(read("document.pdf"), server.get_with(&format!("{location}/document.pdf"), &headers).body);
    assert!(String::from_utf8_lossy(&read("archive.json")).contains("PDF/A-2A"));
    assert!(!out.join("signed.pdf").exists());
    assert_eq!(
        skoledok(&["export", id, "-o", &out.display().to_string()]).status.code(),
        Some(2),
        "nothing is written over"
    );
    assert_eq!(skoledok(&["show", "nobody"]).status.code(), Some(2));
    assert!(skoledok(&["release", id]).status.success());
    let document = || server.get_with(&format!("{location}/document.pdf"), &headers);
    assert_eq!((document().status, document().status), (200, 200));
    assert_eq!(server.delete_with(&location, &headers).status, 204, "its time is over");
    refused(document(), 404, "no-such-record");
    let log = run_ok(binary().args(["audit", "export"]).env("SKOLEDOK__STORE__URL", keys.url()));
    for action in [
        "create record",
        "finalise record",
        "hold record",
        "release record",
        "export record",
        "fetch document",
        "delete record",
    ] {
        eventually(action, || {
            let log = run_ok(binary().args(["audit", "export"]).env("SKOLEDOK__STORE__URL", keys.url()));
            log.contains(action)
        });
    }
    assert!(!log.contains("Fjordvik") && !log.contains("Tilsyn"), "{log}");
}

#[test]
fn changes_are_told_in_the_language_asked_for() {
    let server = Server::start();
    let location = kept(&server.post_json(PLANS, &plan(1)));
    let mut body = plan(1);
    body["entries"][4]["date"] = json!("2026-09-16");
    done(&replace(&server, &location, &body));
    body["goals"][1] = json!("Et annet mål.");
    done(&replace(&server, &location, &body));
    let changes = |query: &str, language: &str| {
        let answer = server.get_with(&format!("{location}/changes{query}"), &[("Accept-Language", language)]);
        let told = done(&answer);
        told["changes"]
            .as_array()
            .expect("changes")
            .iter()
            .map(|change| text(&change["text"]).to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        changes("?from=1&to=2", "de"),
        ["«Aktiviteter › Temamøte 1 › Dato» er endret fra «15.09.2026» til «16.09.2026»."]
    );
    assert_eq!(
        changes("?from=1&to=2", "en"),
        ["“Activities › Temamøte 1 › Date” was changed from “15 September 2026” to “16 September 2026”."]
    );
    assert_eq!(changes("?from=2&to=1", "nn").len(), 1, "backwards, too");
    assert_eq!(changes("", "nb").len(), 2, "the last change: a goal less, another more");
    assert_eq!(changes("?from=1", "nb").len(), 3);
    assert_eq!(changes("?from=3&to=3", "nb").len(), 0);
    refused(server.get(&format!("{location}/changes?from=4")), 404, "no-such-version");
}

#[test]
fn a_service_that_is_killed_has_made_a_version_final_or_not() {
    let folder = output_folder("records-killed");
    let url = format!("sqlite:{}", folder.join("store.db").display());
    let variables = [("SKOLEDOK__STORE__URL", url.as_str()), ("SKOLEDOK__STORE__KEY", KEY)];
    let mut seen = BTreeSet::new();
    for round in 0..14_u64 {
        let server = Server::with(&variables, Stdio::null());
        let location = kept(&server.post_json(PLANS, &plan(usize::try_from(round).expect("a small number"))));
        std::thread::scope(|scope| {
            let finalising = scope.spawn(|| {
                // The answer may never come.
                drop(ureq::post(format!("{}{location}/finalise", server.base)).send_empty());
            });
            std::thread::sleep(std::time::Duration::from_millis(round * 12));
            signal("KILL", server.process_id().parse().expect("a number"));
            finalising.join().expect("nobody panics");
        });
        drop(server);
        let server = Server::with(&variables, Stdio::null());
        let record = done(&server.get(&location));
        let version = done(&server.get(&format!("{location}/versions/1")));
        let status = text(&record["status"]).to_owned();
        let pdf = server.get(&format!("{location}/document.pdf"));
        assert_eq!(pdf.status, 200, "{}", pdf.text());
        match status.as_str() {
            "draft" => assert!(version["document"].is_null() && version["final_at"].is_null(), "{version}"),
            "final" => assert_eq!(hex(&Sha256::digest(&pdf.body)), text(&version["document"]["sha256"])),
            other => panic!("neither before nor after: {other}"),
        }
        let finalised = finalise(&server, &location).status;
        assert_eq!(finalised, if status == "draft" { 200 } else { 409 });
        seen.insert(status);
    }
    assert!(seen.contains("draft"), "{seen:?}");
}

fn row(id: &str, tenant: &str) -> RecordRow {
    RecordRow {
        id: id.to_owned(),
        tenant: tenant.to_owned(),
        kind: "annual_plan".to_owned(),
        revision: 1,
        latest: 1,
        signed: None,
        created_at: 10,
        changed_at: 10,
        held_at: None,
        hold: None,
        contents: Some(vec![1]),
        key: vec![2],
    }
}

fn new_version() -> NewVersion {
    NewVersion { terms: Terms::default(), facts: vec![3], content: vec![4] }
}

fn to<'a>(from: &'a str, to: &'a str, supersedes: &'a [&'a str]) -> Move<'a> {
    Move { number: 1, from, to, supersedes, at: 20 }
}

fn frozen() -> Frozen {
    Frozen { hash: [5; 32], size: 6, label: vec![7], file: vec![8], retention_until: 1000 }
}

fn signed(byte: u8) -> SignedFile {
    SignedFile { hash: [byte; 32], size: 9, file: vec![byte] }
}

fn signature(field: &str, raise_after: Option<i64>) -> NewSignature {
    NewSignature { field: field.to_owned(), level: "B-B".to_owned(), raise_after, signed_at: 30, evidence: vec![1] }
}

fn pending(id: &str, field: &str, base: i64, deadline: i64) -> PendingRow {
    let (record, body) = ("r".to_owned(), vec![1]);
    PendingRow { id: id.to_owned(), record, version: 1, field: field.to_owned(), base, deadline, body }
}

/// All that is asked of a store for signatures: each change once, and only on what was seen.
async fn exercise(url: &str) {
    let settings = Settings { url: url.to_owned().into(), connections: 4, key: None };
    let store = Store::open(&settings, Role::Command).await.expect("the store opens");
    assert_eq!(store.add_record(&row("r", "a"), new_version(), Some(vec![9])).await.expect("it answers"), None);
    let there = store.add_record(&row("s", "a"), new_version(), Some(vec![9])).await.expect("it answers");
    assert_eq!(there.map(|row| row.id), Some("r".to_owned()));
    let finals = ["final", "declined", "expired"];
    let freeze = |revision| store.freeze_record("r", revision, to("draft", "final", &finals), frozen());
    let (one, other) = tokio::join!(freeze(1), freeze(1));
    assert_eq!(u8::from(one.expect("it answers")) + u8::from(other.expect("it answers")), 1, "one of two");
    assert_eq!(store.record_file("r", 1, DOCUMENT).await.expect("it answers"), Some(vec![8]));
    let signing = || NewSigning {
        deadline: 500,
        in_order: true,
        level: "B-LT",
        signers: vec![("sig-1".to_owned(), vec![1]), ("sig-2".to_owned(), vec![2])],
    };
    let begin = |revision| store.begin_signing("r", revision, to("final", "signing", &[]), signing());
    assert!(!begin(1).await.expect("it answers"), "it was changed since");
    assert!(begin(2).await.expect("it answers"));
    assert!(!begin(3).await.expect("it answers"), "it is being signed already");

    // Withdrawn and begun again.
    let end = |revision, state: &'static str, end| store.end_signing("r", revision, to("signing", state, &[]), end);
    assert!(end(3, "final", SigningEnd::Withdrawn).await.expect("it answers"));
    assert_eq!(store.signatures("r", 1).await.expect("it answers"), []);
    assert!(begin(4).await.expect("it answers"));

    // Two are prepared; the one that is completed first counts, and only once.
    assert!(!store.add_pending(pending("p0", "sig-1", 1, 100), "signing").await.expect("it answers"), "another file");
    assert!(!store.add_pending(pending("p0", "sig-9", 0, 100), "signing").await.expect("it answers"), "no such field");
    assert!(store.add_pending(pending("p1", "sig-1", 0, 100), "signing").await.expect("it answers"));
    assert!(store.add_pending(pending("p2", "sig-2", 0, 100), "signing").await.expect("it answers"));
    assert_eq!(store.pending("p1", 100).await.expect("it answers"), None, "its time is over");
    assert_eq!(store.pending("p1", 99).await.expect("it answers"), Some(pending("p1", "sig-1", 0, 100)));
    let finish = || (to("signing", "signed", &["final", "signed"]), 2000);
    let keep = |revision, byte, field, pending| {
        store.keep_signature("r", revision, finish(), signed(byte), signature(field, Some(40)), pending)
    };
    assert_eq!(keep(4, 1, "sig-1", Some("p1")).await.expect("it answers"), KeptSignature::Refused, "an old revision");
    assert_eq!(keep(5, 1, "sig-1", Some("px")).await.expect("it answers"), KeptSignature::Refused, "not prepared");
    assert_eq!(keep(5, 1, "sig-1", Some("p1")).await.expect("it answers"), KeptSignature::Kept);
    assert_eq!(keep(6, 2, "sig-1", Some("p1")).await.expect("it answers"), KeptSignature::Refused, "once");
    assert_eq!(keep(6, 2, "sig-2", Some("p2")).await.expect("it answers"), KeptSignature::Refused, "on another file");
    assert_eq!(
        store.record_file("r", 1, SIGNED).await.expect("it answers"),
        Some(vec![1]),
        "nothing was left by those"
    );
    assert!(!end(6, "final", SigningEnd::Withdrawn).await.expect("it answers"), "somebody has signed");
    assert_eq!(store.drop_late_pending(100).await.expect("it answers"), 1);
    let (one, other) = tokio::join!(keep(6, 2, "sig-2", None), keep(6, 3, "sig-2", None));
    let outcomes = [one.expect("it answers"), other.expect("it answers")];
    assert!(outcomes.contains(&KeptSignature::Finished) && outcomes.contains(&KeptSignature::Refused), "{outcomes:?}");
    let found = store.record_with("r", None).await.expect("it answers").expect("it is there");
    assert_eq!((found.record.signed, found.record.revision), (Some(1), 7));
    assert_eq!((found.version.state.as_str(), found.version.revisions), ("signed", 2));
    assert_eq!((found.version.retention_until, found.version.deadline), (Some(2000), None));

    // Raised later.
    assert_eq!(store.signatures_to_raise(39, 10).await.expect("it answers"), []);
    assert_eq!(store.signatures_to_raise(40, 10).await.expect("it answers"), [("r".to_owned(), 1)]);
    let levels = [("sig-1".to_owned(), "B-LT".to_owned(), None), ("sig-2".to_owned(), "B-B".to_owned(), Some(90))];
    let raise = |revision| store.raise_signatures("r", revision, 1, Some(signed(7)), &levels, 60);
    assert!(!raise(6).await.expect("it answers"));
    assert!(raise(7).await.expect("it answers"));
    assert_eq!(store.signatures_to_raise(60, 10).await.expect("it answers"), []);
    assert_eq!(store.signatures_to_raise(90, 10).await.expect("it answers").len(), 1);
    store.put_off_raising("r", 1, 95).await.expect("it answers");
    assert_eq!(store.signatures_to_raise(94, 10).await.expect("it answers"), []);
    assert_eq!(store.signatures_to_raise(95, 10).await.expect("it answers").len(), 1);
    let hash = store.records_of_hash("a", &[7; 32]).await.expect("it answers");
    assert_eq!(hash.len(), 1);
    assert_eq!(store.records_of_hash("b", &[7; 32]).await.expect("it answers").len(), 0, "another's");

    // Kept until its time, and while it is held.
    let delete = |revision, now| store.delete_record("r", revision, "signing", now);
    assert!(!delete(8, 1999).await.expect("it answers"));
    assert!(store.hold_record("r", 8, Some((1, vec![1])), 70).await.expect("it answers"));
    assert!(!delete(9, 2001).await.expect("it answers"));
    assert!(store.hold_record("r", 9, None, 70).await.expect("it answers"));
    assert!(!delete(9, 2001).await.expect("it answers"), "not as it was seen");
    assert!(delete(10, 2001).await.expect("it answers"));
    assert_eq!(store.record_file("r", 1, SIGNED).await.expect("it answers"), None, "with all that belongs to it");
    assert_eq!(store.signatures("r", 1).await.expect("it answers"), []);

    // Signed elsewhere, from final; declined; run out.
    for (id, revision) in [("t", 2), ("u", 3), ("v", 3)] {
        store.add_record(&row(id, "a"), new_version(), None).await.expect("it answers");
        assert!(store.freeze_record(id, 1, to("draft", "final", &finals), frozen()).await.expect("it answers"));
        if id == "t" {
            let finish = (to("final", "signed", &[]), 2000);
            let signatures = vec![(vec![1], signature("Signature1", None)), (vec![2], signature("Signature2", None))];
            assert!(store.finish_signed(id, revision, finish, signed(1), signatures).await.expect("it answers"));
            assert_eq!(store.signatures(id, 1).await.expect("it answers").len(), 2);
            continue;
        }
        assert!(store.begin_signing(id, 2, to("final", "signing", &[]), signing()).await.expect("it answers"));
    }
    assert_eq!(store.signings_due("signing", 499).await.expect("it answers").len(), 0);
    assert_eq!(store.signings_due("signing", 500).await.expect("it answers").len(), 2);
    let (from_u, from_v) = (to("signing", "declined", &[]), to("signing", "expired", &[]));
    let declined = SigningEnd::Declined { field: "sig-2", reason: "other" };
    assert!(store.end_signing("u", 3, from_u, declined).await.expect("it answers"));
    let entry = Entry {
        at: 1,
        tenant: "a".to_owned(),
        actor: "service".to_owned(),
        action: "expire signing".to_owned(),
        object: "record v version 1".to_owned(),
        result: "done".to_owned(),
        request_id: "-".to_owned(),
    };
    assert!(!store.end_signing("v", 2, from_v, SigningEnd::Expired(&entry)).await.expect("it answers"));
    assert!(store.end_signing("v", 3, from_v, SigningEnd::Expired(&entry)).await.expect("it answers"));
    let noted = store.audit_after(0, Some("a"), 10).await.expect("it answers");
    assert_eq!(noted.into_iter().map(|record| record.entry).collect::<Vec<_>>(), [entry], "once, with the change");
    let states: Vec<_> = store.signatures("u", 1).await.expect("it answers").into_iter().map(|row| row.state).collect();
    assert_eq!(states, ["waiting", "declined"]);
    assert!(!store.replace_record("v", 3, to("expired", "expired", &[]), new_version()).await.expect("it answers"));
    assert!(store.replace_record("v", 4, to("expired", "expired", &[]), new_version()).await.expect("it answers"));
    let states: Vec<_> = store.versions("v").await.expect("it answers").into_iter().map(|row| row.state).collect();
    assert_eq!(states, ["draft", "expired"]);

    // A draft beside what was final is discarded alone, with drafts before it; not while it is held.
    assert!(
        store
            .replace_record("v", 5, Move { number: 2, ..to("draft", "superseded", &[]) }, new_version())
            .await
            .expect("it answers")
    );
    let discard = |revision| store.discard_versions("v", revision, 1, Terms::default(), 90);
    assert!(store.hold_record("v", 6, Some((1, vec![1])), 70).await.expect("it answers"));
    assert!(!discard(7).await.expect("it answers"), "it is held");
    assert!(store.hold_record("v", 7, None, 70).await.expect("it answers"));
    assert!(!discard(7).await.expect("it answers"), "not as it was seen");
    assert!(discard(8).await.expect("it answers"));
    assert!(!discard(9).await.expect("it answers"), "there is none");
    assert_eq!(store.record("v").await.expect("it answers").map(|record| record.latest), Some(1));

    // When a signed file is looked at next.
    assert_eq!(store.proofs_to_renew(0, 10).await.expect("it answers"), [("t".to_owned(), 1, 1)]);
    store.note_proofs("t", 1, 9, (Some(5), Some(1000))).await.expect("it answers");
    assert_eq!(store.proofs_to_renew(0, 10).await.expect("it answers").len(), 1, "the file is another one");
    store.note_proofs("t", 1, 1, (Some(5), Some(1000))).await.expect("it answers");
    assert_eq!(store.proofs_to_renew(999, 10).await.expect("it answers"), []);
    assert_eq!(store.proofs_to_renew(1000, 10).await.expect("it answers").len(), 1);
    store.note_proofs("t", 1, 1, (None, None)).await.expect("it answers");
    assert_eq!(store.proofs_to_renew(i64::MAX, 10).await.expect("it answers"), []);
    store.close().await;
}

#[test]
fn signatures_are_kept_whole_on_sqlite() {
    block_on(exercise(&format!("sqlite:{}", output_folder("records-store").join("store.db").display())));
}

#[test]
fn signatures_are_kept_whole_on_postgresql() {
    let server = PostgresServer::start("records-store");
    block_on(exercise(&server.url()));
}
