//! `GET /api/v1/admin/users`, page by page: by number and by cursor, everybody once, whatever happens meanwhile.

use futures::future::join_all;
use serde_json::json;
use tests::{Answer, Client, System};

use crate::crowd;

const PATH: &str = "/api/v1/admin/users";

/// A system with so many accounts, the administrator among them; and the administrator.
async fn with_accounts(count: usize) -> (System, Client) {
    let system = System::start().await;
    let emails: Vec<_> = (1..count).map(|number| format!("person{number}@example.com")).collect();
    join_all(emails.iter().map(|email| system.register(email))).await;
    let admin = system.admin().await;
    (system, admin)
}

fn emails(page: &Answer) -> Vec<String> {
    let list = page.expect(200);
    list.as_array()
        .into_iter()
        .flatten()
        .filter_map(|user| Some(user["email"].as_str()?.to_owned()))
        .collect()
}

/// The address that `Link` names as the next page (RFC 8288).
fn next_link(page: &Answer) -> Option<String> {
    let (address, parameters) = page.header("link").strip_prefix('<')?.split_once('>')?;
    assert_eq!(parameters, "; rel=\"next\"");
    Some(address.to_owned())
}

async fn by_cursor(client: &Client, query: &str) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    let mut page = client.get(&format!("{PATH}?{query}")).await;
    loop {
        pages.push(emails(&page));
        let cursor = page.header("x-next-cursor").to_owned();
        if cursor.is_empty() {
            return pages;
        }
        page = client.get(&format!("{PATH}?{query}&cursor={cursor}")).await;
    }
}

fn sorted(mut list: Vec<String>) -> Vec<String> {
    list.sort();
    list
}

#[tokio::test]
async fn numbers_cursors_and_links_lead_through_the_same_list() {
    let (_system, admin) = with_accounts(26).await;
    let whole = emails(&admin.get(&format!("{PATH}?limit=100")).await);
    let mut numbered = Vec::new();
    for number in 1..=4 {
        numbered.push(emails(&admin.get(&format!("{PATH}?page={number}&limit=10")).await));
    }
    assert_eq!(numbered.iter().map(Vec::len).collect::<Vec<_>>(), [10, 10, 6, 0]);
    assert_eq!(numbered.concat(), whole);
    assert_eq!(by_cursor(&admin, "limit=10").await, numbered[..3]);
    assert_eq!(by_cursor(&admin, "per_page=7").await.concat(), whole);
    let (mut linked, mut next) = (Vec::new(), Some(format!("{PATH}?limit=7&role=user&page=1")));
    while let Some(address) = next {
        let page = admin.get(&address).await;
        linked.extend(emails(&page));
        next = next_link(&page);
    }
    let everybody = sorted(whole);
    assert_eq!(sorted(linked), everybody[..25], "all but the administrator");
    let mut once = everybody.clone();
    once.dedup();
    assert_eq!((once.len(), once), (26, everybody));
}

#[tokio::test]
async fn a_page_has_ten_items_unless_asked_otherwise() {
    let (_system, admin) = with_accounts(12).await;
    for (query, count) in [("", 10), ("?page=2", 2), ("?limit=100", 12), ("?limit=12", 12), ("?page=100", 0)]
    {
        let page = admin.get(&format!("{PATH}{query}")).await;
        assert_eq!(emails(&page).len(), count, "{query}");
        assert_eq!(next_link(&page).is_some(), query.is_empty(), "{query}: the last page leads nowhere");
        assert_eq!(page.header("x-next-cursor").is_empty(), !query.is_empty(), "{query}");
    }
}

/// Whom a walk of pages of three meets in `list`, while somebody registers after each of the first three pages.
async fn walked(system: &System, client: &Client, list: &str, by_number: bool) -> Vec<String> {
    let (mut met, mut next) = (Vec::new(), Some(format!("{list}limit=3&page=1")));
    let mut number = 1;
    while let Some(address) = next {
        let page = client.get(&address).await;
        let users = page.expect(200);
        let users = users["users"].as_array().or(users.as_array()).cloned().unwrap_or_default();
        met.extend(users.iter().map(|user| user["email"].as_str().unwrap().to_owned()));
        if number <= 3 {
            system.register(&format!("late{number}{by_number}@example.com")).await;
        }
        number += 1;
        next = next_link(&page)
            .map(|link| if by_number { format!("{list}limit=3&page={number}") } else { link });
    }
    met
}

#[tokio::test]
async fn numbers_and_cursors_lead_to_everybody_once_while_others_register() {
    for list in [
        "/api/v1/admin/users?",
        "/api/v1/admin/users?role=user&",
        "/api/v1/users?is_active=true&",
        "/api/v1/users?role=user&active=true&",
    ] {
        let (system, admin) = with_accounts(12).await;
        let numbered = walked(&system, &admin, list, true).await;
        let linked = walked(&system, &admin, list, false).await;
        // Who registered meanwhile comes behind the others, and is met, too.
        assert_eq!(linked[..numbered.len()], numbered, "{list}");
        let there = if list.contains("role") { 11 } else { 12 };
        assert_eq!((numbered.len(), linked.len()), (there + 3, there + 6), "{list}");
        let mut once = sorted(linked);
        once.dedup();
        assert_eq!(once.len(), there + 6, "{list}: each once");
    }
}

