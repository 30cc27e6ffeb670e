//! What an endpoint costs: the calls to AWS that each makes, as the table of access patterns says.

mod table;

use reqwest::Method;
use serde_json::{Value, json};
use tests::{Answer, Client, NEW_PASSWORD, PASSWORD, Receiver, System, registration};

use table::{Measured, assert_as_documented};

/// So many rows of a bulk operation, each of an address with this name in it.
fn rows(name: &str, count: usize) -> Value {
    let row = |it| json!({ "email": format!("{name}{it}@example.com"), "first_name": "Ada", "last_name": "Lovelace" });
    json!({ "items": (0..count).map(row).collect::<Vec<_>>() })
}

/// A measured request that was answered as well as it can be.
#[track_caller]
fn good(row: &'static str, answer: &Answer) -> Measured {
    assert_eq!(answer.status / 100, 2, "{row}: {}", answer.text);
    Measured::new(row, answer)
}

#[tokio::test]
async fn every_request_costs_what_the_table_of_access_patterns_says() {
    let measured = [
        signing_in().await,
        passwords_and_addresses().await,
        sessions().await,
        roles().await,
        directory().await,
        own_record().await,
        bulk_operations().await,
        webhooks().await,
        personal_data().await,
        audit_trail().await,
        keyed_requests().await,
    ];
    assert_as_documented(&measured.into_iter().flatten().collect::<Vec<_>>());
}

async fn signing_in() -> Vec<Measured> {
    let (system, email) = (System::start().await, "ada@example.com");
    let (admin, person) = (system.warm().await, system.anybody());
    let register = person.post("/api/v1/auth/register", registration(email)).await;
    let named = json!({ "name": "Eve Doe", "email": "eve@example.com", "password": PASSWORD });
    let register_named = person.post("/api/users/register", named).await;
    let resend = person.post("/api/v1/auth/resend-verification", json!({ "email": email })).await;
    let token = json!({ "token": system.mailed_token(email, "ver_").await });
    let verify = person.post("/api/v1/auth/verify-email", token).await;
    let approval = json!({ "user_id": register.json()["user_id"] });
    let approve = admin.post("/api/v1/admin/approve-user", approval).await;
    let person = person.signed_in(email, PASSWORD).await;
    let refresh = person.refresh(&person.refresh_token).await;
    let credentials = json!({ "email": email, "password": PASSWORD });
    vec![
        good("POST /auth/register", &register),
        good("POST /api/users/register", &register_named),
        good("POST /auth/resend-verification", &resend),
        good("POST /auth/verify-email", &verify),
        good("POST /admin/approve-user", &approve),
        good("POST /auth/login", &person.login(email, PASSWORD).await),
        good("POST /api/users/login", &person.post("/api/users/login", credentials).await),
        Measured::new("POST /auth/login … refused", &person.login(email, NEW_PASSWORD).await),
        Measured::new("POST /auth/login … refused", &person.login("nobody@example.com", PASSWORD).await),
        good("POST /auth/refresh", &refresh),
        good("GET /auth/me", &person.get("/api/v1/auth/me").await),
        good("GET /profile/me", &person.get("/api/v1/profile/me").await),
        good("GET /api/users/me", &person.get("/api/users/me").await),
        good("GET /health", &person.get("/api/v1/health").await),
        good("GET /health/ready", &person.get("/api/v1/health/ready").await),
        good("GET /health/db", &person.get("/api/v1/health/db").await),
        good("POST /auth/logout", &person.post("/api/v1/auth/logout", json!({})).await),
    ]
}

async fn passwords_and_addresses() -> Vec<Measured> {
    let (system, email, new) = (System::start().await, "ada@example.com", "countess@example.com");
    let (admin, person) = (system.warm().await, system.user(email).await);
    let profile = "/api/v1/profile/me";
    let renamed = person.put(profile, json!({ "first_name": "Augusta" })).await;
    let address = json!({ "email": new, "current_password": PASSWORD });
    let asked = person.put(profile, address).await;
    let token = json!({ "token": system.mailed_token(new, "eml_").await });
    let moved = person.post("/api/v1/auth/verify-email", token).await;
    let ask_reset = person.post("/api/v1/auth/password-reset", json!({ "email": new })).await;
    let reset = json!({ "token": system.mailed_token(new, "rst_").await, "new_password": NEW_PASSWORD });
    let change = json!({ "current_password": PASSWORD, "new_password": NEW_PASSWORD });
    vec![
        good("PUT /profile/me", &renamed),
        good("PUT /profile/me … another address", &asked),
        good("POST /auth/verify-email … of another address", &moved),
        good("POST /auth/password-reset", &ask_reset),
        good("POST /auth/reset-password", &person.post("/api/v1/auth/reset-password", reset).await),
        good("POST /auth/change-password", &admin.post("/api/v1/auth/change-password", change).await),
    ]
}

