//! `ETag` and `If-Match`: nobody overwrites what they have not seen, and nothing is lost in silence.

use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use tests::{Answer, Client, NEW_PASSWORD, PASSWORD, System};

async fn send_if(client: &Client, tag: &str, (method, path): (Method, &str), body: Value) -> Answer {
    Answer::of(client.request(method, path).header("if-match", tag).json(&body)).await
}

/// Two administrators, somebody else, and where their record is.
async fn people(system: &System) -> (Client, Client, Client, String) {
    let other = system.with_role("other@example.com", "admin").await;
    let ada = system.user("ada@example.com").await;
    let path = ada.admin_path().await.replace("/admin", "");
    (system.admin().await, other, ada, path)
}

#[tokio::test]
async fn of_two_administrators_who_saw_the_same_state_the_second_is_told() {
    let system = System::start().await;
    let (one, other, _, path) = people(&system).await;
    for method in [Method::PUT, Method::PATCH] {
        let tag = one.get(&path).await.header("etag").to_owned();
        let first = json!({ "first_name": if method == Method::PUT { "Ada" } else { "Augusta" } });
        send_if(&one, &tag, (method.clone(), &path), first.clone()).await.expect(200);
        let second = send_if(&other, &tag, (method, &path), json!({ "last_name": "Byron" })).await;
        assert_eq!(second.refused(412), "PRECONDITION_FAILED");
        let user = one.get(&path).await.expect(200);
        assert_eq!([&user["first_name"], &user["last_name"]], [&first["first_name"], &json!("Doe")]);
    }
}

#[tokio::test]
async fn of_many_changes_of_one_state_one_is_made() {
    let system = System::start().await;
    let (admin, _, _, path) = people(&system).await;
    let tag = admin.get(&path).await.header("etag").to_owned();
    let phones: Vec<_> = (0..8).map(|number| json!({ "phone": format!("{number}") })).collect();
    let answers =
        join_all(phones.iter().map(|phone| send_if(&admin, &tag, (Method::PATCH, &path), phone.clone())))
            .await;
    let (made, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    assert_eq!((made.len(), refused.len()), (1, 7));
    assert!(refused.iter().all(|answer| answer.refused(412) == "PRECONDITION_FAILED"));
    assert_eq!(admin.get(&path).await.expect(200)["phone"], made[0].json()["phone"]);
}

#[tokio::test]
async fn without_a_tag_a_change_is_made_or_its_client_is_told() {
    let system = System::start().await;
    let (admin, other, ada, path) = people(&system).await;
    let changes = [
        (&admin, json!({ "first_name": "Augusta" })),
        (&other, json!({ "last_name": "Byron" })),
        (&ada, json!({ "phone": "+44" })),
        (&admin, json!({ "username": "ada" })),
        (&other, json!({ "role": "manager" })),
    ];
    let send = |(client, body): &(&Client, Value)| {
        let (client, body, path) = ((*client).clone(), body.clone(), path.clone());
        async move { client.send(Method::PATCH, &path, Some(body)).await }
    };
    let answers = join_all(changes.iter().map(send)).await;
    let user = admin.get(&path).await.expect(200);
    for ((_, change), answer) in changes.iter().zip(&answers) {
        let (field, value) = change.as_object().unwrap().iter().next().unwrap();
        match answer.status {
            200 => assert_eq!(user[field], *value, "nothing that was made is lost"),
            _ => assert_eq!(answer.refused(409), "CHANGED_MEANWHILE"),
        }
    }
    assert!(answers.iter().any(|answer| answer.status == 200));
}

#[tokio::test]
async fn every_route_of_an_account_tells_and_takes_the_same_tag() {
    let system = System::start().await;
    let (admin, _, ada, path) = people(&system).await;
    let admin_path = ada.admin_path().await;
    let mut tags = Vec::new();
    for (client, route, field) in [
        (&admin, path.as_str(), "first_name"),
        (&admin, &admin_path, "last_name"),
        (&ada, "/api/v1/profile/me", "first_name"),
        (&ada, &path, "last_name"),
    ] {
        let tag = client.get(route).await.header("etag").to_owned();
        for stale in [format!("W/{tag}"), "\"0\"".to_owned(), "1".to_owned(), String::new()] {
            let answer = send_if(client, &stale, (Method::PUT, route), json!({ field: "Augusta" })).await;
            assert_eq!(answer.refused(412), "PRECONDITION_FAILED", "{route} {stale}");
        }
        let list = format!("\"0\", {tag}");
        let changed =
            send_if(client, &list, (Method::PUT, route), json!({ field: route_name(tags.len()) })).await;
        changed.expect(200);
        assert_eq!(changed.header("etag"), client.get(route).await.header("etag"), "{route}");
        send_if(client, "*", (Method::PUT, route), json!({})).await.expect(200);
        tags.push(tag);
    }
    let all = tags.len();
    tags.dedup();
    assert_eq!(tags.len(), all, "each change makes another tag: {tags:?}");
}

fn route_name(number: usize) -> &'static str {
    ["Anna", "Berta", "Clara", "Dora"][number]
}

