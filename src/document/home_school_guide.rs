//! The guide to cooperation between home and school.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Cell, Common, GuideLink, Locale, Short};

/// Which schools the guide is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GuideVariant {
    /// Primary and lower secondary school.
    Grunnskole,
    /// Upper secondary school.
    Videregaende,
    /// Both, one after the other.
    Begge,
}

/// Guide to cooperation between home and school.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct HomeSchoolGuide {
    /// Language of the document.
    #[serde(default)]
    pub locale: Locale,
    /// The members that all kinds have.
    #[serde(flatten)]
    pub common: Common,
    /// Which schools it is for.
    pub variant: GuideVariant,
    /// Whom to contact when; replaces the fixed list.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    pub contact_paths: Vec<Cell>,
    /// External partners; replaces the fixed seven.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    pub external_partners: Vec<Short>,
    /// Further ways to contribute, after the fixed ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    pub contribution_items: Vec<Cell>,
    /// Further ways to have a say, after the fixed ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    pub influence_items: Vec<Cell>,
    /// Further things to expect, after the fixed ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    pub expectation_items: Vec<Cell>,
    /// Whether the school has a school-environment committee (SMU); default true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub include_smu: Option<bool>,
    /// Whether the school has a governing body; default true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub include_governing_body: Option<bool>,
    /// Whether the part for upper secondary school tells about consent; default true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub show_consent_section: Option<bool>,
    /// Guides to read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub guide_links: Vec<GuideLink>,
    /// Useful web pages; their heading is printed when there is one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    pub useful_links: Vec<GuideLink>,
}
