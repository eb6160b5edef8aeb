//! What the parser of templates is spared.
//!
//! Tags are found here as the parser finds them. What only looks like the end of a block, in a comment, in a text or behind a
//! backslash, must not count as one, or blocks could be nested deeper than is seen.

use super::{MAX_BYTES, TemplateFault};

/// Most blocks within blocks, brackets in a tag, characters in a tag.
const MAX_DEPTH: usize = 16;
const MAX_BRACKETS: usize = 16;
const MAX_TAG: usize = 500;
/// Most turns (`else`) in a text.
const MAX_TURNS: usize = 200;

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
    let (mut depth, mut turns, mut from) = (0_usize, 0, 0);
    while let Some(at) = next_tag(text, from) {
        let rest = &text[at + 2..];
        if rest.starts_with("{{") {
            return Err(fault("a raw block", at));
        }
        if let Some(comment) = rest.strip_prefix('!') {
            from = at + 3 + end_of_comment(comment);
            continue;
        }
        let Some(length) = length_of_tag(rest) else {
            return Err(fault("a template that can not be read", at));
        };
        let tag = &rest[..length];
        let name = tag.trim_start_matches(|c: char| c.is_whitespace() || "~{".contains(c));
        match name.as_bytes().first() {
            Some(b'#') => depth += 1,
            Some(b'/') => depth = depth.saturating_sub(1),
            Some(b'^') => turns += 1,
            _ if name.starts_with("else") => turns += 1,
            _ => {}
        }
        if depth > MAX_DEPTH || turns > MAX_TURNS || tag.matches(['(', '[', '{']).count() > MAX_BRACKETS {
            return Err(fault("blocks nested too deeply", at));
        }
        if tag.chars().count() > MAX_TAG {
            return Err(fault("braces without an end", at));
        }
        from = text.len().min(at + 2 + length + 2);
    }
    Ok(())
}

/// Where the next braces open a tag. After a single backslash they are text, and so are two more behind them.
fn next_tag(text: &str, mut from: usize) -> Option<usize> {
    loop {
        let at = from + text[from..].find("{{")?;
        let before = &text[from..at];
        if before.len() - before.trim_end_matches('\\').len() != 1 {
            return Some(at);
        }
        from = if text[at + 2..].starts_with("{{") { at + 4 } else { at + 2 };
    }
}

/// Where a comment ends, by what stands behind `{{!`. One that begins with `--` ends with `--}}`, if there is any.
fn end_of_comment(comment: &str) -> usize {
    let plain = || comment.find("}}").map_or(comment.len(), |end| end + 2);
    let inner = comment.trim_start_matches([' ', '\t', '\n', '\r']).strip_prefix("--");
    let dashed = inner.and_then(|inner| Some(comment.len() - inner.len() + inner.find("--}}")? + 4));
    dashed.unwrap_or_else(plain)
}

/// How long a tag is up to its closing braces, of which there can be some in a text or a name in square brackets. Nothing for what
/// the parser could take for several things: lists, objects, and quotation marks in such a name.
fn length_of_tag(tag: &str) -> Option<usize> {
    let (mut until, mut is_escaped) = (None, false);
    for (at, c) in tag.char_indices() {
        match until {
            Some(']') if matches!(c, '"' | '\'') => return None,
            Some('"' | '\'') if is_escaped => is_escaped = false,
            Some('"' | '\'') if c == '\\' => is_escaped = true,
            Some(end) if c == end => until = None,
            Some(_) => {}
            None => match c {
                '"' | '\'' => until = Some(c),
                '[' => until = Some(']'),
                '{' if tag[..at].contains(|c: char| !c.is_whitespace() && c != '~') => return None,
                '}' if tag[at..].starts_with("}}") => return Some(at),
                _ => {}
            },
        }
    }
    Some(tag.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merge::fields::{Fields, Form};

    #[test]
    fn what_only_looks_like_the_end_of_a_block_is_none() {
        for end in [
            r"\{{/if}}",
            "{{!-- {{/if}} --}}",
            "{{! -- }} {{/if}} --}}",
            "{{! {{/if}}",
            "{{x \"{{/if}}\"}}",
            "{{x '{{/if}}'}}",
            "{{x \"}}{{/if}}\"}}",
            "{{x \"\\\"}}{{/if}}\"}}",
            "{{[}}{{/if}}]}}",
        ] {
            let nested = format!("{{{{#if a}}}}{end}").repeat(300);
            let found = guard(&nested).map_err(|fault| fault.reason);
            assert_eq!(found, Err("blocks nested too deeply"), "{end}");
        }
        for ambiguous in ["{{#if [\"x]\", \"a}}{{/if}}\"]}}", "{{#if {\"a\":{}} \"{{/if}}\"}}", "{{[']}}"] {
            let found = guard(ambiguous).map_err(|fault| fault.reason);
            assert_eq!(found, Err("a template that can not be read"), "{ambiguous}");
        }
    }

    #[test]
    fn what_can_be_read_is_let_through() {
        for (template, count) in [
            ("{{#if a}}x{{else}}y{{/if}}", 200),
            ("{{!-- {{#if a}} --}}", 500),
            ("{{! {{#if a}}", 500),
            (r"\{{#if a}}", 500),
            (r"{{#if a}}\\{{/if}}", 500),
            ("{{#if (eq [to ord] \"d'or\")}}x{{/if}}", 100),
            ("{{~#if a~}}{{b}}{{~/if~}}", 500),
        ] {
            let text = template.repeat(count);
            assert!(Fields::parse(&text, Form::Plain).is_ok(), "{template}");
        }
        let long = format!("{{{{!-- {} --}}}}", "x".repeat(1000));
        assert!(Fields::parse(&long, Form::Plain).is_ok());
    }
}
