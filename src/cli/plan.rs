//! `skoledok plan`: plans and agreements that are kept, looked at beside a running service or without one.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use clap::{Subcommand, ValueEnum};
use jiff::Timestamp;

use super::file::write_whole;
use super::{Failure, Place, print_text, runtime, settings};
use crate::access::now;
use crate::document::Kind;
use crate::record::state::State;
use crate::record::{Condition, Filter, Record, RecordError, Records, Version};
use crate::store::{Entry, Role, Store};
use crate::tenant::Tenant;

/// Records that are read at once.
const PAGE: u16 = 500;

#[derive(Subcommand)]
pub(super) enum PlanCommand {
    /// List the plans of an organisation, or its agreements.
    #[command(after_help = "Example:\n  skoledok plan list --tenant 999888763 --status signed")]
    List {
        /// Whose: an organisation number, or `local` for a service without access control.
        #[arg(long, default_value = "local")]
        tenant: String,
        /// Of which kind.
        #[arg(long, default_value = "plan")]
        kind: KindName,
        /// Only those with a version of a status.
        #[arg(long, value_parser = status)]
        status: Option<State>,
        #[command(flatten)]
        place: Place,
    },
    /// Show a plan or an agreement with all its versions.
    #[command(after_help = "Example:\n  skoledok plan show bq7GmWQpBCIC5_vQ2uLLXQ")]
    Show {
        /// Id, as in the list.
        id: String,
        #[command(flatten)]
        place: Place,
    },
    /// Write a version into a new folder: `signed.pdf` and `document.pdf` as far as there are any, `archive.json`, and `content.json` as it was sent.
    #[command(after_help = "Example:\n  skoledok plan export bq7GmWQpBCIC5_vQ2uLLXQ -o plan-2026 --version 2")]
    Export {
        /// Id, as in the list.
        id: String,
        /// Folder to make.
        #[arg(short, long)]
        output: PathBuf,
        /// Number of the version; the newest if not given.
        #[arg(long, value_parser = clap::value_parser!(i64).range(1..))]
        version: Option<i64>,
        #[command(flatten)]
        place: Place,
    },
    /// Hold a plan or an agreement: nothing of it is deleted until it is released.
    #[command(after_help = "Example:\n  skoledok plan hold bq7GmWQpBCIC5_vQ2uLLXQ --reason \"tilsynssak 26/1042\"")]
    Hold {
        /// Id, as in the list.
        id: String,
        /// Why, for those who look later.
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        place: Place,
    },
    /// Hold it no longer.
    #[command(after_help = "Example:\n  skoledok plan release bq7GmWQpBCIC5_vQ2uLLXQ")]
    Release {
        /// Id, as in the list.
        id: String,
        #[command(flatten)]
        place: Place,
    },
}

#[derive(Clone, Copy, ValueEnum)]
pub(super) enum KindName {
    /// Annual plans.
    Plan,
    /// Cooperation agreements.
    Agreement,
}

impl From<KindName> for Kind {
    fn from(name: KindName) -> Self {
        match name {
            KindName::Plan => Self::AnnualPlan,
            KindName::Agreement => Self::CooperationAgreement,
        }
    }
}

fn status(text: &str) -> Result<State, String> {
    State::parse(text).ok_or_else(|| format!("the statuses are {}", State::ALL.map(State::name).join(", ")))
}

/// What a command works with.
struct Desk {
    records: Records,
    store: Store,
}

/// A record that a command is about.
struct Named {
    tenant: Tenant,
    kind: Kind,
}

pub(super) fn run(command: PlanCommand) -> Result<(), Failure> {
    let place = match &command {
        PlanCommand::List { place, .. }
        | PlanCommand::Show { place, .. }
        | PlanCommand::Export { place, .. }
        | PlanCommand::Hold { place, .. }
        | PlanCommand::Release { place, .. } => place,
    };
    let settings = settings(place.config.as_deref(), None)?;
    runtime()?.block_on(async {
        let store = Store::open(&settings.store, Role::Command).await.map_err(Failure::caused)?;
        let desk = Desk { records: Records::new(store.clone(), None, settings.records), store: store.clone() };
        let result = match command {
            PlanCommand::List { tenant, kind, status, .. } => {
                desk.list(&Tenant::named(tenant), kind.into(), status).await
            }
            PlanCommand::Show { id, .. } => desk.show(&id).await,
            PlanCommand::Export { id, output, version, .. } => desk.export(&id, &output, version).await,
            PlanCommand::Hold { id, reason, .. } => desk.hold(&id, &reason).await,
            PlanCommand::Release { id, .. } => desk.release(&id).await,
        };
        store.close().await;
        result
    })
}

fn failed(error: RecordError) -> Failure {
    match error {
        RecordError::Unknown => Failure::told("there is no such record; `skoledok plan list` shows those there are"),
        error => Failure::caused(error),
    }
}

