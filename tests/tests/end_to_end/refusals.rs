//! Who may do what: a row for every operation of the API. An operation without a row fails the test.

use reqwest::Method;
use serde_json::{Value, json};
use tests::{Client, PASSWORD, System, openapi, with_nobodys_parameters};

/// Whom an operation lets in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OpenTo {
    /// Everybody, with or without a token.
    All,
    /// Whoever holds a refresh token; an access token is none.
    RefreshTokens,
    /// Whoever is signed in, their address proven or not.
    SignedIn,
    /// Whose address is proven.
    Verified,
    /// Whom an administrator let in.
    Approved,
    /// These roles, and the super administrator.
    Roles(&'static [&'static str]),
}

use OpenTo::{All, Approved, RefreshTokens, Roles, SignedIn, Verified};

const WORK_WITH_USERS: OpenTo = Roles(&["manager", "moderator", "admin"]);

const OPERATIONS: &[(&str, &str, OpenTo)] = &[
    ("GET", "/", All),
    ("GET", "/.well-known/jwks.json", All),
    ("GET", "/api/users/me", SignedIn),
    ("GET", "/api/v1/admin/audit-logs", Roles(&["admin"])),
    ("GET", "/api/v1/admin/roles", Roles(&["admin"])),
    ("GET", "/api/v1/admin/roles/{name}", Roles(&["admin"])),
    ("GET", "/api/v1/admin/stats", Roles(&["admin"])),
    ("GET", "/api/v1/admin/users", WORK_WITH_USERS),
    ("GET", "/api/v1/admin/users/{user_id}", WORK_WITH_USERS),
    ("GET", "/api/v1/admin/users/{user_id}/sessions", Roles(&["admin"])),
    ("GET", "/api/v1/audit/export", Roles(&["auditor", "admin"])),
    ("GET", "/api/v1/audit/logs", Roles(&["auditor", "admin"])),
    ("GET", "/api/v1/audit/summary", Roles(&["auditor", "admin"])),
    ("GET", "/api/v1/audit/verify", Roles(&["auditor", "admin"])),
    ("GET", "/api/v1/auth/me", Verified),
    ("GET", "/api/v1/auth/sessions", Verified),
    ("GET", "/api/v1/bulk/operations/{operation_id}", Roles(&["admin"])),
    ("GET", "/api/v1/health", All),
    ("GET", "/api/v1/health/db", All),
    ("GET", "/api/v1/health/detailed", All),
    ("GET", "/api/v1/health/ready", All),
    ("GET", "/api/v1/health/system", All),
    ("GET", "/api/v1/profile/me", Verified),
    ("GET", "/api/v1/users", WORK_WITH_USERS),
    ("GET", "/api/v1/users/{user_id}", WORK_WITH_USERS),
    ("GET", "/api/v1/webhooks", Roles(&["admin"])),
    ("GET", "/api/v1/webhooks/{webhook_id}", Roles(&["admin"])),
    ("GET", "/api/v1/webhooks/{webhook_id}/deliveries", Roles(&["admin"])),
    ("PATCH", "/api/v1/users/{user_id}", WORK_WITH_USERS),
    ("PATCH", "/api/v1/webhooks/{webhook_id}", Roles(&["admin"])),
    ("POST", "/api/users/login", All),
    ("POST", "/api/users/register", All),
    ("POST", "/api/v1/admin/approve-user", Roles(&["admin"])),
    ("POST", "/api/v1/admin/roles", Roles(&["admin"])),
    ("POST", "/api/v1/admin/users", Roles(&["admin"])),
    ("POST", "/api/v1/admin/users/{user_id}/reject", Roles(&["admin"])),
    ("POST", "/api/v1/auth/change-password", Verified),
    ("POST", "/api/v1/auth/login", All),
    ("POST", "/api/v1/auth/password-reset", All),
    ("POST", "/api/v1/auth/refresh", RefreshTokens),
    ("POST", "/api/v1/auth/register", All),
    ("POST", "/api/v1/auth/resend-verification", All),
    ("POST", "/api/v1/auth/reset-password", All),
    ("POST", "/api/v1/auth/verify-email", All),
    ("POST", "/api/v1/webhooks", Roles(&["admin"])),
    ("POST", "/api/v1/webhooks/{webhook_id}/replay", Roles(&["admin"])),
    ("POST", "/api/v1/webhooks/{webhook_id}/rotate-secret", Roles(&["admin"])),
    ("POST", "/api/v1/webhooks/{webhook_id}/test", Roles(&["admin"])),
    ("PUT", "/api/v1/admin/roles/{name}", Roles(&["admin"])),
    ("POST", "/api/v1/gdpr/export/my-data", Verified),
    ("POST", "/api/v1/bulk/users/create", Roles(&["admin"])),
    ("POST", "/api/v1/bulk/users/validate", Roles(&["admin"])),
    ("PUT", "/api/v1/admin/users/{user_id}", WORK_WITH_USERS),
    ("PUT", "/api/v1/profile/me", Approved),
    ("DELETE", "/api/v1/admin/roles/{name}", Roles(&["admin"])),
    ("DELETE", "/api/v1/webhooks/{webhook_id}", Roles(&["admin"])),
    ("POST", "/api/v1/users", Roles(&["admin"])),
    ("PUT", "/api/v1/users/{user_id}", WORK_WITH_USERS),
    // The last ones: they end the target, and the sessions of whom they let in.
    ("DELETE", "/api/v1/auth/sessions/{session_id}", Verified),
    ("DELETE", "/api/v1/auth/sessions", Verified),
    ("DELETE", "/api/v1/admin/users/{user_id}/sessions/{session_id}", Roles(&["admin"])),
    ("DELETE", "/api/v1/admin/users/{user_id}/sessions", Roles(&["admin"])),
    ("DELETE", "/api/v1/admin/users/{user_id}", Roles(&["admin"])),
    ("DELETE", "/api/v1/users/{user_id}", Roles(&["admin"])),
    // Without a confirmation it lets in, and erases nobody.
    ("DELETE", "/api/v1/gdpr/delete/my-account", Verified),
    ("POST", "/api/v1/auth/logout", Verified),
];

