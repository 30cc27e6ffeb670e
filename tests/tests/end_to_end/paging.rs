//! `GET /api/v1/admin/users`, page by page: by number and by cursor, everybody once, whatever happens meanwhile.

use futures::future::join_all;
use tests::{Answer, Client, System};

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

#[tokio::test]
async fn who_was_there_is_met_once_while_others_register() {
    let (system, admin) = with_accounts(12).await;
    let there = sorted(emails(&admin.get(&format!("{PATH}?limit=100")).await));
    let (mut met, mut next) = (Vec::new(), Some(format!("{PATH}?limit=3")));
    while let Some(address) = next {
        let page = admin.get(&address).await;
        met.extend(emails(&page));
        next = next_link(&page);
        system.register(&format!("late{}@example.com", met.len())).await;
    }
    assert_eq!(sorted(met), there, "the newest stand before the first page");
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
        ("cursor", &["x", "", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"]),
    ] {
        for value in values {
            let answer = admin.get(&format!("{PATH}?{name}={value}")).await;
            assert_eq!(answer.invalid(), [name], "{name}={value}");
        }
    }
    let answer = admin.get(&format!("{PATH}?role=king&is_active=yes&page=0&limit=0")).await;
    assert_eq!(sorted(answer.invalid()), ["is_active", "limit", "page", "role"], "all at once");
    assert_eq!(admin.get(&format!("{PATH}?limit=1&limit=2")).await.refused(400), "VALIDATION_ERROR");
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
