//! What the verifier says of a corpus of signed files beside what pyHanko says of them.
//!
//! `tests/tools/signed_corpus.py` makes most of the files, with pyHanko, endesive and by hand, and `skoledok sign` the others.
//! `tests/tools/signed_corpus_pyhanko.py` asks pyHanko.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use serde_json::Value;
use skoledok::document::{Kind, Locale};
use skoledok::pki::crl::Crl;
use skoledok::pki::revocation::Evidence;
use skoledok::pki::{Anchors, Certificate};
use skoledok::render::Options;
use skoledok::verify::report::{
    ChangeCode, ChangeVerdict, Extent, Level, RevocationState, SignatureKind, SignatureReport,
};
use skoledok::verify::{Indication, Policy, Reason, ReasonCode, Report, RevocationPolicy, SubIndication, verify};

use crate::authority::{PASSWORD, authority};
use crate::support::{binary, output_folder, produce, python, run_ok, sample};

/// Files that pyHanko lets pass and we do not, and why.
const EXCEPTIONS: &[(&str, &str)] = &[
    (
        "attack-sticker",
        "an empty signature field with a picture can be laid over a page by anyone; pyHanko takes it for harmless",
    ),
    (
        "attack-xmp-title",
        "pyHanko lets any XMP pass; here dates and programs may change, and what the document is called may not",
    ),
    (
        "bad-flip-padding",
        "pyHanko does not look at the padding; it is the one place that nobody signs, so it has to be zeros",
    ),
    ("cms-tail", "the same"),
    ("bad-trailing-junk", "pyHanko leaves out bytes after the end; readers may not"),
    ("bad-encrypted", "encrypted files are not looked at"),
    (
        "cert-not-bound",
        "PAdES asks for an attribute that names the certificate (EN 319 142-1, 6.3), pyHanko only checks one that is there",
    ),
    ("stamp-future", "a time stamp from the future proves nothing"),
    ("expired-after-stamp", "a CRL that was made after a certificate had expired does not tell of it (RFC 5280, 3.3)"),
    (
        "expired-before-stamp",
        "the certificate had expired before the time stamp; pyHanko's validation with time lets that pass",
    ),
    ("weak-md5", "MD5 is not even computed"),
    (
        "attack-catalog-drawn",
        "a page may take the catalog for its pictures; pyHanko accounts for it wherever it is used",
    ),
    ("attack-look-in-place", "pyHanko lets a field look otherwise that says the same"),
    ("attack-look-changed", "the same"),
    ("attack-field-hidden", "the same"),
    ("attack-default-font", "the same, for all fields at once"),
    ("attack-info-title", "as for XMP: dates and programs may change, the title may not"),
    (
        "attack-note-as-field",
        "pyHanko does not ask what kind of annotation a new field is; a note is seen without any area",
    ),
    ("attack-stray-object", "pyHanko never looks for objects by itself; readers do that to files they stumble over"),
    ("attack-widget-action", "pyHanko looks for actions at a field, and not at its widgets"),
];

/// The folder of the corpus, with what pyHanko says of it in `pyhanko.json`.
pub static CORPUS: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = output_folder("signed-corpus");
    // First, so that all of it was signed before the time that the corpus is judged at.
    let own = own_files(&output_folder("signed-by-us"));
    run_ok(python("signed_corpus.py").arg(&folder));
    for (name, bytes) in own {
        std::fs::write(folder.join(format!("own-{name}.pdf")), bytes).expect("a file can be written");
    }
    let roots = [read(&folder.join("root.pem")), read(&authority().root_pem())].concat();
    std::fs::write(folder.join("root.pem"), roots).expect("a file can be written");
    run_ok(python("signed_corpus_pyhanko.py").arg(&folder));
    folder
});

