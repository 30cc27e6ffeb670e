//! Checkpoints: signed statements of how far the chains of the audit trail went, each naming the one before it.
//!
//! A chain shows what was changed within it; that its end was cut off, or all of it, only somebody can tell who
//! knows how far it went. Whoever keeps checkpoints elsewhere does, and needs nothing but our public keys.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::chain::{
    AuditKey, ChainId, CheckpointPlace, Flaw, Hash, Head, LATEST, Reason, Sealed, TrailError,
};
use crate::clock::Timestamp;
use crate::fault::Fault;
use crate::id::TenantId;
use crate::keys::Statement;
use crate::store::StoredCheckpoint;
use crate::token::from_base64url;

/// How many days are removed together, and so named by one checkpoint.
const MOST_REMOVED: usize = 7;
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
    /// When it was made: later than the one before.
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

impl StoredCheckpoint {
    /// Of the JWS, as ASCII: what the next checkpoint names.
    pub fn hash(&self) -> Hash {
        Hash::of(&[self.jws.as_bytes()])
    }

    /// Where it stands.
    pub fn place(&self) -> CheckpointPlace {
        CheckpointPlace { at: self.at, n: self.n }
    }

    /// What it says; nothing, if this system did not say so of the tenant, or not there.
    pub fn open(&self, key: &AuditKey, tenant: &TenantId) -> Option<Checkpoint> {
        let is_there = |it: &Checkpoint| it.n == self.n && it.at == self.at && it.tenant == *tenant;
        let is_genuine = key.is_mac(Sealed::Checkpoint, &[self.jws.as_bytes()], self.mac);
        Checkpoint::read(&self.jws).filter(is_there).filter(|_| is_genuine)
    }

    /// That it is not as it was made, or not there where it should be.
    pub fn mismatch(&self) -> Flaw {
        Flaw::of(ChainId::at(self.at), Reason::CheckpointMismatch, None)
    }
}

/// How far a chain goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainEnd {
    /// Which.
    #[serde(flatten)]
    pub chain: ChainId,
    /// The number of its newest record.
    pub seq: u64,
    /// Its hash.
    pub hash: Hash,
}

impl From<(ChainId, Head)> for ChainEnd {
    fn from((chain, head): (ChainId, Head)) -> Self {
        Self { chain, seq: head.seq, hash: head.hash }
    }
}

/// What retention did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Removal {
    /// Days that are gone.
    pub days: usize,
    /// Whether there are more whose time is over.
    pub left: bool,
}

impl App {
    /// The tenant's newest checkpoint, made now where a chain grew since the last; none where nothing ever happened.
    ///
    /// # Errors
    /// When the table or the keys fail, or where a head or the newest checkpoint was changed: nothing is signed on the word
    /// of that.
    pub async fn checkpoint(&self, tenant: &TenantId) -> Result<Option<String>, TrailError> {
        Ok(self.checkpoint_with(tenant, &[]).await?.map(|newest| newest.jws))
    }

    /// Whether the audit trail has let go of what happened at `at`, or is about to: what is told of that time once more is
    /// told too late.
    pub fn is_past_audit(&self, at: Timestamp) -> bool {
        ChainId::at(at).day <= self.last_old_day()
    }

    /// The last day that is older than `AUDIT_RETENTION_DAYS`.
    fn last_old_day(&self) -> Date {
        ChainId::at(self.now() - SignedDuration::from_hours(24 * (self.config.audit_retention_days + 1))).day
    }

    /// The days that are older than `AUDIT_RETENTION_DAYS` are gone from the audit trail, the earliest first and each as a
    /// whole: a checkpoint says so, the heads of its chains name that checkpoint, and then its records go.
    ///
    /// # Errors
    /// When the table or the keys fail, or where a head was changed. What was begun goes on with the next run.
    pub async fn remove_old_audit(&self, tenant: &TenantId) -> Result<Removal, TrailError> {
        let (days, more) = self.old_days(tenant).await?;
        let (Some(first), Some(last)) = (days.first(), days.last()) else { return Ok(Removal::default()) };
        let key = self.keys.audit_key().await?;
        let span = (ChainId::first_of(*first), ChainId::last_of(*last));
        let heads = self.store.audit_heads(key, tenant, span).await?;
        if let Some(day) = days.iter().find(|day| heads.keys().all(|chain| chain.day != **day)) {
            return Err(Flaw::of(ChainId::first_of(*day), Reason::HeadMismatch, None).into());
        }
        let open: BTreeMap<_, _> = heads.into_iter().filter(|(_, head)| head.removed_by.is_none()).collect();
        if !open.is_empty() {
            let ends: Vec<ChainEnd> = open.clone().into_iter().map(ChainEnd::from).collect();
            let place = self.checkpoint_with(tenant, &ends).await?.map(|made| made.place());
            for (chain, head) in open {
                let removed = Head { removed_by: place, ..head };
                self.store.close_chain(key, (tenant, chain), (head, removed)).await?;
            }
        }
        for day in &days {
            self.store.remove_records(tenant, *day).await?;
        }
        Ok(Removal { days: days.len(), left: more })
    }

