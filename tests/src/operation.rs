//! The operations that the OpenAPI document describes, to walk over all of them.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::Value;

use crate::Answer;

/// An operation of the API.
#[derive(Clone, Debug)]
pub struct Operation {
    /// Its method.
    pub method: Method,
    /// Its path, with an id or a name that nobody has where the document has a parameter.
    pub path: String,
    /// Its path as the document has it.
    pub template: String,
    /// What the document says of it.
    pub described: Value,
    /// The schema of its body, if it takes one.
    pub body: Option<Value>,
    /// The fields that its answers have, by their status.
    answers: BTreeMap<u16, Vec<String>>,
}

/// The OpenAPI document.
///
/// # Panics
/// When it is no JSON.
pub fn openapi() -> Value {
    let document = local::openapi().expect("the document is written");
    serde_json::from_str(&document).expect("the document is JSON")
}

/// All operations of the API.
pub fn operations() -> Vec<Operation> {
    let document = openapi();
    let paths = document["paths"].as_object().into_iter().flatten();
    let described = paths.flat_map(|(path, item)| {
        item.as_object().into_iter().flatten().map(move |(method, described)| (path, method, described))
    });
    let operation = |(path, method, described): (&String, &String, &Value)| Operation {
        method: method.to_uppercase().parse().unwrap_or_default(),
        path: with_nobodys_parameters(path),
        template: path.clone(),
        described: described.clone(),
        body: body_schema(&document, described),
        answers: answers(&document, described),
    };
    described.map(operation).collect()
}

/// The schema of an operation's body, also where the body may be left out.
fn body_schema(document: &Value, described: &Value) -> Option<Value> {
    let schema = described.pointer("/requestBody/content/application~1json/schema")?;
    let choices = schema["oneOf"].as_array().into_iter().flatten();
    let reference = choices.chain([schema]).find_map(|choice| choice["$ref"].as_str())?;
    document.pointer(reference.trim_start_matches('#')).cloned()
}

fn answers(document: &Value, described: &Value) -> BTreeMap<u16, Vec<String>> {
    let responses = described["responses"].as_object().into_iter().flatten();
    let fields = responses.filter_map(|(status, response)| {
        let schema = response.pointer("/content/application~1json/schema").unwrap_or(&Value::Null);
        Some((status.parse().ok()?, required(document, schema)))
    });
    fields.collect()
}

/// The fields that a schema, whole or in parts, asks for.
fn required(document: &Value, schema: &Value) -> Vec<String> {
    let reference = schema["$ref"].as_str().and_then(|it| document.pointer(it.trim_start_matches('#')));
    let parts = schema["allOf"].as_array().into_iter().flatten().chain(reference);
    let own = schema["required"].as_array().into_iter().flatten();
    let own = own.filter_map(|name| name.as_str().map(str::to_owned));
    own.chain(parts.flat_map(|part| required(document, part))).collect()
}

impl Operation {
    /// The same operation under another spelling of its path.
    #[must_use]
    pub fn at(&self, path: &str) -> Self {
        Self { path: path.to_owned(), ..self.clone() }
    }

    /// The fields of its body.
    pub fn fields(&self) -> Vec<String> {
        let schema = self.body.as_ref();
        let properties = schema.and_then(|schema| schema["properties"].as_object());
        properties.into_iter().flatten().map(|(name, _)| name.clone()).collect()
    }

    /// The fields that its body must have.
    pub fn required_fields(&self) -> Vec<String> {
        self.body.as_ref().map(|schema| required(&Value::Null, schema)).unwrap_or_default()
    }

    /// Whether it needs an access token.
    pub fn needs_token(&self) -> bool {
        let choices = self.described["security"].as_array();
        choices.is_some_and(|choices| choices.iter().all(|choice| choice.get("access_token").is_some()))
    }

    /// What the document asks of an answer that this one has not got: its status, or fields.
    pub fn undocumented(&self, answer: &Answer) -> Vec<String> {
        let Some(fields) = self.answers.get(&answer.status) else { return vec![answer.status.to_string()] };
        let body = answer.json();
        fields.iter().filter(|field| body.get(field).is_none()).cloned().collect()
    }
}

/// The path with an id or a name that nobody has in the place of each parameter.
pub fn with_nobodys_parameters(path: &str) -> String {
    let part = |part: &str| match part {
        "{name}" => "nobodys_role".to_owned(),
        id if id.starts_with('{') => "00000000-0000-4000-8000-000000000000".to_owned(),
        other => other.to_owned(),
    };
    path.split('/').map(part).collect::<Vec<_>>().join("/")
}
