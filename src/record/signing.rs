//! Who is to sign a version, in which order and until when; declining, withdrawing, and what happens when the time is over. Makes no signatures.

use std::collections::HashSet;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use super::facts::{Facts, SignatoryFacts};
use super::state::{State, Step};
use super::{Condition, Opened, Record, RecordError, Records, Signer};
use crate::access::now;
use crate::document::Kind;
use crate::seal::Vault;
use crate::sign::level::Level;
use crate::store::{Entry, NewSigning, SignatureRow, SigningEnd, WAITING};
use crate::telemetry::with_causes;
use crate::tenant::Tenant;

/// Days to sign in, without a wish.
pub const DEFAULT_DAYS: u16 = 30;
/// How often it is looked for versions whose time to be signed is over.
const LOOK: Duration = Duration::from_secs(5);
const DAY: i64 = 24 * 60 * 60 * 1000;

/// Why somebody does not sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Does not agree with what it says.
    Disagrees,
    /// Something in it is wrong.
    Faulty,
    /// Is not the one to sign it.
    NotEntitled,
    /// Something else.
    Other,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Disagrees, Self::Faulty, Self::NotEntitled, Self::Other];

    /// The name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Disagrees => "disagrees",
            Self::Faulty => "faulty",
            Self::NotEntitled => "not_entitled",
            Self::Other => "other",
        }
    }

    /// The reason of a name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.name() == name)
    }
}

/// Somebody who signs: by the place among the signatories of the document, from 0, or by the name of the field.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewSigner {
    /// Place among the signatories.
    pub signatory: Option<usize>,
    /// Name of the field, `sig-1` for the first signatory.
    pub field: Option<String>,
}

/// How a version is to be signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    /// Who signs, in order.
    pub signers: Vec<NewSigner>,
    /// Days to sign in.
    pub days: u16,
    /// Whether one after the other.
    pub in_order: bool,
    /// The level that is wished for.
    pub level: Level,
}

/// Somebody declines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decline {
    /// Who.
    pub signer: NewSigner,
    /// Why.
    pub reason: Reason,
}

/// The name of the signature field of a signatory.
#[must_use]
pub fn field_of(signatory: usize) -> String {
    format!("sig-{}", signatory + 1)
}

/// The place of a signer among the signatories. `pointer` is where the signer stands in what was sent.
fn place(signer: &NewSigner, signatories: &[SignatoryFacts], pointer: &str) -> Result<usize, RecordError> {
    let fault = |reason| RecordError::Form { pointer: pointer.to_owned(), reason };
    let of_field = |field: &String| (0..signatories.len()).find(|place| field_of(*place) == *field);
    let place = match (signer.signatory, &signer.field) {
        (Some(place), None) => Some(place),
        (None, Some(field)) => of_field(field),
        _ => {
            return Err(fault(
                "give either `signatory`, the place among the signatories from 0, or `field`, such as `sig-1`",
            ));
        }
    };
    place.filter(|place| *place < signatories.len()).ok_or_else(|| fault("the document has no such signatory"))
}

/// What the signer of a signature is sealed as: each opens only in its own place.
fn part(position: i64) -> String {
    format!("signer {position}")
}

pub(super) fn seal_signer(
    vault: &Vault,
    version: i64,
    position: i64,
    who: &SignatoryFacts,
) -> Result<Vec<u8>, RecordError> {
    let bytes = serde_json::to_vec(who).map_err(|_| RecordError::Sealed)?;
    vault.seal(&part(position), version, &bytes).ok_or(RecordError::Sealed)
}

pub(super) fn open_signer(vault: &Vault, version: i64, row: SignatureRow) -> Result<Signer, RecordError> {
    let bytes = vault.unseal(&part(row.position), version, row.signer.clone()).ok_or(RecordError::Sealed)?;
    let who = serde_json::from_slice(&bytes).map_err(|_| RecordError::Sealed)?;
    Ok(Signer { row, who })
}

impl Records {
    /// Names the signers of the newest version, which is final.
    ///
    /// # Errors
    /// [`RecordError::Form`] if a signer is not among the signatories of the document, or is named twice.
    pub async fn start_signing(
        &self,
        tenant: &Tenant,
        kind: Kind,
        id: &str,
        start: &Start,
        condition: &Condition,
    ) -> Result<Record, RecordError> {
        let opened = self.open_as_seen(tenant, kind, id, condition).await?;
        let to = opened
            .after(Step::StartSigning, "only a version that is final, and not being signed yet, can be signed")?;
        let number = opened.version.number;
        let facts = Facts::open(&opened.vault, number, opened.version.facts.clone())?;
        let fault = |pointer: String, reason| Err(RecordError::Form { pointer, reason });
        if start.signers.is_empty() {
            return fault("/signers".to_owned(), "name at least one");
        }
        let (mut named, mut signers) = (HashSet::new(), Vec::new());
        for (index, signer) in start.signers.iter().enumerate() {
            let pointer = format!("/signers/{index}");
            let place = place(signer, &facts.signatories, &pointer)?;
            if !named.insert(place) {
                return fault(pointer, "the same signatory is named before");
            }
            let Some(who) = facts.signatories.get(place) else { continue };
            let position = i64::try_from(index + 1).unwrap_or(i64::MAX);
            let sealed = seal_signer(&opened.vault, number, position, who)?;
            signers.push((field_of(place), sealed));
        }
        let step = opened.step_to(to, &[]);
        let deadline = step.at + i64::from(start.days) * DAY;
        let signing = NewSigning { deadline, in_order: start.in_order, level: start.level.name(), signers };
        let is_made = self.store().begin_signing(id, opened.record.revision, step, signing).await?;
        self.changed(tenant, kind, id, condition, is_made).await
    }

