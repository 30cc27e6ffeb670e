//! The settings: environment variables, typed and checked once, at start.
//!
//! No setting is read anywhere else. Each variable is listed in [`VARIABLES`], with which a test of `local` compares
//! the template and `docs/deploying.md`. What is wrong is told all at once, by name, with what is allowed; nothing
//! falls back to an unsafe default.

use std::fmt;

use tracing_subscriber::filter::LevelFilter;

use crate::secret::Secret;

/// Every variable that [`Config`] reads, with what it is for.
pub const VARIABLES: &[(&str, &str)] = &[
    (
        "APP_ENV",
        "`production` (default), `staging`, `development` or `test`; production refuses unsafe settings",
    ),
    ("AUDIT_RETENTION_DAYS", "how long the audit trail is kept, 1 to 3660; default 400"),
    ("CORS_ORIGINS", "origins that browsers may call from, separated by commas; default none"),
    ("COST_HEADERS", "`on` adds `Server-Timing` with the calls and capacity of the request; default `off`"),
    (
        "DEAD_LETTER_QUEUE_URL",
        "URL of the SQS queue of what the stream's consumers gave up; required to replay it",
    ),
    (
        "DELETED_ACCOUNT_RETENTION_DAYS",
        "how long an account that an administrator deleted is kept, 1 to 3650; default 30",
    ),
    (
        "EXPOSE_TOKENS",
        "`true` shows mail tokens in answers, for development; default `false`, refused in production",
    ),
    ("FRONTEND_URL", "where the links in mails lead; default `PUBLIC_URL`"),
    ("JWT_ACCESS_TOKEN_EXPIRE_MINUTES", "life of an access token, 1 to 1440; default 60"),
    ("JWT_REFRESH_TOKEN_EXPIRE_DAYS", "life of a session, 1 to 365; default 7"),
    ("JWT_SECRET_KEY", "at least 32 bytes: sign tokens with HS256 and this key instead of ES256"),
    ("KMS_KEY_ID", "id, ARN or alias of the KMS key that wraps the system's keys; required"),
    ("LOG_LEVEL", "`error`, `warn`, `info` (default), `debug` or `trace`"),
    ("MAIL_FROM", "sender of mails; required"),
    ("MAIL_QUEUE_URL", "URL of the SQS queue of mails; required where events are told"),
    ("PUBLIC_URL", "base URL of this API, also the issuer of its tokens; required"),
    ("TABLE_NAME", "name of the DynamoDB table; required"),
    (
        "UNVERIFIED_ACCOUNT_DAYS",
        "how long an account is kept whose address nobody proves, 1 to 3650; default 30",
    ),
    (
        "WEBHOOK_ALLOW_LOOPBACK",
        "`true` lets webhooks reach this machine, also by `http://`; default `false`, refused in production",
    ),
    ("WEBHOOK_QUEUE_URL", "URL of the SQS queue of webhook deliveries; required where webhooks are sent"),
    (
        "WEBHOOK_SLOW_QUEUE_URL",
        "URL of the SQS queue of those to servers that fail or are slow; required where webhooks are sent",
    ),
];

/// What `LOG_LEVEL` may be, the default first.
const LOG_LEVELS: [(&str, LevelFilter); 5] = [
    ("info", LevelFilter::INFO),
    ("error", LevelFilter::ERROR),
    ("warn", LevelFilter::WARN),
    ("debug", LevelFilter::DEBUG),
    ("trace", LevelFilter::TRACE),
];