pub fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Files that `skoledok sign` makes: one signature after another, seen and not, at each level, and raised for more years.
fn own_files(folder: &Path) -> Vec<(&'static str, Vec<u8>)> {
    let root = authority().root_pem();
    let tsa = authority().tsa_url();
    let unsigned = |kind: Kind| {
        let path = folder.join(format!("{}.pdf", kind.slug()));
        let made = produce(kind, sample(kind, Locale::Nb), Options { signable: true, ..Options::default() });
        std::fs::write(&path, made.expect("it is a sample").rendered.bytes).expect("a file can be written");
        path
    };
    let (plan, agreement) = (unsigned(Kind::AnnualPlan), unsigned(Kind::CooperationAgreement));
    let sign = |from: &Path, name: &str, signer: &str, more: &[&str]| {
        let to = folder.join(format!("{name}.pdf"));
        let mut command = binary();
        command.arg("sign").arg(from).arg("-o").arg(&to).arg("--key").arg(authority().path(&format!("{signer}.p12")));
        command.args(["--password-env", "PASSWORD", "--tsa", &tsa, "--trust"]).arg(&root).env("PASSWORD", PASSWORD);
        run_ok(command.args(more));
        to
    };
    let one = sign(&plan, "bb", "p256", &["--field", "sig-1"]);
    let two = sign(&one, "two", "rsa2048", &["--field", "sig-2", "--level", "B-T"]);
    let invisible = sign(&agreement, "invisible", "p384", &["--level", "B-LT"]);
    let certified = sign(&agreement, "certified", "p256", &["--field", "sig-1", "--certify", "--level", "B-T"]);
    let sealed = sign(&certified, "sealed", "rsa3072", &["--level", "B-LTA"]);
    let renewed = folder.join("renewed.pdf");
    let mut renew = binary();
    run_ok(renew.arg("renew").arg(&sealed).arg("-o").arg(&renewed).args(["--tsa", &tsa, "--trust"]).arg(&root));
    let files = [
        ("unsigned", plan),
        ("bb", one),
        ("two", two),
        ("blt-invisible", invisible),
        ("certified", certified),
        ("blta-sealed", sealed),
        ("renewed", renewed),
    ];
    files.map(|(name, path)| (name, read(&path))).into()
}

fn policy(folder: &Path) -> Policy {
    let now = String::from_utf8(read(&folder.join("now"))).expect("it is text");
    Policy {
        anchors: Anchors::new(Certificate::list(&read(&folder.join("root.pem"))).expect("they are certificates")),
        revocation: RevocationPolicy::IfPresent,
        evidence: Evidence::default(),
        certificates: Vec::new(),
        now: now.trim().parse().expect("it is a number"),
    }
}

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries =
        std::fs::read_dir(folder).expect("the corpus can be listed").map(|entry| entry.expect("it can be read").path());
    let pdfs = entries.filter(|path| path.extension().is_some_and(|extension| extension == "pdf"));
    pdfs.map(|path| (path.file_stem().expect("it has a name").to_string_lossy().into_owned(), read(&path))).collect()
}

#[test]
fn the_verifier_agrees_with_pyhanko() {
    let policy = policy(&CORPUS);
    let said = std::fs::read_to_string(CORPUS.join("pyhanko.json")).expect("pyHanko was asked");
    let said: BTreeMap<String, Value> = serde_json::from_str(&said).expect("it is JSON");
    let mut apart = Vec::new();
    let files = files(&CORPUS);
    assert!(files.len() >= 160, "the corpus is too small");
    for (name, bytes) in &files {
        let report = verify(bytes, &policy);
        let found = differences(&report, &said[name]);
        let known = EXCEPTIONS.iter().any(|(exception, _)| exception == name);
        let passed = report.indication == Indication::TotalPassed;
        assert!(!known || !passed, "{name}: an exception that passes");
        if known && found.is_empty() {
            apart.push(format!("{name}: is an exception and need not be"));
        }
        if !known {
            apart.extend(found.into_iter().map(|difference| format!("{name}: {difference}; {}", shown(&report))));
        }
    }
    assert!(apart.is_empty(), "{} differences\n{}", apart.len(), apart.join("\n"));
}

