//! The directory: administrators make, refuse, remove and count accounts.

use serde_json::json;
use tests::{PASSWORD, System};

fn form(email: &str, role: &str) -> serde_json::Value {
    json!({ "email": email, "password": PASSWORD, "first_name": "Jane", "last_name": "Smith", "role": role })
}

#[tokio::test]
async fn an_account_that_an_administrator_makes_works_at_once() {
    let system = System::start().await;
    let created = system.admin().await.post("/api/v1/admin/users", form("jane@example.com", "manager")).await;
    assert_eq!(created.expect(201)["message"], "User created successfully");
    let login = system.anybody().login("jane@example.com", PASSWORD).await.expect(200);
    assert_eq!((&login["role"], &login["is_approved"]), (&json!("manager"), &json!(true)));
    let again = system.admin().await.post("/api/v1/admin/users", form("jane@example.com", "user")).await;
    assert_eq!(again.refused(409), "EMAIL_EXISTS");
}

#[tokio::test]
async fn nobody_makes_an_account_that_does_not_rank_below_theirs() {
    let system = System::start().await;
    let admin = system.with_role("admin@example.com", "admin").await;
    for role in ["admin", "super_admin"] {
        let refused = admin.post("/api/v1/admin/users", form("peer@example.com", role)).await;
        assert_eq!(refused.refused(403), "INSUFFICIENT_PERMISSIONS", "{role}");
    }
    admin.post("/api/v1/admin/users", form("below@example.com", "manager")).await.expect(201);
}

#[tokio::test]
async fn who_is_rejected_is_told_why_and_may_be_approved_later() {
    let system = System::start().await;
    let (person, id) = system.verified("jane@example.com").await;
    let admin = system.admin().await;
    let reject = format!("/api/v1/admin/users/{id}/reject");
    for reason in ["two\nlines", "turned\u{202e}round", &"a".repeat(501)] {
        assert_eq!(admin.post(&reject, json!({ "reason": reason })).await.invalid(), ["reason"]);
    }
    admin.post(&reject, json!({ "reason": "Incomplete profile information" })).await.expect(200);
    assert_eq!(person.get("/api/v1/profile/me").await.refused(401), "SESSION_ENDED");
    assert_eq!(person.login("jane@example.com", PASSWORD).await.refused(401), "ACCOUNT_INACTIVE");
    let mails = system.mails("jane@example.com").await;
    assert!(mails.last().unwrap()["text"].as_str().unwrap().contains("Incomplete profile information"));

    admin.post("/api/v1/admin/approve-user", json!({ "user_id": id })).await.expect(200);
    person.login("jane@example.com", PASSWORD).await.expect(200);
    assert_eq!(admin.post(&reject, json!({})).await.refused(409), "ALREADY_APPROVED");
}

#[tokio::test]
async fn who_is_switched_on_after_a_rejection_may_be_rejected_again_and_no_manager_does_that() {
    let system = System::start().await;
    let (person, id) = system.verified("jane@example.com").await;
    let admin = system.admin().await;
    let manager = system.with_role("manager@example.com", "manager").await;
    let path = format!("/api/v1/admin/users/{id}");
    let reject = format!("{path}/reject");
    let (first, on) = (admin.post(&reject, json!({})).await.expect(200), json!({ "is_active": true }));
    for path in [&path, &path.replace("/admin", "")] {
        assert_eq!(manager.put(path, on.clone()).await.refused(403), "INSUFFICIENT_PERMISSIONS");
    }
    manager.put(&path, json!({ "last_name": "King" })).await.expect(200);
    admin.put(&path, on).await.expect(200);
    person.login("jane@example.com", PASSWORD).await.expect(200);

    system.advance(60).await;
    let second = admin.post(&reject, json!({})).await.expect(200);
    assert_ne!(second["rejected_at"], first["rejected_at"]);
    assert_eq!(person.login("jane@example.com", PASSWORD).await.refused(401), "ACCOUNT_INACTIVE");
    assert_eq!(system.events("admin.user_rejected").await.len(), 2);
}

#[tokio::test]
async fn who_is_deleted_is_gone_for_everybody_but_keeps_the_address() {
    let system = System::start().await;
    let person = system.user("jane@example.com").await;
    let id = person.get("/api/v1/auth/me").await.expect(200)["user_id"].as_str().unwrap().to_owned();
    let admin = system.admin().await;
    let path = format!("/api/v1/admin/users/{id}");
    let deleted = admin.send(reqwest::Method::DELETE, &path, None).await.expect(200);
    assert_eq!((&deleted["user_id"], deleted["deleted_at"].is_string()), (&json!(id), true));

    assert_eq!(person.get("/api/v1/profile/me").await.refused(401), "SESSION_ENDED");
    assert_eq!(person.login("jane@example.com", PASSWORD).await.refused(401), "INVALID_CREDENTIALS");
    assert_eq!(admin.get(&path).await.refused(404), "USER_NOT_FOUND");
    let listed = admin.get("/api/v1/admin/users").await.expect(200);
    assert!(listed.as_array().unwrap().iter().all(|user| user["user_id"] != json!(id)));
    let again = system.anybody().post("/api/v1/auth/register", tests::registration("jane@example.com")).await;
    assert_eq!(again.refused(400), "EMAIL_EXISTS");
}

#[tokio::test]
async fn the_counters_equal_the_lists() {
    let system = System::start().await;
    system.user("active@example.com").await;
    system.register("unverified@example.com").await;
    let (_, id) = system.verified("deleted@example.com").await;
    let admin = system.with_role("admin@example.com", "admin").await;
    admin.send(reqwest::Method::DELETE, &format!("/api/v1/admin/users/{id}"), None).await.expect(200);
    system.drain().await;
    let stats = admin.get("/api/v1/admin/stats").await.expect(200);
    let expected = json!({
        "total_users": 4, "active_users": 4, "inactive_users": 0, "unverified_users": 1, "unapproved_users": 1,
        "users_by_role": {
            "super_admin": 1, "admin": 1, "manager": 0, "moderator": 0, "auditor": 0, "user": 2
        },
        "recent_registrations": 4,
        "recent_logins": stats["recent_logins"],
    });
    assert_eq!(stats, expected);
    assert_eq!(admin.get("/api/v1/admin/users?limit=100").await.expect(200).as_array().unwrap().len(), 4);
}
