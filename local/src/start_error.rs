//! Why the local cloud did not start: one sentence that names the cause and says what to do.

use std::path::{Path, PathBuf};

/// Why [`crate::start`] failed.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Another process listens on the port.
    #[error("port {0} is taken: stop what listens there, or set PORT to another one (0 picks a free one)")]
    PortTaken(u16),
    /// The port cannot be listened on for another reason.
    #[error("port {0} cannot be opened ({1}): set PORT to another one (0 picks a free one)")]
    Port(u16, std::io::Error),
    /// A setting of the local cloud is not allowed.
    #[error("{name} is `{value}`, but must be {allowed}")]
    Setting {
        /// The variable.
        name: &'static str,
        /// What it was set to.
        value: String,
        /// What it may be.
        allowed: &'static str,
    },
    /// A setting of the functions is missing or not allowed.
    #[error("{0}")]
    Config(#[from] shared::config::ConfigError),
    /// Another process has the data directory.
    #[error("`{}` is in use by another process: stop that one, or set LOCAL_DATA to another directory", .0.display())]
    InUse(PathBuf),
    /// The data directory, or a file in it, cannot be made, read or written.
    #[error("`{}` cannot be used ({problem}): make it writable, or set LOCAL_DATA to another directory", .path.display())]
    Unusable {
        /// The directory or file.
        path: PathBuf,
        /// What the operating system says.
        problem: std::io::Error,
    },
    /// A file in the data directory is not what was written there.
    #[error("`{}` is damaged ({problem}): put a good copy in its place, or delete its directory to begin anew", .path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong with its content.
        problem: String,
    },
    /// The table cannot be had from DynamoDB.
    #[error(
        "the table `{table}` cannot be had from the DynamoDB at {endpoint} ({problem}): see that it runs there, or unset AWS_ENDPOINT_URL_DYNAMODB"
    )]
    Table {
        /// The table's name.
        table: String,
        /// Where the DynamoDB listens.
        endpoint: String,
        /// What it answered.
        problem: String,
    },
    /// An earlier version made the table.
    #[error(
        "the table `{table}` is one of an earlier version (it has no index {index}): set LOCAL_DATA to another directory, or delete it to begin anew"
    )]
    Outdated {
        /// The table's name.
        table: String,
        /// What it lacks.
        index: &'static str,
    },
    /// The operating system gave no randomness.
    #[error("the operating system gave no randomness: see that the process may read it")]
    Randomness,
    /// The first administrator cannot be made.
    #[error("the first administrator cannot be created ({0}): check ADMIN_EMAIL and ADMIN_PASSWORD")]
    Admin(#[from] shared::first_admin::Error),
    /// The template does not say what the functions may do.
    #[error("template.yaml cannot be used ({0}): mend it and build again")]
    Template(#[from] crate::template::TemplateError),
    /// The consumer of the queue of webhooks cannot be made.
    #[error("webhooks cannot be sent ({}): see that this is a whole build", .0.chain())]
    Webhooks(#[from] shared::fault::Fault),
}

impl StartError {
    pub(crate) fn unusable(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        move |problem| Self::Unusable { path: path.to_owned(), problem }
    }

    pub(crate) fn corrupt(path: &Path, problem: &dyn std::fmt::Display) -> Self {
        Self::Corrupt { path: path.to_owned(), problem: problem.to_string() }
    }
}
