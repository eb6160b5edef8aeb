//! The command line as a newcomer uses it.

use std::io::Write;
use std::process::{Output, Stdio};

use serde_json::Value;
use skoledok::access::{Scopes, now};
use skoledok::document::Kind;

use crate::access::Keys;
use crate::connections::certificate;
use crate::support::{binary, output_folder, run};

fn with_input(arguments: &[&str], input: &str) -> Output {
    let mut child = binary()
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    // The program may end before it has read all, as with a wrong argument.
    drop(child.stdin.take().expect("standard input is piped").write_all(input.as_bytes()));
    child.wait_with_output().expect("the program ends")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_sample_goes_in_and_a_pdf_comes_out() {
    for kind in Kind::ALL {
        for locale in ["nb", "nn", "en"] {
            let sample = run(binary().args(["sample", kind.slug(), "--locale", locale]));
            let output = with_input(&["render", kind.slug(), "-"], &text(&sample.stdout));
            assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
            assert!(output.stdout.starts_with(b"%PDF-1.7"));
        }
    }
}

#[test]
fn the_extension_of_the_output_chooses_the_format() {
    let folder = output_folder("cli-formats");
    let sample = text(&run(binary().args(["sample", "meeting-schedule"])).stdout);
    for (extension, beginning) in [
        ("pdf", "%PDF"),
        ("png", "\u{FFFD}PNG"),
        ("svg", "<svg"),
        ("html", "<!DOCTYPE html>"),
        ("ics", "BEGIN:VCALENDAR"),
    ] {
        let file = folder.join(format!("plan.{extension}"));
        let output = with_input(&["render", "meeting-schedule", "-", "-o", &file.to_string_lossy()], &sample);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let written = std::fs::read(&file).expect("the file is there");
        assert!(text(&written).starts_with(beginning), "{extension}");
    }
    let left: Vec<_> = std::fs::read_dir(&folder).expect("the folder is there").flatten().collect();
    assert_eq!(left.len(), 5, "nothing half-done stays behind");
}

#[test]
fn each_fault_is_a_line_with_its_pointer() {
    let body = r#"{"status":"draft","school":{"name":"","org_number":"123456786"},"document_date":"31.02.2027"}"#;
    let output = with_input(&["validate", "parent-letter", "-"], body);
    assert_eq!(output.status.code(), Some(1));
    let lines: Vec<String> = text(&output.stdout).lines().map(str::to_owned).collect();
    let pointers: Vec<_> = lines.iter().map(|line| line.split(':').next().unwrap_or_default()).collect();
    assert_eq!(pointers, ["/document_date", "/school/name", "/school/org_number"], "{lines:#?}");
    let english = with_input(&["validate", "parent-letter", "-", "--locale", "en"], body);
    assert_ne!(output.stdout, english.stdout, "messages follow --locale");
    let rendered = with_input(&["render", "parent-letter", "-", "-o", "/nonexistent/x.pdf"], body);
    assert_eq!(rendered.status.code(), Some(1), "faults come before writing");
    assert_eq!(text(&rendered.stderr).lines().count(), 3, "{}", text(&rendered.stderr));
}

#[test]
fn the_doctor_has_a_line_for_each_part_and_a_remedy_for_what_is_wrong() {
    let store = output_folder("doctor").join("store.db");
    drop(std::fs::remove_file(&store));
    let store = format!("sqlite:{}", store.display());
    let well = run(binary().arg("doctor").env("SKOLEDOK__STORE__URL", &store));
    assert_eq!(well.status.code(), Some(0), "{}", text(&well.stderr));
    assert_eq!(text(&well.stdout).lines().count(), 8, "{}", text(&well.stdout));
    assert_eq!(text(&well.stdout).matches("FAULT").count(), 0);
    for part in ["bytes that it should", "clock:"] {
        let line = text(&well.stdout).lines().find(|line| line.contains(part)).map(str::to_owned);
        assert!(line.is_some_and(|line| line.starts_with("ok ")), "{part}: {}", text(&well.stdout));
    }
    let lost = run(binary().arg("doctor").env("SKOLEDOK__STORE__URL", "sqlite:/nowhere/at/all.db"));
    assert_eq!(lost.status.code(), Some(1));
    assert!(text(&lost.stdout).contains("FAULT    store:"), "{}", text(&lost.stdout));
    let away = run(binary()
        .arg("doctor")
        .env("SKOLEDOK__STORE__URL", &store)
        .env("SKOLEDOK__CACHE__REDIS_URL", format!("redis://:hemmelig@127.0.0.1:{}", crate::support::free_port()))
        .env("SKOLEDOK__CACHE__KEY", crate::redis_server::KEY));
    assert_eq!(away.status.code(), Some(0), "the service works without Redis");
    assert!(text(&away.stdout).contains("warning  cache: Redis"), "{}", text(&away.stdout));
    assert!(!text(&away.stdout).contains("hemmelig"));
    let wrong = run(binary()
        .arg("doctor")
        .env("SKOLEDOK__STORE__URL", &store)
        .env("SKOLEDOK__CACHE__REDIS_URL", "redis://localhost"));
    assert_eq!(wrong.status.code(), Some(2));
    assert!(text(&wrong.stderr).contains("openssl rand -hex 32"), "{}", text(&wrong.stderr));
}

#[test]
fn every_setting_is_printed_with_its_default() {
    let printed = text(&run(binary().args(["config", "--defaults"])).stdout);
    assert_eq!(printed.trim_end(), skoledok::config::DEFAULTS.trim_end());
    let file = output_folder("cli-config").join("skoledok.toml");
    std::fs::write(&file, printed + "\n[other]\nx = 1\n").expect("a file can be written");
    let refused = run(binary().args(["serve", "--config", &file.to_string_lossy()]));
    assert_eq!(refused.status.code(), Some(2));
    assert!(text(&refused.stderr).contains("`other.x`"), "{}", text(&refused.stderr));
}

#[test]
fn wrong_use_ends_with_2_and_says_why() {
    let cases: [(&[&str], &str); 7] = [
        (&["render", "no-such-kind", "-"], "possible values"),
        (&["render", "parent-letter", "/nonexistent.json"], "/nonexistent.json"),
        (&["render", "parent-letter", "-", "--standard", "a-1b"], "possible values"),
        (&["render", "parent-letter", "-", "--dpi", "9999"], "36..=300"),
        (&["frobnicate"], "unrecognized"),
        (&["serve", "--bind", "0.0.0.0:0"], "loopback"),
        (&[], "Usage"),
    ];
    for (arguments, word) in cases {
        let output = with_input(arguments, "{}");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(text(&output.stderr).contains(word), "{arguments:?}: {}", text(&output.stderr));
    }
    let unreadable = with_input(&["validate", "parent-letter", "-"], "{\n \"a\": }");
    assert_eq!(unreadable.status.code(), Some(2));
    assert!(text(&unreadable.stderr).contains("line 2, column"), "{}", text(&unreadable.stderr));
}

#[test]
fn warnings_stand_beside_success() {
    let sample = text(&run(binary().args(["sample", "parent-letter"])).stdout);
    let mut body: Value = serde_json::from_str(&sample).expect("a sample is JSON");
    body["reference"] = serde_json::json!({ "our": "uvanlig" });
    let output = with_input(&["validate", "parent-letter", "-"], &body.to_string());
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stdout).starts_with("warning: /reference/our:"), "{}", text(&output.stdout));
}

