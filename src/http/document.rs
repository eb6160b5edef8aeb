//! Making and checking documents: one operation per kind, so that the API description names the
//! request type of each.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use poem::http::{HeaderMap, HeaderValue, StatusCode, header};
use poem::{IntoResponse, Response};
use poem_openapi::param::Query;
use poem_openapi::payload::Json;
use poem_openapi::registry::{
    MetaHeader, MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry,
};
use poem_openapi::types::Type;
use poem_openapi::{ApiResponse, Enum, Object, OpenApi, Tags};

use super::negotiate;
use super::payload::{OfKind, Unchecked};
use super::problem::{Failure, Fault, OfCheck, OfDocument, Problem};
use crate::document::{
    AnnualPlan, ConsentForm, CooperationAgreement, HomeSchoolGuide, MeetingSchedule, ParentLetter, PdfStandard,
    SoveiActivityPlan,
};
use crate::pipeline::{Order, Pipeline, Produced};
use crate::render::Options;
use crate::template;

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
struct DocumentResponse<const CALENDAR: bool>(Produced);

impl<const CALENDAR: bool> IntoResponse for DocumentResponse<CALENDAR> {
    fn into_response(self) -> Response {
        let Produced { rendered, warnings, digest, .. } = self.0;
        let name = format!("{}.{}", rendered.cover.file_stem(), rendered.format.extension());
        let mut response = Response::builder()
            .status(StatusCode::OK)
            .content_type(rendered.format.media_type())
            .header(header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\""))
            .header(header::CONTENT_LANGUAGE, rendered.cover.language.tag())
            .header(header::ETAG, format!("\"{}\"", URL_SAFE_NO_PAD.encode(digest)))
            .header("Repr-Digest", format!("sha-256=:{}:", STANDARD.encode(digest)))
            .header("Skoledok-Warnings", warnings.len())
            .header(header::CACHE_CONTROL, "private, no-store")
            .header(header::VARY, "Accept")
            .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
            // A document that is opened in a browser can load and run nothing.
            .header(
                header::CONTENT_SECURITY_POLICY,
                "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox",
            )
            .body(rendered.bytes);
        if let Some(pages) = rendered.pages {
            response.headers_mut().insert("Skoledok-Pages", HeaderValue::from(pages));
        }
        response
    }
}

impl<const CALENDAR: bool> ApiResponse for DocumentResponse<CALENDAR> {
    fn meta() -> MetaResponses {
        let binary = || MetaSchemaRef::Inline(Box::new(MetaSchema::new_with_format("string", "binary")));
        let text = || MetaSchemaRef::Inline(Box::new(MetaSchema::new("string")));
        let mut content = vec![
            MetaMediaType { content_type: "application/pdf", schema: binary() },
            MetaMediaType { content_type: "image/png", schema: binary() },
            MetaMediaType { content_type: "image/svg+xml", schema: text() },
            MetaMediaType { content_type: "text/html; charset=utf-8", schema: text() },
        ];
        if CALENDAR {
            content.push(MetaMediaType { content_type: "text/calendar; charset=utf-8", schema: text() });
        }
        MetaResponses {
            responses: vec![MetaResponse {
                description: "The document.",
                status: Some(200),
                status_range: None,
                content,
                headers: vec![
                    response_header("Content-Disposition", "A file name that holds no name of a person.", true),
                    response_header("Content-Language", "Language of the document.", true),
                    response_header("ETag", "Strong; changes with every byte.", true),
                    response_header("Repr-Digest", "SHA-256 of the document (RFC 9530).", true),
                    response_header("Skoledok-Pages", "Number of pages, of formats that have pages.", false),
                    response_header(
                        "Skoledok-Warnings",
                        "Number of warnings; `/v1/validate` tells them, but for the size of the file, which only rendering shows.",
                        true,
                    ),
                ],
            }],
        }
    }

    fn register(_: &mut Registry) {}
}

fn response_header(name: &str, description: &str, required: bool) -> MetaHeader {
    MetaHeader {
        name: name.to_owned(),
        description: Some(description.to_owned()),
        required,
        deprecated: false,
        schema: String::schema_ref(),
    }
}

