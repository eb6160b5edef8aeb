//! A module knows only those above it in `lib.rs`.

use std::path::Path;

use crate::support::root;

fn sources(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("src can be listed") {
        let path = entry.expect("src can be listed").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Names of modules of ours that a source text refers to by `crate::`.
fn uses(text: &str) -> Vec<String> {
    let code: Vec<&str> = text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect();
    let code = code.join("\n");
    let mut names = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        let group = rest.strip_prefix('{').and_then(|rest| rest.split('}').next()).unwrap_or(rest);
        let first =
            |part: &str| -> String { part.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect() };
        if rest.starts_with('{') {
            names.extend(group.split(',').map(first));
        } else {
            names.push(first(group));
        }
    }
    names
}

#[test]
fn no_module_knows_one_below_it() {
    let src = root().join("src");
    let lib = std::fs::read_to_string(src.join("lib.rs")).expect("lib.rs can be read");
    let order: Vec<&str> = lib.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    assert!(order.len() >= 10, "lib.rs lists the modules: {order:?}");
    let mut files = Vec::new();
    sources(&src, &mut files);
    let mut faults = Vec::new();
    for file in files {
        let path = file.strip_prefix(&src).expect("a file of src").to_string_lossy().into_owned();
        let module = path.split('/').next().unwrap_or_default().trim_end_matches(".rs").to_owned();
        let Some(own) = order.iter().position(|name| *name == module) else { continue };
        let text = std::fs::read_to_string(&file).expect("a source can be read");
        for used in uses(&text) {
            match order.iter().position(|name| *name == used) {
                Some(place) if place <= own => {}
                Some(_) => faults.push(format!("{path} uses `{used}`, which is below `{module}`")),
                None => faults.push(format!("{path} uses `crate::{used}`, which lib.rs does not list")),
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn inner_modules_do_not_know_the_outside_world() {
    let forbidden = [
        ("document", &["poem", "typst", "tokio", "std::fs", "std::env"][..]),
        ("merge", &["poem", "typst", "tokio", "std::fs", "std::env"]),
        ("validate", &["poem", "typst", "tokio", "std::fs", "std::env"]),
        ("template", &["poem", "tokio", "std::fs", "std::env"]),
        ("render", &["poem", "tokio", "std::fs", "std::env", "std::time", "std::net"]),
        ("pipeline", &["poem"]),
        ("worker", &["poem"]),
        ("webhook", &["poem", "typst", "std::fs", "std::env"]),
        ("pki", &["poem", "typst", "std::fs", "std::env"]),
        ("sign", &["poem", "typst", "std::fs", "std::env"]),
        ("verify", &["poem", "typst", "tokio", "reqwest", "std::fs", "std::env"]),
        ("tenant", &["poem", "typst"]),
        ("cache", &["poem", "typst"]),
        ("store", &["poem", "typst"]),
        ("access", &["poem", "typst"]),
        ("audit", &["poem", "typst"]),
        ("bulk", &["poem", "typst"]),
        ("record", &["poem", "typst", "std::fs", "std::env"]),
        ("signing", &["poem", "typst", "std::env"]),
    ];
    let src = root().join("src");
    let mut files = Vec::new();
    sources(&src, &mut files);
    for (module, words) in forbidden {
        for file in files.iter().filter(|file| {
            let path = file.strip_prefix(&src).expect("a file of src");
            path.starts_with(module) || path == Path::new(&format!("{module}.rs"))
        }) {
            let text = std::fs::read_to_string(file).expect("a source can be read");
            for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
                for word in words {
                    let used = line
                        .match_indices(&format!("{word}::"))
                        .any(|(at, _)| !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_'));
                    assert!(!used, "{} uses `{word}`: {line}", file.display());
                }
            }
        }
    }
}

/// Without it all works as well, only slower, which nobody would notice.
#[test]
fn krilla_is_built_from_the_copy_that_remembers_fonts() {
    let lock = std::fs::read_to_string(root().join("Cargo.lock")).expect("Cargo.lock can be read");
    let mut versions = lock.split("[[package]]").filter(|package| package.contains("\nname = \"krilla\"\n"));
    let package = versions.next().expect("Typst writes PDF by krilla");
    assert!(!package.contains("\nsource = "), "krilla comes from crates.io: see vendor/README.md\n{package}");
    assert!(versions.next().is_none(), "there are two versions of krilla: see vendor/README.md");
}
