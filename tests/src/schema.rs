//! Whether a value is what a schema of the OpenAPI document describes, and has nothing that it does not describe.

use serde_json::{Map, Value};

/// How `value` is not as `schema` describes it: nothing, if it has every member that is required, none that is not
/// described, and each of its type. A schema says more than this knows: that is a mistake too.
pub fn mistakes(document: &Value, schema: &Value, value: &Value) -> Vec<String> {
    if let Some(reference) = schema["$ref"].as_str() {
        let schema = document.pointer(reference.trim_start_matches('#')).unwrap_or(&Value::Null);
        return mistakes(document, schema, value);
    }
    if let Some(allowed) = schema["enum"].as_array().filter(|allowed| !allowed.contains(value)) {
        return vec![format!("is {value}, not one of {allowed:?}")];
    }
    match (schema["type"].as_str(), value) {
        (Some("object"), Value::Object(members)) => mistakes_of_object(document, schema, members),
        (Some("array"), Value::Array(items)) => {
            let of_item = |(index, item)| within(index, mistakes(document, &schema["items"], item));
            items.iter().enumerate().flat_map(of_item).collect()
        }
        (Some("string"), Value::String(_)) | (Some("boolean"), Value::Bool(_)) => Vec::new(),
        (Some("integer"), Value::Number(number)) if !number.is_f64() => Vec::new(),
        (expected, _) => vec![format!("is {value}, not {expected:?}")],
    }
}

fn mistakes_of_object(document: &Value, schema: &Value, members: &Map<String, Value>) -> Vec<String> {
    let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let missing =
        required.filter(|name| !members.contains_key(*name)).map(|name| format!("{name} is missing"));
    let wrong = members.iter().flat_map(|(name, value)| {
        match schema["properties"].get(name).or_else(|| schema.get("additionalProperties")) {
            Some(schema) => within(name, mistakes(document, schema, value)),
            None => vec![format!("{name} is not described")],
        }
    });
    missing.chain(wrong).collect()
}

fn within(place: impl std::fmt::Display, mistakes: Vec<String>) -> Vec<String> {
    mistakes.into_iter().map(|mistake| format!("{place} {mistake}")).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_missing_of_another_type_or_not_described_is_named() {
        let document = json!({ "a": { "type": "string", "enum": ["x"] } });
        let schema = json!({
            "type": "object", "required": ["a", "b"],
            "properties": {
                "a": { "$ref": "#/a" }, "b": { "type": "integer" },
                "c": { "type": "array", "items": { "type": "boolean" } },
            },
        });
        let mistakes = |value| mistakes(&document, &schema, &value);
        assert_eq!(mistakes(json!({ "a": "x", "b": 1, "c": [true] })), [""; 0]);
        let wrong = mistakes(json!({ "a": "y", "c": [1], "d": 1 }));
        let expected = [
            "b is missing",
            "a is \"y\", not one of [String(\"x\")]",
            "c 0 is 1, not Some(\"boolean\")",
            "d is not described",
        ];
        assert_eq!(wrong, expected);
    }
}
