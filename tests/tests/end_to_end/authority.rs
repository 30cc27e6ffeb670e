//! Nobody acts up, sideways or out: attacks on accounts, roles and what is granted, by every role on every role.

use futures::future::join;
use reqwest::Method;
use serde_json::{Value, json};
use tests::{Answer, Client, PASSWORD, System, registration};

/// All roles and their ranks. A developer is one that administrators made, of all that an administrator may give.
const RANKS: [(&str, u8); 7] = [
    ("user", 1),
    ("manager", 2),
    ("moderator", 2),
    ("auditor", 2),
    ("developer", 2),
    ("admin", 3),
    ("super_admin", 4),
];
const ROLES: &str = "/api/v1/admin/roles";
const USERS: &str = "/api/v1/admin/users";

fn outranks(actor: &str, other: &str) -> bool {
    let rank = |role| RANKS.iter().find(|(name, _)| *name == role).map(|(_, rank)| rank);
    actor == "super_admin" || rank(actor) > rank(other)
}

/// A system that has developers.
async fn start() -> System {
    let system = System::start().await;
    let permissions =
        ["admin:all", "audit:*", "bulk:*", "user:create", "user:delete", "user:read", "user:update"];
    let developer = json!({ "name": "developer", "permissions": permissions });
    system.with_role("maker@example.com", "admin").await.post(ROLES, developer).await.expect(201);
    system
}

/// Somebody of each role, signed in.
async fn everybody(system: &System) -> Vec<(&'static str, Client)> {
    let mut everybody = Vec::new();
    for (role, _) in RANKS {
        everybody.push((role, system.with_role(&format!("{role}@example.com"), role).await));
    }
    everybody
}

/// An account of this role that nobody approved; its id.
async fn target(system: &System, role: &str) -> String {
    let id = system.register_and_verify(&format!("target-{role}@example.com")).await;
    let change = system.admin().await.put(&format!("{USERS}/{id}"), json!({ "role": role })).await;
    change.expect(200);
    id
}

/// Everything that one can do to the account `id`.
async fn attacks(actor: &Client, id: &str) -> Vec<Answer> {
    let path = format!("{USERS}/{id}");
    let mut answers = Vec::new();
    for change in [json!({ "first_name": "Eve" }), json!({ "role": "user" }), json!({ "is_active": false })] {
        answers.push(actor.put(&path, change).await);
    }
    answers.push(actor.post("/api/v1/admin/approve-user", json!({ "user_id": id })).await);
    answers.push(actor.post(&format!("{path}/reject"), json!({})).await);
    answers.push(actor.send(Method::DELETE, &path, None).await);
    answers
}

#[tokio::test]
async fn no_role_edits_approves_rejects_or_deletes_an_account_that_is_not_below_it() {
    let system = start().await;
    let (root, actors) = (system.admin().await, everybody(&system).await);
    for (role, _) in RANKS {
        let id = target(&system, role).await;
        let path = format!("{USERS}/{id}");
        let before = root.get(&path).await.expect(200);
        for (actor, client) in actors.iter().filter(|(actor, _)| !outranks(actor, role)) {
            for answer in attacks(client, &id).await {
                assert_eq!(answer.refused(403), "INSUFFICIENT_PERMISSIONS", "{actor} on {role}");
            }
        }
        assert_eq!(root.get(&path).await.expect(200), before, "{role}");
        let changing = ["manager", "moderator", "developer", "admin", "super_admin"];
        for (actor, client) in
            actors.iter().filter(|(actor, _)| outranks(actor, role) && changing.contains(actor))
        {
            let answer = client.put(&path, json!({ "first_name": "Ada" })).await;
            assert_eq!(answer.status, 200, "{actor} on {role}: {}", answer.text);
        }
    }
}

