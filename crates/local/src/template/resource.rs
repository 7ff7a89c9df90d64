//! Which resource types the local stack runs, which it may ignore, and what references to them give.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use serde_json::Value as Json;

use super::{
    ACCOUNT, REGION,
    intrinsics::{Referable, Scope},
};

/// What the local stack does with a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A function: runs as processes of its binary.
    Function,
    /// A queue: created on the engine.
    Queue,
    /// A table: created on the engine.
    Table,
    /// The HTTP API: served by the gateway.
    HttpApi,
    /// Exists only to be referred to, or not at all, on this machine.
    Ignored,
}

/// Types that mean something only in AWS: rights, alarms, logs, keys, and the real providers' side of a message.
const IGNORED: &[&str] = &[
    "AWS::ApiGatewayV2::ApiMapping",
    "AWS::ApiGatewayV2::DomainName",
    "AWS::Budgets::Budget",
    "AWS::CloudWatch::Alarm",
    "AWS::CloudWatch::CompositeAlarm",
    "AWS::CloudWatch::Dashboard",
    "AWS::IAM::ManagedPolicy",
    "AWS::IAM::Policy",
    "AWS::IAM::Role",
    "AWS::KMS::Alias",
    "AWS::KMS::Key",
    "AWS::Lambda::Permission",
    "AWS::Logs::LogGroup",
    "AWS::Logs::MetricFilter",
    "AWS::Logs::QueryDefinition",
    "AWS::SES::ConfigurationSet",
    "AWS::SES::ConfigurationSetEventDestination",
    "AWS::SES::EmailIdentity",
    "AWS::SNS::Subscription",
    "AWS::SNS::Topic",
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::QueuePolicy",
    "AWS::SecretsManager::ResourcePolicy",
    "AWS::SecretsManager::Secret",
];

/// Nested stacks that only watch the others.
const IGNORED_STACKS: &[&str] = &["infra/alarms.yaml", "infra/dashboard.yaml"];

impl Kind {
    pub(super) fn of(resource: &Json) -> Result<Self> {
        Ok(match resource["Type"].as_str().unwrap_or_default() {
            "AWS::Serverless::Function" => Self::Function,
            "AWS::SQS::Queue" => Self::Queue,
            "AWS::DynamoDB::Table" => Self::Table,
            "AWS::Serverless::HttpApi" => Self::HttpApi,
            other if IGNORED.contains(&other) => Self::Ignored,
            "AWS::CloudFormation::Stack" => match resource["Properties"]["TemplateURL"].as_str() {
                Some(url) if IGNORED_STACKS.contains(&url) => Self::Ignored,
                url => bail!("the local stack does not know the nested stack {url:?}"),
            },
            other => bail!("the local stack does not know the resource type `{other}`"),
        })
    }

    /// What `Ref` and `Fn::GetAtt` of such a resource give. The URL of a queue is known only later.
    pub(super) fn referable(self, id: &str, resource: &Json, scope: &Scope) -> Result<Referable> {
        let named = |property: &str| -> Result<String> {
            match resource["Properties"].get(property) {
                Some(name) => scope.text(name),
                None => Ok(id.to_owned()),
            }
        };
        let (reference, attributes) = match self {
            Self::Function => {
                let name = named("FunctionName")?;
                let arn = arn("lambda", &format!("function:{name}"));
                (name, BTreeMap::from([("Arn", arn)]))
            }
            Self::Queue => {
                let name = named("QueueName")?;
                let arn = arn("sqs", &name);
                let url = format!("queue:{name}");
                (url.clone(), BTreeMap::from([("Arn", arn), ("QueueName", name), ("QueueUrl", url)]))
            }
            Self::Table => {
                let name = named("TableName")?;
                let arn = arn("dynamodb", &format!("table/{name}"));
                (name, BTreeMap::from([("Arn", arn)]))
            }
            Self::HttpApi => (id.to_owned(), BTreeMap::from([("ApiId", id.to_owned())])),
            Self::Ignored => ignored(id, resource, scope)?,
        };
        Ok(Referable { reference, attributes })
    }
}

fn ignored(id: &str, resource: &Json, scope: &Scope) -> Result<(String, BTreeMap<&'static str, String>)> {
    if resource["Type"] == "AWS::SNS::Topic" {
        let name = match resource["Properties"].get("TopicName") {
            Some(name) => scope.text(name)?,
            None => id.to_owned(),
        };
        let arn = arn("sns", &name);
        return Ok((arn.clone(), BTreeMap::from([("TopicArn", arn), ("TopicName", name)])));
    }
    // A name of a configuration set may go into a function's environment; an ARN of the rest only into rights.
    let reference = match resource["Properties"].get("Name") {
        Some(name) => scope.text(name)?,
        None => id.to_owned(),
    };
    Ok((reference, BTreeMap::from([("Arn", arn("local", id))])))
}

fn arn(service: &str, resource: &str) -> String {
    format!("arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}")
}
