//! Jobs: mailings that are made in the background.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use poem::http::{HeaderMap, HeaderValue, header};
use poem::web::sse::Event;
use poem::{Body, IntoResponse, Response};
use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::{EventStream, Json};
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::ToJSON;
use poem_openapi::{ApiResponse, OpenApi, Tags};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

use super::caller::{Caller, ToBulk};
use super::failure::{Failure, OfJob, OfNewJob};
use super::job_body::{MailingBody, Stopped};
use super::job_view::{Deliveries, ItemPage, JobPage, JobView, OnInvalidName, StatusName};
use super::negotiate;
use super::phase::Phase;
use super::problem::Problem;
use super::representation;
use crate::audit::Audit;
use crate::bulk::job::{Job, JobError, Jobs, ManifestForm, PrintFileStream, PrintWish, Stream, Wish, print_name};
use crate::document::hex;
use crate::tenant::Tenant;

#[derive(Tags)]
enum Tag {
    /// Mailings: a letter to every home of a list.
    Jobs,
}

/// Jobs and items in a page, without a wish.
const PAGE: u16 = 100;
/// Pages of a print file, without a wish.
const PRINT_PAGES: u32 = 5000;
/// How often a job is looked at for those who follow it.
const LOOK: Duration = Duration::from_millis(400);
/// How often they hear something when nothing happens.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// The operations on jobs.
pub(super) struct JobApi {
    pub(super) jobs: Jobs,
    pub(super) audit: Audit,
    pub(super) phase: Phase,
}

/// The job is taken.
#[derive(ApiResponse)]
enum Taken {
    /// The job is there, or was there already under the same `Idempotency-Key`.
    #[oai(status = 202)]
    Taken(
        Json<JobView>,
        /// Where the job is.
        #[oai(header = "Location")]
        String,
    ),
}

/// Nothing is left.
#[derive(ApiResponse)]
enum Erased {
    /// Erased for good.
    #[oai(status = 204)]
    Erased,
}

/// What there is to hear of a job.
#[derive(ApiResponse)]
enum Followed {
    /// Events as they come.
    #[oai(status = 200)]
    Events(EventStream<BoxStream<'static, JobView>>),
    /// The job has ended, and that was heard.
    #[oai(status = 204)]
    Over,
}

/// What a file is.
trait Media: Send + Sync + 'static {
    const TYPE: &'static str;
    const DESCRIPTION: &'static str;
}

struct Zip;
struct Pdf;
struct ManifestJson;
struct ManifestCsv;

impl Media for Zip {
    const TYPE: &'static str = "application/zip";
    const DESCRIPTION: &'static str = "All letters, `manifest.json` and `manifest.csv`.";
}
impl Media for Pdf {
    const TYPE: &'static str = "application/pdf";
    const DESCRIPTION: &'static str = "PDF/A-2a and PDF/UA-1.";
}
impl Media for ManifestJson {
    const TYPE: &'static str = "application/json";
    const DESCRIPTION: &'static str = "The manifest.";
}
impl Media for ManifestCsv {
    const TYPE: &'static str = "text/csv";
    const DESCRIPTION: &'static str = "The manifest as Excel in Norway reads it: UTF-8 with its mark, semicolons.";
}

/// A file as a response.
struct FileOf<M> {
    response: Response,
    media: std::marker::PhantomData<M>,
}

impl<M: Media> FileOf<M> {
    fn new(body: Body, name: &str) -> Self {
        let response = Response::builder()
            .header(header::CONTENT_TYPE, M::TYPE)
            .header(header::CACHE_CONTROL, "private, no-store")
            .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
            .header(header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\""))
            .body(body);
        Self { response, media: std::marker::PhantomData }
    }

    fn of(stream: Stream, name: &str) -> Self {
        Self::new(Body::from_bytes_stream(stream), name)
    }

    fn with(mut self, name: header::HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.response.headers_mut().insert(name, value);
        }
        self
    }
}

impl<M: Media> IntoResponse for FileOf<M> {
    fn into_response(self) -> Response {
        self.response
    }
}

