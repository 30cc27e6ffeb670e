//! `/api/v1/auth`: each documented request works as printed and is answered with the fields of its example.

use serde_json::json;
use tests::{NEW_PASSWORD, PASSWORD, System, registration};

#[tokio::test]
async fn registering_answers_as_documented() {
    let system = System::start().await;
    let request = json!({
        "email": "user@example.com",
        "password": "SecurePass123!",
        "confirm_password": "SecurePass123!",
        "first_name": "John",
        "last_name": "Doe",
    });
    let example = json!({
        "message": "User registered successfully. Please check your email for verification.",
        "user_id": "usr_abc123def456",
        "email": "user@example.com",
        "verification_required": true,
        "approval_required": true,
        "created_at": "2024-01-15T10:30:00Z",
        "verification_token": "ver_abc123...",
    });
    let person = system.anybody();
    let registered = person.post("/api/v1/auth/register", request.clone()).await.like(201, &example);
    assert_eq!([&registered["message"], &registered["email"]], [&example["message"], &example["email"]]);
    assert_eq!(person.post("/api/v1/auth/register", request).await.refused(400), "EMAIL_EXISTS");
}

#[tokio::test]
async fn signing_in_answers_as_documented() {
    let system = System::start().await;
    system.user("user@example.com").await;
    let request = json!({ "email": "user@example.com", "password": "SecurePass123!" });
    let example = json!({
        "message": "Login successful",
        "user_id": "usr_abc123def456",
        "email": "user@example.com",
        "first_name": "John",
        "last_name": "Doe",
        "role": "user",
        "is_verified": true,
        "is_approved": true,
        "access_token": "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9...",
        "refresh_token": "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9...",
        "token_type": "bearer",
        "expires_in": 3600,
        "last_login_at": "2024-01-15T10:30:00Z",
    });
    let answer = system.anybody().post("/api/v1/auth/login", request).await.like(200, &example);
    for field in
        ["message", "email", "first_name", "last_name", "role", "is_approved", "token_type", "expires_in"]
    {
        assert_eq!(answer[field], example[field], "{field}");
    }
}

#[tokio::test]
async fn signing_in_by_username_answers_with_the_user() {
    let system = System::start().await;
    let registered = system.user("user@example.com").await.get("/api/v1/auth/me").await.expect(200);
    let request = json!({ "username": "user@example.com", "password": PASSWORD, "remember_me": false });
    let example = json!({
        "access_token": "eyJ",
        "token_type": "bearer",
        "expires_in": 1800,
        "user": { "id": "usr_1", "username": "user@example.com", "roles": ["user"], "must_change_password": false },
    });
    let answer = system.anybody().post("/api/v1/auth/login", request).await.like(200, &example);
    let user = json!({
        "id": registered["user_id"], "username": "user@example.com", "roles": ["user"], "must_change_password": false,
    });
    assert_eq!(answer["user"], user);
}

#[tokio::test]
async fn refreshing_answers_as_documented_with_the_token_in_the_header_or_in_the_body() {
    let system = System::start().await;
    let mut person = system.user("user@example.com").await;
    let example = json!({
        "message": "Token refreshed successfully",
        "user_id": "usr_abc123def456",
        "access_token": "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9...",
        "refresh_token": "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9...",
        "token_type": "bearer",
        "expires_in": 3600,
    });
    let refreshed = person.refresh(&person.refresh_token).await.like(200, &example);
    person.take_tokens(&refreshed);
    // Some clients send their access token along.
    let body = json!({ "refresh_token": person.refresh_token });
    let refreshed = person.post("/api/v1/auth/refresh", body).await.like(200, &example);
    let body = json!({ "refresh_token": refreshed["refresh_token"] });
    let refreshed = system.anybody().post("/api/v1/auth/refresh", body).await;
    // Another client's address is no second use: the token was never spent.
    person.take_tokens(&refreshed.like(200, &example));
    person.get("/api/v1/auth/me").await.expect(200);
}

#[tokio::test]
async fn signing_out_answers_as_documented() {
    let system = System::start().await;
    let person = system.user("user@example.com").await;
    let example = json!({
        "message": "Logged out successfully",
        "user_id": "usr_abc123def456",
        "logout_at": "2024-01-15T11:30:00Z",
    });
    // The documented request has no body.
    let answer = person.send(reqwest::Method::POST, "/api/v1/auth/logout", None).await;
    assert_eq!(answer.like(200, &example)["message"], example["message"]);
}

#[tokio::test]
async fn verifying_answers_as_documented() {
    let system = System::start().await;
    system.register("user@example.com").await;
    let request = json!({ "token": system.mailed_token("user@example.com", "ver_").await });
    let example = json!({
        "message": "Email verified successfully",
        "verified_at": "2024-01-15T10:35:00Z",
        "approval_required": true,
        "user_id": "usr_abc123def456",
    });
    let answer = system.anybody().post("/api/v1/auth/verify-email", request).await.like(200, &example);
    assert_eq!(answer["approval_required"], true);
}

