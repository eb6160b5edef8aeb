//! `POST /v1/verify` and `skoledok verify` where somebody is trusted: what the service signed and keeps, what was added to it, and what is asked for
//! over the network.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::{Value, json};
use skoledok::document::{Kind, Locale};
use skoledok::render::Options;

use crate::authority::{PASSWORD, authority};
use crate::support::{Server, binary, output_folder, produce, run, run_ok, sample};
use crate::verify_corpus::read;

const AGREEMENTS: &str = "/v1/agreements";
const PDF: (&str, &str) = ("Content-Type", "application/pdf");

/// A service that trusts the authority of the tests, and has keys of it.
fn service(folder: &Path, more: &[(&str, &str)]) -> Server {
    let own = folder.join("keys/local");
    std::fs::create_dir_all(&own).expect("a folder can be made");
    for name in ["p256", "rsa2048"] {
        std::fs::write(own.join(format!("{name}.p12")), authority().read(&format!("{name}.p12"))).expect("a file");
        std::fs::write(own.join(format!("{name}.password")), format!("{PASSWORD}\n")).expect("a file");
    }
    let (url, keys) = (format!("sqlite:{}", folder.join("store.db").display()), folder.join("keys"));
    let (keys, trust, tsa) =
        (keys.display().to_string(), authority().root_pem().display().to_string(), authority().tsa_url());
    let mut variables = vec![
        ("SKOLEDOK__STORE__URL", url.as_str()),
        ("SKOLEDOK__STORE__KEY", "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"),
        ("SKOLEDOK__SIGNING__KEYS_FOLDER", &keys),
        ("SKOLEDOK__SIGNING__TRUST_FILES", &trust),
        ("SKOLEDOK__SIGNING__TIME_STAMP_URLS", &tsa),
        ("SKOLEDOK__SIGNING__TIMEOUT_MS", "5000"),
    ];
    variables.retain(|(name, _)| more.iter().all(|(other, _)| other != name));
    variables.extend(more);
    Server::with(&variables, Stdio::null())
}

