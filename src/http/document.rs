//! Making and checking documents: one operation per kind, so that the API description names the
//! request type of each.

use poem::http::{HeaderMap, HeaderValue, header};
use poem::{IntoResponse, Response};
use poem_openapi::param::Query;
use poem_openapi::payload::Json;
use poem_openapi::registry::{MetaResponse, MetaResponses, Registry};
use poem_openapi::{ApiResponse, Enum, Object, OpenApi, Tags};

use super::caller::{Caller, ToRender};
use super::failure::{Failure, OfCheck, OfDocument};
use super::negotiate;
use super::payload::{OfKind, Unchecked};
use super::problem::{Fault, Problem};
use super::representation::{self, CacheStatus};
use crate::audit::Audit;
use crate::cache::Source;
use crate::document::{
    AnnualPlan, ConsentForm, CooperationAgreement, HomeSchoolGuide, MeetingSchedule, ParentLetter, PdfStandard,
    SoveiActivityPlan, hex,
};
use crate::pipeline::{Delivered, Freshness, Pipeline, Request};
use crate::render::Options;
use crate::template;
use crate::worker::Priority;

#[derive(Tags)]
enum Tag {
    /// Making documents.
    Render,
    /// Checking documents without making them.
    Validate,
}

/// Standards of the PDF.
#[derive(Debug, Clone, Copy, Enum)]
#[oai(rename = "Standard")]
enum StandardName {
    /// PDF/A-2a and PDF/UA-1 in one file, the default.
    #[oai(rename = "a-2a+ua-1")]
    A2aUa1,
    /// PDF/A-2a.
    #[oai(rename = "a-2a")]
    A2a,
    /// PDF/UA-1.
    #[oai(rename = "ua-1")]
    Ua1,
    /// PDF/A-2b.
    #[oai(rename = "a-2b")]
    A2b,
    /// Tagged PDF 1.7 without a claim.
    #[oai(rename = "plain")]
    Plain,
}

impl From<StandardName> for PdfStandard {
    fn from(name: StandardName) -> Self {
        match name {
            StandardName::A2aUa1 => Self::A2aUa1,
            StandardName::A2a => Self::A2a,
            StandardName::Ua1 => Self::Ua1,
            StandardName::A2b => Self::A2b,
            StandardName::Plain => Self::Plain,
        }
    }
}

/// What a check says.
#[derive(Debug, Object)]
struct Report {
    /// Whether the document would be made.
    valid: bool,
    /// All faults.
    violations: Vec<Fault>,
    /// What is allowed but worth a look.
    warnings: Vec<Fault>,
}

/// A document as a response. `CALENDAR` says whether the kind can be had as `text/calendar`.
struct DocumentResponse<const CALENDAR: bool> {
    delivered: Delivered,
    freshness: Freshness,
    /// Whether the caller wants to be told no more than where the document is.
    minimal: bool,
}

impl<const CALENDAR: bool> IntoResponse for DocumentResponse<CALENDAR> {
    fn into_response(self) -> Response {
        let status = CacheStatus::of(&self.delivered, self.freshness);
        let location = self.delivered.id.map(representation::location);
        let mut response = match (self.minimal, &location) {
            (true, Some(location)) => representation::place_of(&self.delivered, location),
            _ => representation::whole(&self.delivered),
        };
        let headers = response.headers_mut();
        status.tell(headers);
        headers.insert(header::VARY, HeaderValue::from_static("Accept, Prefer"));
        if let Some(location) = location {
            headers.insert(header::CONTENT_LOCATION, location);
        }
        response
    }
}

impl<const CALENDAR: bool> ApiResponse for DocumentResponse<CALENDAR> {
    fn meta() -> MetaResponses {
        let headers = || {
            let mut headers = representation::headers();
            headers.push(representation::header(
                "Content-Location",
                "Where the document can be fetched again, for as long as it is kept. Absent when it is not.",
                false,
            ));
            headers
        };
        let made = MetaResponse {
            description: "The document.",
            status: Some(200),
            status_range: None,
            content: representation::contents(CALENDAR),
            headers: headers(),
        };
        let mut of_place = headers();
        of_place.push(representation::header("Location", "The same as `Content-Location`.", true));
        of_place.push(representation::header("Preference-Applied", "`return=minimal`.", true));
        let told = MetaResponse {
            description: "With `Prefer: return=minimal` (RFC 7240): the document is made, and is at `Content-Location`. One that is not kept comes whole.",
            status: Some(201),
            status_range: None,
            content: Vec::new(),
            headers: of_place,
        };
        MetaResponses { responses: vec![made, told] }
    }

