//! Files of other programs: object streams, forms of their own, certifications, and what is refused.

use std::path::{Path, PathBuf};

use skoledok::sign::SignError;
use skoledok::sign::field::{Place, fields, prepare};
use skoledok::sign::file::{File, FileError, Object};
use skoledok::sign::proof::{Content, existing};
use skoledok::sign::signature::{Request, begin};

use super::{
    CATALOG, PAGE, PAGES, assert_signed, field, invisible, kept, made_of, mark, marked, request, rewritten, sign,
    signable, unprepared, visible,
};
use crate::authority::authority;
use crate::support::{output_folder, python, run_ok};

const CATALOG_WITH_FORM: &[u8] = b"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[4 0 R]>>>>";
const TEXT_FIELD: &[u8] = b"<</Type/Annot/Subtype/Widget/FT/Tx/T(a)/Rect[10 60 100 80]/F 4>>";

/// A page whose annotations are told.
fn page_with(annotations: &str) -> Vec<u8> {
    format!("<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]/Annots {annotations}>>").into_bytes()
}

/// With a form in the catalog, and with one whose every part stands alone.
fn forms(folder: &Path) -> [(&'static str, Vec<u8>); 2] {
    let direct = made_of(&[CATALOG_WITH_FORM, PAGES, &page_with("[4 0 R]"), TEXT_FIELD], "");
    let catalog: &[u8] = b"<</Type/Catalog/Pages 2 0 R/AcroForm 5 0 R>>";
    let form: &[u8] = b"<</Fields 6 0 R/SigFlags 1>>";
    let indirect = made_of(&[catalog, PAGES, &page_with("7 0 R"), TEXT_FIELD, form, b"[4 0 R]", b"[4 0 R]"], "");
    [
        ("form-direct", rewritten(folder, "form-direct", &direct, &["--object-streams=disable"])),
        ("form-indirect", rewritten(folder, "form-indirect", &indirect, &["--object-streams=generate"])),
    ]
}

/// A field within a field, whose widget is an object of its own.
fn nested(folder: &Path) -> Vec<u8> {
    let file = made_of(
        &[
            CATALOG_WITH_FORM,
            PAGES,
            &page_with("[6 0 R]"),
            b"<</T(gruppe)/FT/Sig/Kids[5 0 R]>>",
            b"<</T(indre)/Parent 4 0 R/Kids[6 0 R]>>",
            b"<</Type/Annot/Subtype/Widget/Rect[10 10 100 50]/F 4/Parent 5 0 R/P 3 0 R>>",
        ],
        "",
    );
    rewritten(folder, "form-nested", &file, &["--object-streams=disable"])
}

/// A page under thirty nodes, the outermost of which has its size.
fn deep(folder: &Path) -> Vec<u8> {
    let mut objects = vec![CATALOG.to_vec(), b"<</Type/Pages/Count 1/Kids[3 0 R]/MediaBox[0 0 200 200]>>".to_vec()];
    for number in 3..33 {
        let (parent, kid) = (number - 1, number + 1);
        objects.push(format!("<</Type/Pages/Count 1/Kids[{kid} 0 R]/Parent {parent} 0 R>>").into_bytes());
    }
    objects.push(b"<</Type/Page/Parent 32 0 R>>".to_vec());
    let objects: Vec<&[u8]> = objects.iter().map(Vec::as_slice).collect();
    rewritten(folder, "deep", &made_of(&objects, ""), &["--object-streams=disable"])
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn files_of_other_programs_are_signed() {
    let folder = output_folder("sign-others");
    let linear = rewritten(&folder, "linear", &made_of(&[CATALOG, PAGES, PAGE], ""), &["--linearize"]);
    certify(&folder);
    let mut files = vec![("deep", deep(&folder)), ("linear", linear)];
    files.push(("certified-open", read(&folder.join("certified-open.pdf"))));
    files.extend(forms(&folder));
    let mut signed = Vec::new();
    for (name, bytes) in files {
        let once = sign(&bytes, invisible("sig-1")).unwrap_or_else(|error| panic!("{name}: {error}"));
        let twice = sign(&once, invisible("sig-2")).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(once.starts_with(&bytes) && twice.starts_with(&once), "{name}");
        assert_eq!(sign(&twice, invisible("sig-2")), Err(SignError::Exists("sig-2".to_owned())));
        assert_eq!(sign(&twice, visible("sig-2")), Err(SignError::Signed("sig-2".to_owned())));
        assert_eq!(sign(&twice, visible("sig-3")), Err(SignError::NoField("sig-3".to_owned())));
        signed.push((name, twice));
    }
    let nested = nested(&folder);
    let found = fields(&File::read(&nested).expect("it is read")).expect("it has fields");
    assert_eq!(
        found.iter().map(|field| (field.name.as_str(), field.page, field.rect)).collect::<Vec<_>>(),
        [("gruppe.indre", Some(0), Some([10.0, 10.0, 100.0, 50.0]))]
    );
    signed.push(("form-nested", sign(&nested, visible("gruppe.indre")).expect("it is signed")));
    let packed = ["--object-streams=generate", "--deterministic-id"];
    let agreement = rewritten(&folder, "agreement", &unprepared(&signable(2)), &packed);
    let agreement = prepare(&agreement, &marked(2)).expect("it is prepared");
    let first = sign(&agreement, visible("sig-2")).expect("it is signed");
    signed.push(("agreement", sign(&first, visible("sig-1")).expect("it is signed")));
    let count = |name: &str| match name {
        "form-nested" => 1,
        "certified-open" => 3,
        _ => 2,
    };
    // The first one of the certified file is of another kind than ours.
    let levels = |name: &str| if name == "certified-open" { &[][..] } else { &["B-B"] };
    let path = |name: &str, bytes: &[u8]| kept(&folder, &format!("{name}-signed.pdf"), bytes);
    let files: Vec<(PathBuf, usize, &[&str])> =
        signed.iter().map(|(name, bytes)| (path(name, bytes), count(name), levels(name))).collect();
    assert_signed(&files);
}

#[test]
fn a_signature_that_is_no_object_of_its_own_counts_and_what_a_trailer_says_stays() {
    let catalog = b"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[4 0 R]/SigFlags 3>>>>";
    let direct =
        b"<</Type/Annot/Subtype/Widget/FT/Sig/T(a)/Rect[0 0 0 0]/F 132/P 3 0 R/V<</Type/Sig/Filter/Adobe.PPKLite\
        /SubFilter/ETSI.CAdES.detached/ByteRange[0 1 2 3]/Contents<00>>>>>";
    let file = made_of(&[catalog, PAGES, &page_with("[4 0 R]"), direct], "/Fremmed(x)");
    assert_eq!(sign(&file, visible("a")), Err(SignError::Signed("a".to_owned())));
    let late = begin(&file, &Request { certify: true, ..request(invisible("b"), None) });
    assert_eq!(late.map(drop), Err(SignError::NotFirst));
    let signed = sign(&file, invisible("b")).expect("it is signed");
    let signed = File::read(&signed).expect("it is read");
    assert_eq!(signed.trailer().get("Fremmed").and_then(Object::as_string), Some(&b"x"[..]));
    // A level that all signatures have is none that this one lacks.
    let found = existing(&signed).expect("it is read");
    let fields: Vec<&str> = found.iter().map(|one| one.field.as_str()).collect();
    assert_eq!(fields, ["a", "b"]);
    assert!(matches!(found[0].content, Content::Unknown) && matches!(found[1].content, Content::Signature(_)));
}

/// What pyHanko signs first, in ways that forbid something.
fn certify(folder: &Path) {
    let source = kept(folder, "source.pdf", &made_of(&[CATALOG, PAGES, PAGE], "/ID[<00><00>]"));
    run_ok(python("certified.py").arg(folder).arg(source).arg(authority().folder()));
}

#[test]
fn what_others_closed_or_locked_stays_so() {
    let folder = output_folder("sign-closed");
    certify(&folder);
    let encrypt = ["--encrypt", "", "eier", "256", "--"];
    let encrypted = rewritten(&folder, "encrypted", &made_of(&[CATALOG, PAGES, PAGE], ""), &encrypt);
    assert_eq!(sign(&encrypted, invisible("a")), Err(SignError::File(FileError::Encrypted)));
    assert_eq!(sign(&read(&folder.join("certified-closed.pdf")), invisible("a")), Err(SignError::Closed));
    let locked = read(&folder.join("locked.pdf"));
    assert_eq!(sign(&locked, visible("andre")), Err(SignError::Locked("andre".to_owned())));
    let signed = sign(&locked, invisible("tredje")).expect("it is signed");
    assert_signed(&[(kept(&folder, "locked-signed.pdf", &signed), 2, &[])]);
}

#[test]
fn only_the_first_signature_certifies_and_late_fields_are_invisible() {
    let prepared = signable(2);
    let first = sign(&prepared, visible("sig-1")).expect("it is signed");
    let late = begin(&first, &Request { certify: true, ..request(visible("sig-2"), None) });
    assert_eq!(late.map(drop), Err(SignError::NotFirst));
    assert!(prepare(&first, &[field("sig-9", Place::Marked)]).is_err());
    assert!(prepare(&first, &[field("sig-9", Place::Invisible)]).is_ok());
    let look = mark();
    assert_eq!(begin(&first, &request(invisible("a"), Some(look))).map(drop), Err(SignError::Appearance));
    for bad in [&look[..100], b"", &prepared] {
        assert!(matches!(begin(&first, &request(visible("sig-2"), Some(bad))), Err(SignError::Form(_))));
    }
}
