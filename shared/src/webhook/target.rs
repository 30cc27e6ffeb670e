//! Where a webhook may go, as far as its URL tells. What the host's name leads to is for [`super::Sender`] to see.
//!
//! URLs are read as browsers read them (WHATWG), so that each spelling of an address (`127.1`, `0x7f000001`,
//! `2130706433`, full-width digits) is one address before it is judged.

use std::fmt;
use std::net::IpAddr;

use url::{Host, Position, Url};

use super::address;
use crate::config::Config;

/// The longest URL, in bytes: the most that is common among servers.
const LONGEST: usize = 2048;
/// The port of `https`, and the first of those that are nobody's by assignment.
const HTTPS_PORT: u16 = 443;
const FIRST_FREE_PORT: u16 = 1024;
/// Names that a network gives to what is its own (RFC 6761, RFC 6762 with its appendix G, RFC 8375; `internal` is
/// reserved by ICANN).
const OWN_NAMES: [&str; 10] = [
    "corp",
    "home",
    "home.arpa",
    "internal",
    "intranet",
    "lan",
    "local",
    "localdomain",
    "localhost",
    "private",
];

/// A URL that webhooks may be sent to.
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    url: Url,
    host: Host,
    port: u16,
}

/// Why a URL is no target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTarget {
    /// It cannot be read, or is too long, as it is or in its one spelling.
    #[error("must be a URL of at most 2048 characters, percent-encoded, without spaces")]
    Unreadable,
    /// Its scheme is another one.
    #[error("must begin with https://")]
    NotHttps,
    /// It has a user name or a password, which would be sent in the clear to whoever reads it.
    #[error("must have no user name and no password")]
    Credentials,
    /// It has a fragment, which is never sent.
    #[error("must have no fragment")]
    Fragment,
    /// Its port belongs to another service.
    #[error("must have the port 443, or one from 1024")]
    Port,
    /// Its host is in somebody's own network.
    #[error("must lead to a host on the public internet")]
    Host,
}

impl Target {
    /// Reads a URL.
    ///
    /// # Errors
    /// If it is not `https`, or leads to what is not the public internet as far as its text tells. Where the
    /// settings allow loopback, `http` and `https` lead to any port of it.
    pub fn parse(text: &str, config: &Config) -> Result<Self, InvalidTarget> {
        // The parser drops tabs and line ends: what is shown to one who checks must be what is used.
        if text.len() > LONGEST || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(InvalidTarget::Unreadable);
        }
        let mut url = Url::parse(text).map_err(|_| InvalidTarget::Unreadable)?;
        let host = url.host_str().ok_or(InvalidTarget::NotHttps)?;
        // The root's dot makes no other host, but would make another certificate's name.
        if let Some(host) = host.strip_suffix('.').map(str::to_owned) {
            url.set_host(Some(&host)).map_err(|_| InvalidTarget::Unreadable)?;
        }
        // What is kept is read again: percent-encoding triples a character.
        if url.as_str().len() > LONGEST {
            return Err(InvalidTarget::Unreadable);
        }
        let host = url.host().ok_or(InvalidTarget::NotHttps)?.to_owned();
        let port = url.port_or_known_default().ok_or(InvalidTarget::NotHttps)?;
        let is_loopback = config.webhook_allow_loopback && is_loopback(&host);
        let refusals = [
            (url.scheme() != "https" && !(is_loopback && url.scheme() == "http"), InvalidTarget::NotHttps),
            (!url.username().is_empty() || url.password().is_some(), InvalidTarget::Credentials),
            (url.fragment().is_some(), InvalidTarget::Fragment),
            (port != HTTPS_PORT && port < FIRST_FREE_PORT && !is_loopback, InvalidTarget::Port),
            (!is_loopback && !may_be_public(&host), InvalidTarget::Host),
        ];
        match refusals.into_iter().find(|(applies, _)| *applies) {
            Some((_, refusal)) => Err(refusal),
            None => Ok(Self { url, host, port }),
        }
    }

    /// The URL in its one spelling.
    pub fn as_str(&self) -> &str {
        self.url.as_str()
    }

    pub(super) fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }

    pub(super) fn host(&self) -> &Host {
        &self.host
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// The host, and the port where it is not the scheme's own: what the `Host` header says.
    pub(super) fn authority(&self) -> &str {
        &self.url[Position::BeforeHost..Position::AfterPort]
    }

    /// The path and the query: what the request line says.
    pub(super) fn path(&self) -> &str {
        &self.url[Position::BeforePath..Position::AfterQuery]
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Shows the host only: paths and queries of webhooks often hold a key.
impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({})", self.authority())
    }
}

