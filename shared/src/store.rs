//! The table. A method is one atomic operation, named for what holds afterwards; its comment says which
//! condition guards it. What may be expected is a return value; an error is a fault.
//!
//! Every change writes its event in the same transaction.

pub mod cost;
mod counters;
mod events;
pub mod key;
mod key_ring;
mod sessions;
mod sign_in;
mod table;
mod users;
mod write;

pub use counters::Counters;
pub use events::{AuditRecord, MailClaim};
pub use sessions::Rotation;
pub use sign_in::{LoginRecorded, Noted, TokenSpent};
pub use users::{Filter, Names, Place, Registration, UserPage};

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
