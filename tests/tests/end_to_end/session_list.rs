//! Sessions one can see and end: one's own, and as an administrator those of whoever ranks below; nobody else's.

use futures::future::{join, join_all};
use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderValue, USER_AGENT};
use serde_json::{Value, json};
use tests::{Answer, Client, PASSWORD, System};

const ADA: &str = "ada@example.com";
const ME: &str = "/api/v1/auth/me";
const OWN: &str = "/api/v1/auth/sessions";
const DAY: i64 = 86_400;

/// The sessions of a list, newest first.
fn items(answer: &Answer) -> Vec<Value> {
    answer.expect(200)["items"].as_array().unwrap().clone()
}

/// The id of the session that a client asks from.
async fn id_of(client: &Client) -> String {
    let current = items(&client.get(OWN).await).into_iter().find(|session| session["current"] == true);
    current.unwrap()["session_id"].as_str().unwrap().to_owned()
}

async fn signed_in_again(system: &System) -> Client {
    system.anybody().signed_in(ADA, PASSWORD).await
}

async fn theirs(client: &Client) -> String {
    format!("{}/sessions", client.admin_path().await)
}

/// The very next request with either token is refused.
async fn assert_ended(client: &Client) {
    assert_eq!(client.get(ME).await.refused(401), "SESSION_ENDED");
    assert_eq!(client.refresh(&client.refresh_token).await.refused(401), "SESSION_ENDED");
}

async fn assert_goes_on(client: &mut Client) {
    client.get(ME).await.expect(200);
    client.take_tokens(&client.refresh(&client.refresh_token).await.expect(200));
    client.get(ME).await.expect(200);
}

#[tokio::test]
async fn a_list_shows_when_and_where_one_is_signed_in_and_which_is_current() {
    let system = System::start().await;
    let first = system.user(ADA).await;
    system.advance(60).await;
    let browser = "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0";
    let login = system.anybody().request(Method::POST, "/api/v1/auth/login");
    let login = login.headers(HeaderMap::from_iter([(USER_AGENT, HeaderValue::from_static(browser))]));
    let login = login.json(&json!({ "email": ADA, "password": PASSWORD }));
    Answer::of(login).await.expect(200);
    let example = json!({
        "items": [{
            "session_id": "ses_abc",
            "current": true,
            "created_at": "2024-01-15T10:30:00Z",
            "last_used_at": "2024-01-15T10:30:00Z",
            "expires_at": "2024-01-22T10:30:00Z",
            "ip_address": "10.0.0.1",
            "user_agent": "tests",
            "device": "tests",
        }],
        "total": 2, "limit": 10, "offset": 0, "has_next": false, "has_prev": false,
        "current_page": 1, "total_pages": 1,
    });
    let list = first.get(OWN).await.like(200, &example);
    let [newer, older] = &list["items"].as_array().unwrap()[..] else { panic!("{list}") };
    assert_eq!([&older["current"], &newer["current"]], [true, false]);
    assert_eq!([&older["device"], &newer["device"]], ["tests", "Firefox on Linux"]);
    assert_eq!(newer["user_agent"], browser);
    assert_ne!(older["ip_address"], newer["ip_address"]);
    assert_eq!(list["total"], 2);
}

#[tokio::test]
async fn a_refresh_is_a_use_of_its_session() {
    let system = System::start().await;
    let mut user = system.user(ADA).await;
    let before = items(&user.get(OWN).await).remove(0);
    system.advance(60).await;
    user.take_tokens(&user.refresh(&user.refresh_token).await.expect(200));
    let after = items(&user.get(OWN).await).remove(0);
    assert_ne!(after["last_used_at"], before["last_used_at"]);
    for field in ["session_id", "created_at", "expires_at", "current"] {
        assert_eq!(after[field], before[field], "{field}");
    }
}

#[tokio::test]
async fn ending_a_session_ends_it_at_once_and_no_other() {
    let system = System::start().await;
    let mut here = system.user(ADA).await;
    let there = signed_in_again(&system).await;
    let id = id_of(&there).await;
    let ended =
        here.delete(&format!("{OWN}/{id}")).await.like(200, &json!({ "message": "", "session_id": "" }));
    assert_eq!(ended["session_id"], id);
    assert_ended(&there).await;
    assert_goes_on(&mut here).await;
    assert_eq!(here.delete(&format!("{OWN}/{id}")).await.refused(404), "SESSION_NOT_FOUND", "it is over");
    let events = system.events("user.session_ended").await;
    assert_eq!((events.len(), &events[0]["data"]["session_id"]), (1, &json!(id)));
}

#[tokio::test]
async fn ending_the_current_session_is_a_logout() {
    let system = System::start().await;
    let user = system.user(ADA).await;
    user.delete(&format!("{OWN}/{}", id_of(&user).await)).await.expect(200);
    assert_ended(&user).await;
    assert_eq!(system.events("user.logout").await.len(), 1);
    assert!(system.events("user.session_ended").await.is_empty());
}

