use std::fmt::Write as _;
use std::io::Read;

use super::*;

const FRONT: Front = Front {
    title: "Brev (høst)",
    language: "nb",
    identifier: "00112233445566778899aabbccddeeff",
    created: (2026, 8, 24),
    two_sided: true,
};

/// Objects of a letter with one page, a heading with an id, a cell that names it, a link and a bookmark.
const OBJECTS: [&str; 15] = [
    "<</Type/Catalog/Pages 2 0 R/Lang(ar)/StructTreeRoot 5 0 R/OutputIntents[11 0 R]/Outlines 13 0 R/Names<</Dests<<\
     /Names[(goal)[3 0 R/Fit]]>>>>>>",
    "<</Type/Pages/Count 1/Kids[3 0 R]>>",
    "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595.2756 841.8898]/Resources<</ColorSpace<</c0[/ICCBased 12 0 R]>>>>\
     /Contents 4 0 R/StructParents 1/Annots[10 0 R]/Tabs/S>>",
    "<</Length 12>>\nstream\nq % (page)\nQ\nendstream",
    "<</Type/StructTreeRoot/K[6 0 R]/ParentTree<</Nums[0 9 0 R 1[7 0 R 8 0 R]]>>/ParentTreeNextKey 2\
     /RoleMap<</Title/P>>/IDTree<</Names[(U1) 7 0 R]>>>>",
    "<</Type/StructElem/S/Document/P 5 0 R/K[7 0 R 8 0 R 9 0 R]>>",
    "<</Type/StructElem/S/H1/P 6 0 R/K[0]/Pg 3 0 R/ID(U1)>>",
    "<</Type/StructElem/S/P/P 6 0 R/K[1]/Pg 3 0 R/A[<</O/Table/Headers[(U1)]>>]>>",
    "<</Type/StructElem/S/Link/P 6 0 R/K[<</Type/OBJR/Pg 3 0 R/Obj 10 0 R>>]>>",
    "<</Type/Annot/Subtype/Link/Rect[0 0 9 9]/StructParent 0/Dest(goal)/Contents(ID \\) 3 0 R)>>",
    "<</Type/OutputIntent/S/GTS_PDFA1/DestOutputProfile 12 0 R>>",
    "<</N 3/Length 3>>\nstream\nICC\nendstream",
    "<</Type/Outlines/First 14 0 R/Last 15 0 R/Count 2>>",
    "<</Title(One)/Parent 13 0 R/Next 15 0 R/Dest[3 0 R/Fit]>>",
    "<</Title(Two)/Parent 13 0 R/Prev 14 0 R/Dest[3 0 R/Fit]>>",
];

fn letter_of(objects: &[&str]) -> Vec<u8> {
    let mut letter = b"%PDF-1.7\n".to_vec();
    let mut rows = String::new();
    for (number, object) in (1..).zip(objects) {
        writeln!(rows, "{:010} 00000 n ", letter.len()).unwrap();
        letter.extend(format!("{number} 0 obj\n{object}\nendobj\n").into_bytes());
    }
    let (start, size) = (letter.len(), objects.len() + 1);
    letter.extend(format!("xref\n0 {size}\n0000000000 65535 f \n{rows}").into_bytes());
    letter.extend(format!("trailer\n<</Size {size}/Root 1 0 R>>\nstartxref\n{start}\n%%EOF").into_bytes());
    letter
}

fn letter() -> Vec<u8> {
    letter_of(&OBJECTS)
}

fn bind(letters: &[&[u8]]) -> Vec<u8> {
    let mut file = PrintFile::begin(Vec::new(), &FRONT).unwrap();
    for letter in letters {
        file.add(letter, "Kari").unwrap();
    }
    file.finish().unwrap()
}

/// The small objects of a print file, unpacked.
fn unpacked(file: &[u8]) -> String {
    let start = file.windows(12).position(|window| window == b"<</Type/ObjS").unwrap();
    let stream = file[start..].windows(8).position(|window| window == b"\nstream\n").unwrap();
    let mut text = String::new();
    flate2::read::ZlibDecoder::new(&file[start + stream + 8..]).read_to_string(&mut text).unwrap();
    text
}

