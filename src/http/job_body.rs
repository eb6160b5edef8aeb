//! The body of a mailing: JSON, lines of JSON, or a form with letter and list. The list goes to the store as it comes.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use poem::web::{Field, Multipart};
use poem::{FromRequest, Request, RequestBody, Result};
use poem_openapi::registry::{MetaMediaType, MetaRequest, MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use tokio::io::AsyncReadExt;
use tokio::time::timeout;

use super::context::Context;
use super::payload::{check_coding, is_of_other_site, position_of_type};
use super::problem::Problem;
use crate::bulk::job::{Came, Envelope, JobError, Jobs, MAX_JSON, NewJob, Receiving, Wish, first_byte};
use crate::bulk::list::MAX_BYTES;
use crate::tenant::Tenant;
use crate::validate::MAX_BODY;

/// Media types of a mailing, and the names of their schemas.
const TYPES: [(&str, &str); 3] = [
    ("application/json", "MailingJob"),
    ("application/x-ndjson", "MailingLines"),
    ("multipart/form-data", "MailingForm"),
];

/// Most bytes of a body that is not taken which are read and thrown away.
const DRAINED: usize = 4 << 20;
/// Bytes that are read at a time.
const PIECE: usize = 64 * 1024;

/// A mailing on its way in.
pub(super) struct MailingBody {
    source: Source,
    /// Longest that a caller may send nothing.
    patience: Duration,
}

enum Source {
    Json(poem::Body),
    Lines(poem::Body),
    Form(Box<Multipart>),
}

/// What stops a mailing on its way in.
pub(super) enum Stopped {
    Job(JobError),
    Request(Problem),
}

impl From<JobError> for Stopped {
    fn from(error: JobError) -> Self {
        Self::Job(error)
    }
}

fn broken() -> Stopped {
    Stopped::Job(JobError::Form("the body breaks off, or is not of the form that its media type has"))
}

impl MailingBody {
    /// Takes the mailing in.
    pub(super) async fn receive(self, jobs: &Jobs, tenant: &Tenant, wish: Wish) -> Result<NewJob, Stopped> {
        let patience = self.patience;
        let receiving = jobs.receive(tenant, wish).await;
        match self.source {
            Source::Json(body) => {
                let mut pieces: Pieces = Box::pin(body.into_bytes_stream());
                let taken = async { json(&mut pieces, patience, jobs, receiving?).await }.await;
                drained(taken, pieces, patience).await
            }
            Source::Lines(body) => {
                let mut pieces: Pieces = Box::pin(body.into_bytes_stream());
                let taken = async { lines(&mut pieces, patience, receiving?).await }.await;
                drained(taken, pieces, patience).await
            }
            Source::Form(form) => self::form(*form, patience, receiving?).await,
        }
    }
}

/// A body as it comes.
type Pieces = BoxStream<'static, std::io::Result<Bytes>>;

/// Reads what is left of a body that is not taken, so that a caller who sends before it listens gets the answer rather than a broken connection.
async fn drained(taken: Result<NewJob, Stopped>, mut pieces: Pieces, patience: Duration) -> Result<NewJob, Stopped> {
    let mut left = DRAINED;
    while taken.is_err() && left > 0 {
        match in_time(patience, pieces.next()).await {
            Ok(Some(Ok(piece))) => left = left.saturating_sub(piece.len()),
            _ => break,
        }
    }
    taken
}

/// The next piece of a body, within the time that a caller may send nothing.
async fn in_time<T>(patience: Duration, next: impl Future<Output = T>) -> Result<T, Stopped> {
    timeout(patience, next).await.map_err(|_| Stopped::Request(Problem::too_slow()))
}

async fn json(
    pieces: &mut Pieces,
    patience: Duration,
    jobs: &Jobs,
    mut receiving: Receiving,
) -> Result<NewJob, Stopped> {
    let mut bytes = Vec::new();
    while let Some(piece) = in_time(patience, pieces.next()).await? {
        bytes.extend_from_slice(&piece.map_err(|_| broken())?);
        if bytes.len() > MAX_JSON {
            return Err(JobError::TooLarge(MAX_JSON).into());
        }
    }
    let place = jobs.parser().await?;
    let mut envelope = Envelope::read(&bytes)?;
    drop(bytes);
    let list = envelope.take_list().ok_or(JobError::Form("`list` is missing: an array of pupils or recipients"))?;
    let came = receiving.values(list).await?;
    drop(place);
    Ok(receiving.finish(envelope, came).await?)
}

async fn lines(pieces: &mut Pieces, patience: Duration, mut receiving: Receiving) -> Result<NewJob, Stopped> {
    let (mut first, mut envelope) = (Vec::new(), None);
    while let Some(piece) = in_time(patience, pieces.next()).await? {
        let piece = piece.map_err(|_| broken())?;
        if envelope.is_some() {
            receiving.write(&piece).await?;
            continue;
        }
        let (head, rest) = match piece.iter().position(|&byte| byte == b'\n') {
            Some(end) => (&piece[..end], Some(&piece[end + 1..])),
            None => (&piece[..], None),
        };
        first.extend_from_slice(head);
        if first.len() > MAX_BODY {
            return Err(JobError::Form("the first line, which is the mailing, has more than 262144 bytes").into());
        }
        if let Some(rest) = rest {
            envelope = Some(without_list(first.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&first))?);
            receiving.write(rest).await?;
        }
    }
    let envelope =
        envelope.ok_or(JobError::Form("the first line is the mailing, and each line after it a recipient"))?;
    Ok(receiving.finish(envelope, Came::Lines(2)).await?)
}

