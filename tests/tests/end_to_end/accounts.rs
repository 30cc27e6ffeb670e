//! `/api/users`, the three-call API: the tests that its documentation names, by those names.

use serde_json::{Value, json};
use tests::{Answer, Client, System, claims};

const EMAIL: &str = "john@example.com";
const PASSWORD: &str = "SecurePass123";

fn john() -> Value {
    json!({ "name": "John Doe", "email": EMAIL, "password": PASSWORD })
}

/// John's registration with another value of a field.
fn john_with(field: &str, value: &str) -> Value {
    let mut form = john();
    form[field] = json!(value);
    form
}

fn without(mut form: Value, field: &str) -> Value {
    if let Some(fields) = form.as_object_mut() {
        fields.remove(field);
    }
    form
}

async fn register(system: &System, form: Value) -> Answer {
    system.anybody().post("/api/users/register", form).await
}

async fn login(system: &System, form: Value) -> Answer {
    system.anybody().post("/api/users/login", form).await
}

/// A system in which John has registered.
async fn with_john() -> System {
    let system = System::start().await;
    register(&system, john()).await.expect(201);
    system
}

async fn signed_in(system: &System) -> Client {
    let answer = login(system, json!({ "email": EMAIL, "password": PASSWORD })).await.expect(200);
    system.anybody().with_token(answer["data"]["token"].as_str())
}

/// The fields that are named when this registration is refused for its values.
async fn invalid(form: Value) -> Vec<String> {
    register(&System::start().await, form).await.invalid()
}

/// The fields that are named when this registration is refused for what it lacks.
async fn incomplete(form: Value) -> Vec<String> {
    let answer = register(&System::start().await, form).await;
    assert_eq!(answer.refused(422), "INVALID_REQUEST");
    answer.fields()
}

fn account_example() -> Value {
    json!({
        "userId": "550e8400-e29b-41d4-a716-446655440000",
        "name": "John Doe",
        "email": "john@example.com",
        "createdAt": "2025-10-15T12:34:56.789Z",
    })
}

#[tokio::test]
async fn register_user_success() {
    let answer = register(&System::start().await, john()).await.expect(201);
    assert_eq!(answer["success"], true);
    assert_eq!(answer["message"], "User registered successfully");
    assert_eq!([&answer["data"]["name"], &answer["data"]["email"]], [&json!("John Doe"), &json!(EMAIL)]);
}

#[tokio::test]
async fn register_user_missing_email() {
    assert_eq!(incomplete(without(john(), "email")).await, ["email"]);
}

#[tokio::test]
async fn register_user_invalid_email_format() {
    assert_eq!(invalid(john_with("email", "not-an-email")).await, ["email"]);
}

#[tokio::test]
async fn register_user_missing_password() {
    assert_eq!(incomplete(without(john(), "password")).await, ["password"]);
}

#[tokio::test]
async fn register_user_password_too_short() {
    assert_eq!(invalid(john_with("password", "Secur3P")).await, ["password"]);
}

#[tokio::test]
async fn register_user_password_missing_uppercase() {
    assert_eq!(invalid(john_with("password", "securepass123")).await, ["password"]);
}

#[tokio::test]
async fn register_user_password_missing_lowercase() {
    assert_eq!(invalid(john_with("password", "SECUREPASS123")).await, ["password"]);
}

#[tokio::test]
async fn register_user_password_missing_number() {
    assert_eq!(invalid(john_with("password", "SecurePassword")).await, ["password"]);
}

#[tokio::test]
async fn register_user_name_too_long() {
    register(&System::start().await, john_with("name", &"n".repeat(100))).await.expect(201);
    assert_eq!(invalid(john_with("name", &"n".repeat(101))).await, ["name"]);
}

#[tokio::test]
async fn register_user_name_empty() {
    for name in ["", "   "] {
        assert_eq!(invalid(john_with("name", name)).await, ["name"]);
    }
}

#[tokio::test]
async fn register_user_duplicate_email() {
    let system = with_john().await;
    for email in [EMAIL, "JOHN@example.com"] {
        let answer = register(&system, john_with("email", email)).await;
        assert_eq!(
            (answer.refused(409).as_str(), answer.fields()),
            ("EMAIL_EXISTS", vec!["email".to_owned()])
        );
    }
}

#[tokio::test]
async fn password_is_hashed_before_storage() {
    let table = json!(with_john().await.table().await).to_string();
    assert!(!table.contains(PASSWORD));
    assert!(table.contains("$argon2id$v=19$m=19456,t=2,p=1$"));
}

#[tokio::test]
async fn password_not_returned_in_response() {
    let answer = register(&System::start().await, john()).await;
    answer.expect(201);
    let text = answer.text.to_lowercase();
    assert!(!text.contains("password") && !text.contains("argon2") && !text.contains("securepass"));
}

#[tokio::test]
async fn response_includes_user_id() {
    let answer = register(&System::start().await, john()).await.expect(201);
    let id = answer["data"]["userId"].as_str().unwrap();
    assert_eq!((id.len(), id.matches('-').count(), &id[14..15]), (36, 4, "4"), "a random UUID");
}

#[tokio::test]
async fn response_includes_created_at() {
    let created_at = json!({ "data": { "createdAt": "2025-10-15T12:34:56Z" } });
    register(&System::start().await, john()).await.like(201, &created_at);
}

