//! Reads and writes files.

use std::io::Read;
use std::path::Path;

use super::Failure;

/// A file, or standard input for `-`, of at most so many bytes.
pub(super) fn read_bounded(path: &Path, what: &str, most: usize) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let limit = most as u64 + 1;
    if path == Path::new("-") {
        std::io::stdin().take(limit).read_to_end(&mut bytes).map_err(Failure::told)?;
    } else {
        let unreadable = |error| Failure::Told(format!("can not read `{}`: {error}", path.display()));
        let file = std::fs::File::open(path).map_err(unreadable)?;
        file.take(limit).read_to_end(&mut bytes).map_err(unreadable)?;
    }
    if bytes.len() > most {
        return Err(Failure::Told(format!("{what} has more than {most} bytes")));
    }
    Ok(bytes)
}

/// Writes beside the target and renames, so that no half-written document is ever found.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let told = |error: std::io::Error| Failure::Told(format!("can not write `{}`: {error}", path.display()));
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    let part = path.with_file_name(name);
    let written = std::fs::write(&part, bytes).and_then(|()| std::fs::rename(&part, path));
    if written.is_err() {
        // What could not be written whole is not left behind; there may be nothing to remove.
        drop(std::fs::remove_file(&part));
    }
    written.map_err(told)
}
