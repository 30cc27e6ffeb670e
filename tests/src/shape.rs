//! Whether an answer has the shape of an example from the documents.

use serde_json::Value;

/// How `answer` differs in shape from `example`: nothing, if it has every field of the example, of that type.
///
/// A time stays a time and an identifier keeps its spelling. More fields are welcome. An array has elements
/// where the example's has, each like the example's first.
pub fn differences(example: &Value, answer: &Value) -> Vec<String> {
    match (example, answer) {
        (Value::Object(fields), Value::Object(there)) => fields
            .iter()
            .flat_map(|(name, example)| match there.get(name) {
                Some(value) => within(name, differences(example, value)),
                None => vec![format!("{name} is missing")],
            })
            .collect(),
        (Value::Array(examples), Value::Array(values)) => match examples.first() {
            Some(_) if values.is_empty() => vec!["is empty".to_owned()],
            Some(first) => values.iter().flat_map(|value| within("[]", differences(first, value))).collect(),
            None => Vec::new(),
        },
        _ if kind(example) == kind(answer) => Vec::new(),
        _ => vec![format!("is {}, not {}", kind(answer), kind(example))],
    }
}

fn within(name: &str, differences: Vec<String>) -> Vec<String> {
    differences.into_iter().map(|difference| format!("{name} {difference}")).collect()
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(number) if number.is_f64() => "a number",
        Value::Number(_) => "a whole number",
        Value::String(text) => kind_of_text(text),
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

fn kind_of_text(text: &str) -> &'static str {
    let known = [("usr_", "a user's id"), ("ver_", "a verification token"), ("eyJ", "a JSON Web Token")];
    match known.iter().find(|(prefix, _)| text.starts_with(prefix)) {
        Some((_, kind)) => kind,
        None if text.ends_with('Z') && text.get(10..11) == Some("T") => "a time in UTC",
        None if text.len() == 36 && text.matches('-').count() == 4 => "a UUID",
        None => "a text",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn more_is_welcome_and_less_is_named() {
        let example = json!({ "id": "usr_1", "at": "2024-01-15T10:30:00Z", "list": [{ "n": 1 }] });
        let answer =
            json!({ "id": "usr_2", "at": "2025-01-15T10:30:00.5Z", "list": [{ "n": 2, "m": 3 }], "more": 1 });
        assert_eq!(differences(&example, &answer), [""; 0]);
        let answer = json!({ "id": "2", "at": null, "list": [{ "n": 1 }, {}] });
        let expected =
            ["at is null, not a time in UTC", "id is a text, not a user's id", "list [] n is missing"];
        assert_eq!(differences(&example, &answer), expected);
    }

    #[test]
    fn an_empty_list_shows_nothing_of_its_elements() {
        assert_eq!(differences(&json!([1]), &json!([])), ["is empty"]);
        assert_eq!(differences(&json!([]), &json!([1])), [""; 0]);
    }
}
