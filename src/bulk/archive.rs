//! Letters in a ZIP archive. They are compressed already, so they are stored as they are; and no entry has a time, so the same letters
//! give the same archive.

use std::io::{self, Seek, Write};

use zip::write::{SimpleFileOptions, StreamWriter};
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
        self.entry(name)?.write_all(bytes)
    }

    /// Begins a file; what is written now goes into it.
    ///
    /// # Errors
    /// When it can not be written.
    pub fn entry(&mut self, name: &str) -> io::Result<&mut impl Write> {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .last_modified_time(zip::DateTime::default())
            .unix_permissions(0o600);
        self.writer.start_file(name, options).map_err(io::Error::other)?;
        Ok(&mut self.writer)
    }

    /// Ends the archive.
    ///
    /// # Errors
    /// When it can not be written.
    pub fn finish(self) -> io::Result<W> {
        self.writer.finish().map_err(io::Error::other)
    }
}

impl<W: Write> Archive<StreamWriter<W>> {
    /// Begins an archive that is sent as it is written.
    #[must_use]
    pub fn stream(out: W) -> Self {
        Self { writer: ZipWriter::new_stream(out) }
    }
}
