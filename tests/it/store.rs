//! The store: the same on a SQLite file and on PostgreSQL.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use skoledok::access::{ApiKey, Scopes, now};
use skoledok::audit::Audit;
use skoledok::document::OrgNumber;
use skoledok::store::{
    Counted, Entry, Fault, JobRecord, Kept, Lane, Planned, Role, Settings, Step, Store, StoreError, Task, Turn,
};
use sqlx::Connection;
use tokio::sync::Notify;

use crate::postgres_server::PostgresServer;
use crate::support::{Server, binary, eventually, output_folder, run_ok};

const TENANT: &str = "999888763";
const OTHER: &str = "999888771";

fn settings(url: &str) -> Settings {
    Settings { url: url.to_owned().into(), connections: 4, key: None }
}

pub fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("there is a runtime").block_on(work)
}

fn entry(number: i64, tenant: &str) -> Entry {
    Entry {
        at: number,
        tenant: tenant.to_owned(),
        actor: "key 0000000000000000".to_owned(),
        action: "render parent-letter".to_owned(),
        object: format!("{number:064x}"),
        result: "made".to_owned(),
        request_id: format!("r{number}"),
    }
}

pub async fn execute(url: &str, statement: &'static str) {
    sqlx::any::install_default_drivers();
    let mut connection = sqlx::AnyConnection::connect(url).await.expect("the database can be reached");
    sqlx::query(statement).execute(&mut connection).await.expect("the statement is good");
    connection.close().await.expect("the connection can be closed");
}

/// All that is asked of a store.
async fn exercise(url: &str) {
    let (one, other) =
        (Store::open(&settings(url), Role::Command).await, Store::open(&settings(url), Role::Command).await);
    let (one, other) = (one.expect("the store opens"), other.expect("the store opens twice"));

    let key = ApiKey::generate().expect("there are random numbers");
    let tenant = OrgNumber::parse(TENANT).expect("an organisation number");
    let record = key.record(&tenant, "æøå 'label'; --", Scopes::all(), Some(now() + 1000));
    one.add_key(&record).await.expect("a key can be kept");
    assert!(one.add_key(&record).await.is_err(), "an id is given once");
    assert_eq!(other.find_key(&key.id).await.expect("the store answers"), Some(record.clone()));
    assert_eq!(other.find_key("' OR 1=1 --").await.expect("the store answers"), None);
    assert_eq!(other.keys(Some(TENANT)).await.expect("the store answers"), [record]);
    assert_eq!(other.keys(Some(OTHER)).await.expect("the store answers"), []);
    assert!(other.revoke_key(&key.id, 5).await.expect("the store answers"));
    assert!(!one.revoke_key(&key.id, 6).await.expect("the store answers"), "once is enough");
    let revoked = one.find_key(&key.id).await.expect("the store answers").expect("the key stays listed");
    assert_eq!(revoked.revoked_at, Some(5));

    // Two services append at the same time; the chain has no gap and no fork.
    let append = |store: Store, from: i64, tenant: &'static str| async move {
        for number in from..from + 20 {
            store.append_audit(&[entry(number, tenant), entry(-number, tenant)]).await.expect("entries can be added");
        }
    };
    tokio::join!(append(one.clone(), 1, TENANT), append(other.clone(), 101, OTHER));
    let (count, hash) = one.verify_audit().await.expect("the store answers").expect("the log is whole");
    assert_eq!((count, hash.len()), (80, 32));
    let mine = one.audit_after(0, Some(TENANT), 1000).await.expect("the store answers");
    assert_eq!(mine.len(), 40);
    assert!(mine.iter().all(|record| record.entry.tenant == TENANT));
    assert_eq!(one.audit_after(mine[9].seq, Some(TENANT), 5).await.expect("the store answers"), mine[10..15]);

    // More than go into one statement, and none.
    let many: Vec<_> = (0..1201).map(|number| entry(1000 + number, OTHER)).collect();
    one.append_audit(&many).await.expect("entries can be added");
    one.append_audit(&[]).await.expect("nothing can be added");
    let (count, _) = other.verify_audit().await.expect("the store answers").expect("the log is whole");
    assert_eq!(count, 1281);
    let page = other.audit_after(80, None, 1000).await.expect("the store answers");
    assert!(page.iter().map(|record| &record.entry).eq(&many[..1000]), "in the order in which they came");

    // What is changed, removed at the end, and removed between, shows.
    execute(url, "UPDATE audit SET result = 'x' WHERE seq = 40").await;
    assert_eq!(one.verify_audit().await.expect("the store answers"), Err(Fault::Changed(40)));
    execute(url, "UPDATE audit SET result = 'made' WHERE seq = 40").await;
    assert!(one.verify_audit().await.expect("the store answers").is_ok());
    execute(url, "DELETE FROM audit WHERE seq = 1281").await;
    assert_eq!(one.verify_audit().await.expect("the store answers"), Err(Fault::End { expected: 1281, found: 1280 }));
    execute(url, "DELETE FROM audit WHERE seq = 7").await;
    assert_eq!(one.verify_audit().await.expect("the store answers"), Err(Fault::Gap(7)));
    one.close().await;
    other.close().await;
}

