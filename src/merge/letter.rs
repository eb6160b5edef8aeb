//! A letter to many: its words in each language, and the one letter of a recipient made of it.

use std::collections::BTreeMap;

use handlebars::Context;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::fields::{Fields, Form, MergeFault, TemplateFault};
use crate::document::{Date, Language, Locale, Mailing};

/// The members of a letter that hold its own words.
const WORDS: [&str; 5] = ["title", "subtitle", "intro", "closing", "body"];
/// The fields that are there for every recipient, whatever the letter is about.
const COMMON: [&str; 2] = ["recipient", "school"];

/// One letter that is to be made of a mailing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Draft {
    /// Language.
    pub language: Language,
    /// The recipient, as a letter has it.
    pub recipient: Value,
    /// Merge fields.
    pub data: Value,
    /// Where in the caller's entry the parts of the recipient stand, by their pointers in the letter.
    pub places: Vec<(String, String)>,
}

/// A letter to many.
#[derive(Debug)]
pub struct LetterToMany {
    /// The letter of the mailing, without recipients.
    given: Map<String, Value>,
    /// What of it does not depend on language or recipient.
    base: Map<String, Value>,
    wordings: BTreeMap<Language, Wording>,
    own: Language,
    /// Whether a translation is given for that language as well.
    own_again: bool,
    fallback: Language,
}

/// The words of a letter in one language.
#[derive(Debug, Default)]
struct Wording {
    words: Vec<(&'static str, Source)>,
    /// Title and body of the Norwegian version.
    norwegian: Option<[Source; 2]>,
}

/// A text with the place where it stands in the mailing.
#[derive(Debug, Clone)]
struct Source {
    pointer: String,
    fields: std::sync::Arc<Fields>,
}

/// What is wrong at a place of the mailing.
pub type Faults<T> = Vec<(String, T)>;

/// What has to be known of a letter to tell who gets it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LetterFacts {
    /// Languages that it is given in.
    pub languages: Vec<Language>,
    /// Language for who reads another.
    pub fallback: Language,
    /// Language for who has none.
    pub own: Language,
    /// Whether its words name the pupil, or something that is known of the pupil alone.
    pub names_pupil: bool,
    /// Its date.
    pub date: Option<Date>,
    /// Name of the school.
    pub school: Option<String>,
}

impl LetterToMany {
    /// Reads the templates of a mailing.
    ///
    /// # Errors
    /// All templates that can not be read, with their places in the mailing.
    pub fn parse(mailing: &Mailing) -> Result<Self, Faults<TemplateFault>> {
        let mut faults = Vec::new();
        let own = own_language(mailing);
        let mut own_again = false;
        let mut wordings = BTreeMap::new();
        wordings.insert(own, wording(&mailing.letter, "/letter", &mut faults));
        for (language, translation) in &mailing.translations {
            let members = serde_json::to_value(translation).ok().and_then(|value| value.as_object().cloned());
            let pointer = format!("/translations/{}", language.tag());
            let words = wording(&members.unwrap_or_default(), &pointer, &mut faults);
            if *language == own && wordings.get(&own).is_some_and(|wording| !wording.words.is_empty()) {
                own_again = true;
            } else {
                wordings.insert(*language, words);
            }
        }
        if wordings.get(&own).is_some_and(|wording| wording.words.is_empty()) {
            // The fixed sentences are there in three languages.
            for locale in Locale::ALL {
                wordings.entry(locale.into()).or_default();
            }
        }
        add_norwegian(&mut wordings);
        let mut given = mailing.letter.clone();
        given.shift_remove("recipients");
        let mut base = given.clone();
        for name in WORDS.into_iter().chain(["locale", "norwegian_version"]) {
            base.shift_remove(name);
        }
        let fallback = mailing.fallback_locale.unwrap_or(own);
        if faults.is_empty() { Ok(Self { given, base, wordings, own, own_again, fallback }) } else { Err(faults) }
    }

    /// The language in which it is given twice, by its own words and by a translation, if there is one.
    #[must_use]
    pub fn given_twice(&self) -> Option<Language> {
        self.own_again.then_some(self.own)
    }

    /// What has to be known of it to tell who gets it.
    #[must_use]
    pub fn facts(&self) -> LetterFacts {
        let sources = self.wordings.values().flat_map(|wording| {
            wording.words.iter().map(|(_, source)| source).chain(wording.norwegian.iter().flatten())
        });
        let names_pupil = sources.flat_map(|source| source.fields.roots()).any(|root| !COMMON.contains(&root));
        let text = |pointer: &[&str]| {
            let (first, rest) = pointer.split_first()?;
            rest.iter().try_fold(self.base.get(*first)?, |value, name| value.get(*name))?.as_str()
        };
        LetterFacts {
            languages: self.wordings.keys().copied().collect(),
            fallback: self.fallback,
            own: self.own,
            names_pupil,
            date: text(&["document_date"]).and_then(|date| Date::parse(date).ok()),
            school: text(&["school", "name"]).map(str::to_owned),
        }
    }

