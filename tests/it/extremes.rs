//! Bodies made from the JSON Schemas: as long as allowed, as short as allowed, and arbitrary ones.

use std::collections::HashMap;

use serde_json::{Map, Value, json};
use skoledok::document::{Kind, Locale, Status, schema};

/// Decides what a made body is like.
pub trait Choice {
    /// Whether an optional member is there.
    fn include(&mut self, path: &str) -> bool;
    /// How many members a list has.
    fn count(&mut self, path: &str, least: usize, most: usize) -> usize;
    /// A free text of at most so many characters.
    fn text(&mut self, path: &str, most: usize) -> String;
    /// One of so many.
    fn pick(&mut self, path: &str, of: usize) -> usize;
}

/// Makes a body of a kind that is valid if `choice` gives texts that are.
pub fn make(kind: Kind, locale: Locale, status: Status, choice: &mut dyn Choice) -> Value {
    let root = schema::json_schema(kind);
    let mut maker = Maker { root: &root, choice };
    let mut body = maker.value(&root, "", "");
    body["kind"] = json!(kind.name());
    body["locale"] = json!(locale.tag());
    body["status"] = serde_json::to_value(status).expect("a status is JSON");
    repair(kind, locale, status, &mut body);
    body
}

struct Maker<'a> {
    root: &'a Value,
    choice: &'a mut dyn Choice,
}

impl Maker<'_> {
    fn value(&mut self, schema: &Value, path: &str, name: &str) -> Value {
        if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
            let target =
                self.root.pointer(reference.trim_start_matches('#')).expect("references lead somewhere").clone();
            return self.value(&target, path, name);
        }
        if let Some(branches) = schema.get("anyOf").and_then(Value::as_array) {
            let first = branches.first().expect("an optional member has a type").clone();
            return self.value(&first, path, name);
        }
        if let Some(values) = schema.get("enum").and_then(Value::as_array) {
            return values[self.choice.pick(path, values.len())].clone();
        }
        let types: Vec<&str> = match &schema["type"] {
            Value::String(one) => vec![one],
            Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        match types.first().copied() {
            Some("object") => self.object(schema, path),
            Some("array") => self.list(schema, path, name),
            Some("boolean") => json!(self.choice.pick(path, 2) == 1),
            Some("integer") => {
                let bound = |member: &str| schema.get(member).and_then(Value::as_f64);
                #[expect(clippy::cast_possible_truncation, reason = "bounds of the schema are small")]
                let (least, most) = (bound("minimum").unwrap_or(1.0) as i64, bound("maximum").unwrap_or(9.0) as i64);
                let span = usize::try_from(most - least + 1).expect("bounds are in order");
                json!(least + i64::try_from(self.choice.pick(path, span)).expect("a small number"))
            }
            Some("number") => {
                let bound = if self.choice.pick(path, 2) == 1 { "maximum" } else { "minimum" };
                schema.get(bound).cloned().expect("numbers have bounds")
            }
            Some("string") => Value::String(self.string(schema, path, name)),
            other => panic!("{path}: no way to make {other:?}"),
        }
    }

    fn object(&mut self, schema: &Value, path: &str) -> Value {
        let required: Vec<&str> =
            schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
        let mut members = Map::new();
        for (name, of) in schema["properties"].as_object().expect("an object has members") {
            let below = format!("{path}/{name}");
            if required.contains(&name.as_str()) || self.choice.include(&below) {
                members.insert(name.clone(), self.value(of, &below, name));
            }
        }
        Value::Object(members)
    }

    fn list(&mut self, schema: &Value, path: &str, name: &str) -> Value {
        let bound = |member: &str| schema.get(member).and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
        let most = bound("maxItems").expect("every list has a bound");
        let count = self.choice.count(path, bound("minItems").unwrap_or(0), most);
        let mut items: Vec<Value> = Vec::new();
        for index in 0..count {
            let item = self.value(&schema["items"], &format!("{path}/{index}"), name);
            if schema.get("uniqueItems").is_none() || !items.contains(&item) {
                items.push(item);
            }
        }
        Value::Array(items)
    }

    fn string(&mut self, schema: &Value, path: &str, name: &str) -> String {
        if let Some(format) = schema.get("format").and_then(Value::as_str) {
            return match format {
                schema::FORMAT_DAY => day(name).to_owned(),
                schema::FORMAT_ORG_NUMBER => "974588145".to_owned(),
                schema::FORMAT_SCHOOL_YEAR => "2026/2027".to_owned(),
                other => panic!("{path}: no way to make the format {other}"),
            };
        }
        if schema.get("pattern").is_some() {
            return match name {
                "email" => "post@example.no",
                "phone" => "+47 22 00 00 00",
                "website" | "video_url" | "url" => "https://example.no/en/lang/adresse/som-maa-brytes",
                "municipality_number" | "postcode" => "9999",
                "accent_color" => "#1F5A7A",
                "document_id" => "26/1234-5",
                "recipient_key" => "r-1",
                "id" => "e",
                "start_time" => "08:30",
                "end_time" => "10:15",
                other => panic!("{path}: no way to make `{other}`"),
            }
            .to_owned();
        }
        if path == "/school/logo/data" {
            use base64::Engine as _;
            let svg = r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 20"><path fill="#1f5a7a" d="M0 20L20 0l20 20z"/></svg>"##;
            return base64::engine::general_purpose::STANDARD.encode(svg);
        }
        let most = schema["maxLength"].as_u64().expect("every text has a bound");
        self.choice.text(path, usize::try_from(most).expect("a small bound"))
    }
}

