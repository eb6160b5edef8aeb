//! `skoledok key`: API keys, made and taken back beside a running service or without one.

use clap::{Args, Subcommand};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::{Failure, Place, open_store, print_text};
use crate::access::{ApiKey, Scope, Scopes, now};
use crate::document::OrgNumber;
use crate::store::{Entry, KeyRecord, Store};

const DAY: i64 = 24 * 60 * 60 * 1000;

#[derive(Subcommand)]
pub(super) enum KeyCommand {
    /// Make a key. It is printed once and can not be shown again.
    #[command(
        after_help = "Example:\n  skoledok key create --tenant 999888763 --scope render --expires 2027-06-30 --label \"Visma\""
    )]
    Create(Create),
    /// List the keys, without their secrets.
    #[command(after_help = "Example:\n  skoledok key list --tenant 999888763")]
    List {
        /// Only those of an organisation.
        #[arg(long, value_parser = organisation)]
        tenant: Option<OrgNumber>,
        #[command(flatten)]
        place: Place,
    },
    /// Take a key back. It works for as long as `access.remember_seconds` says, at most.
    #[command(after_help = "Example:\n  skoledok key revoke 4f1c2a9be0d37788")]
    Revoke {
        /// Public part of the key, as in the list.
        id: String,
        #[command(flatten)]
        place: Place,
    },
    /// Make a key in place of another, which goes on working for a while.
    #[command(after_help = "Example:\n  skoledok key rotate 4f1c2a9be0d37788 --overlap 14")]
    Rotate {
        /// Public part of the key, as in the list.
        id: String,
        /// Days for which the old key still works.
        #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u16).range(0..=365))]
        overlap: u16,
        /// Last day on which the new key works (UTC); without it, the old key's.
        #[arg(long)]
        expires: Option<Date>,
        #[command(flatten)]
        place: Place,
    },
}

#[derive(Args)]
pub(super) struct Create {
    /// Whose it is: an organisation number.
    #[arg(long, value_parser = organisation)]
    tenant: OrgNumber,
    /// What it may; give it several times for several.
    #[arg(long = "scope", required = true, value_parser = scope)]
    scopes: Vec<Scope>,
    /// Last day on which it works (UTC); without it, it works until it is revoked.
    #[arg(long)]
    expires: Option<Date>,
    /// What it is for.
    #[arg(long, default_value = "")]
    label: String,
    #[command(flatten)]
    place: Place,
}

fn organisation(text: &str) -> Result<OrgNumber, &'static str> {
    OrgNumber::parse(text).ok_or("an organisation number has nine digits, the last of which is a check digit")
}

fn scope(text: &str) -> Result<Scope, String> {
    let names = || Scope::ALL.map(Scope::name).join(", ");
    Scope::parse(text).ok_or_else(|| format!("the scopes are {}", names()))
}

/// The moment at which a day ends, in milliseconds since 1970.
fn end_of(day: Date) -> Result<i64, Failure> {
    let end = day.tomorrow().and_then(|next| next.to_zoned(TimeZone::UTC)).map_err(Failure::told)?;
    Ok(end.timestamp().as_millisecond())
}

/// When a key is to end, if it is; not in the past.
fn expiry(day: Option<Date>) -> Result<Option<i64>, Failure> {
    let end = day.map(end_of).transpose()?;
    if end.is_some_and(|end| end <= now()) {
        return Err(Failure::told("the key would have expired already"));
    }
    Ok(end)
}

pub(super) fn run(command: KeyCommand) -> Result<(), Failure> {
    let place = match &command {
        KeyCommand::Create(create) => &create.place,
        KeyCommand::List { place, .. } | KeyCommand::Revoke { place, .. } | KeyCommand::Rotate { place, .. } => place,
    };
    let (runtime, store) = open_store(place.config.as_deref())?;
    runtime.block_on(async {
        let result = match command {
            KeyCommand::Create(create) => make(&store, &create).await,
            KeyCommand::List { tenant, .. } => list(&store, tenant.as_ref()).await,
            KeyCommand::Revoke { id, .. } => revoke(&store, &id).await,
            KeyCommand::Rotate { id, overlap, expires, .. } => rotate(&store, &id, overlap, expires).await,
        };
        store.close().await;
        result
    })
}

