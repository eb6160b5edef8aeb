//! Whether a body gives a file again: what it gives by this program, beside the bytes of the file.

use schemars::JsonSchema;
use serde::Serialize;

use super::freeze::options;
use crate::render::Options;

/// What of a file a body gives again, byte by byte, by this program with its template and engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reproduced {
    /// All of it: nothing was added.
    WholeFile,
    /// The file as it first was; revisions follow, such as signatures.
    FirstRevision,
    /// Not its beginning. Another version of the program might.
    Different,
}

impl Reproduced {
    /// In which ways a file may have been made of a body: as records are, with fields to be signed and without.
    #[must_use]
    pub fn ways() -> [Options; 2] {
        [Options { signable: true, ..options() }, Options { signable: false, ..options() }]
    }

    /// Compares a file with what was made.
    #[must_use]
    pub fn compare(file: &[u8], made: &[u8]) -> Self {
        match file.strip_prefix(made) {
            Some([]) => Self::WholeFile,
            Some(_) => Self::FirstRevision,
            None => Self::Different,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Reproduced;

    #[test]
    fn a_file_is_whole_a_beginning_or_another() {
        for (file, made, expected) in [
            (&b"%PDF a"[..], &b"%PDF a"[..], Reproduced::WholeFile),
            (b"%PDF a\n1 0 obj", b"%PDF a", Reproduced::FirstRevision),
            (b"%PDF", b"%PDF a", Reproduced::Different),
            (b"%PDF b", b"%PDF a", Reproduced::Different),
        ] {
            assert_eq!(Reproduced::compare(file, made), expected);
        }
    }
}