const JOB: &str = "a-job";

fn step(from: &'static str, to: &'static str, stage: i64) -> Step<'static> {
    Step { from, to, stage, again: false, problem: None, is_end: stage == 0, reopen: None }
}

fn kept(failed: i64) -> Kept {
    let counts = Counted { letters: 50 - failed, failed, ..Counted::default() };
    Kept { counts, outcomes: vec![7], documents: Some(vec![8]) }
}

fn turn(number: i64, round: i64) -> Turn {
    Turn { job: JOB.to_owned(), number, stage: 2, round }
}

/// A job with two chunks of fifty items, of which one failed.
async fn job_of_which_one_failed(store: &Store) -> JobRecord {
    let record = JobRecord {
        id: JOB.to_owned(),
        tenant: TENANT.to_owned(),
        state: "receiving".to_owned(),
        stage: 0,
        round: 0,
        version: 0,
        dry_run: 0,
        notify: 0,
        created_at: 1,
        stage_at: None,
        finished_at: None,
        expires_at: now() + 60_000,
        problem: None,
        contents: None,
        key: vec![1],
        stage_done: 0,
        moved_at: 1,
        items: None,
    };
    store.add_job(&record).await.expect("a job can be kept");
    let admitted = store.admit_job(JOB, ("receiving", "planning"), vec![1], false, None, vec![2], 1).await;
    assert_eq!(admitted.expect("the store answers"), None);
    let chunks = || vec![(1, 1, 50, vec![3]), (2, 51, 50, vec![4])];
    let find = || async { store.job(JOB).await.expect("the store answers").expect("there is a job") };
    let begin =
        || async { store.begin_plan(JOB, "planning", 2).await.expect("the store answers").expect("it is planned") };

    // It is stopped while it is planned; what was planned until then counts for nothing.
    assert!(store.add_plan(JOB, begin().await, 2, chunks()).await.expect("the store answers"));
    assert!(store.step_job(JOB, 0, step("planning", "cancelled", 0), 3).await.expect("the store answers"));
    let again = Step { again: true, is_end: false, ..step("cancelled", "planning", 0) };
    assert!(store.step_job(JOB, 0, again, 4).await.expect("the store answers"));
    let epoch = begin().await;
    assert!(store.add_plan(JOB, epoch, 5, chunks()).await.expect("the store answers"));
    let planned = Planned { job: JOB, epoch, items: 100 };
    assert!(store.end_plan(planned, step("planning", "making", 2), 6).await.expect("the store answers"));
    assert_eq!(find().await.stage_done, 0);

    assert!(!store.has_documents(JOB).await.expect("the store answers"));
    for (number, failed) in [(1, 1), (2, 0)] {
        let next = store.next_turn(TENANT).await.expect("the store answers");
        assert_eq!(next, Some(turn(number, 1)));
        store.note_turn(&turn(number, 1), number).await.expect("the store answers");
        assert_eq!(store.chunks_queued(JOB).await.expect("the store answers"), [number]);
        store.keep_chunk(&turn(number, 1), &kept(failed), 7).await.expect("the store answers");
    }
    assert!(store.has_documents(JOB).await.expect("the store answers"));
    find().await
}

