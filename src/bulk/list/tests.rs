//! Whole lists, from bytes to entries.

use std::fmt::Write as _;
use std::io::{Cursor, Write as _};
use std::time::{Duration, Instant};

use serde_json::json;
use zip::write::SimpleFileOptions;

use super::*;

fn open(bytes: impl Into<Vec<u8>>) -> Table {
    Table::open(bytes.into()).unwrap()
}

fn faults(bytes: impl Into<Vec<u8>>) -> Vec<ListFault> {
    Table::open(bytes.into()).map(drop).unwrap_err()
}

fn entries(table: &Table) -> Vec<Value> {
    table.rows().map(|row| row.entry.unwrap()).collect()
}

fn first(list: &str) -> Value {
    open(list).rows().next().unwrap().entry.unwrap()
}

macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/lists/", $name)).as_slice()
    };
}

#[test]
fn reads_a_list_as_excel_writes_it_in_norway() {
    let table = open(fixture!("klasseliste-excel.csv"));
    assert!(table.columns().is_of_pupils());
    let expected = [
        json!({
            "key": "e1", "first_name": "Testine", "name": "Testine Prøvesen", "class": "5A", "locale": "nb",
            "guardians": [
                { "name": "Åse Prøvesen", "address": { "line1": "Fiktivgata 1", "postcode": "0042", "city": "Fjordvik" } },
                {
                    "name": "Ærlend Prøvesen",
                    "address": { "line1": "Oppdiktveien 2; oppgang B", "postcode": "0099", "city": "Fjordvik" }
                },
            ],
        }),
        json!({
            "key": "e2", "first_name": "Prøvar", "name": "Prøvar Eksempelsen", "class": "5A", "locale": "nn",
            "protected_address": true,
            "guardians": [{
                "name": "Øyvor Eksempelsen",
                "protected_address": true,
                "address": { "line1": "Fiktivgata 3", "postcode": "0101", "city": "Fjordvik" },
            }],
        }),
    ];
    assert_eq!(entries(&table), expected);
}

#[test]
fn reads_a_list_of_plain_recipients_in_utf_8() {
    let table = open(fixture!("mottakere-utf8.csv"));
    assert!(!table.columns().is_of_pupils());
    assert_eq!(table.columns().merge_fields().collect::<Vec<_>>(), [("oppmøtested", "Oppmøtested")]);
    let expected = [
        json!({
            "key": "m1", "names": ["Testine Prøvesen", "Prøvar Prøvesen"],
            "address": {
                "line1": "Fiktivgata 1", "line2": "Oppgang B\nVed \"porten\"", "postcode": "0042", "city": "Fjordvik"
            },
            "fields": { "oppmøtested": "Aulaen" },
        }),
        json!({
            "key": "m2", "names": ["Øyvor Eksempelsen"],
            "address": { "line1": "Fiktivgata 3", "postcode": "0101", "city": "Fjordvik" },
        }),
        json!({
            "key": "m3", "names": ["Ærlend Eksempelsen"],
            "address": { "line1": "Inventedstreet 4", "postcode": "101", "city": "Fjordton", "country": "Testland" },
            "fields": { "oppmøtested": "Rom 12" },
        }),
    ];
    assert_eq!(entries(&table), expected);
    let headers: Vec<_> = table.rows().map(|row| row.header_of(table.columns(), "/names/0")).collect();
    assert_eq!(headers, [Some("Navn 1"), Some("Navn 2"), Some("Navn 1")]);
}

#[test]
fn reads_utf_16_with_tabulators_and_gives_guardians_the_address_of_the_row() {
    let table = open(fixture!("klasseliste-nynorsk-utf16.txt"));
    let address = json!({ "line1": "Fiktivvegen 1", "postcode": "0042", "city": "Fjordvik" });
    let expected = json!({
        "key": "row-2", "first_name": "Testine", "name": "Testine Prøvesen", "class": "5A", "birth_date": "2016-02-01",
        "address": address,
        "guardians": [{ "name": "Åse Prøvesen", "locale": "nn", "address": address }],
    });
    assert_eq!(entries(&table), [expected]);
    assert_eq!(table.columns().header_of("/guardians/0/address/postcode"), Some("Postnr"));
}