async fn make(store: &Store, create: &Create) -> Result<(), Failure> {
    if create.label.chars().count() > 100 || create.label.chars().any(char::is_control) {
        return Err(Failure::told("a label has at most 100 characters, and no control characters"));
    }
    let key = ApiKey::generate().map_err(Failure::told)?;
    let expires = expiry(create.expires)?;
    let scopes: Scopes = create.scopes.iter().copied().collect();
    let record = key.record(&create.tenant, &create.label, scopes, expires);
    store.add_key(&record).await.map_err(Failure::caused)?;
    note(store, &record, "create key").await?;
    print_text(&key.reveal())
}

async fn list(store: &Store, tenant: Option<&OrgNumber>) -> Result<(), Failure> {
    let keys = store.keys(tenant.map(OrgNumber::as_str)).await.map_err(Failure::caused)?;
    let lines: Vec<_> = keys.iter().map(line).collect();
    if lines.is_empty() { Ok(()) } else { print_text(&lines.join("\n")) }
}

fn line(key: &KeyRecord) -> String {
    let day = |at: i64| Timestamp::from_millisecond(at).map_or_else(|_| "?".to_owned(), |at| format!("{at:.0}"));
    let state = match (key.revoked_at, key.expires_at) {
        (Some(at), _) if at <= now() => format!("revoked {}", day(at)),
        (_, Some(at)) if at <= now() => format!("expired {}", day(at)),
        (Some(at), Some(end)) => format!("works until {}", day(at.min(end))),
        (Some(at), None) | (None, Some(at)) => format!("works until {}", day(at)),
        (None, None) => "works".to_owned(),
    };
    let label = if key.label.is_empty() { String::new() } else { format!("  {}", key.label) };
    format!("{}  {}  {}  {state}{label}", key.id, key.tenant, key.scopes.replace(' ', ","))
}

async fn find(store: &Store, id: &str) -> Result<KeyRecord, Failure> {
    let found = store.find_key(id).await.map_err(Failure::caused)?;
    found.ok_or_else(|| Failure::told("there is no such key; `skoledok key list` shows those there are"))
}

async fn revoke(store: &Store, id: &str) -> Result<(), Failure> {
    let record = find(store, id).await?;
    if !store.revoke_key(id, now()).await.map_err(Failure::caused)? {
        return Err(Failure::told("the key was revoked before"));
    }
    note(store, &record, "revoke key").await
}

async fn rotate(store: &Store, id: &str, overlap: u16, expires: Option<Date>) -> Result<(), Failure> {
    let old = find(store, id).await?;
    let now = now();
    if [old.expires_at, old.revoked_at].into_iter().flatten().any(|end| end <= now) {
        return Err(Failure::told("the key does not work any more; make a new one"));
    }
    let tenant = organisation(&old.tenant).map_err(Failure::told)?;
    let key = ApiKey::generate().map_err(Failure::told)?;
    let expires = expiry(expires)?.or(old.expires_at);
    let record = key.record(&tenant, &old.label, Scopes::parse(&old.scopes, ""), expires);
    // The new one first: nothing that fails between leaves its owner without a key.
    store.add_key(&record).await.map_err(Failure::caused)?;
    note(store, &record, "create key").await?;
    store.revoke_key(id, now + i64::from(overlap) * DAY).await.map_err(Failure::caused)?;
    note(store, &old, "rotate key").await?;
    print_text(&key.reveal())
}

async fn note(store: &Store, key: &KeyRecord, action: &str) -> Result<(), Failure> {
    let entry = Entry {
        at: now(),
        tenant: key.tenant.clone(),
        actor: "command line".to_owned(),
        action: action.to_owned(),
        object: format!("key {}", key.id),
        result: key.scopes.clone(),
        request_id: "-".to_owned(),
    };
    store.append_audit(&[entry]).await.map_err(Failure::caused)
}
