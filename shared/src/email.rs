//! E-mail addresses in one canonical form, which claims, look-ups, limits and mails all use.
//!
//! Two spellings are one [`Email`] exactly when they differ in the case of ASCII letters, in surrounding space,
//! or in how they write the domain (UTS #46). The local part is ASCII: SES delivers to no other (it lacks
//! RFC 6531), and so no look-alike letter and no case folding beyond ASCII (`ı` or `K` becoming `i` or `k`,
//! CVE-2019-19844) can lead one person's mail to another.

use std::fmt;

use email_address::{EmailAddress, Options};
use serde::{Deserialize, Serialize};
use unicode_normalization::char::is_combining_mark;

use crate::name::is_invisible;

/// The longest address that SMTP carries, in octets (RFC 5321, section 4.5.3.1.3, less the angle brackets).
const MOST_OCTETS: usize = 254;

/// An e-mail address in canonical form: lower-case ASCII, an RFC 5322 `dot-atom`, `@`, and a domain of two or
/// more labels, internationalised ones as `xn--…`.
///
/// `Display` shows it, to whom it belongs; `Debug` masks it, for logs.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Email(String);

/// The text is no e-mail address that mail can be sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be an e-mail address such as name@example.com")]
pub struct InvalidEmail;

impl Email {
    /// Reads an address as a person types it.
    ///
    /// # Errors
    /// If it is not an RFC 5322 `addr-spec` of at most 254 octets (64 before the `@`), or has a quoted local part,
    /// comments, letters beyond ASCII before the `@`, invisible characters, or for its domain an IP address or a
    /// single label.
    pub fn parse(text: &str) -> Result<Self, InvalidEmail> {
        let (local, domain) = text.trim().rsplit_once('@').ok_or(InvalidEmail)?;
        // Before UTS #46, which skips what is invisible and takes long over long texts.
        let is_readable = text.len() <= 4 * MOST_OCTETS && domain.chars().all(is_visible_in_domain);
        if !is_readable || !local.is_ascii() || local.starts_with('"') {
            return Err(InvalidEmail);
        }
        let domain = idna::domain_to_ascii_strict(domain).map_err(|_| InvalidEmail)?;
        let address = format!("{}@{domain}", local.to_ascii_lowercase());
        let plain = Options::default().without_display_text().without_domain_literal().with_required_tld();
        let is_address = EmailAddress::parse_with_options(&address, plain).is_ok();
        if is_address && address.len() <= MOST_OCTETS && !ends_in_number(&domain) {
            Ok(Self(address))
        } else {
            Err(InvalidEmail)
        }
    }

    /// The canonical text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Letters, digits and marks of any script, hyphens, and the full stops that UTS #46 takes for a dot.
fn is_visible_in_domain(c: char) -> bool {
    matches!(c, '-' | '.' | '。' | '．' | '｡')
        || (c.is_alphanumeric() || is_combining_mark(c)) && !is_invisible(c)
}

/// Whether the last label is a number, as in an IP address; no top-level domain is (RFC 3696, section 2).
fn ends_in_number(domain: &str) -> bool {
    domain.rsplit('.').next().is_some_and(|label| label.bytes().all(|byte| byte.is_ascii_digit()))
}

impl TryFrom<String> for Email {
    type Error = InvalidEmail;

    fn try_from(text: String) -> Result<Self, InvalidEmail> {
        Self::parse(&text)
    }
}

impl std::str::FromStr for Email {
    type Err = InvalidEmail;

