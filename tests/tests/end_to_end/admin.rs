//! `/api/v1/admin`: each documented request works as printed and is answered with the fields of its example.

use serde_json::{Value, json};
use tests::{PASSWORD, System};

fn example() -> Value {
    json!({
        "user_id": "usr_abc123def456",
        "email": "user@example.com",
        "first_name": "John",
        "last_name": "Doe",
        "role": "user",
        "is_active": true,
        "is_verified": true,
        "is_approved": true,
        "approved_by": "usr_admin123",
        "approved_at": "2024-01-15T10:35:00Z",
        "created_at": "2024-01-15T10:30:00Z",
        "last_login_at": "2024-01-15T11:30:00Z",
    })
}

/// Somebody who registered and verified their address, and never signed in; their id.
async fn newcomer(system: &System) -> String {
    let registered = system.register("newuser@example.com").await;
    let token = json!({ "token": registered["verification_token"] });
    system.anybody().post("/api/v1/auth/verify-email", token).await.expect(200);
    registered["user_id"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn users_are_listed_as_documented() {
    let system = System::start().await;
    system.user("user@example.com").await;
    let admin = system.admin().await;
    let list = admin.get("/api/v1/admin/users?page=1&limit=10&role=user&is_active=true").await;
    let list = list.like(200, &json!([example()]));
    assert_eq!((list.as_array().unwrap().len(), &list[0]["email"]), (1, &json!("user@example.com")));
    assert_eq!(list[0]["approved_by"], admin.get("/api/v1/auth/me").await.expect(200)["user_id"]);
}

#[tokio::test]
async fn a_list_holds_only_what_its_filters_let_through() {
    let system = System::start().await;
    let id = newcomer(&system).await;
    let admin = system.admin().await;
    admin.put(&format!("/api/v1/admin/users/{id}"), json!({ "is_active": false })).await.expect(200);
    for (filter, count) in [
        ("role=user", 1),
        ("role=normal", 1),
        ("role=manager", 0),
        ("role=super_admin", 1),
        ("is_active=false", 1),
        ("is_active=true", 1),
        ("role=user&is_active=true", 0),
        ("", 2),
    ] {
        let list = admin.get(&format!("/api/v1/admin/users?{filter}")).await.expect(200);
        assert_eq!(list.as_array().unwrap().len(), count, "{filter}");
    }
}

#[tokio::test]
async fn a_user_is_read_as_documented_by_either_spelling_of_their_id() {
    let system = System::start().await;
    let person = system.user("user@example.com").await;
    person.login("user@example.com", PASSWORD).await.expect(200);
    let (admin, me) = (system.admin().await, person.get("/api/v1/auth/me").await.expect(200));
    let mut example = example();
    (example["updated_at"], example["login_count"]) = (json!("2024-01-15T11:00:00Z"), json!(15));
    for id in [&me["user_id"], &me["id"]] {
        let path = format!("/api/v1/admin/users/{}", id.as_str().unwrap());
        let user = admin.get(&path).await.like(200, &example);
        assert_eq!((&user["user_id"], &user["login_count"]), (&me["user_id"], &json!(2)));
    }
}

#[tokio::test]
async fn who_is_not_there_is_told_as_documented() {
    let system = System::start().await;
    let admin = system.admin().await;
    let example = json!({
        "error_code": "USER_NOT_FOUND",
        "message": "User not found",
        "details": { "data": [{ "user_id": "usr_xyz789" }] },
    });
    let answer = admin.get("/api/v1/admin/users/usr_xyz789").await.like(404, &example);
    assert_eq!([&answer["error_code"], &answer["details"]], [&example["error_code"], &example["details"]]);
    let nobody = "usr_00000000000040008000000000000000";
    let path = format!("/api/v1/admin/users/{nobody}");
    assert_eq!(admin.put(&path, json!({ "first_name": "Jane" })).await.refused(404), "USER_NOT_FOUND");
    let approval = json!({ "user_id": nobody });
    assert_eq!(admin.post("/api/v1/admin/approve-user", approval).await.refused(404), "USER_NOT_FOUND");
}

#[tokio::test]
async fn a_user_is_created_as_documented() {
    let system = System::start().await;
    let request = json!({
        "email": "newuser@example.com",
        "password": "TempPass123!",
        "first_name": "Jane",
        "last_name": "Smith",
        "role": "user",
    });
    let example = json!({
        "user_id": "usr_xyz789",
        "email": "newuser@example.com",
        "message": "User created successfully",
    });
    let admin = system.admin().await;
    let created = admin.post("/api/v1/admin/users", request).await.like(201, &example);
    assert_eq!([&created["email"], &created["message"]], [&example["email"], &example["message"]]);
    let user = admin.get(&format!("/api/v1/admin/users/{}", created["user_id"].as_str().unwrap())).await;
    let user = user.expect(200);
    assert_eq!([&user["is_verified"], &user["is_approved"]], [true, true]);
    assert_eq!(user["approved_by"], admin.get("/api/v1/auth/me").await.expect(200)["user_id"]);
}

#[tokio::test]
async fn a_user_is_deleted_as_documented() {
    let system = System::start().await;
    let path = format!("/api/v1/admin/users/{}", newcomer(&system).await);
    let example = json!({
        "user_id": "usr_xyz789",
        "email": "newuser@example.com",
        "message": "User deleted successfully",
        "deleted_at": "2024-01-15T12:45:00Z",
    });
    let admin = system.admin().await;
    let deleted = admin.send(reqwest::Method::DELETE, &path, None).await.like(200, &example);
    assert_eq!([&deleted["email"], &deleted["message"]], [&example["email"], &example["message"]]);
    assert_eq!(admin.send(reqwest::Method::DELETE, &path, None).await.refused(404), "USER_NOT_FOUND");
}

#[tokio::test]
async fn a_user_is_rejected_as_documented() {
    let system = System::start().await;
    let path = format!("/api/v1/admin/users/{}/reject", newcomer(&system).await);
    let request = json!({ "reason": "Incomplete profile information" });
    let example = json!({
        "user_id": "usr_xyz789",
        "email": "newuser@example.com",
        "rejected_by": "usr_admin123",
        "rejected_at": "2024-01-15T13:00:00Z",
        "message": "User registration rejected",
    });
    let admin = system.admin().await;
    let rejected = admin.post(&path, request.clone()).await.like(200, &example);
    assert_eq!([&rejected["email"], &rejected["message"]], [&example["email"], &example["message"]]);
    assert_eq!(admin.post(&path, request).await.expect(200), rejected, "again: nothing changes");
}

#[tokio::test]
async fn users_are_counted_as_documented() {
    let system = System::start().await;
    newcomer(&system).await;
    let admin = system.admin().await;
    system.drain().await;
    let example = json!({
        "total_users": 1250,
        "active_users": 1180,
        "inactive_users": 45,
        "unverified_users": 25,
        "unapproved_users": 15,
        "users_by_role": { "admin": 5, "manager": 25, "user": 1220 },
        "recent_registrations": 45,
        "recent_logins": 380,
    });
    let stats = admin.get("/api/v1/admin/stats").await.like(200, &example);
    assert_eq!([&stats["total_users"], &stats["unapproved_users"], &stats["recent_logins"]], [2, 1, 1]);
}

#[tokio::test]
async fn a_user_is_changed_as_documented() {
    let system = System::start().await;
    let id = newcomer(&system).await;
    let admin = system.admin().await;
    admin.post("/api/v1/admin/approve-user", json!({ "user_id": id })).await.expect(200);
    let path = format!("/api/v1/admin/users/{id}");
    let request =
        json!({ "first_name": "Jane", "last_name": "Johnson", "role": "manager", "is_active": true });
    let example = json!({
        "user_id": "usr_xyz789",
        "email": "newuser@example.com",
        "first_name": "Jane",
        "last_name": "Johnson",
        "role": "manager",
        "is_active": true,
        "is_verified": true,
        "is_approved": true,
        "created_at": "2024-01-15T12:00:00Z",
        "updated_at": "2024-01-15T12:30:00Z",
        "last_login_at": null,
        "login_count": 0,
    });
    let changed = admin.put(&path, request.clone()).await.like(200, &example);
    for field in ["first_name", "last_name", "role", "is_active"] {
        assert_eq!(changed[field], request[field], "{field}");
    }
    assert_eq!(admin.get(&path).await.expect(200), changed);
}

#[tokio::test]
async fn a_user_is_approved_as_documented_and_approving_again_changes_nothing() {
    let system = System::start().await;
    let request = json!({ "user_id": newcomer(&system).await });
    let example = json!({
        "user_id": "usr_xyz789",
        "email": "newuser@example.com",
        "approved_by": "usr_admin123",
        "approved_at": "2024-01-15T12:50:00Z",
        "message": "User approved successfully",
    });
    let admin = system.admin().await;
    let approved = admin.post("/api/v1/admin/approve-user", request.clone()).await.like(200, &example);
    assert_eq!([&approved["message"], &approved["user_id"]], [&example["message"], &request["user_id"]]);
    let other = system.with_role("admin@example.com", "admin").await;
    system.advance(60).await;
    assert_eq!(other.post("/api/v1/admin/approve-user", request).await.expect(200), approved);
    assert_eq!(system.events("user.approved").await.len(), 2, "the newcomer's and the other administrator's");
}

#[tokio::test]
async fn the_roles_are_those_that_are_documented_and_more() {
    let system = System::start().await;
    let example = json!([
        {
            "name": "admin",
            "display_name": "Administrator",
            "description": "Full system access",
            "permissions": ["user:create", "user:read", "user:update", "user:delete", "admin:all"],
        },
        {
            "name": "manager",
            "display_name": "Manager",
            "description": "Limited management access",
            "permissions": ["user:read", "user:update", "reports:read"],
        },
        {
            "name": "user",
            "display_name": "Regular User",
            "description": "Standard user access",
            "permissions": ["profile:read", "profile:update"],
        },
    ]);
    let roles = system.admin().await.get("/api/v1/admin/roles").await.like(200, &example);
    let roles = roles.as_array().unwrap();
    for role in example.as_array().unwrap() {
        let listed = roles.iter().find(|it| it["name"] == role["name"]).unwrap();
        assert!(role.as_object().unwrap().iter().all(|(field, value)| listed[field] == *value), "{listed}");
    }
    let names: Vec<_> = roles.iter().filter_map(|role| role["name"].as_str()).collect();
    assert_eq!(names, ["super_admin", "admin", "manager", "moderator", "auditor", "user"]);
}
