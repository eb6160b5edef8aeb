//! What comes out beside the words: the same bytes everywhere, metadata, bookmarks, pictures.

use std::process::Command;

use serde_json::{Value, json};
use skoledok::document::{Kind, Locale, Status};
use skoledok::render::{Options, RenderError};
use skoledok::template::Format;

use crate::extremes::longest;
use crate::support::{assert_standards, binary, catalog, output_folder, pdf, produce, root, run_ok, sample};

#[test]
fn two_processes_give_the_same_bytes() {
    let folder = output_folder("two-processes");
    for kind in Kind::ALL {
        let body = folder.join(format!("{}.json", kind.slug()));
        std::fs::write(&body, sample(kind, Locale::Nn).to_string()).expect("a file can be written");
        let render = |name: &str| {
            let file = folder.join(name);
            run_ok(binary().args(["render", kind.slug()]).arg(&body).arg("-o").arg(&file));
            std::fs::read(file).expect("the document is there")
        };
        for extension in ["pdf", "png", "svg", "html"] {
            let first = render(&format!("{}.1.{extension}", kind.slug()));
            let second = render(&format!("{}.2.{extension}", kind.slug()));
            assert!(first == second, "{} as {extension} differs between two processes", kind.slug());
        }
        // This process has rendered other documents before, in other threads.
        let here = pdf(kind, &sample(kind, Locale::Nn));
        let there = std::fs::read(folder.join(format!("{}.1.pdf", kind.slug()))).expect("the document is there");
        assert!(here == there, "{} differs between a fresh and a used process", kind.slug());
    }
}

#[test]
fn the_order_of_members_does_not_matter() {
    let body = sample(Kind::ConsentForm, Locale::Nb);
    let mut members: Vec<_> = body.as_object().expect("a body is an object").clone().into_iter().collect();
    members.reverse();
    let turned = Value::Object(members.into_iter().collect());
    assert!(pdf(Kind::ConsentForm, &body) == pdf(Kind::ConsentForm, &turned));
}

#[test]
fn metadata_tells_title_language_author_keywords_and_identifier() {
    let folder = output_folder("metadata");
    for kind in Kind::ALL {
        for locale in Locale::ALL {
            let mut body = sample(kind, locale);
            body["archive_metadata"] = json!({ "document_id": "2026-77-kontroll" });
            let file = folder.join(format!("{}.{}.pdf", kind.slug(), locale.tag()));
            std::fs::write(&file, pdf(kind, &body)).expect("a file can be written");
            let info = run_ok(Command::new("pdfinfo").arg(&file));
            let school = body["school"]["name"].as_str().expect("a sample names its school");
            let title = info.lines().find(|line| line.starts_with("Title:")).unwrap_or_default();
            assert!(title.len() > "Title:          ".len(), "{info}");
            assert!(info.lines().any(|line| line.starts_with("Author:") && line.contains(school)), "{info}");
            let keywords = info.lines().find(|line| line.starts_with("Keywords:")).unwrap_or_default();
            assert!(keywords.contains("2026-77-kontroll") && keywords.contains(kind.name()), "{info}");
            assert!(info.contains("Tagged:          yes"), "{info}");
            let root = catalog(&file);
            let language = root["/Lang"].as_str().unwrap_or_default();
            assert!(language.contains(locale.tag()), "{}: /Lang is {language}", kind.slug());
            assert!(root.get("/Outlines").is_some(), "{} {} has no bookmarks", kind.slug(), locale.tag());
        }
    }
}

#[test]
fn the_creation_date_is_the_date_of_the_document() {
    let folder = output_folder("dates");
    let file = folder.join("letter.pdf");
    let mut body = sample(Kind::ParentLetter, Locale::Nb);
    body["document_date"] = json!("2026-08-17");
    std::fs::write(&file, pdf(Kind::ParentLetter, &body)).expect("a file can be written");
    let info = run_ok(Command::new("pdfinfo").arg("-isodates").arg(&file));
    assert!(info.contains("2026-08-17T"), "{info}");
}

#[test]
fn pictures_show_the_page_and_resolution_asked_for() {
    let body = sample(Kind::AnnualPlan, Locale::Nb);
    let png = |page, dpi| {
        let options = Options { format: Format::Png, page, dpi, ..Options::default() };
        produce(Kind::AnnualPlan, body.clone(), options).map(|produced| produced.rendered)
    };
    let first = png(1, 72).expect("the first page renders");
    let size = image::load_from_memory(&first.bytes).expect("the bytes are a PNG");
    assert_eq!((size.width(), size.height()), (595, 842));
    let pages = first.pages.expect("a picture is of a document with pages");
    assert!(pages > 1);
    assert_ne!(first.bytes, png(2, 72).expect("the second page renders").bytes);
    let beyond = png(pages + 1, 72);
    assert!(matches!(beyond, Err(skoledok::pipeline::ProduceError::Render(RenderError::NoSuchPage { .. }))));
    let options = Options { format: Format::Svg, ..Options::default() };
    let svg = produce(Kind::AnnualPlan, body, options).expect("the page renders").rendered.bytes;
    let text = String::from_utf8(svg).expect("SVG is text");
    roxmltree::Document::parse(&text).expect("SVG is XML");
    assert!(text.starts_with("<svg"));
}

