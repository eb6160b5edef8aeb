//! Puts together what is known of each signature: bytes, changes, signature value, certificate and time.
//!
//! The newest is looked at first, since a document time stamp proves of everything before it that it was there (ETSI EN 319 102-1, 5.5).

use std::cell::RefCell;

use jiff::Timestamp;

use super::changes::{Graph, Signed, after, interesting};
use super::evidence::Store;
use super::facts::{algorithms, blank, kind, proven, show_chain};
use super::pdf::{File, PdfError};
use super::reason::{Reason, ReasonCode, together};
use super::report::{ChangeVerdict, Changes, Extent, Indication, Level, SignatureReport, TimeSource};
use super::signature::{Format, Located};
use super::token::Stamp;
use super::trust::{Control, Judged, judge, push, weak};
use super::value::{Value, fault};
use super::{Policy, instant};
use crate::pki::cms::{SignedData, SignerInfo};
use crate::pki::der::{self, tag};
use crate::pki::revocation::LEEWAY;
use crate::pki::timestamp::TimeStampToken;
use crate::pki::{Certificate, Chain, Purpose, oid};

/// Most chains of which it is told that more would have to be known.
const MOST_OPEN: usize = 8;
/// Most time stamps that are looked at in one signature.
const MOST_STAMPS: usize = 4;

/// A document time stamp that proves its time.
struct Milestone {
    revision: usize,
    time: i64,
    authority: Option<Certificate>,
    /// The store that it is over.
    store: Store,
    /// The chain of its authority.
    chain: Option<Chain>,
}

/// A bench before which the signatures of a file come, the newest first.
pub(super) struct Bench<'a, 'f> {
    file: &'a File<'f>,
    policy: &'a Policy,
    /// Everything at hand.
    store: &'a Store,
    /// What the file has by itself.
    own: &'a Store,
    milestones: Vec<Milestone>,
    /// Chains that lead to an anchor, of which it is not known whether something in them is revoked.
    pub open: RefCell<Vec<Chain>>,
}

impl<'a, 'f> Bench<'a, 'f> {
    pub fn new(file: &'a File<'f>, policy: &'a Policy, store: &'a Store, own: &'a Store) -> Self {
        Self { file, policy, store, own, milestones: Vec::new(), open: RefCell::default() }
    }

    /// Notes that more would have to be known of a chain.
    fn ask(&self, judged: Option<&Judged>) {
        let unknown =
            |fault: &ReasonCode| matches!(fault, ReasonCode::RevocationUnknown | ReasonCode::RevocationNotAsked);
        let Some(judged) = judged.filter(|judged| judged.faults.iter().any(unknown)) else { return };
        let mut open = self.open.borrow_mut();
        if let Some(chain) = &judged.chain
            && open.len() < MOST_OPEN
            && !open.contains(chain)
        {
            open.push(chain.clone());
        }
    }

    /// Judges the next older signature.
    pub fn judge(&mut self, located: &Located, value: &Value) -> Result<SignatureReport, PdfError> {
        let mut report = blank(located);
        let mut faults = located.faults.clone();
        if let Value::Broken(fault) = value {
            push(&mut faults, *fault);
        }
        self.changes(located, &mut faults, &mut report)?;
        if let Some(parts) = located.signed(self.file.bytes) {
            self.file.weigh_bytes(2 * parts.iter().map(|part| part.len()).sum::<usize>())?;
            match value {
                Value::Signature(data) => self.signature(located, data, parts, &mut faults, &mut report)?,
                Value::Token(token) => self.token(located, token, parts, &mut faults, &mut report)?,
                Value::Broken(_) => {}
            }
        }
        report.reasons = faults.into_iter().map(Reason::from).collect();
        (report.indication, report.sub_indication) = together(&report.reasons);
        Ok(report)
    }

    fn changes(
        &self,
        located: &Located,
        faults: &mut Vec<ReasonCode>,
        report: &mut SignatureReport,
    ) -> Result<(), PdfError> {
        if located.coverage.extent == Extent::Unclear {
            return Ok(());
        }
        let touched = interesting(self.file, located.revision)?;
        let signed = Signed { end: located.coverage.end.unwrap_or(0), hole: &located.hole, owner: located.id.number };
        let graph = Graph::walk(self.file, located.revision, &touched, &signed)?;
        if graph.has_intruder {
            push(faults, ReasonCode::HoleEntered);
        }
        let list = after(self.file, located.revision, signed.end, &graph, &located.permissions)?;
        let verdict = match () {
            () if list.iter().any(|change| !change.allowed) => ChangeVerdict::Forbidden,
            () if list.is_empty() => ChangeVerdict::None,
            () => ChangeVerdict::Allowed,
        };
        if verdict == ChangeVerdict::Forbidden {
            push(faults, ReasonCode::ForbiddenChanges);
        }
        report.changes = Changes { verdict, list };
        Ok(())
    }

