//! The catalogue: the templates that ship with the service, with their manifests, strings, samples
//! and digest. They are part of the binary.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use include_dir::{Dir, include_dir};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::document::{Date, Kind, Language, Locale, hex};

static SHIPPED: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/templates");

/// What a template says of itself (`manifest.json`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Kind that it sets.
    pub kind: Kind,
    /// Title in each language.
    pub title: BTreeMap<Locale, String>,
    /// Languages that it can be printed in.
    pub locales: Vec<Language>,
    /// Formats that it can be had in.
    pub formats: Vec<Format>,
    /// Law that its sentences follow.
    pub law_version: String,
    /// Version of the template.
    pub version: String,
    /// Day of release; stands in for the date of a document that has none.
    pub released: Date,
}

/// A format that a document can be had in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// PDF.
    #[default]
    Pdf,
    /// A page as PNG.
    Png,
    /// A page as SVG.
    Svg,
    /// HTML.
    Html,
    /// iCalendar (RFC 5545).
    Ics,
}

impl Format {
    /// All formats, the default first.
    pub const ALL: [Self; 5] = [Self::Pdf, Self::Png, Self::Svg, Self::Html, Self::Ics];

    /// The media type, with its parameters.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Pdf => "application/pdf",
            Self::Png => "image/png",
            Self::Svg => "image/svg+xml",
            Self::Html => "text/html; charset=utf-8",
            Self::Ics => "text/calendar; charset=utf-8",
        }
    }

    /// The extension of file names, which is also the name on the command line.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Pdf => "pdf",
            Self::Png => "png",
            Self::Svg => "svg",
            Self::Html => "html",
            Self::Ics => "ics",
        }
    }

    /// Reads an extension.
    #[must_use]
    pub fn parse(extension: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.extension() == extension)
    }
}

/// A shipped file and its path below `templates/`, with `/` between the parts.
#[derive(Debug, Clone, Copy)]
pub struct TemplateFile {
    /// Path, like `parent-letter/template.typ`.
    pub path: &'static str,
    /// Contents.
    pub contents: &'static [u8],
}

impl TemplateFile {
    /// Whether it is Typst source.
    #[must_use]
    pub fn is_source(&self) -> bool {
        std::path::Path::new(self.path).extension().is_some_and(|extension| extension == "typ")
    }
}

/// All shipped files that a template may read when it is set.
pub fn files() -> impl Iterator<Item = TemplateFile> {
    fn walk(dir: &'static Dir<'static>, found: &mut Vec<TemplateFile>) {
        for file in dir.files() {
            let path = file.path().to_str().unwrap_or_default();
            found.push(TemplateFile { path, contents: file.contents() });
        }
        for below in dir.dirs() {
            walk(below, found);
        }
    }
    let mut found = Vec::new();
    walk(&SHIPPED, &mut found);
    found.sort_by_key(|file| file.path);
    found.into_iter()
}

/// The manifest of a kind.
#[must_use]
pub fn manifest(kind: Kind) -> &'static Manifest {
    static MANIFESTS: LazyLock<BTreeMap<Kind, Manifest>> =
        LazyLock::new(|| Kind::ALL.into_iter().map(|kind| (kind, shipped_json(kind, "manifest.json"))).collect());
    &MANIFESTS[&kind]
}

/// A sample body that renders, in a language.
#[must_use]
pub fn sample(kind: Kind, locale: Locale) -> &'static str {
    let name = match locale {
        Locale::Nb => "sample.json",
        Locale::Nn => "sample.nn.json",
        Locale::En => "sample.en.json",
    };
    shipped(kind, name)
}

/// The fixed sentences of a kind in a language: the strings file as it is.
#[must_use]
pub fn strings(kind: Kind, locale: Locale) -> &'static serde_json::Map<String, serde_json::Value> {
    type Table = BTreeMap<(Kind, Locale), serde_json::Map<String, serde_json::Value>>;
    static STRINGS: LazyLock<Table> = LazyLock::new(|| {
        let pairs = Kind::ALL.into_iter().flat_map(|kind| Locale::ALL.map(|locale| (kind, locale)));
        pairs
            .map(|(kind, locale)| ((kind, locale), shipped_json(kind, &format!("strings.{}.json", locale.tag()))))
            .collect()
    });
    &STRINGS[&(kind, locale)]
}

/// The words that all kinds share, in a language.
#[must_use]
pub fn shared_strings(locale: Locale) -> &'static serde_json::Map<String, serde_json::Value> {
    type Table = BTreeMap<Locale, serde_json::Map<String, serde_json::Value>>;
    static STRINGS: LazyLock<Table> = LazyLock::new(|| {
        let file = |locale: Locale| format!("shared/strings.{}.json", locale.tag());
        Locale::ALL.into_iter().map(|locale| (locale, json_at(&file(locale)))).collect()
    });
    &STRINGS[&locale]
}

/// SHA-256 over all shipped files with their paths, in hexadecimal.
#[must_use]
pub fn digest() -> &'static str {
    static DIGEST: LazyLock<String> = LazyLock::new(|| {
        let mut hash = Sha256::new();
        for file in files() {
            for part in [file.path.as_bytes(), file.contents] {
                hash.update((part.len() as u64).to_be_bytes());
                hash.update(part);
            }
        }
        hex(&hash.finalize())
    });
    &DIGEST
}

fn shipped(kind: Kind, name: &str) -> &'static str {
    text_at(&format!("{}/{name}", kind.slug()))
}

fn shipped_json<T: serde::de::DeserializeOwned>(kind: Kind, name: &str) -> T {
    json_at(&format!("{}/{name}", kind.slug()))
}

#[expect(clippy::panic, reason = "the files are part of the binary and a test reads every one")]
fn text_at(path: &str) -> &'static str {
    SHIPPED
        .get_file(path)
        .and_then(|file| file.contents_utf8())
        .unwrap_or_else(|| panic!("templates/{path} is not shipped"))
}

#[expect(clippy::panic, reason = "the files are part of the binary and a test reads every one")]
fn json_at<T: serde::de::DeserializeOwned>(path: &str) -> T {
    serde_json::from_str(text_at(path)).unwrap_or_else(|error| panic!("templates/{path} is malformed: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_files() {
        for locale in Locale::ALL {
            assert!(shared_strings(locale).contains_key("roles"), "{locale:?}");
        }
        for kind in Kind::ALL {
            assert_eq!(manifest(kind).kind, kind);
            for locale in Locale::ALL {
                assert!(manifest(kind).title.contains_key(&locale), "{} {locale:?}", kind.slug());
                assert!(!sample(kind, locale).is_empty());
                let keys: Vec<_> = strings(kind, locale).keys().collect();
                let own: Vec<_> = strings(kind, Locale::Nb).keys().collect();
                assert_eq!(keys, own, "{} {locale:?}: not the same strings as nb", kind.slug());
            }
        }
    }
}
