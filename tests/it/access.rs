//! Who is let in, and to what.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use skoledok::access::{ApiKey, Scope, Scopes, now};
use skoledok::document::{Kind, Locale, OrgNumber, unhex};
use skoledok::store::{Role, Settings, Store};

use crate::redis_server::{KEY, RedisServer};
use crate::support::{Answer, Server, binary, eventually, letter, output_folder, root, run_ok, sample};

const TENANT: &str = "999888763";
const OTHER: &str = "999888771";
const CLOSED: (&str, &str) = ("SKOLEDOK__ACCESS__OPEN", "false");

/// A store with keys, made behind the back of the command line, which would refuse some of them.
pub struct Keys {
    url: String,
}

impl Keys {
    pub fn new(name: &str) -> Self {
        Self { url: format!("sqlite:{}", output_folder(name).join("store.db").display()) }
    }

    /// A key as its owner has it. `ends` is when it expires, `revoked` when it was revoked.
    pub fn add(&self, tenant: &str, scopes: Scopes, ends: Option<i64>, revoked: Option<i64>) -> String {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("there is a runtime");
        let key = ApiKey::generate().expect("there are random numbers");
        let tenant = OrgNumber::parse(tenant).expect("an organisation number");
        runtime.block_on(async {
            let settings = Settings { url: self.url.clone().into(), connections: 1, key: None };
            let store = Store::open(&settings, Role::Command).await.expect("the store opens");
            let mut record = key.record(&tenant, "", scopes, ends);
            record.revoked_at = revoked;
            store.add_key(&record).await.expect("a key can be kept");
            store.close().await;
        });
        key.reveal().to_string()
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn server(&self, more: &[(&str, &str)]) -> Server {
        self.server_with_log(more, Stdio::null())
    }

    pub fn server_with_log(&self, more: &[(&str, &str)], log: Stdio) -> Server {
        let mut variables = vec![("SKOLEDOK__STORE__URL", self.url.as_str()), CLOSED];
        variables.extend_from_slice(more);
        Server::with(&variables, log)
    }
}

fn only(scope: Scope) -> Scopes {
    [scope].into_iter().collect()
}

fn all_but(scope: Scope) -> Scopes {
    Scope::ALL.into_iter().filter(|other| *other != scope).collect()
}

fn bearer(credentials: &str) -> Vec<(&'static str, String)> {
    vec![("Authorization", format!("Bearer {credentials}"))]
}

/// Sends a request of any method.
fn send(server: &Server, method: &str, path: &str, body: &Value, credentials: Option<&str>) -> Answer {
    let headers = credentials.map(bearer).unwrap_or_default();
    let mut headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    if path.rsplit('.').next() == Some("pdf") {
        headers.push(("Content-Type", "application/pdf"));
    }
    match method {
        "get" => server.get_with(path, &headers),
        "post" => server.post(path, body.to_string().as_bytes(), &headers),
        "put" => server.put(path, body.to_string().as_bytes(), &headers),
        "delete" => server.delete_with(path, &headers),
        other => panic!("the table does not know the method {other}"),
    }
}

fn problem(answer: &Answer) -> String {
    answer.json()["type"].as_str().unwrap_or_default().trim_start_matches("urn:skoledok:problem:").to_owned()
}

/// The operations on plans and agreements.
const OF_RECORDS: [(Scope, &[&str]); 4] = [
    (
        Scope::PlanRead,
        &[
            "list_plans",
            "get_plan",
            "list_plan_versions",
            "get_plan_version",
            "get_plan_content",
            "get_plan_document",
            "get_signed_plan",
            "get_plan_archive",
            "get_plan_changes",
            "list_agreements",
            "get_agreement",
            "list_agreement_versions",
            "get_agreement_version",
            "get_agreement_content",
            "get_agreement_document",
            "get_signed_agreement",
            "get_agreement_archive",
            "get_agreement_changes",
        ],
    ),
    (
        Scope::PlanWrite,
        &[
            "create_plan",
            "replace_plan",
            "delete_plan",
            "discard_plan_draft",
            "finalise_plan",
            "start_plan_signing",
            "decline_plan",
            "withdraw_plan_signing",
            "create_agreement",
            "replace_agreement",
            "delete_agreement",
            "discard_agreement_draft",
            "finalise_agreement",
            "start_agreement_signing",
            "decline_agreement",
            "withdraw_agreement_signing",
        ],
    ),
    (
        Scope::Sign,
        &[
            "sign_plan",
            "prepare_plan_signature",
            "complete_plan_signature",
            "hand_in_signed_plan",
            "sign_agreement",
            "prepare_agreement_signature",
            "complete_agreement_signature",
            "hand_in_signed_agreement",
        ],
    ),
    (Scope::Admin, &["hold_plan", "release_plan", "hold_agreement", "release_agreement"]),
];

/// A body that an operation takes.
fn body_for(path: &str) -> Value {
    match path.rsplit('/').next().unwrap_or_default() {
        "signing" => json!({ "signers": [{ "signatory": 0 }] }),
        "decline" => json!({ "signer": { "field": "sig-1" }, "reason": "other" }),
        "signatures" => json!({ "key": "segl", "field": "sig-1" }),
        "prepare" => json!({ "field": "sig-1" }),
        "complete" => json!({ "cms": "MAA=" }),
        "hold" => json!({ "reason": "tilsyn" }),
        _ if path.starts_with("/v1/plans") => sample(Kind::AnnualPlan, Locale::Nb),
        _ if path.starts_with("/v1/agreements") => sample(Kind::CooperationAgreement, Locale::Nb),
        last => Kind::from_slug(last).map_or(Value::Null, |kind| sample(kind, Locale::Nb)),
    }
}

/// What each operation asks for. `None`: nothing, it is for everybody. A new operation has to be added here.
fn table() -> Vec<(&'static str, Option<Scope>)> {
    let mut table = vec![
        ("health_live", None),
        ("health_ready", None),
        ("list_kinds", None),
        ("get_kind", None),
        ("get_schema", None),
        ("get_sample", None),
        ("get_document", Some(Scope::Render)),
        ("delete_document", Some(Scope::Render)),
        ("delete_documents", Some(Scope::Admin)),
        ("read_audit", Some(Scope::Admin)),
        ("verify", Some(Scope::PlanRead)),
    ];
    let of_jobs = [
        "create_job",
        "list_jobs",
        "get_job",
        "follow_job",
        "list_items",
        "get_item_document",
        "get_archive",
        "get_print_file",
        "get_manifest",
        "get_manifest_table",
        "cancel_job",
        "retry_job",
        "delete_job",
        "list_deliveries",
        "retry_delivery",
    ];
    table.extend(of_jobs.map(|operation| (operation, Some(Scope::Bulk))));
    for (scope, operations) in OF_RECORDS {
        table.extend(operations.iter().map(|operation| (*operation, Some(scope))));
    }
    for operation in [
        "cooperation_agreement",
        "meeting_schedule",
        "annual_plan",
        "parent_letter",
        "home_school_guide",
        "consent_form",
        "sovei_activity_plan",
    ] {
        for verb in ["render", "validate"] {
            table.push((format!("{verb}_{operation}").leak(), Some(Scope::Render)));
        }
    }
    table
}

/// The operations of the API description: id, method, path, whether it asks for credentials, its statuses.
fn operations(spec: &Value) -> Vec<(String, String, String, bool, BTreeSet<String>)> {
    let paths = spec["paths"].as_object().expect("the description has paths");
    let all = paths.iter().flat_map(|(path, operations)| {
        let operations = operations.as_object().expect("a path has operations");
        operations.iter().map(move |(method, operation)| {
            let statuses = operation["responses"].as_object().expect("an operation has responses").keys().cloned();
            (
                operation["operationId"].as_str().expect("an operation has an id").to_owned(),
                method.clone(),
                path.clone(),
                operation.get("security").is_some(),
                statuses.collect(),
            )
        })
    });
    all.collect()
}

#[test]
fn every_route_with_every_credential() {
    let keys = Keys::new("access-table");
    let now = now();
    let good: Vec<(Scope, String)> =
        Scope::ALL.into_iter().map(|scope| (scope, keys.add(TENANT, only(scope), None, None))).collect();
    let lacking: Vec<(Scope, String)> =
        Scope::ALL.into_iter().map(|scope| (scope, keys.add(TENANT, all_but(scope), None, None))).collect();
    let of = |list: &[(Scope, String)], wanted: Scope| {
        list.iter().find(|(scope, _)| *scope == wanted).map(|(_, key)| key.clone()).expect("every scope has a key")
    };
    let expired = keys.add(TENANT, Scopes::all(), Some(now - 1), None);
    let revoked = keys.add(TENANT, Scopes::all(), None, Some(now - 1));
    let other = keys.add(OTHER, Scopes::all(), None, None);
    let real = of(&good, Scope::Render);
    let forged = format!("{}{}", &real[..real.len() - 1], if real.ends_with('0') { '1' } else { '0' });
    let unknown = ApiKey::generate().expect("there are random numbers").reveal().to_string();
    let server = keys.server(&[]);

    // A document of the tenant's, which the other tenant asks for.
    let made = send(&server, "post", "/v1/render/parent-letter", &letter(1), Some(&real));
    assert_eq!(made.status, 200);
    let location = made.header("content-location").to_owned();
    let id = location.rsplit('/').next().expect("a location has an id").to_owned();
    let unknown_id = "A".repeat(43);
    let mailing = json!({ "letter": crate::jobs::letter()["letter"], "list": [crate::jobs::pupil(1)] });
    let job = send(&server, "post", "/v1/jobs", &mailing, Some(&of(&good, Scope::Bulk)));
    assert_eq!(job.status, 202, "{}", job.text());
    let job = job.json()["id"].as_str().expect("a job has an id").to_owned();

    let keep = |path: &str| {
        let kept = send(&server, "post", path, &body_for(path), Some(&of(&good, Scope::PlanWrite)));
        assert_eq!(kept.status, 201, "{}", kept.text());
        kept.json()["id"].as_str().expect("a record has an id").to_owned()
    };
    let (plan, agreement) = (keep("/v1/plans"), keep("/v1/agreements"));

    let spec = server.get("/openapi.json").json();
    let table = table();
    let operations = operations(&spec);
    let known: BTreeSet<&str> = table.iter().map(|(operation, _)| *operation).collect();
    let described: BTreeSet<&str> = operations.iter().map(|operation| operation.0.as_str()).collect();
    assert_eq!(known, described, "each operation of the API has its line in this table");

    let mut requests = 0;
    for (operation, method, path, secured, statuses) in &operations {
        let needed = table.iter().find(|(name, _)| name == operation).expect("checked above").1;
        let body = body_for(path);
        // Removing is tried on what is not there, so that what is stays for the others.
        let id = match path.split('/').nth(2) {
            Some("jobs") => &job,
            Some("plans") => &plan,
            Some("agreements") => &agreement,
            _ => &id,
        };
        let at = path
            .replace("{id}", if method == "delete" { &unknown_id } else { id })
            .replace("{kind}", "parent-letter")
            .replace("{number}", "1")
            .replace("{message}", "msg_1");
        let mut ask = |credentials: Option<&str>| {
            requests += 1;
            send(&server, method, &at, &body, credentials)
        };
        let Some(needed) = needed else {
            assert!(!secured, "{operation} is for everybody");
            assert_eq!(ask(None).status, 200, "{operation}");
            assert_eq!(ask(Some("nonsense")).status, 200, "{operation} does not look at credentials");
            continue;
        };
        assert!(secured, "{operation} says that it asks for credentials");
        for status in ["401", "403", "429", "503"] {
            assert!(statuses.contains(status), "{operation} documents {status}");
        }
        let missing = ask(None);
        assert_eq!((missing.status, problem(&missing).as_str()), (401, "not-authenticated"), "{operation}");
        assert_eq!(missing.header("www-authenticate"), "Bearer realm=\"skoledok\"");
        for (name, credentials) in [
            ("nonsense", "nonsense"),
            ("forged", &forged),
            ("unknown", &unknown),
            ("expired", &expired),
            ("revoked", &revoked),
        ] {
            let answer = ask(Some(credentials));
            assert_eq!(
                (answer.status, problem(&answer).as_str()),
                (401, "invalid-credentials"),
                "{operation} with a key that is {name}"
            );
            assert!(answer.header("www-authenticate").contains("error=\"invalid_token\""), "{operation}");
            assert!(!answer.text().contains(credentials), "no credentials in an answer");
        }
        let short = ask(Some(&of(&lacking, needed)));
        assert_eq!(
            (short.status, problem(&short).as_str()),
            (403, "missing-scope"),
            "{operation} without {}",
            needed.name()
        );
        assert!(short.json()["detail"].as_str().is_some_and(|detail| detail.contains(needed.name())), "{operation}");
        assert!(short.header("www-authenticate").contains("error=\"insufficient_scope\""), "{operation}");
        let through = ask(Some(&of(&good, needed)));
        assert!(!matches!(through.status, 401 | 403 | 500..), "{operation} answers {}", through.status);
        let stranger = ask(Some(&other));
        if path.contains("{id}") {
            // Not theirs and not there look alike, but for the id of the request.
            let absent = send(
                &server,
                method,
                &path.replace("{id}", &unknown_id).replace("{number}", "1").replace("{message}", "msg_1"),
                &body,
                Some(&other),
            );
            let look = |answer: &Answer, id: &str| {
                let mut told = answer.json();
                told["request_id"] = Value::Null;
                (answer.status, told.to_string().replace(id, ""))
            };
            assert_eq!(stranger.status, 404, "{operation}");
            assert_eq!(
                look(&stranger, if method == "delete" { &unknown_id } else { id }),
                look(&absent, &unknown_id),
                "{operation}"
            );
        }
    }
    assert!(requests > 150, "{requests} requests were made");
    // The tenant's own removal of everything has left nothing; the other's removes nothing of this one's.
    assert_eq!(send(&server, "get", &location, &Value::Null, Some(&real)).status, 404);
    assert_eq!(send(&server, "post", "/v1/render/parent-letter", &letter(1), Some(&real)).status, 200);
    assert_eq!(send(&server, "delete", "/v1/documents", &Value::Null, Some(&other)).status, 204);
    assert_eq!(send(&server, "get", &location, &Value::Null, Some(&real)).status, 200);
    assert_eq!(send(&server, "delete", &location, &Value::Null, Some(&other)).status, 404);
    assert_eq!(send(&server, "get", &location, &Value::Null, Some(&real)).status, 200);
}

#[test]
fn tenants_share_nothing() {
    let keys = Keys::new("access-tenants");
    let (mine, theirs) = (keys.add(TENANT, Scopes::all(), None, None), keys.add(OTHER, Scopes::all(), None, None));
    let server = keys.server(&[]);
    let made = |key: &str| send(&server, "post", "/v1/render/parent-letter", &letter(1), Some(key));
    let (first, second) = (made(&mine), made(&theirs));
    assert_eq!(first.body, second.body, "the same input, the same bytes");
    assert_ne!(first.header("content-location"), second.header("content-location"));
    assert_eq!(second.header("cache-status"), "skoledok; fwd=miss; stored", "what another has made is not found");
    assert!(made(&theirs).header("cache-status").contains("hit"));
    // Each sees its own entries of the audit log.
    let seen = |key: &str| {
        let page = send(&server, "get", "/v1/audit", &Value::Null, Some(key)).json();
        page["entries"]
            .as_array()
            .expect("a page has entries")
            .iter()
            .map(|entry| entry["actor"].to_string())
            .collect::<BTreeSet<_>>()
    };
    eventually("the entries are written", || seen(&mine).len() == 1 && seen(&theirs).len() == 1);
    assert!(seen(&mine).is_disjoint(&seen(&theirs)));
}

#[test]
fn keys_are_made_listed_rotated_and_revoked_beside_the_service() {
    let keys = Keys::new("access-keys");
    let skoledok = |words: &[&str]| run_ok(binary().arg("key").args(words).env("SKOLEDOK__STORE__URL", &keys.url));
    let server = keys.server(&[("SKOLEDOK__ACCESS__REMEMBER_SECONDS", "1")]);
    let works =
        |key: &str| send(&server, "post", "/v1/render/parent-letter", &letter(1), Some(key.trim())).status == 200;
    let id = |key: &str| key.split('_').nth(1).expect("a key has an id").to_owned();

    let first =
        skoledok(&["create", "--tenant", TENANT, "--scope", "render", "--expires", "2126-06-30", "--label", "Visma"]);
    assert!(works(&first));
    let listed = skoledok(&["list", "--tenant", TENANT]);
    assert_eq!(listed.trim(), format!("{}  {TENANT}  render  works until 2126-07-01T00:00:00Z  Visma", id(&first)));
    assert!(!listed.contains(first.trim()), "a key is shown once");
    let file = std::fs::read(keys.url.trim_start_matches("sqlite:")).expect("the store is a file");
    let secret = first.trim().rsplit('_').next().expect("a key has a secret");
    for needle in [secret.as_bytes().to_vec(), unhex::<32>(secret).expect("a secret is 64 digits").to_vec()] {
        assert!(!file.windows(needle.len()).any(|part| part == needle), "the store has no secret");
    }

    let second = skoledok(&["rotate", &id(&first), "--overlap", "1"]);
    assert!(works(&first) && works(&second), "both work for a day");
    skoledok(&["revoke", &id(&second)]);
    eventually("the key no longer works", || !works(&second));
    assert!(works(&first));
    let refused = binary().args(["key", "revoke", &id(&second)]).env("SKOLEDOK__STORE__URL", &keys.url).output();
    assert!(String::from_utf8_lossy(&refused.expect("the program starts").stderr).contains("revoked before"));
    for wrong in [
        ["create", "--tenant", "999888764", "--scope", "render"],
        ["create", "--tenant", TENANT, "--scope", "everything"],
    ] {
        let refused = binary().arg("key").args(wrong).env("SKOLEDOK__STORE__URL", &keys.url).output();
        assert_eq!(refused.expect("the program starts").status.code(), Some(2), "{wrong:?}");
    }
    let log = run_ok(binary().args(["audit", "export"]).env("SKOLEDOK__STORE__URL", &keys.url));
    let actions: Vec<String> = log
        .lines()
        .map(|line| {
            serde_json::from_str::<Value>(line).expect("a line is JSON")["action"]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        })
        .filter(|action| action.contains("key"))
        .collect();
    assert_eq!(actions, ["create key", "create key", "rotate key", "revoke key"]);
}

#[test]
fn a_public_address_without_authentication_is_refused() {
    let output = binary()
        .args(["serve", "--bind", "0.0.0.0:0"])
        .env("SKOLEDOK__STORE__URL", Keys::new("access-public").url)
        .output()
        .expect("the program starts");
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2));
    assert!(told.contains("access.open = false") && told.contains("skoledok key create"), "{told}");
}