/// Where a report and pyHanko are apart.
fn differences(report: &Report, said: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let theirs = said["signatures"].as_array().expect("it is a list");
    for (index, ours) in report.signatures.iter().enumerate() {
        let Some(theirs) = theirs.iter().find(|theirs| theirs["field"] == *ours.field) else {
            if ours.indication == Indication::TotalPassed {
                found.push(format!("passed {index}, and pyHanko does not read it"));
            }
            continue;
        };
        if theirs["error"].is_string() {
            if ours.indication == Indication::TotalPassed {
                found.push(format!("passed, and pyHanko says {}", theirs["error"]));
            }
            continue;
        }
        compare(ours, theirs, &mut found);
    }
    let good = |theirs: &Value| theirs["good"] == true || theirs["good_later"] == true;
    if report.signatures.len() < theirs.len() && theirs.iter().any(good) {
        found.push("pyHanko finds more signatures".to_owned());
    }
    if report.indication == Indication::TotalPassed && !theirs.iter().all(good) {
        found.push("passed as a whole, and pyHanko does not let all pass".to_owned());
    }
    found
}

fn compare(ours: &SignatureReport, theirs: &Value, found: &mut Vec<String>) {
    let good = theirs["good"] == true || theirs["good_later"] == true;
    let passed = ours.indication == Indication::TotalPassed;
    if passed != good {
        found.push(format!("{:?}, and pyHanko says {good}", ours.indication));
    }
    let changes_ok = ours.coverage.extent != Extent::Unclear
        && matches!(ours.changes.verdict, ChangeVerdict::None | ChangeVerdict::Allowed);
    if theirs["changes_ok"] != changes_ok {
        found.push(format!("changes {:?}, and pyHanko says {}", ours.changes, theirs["modification"]));
    }
    // Of what is over another part of the file than it should be, nothing more is said.
    if ours.coverage.extent == Extent::Unclear {
        return;
    }
    let trusted_later = good && ours.trusted;
    for (what, ours, theirs) in [
        ("intact", ours.intact, &theirs["intact"]),
        ("valid", ours.valid && ours.intact, &Value::Bool(theirs["valid"] == true && theirs["intact"] == true)),
    ] {
        if *theirs != ours {
            found.push(format!("{what} {ours}, and pyHanko says {theirs}"));
        }
    }
    let judged = ours.valid && theirs["valid"] == true && theirs["intact"] == true;
    if judged && theirs["trusted"] != ours.trusted && !trusted_later {
        found.push(format!("trusted {}, and pyHanko says {}", ours.trusted, theirs["trusted"]));
    }
    assert_eq!(theirs["timestamp"] == true, ours.kind == SignatureKind::DocumentTimestamp);
}

fn shown(report: &Report) -> String {
    let codes =
        |reasons: &[Reason]| reasons.iter().map(|reason| format!("{:?}", reason.code)).collect::<Vec<_>>().join(",");
    let mut line = format!("{:?} {:?} [{}]", report.indication, report.sub_indication, codes(&report.reasons));
    for signature in &report.signatures {
        let changes: Vec<String> = signature
            .changes
            .list
            .iter()
            .map(|change| format!("{}{:?}", if change.allowed { "" } else { "!" }, change.code))
            .collect();
        write!(
            line,
            " | {} {:?} {:?} {:?}{}{}{} {:?} {:?} {:?} [{}] ({})",
            signature.field,
            signature.indication,
            signature.sub_indication,
            signature.level,
            if signature.intact { " I" } else { " -" },
            if signature.valid { "V" } else { "-" },
            if signature.trusted { "T" } else { "-" },
            signature.coverage.extent,
            signature.changes.verdict,
            signature.kind,
            codes(&signature.reasons),
            changes.join(",")
        )
        .expect("a string takes all");
    }
    line
}

