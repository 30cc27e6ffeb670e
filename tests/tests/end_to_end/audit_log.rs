//! `/api/v1/audit/logs`, `/summary` and `/api/v1/admin/audit-logs`: auditors find what happened, by any combination of
//! conditions, all of it and nothing twice.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};
use tests::{Answer, Client, NEW_PASSWORD, PASSWORD, System};

const LOGS: &str = "/api/v1/audit/logs";
const SUMMARY: &str = "/api/v1/audit/summary";
const ADMIN_LOGS: &str = "/api/v1/admin/audit-logs";
const EMAIL: &str = "ada@example.com";

/// A system in which Ada got in, changed her name and mistyped her password; she and an auditor.
async fn with_history() -> (System, Client, Client) {
    let system = System::start().await;
    let ada = system.user(EMAIL).await;
    ada.put("/api/v1/profile/me", json!({ "first_name": "Augusta" })).await.expect(200);
    ada.login(EMAIL, NEW_PASSWORD).await.refused(401);
    let auditor = system.with_role("auditor@example.com", "auditor").await;
    system.drain().await;
    (system, ada, auditor)
}

async fn id(client: &Client) -> String {
    client.get("/api/v1/auth/me").await.expect(200)["user_id"].as_str().unwrap().to_owned()
}

fn items(answer: &Answer) -> Vec<Value> {
    answer.expect(200)["items"].as_array().cloned().unwrap_or_default()
}

fn texts(items: &[Value], field: &str) -> Vec<String> {
    items.iter().map(|item| item[field].as_str().unwrap_or_default().to_owned()).collect()
}

/// What a list shows from its first page to its last.
async fn walk(client: &Client, query: &str) -> Vec<Value> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = client.get(&format!("{LOGS}?{query}{cursor}")).await;
        all.extend(items(&page));
        if page.header("x-next-cursor").is_empty() {
            return all;
        }
        cursor = format!("&cursor={}", page.header("x-next-cursor"));
    }
}

#[tokio::test]
async fn the_audit_trail_is_read_as_documented() {
    let (_system, ada, auditor) = with_history().await;
    let query = format!("{LOGS}?action=user_login&user_id={}&limit=1", id(&ada).await);
    let example = json!({
        "items": [{
            "audit_id": "audit_abc123", "user_id": "usr_xyz789", "action": "user_login",
            "resource_type": "authentication", "resource_id": "usr_xyz789", "severity": "info",
            "timestamp": "2024-01-15T11:30:00Z",
            "metadata": { "success": true, "ip_address": "192.168.1.100", "user_agent": "Mozilla/5.0..." },
            "outcome": "success", "ip_address": "192.168.1.100", "user_agent": "Mozilla/5.0...",
        }],
        "total": 1250, "limit": 10, "offset": 0, "has_next": true, "has_prev": false,
    });
    let item = auditor.get(&query).await.like(200, &example)["items"][0].clone();
    assert!(item["audit_id"].as_str().unwrap().starts_with("audit_"), "{item}");
    let expected = json!(["user.login", "authentication", "info", "success", ada.address, "tests"]);
    let fields = ["action", "resource_type", "severity", "outcome", "ip_address", "user_agent"];
    assert_eq!(json!(fields.map(|field| &item[field])), expected);
}

#[tokio::test]
async fn administrators_read_it_as_a_bare_array() {
    let (system, ada, _) = with_history().await;
    let admin = system.admin().await;
    let query = format!("{ADMIN_LOGS}?event_type=user.login&user_id={}", id(&ada).await);
    let example = json!([{
        "event_id": "audit_001", "event_type": "user_login", "user_id": "usr_abc123",
        "timestamp": "2024-01-15T11:30:00Z", "details": { "success": true, "ip_address": "192.168.1.100" },
        "ip_address": "192.168.1.100", "user_agent": "Mozilla/5.0...",
    }]);
    let answer = admin.get(&query).await;
    answer.like(200, &example);
    assert_eq!(answer.header("x-total-count"), "1");
    assert_eq!(
        admin.get(&format!("{ADMIN_LOGS}?event_type=x&limit=0")).await.invalid(),
        ["event_type", "limit"]
    );
}

