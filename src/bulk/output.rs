//! The files that a mailing becomes: letters in a folder, in an archive, or one behind the other to be printed.
//!
//! All is written in a folder beside the output and moved into place when it is whole, so that nobody finds half a mailing, or the
//! letters of two in one place.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::archive::Archive;
use super::chunk::{Followers, Outcome};
use super::manifest::{Counts, Manifest, Printed};
use super::print_file::{Front, Placed, PrintFile, PrintFileError};
use super::spool::{Spool, SpoolError};
use crate::document::{Date, Locale, hex};

/// In what form letters are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A file for each, with the manifest.
    Folder,
    /// A ZIP archive of these.
    Archive,
    /// Print files, with the manifest beside them and the letters with a protected address in a folder of their own.
    PrintFiles {
        /// Whether each letter begins on a sheet of its own.
        two_sided: bool,
        /// Most pages of a file.
        pages: usize,
    },
}

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// There is something already.
    #[error("`{}` is there already; give another name, or remove it", .0.display())]
    Taken(PathBuf),
    /// A file can not be written.
    #[error("can not write `{}`", .path.display())]
    File {
        /// The output.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Finished letters, and what files of them say.
#[derive(Debug)]
pub struct Finished<'a> {
    /// The letters.
    pub spool: &'a Spool,
    /// How many chunks there are.
    pub chunks: u64,
    /// A hash of all that they depend on.
    pub identity: &'a str,
    /// Language of what is not of the letters.
    pub locale: Locale,
    /// Date in the metadata of print files.
    pub date: Date,
}

/// Where letters are written, and in what form.
#[derive(Debug, Clone)]
pub struct Output {
    path: PathBuf,
    form: Form,
}

/// The name of the file that tells that the folder is ours.
const BEGUN: &str = "begun";
/// The name of the file that tells that all is written, and of what.
const WHOLE: &str = "whole";

/// A name beside a path.
#[must_use]
pub fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(end);
    path.with_file_name(name)
}

impl Output {
    /// An output by its path: `.zip` is an archive, `.pdf` a print file, anything else a folder.
    #[must_use]
    pub fn new(path: &Path, two_sided: bool, pages: usize) -> Self {
        let extension = path.extension().and_then(|extension| extension.to_str()).map(str::to_ascii_lowercase);
        let form = match extension.as_deref() {
            Some("zip") => Form::Archive,
            Some("pdf") => Form::PrintFiles { two_sided, pages },
            _ => Form::Folder,
        };
        Self { path: path.to_owned(), form }
    }