/// Each of these is refused for what it is, and not because something else is wrong with the file.
#[test]
fn attacks_are_called_what_they_are() {
    use ChangeCode as C;
    let policy = policy(&CORPUS);
    for (name, code) in [
        ("attack-catalog-drawn", C::CatalogChanged),
        ("attack-look-in-place", C::FieldChanged),
        ("attack-look-changed", C::FieldChanged),
        ("attack-field-hidden", C::FieldChanged),
        ("attack-default-font", C::FormDefaults),
        ("attack-locked-look", C::FieldLocked),
        ("attack-info-title", C::InformationChanged),
        ("attack-size", C::ObjectFreed),
        ("attack-stray-object", C::StrayObject),
        ("attack-note-as-field", C::AnnotationAdded),
        ("attack-widget-action", C::ActionsChanged),
    ] {
        let report = verify(&read(&CORPUS.join(format!("{name}.pdf"))), &policy);
        assert_eq!(report.indication, Indication::TotalFailed, "{name}: {}", shown(&report));
        let changes = report.signatures.iter().flat_map(|signature| &signature.changes.list);
        let forbidden: Vec<_> = changes.filter(|change| !change.allowed).map(|change| change.code).collect();
        assert!(forbidden.contains(&code), "{name}: {}", shown(&report));
    }
    for (name, code) in [
        ("attack-unfinished-object", ReasonCode::HoleEntered),
        ("attack-packed-parameters", ReasonCode::ForbiddenChanges),
        ("attack-packed-filter", ReasonCode::ForbiddenChanges),
        ("attack-packed-twice", ReasonCode::ForbiddenChanges),
        ("attack-loose-table", ReasonCode::Unreadable),
        ("stamp-nothing-signed", ReasonCode::NoSignatures),
    ] {
        let report = verify(&read(&CORPUS.join(format!("{name}.pdf"))), &policy);
        assert_ne!(report.indication, Indication::TotalPassed, "{name}");
        let reasons = report.signatures.iter().flat_map(|signature| &signature.reasons).chain(&report.reasons);
        assert!(reasons.map(|reason| reason.code).any(|found| found == code), "{name}: {}", shown(&report));
    }
}

/// A file can bring so many lists that those which were fetched would be behind all that are looked at.
#[test]
fn what_was_fetched_is_heeded_first() {
    let bytes = read(&CORPUS.join("change-crowd-of-lists.pdf"));
    assert_eq!(verify(&bytes, &policy(&CORPUS)).indication, Indication::TotalPassed);
    let revoked = read(&CORPUS.join("ola-revoked.crl"));
    let evidence = Evidence { crls: vec![Crl::from_der(&revoked).expect("it is a CRL")], responses: Vec::new() };
    let policy = Policy { evidence, ..policy(&CORPUS) };
    let report = verify(&bytes, &policy);
    assert_ne!(report.indication, Indication::TotalPassed, "{}", shown(&report));
}

#[test]
fn without_an_anchor_nothing_passes() {
    let policy = Policy { anchors: Anchors::default(), ..policy(&CORPUS) };
    for (name, bytes) in files(&CORPUS) {
        assert_ne!(verify(&bytes, &policy).indication, Indication::TotalPassed, "{name}");
    }
}

#[test]
fn who_asks_for_proofs_of_revocation_gets_them_or_no_pass() {
    let policy = Policy { revocation: RevocationPolicy::Required, ..policy(&CORPUS) };
    for (name, bytes) in files(&CORPUS) {
        let report = verify(&bytes, &policy);
        if report.indication == Indication::TotalPassed {
            let certificates = report.signatures.iter().flat_map(|one| one.signer.iter().chain(&one.chain));
            let unproven = certificates.filter(|one| !one.anchor && one.revocation != RevocationState::Good).count();
            assert_eq!(unproven, 0, "{name}");
        }
        if ["good-blt", "good-blta", "good-blta-streams", "good-blt-ocsp", "good-five"].contains(&&*name) {
            assert_eq!(report.indication, Indication::TotalPassed, "{name}: {}", shown(&report));
        }
        if name == "good-bb-table" {
            assert_eq!(report.sub_indication, Some(SubIndication::TryLater), "{name}: {}", shown(&report));
        }
    }
}

#[test]
fn levels_are_those_that_were_made() {
    let policy = policy(&CORPUS);
    for (name, level) in [
        ("good-bb-table", Some(Level::BB)),
        ("good-bt", Some(Level::BT)),
        ("good-blt", Some(Level::BLT)),
        ("good-blta", Some(Level::BLTA)),
        ("good-pkcs7", None),
    ] {
        let bytes = std::fs::read(CORPUS.join(format!("{name}.pdf"))).expect("it is in the corpus");
        assert_eq!(verify(&bytes, &policy).signatures[0].level, level, "{name}");
    }
}

