//! `GET /audit/verify`: whether the audit trail of some days is as it was written, and what is wrong first if not.
//!
//! Checkpoints are read first, then the heads of the days, then their records: each is at least as long as what was read
//! before it says, whatever is written meanwhile. A trail in which nothing is wrong gets a new checkpoint: whoever keeps
//! it can tell later whether the end was cut off.

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::State;
use serde::Serialize;
use shared::App;
use shared::chain::{AuditKey, ChainDay, Examination, Flaw, Hash, Head, Reason};
use shared::checkpoint::{ChainEnd, Checkpoint};
use shared::event::details::TrailQuestion;
use shared::fault::Fault;
use shared::http::{Fields, Json, Permitted, Problem, Query};
use shared::id::TenantId;
use shared::role::AuditRead;
use shared::store::{CheckpointHead, StoredCheckpoint};
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
    /// How many records are gone because their time was over, as checkpoints say.
    removed: u64,
    /// What is wrong first.
    first_invalid: Option<Flaw>,
    /// The newest checkpoint, a compact JWS that the keys at `/.well-known/jwks.json` verify. Keep it elsewhere.
    checkpoint: Option<String>,
}

/// The checkpoints that were made while anything could be told of some days, with one on either side.
struct Checkpoints {
    newest: Option<CheckpointHead>,
    before: Option<StoredCheckpoint>,
    within: Vec<StoredCheckpoint>,
    after: Option<StoredCheckpoint>,
}

impl Checkpoints {
    async fn read(app: &App, tenant: &TenantId, days: &[ChainDay]) -> Result<Self, Fault> {
        // Read before the others: what is the newest now is among them.
        let newest = app.store.checkpoint_head(tenant).await?;
        let (Some(first), Some(last)) = (days.first(), days.last()) else {
            return Ok(Self { newest, before: None, within: Vec::new(), after: None });
        };
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
            opened.push(checkpoint.ok_or_else(|| mismatch(ChainDay::at(stored.at), None))?);
            last = Some(stored);
        }
        match (&self.newest, last) {
            // Behind these days there are more.
            (Some(newest), _) if self.after.as_ref().is_some_and(|it| it.n <= newest.newest.n) => Ok(opened),
            (Some(newest), last) => {
                let known = last.is_some_and(|last| last.n > newest.newest.n || last.hash() == newest.hash);
                if known { Ok(opened) } else { Err(mismatch(ChainDay::at(newest.newest.at), None)) }
            }
            // The first of all may have been made a moment ago.
            (None, Some(last)) if last.n > 1 => Err(mismatch(ChainDay::at(last.at), None)),
            (None, _) => Ok(opened),
        }
    }
}

/// The days of a tenant under examination, and what was found of them.
struct Trail<'a> {
    app: &'a App,
    tenant: &'a TenantId,
    key: &'a AuditKey,
    /// The hashes of the days that were found good.
    good: BTreeMap<ChainDay, Vec<Hash>>,
    /// How far those went that are removed.
    removed: BTreeMap<ChainDay, Head>,
}

