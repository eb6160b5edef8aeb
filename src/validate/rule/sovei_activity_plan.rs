//! Rules of the SoVei work plan.

use super::Rules;
use crate::validate::finding::{Code, Finding};

impl Rules<'_> {
    pub(super) fn sovei_activity_plan(&mut self) {
        let responsible = self.get("responsible");
        self.require_items_filled_in(&responsible);
        self.people(&responsible);
        let level = self.get("school").get("level");
        if level.text().is_some_and(|level| !level.starts_with("barne")) {
            self.warning(Finding::new(level.pointer(), Code::UnusualLevel));
        }
        let list = self.get("modules");
        let modules = list.items();
        let numbers: Vec<_> = modules.iter().map(|module| module.get("number").whole_number()).collect();
        let blank = !self.is_filled_in() && modules.is_empty();
        if !blank && numbers != [Some(1), Some(2), Some(3), Some(4), Some(5)] {
            self.violation(Finding::new(list.pointer(), Code::WrongModules));
        }
        for module in &modules {
            let components = module.get("components").items();
            self.unique(
                &components
                    .iter()
                    .map(|component| (component.get("number"), component.get("number").whole_number()))
                    .collect::<Vec<_>>(),
            );
            for task in components.iter().flat_map(|component| component.get("tasks").items()) {
                self.people(&task.get("responsible"));
                self.period(&task.get("period"));
            }
        }
    }
}
