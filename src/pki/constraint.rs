//! Name constraints: whom an authority may name in the certificates below it (RFC 5280, 4.2.1.10).

use std::net::IpAddr;

use reqwest::Url;

use super::certificate::Certificate;
use super::der::{self, DerError, tag};
use super::name::GeneralName;
use super::oid;

/// Most subtrees of a kind.
const MOST: usize = 512;
/// Most names of a certificate, beside its subject. Each is held against each subtree.
const MOST_NAMES: usize = 128;

/// What an authority may name, and what not.
#[derive(Debug, Clone)]
pub(super) struct NameConstraints {
    permitted: Vec<GeneralName>,
    excluded: Vec<GeneralName>,
}

impl NameConstraints {
    /// Reads a NameConstraints.
    ///
    /// # Errors
    /// It is none, is empty, or has a minimum or a maximum, which no profile uses.
    pub(super) fn from_der(value: &[u8]) -> Result<Self, DerError> {
        let mut inside = der::only_sequence(value)?;
        let mut list = |number| match inside.optional(tag::constructed(number))? {
            Some(list) => list.inside().all(MOST, "name constraints")?.iter().map(|one| subtree(one.raw)).collect(),
            None => Ok(Vec::new()),
        };
        let read = Self { permitted: list(0)?, excluded: list(1)? };
        inside.end()?;
        if read.permitted.is_empty() && read.excluded.is_empty() {
            return Err(DerError::Value("name constraints"));
        }
        Ok(read)
    }

    /// Whether all names of a certificate are allowed. Where that can not be told, they are not.
    pub(super) fn allow(&self, certificate: &Certificate) -> bool {
        names_of(certificate).is_ok_and(|names| names.iter().all(|name| self.allows(name)))
    }

    /// A name has to be below one of the permitted bases of its form, if there are any, and below none that is excluded.
    fn allows(&self, name: &GeneralName) -> bool {
        let mut permitted = self.permitted.iter().filter(|base| base.form() == name.form()).peekable();
        let is_permitted = permitted.peek().is_none() || permitted.any(|base| name.is_below(base) == Some(true));
        let mut excluded = self.excluded.iter().filter(|base| base.form() == name.form());
        is_permitted && excluded.all(|base| name.is_below(base) == Some(false))
    }
}

fn subtree(bytes: &[u8]) -> Result<GeneralName, DerError> {
    let mut inside = der::only_sequence(bytes)?;
    let base = GeneralName::read(&inside.next()?)?;
    inside.end()?;
    Ok(base)
}

/// All names that constraints are on: the subject, with addresses in it, and those beside it.
fn names_of(certificate: &Certificate) -> Result<Vec<GeneralName>, DerError> {
    let subject = certificate.subject();
    let mut names = Vec::new();
    if !subject.is_empty() {
        names.push(GeneralName::Directory(subject.clone()));
    }
    // Asked for where there is no other name (RFC 5280, 4.2.1.10); it is no less an address where there are some.
    for address in subject.values(oid::EMAIL) {
        names.push(GeneralName::Mail(address.ok_or(DerError::Value("an e-mail address"))?.to_owned()));
    }
    if let Some(value) = certificate.alternative_names() {
        for name in der::only_sequence(value)?.all(MOST_NAMES, "names")? {
            names.push(GeneralName::read(&name)?);
        }
    }
    Ok(names)
}

impl GeneralName {
    /// The number of its form among GeneralNames.
    fn form(&self) -> u8 {
        match self {
            Self::Mail(_) => 1,
            Self::Host(_) => 2,
            Self::Directory(_) => 4,
            Self::Url(_) => 6,
            Self::Address(_) => 7,
            Self::Other(raw) => raw.first().map_or(0, |tag| tag & 0x1F),
        }
    }

