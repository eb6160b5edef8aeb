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
            other => panic!("`{other}` is neither `letter` nor `agreement`"),
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
        let text = body.to_string();
        assert!(text.contains(MARK));
        Self { kind, before: text.split(MARK).map(str::to_owned).collect() }
    }

    /// The body of a number, as JSON.
    pub fn body(&self, number: usize) -> String {
        self.before.join(&number.to_string())
    }
}
