//! Contents of documents reach no log, no error and no file name.

use std::process::Stdio;

use serde_json::json;
use skoledok::access::Scopes;
use skoledok::document::{Kind, Locale};

use crate::access::Keys;
use crate::support::{Server, free_port, national_identity_number, output_folder, sample};
use crate::traces::Collector;

/// A word that stands in for personal data.
const MARK: &str = "Hemmeligheim";

#[test]
fn marked_contents_stay_out_of_log_and_errors() {
    let log = output_folder("privacy").join("log.json");
    let file = std::fs::File::create(&log).expect("a log can be made");
    let server = Server::with_log(Stdio::from(file));
    let mut letter = sample(Kind::ParentLetter, Locale::Nb);
    letter["recipients"] = json!([{ "recipient_key": "r1", "names": [MARK], "postal_address": { "line1": MARK, "postcode": "9999", "city": MARK } }]);
    letter["title"] = json!(MARK);
    let good = server.post_json("/v1/render/parent-letter", &letter);
    assert_eq!(good.status, 200);
    let mut answers = vec![];
    let mut faulty = letter.clone();
    faulty["document_date"] = json!(MARK);
    faulty["school"]["email"] = json!(MARK);
    faulty["school"]["level"] = json!(MARK);
    faulty["intro"] = json!(format!("{MARK} \u{1F600} \u{1}"));
    faulty["closing"] = json!(format!("{MARK} {}", national_identity_number()));
    faulty["recipients"][0]["postal_address"]["postcode"] = json!(MARK);
    faulty["body"] = json!(format!("`{MARK}` <{MARK}> [{MARK}](javascript:{MARK})"));
    faulty[MARK] = json!(format!("{MARK}\u{1}"));
    answers.push(server.post_json("/v1/render/parent-letter", &faulty));
    answers.push(server.post_json("/v1/validate/parent-letter", &faulty));
    answers.push(server.post("/v1/render/parent-letter", format!("{{\"name\": {MARK}").as_bytes(), &[]));
    answers.push(server.post("/v1/render/parent-letter", letter.to_string().as_bytes(), &[("Content-Type", MARK)]));
    answers.push(server.post("/v1/render/parent-letter", letter.to_string().as_bytes(), &[("Accept", MARK)]));
    for answer in &answers {
        let text = String::from_utf8_lossy(&answer.body);
        assert!(!text.contains(MARK), "status {}: {text}", answer.status);
        assert!(!text.contains(&national_identity_number()), "the number is echoed: {text}");
    }
    let codes = answers[0].json().to_string();
    for code in
        ["national_identity_number", "missing_glyph", "control_character", "unsupported_markdown", "link_scheme"]
    {
        assert!(codes.contains(code), "{code}: {codes}");
    }
    for answer in answers.iter().chain([&good]) {
        for (name, value) in &answer.headers {
            assert!(!value.to_str().unwrap_or_default().contains(MARK), "{name}");
        }
    }
    server.get(&format!("/v1/kinds/{MARK}"));
    server.get(&format!("/{MARK}?{MARK}={MARK}"));
    assert_eq!(server.terminate().code(), Some(0));
    let log = std::fs::read_to_string(&log).expect("the log can be read");
    assert!(log.lines().count() >= 8, "{log}");
    assert!(!log.contains(MARK), "{log}");
    assert!(!log.contains(&national_identity_number()));
}

