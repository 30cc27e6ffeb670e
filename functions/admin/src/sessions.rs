//! What administrators do with the sessions of an account that ranks below theirs.

pub(crate) mod end_session;
pub(crate) mod end_sessions;
pub(crate) mod list_sessions;

use shared::App;
use shared::http::{Permitted, Problem};
use shared::user::User;

/// The account that `text` names, if its sessions are the caller's business: one's own are at `/auth/sessions`.
async fn find<P>(app: &App, caller: &Permitted<P>, text: &str) -> Result<User, Problem> {
    let user = caller.find(app, text).await?;
    if user.id == caller.user.id {
        return Err(Problem::forbidden("OWN_ACCOUNT", "Manage your own sessions at /api/v1/auth/sessions"));
    }
    caller.may_act_on(&user)?;
    Ok(user)
}
