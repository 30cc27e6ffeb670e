//! Checkpoints: signed statements of how far the chains of the audit trail went, each naming the one before it.
//!
//! A chain shows what was changed within it; that its end was cut off, or all of it, only somebody can tell who
//! knows how far it went. Whoever keeps checkpoints elsewhere does, and needs nothing but our public keys.

use std::collections::BTreeMap;

use jiff::{SignedDuration, ToSpan as _};
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::chain::{AuditKey, ChainDay, CheckpointPlace, Flaw, Hash, Head, LATEST, Reason};
use crate::clock::Timestamp;
use crate::fault::Fault;
use crate::id::TenantId;
use crate::keys::Statement;
use crate::store::{CheckpointHead, StoredCheckpoint};
use crate::token::from_base64url;

/// How many days are removed together, and so named by one checkpoint.
const MOST_REMOVED: usize = 31;
/// How many records are deleted in one run: a minute's work.
const MOST_DELETED: usize = 50_000;
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
        Checkpoint::read(&self.jws).filter(is_there).filter(|_| key.is_mac(self.hash(), self.mac))
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

/// What retention did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Removal {
    /// Days that are gone.
    pub days: usize,
    /// Whether there are more whose time is over.
    pub left: bool,
}

/// The chains of all days from `first` to `last`.
fn chains(first: &ChainDay, last: &ChainDay) -> Vec<ChainDay> {
    let days = first.day.series(1.day()).take_while(|day| *day <= last.day);
    days.map(|day| ChainDay { day, ..first.clone() }).collect()
}