    /// Whether the place is free. An empty folder is, and so is what an interrupted run was moving there.
    ///
    /// # Errors
    /// [`OutputError::Taken`].
    pub fn look(&self) -> Result<(), OutputError> {
        if self.path.file_name().is_none() {
            return Err(OutputError::Taken(self.path.clone()));
        }
        if self.folder().join(WHOLE).exists() {
            return Ok(());
        }
        let is_empty = |path: &Path| fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none());
        let taken = |path: &Path| path.exists() && !(self.form == Form::Folder && is_empty(path));
        let mut paths = vec![self.path.clone()];
        if matches!(self.form, Form::PrintFiles { .. }) {
            let ends = ["protected", "manifest.json", "manifest.csv"];
            paths.extend(ends.iter().map(|end| self.path.with_extension(end)));
            paths.push(self.numbered(2));
        }
        paths.into_iter().find(|path| taken(path)).map_or(Ok(()), |path| Err(OutputError::Taken(path)))
    }

    /// The folder with the letters with a protected address, where they have one of their own.
    #[must_use]
    pub fn apart(&self) -> Option<PathBuf> {
        matches!(self.form, Form::PrintFiles { .. }).then(|| self.path.with_extension("protected"))
    }

    /// Writes all letters. `tell` is given each outcome, in the order of the list.
    ///
    /// # Errors
    /// See [`OutputError`]; then nothing was written.
    pub fn write(&self, finished: &Finished<'_>, tell: &mut dyn FnMut(&Outcome)) -> Result<Counts, OutputError> {
        self.look()?;
        let folder = self.folder();
        if let Ok(of) = fs::read_to_string(folder.join(WHOLE)) {
            if of != self.mark(finished) {
                return Err(OutputError::Taken(folder));
            }
            // A run was interrupted when all was written, and part of it may be in its place.
            return self
                .go_on(finished, &folder, tell)
                .map_err(|source| OutputError::File { path: self.path.clone(), source });
        }
        let is_strange = |entries: fs::ReadDir| entries.flatten().next().is_some() && !folder.join(BEGUN).exists();
        if fs::read_dir(&folder).is_ok_and(is_strange) {
            return Err(OutputError::Taken(folder));
        }
        let written = (|| {
            if folder.exists() {
                // Of a run that was interrupted.
                fs::remove_dir_all(&folder)?;
            }
            private_folder(&folder)?;
            create(&folder.join(BEGUN))?;
            let counts = match self.form {
                Form::Folder => letters(finished, &folder, tell)?,
                Form::Archive => archive(finished, &folder.join("archive"), tell)?,
                Form::PrintFiles { two_sided, pages } => self.print(finished, &folder, two_sided, pages, tell)?,
            };
            fs::write(folder.join(WHOLE), self.mark(finished))?;
            Ok(counts)
        })();
        if written.is_err() {
            // What is not whole is not left behind; there may be nothing.
            drop(fs::remove_dir_all(&folder));
        }
        let moved = written.and_then(|counts| self.move_into_place(&folder).map(|()| counts));
        moved.map_err(|source| OutputError::File { path: self.path.clone(), source })
    }

    /// What the files in the folder are of.
    fn mark(&self, finished: &Finished<'_>) -> String {
        format!("{} {:?}", finished.identity, self.form)
    }

    fn folder(&self) -> PathBuf {
        beside(&self.path, ".writing")
    }

    fn go_on(&self, finished: &Finished<'_>, folder: &Path, tell: &mut dyn FnMut(&Outcome)) -> io::Result<Counts> {
        let mut counts = Counts::default();
        each(finished, |outcome, _| {
            tell(outcome);
            counts.add(outcome);
            Ok(())
        })?;
        self.move_into_place(folder)?;
        Ok(counts)
    }

    fn move_into_place(&self, folder: &Path) -> io::Result<()> {
        match self.form {
            Form::Folder => {
                if self.path.exists() {
                    fs::remove_dir(&self.path)?;
                }
                fs::rename(folder, &self.path)?;
                fs::remove_file(self.path.join(BEGUN))?;
                return fs::remove_file(self.path.join(WHOLE));
            }
            Form::Archive => {
                if folder.join("archive").exists() {
                    fs::rename(folder.join("archive"), &self.path)?;
                }
            }
            Form::PrintFiles { .. } => {
                let entries = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
                let ours = |entry: &&fs::DirEntry| entry.file_name() != WHOLE && entry.file_name() != BEGUN;
                let target = |entry: &fs::DirEntry| self.path.with_file_name(entry.file_name());
                if entries.iter().filter(ours).any(|entry| target(entry).exists()) {
                    return Err(io::ErrorKind::AlreadyExists.into());
                }
                for entry in entries.iter().filter(ours) {
                    fs::rename(entry.path(), target(entry))?;
                }
            }
        }
        fs::remove_dir_all(folder)
    }

    /// The name of a print file: the second one of `print.pdf` is `print-2.pdf`.
    fn numbered(&self, number: usize) -> PathBuf {
        if number == 1 {
            return self.path.clone();
        }
        let stem = self.path.file_stem().unwrap_or_default().to_string_lossy();
        self.path.with_file_name(format!("{stem}-{number}.pdf"))
    }

    fn print(
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
        let mut printer = Printer { output: self, finished, folder, two_sided, full: pages, file: None, files: 0 };
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

/// A folder for its owner alone.
fn private_folder(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().mode(0o700).recursive(true).create(path)
}

/// A file for its owner alone.
fn create(path: &Path) -> io::Result<BufWriter<File>> {
    File::options().create(true).write(true).truncate(true).mode(0o600).open(path).map(BufWriter::new)
}

fn put(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = create(path)?;
    file.write_all(bytes)?;
    file.flush()
}

/// Has what was written on the disk before the letters that it was made of are removed.
fn settle(file: BufWriter<File>) -> io::Result<()> {
    file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
}

fn letters(finished: &Finished<'_>, folder: &Path, tell: &mut dyn FnMut(&Outcome)) -> io::Result<Counts> {
    let (json, csv) = (create(&folder.join("manifest.json"))?, create(&folder.join("manifest.csv"))?);
    let mut manifest = Manifest::begin(json, csv, finished.locale)?;
    each(finished, |outcome, bytes| {
        tell(outcome);
        let name = outcome.letter().map(|_| outcome.file_name());
        if let Some(name) = &name {
            put(&folder.join(name), bytes)?;
        }
        manifest.add(outcome, name.as_deref(), None)
    })?;
    manifest.finish().map(|(.., counts)| counts)
}

fn archive(finished: &Finished<'_>, path: &Path, tell: &mut dyn FnMut(&Outcome)) -> io::Result<Counts> {
    let mut archive = Archive::begin(create(path)?);
    let mut manifest = Manifest::begin(Vec::new(), Vec::new(), finished.locale)?;
    each(finished, |outcome, bytes| {
        tell(outcome);
        let name = outcome.letter().map(|_| outcome.file_name());
        if let Some(name) = &name {
            archive.add(name, bytes)?;
        }
        manifest.add(outcome, name.as_deref(), None)
    })?;
    let (json, csv, counts) = manifest.finish()?;
    archive.add("manifest.json", &json)?;
    archive.add("manifest.csv", &csv)?;
    settle(archive.finish()?)?;
    Ok(counts)
}

/// Print files as they are written, one after the other.
struct Printer<'a> {
    output: &'a Output,
    finished: &'a Finished<'a>,
    folder: &'a Path,
    two_sided: bool,
    full: usize,
    file: Option<PrintFile<BufWriter<File>>>,
    /// How many have been begun.
    files: usize,
}