#[tokio::test]
async fn ending_all_sessions_keeps_the_current_one() {
    let system = System::start().await;
    let mut here = system.user(ADA).await;
    let others = [signed_in_again(&system).await, signed_in_again(&system).await];
    here.delete(OWN).await.expect(200);
    for other in &others {
        assert_ended(other).await;
    }
    assert_goes_on(&mut here).await;
    assert_eq!(items(&here.get(OWN).await).len(), 1);
    assert_eq!(system.events("user.sessions_ended").await.len(), 1);
    // It is of the new generation: the next time it is kept, or ended, like any other.
    let mut later = signed_in_again(&system).await;
    later.delete(OWN).await.expect(200);
    assert_ended(&here).await;
    assert_goes_on(&mut later).await;
}

#[tokio::test]
async fn all_sessions_end_if_the_current_one_is_included() {
    let system = System::start().await;
    let (here, there) = (system.user(ADA).await, signed_in_again(&system).await);
    for value in ["", "yes", "1"] {
        let answer = here.delete(&format!("{OWN}?include_current={value}")).await;
        assert_eq!(answer.invalid(), ["include_current"]);
    }
    here.delete(&format!("{OWN}?include_current=true")).await.expect(200);
    assert_ended(&here).await;
    assert_ended(&there).await;
}

#[tokio::test]
async fn of_many_sessions_that_end_all_others_at_once_one_is_left() {
    let system = System::start().await;
    let mut clients = vec![system.user(ADA).await];
    for _ in 0..5 {
        clients.push(signed_in_again(&system).await);
    }
    let answers = join_all(clients.iter().map(|client| client.delete(OWN))).await;
    // A loser hears 409, or, coming late, that its own session is over.
    assert!(answers.iter().all(|answer| [200, 401, 409].contains(&answer.status)), "{answers:?}");
    let winners: Vec<_> = (0..clients.len()).filter(|n| answers[*n].status == 200).collect();
    assert_eq!(winners.len(), 1);
    for (n, client) in clients.iter_mut().enumerate() {
        if winners.contains(&n) { assert_goes_on(client).await } else { assert_ended(client).await }
    }
    let user = system.items("user").await.into_iter().find(|user| user["email"] == ADA).unwrap();
    assert_eq!(user["generation"], 1);
}

#[tokio::test]
async fn a_change_of_the_account_meanwhile_brings_no_session_back() {
    let system = System::start().await;
    let admin = system.admin().await;
    let path = system.user(ADA).await.admin_path().await;
    for _ in 0..8 {
        let user = signed_in_again(&system).await;
        // The change, which has read the account, waits a moment before it writes.
        let fault = json!({ "service": "dynamodb", "operation": "TransactWriteItems", "kind": "throttle", "count": 2 });
        system.order_fault(fault).await;
        let change = admin.put(&path, json!({ "first_name": "Ada" }));
        let (_, ended) = join(change, user.delete(&format!("{OWN}?include_current=true"))).await;
        system.cancel_faults().await;
        if ended.status == 200 {
            assert_ended(&user).await;
        }
    }
}

#[tokio::test]
async fn an_administrator_sees_and_ends_a_users_sessions() {
    let system = System::start().await;
    let admin = system.with_role("admin@example.com", "admin").await;
    let (one, mut other) = (system.user(ADA).await, signed_in_again(&system).await);
    let path = theirs(&one).await;
    let list = items(&admin.get(&path).await);
    assert!(list.len() == 2 && list.iter().all(|session| session["current"] == false), "{list:?}");
    let id = id_of(&one).await;
    let ended = admin.delete(&format!("{path}/{id}")).await.expect(200);
    assert_eq!(ended["session_id"], id);
    assert_ended(&one).await;
    assert_goes_on(&mut other).await;
    assert_eq!(admin.delete(&format!("{path}/{id}")).await.refused(404), "SESSION_NOT_FOUND");

    admin.delete(&path).await.expect(200);
    assert_ended(&other).await;
    assert!(items(&admin.get(&path).await).is_empty());
    signed_in_again(&system).await.get(ME).await.expect(200);
    assert_eq!(system.events("admin.user_session_ended").await.len(), 1);
    assert_eq!(system.events("admin.user_sessions_ended").await.len(), 1);
}

#[tokio::test]
async fn nobody_sees_or_ends_the_sessions_of_another() {
    let system = System::start().await;
    let (mut user, other) = (system.user(ADA).await, system.user("eve@example.com").await);
    let id = id_of(&user).await;
    assert!(items(&other.get(OWN).await).iter().all(|session| session["session_id"] != id));
    for id in [id.as_str(), "ses_00000000000040008000000000000000", "ses_", "USER", "%23"] {
        assert_eq!(other.delete(&format!("{OWN}/{id}")).await.refused(404), "SESSION_NOT_FOUND", "{id}");
    }
    other.delete(OWN).await.expect(200);
    let admin = system.admin().await;
    let mismatched = format!("{}/{id}", theirs(&other).await);
    assert_eq!(admin.delete(&mismatched).await.refused(404), "SESSION_NOT_FOUND");
    assert_goes_on(&mut user).await;
}