#[test]
fn follows_the_line_that_names_the_separator() {
    let expected = json!({
        "key": "row-2", "names": ["Testine Prøvesen"],
        "address": { "line1": "Fiktivgata 1, oppgang B", "postcode": "0042", "city": "Fjordvik" },
    });
    assert_eq!(entries(&open(fixture!("sep.csv"))), [expected]);
    for list in ["\"sep=,\"\nNavn,Pris;kr\nTest,1", "SEP=\t\r\nNavn\tPris;kr\r\nTest\t1", "Navn,Pris;kr\nTest,1"] {
        assert_eq!(first(list), json!({ "key": "row-2", "names": ["Test"], "fields": { "pris_kr": "1" } }), "{list:?}");
    }
    assert_eq!(faults("sep=|\nNavn|Pris\na|b"), [ListFault::Separator]);
}

#[test]
fn reads_a_workbook() {
    let table = open(fixture!("klasseliste.xlsx"));
    assert_eq!(table.len(), 2);
    let rows: Vec<Row> = table.rows().collect();
    assert_eq!(rows.iter().map(|row| row.number).collect::<Vec<_>>(), [3, 5]);
    let expected = [
        json!({
            "key": "1001", "first_name": "Testine", "name": "Testine Prøvesen", "class": "5A", "birth_date": "2016-02-29",
            "guardians": [
                { "name": "Åse Prøvesen", "address": { "line1": "Fiktivgata 1", "postcode": "0042", "city": "Fjordvik" } },
                {
                    "name": "Ærlend Prøvesen", "protected_address": true,
                    "address": { "line1": "Oppdiktveien 2", "postcode": "0099", "city": "Fjordvik" }
                },
            ],
            "fields": { "pris_kr": "12.5", "oppmøte": "2026-09-01 08:30", "klokka": "08:15" },
        }),
        json!({
            "key": "1002", "first_name": "Prøvar", "name": "Prøvar Eksempelsen", "class": "5A",
            "birth_date": "2008-01-05", "consent": true,
            "guardians": [{
                "name": "Øyvor Eksempelsen", "protected_address": false,
                "address": { "line1": "Fiktivgata 3", "postcode": "0101", "city": "Fjordvik" },
            }],
            "fields": { "pris_kr": "100", "oppmøte": "etter avtale\nmed skolen" },
        }),
    ];
    assert_eq!(entries(&table), expected);
    let postcode = "/guardians/0/address/postcode";
    assert_eq!(rows[0].header_of(table.columns(), postcode), Some("Foresatt 1 postnr"));
    assert_eq!(rows[1].header_of(table.columns(), postcode), Some("Foresatt 2 postnr"));
}

#[test]
fn names_the_column_of_a_member() {
    let table = open("Elev;Født;Foresatt 1 navn;Foresatt 2 navn;Postnr. foresatt 2;Foresatt 1 mobil\na;;b;c;;d");
    let columns = table.columns();
    for (pointer, header) in [
        ("/name", Some("Elev")),
        ("/birth_date", Some("Født")),
        ("/guardians", Some("Foresatt 1 navn")),
        ("/guardians/1", Some("Foresatt 2 navn")),
        ("/guardians/1/address", Some("Postnr. foresatt 2")),
        ("/guardians/0/address", None),
        ("/fields/foresatt_1_mobil", Some("Foresatt 1 mobil")),
        ("/guardians/2", None),
        ("/key", None),
        ("/guard", None),
    ] {
        assert_eq!(columns.header_of(pointer), header, "{pointer}");
    }
}

#[test]
fn tells_pupils_from_plain_recipients() {
    for (header, of_pupils) in [
        ("Navn;Foresatt 1", true),
        ("Elev;Mor;Far", true),
        ("Navn;Fødselsdato", true),
        ("Navn;Samtykke", true),
        ("Navn;Adresse", false),
        ("Elev;Klasse", false),
        ("Mottaker;Foresatt 1 mobil", false),
    ] {
        let table = open(format!("{header}\na;b"));
        assert_eq!(table.columns().is_of_pupils(), of_pupils, "{header}");
    }
}

