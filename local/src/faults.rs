//! Faults on order: the next calls of an AWS operation fail, stall or lose their answer.
//!
//! They strike between the SDK and the wire, one attempt at a time, so that what is tested is the functions with the
//! SDK's own retries. A call is an attempt: with the three attempts of the standard retry mode, a fault with `count` 3
//! fails the operation and one with `count` 1 only delays it.

use std::sync::{Arc, Mutex, PoisonError};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use serde::{Deserialize, Serialize};

use crate::aws::{AwsError, ERROR_TYPE};
use crate::function;
use crate::stream::Wake;

/// A fault, as `POST /_local/faults` takes it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fault {
    /// All of them when missing.
    service: Option<Service>,
    /// The operation's name, e.g. `TransactWriteItems`; all of the service's when missing.
    operation: Option<String>,
    /// Who calls: `api` for whatever answers a request, or a function that runs without one, e.g. `stream-audit`;
    /// all of them when missing.
    function: Option<String>,
    kind: Kind,
    /// How many calls it strikes.
    #[serde(default = "once")]
    count: u32,
    /// How many calls it lets pass before.
    #[serde(default)]
    skip: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Service {
    DynamoDb,
    Kms,
    Ses,
    Sqs,
}

/// What happens to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    /// The service refuses it for now.
    Throttle,
    /// The service refuses it for good: SES does all mails of an account that it does not let send to everybody yet.
    Refuse,
    /// The service fails before it did anything.
    Error,
    /// The service does it, but its answer is a failure.
    ErrorAfterCommit,
    /// No answer comes; nothing was done.
    Timeout,
}

fn once() -> u32 {
    1
}

impl Fault {
    fn is_meant_for(&self, function: &str, service: Service, operation: &str) -> bool {
        self.service.is_none_or(|it| it == service)
            && self.operation.as_deref().is_none_or(|it| it == operation)
            && self.function.as_deref().is_none_or(|it| it == function)
    }
}

/// The faults on order. Cheap to clone; all clones are one list.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults(Arc<Mutex<Vec<Fault>>>);

impl Faults {
    /// Orders one more and returns all.
    pub(crate) fn add(&self, fault: Fault) -> Vec<Fault> {
        self.with(|faults| {
            faults.push(fault);
            faults.clone()
        })
    }

    /// Cancels all and returns what was left of them.
    pub(crate) fn clear(&self) -> Vec<Fault> {
        self.with(std::mem::take)
    }

    /// What is to happen to this call. Each fault that it matches counts it.
    fn strike(&self, function: &str, service: Service, operation: &str) -> Option<Kind> {
        self.with(|faults| {
            let mut struck = None;
            for fault in faults.iter_mut() {
                if !fault.is_meant_for(function, service, operation) {
                    continue;
                }
                if fault.skip > 0 {
                    fault.skip -= 1;
                } else if struck.is_none() && fault.count > 0 {
                    fault.count -= 1;
                    struck = Some(fault.kind);
                }
            }
            faults.retain(|fault| fault.count > 0);
            struck
        })
    }

    fn with<T>(&self, act: impl FnOnce(&mut Vec<Fault>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The HTTP client of the functions' SDK clients: faults strike here, and a write wakes the readers of stream and queue.
#[derive(Debug)]
pub(crate) struct Wire<Inner> {
    pub(crate) inner: Inner,
    pub(crate) faults: Faults,
    pub(crate) wake: Wake,
}

impl HttpClient for Wire<SharedHttpClient> {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(Wire { inner, faults: self.faults.clone(), wake: self.wake.clone() })
    }
}

impl HttpConnector for Wire<SharedHttpConnector> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let Some((service, operation)) = called(&request) else { return self.inner.call(request) };
        let writes = WRITES.contains(&operation);
        match self.faults.strike(function::running(), service, operation) {
            Some(Kind::Throttle) => HttpConnectorFuture::ready(failure(&throttled(service))),
            Some(Kind::Refuse) => HttpConnectorFuture::ready(failure(&refused(service))),
            Some(Kind::Error) => HttpConnectorFuture::ready(failure(&broken(service))),
            Some(Kind::Timeout) => {
                HttpConnectorFuture::ready(Err(ConnectorError::timeout("a fault on order".into())))
            }
            struck => {
                let (answer, wake) = (self.inner.call(request), self.wake.clone());
                HttpConnectorFuture::new(async move {
                    let answer = answer.await;
                    if writes {
                        wake.ring();
                    }
                    if struck.is_some() { failure(&broken(service)) } else { answer }
                })
            }
        }
    }
}

