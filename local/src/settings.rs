//! What the local cloud is started with. The environment is read here, once; the rest is passed on.

use std::collections::BTreeMap;
use std::path::PathBuf;

use shared::config::{Config, ConfigError, VARIABLES};

use crate::StartError;
use crate::aws;

/// The alias of the key that the local KMS holds.
pub(crate) const KMS_KEY_ID: &str = "alias/usher-local";
/// The sender of mails.
pub(crate) const MAIL_FROM: &str = "no-reply@example.com";
/// The queue of mails.
pub(crate) const MAIL_QUEUE_URL: &str = "https://sqs.us-east-1.amazonaws.com/000000000000/usher-local-mails";
/// The queue of those that were given up.
pub(crate) const MAIL_DEAD_LETTER_QUEUE_URL: &str =
    "https://sqs.us-east-1.amazonaws.com/000000000000/usher-local-mail-dead-letters";
/// The queue of webhook deliveries.
pub(crate) const WEBHOOK_QUEUE_URL: &str =
    "https://sqs.us-east-1.amazonaws.com/000000000000/usher-local-webhooks";
/// The queue of those to servers that fail or are slow.
pub(crate) const WEBHOOK_SLOW_QUEUE_URL: &str =
    "https://sqs.us-east-1.amazonaws.com/000000000000/usher-local-webhooks-slow";
/// The queue of those that were never finished.
pub(crate) const WEBHOOK_DEAD_LETTER_QUEUE_URL: &str =
    "https://sqs.us-east-1.amazonaws.com/000000000000/usher-local-webhook-dead-letters";
/// The queue of what the stream's consumers gave up.
pub(crate) const DEAD_LETTER_QUEUE_URL: &str =
    "https://sqs.us-east-1.amazonaws.com/000000000000/usher-local-dead-letters";

/// What [`crate::start`] is given.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `PORT` on 127.0.0.1, default 3000; 0 takes any free one.
    pub port: u16,
    /// `LOCAL_DATA`, default the directory `.local`; `:memory:` for none.
    pub data: Data,
    /// `ADMIN_EMAIL` (default `admin@example.com`) and `ADMIN_PASSWORD`: the first administrator, created when
    /// there is none. `None` creates nobody.
    pub admin: Option<Admin>,
    /// `AWS_ENDPOINT_URL_DYNAMODB`: a DynamoDB to use instead of the one in this process.
    pub dynamodb_endpoint: Option<String>,
    /// How often the functions' SDK clients try a call; 3, as on AWS, unless a test wants each failure to be final.
    pub attempts: u32,
    /// Whether the clock starts at the next noon (UTC) and not now: no test that begins then runs into another hour or
    /// day. For data in memory: what is in a file expires by the machine's time.
    pub at_noon: bool,
    /// The functions' settings, by variable, where they differ from what suits a developer's machine.
    pub overrides: BTreeMap<String, String>,
}

/// Where data lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data {
    /// In this process only.
    Memory,
    /// In a directory, which outlives the process and which one process holds at a time.
    Directory(PathBuf),
}

/// The first administrator.
#[derive(Clone)]
pub struct Admin {
    /// The address to sign in with.
    pub email: String,
    /// The password; `None` makes one up, which [`crate::Local`] then tells.
    pub password: Option<String>,
}

impl std::fmt::Debug for Admin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Admin").field("email", &self.email).finish_non_exhaustive()
    }
}

impl Default for Settings {
    /// For a test: any free port, nothing kept, nobody created.
    fn default() -> Self {
        Self {
            port: 0,
            data: Data::Memory,
            admin: None,
            dynamodb_endpoint: None,
            attempts: aws::ATTEMPTS,
            at_noon: false,
            overrides: BTreeMap::new(),
        }
    }
}

impl Settings {
    /// Reads the settings from the process's environment.
    #[expect(clippy::disallowed_methods, reason = "the binary's environment comes in here, and only here")]
    pub fn from_env() -> Result<Self, StartError> {
        Self::from_lookup(|name| std::env::var(name).ok())
    }

