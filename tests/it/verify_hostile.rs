//! Files that were made to hang, to fill the memory or to overflow the stack. Each gets an answer, and soon.

use std::fmt::Write as _;
use std::io::Write as _;
use std::time::Instant;

use skoledok::pki::Anchors;
use skoledok::pki::revocation::Evidence;
use skoledok::verify::{Indication, Policy, ReasonCode, Report, RevocationPolicy, verify};

fn judge(name: &str, bytes: &[u8]) -> Report {
    let policy = Policy {
        anchors: Anchors::default(),
        revocation: RevocationPolicy::IfPresent,
        evidence: Evidence::default(),
        certificates: Vec::new(),
        now: 1_800_000_000,
    };
    let began = Instant::now();
    let report = verify(bytes, &policy);
    let (took, codes) = (began.elapsed(), report.reasons.iter().map(|reason| reason.code).collect::<Vec<_>>());
    println!("{name}: {} bytes, {took:?}, {codes:?}, {} signatures", bytes.len(), report.signatures.len());
    assert_ne!(report.indication, Indication::TotalPassed, "{name}");
    assert!(took.as_secs() < 60, "{name} took {took:?}");
    report
}

/// A file of objects, whose first is the catalog.
fn file(objects: &[String]) -> Vec<u8> {
    let objects: Vec<Vec<u8>> = objects.iter().map(|object| object.clone().into_bytes()).collect();
    raw(&objects)
}

fn raw(objects: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = b"%PDF-1.7\n".to_vec();
    let mut table = format!("xref\n0 {}\n0000000000 65535 f\r\n", objects.len() + 1);
    for (index, object) in objects.iter().enumerate() {
        write!(table, "{:010} 00000 n\r\n", bytes.len()).expect("a string takes all");
        writeln!(bytes, "{} 0 obj", index + 1).expect("a vector takes all");
        bytes.extend_from_slice(object);
        bytes.extend_from_slice(b"\nendobj\n");
    }
    let start = bytes.len();
    writeln!(bytes, "{table}trailer\n<</Size {}/Root 1 0 R>>\nstartxref\n{start}\n%%EOF", objects.len() + 1)
        .expect("a vector takes all");
    bytes
}

/// Adds an empty revision that replaces one object.
fn append(bytes: &mut Vec<u8>, size: usize, number: usize, body: &str) {
    let text = String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(40)..]).into_owned();
    let previous =
        text.rsplit("startxref\n").next().and_then(|rest| rest.split('\n').next()).expect("it has one").to_owned();
    let at = bytes.len();
    writeln!(bytes, "{number} 0 obj\n{body}\nendobj").expect("a vector takes all");
    let start = bytes.len();
    writeln!(bytes, "xref\n{number} 1\n{at:010} 00000 n\r\ntrailer\n<</Size {size}/Root 1 0 R/Prev {previous}>>\nstartxref\n{start}\n%%EOF")
        .expect("a vector takes all");
}

/// Adds a revision in which a signature is over the whole of it, as far as can be without a key.
fn cover(bytes: &mut Vec<u8>, size: usize, number: usize) {
    let at = bytes.len();
    let head = format!("{number} 0 obj\n<</Type/Sig/SubFilter/ETSI.CAdES.detached/Contents");
    let hole = (at + head.len(), at + head.len() + 6);
    let rest_of = |length: usize, start: usize, previous: &str| {
        format!(
            "/ByteRange[0 {} {} {length:010}]>>\nendobj\nxref\n{number} 1\n{at:010} 00000 n\r\ntrailer\n<</Size {size}/Root 1 0 R/Prev {previous}>>\nstartxref\n{start:010}\n%%EOF\n",
            hole.0, hole.1
        )
    };
    let tail = String::from_utf8_lossy(&bytes[bytes.len() - 30..]).into_owned();
    let previous =
        tail.rsplit("startxref\n").next().and_then(|rest| rest.split('\n').next()).expect("it has one").to_owned();
    let length = rest_of(0, 0, &previous).len();
    let start = hole.1 + rest_of(0, 0, &previous).find("xref\n").expect("it has one");
    let rest = rest_of(length, start, &previous);
    bytes.extend_from_slice(head.as_bytes());
    bytes.extend_from_slice(b"<3080>");
    bytes.extend_from_slice(rest.as_bytes());
}

fn deflated(plain: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(plain).expect("a vector takes all");
    encoder.finish().expect("a vector takes all")
}

const CATALOG: &str = "<</Type/Catalog/Pages 2 0 R/AcroForm 3 0 R>>";
const PAGES: &str = "<</Type/Pages/Kids[]/Count 0>>";

