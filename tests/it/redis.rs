//! Redis behind the memory: shared, sealed, and never to be relied on.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::redis_server::{KEY, Line, RedisServer};
use crate::support::{Server, eventually, free_port, latencies, letter, output_folder, run_ok, signal};

const RENDER: &str = "/v1/render/parent-letter";
const MADE: &str = "skoledok; fwd=miss; stored";

/// A server on a Redis, once they are connected.
fn on(url: &str, more: &[(&str, &str)]) -> Server {
    let server = unconnected(url, more, Stdio::null());
    server.await_part("cache", "ok");
    server
}

fn unconnected(url: &str, more: &[(&str, &str)], log: Stdio) -> Server {
    let mut variables = vec![("SKOLEDOK__CACHE__REDIS_URL", url), ("SKOLEDOK__CACHE__KEY", KEY)];
    variables.extend(more);
    Server::with(&variables, log)
}

/// What the cache did, without the seconds.
fn status(server: &Server, number: usize) -> String {
    let answer = server.post_json(RENDER, &letter(number));
    assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
    let status = answer.header("cache-status").to_owned();
    match status.split_once("; ttl=") {
        Some((before, after)) => format!("{before};{}", after.split_once(';').map_or("", |(_, after)| after)),
        None => status,
    }
}

#[test]
fn two_services_share_what_they_make_and_make_it_once() {
    let redis = RedisServer::start("shared");
    // Sixty callers on a busy machine: what is looked at is the lock, not the patience.
    let patient = [("SKOLEDOK__CACHE__REDIS_PATIENCE_MS", "1000")];
    let servers = [on(&redis.url(), &patient), on(&redis.url(), &patient)];
    let statuses: Vec<String> = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..60)
            .map(|number| {
                let server = &servers[number % 2];
                scope.spawn(move || server.post_json(RENDER, &letter(1)).header("cache-status").to_owned())
            })
            .collect();
        callers.into_iter().map(|caller| caller.join().expect("a request ends")).collect()
    });
    assert_eq!(statuses.iter().filter(|status| status.contains("stored")).count(), 1, "{statuses:?}");
    eventually("the document is in Redis", || redis.documents().len() == 1);
    let third = on(&redis.url(), &[]);
    assert_eq!(status(&third, 1), "skoledok; hit; detail=redis");
    assert_eq!(status(&third, 1), "skoledok; hit; detail=memory");
    eventually("no lock stays behind", || redis.ask(&["--scan", "--pattern", "skoledok:1:lock:*"]).is_empty());
    // What one removes is gone from the memory of all.
    let location = third.post_json(RENDER, &letter(1)).header("content-location").to_owned();
    assert_eq!(servers[0].get(&location).status, 200);
    assert_eq!(third.delete(&location).status, 204);
    eventually("the others have forgotten it", || servers.iter().all(|server| server.get(&location).status == 404));
    assert_eq!(status(&servers[0], 1), MADE);
}

#[test]
fn a_lock_that_was_given_too_late_is_given_back() {
    let redis = RedisServer::start("late-lock");
    // A lock that nobody gives back would outlast the test; and only locks are deleted by `DEL`.
    let settings = [("SKOLEDOK__CACHE__REDIS_LOCK_MS", "600000"), ("SKOLEDOK__ACCESS__REQUESTS_PER_SECOND", "0")];
    let server = on(&redis.url(), &settings);
    signal("STOP", redis.process_id());
    assert_eq!(server.post_json(RENDER, &letter(1)).status, 200);
    signal("CONT", redis.process_id());
    eventually("the lock was there, and is given back", || {
        redis.ask(&["INFO", "commandstats"]).contains("cmdstat_del:calls=1,")
    });
    assert_eq!(redis.ask(&["--scan", "--pattern", "skoledok:1:lock:*"]), "");
}

#[test]
fn purging_a_tenant_empties_redis_and_every_memory() {
    let redis = RedisServer::start("purge");
    let servers = [on(&redis.url(), &[]), on(&redis.url(), &[])];
    let locations: Vec<String> = (0..5)
        .map(|number| servers[0].post_json(RENDER, &letter(number)).header("content-location").to_owned())
        .collect();
    eventually("the documents are in Redis", || redis.documents().len() == 5);
    assert!(locations.iter().all(|location| servers[1].get(location).status == 200));
    redis.ask(&["SET", "another:program", "1"]);
    assert_eq!(servers[1].delete("/v1/documents").status, 204);
    assert_eq!(redis.documents(), Vec::<String>::new());
    assert_eq!(redis.ask(&["GET", "another:program"]), "1");
    eventually("both have forgotten all", || {
        servers.iter().all(|server| locations.iter().all(|location| server.get(location).status == 404))
    });
}

