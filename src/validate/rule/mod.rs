//! Rules of meaning, one file per kind; what all kinds share is here.

mod annual_plan;
mod common;
mod consent_form;
mod cooperation_agreement;
mod meeting_schedule;
mod parent_letter;
mod sovei_activity_plan;

use serde_json::Value;

use super::finding::{Arg, Code, Finding};
use super::holiday;
use super::node::Node;
use crate::document::{Date, Kind, SchoolYear, Status};

/// What the rules have found so far, and what they need to know of the whole document.
pub(super) struct Rules<'a> {
    root: Node<'a>,
    status: Option<Status>,
    year: Option<SchoolYear>,
    days_off: Vec<(Date, Date)>,
    pub(super) violations: Vec<Finding>,
    pub(super) warnings: Vec<Finding>,
}

/// Checks the meaning of a body. Members of the wrong shape are passed over: the schema tells them.
pub(super) fn check(kind: Kind, body: &Value) -> (Vec<Finding>, Vec<Finding>) {
    let root = Node::root(body);
    let mut rules = Rules {
        status: root.get("status").text().and_then(status),
        year: root.get("school_year").school_year(),
        days_off: Vec::new(),
        root,
        violations: Vec::new(),
        warnings: Vec::new(),
    };
    rules.common(kind);
    match kind {
        Kind::CooperationAgreement => rules.cooperation_agreement(),
        Kind::MeetingSchedule => rules.meeting_schedule(),
        Kind::AnnualPlan => rules.annual_plan(),
        Kind::ParentLetter => rules.parent_letter(),
        // Every rule of the guide is one of shape.
        Kind::HomeSchoolGuide => {}
        Kind::ConsentForm => rules.consent_form(),
        Kind::SoveiActivityPlan => rules.sovei_activity_plan(),
    }
    (rules.violations, rules.warnings)
}

fn status(name: &str) -> Option<Status> {
    match name {
        "blank_template" => Some(Status::BlankTemplate),
        "draft" => Some(Status::Draft),
        "final" => Some(Status::Final),
        _ => None,
    }
}