#[tokio::test]
async fn response_format_matches_spec() {
    let example =
        json!({ "success": true, "message": "User registered successfully", "data": account_example() });
    let answer = register(&System::start().await, john()).await.like(201, &example);
    assert_eq!(answer.as_object().unwrap().len(), 3);
    assert_eq!(answer["data"].as_object().unwrap().len(), 4);
}

#[tokio::test]
async fn login_success() {
    let answer = login(&with_john().await, json!({ "email": EMAIL, "password": PASSWORD })).await.expect(200);
    assert_eq!((&answer["success"], &answer["message"]), (&json!(true), &json!("Login successful")));
    assert_eq!(answer["data"]["token"].as_str().unwrap().split('.').count(), 3);
}

#[tokio::test]
async fn login_invalid_email() {
    let answer =
        login(&with_john().await, json!({ "email": "jane@example.com", "password": PASSWORD })).await;
    assert_eq!(answer.refused(401), "INVALID_CREDENTIALS");
}

#[tokio::test]
async fn login_invalid_password() {
    let answer = login(&with_john().await, json!({ "email": EMAIL, "password": "WrongPass123" })).await;
    assert_eq!(answer.refused(401), "INVALID_CREDENTIALS");
}

#[tokio::test]
async fn login_missing_email() {
    let answer = login(&with_john().await, json!({ "password": PASSWORD })).await;
    assert_eq!(answer.invalid(), ["email"]);
}

#[tokio::test]
async fn login_missing_password() {
    let answer = login(&with_john().await, json!({ "email": EMAIL })).await;
    assert_eq!(answer.invalid(), ["password"]);
}

#[tokio::test]
async fn login_empty_credentials() {
    let system = with_john().await;
    for form in
        [json!({}), json!({ "email": "", "password": "" }), json!({ "email": null, "password": null })]
    {
        let answer = login(&system, form).await;
        assert_eq!(answer.invalid(), ["email", "password"]);
    }
}

#[tokio::test]
async fn token_contains_user_info() {
    let system = with_john().await;
    let person = signed_in(&system).await;
    let claims = claims(person.token());
    let id = &person.get("/api/users/me").await.expect(200)["data"]["userId"];
    assert_eq!((&claims["userId"], &claims["email"]), (id, &json!(EMAIL)));
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 24 * 3600);
}

#[tokio::test]
async fn get_current_user_success() {
    let system = with_john().await;
    let person = signed_in(&system).await;
    let example = json!({ "success": true, "data": account_example() });
    let answer = person.get("/api/users/me").await.like(200, &example);
    assert_eq!([&answer["data"]["name"], &answer["data"]["email"]], [&json!("John Doe"), &json!(EMAIL)]);
    system.advance(24 * 3600 - 100).await;
    person.get("/api/users/me").await.expect(200);
    system.advance(100).await;
    assert_eq!(person.get("/api/users/me").await.refused(401), "TOKEN_EXPIRED");
}

#[tokio::test]
async fn get_current_user_no_token() {
    let answer = System::start().await.anybody().get("/api/users/me").await;
    assert_eq!(answer.refused(403), "AUTHENTICATION_REQUIRED");
}

#[tokio::test]
async fn get_current_user_invalid_token() {
    let system = with_john().await;
    let mut forged = signed_in(&system).await.token().to_owned();
    forged.insert(forged.len() - 10, 'A');
    for token in ["invalid.token.here", "x", &forged] {
        let answer = system.anybody().with_token(Some(token)).get("/api/users/me").await;
        assert_eq!(answer.refused(401), "INVALID_TOKEN");
    }
}

#[tokio::test]
async fn get_current_user_malformed_header() {
    let system = with_john().await;
    let token = signed_in(&system).await.token().to_owned();
    for header in
        [token.clone(), format!("Token {token}"), "Bearer".to_owned(), format!("Bearer {token} more")]
    {
        let request = system.anybody().request(reqwest::Method::GET, "/api/users/me");
        let answer = Answer::of(request.header("authorization", header)).await;
        assert_eq!(answer.refused(403), "AUTHENTICATION_REQUIRED");
    }
}

#[tokio::test]
async fn login_response_structure() {
    let example = json!({
        "success": true,
        "message": "Login successful",
        "data": { "token": "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9...", "user": account_example() },
    });
    let answer = login(&with_john().await, json!({ "email": EMAIL, "password": PASSWORD })).await;
    assert_eq!(answer.like(200, &example)["data"]["user"].as_object().unwrap().len(), 4);
}

#[tokio::test]
async fn error_response_structure() {
    let system = with_john().await;
    let example = json!({
        "success": false,
        "message": "Invalid email or password",
        "error": { "code": "INVALID_CREDENTIALS", "message": "Invalid email or password", "details": [] },
    });
    let answer =
        login(&system, json!({ "email": EMAIL, "password": "WrongPass123" })).await.like(401, &example);
    assert_eq!((&answer["success"], &answer["error"]), (&json!(false), &example["error"]));
    let details = json!({ "error": { "details": [{ "field": "email", "message": "is missing" }] } });
    login(&system, json!({})).await.like(400, &details);
}
