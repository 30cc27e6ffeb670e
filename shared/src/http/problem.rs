//! A refusal: what a client is told when it does not get what it asked for.
//!
//! Every refusal is a [`Problem`]. How it is written depends on the route's family and is decided at the end,
//! in one place. The cause of a fault goes to the log only.

use std::borrow::Cow;
use std::fmt::Display;

use ::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::family::Family;
use crate::clock::Timestamp;
use crate::fault::Fault;
use crate::name::PersonName;
use crate::password::{Busy, Password, Weakness};

/// What a client is told when it does not get what it asked for.
///
/// Serialised, it is what its body says: the rest stands in the response that it was put into.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Problem {
    #[serde(skip)]
    status: StatusCode,
    code: Cow<'static, str>,
    message: Cow<'static, str>,
    details: Vec<Value>,
    #[serde(skip)]
    headers: Vec<(header::HeaderName, HeaderValue)>,
    #[serde(skip)]
    cause: Option<Box<str>>,
}

/// What is wrong with a field of the request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// The field, by its name in the request.
    #[schema(example = "email")]
    pub field: String,
    /// What is wrong with it, and what is allowed.
    #[schema(example = "Invalid email format")]
    pub message: String,
}

impl FieldError {
    /// `message` about `field`.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }
}

impl Problem {
    /// A refusal. `code` is for programs, `message` for people: it says what to do next where there is
    /// something to do.
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        let (code, message) = (code.into(), message.into());
        Self { status, code, message, details: Vec::new(), headers: Vec::new(), cause: None }
    }

    /// 400: values break a rule.
    pub fn invalid(errors: &[FieldError]) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "VALIDATION_ERROR", "Input validation failed").about(errors)
    }

    /// 422: fields are missing or of another type.
    pub fn incomplete(errors: &[FieldError]) -> Self {
        let message = "Some fields are missing or have the wrong type";
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "INVALID_REQUEST", message).about(errors)
    }

    /// 401: nobody, or not who they say.
    pub fn unauthenticated(code: &'static str, message: &'static str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, code, message)
    }

    /// 401: the token that was presented is not good (any more). RFC 6750, 3.1: only such a caller is told so.
    pub fn bad_token(code: &'static str, message: &'static str) -> Self {
        Self::unauthenticated(code, message)
            .header(header::WWW_AUTHENTICATE, r#"Bearer error="invalid_token""#)
    }

    /// 401: the session is over.
    pub fn session_over() -> Self {
        Self::bad_token("SESSION_ENDED", "This session has ended; sign in again")
    }

    /// 403: known, and not allowed.
    pub fn forbidden(code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::FORBIDDEN, code, message)
    }

    /// 400: a mailed token is not one of ours, was used, was replaced or has expired; nobody can tell which.
    pub fn bad_mail_token() -> Self {
        let message = "This link is invalid, already used or expired; request a new one";
        Self::new(StatusCode::BAD_REQUEST, "INVALID_TOKEN", message)
    }

    /// Whoever registers has an account already: 400, or 409 under `/api/users`.
    pub fn email_exists(status: StatusCode) -> Self {
        let message = "An account with this e-mail address exists; sign in, or reset the password";
        Self::new(status, "EMAIL_EXISTS", message)
            .about(&[FieldError::new("email", "Email already registered")])
    }

    /// 409: the address is another account's, where one is changed or made for somebody else.
    pub(super) fn email_taken() -> Self {
        Self::conflict("EMAIL_EXISTS", "Another account already uses this e-mail address")
            .about(&[FieldError::new("email", "Email already registered")])
    }

    /// 409: the user name is another's.
    pub fn username_exists() -> Self {
        Self::conflict("USERNAME_EXISTS", "Another account already uses this user name; choose another")
            .about(&[FieldError::new("username", "is taken")])
    }

    /// 404: there is no such thing for this caller.
    pub fn not_found(code: &'static str, message: &'static str) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, message)
    }

    /// 404: there is no such user for this caller.
    pub fn user_not_found(id: impl Display) -> Self {
        Self::not_found("USER_NOT_FOUND", "User not found").detail(json!({ "user_id": id.to_string() }))
    }

    /// 404: there is no such live session for this caller.
    pub fn session_not_found() -> Self {
        Self::not_found("SESSION_NOT_FOUND", "Session not found; it may have ended")
    }

    /// 415: `message` says what would do.
    pub fn unsupported_media_type(message: &'static str) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE", message)
    }

    /// 405: the `Allow` header says what would do.
    pub fn method_not_allowed() -> Self {
        let message = "Method not allowed; see the Allow header";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", message)
    }

    /// 409: it changed since it was read.
    pub fn conflict(code: &'static str, message: &'static str) -> Self {
        Self::new(StatusCode::CONFLICT, code, message)
    }

    /// 500: something is broken.
    pub(super) fn broken(cause: String) -> Self {
        let message = "Something went wrong on our side; quote the request id when you report it";
        Self {
            cause: Some(cause.into()),
            ..Self::new(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL_ERROR", message)
        }
    }

    /// 503: something is overloaded.
    fn unavailable(cause: String) -> Self {
        let message = "The service is busy; please try again in a moment";
        let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, "SERVICE_UNAVAILABLE", message);
        Self { cause: Some(cause.into()), ..problem.header(header::RETRY_AFTER, "1") }
    }

    /// With details: what is wrong with which field.
    #[must_use]
    pub fn about(mut self, errors: &[FieldError]) -> Self {
        self.details.extend(errors.iter().map(|error| json!(error)));
        self
    }

    /// With a detail.
    #[must_use]
    pub fn detail(mut self, detail: Value) -> Self {
        self.details.push(detail);
        self
    }

    /// With a header.
    #[must_use]
    pub fn header(mut self, name: header::HeaderName, value: &'static str) -> Self {
        self.headers.push((name, HeaderValue::from_static(value)));
        self
    }

    pub(super) fn status(&self) -> StatusCode {
        self.status
    }

    pub(super) fn code(&self) -> &str {
        &self.code
    }

    pub(super) fn details(&self) -> &[Value] {
        &self.details
    }

    pub(super) fn cause(&self) -> Option<&str> {
        self.cause.as_deref()
    }

    /// The body, as the clients of `path` know it.
    pub(super) fn body(&self, path: &str, request_id: &str, at: Timestamp) -> Value {
        match Family::of(path) {
            Family::Accounts => json!({
                "success": false,
                "message": self.message,
                "error": { "code": self.code, "message": self.message, "details": self.details },
                "request_id": request_id,
            }),
            Family::Standard => json!({
                "success": false,
                "error_code": self.code,
                "message": self.message,
                "details": { "data": self.details },
                "error": { "code": self.code, "message": self.message, "details": self.first_detail() },
                "timestamp": at.to_string(),
                "request_id": request_id,
                "path": path,
            }),
        }
    }

    /// The first detail as an object; a field's message is its `reason`.
    fn first_detail(&self) -> Value {
        let mut detail = self.details.first().cloned().unwrap_or_else(|| json!({}));
        if let Some(reason) = detail.get("message").cloned() {
            detail["reason"] = reason;
        }
        detail
    }
}

