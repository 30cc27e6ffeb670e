//! What webhooks are told is what the OpenAPI document describes, for each type of event: every member, and no other.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};
use tests::{Client, NEW_PASSWORD, PASSWORD, Receiver, System, mistakes, openapi};

const ADA: &str = "ada@example.com";
const AUTH: &str = "/api/v1/auth";
const DAY: i64 = 86_400;
const PAGE: &str = include_str!("../../../../docs/webhooks.md");

/// The schema and the example of each type of event, as the document has them.
fn described(document: &Value) -> impl Iterator<Item = (&str, &Value, &Value)> {
    document["webhooks"].as_object().unwrap().iter().map(|(event_type, item)| {
        let content = &item["post"]["requestBody"]["content"]["application/json"];
        (event_type.as_str(), &content["schema"], &content["example"])
    })
}

/// The types of event of these families.
fn types_of<'a>(document: &'a Value, families: &[&str]) -> BTreeSet<&'a str> {
    let types = described(document).map(|(event_type, ..)| event_type);
    types.filter(|it| families.iter().any(|family| it.starts_with(&format!("{family}.")))).collect()
}

/// A system whose webhook is told everything.
async fn telling() -> (System, Receiver) {
    let (system, receiver) = (System::start().await, Receiver::start().await);
    let form = json!({ "url": receiver.url, "events": ["*"] });
    system.admin().await.post("/api/v1/webhooks", form).await.expect(201);
    (system, receiver)
}

/// Each of `payloads` is as its type is described, and there is one at least of each type of `families`.
fn assert_described(payloads: &[Value], families: &[&str]) {
    let document = openapi();
    for payload in payloads {
        let (_, schema, _) =
            described(&document).find(|(event_type, ..)| payload["type"] == *event_type).unwrap();
        assert_eq!(mistakes(&document, schema, payload), [""; 0], "{payload}");
    }
    let told: BTreeSet<_> = payloads.iter().filter_map(|payload| payload["type"].as_str()).collect();
    let untold: Vec<_> = types_of(&document, families).difference(&told).copied().collect();
    assert_eq!(untold, [""; 0]);
}

/// The bodies of what came, each with the headers that are described.
async fn told(system: &System, receiver: &Receiver) -> Vec<Value> {
    system.drain().await;
    let (document, messages) = (openapi(), receiver.received());
    for header in document["components"]["parameters"].as_object().unwrap().keys() {
        assert!(messages.iter().all(|message| !message.header(header).is_empty()), "{header}");
    }
    messages.iter().map(tests::Received::json).collect()
}

#[test]
fn each_type_of_event_has_an_example_that_is_as_its_schema_says() {
    let document = openapi();
    for (event_type, schema, example) in described(&document) {
        assert_eq!(mistakes(&document, schema, example), [""; 0], "{event_type}");
        assert_eq!(example["type"], event_type);
    }
    let families = ["admin", "audit", "bulk", "security", "system", "user", "webhook"];
    assert_eq!(types_of(&document, &families).len(), described(&document).count(), "all are tested here");
}

#[test]
fn the_page_on_webhooks_has_a_row_for_each_type_of_event() {
    let document = openapi();
    let members = |schema: &Value| {
        let required = schema["required"].as_array().cloned().unwrap_or_default();
        let names = schema["properties"].as_object().into_iter().flatten();
        let names = names
            .map(|(name, _)| format!("`{name}`{}", if required.contains(&json!(name)) { "" } else { "?" }));
        names.collect::<Vec<_>>()
    };
    for (event_type, schema, _) in described(&document) {
        let data = &schema["properties"]["data"];
        let meaning =
            document["webhooks"][event_type]["post"]["description"].as_str().unwrap().lines().next().unwrap();
        let parties =
            members(data).into_iter().filter(|it| it.starts_with("`actor") || it.starts_with("`subject"));
        let parties = parties.collect::<Vec<_>>().join(", ");
        let details = members(&data["properties"]["details"]).join(", ");
        let row = format!("| `{event_type}` | {} | {parties} | {details} |", meaning.trim_end_matches('.'));
        assert!(PAGE.contains(&row), "docs/webhooks.md has no row\n{row}");
    }
}

