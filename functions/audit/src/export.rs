//! `GET /audit/export`: the audit trail of some days with its chain and its checkpoints, so that anybody can verify it
//! without us (`docs/audit.md`).
//!
//! It begins with a signed list of what it holds: the trail as it is when the first page is read, however many pages
//! follow, and whatever is written meanwhile. Records are as they are kept: devices are sealed, and stay so.

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::App;
use shared::chain::{ChainDay, Flaw, Head, Kept};
use shared::checkpoint::ChainEnd;
use shared::clock::Timestamp;
use shared::event::details::TrailQuestion;
use shared::fault::Fault;
use shared::http::{List, Page, Permitted, Problem, Query};
use shared::id::TenantId;
use shared::keys::Statement;
use shared::role::AuditRead;
use shared::store::StoredCheckpoint;

use super::span::Span;

/// How many records a page holds: an answer of a Lambda function has 6 MB at most.
const RECORDS: usize = 1_000;

/// What an export holds: the payload of the JWS that it begins with.
#[derive(Serialize)]
struct Manifest<'a> {
    tenant: &'a TenantId,
    at: Timestamp,
    /// Its first day and its last.
    from: Date,
    to: Date,
    /// The chains, and how far each goes.
    heads: Vec<ChainEnd>,
    /// Those that are not there because their time was over, and how far they went.
    removed: Vec<ChainEnd>,
    /// The numbers of its first and last checkpoint.
    checkpoints: Option<(u64, u64)>,
}

/// Where an export goes on.
#[derive(Clone, Serialize, Deserialize)]
struct Place {
    /// The chains that are to come, the first of them perhaps in part, and how far each goes.
    ends: Vec<(ChainDay, u64)>,
    /// Behind which record of the first.
    after: Option<String>,
    /// How many records the whole export has.
    total: u64,
}

/// The lines of a page.
#[derive(Default)]
struct Lines(String);

impl Lines {
    fn push(&mut self, line: &Value) {
        self.0.push_str(&line.to_string());
        self.0.push('\n');
    }

    /// What was found in a chain, if it belongs to its first `end` records.
    fn push_record(&mut self, ChainDay { day, shard }: &ChainDay, end: u64, kept: &Kept) {
        match &kept.chained {
            Some(chained) if chained.seq > end => {}
            Some(chained) => {
                let (seq, hash, record) = (chained.seq, chained.hash, &chained.record);
                self.push(&json!({ "day": day, "shard": shard, "seq": seq, "hash": hash, "record": record }));
            }
            None => self.push(&json!({ "day": day, "shard": shard, "unreadable": kept.id })),
        }
    }
}

/// An export at its beginning: what it holds.
struct Beginning {
    /// The first day and the last.
    days: (Date, Date),
    heads: BTreeMap<ChainDay, Head>,
    checkpoints: Vec<StoredCheckpoint>,
    /// The checkpoints that say of chains that they are removed.
    removals: Vec<StoredCheckpoint>,
}

impl Beginning {
    /// Checkpoints are read before the heads, which are then at least as far as those say.
    async fn read(app: &App, tenant: &TenantId, days: &[ChainDay]) -> Result<Result<Self, Flaw>, Fault> {
        let (first, last) = (&days[0], &days[days.len() - 1]);
        let checkpoints = app.store.checkpoints(tenant, (first.begins(), last.closes())).await?;
        let heads = match app.store.audit_heads(app.keys.audit_key().await?, tenant, days).await? {
            Ok(heads) => heads,
            Err(flaw) => return Ok(Err(flaw)),
        };
        let places: BTreeSet<_> = heads.values().filter_map(|head| head.removed_by).collect();
        let removals = app.store.checkpoints_at(tenant, &places).await?;
        Ok(Ok(Self { days: (first.day, last.day), heads, checkpoints, removals }))
    }