impl IntoResponse for Problem {
    /// The status and headers; the body is written by [`super::request::around`], which knows the path.
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            // RFC 9110, 15.5.2: every 401 has a challenge; that of a bad token takes its place.
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        for (name, value) in &self.headers {
            response.headers_mut().insert(name, value.clone());
        }
        response.extensions_mut().insert(self);
        response
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        let cause = fault.chain();
        if fault.is_temporary() { Self::unavailable(cause) } else { Self::broken(cause) }
    }
}

impl From<Busy> for Problem {
    fn from(busy: Busy) -> Self {
        Fault::from(busy).into()
    }
}

/// Collects what is wrong with the fields of a request, so that all of it is told at once.
#[derive(Debug, Default)]
pub struct Fields(Vec<FieldError>);

impl Fields {
    /// The value of `field`, if it is good; otherwise what is wrong is noted.
    pub fn take<T, E: Display>(&mut self, field: &'static str, value: Result<T, E>) -> Option<T> {
        value.map_err(|error| self.note(field, error)).ok()
    }

    /// The password in `field`, if it is strong enough; otherwise all its weaknesses are noted.
    pub fn take_password(
        &mut self,
        field: &'static str,
        password: Result<Password, Vec<Weakness>>,
    ) -> Option<Password> {
        password.map_err(|weak| weak.into_iter().for_each(|it| self.note(field, it.message()))).ok()
    }

