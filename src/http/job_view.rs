//! Jobs as callers see them.

use poem_openapi::{Enum, Object};

use super::problem::Fault;
use crate::bulk::chunk::Made;
use crate::bulk::job::{Delivery, DeliveryState, Item, Job, Page, State};
use crate::document::{Locale, OnInvalid, hex};

/// Where a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename = "JobState", rename_all = "snake_case")]
pub(super) enum StateName {
    /// It is being decided who gets a letter.
    Planning,
    /// All letters are checked before the first is made.
    Checking,
    /// Pages are counted, and no letter is made.
    Counting,
    /// The letters are being made.
    Making,
    /// All that could be made is made, or counted.
    Done,
    /// Some recipients have faults, and so no letter was made.
    Rejected,
    /// Somebody has stopped it.
    Cancelled,
    /// It could not be gone on with; see `problem`.
    Failed,
}

impl From<State> for StateName {
    fn from(state: State) -> Self {
        match state {
            State::Receiving | State::Planning => Self::Planning,
            State::Checking => Self::Checking,
            State::Counting => Self::Counting,
            State::Making => Self::Making,
            State::Done => Self::Done,
            State::Rejected => Self::Rejected,
            State::Cancelled | State::Erased => Self::Cancelled,
            State::Failed => Self::Failed,
        }
    }
}

/// What happens when some recipients have faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename = "OnInvalid", rename_all = "snake_case")]
pub(super) enum OnInvalidName {
    /// No letter is made.
    Reject,
    /// The others get theirs.
    Skip,
}

impl From<OnInvalidName> for OnInvalid {
    fn from(name: OnInvalidName) -> Self {
        match name {
            OnInvalidName::Reject => Self::Reject,
            OnInvalidName::Skip => Self::Skip,
        }
    }
}

/// What became of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename = "ItemStatus", rename_all = "snake_case")]
pub(super) enum StatusName {
    /// Nothing is wrong with its letter, which is not made yet.
    Valid,
    /// Its letter is made.
    Made,
    /// It gets no letter, as decided.
    NoLetter,
    /// It gets no letter, since something is wrong; see `violations`.
    Invalid,
    /// Its letter could not be made; see `failure`.
    Failed,
}

impl StatusName {
    const ALL: [Self; 5] = [Self::Valid, Self::Made, Self::NoLetter, Self::Invalid, Self::Failed];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Made => "made",
            Self::NoLetter => "no_letter",
            Self::Invalid => "invalid",
            Self::Failed => "failed",
        }
    }

    fn of(item: &Item) -> Self {
        Self::ALL.into_iter().find(|status| status.name() == item.status()).unwrap_or(Self::Failed)
    }
}

/// How many there are of each.
#[derive(Debug, Clone, PartialEq, Eq, Object)]
#[oai(rename = "JobCounts")]
pub(super) struct CountsView {
    /// Homes and recipients that something is decided for.
    items: i64,
    /// Those that the job has done with in its state.
    done: i64,
    /// Letters.
    letters: i64,
    /// Their pages.
    pages: i64,
    /// No letter, as decided.
    no_letter: i64,
    /// No letter, since something is wrong.
    invalid: i64,
    /// No letter, since it could not be made.
    failed: i64,
    /// Letters with a protected address, which are in no print file.
    protected: i64,
}

/// A job. Times in milliseconds since 1970, UTC.
#[derive(Debug, Clone, PartialEq, Object)]
#[oai(rename = "Job")]
pub(super) struct JobView {
    /// Names the job, and can not be guessed.
    pub(super) id: String,
    state: StateName,
    /// Whether no letter is to be made.
    dry_run: bool,
    counts: CountsView,
    /// Items a second in its state.
    #[oai(skip_serializing_if_is_none)]
    rate: Option<f64>,
    /// Seconds until it has done what it does in its state.
    #[oai(skip_serializing_if_is_none)]
    seconds_left: Option<u64>,
    /// What it waits for: `store`, or `room_in_store`. It goes on by itself.
    #[oai(skip_serializing_if_is_none)]
    waits_for: Option<String>,
    /// Why it failed: `empty_list`, `sealed` (the key of the store was changed), or `internal`.
    #[oai(skip_serializing_if_is_none)]
    problem: Option<String>,
    /// When it came.
    created_at: i64,
    /// When it ended.
    #[oai(skip_serializing_if_is_none)]
    finished_at: Option<i64>,
    /// When it is erased.
    expires_at: i64,
    /// Grows with everything that happens to it.
    pub(super) version: i64,
}

impl From<Job> for JobView {
    fn from(job: Job) -> Self {
        let tally = job.tally;
        Self {
            id: job.id,
            state: job.state.into(),
            dry_run: job.dry_run,
            counts: CountsView {
                items: tally.items,
                done: tally.done,
                letters: tally.counts.letters,
                pages: tally.counts.pages,
                no_letter: tally.counts.no_letter,
                invalid: tally.counts.invalid,
                failed: tally.counts.failed,
                protected: tally.counts.protected,
            },
            rate: job.rate,
            seconds_left: job.seconds_left,
            waits_for: job.waits_for.map(str::to_owned),
            problem: job.problem,
            created_at: job.created_at,
            finished_at: job.finished_at,
            expires_at: job.expires_at,
            version: job.version,
        }
    }
}

/// A page of jobs.
#[derive(Debug, Object)]
pub(super) struct JobPage {
    /// The jobs, the newest first.
    pub(super) jobs: Vec<JobView>,
    /// What to give as `after` for the next page; absent on the last one.
    #[oai(skip_serializing_if_is_none)]
    pub(super) next: Option<String>,
}

