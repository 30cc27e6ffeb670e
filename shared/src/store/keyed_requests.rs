//! Requests that name an idempotency key: one at a time is carried out, and its answer kept for a day.
//!
//! An item stands for its request until `expires_at`: for as long as a request may run, then, with the answer,
//! for a day. No event tells of it: it is no change, but the memory of one.

use serde::{Deserialize, Serialize};

use super::Store;
use super::key::Key;
use super::table::{Outcome, parse};
use super::write::Write;
use crate::clock::Timestamp;
use crate::fault::Fault;
use crate::id::ClaimId;

/// How long a request that died keeps others from running: longer than any may run, by `template.yaml`.
const LEASE_SECONDS: i64 = 30;
/// How long an answer is kept, in seconds: a day.
const KEPT_SECONDS: i64 = 86_400;

/// A request that names an idempotency key, as the table knows it.
#[derive(Clone, Debug)]
pub struct KeyedRequest {
    /// Whose key it is: a user's UUID, or the address of a client who is not signed in.
    pub scope: String,
    /// The fingerprint of the key and what it is used for.
    pub key: String,
    /// The fingerprint of what was asked for.
    pub fingerprint: String,
}

/// What stands under an idempotency key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Nothing did: the request is ours to carry out, by this claim.
    Ours(ClaimId),
    /// The same request, which is still running, or died a moment ago.
    Running,
    /// Another request.
    Other,
    /// The same request: this is its answer, sealed.
    Answered(String),
}

#[derive(Serialize, Deserialize)]
struct Mark {
    fingerprint: String,
    claimed_by: ClaimId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    answer: Option<String>,
    expires_at: i64,
}

impl KeyedRequest {
    fn at(&self) -> Key {
        Key::keyed_request(&self.scope, &self.key)
    }

    /// Where its answer may be opened.
    pub fn place(&self) -> String {
        format!("answer {} {} {}", self.scope, self.key, self.fingerprint)
    }
}

impl Store {
    /// The request is claimed: of many with its key at once, one is carried out.
    ///
    /// Guarded by nothing standing under the key, or nothing that has not expired.
    pub async fn claim_request(&self, request: &KeyedRequest, now: Timestamp) -> Result<Claim, Fault> {
        let (now, claim) = (now.as_second(), ClaimId::random());
        let mark = Mark {
            fingerprint: request.fingerprint.clone(),
            claimed_by: claim,
            answer: None,
            expires_at: now + LEASE_SECONDS,
        };
        let write = Write::put(request.at(), "keyed_request", &mark)?
            .only_if("attribute_not_exists(#PK) OR #expires_at <= :now")
            .value("now", now)?;
        let Outcome::Refused(refused) = self.table.transact(vec![write]).await? else {
            return Ok(Claim::Ours(claim));
        };
        let old = refused.into_iter().find_map(|refused| refused.old);
        let mark: Option<Mark> = old.map(parse).transpose()?;
        Ok(match mark {
            // The answer to it was lost, and the SDK asked again.
            Some(mark) if mark.claimed_by == claim => Claim::Ours(claim),
            Some(mark) if mark.fingerprint != request.fingerprint => Claim::Other,
            Some(Mark { answer: Some(answer), .. }) => Claim::Answered(answer),
            _ => Claim::Running,
        })
    }

    /// The answer is kept, sealed, for a day.
    ///
    /// Guarded by the claim being ours still.
    pub async fn keep_answer(
        &self,
        request: &KeyedRequest,
        sealed: &str,
        (claim, now): (ClaimId, Timestamp),
    ) -> Result<(), Fault> {
        let write = Write::update(request.at())
            .set("answer", sealed)?
            .set("expires_at", now.as_second() + KEPT_SECONDS)?
            .only_if("#claimed_by = :claim")
            .value("claim", claim)?;
        self.table.transact(vec![write]).await.map(drop)
    }

    /// Nothing stands under the key: whoever comes next may carry the request out at once.
    ///
    /// Guarded by the claim being ours still.
    pub async fn release_request(&self, request: &KeyedRequest, claim: ClaimId) -> Result<(), Fault> {
        let write = Write::delete(request.at()).only_if("#claimed_by = :claim").value("claim", claim)?;
        self.table.transact(vec![write]).await.map(drop)
    }
}
