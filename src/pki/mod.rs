//! Public key infrastructure: certificates and chains (RFC 5280), revocation by CRL and OCSP (RFC 6960), time stamps (RFC 3161), signed data
//! (CMS, RFC 5652), and fetching what others publish of them.
//!
//! It knows no PDF and keeps nothing. What it reads is taken to be hostile: lengths, depths, counts and tries have bounds. Nobody is trusted
//! but the [`chain::Anchors`] that a caller gives, and what time it is the caller says, too, in seconds since 1970.

pub mod algorithm;
mod attribute;
mod ber;
pub mod certificate;
pub mod chain;
pub mod cms;
mod constraint;
pub mod crl;
pub mod der;
pub mod extension;
pub mod fetch;
pub mod indication;
pub mod key;
#[cfg(test)]
mod made;
pub mod name;
pub mod ocsp;
pub mod oid;
pub mod revocation;
pub mod time;
pub mod timestamp;

pub use algorithm::{Hash, SignatureAlgorithm, Strength, Weakness};
pub use certificate::Certificate;
pub use chain::{Anchors, Chain, ChainError, Purpose};
pub use indication::SubIndication;
pub use revocation::{Proof, Status};

/// Bytes in small hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |number: u8| DIGITS.get(usize::from(number)).copied().map_or('0', char::from);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
