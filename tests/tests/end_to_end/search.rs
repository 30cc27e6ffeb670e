//! Searching users: by what an address, a user name, a first or a last name begins with.

use reqwest::Method;
use serde_json::{Value, json};
use tests::{Answer, Client, PASSWORD, System};

use crate::crowd;

const PATH: &str = "/api/v1/users";

/// User name, first and last name of those who are there to be found; their addresses begin with `x`.
const PEOPLE: [(&str, &str, &str); 6] = [
    ("annie", "Zoe", "Young"),
    ("zed", "Ann", "Anderson"),
    ("yves", "Élodie", "Annis"),
    ("walt", "Anne", "Weber"),
    ("vera", "Vera", "Ångström"),
    ("uwe", "Uwe", "Straße"),
];

/// A system with these people; its administrator.
async fn with_people() -> (System, Client) {
    let system = System::start().await;
    let admin = system.admin().await;
    for (number, (username, first_name, last_name)) in PEOPLE.iter().enumerate() {
        let role = if number % 2 == 0 { "user" } else { "manager" };
        let form = json!({
            "username": username, "email": format!("x{username}@example.com"), "password": PASSWORD, "role": role,
            "first_name": first_name, "last_name": last_name,
        });
        admin.post(PATH, form).await.expect(201);
    }
    (system, admin)
}

fn names(page: &Answer) -> Vec<String> {
    let list = page.expect(200);
    let users = list["users"].as_array().or(list.as_array()).unwrap();
    users.iter().map(|user| user["email"].as_str().unwrap()[1..].replace("@example.com", "")).collect()
}

async fn search(client: &Client, query: &str) -> Answer {
    client.get(&format!("{PATH}?search={query}")).await
}

#[tokio::test]
async fn a_beginning_finds_everybody_once_whichever_name_begins_so() {
    let (_system, admin) = with_people().await;
    let found = search(&admin, "an").await;
    assert_eq!(names(&found), ["annie", "zed", "walt", "yves"], "user name, first names, last name");
    assert_eq!((found.json()["total"].clone(), found.header("x-total-count")), (json!(4), "4"));
    assert_eq!(
        names(&search(&admin, "x").await),
        ["annie", "uwe", "vera", "walt", "yves", "zed"],
        "addresses"
    );
    assert_eq!(names(&search(&admin, "nn").await), [""; 0], "only a beginning");
    let by_admins = admin.get("/api/v1/admin/users?search=an").await;
    assert_eq!((names(&by_admins), by_admins.header("x-total-count")), (names(&found), "4"));
}

#[tokio::test]
async fn case_and_spelling_make_no_difference_and_accents_do() {
    let (_system, admin) = with_people().await;
    for (query, found) in [
        ("ANN", &["annie", "zed", "walt", "yves"][..]),
        ("%20ann%20", &["annie", "zed", "walt", "yves"]),
        ("XZED@", &["zed"]),
        ("éLO", &["yves"]),
        ("E%CC%81lodie", &["yves"]),
        ("elo", &[]),
        ("ång", &["vera"]),
        ("A%CC%8ANG", &["vera"]),
        ("STRAß", &["uwe"]),
        ("an%25", &[]),
    ] {
        assert_eq!(names(&search(&admin, query).await), found, "{query}");
    }
}

#[tokio::test]
async fn a_search_finds_only_whom_its_filters_let_through() {
    let (_system, admin) = with_people().await;
    let zed = search(&admin, "zed").await.expect(200)["users"][0]["id"].as_str().unwrap().to_owned();
    admin.put(&format!("{PATH}/{zed}"), json!({ "active": false })).await.expect(200);
    for (filter, found) in [
        ("role=manager", &["zed", "walt"][..]),
        ("role=user", &["annie", "yves"]),
        ("active=false", &["zed"]),
        ("is_active=true", &["annie", "walt", "yves"]),
        ("role=user&active=false", &[]),
    ] {
        let page = search(&admin, &format!("an&{filter}")).await;
        assert_eq!(
            (names(&page), page.json()["total"].as_u64()),
            (found.iter().map(ToString::to_string).collect(), Some(found.len() as u64))
        );
    }
}

#[tokio::test]
async fn who_has_a_role_or_a_state_is_found_among_thousands_who_have_not() {
    let system = System::start().await;
    let admin = system.admin().await;
    // More than an unfiltered search looks at, and than a filtered one looks at in one call.
    crowd::fill(&system, 2_600).await;
    let last = crowd::email(2_600);
    let id = search(&admin, &last).await.expect(200)["users"][0]["id"].as_str().unwrap().to_owned();
    admin.put(&format!("{PATH}/{id}"), json!({ "role": "manager", "active": false })).await.expect(200);
    for filter in ["role=manager", "active=false", "role=manager&active=false"] {
        let page = search(&admin, &format!("crowd&{filter}")).await.expect(200);
        let found = (&page["users"][0]["email"], &page["total"]);
        assert_eq!(found, (&json!(last), &json!(1)), "{filter}");
    }
    let page = search(&admin, "crowd&role=user").await;
    assert_eq!(page.json()["total"], json!(1_000), "of those who pass as many as of all");
}

