//! Letters as files of their own, in a folder or an archive.

use std::io::{self, Write};
use std::path::Path;

use super::disk::{create, private_folder, put};
use super::{Finished, each};
use crate::bulk::archive::Archive;
use crate::bulk::chunk::Outcome;
use crate::bulk::manifest::{Counts, Manifest};

/// Writes them into a folder, with the manifest.
pub(super) fn in_folder(finished: &Finished<'_>, folder: &Path, tell: &mut dyn FnMut(&Outcome)) -> io::Result<Counts> {
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

/// Writes them into an archive, with the manifest.
pub(super) fn in_archive(finished: &Finished<'_>, path: &Path, tell: &mut dyn FnMut(&Outcome)) -> io::Result<Counts> {
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