/// The settings of a function.
#[derive(Clone, Debug)]
pub struct Config {
    /// `APP_ENV`.
    pub environment: Environment,
    /// `AUDIT_RETENTION_DAYS`.
    pub audit_retention_days: i64,
    /// `COST_HEADERS`.
    pub cost_headers: bool,
    /// `CORS_ORIGINS`.
    pub cors_origins: Vec<String>,
    /// `DEAD_LETTER_QUEUE_URL`, which only the function that replays has.
    pub dead_letter_queue_url: Option<String>,
    /// `DELETED_ACCOUNT_RETENTION_DAYS`.
    pub deleted_account_days: i64,
    /// `EXPOSE_TOKENS`.
    pub expose_tokens: bool,
    /// `FRONTEND_URL`, without a trailing slash.
    pub frontend_url: String,
    /// `JWT_ACCESS_TOKEN_EXPIRE_MINUTES`.
    pub access_token_minutes: i64,
    /// `JWT_REFRESH_TOKEN_EXPIRE_DAYS`.
    pub refresh_token_days: i64,
    /// `JWT_SECRET_KEY`.
    pub jwt_secret: Option<Secret>,
    /// `KMS_KEY_ID`.
    pub kms_key_id: String,
    /// `LOG_LEVEL`.
    pub log_level: LevelFilter,
    /// `MAIL_FROM`.
    pub mail_from: String,
    /// `MAIL_QUEUE_URL`, which only the function that queues mails has.
    pub mail_queue_url: Option<String>,
    /// `PUBLIC_URL`, without a trailing slash.
    pub public_url: String,
    /// `TABLE_NAME`.
    pub table_name: String,
    /// `UNVERIFIED_ACCOUNT_DAYS`.
    pub unverified_account_days: i64,
    /// `WEBHOOK_ALLOW_LOOPBACK`.
    pub webhook_allow_loopback: bool,
    /// `WEBHOOK_QUEUE_URL`, which only the functions that queue deliveries have.
    pub webhook_queue_url: Option<String>,
    /// `WEBHOOK_SLOW_QUEUE_URL`, which those of them have that know which endpoints are slow.
    pub webhook_slow_queue_url: Option<String>,
}

/// `APP_ENV`: where this runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Environment {
    /// Serves real people: unsafe settings are refused.
    Production,
    /// Like production, for trying a release.
    Staging,
    /// A developer's machine.
    Development,
    /// A test's process.
    Test,
}

impl Environment {
    /// All of them, the default first.
    const ALL: [Self; 4] = [Self::Production, Self::Staging, Self::Development, Self::Test];

    /// The name that `APP_ENV` gives it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Production => "production",
            Self::Staging => "staging",
            Self::Development => "development",
            Self::Test => "test",
        }
    }
}

/// What is wrong with the settings: one sentence for each variable.
#[derive(Debug, PartialEq, Eq)]
pub struct ConfigError(Vec<String>);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("; "))
    }
}

impl std::error::Error for ConfigError {}