/// Ada comes, stays and goes; her first session, and a second one.
async fn live(system: &System) -> Client {
    let anybody = system.anybody();
    let id = system.register(ADA).await["user_id"].as_str().unwrap().to_owned();
    // The first link is fresh for five minutes.
    system.advance(300).await;
    anybody.post(&format!("{AUTH}/resend-verification"), json!({ "email": ADA })).await.expect(200);
    let token = system.mailed_token(ADA, "ver_").await;
    anybody.post(&format!("{AUTH}/verify-email"), json!({ "token": token })).await.expect(200);
    system.admin().await.post("/api/v1/admin/approve-user", json!({ "user_id": id })).await.expect(200);
    let ada = anybody.signed_in(ADA, PASSWORD).await;
    ada.put("/api/v1/profile/me", json!({ "last_name": "King" })).await.expect(200);
    let change = json!({ "email": "king@example.com", "current_password": PASSWORD });
    ada.put("/api/v1/profile/me", change).await.expect(200);
    let token = system.mailed_token("king@example.com", "eml_").await;
    ada.post(&format!("{AUTH}/verify-email"), json!({ "token": token })).await.expect(200);
    ada.post("/api/v1/gdpr/export/my-data", json!({})).await.expect(200);
    ada
}

#[tokio::test]
async fn what_people_do_is_told_as_described() {
    let (system, receiver) = telling().await;
    let ada = live(&system).await;
    let again = || async { system.anybody().signed_in("king@example.com", PASSWORD).await };
    let (mut robbed, other) = (again().await, again().await);
    let session = other.get(&format!("{AUTH}/sessions")).await.expect(200);
    let session =
        session["items"].as_array().unwrap().iter().find(|it| it["current"] == true).unwrap().clone();
    ada.delete(&format!("{AUTH}/sessions/{}", session["session_id"].as_str().unwrap())).await.expect(200);

    let stolen = robbed.refresh_token.clone();
    robbed.take_tokens(&robbed.refresh(&stolen).await.expect(200));
    assert_eq!(system.anybody().refresh(&stolen).await.refused(401), "TOKEN_REUSED");
    ada.login("king@example.com", "wrong").await.refused(401);
    ada.get("/api/v1/admin/users").await.refused(403);
    ada.post(&format!("{AUTH}/password-reset"), json!({ "email": "king@example.com" })).await.expect(200);
    let token = system.mailed_token("king@example.com", "rst_").await;
    let reset = json!({ "token": token, "new_password": NEW_PASSWORD });
    ada.post(&format!("{AUTH}/reset-password"), reset).await.expect(200);

    let ada = system.anybody().signed_in("king@example.com", NEW_PASSWORD).await;
    ada.delete(&format!("{AUTH}/sessions")).await.expect(200);
    ada.post(&format!("{AUTH}/logout"), json!({})).await.expect(200);
    let ada = ada.signed_in("king@example.com", NEW_PASSWORD).await;
    let confirmation = json!({ "confirmation": "DELETE MY ACCOUNT" });
    ada.send(Method::DELETE, "/api/v1/gdpr/delete/my-account", Some(confirmation)).await.expect(200);
    assert_described(&told(&system, &receiver).await, &["user", "security"]);
}

/// An administrator does to an account, and to one that is not let in, all that can be done.
async fn administer_accounts(system: &System, admin: &Client) {
    let form = json!({ "email": ADA, "password": PASSWORD, "first_name": "Ada", "last_name": "King" });
    admin.post("/api/v1/admin/users", form).await.expect(201);
    let ada = system.anybody().signed_in(ADA, PASSWORD).await;
    let path = ada.admin_path().await;
    let sessions = admin.get(&format!("{path}/sessions")).await.expect(200);
    let session = sessions["items"][0]["session_id"].as_str().unwrap();
    admin.delete(&format!("{path}/sessions/{session}")).await.expect(200);
    admin.delete(&format!("{path}/sessions")).await.expect(200);
    admin.put(&path, json!({ "role": "manager", "email": "king@example.com" })).await.expect(200);
    admin.delete(&path).await.expect(200);
    let (_, id) = system.verified("bob@example.com").await;
    admin.post(&format!("/api/v1/admin/users/{id}/reject"), json!({ "reason": "No" })).await.expect(200);
    let (_, id) = system.verified("eve@example.com").await;
    admin.post("/api/v1/admin/approve-user", json!({ "user_id": id })).await.expect(200);
}

