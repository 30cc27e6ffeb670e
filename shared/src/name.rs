//! Names of people: letters of any script, in one spelling (Unicode NFC), and nothing that a page, a mail header
//! or a log line could take for something else.
//!
//! `Debug` shows no kind of name, for logs.

use std::fmt;
use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// A first or last name: 2 to 50 characters (Unicode scalar values) that are letters with their marks, spaces,
/// hyphens or apostrophes; trimmed, single-spaced, each part beginning with a capital.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PersonName(String);

/// The name of a person in one text, as the API with a single `name` field has it.
#[derive(Clone, PartialEq, Eq)]
pub struct FullName {
    /// What stands before the first space.
    pub first: String,
    /// The rest; empty if there is none.
    pub last: String,
}

/// A second, short name of an account: 3 to 32 of `a` to `z`, digits, `_`, `.` and `-`, in small letters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Username(String);

/// The text cannot be a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidName {
    /// For a [`PersonName`].
    #[error("must be 2 to 50 characters: letters, spaces, hyphens and apostrophes")]
    Part,
    /// For a [`FullName`].
    #[error("must be 1 to 100 characters, without control characters")]
    Full,
    /// For a [`Username`].
    #[error("must be 3 to 32 characters: lower-case letters, digits, `_`, `.` and `-`")]
    User,
}

impl PersonName {
    /// Reads a name as a person types it. The first letter of each part becomes a capital, the others stay as
    /// they are: `mary-jane o'neil` is `Mary-Jane O'Neil`, and `McDonald` stays.
    ///
    /// # Errors
    /// If it has fewer than 2 or more than 50 characters, one that does not belong into a name, or no letter.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let name = capitalised(&single_spaced(text));
        let is_name = (2..=50).contains(&name.chars().count())
            && name.chars().all(|c| is_letter(c) || is_mark(c) || is_separator(c))
            && name.chars().any(is_letter)
            && !name.starts_with(is_mark);
        if is_name { Ok(Self(name)) } else { Err(InvalidName::Part) }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FullName {
    /// Reads a whole name and splits it at its first space.
    ///
    /// # Errors
    /// If it has, trimmed, no or more than 100 characters, or one that controls how text is shown.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let name = single_spaced(text);
        if !(1..=100).contains(&name.chars().count()) || name.chars().any(is_control) {
            return Err(InvalidName::Full);
        }
        let (first, last) = name.split_once(' ').unwrap_or((&name, ""));
        Ok(Self { first: first.to_owned(), last: last.to_owned() })
    }
}

impl Username {
    /// Reads a user name; capitals become small letters.
    ///
    /// # Errors
    /// If it has fewer than 3 or more than 32 characters, or others than those.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let name = text.trim().to_ascii_lowercase();
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '.' | '-');
        let is_name = (3..=32).contains(&name.len()) && name.chars().all(allowed);
        if is_name { Ok(Self(name)) } else { Err(InvalidName::User) }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// `text`, trimmed, if it is one line of so many characters, none of which controls how text is shown.
pub fn line(text: &str, length: RangeInclusive<usize>) -> Option<String> {
    let text = text.trim();
    let is_line = length.contains(&text.chars().count()) && !text.chars().any(is_control);
    is_line.then(|| text.to_owned())
}

/// A text as a search sees it: compatible characters are the same (Unicode NFKC), capitals small.
pub fn folded(text: &str) -> String {
    text.trim().nfkc().flat_map(char::to_lowercase).nfkc().collect()
}

/// The text in NFC, trimmed, each run of spaces made one.
fn single_spaced(text: &str) -> String {
    let text: String = text.trim().nfc().collect();
    text.split(' ').filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

fn capitalised(name: &str) -> String {
    let mut begins_part = true;
    let capitalised = name.chars().map(|c| {
        let capital = if begins_part { capital(c) } else { c };
        begins_part = is_separator(c);
        capital
    });
    // Once more: a capital may compose with the mark after it where the small letter does not (`i̇`, `İ`).
    capitalised.nfc().collect()
}

/// The capital of a letter that has one. Georgian has capitals for whole words only; a letter whose capital is
/// two letters (`ß`) begins no name.
fn capital(letter: char) -> char {
    let mut upper = letter.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(capital), None) if !matches!(letter, 'ა'..='ჿ') => capital,
        _ => letter,
    }
}

fn is_separator(c: char) -> bool {
    matches!(c, ' ' | '-' | '\'' | '’')
}

fn is_letter(c: char) -> bool {
    c.is_alphabetic() && !is_combining_mark(c) && !is_invisible(c)
}

fn is_mark(c: char) -> bool {
    is_combining_mark(c) && !is_invisible(c)
}

/// Letters and marks that show nothing (Unicode's `Default_Ignorable_Code_Point`): fillers, joiners, selectors.
pub(crate) fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{34f}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{ffa0}' | '\u{e0100}'..='\u{e01ef}')
}

