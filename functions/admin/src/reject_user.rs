//! `POST /admin/users/{user_id}/reject`: an account is not let in. It is switched off, and its owner is told why.
//!
//! Approving it later lets it in after all; switching it on takes the rejection back. Rejecting it again changes
//! nothing and tells who did.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use shared::App;
use shared::clock::Timestamp;
use shared::email::Email;
use shared::event::{Event, EventType, Notice};
use shared::http::{Fields, Json, Permitted, Problem, Target};
use shared::id::UserId;
use shared::name::line;
use shared::role::AdminAll;
use shared::user::{Decision, Rejection, Status, User};
use utoipa::ToSchema;

/// The longest reason, in characters.
const LONGEST_REASON: usize = 500;

/// Why.
#[derive(Deserialize, ToSchema)]
pub(crate) struct RejectUser {
    /// The reason given to the person; at most 500 characters.
    #[schema(example = "Incomplete profile information")]
    reason: Option<String>,
}

/// The rejection: of whom, by whom and when.
#[derive(Serialize, ToSchema)]
pub(crate) struct Rejected {
    user_id: UserId,
    #[schema(value_type = String)]
    email: Email,
    rejected_by: UserId,
    #[schema(value_type = String, format = DateTime)]
    rejected_at: Timestamp,
    message: &'static str,
}

enum Refusal {
    /// It was let in before.
    AlreadyApproved,
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::AlreadyApproved => Self::conflict(
                "ALREADY_APPROVED",
                "This account is already approved; deactivate or delete it instead",
            ),
        }
    }
}

impl RejectUser {
    fn check(self) -> Result<String, Problem> {
        let mut fields = Fields::default();
        let reason = line(&self.reason.unwrap_or_default(), 0..=LONGEST_REASON);
        let reason = fields.take("reason", reason.ok_or("must be at most 500 characters, on one line"));
        fields.all(reason)
    }
}

impl Rejected {
    fn new(user: User, decision: Decision) -> Self {
        let message = "User registration rejected";
        Self {
            user_id: user.id,
            email: user.email,
            rejected_by: decision.by,
            rejected_at: decision.at,
            message,
        }
    }
}

/// Reject a user
#[utoipa::path(
    post,
    path = "/api/v1/admin/users/{user_id}/reject",
    tag = "admin",
    params(
        ("user_id" = String, Path, description = "`usr_` and 32 hexadecimal digits, or a UUID"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` that came with the account")
    ),
    security(("access_token" = [])),
    request_body = RejectUser,
    responses((status = 200, description = "The account is rejected", body = Rejected))
)]
pub(crate) async fn reject_user(
    State(app): State<App>,
    caller: Permitted<AdminAll>,
    target: Target,
    Json(form): Json<RejectUser>,
) -> Result<Json<Rejected>, Problem> {
    let reason = form.check()?;
    let Permitted { user: actor, origin, .. } = &caller;
    let user = caller.find(&app, &target.id).await?;
    caller.may_act_on(&user)?;
    if user.is_approved() {
        return Err(Refusal::AlreadyApproved.into());
    }
    if let Some(rejection) = &user.rejection {
        let decision = rejection.decision;
        return Ok(Json(Rejected::new(user, decision)));
    }
    target.if_match.check(user.version)?;
    let decision = Decision { by: actor.id, at: app.now() };
    let rejected = User {
        status: Status::Inactive,
        rejection: Some(Rejection { decision, reason }),
        generation: user.generation + 1,
        updated_at: decision.at,
        ..user.clone()
    };
    let event = Event::new(EventType::AdminUserRejected, origin, decision.at)
        .by(actor.id)
        .to(&user)
        .counting(Some(&user), &rejected)
        .mail(Notice::Rejected);
    target.if_match.settle(app.store.change((actor, &user), &rejected, &[event]).await?)?;
    Ok(Json(Rejected::new(user, decision)))
}
