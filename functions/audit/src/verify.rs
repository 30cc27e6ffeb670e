//! `GET /audit/verify`: whether the audit trail of some days is as it was written, and what is wrong first if not.
//!
//! What was written while it is read may or may not be looked at. A trail in which nothing is wrong gets a new
//! checkpoint: whoever keeps it can tell later whether the end was cut off.

use std::collections::BTreeMap;

use axum::extract::State;
use serde::Serialize;
use shared::App;
use shared::chain::{AuditKey, ChainDay, Examination, Flaw, Hash, Head, Reason};
use shared::checkpoint::Checkpoint;
use shared::event::details::TrailQuestion;
use shared::fault::Fault;
use shared::http::{Fields, Json, Permitted, Problem, Query};
use shared::id::TenantId;
use shared::role::AuditRead;
use shared::store::StoredCheckpoint;
use utoipa::ToSchema;

use super::span::Span;

/// How many records are examined in one call.
const MOST_RECORDS: u64 = 50_000;

/// What came out.
#[derive(Serialize, ToSchema)]
pub(crate) struct Verdict {
    /// Whether nothing is wrong.
    valid: bool,
    /// How many records are as they were written.
    checked: u64,
    /// What is wrong first.
    first_invalid: Option<Flaw>,
    /// The newest checkpoint, a compact JWS that the keys at `/.well-known/jwks.json` verify. Keep it elsewhere.
    checkpoint: Option<String>,
}

/// The days of a tenant under examination, and the hashes of those that were found good.
struct Trail<'a> {
    app: &'a App,
    tenant: &'a TenantId,
    key: &'a AuditKey,
    good: BTreeMap<ChainDay, Vec<Hash>>,
}

impl Trail<'_> {
    /// Looks at each day, and then at what checkpoints say of them; the first thing that is wrong.
    async fn examine(
        &mut self,
        heads: Vec<(ChainDay, Head)>,
        days: &[ChainDay],
    ) -> Result<Option<Flaw>, Fault> {
        let heads: BTreeMap<_, _> = heads.into_iter().collect();
        for chain in days {
            let kept = self.app.store.kept_records(self.tenant, chain).await?;
            let after = self.app.store.audit_heads(self.tenant, std::slice::from_ref(chain)).await?;
            let examination = Examination {
                tenant: self.tenant,
                chain,
                key: self.key,
                before: heads.get(chain).copied(),
                after: after.first().map(|(_, head)| *head),
            };
            match examination.examine(&kept) {
                Ok(hashes) => self.good.insert(chain.clone(), hashes),
                Err(flaw) => return Ok(Some(flaw)),
            };
        }
        let (Some(first), Some(last)) = (days.first(), days.last()) else { return Ok(None) };
        let span = (first.begins(), last.closes());
        // Read before the others: what is the newest now is among them.
        let newest = self.app.store.checkpoint_head(self.tenant).await?;
        let checkpoints = self.app.store.checkpoints(self.tenant, span).await?;
        let newest = newest.filter(|it| (span.0..=span.1).contains(&it.newest.at));
        let is_there =
            newest.as_ref().is_none_or(|it| checkpoints.iter().any(|other| hash_of(other) == it.hash));
        if let Some(newest) = newest.filter(|_| !is_there) {
            return Ok(Some(mismatch(ChainDay::at(newest.newest.at), None)));
        }
        Ok(self.compare(&checkpoints))
    }

    /// The first checkpoint that is not as it was made, or with which a day does not agree.
    fn compare(&self, checkpoints: &[StoredCheckpoint]) -> Option<Flaw> {
        let mut last: Option<&StoredCheckpoint> = None;
        for stored in checkpoints {
            let follows = |it: &Checkpoint| match last {
                Some(last) => it.n == last.n + 1 && it.previous == Some(hash_of(last)),
                None => true,
            };
            let genuine = |it: &Checkpoint| {
                let is_same = it.n == stored.n && it.at == stored.at && it.tenant == *self.tenant;
                is_same && self.key.is_mac(hash_of(stored), stored.mac)
            };
            let read = Checkpoint::read(&stored.jws).filter(|it| genuine(it) && follows(it));
            let Some(checkpoint) = read else { return Some(mismatch(ChainDay::at(stored.at), None)) };
            for end in checkpoint.heads {
                let index = usize::try_from(end.seq).unwrap_or_default().wrapping_sub(1);
                let hashes =
                    self.good.get(&end.chain).filter(|it| !it.is_empty() || !self.is_old(&end.chain));
                if hashes.is_some_and(|hashes| hashes.get(index) != Some(&end.hash)) {
                    return Some(mismatch(end.chain, Some(end.seq)));
                }
            }
            last = Some(stored);
        }
        None
    }

    /// Whether a day's time is over, so that it may have been removed.
    fn is_old(&self, chain: &ChainDay) -> bool {
        let age = self.app.now().as_second() - chain.begins().as_second();
        age / 86_400 > self.app.config.audit_retention_days
    }
}

fn hash_of(checkpoint: &StoredCheckpoint) -> Hash {
    Hash::of(&[checkpoint.jws.as_bytes()])
}

fn mismatch(chain: ChainDay, seq: Option<u64>) -> Flaw {
    Flaw { audit_id: None, reason: Reason::CheckpointMismatch, chain, seq }
}

fn too_many(records: u64) -> Problem {
    let mut fields = Fields::default();
    let message = format!("{records} records are in these days; {MOST_RECORDS} can be verified at once");
    fields.note("start_date", message);
    fields.into_problem()
}

/// Verify the audit trail
#[utoipa::path(
    get,
    path = "/api/v1/audit/verify",
    tag = "audit",
    params(Span),
    security(("access_token" = [])),
    responses((status = 200, description = "Whether anything is wrong, and what", body = Verdict))
)]
pub(crate) async fn verify(
    State(app): State<App>,
    caller: Permitted<AuditRead>,
    Query(span): Query<Span>,
) -> Result<Json<Verdict>, Problem> {
    let days = span.check(app.now())?;
    let tenant = &caller.user.tenant;
    let heads = app.store.audit_heads(tenant, &days).await?;
    let records = heads.iter().map(|(_, head)| head.seq).sum();
    if records > MOST_RECORDS {
        return Err(too_many(records));
    }
    let key = app.keys.audit_key().await?;
    let mut trail = Trail { app: &app, tenant, key, good: BTreeMap::new() };
    let first_invalid = trail.examine(heads, &days).await?;
    let checked = trail.good.values().map(|hashes| hashes.len() as u64).sum();
    let checkpoint = match first_invalid {
        None => app.checkpoint(tenant).await?,
        Some(_) => app.store.checkpoint_head(tenant).await?.map(|head| head.newest.jws),
    };
    let question = TrailQuestion {
        from: days.first().map(|chain| chain.day.to_string()),
        to: days.last().map(|chain| chain.day.to_string()),
        valid: Some(first_invalid.is_none()),
        ..TrailQuestion::default()
    };
    caller.tell_audit_read(&app, "audit/verify", question).await?;
    Ok(Json(Verdict { valid: first_invalid.is_none(), checked, first_invalid, checkpoint }))
}
