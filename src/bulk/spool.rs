//! Chunks on disk until all of a mailing are there, so that one that was interrupted goes on where it stopped.
//!
//! A folder beside what is to be written, for its owner alone: two files for each chunk, outcomes and documents. The outcomes are
//! renamed into place when both are on the disk, so a chunk is there whole or not at all. A third file tells what the chunks are of.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::chunk::{Chunk, Outcome};

/// The folder.
#[derive(Debug, Clone)]
pub struct Spool {
    folder: PathBuf,
}

/// Why chunks can not be kept or found.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// The folder holds chunks of something else.
    #[error(
        "`{}` holds letters of another mailing, or of another version of this program; finish that one, or remove the folder", .0.display()
    )]
    Other(PathBuf),
    /// A file can not be read or written.
    #[error("can not read or write in `{}`", .folder.display())]
    File {
        /// The folder.
        folder: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// The name of the file that tells what the chunks are of.
const OF: &str = "mailing";

impl Spool {
    /// Opens the folder, or makes it. `mailing` is a hash of all that the letters depend on.
    ///
    /// # Errors
    /// See [`SpoolError`].
    pub fn open(folder: &Path, mailing: &str) -> Result<Self, SpoolError> {
        let spool = Self { folder: folder.to_owned() };
        let of = folder.join(OF);
        match fs::read_to_string(&of) {
            Ok(text) if text == mailing => return Ok(spool),
            Ok(_) => return Err(SpoolError::Other(folder.to_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(spool.fault(source)),
        }
        // What is there and not ours is left alone.
        if fs::read_dir(folder).is_ok_and(|entries| entries.flatten().any(|entry| entry.file_name() != "mailing.part"))
        {
            return Err(SpoolError::Other(folder.to_owned()));
        }
        // The folder may be left of a start that ended before there was anything in it.
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|source| spool.fault(source))?;
        spool.put(OF, mailing.as_bytes())?;
        Ok(spool)
    }

    /// The outcomes of a chunk, if it is there.
    ///
    /// # Errors
    /// When they can not be read.
    pub fn outcomes(&self, number: u64) -> Result<Option<Vec<Outcome>>, SpoolError> {
        match fs::read(self.folder.join(format!("{number:06}.outcomes"))) {
            Ok(bytes) => {
                let outcomes = postcard::from_bytes(&bytes);
                outcomes.map(Some).map_err(|error| self.fault(io::Error::new(io::ErrorKind::InvalidData, error)))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(self.fault(source)),
        }
    }

    /// The documents of a chunk that is there.
    ///
    /// # Errors
    /// When they can not be read.
    pub fn documents(&self, number: u64) -> Result<Vec<u8>, SpoolError> {
        fs::read(self.folder.join(format!("{number:06}.documents"))).map_err(|source| self.fault(source))
    }

    /// Keeps a chunk.
    ///
    /// # Errors
    /// When it can not be written; then it is not there.
    pub fn keep(&self, number: u64, chunk: &Chunk) -> Result<(), SpoolError> {
        let outcomes = postcard::to_stdvec(&chunk.outcomes);
        let outcomes = outcomes.map_err(|error| self.fault(io::Error::new(io::ErrorKind::InvalidData, error)))?;
        self.put(&format!("{number:06}.documents"), &chunk.documents)?;
        self.put(&format!("{number:06}.outcomes"), &outcomes)
    }

    /// Removes the folder with all that is in it. Last goes what tells what it was of, so that a rest is known for ours.
    ///
    /// # Errors
    /// When it can not be removed.
    pub fn remove(self) -> Result<(), SpoolError> {
        self.empty().and_then(|()| fs::remove_dir_all(&self.folder)).map_err(|source| self.fault(source))
    }

    /// Outcomes go before documents: a chunk is there by its outcomes.
    fn empty(&self) -> io::Result<()> {
        let entries = fs::read_dir(&self.folder)?.collect::<io::Result<Vec<_>>>()?;
        let mut names: Vec<_> = entries.iter().map(fs::DirEntry::file_name).filter(|name| name != OF).collect();
        names.sort_unstable_by_key(|name| !name.to_string_lossy().ends_with(".outcomes"));
        names.iter().try_for_each(|name| fs::remove_file(self.folder.join(name)))
    }

    fn put(&self, name: &str, bytes: &[u8]) -> Result<(), SpoolError> {
        let (part, path) = (self.folder.join(format!("{name}.part")), self.folder.join(name));
        let written = (|| {
            let mut file = File::options().create(true).write(true).truncate(true).mode(0o600).open(&part)?;
            file.write_all(bytes)?;
            file.sync_data()?;
            fs::rename(&part, &path)
        })();
        if written.is_err() {
            // What is not whole is not left behind; there may be nothing.
            drop(fs::remove_file(&part));
        }
        written.map_err(|source| self.fault(source))
    }

    fn fault(&self, source: io::Error) -> SpoolError {
        SpoolError::File { folder: self.folder.clone(), source }
    }
}
