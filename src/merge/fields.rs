//! Merge fields: a subset of Handlebars in the words of a letter.
//!
//! Strict: a field that is not there is an error, never nothing. What a field holds is put in as text of one line; in
//! Markdown every mark in it is escaped, so it can not become a heading, a link or emphasis. There are no partials, no raw
//! output and no helpers but five. Loops have no bound of their own: this belongs into a process that can be
//! killed.

use std::collections::BTreeSet;
use std::io;

use handlebars::template::{HelperTemplate, Parameter, Subexpression, TemplateElement};
use handlebars::{
    Context, Handlebars, Helper, HelperDef, JsonValue, Output, Path, PathAndJson, PathSeg, RenderContext, RenderError,
    RenderErrorReason, Renderable, ScopedJson, Template,
};

use super::words;
use crate::document::Language;

/// What can be called with words after it.
const HELPERS: [&str; 5] = ["date", "eq", "list", "time", "upper"];
/// What can stand around text.
const BLOCKS: [&str; 3] = ["if", "unless", "each"];
/// What puts a value in; no template can call it, since the name has a space.
const SHOW: &str = "show it";

/// Most bytes of a text before and after merging.
const MAX_BYTES: usize = 20 * 1024;
/// Most blocks within blocks, brackets in a tag, characters in a tag.
const MAX_DEPTH: usize = 16;
const MAX_BRACKETS: usize = 16;
const MAX_TAG: usize = 500;

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
        let mut walk = Walk { faults: Vec::new(), roots: BTreeSet::new() };
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

fn registry(form: Form, language: Language) -> Handlebars<'static> {
    let mut registry = Handlebars::new();
    registry.set_strict_mode(true);
    registry.register_escape_fn(match form {
        Form::Plain => one_line,
        Form::Markdown => escaped,
    });
    for name in [SHOW, "date", "list", "time", "upper"] {
        registry.register_helper(name, Box::new(Word { name, language }));
    }
    registry.register_helper("eq", Box::new(Equal));
    registry
}

