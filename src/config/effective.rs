//! The settings as they are in force, without secrets.

use std::fmt::Write as _;

use toml::{Table, Value};

/// What stands in place of a secret.
const HIDDEN: &str = "***";

/// Writes all settings as TOML that can be read again, those that differ from their default with a remark.
pub(super) fn write(settings: &Table, defaults: &Table) -> String {
    let mut text = String::new();
    for (section, members) in settings {
        let Some(members) = members.as_table() else { continue };
        let separator = if text.is_empty() { "" } else { "\n" };
        // Writing to a string can not fail.
        let _ = writeln!(text, "{separator}[{section}]");
        for (name, value) in members {
            let is_secret = members.contains_key(&format!("{name}_file"));
            let default = defaults.get(section).and_then(|members| members.get(name));
            let remark = if default == Some(value) { "" } else { "  # not the default" };
            let _ = writeln!(text, "{name} = {}{remark}", shown(value, is_secret));
        }
    }
    text
}

fn shown(value: &Value, is_secret: bool) -> Value {
    match value.as_str() {
        Some(text) if !text.is_empty() => Value::String(redact(text, is_secret)),
        _ => value.clone(),
    }
}

/// A text without its secrets: of a URL the password and the query, of another secret everything.
fn redact(text: &str, is_secret: bool) -> String {
    match reqwest::Url::parse(text) {
        // A file.
        Ok(url) if url.scheme() == "sqlite" => text.to_owned(),
        Ok(url) if !is_secret && url.password().is_none() && url.query().is_none() => text.to_owned(),
        Ok(mut url) if url.has_host() => {
            // A password with `#`, `?` or `/` that are not escaped ends there, and the rest is no password to a reader of URLs.
            let is_torn = url.fragment().is_some()
                || url.path().contains('@')
                || url.query().is_some_and(|query| query.contains('@'));
            let hidden = url.password().is_none() || url.set_password(Some(HIDDEN)).is_ok();
            if url.query().is_some() {
                url.set_query(Some(HIDDEN));
            }
            if hidden && !is_torn { url.into() } else { HIDDEN.to_owned() }
        }
        _ if is_secret => HIDDEN.to_owned(),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_is_shown() {
        for (text, expected) in [
            ("postgres://skoledok:hemmelig@db:5432/skoledok", "postgres://skoledok:***@db:5432/skoledok"),
            ("postgres://db/skoledok?user=a&password=hemmelig", "postgres://db/skoledok?***"),
            ("rediss://:hemmelig@cache:6379/0", "rediss://:***@cache:6379/0"),
            ("redis+sentinel://:hemmelig@a:1,b:2/main", HIDDEN),
            ("authorization=Bearer hemmelig", HIDDEN),
            ("postgres://u:12#hemmelig@host", HIDDEN),
            ("postgres://skoledok:/hemmelig@db:5432/x", HIDDEN),
            ("postgres://skoledok:12/hemmelig@db/x", HIDDEN),
            ("postgres://skoledok:12?hemmelig@db/x", HIDDEN),
            ("sqlite:/var/lib/skoledok.db", "sqlite:/var/lib/skoledok.db"),
        ] {
            assert_eq!(redact(text, true), expected, "{text}");
        }
        assert_eq!(redact("https://a:hemmelig@collector/v1/traces", false), "https://a:***@collector/v1/traces");
        assert_eq!(redact("https://issuer/jwk?code=hemmelig", false), "https://issuer/jwk?***");
        for text in ["127.0.0.1:8080", "https://skoledok.example"] {
            assert_eq!(redact(text, false), text, "it has to match to the letter");
        }
    }
}