#[test]
fn a_tenant_that_calls_too_often_waits_and_others_do_not() {
    let keys = Keys::new("access-limit");
    let (mine, theirs) = (keys.add(TENANT, Scopes::all(), None, None), keys.add(OTHER, Scopes::all(), None, None));
    let server = keys.server(&[("SKOLEDOK__ACCESS__REQUESTS_PER_SECOND", "1"), ("SKOLEDOK__ACCESS__BURST", "3")]);
    let ask = |key: &str| send(&server, "get", "/v1/audit", &Value::Null, Some(key));
    let answers: Vec<_> = (0..5).map(|_| ask(&mine)).collect();
    assert_eq!(answers.iter().map(|answer| answer.status).collect::<Vec<_>>(), [200, 200, 200, 429, 429]);
    assert_eq!(answers[0].header("ratelimit-policy"), "\"tenant\";q=3;w=3");
    assert_eq!(answers[1].header("ratelimit"), "\"tenant\";r=1");
    assert_eq!(problem(&answers[3]), "too-many-requests");
    assert_eq!(answers[3].header("ratelimit"), "\"tenant\";r=0", "a refusal tells it, too");
    assert_eq!(answers[3].header("retry-after"), "1");
    assert_eq!(ask(&theirs).status, 200);
    std::thread::sleep(std::time::Duration::from_millis(1100));
    assert_eq!(ask(&mine).status, 200);
}

