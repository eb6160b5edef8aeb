//! Secrets and what is signed with them: HMAC-SHA256 (RFC 2104), the scheme `v1` of Standard Webhooks.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use zeroize::Zeroizing;

/// What every secret begins with; secret scanners look for it.
const PREFIX: &str = "whsec_";
/// Least and most bytes of a secret, by the specification.
const SHORTEST: usize = 24;
const LONGEST: usize = 64;
/// Bytes of a new secret: as many as a signature has, more would add nothing (RFC 2104, 3).
const NEW: usize = 32;
/// Characters of base64 for the longest secret, and bytes that as many could hold.
const LONGEST_TEXT: usize = LONGEST.div_ceil(3) * 4;
const ROOM: usize = LONGEST_TEXT / 4 * 3;
/// Characters of an id.
const LONGEST_ID: usize = 128;

/// A secret that is shared with a receiver. Its bytes are wiped when it is dropped; of those that `ring` keeps while it
/// signs, that can not be said.
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

/// The text is no secret. Nothing of it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// It begins otherwise.
    #[error("a secret begins with `whsec_`")]
    Prefix,
    /// What follows is not base64.
    #[error("after `whsec_`, a secret is base64 (RFC 4648, 4) with its `=` at the end")]
    Base64,
    /// Too few bytes, or too many.
    #[error("a secret has 24 to 64 bytes, before they are base64")]
    Length,
}

/// The system gives no random numbers.
#[derive(Debug, thiserror::Error)]
#[error("the system gives no random numbers")]
pub struct NoRandomness;

impl Secret {
    /// Reads a secret as it is given to receivers: `whsec_` and base64.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        let text = text.strip_prefix(PREFIX).ok_or(SecretError::Prefix)?;
        if text.len() > LONGEST_TEXT {
            return Err(SecretError::Length);
        }
        let mut bytes = Zeroizing::new([0; ROOM]);
        let length = STANDARD.decode_slice(text, &mut bytes[..]).map_err(|_| SecretError::Base64)?;
        if !(SHORTEST..=LONGEST).contains(&length) {
            return Err(SecretError::Length);
        }
        Ok(Self(Zeroizing::new(bytes[..length].to_vec())))
    }

    /// A new secret.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub fn generate() -> Result<Self, NoRandomness> {
        let mut bytes = Zeroizing::new(vec![0; NEW]);
        getrandom::fill(&mut bytes).map_err(|_| NoRandomness)?;
        Ok(Self(bytes))
    }

    /// The text to give to the receiver.
    #[must_use]
    pub fn reveal(&self) -> Zeroizing<String> {
        // With room for all of it: a text that grows leaves copies behind.
        let mut text = Zeroizing::new(String::with_capacity(PREFIX.len() + LONGEST_TEXT));
        text.push_str(PREFIX);
        STANDARD.encode_string(&self.0[..], &mut text);
        text
    }

    /// The signature of a message: `v1,` and base64. `timestamp` is that of the attempt, in seconds since 1970.
    #[must_use]
    pub fn sign(&self, id: &MessageId, timestamp: i64, body: &[u8]) -> String {
        let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, &self.0));
        context.update(format!("{}.{timestamp}.", id.as_str()).as_bytes());
        context.update(body);
        format!("v1,{}", STANDARD.encode(context.sign()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret")
    }
}

/// The secrets of a receiver: one, and while it is exchanged also those before it.
#[derive(Debug, Clone)]
pub struct Secrets {
    current: Secret,
    older: Vec<Secret>,
}

impl Secrets {
    /// One secret, and those that still count.
    #[must_use]
    pub fn new(current: Secret, older: Vec<Secret>) -> Self {
        Self { current, older }
    }

    /// The signatures of a message by all of them, with spaces between: what `webhook-signature` holds.
    #[must_use]
    pub fn sign(&self, id: &MessageId, timestamp: i64, body: &[u8]) -> String {
        let all = std::iter::once(&self.current).chain(&self.older);
        all.map(|secret| secret.sign(id, timestamp, body)).collect::<Vec<_>>().join(" ")
    }
}

impl From<Secret> for Secrets {
    fn from(secret: Secret) -> Self {
        Self::new(secret, Vec::new())
    }
}

/// What names a message: the same in each attempt, so that a receiver can tell that it has it already.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MessageId(String);

