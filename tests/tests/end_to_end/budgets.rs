//! What an endpoint costs: the calls to AWS that each makes, pinned.

use serde_json::json;
use tests::{NEW_PASSWORD, PASSWORD, System, registration};

#[tokio::test]
async fn every_endpoint_makes_exactly_the_calls_of_its_budget() {
    let (system, email) = (System::start().await, "ada@example.com");
    let (admin, person) = (system.admin().await, system.anybody());
    // The first request that brings a token loads the keys that check it.
    admin.get("/api/v1/auth/me").await.expect(200);
    let register = person.post("/api/v1/auth/register", registration(email)).await;
    let resend = person.post("/api/v1/auth/resend-verification", json!({ "email": email })).await;
    let verification = json!({ "token": system.mailed_token(email, "ver_").await });
    let verify = person.post("/api/v1/auth/verify-email", verification).await;
    let approval = json!({ "user_id": register.json()["user_id"] });
    let approve = admin.post("/api/v1/admin/approve-user", approval).await;
    let person = person.signed_in(email, PASSWORD).await;
    let refresh = person.refresh(&person.refresh_token).await;
    let names = json!({ "first_name": "Ada", "last_name": "Lovelace" });
    let ask_reset = person.post("/api/v1/auth/password-reset", json!({ "email": email })).await;
    let reset = json!({ "token": system.mailed_token(email, "rst_").await, "new_password": NEW_PASSWORD });
    let change = json!({ "current_password": PASSWORD, "new_password": NEW_PASSWORD });

    let budgets = [
        ("register", 1, register),
        ("resend-verification", 2, resend),
        ("verify-email", 2, verify),
        ("approve-user", 3, approve),
        ("login", 3, person.login(email, PASSWORD).await),
        ("login, wrong password", 3, person.login(email, NEW_PASSWORD).await),
        ("login, unknown address", 3, person.login("nobody@example.com", PASSWORD).await),
        ("refresh", 2, refresh),
        ("me", 1, person.get("/api/v1/auth/me").await),
        ("profile", 1, person.get("/api/v1/profile/me").await),
        ("change the profile", 2, person.put("/api/v1/profile/me", names).await),
        ("password-reset", 2, ask_reset),
        ("list users", 3, admin.get("/api/v1/admin/users?limit=100").await),
        ("read a user", 2, admin.get(&person.admin_path().await).await),
        ("list roles", 1, admin.get("/api/v1/admin/roles").await),
        ("reset-password", 2, person.post("/api/v1/auth/reset-password", reset).await),
        ("change-password", 3, admin.post("/api/v1/auth/change-password", change).await),
        ("health", 0, person.get("/api/v1/health").await),
    ];
    for (endpoint, calls, answer) in &budgets {
        assert_eq!(answer.calls(), *calls, "{endpoint}: {}", answer.text);
    }
}

#[tokio::test]
async fn a_logout_makes_two_calls() {
    let system = System::start().await;
    let admin = system.admin().await;
    admin.get("/api/v1/auth/me").await.expect(200);
    let answer = admin.post("/api/v1/auth/logout", json!({})).await;
    answer.expect(200);
    assert_eq!(answer.calls(), 2);
}
