//! The chain that shows whether the audit trail was changed: what a record's hash is, and what is wrong with a chain
//! whose records do not fit together.
//!
//! The records of a tenant, a day and a shard are one chain, in the order in which they were written: each hash
//! covers the record and the hash before it, and the newest is kept apart as the head. Whoever can write to the table
//! can compute hashes; the MACs on records and heads they cannot. So each record shows by itself that this system wrote
//! it, and is read by nobody otherwise; that none is missing shows in the chain. `docs/audit.md` has every byte.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest::{self, SHA256};
use aws_lc_rs::hmac;
use jiff::SignedDuration;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::fault::Fault;
use crate::id::{AuditId, EventId, InvalidId, TenantId};
use crate::store::AuditRecord;
use crate::token::{base64url, from_base64url};

/// The shards of a day: its hours.
const SHARDS: u32 = 24;
/// How late an event may come to its chain, from its beginning: dead letters wait for 14 days.
pub const LATEST: SignedDuration = SignedDuration::from_hours(24 * 16);
/// What the first hash of a chain covers in place of the one before it, with tenant, day and shard.
const START: &str = "usher audit chain 1";

/// A SHA-256 hash, or a MAC of that length; as text base64url without padding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(into = "String", try_from = "String")]
#[schema(value_type = String)]
pub struct Hash([u8; 32]);

impl Hash {
    /// The hash of `parts`, one behind the other.
    pub fn of(parts: &[&[u8]]) -> Self {
        let mut hash = digest::Context::new(&SHA256);
        for part in parts {
            hash.update(part);
        }
        Self::from_bytes(hash.finish().as_ref())
    }

    /// The first 32 of `bytes`, which has as many.
    fn from_bytes(bytes: &[u8]) -> Self {
        let mut hash = [0; 32];
        hash.copy_from_slice(&bytes[..32]);
        Self(hash)
    }
}

impl From<Hash> for String {
    fn from(hash: Hash) -> Self {
        base64url(&hash.0)
    }
}

impl TryFrom<String> for Hash {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        from_base64url(&text).and_then(|bytes| bytes.try_into().ok()).map(Self).ok_or(InvalidId)
    }
}

/// What a MAC is on. Each MAC covers its name first, so that it is good for nothing else.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Sealed {
    /// A record and its hash.
    Record,
    /// The head of a chain.
    Head,
    /// A checkpoint's JWS.
    Checkpoint,
}

impl Sealed {
    fn name(self) -> &'static str {
        match self {
            Self::Record => "usher audit record 1",
            Self::Head => "usher audit head 1",
            Self::Checkpoint => "usher audit checkpoint 1",
        }
    }
}

/// The key of the MACs; only this system has it.
#[derive(Clone, Debug)]
pub struct AuditKey(hmac::Key);

impl AuditKey {
    /// The key as HMAC-SHA-256 takes it.
    pub(crate) fn new(key: hmac::Key) -> Self {
        Self(key)
    }

    /// The MAC on `parts`, one behind the other.
    pub(crate) fn mac(&self, sealed: Sealed, parts: &[&[u8]]) -> Hash {
        Hash::from_bytes(hmac::sign(&self.0, &message(sealed, parts)).as_ref())
    }

    /// Whether `mac` is the one on `parts`.
    pub(crate) fn is_mac(&self, sealed: Sealed, parts: &[&[u8]], mac: Hash) -> bool {
        hmac::verify(&self.0, &message(sealed, parts), &mac.0).is_ok()
    }
}

fn message(sealed: Sealed, parts: &[&[u8]]) -> Vec<u8> {
    [&[sealed.name().as_bytes(), b"\n"], parts].concat().concat()
}

/// Which chain: that of an hour. An hour is small enough to be verified in one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub struct ChainId {
    /// The day (UTC), `2024-01-15`.
    #[schema(value_type = String, format = Date)]
    pub day: Date,
    /// The shard of the day: its hour, from 0.
    #[schema(minimum = 0, maximum = 23)]
    pub shard: u32,
}

impl ChainId {
    /// The chain of what happens at `at`.
    pub fn at(at: Timestamp) -> Self {
        let at = at.to_zoned(TimeZone::UTC);
        Self { day: at.date(), shard: u32::try_from(at.hour()).unwrap_or_default() }
    }

