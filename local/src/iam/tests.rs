//! The roles as a whole: those of this system's template, and what becomes of calls that they do not allow.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::ProvideErrorMetadata as _;
use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};

use super::*;
use crate::{Local, Settings, aws, start};

fn deployment() -> Deployment<'static> {
    Deployment::of_this_system(&Settings::default().config("http://127.0.0.1:3000").unwrap()).unwrap()
}

fn policy_of(function: &str) -> Policy {
    Policy::of(deployment().policies(function).unwrap()).unwrap()
}

/// Clients of the table of `local`, for a function whose policy has these statements.
fn table(local: &Local, statements: &Value) -> (Client, Denials) {
    let document = json!({ "Version": "2012-10-17", "Statement": statements });
    let policies = HashMap::from([("reader".to_owned(), Arc::new(Policy::of([document]).unwrap()))]);
    let roles = Roles { policies, denials: Denials::default() };
    let client = roles.guard("reader", aws::http_client()).unwrap();
    (Client::new(&aws::config(local.services.endpoints.clone(), client, aws::ATTEMPTS)), roles.denials())
}

#[tokio::test]
async fn a_call_that_the_role_does_not_allow_is_refused_as_aws_does_and_told_without_its_key() {
    let local = start(Settings::default()).await.unwrap();
    let name = local.services.table.clone();
    let (client, denials) = table(
        &local,
        &json!([{
            "Effect": "Allow", "Action": "dynamodb:GetItem", "Resource": crate::arn::table(&name),
            "Condition": { "ForAllValues:StringLike": { "dynamodb:LeadingKeys": ["USER#*"] } },
        }]),
    );
    let get = async |partition: &str| {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        client.get_item().table_name(&name).key("PK", text(partition)).key("SK", text("A")).send().await
    };
    assert!(get("USER#1").await.is_ok());
    assert!(denials.all().is_empty());

    let error = get("CRED#ada@example.com").await.unwrap_err();
    assert_eq!(error.code(), Some("AccessDeniedException"));
    let sentence = denials.all().concat();
    assert!(sentence.contains("reader is not authorized to perform: dynamodb:GetItem"), "{sentence}");
    assert!(sentence.contains(" in CRED# because") && !sentence.contains("ada"), "{sentence}");

    assert_eq!(client.list_tables().send().await.unwrap_err().code(), Some("AccessDeniedException"));
    local.stop().await;
}

#[test]
fn a_function_that_the_template_does_not_have_cannot_start() {
    let roles = Roles::of(&deployment()).unwrap();
    assert!(roles.guard("auth", aws::http_client()).is_ok());
    let error = roles.guard("nothing", aws::http_client()).err().unwrap().to_string();
    assert_eq!(error, "there is no function `nothing`");
}

/// The actions that `policy` does not allow on `resource`, of those that are needed.
fn missing(policy: &Policy, resource: &Value, needed: &[&'static str]) -> Vec<&'static str> {
    let resource = resource.as_str().unwrap_or_default();
    let allows = |action: &&&str| !policy.allows(&Demand::on(resource.to_owned(), **action));
    needed.iter().filter(allows).copied().collect()
}

/// Lambda reads streams and queues in the function's role (Lambda Developer Guide, "Using AWS Lambda with Amazon
/// DynamoDB", "Using Lambda with Amazon SQS").
#[test]
fn a_role_allows_what_the_event_sources_of_its_function_need() {
    let (deployment, mut sources) = (deployment(), 0);
    for function in deployment.functions() {
        let policy = policy_of(function);
        for trigger in deployment.triggers(function).unwrap() {
            let source = &trigger["Properties"];
            let missing = match trigger["Type"].as_str().unwrap() {
                "DynamoDB" => [
                    missing(
                        &policy,
                        &source["Stream"],
                        &[
                            "dynamodb:DescribeStream",
                            "dynamodb:GetRecords",
                            "dynamodb:GetShardIterator",
                            "dynamodb:ListStreams",
                        ],
                    ),
                    missing(
                        &policy,
                        &source["DestinationConfig"]["OnFailure"]["Destination"],
                        &["sqs:SendMessage"],
                    ),
                ]
                .concat(),
                "SQS" => missing(
                    &policy,
                    &source["Queue"],
                    &["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"],
                ),
                "HttpApi" | "Schedule" => continue,
                other => panic!("{function} has an event source of type {other}"),
            };
            assert!(missing.is_empty(), "{function} lacks {missing:?}");
            sources += 1;
        }
    }
    assert!(sources > 3);
}

#[test]
fn a_role_allows_its_function_to_write_its_own_log_only() {
    let deployment = deployment();
    for function in deployment.functions() {
        let policy = policy_of(function);
        for other in deployment.functions() {
            let group = deployment.property(other, "LoggingConfig").unwrap();
            let group: Value = deployment.read(group).unwrap();
            let group = json!(crate::arn::log_group(group["LogGroup"].as_str().unwrap()));
            let missing = missing(&policy, &group, &["logs:CreateLogStream", "logs:PutLogEvents"]);
            assert_eq!(
                missing.is_empty(),
                function == other,
                "{function} to the log of {other}: {missing:?}"
            );
        }
    }
}
