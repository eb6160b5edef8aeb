//! OAuth2 access tokens: JWTs (RFC 7519, RFC 9068) that an issuer signed, with its keys from a JWKS (RFC 7517).
//!
//! Maskinporten says whose the request is in `consumer`, and who makes it in their place in `supplier`
//! (<https://docs.digdir.no/docs/Maskinporten/maskinporten_protocol_token>).

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jsonwebtoken::jwk::{Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation, decode, decode_header};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, timeout};

use super::{Principal, Refusal, Scopes};
use crate::document::OrgNumber;
use crate::outgoing::http_client;
use crate::tenant::Tenant;

/// Longest answer of a JWKS, in bytes.
const LONGEST: usize = 256 * 1024;
/// Longest wait for a JWKS.
const PATIENCE: Duration = Duration::from_secs(5);
/// Longest that a request with a key that is not known waits for the JWKS to be asked again.
const WAIT: Duration = Duration::from_millis(1500);
/// Least time between two questions to a JWKS, whatever callers send.
const PAUSE: Duration = Duration::from_secs(5);
/// After which time the JWKS is asked again, and after which when it did not answer.
const AGAIN: Duration = Duration::from_mins(10);
const RETRY: Duration = Duration::from_secs(15);
/// Longest token.
const LONGEST_TOKEN: usize = 8 * 1024;
/// Seconds by which clocks may differ.
const LEEWAY: u64 = 30;

/// Whose tokens are good.
#[derive(Debug, Clone)]
pub struct TokenSettings {
    /// `iss` of a token, to the letter.
    pub issuer: String,
    /// Where the issuer's keys are; `https`, or `http` on this machine.
    pub jwks_url: String,
    /// What `aud` must hold.
    pub audience: String,
    /// What a token may be signed with. Never `HS…`.
    pub algorithms: Vec<Algorithm>,
    /// What our scopes begin with in `scope`.
    pub scope_prefix: String,
}

