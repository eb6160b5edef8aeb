//! Compiles a source of the tests' own, to see what becomes of a worker. Not part of a release build.

use typst::diag::{FileError, FileResult};
use typst::foundations::{Bytes, Datetime, Duration};
use typst::syntax::{FileId, Source};
use typst::text::{Font, FontBook};
use typst::utils::LazyHash;
use typst::{Library, World};

use super::desk::{Desk, file_id};

struct Scratch<'a> {
    desk: &'a Desk<'a>,
    source: Source,
}

/// Compiles a source with the library and the fonts of a desk.
pub(super) fn run(desk: &Desk<'_>, source: &str) {
    let source = Source::new(file_id("parent-letter/template.typ"), source.to_owned());
    drop(typst::compile::<typst_layout::PagedDocument>(&Scratch { desk, source }));
}

impl World for Scratch<'_> {
    fn library(&self) -> &LazyHash<Library> {
        self.desk.library()
    }

    fn book(&self) -> &LazyHash<FontBook> {
        self.desk.book()
    }

    fn main(&self) -> FileId {
        self.source.id()
    }

    fn source(&self, id: FileId) -> FileResult<Source> {
        if id == self.source.id() { Ok(self.source.clone()) } else { Err(FileError::AccessDenied) }
    }

    fn file(&self, _: FileId) -> FileResult<Bytes> {
        Err(FileError::AccessDenied)
    }

    fn font(&self, index: usize) -> Option<Font> {
        self.desk.font(index)
    }

    fn today(&self, _: Option<Duration>) -> Option<Datetime> {
        None
    }
}