    fn register(_: &mut Registry) {}
}

/// The operations on documents.
pub(super) struct DocumentApi {
    pub(super) pipeline: Pipeline,
    pub(super) audit: Audit,
}

type Rendering<const CALENDAR: bool> = Result<DocumentResponse<CALENDAR>, Failure<OfDocument>>;
type Validation = Result<Json<Report>, Failure<OfCheck>>;

/// The parameters of making a document.
struct Wanted {
    standard: Option<StandardName>,
    page: Option<u16>,
    dpi: Option<u16>,
}

impl DocumentApi {
    async fn make<T: OfKind, const CALENDAR: bool>(
        &self,
        caller: &Caller<ToRender>,
        headers: &HeaderMap,
        body: Unchecked<T>,
        wanted: Wanted,
    ) -> Rendering<CALENDAR> {
        let formats = &template::manifest(T::KIND).formats;
        let format = negotiate::format(headers, formats).ok_or_else(|| {
            let offered: Vec<_> = formats.iter().map(|format| format!("`{}`", format.media_type())).collect();
            Problem::not_acceptable(&offered.join(", "))
        })?;
        let defaults = Options::default();
        let options = Options {
            format,
            standard: wanted.standard.map(PdfStandard::from),
            page: wanted.page.map_or(defaults.page, usize::from),
            dpi: wanted.dpi.unwrap_or(defaults.dpi),
            ..defaults
        };
        let asked = negotiate::locale(headers);
        let freshness = negotiate::freshness(headers);
        let request = Request {
            tenant: caller.principal.tenant.clone(),
            kind: T::KIND,
            body: body.body,
            options,
            freshness,
            priority: Priority::Interactive,
        };
        let line = caller.line(&self.audit)?;
        let delivered = self.pipeline.produce(request).await.map_err(|error| Problem::of_production(&error, asked))?;
        if delivered.source == Source::Made {
            line.write(&format!("render {}", T::KIND.slug()), &hex(&delivered.label.digest), "made");
        }
        Ok(DocumentResponse { delivered, freshness, minimal: negotiate::wants_minimal(headers) })
    }

    async fn check<T: OfKind>(&self, headers: &HeaderMap, body: Unchecked<T>) -> Validation {
        let asked = negotiate::locale(headers);
        let report = self
            .pipeline
            .report(T::KIND, &body.body, Priority::Interactive)
            .await
            .map_err(|error| Problem::of_production(&error, asked))?;
        let locale = asked.unwrap_or(report.locale);
        let tell = |findings: Vec<crate::validate::Finding>| -> Vec<Fault> {
            findings.iter().map(|finding| finding.tell(locale).into()).collect()
        };
        Ok(Json(Report {
            valid: report.violations.is_empty(),
            violations: tell(report.violations),
            warnings: tell(report.warnings),
        }))
    }
}