#[test]
fn logos_of_all_sorts_keep_the_standards() {
    use base64::Engine as _;
    let folder = output_folder("logos");
    let mut files = Vec::new();
    for entry in std::fs::read_dir(root().join("tests/data/logo")).expect("tests/data/logo is there").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.path().is_dir() {
            continue;
        }
        let bytes = std::fs::read(entry.path()).expect("a logo can be read");
        let media_type = if entry.path().extension().is_some_and(|extension| extension == "png") {
            "image/png"
        } else {
            "image/jpeg"
        };
        let mut body = sample(Kind::ConsentForm, Locale::Nb);
        let data = base64::engine::general_purpose::STANDARD.encode(bytes);
        body["school"]["logo"] = json!({ "media_type": media_type, "data": data, "alt": "Merket til skolen" });
        let file = folder.join(format!("{name}.pdf"));
        std::fs::write(&file, pdf(Kind::ConsentForm, &body)).expect("a file can be written");
        let images = run_ok(Command::new("pdfimages").arg("-list").arg(&file));
        assert!(images.lines().count() > 2, "{name}: {images}");
        files.push(file);
    }
    assert!(files.len() >= 5);
    assert_standards(&files);
}

#[test]
fn long_tables_repeat_their_header_on_every_page() {
    let folder = output_folder("headers");
    let file = folder.join("plan.pdf");
    let mut body = longest(Kind::AnnualPlan, Locale::Nb, Status::Final);
    // In large print the words of the header are divided, and could not be looked for.
    body["render_options"]["font_scale"] = json!(1);
    std::fs::write(&file, pdf(Kind::AnnualPlan, &body)).expect("a file can be written");
    let pages: usize = run_ok(Command::new("pdfinfo").arg(&file))
        .lines()
        .find_map(|line| line.strip_prefix("Pages:")?.trim().parse().ok())
        .expect("pdfinfo counts pages");
    assert!(pages > 6, "200 entries take pages");
    let mut table = false;
    let mut repeated = 0;
    for page in 1..=pages {
        let number = page.to_string();
        let text =
            run_ok(Command::new("pdftotext").args(["-layout", "-f", &number, "-l", &number]).arg(&file).arg("-"));
        let header = ["Måned", "Uke", "Aktivitet", "Ansvarlig", "Deltakere", "Evaluering"];
        let has_header = text.lines().any(|line| header.iter().all(|word| line.contains(word)));
        let calendar = text.contains("Skolerute");
        if table && !calendar && repeated > 0 && page < pages - 2 {
            assert!(has_header, "page {page} has no header:\n{text}");
        }
        table |= has_header;
        repeated += usize::from(has_header);
        if calendar {
            break;
        }
    }
    assert!(repeated > 4, "the header stands on {repeated} pages");
}

#[test]
fn nothing_is_printed_outside_the_margins() {
    let folder = output_folder("margins");
    for kind in Kind::ALL {
        let file = folder.join(format!("{}.pdf", kind.slug()));
        let mut body = longest(kind, Locale::Nb, Status::Final);
        body["render_options"]["margin_left_mm"] = json!(20);
        body["render_options"]["font_scale"] = json!(1);
        std::fs::write(&file, pdf(kind, &body)).expect("a file can be written");
        let boxes = run_ok(Command::new("pdftotext").args(["-bbox"]).arg(&file).arg("-"));
        // 20 mm on the left, 15 mm on the other sides, in points.
        let (left, right, bottom) = (20.0 * 72.0 / 25.4, 595.28 - 15.0 * 72.0 / 25.4, 841.89 - 15.0 * 72.0 / 25.4);
        for line in boxes.lines().filter(|line| line.contains("<word ")) {
            let number = |name: &str| -> f64 {
                let rest = line.split(&format!("{name}=\"")).nth(1).expect("a word has a box");
                rest.split('"').next().expect("a word has a box").parse().expect("a box is of numbers")
            };
            assert!(number("xMin") >= left - 0.5, "{}: {line}", kind.slug());
            assert!(number("xMax") <= right + 0.5, "{}: {line}", kind.slug());
            assert!(number("yMax") <= bottom + 0.5, "{}: {line}", kind.slug());
        }
    }
}
