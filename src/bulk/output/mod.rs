//! The files that a mailing becomes: letters in a folder, in an archive, or one behind the other to be printed.
//!
//! All is written in a folder beside the output and moved into place when it is whole, so that nobody finds half a mailing, or the
//! letters of two in one place.
//!
//! A run may end at any point, also by a power cut, and the next one goes on. That rests on an order. In the folder, `begun` is
//! there first and goes last, so what is half written is known for ours. `whole` is there when all else is on the disk, and stays
//! until all is in its place and the letters that it was made of are removed.

mod disk;
mod letters;
mod print;

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Receiver;

use serde::{Deserialize, Serialize};

use self::disk::{clear, is_there, names_in, private_folder, put, remove, settle};
use super::chunk::{Followers, Outcome};
use super::manifest::Counts;
use super::spool::{Spool, SpoolError};
use crate::document::{Date, Locale};

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

/// Finished letters, or such as will be, and what files of them say.
#[derive(Debug)]
pub struct Finished<'a> {
    /// The letters.
    pub spool: &'a Spool,
    /// The number of each chunk once it is there, and nothing once all are. They may still be made while the first are written. An
    /// end without that word says that making failed: then nothing is whole.
    pub chunks: Receiver<Option<u64>>,
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

/// What is written, when all of it is.
#[derive(Debug, Serialize, Deserialize)]
struct Whole {
    /// The letters and the form.
    of: String,
    /// Names in the folder of what is to be moved.
    names: Vec<Vec<u8>>,
    /// The numbers of [`Counts`], in its order.
    counts: [u64; 7],
}

impl Whole {
    fn names(&self) -> impl Iterator<Item = OsString> {
        self.names.iter().cloned().map(OsString::from_vec)
    }

