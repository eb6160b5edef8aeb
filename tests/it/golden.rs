//! Golden pages: the first page of each kind in each language as a small picture, and all its words.
//! `make golden` accepts what is there now.

use std::path::PathBuf;

use skoledok::document::{Kind, Locale};
use skoledok::pipeline;
use skoledok::render::Options;
use skoledok::template::Format;

use crate::support::{ENGINE, output_folder, pdf, produce, root, sample, words};

/// Share of pixels that may differ by more than a shade: none but rounding of edges.
const TOLERANCE: f64 = 0.001;

fn golden(name: &str) -> PathBuf {
    root().join("tests/golden").join(name)
}

fn accepting() -> bool {
    std::env::var_os("SKOLEDOK_ACCEPT").is_some()
}

#[test]
fn golden_pages_are_as_they_were() {
    let folder = output_folder("golden");
    std::fs::create_dir_all(golden("")).expect("the folder can be made");
    let mut changed = Vec::new();
    for kind in Kind::ALL {
        for locale in Locale::ALL {
            let name = format!("{}.{}", kind.slug(), locale.tag());
            let body = sample(kind, locale);
            let options = Options { format: Format::Png, dpi: 50, ..Options::default() };
            let picture = produce(kind, body.clone(), options).expect("a sample renders").rendered.bytes;
            let file = folder.join(format!("{name}.pdf"));
            std::fs::write(&file, pdf(kind, &body)).expect("a file can be written");
            let text = words(&file)
                .split(' ')
                .collect::<Vec<_>>()
                .chunks(14)
                .map(|line| line.join(" ") + "\n")
                .collect::<String>();
            std::fs::write(folder.join(format!("{name}.png")), &picture).expect("a file can be written");
            std::fs::write(folder.join(format!("{name}.txt")), &text).expect("a file can be written");
            let (own_picture, own_text) = (golden(&format!("{name}.png")), golden(&format!("{name}.txt")));
            if accepting() {
                std::fs::write(own_picture, &picture).expect("a golden page can be written");
                std::fs::write(own_text, &text).expect("golden words can be written");
                continue;
            }
            let expected = std::fs::read(&own_picture).unwrap_or_default();
            if !same_picture(&expected, &picture) {
                changed.push(format!("{name}.png"));
            }
            if std::fs::read_to_string(&own_text).unwrap_or_default() != text {
                changed.push(format!("{name}.txt"));
            }
        }
    }
    assert!(
        changed.is_empty(),
        "these differ from tests/golden (see {}; `make golden` accepts them): {changed:#?}",
        folder.display()
    );
}

/// `skoledok doctor` holds a machine to these bytes.
#[test]
fn golden_digests_are_as_they_were() {
    let lines = pipeline::golden(&ENGINE).expect("a sample renders");
    if accepting() {
        let file = root().join("src/pipeline/golden.txt");
        std::fs::write(file, lines).expect("the digests can be written");
    } else {
        assert_eq!(lines, pipeline::GOLDEN, "`make golden` accepts them");
    }
}

fn same_picture(expected: &[u8], actual: &[u8]) -> bool {
    let (Ok(expected), Ok(actual)) = (image::load_from_memory(expected), image::load_from_memory(actual)) else {
        return false;
    };
    let (expected, actual) = (expected.to_luma8(), actual.to_luma8());
    if expected.dimensions() != actual.dimensions() {
        return false;
    }
    let differing = expected.iter().zip(actual.iter()).filter(|(a, b)| a.abs_diff(**b) > 24).count();
    #[expect(clippy::cast_precision_loss, reason = "a page has fewer than 2^52 pixels")]
    let share = differing as f64 / expected.len() as f64;
    share <= TOLERANCE
}
