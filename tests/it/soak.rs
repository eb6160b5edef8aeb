//! The memory of service and workers stays what it is. `make soak` does it with 100,000 documents.

use std::process::Stdio;

use serde_json::json;

use crate::support::{Server, letter};

/// KiB of resident memory of a process.
fn resident(process: u32) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

#[test]
fn memory_stays_what_it_is() {
    let variables = [("SKOLEDOK__CACHE__MEMORY_MIB", "4"), ("SKOLEDOK__RENDER__WORKERS", "1")];
    let server = Server::with(&variables, Stdio::null());
    let own: u32 = server.process_id().parse().expect("a process has a number");
    let memory = || server.workers().into_iter().chain([own]).map(resident).sum::<usize>();
    let work = |from: usize, to: usize| {
        for number in from..to {
            let (body, expected) = match number % 20 {
                7 => (json!({ "status": "final", "title": number }), 422),
                _ => (letter(number), 200),
            };
            assert_eq!(server.post_json("/v1/render/parent-letter", &body).status, expected);
        }
        memory()
    };
    let settled = work(0, 500);
    let after = work(500, 2500);
    // Without forgetting what Typst remembers it would be a gigabyte more.
    assert!(after * 100 <= settled * 110, "{settled} KiB after 500 documents, {after} KiB after 2,500");
}