impl<M: Media> ApiResponse for FileOf<M> {
    fn meta() -> MetaResponses {
        let schema = MetaSchemaRef::Inline(Box::new(MetaSchema::new_with_format("string", "binary")));
        let response = MetaResponse {
            description: M::DESCRIPTION,
            status: Some(200),
            status_range: None,
            content: vec![MetaMediaType { content_type: M::TYPE, schema }],
            headers: vec![representation::header("Content-Disposition", "`attachment`, with a file name.", true)],
        };
        MetaResponses { responses: vec![response] }
    }

    fn register(_: &mut Registry) {}
}

fn failure<S: super::failure::Statuses>(error: &JobError) -> Failure<S> {
    Problem::of_job(error, None).into()
}

fn wish(two_sided: Option<bool>, pages_per_file: Option<u32>, version: Option<i64>) -> PrintWish {
    let pages = pages_per_file.unwrap_or(PRINT_PAGES) as usize;
    PrintWish { two_sided: two_sided.unwrap_or(false), pages, version }
}

impl JobApi {
    fn note(&self, caller: &Caller<ToBulk>, action: &str, id: &str) -> Result<(), Problem> {
        caller.line(&self.audit)?.write(action, &format!("job {id}"), "done");
        Ok(())
    }

    /// Notes that letters are fetched, before they are.
    fn note_fetching(&self, caller: &Caller<ToBulk>, what: &str, id: &str) -> Result<(), Problem> {
        self.note(caller, &format!("fetch {what}"), id)
    }
}

#[OpenApi(prefix_path = "/v1/jobs", tag = "Tag::Jobs")]
impl JobApi {
    /// Sends a mailing: one letter, and the homes that may get it. It is made in the background. Letter and list are looked at before the answer;
    /// who gets a letter, and what is wrong with recipients, tells the job.
    ///
    /// As JSON, a mailing with `list`. As lines (NDJSON), the mailing in the first line and a pupil or recipient in each other one; a list of any length
    /// comes so. As a form, the parts `letter` (JSON) and `list` (CSV, XLSX, NDJSON or a JSON array).
    #[oai(path = "/", method = "post", operation_id = "create_job")]
    async fn create(
        &self,
        caller: Caller<ToBulk>,
        headers: &HeaderMap,
        /// `true`: everything is checked and pages are counted, but no letter is made.
        dry_run: Query<Option<bool>>,
        /// What happens when some recipients have faults; goes before what the mailing says.
        on_invalid: Query<Option<OnInvalidName>>,
        /// The same key with the same mailing gives the same job. A text of the caller's own, such as a UUID.
        #[oai(name = "Idempotency-Key", validator(min_length = 1, max_length = 255))]
        idempotency_key: Header<Option<String>>,
        mailing: MailingBody,
    ) -> Result<Taken, Failure<OfNewJob>> {
        let wish = Wish {
            dry_run: dry_run.0.unwrap_or(false),
            on_invalid: on_invalid.0.map(Into::into),
            // A text of structured fields stands in quotation marks (RFC 9651, 3.3.3).
            idempotency_key: idempotency_key.0.map(|key| key.trim_matches('"').to_owned()),
        };
        let line = caller.line(&self.audit)?;
        let new =
            mailing.receive(&self.jobs, &caller.principal.tenant, wish).await.map_err(|stopped| match stopped {
                Stopped::Job(error) => Problem::of_job(&error, negotiate::locale(headers)),
                Stopped::Request(problem) => problem,
            })?;
        line.write("create job", &format!("job {}", new.job.id), if new.was_there { "was there" } else { "done" });
        let location = format!("/v1/jobs/{}", new.job.id);
        Ok(Taken::Taken(Json(new.job.into()), location))
    }

    /// The caller's jobs, the newest first.
    #[oai(path = "/", method = "get", operation_id = "list_jobs")]
    async fn list(
        &self,
        caller: Caller<ToBulk>,
        /// The job after which to begin.
        #[oai(validator(max_length = 64))]
        after: Query<Option<String>>,
        /// Most jobs; 100 if not given.
        #[oai(validator(minimum(value = "1"), maximum(value = "1000")))]
        limit: Query<Option<u16>>,
    ) -> Result<Json<JobPage>, Failure<OfJob>> {
        let limit = limit.0.unwrap_or(PAGE);
        let jobs = self.jobs.list(&caller.principal.tenant, after.0.as_deref(), limit.into()).await;
        let jobs: Vec<JobView> = jobs.map_err(|error| failure(&error))?.into_iter().map(Into::into).collect();
        let next = jobs.last().filter(|_| jobs.len() == usize::from(limit)).map(|job| job.id.clone());
        Ok(Json(JobPage { jobs, next }))
    }

