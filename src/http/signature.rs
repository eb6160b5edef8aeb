//! Signing plans and agreements: who is to, with keys of the tenant, or by somebody else in two steps. Described and reached twice, as their records are.

use std::collections::HashMap;
use std::marker::PhantomData;

use base64::prelude::{BASE64_STANDARD, Engine};
use poem::endpoint::BoxEndpoint;
use poem::http::{HeaderMap, Method};
use poem_openapi::param::{Header, Path};
use poem_openapi::payload::Json;
use poem_openapi::registry::{MetaApi, Registry};
use poem_openapi::{ApiResponse, Object, OpenApi};

use super::caller::{Caller, ToSign, ToWritePlans};
use super::failure::{Failure, OfSignature};
use super::negotiate;
use super::payload::Small;
use super::problem::Problem;
use super::record::{self, Change, RecordKind, Shown, name_operations, wanted};
use super::record_view::{DeclineBody, SigningBody};
use crate::audit::Audit;
use crate::pki::Certificate;
use crate::record::{Record, Records};
use crate::signing::{Completion, Order, Preparation, Signing, SigningError, Who};

/// What operations are called below, and of plans and of agreements.
const NAMES: [(&str, [&str; 2]); 6] = [
    ("start", ["start_plan_signing", "start_agreement_signing"]),
    ("decline", ["decline_plan", "decline_agreement"]),
    ("withdraw", ["withdraw_plan_signing", "withdraw_agreement_signing"]),
    ("sign", ["sign_plan", "sign_agreement"]),
    ("prepare", ["prepare_plan_signature", "prepare_agreement_signature"]),
    ("complete", ["complete_plan_signature", "complete_agreement_signature"]),
];

/// A signature with a key of the organisation.
#[derive(Object)]
#[oai(rename = "SignOrder")]
struct SignBody {
    /// Name of the key, as the service's settings have it for the organisation.
    #[oai(validator(min_length = 1, max_length = 100))]
    key: String,
    /// Whose signature: the place among the signatories of the document, from 0.
    #[oai(skip_serializing_if_is_none, validator(maximum(value = "49")))]
    signatory: Option<u32>,
    /// Whose signature: the name of the field, `sig-1` for the first signatory.
    #[oai(skip_serializing_if_is_none, validator(min_length = 1, max_length = 64))]
    field: Option<String>,
    /// Why it is signed.
    #[oai(skip_serializing_if_is_none, validator(min_length = 1, max_length = 200))]
    reason: Option<String>,
    /// Where it is signed.
    #[oai(skip_serializing_if_is_none, validator(min_length = 1, max_length = 200))]
    location: Option<String>,
    /// Whether the signature certifies the document, so that from then on only signatures may be added. Only the first can.
    #[oai(default)]
    certify: bool,
}

/// A signature that somebody else makes.
#[derive(Object)]
#[oai(rename = "SignaturePreparation")]
struct PrepareBody {
    /// Whose signature: the place among the signatories of the document, from 0.
    #[oai(skip_serializing_if_is_none, validator(maximum(value = "49")))]
    signatory: Option<u32>,
    /// Whose signature: the name of the field, `sig-1` for the first signatory.
    #[oai(skip_serializing_if_is_none, validator(min_length = 1, max_length = 64))]
    field: Option<String>,
    /// Certificates of the signer as PEM, their own first. With them a raw signature will do; without them only signed data (CMS).
    #[oai(skip_serializing_if_is_none, validator(min_length = 1, max_length = 100000))]
    certificates: Option<String>,
    /// Why it is signed.
    #[oai(skip_serializing_if_is_none, validator(min_length = 1, max_length = 200))]
    reason: Option<String>,
    /// Where it is signed.
    #[oai(skip_serializing_if_is_none, validator(min_length = 1, max_length = 200))]
    location: Option<String>,
    /// Whether the signature certifies the document, so that from then on only signatures may be added. Only the first can.
    #[oai(default)]
    certify: bool,
}

/// What is to be signed.
#[derive(Object)]
#[oai(rename = "PreparedSignature")]
struct PreparedView {
    /// Names it, to complete it.
    id: String,
    /// Name of the field.
    field: String,
    /// Algorithm of the digest.
    hash: String,
    /// The digest of the document, in base64: the message digest of signed data (CMS).
    digest: String,
    /// The signed attributes as DER, in base64: what a raw signature is made over. Only when certificates were told.
    #[oai(skip_serializing_if_is_none)]
    signed_attributes: Option<String>,
    /// Until when it can be completed, in milliseconds since 1970.
    deadline: i64,
}