    /// Whether a name lies in the subtree of a base of the same form, if that can be told.
    fn is_below(&self, base: &Self) -> Option<bool> {
        match (self, base) {
            (Self::Directory(name), Self::Directory(base)) => Some(name.is_below(base)),
            (Self::Mail(name), Self::Mail(base)) => is_mail_below(name, base),
            (Self::Host(name), Self::Host(base)) => is_host_below(name, base),
            (Self::Url(name), Self::Url(base)) => is_url_below(name, base),
            (Self::Address(name), Self::Address(base)) => is_address_below(name, base),
            _ => None,
        }
    }
}

/// `a@b` is one address, `b` all of a host, `.b` all of the hosts below it. What stands before the `@` is compared to the letter (RFC 5280, 7.5).
fn is_mail_below(address: &str, base: &str) -> Option<bool> {
    let (local, host) = address.rsplit_once('@')?;
    if local.is_empty() || !is_host(host) || base.is_empty() {
        return None;
    }
    Some(match base.rsplit_once('@') {
        Some((of, at)) => local == of && host.eq_ignore_ascii_case(at),
        None => is_exactly_or_under_dot(host, base),
    })
}

/// `b` is a host and all below it, and nothing is every host.
fn is_host_below(host: &str, base: &str) -> Option<bool> {
    let host = host.strip_suffix('.').unwrap_or(host);
    let base = base.strip_suffix('.').unwrap_or(base);
    // Some write a dot before it; whether the host itself is meant then is not told.
    let undotted = base.strip_prefix('.').unwrap_or(base);
    let below = |host: &str, base: &str| base.is_empty() || host.eq_ignore_ascii_case(base) || ends_below(host, base);
    let parent = host.strip_prefix("*.");
    let told = parent.unwrap_or(host);
    let is_unclear = match parent {
        // Some hosts of the star may be below the base and others not.
        Some(parent) => !below(parent, undotted) && ends_below(undotted, parent),
        None => undotted != base && host.eq_ignore_ascii_case(undotted),
    };
    (is_host(told) && !is_unclear).then(|| below(told, undotted))
}

/// `b` is a host, and `.b` are all below it. A URL without the name of a host is in no subtree, and may not be there at all (RFC 5280, 4.2.1.10).
fn is_url_below(url: &str, base: &str) -> Option<bool> {
    let url = Url::parse(url).ok()?;
    let host = url.host_str()?;
    if base.is_empty() || !is_host(host) || host.parse::<IpAddr>().is_ok() {
        return None;
    }
    Some(is_exactly_or_under_dot(host, base))
}

/// A base is an address and a mask.
fn is_address_below(address: &[u8], base: &[u8]) -> Option<bool> {
    if !matches!(address.len(), 4 | 16) || !matches!(base.len(), 8 | 32) {
        return None;
    }
    let (network, mask) = base.split_at(base.len() / 2);
    let same = || address.iter().zip(network).zip(mask).all(|((one, other), mask)| (one ^ other) & mask == 0);
    Some(address.len() == network.len() && same())
}

fn is_exactly_or_under_dot(host: &str, base: &str) -> bool {
    match base.strip_prefix('.') {
        Some(parent) => ends_below(host, parent),
        None => host.eq_ignore_ascii_case(base),
    }
}

/// Whether a host has labels before another.
fn ends_below(host: &str, parent: &str) -> bool {
    let Some(place) = host.len().checked_sub(parent.len()) else { return false };
    let tail = host.get(place..).is_some_and(|tail| tail.eq_ignore_ascii_case(parent));
    tail && host.get(..place).is_some_and(|head| head.len() > 1 && head.ends_with('.'))
}

