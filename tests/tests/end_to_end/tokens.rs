//! Tokens and account states: what a token claims, how long it is good for, and that a change takes effect at
//! the very next request.

use serde_json::json;
use tests::{Client, NEW_PASSWORD, PASSWORD, System, claims};

const DAY: i64 = 86_400;

async fn remembered(system: &System, remember: bool) -> Client {
    let mut person = system.anybody();
    let request = json!({ "email": "user@example.com", "password": PASSWORD, "remember_me": remember });
    let answer = person.post("/api/v1/auth/login", request).await.expect(200);
    person.take_tokens(&answer);
    person
}

#[tokio::test]
async fn an_access_token_claims_what_is_documented() {
    let system = System::start().await;
    let person = system.user("user@example.com").await;
    let claims = claims(person.token());
    let id = &person.get("/api/v1/auth/me").await.expect(200)["user_id"];
    assert_eq!(claims["sub"], *id);
    assert_eq!(
        [&claims["email"], &claims["role"], &claims["type"]],
        [&json!("user@example.com"), &json!("user"), &json!("access")]
    );
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 3600);
    for name in ["jti", "sid", "iss", "aud", "tenant"] {
        assert!(claims[name].is_string(), "{name}");
    }
}

#[tokio::test]
async fn an_access_token_lives_an_hour_and_a_session_a_week_or_a_month() {
    let system = System::start().await;
    let (person, _) = system.verified("user@example.com").await;
    let (week, month) = (remembered(&system, false).await, remembered(&system, true).await);
    system.advance(3500).await;
    person.get("/api/v1/auth/me").await.expect(200);
    system.advance(100).await;
    assert_eq!(person.get("/api/v1/auth/me").await.refused(401), "TOKEN_EXPIRED");
    system.advance(7 * DAY - 3600).await;
    assert_eq!(week.refresh(&week.refresh_token).await.status, 401);
    let month = month.refresh(&month.refresh_token).await.expect(200);
    system.advance(23 * DAY).await;
    let token = month["refresh_token"].as_str().unwrap();
    assert_eq!(person.refresh(token).await.status, 401);
}

#[tokio::test]
async fn a_spent_refresh_token_ends_the_session() {
    let system = System::start().await;
    let (mut person, _) = system.verified("user@example.com").await;
    let spent = person.refresh_token.clone();
    let refreshed = person.refresh(&spent).await.expect(200);
    assert_eq!(
        person.refresh(&spent).await.expect(200)["refresh_token"],
        refreshed["refresh_token"],
        "a double click"
    );
    person.take_tokens(&refreshed);
    person.get("/api/v1/auth/me").await.expect(200);

    system.advance(11).await;
    assert_eq!(person.refresh(&spent).await.refused(401), "TOKEN_REUSED");
    assert_eq!(person.get("/api/v1/auth/me").await.refused(401), "SESSION_ENDED");
    assert_eq!(person.refresh(&person.refresh_token).await.refused(401), "SESSION_ENDED");
    assert_eq!(system.events("security.suspicious_activity").await.len(), 1);
}

#[tokio::test]
async fn an_old_token_is_refused_at_once() {
    let system = System::start().await;
    let admin = system.admin().await;
    let (person, id) = system.verified("user@example.com").await;
    person.post("/api/v1/auth/logout", json!({})).await.expect(200);
    assert_eq!(person.get("/api/v1/auth/me").await.refused(401), "SESSION_ENDED");

    let (one, other) = (remembered(&system, false).await, remembered(&system, false).await);
    let change = json!({ "current_password": PASSWORD, "new_password": NEW_PASSWORD });
    one.post("/api/v1/auth/change-password", change).await.expect(200);
    assert_eq!(other.get("/api/v1/auth/me").await.refused(401), "SESSION_ENDED");
    assert_eq!(other.refresh(&other.refresh_token).await.status, 401);

    let person = system.anybody().signed_in("user@example.com", NEW_PASSWORD).await;
    admin.put(&format!("/api/v1/admin/users/{id}"), json!({ "is_active": false })).await.expect(200);
    assert_eq!(person.get("/api/v1/auth/me").await.status, 401);
    assert_eq!(person.refresh(&person.refresh_token).await.status, 401);
}

#[tokio::test]
async fn a_new_role_holds_at_once() {
    let system = System::start().await;
    let person = system.user("user@example.com").await;
    assert_eq!(person.get("/api/v1/admin/users").await.refused(403), "INSUFFICIENT_PERMISSIONS");
    let id = person.get("/api/v1/auth/me").await.expect(200)["user_id"].clone();
    let path = format!("/api/v1/admin/users/{}", id.as_str().unwrap());
    let admin = system.admin().await;
    admin.put(&path, json!({ "role": "manager" })).await.expect(200);
    person.get("/api/v1/admin/users").await.expect(200);
    admin.put(&path, json!({ "role": "user" })).await.expect(200);
    assert_eq!(person.get("/api/v1/admin/users").await.status, 403);
}