#[tokio::test]
async fn asking_for_mail_answers_as_documented_whether_there_is_an_account_or_not() {
    let system = System::start().await;
    system.register("user@example.com").await;
    // What was mailed at the registration is fresh no more.
    system.advance(300).await;
    let verification = json!({
        "message": "If the email exists in our system, a verification email has been sent.",
        "email": "user@example.com",
        "resent_at": "2024-01-15T10:40:00Z",
    });
    let reset = json!({
        "message": "If the email exists in our system, a password reset link has been sent.",
        "email": "user@example.com",
        "reset_token_sent": true,
    });
    for (path, example) in [("resend-verification", verification), ("password-reset", reset)] {
        for email in ["user@example.com", "nobody@example.com"] {
            let path = format!("/api/v1/auth/{path}");
            let answer = system.anybody().post(&path, json!({ "email": email })).await.like(200, &example);
            assert_eq!((&answer["message"], &answer["email"]), (&example["message"], &json!(email)));
        }
    }
    assert_eq!(system.mails("user@example.com").await.len(), 3);
    assert_eq!(system.mails("nobody@example.com").await.len(), 0);
}

#[tokio::test]
async fn resetting_the_password_answers_as_documented() {
    let system = System::start().await;
    let (person, _) = system.verified("user@example.com").await;
    person.post("/api/v1/auth/password-reset", json!({ "email": "user@example.com" })).await.expect(200);
    let token = system.mailed_token("user@example.com", "rst_").await;
    let request = json!({ "token": token, "new_password": "NewSecurePass123!" });
    let answer = system.anybody().post("/api/v1/auth/reset-password", request).await.expect(200);
    assert_eq!(answer, json!({ "message": "Password reset successfully" }));
    person.login("user@example.com", "NewSecurePass123!").await.expect(200);
    assert_eq!(person.login("user@example.com", PASSWORD).await.refused(401), "INVALID_CREDENTIALS");
}

#[tokio::test]
async fn changing_the_password_answers_as_documented() {
    let system = System::start().await;
    let mut request = registration("user@example.com");
    (request["password"], request["confirm_password"]) = (json!("CurrentPass123!"), json!("CurrentPass123!"));
    let person = system.anybody();
    let registered = person.post("/api/v1/auth/register", request).await.expect(201);
    let token = json!({ "token": registered["verification_token"] });
    person.post("/api/v1/auth/verify-email", token).await.expect(200);
    let person = person.signed_in("user@example.com", "CurrentPass123!").await;

    let request = json!({ "current_password": "CurrentPass123!", "new_password": "NewSecurePass123!" });
    let answer = person.post("/api/v1/auth/change-password", request).await.expect(200);
    assert_eq!(answer["message"], "Password changed successfully");
    person.login("user@example.com", "NewSecurePass123!").await.expect(200);
    assert_eq!(person.login("user@example.com", "CurrentPass123!").await.refused(401), "INVALID_CREDENTIALS");
}

#[tokio::test]
async fn me_answers_with_the_documented_user() {
    let system = System::start().await;
    let person = system.user("john@example.com").await;
    let example = json!({
        "id": "550e8400-e29b-41d4-a716-446655440000",
        "email": "john@example.com",
        "first_name": "John",
        "last_name": "Doe",
        "role": "user",
        "is_active": true,
        "created_at": "2025-10-12T13:41:12.263147Z",
        "updated_at": "2025-10-12T13:41:12.263147Z",
    });
    let me = person.get("/v1/auth/me").await.like(200, &example);
    assert_eq!(me["username"], json!(null), "nobody chose one");
    let digits = me["id"].as_str().unwrap().replace('-', "");
    assert_eq!(me["user_id"], format!("usr_{digits}"), "one identifier, two spellings");
    assert_eq!(&digits[12..13], "4", "a random UUID");
}

#[tokio::test]
async fn what_is_wrong_with_credentials_or_account_is_a_401() {
    let system = System::start().await;
    let (person, id) = system.verified("user@example.com").await;
    system.register("unverified@example.com").await;
    for (email, password) in [("user@example.com", NEW_PASSWORD), ("nobody@example.com", PASSWORD)] {
        let answer = person.login(email, password).await;
        assert_eq!(answer.refused(401), "INVALID_CREDENTIALS");
        assert_eq!(answer.json()["message"], "Invalid email or password");
    }
    assert_eq!(person.login("unverified@example.com", PASSWORD).await.refused(401), "EMAIL_NOT_VERIFIED");
    let path = format!("/api/v1/admin/users/{id}");
    system.admin().await.put(&path, json!({ "is_active": false })).await.expect(200);
    assert_eq!(person.login("user@example.com", PASSWORD).await.refused(401), "ACCOUNT_INACTIVE");
}