#[OpenApi(prefix_path = "/v1")]
impl DocumentApi {
    /// Makes a cooperation agreement.
    #[oai(
        path = "/render/cooperation-agreement",
        method = "post",
        tag = "Tag::Render",
        operation_id = "render_cooperation_agreement"
    )]
    async fn render_cooperation_agreement(
        &self,
        caller: Caller<ToRender>,
        headers: &HeaderMap,
        body: Unchecked<CooperationAgreement>,
        /// Standards of the PDF.
        standard: Query<Option<StandardName>>,
        /// Page of PNG and SVG, from 1.
        #[oai(validator(minimum(value = "1"), maximum(value = "1000")))]
        page: Query<Option<u16>>,
        /// Resolution of PNG in dots per inch.
        #[oai(validator(minimum(value = "36"), maximum(value = "300")))]
        dpi: Query<Option<u16>>,
    ) -> Rendering<false> {
        self.make(&caller, headers, body, Wanted { standard: standard.0, page: page.0, dpi: dpi.0 }).await
    }

    /// Makes a meeting schedule.
    #[oai(
        path = "/render/meeting-schedule",
        method = "post",
        tag = "Tag::Render",
        operation_id = "render_meeting_schedule"
    )]
    async fn render_meeting_schedule(
        &self,
        caller: Caller<ToRender>,
        headers: &HeaderMap,
        body: Unchecked<MeetingSchedule>,
        /// Standards of the PDF.
        standard: Query<Option<StandardName>>,
        /// Page of PNG and SVG, from 1.
        #[oai(validator(minimum(value = "1"), maximum(value = "1000")))]
        page: Query<Option<u16>>,
        /// Resolution of PNG in dots per inch.
        #[oai(validator(minimum(value = "36"), maximum(value = "300")))]
        dpi: Query<Option<u16>>,
    ) -> Rendering<true> {
        self.make(&caller, headers, body, Wanted { standard: standard.0, page: page.0, dpi: dpi.0 }).await
    }

    /// Makes an annual plan.
    #[oai(path = "/render/annual-plan", method = "post", tag = "Tag::Render", operation_id = "render_annual_plan")]
    async fn render_annual_plan(
        &self,
        caller: Caller<ToRender>,
        headers: &HeaderMap,
        body: Unchecked<AnnualPlan>,
        /// Standards of the PDF.
        standard: Query<Option<StandardName>>,
        /// Page of PNG and SVG, from 1.
        #[oai(validator(minimum(value = "1"), maximum(value = "1000")))]
        page: Query<Option<u16>>,
        /// Resolution of PNG in dots per inch.
        #[oai(validator(minimum(value = "36"), maximum(value = "300")))]
        dpi: Query<Option<u16>>,
    ) -> Rendering<true> {
        self.make(&caller, headers, body, Wanted { standard: standard.0, page: page.0, dpi: dpi.0 }).await
    }

    /// Makes a letter to parents.
    #[oai(path = "/render/parent-letter", method = "post", tag = "Tag::Render", operation_id = "render_parent_letter")]
    async fn render_parent_letter(
        &self,
        caller: Caller<ToRender>,
        headers: &HeaderMap,
        body: Unchecked<ParentLetter>,
        /// Standards of the PDF.
        standard: Query<Option<StandardName>>,
        /// Page of PNG and SVG, from 1.
        #[oai(validator(minimum(value = "1"), maximum(value = "1000")))]
        page: Query<Option<u16>>,
        /// Resolution of PNG in dots per inch.
        #[oai(validator(minimum(value = "36"), maximum(value = "300")))]
        dpi: Query<Option<u16>>,
    ) -> Rendering<false> {
        self.make(&caller, headers, body, Wanted { standard: standard.0, page: page.0, dpi: dpi.0 }).await
    }

    /// Makes a home-school guide.
    #[oai(
        path = "/render/home-school-guide",
        method = "post",
        tag = "Tag::Render",
        operation_id = "render_home_school_guide"
    )]
    async fn render_home_school_guide(
        &self,
        caller: Caller<ToRender>,
        headers: &HeaderMap,
        body: Unchecked<HomeSchoolGuide>,
        /// Standards of the PDF.
        standard: Query<Option<StandardName>>,
        /// Page of PNG and SVG, from 1.
        #[oai(validator(minimum(value = "1"), maximum(value = "1000")))]
        page: Query<Option<u16>>,
        /// Resolution of PNG in dots per inch.
        #[oai(validator(minimum(value = "36"), maximum(value = "300")))]
        dpi: Query<Option<u16>>,
    ) -> Rendering<false> {
        self.make(&caller, headers, body, Wanted { standard: standard.0, page: page.0, dpi: dpi.0 }).await
    }

    /// Makes a consent form.
    #[oai(path = "/render/consent-form", method = "post", tag = "Tag::Render", operation_id = "render_consent_form")]
    async fn render_consent_form(
        &self,
        caller: Caller<ToRender>,
        headers: &HeaderMap,
        body: Unchecked<ConsentForm>,
        /// Standards of the PDF.
        standard: Query<Option<StandardName>>,
        /// Page of PNG and SVG, from 1.
        #[oai(validator(minimum(value = "1"), maximum(value = "1000")))]
        page: Query<Option<u16>>,
        /// Resolution of PNG in dots per inch.
        #[oai(validator(minimum(value = "36"), maximum(value = "300")))]
        dpi: Query<Option<u16>>,
    ) -> Rendering<false> {
        self.make(&caller, headers, body, Wanted { standard: standard.0, page: page.0, dpi: dpi.0 }).await
    }

    /// Makes a SoVei activity plan.
    #[oai(
        path = "/render/sovei-activity-plan",
        method = "post",
        tag = "Tag::Render",
        operation_id = "render_sovei_activity_plan"
    )]
    async fn render_sovei_activity_plan(
        &self,
        caller: Caller<ToRender>,
        headers: &HeaderMap,
        body: Unchecked<SoveiActivityPlan>,
        /// Standards of the PDF.
        standard: Query<Option<StandardName>>,
        /// Page of PNG and SVG, from 1.
        #[oai(validator(minimum(value = "1"), maximum(value = "1000")))]
        page: Query<Option<u16>>,
        /// Resolution of PNG in dots per inch.
        #[oai(validator(minimum(value = "36"), maximum(value = "300")))]
        dpi: Query<Option<u16>>,
    ) -> Rendering<false> {
        self.make(&caller, headers, body, Wanted { standard: standard.0, page: page.0, dpi: dpi.0 }).await
    }

    /// Checks a cooperation agreement and tells all faults and warnings.
    #[oai(
        path = "/validate/cooperation-agreement",
        method = "post",
        tag = "Tag::Validate",
        operation_id = "validate_cooperation_agreement"
    )]
    async fn validate_cooperation_agreement(
        &self,
        _caller: Caller<ToRender>,
        headers: &HeaderMap,
        body: Unchecked<CooperationAgreement>,
    ) -> Validation {
        self.check(headers, body).await
    }

    /// Checks a meeting schedule and tells all faults and warnings.
    #[oai(
        path = "/validate/meeting-schedule",
        method = "post",
        tag = "Tag::Validate",
        operation_id = "validate_meeting_schedule"
    )]
    async fn validate_meeting_schedule(
        &self,
        _caller: Caller<ToRender>,
        headers: &HeaderMap,
        body: Unchecked<MeetingSchedule>,
    ) -> Validation {
        self.check(headers, body).await
    }

    /// Checks an annual plan and tells all faults and warnings.
    #[oai(
        path = "/validate/annual-plan",
        method = "post",
        tag = "Tag::Validate",
        operation_id = "validate_annual_plan"
    )]
    async fn validate_annual_plan(
        &self,
        _caller: Caller<ToRender>,
        headers: &HeaderMap,
        body: Unchecked<AnnualPlan>,
    ) -> Validation {
        self.check(headers, body).await
    }

    /// Checks a letter to parents and tells all faults and warnings.
    #[oai(
        path = "/validate/parent-letter",
        method = "post",
        tag = "Tag::Validate",
        operation_id = "validate_parent_letter"
    )]
    async fn validate_parent_letter(
        &self,
        _caller: Caller<ToRender>,
        headers: &HeaderMap,
        body: Unchecked<ParentLetter>,
    ) -> Validation {
        self.check(headers, body).await
    }

    /// Checks a home-school guide and tells all faults and warnings.
    #[oai(
        path = "/validate/home-school-guide",
        method = "post",
        tag = "Tag::Validate",
        operation_id = "validate_home_school_guide"
    )]
    async fn validate_home_school_guide(
        &self,
        _caller: Caller<ToRender>,
        headers: &HeaderMap,
        body: Unchecked<HomeSchoolGuide>,
    ) -> Validation {
        self.check(headers, body).await
    }

    /// Checks a consent form and tells all faults and warnings.
    #[oai(
        path = "/validate/consent-form",
        method = "post",
        tag = "Tag::Validate",
        operation_id = "validate_consent_form"
    )]
    async fn validate_consent_form(
        &self,
        _caller: Caller<ToRender>,
        headers: &HeaderMap,
        body: Unchecked<ConsentForm>,
    ) -> Validation {
        self.check(headers, body).await
    }

    /// Checks a SoVei activity plan and tells all faults and warnings.
    #[oai(
        path = "/validate/sovei-activity-plan",
        method = "post",
        tag = "Tag::Validate",
        operation_id = "validate_sovei_activity_plan"
    )]
    async fn validate_sovei_activity_plan(
        &self,
        _caller: Caller<ToRender>,
        headers: &HeaderMap,
        body: Unchecked<SoveiActivityPlan>,
    ) -> Validation {
        self.check(headers, body).await
    }
}
