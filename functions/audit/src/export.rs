//! `GET /audit/export`: the audit trail of some days with its chain and its checkpoints, so that anybody can verify it
//! without us (`docs/audit.md`).
//!
//! It is as it is kept: devices are sealed, and stay so.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::App;
use shared::chain::{ChainDay, ChainedRecord};
use shared::clock::Timestamp;
use shared::event::details::TrailQuestion;
use shared::fault::Fault;
use shared::http::{List, Page, Permitted, Problem, Query};
use shared::id::TenantId;
use shared::role::AuditRead;

use super::span::Span;

/// How many records a page holds: an answer of a Lambda function has 6 MB at most.
const RECORDS: usize = 1_000;

/// Where an export goes on.
#[derive(Clone, Serialize, Deserialize)]
struct Place {
    chain: ChainDay,
    /// Behind which of its records.
    after: String,
}

/// A page of an export.
#[derive(Default)]
struct Lines {
    text: String,
    next: Option<Place>,
}

impl Lines {
    fn push(&mut self, line: &Value) {
        self.text.push_str(&line.to_string());
        self.text.push('\n');
    }

    fn push_record(&mut self, chain: &ChainDay, chained: &ChainedRecord) {
        let ChainedRecord { record, seq, hash, .. } = chained;
        let ChainDay { day, shard } = chain;
        self.push(&json!({ "day": day, "shard": shard, "seq": seq, "hash": hash, "record": record }));
    }
}

/// The page of `chains` that begins at `place`; the last one ends with the checkpoints.
async fn read(
    app: &App,
    (tenant, chains): (&TenantId, &[ChainDay]),
    (first, last): (Timestamp, Timestamp),
    place: Option<Place>,
) -> Result<Lines, Fault> {
    let (mut lines, mut room) = (Lines::default(), RECORDS);
    for chain in chains.iter().filter(|chain| place.as_ref().is_none_or(|place| **chain >= place.chain)) {
        let mut after = place.as_ref().filter(|place| place.chain == *chain).map(|place| place.after.clone());
        loop {
            let (records, end) =
                app.store.chained_records((tenant, chain), after.as_deref(), room.max(1)).await?;
            for record in &records {
                lines.push_record(chain, record);
            }
            room = room.saturating_sub(records.len());
            match end {
                None => break,
                Some(after) if room == 0 => {
                    lines.next = Some(Place { chain: chain.clone(), after });
                    return Ok(lines);
                }
                more => after = more,
            }
        }
    }
    for checkpoint in app.store.checkpoints(tenant, (first, last)).await? {
        lines.push(&json!({ "checkpoint": checkpoint.jws }));
    }
    Ok(lines)
}

/// Export the audit trail
///
/// A line for each record, `{"day", "shard", "seq", "hash", "record"}`, and on the last page one for each checkpoint
/// of these days, `{"checkpoint"}`. Pages hold a thousand records; put their lines together.
#[utoipa::path(
    get,
    path = "/api/v1/audit/export",
    tag = "audit",
    params(
        Span,
        ("cursor" = Option<String>, Query, description = "The `X-Next-Cursor` of the page before")
    ),
    security(("access_token" = [])),
    responses((
        status = 200,
        description = "A page of the export, as lines of JSON",
        body = String,
        content_type = "application/x-ndjson",
        headers(
            ("X-Total-Count" = u64, description = "How many records these days have"),
            ("X-Next-Cursor" = String, description = "The `cursor` of the next page, if there is one"),
            ("Link" = String, description = "The next page (RFC 8288)")
        )
    ))
)]
pub(crate) async fn export(
    State(app): State<App>,
    caller: Permitted<AuditRead>,
    Query(span): Query<Span>,
    page: Page,
) -> Result<(HeaderMap, String), Problem> {
    let chains = span.check(app.now())?;
    let tenant = &caller.user.tenant;
    let (Some(first), Some(last)) = (chains.first(), chains.last()) else { return Ok(Default::default()) };
    let whole = List::of(&caller.user, format_args!("audit/export {} {}", first.day, last.day));
    let place: Option<Place> = page.after(&app, &whole).await?;
    let heads = app.store.audit_heads(tenant, &chains).await?;
    let total = heads.iter().map(|(_, head)| head.seq).sum();
    let there: Vec<ChainDay> = heads.into_iter().map(|(chain, _)| chain).collect();
    let lines = read(&app, (tenant, &there), (first.begins(), last.closes()), place).await?;
    let (from, to) = (Some(first.day.to_string()), Some(last.day.to_string()));
    let question = TrailQuestion { from, to, ..TrailQuestion::default() };
    caller.tell_audit_read(&app, "audit/export", question).await?;
    let cursor = whole.cursor(&app, lines.next.as_ref()).await?;
    let mut headers = page.headers(cursor, total);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    Ok((headers, lines.text))
}
