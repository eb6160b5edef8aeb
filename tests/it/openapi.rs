//! The API description: committed, complete, and kept by the service.

use std::process::Command;

use serde_json::Value;
use skoledok::access::Scopes;
use skoledok::document::{Kind, Locale};

use crate::access::Keys;
use crate::support::{Server, binary, output_folder, root, run_ok, sample, words};

fn committed() -> String {
    std::fs::read_to_string(root().join("openapi/openapi.json")).expect("openapi/openapi.json is there")
}

#[test]
fn the_committed_description_is_the_served_one() {
    let generated = run_ok(binary().arg("openapi"));
    assert!(committed() == generated, "openapi/openapi.json has drifted; `make openapi` writes it anew");
    let served = Server::start().get("/openapi.json").json();
    let generated: Value = serde_json::from_str(&generated).expect("the description is JSON");
    assert_eq!(served, generated);
}

#[test]
fn each_kind_has_its_own_request_type_and_every_status() {
    let document: Value = serde_json::from_str(&committed()).expect("the description is JSON");
    for kind in Kind::ALL {
        for operation in ["render", "validate"] {
            let pointer = format!("/paths/~1v1~1{operation}~1{}/post", kind.slug());
            let found = document.pointer(&pointer).unwrap_or_else(|| panic!("{pointer}"));
            assert_eq!(
                found.pointer("/requestBody/content/application~1json/schema/$ref").and_then(Value::as_str),
                Some(format!("#/components/schemas/{}", kind.type_name()).as_str())
            );
            let statuses: Vec<&str> = found["responses"]
                .as_object()
                .expect("an operation has responses")
                .keys()
                .map(String::as_str)
                .collect();
            let mut expected = vec!["200", "400", "401", "403", "408", "413", "415", "422", "429", "500", "503", "504"];
            if operation == "render" {
                expected.extend(["201", "406"]);
            }
            expected.sort_unstable();
            assert_eq!(statuses, expected, "{pointer}");
        }
    }
}

#[test]
fn schemathesis_finds_no_fault() {
    let keys = Keys::new("openapi-schemathesis");
    let key = keys.add("999888763", Scopes::all(), None, None);
    let server = keys.server(&[("SKOLEDOK__ACCESS__REQUESTS_PER_SECOND", "0")]);
    let report = run_ok(Command::new(root().join("tests/tools/api_fuzz")).arg(&server.base).env("API_KEY", key));
    // A run that had found no operations would end well, too.
    let document: Value = serde_json::from_str(&committed()).expect("the description is JSON");
    let paths = document["paths"].as_object().expect("the description has paths");
    let operations: usize = paths.values().filter_map(Value::as_object).map(serde_json::Map::len).sum();
    assert!(report.contains(&format!("Tested: {operations}\n")), "{operations} operations, but:\n{report}");
}

#[test]
fn a_generated_client_posts_a_letter_and_gets_a_pdf() {
    let server = Server::start();
    let folder = output_folder("client");
    let (letter, pdf) = (folder.join("letter.json"), folder.join("letter.pdf"));
    std::fs::write(&letter, sample(Kind::ParentLetter, Locale::Nb).to_string()).expect("a file can be written");
    run_ok(
        Command::new(root().join("tests/tools/client_check.sh"))
            .arg(root().join("openapi/openapi.json"))
            .arg(&server.base)
            .arg(&letter)
            .arg(&pdf),
    );
    assert!(words(&pdf).contains("Informasjon til foresatte"));
}
