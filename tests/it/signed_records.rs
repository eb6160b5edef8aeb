//! Plans and agreements are signed over HTTP: with keys of the organisation, by a separate program that holds the key, by two at once, by a service
//! that is killed; and raised when servers answer again.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base64::prelude::{BASE64_STANDARD, Engine};
use serde_json::{Value, json};
use skoledok::document::{Kind, Locale};
use skoledok::sign::level::Level;

use crate::authority::{PASSWORD, authority};
use crate::postgres_server::PostgresServer;
use crate::sign::{assert_signed, judged, up_to};
use crate::support::{
    Answer, Server, assert_standards, binary, eventually, output_folder, run, run_ok, sample, signal,
};

const AGREEMENTS: &str = "/v1/agreements";
/// A key for stores of tests.
const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

/// A folder with the keys of an organisation, as the settings want it.
fn keys(folder: &Path) -> PathBuf {
    let keys = folder.join("keys");
    let own = keys.join("local");
    std::fs::create_dir_all(&own).expect("a folder can be made");
    for name in ["p256", "rsa2048", "expired"] {
        put_key(&own, name, name);
    }
    keys
}

/// Puts a key of the authority into a folder, under a name.
fn put_key(folder: &Path, key: &str, name: &str) {
    std::fs::write(folder.join(format!("{name}.password")), format!("{PASSWORD}\n")).expect("a file can be written");
    std::fs::write(folder.join(format!("{name}.p12")), authority().read(&format!("{key}.p12"))).expect("a file");
}

/// A service that signs, on a store.
struct Signed {
    folder: PathBuf,
    variables: Vec<(&'static str, String)>,
}

impl Signed {
    fn on(name: &str, url: Option<String>) -> Self {
        let folder = output_folder(name);
        let url = url.unwrap_or_else(|| format!("sqlite:{}", folder.join("store.db").display()));
        let trust = authority().root_pem().display().to_string();
        let variables = vec![
            ("SKOLEDOK__STORE__URL", url),
            ("SKOLEDOK__STORE__KEY", KEY.to_owned()),
            ("SKOLEDOK__SIGNING__KEYS_FOLDER", keys(&folder).display().to_string()),
            ("SKOLEDOK__SIGNING__TRUST_FILES", trust),
            ("SKOLEDOK__SIGNING__TIME_STAMP_URLS", authority().tsa_url()),
            ("SKOLEDOK__SIGNING__REVOCATION_HOSTS", "127.0.0.1".to_owned()),
            ("SKOLEDOK__SIGNING__TIMEOUT_MS", "5000".to_owned()),
        ];
        Self { folder, variables }
    }

    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.variables.retain(|(known, _)| *known != name);
        self.variables.push((name, value.to_owned()));
        self
    }

