//! No answer tells who has an account, and guessing passwords leads nowhere.

use futures::future::join_all;
use serde_json::{Value, json};
use tests::{Answer, NEW_PASSWORD, PASSWORD, System};

/// Addresses of one length, one for each state that an account can be in; nobody has the first two.
const UNKNOWN: &str = "unknown1@example.com";
const UNKNOWN_LOCKED: &str = "unknown2@example.com";
const ACTIVE: &str = "active01@example.com";
const DISABLED: &str = "disabled@example.com";
const LOCKED: &str = "locked01@example.com";
const UNVERIFIED: &str = "unverify@example.com";
const ALL: [&str; 6] = [UNKNOWN, UNKNOWN_LOCKED, ACTIVE, DISABLED, LOCKED, UNVERIFIED];

/// A system with an account in each state.
async fn system() -> System {
    let system = System::start().await;
    system.register(UNVERIFIED).await;
    system.register_and_verify(ACTIVE).await;
    system.register_and_verify(LOCKED).await;
    let disabled = format!("/api/v1/admin/users/{}", system.register_and_verify(DISABLED).await);
    system.warm().await.put(&disabled, json!({ "is_active": false })).await.expect(200);
    guess_five_times(&system, LOCKED).await;
    guess_five_times(&system, UNKNOWN_LOCKED).await;
    system
}

async fn guess_five_times(system: &System, email: &str) {
    for _ in 0..5 {
        system.anybody().login(email, NEW_PASSWORD).await.refused(401);
    }
}

/// All of an answer that a stranger could learn something from.
fn seen(answer: &Answer, email: &str) -> (u16, Vec<String>, Value, u32) {
    // Times are written without trailing zeros: the length says no more than the body.
    let random = ["x-request-id", "server-timing", "date", "content-length"];
    let value = |name: &str| if random.contains(&name) { "" } else { answer.header(name) };
    let headers = answer.headers.keys().map(|name| format!("{name}: {}", value(name.as_str()))).collect();
    let mut body: Value = serde_json::from_str(&answer.text.replace(email, "<email>")).unwrap();
    for name in ["request_id", "timestamp", "resent_at"] {
        if let Some(value) = body.get_mut(name) {
            *value = Value::Null;
        }
    }
    (answer.status, headers, body, answer.calls())
}

/// Asserts that a request about each of these addresses is answered alike.
async fn assert_alike(system: &System, path: &str, addresses: &[&str], password: &str) {
    let mut answers = Vec::new();
    for email in addresses {
        let body = json!({ "email": email, "password": password });
        answers.push(seen(&system.anybody().post(path, body).await, email));
    }
    for (answer, email) in answers.iter().zip(addresses) {
        assert_eq!(*answer, answers[0], "{path} tells {email} from {}", addresses[0]);
    }
}

#[tokio::test]
async fn a_wrong_password_is_refused_alike_for_all() {
    let system = system().await;
    for path in ["/api/v1/auth/login", "/api/users/login"] {
        assert_alike(&system, path, &ALL, "Wrong1Secret!").await;
    }
}

#[tokio::test]
async fn the_right_password_is_refused_like_a_wrong_one_while_locked() {
    let system = system().await;
    for path in ["/api/v1/auth/login", "/api/users/login"] {
        assert_alike(&system, path, &[UNKNOWN, UNKNOWN_LOCKED, LOCKED], PASSWORD).await;
    }
}

#[tokio::test]
async fn mails_are_promised_alike_to_all_and_sent_to_whom_they_are_for() {
    let system = system().await;
    let before = sent(&system).await;
    // What was mailed at the registration is fresh no more.
    system.advance(300).await;
    for path in ["/api/v1/auth/resend-verification", "/api/v1/auth/password-reset"] {
        assert_alike(&system, path, &ALL, "").await;
    }
    let now = sent(&system).await;
    let since: Vec<_> = now.iter().zip(&before).map(|(now, before)| now - before).collect();
    // Who is not verified gets another verification mail, and whoever has an account that works gets the reset.
    assert_eq!(since, [0, 0, 0, 1, 2]);
    for path in ["/api/v1/auth/resend-verification", "/api/v1/auth/password-reset"] {
        assert_alike(&system, path, &ALL, "").await;
    }
    assert_eq!(sent(&system).await, now, "those are fresh");
}