    /// The letter in a language, without a recipient, as far as it can be had without merging: texts with merge fields are left
    /// out, but for a word in place of the body. What is wrong with it is wrong for everybody.
    #[must_use]
    pub fn specimen(&self, language: Language) -> Value {
        let mut body = self.base.clone();
        body.insert("locale".to_owned(), language.tag().into());
        let nothing = Context::null();
        for (name, source) in self.wordings.get(&language).into_iter().flat_map(|wording| &wording.words) {
            let text = source.fields.fill(&nothing, language).unwrap_or_else(|_| "…".to_owned());
            body.insert((*name).to_owned(), text.into());
        }
        body.into()
    }

    /// The letter of a recipient, as a body that is still to be checked.
    ///
    /// # Errors
    /// All fields that can not be put in, with the places of the texts that ask for them.
    pub fn compose(&self, draft: &Draft) -> Result<Value, Faults<MergeFault>> {
        let data = Context::from(draft.data.clone());
        let mut faults = Vec::new();
        let mut body = self.base.clone();
        body.insert("locale".to_owned(), draft.language.tag().into());
        let mut fill = |source: &Source, language| match source.fields.fill(&data, language) {
            Ok(text) => Some(Value::from(text)),
            Err(fault) => {
                faults.push((source.pointer.clone(), fault));
                None
            }
        };
        if let Some(wording) = self.wordings.get(&draft.language) {
            for (name, source) in &wording.words {
                body.extend(fill(source, draft.language).map(|text| ((*name).to_owned(), text)));
            }
            if let Some([title, text]) = &wording.norwegian {
                let version = [("title", title), ("body", text)];
                let version: Map<String, Value> = version
                    .into_iter()
                    .filter_map(|(name, source)| Some((name.to_owned(), fill(source, Language::Nb)?)))
                    .collect();
                body.insert("norwegian_version".to_owned(), version.into());
            }
        }
        body.insert("recipients".to_owned(), vec![draft.recipient.clone()].into());
        if faults.is_empty() { Ok(body.into()) } else { Err(faults) }
    }

    /// The place in the mailing, or in the entry, of a place in a letter that was composed.
    #[must_use]
    pub fn place(&self, language: Language, places: &[(String, String)], pointer: &str) -> String {
        let moved = places.iter().find_map(|(from, to)| {
            let rest = pointer.strip_prefix(from.as_str())?;
            (rest.is_empty() || rest.starts_with('/')).then(|| format!("{to}{rest}"))
        });
        if let Some(place) = moved {
            return place;
        }
        let name = pointer.split('/').nth(1).unwrap_or_default();
        let wording = self.wordings.get(&language);
        let source = wording.and_then(|wording| wording.words.iter().find(|(word, _)| *word == name));
        match (source, wording.and_then(|wording| wording.norwegian.as_ref())) {
            (Some((_, source)), _) => source.pointer.clone(),
            (None, Some([title, body])) if name == "norwegian_version" => {
                if pointer.ends_with("/title") {
                    title.pointer.clone()
                } else {
                    body.pointer.clone()
                }
            }
            _ if language != self.own && WORDS.contains(&name) => format!("/translations/{}{pointer}", language.tag()),
            _ => format!("/letter{pointer}"),
        }
    }

    /// The letter as it was given, without its recipients, and the places in it whose texts are templates: what is wrong there shows when
    /// they are filled.
    #[must_use]
    pub fn given(&self) -> (&Map<String, Value>, Vec<String>) {
        let is_text = |name: &str| self.given.get(name).is_some_and(Value::is_string);
        let texts = WORDS.into_iter().filter(|name| is_text(name));
        let mut templates: Vec<String> = texts.map(|name| format!("/{name}")).collect();
        templates.extend(["/norwegian_version/title", "/norwegian_version/body"].map(str::to_owned));
        (&self.given, templates)
    }
}

fn own_language(mailing: &Mailing) -> Language {
    let tag = mailing.letter.get("locale");
    tag.and_then(|tag| serde_json::from_value(tag.clone()).ok()).unwrap_or_default()
}

fn wording(members: &Map<String, Value>, pointer: &str, faults: &mut Faults<TemplateFault>) -> Wording {
    let mut read = |name: &str, members: &Map<String, Value>, form, pointer: &str| {
        let text = members.get(name)?.as_str()?;
        let pointer = format!("{pointer}/{name}");
        match Fields::parse(text, form) {
            Ok(fields) => Some(Source { pointer, fields: fields.into() }),
            Err(found) => {
                faults.extend(found.into_iter().map(|fault| (pointer.clone(), fault)));
                None
            }
        }
    };
    let form = |name| if name == "body" { Form::Markdown } else { Form::Plain };
    let words = WORDS
        .into_iter()
        .filter_map(|name| read(name, members, form(name), pointer).map(|source| (name, source)))
        .collect();
    let norwegian = members.get("norwegian_version").and_then(Value::as_object).and_then(|version| {
        let pointer = format!("{pointer}/norwegian_version");
        let title = read("title", version, Form::Plain, &pointer);
        let body = read("body", version, Form::Markdown, &pointer);
        title.zip(body).map(|(title, body)| [title, body])
    });
    Wording { words, norwegian }
}

