//! What an endpoint costs: the calls to AWS that each makes, pinned.

use reqwest::Method;
use serde_json::{Value, json};
use tests::{Answer, NEW_PASSWORD, PASSWORD, Receiver, System, registration};

/// So many rows of a bulk operation.
fn rows(count: usize) -> Value {
    let row =
        |it| json!({ "email": format!("row{it}@example.com"), "first_name": "Ada", "last_name": "Lovelace" });
    json!({ "items": (0..count).map(row).collect::<Vec<_>>() })
}

#[tokio::test]
async fn every_endpoint_makes_exactly_the_calls_of_its_budget() {
    let (system, email) = (System::start().await, "ada@example.com");
    let (admin, person) = (system.warm().await, system.anybody());
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

    let role = json!({ "name": "developer", "permissions": ["user:read"] });
    let (roles, developer) = ("/api/v1/admin/roles", "/api/v1/admin/roles/developer");
    let create_role = admin.post(roles, role.clone()).await;
    let give_role = admin.put(&person.admin_path().await, json!({ "role": "developer" })).await;
    let person_of_role = person.get("/api/v1/auth/me").await;
    // An index may be a moment behind its table.
    system.drain().await;
    let by_role = admin.get("/api/v1/admin/users?role=developer").await;
    let take_role = admin.put(&person.admin_path().await, json!({ "role": "user" })).await;
    system.drain().await;

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
        ("create a role", 2, create_role),
        ("give a role", 4, give_role),
        ("list users of a role", 4, by_role),
        ("me, with another role than the token", 2, person_of_role),
        ("take a role", 3, take_role),
        ("list roles", 2, admin.get(roles).await),
        ("read a role", 2, admin.get(developer).await),
        ("read a built-in role", 1, admin.get("/api/v1/admin/roles/user").await),
        ("change a role", 3, admin.put(developer, role).await),
        ("delete a role", 3, admin.send(Method::DELETE, developer, None).await),
        ("create 62 users", 3, admin.post("/api/v1/bulk/users/create", rows(62)).await),
        ("validate 62 users", 3, admin.post("/api/v1/bulk/users/validate", rows(62)).await),
        ("search users", 6, admin.get("/api/v1/admin/users?search=ada").await),
        ("reset-password", 2, person.post("/api/v1/auth/reset-password", reset).await),
        ("change-password", 3, admin.post("/api/v1/auth/change-password", change).await),
        ("health", 0, person.get("/api/v1/health").await),
    ];
    for (endpoint, calls, answer) in &budgets {
        assert_eq!(answer.calls(), *calls, "{endpoint}: {}", answer.text);
    }
}

#[tokio::test]
async fn to_list_and_to_end_sessions_costs_the_same_however_many_there_are() {
    let system = System::start().await;
    let (admin, user) = (system.warm().await, system.user("ada@example.com").await);
    let theirs = format!("{}/sessions", user.admin_path().await);
    let own = "/api/v1/auth/sessions";
    for _ in 0..3 {
        user.login("ada@example.com", PASSWORD).await.expect(200);
    }
    let list = user.get(own).await;
    let path = |base: &str, index: usize| {
        format!("{base}/{}", list.json()["items"][index]["session_id"].as_str().unwrap())
    };
    let budgets = [
        ("list one's sessions", 2, list.clone()),
        ("list a user's sessions", 3, admin.get(&theirs).await),
        ("end a session", 2, user.delete(&path(own, 0)).await),
        ("end a user's session", 3, admin.delete(&path(&theirs, 1)).await),
        ("end all other sessions", 2, user.delete(own).await),
        ("end all sessions of a user", 3, admin.delete(&theirs).await),
    ];
    for (endpoint, calls, answer) in &budgets {
        answer.expect(200);
        assert_eq!(answer.calls(), *calls, "{endpoint}: {}", answer.text);
    }
}

#[tokio::test]
async fn working_with_webhooks_makes_the_calls_of_its_budget() {
    let system = System::start().await;
    let admin = system.warm().await;
    let receiver = Receiver::start().await;
    let form = json!({ "url": receiver.url, "events": ["bulk.*"] });
    let created = admin.post("/api/v1/webhooks", form).await;
    let path = format!("/api/v1/webhooks/{}", created.json()["id"].as_str().unwrap());
    let at = |rest: &str| format!("{path}/{rest}");
    let tested = admin.post(&at("test"), json!({})).await;
    let delivery = json!({ "delivery_id": tested.json()["delivery_id"] });
    system.settle().await;
    let budgets = [
        ("create", 2, created),
        ("list", 2, admin.get("/api/v1/webhooks").await),
        ("read", 2, admin.get(&path).await),
        ("change", 3, admin.send(Method::PATCH, &path, Some(json!({ "description": "A" }))).await),
        ("test", 3, tested),
        ("list deliveries", 4, admin.get(&at("deliveries")).await),
        ("replay", 4, admin.post(&at("replay"), delivery).await),
        ("rotate the secret", 3, admin.post(&at("rotate-secret"), json!({})).await),
        ("delete", 3, admin.delete(&path).await),
    ];
    for (endpoint, calls, answer) in &budgets {
        assert_eq!((answer.calls(), answer.status / 100), (*calls, 2), "{endpoint}: {}", answer.text);
    }
}

