//! The event source mappings: what the table's stream tells is brought to the functions that consume it, as Lambda
//! does it: in order, in batches, at least once, and never past a record that has neither been processed nor put
//! with the dead letters.

mod behaviour;
mod delivery;
mod letter;
mod mapping;
mod reader;
mod record;

pub(crate) use behaviour::{Behaviour, Order};
pub(crate) use delivery::Consumer;
pub(crate) use mapping::{EventSources, POLL, Progress, Source, Surroundings, Wake};

#[cfg(test)]
mod tests;
