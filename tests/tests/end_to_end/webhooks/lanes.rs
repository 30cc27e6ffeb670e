//! No webhook delays another: who fails or lets us wait is told in a lane of their own.

use std::collections::HashSet;
use std::ops::Range;

use serde_json::{Value, json};
use tests::{Client, Receiver, System};

const WEBHOOKS: &str = "/api/v1/webhooks";
/// What the webhooks are told of, and how many of it there are.
const EVENT: &str = "user.profile_updated";
const EVENTS: usize = 20;

/// Makes a webhook; its id.
async fn make(admin: &Client, url: &str) -> String {
    let made = admin.post(WEBHOOKS, json!({ "url": url, "events": [EVENT] })).await.expect(201);
    made["id"].as_str().unwrap().to_owned()
}

/// A system, its administrator, and somebody whose every change is told to `receivers`.
async fn telling(receivers: &[&Receiver]) -> (System, Client, Client) {
    let system = System::start().await;
    let (admin, person) = (system.admin().await, system.user("ada@example.com").await);
    for receiver in receivers {
        make(&admin, &receiver.url).await;
    }
    system.drain().await;
    (system, admin, person)
}

/// Changes somebody's name, once for each of `numbers`.
async fn change(person: &Client, numbers: Range<usize>) {
    for number in numbers {
        let name = json!({ "first_name": (["Ada", "Eve"][number % 2]), "last_name": "Lovelace" });
        person.put("/api/v1/profile/me", name).await.expect(200);
    }
}

/// The deliveries that a receiver was told, each once.
fn told(receiver: &Receiver) -> HashSet<String> {
    receiver.received().iter().map(|it| it.header("webhook-id").to_owned()).collect()
}

/// How many messages came by the fast lane and by the slow one.
async fn by_lane(system: &System) -> Vec<Value> {
    let cloud = system.anybody().get("/_local").await.expect(200);
    let lanes = cloud["streams"].as_array().unwrap().iter().filter(|it| it["function"] == "webhook-delivery");
    lanes.map(|lane| lane["processed"].clone()).collect()
}

#[tokio::test]
async fn everybody_else_is_told_everything_before_a_server_that_lets_us_wait_has_answered_once() {
    let slow = Receiver::start().await.holding();
    let flapping = Receiver::start().await.answering(&[503, 204].repeat(EVENTS / 5));
    let mut prompt = Vec::new();
    for _ in 0..7 {
        prompt.push(Receiver::start().await);
    }
    let all: Vec<&Receiver> = prompt.iter().chain([&slow, &flapping]).collect();
    let (system, admin, person) = telling(&all).await;
    make(&admin, "http://127.0.0.1:9/").await;
    change(&person, 0..EVENTS).await;
    for receiver in &prompt {
        receiver.got(EVENTS).await;
        assert_eq!(told(receiver).len(), EVENTS);
    }
    flapping.got(EVENTS).await;
    assert_eq!(slow.answered(), 0);
    slow.release();
    system.settle().await;
    for _ in 0..3 {
        system.advance(400).await;
        system.settle().await;
    }
    assert_eq!([told(&slow).len(), told(&flapping).len()], [EVENTS; 2]);
}

#[tokio::test]
async fn a_server_that_let_us_wait_and_answers_well_again_is_among_the_fast_ones_again() {
    let receiver = Receiver::start().await.holding();
    let (system, _, person) = telling(&[&receiver]).await;
    change(&person, 0..1).await;
    receiver.got(1).await;
    // Known before it answers.
    while system.items_at_once("endpoint").await[0]["slow"] != true {}
    change(&person, 1..2).await;
    receiver.got(2).await;
    receiver.release();
    system.settle().await;
    change(&person, 2..3).await;
    system.settle().await;
    assert_eq!((receiver.answered(), by_lane(&system).await), (3, vec![json!(2), json!(1)]));
}