    fn start(&self) -> Server {
        let variables: Vec<_> = self.variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
        Server::with(&variables, Stdio::null())
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

fn problem(answer: &Answer) -> String {
    answer.json()["type"].as_str().unwrap_or_default().trim_start_matches("urn:skoledok:problem:").to_owned()
}

fn refused(answer: &Answer, status: u16, name: &str) {
    assert_eq!((answer.status, problem(answer).as_str()), (status, name), "{}", answer.text());
}

fn done(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

/// An agreement that waits for its two signers.
fn waiting(server: &Server, level: &str) -> String {
    let created = server.post_json(AGREEMENTS, &sample(Kind::CooperationAgreement, Locale::Nb));
    assert_eq!(created.status, 201, "{}", created.text());
    let location = created.header("location").to_owned();
    done(&server.post(&format!("{location}/finalise"), b"", &[]));
    let start = json!({ "signers": [{ "signatory": 0 }, { "signatory": 1 }], "level": level });
    assert_eq!(done(&server.post_json(&format!("{location}/signing"), &start))["status"], "signing");
    location
}

fn sign(server: &Server, location: &str, key: &str, field: &str) -> Answer {
    server.post_json(&format!("{location}/signatures"), &json!({ "key": key, "field": field, "location": "Fjordvik" }))
}

/// Fails unless a file is signed by so many, at a level, and still what an archive takes.
fn assert_kept(file: &Path, count: usize, level: Level) {
    assert_signed(&[(file.to_owned(), count, up_to(level))]);
    assert_standards(&[file.to_owned()]);
}

fn live(service: &Signed) {
    let server = service.start();
    let location = waiting(&server, "B-LTA");
    let document = server.get(&format!("{location}/document.pdf"));
    refused(&server.get(&format!("{location}/signed.pdf")), 409, "not-now");
    // Whoever is not asked, whose turn it is not, who has no key, whose key is no good.
    refused(&sign(&server, &location, "p256", "sig-2"), 409, "not-now");
    refused(&sign(&server, &location, "p256", "sig-9"), 409, "not-now");
    refused(&sign(&server, &location, "ukjent", "sig-1"), 422, "no-such-key");
    refused(&sign(&server, &location, "expired", "sig-1"), 422, "not-signed");
    assert_eq!(done(&sign(&server, &location, "p256", "sig-1"))["status"], "signing");
    refused(&sign(&server, &location, "p256", "sig-1"), 409, "not-now");
    refused(&server.get(&format!("{location}/signed.pdf")), 409, "not-now");
    let record = done(&sign(&server, &location, "rsa2048", "sig-2"));
    assert_eq!(record["status"], "signed", "{record}");
    let signed = server.get(&format!("{location}/signed.pdf"));
    assert_eq!(signed.status, 200, "{}", signed.text());
    assert!(signed.body.starts_with(&document.body), "the document is in it, byte by byte");
    assert_eq!(server.get(&format!("{location}/document.pdf")).body, document.body, "and stays as it was");
    let known = server.get_with(&format!("{location}/signed.pdf"), &[("If-None-Match", signed.header("etag"))]);
    assert_eq!(known.status, 304);
    let file = service.file("signed.pdf");
    std::fs::write(&file, &signed.body).expect("a file can be written");
    assert_kept(&file, 2, Level::BLTA);
    let words = run_ok(Command::new("pdftotext").args(["-layout"]).arg(&file).arg("-"));
    assert!(words.matches("Elektronisk signert").count() == 2 && words.contains("Øystein Prøve-Åsen"), "{words}");
}

#[test]
fn an_agreement_is_signed_with_keys_of_the_organisation_on_sqlite() {
    live(&Signed::on("signed-sqlite", None));
}

#[test]
fn an_agreement_is_signed_with_keys_of_the_organisation_on_postgresql() {
    let postgres = PostgresServer::start("signed");
    live(&Signed::on("signed-postgresql", Some(postgres.url())));
}

#[test]
fn nobody_is_asked_for_a_time_stamp_that_could_not_be_kept() {
    let tsa = crate::authority::server::Server::start(authority().folder());
    let service =
        Signed::on("signed-in-turn", None).with("SKOLEDOK__SIGNING__TIME_STAMP_URLS", &format!("{}/tsa", tsa.base()));
    let server = service.start();
    let location = waiting(&server, "B-T");
    let sign_if = |key: &str, field: &str, tag: &str| {
        let body = json!({ "key": key, "field": field }).to_string();
        server.post(&format!("{location}/signatures"), body.as_bytes(), &[("If-Match", tag)])
    };
    let (seen, now) = ("\"1\"", server.get(&location).header("etag").to_owned());
    refused(&sign(&server, &location, "p256", "sig-2"), 409, "not-now");
    refused(&sign_if("p256", "sig-1", seen), 412, "changed-since");
    refused(&sign(&server, &location, "ukjent", "sig-1"), 422, "no-such-key");
    let attributes = |prepared: &Value| prepared["signed_attributes"].as_str().expect("attributes").to_owned();
    let completion = |prepared: &Value| {
        let signature = raw_signature(&service.folder, "rsa2048", &attributes(prepared));
        json!({ "signature": signature, "certificates": chain_of("rsa2048") }).to_string()
    };
    let prepared = prepare(&server, &location, "sig-1", Some(&chain_of("rsa2048")));
    let at = format!("{location}/signatures/{}/complete", prepared["id"].as_str().expect("an id"));
    let complete = |tag: &str| server.post(&at, completion(&prepared).as_bytes(), &[("If-Match", tag)]);
    refused(&complete(seen), 412, "changed-since");
    let wish = json!({ "field": "sig-1" }).to_string();
    let early = server.post(&format!("{location}/signatures/prepare"), wish.as_bytes(), &[("If-Match", seen)]);
    refused(&early, 412, "changed-since");
    assert_eq!(tsa.calls("/tsa"), 0);
    assert_eq!(done(&sign_if("p256", "sig-1", &now))["status"], "signing");
    assert_eq!(tsa.calls("/tsa"), 1);
    // What was prepared is of another file by now, or of a field that is signed.
    assert!([404, 409].contains(&complete("*").status));
    assert_eq!(tsa.calls("/tsa"), 1);
    assert_eq!(done(&sign_if("rsa2048", "sig-2", "*"))["status"], "signed");
    refused(&sign_if("rsa2048", "sig-2", "*"), 409, "not-now");
    assert_eq!(tsa.calls("/tsa"), 2);
}

#[test]
fn a_revoked_certificate_signs_nothing_that_is_to_be_proven_and_a_silent_server_is_no_obstacle() {
    authority().issue("signed-unreachable", "/C=NO/CN=Uten Prøve-Svar", "EC:P-256", "unreachable");
    let service = Signed::on("signed-revoked", None);
    for name in ["revoked", "onhold", "signed-unreachable"] {
        put_key(&service.file("keys/local"), name, name);
    }
    let server = service.start();
    let location = waiting(&server, "B-T");
    for (key, whose) in [("revoked", "Tilbakekalt Prøve-Østby"), ("onhold", "Midlertidig Prøve-Ås")] {
        let answer = sign(&server, &location, key, "sig-1");
        refused(&answer, 422, "not-signed");
        let detail = answer.json()["detail"].as_str().unwrap_or_default().to_owned();
        assert_eq!(detail, format!("the certificate of `{whose}` was revoked"));
    }
    let wish = json!({ "field": "sig-1", "certificates": chain_of("revoked") });
    refused(&server.post_json(&format!("{location}/signatures/prepare"), &wish), 422, "not-signed");
    assert_eq!(done(&sign(&server, &location, "signed-unreachable", "sig-1"))["signing"]["signers"][0]["level"], "B-T");
    assert_eq!(done(&sign(&server, &location, "p256", "sig-2"))["status"], "signed");
    // Nothing of B-B can be proven later, so nobody is asked.
    let location = waiting(&server, "B-B");
    assert_eq!(done(&sign(&server, &location, "revoked", "sig-1"))["status"], "signing");
    let document = service.file("revoked.pdf");
    let plain = server.get(&format!("{location}/document.pdf")).body;
    std::fs::write(&document, plain).expect("a file can be written");
    // The same from the command line.
    let by_hand = |key: &str, level: &str| {
        let mut command = binary();
        command.arg("sign").arg(&document).arg("--key").arg(authority().path(&format!("{key}.p12")));
        command.args(["--password-env", "P12", "--level", level, "--tsa", &authority().tsa_url(), "--trust"]);
        run(command
            .arg(authority().root_pem())
            .arg("-o")
            .arg(service.file(&format!("by-{key}.pdf")))
            .env("P12", PASSWORD))
    };
    let told = by_hand("revoked", "B-T");
    assert_eq!(told.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&told.stderr).contains("Tilbakekalt Prøve-Østby` was revoked"), "{told:?}");
    assert!(by_hand("p256", "B-LT").status.success());
    assert!(by_hand("signed-unreachable", "B-T").status.success());
}

#[test]
fn keys_are_read_again_when_their_files_change() {
    let service = Signed::on("signed-keys", None);
    let own = service.file("keys/local");
    let server = service.start();
    let location = waiting(&server, "B-B");
    refused(&sign(&server, &location, "nytt", "sig-1"), 422, "no-such-key");
    put_key(&own, "p384", "nytt");
    // One that is half there keeps no other from being read.
    std::fs::write(own.join("halvt.p12"), b"0").expect("a file can be written");
    eventually("the new key signs", || sign(&server, &location, "nytt", "sig-1").status == 200);
    // Of a file that is broken the key that was there goes on; one that is gone does not.
    std::fs::write(own.join("nytt.p12"), b"broken").expect("a file can be written");
    std::fs::remove_file(own.join("expired.p12")).expect("a file can be removed");
    let location = waiting(&server, "B-B");
    let unknown = || problem(&sign(&server, &location, "expired", "sig-2")) == "no-such-key";
    assert_eq!(sign(&server, &location, "nytt", "sig-1").status, 200);
    eventually("the key is gone", unknown);
    assert_eq!(done(&sign(&server, &location, "nytt", "sig-2"))["status"], "signed");
}

#[test]
fn two_keys_of_one_name_keep_the_service_from_starting() {
    let service = Signed::on("signed-twice", None);
    let own = service.file("keys/local");
    let start = |command: &str| {
        let mut program = binary();
        program.arg(command).envs(service.variables.iter().map(|(name, value)| (*name, value)));
        if command == "serve" {
            program.args(["--bind", "127.0.0.1:0"]);
        }
        let told = run(&mut program);
        (told.status.code(), String::from_utf8_lossy(&[told.stdout, told.stderr].concat()).into_owned())
    };
    for (file, from) in [("p256.key", "p256.key"), ("rsa2048.pfx", "rsa2048.p12")] {
        std::fs::write(own.join(file), authority().read(from)).expect("a file can be written");
        let (status, told) = start("serve");
        assert_ne!(status, Some(0));
        assert!(told.contains("are two keys with one name") && told.contains(file), "{told}");
        let (status, told) = start("doctor");
        assert_eq!(status, Some(1), "{told}");
        assert!(told.contains("FAULT    signing keys:") && told.contains("are two keys with one name"), "{told}");
        std::fs::remove_file(own.join(file)).expect("a file can be removed");
    }
}

#[test]
fn the_doctor_tells_which_keys_end_soon_and_which_can_not_be_used() {
    let service = Signed::on("signed-doctor", None);
    let own = service.file("keys/local");
    let look = |trust: &str| {
        let mut program = binary();
        program.arg("doctor").envs(service.variables.iter().map(|(name, value)| (*name, value)));
        let told = run(program.env("SKOLEDOK__SIGNING__TRUST_FILES", trust));
        let text = String::from_utf8_lossy(&[told.stdout, told.stderr].concat()).into_owned();
        assert!(!text.contains(PASSWORD) && !text.contains("PRIVATE"), "{text}");
        (told.status.code(), text)
    };
    let root = authority().root_pem().display().to_string();
    std::fs::remove_file(own.join("expired.p12")).expect("a file can be removed");
    let (status, told) = look(&root);
    assert_eq!(status, Some(0), "{told}");
    assert!(told.contains("ok       signing keys: 2 of 2 can be used"), "{told}");
    for name in ["revoked", "expired", "nousage"] {
        put_key(&own, name, name);
    }
    std::fs::write(own.join("p256.password"), "feil").expect("a file can be written");
    let (status, told) = look(&root);
    assert_eq!(status, Some(1));
    assert!(told.contains("ok       signing keys: 1 of 5 can be used"), "{told}");
    for (name, why) in [
        ("revoked", "was revoked"),
        ("expired", "was valid only until 2021-01-01"),
        ("nousage", "is not for signatures"),
        ("p256", "password"),
    ] {
        let line = told.lines().find(|line| line.contains(&format!("`{name}` of `local`")));
        assert!(line.is_some_and(|line| line.starts_with("FAULT    signing keys:") && line.contains(why)), "{told}");
    }
    // One that ends soon; nobody is told who could be trusted.
    run_ok(
        Command::new("openssl")
            .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "10", "-subj", "/CN=Snart"])
            .args(["-addext", "keyUsage=digitalSignature", "-addext", "basicConstraints=CA:FALSE"])
            .arg("-keyout")
            .arg(own.join("snart.key"))
            .arg("-out")
            .arg(own.join("snart.pem")),
    );
    let (_, told) = look("");
    let line = told.lines().find(|line| line.contains("`snart` of `local`"));
    assert!(line.is_some_and(|line| line.starts_with("warning  signing keys:")), "{told}");
    std::fs::remove_dir_all(service.file("keys")).expect("a folder can be removed");
    let (status, told) = look(&root);
    assert!(status == Some(1) && told.contains("FAULT    signing keys: they can be read"), "{told}");
}

