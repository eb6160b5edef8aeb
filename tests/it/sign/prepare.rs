//! Fields are made of marks.

use skoledok::sign::field::{FieldError, FieldName, Place, fields, prepare};
use skoledok::sign::file::{File, FileError};

use super::{field, kept, marked, plain, signable, unprepared};
use crate::support::{assert_standards, output_folder};

#[test]
fn marks_become_fields() {
    let folder = output_folder("sign-prepared");
    let mut files = Vec::new();
    for count in [1, 2, 5] {
        let bytes = unprepared(&signable(count));
        let prepared = prepare(&bytes, &marked(count)).expect("it can be prepared");
        assert_eq!(prepare(&bytes, &marked(count)).expect("it can be prepared"), prepared);
        assert!(prepared.starts_with(&bytes));
        let found = fields(&File::read(&prepared).expect("it is read")).expect("there are fields");
        assert_eq!(found.len(), count);
        for (index, field) in found.iter().enumerate() {
            assert_eq!(field.name, format!("sig-{}", index + 1));
            assert!(field.page.is_some());
            let [left, bottom, right, top] = field.rect.expect("it is to be seen");
            assert!(right - left >= 220.0 && (top - bottom - 69.0).abs() < 0.01, "{field:?}");
            assert_eq!(field.label.as_deref(), Some(format!("Underskrift, rektør (sig-{})", index + 1).as_str()));
            assert!(!field.is_signed());
        }
        files.push(kept(&folder, &format!("{count}.pdf"), &prepared));
    }
    let hidden =
        prepare(&plain(), &[field("a", Place::Invisible), field("b", Place::Invisible)]).expect("it can be prepared");
    let found = fields(&File::read(&hidden).expect("it is read")).expect("there are fields");
    assert!(found.iter().all(|field| field.rect.is_none() && field.page.is_some()));
    files.push(kept(&folder, "invisible.pdf", &hidden));
    assert_standards(&files);
}

#[test]
fn what_is_rendered_to_be_signed_has_fields_that_tell_who_signs() {
    let rendered = signable(2);
    let found = fields(&File::read(&rendered).expect("it is read")).expect("there are fields");
    let labels: Vec<_> = found.iter().filter_map(|field| field.label.as_deref()).collect();
    assert_eq!(labels.len(), 2);
    for (label, name) in labels.iter().zip(["Kari Eksempel", "Per Utkast"]) {
        assert!(label.starts_with("Underskrift: ") && label.contains(name), "{label}");
    }
}

#[test]
fn a_field_needs_its_mark_and_no_mark_remains() {
    let two = unprepared(&signable(2));
    let name = |name: &str| field(name, Place::Marked).name;
    assert_eq!(prepare(&two, &marked(1)), Err(FieldError::Leftover));
    assert_eq!(prepare(&two, &[]), Err(FieldError::Leftover));
    assert_eq!(prepare(&two, &marked(3)), Err(FieldError::Missing(name("sig-3"))));
    let twice = [field("sig-1", Place::Marked), field("sig-1", Place::Marked)];
    assert_eq!(prepare(&two, &twice), Err(FieldError::Exists(name("sig-1"))));
    let prepared = prepare(&two, &marked(2)).expect("it can be prepared");
    assert_eq!(prepare(&prepared, &marked(1)), Err(FieldError::Exists(name("sig-1"))));
    let mut doubled = two.clone();
    let at = two.windows(18).position(|window| window == b"felt.invalid/sig-2").expect("the mark is there");
    doubled[at + 17] = b'1';
    assert_eq!(prepare(&doubled, &marked(1)), Err(FieldError::Twice(name("sig-1"))));
    assert_eq!(
        prepare(b"%PDF-1.7", &marked(1)),
        Err(FieldError::File(FileError::References("there is no `startxref` at the end")))
    );
    for bad in ["", "a.b", "æ", "a b", &"a".repeat(65)] {
        assert_eq!(FieldName::parse(bad), Err(FieldError::Name));
    }
}
