//! One row: the same rules as wherever an account is made. A row that breaks one fails, and no other with it.

use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::{Map, Value};
use shared::bulk::{Entry, MOST_ERRORS, Row, RowError};
use shared::email::Email;
use shared::http::{FieldError, Fields, Permitted, form};
use shared::name::{PersonName, Username};
use shared::password::PasswordHash;
use shared::role::{KnownRole, Role, UserCreate};
use shared::secret::Secret;
use shared::user_details;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema as _, ToSchema};

use super::file::{File, Unreadable};

/// The most characters of an address that are shown with what is wrong with it.
const SHOWN: usize = 254;
/// What a row is held against, made once for all of them.
static SCHEMA: LazyLock<RefOr<Schema>> = LazyLock::new(UserRow::schema);

/// An account to create.
#[derive(Deserialize, ToSchema)]
pub(crate) struct UserRow {
    #[schema(example = "candidate1@example.com")]
    email: String,
    #[schema(example = "John")]
    first_name: String,
    #[schema(example = "Doe")]
    last_name: String,
    /// At most 32 digits, spaces and `+-()`.
    #[schema(example = "+1234567890")]
    phone: Option<String>,
    /// An object of at most 4 kB.
    #[schema(value_type = Option<Object>)]
    metadata: Option<Map<String, Value>>,
    /// Default `user`.
    #[schema(example = "user")]
    role: Option<String>,
    /// 3 to 32 of `a` to `z`, digits, `_`, `.` and `-`.
    #[schema(example = "john.doe")]
    username: Option<String>,
    /// The password as hashed by another system. Without it, the person is invited by mail to choose a password.
    #[schema(value_type = Option<String>)]
    password_hash: Option<Secret>,
}

impl UserRow {
    fn check(&self) -> Result<Row, Vec<FieldError>> {
        let mut fields = Fields::default();
        let email = fields.take("email", Email::parse(&self.email));
        let first_name = fields.take("first_name", PersonName::parse(&self.first_name));
        let last_name = fields.take("last_name", PersonName::parse(&self.last_name));
        let phone = fields.take_optional("phone", self.phone.as_deref(), user_details::phone);
        let metadata =
            fields.take("metadata", user_details::metadata(self.metadata.clone().unwrap_or_default()));
        let role = fields.take_optional("role", self.role.as_deref(), built_in);
        let username = fields.take_optional("username", self.username.as_deref(), Username::parse);
        let hash = self.password_hash.as_ref().map(Secret::expose);
        let hash = fields.take_optional("password_hash", hash, |hash| {
            PasswordHash::imported(hash).ok_or("must be a password hash in a supported format")
        });
        let names = email.zip(username).zip(first_name.zip(last_name));
        let (((email, username), (first_name, last_name)), ((phone, metadata), (role, password_hash))) =
            fields.sound(names.zip(phone.zip(metadata).zip(role.zip(hash))))?;
        let role = role.unwrap_or(Role::User);
        let phone = phone.filter(|phone| !phone.is_empty());
        Ok(Row { email, username, first_name, last_name, phone, metadata, role, password_hash })
    }
}

/// A role that is built in; others are given one by one, because each gift asks whether the role is still there.
fn built_in(name: &str) -> Result<Role, &'static str> {
    let role = name.parse::<Role>().ok().filter(|role| role.custom().is_none());
    role.ok_or("is not the name of a built-in role")
}

/// The rows of a file, each checked. Why rows failed is told of as many as are shown.
pub(crate) fn entries(file: File, caller: &Permitted<UserCreate>) -> Vec<Entry> {
    let (mut entries, mut failed) = (Vec::new(), 0);
    for (index, row) in file.rows.into_iter().enumerate() {
        let entry = match read(index, row, caller) {
            Err(error) => Entry::Failed(error),
            Ok(row) => Entry::Good(Box::new(row)),
        };
        let fails = matches!(entry, Entry::Failed(_));
        failed += usize::from(fails);
        entries.push(if failed > MOST_ERRORS && fails { Entry::Unlisted } else { entry });
        if fails && file.fail_fast {
            break;
        }
    }
    entries
}

fn read(
    index: usize,
    row: Result<Value, Unreadable>,
    caller: &Permitted<UserCreate>,
) -> Result<Row, RowError> {
    let value = row.map_err(|it| RowError::new(index, None, it.code, it.message))?;
    let email =
        value.get("email").and_then(Value::as_str).map(|it| it.chars().take(SHOWN).collect::<String>());
    let failed = |code, message: String| RowError::new(index, email.clone(), code, message);
    let row: UserRow = form(&SCHEMA, value).map_err(|errors| failed("INVALID_REQUEST", sentence(&errors)))?;
    let row = row.check().map_err(|errors| failed("VALIDATION_ERROR", sentence(&errors)))?;
    if caller.may_grant(&KnownRole::BuiltIn(row.role.clone())).is_err() {
        let message = "role: You can only assign roles that rank below your own";
        return Err(failed("INSUFFICIENT_PERMISSIONS", message.to_owned()));
    }
    Ok(row)
}

/// What is wrong with a row, as one text.
fn sentence(errors: &[FieldError]) -> String {
    let errors: Vec<_> = errors.iter().map(|error| format!("{}: {}", error.field, error.message)).collect();
    errors.join("; ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn checked(changes: &Value) -> Result<Row, String> {
        let mut row = json!({ "email": "ada@example.com", "first_name": "ada", "last_name": "Lovelace" });
        for (name, value) in changes.as_object().unwrap() {
            row[name] = value.clone();
        }
        form::<UserRow>(&SCHEMA, row).and_then(|row| row.check()).map_err(|errors| sentence(&errors))
    }

    #[test]
    fn a_row_is_read_by_the_rules_of_accounts() {
        let row =
            checked(&json!({ "email": " ADA@Example.com", "role": "superuser", "phone": "+44 (0)20-7" }))
                .unwrap();
        assert_eq!((row.email.as_str(), row.first_name.as_str()), ("ada@example.com", "Ada"));
        assert_eq!((row.role, row.phone.as_deref()), (Role::Manager, Some("+44 (0)20-7")));
    }

    #[test]
    fn everything_that_is_wrong_with_a_row_is_told_at_once() {
        let wrong =
            json!({ "email": "ada", "first_name": "1", "phone": "call me", "username": "a", "role": "A" });
        let told = checked(&wrong).unwrap_err();
        for field in ["email: ", "first_name: ", "phone: ", "username: ", "role: "] {
            assert!(told.contains(field), "{told}");
        }
        assert_eq!(
            checked(&json!({ "email": 7, "phone": 8 })).unwrap_err(),
            "email: must be a string; phone: must be a string"
        );
    }
}
