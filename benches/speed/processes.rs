//! The render processes alone, as the service has them: given the letters of a mailing one after the other, without HTTP, store or archive.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use skoledok::app;
use skoledok::document::{Language, Mailing};
use skoledok::merge::letter::Draft;
use skoledok::pipeline::{MailingBytes, merge};
use skoledok::render::Options;
use skoledok::worker::{Pool, Program, Settings};
use tokio::runtime::Runtime;

use crate::input;
use crate::load::Figures;
use crate::process;

/// Letters that are asked for at once, for each process.
const AHEAD: usize = 4;

pub struct Processes {
    runtime: Runtime,
    pool: Pool,
    mailing: MailingBytes,
    callers: usize,
    workers: Vec<u32>,
}

impl Processes {
    /// Starts and warms them.
    pub fn start(count: usize) -> Self {
        let settings = Settings {
            workers: count,
            queue: 256,
            deadline: Duration::from_secs(10),
            recycle_after: u64::MAX,
            recycle_growth: u64::MAX,
        };
        let pool = Pool::new(settings);
        let runtime = pool.runtime(1).expect("there is a runtime");
        let program = Program { path: env!("CARGO_BIN_EXE_skoledok").into(), ..app::render_worker(512 << 20) };
        let before = process::children_of(std::process::id());
        runtime.block_on(pool.start_without_spare(program)).expect("the processes start");
        let mut workers = process::children_of(std::process::id());
        workers.retain(|id| !before.contains(id));
        let mailing: Mailing = serde_json::from_value(input::mailing()).expect("a mailing");
        let mailing = MailingBytes::new(&mailing).expect("a mailing is JSON");
        let processes = Self { runtime, pool, mailing, callers: count * AHEAD, workers };
        processes.measure(Duration::from_secs(2), 9_000_000);
        processes
    }

    fn cpu(&self) -> f64 {
        self.workers.iter().map(|&worker| process::cpu_of(worker)).sum::<f64>() + process::cpu_of(std::process::id())
    }

    /// The letters that they make in some time; CPU with that of whom asks for them.
    pub fn measure(&self, time: Duration, offset: usize) -> Figures {
        let (cpu, began, next) = (self.cpu(), Instant::now(), AtomicUsize::new(offset));
        let ask = async || {
            let mut micros = Vec::new();
            while began.elapsed() < time {
                let (start, draft) = (Instant::now(), draft(next.fetch_add(1, Ordering::Relaxed)));
                let made = merge(&self.pool, &self.mailing, &draft, Options::default()).await;
                std::hint::black_box(made.expect("a letter is made"));
                micros.push(u32::try_from(start.elapsed().as_micros()).unwrap_or(u32::MAX));
            }
            micros
        };
        let asking = futures_util::future::join_all((0..self.callers).map(|_| ask()));
        let micros = self.runtime.block_on(asking).concat();
        let memory = self.workers.iter().map(|&worker| process::memory_of(worker)).sum();
        Figures { count: micros.len(), seconds: began.elapsed().as_secs_f64(), cpu: self.cpu() - cpu, memory, micros }
    }
}

/// What `bulk` makes of [`input::pupil`].
fn draft(number: usize) -> Draft {
    let pupil = input::pupil(number);
    let guardian = &pupil["guardians"][0];
    Draft {
        language: Language::Nb,
        recipient: json!({
            "recipient_key": pupil["key"], "names": [guardian["name"]], "postal_address": guardian["address"],
            "pupil_first_name": pupil["first_name"], "class": pupil["class"]
        }),
        data: json!({
            "recipient": { "names": [guardian["name"]] }, "school": { "name": "Fjordvik skole" },
            "pupil": { "first_name": pupil["first_name"], "class": pupil["class"] }
        }),
        places: Vec::new(),
    }
}