async fn sessions() -> Vec<Measured> {
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
    vec![
        good("GET /auth/sessions", &list),
        good("GET /admin/users/{id}/sessions", &admin.get(&theirs).await),
        good("DELETE /auth/sessions/{id}", &user.delete(&path(own, 0)).await),
        good("DELETE /admin/users/{id}/sessions/{id}", &admin.delete(&path(&theirs, 1)).await),
        good("DELETE /auth/sessions", &user.delete(own).await),
        good("DELETE /admin/users/{id}/sessions", &admin.delete(&theirs).await),
    ]
}

async fn roles() -> Vec<Measured> {
    let system = System::start().await;
    let (admin, person) = (system.warm().await, system.user("ada@example.com").await);
    let role = json!({ "name": "developer", "permissions": ["user:read"] });
    let (roles, developer) = ("/api/v1/admin/roles", "/api/v1/admin/roles/developer");
    let create = admin.post(roles, role.clone()).await;
    let give = admin.put(&person.admin_path().await, json!({ "role": "developer" })).await;
    let person_of_role = person.get("/api/v1/auth/me").await;
    // An index may be a moment behind its table.
    system.drain().await;
    let by_role = admin.get("/api/v1/admin/users?role=developer").await;
    let take = admin.put(&person.admin_path().await, json!({ "role": "user" })).await;
    system.drain().await;
    vec![
        good("POST /admin/roles", &create),
        good("PUT /admin/users/{id} … to a role that administrators made", &give),
        good("GET /auth/me … with a role that administrators made", &person_of_role),
        good("GET /admin/users … of a role that administrators made", &by_role),
        good("PUT /admin/users/{id}", &take),
        good("GET /admin/roles", &admin.get(roles).await),
        good("GET /admin/roles/{name}", &admin.get(developer).await),
        good("GET /admin/roles/{name} … a built-in one", &admin.get("/api/v1/admin/roles/user").await),
        good("PUT /admin/roles/{name}", &admin.put(developer, role).await),
        good("DELETE /admin/roles/{name}", &admin.delete(developer).await),
    ]
}

async fn directory() -> Vec<Measured> {
    let system = System::start().await;
    let (admin, person) = (system.warm().await, system.user("ada@example.com").await);
    let rejected = system.register_and_verify("eve@example.com").await;
    system.drain().await;
    let of_admin = person.admin_path().await;
    let user = of_admin.replace("/admin", "");
    let account = json!({ "username": "bob@example.com", "password": PASSWORD });
    let made = admin.post("/api/v1/users", account).await;
    let made_path = format!("/api/v1/users/{}", made.json()["id"].as_str().unwrap());
    let invited = registration("cyd@example.com");
    let patched = json!({ "role": "manager", "username": "countess" });
    let reject = format!("/api/v1/admin/users/{rejected}/reject");
    vec![
        good("POST /users", &made),
        good("POST /admin/users", &admin.post("/api/v1/admin/users", invited).await),
        good("GET /users", &admin.get("/api/v1/users?limit=100").await),
        good("GET /admin/users", &admin.get("/api/v1/admin/users?limit=100").await),
        good("GET /users … with search", &admin.get("/api/v1/users?search=ada&role=user").await),
        good("GET /admin/users … with search", &admin.get("/api/v1/admin/users?search=ada").await),
        good("GET /users … with search, where nobody is found", &admin.get("/api/v1/users?search=zzz").await),
        good("GET /users/{id}", &admin.get(&user).await),
        good("GET /admin/users/{id}", &admin.get(&of_admin).await),
        good("PUT /users/{id}", &admin.put(&user, json!({ "first_name": "Augusta" })).await),
        good("PATCH /users/{id}", &admin.send(Method::PATCH, &user, Some(patched)).await),
        good(
            "PUT /users/{id} … another address",
            &admin.put(&user, json!({ "email": "new@example.com" })).await,
        ),
        good("POST /admin/users/{id}/reject", &admin.post(&reject, json!({})).await),
        good("GET /admin/stats", &admin.get("/api/v1/admin/stats").await),
        good("DELETE /users/{id}", &admin.delete(&made_path).await),
        good("DELETE /admin/users/{id}", &admin.delete(&of_admin).await),
    ]
}

async fn own_record() -> Vec<Measured> {
    let system = System::start().await;
    system.warm().await;
    let person = system.user("ada@example.com").await;
    let own = person.admin_path().await.replace("/admin", "");
    let names = json!({ "first_name": "Ada", "username": "ada" });
    let address = json!({ "email": "countess@example.com", "current_password": PASSWORD });
    let patch = async |body| person.send(Method::PATCH, &own, Some(body)).await;
    vec![
        good("GET /users/{id}, one's own", &person.get(&own).await),
        good("PATCH /users/{id}, one's own", &patch(names).await),
        good("PUT /users/{id}, one's own", &person.put(&own, json!({ "first_name": "Augusta" })).await),
        good("PATCH /users/{id}, one's own … another address", &patch(address).await),
        good("PATCH /users/{id}, one's own … that changes nothing", &patch(json!({})).await),
    ]
}