#[test]
fn a_letter_becomes_a_part_in_its_own_language() {
    let text = unpacked(&bind(&[&letter()]));
    assert!(text.contains("/S/Part/P 3 0 R/T(Kari)/Lang(ar)/K "), "{text}");
    assert!(text.contains("/MarkInfo<</Marked true>>/Lang(nb)"), "{text}");
    assert!(!text.contains("/S/Document/P 5 0 R"), "{text}");
}

#[test]
fn ids_names_and_keys_of_two_letters_do_not_meet() {
    let text = unpacked(&bind(&[&letter(), &letter()]));
    for wanted in [
        "/ID(00000001.U1)",
        "/ID(00000002.U1)",
        "/Headers[(00000002.U1)]",
        "/Names[(00000002.U1) ",
        "/Limits[<30303030303030322E5531> <30303030303030322E5531>]",
        "/Dest(00000002.goal)",
        "/Names[(00000002.goal) [",
        "/StructParents 3",
        "/StructParent 2",
        "<</Limits[2 3]/Nums[2 ",
        "/ParentTreeNextKey 4",
    ] {
        assert!(text.contains(wanted), "{wanted} is missing in {text}");
    }
}

#[test]
fn what_looks_like_a_reference_in_a_text_stays() {
    assert!(unpacked(&bind(&[&letter()])).contains("/Contents(ID \\) 3 0 R)"));
}

#[test]
fn an_odd_letter_is_followed_by_an_empty_page_in_two_sided_printing() {
    let mut file = PrintFile::begin(Vec::new(), &FRONT).unwrap();
    assert_eq!(file.add(&letter(), "a").unwrap(), Placed { first_page: 1, pages: 1, blank_after: true });
    assert_eq!(file.add(&letter(), "b").unwrap(), Placed { first_page: 3, pages: 1, blank_after: true });
    assert_eq!(file.pages.count(), 4);
    let text = unpacked(&file.finish().unwrap());
    assert!(text.contains("/Resources<<>>/MediaBox[0 0 595.2756 841.8898]>>"), "{text}");
    assert!(text.contains("/Nums[0<</S/D/P(1-)>>2<</S/D/P(2-)>>]"), "{text}");

    let mut file = PrintFile::begin(Vec::new(), &Front { two_sided: false, ..FRONT }).unwrap();
    assert!(!file.add(&letter(), "a").unwrap().blank_after);
    assert_eq!(file.pages.count(), 1);
}

#[test]
fn bookmarks_of_letters_are_closed_and_know_their_neighbours() {
    let text = unpacked(&bind(&[&letter(), &letter()]));
    assert!(text.contains("<</Type/Outlines/Count 2/First "), "{text}");
    assert_eq!(text.matches("<</Title(Kari)/Parent ").count(), 2);
    assert_eq!(text.matches("/Count -2>>").count(), 2);
}

#[test]
fn equal_streams_are_written_once() {
    let file = bind(&[&letter(), &letter(), &letter()]);
    assert_eq!(file.windows(5).filter(|window| window == b"\nICC\n").count(), 1);
}

#[test]
fn a_title_beyond_ascii_is_utf_16_and_says_the_same_in_the_metadata() {
    let file = bind(&[&letter()]);
    assert!(unpacked(&file).contains("/Title<FEFF004200720065007600200028006800F8007300740029>"));
    assert!(String::from_utf8_lossy(&file).contains(">Brev (høst)</rdf:li>"));
}

#[test]
fn a_refused_letter_leaves_no_trace() {
    let refused =
        OBJECTS.map(|object| if object.starts_with("<</Title(Two)") { "<</Title(Two)/Next 14 0 R>>" } else { object });
    let mut file = PrintFile::begin(Vec::new(), &FRONT).unwrap();
    file.add(&letter(), "Kari").unwrap();
    let error = file.add(&letter_of(&refused), "Kari").unwrap_err();
    assert!(matches!(error, PrintFileError::Malformed("a tree runs in a circle")), "{error}");
    file.add(&letter(), "Kari").unwrap();
    assert_eq!(file.finish().unwrap(), bind(&[&letter(), &letter()]));
}

