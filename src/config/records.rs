//! How plans and agreements are kept.

use serde::Deserialize;

use super::value::within;
use crate::record;

#[derive(Deserialize)]
pub(super) struct RecordsTable {
    retention_years: u16,
}

impl RecordsTable {
    pub(super) fn settings(&self, problems: &mut Vec<String>) -> record::Settings {
        within(problems, "records.retention_years", self.retention_years.into(), 1, 1000);
        record::Settings { retention_years: self.retention_years }
    }
}
