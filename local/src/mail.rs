//! Amazon SES v2: `SendEmail` with simple content puts the mail into an outbox that a person can read.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::routing::{MethodRouter, post};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::clock::{Clock, Timestamp};

use crate::aws::{self, AwsError};
use crate::directory::Journal;

/// A mail in the outbox.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct Mail {
    /// Where it goes; several addresses stand with commas between them.
    pub(crate) to: String,
    pub(crate) from: String,
    pub(crate) subject: String,
    pub(crate) text: Option<String>,
    pub(crate) html: Option<String>,
    pub(crate) sent_at: Timestamp,
}

/// The mails that were sent, and the clock that dates them.
#[derive(Clone)]
pub(crate) struct Outbox {
    pub(crate) mails: Arc<Journal<Mail>>,
    pub(crate) clock: Clock,
}

impl Outbox {
    /// Answers `POST /v2/email/outbound-emails`.
    pub(crate) fn route(self) -> MethodRouter {
        post(send_email).with_state(self)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SendEmail {
    from_email_address: String,
    destination: Destination,
    content: Content,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Destination {
    to_addresses: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Content {
    simple: Simple,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Simple {
    subject: Text,
    body: Body,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Body {
    text: Option<Text>,
    html: Option<Text>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Text {
    data: String,
}

async fn send_email(State(outbox): State<Outbox>, Json(asked): Json<Value>) -> Result<Json<Value>, AwsError> {
    let asked: SendEmail = serde_json::from_value(asked)
        .map_err(|error| AwsError::bad_request("BadRequestException", error.to_string()))?;
    if asked.destination.to_addresses.is_empty() {
        return Err(AwsError::bad_request("BadRequestException", "Missing final destination"));
    }
    let Simple { subject, body } = asked.content.simple;
    let mail = Mail {
        to: asked.destination.to_addresses.join(", "),
        from: asked.from_email_address,
        subject: subject.data,
        text: body.text.map(|it| it.data),
        html: body.html.map(|it| it.data),
        sent_at: outbox.clock.now(),
    };
    outbox.mails.append(mail).map_err(|error| AwsError {
        status: axum::http::StatusCode::INTERNAL_SERVER_ERROR,
        code: "InternalServiceErrorException",
        message: error.to_string(),
    })?;
    Ok(Json(json!({ "MessageId": aws::new_id() })))
}
