//! Letters in a ZIP archive. They are compressed already, so they are stored as they are; and no entry has a time, so the same letters
//! give the same archive.

use std::io::{self, Seek, Write};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// An archive that is being written.
pub struct Archive<W: Write + Seek> {
    writer: ZipWriter<W>,
}

impl<W: Write + Seek> Archive<W> {
    /// Begins an archive.
    #[must_use]
    pub fn begin(out: W) -> Self {
        Self { writer: ZipWriter::new(out) }
    }

    /// Adds a file.
    ///
    /// # Errors
    /// When it can not be written.
    pub fn add(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .last_modified_time(zip::DateTime::default())
            .unix_permissions(0o600);
        self.writer.start_file(name, options).map_err(io::Error::other)?;
        self.writer.write_all(bytes)
    }

    /// Ends the archive.
    ///
    /// # Errors
    /// When it can not be written.
    pub fn finish(self) -> io::Result<W> {
        self.writer.finish().map_err(io::Error::other)
    }
}
