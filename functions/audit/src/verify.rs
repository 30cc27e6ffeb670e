//! `GET /audit/verify`: whether the audit trail of some days is as it was written, and what is wrong first if not.
//!
//! Checkpoints are read first, then the heads of the chains, then their records: each is at least as long as what was read
//! before it says, whatever is written meanwhile. A trail in which nothing is wrong gets a new checkpoint: whoever keeps
//! it can tell later whether the end was cut off.

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::State;
use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};
use shared::App;
use shared::chain::{AuditKey, ChainId, Examination, Flaw, Hash, Head, Reason, TrailError};
use shared::checkpoint::{ChainEnd, Checkpoint};
use shared::clock::Timestamp;
use shared::event::details::TrailQuestion;
use shared::fault::Fault;
use shared::http::{Json, List, Page, Permitted, Problem, Query};
use shared::id::TenantId;
use shared::role::AuditRead;
use shared::store::StoredCheckpoint;
use utoipa::ToSchema;

use super::span::Span;

/// How many records are examined in one call, unless a single chain has more.
const MOST_RECORDS: usize = 50_000;

/// What came out.
#[derive(Serialize, ToSchema)]
pub(crate) struct Verdict {
    /// Whether nothing is wrong.
    valid: bool,
    /// How many records are as they were written.
    checked: u64,
    /// How many records are gone because their time was over, as checkpoints say.
    removed: u64,
    /// What is wrong first.
    first_invalid: Option<Flaw>,
    /// The newest checkpoint, a compact JWS that the keys at `/.well-known/jwks.json` verify. Keep it elsewhere.
    checkpoint: Option<String>,
    /// The first instant that was looked at: `X-Next-Cursor` goes on with what was before it, if there is more.
    #[schema(value_type = String, format = DateTime, example = "2024-01-15T07:00:00Z")]
    from: Timestamp,
    /// The first instant behind.
    #[schema(value_type = String, format = DateTime, example = "2024-01-16T00:00:00Z")]
    to: Timestamp,
}

/// Where a verification goes on: what of the days is left.
#[derive(Clone, Copy, Serialize, Deserialize)]
struct Place {
    first: ChainId,
    last: ChainId,
}

/// The checkpoints that were made while anything could be told of some chains, with one on either side.
struct Checkpoints {
    newest: Option<StoredCheckpoint>,
    before: Option<StoredCheckpoint>,
    within: Vec<StoredCheckpoint>,
    after: Option<StoredCheckpoint>,
}

impl Checkpoints {
    async fn read(trail: &Trail<'_>) -> Result<Self, TrailError> {
        let Trail { app, tenant, key, first, last, .. } = *trail;
        // Read before the others: what is the newest now is among them.
        let newest = app.store.newest_checkpoint(key, tenant).await?;
        let (before, within, after) = tokio::try_join!(
            app.store.checkpoint_before(tenant, first.begins()),
            app.store.checkpoints(tenant, (first.begins(), last.closes())),
            app.store.checkpoint_after(tenant, last.closes()),
        )?;
        Ok(Self { newest, before, within, after })
    }

    /// What they say, the first one first.
    ///
    /// # Errors
    /// The first that is not as it was made, or does not follow the one before it: one was taken away.
    fn open(&self, key: &AuditKey, tenant: &TenantId) -> Result<Vec<Checkpoint>, Flaw> {
        let mut last: Option<&StoredCheckpoint> = None;
        let mut opened = Vec::new();
        for stored in self.before.iter().chain(&self.within).chain(&self.after) {
            let follows = |it: &Checkpoint| match last {
                Some(last) => it.n == last.n + 1 && it.previous == Some(last.hash()),
                None => self.before.is_some() || (it.n == 1 && it.previous.is_none()),
            };
            let checkpoint = stored.open(key, tenant).filter(follows);
            opened.push(checkpoint.ok_or_else(|| stored.mismatch())?);
            last = Some(stored);
        }
        match (&self.newest, last) {
            // Behind these chains there are more.
            (Some(newest), _) if self.after.as_ref().is_some_and(|it| it.n <= newest.n) => Ok(opened),
            (Some(newest), last) => {
                let known = last.is_some_and(|last| last.n > newest.n || last.hash() == newest.hash());
                if known { Ok(opened) } else { Err(newest.mismatch()) }
            }
            // The first of all may have been made a moment ago.
            (None, Some(last)) if last.n > 1 => Err(last.mismatch()),
            (None, _) => Ok(opened),
        }
    }
}

