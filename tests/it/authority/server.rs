//! The servers of the authority in one: time stamps and OCSP by OpenSSL, CRLs and certificates from its files. It can be told to misbehave.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::support::run_ok;

/// How a path answers. It can also be asked for in the path itself: `/slow/tsa`, `/silent/tsa`, `/huge/tsa`, `/wrong/tsa`, `/broken/tsa`, `/down/tsa`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    /// As it should.
    Well,
    /// As it should, after two seconds.
    Slow,
    /// It takes the question and says nothing for a minute.
    Silent,
    /// With 64 MiB and the right content type.
    Huge,
    /// With something else of the right content type: for `/tsa` a time stamp over other data.
    Wrong,
    /// With status 503.
    Broken,
    /// It closes the connection.
    Down,
}

/// A server on a port of its own.
pub struct Server {
    base: String,
    shared: Arc<Shared>,
}

struct Shared {
    folder: PathBuf,
    behaviours: Mutex<HashMap<String, Behaviour>>,
    calls: Mutex<HashMap<String, usize>>,
    /// The serial numbers of time stamps are in one file.
    tool: Mutex<()>,
    count: AtomicUsize,
}

impl Server {
    /// A server over the files of an authority. It goes on until the tests end.
    pub fn start(folder: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
        let base = format!("http://{}", listener.local_addr().expect("a listener has an address"));
        let shared = Arc::new(Shared {
            folder: folder.to_owned(),
            behaviours: Mutex::default(),
            calls: Mutex::default(),
            tool: Mutex::default(),
            count: AtomicUsize::new(0),
        });
        let served = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&served);
                // Who hangs up in the middle is no fault of ours.
                thread::spawn(move || drop(shared.serve(stream)));
            }
        });
        Self { base, shared }
    }

    /// `http://127.0.0.1:PORT`.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// How a path (such as `/ocsp`) answers from now on.
    pub fn set(&self, path: &str, behaviour: Behaviour) {
        let mut behaviours = self.shared.behaviours.lock().unwrap_or_else(PoisonError::into_inner);
        behaviours.insert(path.to_owned(), behaviour);
    }

    /// How often a path was asked for.
    pub fn calls(&self, path: &str) -> usize {
        let calls = self.shared.calls.lock().unwrap_or_else(PoisonError::into_inner);
        calls.get(path).copied().unwrap_or_default()
    }
}

