//! The files that a mailing becomes: letters in a folder, in an archive, or one behind the other to be printed.
//!
//! All is written in a folder beside the output and moved into place when it is whole, so that nobody finds half a mailing, or the
//! letters of two in one place.
//!
//! A run may end at any point, also by a power cut, and the next one goes on. That rests on an order. In the folder, `begun` is
//! there first and goes last, so what is half written is known for ours. `whole` is there when all else is on the disk, and stays
//! until all is in its place and the letters that it was made of are removed.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::mpsc::Receiver;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

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
            Form::Folder => letters(finished, &folder.join("letters"), tell)?,
            Form::Archive => archive(finished, &folder.join("archive"), tell)?,
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

/// Whether there is anything by this name, be it a link that leads nowhere.
fn is_there(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

fn names_in(folder: &Path) -> io::Result<Vec<OsString>> {
    fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name())).collect()
}

/// Has a file, or a folder with all that is in it, on the disk. Many at once, since each waits for the disk.
fn settle(path: &Path) -> io::Result<()> {
    if fs::symlink_metadata(path)?.is_dir() {
        names_in(path)?.par_iter().try_for_each(|name| settle(&path.join(name)))?;
    }
    File::open(path)?.sync_all()
}

/// Removes a file that may be gone.
fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Removes a folder of ours, and last what tells that it is.
fn clear(folder: &Path) -> io::Result<()> {
    for path in names_in(folder)?.iter().filter(|name| *name != BEGUN).map(|name| folder.join(name)) {
        if fs::symlink_metadata(&path)?.is_dir() { fs::remove_dir_all(path)? } else { fs::remove_file(path)? }
    }
    remove(&folder.join(BEGUN))?;
    fs::remove_dir(folder)
}

fn letters(finished: &Finished<'_>, folder: &Path, tell: &mut dyn FnMut(&Outcome)) -> io::Result<Counts> {
    private_folder(folder)?;
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
    archive.finish()?.flush()?;
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
            file.finish().map_err(io::Error::other)?.flush()?;
        }
        Ok(())
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
mod tests {
    use std::collections::BTreeMap;

    use sha2::{Digest, Sha256};

    use super::*;
    use crate::bulk::chunk::{Chunk, Letter, Made};
    use crate::document::Language;

    const IDENTITY: &str = "a mailing";

