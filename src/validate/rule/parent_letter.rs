//! Rules of the letter to parents.

use super::Rules;
use crate::document::Language;
use crate::merge::markdown::{self, MarkdownError};
use crate::validate::finding::{Arg, Code, Finding};
use crate::validate::node::Node;

/// A language that letters can be in, by its tag.
fn of_letters(tag: &str) -> Option<Language> {
    serde_json::from_value(tag.into()).ok()
}

impl Rules<'_> {
    pub(super) fn parent_letter(&mut self) {
        let (body, title) = (self.get("body"), self.get("title"));
        self.markdown(&body);
        self.markdown(&self.get("norwegian_version").get("body"));
        self.languages(&body, &title);
        if let Some(recipient) = self.get("recipients").items().first() {
            let address = recipient.get("postal_address");
            self.address(&address);
            if address.is_given() && recipient.get("protected_address").flag() == Some(true) {
                self.warning(Finding::new(address.pointer(), Code::AddressNotPrinted));
            }
        }
        let forms = self.get("forms");
        let names = [
            "contact",
            "internal_discussion",
            "cooperation_meeting",
            "resource_team",
            "interdisciplinary_meeting",
            "responsibility_group",
        ];
        let all_off = names.iter().all(|name| forms.get(name).flag() == Some(false));
        if all_off && !body.is_given() && !self.get("intro").is_given() {
            self.violation(Finding::new(forms.pointer(), Code::NothingToSay));
        }
    }

    fn markdown(&mut self, node: &Node<'_>) {
        let Some(text) = node.text() else { return };
        // A text past its bound is reported as such; parsing it would only cost time.
        if text.len() > crate::validate::text::MAX_BYTES {
            return;
        }
        match markdown::parse(text) {
            Ok(blocks) if blocks.is_empty() && !text.trim().is_empty() => {
                self.violation(Finding::new(node.pointer(), Code::EmptyText));
            }
            Ok(_) => {}
            Err(errors) => {
                for error in errors {
                    self.violation(match error {
                        MarkdownError::Unsupported { construct, line } => {
                            Finding::new(node.pointer(), Code::UnsupportedMarkdown)
                                .with("construct", Arg::word(construct))
                                .with("line", line)
                        }
                        MarkdownError::LinkScheme { line } => {
                            Finding::new(node.pointer(), Code::LinkScheme).with("line", line)
                        }
                    });
                }
            }
        }
    }

    fn languages(&mut self, body: &Node<'_>, title: &Node<'_>) {
        let own = self.get("locale");
        let own_tag = own.text().unwrap_or("nb");
        let recipients = self.get("recipients").items();
        let wanted = recipients.first().map(|recipient| recipient.get("locale")).filter(Node::is_given);
        let (place, tag) = match &wanted {
            Some(node) => (node.pointer(), node.text().unwrap_or(own_tag)),
            None => (own.pointer(), own_tag),
        };
        // Words of the caller's own are in one language; only the fixed sentences exist in three.
        let own_words = ["body", "title", "subtitle", "intro", "closing"].iter().any(|name| self.get(name).is_given());
        if own_words && tag != own_tag {
            self.violation(Finding::new(place, Code::LocaleMismatch));
        } else if of_letters(tag).is_some_and(|language| language.locale().is_none()) {
            for node in [body, title] {
                if !node.is_given() {
                    self.violation(Finding::new(node.pointer(), Code::LocaleNeedsText));
                }
            }
            if self.is_filled_in() && body.is_given() && !self.get("norwegian_version").is_given() {
                self.warning(Finding::new("/norwegian_version", Code::NoNorwegianVersion));
            }
        }
    }
}
