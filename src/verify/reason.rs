//! The reasons for a verdict: what each means for it, and a sentence for people.

use schemars::JsonSchema;
use serde::Serialize;

use super::report::{Indication, SubIndication};

/// A reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "VerificationReason")]
pub struct Reason {
    /// For programs.
    pub code: ReasonCode,
    /// For people, in English.
    pub text: &'static str,
}

impl From<ReasonCode> for Reason {
    fn from(code: ReasonCode) -> Self {
        Self { code, text: code.text() }
    }
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident: $verdict:expr, $text:literal;)*) => {
        /// Why a verdict is what it is.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, JsonSchema)]
        #[serde(rename_all = "snake_case")]
        #[schemars(rename = "VerificationReasonCode")]
        pub enum ReasonCode {
            $(#[doc = $text] $name,)*
        }

        impl ReasonCode {
            /// Every reason there is.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// A sentence that says it.
            #[must_use]
            pub fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// What it makes of a verdict; nothing when it is only worth knowing.
            #[must_use]
            pub fn verdict(self) -> Option<(Indication, SubIndication)> {
                match self { $(Self::$name => $verdict,)* }
            }
        }
    };
}

const NOTE: Option<(Indication, SubIndication)> = None;

const fn failed(sub_indication: SubIndication) -> (Indication, SubIndication) {
    (Indication::TotalFailed, sub_indication)
}

const fn open(sub_indication: SubIndication) -> (Indication, SubIndication) {
    (Indication::Indeterminate, sub_indication)
}

use SubIndication as Sub;