fn is_loopback(host: &Host) -> bool {
    match host {
        Host::Domain(name) => name == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

/// Whether it is a public address, or a name that can have one: of two labels or more, and in nobody's own network.
fn may_be_public(host: &Host) -> bool {
    match host {
        Host::Ipv4(address) => address::is_allowed(IpAddr::V4(*address), false),
        Host::Ipv6(address) => address::is_allowed(IpAddr::V6(*address), false),
        Host::Domain(name) => {
            let is_under =
                |parent: &str| name.strip_suffix(parent).is_some_and(|it| it.is_empty() || it.ends_with('.'));
            name.contains('.') && !name.ends_with('.') && !OWN_NAMES.into_iter().any(is_under)
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(in crate::webhook) fn config(allow_loopback: bool) -> Config {
        Config::from_lookup(|name| {
            let value = match name {
                "APP_ENV" => "test",
                "PUBLIC_URL" => "https://api.test",
                "WEBHOOK_ALLOW_LOOPBACK" if allow_loopback => "true",
                "KMS_KEY_ID" | "MAIL_FROM" | "TABLE_NAME" => "any",
                _ => return None,
            };
            Some(value.to_owned())
        })
        .unwrap()
    }

    fn parse(text: &str) -> Result<String, InvalidTarget> {
        Target::parse(text, &config(false)).map(|target| target.to_string())
    }

    #[test]
    fn a_url_of_the_public_internet_is_a_target() {
        for (text, target) in [
            ("https://hooks.example.com", "https://hooks.example.com/"),
            ("HTTPS://Hooks.Example.com:443/in?key=1", "https://hooks.example.com/in?key=1"),
            ("https://hooks.example.com.:8443/", "https://hooks.example.com:8443/"),
            ("https://bücher.example/", "https://xn--bcher-kva.example/"),
            ("https://1.1.1.1/", "https://1.1.1.1/"),
            ("https://[2606:4700:4700::1111]/", "https://[2606:4700:4700::1111]/"),
            ("https://localhost.example.com/", "https://localhost.example.com/"),
            ("https://notlocal.example.com/", "https://notlocal.example.com/"),
        ] {
            assert_eq!(parse(text), Ok(target.to_owned()), "{text}");
        }
    }

    #[test]
    fn no_spelling_of_a_private_address_is_a_target() {
        for host in [
            "127.0.0.1",
            "127.1",
            "127.0.1",
            "2130706433",
            "0x7f000001",
            "0x7f.1",
            "0177.0.0.1",
            "017700000001",
            "127.0.0.1.",
            "%31%32%37.0.0.1",
            "１２７.０.０.１",
            "127。0。0。1",
            "①②⑦.0.0.1",
            "0",
            "0.0.0.0",
            "169.254.169.254",
            "2852039166",
            "0xa9fea9fe",
            "10.0.0.1",
            "192.168.1.1",
            "172.16.0.1",
            "100.64.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "[::1]",
            "[::]",
            "[0:0:0:0:0:0:0:1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[::127.0.0.1]",
            "[64:ff9b::7f00:1]",
            "[2002:7f00:1::]",
            "[fd00:ec2::254]",
            "[fd00::1]",
            "[fe80::1]",
            "[ff02::1]",
            "[2001:db8::1]",
        ] {
            assert_eq!(parse(&format!("https://{host}/")), Err(InvalidTarget::Host), "{host}");
        }
    }

    #[test]
    fn no_name_of_somebodys_own_network_is_a_target() {
        for host in [
            "localhost",
            "LOCALHOST",
            "localhost.",
            "a.localhost",
            "printer.local",
            "db.internal",
            "metadata.google.internal",
            "router.lan",
            "nas.home.arpa",
            "intranet",
            "wiki.corp",
            "example",
            "ｌｏｃａｌｈｏｓｔ",
            "localhost。",
        ] {
            assert_eq!(parse(&format!("https://{host}/")), Err(InvalidTarget::Host), "{host}");
        }
    }

    #[test]
    fn what_is_no_plain_https_url_is_no_target() {
        for text in ["", "hooks.example.com", "//hooks.example.com", "https://", "https://[::1%25eth0]/"] {
            assert_eq!(parse(text), Err(InvalidTarget::Unreadable), "{text}");
        }
        for text in
            [" https://a.example/", "https://a.example/\n", "https://a.exa\tmple/", "https://a b.example/"]
        {
            assert_eq!(parse(text), Err(InvalidTarget::Unreadable), "{text}");
        }
        for scheme in ["http", "file", "ftp", "gopher", "ws", "javascript"] {
            let refused = parse(&format!("{scheme}://hooks.example.com/"));
            assert_eq!(refused, Err(InvalidTarget::NotHttps), "{scheme}");
        }
        for credentials in ["user@", "user:password@", ":password@", "hooks.example.com@"] {
            let refused = parse(&format!("https://{credentials}hooks.example.com/"));
            assert_eq!(refused, Err(InvalidTarget::Credentials), "{credentials}");
        }
        for port in [1, 22, 25, 80, 445, 1023] {
            let refused = parse(&format!("https://hooks.example.com:{port}/"));
            assert_eq!(refused, Err(InvalidTarget::Port), "{port}");
        }
        assert_eq!(parse("https://hooks.example.com/#a"), Err(InvalidTarget::Fragment));
        assert_eq!(parse(&format!("https://a.example/{}", "a".repeat(2048))), Err(InvalidTarget::Unreadable));
    }

    #[test]
    fn a_url_that_is_too_long_in_its_one_spelling_is_no_target() {
        let url = |count| format!("https://a.example/{}", "ü".repeat(count));
        assert_eq!(parse(&url(338)).map(|it| it.len()), Ok(2046));
        assert_eq!(parse(&url(339)), Err(InvalidTarget::Unreadable));
    }

    proptest! {
        #[test]
        fn what_was_read_is_read_again_as_the_same(
            host in "([a-zA-Z0-9äß_%.-]{1,12}\\.){1,3}[a-z.]{2,8}|[0-9a-fx.]{1,15}|\\[[0-9a-f:.]{2,20}\\]",
            port in "(:[0-9]{1,5})?",
            path in "(/[ -~äß\u{10348}]{0,700})?(\\?[ -~äß\u{10348}]{0,700})?",
        ) {
            if let Ok(target) = Target::parse(&format!("https://{host}{port}{path}"), &config(true)) {
                prop_assert_eq!(Target::parse(target.as_str(), &config(true)), Ok(target));
            }
        }
    }

    #[test]
    fn loopback_is_a_target_where_it_is_allowed_and_opens_nothing_else() {
        let parse = |text| Target::parse(text, &config(true));
        for text in
            ["http://127.0.0.1:80/", "http://localhost:3000/", "http://[::1]:3000/", "https://127.0.0.1:22/"]
        {
            assert!(parse(text).is_ok(), "{text}");
        }
        for text in
            ["https://10.0.0.1/", "https://printer.local/", "https://a.localhost/", "https://0.0.0.0/"]
        {
            assert_eq!(parse(text), Err(InvalidTarget::Host), "{text}");
        }
        assert_eq!(parse("http://hooks.example.com/"), Err(InvalidTarget::NotHttps));
        assert_eq!(parse("ftp://127.0.0.1/"), Err(InvalidTarget::NotHttps));
    }
}
