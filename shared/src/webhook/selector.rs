//! Which events an endpoint wants: by name, by family (`user.*`), or all (`*`). What names no event that can happen
//! is refused, for it is a mistake that nobody would notice.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::event::EventType;

/// One or more types of events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Selector {
    /// Every event: `*`.
    All,
    /// Every event of a family: `user.*`.
    Family(String),
    /// The events of one type: `user.registered`.
    Type(EventType),
}

/// The text selects no event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be the name of an event such as user.registered, a family such as user.*, or *")]
pub struct InvalidSelector;

impl Selector {
    /// Whether it selects events of this type.
    pub fn selects(&self, event_type: EventType) -> bool {
        match self {
            Self::All => true,
            Self::Family(family) => event_type.family() == family,
            Self::Type(selected) => *selected == event_type,
        }
    }
}

impl FromStr for Selector {
    type Err = InvalidSelector;

    fn from_str(text: &str) -> Result<Self, InvalidSelector> {
        if text == "*" {
            return Ok(Self::All);
        }
        let mut types = EventType::ALL.iter();
        let selector = match text.strip_suffix(".*") {
            Some(family) => types.find(|it| it.family() == family).map(|_| Self::Family(family.to_owned())),
            None => types.find(|it| it.name() == text).map(|it| Self::Type(*it)),
        };
        selector.ok_or(InvalidSelector)
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("*"),
            Self::Family(family) => write!(f, "{family}.*"),
            Self::Type(event_type) => f.write_str(event_type.name()),
        }
    }
}

impl From<Selector> for String {
    fn from(selector: Selector) -> Self {
        selector.to_string()
    }
}

impl TryFrom<String> for Selector {
    type Error = InvalidSelector;

    fn try_from(text: String) -> Result<Self, InvalidSelector> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selector_is_written_as_it_is_read() {
        for text in ["*", "user.*", "security.*", "user.registered", "admin.user_created"] {
            assert_eq!(text.parse::<Selector>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_selects_nothing_is_refused() {
        for text in
            ["", ".*", "**", "use.*", "user.", "user.*.*", "user*", "*.login", "user.unknown", "USER.*"]
        {
            assert_eq!(text.parse::<Selector>(), Err(InvalidSelector), "{text}");
        }
    }

    #[test]
    fn a_family_is_no_prefix() {
        let selects = |text: &str, event| text.parse::<Selector>().unwrap().selects(event);
        assert!(selects("*", EventType::AdminUserCreated));
        assert!(selects("user.*", EventType::UserLogin));
        assert!(!selects("user.*", EventType::AdminUserCreated));
        assert!(selects("user.login", EventType::UserLogin));
        assert!(!selects("user.login", EventType::UserLogout));
    }
}