#[test]
fn takes_names_from_whichever_columns_have_them() {
    for (list, expected) in [
        ("Fornavn;Etternavn\nTestine;Prøvesen", json!({ "key": "row-2", "names": ["Testine Prøvesen"] })),
        ("Elev\nTestine", json!({ "key": "row-2", "names": ["Testine"] })),
        (
            "Mottaker;Elev;Elevens adresse\nÅse;Testine;Fiktivgata 1",
            json!({ "key": "row-2", "names": ["Åse"], "fields": { "elev": "Testine", "elevens_adresse": "Fiktivgata 1" } }),
        ),
        ("Navn;Fornavn\nÅse;Testine", json!({ "key": "row-2", "names": ["Åse"], "pupil_first_name": "Testine" })),
        (
            "Fornavn;Etternavn;Elev fornavn\nÅse;Prøvesen;Testine",
            json!({ "key": "row-2", "names": ["Åse Prøvesen"], "pupil_first_name": "Testine" }),
        ),
        (
            "Navn;Etternavn;Foresatt 1 fornavn;Foresatt 1 etternavn\nTestine Prøvesen;Prøvesen;Åse;Prøvesen",
            json!({
                "key": "row-2", "name": "Testine Prøvesen", "guardians": [{ "name": "Åse Prøvesen" }],
                "fields": { "etternavn": "Prøvesen" },
            }),
        ),
    ] {
        assert_eq!(first(list), expected, "{list}");
    }
}

#[test]
fn never_guesses_the_address_of_a_guardian() {
    let list = "Navn;Adresse;Foresatt 1;Foresatt 2;Foresatt 2 adresse\na;Fiktivgata 1;b;c;";
    let expected = json!({
        "key": "row-2", "name": "a", "address": { "line1": "Fiktivgata 1" },
        "guardians": [{ "name": "b" }, { "name": "c" }],
    });
    assert_eq!(first(list), expected);
}

#[test]
fn lets_the_protection_of_a_row_cover_its_guardians() {
    let list = "Navn;Adressesperre;Foresatt 1;Foresatt 2;Foresatt 2 adressesperre\na;ja;b;c;nei";
    let expected = json!([{ "name": "b", "protected_address": true }, { "name": "c", "protected_address": false }]);
    assert_eq!(first(list)["guardians"], expected);
}

#[test]
fn makes_no_guardian_of_a_language_or_a_no() {
    let list = "Navn;Adresse;Foresatt 1;Foresatt 2;Foresatt 2 språk;Foresatt 2 adressesperre\na;Fiktivgata 1;b;;nb;nei";
    let expected = json!([{ "name": "b", "address": { "line1": "Fiktivgata 1" } }]);
    assert_eq!(first(list)["guardians"], expected);
}

#[test]
fn lets_a_guardian_who_is_left_out_protect_the_others() {
    for (list, expected) in [
        ("Navn;Adresse;Foresatt 1;Foresatt 2;Foresatt 2 adressesperre\na;Fiktivgata 1;b;;ja", json!(true)),
        ("Navn;Adressesperre;Foresatt 1;Foresatt 2;Foresatt 2 adressesperre\na;nei;b;;ja", json!(true)),
        ("Navn;Adressesperre;Foresatt 1;Foresatt 2;Foresatt 2 adressesperre\na;nei;b;;nei", json!(false)),
    ] {
        let entry = first(list);
        assert_eq!(entry["protected_address"], expected, "{list}");
        assert_eq!(entry["guardians"].as_array().map(Vec::len), Some(1), "{list}");
    }
}

#[test]
fn takes_somebody_for_protected_if_any_column_says_so() {
    for (list, pointer, expected) in [
        ("Navn;Kode 6;Kode 7\na;nei;ja", "/protected_address", Some(true)),
        ("Navn;Kode 6;Kode 7\na;ja;", "/protected_address", Some(true)),
        ("Navn;Adressesperre;Skjermet adresse\na;nei;nei", "/protected_address", Some(false)),
        ("Navn;Adressesperre;Skjermet adresse\na;;", "/protected_address", None),
        ("Navn;Mottaker 2;Adressesperre;Mottaker 2 skjermet adresse\na;b;nei;x", "/protected_address", Some(true)),
        ("Foresatt 1;Foresatt 1 kode 6;Kode 7 foresatt 1\nb;nei;ja", "/guardians/0/protected_address", Some(true)),
        ("Foresatt 1;Kode 6;Kode 7\nb;nei;ja", "/guardians/0/protected_address", Some(true)),
    ] {
        assert_eq!(first(list).pointer(pointer), expected.map(Value::Bool).as_ref(), "{list}");
    }
}

