//! `GET /api/users/me`: the caller's account, be its address proven or not.

use serde::Serialize;
use shared::http::{Json, SignedIn};
use utoipa::ToSchema;

use super::Account;

/// The caller's account.
#[derive(Serialize, ToSchema)]
pub(crate) struct MyAccount {
    success: bool,
    data: Account,
}

/// Read your own account
///
/// A missing or malformed `Authorization` header is a 403 here, not a 401.
#[utoipa::path(
    get,
    path = "/api/users/me",
    operation_id = "my_account",
    tag = "accounts",
    security(("access_token" = [])),
    responses((status = 200, description = "The caller's account", body = MyAccount))
)]
pub(crate) async fn me(caller: SignedIn) -> Json<MyAccount> {
    Json(MyAccount { success: true, data: caller.user.into() })
}