impl App {
    /// The tenant's newest checkpoint, made now where a chain grew since the last; none where nothing ever happened.
    ///
    /// Nothing is signed on the word of a head that was changed: then that is told instead.
    ///
    /// # Errors
    /// When the table or the keys fail.
    pub async fn checkpoint(&self, tenant: &TenantId) -> Result<Result<Option<String>, Flaw>, Fault> {
        let newest = self.checkpoint_with(tenant, &[]).await?;
        Ok(newest.map(|newest| newest.map(|newest| newest.jws)))
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

    /// The days that are older than `AUDIT_RETENTION_DAYS` are gone from the audit trail, the earliest first and each as a
    /// whole: a checkpoint says so, the head of the day names that checkpoint, and then its records go.
    ///
    /// # Errors
    /// When the table or the keys fail, or where a head was changed. What was begun goes on with the next run.
    pub async fn remove_old_audit(&self, tenant: &TenantId) -> Result<Removal, Fault> {
        let (days, more) = self.old_days(tenant).await?;
        if days.is_empty() {
            return Ok(Removal::default());
        }
        let key = self.keys.audit_key().await?;
        let heads = self.store.audit_heads(key, tenant, &days).await?.map_err(Fault::from)?;
        if let Some(headless) = days.iter().find(|chain| !heads.contains_key(chain)) {
            return Err(Flaw::of(headless.clone(), Reason::HeadMismatch, None).into());
        }
        let open: BTreeMap<_, _> = heads.into_iter().filter(|(_, head)| head.removed_by.is_none()).collect();
        if !open.is_empty() {
            let ends: Vec<ChainEnd> = open.clone().into_iter().map(ChainEnd::from).collect();
            let made = self.checkpoint_with(tenant, &ends).await?.map_err(Fault::from)?;
            let place = made.map(|made| made.place());
            for (chain, head) in open {
                let removed = Head { removed_by: place, ..head };
                self.store.close_chain(key, (tenant, &chain), (head, removed)).await?;
            }
        }
        let (mut removal, mut room) = (Removal { days: 0, left: more }, MOST_DELETED);
        for chain in &days {
            let deleted = self.store.remove_records(tenant, chain, room).await?;
            room -= deleted;
            if room == 0 {
                return Ok(Removal { left: true, ..removal });
            }
            removal.days += 1;
        }
        Ok(removal)
    }

    /// The first days whose time is over and of which there are records, and whether there are more.
    async fn old_days(&self, tenant: &TenantId) -> Result<(Vec<ChainDay>, bool), Fault> {
        let (last, mut days, mut from) = (self.last_old_day(), Vec::new(), Timestamp::UNIX_EPOCH);
        while let Some(at) = self.store.first_audited(tenant, from).await? {
            let chain = ChainDay::at(at);
            if chain.day > last.day {
                break;
            }
            if days.len() == MOST_REMOVED {
                return Ok((days, true));
            }
            from = chain.ends();
            days.push(chain);
        }
        Ok((days, false))
    }

    async fn checkpoint_with(
        &self,
        tenant: &TenantId,
        removed: &[ChainEnd],
    ) -> Result<Result<Option<StoredCheckpoint>, Flaw>, Fault> {
        for _ in 0..ROUNDS {
            let last = self.store.checkpoint_head(tenant).await?;
            let heads = match self.grown(tenant, last.as_ref()).await? {
                Ok(heads) => heads,
                Err(flaw) => return Ok(Err(flaw)),
            };
            if heads.is_empty() && removed.is_empty() {
                return Ok(Ok(last.map(|last| last.newest)));
            }
            let next = self.sign_checkpoint(tenant, last.as_ref(), (heads, removed.to_vec())).await?;
            if self.store.add_checkpoint(tenant, last.as_ref(), &next).await? {
                return Ok(Ok(Some(next.newest)));
            }
        }
        if removed.is_empty() {
            // Those others seal the trail as well as one of ours.
            return Ok(Ok(self.store.checkpoint_head(tenant).await?.map(|last| last.newest)));
        }
        Err(Fault::temporary("making a checkpoint", "others are made at the same time"))
    }

    /// The chains that grew since the checkpoint `last`; what is wrong, where a head was changed.
    async fn grown(
        &self,
        tenant: &TenantId,
        last: Option<&CheckpointHead>,
    ) -> Result<Result<Vec<ChainEnd>, Flaw>, Fault> {
        let since = last.map(|last| last.newest.at);
        let first = match since {
            Some(since) => since - LATEST,
            None => match self.store.first_audited(tenant, Timestamp::UNIX_EPOCH).await? {
                Some(first) => first,
                None => return Ok(Ok(Vec::new())),
            },
        };
        let days = chains(&ChainDay::at(first), &ChainDay::at(self.now()));
        let heads = match self.store.audit_heads(self.keys.audit_key().await?, tenant, &days).await? {
            Ok(heads) => heads,
            Err(flaw) => return Ok(Err(flaw)),
        };
        if since.is_some_and(|since| heads.values().all(|head| head.at <= since)) {
            return Ok(Ok(Vec::new()));
        }
        let is_new =
            |head: &Head| head.removed_by.is_none() && since.is_none_or(|since| head.at + SKEW > since);
        Ok(Ok(heads.into_iter().filter(|(_, head)| is_new(head)).map(ChainEnd::from).collect()))
    }

    async fn sign_checkpoint(
        &self,
        tenant: &TenantId,
        last: Option<&CheckpointHead>,
        (heads, removed): (Vec<ChainEnd>, Vec<ChainEnd>),
    ) -> Result<CheckpointHead, Fault> {
        let n = last.map_or(0, |last| last.newest.n) + 1;
        // Later than the one before, whatever this machine's clock says: they are read in order of time.
        let earliest = last.map(|last| last.newest.at + SignedDuration::from_millis(1));
        let at = earliest.map_or(self.now(), |earliest| self.now().max(earliest));
        let previous = last.map(|last| last.hash);
        let payload = Checkpoint { tenant: tenant.clone(), n, previous, at, heads, removed };
        let jws = self.keys.sign_statement(Statement::Checkpoint, &payload).await?;
        let hash = Hash::of(&[jws.as_bytes()]);
        let mac = self.keys.audit_key().await?.mac(hash);
        Ok(CheckpointHead { newest: StoredCheckpoint { n, at, jws, mac }, hash })
    }
}

impl From<Flaw> for Fault {
    /// What is wrong with the trail is for people to look at, where it keeps a function from its work.
    fn from(flaw: Flaw) -> Self {
        let Flaw { chain, reason, .. } = flaw;
        Fault::broken("trusting the audit trail", format!("{reason:?} in the chain of {}", chain.day))
    }
}
