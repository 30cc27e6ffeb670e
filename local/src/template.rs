//! `template.yaml`, as far as it says which functions there are, what each may do and what invokes it.
//!
//! The template itself is read, as it is deployed. Where a role or a trigger uses CloudFormation's functions (`!Ref`,
//! `!GetAtt`, `!Sub`, `!Select`, `!Split`), they are carried out with what things are called here; any other is an
//! error.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use saphyr::{LoadableYamlNode as _, Scalar, Yaml};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use shared::config::Config;

use crate::arn;
use crate::aws::{ACCOUNT, REGION};

/// What this build is deployed by. Parsed once.
static TEMPLATE: LazyLock<Result<Template, TemplateError>> =
    LazyLock::new(|| Template::parse(include_str!("../../template.yaml")));

/// Why the template cannot be used.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct TemplateError(String);

impl TemplateError {
    /// It has no function of this name.
    pub(crate) fn no_function(name: &str) -> Self {
        Self(format!("there is no function `{name}`"))
    }

    /// There is something wrong with what it says of `function`.
    pub(crate) fn of(function: &str, problem: &dyn std::fmt::Display) -> Self {
        Self(format!("{function}: {problem}"))
    }
}

fn wrong<T>(problem: impl Into<String>) -> Result<T, TemplateError> {
    Err(TemplateError(problem.into()))
}

/// A template of CloudFormation with functions of AWS SAM.
#[derive(Debug)]
struct Template {
    resources: BTreeMap<String, Resource>,
    /// The resource that each function is.
    functions: BTreeMap<String, String>,
}

#[derive(Debug)]
struct Resource {
    /// E.g. `AWS::DynamoDB::Table`.
    kind: String,
    properties: Yaml<'static>,
}

impl Template {
    /// Reads a template. A function's name is that of the directory of its code.
    fn parse(text: &str) -> Result<Self, TemplateError> {
        let documents = Yaml::load_from_str(text).map_err(|error| TemplateError(error.to_string()))?;
        let described = documents.first().and_then(|it| it.as_mapping_get("Resources")?.as_mapping());
        let mut template = Self { resources: BTreeMap::new(), functions: BTreeMap::new() };
        for (id, resource) in described.into_iter().flatten() {
            let kind = resource.as_mapping_get("Type").and_then(Yaml::as_str);
            let (Some(id), Some(kind)) = (id.as_str(), kind) else { return wrong("a resource has no type") };
            let properties = resource.as_mapping_get("Properties").cloned().unwrap_or(Yaml::BadValue);
            if kind == "AWS::Serverless::Function" {
                let code = properties.as_mapping_get("CodeUri").and_then(Yaml::as_str);
                let name = code.and_then(|it| it.strip_prefix("functions/"));
                let Some(name) = name else { return wrong(format!("{id} has no code in `functions/`")) };
                template.functions.insert(name.to_owned(), id.to_owned());
            }
            template.resources.insert(id.to_owned(), Resource { kind: kind.to_owned(), properties });
        }
        Ok(template)
    }
}

/// A role's properties. Others, such as managed policies, may allow more.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Role {
    #[serde(rename = "AssumeRolePolicyDocument")]
    _assume_role_policy_document: IgnoredAny,
    policies: Vec<InlinePolicy>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct InlinePolicy {
    policy_document: Value,
}

/// A queue that invokes a function, as an event of type `SQS` names it.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct QueueSource {
    /// Its ARN.
    pub(crate) queue: String,
    /// How many messages a batch has at most.
    pub(crate) batch_size: usize,
    /// How many batches are in work at once at most.
    #[serde(rename = "ScalingConfig", deserialize_with = "maximum_concurrency")]
    pub(crate) batches: usize,
}

fn maximum_concurrency<'de, D: Deserializer<'de>>(scaling: D) -> Result<usize, D::Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct ScalingConfig {
        maximum_concurrency: usize,
    }
    ScalingConfig::deserialize(scaling).map(|it| it.maximum_concurrency)
}

/// The template, deployed here.
#[derive(Debug)]
pub(crate) struct Deployment<'a> {
    template: &'a Template,
    /// What `!Ref` says of parameters and resources. A resource that is not among them is called by its own name.
    names: BTreeMap<&'static str, String>,
}

