//! Accounts whose password another system hashed, or that have none yet: what they can do at once, and what is
//! left of it afterwards.

use futures::future::join_all;
use serde_json::{Value, json};
use tests::{NEW_PASSWORD, System};

const EMAIL: &str = "ada@example.com";
const DAY: i64 = 86_400;

/// What the passwords of [`HASHES`] are.
const IMPORTED: &str = "Amélie 7 whales";
/// Made with Python's `bcrypt`, `passlib`, `hashlib` and Django; of as little work as there is.
const HASHES: [&str; 4] = [
    "$2b$04$wvt4oum6rivozO8GTKMT6.Mdxgn7VHsJRbHBTYtC8QRUS4Stuc0jG",
    "$scrypt$ln=10,r=8,p=1$Zaz1nrO21hqDUIpxjnGOcQ$DcdFZmhbne8/hdYZIYWYhX9+mmdiy/fX1l5wFZgr9j8",
    "$pbkdf2-sha256$i=1000,l=32$ZGVmZ2hpamtsbW5vcHFycw$oEKhra5QUo1rTFPHTz3Nr8qttEvJfMg86uhpVd3d/+U",
    "argon2$argon2id$v=19$m=64,t=1,p=2$UTdNTG8yZmpLeHlxeUdjTEZMTlRBWA$1nffJM/SVWZGvbA4lHMTMLrC6TrcSK511ol1yLFQQ+Q",
];
const CURRENT: &str = "$argon2id$v=19$m=19456,t=2,p=1$";
const NONCE: &str = "AAECAwQFBgcICQoLDA0ODw";

/// A system with a verified account whose password has this hash.
async fn with_hash(hash: &str) -> System {
    let system = System::start().await;
    system.register_and_verify(EMAIL).await;
    let mut credential = system.credential(EMAIL).await;
    credential["password_hash"] = json!(hash);
    system.put_item(&credential).await;
    system
}

