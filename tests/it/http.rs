//! The service over HTTP, as another program meets it.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use skoledok::document::{Kind, Locale};

use crate::support::{Server, pdf, sample};

#[test]
fn a_document_comes_with_its_headers() {
    let server = Server::start();
    for kind in Kind::ALL {
        let body = sample(kind, Locale::Nn);
        let answer = server.post_json(&format!("/v1/render/{}", kind.slug()), &body);
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
        assert!(answer.body == pdf(kind, &body), "{}: the same bytes as in this process", kind.slug());
        assert_eq!(answer.header("content-type"), "application/pdf");
        assert_eq!(answer.header("content-language"), "nn");
        assert_eq!(answer.header("cache-control"), "private, no-store");
        assert!(answer.header("skoledok-pages").parse::<usize>().is_ok_and(|pages| pages > 0));
        assert!(answer.header("skoledok-warnings").parse::<usize>().is_ok());
        let disposition = answer.header("content-disposition");
        assert!(disposition.starts_with(&format!("attachment; filename=\"{}", kind.slug())), "{disposition}");
        assert!(disposition.is_ascii() && disposition.ends_with("-nn.pdf\""), "{disposition}");
        let digest = sha256(&answer.body);
        assert_eq!(answer.header("repr-digest"), format!("sha-256=:{digest}:"));
        let tag = answer.header("etag");
        assert!(tag.starts_with('"') && tag.ends_with('"') && tag.len() > 20, "{tag}");
    }
}

fn sha256(bytes: &[u8]) -> String {
    use base64::Engine as _;
    use sha2::Digest as _;
    base64::engine::general_purpose::STANDARD.encode(sha2::Sha256::digest(bytes))
}

#[test]
fn accept_chooses_the_representation() {
    let server = Server::start();
    let body = sample(Kind::MeetingSchedule, Locale::Nb).to_string();
    let cases: [(&str, u16, &str, &[u8]); 6] = [
        ("application/pdf", 200, "application/pdf", b"%PDF"),
        ("image/png", 200, "image/png", b"\x89PNG"),
        ("image/svg+xml", 200, "image/svg+xml", b"<svg"),
        ("text/html", 200, "text/html; charset=utf-8", b"<!DOCTYPE html>"),
        ("text/calendar", 200, "text/calendar; charset=utf-8", b"BEGIN:VCALENDAR\r\n"),
        ("application/msword", 406, "application/problem+json", b"{"),
    ];
    for (accept, status, content_type, beginning) in cases {
        let answer = server.post("/v1/render/meeting-schedule", body.as_bytes(), &[("Accept", accept)]);
        assert_eq!((answer.status, answer.header("content-type")), (status, content_type), "{accept}");
        assert!(answer.body.starts_with(beginning), "{accept}");
    }
    let letter = sample(Kind::ParentLetter, Locale::Nb).to_string();
    let answer = server.post("/v1/render/parent-letter", letter.as_bytes(), &[("Accept", "text/calendar")]);
    assert_eq!(answer.status, 406);
    let png = server.post("/v1/render/parent-letter?page=1&dpi=36", letter.as_bytes(), &[("Accept", "image/png")]);
    let picture = image::load_from_memory(&png.body).expect("the body is a PNG");
    assert_eq!((picture.width(), picture.height()), (298, 421));
    let plain = server.post("/v1/render/parent-letter?standard=plain", letter.as_bytes(), &[]);
    assert!(plain.status == 200 && !String::from_utf8_lossy(&plain.body).contains("pdfaid:part"));
}