    fn from_str(text: &str) -> Result<Self, InvalidEmail> {
        Self::parse(text)
    }
}

impl From<Email> for String {
    fn from(email: Email) -> Self {
        email.0
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (local, domain) = self.0.split_once('@').unwrap_or_default();
        write!(f, "{}…@{domain}", local.get(..1).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn canonical(text: &str) -> Option<String> {
        Email::parse(text).ok().map(String::from)
    }

    #[test]
    fn case_and_surrounding_space_do_not_tell_addresses_apart() {
        assert_eq!(canonical(" John.Doe+News@Example.COM\r\n").as_deref(), Some("john.doe+news@example.com"));
        assert_ne!(Email::parse("john+news@example.com"), Email::parse("john@example.com"));
    }

    #[test]
    fn a_domain_has_one_spelling() {
        for domain in ["bücher.example", "BU\u{308}CHER.example", "xn--bcher-kva.example", "ｂücher。example"]
        {
            assert_eq!(
                canonical(&format!("a@{domain}")).as_deref(),
                Some("a@xn--bcher-kva.example"),
                "{domain}"
            );
        }
    }

    #[test]
    fn look_alikes_never_become_another_address() {
        for address in
            ["m\u{131}ke@example.com", "mi\u{212a}e@example.com", "аdmin@example.com", "ａdmin@example.com"]
        {
            assert_eq!(canonical(address), None, "{address}");
        }
        for domain in ["m\u{131}x.example", "m\u{130}x.example", "еxample.com"] {
            let email = canonical(&format!("mike@{domain}")).unwrap();
            assert!(email.starts_with("mike@xn--"), "{email}");
        }
    }

    #[test]
    fn nothing_invisible_is_accepted() {
        for hidden in [
            '\0', '\t', '\n', '\u{ad}', '\u{200b}', '\u{200d}', '\u{202e}', '\u{2066}', '\u{feff}',
            '\u{3164}', '\u{fe0f}',
        ] {
            assert_eq!(canonical(&format!("jo{hidden}hn@example.com")), None, "{hidden:?}");
            assert_eq!(canonical(&format!("john@exam{hidden}ple.com")), None, "{hidden:?}");
        }
    }

    #[test]
    fn what_is_no_plain_address_is_refused() {
        let refused = [
            "",
            "@",
            "john",
            "john@",
            "@example.com",
            "john@example",
            "john@example.com.",
            "john@.example.com",
            "john@example..com",
            ".john@example.com",
            "john.@example.com",
            "jo..hn@example.com",
            "jo hn@example.com",
            "\"john\"@example.com",
            "\"a@b\"@example.com",
            "john(comment)@example.com",
            "john@(comment)example.com",
            "John <john@example.com>",
            "<john@example.com>",
            "john@[127.0.0.1]",
            "john@127.0.0.1",
            "john@[::1]",
            "john@-example.com",
            "john@exa_mple.com",
            "john＠example.com",
            "a@b＠example.com",
            "john@xn--0.example",
            "john@example.com,jane@example.com",
            "john@example.com\r\nBcc: jane@example.com",
        ];
        for text in refused {
            assert_eq!(canonical(text), None, "{text:?}");
        }
    }

    #[test]
    fn lengths_are_those_of_smtp() {
        let local = "a".repeat(64);
        assert!(canonical(&format!("{local}@example.com")).is_some());
        assert!(canonical(&format!("a{local}@example.com")).is_none());
        let domain = format!("{}.{}.{}.com", "b".repeat(62), "c".repeat(61), "d".repeat(60));
        let longest = format!("{local}@{domain}");
        assert_eq!((longest.len(), canonical(&longest).as_ref()), (254, Some(&longest)));
        assert!(canonical(&format!("{local}@x{domain}")).is_none());
    }

    #[test]
    fn answers_show_an_address_and_logs_mask_it() {
        let email = Email::parse("john@example.com").unwrap();
        assert_eq!(email.to_string(), "john@example.com");
        assert_eq!(format!("{email:?}"), "j…@example.com");
    }

    #[test]
    fn json_holds_the_canonical_text_and_is_checked() {
        let email: Email = serde_json::from_str(r#""John@Example.com""#).unwrap();
        assert_eq!(serde_json::to_string(&email).unwrap(), r#""john@example.com""#);
        assert!(serde_json::from_str::<Email>(r#""john""#).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_answered_and_an_answer_is_final(text in r"\PC{0,20}@?\PC{0,20}(\.com)?") {
            if let Ok(email) = Email::parse(&text) {
                prop_assert!(email.as_str().is_ascii());
                prop_assert_eq!(Email::parse(email.as_str()), Ok(email));
            }
        }

        #[test]
        fn ascii_case_never_matters(text in r"[a-zA-Z0-9.+_-]{1,12}@[a-zA-Zäöüß0-9-]{1,12}\.[a-zA-Z]{2,6}") {
            prop_assert_eq!(Email::parse(&text.to_ascii_uppercase()), Email::parse(&text.to_ascii_lowercase()));
        }
    }
}
