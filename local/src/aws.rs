//! What the SDK clients of the functions are given: their endpoints, and nothing that tells them where they run.

use std::time::Duration;

use aws_config::identity::IdentityCache;
use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::{HttpClient, SharedHttpClient};
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use serde_json::json;

/// The region that everything here claims to be in.
pub(crate) const REGION: &str = "us-east-1";
/// The account that everything here claims to belong to.
pub(crate) const ACCOUNT: &str = "000000000000";

/// Where each service listens. The SDK asks for it by service, as it would ask the environment
/// (`AWS_ENDPOINT_URL_DYNAMODB` and its like).
#[derive(Clone, Debug)]
pub(crate) struct Endpoints {
    /// DynamoDB and DynamoDB Streams.
    pub(crate) dynamodb: String,
    /// Every other service.
    pub(crate) aws: String,
}

impl LoadServiceConfig for Endpoints {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        let endpoint = match key.service_id() {
            "DynamoDB" | "DynamoDB Streams" => &self.dynamodb,
            _ => &self.aws,
        };
        (key.profile() == "endpoint_url").then(|| endpoint.clone())
    }
}

/// How often an SDK client tries a call, on AWS and here unless told otherwise.
pub(crate) const ATTEMPTS: u32 = 3;

/// The configuration of SDK clients that call `endpoints` through `client`, with so many attempts.
pub(crate) fn config(endpoints: Endpoints, client: impl HttpClient + 'static, attempts: u32) -> SdkConfig {
    // Retries as on AWS, but without its long waits: nothing on loopback recovers later rather than sooner.
    let retries = RetryConfig::standard()
        .with_max_attempts(attempts)
        .with_initial_backoff(Duration::from_millis(20))
        .with_max_backoff(Duration::from_millis(200));
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static(REGION))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
            "local", "local", None, None, "local",
        )))
        .identity_cache(IdentityCache::no_cache())
        .service_config(endpoints)
        .http_client(client)
        .retry_config(retries)
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .build()
}

/// An HTTP client for loopback: it loads no certificate authorities.
pub(crate) fn http_client() -> SharedHttpClient {
    aws_smithy_http_client::Builder::new().build_http()
}

/// A random UUID, as AWS gives to what it makes: requests, messages, keys.
pub(crate) fn new_id() -> String {
    uuid::Builder::from_random_bytes(shared::random::bytes()).into_uuid().to_string()
}

/// Reads what a call of the JSON protocols asks for.
pub(crate) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, AwsError> {
    serde_json::from_slice(body)
        .map_err(|error| AwsError::bad_request("SerializationException", error.to_string()))
}

/// How an AWS service refuses a call.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct AwsError {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

/// Names the error in the REST protocols; the JSON protocols have it in the body.
pub(crate) const ERROR_TYPE: &str = "x-amzn-errortype";

impl AwsError {
    pub(crate) fn bad_request(code: &'static str, message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, code, message: message.into() }
    }

    pub(crate) fn body(&self) -> serde_json::Value {
        json!({ "__type": self.code, "message": self.message })
    }
}

impl IntoResponse for AwsError {
    fn into_response(self) -> Response {
        (self.status, [(ERROR_TYPE, self.code)], Json(self.body())).into_response()
    }
}
