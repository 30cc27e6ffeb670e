//! `Idempotency-Key`: a POST that comes again is answered as the first time, and carried out once.

use futures::future::join;
use reqwest::Method;
use serde_json::{Value, json};
use tests::{ADMIN, Answer, Client, PASSWORD, System, operations, registration};

const USERS: &str = "/api/v1/admin/users";
const REGISTER: &str = "/api/v1/auth/register";
const KEY: &str = "8e03978e-40d5-43e8-bc93-6894a57f9324";
/// As long as an answer is kept.
const DAY: i64 = 86_400;

async fn post(client: &Client, key: &str, path: &str, body: &Value) -> Answer {
    Answer::of(client.request(Method::POST, path).header("idempotency-key", key).json(body)).await
}

fn newcomer(email: &str) -> Value {
    json!({
        "email": email, "password": "TempPass123!", "first_name": "Jane", "last_name": "Smith", "role": "user",
    })
}

/// Asserts that `again` is `first`, replayed.
#[track_caller]
fn assert_replayed(first: &Answer, again: &Answer) {
    assert_eq!((first.status, &first.text), (again.status, &again.text));
    assert_eq!(first.header("content-type"), again.header("content-type"));
    assert_eq!((first.header("idempotency-replayed"), again.header("idempotency-replayed")), ("", "true"));
}

/// A refusal without what is of this request only.
fn timeless(refusal: &Answer) -> Value {
    let mut body = refusal.json();
    for field in ["request_id", "timestamp"] {
        assert!(body.as_object_mut().unwrap().remove(field).is_some(), "{field}");
    }
    body
}

#[tokio::test]
async fn a_repeated_creation_gets_the_first_answer_and_makes_no_second_account() {
    let system = System::start().await;
    let (admin, body) = (system.admin().await, newcomer("jane@example.com"));
    let first = post(&admin, KEY, USERS, &body).await;
    first.expect(201);
    assert_replayed(&first, &post(&admin, KEY, USERS, &body).await);
    // Another spelling of the path is the same path.
    assert_replayed(&first, &post(&admin, KEY, "/v1/admin/users/", &body).await);
    assert_eq!(system.events("admin.user_created").await.len(), 1);
}

#[tokio::test]
async fn a_repeated_registration_gets_the_first_answer() {
    let system = System::start().await;
    for (path, body) in [
        (REGISTER, registration("ada@example.com")),
        (
            "/api/users/register",
            json!({ "name": "Bo Peep", "email": "bo@example.com", "password": PASSWORD }),
        ),
    ] {
        let client = system.anybody();
        let first = post(&client, KEY, path, &body).await;
        first.expect(201);
        assert_replayed(&first, &post(&client, KEY, path, &body).await);
    }
    assert_eq!(system.events("user.registered").await.len(), 2);
}

#[tokio::test]
async fn a_repeated_refusal_is_told_anew() {
    let system = System::start().await;
    let (admin, mut body) = (system.admin().await, newcomer("jane@example.com"));
    body["email"] = json!("jane");
    let (first, again) = (post(&admin, KEY, USERS, &body).await, post(&admin, KEY, USERS, &body).await);
    assert_eq!((first.invalid(), again.invalid()), (vec!["email".into()], vec!["email".into()]));
    assert_eq!(timeless(&first), timeless(&again));
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(again.json()["request_id"], again.header("x-request-id"));
}

#[tokio::test]
async fn a_key_stands_for_one_request() {
    let system = System::start().await;
    let admin = system.admin().await;
    post(&admin, KEY, USERS, &newcomer("jane@example.com")).await.expect(201);
    let other = newcomer("joan@example.com");
    assert_eq!(post(&admin, KEY, USERS, &other).await.refused(422), "IDEMPOTENCY_KEY_REUSED");
    let query = format!("{USERS}?page=2");
    let same = newcomer("jane@example.com");
    assert_eq!(post(&admin, KEY, &query, &same).await.refused(422), "IDEMPOTENCY_KEY_REUSED");
    post(&admin, "another", USERS, &other).await.expect(201);
}

#[tokio::test]
async fn a_key_is_one_word() {
    let system = System::start().await;
    let body = registration("ada@example.com");
    for key in ["", "two words", &"k".repeat(256)] {
        assert_eq!(
            post(&system.anybody(), key, REGISTER, &body).await.invalid(),
            ["Idempotency-Key"],
            "{key}"
        );
    }
    assert_eq!(system.events("user.registered").await.len(), 0);
}

