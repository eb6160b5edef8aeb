//! Letters one behind the other in print files.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::disk::{create, private_folder, put};
use super::{Finished, Output, each};
use crate::bulk::chunk::Outcome;
use crate::bulk::layout::Layout;
use crate::bulk::manifest::{Counts, Manifest, Printed};
use crate::bulk::print_file::{Front, PrintFile, PrintFileError};
use crate::document::{Locale, hex};

impl Output {
    /// Writes print files, the manifest beside them, and the letters with a protected address in a folder of their own.
    pub(super) fn print(
        &self,
        finished: &Finished<'_>,
        folder: &Path,
        two_sided: bool,
        pages: usize,
        tell: &mut dyn FnMut(&Outcome),
    ) -> io::Result<Counts> {
        let inside = |path: PathBuf| folder.join(path.file_name().unwrap_or_default());
        let apart = inside(self.path.with_extension("protected"));
        let json = create(&inside(self.path.with_extension("manifest.json")))?;
        let csv = create(&inside(self.path.with_extension("manifest.csv")))?;
        let mut manifest = Manifest::begin(json, csv, finished.locale)?;
        let layout = Layout::new(two_sided, pages);
        let mut printer = Printer { output: self, finished, folder, two_sided, layout, file: None, files: 0 };
        each(finished, |outcome, bytes| {
            tell(outcome);
            if outcome.letter().is_none() {
                return manifest.add(outcome, None, None);
            }
            if outcome.is_protected {
                private_folder(&apart)?;
                put(&apart.join(outcome.file_name()), bytes)?;
                return manifest.add(outcome, Some(&outcome.file_name()), None);
            }
            let place = printer.add(outcome, bytes)?;
            manifest.add(outcome, None, Some(&place))
        })?;
        printer.close()?;
        manifest.finish().map(|(.., counts)| counts)
    }
}

/// Print files as they are written, one after the other.
struct Printer<'a> {
    output: &'a Output,
    finished: &'a Finished<'a>,
    folder: &'a Path,
    two_sided: bool,
    layout: Layout,
    file: Option<PrintFile<BufWriter<File>>>,
    /// How many have been begun.
    files: usize,
}

impl Printer<'_> {
    fn add(&mut self, outcome: &Outcome, bytes: &[u8]) -> io::Result<Printed> {
        if self.layout.place(outcome).is_some_and(|(part, _)| part > self.files) {
            self.close()?;
        }
        let mut file = match self.file.take() {
            Some(file) => file,
            None => self.begin().map_err(io::Error::other)?,
        };
        let bookmark = format!("{} · {}", outcome.number, outcome.key);
        let placed = file.add(bytes, &bookmark).map_err(io::Error::other)?;
        self.file = Some(file);
        let name = self.output.numbered(self.files);
        Ok(Printed::new(&name.file_name().unwrap_or_default().to_string_lossy(), &placed))
    }

    fn begin(&mut self) -> Result<PrintFile<BufWriter<File>>, PrintFileError> {
        self.files += 1;
        let name = self.output.numbered(self.files);
        let identity = format!("{} {} {}", self.finished.identity, self.two_sided, self.files);
        let date = self.finished.date.civil();
        let front = Front {
            title: if self.finished.locale == Locale::En { "Letters to print" } else { "Brev til utskrift" },
            language: self.finished.locale.tag(),
            identifier: &hex(&blake3::hash(identity.as_bytes()).as_bytes()[..16]),
            created: (i32::from(date.year()), date.month().unsigned_abs(), date.day().unsigned_abs()),
            two_sided: self.two_sided,
        };
        let out = create(&self.folder.join(name.file_name().unwrap_or_default()))?;
        PrintFile::begin(out, &front)
    }

    fn close(&mut self) -> io::Result<()> {
        if let Some(file) = self.file.take() {
            file.finish().map_err(io::Error::other)?.flush()?;
        }
        Ok(())
    }
}