    /// The first chain of a day.
    pub fn first_of(day: Date) -> Self {
        Self { day, shard: 0 }
    }

    /// The last chain of a day.
    pub fn last_of(day: Date) -> Self {
        Self { day, shard: SHARDS - 1 }
    }

    /// The chains of this one's day, from this one to `last` or to the end of the day.
    pub fn to(self, last: Self) -> impl Iterator<Item = Self> + use<> {
        let end = if last.day == self.day { last.shard } else { SHARDS - 1 };
        (self.shard..=end).map(move |shard| Self { shard, ..self })
    }

    /// The chain of the next hour.
    #[must_use]
    pub fn next(self) -> Self {
        Self::at(self.ends())
    }

    /// The chain of the hour before.
    #[must_use]
    pub fn previous(self) -> Self {
        Self::at(self.begins() - SignedDuration::from_millis(1))
    }

    /// Its first instant.
    pub fn begins(self) -> Timestamp {
        // Of the days that are read from the clock or from RFC 3339, each begins.
        let midnight = self.day.to_zoned(TimeZone::UTC).map(|midnight| midnight.timestamp()).ok();
        let begins =
            midnight.and_then(|it| it.checked_add(SignedDuration::from_hours(self.shard.into())).ok());
        begins.unwrap_or(Timestamp::MAX)
    }

    /// The first instant of the next one.
    pub fn ends(self) -> Timestamp {
        self.begins().checked_add(SignedDuration::from_hours(1)).unwrap_or(Timestamp::MAX)
    }

    /// When nothing of it is told any more, as late as that may be: checkpoints until then name it.
    pub fn closes(self) -> Timestamp {
        self.begins().checked_add(LATEST).unwrap_or(Timestamp::MAX)
    }

    /// What stands for the hash before the first record.
    pub fn start(self, tenant: &TenantId) -> Hash {
        Hash::of(&[format!("{START}\n{}\n{}\n{}", tenant.as_str(), self.day, self.shard).as_bytes()])
    }
}

impl fmt::Display for ChainId {
    /// As it sorts: `2024-01-15T07`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}T{:02}", self.day, self.shard)
    }
}

impl FromStr for ChainId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let (day, shard) = text.split_once('T').ok_or(InvalidId)?;
        let id =
            Self { day: day.parse().map_err(|_| InvalidId)?, shard: shard.parse().map_err(|_| InvalidId)? };
        // There is one spelling.
        (id.shard < SHARDS && id.to_string() == text).then_some(id).ok_or(InvalidId)
    }
}

/// Which checkpoint, and where it stands among the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CheckpointPlace {
    /// When it was made.
    pub at: Timestamp,
    /// Its number, from 1.
    pub n: u64,
}

/// How far a chain goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The number of the newest record; the first has 1.
    pub seq: u64,
    /// Its hash.
    pub hash: Hash,
    /// When it was written.
    pub at: Timestamp,
    /// The checkpoint that says that the chain is removed, its time being over: its records are gone, or about to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removed_by: Option<CheckpointPlace>,
}

/// A head as the table keeps it. What it says is to be had by opening it alone, so that nothing is appended to, signed or
/// removed on the word of whoever can write to the table.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SealedHead {
    #[serde(flatten)]
    head: Head,
    /// On the head, and on whose it is.
    mac: Hash,
}

impl SealedHead {
    /// `head`, of a tenant's chain.
    pub fn seal(head: Head, key: &AuditKey, whose: (&TenantId, ChainId)) -> Self {
        Self { head, mac: key.mac(Sealed::Head, &[text_of(&head, whose).as_bytes()]) }
    }

    /// What it says; nothing, if this system did not say so of that chain.
    pub fn open(&self, key: &AuditKey, whose: (&TenantId, ChainId)) -> Option<Head> {
        key.is_mac(Sealed::Head, &[text_of(&self.head, whose).as_bytes()], self.mac).then_some(self.head)
    }

    /// What tells it from every other head.
    pub(crate) fn mac(&self) -> Hash {
        self.mac
    }
}

