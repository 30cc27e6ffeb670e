//! How things of this account are named in policies and calls: one function for each kind, so that both name alike.

use crate::aws::{ACCOUNT, REGION};

/// A table.
pub(crate) fn table(name: &str) -> String {
    format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{name}")
}

/// An index of a table.
pub(crate) fn index(table_name: &str, name: &str) -> String {
    format!("{}/index/{name}", table(table_name))
}

/// A table's stream.
pub(crate) fn stream(table_name: &str) -> String {
    format!("{}/stream/2024-01-01T00:00:00.000", table(table_name))
}

/// A key, by what the functions call it: here an alias is as good as an id.
pub(crate) fn key(id: &str) -> String {
    format!("arn:aws:kms:{REGION}:{ACCOUNT}:key/{id}")
}

/// A queue, by its URL, which ends in its name, or by its name.
pub(crate) fn queue(url: &str) -> String {
    format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{}", url.rsplit('/').next().unwrap_or(url))
}

/// An address or a domain that mail is sent from.
pub(crate) fn identity(name: &str) -> String {
    format!("arn:aws:ses:{REGION}:{ACCOUNT}:identity/{name}")
}

/// A group of logs, and the streams in it.
pub(crate) fn log_group(name: &str) -> String {
    format!("arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{name}:*")
}