#[test]
fn a_service_on_a_dead_line_learns_what_others_have_removed() {
    let redis = RedisServer::start("dead-line");
    let line = Line::between(free_port(), redis.port);
    let (near, far) = (on(&redis.url(), &[]), on(&line.url(), &[]));
    let location = near.post_json(RENDER, &letter(1)).header("content-location").to_owned();
    eventually("the document is in both", || far.get(&location).status == 200);
    line.dies();
    assert_eq!(near.delete(&location).status, 204);
    eventually("the other has forgotten it", || far.get(&location).status == 404);
}

#[test]
fn a_service_that_begins_without_redis_learns_what_others_have_removed() {
    let redis = RedisServer::start("late-line");
    let port = free_port();
    let near = on(&redis.url(), &[]);
    let far = unconnected(&format!("redis://127.0.0.1:{port}"), &[], Stdio::null());
    let location = far.post_json(RENDER, &letter(1)).header("content-location").to_owned();
    assert_eq!(far.get(&location).status, 200);
    assert_eq!(near.delete("/v1/documents").status, 204);
    let _line = Line::between(port, redis.port);
    far.await_part("cache", "ok");
    eventually("the other has forgotten it", || far.get(&location).status == 404);
}

#[test]
fn a_dump_shows_nothing_and_a_touched_value_is_a_miss() {
    let redis = RedisServer::start("sealed");
    // What is told to be kept is in Redis by then; on a busy machine that may take longer than the patience.
    let uncached = [("SKOLEDOK__CACHE__MEMORY_MIB", "0"), ("SKOLEDOK__CACHE__REDIS_PATIENCE_MS", "1000")];
    let server = on(&redis.url(), &uncached);
    let svg = |expected: &str| {
        let answer = server.post(RENDER, letter(1).to_string().as_bytes(), &[("Accept", "text/html")]);
        assert!(answer.header("cache-status").starts_with(expected), "{}", answer.header("cache-status"));
        answer
    };
    let made = svg("skoledok; fwd=miss");
    eventually("the document is in Redis", || redis.documents().len() == 1);
    let key = redis.documents().remove(0);
    let length: usize = redis.ask(&["STRLEN", &key]).parse().expect("a length");
    assert!(length < made.body.len(), "text is compressed: {length} of {}", made.body.len());
    run_ok(Command::new("redis-cli").args(["-p", &redis.port.to_string(), "--rdb"]).arg(redis.folder().join("dump")));
    let dump = std::fs::read(redis.folder().join("dump")).expect("there is a dump");
    for word in ["Brev", "nummer", "parent", "html"] {
        assert!(!dump.windows(word.len()).any(|part| part == word.as_bytes()), "the dump shows `{word}`");
    }
    assert!(svg("skoledok; hit").body == made.body);
    redis.ask(&["SETRANGE", &key, "40", "tampered"]);
    assert!(svg("skoledok; fwd=miss").body == made.body, "a touched value is a miss");
    eventually("it is put right", || redis.ask(&["STRLEN", &key]) == length.to_string());
    assert!(svg("skoledok; hit").body == made.body);
    redis.ask(&["SET", &key, "rubbish"]);
    svg("skoledok; fwd=miss");
    eventually("it is put right", || redis.ask(&["STRLEN", &key]) == length.to_string());
    redis.ask(&["DEL", &key]);
    redis.ask(&["LPUSH", &key, "a list"]);
    svg("skoledok; fwd=miss");
    // Another service key: what was kept before is not found, and its place not known.
    let other = "5e1f0000000000000000000000000000000000000000000000000000000000b2";
    let rotated = Server::with(
        &[("SKOLEDOK__CACHE__REDIS_URL", &redis.url()), ("SKOLEDOK__CACHE__KEY", other), uncached[0], uncached[1]],
        Stdio::null(),
    );
    rotated.await_part("cache", "ok");
    assert_eq!(rotated.get(made.header("content-location")).status, 404);
    assert_eq!(status(&rotated, 1), MADE);
}

