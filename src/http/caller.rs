//! Who calls: the door before every operation that is not for everybody, and what an operation asks of a caller.

use std::marker::PhantomData;
use std::sync::Arc;

use poem::http::header;
use poem::{Endpoint, IntoResponse, Middleware, Request, RequestBody, Response};
use poem_openapi::registry::{MetaSecurityScheme, Registry};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use super::context::Context;
use super::problem::Problem;
use crate::access::{Access, Limiter, Principal, Refusal, Scope};
use crate::audit::{Audit, Permit};
use crate::telemetry::metrics;

/// What credentials are called in the API description.
const SCHEME: &str = "Bearer";

/// What is for everybody, with all below it: probes, and what is in the API description anyway.
const PUBLIC: [&str; 2] = ["/health", "/v1/kinds"];

fn is_public(path: &str) -> bool {
    PUBLIC.iter().any(|public| path.strip_prefix(public).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
}

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
        if is_public(path) {
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
                let limit = limiter.count(&principal.tenant).await;
                if let Some(context) = request.data::<Arc<Context>>() {
                    context.tell_limit(limiter.policy(), limit.remaining);
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

/// To send many documents at once.
pub(super) struct ToBulk;

impl Needs for ToBulk {
    const SCOPE: Scope = Scope::Bulk;
}

/// To read plans and agreements.
pub(super) struct ToReadPlans;

impl Needs for ToReadPlans {
    const SCOPE: Scope = Scope::PlanRead;
}

/// To write plans and agreements.
pub(super) struct ToWritePlans;

impl Needs for ToWritePlans {
    const SCOPE: Scope = Scope::PlanWrite;
}

/// To sign plans and agreements.
pub(super) struct ToSign;

impl Needs for ToSign {
    const SCOPE: Scope = Scope::Sign;
}

/// To look after what is kept of a tenant.
pub(super) struct ToAdminister;

impl Needs for ToAdminister {
    const SCOPE: Scope = Scope::Admin;
}

/// A caller who may do what the operation is for.
pub(super) struct Caller<S> {
    pub(super) principal: Arc<Principal>,
    context: Arc<Context>,
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
        Ok(Line { permit, principal: &self.principal, request_id: &self.context.request_id })
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
        let found = request.data::<Arc<Principal>>().zip(request.data::<Arc<Context>>());
        let (principal, context) = found.ok_or_else(|| Problem::refused(Refusal::Missing))?;
        if !principal.scopes.contains(S::SCOPE) {
            metrics::refused("scope");
            return Err(Problem::not_allowed(S::SCOPE).into());
        }
        Ok(Self { principal: Arc::clone(principal), context: Arc::clone(context), scope: PhantomData })
    }
}

#[cfg(test)]
mod tests {
    use super::is_public;

    #[test]
    fn only_what_is_listed_and_below_it_is_for_everybody() {
        for path in ["/health/live", "/health/ready", "/v1/kinds", "/v1/kinds/", "/v1/kinds/annual-plan/schema"] {
            assert!(is_public(path), "{path}");
        }
        for path in ["/", "/v1", "/v1/kinds-of-others", "/v1/documents", "/healthy", "/V1/kinds", "//v1/kinds"] {
            assert!(!is_public(path), "{path}");
        }
    }
}
