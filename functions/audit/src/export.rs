//! `GET /audit/export`: the audit trail of some days with its chains and its checkpoints, so that anybody can verify it
//! without us (`docs/audit.md`).
//!
//! It begins with a signed list of what it holds. Then come the checkpoints, and then the days: each begins with a signed list
//! of its chains, as they are when the day is reached, whatever is written meanwhile. Records are as they are kept: devices
//! are sealed, and stay so.

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::App;
use shared::chain::{AuditKey, ChainId, CheckpointPlace, Head, Kept, TrailError};
use shared::checkpoint::ChainEnd;
use shared::clock::Timestamp;
use shared::event::details::TrailQuestion;
use shared::http::{List, Page, Permitted, Problem, Query};
use shared::id::TenantId;
use shared::keys::Statement;
use shared::role::AuditRead;

use super::span::{Days, Span};

/// How many lines a page holds at most, about: an answer of a Lambda function has 6 MB at most.
const MOST_LINES: usize = 1_000;

/// What an export holds: the payload of the JWS that it begins with.
#[derive(Serialize)]
struct ExportManifest<'a> {
    tenant: &'a TenantId,
    at: Timestamp,
    /// Its first day and its last.
    from: Date,
    to: Date,
    /// The numbers of its first and last checkpoint.
    checkpoints: Option<(u64, u64)>,
}

/// What a day of an export holds: the payload of the JWS that the day begins with.
#[derive(Serialize)]
struct DayManifest<'a> {
    tenant: &'a TenantId,
    at: Timestamp,
    day: Date,
    /// The chains, and how far each goes.
    heads: Vec<ChainEnd>,
    /// Those that are not there because their time was over, and how far they went.
    removed: Vec<ChainEnd>,
}

/// Where an export goes on.
#[derive(Clone, Serialize, Deserialize)]
struct Place {
    days: Days,
    /// How many records it had when it began.
    total: u64,
    part: Part,
}

/// What comes next.
#[derive(Clone, Serialize, Deserialize)]
enum Part {
    /// The checkpoints behind the first of these places, up to the second.
    Checkpoints(CheckpointPlace, CheckpointPlace),
    /// A day.
    Day(Date),
    /// The rest of a day.
    Records(Day),
}

/// A day that is under way.
#[derive(Clone, Serialize, Deserialize)]
struct Day {
    day: Date,
    /// How far its chains go, by their shards.
    ends: BTreeMap<u32, u64>,
    /// Behind which record it goes on.
    after: Option<String>,
}

/// A page under way.
struct Writing<'a> {
    app: &'a App,
    tenant: &'a TenantId,
    key: &'a AuditKey,
    days: Days,
    lines: String,
    /// How many lines there is room for.
    room: usize,
}

/// Why there is no page.
enum Refusal {
    /// The trail is not as it was written, or the table or the keys fail.
    Trail(TrailError),
    /// The time of this day ended while it was exported.
    Removed(Date),
}

impl<E: Into<TrailError>> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self::Trail(error.into())
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Trail(TrailError::Failed(fault)) => fault.into(),
            Refusal::Trail(TrailError::Changed(flaw)) => {
                let day = flaw.chain.day;
                let message =
                    format!("The audit trail of {day} is not as it was written; see GET /audit/verify");
                Problem::new(StatusCode::CONFLICT, "AUDIT_TRAIL_CHANGED", message)
            }
            Refusal::Removed(day) => {
                let message = format!(
                    "The records of {day} were removed after their time while they were exported; begin again"
                );
                Problem::new(StatusCode::CONFLICT, "AUDIT_DAY_REMOVED", message)
            }
        }
    }
}

