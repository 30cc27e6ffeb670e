//! How the functions reach AWS from Lambda: the region and the credentials stand in the environment, and one
//! HTTP client, with its trust anchors compiled in, serves all SDK clients.
//!
//! The SDK's own defaults walk a chain of providers and read the system's certificates: 4 ms of each cold
//! start at full speed, 100 ms at a small function's share of a core, and half a megabyte of each binary.

use std::time::Duration;

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_http_client::tls::{self, TlsContext, TrustStore};
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};
use base64::Engine as _;

use crate::fault::Fault;

/// What the certificates of AWS endpoints end in: Amazon Trust Services, and the root that crossed it.
const AUTHORITIES: [&[u8]; 2] = [b"Amazon Root CA", b"Starfield Services Root"];

/// What services answer when it is worth while to try again later.
const TEMPORARY: [&str; 12] = [
    "DependencyTimeoutException",
    "InternalFailure",
    "InternalServerError",
    "KMSInternalException",
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "ThrottlingException",
    "TransactionCanceledException",
    "TransactionConflictException",
    "TransactionInProgressException",
];
/// How long one attempt of a call may take, and a call with all its attempts: a function has 10 seconds, and
/// its client shall hear that we are busy, not that nobody answered.
const TIMEOUTS: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(6));

/// The SDK's configuration on Lambda. Credentials come from the environment, and live as long as the process.
///
/// # Errors
/// When TLS can not be set up, or the region is not set.
pub fn config_from_lambda() -> Result<SdkConfig, Box<dyn std::error::Error + Send + Sync>> {
    let context = TlsContext::builder().with_trust_store(trust_store()).build()?;
    let client = aws_smithy_http_client::Builder::new()
        .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::AwsLc))
        .tls_context(context)
        .build_https();
    let timeouts =
        TimeoutConfig::builder().operation_attempt_timeout(TIMEOUTS.0).operation_timeout(TIMEOUTS.1).build();
    let region = Environment::get("AWS_REGION").ok_or("AWS_REGION is not set")?;
    Ok(SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(region))
        .credentials_provider(SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new()))
        .service_config(Environment)
        .http_client(client)
        .timeout_config(timeouts)
        .retry_config(RetryConfig::standard())
        .build())
}

/// What the SDK is told of each service by the environment: `AWS_ENDPOINT_URL_DYNAMODB` and its like.
#[derive(Debug)]
struct Environment;

impl Environment {
    #[expect(
        clippy::disallowed_methods,
        reason = "AWS tells the SDK by these variables, and no others of ours"
    )]
    fn get(name: &str) -> Option<String> {
        std::env::var(name).ok()
    }
}

impl LoadServiceConfig for Environment {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        Self::get(&format!("{}_{}", key.env(), key.service_id().to_uppercase().replace(' ', "_")))
    }
}

/// A failed call, sorted by whether trying again later may help.
///
/// The cause is the service's code and message and no more: an error's debug output holds items.
pub(crate) fn fault<E, R>(doing: &'static str, error: SdkError<E, R>) -> Fault
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    match &error {
        SdkError::ServiceError(service) => {
            let code = service.err().code().unwrap_or("no code");
            let cause = format!("{code}: {}", service.err().message().unwrap_or("no message"));
            if TEMPORARY.contains(&code) {
                Fault::temporary(doing, cause)
            } else {
                Fault::broken(doing, cause)
            }
        }
        SdkError::ConstructionFailure(_) => Fault::broken(doing, error),
        _ => Fault::temporary(doing, error),
    }
}

/// The trust anchors that AWS endpoints need, and no others.
fn trust_store() -> TrustStore {
    let contains = |certificate: &[u8], name: &[u8]| certificate.windows(name.len()).any(|part| part == name);
    let anchors = webpki_root_certs::TLS_SERVER_ROOT_CERTS
        .iter()
        .filter(|certificate| AUTHORITIES.iter().any(|name| contains(certificate, name)));
    anchors.fold(TrustStore::empty(), |store, certificate| {
        let body = base64::engine::general_purpose::STANDARD.encode(certificate);
        let pem = format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n");
        store.with_pem_certificate(pem.as_bytes())
    })
}
