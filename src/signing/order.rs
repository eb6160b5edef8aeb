//! One signature: with a key of the tenant at once, or prepared here and completed by who holds the key.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Signing, SigningError, seconds, size_of};
use crate::access::now;
use crate::document::Kind;
use crate::pki::Certificate;
use crate::pki::name::Name;
use crate::record::{Base, Condition, Made, Record, field_of};
use crate::render::Mark;
use crate::sign::key::Signer;
use crate::sign::level::{self, Level, Outcome, Services};
use crate::sign::signature::{self, Completed, Pending, Request, Target};
use crate::tenant::Tenant;

/// Whose signature: by the place among the signatories of the document, from 0, or by the name of the field.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Who {
    /// Place among the signatories.
    pub signatory: Option<usize>,
    /// Name of the field.
    pub field: Option<String>,
}

impl Who {
    /// The name of the field.
    fn field(&self) -> Result<String, SigningError> {
        match (self.signatory, &self.field) {
            (Some(place), None) => Ok(field_of(place)),
            (None, Some(field)) => Ok(field.clone()),
            _ => Err(SigningError::Who),
        }
    }
}

/// A signature that is wanted.
#[derive(Debug, Clone, Default)]
pub struct Order {
    /// Whose.
    pub who: Who,
    /// Why (`/Reason`).
    pub reason: Option<String>,
    /// Where (`/Location`).
    pub location: Option<String>,
    /// Whether it certifies the document, which only the first can.
    pub certify: bool,
}

/// What is signed elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preparation {
    /// Names it.
    pub id: String,
    /// Name of the field.
    pub field: String,
    /// The digest of the document.
    pub digest: Vec<u8>,
    /// The name of its algorithm.
    pub hash: &'static str,
    /// What a raw signature is made over: the signed attributes as DER, if the certificate was told.
    pub attributes: Option<Vec<u8>>,
    /// Until when it can be completed, in milliseconds since 1970.
    pub deadline: i64,
}

/// What comes back.
#[derive(Debug, Clone)]
pub enum Completion {
    /// Signed data (CMS), detached.
    Cms(Vec<u8>),
    /// A raw signature over the signed attributes, and the certificates, that of the signer first.
    Raw(Vec<u8>, Vec<Certificate>),
}

/// What is needed to complete a signature.
#[derive(Serialize, Deserialize)]
struct Kept {
    pending: Pending,
    level: Level,
}

impl Signing {
    /// Signs with a key of the tenant.
    ///
    /// # Errors
    /// See [`SigningError`]; then nothing was changed.
    pub async fn sign(
        &self,
        tenant: &Tenant,
        kind: Kind,
        id: &str,
        (key, order): (&str, Order),
        condition: &Condition,
    ) -> Result<Record, SigningError> {
        // Whether it can be kept is known before anybody is asked, and looked at again when it is kept.
        let field = order.who.field()?;
        let base = self.0.records.base(tenant, kind, id, &field, condition).await?;
        let signer = self.0.keys.get(tenant, key).ok_or(SigningError::NoKey)?;
        let wished = level_of(&base);
        let (own, others) = signer.chain().split_first().ok_or(SigningError::NoKey)?;
        let known = self.asked_for(own, others, (wished, seconds())).await?;
        let completed = self.complete_with_key(&base, &field, &order, &signer, wished).await?;
        let services = Services { known: Some(&known), ..self.services(seconds()) };
        let outcome = level::finish(completed, wished, Some(&services)).await?;
        let made = self.made(field, wished, own, outcome);
        let seen = (base.record.revision, condition);
        Ok(self.0.records.keep_signature(tenant, kind, id, seen, made, None).await?)
    }

    async fn complete_with_key(
        &self,
        base: &Base,
        field: &str,
        order: &Order,
        signer: &Signer,
        wished: Level,
    ) -> Result<Completed, SigningError> {
        let own = signer.chain().first().ok_or(SigningError::NoKey)?;
        let name = own.subject().short();
        let at = seconds();
        let mark = self.mark(base, field, (&name, own.subject().organisation()), at).await?;
        let request = request(order, (field, &name), (at, mark.as_deref()), wished, signer.chain());
        Ok(signature::begin(&base.bytes, &request)?.sign(signer, &self.checks(at))?)
    }

