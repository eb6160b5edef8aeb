//! iCalendar (RFC 5545) of the meeting schedule and of the dated entries of the annual plan.
//!
//! Written here in full: the `icalendar` crate stamps components with the clock and random UIDs
//! where it misses them (also in VTIMEZONE, where neither may stand), and this module must not.

use jiff::ToSpan;
use jiff::civil;

use crate::document::{
    AnnualPlan, ClockTime, Cover, Date, Document, Entry, EntryStatus, Locale, Meeting, MeetingSchedule, Recurrence,
    SchoolYear,
};
use crate::template;

/// Summer time of the European Union since 1996 (directive 2000/84/EC), which Norway follows
/// (forskrift 19. november 2001 nr. 1313).
const EUROPE_OSLO: [&str; 16] = [
    "BEGIN:VTIMEZONE",
    "TZID:Europe/Oslo",
    "BEGIN:DAYLIGHT",
    "TZOFFSETFROM:+0100",
    "TZOFFSETTO:+0200",
    "TZNAME:CEST",
    "DTSTART:19960331T020000",
    "RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU",
    "END:DAYLIGHT",
    "BEGIN:STANDARD",
    "TZOFFSETFROM:+0200",
    "TZOFFSETTO:+0100",
    "TZNAME:CET",
    "DTSTART:19961027T030000",
    "RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU",
    "END:STANDARD",
];

/// Writes the calendar of a document; of a kind without dates, one without events.
pub(super) fn write(document: &Document, cover: &Cover) -> Vec<u8> {
    let locale = cover.language.locale().unwrap_or_default();
    let mut out = Lines::default();
    for line in
        ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//skoledok//skoledok//NB", "CALSCALE:GREGORIAN", "METHOD:PUBLISH"]
    {
        out.line(line);
    }
    if let Some(title) = template::manifest(cover.kind).title.get(&locale) {
        let year = cover.year.as_deref().map(|year| format!(" {}", year.replace('-', "/"))).unwrap_or_default();
        out.text("NAME", &format!("{title}{year}"));
        out.text("X-WR-CALNAME", &format!("{title}{year}"));
    }
    for line in EUROPE_OSLO {
        out.line(line);
    }
    out.line("END:VTIMEZONE");
    match document {
        Document::MeetingSchedule(schedule) => schedule_events(schedule, cover, locale, &mut out),
        Document::AnnualPlan(plan) => plan_events(plan, cover, &mut out),
        _ => {}
    }
    out.line("END:VCALENDAR");
    out.bytes
}

fn schedule_events(schedule: &MeetingSchedule, cover: &Cover, locale: Locale, out: &mut Lines) {
    for meeting in &schedule.meetings {
        let Some(date) = meeting.date else { continue };
        let key = meeting.key.name();
        event_head(out, cover, key, schedule.version);
        match meeting.start_time {
            Some(time) => {
                let start = at(date, time);
                let length = i64::from(meeting.duration_min.unwrap_or(60));
                out.line(&format!("DTSTART;TZID=Europe/Oslo:{}", local(start)));
                out.line(&format!("DTEND;TZID=Europe/Oslo:{}", local(start.saturating_add(length.minutes()))));
            }
            None => all_day(out, date, date),
        }
        let told = |part: &str| {
            template::strings(cover.kind, locale)
                .get("meetings")
                .and_then(|meetings| meetings.get(key)?.get(part)?.as_str())
                .unwrap_or(key)
                .to_owned()
        };
        out.text("SUMMARY", &told("title"));
        out.text("DESCRIPTION", &description(&told("content"), meeting));
        if let Some(location) = &meeting.location {
            out.text("LOCATION", location.as_str());
        }
        if let Some(url) = &meeting.video_url {
            out.line(&format!("URL:{url}"));
        }
        out.line("END:VEVENT");
    }
}

fn description(content: &str, meeting: &Meeting) -> String {
    let mut lines = vec![content.to_owned()];
    lines.extend(meeting.extra_agenda.iter().map(|item| format!("– {}", item.as_str())));
    lines.extend(meeting.note.iter().map(|note| note.as_str().to_owned()));
    lines.extend(meeting.video_url.clone());
    lines.join("\n")
}

