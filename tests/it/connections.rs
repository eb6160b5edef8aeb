//! Connections: slow and greedy callers are cut off, others do not notice; TLS.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{Server, binary, eventually, letter, output_folder, run, run_ok};

fn impatient() -> Server {
    Server::with(
        &[
            ("SKOLEDOK__SERVER__HEAD_TIMEOUT_MS", "700"),
            ("SKOLEDOK__SERVER__BODY_TIMEOUT_MS", "700"),
            ("SKOLEDOK__SERVER__WRITE_TIMEOUT_MS", "700"),
            ("SKOLEDOK__SERVER__CONNECTIONS", "20"),
        ],
        Stdio::null(),
    )
}

fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(server.base.trim_start_matches("http://")).expect("the server takes connections");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a socket takes options");
    stream
}

/// What comes until the server closes the connection, and how long that took.
fn until_closed(mut stream: TcpStream) -> (String, Duration) {
    let began = Instant::now();
    let mut answer = Vec::new();
    // Closed with a reset is closed, too.
    drop(stream.read_to_end(&mut answer));
    (String::from_utf8_lossy(&answer).into_owned(), began.elapsed())
}

#[test]
fn slow_callers_are_cut_off_and_others_do_not_notice() {
    let server = impatient();
    // Byte by byte: never silent for long, and never done.
    let mut dripping = connect(&server);
    let mut sent = 0;
    let began = Instant::now();
    for byte in "POST /v1/render/parent-letter HTTP/1.1\r\nHost: skole\r\nX-Filler: aaaaaaaaaaaaaaaaaaaaaa".bytes() {
        if dripping.write_all(&[byte]).is_err() {
            break;
        }
        sent += 1;
        std::thread::sleep(Duration::from_millis(50));
    }
    let (_, waited) = until_closed(dripping);
    assert!(began.elapsed() < Duration::from_secs(5) && waited < Duration::from_secs(2), "{sent} bytes were taken");
    // Silent from the start, and silent after an answer.
    let (told, waited) = until_closed(connect(&server));
    assert!(waited < Duration::from_secs(3), "{told}");
    let mut idle = connect(&server);
    idle.write_all(b"GET /health/live HTTP/1.1\r\nHost: skole\r\n\r\n").expect("a request can be sent");
    let (told, waited) = until_closed(idle);
    assert!(told.starts_with("HTTP/1.1 200") && waited < Duration::from_secs(3), "{told}");
    // A head, and then a body that does not come.
    let mut stalled = connect(&server);
    stalled
        .write_all(b"POST /v1/render/parent-letter HTTP/1.1\r\nHost: skole\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n{")
        .expect("a request can be sent");
    let (told, waited) = until_closed(stalled);
    assert!(told.starts_with("HTTP/1.1 408") && told.contains("body-too-slow"), "{told}");
    assert!(waited < Duration::from_secs(3));
    // As many silent ones as there is room for: others wait for a place, and get it.
    let silent: Vec<_> = (0..20).map(|_| connect(&server)).collect();
    let began = Instant::now();
    assert_eq!(server.post_json("/v1/render/parent-letter", &letter(1)).status, 200);
    assert!(began.elapsed() < Duration::from_secs(5));
    drop(silent);
}

#[test]
fn a_caller_that_does_not_read_is_cut_off() {
    let server = impatient();
    let made = server.post_json("/v1/render/parent-letter", &letter(1));
    let location = made.header("content-location");
    let mut greedy = connect(&server);
    greedy.set_write_timeout(Some(Duration::from_secs(3))).expect("a socket takes options");
    let request = format!("GET {location} HTTP/1.1\r\nHost: skole\r\n\r\n");
    // Far more answers than the buffers of the system hold.
    let began = Instant::now();
    let mut refused = false;
    while began.elapsed() < Duration::from_secs(20) && !refused {
        refused = greedy.write_all(request.repeat(100).as_bytes()).is_err();
    }
    assert!(refused, "the server reads on while nobody takes its answers");
    let (_, waited) = until_closed(greedy);
    assert!(waited < Duration::from_secs(9), "the connection is closed");
    assert_eq!(server.get(location).status, 200);
}

#[test]
fn a_head_that_is_too_long_is_refused() {
    let server = impatient();
    let mut stream = connect(&server);
    let head = format!("GET /health/live HTTP/1.1\r\nHost: skole\r\nX-Long: {}\r\n\r\n", "a".repeat(100_000));
    // It may be refused while it is still being sent.
    drop(stream.write_all(head.as_bytes()));
    let (told, _) = until_closed(stream);
    assert!(told.is_empty() || told.starts_with("HTTP/1.1 431"), "{told}");
    assert_eq!(server.get("/health/live").status, 200);
}

/// A certificate of its own, for `localhost`, valid for some days.
pub fn certificate(folder: &Path, serial: &str, days: &str) {
    run_ok(
        Command::new("openssl")
            .args([
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
                "-nodes",
                "-days",
                days,
            ])
            .args([
                "-subj",
                "/CN=localhost",
                "-addext",
                "subjectAltName=DNS:localhost,IP:127.0.0.1",
                "-set_serial",
                serial,
            ])
            .arg("-keyout")
            .arg(folder.join("key.pem"))
            .arg("-out")
            .arg(folder.join("cert.pem")),
    );
}

#[test]
fn tls_with_a_certificate_that_is_renewed() {
    let folder = output_folder("connections-tls");
    certificate(&folder, "1001", "3");
    let file = |name: &str| folder.join(name).display().to_string();
    let (cert, key) = (file("cert.pem"), file("key.pem"));
    let variables = [("SKOLEDOK__TLS__CERTIFICATE_FILE", cert.as_str()), ("SKOLEDOK__TLS__KEY_FILE", key.as_str())];
    let server = Server::unready(&variables, Stdio::null());
    let address = server.base.strip_prefix("https://").expect("it says that it has TLS").to_owned();
    let curl = |more: &[&str]| {
        run(Command::new("curl")
            .args(["-sS", "--cacert", &cert, "-o", "/dev/null", "-w", "%{http_code} %{http_version}"])
            .args(more)
            .arg(format!("https://{address}/health/ready")))
    };
    let told = |more: &[&str]| String::from_utf8_lossy(&curl(more).stdout).into_owned();
    eventually("it is ready", || told(&[]) == "200 2");
    assert_eq!(told(&["--http1.1"]), "200 1.1");
    assert_ne!(told(&["--tls-max", "1.1"]), "200 2");
    let plain = run(Command::new("curl").args(["-sS", &format!("http://{address}/health/live")]));
    assert!(!plain.status.success(), "nothing is told without TLS");
    let health = binary().args(["health", "--bind", &address]).envs(variables).output().expect("the program starts");
    assert!(health.status.success(), "{}", String::from_utf8_lossy(&health.stderr));

    let serial = || {
        let shown = format!("openssl s_client -connect {address} </dev/null 2>/dev/null | openssl x509 -noout -serial");
        run_ok(Command::new("sh").args(["-c", &shown])).trim().to_owned()
    };
    assert_eq!(serial(), "serial=03E9");
    std::fs::write(folder.join("cert.pem"), "half written").expect("a file can be written");
    std::thread::sleep(Duration::from_secs(6));
    assert_eq!(serial(), "serial=03E9", "the certificate at hand goes on");
    certificate(&folder, "1002", "3");
    eventually("the new certificate is shown", || serial() == "serial=03EA");
    assert_eq!(told(&[]), "200 2");
}