impl Desk {
    async fn list(&self, tenant: &Tenant, kind: Kind, state: Option<State>) -> Result<(), Failure> {
        let mut after = None;
        loop {
            let filter = Filter { state, after, ..Filter::default() };
            let (records, next) = self.records.list(tenant, kind, filter, PAGE).await.map_err(failed)?;
            let lines: Vec<_> = records.iter().map(line).collect();
            if !lines.is_empty() {
                print_text(&lines.join("\n"))?;
            }
            after = next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    async fn show(&self, id: &str) -> Result<(), Failure> {
        let named = self.named(id).await?;
        let record = self.records.find(&named.tenant, named.kind, id).await.map_err(failed)?;
        let versions = self.records.versions(&named.tenant, named.kind, id).await.map_err(failed)?;
        let mut lines = vec![line(&record)];
        lines.extend(record.hold.map(|hold| format!("held since {}: {}", day(hold.since), hold.reason)));
        lines.extend(versions.iter().map(version_line));
        print_text(&lines.join("\n"))
    }

    async fn export(&self, id: &str, folder: &Path, number: Option<i64>) -> Result<(), Failure> {
        let Named { tenant, kind } = &self.named(id).await?;
        let record = self.records.find(tenant, *kind, id).await.map_err(failed)?;
        let number = number.unwrap_or(record.version.number);
        let version = self.records.version(tenant, *kind, id, number).await.map_err(failed)?;
        let content = self.records.content(tenant, *kind, id, Some(number)).await.map_err(failed)?;
        let mut files = vec![("content.json", content.bytes)];
        if version.final_at.is_some() {
            let document = self.records.document(tenant, *kind, id, Some(number)).await.map_err(failed)?;
            files.push(("document.pdf", document.delivered.bytes));
            let archived = self.records.archive(tenant, *kind, id, Some(number)).await.map_err(failed)?;
            files.push(("archive.json", format!("{:#}\n", archived.value).into()));
        }
        if version.signed_at.is_some() {
            let signed = self.records.signed(tenant, *kind, id, Some(number)).await.map_err(failed)?;
            files.push(("signed.pdf", signed.delivered.bytes));
        }
        self.note(tenant, "export record", &format!("record {id} version {number}")).await?;
        let made = fs::DirBuilder::new().mode(0o700).create(folder);
        made.map_err(|error| Failure::Told(format!("can not make `{}`: {error}", folder.display())))?;
        files.iter().try_for_each(|(name, bytes)| write_whole(&folder.join(name), bytes))
    }

    async fn hold(&self, id: &str, reason: &str) -> Result<(), Failure> {
        if reason.is_empty() || reason.chars().count() > 500 || reason.chars().any(char::is_control) {
            return Err(Failure::told("a reason has 1 to 500 characters, and no control characters"));
        }
        let Named { tenant, kind } = &self.named(id).await?;
        self.records.hold(tenant, *kind, id, reason, &Condition::Any).await.map_err(failed)?;
        self.note(tenant, "hold record", &format!("record {id}")).await
    }

    async fn release(&self, id: &str) -> Result<(), Failure> {
        let Named { tenant, kind } = &self.named(id).await?;
        self.records.release(tenant, *kind, id, &Condition::Any).await.map_err(failed)?;
        self.note(tenant, "release record", &format!("record {id}")).await
    }

    /// A record by its id alone: who has the store may look at all.
    async fn named(&self, id: &str) -> Result<Named, Failure> {
        let record =
            self.store.record(id).await.map_err(Failure::caused)?.ok_or_else(|| failed(RecordError::Unknown))?;
        let kind = crate::record::KINDS.into_iter().find(|kind| kind.name() == record.kind);
        let kind = kind.ok_or_else(|| Failure::told("the record is of a kind that this version does not know"))?;
        Ok(Named { tenant: Tenant::named(record.tenant), kind })
    }

    async fn note(&self, tenant: &Tenant, action: &str, object: &str) -> Result<(), Failure> {
        let entry = Entry {
            at: now(),
            tenant: tenant.name().to_owned(),
            actor: "command line".to_owned(),
            action: action.to_owned(),
            object: object.to_owned(),
            result: "done".to_owned(),
            request_id: "-".to_owned(),
        };
        self.store.append_audit(&[entry]).await.map_err(Failure::caused)
    }
}

fn day(at: i64) -> String {
    Timestamp::from_millisecond(at).map_or_else(|_| "?".to_owned(), |at| format!("{at:.0}"))
}

fn line(record: &Record) -> String {
    let version = &record.version;
    let held = if record.hold.is_some() { "  held" } else { "" };
    format!("{}  version {}  {}{held}  {}", record.id, version.number, version.state.name(), version.facts.title)
}

fn version_line(version: &Version) -> String {
    let mut parts =
        vec![format!("version {}  {}  since {}", version.number, version.state.name(), day(version.stepped_at))];
    for (what, file) in [("document", version.document), ("signed", version.signed)] {
        parts.extend(file.map(|file| format!("{what} {} ({} bytes)", file.hex(), file.size)));
    }
    parts.extend(version.retention_until.map(|until| format!("kept until {}", day(until))));
    parts.join("  ")
}
