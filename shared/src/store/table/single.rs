//! A single write, outside of a transaction, which would cost twice as much.
//!
//! The SDK retries a call whose answer was lost. A transaction recognises the retry; a single write meets what it wrote
//! itself, and its condition may then fail although it held. A caller that must tell its own write from another's writes
//! a value nobody else could have written, and looks for that value in the old item.

use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{ReturnConsumedCapacity, ReturnValue};
use serde::de::DeserializeOwned;

use super::{CONFLICT_RETRIES, Outcome, Refused, Table, back_off, parse, units};
use crate::aws;
use crate::fault::Fault;
use crate::store::cost;
use crate::store::write::{Action, Item, Write};

/// What became of a call.
enum Sent {
    /// It was carried out, or its condition did not hold.
    Ended(Outcome<Option<Item>>),
    /// A transaction had the item.
    Met,
}

impl Table {
    /// Changes one item and returns it as it then is.
    pub(crate) async fn update<T: DeserializeOwned>(&self, write: Write) -> Result<Outcome<T>, Fault> {
        Ok(match self.single(write, ReturnValue::AllNew).await? {
            Outcome::Written(item) => Outcome::Written(parse(item.unwrap_or_default())?),
            Outcome::Refused(refused) => Outcome::Refused(refused),
        })
    }

    /// Carries out one write.
    pub(super) async fn write(&self, write: Write) -> Result<Outcome<()>, Fault> {
        Ok(match self.single(write, ReturnValue::None).await? {
            Outcome::Written(_) => Outcome::Written(()),
            Outcome::Refused(refused) => Outcome::Refused(refused),
        })
    }

    async fn single(&self, write: Write, returned: ReturnValue) -> Result<Outcome<Option<Item>>, Fault> {
        for attempt in 0..=CONFLICT_RETRIES {
            // Each kind of call takes kilobytes of a future.
            match Box::pin(self.send(write.clone(), returned.clone())).await? {
                Sent::Ended(outcome) => return Ok(outcome),
                Sent::Met => back_off(attempt).await,
            }
        }
        Err(Fault::temporary("writing an item", "it met a transaction at each attempt"))
    }

    async fn send(&self, write: Write, returned: ReturnValue) -> Result<Sent, Fault> {
        let parts = write.into_parts();
        macro_rules! sent {
            ($call:expr, $error:ident) => {{
                let call = $call
                    .table_name(&*self.name)
                    .set_condition_expression(parts.condition)
                    .set_expression_attribute_names(parts.names)
                    .set_expression_attribute_values(parts.values)
                    .return_values(returned)
                    .return_values_on_condition_check_failure(parts.old)
                    .return_consumed_capacity(ReturnConsumedCapacity::Total);
                let error = match cost::timed(call.send()).await {
                    Ok(output) => {
                        cost::written(units(output.consumed_capacity.as_slice()));
                        return Ok(Sent::Ended(Outcome::Written(output.attributes)));
                    }
                    Err(error) => error,
                };
                match error.as_service_error() {
                    Some($error::ConditionalCheckFailedException(failed)) => {
                        let refused = Refused { index: 0, old: failed.item.clone() };
                        Ok(Sent::Ended(Outcome::Refused(vec![refused])))
                    }
                    Some($error::TransactionConflictException(_)) => Ok(Sent::Met),
                    _ => Err(aws::fault("writing an item", error)),
                }
            }};
        }
        match parts.action {
            Action::Put(item) => sent!(self.client.put_item().set_item(Some(item)), PutItemError),
            Action::Update { .. } => {
                let call = self.client.update_item().set_key(Some(parts.key));
                sent!(call.update_expression(parts.expression), UpdateItemError)
            }
            Action::Delete => sent!(self.client.delete_item().set_key(Some(parts.key)), DeleteItemError),
            Action::Check => Err(Fault::broken("writing an item", "a check writes nothing")),
        }
    }
}
