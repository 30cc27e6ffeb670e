//! `/_local` over HTTP, as a person and a test call it.

use serde_json::{Value, json};
use shared::clock::Timestamp;

use crate::{Local, Settings, start};

async fn local() -> Local {
    start(Settings::default()).await.unwrap()
}

async fn get(local: &Local, path: &str) -> Value {
    let body = reqwest::get(format!("{}{path}", local.url)).await.unwrap().bytes().await.unwrap();
    serde_json::from_slice(&body).unwrap()
}

async fn page(local: &Local, path: &str) -> String {
    let request =
        reqwest::Client::new().get(format!("{}{path}", local.url)).header("accept", "text/html,*/*");
    request.send().await.unwrap().error_for_status().unwrap().text().await.unwrap()
}

async fn post(local: &Local, path: &str, body: Value) -> (u16, Value) {
    let response =
        reqwest::Client::new().post(format!("{}{path}", local.url)).json(&body).send().await.unwrap();
    let status = response.status().as_u16();
    (status, serde_json::from_slice(&response.bytes().await.unwrap()).unwrap_or_default())
}

async fn send_mail(local: &Local, subject: &str, html: &str) {
    let mail = json!({
        "FromEmailAddress": "no-reply@example.com",
        "Destination": { "ToAddresses": ["ada@example.com"] },
        "Content": { "Simple": { "Subject": { "Data": subject }, "Body": { "Html": { "Data": html } } } },
    });
    let url = format!("{}/v2/email/outbound-emails", local.services.endpoints.aws);
    reqwest::Client::new().post(url).json(&mail).send().await.unwrap().error_for_status().unwrap();
}

#[tokio::test]
async fn the_overview_tells_tools_where_things_are() {
    let local = local().await;
    let overview = get(&local, "/_local").await;
    assert_eq!(overview["dynamodb_endpoint"], json!(local.services.endpoints.dynamodb));
    assert_eq!((&overview["table"], &overview["region"]), (&json!("usher-local-table"), &json!("us-east-1")));
    let page = page(&local, "/_local").await;
    assert!(page.contains("Mailbox") && page.contains("stream-fanout"), "{page}");
}

#[tokio::test]
async fn the_mailbox_shows_a_mail_without_running_it() {
    let local = local().await;
    send_mail(&local, "<script>1</script>", "<p title=\"a\">Hello</p>").await;
    assert_eq!(get(&local, "/_local/mail").await[0]["subject"], "<script>1</script>");
    let page = page(&local, "/_local/mail").await;
    assert!(!page.contains("<script>") && !page.contains("<p title"), "{page}");
    assert!(page.contains(r#"srcdoc="&lt;base target=_blank&gt;&lt;p title="#), "{page}");
}

#[tokio::test]
async fn the_clock_moves_forward() {
    let local = local().await;
    let (status, moved) = post(&local, "/_local/clock", json!({ "advance_seconds": 86400 })).await;
    assert_eq!(status, 200);
    let moved: Timestamp = serde_json::from_value(moved["now"].clone()).unwrap();
    assert!(moved > shared::clock::Clock::system().now() + jiff::SignedDuration::from_hours(23));
}

#[tokio::test]
async fn an_item_is_gone_when_the_clock_has_passed_its_time() {
    let local = local().await;
    let view = local.services.view();
    let expires_at = shared::clock::Clock::system().now().as_second() + 60;
    let item = serde_dynamo::to_item(json!({ "PK": "A", "SK": "B", "expires_at": expires_at })).unwrap();
    view.dynamodb.put_item().table_name(&view.table).set_item(Some(item)).send().await.unwrap();
    assert_eq!(get(&local, "/_local/table").await[0]["expires_at"], expires_at);
    post(&local, "/_local/clock", json!({ "advance_seconds": 61 })).await;
    assert_eq!(get(&local, "/_local/table").await, json!([]));
}

#[tokio::test]
async fn faults_are_ordered_and_cancelled() {
    let local = local().await;
    let fault = json!({
        "service": "dynamodb", "operation": null, "function": null, "kind": "throttle", "count": 2, "skip": 1,
    });
    assert_eq!(post(&local, "/_local/faults", fault.clone()).await, (200, json!([fault])));
    let url = format!("{}/_local/faults", local.url);
    let left = reqwest::Client::new().delete(url).send().await.unwrap().json::<Value>().await.unwrap();
    assert_eq!(left, json!([fault]));
}

#[tokio::test]
async fn what_a_schedule_or_a_person_runs_is_run_when_asked_for() {
    let local = local().await;
    for function in ["scheduled-cleanup", "replay-dead-letters"] {
        assert_eq!(post(&local, &format!("/_local/run/{function}"), json!({})).await.0, 200);
    }
    let (status, answer) = post(&local, "/_local/run/health", Value::Null).await;
    assert_eq!((status, &answer["known"]), (404, &json!(["scheduled-cleanup", "replay-dead-letters"])));
}

#[tokio::test]
async fn a_drain_ends() {
    assert_eq!(post(&local().await, "/_local/drain", Value::Null).await.0, 204);
}

#[tokio::test]
async fn another_host_name_is_refused() {
    let local = local().await;
    for (host, status) in [("evil.example:3000", 403), ("[::1]:3000", 200), ("localhost", 200)] {
        let request = reqwest::Client::new().get(format!("{}/_local/mail", local.url)).header("host", host);
        assert_eq!(request.send().await.unwrap().status().as_u16(), status, "{host}");
    }
}