    /// Reads the settings through `lookup`, which gives a variable's value by its name. An empty one counts as
    /// not set.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, StartError> {
        let value = |name: &str| lookup(name).map(|it| it.trim().to_owned()).filter(|it| !it.is_empty());
        let port = value("PORT").unwrap_or_else(|| "3000".to_owned());
        let data = value("LOCAL_DATA").unwrap_or_else(|| ".local".to_owned());
        let email = value("ADMIN_EMAIL").unwrap_or_else(|| "admin@example.com".to_owned());
        let overrides = VARIABLES.iter().filter_map(|(name, _)| Some(((*name).to_owned(), value(name)?)));
        Ok(Self {
            port: port.parse().map_err(|_| StartError::Setting {
                name: "PORT",
                value: port,
                allowed: "a number from 0 to 65535",
            })?,
            data: if data == ":memory:" { Data::Memory } else { Data::Directory(data.into()) },
            admin: Some(Admin { email, password: value("ADMIN_PASSWORD") }),
            dynamodb_endpoint: value("AWS_ENDPOINT_URL_DYNAMODB"),
            attempts: aws::ATTEMPTS,
            at_noon: false,
            overrides: overrides.collect(),
        })
    }

    /// The functions' settings for an API at `url`: what suits a developer's machine, and the overrides.
    pub(crate) fn config(&self, url: &str) -> Result<Config, ConfigError> {
        // A DynamoDB that outlives this process gets a table that no other start knows.
        let table = match (&self.data, &self.dynamodb_endpoint) {
            (Data::Memory, Some(_)) => format!("usher-local-{}", aws::new_id()),
            _ => "usher-local-table".to_owned(),
        };
        let default = |name: &str| match name {
            "APP_ENV" => Some("development"),
            "COST_HEADERS" => Some("on"),
            "DEAD_LETTER_QUEUE_URL" => Some(DEAD_LETTER_QUEUE_URL),
            "EXPOSE_TOKENS" | "WEBHOOK_ALLOW_LOOPBACK" => Some("true"),
            "KMS_KEY_ID" => Some(KMS_KEY_ID),
            "MAIL_FROM" => Some(MAIL_FROM),
            "MAIL_QUEUE_URL" => Some(MAIL_QUEUE_URL),
            "PUBLIC_URL" => Some(url),
            "TABLE_NAME" => Some(table.as_str()),
            "WEBHOOK_QUEUE_URL" => Some(WEBHOOK_QUEUE_URL),
            "WEBHOOK_SLOW_QUEUE_URL" => Some(WEBHOOK_SLOW_QUEUE_URL),
            _ => None,
        };
        Config::from_lookup(|name| {
            self.overrides.get(name).map(String::as_str).or_else(|| default(name)).map(str::to_owned)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Settings, StartError> {
        Settings::from_lookup(|name| {
            variables.iter().find(|(it, _)| *it == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn nothing_needs_to_be_set() {
        let settings = read(&[]).unwrap();
        assert_eq!((settings.port, settings.data.clone()), (3000, Data::Directory(".local".into())));
        assert_eq!(settings.admin.as_ref().unwrap().email, "admin@example.com");
        let config = settings.config("http://127.0.0.1:3000").unwrap();
        assert!(config.expose_tokens && config.cost_headers);
        assert_eq!(config.table_name, "usher-local-table");
    }

    #[test]
    fn a_bad_port_is_told_in_one_sentence() {
        let error = read(&[("PORT", "http")]).unwrap_err();
        assert_eq!(error.to_string(), "PORT is `http`, but must be a number from 0 to 65535");
    }

    #[test]
    fn what_the_functions_read_passes_through() {
        let settings = read(&[("JWT_REFRESH_TOKEN_EXPIRE_DAYS", "0")]).unwrap();
        let error = settings.config("http://127.0.0.1:3000").unwrap_err().to_string();
        assert!(error.contains("JWT_REFRESH_TOKEN_EXPIRE_DAYS is `0`"), "{error}");
    }

    #[test]
    fn a_foreign_dynamodb_gets_a_new_table_for_each_start_that_keeps_nothing() {
        let settings =
            Settings { dynamodb_endpoint: Some("http://127.0.0.1:8000".into()), ..Settings::default() };
        let name = || settings.config("http://127.0.0.1:3000").unwrap().table_name;
        assert_ne!(name(), name());
    }
}