#[test]
fn a_signed_file_gets_another_time_stamp_before_the_newest_one_ends() {
    // A server with a certificate that ends some years later than that of the first.
    authority().issue("signed-tsa", "/C=NO/CN=Nytt tidsstempel for prøver", "RSA:2048", "tsa");
    let (folder, from) = (output_folder("signed-tsa"), authority());
    for (name, file) in
        [("ca.cnf", "ca.cnf"), ("tsa.pem", "signed-tsa.pem"), ("tsa.key", "signed-tsa.key"), ("chain.pem", "chain.pem")]
    {
        std::fs::write(folder.join(name), from.read(file)).expect("a file can be written");
    }
    std::fs::write(folder.join("tsa.number"), "5000").expect("a file can be written");
    let later = crate::authority::server::Server::start(&folder);
    let postgres = PostgresServer::start("signed-renewed");
    let service = Signed::on("signed-renewed", Some(postgres.url()));
    let server = service.start();
    let location = waiting(&server, "B-LTA");
    let proven = |server: &Server| done(&server.get(&location))["signing"]["proven_until"].as_i64();
    done(&sign(&server, &location, "p256", "sig-1"));
    assert_eq!(done(&sign(&server, &location, "rsa2048", "sig-2"))["status"], "signed");
    eventually("it is known how long it proves itself", || proven(&server).is_some());
    let first = proven(&server).expect("a time");
    let fetch = |server: &Server| server.get(&format!("{location}/signed.pdf")).body;
    let before = fetch(&server);
    let in_days = |days: i64| skoledok::access::now() + days * 86_400_000;
    assert!((in_days(1000)..in_days(3000)).contains(&first), "{first}");
    assert_ne!(postgres.ask("SELECT COUNT(*) FROM record_version WHERE renew_at > 1000"), "0");
    drop(server);

    // Its end is near by the settings, and the server has no certificate that lasts longer: nothing is written.
    let service = service.with("SKOLEDOK__SIGNING__RENEW_DAYS", "3000");
    let server = service.start();
    postgres.ask("UPDATE record_version SET renew_at = 0");
    eventually("it was looked at", || postgres.ask("SELECT COUNT(*) FROM record_version WHERE renew_at = 0") == "0");
    eventually("and is again at some time", || {
        postgres.ask("SELECT COUNT(*) FROM record_version WHERE proven_until IS NOT NULL") == "1"
    });
    assert_eq!(fetch(&server), before);
    drop(server);

    // When the servers do not answer it is tried again soon.
    let dead = format!("{}/down/tsa", authority().server.base());
    let silent = Signed { folder: service.folder.clone(), variables: service.variables.clone() }
        .with("SKOLEDOK__SIGNING__TIME_STAMP_URLS", &dead);
    let server = silent.start();
    postgres.ask("UPDATE record_version SET renew_at = 0");
    let soon = format!(
        "SELECT COUNT(*) FROM record_version WHERE proven_until IS NOT NULL AND renew_at BETWEEN {} AND {}",
        in_days(0),
        in_days(0) + 2 * 3_600_000
    );
    eventually("it is tried again within hours", || postgres.ask(&soon) == "1");
    assert_eq!(fetch(&server), before);
    drop(server);

    let service = service.with("SKOLEDOK__SIGNING__TIME_STAMP_URLS", &format!("{}/tsa", later.base()));
    let server = service.start();
    postgres.ask("UPDATE record_version SET renew_at = 0");
    eventually("it lasts longer", || proven(&server).is_some_and(|until| until > first));
    let after = fetch(&server);
    assert!(after.starts_with(&before) && after.len() > before.len());
    let file = service.file("renewed.pdf");
    std::fs::write(&file, &after).expect("a file can be written");
    // Whether the new server's certificate is revoked is asked for when the next one is due. Without a network pyHanko can not know.
    assert_kept(&file, 2, Level::BLT);
    assert_eq!(judged(&[file])[0]["time_stamps"].as_array().map(Vec::len), Some(3));
    // Then it is left alone, and it was noted.
    std::thread::sleep(std::time::Duration::from_secs(12));
    assert_eq!(fetch(&server), after);
    assert_eq!(postgres.ask("SELECT COUNT(*) FROM audit WHERE action = 'renew signatures'"), "1");
    assert_eq!(later.calls("/tsa"), 1);
}

