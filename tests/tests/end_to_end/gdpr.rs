//! `/api/v1/gdpr`: a person takes their data with them, whole and without a secret; a person is forgotten, and
//! nothing brings them back.

use futures::future::join;
use reqwest::Method;
use serde_json::{Value, json};
use tests::{Answer, Client, NEW_PASSWORD, PASSWORD, System, registration};

pub(super) const EXPORT: &str = "/api/v1/gdpr/export/my-data";
const ERASE: &str = "/api/v1/gdpr/delete/my-account";
/// Texts that nobody else has.
pub(super) const EMAIL: &str = "zyxwvut@example.com";
pub(super) const FIRST_NAME: &str = "Quorbelin";
pub(super) const LAST_NAME: &str = "Vashtimor";
const USER_AGENT: &str = "Plinkomatic/7";

pub(super) async fn erase(client: &Client) -> Answer {
    let body = json!({ "confirmation": "DELETE MY ACCOUNT", "reason": "No longer need the service" });
    client.send(Method::DELETE, ERASE, Some(body)).await
}

/// Somebody with marks on all that is theirs, who did a bit of everything; and every token that they were given.
pub(super) async fn marked(system: &System) -> (Client, Vec<String>) {
    let mut person = system.anybody().calling_itself(USER_AGENT);
    let form = json!({
        "email": EMAIL, "password": PASSWORD, "confirm_password": PASSWORD, "first_name": FIRST_NAME,
        "last_name": LAST_NAME,
    });
    let registered = person.post("/api/v1/auth/register", form).await.expect(201);
    person.post("/api/v1/auth/resend-verification", json!({ "email": EMAIL })).await.expect(200);
    let verification = system.mailed_token(EMAIL, "ver_").await;
    person.post("/api/v1/auth/verify-email", json!({ "token": verification })).await.expect(200);
    let id = registered["user_id"].as_str().unwrap();
    let admin = system.admin().await;
    admin.post("/api/v1/admin/approve-user", json!({ "user_id": id })).await.expect(200);
    person.login(EMAIL, NEW_PASSWORD).await.refused(401);
    person.login(EMAIL, PASSWORD).await.expect(200);
    person = person.signed_in(EMAIL, PASSWORD).await;
    person.put("/api/v1/profile/me", json!({ "first_name": format!("{FIRST_NAME}a") })).await.expect(200);
    person.take_tokens(&person.refresh(&person.refresh_token).await.expect(200));
    person.post("/api/v1/auth/password-reset", json!({ "email": EMAIL })).await.expect(200);
    let reset = system.mailed_token(EMAIL, "rst_").await;
    (person.clone(), vec![person.token().to_owned(), person.refresh_token.clone(), verification, reset])
}

/// The items of the table and of its queues in which something of the marked person can be read.
pub(super) async fn traces(system: &System, address: &str) -> Vec<String> {
    let mut items = system.table().await;
    for queue in ["queues", "dead-letters"] {
        let messages = system.anybody().get(&format!("/_local/{queue}")).await.expect(200);
        items.extend(messages.as_array().cloned().unwrap_or_default());
    }
    those_that_tell(&items, address)
}

/// Those of `items` in which something of the marked person can be read.
pub(super) fn those_that_tell(items: &[Value], address: &str) -> Vec<String> {
    let marks = [EMAIL, FIRST_NAME, LAST_NAME, USER_AGENT].map(str::to_lowercase);
    let tells = |text: &String| {
        let text = text.to_lowercase();
        marks.iter().any(|mark| text.contains(mark)) || text.contains(&format!("\"{address}\""))
    };
    items.iter().map(Value::to_string).filter(tells).collect()
}

fn of_type<'a>(items: &'a [Value], entity: &str, id: &Value) -> Vec<&'a Value> {
    let uuid = id.as_str().unwrap().trim_start_matches("usr_");
    let theirs = |item: &&Value| item.to_string().replace('-', "").contains(uuid);
    items.iter().filter(|item| item["entity"] == entity).filter(theirs).collect()
}

async fn own_id(client: &Client) -> Value {
    client.get("/api/v1/auth/me").await.expect(200)["user_id"].clone()
}