impl Shared {
    fn serve(&self, mut stream: TcpStream) -> std::io::Result<()> {
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        let (path, body) = read_request(&stream)?;
        *self.calls.lock().unwrap_or_else(PoisonError::into_inner).entry(path.clone()).or_default() += 1;
        let (behaviour, route) = self.behaviour(&path);
        match behaviour {
            Behaviour::Slow => thread::sleep(Duration::from_secs(2)),
            Behaviour::Silent => {
                thread::sleep(Duration::from_mins(1));
                return Ok(());
            }
            Behaviour::Down => return Ok(()),
            _ => {}
        }
        let answer = match behaviour {
            Behaviour::Broken => None,
            Behaviour::Huge => content_type(&route).map(|kind| (kind, vec![0x30; 64 * 1024 * 1024])),
            Behaviour::Wrong => content_type(&route).map(|kind| (kind, self.wrong(&route))),
            _ => content_type(&route).and_then(|kind| Some((kind, self.answer(&route, &body)?))),
        };
        let (status, kind, body) = match answer {
            Some((kind, body)) => ("200 OK", kind, body),
            None if behaviour == Behaviour::Broken => ("503 Service Unavailable", "text/plain", Vec::new()),
            None => ("404 Not Found", "text/plain", Vec::new()),
        };
        write!(
            stream,
            "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        )?;
        stream.write_all(&body)
    }

    /// How a path answers, and what is asked for.
    fn behaviour(&self, path: &str) -> (Behaviour, String) {
        let told = [
            ("/slow/", Behaviour::Slow),
            ("/silent/", Behaviour::Silent),
            ("/huge/", Behaviour::Huge),
            ("/wrong/", Behaviour::Wrong),
            ("/broken/", Behaviour::Broken),
            ("/down/", Behaviour::Down),
        ];
        if let Some((begin, behaviour)) = told.into_iter().find(|(begin, _)| path.starts_with(begin)) {
            return (behaviour, path[begin.len() - 1..].to_owned());
        }
        let behaviours = self.behaviours.lock().unwrap_or_else(PoisonError::into_inner);
        (behaviours.get(path).copied().unwrap_or(Behaviour::Well), path.to_owned())
    }

    fn answer(&self, route: &str, body: &[u8]) -> Option<Vec<u8>> {
        match route {
            "/tsa" => Some(self.time_stamp(body)),
            "/ocsp" => Some(self.ocsp(body)),
            "/root.cer" => Some(self.file("root.der")),
            "/issuing.cer" => Some(self.file("issuing.der")),
            "/root.crl" => Some(self.file("root.crl")),
            "/issuing.crl" => Some(self.file("issuing.crl")),
            _ => None,
        }
    }

    fn wrong(&self, route: &str) -> Vec<u8> {
        match route {
            "/tsa" => {
                let query = self.place("tsq");
                self.openssl(&["ts", "-query", "-digest", &"07".repeat(32), "-sha256", "-cert", "-out", &query]);
                let answer = self.time_stamp(&self.file(&query));
                drop(std::fs::remove_file(self.folder.join(query)));
                answer
            }
            // Of another authority.
            "/issuing.crl" => self.file("root.crl"),
            "/root.crl" => self.file("issuing.crl"),
            "/issuing.cer" => self.file("twin.der"),
            _ => b"0\x03\x0a\x01\x02".to_vec(),
        }
    }

    fn time_stamp(&self, query: &[u8]) -> Vec<u8> {
        let _guard = self.tool.lock().unwrap_or_else(PoisonError::into_inner);
        self.by_tool(query, |query, answer| {
            vec!["ts", "-reply", "-config", "ca.cnf", "-section", "tsa_config", "-queryfile", query, "-out", answer]
        })
    }

    fn ocsp(&self, query: &[u8]) -> Vec<u8> {
        self.by_tool(query, |query, answer| {
            let files = ["-index", "issuing.index", "-CA", "issuing.pem", "-rsigner", "ocsp.pem", "-rkey", "ocsp.key"];
            let call = ["ocsp", "-reqin", query, "-respout", answer, "-ndays", "7", "-rmd", "sha256"];
            [&call[..], &files[..]].concat()
        })
    }

    /// Has OpenSSL answer a question out of a file into another.
    fn by_tool(&self, query: &[u8], call: impl for<'a> Fn(&'a str, &'a str) -> Vec<&'a str>) -> Vec<u8> {
        let (question, answer) = (self.place("question"), self.place("answer"));
        std::fs::write(self.folder.join(&question), query).expect("a file can be written");
        self.openssl(&call(&question, &answer));
        let bytes = self.file(&answer);
        for file in [question, answer] {
            drop(std::fs::remove_file(self.folder.join(file)));
        }
        bytes
    }

    fn openssl(&self, arguments: &[&str]) {
        run_ok(Command::new("openssl").args(arguments).current_dir(&self.folder));
    }

    fn file(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// A name for a file that nobody else has.
    fn place(&self, kind: &str) -> String {
        // Several servers can be over one folder.
        static ALL: AtomicUsize = AtomicUsize::new(0);
        self.count.fetch_add(1, Ordering::Relaxed);
        format!("call-{}.{kind}", ALL.fetch_add(1, Ordering::Relaxed))
    }
}

fn content_type(route: &str) -> Option<&'static str> {
    match route {
        "/tsa" => Some("application/timestamp-reply"),
        "/ocsp" => Some("application/ocsp-response"),
        "/root.cer" | "/issuing.cer" => Some("application/pkix-cert"),
        "/root.crl" | "/issuing.crl" => Some("application/pkix-crl"),
        _ => None,
    }
}

/// The path and the body of a request.
fn read_request(stream: &TcpStream) -> std::io::Result<(String, Vec<u8>)> {
    let mut reader = BufReader::new(stream).take(1024 * 1024);
    let (mut path, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line.trim().is_empty() {
            break;
        }
        if path.is_empty() {
            line.split_whitespace().nth(1).unwrap_or_default().clone_into(&mut path);
        } else if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap_or_default();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok((path, body))
}
