//! Whatever the bytes are, there is an answer and no panic.

use skoledok::sign::SignError;
use skoledok::sign::field::{fields, prepare};
use skoledok::sign::file::{File, FileError, Id, Indirect, Stream};
use skoledok::sign::key::Checks;
use skoledok::sign::permission::Permissions;
use skoledok::sign::proof;
use skoledok::sign::signature::{Request, begin};

use super::{CATALOG, PAGE, PAGES, invisible, made_of, marked, request, signable, signer, small, unprepared, visible};
use crate::pki::now;

/// Reads all there is, and begins what can be begun.
fn try_everything(bytes: &[u8], request: &Request<'_>) {
    if let Ok(file) = File::read(bytes) {
        let numbers: Vec<_> = file.entries().collect();
        for (number, _) in numbers {
            let id = Id { number, generation: 0 };
            if let Ok(Some(Indirect::Stream(stream))) = file.get(id) {
                drop(file.unpacked(&stream));
            }
            drop(file.spans(id));
        }
        if let Ok(found) = fields(&file) {
            drop(Permissions::read(&file, &found));
        }
        drop(proof::existing(&file));
        drop(proof::Proofs::stored(&file));
    }
    drop(prepare(bytes, &marked(1)));
    drop(begin(bytes, request));
    drop(proof::begin_time_stamp(bytes, "Tidsstempel"));
}

#[test]
fn no_flipped_byte_and_no_cut_makes_it_panic() {
    let lax = Checks { now: now(), anchors: None, pool: &[], evidence: None };
    let small = small();
    let prepared = prepare(&small, &marked(1)).expect("it can be prepared");
    let signer = signer("p256");
    let wanted = Request { chain: signer.chain(), ..request(visible("sig-1"), None) };
    let full =
        begin(&prepared, &wanted).expect("it begins").sign(&signer, &lax).expect("it signs").finish().expect("it fits");
    // Prime steps, so that over the lengths of things they fall everywhere.
    for (bytes, step) in [(&full, 7), (&small, 1), (&unprepared(&signable(1)), 997)] {
        for index in (0..bytes.len()).step_by(step) {
            for bit in [0x01, 0x80] {
                let mut bad = bytes.clone();
                bad[index] ^= bit;
                try_everything(&bad, &wanted);
            }
        }
        for length in (0..bytes.len()).step_by(step * 10) {
            try_everything(&bytes[..length], &wanted);
        }
    }
}

fn stream(entries: &str, data: &[u8]) -> Vec<u8> {
    let head = format!("<<{entries}/Length {}>>\nstream\n", data.len());
    [head.as_bytes(), data, b"\nendstream"].concat()
}

fn packed(length: usize) -> Vec<u8> {
    let mut packer = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut packer, &vec![b' '; length]).expect("it is memory");
    packer.finish().expect("it is memory")
}

#[test]
fn what_leads_in_circles_or_has_no_end_is_refused() {
    let good = made_of(&[CATALOG, PAGES, PAGE], "");
    let file = File::read(&good).expect("it is good");
    assert_eq!(file.pages().map(<[_]>::len), Ok(1));
    let at = good.windows(6).position(|window| window == b"\nxref\n").expect("there is a table") + 1;
    let circle = made_of(&[CATALOG, PAGES, PAGE], &format!("/Prev {at}"));
    assert!(matches!(File::read(&circle), Err(FileError::References(_))));
    for (kids, expected) in [
        (&b"<</Type/Pages/Count 1/Kids[2 0 R]>>"[..], FileError::Part("the tree of pages")),
        (b"<</Type/Pages/Count 1/Kids[3 0 R 3 0 R]>>", FileError::Part("the tree of pages")),
        (b"<</Type/Pages/Count 1/Kids[5]>>", FileError::Part("the tree of pages")),
    ] {
        let bytes = made_of(&[CATALOG, kids, PAGE], "");
        assert_eq!(File::read(&bytes).expect("it is read").pages().map(<[_]>::len), Err(expected));
    }
    let itself = made_of(&[CATALOG, PAGES, PAGE, b"<</Length 4 0 R>>\nstream\nabc\nendstream"], "");
    let id = |number| Id { number, generation: 0 };
    assert_eq!(File::read(&itself).expect("it is read").get(id(4)), Err(FileError::Object(4)));
    let twice = made_of(&[CATALOG, PAGES, PAGE, b"<</A 1/A 2>>"], "");
    assert_eq!(File::read(&twice).expect("it is read").get(id(4)), Err(FileError::Object(4)));
    let hybrid = made_of(&[CATALOG, PAGES, PAGE, &stream("/Type/XRef/Size 1/W[1 1 1]", &[0; 3])], "");
    let place = hybrid.windows(7).position(|window| window == b"4 0 obj").expect("it is there");
    let hybrid =
        made_of(&[CATALOG, PAGES, PAGE, &stream("/Type/XRef/Size 1/W[1 1 1]", &[0; 3])], &format!("/XRefStm {place}"));
    assert!(File::read(&hybrid).expect("it is read").is_hybrid());
    assert!(matches!(begin(&hybrid, &request(invisible("a"), None)), Err(SignError::File(FileError::References(_)))));
    let encrypted = made_of(&[CATALOG, PAGES, PAGE], "/Encrypt<</Filter/Standard>>");
    assert_eq!(File::read(&encrypted).map(drop), Err(FileError::Encrypted));
}

#[test]
fn what_unpacks_to_much_or_is_much_work_is_refused_soon() {
    let began = std::time::Instant::now();
    let bomb = stream("/Type/ObjStm/N 1/First 4/Filter/FlateDecode", &packed(100 << 20));
    let bytes = made_of(&[CATALOG, PAGES, PAGE, &bomb], "");
    let file = File::read(&bytes).expect("it is read");
    let Ok(Some(Indirect::Stream(stream_of))) = file.get(Id { number: 4, generation: 0 }) else {
        panic!("it is a stream")
    };
    assert_eq!(file.unpacked(&stream_of), Err(FileError::Limit("unpacked bytes")));
    // Many that are small each, and the same one again and again.
    let many = stream("/Filter/FlateDecode", &packed(1 << 20));
    let bytes = made_of(&[CATALOG, PAGES, PAGE, &many], "");
    let file = File::read(&bytes).expect("it is read");
    let again = (0..100).try_for_each(|_| file.unpacked(&stream_of_four(&file)).map(drop));
    assert_eq!(again, Err(FileError::Limit("unpacked bytes")));
    let long = [b"(".as_slice(), &b"0".repeat(4_000_000), b")"].concat();
    let bytes = made_of(&[CATALOG, PAGES, PAGE, &long], "");
    let file = File::read(&bytes).expect("it is read");
    let again = (0..1000).try_for_each(|_| file.get(Id { number: 4, generation: 0 }).map(drop));
    assert_eq!(again, Err(FileError::Limit("bytes to read")));
    let wide = "%PDF-1.7\nxref\n0 9999999999\n";
    let bytes = format!("{wide}trailer\n<</Size 1>>\nstartxref\n9\n%%EOF\n");
    assert_eq!(File::read(bytes.as_bytes()).map(drop), Err(FileError::Limit("cross-references")));
    assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
}

fn stream_of_four(file: &File<'_>) -> Stream {
    match file.get(Id { number: 4, generation: 0 }) {
        Ok(Some(Indirect::Stream(stream))) => stream,
        other => panic!("{other:?}"),
    }
}