/// Who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Caller {
    /// Without a token.
    Nobody,
    /// With a token that never was good, or is good no longer.
    Stranger,
    Unverified,
    Unapproved,
    Role(&'static str),
    /// With a role that administrators made, which lets in where this one does.
    LikeRole(&'static str),
}

use Caller::{LikeRole, Nobody, Role, Stranger, Unapproved, Unverified};

const ROLES: [&str; 6] = ["user", "manager", "moderator", "auditor", "admin", "super_admin"];
/// Roles that administrators made: their names, what they may do, and where that lets in as well.
const MADE_ROLES: [(&str, &[&str], &str); 3] =
    [("guest", &[], "user"), ("reader", &["audit:read"], "auditor"), ("deputy", &["admin:all"], "admin")];

/// Whether the caller gets in; if not, the status that says so.
fn verdict(open: OpenTo, path: &str, caller: Caller) -> Result<(), u16> {
    let known = !matches!(caller, Nobody | Stranger);
    let enters = match open {
        All => true,
        RefreshTokens => return Err(401),
        SignedIn => known,
        Verified => known && caller != Unverified,
        Approved => matches!(caller, Role(_) | LikeRole(_)),
        Roles(roles) => {
            matches!(caller, Role(role) | LikeRole(role) if role == "super_admin" || roles.contains(&role))
        }
    };
    match caller {
        _ if enters => Ok(()),
        Nobody if path == "/api/users/me" => Err(403),
        Nobody | Stranger => Err(401),
        _ => Err(403),
    }
}

/// One of each, with a token of theirs.
async fn callers(system: &System) -> Vec<(Caller, Client)> {
    let nobody = system.anybody();
    let expired = system.admin().await;
    system.advance(3600).await;
    let logged_out = system.admin().await;
    logged_out.post("/api/v1/auth/logout", json!({})).await.expect(200);
    let genuine = system.admin().await;
    let (unsigned, _) = genuine.token().rsplit_once('.').unwrap();
    let forged = format!("{unsigned}.{}", "A".repeat(86));
    system.register("unverified@example.com").await;
    let login = json!({ "email": "unverified@example.com", "password": PASSWORD });
    let unverified = nobody.post("/api/users/login", login).await.expect(200);
    let switched_off = system.with_role("switched-off@example.com", "admin").await;
    genuine.put(&switched_off.admin_path().await, json!({ "is_active": false })).await.expect(200);
    let deleted = system.with_role("deleted@example.com", "admin").await;
    genuine.delete(&deleted.admin_path().await).await.expect(200);
    let mut callers = vec![
        (Stranger, nobody.with_token(Some(&forged))),
        (Stranger, nobody.with_token(Some("forged"))),
        (Stranger, expired),
        (Stranger, logged_out),
        (Stranger, switched_off),
        (Stranger, deleted),
        (Unverified, nobody.with_token(unverified["data"]["token"].as_str())),
        (Unapproved, system.verified("unapproved@example.com").await.0),
        (Nobody, nobody),
    ];
    for role in ROLES {
        callers.push((Role(role), system.with_role(&format!("{role}@example.com"), role).await));
    }
    for (name, permissions, like) in MADE_ROLES {
        let role = json!({ "name": name, "permissions": permissions });
        genuine.post("/api/v1/admin/roles", role).await.expect(201);
        callers.push((LikeRole(like), system.with_role(&format!("{name}@example.com"), name).await));
    }
    callers
}

#[test]
fn every_operation_has_a_row() {
    let document = openapi();
    let mut described = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        described
            .extend(item.as_object().unwrap().keys().map(|method| (method.to_uppercase(), path.clone())));
    }
    let mut rows: Vec<_> =
        OPERATIONS.iter().map(|(method, path, _)| ((*method).to_owned(), (*path).to_owned())).collect();
    described.sort();
    rows.sort();
    assert_eq!(described, rows);
}