#[tokio::test]
async fn of_two_at_once_one_is_carried_out() {
    let system = System::start().await;
    let (admin, body) = (system.admin().await, newcomer("jane@example.com"));
    let send = || post(&admin, KEY, USERS, &body);
    let (one, other) = join(send(), send()).await;
    let (won, lost) = if one.header("idempotency-replayed").is_empty() && one.status == 201 {
        (one, other)
    } else {
        (other, one)
    };
    won.expect(201);
    if lost.status == 409 {
        assert_eq!(lost.refused(409), "REQUEST_IN_PROGRESS");
        assert_eq!(lost.header("retry-after"), "1");
    } else {
        assert_replayed(&won, &lost);
    }
    assert_eq!(system.events("admin.user_created").await.len(), 1);
    assert_replayed(&won, &send().await);
}

#[tokio::test]
async fn after_a_day_a_key_is_new() {
    let system = System::start().await;
    let (client, body) = (system.anybody(), registration("ada@example.com"));
    let first = post(&client, KEY, REGISTER, &body).await;
    first.expect(201);
    system.advance(DAY - 60).await;
    assert_replayed(&first, &post(&client, KEY, REGISTER, &body).await);
    system.advance(120).await;
    assert_eq!(post(&client, KEY, REGISTER, &body).await.refused(400), "EMAIL_EXISTS");
    assert_eq!(post(&client, KEY, REGISTER, &registration("bo@example.com")).await.status, 422);
}

#[tokio::test]
async fn everybody_has_keys_of_their_own() {
    let system = System::start().await;
    let (admin, other) = (system.admin().await, system.with_role("ada@example.com", "admin").await);
    post(&admin, KEY, USERS, &newcomer("jane@example.com")).await.expect(201);
    post(&other, KEY, USERS, &newcomer("joan@example.com")).await.expect(201);
    for email in ["bo@example.com", "cy@example.com"] {
        post(&system.anybody(), KEY, REGISTER, &registration(email)).await.expect(201);
    }
}

#[tokio::test]
async fn who_signed_out_is_told_nothing_again() {
    let system = System::start().await;
    let (admin, body) = (system.admin().await, newcomer("jane@example.com"));
    post(&admin, KEY, USERS, &body).await.expect(201);
    admin.post("/api/v1/auth/logout", json!({})).await.expect(200);
    assert_eq!(post(&admin, KEY, USERS, &body).await.refused(401), "SESSION_ENDED");
    assert_eq!(
        post(&admin.with_token(None), KEY, USERS, &body).await.refused(401),
        "AUTHENTICATION_REQUIRED"
    );
}

#[tokio::test]
async fn a_spent_refresh_token_is_known_as_such() {
    let system = System::start().await;
    let admin = system.admin().await;
    let thief = system.anybody().with_token(Some(&admin.refresh_token));
    admin.refresh(&admin.refresh_token).await.expect(200);
    let path = "/api/v1/auth/refresh";
    assert_eq!(post(&thief, KEY, path, &json!({})).await.refused(401), "TOKEN_REUSED");
}

#[tokio::test]
async fn a_spent_refresh_token_in_a_body_gets_no_pair_however_it_is_keyed() {
    let system = System::start().await;
    let client = system.admin().await.with_token(None);
    let body = json!({ "refresh_token": client.refresh_token });
    for path in ["/api/v1/auth/refresh", "/v1/auth/refresh/"] {
        post(&client, KEY, path, &body).await.expect(200);
    }
    system.advance(60).await;
    assert_eq!(post(&client, KEY, "/api/v1/auth/refresh", &body).await.refused(401), "TOKEN_REUSED");
    assert_eq!(system.items("keyed_request").await.len(), 0);
}

/// Orders that the next call of an operation fails, however often it is tried.
async fn break_next(system: &System, operation: &str) {
    let fault = json!({ "service": "dynamodb", "operation": operation, "kind": "error", "count": 3 });
    system.order_fault(fault).await;
}

#[tokio::test]
async fn a_failure_is_not_kept() {
    let system = System::start().await;
    let (admin, body) = (system.admin().await, newcomer("jane@example.com"));
    system.drain().await;
    break_next(&system, "TransactWriteItems").await;
    assert_eq!(post(&admin, KEY, USERS, &body).await.status / 100, 5);
    post(&admin, KEY, USERS, &body).await.expect(201);
}

#[tokio::test]
async fn an_answer_that_cannot_be_kept_is_given_all_the_same() {
    let system = System::start().await;
    let (admin, nobody) = (system.admin().await, newcomer("nobody"));
    system.drain().await;
    break_next(&system, "UpdateItem").await;
    assert_eq!(post(&admin, KEY, USERS, &nobody).await.invalid(), ["email"]);
    // As if the first one had died: its claim ends by itself.
    assert_eq!(post(&admin, KEY, USERS, &nobody).await.refused(409), "REQUEST_IN_PROGRESS");
    system.advance(30).await;
    let again = post(&admin, KEY, USERS, &nobody).await;
    assert_eq!((again.invalid(), again.header("idempotency-replayed")), (vec!["email".into()], ""));
}