async fn hash(system: &System) -> String {
    system.credential(EMAIL).await["password_hash"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn an_imported_password_signs_in_and_is_then_hashed_as_ours_are() {
    for imported in HASHES {
        let system = with_hash(imported).await;
        system.anybody().login(EMAIL, NEW_PASSWORD).await.refused(401);
        assert_eq!(hash(&system).await, imported, "a wrong password changes nothing");
        let signed_in = system.anybody().login(EMAIL, IMPORTED).await;
        signed_in.expect(200);
        assert_eq!(signed_in.calls(), 3, "{imported}");
        let ours = hash(&system).await;
        assert!(ours.starts_with(CURRENT), "{ours}");
        system.anybody().login(EMAIL, NEW_PASSWORD).await.refused(401);
        system.anybody().login(EMAIL, IMPORTED).await.expect(200);
        assert_eq!(hash(&system).await, ours, "it is hashed anew only once");
    }
}

#[tokio::test]
async fn of_those_who_sign_in_first_at_once_all_get_in() {
    let system = with_hash(HASHES[0]).await;
    let client = system.anybody();
    for answer in join_all((0..8).map(|_| client.login(EMAIL, IMPORTED))).await {
        answer.expect(200);
    }
    assert!(hash(&system).await.starts_with(CURRENT));
}

#[tokio::test]
async fn while_a_lock_holds_nothing_is_hashed_anew() {
    let system = with_hash(HASHES[0]).await;
    for _ in 0..5 {
        system.anybody().login(EMAIL, NEW_PASSWORD).await.refused(401);
    }
    assert_eq!(system.anybody().login(EMAIL, IMPORTED).await.refused(401), "INVALID_CREDENTIALS");
    assert_eq!(hash(&system).await, HASHES[0]);
}

#[tokio::test]
async fn an_imported_password_can_be_changed() {
    let system = with_hash(HASHES[0]).await;
    let (other, change) = (system.anybody().signed_in(EMAIL, IMPORTED).await, "/api/v1/auth/change-password");
    let mut credential = system.credential(EMAIL).await;
    credential["password_hash"] = json!(HASHES[1]);
    system.put_item(&credential).await;
    let form = json!({ "current_password": IMPORTED, "new_password": NEW_PASSWORD });
    other.post(change, form).await.expect(200);
    system.anybody().login(EMAIL, NEW_PASSWORD).await.expect(200);
}

/// A system with a verified account that has no password, whose owner was mailed an invitation.
async fn with_invitation() -> System {
    let system = System::start().await;
    system.register_and_verify(EMAIL).await;
    let mut credential = system.credential(EMAIL).await;
    credential.as_object_mut().unwrap().remove("password_hash");
    // A reset link is asked for to learn the time: it lives an hour.
    system.anybody().post("/api/v1/auth/password-reset", json!({ "email": EMAIL })).await.expect(200);
    let in_an_hour = system.credential(EMAIL).await["reset"]["expires_at"].as_i64().unwrap();
    credential["reset"] = json!({ "nonce": NONCE, "expires_at": in_an_hour - 3600 + 7 * DAY });
    system.put_item(&credential).await;
    invite(&system).await;
    system
}

/// Tells the event that has the invitation mailed.
async fn invite(system: &System) {
    let mut event = system.events("user.registered").await.remove(0);
    // The same event but for its identifier, which nobody had.
    for name in ["PK", "id"] {
        let id = event[name].as_str().unwrap();
        let last = if id.ends_with('0') { '1' } else { '0' };
        event[name] = json!(format!("{}{last}", &id[..id.len() - 1]));
    }
    event["type"] = json!("admin.user_created");
    event["mail"] = json!({ "letter": "invitation", "nonce": NONCE });
    system.put_item(&event).await;
}

async fn choose_password(system: &System, token: &str) -> tests::Answer {
    let form = json!({ "token": token, "new_password": NEW_PASSWORD });
    system.anybody().post("/api/v1/auth/reset-password", form).await
}

#[tokio::test]
async fn without_a_password_every_one_is_refused_as_a_wrong_one() {
    let system = with_invitation().await;
    for password in [IMPORTED, NEW_PASSWORD] {
        let (invited, unknown) = (
            system.anybody().login(EMAIL, password).await,
            system.anybody().login("nobody@example.com", password).await,
        );
        assert_eq!(invited.refused(401), unknown.refused(401));
        assert_eq!(invited.calls(), unknown.calls());
    }
    assert_eq!(system.credential(EMAIL).await["failures"], 2);
}

#[tokio::test]
async fn an_invitation_sets_the_password_for_a_week_and_nothing_else() {
    let system = with_invitation().await;
    let token = system.mailed_token(EMAIL, "rst_").await;
    let user =
        || async { system.items("user").await.into_iter().find(|user| user["email"] == EMAIL).unwrap() };
    let before = user().await;
    system.advance(6 * DAY).await;
    choose_password(&system, &token).await.expect(200);
    assert_eq!(choose_password(&system, &token).await.refused(400), "INVALID_TOKEN");
    let mut after = user().await;
    for changed in ["updated_at", "version", "generation"] {
        assert_ne!(after[changed], before[changed], "{changed}");
        after[changed] = before[changed].clone();
    }
    assert_eq!(after, before);
    system.anybody().login(EMAIL, NEW_PASSWORD).await.expect(200);
}

#[tokio::test]
async fn who_asks_for_a_reset_shortens_no_invitation_and_has_it_mailed_again() {
    let system = with_invitation().await;
    let token = system.mailed_token(EMAIL, "rst_").await;
    let ask = || async {
        let before = system.mails(EMAIL).await.len();
        system.anybody().post("/api/v1/auth/password-reset", json!({ "email": EMAIL })).await.expect(200);
        system.mails(EMAIL).await.len() - before
    };
    assert_eq!((ask().await, ask().await), (1, 0));
    assert_eq!(system.mailed_token(EMAIL, "rst_").await, token);
    system.advance(6 * DAY).await;
    choose_password(&system, &token).await.expect(200);
}

#[tokio::test]
async fn after_eight_days_an_invitation_is_good_no_more() {
    let system = with_invitation().await;
    let token = system.mailed_token(EMAIL, "rst_").await;
    system.advance(8 * DAY).await;
    assert_eq!(choose_password(&system, &token).await.refused(400), "INVALID_TOKEN");
    assert_eq!(system.credential(EMAIL).await["password_hash"], Value::Null);
}

#[tokio::test]
async fn an_invitation_says_what_it_is_and_comes_to_nobody_who_has_signed_in() {
    let invitations = async |system: &System| {
        let mails = system.mails(EMAIL).await;
        mails.into_iter().filter(|mail| mail["subject"] == "Choose your password").count()
    };
    let system = with_invitation().await;
    assert_eq!(invitations(&system).await, 1);
    let system = with_hash(HASHES[0]).await;
    system.anybody().login(EMAIL, IMPORTED).await.expect(200);
    invite(&system).await;
    assert_eq!(invitations(&system).await, 0);
}