impl Config {
    /// Reads the settings from the process's environment.
    ///
    /// # Errors
    /// Names every variable that is missing or not allowed.
    #[expect(clippy::disallowed_methods, reason = "this is the one place where settings come in")]
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::from_lookup(|name| std::env::var(name).ok())
    }

    /// Reads the settings through `lookup`, which gives a variable's value by its name.
    ///
    /// # Errors
    /// Names every variable that is missing or not allowed.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut reader = Reader { lookup: &lookup, wrong: Vec::new() };
        let public_url = reader.url("PUBLIC_URL").unwrap_or_default();
        let config = Self {
            environment: reader.choice("APP_ENV", &Environment::ALL.map(|it| (it.name(), it))),
            audit_retention_days: reader.number("AUDIT_RETENTION_DAYS", 400, 1..=3660),
            cost_headers: reader.choice("COST_HEADERS", &[("off", false), ("on", true)]),
            cors_origins: reader.origins("CORS_ORIGINS"),
            dead_letter_queue_url: reader.optional_url("DEAD_LETTER_QUEUE_URL"),
            deleted_account_days: reader.number("DELETED_ACCOUNT_RETENTION_DAYS", 30, 1..=3650),
            expose_tokens: reader.choice("EXPOSE_TOKENS", &[("false", false), ("true", true)]),
            frontend_url: reader.optional_url("FRONTEND_URL").unwrap_or_else(|| public_url.clone()),
            access_token_minutes: reader.number("JWT_ACCESS_TOKEN_EXPIRE_MINUTES", 60, 1..=1440),
            refresh_token_days: reader.number("JWT_REFRESH_TOKEN_EXPIRE_DAYS", 7, 1..=365),
            jwt_secret: reader.secret("JWT_SECRET_KEY"),
            kms_key_id: reader.required("KMS_KEY_ID").unwrap_or_default(),
            log_level: reader.choice("LOG_LEVEL", &LOG_LEVELS),
            mail_from: reader.required("MAIL_FROM").unwrap_or_default(),
            mail_queue_url: reader.optional_url("MAIL_QUEUE_URL"),
            table_name: reader.required("TABLE_NAME").unwrap_or_default(),
            unverified_account_days: reader.number("UNVERIFIED_ACCOUNT_DAYS", 30, 1..=3650),
            webhook_allow_loopback: reader
                .choice("WEBHOOK_ALLOW_LOOPBACK", &[("false", false), ("true", true)]),
            webhook_queue_url: reader.optional_url("WEBHOOK_QUEUE_URL"),
            webhook_slow_queue_url: reader.optional_url("WEBHOOK_SLOW_QUEUE_URL"),
            public_url,
        };
        let unsafe_settings = [
            ("EXPOSE_TOKENS", config.expose_tokens, &[Environment::Production][..]),
            (
                "WEBHOOK_ALLOW_LOOPBACK",
                config.webhook_allow_loopback,
                &[Environment::Production, Environment::Staging],
            ),
        ];
        for (name, chosen, refused_in) in unsafe_settings {
            if chosen && refused_in.contains(&config.environment) {
                let environment = config.environment.name();
                reader.refuse(format!(
                    "{name} is `true`, which is not allowed where APP_ENV is `{environment}`"
                ));
            }
        }
        if reader.wrong.is_empty() { Ok(config) } else { Err(ConfigError(reader.wrong)) }
    }
}

/// The host of a URL, without its port.
fn host(url: &str) -> &str {
    let authority = url.split_once("://").map_or(url, |(_, rest)| rest);
    authority.split(['/', ':']).next().unwrap_or_default()
}

/// Reads variables and keeps what is wrong with them.
struct Reader<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    wrong: Vec<String>,
}

