//! IAM: a function may do what its role in `template.yaml` allows, and nothing else.
//!
//! Each call of an SDK client is decided before it leaves the function, by the policies that are deployed: what a role
//! lacks fails here as it would on AWS. What is not understood, in the template or in a call, is not allowed.
//!
//! What is simplified: there are identity-based policies only, and they allow only (no `Deny`, no boundaries, no
//! policies of tables or queues; the key policy admits whom IAM admits).

mod call;
mod policy;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;

use call::Demand;
use policy::Policy;

use crate::aws::{ACCOUNT, AwsError};
use crate::faults::failure;
use crate::template::{Deployment, TemplateError};

/// The roles of all functions.
#[derive(Debug)]
pub(crate) struct Roles {
    policies: HashMap<String, Arc<Policy>>,
    denials: Denials,
}

impl Roles {
    /// The roles that the template gives.
    pub(crate) fn of(deployment: &Deployment<'_>) -> Result<Self, TemplateError> {
        let policies = deployment.functions().map(|function| {
            let policy = Policy::of(deployment.policies(function)?);
            let policy = policy.map_err(|error| TemplateError::of(function, &error))?;
            Ok((function.to_owned(), Arc::new(policy)))
        });
        Ok(Self { policies: policies.collect::<Result<_, TemplateError>>()?, denials: Denials::default() })
    }

    /// The way to AWS of `function`: `client`, for the calls that its role allows.
    pub(crate) fn guard(
        &self,
        function: &'static str,
        client: SharedHttpClient,
    ) -> Result<impl HttpClient + use<>, TemplateError> {
        let policy = self.policies.get(function).ok_or_else(|| TemplateError::no_function(function))?;
        Ok(Guard { inner: client, function, policy: Arc::clone(policy), denials: self.denials.clone() })
    }

    /// What was denied, to be looked at later.
    pub(crate) fn denials(&self) -> Denials {
        self.denials.clone()
    }
}

/// Calls that were denied since the start, a sentence for each. Cheap to clone; all clones are one list.
#[derive(Clone, Debug, Default)]
pub struct Denials(Arc<Mutex<Vec<String>>>);

impl Denials {
    /// All of them, oldest first.
    pub fn all(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn add(&self, sentence: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(sentence);
    }
}

/// An HTTP client that lets pass what the role of a function allows.
#[derive(Debug)]
struct Guard<Inner> {
    inner: Inner,
    function: &'static str,
    policy: Arc<Policy>,
    denials: Denials,
}

impl HttpClient for Guard<SharedHttpClient> {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(Guard {
            inner: self.inner.http_connector(settings, components),
            function: self.function,
            policy: Arc::clone(&self.policy),
            denials: self.denials.clone(),
        })
    }
}

impl HttpConnector for Guard<SharedHttpConnector> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        match self.authorise(&request) {
            Ok(()) => self.inner.call(request),
            Err(denied) => HttpConnectorFuture::ready(failure(&denied)),
        }
    }
}

impl<Inner> Guard<Inner> {
    /// Whether the role allows everything that the call demands.
    fn authorise(&self, request: &HttpRequest) -> Result<(), AwsError> {
        let demands = call::demands(request).map_err(|problem| {
            tracing::error!(function = self.function, %problem, "a call was not understood, and so denied");
            self.denied(format!("{} made a call that is not understood: {problem}", self.function))
        })?;
        match demands.iter().find(|demand| !self.policy.allows(demand)) {
            None => Ok(()),
            Some(demand) => Err(self.refuse(demand)),
        }
    }

    /// Tells of a denial: of keys only what they begin with, since the rest may be an address.
    fn refuse(&self, demand: &Demand) -> AwsError {
        let Demand { action, resource, .. } = demand;
        let (function, partitions) = (self.function, demand.partitions().join(", "));
        tracing::error!(function, action, resource, partitions, "a call was denied");
        let partitions = if partitions.is_empty() { partitions } else { format!(" in {partitions}") };
        self.denied(format!(
            "User: arn:aws:sts::{ACCOUNT}:assumed-role/{function} is not authorized to perform: {action} on \
             resource: {resource}{partitions} because no identity-based policy allows the {action} action"
        ))
    }

    fn denied(&self, sentence: String) -> AwsError {
        self.denials.add(sentence.clone());
        AwsError::bad_request("AccessDeniedException", sentence)
    }
}

#[cfg(test)]
mod tests;