impl<'a> Rules<'a> {
    fn get(&self, name: &str) -> Node<'a> {
        self.root.get(name)
    }

    fn is_final(&self) -> bool {
        self.status == Some(Status::Final)
    }

    /// Draft or final.
    fn is_filled_in(&self) -> bool {
        matches!(self.status, Some(Status::Draft | Status::Final))
    }

    fn violation(&mut self, finding: Finding) {
        self.violations.push(finding);
    }

    fn warning(&mut self, finding: Finding) {
        self.warnings.push(finding);
    }

    /// A member that drafts and final documents must have.
    fn require_filled_in(&mut self, node: &Node<'_>) {
        if self.is_filled_in() && !node.is_given() {
            self.required(node, "draft and final");
        }
    }

    /// A member that final documents must have.
    fn require_final(&mut self, node: &Node<'_>) {
        if self.is_final() && !node.is_given() {
            self.required(node, "final");
        }
    }

    /// A list that must not be empty in drafts and final documents.
    fn require_items_filled_in(&mut self, node: &Node<'_>) {
        if self.is_filled_in() && node.items().is_empty() {
            self.required(node, "draft and final");
        }
    }

    fn required(&mut self, node: &Node<'_>, statuses: &'static str) {
        let member = node.pointer().rsplit('/').next().unwrap_or_default().to_owned();
        self.violation(
            Finding::new(node.pointer(), Code::RequiredByStatus)
                .with("member", member)
                .with("statuses", Arg::word(statuses)),
        );
    }

    /// A day that must lie within the school year.
    fn within_year(&mut self, node: &Node<'_>) {
        if let (Some(date), Some(year)) = (node.date(), self.year)
            && !year.contains(date)
        {
            self.violation(
                Finding::new(node.pointer(), Code::OutsideSchoolYear)
                    .with("first", year.first_day())
                    .with("last", year.last_day()),
            );
        }
    }

    /// An end that must not lie before its beginning.
    fn in_order(&mut self, start: &Node<'_>, end: &Node<'_>) {
        if let (Some(first), Some(last)) = (start.date(), end.date())
            && last < first
        {
            self.violation(Finding::new(end.pointer(), Code::EndBeforeStart).with("start", start.pointer()));
        }
    }

    /// At least one of several members.
    fn needs_one_of(&mut self, node: &Node<'_>, members: &[&str]) {
        if node.is_given() && !members.iter().any(|member| node.get(member).is_given()) {
            self.violation(Finding::new(node.pointer(), Code::NeedsOneOf).with("members", quoted(members)));
        }
    }

    /// Two members of which one makes no sense without the other.
    fn needs_also(&mut self, given: &Node<'_>, other: &Node<'_>) {
        if given.is_given() && !other.is_given() {
            let member = other.pointer().rsplit('/').next().unwrap_or_default().to_owned();
            self.violation(Finding::new(given.pointer(), Code::NeedsAlso).with("member", member));
        }
    }

    /// Somebody by name or role.
    fn person(&mut self, node: &Node<'_>) {
        self.needs_one_of(node, &["name", "role"]);
    }

    fn people(&mut self, node: &Node<'_>) {
        for person in node.items() {
            self.person(&person);
        }
    }

    /// Days within the school year, in order.
    fn period(&mut self, node: &Node<'_>) {
        self.needs_one_of(node, &["from", "to", "text"]);
        let (from, to) = (node.get("from"), node.get("to"));
        self.within_year(&from);
        self.within_year(&to);
        self.in_order(&from, &to);
    }

    /// Warns of a day on which nobody is at school.
    fn working_day(&mut self, node: &Node<'_>) {
        let Some(date) = node.date() else { return };
        let day = |code| Finding::new(node.pointer(), code);
        if let Some(name) = holiday::public_holiday(date) {
            self.warning(day(Code::PublicHoliday).with("holiday", Arg::word(name)));
        } else if holiday::is_weekend(date) {
            self.warning(day(Code::Weekend));
        } else if self.days_off.iter().any(|(first, last)| (first..=last).contains(&&date)) {
            self.warning(day(Code::SchoolDayOff));
        }
    }

    /// Reads `school_calendar`.
    fn school_calendar(&mut self) {
        for day_off in self.get("school_calendar").items() {
            let (date, from, to) = (day_off.get("date"), day_off.get("from"), day_off.get("to"));
            self.needs_one_of(&day_off, &["date", "from"]);
            if date.is_given() && from.is_given() {
                self.violation(
                    Finding::new(day_off.pointer(), Code::OnlyOneOf).with("members", quoted(&["date", "from"])),
                );
            }
            self.needs_also(&from, &to);
            self.needs_also(&to, &from);
            self.in_order(&from, &to);
            for node in [&date, &from, &to] {
                self.within_year(node);
            }
            let first = date.date().or_else(|| from.date());
            let last = date.date().or_else(|| to.date());
            if let (Some(first), Some(last)) = (first, last) {
                self.days_off.push((first, last));
            }
        }
    }

    /// Keys that must differ from each other.
    fn unique<T: PartialEq>(&mut self, keys: &[(Node<'_>, Option<T>)]) {
        for (index, (node, key)) in keys.iter().enumerate() {
            let earlier =
                key.as_ref().and_then(|key| keys[..index].iter().find(|(_, other)| other.as_ref() == Some(key)));
            if let Some((first, _)) = earlier {
                let finding = Finding::new(node.pointer(), Code::RepeatedKey).with("first", first.pointer());
                self.violation(finding);
            }
        }
    }

    /// A final document is signed by these parties at least, each with one of these roles if any are named.
    fn signatories(&mut self, needed: &[(&'static str, &[&str])]) {
        if !self.is_final() {
            return;
        }
        let signatories = self.get("signatories");
        for (party, roles) in needed {
            let present = signatories.items().iter().any(|signatory| {
                signatory.get("party").text() == Some(party)
                    && (roles.is_empty() || signatory.get("role").text().is_some_and(|role| roles.contains(&role)))
            });
            if !present {
                let role = roles.first().map(|role| format!(", `role` `{role}`")).unwrap_or_default();
                self.violation(
                    Finding::new(signatories.pointer(), Code::SignatoryMissing).with("party", party).with("role", role),
                );
            }
        }
    }
}

fn quoted(members: &[&str]) -> String {
    members.iter().map(|member| format!("`{member}`")).collect::<Vec<_>>().join(", ")
}
