//! Every kind in every language and status, from the shortest to the longest: PDF/A-2a and PDF/UA-1 by
//! veraPDF, structure by qpdf.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use skoledok::document::{Kind, Locale, PdfStandard, Status};
use skoledok::render::Options;

use crate::extremes::{longest, shortest};
use crate::support::{assert_flavours, assert_standards, output_folder, pdf, produce, run_ok, sample};

fn name_of(status: Status) -> &'static str {
    match status {
        Status::BlankTemplate => "blank",
        Status::Draft => "draft",
        Status::Final => "final",
    }
}

/// The bodies of the corpus by name. 7 kinds × 3 languages × 3 statuses × 3 sizes.
fn bodies() -> Vec<(Kind, String, Value)> {
    let mut bodies = Vec::new();
    for kind in Kind::ALL {
        for locale in Locale::ALL {
            for status in Status::ALL {
                let mut own = sample(kind, locale);
                own["status"] = serde_json::to_value(status).expect("a status is JSON");
                let sizes = [
                    ("sample", own),
                    ("longest", longest(kind, locale, status)),
                    ("shortest", shortest(kind, locale, status)),
                ];
                for (size, body) in sizes {
                    let name = format!("{}.{}.{}.{size}", kind.slug(), locale.tag(), name_of(status));
                    bodies.push((kind, name, body));
                }
            }
        }
    }
    bodies
}

#[test]
fn every_document_is_archivable_accessible_and_sound() {
    let folder = output_folder("corpus");
    let mut files: Vec<PathBuf> = Vec::new();
    for (kind, name, body) in bodies() {
        let file = folder.join(format!("{name}.pdf"));
        std::fs::write(&file, pdf(kind, &body)).expect("a file can be written");
        files.push(file);
    }
    assert_eq!(files.len(), 7 * 3 * 3 * 3);
    for file in &files {
        run_ok(Command::new("qpdf").arg("--check").arg(file));
    }
    assert_standards(&files);
}

#[test]
fn each_standard_asked_for_alone_is_kept() {
    let folder = output_folder("standards");
    for (standard, flavour) in [(PdfStandard::A2a, "2a"), (PdfStandard::A2b, "2b"), (PdfStandard::Ua1, "ua1")] {
        let mut files = Vec::new();
        for kind in Kind::ALL {
            let options = Options { standard: Some(standard), ..Options::default() };
            let produced = produce(kind, sample(kind, Locale::Nb), options).expect("a sample renders");
            let file = folder.join(format!("{}.{flavour}.pdf", kind.slug()));
            std::fs::write(&file, produced.rendered.bytes).expect("a file can be written");
            files.push(file);
        }
        assert_flavours(flavour, &files);
    }
    let options = Options { standard: Some(PdfStandard::Plain), ..Options::default() };
    let plain = produce(Kind::ParentLetter, sample(Kind::ParentLetter, Locale::Nb), options).expect("a sample renders");
    let text = String::from_utf8_lossy(&plain.rendered.bytes).into_owned();
    assert!(!text.contains("pdfaid:part") && !text.contains("pdfuaid:part"), "plain PDF claims nothing");
}
