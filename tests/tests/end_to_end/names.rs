//! Names and addresses: which are accepted, and in what form they come back.

use serde_json::{Value, json};
use tests::{Answer, PASSWORD, System, registration};

async fn register(system: &System, field: &str, value: &str) -> Answer {
    let mut form = registration("user@example.com");
    form[field] = json!(value);
    system.anybody().post("/api/v1/auth/register", form).await
}

#[tokio::test]
async fn a_name_is_trimmed_and_capitalised() {
    let system = System::start().await;
    let person = system.user("user@example.com").await;
    let longest = "É".repeat(50);
    for (typed, shown) in [
        ("mary-jane", "Mary-Jane"),
        ("  o'neil ", "O'Neil"),
        ("jean  luc", "Jean Luc"),
        ("łukasz", "Łukasz"),
        ("李小龍", "李小龍"),
        ("McDonald", "McDonald"),
        (longest.as_str(), longest.as_str()),
    ] {
        let changed = person.put("/api/v1/profile/me", json!({ "first_name": typed })).await.expect(200);
        assert_eq!(changed["first_name"], shown);
    }
    assert_eq!(person.get("/api/v1/auth/me").await.expect(200)["first_name"], longest);
}

#[tokio::test]
async fn what_is_no_name_is_refused() {
    let system = System::start().await;
    let too_long = "é".repeat(51);
    for name in
        ["", "J", " J ", "J0hn", "<b>John</b>", "John\nDoe", "John\0", "- -", "J\u{202e}ohn", &too_long]
    {
        for field in ["first_name", "last_name"] {
            let answer = register(&system, field, name).await;
            assert_eq!(answer.invalid(), [field]);
        }
    }
}

#[tokio::test]
async fn a_single_name_is_split_at_its_first_space() {
    let system = System::start().await;
    let admin = system.admin().await;
    for (name, first, last) in
        [("Ada King Lovelace", "Ada", "King Lovelace"), ("Plato", "Plato", ""), ("x", "x", "")]
    {
        let email = format!("{}@example.com", first.to_lowercase());
        let form = json!({ "name": name, "email": email, "password": PASSWORD });
        let account = system.anybody().post("/api/users/register", form).await.expect(201)["data"].clone();
        assert_eq!(account["name"], name);
        let user = admin.get(&format!("/api/v1/admin/users/{}", account["userId"].as_str().unwrap())).await;
        let user = user.expect(200);
        assert_eq!([&user["first_name"], &user["last_name"]], [first, last]);
    }
}

#[tokio::test]
async fn names_that_other_rules_let_through_come_back_as_they_are_shown() {
    let system = System::start().await;
    let admin = system.admin().await;
    let form = json!({ "name": "madonna", "email": "m@example.com", "password": PASSWORD });
    let account = system.anybody().post("/api/users/register", form).await.expect(201)["data"].clone();
    let id = account["userId"].as_str().unwrap();
    let verify = json!({ "token": system.mailed_token("m@example.com", "ver_").await });
    system.anybody().post("/api/v1/auth/verify-email", verify).await.expect(200);
    admin.post("/api/v1/admin/approve-user", json!({ "user_id": id })).await.expect(200);
    let person = system.anybody().signed_in("m@example.com", PASSWORD).await;
    for (client, path) in [
        (&admin, format!("/api/v1/admin/users/{id}")),
        (&admin, format!("/api/v1/users/{id}")),
        (&person, format!("/api/v1/users/{id}")),
        (&person, "/api/v1/profile/me".to_owned()),
    ] {
        let shown = client.get(&path).await.expect(200);
        assert_eq!([&shown["first_name"], &shown["last_name"]], ["madonna", ""], "{path}");
        assert_eq!(client.put(&path, shown.clone()).await.expect(200), shown, "{path}");
        assert_eq!(client.put(&path, json!({ "first_name": "" })).await.invalid(), ["first_name"], "{path}");
    }
}

#[tokio::test]
async fn an_address_has_one_form_whoever_types_it() {
    let system = System::start().await;
    let answer = register(&system, "email", " John.Doe+tag@BÜCHER.Example ").await.expect(201);
    assert_eq!(answer["email"], "john.doe+tag@xn--bcher-kva.example");
    let verify = json!({ "token": answer["verification_token"] });
    system.anybody().post("/api/v1/auth/verify-email", verify).await.expect(200);
    for same in ["john.doe+tag@bücher.example", "JOHN.DOE+TAG@xn--bcher-kva.EXAMPLE"] {
        assert_eq!(register(&system, "email", same).await.refused(400), "EMAIL_EXISTS");
        system.anybody().login(same, PASSWORD).await.expect(200);
    }
}

#[tokio::test]
async fn what_is_no_address_is_refused_wherever_one_is_given() {
    let system = System::start().await;
    let too_long = format!("user@{}example.com", "a.".repeat(120));
    for email in
        ["", "user", "user@", "@example.com", "user@example", "a b@example.com", "a@b@example.com", &too_long]
    {
        let named = |answer: Answer| {
            assert_eq!(answer.invalid(), ["email"]);
        };
        named(register(&system, "email", email).await);
        named(system.anybody().login(email, PASSWORD).await);
        let forms: [(&str, Value); 3] = [
            ("/api/v1/auth/resend-verification", json!({ "email": email })),
            ("/api/v1/auth/password-reset", json!({ "email": email })),
            ("/api/users/register", json!({ "name": "John Doe", "email": email, "password": PASSWORD })),
        ];
        for (path, form) in forms {
            named(system.anybody().post(path, form).await);
        }
    }
}