impl Deployment<'static> {
    /// This system, with these settings.
    pub(crate) fn of_this_system(config: &Config) -> Result<Self, TemplateError> {
        let names = [
            ("AWS::AccountId", ACCOUNT),
            ("AWS::Partition", "aws"),
            ("AWS::Region", REGION),
            ("DeadLetters", config.dead_letter_queue_url.as_deref().unwrap_or_default()),
            ("Key", &config.kms_key_id),
            ("MailFrom", &config.mail_from),
            ("MailQueue", config.mail_queue_url.as_deref().unwrap_or_default()),
            ("Table", &config.table_name),
            ("WebhookQueue", config.webhook_queue_url.as_deref().unwrap_or_default()),
            ("WebhookSlowQueue", config.webhook_slow_queue_url.as_deref().unwrap_or_default()),
        ];
        let template = TEMPLATE.as_ref().map_err(Clone::clone)?;
        Ok(Self { template, names: names.map(|(name, value)| (name, value.to_owned())).into() })
    }
}

impl Deployment<'_> {
    /// The names of the functions.
    pub(crate) fn functions(&self) -> impl Iterator<Item = &str> {
        self.template.functions.keys().map(String::as_str)
    }

    /// The policies of the role of `function`, in IAM's JSON.
    pub(crate) fn policies(
        &self,
        function: &str,
    ) -> Result<impl Iterator<Item = Value> + use<>, TemplateError> {
        let role = self.property(function, "Role")?.get_tagged_node().and_then(Yaml::as_str);
        let role = role.and_then(|it| self.template.resources.get(it.strip_suffix(".Arn")?));
        let Some(role) = role else { return wrong(format!("{function} has no role of its own")) };
        let role: Role = self.read(&role.properties)?;
        Ok(role.policies.into_iter().map(|policy| policy.policy_document))
    }

    /// What invokes `function`: its events, in the template's terms.
    pub(crate) fn triggers(&self, function: &str) -> Result<Vec<Value>, TemplateError> {
        let Ok(events) = self.property(function, "Events") else { return Ok(Vec::new()) };
        Ok(self.read::<BTreeMap<String, Value>>(events)?.into_values().collect())
    }

    /// The queues that invoke `function`.
    pub(crate) fn queues(&self, function: &str) -> Result<Vec<QueueSource>, TemplateError> {
        let mut triggers = self.triggers(function)?;
        triggers.retain(|trigger| trigger["Type"] == "SQS");
        let sources = triggers.iter_mut().map(|it| serde_json::from_value(it["Properties"].take()));
        sources.collect::<Result<_, _>>().map_err(|error| TemplateError::of(function, &error))
    }

    /// A property of `function`, as it stands in the template.
    pub(crate) fn property(&self, function: &str, name: &str) -> Result<&Yaml<'static>, TemplateError> {
        let Template { resources, functions } = self.template;
        let resource = functions.get(function).and_then(|id| resources.get(id));
        let property = resource.and_then(|it| it.properties.as_mapping_get(name));
        property.ok_or_else(|| TemplateError(format!("{function} has no `{name}`")))
    }

    /// What `node` says, with CloudFormation's functions carried out.
    pub(crate) fn read<T: DeserializeOwned>(&self, node: &Yaml) -> Result<T, TemplateError> {
        serde_json::from_value(self.resolve(node)?).map_err(|error| TemplateError(error.to_string()))
    }

    /// `node` as plain JSON.
    fn resolve(&self, node: &Yaml) -> Result<Value, TemplateError> {
        Ok(match node {
            Yaml::Value(Scalar::String(text)) => Value::from(&**text),
            Yaml::Value(Scalar::Integer(number)) => Value::from(*number),
            Yaml::Value(Scalar::Boolean(flag)) => Value::from(*flag),
            Yaml::Sequence(items) => items.iter().map(|item| self.resolve(item)).collect::<Result<_, _>>()?,
            Yaml::Mapping(entries) => {
                let entry = |(name, value): (&Yaml, &Yaml)| match name.as_str() {
                    Some(name) => Ok((name.to_owned(), self.resolve(value)?)),
                    None => wrong("a name is no text"),
                };
                Value::Object(entries.iter().map(entry).collect::<Result<_, _>>()?)
            }
            Yaml::Tagged(tag, argument) => self.call(&tag.suffix, &self.resolve(argument)?)?,
            _ => return wrong(format!("{node:?} is not understood")),
        })
    }

    /// What the function of this name makes of its argument.
    fn call(&self, function: &str, argument: &Value) -> Result<Value, TemplateError> {
        let parts = argument.as_array().map(Vec::as_slice);
        match (function, argument.as_str(), parts) {
            ("Ref", Some(name), _) => self.reference(name).map(Value::from),
            ("GetAtt", Some(path), _) => self.attribute(path).map(Value::from),
            ("Sub", Some(text), _) => self.substitute(text, &Map::new()).map(Value::from),
            ("Sub", _, Some([Value::String(text), Value::Object(values)])) => {
                self.substitute(text, values).map(Value::from)
            }
            ("Split", _, Some([Value::String(separator), Value::String(text)])) => {
                Ok(text.split(separator.as_str()).collect())
            }
            ("Select", _, Some([Value::Number(index), Value::Array(items)])) => {
                let index = index.as_u64().and_then(|it| usize::try_from(it).ok());
                let item = index.and_then(|it| items.get(it));
                item.cloned().ok_or_else(|| TemplateError(format!("there is no item {argument}")))
            }
            _ => wrong(format!("`!{function} {argument}` is not understood")),
        }
    }

    /// What `!Ref` says.
    fn reference(&self, name: &str) -> Result<String, TemplateError> {
        match self.names.get(name) {
            Some(value) => Ok(value.clone()),
            None if self.template.resources.contains_key(name) => Ok(name.to_owned()),
            None => wrong(format!("there is no `{name}`")),
        }
    }

    /// What `!GetAtt` says.
    fn attribute(&self, path: &str) -> Result<String, TemplateError> {
        let (id, attribute) = path.split_once('.').unwrap_or((path, ""));
        let name = self.reference(id)?;
        let kind = self.template.resources.get(id).map_or("", |resource| resource.kind.as_str());
        Ok(match (kind, attribute) {
            ("AWS::DynamoDB::Table", "Arn") => arn::table(&name),
            ("AWS::DynamoDB::Table", "StreamArn") => arn::stream(&name),
            ("AWS::KMS::Key", "Arn") => arn::key(&name),
            ("AWS::Logs::LogGroup", "Arn") => arn::log_group(&name),
            ("AWS::SQS::Queue", "Arn") => arn::queue(&name),
            _ => return wrong(format!("`!GetAtt {path}` is not understood")),
        })
    }

    /// What `!Sub` says.
    fn substitute(&self, text: &str, values: &Map<String, Value>) -> Result<String, TemplateError> {
        let mut parts = text.split("${");
        let mut filled = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let Some((name, rest)) = part.split_once('}') else { return wrong(format!("`{text}` is open")) };
            filled += &match values.get(name).and_then(Value::as_str) {
                Some(value) => value.to_owned(),
                None if name.contains('.') => self.attribute(name)?,
                None => self.reference(name)?,
            };
            filled += rest;
        }
        Ok(filled)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;
    use shared::config::VARIABLES;

    use super::*;

    /// The table of settings in `docs/deploying.md`: a parameter and a variable in each row, or one of them.
    const SETTINGS: &str = include_str!("../../docs/deploying.md");
    /// What no deployment sets.
    const LOCAL_ONLY: [&str; 1] = ["WEBHOOK_ALLOW_LOOPBACK"];

    const RESOURCES: &str = "
