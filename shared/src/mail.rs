//! The letters that the system writes, the messages that ask for them, and the SES client that posts them.
//!
//! What a letter says stands in `mail/`: a `.txt` and a `.html` file each, around which the two layouts go. What
//! people typed is escaped, and their name is left out where it is no [`PersonName`], so that nobody can make us
//! mail a stranger's link. Subjects are constant, so that nothing typed reaches a header.

mod mailer;
mod order;

use std::fmt;

use jiff::Timestamp;
use minijinja::value::Serde;
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior, Value, context};
use serde::{Serialize, Serializer};

pub use mailer::{Mailer, SendError};
pub use order::Order;

use crate::name::PersonName;

/// A mail, ready to be sent.
#[derive(Clone, PartialEq, Eq)]
pub struct Mail {
    /// One line.
    pub subject: String,
    /// What clients show that show no HTML.
    pub text: String,
    /// A whole HTML document, without anything to be loaded from elsewhere.
    pub html: String,
}

impl fmt::Debug for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mail").field("subject", &self.subject).finish_non_exhaustive()
    }
}

/// A kind of mail, with what it tells. `first_name` is as the person typed it.
#[derive(Clone, Copy, Serialize)]
#[serde(untagged)]
#[expect(missing_docs, reason = "the fields are what their names say")]
pub enum Letter<'a> {
    /// Proves that an address is the person's.
    Verification { first_name: &'a str, link: &'a str, expires_hours: i64 },
    /// Lets a person choose a new password.
    PasswordReset { first_name: &'a str, link: &'a str, expires_minutes: i64 },
    /// Tells that an account was made for the person, who is to choose its password.
    Invitation { first_name: &'a str, link: &'a str, expires_days: i64 },
    /// Warns that the password is another now, and from which IP address that was done.
    PasswordChanged {
        first_name: &'a str,
        #[serde(serialize_with = "for_people")]
        at: Timestamp,
        address: Option<&'a str>,
    },
    /// Proves that an address is the person's whose account is to have it.
    EmailProof { first_name: &'a str, link: &'a str, expires_hours: i64 },
    /// Warns that the account is to have another address, and from which IP address that was asked for.
    EmailChangeRequested {
        first_name: &'a str,
        #[serde(serialize_with = "for_people")]
        at: Timestamp,
        address: Option<&'a str>,
    },
    /// Tells at the address that an account has now who made it so, and when.
    EmailAssigned {
        first_name: &'a str,
        #[serde(serialize_with = "for_people")]
        at: Timestamp,
    },
    /// Warns at the address that an account had until now.
    EmailReplaced {
        first_name: &'a str,
        #[serde(serialize_with = "for_people")]
        at: Timestamp,
    },
    /// An administrator let the person in.
    AccountApproved { first_name: &'a str },
    /// An administrator did not.
    AccountRejected { first_name: &'a str, reason: Option<&'a str> },
    /// Tells that a webhook that the person made takes nothing, and was switched off.
    WebhookDisabled {
        first_name: &'a str,
        webhook: &'a str,
        #[serde(serialize_with = "for_people")]
        at: Timestamp,
    },
    /// Warns that a spent refresh token was used again, which ended the session.
    SessionRevoked {
        first_name: &'a str,
        #[serde(serialize_with = "for_people")]
        at: Timestamp,
    },
}

/// `21 November 2026, 10:06 UTC`.
fn for_people<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&at.strftime("%-d %B %Y, %H:%M UTC"))
}

/// The sources of a letter: its text, which begins with the subject, and its HTML.
macro_rules! sources {
    ($name:literal) => {
        (include_str!(concat!("mail/", $name, ".txt")), include_str!(concat!("mail/", $name, ".html")))
    };
}