#[test]
fn services_on_one_redis_count_together_and_alone_without_it() {
    let mut redis = RedisServer::start("access-limit");
    let url = redis.url();
    let settings = [
        ("SKOLEDOK__ACCESS__REQUESTS_PER_SECOND", "1"),
        ("SKOLEDOK__ACCESS__BURST", "4"),
        ("SKOLEDOK__CACHE__REDIS_URL", url.as_str()),
        ("SKOLEDOK__CACHE__KEY", KEY),
        // A busy machine: what is looked at is the count, not the patience.
        ("SKOLEDOK__CACHE__REDIS_PATIENCE_MS", "1000"),
    ];
    let nodes = ["access-limit-a", "access-limit-b"].map(|name| {
        let keys = Keys::new(name);
        let key = keys.add(TENANT, Scopes::all(), None, None);
        let server = keys.server(&settings);
        server.await_part("cache", "ok");
        (server, key)
    });
    let ask = |node: usize| {
        let (server, key) = &nodes[node];
        send(server, "get", "/v1/audit", &Value::Null, Some(key))
    };
    // A token comes back every second, so a run that took longer tells nothing, and is done again with the bucket full.
    let mut tries = 0;
    let answers = loop {
        let began = std::time::Instant::now();
        let answers: Vec<_> = [0, 1, 1, 0, 1, 0].into_iter().map(ask).collect();
        tries += 1;
        if began.elapsed().as_millis() < 900 || tries == 5 {
            break answers;
        }
        std::thread::sleep(std::time::Duration::from_secs(5));
    };
    assert_eq!(answers.iter().map(|answer| answer.status).collect::<Vec<_>>(), [200, 200, 200, 200, 429, 429]);
    assert_eq!(answers[1].header("ratelimit"), "\"tenant\";r=2", "what the other has let in is counted");
    assert_eq!(answers[4].header("retry-after"), "1");
    std::thread::sleep(std::time::Duration::from_millis(1100));
    assert_eq!(ask(0).status, 200);
    redis.kill();
    for (server, _) in &nodes {
        server.await_part("cache", "degraded");
    }
    assert_eq!(ask(1).status, 200, "this one has let in two in as many seconds");
}