impl Writing<'_> {
    fn push(&mut self, line: &Value) {
        self.lines.push_str(&line.to_string());
        self.lines.push('\n');
        self.room = self.room.saturating_sub(1);
    }

    /// Writes what an export begins with; where it goes on.
    ///
    /// Checkpoints are read before the heads of any chain, which are then at least as far as those say.
    async fn begin(&mut self) -> Result<Place, Refusal> {
        let Self { app, tenant, key, days, .. } = *self;
        let (first, last) = days.chains();
        let checkpoints = app.store.checkpoints(tenant, (first.begins(), last.closes())).await?;
        let ends = checkpoints.first().zip(checkpoints.last());
        let manifest = ExportManifest {
            tenant,
            at: app.now(),
            from: days.first,
            to: days.last,
            checkpoints: ends.map(|(first, last)| (first.n, last.n)),
        };
        self.push(&json!({ "export": app.keys.sign_statement(Statement::Export, &manifest).await? }));
        let heads = app.store.audit_heads(key, tenant, (first, last)).await?;
        let total = heads.values().filter(|head| head.removed_by.is_none()).map(|head| head.seq).sum();
        let before = CheckpointPlace { at: first.begins(), n: 0 };
        let part = ends.map_or(Part::Day(days.first), |(_, last)| Part::Checkpoints(before, last.place()));
        Ok(Place { days, total, part })
    }

    /// Writes what is next, as far as there is room; what is next then.
    async fn go_on(&mut self, mut next: Option<Part>) -> Result<Option<Part>, Refusal> {
        while let Some(part) = next {
            if self.room == 0 {
                return Ok(Some(part));
            }
            next = match part {
                Part::Checkpoints(behind, last) => self.checkpoints(behind, last).await?,
                Part::Day(day) => self.day(day).await?,
                Part::Records(day) => self.records(day).await?,
            };
        }
        Ok(None)
    }

    async fn checkpoints(
        &mut self,
        behind: CheckpointPlace,
        last: CheckpointPlace,
    ) -> Result<Option<Part>, Refusal> {
        let checkpoints = self.app.store.checkpoints(self.tenant, (behind.at, last.at)).await?;
        for checkpoint in checkpoints.iter().filter(|checkpoint| checkpoint.place() > behind) {
            self.push(&json!({ "checkpoint": checkpoint.jws }));
            if checkpoint.place() < last && self.room == 0 {
                return Ok(Some(Part::Checkpoints(checkpoint.place(), last)));
            }
        }
        Ok(Some(Part::Day(self.days.first)))
    }

    async fn day(&mut self, day: Date) -> Result<Option<Part>, Refusal> {
        let Self { app, tenant, .. } = *self;
        let (removed, heads): (Vec<_>, Vec<_>) =
            self.heads(day).await?.into_iter().partition(|(_, head)| head.removed_by.is_some());
        let ends: BTreeMap<_, _> = heads.iter().map(|(chain, head)| (chain.shard, head.seq)).collect();
        let places: BTreeSet<_> = removed.iter().filter_map(|(_, head)| head.removed_by).collect();
        let manifest = DayManifest {
            tenant,
            at: app.now(),
            day,
            heads: heads.into_iter().map(ChainEnd::from).collect(),
            removed: removed.into_iter().map(ChainEnd::from).collect(),
        };
        self.push(&json!({ "chains": app.keys.sign_statement(Statement::ExportDay, &manifest).await? }));
        for removal in app.store.checkpoints_at(tenant, &places).await? {
            self.push(&json!({ "removal": removal.jws }));
        }
        if ends.is_empty() {
            return Ok(self.behind(day));
        }
        Ok(Some(Part::Records(Day { day, ends, after: None })))
    }

    /// The records of a day, as far as they belong to its chains as they were.
    async fn records(&mut self, Day { day, ends, after }: Day) -> Result<Option<Part>, Refusal> {
        let (records, more) =
            self.app.store.chained_records((self.tenant, day), after.as_deref(), self.room).await?;
        if after.is_some() {
            let heads = self.heads(day).await?;
            let is_there = |shard: &u32| {
                heads.get(&ChainId { day, shard: *shard }).is_some_and(|head| head.removed_by.is_none())
            };
            if !ends.keys().all(is_there) {
                return Err(Refusal::Removed(day));
            }
        }
        for (chain, record) in &records {
            if let Some(end) = ends.get(&chain.shard) {
                self.push_record(*chain, *end, record);
            }
        }
        match more {
            Some(after) => Ok(Some(Part::Records(Day { day, ends, after: Some(after) }))),
            None => Ok(self.behind(day)),
        }
    }

    /// What was found in a chain, if it belongs to its first `end` records.
    fn push_record(&mut self, ChainId { day, shard }: ChainId, end: u64, kept: &Kept) {
        match &kept.chained {
            Some(chained) if chained.seq > end => {}
            Some(chained) => {
                let (seq, hash, record) = (chained.seq, chained.hash, &chained.record);
                self.push(&json!({ "day": day, "shard": shard, "seq": seq, "hash": hash, "record": record }));
            }
            None => self.push(&json!({ "day": day, "shard": shard, "unreadable": kept.id })),
        }
    }

    async fn heads(&self, day: Date) -> Result<BTreeMap<ChainId, Head>, TrailError> {
        let chains = (ChainId::first_of(day), ChainId::last_of(day));
        self.app.store.audit_heads(self.key, self.tenant, chains).await
    }

    /// What comes behind a day.
    fn behind(&self, day: Date) -> Option<Part> {
        day.tomorrow().ok().filter(|next| *next <= self.days.last).map(Part::Day)
    }
}