fn prepare(server: &Server, location: &str, field: &str, chain: Option<&str>) -> Value {
    let mut wish = json!({ "field": field });
    if let Some(chain) = chain {
        wish["certificates"] = chain.into();
    }
    let answer = server.post_json(&format!("{location}/signatures/prepare"), &wish);
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()
}

fn chain_of(name: &str) -> String {
    let read = |name: &str| String::from_utf8(authority().read(name)).expect("PEM is text");
    read(&format!("{name}.pem")) + &read("issuing.pem")
}

/// What OpenSSL signs with a key that only it has, in base64.
fn raw_signature(folder: &Path, key: &str, attributes: &str) -> String {
    let (message, signature) = (folder.join("attributes.der"), folder.join("signature.bin"));
    std::fs::write(&message, BASE64_STANDARD.decode(attributes).expect("base64")).expect("a file can be written");
    let mut openssl = Command::new("openssl");
    openssl.args(["dgst", "-sha256", "-sign"]).arg(authority().path(&format!("{key}.key")));
    run_ok(openssl.arg("-out").arg(&signature).arg(&message));
    BASE64_STANDARD.encode(std::fs::read(signature).expect("a signature"))
}

#[test]
fn somebody_else_signs_in_two_steps_and_nothing_but_a_good_signature_is_kept() {
    let service = Signed::on("signed-elsewhere", None);
    let server = service.start();
    let location = waiting(&server, "B-T");
    let complete = |prepared: &Value, body: &Value| {
        let id = prepared["id"].as_str().unwrap_or_default();
        server.post_json(&format!("{location}/signatures/{id}/complete"), body)
    };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let before = server.get(&location);
    let prepared = prepare(&server, &location, "sig-1", Some(&chain_of("rsa2048")));
    assert_eq!(server.get(&location).header("etag"), before.header("etag"), "a preparation changes nothing");
    let attributes = text(&prepared["signed_attributes"]);

    // A signature over something else, a foreign key, a foreign certificate, neither one nor the other.
    let other = BASE64_STANDARD.encode(b"something else");
    let wrong = raw_signature(&service.folder, "rsa2048", &other);
    let bodies = [
        json!({ "signature": wrong, "certificates": chain_of("rsa2048") }),
        json!({ "signature": raw_signature(&service.folder, "p256", &attributes), "certificates": chain_of("rsa2048") }),
        json!({ "signature": raw_signature(&service.folder, "p256", &attributes), "certificates": chain_of("p256") }),
        json!({ "signature": "AAAA" }),
        json!({ "cms": "%%%" }),
        json!({ "cms": BASE64_STANDARD.encode(b"0\x03\x02\x01\x01") }),
    ];
    for body in bodies {
        refused(&complete(&prepared, &body), 422, "not-signed");
    }
    assert_eq!(server.get(&location).header("etag"), before.header("etag"), "nothing was kept");
    // Signed data over another document.
    let message = service.file("other.bin");
    std::fs::write(&message, b"another document").expect("a file can be written");
    let foreign = service.file("foreign.cms");
    let mut openssl = Command::new("openssl");
    openssl.args(["cms", "-sign", "-binary", "-cades", "-nosmimecap", "-outform", "DER", "-md", "sha256"]);
    openssl.arg("-signer").arg(authority().path("rsa2048.pem")).arg("-inkey").arg(authority().path("rsa2048.key"));
    run_ok(openssl.arg("-in").arg(&message).arg("-out").arg(&foreign));
    let foreign = BASE64_STANDARD.encode(std::fs::read(foreign).expect("signed data"));
    refused(&complete(&prepared, &json!({ "cms": foreign })), 422, "not-signed");

    let good = json!({ "signature": raw_signature(&service.folder, "rsa2048", &attributes), "certificates": chain_of("rsa2048") });
    assert_eq!(done(&complete(&prepared, &good))["status"], "signing");
    // Once more, and one that was prepared on a file that is another now.
    refused(&complete(&prepared, &good), 404, "no-such-record");

    let (early, late) = (
        prepare(&server, &location, "sig-2", Some(&chain_of("p256"))),
        prepare(&server, &location, "sig-2", Some(&chain_of("p256"))),
    );
    let of = |prepared: &Value| {
        let signature = raw_signature(&service.folder, "p256", &text(&prepared["signed_attributes"]));
        json!({ "signature": signature, "certificates": chain_of("p256") })
    };
    assert_eq!(done(&complete(&early, &of(&early)))["status"], "signed");
    let answer = complete(&late, &of(&late));
    assert!([404, 409].contains(&answer.status), "{}", answer.text());
    let signed = server.get(&format!("{location}/signed.pdf"));
    let file = service.file("signed.pdf");
    std::fs::write(&file, &signed.body).expect("a file can be written");
    assert_kept(&file, 2, Level::BT);
}