    /// A job: where it is, how many of each, how fast it goes.
    #[oai(path = "/:id", method = "get", operation_id = "get_job")]
    async fn get(&self, caller: Caller<ToBulk>, id: Path<String>) -> Result<Json<JobView>, Failure<OfJob>> {
        let job = self.jobs.find(&caller.principal.tenant, &id).await.map_err(|error| failure(&error))?;
        Ok(Json(job.into()))
    }

    /// Follows a job: an event `job` whenever something has changed, with the job as it is then, until it has ended. The id of an event grows; who comes
    /// back with the last one hears what has changed since, or 204 when there is nothing more to hear.
    #[oai(path = "/:id/events", method = "get", operation_id = "follow_job")]
    async fn events(
        &self,
        caller: Caller<ToBulk>,
        id: Path<String>,
        /// The id of the last event that was heard.
        #[oai(name = "Last-Event-ID")]
        last: Header<Option<String>>,
    ) -> Result<Followed, Failure<OfJob>> {
        let tenant = caller.principal.tenant.clone();
        let job = self.jobs.find(&tenant, &id).await.map_err(|error| failure(&error))?;
        // What is no id of ours is as good as none; a fault would end an `EventSource` for good. Of one that is yet to come
        // nothing would be heard at all.
        let heard = last.0.and_then(|id| id.parse().ok()).filter(|&heard| heard <= job.version);
        if job.state.is_end() && heard == Some(job.version) {
            return Ok(Followed::Over);
        }
        let place = self.jobs.follow().map_err(|error| failure(&error))?;
        let follower = Follower {
            jobs: self.jobs.clone(),
            phase: self.phase.clone(),
            tenant,
            id: id.0,
            heard,
            _place: place,
            is_over: false,
        };
        let views = stream::unfold(follower, Follower::next).boxed();
        let stream = EventStream::new(views).keep_alive(KEEP_ALIVE);
        Ok(Followed::Events(
            stream
                .to_event(|view| Event::message(view.to_json_string()).event_type("job").id(view.version.to_string())),
        ))
    }

    /// Items of a job, in the order of the list: homes and recipients that something was decided for, as far as they have been looked at.
    #[oai(path = "/:id/items", method = "get", operation_id = "list_items")]
    async fn items(
        &self,
        caller: Caller<ToBulk>,
        headers: &HeaderMap,
        id: Path<String>,
        /// Only items of this status.
        status: Query<Option<StatusName>>,
        /// The item after which to begin.
        after: Query<Option<u64>>,
        /// Most items; 100 if not given.
        #[oai(validator(minimum(value = "1"), maximum(value = "1000")))]
        limit: Query<Option<u16>>,
    ) -> Result<Json<ItemPage>, Failure<OfJob>> {
        let status = status.0.map(StatusName::name);
        let limit = usize::from(limit.0.unwrap_or(PAGE));
        let page = self.jobs.items(&caller.principal.tenant, &id, status, after.0.unwrap_or(0), limit).await;
        let page = page.map_err(|error| failure(&error))?;
        Ok(Json(ItemPage::new(&page, negotiate::locale(headers).unwrap_or(page.locale))))
    }

    /// The letter of an item.
    #[oai(path = "/:id/items/:number/document", method = "get", operation_id = "get_item_document")]
    async fn document(
        &self,
        caller: Caller<ToBulk>,
        id: Path<String>,
        /// Number of the item, from 1.
        number: Path<u64>,
    ) -> Result<FileOf<Pdf>, Failure<OfJob>> {
        let found = self.jobs.document(&caller.principal.tenant, &id, number.0).await;
        let (outcome, bytes) = found.map_err(|error| failure(&error))?;
        self.note_fetching(&caller, "letter", &format!("{} item {}", *id, *number))?;
        let digest = outcome.letter().map(|letter| hex(&letter.digest)).unwrap_or_default();
        let length = bytes.len().to_string();
        let file = FileOf::new(Body::from(bytes), &outcome.file_name());
        Ok(file.with(header::ETAG, &format!("\"{digest}\"")).with(header::CONTENT_LENGTH, &length))
    }

