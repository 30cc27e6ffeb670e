//! `DELETE /gdpr/delete/my-account`: a person erases their account, at once, completely and for good.
//!
//! What stays is a receipt and an audit trail in which nobody can tell who they were: the key to its traces is
//! destroyed with the account. The address and the user name are free for anybody. The last `super_admin` that works is
//! not erased.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use shared::App;
use shared::clock::Timestamp;
use shared::erasure::Cause;
use shared::http::{Fields, Json, Permitted, Problem};
use shared::id::{DeletionId, UserId};
use shared::role::{ProfileRead, Role};
use utoipa::ToSchema;

/// What a person has to write to show that they mean it.
const CONFIRMATION: &str = "DELETE MY ACCOUNT";
/// What is erased.
const CATEGORIES: [&str; 3] = ["profile", "credentials", "sessions"];
/// The most sessions that are removed before the answer. They are dead already; whoever hears of the erasure removes
/// them all.
const MOST_SWEPT: usize = 1_000;

/// The confirmation that the account is to be erased.
#[derive(Deserialize, ToSchema)]
pub(crate) struct DeleteMyAccount {
    /// Exactly this text.
    #[schema(example = "DELETE MY ACCOUNT")]
    confirmation: String,
    /// Not kept: it may name people.
    #[schema(example = "No longer need the service")]
    #[expect(dead_code, reason = "read for its type only")]
    reason: Option<String>,
}

/// The account that was erased.
#[derive(Serialize, ToSchema)]
pub(crate) struct AccountDeleted {
    deletion_id: DeletionId,
    user_id: UserId,
    #[schema(value_type = String, format = DateTime)]
    deletion_date: Timestamp,
    records_deleted: usize,
    #[schema(value_type = Vec<String>)]
    categories_deleted: [&'static str; 3],
    /// Whether the audit trail no longer identifies the person: always true.
    anonymization_applied: bool,
}

impl DeleteMyAccount {
    fn check(&self) -> Result<(), Problem> {
        let mut fields = Fields::default();
        if self.confirmation != CONFIRMATION {
            fields.note("confirmation", format!("must be exactly `{CONFIRMATION}`"));
        }
        fields.all(Some(()))
    }
}

fn last_super_administrator() -> Problem {
    let message = "The last super administrator cannot be erased; promote somebody else first";
    Problem::conflict("LAST_SUPER_ADMINISTRATOR", message)
}

/// Erase your own account
#[utoipa::path(
    delete,
    path = "/api/v1/gdpr/delete/my-account",
    tag = "gdpr",
    security(("access_token" = [])),
    request_body = DeleteMyAccount,
    responses(
        (status = 200, description = "The account and all personal data are erased", body = AccountDeleted),
        (status = 409, description = "This is the last super administrator, or the account changed in the meantime")
    )
)]
pub(crate) async fn delete_my_account(
    State(app): State<App>,
    caller: Permitted<ProfileRead>,
    Json(form): Json<DeleteMyAccount>,
) -> Result<Json<AccountDeleted>, Problem> {
    let Permitted { user, origin, .. } = caller;
    form.check()?;
    let successor = match user.role {
        Role::SuperAdmin => Some(app.store.peer(&user).await?.ok_or_else(last_super_administrator)?),
        _ => None,
    };
    let sessions = app.store.session_count(user.id).await?;
    // The account and its credential, and the claim of a user name.
    let records = 2 + usize::from(user.username.is_some()) + sessions;
    let receipt = app.erase(&user, Cause::Themselves { successor }, &origin).await?;
    let receipt = receipt.ok_or_else(Problem::changed_meanwhile)?;
    if let Err(fault) = app.store.sweep(user.id, MOST_SWEPT).await {
        let deletion_id = receipt.deletion_id;
        tracing::error!(cause = fault.chain(), %deletion_id, "sessions of an erased user are left");
    }
    Ok(Json(AccountDeleted {
        deletion_id: receipt.deletion_id,
        user_id: user.id,
        deletion_date: receipt.at,
        records_deleted: records,
        categories_deleted: CATEGORIES,
        anonymization_applied: true,
    }))
}
