//! The calendars, read back by another program's parser.

use serde_json::{Value, json};
use skoledok::document::{Kind, Locale};
use skoledok::render::Options;
use skoledok::template::Format;

use crate::support::{output_folder, produce, python, run_ok, sample};

fn events(name: &str, kind: Kind, body: Value) -> Vec<Value> {
    let options = Options { format: Format::Ics, ..Options::default() };
    let produced = produce(kind, body, options).expect("a calendar comes out");
    let file = output_folder(name).join("calendar.ics");
    std::fs::write(&file, produced.rendered.bytes).expect("a file can be written");
    let read: Value = serde_json::from_str(&run_ok(python("ics.py").arg(&file))).expect("the reader writes JSON");
    read.as_array().expect("the reader lists events").clone()
}

fn schedule() -> Value {
    let mut body = sample(Kind::MeetingSchedule, Locale::Nb);
    body["archive_metadata"] = json!({ "document_id": "plan-8" });
    body["version"] = json!(3);
    // Summer time ends on 25 October 2026 and begins on 28 March 2027.
    let when = [
        ("2026-10-23", "08:30"),
        ("2026-10-26", "08:30"),
        ("2026-12-14", "14:00"),
        ("2027-03-19", "12:15"),
        ("2027-04-01", "12:15"),
    ];
    for (index, (date, time)) in when.iter().enumerate() {
        let meeting = &mut body["meetings"][index];
        meeting["date"] = json!(date);
        meeting["start_time"] = json!(time);
        meeting["duration_min"] = json!(75);
    }
    body
}

#[test]
fn five_meetings_at_the_right_hour_on_both_sides_of_the_clock_changes() {
    let events = events("calendar-meetings", Kind::MeetingSchedule, schedule());
    let told: Vec<(String, String, String)> = events
        .iter()
        .map(|event| {
            let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
            (text("uid"), text("dtstart"), text("dtend"))
        })
        .collect();
    let expected = [
        ("plan-8-theme1", "2026-10-23T08:30:00+02:00", "2026-10-23T09:45:00+02:00"),
        ("plan-8-theme2", "2026-10-26T08:30:00+01:00", "2026-10-26T09:45:00+01:00"),
        ("plan-8-theme3", "2026-12-14T14:00:00+01:00", "2026-12-14T15:15:00+01:00"),
        ("plan-8-theme4", "2027-03-19T12:15:00+01:00", "2027-03-19T13:30:00+01:00"),
        ("plan-8-summary", "2027-04-01T12:15:00+02:00", "2027-04-01T13:30:00+02:00"),
    ];
    let expected: Vec<_> = expected.map(|(a, b, c)| (a.to_owned(), b.to_owned(), c.to_owned())).into();
    assert_eq!(told, expected);
    assert_eq!(events[0]["summary"], "Temamøte 1: Betingelser for godt systemrettet samarbeid");
    assert_eq!(events[0]["sequence"], 3);
}

#[test]
fn identifiers_outlive_changes() {
    let mut body = schedule();
    body["archive_metadata"] = json!(null);
    let uids = |name, body| -> Vec<Value> {
        events(name, Kind::MeetingSchedule, body).iter().map(|event| event["uid"].clone()).collect()
    };
    let before = uids("calendar-before", body.clone());
    body["meetings"][2]["date"] = json!("2026-12-15");
    body["meetings"][2]["note"] = json!("Flyttet én dag");
    body["document_date"] = json!("2026-11-30");
    assert_eq!(before, uids("calendar-after", body.clone()));
    body["school_year"] = json!("2027/2028");
    let dates = ["2027-09-15", "2027-10-20", "2027-11-17", "2028-01-19", "2028-02-29"];
    for (index, date) in dates.iter().enumerate() {
        body["meetings"][index]["date"] = json!(date);
    }
    body["school_calendar"] = json!([]);
    body["document_date"] = json!("2027-08-30");
    assert_ne!(before, uids("calendar-next-year", body));
}

#[test]
fn the_annual_plan_gives_its_dated_entries() {
    let mut body = sample(Kind::AnnualPlan, Locale::En);
    body["archive_metadata"] = json!({ "document_id": "aar" });
    body["entries"] = json!([
        { "id": "a", "title": "Foreldremøte; trinn 8, 9", "category": "parent_meeting", "date": "2026-09-02", "start_time": "18:00", "end_time": "20:00" },
        { "id": "b", "title": "Kartleggingsuke", "category": "mapping", "start": "2026-10-26", "end": "2026-10-30" },
        { "id": "c", "title": "Ressursteam", "category": "resource_team", "date": "2026-09-08", "start_time": "08:15", "recurrence": "monthly" },
        { "id": "d", "title": "En gang i august", "category": "other", "month": 8 },
        { "id": "e", "title": "Avlyst", "category": "other", "date": "2026-11-03", "status": "cancelled" },
    ]);
    let events = events("calendar-plan", Kind::AnnualPlan, body);
    let uids: Vec<_> = events.iter().map(|event| event["uid"].as_str().unwrap_or_default()).collect();
    assert_eq!(uids, ["aar-a", "aar-b", "aar-c", "aar-e"]);
    assert_eq!(events[0]["summary"], "Foreldremøte; trinn 8, 9");
    assert_eq!(events[0]["dtend"], "2026-09-02T20:00:00+02:00");
    assert_eq!(events[1]["all_day"], true);
    assert_eq!((&events[1]["dtstart"], &events[1]["dtend"]), (&json!("2026-10-26"), &json!("2026-10-31")));
    assert!(events[2]["rrule"].as_str().is_some_and(|rule| rule.contains("MONTHLY")));
    assert_eq!(events[3]["status"], "CANCELLED");
}

#[test]
fn only_kinds_with_days_have_a_calendar() {
    let options = Options { format: Format::Ics, ..Options::default() };
    assert!(produce(Kind::ParentLetter, sample(Kind::ParentLetter, Locale::Nb), options).is_err());
}
