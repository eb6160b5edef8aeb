//! Fetching a signed plan, beside a letter that is in memory and beside a bare handler.

use std::path::PathBuf;

use serde_json::{Value, json};
use skoledok::document::{Kind, Locale};
use skoledok::template;

use crate::report::Table;
use crate::service::{Bare, CALLERS, Redis, Service};
use crate::{ROUNDS, TURN, input, load, signing};

const LETTER: &str = "GET of a letter, from memory";
const SIGNED: &str = "GET of a signed plan";
const KNOWN: &str = "GET of a signed plan, 304";
const FROZEN: &str = "GET of a plan that is final";
const BARE: &str = "bare GET: the signed plan from memory";

/// The table.
pub fn table() -> Table {
    let mut table = Table::new(
        "plans",
        "Signed plans on SQLite, beside letters that are in memory and a bare poem handler",
        &["requests/s", "CPU µs each", "p50 ms", "p99 ms", "MiB"],
    );
    table.unit = 1000.0;
    let redis = Redis::start();
    let bare = Bare::start(&redis.url());
    let service = Service::start(&[("SKOLEDOK__SIGNING__KEYS_FOLDER", &keys().to_string_lossy())]);
    let letter = service.make(&load::post("/v1/render/parent-letter", &input::Bodies::of("letter").body(1)));
    let plan = signed_plan(&service.address);
    let signed = format!("{plan}/signed.pdf");
    let fetched = service.fetch(&signed);
    assert_eq!(fetched.status, 200);
    bare.set(&fetched.body);
    let tag = fetched.header("etag");
    let requests = [
        (LETTER, load::get(&letter, &[])),
        (SIGNED, load::get(&signed, &[])),
        (KNOWN, load::get(&signed, &[("If-None-Match", &tag)])),
        (FROZEN, load::get(&format!("{plan}/document.pdf"), &[])),
    ];
    for _ in 0..ROUNDS {
        let before = bare.cpu();
        let mut figures = load::repeat(&bare.address, &load::get("/memory", &[]), CALLERS, TURN);
        (figures.cpu, figures.memory) = (bare.cpu() - before, bare.memory());
        table.add(BARE, figures);
        for (name, request) in &requests {
            let before = service.cpu();
            let mut figures = load::repeat(&service.address, request, CALLERS, TURN);
            (figures.cpu, figures.memory) = (service.cpu() - before, service.memory());
            table.add(name, figures);
        }
    }
    for name in [SIGNED, KNOWN, FROZEN] {
        table.compare(name, LETTER);
    }
    table.compare(SIGNED, BARE);
    table
}

/// A folder of keys with one of P-256.
fn keys() -> PathBuf {
    signing::make_keys();
    let keys = signing::folder().join("keys");
    let own = keys.join("local");
    std::fs::create_dir_all(&own).expect("a folder below target/ can be made");
    for name in ["p256.key", "p256.pem"] {
        std::fs::copy(signing::folder().join(name), own.join(name)).expect("the keys were made");
    }
    keys
}

/// The place of a plan that one person has signed.
fn signed_plan(address: &str) -> String {
    let url = |path: &str| format!("http://{address}{path}");
    let send = |path: &str, body: &str| {
        let answer = ureq::post(url(path)).header("Content-Type", "application/json").send(body);
        let mut answer = answer.unwrap_or_else(|error| panic!("{path}: {error}"));
        let text = answer.body_mut().read_to_string().expect("an answer can be read");
        let record: Value = serde_json::from_str(&text).expect("a record is JSON");
        record
    };
    let record = send("/v1/plans", template::sample(Kind::AnnualPlan, Locale::Nb));
    let plan = format!("/v1/plans/{}", record["id"].as_str().expect("a record has an id"));
    send(&format!("{plan}/finalise"), "");
    send(&format!("{plan}/signing"), &json!({ "signers": [{ "signatory": 2 }], "level": "B-B" }).to_string());
    let record = send(&format!("{plan}/signatures"), &json!({ "key": "p256", "field": "sig-3" }).to_string());
    assert_eq!(record["status"], "signed", "{record}");
    plan
}