#[test]
fn every_error_is_a_problem() {
    let server = Server::start();
    let sample = sample(Kind::ParentLetter, Locale::Nb).to_string();
    let large = format!("{{\"x\":\"{}\"}}", "a".repeat(300 * 1024));
    let cases: [(&str, &str, &[(&str, &str)], u16, &str); 9] = [
        ("/v1/render/parent-letter", "{\n\"a\": 1,\n}", &[], 400, "line 3, column"),
        ("/v1/render/parent-letter", r#"{"status":"draft","status":"final"}"#, &[], 400, "stands twice"),
        ("/v1/render/parent-letter", &sample, &[("Content-Type", "text/plain")], 415, "application/json"),
        ("/v1/render/parent-letter", &sample, &[("Content-Encoding", "gzip")], 415, "Content-Encoding"),
        ("/v1/render/parent-letter", &large, &[], 413, "262144"),
        ("/v1/render/parent-letter?page=0", &sample, &[], 400, "`page`"),
        ("/v1/render/parent-letter?page=900", &sample, &[("Accept", "image/png")], 422, "no page 900"),
        ("/v1/render/no-such-kind", &sample, &[], 404, "parent-letter"),
        ("/v1/nowhere/at/all", &sample, &[], 404, "openapi.json"),
    ];
    for (path, body, headers, status, word) in cases {
        let answer = server.post(path, body.as_bytes(), headers);
        assert_eq!(answer.status, status, "{path}");
        assert_problem(&answer, path, word);
    }
    let wrong_method = server.get("/v1/render/parent-letter");
    assert_eq!((wrong_method.status, wrong_method.header("allow")), (405, "POST"));
    assert_problem(&wrong_method, "/v1/render/parent-letter", "Allow");
    let kind = server.get("/v1/kinds/no-such-kind/schema");
    assert_eq!(kind.status, 404);
    assert_problem(&kind, "/v1/kinds/no-such-kind/schema", "annual-plan");
}

fn assert_problem(answer: &crate::support::Answer, path: &str, word: &str) {
    assert_eq!(answer.header("content-type"), "application/problem+json", "{path}");
    let problem = answer.json();
    assert_eq!(problem["status"], answer.status);
    assert!(problem["type"].as_str().is_some_and(|kind| kind.starts_with("urn:skoledok:problem:")), "{problem}");
    assert_eq!(problem["request_id"], answer.header("x-request-id"));
    assert_eq!(Some(problem["instance"].as_str().unwrap_or_default()), path.split('?').next());
    assert!(problem["title"].is_string());
    assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains(word)), "{problem}");
}

#[test]
fn all_faults_are_told_at_once_in_the_language_asked_for() {
    let server = Server::start();
    let body = json!({
        "locale": "nn", "status": "final", "school_year": "2026/2028", "document_date": "2027-02-30",
        "school": { "name": "Fjordvik skole", "org_number": "123456786", "phone": 22 }, "unknown": true
    });
    let ask = |language: &str| {
        let headers: &[(&str, &str)] = if language.is_empty() { &[] } else { &[("Accept-Language", language)] };
        let answer = server.post("/v1/render/cooperation-agreement", body.to_string().as_bytes(), headers);
        assert_eq!(answer.status, 422);
        (answer.header("content-language").to_owned(), answer.json()["errors"].clone())
    };
    let (language, errors) = ask("en-GB, nb;q=0.5");
    assert_eq!(language, "en");
    let found: Vec<(&str, &str)> = errors
        .as_array()
        .expect("a problem lists its faults")
        .iter()
        .map(|error| (error["pointer"].as_str().unwrap_or_default(), error["code"].as_str().unwrap_or_default()))
        .collect();
    assert_eq!(
        found,
        [
            ("/document_date", "no_such_day"),
            ("/goals", "required_by_status"),
            ("/ppt", "required_by_status"),
            ("/school/org_number", "bad_org_number"),
            ("/school/phone", "wrong_type"),
            ("/school_year", "bad_school_year"),
            ("/signatories", "signatory_missing"),
            ("/signatories", "signatory_missing"),
            ("/unknown", "unknown_member"),
        ]
    );
    assert_eq!(ask("").0, "nn", "without a wish the document's own language");
    assert_ne!(ask("nb").1, ask("nn").1);
    let report = server.post_json("/v1/validate/cooperation-agreement", &body);
    assert_eq!((report.status, &report.json()["valid"]), (200, &json!(false)));
    assert_eq!(report.json()["violations"].as_array().map(Vec::len), Some(found.len()));
}