#[test]
fn what_is_prepared_ends_with_its_time_and_leaves_nothing() {
    let postgres = PostgresServer::start("signed-late");
    let service = Signed::on("signed-late", Some(postgres.url()));
    let server = service.start();
    let location = waiting(&server, "B-B");
    let prepared = prepare(&server, &location, "sig-1", Some(&chain_of("rsa2048")));
    let attributes = prepared["signed_attributes"].as_str().expect("attributes").to_owned();
    postgres.ask("UPDATE record_pending SET deadline = 1");
    let good = json!({ "signature": raw_signature(&service.folder, "rsa2048", &attributes), "certificates": chain_of("rsa2048") });
    let id = prepared["id"].as_str().expect("an id");
    refused(&server.post_json(&format!("{location}/signatures/{id}/complete"), &good), 404, "no-such-record");
    eventually("nothing is left of it", || postgres.ask("SELECT COUNT(*) FROM record_pending") == "0");
}

#[test]
fn of_two_who_sign_at_once_one_does_and_nothing_mixes() {
    let postgres = PostgresServer::start("signed-together");
    let service = Signed::on("signed-together", Some(postgres.url()));
    let servers = [service.start(), service.start()];
    for _ in 0..3 {
        let location = waiting(&servers[0], "B-B");
        let plan = sample(Kind::CooperationAgreement, Locale::Nb);
        let tag = servers[0].get(&location).header("etag").to_owned();
        let (signed, edited) = std::thread::scope(|scope| {
            let signing: Vec<_> = servers
                .iter()
                .zip(["p256", "rsa2048"])
                .map(|(server, key)| scope.spawn(|| sign(server, &location, key, "sig-1").status))
                .collect();
            let editing = scope.spawn(|| {
                let headers = [("If-Match", tag.as_str())];
                servers[1].put(&location, plan.to_string().as_bytes(), &headers).status
            });
            let signed: Vec<u16> = signing.into_iter().map(|thread| thread.join().expect("it ends")).collect();
            (signed, editing.join().expect("it ends"))
        });
        assert_eq!(signed.iter().filter(|status| **status == 200).count(), 1, "{signed:?}");
        assert!(signed.iter().all(|status| [200, 409].contains(status)), "{signed:?}");
        assert!([409, 412].contains(&edited), "what is being signed is not replaced: {edited}");
        assert_eq!(sign(&servers[1], &location, "rsa2048", "sig-2").status, 200);
        let file = service.file("signed.pdf");
        std::fs::write(&file, servers[0].get(&format!("{location}/signed.pdf")).body).expect("a file can be written");
        assert_kept(&file, 2, Level::BB);
    }
}