#[tokio::test]
async fn pages_and_cursors_lead_through_the_same_people() {
    let (_system, admin) = with_people().await;
    let whole = names(&search(&admin, "x").await);
    for limit in [1, 2, 4] {
        let mut numbered = Vec::new();
        for page in 1..=6 {
            numbered.extend(names(&search(&admin, &format!("x&limit={limit}&page={page}")).await));
        }
        assert_eq!(numbered, whole);
        let mut walked = Vec::new();
        let mut page = search(&admin, &format!("x&limit={limit}")).await;
        loop {
            walked.extend(names(&page));
            assert_eq!(page.json()["has_next"], json!(!page.header("x-next-cursor").is_empty()));
            let Some((next, _)) = page.header("link").split_once('>') else { break };
            page = admin.get(&next[1..]).await;
        }
        assert_eq!(walked, whole);
    }
}

#[tokio::test]
async fn who_was_there_is_met_once_while_accounts_are_made_and_deleted() {
    let (system, admin) = with_people().await;
    let (mut walked, mut page) = (Vec::new(), search(&admin, "x&limit=2").await);
    loop {
        walked.extend(names(&page));
        let Some((next, _)) = page.header("link").split_once('>') else { break };
        // One comes before and one behind the place that is reached, and who was just shown goes.
        for name in ["xaa", "xzz"] {
            system.register(&format!("{name}{}@example.com", walked.len())).await;
        }
        let last = page.json()["users"][1]["id"].as_str().unwrap().to_owned();
        admin.send(Method::DELETE, &format!("{PATH}/{last}"), None).await.expect(200);
        page = admin.get(&next[1..]).await;
    }
    let there: Vec<_> = walked.iter().filter(|name| PEOPLE.iter().any(|it| it.0 == **name)).collect();
    assert_eq!(there, ["annie", "uwe", "vera", "walt", "yves", "zed"]);
    let mut once = walked.clone();
    once.sort();
    once.dedup();
    assert_eq!(once.len(), walked.len());
}

#[tokio::test]
async fn a_cursor_is_good_as_it_was_given_and_for_its_search_only() {
    let (system, admin) = with_people().await;
    let cursor = search(&admin, "x&limit=1").await.header("x-next-cursor").to_owned();
    let other = system.with_role("other@example.com", "super_admin").await;
    assert_eq!(search(&other, &format!("x&cursor={cursor}")).await.invalid(), ["cursor"], "another caller");
    search(&admin, &format!("X&cursor={cursor}")).await.expect(200);
    let listed = admin.get(&format!("{PATH}?limit=1")).await.header("x-next-cursor").to_owned();
    let edited = format!("{}A", &cursor[..cursor.len() - 1]);
    for query in [
        format!("search=xa&cursor={cursor}"),
        format!("search=x&role=user&cursor={cursor}"),
        format!("cursor={cursor}"),
        format!("search=x&cursor={listed}"),
        format!("search=x&cursor={edited}B"),
        format!(
            "search=x&cursor={}",
            cursor.replacen(&cursor[..1], if cursor.starts_with('A') { "B" } else { "A" }, 1)
        ),
    ] {
        assert_eq!(admin.get(&format!("{PATH}?{query}")).await.invalid(), ["cursor"], "{query}");
    }
}

#[tokio::test]
async fn what_cannot_be_searched_for_is_a_400() {
    let (_system, admin) = with_people().await;
    let long = "a".repeat(101);
    for text in ["", "%20", &long, "a%0Ab", "%00"] {
        assert_eq!(search(&admin, text).await.invalid(), ["search"], "{text}");
    }
    assert_eq!(names(&search(&admin, &"a".repeat(100)).await), [""; 0]);
    let wrong = search(&admin, "&role=no%20role&active=1&limit=0").await;
    assert_eq!(sorted(wrong.invalid()), ["active", "limit", "role", "search"]);
}

fn sorted(mut list: Vec<String>) -> Vec<String> {
    list.sort();
    list
}

#[tokio::test]
async fn who_is_deleted_or_renamed_is_found_no_more_by_what_they_were() {
    let (_system, admin) = with_people().await;
    let id = |answer: Answer| answer.json()["users"][0]["id"].as_str().unwrap().to_owned();
    let (zed, annie) = (id(search(&admin, "zed").await), id(search(&admin, "annie").await));
    let names_of_annie = json!({ "username": "bea", "first_name": "Béa" });
    admin.put(&format!("{PATH}/{annie}"), names_of_annie).await.expect(200);
    admin.send(Method::DELETE, &format!("{PATH}/{zed}"), None).await.expect(200);
    assert_eq!(names(&search(&admin, "an").await), ["walt", "yves"]);
    for query in ["zoe", "zed", "xzed", "and"] {
        assert_eq!(search(&admin, query).await.json()["users"], Value::Array(Vec::new()), "{query}");
    }
    for query in ["be", "bé"] {
        assert_eq!(names(&search(&admin, query).await), ["annie"], "{query}");
    }
}