    /// The lines that tell of what follows, and where that begins.
    async fn tell(self, app: &App, tenant: &TenantId) -> Result<(Lines, Place), Fault> {
        let (removed, heads): (Vec<_>, Vec<_>) =
            self.heads.into_iter().partition(|(_, head)| head.removed_by.is_some());
        let ends: Vec<_> = heads.iter().map(|(chain, head)| (chain.clone(), head.seq)).collect();
        let total = ends.iter().map(|(_, end)| end).sum();
        let manifest = Manifest {
            tenant,
            at: app.now(),
            from: self.days.0,
            to: self.days.1,
            heads: heads.into_iter().map(ChainEnd::from).collect(),
            removed: removed.into_iter().map(ChainEnd::from).collect(),
            checkpoints: self.checkpoints.first().zip(self.checkpoints.last()).map(|(a, b)| (a.n, b.n)),
        };
        let mut lines = Lines::default();
        lines.push(&json!({ "export": app.keys.sign_statement(Statement::Export, &manifest).await? }));
        for checkpoint in self.checkpoints {
            lines.push(&json!({ "checkpoint": checkpoint.jws }));
        }
        for removal in self.removals {
            lines.push(&json!({ "removal": removal.jws }));
        }
        Ok((lines, Place { ends, after: None, total }))
    }
}

/// Adds to `lines` what stands behind `place`, as far as a page goes; where it goes on.
async fn read(app: &App, tenant: &TenantId, lines: &mut Lines, place: Place) -> Result<Option<Place>, Fault> {
    let (mut room, mut after) = (RECORDS, place.after);
    for (index, (chain, end)) in place.ends.iter().enumerate() {
        loop {
            let (records, more) =
                app.store.chained_records((tenant, chain), after.as_deref(), room.max(1)).await?;
            for record in &records {
                lines.push_record(chain, *end, record);
            }
            room = room.saturating_sub(records.len());
            after = more;
            if after.is_none() {
                break;
            }
            if room == 0 {
                return Ok(Some(Place { ends: place.ends[index..].to_vec(), after, total: place.total }));
            }
        }
    }
    Ok(None)
}

/// 409: nothing of such a trail is signed.
fn changed(flaw: &Flaw) -> Problem {
    let day = flaw.chain.day;
    let message = format!("The head of {day} is not as it was written; see GET /audit/verify");
    Problem::new(StatusCode::CONFLICT, "AUDIT_TRAIL_CHANGED", message)
}

/// Export the audit trail
///
/// The first page begins with `{"export"}`, a signed list of what the export holds, and has a line `{"checkpoint"}` for
/// each checkpoint of these days. A line for each record follows: `{"day", "shard", "seq", "hash", "record"}`. Pages hold
/// a thousand records; put their lines together.
#[utoipa::path(
    get,
    path = "/api/v1/audit/export",
    tag = "audit",
    params(
        Span,
        ("cursor" = Option<String>, Query, description = "The `X-Next-Cursor` of the page before")
    ),
    security(("access_token" = [])),
    responses(
        (
            status = 200,
            description = "A page of the export, as lines of JSON",
            body = String,
            content_type = "application/x-ndjson",
            headers(
                ("X-Total-Count" = u64, description = "How many records the export has"),
                ("X-Next-Cursor" = String, description = "The `cursor` of the next page, if there is one"),
                ("Link" = String, description = "The next page (RFC 8288)")
            )
        ),
        (status = 409, description = "The trail was changed, and cannot be signed: `AUDIT_TRAIL_CHANGED`")
    )
)]
pub(crate) async fn export(
    State(app): State<App>,
    caller: Permitted<AuditRead>,
    Query(span): Query<Span>,
    page: Page,
) -> Result<(HeaderMap, String), Problem> {
    let days = span.check(app.now())?;
    let tenant = &caller.user.tenant;
    let (first, last) = (days[0].day, days[days.len() - 1].day);
    let whole = List::of(&caller.user, format_args!("audit/export {first} {last}"));
    let (mut lines, place) = match page.after::<Place>(&app, &whole).await? {
        Some(place) => (Lines::default(), place),
        None => match Beginning::read(&app, tenant, &days).await? {
            Ok(beginning) => beginning.tell(&app, tenant).await?,
            Err(flaw) => return Err(changed(&flaw)),
        },
    };
    let total = place.total;
    let next = read(&app, tenant, &mut lines, place).await?;
    let (from, to) = (Some(first.to_string()), Some(last.to_string()));
    let question = TrailQuestion { from, to, ..TrailQuestion::default() };
    caller.tell_audit_read(&app, "audit/export", question).await?;
    let cursor = whole.cursor(&app, next.as_ref()).await?;
    let mut headers = page.headers(cursor, total);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    Ok((headers, lines.0))
}
