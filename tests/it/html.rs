//! The HTML is accessible and loads nothing.

use skoledok::document::{Kind, Locale, Status};
use skoledok::render::Options;
use skoledok::template::Format;

use crate::extremes::{longest, shortest};
use crate::support::{output_folder, produce, python, run_ok, sample};

#[test]
fn html_is_semantic_and_self_contained() {
    let folder = output_folder("html");
    let mut command = python("html_check.py");
    let options = Options { format: Format::Html, ..Options::default() };
    for kind in Kind::ALL {
        for locale in Locale::ALL {
            let bodies = [
                ("sample", sample(kind, locale)),
                ("longest", longest(kind, locale, Status::Draft)),
                ("blank", shortest(kind, locale, Status::BlankTemplate)),
            ];
            for (name, body) in bodies {
                let produced = produce(kind, body, options).unwrap_or_else(|error| panic!("{}: {error}", kind.slug()));
                let file = folder.join(format!("{}.{}.{name}.html", kind.slug(), locale.tag()));
                let text = String::from_utf8(produced.rendered.bytes).expect("HTML is text");
                assert!(text.contains(&format!("lang=\"{}", locale.tag())), "{}", file.display());
                std::fs::write(&file, text).expect("a file can be written");
                command.arg(file);
            }
        }
    }
    run_ok(&mut command);
}