#[tokio::test]
async fn data_is_exported_as_documented() {
    let system = System::start().await;
    let person = system.user("user@example.com").await;
    system.drain().await;
    let request = json!({ "format": "json", "include_audit_logs": true, "include_metadata": true });
    let answer = person.post(EXPORT, request).await;
    let example = json!({
        "metadata": {
            "export_id": "exp_abc123",
            "user_id": "usr_xyz789",
            "export_date": "2024-01-15T14:00:00Z",
            "format": "json",
            "record_count": 42,
            "categories": ["profile", "activity", "audit"],
        },
        "personal_data": {
            "user_profile": {
                "user_id": "usr_xyz789",
                "email": "user@example.com",
                "first_name": "John",
                "last_name": "Doe",
                "created_at": "2024-01-15T10:30:00Z",
            },
            "account_settings": { "preferences": {}, "notifications": {} },
            "activity_logs": [],
        },
    });
    let export = answer.like(200, &example);
    assert_eq!(answer.header("content-type"), "application/json");
    let day = &export["metadata"]["export_date"].as_str().unwrap()[..10];
    let disposition = format!("attachment; filename=\"personal-data-{day}.json\"");
    assert_eq!(answer.header("content-disposition"), disposition);
    assert!(export["metadata"]["export_id"].as_str().unwrap().starts_with("exp_"));
    assert_eq!(
        system.events("user.data_exported").await[0]["data"]["export_id"],
        export["metadata"]["export_id"]
    );
}

#[tokio::test]
async fn an_export_holds_profile_sessions_and_history_with_ones_own_devices() {
    let system = System::start().await;
    let person = marked(&system).await.0;
    system.drain().await;
    let export = person.post(EXPORT, json!({})).await.expect(200);
    let (file, data) = (&export["metadata"], &export["personal_data"]);
    let (logs, sessions) = (data["activity_logs"].as_array().unwrap(), data["sessions"].as_array().unwrap());
    assert_eq!([&data["user_profile"]["email"], &data["user_profile"]["last_name"]], [EMAIL, LAST_NAME]);
    assert_eq!((sessions.len(), &sessions[0]["user_agent"]), (2, &json!(USER_AGENT)));
    assert_eq!((&file["record_count"], &file["complete"]), (&json!(1 + 2 + logs.len()), &json!(true)));
    let actions: Vec<_> = logs.iter().map(|log| log["action"].as_str().unwrap()).collect();
    let expected = [
        "security.password_reset",
        "user.profile_updated",
        "user.login",
        "user.login",
        "security.failed_login",
    ];
    assert_eq!(actions[..5], expected, "newest first");
    for log in logs {
        let by_administrator =
            ["user.approved", "admin.user_approved"].contains(&log["action"].as_str().unwrap());
        let device =
            if by_administrator { [&Value::Null; 2] } else { [&json!(person.address), &json!(USER_AGENT)] };
        assert_eq!([&log["ip_address"], &log["user_agent"]], device, "{log}");
    }
}

#[tokio::test]
async fn an_export_holds_what_one_did_to_others_too() {
    let system = System::start().await;
    let other = system.user("other@example.com").await;
    let (admin, other) = (system.admin().await, own_id(&other).await);
    system.drain().await;
    let logs = admin.post(EXPORT, json!({})).await.expect(200)["personal_data"]["activity_logs"].clone();
    let approvals = logs.as_array().unwrap().iter().filter(|log| log["action"] == "admin.user_approved");
    let approvals: Vec<_> = approvals.collect();
    assert_eq!((approvals.len(), &approvals[0]["by_you"]), (1, &json!(true)));
    assert!(approvals[0]["ip_address"].is_string(), "by {other}: {approvals:?}");
}

