//! What a template may hold.

use std::collections::BTreeSet;

use handlebars::template::{HelperTemplate, Parameter, Subexpression, TemplateElement};
use handlebars::{Path, PathSeg, Template};

use super::helper::SHOW;
use super::{Form, TemplateFault};

/// What can be called with words after it.
const HELPERS: [&str; 5] = ["date", "eq", "list", "time", "upper"];
/// What can stand around text.
const BLOCKS: [&str; 3] = ["if", "unless", "each"];

/// Looks at every part of a template, and has values put in by [`SHOW`], which is stricter than the library.
pub(super) struct Walk {
    form: Form,
    pub(super) faults: Vec<TemplateFault>,
    /// The first parts of the names of all fields.
    pub(super) roots: BTreeSet<String>,
}

impl Walk {
    pub(super) fn new(form: Form) -> Self {
        Self { form, faults: Vec::new(), roots: BTreeSet::new() }
    }

    pub(super) fn template(&mut self, template: &mut Template) {
        for (element, place) in template.elements.iter_mut().zip(&template.mapping) {
            self.element(element, (place.0, place.1));
        }
    }

    fn element(&mut self, element: &mut TemplateElement, place: (usize, usize)) {
        match element {
            TemplateElement::RawString(text) => self.own_words(text),
            TemplateElement::Comment(_) => {}
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

    /// A backslash at their end stands for itself. In Markdown it would else take away the meaning of the one that is put before the
    /// first mark of a value, and the mark would be one.
    fn own_words(&self, text: &mut String) {
        let backslashes = text.len() - text.trim_end_matches('\\').len();
        if self.form == Form::Markdown && backslashes % 2 == 1 {
            text.push('\\');
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
