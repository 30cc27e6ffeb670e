//! Refusals look alike on every route of the API, as the clients of its family know them.

use reqwest::Method;
use serde_json::{Value, json};
use tests::{Answer, Client, Operation, System, operations};

const REQUEST_ID: &str = "3f2b8c1e-9d47-4a6f-8b21-0c5d7e9f1a34";
/// What every path is asked for.
const METHODS: [Method; 5] = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];

/// Sends a body of this content type.
async fn send(client: &Client, operation: &Operation, content_type: &str, body: impl Into<String>) -> Answer {
    let request = client.request(operation.method.clone(), &operation.path);
    Answer::of(request.header("content-type", content_type).body(body.into())).await
}

async fn send_json(client: &Client, operation: &Operation, body: impl Into<String>) -> Answer {
    send(client, operation, "application/json", body).await
}

/// Holds a refusal against what the clients of `path` know.
#[track_caller]
fn assert_refusal(answer: &Answer, path: &str, (status, code): (u16, &str)) {
    let body = if path.starts_with("/api/users") {
        answer
            .like(status, &json!({ "message": "", "error": { "code": code, "message": "", "details": [] } }))
    } else {
        let body = answer.like(
            status,
            &json!({
                "error_code": code,
                "message": "",
                "details": { "data": [] },
                "error": { "code": code, "message": "", "details": {} },
                "timestamp": "2024-01-15T10:30:00Z",
                "path": path,
            }),
        );
        assert_eq!((&body["path"], &body["error_code"]), (&json!(path), &json!(code)), "{path}");
        body
    };
    assert_eq!((&body["success"], &body["error"]["code"]), (&json!(false), &json!(code)), "{path}");
    assert_eq!(body["message"], body["error"]["message"], "{path}");
    assert_eq!(body["request_id"], answer.header("x-request-id"), "{path}");
    assert_eq!(answer.header("content-type"), "application/json", "{path}");
    assert_eq!(answer.header("cache-control"), "no-store", "{path}");
}

/// As [`assert_refusal`], of a refusal that the document announces.
#[track_caller]
fn assert_documented(answer: &Answer, operation: &Operation, refusal: (u16, &str)) {
    assert_refusal(answer, &operation.path, refusal);
    assert_eq!(operation.undocumented(answer), [""; 0], "{} {}", operation.method, operation.path);
}

fn taking_a_body() -> Vec<Operation> {
    let operations: Vec<_> = operations().into_iter().filter(|operation| operation.body.is_some()).collect();
    assert!(operations.len() >= 12, "{operations:?}");
    operations
}