    /// Notes that a signer declines, which ends the signing.
    ///
    /// # Errors
    /// [`RecordError::NotNow`] if nothing is being signed, or this signer has signed.
    pub async fn decline(
        &self,
        tenant: &Tenant,
        kind: Kind,
        id: &str,
        decline: &Decline,
        condition: &Condition,
    ) -> Result<Record, RecordError> {
        let opened = self.open_as_seen(tenant, kind, id, condition).await?;
        let to = opened.after(Step::Decline, "nobody is asked to sign it")?;
        let number = opened.version.number;
        let facts = Facts::open(&opened.vault, number, opened.version.facts.clone())?;
        let field = field_of(place(&decline.signer, &facts.signatories, "/signer")?);
        let signatures = self.store().signatures(id, number).await?;
        let Some(signature) = signatures.iter().find(|signature| signature.field == field) else {
            return Err(RecordError::Form {
                pointer: "/signer".to_owned(),
                reason: "this signatory is not asked to sign",
            });
        };
        if signature.state != WAITING {
            return Err(RecordError::NotNow { state: opened.state, why: "this signer has signed" });
        }
        let end = SigningEnd::Declined { field: &field, reason: decline.reason.name() };
        let step = opened.step_to(to, &[]);
        let is_made = self.store().end_signing(id, opened.record.revision, step, end).await?;
        self.changed(tenant, kind, id, condition, is_made).await
    }

    /// Calls the signing off: back to final, if nobody has signed.
    ///
    /// # Errors
    /// [`RecordError::NotNow`] if somebody has, or nothing is being signed.
    pub async fn withdraw(
        &self,
        tenant: &Tenant,
        kind: Kind,
        id: &str,
        condition: &Condition,
    ) -> Result<Record, RecordError> {
        let opened = self.open_as_seen(tenant, kind, id, condition).await?;
        let to = opened.after(Step::Withdraw, "nobody is asked to sign it")?;
        if opened.version.revisions > 0 {
            return Err(RecordError::NotNow { state: opened.state, why: "somebody has signed already" });
        }
        let step = opened.step_to(to, &[]);
        let is_made = self.store().end_signing(id, opened.record.revision, step, SigningEnd::Withdrawn).await?;
        self.changed(tenant, kind, id, condition, is_made).await
    }

    /// Ends the signing of a version whose time is over, and notes it, whoever has found out. That another has been quicker is as good.
    pub(super) async fn expire(&self, opened: &Opened) -> Result<(), RecordError> {
        let Some(to) = opened.state.after(Step::Expire) else { return Ok(()) };
        let step = opened.step_to(to, &[]);
        let (id, number) = (&opened.record.id, opened.version.number);
        let entry = entry_of_service(&opened.record.tenant, "expire signing", id, number);
        self.store().end_signing(id, opened.record.revision, step, SigningEnd::Expired(&entry)).await?;
        Ok(())
    }

    /// Looks every few seconds for versions whose time to be signed is over, until it is told to stop.
    pub async fn look_after(self, mut stopped: watch::Receiver<bool>) {
        let mut ticks = interval(LOOK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                _ = stopped.wait_for(|stop| *stop) => return,
            }
            if let Err(error) = self.expire_all().await {
                tracing::warn!(error = with_causes(&error), "records can not be looked after");
            }
        }
    }

    async fn expire_all(&self) -> Result<(), RecordError> {
        self.store().drop_late_pending(now()).await?;
        for id in self.store().signings_due(State::Signing.name(), now()).await? {
            let Some(found) = self.store().record_with(&id, None).await? else { continue };
            let opened = self.opened(found)?;
            self.expire(&opened).await?;
        }
        Ok(())
    }
}

/// What is noted of what nobody asked for.
pub(crate) fn entry_of_service(tenant: &str, action: &str, id: &str, number: i64) -> Entry {
    Entry {
        at: now(),
        tenant: tenant.to_owned(),
        actor: "service".to_owned(),
        action: action.to_owned(),
        object: format!("record {id} version {number}"),
        result: "done".to_owned(),
        request_id: "-".to_owned(),
    }
}
