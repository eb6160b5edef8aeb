//! The shipped fonts, and no others.

use std::path::Path;

use include_dir::{Dir, include_dir};
use typst::foundations::Bytes;
use typst::text::Font;

use crate::validate::Coverage;

static SHIPPED: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/fonts");

/// Loads every font file below `fonts/`, in the order of their paths.
pub(super) fn shipped() -> Vec<Font> {
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
    files.into_iter().flat_map(|(_, contents)| Font::iter(Bytes::new(contents))).collect()
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
