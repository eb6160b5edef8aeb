//! What Typst sees of the world: the shipped templates and fonts, one document, and nothing else.

use std::collections::HashMap;
use std::ops::Range;

use typst::LibraryExt;
use typst::diag::{FileError, FileResult, SourceDiagnostic};
use typst::foundations::{Bytes, Datetime, Dict, Duration, IntoValue};
use typst::syntax::{FileId, RootedPath, Source, VirtualPath, VirtualRoot};
use typst::text::{Font, FontBook};
use typst::utils::LazyHash;
use typst::{Feature, World, WorldExt};

use super::data;
use crate::document::{Cover, Document, Kind};
use crate::template;

/// What is the same for all documents: the standard library, the fonts and the parsed templates.
/// `Source`s stay alive between documents, since parsing them again costs a fifth of a letter.
pub(super) struct Library {
    standard: LazyHash<typst::Library>,
    book: LazyHash<FontBook>,
    fonts: Vec<Font>,
    sources: HashMap<FileId, Source>,
    files: HashMap<FileId, Bytes>,
    mains: HashMap<Kind, FileId>,
    mark: FileId,
    data: FileId,
}

impl Library {
    pub(super) fn new(fonts: Vec<Font>) -> Self {
        let mut inputs = Dict::new();
        // Constant, so that memoised results stay good; the data itself is a file.
        inputs.insert("data".into(), "/data.json".into_value());
        let standard =
            typst::Library::builder().with_inputs(inputs).with_features([Feature::Html].into_iter().collect()).build();
        let mut sources = HashMap::new();
        let mut files = HashMap::new();
        for file in template::files() {
            let id = file_id(file.path);
            if let (true, Ok(text)) = (file.is_source(), std::str::from_utf8(file.contents)) {
                sources.insert(id, Source::new(id, text.to_owned()));
            }
            files.insert(id, Bytes::new(file.contents));
        }
        Self {
            standard: LazyHash::new(standard),
            book: LazyHash::new(FontBook::from_fonts(&fonts)),
            fonts,
            sources,
            files,
            mains: Kind::ALL
                .into_iter()
                .map(|kind| (kind, file_id(&format!("{}/template.typ", kind.slug()))))
                .collect(),
            mark: file_id("shared/mark.typ"),
            data: file_id("data.json"),
        }
    }
}

/// Virtual paths are interned for the life of the process and there can be 65,535 of them, so only
/// the paths of shipped files and of the few names in `data` ever become one.
#[expect(clippy::expect_used, reason = "paths are literals or names of shipped files")]
pub(super) fn file_id(path: &str) -> FileId {
    let path = VirtualPath::new(format!("/{path}")).expect("shipped paths stay below their root");
    FileId::new(RootedPath::new(VirtualRoot::Project, path))
}

/// One document on the desk.
pub(super) struct Desk<'a> {
    library: &'a Library,
    main: FileId,
    data: Bytes,
    logo: Option<(FileId, Bytes)>,
}

impl<'a> Desk<'a> {
    pub(super) fn new(library: &'a Library, document: &Document, cover: &Cover, signable: bool) -> Self {
        let data::Data { json, logo } = data::Data::of(document, cover, signable);
        Self {
            library,
            main: library.mains[&document.kind()],
            data: Bytes::new(json),
            logo: logo.map(|logo| (file_id(logo.path), Bytes::new(logo.bytes))),
        }
    }

    /// A desk with the data of a mark instead of a document.
    pub(super) fn for_mark(library: &'a Library, json: Vec<u8>) -> Self {
        Self { library, main: library.mark, data: Bytes::new(json), logo: None }
    }

    /// Where in the templates diagnostics point and what they say, without the document's words.
    pub(super) fn describe(&self, errors: &[SourceDiagnostic]) -> String {
        let told: Vec<String> = errors
            .iter()
            .take(3)
            .map(|error| {
                let place = self.place(error).unwrap_or_default();
                format!("{place}{}", super::without_quotations(&error.message))
            })
            .collect();
        told.join("; ")
    }

    fn place(&self, error: &SourceDiagnostic) -> Option<String> {
        let id = error.span.id()?;
        let range: Range<usize> = self.range(error.span)?;
        let line = self.source(id).ok()?.lines().byte_to_line(range.start)?;
        Some(format!("{}:{}: ", id.vpath().get_without_slash(), line + 1))
    }
}

impl World for Desk<'_> {
    fn library(&self) -> &LazyHash<typst::Library> {
        &self.library.standard
    }

    fn book(&self) -> &LazyHash<FontBook> {
        &self.library.book
    }

    fn main(&self) -> FileId {
        self.main
    }

    fn source(&self, id: FileId) -> FileResult<Source> {
        self.library.sources.get(&id).cloned().ok_or(FileError::AccessDenied)
    }

    fn file(&self, id: FileId) -> FileResult<Bytes> {
        if id == self.library.data {
            return Ok(self.data.clone());
        }
        match &self.logo {
            Some((logo, bytes)) if *logo == id => Ok(bytes.clone()),
            _ => self.library.files.get(&id).cloned().ok_or(FileError::AccessDenied),
        }
    }

    fn font(&self, index: usize) -> Option<Font> {
        self.library.fonts.get(index).cloned()
    }

    /// There is no today: the same document gives the same bytes on every day.
    fn today(&self, _: Option<Duration>) -> Option<Datetime> {
        None
    }
}
