//! The services, called through the SDK clients as the functions call them, with and without faults.

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::DataKeySpec;
use serde_json::{Value, json};

use super::*;
use crate::faults::{Faults, Wire};
use crate::stream::Wake;

/// The services, and the configuration that the functions get.
async fn services() -> (Services, SdkConfig, Faults) {
    let settings = Settings::default();
    let directory = DataDirectory::open(&settings.data).unwrap();
    let config = settings.config("http://127.0.0.1:1").unwrap();
    let services = Services::start(&settings, &config, &directory, &MovableClock::default()).await.unwrap();
    let faults = Faults::default();
    let wire = Wire { inner: aws::http_client(), faults: faults.clone(), wake: Wake::default() };
    let aws = aws::config(services.endpoints.clone(), wire, aws::ATTEMPTS);
    (services, aws, faults)
}

fn order(faults: &Faults, fault: Value) {
    faults.add(serde_json::from_value(fault).unwrap());
}

/// Puts an item that must be new; the error's code if it fails.
async fn put_new(client: &Client, table: &str) -> Result<(), String> {
    let text = || AttributeValue::S("A".to_owned());
    let put = client.put_item().table_name(table).item("PK", text()).item("SK", text());
    let answer = put.condition_expression("attribute_not_exists(PK)").send().await;
    answer.map(drop).map_err(|error| match error.as_service_error() {
        Some(error) => error.meta().code().unwrap_or_default().to_owned(),
        None => "no answer".to_owned(),
    })
}

#[tokio::test]
async fn a_data_key_unwraps_in_its_context_only() {
    let (_services, aws, _) = services().await;
    let kms = aws_sdk_kms::Client::new(&aws);
    let made = kms.generate_data_key().key_id("alias/usher-local").key_spec(DataKeySpec::Aes256);
    let made = made.encryption_context("use", "jwt").send().await.unwrap();
    let wrapped = made.ciphertext_blob.unwrap();
    let open =
        |usage: &str| kms.decrypt().ciphertext_blob(wrapped.clone()).encryption_context("use", usage).send();
    assert_eq!(open("jwt").await.unwrap().plaintext, made.plaintext);
    let refused = open("mail").await.unwrap_err().into_service_error();
    assert!(refused.is_invalid_ciphertext_exception(), "{refused:?}");
}

#[tokio::test]
async fn what_kms_encrypts_it_decrypts() {
    let (_services, aws, _) = services().await;
    let kms = aws_sdk_kms::Client::new(&aws);
    let sealed =
        kms.encrypt().key_id("alias/usher-local").plaintext(Blob::new("secret")).send().await.unwrap();
    let opened = kms.decrypt().ciphertext_blob(sealed.ciphertext_blob.unwrap()).send().await.unwrap();
    assert_eq!(opened.plaintext.unwrap(), Blob::new("secret"));
}

#[tokio::test]
async fn a_mail_lands_in_the_outbox() {
    use aws_sdk_sesv2::types::{Body, Content, Destination, EmailContent, Message};
    let (services, aws, _) = services().await;
    let text = |data: &str| Content::builder().data(data).build().unwrap();
    let body = Body::builder().text(text("Hello")).html(text("<p>Hello</p>")).build();
    let message = Message::builder().subject(text("Welcome")).body(body).build();
    let sent = aws_sdk_sesv2::Client::new(&aws)
        .send_email()
        .from_email_address("no-reply@example.com")
        .destination(Destination::builder().to_addresses("ada@example.com").build())
        .content(EmailContent::builder().simple(message).build());
    assert!(sent.send().await.unwrap().message_id.is_some());
    let mails = services.mails.all();
    assert_eq!((mails[0].to.as_str(), mails[0].subject.as_str()), ("ada@example.com", "Welcome"));
    assert_eq!(mails[0].html.as_deref(), Some("<p>Hello</p>"));
}

#[tokio::test]
async fn one_fault_is_retried_and_three_are_an_error() {
    for (kind, code) in
        [("throttle", "ThrottlingException"), ("error", "InternalServerError"), ("timeout", "no answer")]
    {
        let (services, aws, faults) = services().await;
        let client = Client::new(&aws);
        order(&faults, json!({ "service": "dynamodb", "operation": "PutItem", "kind": kind, "count": 3 }));
        assert_eq!(put_new(&client, &services.table).await, Err(code.to_owned()));
        order(&faults, json!({ "service": "dynamodb", "operation": "PutItem", "kind": kind }));
        assert_eq!(put_new(&client, &services.table).await, Ok(()), "{kind}");
    }
}

#[tokio::test]
async fn an_error_after_commit_leaves_the_change_in_place() {
    let (services, aws, faults) = services().await;
    let client = Client::new(&aws);
    order(&faults, json!({ "service": "dynamodb", "kind": "error_after_commit" }));
    // The SDK retries, and meets what its first attempt has written.
    assert_eq!(put_new(&client, &services.table).await, Err("ConditionalCheckFailedException".to_owned()));
}