/// What was decided and made for a home or a recipient.
#[derive(Debug, Object)]
#[oai(rename = "JobItem")]
pub(super) struct ItemView {
    /// Number, from 1.
    number: u64,
    /// Number of the entry of the list, from 1.
    entry: u64,
    /// Row or line of the list, from 1.
    row: u64,
    /// Key of the recipient.
    key: String,
    status: StatusName,
    /// Why it gets a letter or none; see docs/mailings.md.
    decision: String,
    /// The item whose letter it shares, or whose copy it is.
    #[oai(skip_serializing_if_is_none)]
    follows: Option<u64>,
    /// What is worth knowing of the decision.
    notes: Vec<String>,
    /// Language of the letter.
    #[oai(skip_serializing_if_is_none)]
    language: Option<String>,
    /// Pages of the letter, where it is made or counted.
    #[oai(skip_serializing_if_is_none)]
    pages: Option<u64>,
    /// SHA-256 of the letter.
    #[oai(skip_serializing_if_is_none)]
    sha256: Option<String>,
    /// Why it could not be made: `deadline`, `memory`, `renderer`.
    #[oai(skip_serializing_if_is_none)]
    failure: Option<String>,
    /// All faults, by their places in the entry, or behind `/letter` or `/translations` in the mailing.
    violations: Vec<Fault>,
}

impl ItemView {
    fn new(item: &Item, locale: Locale) -> Self {
        let outcome = &item.outcome;
        let letter = outcome.letter();
        let number = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        Self {
            number: outcome.number,
            entry: outcome.entry,
            row: number(outcome.row),
            key: outcome.key.clone(),
            status: StatusName::of(item),
            decision: outcome.decision.clone(),
            follows: outcome.follows,
            notes: outcome.notes.clone(),
            language: letter.map(|letter| letter.language.tag().to_owned()),
            pages: letter.map(|letter| number(letter.pages)).filter(|&pages| pages > 0),
            sha256: letter.filter(|_| item.is_made).map(|letter| hex(&letter.digest)),
            failure: match outcome.result {
                Made::Failed(failure) => Some(failure.name().to_owned()),
                _ => None,
            },
            violations: match &outcome.result {
                Made::Faults(findings) => findings.iter().map(|finding| finding.tell(locale).into()).collect(),
                _ => Vec::new(),
            },
        }
    }
}

/// A page of items.
#[derive(Debug, Object)]
#[oai(rename = "JobItemPage")]
pub(super) struct ItemPage {
    /// The items, in the order of the list.
    items: Vec<ItemView>,
    /// What to give as `after` for the next page; absent on the last one.
    #[oai(skip_serializing_if_is_none)]
    next: Option<u64>,
}

impl ItemPage {
    pub(super) fn new(page: &Page, locale: Locale) -> Self {
        let items: Vec<ItemView> = page.items.iter().map(|item| ItemView::new(item, locale)).collect();
        let next = items.last().filter(|_| !page.is_last).map(|item| item.number);
        Self { items, next }
    }
}

/// How a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename = "DeliveryState", rename_all = "snake_case")]
enum DeliveryName {
    /// It will be sent, perhaps again.
    Waiting,
    /// It was taken.
    Delivered,
    /// The receiver wants no more of them (410).
    Gone,
    /// It was sent as often as it is, and not taken.
    GivenUp,
}

/// One attempt to send a message.
#[derive(Debug, Object)]
#[oai(rename = "DeliveryAttempt")]
struct AttemptView {
    /// When it ended, in milliseconds since 1970, UTC.
    at: i64,
    /// Status of the answer.
    #[oai(skip_serializing_if_is_none)]
    status: Option<i64>,
    /// Why it failed: `refused_target`, `dns`, `connect`, `tls`, `timeout`, `no_answer`, `redirect`, `status`.
    #[oai(skip_serializing_if_is_none)]
    failure: Option<String>,
}

/// A message on the end of a job.
#[derive(Debug, Object)]
#[oai(rename = "Delivery")]
struct DeliveryView {
    /// Names the message: its `webhook-id`.
    id: String,
    state: DeliveryName,
    /// When it was made.
    created_at: i64,
    /// When it will be sent next.
    #[oai(skip_serializing_if_is_none)]
    next_at: Option<i64>,
    /// Each attempt, in order.
    attempts: Vec<AttemptView>,
}

/// The messages on the ends of a job: one that was gone on with has several.
#[derive(Debug, Object)]
pub(super) struct Deliveries {
    /// The messages, the newest first.
    deliveries: Vec<DeliveryView>,
}

impl From<Vec<Delivery>> for Deliveries {
    fn from(deliveries: Vec<Delivery>) -> Self {
        let view = |delivery: Delivery| DeliveryView {
            id: delivery.id,
            state: match delivery.state {
                DeliveryState::Waiting => DeliveryName::Waiting,
                DeliveryState::Delivered => DeliveryName::Delivered,
                DeliveryState::Gone => DeliveryName::Gone,
                DeliveryState::GivenUp => DeliveryName::GivenUp,
            },
            created_at: delivery.created_at,
            next_at: delivery.next_at,
            attempts: delivery
                .attempts
                .into_iter()
                .map(|attempt| AttemptView { at: attempt.at, status: attempt.status, failure: attempt.failure })
                .collect(),
        };
        Self { deliveries: deliveries.into_iter().map(view).collect() }
    }
}
