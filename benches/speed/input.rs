//! Letters and agreements, each unlike the others.

use serde_json::{Value, json};
use skoledok::document::{Kind, Locale};
use skoledok::template;

/// Bodies of one kind: the sample, with a name, an address and a child of their own.
pub struct Bodies {
    pub kind: Kind,
    before: Vec<String>,
}

/// Where the number of a body goes.
const MARK: &str = "4711471147";

impl Bodies {
    pub fn of(name: &str) -> Self {
        let kind = match name {
            "letter" => Kind::ParentLetter,
            "agreement" => Kind::CooperationAgreement,
            "mailed" => return Self::new(Kind::ParentLetter, &mailed()),
            other => panic!("`{other}` is neither `letter`, `agreement` nor `mailed`"),
        };
        let mut body: Value = serde_json::from_str(template::sample(kind, Locale::Nb)).expect("a sample is JSON");
        if kind == Kind::ParentLetter {
            body["recipients"] = json!([{
                "recipient_key": format!("r{MARK}"),
                "names": [format!("Kari Eksempel {MARK}"), format!("Ola Prøve {MARK}")],
                "postal_address": { "line1": format!("Prøvestien {MARK}"), "postcode": "9999", "city": "Fjordvik" },
                "pupil_first_name": format!("Nora {MARK}"),
                "class": "5B"
            }]);
        } else {
            body["school"]["name"] = json!(format!("Fjordvik skole {MARK}"));
            body["school"]["address"]["line1"] = json!(format!("Eksempelveien {MARK}"));
        }
        Self::new(kind, &body)
    }

    fn new(kind: Kind, body: &Value) -> Self {
        let text = body.to_string();
        assert!(text.contains(MARK));
        Self { kind, before: text.split(MARK).map(str::to_owned).collect() }
    }

    /// The body of a number, as JSON.
    pub fn body(&self, number: usize) -> String {
        self.before.join(&number.to_string())
    }
}

fn school() -> Value {
    json!({ "name": "Fjordvik skole", "address": { "line1": "Skoleveien 1", "postcode": "9999", "city": "Fjordvik" } })
}

/// A letter as [`mailing`] has it become for one of [`pupil`].
fn mailed() -> Value {
    json!({
        "status": "final", "document_date": "2026-11-20", "school": school(),
        "title": "Tur for 8A",
        "body": format!("Hei Foresatt Prøve{MARK}!\n\n**Test{MARK}** skal på tur.\n\nHilsen Fjordvik skole"),
        "contact": { "email": "post@fjordvik.example" },
        "recipients": [{
            "recipient_key": format!("e{MARK}"), "names": [format!("Foresatt Prøve{MARK}")],
            "postal_address": { "line1": format!("Prøveveien {MARK}"), "postcode": "9999", "city": "Fjordvik" },
            "pupil_first_name": format!("Test{MARK}"), "class": "8A"
        }],
    })
}

/// A letter of one page to many.
pub fn mailing() -> Value {
    json!({ "on_invalid": "skip", "letter": {
        "status": "final", "document_date": "2026-11-20", "school": school(),
        "title": "Tur for {{pupil.class}}",
        "body": "Hei {{list recipient.names}}!\n\n**{{pupil.first_name}}** skal på tur.\n\nHilsen {{school.name}}",
        "contact": { "email": "post@fjordvik.example" },
    }})
}

/// One of those who get it.
pub fn pupil(number: usize) -> Value {
    json!({
        "key": format!("e{number}"), "first_name": format!("Test{number}"), "class": "8A",
        "guardians": [{
            "name": format!("Foresatt Prøve{number}"),
            "address": { "line1": format!("Prøveveien {number}"), "postcode": "9999", "city": "Fjordvik" }
        }]
    })
}