#[tokio::test]
async fn every_operation_lets_in_whom_its_row_says_and_nobody_else() {
    let system = System::start().await;
    let other = system.verified("other@example.com").await.1;
    let callers = callers(&system).await;
    for (method, path, open) in OPERATIONS {
        let target = with_nobodys_parameters(&path.replace("{user_id}", &other));
        let body = (*method != "GET").then(|| json!({}));
        for (caller, client) in &callers {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let answer = client.send(method.clone(), &target, body.clone()).await;
            let refused = [401, 403].contains(&answer.status).then_some(answer.status);
            let expected = verdict(*open, path, *caller).err();
            assert_eq!(refused, expected, "{method} {path} by {caller:?}: {}", answer.text);
            assert!(answer.status < 500, "{method} {path} by {caller:?}: {}", answer.text);
        }
    }
}

#[tokio::test]
async fn nobody_gives_a_role_that_is_not_below_their_own() {
    let system = System::start().await;
    let path = system.user("ada@example.com").await.admin_path().await;
    let refused = [
        ("manager", ["manager", "moderator", "auditor", "admin", "super_admin"].as_slice()),
        ("moderator", &["manager", "moderator", "auditor", "admin", "super_admin"]),
        ("admin", &["admin", "super_admin"]),
    ];
    for (actor, roles) in refused {
        let actor = system.with_role(&format!("{actor}@example.com"), actor).await;
        for role in roles {
            let answer = actor.put(&path, json!({ "role": role })).await;
            assert_eq!(answer.refused(403), "INSUFFICIENT_PERMISSIONS");
        }
    }
    assert_eq!(system.admin().await.get(&path).await.expect(200)["role"], "user");
}

