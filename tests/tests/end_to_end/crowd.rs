//! Very many accounts, put straight into the table: copies of one that was made through the API.

use serde_json::{Value, json};
use tests::{PUTS, System, as_stored};

/// The address of an account of the crowd.
pub(super) fn email(number: usize) -> String {
    format!("crowd{number:05}@example.com")
}

/// Adds the users from 0 to `count`, the last of them made through the API, and counts them. They are older than
/// everybody else, and listed by their numbers.
///
/// They can be listed and found, and that is all: they have no credential. Nobody hears of what is written from then on.
pub(super) async fn fill(system: &System, count: usize) {
    let last = email(count);
    system.user(&last).await;
    let model = system.items("user").await.into_iter().find(|user| user["email"] == last).unwrap();
    let uuid = model["PK"].as_str().unwrap().trim_start_matches("USER#").to_owned();
    let table = system.raw_table().await;
    // The DynamoDB of this process looks through the whole stream at each write.
    table.stop_stream().await;
    let copy = |number: usize| {
        let copied = format!("00000000-0000-4000-8000-{number:012}");
        let text = model.to_string().replace(&last, &email(number)).replace(&uuid, &copied);
        let text = text.replace(&uuid.replace('-', ""), &copied.replace('-', ""));
        let mut user: Value = serde_json::from_str(&text).unwrap();
        user["GSI1SK"] = json!(format!("2020-01-01T00:00:00.000Z#{copied}"));
        as_stored(&user)
    };
    let copies: Vec<String> = (0..count).map(copy).collect();
    for copies in copies.chunks(PUTS) {
        table.put(copies).await;
    }
    for counter in ["users", "active", "role:user", "role:user:active"] {
        table.add(("COUNT#default", "USERS"), counter, i64::try_from(count).unwrap()).await;
    }
}