impl Trail<'_> {
    /// Looks at each day, and then at what checkpoints say of them; the first thing that is wrong.
    async fn examine(
        &mut self,
        heads: &BTreeMap<ChainDay, Head>,
        days: &[ChainDay],
        checkpoints: &Checkpoints,
    ) -> Result<Option<Flaw>, Fault> {
        for chain in days {
            if let Err(flaw) = self.examine_day(chain, heads.get(chain).copied()).await? {
                return Ok(Some(flaw));
            }
        }
        if let Some(flaw) = self.removed_silently().await? {
            return Ok(Some(flaw));
        }
        Ok(match checkpoints.open(self.key, self.tenant) {
            Ok(opened) => self.contradicted(&opened),
            Err(flaw) => Some(flaw),
        })
    }

    /// Looks at a day whose head was `before`.
    async fn examine_day(
        &mut self,
        chain: &ChainDay,
        before: Option<Head>,
    ) -> Result<Result<(), Flaw>, Fault> {
        if let Some(head) = before.filter(|head| head.removed_by.is_some()) {
            self.removed.insert(chain.clone(), head);
            return Ok(Ok(()));
        }
        let kept = self.app.store.kept_records(self.tenant, chain).await?;
        let after = self.app.store.audit_heads(self.key, self.tenant, std::slice::from_ref(chain)).await?;
        let after = match after {
            Ok(heads) => heads.get(chain).copied(),
            Err(flaw) => return Ok(Err(flaw)),
        };
        if let Some(head) = after.filter(|head| head.removed_by.is_some()) {
            // Its time ended while it was read.
            self.removed.insert(chain.clone(), head);
            return Ok(Ok(()));
        }
        let Self { tenant, key, .. } = *self;
        let found = Examination { tenant, chain, key, before, after }.examine(&kept);
        Ok(found.map(|hashes| drop(self.good.insert(chain.clone(), hashes))))
    }

    /// The first day that is said to be removed, while the checkpoint that should say so does not.
    async fn removed_silently(&self) -> Result<Option<Flaw>, Fault> {
        let places: BTreeSet<_> = self.removed.values().filter_map(|head| head.removed_by).collect();
        let told = self.app.store.checkpoints_at(self.tenant, &places).await?;
        let told = told.iter().filter_map(|it| Some((it.place(), it.open(self.key, self.tenant)?.removed)));
        let told: BTreeMap<_, _> = told.collect();
        let is_silent = |(chain, head): &(&ChainDay, &Head)| {
            let end = ChainEnd::from(((*chain).clone(), **head));
            !head.removed_by.and_then(|place| told.get(&place)).is_some_and(|removed| removed.contains(&end))
        };
        let silent = self.removed.iter().find(is_silent);
        Ok(silent.map(|(chain, head)| mismatch(chain.clone(), Some(head.seq))))
    }

    /// The first day with which a checkpoint does not agree.
    fn contradicted(&self, checkpoints: &[Checkpoint]) -> Option<Flaw> {
        let agrees = |end: &ChainEnd| {
            if let Some(head) = self.removed.get(&end.chain) {
                return end.seq < head.seq || (end.seq, end.hash) == (head.seq, head.hash);
            }
            let index = usize::try_from(end.seq).unwrap_or_default().wrapping_sub(1);
            self.good.get(&end.chain).is_none_or(|hashes| hashes.get(index) == Some(&end.hash))
        };
        let end = checkpoints.iter().flat_map(|it| &it.heads).find(|end| !agrees(end))?;
        Some(mismatch(end.chain.clone(), Some(end.seq)))
    }
}

fn mismatch(chain: ChainDay, seq: Option<u64>) -> Flaw {
    Flaw::of(chain, Reason::CheckpointMismatch, seq)
}

fn too_many(records: u64) -> Problem {
    let mut fields = Fields::default();
    let message = format!(
        "{records} records are in these days, and {MOST_RECORDS} can be verified at once; an export of any size can be verified by docs/verify-audit"
    );
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
    let (tenant, key) = (&caller.user.tenant, app.keys.audit_key().await?);
    // Boxed: it asks for three things at once.
    let checkpoints = Box::pin(Checkpoints::read(&app, tenant, &days)).await?;
    let mut trail = Trail { app: &app, tenant, key, good: BTreeMap::new(), removed: BTreeMap::new() };
    let first_invalid = match app.store.audit_heads(key, tenant, &days).await? {
        Ok(heads) => {
            let there = heads.values().filter(|head| head.removed_by.is_none());
            let records = there.map(|head| head.seq).sum();
            if records > MOST_RECORDS {
                return Err(too_many(records));
            }
            trail.examine(&heads, &days, &checkpoints).await?
        }
        Err(flaw) => Some(flaw),
    };
    let known = || checkpoints.newest.as_ref().map(|newest| newest.newest.jws.clone());
    let (first_invalid, checkpoint) = match first_invalid {
        None => match app.checkpoint(tenant).await? {
            Ok(checkpoint) => (None, checkpoint),
            // What is wrong is in other days.
            Err(flaw) => (Some(flaw), known()),
        },
        flaw => (flaw, known()),
    };
    let question = TrailQuestion {
        from: days.first().map(|chain| chain.day.to_string()),
        to: days.last().map(|chain| chain.day.to_string()),
        valid: Some(first_invalid.is_none()),
        ..TrailQuestion::default()
    };
    caller.tell_audit_read(&app, "audit/verify", question).await?;
    Ok(Json(Verdict {
        valid: first_invalid.is_none(),
        checked: trail.good.values().map(|hashes| hashes.len() as u64).sum(),
        removed: trail.removed.values().map(|head| head.seq).sum(),
        first_invalid,
        checkpoint,
    }))
}
