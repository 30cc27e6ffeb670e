//! The API's description: current, complete, and readable with no internet.

use serde_json::Value;
use tests::{System, openapi, operations};

const CHECKED_IN: &str = include_str!("../../../functions/docs/openapi.json");

#[test]
fn the_description_is_current() {
    let current = local::openapi().unwrap();
    assert!(
        CHECKED_IN.trim_end() == current,
        "the API is not what its description says: look through the difference that \
         `cargo run -q -p local -- openapi > functions/docs/openapi.json` makes, and commit it"
    );
}

#[tokio::test]
async fn the_description_is_served() {
    let system = System::start().await;
    let answer = system.anybody().get("/openapi.json").await;
    assert!(answer.expect(200) == openapi(), "it is the one that is checked in");
    assert_eq!(answer.header("content-type"), "application/json");
    assert!(answer.json()["openapi"].as_str().unwrap().starts_with("3.1."));
}

#[tokio::test]
async fn the_pages_load_what_is_here_and_nothing_else() {
    let system = System::start().await;
    for path in ["/docs", "/redoc", "/docs/", "/redoc/"] {
        let page = system.anybody().get(path).await;
        assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"), "{path}");
        let policy = page.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("://"), "{policy}");
        let attributes = ["src=\"", "href=\"", "spec-url=\""];
        let loaded = attributes.iter().flat_map(|attribute| page.text.split(attribute).skip(1));
        let loaded: Vec<_> = loaded.filter_map(|rest| rest.split('"').next()).collect();
        assert!(loaded.len() >= 3, "{path} loads {loaded:?}");
        for file in loaded {
            assert!(file.starts_with('/') && !file.starts_with("//"), "{file}");
            assert_eq!(system.anybody().get(file).await.status, 200, "{file}");
        }
    }
}

#[test]
fn every_operation_says_what_it_does() {
    let mut names = Vec::new();
    for operation in operations() {
        let described = &operation.described;
        let summary = described["summary"].as_str().unwrap_or_default();
        assert!(!summary.is_empty() && !summary.ends_with('.'), "{}: {summary}", operation.path);
        assert_eq!(described["tags"].as_array().map(Vec::len), Some(1), "{}", operation.path);
        names.push(described["operationId"].as_str().unwrap_or_default().to_owned());
    }
    names.sort();
    let all = names.len();
    names.dedup();
    assert!(all >= 20 && names.len() == all && !names[0].is_empty(), "{names:?}");
}

#[test]
fn every_request_and_every_answer_has_a_schema() {
    let document = openapi();
    for operation in operations() {
        let (path, described) = (&operation.path, &operation.described);
        assert_eq!(operation.body.is_some(), described.get("requestBody").is_some(), "{path}");
        let responses = described["responses"].as_object().unwrap();
        assert!(responses.keys().any(|status| status.starts_with('2')), "{path}");
        for (status, response) in responses {
            let contents = response["content"].as_object().into_iter().flat_map(|types| types.values());
            assert!(contents.clone().count() > 0, "{path} {status}");
            assert!(contents.into_iter().all(|content| !content["schema"].is_null()), "{path} {status}");
            assert!(!response["description"].as_str().unwrap_or_default().is_empty(), "{path} {status}");
        }
    }
    for reference in references(&document).iter().filter(|it| it.contains("/schemas/")) {
        let schema = document.pointer(reference.trim_start_matches('#')).cloned().unwrap_or_default();
        let says =
            ["properties", "oneOf", "enum", "allOf", "items"].iter().any(|key| schema.get(key).is_some());
        assert!(says || schema["type"] == "string", "{reference}: {schema}");
    }
}

/// Everything that the document refers to in itself.
fn references(value: &Value) -> Vec<String> {
    match value {
        Value::Object(fields) => {
            let own = fields.get("$ref").and_then(Value::as_str).map(str::to_owned);
            own.into_iter().chain(fields.values().flat_map(references)).collect()
        }
        Value::Array(values) => values.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn only_what_takes_an_idempotency_key_refuses_one() {
    for operation in operations() {
        let (path, described) = (&operation.path, &operation.described);
        let takes_it = described["parameters"].to_string().contains("Idempotency-Key");
        let refuses_it = described["responses"].to_string().contains("`Idempotency-Key`");
        assert!(takes_it || !refuses_it, "{path}");
    }
}
