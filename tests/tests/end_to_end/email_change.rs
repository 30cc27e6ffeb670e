//! An account gets another address: it is always one address that has it, and both hear of it.

use std::collections::BTreeSet;

use futures::future::join_all;
use serde_json::{Value, json};
use tests::{Answer, Client, NEW_PASSWORD, PASSWORD, System, registration};

const OLD: &str = "ada@example.com";
const NEW: &str = "lovelace@example.com";

/// The subjects of the mails to an address.
async fn subjects(system: &System, email: &str) -> Vec<String> {
    let mails = system.mails(email).await;
    mails.iter().filter_map(|mail| mail["subject"].as_str().map(str::to_owned)).collect()
}

/// Each account has the address that claims it, and no address is claimed otherwise.
async fn assert_claims(system: &System, what: &str) {
    let table = system.table().await;
    let of = |entity: &str| table.iter().filter(|item| item["entity"] == entity).collect::<Vec<_>>();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let users =
        of("user").into_iter().map(|user| (format!("CRED#{}", text(&user["email"])), text(&user["id"])));
    let claims = of("credential").into_iter().filter(|claim| claim["user_id"].is_string());
    let claims = claims.map(|claim| (text(&claim["PK"]), text(&claim["user_id"])));
    assert_eq!(users.collect::<BTreeSet<_>>(), claims.collect(), "{what}");
}

#[tokio::test]
async fn an_administrators_change_takes_effect_at_once_and_both_addresses_are_told() {
    let system = System::start().await;
    let (person, admin) = (system.user(OLD).await, system.admin().await);
    // A mail goes to the address that its account has when it is sent.
    system.drain().await;
    let path = person.admin_path().await;
    let changed = admin.put(&path, json!({ "email": "LoveLace@Example.com", "first_name": "Ada" })).await;
    let changed = changed.expect(200);
    assert_eq!((&changed["email"], &changed["is_verified"]), (&json!(NEW), &json!(true)));
    assert_eq!(person.login(OLD, PASSWORD).await.refused(401), "INVALID_CREDENTIALS");
    person.login(NEW, PASSWORD).await.expect(200);
    assert_eq!(person.get("/api/v1/auth/me").await.expect(200)["email"], NEW, "the session goes on");
    assert_eq!(subjects(&system, OLD).await.last().unwrap(), "Your e-mail address was changed");
    assert_eq!(subjects(&system, NEW).await, ["This is the address of your account now"]);
    for (search, found) in [("ada@", 0), ("lovelace", 1)] {
        let list = admin.get(&format!("/api/v1/users?search={search}")).await.expect(200);
        assert_eq!(list["users"].as_array().unwrap().len(), found, "{search}");
    }
    assert_claims(&system, "changed").await;
}

#[tokio::test]
async fn every_endpoint_that_changes_users_changes_addresses() {
    let system = System::start().await;
    let (person, admin) = (system.user(OLD).await, system.admin().await);
    let path = person.admin_path().await.replace("/admin", "");
    for (method, body) in [
        ("PUT", json!({ "email": "put@example.com" })),
        ("PATCH", json!({ "email": "patch@example.com" })),
        ("PATCH", json!({ "username": "name@example.com" })),
    ] {
        let changed = admin.send(method.parse().unwrap(), &path, Some(body.clone())).await.expect(200);
        let wanted = body["email"].as_str().or(body["username"].as_str());
        assert_eq!(changed["email"].as_str(), wanted);
    }
    person.login("name@example.com", PASSWORD).await.expect(200);
    assert_claims(&system, "changed").await;
}

#[tokio::test]
async fn events_tell_of_a_change_and_name_no_address() {
    let system = System::start().await;
    let person = system.user(OLD).await;
    let path = person.admin_path().await;
    ask(&person, "augusta@example.com").await.expect(200);
    assert_eq!(system.events("user.profile_updated").await[0]["data"]["fields"], json!(["pending_email"]));
    assert_eq!(system.events("user.email_change_requested").await.len(), 1);
    system.admin().await.put(&path, json!({ "email": NEW })).await.expect(200);
    let updated = system.events("admin.user_updated").await;
    assert_eq!(updated[0]["data"]["fields"], json!(["email", "pending_email"]));
    assert_eq!(system.events("user.email_changed").await.len(), 1);
    let table = system.table().await;
    for item in table.iter().filter(|item| item["entity"] == "event" || item["entity"] == "audit") {
        let text = item.to_string();
        assert!(!["ada@", "augusta", "lovelace"].iter().any(|part| text.contains(part)), "{text}");
    }
}

