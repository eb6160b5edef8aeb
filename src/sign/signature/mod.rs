//! One signature, in steps that can lie far apart: [`begin`] writes a revision with a hole for it and says what is to
//! be signed, whoever has the key signs, and [`Pending`] takes what came of it, checks it in full and only then gives
//! the signed bytes. Our own keys go the same way as those of others.

use super::SignError;
use super::cms::{self, Algorithm};
use super::field::{self, FieldName, SignatureField};
use super::file::{Dictionary, File, Id, Object, Revision};
use super::form;
use super::key::KeyError;
use super::permission::Permissions;
use crate::pki::{Certificate, Hash};

mod pending;

pub use pending::{Completed, Pending};

use pending::PendingSigner;

/// Room for signature and attributes.
const OWN_ROOM: usize = 2 << 10;
/// Room for a time stamp with its certificates.
pub(super) const TOKEN_ROOM: usize = 16 << 10;
/// Room if nobody knows yet who signs: signed data with chain, OCSP response and time stamp.
const FOREIGN_ROOM: usize = 48 << 10;

/// What is signed, and what is told of it.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// The field.
    pub field: Target,
    /// Who signs, for people to read (`/Name`).
    pub signer: &'a str,
    /// Why (`/Reason`).
    pub reason: Option<&'a str>,
    /// Where (`/Location`).
    pub location: Option<&'a str>,
    /// The time that is claimed, in seconds since 1970 (`/M`).
    pub time: i64,
    /// What the field is to look like: a PDF of one page of the size of the field, as PDF/A-2b without tags. Without
    /// one it stays as it is.
    pub appearance: Option<&'a [u8]>,
    /// Whether it certifies the document: from then on only signatures may follow (DocMDP 2). Only the first can.
    pub certify: bool,
    /// Whether room is kept for a time stamp.
    pub time_stamp: bool,
    /// The certificates of the signer, their own first. If they are not known, only signed data can complete it.
    pub chain: &'a [Certificate],
}

/// Which field is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// One that is there, by its full name.
    Field(String),
    /// A new one that is not to be seen.
    Invisible {
        /// Its name.
        name: FieldName,
        /// What a screen reader says of it.
        label: String,
    },
}

/// Writes the revision and the hole.
///
/// # Errors
///
/// [`SignError`]: the file is broken, there is no such field or it is signed, or an earlier signature does not allow it.
pub fn begin(bytes: &[u8], request: &Request<'_>) -> Result<Pending, SignError> {
    let file = File::read(bytes)?;
    let fields = field::fields(&file)?;
    let found = may_sign(&file, &fields, request)?;
    let algorithm = match request.chain.first() {
        Some(own) => {
            Some(Algorithm::of(own.public_key()).ok_or_else(|| KeyError::Kind(own.public_key().kind().name()))?)
        }
        None => None,
    };
    let mut revision = Revision::new(&file)?;
    let signature = revision.add_signature(dictionary(request)?, room(request));
    match &request.field {
        Target::Field(name) => {
            let field = found.ok_or_else(|| SignError::NoField(name.clone()))?;
            sign_field(&mut revision, field, signature, request.appearance)?;
        }
        Target::Invisible { name, label } => {
            let is_signed = fields.iter().any(SignatureField::is_signed);
            let value = Dictionary::new().with("V", signature);
            let made = field::add_invisible(&mut revision, name, label, &value, is_signed)?;
            field::add_to_form(&mut revision, &[made], is_signed)?;
        }
    }
    if request.certify {
        certify(&mut revision, signature)?;
    }
    let (document, hole) = revision.finish()?;
    let hole = hole.ok_or(SignError::Changed)?;
    let hash = algorithm.map_or(Hash::Sha256, Algorithm::hash);
    let digest = hash.digest(&hole.covered(&document).ok_or(SignError::Changed)?);
    let signer = request.chain.first().zip(algorithm).map(|(own, algorithm)| PendingSigner {
        algorithm,
        attributes: cms::signed_attributes(algorithm, &digest, own),
        chain: request.chain.iter().map(|certificate| certificate.der().to_vec()).collect(),
    });
    Ok(Pending { document, hole, signer, digest })
}

