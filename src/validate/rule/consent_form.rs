//! Rules of the consent form.

use super::Rules;
use crate::validate::finding::{Code, Finding};

impl Rules<'_> {
    pub(super) fn consent_form(&mut self) {
        let (pupil, from, until) = (self.get("pupil"), self.get("effective_from"), self.get("valid_until"));
        self.require_filled_in(&pupil);
        // The pupil alone signs, in `signature`.
        let signatories = self.get("signatories");
        if !signatories.items().is_empty() {
            self.violation(Finding::new(signatories.pointer(), Code::UnknownMember).with("member", "signatories"));
        }
        self.require_filled_in(&from);
        self.require_items_filled_in(&self.get("contacts"));
        let scope = self.get("scope");
        self.require_items_filled_in(&scope);
        self.require_final(&self.get("signature"));
        if let (Some(born), Some(first)) = (pupil.get("date_of_birth").date(), from.date()) {
            let eighteen = born.eighteenth_birthday();
            if first < eighteen {
                self.violation(Finding::new(from.pointer(), Code::BeforeEighteen));
            }
        }
        if let (Some(first), Some(last)) = (from.date(), until.date())
            && last <= first
        {
            self.violation(Finding::new(until.pointer(), Code::EndBeforeStart).with("start", from.pointer()));
        }
        let other = self.get("scope_other");
        let items = scope.items();
        let chosen = items.iter().find(|item| item.text() == Some("annet"));
        match chosen {
            Some(item) if !other.is_given() && self.is_filled_in() => {
                self.violation(Finding::new(item.pointer(), Code::NeedsAlso).with("member", "scope_other"));
            }
            None if other.is_given() => {
                self.violation(Finding::new(other.pointer(), Code::NeedsAlso).with("member", "scope: annet"));
            }
            _ => {}
        }
    }
}
