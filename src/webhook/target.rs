//! Where a webhook may go. Receivers choose their URLs, and must not reach with them what only we can reach
//! («Server side request forgery» in Standard Webhooks, CWE-918).
//!
//! The host of a URL is an address, which is judged as it stands, or a name. What a name resolves to is judged when a
//! connection is made, and the connection goes to what was judged: there is no second question to the DNS that could
//! be answered otherwise.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{ClientBuilder, Url};
use rustls::pki_types::ServerName;
use tokio::net::lookup_host;

use super::address::{Network, is_public};

/// Longest URL.
const LONGEST: usize = 2048;

/// A host that is allowed though its address is not public.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedTarget(Allowed);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Allowed {
    /// A name, whatever it resolves to.
    Host(String),
    /// Addresses, whoever has them.
    Network(Network),
}

/// The text allows nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("neither the name of a host, nor an address or network like `10.1.0.0/16` (with no bit set beyond its length)")]
pub struct AllowedError;

impl FromStr for AllowedTarget {
    type Err = AllowedError;

    /// Reads the name of a host, an address, or a network (`10.1.0.0/16`, `fd00::/8`).
    fn from_str(text: &str) -> Result<Self, AllowedError> {
        if let Some(network) = Network::parse(text) {
            return Ok(Self(Allowed::Network(network)));
        }
        let named = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_');
        if !text.chars().all(named) {
            return Err(AllowedError);
        }
        // As it will stand in a URL: in small letters and Punycode.
        let url = Url::parse(&format!("https://{text}/")).map_err(|_| AllowedError)?;
        let host = url.host_str().filter(|host| literal(host).is_none() && is_host(host)).ok_or(AllowedError)?;
        Ok(Self(Allowed::Host(plain(host).to_owned())))
    }
}

/// A name without the dot that can stand at its end.
fn plain(host: &str) -> &str {
    host.strip_suffix('.').unwrap_or(host)
}

fn has_user(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

/// The address that a host of a URL is. `Url` has made one form of all that can be taken for an address of IPv4, such
/// as `2130706433`, `0x7f.1` and `0177.0.0.1` (WHATWG URL, 3.5).
fn literal(host: &str) -> Option<IpAddr> {
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host.parse().ok()
}

/// Whether it is an address, or a name that the DNS and TLS could know: `Url` takes more.
fn is_host(host: &str) -> bool {
    literal(host).is_some() || ServerName::try_from(host).is_ok()
}

/// A URL that a webhook may be sent to, as far as can be said without the DNS. What stands after the host can be
/// secret: `Debug` and `Display` show what is before.
#[derive(Clone, PartialEq, Eq)]
pub struct Target(Url);

impl Target {
    /// The URL, in full.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    pub(super) fn into_url(self) -> Url {
        self.0
    }
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.origin().ascii_serialization())
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Target({self})")
    }
}

/// No webhook goes to a URL. Nothing of it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// It has more than 2048 bytes.
    #[error("the URL is longer than 2048 bytes")]
    Length,
    /// It is none.
    #[error("this is no URL; one begins with `https://` and a host")]
    Url,
    /// It has another scheme.
    #[error("the URL has to begin with `https://`")]
    Scheme,
    /// It has a user or a password.
    #[error("the URL must not hold a user name or a password")]
    User,
    /// Its host is an address that is not public.
    #[error("the URL leads to an address that is not public")]
    Address,
}

/// A name resolves to an address that is neither public nor allowed.
#[derive(Debug, thiserror::Error)]
#[error("an address of the host is not allowed")]
pub(super) struct RefusedAddress;

/// A name resolves to nothing.
#[derive(Debug, thiserror::Error)]
#[error("the host has no address")]
struct NoAddress;

/// What may be a target.
#[derive(Debug)]
pub(super) struct Rules {
    /// Whether `http` is good, too.
    pub(super) http: bool,
    /// What is allowed though it is not public.
    pub(super) allow: Vec<AllowedTarget>,
}

