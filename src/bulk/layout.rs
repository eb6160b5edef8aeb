//! Where letters come to stand in print files: the same for a job and from the command line. Knows letters by pages and bytes.

use super::chunk::Outcome;
use super::print_file::MOST_BYTES;

/// Divides letters among print files, in their order.
#[derive(Debug, Clone)]
pub struct Layout {
    two_sided: bool,
    /// Most pages of a file.
    most: usize,
    /// The file, from 1.
    part: usize,
    /// Pages and bytes of the letters in it so far.
    pages: usize,
    bytes: usize,
}

impl Layout {
    /// A layout of files of so many pages at most. A letter that is longer has a file to itself.
    #[must_use]
    pub fn new(two_sided: bool, most: usize) -> Self {
        Self { two_sided, most, part: 1, pages: 0, bytes: 0 }
    }

    /// The file of the next letter, from 1, and its first page there; nothing for what is not printed.
    pub fn place(&mut self, outcome: &Outcome) -> Option<(usize, usize)> {
        let letter = outcome.letter().filter(|_| !outcome.is_protected)?;
        let pages = if self.two_sided { letter.pages.next_multiple_of(2) } else { letter.pages };
        let (_, bytes) = letter.place;
        if self.pages > 0 && (self.pages + pages > self.most || self.bytes + bytes > MOST_BYTES) {
            *self = Self { part: self.part + 1, pages: 0, bytes: 0, ..*self };
        }
        let first = self.pages + 1;
        self.pages += pages;
        self.bytes += bytes;
        Some((self.part, first))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bulk::chunk::{Letter, Made};
    use crate::document::Language;

    fn outcome(pages: usize, bytes: usize) -> Outcome {
        let letter = Letter { language: Language::Nb, pages, digest: [0; 32], place: (7, bytes) };
        Outcome::of_letter(1, Made::Letter(letter))
    }

    fn places(mut layout: Layout, letters: &[(usize, usize)]) -> Vec<Option<(usize, usize)>> {
        letters.iter().map(|&(pages, bytes)| layout.place(&outcome(pages, bytes))).collect()
    }

    #[test]
    fn a_file_is_full_by_its_pages() {
        let letters = [(1, 10), (2, 10), (1, 10), (9, 10), (1, 10)];
        let single = [(1, 1), (1, 2), (2, 1), (3, 1), (4, 1)].map(Some);
        assert_eq!(places(Layout::new(false, 3), &letters), single);
        let double = [(1, 1), (1, 3), (2, 1), (3, 1), (4, 1)].map(Some);
        assert_eq!(places(Layout::new(true, 4), &letters), double);
    }

    #[test]
    fn a_file_is_full_by_its_bytes_however_many_pages_are_wanted() {
        let letters = [(1, MOST_BYTES - 1), (1, 1), (1, 1), (1, MOST_BYTES + 1), (1, 1)];
        let expected = [(1, 1), (1, 2), (2, 1), (3, 1), (4, 1)].map(Some);
        assert_eq!(places(Layout::new(false, u32::MAX as usize), &letters), expected);
    }

    #[test]
    fn what_is_not_printed_has_no_place() {
        let mut layout = Layout::new(false, 10);
        let protected = Outcome { is_protected: true, ..outcome(1, 10) };
        let nothing = Outcome { result: Made::Nothing, ..outcome(1, 10) };
        assert_eq!((layout.place(&protected), layout.place(&nothing)), (None, None));
        assert_eq!(layout.place(&outcome(1, 10)), Some((1, 1)));
    }
}