#[test]
fn protects_whom_a_row_names_whose_cells_are_shifted() {
    let remains = |list: &str| open(list).rows().next().unwrap().remains;
    let shifted = remains("Navn;Foresatt 1;Adresse;Adressesperre\nPrøvesen;Testine;Åse Prøvesen;Fiktivgata 1;ja");
    assert_eq!(shifted["protected_address"], true);
    assert!(shifted["names"].as_array().unwrap().contains(&json!("Åse Prøvesen")));
    let of_guardian = remains("Navn;Foresatt 1;Foresatt 1 kode 6\na;b;nei;c");
    assert_eq!(of_guardian["protected_address"], true);
    for list in ["Navn;Klasse\na;5A;b", "Navn;Klasse;Adressesperre\na;#N/A;nei"] {
        assert_ne!(remains(list)["protected_address"], true, "{list}");
    }
}

#[test]
fn asks_whose_a_numbered_address_is_beside_two_people() {
    let unclear = |headers: &[&str]| -> Vec<ListFault> {
        headers.iter().map(|header| ListFault::Unclear { header: (*header).to_owned() }).collect()
    };
    for (header, expected) in [
        ("Foresatt 1;Foresatt 2;Adresse 1;Adresse 2", &["Adresse 2"][..]),
        ("Foresatt 1;Foresatt 2;Gateadresse;Gateadresse 2;Postnr;Postnr 2", &["Gateadresse 2", "Postnr 2"]),
        ("Mor;Far;Postadresse;Postadresse 2", &["Postadresse 2"]),
        ("Navn 1;Navn 2;Adresse 1;Adresse 2", &["Adresse 2"]),
        ("Navn 1;Navn 2;Postadresse;Postadresse 2", &["Postadresse 2"]),
        ("Navn 1;Navn 2;Adresse;Adresse 2;Postnr 2", &["Postnr 2"]),
        ("Mottaker 1;Mottaker 2;Mottaker 1 adresse;Mottaker 2 adresse", &["Mottaker 2 adresse"]),
    ] {
        assert_eq!(faults(format!("{header}\na;b;c;d;e;f")), unclear(expected), "{header}");
    }
    for header in [
        "Foresatt 1;Foresatt 2;Adresselinje 1;Adresselinje 2",
        "Foresatt 1;Foresatt 1 adresse;Foresatt 2;Gateadresse 2",
        "Foresatt 1;Klasse;Adresse 1;Adresse 2",
        "Navn;Klasse;Adresse 1;Adresse 2",
        "Navn 1;Navn 2;Adresse;Adresse 2",
    ] {
        open(format!("{header}\na;b;c;d"));
    }
}

#[test]
fn takes_no_name_for_a_column_about_protection() {
    let list = "Testine Sperre;Fiktivgata 1\nPrøvar Sperre;Fiktivgata 2";
    assert_eq!(faults(list), [ListFault::NoHeader { row: 1 }]);
    let list = "Sperret; skjult,Navn\nja,a";
    assert_eq!(faults(list), [ListFault::UnclearProtection { header: "Sperret; skjult".into() }]);
}

#[test]
fn leaves_what_it_does_not_understand_for_validation_to_name() {
    let list = "Navn;Født;Samtykke;Språk;Foresatt 1\na;våren;delvis;klingon;b";
    let expected = json!({
        "key": "row-2", "name": "a", "birth_date": "våren", "consent": "delvis", "locale": "klingon",
        "guardians": [{ "name": "b" }],
    });
    assert_eq!(first(list), expected);
}

