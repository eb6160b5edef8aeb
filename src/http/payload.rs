//! The body of a request: JSON of a kind, read strictly and bounded, checked later all at once.

use std::marker::PhantomData;
use std::sync::Arc;

use bytes::Bytes;
use poem::error::ReadBodyError;
use poem::http::{HeaderValue, header};
use poem::{Request, RequestBody, Result};
use poem_openapi::payload::{ParsePayload, Payload};
use poem_openapi::registry::{MetaMediaType, MetaRequest, MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::{ParseFromJSON, Type};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use tokio::io::AsyncReadExt;
use tokio::time::timeout;

use super::context::Context;
use super::problem::Problem;
use crate::document::{
    AnnualPlan, ConsentForm, CooperationAgreement, HomeSchoolGuide, Kind, MeetingSchedule, ParentLetter,
    SoveiActivityPlan,
};
use crate::validate::{MAX_BODY, read_json};

/// Most bytes of a body that is too large which are read and thrown away, so that a caller who
/// sends before it listens gets the answer rather than a broken connection.
const DRAINED: u64 = 4 * 1024 * 1024;

/// The whole body, or a problem when it is too large. No more than `MAX_BODY` is kept.
async fn read_bounded(body: poem::Body, announced: usize) -> Result<Vec<u8>> {
    let mut reader = body.into_async_read().take(DRAINED);
    // Room to notice the end in, too.
    let mut kept = Vec::with_capacity(announced.min(MAX_BODY) + 32);
    (&mut reader).take(MAX_BODY as u64 + 1).read_to_end(&mut kept).await.map_err(ReadBodyError::Io)?;
    if kept.len() > MAX_BODY {
        tokio::io::copy(&mut reader, &mut tokio::io::sink()).await.map_err(ReadBodyError::Io)?;
        return Err(Problem::too_large().into());
    }
    Ok(kept)
}

/// A type that is the body of a kind.
pub(super) trait OfKind: Send + Sync + 'static {
    /// The kind.
    const KIND: Kind;
}

impl OfKind for CooperationAgreement {
    const KIND: Kind = Kind::CooperationAgreement;
}
impl OfKind for MeetingSchedule {
    const KIND: Kind = Kind::MeetingSchedule;
}
impl OfKind for AnnualPlan {
    const KIND: Kind = Kind::AnnualPlan;
}
impl OfKind for ParentLetter {
    const KIND: Kind = Kind::ParentLetter;
}
impl OfKind for HomeSchoolGuide {
    const KIND: Kind = Kind::HomeSchoolGuide;
}
impl OfKind for ConsentForm {
    const KIND: Kind = Kind::ConsentForm;
}
impl OfKind for SoveiActivityPlan {
    const KIND: Kind = Kind::SoveiActivityPlan;
}

/// A body that claims to be a `T`. The API description shows the schema of `T`; validation in the
/// pipeline tells every fault, which poem-openapi's own parsing, that ends at the first, would not.
pub(super) struct Unchecked<T> {
    /// The body, as it came.
    pub(super) body: Bytes,
    kind: PhantomData<T>,
}

impl<T: OfKind> Payload for Unchecked<T> {
    const CONTENT_TYPE: &'static str = "application/json";

    fn check_content_type(content_type: &str) -> bool {
        is_json(content_type)
    }

    fn schema_ref() -> MetaSchemaRef {
        MetaSchemaRef::Reference(T::KIND.type_name().to_owned())
    }

    /// A place for the schema, which `spec` fills.
    fn register(registry: &mut Registry) {
        registry.schemas.entry(T::KIND.type_name().to_owned()).or_insert_with(|| MetaSchema::new("object"));
    }
}

impl<T: OfKind> ParsePayload for Unchecked<T> {
    const IS_REQUIRED: bool = true;

    async fn from_request(request: &Request, body: &mut RequestBody) -> Result<Self> {
        Ok(Self { body: read_whole(request, body).await?.into(), kind: PhantomData })
    }
}