/// Chains of a tenant under examination, and what was found of them.
struct Trail<'a> {
    app: &'a App,
    tenant: &'a TenantId,
    key: &'a AuditKey,
    first: ChainId,
    last: ChainId,
    /// The newest checkpoint, as far as it is known.
    newest: Option<String>,
    /// How many records the chains have.
    total: u64,
    /// The hashes of the chains that were found good.
    good: BTreeMap<ChainId, Vec<Hash>>,
    /// How far those went that are removed.
    removed: BTreeMap<ChainId, Head>,
}

/// The first of the newest chains that have `most` records together, or of one alone that has more.
fn newest(heads: &BTreeMap<ChainId, Head>, first: ChainId, most: usize) -> ChainId {
    let mut records = 0;
    for (chain, head) in heads.iter().rev().filter(|(_, head)| head.removed_by.is_none()) {
        records += head.seq;
        if records > most as u64 && records > head.seq {
            return chain.next();
        }
    }
    first
}

impl Trail<'_> {
    /// Looks at the newest chains, as many as have `most` records, and then at what checkpoints say of them. The rest is no
    /// longer under examination.
    ///
    /// # Errors
    /// The first thing that is wrong, or what keeps from looking.
    async fn examine(&mut self, most: usize) -> Result<(), TrailError> {
        // Boxed: it asks for three things at once.
        let checkpoints = Box::pin(Checkpoints::read(self)).await?;
        self.newest = checkpoints.newest.as_ref().map(|newest| newest.jws.clone());
        let heads = self.app.store.audit_heads(self.key, self.tenant, (self.first, self.last)).await?;
        self.total = heads.values().filter(|head| head.removed_by.is_none()).map(|head| head.seq).sum();
        self.first = newest(&heads, self.first, most);
        let mut from = self.first;
        while from <= self.last {
            let to = ChainId::last_of(from.day).min(self.last);
            self.examine_hours((from, to), &heads).await?;
            from = to.next();
        }
        self.removed_silently().await?;
        self.contradicted(&checkpoints.open(self.key, self.tenant)?)
    }

    /// Looks at chains of one day whose heads were `before`.
    async fn examine_hours(
        &mut self,
        (from, to): (ChainId, ChainId),
        before: &BTreeMap<ChainId, Head>,
    ) -> Result<(), TrailError> {
        let Self { app, tenant, key, .. } = *self;
        let mut kept = app.store.kept_records(tenant, (from, to)).await?;
        let after = app.store.audit_heads(key, tenant, (from, to)).await?;
        for chain in from.to(to) {
            let (before, after) = (before.get(&chain).copied(), after.get(&chain).copied());
            // Its time may have ended while it was read.
            if let Some(head) = after.or(before).filter(|head| head.removed_by.is_some()) {
                self.removed.insert(chain, head);
                continue;
            }
            let kept = kept.remove(&chain).unwrap_or_default();
            let hashes = Examination { tenant, chain, key, before, after }.examine(&kept)?;
            self.good.insert(chain, hashes);
        }
        Ok(())
    }

    /// Whether each chain that is said to be removed is so in the checkpoint that should say it.
    async fn removed_silently(&self) -> Result<(), TrailError> {
        let places: BTreeSet<_> = self.removed.values().filter_map(|head| head.removed_by).collect();
        let told = self.app.store.checkpoints_at(self.tenant, &places).await?;
        let told = told.iter().filter_map(|it| Some((it.place(), it.open(self.key, self.tenant)?.removed)));
        let told: BTreeMap<_, _> = told.collect();
        for (chain, head) in &self.removed {
            let removed = head.removed_by.and_then(|place| told.get(&place));
            if !removed.is_some_and(|removed| removed.contains(&ChainEnd::from((*chain, *head)))) {
                return Err(mismatch(*chain, head.seq).into());
            }
        }
        Ok(())
    }

    /// Whether each checkpoint agrees with each chain that was looked at.
    fn contradicted(&self, checkpoints: &[Checkpoint]) -> Result<(), TrailError> {
        let agrees = |end: &ChainEnd| {
            if let Some(head) = self.removed.get(&end.chain) {
                return end.seq < head.seq || (end.seq, end.hash) == (head.seq, head.hash);
            }
            let index = usize::try_from(end.seq).unwrap_or_default().wrapping_sub(1);
            self.good.get(&end.chain).is_none_or(|hashes| hashes.get(index) == Some(&end.hash))
        };
        match checkpoints.iter().flat_map(|it| &it.heads).find(|end| !agrees(end)) {
            Some(end) => Err(mismatch(end.chain, end.seq).into()),
            None => Ok(()),
        }
    }

    /// What came out, and the newest checkpoint: one more, where nothing is wrong.
    async fn conclude(&self, examined: Result<(), TrailError>) -> Result<Verdict, Fault> {
        let sealed = match examined {
            Ok(()) => self.app.checkpoint(self.tenant).await,
            Err(wrong) => Err(wrong),
        };
        let (first_invalid, checkpoint) = match sealed {
            Ok(checkpoint) => (None, checkpoint),
            Err(TrailError::Changed(flaw)) => (Some(flaw), self.newest.clone()),
            Err(TrailError::Failed(fault)) => return Err(fault),
        };
        Ok(Verdict {
            valid: first_invalid.is_none(),
            checked: self.good.values().map(|hashes| hashes.len() as u64).sum(),
            removed: self.removed.values().map(|head| head.seq).sum(),
            first_invalid,
            checkpoint,
            from: self.first.begins(),
            to: self.last.ends(),
        })
    }
}

