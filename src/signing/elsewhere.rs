//! A file that was signed elsewhere is handed in: judged, and tied to the version whose document it holds. What that shows is told, and what it
//! does not.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use unicode_normalization::UnicodeNormalization as _;

use super::{Signing, SigningError, seconds};
use crate::access::now;
use crate::document::{Kind, Party};
use crate::pki::revocation::Evidence;
use crate::record::state::Step;
use crate::record::{Made, MadeElsewhere, Record, RecordError, SignatoryFacts, Version};
use crate::sign::level::Level;
use crate::tenant::Tenant;
use crate::verify::report::{ChangeVerdict, RevocationState, SignatureKind, SignatureReport};
use crate::verify::text::{Tie, TiedBy, tie};
use crate::verify::{Indication, Policy, Report, RevocationPolicy, verify};

/// A file that was handed in.
#[derive(Debug, Clone)]
pub struct HandedIn {
    /// The record as it is now.
    pub record: Record,
    /// What was found out about the file.
    pub found: Found,
}

/// What was found out about a file that was handed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Found {
    /// By what it is tied to the version.
    pub tied_by: TiedBy,
    /// Its pages that the document does not have, counted from 1.
    pub added_pages: Vec<usize>,
    /// Its pages with words in the margin that the document does not have.
    pub added_words: Vec<AddedWords>,
    /// Whose signatures are in it, by their certificates.
    pub signatures: Vec<FoundSignature>,
    /// Those who are to sign, and whether a certificate names them.
    pub signers: Vec<Expected>,
    /// Everything that could be shown, or could not.
    pub checks: Vec<Check>,
}

/// Words that a service has written into a margin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct AddedWords {
    /// Page of the file, from 1.
    pub page: usize,
    /// How many.
    pub words: usize,
}

/// A signature in a file that was handed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FoundSignature {
    /// Name of the field.
    pub field: String,
    /// Whom the certificate names.
    pub name: Option<String>,
    /// The organisation that it names.
    pub organization: Option<String>,
    /// The highest level that holds, if one does.
    pub level: Option<&'static str>,
    /// Whether it leads to somebody who is trusted. Otherwise anybody can have made a certificate with these names.
    pub trusted: bool,
    /// SHA-256 of the certificate.
    #[serde(skip)]
    certificate: Option<String>,
}

/// Somebody who is to sign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Expected {
    /// Name, as the document has it.
    pub name: String,
    /// Whether the certificate of a signature in the file names them, and is trusted.
    pub shown: bool,
}

