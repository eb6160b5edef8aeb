//! What a field holds, so that it is nothing but text.

use unicode_normalization::UnicodeNormalization as _;

/// Text in one line: line breaks and tabulators are spaces, and none stand at the ends.
pub(super) fn one_line(text: &str) -> String {
    text.split(['\n', '\r', '\t']).map(str::trim).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Text whose every mark means itself (CommonMark 0.31, 2.4: any ASCII punctuation after a backslash is literal). In NFC, to which
/// validation brings every text later: marks come of characters that are none, like U+1FEF, which is a grave accent there.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in one_line(text).nfc() {
        if c.is_ascii_punctuation() {
            out.push('\\');
        }
        out.push(c);
    }
    out
}