#[test]
fn marked_contents_and_credentials_stay_out_of_log_metrics_and_store() {
    let folder = output_folder("privacy-closed");
    let (log, port) = (folder.join("log.json"), free_port().to_string());
    let file = std::fs::File::create(&log).expect("a log can be made");
    let keys = Keys::new("privacy-store");
    let key = keys.add("999888763", Scopes::all(), None, None);
    let metrics = format!("127.0.0.1:{port}");
    let collector = Collector::start();
    let telemetry =
        [("SKOLEDOK__TELEMETRY__METRICS_BIND", metrics.as_str()), ("SKOLEDOK__TELEMETRY__OTLP_URL", &collector.url)];
    let server = keys.server_with_log(&telemetry, Stdio::from(file));
    let authorization = format!("Bearer {key}");
    let mut letter = sample(Kind::ParentLetter, Locale::Nb);
    letter["recipients"] = json!([{ "recipient_key": "r1", "names": [MARK], "postal_address": { "line1": MARK, "postcode": "9999", "city": MARK } }]);
    let headers = [
        ("Authorization", authorization.as_str()),
        ("User-Agent", MARK),
        ("traceparent", MARK),
        ("tracestate", MARK),
        ("baggage", MARK),
    ];
    let made = server.post("/v1/render/parent-letter", letter.to_string().as_bytes(), &headers);
    assert_eq!(made.status, 200);
    assert_eq!(server.get_with(made.header("content-location"), &headers).status, 200);
    assert_eq!(server.delete_with(made.header("content-location"), &headers).status, 204);
    // A job, with a recipient that has a fault, and with a webhook that goes nowhere.
    let mut mailing = crate::jobs::letter();
    mailing["letter"]["title"] = json!(format!("{MARK} {{{{pupil.first_name}}}}"));
    mailing["on_invalid"] = json!("skip");
    mailing["webhook"] =
        json!({ "url": format!("https://localhost/{MARK}"), "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" });
    let mut pupils = [crate::jobs::pupil(1), crate::jobs::pupil(2)];
    pupils[0]["first_name"] = json!(MARK);
    pupils[0]["guardians"][0]["name"] = json!(MARK);
    pupils[1]["key"] = json!(format!("{MARK} {MARK}"));
    pupils[1]["guardians"][0]["address"]["postcode"] = json!(MARK);
    mailing["list"] = json!(pupils);
    let job = server.post("/v1/jobs", mailing.to_string().as_bytes(), &headers);
    assert_eq!(job.status, 202, "{}", job.text());
    let location = job.header("location").to_owned();
    crate::support::eventually("the job is done", || server.get_with(&location, &headers).json()["state"] == "done");
    for path in ["", "/items", "/manifest.json", "/manifest.csv", "/deliveries"] {
        let answer = server.get_with(&format!("{location}{path}"), &headers);
        assert_eq!(answer.status, 200, "{path}");
        assert!(!answer.text().contains(MARK), "{path}: {}", answer.text());
    }
    let letter_made = server.get_with(&format!("{location}/items/1/document"), &headers);
    assert!(letter_made.headers.values().all(|value| !value.to_str().unwrap_or_default().contains(MARK)));
    // A plan, held for a reason, on its way to be signed.
    let mut plan = sample(Kind::AnnualPlan, Locale::Nb);
    plan["school"]["name"] = json!(MARK);
    plan["goals"][0] = json!(MARK);
    plan["signatories"][0]["name"] = json!(MARK);
    plan["archive_metadata"] = json!({ "title": MARK, "counterparty": MARK });
    let kept = server.post("/v1/plans", plan.to_string().as_bytes(), &headers);
    assert_eq!(kept.status, 201, "{}", kept.text());
    let at = kept.header("location").to_owned();
    plan["goals"][1] = json!(format!("{MARK} 2"));
    let put = [headers[0], ("If-Match", "\"1\"")];
    assert_eq!(server.put(&at, plan.to_string().as_bytes(), &put).status, 200);
    plan["school"]["email"] = json!(MARK);
    let faulty = server.put(&at, plan.to_string().as_bytes(), &[headers[0], ("If-Match", "*")]);
    assert!(faulty.status == 422 && !faulty.text().contains(MARK), "{}", faulty.text());
    assert_eq!(server.post(&format!("{at}/finalise"), b"", &headers).status, 200);
    let signers = json!({ "signers": [{ "signatory": 0 }] }).to_string();
    assert_eq!(server.post(&format!("{at}/signing"), signers.as_bytes(), &headers).status, 200);
    let wrong = json!({ "signers": [{ "field": MARK }] }).to_string();
    let refused = server.post(&format!("{at}/signing"), wrong.as_bytes(), &headers);
    assert!(refused.status >= 400 && !refused.text().contains(MARK), "{}", refused.text());
    let hold = json!({ "reason": MARK }).to_string();
    assert_eq!(server.put(&format!("{at}/hold"), hold.as_bytes(), &headers).status, 200);
    let list = format!("/v1/plans?school={MARK}");
    for path in [&list, &format!("{at}/changes"), &format!("{at}/archive.json"), &format!("{at}/document.pdf"), &at] {
        let answer = server.get_with(path, &headers);
        assert_eq!(answer.status, 200, "{path}");
        assert!(answer.headers.values().all(|value| !value.to_str().unwrap_or_default().contains(MARK)), "{path}");
    }
    letter["title"] = json!(["", MARK]);
    assert_eq!(server.post("/v1/render/parent-letter", letter.to_string().as_bytes(), &headers).status, 422);
    assert_eq!(server.get_with(&format!("/v1/{MARK}"), &headers).status, 404);
    for wrong in [format!("Bearer {MARK}"), format!("{MARK} {key}"), format!("Bearer {key}{MARK}")] {
        let answer = server.get_with("/v1/audit", &[("Authorization", &wrong)]);
        assert_eq!(answer.status, 401);
        assert!(!answer.text().contains(MARK) && !answer.text().contains(&key));
    }
    let scraped = ureq::get(format!("http://{metrics}/metrics")).call().expect("the metrics are served");
    let scraped = scraped.into_body().read_to_string().expect("the metrics can be read");
    assert!(
        scraped
            .contains("skoledok_requests_total{route=\"/v1/render/parent-letter\",method=\"POST\",status=\"200\"} 1"),
        "{scraped}"
    );
    let began = std::time::Instant::now();
    assert_eq!(server.terminate().code(), Some(0));
    assert!(began.elapsed().as_secs() < 5, "an orderly stop takes no longer with metrics of their own");
    let secret = key.rsplit('_').next().expect("a key has a secret");
    let mut searched =
        vec![("metrics", scraped.into_bytes()), ("log", std::fs::read(&log).expect("the log can be read"))];
    for end in ["", "-wal"] {
        let file = format!("{}{end}", keys.url().trim_start_matches("sqlite:"));
        // An orderly stop leaves no journal.
        searched.extend(std::fs::read(file).ok().map(|bytes| ("store", bytes)));
    }
    searched.push(("traces", collector.bytes()));
    assert!(searched.len() >= 4 && searched.iter().all(|(_, bytes)| !bytes.is_empty()));
    for (what, bytes) in &searched {
        for needle in [MARK, secret] {
            assert!(!bytes.windows(needle.len()).any(|part| part == needle.as_bytes()), "{needle} is in the {what}");
        }
    }
}
