//! `skoledok verify` and `POST /v1/verify`, with files of the corpus.

use std::io::Write as _;
use std::net::TcpStream;
use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};
use skoledok::document::{Kind, Locale};
use skoledok::render::Options;

use crate::support::{Answer, Server, binary, eventually, output_folder, produce, run, sample};
use crate::verify_corpus::{CORPUS, read};

/// `skoledok verify` with a file of the corpus.
fn verified(file: &Path, more: &[&str]) -> Output {
    run(binary().arg("verify").arg(file).args(more))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn the_command_line_judges_in_words() {
    let own = |name: &str| CORPUS.join(format!("own-{name}.pdf"));
    let root = CORPUS.join("root.pem");
    let trust = ["--trust", &root.to_string_lossy()];
    let sealed = verified(&own("blta-sealed"), &trust);
    let told = text(&sealed.stdout);
    assert_eq!(sealed.status.code(), Some(0), "{told}");
    for words in [
        "file: TOTAL-PASSED",
        "signed by   CN=Øystein Prøve-Åsen,O=Bjørkåsen skole (oppdiktet),C=NO",
        "sealed by   CN=Segl for Ås kommune (oppdiktet)",
        "issued by   CN=Rot-CA for prøver",
        "trust anchor",
        "not revoked",
        "intact; trusted",
        "proven by a time stamp in the signature of Tidsstempel for prøver",
        "level       B-LTA (ETSI.CAdES.detached)",
        "certifies   with permission 2 for changes",
        "covers      the file up to revision",
        "proofs added in revision",
        "256 bits: good for years",
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }
    let cases = [
        ("own-blta-sealed", &[][..], 1, "nobody is trusted"),
        ("own-bb", &trust, 1, "INDETERMINATE, TRY_LATER"),
        ("own-bb", &[trust[0], trust[1], "--revocation", "if-present"], 0, "TOTAL-PASSED"),
        ("own-unsigned", &trust, 1, "INDETERMINATE, SIGNED_DATA_NOT_FOUND"),
        ("bad-trailing-junk", &trust, 1, "TOTAL-FAILED, FORMAT_FAILURE"),
        ("own-bb", &["--trust", "/nowhere/root.pem"], 2, ""),
        ("nowhere", &trust, 2, ""),
    ];
    for (name, more, status, words) in cases {
        let output = verified(&CORPUS.join(format!("{name}.pdf")), more);
        assert_eq!(output.status.code(), Some(status), "{name} {more:?}: {}", text(&output.stdout));
        assert!(text(&output.stdout).contains(words), "{name} {more:?}: {}", text(&output.stdout));
    }
    let as_json = verified(&own("blta-sealed"), &[trust[0], trust[1], "--json"]);
    let report: Value = serde_json::from_slice(&as_json.stdout).expect("it is JSON");
    assert_eq!(report["indication"], "TOTAL-PASSED");
    assert_eq!(report["signatures"][0]["level"], "B-LTA");
}

/// A field is named by whoever made the file.
#[test]
fn words_of_a_file_move_no_terminal() {
    let mut bytes = read(&CORPUS.join("good-bb-table.pdf"));
    let name = bytes.windows(6).position(|part| part == b"(sig1)").expect("the field has a name") + 1;
    bytes[name..name + 4].copy_from_slice(b"\x1b[2J");
    let path = output_folder("verify-escape").join("escape.pdf");
    std::fs::write(&path, bytes).expect("a file can be written");
    let output = verified(&path, &[]);
    assert!(text(&output.stdout).contains("[2J: TOTAL-FAILED"), "{}", text(&output.stdout));
    assert!(!output.stdout.contains(&0x1b));
}

#[test]
fn a_body_gives_its_file_again() {
    let folder = output_folder("verify-reproduced");
    let body = folder.join("plan.json");
    std::fs::write(&body, sample(Kind::AnnualPlan, Locale::Nb).to_string()).expect("a file can be written");
    let other = folder.join("other.json");
    std::fs::write(&other, sample(Kind::AnnualPlan, Locale::Nn).to_string()).expect("a file can be written");
    let plain = folder.join("plain.pdf");
    let made = produce(Kind::AnnualPlan, sample(Kind::AnnualPlan, Locale::Nb), Options::default());
    std::fs::write(&plain, made.expect("it is a sample").rendered.bytes).expect("a file can be written");
    let root = CORPUS.join("root.pem");
    for (file, body, reproduced) in [
        (CORPUS.join("own-two.pdf"), &body, "first_revision"),
        (CORPUS.join("own-unsigned.pdf"), &body, "whole_file"),
        (plain, &body, "whole_file"),
        (CORPUS.join("own-two.pdf"), &other, "different"),
        (CORPUS.join("own-certified.pdf"), &body, "different"),
    ] {
        let more = ["--kind", "annual-plan", "--json", "--revocation", "if-present", "--document"];
        let output = run(binary().arg("verify").arg(&file).args(more).arg(body).arg("--trust").arg(&root));
        let report: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
        assert_eq!(report["reproduced"], reproduced, "{}", file.display());
        let is_good = report["indication"] == "TOTAL-PASSED" && reproduced != "different";
        assert_eq!(output.status.success(), is_good, "{}", file.display());
    }
    std::fs::write(&other, "{}").expect("a file can be written");
    let broken = run(binary()
        .arg("verify")
        .arg(CORPUS.join("own-two.pdf"))
        .args(["--kind", "annual-plan", "--document"])
        .arg(&other));
    assert_eq!(broken.status.code(), Some(2), "{}", text(&broken.stderr));
    let alone = run(binary().arg("verify").arg(CORPUS.join("own-two.pdf")).args(["--kind", "annual-plan"]));
    assert_eq!(alone.status.code(), Some(2));
}

const PDF: (&str, &str) = ("Content-Type", "application/pdf");

fn post_form(server: &Server, parts: &[(&str, &[u8])]) -> Answer {
    let mut body = Vec::new();
    for (name, contents) in parts {
        let head = format!("--grense\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"x\"\r\n\r\n");
        body.extend([head.as_bytes(), contents, b"\r\n"].concat());
    }
    body.extend(b"--grense--\r\n");
    server.post("/v1/verify", &body, &[("Content-Type", "multipart/form-data; boundary=grense")])
}

#[test]
fn the_service_judges_and_knows_its_own() {
    let server = Server::start();
    let signed = read(&CORPUS.join("own-blta-sealed.pdf"));
    let answer = server.post("/v1/verify?revocation=if_present", &signed, &[PDF]);
    assert_eq!((answer.status, answer.header("cache-control")), (200, "private, no-store"), "{}", answer.text());
    let told = answer.json();
    // Nobody is trusted who is not configured.
    assert_eq!(told["indication"], "INDETERMINATE", "{told}");
    assert_eq!(told["signatures"][0]["intact"], true);
    assert_eq!((&told["kept"], told.get("reproduced")), (&json!([]), None));

    let body = sample(Kind::AnnualPlan, Locale::Nb);
    let record = server.post_json("/v1/plans", &body).json();
    let id = record["id"].as_str().expect("a record has an id");
    assert_eq!(server.post(&format!("/v1/plans/{id}/finalise"), b"", &[]).status, 200);
    let document = server.get(&format!("/v1/plans/{id}/document.pdf")).body;
    let kept =
        post_form(&server, &[("kind", b"annual-plan"), ("file", &document), ("document", body.to_string().as_bytes())]);
    assert_eq!(kept.status, 200, "{}", kept.text());
    let with = |extent: &str| {
        let bytes = document.len();
        json!([{ "record": id, "kind": "annual_plan", "version": 1, "file": "document", "extent": extent, "bytes": bytes }])
    };
    assert_eq!(kept.json()["kept"], with("whole_file"));
    assert_eq!(kept.json()["reproduced"], "whole_file");

    let signed = read(&CORPUS.join("own-two.pdf"));
    let body = body.to_string().into_bytes();
    let (file, kind) = (("file", &signed[..]), ("kind", &b"annual-plan"[..]));
    let reproduced = post_form(&server, &[file, kind, ("document", &body)]);
    // Signed by others, and begins with what is kept.
    let told = reproduced.json();
    assert_eq!((&told["reproduced"], &told["kept"]), (&json!("first_revision"), &with("beginning")));
    let cases: [(&[(&str, &[u8])], u16, &str); 8] = [
        (&[], 400, "bad-form"),
        (&[kind, ("document", &body)], 400, "bad-form"),
        (&[file, kind], 400, "bad-form"),
        (&[file, ("document", &body)], 400, "bad-form"),
        (&[file, file], 400, "bad-form"),
        (&[file, ("kind", b"letter"), ("document", &body)], 400, "bad-form"),
        (&[file, kind, ("document", b"{")], 400, "unreadable-json"),
        (&[file, kind, ("document", b"{}")], 422, "invalid-document"),
    ];
    for (parts, status, problem) in cases {
        let answer = post_form(&server, parts);
        assert_eq!(answer.status, status, "{}", answer.text());
        assert_eq!(answer.json()["type"], format!("urn:skoledok:problem:{problem}"));
    }
    let large = vec![b' '; (16 << 20) + 1];
    assert_eq!(server.post("/v1/verify", &large, &[PDF]).status, 413);
    assert_eq!(post_form(&server, &[("file", &large)]).status, 413);
    assert_eq!(server.post("/v1/verify", &large[1..], &[PDF]).status, 200);
    assert_eq!(server.post("/v1/verify", b"{}", &[("Content-Type", "application/json")]).status, 415);
    assert_eq!(server.post("/v1/verify", b"x", &[PDF, ("Content-Encoding", "gzip")]).status, 415);
    assert_eq!(server.post("/v1/verify", b"x", &[PDF, ("Sec-Fetch-Site", "cross-site")]).status, 400);
    assert_eq!(server.post("/v1/verify?revocation=no", b"x", &[PDF]).status, 400);
}

#[test]
fn a_full_service_says_so() {
    let server = Server::start();
    let address = server.base.trim_start_matches("http://");
    let head = format!(
        "POST /v1/verify HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/pdf\r\nContent-Length: 99\r\n\r\n%PDF-"
    );
    let slow: Vec<TcpStream> = (0..10)
        .map(|_| {
            let mut stream = TcpStream::connect(address).expect("the server listens");
            stream.write_all(head.as_bytes()).expect("the server reads");
            stream
        })
        .collect();
    eventually("the service is full", || {
        let answer = server.post("/v1/verify", b"x", &[PDF]);
        answer.status == 503 && answer.header("retry-after") == "2"
    });
    drop(slow);
    eventually("there is room again", || server.post("/v1/verify", b"x", &[PDF]).status == 200);
}