/// An administrator makes, changes, tries and removes a webhook, and has another that wants no more.
async fn administer_webhooks(system: &System, admin: &Client, receiver: &Receiver) {
    let form = json!({ "url": receiver.url, "events": ["bulk.*"] });
    let webhook = admin.post("/api/v1/webhooks", form).await.expect(201);
    let path = format!("/api/v1/webhooks/{}", webhook["id"].as_str().unwrap());
    let tested = admin.post(&format!("{path}/test"), json!({})).await.expect(202);
    system.drain().await;
    let replay = json!({ "delivery_id": tested["delivery_id"] });
    admin.post(&format!("{path}/replay"), replay).await.expect(202);
    admin.post(&format!("{path}/rotate-secret"), json!({})).await.expect(200);
    admin.send(Method::PATCH, &path, Some(json!({ "description": "Try" }))).await.expect(200);
    admin.delete(&path).await.expect(200);
    let gone = Receiver::start().await.answering(&[410]);
    let form = json!({ "url": gone.url, "events": ["admin.*"] });
    admin.post("/api/v1/webhooks", form).await.expect(201);
    system.drain().await;
}

#[tokio::test]
async fn what_administrators_do_is_told_as_described() {
    let (system, receiver) = telling().await;
    let admin = system.admin().await;
    administer_accounts(&system, &admin).await;
    let role = json!({ "name": "support", "permissions": ["user:read"] });
    admin.post("/api/v1/admin/roles", role).await.expect(201);
    let change = json!({ "permissions": ["user:read", "user:update"] });
    admin.put("/api/v1/admin/roles/support", change).await.expect(200);
    admin.delete("/api/v1/admin/roles/support").await.expect(200);
    administer_webhooks(&system, &admin, &receiver).await;
    for path in [
        "audit/logs?action=user.login&start_date=2020-01-01",
        "admin/audit-logs",
        "audit/verify",
        "audit/export",
    ] {
        admin.get(&format!("/api/v1/{path}")).await.expect(200);
    }
    let rows = "{}\n".repeat(1_001);
    admin.post_file("/api/v1/bulk/users/create", "application/x-ndjson", rows).await.expect(202);
    let row = json!({ "email": "carl@example.com", "first_name": "Carl", "last_name": "Gauss" });
    admin.post("/api/v1/bulk/users/create", json!({ "items": [row] })).await.expect(200);
    assert_described(&told(&system, &receiver).await, &["admin", "audit", "bulk", "webhook"]);
}

#[tokio::test]
async fn what_the_system_does_is_told_as_described() {
    let (system, receiver) = telling().await;
    // It was made before there was a webhook, and is told to none.
    let first = system.events("system.first_administrator_created").await;
    system.register(ADA).await;
    system.drain().await;
    system.raw_table().await.add(("COUNT#default", "USERS"), "users", 3).await;
    system.clean_up().await;
    // What is not delivered by then is forgotten.
    system.drain().await;
    system.advance(31 * DAY).await;
    system.clean_up().await;
    let mut payloads = told(&system, &receiver).await;
    payloads.extend(first.iter().map(|event| {
        let of = |name: &str| event[name].clone();
        let data =
            ["id", "version", "tenant", "subject", "request_id"].map(|name| (name.to_owned(), of(name)));
        let mut data: serde_json::Map<_, _> = data.into_iter().collect();
        data.insert("details".to_owned(), of("data"));
        json!({ "type": of("type"), "timestamp": of("at"), "data": data })
    }));
    assert_described(&payloads, &["system"]);
}
