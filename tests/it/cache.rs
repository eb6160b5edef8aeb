//! Documents that were made before, without Redis.

use serde_json::{Value, json};
use skoledok::document::{Kind, Locale};

use crate::support::{Answer, Server, blank, letter, pdf, sample};
use std::process::Stdio;

const RENDER: &str = "/v1/render/parent-letter";

fn post(server: &Server, letter: &Value, headers: &[(&str, &str)]) -> Answer {
    server.post(RENDER, letter.to_string().as_bytes(), headers)
}

#[test]
fn a_document_made_before_is_found_and_can_be_fetched_again() {
    let server = Server::start();
    let first = server.post_json(RENDER, &letter(1));
    assert_eq!(first.header("cache-status"), "skoledok; fwd=miss; stored");
    // The same in the canonical form of RFC 8785: other white space, other order of members.
    let turned: serde_json::Map<String, Value> =
        letter(1).as_object().expect("a letter is an object").clone().into_iter().rev().collect();
    let second = server.post(RENDER, format!("{:#}", Value::Object(turned)).as_bytes(), &[]);
    assert!(second.header("cache-status").starts_with("skoledok; hit; ttl="), "{}", second.header("cache-status"));
    assert!(second.header("cache-status").ends_with("; detail=memory"));
    assert!(first.body == second.body);
    let location = first.header("content-location");
    assert_eq!(location, second.header("content-location"));
    assert_eq!(location.len(), "/v1/documents/".len() + 43, "{location}");
    let fetched = server.get(location);
    assert_eq!(fetched.status, 200);
    assert!(fetched.body == first.body);
    for name in [
        "etag",
        "repr-digest",
        "content-type",
        "content-disposition",
        "content-language",
        "skoledok-pages",
        "skoledok-warnings",
        "cache-control",
    ] {
        assert_eq!(fetched.header(name), first.header(name), "{name}");
    }
    let head = server.head(location);
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("content-length"), first.body.len().to_string());
    assert_eq!(head.header("etag"), first.header("etag"));
}

#[test]
fn what_changes_the_bytes_changes_the_document() {
    let server = Server::start();
    let one = server.post_json(RENDER, &letter(1)).header("content-location").to_owned();
    let mut seen = vec![one];
    let others = [
        (RENDER, letter(2), vec![]),
        ("/v1/render/parent-letter?standard=a-2a", letter(1), vec![]),
        (RENDER, letter(1), vec![("Accept", "image/png")]),
        ("/v1/render/parent-letter?dpi=72", letter(1), vec![("Accept", "image/png")]),
        ("/v1/render/parent-letter?page=2", letter(1), vec![("Accept", "image/png")]),
        (RENDER, letter(1), vec![("Accept", "text/html")]),
    ];
    for (path, body, headers) in others {
        let answer = server.post(path, body.to_string().as_bytes(), &headers);
        assert_eq!((answer.status, answer.header("cache-status")), (200, "skoledok; fwd=miss; stored"), "{path}");
        let location = answer.header("content-location").to_owned();
        assert!(!seen.contains(&location), "{path}");
        seen.push(location);
    }
}

#[test]
fn a_whole_number_is_the_same_however_it_is_written() {
    let server = Server::start();
    let mut plan = sample(Kind::AnnualPlan, Locale::Nb);
    plan["version"] = json!(3.0);
    let made = server.post_json("/v1/render/annual-plan", &plan);
    assert_eq!((made.status, made.header("cache-status")), (200, "skoledok; fwd=miss; stored"), "{}", made.text());
    plan["version"] = json!(3);
    let found = server.post_json("/v1/render/annual-plan", &plan);
    assert!(found.header("cache-status").starts_with("skoledok; hit"), "{}", found.header("cache-status"));
    assert_eq!(found.header("content-location"), made.header("content-location"));
    assert!(pdf(Kind::AnnualPlan, &plan) == made.body, "the bytes are those of the integer");
}