    /// All letters, named by number and key, and the manifest, in a ZIP archive that is sent as it is written.
    #[oai(path = "/:id/archive.zip", method = "get", operation_id = "get_archive")]
    async fn archive(&self, caller: Caller<ToBulk>, id: Path<String>) -> Result<FileOf<Zip>, Failure<OfJob>> {
        let stream = self.jobs.archive(&caller.principal.tenant, &id).await.map_err(|error| failure(&error))?;
        self.note_fetching(&caller, "archive", &id)?;
        Ok(FileOf::of(stream, "letters.zip"))
    }

    /// The letters one behind the other, to be printed: in the order of the list, with bookmarks, each numbered from its first page. Letters with a
    /// protected address are not among them.
    #[oai(path = "/:id/merged.pdf", method = "get", operation_id = "get_print_file")]
    async fn merged(
        &self,
        caller: Caller<ToBulk>,
        id: Path<String>,
        /// Which file, from 1, when there are several; a `Link` names the next one.
        #[oai(validator(minimum(value = "1")))]
        part: Query<Option<u32>>,
        /// `true`: each letter begins on a sheet of its own.
        two_sided: Query<Option<bool>>,
        /// Most pages of a file; 5000 if not given. A letter is never divided. Letters of more than 640 MiB never share a file.
        #[oai(validator(minimum(value = "1")))]
        pages_per_file: Query<Option<u32>>,
        /// The version of the job that the other files are of: 409 if letters were made again since.
        version: Query<Option<i64>>,
    ) -> Result<FileOf<Pdf>, Failure<OfJob>> {
        let (wish, part) = (wish(two_sided.0, pages_per_file.0, version.0), part.0.unwrap_or(1) as usize);
        let made = self.jobs.print_file(&caller.principal.tenant, &id, wish, part).await;
        let PrintFileStream { stream, is_last, version } = made.map_err(|error| failure(&error))?;
        self.note_fetching(&caller, "print file", &id)?;
        let file = FileOf::of(stream, &print_name(part));
        if is_last {
            return Ok(file);
        }
        let PrintWish { two_sided, pages, .. } = wish;
        let query = format!("part={}&two_sided={two_sided}&pages_per_file={pages}&version={version}", part + 1);
        Ok(file.with(header::LINK, &format!("</v1/jobs/{}/merged.pdf?{query}>; rel=\"next\"", *id)))
    }

    /// What was decided and made for each recipient, and in which print file a letter stands on which page.
    #[oai(path = "/:id/manifest.json", method = "get", operation_id = "get_manifest")]
    async fn manifest(
        &self,
        caller: Caller<ToBulk>,
        id: Path<String>,
        /// As for the print files.
        two_sided: Query<Option<bool>>,
        /// As for the print files.
        #[oai(validator(minimum(value = "1")))]
        pages_per_file: Query<Option<u32>>,
        /// As for the print files.
        version: Query<Option<i64>>,
    ) -> Result<FileOf<ManifestJson>, Failure<OfJob>> {
        let wish = wish(two_sided.0, pages_per_file.0, version.0);
        let stream = self.jobs.manifest(&caller.principal.tenant, &id, ManifestForm::Json, wish).await;
        Ok(FileOf::of(stream.map_err(|error| failure(&error))?, "manifest.json"))
    }

    /// The same as a table.
    #[oai(path = "/:id/manifest.csv", method = "get", operation_id = "get_manifest_table")]
    async fn manifest_table(
        &self,
        caller: Caller<ToBulk>,
        id: Path<String>,
        /// As for the print files.
        two_sided: Query<Option<bool>>,
        /// As for the print files.
        #[oai(validator(minimum(value = "1")))]
        pages_per_file: Query<Option<u32>>,
        /// As for the print files.
        version: Query<Option<i64>>,
    ) -> Result<FileOf<ManifestCsv>, Failure<OfJob>> {
        let wish = wish(two_sided.0, pages_per_file.0, version.0);
        let stream = self.jobs.manifest(&caller.principal.tenant, &id, ManifestForm::Csv, wish).await;
        Ok(FileOf::of(stream.map_err(|error| failure(&error))?, "manifest.csv"))
    }

