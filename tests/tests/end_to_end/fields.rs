//! The fields of a request: all that is wrong is told at once, and none has an effect that it may not have.

use serde_json::{Value, json};
use tests::{PASSWORD, System, registration};

/// Fields that nobody may set, with values that somebody would like.
fn coveted() -> Value {
    json!({
        "id": "usr_00000000000040008000000000000000",
        "user_id": "usr_00000000000040008000000000000000",
        "userId": "00000000-0000-4000-8000-000000000000",
        "roles": ["super_admin"],
        "permissions": ["*:*"],
        "tenant": "other",
        "is_verified": true,
        "verified_at": "2020-01-01T00:00:00Z",
        "is_approved": true,
        "approved_by": "usr_00000000000040008000000000000000",
        "approval": { "by": "usr_00000000000040008000000000000000", "at": "2020-01-01T00:00:00Z" },
        "status": "inactive",
        "must_change_password": true,
        "password_hash": "$argon2id$",
        "generation": 99,
        "version": 99,
        "login_count": 99,
        "created_at": "2020-01-01T00:00:00Z",
        "last_login_at": "2020-01-01T00:00:00Z",
        "constructor": { "prototype": { "role": "super_admin" } },
    })
}

/// `form` and [`coveted`] fields, and `more` beside them.
fn with_coveted(form: &Value, more: &Value) -> Value {
    let fields = [&coveted(), more, form].map(|it| it.as_object().cloned().unwrap_or_default());
    Value::Object(fields.into_iter().flatten().collect())
}

#[tokio::test]
async fn everything_wrong_with_a_registration_is_told_at_once() {
    let system = System::start().await;
    let wrong = json!({
        "email": "nobody", "password": "weak", "confirm_password": "other", "first_name": "7", "last_name": "",
    });
    let answer = system.anybody().post("/api/v1/auth/register", wrong).await;
    let mut fields = answer.invalid();
    fields.dedup();
    assert_eq!(fields, ["email", "first_name", "last_name", "password", "confirm_password"]);
    let body = answer.json();
    let (first, other) = (&body["details"]["data"][0], &body["error"]["details"]);
    assert_eq!(
        (&first["field"], &first["message"]),
        (&other["field"], &other["reason"]),
        "two ways to say it"
    );

    let wrong = json!({ "name": " ", "email": "nobody", "password": "weak" });
    let answer = system.anybody().post("/api/users/register", wrong).await;
    let mut fields = answer.invalid();
    fields.dedup();
    assert_eq!(fields, ["name", "email", "password"]);
}

#[tokio::test]
async fn everything_wrong_with_a_change_is_told_at_once() {
    let system = System::start().await;
    let person = system.user("user@example.com").await;
    let names = json!({ "first_name": "J4ne", "last_name": "J" });
    let answer = person.put("/api/v1/profile/me", names).await;
    assert_eq!(answer.invalid(), ["first_name", "last_name"]);

    let id = person.get("/api/v1/auth/me").await.expect(200)["user_id"].clone();
    let path = format!("/api/v1/admin/users/{}", id.as_str().unwrap());
    let wrong = json!({ "first_name": "J4ne", "last_name": "J", "role": "king", "is_active": false });
    let answer = system.admin().await.put(&path, wrong).await;
    assert_eq!(answer.invalid(), ["first_name", "last_name", "role"]);
    person.get("/api/v1/auth/me").await.expect(200);
}

#[tokio::test]
async fn nothing_but_what_a_registration_asks_for_has_an_effect() {
    let system = System::start().await;
    let admin = system.admin().await;
    let role = json!({ "role": "super_admin", "is_active": false });
    let form = with_coveted(&registration("user@example.com"), &role);
    let registered = system.anybody().post("/api/v1/auth/register", form).await.expect(201);
    let form = json!({ "name": "John Doe", "email": "john@example.com", "password": PASSWORD });
    let other = system.anybody().post("/api/users/register", with_coveted(&form, &role)).await.expect(201);
    for id in [&registered["user_id"], &other["data"]["userId"]] {
        let path = format!("/api/v1/admin/users/{}", id.as_str().unwrap());
        let user = admin.get(&path).await.expect(200);
        assert_eq!((&user["role"], &user["is_active"]), (&json!("user"), &json!(true)));
        assert_eq!([&user["is_verified"], &user["is_approved"]], [false, false]);
        assert_eq!((&user["approved_by"], &user["login_count"]), (&Value::Null, &json!(0)));
        assert_ne!(user["created_at"], coveted()["created_at"]);
    }
}

#[tokio::test]
async fn nothing_but_names_and_the_address_of_a_profile_has_an_effect() {
    let system = System::start().await;
    let (person, id) = system.verified("user@example.com").await;
    let admin = system.admin().await;
    admin.post("/api/v1/admin/approve-user", json!({ "user_id": id })).await.expect(200);
    let path = format!("/api/v1/admin/users/{id}");
    let mut before = admin.get(&path).await.expect(200);
    let more = json!({ "role": "admin", "pending_email": "new@example.com", "username": "root", "is_active": false });
    let form = with_coveted(&json!({ "first_name": "Jane" }), &more);
    person.put("/api/v1/profile/me", form).await.expect(200);

    let after = admin.get(&path).await.expect(200);
    assert_eq!(after["first_name"], "Jane");
    (before["first_name"], before["updated_at"]) = (json!("Jane"), after["updated_at"].clone());
    assert_eq!(after, before);
    person.login("user@example.com", PASSWORD).await.expect(200);
}

#[tokio::test]
async fn nothing_but_what_an_administrator_may_change_has_an_effect() {
    let system = System::start().await;
    let registered = system.register("user@example.com").await;
    let admin = system.admin().await;
    let path = format!("/api/v1/admin/users/{}", registered["user_id"].as_str().unwrap());
    let mut before = admin.get(&path).await.expect(200);
    admin.put(&path, with_coveted(&json!({ "role": "manager" }), &json!({}))).await.expect(200);
    let after = admin.get(&path).await.expect(200);
    (before["role"], before["updated_at"]) = (json!("manager"), after["updated_at"].clone());
    assert_eq!(after, before);
    let user_item = |item: &&Value| item["id"] == registered["user_id"];
    let table = system.table().await;
    let item = table.iter().find(user_item).unwrap();
    assert_eq!((&item["tenant"], &item["generation"]), (&json!("default"), &json!(0)));
}
