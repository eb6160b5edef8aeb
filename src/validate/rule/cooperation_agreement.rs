//! Rules of the cooperation agreement.

use super::Rules;
use crate::validate::finding::{Code, Finding};

impl Rules<'_> {
    pub(super) fn cooperation_agreement(&mut self) {
        let ppt = self.get("ppt");
        self.require_filled_in(&ppt);
        let (from, to) = (self.get("valid_from"), self.get("valid_to"));
        self.in_order(&from, &to);
        if let (Some(first), Some(last)) = (from.date(), to.date())
            && first == last
        {
            self.violation(Finding::new(to.pointer(), Code::EndBeforeStart).with("start", from.pointer()));
        }
        let evaluation = self.get("annual_evaluation_date");
        self.within_year(&evaluation);
        self.working_day(&evaluation);
        let goals = self.get("goals");
        if self.is_final() && goals.items().is_empty() {
            self.required(&goals, "final");
        }
        for goal in goals.items() {
            self.period(&goal.get("period"));
            self.people(&goal.get("who"));
            let evaluation = goal.get("evaluation");
            self.needs_one_of(&evaluation, &["date", "text"]);
            self.within_year(&evaluation.get("date"));
        }
        let rows = self.get("organisation").items();
        self.unique(&rows.iter().map(|row| (row.get("key"), row.get("key").text())).collect::<Vec<_>>());
        for row in &rows {
            self.people(&row.get("who"));
            if !row.get("key").is_given() && !row.get("arena").is_given() {
                self.violation(
                    Finding::new(row.pointer(), Code::NeedsOneOf).with("members", super::quoted(&["key", "arena"])),
                );
            }
        }
        self.signatories(&[("school", &["principal"]), ("ppt", &[])]);
    }
}