    /// When something that came with a revision was there for certain.
    fn control(&self, revision: usize, claimed: Option<i64>) -> Control {
        let earliest = self.milestones.iter().filter(|stone| stone.revision > revision).map(|stone| stone.time).min();
        Control { at: earliest.unwrap_or(self.policy.now), is_proven: earliest.is_some(), claimed }
    }

    fn token(
        &mut self,
        located: &Located,
        token: &TimeStampToken,
        parts: [&[u8]; 2],
        faults: &mut Vec<ReasonCode>,
        report: &mut SignatureReport,
    ) -> Result<(), PdfError> {
        let control = self.control(located.revision, None);
        let stamp = Stamp::judge(token.clone(), &parts, control, self.store, self.policy)?;
        for fault in &stamp.faults {
            push(faults, if *fault == ReasonCode::TimestampImprint { ReasonCode::DigestMismatch } else { *fault });
        }
        (report.intact, report.valid, report.trusted) = (stamp.intact, stamp.valid, stamp.is_trusted());
        show_chain(report, stamp.judged.as_ref());
        self.ask(stamp.judged.as_ref());
        report.algorithms = stamp.authority.as_ref().and_then(|authority| {
            let signer = token.signed_data().only_signer().ok()?;
            algorithms(signer, authority)
        });
        if stamp.proves() && faults.iter().all(|fault| fault.verdict().is_none()) {
            let time = token.time();
            if self.milestones.iter().any(|later| time > later.time.saturating_add(LEEWAY)) {
                push(faults, ReasonCode::TimestampOrder);
                return Ok(());
            }
            report.proven_time = Some(proven(time, TimeSource::DocumentTimestamp, stamp.authority.as_ref()));
            let mut store = Store::of(self.file, located.revision)?;
            store.add(&self.store.certificates, &[], &[]);
            let chain = stamp.judged.and_then(|judged| judged.chain);
            let authority = stamp.authority;
            self.milestones.push(Milestone { revision: located.revision, time, authority, store, chain });
        }
        Ok(())
    }

    fn signature(
        &self,
        located: &Located,
        data: &SignedData,
        parts: [&[u8]; 2],
        faults: &mut Vec<ReasonCode>,
        report: &mut SignatureReport,
    ) -> Result<(), PdfError> {
        let Ok(signer) = data.only_signer() else {
            push(faults, ReasonCode::CmsMalformed);
            return Ok(());
        };
        // Signed together with its content, it would be over that and not over the file.
        if data.content().is_some() || data.content_type() != oid::DATA {
            push(faults, ReasonCode::CmsMalformed);
            return Ok(());
        }
        let digest = signer.hash().digest(&parts);
        let told = signer.signed_values(oid::MESSAGE_DIGEST);
        report.intact = told == [der::element(tag::OCTET_STRING, &digest)];
        let claimed = signer.claimed_time();
        report.claimed_time = report.claimed_time.or(claimed.map(instant));
        let claimed = report.claimed_time.map(Timestamp::as_second);

        let stamps = self.stamps(located, signer)?;
        let mut control = self.control(located.revision, claimed);
        let best = stamps.iter().filter(|stamp| stamp.proves()).min_by_key(|stamp| stamp.token.time());
        self.time(&stamps, best, &mut control, located.revision, faults, report);

        let verified = match signer.verify(oid::DATA, &digest, &self.store.certificates) {
            Ok(verified) => verified,
            Err(error) => {
                push(faults, fault(&error));
                return Ok(());
            }
        };
        report.valid = true;
        for weakness in verified.weaknesses() {
            push(faults, weak(weakness));
        }
        let is_pades = located.format == Format::Pades;
        if is_pades && !verified.names_certificate {
            push(faults, ReasonCode::CertificateNotBound);
        }
        let has_time = !signer.signed_values(oid::SIGNING_TIME).is_empty();
        if is_pades && has_time {
            push(faults, ReasonCode::ClaimedTimeAttribute);
        }
        report.algorithms = algorithms(signer, &verified.certificate);
        report.kind = kind(&verified.certificate);
        let judged = judge(&verified.certificate, Purpose::Signing, control, self.store, self.policy)?;
        self.ask(Some(&judged));
        for fault in &judged.faults {
            push(faults, *fault);
        }
        report.trusted = judged.is_trusted() && verified.weaknesses().is_empty();
        show_chain(report, Some(&judged));
        let failed =
            faults.iter().any(|fault| fault.verdict().is_some_and(|(verdict, _)| verdict == Indication::TotalFailed));
        if is_pades
            && report.trusted
            && !failed
            && verified.names_certificate
            && !has_time
            && located.claimed_time.is_some()
        {
            report.level = Some(self.level(located.revision, &judged, best, control)?);
        }
        Ok(())
    }

