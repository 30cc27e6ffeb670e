//! The table. A method is one atomic operation, named for what holds afterwards; its comment says which
//! condition guards it. What may be expected is a return value; an error is a fault.
//!
//! Every change writes its event in the same transaction.

mod accounts;
mod address;
mod audit;
mod bulk;
mod chain;
pub mod cost;
mod counters;
mod erasure;
mod events;
mod history;
pub mod key;
mod key_ring;
mod keyed_requests;
mod overdue;
mod reconciliation;
mod replay;
mod roles;
mod search;
mod sessions;
mod sign_in;
mod table;
mod users;
mod webhooks;
mod write;

pub use accounts::{Addition, NewAccount, Unique};
pub use audit::{AuditFilter, AuditPage};
pub use bulk::{Advance, SealedBatch, SealedErrors};
pub use chain::{RECORDED_TOGETHER, StoredCheckpoint};
pub use counters::{Counters, EventCounters, Recount, UserCounters, count_events};
pub use erasure::{Receipt, Sessions};
pub use events::{AuditRecord, MailClaim};
pub use keyed_requests::{Claim, KeyedRequest};
pub use overdue::{OverduePage, VerificationPlace};
pub use roles::{MOST_ROLES, RoleAddition};
pub use search::Match;
pub use sessions::{Caller, Ending, Named, Rotation};
pub use sign_in::{LoginRecorded, Noted, TokenSpent};
pub use table::Segment;
pub use users::{Changed, Filter, Place, Registration, UserPage};
pub use webhooks::{DeliveryPage, DeliveryPlace, EndpointAddition, EndpointChange, Overdue, Recorded};

use aws_config::SdkConfig;

use key::Key;
use table::Table;

use crate::fault::Fault;

/// The table of the system. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    table: Table,
}

impl Store {
    /// The table called `name`, reached as `aws` says.
    pub fn new(aws: &SdkConfig, name: &str) -> Self {
        let config = aws_sdk_dynamodb::config::Builder::from(aws).interceptor(cost::CountCalls).build();
        Self { table: Table::new(aws_sdk_dynamodb::Client::from_conf(config), name) }
    }

    /// The table answers.
    pub async fn ping(&self) -> Result<(), Fault> {
        self.table.get::<serde::de::IgnoredAny>(&Key::first_administrator()).await.map(drop)
    }
}
