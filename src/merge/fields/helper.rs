//! What puts values into a text: the helpers, and what is wrong with a value.

use handlebars::{
    Context, Handlebars, Helper, HelperDef, JsonValue, PathAndJson, RenderContext, RenderError, RenderErrorReason,
    ScopedJson,
};

use super::escape::{escaped, one_line};
use super::{Form, MergeFault};
use crate::document::Language;
use crate::merge::words;

/// What puts a value in; no template can call it, since the name has a space.
pub(super) const SHOW: &str = "show it";

/// The helpers, in a language, for a form of text.
pub(super) fn registry(form: Form, language: Language) -> Handlebars<'static> {
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

/// What is wrong, by an error of the library.
pub(super) fn fault_of(error: &RenderError) -> MergeFault {
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