#[test]
fn every_fault_of_redis_is_a_miss_and_one_warning() {
    let mut redis = RedisServer::start("faults");
    let log = output_folder("redis-faults").join("log.json");
    let file = std::fs::File::create(&log).expect("a log can be made");
    let uncached = [("SKOLEDOK__CACHE__MEMORY_MIB", "0")];
    let server = unconnected(&redis.url(), &uncached, Stdio::from(file));
    server.await_part("cache", "ok");
    let mut lines = vec![("well", latencies(&server, 0..30))];
    let told = |word: &str| -> usize {
        let text = std::fs::read_to_string(&log).expect("the log can be read");
        assert!(!text.contains("\"ERROR\""), "{text}");
        text.lines().filter(|line| line.contains("Redis") && line.contains(word)).count()
    };
    let warnings = |expected: usize, what: &str| assert_eq!(told("\"WARN\""), expected, "{what}");
    let heals = |times: usize| {
        server.await_part("cache", "ok");
        eventually("it is told that Redis answers again", || told("answers again") == times);
    };
    warnings(0, "well");

    signal("STOP", redis.process_id());
    lines.push(("slow: it does not answer", latencies(&server, 1000..1030)));
    server.await_part("cache", "degraded");
    assert_eq!(server.get("/health/ready").status, 200, "degraded is ready");
    warnings(1, "slow");
    signal("CONT", redis.process_id());
    heals(1);

    redis.ask(&["CONFIG", "SET", "maxmemory", "1"]);
    lines.push(("full", latencies(&server, 2000..2030)));
    server.await_part("cache", "degraded");
    warnings(2, "full");
    redis.ask(&["CONFIG", "SET", "maxmemory", "0"]);
    // The next document that goes in shows that there is room again.
    eventually("it takes documents again", || {
        server.post_json(RENDER, &letter(2500));
        server.get("/health/ready").json()["parts"]["cache"] == "ok"
    });

    redis.kill();
    lines.push(("gone", latencies(&server, 3000..3030)));
    warnings(3, "gone");
    redis.run();
    server.await_part("cache", "ok");
    lines.push(("restarted", latencies(&server, 4000..4030)));
    heals(2);
    warnings(3, "restarted");

    redis.ask(&["CONFIG", "SET", "requirepass", "hemmelig"]);
    redis.kill();
    let impostor = TcpListener::bind(("127.0.0.1", redis.port)).expect("the port is free");
    std::thread::spawn(move || {
        // Anything but RESP, to whoever connects.
        for stream in impostor.incoming().take(200) {
            let Ok(mut stream) = stream else { continue };
            std::thread::spawn(move || {
                let mut asked = [0; 512];
                while stream.read(&mut asked).is_ok_and(|read| read > 0) {
                    if stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").is_err() {
                        return;
                    }
                }
            });
        }
    });
    lines.push(("rubbish", latencies(&server, 5000..5030)));
    server.await_part("cache", "degraded");
    warnings(4, "rubbish");

    let report: Vec<String> = lines
        .iter()
        .map(|(what, taken)| {
            format!("{what}: median {} ms, longest {} ms", taken[taken.len() / 2], taken[taken.len() - 1])
        })
        .collect();
    std::fs::write(log.with_file_name("latencies.txt"), report.join("\n")).expect("a report can be written");
    println!("{}", report.join("\n"));
}

#[test]
fn a_line_that_is_too_narrow_for_documents_is_one_warning() {
    let redis = RedisServer::start("narrow-line");
    let line = Line::narrow(redis.port);
    let log = output_folder("redis-narrow-line").join("log.json");
    let file = std::fs::File::create(&log).expect("a log can be made");
    let server = unconnected(&line.url(), &[], Stdio::from(file));
    server.await_part("cache", "ok");
    let told = |words: &str| std::fs::read_to_string(&log).expect("the log can be read").matches(words).count();
    let mut number = 0;
    let mut send = || {
        number += 1;
        assert_eq!(server.post_json(RENDER, &letter(number)).status, 200);
    };
    eventually("Redis is left alone", || {
        send();
        told("Redis is away") == 1
    });
    // It answers `PING` in time all the while, so it is tried again and again.
    (0..100).for_each(|_| send());
    assert_eq!((told("Redis is away"), told("answers again")), (1, 0));
}

