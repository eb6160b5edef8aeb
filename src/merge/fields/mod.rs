//! Merge fields: a subset of Handlebars in the words of a letter.
//!
//! Strict: a field that is not there is an error, never nothing. What a field holds is put in as text of one line; in
//! Markdown every mark in it is escaped, so it can not become a heading, a link or emphasis. There are no partials, no raw
//! output and no helpers but five. Loops have no bound of their own: this belongs into a process that can be
//! killed.

mod escape;
mod guard;
mod helper;
mod walk;

use std::collections::BTreeSet;
use std::io;

use handlebars::{Context, Output, RenderContext, Renderable, Template};

use self::guard::guard;
use self::helper::{fault_of, registry};
use self::walk::Walk;
use crate::document::Language;

/// Most bytes of a text before and after merging.
const MAX_BYTES: usize = 20 * 1024;

/// What the text becomes part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Text as it stands.
    Plain,
    /// The Markdown subset of free letters.
    Markdown,
}

/// Why a text is no template, by a word in the message table, with its place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason} at line {line}, column {column}")]
pub struct TemplateFault {
    /// What is wrong.
    pub reason: &'static str,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

/// Why a template can not be filled. `field` and `line` are those of the template, never of the data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MergeFault {
    /// The recipient has no such field.
    #[error("the field `{field}` in line {line} is missing")]
    Missing {
        /// Its path in the template, like `pupil.first_name`.
        field: String,
        /// Line, from 1.
        line: usize,
    },
    /// The field is not what the place asks for.
    #[error("the field `{field}` in line {line} is no {wanted}")]
    WrongType {
        /// Its path in the template.
        field: String,
        /// Line, from 1.
        line: usize,
        /// What it should be, by a word in the message table.
        wanted: &'static str,
    },
    /// The text is too long with what was put in.
    #[error("the text is too long")]
    TooLong,
}

/// A text with merge fields.
#[derive(Debug)]
pub struct Fields {
    template: Template,
    form: Form,
    roots: BTreeSet<String>,
}

impl Fields {
    /// Reads a template.
    ///
    /// # Errors
    /// All that is wrong with it, or the first fault when it can not be read.
    pub fn parse(text: &str, form: Form) -> Result<Self, Vec<TemplateFault>> {
        guard(text).map_err(|fault| vec![fault])?;
        let mut template = Template::compile(text).map_err(|error| {
            let (line, column) = error.pos().unwrap_or((1, 1));
            vec![TemplateFault { reason: "a template that can not be read", line, column }]
        })?;
        let mut walk = Walk::new(form);
        walk.template(&mut template);
        if walk.faults.is_empty() { Ok(Self { template, form, roots: walk.roots }) } else { Err(walk.faults) }
    }

    /// The first parts of the names of all fields.
    pub fn roots(&self) -> impl Iterator<Item = &str> {
        self.roots.iter().map(String::as_str)
    }

    /// Puts a recipient's fields in.
    ///
    /// # Errors
    /// See [`MergeFault`].
    pub fn fill(&self, data: &Context, language: Language) -> Result<String, MergeFault> {
        let registry = registry(self.form, language);
        let mut out = Bounded(String::new());
        match self.template.render(&registry, data, &mut RenderContext::new(None), &mut out) {
            Ok(()) => Ok(out.0),
            Err(error) => Err(fault_of(&error)),
        }
    }
}

/// Output of a bounded length.
struct Bounded(String);