/// Labels of letters, digits, hyphens and underscores.
fn is_host(host: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    host.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::der::Reader;
    use crate::pki::made::{Key, called, certificate, extension, name};

    fn mail(name: &str) -> Vec<u8> {
        der::element(0x81, name.as_bytes())
    }

    fn host(name: &str) -> Vec<u8> {
        der::element(0x82, name.as_bytes())
    }

    fn url(name: &str) -> Vec<u8> {
        der::element(0x86, name.as_bytes())
    }

    fn directory(name: &[u8]) -> Vec<u8> {
        der::element(tag::constructed(4), name)
    }

    fn constraints(permitted: &[Vec<u8>], excluded: &[Vec<u8>]) -> NameConstraints {
        let list = |number, bases: &[Vec<u8>]| {
            let all: Vec<Vec<u8>> = bases.iter().map(|base| der::sequence(&[base])).collect();
            if all.is_empty() { Vec::new() } else { der::element(tag::constructed(number), &all.concat()) }
        };
        NameConstraints::from_der(&der::sequence(&[&list(0, permitted), &list(1, excluded)])).expect("they are read")
    }

    fn with_names(subject: &[u8], names: &[Vec<u8>]) -> Certificate {
        let list = der::element(tag::SEQUENCE, &names.concat());
        let key = Key::new();
        certificate(subject, &key, &called("Utsteder"), &key, &[extension(oid::SUBJECT_ALT_NAME, false, &list)])
    }

    #[test]
    fn each_form_has_subtrees_of_its_own() {
        for (name, base, below) in [
            (mail("ola@skole.no"), mail("ola@skole.no"), Some(true)),
            (mail("ola@SKOLE.no"), mail("ola@skole.no"), Some(true)),
            (mail("Ola@skole.no"), mail("ola@skole.no"), Some(false)),
            (mail("ola@skole.no"), mail("skole.no"), Some(true)),
            (mail("ola@ås.skole.no"), mail("skole.no"), None),
            (mail("ola@en.skole.no"), mail("skole.no"), Some(false)),
            (mail("ola@en.skole.no"), mail(".skole.no"), Some(true)),
            (mail("ola@skole.no"), mail(".skole.no"), Some(false)),
            (mail("skole.no"), mail("skole.no"), None),
            (mail("ola@skole.no"), mail(""), None),
            (host("skole.no"), host("skole.no"), Some(true)),
            (host("en.Skole.no"), host("skole.NO"), Some(true)),
            (host("enskole.no"), host("skole.no"), Some(false)),
            (host("skole.no.example"), host("skole.no"), Some(false)),
            (host("skole.no."), host("skole.no"), Some(true)),
            (host("en.skole.no"), host(".skole.no"), Some(true)),
            (host("skole.no"), host(".skole.no"), None),
            (host("skole.no"), host(""), Some(true)),
            (host("*.skole.no"), host("skole.no"), Some(true)),
            (host("*.skole.no"), host("en.skole.no"), None),
            (host("skole no"), host("annen.no"), None),
            (url("https://skole.no/x"), url("skole.no"), Some(true)),
            (url("https://en.skole.no:8443/x"), url("skole.no"), Some(false)),
            (url("https://en.skole.no/x"), url(".skole.no"), Some(true)),
            (url("https://skole.no@annen.no/"), url("skole.no"), Some(false)),
            (url("ldap://skole.no/cn=x"), url("skole.no"), Some(true)),
            (url("https://10.0.0.1/"), url("skole.no"), None),
            (url("urn:skole.no"), url("skole.no"), None),
            (der::element(0x87, &[10, 1, 2, 3]), der::element(0x87, &[10, 1, 0, 0, 255, 255, 0, 0]), Some(true)),
            (der::element(0x87, &[10, 2, 2, 3]), der::element(0x87, &[10, 1, 0, 0, 255, 255, 0, 0]), Some(false)),
            (der::element(0x87, &[0; 16]), der::element(0x87, &[0; 8]), Some(false)),
            (der::element(0x87, &[10, 1, 2]), der::element(0x87, &[0; 8]), None),
            (der::element(0x88, &[42, 3, 4]), der::element(0x88, &[42, 3]), None),
            (directory(&name(&[(oid::COUNTRY, "no")])), directory(&name(&[(oid::COUNTRY, "NO")])), Some(true)),
        ] {
            let read = |bytes: &[u8]| GeneralName::read(&Reader::new(bytes).next().expect("an element"));
            let told = match (read(&name), read(&base)) {
                (Ok(name), Ok(base)) => name.is_below(&base),
                _ => None,
            };
            let texts = [name, base].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
            assert_eq!(told, below, "{texts:?}");
        }
    }

    #[test]
    fn a_name_is_below_what_it_begins_with() {
        let ours = name(&[(oid::COUNTRY, "NO"), (oid::ORGANISATION, "Ås kommune")]);
        let only_ours = constraints(&[directory(&ours)], &[]);
        let below = name(&[(oid::COUNTRY, "NO"), (oid::ORGANISATION, "ås  Kommune"), (oid::COMMON_NAME, "Segl")]);
        assert!(only_ours.allow(&with_names(&below, &[])));
        let longer = name(&[(oid::COUNTRY, "NO"), (oid::ORGANISATION, "Ås kommune 2"), (oid::COMMON_NAME, "Segl")]);
        assert!(!only_ours.allow(&with_names(&longer, &[])));
        assert!(!only_ours.allow(&with_names(&name(&[(oid::COUNTRY, "NO")]), &[])));
        // Nobody gets around it beside the subject, or with letters that are put together.
        assert!(!only_ours.allow(&with_names(&below, &[directory(&longer)])));
        assert!(only_ours.allow(&with_names(&name(&[]), &[])), "without a name there is none to be wrong");
        let not_ours = constraints(&[], &[directory(&ours)]);
        assert!(!not_ours.allow(&with_names(&below, &[])));
        let apart = name(&[(oid::COUNTRY, "NO"), (oid::ORGANISATION, "A\u{30A}s kommune"), (oid::COMMON_NAME, "Segl")]);
        assert!(!not_ours.allow(&with_names(&apart, &[])));
        assert!(not_ours.allow(&with_names(&longer, &[])));
    }

    #[test]
    fn what_is_not_of_a_form_is_free_and_what_can_not_be_told_is_not() {
        let school = called("Skolen");
        let only = constraints(&[mail("skole.no")], &[]);
        assert!(only.allow(&with_names(&school, &[host("annen.no")])), "no constraint is on hosts");
        assert!(only.allow(&with_names(&school, &[mail("ola@skole.no")])));
        assert!(!only.allow(&with_names(&school, &[mail("ola@skole.no"), mail("ola@annen.no")])), "each has to be");
        let in_subject = name(&[(oid::COMMON_NAME, "Ola"), (oid::EMAIL, "ola@annen.no")]);
        assert!(!only.allow(&with_names(&in_subject, &[])));
        let utf8 = der::element(tag::constructed(0), &der::element(tag::UTF8, "åse@skole.no".as_bytes()));
        let mailbox =
            |value: &[u8]| der::element(tag::constructed(0), &[&der::oid(oid::SMTP_UTF8_MAILBOX), value].concat());
        assert!(only.allow(&with_names(&school, &[mailbox(&utf8)])));
        assert!(!constraints(&[], &[mail("skole.no")]).allow(&with_names(&school, &[mailbox(&utf8)])));
        assert!(!only.allow(&with_names(&school, &[vec![0x81, 5, b'a']])), "not to be read");
        let odd = constraints(&[], &[der::element(0x88, &[42, 3])]);
        assert!(odd.allow(&with_names(&school, &[mail("ola@skole.no")])));
        assert!(!odd.allow(&with_names(&school, &[der::element(0x88, &[42, 4])])), "a form that is not worked out");
        for wrong in [
            der::sequence(&[]),
            der::sequence(&[&der::element(tag::constructed(0), &[])]),
            // With a minimum of 1.
            der::sequence(&[&der::element(tag::constructed(0), &der::sequence(&[&mail("skole.no"), &[0x80, 1, 1]]))]),
        ] {
            assert!(NameConstraints::from_der(&wrong).is_err(), "{wrong:02x?}");
        }
    }
}