/// Export the audit trail
///
/// The first page begins with `{"export"}`, a signed list of what the export holds, and has a line `{"checkpoint"}` for
/// each checkpoint of these days. Each day follows: `{"chains"}`, a signed list of its chains, and a line for each record:
/// `{"day", "shard", "seq", "hash", "record"}`. Pages hold a thousand lines; put them together.
#[utoipa::path(
    get,
    path = "/api/v1/audit/export",
    tag = "audit",
    params(Span),
    security(("access_token" = [])),
    responses(
        (
            status = 200,
            description = "A page of the export, as lines of JSON",
            body = String,
            content_type = "application/x-ndjson",
            headers(
                ("X-Total-Count" = u64, description = "How many records the export had when it began"),
                ("X-Next-Cursor" = String, description = "The `cursor` of the next page, if there is one"),
                ("Link" = String, description = "The next page (RFC 8288)")
            )
        ),
        (
            status = 409,
            description = "The trail was changed, and cannot be signed: `AUDIT_TRAIL_CHANGED`; or records of a day were \
                           removed after their time between two of its pages: `AUDIT_DAY_REMOVED`"
        )
    )
)]
pub(crate) async fn export(
    State(app): State<App>,
    caller: Permitted<AuditRead>,
    Query(span): Query<Span>,
    page: Page,
) -> Result<(HeaderMap, String), Problem> {
    let (days, room) = span.check(app.now(), MOST_LINES)?;
    let list = List::of(&caller.user, format_args!("audit/export {}", span.asked()));
    let place: Option<Place> = page.after(&app, &list).await?;
    let days = place.as_ref().map_or(days, |place| place.days);
    let (tenant, key) = (&caller.user.tenant, app.keys.audit_key().await?);
    let mut writing = Writing { app: &app, tenant, key, days, lines: String::new(), room };
    let Place { total, part, .. } = match place {
        Some(place) => place,
        None => writing.begin().await?,
    };
    let next = writing.go_on(Some(part)).await?.map(|part| Place { days, total, part });
    let (from, to) = (Some(days.first.to_string()), Some(days.last.to_string()));
    let question = TrailQuestion { from, to, ..TrailQuestion::default() };
    caller.tell_audit_read(&app, "audit/export", question).await?;
    let cursor = list.cursor(&app, next.as_ref()).await?;
    let mut headers = page.headers(cursor, total);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    Ok((headers, writing.lines))
}