impl From<Preparation> for PreparedView {
    fn from(prepared: Preparation) -> Self {
        Self {
            id: prepared.id,
            field: prepared.field,
            hash: prepared.hash.to_owned(),
            digest: BASE64_STANDARD.encode(prepared.digest),
            signed_attributes: prepared.attributes.map(|attributes| BASE64_STANDARD.encode(attributes)),
            deadline: prepared.deadline,
        }
    }
}

/// A signature that somebody else has made: either signed data, or a raw signature with certificates.
#[derive(Object)]
#[oai(rename = "SignatureCompletion")]
struct CompleteBody {
    /// Signed data (CMS, detached) as DER, in base64.
    #[oai(skip_serializing_if_is_none, validator(min_length = 1, max_length = 200000))]
    cms: Option<String>,
    /// A raw signature over the signed attributes, in base64: RSA with PKCS#1 v1.5, or ECDSA as DER.
    #[oai(skip_serializing_if_is_none, validator(min_length = 1, max_length = 2000))]
    signature: Option<String>,
    /// Certificates of the signer as PEM, their own first; beside `signature`.
    #[oai(skip_serializing_if_is_none, validator(min_length = 1, max_length = 100000))]
    certificates: Option<String>,
}

impl CompleteBody {
    fn completion(self) -> Result<Completion, SigningError> {
        let decoded = |text: &str| {
            let text: String = text.split_ascii_whitespace().collect();
            BASE64_STANDARD.decode(text).map_err(|_| SigningError::Form("`cms` and `signature` are base64"))
        };
        match (&self.cms, &self.signature, &self.certificates) {
            (Some(cms), None, None) => Ok(Completion::Cms(decoded(cms)?)),
            (None, Some(signature), Some(chain)) => Ok(Completion::Raw(decoded(signature)?, certificates(chain)?)),
            _ => Err(SigningError::Form("give either `cms`, or `signature` and `certificates`")),
        }
    }
}

fn certificates(pem: &str) -> Result<Vec<Certificate>, SigningError> {
    Certificate::list(pem.as_bytes())
        .map_err(|_| SigningError::Form("`certificates` is PEM, one certificate behind the other"))
}

fn who(signatory: Option<u32>, field: Option<String>) -> Who {
    Who { signatory: signatory.and_then(|place| usize::try_from(place).ok()), field }
}

/// The signature is prepared.
#[derive(ApiResponse)]
enum Prepared {
    /// It can be made now, and completed until the deadline.
    #[oai(status = 201)]
    Prepared(Json<PreparedView>),
}

/// Signing records of a kind.
pub(super) struct SignatureApi<T>(Operations<T>);

impl<T: RecordKind> SignatureApi<T> {
    pub(super) fn new(records: Records, signing: Signing, audit: Audit) -> Self {
        Self(Operations { records, signing, audit, kind: PhantomData })
    }
}

impl<T: RecordKind> OpenApi for SignatureApi<T> {
    fn meta() -> Vec<MetaApi> {
        name_operations::<T>(Operations::<T>::meta(), &NAMES)
    }

    fn register(registry: &mut Registry) {
        Operations::<T>::register(registry);
    }

    fn add_routes(self, route_table: &mut HashMap<String, HashMap<Method, BoxEndpoint<'static>>>) {
        self.0.add_routes(route_table);
    }
}

struct Operations<T> {
    records: Records,
    signing: Signing,
    audit: Audit,
    kind: PhantomData<T>,
}

pub(super) type Signed = Result<Shown, Failure<OfSignature>>;

/// Makes a change and notes it. Without room for a line in the audit log nothing is done.
pub(super) async fn note(
    audit: &Audit,
    caller: &Caller<ToSign>,
    headers: &HeaderMap,
    action: &str,
    change: impl Future<Output = Result<Record, SigningError>>,
) -> Signed {
    let line = caller.line(audit)?;
    // Large futures, which are not to make those round them large.
    let record = Box::pin(change).await.map_err(|error| Problem::of_signing(&error, negotiate::locale(headers)))?;
    line.write(action, &format!("record {} version {}", record.id, record.version.number), "done");
    Ok(Shown::of(record))
}

#[OpenApi(prefix_path = T::PATH, tag = "T::TAG")]
impl<T: RecordKind> Operations<T> {
    /// Names those who are to sign the newest version, which is final.
    #[oai(path = "/:id/signing", method = "post", operation_id = "start")]
    async fn start_signing(
        &self,
        caller: Caller<ToWritePlans>,
        headers: &HeaderMap,
        id: Path<String>,
        /// The `ETag` of what the caller has seen; 412 when it was changed since.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        body: Small<SigningBody>,
    ) -> Change {
        let condition = wanted(&if_match);
        let start = body.0.into();
        let change = self.records.start_signing(&caller.principal.tenant, T::KIND, &id, &start, &condition);
        record::note(&self.audit, &caller, headers, "start signing", change).await
    }