#[tokio::test]
async fn who_could_not_make_the_account_does_not_change_its_address() {
    let system = System::start().await;
    let (admin, path) = (system.admin().await, system.user(OLD).await.admin_path().await);
    let manager = system.with_role("manager@example.com", "manager").await;
    let change = json!({ "email": NEW });
    assert_eq!(manager.put(&path, change.clone()).await.refused(403), "INSUFFICIENT_PERMISSIONS");
    manager.put(&path, json!({ "email": OLD, "last_name": "King" })).await.expect(200);
    // A role that may do more than an ordinary administrator.
    let role = json!({ "name": "keeper", "permissions": ["projects:deploy"] });
    admin.post("/api/v1/admin/roles", role).await.expect(201);
    admin.put(&path, json!({ "role": "keeper" })).await.expect(200);
    let lesser = system.with_role("admin@example.com", "admin").await;
    assert_eq!(lesser.put(&path, change.clone()).await.refused(403), "INSUFFICIENT_PERMISSIONS");
    admin.put(&path, change).await.expect(200);
}

#[tokio::test]
async fn what_is_out_at_the_former_address_is_dead_and_its_next_account_inherits_nothing() {
    let system = System::start().await;
    let path = system.user(OLD).await.admin_path().await;
    system.anybody().post("/api/v1/auth/password-reset", json!({ "email": OLD })).await.expect(200);
    let token = system.mailed_token(OLD, "rst_").await;
    system.admin().await.put(&path, json!({ "email": NEW })).await.expect(200);
    let reset = json!({ "token": token, "new_password": NEW_PASSWORD });
    let reset = system.anybody().post("/api/v1/auth/reset-password", reset).await;
    assert_eq!(reset.refused(400), "INVALID_TOKEN");

    let registered = system.register(OLD).await["user_id"].as_str().unwrap().to_owned();
    assert!(!path.ends_with(&registered));
    assert_eq!(system.anybody().login(OLD, PASSWORD).await.refused(401), "EMAIL_NOT_VERIFIED");
    system.anybody().login(NEW, PASSWORD).await.expect(200);
    assert_claims(&system, "registered").await;
}

#[tokio::test]
async fn a_taken_address_stays_whose_it_is() {
    let system = System::start().await;
    let path = system.user(OLD).await.admin_path().await;
    system.user(NEW).await;
    let admin = system.admin().await;
    let before = admin.get(&path).await.expect(200);
    let change = json!({ "email": NEW, "first_name": "Eve" });
    assert_eq!(admin.put(&path, change).await.refused(409), "EMAIL_EXISTS");
    assert_eq!(admin.get(&path).await.expect(200), before);
    assert_eq!(admin.put(&path, json!({ "email": "nobody@" })).await.invalid(), ["email"]);
    assert_claims(&system, "refused").await;
}

#[tokio::test]
async fn of_many_who_want_an_address_at_once_one_gets_it() {
    let system = System::start().await;
    let admin = system.admin().await;
    let mut paths = Vec::new();
    for number in 0..4 {
        paths.push(system.user(&format!("person{number}@example.com")).await.admin_path().await);
    }
    let changes = join_all(paths.iter().map(|path| admin.put(path, json!({ "email": NEW }))));
    let register = admin.post("/api/v1/auth/register", registration(NEW));
    let (changes, registered) = futures::future::join(changes, register).await;
    let won = changes.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(won + usize::from(registered.status == 201), 1);
    for lost in changes.iter().filter(|answer| answer.status != 200) {
        assert_eq!(lost.refused(409), "EMAIL_EXISTS");
    }
    assert_claims(&system, "raced").await;
}

#[tokio::test]
async fn an_address_moves_whole_or_not_at_all_whatever_call_fails() {
    let system = System::start().await;
    let (admin, person) = (system.admin().await, system.user(OLD).await);
    let path = person.admin_path().await;
    let mut addresses = (0..).map(|number| format!("ada{number}@example.com"));
    for (operation, skip) in [("BatchGetItem", 0), ("GetItem", 0), ("GetItem", 1), ("TransactWriteItems", 0)]
    {
        for kind in ["throttle", "error", "error_after_commit"] {
            let fault = json!({
                "service": "dynamodb", "operation": operation, "skip": skip, "kind": kind, "count": 3,
            });
            let (what, change) = (fault.to_string(), json!({ "email": addresses.next() }));
            system.drain().await;
            system.order_fault(fault).await;
            let status = admin.put(&path, change.clone()).await.status;
            system.cancel_faults().await;
            assert!(status == 503 || status == 200, "{what}: {status}");
            assert_claims(&system, &what).await;
            admin.put(&path, change.clone()).await.expect(200);
            person.login(change["email"].as_str().unwrap(), PASSWORD).await.expect(200);
            assert_claims(&system, &what).await;
        }
    }
}

