//! The audit trail: a record for each event, once, and nothing in it that names a person or opens a door.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};
use tests::{Client, NEW_PASSWORD, PASSWORD, System, registration};

const EMAIL: &str = "zebedee@example.com";

/// Has everything happen that tells an event; returns every secret that was seen on the way.
async fn live(system: &System) -> Vec<String> {
    let mut secrets = vec![PASSWORD.to_owned(), NEW_PASSWORD.to_owned()];
    let person = json!({
        "email": EMAIL, "password": PASSWORD, "confirm_password": PASSWORD, "first_name": "Zebedee",
        "last_name": "Xylander",
    });
    let mut client = system.anybody();
    let registered = client.post("/api/v1/auth/register", person).await.expect(201);
    // The first link is fresh for five minutes.
    system.advance(300).await;
    client.post("/api/v1/auth/resend-verification", json!({ "email": EMAIL })).await.expect(200);
    let verification = system.mailed_token(EMAIL, "ver_").await;
    client.post("/api/v1/auth/verify-email", json!({ "token": verification })).await.expect(200);
    let admin = system.admin().await;
    let id = registered["user_id"].as_str().unwrap();
    admin.post("/api/v1/admin/approve-user", json!({ "user_id": id })).await.expect(200);
    admin.put(&format!("/api/v1/admin/users/{id}"), json!({ "first_name": "Zebulon" })).await.expect(200);
    manage_another(&admin).await;
    client.login(EMAIL, NEW_PASSWORD).await.refused(401);
    client.login("nobody@example.com", NEW_PASSWORD).await.refused(401);
    client = client.signed_in(EMAIL, PASSWORD).await;
    client.put("/api/v1/profile/me", json!({ "first_name": "Zebedee" })).await.expect(200);
    let spent = client.refresh_token.clone();
    secrets.extend([client.token().to_owned(), spent.clone(), verification]);
    client.take_tokens(&client.refresh(&spent).await.expect(200));
    secrets.extend([client.token().to_owned(), client.refresh_token.clone()]);
    system.anybody().refresh(&spent).await.refused(401);
    client.post("/api/v1/auth/password-reset", json!({ "email": EMAIL })).await.expect(200);
    let reset = system.mailed_token(EMAIL, "rst_").await;
    let new = json!({ "token": reset, "new_password": NEW_PASSWORD });
    client.post("/api/v1/auth/reset-password", new).await.expect(200);
    leave(system).await;
    client.signed_in(EMAIL, NEW_PASSWORD).await.post("/api/v1/auth/logout", json!({})).await.expect(200);
    secrets.push(reset);
    secrets
}

/// Has somebody take their data and go.
async fn leave(system: &System) {
    let leaving = system.verified("zed@example.com").await.0;
    leaving.post("/api/v1/gdpr/export/my-data", json!({})).await.expect(200);
    let confirmation =
        json!({ "confirmation": "DELETE MY ACCOUNT", "reason": "Zebedee Xylander told me to" });
    let path = "/api/v1/gdpr/delete/my-account";
    leaving.send(Method::DELETE, path, Some(confirmation)).await.expect(200);
}

/// Makes an account, has another one rejected, and deletes both.
async fn manage_another(admin: &Client) {
    let person = json!({
        "email": "zeb@example.com", "password": PASSWORD, "first_name": "Zebedee", "last_name": "Xylander",
    });
    let made = admin.post("/api/v1/admin/users", person).await.expect(201);
    let registered = admin.post("/api/v1/auth/register", registration("zebra@example.com")).await.expect(201);
    let path = |user: &Value| format!("/api/v1/admin/users/{}", user["user_id"].as_str().unwrap());
    let reason = json!({ "reason": "Zebedee Xylander is here already" });
    admin.post(&format!("{}/reject", path(&registered)), reason).await.expect(200);
    admin.send(Method::DELETE, &path(&made), None).await.expect(200);
    admin.send(Method::DELETE, &path(&registered), None).await.expect(200);
}

fn ids(items: &[Value]) -> BTreeSet<&str> {
    items.iter().filter_map(|item| item["id"].as_str()).collect()
}

#[tokio::test]
async fn every_event_has_one_audit_record_that_says_the_same() {
    let system = System::start().await;
    live(&system).await;
    let (events, records) = (system.items("event").await, system.items("audit").await);
    assert_eq!((ids(&events), events.len()), (ids(&records), records.len()));
    for event in &events {
        let record = records.iter().find(|record| record["id"] == event["id"]).unwrap();
        for field in ["type", "at", "tenant", "subject", "actor", "request_id", "data"] {
            assert_eq!(record[field], event[field], "{field} of {}", event["type"]);
        }
        for field in ["ip_address", "user_agent", "device_of", "sealed_device"] {
            assert_eq!(record[field], event[field], "{field} of {}", event["type"]);
        }
        assert_eq!((&record["mail"], &record["expires_at"]), (&Value::Null, &Value::Null));
    }
    let types: BTreeSet<_> = events.iter().filter_map(|event| event["type"].as_str()).collect();
    assert_eq!(types.len(), 19, "{types:?}");
}

#[tokio::test]
async fn events_and_audit_records_name_nobody_and_open_nothing() {
    let system = System::start().await;
    live(&system).await;
    for item in [system.items("event").await, system.items("audit").await].concat() {
        let text = item.to_string();
        // Nothing shorter: what is sealed is random text.
        for telling in
            ["@", "example.com", "zebedee", "Zebedee", "Zebulon", "Xylander", "eyJhbGci", "$argon2"]
        {
            assert!(!text.contains(telling), "{telling} in {text}");
        }
    }
}

#[tokio::test]
async fn no_secret_stands_in_the_table() {
    let system = System::start().await;
    let secrets = live(&system).await;
    for item in system.table().await {
        let text = item.to_string();
        for secret in &secrets {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
}

#[tokio::test]
async fn personal_data_and_hashes_stand_where_they_belong_only() {
    let system = System::start().await;
    live(&system).await;
    let places =
        [("$argon2id$", &["credential"][..]), (EMAIL, &["credential", "user"]), ("Xylander", &["user"])];
    for (text, entities) in places {
        let found = system.table().await.into_iter().filter(|item| item.to_string().contains(text));
        let found: BTreeSet<_> =
            found.map(|item| item["entity"].as_str().unwrap_or_default().to_owned()).collect();
        assert_eq!(found, entities.iter().map(ToString::to_string).collect(), "{text}");
    }
}