fn day(name: &str) -> &'static str {
    match name {
        "from" | "start" | "valid_from" | "effective_from" => "2026-09-01",
        "to" | "end" | "valid_to" | "valid_until" => "2027-05-31",
        "date_of_birth" => "2008-02-29",
        _ => "2026-10-07",
    }
}

/// What the schema can not say.
fn repair(kind: Kind, locale: Locale, status: Status, body: &mut Value) {
    let blank = status == Status::BlankTemplate;
    if let Some(logo) = body.pointer_mut("/school/logo") {
        logo["media_type"] = json!("image/svg+xml");
    }
    each(body, "/signatories", |index, signatory| {
        signatory["party"] = json!(["school", "ppt", "health_service", "fau"][index % 4]);
        signatory["role"] = json!(if index == 0 { "principal" } else { "ppt_adviser" });
    });
    each(body, "/school_calendar", |_, day| {
        if let Some(day) = day.as_object_mut() {
            day.remove("date");
            day.insert("from".into(), json!("2026-10-05"));
            day.insert("to".into(), json!("2026-10-09"));
        }
    });
    every_person(body);
    match kind {
        Kind::CooperationAgreement => {
            let keys = [
                "pedagogical_team",
                "early_intervention",
                "strategic_meeting",
                "general_participation",
                "presentations",
            ];
            each(body, "/organisation", |index, row| {
                if let (Some(key), Some(members)) = (keys.get(index), row.as_object_mut()) {
                    members.insert("key".into(), json!(key));
                } else if let Some(members) = row.as_object_mut() {
                    members.remove("key");
                    members.entry("arena").or_insert(json!("Eget møte"));
                }
            });
            each(body, "/goals", |_, goal| {
                for member in ["period", "evaluation"] {
                    if let Some(given) = goal.get_mut(member).and_then(Value::as_object_mut)
                        && given.is_empty()
                    {
                        given.insert("text".into(), json!("høsten"));
                    }
                }
            });
        }
        Kind::MeetingSchedule => {
            let keys = [
                ("theme1", "2026-09-15"),
                ("theme2", "2026-10-20"),
                ("theme3", "2026-11-17"),
                ("theme4", "2027-01-19"),
                ("summary", "2027-03-31"),
            ];
            let meetings = body["meetings"].as_array().cloned().unwrap_or_default();
            if !(blank && meetings.is_empty()) {
                let made = keys.iter().enumerate().map(|(index, (key, date))| {
                    let mut meeting = meetings.get(index).cloned().unwrap_or_else(|| json!({}));
                    meeting["key"] = json!(key);
                    meeting["date"] = json!(date);
                    meeting
                });
                body["meetings"] = made.collect();
            }
        }
        Kind::AnnualPlan => each(body, "/entries", |index, entry| {
            entry["id"] = json!(format!("e{index}"));
            let members = entry.as_object_mut().expect("an entry is an object");
            for name in ["month", "date", "start", "end", "week", "iso_year"] {
                members.remove(name);
            }
            let has_time = members.contains_key("start_time");
            match if has_time { 1 } else { index % 4 } {
                0 => drop(members.insert("month".into(), json!(index % 12 + 1))),
                1 => drop(
                    members.insert("date".into(), json!(format!("2026-{:02}-{:02}", 8 + index % 5, 3 + index % 25))),
                ),
                2 => {
                    members.insert("start".into(), json!("2027-02-22"));
                    members.insert("end".into(), json!("2027-02-26"));
                }
                _ => {
                    members.insert("week".into(), json!(53));
                    members.insert("iso_year".into(), json!(2026));
                }
            }
            if !has_time {
                members.remove("end_time");
            }
        }),
        Kind::ParentLetter => {
            each(body, "/recipients", |_, recipient| {
                recipient["locale"] = json!(locale.tag());
                if let Some(members) = recipient.as_object_mut() {
                    members.remove("protected_address");
                }
            });
            if let Some(forms) = body.get_mut("forms") {
                forms["contact"] = json!(true);
            }
        }
        Kind::HomeSchoolGuide => {}
        Kind::ConsentForm => {
            if let Some(members) = body.as_object_mut() {
                members.remove("signatories");
            }
            let other = body["scope"].as_array().is_some_and(|scope| scope.contains(&json!("annet")));
            let members = body.as_object_mut().expect("a body is an object");
            if other {
                members.entry("scope_other").or_insert(json!("skolebytte"));
            } else {
                members.remove("scope_other");
            }
        }
        Kind::SoveiActivityPlan => {
            let given = body["modules"].as_array().cloned().unwrap_or_default();
            if !(blank && given.is_empty()) {
                let made = (0..5).map(|index| {
                    let mut module = given.get(index).cloned().unwrap_or_else(|| json!({}));
                    module["number"] = json!(index + 1);
                    each(&mut module, "/components", |place, component| {
                        component["number"] = json!(place + 1);
                        each(component, "/tasks", |_, task| {
                            if let Some(period) = task.get_mut("period").and_then(Value::as_object_mut)
                                && period.is_empty()
                            {
                                period.insert("text".into(), json!("våren"));
                            }
                        });
                    });
                    module
                });
                body["modules"] = made.collect();
            }
        }
    }
    if !blank {
        fill_in(kind, locale, status, body);
    }
}