#[test]
fn a_removal_that_redis_does_not_confirm_is_noted_all_the_same() {
    let mut redis = RedisServer::start("access-removal");
    let keys = Keys::new("access-removal");
    let key = keys.add(TENANT, Scopes::all(), None, None);
    let server = keys.server(&[("SKOLEDOK__CACHE__REDIS_URL", &redis.url()), ("SKOLEDOK__CACHE__KEY", KEY)]);
    server.await_part("cache", "ok");
    let made = send(&server, "post", "/v1/render/parent-letter", &letter(1), Some(&key));
    redis.kill();
    server.await_part("cache", "degraded");
    let remove = || send(&server, "delete", made.header("content-location"), &Value::Null, Some(&key)).status;
    assert_eq!((remove(), remove()), (503, 503), "it was here, and may be in Redis");
    let entries = || {
        let page = send(&server, "get", "/v1/audit", &Value::Null, Some(&key)).json();
        page["entries"].as_array().expect("a page has entries").clone()
    };
    eventually("what was removed here is noted", || entries().len() > 1);
    let noted = entries();
    assert_eq!(noted.len(), 2, "the second time there was nothing: {noted:?}");
    assert_eq!(noted[1]["action"], "remove document");
    assert_eq!(noted[1]["object"], noted[0]["object"], "by its digest");
    assert_eq!(noted[1]["result"], "not confirmed");
}