/// Asks for `email` in place of the own address; the answer.
async fn ask(person: &Client, email: &str) -> Answer {
    person.put("/api/v1/profile/me", json!({ "email": email, "current_password": PASSWORD })).await
}

async fn prove(system: &System, token: &str) -> Answer {
    system.anybody().post("/api/v1/auth/verify-email", json!({ "token": token })).await
}

#[tokio::test]
async fn an_own_address_changes_when_the_new_one_is_proven() {
    let system = System::start().await;
    let person = system.user(OLD).await;
    let asked = ask(&person, "LoveLace@example.com").await.expect(200);
    assert_eq!((&asked["email"], &asked["pending_email"]), (&json!(OLD), &json!(NEW)));
    assert_eq!(subjects(&system, OLD).await.last().unwrap(), "Another e-mail address for your account");
    person.login(OLD, PASSWORD).await.expect(200);
    assert_eq!(person.login(NEW, PASSWORD).await.refused(401), "INVALID_CREDENTIALS");

    let token = system.mailed_token(NEW, "eml_").await;
    let proven = prove(&system, &token).await;
    assert_eq!(
        (proven.expect(200)["message"].as_str(), proven.calls()),
        (Some("Email verified successfully"), 3)
    );
    assert_eq!(person.login(OLD, PASSWORD).await.refused(401), "INVALID_CREDENTIALS");
    person.login(NEW, PASSWORD).await.expect(200);
    let profile = person.get("/api/v1/profile/me").await.expect(200);
    assert_eq!((&profile["email"], &profile["pending_email"]), (&json!(NEW), &Value::Null));
    assert_eq!(subjects(&system, OLD).await.last().unwrap(), "Your e-mail address was changed");
    assert_eq!(prove(&system, &token).await.refused(400), "INVALID_TOKEN");
    assert_claims(&system, "proven").await;
}

#[tokio::test]
async fn an_own_address_changes_at_users_too() {
    let system = System::start().await;
    let person = system.user(OLD).await;
    let path = person.admin_path().await.replace("/admin", "");
    let body = json!({ "username": NEW, "current_password": PASSWORD });
    let asked = person.send("PATCH".parse().unwrap(), &path, Some(body)).await.expect(200);
    assert_eq!((&asked["email"], &asked["pending_email"]), (&json!(OLD), &json!(NEW)));
    prove(&system, &system.mailed_token(NEW, "eml_").await).await.expect(200);
    person.login(NEW, PASSWORD).await.expect(200);
}

#[tokio::test]
async fn asking_for_another_address_needs_the_password_and_wrong_ones_count() {
    let system = System::start().await;
    let person = system.user(OLD).await;
    let path = "/api/v1/profile/me";
    assert_eq!(person.put(path, json!({ "email": NEW })).await.invalid(), ["current_password"]);
    for _ in 0..5 {
        let wrong = json!({ "email": NEW, "current_password": NEW_PASSWORD });
        assert_eq!(person.put(path, wrong).await.refused(400), "INVALID_CURRENT_PASSWORD");
    }
    assert_eq!(ask(&person, NEW).await.refused(400), "INVALID_CURRENT_PASSWORD", "locked");
    assert_eq!(person.login(OLD, PASSWORD).await.refused(401), "INVALID_CREDENTIALS", "locked");
    assert_eq!(system.mails(NEW).await.len(), 0);
    system.advance(60).await;
    ask(&person, NEW).await.expect(200);
}

#[tokio::test]
async fn a_newer_request_replaces_an_older_one() {
    let system = System::start().await;
    let person = system.user(OLD).await;
    ask(&person, "first@example.com").await.expect(200);
    let first = system.mailed_token("first@example.com", "eml_").await;
    let before = ask(&person, "first@example.com").await.expect(200);
    assert_eq!(ask(&person, NEW).await.refused(429), "EMAIL_CHANGE_PENDING");
    assert_eq!(person.get("/api/v1/profile/me").await.expect(200), before, "the fresh link stays");
    assert_eq!((system.mails("first@example.com").await.len(), system.mails(NEW).await.len()), (1, 0));
    system.advance(300).await;
    ask(&person, NEW).await.expect(200);
    assert_eq!(prove(&system, &first).await.refused(400), "INVALID_TOKEN");
    prove(&system, &system.mailed_token(NEW, "eml_").await).await.expect(200);
}