#[test]
fn kinds_schemas_and_samples_fit_each_other() {
    let server = Server::start();
    let kinds = server.get("/v1/kinds").json();
    let slugs: Vec<&str> =
        kinds["kinds"].as_array().expect("a list").iter().filter_map(|kind| kind["slug"].as_str()).collect();
    assert_eq!(slugs, Kind::ALL.map(Kind::slug));
    for slug in slugs {
        assert_eq!(server.get(&format!("/v1/kinds/{slug}")).json()["slug"], slug);
        let schema = server.get(&format!("/v1/kinds/{slug}/schema")).json();
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
        let validator = jsonschema::validator_for(&schema).expect("the schema is one");
        for locale in ["nb", "nn", "en"] {
            let sample = server.get(&format!("/v1/kinds/{slug}/sample?locale={locale}")).json();
            assert!(validator.is_valid(&sample), "{slug} {locale}");
            assert_eq!(sample["locale"], locale);
            let report: Value = server.post_json(&format!("/v1/validate/{slug}"), &sample).json();
            assert_eq!(report["valid"], true, "{slug} {locale}: {report}");
            assert_eq!(report["warnings"], json!([]), "{slug} {locale}");
        }
    }
}

#[test]
fn the_documentation_needs_no_network() {
    let server = Server::start();
    // The bare address leads there.
    let page = server.get("/");
    assert_eq!(page.status, 200);
    let text = String::from_utf8(page.body).expect("a page is text");
    assert!(text.contains("SwaggerUIBundle") && text.contains("render_parent_letter"));
    for outside in ["src=\"http", "src='http", "href=\"http", "@import"] {
        assert!(!text.contains(outside), "the page loads something: {outside}");
    }
    assert!(
        server.get("/openapi.json").json()["components"]["schemas"]["ParentLetter"]["properties"]["body"].is_object()
    );
}

#[test]
fn the_first_request_and_the_thousandth_both_answer() {
    let server = Server::start();
    let letter = sample(Kind::ParentLetter, Locale::Nb);
    let done = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for worker in 0..4 {
            let (server, letter, done) = (&server, &letter, &done);
            scope.spawn(move || {
                for number in 0..250 {
                    let mut letter = letter.clone();
                    letter["recipients"] = json!([{ "recipient_key": format!("r{worker}-{number}"), "names": [format!("Prøve {worker} {number}")] }]);
                    let answer = server.post_json("/v1/render/parent-letter", &letter);
                    assert_eq!(answer.status, 200);
                    assert!(answer.body.starts_with(b"%PDF") && answer.body.len() > 10_000);
                    done.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(done.load(Ordering::Relaxed), 1000);
    assert_eq!(server.terminate().code(), Some(0));
}

#[test]
fn sigterm_finishes_what_is_under_way_and_ends_with_0() {
    let server = Server::start();
    let plan = crate::extremes::longest(Kind::AnnualPlan, Locale::Nb, skoledok::document::Status::Final).to_string();
    let base = server.base.clone();
    let request = std::thread::spawn(move || {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut response = agent
            .post(format!("{base}/v1/render/annual-plan"))
            .header("Content-Type", "application/json")
            .send(plan.as_bytes())
            .expect("the server answers although it is stopping");
        let body = response.body_mut().with_config().limit(64 << 20).read_to_vec().expect("the body comes whole");
        (response.status().as_u16(), body)
    });
    // Long enough for the request to arrive, shorter than 200 entries take to set in this profile.
    std::thread::sleep(std::time::Duration::from_millis(300));
    let status = server.terminate();
    let (code, body) = request.join().expect("the request ends");
    assert_eq!(code, 200);
    assert!(body.starts_with(b"%PDF") && body.trim_ascii_end().ends_with(b"%%EOF"));
    assert_eq!(status.code(), Some(0));
}
