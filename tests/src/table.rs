//! The table as DynamoDB's own API has it: for items that were not written through ours, such as an import or an
//! accident leaves behind.

use reqwest::Client;
use serde_json::{Map, Value, json};

use super::System;

/// The most items that [`RawTable::put`] puts at once.
pub const PUTS: usize = 25;

/// The table, past the functions. Cheap to clone.
#[derive(Clone)]
pub struct RawTable {
    http: Client,
    endpoint: String,
    name: String,
    authorization: String,
}

impl System {
    /// The table, past the functions.
    pub async fn raw_table(&self) -> RawTable {
        let cloud = self.anybody().get("/_local").await.expect(200);
        let text = |name: &str| cloud[name].as_str().unwrap_or_default().to_owned();
        // Nobody checks the signature, but the header must look like one.
        let scope = format!("local/20260101/{}/dynamodb/aws4_request", text("region"));
        RawTable {
            http: Client::new(),
            endpoint: text("dynamodb_endpoint"),
            name: text("table"),
            authorization: format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"),
        }
    }

    /// Puts an item into the table, as [`System::table`] shows it.
    ///
    /// # Panics
    /// When DynamoDB does not take it.
    pub async fn put_item(&self, item: &Value) {
        self.raw_table().await.put(&[as_stored(item)]).await;
    }

    /// Deletes an item from the table, as [`System::table`] shows it.
    ///
    /// # Panics
    /// When DynamoDB does not do it.
    pub async fn delete_item(&self, item: &Value) {
        self.raw_table().await.delete(item).await;
    }
}

impl RawTable {
    /// Puts [`PUTS`] items at most, each as [`as_stored`] has it.
    ///
    /// # Panics
    /// When DynamoDB does not take all of them.
    pub async fn put(&self, items: &[String]) {
        let puts = items.iter().map(|item| format!(r#"{{"PutRequest":{{"Item":{item}}}}}"#));
        let puts = puts.collect::<Vec<_>>().join(",");
        let body = format!(r#"{{"RequestItems":{{"{}":[{puts}]}}}}"#, self.name);
        let answer = self.call("BatchWriteItem", body).await;
        assert_eq!(answer["UnprocessedItems"], json!({}), "all items are taken");
    }

    async fn delete(&self, item: &Value) {
        let key = attribute(&json!({ "PK": item["PK"], "SK": item["SK"] }))["M"].clone();
        self.call("DeleteItem", json!({ "TableName": self.name, "Key": key }).to_string()).await;
    }

    /// Adds `number` to an attribute of the item at `key`, its `PK` and its `SK`.
    ///
    /// # Panics
    /// When DynamoDB refuses.
    pub async fn add(&self, (pk, sk): (&str, &str), name: &str, number: i64) {
        let update = json!({
            "TableName": self.name,
            "Key": attribute(&json!({ "PK": pk, "SK": sk }))["M"],
            "UpdateExpression": "ADD #name :number",
            "ExpressionAttributeNames": { "#name": name },
            "ExpressionAttributeValues": { ":number": attribute(&json!(number)) },
        });
        self.call("UpdateItem", update.to_string()).await;
    }

    /// Every item of an index, in DynamoDB's JSON.
    ///
    /// # Panics
    /// When DynamoDB refuses.
    pub async fn index(&self, name: &str) -> Vec<Value> {
        let mut scan = json!({ "TableName": self.name, "IndexName": name });
        let mut items = Vec::new();
        loop {
            let page = self.call("Scan", scan.to_string()).await;
            items.extend(page["Items"].as_array().into_iter().flatten().cloned());
            if page["LastEvaluatedKey"].is_null() {
                return items;
            }
            scan["ExclusiveStartKey"] = page["LastEvaluatedKey"].clone();
        }
    }

    /// Writes are told to nobody any more.
    ///
    /// # Panics
    /// When DynamoDB refuses.
    pub async fn stop_stream(&self) {
        let update = json!({ "TableName": self.name, "StreamSpecification": { "StreamEnabled": false } });
        self.call("UpdateTable", update.to_string()).await;
    }

    async fn call(&self, operation: &str, body: String) -> Value {
        let request = self
            .http
            .post(&self.endpoint)
            .header("authorization", &self.authorization)
            .header("x-amz-date", "20260101T000000Z")
            .header("x-amz-target", format!("DynamoDB_20120810.{operation}"))
            .header("content-type", "application/x-amz-json-1.0")
            .body(body);
        let answer = request.send().await.expect("DynamoDB answers");
        let (status, text) = (answer.status(), answer.text().await.unwrap_or_default());
        assert!(status.is_success(), "{operation}: {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }
}

/// An item, as [`System::table`] shows it, in DynamoDB's JSON.
pub fn as_stored(item: &Value) -> String {
    attribute(item)["M"].to_string()
}

/// A value as DynamoDB's JSON.
fn attribute(value: &Value) -> Value {
    match value {
        Value::Null => json!({ "NULL": true }),
        Value::Bool(is) => json!({ "BOOL": is }),
        Value::Number(number) => json!({ "N": number.to_string() }),
        Value::String(text) => json!({ "S": text }),
        Value::Array(values) => json!({ "L": values.iter().map(attribute).collect::<Vec<_>>() }),
        Value::Object(values) => {
            let values = values.iter().map(|(name, value)| (name.clone(), attribute(value)));
            json!({ "M": values.collect::<Map<_, _>>() })
        }
    }
}