/// A byte that is another makes the verdict fall, wherever it is, and so does every cut. The exceptions are in the frame of the CMS, which
/// nobody signs (RFC 5652, 5.4): its version, the list of digests, how the issuer's name is written. They change nothing that is told.
#[test]
fn no_byte_can_be_changed() {
    let policy = policy(&CORPUS);
    let bytes = std::fs::read(CORPUS.join("good-small.pdf")).expect("it is in the corpus");
    let whole = verify(&bytes, &policy);
    assert_eq!(whole.indication, Indication::TotalPassed);
    let threads = std::thread::available_parallelism().map_or(1, Into::into);
    let (bytes, whole, policy) = (&bytes, &whole, &policy);
    let passed: usize = std::thread::scope(|scope| {
        let part = |first: usize| flipped(bytes, whole, policy, (first..bytes.len()).step_by(threads));
        let parts: Vec<_> = (0..threads).map(|first| scope.spawn(move || part(first))).collect();
        parts.into_iter().map(|part| part.join().expect("no flip goes wrong")).sum()
    });
    assert!(passed < 40, "{passed} flips pass");
}

/// Flips a bit of each byte, cuts the file there, and counts how often that changes nothing.
fn flipped(bytes: &[u8], whole: &Report, policy: &Policy, places: impl Iterator<Item = usize>) -> usize {
    let mut passed = 0;
    for at in places {
        let mut touched = bytes.to_vec();
        touched[at] ^= 1 << (at % 8);
        // Hexadecimal digits may be small or large.
        if !(bytes[at].is_ascii_hexdigit() && touched[at].eq_ignore_ascii_case(&bytes[at])) {
            let report = verify(&touched, policy);
            if report.indication == Indication::TotalPassed {
                assert_eq!(report.signatures, whole.signatures, "byte {at}");
                passed += 1;
            }
        }
        let cut = verify(&bytes[..at], policy);
        assert!(cut.indication != Indication::TotalPassed || at + 1 == bytes.len(), "cut to {at}");
    }
    passed
}

/// Parts of files taken out, doubled, swapped and overwritten: whatever comes of it, there is an answer, and it is no pass.
#[test]
fn mangled_files_get_an_answer() {
    let policy = policy(&CORPUS);
    let mut seed = 1_u64;
    let mut random = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(seed >> 33).expect("it has 31 bits") % below.max(1)
    };
    for (name, bytes) in files(&CORPUS) {
        for round in 0..12 {
            let mut mangled = bytes.clone();
            let (from, length) = (random(bytes.len()), 1 + random(60));
            let to = (from + length).min(bytes.len());
            match round % 4 {
                0 => drop(mangled.drain(from..to)),
                1 => drop(mangled.splice(from..from, bytes[from..to].to_vec())),
                2 => mangled[from..to].reverse(),
                _ => mangled[from..to].iter_mut().for_each(|byte| *byte = b'0' + (*byte % 10)),
            }
            let report = verify(&mangled, &policy);
            let facts = |report: &Report| {
                report
                    .signatures
                    .iter()
                    .map(|one| one.signer.as_ref().map(|signer| signer.sha256.clone()))
                    .collect::<Vec<_>>()
            };
            if report.indication == Indication::TotalPassed && mangled != bytes {
                // In the frame of a CMS, as in `no_byte_can_be_changed`, or in bytes after all that is signed that say nothing.
                assert_eq!(facts(&report), facts(&verify(&bytes, &policy)), "{name}, {round}, at {from}");
            }
        }
    }
}

#[test]
fn what_we_sign_passes_at_its_level() {
    let policy = Policy { revocation: RevocationPolicy::Required, ..policy(&CORPUS) };
    for (name, levels) in [
        ("blt-invisible", &[Level::BLT][..]),
        ("blta-sealed", &[Level::BLTA, Level::BLTA]),
        ("renewed", &[Level::BLTA, Level::BLTA]),
    ] {
        let report = verify(&read(&CORPUS.join(format!("own-{name}.pdf"))), &policy);
        assert_eq!(report.indication, Indication::TotalPassed, "{name}: {}", shown(&report));
        let found: Vec<_> = report.signatures.iter().filter_map(|signature| signature.level).collect();
        assert_eq!(found, levels, "{name}: {}", shown(&report));
    }
}