    /// The name in a `field` that may be left out, if it is a good one. One that comes back as it is `shown` is no change:
    /// it was perhaps given where other rules hold.
    pub fn take_name(
        &mut self,
        field: &'static str,
        text: Option<&str>,
        shown: &str,
    ) -> Option<Option<PersonName>> {
        self.take_optional(field, text.filter(|text| *text != shown), PersonName::parse)
    }

    /// The value of a `field` that may be left out: what `parse` makes of it, if it is good.
    pub fn take_optional<T, E: Display>(
        &mut self,
        field: &'static str,
        text: Option<&str>,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<Option<T>> {
        match text {
            Some(text) => self.take(field, parse(text)).map(Some),
            None => Some(None),
        }
    }

    /// Notes that something is wrong with `field`.
    pub fn note(&mut self, field: &'static str, message: impl Display) {
        self.0.push(FieldError::new(field, message.to_string()));
    }

    /// What is wrong, as a refusal.
    pub fn into_problem(self) -> Problem {
        Problem::invalid(&self.0)
    }

    /// The values, if all of them are good.
    ///
    /// # Errors
    /// 400 `VALIDATION_ERROR` that names every field with something wrong.
    pub fn all<T>(self, values: Option<T>) -> Result<T, Problem> {
        self.sound(values).map_err(|errors| Problem::invalid(&errors))
    }

    /// The values, if all of them are good.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn sound<T>(self, values: Option<T>) -> Result<T, Vec<FieldError>> {
        values.filter(|_| self.0.is_empty()).ok_or(self.0)
    }
}

/// The body of a refusal.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body to the OpenAPI document; `Problem::body` writes it")]
pub(super) struct ErrorBody {
    /// Always false.
    #[schema(example = false)]
    success: bool,
    /// A code, for programs.
    #[schema(example = "VALIDATION_ERROR")]
    error_code: String,
    /// A message, for people.
    #[schema(example = "Input validation failed")]
    message: String,
    /// The details.
    details: ErrorDetails,
    /// The same again, for clients that expect this form.
    error: ErrorObject,
    /// When the request was answered.
    #[schema(example = "2024-01-15T10:30:00Z")]
    timestamp: String,
    /// The id of the request; quote it when you report a problem.
    #[schema(example = "550e8400-e29b-41d4-a716-446655440000")]
    request_id: String,
    /// The path of the request.
    #[schema(example = "/api/v1/auth/register")]
    path: String,
}

/// The details of a refusal.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body to the OpenAPI document")]
pub(super) struct ErrorDetails {
    /// Usually the invalid fields, each with `field` and `message`.
    #[schema(value_type = Vec<Object>)]
    data: Vec<Value>,
}

/// The refusal in another form.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body to the OpenAPI document")]
pub(super) struct ErrorObject {
    /// A code, for programs.
    code: String,
    /// A message, for people.
    message: String,
    /// The first detail; a field's message is its `reason`.
    #[schema(value_type = Object)]
    details: Value,
}

/// The body of a refusal under `/api/users`.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body to the OpenAPI document; `Problem::body` writes it")]
pub(super) struct AccountsErrorBody {
    /// Always false.
    #[schema(example = false)]
    success: bool,
    /// A message, for people.
    message: String,
    /// The details.
    error: AccountsError,
    /// The id of the request; quote it when you report a problem.
    request_id: String,
}

/// The details of a refusal under `/api/users`.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body to the OpenAPI document")]
pub(super) struct AccountsError {
    /// A code, for programs.
    #[schema(example = "VALIDATION_ERROR")]
    code: String,
    /// A message, for people.
    message: String,
    /// Usually the invalid fields, each with `field` and `message`.
    #[schema(value_type = Vec<Object>)]
    details: Vec<Value>,
}