reasons! {
    NotAPdf: Some(failed(Sub::FormatFailure)), "The file is not a PDF.";
    TooLarge: Some(open(Sub::Generic)), "The file is larger than is looked at.";
    Unreadable: Some(failed(Sub::FormatFailure)), "The file is broken and can not be read as its own tables say.";
    TooMuchWork: Some(open(Sub::Generic)), "The file takes more work than is allowed.";
    Encrypted: Some(open(Sub::Generic)), "The file is encrypted; signatures in it are not looked at.";
    Hybrid: Some(open(Sub::Generic)), "The file has two kinds of cross-references beside each other, so that readers may see different documents.";
    NoSignatures: Some(open(Sub::SignedDataNotFound)), "The file has no signatures.";
    LooseSignature: NOTE, "The file has something like a signature that belongs to no field.";
    FormUnreadable: Some(failed(Sub::FormatFailure)), "The form that signatures belong to is broken.";
    BytesAfterEnd: Some(failed(Sub::FormatFailure)), "There are bytes after the end of the file that no revision accounts for.";

    DictionaryMalformed: Some(failed(Sub::FormatFailure)), "The signature dictionary is not as it must be.";
    SharedSignature: Some(failed(Sub::FormatFailure)), "More than one field has this signature.";
    FormatUnsupported: Some(open(Sub::Generic)), "The format of the signature is outdated or not known; it is not looked at.";
    ByteRangeMalformed: Some(failed(Sub::FormatFailure)), "`/ByteRange` is not as it must be.";
    ByteRangeGap: Some(failed(Sub::FormatFailure)), "The bytes that the signature leaves out are not just its own value.";
    NotARevision: Some(failed(Sub::FormatFailure)), "The signature does not end where its revision of the file ends.";
    ContentsMalformed: Some(failed(Sub::FormatFailure)), "The value of the signature is not hexadecimal DER.";
    PaddingNotZero: Some(failed(Sub::FormatFailure)), "There is something behind the value of the signature that nobody signed.";
    HoleEntered: Some(failed(Sub::FormatFailure)), "Something in the file reaches into the bytes that the signature leaves out.";
    ForbiddenChanges: Some(failed(Sub::FormatFailure)), "The document was changed after the signature in ways that may not be.";
    ChangesUnknown: Some(open(Sub::Generic)), "The changes after the signature are too many to look at.";

    CmsMalformed: Some(failed(Sub::FormatFailure)), "The value of the signature is not the CMS structure it must be.";
    DigestMismatch: Some(failed(Sub::HashFailure)), "The signed bytes are not those of the file.";
    SignatureWrong: Some(failed(Sub::SigCryptoFailure)), "The signature value does not belong to the signed attributes and the key.";
    AttributesMissing: Some(failed(Sub::FormatFailure)), "The signed attributes lack the type or the digest of what was signed.";
    NoSigningCertificate: Some(open(Sub::NoSigningCertificateFound)), "The certificate that signed is not in the signature.";
    CertificateNotBound: Some(open(Sub::SigConstraintsFailure)), "The certificate is not bound to the signature by an attribute.";
    CertificateSwapped: Some(open(Sub::SigConstraintsFailure)), "The certificate is not the one that the signature was bound to.";
    AlgorithmsDiffer: Some(failed(Sub::SigCryptoFailure)), "The algorithms are not the ones that were signed.";
    AlgorithmUnsupported: Some(open(Sub::CryptoConstraintsFailure)), "An algorithm is not known or not allowed.";
    WeakDigest: Some(open(Sub::CryptoConstraintsFailure)), "A digest is too weak.";
    WeakKey: Some(open(Sub::CryptoConstraintsFailure)), "A key is too short.";

    NoTrustAnchor: Some(open(Sub::NoCertificateChainFound)), "No chain of certificates leads to a trust anchor.";
    ChainInvalid: Some(open(Sub::CertificateChainGeneralFailure)), "The chain of certificates does not hold.";
    ChainConstraints: Some(open(Sub::ChainConstraintsFailure)), "A certificate is not for this use.";
    CertificateExpired: Some(open(Sub::OutOfBoundsNoPoe)), "The certificate has expired, and nothing proves that the signature is older.";
    ExpiredSince: Some(open(Sub::OutOfBoundsNoPoe)), "The certificate has expired since, and nothing says that it was not revoked before.";
    CertificateExpiredNotRevoked: Some(open(Sub::OutOfBoundsNotRevoked)), "The certificate has expired and was not revoked, but nothing proves that the signature is older.";
    CertificateNotYetValid: Some(failed(Sub::NotYetValid)), "The signature existed before its certificate was valid.";
    CertificateFromTheFuture: Some(open(Sub::OutOfBoundsNoPoe)), "The certificate is not valid yet.";
    Revoked: Some(failed(Sub::Revoked)), "The certificate had been revoked when, by its own words, the signature was made.";
    RevokedNoProof: Some(open(Sub::RevokedNoPoe)), "The certificate was revoked, and nothing proves that the signature is older.";
    CaRevokedNoProof: Some(open(Sub::RevokedCaNoPoe)), "A certificate above was revoked, and nothing proves that the signature is older.";
    RevokedLater: NOTE, "The certificate was revoked after the signature was made, which does not harm it.";
    RevocationUnknown: Some(open(Sub::TryLater)), "Nothing says whether the certificates are revoked.";
    RevocationNotAsked: NOTE, "Nothing says whether the certificates are revoked, and it was not asked for.";

    TimestampBroken: Some(open(Sub::SigConstraintsFailure)), "The time stamp of the signature does not hold.";
    TimestampImprint: Some(open(Sub::SigConstraintsFailure)), "The time stamp of the signature is over something else.";
    TimestampUntrusted: Some(open(Sub::NoPoe)), "The authority of the time stamp is not trusted, so it proves nothing.";
    TimestampOrder: Some(open(Sub::TimestampOrderFailure)), "The time stamps are in an order that can not be.";
    ClaimedAfterProven: NOTE, "The signature says it was made after it was stamped.";
    ClaimedTimeAttribute: NOTE, "The signature has a signing time of the wrong kind for PAdES.";
}

/// The verdict that reasons make together, and the sub-indication of the one that decides: the first among the worst.
pub(super) fn together(reasons: &[Reason]) -> (Indication, Option<SubIndication>) {
    let mut verdict = (Indication::TotalPassed, None);
    for (indication, sub_indication) in reasons.iter().filter_map(|reason| reason.code.verdict()) {
        if indication > verdict.0 {
            verdict = (indication, Some(sub_indication));
        }
    }
    verdict
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_reason_decides() {
        let reasons = [ReasonCode::RevokedLater, ReasonCode::RevocationUnknown, ReasonCode::DigestMismatch];
        let reasons = reasons.map(Reason::from);
        assert_eq!(together(&reasons), (Indication::TotalFailed, Some(SubIndication::HashFailure)));
        assert_eq!(together(&reasons[..2]), (Indication::Indeterminate, Some(SubIndication::TryLater)));
        assert_eq!(together(&reasons[..1]), (Indication::TotalPassed, None));
    }

    #[test]
    fn reasons_are_sentences() {
        for code in ReasonCode::ALL {
            assert!(code.text().ends_with('.'), "{code:?}");
        }
    }
}