#[test]
fn what_nobody_keeps_is_not_told_to_be_kept() {
    let mut redis = RedisServer::start("unkept");
    // What is looked at is what Redis takes, not how soon.
    let settings = [("SKOLEDOK__CACHE__MEMORY_MIB", "0"), ("SKOLEDOK__CACHE__REDIS_PATIENCE_MS", "1000")];
    let server = on(&redis.url(), &settings);
    let minimal = |number| server.post(RENDER, letter(number).to_string().as_bytes(), &[("Prefer", "return=minimal")]);
    let comes_whole = |number, what: &str| {
        let answer = minimal(number);
        assert_eq!((answer.status, answer.header("content-location")), (200, ""), "{what}");
        assert_eq!(answer.header("cache-status"), "skoledok; fwd=miss", "{what}");
        assert!(answer.body.starts_with(b"%PDF"), "{what}");
    };
    let kept = minimal(1);
    assert_eq!((kept.status, kept.header("cache-status")), (201, MADE));
    assert_eq!(server.get(kept.header("location")).status, 200, "it is there as soon as that is said");
    redis.ask(&["CONFIG", "SET", "maxmemory", "1"]);
    comes_whole(2, "full");
    redis.ask(&["CONFIG", "SET", "maxmemory", "0"]);
    redis.kill();
    comes_whole(3, "gone");
    server.await_part("cache", "degraded");
    comes_whole(4, "known to be gone");
}

#[test]
fn a_refused_password_is_a_miss_and_is_told_without_the_password() {
    let redis = RedisServer::with("password", &["--requirepass", "rett-ord"], &["--no-auth-warning", "-a", "rett-ord"]);
    let log = output_folder("redis-password").join("log.json");
    let file = std::fs::File::create(&log).expect("a log can be made");
    let url = format!("redis://:galt-ord@127.0.0.1:{}", redis.port);
    let server = unconnected(&url, &[], Stdio::from(file));
    latencies(&server, 0..30);
    server.await_part("cache", "degraded");
    drop(server);
    let text = std::fs::read_to_string(&log).expect("the log can be read");
    assert_eq!(text.matches("it refuses the password").count(), 1, "{text}");
    assert!(!text.contains("galt-ord"), "{text}");
    let right = on(&format!("redis://:rett-ord@127.0.0.1:{}", redis.port), &[]);
    assert_eq!(status(&right, 1), MADE);
    eventually("the document is in Redis", || redis.documents().len() == 1);
}

#[test]
fn nothing_is_removed_by_half() {
    let mut redis = RedisServer::start("removal");
    let server = on(&redis.url(), &[]);
    let location = server.post_json(RENDER, &letter(1)).header("content-location").to_owned();
    redis.kill();
    let answer = server.delete(&location);
    assert_eq!((answer.status, answer.header("retry-after")), (503, "5"), "Redis may still hold it");
    assert_eq!(server.delete("/v1/documents").status, 503);
    redis.run();
    server.await_part("cache", "ok");
    assert_eq!(server.delete("/v1/documents").status, 204);
}

#[test]
fn tls_with_an_acl_user() {
    let folder = output_folder("redis-pki");
    let file = |name: &str| folder.join(name).display().to_string();
    let (key, certificate, authority) = (file("key.pem"), file("cert.pem"), file("ca.pem"));
    let openssl = |arguments: &[&str]| {
        run_ok(
            Command::new("openssl")
                .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"])
                .args(arguments),
        )
    };
    openssl(&["-subj", "/CN=Prøve-CA", "-utf8", "-keyout", &file("ca.key"), "-out", &authority]);
    let name = [
        "-subj",
        "/CN=localhost",
        "-addext",
        "subjectAltName=IP:127.0.0.1",
        "-addext",
        "basicConstraints=critical,CA:FALSE",
    ];
    openssl(
        &[&name[..], &["-CA", &authority, "-CAkey", &file("ca.key"), "-keyout", &key, "-out", &certificate]].concat(),
    );
    let port = free_port().to_string();
    let user = "--user skoledok on >ord ~skoledok:1:* &skoledok:1:* -@all +get +set +unlink +eval +del +scan +publish +subscribe +ping +client +time";
    let mut arguments = vec!["--port", "0", "--tls-port", &port, "--tls-cert-file", &certificate];
    arguments.extend(["--tls-key-file", &key, "--tls-ca-cert-file", &authority, "--tls-auth-clients", "no"]);
    arguments.extend(user.split(' '));
    let client = ["--tls", "--cacert", &authority, "-p", &port];
    let mut redis = RedisServer::with("tls", &arguments, &client);
    redis.port = port.parse().expect("a port is a number");
    let url = format!("rediss://skoledok:ord@127.0.0.1:{port}");
    let server = on(&url, &[("SKOLEDOK__CACHE__REDIS_CA_FILE", &authority)]);
    assert_eq!(status(&server, 1), MADE);
    eventually("the document is in Redis", || redis.documents().len() == 1);
    let second = on(&url, &[("SKOLEDOK__CACHE__REDIS_CA_FILE", &authority)]);
    let found = second.post_json(RENDER, &letter(1));
    assert!(found.header("cache-status").ends_with("detail=redis"), "{}", found.header("cache-status"));
    assert_eq!(second.delete(found.header("content-location")).status, 204);
    assert_eq!(second.delete("/v1/documents").status, 204);
    let untrusting = unconnected(&url, &[], Stdio::null());
    std::thread::sleep(Duration::from_millis(500));
    untrusting.await_part("cache", "degraded");
    assert_eq!(status(&untrusting, 1), MADE);
}

