//! Rules of the meeting schedule.

use super::Rules;
use crate::document::{Date, MeetingKey};
use crate::validate::finding::{Arg, Code, Finding};
use crate::validate::node::Node;

impl<'a> Rules<'a> {
    pub(super) fn meeting_schedule(&mut self) {
        self.school_calendar();
        let leader = self.get("meeting_leader");
        self.require_final(&leader);
        self.person(&leader);
        let note_taker = self.get("note_taker");
        self.person(&note_taker);
        if self.is_filled_in() && !note_taker.is_given() {
            self.warning(Finding::new(note_taker.pointer(), Code::NoNoteTaker));
        }
        self.meetings();
        self.participants();
    }

    fn meetings(&mut self) {
        let list = self.get("meetings");
        let meetings = list.items();
        let keys: Vec<_> = meetings.iter().map(|meeting| meeting.get("key").text()).collect();
        let expected: Vec<_> = MeetingKey::ALL.iter().map(|key| Some(key.name())).collect();
        let blank = !self.is_filled_in() && meetings.is_empty();
        if !blank && keys != expected {
            let names: Vec<_> = MeetingKey::ALL.iter().map(|key| format!("`{}`", key.name())).collect();
            self.violation(Finding::new(list.pointer(), Code::WrongMeetings).with("keys", names.join(", ")));
        }
        let mut latest: Option<(Date, Node<'a>)> = None;
        for meeting in &meetings {
            let date = meeting.get("date");
            self.require_final(&date);
            self.within_year(&date);
            self.working_day(&date);
            self.season(meeting, &date);
            let Some(day) = date.date() else { continue };
            if let Some((before, earlier)) = &latest
                && day <= *before
            {
                self.violation(Finding::new(date.pointer(), Code::NotRising).with("earlier", earlier.pointer()));
            }
            latest = Some((day, date));
        }
    }

    /// Themes 1 to 3 belong in September to December, theme 4 and the summary in January to April.
    fn season(&mut self, meeting: &Node<'_>, date: &Node<'_>) {
        let (Some(key), Some(day), Some(year)) = (meeting.get("key").text(), date.date(), self.year) else { return };
        let (months, name) = match key {
            "theme1" | "theme2" | "theme3" => (9..=12, "september to december"),
            "theme4" | "summary" => (1..=4, "january to april"),
            _ => return,
        };
        if year.contains(day) && !months.contains(&day.civil().month()) {
            self.warning(Finding::new(date.pointer(), Code::OutOfSeason).with("season", Arg::word(name)));
        }
    }

    fn participants(&mut self) {
        let required = self.get("required_participants");
        for group in ["school_management", "health_nurse_grade", "contact_teachers"] {
            let people = required.get(group);
            self.people(&people);
            if self.is_final() && people.items().is_empty() {
                self.required(&people, "final");
            }
        }
        let optional = self.get("optional_participants");
        for group in ["counsellor_social_milieu", "other_contact_teachers", "other_staff"] {
            self.people(&optional.get(group));
        }
    }
}