    fn counts(&self) -> Counts {
        let [items, letters, pages, no_letter, invalid, failed, protected] = self.counts;
        Counts { items, letters, pages, no_letter, invalid, failed, protected }
    }
}

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

    /// Whether the place is free. An empty folder is. To be asked when there is nothing to [`resume`](Self::resume).
    ///
    /// # Errors
    /// [`OutputError::Taken`].
    pub fn look(&self) -> Result<(), OutputError> {
        if self.path.file_name().is_none() {
            return Err(OutputError::Taken(self.path.clone()));
        }
        let mut paths = vec![self.path.clone()];
        if matches!(self.form, Form::PrintFiles { .. }) {
            let ends = ["protected", "manifest.json", "manifest.csv"];
            paths.extend(ends.iter().map(|end| self.path.with_extension(end)));
            paths.push(self.numbered(2));
        }
        paths.into_iter().find(|path| !self.is_free(path)).map_or(Ok(()), |path| Err(OutputError::Taken(path)))
    }

    fn is_free(&self, path: &Path) -> bool {
        let is_empty = || fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none());
        match fs::symlink_metadata(path) {
            Ok(found) => self.form == Form::Folder && found.is_dir() && is_empty(),
            Err(_) => true,
        }
    }

    /// The folder with the letters with a protected address, where they have one of their own.
    #[must_use]
    pub fn apart(&self) -> Option<PathBuf> {
        matches!(self.form, Form::PrintFiles { .. }).then(|| self.path.with_extension("protected"))
    }

    /// Goes on where a run was interrupted after all was written: moves what is not in its place. Nothing if there was no such run.
    ///
    /// # Errors
    /// See [`OutputError`]; then what is not in its place is kept.
    pub fn resume(&self, identity: &str) -> Result<Option<Counts>, OutputError> {
        let folder = self.folder();
        let bytes = match fs::read(folder.join(WHOLE)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(self.fault(source)),
        };
        let whole = postcard::from_bytes::<Whole>(&bytes).ok().filter(|whole| whole.of == self.mark(identity));
        let whole = whole.ok_or_else(|| OutputError::Taken(folder.clone()))?;
        if whole.names().any(|name| !is_there(&folder.join(&name)) && !is_there(&self.target(&name))) {
            // Somebody has taken away what was moved, so it is not whole any more.
            fs::remove_file(folder.join(WHOLE)).map_err(|source| self.fault(source))?;
            return Ok(None);
        }
        self.move_into_place(&whole)?;
        Ok(Some(whole.counts()))
    }

    /// Writes all letters, or goes on as [`resume`](Self::resume) does. `tell` is given each outcome that is written, in the order of
    /// the list.
    ///
    /// # Errors
    /// See [`OutputError`]; then nothing was written, or what is not in its place is kept for the next run.
    pub fn write(&self, finished: &Finished<'_>, tell: &mut dyn FnMut(&Outcome)) -> Result<Counts, OutputError> {
        if let Some(counts) = self.resume(finished.identity)? {
            return Ok(counts);
        }
        self.look()?;
        let folder = self.folder();
        let is_strange = |entries: fs::ReadDir| entries.flatten().next().is_some() && !folder.join(BEGUN).exists();
        if fs::read_dir(&folder).is_ok_and(is_strange) {
            return Err(OutputError::Taken(folder));
        }
        let written = self.write_beside(finished, &folder, tell);
        if written.is_err() {
            // What is not whole is not left behind; there may be nothing.
            drop(clear(&folder));
        }
        let whole = written.map_err(|source| self.fault(source))?;
        self.move_into_place(&whole)?;
        Ok(whole.counts())
    }

    /// Removes what tells that all is written. To be called when the letters that it was made of are removed.
    ///
    /// # Errors
    /// When it can not be removed.
    pub fn end(&self) -> Result<(), OutputError> {
        let folder = self.folder();
        let ended = remove(&folder.join(BEGUN)).and_then(|()| remove(&folder.join(WHOLE)));
        ended.and_then(|()| fs::remove_dir(&folder)).map_err(|source| self.fault(source))
    }

    fn fault(&self, source: io::Error) -> OutputError {
        OutputError::File { path: self.path.clone(), source }
    }

    /// What the files in the folder are of.
    fn mark(&self, identity: &str) -> String {
        format!("{identity} {:?}", self.form)
    }

    fn folder(&self) -> PathBuf {
        beside(&self.path, ".writing")
    }

    /// The place of what has this name in the folder.
    fn target(&self, name: &OsStr) -> PathBuf {
        match self.form {
            Form::PrintFiles { .. } => self.path.with_file_name(name),
            Form::Folder | Form::Archive => self.path.clone(),
        }
    }

    fn write_beside(
        &self,
        finished: &Finished<'_>,
        folder: &Path,
        tell: &mut dyn FnMut(&Outcome),
    ) -> io::Result<Whole> {
        if folder.exists() {
            // Of a run that was interrupted.
            clear(folder)?;
        }
        private_folder(folder)?;
        put(&folder.join(BEGUN), &[])?;
        File::open(folder)?.sync_all()?;
        let counts = match self.form {
            Form::Folder => letters::in_folder(finished, &folder.join("letters"), tell)?,
            Form::Archive => letters::in_archive(finished, &folder.join("archive"), tell)?,
            Form::PrintFiles { two_sided, pages } => self.print(finished, folder, two_sided, pages, tell)?,
        };
        self.seal(finished.identity, folder, counts)
    }

    /// Has all on the disk, and then tells that it is.
    fn seal(&self, identity: &str, folder: &Path, counts: Counts) -> io::Result<Whole> {
        let Counts { items, letters, pages, no_letter, invalid, failed, protected } = counts;
        let mut names = names_in(folder)?;
        names.retain(|name| name != BEGUN);
        let whole = Whole {
            of: self.mark(identity),
            names: names.into_iter().map(OsStringExt::into_vec).collect(),
            counts: [items, letters, pages, no_letter, invalid, failed, protected],
        };
        settle(folder)?;
        let part = folder.join("whole.part");
        put(&part, &postcard::to_stdvec(&whole).map_err(io::Error::other)?)?;
        settle(&part)?;
        fs::rename(part, folder.join(WHOLE))?;
        File::open(folder)?.sync_all()?;
        Ok(whole)
    }

    fn move_into_place(&self, whole: &Whole) -> Result<(), OutputError> {
        let folder = self.folder();
        let names = whole.names().filter(|name| is_there(&folder.join(name)));
        let moves: Vec<_> = names.map(|name| (folder.join(&name), self.target(&name))).collect();
        if let Some((_, taken)) = moves.iter().find(|(_, target)| !self.is_free(target)) {
            return Err(OutputError::Taken(taken.clone()));
        }
        for (from, target) in moves {
            fs::rename(from, &target).map_err(|source| OutputError::File { path: target, source })?;
        }
        let around = self.path.parent().filter(|path| !path.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let settled = [&*folder, around].into_iter().try_for_each(|folder| File::open(folder)?.sync_all());
        settled.map_err(|source| self.fault(source))
    }

    /// The name of a print file: the second one of `print.pdf` is `print-2.pdf`.
    fn numbered(&self, number: usize) -> PathBuf {
        if number == 1 {
            return self.path.clone();
        }
        let stem = self.path.file_stem().unwrap_or_default().to_string_lossy();
        self.path.with_file_name(format!("{stem}-{number}.pdf"))
    }
}

/// Each outcome with the bytes of its letter, in the order of the list.
fn each(finished: &Finished<'_>, mut with: impl FnMut(&Outcome, &[u8]) -> io::Result<()>) -> io::Result<()> {
    let fault = |error: SpoolError| io::Error::other(error);
    let mut followers = Followers::default();
    while let Some(number) = finished.chunks.recv().map_err(io::Error::other)? {
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

#[cfg(test)]
mod tests;