/// The operations after which there may be something to read in the table's stream, or in the queue.
const WRITES: [&str; 7] = [
    "PutItem",
    "UpdateItem",
    "DeleteItem",
    "BatchWriteItem",
    "TransactWriteItems",
    "SendMessage",
    "SendMessageBatch",
];

/// The service and operation that a request calls.
pub(crate) fn called(request: &HttpRequest) -> Option<(Service, &str)> {
    match request.headers().get("x-amz-target").and_then(|target| target.split_once('.')) {
        Some(("DynamoDB_20120810", operation)) => Some((Service::DynamoDb, operation)),
        Some(("TrentService", operation)) => Some((Service::Kms, operation)),
        Some(("AmazonSQS", operation)) => Some((Service::Sqs, operation)),
        None if request.uri().contains("/v2/email/outbound-emails") => Some((Service::Ses, "SendEmail")),
        _ => None,
    }
}

fn throttled(service: Service) -> AwsError {
    match service {
        Service::DynamoDb => AwsError::bad_request(
            "ThrottlingException",
            "Throughput exceeds the current capacity of your table or index.",
        ),
        Service::Kms => AwsError::bad_request(
            "ThrottlingException",
            "You have exceeded the rate at which you may call KMS.",
        ),
        Service::Sqs => {
            AwsError::bad_request("RequestThrottled", "The request was denied due to throttling.")
        }
        Service::Ses => AwsError {
            status: axum::http::StatusCode::TOO_MANY_REQUESTS,
            code: "TooManyRequestsException",
            message: "Too many requests".into(),
        },
    }
}

fn refused(service: Service) -> AwsError {
    match service {
        Service::Ses => AwsError::bad_request("MessageRejected", "Email address is not verified."),
        _ => AwsError::bad_request("AccessDeniedException", "User is not authorized to perform this action."),
    }
}

fn broken(service: Service) -> AwsError {
    let code = match service {
        Service::DynamoDb => "InternalServerError",
        Service::Kms => "KMSInternalException",
        Service::Ses => "InternalServiceErrorException",
        Service::Sqs => "InternalFailure",
    };
    AwsError {
        status: axum::http::StatusCode::INTERNAL_SERVER_ERROR,
        code,
        message: "Internal server error".into(),
    }
}

/// The answer of a service that refuses a call.
pub(crate) fn failure(error: &AwsError) -> Result<HttpResponse, ConnectorError> {
    let status = StatusCode::try_from(error.status.as_u16())
        .map_err(|error| ConnectorError::other(error.into(), None))?;
    let mut response = HttpResponse::new(status, SdkBody::from(error.body().to_string()));
    response.headers_mut().insert(ERROR_TYPE, error.code);
    Ok(response)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::function::API;

    fn faults(orders: &[serde_json::Value]) -> Faults {
        let faults = Faults::default();
        for order in orders {
            faults.add(serde_json::from_value(order.clone()).unwrap());
        }
        faults
    }

    #[test]
    fn a_fault_lets_pass_what_it_skips_and_then_strikes_as_often_as_it_says() {
        let faults = faults(&[json!({ "service": "dynamodb", "kind": "throttle", "count": 2, "skip": 1 })]);
        let struck: Vec<_> =
            (0..4).map(|_| faults.strike(API, Service::DynamoDb, "GetItem").is_some()).collect();
        assert_eq!(struck, [false, true, true, false]);
        assert!(faults.clear().is_empty());
    }

    #[test]
    fn a_fault_strikes_its_own_operation_only() {
        let faults = faults(&[json!({ "service": "ses", "operation": "SendEmail", "kind": "timeout" })]);
        assert_eq!(faults.strike(API, Service::Kms, "SendEmail"), None);
        assert_eq!(faults.strike(API, Service::Ses, "GetAccount"), None);
        assert_eq!(faults.strike(API, Service::Ses, "SendEmail"), Some(Kind::Timeout));
    }

    #[test]
    fn a_fault_strikes_its_own_function_only() {
        let faults = faults(&[json!({ "function": "stream-audit", "kind": "error", "count": 2 })]);
        assert_eq!(faults.strike(API, Service::DynamoDb, "GetItem"), None);
        for (service, operation) in [(Service::DynamoDb, "GetItem"), (Service::Kms, "Decrypt")] {
            assert_eq!(faults.strike("stream-audit", service, operation), Some(Kind::Error));
        }
    }

    #[test]
    fn what_is_left_is_told_when_cleared() {
        let faults = faults(&[json!({ "service": "kms", "kind": "error", "count": 3 })]);
        faults.strike(API, Service::Kms, "Decrypt");
        assert_eq!(faults.clear()[0].count, 2);
        assert_eq!(faults.strike(API, Service::Kms, "Decrypt"), None);
    }
}