#[test]
fn every_command_has_an_example() {
    for command in ["serve", "render", "validate", "sample", "kinds", "openapi"] {
        let output = run(binary().args([command, "--help"]));
        assert_eq!(output.status.code(), Some(0));
        assert!(text(&output.stdout).contains("Example:\n  skoledok "), "{command}");
    }
    let kinds = text(&run(binary().arg("kinds")).stdout);
    assert_eq!(kinds.lines().count(), Kind::ALL.len());
}

#[test]
fn the_settings_in_force_are_printed_without_secrets() {
    let mut command = binary();
    command.arg("config").env("SKOLEDOK__RENDER__QUEUE", "7").env("SKOLEDOK__CACHE__KEY", crate::redis_server::KEY);
    let printed = run(command.env("SKOLEDOK__CACHE__REDIS_URL", "redis://navn:hemmelig@redis:6379/0"));
    let told = text(&printed.stdout);
    assert_eq!(printed.status.code(), Some(0), "{}", text(&printed.stderr));
    assert!(told.contains("queue = 7  # not the default") && told.contains("deadline_ms = 10000\n"), "{told}");
    assert!(told.contains("redis_url = \"redis://navn:***@redis:6379/0\""), "{told}");
    assert!(!told.contains("hemmelig") && !told.contains(crate::redis_server::KEY), "{told}");
    let table: toml::Table = told.parse().expect("it is TOML");
    let defaults: toml::Table = skoledok::config::DEFAULTS.parse().expect("it is TOML");
    for (section, members) in &defaults {
        let names = |table: &toml::Table| {
            let members = table[section].as_table().expect("a section has members");
            members.keys().cloned().collect::<Vec<_>>()
        };
        assert_eq!(names(&table), names(&defaults), "{section} of {members}");
    }
    let wrong = run(binary().arg("config").env("SKOLEDOK__RENDER__QUEUE", "0"));
    assert_eq!(wrong.status.code(), Some(2));
    assert!(text(&wrong.stderr).contains("render.queue"));
}

#[test]
fn the_doctor_warns_of_what_will_expire() {
    let folder = output_folder("cli-doctor");
    let file = |name: &str| folder.join(name).display().to_string();
    let keys = Keys::new("cli-doctor-store");
    let look = || {
        let mut command = binary();
        command.arg("doctor").env("SKOLEDOK__STORE__URL", keys.url());
        command
            .env("SKOLEDOK__TLS__CERTIFICATE_FILE", file("cert.pem"))
            .env("SKOLEDOK__TLS__KEY_FILE", file("key.pem"));
        let looked = run(&mut command);
        assert_eq!(looked.status.code(), Some(0), "{}", text(&looked.stdout));
        text(&looked.stdout)
    };
    let day = 24 * 3600 * 1000;
    certificate(&folder, "7", "60");
    keys.add("999888763", Scopes::all(), Some(now() + 60 * day), None);
    keys.add("999888763", Scopes::all(), Some(now() + day), Some(now() - day));
    let told = look();
    assert!(told.contains("ok       TLS:") && told.contains("ok       API keys:"), "{told}");
    certificate(&folder, "8", "10");
    keys.add("999888763", Scopes::all(), Some(now() + day), None);
    let told = look();
    assert!(told.contains("warning  TLS:") && told.contains("warning  API keys:"), "{told}");
}
