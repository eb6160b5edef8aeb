//! Free letters: many languages, many scripts, one subset of Markdown.

use std::process::Command;

use serde_json::{Value, json};
use skoledok::document::{Kind, Locale};
use skoledok::pipeline::ProduceError;
use skoledok::render::Options;

use crate::support::{assert_standards, catalog, normalise, output_folder, pdf, produce, root, run_ok, sample, words};

fn letters() -> Vec<(String, Value)> {
    let folder = root().join("tests/data/letters");
    let mut letters: Vec<(String, Value)> = std::fs::read_dir(folder)
        .expect("tests/data/letters is there")
        .flatten()
        .map(|entry| {
            let text = std::fs::read_to_string(entry.path()).expect("a letter can be read");
            (entry.file_name().to_string_lossy().into_owned(), serde_json::from_str(&text).expect("a letter is JSON"))
        })
        .collect();
    letters.sort_by(|a, b| a.0.cmp(&b.0));
    letters
}

#[test]
fn letters_in_seven_languages_keep_the_standards_and_their_language() {
    let folder = output_folder("letters");
    let mut files = Vec::new();
    let mut languages = Vec::new();
    for (name, body) in letters() {
        let file = folder.join(name.replace(".json", ".pdf"));
        std::fs::write(&file, pdf(Kind::ParentLetter, &body)).expect("a file can be written");
        let language = body["locale"].as_str().expect("a letter has a language").to_owned();
        let catalog = catalog(&file);
        let tag = catalog["/Lang"].as_str().unwrap_or_default().trim_start_matches("u:").to_owned();
        assert!(tag == language || tag.starts_with(&format!("{language}-")), "{name}: /Lang is {tag}");
        assert!(words(&file).chars().count() > 200, "{name} has words");
        languages.push(language);
        files.push(file);
    }
    for language in ["ar", "ur", "fa", "ti", "uk", "ta", "en"] {
        assert!(languages.iter().any(|tag| tag == language), "no letter in {language}");
    }
    assert_standards(&files);
}

#[test]
fn letters_in_every_language_of_the_list_render() {
    let text = [
        ("se", "Buorre beaivi, čáppa šaddi žŋđŧ"),
        ("pl", "Zażółć gęślą jaźń, drodzy rodzice"),
        ("uk", "Шановні батьки, ґанок, їжак, єдність"),
        ("so", "Waalidiinta qaaliga ah, ku soo dhawoow"),
        ("tr", "Sevgili veliler, İstanbul’da ığdır çığ"),
        ("vi", "Kính gửi quý phụ huynh, trường học"),
        ("nn", "Kjære føresette"),
        ("nb", "Kjære foresatte"),
    ];
    let folder = output_folder("letter-languages");
    let mut files = Vec::new();
    for (locale, words_of_it) in text {
        let mut body = sample(Kind::ParentLetter, Locale::Nb);
        body["locale"] = json!(locale);
        body["title"] = json!(words_of_it);
        body["body"] = json!(format!(
            "# {words_of_it}\n\n**{words_of_it}** og *{words_of_it}*.\n\n1. {words_of_it}\n2. [{words_of_it}](https://example.no)"
        ));
        let members = body.as_object_mut().expect("a body is an object");
        for name in ["subtitle", "intro", "closing"] {
            members.remove(name);
        }
        let file = folder.join(format!("{locale}.pdf"));
        std::fs::write(&file, pdf(Kind::ParentLetter, &body)).expect("a file can be written");
        assert!(words(&file).contains(&normalise(words_of_it)), "{locale}: {}", words(&file));
        files.push(file);
    }
    assert_standards(&files);
}

#[test]
fn a_glyph_that_no_font_has_is_a_fault_with_field_and_code_point() {
    let mut body = sample(Kind::ParentLetter, Locale::Nb);
    body["intro"] = json!("Hei 😀 og שלום");
    let Err(ProduceError::Invalid { violations, .. }) = produce(Kind::ParentLetter, body, Options::default()) else {
        panic!("a letter with an emoji must be refused");
    };
    let told: Vec<_> = violations.iter().map(|violation| violation.tell(Locale::En)).collect();
    assert_eq!(told.len(), 1, "{told:#?}");
    assert_eq!((told[0].pointer.as_str(), told[0].code), ("/intro", "missing_glyph"));
    let words = format!("{} {}", told[0].detail, told[0].hint.clone().unwrap_or_default());
    assert!(words.contains("U+1F600") && words.contains("U+05E9"), "{words}");
}