async fn bulk_operations() -> Vec<Measured> {
    let system = System::start().await;
    let admin = system.warm().await;
    let create = "/api/v1/bulk/users/create";
    let few = admin.post(create, rows("few", 62)).await;
    let validated = admin.post("/api/v1/bulk/users/validate", rows("few", 62)).await;
    // What fails needs no account made of it.
    let mut many = rows("none", 1_100);
    for row in many["items"].as_array_mut().unwrap() {
        row["email"] = json!("few1@example.com");
    }
    let many = admin.post(create, many).await;
    system.drain().await;
    let operation = format!("/api/v1/bulk/operations/{}", many.json()["operation_id"].as_str().unwrap());
    vec![
        good("POST /bulk/users/create, n rows up to 1,000", &few).of(62),
        good("POST /bulk/users/create, n rows up to 1,000 … over 1,000", &many).of(1_100),
        good("POST /bulk/users/validate", &validated).of(62),
        good("GET /bulk/operations/{id}", &admin.get(&operation).await),
    ]
}

async fn webhooks() -> Vec<Measured> {
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
    let described = json!({ "description": "A" });
    vec![
        good("POST /webhooks", &created),
        good("GET /webhooks", &admin.get("/api/v1/webhooks").await),
        good("GET /webhooks/{id}", &admin.get(&path).await),
        good("PATCH /webhooks/{id}", &admin.send(Method::PATCH, &path, Some(described)).await),
        good("POST /webhooks/{id}/test", &tested),
        good("GET /webhooks/{id}/deliveries", &admin.get(&at("deliveries")).await),
        good("POST /webhooks/{id}/replay", &admin.post(&at("replay"), delivery).await),
        good("POST /webhooks/{id}/rotate-secret", &admin.post(&at("rotate-secret"), json!({})).await),
        good("DELETE /webhooks/{id}", &admin.delete(&path).await),
    ]
}

async fn personal_data() -> Vec<Measured> {
    let system = System::start().await;
    system.warm().await;
    let person = system.verified("ada@example.com").await.0;
    system.drain().await;
    let export = person.post("/api/v1/gdpr/export/my-data", json!({})).await;
    let erase = async |person: &Client| {
        let confirmation = json!({ "confirmation": "DELETE MY ACCOUNT" });
        person.send(Method::DELETE, "/api/v1/gdpr/delete/my-account", Some(confirmation)).await
    };
    let erasure = erase(&person).await;
    let peer = system.with_role("peer@example.com", "super_admin").await;
    // The index may be a moment behind its table.
    system.drain().await;
    let of_super_admin = "DELETE /gdpr/delete/my-account, of n sessions … of a super_admin";
    vec![
        good("POST /gdpr/export/my-data", &export),
        good("DELETE /gdpr/delete/my-account, of n sessions", &erasure).of(1),
        good(of_super_admin, &erase(&peer).await).of(1),
    ]
}

async fn audit_trail() -> Vec<Measured> {
    let system = System::start().await;
    let admin = system.warm().await;
    let (auditor, ada) =
        (system.with_role("auditor@example.com", "auditor").await, system.user("ada@example.com").await);
    let id = ada.get("/api/v1/auth/me").await.expect(200)["user_id"].as_str().unwrap().to_owned();
    // The first one opens the key of the MACs.
    auditor.get("/api/v1/audit/verify").await.expect(200);
    let told_at = system.events("user.registered").await[0]["at"].to_string();
    let of_today = format!("?start_date={}", &told_at[1..11]);
    system.drain().await;
    let mut measured = Vec::new();
    for query in [
        String::new(),
        "?action=user.login&limit=100".to_owned(),
        "?action=user.login&start_date=2024-01-01".to_owned(),
        format!("?user_id={id}&severity=low"),
    ] {
        let answer = auditor.get(&format!("/api/v1/audit/logs{query}")).await;
        measured.push(good("GET /audit/logs", &answer));
    }
    // It answers whoever may not, too, and tells of it.
    let stats = "/api/v1/admin/stats";
    let (refused, permitted) = (ada.get(stats).await, admin.get(stats).await);
    assert_eq!((refused.status, permitted.status), (403, 200));
    measured.extend([
        good("GET /admin/audit-logs", &admin.get("/api/v1/admin/audit-logs").await),
        good("GET /audit/summary", &auditor.get("/api/v1/audit/summary").await),
        good("GET /audit/verify, of n days", &auditor.get(&format!("/api/v1/audit/verify{of_today}")).await)
            .of(1),
        good("GET /audit/export, of n days", &auditor.get(&format!("/api/v1/audit/export{of_today}")).await)
            .of(1),
        // Who calls is read before.
        Measured::new("a refusal for want of a permission", &refused).beside(1),
    ]);
    measured
}

async fn keyed_requests() -> Vec<Measured> {
    let system = System::start().await;
    let (admin, person) = (system.warm().await, system.verified("ada@example.com").await.1);
    let send = async || {
        let request = admin.request(Method::POST, "/api/v1/admin/approve-user");
        Answer::of(request.header("idempotency-key", "1").json(&json!({ "user_id": person }))).await
    };
    // Approving makes three.
    vec![
        good("any POST with Idempotency-Key", &send().await).beside(3),
        good("any POST with Idempotency-Key … repeated", &send().await),
    ]
}
