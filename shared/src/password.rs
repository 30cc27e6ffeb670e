//! Passwords: how they are carried, which may be chosen, how they are compared with what is stored.
//!
//! A password enters as a [`Secret`], becomes a [`Password`] in one normal form, and is stored as a
//! [`PasswordHash`] only. No password can be shown or logged, and none is hashed before its length is known.

mod argon2;
mod common;
mod hashing;
mod imported;

use std::fmt;

use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

pub use hashing::{Busy, PasswordHash, Passwords};

use crate::secret::Secret;

/// The fewest characters of a chosen password (NIST SP 800-63B-4, section 3.1.1.2, beside a second factor).
const FEWEST: usize = 8;

/// The most characters (Unicode scalar values) of any password.
const MOST: usize = 128;

/// A password in normal form, 1 to 128 characters long: the same on every keyboard that types the same
/// characters (`OpaqueString` of RFC 8265, section 4.2: NFC, every space U+0020, nothing trimmed or folded).
#[derive(Clone)]
pub struct Password {
    normal: Zeroizing<String>,
    /// What was typed, if it is a claim and differs: what other systems made their hashes of.
    typed: Option<Zeroizing<String>>,
}

/// Which kinds of character a chosen password must have. All must have an upper-case letter, a lower-case letter
/// and a digit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// And one that is neither letter nor digit; a space is one.
    WithSpecial,
    /// And nothing else.
    WithoutSpecial,
}

/// A reason to refuse a chosen password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weakness {
    /// It has fewer than 8 characters.
    TooShort,
    /// It has more than 128 characters.
    TooLong,
    /// It has no upper-case letter.
    NoUppercase,
    /// It has no lower-case letter.
    NoLowercase,
    /// It has no digit.
    NoDigit,
    /// It has nothing but letters and digits.
    NoSpecial,
    /// It is one of the passwords that are tried first, or begins with one and goes on with digits and symbols.
    Common,
    /// It contains the person's name or e-mail address.
    Personal,
}

impl Weakness {
    /// What the person can do about it: a sentence without its full stop.
    pub fn message(self) -> &'static str {
        match self {
            Self::TooShort => "Use at least 8 characters",
            Self::TooLong => "Use at most 128 characters",
            Self::NoUppercase => "Add an upper-case letter",
            Self::NoLowercase => "Add a lower-case letter",
            Self::NoDigit => "Add a digit",
            Self::NoSpecial => "Add a character that is neither a letter nor a digit",
            Self::Common => "Choose a password that fewer people use",
            Self::Personal => "Leave out your name and e-mail address",
        }
    }
}

impl Password {
    /// A password that a person claims to be theirs. `None` if no password can be like that: it is empty, or has
    /// more than 128 characters.
    pub fn presented(secret: &Secret) -> Option<Self> {
        let normal = normal_form(secret.expose()).filter(|it| !it.is_empty())?;
        let differs = *normal != secret.expose();
        Some(Self { normal, typed: differs.then(|| Zeroizing::new(secret.expose().to_owned())) })
    }

    /// A password that a person wants to have. `person` is what others know of them: e-mail address and names.
    ///
    /// # Errors
    /// Tells every weakness at once; of one that is too long, only that.
    pub fn chosen(secret: &Secret, policy: Policy, person: &[&str]) -> Result<Self, Vec<Weakness>> {
        let password = normal_form(secret.expose()).ok_or_else(|| vec![Weakness::TooLong])?;
        let folded = Zeroizing::new(password.to_lowercase());
        let has = |kind: fn(char) -> bool| password.chars().any(kind);
        let rules = [
            (Weakness::TooShort, password.chars().count() >= FEWEST),
            (Weakness::NoUppercase, has(char::is_uppercase)),
            (Weakness::NoLowercase, has(char::is_lowercase)),
            (Weakness::NoDigit, has(char::is_numeric)),
            (Weakness::NoSpecial, policy == Policy::WithoutSpecial || has(|c| !c.is_alphanumeric())),
            (Weakness::Common, !is_common(&folded)),
            (Weakness::Personal, !person.iter().any(|detail| contains_detail(&folded, detail))),
        ];
        let weaknesses: Vec<_> = rules.into_iter().filter(|(_, kept)| !kept).map(|(it, _)| it).collect();
        if weaknesses.is_empty() { Ok(Self { normal: password, typed: None }) } else { Err(weaknesses) }
    }

