//! Holds a JSON body against the schema that the OpenAPI document shows for it, to name everything that is
//! missing or mistyped at once: deserialising stops at the first.

use serde_json::Value;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ArrayItems, Schema, SchemaType, Type};

use super::problem::FieldError;

/// The fields of `body` that are missing or of another type than `schema` shows.
pub(super) fn mistakes(schema: &RefOr<Schema>, body: &Value) -> Vec<FieldError> {
    let RefOr::T(Schema::Object(schema)) = schema else { return Vec::new() };
    let Some(fields) = body.as_object() else {
        return vec![FieldError::new("body", "must be a JSON object")];
    };
    let mut mistakes: Vec<FieldError> = schema
        .required
        .iter()
        .filter(|name| !fields.contains_key(*name))
        .map(|name| FieldError::new(name, "is missing"))
        .collect();
    for (name, property) in &schema.properties {
        let (RefOr::T(property), Some(value)) = (property, fields.get(name)) else { continue };
        if let Some(mistake) = mistake(property, value) {
            mistakes.push(FieldError::new(name, mistake));
        }
    }
    mistakes
}

/// What is wrong with the type of `value`, or with that of the elements of an array.
fn mistake(schema: &Schema, value: &Value) -> Option<String> {
    let schema_type = match schema {
        Schema::Object(object) => &object.schema_type,
        Schema::Array(array) => &array.schema_type,
        _ => return None,
    };
    let types = allowed(schema_type)?;
    if !types.iter().any(|it| fits(it, value)) {
        let names: Vec<_> = types.iter().filter(|it| **it != Type::Null).map(name_of).collect();
        return Some(format!("must be {}", names.join(" or ")));
    }
    let (Schema::Array(array), Some(elements)) = (schema, value.as_array()) else { return None };
    let ArrayItems::RefOrSchema(of) = &array.items else { return None };
    let RefOr::T(of) = &**of else { return None };
    let mistake = elements.iter().find_map(|element| mistake(of, element))?;
    Some(format!("each element {mistake}"))
}

/// The types that a schema allows; `None` if it allows any.
fn allowed(schema: &SchemaType) -> Option<Vec<Type>> {
    match schema {
        SchemaType::Type(it) => Some(vec![it.clone()]),
        SchemaType::Array(types) => Some(types.clone()),
        SchemaType::AnyValue => None,
    }
}

fn fits(expected: &Type, value: &Value) -> bool {
    match expected {
        Type::Object => value.is_object(),
        Type::String => value.is_string(),
        Type::Integer => value.is_i64() || value.is_u64(),
        Type::Number => value.is_number(),
        Type::Boolean => value.is_boolean(),
        Type::Array => value.is_array(),
        Type::Null => value.is_null(),
    }
}

fn name_of(expected: &Type) -> &'static str {
    match expected {
        Type::Object => "an object",
        Type::String => "a string",
        Type::Integer => "a whole number",
        Type::Number => "a number",
        Type::Boolean => "true or false",
        Type::Array => "an array",
        Type::Null => "null",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use utoipa::{PartialSchema as _, ToSchema};

    use super::*;

    #[derive(ToSchema)]
    #[expect(dead_code, reason = "only its schema is looked at")]
    struct Form {
        email: String,
        password: String,
        remember: Option<bool>,
        tags: Option<Vec<String>>,
    }

    #[test]
    fn everything_missing_or_mistyped_is_named_at_once() {
        let mistakes = mistakes(&Form::schema(), &json!({ "email": 7, "remember": "yes", "tags": ["a", 7] }));
        let expected = [
            ("password", "is missing"),
            ("email", "must be a string"),
            ("remember", "must be true or false"),
            ("tags", "each element must be a string"),
        ];
        assert_eq!(mistakes, expected.map(|(field, message)| FieldError::new(field, message)));
    }

    #[test]
    fn null_will_do_where_nothing_would() {
        let body = json!({ "email": "a@b.c", "password": "p", "remember": null, "unknown": 1 });
        assert_eq!(mistakes(&Form::schema(), &body), []);
    }
}