fn plan_events(plan: &AnnualPlan, cover: &Cover, out: &mut Lines) {
    for entry in &plan.entries {
        let (first, last) = match (entry.date, entry.start, entry.end) {
            (Some(date), ..) => (date, date),
            (None, Some(start), Some(end)) => (start, end),
            _ => continue,
        };
        event_head(out, cover, &entry.id, plan.version);
        match entry.start_time.filter(|_| first == last) {
            Some(time) => {
                let start = at(first, time);
                let end = entry.end_time.map_or_else(|| start.saturating_add(1.hour()), |end| at(first, end));
                out.line(&format!("DTSTART;TZID=Europe/Oslo:{}", local(start)));
                out.line(&format!("DTEND;TZID=Europe/Oslo:{}", local(end)));
            }
            None => all_day(out, first, last),
        }
        repetition(out, entry, plan.common.school_year);
        out.text("SUMMARY", entry.title.as_str());
        if let Some(status) = entry.status {
            out.line(match status {
                EntryStatus::Cancelled => "STATUS:CANCELLED",
                EntryStatus::Planned | EntryStatus::Completed => "STATUS:CONFIRMED",
            });
        }
        out.line("END:VEVENT");
    }
}

/// A monthly entry comes back to the end of June; the other recurrences name no second day.
fn repetition(out: &mut Lines, entry: &Entry, year: Option<SchoolYear>) {
    let (Recurrence::Monthly, Some(year)) = (entry.recurrence, year) else { return };
    let last = format!("{:04}0630", year.year_of_month(6));
    // With a local start the end is in UTC (RFC 5545, 3.3.10); the end of June is two hours ahead of it.
    let until = if entry.start_time.is_some() { format!("{last}T215959Z") } else { last };
    out.line(&format!("RRULE:FREQ=MONTHLY;UNTIL={until}"));
}

/// Beginning of an event. The UID lasts for the life of the document (RFC 5545, 3.8.4.7), the
/// sequence is its version.
fn event_head(out: &mut Lines, cover: &Cover, key: &str, version: Option<u32>) {
    out.line("BEGIN:VEVENT");
    out.text("UID", &format!("{}-{key}", cover.document_id));
    out.line(&format!("DTSTAMP:{}T000000Z", compact(cover.dated)));
    out.line(&format!("SEQUENCE:{}", version.unwrap_or(1)));
}

/// Days as a whole; the end is the day after the last (RFC 5545, 3.6.1).
fn all_day(out: &mut Lines, first: Date, last: Date) {
    out.line(&format!("DTSTART;VALUE=DATE:{}", compact(first)));
    out.line(&format!("DTEND;VALUE=DATE:{}", compact(last.civil().saturating_add(1.day()).into())));
    out.line("TRANSP:TRANSPARENT");
}

fn at(date: Date, time: ClockTime) -> civil::DateTime {
    date.civil().to_datetime(time.civil())
}

fn compact(date: Date) -> String {
    date.to_string().replace('-', "")
}

fn local(moment: civil::DateTime) -> String {
    format!("{}T{:02}{:02}00", compact(moment.date().into()), moment.hour(), moment.minute())
}

/// Content lines: CRLF at their ends, folded at 75 octets (RFC 5545, 3.1).
#[derive(Default)]
struct Lines {
    bytes: Vec<u8>,
}

impl Lines {
    fn line(&mut self, line: &str) {
        let mut room = 75;
        for c in line.chars() {
            if c.len_utf8() > room {
                self.bytes.extend_from_slice(b"\r\n ");
                room = 74;
            }
            room -= c.len_utf8();
            self.bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        }
        self.bytes.extend_from_slice(b"\r\n");
    }

    /// A property of type TEXT (RFC 5545, 3.3.11).
    fn text(&mut self, name: &str, value: &str) {
        let escaped =
            value.replace('\\', "\\\\").replace(';', "\\;").replace(',', "\\,").replace('\n', "\\n").replace('\t', " ");
        self.line(&format!("{name}:{escaped}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_folded_between_characters() {
        let mut lines = Lines::default();
        lines.text("SUMMARY", &"ø".repeat(100));
        let text = String::from_utf8(lines.bytes).expect("a fold never cuts a character");
        assert!(text.split("\r\n").all(|line| line.len() <= 75), "{text}");
        assert_eq!(text.replace("\r\n ", "").trim_end(), format!("SUMMARY:{}", "ø".repeat(100)));
    }

    #[test]
    fn text_is_escaped() {
        let mut lines = Lines::default();
        lines.text("LOCATION", "Rom 1; fløy B, 2. etg.\\n\nBEGIN:VEVENT");
        let expected = b"LOCATION:Rom 1\\; fl\xc3\xb8y B\\, 2. etg.\\\\n\\nBEGIN:VEVENT\r\n";
        assert_eq!(lines.bytes, expected);
    }
}