#[tokio::test]
async fn a_token_for_a_new_address_lives_a_day_and_is_good_for_nothing_else() {
    let system = System::start().await;
    ask(&system.user(OLD).await, NEW).await.expect(200);
    let token = system.mailed_token(NEW, "eml_").await;
    assert_eq!(prove(&system, &token.replace("eml_", "ver_")).await.refused(400), "INVALID_TOKEN");
    let reset = json!({ "token": token.replace("eml_", "rst_"), "new_password": NEW_PASSWORD });
    let reset = system.anybody().post("/api/v1/auth/reset-password", reset).await;
    assert_eq!(reset.refused(400), "INVALID_TOKEN");
    system.advance(86_400).await;
    assert_eq!(prove(&system, &token).await.refused(400), "INVALID_TOKEN");
}

#[tokio::test]
async fn a_new_password_or_an_administrator_stops_a_change() {
    let system = System::start().await;
    let admin = system.admin().await;
    for number in 0..4 {
        let (old, new) = (format!("old{number}@example.com"), format!("new{number}@example.com"));
        let person = system.user(&old).await;
        let path = person.admin_path().await;
        ask(&person, &new).await.expect(200);
        let token = system.mailed_token(&new, "eml_").await;
        match number {
            0 => {
                let change = json!({ "current_password": PASSWORD, "new_password": NEW_PASSWORD });
                person.post("/api/v1/auth/change-password", change).await.expect(200);
            }
            1 => {
                person.post("/api/v1/auth/password-reset", json!({ "email": old })).await.expect(200);
                let reset =
                    json!({ "token": system.mailed_token(&old, "rst_").await, "new_password": NEW_PASSWORD });
                person.post("/api/v1/auth/reset-password", reset).await.expect(200);
            }
            2 => {
                admin.put(&path, json!({ "is_active": false })).await.expect(200);
                admin.put(&path, json!({ "is_active": true })).await.expect(200);
            }
            _ => {
                admin.put(&path, json!({ "email": "other@example.com" })).await.expect(200);
            }
        }
        assert_eq!(prove(&system, &token).await.refused(400), "INVALID_TOKEN", "{number}");
    }
    assert_claims(&system, "stopped").await;
}

#[tokio::test]
async fn asking_for_a_taken_address_tells_nothing_and_proving_it_does() {
    let system = System::start().await;
    system.warm().await;
    let (ada, eve) = (system.user(OLD).await, system.user("eve@example.com").await);
    let shown = |answer: Answer| {
        let mut body = answer.expect(200);
        body["updated_at"] = Value::Null;
        (answer.calls(), body)
    };
    let mut free = shown(ask(&ada, "free@example.com").await);
    free.1["pending_email"] = json!("eve@example.com");
    system.advance(300).await;
    assert_eq!(shown(ask(&ada, "eve@example.com").await), free);
    let token = system.mailed_token("eve@example.com", "eml_").await;
    assert_eq!(prove(&system, &token).await.refused(409), "EMAIL_EXISTS");
    eve.login("eve@example.com", PASSWORD).await.expect(200);
    ada.login(OLD, PASSWORD).await.expect(200);
    assert_claims(&system, "taken").await;
}

#[tokio::test]
async fn of_two_who_prove_an_address_at_once_one_gets_it() {
    let system = System::start().await;
    let mut tokens = Vec::new();
    for number in 0..2 {
        ask(&system.user(&format!("ada{number}@example.com")).await, NEW).await.expect(200);
        tokens.push(system.mailed_token(NEW, "eml_").await);
    }
    let answers = join_all(tokens.iter().map(|token| prove(&system, token))).await;
    let mut statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
    assert_claims(&system, "raced").await;
}

#[tokio::test]
async fn a_proven_address_moves_whole_or_not_at_all_whatever_call_fails() {
    let system = System::start().await;
    let person = system.user(OLD).await;
    for (number, (operation, skip)) in
        [("GetItem", 0), ("GetItem", 1), ("TransactWriteItems", 0)].into_iter().enumerate()
    {
        for kind in ["throttle", "error", "error_after_commit"] {
            let new = format!("{kind}{number}@example.com").replace('_', "");
            ask(&person, &new).await.expect(200);
            let token = system.mailed_token(&new, "eml_").await;
            let fault = json!({
                "service": "dynamodb", "operation": operation, "skip": skip, "kind": kind, "count": 3,
            });
            let what = fault.to_string();
            system.order_fault(fault).await;
            let status = prove(&system, &token).await.status;
            system.cancel_faults().await;
            assert!(status == 503 || status == 200, "{what}: {status}");
            assert_claims(&system, &what).await;
            let again = prove(&system, &token).await.status;
            assert!(again == 200 || again == 400, "{what}: {again}");
            person.login(&new, PASSWORD).await.expect(200);
            assert_claims(&system, &what).await;
        }
    }
}
