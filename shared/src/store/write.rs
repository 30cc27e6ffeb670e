//! One write, by itself or of a transaction, put together with its condition.
//!
//! Attributes stand in expressions as `#name`, values as `:name`; the builder declares each name that it
//! finds, so that no attribute can clash with a reserved word. What is added to may have any name: it stands there as
//! a number, which no two share.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{
    AttributeValue, ConditionCheck, Delete, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
    Update,
};
use serde::Serialize;

use super::key::Key;
use crate::fault::Fault;

/// An item of the table.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// Version of the items that this release writes.
const SCHEMA_VERSION: u32 = 1;

/// A write that happens, with all others of its transaction, or not at all.
#[derive(Clone, Debug)]
pub(crate) struct Write {
    key: Key,
    action: Action,
    condition: Option<String>,
    /// Attributes that a number stands for.
    names: HashMap<String, String>,
    values: Item,
    /// Whether a condition that fails tells what stood there.
    tells: bool,
}

/// What a write does with the item at its key.
#[derive(Clone, Debug)]
pub(crate) enum Action {
    Put(Item),
    Update { set: Vec<String>, remove: Vec<String>, add: Vec<String> },
    Delete,
    Check,
}

/// The `#name`s of `expressions`, declared.
pub(crate) fn names_in(expressions: &str) -> HashMap<String, String> {
    let words = expressions.split('#').skip(1);
    let words = words
        .map(|rest| rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or_default());
    words.map(|name| (format!("#{name}"), name.to_owned())).collect()
}

/// `value` as an item's attribute.
pub(crate) fn attribute(value: impl Serialize) -> Result<AttributeValue, Fault> {
    serde_dynamo::to_attribute_value(value).map_err(|error| Fault::broken("writing an attribute", error))
}

impl Write {
    fn new(key: Key, action: Action) -> Self {
        Self { key, action, condition: None, names: HashMap::new(), values: Item::new(), tells: true }
    }

    /// Writes `value` as the whole item at `key`.
    pub(crate) fn put(key: Key, entity: &str, value: &impl Serialize) -> Result<Self, Fault> {
        let mut item: Item =
            serde_dynamo::to_item(value).map_err(|error| Fault::broken("writing an item", error))?;
        item.extend(key.attributes());
        item.insert("entity".to_owned(), AttributeValue::S(entity.to_owned()));
        item.insert("v".to_owned(), AttributeValue::N(SCHEMA_VERSION.to_string()));
        Ok(Self::new(key, Action::Put(item)))
    }

    /// Changes attributes of the item at `key`.
    pub(crate) fn update(key: Key) -> Self {
        Self::new(key, Action::Update { set: Vec::new(), remove: Vec::new(), add: Vec::new() })
    }

    /// Removes the item at `key`.
    pub(crate) fn delete(key: Key) -> Self {
        Self::new(key, Action::Delete)
    }

    /// Only asks that the condition holds at `key`.
    pub(crate) fn check(key: Key) -> Self {
        Self::new(key, Action::Check)
    }

    /// The item that is put; nothing of another write. The condition is the caller's to do without.
    pub(crate) fn into_item(self) -> Item {
        if let Action::Put(item) = self.action { item } else { Item::new() }
    }

    /// Puts one more attribute into the item that is put, if it has a value.
    pub(crate) fn with(mut self, name: &str, value: impl Serialize) -> Result<Self, Fault> {
        let value = attribute(value)?;
        if let Action::Put(item) = &mut self.action
            && !value.is_null()
        {
            item.insert(name.to_owned(), value);
        }
        Ok(self)
    }

    /// Sets `name` to `value`; to nothing means to remove it.
    pub(crate) fn set(mut self, name: &str, value: impl Serialize) -> Result<Self, Fault> {
        let value = attribute(value)?;
        if value.is_null() {
            return Ok(self.remove(name));
        }
        if let Action::Update { set, .. } = &mut self.action {
            set.push(format!("#{name} = :set_{name}"));
        }
        self.values.insert(format!(":set_{name}"), value);
        Ok(self)
    }

    /// Adds `number` to `name`, which counts as 0 where there is none.
    pub(crate) fn add(mut self, name: &str, number: i64) -> Self {
        let place = self.names.len();
        if let Action::Update { add, .. } = &mut self.action {
            add.push(format!("#{place} :{place}"));
        }
        self.values.insert(format!(":{place}"), AttributeValue::N(number.to_string()));
        self.names.insert(format!("#{place}"), name.to_owned());
        self
    }

    /// Removes the attribute `name`.
    pub(crate) fn remove(mut self, name: &str) -> Self {
        if let Action::Update { remove, .. } = &mut self.action {
            remove.push(format!("#{name}"));
        }
        self
    }

    /// Asks that `condition` holds (together with those asked before).
    pub(crate) fn only_if(mut self, condition: &str) -> Self {
        self.condition = Some(match self.condition {
            Some(before) => format!("{before} AND ({condition})"),
            None => format!("({condition})"),
        });
        self
    }