    /// What our own hashes are made of.
    fn normal_form(&self) -> &[u8] {
        self.normal.as_bytes()
    }

    /// All that a hash of this password may have been made of.
    fn forms(&self) -> impl Iterator<Item = &[u8]> {
        [Some(&self.normal), self.typed.as_ref()].into_iter().flatten().map(|form| form.as_bytes())
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password")
    }
}

/// The normal form, `None` if that has more than 128 characters.
fn normal_form(text: &str) -> Option<Zeroizing<String>> {
    // No character has a canonical equivalent of more than 4 characters, or 16 octets: what is longer is refused
    // without looking at it.
    if text.len() > 16 * MOST {
        return None;
    }
    // Room for all that can come: a text that grows would leave copies behind.
    let mut normal = Zeroizing::new(String::with_capacity(4 * (MOST + 1)));
    normal.extend(text.chars().map(|c| if is_space(c) { ' ' } else { c }).nfc().take(MOST + 1));
    (normal.chars().count() <= MOST).then_some(normal)
}

/// Whether this is a space of any width (Unicode's category `Zs`).
fn is_space(c: char) -> bool {
    c.is_whitespace() && !c.is_control() && !matches!(c, '\u{2028}' | '\u{2029}')
}

fn is_common(folded: &str) -> bool {
    common::contains(folded) || common::contains(folded.trim_end_matches(|c: char| !c.is_alphabetic()))
}

