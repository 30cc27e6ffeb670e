//! Mailed tokens: good once, for a while, for one purpose, and only while no newer one is out.

use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use tests::{ADMIN, Answer, NEW_PASSWORD, PASSWORD, System};

/// For so long a token stays the one that is out.
const FIVE_MINUTES: i64 = 300;

async fn verify(system: &System, token: &Value) -> Answer {
    system.anybody().post("/api/v1/auth/verify-email", json!({ "token": token })).await
}

async fn reset(system: &System, token: &str) -> Answer {
    let body = json!({ "token": token, "new_password": NEW_PASSWORD });
    system.anybody().post("/api/v1/auth/reset-password", body).await
}

/// Has a reset token mailed to the administrator.
async fn reset_token(system: &System) -> String {
    system.anybody().post("/api/v1/auth/password-reset", json!({ "email": ADMIN })).await.expect(200);
    system.mailed_token(ADMIN, "rst_").await
}

#[tokio::test]
async fn a_verification_token_works_once() {
    let system = System::start().await;
    let token = system.register("ada@example.com").await["verification_token"].clone();
    verify(&system, &token).await.expect(200);
    assert_eq!(verify(&system, &token).await.refused(400), "INVALID_TOKEN");
    assert_eq!(system.events("user.verified").await.len(), 1);
}

#[tokio::test]
async fn a_reset_token_works_once() {
    let system = System::start().await;
    let token = reset_token(&system).await;
    reset(&system, &token).await.expect(200);
    assert_eq!(reset(&system, &token).await.refused(400), "INVALID_TOKEN");
    assert_eq!(system.events("user.password_changed").await.len(), 1);
}

#[tokio::test]
async fn a_verification_token_lives_a_day() {
    let system = System::start().await;

    let ada = system.register("ada@example.com").await["verification_token"].clone();
    let bob = system.register("bob@example.com").await["verification_token"].clone();
    system.advance(86_100).await;
    verify(&system, &ada).await.expect(200);
    system.advance(300).await;
    assert_eq!(verify(&system, &bob).await.refused(400), "INVALID_TOKEN");
}

#[tokio::test]
async fn a_reset_token_lives_an_hour() {
    let system = System::start().await;
    let token = reset_token(&system).await;
    system.advance(3600).await;
    assert_eq!(reset(&system, &token).await.refused(400), "INVALID_TOKEN");
    let token = reset_token(&system).await;
    system.advance(3300).await;
    reset(&system, &token).await.expect(200);
}

#[tokio::test]
async fn a_newer_verification_token_replaces_an_older_one() {
    let system = System::start().await;
    let older = system.register("ada@example.com").await["verification_token"].clone();
    system.advance(FIVE_MINUTES).await;
    let resend = json!({ "email": "ada@example.com" });
    system.anybody().post("/api/v1/auth/resend-verification", resend).await.expect(200);
    let newer = system.mailed_token("ada@example.com", "ver_").await;
    assert_eq!(verify(&system, &older).await.refused(400), "INVALID_TOKEN");
    verify(&system, &newer.into()).await.expect(200);
}

#[tokio::test]
async fn asking_again_and_again_is_told_once_in_five_minutes() {
    let system = System::start().await;
    for (path, event) in [
        ("password-reset", "security.password_reset"),
        ("resend-verification", "user.verification_requested"),
    ] {
        for email in [ADMIN, "nobody@example.com"] {
            let before = system.events(event).await.len();
            for (told, after) in [(1, 0), (1, FIVE_MINUTES), (2, 0)] {
                for _ in 0..3 {
                    let path = format!("/api/v1/auth/{path}");
                    system.anybody().post(&path, json!({ "email": email })).await.expect(200);
                }
                assert_eq!(system.events(event).await.len() - before, told, "{event} {email}");
                system.advance(after).await;
            }
        }
    }
}

#[tokio::test]
async fn a_newer_reset_token_replaces_an_older_one() {
    let system = System::start().await;
    let older = reset_token(&system).await;
    system.advance(FIVE_MINUTES).await;
    let newer = reset_token(&system).await;
    assert_eq!(reset(&system, &older).await.refused(400), "INVALID_TOKEN");
    reset(&system, &newer).await.expect(200);
}

#[tokio::test]
async fn however_often_a_stranger_asks_a_fresh_link_stays_and_one_mail_goes_out() {
    let system = System::start().await;
    system.register("ada@example.com").await;
    let ask = async |path: &str| {
        let path = format!("/api/v1/auth/{path}");
        system.anybody().post(&path, json!({ "email": "ada@example.com" })).await.expect(200)
    };
    join_all((0..8).map(|_| ask("password-reset"))).await;
    let token = system.mailed_token("ada@example.com", "rst_").await;
    for path in ["password-reset", "resend-verification"] {
        ask(path).await;
    }
    // That of the registration, and one that resets.
    assert_eq!(system.mails("ada@example.com").await.len(), 2);
    reset(&system, &token).await.expect(200);
}