    /// Prepares a signature that somebody else makes. With their certificates a raw signature will do to complete it, without only signed data.
    ///
    /// # Errors
    /// See [`SigningError`].
    pub async fn prepare(
        &self,
        tenant: &Tenant,
        kind: Kind,
        id: &str,
        (order, chain): (Order, Vec<Certificate>),
        condition: &Condition,
    ) -> Result<Preparation, SigningError> {
        let field = order.who.field()?;
        let base = self.0.records.base(tenant, kind, id, &field, condition).await?;
        let wished = level_of(&base);
        let at = seconds();
        if let Some(own) = chain.first() {
            self.asked_for(own, &chain, (wished, at)).await?;
        }
        // Whoever signs in the end: in the field it says who was asked to, unless a certificate says more.
        let own = chain.first().map(Certificate::subject);
        let name = own.map_or_else(|| name_of(&base, &field), Name::short);
        let mark = self.mark(&base, &field, (&name, own.and_then(|own| own.organisation())), at).await?;
        let pending =
            signature::begin(&base.bytes, &request(&order, (&field, &name), (at, mark.as_deref()), wished, &chain))?;
        let deadline = now() + i64::try_from(self.0.settings.prepared.as_millis()).unwrap_or(i64::MAX);
        let (digest, hash) = (pending.digest().to_vec(), pending.hash().name());
        let attributes = pending.attributes().map(<[u8]>::to_vec);
        let body = postcard::to_stdvec(&Kept { pending, level: wished })
            .map_err(|_| SigningError::Form("the signature can not be prepared"))?;
        let kept = self.0.records.prepare(tenant, kind, id, (&field, base.revisions), &body, deadline).await?;
        Ok(Preparation { id: kept.id, field, digest, hash, attributes, deadline })
    }

    /// Completes a signature that was prepared. Only one that holds in every respect is kept; otherwise what was prepared can still be completed.
    ///
    /// # Errors
    /// See [`SigningError`].
    pub async fn complete(
        &self,
        tenant: &Tenant,
        kind: Kind,
        id: &str,
        (prepared, completion): (&str, Completion),
        condition: &Condition,
    ) -> Result<Record, SigningError> {
        let kept = self.0.records.prepared(tenant, kind, id, prepared, condition).await?;
        let Kept { pending, level: wished } = postcard::from_bytes(&kept.body)
            .map_err(|_| SigningError::Form("it was prepared by another version of the service; prepare it anew"))?;
        let checks = self.checks(seconds());
        let completed = match &completion {
            Completion::Cms(signed_data) => pending.complete_with_cms(signed_data, &checks)?,
            Completion::Raw(signature, chain) => pending.complete_with(signature, chain, &checks)?,
        };
        let certificate = completed.certificate().clone();
        let known = self.asked_for(&certificate, &completed.certificates()?, (wished, seconds())).await?;
        let services = Services { known: Some(&known), ..self.services(seconds()) };
        let outcome = level::finish(completed, wished, Some(&services)).await?;
        let made = self.made(kept.field, wished, &certificate, outcome);
        let seen = (kept.revision, condition);
        Ok(self.0.records.keep_signature(tenant, kind, id, seen, made, Some(prepared)).await?)
    }

    fn made(&self, field: String, wished: Level, certificate: &Certificate, outcome: Outcome) -> Made {
        let evidence = self.evidence(certificate, &outcome);
        let raise_after = self.raise_after(&outcome, wished, now());
        let (bytes, level) = (outcome.document.into(), outcome.level);
        Made { bytes, field, level, raise_after, signed_at: now(), evidence }
    }

    /// What stands in a field that is signed; nothing if it is not to be seen.
    async fn mark(
        &self,
        base: &Base,
        field: &str,
        (name, organisation): (&str, Option<&str>),
        at: i64,
    ) -> Result<Option<Bytes>, SigningError> {
        let Some((width, height)) = size_of(&base.bytes, field)? else { return Ok(None) };
        let locale = base.record.version.facts.locale;
        let role = organisation.filter(|organisation| *organisation != name).map(str::to_owned);
        let mark = Mark { locale, name: name.to_owned(), role, at, width, height };
        Ok(Some(self.0.pipeline.mark(&mark).await?))
    }
}

fn request<'a>(
    order: &'a Order,
    (field, signer): (&str, &'a str),
    (time, appearance): (i64, Option<&'a [u8]>),
    wished: Level,
    chain: &'a [Certificate],
) -> Request<'a> {
    Request {
        field: Target::Field(field.to_owned()),
        signer,
        reason: order.reason.as_deref(),
        location: order.location.as_deref(),
        time,
        appearance,
        certify: order.certify,
        time_stamp: wished > Level::BB,
        chain,
    }
}

/// The name of the signer who is asked to sign a field, as the document has it.
fn name_of(base: &Base, field: &str) -> String {
    let mut signers = base.record.version.signing.iter().flat_map(|signing| &signing.signers);
    signers.find(|signer| signer.row.field == field).map(|signer| signer.who.name.clone()).unwrap_or_default()
}

/// The level that was wished for when signing began.
fn level_of(base: &Base) -> Level {
    let wished = base.record.version.signing.as_ref().and_then(|signing| Level::parse(signing.level.as_deref()?));
    wished.unwrap_or_default()
}
