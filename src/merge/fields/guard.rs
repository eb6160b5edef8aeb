//! What the parser of templates is spared.

use super::{MAX_BYTES, TemplateFault};

/// Most blocks within blocks, brackets in a tag, characters in a tag.
const MAX_DEPTH: usize = 16;
const MAX_BRACKETS: usize = 16;
const MAX_TAG: usize = 500;

/// Refuses what the parser, which calls itself for each level, could not take.
pub(super) fn guard(text: &str) -> Result<(), TemplateFault> {
    let fault = |reason, at: usize| {
        let before = &text[..at];
        let line_start = before.rfind('\n').map_or(0, |end| end + 1);
        let line = 1 + before.matches('\n').count();
        TemplateFault { reason, line, column: 1 + before[line_start..].chars().count() }
    };
    if text.len() > MAX_BYTES {
        return Err(fault("a text that is too long", 0));
    }
    let (mut depth, mut turns) = (0_usize, 0);
    for (at, _) in text.match_indices("{{") {
        let rest = &text[at + 2..];
        if rest.starts_with("{{") {
            return Err(fault("a raw block", at));
        }
        let tag = &rest[..rest.find("}}").unwrap_or(rest.len())];
        let name = tag.trim_start_matches(|c: char| c.is_whitespace() || "~{".contains(c));
        match name.as_bytes().first() {
            Some(b'#') => depth += 1,
            Some(b'/') => depth = depth.saturating_sub(1),
            Some(b'^') => turns += 1,
            _ if name.starts_with("else") => turns += 1,
            _ => {}
        }
        if depth > MAX_DEPTH || turns > 200 || tag.matches(['(', '[', '{']).count() > MAX_BRACKETS {
            return Err(fault("blocks nested too deeply", at));
        }
        if tag.chars().count() > MAX_TAG {
            return Err(fault("braces without an end", at));
        }
    }
    Ok(())
}