impl Rules {
    /// Reads a URL, and judges what can be judged without the DNS.
    pub(super) fn target(&self, text: &str) -> Result<Target, TargetError> {
        if text.len() > LONGEST {
            return Err(TargetError::Length);
        }
        let mut url = Url::parse(text).map_err(|_| TargetError::Url)?;
        if url.scheme() != "https" && !(self.http && url.scheme() == "http") {
            return Err(TargetError::Scheme);
        }
        if has_user(&url) {
            return Err(TargetError::User);
        }
        let host = url.host_str().filter(|host| is_host(host)).ok_or(TargetError::Url)?;
        if literal(host).is_some_and(|address| !self.admits(address)) {
            return Err(TargetError::Address);
        }
        url.set_fragment(None);
        Ok(Target(url))
    }

    /// Whether an address is public or allowed.
    fn admits(&self, address: IpAddr) -> bool {
        let canonical = address.to_canonical();
        let allowed = |target: &AllowedTarget| matches!(&target.0, Allowed::Network(one) if one.contains(canonical));
        is_public(address) || self.allow.iter().any(allowed)
    }

    /// Whether a name is allowed, whatever it resolves to.
    fn trusts(&self, host: &str) -> bool {
        self.allow.iter().any(|target| matches!(&target.0, Allowed::Host(name) if name == plain(host)))
    }

    /// What a name resolves to, if all of it is good. One address that is not makes the others suspect: who answers for
    /// the name could be after the order in which they are tried.
    fn judge(&self, host: &str, found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, RefusedAddress> {
        let good = self.trusts(host) || found.iter().all(|socket| self.admits(socket.ip()));
        if good { Ok(found) } else { Err(RefusedAddress) }
    }
}

/// Keeps other requests to URLs of strangers from what only we can reach, by the same rules as webhooks; `http` is good for them.
#[derive(Debug, Clone)]
pub struct Guard(Arc<Rules>);

impl Guard {
    /// Lets requests go to public addresses, and to what is allowed beside them.
    #[must_use]
    pub fn new(allow: Vec<AllowedTarget>) -> Self {
        Self(Arc::new(Rules { http: true, allow }))
    }

    /// Whether a URL is good, as far as can be said without the DNS.
    #[must_use]
    pub fn admits(&self, url: &Url) -> bool {
        self.0.target(url.as_str()).is_ok()
    }