#[tokio::test]
async fn nothing_runs_where_its_key_cannot_be_claimed() {
    let system = System::start().await;
    let (admin, body) = (system.admin().await, newcomer("jane@example.com"));
    system.drain().await;
    break_next(&system, "PutItem").await;
    assert_eq!(post(&admin, KEY, USERS, &body).await.status / 100, 5);
    assert_eq!(system.events("admin.user_created").await.len(), 0);
}

#[tokio::test]
async fn the_table_shows_neither_the_request_nor_the_answer() {
    let system = System::start().await;
    let client = system.anybody();
    let answer = post(&client, KEY, REGISTER, &registration("ada@example.com")).await.expect(201);
    let kept = system.items("keyed_request").await;
    assert_eq!(kept.len(), 1);
    let text = kept[0].to_string();
    assert!(kept[0]["answer"].is_string(), "{text}");
    let secrets = ["ada@example.com", PASSWORD, KEY, answer["verification_token"].as_str().unwrap()];
    for secret in secrets {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
}

#[tokio::test]
async fn what_is_no_post_of_a_route_ignores_the_header() {
    let system = System::start().await;
    let admin = system.admin().await;
    for (method, path, status) in [
        (Method::GET, "/api/v1/admin/users", 200),
        (Method::POST, "/api/v1/profile/me", 405),
        (Method::POST, "/nowhere", 404),
    ] {
        let answer = Answer::of(admin.request(method, path).header("idempotency-key", "no good key")).await;
        assert_eq!(answer.status, status, "{path}");
    }
}

/// A body that `operation` takes, where that needs more than nothing.
fn body_of(operation: &str) -> Value {
    match operation {
        REGISTER => registration("ada@example.com"),
        "/api/users/register" => {
            json!({ "name": "Bo Peep", "email": "bo@example.com", "password": PASSWORD })
        }
        "/api/users/login" | "/api/v1/auth/login" => json!({ "email": ADMIN, "password": PASSWORD }),
        "/api/v1/auth/password-reset" | "/api/v1/auth/resend-verification" => json!({ "email": ADMIN }),
        USERS => newcomer("cy@example.com"),
        "/api/v1/users" => json!({ "username": "di@example.com", "password": PASSWORD }),
        "/api/v1/admin/roles" => json!({ "name": "developer", "permissions": ["user:read"] }),
        "/api/v1/bulk/users/create" | "/api/v1/bulk/users/validate" => {
            json!({ "items": [{ "email": "ed@example.com", "first_name": "Ed", "last_name": "Doe" }] })
        }
        "/api/v1/webhooks" => json!({ "url": "https://hooks.example.com/", "events": ["bulk.*"] }),
        _ => json!({}),
    }
}

#[tokio::test]
async fn every_post_that_the_document_has_is_carried_out_once() {
    let system = System::start().await;
    let (admin, anybody) = (system.admin().await, system.anybody());
    let mut succeeded = 0;
    let posts = operations().into_iter().filter(|it| it.method == Method::POST);
    // The one takes a token that names nobody's keys, the other ends what its repetition would need.
    let posts =
        posts.filter(|it| !["/api/v1/auth/refresh", "/api/v1/auth/logout"].contains(&it.template.as_str()));
    for operation in posts {
        let (client, path) = (if operation.needs_token() { &admin } else { &anybody }, &operation.path);
        let body = body_of(&operation.template);
        let (first, again) = (post(client, KEY, path, &body).await, post(client, KEY, path, &body).await);
        if first.status < 300 {
            assert_replayed(&first, &again);
            succeeded += 1;
        } else {
            assert_eq!((first.status, timeless(&first)), (again.status, timeless(&again)), "{path}");
            assert_eq!(again.header("idempotency-replayed"), "true", "{path}");
        }
    }
    assert!(succeeded >= 13, "only {succeeded} were carried out");
}

#[tokio::test]
async fn the_answer_to_many_rows_that_fail_is_given_again() {
    let system = System::start().await;
    let admin = system.admin().await;
    let row =
        |it| json!({ "email": format!("nobody{it}"), "first_name": "1", "last_name": "2", "phone": "call" });
    let body = json!({ "items": (0..1_000).map(row).collect::<Vec<_>>() });
    let first = post(&admin, KEY, "/api/v1/bulk/users/create", &body).await;
    assert!(first.status == 200 && first.text.len() > 250_000, "{} bytes", first.text.len());
    assert_replayed(&first, &post(&admin, KEY, "/api/v1/bulk/users/create", &body).await);
}
