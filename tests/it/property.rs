//! Arbitrary valid documents render; arbitrary texts print as they are.

use std::collections::BTreeSet;
use std::path::PathBuf;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};
use skoledok::document::{Kind, Locale, Status};
use skoledok::pipeline::ProduceError;
use skoledok::render::Options;

use crate::extremes::{Choice, make};
use crate::support::{assert_standards, normalise, output_folder, produce, python, run_ok};

/// Texts that mean something to Typst, Handlebars, HTML, Markdown or a PDF reader, and letters of many scripts.
const PIECES: [&str; 28] = [
    "samarbeid",
    "#panic()",
    "*x*",
    "_y_",
    "{{x}}",
    "<a>",
    "\\",
    "$1$",
    "@ref",
    "`kode`",
    "//",
    "/* */",
    "= tittel",
    "- punkt",
    "+ 1",
    "[x]",
    "\"sitat\"",
    "'",
    "~",
    "æøå ÆØÅ",
    "Đ đ Ŋ ŋ",
    "ґєії",
    "مرحبا",
    "ሰላም",
    "வணக்கம்",
    "<script>",
    "]]>",
    "ﬁ%()&;",
];

/// Choices read off a list of numbers, so that proptest can shrink them; when it ends, the least.
struct Drawn {
    numbers: std::vec::IntoIter<u16>,
}

impl Drawn {
    fn next(&mut self, of: usize) -> usize {
        usize::from(self.numbers.next().unwrap_or(0)) % of.max(1)
    }
}

impl Choice for Drawn {
    fn include(&mut self, path: &str) -> bool {
        !matches!(path, "/body" | "/norwegian_version" | "/render_options/pdf_standard") && self.next(4) > 0
    }

    fn count(&mut self, path: &str, least: usize, most: usize) -> usize {
        let depth = path.matches(|c: char| c.is_ascii_digit()).count();
        let bound = if depth == 0 { most.min(12) } else { most.min(3) };
        least + self.next(bound - least + 1)
    }

    fn text(&mut self, _: &str, most: usize) -> String {
        let mut text = String::new();
        for _ in 0..=self.next(6) {
            let piece = PIECES[self.next(PIECES.len())];
            if text.chars().count() + piece.chars().count() + 1 > most {
                break;
            }
            if !text.is_empty() {
                text.push(if self.next(7) == 0 { '\n' } else { ' ' });
            }
            text.push_str(piece);
        }
        if text.is_empty() { "x".repeat(1 + self.next(most.min(40))) } else { text }
    }

    fn pick(&mut self, _: &str, of: usize) -> usize {
        self.next(of)
    }
}

#[test]
fn arbitrary_valid_documents_render_and_keep_the_standards() {
    let folder = output_folder("property");
    let strategy = (
        proptest::sample::select(Kind::ALL.to_vec()),
        proptest::sample::select(Locale::ALL.to_vec()),
        proptest::sample::select(Status::ALL.to_vec()),
        proptest::collection::vec(any::<u16>(), 0..600),
    );
    let config = Config { cases: 150, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let files = std::cell::RefCell::new(Vec::<PathBuf>::new());
    let result = runner.run(&strategy, |(kind, locale, status, numbers)| {
        let body = make(kind, locale, status, &mut Drawn { numbers: numbers.into_iter() });
        let produced = match produce(kind, body.clone(), Options::default()) {
            Ok(produced) => produced,
            Err(ProduceError::Invalid { violations, .. }) => {
                return Err(TestCaseError::fail(format!("{}: not valid: {violations:?}\n{body:#}", kind.slug())));
            }
            Err(error) => return Err(TestCaseError::fail(format!("{}: {error}\n{body:#}", kind.slug()))),
        };
        let mut files = files.borrow_mut();
        if files.len() < 40 {
            let file = folder.join(format!("{}-{}.pdf", files.len(), kind.slug()));
            std::fs::write(&file, produced.rendered.bytes).expect("a file can be written");
            files.push(file);
        }
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
    assert_standards(&files.into_inner());
}

/// One text, different in every field, full of what means something elsewhere.
#[derive(Default)]
struct Literal {
    texts: Vec<(String, String)>,
}

impl Choice for Literal {
    fn include(&mut self, path: &str) -> bool {
        !matches!(path, "/body" | "/norwegian_version" | "/archive_metadata" | "/school/logo")
    }

    fn count(&mut self, _: &str, least: usize, most: usize) -> usize {
        least.max(1).min(most)
    }

    fn text(&mut self, path: &str, most: usize) -> String {
        let number = self.texts.len() + 100;
        let text = if most < 60 {
            format!("{number}#x() *y* {{{{z}}}}")
        } else {
            format!("{number} #panic() *x* _y_ {{{{x}}}} <a> \\ $1$ @r `k` // = -")
        };
        let text: String = text.chars().take(most).collect();
        self.texts.push((path.to_owned(), text.clone()));
        text
    }

    fn pick(&mut self, _: &str, of: usize) -> usize {
        of - 1
    }
}

/// Fields that are for the archive, the address or the machine rather than for print.
const NOT_PRINTED: [&str; 3] = ["/school/address/country", "/school_calendar/0/title", "/locality_profile/"];

#[test]
fn a_text_in_any_field_prints_as_it_is() {
    let folder = output_folder("literal");
    let mut fields = BTreeSet::new();
    let mut faults = Vec::new();
    for kind in Kind::ALL {
        let mut choice = Literal::default();
        let mut body = make(kind, Locale::Nb, Status::Draft, &mut choice);
        body["render_options"] = json!({ "hyphenate": false });
        let file = folder.join(format!("{}.pdf", kind.slug()));
        std::fs::write(folder.join(format!("{}.json", kind.slug())), format!("{body:#}"))
            .expect("a file can be written");
        std::fs::write(&file, crate::support::pdf(kind, &body)).expect("a file can be written");
        let read: Value = serde_json::from_str(&run_ok(python("cells.py").arg(&file))).expect("cells.py writes JSON");
        let printed: Vec<String> = read["blocks"]
            .as_array()
            .expect("cells.py lists blocks")
            .iter()
            .filter_map(|block| block["text"].as_str())
            .map(normalise)
            .collect();
        let all = printed.join(" ");
        let kept = body.to_string();
        for (path, text) in choice.texts {
            if !kept.contains(&Value::from(text.as_str()).to_string()) {
                continue;
            }
            if NOT_PRINTED.iter().any(|prefix| path.starts_with(prefix)) {
                continue;
            }
            if !all.contains(&normalise(&text)) {
                faults.push(format!("{}: {path} does not print `{text}`", kind.slug()));
            }
            fields.insert(format!("{}{path}", kind.slug()));
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
    assert!(fields.len() > 80, "only {} fields were looked for", fields.len());
}
