//! What several sections ask of a value: that it is within bounds, secret, or safe on its way.

use zeroize::Zeroizing;

/// Tells of a number that is out of its bounds.
pub(super) fn within(problems: &mut Vec<String>, name: &str, value: u64, low: u64, high: u64) {
    if !(low..=high).contains(&value) {
        problems.push(format!("`{name}` is {value}; it is at least {low} and at most {high}"));
    }
}

/// A secret that stands in the setting itself or in a file; empty when in neither.
pub(super) fn secret(
    name: &str,
    value: &Zeroizing<String>,
    file: &str,
    problems: &mut Vec<String>,
) -> Option<Zeroizing<String>> {
    match (value.is_empty(), file) {
        (_, "") => Some(value.clone()),
        (false, _) => {
            problems.push(format!("`{name}` and `{name}_file` are both set; one of them is enough"));
            None
        }
        (true, path) => match std::fs::read_to_string(path) {
            Ok(text) => Some(Zeroizing::new(Zeroizing::new(text).trim().to_owned())),
            Err(error) => {
                problems.push(format!("`{name}_file`: can not read `{path}`: {error}"));
                None
            }
        },
    }
}

/// Whether nobody on the way can read or change what goes there.
pub(super) fn is_safe(url: &reqwest::Url) -> bool {
    url.scheme() == "https"
        || (url.scheme() == "http" && matches!(url.host_str(), Some("127.0.0.1" | "[::1]" | "localhost")))
}
