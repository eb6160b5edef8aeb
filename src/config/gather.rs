//! Brings together the defaults, a file, variables and flags, each over the last.

use std::path::Path;

use toml::{Table, Value};
use zeroize::Zeroizing;

use super::{DEFAULTS, Flags};

/// What the names of variables begin with.
const PREFIX: &str = "SKOLEDOK__";

/// The defaults with a file, variables and flags over them, and what is wrong with these.
pub(super) fn gather(
    file: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
    flags: &Flags,
) -> (Table, Vec<String>) {
    let mut problems = Vec::new();
    let mut table = defaults();
    if let Some(path) = file {
        overlay_file(&mut table, path, &mut problems);
    }
    overlay_environment(&mut table, environment, &mut problems);
    if let Some(bind) = flags.bind {
        set(&mut table, "server", "bind", Value::String(bind.to_string()));
    }
    (table, problems)
}

#[expect(clippy::expect_used, reason = "the file is part of the program and a test reads it")]
pub(super) fn defaults() -> Table {
    DEFAULTS.parse().expect("default.toml is TOML")
}

fn overlay_file(table: &mut Table, path: &Path, problems: &mut Vec<String>) {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => Zeroizing::new(text),
        Err(error) => return problems.push(format!("can not read `{}`: {error}", path.display())),
    };
    let given: Table = match text.parse() {
        Ok(given) => given,
        // The library's own words would quote the line, which can hold a secret.
        Err(error) => {
            let error: toml::de::Error = error;
            let line = error.span().map_or(0, |span| text[..span.start.min(text.len())].lines().count().max(1));
            return problems.push(format!("`{}` is not TOML at line {line}: {}", path.display(), error.message()));
        }
    };
    for (section, members) in given {
        let Value::Table(members) = members else {
            problems.push(format!("`{section}` stands outside a section like `[render]`"));
            continue;
        };
        for (name, value) in members {
            match default_of(table, &section, &name) {
                Some(default) if default.same_type(&value) => set(table, &section, &name, value),
                Some(default) => problems.push(format!("`{section}.{name}` is {}", type_of(default))),
                None => problems.push(unknown(table, &format!("`{section}.{name}`"), &name)),
            }
        }
    }
}

fn overlay_environment(
    table: &mut Table,
    environment: impl IntoIterator<Item = (String, String)>,
    problems: &mut Vec<String>,
) {
    for (variable, text) in environment {
        let Some(path) = variable.strip_prefix(PREFIX) else { continue };
        let path = path.to_ascii_lowercase();
        let (section, name) = path.split_once("__").unwrap_or((path.as_str(), ""));
        let Some(default) = default_of(table, section, name) else {
            problems.push(unknown(table, &format!("the variable `{variable}`"), name));
            continue;
        };
        let value = match default {
            Value::Integer(_) => text.parse().ok().map(Value::Integer),
            Value::Boolean(_) => text.parse().ok().map(Value::Boolean),
            _ => Some(Value::String(text)),
        };
        match value {
            Some(value) => set(table, section, name, value),
            None => problems.push(format!("the variable `{variable}` is {}", type_of(default))),
        }
    }
}

fn default_of<'a>(table: &'a Table, section: &str, name: &str) -> Option<&'a Value> {
    table.get(section)?.as_table()?.get(name)
}

fn set(table: &mut Table, section: &str, name: &str, value: Value) {
    if let Some(members) = table.get_mut(section).and_then(Value::as_table_mut) {
        members.insert(name.to_owned(), value);
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Integer(_) => "a whole number",
        Value::Boolean(_) => "`true` or `false`",
        _ => "a text",
    }
}

/// With the settings of that name in other sections, which is what was meant more often than not.
fn unknown(table: &Table, what: &str, name: &str) -> String {
    let elsewhere: Vec<_> = table
        .iter()
        .filter(|(_, members)| members.get(name).is_some())
        .map(|(section, _)| format!("`{section}.{name}`"))
        .collect();
    if elsewhere.is_empty() {
        format!("{what} is no setting; see `skoledok config --defaults` for all there are")
    } else {
        format!("{what} is no setting; perhaps {} is meant", elsewhere.join(" or "))
    }
}