#[test]
fn a_service_that_is_killed_while_it_signs_has_signed_or_not() {
    for (name, postgres) in
        [("signed-killed", None), ("signed-killed-shared", Some(PostgresServer::start("signed-killed")))]
    {
        let service = Signed::on(name, postgres.as_ref().map(PostgresServer::url));
        let mut seen = BTreeSet::new();
        for round in 0..8_u64 {
            let server = service.start();
            let location = waiting(&server, "B-T");
            std::thread::scope(|scope| {
                let signing = scope.spawn(|| {
                    let body = json!({ "key": "p256", "field": "sig-1" }).to_string();
                    let request = ureq::post(format!("{}{location}/signatures", server.base));
                    // The answer may never come.
                    drop(request.header("Content-Type", "application/json").send(&body));
                });
                std::thread::sleep(std::time::Duration::from_millis(5 + round * 18));
                signal("KILL", server.process_id().parse().expect("a number"));
                signing.join().expect("nobody panics");
            });
            drop(server);
            let server = service.start();
            let record = done(&server.get(&location));
            assert_eq!(record["status"], "signing", "{record}");
            let state = record["signing"]["signers"][0]["status"].as_str().unwrap_or_default().to_owned();
            let again = sign(&server, &location, "p256", "sig-1").status;
            assert_eq!(again, if state == "waiting" { 200 } else { 409 }, "{record}");
            assert_eq!(done(&sign(&server, &location, "rsa2048", "sig-2"))["status"], "signed");
            let file = service.file("signed.pdf");
            std::fs::write(&file, server.get(&format!("{location}/signed.pdf")).body).expect("a file can be written");
            let told = judged(&[file]);
            assert_eq!(told[0]["signatures"].as_array().map(Vec::len), Some(2), "after the kill in `{state}`");
            seen.insert(state);
        }
        assert!(seen.contains("waiting"), "{seen:?}");
    }
}

