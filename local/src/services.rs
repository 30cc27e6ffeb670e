//! The AWS services that the functions call, on ports of loopback, and the table in them.

use std::sync::Arc;

use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::post;
use axum::{Json, Router};
use serde_json::Value;
use shared::clock::Clock;
use shared::config::Config;

use crate::aws::{self, AwsError, Endpoints};
use crate::clock::MovableClock;
use crate::directory::{DataDirectory, Journal};
use crate::dynamodb::{self, Embedded, Expiry};
use crate::kms::Kms;
use crate::mail::{Mail, Outbox};
use crate::part::Part;
use crate::sqs::Queues;
use crate::{Data, Settings, StartError, gateway};

/// The running services.
pub(crate) struct Services {
    pub(crate) endpoints: Endpoints,
    /// For the local cloud's own calls, which no fault strikes.
    pub(crate) aws: SdkConfig,
    pub(crate) table: String,
    /// The ARN of the table's stream.
    pub(crate) stream: String,
    pub(crate) queues: Queues,
    mails: Arc<Journal<Mail>>,
    aws_server: Part,
    embedded: Option<Embedded>,
    /// Whether the table is in a DynamoDB that outlives it.
    delete_table: bool,
}

/// What a person or a test may look at.
#[derive(Clone)]
pub(crate) struct View {
    pub(crate) endpoints: Endpoints,
    pub(crate) table: String,
    pub(crate) dynamodb: Client,
    pub(crate) mails: Arc<Journal<Mail>>,
    /// `None` with a DynamoDB elsewhere, which expires its items itself.
    pub(crate) expiry: Option<Expiry>,
}

impl Services {
    pub(crate) async fn start(
        settings: &Settings,
        config: &Config,
        directory: &DataDirectory,
        clock: &MovableClock,
    ) -> Result<Self, StartError> {
        let mails: Arc<_> = directory.journal("mail.jsonl")?.into();
        let outbox = Outbox { mails: Arc::clone(&mails), clock: Clock::new(clock.clone()) };
        let queues = Queues::open(directory, &Clock::new(clock.clone()))?;
        let kms = Kms::open(directory, &config.kms_key_id)?;
        let by_target = ByTarget { kms, queues: queues.clone() };
        let (listener, aws) = gateway::bind(0).await?;
        let aws_server = Part::run(|stop| async move {
            let router = Router::new()
                .route("/", post(call).with_state(by_target))
                .route("/v2/email/outbound-emails", outbox.route());
            if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(stop.asked()).await {
                tracing::error!(%error, "SES, KMS and SQS stopped");
            }
        });
        let embedded = match settings.dynamodb_endpoint {
            Some(_) => None,
            None => Some(Embedded::start(directory, clock.clone()).await?),
        };
        let dynamodb = embedded.as_ref().map(|it| &it.endpoint).or(settings.dynamodb_endpoint.as_ref());
        let endpoints = Endpoints { dynamodb: dynamodb.cloned().unwrap_or_default(), aws };
        let aws = aws::config(endpoints.clone(), aws::http_client(), aws::ATTEMPTS);
        let table = config.table_name.clone();
        let stream = stream_of(&table, &endpoints, &Client::new(&aws)).await?;
        let delete_table = embedded.is_none() && settings.data == Data::Memory;
        Ok(Self { endpoints, aws, table, stream, queues, mails, aws_server, embedded, delete_table })
    }

    /// What a person or a test may look at.
    pub(crate) fn view(&self) -> View {
        View {
            endpoints: self.endpoints.clone(),
            table: self.table.clone(),
            dynamodb: Client::new(&self.aws),
            mails: Arc::clone(&self.mails),
            expiry: self.embedded.as_ref().map(Embedded::expiry),
        }
    }

    pub(crate) async fn stop(self) {
        if self.delete_table {
            let deleted = Client::new(&self.aws).delete_table().table_name(&self.table).send().await;
            if let Err(error) = deleted {
                tracing::warn!(table = self.table, ?error, "the table was not deleted");
            }
        }
        self.aws_server.stop().await;
        if let Some(embedded) = self.embedded {
            embedded.stop().await;
        }
    }
}

/// The ARN of the table's stream. The table is made if it is missing.
async fn stream_of(table: &str, endpoints: &Endpoints, dynamodb: &Client) -> Result<String, StartError> {
    let problem = |problem| {
        let (table, endpoint) = (table.to_owned(), endpoints.dynamodb.clone());
        StartError::Table { table, endpoint, problem }
    };
    let description = dynamodb::ready_table(dynamodb, table).await.map_err(problem)?;
    if let Some(index) = dynamodb::missing_index(&description) {
        return Err(StartError::Outdated { table: table.to_owned(), index });
    }
    description.latest_stream_arn.ok_or_else(|| problem("it has no stream".to_owned()))
}

/// The services that share a path and are told apart by the target of a call.
#[derive(Clone)]
struct ByTarget {
    kms: Arc<Kms>,
    queues: Queues,
}

/// Answers `POST /`.
async fn call(
    State(services): State<ByTarget>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, AwsError> {
    let target = headers.get("x-amz-target").and_then(|it| it.to_str().ok()).unwrap_or_default();
    match target.split_once('.') {
        Some(("TrentService", operation)) => services.kms.call(operation, &body),
        Some(("AmazonSQS", operation)) => services.queues.call(operation, &body),
        _ => Err(AwsError::bad_request("UnknownOperationException", target)),
    }
    .map(Json)
}

#[cfg(test)]
mod tests;