#[tokio::test]
async fn sessions_of_peers_and_of_oneself_are_no_administrators_business() {
    let system = System::start().await;
    let admin = system.with_role("admin@example.com", "admin").await;
    let mut peer = system.with_role("peer@example.com", "admin").await;
    let id = id_of(&peer).await;
    for (whose, code) in [(&peer, "INSUFFICIENT_PERMISSIONS"), (&admin, "OWN_ACCOUNT")] {
        let path = theirs(whose).await;
        assert_eq!(admin.get(&path).await.refused(403), code);
        assert_eq!(admin.delete(&path).await.refused(403), code);
        assert_eq!(admin.delete(&format!("{path}/{id}")).await.refused(403), code);
    }
    assert_goes_on(&mut peer).await;
    let nobody = "/api/v1/admin/users/usr_00000000000040008000000000000000/sessions";
    assert_eq!(admin.get(nobody).await.refused(404), "USER_NOT_FOUND");
}

#[tokio::test]
async fn what_is_over_is_not_shown_and_cannot_be_ended_again() {
    let system = System::start().await;
    let first = system.user(ADA).await;
    let logged_out = id_of(&first).await;
    first.post("/api/v1/auth/logout", json!({})).await.expect(200);
    let second = signed_in_again(&system).await;
    let older_generation = id_of(&second).await;
    assert_eq!(items(&second.get(OWN).await).len(), 1, "one was logged out");
    signed_in_again(&system).await.delete(OWN).await.expect(200);
    let third = signed_in_again(&system).await;
    let expired = id_of(&third).await;
    assert_eq!(items(&third.get(OWN).await).len(), 2, "older generations are over");
    for id in [&logged_out, &older_generation] {
        assert_eq!(third.delete(&format!("{OWN}/{id}")).await.refused(404), "SESSION_NOT_FOUND");
    }
    system.advance(7 * DAY).await;
    let now = signed_in_again(&system).await;
    assert_eq!(items(&now.get(OWN).await).len(), 1, "the others expired");
    assert_eq!(items(&system.admin().await.get(&theirs(&now).await).await).len(), 1);
    assert_eq!(now.delete(&format!("{OWN}/{expired}")).await.refused(404), "SESSION_NOT_FOUND");
}

#[tokio::test]
async fn a_list_comes_in_pages_by_number_and_by_cursor() {
    let system = System::start().await;
    let user = system.user(ADA).await;
    for _ in 0..4 {
        system.advance(1).await;
        user.login(ADA, PASSWORD).await.expect(200);
    }
    let whole = items(&user.get(OWN).await);
    let (mut numbered, mut linked) = (Vec::new(), Vec::new());
    for number in 1..=4 {
        numbered.extend(items(&user.get(&format!("{OWN}?limit=2&page={number}")).await));
    }
    assert_eq!((whole.len(), &numbered), (5, &whole));
    let mut cursor = String::new();
    for (number, count) in [(1, 2), (2, 2), (3, 1)] {
        let page = user.get(&format!("{OWN}?limit=2{cursor}")).await;
        let block = page.expect(200);
        let fields = ["total", "offset", "current_page", "total_pages"].map(|field| block[field].clone());
        assert_eq!(fields, [5, 2 * (number - 1), number, 3]);
        assert_eq!([&block["has_prev"], &block["has_next"]], [number > 1, number < 3]);
        assert_eq!(page.header("x-next-cursor").is_empty(), number == 3);
        assert_eq!(items(&page).len(), count);
        linked.extend(items(&page));
        cursor = format!("&cursor={}", page.header("x-next-cursor"));
    }
    assert_eq!(linked, whole);
}

#[tokio::test]
async fn a_page_that_cannot_be_is_a_400_that_names_the_parameter() {
    let system = System::start().await;
    let (admin, user) = (system.admin().await, system.user(ADA).await);
    user.login(ADA, PASSWORD).await.expect(200);
    let other = system.with_role("other@example.com", "super_admin").await;
    let theirs = theirs(&user).await;
    // The one is of another list, the other one of the same list for another caller.
    let cursor = async |client: &Client, path: &str| {
        let cursor = client.get(&format!("{path}?limit=1")).await.header("x-next-cursor").to_owned();
        assert!(!cursor.is_empty());
        cursor
    };
    let (of_own, of_another) = (cursor(&user, OWN).await, cursor(&other, &theirs).await);
    for (client, path) in [(&admin, OWN), (&admin, theirs.as_str())] {
        for (name, values) in [
            ("page", ["0", "x"]),
            ("limit", ["0", "101"]),
            ("per_page", ["0", "101"]),
            ("cursor", [of_own.as_str(), of_another.as_str()]),
        ] {
            for value in values {
                assert_eq!(client.get(&format!("{path}?{name}={value}")).await.invalid(), [name], "{value}");
            }
        }
    }
}

#[tokio::test]
async fn who_is_not_approved_yet_sees_and_ends_their_own() {
    let system = System::start().await;
    let mut unapproved = system.verified(ADA).await.0;
    let other = signed_in_again(&system).await;
    assert_eq!(items(&unapproved.get(OWN).await).len(), 2);
    unapproved.delete(OWN).await.expect(200);
    assert_ended(&other).await;
    assert_goes_on(&mut unapproved).await;
}