/// The whole body, in the time that there is for it.
async fn read_whole(request: &Request, body: &mut RequestBody) -> Result<Vec<u8>> {
    let announced = request.headers().get(header::CONTENT_LENGTH);
    let announced = announced.and_then(|length| length.to_str().ok()?.parse::<u64>().ok()).unwrap_or(0);
    if announced > DRAINED {
        return Err(Problem::too_large().into());
    }
    let announced = usize::try_from(announced).unwrap_or(MAX_BODY);
    let reading = read_bounded(body.take()?, announced);
    match request.data::<Arc<Context>>() {
        Some(context) => timeout(context.body_timeout, reading).await.map_err(|_| Problem::too_slow())?,
        None => reading.await,
    }
}

/// Refuses what is not JSON, or is packed.
fn check_type(request: &Request) -> Result<()> {
    if !request.content_type().is_some_and(is_json) {
        return Err(poem_openapi::error::ContentTypeError::ExpectContentType.into());
    }
    Ok(check_coding(request)?)
}

/// Refuses a body that is packed: nothing is unpacked, so nothing can unfold to more than was sent.
pub(super) fn check_coding(request: &Request) -> Result<(), Problem> {
    let coding = request.headers().get(header::CONTENT_ENCODING);
    let is_packed = coding.is_some_and(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"));
    if is_packed { Err(Problem::encoded()) } else { Ok(()) }
}

/// Whether a page of another site sends it. Of our media types it can send a form without asking first (Fetch, «CORS-safelisted
/// request-header»).
pub(super) fn is_of_other_site(request: &Request) -> bool {
    let site = request.headers().get("sec-fetch-site").map(HeaderValue::as_bytes);
    site.is_some_and(|site| site != b"same-origin" && site != b"none")
}

/// Which of some media types a body has.
pub(super) fn position_of_type(request: &Request, types: &[&str]) -> Option<usize> {
    let essence = essence(request.content_type().unwrap_or_default());
    types.iter().position(|known| essence.eq_ignore_ascii_case(known))
}

/// A media type without its parameters.
fn essence(content_type: &str) -> &str {
    content_type.split(';').next().unwrap_or_default().trim()
}

fn is_json(content_type: &str) -> bool {
    essence(content_type).eq_ignore_ascii_case("application/json")
}

impl<'a, T: OfKind> ApiExtractor<'a> for Unchecked<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        <Self as Payload>::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        Some(MetaRequest {
            description: None,
            content: vec![MetaMediaType { content_type: Self::CONTENT_TYPE, schema: Self::schema_ref() }],
            required: true,
        })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _: ExtractParamOptions<Self::ParamType>,
    ) -> Result<Self> {
        check_type(request)?;
        <Self as ParsePayload>::from_request(request, body).await
    }
}

/// A small body that is a `T`, read strictly. What is wrong with it is told without what it holds.
pub(super) struct Small<T>(pub(super) T);

impl<T: Type> Payload for Small<T> {
    const CONTENT_TYPE: &'static str = "application/json";

    fn check_content_type(content_type: &str) -> bool {
        is_json(content_type)
    }

    fn schema_ref() -> MetaSchemaRef {
        T::schema_ref()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<'a, T: ParseFromJSON> ApiExtractor<'a> for Small<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        <Self as Payload>::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        Some(MetaRequest {
            description: None,
            content: vec![MetaMediaType { content_type: Self::CONTENT_TYPE, schema: Self::schema_ref() }],
            required: true,
        })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _: ExtractParamOptions<Self::ParamType>,
    ) -> Result<Self> {
        check_type(request)?;
        let bytes = read_whole(request, body).await?;
        let value = read_json(&bytes).map_err(|error| Problem::unreadable(&error))?;
        Ok(T::parse_from_json(Some(value)).map(Self).map_err(|_| Problem::not_of_form())?)
    }
}
