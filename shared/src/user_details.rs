//! What else an account holds: a telephone number, and what whoever works with it keeps about it. Both are
//! bounded here, so that an item of the table can always hold them.

use serde_json::{Map, Value};

/// The longest telephone number, in characters.
const LONGEST_PHONE: usize = 32;
/// The most that is kept about an account, in bytes of JSON.
const MOST_METADATA: usize = 4_096;
/// Values may be nested this deep; DynamoDB takes 32 levels.
const DEEPEST_METADATA: usize = 16;
/// DynamoDB's numbers are zero, or lie between these.
const NUMBERS: std::ops::Range<f64> = 1e-130..1e126;

/// The text cannot be a telephone number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be at most 32 characters: digits, spaces and `+-()`")]
pub struct InvalidPhone;

/// The object cannot be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMetadata {
    /// For its size.
    #[error("must have at most 4,096 bytes as JSON")]
    TooLarge,
    /// For what is in it.
    #[error("must nest at most 16 levels, and have no empty name and no number beyond 1e125")]
    Unkept,
}

/// A telephone number as a person types it, trimmed; empty if there is none.
///
/// # Errors
/// If it is longer than 32 characters, or has others than those of a number.
pub fn phone(text: &str) -> Result<String, InvalidPhone> {
    let phone = text.trim();
    let allowed = |c: char| c.is_ascii_digit() || " +-()".contains(c);
    let is_phone = phone.len() <= LONGEST_PHONE
        && phone.chars().all(allowed)
        && (phone.is_empty() || phone.contains(|c: char| c.is_ascii_digit()));
    if is_phone { Ok(phone.to_owned()) } else { Err(InvalidPhone) }
}

/// What is kept about an account.
///
/// # Errors
/// If it is too large, or something in it that DynamoDB does not take.
pub fn metadata(object: Map<String, Value>) -> Result<Map<String, Value>, InvalidMetadata> {
    let value = Value::Object(object);
    if value.to_string().len() > MOST_METADATA {
        return Err(InvalidMetadata::TooLarge);
    }
    match value {
        Value::Object(object) if object.iter().all(|(name, value)| is_kept(name, value, 1)) => Ok(object),
        _ => Err(InvalidMetadata::Unkept),
    }
}

/// Whether DynamoDB keeps `value` under `name`, as deep as that lies.
fn is_kept(name: &str, value: &Value, depth: usize) -> bool {
    let is_number = |number: f64| number == 0.0 || NUMBERS.contains(&number.abs());
    !name.is_empty()
        && depth <= DEEPEST_METADATA
        && match value {
            Value::Object(fields) => fields.iter().all(|(name, value)| is_kept(name, value, depth + 1)),
            Value::Array(values) => values.iter().all(|value| is_kept("item", value, depth + 1)),
            Value::Number(number) => number.as_f64().is_some_and(is_number),
            _ => true,
        }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn kept(value: &Value) -> Result<(), InvalidMetadata> {
        metadata(value.as_object().cloned().unwrap_or_default()).map(drop)
    }

    #[test]
    fn a_telephone_number_is_taken_as_it_is_written() {
        assert_eq!(phone(" +44 (0)20 7946-0000 ").as_deref(), Ok("+44 (0)20 7946-0000"));
        assert_eq!(phone(" ").as_deref(), Ok(""));
        for text in ["0800 CALL", "+", "1\n2", "١٢٣", &"1".repeat(33)] {
            assert_eq!(phone(text), Err(InvalidPhone), "{text}");
        }
    }

    #[test]
    fn what_the_table_does_not_take_is_refused() {
        let deep = (0..16).fold(json!(1), |inner, _| json!({ "a": inner }));
        assert_eq!(kept(&deep), Ok(()));
        assert_eq!(kept(&json!({ "a": [0, -1.5, 1e125, null, ""], "b": { "c": u64::MAX } })), Ok(()));
        for value in [json!({ "a": deep }), json!({ "": 1 }), json!({ "a": [1e126] }), json!({ "a": 1e-200 })]
        {
            assert_eq!(kept(&value), Err(InvalidMetadata::Unkept), "{value}");
        }
    }

    #[test]
    fn metadata_has_4096_bytes_at_most() {
        let of = |bytes: usize| json!({ "a": "x".repeat(bytes - r#"{"a":""}"#.len()) });
        assert_eq!((kept(&of(4_096)), kept(&of(4_097))), (Ok(()), Err(InvalidMetadata::TooLarge)));
    }
}