/// An issuer of tokens, whose JWKS can change, disappear and come back.
struct Issuer {
    url: String,
    /// What is answered; nothing for a server error.
    answer: Arc<Mutex<Option<String>>>,
}

/// A signing key, and its public half as a JWK.
struct Signing {
    key: EncodingKey,
    id: String,
    jwk: Value,
}

impl Signing {
    /// An RSA key made by openssl.
    fn rsa(id: &str) -> Self {
        let file = output_folder(&format!("access-rsa-{id}")).join("key");
        let path = |end: &str| format!("{}.{end}", file.display());
        run_ok(Command::new("openssl").args(["genrsa", "-out", &path("pem"), "2048"]));
        run_ok(Command::new("openssl").args([
            "rsa",
            "-in",
            &path("pem"),
            "-traditional",
            "-outform",
            "DER",
            "-out",
            &path("der"),
        ]));
        let modulus = run_ok(Command::new("openssl").args(["rsa", "-in", &path("pem"), "-noout", "-modulus"]));
        let modulus: [u8; 256] =
            unhex(modulus.trim().trim_start_matches("Modulus=")).expect("the modulus has 2048 bits");
        let jwk = json!({ "kty": "RSA", "kid": id, "use": "sig", "alg": "RS256", "n": URL_SAFE_NO_PAD.encode(modulus), "e": "AQAB" });
        let key = EncodingKey::from_rsa_der(&std::fs::read(path("der")).expect("openssl has written the key"));
        Self { key, id: id.to_owned(), jwk }
    }

