//! Which passwords may be chosen, on every route that sets one, and that none is ever seen again.

use serde_json::{Value, json};
use tests::{Answer, NEW_PASSWORD, PASSWORD, System, registration};

/// No special character, too short, too long, too common, one's own address, one's own name.
const WEAK: [(&str, &str); 6] = [
    ("SecurePass123", "Add a character that is neither a letter nor a digit"),
    ("Secur3!", "Use at least 8 characters"),
    (LONG, "Use at most 128 characters"),
    ("Password123!", "Choose a password that fewer people use"),
    ("7 Walrus-Rider!", "Leave out your name and e-mail address"),
    ("Johnny is 7!", "Leave out your name and e-mail address"),
];
/// 129 characters.
const LONG: &str = concat!(
    "Aa1!5678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345",
    "6789012345678901234567890123456789",
);

/// What is wrong with `field`.
fn reasons(answer: &Answer, field: &str) -> Vec<String> {
    let body = answer.expect(400);
    let all = body.pointer("/details/data").or_else(|| body.pointer("/error/details"));
    let details = all.and_then(Value::as_array).cloned().unwrap_or_default();
    let of_field = details.iter().filter(|detail| detail["field"] == field);
    of_field.filter_map(|detail| Some(detail["message"].as_str()?.to_owned())).collect()
}

#[tokio::test]
async fn a_weak_password_is_refused_wherever_one_is_chosen() {
    let system = System::start().await;
    let (person, _) = system.verified("walrus-rider@example.com").await;
    person
        .post("/api/v1/auth/password-reset", json!({ "email": "walrus-rider@example.com" }))
        .await
        .expect(200);
    let token = system.mailed_token("walrus-rider@example.com", "rst_").await;
    for (weak, reason) in WEAK {
        let mut form = registration("walrus-rider@example.com");
        (form["password"], form["confirm_password"]) = (json!(weak), json!(weak));
        let answer = person.post("/api/v1/auth/register", form).await;
        assert_eq!(reasons(&answer, "password"), [reason], "{weak}");
        let answer =
            person.post("/api/v1/auth/reset-password", json!({ "token": token, "new_password": weak })).await;
        assert_eq!(reasons(&answer, "new_password"), [reason], "{weak}");
        let form = json!({ "current_password": PASSWORD, "new_password": weak });
        let answer = person.post("/api/v1/auth/change-password", form).await;
        assert_eq!(reasons(&answer, "new_password"), [reason], "{weak}");
    }
    let reset = json!({ "token": token, "new_password": NEW_PASSWORD });
    person.post("/api/v1/auth/reset-password", reset).await.expect(200);
}

#[tokio::test]
async fn the_three_call_api_asks_for_no_special_character_and_for_all_else() {
    let system = System::start().await;
    for (index, (weak, reason)) in WEAK.into_iter().enumerate() {
        let form = json!({ "name": "John Doe", "email": "walrus-rider@example.com", "password": weak });
        let answer = system.anybody().post("/api/users/register", form).await;
        if index == 0 {
            answer.expect(201);
        } else {
            assert_eq!(reasons(&answer, "password"), [reason], "{weak}");
        }
    }
}

#[tokio::test]
async fn a_password_has_at_most_128_characters_of_any_script() {
    let system = System::start().await;
    let longest = format!("Aa1!{}", "\u{e9}".repeat(124));
    let mut form = registration("user@example.com");
    (form["password"], form["confirm_password"]) = (json!(longest), json!(longest));
    let registered = system.anybody().post("/api/v1/auth/register", form).await.expect(201);
    let token = json!({ "token": registered["verification_token"] });
    system.anybody().post("/api/v1/auth/verify-email", token).await.expect(200);
    // The same characters as another keyboard sends them.
    let decomposed = longest.replace('\u{e9}', "e\u{301}");
    system.anybody().login("user@example.com", &decomposed).await.expect(200);
    let shorter: String = longest.chars().take(127).collect();
    assert_eq!(
        system.anybody().login("user@example.com", &shorter).await.refused(401),
        "INVALID_CREDENTIALS"
    );
    assert_eq!(system.anybody().login("user@example.com", LONG).await.refused(400), "VALIDATION_ERROR");
}

#[tokio::test]
async fn a_new_password_is_confirmed_differs_from_the_old_and_takes_the_old() {
    let system = System::start().await;
    let (person, _) = system.verified("user@example.com").await;
    let mut form = registration("other@example.com");
    form["confirm_password"] = json!(NEW_PASSWORD);
    let answer = person.post("/api/v1/auth/register", form).await;
    assert_eq!(answer.invalid(), ["confirm_password"]);
    for (current, new, code, field) in [
        (PASSWORD, PASSWORD, "VALIDATION_ERROR", "new_password"),
        (NEW_PASSWORD, "Another1Secret!", "INVALID_CURRENT_PASSWORD", "current_password"),
    ] {
        let form = json!({ "current_password": current, "new_password": new });
        let answer = person.post("/api/v1/auth/change-password", form).await;
        assert_eq!((answer.refused(400).as_str(), answer.fields()), (code, vec![field.to_owned()]));
    }
    person.login("user@example.com", PASSWORD).await.expect(200);
}

#[tokio::test]
async fn a_password_is_kept_as_an_argon2id_hash_only() {
    let system = System::start().await;
    let (person, _) = system.verified("user@example.com").await;
    let change = json!({ "current_password": PASSWORD, "new_password": NEW_PASSWORD });
    person.post("/api/v1/auth/change-password", change).await.expect(200);
    let table = system.table().await;
    let hashes: Vec<_> = table.iter().filter_map(|item| item["password_hash"].as_str()).collect();
    assert_eq!(hashes.len(), 2, "the administrator's and the user's");
    assert!(hashes.iter().all(|hash| hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$")));
    let (table, mails) =
        (json!(table).to_string(), json!(system.mails("user@example.com").await).to_string());
    for password in [PASSWORD, NEW_PASSWORD] {
        assert!(!table.contains(password) && !mails.contains(password));
    }
}
