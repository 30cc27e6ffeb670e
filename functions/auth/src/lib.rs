//! Registration, login, sessions, verification and passwords: `/api/v1/auth`.
//!
//! It may read credentials. So may the functions that check a password (`accounts`, `profile`, `users`) or move one to
//! another address (`admin`, `users`), and no other.

mod change_password;
mod end_session;
mod end_sessions;
mod jwks;
mod list_sessions;
mod login;
mod logout;
mod me;
mod pages;
mod password_reset;
mod refresh;
mod register;
mod resend_verification;
mod reset_password;
mod verify_email;

use shared::App;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The endpoints of this function.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(register::register))
        .routes(routes!(login::login))
        .routes(routes!(refresh::refresh))
        .routes(routes!(logout::logout))
        .routes(routes!(me::me))
        .routes(routes!(verify_email::verify_email))
        .routes(routes!(resend_verification::resend_verification))
        .routes(routes!(password_reset::password_reset))
        .routes(routes!(reset_password::reset_password))
        .routes(routes!(change_password::change_password))
        .routes(routes!(list_sessions::list_sessions, end_sessions::end_sessions))
        .routes(routes!(end_session::end_session))
        .routes(routes!(jwks::jwks))
        .merge(pages::routes())
}