/// The settings do not make a client.
#[derive(Debug, thiserror::Error)]
#[error("no HTTP client for the JWKS")]
pub struct ClientError(#[from] reqwest::Error);

/// Reads the names of algorithms, with spaces between; the first that is not good is the error.
///
/// # Errors
/// The name.
pub fn algorithms(text: &str) -> Result<Vec<Algorithm>, String> {
    text.split_ascii_whitespace()
        .map(|name| match name.parse() {
            // With a shared secret whoever checks tokens could make them.
            Ok(Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512) | Err(_) => Err(name.to_owned()),
            Ok(algorithm) => Ok(algorithm),
        })
        .collect()
}

struct Key {
    id: Option<String>,
    algorithm: Option<Algorithm>,
    public: DecodingKey,
}

/// Checks tokens.
pub(super) struct Tokens {
    settings: TokenSettings,
    keys: RwLock<Arc<Vec<Key>>>,
    /// Asks for the JWKS to be read again.
    ask: Notify,
    /// Counts how often it was asked, well or not.
    asked: watch::Sender<u64>,
}

#[derive(Deserialize)]
struct Claims {
    #[serde(default)]
    exp: f64,
    #[serde(default)]
    scope: Value,
    consumer: Option<Value>,
    supplier: Option<Value>,
    client_id: Option<String>,
    sub: Option<String>,
}

impl Tokens {
    /// Starts to read the JWKS, in the background.
    pub(super) fn start(settings: TokenSettings) -> Result<Arc<Self>, ClientError> {
        let client = http_client().timeout(PATIENCE).build()?;
        let tokens =
            Arc::new(Self { settings, keys: RwLock::default(), ask: Notify::new(), asked: watch::Sender::new(0) });
        tokio::spawn(Arc::clone(&tokens).keep(client));
        Ok(tokens)
    }

    /// Whether there are keys to check with.
    pub(super) fn is_ready(&self) -> bool {
        !self.known().is_empty()
    }

    fn known(&self) -> Arc<Vec<Key>> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the JWKS again and again, and keeps the keys at hand while it does not answer.
    async fn keep(self: Arc<Self>, client: reqwest::Client) {
        let mut well = true;
        loop {
            let began = Instant::now();
            let read = fetch(&client, &self.settings).await;
            let again = match read {
                Ok(keys) => {
                    if !std::mem::replace(&mut well, true) {
                        tracing::info!("the JWKS answers again");
                    }
                    *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
                    AGAIN
                }
                Err(error) => {
                    if std::mem::replace(&mut well, false) {
                        tracing::warn!(error, "the JWKS can not be read; going on with the keys at hand");
                    }
                    RETRY
                }
            };
            self.asked.send_modify(|count| *count += 1);
            tokio::select! {
                () = self.ask.notified() => sleep(PAUSE.saturating_sub(began.elapsed())).await,
                () = sleep(again) => {}
            }
        }
    }

    /// The keys that a token could be signed with; asks the JWKS again when there are none.
    async fn candidates(&self, id: Option<&str>, algorithm: Algorithm) -> Option<Arc<Vec<Key>>> {
        let fits = |keys: &[Key]| keys.iter().any(|key| key.fits(id, algorithm));
        let keys = self.known();
        if fits(&keys) {
            return Some(keys);
        }
        let mut asked = self.asked.subscribe();
        self.ask.notify_one();
        // Late or not, what is there then counts.
        drop(timeout(WAIT, asked.changed()).await);
        let keys = self.known();
        fits(&keys).then_some(keys)
    }

    /// Who sends a token, and until when it is good (milliseconds since 1970).
    pub(super) async fn check(&self, token: &str) -> Result<(Principal, i64), Refusal> {
        let header = self.inspect(token)?;
        let Some(keys) = self.candidates(header.kid.as_deref(), header.alg).await else {
            return Err(if self.is_ready() {
                Refusal::Invalid("the token is signed with a key that the issuer does not name")
            } else {
                Refusal::Unavailable
            });
        };
        self.verify(token, &header, &keys)
    }

    /// The head of a token, if it is one that could be good.
    fn inspect(&self, token: &str) -> Result<Header, Refusal> {
        if token.len() > LONGEST_TOKEN {
            return Err(Refusal::Invalid("the token is too long"));
        }
        let header = decode_header(token).map_err(|_| Refusal::Invalid("not a key of this service and not a JWT"))?;
        if header.jku.is_some() || header.jwk.is_some() || header.x5u.is_some() || header.crit.is_some() {
            return Err(Refusal::Invalid("the token names its own key, or asks for what is not understood"));
        }
        if !self.settings.algorithms.contains(&header.alg) {
            return Err(Refusal::Invalid("the token is signed with an algorithm that is not allowed"));
        }
        Ok(header)
    }

    fn verify(&self, token: &str, header: &Header, keys: &[Key]) -> Result<(Principal, i64), Refusal> {
        let mut validation = Validation::new(header.alg);
        validation.leeway = LEEWAY;
        validation.validate_nbf = true;
        validation.set_issuer(&[&self.settings.issuer]);
        validation.set_audience(&[&self.settings.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        let claims = keys
            .iter()
            .filter(|key| key.fits(header.kid.as_deref(), header.alg))
            .find_map(|key| decode::<Claims>(token, &key.public, &validation).ok())
            .ok_or(Refusal::Invalid("signature, issuer, audience or time of the token is wrong"))?
            .claims;
        #[expect(clippy::cast_possible_truncation, reason = "what does not fit becomes the end of time")]
        let until = (claims.exp * 1000.0) as i64;
        Ok((self.principal(&claims)?, until))
    }

    fn principal(&self, claims: &Claims) -> Result<Principal, Refusal> {
        let consumer = claims.consumer.as_ref().and_then(organisation);
        let Some(consumer) = consumer else {
            return Err(Refusal::Invalid("the token has no organisation number in `consumer`"));
        };
        let supplier = match &claims.supplier {
            Some(claim) => match organisation(claim) {
                Some(supplier) => format!(" of {}", supplier.as_str()),
                None => return Err(Refusal::Invalid("the token has no organisation number in `supplier`")),
            },
            None => String::new(),
        };
        let scopes = match &claims.scope {
            Value::String(text) => text.clone(),
            Value::Array(names) => names.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" "),
            _ => String::new(),
        };
        let client = claims.client_id.as_deref().or(claims.sub.as_deref()).unwrap_or("-");
        let client: String = client.chars().filter(char::is_ascii_graphic).take(64).collect();
        Ok(Principal {
            tenant: Tenant::named(consumer.as_str()),
            actor: format!("client {client}{supplier}"),
            scopes: Scopes::parse(&scopes, &self.settings.scope_prefix),
        })
    }
}

/// The organisation of `{"authority": "iso6523-actorid-upis", "ID": "0192:999888763"}` or of the text alone.
fn organisation(claim: &Value) -> Option<OrgNumber> {
    let text = claim.get("ID").unwrap_or(claim).as_str()?;
    OrgNumber::parse(text.strip_prefix("0192:").unwrap_or(text))
}

impl Key {
    fn of(jwk: &Jwk) -> Option<Self> {
        if matches!(jwk.common.public_key_use, Some(PublicKeyUse::Encryption | PublicKeyUse::Other(_))) {
            return None;
        }
        let algorithm = jwk.common.key_algorithm.and_then(|algorithm| algorithm.to_string().parse().ok());
        Some(Self { id: jwk.common.key_id.clone(), algorithm, public: DecodingKey::from_jwk(jwk).ok()? })
    }

    fn fits(&self, id: Option<&str>, algorithm: Algorithm) -> bool {
        self.public.family() == algorithm.family()
            && self.algorithm.is_none_or(|own| own == algorithm)
            && id.is_none_or(|id| self.id.as_deref() == Some(id))
    }
}

async fn fetch(client: &reqwest::Client, settings: &TokenSettings) -> Result<Vec<Key>, &'static str> {
    let mut response = client.get(&settings.jwks_url).send().await.map_err(|_| "no answer")?;
    if !response.status().is_success() {
        return Err("the answer is not 200");
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|_| "the answer broke off")? {
        if body.len() + chunk.len() > LONGEST {
            return Err("the answer is too long");
        }
        body.extend_from_slice(&chunk);
    }
    let set: Value = serde_json::from_slice(&body).map_err(|_| "the answer is not JSON")?;
    let listed = set.get("keys").and_then(Value::as_array).ok_or("the answer has no `keys`")?;
    // Keys of kinds that are not known here are the business of others.
    let keys: Vec<Key> = listed.iter().filter_map(|key| Key::of(&serde_json::from_value(key.clone()).ok()?)).collect();
    if keys.is_empty() { Err("the answer has no key that can be used") } else { Ok(keys) }
}

/// Checks against a key that signs nothing here.
#[cfg(any(test, fuzzing))]
#[expect(clippy::expect_used, reason = "a test ends at the first thing that is not as it should be")]
fn with_a_foreign_key() -> Tokens {
    let jwk = serde_json::json!({
        "kty": "EC",
        "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    });
    let key =
        Key::of(&serde_json::from_value(jwk).expect("the key of RFC 7515, A.3.1")).expect("a key that can be used");
    Tokens {
        settings: TokenSettings {
            issuer: "https://utsteder.example/".to_owned(),
            jwks_url: String::new(),
            audience: "https://skoledok.example".to_owned(),
            algorithms: algorithms("ES256 RS256").expect("both are good"),
            scope_prefix: String::new(),
        },
        keys: RwLock::new(Arc::new(vec![key])),
        ask: Notify::new(),
        asked: watch::Sender::new(0),
    }
}

/// Any bytes as credentials, which are never good, and as the claims of a token whose signature was.
#[cfg(fuzzing)]
pub fn fuzz(data: &[u8]) {
    let tokens = with_a_foreign_key();
    if let Ok(text) = std::str::from_utf8(data) {
        if let Some(key) = super::ApiKey::parse(text) {
            assert!(key.reveal().eq_ignore_ascii_case(text));
        }
        if let Ok(header) = tokens.inspect(text) {
            assert!(tokens.verify(text, &header, &tokens.known()).is_err());
        }
    }
    if let Ok(principal) =
        serde_json::from_slice(data).map_err(drop).and_then(|claims| tokens.principal(&claims).map_err(drop))
    {
        assert_eq!(principal.tenant.name().len(), 9);
        assert!(principal.actor.is_ascii() && principal.actor.len() < 100);
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn refuses(token: &str) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("there is a runtime");
        assert!(runtime.block_on(with_a_foreign_key().check(token)).is_err());
    }

    /// Any JSON, most of it not what a token has.
    fn anything() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".{0,20}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 20, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[a-z]{1,8}", inner, 0..4).prop_map(Value::from_iter),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_text_is_refused(text in "\\PC{0,200}") {
            refuses(&text);
        }

        #[test]
        fn any_head_and_claims_are_refused(
            algorithm in prop_oneof![Just(json!("ES256")), Just(json!("none")), Just(json!("HS256")), anything()],
            more in anything(),
            claims in anything(),
            signature in "[A-Za-z0-9_-]{0,90}",
        ) {
            let mut head = json!({ "alg": algorithm });
            if let (Some(head), Value::Object(more)) = (head.as_object_mut(), more) {
                // A key that is not known would be waited for.
                head.extend(more.into_iter().filter(|(name, _)| name != "kid"));
            }
            let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
            refuses(&format!("{}.{}.{signature}", part(&head), part(&claims)));
        }

        #[test]
        fn any_claim_is_an_organisation_or_none(claim in anything()) {
            if let Some(number) = organisation(&claim) {
                prop_assert_eq!(number.as_str().len(), 9);
            }
        }
    }
}