impl Printer<'_> {
    fn add(&mut self, outcome: &Outcome, bytes: &[u8]) -> io::Result<Printed> {
        let pages = outcome.letter().map_or(0, |letter| letter.pages);
        let pages = if self.two_sided { pages.next_multiple_of(2) } else { pages };
        if self.file.as_ref().is_some_and(|file| file.pages() + pages > self.full) {
            self.close()?;
        }
        let bookmark = format!("{} · {}", outcome.number, outcome.key);
        let placed = match self.add_here(bytes, &bookmark) {
            Err(PrintFileError::Full) => {
                self.close()?;
                self.add_here(bytes, &bookmark)
            }
            other => other,
        };
        let placed = placed.map_err(io::Error::other)?;
        let name = self.output.numbered(self.files);
        Ok(Printed::new(&name.file_name().unwrap_or_default().to_string_lossy(), &placed))
    }

    fn add_here(&mut self, bytes: &[u8], bookmark: &str) -> Result<Placed, PrintFileError> {
        let mut file = match self.file.take() {
            Some(file) => file,
            None => self.begin()?,
        };
        let placed = file.add(bytes, bookmark);
        self.file = Some(file);
        placed
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
            settle(file.finish().map_err(io::Error::other)?)?;
        }
        Ok(())
    }
}

/// Each outcome with the bytes of its letter, in the order of the list.
fn each(finished: &Finished<'_>, mut with: impl FnMut(&Outcome, &[u8]) -> io::Result<()>) -> io::Result<()> {
    let fault = |error: SpoolError| io::Error::other(error);
    let mut followers = Followers::default();
    for number in 1..=finished.chunks {
        let outcomes = finished.spool.outcomes(number).map_err(fault)?.ok_or(io::ErrorKind::NotFound)?;
        let documents = finished.spool.documents(number).map_err(fault)?;
        for outcome in outcomes {
            let outcome = &followers.settle(outcome);
            let bytes = match outcome.letter() {
                Some(letter) => letter.within(&documents).ok_or(io::ErrorKind::InvalidData)?,
                None => &[],
            };
            with(outcome, bytes)?;
        }
    }
    Ok(())
}
