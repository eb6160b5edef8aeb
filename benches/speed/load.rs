//! Callers over HTTP: a connection for each, kept alive, one request after the other.

use std::borrow::Cow;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::epoll;
use rustix::net::{RecvFlags, recv};
use serde::{Deserialize, Serialize};

use crate::input::Bodies;
use crate::service::Service;

/// What ends the head of an answer.
const END: &[u8] = b"\r\n\r\n";

/// What was done in some time.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Figures {
    pub count: usize,
    pub seconds: f64,
    /// Seconds of CPU of whoever served.
    pub cpu: f64,
    /// MiB of whoever served.
    pub memory: f64,
    /// Microseconds of each.
    pub micros: Vec<u32>,
}

impl Figures {
    /// Of several who worked at the same time.
    pub fn together(all: impl IntoIterator<Item = Self>) -> Self {
        all.into_iter().fold(Self::default(), |mut sum, one| {
            sum.count += one.count;
            sum.seconds = sum.seconds.max(one.seconds);
            sum.cpu += one.cpu;
            sum.memory += one.memory;
            sum.micros.extend(one.micros);
            sum
        })
    }

    pub fn rate(&self) -> f64 {
        self.count as f64 / self.seconds
    }

    pub fn percentile(&self, share: f64) -> f64 {
        let mut sorted = self.micros.clone();
        sorted.sort_unstable();
        let index = ((sorted.len() as f64 - 1.0) * share).round().max(0.0) as usize;
        sorted.get(index).map_or(0.0, |micros| f64::from(*micros) / 1000.0)
    }
}

pub fn post(path: &str, body: &str) -> Vec<u8> {
    post_with(path, &[], body)
}

fn post_with(path: &str, headers: &[(&str, &str)], body: &str) -> Vec<u8> {
    let (headers, length) = (lines(headers), body.len());
    format!("POST {path} HTTP/1.1\r\nHost: skole\r\n{headers}Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}").into_bytes()
}

pub fn get(path: &str, headers: &[(&str, &str)]) -> Vec<u8> {
    let headers = lines(headers);
    format!("GET {path} HTTP/1.1\r\nHost: skole\r\n{headers}\r\n").into_bytes()
}

fn lines(headers: &[(&str, &str)]) -> String {
    headers.iter().flat_map(|(name, value)| [*name, ": ", *value, "\r\n"]).collect()
}

/// A response.
pub struct Answer {
    pub status: u16,
    head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> String {
        let found = self.head.lines().find_map(|line| {
            let (own, value) = line.split_once(':')?;
            own.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        });
        found.unwrap_or_default()
    }
}

/// A connection.
pub struct Caller {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Caller {
    pub fn new(address: &str) -> Self {
        Self { stream: connect(address), buffer: vec![0; 256 * 1024] }
    }

    /// Sends a request and does not wait for the answer.
    pub fn send_only(&mut self, request: &[u8]) {
        self.stream.write_all(request).expect("a request can be sent");
    }

    pub fn fetch(&mut self, request: &[u8]) -> Answer {
        self.stream.write_all(request).expect("a request can be sent");
        let (mut filled, mut head) = (0, None);
        loop {
            let read = self.stream.read(&mut self.buffer[filled..]).expect("an answer can be read");
            assert!(read > 0, "the server has closed the connection");
            let searched = filled.saturating_sub(3);
            filled += read;
            if head.is_none() {
                let found = self.buffer[searched..filled].windows(4).position(|four| four == END);
                head = found.map(|at| searched + at + 4);
                if let Some(end) = head {
                    let needed = end + length(&self.buffer[..end]);
                    if self.buffer.len() < needed {
                        self.buffer.resize(needed, 0);
                    }
                }
            }
            if let Some(end) = head {
                let whole = end + length(&self.buffer[..end]);
                if filled >= whole {
                    let head = String::from_utf8_lossy(&self.buffer[..end]).into_owned();
                    return Answer { status: status(&self.buffer), head, body: self.buffer[end..whole].to_vec() };
                }
            }
        }
    }
}

fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).expect("the server can be reached");
    stream.set_nodelay(true).expect("a socket takes options");
    stream
}

fn status(head: &[u8]) -> u16 {
    let word = std::str::from_utf8(&head[9..12]).ok();
    word.and_then(|word| word.parse().ok()).expect("an answer has a status")
}

