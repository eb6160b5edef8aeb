//! Every fault and every warning, each by a body that has it and nothing else.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use skoledok::document::{Kind, Locale, Status};
use skoledok::validate::{self, Code};

use crate::extremes::shortest;
use crate::support::{ENGINE, national_identity_number, sample};

/// Changes a final sample at a pointer and tells what is then found, as `pointer code`.
fn found(kind: Kind, changes: &[(&str, Value)]) -> (Vec<String>, Vec<String>) {
    let mut body = sample(kind, Locale::Nb);
    for (pointer, value) in changes {
        set(&mut body, pointer, value.clone());
    }
    check(kind, body)
}

fn check(kind: Kind, body: Value) -> (Vec<String>, Vec<String>) {
    let checked = validate::check(kind, body, ENGINE.coverage());
    let tell = |findings: &[validate::Finding]| -> Vec<String> {
        findings.iter().map(|finding| format!("{} {}", finding.pointer, finding.code.name())).collect()
    };
    let violations = checked.outcome.err().unwrap_or_default();
    (tell(&violations), tell(&checked.warnings))
}

/// Sets a member, making objects on the way; `null` removes it.
fn set(body: &mut Value, pointer: &str, value: Value) {
    let (parent, name) = pointer.rsplit_once('/').expect("a pointer has a last part");
    if body.pointer(parent).is_none() {
        set(body, parent, json!({}));
    }
    match body.pointer_mut(parent).expect("the parent is there") {
        Value::Object(members) if value.is_null() => drop(members.shift_remove(name)),
        Value::Object(members) => drop(members.insert(name.to_owned(), value)),
        Value::Array(items) => match name.parse::<usize>() {
            Ok(index) if index < items.len() => items[index] = value,
            _ => items.push(value),
        },
        _ => panic!("{pointer} does not lead into an object or a list"),
    }
}

/// Writes every whole number with a decimal.
fn with_decimals(value: &mut Value) {
    match value {
        Value::Number(number) => *value = json!(number.as_f64()),
        Value::Array(items) => items.iter_mut().for_each(with_decimals),
        Value::Object(members) => members.values_mut().for_each(with_decimals),
        _ => {}
    }
}

#[test]
fn whole_numbers_may_have_a_decimal_that_is_zero() {
    for kind in Kind::ALL {
        let whole = sample(kind, Locale::Nb);
        let mut decimal = whole.clone();
        with_decimals(&mut decimal);
        assert_eq!(check(kind, decimal), check(kind, whole), "{}", kind.slug());
    }
}

type Case = (Kind, &'static [(&'static str, fn() -> Value)], &'static str);

