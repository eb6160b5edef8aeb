//! Contents of documents reach no log, no error and no file name.

use std::process::Stdio;

use serde_json::json;
use skoledok::document::{Kind, Locale};

use crate::support::{Server, national_identity_number, output_folder, sample};

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
