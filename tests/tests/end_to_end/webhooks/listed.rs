//! The list of what a webhook was told, however long it is.

use serde_json::{Value, json};
use tests::{PUTS, Receiver, System, as_stored};

use super::{test, told};

/// Puts so many copies of the only delivery into the table, older than it; their ids, in the order of the list.
async fn copied(system: &System, count: usize) -> Vec<String> {
    let model = system.items("delivery").await.remove(0);
    let uuid = model["SK"].as_str().unwrap().to_owned();
    let copy = |number: usize| {
        let copied = format!("00000000-0000-4000-8000-{number:012}");
        let text = model.to_string().replace(&uuid, &copied);
        let text = text.replace(&uuid.replace('-', ""), &copied.replace('-', ""));
        let mut delivery: Value = serde_json::from_str(&text).unwrap();
        delivery["GSI1SK"] = json!(format!("2020-01-01T00:00:00.000Z#{copied}"));
        delivery
    };
    let copies: Vec<Value> = (0..count).rev().map(copy).collect();
    let table = system.raw_table().await;
    // The DynamoDB of this process looks through the whole stream at each write.
    table.stop_stream().await;
    for copies in copies.chunks(PUTS) {
        table.put(&copies.iter().map(as_stored).collect::<Vec<_>>()).await;
    }
    copies.iter().map(|copy| copy["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_walk_meets_each_of_more_deliveries_than_are_counted_once_while_others_are_made() {
    let receiver = Receiver::start().await;
    let (system, admin, path, _) = told(&receiver, &["bulk.*"]).await;
    let mut there = vec![test(&admin, &path).await];
    system.drain().await;
    there.extend(copied(&system, 1_105).await);
    let list = format!("{path}/deliveries?limit=100");
    let (mut met, mut pages, mut cursor) = (Vec::new(), 0, String::new());
    loop {
        let answer = admin.get(&format!("{list}{cursor}")).await;
        let page = answer.expect(200);
        assert_eq!(page["total"], 1_000);
        met.extend(page["items"].as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap().to_owned()));
        pages += 1;
        if page["has_next"] == false {
            break;
        }
        cursor = format!("&cursor={}", answer.header("x-next-cursor"));
        test(&admin, &path).await;
    }
    assert_eq!((met.len(), pages), (there.len(), 12));
    assert_eq!(met, there);
    // Eleven were made meanwhile.
    let end = admin.get(&format!("{list}&page=12")).await.expect(200);
    assert_eq!((end["items"].as_array().unwrap().len(), &end["offset"]), (17, &json!(1_100)));
    assert_eq!([&end["has_next"], &end["items"][16]["id"]], [&json!(false), &json!(there[1_105])]);
}