#[test]
fn each_fault_is_found_at_its_place() {
    use Kind::{
        AnnualPlan, ConsentForm, CooperationAgreement, HomeSchoolGuide, MeetingSchedule, ParentLetter,
        SoveiActivityPlan,
    };
    let cases: &[Case] = &[
        // Shape.
        (ParentLetter, &[("/status", || Value::Null)], "/status missing"),
        (ParentLetter, &[("/colour", || json!("red"))], "/colour unknown_member"),
        (ParentLetter, &[("/school/name", || json!(3))], "/school/name wrong_type"),
        (ParentLetter, &[("/school", || json!([]))], "/school wrong_type"),
        (ParentLetter, &[("/locale", || json!("sv"))], "/locale unknown_value"),
        (ParentLetter, &[("/school/name", || json!(""))], "/school/name too_short"),
        (ParentLetter, &[("/school/name", || json!("å".repeat(121)))], "/school/name too_long"),
        (CooperationAgreement, &[("/ppt/adviser_names", || json!([]))], "/ppt/adviser_names too_few_items"),
        (
            CooperationAgreement,
            &[("/ppt/adviser_names", || json!(["A", "B", "C", "D", "E", "F"]))],
            "/ppt/adviser_names too_many_items",
        ),
        (ConsentForm, &[("/scope", || json!(["fravaer", "fravaer"]))], "/scope repeated_item"),
        (MeetingSchedule, &[("/meetings/0/duration_min", || json!(45))], "/meetings/0/duration_min out_of_range"),
        (ParentLetter, &[("/render_options/font_scale", || json!(1.6))], "/render_options/font_scale out_of_range"),
        (
            ParentLetter,
            &[("/archive_metadata/document_id", || json!("Ola Prøve"))],
            "/archive_metadata/document_id bad_form",
        ),
        (ParentLetter, &[("/document_date", || json!("23.10.23"))], "/document_date bad_date"),
        (ParentLetter, &[("/document_date", || json!("2027-02-29"))], "/document_date no_such_day"),
        (MeetingSchedule, &[("/meetings/0/start_time", || json!("8:30"))], "/meetings/0/start_time bad_time"),
        (ParentLetter, &[("/school_year", || json!("2026/27"))], "/school_year bad_school_year"),
        (AnnualPlan, &[("/school_year", || json!("2026/2028"))], "/school_year bad_school_year"),
        (ParentLetter, &[("/school/org_number", || json!("123456786"))], "/school/org_number bad_org_number"),
        (ParentLetter, &[("/school/email", || json!("post at example.no"))], "/school/email bad_email"),
        (ParentLetter, &[("/school/phone", || json!("ring oss"))], "/school/phone bad_phone"),
        (ParentLetter, &[("/school/website", || json!("http://example.no"))], "/school/website bad_url"),
        (
            HomeSchoolGuide,
            &[("/guide_links", || json!([{ "title": "A", "url": "javascript:alert(1)" }]))],
            "/guide_links/0/url bad_url",
        ),
        // Text.
        (ParentLetter, &[("/intro", || json!(" \n "))], "/intro empty_text"),
        (ParentLetter, &[("/intro", || json!("a\u{7}b"))], "/intro control_character"),
        (
            ParentLetter,
            &[("/intro", || json!(format!("Nummer {}", national_identity_number())))],
            "/intro national_identity_number",
        ),
        (
            CooperationAgreement,
            &[("/goals/0/what", || json!(national_identity_number()))],
            "/goals/0/what national_identity_number",
        ),
        (ParentLetter, &[("/intro", || json!("🎉"))], "/intro missing_glyph"),
        (
            CooperationAgreement,
            &[("/ppt/adviser_names/0", || json!("[Navn på PPT-rådgiver]"))],
            "/ppt/adviser_names/0 placeholder_in_final",
        ),
        (ParentLetter, &[("/body", || json!("| a |\n|---|\n\n> sitat"))], "/body unsupported_markdown"),
        (ParentLetter, &[("/body", || json!("[x](http://example.no)"))], "/body link_scheme"),
        (ParentLetter, &[("/body", || json!("ሰ".repeat(7_000)))], "/body too_large"),
        // Common meaning.
        (ParentLetter, &[("/kind", || json!("annual_plan"))], "/kind wrong_kind"),
        (ParentLetter, &[("/school", || Value::Null)], "/school required_by_status"),
        (ParentLetter, &[("/document_date", || Value::Null)], "/document_date required_by_status"),
        (ParentLetter, &[("/school/accent_color", || json!("#88CCEE"))], "/school/accent_color low_contrast"),
        (
            ParentLetter,
            &[("/school/logo", || json!({ "media_type": "image/png", "data": "AAAA" }))],
            "/school/logo/data bad_logo",
        ),
        (
            ParentLetter,
            &[(
                "/school/logo",
                || json!({ "media_type": "image/svg+xml", "data": "PHN2ZyB4bWxucz0iaHR0cDovL3d3dy53My5vcmcvMjAwMC9zdmciPjx0ZXh0PkE8L3RleHQ+PC9zdmc+" }),
            )],
            "/school/logo/data unsafe_logo",
        ),
        (ParentLetter, &[("/school/address/postcode", || json!("99991"))], "/school/address/postcode bad_postcode"),
        // Agreement.
        (
            CooperationAgreement,
            &[("/valid_from", || json!("2027-06-01")), ("/valid_to", || json!("2026-08-01"))],
            "/valid_to end_before_start",
        ),
        (
            CooperationAgreement,
            &[("/annual_evaluation_date", || json!("2027-08-02"))],
            "/annual_evaluation_date outside_school_year",
        ),
        (CooperationAgreement, &[("/goals", || json!([]))], "/goals required_by_status"),
        (
            CooperationAgreement,
            &[("/goals/0/period", || json!({ "from": "2026-09-01", "to": "2026-08-20" }))],
            "/goals/0/period/to end_before_start",
        ),
        (CooperationAgreement, &[("/goals/0/period", || json!({}))], "/goals/0/period needs_one_of"),
        (
            CooperationAgreement,
            &[("/goals/0/who", || json!([{ "phone": "22 00 00 00" }]))],
            "/goals/0/who/0 needs_one_of",
        ),
        (
            CooperationAgreement,
            &[("/organisation", || json!([{ "when": "ukentlig" }]))],
            "/organisation/0 needs_one_of",
        ),
        (
            CooperationAgreement,
            &[("/organisation", || json!([{ "key": "presentations" }, { "key": "presentations" }]))],
            "/organisation/1/key repeated_key",
        ),
        (
            CooperationAgreement,
            &[(
                "/signatories",
                || json!([{ "party": "ppt", "name": "B" }, { "party": "school", "role": "teacher", "name": "A" }]),
            )],
            "/signatories signatory_missing",
        ),
        // Meetings.
        (MeetingSchedule, &[("/meetings/1/key", || json!("theme1"))], "/meetings wrong_meetings"),
        (MeetingSchedule, &[("/meetings/1/date", || json!("2026-09-01"))], "/meetings/1/date not_rising"),
        (MeetingSchedule, &[("/meetings/4/date", || json!("2027-09-01"))], "/meetings/4/date outside_school_year"),
        (MeetingSchedule, &[("/meetings/4/date", || Value::Null)], "/meetings/4/date required_by_status"),
        (MeetingSchedule, &[("/meeting_leader", || Value::Null)], "/meeting_leader required_by_status"),
        (
            MeetingSchedule,
            &[("/required_participants/contact_teachers", || json!([]))],
            "/required_participants/contact_teachers required_by_status",
        ),
        (
            MeetingSchedule,
            &[(
                "/school_calendar",
                || json!([{ "title": "Ferie", "date": "2026-10-05", "from": "2026-10-05", "to": "2026-10-09" }]),
            )],
            "/school_calendar/0 only_one_of",
        ),
        // Annual plan.
        (
            AnnualPlan,
            &[("/entries", || json!([{ "id": "a", "title": "T", "category": "other" }]))],
            "/entries/0 needs_one_of",
        ),
        (
            AnnualPlan,
            &[(
                "/entries",
                || json!([{ "id": "a", "title": "T", "category": "other", "month": 8, "date": "2026-08-20" }]),
            )],
            "/entries/0 only_one_of",
        ),
        (
            AnnualPlan,
            &[("/entries", || json!([{ "id": "a", "title": "T", "category": "other", "start": "2026-08-20" }]))],
            "/entries/0/start needs_also",
        ),
        (
            AnnualPlan,
            &[("/entries", || json!([{ "id": "a", "title": "T", "category": "other", "week": 53, "iso_year": 2027 }]))],
            "/entries/0/week no_such_week",
        ),
        (
            AnnualPlan,
            &[("/entries", || json!([{ "id": "a", "title": "T", "category": "other", "week": 40, "iso_year": 2027 }]))],
            "/entries/0/week outside_school_year",
        ),
        (
            AnnualPlan,
            &[(
                "/entries",
                || json!([{ "id": "a", "title": "T", "category": "other", "date": "2026-08-20", "start_time": "10:00", "end_time": "09:00" }]),
            )],
            "/entries/0/end_time end_before_start",
        ),
        (
            AnnualPlan,
            &[(
                "/entries",
                || json!([{ "id": "a", "title": "T", "category": "other", "month": 8 }, { "id": "a", "title": "U", "category": "other", "month": 9 }]),
            )],
            "/entries/1/id repeated_key",
        ),
        (AnnualPlan, &[("/version", || Value::Null)], "/version required_by_status"),
        (AnnualPlan, &[("/entries", || json!([]))], "/entries required_by_status"),
        // Letter.
        (ParentLetter, &[("/locale", || json!("uk")), ("/title", || json!("Лист"))], "/body locale_needs_text"),
        (
            ParentLetter,
            &[
                ("/intro", || json!("Ord")),
                ("/recipients", || json!([{ "recipient_key": "r", "names": ["A"], "locale": "en" }])),
            ],
            "/recipients/0/locale locale_mismatch",
        ),
        (
            ParentLetter,
            &[(
                "/recipients",
                || json!([{ "recipient_key": "a", "names": ["A"] }, { "recipient_key": "b", "names": ["B"] }]),
            )],
            "/recipients too_many_items",
        ),
        // Consent.
        (ConsentForm, &[("/effective_from", || json!("2020-01-01"))], "/effective_from before_eighteen"),
        (ConsentForm, &[("/contacts", || json!([]))], "/contacts required_by_status"),
        (ConsentForm, &[("/scope", || json!(["annet"])), ("/scope_other", || Value::Null)], "/scope/0 needs_also"),
        (ConsentForm, &[("/signature", || Value::Null)], "/signature required_by_status"),
        // SoVei.
        (SoveiActivityPlan, &[("/modules/2/number", || json!(2))], "/modules wrong_modules"),
        (
            SoveiActivityPlan,
            &[("/modules/0/components", || json!([{ "number": 1, "title": "A" }, { "number": 1, "title": "B" }]))],
            "/modules/0/components/1/number repeated_key",
        ),
        (SoveiActivityPlan, &[("/responsible", || json!([]))], "/responsible required_by_status"),
    ];
    let mut seen = BTreeSet::new();
    for (kind, changes, expected) in cases {
        let changes: Vec<(&str, Value)> = changes.iter().map(|(pointer, value)| (*pointer, value())).collect();
        let (violations, _) = found(*kind, &changes);
        assert!(
            violations.contains(&(*expected).to_owned()),
            "{}: {expected} is not among {violations:#?}",
            kind.slug()
        );
        assert!(violations.len() <= 2, "{}: {expected} brings others: {violations:#?}", kind.slug());
        seen.insert(expected.split(' ').next_back().unwrap_or_default().to_owned());
    }
    let all_off = json!({ "contact": false, "internal_discussion": false, "cooperation_meeting": false,
        "resource_team": false, "interdisciplinary_meeting": false, "responsibility_group": false });
    let (violations, _) = found(ParentLetter, &[("/intro", Value::Null), ("/forms", all_off)]);
    assert_eq!(violations, ["/forms nothing_to_say"]);
    seen.insert("nothing_to_say".into());
    let warnings = [
        "weekend",
        "public_holiday",
        "school_day_off",
        "out_of_season",
        "no_note_taker",
        "many_pages",
        "large_file",
        "narrow_margin",
        "unusual_reference",
        "unusual_level",
        "no_norwegian_version",
        "address_not_printed",
    ];
    // Of mailings; cases for each of them are in `mailing.rs`.
    let of_mailings = [
        "bad_template",
        "missing_field",
        "wrong_field",
        "reserved_field",
        "repeated_entry_key",
        "follows_faulty",
        "unreadable_entry",
        "unreadable_row",
    ];
    // `invalid` is what is said if schema and types should disagree; nothing brings it about.
    let missing: Vec<_> = Code::ALL
        .iter()
        .map(|code| code.name())
        .filter(|name| !seen.contains(*name) && !warnings.contains(name) && !of_mailings.contains(name))
        .filter(|name| *name != "invalid")
        .collect();
    assert!(missing.is_empty(), "no case for {missing:?}");
}

