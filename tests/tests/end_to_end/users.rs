//! `/api/v1/users`: each documented request works as printed and is answered with the fields of its example; and
//! who may do what with whose record.

use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use tests::{Answer, Client, PASSWORD, System};

const PATH: &str = "/api/v1/users";

fn record() -> Value {
    json!({
        "id": "550e8400-e29b-41d4-a716-446655440000",
        "user_id": "usr_550e8400e29b41d4a716446655440000",
        "username": "john_doe",
        "email": "john@example.com",
        "first_name": "John",
        "last_name": "Doe",
        "role": "user",
        "is_active": true,
        "active": true,
        "must_change_password": true,
        "created_at": "2025-10-12T13:41:12.263147Z",
        "updated_at": "2025-10-12T13:41:12.263147Z",
    })
}

fn form(username: &str) -> Value {
    let email = format!("{username}@example.com");
    json!({ "username": username, "email": email, "password": PASSWORD, "must_change_password": false })
}

async fn patch(client: &Client, path: &str, body: Value) -> Answer {
    client.send(Method::PATCH, path, Some(body)).await
}

/// Somebody with a user name, signed in, and where their record is.
async fn person(system: &System, username: &str) -> (Client, String) {
    let created = system.admin().await.post(PATH, form(username)).await.expect(201);
    let client = system.anybody().signed_in(&format!("{username}@example.com"), PASSWORD).await;
    (client, format!("{PATH}/{}", created["id"].as_str().unwrap()))
}

#[tokio::test]
async fn a_user_is_created_with_a_user_name_as_documented() {
    let system = System::start().await;
    let request = json!({
        "username": "john_doe",
        "email": "john@example.com",
        "password": "SecurePass123!",
        "first_name": "John",
        "last_name": "Doe",
    });
    let admin = system.admin().await;
    let created = admin.post("/v1/users", request).await.like(201, &record());
    for field in ["username", "email", "first_name", "last_name", "role", "is_active", "must_change_password"]
    {
        assert_eq!(created[field], record()[field], "{field}");
    }
    assert_eq!([&created["is_verified"], &created["is_approved"]], [true, true]);
    let path = format!("/v1/users/{}", created["id"].as_str().unwrap());
    assert_eq!(admin.get(&path).await.like(200, &record()), created);

    let john = system.anybody().signed_in("john@example.com", PASSWORD).await;
    assert_eq!(john.get(&path).await.refused(403), "PASSWORD_CHANGE_REQUIRED");
}

#[tokio::test]
async fn a_user_is_created_by_their_address_as_documented() {
    let system = System::start().await;
    let request = json!({ "username": "Jane@Example.com", "password": PASSWORD, "role": "superuser" });
    let example = json!({
        "user_id": "usr_xyz789", "username": "jane@example.com", "role": "manager", "created_at": record()["created_at"],
    });
    let created = system.admin().await.post(PATH, request).await.like(201, &example);
    assert_eq!([&created["username"], &created["role"]], [&example["username"], &example["role"]]);
    assert_eq!((&created["first_name"], &created["must_change_password"]), (&json!(""), &json!(true)));
}

#[tokio::test]
async fn an_account_needs_an_address_and_takes_no_other_for_its_user_name() {
    let system = System::start().await;
    let admin = system.admin().await;
    for request in [json!({ "password": PASSWORD }), json!({ "password": PASSWORD, "username": "john" })] {
        let refused = admin.post(PATH, request).await;
        assert_eq!(refused.refused(422), "INVALID_REQUEST");
        assert_eq!(refused.json()["details"]["data"][0]["field"], "email");
    }
    for (request, fields) in [
        (json!({ "password": PASSWORD, "username": "john@" }), ["username"].as_slice()),
        (
            json!({ "password": PASSWORD, "username": "a@example.com", "email": "b@example.com" }),
            &["username"],
        ),
        (json!({ "password": "short", "username": "x", "email": "b@" }), &["email", "username", "password"]),
    ] {
        let mut invalid = admin.post(PATH, request).await.invalid();
        invalid.dedup();
        assert_eq!(invalid, fields);
    }
}