    /// A folder of one test, which is empty.
    fn place(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("skoledok-output-{}-{name}", std::process::id()));
        drop(fs::remove_dir_all(&folder));
        fs::create_dir_all(&folder).expect("a folder can be made");
        folder
    }

    /// Two letters with a protected address: such are in no print file, so they need not be PDF.
    fn spool(folder: &Path, output: &Output) -> Spool {
        let outcome = |number: u64| Outcome {
            number,
            entry: number,
            row: 2,
            key: format!("k{number}"),
            decision: "letter".to_owned(),
            follows: None,
            notes: vec!["protected_address".to_owned()],
            is_protected: true,
            result: Made::Letter(Letter {
                language: Language::Nb,
                pages: 1,
                digest: Sha256::digest(b"letter").into(),
                place: (0, 6),
            }),
        };
        let chunk = Chunk { outcomes: vec![outcome(1), outcome(2)], documents: b"letter".to_vec() };
        let spool = Spool::open(&part(folder, output), IDENTITY).expect("the place is free");
        spool.keep(1, &chunk).expect("a chunk can be kept");
        spool
    }

    fn part(folder: &Path, output: &Output) -> PathBuf {
        folder.join(beside(&output.path, ".part").file_name().expect("it has a name"))
    }

    fn write(spool: &Spool, output: &Output) -> Result<Counts, OutputError> {
        write_of(spool, output, &[Some(1), None])
    }

    fn write_of(spool: &Spool, output: &Output, chunks: &[Option<u64>]) -> Result<Counts, OutputError> {
        let date = Date::parse("2026-11-20").expect("a date");
        let (there, arrived) = std::sync::mpsc::channel();
        for chunk in chunks {
            there.send(*chunk).expect("it is waited for");
        }
        drop(there);
        output.write(&Finished { spool, chunks: arrived, identity: IDENTITY, locale: Locale::Nb, date }, &mut |_| ())
    }

    /// What `skoledok bulk` does.
    fn run(folder: &Path, output: &Output) -> Result<Counts, OutputError> {
        let counts = if let Some(counts) = output.resume(IDENTITY)? {
            counts
        } else {
            output.look()?;
            write(&spool(folder, output), output)?
        };
        let spool = Spool::open(&part(folder, output), IDENTITY).expect("it is ours");
        spool.remove().expect("it can be removed");
        output.end()?;
        Ok(counts)
    }

    /// Every file below a folder with its contents.
    fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut found = BTreeMap::new();
        for name in names_in(folder).expect("it can be read") {
            let path = folder.join(&name);
            if path.is_dir() {
                let inner = files(&path);
                found.insert(name.clone().into(), Vec::new());
                found.extend(inner.into_iter().map(|(inner, bytes)| (Path::new(&name).join(inner), bytes)));
            } else {
                found.insert(name.into(), fs::read(path).expect("it can be read"));
            }
        }
        found
    }

    /// Every state in which a run that ends at some point leaves what is written, each in a folder of its own.
    fn interrupted(name: &str, output: &str) -> Vec<(PathBuf, Output)> {
        let mut states = Vec::new();
        let mut state = |step: &str, leave: &dyn Fn(&Path, &Output)| {
            let folder = place(&format!("{name}-{step}"));
            let output = Output::new(&folder.join(output), false, 10);
            leave(&folder, &output);
            states.push((folder, output));
        };
        let written = |folder: &Path, output: &Output| {
            write(&spool(folder, output), output).expect("it is free");
        };
        let back = |output: &Output| {
            let bytes = fs::read(output.folder().join(WHOLE)).expect("it is whole");
            let whole: Whole = postcard::from_bytes(&bytes).expect("it can be read");
            let names: Vec<_> = whole.names().collect();
            for name in &names {
                fs::rename(output.target(name), output.folder().join(name)).expect("it can be moved");
            }
            names
        };
        state("folder", &|folder, output| {
            spool(folder, output);
            private_folder(&output.folder()).expect("it can be made");
        });
        state("begun", &|folder, output| {
            written(folder, output);
            back(output);
            fs::rename(output.folder().join(WHOLE), output.folder().join("whole.part")).expect("it can be moved");
        });
        state("clearing", &|folder, output| {
            written(folder, output);
            for name in back(output).into_iter().chain([WHOLE.into()]) {
                let path = output.folder().join(name);
                drop(fs::remove_dir_all(&path).or_else(|_| fs::remove_file(path)));
            }
        });
        state("whole", &|folder, output| {
            written(folder, output);
            back(output);
        });
        state("moving", &|folder, output| {
            written(folder, output);
            let names = back(output);
            fs::rename(output.folder().join(&names[0]), output.target(&names[0])).expect("it can be moved");
        });
        state("moved", &|folder, output| written(folder, output));
        state("removing", &|folder, output| {
            written(folder, output);
            fs::remove_file(part(folder, output).join("000001.outcomes")).expect("it is there");
        });
        state("removed", &|folder, output| {
            written(folder, output);
            fs::remove_dir_all(part(folder, output)).expect("it is there");
        });
        state("ending", &|folder, output| {
            written(folder, output);
            fs::remove_dir_all(part(folder, output)).expect("it is there");
            fs::remove_file(output.folder().join(BEGUN)).expect("it is there");
        });
        states
    }

    #[test]
    fn when_making_fails_nothing_is_left_but_the_letters() {
        let folder = place("unfinished");
        for name in ["print.pdf", "letters.zip", "letters"] {
            let output = Output::new(&folder.join(name), false, 100);
            let spool = spool(&folder, &output);
            assert!(matches!(write_of(&spool, &output, &[Some(1)]), Err(OutputError::File { .. })), "{name}");
            let part = part(&folder, &output);
            assert!(fs::read_dir(&folder).expect("it is there").flatten().all(|entry| entry.path() == part), "{name}");
            assert_eq!(write(&spool, &output).expect("the next run goes on").letters, 2, "{name}");
            drop(fs::remove_dir_all(&folder));
            fs::create_dir_all(&folder).expect("a folder can be made");
        }
    }

    #[test]
    fn a_run_that_ends_anywhere_is_gone_on_with() {
        for name in ["out", "out.zip", "out.pdf"] {
            let folder = place(&format!("{name}-expected"));
            let counts = run(&folder, &Output::new(&folder.join(name), false, 10)).expect("the place is free");
            let expected = files(&folder);
            let left = names_in(&folder).expect("it can be read");
            assert!(left.iter().all(|name| !name.as_encoded_bytes().ends_with(b"ing")), "{left:?}");
            assert!(!is_there(&part(&folder, &Output::new(&folder.join(name), false, 10))), "{left:?}");
            for (folder, output) in interrupted(name, name) {
                let again = run(&folder, &output).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
                assert_eq!(again, counts, "{}", folder.display());
                assert_eq!(files(&folder), expected, "{}", folder.display());
                assert!(matches!(run(&folder, &output), Err(OutputError::Taken(_))), "{}", folder.display());
                fs::remove_dir_all(folder).expect("it can be removed");
            }
            fs::remove_dir_all(folder).expect("it can be removed");
        }
    }

    #[test]
    fn what_has_come_into_the_place_is_named_and_not_written_over() {
        for (name, taken) in [("out", "out"), ("out.zip", "out.zip"), ("out.pdf", "out.manifest.csv")] {
            for (folder, output) in interrupted(&format!("{name}-taken"), name) {
                let state = folder.display();
                let taken = folder.join(taken);
                if is_there(&taken) {
                    fs::remove_dir_all(&folder).expect("it can be removed");
                    continue;
                }
                fs::write(&taken, "of somebody else").expect("it can be written");
                match run(&folder, &output) {
                    Err(OutputError::Taken(named)) => assert_eq!(named, taken, "{state}"),
                    other => panic!("{state}: {other:?}"),
                }
                assert_eq!(fs::read(&taken).expect("it is there"), b"of somebody else", "{state}");
                fs::remove_file(&taken).expect("it can be removed");
                run(&folder, &output).unwrap_or_else(|error| panic!("{state}: {error}"));
                fs::remove_dir_all(&folder).expect("it can be removed");
            }
        }
    }

    #[test]
    fn a_later_print_file_in_the_way_is_named_before_anything_is_moved() {
        let folder = place("later");
        let output = Output::new(&folder.join("c.pdf"), false, 10);
        private_folder(&output.folder()).expect("it can be made");
        for name in [BEGUN, "c.pdf", "c-2.pdf", "c-3.pdf"] {
            put(&output.folder().join(name), b"ours").expect("it can be written");
        }
        output.seal(IDENTITY, &output.folder(), Counts::default()).expect("it can be sealed");
        fs::write(folder.join("c-3.pdf"), "of somebody else").expect("it can be written");
        let error = output.resume(IDENTITY).expect_err("a file is in the way");
        assert!(error.to_string().contains("c-3.pdf"), "{error}");
        assert!(!is_there(&folder.join("c.pdf")) && !is_there(&folder.join("c-2.pdf")));
        fs::remove_file(folder.join("c-3.pdf")).expect("it can be removed");
        assert_eq!(output.resume(IDENTITY).expect("the place is free"), Some(Counts::default()));
        assert!(is_there(&folder.join("c.pdf")) && is_there(&folder.join("c-3.pdf")));
        fs::remove_dir_all(folder).expect("it can be removed");
    }

    #[test]
    fn what_was_taken_away_is_made_anew_and_the_output_of_another_mailing_is_left() {
        let folder = place("away");
        let output = Output::new(&folder.join("out.zip"), false, 10);
        let spool = spool(&folder, &output);
        write(&spool, &output).expect("the place is free");
        assert!(matches!(output.resume("another mailing"), Err(OutputError::Taken(path)) if path == output.folder()));
        fs::remove_file(folder.join("out.zip")).expect("it is there");
        assert_eq!(output.resume(IDENTITY).expect("it is ours"), None);
        write(&spool, &output).expect("the place is free");
        assert!(is_there(&folder.join("out.zip")));
        fs::remove_dir_all(folder).expect("it can be removed");
    }
}