#[test]
fn each_warning_stands_beside_success() {
    let letter = Kind::ParentLetter;
    let meetings = Kind::MeetingSchedule;
    let cases: &[(Kind, &[(&str, Value)], &str)] = &[
        (meetings, &[("/meetings/0/date", json!("2026-09-05"))], "/meetings/0/date weekend"),
        (meetings, &[("/meetings/4/date", json!("2027-03-25"))], "/meetings/4/date public_holiday"),
        (
            meetings,
            &[
                ("/meetings/1/date", json!("2026-10-08")),
                ("/school_calendar", json!([{ "title": "Høstferie", "from": "2026-10-05", "to": "2026-10-09" }])),
            ],
            "/meetings/1/date school_day_off",
        ),
        (meetings, &[("/meetings/0/date", json!("2026-08-25"))], "/meetings/0/date out_of_season"),
        (meetings, &[("/note_taker", Value::Null)], "/note_taker no_note_taker"),
        (letter, &[("/render_options/margin_left_mm", json!(18.5))], "/render_options/margin_left_mm narrow_margin"),
        (letter, &[("/reference/our", json!("sak nr. 5"))], "/reference/our unusual_reference"),
        (Kind::SoveiActivityPlan, &[("/school/level", json!("videregaende"))], "/school/level unusual_level"),
        (
            letter,
            &[
                ("/locale", json!("so")),
                ("/title", json!("Warqad")),
                ("/body", json!("Waalid")),
                ("/subtitle", Value::Null),
                ("/norwegian_version", Value::Null),
            ],
            "/norwegian_version no_norwegian_version",
        ),
    ];
    for (kind, changes, expected) in cases {
        let (violations, warnings) = found(*kind, changes);
        assert!(violations.is_empty(), "{expected}: {violations:#?}");
        assert!(warnings.contains(&(*expected).to_owned()), "{expected} is not among {warnings:#?}");
    }
    let long = crate::extremes::longest(Kind::AnnualPlan, Locale::Nb, Status::Final);
    let report = skoledok::pipeline::report(&ENGINE, Kind::AnnualPlan, long).expect("the plan can be laid out");
    assert!(report.violations.is_empty());
    assert!(report.warnings.iter().any(|warning| warning.code == Code::ManyPages));
}