    fn token(&self, claims: &Value) -> String {
        self.token_with(&Header { kid: Some(self.id.clone()), ..Header::new(Algorithm::RS256) }, claims)
    }

    fn token_with(&self, header: &Header, claims: &Value) -> String {
        jsonwebtoken::encode(header, claims, &self.key).expect("a token can be signed")
    }
}

impl Issuer {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
        let url = format!("http://{}/jwk", listener.local_addr().expect("a listener has an address"));
        let answer: Arc<Mutex<Option<String>>> = Arc::default();
        let told = Arc::clone(&answer);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mut lines = BufReader::new(&stream).lines();
                while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
                let answer = told.lock().expect("nobody panics").clone();
                let (status, body) = answer.map_or(("500 Gone", String::new()), |body| ("200 OK", body));
                let length = body.len();
                // A caller that has left does not need it.
                drop(write!(
                    &stream,
                    "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
                ));
            }
        });
        Self { url, answer }
    }

    fn publish(&self, keys: &[&Signing]) {
        let keys: Vec<_> = keys.iter().map(|signing| signing.jwk.clone()).collect();
        *self.answer.lock().expect("nobody panics") = Some(json!({ "keys": keys }).to_string());
    }

    fn disappear(&self) {
        *self.answer.lock().expect("nobody panics") = None;
    }
}

