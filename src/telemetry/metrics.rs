//! Metrics for Prometheus. Labels are routes, kinds and statuses of our own: nothing that a caller sends becomes one.

use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use metrics::{Counter, Histogram, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

/// Upper ends of the buckets of all histograms, in seconds: from an answer out of memory to a deadline.
const BUCKETS: [f64; 14] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

const REQUESTS: &str = "skoledok_requests_total";
const REQUEST_SECONDS: &str = "skoledok_request_seconds";
const RENDER_SECONDS: &str = "skoledok_render_seconds";
const QUEUE: &str = "skoledok_queue_length";
const WORKERS: &str = "skoledok_workers";
const WANTED: &str = "skoledok_workers_wanted";
const REPLACED: &str = "skoledok_workers_replaced_total";
const CACHE: &str = "skoledok_cache_requests_total";
const CACHE_WELL: &str = "skoledok_cache_well";
const REFUSED: &str = "skoledok_access_refused_total";
const LIMITED: &str = "skoledok_rate_limited_total";
const AUDIT: &str = "skoledok_audit_pending";
const BUILD: &str = "skoledok_build_info";

/// How the parts are at the moment of a scrape.
#[derive(Debug, Clone, Copy)]
pub struct Snapshot {
    /// Documents that wait for a worker.
    pub queue: usize,
    /// Workers that there are.
    pub workers: usize,
    /// Workers that there should be.
    pub wanted: usize,
    /// Workers replaced since the start.
    pub replaced: u64,
    /// Whether the cache has all it was given.
    pub cache_is_well: bool,
    /// Entries of the audit log that wait to be written.
    pub audit_pending: usize,
}

/// The metrics of this process.
#[derive(Clone)]
pub struct Metrics {
    handle: PrometheusHandle,
}

impl Metrics {
    /// Starts to count, for the whole process. To be called once, within a runtime of Tokio.
    ///
    /// # Errors
    /// When something counts already.
    pub fn start() -> Result<Self, BuildError> {
        let handle = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &BUCKETS)?
            .install_recorder()?;
        describe();
        gauge!(BUILD, "version" => env!("CARGO_PKG_VERSION")).set(1.0);
        let upkeep = handle.clone();
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(Duration::from_secs(5)).await;
                upkeep.run_upkeep();
            }
        });
        Ok(Self { handle })
    }

    /// All metrics in the text format of Prometheus.
    #[must_use]
    pub fn render(&self, now: &Snapshot) -> String {
        #[expect(clippy::cast_precision_loss, reason = "counts of what is in memory")]
        for (name, value) in
            [(QUEUE, now.queue), (WORKERS, now.workers), (WANTED, now.wanted), (AUDIT, now.audit_pending)]
        {
            gauge!(name).set(value as f64);
        }
        gauge!(CACHE_WELL).set(f64::from(u8::from(now.cache_is_well)));
        counter!(REPLACED).absolute(now.replaced);
        self.handle.render()
    }
}

fn describe() {
    describe_counter!(REQUESTS, "Requests, by route, method and status.");
    describe_histogram!(REQUEST_SECONDS, "Seconds from the head of a request to its answer, by route.");
    describe_histogram!(RENDER_SECONDS, "Seconds to make a document, waiting for a worker among them, by kind.");
    describe_gauge!(QUEUE, "Documents that wait for a worker.");
    describe_gauge!(WORKERS, "Render workers that work or could.");
    describe_gauge!(WANTED, "Render workers that there should be.");
    describe_counter!(REPLACED, "Render workers that were replaced, for whatever reason.");
    describe_counter!(CACHE, "Documents delivered, by where they came from: memory, redis, shared, made.");
    describe_gauge!(CACHE_WELL, "1 when the cache has all it was given, 0 when its Redis is away.");
    describe_counter!(REFUSED, "Requests that were not let in, by reason: missing, invalid, unavailable, scope.");
    describe_counter!(LIMITED, "Requests beyond what their tenant may send.");
    describe_gauge!(AUDIT, "Entries of the audit log that wait to be written.");
    describe_gauge!(BUILD, "1, with the version of the service.");
}

/// Counts the requests of a route. It keeps its counters at hand, since to look one up by its labels takes as long as a good part
/// of an answer out of memory.
pub struct Route {
    pattern: String,
    seconds: Histogram,
    counters: RwLock<Vec<((&'static str, u16), Counter)>>,
}

impl Route {
    /// A route by its pattern, never by a path. To be made after [`Metrics::start`].
    #[must_use]
    pub fn new(route: &str) -> Self {
        let seconds = histogram!(REQUEST_SECONDS, "route" => route.to_owned());
        Self { pattern: route.to_owned(), seconds, counters: RwLock::default() }
    }

    /// Its pattern.
    #[must_use]
    pub fn pattern(&self) -> &str {
        &self.pattern
    }

    /// Counts a request that was answered.
    pub fn count(&self, method: &'static str, status: u16, took: Duration) {
        self.seconds.record(took);
        let wanted = (method, status);
        let known = self.counters.read().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, counter)) = known.iter().find(|(labels, _)| *labels == wanted) {
            return counter.increment(1);
        }
        drop(known);
        let counter =
            counter!(REQUESTS, "route" => self.pattern.clone(), "method" => method, "status" => status.to_string());
        counter.increment(1);
        // Twice the same, by two requests at once, does no harm: both count in the same place.
        self.counters.write().unwrap_or_else(PoisonError::into_inner).push((wanted, counter));
    }
}

/// Counts a document that was made.
pub fn made(kind: &'static str, took: Duration) {
    static RENDERS: Labelled<Histogram> = Labelled::new(RENDER_SECONDS, "kind");
    RENDERS.with(kind, |name, label| histogram!(name, label => kind), |histogram| histogram.record(took));
}

/// Metrics of one name that differ in a label of ours, each looked up once.
struct Labelled<M> {
    name: &'static str,
    label: &'static str,
    known: RwLock<Vec<(&'static str, M)>>,
}

impl<M> Labelled<M> {
    const fn new(name: &'static str, label: &'static str) -> Self {
        Self { name, label, known: RwLock::new(Vec::new()) }
    }

    /// Uses the metric of a value of the label, which is made when there is none.
    fn with(&self, value: &'static str, make: impl FnOnce(&'static str, &'static str) -> M, act: impl FnOnce(&M)) {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, metric)) = known.iter().find(|(own, _)| *own == value) {
            return act(metric);
        }
        drop(known);
        let metric = make(self.name, self.label);
        act(&metric);
        // As above: twice the same does no harm.
        self.known.write().unwrap_or_else(PoisonError::into_inner).push((value, metric));
    }
}

impl Labelled<Counter> {
    fn count(&self, value: &'static str) {
        self.with(value, |name, label| counter!(name, label => value), |counter| counter.increment(1));
    }
}

/// Counts a document that was delivered.
pub fn delivered(from: &'static str) {
    static DELIVERED: Labelled<Counter> = Labelled::new(CACHE, "result");
    DELIVERED.count(from);
}

/// Counts somebody who was not let in.
pub fn refused(reason: &'static str) {
    static REFUSALS: Labelled<Counter> = Labelled::new(REFUSED, "reason");
    REFUSALS.count(reason);
}

/// Counts a request of a tenant that has sent too many.
pub fn limited() {
    counter!(LIMITED).increment(1);
}