#[tokio::test]
async fn who_is_not_approved_only_reads_their_profile() {
    let system = System::start().await;
    let (person, id) = system.verified("user@example.com").await;
    let permissions = async || person.get("/api/v1/auth/me").await.expect(200)["permissions"].clone();
    assert_eq!(permissions().await, json!(["profile:read"]));
    person.get("/api/v1/profile/me").await.expect(200);
    let names = json!({ "first_name": "Jane" });
    assert_eq!(person.put("/api/v1/profile/me", names.clone()).await.refused(403), "APPROVAL_REQUIRED");
    system.admin().await.post("/api/v1/admin/approve-user", json!({ "user_id": id })).await.expect(200);
    assert_eq!(permissions().await, json!(["profile:read", "profile:update"]));
    person.put("/api/v1/profile/me", names).await.expect(200);
}

#[tokio::test]
async fn who_is_not_verified_reads_their_account_only() {
    let system = System::start().await;
    let registered = system.register("user@example.com").await;
    let request = json!({ "email": "user@example.com", "password": PASSWORD });
    let answer = system.anybody().post("/api/users/login", request).await.expect(200);
    let person = system.anybody().with_token(answer["data"]["token"].as_str());
    person.get("/api/users/me").await.expect(200);
    for path in ["/api/v1/auth/me", "/api/v1/profile/me", "/api/v1/admin/users", "/api/v1/admin/roles"] {
        assert_eq!(person.get(path).await.refused(403), "EMAIL_NOT_VERIFIED", "{path}");
    }
    let token = json!({ "token": registered["verification_token"] });
    person.post("/api/v1/auth/verify-email", token).await.expect(200);
    person.get("/api/v1/auth/me").await.expect(200);
}

#[tokio::test]
async fn a_mailed_token_works_once_and_only_while_it_is_the_newest() {
    let system = System::start().await;
    let registered = system.register("user@example.com").await;
    let person = system.anybody();
    let old = json!({ "token": registered["verification_token"] });
    // As long as a token stays the one that is out.
    system.advance(300).await;
    person.post("/api/v1/auth/resend-verification", json!({ "email": "user@example.com" })).await.expect(200);
    assert_eq!(person.post("/api/v1/auth/verify-email", old).await.refused(400), "INVALID_TOKEN");
    let new = json!({ "token": system.mailed_token("user@example.com", "ver_").await });
    person.post("/api/v1/auth/verify-email", new.clone()).await.expect(200);
    assert_eq!(person.post("/api/v1/auth/verify-email", new).await.refused(400), "INVALID_TOKEN");

    person.post("/api/v1/auth/password-reset", json!({ "email": "user@example.com" })).await.expect(200);
    let token = system.mailed_token("user@example.com", "rst_").await;
    let reset = json!({ "token": token, "new_password": NEW_PASSWORD });
    assert_eq!(person.post("/api/v1/auth/verify-email", reset.clone()).await.refused(400), "INVALID_TOKEN");
    person.post("/api/v1/auth/reset-password", reset.clone()).await.expect(200);
    assert_eq!(person.post("/api/v1/auth/reset-password", reset).await.refused(400), "INVALID_TOKEN");
}

#[tokio::test]
async fn a_mailed_token_expires() {
    let system = System::start().await;
    let registered = system.register("user@example.com").await;
    let person = system.anybody();
    let verify = json!({ "token": registered["verification_token"] });
    person.post("/api/v1/auth/password-reset", json!({ "email": "user@example.com" })).await.expect(200);
    let token = system.mailed_token("user@example.com", "rst_").await;
    let reset = json!({ "token": token, "new_password": NEW_PASSWORD });
    system.advance(3600).await;
    assert_eq!(person.post("/api/v1/auth/reset-password", reset).await.refused(400), "INVALID_TOKEN");
    system.advance(DAY - 3600).await;
    assert_eq!(person.post("/api/v1/auth/verify-email", verify).await.refused(400), "INVALID_TOKEN");
}

#[tokio::test]
async fn a_mailed_token_stands_in_no_item_and_in_no_answer_where_it_is_not_exposed() {
    let system = System::start_with(&[("EXPOSE_TOKENS", "false")]).await;
    let registered = system.register("user@example.com").await;
    assert!(registered.get("verification_token").is_none());
    let person = system.anybody();
    person.post("/api/v1/auth/password-reset", json!({ "email": "user@example.com" })).await.expect(200);
    let table = json!(system.table().await).to_string();
    for prefix in ["ver_", "rst_"] {
        let token = system.mailed_token("user@example.com", prefix).await;
        assert!(token.len() > 40 && !table.contains(&token), "{prefix}");
    }
}
