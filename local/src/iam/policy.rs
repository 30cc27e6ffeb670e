//! A policy as IAM reads it, as far as the template uses the language: whether its statements allow a demand.
//!
//! One statement has to allow the whole demand: its action, its resource and, of a condition on a key of many values
//! (`ForAllValues`), every value; no value at all satisfies that too (IAM User Guide, "Set operators for multivalued
//! context keys"). `*` stands for any text, also for none. What is not known here is an error, not a permission; a
//! condition on what was not worked out of a call does not hold.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::call::{ContextKey, Demand};

/// What a role may do: all that its statements say.
#[derive(Debug, Default)]
pub(super) struct Policy(Vec<Statement>);

impl Policy {
    /// The policy of several documents, in IAM's JSON.
    ///
    /// # Errors
    /// When there is something in it that is not known here.
    pub(super) fn of(documents: impl IntoIterator<Item = Value>) -> Result<Self, serde_json::Error> {
        let documents = documents.into_iter().map(serde_json::from_value::<Document>);
        let statements = documents.map(|document| document.map(|it| it.statement));
        Ok(Self(statements.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect()))
    }

    /// Whether one of the statements allows `demand`.
    pub(super) fn allows(&self, demand: &Demand) -> bool {
        self.0.iter().any(|statement| statement.allows(demand))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Document {
    #[serde(rename = "Version")]
    _version: Version,
    statement: Vec<Statement>,
}

#[derive(Deserialize)]
enum Version {
    #[serde(rename = "2012-10-17")]
    Current,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Statement {
    #[serde(rename = "Effect")]
    _effect: Effect,
    action: Patterns,
    resource: Patterns,
    #[serde(default)]
    condition: Condition,
}

#[derive(Debug, Deserialize)]
enum Effect {
    Allow,
}

/// What must hold besides, all of it: by the operator, what the values of keys are held against.
#[derive(Debug, Default, Deserialize)]
struct Condition(BTreeMap<Operator, BTreeMap<ContextKey, Patterns>>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
enum Operator {
    #[serde(rename = "ForAllValues:StringEquals")]
    AllEqual,
    #[serde(rename = "ForAllValues:StringLike")]
    AllLike,
    #[serde(rename = "StringEquals")]
    Equals,
}

impl Statement {
    fn allows(&self, demand: &Demand) -> bool {
        self.action.match_any(&demand.action)
            && self.resource.match_any(&demand.resource)
            && self.condition.holds(demand)
    }
}

impl Condition {
    fn holds(&self, demand: &Demand) -> bool {
        self.0.iter().all(|(operator, keys)| {
            keys.iter().all(|(key, patterns)| {
                demand.context.get(key).is_some_and(|values| operator.holds(values, patterns))
            })
        })
    }
}

impl Operator {
    fn holds(self, values: &[String], patterns: &Patterns) -> bool {
        match self {
            Self::AllEqual => values.iter().all(|value| patterns.0.contains(value)),
            Self::AllLike => values.iter().all(|value| patterns.match_any(value)),
            Self::Equals => matches!(values, [value] if patterns.0.contains(value)),
        }
    }
}

/// One pattern or a list of them: each a text in which `*` stands for any.
#[derive(Debug, Deserialize)]
#[serde(try_from = "OneOrMany")]
struct Patterns(Vec<String>);

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl TryFrom<OneOrMany> for Patterns {
    type Error = String;

    fn try_from(patterns: OneOrMany) -> Result<Self, Self::Error> {
        let patterns = match patterns {
            OneOrMany::One(pattern) => vec![pattern],
            OneOrMany::Many(patterns) => patterns,
        };
        match patterns.iter().find(|pattern| pattern.contains(['?', '$'])) {
            Some(pattern) => Err(format!("`{pattern}` has more than `*` in it")),
            None => Ok(Self(patterns)),
        }
    }
}

impl Patterns {
    fn match_any(&self, text: &str) -> bool {
        self.0.iter().any(|pattern| is_like(text, pattern))
    }
}

/// Whether `text` is `pattern`, in which `*` stands for any text.
fn is_like(text: &str, pattern: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return text == pattern };
    let Some(mut text) = text.strip_prefix(start) else { return false };
    let Some((middle, end)) = rest.rsplit_once('*') else { return text.ends_with(rest) };
    // What stands first between two stars leaves most for what comes after.
    for part in middle.split('*') {
        let Some((_, behind)) = text.split_once(part) else { return false };
        text = behind;
    }
    text.ends_with(end)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn policy(statements: &Value) -> Result<Policy, serde_json::Error> {
        Policy::of([json!({ "Version": "2012-10-17", "Statement": statements })])
    }

    /// Reads of accounts, and reads of keys, each by its own statement.
    fn reads() -> Policy {
        let may_read = |keys: &str| {
            json!({
                "Effect": "Allow", "Action": ["dynamodb:BatchGetItem", "dynamodb:Scan"], "Resource": "table",
                "Condition": { "ForAllValues:StringLike": { "dynamodb:LeadingKeys": [keys] } },
            })
        };
        policy(&json!([may_read("USER#*"), may_read("KEY#*")])).unwrap()
    }

    fn demand(action: &str, keys: &[&str]) -> Demand {
        let demand = Demand::on("table".to_owned(), format!("dynamodb:{action}"));
        demand.with(ContextKey::LeadingKeys, keys.iter().map(|key| (*key).to_owned()))
    }

    #[test]
    fn what_no_statement_allows_is_denied() {
        let policy = reads();
        assert!(policy.allows(&demand("BatchGetItem", &["USER#1"])));
        assert!(!policy.allows(&demand("BatchGetItem", &["CRED#ada"])), "another partition");
        assert!(!policy.allows(&demand("PutItem", &["USER#1"])), "another action");
        let elsewhere = Demand { resource: "other".to_owned(), ..demand("BatchGetItem", &["USER#1"]) };
        assert!(!policy.allows(&elsewhere), "another resource");
        assert!(!Policy::default().allows(&demand("BatchGetItem", &["USER#1"])), "no statement");
    }

    #[test]
    fn one_statement_has_to_allow_all_keys_of_a_demand() {
        assert!(reads().allows(&demand("BatchGetItem", &["USER#1", "USER#2"])));
        assert!(!reads().allows(&demand("BatchGetItem", &["USER#1", "KEY#RING"])));
    }

    #[test]
    fn a_condition_on_all_keys_holds_where_a_call_has_none_but_not_where_they_are_not_known() {
        assert!(reads().allows(&demand("Scan", &[])));
        assert!(!reads().allows(&Demand::on("table".to_owned(), "dynamodb:Scan")));
    }

    #[test]
    fn mail_goes_out_under_the_allowed_sender_only() {
        let sends = policy(&json!([{
            "Effect": "Allow", "Action": "ses:SendEmail", "Resource": "*",
            "Condition": { "StringEquals": { "ses:FromAddress": "no-reply@example.com" } },
        }]));
        let sends = sends.unwrap();
        let from = |senders: &[&str]| {
            let demand = Demand::on("identity".to_owned(), "ses:SendEmail");
            demand.with(ContextKey::FromAddress, senders.iter().map(|sender| (*sender).to_owned()))
        };
        assert!(sends.allows(&from(&["no-reply@example.com"])));
        assert!(!sends.allows(&from(&["root@example.com"])));
        assert!(!sends.allows(&from(&[])));
    }

    #[test]
    fn a_star_is_a_star_where_values_must_be_equal() {
        let condition =
            json!({ "ForAllValues:StringEquals": { "dynamodb:LeadingKeys": ["SYSTEM", "USER#*"] } });
        let statement = json!({ "Effect": "Allow", "Action": "dynamodb:GetItem", "Resource": "*", "Condition": condition });
        let gets = policy(&json!([statement])).unwrap();
        assert!(gets.allows(&demand("GetItem", &["SYSTEM"])));
        assert!(!gets.allows(&demand("GetItem", &["USER#1"])));
    }

    #[test]
    fn a_star_stands_for_any_text() {
        for (text, pattern) in [
            ("USER#1", "USER#1"),
            ("USER#1", "USER#*"),
            ("USER#", "USER#*"),
            ("AUDIT#a#CHECKPOINTS", "AUDIT#*#CHECKPOINTS"),
            ("abcbc", "a*bc"),
            ("a-b-c-d", "a*b*d"),
            ("", "*"),
        ] {
            assert!(is_like(text, pattern), "{text} is like {pattern}");
        }
        for (text, pattern) in [
            ("USER#12", "USER#1"),
            ("user#1", "USER#*"),
            ("XUSER#1", "USER#*"),
            ("AUDIT#a#2024", "AUDIT#*#CHECKPOINTS"),
            ("ab", "ab*b"),
            ("a-d", "a*b*d"),
        ] {
            assert!(!is_like(text, pattern), "{text} is not like {pattern}");
        }
    }

    #[test]
    fn what_is_not_known_is_an_error_and_no_permission() {
        let statement = |field: &str, value: Value| {
            let mut statement = json!({ "Effect": "Allow", "Action": "dynamodb:GetItem", "Resource": "*" });
            statement[field] = value;
            policy(&json!([statement]))
        };
        assert!(statement("Effect", json!("Allow")).is_ok());
        for (field, value) in [
            ("Effect", json!("Deny")),
            ("NotAction", json!("dynamodb:PutItem")),
            ("Action", json!("dynamodb:Get?tem")),
            ("Resource", json!({ "Fn::GetAtt": "Table.Arn" })),
            ("Condition", json!({ "StringLike": { "dynamodb:LeadingKeys": "USER#*" } })),
            ("Condition", json!({ "StringEquals": { "aws:SourceIp": "127.0.0.1" } })),
        ] {
            assert!(statement(field, value.clone()).is_err(), "{field}: {value}");
        }
    }
}