/// Adds what drafts and final documents must have.
fn fill_in(kind: Kind, locale: Locale, status: Status, body: &mut Value) {
    let least = shortest(kind, locale, status);
    merge(body, least);
}

/// Adds members that are missing, at any depth; empty lists count as missing.
fn merge(body: &mut Value, least: Value) {
    match (body, least) {
        (Value::Object(body), Value::Object(least)) => {
            for (name, value) in least {
                match body.get_mut(&name) {
                    None => drop(body.insert(name, value)),
                    Some(given) => merge(given, value),
                }
            }
        }
        (Value::Array(body), Value::Array(least)) => {
            for (index, value) in least.into_iter().enumerate() {
                if index >= body.len() {
                    body.push(value);
                }
            }
        }
        _ => {}
    }
}

fn each(body: &mut Value, pointer: &str, mut change: impl FnMut(usize, &mut Value)) {
    if let Some(items) = body.pointer_mut(pointer).and_then(Value::as_array_mut) {
        for (index, item) in items.iter_mut().enumerate() {
            change(index, item);
        }
    }
}

/// A person needs a name or a role.
fn every_person(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, member) in members.iter_mut() {
                let people = matches!(
                    name.as_str(),
                    "who"
                        | "responsible"
                        | "participants"
                        | "school_management"
                        | "health_nurse_grade"
                        | "contact_teachers"
                        | "counsellor_social_milieu"
                        | "other_contact_teachers"
                        | "other_staff"
                );
                let one = matches!(name.as_str(), "meeting_leader" | "note_taker");
                let mut give = |person: &mut Value| {
                    if let Some(members) = person.as_object_mut()
                        && !members.contains_key("name")
                    {
                        members.entry("role").or_insert(json!("teacher"));
                    }
                };
                if people && let Some(items) = member.as_array_mut() {
                    items.iter_mut().for_each(&mut give);
                } else if one {
                    give(member);
                }
                every_person(member);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(every_person),
        _ => {}
    }
}

