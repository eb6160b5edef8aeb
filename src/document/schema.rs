//! JSON Schemas of the kinds, made from the types.

use schemars::generate::SchemaSettings;
use schemars::transform::{AddNullable, RecursiveTransform, ReplaceConstValue, ReplacePrefixItems};
use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::{
    AnnualPlan, ConsentForm, CooperationAgreement, HomeSchoolGuide, Kind, Mailing, MailingPupil, MailingRecipient,
    MeetingSchedule, ParentLetter, SoveiActivityPlan,
};

/// Format of a day that exists. A value of the wrong shape is left to the pattern.
pub const FORMAT_DAY: &str = "calendar-day";
/// Format of an organisation number whose check digit is right.
pub const FORMAT_ORG_NUMBER: &str = "organisation-number";
/// Format of a school year whose second year follows the first.
pub const FORMAT_SCHOOL_YEAR: &str = "school-year";

/// The JSON Schema 2020-12 of a kind.
#[must_use]
pub fn json_schema(kind: Kind) -> Value {
    let settings = SchemaSettings::draft2020_12().with_transform(RecursiveTransform(collapse_enumerations));
    let mut generator = settings.into_generator();
    let mut schema = root(kind, &mut generator).to_value();
    if let Some(object) = schema.as_object_mut() {
        object.insert("$id".into(), json!(format!("urn:skoledok:schema:{}:1", kind.slug())));
    }
    schema
}

/// The JSON Schema 2020-12 of a type that is no kind.
pub(crate) fn json_schema_of<T: schemars::JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with_transform(RecursiveTransform(collapse_enumerations));
    settings.into_generator().into_root_schema_for::<T>().to_value()
}

/// The schemas of all kinds, of mailings, and of what they are made of, as components of an OpenAPI 3.0 document.
#[must_use]
pub fn openapi_components() -> Map<String, Value> {
    let mut generator = openapi_generator();
    for kind in Kind::ALL {
        subschema(kind, &mut generator);
    }
    generator.subschema_for::<Mailing>();
    generator.subschema_for::<MailingPupil>();
    generator.subschema_for::<MailingRecipient>();
    generator.take_definitions(true)
}

/// The schemas of a type of an answer and of what it is made of, as components of an OpenAPI 3.0 document.
pub(crate) fn openapi_components_of<T: schemars::JsonSchema>() -> Map<String, Value> {
    let mut generator = openapi_generator();
    generator.subschema_for::<T>();
    generator.take_definitions(true)
}

fn openapi_generator() -> SchemaGenerator {
    let mut settings = SchemaSettings::openapi3();
    settings.transforms.clear();
    let settings = settings
        .with_transform(RecursiveTransform(collapse_enumerations))
        .with_transform(RecursiveTransform(wrap_references))
        .with_transform(RecursiveTransform(drop_defaults_of_objects))
        .with_transform(ReplaceConstValue::default())
        .with_transform(ReplacePrefixItems::default())
        .with_transform(AddNullable::default())
        .with_transform(RecursiveTransform(examples_to_example));
    settings.into_generator()
}

fn root(kind: Kind, generator: &mut SchemaGenerator) -> Schema {
    match kind {
        Kind::CooperationAgreement => generator.root_schema_for::<CooperationAgreement>(),
        Kind::MeetingSchedule => generator.root_schema_for::<MeetingSchedule>(),
        Kind::AnnualPlan => generator.root_schema_for::<AnnualPlan>(),
        Kind::ParentLetter => generator.root_schema_for::<ParentLetter>(),
        Kind::HomeSchoolGuide => generator.root_schema_for::<HomeSchoolGuide>(),
        Kind::ConsentForm => generator.root_schema_for::<ConsentForm>(),
        Kind::SoveiActivityPlan => generator.root_schema_for::<SoveiActivityPlan>(),
    }
}

fn subschema(kind: Kind, generator: &mut SchemaGenerator) {
    match kind {
        Kind::CooperationAgreement => generator.subschema_for::<CooperationAgreement>(),
        Kind::MeetingSchedule => generator.subschema_for::<MeetingSchedule>(),
        Kind::AnnualPlan => generator.subschema_for::<AnnualPlan>(),
        Kind::ParentLetter => generator.subschema_for::<ParentLetter>(),
        Kind::HomeSchoolGuide => generator.subschema_for::<HomeSchoolGuide>(),
        Kind::ConsentForm => generator.subschema_for::<ConsentForm>(),
        Kind::SoveiActivityPlan => generator.subschema_for::<SoveiActivityPlan>(),
    };
}

/// Turns `oneOf` of documented constants into one `enum`, whose description tells each value.
/// Faults then read «must be one of», not «matches none of the alternatives».
fn collapse_enumerations(schema: &mut Schema) {
    let Some(object) = schema.as_object_mut() else { return };
    let Some(Value::Array(branches)) = object.get("oneOf") else { return };
    let mut values = Vec::new();
    let mut told = Vec::new();
    for branch in branches {
        let description = branch.get("description").and_then(Value::as_str);
        let constants = match (branch.get("const"), branch.get("enum")) {
            (Some(constant), _) => vec![constant.clone()],
            (None, Some(Value::Array(constants))) => constants.clone(),
            _ => return,
        };
        for constant in &constants {
            if let (Some(description), Some(name)) = (description, constant.as_str()) {
                told.push(format!("`{name}` {}", description.trim_end_matches('.')));
            }
        }
        values.extend(constants);
    }
    object.remove("oneOf");
    object.insert("type".into(), json!("string"));
    object.insert("enum".into(), Value::Array(values));
    if !told.is_empty() {
        let own = object.get("description").and_then(Value::as_str).unwrap_or_default();
        let text = format!("{own}\n\n{}.", told.join("; ")).trim().to_owned();
        object.insert("description".into(), json!(text));
    }
}

/// An object as the default of a member is more than generators of clients take; its own members have their defaults.
fn drop_defaults_of_objects(schema: &mut Schema) {
    if let Some(object) = schema.as_object_mut()
        && object.get("default").is_some_and(Value::is_object)
    {
        object.remove("default");
    }
}

/// OpenAPI 3.0 ignores what stands beside a `$ref` and has no null type: a reference with company is
/// wrapped in `allOf`, an optional one marked `nullable`.
fn wrap_references(schema: &mut Schema) {
    let Some(object) = schema.as_object_mut() else { return };
    let optional = match object.get("anyOf") {
        Some(Value::Array(branches)) => match branches.as_slice() {
            [one, null] if null.get("type") == Some(&json!("null")) => one.get("$ref").cloned(),
            _ => None,
        },
        _ => None,
    };
    if let Some(reference) = optional {
        object.remove("anyOf");
        object.insert("allOf".into(), json!([{ "$ref": reference }]));
        object.insert("nullable".into(), json!(true));
    } else if object.len() > 1
        && let Some(reference) = object.remove("$ref")
    {
        object.insert("allOf".into(), json!([{ "$ref": reference }]));
    }
}

/// OpenAPI 3.0 knows `example`, not `examples`, within a schema.
fn examples_to_example(schema: &mut Schema) {
    let Some(object) = schema.as_object_mut() else { return };
    if let Some(Value::Array(examples)) = object.remove("examples")
        && let Some(first) = examples.into_iter().next()
    {
        object.insert("example".into(), first);
    }
}
