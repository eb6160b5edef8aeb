//! What kinds there are, and their schemas and samples.

#![expect(clippy::unused_async, reason = "operations of poem-openapi are asynchronous")]

use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::types::Any;
use poem_openapi::{Enum, Object, OpenApi, Tags};
use serde_json::Value;

use super::failure::{Failure, OfLookup};
use super::problem::Problem;
use crate::document::{Kind, Language, Locale, schema};
use crate::template;
use crate::validate::read_json;

#[derive(Tags)]
enum Tag {
    /// What there is to make.
    Kinds,
}

/// A language of samples.
#[derive(Debug, Clone, Copy, Enum)]
#[oai(rename = "SampleLocale", rename_all = "snake_case")]
enum SampleLocale {
    /// Norwegian bokmål.
    Nb,
    /// Norwegian nynorsk.
    Nn,
    /// English.
    En,
}

/// A title in each language.
#[derive(Debug, Object)]
struct Titles {
    /// Norwegian bokmål.
    nb: String,
    /// Norwegian nynorsk.
    nn: String,
    /// English.
    en: String,
}

/// A kind of document.
#[derive(Debug, Object)]
#[oai(rename = "KindDescription")]
struct KindInfo {
    /// Name in JSON.
    kind: String,
    /// Name in URLs.
    slug: String,
    /// Title in each language.
    title: Titles,
    /// Languages that it can be printed in (BCP 47).
    languages: Vec<String>,
    /// Media types that it can be had in, the default first.
    formats: Vec<String>,
    /// Law that its sentences follow.
    law_version: String,
    /// Version of its template.
    template_version: String,
}

impl KindInfo {
    fn of(kind: Kind) -> Self {
        let manifest = template::manifest(kind);
        let title = |locale| manifest.title.get(&locale).cloned().unwrap_or_default();
        Self {
            kind: kind.name().to_owned(),
            slug: kind.slug().to_owned(),
            title: Titles { nb: title(Locale::Nb), nn: title(Locale::Nn), en: title(Locale::En) },
            languages: manifest.locales.iter().map(|language| Language::tag(*language).to_owned()).collect(),
            formats: manifest.formats.iter().map(|format| format.media_type().to_owned()).collect(),
            law_version: manifest.law_version.clone(),
            template_version: manifest.version.clone(),
        }
    }
}

/// All kinds.
#[derive(Debug, Object)]
struct Kinds {
    /// Each of them.
    kinds: Vec<KindInfo>,
}

/// The operations on kinds.
pub(super) struct KindApi;

fn find(slug: &str) -> Result<Kind, Problem> {
    Kind::from_slug(slug).ok_or_else(Problem::unknown_kind)
}

#[OpenApi(prefix_path = "/v1/kinds", tag = "Tag::Kinds")]
impl KindApi {
    /// Lists the kinds of document.
    #[oai(path = "/", method = "get", operation_id = "list_kinds")]
    async fn list(&self) -> Json<Kinds> {
        Json(Kinds { kinds: Kind::ALL.into_iter().map(KindInfo::of).collect() })
    }

    /// Tells of one kind.
    #[oai(path = "/:kind", method = "get", operation_id = "get_kind")]
    async fn get(
        &self,
        /// Name of the kind in URLs.
        kind: Path<String>,
    ) -> Result<Json<KindInfo>, Failure<OfLookup>> {
        Ok(Json(KindInfo::of(find(&kind)?)))
    }

    /// The JSON Schema (2020-12) of a kind.
    #[oai(path = "/:kind/schema", method = "get", operation_id = "get_schema")]
    async fn schema(
        &self,
        /// Name of the kind in URLs.
        kind: Path<String>,
    ) -> Result<Json<Any<Value>>, Failure<OfLookup>> {
        Ok(Json(Any(schema::json_schema(find(&kind)?))))
    }

    /// A sample body that renders.
    #[oai(path = "/:kind/sample", method = "get", operation_id = "get_sample")]
    async fn sample(
        &self,
        /// Name of the kind in URLs.
        kind: Path<String>,
        /// Language of the sample; default `nb`.
        locale: Query<Option<SampleLocale>>,
    ) -> Result<Json<Any<Value>>, Failure<OfLookup>> {
        let locale = match locale.0 {
            None | Some(SampleLocale::Nb) => Locale::Nb,
            Some(SampleLocale::Nn) => Locale::Nn,
            Some(SampleLocale::En) => Locale::En,
        };
        let text = template::sample(find(&kind)?, locale);
        let body = read_json(text.as_bytes()).map_err(|error| Problem::unreadable(&error))?;
        Ok(Json(Any(body)))
    }
}
