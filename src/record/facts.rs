//! What is told of a version without opening its document, and the hashes by which a record is found.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{RecordError, Records};
use crate::document::{Cover, Document, Kind, Locale, OrgNumber, Party, Role, Status};
use crate::seal::Vault;
use crate::store::Terms;
use crate::template;
use crate::tenant::Tenant;
use crate::validate;

/// The school of a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchoolFacts {
    /// Name.
    pub name: String,
    /// Organisation number.
    pub org_number: Option<String>,
}

/// Somebody among the signatories of the document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignatoryFacts {
    /// On whose behalf.
    pub party: Party,
    /// Role.
    pub role: Option<Role>,
    /// Name.
    pub name: String,
}

/// What is told of a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Language of the document.
    pub locale: Locale,
    /// What it is called in the archive.
    pub title: String,
    /// How finished the document says it is.
    pub status: Status,
    /// The school.
    pub school: Option<SchoolFacts>,
    /// School year, `2026/2027`.
    pub school_year: Option<String>,
    /// Identifier of the document.
    pub document_id: String,
    /// Who signs by the document.
    pub signatories: Vec<SignatoryFacts>,
}

/// A document that was checked before, from its body.
pub(super) fn read(kind: Kind, body: &[u8]) -> Result<Document, RecordError> {
    let mut value: Value = validate::read_json(body).map_err(|_| RecordError::Sealed)?;
    validate::normalise(&mut value);
    Document::parse(kind, value).map_err(|_| RecordError::Sealed)
}

impl Facts {
    pub(super) fn of(document: &Document) -> Self {
        let common = document.common();
        let school = common.school.as_ref().map(|school| SchoolFacts {
            name: school.name.as_str().to_owned(),
            org_number: school.org_number.as_ref().map(|number| number.as_str().to_owned()),
        });
        let signatories = common.signatories.iter().map(|signatory| SignatoryFacts {
            party: signatory.party,
            role: signatory.role,
            name: signatory.name.as_str().to_owned(),
        });
        Self {
            locale: document.language().locale().unwrap_or_default(),
            title: title(document),
            status: common.status,
            school,
            school_year: common.school_year.map(|year| year.to_string()),
            document_id: Cover::of(document, template::manifest(document.kind()).released).document_id,
            signatories: signatories.collect(),
        }
    }

    pub(super) fn seal(&self, vault: &Vault, number: i64) -> Result<Vec<u8>, RecordError> {
        let bytes = serde_json::to_vec(self).map_err(|_| RecordError::Sealed)?;
        vault.seal("facts", number, &bytes).ok_or(RecordError::Sealed)
    }

    pub(super) fn open(vault: &Vault, number: i64, sealed: Vec<u8>) -> Result<Self, RecordError> {
        let bytes = vault.unseal("facts", number, sealed).ok_or(RecordError::Sealed)?;
        serde_json::from_slice(&bytes).map_err(|_| RecordError::Sealed)
    }
}

/// What a document is called in the archive: as it says itself, or else its kind with school year and school.
fn title(document: &Document) -> String {
    let common = document.common();
    if let Some(title) = common.archive_metadata.as_ref().and_then(|metadata| metadata.title.as_ref()) {
        return title.as_str().to_owned();
    }
    let word = match (document.kind(), document.language().locale().unwrap_or_default()) {
        (Kind::CooperationAgreement, Locale::En) => "Cooperation agreement with PPT",
        (Kind::CooperationAgreement, Locale::Nn) => "Samarbeidsavtale med PP-tenesta",
        (Kind::CooperationAgreement, Locale::Nb) => "Samarbeidsavtale med PP-tjenesten",
        (_, Locale::En) => "Annual plan",
        (_, _) => "Årsplan",
    };
    let year = common.school_year.map(|year| format!(" {year}")).unwrap_or_default();
    let school = common.school.as_ref().map(|school| format!(" – {}", school.name.as_str())).unwrap_or_default();
    format!("{word}{year}{school}")
}

impl Records {
    /// A key for hashes that can not be searched for without it.
    pub(super) fn derived(&self, purpose: &str) -> Result<[u8; 32], RecordError> {
        Ok(blake3::derive_key(&format!("skoledok 2026-11 records: {purpose}"), &self.key()?[..]))
    }

    /// A hash of a text of a tenant's: who reads the store can neither read it nor compare it with another tenant's.
    pub(super) fn hash(&self, purpose: &str, tenant: &Tenant, text: &str) -> Result<Vec<u8>, RecordError> {
        let mut hash = blake3::Hasher::new_keyed(&self.derived(purpose)?);
        hash.update(&(tenant.name().len() as u64).to_le_bytes());
        hash.update(tenant.name().as_bytes());
        hash.update(text.as_bytes());
        Ok(hash.finalize().as_bytes().to_vec())
    }

    /// What a record is found by.
    pub(super) fn terms(&self, tenant: &Tenant, facts: &Facts) -> Result<Terms, RecordError> {
        let number = facts.school.as_ref().and_then(|school| school.org_number.as_ref());
        let name = facts.school.as_ref().map(|school| &school.name);
        Ok(Terms {
            school_number: number.map(|number| self.hash("school number", tenant, number)).transpose()?,
            school_name: name.map(|name| self.hash("school name", tenant, name)).transpose()?,
            school_year: facts.school_year.clone(),
        })
    }

    /// What to look for when a school is asked for: its number if it is one, or else its name.
    pub(super) fn school_terms(&self, tenant: &Tenant, school: &str) -> Result<SchoolTerms, RecordError> {
        if let Some(number) = OrgNumber::parse(school) {
            return Ok((Some(self.hash("school number", tenant, number.as_str())?), None));
        }
        let mut name = Value::from(school);
        validate::normalise(&mut name);
        Ok((None, Some(self.hash("school name", tenant, name.as_str().unwrap_or_default())?)))
    }
}

/// Hashes of a number and of a name.
type SchoolTerms = (Option<Vec<u8>>, Option<Vec<u8>>);