fn done(answer: &crate::support::Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

fn verified(server: &Server, file: &[u8]) -> Value {
    done(&server.post("/v1/verify", file, &[PDF]))
}

/// What is said of a file with the document that it may have been made of.
fn verified_with(server: &Server, file: &[u8], document: &Value) -> Value {
    let mut body = Vec::new();
    for (name, contents) in
        [("file", file), ("document", document.to_string().as_bytes()), ("kind", b"cooperation-agreement")]
    {
        let head = format!("--grense\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"x\"\r\n\r\n");
        body.extend([head.as_bytes(), contents, b"\r\n"].concat());
    }
    body.extend(b"--grense--\r\n");
    done(&server.post("/v1/verify", &body, &[("Content-Type", "multipart/form-data; boundary=grense")]))
}

/// An agreement that two have signed, and its id.
fn signed_agreement(server: &Server, body: &Value) -> (String, Vec<u8>) {
    let created = server.post_json(AGREEMENTS, body);
    assert_eq!(created.status, 201, "{}", created.text());
    let location = created.header("location").to_owned();
    done(&server.post(&format!("{location}/finalise"), b"", &[]));
    let start = json!({ "signers": [{ "signatory": 0 }, { "signatory": 1 }], "level": "B-LT" });
    done(&server.post_json(&format!("{location}/signing"), &start));
    for (key, field) in [("p256", "sig-1"), ("rsa2048", "sig-2")] {
        done(&server.post_json(&format!("{location}/signatures"), &json!({ "key": key, "field": field })));
    }
    let id = created.json()["id"].as_str().expect("a record has an id").to_owned();
    (id, server.get(&format!("{location}/signed.pdf")).body)
}

#[test]
fn what_is_kept_is_known_whole_earlier_and_with_more_added() {
    let folder = output_folder("verify-kept");
    let server = service(&folder, &[("SKOLEDOK__SIGNING__REVOCATION_HOSTS", "127.0.0.1")]);
    let body = sample(Kind::CooperationAgreement, Locale::Nb);
    let (id, signed) = signed_agreement(&server, &body);
    let kept = |file: &str, extent: &str, bytes: usize| json!([{ "record": id, "kind": "cooperation_agreement", "version": 1, "file": file, "extent": extent, "bytes": bytes }]);

    let told = verified_with(&server, &signed, &body);
    assert_eq!(
        (&told["indication"], &told["reproduced"]),
        (&json!("TOTAL-PASSED"), &json!("first_revision")),
        "{told}"
    );
    assert_eq!(told["kept"], kept("signed", "whole_file", signed.len()));
    assert_eq!(told["signatures"].as_array().map(Vec::len), Some(2), "{told}");
    let other = sample(Kind::CooperationAgreement, Locale::Nn);
    assert_eq!(verified_with(&server, &signed, &other)["reproduced"], "different");

    let document = server.get(&format!("{AGREEMENTS}/{id}/document.pdf")).body;
    let plain = verified_with(&server, &document, &body);
    assert_eq!(
        (&plain["kept"], &plain["reproduced"]),
        (&kept("document", "whole_file", document.len()), &json!("whole_file"))
    );
    assert_eq!(plain["sub_indication"], "SIGNED_DATA_NOT_FOUND", "{plain}");

    // As it was when one had signed.
    let end = told["signatures"][0]["coverage"]["end"]
        .as_u64()
        .and_then(|end| usize::try_from(end).ok())
        .expect("it has an end");
    let earlier = verified(&server, &signed[..end]);
    assert_eq!(earlier["kept"], kept("signed", "earlier", end), "{earlier}");
    assert_eq!(earlier["signatures"].as_array().map(Vec::len), Some(1), "{earlier}");

    // With what may be added, and with what may not.
    let path = folder.join("signed.pdf");
    std::fs::write(&path, &signed).expect("a file can be written");
    let renewed = folder.join("renewed.pdf");
    let mut renew = binary();
    renew.arg("renew").arg(&path).arg("-o").arg(&renewed).args(["--tsa", &authority().tsa_url(), "--trust"]);
    run_ok(renew.arg(authority().root_pem()));
    let renewed = verified(&server, &read(&renewed));
    assert_eq!(
        (&renewed["indication"], &renewed["kept"]),
        (&json!("TOTAL-PASSED"), &kept("signed", "beginning", signed.len())),
        "{renewed}"
    );
    let overwritten = verified(&server, &overwritten(&signed));
    assert_ne!(overwritten["indication"], "TOTAL-PASSED", "{overwritten}");
    assert_eq!(overwritten["kept"], kept("signed", "beginning", signed.len()), "{overwritten}");
    // One byte of what was signed is another: only the document without signatures is still there.
    let mut touched = signed.clone();
    touched[document.len() + 20] ^= 1;
    let touched = verified(&server, &touched);
    assert!(
        touched["kept"] == kept("document", "beginning", document.len()) || touched["kept"] == json!([]),
        "{touched}"
    );
    assert_ne!(touched["indication"], "TOTAL-PASSED", "{touched}");
}

/// A revision behind a file that leaves nothing of it to be seen, its signatures neither.
fn overwritten(file: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(file).into_owned();
    let last = |key: &str| text.rsplit(key).next().unwrap_or_default().trim_start().to_owned();
    let number = |text: &str| text.chars().take_while(char::is_ascii_digit).collect::<String>();
    let (previous, root, size) = (number(&last("startxref")), number(&last("/Root")), number(&last("/Size")));
    let mut bytes = file.to_vec();
    let at = bytes.len();
    bytes.extend(format!("{root} 0 obj\n<</Type/Catalog/Pages<</Type/Pages/Kids[]/Count 0>>>>\nendobj\n").bytes());
    let start = bytes.len();
    let table = format!(
        "xref\n{root} 1\n{at:010} 00000 n\r\ntrailer\n<</Size {size}/Root {root} 0 R/Prev {previous}>>\nstartxref\n{start}\n%%EOF\n"
    );
    bytes.extend(table.bytes());
    bytes
}

/// A file with one signature at the level B-B, which proves nothing of revocation.
fn signed_by(folder: &Path, signer: &str) -> PathBuf {
    let plain = folder.join("plain.pdf");
    let options = Options { signable: true, ..Options::default() };
    let made = produce(Kind::AnnualPlan, sample(Kind::AnnualPlan, Locale::Nb), options);
    std::fs::write(&plain, made.expect("it is a sample").rendered.bytes).expect("a file can be written");
    let output = folder.join(format!("{signer}.pdf"));
    let mut sign = binary();
    sign.arg("sign").arg(&plain).arg("-o").arg(&output).arg("--key").arg(authority().path(&format!("{signer}.p12")));
    run_ok(sign.args(["--password-env", "PASSWORD"]).env("PASSWORD", PASSWORD));
    output
}

#[test]
fn revocation_is_asked_for_when_the_operator_wants_it() {
    let folder = output_folder("verify-fetched");
    let (good, revoked) = (signed_by(&folder, "p256"), signed_by(&folder, "revoked"));
    // Whether it is asked, and of whom; then what is said of a good and of a revoked certificate.
    for (fetch, hosts, of_good, of_revoked) in [
        ("false", "127.0.0.1", ("INDETERMINATE", "TRY_LATER"), ("INDETERMINATE", "TRY_LATER")),
        // The addresses in the certificates are on this machine: a stranger could write such ones.
        ("true", "", ("INDETERMINATE", "TRY_LATER"), ("INDETERMINATE", "TRY_LATER")),
        ("true", "127.0.0.1", ("TOTAL-PASSED", ""), ("TOTAL-FAILED", "REVOKED")),
    ] {
        let store = output_folder(&format!("verify-fetched-{fetch}-{}", hosts.len()));
        let more = [("SKOLEDOK__SIGNING__FETCH_TO_VERIFY", fetch), ("SKOLEDOK__SIGNING__REVOCATION_HOSTS", hosts)];
        let server = service(&store, &more);
        for (file, (indication, why)) in [(&good, of_good), (&revoked, of_revoked)] {
            let told = verified(&server, &read(file));
            let found =
                (told["indication"].as_str().unwrap_or_default(), told["sub_indication"].as_str().unwrap_or_default());
            assert_eq!(found, (indication, why), "{fetch} {hosts}: {told}");
        }
    }
    let root = authority().root_pem();
    for (more, status, words) in [
        (&[][..], 1, "INDETERMINATE, TRY_LATER"),
        (&["--fetch"], 1, "INDETERMINATE, TRY_LATER"),
        (&["--fetch", "--fetch-from", "127.0.0.1"], 0, "TOTAL-PASSED"),
        (&["--fetch-from", "127.0.0.1"], 2, ""),
        (&["--fetch", "--fetch-from", "no host"], 2, ""),
    ] {
        let output = run(binary().arg("verify").arg(&good).arg("--trust").arg(&root).args(more));
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(status), "{more:?}: {told}");
        assert!(told.contains(words), "{more:?}: {told}");
    }
    // Nobody is asked about a chain that leads to nobody who is trusted.
    let fetch = ["--fetch", "--fetch-from", "127.0.0.1", "--trust"];
    let twin = run(binary().arg("verify").arg(&good).args(fetch).arg(authority().path("twin.pem")));
    assert!(String::from_utf8_lossy(&twin.stdout).contains("NO_CERTIFICATE_CHAIN_FOUND"), "{twin:?}");
}