#[tokio::test]
async fn every_page_that_a_list_of_1250_names_can_be_had_by_its_number() {
    let system = System::start().await;
    let admin = system.admin().await;
    // The last user of the crowd and the administrator are the others.
    crowd::fill(&system, 1_248).await;
    let path = "/api/v1/users?limit=10";
    let first = admin.get(path).await.expect(200);
    let named = ["total", "total_pages", "has_next"].map(|name| first[name].clone());
    assert_eq!(named, [json!(1_250), json!(125), json!(true)]);
    let page = admin.get(&format!("{path}&page=125")).await;
    assert_eq!(page.calls(), 3, "as any other");
    let last = page.expect(200);
    assert_eq!(last["users"].as_array().map(Vec::len), Some(10));
    assert_eq!([&last["offset"], &last["has_next"]], [&json!(1_240), &json!(false)]);
    assert_eq!(last["users"][7]["email"], json!(crowd::email(1_247)));
    assert_eq!(admin.get(&format!("{path}&page=1000")).await.expect(200)["users"], json!([]));
    let beyond = admin.get(&format!("{path}&page=1001")).await;
    assert_eq!(beyond.invalid(), ["page"]);
    assert!(beyond.text.contains("X-Next-Cursor"), "{}", beyond.text);
}

#[tokio::test]
async fn a_parameter_that_is_no_good_is_a_400_that_names_it() {
    let system = System::start().await;
    let admin = system.admin().await;
    for (name, values) in [
        ("page", &["0", "-1", "1.5", "x", "", "99999", "99999999999999999999"][..]),
        ("limit", &["0", "-1", "101", "x", "", "1e1"]),
        ("per_page", &["0", "101", "x"]),
        ("role", &["king", "", "Admin"]),
        ("is_active", &["yes", "1", ""]),
        ("is_active=true&active", &["garbage"]),
        ("limit=1&per_page", &["999"]),
        ("cursor", &["x", "", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"]),
    ] {
        for value in values {
            let answer = admin.get(&format!("{PATH}?{name}={value}")).await;
            assert_eq!(answer.invalid(), [name.rsplit('&').next().unwrap()], "{name}={value}");
        }
    }
    let answer = admin.get(&format!("{PATH}?role=king&is_active=yes&page=0&limit=0")).await;
    assert_eq!(sorted(answer.invalid()), ["is_active", "limit", "page", "role"], "all at once");
    assert_eq!(admin.get(&format!("{PATH}?limit=1&limit=2")).await.refused(400), "VALIDATION_ERROR");
}

#[tokio::test]
async fn a_cursor_is_good_for_a_day() {
    let (system, admin) = with_accounts(4).await;
    let cursor = admin.get(&format!("{PATH}?limit=1")).await.header("x-next-cursor").to_owned();
    let list = format!("{PATH}?limit=1&cursor={cursor}");
    // The clock goes on while the machine is busy.
    for (seconds, good) in [(86_340, true), (60, false)] {
        system.advance(seconds).await;
        let answer = system.admin().await.get(&list).await;
        if good {
            answer.expect(200);
        } else {
            assert_eq!(answer.invalid(), ["cursor"]);
        }
    }
}

#[tokio::test]
async fn every_list_knows_its_cursors_from_those_of_another_caller() {
    let system = System::start().await;
    let admin = system.admin().await;
    let other = system.with_role("other@example.com", "super_admin").await;
    for name in ["one", "two"] {
        let hook = json!({ "url": format!("https://{name}.example.com/"), "events": ["bulk.*"] });
        admin.post("/api/v1/webhooks", hook).await.expect(201);
    }
    system.drain().await;
    for list in [
        "/api/v1/admin/audit-logs",
        "/api/v1/admin/roles",
        "/api/v1/admin/users",
        "/api/v1/audit/logs",
        "/api/v1/users",
        "/api/v1/webhooks",
    ] {
        let cursor = admin.get(&format!("{list}?limit=1")).await.header("x-next-cursor").to_owned();
        assert!(!cursor.is_empty(), "{list}");
        let next = format!("{list}?limit=1&cursor={cursor}");
        admin.get(&next).await.expect(200);
        assert_eq!(other.get(&next).await.invalid(), ["cursor"], "{list}");
    }
}

#[tokio::test]
async fn a_cursor_is_good_as_it_was_given_for_its_query_and_its_caller_only() {
    let (system, admin) = with_accounts(4).await;
    let page = admin.get(&format!("{PATH}?limit=1&role=user")).await;
    let cursor = page.header("x-next-cursor");
    admin.get(&format!("{PATH}?limit=100&role=user&cursor={cursor}")).await.expect(200);
    let manager = system.with_role("manager@example.com", "manager").await;
    assert_eq!(manager.get(&format!("{PATH}?role=user&cursor={cursor}")).await.invalid(), ["cursor"]);
    for query in ["", "role=manager&", "is_active=true&", "role=user&is_active=true&"] {
        let answer = admin.get(&format!("{PATH}?{query}cursor={cursor}")).await;
        assert_eq!(answer.invalid(), ["cursor"]);
    }
    for index in 0..cursor.len() {
        let mut edited = cursor.as_bytes().to_vec();
        edited[index] = if edited[index] == b'A' { b'B' } else { b'A' };
        let edited = String::from_utf8(edited).unwrap();
        let answer = admin.get(&format!("{PATH}?role=user&cursor={edited}")).await;
        assert_eq!(answer.invalid(), ["cursor"], "{edited}");
    }
}