impl Reader<'_> {
    fn refuse(&mut self, sentence: impl Into<String>) {
        self.wrong.push(sentence.into());
    }

    /// A variable's trimmed value; an empty one counts as not set.
    fn text(&self, name: &str) -> Option<String> {
        let value = (self.lookup)(name)?;
        let value = value.trim();
        (!value.is_empty()).then(|| value.to_owned())
    }

    fn required(&mut self, name: &str) -> Option<String> {
        let value = self.text(name);
        if value.is_none() {
            self.refuse(format!("{name} is not set"));
        }
        value
    }

    fn url(&mut self, name: &str) -> Option<String> {
        self.required(name)?;
        self.optional_url(name)
    }

    fn optional_url(&mut self, name: &str) -> Option<String> {
        let value = self.text(name)?;
        if !(value.starts_with("https://") || value.starts_with("http://")) || host(&value).is_empty() {
            self.refuse(format!("{name} is `{value}`, but must be an `https://` or `http://` URL"));
        }
        Some(value.trim_end_matches('/').to_owned())
    }

    /// A list of origins as browsers send them: `https://host` or `https://host:port`, in lower case.
    fn origins(&mut self, name: &str) -> Vec<String> {
        let value = self.text(name).unwrap_or_default();
        let origins = value.split(',').map(|it| it.trim().to_lowercase()).filter(|it| !it.is_empty());
        let origins: Vec<String> = origins.collect();
        for origin in &origins {
            let authority = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
            let plain = |it: &str| it.chars().all(|c| c.is_ascii_alphanumeric() || ".-:[]".contains(c));
            if !authority.is_some_and(|it| !it.is_empty() && plain(it)) {
                self.refuse(format!(
                    "{name} has `{origin}`, but must list origins like `https://app.example.com`"
                ));
            }
        }
        origins
    }

    /// One of `choices`, the first of which is the default.
    fn choice<T: Copy>(&mut self, name: &str, choices: &[(&str, T)]) -> T {
        let default = choices[0].1;
        let Some(value) = self.text(name) else { return default };
        if let Some((_, choice)) = choices.iter().find(|(it, _)| it.eq_ignore_ascii_case(&value)) {
            return *choice;
        }
        let allowed: Vec<_> = choices.iter().map(|(it, _)| format!("`{it}`")).collect();
        self.refuse(format!("{name} is `{value}`, but must be {}", allowed.join(" or ")));
        default
    }

    fn number(&mut self, name: &str, default: i64, allowed: std::ops::RangeInclusive<i64>) -> i64 {
        let Some(value) = self.text(name) else { return default };
        match value.parse() {
            Ok(number) if allowed.contains(&number) => number,
            _ => {
                let (least, most) = (allowed.start(), allowed.end());
                self.refuse(format!("{name} is `{value}`, but must be a number from {least} to {most}"));
                default
            }
        }
    }

    fn secret(&mut self, name: &str) -> Option<Secret> {
        let value = self.text(name)?;
        if value.len() < 32 {
            self.refuse(format!("{name} has {} bytes, but must have at least 32", value.len()));
        }
        Some(Secret::new(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(settings: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let needed = [
            ("TABLE_NAME", "usher-table"),
            ("KMS_KEY_ID", "alias/usher"),
            ("MAIL_FROM", "no-reply@example.com"),
            ("PUBLIC_URL", "https://api.test:8443/"),
        ];
        let value = |name: &str| {
            settings.iter().chain(&needed).find(|(it, _)| *it == name).map(|(_, value)| (*value).to_owned())
        };
        Config::from_lookup(value)
    }

    #[test]
    fn what_is_not_set_takes_its_safe_default() {
        let config = read(&[]).unwrap();
        assert_eq!(config.environment, Environment::Production);
        assert!(!config.expose_tokens && !config.cost_headers);
        assert_eq!(config.frontend_url, "https://api.test:8443");
    }

    #[test]
    fn every_wrong_variable_is_named_at_once() {
        let error = read(&[("APP_ENV", "prod"), ("JWT_SECRET_KEY", "short"), ("PUBLIC_URL", "api.test")]);
        let sentences = error.unwrap_err().to_string();
        for name in ["APP_ENV is `prod`", "JWT_SECRET_KEY has 5 bytes", "PUBLIC_URL is `api.test`"] {
            assert!(sentences.contains(name), "{sentences}");
        }
    }

    #[test]
    fn production_refuses_unsafe_settings() {
        for name in ["EXPOSE_TOKENS", "WEBHOOK_ALLOW_LOOPBACK"] {
            assert!(read(&[(name, "true")]).is_err(), "{name}");
            assert!(read(&[(name, "true"), ("APP_ENV", "development")]).is_ok(), "{name}");
        }
        assert!(read(&[("WEBHOOK_ALLOW_LOOPBACK", "true"), ("APP_ENV", "staging")]).is_err());
        assert!(read(&[("EXPOSE_TOKENS", "true"), ("APP_ENV", "staging")]).is_ok());
    }

    #[test]
    fn an_origin_is_a_scheme_and_a_host() {
        let origins =
            read(&[("CORS_ORIGINS", "https://App.example.com, http://localhost:5173")]).unwrap().cors_origins;
        assert_eq!(origins, ["https://app.example.com", "http://localhost:5173"]);
        for wrong in ["*", "app.example.com", "https://app.example.com/", "https://", "null"] {
            assert!(read(&[("CORS_ORIGINS", wrong)]).is_err(), "{wrong}");
        }
    }

    #[test]
    fn only_listed_variables_are_read() {
        let asked = std::cell::RefCell::new(Vec::new());
        let _ = Config::from_lookup(|name| {
            asked.borrow_mut().push(name.to_owned());
            None
        });
        let mut asked = asked.into_inner();
        asked.sort();
        asked.dedup();
        assert_eq!(asked, VARIABLES.iter().map(|(name, _)| *name).collect::<Vec<_>>());
    }
}
