//! The words of ETSI EN 319 102-1, 5.1.3 (table 6), for why a signature is not called valid.

/// A sub-indication. What the judgment is, `TOTAL-FAILED` or `INDETERMINATE`, is the judge's to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SubIndication {
    /// No chain leads to somebody who is trusted.
    NoCertificateChainFound,
    /// A chain has a fault of another kind.
    CertificateChainGeneralFailure,
    /// A certificate is not what the chain or the purpose asks for.
    ChainConstraintsFailure,
    /// An algorithm or a key is too weak or not known.
    CryptoConstraintsFailure,
    /// The time at which it is judged lies outside of the validity of the certificate, and nothing proves an earlier one.
    OutOfBoundsNoPoe,
    /// The certificate had expired when it was signed.
    Expired,
    /// The certificate was not yet valid when it was signed.
    NotYetValid,
    /// The certificate had been revoked when it was signed.
    Revoked,
    /// The certificate is revoked, and nothing proves that it was signed before.
    RevokedNoPoe,
    /// The certificate of an authority is revoked, and nothing proves that it was signed before.
    RevokedCaNoPoe,
    /// The certificate is on hold, or there is no news of it yet.
    TryLater,
}

impl SubIndication {
    /// The word of the standard.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NoCertificateChainFound => "NO_CERTIFICATE_CHAIN_FOUND",
            Self::CertificateChainGeneralFailure => "CERTIFICATE_CHAIN_GENERAL_FAILURE",
            Self::ChainConstraintsFailure => "CHAIN_CONSTRAINTS_FAILURE",
            Self::CryptoConstraintsFailure => "CRYPTO_CONSTRAINTS_FAILURE",
            Self::OutOfBoundsNoPoe => "OUT_OF_BOUNDS_NO_POE",
            Self::Expired => "EXPIRED",
            Self::NotYetValid => "NOT_YET_VALID",
            Self::Revoked => "REVOKED",
            Self::RevokedNoPoe => "REVOKED_NO_POE",
            Self::RevokedCaNoPoe => "REVOKED_CA_NO_POE",
            Self::TryLater => "TRY_LATER",
        }
    }
}