#[tokio::test]
async fn what_is_taken_is_told_and_nothing_is_made() {
    let system = System::start().await;
    let admin = system.admin().await;
    admin.post(PATH, form("john")).await.expect(201);
    let mut other = form("john");
    assert_eq!(admin.post(PATH, other.clone()).await.refused(409), "EMAIL_EXISTS");
    other["email"] = json!("other@example.com");
    assert_eq!(admin.post(PATH, other.clone()).await.refused(409), "USERNAME_EXISTS");
    other["username"] = json!("other");
    admin.post(PATH, other).await.expect(201);
    assert_eq!(system.events("admin.user_created").await.len(), 2);
}

#[tokio::test]
async fn users_are_listed_as_documented() {
    let system = System::start().await;
    let admin = system.admin().await;
    for name in ["ada", "bob", "eve"] {
        admin.post(PATH, form(name)).await.expect(201);
    }
    patch(&admin, &path_of(&admin, "eve").await, json!({ "active": false })).await.expect(200);
    system.drain().await;
    let example = json!({
        "users": [record()], "total": 2, "page": 1, "per_page": 1, "limit": 1, "offset": 0, "has_next": true,
        "has_prev": false, "current_page": 1, "total_pages": 2,
    });
    let page = admin.get(&format!("{PATH}?page=1&per_page=1&role=normal&active=true")).await;
    let list = page.like(200, &example);
    assert_eq!((page.header("x-total-count"), list["users"][0]["username"].as_str()), ("2", Some("ada")));
    for (field, value) in example.as_object().unwrap().iter().filter(|(field, _)| *field != "users") {
        assert_eq!(list[field], *value, "{field}");
    }
    let whole = admin.get(PATH).await.expect(200);
    assert_eq!((whole["users"].as_array().unwrap().len(), &whole["per_page"]), (4, &json!(20)));
}

/// Where the record of somebody with this user name is.
async fn path_of(client: &Client, username: &str) -> String {
    let found = client.get(&format!("{PATH}?search={username}")).await.expect(200);
    format!("{PATH}/{}", found["users"][0]["id"].as_str().unwrap())
}

#[tokio::test]
async fn a_user_is_changed_as_documented_and_the_rest_stays() {
    let system = System::start().await;
    let (john, path) = person(&system, "john").await;
    let admin = system.admin().await;
    let before = admin.get(&path).await.expect(200);
    let put = admin.put(&path, json!({ "role": "superuser", "active": true })).await.like(200, &record());
    assert_eq!([&put["role"], &put["email"]], [&json!("manager"), &before["email"]]);
    let wishes = json!({
        "first_name": "jon", "username": "Jonny", "phone": " +44 20 7946 0000 ", "metadata": { "team": ["a", 1.5] },
        "is_verified": false, "login_count": 7,
    });
    let patched = patch(&admin, &path, wishes).await.expect(200);
    let mut expected = put.clone();
    for (field, value) in [
        ("first_name", json!("Jon")),
        ("username", json!("jonny")),
        ("phone", json!("+44 20 7946 0000")),
        ("metadata", json!({ "team": ["a", 1.5] })),
        ("updated_at", patched["updated_at"].clone()),
    ] {
        expected[field] = value;
    }
    assert_eq!(patched, expected);
    assert_eq!(admin.get(&path).await.expect(200), expected);
    let off =
        patch(&admin, &path, json!({ "is_active": false, "phone": "", "metadata": {} })).await.expect(200);
    assert_eq!((&off["active"], &off["phone"], &off["metadata"]), (&json!(false), &Value::Null, &json!({})));
    assert_eq!(john.get(&path).await.refused(401), "SESSION_ENDED");
}

#[tokio::test]
async fn a_change_of_nothing_is_none() {
    let system = System::start().await;
    let (_, path) = person(&system, "john").await;
    let admin = system.admin().await;
    let before = admin.get(&path).await;
    let same = before.expect(200);
    for body in [json!({}), json!({ "role": null }), same.clone()] {
        for method in [Method::PUT, Method::PATCH] {
            let answer = admin.send(method, &path, Some(body.clone())).await;
            assert_eq!((answer.expect(200), answer.header("etag")), (same.clone(), before.header("etag")));
        }
    }
    assert_eq!(system.events("admin.user_updated").await.len(), 0);
}

