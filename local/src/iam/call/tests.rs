//! What calls demand, as the SDK sends them.

use aws_smithy_types::body::SdkBody;
use serde_json::json;

use super::*;

fn demanded(target: &str, body: &Value) -> Result<Vec<Demand>, NotUnderstood> {
    let mut request = HttpRequest::new(SdkBody::from(body.to_string()));
    request.headers_mut().insert("x-amz-target", target.to_owned());
    demands(&request)
}

/// Action, resource and keys of what a call of DynamoDB demands.
fn of_table(operation: &str, body: &Value) -> Vec<(String, String, Vec<String>)> {
    let demands = demanded(&format!("DynamoDB_20120810.{operation}"), body).unwrap();
    let told = |demand: Demand| {
        let resource = demand.resource.rsplit_once(':').unwrap().1.to_owned();
        (demand.action, resource, demand.context[&ContextKey::LeadingKeys].clone())
    };
    demands.into_iter().map(told).collect()
}

fn expected(action: &str, resource: &str, keys: &[&str]) -> (String, String, Vec<String>) {
    (action.to_owned(), resource.to_owned(), keys.iter().map(|key| (*key).to_owned()).collect())
}

fn item(partition: &str) -> Value {
    json!({ "PK": { "S": partition }, "SK": { "S": "USER" } })
}

#[test]
fn an_operation_on_an_item_demands_itself_with_the_items_key() {
    let get = json!({ "TableName": "T", "Key": item("USER#1") });
    assert_eq!(of_table("GetItem", &get), [expected("dynamodb:GetItem", "table/T", &["USER#1"])]);
    let put = json!({ "TableName": "T", "Item": item("USER#1") });
    assert_eq!(of_table("PutItem", &put), [expected("dynamodb:PutItem", "table/T", &["USER#1"])]);
}

#[test]
fn a_transaction_demands_each_of_its_operations() {
    let part = |kind: &str, field: &str, key: &str| json!({ kind: { "TableName": "T", field: item(key) } });
    let parts = [
        part("Put", "Item", "EVENT#1"),
        part("Update", "Key", "USER#1"),
        part("Delete", "Key", "NAME#ada"),
        part("ConditionCheck", "Key", "USER#2"),
    ];
    let demands = [
        expected("dynamodb:PutItem", "table/T", &["EVENT#1"]),
        expected("dynamodb:UpdateItem", "table/T", &["USER#1"]),
        expected("dynamodb:DeleteItem", "table/T", &["NAME#ada"]),
        expected("dynamodb:ConditionCheckItem", "table/T", &["USER#2"]),
    ];
    assert_eq!(of_table("TransactWriteItems", &json!({ "TransactItems": parts })), demands);
}

#[test]
fn a_batch_demands_one_action_with_all_keys() {
    let get = json!({ "RequestItems": { "T": { "Keys": [item("USER#1"), item("KEY#RING")] } } });
    let demands = [expected("dynamodb:BatchGetItem", "table/T", &["USER#1", "KEY#RING"])];
    assert_eq!(of_table("BatchGetItem", &get), demands);
    let put = json!({ "PutRequest": { "Item": item("BULK#1") } });
    let delete = json!({ "DeleteRequest": { "Key": item("BULK#2") } });
    let write = json!({ "RequestItems": { "T": [put, delete] } });
    let demands = [expected("dynamodb:BatchWriteItem", "table/T", &["BULK#1", "BULK#2"])];
    assert_eq!(of_table("BatchWriteItem", &write), demands);
}

fn query(condition: &str) -> Value {
    json!({
        "TableName": "T", "IndexName": "GSI1", "KeyConditionExpression": condition,
        "ExpressionAttributeValues": { ":pk": { "S": "USER#1" }, ":sk": { "S": "A" }, ":to": { "S": "B" } },
    })
}

#[test]
fn a_query_demands_the_partition_that_it_asks_for() {
    for condition in ["#pk = :pk", "#pk = :pk AND #sk >= :sk", "#sk BETWEEN :sk AND :to AND #pk = :pk"] {
        let demands = [expected("dynamodb:Query", "table/T/index/GSI1", &["USER#1"])];
        assert_eq!(of_table("Query", &query(condition)), demands, "{condition}");
    }
}

#[test]
fn a_scan_demands_no_partition_but_the_attributes_that_it_names() {
    let mut scan = json!({
        "TableName": "T", "Select": "SPECIFIC_ATTRIBUTES", "ProjectionExpression": "#PK, #at",
        "FilterExpression": "#at BETWEEN :from AND :to",
        "ExpressionAttributeNames": { "#PK": "PK", "#at": "at" },
    });
    assert_eq!(of_table("Scan", &scan), [expected("dynamodb:Scan", "table/T", &[])]);
    let attributes = |scan: &Value| {
        let demands = demanded("DynamoDB_20120810.Scan", scan).unwrap();
        demands[0].context.get(&ContextKey::Attributes).cloned()
    };
    assert_eq!(attributes(&scan).unwrap(), ["PK", "at"]);
    scan["ProjectionExpression"] = json!("#PK, password_hash");
    assert_eq!(attributes(&scan), None, "one that is not declared");
}

#[test]
fn a_batch_of_messages_demands_the_action_on_one() {
    let body = json!({ "QueueUrl": "https://sqs.test/0/queue", "Entries": [] });
    let demands = demanded("AmazonSQS.SendMessageBatch", &body).unwrap();
    assert_eq!(demands, [Demand::on(arn::queue("queue"), "sqs:SendMessage")]);
}

#[test]
fn what_is_not_understood_demands_what_nobody_has() {
    let dynamodb = |operation: &str, body: Value| demanded(&format!("DynamoDB_20120810.{operation}"), &body);
    assert!(matches!(demanded("Other.GetItem", &json!({})), Err(NotUnderstood::Service)));
    assert!(matches!(dynamodb("DeleteTable", json!({})), Err(NotUnderstood::Operation(..))));
    let keyless = json!({ "TableName": "T", "Key": { "SK": { "S": "USER" } } });
    assert!(matches!(dynamodb("GetItem", keyless), Err(NotUnderstood::Body(..))));
    let ambiguous = query("#pk = :pk AND #sk = :sk");
    assert!(matches!(dynamodb("Query", ambiguous), Err(NotUnderstood::Query)));
}

#[test]
fn of_a_key_only_its_kind_is_told() {
    let keys = ["USER#1", "CRED#ada@example.com", "USER#2", "SYSTEM"].map(str::to_owned).to_vec();
    let demand = Demand::on(arn::table("T"), "dynamodb:BatchGetItem").with(ContextKey::LeadingKeys, keys);
    assert_eq!(demand.partitions(), ["CRED#", "SYSTEM", "USER#"]);
}
