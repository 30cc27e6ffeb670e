//! What is handed in: rows as JSON, as one JSON object a line, or as comma-separated values, and how to go about
//! them.
//!
//! A row that cannot be read is one that fails, and no other does with it; only what says nothing about rows is
//! refused as a whole.

use serde::Deserialize;
use serde_json::Value;
use shared::bulk::MOST_ROWS;
use shared::http::{Fields, Json, Problem, Upload, is_json};
use utoipa::{IntoParams, ToSchema};

use super::row::UserRow;
use super::table;

/// The most that `batch_size` may ask for.
const LARGEST_BATCH: usize = 1_000;
/// What Excel and others write at the beginning of a text.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What a file is handed in for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Purpose {
    /// Its rows are to become accounts.
    Create,
    /// It is to be told what would become of them.
    Validate,
}

/// The accounts to create.
#[derive(Deserialize, ToSchema)]
pub(crate) struct BulkUsers {
    /// `create_users` to create users; to validate them, `create_users` or `validate_users`.
    #[schema(example = "create_users")]
    operation: Option<String>,
    /// One row for each account: at most 100,000 to create, 20,000 to validate.
    #[schema(value_type = Vec<UserRow>)]
    items: Vec<Value>,
    /// How many rows are written together, 1 to 1,000. The default is 31; larger values are treated as 31.
    #[schema(example = 50)]
    batch_size: Option<u64>,
    /// Whether to stop at the first row that fails. Default false.
    fail_fast: Option<bool>,
}

/// What a body of JSON says itself, for the other formats.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Options {
    /// For NDJSON and CSV: how many rows are written together, 1 to 1,000.
    #[param(value_type = Option<u64>)]
    batch_size: Option<String>,
    /// For NDJSON and CSV: whether to stop at the first row that fails.
    #[param(value_type = Option<bool>)]
    fail_fast: Option<String>,
}

/// Rows and what to do with them.
pub(crate) struct File {
    pub(crate) rows: Vec<Result<Value, Unreadable>>,
    pub(crate) batch_size: usize,
    pub(crate) fail_fast: bool,
}

/// Why a row cannot be read.
pub(crate) struct Unreadable {
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

impl Purpose {
    /// What a body may call it, its own name first. What is to be created may be validated as it stands.
    fn names(self) -> &'static [&'static str] {
        match self {
            Self::Create => &["create_users"],
            Self::Validate => &["validate_users", "create_users"],
        }
    }

    /// The most rows that a file has for it. A validation is over before its answer, for which there are 29 seconds.
    fn most_rows(self) -> usize {
        match self {
            Self::Create => 100_000,
            Self::Validate => 20_000,
        }
    }
}

impl File {
    /// Reads what was handed in for `purpose`.
    pub(crate) fn read(purpose: Purpose, upload: &Upload, options: &Options) -> Result<Self, Problem> {
        let mut fields = Fields::default();
        let most = purpose.most_rows();
        let bytes = upload.bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&upload.bytes);
        let (rows, batch_size, fail_fast) = match upload.media_type.as_str() {
            json if is_json(json) => {
                let Json(body) = Json::<BulkUsers>::read(&upload.bytes)?;
                fields.take_optional("operation", body.operation.as_deref(), |name| {
                    let names = purpose.names();
                    if names.contains(&name) { Ok(()) } else { Err(format!("must be {}", names[0])) }
                });
                let rows = body.items.into_iter().map(Ok).collect();
                (rows, body.batch_size.map(|size| size.to_string()), Some(body.fail_fast.unwrap_or_default()))
            }
            "application/x-ndjson" => {
                let rows = lines(bytes).take(most + 1).collect();
                (rows, options.batch_size.clone(), options.fail_fast(&mut fields))
            }
            "text/csv" => {
                let rows = table::rows(bytes, most + 1)?;
                (rows, options.batch_size.clone(), options.fail_fast(&mut fields))
            }
            _ => {
                let message = "Send application/json, application/x-ndjson or text/csv";
                return Err(Problem::unsupported_media_type(message));
            }
        };
        let batch_size = fields.take_optional("batch_size", batch_size.as_deref(), |text| {
            let size = text.parse().ok().filter(|size| (1..=LARGEST_BATCH).contains(size));
            size.ok_or("must be a whole number from 1 to 1000")
        });
        if rows.is_empty() {
            fields.note("items", "must have at least one row");
        }
        if rows.len() > most {
            fields.note("items", format!("must have at most {most} rows; send the rest separately"));
        }
        let (batch_size, fail_fast) = fields.all(batch_size.zip(fail_fast))?;
        Ok(Self { rows, batch_size: batch_size.unwrap_or(MOST_ROWS), fail_fast })
    }
}

impl Options {
    fn fail_fast(&self, fields: &mut Fields) -> Option<bool> {
        let text = self.fail_fast.as_deref();
        let given = fields.take_optional("fail_fast", text, |text| match text {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err("must be true or false"),
        });
        given.map(Option::unwrap_or_default)
    }
}

impl Unreadable {
    pub(crate) fn json(message: &str) -> Self {
        Self { code: "INVALID_JSON", message: message.to_owned() }
    }

    pub(crate) fn csv(message: impl Into<String>) -> Self {
        Self { code: "INVALID_CSV", message: message.into() }
    }
}

/// A JSON object from each line that is not empty.
fn lines(bytes: &[u8]) -> impl Iterator<Item = Result<Value, Unreadable>> {
    let lines = bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let row =
        |line: &[u8]| serde_json::from_slice(line).map_err(|_| Unreadable::json("The line is not JSON"));
    lines.filter(|line| !line.is_empty()).map(row)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn readable(rows: Vec<Result<Value, Unreadable>>) -> Vec<Option<Value>> {
        rows.into_iter().map(Result::ok).collect()
    }

    #[test]
    fn a_line_that_is_not_json_fails_alone() {
        let rows = lines(b"{\"email\":\"a\"}\r\n\n{nonsense\n\xff\n[7]\n{}");
        assert_eq!(
            readable(rows.collect()),
            [Some(json!({ "email": "a" })), None, None, Some(json!([7])), Some(json!({}))]
        );
    }

    proptest! {
        #[test]
        fn whatever_is_handed_in_has_no_more_rows_than_lines(bytes: Vec<u8>) {
            let rows = lines(&bytes).count();
            prop_assert!(rows <= bytes.split(|byte| *byte == b'\n').count());
        }
    }
}