#[tokio::test]
async fn an_export_holds_no_secret() {
    let system = System::start().await;
    let (person, tokens) = marked(&system).await;
    let id = own_id(&person).await;
    let table = system.table().await;
    let user = &of_type(&table, "user", &id)[0]["privacy_key"];
    let mut secrets = vec![user.as_str().unwrap().to_owned(), "$argon2".to_owned()];
    for session in of_type(&table, "session", &id) {
        for field in ["refresh_id", "spent_id"] {
            secrets.extend(session[field].as_str().map(str::to_owned));
        }
    }
    assert!(secrets.len() > 4, "{secrets:?}");
    for format in ["json", "csv"] {
        let text = person.post(EXPORT, json!({ "format": format })).await.text;
        for secret in secrets.iter().chain(&tokens) {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
}

#[tokio::test]
async fn an_export_holds_no_more_than_was_asked_for() {
    let system = System::start().await;
    let person = system.verified("ada@example.com").await.0;
    system.drain().await;
    let request = json!({ "include_audit_logs": false, "include_metadata": false });
    let export = person.post(EXPORT, request).await.expect(200);
    assert_eq!(export["metadata"]["categories"], json!(["profile", "sessions"]));
    assert_eq!(export["personal_data"]["activity_logs"], json!([]));
    assert!(export["personal_data"]["user_profile"]["metadata"].is_null());
    assert_eq!(person.post(EXPORT, json!({ "format": "xml" })).await.invalid(), ["format"]);
}

#[tokio::test]
async fn a_table_opens_as_one_and_runs_nothing() {
    let system = System::start().await;
    let person = system.anybody();
    let form = json!({ "name": "=1+1 @SUM(A1)", "email": EMAIL, "password": PASSWORD });
    person.post("/api/users/register", form).await.expect(201);
    let token = json!({ "token": system.mailed_token(EMAIL, "ver_").await });
    person.post("/api/v1/auth/verify-email", token).await.expect(200);
    let person = person.signed_in(EMAIL, PASSWORD).await;
    system.drain().await;
    let answer = person.post(EXPORT, json!({ "format": "csv" })).await;
    assert_eq!(answer.header("content-type"), "text/csv; charset=utf-8; header=present");
    assert!(answer.header("content-disposition").ends_with(".csv\""));
    let mut table = csv::Reader::from_reader(answer.text.as_bytes());
    assert_eq!(table.headers().unwrap(), vec!["category", "record", "field", "value"]);
    let rows: Vec<Vec<String>> =
        table.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect();
    for (field, value) in [("first_name", "'=1+1"), ("last_name", "'@SUM(A1)"), ("email", EMAIL)] {
        assert!(rows.contains(&["user_profile", "", field, value].map(str::to_owned).to_vec()), "{rows:?}");
    }
    let login = ["activity_logs", "1", "action", "user.login"].map(str::to_owned).to_vec();
    assert!(rows.contains(&login), "{rows:?}");
    assert!(rows.iter().flatten().all(|cell| !cell.starts_with(['=', '+', '-', '@'])));
}

#[tokio::test]
async fn an_account_is_erased_as_documented() {
    let system = System::start().await;
    let person = system.user("user@example.com").await;
    let id = own_id(&person).await;
    let example = json!({
        "deletion_id": "del_abc123",
        "user_id": "usr_xyz789",
        "deletion_date": "2024-01-15T14:30:00Z",
        "records_deleted": 42,
        "categories_deleted": ["profile", "activity", "audit"],
        "anonymization_applied": true,
    });
    let erased = erase(&person).await.like(200, &example);
    // The user, their credential and their session.
    assert_eq!((&erased["user_id"], &erased["records_deleted"]), (&id, &json!(3)));
    let receipts = system.items("receipt").await;
    assert_eq!((receipts.len(), &receipts[0]["deletion_id"]), (1, &erased["deletion_id"]));
    let events = system.events("user.deleted").await;
    assert_eq!([&events[0]["subject"], &events[0]["data"]["deletion_id"]], [&id, &erased["deletion_id"]]);
}

#[tokio::test]
async fn nobody_is_erased_who_did_not_confirm_it() {
    let system = System::start().await;
    let person = system.verified("ada@example.com").await.0;
    for wrong in ["", "delete my account", "DELETE MY ACCOUNT "] {
        let body = json!({ "confirmation": wrong });
        assert_eq!(person.send(Method::DELETE, ERASE, Some(body)).await.invalid(), ["confirmation"]);
    }
    assert_eq!(person.send(Method::DELETE, ERASE, Some(json!({}))).await.refused(422), "INVALID_REQUEST");
    person.get("/api/v1/auth/me").await.expect(200);
}

#[tokio::test]
async fn nothing_of_an_erased_person_can_be_read_anywhere() {
    let system = System::start().await;
    let person = marked(&system).await.0;
    let id = own_id(&person).await;
    person.post(EXPORT, json!({})).await.expect(200);
    let before = traces(&system, &person.address).await;
    let told = before.iter().filter(|item| item.contains("\"event\"") || item.contains("\"audit\""));
    assert_eq!((before.len(), told.count()), (4, 0), "the user, the credential and two sessions: {before:?}");
    erase(&person).await.expect(200);
    assert_eq!(traces(&system, &person.address).await, [""; 0]);
    let table = system.table().await;
    assert_eq!(of_type(&table, "user", &id).len() + of_type(&table, "session", &id).len(), 0);
    assert!(of_type(&table, "audit", &id).len() > 9, "the audit trail stays");
    let stats = system.admin().await.get("/api/v1/admin/stats").await.expect(200);
    let role = &stats["users_by_role"]["user"];
    assert_eq!([&stats["total_users"], &stats["active_users"], role], [1, 1, 0]);
}

#[tokio::test]
async fn whoever_has_the_address_next_inherits_nothing() {
    let system = System::start().await;
    let (person, tokens) = marked(&system).await;
    let [_, refresh, verification, reset] = tokens.as_slice() else { unreachable!() };
    let old = own_id(&person).await;
    for _ in 0..6 {
        person.login(EMAIL, NEW_PASSWORD).await.refused(401);
    }
    erase(&person).await.expect(200);

    let next = system.register(EMAIL).await;
    assert_ne!(next["user_id"], old);
    let token = json!({ "token": next["verification_token"] });
    let anybody = system.anybody();
    anybody.post("/api/v1/auth/verify-email", token).await.expect(200);
    let successor = anybody.clone().signed_in(EMAIL, PASSWORD).await;
    let me = successor.get("/api/v1/auth/me").await.expect(200);
    assert_eq!((&me["user_id"], &me["first_name"]), (&next["user_id"], &json!("John")));
    system.drain().await;
    let data = successor.post(EXPORT, json!({})).await.expect(200)["personal_data"].clone();
    let logs = data["activity_logs"].as_array().unwrap();
    assert_eq!((logs.len(), data["sessions"].as_array().unwrap().len()), (3, 1), "{logs:?}");

    assert_eq!(person.get("/api/v1/auth/me").await.refused(401), "SESSION_ENDED");
    assert_eq!(anybody.refresh(refresh).await.refused(401), "SESSION_ENDED");
    let (verification, reset) =
        (json!({ "token": verification }), json!({ "token": reset, "new_password": NEW_PASSWORD }));
    assert_eq!(anybody.post("/api/v1/auth/verify-email", verification).await.refused(400), "INVALID_TOKEN");
    assert_eq!(anybody.post("/api/v1/auth/reset-password", reset).await.refused(400), "INVALID_TOKEN");
    successor.login(EMAIL, PASSWORD).await.expect(200);
}

#[tokio::test]
async fn a_person_is_erased_once_however_often_they_ask() {
    let system = System::start().await;
    let person = system.verified("ada@example.com").await.0;
    let (one, other) = join(erase(&person), erase(&person)).await;
    let mut statuses = [one.status, other.status];
    statuses.sort_unstable();
    assert!(matches!(statuses, [200, 401 | 409]), "{statuses:?}");
    assert_eq!(erase(&person).await.refused(401), "SESSION_ENDED");
    assert_eq!((system.events("user.deleted").await.len(), system.items("receipt").await.len()), (1, 1));
    let stats = system.admin().await.get("/api/v1/admin/stats").await.expect(200);
    assert_eq!(stats["total_users"], 1);
}

#[tokio::test]
async fn the_last_super_administrator_that_works_is_not_erased() {
    let system = System::start().await;
    let root = system.admin().await;
    assert_eq!(erase(&root).await.refused(409), "LAST_SUPER_ADMINISTRATOR");
    let peer = system.with_role("peer@example.com", "super_admin").await;
    let path = peer.admin_path().await;
    root.put(&path, json!({ "is_active": false })).await.expect(200);
    assert_eq!(erase(&root).await.refused(409), "LAST_SUPER_ADMINISTRATOR");
    root.put(&path, json!({ "is_active": true })).await.expect(200);
    system.drain().await;
    erase(&root).await.expect(200);
    let peer = system.anybody().signed_in("peer@example.com", PASSWORD).await;
    assert_eq!(erase(&peer).await.refused(409), "LAST_SUPER_ADMINISTRATOR");
}

#[tokio::test]
async fn the_system_is_not_left_to_heirs_who_cannot_come_in() {
    let system = System::start().await;
    let root = system.admin().await;
    let crown = json!({ "role": "super_admin" });
    // More than are looked at together: neither verified nor approved.
    for number in 0..12 {
        let id = system.register(&format!("heir{number}@example.com")).await["user_id"].clone();
        let path = format!("/api/v1/admin/users/{}", id.as_str().unwrap());
        root.put(&path, crown.clone()).await.expect(200);
    }
    let (unapproved, id) = system.verified("unapproved@example.com").await;
    root.put(&unapproved.admin_path().await, crown).await.expect(200);
    system.drain().await;
    assert_eq!(erase(&root).await.refused(409), "LAST_SUPER_ADMINISTRATOR");
    root.post("/api/v1/admin/approve-user", json!({ "user_id": id })).await.expect(200);
    erase(&root).await.expect(200);
    unapproved.get("/api/v1/admin/users").await.expect(200);
}

#[tokio::test]
async fn what_a_function_left_when_it_died_is_swept_up_by_whoever_hears_of_it() {
    let system = System::start().await;
    let person = marked(&system).await.0;
    system.drain().await;
    // The erasure passes; what follows fails for a while.
    let fault = json!({ "service": "dynamodb", "operation": "TransactWriteItems", "skip": 1, "kind": "error", "count": 12 });
    system.order_fault(fault).await;
    erase(&person).await.expect(200);
    assert_eq!(traces(&system, &person.address).await, [""; 0]);
}

#[tokio::test]
async fn what_is_under_way_when_a_person_is_erased_brings_nothing_back() {
    let system = System::start().await;
    let person = marked(&system).await.0;
    let (id, mails) = (own_id(&person).await, system.mails(EMAIL).await.len());
    system.order_fault(json!({ "service": "ses", "kind": "error", "count": 1000 })).await;
    let change = json!({ "current_password": PASSWORD, "new_password": NEW_PASSWORD });
    let mut person = person;
    let changed = person.post("/api/v1/auth/change-password", change).await.expect(200);
    person.take_tokens(&changed);
    let refresh = person.refresh_token.clone();
    let (erased, _, _, _) = tokio::join!(
        erase(&person),
        person.refresh(&refresh),
        person.login(EMAIL, NEW_PASSWORD),
        person.put("/api/v1/profile/me", json!({ "first_name": format!("{FIRST_NAME}b") })),
    );
    // Whoever changed the account first makes the erasure decide anew.
    if erased.status != 200 {
        erased.refused(409);
        let again = system.anybody().signed_in(EMAIL, NEW_PASSWORD).await;
        erase(&again).await.expect(200);
    }
    // What began to be sent before comes to its end.
    system.drain().await;
    system.cancel_faults().await;
    let table = system.table().await;
    for entity in ["user", "session"] {
        assert_eq!(of_type(&table, entity, &id), [&Value::Null; 0], "{entity}");
    }
    assert!(table.iter().all(|item| item["user_id"] != id || item["entity"] != "credential"));
    assert_eq!(system.mails(EMAIL).await.len(), mails, "no mail to whom we forgot");
    system.register(EMAIL).await;
}

#[tokio::test]
async fn a_wrong_guess_at_the_address_of_nobody_says_nothing_of_who_had_it() {
    let system = System::start().await;
    let person = system.verified(EMAIL).await.0;
    let old = own_id(&person).await;
    erase(&person).await.expect(200);
    system.anybody().login(EMAIL, PASSWORD).await.refused(401);
    let credential = system.credential(EMAIL).await;
    assert_eq!((&credential["user_id"], &credential["failures"]), (&Value::Null, &json!(1)));
    let guess = system.events("security.failed_login").await.remove(0);
    assert_eq!((&guess["subject"], &guess["user_agent"]), (&Value::Null, &json!("tests")), "not {old}");
    system.anybody().post("/api/v1/auth/register", registration(EMAIL)).await.expect(201);
}
