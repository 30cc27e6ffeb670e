//! Sessions: a refresh token continues one once, and whatever ends one does so by the very next request.

use std::collections::BTreeSet;

use futures::future::join_all;
use reqwest::Method;
use serde_json::json;
use tests::{ADMIN, Client, NEW_PASSWORD, PASSWORD, System, claims};

const DAY: i64 = 86_400;
const ME: &str = "/api/v1/auth/me";

async fn assert_session_ended(client: &Client) {
    assert_eq!(client.get(ME).await.refused(401), "SESSION_ENDED");
    assert_eq!(client.refresh(&client.refresh_token).await.refused(401), "SESSION_ENDED");
}

#[tokio::test]
async fn a_refresh_token_is_spent_for_a_new_pair() {
    let system = System::start().await;
    let mut admin = system.admin().await;
    for _ in 0..3 {
        let spent = admin.refresh_token.clone();
        admin.take_tokens(&admin.refresh(&spent).await.expect(200));
        assert_ne!(admin.refresh_token, spent);
        admin.get(ME).await.expect(200);
    }
}

#[tokio::test]
async fn a_refresh_token_is_accepted_in_the_body_too() {
    let system = System::start().await;
    let admin = system.admin().await;
    let body = json!({ "refresh_token": admin.refresh_token });
    admin.with_token(None).post("/api/v1/auth/refresh", body).await.expect(200);
}

#[tokio::test]
async fn a_token_used_by_two_ends_the_session_and_its_owner_is_told() {
    let system = System::start().await;
    let mut owner = system.admin().await;
    let stolen = owner.refresh_token.clone();
    owner.take_tokens(&owner.refresh(&stolen).await.expect(200));

    assert_eq!(system.anybody().refresh(&stolen).await.refused(401), "TOKEN_REUSED");

    assert_session_ended(&owner).await;
    let events = system.events("security.suspicious_activity").await;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["data"]["reason"], "refresh_token_reused");
    assert_eq!(system.mails(ADMIN).await.len(), 1);
}

#[tokio::test]
async fn a_thief_who_comes_first_is_found_out_by_the_owner() {
    let system = System::start().await;
    let (owner, mut thief) = (system.admin().await, system.anybody());
    thief.take_tokens(&thief.refresh(&owner.refresh_token).await.expect(200));
    assert_eq!(owner.refresh(&owner.refresh_token).await.refused(401), "TOKEN_REUSED");
    assert_session_ended(&thief).await;
}

#[tokio::test]
async fn a_double_click_gets_the_same_pair_and_logs_nobody_out() {
    let system = System::start().await;
    let mut admin = system.admin().await;
    let first = admin.refresh(&admin.refresh_token).await.expect(200);
    system.advance(5).await;
    let second = admin.refresh(&admin.refresh_token).await.expect(200);
    assert_eq!(first["refresh_token"], second["refresh_token"]);
    admin.take_tokens(&second);
    admin.get(ME).await.expect(200);
    admin.refresh(&admin.refresh_token).await.expect(200);
    assert!(system.events("security.suspicious_activity").await.is_empty());
}

#[tokio::test]
async fn after_the_grace_even_the_same_client_is_a_thief() {
    let system = System::start().await;
    let admin = system.admin().await;
    admin.refresh(&admin.refresh_token).await.expect(200);
    system.advance(11).await;
    assert_eq!(admin.refresh(&admin.refresh_token).await.refused(401), "TOKEN_REUSED");
}

#[tokio::test]
async fn a_token_from_before_the_last_one_has_no_grace() {
    let system = System::start().await;
    let admin = system.admin().await;
    let second = admin.refresh(&admin.refresh_token).await.expect(200)["refresh_token"].clone();
    admin.refresh(second.as_str().unwrap()).await.expect(200);
    assert_eq!(admin.refresh(&admin.refresh_token).await.refused(401), "TOKEN_REUSED");
}

#[tokio::test]
async fn twenty_parallel_uses_leave_one_session_and_one_pair() {
    let system = System::start().await;
    let mut admin = system.admin().await;
    let uses = join_all((0..20).map(|_| admin.refresh(&admin.refresh_token))).await;
    let pairs: BTreeSet<String> = uses
        .iter()
        .map(|answer| answer.expect(200))
        .map(|pair| format!("{} {}", pair["refresh_token"], claims(pair["access_token"].as_str().unwrap())))
        .collect();
    assert_eq!(pairs.len(), 1);
    assert_eq!(system.items("session").await.len(), 1);
    admin.take_tokens(&uses[0].json());
    admin.get(ME).await.expect(200);
}

#[tokio::test]
async fn twenty_parallel_uses_by_two_clients_leave_no_session() {
    let system = System::start().await;
    let (owner, thief) = (system.admin().await, system.anybody());
    let clients = [&owner, &thief];
    let uses = join_all((0..20).map(|n| clients[n % 2].refresh(&owner.refresh_token))).await;
    assert!(uses.iter().any(|answer| answer.status == 401));
    assert!(system.items("session").await.is_empty());
    assert_eq!(system.events("security.suspicious_activity").await.len(), 1);
}