/// The least that a kind may hold in a status.
pub fn shortest(kind: Kind, locale: Locale, status: Status) -> Value {
    let mut body = json!({ "locale": locale.tag(), "status": status });
    let mut add = |members: Value| {
        if let (Some(body), Value::Object(members)) = (body.as_object_mut(), members) {
            body.extend(members);
        }
    };
    if kind == Kind::HomeSchoolGuide {
        add(json!({ "variant": "grunnskole" }));
    }
    if status == Status::BlankTemplate {
        return body;
    }
    add(json!({ "school": { "name": "Å" }, "document_date": "2026-08-03" }));
    if !matches!(kind, Kind::ParentLetter | Kind::HomeSchoolGuide | Kind::ConsentForm) {
        add(json!({ "school_year": "2026/2027" }));
    }
    let is_final = status == Status::Final;
    let principal = json!({ "party": "school", "role": "principal", "name": "A" });
    match kind {
        Kind::CooperationAgreement => {
            add(json!({ "ppt": { "adviser_names": ["B"] } }));
            if is_final {
                add(json!({ "goals": [{ "what": "C" }], "signatories": [principal, { "party": "ppt", "name": "B" }] }));
            }
        }
        Kind::MeetingSchedule => {
            let days = ["2026-09-15", "2026-10-20", "2026-11-17", "2027-01-19", "2027-03-31"];
            let meetings: Vec<Value> = ["theme1", "theme2", "theme3", "theme4", "summary"]
                .iter()
                .zip(days)
                .map(|(key, day)| if is_final { json!({ "key": key, "date": day }) } else { json!({ "key": key }) })
                .collect();
            add(json!({ "meetings": meetings }));
            if is_final {
                let somebody = json!([{ "name": "A" }]);
                add(json!({
                    "meeting_leader": { "name": "A" },
                    "required_participants": {
                        "school_management": somebody, "health_nurse_grade": somebody, "contact_teachers": somebody
                    }
                }));
            }
        }
        Kind::AnnualPlan => {
            add(json!({ "version": 1, "entries": [{ "id": "a", "title": "D", "category": "other", "month": 8 }] }));
            if is_final {
                add(json!({ "signatories": [principal] }));
            }
        }
        Kind::ParentLetter | Kind::HomeSchoolGuide => {}
        Kind::ConsentForm => {
            add(json!({
                "pupil": { "name": "E", "date_of_birth": "2008-08-03" },
                "contacts": [{ "name": "F", "relation": "G" }],
                "scope": ["fravaer"],
                "effective_from": "2026-08-03"
            }));
            if is_final {
                add(json!({ "signature": {} }));
            }
        }
        Kind::SoveiActivityPlan => {
            add(json!({
                "responsible": [{ "role": "social_work_staff" }],
                "modules": [{ "number": 1 }, { "number": 2 }, { "number": 3 }, { "number": 4 }, { "number": 5 }]
            }));
        }
    }
    body
}

/// Everything there, every list full, the first texts of each place as long as allowed.
#[derive(Default)]
pub struct Longest {
    seen: HashMap<String, usize>,
    people: usize,
}

impl Choice for Longest {
    fn include(&mut self, path: &str) -> bool {
        // A letter is either one of forms or a free one; the free ones are tested by themselves.
        !matches!(path, "/body" | "/norwegian_version" | "/render_options/pdf_standard")
    }

    fn count(&mut self, path: &str, _: usize, most: usize) -> usize {
        // Lists within rows: long in the first rows, short later, to stay below the bound of a body.
        let depth = path.matches(|c: char| c.is_ascii_digit()).count();
        if depth == 0 || most <= 5 {
            return most;
        }
        self.people += 1;
        if self.people <= 12 { most } else { 1 }
    }

    fn text(&mut self, path: &str, most: usize) -> String {
        let place: String = path.chars().filter(|c| !c.is_ascii_digit()).collect();
        let seen = self.seen.entry(place).or_default();
        *seen += 1;
        let length = if *seen <= 2 { most } else { most.min(24) };
        long_text(length)
    }

    fn pick(&mut self, path: &str, of: usize) -> usize {
        // Lists of different values get all of them: their places differ in the last number.
        let index = path.rsplit('/').next().and_then(|last| last.parse().ok());
        index.unwrap_or(of - 1) % of
    }
}

/// A text of exactly so many characters: one word up to 120, beyond that words of all lengths and
/// characters that mean something elsewhere.
pub fn long_text(length: usize) -> String {
    const WORD: &str = "Minoritetsspråkopplæringskoordineringsansvarlighetsfordelingsmøteinnkallingsutsendelsesrutinebeskrivelsesdokumentasjonen";
    let mut text: String = WORD.chars().take(length).collect();
    let filler = [
        " samarbeid",
        " #panic()",
        " og",
        " *x* _y_",
        " tilpassa opplæring,",
        " {{x}}",
        " <a> \\",
        " $1$ @ref",
        " Đđ Ŋŋ Žž",
        " «sitat» – slutt.",
    ];
    let mut next = 0;
    while text.chars().count() < length {
        text.push_str(filler[next % filler.len()]);
        next += 1;
    }
    let mut text: String = text.chars().take(length).collect();
    if text.ends_with(' ') {
        text.pop();
        text.push('.');
    }
    text
}

/// As long as allowed.
pub fn longest(kind: Kind, locale: Locale, status: Status) -> Value {
    let body = make(kind, locale, status, &mut Longest::default());
    let size = body.to_string().len();
    assert!(size <= skoledok::validate::MAX_BODY, "{}: {size} bytes", kind.slug());
    body
}
