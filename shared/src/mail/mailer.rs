//! Posts mails with SES v2.
//!
//! No error shows an address: SES's own messages name them, so only its error codes are kept.

use std::sync::{Arc, OnceLock};

use aws_config::SdkConfig;
use aws_sdk_sesv2::Client;
use aws_sdk_sesv2::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sesv2::operation::send_email::SendEmailError;
use aws_sdk_sesv2::types::{Body, Content, Destination, EmailContent, Message};

use super::Mail;
use crate::email::Email;

/// Why a mail was not sent, with SES's error code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// SES will not take this mail, however often it is offered.
    #[error("SES refused a mail: {0}")]
    Refused(String),
    /// SES was not reached, is busy, or does not send for this account at present: try again later.
    #[error("SES did not take a mail: {0}")]
    Unavailable(String),
}

/// Posts mails with SES. Cheap to clone; the client is made when the first mail is sent.
#[derive(Clone)]
pub struct Mailer {
    aws: SdkConfig,
    from: Arc<str>,
    client: Arc<OnceLock<Client>>,
}

impl Mailer {
    /// A mailer that sends as `from`, an address that SES knows as ours.
    pub fn new(aws: &SdkConfig, from: &str) -> Self {
        Self { aws: aws.clone(), from: from.into(), client: Arc::default() }
    }

    /// Hands a mail to SES, which delivers it.
    ///
    /// # Errors
    /// If SES does not take it, after the retries that the SDK's configuration allows.
    pub async fn send(&self, to: &Email, mail: &Mail) -> Result<(), SendError> {
        let body = Body::builder().text(utf8(&mail.text)).html(utf8(&mail.html)).build();
        let message = Message::builder().subject(utf8(&mail.subject)).body(body).build();
        let client = self.client.get_or_init(|| Client::new(&self.aws));
        let request = client
            .send_email()
            .from_email_address(&*self.from)
            .destination(Destination::builder().to_addresses(to.as_str()).build())
            .content(EmailContent::builder().simple(message).build());
        request.send().await.map(drop).map_err(|error| SendError::from(&error))
    }
}

fn utf8(text: &str) -> Content {
    Content::builder()
        .data(text)
        .charset("UTF-8")
        .build()
        .expect("the data, which is all that is required, is set")
}

impl<R> From<&SdkError<SendEmailError, R>> for SendError {
    fn from(error: &SdkError<SendEmailError, R>) -> Self {
        let reason = match error {
            SdkError::ServiceError(answer) => answer.err().code().unwrap_or("unknown answer"),
            SdkError::TimeoutError(_) => "timed out",
            SdkError::DispatchFailure(_) => "not reached",
            _ => "no answer that can be read",
        };
        match error.as_service_error() {
            Some(SendEmailError::BadRequestException(_) | SendEmailError::MessageRejected(_)) => {
                Self::Refused(reason.to_owned())
            }
            _ => Self::Unavailable(reason.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use aws_config::retry::RetryConfig;
    use aws_config::{BehaviorVersion, Region};
    use aws_credential_types::Credentials;
    use aws_credential_types::provider::SharedCredentialsProvider;
    use aws_smithy_runtime_api::client::http::{
        HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
    };
    use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
    use aws_smithy_types::body::SdkBody;

    use super::*;

    /// An SES that answers always the same and keeps what it was asked.
    #[derive(Clone, Debug)]
    struct Ses {
        answer: (u16, &'static str),
        asked: Arc<Mutex<Vec<(String, serde_json::Value)>>>,
    }

    impl HttpConnector for Ses {
        fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
            let body = serde_json::from_slice(request.body().bytes().unwrap()).unwrap();
            self.asked.lock().unwrap().push((request.uri().to_owned(), body));
            let (status, body) = self.answer;
            HttpConnectorFuture::ready(Ok(HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body))))
        }
    }

    /// Sends a mail through an SES that answers `status` and `body`.
    async fn send(
        status: u16,
        body: &'static str,
    ) -> (Result<(), SendError>, Vec<(String, serde_json::Value)>) {
        let ses = Ses { answer: (status, body), asked: Arc::default() };
        let connector = SharedHttpConnector::new(ses.clone());
        let aws = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("eu-west-1"))
            .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
                "id", "key", None, None, "test",
            )))
            .retry_config(RetryConfig::disabled())
            .http_client(http_client_fn(move |_, _| connector.clone()))
            .build();
        let mail = Mail { subject: "Grüße".into(), text: "Text".into(), html: "<p>".into() };
        let to = Email::parse("ada@example.com").unwrap();
        let sent = Mailer::new(&aws, "no-reply@usher.test").send(&to, &mail).await;
        let asked = ses.asked.lock().unwrap().clone();
        (sent, asked)
    }

    #[tokio::test]
    async fn a_mail_goes_to_ses_as_it_is() {
        let (sent, asked) = send(200, r#"{"MessageId": "1"}"#).await;
        assert_eq!(sent, Ok(()));
        let [(uri, body)] = asked.as_slice() else { panic!("asked {} times", asked.len()) };
        assert!(uri.ends_with("/v2/email/outbound-emails"), "{uri}");
        let part = |data: &str| serde_json::json!({ "Data": data, "Charset": "UTF-8" });
        let content = serde_json::json!({
            "Simple": { "Subject": part("Grüße"), "Body": { "Text": part("Text"), "Html": part("<p>") } }
        });
        let expected = serde_json::json!({
            "FromEmailAddress": "no-reply@usher.test",
            "Destination": { "ToAddresses": ["ada@example.com"] },
            "Content": content,
        });
        assert_eq!(*body, expected);
    }

    #[tokio::test]
    async fn an_error_tells_a_code_and_no_address() {
        let rejected = r#"{"__type": "MessageRejected", "message": "ada@example.com is not verified"}"#;
        let error = send(400, rejected).await.0.unwrap_err();
        assert_eq!(error, SendError::Refused("MessageRejected".to_owned()));
        assert_eq!(error.to_string(), "SES refused a mail: MessageRejected");
        assert!(!format!("{error:?}").contains("ada"));
    }

    #[tokio::test]
    async fn what_may_pass_can_be_tried_again() {
        for (status, code) in
            [(429, "TooManyRequestsException"), (400, "SendingPausedException"), (500, "Internal")]
        {
            let body = format!(r#"{{"__type": "{code}"}}"#).leak();
            assert_eq!(send(status, body).await.0, Err(SendError::Unavailable(code.to_owned())));
        }
        assert!(matches!(send(503, "").await.0, Err(SendError::Unavailable(_))));
    }
}
