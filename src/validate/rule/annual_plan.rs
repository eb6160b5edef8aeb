//! Rules of the annual plan.

use jiff::civil::{Date as Day, ISOWeekDate, Weekday};

use super::{Rules, quoted};
use crate::validate::finding::{Code, Finding};
use crate::validate::node::Node;

impl Rules<'_> {
    pub(super) fn annual_plan(&mut self) {
        self.school_calendar();
        self.require_filled_in(&self.get("version"));
        let entries = self.get("entries");
        self.require_items_filled_in(&entries);
        let entries = entries.items();
        self.unique(&entries.iter().map(|entry| (entry.get("id"), entry.get("id").text())).collect::<Vec<_>>());
        for entry in &entries {
            self.when(entry);
            self.people(&entry.get("responsible"));
            self.people(&entry.get("participants"));
        }
        self.signatories(&[("school", &["principal"])]);
    }

    fn when(&mut self, entry: &Node<'_>) {
        let ways: Vec<&str> =
            ["month", "date", "start", "week"].into_iter().filter(|member| entry.get(member).is_given()).collect();
        match ways.len() {
            0 => self.violation(
                Finding::new(entry.pointer(), Code::NeedsOneOf)
                    .with("members", quoted(&["month", "date", "start", "week"])),
            ),
            1 => {}
            _ => self.violation(Finding::new(entry.pointer(), Code::OnlyOneOf).with("members", quoted(&ways))),
        }
        let (date, start, end) = (entry.get("date"), entry.get("start"), entry.get("end"));
        self.needs_also(&start, &end);
        self.needs_also(&end, &start);
        self.in_order(&start, &end);
        for day in [&date, &start, &end] {
            self.within_year(day);
        }
        if entry.get("category").text() != Some("holiday") {
            self.working_day(&date);
        }
        self.week(entry);
        self.times(entry, &date);
    }

    fn week(&mut self, entry: &Node<'_>) {
        let (week, iso_year) = (entry.get("week"), entry.get("iso_year"));
        self.needs_also(&week, &iso_year);
        self.needs_also(&iso_year, &week);
        let (Some(number), Some(year)) = (week.whole_number(), iso_year.whole_number()) else { return };
        let (Ok(number), Ok(year)) = (i8::try_from(number), i16::try_from(year)) else { return };
        if !(1..=53).contains(&number) || !(1900..2200).contains(&year) {
            return;
        }
        let Ok(monday) = ISOWeekDate::new(year, number, Weekday::Monday) else {
            self.violation(Finding::new(week.pointer(), Code::NoSuchWeek).with("year", year));
            return;
        };
        let days = [Day::from(monday), Day::from(monday).saturating_add(jiff::Span::new().days(6))];
        if let Some(school_year) = self.year
            && !days.iter().any(|&day| school_year.contains(day.into()))
        {
            self.violation(
                Finding::new(week.pointer(), Code::OutsideSchoolYear)
                    .with("first", school_year.first_day())
                    .with("last", school_year.last_day()),
            );
        }
    }

    fn times(&mut self, entry: &Node<'_>, date: &Node<'_>) {
        let (start, end) = (entry.get("start_time"), entry.get("end_time"));
        self.needs_also(&end, &start);
        self.needs_also(&start, date);
        if let (Some(first), Some(last)) = (start.time(), end.time())
            && last <= first
        {
            self.violation(Finding::new(end.pointer(), Code::EndBeforeStart).with("start", start.pointer()));
        }
    }
}