/// How many mails were sent to nobody, to nobody who is locked, to somebody who is switched off, to somebody, to
/// somebody who is not verified.
async fn sent(system: &System) -> Vec<usize> {
    let mut sent = Vec::new();
    for address in [UNKNOWN, UNKNOWN_LOCKED, DISABLED, ACTIVE, UNVERIFIED] {
        sent.push(system.mails(address).await.len());
    }
    sent
}

#[tokio::test]
async fn locks_grow_and_hold_for_unknown_addresses_too() {
    let system = System::start().await;
    system.register_and_verify(ACTIVE).await;
    for email in [ACTIVE, UNKNOWN] {
        guess_five_times(&system, email).await;
        for (failures, lock_seconds) in [(5, 60), (6, 120), (7, 240), (8, 480)] {
            system.advance(lock_seconds / 2).await;
            system.anybody().login(email, NEW_PASSWORD).await.refused(401);
            assert_eq!(system.credential(email).await["failures"], failures, "{email} is locked");
            system.advance(lock_seconds / 2).await;
            system.anybody().login(email, NEW_PASSWORD).await.refused(401);
            assert_eq!(system.credential(email).await["failures"], failures + 1, "{email} was locked");
        }
    }
}

#[tokio::test]
async fn the_right_password_gets_in_when_the_lock_is_over_and_the_count_starts_anew() {
    let system = System::start().await;
    system.register_and_verify(ACTIVE).await;
    guess_five_times(&system, ACTIVE).await;
    system.anybody().login(ACTIVE, PASSWORD).await.refused(401);
    system.advance(60).await;
    system.anybody().login(ACTIVE, PASSWORD).await.expect(200);
    assert_eq!(system.credential(ACTIVE).await["failures"], Value::Null);
}

#[tokio::test]
async fn a_reset_lifts_the_lock() {
    let system = System::start().await;
    system.register_and_verify(ACTIVE).await;
    guess_five_times(&system, ACTIVE).await;
    system.anybody().post("/api/v1/auth/password-reset", json!({ "email": ACTIVE })).await.expect(200);
    let token = system.mailed_token(ACTIVE, "rst_").await;
    let reset = json!({ "token": token, "new_password": "Another1Secret!" });
    system.anybody().post("/api/v1/auth/reset-password", reset).await.expect(200);
    system.anybody().login(ACTIVE, "Another1Secret!").await.expect(200);
}

#[tokio::test]
async fn thirty_two_parallel_guesses_get_no_further_than_five_in_a_row() {
    let system = System::start().await;
    system.register_and_verify(ACTIVE).await;
    let client = system.anybody();
    // The right one comes last: it is read while nothing is counted, and checked when five are.
    let guesses = (0..32).map(|n| if n < 31 { NEW_PASSWORD } else { PASSWORD });
    let answers = join_all(guesses.map(|guess| client.login(ACTIVE, guess))).await;
    assert!(answers.iter().all(|answer| answer.refused(401) == "INVALID_CREDENTIALS"));
    assert_eq!(system.credential(ACTIVE).await["failures"], 5);
    assert_eq!(
        system.events("security.failed_login").await.len(),
        5,
        "what a locked address is tried with is not told"
    );
}

#[tokio::test]
async fn wrong_current_passwords_lock_like_wrong_logins() {
    let system = System::start().await;
    let (person, _) = system.verified(ACTIVE).await;
    for _ in 0..5 {
        let guess = json!({ "current_password": "Wrong1Secret!", "new_password": NEW_PASSWORD });
        person.post("/api/v1/auth/change-password", guess).await.refused(400);
    }
    let change = json!({ "current_password": PASSWORD, "new_password": NEW_PASSWORD });
    person.post("/api/v1/auth/change-password", change).await.refused(400);
    system.anybody().login(ACTIVE, PASSWORD).await.refused(401);
    assert_eq!(system.credential(ACTIVE).await["failures"], 5);
}