    /// Stops a job. What is made stays until the job is erased.
    #[oai(path = "/:id/cancel", method = "post", operation_id = "cancel_job")]
    async fn cancel(&self, caller: Caller<ToBulk>, id: Path<String>) -> Result<Json<JobView>, Failure<OfJob>> {
        let line = caller.line(&self.audit)?;
        let job = self.jobs.cancel(&caller.principal.tenant, &id).await.map_err(|error| failure(&error))?;
        line.write("cancel job", &format!("job {}", *id), "done");
        Ok(Json(job.into()))
    }

    /// Has those letters made again that could not be made, though nothing is wrong with them; a job that was stopped goes on.
    #[oai(path = "/:id/retry", method = "post", operation_id = "retry_job")]
    async fn retry(&self, caller: Caller<ToBulk>, id: Path<String>) -> Result<Json<JobView>, Failure<OfJob>> {
        let line = caller.line(&self.audit)?;
        let job = self.jobs.retry(&caller.principal.tenant, &id).await.map_err(|error| failure(&error))?;
        line.write("retry job", &format!("job {}", *id), "done");
        Ok(Json(job.into()))
    }

    /// What was told of the end of a job by its webhook, and how each attempt went.
    #[oai(path = "/:id/deliveries", method = "get", operation_id = "list_deliveries")]
    async fn deliveries(&self, caller: Caller<ToBulk>, id: Path<String>) -> Result<Json<Deliveries>, Failure<OfJob>> {
        let found = self.jobs.deliveries(&caller.principal.tenant, &id).await.map_err(|error| failure(&error))?;
        Ok(Json(found.into()))
    }

    /// Has a message sent again that was taken, or that nobody took.
    #[oai(path = "/:id/deliveries/:message/retry", method = "post", operation_id = "retry_delivery")]
    async fn deliver_again(
        &self,
        caller: Caller<ToBulk>,
        id: Path<String>,
        /// Id of the message.
        message: Path<String>,
    ) -> Result<Json<Deliveries>, Failure<OfJob>> {
        let line = caller.line(&self.audit)?;
        let sent = self.jobs.deliver_again(&caller.principal.tenant, &id, &message).await;
        let sent = sent.map_err(|error| failure(&error))?;
        line.write("retry delivery", &format!("job {}", *id), "done");
        Ok(Json(sent.into()))
    }

    /// Erases a job with all that it holds, whatever state it is in.
    #[oai(path = "/:id", method = "delete", operation_id = "delete_job")]
    async fn delete(&self, caller: Caller<ToBulk>, id: Path<String>) -> Result<Erased, Failure<OfJob>> {
        let line = caller.line(&self.audit)?;
        self.jobs.erase(&caller.principal.tenant, &id).await.map_err(|error| failure(&error))?;
        line.write("erase job", &format!("job {}", *id), "done");
        Ok(Erased::Erased)
    }
}

/// Somebody who follows a job.
struct Follower {
    jobs: Jobs,
    phase: Phase,
    tenant: Tenant,
    id: String,
    /// The version that was heard of last.
    heard: Option<i64>,
    is_over: bool,
    _place: OwnedSemaphorePermit,
}

impl Follower {
    /// Waits until something has changed. Nothing comes after the end of the job, nor when it is erased or the service stops; then who follows comes
    /// back, perhaps to another service.
    async fn next(mut self) -> Option<(JobView, Self)> {
        let jobs = self.jobs.clone();
        loop {
            if self.is_over || self.phase.is_leaving() {
                return None;
            }
            // Asked for before it is looked, so that no end is missed between.
            let end = jobs.next_end();
            match self.look().await {
                Ok(Some(job)) => {
                    self.is_over = job.state.is_end();
                    self.heard = Some(job.version);
                    return Some((job.into(), self));
                }
                Err(JobError::Unknown) => return None,
                // Nothing has happened, or the store may be back when it is asked next.
                Ok(None) | Err(_) => {}
            }
            // What ends in this process is told at once. Whichever comes first, the job is looked at.
            drop(timeout(LOOK, end).await);
        }
    }

    /// The job, if something has happened since it was heard of.
    async fn look(&self) -> Result<Option<Job>, JobError> {
        let version = self.jobs.version(&self.id).await?.ok_or(JobError::Unknown)?;
        if self.heard == Some(version) {
            return Ok(None);
        }
        let job = self.jobs.find(&self.tenant, &self.id).await?;
        Ok(Some(job).filter(|job| self.heard.is_none_or(|heard| heard < job.version)))
    }
}