#[test]
fn conditions_and_ranges_are_kept() {
    let server = Server::start();
    let made = server.post_json(RENDER, &letter(1));
    let (location, tag) = (made.header("content-location"), made.header("etag"));
    for condition in [tag, "*", &format!("\"other\", {tag}"), &format!("W/{tag}")] {
        let answer = server.get_with(location, &[("If-None-Match", condition)]);
        assert_eq!((answer.status, answer.body.len()), (304, 0), "{condition}");
        assert_eq!(answer.header("etag"), tag);
        assert!(answer.header("cache-status").starts_with("skoledok; hit"));
    }
    assert_eq!(server.get_with(location, &[("If-None-Match", "\"other\"")]).status, 200);
    let length = made.body.len();
    let ranges = [
        ("bytes=0-0", 0..1),
        ("bytes=100-199", 100..200),
        ("bytes=100-", 100..length),
        ("bytes=-10", length - 10..length),
        ("bytes=0-999999999", 0..length),
        ("bytes=-999999999", 0..length),
        ("bytes=999999999-, 0-9", 0..10),
    ];
    for (range, bytes) in ranges {
        let answer = server.get_with(location, &[("Range", range)]);
        assert_eq!(answer.status, 206, "{range}");
        assert!(answer.body == made.body[bytes.clone()], "{range}");
        let told = format!("bytes {}-{}/{length}", bytes.start, bytes.end - 1);
        assert_eq!(answer.header("content-range"), told, "{range}");
        assert_eq!(answer.header("etag"), tag);
    }
    for range in ["bytes=0-1,5-6", "lines=1-2"] {
        let answer = server.get_with(location, &[("Range", range)]);
        assert!(answer.status == 200 && answer.body == made.body, "{range}: {}", answer.status);
    }
    let beyond = server.get_with(location, &[("Range", &format!("bytes={length}-"))]);
    assert_eq!((beyond.status, beyond.header("content-range")), (416, format!("bytes */{length}").as_str()));
    for range in ["bytes=0-9", "bytes=999999999-"] {
        let head = server.head_with(location, &[("Range", range)]);
        assert_eq!((head.status, head.header("content-length")), (200, length.to_string().as_str()), "{range}");
    }
    let known = server.get_with(location, &[("Range", "bytes=0-9"), ("If-Range", tag)]);
    assert_eq!((known.status, known.body.len()), (206, 10));
    let changed = server.get_with(location, &[("Range", "bytes=0-9"), ("If-Range", "\"other\"")]);
    assert_eq!((changed.status, changed.body.len()), (200, length));
}

#[test]
fn the_caller_can_go_round_the_cache() {
    let server = Server::start();
    let unkept = post(&server, &letter(1), &[("Cache-Control", "no-store")]);
    assert_eq!(unkept.header("cache-status"), "skoledok; fwd=bypass; detail=no-store");
    assert_eq!(unkept.header("content-location"), "");
    let made = post(&server, &letter(1), &[]);
    assert_eq!(made.header("cache-status"), "skoledok; fwd=miss; stored", "the first one was not kept");
    let anew = post(&server, &letter(1), &[("Cache-Control", "no-cache")]);
    assert_eq!(anew.header("cache-status"), "skoledok; fwd=request; stored; detail=no-cache");
    assert!(anew.body == made.body && anew.header("content-location") == made.header("content-location"));
    let invalid = server.post_json(RENDER, &json!({ "status": "final" }));
    assert_eq!(invalid.status, 422);
    assert_eq!(server.post_json(RENDER, &json!({ "status": "final" })).body.len(), invalid.body.len());
}

#[test]
fn a_caller_can_ask_for_the_place_only() {
    let server = Server::start();
    let told = post(&server, &letter(1), &[("Prefer", "return=minimal")]);
    assert_eq!((told.status, told.body.len()), (201, 0));
    assert_eq!(told.header("preference-applied"), "return=minimal");
    assert_eq!(told.header("location"), told.header("content-location"));
    assert_eq!(told.header("skoledok-pages"), "2");
    let fetched = server.get(told.header("location"));
    assert!(fetched.body == pdf(Kind::ParentLetter, &letter(1)));
    assert_eq!(fetched.header("etag"), told.header("etag"));
    let unkept = post(&server, &letter(2), &[("Prefer", "return=minimal"), ("Cache-Control", "no-store")]);
    assert_eq!(unkept.status, 200, "what is not kept comes whole");
    assert!(unkept.body.starts_with(b"%PDF"));
}