macro_rules! checks {
    ($($name:ident, $code:literal, $text:literal;)*) => {
        /// Something that a file can show.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Subject {
            $(#[doc = $text] $name,)*
        }

        impl Subject {
            /// For programs.
            #[must_use]
            pub fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// What is shown if it is, in English.
            #[must_use]
            pub fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

checks! {
    Signatures, "signatures", "Every signature is over the file, and nothing was changed after it that may not be.";
    Bytes, "bytes", "The file begins with the document of the version, byte by byte, and only signatures were added.";
    Words, "words", "Every page of the document stands in the file with the same words in the same order.";
    Look, "look", "The pages look as those of the document, but for marks in the boxes that it has for signatures.";
    Structure, "structure", "What screen readers read, and that the file is PDF/A and PDF/UA, is as in the document.";
    Attachments, "attachments", "Attachments are those of the document.";
    Trust, "trust", "Every signature leads to somebody whom this service trusts.";
    Revocation, "revocation", "No certificate had been revoked, as the file itself proves.";
    Time, "time", "A time stamp proves when each signature was made.";
    Signers, "signers", "Certificates that are trusted name everybody who is to sign. Only names were compared.";
}

/// Whether something was shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Check {
    /// For programs.
    pub code: &'static str,
    /// Whether it was shown. If not it may still be so.
    pub shown: bool,
    /// For people, in English.
    pub text: &'static str,
}

impl Check {
    fn of(subject: Subject, shown: bool) -> Self {
        Self { code: subject.code(), shown, text: subject.text() }
    }
}

/// What is kept beside each signature.
#[derive(Serialize)]
struct Kept<'a> {
    #[serde(flatten)]
    report: &'a Report,
    handed_in: &'a Found,
}

impl Signing {
    /// Takes a file that was signed elsewhere. It has to hold the document that was made final: its bytes with nothing but signatures behind them, or,
    /// if a service made the file anew, its words. Every signature in it has to be right, with nothing changed after it that may not be, and, if
    /// anybody is trusted, lead there. What was found out is kept beside it.
    ///
    /// # Errors
    /// See [`SigningError`].
    pub async fn hand_in(&self, tenant: &Tenant, kind: Kind, id: &str, bytes: Bytes) -> Result<HandedIn, SigningError> {
        let record = self.0.records.find(tenant, kind, id).await?;
        let state = record.version.state;
        let not_now = |why| Err(RecordError::NotNow { state, why }.into());
        if state.after(Step::HandIn).is_none() {
            return not_now("only a version that is final, or being signed, can be handed in signed");
        }
        if record.version.revisions > 0 {
            return not_now("somebody has signed here already, whose signature would be lost");
        }
        let document = self.0.records.document(tenant, kind, id, Some(record.version.number)).await?;
        let (tie, report) = self.judge(document.delivered.bytes, bytes.clone()).await?;
        self.look_at_all(&report)?;
        let found = self.found(&tie, &report, &record.version);
        let signatures = made(&report, &found)?;
        let record = self.0.records.hand_in(tenant, kind, id, record.revision, (&bytes, signatures)).await?;
        Ok(HandedIn { record, found })
    }

    async fn judge(&self, document: Bytes, bytes: Bytes) -> Result<(Tie, Report), SigningError> {
        let settings = &self.0.settings;
        let policy = Policy {
            anchors: settings.anchors.clone(),
            // Many services leave it to whoever asks later.
            revocation: RevocationPolicy::IfPresent,
            evidence: Evidence::default(),
            certificates: settings.pool.clone(),
            now: seconds(),
        };
        let turns = Arc::clone(&self.0.turns);
        let turn = turns.acquire_owned().await.map_err(|_| SigningError::Form("the service is stopping"))?;
        let judging = tokio::task::spawn_blocking(move || {
            let _held = turn;
            tie(&document, &bytes).map(|tie| (tie, verify(&bytes, &policy)))
        });
        let judged = judging.await.map_err(|_| SigningError::Form("the file can not be judged"))?;
        judged.map_err(SigningError::OtherDocument)
    }

    fn look_at_all(&self, report: &Report) -> Result<(), SigningError> {
        if signed(report).next().is_none() || !report.reasons.is_empty() {
            return Err(SigningError::NotSigned);
        }
        // Time stamps over the document as well: a broken one is in nobody's interest.
        report.signatures.iter().try_for_each(|signature| self.look_at(signature))
    }

    fn look_at(&self, signature: &SignatureReport) -> Result<(), SigningError> {
        let is_right = signature.intact && signature.valid && signature.indication != Indication::TotalFailed;
        let is_unchanged = matches!(signature.changes.verdict, ChangeVerdict::None | ChangeVerdict::Allowed);
        if !is_right || !is_unchanged {
            return Err(SigningError::NotRight(signature.field.clone()));
        }
        if self.trusts() && signature.kind != SignatureKind::DocumentTimestamp && !signature.trusted {
            return Err(SigningError::NotTrusted(signature.field.clone()));
        }
        Ok(())
    }

    fn found(&self, tie: &Tie, report: &Report, version: &Version) -> Found {
        let signatures: Vec<_> = signed(report).map(FoundSignature::of).collect();
        let signers = expected(version, &signatures);
        let has_bytes = tie.by == TiedBy::Bytes;
        let all = |holds: &dyn Fn(&SignatureReport) -> bool| signed(report).all(holds);
        let is_good = |signature: &SignatureReport| {
            let mut facts = signature.signer.iter().chain(&signature.chain).filter(|facts| !facts.anchor);
            signature.trusted && facts.all(|facts| facts.revocation == RevocationState::Good)
        };
        let checks = vec![
            Check::of(Subject::Signatures, true),
            Check::of(Subject::Bytes, has_bytes),
            // Whoever has the bytes has all of it.
            Check::of(Subject::Words, true),
            Check::of(Subject::Look, tie.look),
            Check::of(Subject::Structure, has_bytes),
            Check::of(Subject::Attachments, has_bytes),
            Check::of(Subject::Trust, self.trusts()),
            Check::of(Subject::Revocation, all(&is_good)),
            Check::of(Subject::Time, all(&|signature| signature.proven_time.is_some())),
            Check::of(Subject::Signers, !signers.is_empty() && signers.iter().all(|signer| signer.shown)),
        ];
        Found {
            tied_by: tie.by,
            added_pages: tie.added_pages.clone(),
            added_words: tie
                .added_words
                .iter()
                .map(|(page, words)| AddedWords { page: *page, words: *words })
                .collect(),
            signatures,
            signers,
            checks,
        }
    }
}

/// The signatures of people and organisations.
fn signed(report: &Report) -> impl Iterator<Item = &SignatureReport> {
    report.signatures.iter().filter(|signature| signature.kind != SignatureKind::DocumentTimestamp)
}

impl FoundSignature {
    fn of(signature: &SignatureReport) -> Self {
        let signer = signature.signer.as_ref();
        Self {
            field: signature.field.clone(),
            name: signer.and_then(|signer| signer.common_name.clone()),
            organization: signer.and_then(|signer| signer.organization.clone()),
            level: signature.level.map(Level::name),
            trusted: signature.trusted,
            certificate: signer.map(|signer| signer.sha256.clone()),
        }
    }
}

/// Those who are to sign: who was asked to, or else the signatories of the document. A certificate stands for one of them.
fn expected(version: &Version, signatures: &[FoundSignature]) -> Vec<Expected> {
    let asked: Vec<String> = match &version.signing {
        Some(signing) => signing.signers.iter().map(|signer| signer.who.name.clone()).collect(),
        None => version.facts.signatories.iter().map(|signatory| signatory.name.clone()).collect(),
    };
    named(asked, signatures)
}

fn named(asked: Vec<String>, signatures: &[FoundSignature]) -> Vec<Expected> {
    let mut used = HashSet::new();
    asked
        .into_iter()
        .map(|name| {
            let names = |signature: &&FoundSignature| {
                let is_named = signature.name.as_deref().is_some_and(|own| is_same_name(own, &name));
                is_named && signature.trusted && !used.contains(&signature.certificate)
            };
            let certificate = signatures.iter().find(names).map(|signature| signature.certificate.clone());
            let shown = certificate.is_some();
            used.extend(certificate);
            Expected { name, shown }
        })
        .collect()
}

/// Whether two names are the same, in whatever case; a certificate may have the family name first, with a comma.
fn is_same_name(certificate: &str, name: &str) -> bool {
    let plain = |name: &str| {
        let name: String = name.nfc().flat_map(char::to_lowercase).collect();
        name.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let turned = certificate.split_once(',').map(|(family, given)| plain(&format!("{given} {family}")));
    let name = plain(name);
    !name.is_empty() && (plain(certificate) == name || turned.is_some_and(|turned| turned == name))
}

fn made(report: &Report, found: &Found) -> Result<Vec<MadeElsewhere>, SigningError> {
    let kept = Kept { report, handed_in: found };
    let evidence = serde_json::to_vec(&kept).map_err(|_| SigningError::Form("the file can not be judged"))?;
    let made = signed(report).map(|signature| {
        let name =
            signature.signer.as_ref().and_then(|who| who.common_name.clone().or_else(|| who.organization.clone()));
        MadeElsewhere {
            // A certificate says who, and not on whose behalf.
            who: SignatoryFacts { party: Party::Other, role: None, name: name.unwrap_or_default() },
            made: Made {
                bytes: Bytes::new(),
                field: signature.field.clone(),
                level: signature.level.unwrap_or(Level::BB),
                raise_after: None,
                signed_at: signature.proven_time.as_ref().map_or_else(now, |proven| proven.time.as_millisecond()),
                evidence: evidence.clone(),
            },
        }
    });
    Ok(made.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signature(name: &str, trusted: bool, certificate: &str) -> FoundSignature {
        let (field, name, certificate) = ("sig".to_owned(), Some(name.to_owned()), Some(certificate.to_owned()));
        FoundSignature { field, name, organization: None, level: None, trusted, certificate }
    }

    #[test]
    fn a_certificate_stands_for_one_who_is_to_sign_and_only_if_it_is_trusted() {
        let shown = |asked: &[&str], signatures: &[FoundSignature]| {
            let asked = asked.iter().map(|name| (*name).to_owned()).collect();
            named(asked, signatures).into_iter().map(|signer| signer.shown).collect::<Vec<_>>()
        };
        let (kari, again) = (signature("Kari", true, "1"), signature("Kari", true, "2"));
        assert_eq!(shown(&["Per", "Kari"], std::slice::from_ref(&kari)), [false, true]);
        assert_eq!(shown(&["Kari"], &[signature("Kari", false, "1")]), [false], "anybody can call themselves Kari");
        assert_eq!(shown(&["Kari", "Kari"], &[kari.clone(), kari.clone()]), [true, false], "who signs twice is one");
        assert_eq!(shown(&["Kari", "Kari"], &[kari, again]), [true, true]);
    }

    #[test]
    fn names_are_compared_as_people_do() {
        for same in ["Kari Nordmann", "KARI  NORDMANN", "Nordmann, Kari", "nordmann,kari"] {
            assert!(is_same_name(same, "Kari Nordmann"), "{same}");
        }
        for other in ["Kari Nordmann Hansen", "Nordmann Kari", "", ","] {
            assert!(!is_same_name(other, "Kari Nordmann"), "{other}");
        }
        assert!(is_same_name("A\u{30a}se", "Åse"), "one letter in two ways");
        assert!(!is_same_name(",", ""), "nobody is somebody");
    }
}