#[tokio::test]
async fn a_person_reads_their_own_record_and_learns_of_no_other() {
    let system = System::start().await;
    let (john, path) = person(&system, "john").await;
    let (_, other) = person(&system, "jane").await;
    assert_eq!(john.get(&path).await.expect(200)["username"], "john");
    for path in [other.as_str(), "/api/v1/users/usr_00000000000040008000000000000000", "/api/v1/users/x"] {
        assert_eq!(john.get(path).await.refused(403), "INSUFFICIENT_PERMISSIONS");
        assert_eq!(
            patch(&john, path, json!({ "role": "x y" })).await.refused(403),
            "INSUFFICIENT_PERMISSIONS"
        );
    }
    assert_eq!(system.admin().await.get("/api/v1/users/x").await.refused(404), "USER_NOT_FOUND");
}

#[tokio::test]
async fn a_person_changes_how_they_are_called_and_reached_and_nothing_else() {
    let system = System::start().await;
    let (john, path) = person(&system, "john").await;
    let wishes = json!({ "first_name": "Jon", "last_name": "Smith", "username": "jonny", "phone": "+1 555" });
    let changed = john.put(&path, wishes.clone()).await.expect(200);
    for (field, value) in wishes.as_object().unwrap() {
        assert_eq!(changed[field], *value, "{field}");
    }
    let root = system.admin().await;
    let own_of_root = root.admin_path().await.replace("/admin", "");
    for body in [
        json!({ "role": "manager" }),
        json!({ "active": false }),
        json!({ "is_active": false, "first_name": "Eve" }),
        json!({ "must_change_password": true }),
        json!({ "metadata": { "vip": true } }),
    ] {
        assert_eq!(patch(&john, &path, body.clone()).await.refused(403), "OWN_ACCOUNT", "{body}");
        assert_eq!(patch(&root, &own_of_root, body).await.refused(403), "OWN_ACCOUNT");
    }
    assert_eq!(john.put(&path, changed.clone()).await.expect(200), changed, "what is so already is no wish");
    let events = system.events("user.profile_updated").await;
    assert_eq!(events[0]["data"]["fields"], json!(["first_name", "last_name", "username", "phone"]));
}

#[tokio::test]
async fn the_same_address_is_no_change() {
    let system = System::start().await;
    let (john, path) = person(&system, "john").await;
    for client in [&john, &system.admin().await] {
        let two = json!({ "email": "john@example.com", "username": "new@example.com" });
        assert_eq!(patch(client, &path, two).await.invalid(), ["username"]);
        let same = json!({ "email": "John@example.com", "username": "john@example.com" });
        assert_eq!(patch(client, &path, same).await.expect(200)["username"], "john");
    }
    assert_eq!(system.events("user.email_changed").await.len(), 0);
}

#[tokio::test]
async fn a_record_without_a_user_name_comes_back_whole_with_either_of_its_addresses_edited() {
    let system = System::start().await;
    let admin = system.admin().await;
    let both = json!({ "username": "ada@example.com", "email": "Ada@example.com", "password": PASSWORD });
    let mut record = admin.post(PATH, both).await.expect(201);
    let path = format!("{PATH}/{}", record["id"].as_str().unwrap());
    for (field, address) in [("email", "king@example.com"), ("username", "lovelace@example.com")] {
        record[field] = json!(address);
        record = admin.put(&path, record).await.expect(200);
        assert_eq!([&record["email"], &record["username"]], [address, address]);
    }
    record["username"] = json!("ada");
    let named = admin.put(&path, record).await.expect(200);
    assert_eq!([&named["email"], &named["username"]], ["lovelace@example.com", "ada"]);
}

#[tokio::test]
async fn what_the_table_could_not_keep_is_refused() {
    let system = System::start().await;
    let (_, path) = person(&system, "john").await;
    let admin = system.admin().await;
    let deep = (0..40).fold(json!(1), |inner, _| json!({ "a": inner }));
    for metadata in [deep, json!({ "": 1 }), json!({ "n": 1e300 }), json!({ "a": "x".repeat(5_000) })] {
        assert_eq!(patch(&admin, &path, json!({ "metadata": metadata })).await.invalid(), ["metadata"]);
    }
    let wrong = json!({ "phone": "call me", "username": "a b", "first_name": "J", "role": "no role" });
    assert_eq!(patch(&admin, &path, wrong).await.invalid(), ["username", "first_name", "phone", "role"]);
    assert_eq!(patch(&admin, &path, json!({ "metadata": [] })).await.refused(422), "INVALID_REQUEST");
}