/// Whether the request is allowed; gives the field, if it is there.
fn may_sign<'f>(
    file: &File<'_>,
    fields: &'f [SignatureField],
    request: &Request<'_>,
) -> Result<Option<&'f SignatureField>, SignError> {
    let permissions = Permissions::read(file, fields)?;
    if permissions.is_closed {
        return Err(SignError::Closed);
    }
    if request.certify && (permissions.is_certified || fields.iter().any(SignatureField::is_signed)) {
        return Err(SignError::NotFirst);
    }
    let name = match &request.field {
        Target::Field(name) => name.as_str(),
        Target::Invisible { name, .. } => name.as_str(),
    };
    let mut found = fields.iter().filter(|field| field.name == name);
    let (first, second) = (found.next(), found.next());
    if permissions.locks(name) {
        return Err(SignError::Locked(name.to_owned()));
    }
    match (&request.field, first) {
        (Target::Invisible { .. }, None) => {
            if request.appearance.is_some() {
                return Err(SignError::Appearance);
            }
        }
        (Target::Invisible { .. }, Some(_)) => return Err(SignError::Exists(name.to_owned())),
        (Target::Field(_), None) => return Err(SignError::NoField(name.to_owned())),
        (Target::Field(_), Some(field)) => {
            if field.is_signed() {
                return Err(SignError::Signed(name.to_owned()));
            }
            if field.has_rules || second.is_some() {
                return Err(SignError::Rules(name.to_owned()));
            }
            if request.appearance.is_some() && field.rect.is_none() {
                return Err(SignError::Appearance);
            }
        }
    }
    Ok(first)
}

/// The signature dictionary (ISO 32000-1, table 252; EN 319 142-1, 6.3).
fn dictionary(request: &Request<'_>) -> Result<Dictionary, SignError> {
    let time = jiff::Timestamp::from_second(request.time).map_err(|_| SignError::Time)?;
    let time = time.strftime("D:%Y%m%d%H%M%SZ").to_string();
    let mut dictionary = Dictionary::new()
        .with("Type", Object::name("Sig"))
        .with("Filter", Object::name("Adobe.PPKLite"))
        .with("SubFilter", Object::name("ETSI.CAdES.detached"))
        .with("M", Object::String(time.into_bytes()))
        .with("Name", Object::text(request.signer));
    for (key, text) in [("Reason", request.reason), ("Location", request.location)] {
        if let Some(text) = text {
            dictionary.set(key, Object::text(text));
        }
    }
    if request.certify {
        let parameters =
            Dictionary::new().with("Type", Object::name("TransformParams")).with("P", 2).with("V", Object::name("1.2"));
        let reference = Dictionary::new()
            .with("Type", Object::name("SigRef"))
            .with("TransformMethod", Object::name("DocMDP"))
            .with("TransformParams", parameters);
        dictionary.set("Reference", vec![reference.into()]);
    }
    Ok(dictionary)
}

/// How much room the signature needs.
fn room(request: &Request<'_>) -> usize {
    if request.chain.is_empty() {
        return FOREIGN_ROOM;
    }
    let certificates: usize = request.chain.iter().map(|certificate| certificate.der().len()).sum();
    OWN_ROOM + certificates + if request.time_stamp { TOKEN_ROOM } else { 0 }
}

/// Names the signature in its field, and gives the field its look.
fn sign_field(
    revision: &mut Revision<'_, '_>,
    field: &SignatureField,
    signature: Id,
    appearance: Option<&[u8]>,
) -> Result<(), SignError> {
    let missing = || SignError::NoField(field.name.clone());
    let mut dictionary = revision.dictionary(&field.id.into())?.ok_or_else(missing)?;
    dictionary.set("V", signature);
    revision.set(field.id, dictionary);
    if let Some(appearance) = appearance {
        let look = form::add_page(revision, appearance)?;
        let mut widget = revision.dictionary(&field.widget.into())?.ok_or_else(missing)?;
        widget.set("AP", Dictionary::new().with("N", look));
        revision.set(field.widget, widget);
    }
    Ok(())
}

/// Says in the catalogue that the signature certifies.
fn certify(revision: &mut Revision<'_, '_>, signature: Id) -> Result<(), SignError> {
    let mut catalog = revision.catalog()?;
    let mut permissions = match catalog.get("Perms") {
        Some(held) => revision.dictionary(held)?.unwrap_or_default(),
        None => Dictionary::new(),
    };
    permissions.set("DocMDP", signature);
    catalog.set("Perms", permissions);
    Ok(revision.set_catalog(catalog)?)
}
