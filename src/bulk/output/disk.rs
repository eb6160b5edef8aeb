//! Files and folders of an output on the disk: for their owner alone, and really there before something rests on it.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use rayon::prelude::*;

use super::BEGUN;

/// A folder for its owner alone.
pub(super) fn private_folder(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().mode(0o700).recursive(true).create(path)
}

/// A file for its owner alone.
pub(super) fn create(path: &Path) -> io::Result<BufWriter<File>> {
    File::options().create(true).write(true).truncate(true).mode(0o600).open(path).map(BufWriter::new)
}

pub(super) fn put(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = create(path)?;
    file.write_all(bytes)?;
    file.flush()
}

/// Whether there is anything by this name, be it a link that leads nowhere.
pub(super) fn is_there(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

pub(super) fn names_in(folder: &Path) -> io::Result<Vec<OsString>> {
    fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name())).collect()
}

/// Has a file, or a folder with all that is in it, on the disk. Many at once, since each waits for the disk.
pub(super) fn settle(path: &Path) -> io::Result<()> {
    if fs::symlink_metadata(path)?.is_dir() {
        names_in(path)?.par_iter().try_for_each(|name| settle(&path.join(name)))?;
    }
    File::open(path)?.sync_all()
}

/// Removes a file that may be gone.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Removes a folder of ours, and last what tells that it is.
pub(super) fn clear(folder: &Path) -> io::Result<()> {
    for path in names_in(folder)?.iter().filter(|name| *name != BEGUN).map(|name| folder.join(name)) {
        if fs::symlink_metadata(&path)?.is_dir() { fs::remove_dir_all(path)? } else { fs::remove_file(path)? }
    }
    remove(&folder.join(BEGUN))?;
    fs::remove_dir(folder)
}