Resources:
  Table: { Type: AWS::DynamoDB::Table }
  ReaderFunction: { Type: AWS::Serverless::Function, Properties: { CodeUri: functions/reader } }
";

    fn resolved(yaml: &str) -> Result<Value, TemplateError> {
        let template = Template::parse(RESOURCES).unwrap();
        let values = [("Table", "users"), ("MailFrom", "no-reply@example.com"), ("AWS::Partition", "aws")];
        let names = values.map(|(name, value)| (name, value.to_owned())).into();
        Deployment { template: &template, names }.resolve(&Yaml::load_from_str(yaml).unwrap()[0])
    }

    /// The names in a column of the table of settings.
    fn documented(column: usize) -> BTreeSet<&'static str> {
        let rows = SETTINGS.lines().filter(|line| line.starts_with("| "));
        let name =
            |row: &'static str| row.split('|').nth(column)?.trim().strip_prefix('`')?.strip_suffix('`');
        rows.filter_map(name).collect()
    }

    /// The names in the mapping at `path` in `node`; none if there is no such mapping.
    fn names<'a>(node: &'a Yaml<'static>, path: &[&str]) -> BTreeSet<&'a str> {
        let mapping = path.iter().try_fold(node, |node, name| node.as_mapping_get(name));
        let entries = mapping.and_then(Yaml::as_mapping).into_iter().flatten();
        entries.filter_map(|(name, _)| name.as_str()).collect()
    }

    #[test]
    fn every_setting_is_documented_and_deployed() {
        let read: BTreeSet<&str> = VARIABLES.iter().map(|(name, _)| *name).collect();
        assert_eq!(documented(2), read);

        let template = Yaml::load_from_str(include_str!("../../template.yaml")).unwrap().remove(0);
        assert_eq!(documented(1), names(&template, &["Parameters"]));

        let mut set = names(&template, &["Globals", "Function", "Environment", "Variables"]);
        let resources = TEMPLATE.as_ref().unwrap().resources.values();
        set.extend(resources.flat_map(|it| names(&it.properties, &["Environment", "Variables"])));
        set.extend(LOCAL_ONLY);
        assert_eq!(set, read);
    }

    #[test]
    fn a_function_is_invoked_by_the_queues_that_its_events_name() {
        let text = "
Resources:
  ReaderFunction:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/reader
      Events:
        Api: { Type: HttpApi, Properties: { Path: / } }
        Queue:
          Type: SQS
          Properties: { Queue: letters, BatchSize: 4, ScalingConfig: { MaximumConcurrency: 2 } }
";
        let template = Template::parse(text).unwrap();
        let queues = Deployment { template: &template, names: BTreeMap::new() }.queues("reader");
        assert_eq!(queues.unwrap(), [QueueSource { queue: "letters".to_owned(), batch_size: 4, batches: 2 }]);
    }

    #[test]
    fn the_functions_of_cloudformation_are_carried_out() {
        let table = arn::table("users");
        let domain =
            "!Sub [\"${Domain}/${AWS::Partition}\", { Domain: !Select [1, !Split [\"@\", !Ref MailFrom]] }]";
        for (yaml, value) in [
            ("!Ref Table", json!("users")),
            ("!Ref ReaderFunction", json!("ReaderFunction")),
            ("!GetAtt Table.Arn", json!(table)),
            ("!Sub \"${Table.Arn}/index/*\"", json!(format!("{table}/index/*"))),
            (domain, json!("example.com/aws")),
            (
                "{ Resource: [!GetAtt Table.Arn, one], Size: 1 }",
                json!({ "Resource": [table, "one"], "Size": 1 }),
            ),
        ] {
            assert_eq!(resolved(yaml).unwrap(), value, "{yaml}");
        }
    }

    #[test]
    fn what_is_not_understood_is_an_error() {
        for yaml in [
            "!Ref Nothing",
            "!GetAtt Table.Name",
            "!GetAtt ReaderFunction.Arn",
            "!Sub \"${Nothing}\"",
            "!Sub \"${Table\"",
            "!If [Yes, a, b]",
            "!Select [2, [a, b]]",
            "1.5",
        ] {
            assert!(resolved(yaml).is_err(), "{yaml}");
        }
        assert!(Template::parse("Resources: { Table: {} }").is_err(), "no type");
        assert!(Template::parse("Resources: { A: { Type: T }, A: { Type: T } }").is_err(), "twice");
    }

    #[test]
    fn a_role_has_policies_of_its_own_and_no_others() {
        let policies = |role: &str| {
            let text = format!(
                "
Resources:
  ReaderFunction:
    Type: AWS::Serverless::Function
    Properties: {{ CodeUri: functions/reader, Role: !GetAtt ReaderRole.Arn }}
  ReaderRole:
    Type: AWS::IAM::Role
    Properties: {{ AssumeRolePolicyDocument: {{}}, {role} }}
"
            );
            let template = Template::parse(&text).unwrap();
            Deployment { template: &template, names: BTreeMap::new() }.policies("reader").map(Iterator::count)
        };
        assert_eq!(policies("Policies: [{ PolicyName: Reader, PolicyDocument: {} }]").unwrap(), 1);
        assert!(policies("Policies: [], ManagedPolicyArns: [AdministratorAccess]").is_err());
    }
}
