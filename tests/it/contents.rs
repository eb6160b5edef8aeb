//! The words of the domain specification stand in the documents, cell by cell, and what must not be
//! carried over from its sources stands nowhere. The expectations in `tests/data/expected` were copied
//! from the specification, not from the strings files.

use std::path::{Path, PathBuf};

use serde_json::Value;
use skoledok::document::{Kind, Locale};
use skoledok::template;

use crate::support::{blank, normalise, output_folder, pdf, python, root, run_ok, sample, words};

fn read(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn data(folder: &str, kind: Kind, locale: Locale) -> Value {
    read(&root().join(format!("tests/data/{folder}/{}.{}.json", kind.slug(), locale.tag())))
}

/// The documents that the expectations speak of: final with everything on, draft, blank.
fn document(kind: Kind, locale: Locale, status: &str) -> Value {
    if status == "blank_template" {
        return blank(kind, locale);
    }
    let mut body = data("content", kind, locale);
    body["status"] = Value::from(status);
    body
}

fn holds(cell: &str, expected: &Value) -> bool {
    let cell = normalise(cell);
    match expected {
        Value::String(text) => cell == normalise(text),
        Value::Array(parts) => {
            let cell = cell.to_lowercase();
            parts.iter().filter_map(Value::as_str).all(|part| cell.contains(&normalise(part).to_lowercase()))
        }
        Value::Null => true,
        _ => false,
    }
}

/// A row of a table whose cells all hold what is expected.
fn has_row(tables: &[Vec<Vec<String>>], columns: &[Value], expected: &[Value]) -> bool {
    tables.iter().any(|table| {
        let head = columns.is_empty()
            || table.first().is_some_and(|head| {
                head.len() == columns.len() && head.iter().zip(columns).all(|(cell, column)| holds(cell, column))
            });
        head && table.iter().any(|row| {
            row.len() == expected.len() && row.iter().zip(expected).all(|(cell, expected)| holds(cell, expected))
        })
    })
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

#[test]
fn every_sentence_heading_column_and_row_is_there() {
    let folder = output_folder("contents");
    let mut faults = Vec::new();
    let mut sought = 0;
    for kind in Kind::ALL {
        for locale in Locale::ALL {
            let expected = data("expected", kind, locale);
            for status in ["final", "draft", "blank_template"] {
                let name = format!("{}.{}.{status}", kind.slug(), locale.tag());
                let file = folder.join(format!("{name}.pdf"));
                std::fs::write(&file, pdf(kind, &document(kind, locale, status))).expect("a file can be written");
                let text = words(&file);
                let tree: Value =
                    serde_json::from_str(&run_ok(python("cells.py").arg(&file))).expect("cells.py writes JSON");
                let logical: Vec<String> =
                    list(&tree, "blocks").iter().filter_map(|block| block["text"].as_str()).map(normalise).collect();
                let logical = logical.join(" ");
                let tables: Vec<Vec<Vec<String>>> =
                    serde_json::from_value(tree["tables"].clone()).expect("tables are rows of cells");
                let Some(wanted) = expected.get(status) else { continue };
                let sentences: Vec<String> =
                    list(wanted, "text").iter().filter_map(Value::as_str).map(normalise).collect();
                for sentence in &sentences {
                    sought += 1;
                    // What is listed several times stands there as often.
                    let times = sentences.iter().filter(|other| *other == sentence).count();
                    let found = text.matches(sentence.as_str()).count().max(logical.matches(sentence.as_str()).count());
                    if found < times {
                        faults.push(format!("{name}: {found} of {times} times «{sentence}»"));
                    }
                }
                for table in list(wanted, "tables") {
                    let columns = list(table, "columns");
                    sought += 1;
                    let there = columns.is_empty()
                        || tables.iter().any(|found| {
                            found.first().is_some_and(|head| {
                                head.len() == columns.len()
                                    && head.iter().zip(columns).all(|(cell, column)| holds(cell, column))
                            })
                        });
                    if !there {
                        faults.push(format!("{name}: no table with the columns {columns:?}"));
                    }
                    for row in list(table, "rows") {
                        sought += 1;
                        let row = row.as_array().expect("a row is a list of cells");
                        if !has_row(&tables, columns, row) {
                            faults.push(format!("{name}: no row {row:?}"));
                        }
                    }
                }
                let part_language = wanted.get("language_of_parts").and_then(Value::as_str).unwrap_or("nn");
                for part in list(wanted, "language_parts").iter().filter_map(Value::as_str) {
                    sought += 1;
                    let tagged = list(&tree, "langs").iter().any(|found| {
                        found["lang"].as_str().is_some_and(|tag| tag.starts_with(part_language))
                            && found["text"].as_str().is_some_and(|text| normalise(text).contains(&normalise(part)))
                    });
                    if !tagged && locale.tag() != part_language {
                        faults.push(format!("{name}: not tagged as nynorsk: «{part}»"));
                    }
                }
            }
        }
    }
    assert!(faults.is_empty(), "{} of {sought}:\n{}", faults.len(), faults.join("\n"));
    assert!(sought > 400, "only {sought} expectations");
}

#[test]
fn what_must_not_be_carried_stands_nowhere() {
    let forbidden = read(&root().join("tests/data/expected/forbidden.json"));
    let always: Vec<&str> = list(&forbidden, "always").iter().filter_map(Value::as_str).collect();
    let in_final: Vec<&str> = list(&forbidden, "final").iter().filter_map(Value::as_str).collect();
    assert!(always.len() > 30 && !in_final.is_empty());
    let mut faults = Vec::new();
    let mut look = |place: &str, text: &str, words: &[&str]| {
        let text = normalise(text);
        for word in words {
            if text.contains(&normalise(word)) {
                faults.push(format!("{place}: «{word}»"));
            }
        }
    };
    for file in template::files() {
        if let Ok(text) = std::str::from_utf8(file.contents) {
            look(file.path, text, &always);
        }
    }
    let folder = output_folder("forbidden");
    for kind in Kind::ALL {
        for locale in Locale::ALL {
            let bodies = [
                ("final", document(kind, locale, "final")),
                ("sample", sample(kind, locale)),
                ("blank", blank(kind, locale)),
            ];
            for (name, body) in bodies {
                let file: PathBuf = folder.join(format!("{}.{}.{name}.pdf", kind.slug(), locale.tag()));
                std::fs::write(&file, pdf(kind, &body)).expect("a file can be written");
                let text = words(&file);
                look(&file.display().to_string(), &text, &always);
                if name != "blank" {
                    look(&file.display().to_string(), &text, &in_final);
                }
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn a_draft_says_so_and_a_final_document_does_not() {
    let folder = output_folder("drafts");
    for kind in Kind::ALL {
        for (locale, word) in [(Locale::Nb, "UTKAST"), (Locale::Nn, "UTKAST"), (Locale::En, "DRAFT")] {
            for (status, said) in [("draft", true), ("final", false)] {
                let file = folder.join(format!("{}.{}.{status}.pdf", kind.slug(), locale.tag()));
                std::fs::write(&file, pdf(kind, &document(kind, locale, status))).expect("a file can be written");
                assert_eq!(words(&file).contains(word), said, "{} {locale:?} {status}", kind.slug());
            }
        }
    }
}