/// Text in one line: line breaks and tabulators are spaces, and none stand at the ends.
fn one_line(text: &str) -> String {
    text.split(['\n', '\r', '\t']).map(str::trim).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Text whose every mark means itself (CommonMark 0.31, 2.4: any ASCII punctuation after a backslash is literal).
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in one_line(text).chars() {
        if c.is_ascii_punctuation() {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// Refuses what the parser, which calls itself for each level, could not take.
fn guard(text: &str) -> Result<(), TemplateFault> {
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

/// Looks at every part of a template, and has values put in by [`SHOW`], which is stricter than the library.
struct Walk {
    faults: Vec<TemplateFault>,
    roots: BTreeSet<String>,
}

impl Walk {
    fn template(&mut self, template: &mut Template) {
        for (element, place) in template.elements.iter_mut().zip(&template.mapping) {
            self.element(element, (place.0, place.1));
        }
    }

    fn element(&mut self, element: &mut TemplateElement, place: (usize, usize)) {
        match element {
            TemplateElement::RawString(_) | TemplateElement::Comment(_) => {}
            TemplateElement::HtmlExpression(_) => self.fault("output as it is", place),
            TemplateElement::DecoratorExpression(_) | TemplateElement::DecoratorBlock(_) => {
                self.fault("a decorator", place);
            }
            TemplateElement::PartialExpression(_) | TemplateElement::PartialBlock(_) => self.fault("a partial", place),
            TemplateElement::Expression(helper) => self.expression(helper, place),
            TemplateElement::HelperBlock(helper) => {
                if !helper.name.as_name().is_some_and(|name| BLOCKS.contains(&name)) {
                    self.fault("an unknown block", place);
                }
                if helper.params.len() != 1 || helper.block_param.is_some() {
                    self.fault("a block without its one condition", place);
                }
                self.parameters(helper, place);
                for part in [&mut helper.template, &mut helper.inverse].into_iter().flatten() {
                    self.template(part);
                }
            }
            // What a later version of the library may add.
            _ => self.fault("a template that can not be read", place),
        }
    }

    /// A value, or the call of a helper.
    fn expression(&mut self, helper: &mut HelperTemplate, place: (usize, usize)) {
        if helper.params.is_empty() && helper.hash.is_empty() {
            match &helper.name {
                Parameter::Path(path) => self.root(path),
                Parameter::Name(_) => {}
                Parameter::Literal(_) => return,
                _ => return self.fault("a template that can not be read", place),
            }
            let value = std::mem::replace(&mut helper.name, Parameter::Name(SHOW.to_owned()));
            helper.params.push(value);
            return;
        }
        self.call(helper, place);
    }

    fn call(&mut self, helper: &mut HelperTemplate, place: (usize, usize)) {
        let name = helper.name.as_name().unwrap_or_default();
        if !HELPERS.contains(&name) {
            self.fault("an unknown helper", place);
        } else if helper.params.len() != if name == "eq" { 2 } else { 1 } {
            self.fault("a helper with too few or too many words after it", place);
        }
        self.parameters(helper, place);
    }

    fn parameters(&mut self, helper: &mut HelperTemplate, place: (usize, usize)) {
        if !helper.hash.is_empty() {
            self.fault("a helper with too few or too many words after it", place);
        }
        for parameter in &mut helper.params {
            match parameter {
                Parameter::Path(path) => self.root(path),
                Parameter::Subexpression(Subexpression { element, .. }) => match &mut **element {
                    TemplateElement::Expression(inner) => self.call(inner, place),
                    _ => self.fault("a template that can not be read", place),
                },
                Parameter::Name(_) | Parameter::Literal(_) => {}
                _ => self.fault("a template that can not be read", place),
            }
        }
    }

    fn root(&mut self, path: &Path) {
        if let Path::Relative((segments, _)) = path {
            let first = segments.iter().find_map(|segment| match segment {
                PathSeg::Named(name) => Some(name.clone()),
                _ => None,
            });
            self.roots.extend(first);
        }
    }

    fn fault(&mut self, reason: &'static str, (line, column): (usize, usize)) {
        self.faults.push(TemplateFault { reason, line, column });
    }
}

/// What goes through the library's errors and is found again in [`fault_of`].
#[derive(Debug, thiserror::Error)]
#[error("a field can not be put in")]
struct Refused {
    field: String,
    /// What it should be; nothing when it is missing.
    wanted: Option<&'static str>,
}

impl Refused {
    fn error(value: &PathAndJson<'_>, wanted: Option<&'static str>) -> RenderError {
        let field = value.relative_path().cloned().unwrap_or_default();
        RenderErrorReason::NestedError(Box::new(Self { field, wanted })).into()
    }
}

fn fault_of(error: &RenderError) -> MergeFault {
    let line = error.line_no.unwrap_or(1);
    match error.reason() {
        RenderErrorReason::MissingVariable(field) => {
            MergeFault::Missing { field: field.clone().unwrap_or_default(), line }
        }
        RenderErrorReason::NestedError(inner) => match inner.downcast_ref::<Refused>() {
            Some(Refused { field, wanted: Some(wanted) }) => {
                MergeFault::WrongType { field: field.clone(), line, wanted }
            }
            Some(Refused { field, wanted: None }) => MergeFault::Missing { field: field.clone(), line },
            None => MergeFault::WrongType { field: String::new(), line, wanted: "text" },
        },
        RenderErrorReason::IOError(_) => MergeFault::TooLong,
        // A list was asked for and a text found, or the like.
        _ => MergeFault::WrongType { field: String::new(), line, wanted: "list" },
    }
}

fn parameter<'a, 'rc>(helper: &'a Helper<'rc>, index: usize) -> Result<&'a PathAndJson<'rc>, RenderError> {
    helper.param(index).ok_or_else(|| RenderErrorReason::ParamNotFoundForIndex("helper", index).into())
}

fn text_of(value: &PathAndJson<'_>) -> Result<String, RenderError> {
    if value.is_value_missing() {
        return Err(Refused::error(value, None));
    }
    match value.value() {
        // What is empty would leave a hole in the letter.
        JsonValue::String(text) if text.trim().is_empty() => Err(Refused::error(value, None)),
        JsonValue::String(text) => Ok(text.clone()),
        JsonValue::Number(number) => Ok(number.to_string()),
        JsonValue::Null => Err(Refused::error(value, None)),
        JsonValue::Bool(_) | JsonValue::Array(_) | JsonValue::Object(_) => Err(Refused::error(value, Some("text"))),
    }
}

/// The helpers that give text.
struct Word {
    name: &'static str,
    language: Language,
}

impl HelperDef for Word {
    fn call_inner<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        _: &'reg Handlebars<'reg>,
        _: &'rc Context,
        _: &mut RenderContext<'reg, 'rc>,
    ) -> Result<ScopedJson<'rc>, RenderError> {
        let value = parameter(helper, 0)?;
        let text = match self.name {
            "date" => {
                let wrong = || Refused::error(value, Some("date"));
                words::date(&text_of(value)?, self.language).ok_or_else(wrong)?
            }
            "time" => {
                let wrong = || Refused::error(value, Some("time"));
                words::time(&text_of(value)?, self.language).ok_or_else(wrong)?
            }
            "upper" => text_of(value)?.to_uppercase(),
            "list" => list(value, self.language)?,
            _ => text_of(value)?,
        };
        Ok(ScopedJson::Derived(text.into()))
    }
}

fn list(value: &PathAndJson<'_>, language: Language) -> Result<String, RenderError> {
    let items = match value.value() {
        _ if value.is_value_missing() => return Err(Refused::error(value, None)),
        JsonValue::Array(items) if items.is_empty() => return Err(Refused::error(value, None)),
        JsonValue::Array(items) => items,
        // One of a list of one.
        _ => return text_of(value),
    };
    let text = |item: &'_ JsonValue| item.as_str().filter(|text| !text.trim().is_empty()).map(str::to_owned);
    let texts: Option<Vec<String>> = items.iter().map(text).collect();
    let texts = texts.as_ref().map(|texts| texts.iter().map(String::as_str).collect::<Vec<_>>());
    texts.map(|texts| words::list(&texts, language)).ok_or_else(|| Refused::error(value, Some("list")))
}

/// Whether two values are the same; a number is the text that it is written as.
struct Equal;

impl HelperDef for Equal {
    fn call_inner<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        _: &'reg Handlebars<'reg>,
        _: &'rc Context,
        _: &mut RenderContext<'reg, 'rc>,
    ) -> Result<ScopedJson<'rc>, RenderError> {
        let (left, right) = (parameter(helper, 0)?, parameter(helper, 1)?);
        let text = |value: &PathAndJson<'_>| match value.value() {
            JsonValue::Number(number) => JsonValue::String(number.to_string()),
            other => other.clone(),
        };
        let missing = left.is_value_missing() || right.is_value_missing();
        Ok(ScopedJson::Derived((!missing && text(left) == text(right)).into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merge::markdown;
    use serde_json::json;

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
        ] {
            for around in ["{{v}}", "# {{v}}", "- {{v}}", "**{{v}}**", "før {{v}} etter"] {
                let fields = Fields::parse(around, Form::Markdown).expect("the template can be read");
                let text = fields.fill(&Context::from(json!({"v": hostile})), Language::Nb).expect("it is filled");
                let blocks = markdown::parse(&text).unwrap_or_else(|errors| panic!("{around} {hostile:?}: {errors:?}"));
                let told = json!(blocks).to_string();
                let printed = one_line(hostile);
                assert!(told.contains(json!(printed).to_string().trim_matches('"')), "{around} {hostile:?}: {told}");
                assert_eq!(blocks.len(), 1, "{around} {hostile:?}: {told}");
                assert!(!told.contains("\"link\""), "{told}");
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