#[test]
fn loops_and_depths_end() {
    let deep = format!("{}{}", "[".repeat(5_000_000), "]".repeat(5_000_000));
    judge("deep", &file(&[CATALOG.into(), PAGES.into(), format!("<</Fields {deep}>>")]));
    judge(
        "fields in a ring",
        &file(&[CATALOG.into(), PAGES.into(), "<</Fields[4 0 R]>>".into(), "<</T(a)/Kids[4 0 R]>>".into()]),
    );
    judge("length of itself", &file(&[CATALOG.into(), PAGES.into(), "<</Length 3 0 R>>\nstream\nx\nendstream".into()]));
    judge("reference to itself", &file(&[CATALOG.into(), PAGES.into(), "3 0 R".into()]));
    judge("root is a number", &file(&["12".into()]));
    let mut many = vec![CATALOG.to_owned(), PAGES.into(), "<</Fields[4 0 R]>>".into()];
    many.extend((4..20_000).map(|number| format!("<</T(a)/Kids[{} 0 R]>>", number + 1)));
    judge("fields below fields", &file(&many));
    let mut ring = file(&[CATALOG.into(), PAGES.into(), "<</Fields[]>>".into()]);
    append(&mut ring, 4, 2, PAGES);
    let text = String::from_utf8(ring).expect("it is text");
    let previous = text.rsplit("/Prev ").next().and_then(|rest| rest.split('>').next()).expect("it has one").to_owned();
    let own = text.rfind("xref\n2 1").expect("it has one").to_string();
    judge("sections in a ring", text.replace(&format!("/Prev {previous}"), &format!("/Prev {own}")).as_bytes());
}

#[test]
fn bombs_do_not_go_off() {
    let bomb = deflated(&vec![b' '; 500 * 1024 * 1024]);
    let mut stream =
        format!("<</Type/ObjStm/N 1/First 4/Filter/FlateDecode/Length {}>>\nstream\n", bomb.len()).into_bytes();
    stream.extend_from_slice(&bomb);
    stream.extend_from_slice(b"\nendstream");
    let mut bytes = b"%PDF-1.7\n".to_vec();
    let at = bytes.len();
    bytes.extend_from_slice(b"2 0 obj\n");
    bytes.extend_from_slice(&stream);
    bytes.extend_from_slice(b"\nendobj\n");
    let start = bytes.len();
    let table = [[1_u8, 0, 0, u8::try_from(at).expect("it is small"), 0], [2, 0, 0, 2, 0]];
    let table: Vec<u8> = [table[1], table[0]].concat();
    writeln!(bytes, "3 0 obj\n<</Type/XRef/W[1 3 1]/Index[1 2]/Size 4/Root 1 0 R/Length {}>>\nstream", table.len())
        .expect("a vector takes all");
    bytes.extend_from_slice(&table);
    writeln!(bytes, "\nendstream\nendobj\nstartxref\n{start}\n%%EOF").expect("a vector takes all");
    judge("object stream", &bytes);

    let table = deflated(&vec![0_u8; 40 * 1024 * 1024]);
    let mut bytes = b"%PDF-1.7\n".to_vec();
    writeln!(bytes, "1 0 obj\n<</Type/XRef/W[1 3 1]/Index[0 8000000]/Size 8000000/Root 1 0 R/Filter/FlateDecode/Length {}>>\nstream", table.len())
        .expect("a vector takes all");
    bytes.extend_from_slice(&table);
    writeln!(bytes, "\nendstream\nendobj\nstartxref\n9\n%%EOF").expect("a vector takes all");
    judge("cross-reference stream", &bytes);
    judge("dictionaries", &file(&[CATALOG.into(), PAGES.into(), format!("[{}]", "<</A[]>>".repeat(2_000_000))]));
    judge("values", &file(&[CATALOG.into(), PAGES.into(), format!("[{}]", "0 ".repeat(20_000_000))]));
}

/// Many signatures times many revisions times many objects.
#[test]
fn products_end() {
    let signature =
        |number: usize| format!("<</Type/Sig/SubFilter/ETSI.CAdES.detached/ByteRange[0 1 2 {number}]/Contents<3080>>>");
    let mut objects =
        vec![CATALOG.to_owned(), "<</Type/Pages/Kids[4 0 R]/Count 1>>".into(), String::new(), String::new()];
    let mut fields = String::new();
    for index in 0..60 {
        let number = objects.len() + 1;
        objects.push(format!("<</FT/Sig/T(s{index})/V {} 0 R>>", number + 1));
        objects.push(signature(index));
        write!(fields, "{number} 0 R ").expect("a string takes all");
    }
    let first = objects.len() + 1;
    let contents: String = (0..20_000).fold(String::new(), |text, index| text + &format!("{} 0 R ", first + index));
    objects.extend((0..20_000).map(|index| format!("[{index} {}]", "1 ".repeat(40))));
    objects[2] = format!("<</Fields[{fields}]>>");
    objects[3] = format!("<</Type/Page/Parent 2 0 R/Contents[{contents}]>>");
    let size = objects.len() + 1;
    let mut bytes = file(&objects);
    for index in 0..60 {
        cover(&mut bytes, size, 6 + 2 * index);
    }
    judge("signatures in revisions", &bytes);
}