#[test]
fn what_a_print_file_cannot_carry_is_refused() {
    for (from, to) in [
        ("/Lang(ar)", "/Lang(ar)/AcroForm<<>>"),
        ("/Lang(ar)", ""),
        ("/RoleMap", "/ClassMap<<>>/RoleMap"),
        ("/Names<</Dests", "/Names<</EmbeddedFiles<<>>/Dests"),
        ("/Count 1/Kids", "/Count 1/Rotate 90/Kids"),
        ("/S/Document", "/S/Part"),
        ("/OutputIntents[11 0 R]", ""),
        ("/StructParents", "/Struct#50arents"),
        ("/StructParents 1", "/StructParents 2"),
        ("/Length 12", "/Length 11"),
        ("/Kids[3 0 R]", "/Kids[3 0 R 3 0 R]"),
        ("/Kids[3 0 R]", "/Kids[2 0 R]"),
        ("/c0[/ICCBased 12 0 R]", "/c0 99 0 R"),
        ("/Contents 4 0 R", "/Contents 12 1 R"),
        ("/Tabs/S", "/Tabs"),
        ("/Tabs/S", "/Tabs/S]"),
        ("/Tabs/S", "/Tabs/S/X<0>"),
        ("/Tabs/S", "/Tabs/S(x)1"),
    ] {
        let changed = OBJECTS.map(|object| object.replacen(from, to, 1));
        let changed: Vec<_> = changed.iter().map(String::as_str).collect();
        let mut file = PrintFile::begin(Vec::new(), &FRONT).unwrap();
        assert!(file.add(&letter_of(&changed), "Kari").is_err(), "{from} to {to}");
        assert_eq!(file.pages.count(), 0);
    }
}

#[test]
fn no_damaged_letter_ends_the_program() {
    let whole = letter();
    let mut file = PrintFile::begin(io::sink(), &FRONT).unwrap();
    for end in 0..whole.len() {
        assert!(file.add(&whole[..end], "Kari").is_err(), "cut at {end}");
    }
    for at in 0..whole.len() {
        for byte in *b"(>[/9R\0\xFF" {
            let mut damaged = whole.clone();
            damaged[at] = byte;
            // Taken or refused, as long as it comes back.
            drop(file.add(&damaged, "Kari"));
        }
    }
}

#[test]
fn arrays_in_arrays_without_end_are_refused() {
    let deep = format!("<</Type/OutputIntent/X {}{}>>", "[".repeat(100_000), "]".repeat(100_000));
    let changed = OBJECTS.map(|object| if object.contains("GTS_PDFA1") { deep.as_str() } else { object });
    let mut file = PrintFile::begin(Vec::new(), &FRONT).unwrap();
    assert!(file.add(&letter_of(&changed), "Kari").is_err());
}

#[test]
fn a_wrong_front_is_named() {
    let wrong = [
        (Front { title: " \n", ..FRONT }, "title"),
        (Front { language: "nb)", ..FRONT }, "language"),
        (Front { language: "", ..FRONT }, "language"),
        (Front { identifier: "x", ..FRONT }, "identifier"),
        (Front { created: (2026, 13, 1), ..FRONT }, "created"),
    ];
    for (front, field) in wrong {
        let error = PrintFile::begin(Vec::new(), &front).unwrap_err();
        assert_eq!(error.to_string(), format!("`{field}` of the print file is wrong"));
    }
}

#[test]
fn there_is_no_print_file_without_letters() {
    let file = PrintFile::begin(Vec::new(), &FRONT).unwrap();
    assert!(matches!(file.finish(), Err(PrintFileError::Empty)));
}

#[test]
fn a_file_that_broke_off_takes_no_more() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut file = PrintFile::begin(Full, &FRONT).unwrap();
    assert!(matches!(file.add(&letter(), "Kari"), Err(PrintFileError::Write(_))));
    assert!(matches!(file.add(&letter(), "Kari"), Err(PrintFileError::Broken)));
    assert!(matches!(file.finish(), Err(PrintFileError::Broken)));
}
