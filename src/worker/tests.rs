//! The pool with processes that are scripts of the shell: they say hello as a worker does, and fail as a test wants.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream::FuturesUnordered;
use tokio::time::{sleep, timeout};

use super::wire::{Hello, framed};
use super::*;

const BUILD: &str = "scripts";

/// A script that answers each task with its own bytes.
const ECHO: &str = "exec cat";

/// A script that never answers.
const SILENCE: &str = "exec sleep 1000";

/// The first process ends in its first task, after it has rung for the next; the others echo.
const FIRST_FAILS: &str =
    r#"mkdir "$1/first" 2> /dev/null && { head -c 1 > /dev/null; printf '!' >&0; sleep 0.2; exit; }; exec cat"#;

/// The first process rings for the next task in its first one, and never ends that; the others echo.
const FIRST_HANGS: &str =
    r#"mkdir "$1/first" 2> /dev/null && { head -c 1 > /dev/null; printf '!' >&0; exec sleep 1000; }; exec cat"#;

/// A script that gives its first task the answer to another.
const MISTAKEN: &str = r"head -c 1 > /dev/null; printf '\004\000\000\000\002\000\000\000else'; exec sleep 1000";

/// A script that rings on and on.
const RINGING: &str = "head -c 1 > /dev/null; printf '!!!!' >&0; exec sleep 1000";

/// A folder that the scripts of a test leave their traces in.
struct Scene {
    folder: PathBuf,
}

impl Scene {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("skoledok-worker-{}-{name}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder can be made");
        Self { folder }
    }

    /// How to start a worker that does as the script says. While there is a file `none`, none can be started.
    fn program(&self, script: &str) -> Program {
        let hello = Hello { build: BUILD.to_owned(), landlock: Landlock::None };
        let hello = framed(0, &postcard::to_stdvec(&hello).expect("it has a form")).expect("it is short");
        let hello = hello.iter().map(|byte| format!("\\{byte:03o}")).collect::<Vec<_>>().concat();
        let script = format!(r#"[ -e "$1/none" ] && exit 1; echo $$ >> "$1/started"; printf '{hello}'; {script}"#);
        Program {
            path: "/bin/sh".into(),
            arguments: vec!["-c".into(), script.into(), "sh".into(), self.folder.clone().into()],
            environment: vec![("PATH".into(), std::env::var_os("PATH").unwrap_or_default())],
            build: BUILD.to_owned(),
        }
    }

    fn forbid_starts(&self) {
        fs::write(self.folder.join("none"), "").expect("a file can be written");
    }

    fn allow_starts(&self) {
        fs::remove_file(self.folder.join("none")).expect("a file can be removed");
    }

    /// The processes that were started, the newest one last.
    fn started(&self) -> Vec<String> {
        let list = fs::read_to_string(self.folder.join("started")).unwrap_or_default();
        list.lines().map(str::to_owned).collect()
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.folder));
    }
}

fn pool(workers: usize, deadline: Duration) -> Pool {
    Pool::new(Settings { workers, queue: 1000, deadline, recycle_after: u64::MAX, recycle_growth: u64::MAX })
}

async fn run(pool: &Pool, word: &str, priority: Priority) -> Result<Bytes, WorkError> {
    let done = pool.run(Bytes::from(word.to_owned()), priority);
    timeout(Duration::from_mins(1), done).await.expect("nobody waits for ever")
}

async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..1200 {
        if holds() {
            return;
        }
        sleep(Duration::from_millis(50)).await;
    }
    panic!("not after a minute: {what}");
}