#[tokio::test]
async fn malformed_json_is_a_400() {
    let system = System::start().await;
    let admin = system.admin().await;
    let deep = format!(r#"{{"email":{}{}}}"#, "[".repeat(64), "]".repeat(64));
    let deeper = format!(r#"{{"email":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    for operation in taking_a_body() {
        for body in ["{", "{}}", r#"{"email": }"#, "{'email': 1}", "\u{feff}{}", "nonsense", &deep, &deeper] {
            assert_documented(&send_json(&admin, &operation, body).await, &operation, (400, "INVALID_JSON"));
        }
        let allowed = format!(r#"{{"unknown":{}{}}}"#, "[".repeat(63), "]".repeat(63));
        let answer = send_json(&admin, &operation, allowed).await;
        assert!(!answer.text.contains("INVALID_JSON"), "{}: {}", operation.path, answer.text);
    }
}

#[tokio::test]
async fn missing_fields_are_a_422_that_names_them_all() {
    let system = System::start().await;
    let admin = system.admin().await;
    for operation in taking_a_body() {
        let mut required = operation.required_fields();
        if !required.is_empty() {
            let answer = send_json(&admin, &operation, "{}").await;
            assert_documented(&answer, &operation, (422, "INVALID_REQUEST"));
            let mut missing = answer.fields();
            missing.sort();
            required.sort();
            assert_eq!(missing, required, "{}", operation.path);
        }
        for body in ["[]", "7", r#""{}""#] {
            let answer = send_json(&admin, &operation, body).await;
            assert_documented(&answer, &operation, (422, "INVALID_REQUEST"));
        }
    }
}

#[tokio::test]
async fn mistyped_fields_are_a_422_that_names_them_all() {
    let system = System::start().await;
    let admin = system.admin().await;
    for operation in taking_a_body() {
        let fields = operation.fields();
        // No field is a number with a fraction.
        let body = fields.iter().map(|field| (field.clone(), json!(7.5))).collect::<Value>();
        let answer = send_json(&admin, &operation, body.to_string()).await;
        assert_documented(&answer, &operation, (422, "INVALID_REQUEST"));
        assert_eq!(answer.fields(), fields, "{}", operation.path);
    }
}

#[tokio::test]
async fn a_body_of_another_kind_is_a_415() {
    let system = System::start().await;
    let admin = system.admin().await;
    for operation in taking_a_body() {
        for content_type in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""] {
            let answer = send(&admin, &operation, content_type, "{}").await;
            assert_documented(&answer, &operation, (415, "UNSUPPORTED_MEDIA_TYPE"));
        }
        for content_type in
            ["application/json; charset=utf-8", "Application/JSON", "application/merge-patch+json"]
        {
            assert_ne!(send(&admin, &operation, content_type, "{}").await.status, 415, "{content_type}");
        }
    }
}

#[tokio::test]
async fn a_body_over_its_limit_is_a_413() {
    let system = System::start().await;
    let admin = system.admin().await;
    for operation in taking_a_body() {
        let most = if operation.path.starts_with("/api/v1/bulk/") { 6_000_000 } else { 1_000_000 };
        let answer = send_json(&admin, &operation, " ".repeat(most + 1)).await;
        assert_documented(&answer, &operation, (413, "PAYLOAD_TOO_LARGE"));
        let answer = send_json(&admin, &operation, " ".repeat(most)).await;
        assert_documented(&answer, &operation, (400, "INVALID_JSON"));
    }
}

#[tokio::test]
async fn an_unknown_address_is_a_404() {
    let system = System::start().await;
    for path in [
        "/nothing",
        "/api",
        "/api/v1",
        "/v1/nothing",
        "/api/v1/auth/nothing",
        "/api/v2/health",
        "/api/users/nothing",
    ] {
        for method in METHODS {
            let answer = system.anybody().send(method, path, None).await;
            assert_refusal(&answer, path, (404, "NOT_FOUND"));
        }
    }
}

#[tokio::test]
async fn another_method_is_a_405_that_lists_those_that_are_allowed() {
    let system = System::start().await;
    for path in operations().into_iter().map(|operation| operation.path) {
        let taken: Vec<_> =
            operations().into_iter().filter(|it| it.path == path).map(|it| it.method).collect();
        for method in METHODS.into_iter().filter(|method| !taken.contains(method)) {
            let answer = system.anybody().send(method, &path, None).await;
            assert_refusal(&answer, &path, (405, "METHOD_NOT_ALLOWED"));
            let mut allowed: Vec<_> = answer.header("allow").split(',').filter(|it| *it != "HEAD").collect();
            let mut taken: Vec<_> = taken.iter().map(Method::as_str).collect();
            allowed.sort_unstable();
            taken.sort_unstable();
            assert_eq!(allowed, taken, "{path}");
        }
    }
}

#[tokio::test]
async fn who_is_not_signed_in_is_told_how() {
    let system = System::start().await;
    for operation in operations().into_iter().filter(Operation::needs_token) {
        let (anybody, path) = (system.anybody(), &operation.path);
        let answer = anybody.send(operation.method.clone(), path, None).await;
        let status = if path.starts_with("/api/users") { 403 } else { 401 };
        assert_documented(&answer, &operation, (status, "AUTHENTICATION_REQUIRED"));
        let challenge = if status == 401 { "Bearer" } else { "" };
        assert_eq!(answer.header("www-authenticate"), challenge, "{path}");

        let forged = anybody.with_token(Some("no.good.token"));
        let answer = forged.send(operation.method.clone(), path, None).await;
        assert_documented(&answer, &operation, (401, "INVALID_TOKEN"));
        assert_eq!(answer.header("www-authenticate"), r#"Bearer error="invalid_token""#, "{path}");
    }
}

#[tokio::test]
async fn a_path_has_many_spellings_and_one_answer() {
    let system = System::start().await;
    let admin = system.admin().await;
    for Operation { method, path, .. } in operations().into_iter().filter(|it| it.method == Method::GET) {
        let slashed = format!("{}/", path.trim_end_matches('/'));
        let spellings = [Some(slashed), path.strip_prefix("/api/v1").map(|rest| format!("/v1{rest}"))];
        for client in [&system.anybody(), &admin] {
            let answer = client.send(method.clone(), &path, None).await;
            assert!(!answer.text.contains(r#""NOT_FOUND""#), "{path}");
            for spelling in spellings.iter().flatten() {
                let other = client.send(method.clone(), spelling, None).await;
                let keys =
                    |it: &Answer| it.json().as_object().map(|it| it.keys().cloned().collect::<Vec<_>>());
                assert_eq!((other.status, keys(&other)), (answer.status, keys(&answer)), "{spelling}");
            }
        }
    }
}

#[tokio::test]
async fn a_body_arrives_under_every_spelling_of_a_path() {
    let system = System::start().await;
    let admin = system.admin().await;
    for operation in taking_a_body() {
        let alias = operation.path.strip_prefix("/api/v1").map(|rest| format!("/v1{rest}/"));
        for path in [Some(format!("{}/", operation.path)), alias].into_iter().flatten() {
            let answer = send_json(&admin, &operation.at(&path), "[]").await;
            assert_refusal(&answer, &path, (422, "INVALID_REQUEST"));
        }
    }
}

#[tokio::test]
async fn a_request_has_an_id_its_own_or_a_new_one() {
    let system = System::start().await;
    let ask = async |id: &str| {
        let request = system.anybody().request(Method::GET, "/api/v1/auth/me").header("x-request-id", id);
        Answer::of(request).await
    };
    let echoed = ask(REQUEST_ID).await;
    assert_eq!(echoed.header("x-request-id"), REQUEST_ID);
    assert_eq!(echoed.json()["request_id"], REQUEST_ID);
    for id in ["", "7", "not-a-uuid", "<script>", &"3".repeat(200)] {
        let answer = ask(id).await;
        let made_up = answer.header("x-request-id");
        assert_eq!((made_up.len(), made_up.matches('-').count()), (36, 4), "{id}");
        assert_eq!(answer.json()["request_id"], made_up);
        assert_ne!(made_up, ask(id).await.header("x-request-id"));
    }
}

/// What every operation answers to nobody and to an administrator who send nothing.
async fn every_answer() -> Vec<(Operation, Answer)> {
    let system = System::start().await;
    let (anybody, admin) = (system.anybody(), system.admin().await);
    let mut operations = operations();
    operations.sort_by_key(|operation| operation.path.ends_with("/logout"));
    let mut answers = Vec::new();
    for operation in operations {
        for client in [&anybody, &admin] {
            let answer = client.send(operation.method.clone(), &operation.path, None).await;
            answers.push((operation.clone(), answer));
        }
    }
    assert!(answers.iter().filter(|(_, answer)| answer.status == 200).count() >= 20);
    answers
}

#[tokio::test]
async fn every_answer_is_one_that_the_description_announces() {
    for (operation, answer) in every_answer().await {
        let undocumented = operation.undocumented(&answer);
        assert_eq!(undocumented, [""; 0], "{} {}: {}", operation.method, operation.path, answer.text);
    }
}

#[tokio::test]
async fn every_answer_has_the_house_headers() {
    for (Operation { path, .. }, answer) in every_answer().await {
        // The public keys of tokens are the one answer to be kept.
        let cached = if path.ends_with("jwks.json") { "public, max-age=900" } else { "no-store" };
        assert_eq!(answer.header("cache-control"), cached, "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("x-request-id").len(), 36, "{path}");
    }
}