#[tokio::test]
async fn a_link_goes_to_nobody_who_cannot_use_it() {
    let system = System::start().await;
    let admin = system.admin().await;
    for (email, method, change) in [
        ("off@example.com", Method::PUT, Some(json!({ "is_active": false }))),
        ("gone@example.com", Method::DELETE, None),
    ] {
        let id = system.register(email).await["user_id"].as_str().unwrap().to_owned();
        admin.send(method, &format!("/api/v1/admin/users/{id}"), change).await.expect(200);
        system.anybody().post("/api/v1/auth/password-reset", json!({ "email": email })).await.expect(200);
        assert_eq!(system.mails(email).await.len(), 1, "that of the registration");
    }
    system.advance(FIVE_MINUTES).await;
    let resend = json!({ "email": "gone@example.com" });
    system.anybody().post("/api/v1/auth/resend-verification", resend).await.expect(200);
    assert_eq!(system.mails("gone@example.com").await.len(), 1);
}

#[tokio::test]
async fn a_changed_password_kills_a_reset_token() {
    let system = System::start().await;
    let token = reset_token(&system).await;
    let change = json!({ "current_password": PASSWORD, "new_password": NEW_PASSWORD });
    system.admin().await.post("/api/v1/auth/change-password", change).await.expect(200);
    assert_eq!(reset(&system, &token).await.refused(400), "INVALID_TOKEN");
}

#[tokio::test]
async fn a_reset_password_kills_a_verification_token() {
    let system = System::start().await;
    let verification = system.register("ada@example.com").await["verification_token"].clone();
    let ask = json!({ "email": "ada@example.com" });
    system.anybody().post("/api/v1/auth/password-reset", ask).await.expect(200);
    reset(&system, &system.mailed_token("ada@example.com", "rst_").await).await.expect(200);
    assert_eq!(verify(&system, &verification).await.refused(400), "INVALID_TOKEN");
}

#[tokio::test]
async fn a_token_is_good_for_its_own_purpose_only() {
    let system = System::start().await;
    let verification = system.register("ada@example.com").await["verification_token"].clone();
    let verification = verification.as_str().unwrap();
    let renamed = verification.replace("ver_", "rst_");
    for token in [verification, &renamed] {
        let answer = reset(&system, token).await;
        assert_eq!((answer.refused(400).as_str(), answer.calls()), ("INVALID_TOKEN", 0));
    }
    let token = reset_token(&system).await;
    for token in [token.clone(), token.replace("rst_", "ver_")] {
        let answer = verify(&system, &token.into()).await;
        assert_eq!((answer.refused(400).as_str(), answer.calls()), ("INVALID_TOKEN", 0));
    }
}

#[tokio::test]
async fn a_forged_token_is_refused_without_asking_the_table() {
    let system = System::start().await;
    system.warm().await;
    let token = reset_token(&system).await;
    let flipped = |at: usize| {
        let mut bytes = token.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        String::from_utf8(bytes).unwrap()
    };
    // In the user's id, in the nonce, in the MAC.
    let forged = [flipped(4), flipped(30), flipped(60), token[..40].to_owned(), String::new()];
    for token in forged {
        let answer = reset(&system, &token).await;
        assert_eq!((answer.refused(400).as_str(), answer.calls()), ("INVALID_TOKEN", 0));
    }
    reset(&system, &token).await.expect(200);
}

#[tokio::test]
async fn of_parallel_uses_of_a_verification_token_one_wins() {
    let system = System::start().await;
    let token = system.register("ada@example.com").await["verification_token"].clone();
    let uses = join_all((0..10).map(|_| verify(&system, &token))).await;
    assert_eq!(uses.iter().filter(|answer| answer.status == 200).count(), 1);
    assert_eq!(system.events("user.verified").await.len(), 1);
}

#[tokio::test]
async fn of_parallel_uses_of_a_reset_token_one_wins() {
    let system = System::start().await;
    let token = reset_token(&system).await;
    let passwords: Vec<_> = (0..5).map(|n| format!("{n}-Fine1Secret!")).collect();
    let uses = join_all(passwords.iter().map(|password| {
        let body = json!({ "token": token, "new_password": password });
        let client = system.anybody();
        async move { client.post("/api/v1/auth/reset-password", body).await }
    }))
    .await;
    let winners: Vec<_> = uses.iter().zip(&passwords).filter(|(answer, _)| answer.status == 200).collect();
    let [(_, password)] = winners.as_slice() else { panic!("{} uses won", winners.len()) };
    system.anybody().login(ADMIN, password).await.expect(200);
}
