//! The shipped fonts, and no others.

use std::path::Path;

use include_dir::{Dir, include_dir};
use typst::foundations::Bytes;
use typst::text::Font;

use crate::validate::Coverage;

static SHIPPED: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/fonts");

/// Loads every font file below `fonts/`.
pub(super) fn shipped() -> Vec<Font> {
    files().into_iter().flat_map(|contents| Font::iter(Bytes::new(contents))).collect()
}

/// A hash over all font files, in hexadecimal.
pub(super) fn digest() -> String {
    let mut hash = blake3::Hasher::new();
    for contents in files() {
        hash.update(&(contents.len() as u64).to_le_bytes());
        hash.update(contents);
    }
    hash.finalize().to_hex().to_string()
}

/// The font files, in the order of their paths.
fn files() -> Vec<&'static [u8]> {
    fn walk(dir: &'static Dir<'static>, found: &mut Vec<(&'static Path, &'static [u8])>) {
        for file in dir.files() {
            if file.path().extension().is_some_and(|extension| extension == "ttf") {
                found.push((file.path(), file.contents()));
            }
        }
        for below in dir.dirs() {
            walk(below, found);
        }
    }
    let mut files = Vec::new();
    walk(&SHIPPED, &mut files);
    files.sort_by_key(|(path, _)| *path);
    files.into_iter().map(|(_, contents)| contents).collect()
}

/// Every character that at least one font has a glyph for.
pub(super) fn coverage(fonts: &[Font]) -> Coverage {
    let mut coverage = Coverage::default();
    for font in fonts {
        for code in font.info().coverage.iter() {
            if let Some(c) = char::from_u32(code) {
                coverage.insert(c);
            }
        }
    }
    coverage
}
