//! The languages that documents are written in.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A language with a full set of fixed sentences.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Locale {
    /// Norwegian bokmål.
    #[default]
    Nb,
    /// Norwegian nynorsk.
    Nn,
    /// English.
    En,
}

impl Locale {
    /// All of them, bokmål first.
    pub const ALL: [Self; 3] = [Self::Nb, Self::Nn, Self::En];

    /// The BCP 47 tag.
    #[must_use]
    pub fn tag(self) -> &'static str {
        Language::from(self).tag()
    }

    /// Reads the tag `nb`, `nn` or `en`.
    #[must_use]
    pub fn parse(tag: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|locale| locale.tag() == tag)
    }
}

/// A language that a letter of the caller's own words may be written in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    /// Norwegian bokmål.
    #[default]
    Nb,
    /// Norwegian nynorsk.
    Nn,
    /// English.
    En,
    /// North Sami.
    Se,
    /// Polish.
    Pl,
    /// Ukrainian.
    Uk,
    /// Arabic, written from right to left.
    Ar,
    /// Somali.
    So,
    /// Tigrinya.
    Ti,
    /// Urdu, written from right to left.
    Ur,
    /// Persian, written from right to left.
    Fa,
    /// Turkish.
    Tr,
    /// Vietnamese.
    Vi,
    /// Tamil.
    Ta,
}

impl Language {
    /// The BCP 47 tag.
    #[must_use]
    pub fn tag(self) -> &'static str {
        match self {
            Self::Nb => "nb",
            Self::Nn => "nn",
            Self::En => "en",
            Self::Se => "se",
            Self::Pl => "pl",
            Self::Uk => "uk",
            Self::Ar => "ar",
            Self::So => "so",
            Self::Ti => "ti",
            Self::Ur => "ur",
            Self::Fa => "fa",
            Self::Tr => "tr",
            Self::Vi => "vi",
            Self::Ta => "ta",
        }
    }

    /// The same language among those with fixed sentences of our own, if it is one.
    #[must_use]
    pub fn locale(self) -> Option<Locale> {
        match self {
            Self::Nb => Some(Locale::Nb),
            Self::Nn => Some(Locale::Nn),
            Self::En => Some(Locale::En),
            _ => None,
        }
    }
}

impl From<Locale> for Language {
    fn from(locale: Locale) -> Self {
        match locale {
            Locale::Nb => Self::Nb,
            Locale::Nn => Self::Nn,
            Locale::En => Self::En,
        }
    }
}
