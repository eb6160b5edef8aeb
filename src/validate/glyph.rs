//! Which characters the shipped fonts can print.

use std::ops::RangeInclusive;

/// A set of characters: those that at least one shipped font has a glyph for. Filled from the
/// fonts by `render`, asked by the scan of free text.
#[derive(Debug, Clone, Default)]
pub struct Coverage {
    bits: Vec<u64>,
}

impl Coverage {
    /// Adds a character.
    pub fn insert(&mut self, c: char) {
        let (word, bit) = place(c);
        if self.bits.len() <= word {
            self.bits.resize(word + 1, 0);
        }
        if let Some(slot) = self.bits.get_mut(word) {
            *slot |= bit;
        }
    }

    /// Adds the characters of a range.
    pub fn insert_range(&mut self, range: RangeInclusive<char>) {
        for c in range {
            self.insert(c);
        }
    }

    /// Whether a character can be printed. White space and joiners need no glyph.
    #[must_use]
    pub fn has(&self, c: char) -> bool {
        if matches!(c, '\n' | '\t' | '\u{200C}' | '\u{200D}') {
            return true;
        }
        let (word, bit) = place(c);
        self.bits.get(word).is_some_and(|slot| slot & bit != 0)
    }
}

fn place(c: char) -> (usize, u64) {
    let code = u32::from(c);
    ((code / 64) as usize, 1 << (code % 64))
}
