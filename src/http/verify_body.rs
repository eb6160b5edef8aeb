//! The body of a verification: a PDF, or a form with a PDF and the document that it may have been made of.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use poem::web::Multipart;
use poem::{FromRequest, Request, RequestBody, Result};
use poem_openapi::registry::{MetaMediaType, MetaRequest, MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::timeout;

use super::context::Context;
use super::payload::{check_coding, is_of_other_site, position_of_type};
use super::problem::Problem;
use crate::document::Kind;
use crate::validate::MAX_BODY;

/// Most bytes of a file that is sent to be verified.
pub(super) const LARGEST: usize = 16 << 20;
/// The form, in the API description.
pub(super) const FORM: &str = "VerificationForm";

/// Media types of a verification.
const TYPES: [&str; 2] = ["application/pdf", "multipart/form-data"];
/// Most bytes of a body that is not taken which are read and thrown away, so that a caller who sends before it listens gets the answer.
const DRAINED: u64 = 4 << 20;
/// Most bytes of the name of a kind.
const LONGEST_KIND: usize = 64;

/// A file on its way in.
pub(super) struct VerifyBody {
    source: Source,
    /// Longest that the whole may take.
    patience: Duration,
}

enum Source {
    File(poem::Body),
    Form(Box<Multipart>),
}

/// What was sent.
pub(super) struct Sent {
    /// The PDF.
    pub(super) file: Bytes,
    /// What it may have been made of.
    pub(super) document: Option<(Kind, Bytes)>,
}

impl VerifyBody {
    /// Takes all of it in.
    pub(super) async fn receive(self) -> Result<Sent, Problem> {
        let receiving = async {
            match self.source {
                Source::File(body) => {
                    let mut reader = body.into_async_read();
                    match read(&mut reader, LARGEST).await {
                        Ok(file) => Ok(Sent { file, document: None }),
                        Err(problem) => {
                            // It is too large, or broken anyway.
                            tokio::io::copy(&mut reader.take(DRAINED), &mut tokio::io::sink()).await.ok();
                            Err(problem)
                        }
                    }
                }
                Source::Form(form) => self::form(*form).await,
            }
        };
        timeout(self.patience, receiving).await.map_err(|_| Problem::too_slow())?
    }
}

async fn form(mut form: Multipart) -> Result<Sent, Problem> {
    let (mut file, mut document, mut kind) = (None, None, None);
    while let Some(field) = form.next_field().await.map_err(|_| broken())? {
        let (place, most) = match field.name() {
            Some("file") if file.is_none() => (&mut file, LARGEST),
            Some("document") if document.is_none() => (&mut document, MAX_BODY),
            Some("kind") if kind.is_none() => (&mut kind, LONGEST_KIND),
            _ => return Err(Problem::bad_form("the parts of the form are `file`, `document` and `kind`, each once")),
        };
        *place = Some(read(&mut Box::pin(field.into_async_read()), most).await?);
    }
    let file = file.ok_or_else(|| Problem::bad_form("the part `file` is missing"))?;
    let document = match (kind, document) {
        (Some(kind), Some(document)) => {
            let kind = std::str::from_utf8(&kind).ok().and_then(|kind| Kind::from_slug(kind.trim()));
            Some((kind.ok_or_else(|| Problem::bad_form("`kind` is none that `/v1/kinds` lists"))?, document))
        }
        (None, None) => None,
        _ => return Err(Problem::bad_form("`document` and `kind` go together")),
    };
    Ok(Sent { file, document })
}

async fn read(reader: &mut (impl AsyncRead + Unpin), most: usize) -> Result<Bytes, Problem> {
    let mut bytes = Vec::new();
    reader.take(most as u64 + 1).read_to_end(&mut bytes).await.map_err(|_| broken())?;
    if bytes.len() > most {
        return Err(Problem::larger_than(most));
    }
    Ok(bytes.into())
}

fn broken() -> Problem {
    Problem::bad_form("the body breaks off, or is not of the form that its media type has")
}

impl<'a> ApiExtractor<'a> for VerifyBody {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    /// A place for the schema, which `spec` fills.
    fn register(registry: &mut Registry) {
        registry.schemas.entry(FORM.to_owned()).or_insert_with(|| MetaSchema::new("object"));
    }

    fn request_meta() -> Option<MetaRequest> {
        let [pdf, form] = TYPES;
        let binary = MetaSchemaRef::Inline(Box::new(MetaSchema::new_with_format("string", "binary")));
        let content = vec![
            MetaMediaType { content_type: pdf, schema: binary },
            MetaMediaType { content_type: form, schema: MetaSchemaRef::Reference(FORM.to_owned()) },
        ];
        Some(MetaRequest { description: None, content, required: true })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _: ExtractParamOptions<Self::ParamType>,
    ) -> Result<Self> {
        check_coding(request)?;
        if is_of_other_site(request) {
            return Err(Problem::bad_form("web pages of other sites can not have files verified").into());
        }
        let source = match position_of_type(request, &TYPES) {
            Some(0) => Source::File(body.take()?),
            Some(_) => Source::Form(Box::new(
                <Multipart as FromRequest>::from_request(request, body)
                    .await
                    .map_err(|_| Problem::bad_form("`Content-Type` names no boundary of the parts"))?,
            )),
            None => return Err(Problem::not_of_types(&TYPES).into()),
        };
        let patience = request.data::<Arc<Context>>().map_or(Duration::from_secs(30), |context| context.body_timeout);
        Ok(Self { source, patience })
    }
}