#[test]
fn what_may_hold_personal_data_stays_out_of_the_callers_caches() {
    let server = Server::start();
    for kind in Kind::ALL {
        let path = format!("/v1/render/{}", kind.slug());
        let filled = server.post_json(&path, &sample(kind, Locale::Nb));
        assert_eq!(filled.header("cache-control"), "private, no-store", "{}", kind.slug());
        let form = server.post_json(&path, &blank(kind, Locale::Nb));
        assert_eq!(form.header("cache-control"), "private, no-cache", "{}", kind.slug());
    }
}

#[test]
fn removed_is_gone_and_the_unknown_never_was() {
    let server = Server::start();
    let locations: Vec<String> =
        (0..3).map(|number| server.post_json(RENDER, &letter(number)).header("content-location").to_owned()).collect();
    assert_eq!(server.delete(&locations[0]).status, 204);
    assert_eq!(server.get(&locations[0]).status, 404);
    assert_eq!(server.delete(&locations[0]).status, 404);
    assert_eq!(server.get(&locations[1]).status, 200);
    assert_eq!(server.delete("/v1/documents").status, 204);
    let gone = server.get(&locations[1]);
    assert_eq!(gone.status, 404);
    let unknown = ["A".repeat(43), "short".to_owned(), "%2e%2e".to_owned(), "å".repeat(5)];
    for id in unknown {
        let answer = server.get(&format!("/v1/documents/{id}"));
        assert_eq!(answer.status, 404, "{id}");
        assert_eq!(answer.json()["detail"], gone.json()["detail"], "never was and is gone look the same");
    }
    assert_eq!(server.post_json(RENDER, &letter(1)).header("cache-status"), "skoledok; fwd=miss; stored");
}

#[test]
fn without_a_cache_nothing_is_promised() {
    let server = Server::with(&[("SKOLEDOK__CACHE__MEMORY_MIB", "0")], Stdio::null());
    for _ in 0..2 {
        let answer = post(&server, &letter(1), &[("Prefer", "return=minimal")]);
        assert_eq!((answer.status, answer.header("content-location")), (200, ""));
        assert_eq!(answer.header("cache-status"), "skoledok; fwd=miss");
    }
}

#[test]
fn what_is_too_old_or_too_large_is_not_kept() {
    let server = Server::with(&[("SKOLEDOK__CACHE__LIFE_SECONDS", "1")], Stdio::null());
    let location = server.post_json(RENDER, &letter(1)).header("content-location").to_owned();
    std::thread::sleep(std::time::Duration::from_millis(2100));
    assert_eq!(server.get(&location).status, 404);
    let server = Server::with(&[("SKOLEDOK__CACHE__LARGEST_MIB", "1")], Stdio::null());
    let big = server.post(&format!("{RENDER}?dpi=300"), letter(1).to_string().as_bytes(), &[("Accept", "image/png")]);
    let kept = server.post_json(RENDER, &letter(1));
    assert!(kept.header("content-location").starts_with("/v1/documents/"));
    if big.body.len() > 1 << 20 {
        assert_eq!(big.header("content-location"), "");
    }
}

#[test]
fn two_hundred_equal_requests_at_once_make_one_document() {
    let server = Server::start();
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..200).map(|_| scope.spawn(|| server.post_json(RENDER, &letter(7)))).collect();
        callers.into_iter().map(|caller| caller.join().expect("a request ends")).collect()
    });
    let expected = pdf(Kind::ParentLetter, &letter(7));
    assert!(answers.iter().all(|answer| answer.status == 200 && answer.body == expected));
    let made = answers.iter().filter(|answer| answer.header("cache-status").contains("stored")).count();
    assert_eq!(made, 1, "{:?}", answers.iter().map(|answer| answer.header("cache-status")).collect::<Vec<_>>());
}
