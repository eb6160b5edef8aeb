//! What tests share: the engine, the tools, a server of their own.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use serde_json::{Value, json};
use skoledok::document::{Kind, Locale};
use skoledok::pipeline::{self, Order, ProduceError, Produced};
use skoledok::render::{Engine, Options};
use skoledok::template;

pub static ENGINE: LazyLock<Engine> = LazyLock::new(Engine::load);

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The program, or the one that `SKOLEDOK_TEST_PROGRAM` names. Its store, unless it is given another, is below `target/` and not where the tests run.
pub fn binary() -> Command {
    let other = std::env::var_os("SKOLEDOK_TEST_PROGRAM");
    let mut command = Command::new(other.unwrap_or_else(|| env!("CARGO_BIN_EXE_skoledok").into()));
    command.env("SKOLEDOK__STORE__URL", format!("sqlite:{}", stores().join("commands.db").display()));
    command
}

fn stores() -> PathBuf {
    let folder = root().join("target/test-output/stores");
    std::fs::create_dir_all(&folder).expect("a folder below target/ can be made");
    folder
}

/// Where [`output_folder`] has its folder of a name.
pub fn output_path(name: &str) -> PathBuf {
    root().join("target/test-output").join(name)
}

/// An empty folder below `target/` that stays for a look after the test.
pub fn output_folder(name: &str) -> PathBuf {
    let folder = output_path(name);
    if folder.exists() {
        std::fs::remove_dir_all(&folder).expect("the output of an earlier run can be removed");
    }
    std::fs::create_dir_all(&folder).expect("a folder below target/ can be made");
    folder
}

pub fn sample(kind: Kind, locale: Locale) -> Value {
    serde_json::from_str(template::sample(kind, locale)).expect("a sample is JSON")
}

/// The least that is a blank form of a kind.
pub fn blank(kind: Kind, locale: Locale) -> Value {
    let mut body = json!({ "status": "blank_template", "locale": locale.tag() });
    if kind == Kind::HomeSchoolGuide {
        body["variant"] = json!("begge");
    }
    body
}

pub fn produce(kind: Kind, body: Value, options: Options) -> Result<Produced, ProduceError> {
    pipeline::produce(&ENGINE, Order { kind, body, options })
}

pub fn pdf(kind: Kind, body: &Value) -> Vec<u8> {
    match produce(kind, body.clone(), Options::default()) {
        Ok(produced) => produced.rendered.bytes,
        Err(ProduceError::Invalid { violations, .. }) => panic!("{}: {violations:#?}", kind.slug()),
        Err(error) => panic!("{}: {error}", kind.slug()),
    }
}

/// Runs a program of the system; its absence is a failure that says what to install.
pub fn run(command: &mut Command) -> Output {
    let program = command.get_program().to_string_lossy().into_owned();
    command.output().unwrap_or_else(|error| {
        panic!("`{program}` can not be run ({error}); install what tests need with `make setup`")
    })
}

