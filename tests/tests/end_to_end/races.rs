//! Races have one winner, and the losers are told.

use futures::future::{join, join_all};
use reqwest::Method;
use serde_json::{Value, json};
use tests::{Answer, Client, System, registration};

fn with_status(answers: &[Answer], status: u16) -> usize {
    answers.iter().filter(|answer| answer.status == status).count()
}

/// Registers one address, in different spellings, from so many clients at once.
async fn race_to_register(clients: usize) {
    let system = System::start().await;
    let spellings = ["ada@example.com", "Ada@Example.com", "ADA@EXAMPLE.COM"];
    let answers = join_all((0..clients).map(|n| {
        let (client, body) = (system.anybody(), registration(spellings[n % spellings.len()]));
        async move { client.post("/api/v1/auth/register", body).await }
    }))
    .await;
    assert_eq!((with_status(&answers, 201), with_status(&answers, 400)), (1, clients - 1));
    // The first administrator has one of each, too.
    assert_eq!((system.items("user").await.len(), system.items("credential").await.len()), (2, 2));
    assert_eq!(system.events("user.registered").await.len(), 1);
    assert_eq!(system.mails("ada@example.com").await.len(), 1);
}

#[tokio::test]
async fn of_two_registrations_of_an_address_one_wins() {
    race_to_register(2).await;
}

#[tokio::test]
async fn of_twelve_registrations_of_an_address_one_wins() {
    race_to_register(12).await;
}

#[tokio::test]
async fn of_thirty_two_registrations_of_an_address_one_wins() {
    // As many as wait for their password to be hashed where there is one core.
    race_to_register(32).await;
}

#[tokio::test]
async fn both_registration_routes_claim_the_same_address() {
    let system = System::start().await;
    let (one, other) = (system.anybody(), system.anybody());
    let account = json!({ "name": "Ada Lovelace", "email": "ada@example.com", "password": "SecurePass123" });
    let register = one.post("/api/v1/auth/register", registration("ada@example.com"));
    let (one, other) = join(register, other.post("/api/users/register", account)).await;
    assert!(matches!((one.status, other.status), (201, 409) | (400, 201)), "{one:?} {other:?}");
    assert_eq!(system.items("user").await.len(), 2);
}

#[tokio::test]
async fn of_many_approvals_one_counts() {
    let system = System::start().await;
    let (admin, id) = (system.admin().await, system.verified("ada@example.com").await.1);
    let approve = || admin.post("/api/v1/admin/approve-user", json!({ "user_id": id }));
    let answers = join_all((0..10).map(|_| approve())).await;
    // A loser hears 409, or, coming late, who approved.
    assert_eq!(with_status(&answers, 200) + with_status(&answers, 409), 10);
    assert!(with_status(&answers, 200) >= 1);
    assert_eq!(system.events("user.approved").await.len(), 1);
    assert_eq!(system.events("admin.user_approved").await.len(), 1);
    let mails = system.mails("ada@example.com").await;
    assert_eq!(mails.iter().filter(|mail| mail["subject"] == "Your account is approved").count(), 1);
}

#[tokio::test]
async fn each_change_of_a_role_starts_from_where_another_one_ended() {
    let system = System::start().await;
    let admin = system.admin().await;
    let path = system.user("ada@example.com").await.admin_path().await;
    let put = |role| admin.put(&path, json!({ "role": role }));
    let answers = join_all(["manager", "moderator", "auditor", "admin"].map(put)).await;
    assert_eq!(with_status(&answers, 200) + with_status(&answers, 409), 4);

    let events = system.events("admin.user_updated").await;
    assert_eq!(events.len(), with_status(&answers, 200));
    let role = |event: &Value, name: &str| event["data"][name].as_str().unwrap().to_owned();
    let mut left: Vec<_> = events.iter().map(|event| role(event, "role_before")).collect();
    let mut entered: Vec<_> = events.iter().map(|event| role(event, "role")).collect();
    left.push(admin.get(&path).await.expect(200)["role"].as_str().unwrap().to_owned());
    entered.push("user".to_owned());
    left.sort();
    entered.sort();
    assert_eq!(left, entered);
}

/// Erases the account of `client`.
async fn erase(client: Client) -> Answer {
    let confirmation = json!({ "confirmation": "DELETE MY ACCOUNT" });
    client.send(Method::DELETE, "/api/v1/gdpr/delete/my-account", Some(confirmation)).await
}

/// Two super administrators, at a moment from which on the write that comes first waits a little: what the other one
/// does is decided on what was there before.
async fn two_super_admins(system: &System) -> (Client, Client) {
    let both = (system.admin().await, system.with_role("ada@example.com", "super_admin").await);
    system.drain().await;
    let fault = json!({ "service": "dynamodb", "operation": "TransactWriteItems", "kind": "throttle" });
    system.order_fault(fault).await;
    both
}

/// How many super administrators work.
async fn super_admins(system: &System) -> usize {
    let users = system.items("user").await;
    users.iter().filter(|user| user["role"] == "super_admin" && user["status"] == "active").count()
}

#[tokio::test]
async fn of_two_super_admins_who_erase_themselves_at_once_one_stays() {
    let system = System::start().await;
    let (one, other) = two_super_admins(&system).await;
    let answers: [Answer; 2] = join(erase(one), erase(other)).await.into();
    assert_eq!((with_status(&answers, 200), with_status(&answers, 409)), (1, 1), "{answers:?}");
    assert_eq!(super_admins(&system).await, 1);
}

#[tokio::test]
async fn who_erases_themselves_while_they_remove_the_other_super_admin_leaves_one() {
    for (method, body) in [
        (Method::PUT, json!({ "role": "user" })),
        (Method::PUT, json!({ "is_active": false })),
        (Method::DELETE, json!({})),
    ] {
        let system = System::start().await;
        let (one, other) = two_super_admins(&system).await;
        let path = other.admin_path().await;
        let answers = join(one.send(method, &path, Some(body)), erase(one.clone())).await;
        let answers: [Answer; 2] = answers.into();
        // A loser hears 409, or, coming late, that they are nobody, or the last.
        assert_eq!(with_status(&answers, 200), 1, "{answers:?}");
        assert_eq!(with_status(&answers, 409) + with_status(&answers, 401), 1, "{answers:?}");
        assert_eq!(super_admins(&system).await, 1);
    }
}

#[tokio::test]
async fn who_is_verified_while_they_are_deleted_is_counted_once() {
    let system = System::start().await;
    let admin = system.admin().await;
    for n in 0..8 {
        let person = system.register(&format!("ada{n}@example.com")).await;
        let path = format!("/api/v1/admin/users/{}", person["user_id"].as_str().unwrap());
        system.drain().await;
        // The verification, which comes to its write first, waits a moment.
        let fault = json!({ "service": "dynamodb", "operation": "TransactWriteItems", "kind": "throttle", "count": 2 });
        system.order_fault(fault).await;
        let token = json!({ "token": person["verification_token"] });
        let verify = admin.post("/api/v1/auth/verify-email", token);
        join(verify, admin.send(Method::DELETE, &path, None)).await;
    }
    system.drain().await;
    let stats = admin.get("/api/v1/admin/stats").await.expect(200);
    let left = system.items("user").await.into_iter().filter(|user| user["status"] != "deleted");
    let (verified, unverified): (Vec<_>, Vec<_>) = left.partition(|user| user["verified_at"].is_string());
    assert_eq!(stats["total_users"], verified.len() + unverified.len());
    assert_eq!(stats["unverified_users"], unverified.len());
}