const ISSUER: &str = "https://utsteder.example/";
const AUDIENCE: &str = "https://skoledok.example";

/// Claims as Maskinporten makes them.
fn claims() -> Value {
    let seconds = now() / 1000;
    json!({
        "iss": ISSUER,
        "aud": AUDIENCE,
        "iat": seconds,
        "exp": seconds + 100,
        "client_id": "5f0c4c0e-prøve",
        "scope": "skoledok:render skoledok:admin noe:annet",
        "consumer": { "authority": "iso6523-actorid-upis", "ID": format!("0192:{TENANT}") },
    })
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

fn without(name: &str) -> Value {
    let mut claims = claims();
    claims.as_object_mut().expect("claims are an object").remove(name);
    claims
}

fn trusting(keys: &Keys, issuer: &Issuer) -> Server {
    keys.server(&[
        ("SKOLEDOK__OAUTH__ISSUER", ISSUER),
        ("SKOLEDOK__OAUTH__AUDIENCE", AUDIENCE),
        ("SKOLEDOK__OAUTH__JWKS_URL", &issuer.url),
    ])
}

fn status(server: &Server, token: &str) -> u16 {
    send(server, "get", "/v1/audit", &Value::Null, Some(token)).status
}

#[test]
fn only_good_tokens_of_the_issuer_are_taken() {
    let (keys, issuer, signing, foreign) =
        (Keys::new("access-tokens"), Issuer::start(), Signing::rsa("a"), Signing::rsa("foreign"));
    issuer.publish(&[&signing]);
    let server = trusting(&keys, &issuer);
    server.await_part("access", "ok");
    let seconds = now() / 1000;
    for good in [
        claims(),
        with("aud", json!(["https://annen.example", AUDIENCE])),
        with("scope", json!(["skoledok:admin"])),
        with("supplier", json!({ "authority": "iso6523-actorid-upis", "ID": format!("0192:{OTHER}") })),
        with("nbf", json!(seconds - 5)),
    ] {
        assert_eq!(status(&server, &signing.token(&good)), 200, "{good}");
    }
    for bad in [
        with("iss", json!("https://en-annen.example/")),
        with("iss", json!(format!("{ISSUER}x"))),
        without("iss"),
        with("aud", json!("https://annen.example")),
        without("aud"),
        with("exp", json!(seconds - 60)),
        without("exp"),
        with("exp", json!("i morgen")),
        with("nbf", json!(seconds + 3600)),
        without("consumer"),
        with("consumer", json!({ "ID": "0192:999888764" })),
        with("consumer", json!({ "ID": "9908:999888763x" })),
        with("supplier", json!("nobody")),
    ] {
        assert_eq!(status(&server, &signing.token(&bad)), 401, "{bad}");
    }
    assert_eq!(status(&server, &signing.token(&with("scope", json!("skoledok:render admin")))), 403);

    let header = |algorithm| Header { kid: Some("a".to_owned()), ..Header::new(algorithm) };
    let named = Header { jku: Some(issuer.url.clone()), ..header(Algorithm::RS256) };
    assert_eq!(status(&server, &signing.token_with(&named, &claims())), 401, "a token does not say where its key is");
    let own = Header { jwk: serde_json::from_value(foreign.jwk.clone()).ok(), ..header(Algorithm::RS256) };
    assert_eq!(status(&server, &foreign.token_with(&own, &claims())), 401, "a token does not bring its key");
    assert_eq!(
        status(&server, &foreign.token_with(&header(Algorithm::RS256), &claims())),
        401,
        "another's key under this name"
    );
    assert_eq!(status(&server, &signing.token_with(&header(Algorithm::RS512), &claims())), 401, "the key is for RS256");

    // The public key as a shared secret, in the forms that servers were fooled with.
    let pem = std::fs::read(root().join("target/test-output/access-rsa-a/key.pem")).expect("the key is there");
    for secret in
        [pem, signing.jwk["n"].as_str().expect("a modulus").as_bytes().to_vec(), signing.jwk.to_string().into_bytes()]
    {
        let forged = jsonwebtoken::encode(&header(Algorithm::HS256), &claims(), &EncodingKey::from_secret(&secret));
        assert_eq!(status(&server, &forged.expect("a token can be signed")), 401);
    }
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    for algorithm in ["none", "None", "NONE", ""] {
        for signature in ["", "AAAA"] {
            let token = format!("{}.{}.{signature}", part(json!({ "alg": algorithm, "kid": "a" })), part(claims()));
            assert_eq!(status(&server, &token), 401, "alg {algorithm:?}");
        }
    }
    let token = signing.token(&claims());
    let mut pieces: Vec<&str> = token.split('.').collect();
    let richer = part(with("scope", json!("skoledok:admin skoledok:sign")));
    pieces[1] = &richer;
    assert_eq!(status(&server, &pieces.join(".")), 401, "changed after it was signed");
    for broken in ["a.b.c", "..", &token[..token.len() - 8], &format!("{token}.{token}"), &"a".repeat(9000)] {
        assert_eq!(status(&server, broken), 401);
    }
    // Who did it stands in the log: the client, and for whom.
    let agent = with("supplier", json!({ "ID": format!("0192:{OTHER}") }));
    let made = send(&server, "post", "/v1/render/parent-letter", &letter(1), Some(&signing.token(&agent)));
    assert_eq!(made.status, 200);
    let find = || {
        let page = send(&server, "get", "/v1/audit", &Value::Null, Some(&signing.token(&claims()))).json();
        page["entries"][0]["actor"].as_str().map(str::to_owned)
    };
    eventually("the entry is written", || find().is_some());
    assert_eq!(find().as_deref(), Some(format!("client 5f0c4c0e-prve of {OTHER}").as_str()));
}

#[test]
fn keys_of_the_issuer_change_disappear_and_come_back() {
    let (keys, issuer) = (Keys::new("access-jwks"), Issuer::start());
    let (old, new) = (Signing::rsa("old"), Signing::rsa("new"));
    let server = trusting(&keys, &issuer);
    // Before the first keys nobody can be told apart: not the caller's fault.
    server.await_part("access", "degraded");
    assert_eq!(status(&server, &old.token(&claims())), 503);
    issuer.publish(&[&old]);
    eventually("the keys are read", || status(&server, &old.token(&claims())) == 200);
    server.await_part("access", "ok");

    // The issuer signs with a new key at once: the next request has it read, without a restart.
    issuer.publish(&[&old, &new]);
    eventually("the new key is read", || status(&server, &new.token(&claims())) == 200);
    assert_eq!(status(&server, &old.token(&claims())), 200);

    issuer.disappear();
    // An unknown key has the JWKS asked, in vain; the known ones go on.
    let foreign = Signing::rsa("unknown");
    assert_eq!(status(&server, &foreign.token(&claims())), 401);
    for _ in 0..5 {
        assert_eq!(status(&server, &new.token(&with("iat", json!(now())))), 200);
    }
    issuer.publish(&[&new]);
    // Nobody asks for it, but a key that was taken back is forgotten once the JWKS is read again.
    eventually("the old key is forgotten", || {
        status(&server, &foreign.token(&claims()));
        status(&server, &old.token(&with("jti", json!(now())))) == 401
    });
    assert_eq!(status(&server, &new.token(&claims())), 200);
}