#[tokio::test]
async fn nobody_acts_on_an_account_that_does_not_rank_below_their_own() {
    let system = System::start().await;
    let mut paths = Vec::new();
    let mut clients = Vec::new();
    for role in ["manager", "admin", "super_admin"] {
        let client = system.with_role(&format!("{role}@example.com"), role).await;
        paths.push(client.admin_path().await);
        clients.push(client);
    }
    let peer = system.with_role("peer@example.com", "auditor").await.admin_path().await;
    let [manager, admin, super_admin] = clients.as_slice() else { unreachable!() };
    for (actor, path) in [(manager, &peer), (manager, &paths[1]), (manager, &paths[2]), (admin, &paths[2])] {
        for change in
            [json!({ "first_name": "Eve" }), json!({ "role": "user" }), json!({ "is_active": false })]
        {
            assert_eq!(actor.put(path, change).await.refused(403), "INSUFFICIENT_PERMISSIONS");
        }
    }
    super_admin.put(&paths[1], json!({ "first_name": "Eve" })).await.expect(200);
}

#[tokio::test]
async fn nobody_changes_their_own_role_state_or_approval() {
    let system = System::start().await;
    for role in ["manager", "admin", "super_admin"] {
        let client = system.with_role(&format!("{role}@example.com"), role).await;
        let path = client.admin_path().await;
        for change in
            [json!({ "role": "user" }), json!({ "role": "super_admin" }), json!({ "is_active": false })]
        {
            assert_eq!(client.put(&path, change).await.refused(403), "OWN_ACCOUNT");
        }
    }
}

#[tokio::test]
async fn what_a_caller_may_not_set_has_no_effect() {
    let system = System::start().await;
    let user = system.user("ada@example.com").await;
    let path = user.admin_path().await;
    let before = system.admin().await.get(&path).await.expect(200);
    let wishes = json!({
        "first_name": "Ada", "role": "super_admin", "is_verified": false, "is_active": false, "tenant": "other",
        "user_id": "usr_00000000000000000000000000000000", "pending_email": "eve@example.com", "generation": 9,
        "approval": null, "__proto__": { "role": "admin" }, "Role": "admin",
    });
    user.put("/api/v1/profile/me", wishes).await.expect(200);
    let after = system.admin().await.get(&path).await.expect(200);
    for field in ["user_id", "email", "role", "is_active", "is_verified", "is_approved"] {
        assert_eq!(after[field], before[field], "{field}");
    }
}

/// What there is to name in a path: an account of somebody who is signed in, their session, and what the first
/// administrator made.
struct Things {
    user: String,
    session: String,
    webhook: String,
    operation: String,
    somebody: Client,
}

const SHARED_ROLE: &str = "developer";

impl Things {
    async fn make(system: &System) -> Self {
        let admin = system.admin().await;
        let (somebody, user) = system.verified("other@example.com").await;
        let sessions = somebody.get("/api/v1/auth/sessions").await.expect(200);
        let hook = json!({ "url": "https://hooks.example.com/", "events": ["bulk.*"] });
        let hook = admin.post("/api/v1/webhooks", hook).await.expect(201);
        let role = json!({ "name": SHARED_ROLE, "permissions": [] });
        admin.post("/api/v1/admin/roles", role).await.expect(201);
        let rows = "nonsense\n".repeat(1_001);
        let rows =
            admin.post_file("/api/v1/bulk/users/create", "application/x-ndjson", rows).await.expect(202);
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        Self {
            user,
            session: text(&sessions["items"][0]["session_id"]),
            webhook: text(&hook["id"]),
            operation: text(&rows["operation_id"]),
            somebody,
        }
    }

