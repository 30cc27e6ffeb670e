//! An account's whole life, as a person lives it.

use serde_json::json;
use tests::{NEW_PASSWORD, PASSWORD, System};

#[tokio::test]
async fn an_account_lives_its_whole_life() {
    let system = System::start().await;
    let mut person = system.anybody();
    let registered = system.register("ada@example.com").await;

    assert_eq!(person.login("ada@example.com", PASSWORD).await.refused(401), "EMAIL_NOT_VERIFIED");
    let token = system.mailed_token("ada@example.com", "ver_").await;
    person.post("/api/v1/auth/verify-email", json!({ "token": token })).await.expect(200);

    person = person.signed_in("ada@example.com", PASSWORD).await;
    let names = json!({ "first_name": "Ada", "last_name": "Lovelace" });
    assert_eq!(person.put("/api/v1/profile/me", names.clone()).await.refused(403), "APPROVAL_REQUIRED");
    let approval = json!({ "user_id": registered["user_id"] });
    system.admin().await.post("/api/v1/admin/approve-user", approval).await.expect(200);
    assert_eq!(person.put("/api/v1/profile/me", names).await.expect(200)["last_name"], "Lovelace");

    let refreshed = person.refresh(&person.refresh_token).await.expect(200);
    person.take_tokens(&refreshed);
    let change = json!({ "current_password": PASSWORD, "new_password": NEW_PASSWORD });
    let changed = person.post("/api/v1/auth/change-password", change).await.expect(200);
    assert_eq!(person.get("/api/v1/profile/me").await.refused(401), "SESSION_ENDED");
    person.take_tokens(&changed);
    person.post("/api/v1/auth/logout", json!({})).await.expect(200);
    assert_eq!(person.get("/api/v1/profile/me").await.refused(401), "SESSION_ENDED");

    person.post("/api/v1/auth/password-reset", json!({ "email": "ada@example.com" })).await.expect(200);
    let token = system.mailed_token("ada@example.com", "rst_").await;
    let reset = json!({ "token": token, "new_password": "Another1Secret!" });
    person.post("/api/v1/auth/reset-password", reset).await.expect(200);
    assert_eq!(person.login("ada@example.com", NEW_PASSWORD).await.refused(401), "INVALID_CREDENTIALS");
    person.login("ada@example.com", "Another1Secret!").await.expect(200);
}