    /// Gives the value of `:name` in the condition.
    pub(crate) fn value(mut self, name: &str, value: impl Serialize) -> Result<Self, Fault> {
        self.values.insert(format!(":{name}"), attribute(value)?);
        Ok(self)
    }

    /// A condition that fails does not tell what stood there: it may be nothing for this function to read.
    pub(crate) fn unseen(mut self) -> Self {
        self.tells = false;
        self
    }

    /// Asks that there is no item at the key yet.
    pub(crate) fn unless_exists(self) -> Self {
        self.only_if("attribute_not_exists(#PK)")
    }

    /// Whether it writes nothing, and only asks that its condition holds.
    pub(crate) fn only_asks(&self) -> bool {
        matches!(self.action, Action::Check)
    }

    /// The update expression, if this is an update.
    fn update_expression(&self) -> String {
        let Action::Update { set, remove, add } = &self.action else { return String::new() };
        let clauses = [("SET", set), ("REMOVE", remove), ("ADD", add)];
        let clauses = clauses.iter().filter(|(_, parts)| !parts.is_empty());
        clauses.map(|(verb, parts)| format!("{verb} {}", parts.join(", "))).collect::<Vec<_>>().join(" ")
    }

    /// The `#name`s that the expressions use, declared.
    fn names(&self) -> Option<HashMap<String, String>> {
        let expressions =
            format!("{} {}", self.update_expression(), self.condition.as_deref().unwrap_or_default());
        let mut names = names_in(&expressions);
        names.extend(self.names.clone());
        (!names.is_empty()).then_some(names)
    }

    /// The write taken apart, for the call that carries it out.
    pub(crate) fn into_parts(self) -> Parts {
        Parts {
            key: self.key.attributes(),
            expression: self.update_expression(),
            names: self.names(),
            values: (!self.values.is_empty()).then_some(self.values),
            action: self.action,
            condition: self.condition,
            old: if self.tells {
                ReturnValuesOnConditionCheckFailure::AllOld
            } else {
                ReturnValuesOnConditionCheckFailure::None
            },
        }
    }

    /// The write as part of a transaction, for `table`.
    pub(crate) fn into_transact_item(self, table: &str) -> Result<TransactWriteItem, Fault> {
        let (item, parts) = (TransactWriteItem::builder(), self.into_parts());
        macro_rules! conditional {
            ($builder:expr) => {
                $builder
                    .table_name(table)
                    .set_condition_expression(parts.condition)
                    .set_expression_attribute_names(parts.names)
                    .set_expression_attribute_values(parts.values)
                    .return_values_on_condition_check_failure(parts.old)
            };
        }
        let built = match parts.action {
            Action::Put(attributes) => {
                conditional!(Put::builder()).set_item(Some(attributes)).build().map(|put| item.put(put))
            }
            Action::Update { .. } => conditional!(Update::builder())
                .set_key(Some(parts.key))
                .update_expression(parts.expression)
                .build()
                .map(|update| item.update(update)),
            Action::Delete => conditional!(Delete::builder())
                .set_key(Some(parts.key))
                .build()
                .map(|delete| item.delete(delete)),
            Action::Check => conditional!(ConditionCheck::builder())
                .set_key(Some(parts.key))
                .build()
                .map(|check| item.condition_check(check)),
        };
        built
            .map(aws_sdk_dynamodb::types::builders::TransactWriteItemBuilder::build)
            .map_err(|error| Fault::broken("putting a transaction together", error))
    }
}

/// The parts of a write.
pub(crate) struct Parts {
    pub(crate) action: Action,
    pub(crate) key: Item,
    /// The update expression, if it is an update.
    pub(crate) expression: String,
    pub(crate) condition: Option<String>,
    pub(crate) names: Option<HashMap<String, String>>,
    pub(crate) values: Option<Item>,
    /// Whether a condition that fails tells what stood there.
    pub(crate) old: ReturnValuesOnConditionCheckFailure,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::UserId;

    #[test]
    fn every_name_of_an_expression_is_declared() {
        let write = Write::update(Key::user(UserId::random()))
            .set("status", "active")
            .unwrap()
            .add("login_count", 1)
            .only_if("#version = :version")
            .only_if("attribute_exists(#PK)");
        assert_eq!(write.update_expression(), "SET #status = :set_status ADD #0 :0");
        assert_eq!(write.condition.as_deref(), Some("(#version = :version) AND (attribute_exists(#PK))"));
        let mut names: Vec<_> = write.names().unwrap().into_values().collect();
        names.sort();
        assert_eq!(names, ["PK", "login_count", "status", "version"]);
    }

    #[test]
    fn what_is_added_to_is_told_apart_whatever_its_name() {
        let counters = ["role:user:active", "role:user_active", "role_user_active"];
        let counting = counters
            .iter()
            .fold(Write::update(Key::user(UserId::random())), |write, counter| write.add(counter, 1));
        assert_eq!(counting.update_expression(), "ADD #0 :0, #1 :1, #2 :2");
        let mut names: Vec<_> = counting.names().unwrap().into_values().collect();
        names.sort();
        assert_eq!(names, counters);
    }
}