#[test]
fn samples_have_neither_faults_nor_warnings() {
    for kind in Kind::ALL {
        for locale in Locale::ALL {
            assert_eq!(check(kind, sample(kind, locale)), (vec![], vec![]), "{} {locale:?}", kind.slug());
        }
    }
}

#[test]
fn null_is_the_same_as_absent_for_optional_members() {
    let mut body = shortest(Kind::ParentLetter, Locale::Nb, Status::Final);
    for name in ["title", "school_owner", "reference", "contact", "archive_metadata", "render_options", "school_year"] {
        body[name] = Value::Null;
    }
    assert_eq!(check(Kind::ParentLetter, body), (vec![], vec![]));
}

#[test]
fn norwegian_dates_are_understood() {
    let mut body = sample(Kind::ParentLetter, Locale::Nb);
    body["document_date"] = json!("17.08.2026");
    assert_eq!(check(Kind::ParentLetter, body.clone()).0, Vec::<String>::new());
    let written = crate::support::pdf(Kind::ParentLetter, &body);
    body["document_date"] = json!("2026-08-17");
    assert!(written == crate::support::pdf(Kind::ParentLetter, &body), "one day, one document");
}

#[test]
fn a_fault_never_hides_another() {
    let mut body = sample(Kind::CooperationAgreement, Locale::Nb);
    body["school"] = json!({ "name": 5, "org_number": "123456786", "accent_color": "#FFFFFF", "x": 1 });
    body["goals"][0]["period"] = json!({ "from": "2029-01-01", "to": "nei" });
    body["signatories"] = json!("ingen");
    let (violations, _) = check(Kind::CooperationAgreement, body);
    for expected in [
        "/school/name wrong_type",
        "/school/org_number bad_org_number",
        "/school/accent_color low_contrast",
        "/school/x unknown_member",
        "/goals/0/period/from outside_school_year",
        "/goals/0/period/to bad_date",
        "/signatories wrong_type",
    ] {
        assert!(violations.contains(&expected.to_owned()), "{expected} is not among {violations:#?}");
    }
}

#[test]
fn what_is_not_an_object_is_a_fault_not_a_panic() {
    for body in [json!(null), json!([]), json!("x"), json!(3), json!({}), json!({ "status": {} })] {
        for kind in Kind::ALL {
            assert!(!check(kind, body.clone()).0.is_empty());
        }
    }
}
