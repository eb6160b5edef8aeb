//! The value of a signature: CMS for signatures (RFC 5652), a token for document time stamps (RFC 3161).

use super::reason::ReasonCode;
use super::signature::{Format, Located};
use crate::pki::algorithm::SignatureError;
use crate::pki::cms::{CmsError, SignedData};
use crate::pki::timestamp::{TimeStampError, TimeStampToken};

/// The value of a signature, as far as it can be read.
pub(super) enum Value {
    Signature(SignedData),
    Token(TimeStampToken),
    Broken(ReasonCode),
}

impl Value {
    pub fn read(located: &Located) -> Self {
        if located.contents.is_empty() {
            return Self::Broken(ReasonCode::ContentsMalformed);
        }
        match located.format {
            Format::Pades | Format::Detached => SignedData::from_padded(&located.contents)
                .map_or_else(|error| Self::Broken(fault(&error)), Self::Signature),
            Format::Timestamp => match TimeStampToken::from_padded(&located.contents) {
                Ok(token) => Self::Token(token),
                Err(TimeStampError::Cms(error)) => Self::Broken(fault(&error)),
                Err(_) => Self::Broken(ReasonCode::CmsMalformed),
            },
            Format::Other => Self::Broken(ReasonCode::FormatUnsupported),
        }
    }

    pub fn data(&self) -> Option<&SignedData> {
        match self {
            Self::Signature(data) => Some(data),
            Self::Token(token) => Some(token.signed_data()),
            Self::Broken(_) => None,
        }
    }
}

/// What an error in the CMS structure means.
pub(super) fn fault(error: &CmsError) -> ReasonCode {
    match error {
        CmsError::Trailing => ReasonCode::PaddingNotZero,
        CmsError::NoCertificate => ReasonCode::NoSigningCertificate,
        CmsError::NoAttributes | CmsError::Missing(_) => ReasonCode::AttributesMissing,
        CmsError::Digest => ReasonCode::DigestMismatch,
        CmsError::OtherCertificate => ReasonCode::CertificateSwapped,
        CmsError::Signature(SignatureError::Wrong) => ReasonCode::SignatureWrong,
        CmsError::Algorithm(_) | CmsError::Signature(_) => ReasonCode::AlgorithmUnsupported,
        _ => ReasonCode::CmsMalformed,
    }
}
