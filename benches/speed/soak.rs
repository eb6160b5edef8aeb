//! `make soak`: a hundred thousand different documents, failures mixed in, and the memory of service and
//! workers at the end as it was after the first five thousand.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use skoledok::document::{Kind, Locale};
use skoledok::template;

use crate::input::Bodies;
use crate::load::{Caller, post};
use crate::service::{CALLERS, Service};

/// Documents after which the memory is the measure.
const SETTLED: usize = 5000;
/// How much more it may be at the end.
const MORE: f64 = 1.10;

/// The request of a number, and the status that is right for it.
fn request(letters: &Bodies, agreements: &Bodies, number: usize) -> (Vec<u8>, u16) {
    let render = |kind: Kind| format!("/v1/render/{}", kind.slug());
    match number % 50 {
        7 => (post(&render(Kind::ParentLetter), "{\"status\": final"), 400),
        17 => (post(&render(Kind::ParentLetter), &format!("{{\"status\":\"final\",\"title\":\"{number}\"}}")), 422),
        27 => (post("/v1/render/no-such-kind", &letters.body(number)), 404),
        // A page that the document does not have: found out when all the work is done.
        37 => (page_beyond(&letters.body(number)), 422),
        n if n % 10 == 4 => (post(&render(Kind::CooperationAgreement), &agreements.body(number)), 200),
        n if n % 10 == 8 => {
            let kind = Kind::ALL[number / 10 % Kind::ALL.len()];
            let locale = Locale::ALL[number / 70 % Locale::ALL.len()];
            let sample = template::sample(kind, locale);
            let own = sample.replace("Fjordvik", &format!("Fjordvik {number}"));
            (post(&render(kind), &own), 200)
        }
        _ => (post(&render(Kind::ParentLetter), &letters.body(number)), 200),
    }
}

fn page_beyond(body: &str) -> Vec<u8> {
    let length = body.len();
    format!("POST /v1/render/parent-letter?page=99 HTTP/1.1\r\nHost: skole\r\nAccept: image/svg+xml\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}").into_bytes()
}

pub fn run(documents: usize) {
    let service = Service::start(&[]);
    let (letters, agreements) = (Bodies::of("letter"), Bodies::of("agreement"));
    let next = AtomicUsize::new(0);
    let began = Instant::now();
    let until = |end: usize| {
        std::thread::scope(|scope| {
            for _ in 0..CALLERS {
                scope.spawn(|| {
                    let mut caller = Caller::new(&service.address);
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= end {
                            break;
                        }
                        let (request, expected) = request(&letters, &agreements, number);
                        let answer = caller.fetch(&request);
                        assert_eq!(
                            answer.status,
                            expected,
                            "document {number}: {}",
                            String::from_utf8_lossy(&answer.body)
                        );
                        // Somebody hangs up in the middle of it now and then.
                        if number % 500 == 250 {
                            caller = Caller::new(&service.address);
                            caller.send_only(&request);
                            caller = Caller::new(&service.address);
                        }
                    }
                });
            }
        });
        next.store(end, Ordering::Relaxed);
        // What is being replaced or written has settled.
        std::thread::sleep(std::time::Duration::from_secs(2));
        let memory = service.memory();
        println!("{end} documents, {:.0} s: {memory:.0} MiB", began.elapsed().as_secs_f64());
        memory
    };
    let settled = until(SETTLED.min(documents / 2));
    let mut last = settled;
    for part in 1..=9 {
        last = until(SETTLED.max(documents * part / 9).min(documents));
    }
    println!("after {documents} documents {:.3} of the memory after {SETTLED}", last / settled);
    assert!(last <= settled * MORE, "the memory has grown by more than a tenth");
}