/// A free letter in a language that is not ours goes out with its Norwegian version, where there is one.
fn add_norwegian(wordings: &mut BTreeMap<Language, Wording>) {
    let found = [Language::Nb, Language::Nn].into_iter().find_map(|language| {
        let words = &wordings.get(&language)?.words;
        let word = |wanted| words.iter().find(|(name, _)| *name == wanted).map(|(_, source)| source.clone());
        Some([word("title")?, word("body")?])
    });
    for (language, wording) in wordings.iter_mut() {
        if language.locale().is_none() && wording.norwegian.is_none() {
            wording.norwegian.clone_from(&found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn mailing(value: Value) -> Mailing {
        serde_json::from_value(value).expect("the mailing has its shape")
    }

    fn draft(language: Language) -> Draft {
        Draft {
            language,
            recipient: json!({"recipient_key": "a", "names": ["Testine Prøvesen"]}),
            data: json!({"pupil": {"first_name": "Ada"}, "dag": "2026-12-03"}),
            places: vec![("/recipients/0/names".to_owned(), "/guardians".to_owned())],
        }
    }

    #[test]
    fn a_letter_is_in_its_recipients_language_with_the_norwegian_version_behind_it() {
        let letter = LetterToMany::parse(&mailing(json!({
            "letter": {"status": "final", "title": "Tur {{date dag}}", "body": "Hei **{{pupil.first_name}}**"},
            "translations": {"pl": {"title": "Wycieczka {{date dag}}", "body": "Dzień dobry {{pupil.first_name}}"}},
        })))
        .expect("the templates can be read");
        assert!(letter.facts().names_pupil);
        let ours = letter.compose(&draft(Language::Nb)).expect("all fields are there");
        assert_eq!(ours["title"], "Tur 3. desember 2026");
        assert_eq!(ours["body"], "Hei **Ada**");
        let polish = letter.compose(&draft(Language::Pl)).expect("all fields are there");
        assert_eq!(polish["locale"], "pl");
        assert_eq!(polish["title"], "Wycieczka 03.12.2026");
        assert_eq!(polish["norwegian_version"], json!({"title": "Tur 3. desember 2026", "body": "Hei **Ada**"}));
        assert_eq!(polish["recipients"][0]["recipient_key"], "a");
    }

    #[test]
    fn fixed_sentences_are_there_in_three_languages() {
        let letter =
            LetterToMany::parse(&mailing(json!({"letter": {"status": "final"}}))).expect("there is no template");
        assert_eq!(letter.facts().languages, [Language::Nb, Language::Nn, Language::En]);
        assert!(!letter.facts().names_pupil);
        let free = LetterToMany::parse(&mailing(json!({"letter": {"locale": "nn", "body": "x"}}))).expect("a letter");
        assert_eq!(free.facts().languages, [Language::Nn]);
    }

    #[test]
    fn faults_name_the_text_they_are_in() {
        let refused = mailing(json!({
            "letter": {"title": "{{> a}}", "body": "\n{{{b}}}", "norwegian_version": {"title": "{{x", "body": "y"}},
            "translations": {"en": {"body": "{{lookup a b}}"}},
        }));
        let faults = LetterToMany::parse(&refused).expect_err("the templates are refused");
        let places: Vec<_> = faults.iter().map(|(pointer, fault)| (pointer.as_str(), fault.line)).collect();
        assert_eq!(
            places,
            [
                ("/letter/title", 1),
                ("/letter/body", 2),
                ("/letter/norwegian_version/title", 1),
                ("/translations/en/body", 1)
            ]
        );
        let letter = LetterToMany::parse(&mailing(json!({"letter": {"title": "{{a}}", "body": "{{b}} {{pupil.x}}"}})));
        let faults = letter.expect("they can be read").compose(&draft(Language::Nb)).expect_err("fields are missing");
        assert_eq!(
            faults.iter().map(|(pointer, _)| pointer.as_str()).collect::<Vec<_>>(),
            ["/letter/title", "/letter/body"]
        );
    }

    #[test]
    fn a_place_in_a_letter_is_one_in_the_mailing_or_the_entry() {
        let letter = LetterToMany::parse(&mailing(json!({
            "letter": {"title": "a", "body": "b"}, "translations": {"pl": {"title": "c", "body": "d"}},
        })))
        .expect("there is no template");
        for (language, pointer, place) in [
            (Language::Nb, "/recipients/0/names/1", "/guardians/1"),
            (Language::Nb, "/school/name", "/letter/school/name"),
            (Language::Pl, "/title", "/translations/pl/title"),
            (Language::Pl, "/norwegian_version/body", "/letter/body"),
            (Language::Nb, "/body", "/letter/body"),
        ] {
            assert_eq!(letter.place(language, &draft(language).places, pointer), place);
        }
    }
}
