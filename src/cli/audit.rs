//! `skoledok audit`: the audit log, read out and checked.

use std::io::Write;

use clap::Subcommand;
use serde_json::json;

use super::{Failure, Place, open_store, print_text};
use crate::document::{OrgNumber, hex};
use crate::store::{Record, Store};

/// Entries that are read at once.
const PAGE: i64 = 1000;

#[derive(Subcommand)]
pub(super) enum AuditCommand {
    /// Print the log, a line of JSON for each entry.
    #[command(after_help = "Example:\n  skoledok audit export > audit.ndjson")]
    Export {
        /// Only entries of an organisation.
        #[arg(long)]
        tenant: Option<String>,
        /// Begin after this entry.
        #[arg(long, default_value_t = 0)]
        after: i64,
        #[command(flatten)]
        place: Place,
    },
    /// Check that no entry was changed or removed. Prints the number of entries and the last hash: keep them somewhere else.
    #[command(after_help = "Example:\n  skoledok audit verify")]
    Verify {
        #[command(flatten)]
        place: Place,
    },
}

pub(super) fn run(command: AuditCommand) -> Result<(), Failure> {
    let (AuditCommand::Export { place, .. } | AuditCommand::Verify { place }) = &command;
    let (runtime, store) = open_store(place.config.as_deref())?;
    runtime.block_on(async {
        let result = match command {
            AuditCommand::Export { tenant, after, .. } => export(&store, tenant.as_deref(), after).await,
            AuditCommand::Verify { .. } => verify(&store).await,
        };
        store.close().await;
        result
    })
}

async fn export(store: &Store, tenant: Option<&str>, mut after: i64) -> Result<(), Failure> {
    if let Some(tenant) = tenant
        && OrgNumber::parse(tenant).is_none()
    {
        return Err(Failure::told("an organisation number has nine digits, the last of which is a check digit"));
    }
    let mut out = std::io::stdout().lock();
    loop {
        let page = store.audit_after(after, tenant, PAGE).await.map_err(Failure::caused)?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.seq;
        for record in &page {
            match writeln!(out, "{}", line(record)) {
                // A reader that has seen enough, like `head`, is no failure.
                Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => return Ok(()),
                other => other.map_err(Failure::told)?,
            }
        }
    }
}

fn line(record: &Record) -> serde_json::Value {
    let entry = &record.entry;
    json!({
        "seq": record.seq,
        "at": entry.at,
        "tenant": entry.tenant,
        "actor": entry.actor,
        "action": entry.action,
        "object": entry.object,
        "result": entry.result,
        "request_id": entry.request_id,
        "hash": hex(&record.hash),
    })
}

async fn verify(store: &Store) -> Result<(), Failure> {
    match store.verify_audit().await.map_err(Failure::caused)? {
        Ok((entries, hash)) => print_text(&format!("{entries} entries, whole; the last hash is {}", hex(&hash))),
        Err(fault) => {
            eprintln!("{fault}");
            Err(Failure::Faults)
        }
    }
}