#[tokio::test]
async fn a_logout_ends_its_session_and_no_other() {
    let system = System::start().await;
    let (here, there) = (system.admin().await, system.admin().await);
    here.post("/api/v1/auth/logout", json!({})).await.expect(200);
    assert_session_ended(&here).await;
    there.get(ME).await.expect(200);
}

#[tokio::test]
async fn a_changed_password_ends_every_session_but_the_one_it_opens() {
    let system = System::start().await;
    let (mut here, there) = (system.admin().await, system.admin().await);
    let before = here.clone();
    let change = json!({ "current_password": PASSWORD, "new_password": NEW_PASSWORD });
    here.take_tokens(&here.post("/api/v1/auth/change-password", change).await.expect(200));
    assert_session_ended(&before).await;
    assert_session_ended(&there).await;
    here.get(ME).await.expect(200);
    here.refresh(&here.refresh_token).await.expect(200);
}

#[tokio::test]
async fn a_reset_password_ends_every_session() {
    let system = System::start().await;
    let admin = system.admin().await;
    admin.post("/api/v1/auth/password-reset", json!({ "email": ADMIN })).await.expect(200);
    let token = system.mailed_token(ADMIN, "rst_").await;
    let reset = json!({ "token": token, "new_password": NEW_PASSWORD });
    system.anybody().post("/api/v1/auth/reset-password", reset).await.expect(200);
    assert_session_ended(&admin).await;
}

#[tokio::test]
async fn an_account_that_is_switched_off_is_out_at_once() {
    let system = System::start().await;
    let (admin, user) = (system.admin().await, system.user("ada@example.com").await);
    let path = user.admin_path().await;
    admin.put(&path, json!({ "is_active": false })).await.expect(200);
    assert_session_ended(&user).await;
    assert_eq!(user.login("ada@example.com", PASSWORD).await.refused(401), "ACCOUNT_INACTIVE");
    // Switched on again, it has to sign in anew.
    admin.put(&path, json!({ "is_active": true })).await.expect(200);
    assert_session_ended(&user).await;
    user.signed_in("ada@example.com", PASSWORD).await.get(ME).await.expect(200);
}

#[tokio::test]
async fn a_deleted_account_is_out_at_once() {
    let system = System::start().await;
    let user = system.user("ada@example.com").await;
    let path = user.admin_path().await;
    system.admin().await.send(Method::DELETE, &path, None).await.expect(200);
    assert_session_ended(&user).await;
}

#[tokio::test]
async fn a_new_role_counts_at_once() {
    let system = System::start().await;
    let (admin, user) = (system.admin().await, system.user("ada@example.com").await);
    let path = user.admin_path().await;
    user.get("/api/v1/admin/users").await.refused(403);
    admin.put(&path, json!({ "role": "manager" })).await.expect(200);
    user.get("/api/v1/admin/users").await.expect(200);
    admin.put(&path, json!({ "role": "user" })).await.expect(200);
    user.get("/api/v1/admin/users").await.refused(403);
}

#[tokio::test]
async fn a_session_lives_a_week_and_a_remembered_one_thirty_days() {
    let system = System::start().await;
    let mut usual = system.admin().await;
    let remember = json!({ "email": ADMIN, "password": PASSWORD, "remember_me": true });
    let mut remembered = usual.clone();
    remembered.take_tokens(&remembered.post("/api/v1/auth/login", remember).await.expect(200));

    system.advance(7 * DAY - 60).await;
    // Its use does not prolong a session.
    usual.take_tokens(&usual.refresh(&usual.refresh_token).await.expect(200));
    system.advance(60).await;
    usual.get(ME).await.refused(401);
    usual.refresh(&usual.refresh_token).await.refused(401);
    system.advance(23 * DAY - 60).await;
    remembered.take_tokens(&remembered.refresh(&remembered.refresh_token).await.expect(200));
    system.advance(60).await;
    remembered.refresh(&remembered.refresh_token).await.refused(401);
}

#[tokio::test]
async fn an_access_token_lives_an_hour() {
    let system = System::start().await;
    let admin = system.admin().await;
    system.advance(3300).await;
    admin.get(ME).await.expect(200);
    system.advance(300).await;
    assert_eq!(admin.get(ME).await.refused(401), "TOKEN_EXPIRED");
    admin.refresh(&admin.refresh_token).await.expect(200);
}

#[tokio::test]
async fn the_token_of_the_three_call_api_lives_a_day() {
    let system = System::start().await;
    let login = json!({ "email": ADMIN, "password": PASSWORD });
    let answer = system.anybody().post("/api/users/login", login).await.expect(200);
    let admin = system.anybody().with_token(answer["data"]["token"].as_str());
    system.advance(DAY - 300).await;
    admin.get("/api/users/me").await.expect(200);
    system.advance(300).await;
    assert_eq!(admin.get("/api/users/me").await.refused(401), "TOKEN_EXPIRED");
}