#[test]
fn a_protected_address_is_not_printed() {
    let folder = output_folder("protected");
    let mut body = sample(Kind::ParentLetter, Locale::Nb);
    body["recipients"] = json!([{
        "recipient_key": "r-7", "names": ["Vernet Mottaker"], "protected_address": true,
        "postal_address": { "line1": "Skjultveien 9", "postcode": "9998", "city": "Løyndom" }
    }]);
    for protected in [false, true] {
        body["recipients"][0]["protected_address"] = json!(protected);
        let file = folder.join(format!("{protected}.pdf"));
        let bytes = pdf(Kind::ParentLetter, &body);
        std::fs::write(&file, &bytes).expect("a file can be written");
        let raw = run_ok(Command::new("qpdf").args(["--qdf", "--object-streams=disable"]).arg(&file).arg("-"));
        for secret in ["Vernet Mottaker", "Skjultveien", "9998", "Løyndom"] {
            assert_eq!(words(&file).contains(secret), !protected, "{secret}");
            assert!(!protected || !raw.contains(secret), "{secret} stands in the file");
        }
    }
    let warnings = produce(Kind::ParentLetter, body, Options::default()).expect("the letter renders").warnings;
    assert!(warnings.iter().any(|warning| warning.code.name() == "address_not_printed"));
}

#[test]
fn the_address_stands_in_the_window_of_a_c5_envelope() {
    let folder = output_folder("window");
    let file = folder.join("letter.pdf");
    let mut body = sample(Kind::ParentLetter, Locale::Nb);
    body["recipients"] = json!([{
        "recipient_key": "r", "names": ["Vindusnavn Prøve", "Andrenavn Prøve"],
        "postal_address": { "line1": "Linjeen 1", "line2": "Linjeto", "line3": "Linjetre", "postcode": "9997", "city": "Vindusby" }
    }]);
    std::fs::write(&file, pdf(Kind::ParentLetter, &body)).expect("a file can be written");
    let boxes = run_ok(Command::new("pdftotext").args(["-bbox", "-l", "1"]).arg(&file).arg("-"));
    let millimetres = |line: &str, name: &str| -> f64 {
        let rest = line.split(&format!("{name}=\"")).nth(1).expect("a word has a box");
        rest.split('"').next().expect("a word has a box").parse::<f64>().expect("a box is of numbers") * 25.4 / 72.0
    };
    let address = ["Vindusnavn", "Andrenavn", "Linjeen", "Linjeto", "Linjetre", "9997", "Vindusby"];
    let mut found = 0;
    for line in boxes.lines().filter(|line| line.contains("<word ")) {
        let (left, right, top, bottom) = (
            millimetres(line, "xMin"),
            millimetres(line, "xMax"),
            millimetres(line, "yMin"),
            millimetres(line, "yMax"),
        );
        let of_address = address.iter().any(|word| line.contains(&format!(">{word}<")));
        if of_address {
            found += 1;
            assert!(left >= 20.0 - 0.1 && right <= 120.0 && top >= 44.0 && bottom <= 79.0 + 0.1, "{line}");
        } else {
            // The window shows nothing else: 15 to 120 mm from the left, 44 to 79 mm from the top.
            let within = left < 120.0 && right > 15.0 && top < 79.0 && bottom > 44.0;
            assert!(!within || line.contains(">Prøve<") || line.contains(">1<"), "{line}");
        }
    }
    assert_eq!(found, address.len());
}

#[test]
fn the_language_of_the_recipient_goes_first() {
    let mut body = sample(Kind::ParentLetter, Locale::Nb);
    let members = body.as_object_mut().expect("a body is an object");
    for name in ["title", "subtitle", "intro", "closing", "body"] {
        members.remove(name);
    }
    body["recipients"] = json!([{ "recipient_key": "r", "names": ["Kari Prøve"], "locale": "en" }]);
    let produced = produce(Kind::ParentLetter, body.clone(), Options::default()).expect("the letter renders");
    assert_eq!(produced.rendered.cover.language.tag(), "en");
    let file = output_folder("recipient-language").join("letter.pdf");
    std::fs::write(&file, produced.rendered.bytes).expect("a file can be written");
    assert!(words(&file).contains("Information for parents and guardians"));
    body["intro"] = json!("Ord på norsk");
    assert!(produce(Kind::ParentLetter, body, Options::default()).is_err(), "Norwegian words in an English letter");
}
