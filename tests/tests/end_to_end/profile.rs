//! `/api/v1/profile`: each documented request works as printed and is answered with the fields of its example.

use serde_json::{Value, json};
use tests::System;

fn example(last_name: &str) -> Value {
    json!({
        "user_id": "usr_abc123def456",
        "email": "user@example.com",
        "first_name": "John",
        "last_name": last_name,
        "role": "user",
        "status": "active",
        "is_verified": true,
        "created_at": "2024-01-15T10:30:00Z",
        "last_login": "2024-01-15T11:30:00Z",
    })
}

fn shown(profile: &Value) -> [&Value; 5] {
    ["email", "first_name", "last_name", "role", "status"].map(|field| &profile[field])
}

#[tokio::test]
async fn a_profile_is_read_as_documented() {
    let system = System::start().await;
    let person = system.user("user@example.com").await;
    let profile = person.get("/api/v1/profile/me").await.like(200, &example("Doe"));
    assert_eq!(shown(&profile), shown(&example("Doe")));
}

#[tokio::test]
async fn a_profile_is_changed_as_documented() {
    let system = System::start().await;
    let person = system.user("user@example.com").await;
    let request = json!({ "first_name": "John", "last_name": "Smith" });
    let profile = person.put("/api/v1/profile/me", request).await.like(200, &example("Smith"));
    assert_eq!(shown(&profile), shown(&example("Smith")));
    assert_eq!(person.get("/api/v1/profile/me").await.expect(200), profile);
}

#[tokio::test]
async fn a_name_that_is_left_out_stays() {
    let system = System::start().await;
    let person = system.user("user@example.com").await;
    let changed = person.put("/api/v1/profile/me", json!({ "first_name": "Jane" })).await.expect(200);
    assert_eq!((&changed["first_name"], &changed["last_name"]), (&json!("Jane"), &json!("Doe")));
    let changed = person.put("/api/v1/profile/me", json!({ "last_name": null })).await.expect(200);
    assert_eq!((&changed["first_name"], &changed["last_name"]), (&json!("Jane"), &json!("Doe")));
}