    /// Has a client connect to nothing but what is good. There is no proxy, which would resolve names by itself.
    pub fn over(&self, client: ClientBuilder) -> ClientBuilder {
        client.no_proxy().dns_resolver(Resolver(Arc::clone(&self.0)))
    }
}

/// Resolves names as the system does, to what may be a target.
pub(super) struct Resolver(pub(super) Arc<Rules>);

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let rules = Arc::clone(&self.0);
        Box::pin(async move {
            // The port is that of the URL: `reqwest` puts it in.
            let found: Vec<SocketAddr> = lookup_host((name.as_str(), 0)).await?.collect();
            if found.is_empty() {
                return Err(NoAddress.into());
            }
            let addresses: Addrs = Box::new(rules.judge(name.as_str(), found)?.into_iter());
            Ok(addresses)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use proptest::prelude::*;

    use super::*;

    fn rules(http: bool, allow: &[&str]) -> Rules {
        let allow = allow.iter().map(|text| text.parse().unwrap_or_else(|_| panic!("{text} allows nothing"))).collect();
        Rules { http, allow }
    }

    fn sockets(addresses: &[&str]) -> Vec<SocketAddr> {
        addresses.iter().map(|text| SocketAddr::new(text.parse().expect("an address"), 0)).collect()
    }

    #[test]
    fn a_url_is_taken_or_refused_for_one_reason() {
        let (strict, http) = (rules(false, &[]), rules(true, &[]));
        for url in [
            "https://skole.example/hook",
            "https://skole.example:8443/hook?key=1",
            "https://1.1.1.1/",
            "https://[2606:4700:4700::1111]/",
            "HTTPS://SKOLE.EXAMPLE",
            "https://skøyen.example/",
            "https://@skole.example/",
            "https://localhost/",
            "https://skole.example./",
            "https://hooks_1/",
        ] {
            assert!(strict.target(url).is_ok(), "{url}");
            assert!(http.target(url).is_ok(), "{url}");
        }
        assert!(http.target("http://skole.example/").is_ok());
        for (url, error) in [
            ("", TargetError::Url),
            ("skole.example", TargetError::Url),
            ("https://", TargetError::Url),
            ("https://:443/", TargetError::Url),
            ("https://a b/", TargetError::Url),
            ("https://[fe80::1%25eth0]/", TargetError::Url),
            ("https://256.1.1.1/", TargetError::Url),
            ("https://skole..example/", TargetError::Url),
            ("https://skole!.example/", TargetError::Url),
            (&format!("https://{}.example/", "x".repeat(64)), TargetError::Url),
            ("/hook", TargetError::Url),
            ("http://skole.example/", TargetError::Scheme),
            ("ftp://skole.example/", TargetError::Scheme),
            ("file:///etc/passwd", TargetError::Scheme),
            ("unix:/run/socket", TargetError::Scheme),
            ("https://ola@skole.example/", TargetError::User),
            ("https://:ord@skole.example/", TargetError::User),
            ("https://1.1.1.1@127.0.0.1/", TargetError::User),
            ("https://127.0.0.1/", TargetError::Address),
            ("https://127.0.0.1./", TargetError::Address),
            ("https://127.1/", TargetError::Address),
            ("https://2130706433/", TargetError::Address),
            ("https://0x7f.1/", TargetError::Address),
            ("https://0177.0.0.1/", TargetError::Address),
            ("https://%31%32%37.0.0.1/", TargetError::Address),
            ("https://①②⑦.0.0.1/", TargetError::Address),
            ("https://127。0。0。1/", TargetError::Address),
            ("https:127.0.0.1", TargetError::Address),
            ("https:\\\\127.0.0.1\\", TargetError::Address),
            ("\thttps://127.0.\n0.1/ ", TargetError::Address),
            ("https://0/", TargetError::Address),
            ("https://[::1]:8080/", TargetError::Address),
            ("https://[::]/", TargetError::Address),
            ("https://[::ffff:127.0.0.1]/", TargetError::Address),
            ("https://[::ffff:a9fe:a9fe]/", TargetError::Address),
            ("https://[64:ff9b::10.0.0.1]/", TargetError::Address),
            ("https://169.254.169.254/latest/meta-data/", TargetError::Address),
            (&format!("https://skole.example/{}", "x".repeat(LONGEST)), TargetError::Length),
        ] {
            assert_eq!(strict.target(url), Err(error), "{url}");
        }
    }

    #[test]
    fn what_is_allowed_goes_and_nothing_beside_it() {
        let rules = rules(true, &["127.0.0.1/32", "10.2.0.0/16", "fd00::/8", "Hook.Intern.Example."]);
        for url in ["http://127.0.0.1:8080/", "http://[::ffff:127.0.0.1]/", "https://10.2.3.4/", "https://[fd12::1]/"] {
            assert!(rules.target(url).is_ok(), "{url}");
        }
        for url in ["http://127.0.0.2/", "https://10.3.0.0/", "https://[fc00::1]/", "https://[64:ff9b::10.2.3.4]/"] {
            assert_eq!(rules.target(url), Err(TargetError::Address), "{url}");
        }
        for host in ["hook.intern.example", "hook.intern.example."] {
            assert!(rules.judge(host, sockets(&["10.9.9.9"])).is_ok(), "{host}");
        }
        for host in ["intern.example", "a.hook.intern.example", "hook.intern.example.com"] {
            assert!(rules.judge(host, sockets(&["10.9.9.9"])).is_err(), "{host}");
        }
    }

    #[test]
    fn a_name_is_allowed_as_it_stands_in_a_url() {
        for (text, url) in [
            ("SKOLE.example.", "https://skole.example/"),
            ("skøyen.example", "https://SKØYEN.example/"),
            ("hooks_1", "https://hooks_1/"),
        ] {
            let rules = rules(false, &[text]);
            let target = rules.target(url).expect("the URL is good");
            assert!(rules.trusts(target.0.host_str().expect("the URL has a host")), "{text}");
        }
    }

    #[test]
    fn all_that_a_name_resolves_to_must_be_good() {
        let rules = rules(false, &["10.0.0.0/8"]);
        for good in [&["1.1.1.1"][..], &["1.1.1.1", "2606:4700:4700::1111"], &["10.0.0.1", "1.1.1.1"]] {
            assert_eq!(rules.judge("skole.example", sockets(good)).expect("all are good"), sockets(good));
        }
        for bad in [&["127.0.0.1"][..], &["1.1.1.1", "127.0.0.1"], &["::1", "1.1.1.1"], &["::ffff:192.168.0.1"]] {
            assert!(rules.judge("skole.example", sockets(bad)).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn what_allows_nothing_is_refused() {
        for text in [
            "",
            "10.0.0.1/8",
            "10.0.0.0/33",
            "10.0.0.256",
            "2130706433",
            "0x7f.1",
            "[::1]",
            "skole.example:443",
            "skole.example:8443",
            "https://skole.example",
            "skole.example/hook",
            "skole.example/",
            "skole.example?",
            "skole.example#a",
            "skole.example\\",
            "ola@skole.example",
            "@skole.example",
            "*.skole.example",
            "a b",
            "a\tb",
            "a..b",
            "fd00::/8/8",
        ] {
            assert_eq!(text.parse::<AllowedTarget>(), Err(AllowedError), "{text}");
        }
    }

    #[test]
    fn a_target_shows_nothing_after_the_host() {
        let rules = rules(false, &[]);
        let target = rules.target("https://skole.example:8443/hemmelig?nokkel=hemmelig#hemmelig").expect("it is good");
        assert_eq!(target.to_string(), "https://skole.example:8443");
        assert_eq!(format!("{target:?}"), "Target(https://skole.example:8443)");
        assert_eq!(target.as_str(), "https://skole.example:8443/hemmelig?nokkel=hemmelig");
    }

    proptest! {
        #[test]
        fn an_address_in_another_base_is_the_same_address(bits in any::<u32>(), keep in 0_u32..=32) {
            // Small ones as well: `0/8` and what begins with few digits.
            let bits = bits.checked_shr(keep).unwrap_or(0);
            let rules = rules(false, &[]);
            let address = Ipv4Addr::from_bits(bits);
            let plain = rules.target(&format!("https://{address}/"));
            prop_assert_eq!(plain.is_ok(), is_public(address.into()));
            let [a, b, c, d] = address.octets();
            for host in [
                bits.to_string(),
                format!("{bits:#x}"),
                format!("0{bits:o}"),
                format!("{a:#x}.0{b:o}.{}", u32::from(c) << 8 | u32::from(d)),
            ] {
                prop_assert_eq!(&rules.target(&format!("https://{host}/")), &plain, "{}", host);
            }
            prop_assert_eq!(rules.target(&format!("https://[::ffff:{address}]/")).is_ok(), plain.is_ok());
        }

        #[test]
        fn any_text_is_a_target_of_a_good_scheme_or_none(text in "(https?:)?[/\\\\]{0,2}\\PC{0,40}") {
            if let Ok(target) = rules(false, &[]).target(&text) {
                prop_assert!(target.as_str().starts_with("https://"));
                prop_assert!(rules(false, &[]).target(target.as_str()).as_ref() == Ok(&target));
            }
        }
    }
}