/// The operations on documents.
pub(super) struct DocumentApi {
    pub(super) pipeline: Pipeline,
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
        };
        let asked = negotiate::locale(headers);
        let order = Order { kind: T::KIND, body: body.body, options };
        let produced = self.pipeline.produce(order).await.map_err(|error| Problem::of_production(&error, asked))?;
        Ok(DocumentResponse(produced))
    }

    async fn check<T: OfKind>(&self, headers: &HeaderMap, body: Unchecked<T>) -> Validation {
        let asked = negotiate::locale(headers);
        let report =
            self.pipeline.report(T::KIND, body.body).await.map_err(|error| Problem::of_production(&error, asked))?;
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
        self.make(headers, body, Wanted { standard: standard.0, page: page.0, dpi: dpi.0 }).await
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
        self.make(headers, body, Wanted { standard: standard.0, page: page.0, dpi: dpi.0 }).await
    }

    /// Makes an annual plan.
    #[oai(path = "/render/annual-plan", method = "post", tag = "Tag::Render", operation_id = "render_annual_plan")]
    async fn render_annual_plan(
        &self,
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
        self.make(headers, body, Wanted { standard: standard.0, page: page.0, dpi: dpi.0 }).await
    }

    /// Makes a letter to parents.
    #[oai(path = "/render/parent-letter", method = "post", tag = "Tag::Render", operation_id = "render_parent_letter")]
    async fn render_parent_letter(
        &self,
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
        self.make(headers, body, Wanted { standard: standard.0, page: page.0, dpi: dpi.0 }).await
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
        self.make(headers, body, Wanted { standard: standard.0, page: page.0, dpi: dpi.0 }).await
    }

    /// Makes a consent form.
    #[oai(path = "/render/consent-form", method = "post", tag = "Tag::Render", operation_id = "render_consent_form")]
    async fn render_consent_form(
        &self,
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
        self.make(headers, body, Wanted { standard: standard.0, page: page.0, dpi: dpi.0 }).await
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
        self.make(headers, body, Wanted { standard: standard.0, page: page.0, dpi: dpi.0 }).await
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
    async fn validate_meeting_schedule(&self, headers: &HeaderMap, body: Unchecked<MeetingSchedule>) -> Validation {
        self.check(headers, body).await
    }

    /// Checks an annual plan and tells all faults and warnings.
    #[oai(
        path = "/validate/annual-plan",
        method = "post",
        tag = "Tag::Validate",
        operation_id = "validate_annual_plan"
    )]
    async fn validate_annual_plan(&self, headers: &HeaderMap, body: Unchecked<AnnualPlan>) -> Validation {
        self.check(headers, body).await
    }

    /// Checks a letter to parents and tells all faults and warnings.
    #[oai(
        path = "/validate/parent-letter",
        method = "post",
        tag = "Tag::Validate",
        operation_id = "validate_parent_letter"
    )]
    async fn validate_parent_letter(&self, headers: &HeaderMap, body: Unchecked<ParentLetter>) -> Validation {
        self.check(headers, body).await
    }

    /// Checks a home-school guide and tells all faults and warnings.
    #[oai(
        path = "/validate/home-school-guide",
        method = "post",
        tag = "Tag::Validate",
        operation_id = "validate_home_school_guide"
    )]
    async fn validate_home_school_guide(&self, headers: &HeaderMap, body: Unchecked<HomeSchoolGuide>) -> Validation {
        self.check(headers, body).await
    }

    /// Checks a consent form and tells all faults and warnings.
    #[oai(
        path = "/validate/consent-form",
        method = "post",
        tag = "Tag::Validate",
        operation_id = "validate_consent_form"
    )]
    async fn validate_consent_form(&self, headers: &HeaderMap, body: Unchecked<ConsentForm>) -> Validation {
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
        headers: &HeaderMap,
        body: Unchecked<SoveiActivityPlan>,
    ) -> Validation {
        self.check(headers, body).await
    }
}