/// What somebody does to a job who has seen it before it was tried again.
async fn exercise_rounds(url: &str) {
    let store = Store::open(&settings(url), Role::Command).await.expect("the store opens");
    let seen = job_of_which_one_failed(&store).await;
    let take = |round: i64, step: Step<'static>| {
        let store = store.clone();
        async move { store.step_job(JOB, round, step, 8).await.expect("the store answers") }
    };
    let stages = || async {
        let chunks = store.chunks(JOB).await.expect("the store answers");
        chunks.iter().map(|chunk| chunk.stage).collect::<Vec<_>>()
    };
    assert!(take(seen.round, step("making", "done", 0)).await);
    let retry = Step { again: true, reopen: Some(1), ..step("done", "making", 2) };
    assert!(take(seen.round, retry).await);
    let retried = store.job(JOB).await.expect("the store answers").expect("there is a job");
    assert_eq!((retried.round, retried.stage_done), (seen.round + 1, 50), "what is to be made again is not done");
    assert_eq!(stages().await, [1, 2]);

    // It is in the same state as then, but not in the same round.
    assert!(!take(seen.round, step("making", "done", 0)).await);
    assert!(!take(seen.round, step("making", "failed", 0)).await);
    store.note_turn(&turn(1, seen.round), 9).await.expect("the store answers");
    store.keep_chunk(&turn(1, seen.round), &kept(2), 9).await.expect("the store answers");
    assert_eq!(stages().await, [1, 2]);
    assert_eq!(store.job(JOB).await.expect("the store answers"), Some(retried.clone()));
    assert_eq!(store.next_turn(TENANT).await.expect("the store answers"), Some(turn(1, retried.round)));

    store.note_turn(&turn(1, retried.round), 10).await.expect("the store answers");
    store.keep_chunk(&turn(1, retried.round), &kept(0), 10).await.expect("the store answers");
    assert_eq!(stages().await, [2, 2]);
    assert!(take(retried.round, step("making", "done", 0)).await);

    // The queue knows a task until it is done.
    let queue = store.queue(Duration::from_secs(1)).await.expect("there is a queue");
    let task = |round: i64| Task::Chunk { job: JOB.to_owned(), number: 1, stage: 2, round };
    assert!(!queue.has(&task(1)).await.expect("the store answers"));
    queue.push(task(1)).await.expect("the store answers");
    assert!(queue.has(&task(1)).await.expect("the store answers"));
    assert!(!queue.has(&task(2)).await.expect("the store answers"), "of another round");
    let at_work = Arc::new(Notify::new());
    let (taken, asked) = (Arc::clone(&at_work), queue.clone());
    let work = move |task: Task| {
        let (taken, asked) = (Arc::clone(&taken), asked.clone());
        async move {
            assert!(asked.has(&task).await.expect("the store answers"), "it is being done");
            taken.notify_one();
        }
    };
    let stop = async move { at_work.notified().await };
    queue.run(Lane::Work, "a-worker", 1, stop, work).await.expect("the queue runs");
    assert!(!queue.has(&task(1)).await.expect("the store answers"), "it is done");
    store.close().await;
}

#[test]
fn sqlite_keeps_what_it_is_given() {
    let file = output_folder("store-sqlite").join("store.db");
    block_on(exercise(&format!("sqlite:{}", file.display())));
}

#[test]
fn who_has_seen_a_job_before_it_was_tried_again_changes_nothing() {
    let file = output_folder("store-rounds").join("store.db");
    drop(std::fs::remove_file(&file));
    block_on(exercise_rounds(&format!("sqlite:{}", file.display())));
    block_on(exercise_rounds(&PostgresServer::start("store-rounds").url()));
}