/// The length of a body, by its head.
fn length(head: &[u8]) -> usize {
    let head = std::str::from_utf8(head).expect("a head is ASCII");
    let value = head.lines().find_map(|line| {
        line.get(..15).filter(|name| name.eq_ignore_ascii_case("content-length:")).map(|_| line[15..].trim())
    });
    value.and_then(|value| value.parse().ok()).unwrap_or(0)
}

/// The same request again and again.
pub fn repeat(address: &str, request: &[u8], callers: usize, time: Duration) -> Figures {
    run(address, callers, time, |_| Cow::Borrowed(request))
}

/// Each request another document, its number from an offset on.
pub fn post_distinct(service: &Service, bodies: &Bodies, callers: usize, time: Duration, offset: usize) -> Figures {
    let path = format!("/v1/render/{}", bodies.kind.slug());
    let who = service.authorization.as_deref().map(|who| ("Authorization", who));
    let request = |number| post_with(&path, who.as_slice(), &bodies.body(offset + number));
    run(&service.address, callers, time, |number| Cow::Owned(request(number)))
}

/// One thread for all of them, so that they take little of the cores that they share with whoever is measured.
fn run<'a>(address: &str, callers: usize, time: Duration, request: impl Fn(usize) -> Cow<'a, [u8]>) -> Figures {
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).expect("the system has epoll");
    let (began, mut sent) = (Instant::now(), 0);
    let mut next = || {
        sent += 1;
        request(sent - 1)
    };
    let start = |number: usize| {
        let asking = Asking::new(address);
        let data = epoll::EventData::new_u64(number as u64);
        epoll::add(&epoll, &asking.stream, data, epoll::EventFlags::IN).expect("a socket can be waited for");
        asking
    };
    let mut all: Vec<Asking> = (0..callers).map(start).collect();
    for asking in &mut all {
        asking.send(&next());
    }
    let (mut buffer, mut events, mut micros) = (vec![0; 256 * 1024], Vec::with_capacity(callers), Vec::new());
    let mut waiting = callers;
    while waiting > 0 {
        epoll::wait(&epoll, spare_capacity(&mut events), None).expect("sockets can be waited for");
        for event in events.drain(..) {
            let asking = &mut all[event.data.u64() as usize];
            if !asking.receive(&mut buffer) {
                continue;
            }
            micros.push(u32::try_from(asking.since.elapsed().as_micros()).unwrap_or(u32::MAX));
            if began.elapsed() < time {
                asking.send(&next());
            } else {
                waiting -= 1;
            }
        }
    }
    Figures { count: micros.len(), seconds: began.elapsed().as_secs_f64(), cpu: 0.0, memory: 0.0, micros }
}

/// A connection of which only the head of an answer is read, and the rest counted.
struct Asking {
    stream: TcpStream,
    since: Instant,
    /// Bytes of the answer that are still to come, once its head is there.
    left: Option<usize>,
}

impl Asking {
    /// Bytes that are read to find a head.
    const HEAD: usize = 4096;

    fn new(address: &str) -> Self {
        Self { stream: connect(address), since: Instant::now(), left: None }
    }

    fn send(&mut self, request: &[u8]) {
        self.since = Instant::now();
        self.stream.write_all(request).expect("a request can be sent");
    }

    /// Takes what has come; whether that was the last of an answer.
    fn receive(&mut self, buffer: &mut [u8]) -> bool {
        let left = if let Some(left) = self.left {
            // The system throws away what nobody looks at (tcp(7), `MSG_TRUNC`).
            left - self.take(buffer, RecvFlags::TRUNC)
        } else {
            let read = self.take(&mut buffer[..Self::HEAD], RecvFlags::empty());
            let head = buffer[..read].windows(4).position(|four| four == END).expect("a head comes at once") + 4;
            let status = status(buffer);
            assert!(matches!(status, 200 | 304), "the answer is {status}");
            head + length(&buffer[..head]) - read
        };
        self.left = (left > 0).then_some(left);
        left == 0
    }

    fn take(&self, buffer: &mut [u8], flags: RecvFlags) -> usize {
        let (_, read) = recv(&self.stream, buffer, flags).expect("an answer can be read");
        assert!(read > 0, "the server has closed the connection");
        read
    }
}