impl Output for Bounded {
    fn write(&mut self, text: &str) -> io::Result<()> {
        if self.0.len() + text.len() > MAX_BYTES {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.0.push_str(text);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use handlebars::JsonValue;
    use serde_json::json;

    use super::escape::one_line;
    use super::*;
    use crate::merge::markdown;

    fn fill(text: &str, data: JsonValue) -> Result<String, MergeFault> {
        let fields = Fields::parse(text, Form::Plain).expect("the template can be read");
        fields.fill(&Context::from(data), Language::Nb)
    }

    fn faults(text: &str) -> Vec<(&'static str, usize, usize)> {
        let faults = Fields::parse(text, Form::Plain).expect_err("the template is refused");
        faults.iter().map(|fault| (fault.reason, fault.line, fault.column)).collect()
    }

    #[test]
    fn fields_helpers_and_blocks_are_filled_in() {
        let data = json!({
            "pupil": {"first_name": "Testine", "class": "8A"}, "date": "2026-12-03", "klokka": "09:30",
            "ting": ["mat", "drikke", "sitteunderlag"], "antall": 7, "tom": []
        });
        for (template, expected) in [
            ("Hei {{pupil.first_name}}!", "Hei Testine!"),
            ("{{ date }}", "2026-12-03"),
            ("{{date date}} {{time klokka}}", "3. desember 2026 09.30"),
            ("{{list ting}}", "mat, drikke og sitteunderlag"),
            ("{{upper pupil.class}} {{antall}}", "8A 7"),
            ("{{#if (eq pupil.class \"8A\")}}ja{{else}}nei{{/if}}", "ja"),
            ("{{#if (eq antall 7)}}sju{{/if}}{{#if (eq finnes 7)}}x{{/if}}", "sju"),
            ("{{#if finnes}}ja{{else if antall}}tall{{/if}}", "tall"),
            (
                "{{#each ting}}{{@index}} {{this}};{{/each}}{{#each tom}}x{{else}}tomt{{/each}}",
                "0 mat;1 drikke;2 sitteunderlag;tomt",
            ),
            ("{{#each ting}}{{../antall}}{{/each}}", "777"),
            ("{{#unless finnes}}{{upper (list ting)}}{{/unless}}", "MAT, DRIKKE OG SITTEUNDERLAG"),
            ("\\{{x}} {{! not printed }}{ a }", "{{x}} { a }"),
        ] {
            assert_eq!(fill(template, data.clone()).as_deref(), Ok(expected), "{template}");
        }
    }

    #[test]
    fn what_is_missing_or_of_another_type_is_named_by_its_place_in_the_template() {
        let data = json!({"blank": " ", "ingen": [], "a": {"b": true}, "tall": [1], "dag": "i morgen", "null": null});
        let missing = |field: &str, line| Err(MergeFault::Missing { field: field.to_owned(), line });
        let wrong = |field: &str, wanted| Err(MergeFault::WrongType { field: field.to_owned(), line: 1, wanted });
        for (template, expected) in [
            ("\n\n{{x}}", missing("x", 3)),
            ("{{a.c}}", missing("a.c", 1)),
            ("{{upper y}}", missing("y", 1)),
            ("{{list z}}", missing("z", 1)),
            ("{{#each z}}{{/each}}", missing("z", 1)),
            ("{{null}}", missing("null", 1)),
            ("{{blank}}", missing("blank", 1)),
            ("{{list ingen}}", missing("ingen", 1)),
            ("{{a}}", wrong("a", "text")),
            ("{{a.b}}", wrong("a.b", "text")),
            ("{{list tall}}", wrong("tall", "list")),
            ("{{date dag}}", wrong("dag", "date")),
            ("{{time dag}}", wrong("dag", "time")),
        ] {
            assert_eq!(fill(template, data.clone()), expected, "{template}");
        }
    }

    #[test]
    fn a_template_beyond_the_subset_is_refused_with_line_and_column() {
        for (template, reason, line, column) in [
            ("a\n  {{{x}}}", "output as it is", 2, 3),
            ("{{&x}}", "output as it is", 1, 1),
            ("{{> header}}", "a partial", 1, 1),
            ("ab {{#> p}}{{/p}}", "a partial", 1, 4),
            ("{{* deco x}}", "a decorator", 1, 1),
            ("{{lookup a b}}", "an unknown helper", 1, 1),
            ("{{#with a}}{{/with}}", "an unknown block", 1, 1),
            ("{{#if (gt a 1)}}{{/if}}", "an unknown helper", 1, 1),
            ("{{upper a b}}", "a helper with too few or too many words after it", 1, 1),
            ("{{date d form=\"x\"}}", "a helper with too few or too many words after it", 1, 1),
            ("{{#if a b}}{{/if}}", "a block without its one condition", 1, 1),
            ("{{#each a as |x|}}{{/each}}", "a block without its one condition", 1, 1),
            ("{{{{raw}}}}{{{{/raw}}}}", "a raw block", 1, 1),
        ] {
            assert_eq!(faults(template)[..1], [(reason, line, column)], "{template}");
        }
        for template in ["{{", "{{#if a}}", "{{/if}}", "{{#if a}}{{/each}}", "{{a b", "{{#each}}", "{{(a)}}"] {
            assert!(!faults(template).is_empty(), "{template}");
        }
        assert_eq!(faults(&"{{#if a}}".repeat(1000))[0].0, "blocks nested too deeply");
        assert_eq!(faults(&format!("{{{{eq {}", "(".repeat(400)))[0].0, "blocks nested too deeply");
        assert_eq!(faults(&format!("{{{{{}", "a".repeat(2000)))[0].0, "braces without an end");
        assert_eq!(faults("{{{a}}} {{>b}}").len(), 2, "all at once");
    }

    #[test]
    fn what_a_field_holds_never_becomes_markdown() {
        for hostile in [
            "# Tittel",
            "**fet**",
            "_k_",
            "[x](javascript:alert(1))",
            "<b>x</b>",
            "- a",
            "1. a",
            "    kode",
            "`kode`",
            "> sitat",
            "a\n\n# b",
            "![x](https://example.no/x.png)",
            "&lt;",
            "---",
            "===",
            "\\",
            "{{x}}",
            "#panic()",
            "$x$",
            "https://example.no",
            "<https://example.no>",
            "|a|b|",
            "a\\\nb",
            "\t\tx",
            "*kursiv*",
            "\u{1fef}kode\u{1fef}",
        ] {
            for around in ["{{v}}", "# {{v}}", "- {{v}}", "**{{v}}**", "før {{v}} etter", r"\\{{v}}", r"\ {{~v}}"] {
                let fields = Fields::parse(around, Form::Markdown).expect("the template can be read");
                let text = fields.fill(&Context::from(json!({"v": hostile})), Language::Nb).expect("it is filled");
                let blocks = markdown::parse(&text).unwrap_or_else(|errors| panic!("{around} {hostile:?}: {errors:?}"));
                let told = json!(blocks).to_string();
                let printed = one_line(hostile).replace('\u{1fef}', "`");
                assert!(told.contains(json!(printed).to_string().trim_matches('"')), "{around} {hostile:?}: {told}");
                assert_eq!(blocks.len(), 1, "{around} {hostile:?}: {told}");
                assert!(!told.contains("\"link\"") && !told.contains("\"italic\""), "{told}");
            }
        }
    }

    #[test]
    fn a_text_does_not_grow_without_bound() {
        let data = json!({"a": vec!["x".repeat(1000); 100]});
        assert_eq!(fill("{{#each a}}{{#each ../a}}{{this}}{{/each}}{{/each}}", data), Err(MergeFault::TooLong));
    }

    #[test]
    fn names_the_fields_it_needs() {
        let fields = Fields::parse(
            "{{pupil.first_name}} {{#if tur}}{{date tur.dato}}{{/if}} {{#each recipient.names}}{{this}} {{@index}}{{/each}}",
            Form::Plain,
        )
        .expect("the template can be read");
        assert_eq!(fields.roots().collect::<Vec<_>>(), ["pupil", "recipient", "tur"]);
    }
}