/// What the MAC on a head covers.
fn text_of(Head { seq, hash, at, removed_by }: &Head, (tenant, chain): (&TenantId, ChainId)) -> String {
    let removed_by = removed_by.map_or_else(String::new, |it| format!("{} {}", it.at, it.n));
    let (tenant, ChainId { day, shard }, hash) = (tenant.as_str(), chain, String::from(*hash));
    format!("{tenant}\n{day}\n{shard}\n{seq}\n{hash}\n{at}\n{removed_by}")
}

/// A record and its link in the chain.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ChainedRecord {
    /// The record.
    #[serde(flatten)]
    pub record: AuditRecord,
    /// Its number in the chain, from 1.
    pub seq: u64,
    /// Of the hash before and the record.
    pub hash: Hash,
    /// On the hash and the record.
    pub mac: Hash,
}

impl ChainedRecord {
    /// `record` behind a record with the number and the hash `last`. Its hash is the SHA-256 of the 32 bytes of that one and
    /// the record's canonical JSON (RFC 8785).
    ///
    /// # Errors
    /// Never, for the records that there are.
    pub(crate) fn seal(record: AuditRecord, last: (u64, Hash), key: &AuditKey) -> Result<Self, Fault> {
        let (text, (seq, previous)) = (canonical(&record)?, last);
        let hash = Hash::of(&[&previous.0, text.as_bytes()]);
        let mac = key.mac(Sealed::Record, &[&hash.0, text.as_bytes()]);
        Ok(Self { record, seq: seq + 1, hash, mac })
    }

    /// Whether this system wrote the record, with that hash.
    fn is_genuine(&self, key: &AuditKey) -> bool {
        let is_mac = |text: String| key.is_mac(Sealed::Record, &[&self.hash.0, text.as_bytes()], self.mac);
        canonical(&self.record).is_ok_and(is_mac)
    }

    /// Whether the hash is that of the record behind `previous`.
    fn fits(&self, previous: Hash) -> bool {
        canonical(&self.record).is_ok_and(|text| Hash::of(&[&previous.0, text.as_bytes()]) == self.hash)
    }
}

fn canonical(record: &AuditRecord) -> Result<String, Fault> {
    let value = serde_json::to_value(record).map_err(|error| Fault::broken("writing a record", error))?;
    let mut text = String::new();
    write_canonical(&value, &mut text);
    Ok(text)
}

/// Writes `value` as RFC 8785 asks: names sorted, no space, strings escaped where they must be. The names are
/// ASCII and the numbers whole, of which there is one spelling.
fn write_canonical(value: &Value, text: &mut String) {
    match value {
        Value::Object(fields) => {
            let sorted: BTreeMap<_, _> = fields.iter().collect();
            text.push('{');
            for (index, (name, value)) in sorted.into_iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                text.push_str(&Value::from(name.as_str()).to_string());
                text.push(':');
                write_canonical(value, text);
            }
            text.push('}');
        }
        Value::Array(values) => {
            text.push('[');
            for (index, value) in values.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                write_canonical(value, text);
            }
            text.push(']');
        }
        simple => text.push_str(&simple.to_string()),
    }
}

/// A record as it was found in the table.
#[derive(Clone, Debug)]
pub struct Kept {
    /// What its place says of which event it is.
    pub id: Option<EventId>,
    /// The record, if it can be understood.
    pub chained: Option<ChainedRecord>,
    /// Whether it stands where it belongs.
    pub is_in_place: bool,
    /// Whether it stands in the indexes where it belongs.
    pub is_listed: bool,
}

impl Kept {
    /// The record, if this system wrote it, and there.
    pub fn proven(self, key: &AuditKey) -> Option<AuditRecord> {
        let is_there = self.is_in_place && self.is_listed;
        let genuine = self.chained.filter(|chained| is_there && chained.is_genuine(key));
        genuine.map(|chained| chained.record)
    }
}

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The record is not as it was written.
    Edited,
    /// A record is not there; `audit_id` is the one behind it.
    Missing,
    /// The record was not written by this system, or stands there twice.
    Inserted,
    /// The record is as it was written, and not where.
    Reordered,
    /// The head is not as it was written, or does not name the newest record.
    HeadMismatch,
    /// The chain is not as a checkpoint says, or a checkpoint is not as it was made, or not there.
    CheckpointMismatch,
}