    fn stamps(&self, located: &Located, signer: &SignerInfo) -> Result<Vec<Stamp>, PdfError> {
        let mut stamps = Vec::new();
        for token in signer.unsigned_values(oid::SIGNATURE_TIME_STAMP).iter().take(MOST_STAMPS) {
            let control = self.control(located.revision, None);
            if let Ok(token) = TimeStampToken::from_der(token) {
                let stamp = Stamp::judge(token, &[signer.signature()], control, self.store, self.policy)?;
                self.ask(stamp.judged.as_ref());
                stamps.push(stamp);
            }
        }
        Ok(stamps)
    }

    /// Finds out what proves the time, and says what is wrong with what should.
    fn time(
        &self,
        stamps: &[Stamp],
        best: Option<&Stamp>,
        control: &mut Control,
        revision: usize,
        faults: &mut Vec<ReasonCode>,
        report: &mut SignatureReport,
    ) {
        if let Some(stone) =
            self.milestones.iter().filter(|stone| stone.revision > revision).min_by_key(|stone| stone.time)
        {
            report.proven_time = Some(proven(stone.time, TimeSource::DocumentTimestamp, stone.authority.as_ref()));
        }
        for fault in stamps.iter().flat_map(|stamp| &stamp.faults) {
            push(faults, of_stamp(*fault));
        }
        let Some(best) = best else { return };
        let time = best.token.time();
        if control.is_proven && time > control.at.saturating_add(LEEWAY) {
            push(faults, ReasonCode::TimestampOrder);
            return;
        }
        if control.claimed.is_some_and(|claimed| claimed > time.saturating_add(LEEWAY)) {
            push(faults, ReasonCode::ClaimedAfterProven);
        }
        if !control.is_proven || time <= control.at {
            report.proven_time = Some(proven(time, TimeSource::SignatureTimestamp, best.authority.as_ref()));
            (control.at, control.is_proven) = (time, true);
        }
    }

    /// The level that holds by what the file has itself.
    fn level(
        &self,
        revision: usize,
        judged: &Judged,
        stamp: Option<&Stamp>,
        control: Control,
    ) -> Result<Level, PdfError> {
        if !control.is_proven {
            return Ok(Level::BB);
        }
        let Some(chain) = judged.chain.as_ref() else { return Ok(Level::BB) };
        let later = || self.milestones.iter().filter(|stone| stone.revision > revision);
        let of_stamp = stamp.and_then(|stamp| stamp.judged.as_ref()).and_then(|judged| judged.chain.as_ref());
        let of_time =
            of_stamp.or_else(|| later().min_by_key(|stone| stone.time).and_then(|stone| stone.chain.as_ref()));
        let covers = |store: &Store| -> Result<bool, PdfError> {
            let of_time = of_time.map_or(Ok(true), |chain| store.covers(chain, control.at, self.policy.now))?;
            Ok(of_time && store.covers(chain, control.at, self.policy.now)?)
        };
        if !covers(self.own)? {
            return Ok(Level::BT);
        }
        for stone in later() {
            if covers(&stone.store)? {
                return Ok(Level::BLTA);
            }
        }
        Ok(Level::BLT)
    }
}

/// What a fault of the time stamp in a signature means for the signature.
fn of_stamp(fault: ReasonCode) -> ReasonCode {
    use ReasonCode as R;
    match fault {
        R::TimestampImprint
        | R::TimestampBroken
        | R::TimestampOrder
        | R::WeakDigest
        | R::WeakKey
        | R::AlgorithmUnsupported
        | R::RevocationUnknown
        | R::RevocationNotAsked
        | R::RevokedLater => fault,
        _ => R::TimestampUntrusted,
    }
}
