//! The 10,000 passwords that are tried first.
//!
//! `common.txt` is the head of the password list of zxcvbn 4.5.0 (MIT; see `common.txt.license`), counted in real
//! breaches: its first 10,002 words without `newpass` and `temppass`, which passwords in this API's documented
//! examples begin with. It is in lower case, ASCII, and sorted by byte, so that it is searched as it lies in the
//! binary and nothing is built at start.

use std::cmp::Ordering;

const LIST: &str = include_str!("common.txt");

/// Whether `word`, in lower case, is on the list.
pub(super) fn contains(word: &str) -> bool {
    let mut rest = LIST;
    while !rest.is_empty() {
        let middle = rest.len() / 2;
        let start = rest[..middle].rfind('\n').map_or(0, |end_of_line| end_of_line + 1);
        let (before, from) = rest.split_at(start);
        let (line, after) = from.split_once('\n').unwrap_or((from, ""));
        match word.cmp(line) {
            Ordering::Equal => return true,
            Ordering::Less => rest = before,
            Ordering::Greater => rest = after,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_fit_to_be_searched() {
        let lines: Vec<_> = LIST.lines().collect();
        assert_eq!(lines.len(), 10_000);
        assert!(lines.is_sorted_by(|one, next| one < next));
        assert!(LIST.is_ascii() && LIST == LIST.to_lowercase() && LIST.ends_with('\n'));
    }

    #[test]
    fn every_word_is_found_and_no_other() {
        for line in LIST.lines() {
            assert!(contains(line), "{line}");
            assert!(!contains(&format!("{line}\u{1f}")), "{line}");
        }
        for word in ["", "\n", "123456\n", "a longer phrase", "~~~~~~~~~~", "\u{e9}"] {
            assert!(!contains(word), "{word:?}");
        }
    }
}
