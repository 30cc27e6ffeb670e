//! `POST /gdpr/export/my-data`: a person downloads what is kept about them, as JSON or as a table.
//!
//! It holds all that the table has of them but what would let somebody in: no password hash, no token, no key. Of
//! others who acted on the account it holds no device.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use shared::App;
use shared::event::details::DataExported;
use shared::event::{Event, EventType};
use shared::fault::Fault;
use shared::http::{Fields, OptionalJson, Permitted, Problem};
use shared::id::ExportId;
use shared::role::ProfileRead;
use shared::user::User;
use utoipa::ToSchema;

use super::personal_data::{Export, FileMetadata, Format, Kept};
use super::table;

/// The most records of their history that a file holds: an answer of a Lambda function has 6 MB at most.
const MOST_RECORDS: usize = 5_000;
/// The most sessions that it holds.
const MOST_SESSIONS: usize = 1_000;

/// What to put into the file; by default, everything.
#[derive(Default, Deserialize, ToSchema)]
pub(crate) struct ExportMyData {
    /// `json` (the default) or `csv`.
    #[schema(example = "json")]
    format: Option<String>,
    /// Whether to include the person's history: the newest 5,000 audit records. Default true.
    include_audit_logs: Option<bool>,
    /// Whether to include the `metadata` of the account. Default true.
    include_metadata: Option<bool>,
}

impl ExportMyData {
    fn check(&self) -> Result<Format, Problem> {
        let mut fields = Fields::default();
        let format = fields.take_optional("format", self.format.as_deref(), str::parse);
        fields.all(format).map(Option::unwrap_or_default)
    }

    /// What is kept about `user`, as far as it is asked for.
    async fn gather(&self, app: &App, user: User) -> Result<Kept, Fault> {
        let sessions = app.store.sessions(user.id, MOST_SESSIONS).await?;
        let history = if self.include_audit_logs.unwrap_or(true) {
            Some(app.history(user.id, MOST_RECORDS).await?)
        } else {
            None
        };
        let with_metadata = self.include_metadata.unwrap_or(true);
        Ok(Kept { user, sessions, history, with_metadata })
    }
}

/// The export as a download.
fn download(export: &Export) -> Result<Response, Fault> {
    let broken = |error| Fault::broken("writing an export", error);
    let FileMetadata { format, export_date, .. } = &export.metadata;
    let (content_type, content) = match format {
        Format::Json => ("application/json", serde_json::to_vec(export).map_err(broken)?),
        Format::Csv => {
            let export = serde_json::to_value(export).map_err(broken)?;
            let table = table::of(&export).map_err(|error| Fault::broken("writing an export", error))?;
            ("text/csv; charset=utf-8; header=present", table)
        }
    };
    let name = format!("personal-data-{}.{}", export_date.strftime("%Y-%m-%d"), format.name());
    let disposition = format!("attachment; filename=\"{name}\"");
    let headers =
        [(header::CONTENT_TYPE, content_type.to_owned()), (header::CONTENT_DISPOSITION, disposition)];
    Ok((headers, content).into_response())
}

/// Export your own data
#[utoipa::path(
    post,
    path = "/api/v1/gdpr/export/my-data",
    tag = "gdpr",
    security(("access_token" = [])),
    request_body = Option<ExportMyData>,
    responses((
        status = 200,
        description = "A file with all data about the person",
        content((Export = "application/json"), (String = "text/csv")),
        headers(("Content-Disposition" = String, description = "`attachment`, with the file name"))
    ))
)]
pub(crate) async fn export_my_data(
    State(app): State<App>,
    caller: Permitted<ProfileRead>,
    OptionalJson(form): OptionalJson<ExportMyData>,
) -> Result<Response, Problem> {
    let Permitted { user, origin, .. } = caller;
    let format = form.check()?;
    let (id, now) = (ExportId::random(), app.now());
    let event = Event::new(EventType::UserDataExported, &origin, now)
        .by_themselves(&user)
        .telling(DataExported { export_id: id, format: format.name() });
    // Boxed: the futures of the reads beneath are large.
    let kept = Box::pin(form.gather(&app, user)).await?;
    let file = download(&kept.into_export((id, now), format))?;
    app.store.tell(&event).await?;
    Ok(file)
}