#[test]
fn postgresql_keeps_what_it_is_given() {
    let server = PostgresServer::start("store");
    block_on(exercise(&server.url()));
    assert_eq!(server.ask("SELECT count(*) FROM api_key"), "1");
}

#[test]
fn two_services_do_not_share_a_sqlite_file() {
    let file = output_folder("store-lock").join("store.db");
    let url = format!("sqlite:{}", file.display());
    let server = Server::with(&[("SKOLEDOK__STORE__URL", &url)], Stdio::null());
    let second = binary()
        .args(["serve", "--bind", "127.0.0.1:0"])
        .env("SKOLEDOK__STORE__URL", &url)
        .output()
        .expect("the program starts");
    let told = String::from_utf8_lossy(&second.stderr);
    assert_eq!(second.status.code(), Some(2));
    assert!(told.contains("another service uses"), "{told}");
    // A command beside it is no service.
    run_ok(binary().args(["key", "list"]).env("SKOLEDOK__STORE__URL", &url));
    drop(server);
    // Killed or not, the system has given the lock back.
    drop(Server::with(&[("SKOLEDOK__STORE__URL", &url)], Stdio::null()));
}

#[test]
fn a_store_that_can_not_be_used_is_told_without_its_password() {
    let refused = |url: &str| {
        let output = binary()
            .args(["serve", "--bind", "127.0.0.1:0"])
            .env("SKOLEDOK__STORE__URL", url)
            .output()
            .expect("the program starts");
        assert_eq!(output.status.code(), Some(2), "{url}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    assert!(refused("mysql://somewhere").contains("`store.url` begins with"));
    assert!(refused("sqlite:/nowhere/at/all.db").contains("/nowhere/at/all.db.lock"));
    let told = refused("postgres://skoledok:12?hemmelig=hemmelig@127.0.0.1:1/x");
    assert!(!told.contains("hemmelig"), "{told}");
    let told = refused("postgres://skoledok:hemmelig@127.0.0.1:1/x");
    assert!(told.contains("the store does not answer") && !told.contains("hemmelig"), "{told}");
}

#[test]
fn first_commands_at_once_make_one_store() {
    let file = output_folder("store-first").join("odd%41 name?.db");
    let url = format!("sqlite:{}", file.display());
    let children: Vec<_> = (0..6)
        .map(|_| {
            let mut command = binary();
            command.args(["key", "create", "--tenant", TENANT, "--scope", "render"]).env("SKOLEDOK__STORE__URL", &url);
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts")
        })
        .collect();
    for child in children {
        let output = child.wait_with_output().expect("it has ended");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let listed = run_ok(binary().args(["key", "list"]).env("SKOLEDOK__STORE__URL", &url));
    assert_eq!(listed.lines().count(), 6);
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &std::fs::metadata(&file).expect("the file has its own name").permissions(),
    );
    assert_eq!(mode & 0o777, 0o600, "nobody else reads it");
}

#[test]
fn a_writer_that_is_killed_leaves_a_store_that_opens() {
    let file = output_folder("store-killed").join("store.db");
    let url = format!("sqlite:{}", file.display());
    let create = || {
        let mut command = binary();
        command.args(["key", "create", "--tenant", TENANT, "--scope", "render"]).env("SKOLEDOK__STORE__URL", &url);
        command
    };
    run_ok(&mut create());
    let mut answered = 1;
    for round in 0..12_u64 {
        let mut children: Vec<_> = (0..3)
            .map(|_| create().stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the program starts"))
            .collect();
        std::thread::sleep(Duration::from_millis(5 + round * 5));
        for child in &mut children {
            drop(child.kill());
        }
        // A key that was printed has been kept.
        let outputs = children.into_iter().map(|child| child.wait_with_output().expect("it has ended"));
        answered += outputs.filter(|output| !output.stdout.is_empty()).count();
    }
    let listed = run_ok(binary().args(["key", "list"]).env("SKOLEDOK__STORE__URL", &url)).lines().count();
    assert!(listed >= answered, "{answered} keys were printed, {listed} are kept");
    run_ok(binary().args(["audit", "verify"]).env("SKOLEDOK__STORE__URL", &url));
    let checked = run_ok(Command::new(crate::support::root().join("target/test-tools/venv/bin/python")).args([
        "-c",
        "import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute('PRAGMA integrity_check').fetchone()[0])",
        &file.display().to_string(),
    ]));
    assert_eq!(checked.trim(), "ok");
}

#[test]
fn entries_of_fifty_milliseconds_are_written_together() {
    let file = output_folder("store-gathering").join("store.db");
    drop(std::fs::remove_file(&file));
    let url = format!("sqlite:{}", file.display());
    let (transactions, most) = block_on(async {
        let store = Store::open(&settings(&url), Role::Command).await.expect("the store opens");
        execute(&url, "CREATE TABLE turn (seq BIGINT NOT NULL)").await;
        execute(
            &url,
            "CREATE TRIGGER turns AFTER UPDATE ON audit_head WHEN NEW.seq <> OLD.seq \
             BEGIN INSERT INTO turn VALUES (NEW.seq); END",
        )
        .await;
        let (audit, writer) = Audit::start(store.clone());
        let began = Instant::now();
        for number in 0..300 {
            audit.reserve().expect("there is room").enter(entry(number, TENANT));
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        drop(audit);
        writer.await.expect("the writer ends");
        let most = i64::try_from(began.elapsed().as_millis()).expect("it ends") / 50 + 1;
        let (count, _) = store.verify_audit().await.expect("the store answers").expect("the log is whole");
        assert_eq!(count, 300, "with nothing lost");
        store.close().await;
        let mut connection = sqlx::AnyConnection::connect(&url).await.expect("the database can be reached");
        let transactions: i64 =
            sqlx::query_scalar("SELECT count(*) FROM turn").fetch_one(&mut connection).await.expect("there is a table");
        (transactions, most)
    });
    assert!((1..=most).contains(&transactions), "{transactions} transactions where {most} have time");
}

#[test]
fn the_log_of_a_service_that_is_stopped_is_whole() {
    let url = format!("sqlite:{}", output_folder("store-stopped").join("store.db").display());
    let key = run_ok(
        binary().args(["key", "create", "--tenant", TENANT, "--scope", "render"]).env("SKOLEDOK__STORE__URL", &url),
    );
    let server = Server::with(&[("SKOLEDOK__STORE__URL", &url), ("SKOLEDOK__ACCESS__OPEN", "false")], Stdio::null());
    let authorization = format!("Bearer {}", key.trim());
    for number in 0..10 {
        let body = crate::support::letter(number).to_string();
        let answer = server.post("/v1/render/parent-letter", body.as_bytes(), &[("Authorization", &authorization)]);
        assert_eq!(answer.status, 200);
    }
    assert!(server.terminate().success());
    let told = run_ok(binary().args(["audit", "export", "--tenant", TENANT]).env("SKOLEDOK__STORE__URL", &url));
    assert_eq!(told.lines().filter(|line| line.contains("\"render parent-letter\"")).count(), 10, "{told}");
    run_ok(binary().args(["audit", "verify"]).env("SKOLEDOK__STORE__URL", &url));
}

#[test]
fn a_postgresql_that_goes_away_and_comes_back_loses_no_entry() {
    let mut server = PostgresServer::start("away");
    let url = server.url();
    let variables = [
        ("SKOLEDOK__STORE__URL", url.as_str()),
        ("SKOLEDOK__ACCESS__OPEN", "false"),
        ("SKOLEDOK__ACCESS__REMEMBER_SECONDS", "600"),
    ];
    let key = run_ok(
        binary().args(["key", "create", "--tenant", TENANT, "--scope", "render"]).env("SKOLEDOK__STORE__URL", &url),
    );
    let service = Server::with(&variables, Stdio::null());
    let authorization = format!("Bearer {}", key.trim());
    let post = |number: usize| {
        let body = crate::support::letter(number).to_string();
        service.post("/v1/render/parent-letter", body.as_bytes(), &[("Authorization", &authorization)]).status
    };
    assert_eq!(post(0), 200);
    server.stop();
    // The caller is remembered, the document is made, the entry waits.
    assert_eq!(post(1), 200);
    service.await_part("store", "degraded");
    server.run();
    eventually("the entries are written", || {
        server.ask("SELECT count(*) FROM audit WHERE action = 'render parent-letter'") == "2"
    });
    service.await_part("store", "ok");
}

#[test]
fn tables_of_another_program_are_left_alone() {
    let file = output_folder("store-newer").join("store.db");
    let url = format!("sqlite:{}", file.display());
    block_on(async {
        let store = Store::open(&settings(&url), Role::Command).await.expect("the store opens");
        store.close().await;
        execute(&url, "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (9999, 'of a newer version', 1, x'00', 0)").await;
        let refused = Store::open(&settings(&url), Role::Command).await.err();
        assert!(matches!(refused, Some(StoreError::Migrate(_))), "{refused:?}");
    });
}

#[test]
fn a_copy_made_while_serving_is_put_back() {
    let folder = output_folder("store-backup");
    let url = format!("sqlite:{}", folder.join("store.db").display());
    let copy = folder.join("copy.db").display().to_string();
    let skoledok =
        |words: &[&str]| binary().args(words).env("SKOLEDOK__STORE__URL", &url).output().expect("the program starts");
    let told = |output: &std::process::Output| String::from_utf8_lossy(&output.stderr).into_owned();
    let create = || {
        String::from_utf8_lossy(&skoledok(&["key", "create", "--tenant", TENANT, "--scope", "render"]).stdout)
            .trim()
            .to_owned()
    };
    let first = create();
    let server = Server::with(&[("SKOLEDOK__STORE__URL", &url), ("SKOLEDOK__ACCESS__OPEN", "false")], Stdio::null());
    let post = |server: &Server, key: &str, number: usize| {
        let body = crate::support::letter(number).to_string();
        server.post("/v1/render/parent-letter", body.as_bytes(), &[("Authorization", &format!("Bearer {key}"))]).status
    };
    // Copied in the midst of writing.
    std::thread::scope(|scope| {
        let busy = scope.spawn(|| (0..40).all(|number| post(&server, &first, number) == 200));
        let made = skoledok(&["backup", &copy]);
        assert!(made.status.success(), "{}", told(&made));
        assert!(busy.join().expect("nobody panics"));
    });
    let mode =
        std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&copy).expect("there is a copy").permissions());
    assert_eq!(mode & 0o777, 0o600);
    assert!(told(&skoledok(&["backup", &copy])).contains("is there already"));
    let second = create();
    assert!(told(&skoledok(&["restore", &copy])).contains("another service uses"));
    assert!(server.terminate().success());

    // What is no whole copy is not put back, and the store is left as it was.
    let broken = folder.join("broken.db");
    let mut bytes = std::fs::read(&copy).expect("the copy can be read");
    bytes.truncate(bytes.len() / 2);
    std::fs::write(&broken, bytes).expect("a file can be written");
    let refused = skoledok(&["restore", &broken.display().to_string()]);
    assert!(told(&refused).contains("no whole copy"), "{}", told(&refused));
    assert_eq!(String::from_utf8_lossy(&skoledok(&["key", "list"]).stdout).lines().count(), 2);

    let restored = skoledok(&["restore", &copy]);
    assert!(restored.status.success(), "{}", told(&restored));
    assert!(skoledok(&["audit", "verify"]).status.success());
    let server = Server::with(&[("SKOLEDOK__STORE__URL", &url), ("SKOLEDOK__ACCESS__OPEN", "false")], Stdio::null());
    assert_eq!((post(&server, &first, 1), post(&server, &second, 1)), (200, 401), "the state of the copy");
    assert!(folder.join("store.db.before").exists());
    let mut left: Vec<_> =
        std::fs::read_dir(&folder).expect("a folder can be listed").flatten().map(|entry| entry.file_name()).collect();
    left.retain(|name| name.to_string_lossy().contains(".part"));
    assert!(left.is_empty(), "nothing half-done stays behind: {left:?}");
}