    /// The path with these in the place of its parameters.
    fn named_in(&self, path: &str) -> String {
        let path = path.replace("{user_id}", &self.user).replace("{session_id}", &self.session);
        let path = path.replace("{webhook_id}", &self.webhook).replace("{operation_id}", &self.operation);
        path.replace("{name}", SHARED_ROLE)
    }
}

/// How it is told that what the first parameter of a path names is not there.
fn not_there(path: &str) -> Option<&'static str> {
    let first = path.split('/').find(|part| part.starts_with('{'))?;
    Some(match first {
        "{user_id}" => "USER_NOT_FOUND",
        "{session_id}" => "SESSION_NOT_FOUND",
        "{webhook_id}" => "WEBHOOK_NOT_FOUND",
        "{operation_id}" => "OPERATION_NOT_FOUND",
        "{name}" => "ROLE_NOT_FOUND",
        other => unreachable!("{other}: what refuses it?"),
    })
}

#[tokio::test]
async fn what_another_tenant_has_is_not_there_for_an_administrator() {
    let system = System::start().await;
    let things = Things::make(&system).await;
    let admin = system.with_role("admin@example.com", "admin").await;
    let uuid = things.user.trim_start_matches("usr_");
    // As if they had been made there: no endpoint does that.
    for item in system.table().await {
        let is_theirs = item["PK"].as_str().unwrap().replace('-', "").ends_with(uuid) && item["SK"] == "USER";
        if !is_theirs && !["endpoint", "role", "bulk_operation"].iter().any(|it| item["entity"] == *it) {
            continue;
        }
        let moved = item.to_string().replace("#default", "#other").replace("\"default\"", "\"other\"");
        assert_ne!(moved, item.to_string());
        system.delete_item(&item).await;
        system.put_item(&serde_json::from_str(&moved).unwrap()).await;
    }
    for (method, path, _) in OPERATIONS {
        let Some(code) = not_there(path) else { continue };
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let body = (method != Method::GET).then(|| json!({}));
        let answer = admin.send(method.clone(), &things.named_in(path), body).await;
        assert_eq!(answer.refused(404), code, "{method} {path}");
    }
    let approval = admin.post("/api/v1/admin/approve-user", json!({ "user_id": things.user })).await;
    assert_eq!(approval.refused(404), "USER_NOT_FOUND");
    for list in ["users", "roles"] {
        let listed = admin.get(&format!("/api/v1/admin/{list}")).await;
        listed.expect(200);
        assert!(!listed.text.contains(uuid) && !listed.text.contains(SHARED_ROLE), "{}", listed.text);
    }
    assert_eq!(admin.get("/api/v1/webhooks").await.expect(200)["total"], json!(0));
}

#[tokio::test]
async fn what_is_anothers_is_not_there_for_whoever_may_reach_their_own() {
    let system = System::start().await;
    let things = Things::make(&system).await;
    let admin = system.admin().await;
    let recruiter = json!({ "name": "recruiter", "permissions": ["user:create"] });
    admin.post("/api/v1/admin/roles", recruiter).await.expect(201);
    let bystander = system.user("bystander@example.com").await.admin_path().await;
    for (role, method, path, code) in [
        ("user", "DELETE", "/api/v1/auth/sessions/{session_id}", "SESSION_NOT_FOUND"),
        ("super_admin", "DELETE", "/api/v1/auth/sessions/{session_id}", "SESSION_NOT_FOUND"),
        ("super_admin", "DELETE", &format!("{bystander}/sessions/{{session_id}}"), "SESSION_NOT_FOUND"),
        ("recruiter", "GET", "/api/v1/bulk/operations/{operation_id}", "OPERATION_NOT_FOUND"),
    ] {
        let caller = system.with_role(&format!("{role}{}@example.com", path.len()), role).await;
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let answer = caller.send(method, &things.named_in(path), None).await;
        assert_eq!(answer.refused(404), code, "{path} by {role}");
    }
    things.somebody.get("/api/v1/auth/me").await.expect(200);
}