/// The first thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Flaw {
    /// The record, where one can be named.
    pub audit_id: Option<AuditId>,
    /// What is wrong.
    pub reason: Reason,
    /// In which chain.
    #[serde(flatten)]
    pub chain: ChainId,
    /// The number in it.
    pub seq: Option<u64>,
}

impl Flaw {
    /// What is wrong with a chain as a whole, or up to the record `seq`.
    pub fn of(chain: ChainId, reason: Reason, seq: Option<u64>) -> Self {
        Self { audit_id: None, reason, chain, seq }
    }
}

/// Why nothing can be said of the audit trail.
#[derive(Debug)]
pub enum TrailError {
    /// Somebody changed it.
    Changed(Flaw),
    /// The table or the keys fail.
    Failed(Fault),
}

impl From<Flaw> for TrailError {
    fn from(flaw: Flaw) -> Self {
        Self::Changed(flaw)
    }
}

impl From<Fault> for TrailError {
    fn from(fault: Fault) -> Self {
        Self::Failed(fault)
    }
}

impl From<TrailError> for Fault {
    /// What is wrong with the trail is for people to look at, where it keeps a function from its work.
    fn from(error: TrailError) -> Self {
        match error {
            TrailError::Failed(fault) => fault,
            TrailError::Changed(Flaw { chain, reason, .. }) => {
                Self::broken("trusting the audit trail", format!("{reason:?} in the chain {chain}"))
            }
        }
    }
}

/// A chain to be examined. Its head is read before and after its records: what was written meanwhile may be missing.
#[derive(Debug)]
pub struct Examination<'a> {
    /// Whose.
    pub tenant: &'a TenantId,
    /// Which.
    pub chain: ChainId,
    /// The key of the MACs.
    pub key: &'a AuditKey,
    /// The head before the records were read.
    pub before: Option<Head>,
    /// The head after that.
    pub after: Option<Head>,
}

impl Examination<'_> {
    fn flaw(&self, reason: Reason, seq: Option<u64>, kept: Option<&Kept>) -> Flaw {
        let audit_id = kept.and_then(|kept| kept.id).map(|id| id.uuid().into());
        Flaw { audit_id, reason, chain: self.chain, seq }
    }

    /// The hashes of the chain's records, in their order, if nothing is wrong with them.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn examine(&self, kept: &[Kept]) -> Result<Vec<Hash>, Flaw> {
        let start = self.chain.start(self.tenant);
        let mut links = Vec::with_capacity(kept.len());
        for kept in kept {
            match &kept.chained {
                Some(chained) => links.push((chained, kept)),
                None => return Err(self.flaw(Reason::Edited, None, Some(kept))),
            }
        }
        let known: Vec<Hash> = links.iter().map(|(chained, _)| chained.hash).chain([start]).collect();
        links.sort_by_key(|(chained, kept)| (chained.seq, !kept.is_in_place));
        let (written, newest) = (seq(self.before), seq(self.after));
        let mut hashes = vec![start];
        for same in links.chunk_by(|(one, _), (other, _)| one.seq == other.seq) {
            let (expected, previous) = (hashes.len() as u64, hashes[hashes.len() - 1]);
            let (chained, kept) = same[0];
            let flaw = |reason| self.flaw(reason, Some(chained.seq), Some(kept));
            if same.len() > 1 || chained.seq < expected {
                let intruder = same.iter().find(|(chained, _)| !chained.fits(previous));
                let (chained, kept) = intruder.unwrap_or(&same[same.len() - 1]);
                return Err(self.flaw(Reason::Inserted, Some(chained.seq), Some(kept)));
            }
            if chained.seq > newest {
                let is_genuine = chained.is_genuine(self.key) && follows_any(chained, &known);
                return Err(flaw(if is_genuine { Reason::HeadMismatch } else { Reason::Inserted }));
            }
            if chained.seq > written {
                break;
            }
            if chained.seq > expected {
                return Err(self.flaw(Reason::Missing, Some(expected), Some(kept)));
            }
            if let Some(reason) = self.misfit(chained, kept, (previous, &known)) {
                return Err(flaw(reason));
            }
            hashes.push(chained.hash);
        }
        if (hashes.len() as u64) <= written {
            return Err(self.flaw(Reason::Missing, Some(hashes.len() as u64), None));
        }
        if self.before.is_some_and(|head| hashes.last() != Some(&head.hash)) {
            return Err(self.flaw(Reason::HeadMismatch, Some(written), None));
        }
        hashes.remove(0);
        Ok(hashes)
    }

    /// Why a record cannot stand behind `previous`.
    fn misfit(
        &self,
        chained: &ChainedRecord,
        kept: &Kept,
        (previous, known): (Hash, &[Hash]),
    ) -> Option<Reason> {
        let fits = chained.fits(previous);
        if !chained.is_genuine(self.key) || !kept.is_listed || (!fits && !follows_any(chained, known)) {
            return Some(Reason::Edited);
        }
        (!fits || !kept.is_in_place).then_some(Reason::Reordered)
    }
}