    /// Notes that a signer declines. That ends the signing; a new version can be made then.
    #[oai(path = "/:id/signing/decline", method = "post", operation_id = "decline")]
    async fn decline(
        &self,
        caller: Caller<ToWritePlans>,
        headers: &HeaderMap,
        id: Path<String>,
        /// The `ETag` of what the caller has seen; 412 when it was changed since.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        body: Small<DeclineBody>,
    ) -> Change {
        let condition = wanted(&if_match);
        let decline = body.0.into();
        let change = self.records.decline(&caller.principal.tenant, T::KIND, &id, &decline, &condition);
        record::note(&self.audit, &caller, headers, "decline signing", change).await
    }

    /// Calls the signing off, if nobody has signed: back to final.
    #[oai(path = "/:id/signing", method = "delete", operation_id = "withdraw")]
    async fn withdraw(
        &self,
        caller: Caller<ToWritePlans>,
        headers: &HeaderMap,
        id: Path<String>,
        /// The `ETag` of what the caller has seen; 412 when it was changed since.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
    ) -> Change {
        let condition = wanted(&if_match);
        let change = self.records.withdraw(&caller.principal.tenant, T::KIND, &id, &condition);
        record::note(&self.audit, &caller, headers, "withdraw signing", change).await
    }

    /// Signs with a key of the organisation, for a signer who is asked to. The file gets the level that was wished for when signing began; if a server
    /// does not answer it is raised later.
    #[oai(path = "/:id/signatures", method = "post", operation_id = "sign")]
    async fn sign(
        &self,
        caller: Caller<ToSign>,
        headers: &HeaderMap,
        id: Path<String>,
        /// The `ETag` of what the caller has seen; 412 when it was changed since.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        body: Small<SignBody>,
    ) -> Signed {
        let SignBody { key, signatory, field, reason, location, certify } = body.0;
        let order = Order { who: who(signatory, field), reason, location, certify };
        let condition = wanted(&if_match);
        let change = self.signing.sign(&caller.principal.tenant, T::KIND, &id, (&key, order), &condition);
        note(&self.audit, &caller, headers, "sign record", change).await
    }

    /// Prepares a signature that somebody else makes, with a key that never comes here.
    #[oai(path = "/:id/signatures/prepare", method = "post", operation_id = "prepare")]
    async fn prepare(
        &self,
        caller: Caller<ToSign>,
        headers: &HeaderMap,
        id: Path<String>,
        /// The `ETag` of what the caller has seen; 412 when it was changed since.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        body: Small<PrepareBody>,
    ) -> Result<Prepared, Failure<OfSignature>> {
        let line = caller.line(&self.audit)?;
        let PrepareBody { signatory, field, certificates: pem, reason, location, certify } = body.0;
        let asked = negotiate::locale(headers);
        let told = |error: SigningError| Problem::of_signing(&error, asked);
        let chain = pem.as_deref().map_or(Ok(Vec::new()), certificates).map_err(told)?;
        let order = Order { who: who(signatory, field), reason, location, certify };
        let condition = wanted(&if_match);
        let prepared = self.signing.prepare(&caller.principal.tenant, T::KIND, &id, (order, chain), &condition);
        let prepared = Box::pin(prepared).await.map_err(told)?;
        line.write("prepare signature", &format!("record {}", id.as_str()), "done");
        Ok(Prepared::Prepared(Json(prepared.into())))
    }

    /// Completes a signature that was prepared. It is checked in full first: digest, signed attributes, certificate, signature.
    #[oai(path = "/:id/signatures/:prepared/complete", method = "post", operation_id = "complete")]
    async fn complete(
        &self,
        caller: Caller<ToSign>,
        headers: &HeaderMap,
        id: Path<String>,
        /// What was prepared.
        prepared: Path<String>,
        /// The `ETag` of what the caller has seen; 412 when it was changed since.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        body: Small<CompleteBody>,
    ) -> Signed {
        let condition = wanted(&if_match);
        let change = async {
            let completion = body.0.completion()?;
            self.signing.complete(&caller.principal.tenant, T::KIND, &id, (&prepared, completion), &condition).await
        };
        note(&self.audit, &caller, headers, "complete signature", change).await
    }
}