/// Whether a password contains an e-mail address (by its local part) or a word of a name. What has fewer than
/// 3 characters does not count: `Jo` is in too many words.
fn contains_detail(folded: &str, detail: &str) -> bool {
    let detail = detail.nfc().collect::<String>().to_lowercase();
    let is_within = |word: &str| word.chars().nth(2).is_some() && folded.contains(word);
    match detail.split_once('@') {
        Some((local, _)) => is_within(local),
        None => is_within(&detail) || detail.split(|c: char| !c.is_alphanumeric()).any(is_within),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERSON: &[&str] = &["john.doe@example.com", "Jo", "O'Neil-Łęcki"];

    fn weaknesses(password: &str) -> Vec<Weakness> {
        Password::chosen(&Secret::new(password), Policy::WithSpecial, PERSON).err().unwrap_or_default()
    }

    fn presented(text: &str) -> Option<String> {
        Password::presented(&Secret::new(text)).map(|it| it.normal.to_string())
    }

    #[test]
    fn a_secret_is_never_printed() {
        let secret: Secret = serde_json::from_str(r#""hunter2""#).unwrap();
        assert_eq!(secret.expose(), "hunter2");
        let password = Password::presented(&secret).unwrap();
        assert_eq!(format!("{secret:?} {password:?}"), "Secret Password");
    }

    #[test]
    fn the_documented_example_passwords_are_accepted() {
        let person = &["john.doe@company.com", "newuser@example.com", "John", "Doe", "Jane Johnson"];
        for (password, policy) in [
            ("SecurePass123!", Policy::WithSpecial),
            ("TempPass123!", Policy::WithSpecial),
            ("NewSecurePass123!", Policy::WithSpecial),
            ("CurrentPass123!", Policy::WithSpecial),
            ("NewPass123!", Policy::WithSpecial),
            ("SecurePass123", Policy::WithoutSpecial),
        ] {
            let chosen = Password::chosen(&Secret::new(password), policy, person);
            assert!(chosen.is_ok(), "{password}: {chosen:?}");
        }
    }

    #[test]
    fn every_weakness_is_told_at_once() {
        use Weakness::{Common, NoDigit, NoLowercase, NoSpecial, NoUppercase, TooShort};
        assert_eq!(weaknesses(""), [TooShort, NoUppercase, NoLowercase, NoDigit, NoSpecial]);
        assert_eq!(weaknesses("monkey"), [TooShort, NoUppercase, NoDigit, NoSpecial, Common]);
        assert_eq!(weaknesses("UNHEARD OF"), [NoLowercase, NoDigit]);
    }

    #[test]
    fn common_passwords_are_refused_in_any_case_and_with_any_tail() {
        for password in ["Password123!", "pASSWORD1 !", "Qwerty2024!?", "P@ssw0rd", "Trustno1!"] {
            assert!(weaknesses(password).contains(&Weakness::Common), "{password}");
        }
        assert_eq!(weaknesses("Password of 12 whales"), []);
    }

    #[test]
    fn a_password_does_not_contain_who_it_belongs_to() {
        for password in
            ["7 John.Doe!", "x1!JOHN.DOE@example.com", "1Neil-ish!!", "Łęcki is 1.", "ŁE\u{328}CKI is a1"]
        {
            assert_eq!(weaknesses(password), [Weakness::Personal], "{password}");
        }
        for password in ["Jolly 7 whales", "Example.com 7", "1 DOE a deer", "O' 3 whales"] {
            assert_eq!(weaknesses(password), [], "{password}");
        }
    }

    #[test]
    fn a_space_is_special_and_any_script_has_letters_and_digits() {
        assert_eq!(weaknesses("Ωμέγα ٣ ωμ"), []);
        let plain = Password::chosen(&Secret::new("Unheard0f"), Policy::WithoutSpecial, &[]);
        assert!(plain.is_ok());
        assert_eq!(weaknesses("Unheard0f"), [Weakness::NoSpecial]);
    }

    #[test]
    fn length_counts_characters_of_the_normal_form() {
        assert_eq!(weaknesses("Aé1!ééé"), [Weakness::TooShort]);
        assert_eq!(weaknesses("Ae\u{301}1!e\u{301}e\u{301}e\u{301}"), [Weakness::TooShort]);
        assert_eq!(weaknesses(&format!("Aé1!{}", "\u{1f82}".repeat(124))), []);
        assert_eq!(weaknesses(&format!("Aé1!{}", "\u{3b1}\u{313}\u{300}\u{345}".repeat(124))), []);
        assert_eq!(weaknesses(&format!("Aé1!{}", "\u{1f82}".repeat(125))), [Weakness::TooLong]);
    }

    #[test]
    fn what_cannot_be_a_password_is_not_hashed() {
        assert_eq!(presented(""), None);
        assert_eq!(presented(&"a".repeat(129)), None);
        assert_eq!(presented(&"e\u{301}".repeat(5_000_000)), None);
        assert_eq!(presented(&"a".repeat(128)), Some("a".repeat(128)));
    }

    #[test]
    fn one_password_has_one_form_however_it_is_typed() {
        assert_eq!(presented("Ame\u{301}lie\u{a0}\u{3000}7"), presented("Am\u{e9}lie  7"));
        assert_eq!(presented(" a\0b\tc "), Some(" a\0b\tc ".to_owned()));
        assert_ne!(presented("ﬁ"), presented("fi"));
    }

    #[test]
    fn each_weakness_says_what_to_do() {
        use Weakness::{Common, NoDigit, NoLowercase, NoSpecial, NoUppercase, Personal, TooLong, TooShort};
        for weakness in [TooShort, TooLong, NoUppercase, NoLowercase, NoDigit, NoSpecial, Common, Personal] {
            let verb = weakness.message().split(' ').next().unwrap();
            assert!(["Use", "Add", "Choose", "Leave"].contains(&verb), "{verb}");
        }
    }

    proptest::proptest! {
        #[test]
        fn the_normal_form_is_final(text in r"\PC{0,40}") {
            if let Some(normal) = presented(&text) {
                proptest::prop_assert_eq!(presented(&normal), Some(normal));
            }
        }
    }
}