fn mismatch(chain: ChainId, seq: u64) -> Flaw {
    Flaw::of(chain, Reason::CheckpointMismatch, Some(seq))
}

/// Verify the audit trail
///
/// The newest hours of these days are looked at, as many as have 50,000 records together; `X-Next-Cursor` goes on with
/// those before them.
#[utoipa::path(
    get,
    path = "/api/v1/audit/verify",
    tag = "audit",
    params(Span),
    security(("access_token" = [])),
    responses((
        status = 200,
        description = "Whether anything is wrong, and what",
        body = Verdict,
        headers(
            ("X-Total-Count" = u64, description = "How many records these days have, with `cursor` those that are left"),
            ("X-Next-Cursor" = String, description = "The `cursor` that goes on with the hours before, if there are any"),
            ("Link" = String, description = "The same as a link (RFC 8288)")
        )
    ))
)]
pub(crate) async fn verify(
    State(app): State<App>,
    caller: Permitted<AuditRead>,
    Query(span): Query<Span>,
    page: Page,
) -> Result<(HeaderMap, Json<Verdict>), Problem> {
    let (days, most) = span.check(app.now(), MOST_RECORDS)?;
    let whole = List::of(&caller.user, format_args!("audit/verify {}", span.asked()));
    let left: Option<Place> = page.after(&app, &whole).await?;
    let (first, last) = left.map_or(days.chains(), |Place { first, last }| (first, last));
    let (tenant, key) = (&caller.user.tenant, app.keys.audit_key().await?);
    let (good, removed) = (BTreeMap::new(), BTreeMap::new());
    let mut trail = Trail { app: &app, tenant, key, first, last, newest: None, total: 0, good, removed };
    let examined = trail.examine(most).await;
    let verdict = trail.conclude(examined).await?;
    let question = TrailQuestion {
        from: Some(verdict.from.to_string()),
        to: Some(verdict.to.to_string()),
        valid: Some(verdict.valid),
        ..TrailQuestion::default()
    };
    caller.tell_audit_read(&app, "audit/verify", question).await?;
    let left = (trail.first > first).then(|| Place { first, last: trail.first.previous() });
    let cursor = whole.cursor(&app, left.as_ref()).await?;
    Ok((page.headers(cursor, trail.total), Json(verdict)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_chains_are_taken_up_to_the_bound_and_one_at_least() {
        let hour = |hour: u32| ChainId { day: jiff::civil::date(2024, 1, 15), shard: hour };
        let head = |seq| Head { seq, hash: Hash::of(&[]), at: Timestamp::UNIX_EPOCH, removed_by: None };
        let heads = BTreeMap::from([(hour(3), head(4)), (hour(5), head(3)), (hour(9), head(2))]);
        for (most, first) in [(1, 6), (2, 6), (4, 6), (5, 4), (8, 4), (9, 0), (50_000, 0)] {
            assert_eq!(newest(&heads, hour(0), most), hour(first), "{most}");
        }
    }
}