fn is_alive(process: &str) -> bool {
    // One that has ended stays listed until somebody takes note.
    fs::read_to_string(format!("/proc/{process}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

#[tokio::test]
async fn with_no_worker_left_callers_are_told_and_parts_of_jobs_wait() {
    let scene = Scene::new("none");
    let pool = pool(1, Duration::from_secs(1));
    pool.start_without_spare(scene.program(FIRST_FAILS)).await.expect("the first one starts");
    scene.forbid_starts();
    let part = tokio::spawn({
        let pool = pool.clone();
        async move { run(&pool, "part", Priority::Bulk).await }
    });
    for word in ["its worker is lost", "no worker has it"] {
        let refused = run(&pool, word, Priority::Interactive).await;
        assert!(matches!(refused, Err(WorkError::Busy { .. })), "{word}: {refused:?}");
    }
    eventually("it is known that none can be started", || !pool.census().can_work()).await;
    assert!(!part.is_finished(), "nobody waits for a part of a job, so it is not given up");
    scene.allow_starts();
    assert_eq!(part.await.expect("it does not panic"), Ok("part".into()));
    assert!(pool.census().can_work());
}

#[tokio::test]
async fn a_worker_past_its_deadline_is_killed_also_when_no_other_can_be_started() {
    // The long one is never read to its end.
    for (name, task) in [("late", "endless".to_owned()), ("deaf", "endless".repeat(1 << 20))] {
        let scene = Scene::new(name);
        let pool = pool(1, Duration::from_millis(100));
        pool.start_without_spare(scene.program(SILENCE)).await.expect("the first one starts");
        scene.forbid_starts();
        assert_eq!(run(&pool, &task, Priority::Bulk).await, Err(WorkError::Deadline));
        eventually("it is killed", || !is_alive(&scene.started()[0])).await;
        assert_eq!(pool.census().workers, 0);
    }
}

#[tokio::test]
async fn what_had_its_worker_lost_goes_to_one_that_is_there() {
    let scene = Scene::new("other");
    let pool = pool(2, Duration::from_secs(30));
    pool.start_without_spare(scene.program(FIRST_FAILS)).await.expect("two start");
    scene.forbid_starts();
    let words: Vec<_> = (0..200).map(|number| format!("task {number}")).collect();
    let answers = join_all(words.iter().map(|word| run(&pool, word, Priority::Interactive))).await;
    for (word, answer) in words.iter().zip(answers) {
        assert_eq!(answer, Ok(word.clone().into()));
    }
    assert_eq!(pool.census().workers, 1);
}

#[tokio::test]
async fn what_a_worker_has_not_begun_is_for_others_when_it_is_long_silent() {
    let scene = Scene::new("silent");
    let pool = pool(2, Duration::from_mins(1));
    pool.start_without_spare(scene.program(FIRST_HANGS)).await.expect("two start");
    let words: Vec<_> = (0..200).map(|number| format!("task {number}")).collect();
    let mut answers: FuturesUnordered<_> =
        words.iter().map(async |word| (word, run(&pool, word, Priority::Interactive).await)).collect();
    for _ in 1..words.len() {
        let next = timeout(Duration::from_secs(30), answers.next()).await;
        let (word, answer) = next.expect("only one task hangs").expect("there are more");
        assert_eq!(answer, Ok(word.clone().into()));
    }
    assert_eq!(pool.census().replaced, 0, "the deadline is not over");
}

#[tokio::test]
async fn a_worker_that_answers_another_task_or_rings_on_and_on_is_given_up() {
    for (name, script) in [("mistaken", MISTAKEN), ("ringing", RINGING)] {
        let scene = Scene::new(name);
        let pool = pool(1, Duration::from_secs(30));
        pool.start_without_spare(scene.program(script)).await.expect("the first one starts");
        assert_eq!(run(&pool, "task", Priority::Interactive).await, Err(WorkError::Crashed), "{name}");
        assert!(scene.started().len() >= 2, "{name}: it was tried by two");
    }
}

#[tokio::test]
async fn a_spare_that_ends_is_replaced_before_anybody_needs_it() {
    let scene = Scene::new("spare");
    let pool = pool(1, Duration::from_secs(30));
    let spare = &pool.shared.spare;
    pool.start(scene.program(ECHO)).await.expect("the first one starts");
    for started in 2..4 {
        eventually("there is a spare", || spare.is_at_hand()).await;
        assert_eq!(scene.started().len(), started);
        assert!(
            Command::new("kill")
                .args(["-KILL", &scene.started()[started - 1]])
                .status()
                .is_ok_and(|kill| kill.success())
        );
        eventually("another one is started", || scene.started().len() > started).await;
    }
    eventually("there is a spare", || spare.is_at_hand()).await;
    scene.forbid_starts();
    assert!(Command::new("kill").args(["-KILL", &scene.started()[3]]).status().is_ok_and(|kill| kill.success()));
    eventually("it is known that none can be started", || pool.census().failing).await;
    assert_eq!(run(&pool, "task", Priority::Interactive).await, Ok("task".into()));
    scene.allow_starts();
    eventually("there is a spare", || spare.is_at_hand()).await;
    assert!(!pool.census().failing);
}
