//! One signature: with a key of the tenant at once, or prepared here and completed by who holds the key.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Signing, SigningError, seconds, size_of};
use crate::access::now;
use crate::document::Kind;
use crate::pki::Certificate;
use crate::record::{Base, Made, Record, Signer as Waited};
use crate::render::Mark;
use crate::sign::key::Signer;
use crate::sign::level::{self, Level, Outcome};
use crate::sign::signature::{self, Completed, Pending, Request, Target};
use crate::store::WAITING;
use crate::tenant::Tenant;

/// Whose signature: by the place among the signatories of the document, from 0, or by the name of the field.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Who {
    /// Place among the signatories.
    pub signatory: Option<usize>,
    /// Name of the field.
    pub field: Option<String>,
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
    ) -> Result<Record, SigningError> {
        let base = self.0.records.base(tenant, kind, id).await?;
        let signer = self.0.settings.keys.get(tenant, key).ok_or(SigningError::NoKey)?;
        let (field, wished) = (waited_for(&base, &order.who)?.row.field.clone(), level_of(&base));
        let completed = self.complete_with_key(&base, &field, &order, signer, wished).await?;
        let certificate = signer.chain().first().ok_or(SigningError::NoKey)?;
        let outcome = level::finish(completed, wished, Some(&self.services(seconds()))).await?;
        self.keep(tenant, kind, base, (field, wished), certificate, outcome, None).await
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
    ) -> Result<Preparation, SigningError> {
        let base = self.0.records.base(tenant, kind, id).await?;
        let signer = waited_for(&base, &order.who)?;
        let (field, wished) = (signer.row.field.clone(), level_of(&base));
        let at = seconds();
        if let Some(own) = chain.first() {
            self.checks(at).check(own, &chain).map_err(crate::sign::SignError::from)?;
        }
        // Whoever signs in the end: in the field it says who was asked to, unless a certificate says more.
        let own = chain.first().map(Certificate::subject);
        let name = own.map_or_else(|| signer.who.name.clone(), crate::pki::name::Name::short);
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
    ) -> Result<Record, SigningError> {
        let kept = self.0.records.prepared(tenant, kind, id, prepared).await?;
        let Kept { pending, level: wished } = postcard::from_bytes(&kept.body)
            .map_err(|_| SigningError::Form("it was prepared by another version of the service; prepare it anew"))?;
        let checks = self.checks(seconds());
        let completed = match &completion {
            Completion::Cms(signed_data) => pending.complete_with_cms(signed_data, &checks)?,
            Completion::Raw(signature, chain) => pending.complete_with(signature, chain, &checks)?,
        };
        let certificate = completed.certificate().clone();
        let outcome = level::finish(completed, wished, Some(&self.services(seconds()))).await?;
        let base = self.0.records.base(tenant, kind, id).await?;
        self.keep(tenant, kind, base, (kept.field, wished), &certificate, outcome, Some(prepared)).await
    }

    #[expect(clippy::too_many_arguments, reason = "all of it is kept together")]
    async fn keep(
        &self,
        tenant: &Tenant,
        kind: Kind,
        base: Base,
        (field, wished): (String, Level),
        certificate: &Certificate,
        outcome: Outcome,
        prepared: Option<&str>,
    ) -> Result<Record, SigningError> {
        let evidence = self.evidence(certificate, &outcome);
        let raise_after = self.raise_after(&outcome, wished, now());
        let made = Made {
            bytes: outcome.document.into(),
            field,
            level: outcome.level,
            raise_after,
            signed_at: now(),
            evidence,
        };
        let (id, revision) = (base.record.id, base.record.revision);
        Ok(self.0.records.keep_signature(tenant, kind, &id, revision, made, prepared).await?)
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

/// The signer who is meant, who has not signed yet.
fn waited_for<'a>(base: &'a Base, who: &Who) -> Result<&'a Waited, SigningError> {
    let field = match (who.signatory, &who.field) {
        (Some(place), None) => crate::record::field_of(place),
        (None, Some(field)) => field.clone(),
        _ => return Err(SigningError::Who),
    };
    let signers = base.record.version.signing.as_ref().map(|signing| signing.signers.as_slice()).unwrap_or_default();
    let waited = signers.iter().find(|signer| signer.row.field == field && signer.row.state == WAITING);
    waited.ok_or_else(|| {
        let state = base.record.version.state;
        crate::record::RecordError::NotNow { state, why: "this signature is not waited for" }.into()
    })
}

/// The level that was wished for when signing began.
fn level_of(base: &Base) -> Level {
    let wished = base.record.version.signing.as_ref().and_then(|signing| Level::parse(signing.level.as_deref()?));
    wished.unwrap_or_default()
}