impl Letter<'_> {
    /// Writes the letter.
    ///
    /// # Errors
    /// If a template is wrong, which the tests below rule out.
    pub fn render(&self) -> Result<Mail, Error> {
        let (layout_text, layout_html) = sources!("layout");
        let (text, html) = self.sources();
        let (subject, text) = text
            .strip_prefix("Subject: ")
            .and_then(|text| text.split_once("\n\n"))
            .ok_or_else(|| Error::new(ErrorKind::SyntaxError, "a letter begins with its subject"))?;
        let mut templates = Environment::new();
        templates.set_undefined_behavior(UndefinedBehavior::SemiStrict);
        let name = PersonName::parse(self.first_name()).ok().map(String::from);
        let facts = context! { name, subject, ..Value::from(Serde(self)) };
        // Values are escaped where the name ends in `.html`.
        let fill = |kind: &str, letter: &str, layout: &str| {
            let content = Value::from_safe_string(templates.render_named_str(kind, letter, &facts)?);
            templates.render_named_str(kind, layout, context! { content, ..facts.clone() })
        };
        Ok(Mail {
            subject: subject.to_owned(),
            text: fill("letter.txt", text, layout_text)?,
            html: fill("letter.html", html, layout_html)?,
        })
    }

    fn sources(&self) -> (&'static str, &'static str) {
        match self {
            Self::Verification { .. } => sources!("verification"),
            Self::PasswordReset { .. } => sources!("password_reset"),
            Self::Invitation { .. } => sources!("invitation"),
            Self::PasswordChanged { .. } => sources!("password_changed"),
            Self::EmailProof { .. } => sources!("email_proof"),
            Self::EmailChangeRequested { .. } => sources!("email_change_requested"),
            Self::EmailAssigned { .. } => sources!("email_assigned"),
            Self::EmailReplaced { .. } => sources!("email_replaced"),
            Self::AccountApproved { .. } => sources!("account_approved"),
            Self::AccountRejected { .. } => sources!("account_rejected"),
            Self::SessionRevoked { .. } => sources!("session_revoked"),
            Self::WebhookDisabled { .. } => sources!("webhook_disabled"),
        }
    }

    fn first_name(&self) -> &str {
        match self {
            Self::Verification { first_name, .. }
            | Self::PasswordReset { first_name, .. }
            | Self::Invitation { first_name, .. }
            | Self::PasswordChanged { first_name, .. }
            | Self::EmailProof { first_name, .. }
            | Self::EmailChangeRequested { first_name, .. }
            | Self::EmailAssigned { first_name, .. }
            | Self::EmailReplaced { first_name, .. }
            | Self::AccountApproved { first_name }
            | Self::AccountRejected { first_name, .. }
            | Self::SessionRevoked { first_name, .. }
            | Self::WebhookDisabled { first_name, .. } => first_name,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINK: &str = "https://app.test/verify?token=ver_1&next=a";

    fn letters(first_name: &str) -> [Letter<'_>; 12] {
        let at = "2026-11-21T10:06:07Z".parse().unwrap();
        [
            Letter::Verification { first_name, link: LINK, expires_hours: 24 },
            Letter::PasswordReset { first_name, link: LINK, expires_minutes: 1 },
            Letter::PasswordChanged { first_name, at, address: Some("192.0.2.7") },
            Letter::AccountApproved { first_name },
            Letter::AccountRejected { first_name, reason: Some("Not <one> of us") },
            Letter::SessionRevoked { first_name, at },
            Letter::Invitation { first_name, link: LINK, expires_days: 7 },
            Letter::EmailAssigned { first_name, at },
            Letter::EmailReplaced { first_name, at },
            Letter::EmailProof { first_name, link: LINK, expires_hours: 24 },
            Letter::EmailChangeRequested { first_name, at, address: Some("192.0.2.7") },
            Letter::WebhookDisabled { first_name, webhook: "hook_1", at },
        ]
    }

    #[test]
    fn every_letter_is_whole_in_text_and_html() {
        for letter in letters("Ada") {
            let Mail { subject, text, html } = letter.render().unwrap();
            assert!(text.starts_with("Hello Ada,\n\n") && !text.contains("\n\n\n"), "{text}");
            assert!(text.ends_with(['.', 'a']), "{text}");
            assert!(html.contains("<p style=\"margin:0 0 16px\">Hello Ada,</p>"), "{html}");
            assert!(html.contains(&format!("<title>{subject}</title>")), "{html}");
            for written in [text, html] {
                assert!(
                    !written.contains("{{") && !written.contains("{%") && !written.contains("none,"),
                    "{written}"
                );
            }
        }
    }

    #[test]
    fn a_letter_tells_its_facts() {
        let facts = [
            ["24 hours", "address is yours"],
            ["1 minute.", "new one"],
            ["21 November 2026, 10:06 UTC", "from 192.0.2.7"],
            ["approved", "all of it"],
            ["not been approved", "The reason given: Not "],
            ["21 November 2026, 10:06 UTC", "sign in again"],
            ["7 days", "choose your password"],
            ["21 November 2026, 10:06 UTC", "the address of your account"],
            ["21 November 2026, 10:06 UTC", "another address"],
            ["24 hours", "the address of your account"],
            ["21 November 2026, 10:06 UTC", "from 192.0.2.7"],
            ["21 November 2026, 10:06 UTC", "hook_1"],
        ];
        for (letter, facts) in letters("Ada").iter().zip(facts) {
            let mail = letter.render().unwrap();
            for fact in facts {
                assert!(mail.text.contains(fact), "{}", mail.text);
                assert!(
                    mail.html.replace("<strong>", "").replace("</strong>", "").contains(fact),
                    "{}",
                    mail.html
                );
            }
        }
    }

    #[test]
    fn what_is_optional_may_be_missing() {
        let at = Timestamp::UNIX_EPOCH;
        let changed = Letter::PasswordChanged { first_name: "Ada", at, address: None }.render().unwrap();
        assert!(changed.text.contains("on 1 January 1970, 00:00 UTC.\n"), "{}", changed.text);
        let rejected = Letter::AccountRejected { first_name: "Ada", reason: None }.render().unwrap();
        assert!(!rejected.text.contains("reason") && !rejected.html.contains("reason"), "{}", rejected.text);
    }

    #[test]
    fn a_link_is_a_button_and_plain_text() {
        let mail = letters("Ada")[0].render().unwrap();
        assert!(mail.text.ends_with(&format!("\n\n{LINK}")), "{}", mail.text);
        let escaped = "https:&#x2f;&#x2f;app.test&#x2f;verify?token=ver_1&amp;next=a";
        assert_eq!(mail.html.matches(&format!("href=\"{escaped}\"")).count(), 2, "{}", mail.html);
        assert!(mail.html.contains(&format!(">{escaped}</a>")), "{}", mail.html);
    }

    #[test]
    fn a_name_that_is_none_is_left_out() {
        for name in
            ["https://evil.test", "evil.test", "Ada\r\nBcc: eve@evil.test", "<b>Ada</b>", "{{ link }}", ""]
        {
            for letter in letters(name) {
                let mail = letter.render().unwrap();
                assert!(mail.text.starts_with("Hello,\n\n"), "{}", mail.text);
                assert!(mail.html.contains(">Hello,</p>") && !mail.html.contains("evil"), "{}", mail.html);
                assert_eq!(mail.subject.lines().count(), 1);
            }
        }
    }

    #[test]
    fn what_an_administrator_typed_is_escaped() {
        let mail = letters("Ada")[4].render().unwrap();
        assert!(mail.text.contains("Not <one> of us"), "{}", mail.text);
        assert!(mail.html.contains("Not &lt;one&gt; of us"), "{}", mail.html);
    }

    #[test]
    fn subjects_are_constant_and_html_loads_nothing() {
        for letter in letters("Ada") {
            let (text, html) = letter.sources();
            assert!(text.lines().next().is_some_and(|subject| !subject.contains('{')), "{text}");
            for loading in ["<img", "src=", "url(", "@import", "<link", "<script"] {
                assert!(!html.contains(loading) && !sources!("layout").1.contains(loading), "{loading}");
            }
        }
    }

    #[test]
    fn every_element_that_opens_closes() {
        for letter in letters("Ada") {
            let html = letter.render().unwrap().html;
            for element in ["html", "head", "body", "table", "tr", "td", "p", "a", "h1", "strong"] {
                let opened = html.matches(&format!("<{element}>")).count()
                    + html.matches(&format!("<{element} ")).count();
                assert_eq!(opened, html.matches(&format!("</{element}>")).count(), "{element} in {html}");
            }
        }
    }

    #[test]
    fn logs_show_no_link() {
        let mail = letters("Ada")[0].render().unwrap();
        assert_eq!(format!("{mail:?}"), r#"Mail { subject: "Confirm your e-mail address", .. }"#);
    }
}
