//! What the archive is told of a version, in the words of Noark 5 and Fiks Arkiv: saksmappe, journalpost, dokumentbeskrivelse, dokumentobjekt.
//!
//! Arkivforskrifta § 15 names what a journal has to hold (a to f); that stands by itself, too, so that it can be seen to be whole.

use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::Version;
use super::state::State;
use crate::document::{Document, Party, hex};
use crate::store::RecordRow;

/// The description of a version.
#[derive(Debug, Clone, PartialEq)]
pub struct Archived {
    /// As JSON.
    pub value: Value,
    /// Number of the version.
    pub number: i64,
}

/// The format of the files (ISO 19005-2, level A), with its name in PRONOM.
const FORMAT: &str = "PDF/A-2A";
const FORMAT_DETAILS: &str = "PRONOM fmt/476, PDF/UA-1";
/// What Noark 5 calls the file that is kept, and the one that it was made of.
const ARCHIVE_FORM: &str = "Arkivformat";
const PRODUCTION_FORM: &str = "Produksjonsformat";

fn moment(at: i64) -> Value {
    Timestamp::from_millisecond(at).map_or(Value::Null, |at| Value::from(format!("{at:.0}")))
}

/// Leaves out what is not known.
fn known(value: Value) -> Value {
    match value {
        Value::Object(members) => Value::Object(
            members.into_iter().map(|(name, value)| (name, known(value))).filter(|(_, v)| !v.is_null()).collect(),
        ),
        other => other,
    }
}

/// Who stands on the other side: as the document says itself, or else the first signatory who is not of the school.
fn counterparty(document: &Document) -> Option<String> {
    let common = document.common();
    let said = common.archive_metadata.as_ref().and_then(|metadata| metadata.counterparty.as_ref());
    if let Some(said) = said {
        return Some(said.as_str().to_owned());
    }
    if let Document::CooperationAgreement(agreement) = document {
        let service = agreement.ppt.as_ref().and_then(|ppt| ppt.service_name.as_ref());
        return Some(service.map_or("PP-tjenesten", |name| name.as_str()).to_owned());
    }
    let other = common.signatories.iter().find(|signatory| signatory.party != Party::School);
    other.map(|signatory| signatory.name.as_str().to_owned())
}

pub(super) fn describe(
    record: &RecordRow,
    version: &Version,
    document: &Document,
    body: &[u8],
    (number, is_handed_in): (i64, bool),
) -> Archived {
    let common = document.common();
    let metadata = common.archive_metadata.as_ref();
    let facts = &version.facts;
    let context = metadata.and_then(|metadata| metadata.case_context.as_ref());
    let case = context.or(common.reference.as_ref().and_then(|reference| reference.our.as_ref()));
    let case = case.map(|case| case.as_str().to_owned());
    let date =
        metadata.and_then(|metadata| metadata.document_date).or(common.document_date).map(|date| date.to_string());
    let registered = metadata.and_then(|metadata| metadata.registered_at).map(|date| Value::from(date.to_string()));
    let registered = registered.unwrap_or_else(|| moment(record.created_at));
    let counterparty = counterparty(document);
    let school = facts.school.as_ref();
    let id = &facts.document_id;
    let value = json!({
        "arkivforskrifta_15": {
            "a_identifikator": format!("{id}/{number}"),
            "b_sammenheng": { "sak": case, "dokument": id, "versjon": number, "arkivenhet": record.id },
            "c_tittel": facts.title,
            "d_avsender_mottaker": { "avsender": school.map(|school| &school.name), "mottaker": counterparty },
            "e_dokumentdato": date,
            "f_registrert": registered,
        },
        "saksmappe": {
            "mappeID": case,
            "tittel": facts.title,
            "saksansvarlig": school.map(|school| &school.name),
            "skoleaar": facts.school_year,
        },
        "journalpost": {
            "registreringsID": record.id,
            "tittel": facts.title,
            "journalposttype": "Organinternt dokument for oppfølging",
            "journalstatus": if version.state == State::Signed { "Ferdigstilt fra saksbehandler" } else { "Godkjent av leder" },
            "dokumentetsDato": date,
            "journaldato": registered,
            "korrespondansepart": parties(school.map(|school| (&school.name, school.org_number.as_ref())), counterparty.as_ref()),
        },
        "dokumentbeskrivelse": {
            "dokumentID": id,
            "dokumenttype": crate::template::manifest(document.kind()).title.get(&facts.locale),
            "tittel": facts.title,
            "dokumentstatus": "Dokumentet er ferdigstilt",
            "opprettetDato": moment(version.made_at),
            "tilknyttetRegistreringSom": "Hoveddokument",
            "spraak": facts.locale.tag(),
            "bevaringstid": { "til": version.retention_until.map(moment), "sperretForSletting": record.held_at.is_some() },
            "dokumentobjekt": objects(version, body, (number, is_handed_in)),
        },
    });
    Archived { value: known(value), number }
}

fn parties(school: Option<(&String, Option<&String>)>, counterparty: Option<&String>) -> Vec<Value> {
    let sender = school.map(|(name, number)| {
        let mut sender = json!({ "korrespondanseparttype": "Avsender", "korrespondansepartNavn": name });
        if let (Some(number), Some(members)) = (number, sender.as_object_mut()) {
            members.insert("organisasjonsnummer".to_owned(), Value::from(number.as_str()));
        }
        sender
    });
    let receiver =
        counterparty.map(|name| json!({ "korrespondanseparttype": "Mottaker", "korrespondansepartNavn": name }));
    sender.into_iter().chain(receiver).collect()
}

/// The file that is kept, which is the signed one when there is one, and the body that it was made of. Of a file that somebody else has written
/// nothing shows that it follows the standards.
fn objects(version: &Version, body: &[u8], (number, is_handed_in): (i64, bool)) -> Vec<Value> {
    let signed =
        version.signed.filter(|_| version.signed_at.is_some()).map(|file| (file, "signed.pdf", version.signed_at));
    let kept = signed.or(version.document.map(|file| (file, "document.pdf", version.final_at)));
    let kept = kept.map(|(file, name, at)| {
        let (format, details) =
            if is_handed_in && name == "signed.pdf" { ("PDF", None) } else { (FORMAT, Some(FORMAT_DETAILS)) };
        known(json!({
            "versjonsnummer": number,
            "variantformat": ARCHIVE_FORM,
            "format": format,
            "formatDetaljer": details,
            "mimeType": "application/pdf",
            "opprettetDato": at.map(moment),
            "sjekksumAlgoritme": "SHA-256",
            "sjekksum": file.hex(),
            "filstoerrelse": file.size,
            "filnavn": name,
            "elektroniskSignert": name == "signed.pdf",
        }))
    });
    let made_of = json!({
        "versjonsnummer": number,
        "variantformat": PRODUCTION_FORM,
        "format": "JSON",
        "mimeType": "application/json",
        "opprettetDato": moment(version.made_at),
        "sjekksumAlgoritme": "SHA-256",
        "sjekksum": hex(&Sha256::digest(body)),
        "filstoerrelse": body.len(),
        "filnavn": "content.json",
    });
    kept.into_iter().chain([made_of]).collect()
}