/// Control characters, line and paragraph separators, and the marks that turn the direction of text
/// (Unicode's `Bidi_Control`).
fn is_control(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

impl TryFrom<String> for Username {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Self, InvalidName> {
        Self::parse(&text)
    }
}

impl From<Username> for String {
    fn from(name: Username) -> Self {
        name.0
    }
}

impl TryFrom<String> for PersonName {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Self, InvalidName> {
        Self::parse(&text)
    }
}

impl From<PersonName> for String {
    fn from(name: PersonName) -> Self {
        name.0
    }
}

impl fmt::Display for PersonName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for PersonName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PersonName(…)")
    }
}

impl fmt::Display for FullName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.first)?;
        if self.last.is_empty() { Ok(()) } else { write!(f, " {}", self.last) }
    }
}

impl fmt::Debug for Username {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Username(…)")
    }
}

impl fmt::Debug for FullName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FullName(…)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name(text: &str) -> Option<String> {
        PersonName::parse(text).ok().map(String::from)
    }

    #[test]
    fn each_part_begins_with_a_capital_and_goes_on_as_typed() {
        for (typed, expected) in [
            ("mary-jane o'neil", "Mary-Jane O'Neil"),
            ("  jean   d’arc ", "Jean D’Arc"),
            ("McDonald", "McDonald"),
            ("'t hooft", "'T Hooft"),
            ("e\u{301}mile", "Émile"),
            ("i\u{307}zmir", "İzmir"),
            ("ωμέγα", "Ωμέγα"),
            ("გიორგი", "გიორგი"),
            ("李小龍", "李小龍"),
            ("नेहा", "नेहा"),
            ("محمد", "محمد"),
        ] {
            assert_eq!(name(typed).as_deref(), Some(expected));
        }
    }

    #[test]
    fn what_does_not_belong_into_a_name_is_refused() {
        for text in [
            "R2D2",
            "a@b",
            "<b>x</b>",
            "Ann\nBcc",
            "Ann\tB",
            "Ann\u{a0}B",
            "An\u{200b}n",
            "An\u{202e}n",
            "=SUM",
        ] {
            assert_eq!(name(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_name_that_shows_nothing_is_refused() {
        for text in
            ["", "  ", "--", "- '", "\u{3164}\u{3164}", "\u{115f}\u{1160}", "\u{301}\u{301}", "A\u{fe0f}"]
        {
            assert_eq!(name(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_name_has_2_to_50_characters_however_they_are_encoded() {
        assert_eq!(name("J"), None);
        assert_eq!(name("Jo").as_deref(), Some("Jo"));
        assert!(name(&"é".repeat(50)).is_some());
        assert!(name(&"e\u{301}".repeat(50)).is_some());
        assert_eq!(name(&"é".repeat(51)), None);
    }

    #[test]
    fn a_full_name_is_split_at_its_first_space_and_joined_again() {
        for (text, first, last) in
            [("John Doe", "John", "Doe"), (" Ana  de la Cruz ", "Ana", "de la Cruz"), ("X", "X", "")]
        {
            let name = FullName::parse(text).unwrap();
            assert_eq!((name.first.as_str(), name.last.as_str()), (first, last));
            assert_eq!(FullName::parse(&name.to_string()), Ok(name));
        }
    }

    #[test]
    fn a_full_name_has_1_to_100_characters_and_controls_nothing() {
        assert!(FullName::parse(&"é".repeat(100)).is_ok());
        for text in [
            "",
            " \n ",
            &"é".repeat(101),
            "John\r\nBcc: x",
            "John\u{202e}Doe",
            "John\u{2028}Doe",
            "John\0Doe",
        ] {
            assert_eq!(FullName::parse(text), Err(InvalidName::Full), "{text:?}");
        }
    }

    #[test]
    fn a_line_is_trimmed_and_controls_nothing() {
        assert_eq!(line(" a\u{300} b ", 4..=4).as_deref(), Some("a\u{300} b"));
        assert_eq!(line(" ", 0..=1).as_deref(), Some(""));
        for text in ["", "abcd", "a\nb", "a\u{202e}", "a\u{2028}b"] {
            assert_eq!(line(text, 1..=3), None, "{text:?}");
        }
    }

    #[test]
    fn logs_show_no_name() {
        let (part, full) = (PersonName::parse("Ada").unwrap(), FullName::parse("Ada Lovelace").unwrap());
        assert_eq!(format!("{part:?} {full:?}"), "PersonName(…) FullName(…)");
    }

    #[test]
    fn json_holds_the_name_and_is_checked() {
        let name: PersonName = serde_json::from_str(r#""ada""#).unwrap();
        assert_eq!(serde_json::to_string(&name).unwrap(), r#""Ada""#);
        assert!(serde_json::from_str::<PersonName>(r#""4da""#).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_answered_and_an_answer_is_final(text in r"[\p{L}\p{M} '’-]{0,30}|\PC{0,30}") {
            if let Ok(name) = PersonName::parse(&text) {
                prop_assert_eq!(PersonName::parse(name.as_str()), Ok(name));
            }
            if let Ok(name) = FullName::parse(&text) {
                prop_assert_eq!(FullName::parse(&name.to_string()), Ok(name));
            }
        }
    }
}
