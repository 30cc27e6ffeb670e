//! `/api/v1/admin/roles`: roles that administrators make, and whom they may give them to.

use futures::future::{join, join_all};
use reqwest::Method;
use serde_json::{Value, json};
use tests::{Answer, Client, PASSWORD, System};

const ROLES: &str = "/api/v1/admin/roles";
const DEVELOPER: &str = "/api/v1/admin/roles/developer";

async fn make(client: &Client, name: &str, permissions: &[&str]) -> Answer {
    client.post(ROLES, json!({ "name": name, "permissions": permissions })).await
}

async fn remove(client: &Client, path: &str) -> Answer {
    client.send(Method::DELETE, path, None).await
}

async fn names(client: &Client) -> Vec<String> {
    let list = client.get(ROLES).await.expect(200);
    list.as_array().unwrap().iter().map(|role| role["name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_role_is_made_read_changed_and_removed() {
    let system = System::start().await;
    let admin = system.admin().await;
    let form = json!({
        "name": "developer", "display_name": " Developer ", "description": "Builds and deploys",
        "permissions": ["user:read", "projects:deploy", "user:read"],
    });
    let made = admin.post(ROLES, form).await.expect(201);
    assert_eq!([&made["display_name"], &made["description"]], ["Developer", "Builds and deploys"]);
    assert_eq!(made["permissions"], json!(["projects:deploy", "user:read"]), "sorted, each once");
    assert_eq!(admin.get(DEVELOPER).await.expect(200), made);

    system.advance(60).await;
    let changed = admin.put(DEVELOPER, json!({ "permissions": ["user:read"] })).await.expect(200);
    assert_eq!(admin.get(DEVELOPER).await.expect(200), changed);
    assert_eq!(
        (&changed["display_name"], &changed["permissions"]),
        (&made["display_name"], &json!(["user:read"]))
    );
    assert_ne!(changed["updated_at"], made["updated_at"]);

    assert_eq!(remove(&admin, DEVELOPER).await.expect(200)["name"], "developer");
    for answer in [admin.get(DEVELOPER).await, remove(&admin, DEVELOPER).await] {
        assert_eq!(answer.refused(404), "ROLE_NOT_FOUND");
    }
    for (event, before, after) in [
        ("admin.role_created", Value::Null, json!(["projects:deploy", "user:read"])),
        ("admin.role_updated", json!(["projects:deploy", "user:read"]), json!(["user:read"])),
        ("admin.role_deleted", Value::Null, json!(["user:read"])),
    ] {
        let told = &system.events(event).await[0]["data"];
        let expected = (&json!("developer"), &before, &after);
        assert_eq!((&told["role"], &told["permissions_before"], &told["permissions"]), expected, "{event}");
    }
}

#[tokio::test]
async fn roles_come_in_pages_where_a_limit_is_given_and_else_all_at_once() {
    let system = System::start().await;
    let admin = system.admin().await;
    for name in ["tester", "developer", "senior_developer"] {
        make(&admin, name, &[]).await.expect(201);
    }
    let names = |page: &Answer| -> Vec<String> {
        let list = page.expect(200);
        list.as_array().unwrap().iter().map(|role| role["name"].as_str().unwrap().to_owned()).collect()
    };
    let whole = admin.get(ROLES).await;
    assert_eq!((names(&whole).len(), whole.header("x-next-cursor")), (9, ""));
    assert_eq!(names(&admin.get(&format!("{ROLES}?page=2")).await), [""; 0]);
    let (mut numbered, mut linked, mut cursor) = (Vec::new(), Vec::new(), String::new());
    for number in 1..=3 {
        numbered.extend(names(&admin.get(&format!("{ROLES}?limit=4&page={number}")).await));
        let page = admin.get(&format!("{ROLES}?limit=4{cursor}")).await;
        assert_eq!(
            (page.header("x-total-count"), page.header("x-next-cursor").is_empty()),
            ("9", number == 3)
        );
        linked.extend(names(&page));
        cursor = format!("&cursor={}", page.header("x-next-cursor"));
    }
    assert_eq!((&numbered, &linked), (&names(&whole), &names(&whole)));
    for (name, value) in [("page", "0"), ("limit", "1000"), ("per_page", "x"), ("cursor", "x")] {
        assert_eq!(admin.get(&format!("{ROLES}?{name}={value}")).await.invalid(), [name]);
    }
}

#[tokio::test]
async fn the_list_shows_built_in_roles_by_rank_and_then_the_others_by_name() {
    let system = System::start().await;
    let admin = system.admin().await;
    for name in ["tester", "developer", "senior_developer"] {
        make(&admin, name, &[]).await.expect(201);
    }
    let built_in = ["super_admin", "admin", "manager", "moderator", "auditor", "user"];
    let own = ["developer", "senior_developer", "tester"];
    assert_eq!(names(&admin).await, [&built_in[..], &own].concat());
    assert_eq!(admin.get(ROLES).await.header("x-total-count"), "9");
    let (own, built_in) = (admin.get(DEVELOPER).await.json(), admin.get(&format!("{ROLES}/manager")).await);
    let example = json!({
        "name": "manager",
        "display_name": "Manager",
        "description": "Limited management access",
        "permissions": ["user:read", "user:update", "reports:read"],
    });
    let built_in = built_in.like(200, &example);
    assert_eq!([&built_in["is_built_in"], &own["is_built_in"]], [true, false]);
    assert_eq!([&own["display_name"], &own["description"]], ["developer", ""], "the defaults");
}

#[tokio::test]
async fn a_name_is_taken_once() {
    let system = System::start().await;
    let admin = system.admin().await;
    let answers = join_all((0..8).map(|_| make(&admin, "developer", &["user:read"]))).await;
    let (made, taken): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 201);
    assert_eq!(made.len(), 1);
    assert!(taken.iter().all(|answer| answer.refused(409) == "ROLE_EXISTS"));
    assert_eq!(system.events("admin.role_created").await.len(), 1);
}

#[tokio::test]
async fn a_built_in_role_is_not_made_changed_or_removed() {
    let system = System::start().await;
    let admin = system.admin().await;
    for name in ["super_admin", "admin", "manager", "moderator", "auditor", "user", "normal", "superuser"] {
        assert_eq!(make(&admin, name, &[]).await.refused(409), "ROLE_EXISTS");
        let path = format!("{ROLES}/{name}");
        assert_eq!(admin.put(&path, json!({ "permissions": [] })).await.refused(403), "BUILT_IN_ROLE");
        assert_eq!(remove(&admin, &path).await.refused(403), "BUILT_IN_ROLE");
    }
}

#[tokio::test]
async fn everything_wrong_with_a_role_is_told_at_once() {
    let system = System::start().await;
    let admin = system.admin().await;
    let wrong = json!({
        "name": "9 lives", "display_name": "a\nb", "description": "a".repeat(201), "permissions": ["all"],
    });
    let fields = ["name", "display_name", "description", "permissions"];
    assert_eq!(admin.post(ROLES, wrong.clone()).await.invalid(), fields);
    make(&admin, "developer", &[]).await.expect(201);
    assert_eq!(admin.put(DEVELOPER, wrong).await.invalid(), fields[1..]);
    assert_eq!(
        admin.put(DEVELOPER, json!({ "permissions": "user:read" })).await.refused(422),
        "INVALID_REQUEST"
    );
}

#[tokio::test]
async fn a_tenant_has_a_hundred_roles_and_no_more() {
    let system = System::start().await;
    let admin = system.admin().await;
    for number in 0..100 {
        make(&admin, &format!("role_{number}"), &[]).await.expect(201);
    }
    assert_eq!(make(&admin, "developer", &[]).await.refused(409), "TOO_MANY_ROLES");
    assert_eq!(make(&admin, "role_7", &[]).await.refused(409), "ROLE_EXISTS");
    remove(&admin, &format!("{ROLES}/role_7")).await.expect(200);
    make(&admin, "developer", &[]).await.expect(201);
    assert_eq!(names(&admin).await.len(), 106);
}

#[tokio::test]
async fn a_role_that_an_account_has_is_not_removed() {
    let system = System::start().await;
    let admin = system.admin().await;
    make(&admin, "developer", &["user:read"]).await.expect(201);
    let path = system.with_role("ada@example.com", "developer").await.admin_path().await;
    system.drain().await;
    assert_eq!(remove(&admin, DEVELOPER).await.refused(409), "ROLE_IN_USE");
    admin.put(&path, json!({ "role": "user" })).await.expect(200);
    system.drain().await;
    remove(&admin, DEVELOPER).await.expect(200);
}

#[tokio::test]
async fn a_role_that_is_not_there_is_neither_given_nor_listed() {
    let system = System::start().await;
    let admin = system.admin().await;
    let path = system.user("ada@example.com").await.admin_path().await;
    let form = json!({
        "email": "eve@example.com", "password": tests::PASSWORD, "first_name": "Eve", "last_name": "Smith",
        "role": "developer",
    });
    assert_eq!(admin.put(&path, json!({ "role": "developer" })).await.invalid(), ["role"]);
    assert_eq!(admin.post("/api/v1/admin/users", form.clone()).await.invalid(), ["role"]);
    assert_eq!(admin.get("/api/v1/admin/users?role=developer").await.invalid(), ["role"]);

    make(&admin, "developer", &["user:read"]).await.expect(201);
    admin.put(&path, json!({ "role": "developer" })).await.expect(200);
    admin.post("/api/v1/admin/users", form).await.expect(201);
    let listed = admin.get("/api/v1/admin/users?role=developer").await.expect(200);
    assert_eq!(listed.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn who_gets_a_role_while_it_is_removed_may_do_nothing() {
    let system = System::start().await;
    let (admin, ada) = (system.admin().await, system.user("ada@example.com").await);
    let path = ada.admin_path().await;
    for _ in 0..3 {
        make(&admin, "developer", &["user:read"]).await.expect(201);
        system.drain().await;
        let give = admin.put(&path, json!({ "role": "developer" }));
        let (given, removed) = join(give, remove(&admin, DEVELOPER)).await;
        match (given.status, removed.status) {
            (200, 200) => {}
            (200, _) => assert_eq!(removed.refused(409), "ROLE_IN_USE"),
            (status, _) => assert!([400, 409].contains(&status), "{}", given.text),
        }
        system.drain().await;
        admin.put(&path, json!({ "role": "user" })).await.expect(200);
        system.drain().await;
        remove(&admin, DEVELOPER).await;
    }
    // The counters tell that somebody has the role a moment after it is removed.
    make(&admin, "developer", &["user:read"]).await.expect(201);
    system.settle().await;
    system.order_stream("stream-audit", json!({ "paused": true })).await;
    admin.put(&path, json!({ "role": "developer" })).await.expect(200);
    remove(&admin, DEVELOPER).await.expect(200);
    system.order_stream("stream-audit", json!({ "paused": false })).await;
    system.drain().await;
    ada.get("/api/v1/profile/me").await.expect(200);
    assert_eq!(ada.get("/api/v1/admin/users").await.refused(403), "INSUFFICIENT_PERMISSIONS");
    assert_eq!(make(&admin, "developer", &["user:read"]).await.refused(409), "ROLE_IN_USE");
}

#[tokio::test]
async fn every_function_knows_who_has_a_role_that_administrators_made() {
    let system = System::start().await;
    let admin = system.admin().await;
    make(&admin, "developer", &["projects:deploy"]).await.expect(201);
    // This one's token says another role than they have by then.
    let before = system.user("ada@example.com").await;
    admin.put(&before.admin_path().await, json!({ "role": "developer" })).await.expect(200);
    let after = system.anybody().signed_in("ada@example.com", PASSWORD).await;
    for person in [before, after] {
        for (path, status) in [
            ("/api/users/me", 200),
            ("/api/v1/auth/me", 200),
            ("/api/v1/health/detailed", 200),
            ("/api/v1/profile/me", 200),
            ("/api/v1/admin/users", 403),
            ("/api/v1/audit/logs", 403),
            ("/api/v1/bulk/operations/1", 403),
            ("/api/v1/users", 403),
            ("/api/v1/webhooks", 403),
        ] {
            person.get(path).await.expect(status);
        }
        person.post("/api/v1/gdpr/export/my-data", json!({})).await.expect(200);
    }
}

#[tokio::test]
async fn a_role_is_counted_and_told_whatever_its_name() {
    let system = System::start().await;
    let admin = system.admin().await;
    make(&admin, "user_active", &[]).await.expect(201);
    let path = system.user("ada@example.com").await.admin_path().await;
    admin.put(&path, json!({ "role": "user_active" })).await.expect(200);
    system.drain().await;
    let stats = admin.get("/api/v1/admin/stats").await.expect(200);
    assert_eq!([&stats["users_by_role"]["user_active"], &stats["users_by_role"]["user"]], [1, 0]);
    let trail = system.items("audit").await;
    assert_eq!(trail.iter().filter(|record| record["type"] == "admin.user_updated").count(), 1);
    assert!(system.dead_letters().await.is_empty());
}

#[tokio::test]
async fn each_change_of_a_role_starts_from_where_another_one_ended() {
    let system = System::start().await;
    let admin = system.admin().await;
    make(&admin, "developer", &[]).await.expect(201);
    let change =
        |number: usize| admin.put(DEVELOPER, json!({ "permissions": [format!("user:read{number}")] }));
    let answers = join_all((0..6).map(change)).await;
    let changed = answers.iter().filter(|answer| answer.status == 200).count();
    assert!(answers.iter().all(|answer| answer.status == 200 || answer.refused(409) == "CHANGED_MEANWHILE"));
    let events = system.events("admin.role_updated").await;
    let mut before: Vec<_> =
        events.iter().map(|event| event["data"]["permissions_before"].to_string()).collect();
    before.sort();
    before.dedup();
    assert_eq!((before.len(), events.len()), (changed, changed), "no change is lost");
}

#[tokio::test]
async fn nobody_makes_changes_gives_or_removes_a_role_that_may_do_what_they_may_not() {
    let system = System::start().await;
    let root = system.admin().await;
    let admin = system.with_role("admin@example.com", "admin").await;
    let path = system.user("ada@example.com").await.admin_path().await;
    let covered = ["admin:all", "admin:*", "user:*", "audit:read", "bulk:create", "profile:update"];
    make(&admin, "helper", &covered).await.expect(201);
    for foreign in ["projects:deploy", "reports:read", "logs:*", "profile:*"] {
        let refused = make(&admin, "developer", &["user:read", foreign]).await;
        assert_eq!(refused.refused(403), "INSUFFICIENT_PERMISSIONS", "{foreign}");
        let wider = admin.put(&format!("{ROLES}/helper"), json!({ "permissions": [foreign] })).await;
        assert_eq!(wider.refused(403), "INSUFFICIENT_PERMISSIONS", "{foreign}");

        make(&root, "developer", &[foreign]).await.expect(201);
        let form = json!({
            "email": "eve@example.com", "password": tests::PASSWORD, "first_name": "Eve", "last_name": "Smith",
            "role": "developer",
        });
        for refused in [
            admin.put(DEVELOPER, json!({ "permissions": [] })).await,
            remove(&admin, DEVELOPER).await,
            admin.put(&path, json!({ "role": "developer" })).await,
            admin.post("/api/v1/admin/users", form).await,
        ] {
            assert_eq!(refused.refused(403), "INSUFFICIENT_PERMISSIONS", "{foreign}");
        }
        remove(&root, DEVELOPER).await.expect(200);
    }
}