#[test]
fn without_a_time_stamp_server_it_is_signed_and_raised_when_there_is_one() {
    let postgres = PostgresServer::start("signed-raised");
    let dead = format!("{}/down/tsa", authority().server.base());
    let service = Signed::on("signed-raised", Some(postgres.url()));
    let without = Signed { folder: service.folder.clone(), variables: service.variables.clone() }
        .with("SKOLEDOK__SIGNING__TIME_STAMP_URLS", &dead);
    let server = without.start();
    let location = waiting(&server, "B-LT");
    let record = done(&sign(&server, &location, "p256", "sig-1"));
    assert_eq!(record["signing"]["signers"][0]["level"], "B-B", "{record}");
    let record = done(&sign(&server, &location, "rsa2048", "sig-2"));
    assert_eq!(record["status"], "signed");
    drop(server);
    let server = service.start();
    postgres.ask("UPDATE record_signature SET raise_after = 1");
    let levels = || {
        let record = done(&server.get(&location));
        let signers = record["signing"]["signers"].as_array().cloned().unwrap_or_default();
        signers.iter().map(|signer| signer["level"].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    eventually("both are raised", || levels() == ["B-LT", "B-LT"]);
    let file = service.file("raised.pdf");
    std::fs::write(&file, server.get(&format!("{location}/signed.pdf")).body).expect("a file can be written");
    // A time stamp over all of it can not be within a signature: by itself each is still B-B.
    assert_signed(&[(file.clone(), 2, &[])]);
    assert_standards(std::slice::from_ref(&file));
    assert_eq!(judged(&[file])[0]["time_stamps"].as_array().map(Vec::len), Some(1));
    assert_eq!(postgres.ask("SELECT COUNT(*) FROM record_signature WHERE raise_after IS NOT NULL"), "0");
}

#[test]
fn a_key_is_nowhere_to_be_found() {
    let service = Signed::on("signed-secret", None);
    let log = service.file("log");
    let variables: Vec<_> = service.variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let log_file = std::fs::File::create(&log).expect("a file can be made");
    let server = Server::with(&variables, log_file.into());
    let location = waiting(&server, "B-B");
    done(&sign(&server, &location, "p256", "sig-1"));
    let mut shown = sign(&server, &location, "expired", "sig-2").text();
    shown.push_str(&server.get("/metrics").text());
    drop(server);
    // The number that is the secret, as it may stand anywhere: raw, in hexadecimal, in base64; and the password.
    let text =
        run_ok(Command::new("openssl").args(["pkey", "-noout", "-text", "-in"]).arg(authority().path("p256.key")));
    let secret: String = text
        .lines()
        .skip_while(|line| !line.starts_with("priv:"))
        .skip(1)
        .take_while(|line| line.starts_with(' '))
        .flat_map(|line| line.chars().filter(char::is_ascii_hexdigit))
        .collect();
    let raw: Vec<u8> =
        (0..secret.len() / 2).filter_map(|at| u8::from_str_radix(&secret[at * 2..at * 2 + 2], 16).ok()).collect();
    assert!(raw.len() >= 32, "{}", raw.len());
    let raw = &raw[raw.len() - 32..];
    let hexed = skoledok::document::hex(raw);
    let needles = [
        raw.to_vec(),
        hexed.into_bytes(),
        BASE64_STANDARD.encode(&raw[..30]).into_bytes(),
        PASSWORD.as_bytes().to_vec(),
    ];
    let mut places = vec![("answers".to_owned(), shown.into_bytes())];
    for name in ["log", "store.db", "store.db-wal"] {
        places.push((name.to_owned(), std::fs::read(service.file(name)).unwrap_or_default()));
    }
    for (place, bytes) in places {
        for needle in &needles {
            assert!(!bytes.windows(needle.len()).any(|part| part == needle), "a key stands in {place}");
        }
    }
}

#[test]
fn a_file_that_was_signed_elsewhere_is_handed_in() {
    let service = Signed::on("signed-handed-in", None);
    let server = service.start();
    let created = server.post_json(AGREEMENTS, &sample(Kind::CooperationAgreement, Locale::Nb));
    let location = created.header("location").to_owned();
    done(&server.post(&format!("{location}/finalise"), b"", &[]));
    let document = server.get(&format!("{location}/document.pdf")).body;
    let write = |name: &str, bytes: &[u8]| {
        let path = service.file(name);
        std::fs::write(&path, bytes).expect("a file can be written");
        path
    };
    let plain = write("document.pdf", &document);
    let sign_with = |file: &Path, key: &str, field: &str| {
        let out = service.file(&format!("{field}-{key}.pdf"));
        let mut command = binary();
        command.arg("sign").arg(file).args(["--key"]).arg(authority().path(&format!("{key}.p12")));
        command.args(["--password-env", "P12", "--field", field, "-o"]).arg(&out).env("P12", PASSWORD);
        run_ok(&mut command);
        out
    };
    let put =
        |bytes: &[u8]| server.put(&format!("{location}/signed.pdf"), bytes, &[("Content-Type", "application/pdf")]);
    // Nobody has signed; it is another document; it was changed after it was signed; whoever signed is a stranger here.
    refused(&put(&document), 422, "not-signed");
    refused(&put(b"%PDF-1.7 something else"), 422, "other-document");
    let one = sign_with(&plain, "rsa2048", "sig-1");
    let two = std::fs::read(sign_with(&one, "p256", "sig-2")).expect("it was signed");
    let mut broken = two.clone();
    let last = broken.len() - 2000;
    broken[last] ^= 1;
    refused(&put(&broken), 422, "not-signed");
    let stranger = service.file("stranger");
    run_ok(
        Command::new("openssl")
            .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=Fremmed"])
            .args(["-addext", "keyUsage=digitalSignature", "-addext", "basicConstraints=CA:FALSE"])
            .args(["-keyout", &format!("{}.key", stranger.display()), "-out", &format!("{}.pem", stranger.display())]),
    );
    let foreign = service.file("foreign.pdf");
    let mut command = binary();
    command.arg("sign").arg(&plain).arg("--key").arg(stranger.with_extension("key"));
    command.arg("--certificates").arg(stranger.with_extension("pem")).args(["--field", "sig-1", "-o"]).arg(&foreign);
    run_ok(&mut command);
    refused(&put(&std::fs::read(&foreign).expect("it was signed")), 422, "not-signed");
    assert_eq!(done(&server.get(&location))["status"], "final", "nothing was kept");

    let record = done(&put(&two));
    assert_eq!(record["status"], "signed", "{record}");
    assert_eq!(server.get(&format!("{location}/signed.pdf")).body, two);
    let names: Vec<_> =
        record["signing"]["signers"].as_array().into_iter().flatten().map(|one| one["name"].clone()).collect();
    assert_eq!(names, [json!("Kari Prøve-Nordmann"), json!("Øystein Prøve-Åsen")]);
    refused(&put(&two), 409, "not-now");
}