#[tokio::test]
async fn no_role_makes_or_promotes_to_a_role_that_is_not_below_it() {
    let system = start().await;
    let id = target(&system, "user").await;
    for (actor, client) in everybody(&system).await {
        for (role, _) in RANKS.iter().filter(|(role, _)| !outranks(actor, role)) {
            let form = json!({
                "email": "new@example.com", "password": PASSWORD, "first_name": "Eve", "last_name": "Smith",
                "role": role,
            });
            let made = client.post(USERS, form).await;
            assert_eq!(made.refused(403), "INSUFFICIENT_PERMISSIONS", "{actor} makes {role}");
            // To be a user is no promotion; only who may change nobody is refused.
            if *role != "user" {
                let promoted = client.put(&format!("{USERS}/{id}"), json!({ "role": role })).await;
                assert_eq!(promoted.refused(403), "INSUFFICIENT_PERMISSIONS", "{actor} promotes to {role}");
            }
        }
    }
    let user = system.admin().await.get(&format!("{USERS}/{id}")).await.expect(200);
    assert_eq!(user["role"], "user");
}

#[tokio::test]
async fn nobody_changes_their_own_role_state_or_approval_by_any_route() {
    let system = start().await;
    for (role, client) in everybody(&system).await {
        let path = client.admin_path().await;
        let before = system.admin().await.get(&path).await.expect(200);
        let mut answers = attacks(&client, path.rsplit('/').next().unwrap()).await;
        answers.push(client.put(&path, json!({ "role": "super_admin" })).await);
        for answer in answers {
            let code = answer.refused(403);
            assert!(["OWN_ACCOUNT", "INSUFFICIENT_PERMISSIONS"].contains(&code.as_str()), "{role}: {code}");
        }
        let wish =
            json!({ "first_name": "John", "role": "super_admin", "is_approved": false, "is_active": false });
        client.put("/api/v1/profile/me", wish).await.expect(200);
        let mut after = system.admin().await.get(&path).await.expect(200);
        after["updated_at"] = before["updated_at"].clone();
        assert_eq!(after, before, "{role}");
    }
}

#[tokio::test]
async fn who_has_a_role_that_administrators_made_changes_no_such_role() {
    let system = start().await;
    let developer = system.with_role("developer@example.com", "developer").await;
    system.admin().await.post(ROLES, json!({ "name": "tester", "permissions": [] })).await.expect(201);
    for name in ["developer", "tester"] {
        let path = format!("{ROLES}/{name}");
        for answer in [
            developer.put(&path, json!({ "permissions": ["user:read"] })).await,
            developer.send(Method::DELETE, &path, None).await,
            developer.post(ROLES, json!({ "name": format!("{name}2"), "permissions": [] })).await,
        ] {
            assert_eq!(answer.refused(403), "INSUFFICIENT_PERMISSIONS", "{name}");
        }
    }
    developer.get(ROLES).await.expect(200);
}

/// Two super administrators do the same to each other at once.
async fn duel(method: Method, body: Option<Value>) {
    let system = System::start().await;
    let (one, other) = (system.admin().await, system.with_role("ada@example.com", "super_admin").await);
    let (one_path, other_path) = (one.admin_path().await, other.admin_path().await);
    system.drain().await;
    // The write that comes first waits a moment, so that the other blow was decided on what was there before.
    let fault = json!({ "service": "dynamodb", "operation": "TransactWriteItems", "kind": "throttle" });
    system.order_fault(fault).await;
    let blow = |client: Client, path: String| {
        let (method, body) = (method.clone(), body.clone());
        async move { client.send(method, &path, body).await }
    };
    let (first, second) = join(blow(one, other_path), blow(other, one_path)).await;
    // A loser hears that things changed, or, coming late, what they have become.
    let mut statuses = [first.status, second.status];
    statuses.sort_unstable();
    assert!(statuses[0] == 200 && [401, 403, 409].contains(&statuses[1]), "{} {}", first.text, second.text);
    let users = system.items("user").await;
    let left = users.iter().filter(|user| user["role"] == "super_admin" && user["status"] == "active");
    assert_eq!(left.count(), 1);
}

#[tokio::test]
async fn of_two_super_admins_who_remove_each_other_one_stays() {
    duel(Method::DELETE, None).await;
    duel(Method::PUT, Some(json!({ "role": "user" }))).await;
    duel(Method::PUT, Some(json!({ "is_active": false }))).await;
}

/// What the table knows of the account of `email`.
async fn item(system: &System, email: &str) -> Value {
    system.items("user").await.into_iter().find(|user| user["email"] == email).unwrap_or_default()
}

