//! Checkpoints: signed statements of how far the chains of the audit trail went, each naming the one before it.
//!
//! A chain shows what was changed within it; that its end was cut off, or all of it, only somebody can tell who
//! knows how far it went. Whoever keeps checkpoints elsewhere does, and needs nothing but our public keys.

use jiff::{SignedDuration, ToSpan as _};
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::chain::{ChainDay, Hash, Head, LATEST, SHARD};
use crate::clock::Timestamp;
use crate::fault::Fault;
use crate::id::TenantId;
use crate::store::{CheckpointHead, StoredCheckpoint};
use crate::token::from_base64url;

/// How many days the first checkpoint, and each removal, looks back.
const REACH_DAYS: i64 = 100;
/// How far the clocks of two functions are apart.
const SKEW: SignedDuration = SignedDuration::from_mins(5);
/// How often a checkpoint is made anew because another one came first.
const ROUNDS: u32 = 4;

/// What a checkpoint says: the payload of its JWS.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Whose.
    pub tenant: TenantId,
    /// Its number, from 1.
    pub n: u64,
    /// SHA-256 of the JWS before, as ASCII; none for the first.
    pub previous: Option<Hash>,
    /// When it was made.
    pub at: Timestamp,
    /// The chains that grew since the last one, and how far they go.
    pub heads: Vec<ChainEnd>,
    /// The chains that are removed because their time is over, and how far they went.
    pub removed: Vec<ChainEnd>,
}

impl Checkpoint {
    /// What a checkpoint says. Its signature is not looked at: of what the table keeps, the MAC is checked instead,
    /// which outlives every signing key.
    pub fn read(jws: &str) -> Option<Self> {
        serde_json::from_slice(&from_base64url(jws.split('.').nth(1)?)?).ok()
    }
}

/// How far a chain goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainEnd {
    /// Which.
    #[serde(flatten)]
    pub chain: ChainDay,
    /// The number of its newest record.
    pub seq: u64,
    /// Its hash.
    pub hash: Hash,
}

impl From<(ChainDay, Head)> for ChainEnd {
    fn from((chain, head): (ChainDay, Head)) -> Self {
        Self { chain, seq: head.seq, hash: head.hash }
    }
}

/// The chains of the `days` that end with that of `last`.
fn chains(last: &ChainDay, days: i64) -> Vec<ChainDay> {
    let day = |back: i64| Some(ChainDay { day: last.day.checked_sub(back.days()).ok()?, shard: SHARD });
    (0..days).filter_map(day).collect()
}

impl App {
    /// The tenant's newest checkpoint, made now where a chain grew since the last; none where nothing ever happened.
    ///
    /// # Errors
    /// When the table or the keys fail.
    pub async fn checkpoint(&self, tenant: &TenantId) -> Result<Option<String>, Fault> {
        self.checkpoint_with(tenant, &[]).await
    }

    /// Whether the audit trail has let go of what happened at `at`, or is about to: what is told of that time once more is
    /// told too late.
    pub fn is_past_audit(&self, at: Timestamp) -> bool {
        ChainDay::at(at).day <= self.last_old_day().day
    }

    /// The last day that is older than `AUDIT_RETENTION_DAYS`.
    fn last_old_day(&self) -> ChainDay {
        ChainDay::at(self.now() - SignedDuration::from_hours(24 * (self.config.audit_retention_days + 1)))
    }

    /// The days that are older than `AUDIT_RETENTION_DAYS` are gone from the audit trail (so many), each as a whole and only
    /// once a checkpoint says so. It looks back a hundred days: run it more often than that.
    ///
    /// # Errors
    /// When the table or the keys fail. What was begun goes on with the next run.
    pub async fn remove_old_audit(&self, tenant: &TenantId) -> Result<usize, Fault> {
        let old = chains(&self.last_old_day(), REACH_DAYS);
        let heads = self.store.audit_heads(tenant, &old).await?;
        if heads.is_empty() {
            return Ok(0);
        }
        let removed: Vec<ChainEnd> = heads.into_iter().map(ChainEnd::from).collect();
        self.checkpoint_with(tenant, &removed).await?;
        for end in &removed {
            self.store.remove_chain(tenant, &end.chain).await?;
        }
        Ok(removed.len())
    }

    async fn checkpoint_with(
        &self,
        tenant: &TenantId,
        removed: &[ChainEnd],
    ) -> Result<Option<String>, Fault> {
        for _ in 0..ROUNDS {
            let last = self.store.checkpoint_head(tenant).await?;
            let heads = self.grown(tenant, last.as_ref()).await?;
            if heads.is_empty() && removed.is_empty() {
                return Ok(last.map(|last| last.newest.jws));
            }
            let next = self.sign_checkpoint(tenant, last.as_ref(), (heads, removed.to_vec())).await?;
            if self.store.add_checkpoint(tenant, last.as_ref(), &next).await? {
                return Ok(Some(next.newest.jws));
            }
        }
        Err(Fault::temporary("making a checkpoint", "others are made at the same time"))
    }

    /// The chains that grew since the checkpoint `last`.
    async fn grown(&self, tenant: &TenantId, last: Option<&CheckpointHead>) -> Result<Vec<ChainEnd>, Fault> {
        let (now, since) = (self.now(), last.map(|last| last.newest.at));
        let passed = since.map(|since| (now.as_second() - since.as_second()) / 86_400 + 1);
        let days = passed.map_or(REACH_DAYS, |passed| passed.max(0) + LATEST.as_hours() / 24);
        let heads = self.store.audit_heads(tenant, &chains(&ChainDay::at(now), days)).await?;
        if since.is_some_and(|since| heads.iter().all(|(_, head)| head.at <= since)) {
            return Ok(Vec::new());
        }
        let is_new = |head: &Head| since.is_none_or(|since| head.at + SKEW > since);
        Ok(heads.into_iter().filter(|(_, head)| is_new(head)).map(ChainEnd::from).collect())
    }

    async fn sign_checkpoint(
        &self,
        tenant: &TenantId,
        last: Option<&CheckpointHead>,
        (heads, removed): (Vec<ChainEnd>, Vec<ChainEnd>),
    ) -> Result<CheckpointHead, Fault> {
        let (n, at) = (last.map_or(0, |last| last.newest.n) + 1, self.now());
        let previous = last.map(|last| last.hash);
        let payload = Checkpoint { tenant: tenant.clone(), n, previous, at, heads, removed };
        let jws = self.keys.sign_checkpoint(&payload).await?;
        let hash = Hash::of(&[jws.as_bytes()]);
        let mac = self.keys.audit_key().await?.mac(hash);
        Ok(CheckpointHead { newest: StoredCheckpoint { n, at, jws, mac }, hash })
    }
}
