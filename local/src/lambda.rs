//! Lambda: every function starts with a state of its own, as in a process of its own, and calls AWS in its own role.
//!
//! What the whole system has once: its settings, the clock, and the wire with the faults on order.

use aws_config::SdkConfig;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use shared::App;
use shared::clock::Clock;
use shared::config::Config;

use crate::aws::{self, Endpoints};
use crate::iam::Roles;
use crate::template::TemplateError;

/// What functions start with.
pub(crate) struct Lambda<'a> {
    pub(crate) config: &'a Config,
    pub(crate) clock: &'a Clock,
    pub(crate) endpoints: &'a Endpoints,
    pub(crate) wire: SharedHttpClient,
    pub(crate) roles: &'a Roles,
    /// How often an SDK client tries a call.
    pub(crate) attempts: u32,
}

impl Lambda<'_> {
    /// The state of the function of this name, and its way to AWS.
    pub(crate) fn start(&self, function: &'static str) -> Result<(App, SdkConfig), TemplateError> {
        let client = self.roles.guard(function, self.wire.clone())?;
        let aws = aws::config(self.endpoints.clone(), client, self.attempts);
        Ok((App::new(self.config.clone(), self.clock.clone(), &aws), aws))
    }
}