fn seq(head: Option<Head>) -> u64 {
    head.map_or(0, |head| head.seq)
}

/// Whether the record is the one of its hash, behind one of `known`.
fn follows_any(chained: &ChainedRecord, known: &[Hash]) -> bool {
    known.iter().any(|previous| chained.fits(*previous))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn canonical_json_sorts_names_and_has_no_space() {
        let mut text = String::new();
        write_canonical(&json!({ "b": [1, true, null], "a": { "d": "\u{7}\"\u{e9}", "c": {} } }), &mut text);
        assert_eq!(text, r#"{"a":{"c":{},"d":"\u0007\"é"},"b":[1,true,null]}"#);
    }

    #[test]
    fn a_head_opens_as_it_was_sealed_and_nowhere_else() {
        let key = AuditKey::new(hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]));
        let (tenant, chain) = (TenantId::default_tenant(), ChainId::at(Timestamp::UNIX_EPOCH));
        let head = Head { seq: 1, hash: Hash::of(&[b"a"]), at: Timestamp::UNIX_EPOCH, removed_by: None };
        let sealed = SealedHead::seal(head, &key, (&tenant, chain));
        assert_eq!(sealed.open(&key, (&tenant, chain)), Some(head));
        let (place, later) = (CheckpointPlace { at: head.at, n: 1 }, Timestamp::from_second(86_400).unwrap());
        let changed = [
            Head { seq: 2, ..head },
            Head { hash: Hash::of(&[b"b"]), ..head },
            Head { at: later, ..head },
            Head { removed_by: Some(place), ..head },
        ];
        for head in changed {
            assert_eq!(SealedHead { head, ..sealed.clone() }.open(&key, (&tenant, chain)), None, "{head:?}");
        }
        assert_eq!(sealed.open(&key, (&tenant, ChainId::at(later))), None);
        let other = TenantId::try_from("other".to_owned()).unwrap();
        assert_eq!(sealed.open(&key, (&other, chain)), None);
    }

    #[test]
    fn chains_begin_differently() {
        let (tenant, other) = (TenantId::default_tenant(), TenantId::try_from("other".to_owned()).unwrap());
        let chain = ChainId::at(Timestamp::UNIX_EPOCH);
        let tomorrow = ChainId::at(Timestamp::from_second(86_400).unwrap());
        let starts =
            [chain.start(&tenant), chain.start(&other), chain.next().start(&tenant), tomorrow.start(&tenant)];
        assert_eq!(starts.iter().collect::<std::collections::BTreeSet<_>>().len(), 4, "{starts:?}");
    }

    #[test]
    fn a_chain_has_one_name() {
        let chain = ChainId::at("2024-01-15T07:59:59.999Z".parse().unwrap());
        assert_eq!((chain.to_string().as_str(), chain.ends()), ("2024-01-15T07", chain.next().begins()));
        assert_eq!("2024-01-15T07".parse(), Ok(chain));
        for text in ["2024-01-15T7", "2024-01-15T24", "2024-01-15", "2024-1-15T07", "2024-01-15T07:00"] {
            assert_eq!(text.parse::<ChainId>(), Err(InvalidId), "{text}");
        }
    }
}