type Meant<'a> = &'a dyn Fn(&Value) -> bool;

#[tokio::test]
async fn conditions_hold_alone_and_together() {
    let (_system, ada, auditor) = with_history().await;
    let ada = id(&ada).await;
    let all = walk(&auditor, "limit=100").await;
    let middle = &all[all.len() / 2]["timestamp"];
    let newer: Vec<_> = all[..=all.len() / 2].iter().map(|item| item["timestamp"].clone()).collect();
    let own = |item: &Value| item["user_id"] == json!(ada) || item["resource_id"] == json!(ada);
    let conditions: [(&str, Meant<'_>); 6] = [
        ("action=user.login", &|item| item["action"] == "user.login"),
        ("severity=medium", &|item| item["severity"] == "medium"),
        ("severity=low", &|item| item["severity"] == "low" || item["severity"] == "info"),
        ("resource=user", &|item| item["resource_type"] == "user"),
        (&format!("user_id={ada}"), &own),
        (&format!("start_date={}", middle.as_str().unwrap()), &|item| newer.contains(&item["timestamp"])),
    ];
    for (first, meant) in &conditions {
        for (second, also_meant) in &conditions {
            if first.split('=').next() == second.split('=').next() && first != second {
                continue;
            }
            let query = if first == second { (*first).to_owned() } else { format!("{first}&{second}") };
            let found = walk(&auditor, &format!("limit=20&{query}")).await;
            let found: Vec<_> = found.into_iter().filter(|item| item["action"] != "audit.read").collect();
            let expected = all.iter().filter(|item| item["action"] != "audit.read");
            let expected: Vec<_> = expected.filter(|item| meant(item) && also_meant(item)).cloned().collect();
            assert_eq!(texts(&found, "audit_id"), texts(&expected, "audit_id"), "{query}");
        }
    }
    assert!(items(&auditor.get(&format!("{LOGS}?action=user.login&resource=role")).await).is_empty());
}

#[tokio::test]
async fn a_span_holds_its_first_and_its_last_instant() {
    let (system, ..) = with_history().await;
    let auditor = system.anybody().signed_in("auditor@example.com", PASSWORD).await;
    let all = items(&auditor.get(&format!("{LOGS}?limit=100&action=user.registered")).await);
    let (last, first) = (texts(&all, "timestamp")[0].clone(), texts(&all, "timestamp").pop().unwrap());
    let count = async |query: &str| {
        items(&auditor.get(&format!("{LOGS}?action=user.registered&{query}")).await).len()
    };
    assert_eq!(count(&format!("start_date={first}&end_date={last}")).await, all.len());
    assert_eq!(count(&format!("end_date={first}")).await, 1);
    assert_eq!(count(&format!("start_date={last}")).await, 1);
    assert_eq!(count("end_date=2000-01-01").await, 0);
    assert_eq!(count("start_date=2030-01-01&end_date=2020-01-01").await, 0);
    assert_eq!(count(&format!("end_date={}", &last[..10])).await, all.len(), "a day is in it as a whole");
}

#[tokio::test]
async fn every_page_size_leads_through_the_same_list() {
    let (_system, ada, auditor) = with_history().await;
    for query in ["end_date=2200-01-01".to_owned(), format!("user_id={}&severity=low", id(&ada).await)] {
        let whole = texts(&walk(&auditor, &format!("limit=100&action=user.login&{query}")).await, "audit_id");
        assert!(!whole.is_empty());
        for limit in [1, 2, 7] {
            let paged = walk(&auditor, &format!("limit={limit}&action=user.login&{query}")).await;
            assert_eq!(texts(&paged, "audit_id"), whole, "{limit}");
        }
        let mut numbered = Vec::new();
        for page in 1..=whole.len() {
            let page = auditor.get(&format!("{LOGS}?limit=1&page={page}&action=user.login&{query}")).await;
            numbered.extend(texts(&items(&page), "audit_id"));
        }
        assert_eq!(numbered, whole);
    }
}

#[tokio::test]
async fn a_parameter_that_is_no_good_is_a_400_that_names_it() {
    let (_system, _, auditor) = with_history().await;
    let names =
        ["action", "resource", "user_id", "start_date", "end_date", "severity", "page", "limit", "cursor"];
    for name in names {
        for value in ["x", "0", ""] {
            assert_eq!(auditor.get(&format!("{LOGS}?{name}={value}")).await.invalid(), [name], "{value}");
        }
    }
    let wrong = auditor.get(&format!("{LOGS}?action=x&severity=x&limit=x")).await.invalid();
    assert_eq!(
        wrong.into_iter().collect::<BTreeSet<_>>(),
        ["action", "limit", "severity"].map(Into::into).into()
    );
}

#[tokio::test]
async fn a_cursor_is_good_for_its_query_only() {
    let (system, ..) = with_history().await;
    let admin = system.admin().await;
    let page = admin.get(&format!("{LOGS}?limit=1&severity=low")).await;
    let cursor = page.header("x-next-cursor");
    admin.get(&format!("{LOGS}?limit=9&severity=low&cursor={cursor}")).await.expect(200);
    for path in [format!("{LOGS}?severity=medium&"), format!("{LOGS}?"), format!("{ADMIN_LOGS}?")] {
        let answer = admin.get(&format!("{path}cursor={cursor}")).await;
        assert_eq!(answer.invalid(), ["cursor"], "{path}");
    }
}

#[tokio::test]
async fn who_was_erased_has_no_device_any_more() {
    let (system, ada, auditor) = with_history().await;
    let query = format!("user_id={}&action=user.login", id(&ada).await);
    assert_eq!(walk(&auditor, &query).await[0]["user_agent"], "tests");
    let confirmation = json!({ "confirmation": "DELETE MY ACCOUNT" });
    ada.send(Method::DELETE, "/api/v1/gdpr/delete/my-account", Some(confirmation)).await.expect(200);
    system.drain().await;
    let item = walk(&auditor, &query).await.remove(0);
    for value in [&item["ip_address"], &item["user_agent"], &item["metadata"]["ip_address"]] {
        assert_eq!(value, &Value::Null, "{item}");
    }
    assert_eq!(items(&auditor.get(&format!("{LOGS}?severity=high")).await)[0]["action"], "user.deleted");
}

#[tokio::test]
async fn whoever_reads_the_trail_is_in_it() {
    let (system, _, auditor) = with_history().await;
    let ways = [
        ("audit/logs", "?severity=medium"),
        ("audit/summary", ""),
        ("audit/verify", ""),
        ("audit/export", ""),
        ("health/detailed", ""),
    ];
    for (how, query) in ways {
        auditor.get(&format!("/api/v1/{how}{query}")).await;
        system.drain().await;
        let read = walk(&auditor, "action=audit.read").await.remove(0);
        let expected = (json!(id(&auditor).await), json!(how));
        assert_eq!((&read["user_id"], &read["metadata"]["how"]), (&expected.0, &expected.1));
        assert_eq!(read["metadata"]["question"]["types"].is_array(), how == "audit/logs", "{read}");
    }
}

#[tokio::test]
async fn the_summary_is_as_documented_and_adds_up() {
    let (system, _, auditor) = with_history().await;
    system.admin().await;
    system.drain().await;
    let example = json!({
        "total_events": 15420, "events_today": 145, "events_this_week": 980,
        "events_by_severity": { "critical": 5, "high": 25, "medium": 145, "low": 15245 },
        "events_by_action": {}, "recent_failures": 12, "active_users_today": 380,
    });
    let summary = auditor.get(SUMMARY).await.like(200, &example);
    // That it was read is told after it.
    let events = system.items("event").await.len() - 1;
    assert_eq!(summary["total_events"], json!(events));
    let sum = |value: &Value| value.as_object().unwrap().values().filter_map(Value::as_i64).sum::<i64>();
    assert_eq!(json!(sum(&summary["events_by_severity"])), summary["total_events"]);
    assert_eq!(json!(sum(&summary["events_by_action"])), summary["total_events"]);
    assert_eq!((&summary["recent_failures"], &summary["active_users_today"]), (&json!(1), &json!(3)));
    system.advance(86_400).await;
    system.anybody().signed_in(EMAIL, PASSWORD).await;
    system.drain().await;
    let auditor = system.anybody().signed_in("auditor@example.com", PASSWORD).await;
    system.drain().await;
    let next_day = auditor.get(SUMMARY).await.expect(200);
    assert_eq!((&next_day["active_users_today"], &next_day["events_today"]), (&json!(2), &json!(2)));
    assert_eq!(next_day["events_this_week"], next_day["total_events"]);
}

#[tokio::test]
async fn a_sign_in_that_is_refused_though_its_password_is_right_is_told_twenty_times_an_hour() {
    let (system, ..) = with_history().await;
    system.register("eve@example.com").await;
    for _ in 0..23 {
        system.anybody().login("eve@example.com", PASSWORD).await.refused(401);
    }
    assert_eq!(system.events("security.failed_login").await.len(), 1 + 20);
    system.advance(3_600).await;
    system.anybody().login("eve@example.com", PASSWORD).await.refused(401);
    assert_eq!(system.events("security.failed_login").await.len(), 1 + 21);
}

#[tokio::test]
async fn a_refusal_for_want_of_a_permission_is_told_twenty_times_an_hour() {
    let (system, ada, auditor) = with_history().await;
    for _ in 0..23 {
        ada.get("/api/v1/admin/users/usr_00000000000040008000000000000000").await.refused(403);
    }
    system.drain().await;
    let denials = walk(&auditor, "action=security.access_denied&limit=100").await;
    let expected =
        json!(["security.access_denied", id(&ada).await, "failure", "high", "permission", "user:read"]);
    let fields = ["action", "user_id", "outcome", "severity", "resource_type", "resource_id"];
    assert_eq!((denials.len(), json!(fields.map(|field| &denials[0][field]))), (20, expected));
    assert_eq!(denials[0]["metadata"]["route"], "GET /api/v1/admin/users/{user_id}");
    system.advance(3_600).await;
    let ada = system.anybody().signed_in(EMAIL, PASSWORD).await;
    ada.get("/api/v1/admin/stats").await.refused(403);
    assert_eq!(system.events("security.access_denied").await.len(), 21);
}

#[tokio::test]
async fn who_reaches_above_their_rank_is_told_of() {
    let system = System::start().await;
    let admin = system.with_role("admin@example.com", "admin").await;
    let root = system.admin().await.admin_path().await;
    admin.put(&root, json!({ "first_name": "Eve" })).await.refused(403);
    let denial = system.events("security.access_denied").await.remove(0);
    assert_eq!(
        (&denial["actor"], &denial["data"]),
        (&json!(id(&admin).await), &json!({ "route": "PUT /api/v1/admin/users/{user_id}" }))
    );
}

#[tokio::test]
async fn a_refusal_that_cannot_be_told_is_a_refusal_all_the_same() {
    let (system, ada, _) = with_history().await;
    let fault =
        json!({ "service": "dynamodb", "operation": "TransactWriteItems", "kind": "error", "count": 3 });
    system.order_fault(fault).await;
    assert_eq!(ada.get("/api/v1/admin/stats").await.refused(403), "INSUFFICIENT_PERMISSIONS");
    system.cancel_faults().await;
    assert!(system.events("security.access_denied").await.is_empty());
}

#[tokio::test]
async fn wrong_passwords_are_told_until_the_lock_falls() {
    let system = System::start().await;
    system.verified(EMAIL).await;
    for email in [EMAIL, "nobody@example.com"] {
        let before = system.events("security.failed_login").await.len();
        for _ in 0..9 {
            system.anybody().login(email, NEW_PASSWORD).await.refused(401);
        }
        assert_eq!(system.events("security.failed_login").await.len() - before, 5, "{email}");
        system.advance(61).await;
        system.anybody().login(email, NEW_PASSWORD).await.refused(401);
        assert_eq!(system.events("security.failed_login").await.len() - before, 6, "{email}");
    }
}