#[test]
fn a_sentinel_leads_to_the_master_and_to_the_next_one() {
    let mut first = RedisServer::start("sentinel-first");
    let second = RedisServer::with("sentinel-second", &["--replicaof", &format!("127.0.0.1 {}", first.port)], &[]);
    let folder = output_folder("redis-sentinel");
    let port = free_port();
    let settings = format!(
        "port {port}\nbind 127.0.0.1\ndir {}\nsentinel monitor hoved 127.0.0.1 {} 1\nsentinel down-after-milliseconds hoved 1000\nsentinel failover-timeout hoved 3000\n",
        folder.display(),
        first.port
    );
    let file = folder.join("sentinel.conf");
    std::fs::write(&file, settings).expect("a file can be written");
    let mut sentinel = Command::new("redis-server")
        .arg(&file)
        .arg("--sentinel")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("`redis-server` can be run; install it with `make setup`");
    let settings = [("SKOLEDOK__CACHE__MEMORY_MIB", "0"), ("SKOLEDOK__CACHE__REDIS_PATIENCE_MS", "1000")];
    let server = on(&format!("redis+sentinel://127.0.0.1:{port}/hoved"), &settings);
    assert_eq!(status(&server, 1), MADE);
    eventually("the document is in the replica, too", || second.documents().len() == 1);
    first.kill();
    // It closes its connections when it becomes the master, also the one that asks.
    eventually("the replica has become the master", || {
        second.try_ask(&["ROLE"]).is_some_and(|role| role.starts_with("master"))
    });
    eventually("the service has found it", || status(&server, 1) == "skoledok; hit; detail=redis");
    drop(sentinel.kill());
    drop(sentinel.wait());
}

#[test]
fn a_cluster_holds_documents_on_all_its_nodes() {
    let nodes: Vec<RedisServer> = (0..3)
        .map(|number| {
            let name = format!("cluster-{number}");
            // The bus takes the port plus 10,000, which must be one.
            RedisServer::with(&name, &["--cluster-enabled", "yes", "--cluster-port", &free_port().to_string()], &[])
        })
        .collect();
    let addresses: Vec<String> = nodes.iter().map(|node| format!("127.0.0.1:{}", node.port)).collect();
    run_ok(Command::new("redis-cli").args(["--cluster", "create"]).args(&addresses).arg("--cluster-yes"));
    eventually("the cluster is whole", || {
        nodes.iter().all(|node| node.ask(&["CLUSTER", "INFO"]).contains("cluster_state:ok"))
    });
    let url = format!("redis+cluster://{}", addresses.join(","));
    let servers = [on(&url, &[]), on(&url, &[])];
    let locations: Vec<String> = (0..20)
        .map(|number| servers[0].post_json(RENDER, &letter(number)).header("content-location").to_owned())
        .collect();
    eventually("the documents are in the cluster", || {
        nodes.iter().map(|node| node.documents().len()).sum::<usize>() == 20
    });
    assert!(nodes.iter().all(|node| !node.documents().is_empty()), "each node has some");
    assert_eq!(status(&servers[1], 3), "skoledok; hit; detail=redis");
    assert_eq!(servers[1].delete(&locations[3]).status, 204);
    eventually("the other has forgotten it", || servers[0].get(&locations[3]).status == 404);
    assert_eq!(servers[1].delete("/v1/documents").status, 204);
    assert!(nodes.iter().all(|node| node.documents().is_empty()));
    eventually("both have forgotten all", || {
        servers.iter().all(|server| locations.iter().all(|location| server.get(location).status == 404))
    });
}