pub fn run_ok(command: &mut Command) -> String {
    let output = run(command);
    assert!(
        output.status.success(),
        "{command:?} ended with {}\n{}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A script of `tests/tools`, with the Python that `setup` prepared.
pub fn python(script: &str) -> Command {
    let mut command = Command::new(root().join("target/test-tools/venv/bin/python"));
    command.arg(root().join("tests/tools").join(script));
    command
}

/// Fails unless veraPDF passes every file for PDF/A-2a and PDF/UA-1.
pub fn assert_standards(files: &[PathBuf]) {
    assert_flavours("2a,ua1", files);
}

pub fn assert_flavours(flavours: &str, files: &[PathBuf]) {
    assert!(!files.is_empty(), "nothing to check");
    let list = output_folder(&format!("verapdf-{}", std::thread::current().name().unwrap_or("x").replace("::", "-")));
    let list = list.join("files.txt");
    let lines: Vec<_> = files.iter().map(|file| file.display().to_string()).collect();
    std::fs::write(&list, lines.join("\n")).expect("a list can be written");
    let mut command = Command::new(root().join("tests/tools/verapdf/check"));
    run_ok(command.arg(flavours).arg(format!("@{}", list.display())));
}

/// The words of a PDF in reading order, brought to the form that expectations are written in.
pub fn words(file: &Path) -> String {
    normalise(&run_ok(Command::new("pdftotext").args(["-raw", "-enc", "UTF-8"]).arg(file).arg("-")))
}

/// NFC, plain spaces, no soft hyphens, words joined over line ends, single spaces.
pub fn normalise(text: &str) -> String {
    use unicode_normalization::UnicodeNormalization;
    let text: String = text.nfc().collect();
    // A soft hyphen at the end of a line joins what follows it.
    let mut joined = String::new();
    for (index, part) in text.split('\u{AD}').enumerate() {
        joined.push_str(if index == 0 { part } else { part.trim_start() });
    }
    let text = joined
        .replace('’', "'")
        .replace(['\u{A0}', '\u{202F}'], " ")
        .replace(['\u{200B}', '\u{c}'], "")
        .replace('\u{FB01}', "fi")
        .replace('\u{FB02}', "fl")
        .replace("-\n", "-");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The catalog of a PDF, as qpdf tells it.
pub fn catalog(file: &Path) -> Value {
    let told = run_ok(Command::new("qpdf").args(["--json", "--json-key=qpdf"]).arg(file));
    let told: Value = serde_json::from_str(&told).expect("qpdf writes JSON");
    let objects = told.pointer("/qpdf/1").and_then(Value::as_object).expect("qpdf lists the objects");
    objects
        .values()
        .filter_map(|object| object.get("value"))
        .find(|value| value.get("/Type").and_then(Value::as_str) == Some("/Catalog"))
        .cloned()
        .expect("a PDF has a catalog")
}

/// A number that passes for a national identity number, of a synthetic month (+80), so nobody's.
pub fn national_identity_number() -> String {
    let weights = [[3, 7, 6, 1, 8, 9, 4, 5, 2, 1, 0], [5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1]];
    (10_000..99_999)
        .map(|serial| format!("018110{serial}"))
        .find(|number| {
            weights
                .iter()
                .all(|row| row.iter().zip(number.bytes()).map(|(w, b)| w * u32::from(b - b'0')).sum::<u32>() % 11 == 0)
        })
        .expect("some serial number has both check digits")
}

/// A server of the test's own on a free port, stopped when dropped.
pub struct Server {
    child: Child,
    pub base: String,
    store: PathBuf,
}

impl Server {
    pub fn start() -> Self {
        Self::with(&[], Stdio::null())
    }

    pub fn with_log(log: Stdio) -> Self {
        Self::with(&[], log)
    }

    /// With variables in its environment.
    pub fn with(variables: &[(&str, &str)], log: Stdio) -> Self {
        let server = Self::unready(variables, log);
        server.await_ready();
        server
    }

    /// As soon as it listens.
    pub fn unready(variables: &[(&str, &str)], log: Stdio) -> Self {
        let store = fresh_store();
        let mut child = binary()
            .args(["serve", "--bind", "127.0.0.1:0"])
            .env("SKOLEDOK__STORE__URL", format!("sqlite:{}", store.display()))
            .envs(variables.iter().copied())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("the program starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("standard output is piped"))
            .read_line(&mut line)
            .expect("the server tells its address");
        let base = line.trim().strip_prefix("listening on ").expect("the server tells its address").to_owned();
        Self { child, base, store }
    }

    fn await_ready(&self) {
        eventually("the server is ready", || self.get("/health/ready").status == 200);
    }

    /// Waits until the health of a part is as told.
    pub fn await_part(&self, part: &str, state: &str) {
        eventually(&format!("{part} is {state}"), || self.get("/health/ready").json()["parts"][part] == state);
    }

    pub fn get(&self, path: &str) -> Answer {
        answer(agent().get(format!("{}{path}", self.base)).call())
    }

    pub fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        call(agent().get(format!("{}{path}", self.base)), headers)
    }

    pub fn head(&self, path: &str) -> Answer {
        self.head_with(path, &[])
    }

    pub fn head_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        call(agent().head(format!("{}{path}", self.base)), headers)
    }

    pub fn delete(&self, path: &str) -> Answer {
        self.delete_with(path, &[])
    }

    pub fn delete_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        call(agent().delete(format!("{}{path}", self.base)), headers)
    }

    pub fn put(&self, path: &str, body: &[u8], headers: &[(&str, &str)]) -> Answer {
        let mut request = agent().put(format!("{}{path}", self.base));
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
            request = request.header("Content-Type", "application/json");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        answer(request.send(body))
    }

    pub fn post(&self, path: &str, body: &[u8], headers: &[(&str, &str)]) -> Answer {
        let mut request = agent().post(format!("{}{path}", self.base));
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
            request = request.header("Content-Type", "application/json");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        answer(request.send(body))
    }

    pub fn post_json(&self, path: &str, body: &Value) -> Answer {
        self.post(path, body.to_string().as_bytes(), &[])
    }

    pub fn process_id(&self) -> String {
        self.child.id().to_string()
    }

    /// The render workers that it has now, the one that stands by among them.
    pub fn workers(&self) -> Vec<u32> {
        children_of(self.child.id())
    }

    /// Asks the server to stop and waits for it.
    pub fn terminate(mut self) -> std::process::ExitStatus {
        run_ok(Command::new("kill").arg("-TERM").arg(self.process_id()));
        self.child.wait().expect("the server can be waited for")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already, which is what is wanted.
        drop(self.child.kill());
        drop(self.child.wait());
        for end in ["", "-wal", "-shm", ".lock", ".key"] {
            // Not all of them are there, and none when the test has a store of its own.
            drop(std::fs::remove_file(format!("{}{end}", self.store.display())));
        }
    }
}

/// A file for a store, that no other test has.
fn fresh_store() -> PathBuf {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    stores().join(format!("{}-{}.db", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed)))
}