impl MessageId {
    /// Takes 1 to 128 ASCII letters, digits, `_` and `-` for an id. With a `.` in it, one signature could be that of two
    /// messages («Signature scheme»).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        ((1..=LONGEST_ID).contains(&text.len()) && text.bytes().all(good)).then(|| Self(text.to_owned()))
    }

    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What the reference libraries of Standard Webhooks are tested with.
    const KNOWN: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const TIME: i64 = 1_614_265_330;
    const BODY: &[u8] = br#"{"test": 2432232314}"#;
    const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    fn known() -> Secret {
        Secret::parse(KNOWN).expect("the secret is one")
    }

    fn id(text: &str) -> MessageId {
        MessageId::parse(text).expect("the id is one")
    }

    #[test]
    fn signs_as_the_reference_libraries_do() {
        let id = id("msg_p5jXN8AQM9LWM0D4loKWxJek");
        assert_eq!(known().sign(&id, TIME, BODY), SIGNATURE);
        assert_eq!(Secrets::from(known()).sign(&id, TIME, BODY), SIGNATURE);
    }

    #[test]
    fn each_part_of_a_message_is_signed() {
        let name = id("msg_p5jXN8AQM9LWM0D4loKWxJek");
        assert_ne!(known().sign(&id("msg_p5jXN8AQM9LWM0D4loKWxJel"), TIME, BODY), SIGNATURE);
        assert_ne!(known().sign(&name, TIME + 1, BODY), SIGNATURE);
        assert_ne!(known().sign(&name, TIME, &BODY[1..]), SIGNATURE);
    }

    #[test]
    fn two_secrets_make_two_signatures_the_current_first() {
        let id = id("msg_1");
        let (new, old) = (Secret::generate().expect("there are random numbers"), known());
        let both = format!("{} {}", new.sign(&id, TIME, BODY), old.sign(&id, TIME, BODY));
        assert_eq!(Secrets::new(new, vec![old]).sign(&id, TIME, BODY), both);
    }

    #[test]
    fn a_secret_comes_back_from_its_text() {
        assert_eq!(*known().reveal(), KNOWN);
        let one = Secret::generate().expect("there are random numbers");
        let other = Secret::generate().expect("there are random numbers");
        assert_ne!(one.reveal(), other.reveal());
        assert_eq!(one.reveal().len(), PREFIX.len() + 44);
        assert_eq!(Secret::parse(&one.reveal()).expect("the secret is one").reveal(), one.reveal());
    }

    #[test]
    fn what_is_no_secret_is_refused() {
        let of = |length: usize| format!("{PREFIX}{}", STANDARD.encode(vec![7; length]));
        for length in [24, 25, 26, 32, 63, 64] {
            assert_eq!(*Secret::parse(&of(length)).expect("the length is good").reveal(), of(length));
        }
        for length in [0, 1, 23, 65, 66, 67, 1000] {
            assert_eq!(Secret::parse(&of(length)).map(drop), Err(SecretError::Length), "{length}");
        }
        for (text, error) in [
            ("", SecretError::Prefix),
            ("WHSEC_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", SecretError::Prefix),
            ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", SecretError::Prefix),
            ("whsec_", SecretError::Length),
            ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS", SecretError::Base64),
            ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa-_", SecretError::Base64),
            ("whsec_ MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", SecretError::Base64),
            ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSæ", SecretError::Base64),
        ] {
            assert_eq!(Secret::parse(text).map(drop), Err(error), "{text}");
        }
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", known()), "Secret");
        assert_eq!(
            format!("{:?}", Secrets::new(known(), vec![known()])),
            "Secrets { current: Secret, older: [Secret] }"
        );
    }

    #[test]
    fn an_id_can_not_be_taken_for_more() {
        for good in ["a", "msg_p5jXN8AQM9LWM0D4loKWxJek", "0192f7c0-7a5b-7c3d", &"x".repeat(LONGEST_ID)] {
            assert_eq!(MessageId::parse(good).expect("the id is good").as_str(), good);
        }
        for bad in ["", "a.b", "a b", "a\r\nb", "å", &"x".repeat(LONGEST_ID + 1)] {
            assert_eq!(MessageId::parse(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_secret_or_none(text in "(whsec_)?[A-Za-z0-9+/=]{0,100}") {
            if let Ok(secret) = Secret::parse(&text) {
                prop_assert_eq!(&*secret.reveal(), &text);
            }
        }
    }
}