#[tokio::test]
async fn no_spelling_of_a_field_that_one_may_not_set_has_an_effect() {
    let system = System::start().await;
    let wishes = json!({
        "Role": "admin", "ROLE": "admin", "role ": "admin", "rol\u{435}": "admin", "user.role": "admin",
        "user": { "role": "admin", "is_verified": true }, "data": { "role": "admin" }, "role[]": ["admin"],
        "is_verified": true, "isVerified": true, "is_approved": true, "approval": {}, "status": "deleted",
        "tenant": "other", "tenant_id": "other", "id": "usr_00000000000040008000000000000000", "version": 9,
        "generation": 9, "password_hash": "$argon2id$", "PK": "SYSTEM", "entity": "role", "GSI1PK": "x",
    });
    let with_wishes = |form: Value| {
        let fields = [wishes.clone(), form].map(|it| it.as_object().cloned().unwrap_or_default());
        Value::Object(fields.into_iter().flatten().collect())
    };
    system.register("plain@example.com").await;
    let form = with_wishes(registration("ada@example.com"));
    system.anybody().post("/api/v1/auth/register", form).await.expect(201);
    let made = json!({
        "email": "eve@example.com", "password": PASSWORD, "first_name": "Eve", "last_name": "Smith",
    });
    let admin = system.with_role("admin@example.com", "admin").await;
    admin.post(USERS, with_wishes(made)).await.expect(201);

    let plain = item(&system, "plain@example.com").await;
    let names = |item: &Value| item.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&item(&system, "ada@example.com").await), names(&plain));
    for email in ["ada@example.com", "eve@example.com"] {
        let item = item(&system, email).await;
        for field in ["role", "status", "tenant", "version", "generation", "entity", "GSI1PK"] {
            assert_eq!(item[field], plain[field], "{email}: {field}");
        }
        assert_ne!(item["id"], wishes["id"]);
    }
}

#[tokio::test]
async fn of_a_field_that_is_there_twice_the_last_is_checked_and_taken() {
    let system = System::start().await;
    let manager = system.with_role("manager@example.com", "manager").await;
    let path = system.user("ada@example.com").await.admin_path().await;
    let put = |body: &'static str| {
        let request = manager.request(Method::PUT, &path).header("content-type", "application/json");
        Answer::of(request.body(body))
    };
    let refused = put(r#"{ "role": "user", "role": "admin" }"#).await;
    assert_eq!(refused.refused(403), "INSUFFICIENT_PERMISSIONS");
    assert_eq!(put(r#"{ "role": "admin", "role": "user" }"#).await.expect(200)["role"], "user");
}

#[tokio::test]
async fn an_old_token_has_no_more_power_than_its_account() {
    let system = start().await;
    let root = system.admin().await;
    let demoted = system
        .with_role("demoted@example.com", "manager")
        .await
        .signed_in("demoted@example.com", PASSWORD)
        .await;
    demoted.get(USERS).await.expect(200);
    root.put(&demoted.admin_path().await, json!({ "role": "user" })).await.expect(200);
    assert_eq!(demoted.get(USERS).await.refused(403), "INSUFFICIENT_PERMISSIONS");

    let disabled = system.with_role("disabled@example.com", "admin").await;
    let path = disabled.admin_path().await;
    for active in [false, true] {
        root.put(&path, json!({ "is_active": active })).await.expect(200);
        assert_eq!(disabled.get(USERS).await.refused(401), "SESSION_ENDED");
        assert_eq!(disabled.refresh(&disabled.refresh_token).await.status, 401);
    }
}

#[tokio::test]
async fn an_old_token_has_what_its_role_has_become() {
    let system = start().await;
    let (root, path) = (system.admin().await, format!("{ROLES}/developer"));
    let developer = system.with_role("developer@example.com", "developer").await;
    // With a token that names the role, and one of before.
    let fresh = developer.clone().signed_in("developer@example.com", PASSWORD).await;
    for client in [developer, fresh] {
        root.put(&path, json!({ "permissions": ["user:read"] })).await.expect(200);
        client.get(USERS).await.expect(200);
        assert_eq!(client.get(ROLES).await.refused(403), "INSUFFICIENT_PERMISSIONS");
        root.put(&path, json!({ "permissions": [] })).await.expect(200);
        assert_eq!(client.get(USERS).await.refused(403), "INSUFFICIENT_PERMISSIONS");
    }
}