async fn form(mut form: Multipart, patience: Duration, mut receiving: Receiving) -> Result<NewJob, Stopped> {
    let (mut envelope, mut came) = (None, None);
    while let Some(field) = in_time(patience, form.next_field()).await?.map_err(|_| broken())? {
        match field.name() {
            Some("letter") if envelope.is_none() => {
                let reader = Box::pin(field.into_async_read());
                envelope = Some(without_list(&read_whole(reader, patience, Vec::new(), MAX_BODY).await?)?);
            }
            Some("list") if came.is_none() => came = Some(list(field, patience, &mut receiving).await?),
            _ => return Err(JobError::Form("the parts of the form are `letter` and `list`, each once").into()),
        }
    }
    let envelope = envelope.ok_or(JobError::Form("the part `letter` is missing"))?;
    let came = came.ok_or(JobError::Form("the part `list` is missing"))?;
    Ok(receiving.finish(envelope, came).await?)
}

/// The mailing alone, where the list comes beside it.
fn without_list(bytes: &[u8]) -> Result<Envelope, JobError> {
    let mut envelope = Envelope::read(bytes)?;
    match envelope.take_list() {
        None => Ok(envelope),
        Some(_) => Err(JobError::Form("the list comes beside the mailing here, not in it")),
    }
}

/// Takes the list of a form: lines as they come, anything else as a whole.
async fn list(field: Field, patience: Duration, receiving: &mut Receiving) -> Result<Came, Stopped> {
    let mut reader = Box::pin(field.into_async_read());
    let mut first = Vec::new();
    loop {
        let read = in_time(patience, reader.read_buf(&mut first)).await?.map_err(|_| broken())?;
        if read == 0 || first_byte(&first).is_some() || first.len() > PIECE {
            break;
        }
    }
    if first_byte(&first) != Some(b'{') {
        let bytes = read_whole(reader, patience, first, MAX_BYTES).await?;
        return Ok(receiving.whole(bytes).await?);
    }
    let mut piece = first;
    while !piece.is_empty() {
        receiving.write(&piece).await?;
        piece.clear();
        piece.reserve(PIECE);
        in_time(patience, reader.read_buf(&mut piece)).await?.map_err(|_| broken())?;
    }
    Ok(Came::Lines(1))
}

async fn read_whole(
    mut reader: impl tokio::io::AsyncRead + Unpin,
    patience: Duration,
    mut bytes: Vec<u8>,
    most: usize,
) -> Result<Vec<u8>, Stopped> {
    loop {
        bytes.reserve(PIECE);
        if in_time(patience, reader.read_buf(&mut bytes)).await?.map_err(|_| broken())? == 0 {
            return Ok(bytes);
        }
        if bytes.len() > most {
            return Err(JobError::TooLarge(most).into());
        }
    }
}

impl<'a> ApiExtractor<'a> for MailingBody {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    /// Places for the schemas, which `spec` fills.
    fn register(registry: &mut Registry) {
        for (_, schema) in TYPES {
            registry.schemas.entry(schema.to_owned()).or_insert_with(|| MetaSchema::new("object"));
        }
    }

    fn request_meta() -> Option<MetaRequest> {
        let content = TYPES.map(|(content_type, schema)| MetaMediaType {
            content_type,
            schema: MetaSchemaRef::Reference(schema.to_owned()),
        });
        Some(MetaRequest { description: None, content: content.into(), required: true })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _: ExtractParamOptions<Self::ParamType>,
    ) -> Result<Self> {
        check_coding(request)?;
        if is_of_other_site(request) {
            return Err(Problem::of_job(&JobError::Form("web pages of other sites can not send mailings"), None).into());
        }
        let source = match position_of_type(request, &TYPES.map(|(known, _)| known)) {
            Some(0) => Source::Json(body.take()?),
            Some(1) => Source::Lines(body.take()?),
            Some(_) => {
                Source::Form(Box::new(<Multipart as FromRequest>::from_request(request, body).await.map_err(|_| {
                    Problem::of_job(&JobError::Form("`Content-Type` names no boundary of the parts"), None)
                })?))
            }
            None => return Err(Problem::not_of_types(&TYPES.map(|(known, _)| known)).into()),
        };
        let patience = request.data::<Arc<Context>>().map_or(Duration::from_secs(30), |context| context.body_timeout);
        Ok(Self { source, patience })
    }
}