/// Processes whose parent is another, by `/proc`.
pub fn children_of(parent: u32) -> Vec<u32> {
    let processes = std::fs::read_dir("/proc").expect("/proc can be listed").flatten();
    let is_child = |id: &u32| {
        // `pid (name) state parent …`; the name can hold anything, so from behind it.
        std::fs::read_to_string(format!("/proc/{id}/stat")).is_ok_and(|stat| {
            let behind = stat.rsplit(')').next().unwrap_or_default();
            let mut words = behind.split_whitespace();
            // One that has ended stays listed as a zombie until its parent takes note.
            words.next() != Some("Z") && words.next() == Some(parent.to_string().as_str())
        })
    };
    processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(is_child).collect()
}

/// Sends a signal, by its name.
pub fn signal(name: &str, process: u32) {
    run_ok(Command::new("kill").arg(format!("-{name}")).arg(process.to_string()));
}

/// Waits for something, for at most a minute.
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..1200 {
        if holds() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("not after a minute: {what}");
}

/// A port that nobody listens on, and that stays free while its server is down: it lies below those that the system
/// gives to connections (`ip_local_port_range`), one of which could be another test's, or a client's that calls itself.
/// None is given out twice.
pub fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // Other runs of the tests on this machine begin elsewhere.
    let first = std::process::id().wrapping_mul(97);
    (0..PORTS)
        .map(|_| FIRST_PORT + ((first.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed))) % PORTS) as u16)
        .find(|port| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("there is a free port")
}

const FIRST_PORT: u16 = 12_000;
const PORTS: u32 = 20_000;

/// A letter unlike every other, by its number.
pub fn letter(number: usize) -> Value {
    let mut letter = sample(Kind::ParentLetter, Locale::Nb);
    letter["title"] = json!(format!("Brev nummer {number}"));
    letter
}

/// Milliseconds that letters took one after the other, sorted. None fails.
pub fn latencies(server: &Server, numbers: std::ops::Range<usize>) -> Vec<u128> {
    let mut taken: Vec<u128> = numbers
        .map(|number| {
            let began = std::time::Instant::now();
            assert_eq!(server.post_json("/v1/render/parent-letter", &letter(number)).status, 200);
            began.elapsed().as_millis()
        })
        .collect();
    taken.sort_unstable();
    taken
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().http_status_as_error(false).build().into()
}

/// A response, read whole.
pub struct Answer {
    pub status: u16,
    pub headers: ureq::http::HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("the body is JSON")
    }
}

/// Sends a request without a body.
fn call(mut request: ureq::RequestBuilder<ureq::typestate::WithoutBody>, headers: &[(&str, &str)]) -> Answer {
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    answer(request.call())
}

fn answer(response: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Answer {
    let mut response = response.expect("the server answers");
    let body = response.body_mut().with_config().limit(1024 * 1024 * 1024).read_to_vec().expect("the body can be read");
    Answer { status: response.status().as_u16(), headers: response.headers().clone(), body }
}