    /// The first days whose time is over and of which there are records, and whether there are more.
    async fn old_days(&self, tenant: &TenantId) -> Result<(Vec<Date>, bool), Fault> {
        let (last, mut days, mut from) = (self.last_old_day(), Vec::new(), Timestamp::UNIX_EPOCH);
        while let Some(at) = self.store.first_audited(tenant, from).await? {
            let ChainId { day, .. } = ChainId::at(at);
            if day > last {
                break;
            }
            if days.len() == MOST_REMOVED {
                return Ok((days, true));
            }
            from = ChainId::last_of(day).ends();
            days.push(day);
        }
        Ok((days, false))
    }

    async fn checkpoint_with(
        &self,
        tenant: &TenantId,
        removed: &[ChainEnd],
    ) -> Result<Option<StoredCheckpoint>, TrailError> {
        let key = self.keys.audit_key().await?;
        for _ in 0..ROUNDS {
            let last = self.store.newest_checkpoint(key, tenant).await?;
            let heads = self.grown(tenant, last.as_ref()).await?;
            if heads.is_empty() && removed.is_empty() {
                return Ok(last);
            }
            let next = self.sign_checkpoint(tenant, last.as_ref(), (heads, removed.to_vec())).await?;
            if self.store.add_checkpoint(tenant, last.as_ref(), &next).await? {
                return Ok(Some(next));
            }
        }
        if removed.is_empty() {
            // Those others seal the trail as well as one of ours.
            return self.store.newest_checkpoint(key, tenant).await;
        }
        Err(Fault::temporary("making a checkpoint", "others are made at the same time").into())
    }

    /// The chains that grew since the checkpoint `last`.
    async fn grown(
        &self,
        tenant: &TenantId,
        last: Option<&StoredCheckpoint>,
    ) -> Result<Vec<ChainEnd>, TrailError> {
        let since = last.map(|last| last.at);
        let first = since.map_or(Timestamp::UNIX_EPOCH, |since| since - LATEST);
        let span = (ChainId::at(first), ChainId::at(self.now()));
        let heads = self.store.audit_heads(self.keys.audit_key().await?, tenant, span).await?;
        if since.is_some_and(|since| heads.values().all(|head| head.at <= since)) {
            return Ok(Vec::new());
        }
        let is_new =
            |head: &Head| head.removed_by.is_none() && since.is_none_or(|since| head.at + SKEW > since);
        Ok(heads.into_iter().filter(|(_, head)| is_new(head)).map(ChainEnd::from).collect())
    }

    async fn sign_checkpoint(
        &self,
        tenant: &TenantId,
        last: Option<&StoredCheckpoint>,
        (heads, removed): (Vec<ChainEnd>, Vec<ChainEnd>),
    ) -> Result<StoredCheckpoint, Fault> {
        let n = last.map_or(0, |last| last.n) + 1;
        // Later than the one before, whatever this machine's clock says: they are read in order of time.
        let earliest = last.map(|last| last.at + SignedDuration::from_millis(1));
        let at = earliest.map_or(self.now(), |earliest| self.now().max(earliest));
        let previous = last.map(StoredCheckpoint::hash);
        let payload = Checkpoint { tenant: tenant.clone(), n, previous, at, heads, removed };
        let jws = self.keys.sign_statement(Statement::Checkpoint, &payload).await?;
        let mac = self.keys.audit_key().await?.mac(Sealed::Checkpoint, &[jws.as_bytes()]);
        Ok(StoredCheckpoint { n, at, jws, mac })
    }
}