#[tokio::test]
async fn nobody_gives_a_role_or_edits_an_account_that_is_not_below_their_own() {
    let system = System::start().await;
    let manager = system.with_role("manager@example.com", "manager").await;
    let (_, below) = person(&system, "john").await;
    let peer =
        system.with_role("peer@example.com", "moderator").await.admin_path().await.replace("/admin", "");
    assert_eq!(
        patch(&manager, &below, json!({ "role": "manager" })).await.refused(403),
        "INSUFFICIENT_PERMISSIONS"
    );
    assert_eq!(
        patch(&manager, &peer, json!({ "phone": "1" })).await.refused(403),
        "INSUFFICIENT_PERMISSIONS"
    );
    patch(&manager, &below, json!({ "phone": "1" })).await.expect(200);
    let mut admin = form("boss");
    admin["role"] = json!("admin");
    let refused = system.with_role("admin@example.com", "admin").await.post(PATH, admin).await;
    assert_eq!(refused.refused(403), "INSUFFICIENT_PERMISSIONS");
}

#[tokio::test]
async fn a_user_name_has_one_owner_however_many_want_it_at_once() {
    let system = System::start().await;
    let admin = system.admin().await;
    let mut people = Vec::new();
    for number in 0..5 {
        people.push(person(&system, &format!("person{number}")).await);
    }
    let claims = people.iter().map(|(person, path)| patch(person, path, json!({ "username": "king" })));
    let create =
        admin.post(PATH, json!({ "username": "king", "email": "k@example.com", "password": PASSWORD }));
    let (answers, created) = futures::future::join(join_all(claims), create).await;
    let won = answers.iter().filter(|it| it.status == 200).count() + usize::from(created.status == 201);
    assert_eq!(won, 1);
    for answer in answers.iter().chain([&created]).filter(|it| it.status >= 300) {
        assert_eq!(answer.refused(409), "USERNAME_EXISTS");
    }
    let named = system.items("user").await.into_iter().filter(|user| user["username"] == "king").count();
    let claimed = system.table().await.into_iter().filter(|item| item["PK"] == "NAME#king").count();
    assert_eq!((named, claimed), (1, 1));
}

#[tokio::test]
async fn a_user_name_that_is_given_up_is_free() {
    let system = System::start().await;
    let (john, johns) = person(&system, "john").await;
    let (jane, janes) = person(&system, "jane").await;
    assert_eq!(patch(&jane, &janes, json!({ "username": "john" })).await.refused(409), "USERNAME_EXISTS");
    patch(&john, &johns, json!({ "username": "johnny" })).await.expect(200);
    patch(&jane, &janes, json!({ "username": "john" })).await.expect(200);
    let mut claims: Vec<_> =
        system.items("username").await.iter().map(|claim| claim["PK"].as_str().unwrap().to_owned()).collect();
    claims.sort();
    assert_eq!(claims, ["NAME#john", "NAME#johnny"]);
}

#[tokio::test]
async fn a_user_is_deleted_as_documented_and_nobody_deletes_themselves() {
    let system = System::start().await;
    let (john, path) = person(&system, "john").await;
    let admin = system.admin().await;
    let own = admin.admin_path().await.replace("/admin", "");
    assert_eq!(admin.send(Method::DELETE, &own, None).await.refused(400), "CANNOT_DELETE_YOURSELF");
    assert_eq!(john.send(Method::DELETE, &path, None).await.refused(403), "INSUFFICIENT_PERMISSIONS");
    let example = json!({ "message": "User deleted successfully" });
    let deleted = admin.send(Method::DELETE, &path, None).await.like(200, &example);
    assert_eq!(deleted["message"], example["message"]);
    assert_eq!(admin.get(&path).await.refused(404), "USER_NOT_FOUND");
    assert_eq!(john.get(&path).await.refused(401), "SESSION_ENDED");
    assert_eq!(admin.get(&format!("{PATH}?search=john")).await.expect(200)["users"], json!([]));
    assert_eq!(admin.post(PATH, form("john")).await.refused(409), "EMAIL_EXISTS");
}
