//! `POST /admin/approve-user`: an account is let in. Approving it again changes nothing and tells who did.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use shared::App;
use shared::clock::Timestamp;
use shared::email::Email;
use shared::event::{Event, EventType, Notice};
use shared::http::{IfMatch, Json, Permitted, Problem};
use shared::id::UserId;
use shared::role::AdminAll;
use shared::user::{Decision, Status, User};
use utoipa::ToSchema;

/// The account to approve.
#[derive(Deserialize, ToSchema)]
pub(crate) struct ApproveUser {
    #[schema(example = "usr_550e8400e29b41d4a716446655440000")]
    user_id: String,
}

/// The approval: of whom, by whom and when.
#[derive(Serialize, ToSchema)]
pub(crate) struct Approved {
    user_id: UserId,
    #[schema(value_type = String)]
    email: Email,
    approved_by: UserId,
    #[schema(value_type = String, format = DateTime)]
    approved_at: Timestamp,
    message: &'static str,
}

impl Approved {
    fn new(user: User, approval: Decision) -> Self {
        let message = "User approved successfully";
        Self {
            user_id: user.id,
            email: user.email,
            approved_by: approval.by,
            approved_at: approval.at,
            message,
        }
    }
}

/// Approve a user
#[utoipa::path(
    post,
    path = "/api/v1/admin/approve-user",
    tag = "admin",
    params(("If-Match" = Option<String>, Header, description = "The `ETag` that came with the account")),
    security(("access_token" = [])),
    request_body = ApproveUser,
    responses((status = 200, description = "The account is approved", body = Approved))
)]
pub(crate) async fn approve_user(
    State(app): State<App>,
    caller: Permitted<AdminAll>,
    if_match: IfMatch,
    Json(form): Json<ApproveUser>,
) -> Result<Json<Approved>, Problem> {
    let Permitted { user: actor, origin, .. } = &caller;
    let user = caller.find(&app, &form.user_id).await?;
    caller.may_act_on(&user)?;
    if let Some(approval) = user.approval {
        return Ok(Json(Approved::new(user, approval)));
    }
    if_match.check(user.version)?;
    let approval = Decision { by: actor.id, at: app.now() };
    let event = |event_type| Event::new(event_type, origin, approval.at).by(actor.id).to(&user);
    // Whom somebody rejected is switched on again by it.
    let status = if user.rejection.is_some() { Status::Active } else { user.status };
    let approved =
        User { approval: Some(approval), rejection: None, status, updated_at: approval.at, ..user.clone() };
    let counted = event(EventType::UserApproved).counting(Some(&user), &approved).mail(Notice::Approved);
    let events = [event(EventType::AdminUserApproved), counted];
    if_match.settle(app.store.change((actor, &user), &approved, &events).await?)?;
    Ok(Json(Approved::new(user, approval)))
}
