//! Who calls: the door before every operation that is not for everybody, and what an operation asks of a caller.

use std::marker::PhantomData;
use std::sync::{Arc, OnceLock};

use poem::http::{HeaderMap, HeaderName, HeaderValue, header};
use poem::{Endpoint, IntoResponse, Middleware, Request, RequestBody, Response};
use poem_openapi::registry::{MetaSecurityScheme, Registry};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use super::problem::Problem;
use crate::access::{Access, Limiter, Principal, Refusal, Scope};
use crate::audit::{Audit, Permit};
use crate::telemetry::metrics;

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
/// What credentials are called in the API description.
const SCHEME: &str = "Bearer";

/// Beginnings of paths that are for everybody: probes, and what is in the API description anyway.
const PUBLIC: [&str; 2] = ["/health/", "/v1/kinds"];

/// The id of a request, as in the log.
#[derive(Clone)]
pub(super) struct RequestId(pub(super) String);

/// The middleware that lets callers in.
#[derive(Clone)]
pub(super) struct Door {
    pub(super) access: Arc<Access>,
    pub(super) limiter: Option<Arc<Limiter>>,
}

impl<E: Endpoint> Middleware<E> for Door {
    type Output = Guarded<E>;

    fn transform(&self, inner: E) -> Self::Output {
        Guarded { inner, door: self.clone() }
    }
}

/// An endpoint behind the door.
pub(super) struct Guarded<E> {
    inner: E,
    door: Door,
}

impl<E: Endpoint> Endpoint for Guarded<E> {
    type Output = Response;

    async fn call(&self, mut request: Request) -> poem::Result<Response> {
        let path = request.uri().path();
        if PUBLIC.iter().any(|public| path.starts_with(public)) {
            return self.inner.call(request).await.map(IntoResponse::into_response);
        }
        let credentials = request.headers().get(header::AUTHORIZATION).map(|value| value.to_str().unwrap_or_default());
        let principal = match self.door.access.authenticate(credentials).await {
            Ok(principal) => principal,
            Err(refusal) => {
                metrics::refused(refusal.name());
                return Err(Problem::refused(refusal).into());
            }
        };
        match &self.door.limiter {
            // Nobody is limited who has this machine to himself.
            Some(limiter) if !principal.tenant.is_local() => {
                let limit = limiter.count(&principal.tenant);
                if let Some(told) = request.data::<LimitTold>() {
                    // Each request has its own, so it has not been told before.
                    told.0.set((limiter.policy(), limit.remaining)).ok();
                }
                if let Some(seconds) = limit.retry_after {
                    metrics::limited();
                    return Err(Problem::too_many(seconds).into());
                }
            }
            _ => {}
        }
        request.set_data(principal);
        self.inner.call(request).await.map(IntoResponse::into_response)
    }
}

/// Where the door leaves what is left to a tenant, so that every answer can tell it, refusals among them.
#[derive(Clone, Default)]
pub(super) struct LimitTold(Arc<OnceLock<((u32, u32), u32)>>);

impl LimitTold {
    /// Adds the headers (draft-ietf-httpapi-ratelimit-headers).
    pub(super) fn tell(&self, headers: &mut HeaderMap) {
        let Some(((requests, seconds), remaining)) = self.0.get() else { return };
        for (name, value) in [
            (RATE_LIMIT_POLICY, format!("\"tenant\";q={requests};w={seconds}")),
            (RATE_LIMIT, format!("\"tenant\";r={remaining}")),
        ] {
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.insert(name, value);
            }
        }
    }
}

/// What an operation asks of a caller.
pub(super) trait Needs: Send + Sync + 'static {
    /// The scope.
    const SCOPE: Scope;
}

/// To make, check, fetch and remove documents.
pub(super) struct ToRender;

impl Needs for ToRender {
    const SCOPE: Scope = Scope::Render;
}

/// To look after what is kept of a tenant.
pub(super) struct ToAdminister;

impl Needs for ToAdminister {
    const SCOPE: Scope = Scope::Admin;
}

/// A caller who may do what the operation is for.
pub(super) struct Caller<S> {
    pub(super) principal: Arc<Principal>,
    pub(super) request_id: String,
    scope: PhantomData<S>,
}

/// A line of the audit log that is still to be written.
pub(super) struct Line<'a> {
    permit: Option<Permit<'a>>,
    principal: &'a Principal,
    request_id: &'a str,
}

impl Line<'_> {
    /// Writes what was done.
    pub(super) fn write(self, action: &str, object: &str, result: &str) {
        if let Some(permit) = self.permit {
            permit.note(self.principal, action, object, result, self.request_id);
        }
    }
}

impl<S> Caller<S> {
    /// A line of the audit log for what the caller is about to do: without room for it, nothing is done. Nothing is
    /// noted of a caller who is anybody.
    pub(super) fn line<'a>(&'a self, audit: &'a Audit) -> Result<Line<'a>, Problem> {
        let is_known = !self.principal.tenant.is_local();
        let permit = is_known.then(|| audit.reserve()).transpose().map_err(Problem::not_noted)?;
        Ok(Line { permit, principal: &self.principal, request_id: &self.request_id })
    }
}

impl<'a, S: Needs> ApiExtractor<'a> for Caller<S> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        registry.create_security_scheme(
            SCHEME,
            MetaSecurityScheme {
                ty: "http",
                description: Some(
                    "An API key of this service, or an access token (JWT) of the issuer that it trusts. Each operation names the scope it asks for.",
                ),
                name: None,
                key_in: None,
                scheme: Some("bearer"),
                bearer_format: None,
                flows: None,
                openid_connect_url: None,
            },
        );
    }

    fn security_schemes() -> Vec<&'static str> {
        vec![SCHEME]
    }

    async fn from_request(
        request: &'a Request,
        _: &mut RequestBody,
        _: ExtractParamOptions<Self::ParamType>,
    ) -> poem::Result<Self> {
        // No principal means that the request has not come through the door.
        let principal = request.data::<Arc<Principal>>().ok_or_else(|| Problem::refused(Refusal::Missing))?;
        if !principal.scopes.contains(S::SCOPE) {
            metrics::refused("scope");
            return Err(Problem::not_allowed(S::SCOPE).into());
        }
        let request_id = request.data::<RequestId>().map(|id| id.0.clone()).unwrap_or_default();
        Ok(Self { principal: Arc::clone(principal), request_id, scope: PhantomData })
    }
}