/// One object that is used a million times, each time at the end of a long way.
#[test]
fn long_ways_end() {
    let key = "k".repeat(1000);
    let (open, close) = (format!("<</{key} ").repeat(40), ">>".repeat(40));
    let way = format!("<</Type/Pages/Kids[]/Count 0/Way {open}[{}]{close}>>", "4 0 R ".repeat(1_000_000));
    let signature = "<</Type/Sig/SubFilter/ETSI.CAdES.detached/ByteRange[0 1 2 3]/Contents<3080>>>";
    let mut bytes = file(&[
        CATALOG.into(),
        way,
        "<</Fields[5 0 R]>>".into(),
        "(used)".into(),
        "<</FT/Sig/T(a)/V 6 0 R>>".into(),
        signature.into(),
    ]);
    cover(&mut bytes, 7, 6);
    append(&mut bytes, 7, 4, "(changed)");
    let codes: Vec<_> = judge("long ways", &bytes).reasons.iter().map(|reason| reason.code).collect();
    assert!(codes.contains(&ReasonCode::TooMuchWork), "{codes:?}");
}

/// Objects that begin one inside of the other, each of which is read to the end of all.
fn nested(count: usize, open: &str, close: &str) -> Vec<u8> {
    let mut bytes = b"%PDF-1.7\n".to_vec();
    let mut table = String::from("0000000000 65535 f\r\n");
    let used: String = (4..count).fold(String::new(), |text, number| text + &format!("{number} 0 R "));
    let signature = "<</Type/Sig/SubFilter/ETSI.CAdES.detached/ByteRange[0 1 2 3]/Contents<3080>>>";
    let form = format!("<</Fields[{count} 0 R]/Used[{used}]>>");
    for (number, body) in [CATALOG, PAGES, &form].into_iter().enumerate() {
        write!(table, "{:010} 00000 n\r\n", bytes.len()).expect("a string takes all");
        writeln!(bytes, "{} 0 obj\n{body}\nendobj", number + 1).expect("a vector takes all");
    }
    for number in 4..count {
        write!(table, "{:010} 00000 n\r\n", bytes.len()).expect("a string takes all");
        write!(bytes, "{number} 0 obj{open}").expect("a vector takes all");
    }
    bytes.extend(close.repeat(count - 4).bytes());
    bytes.push(b'\n');
    let field = format!("<</FT/Sig/T(a)/V {} 0 R>>", count + 1);
    for (number, body) in [(count, field.as_str()), (count + 1, signature)] {
        write!(table, "{:010} 00000 n\r\n", bytes.len()).expect("a string takes all");
        writeln!(bytes, "{number} 0 obj\n{body}\nendobj").expect("a vector takes all");
    }
    let (start, size) = (bytes.len(), count + 2);
    writeln!(bytes, "xref\n0 {size}\n{table}trailer\n<</Size {size}/Root 1 0 R>>\nstartxref\n{start}\n%%EOF")
        .expect("a vector takes all");
    cover(&mut bytes, size, count + 1);
    bytes
}

#[test]
fn what_is_read_over_and_over_is_counted() {
    for (name, count, open, close) in [
        ("comments in comments", 300_000, "%", ""),
        ("strings in strings", 100_000, "(", ")endobj "),
        ("hexadecimal strings without an end", 300_000, "<", ""),
        ("names without an end", 300_000, "/", ""),
        ("numbers without an end", 300_000, " 1", ""),
    ] {
        let report = judge(name, &nested(count, open, close));
        assert!(!report.signatures.is_empty() || report.reasons.iter().any(|one| one.code == ReasonCode::TooMuchWork));
    }
}

#[test]
fn long_lists_of_locked_fields_end() {
    let names = "(x)".repeat(500_000);
    let count = 10_000;
    let lock = format!("<</Type/SigFieldLock/Action/Include/Fields[{names}]>>");
    let fields: String = (0..count).fold("4 0 R ".to_owned(), |text, index| text + &format!("{} 0 R ", 7 + index));
    let mut objects = vec![CATALOG.to_owned(), PAGES.into(), format!("<</Fields[{fields}]>>")];
    objects.push("<</FT/Sig/T(a)/Lock 6 0 R/V 5 0 R>>".into());
    objects.push("<</Type/Sig/SubFilter/ETSI.CAdES.detached/ByteRange[0 1 2 3]/Contents<3080>>>".into());
    objects.push(lock);
    objects.extend((0..count).map(|index| format!("<</FT/Tx/T(f{index})>>")));
    let size = objects.len() + 1;
    let mut bytes = file(&objects);
    cover(&mut bytes, size, 5);
    append(&mut bytes, size, 2, PAGES);
    judge("locked fields", &bytes);
}

#[test]
fn junk_is_junk() {
    for bytes in [
        &b""[..],
        b"%PDF-",
        b"%PDF-1.7\nstartxref\n0\n%%EOF",
        b"%PDF-1.7\nstartxref\n99999999999999\n%%EOF\n",
        b"%PDF-1.7\nxref\n0 99999999999\nstartxref\n9\n%%EOF",
    ] {
        judge("junk", bytes);
    }
}