#[tokio::test]
async fn whatever_a_person_does_to_an_account_makes_another_tag_and_a_login_does_not() {
    let system = System::start().await;
    let admin = system.admin().await;
    let registered = system.register("ada@example.com").await;
    let path = format!("/api/v1/users/{}", registered["user_id"].as_str().unwrap());
    let tag = async || admin.get(&path).await.header("etag").to_owned();
    let mut tags = vec![tag().await];
    let verify = json!({ "token": registered["verification_token"] });
    admin.post("/api/v1/auth/verify-email", verify).await.expect(200);
    tags.push(tag().await);
    let approve = json!({ "user_id": registered["user_id"] });
    admin.post("/api/v1/admin/approve-user", approve).await.expect(200);
    tags.push(tag().await);
    let ada = system.anybody().signed_in("ada@example.com", PASSWORD).await;
    assert_eq!(tags.last(), Some(&tag().await), "signing in");
    ada.put("/api/v1/profile/me", json!({ "first_name": "Augusta" })).await.expect(200);
    tags.push(tag().await);
    ada.put(&path, json!({ "username": "ada" })).await.expect(200);
    tags.push(tag().await);
    let passwords = json!({ "current_password": PASSWORD, "new_password": NEW_PASSWORD });
    ada.post("/api/v1/auth/change-password", passwords).await.expect(200);
    tags.push(tag().await);
    for body in [json!({ "role": "manager" }), json!({ "active": false }), json!({ "active": true })] {
        admin.put(&path, body).await.expect(200);
        tags.push(tag().await);
    }
    let all = tags.len();
    tags.sort();
    tags.dedup();
    assert_eq!(tags.len(), all);
}

#[tokio::test]
async fn nobody_decides_about_a_state_that_they_have_not_seen() {
    let system = System::start().await;
    let admin = system.admin().await;
    let id = system.register_and_verify("ada@example.com").await;
    let (path, admin_path) = (format!("/api/v1/users/{id}"), format!("/api/v1/admin/users/{id}"));
    let reject = format!("{admin_path}/reject");
    let stale = admin.get(&path).await.header("etag").to_owned();
    let seen = admin.put(&path, json!({ "first_name": "Eve" })).await;
    for (method, path, body) in [
        (Method::DELETE, path.as_str(), json!({})),
        (Method::DELETE, &admin_path, json!({})),
        (Method::POST, &reject, json!({})),
        (Method::POST, "/api/v1/admin/approve-user", json!({ "user_id": id })),
    ] {
        let answer = send_if(&admin, &stale, (method, path), body).await;
        assert_eq!(answer.refused(412), "PRECONDITION_FAILED", "{path}");
    }
    assert_eq!(admin.get(&path).await.expect(200), seen.expect(200));
    send_if(&admin, seen.header("etag"), (Method::DELETE, &path), json!({})).await.expect(200);
}

#[tokio::test]
async fn a_browser_may_send_and_read_tags() {
    let origin = "https://app.example.com";
    let system = System::start_with(&[("CORS_ORIGINS", origin)]).await;
    let asked = system.anybody().request(Method::OPTIONS, "/api/v1/users/x").header("origin", origin);
    let asked = asked.header("access-control-request-method", "PATCH");
    let answer = Answer::of(asked.header("access-control-request-headers", "if-match")).await;
    assert!(answer.header("access-control-allow-headers").contains("if-match"), "{:?}", answer.headers);
    let get = system.anybody().request(Method::GET, "/api/v1/users").header("origin", origin);
    assert!(Answer::of(get).await.header("access-control-expose-headers").contains("etag"));
}