#[tokio::test]
async fn a_logout_makes_two_calls() {
    let system = System::start().await;
    let admin = system.warm().await;
    let answer = admin.post("/api/v1/auth/logout", json!({})).await;
    answer.expect(200);
    assert_eq!(answer.calls(), 2);
}

#[tokio::test]
async fn an_idempotency_key_costs_two_calls_and_a_repetition_has_no_others() {
    let system = System::start().await;
    let (admin, person) = (system.warm().await, system.verified("ada@example.com").await.1);
    let send = async || {
        let request = admin.request(Method::POST, "/api/v1/admin/approve-user");
        Answer::of(request.header("idempotency-key", "1").json(&json!({ "user_id": person }))).await
    };
    // Approving makes three; who calls is read for a repetition, too.
    assert_eq!((send().await.calls(), send().await.calls()), (5, 2));
}

#[tokio::test]
async fn taking_ones_data_makes_six_calls_and_going_five() {
    let system = System::start().await;
    system.warm().await;
    let person = system.verified("ada@example.com").await.0;
    system.drain().await;
    let export = person.post("/api/v1/gdpr/export/my-data", json!({})).await;
    let confirmation = json!({ "confirmation": "DELETE MY ACCOUNT" });
    let path = "/api/v1/gdpr/delete/my-account";
    let erasure = person.send(reqwest::Method::DELETE, path, Some(confirmation)).await;
    let peer = system.with_role("peer@example.com", "super_admin").await;
    // The index may be a moment behind its table.
    system.drain().await;
    let confirmation = json!({ "confirmation": "DELETE MY ACCOUNT" });
    let of_super_admin = peer.send(reqwest::Method::DELETE, path, Some(confirmation)).await;
    for (calls, answer) in [(6, export), (5, erasure), (7, of_super_admin)] {
        answer.expect(200);
        assert_eq!(answer.calls(), calls);
    }
}

#[tokio::test]
async fn reading_the_audit_trail_costs_the_same_however_much_there_is() {
    let system = System::start().await;
    system.warm().await;
    let (auditor, ada) =
        (system.with_role("auditor@example.com", "auditor").await, system.user("ada@example.com").await);
    let id = ada.get("/api/v1/auth/me").await.expect(200)["user_id"].as_str().unwrap().to_owned();
    system.drain().await;
    let logs = "/api/v1/audit/logs";
    for (query, calls) in [
        (logs.to_owned(), 6),
        (format!("{logs}?action=user.login&limit=100"), 6),
        (format!("{logs}?action=user.login&start_date=2024-01-01"), 6),
        (format!("{logs}?user_id={id}&severity=low"), 8),
        ("/api/v1/audit/summary".to_owned(), 3),
    ] {
        let answer = auditor.get(&query).await;
        answer.expect(200);
        assert_eq!(answer.calls(), calls, "{query}");
    }
    ada.get("/api/v1/auth/me").await.expect(200);
    assert_eq!(ada.get("/api/v1/admin/stats").await.calls(), 2, "a refusal is told");
}

#[tokio::test]
async fn working_with_users_makes_the_calls_of_its_budget() {
    let system = System::start().await;
    let (admin, person) = (system.warm().await, system.user("ada@example.com").await);
    let own = person.admin_path().await.replace("/admin", "");
    let names = json!({ "first_name": "Ada", "username": "ada" });
    let account = json!({ "username": "eve@example.com", "password": PASSWORD });
    let address = json!({ "email": "countess@example.com", "current_password": PASSWORD });
    let budgets = [
        ("create", 2, admin.post("/api/v1/users", account).await),
        ("list", 3, admin.get("/api/v1/users?limit=100").await),
        ("search", 6, admin.get("/api/v1/users?search=ada&role=user").await),
        ("search for nobody", 5, admin.get("/api/v1/users?search=zzz").await),
        ("read", 2, admin.get(&own).await),
        ("read one's own", 1, person.get(&own).await),
        ("change one's own", 2, person.send(Method::PATCH, &own, Some(names)).await),
        ("ask for another address", 3, person.send(Method::PATCH, &own, Some(address)).await),
        ("change nothing", 1, person.send(Method::PATCH, &own, Some(json!({}))).await),
        ("change", 3, admin.put(&own, json!({ "role": "manager", "username": "countess" })).await),
        ("change the address", 4, admin.put(&own, json!({ "email": "new@example.com" })).await),
        ("delete", 3, admin.send(Method::DELETE, &own, None).await),
    ];
    for (endpoint, calls, answer) in &budgets {
        assert_eq!((answer.calls(), answer.status / 100), (*calls, 2), "{endpoint}: {}", answer.text);
    }
}