#[test]
fn tells_all_faults_of_a_header_at_once() {
    let list =
        "Navn;Namn;Fødselsnummer;;Pris (kr);pris kr;***;Foresatt 7;Mor;Foresatt 1 adresse;Foresatt adresse 2\n1;2;3;4";
    let named = |first: &str, second: &str| (first.to_owned(), second.to_owned());
    let (first, second) = named("Navn", "Namn");
    let (price, other_price) = named("Pris (kr)", "pris kr");
    let expected = [
        ListFault::SameMeaning { first, second },
        ListFault::IdentityNumber { header: "Fødselsnummer".into() },
        ListFault::NoName { column: "D".into() },
        ListFault::SameField { first: price, second: other_price, identifier: "pris_kr".into() },
        ListFault::NoIdentifier { column: "G".into() },
        ListFault::TooManyGuardians { header: "Foresatt 7".into() },
        ListFault::Unclear { header: "Foresatt adresse 2".into() },
        ListFault::MixedGuardians { numbered: "Foresatt 1 adresse".into(), kin: "Mor".into() },
        ListFault::NamelessGuardian { header: "Foresatt 1 adresse".into() },
    ];
    assert_eq!(faults(list), expected);
}

#[test]
fn refuses_what_is_no_list() {
    let secret = "Testine Prøvesen;Fiktivgata 1;0042\nPrøvar Prøvesen;Fiktivgata 2;0043";
    for (bytes, expected) in [
        (Vec::new(), ListFault::NoRows),
        (b"\r\n;;\r\n".to_vec(), ListFault::NoRows),
        (b"Navn;Adresse\r\n;\r\n".to_vec(), ListFault::NoRows),
        (secret.into(), ListFault::NoHeader { row: 1 }),
        (b"\nKlasse;test@example.no\na;b".to_vec(), ListFault::NoHeader { row: 2 }),
        (b"Klasse;Adresse\na;b".to_vec(), ListFault::NoNames),
        (b"Navn;Klasse\na;b\n\"c;d\ne;f".to_vec(), ListFault::Quotation { row: 3 }),
        (b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1".to_vec(), ListFault::OldOrLocked),
        (b"PK\x03\x04 and no more".to_vec(), ListFault::Damaged),
        (b"%PDF-1.7\n\0".to_vec(), ListFault::NotAList),
        (("Navn".to_owned() + &";a".repeat(MAX_COLUMNS) + "\na").into(), ListFault::TooManyColumns),
        (vec![b'a'; MAX_BYTES + 1], ListFault::TooLarge),
        (("Navn".to_owned() + &"\na".repeat(MAX_ROWS + 1)).into(), ListFault::TooManyRows),
    ] {
        assert_eq!(faults(bytes), [expected]);
    }
}

#[test]
fn says_nothing_of_what_stands_in_cells() {
    let lists =
        ["Testine Prøvesen;Fiktivgata 1\nb;c", "Navn;;Fnr\nTestine;Prøvesen;Fiktivgata", "Navn\n\"Testine\nPrøvesen"];
    for list in lists {
        let said = format!("{:?}", faults(list));
        assert!(!["Testine", "Prøvesen", "Fiktivgata"].iter().any(|word| said.contains(word)), "{said}");
    }
}

#[test]
fn faults_a_row_and_goes_on() {
    let table = open("Navn;Klasse\na;5A;;\nb;5A;hemmelig\nc\nd;#N/A\ne;#I/T\nf;5A");
    let rows: Vec<_> = table.rows().map(|row| (row.number, row.entry.err())).collect();
    let formula = || Some(RowFault::Formula { header: "Klasse".into() });
    let expected = [
        (2, None),
        (3, Some(RowFault::TooManyCells { columns: 2 })),
        (4, None),
        (5, formula()),
        (6, formula()),
        (7, None),
    ];
    assert_eq!(rows, expected);
}

#[test]
fn reads_fifty_thousand_rows_in_a_moment() {
    let mut list = "Elev-ID;Fornavn;Etternavn;Klasse;Født;Foresatt 1;Adresse;Postnr;Poststed;Tekst\r\n".to_owned();
    for row in 0..50_000 {
        write!(
            list,
            "e{row};Testine;Prøvesen;5A;1.2.2016;\"Åse \"\"Prøve\"\" Prøvesen\";Fiktivgata {row};42;Fjordvik;x\r\n"
        )
        .unwrap();
    }
    let start = Instant::now();
    let table = open(list);
    assert_eq!(table.rows().filter(|row| row.entry.is_ok()).count(), 50_000);
    let taken = start.elapsed();
    eprintln!("50,000 rows in {taken:?}");
    assert!(taken < Duration::from_secs(20), "{taken:?}");
}

/// A workbook of one sheet, with its parts as given.
fn workbook(sheet: &str, strings: &str) -> Vec<u8> {
    let office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let quick = SimpleFileOptions::default().compression_level(Some(1));
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in [
        (
            "_rels/.rels",
            &*format!(
                r#"<Relationships><Relationship Id="a" Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>"#
            ),
        ),
        ("xl/workbook.xml", r#"<workbook><sheets><sheet name="A" sheetId="1" r:id="b"/></sheets></workbook>"#),
        (
            "xl/_rels/workbook.xml.rels",
            &*format!(
                r#"<Relationships><Relationship Id="b" Type="{office}/worksheet" Target="worksheets/s.xml"/></Relationships>"#
            ),
        ),
        ("xl/worksheets/s.xml", &*format!("<worksheet><sheetData>{sheet}</sheetData></worksheet>")),
        ("xl/sharedStrings.xml", strings),
    ] {
        archive.start_file(name, quick).unwrap();
        archive.write_all(content.as_bytes()).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

/// The same archive, whose largest part says that it is of one byte.
fn understated(mut bytes: Vec<u8>) -> Vec<u8> {
    let sizes: Vec<usize> = (0..bytes.len() - 4)
        .filter(|at| u32::from_le_bytes(bytes[*at..at + 4].try_into().unwrap()) >> 20 == 257)
        .collect();
    for at in sizes {
        bytes[at..at + 4].copy_from_slice(&[1, 0, 0, 0]);
    }
    bytes
}

fn cell(place: &str, text: &str) -> String {
    format!(r#"<c r="{place}" t="inlineStr"><is><t>{text}</t></is></c>"#)
}

#[test]
fn refuses_workbooks_that_are_larger_than_they_seem() {
    let sst = |count: &str, strings: &str| format!("<sst {count}>{strings}</sst>");
    let none = sst("", "");
    let header = cell("A1", "Navn");
    let long = "a".repeat(140_000);
    let large = workbook(&" ".repeat(257 << 20), &none);
    let cases = [
        (workbook(&header, &sst("uniqueCount=\"99999999999\"", "")), ListFault::TooLargeUnpacked),
        (workbook(&header, &sst("uniqueCount = '18446744073709551615'", "")), ListFault::TooLargeUnpacked),
        (workbook(&header, &sst("", &" ".repeat(65 << 20))), ListFault::TooLargeUnpacked),
        (understated(large.clone()), ListFault::Damaged),
        (large, ListFault::TooLargeUnpacked),
        (workbook(&(header.clone() + &cell("XFD1", "a")), &none), ListFault::TooManyColumns),
        (workbook(&(header.clone() + &cell("A4000000000", "a")), &none), ListFault::Damaged),
        (workbook(&(cell("A2", "Navn") + &cell("A1", "a")), &none), ListFault::Damaged),
        (workbook(&(header.clone() + &cell("A2", &long)), &none), ListFault::Damaged),
        (
            workbook(&(header.clone() + &cell("A2", "a") + &cell("C3", "b")), &none),
            ListFault::NoName { column: "C".into() },
        ),
        (workbook(&header, &none), ListFault::NoRows),
        (workbook("", &none), ListFault::NoRows),
        (workbook("<row><c><v>", &none), ListFault::Damaged),
    ];
    for (number, (bytes, expected)) in cases.into_iter().enumerate() {
        assert_eq!(faults(bytes), [expected], "case {number}");
    }
    let all = (1..=MAX_ROWS + 2).fold(String::new(), |sheet, row| sheet + &format!(r#"<c r="A{row}"><v>1</v></c>"#));
    assert_eq!(faults(workbook(&all, &none)), [ListFault::TooManyRows]);
    assert_eq!(open(workbook(&(header + &cell("A9", "Test")), &none)).rows().next().unwrap().number, 9);
}

#[test]
fn survives_damage_anywhere() {
    for (list, steps) in [(fixture!("klasseliste.xlsx"), 7), (fixture!("klasseliste-excel.csv"), 1)] {
        for at in (0..list.len()).step_by(steps) {
            for damage in [0x00, 0x22, 0xFF] {
                let mut bytes = list.to_vec();
                bytes[at] ^= damage;
                if damage == 0 {
                    bytes.truncate(at);
                }
                if let Ok(table) = Table::open(bytes) {
                    table.rows().for_each(drop);
                }
            }
        }
    }
}
