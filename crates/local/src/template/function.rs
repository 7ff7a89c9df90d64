//! `AWS::Serverless::Function`.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value as Json};

use super::{
    ACCOUNT, REGION, check_properties,
    intrinsics::{Scope, as_text},
};

/// A function to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// Logical id in the template.
    pub id: String,
    /// Its name in AWS.
    pub name: String,
    /// The cargo package, and so the name of its binary, log file and folder.
    pub package: String,
    /// An invocation that takes longer is stopped.
    pub timeout: Duration,
    /// What the function is told to have, in MB. Not enforced here.
    pub memory_mb: u32,
    /// The most invocations at once, where the template reserves a number.
    pub reserved_concurrency: Option<u32>,
    /// The least important level of its own events (`LoggingConfig`), which Lambda tells it in a variable.
    pub log_level: Option<String>,
    /// Its variables, as the template sets them.
    pub environment: BTreeMap<String, String>,
    /// The queues that it consumes.
    pub queues: Vec<QueueSource>,
    /// The schedules that start it.
    pub schedules: Vec<ScheduleSource>,
}

impl Function {
    /// Its ARN on this machine.
    pub fn arn(&self) -> String {
        format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{}", self.name)
    }
}

/// An event source mapping of a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueSource {
    /// Name of the queue.
    pub queue: String,
    /// Most messages in one invocation, 1 to 10,000.
    pub batch_size: usize,
    /// How long a batch may wait for more messages.
    pub window: Duration,
    /// Most invocations at once from this queue.
    pub max_concurrency: Option<u32>,
    /// Whether the function names the messages that failed (`ReportBatchItemFailures`).
    pub partial: bool,
}

/// A schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduleSource {
    /// Name of the event in the template.
    pub name: String,
    /// `rate(...)` or `cron(...)`.
    pub expression: String,
    /// The event to send, if it is not EventBridge's own.
    pub input: Option<String>,
}

const KNOWN: &[&str] = &[
    "Environment",
    "Events",
    "FunctionName",
    "MemorySize",
    "ReservedConcurrentExecutions",
    "Timeout",
    // How it is built and deployed, its rights and its telemetry have no meaning on this machine.
    "Architectures",
    "AutoPublishAlias",
    "CodeUri",
    "DeploymentPreference",
    "Description",
    "EphemeralStorage",
    "EventInvokeConfig",
    "Handler",
    "LoggingConfig",
    "PermissionsBoundary",
    "Policies",
    "PropagateTags",
    "RecursiveLoop",
    "Role",
    "Runtime",
    "Tags",
    "Tracing",
];

pub(super) fn read(id: &str, resource: &Json, globals: &Json, scope: &Scope) -> Result<Function> {
    let properties = merged(globals, &resource["Properties"]);
    check_properties(&properties, KNOWN)?;
    let get = |name: &str| -> Result<Option<String>> {
        let value = properties.get(name).map(|value| scope.resolve(value)).transpose()?.flatten();
        value.as_ref().map(as_text).transpose()
    };
    let mut function = Function {
        id: id.to_owned(),
        name: get("FunctionName")?.unwrap_or_else(|| id.to_owned()),
        package: package(resource)?,
        timeout: Duration::from_secs(get("Timeout")?.as_deref().unwrap_or("3").parse().context("Timeout")?),
        memory_mb: get("MemorySize")?.as_deref().unwrap_or("128").parse().context("MemorySize")?,
        reserved_concurrency: get("ReservedConcurrentExecutions")?
            .map(|count| count.parse())
            .transpose()
            .context("ReservedConcurrentExecutions")?,
        log_level: match properties["LoggingConfig"].get("ApplicationLogLevel") {
            Some(level) => Some(scope.text(level).context("LoggingConfig")?),
            None => None,
        },
        environment: environment(&properties["Environment"]["Variables"], scope)?,
        queues: Vec::new(),
        schedules: Vec::new(),
    };
    for (name, event) in properties["Events"].as_object().into_iter().flatten() {
        add_event(&mut function, name, event, scope).with_context(|| format!("event {name}"))?;
    }
    Ok(function)
}

/// SAM's rule for `Globals`: maps are merged, the function's own value wins elsewhere.
fn merged(globals: &Json, own: &Json) -> Json {
    match (globals, own) {
        (Json::Object(globals), Json::Object(own)) if !is_intrinsic(own) => {
            let mut all: Map<String, Json> = globals.clone();
            for (key, value) in own {
                let value = all.get(key).map_or_else(|| value.clone(), |global| merged(global, value));
                all.insert(key.clone(), value);
            }
            Json::Object(all)
        }
        (globals, Json::Null) => globals.clone(),
        (_, own) => own.clone(),
    }
}

fn is_intrinsic(map: &Map<String, Json>) -> bool {
    map.len() == 1 && map.keys().all(|key| key == "Ref" || key.starts_with("Fn::"))
}

fn package(resource: &Json) -> Result<String> {
    let named = resource["Metadata"]["BuildProperties"]["Binary"].as_str();
    named.map(str::to_owned).context("Metadata.BuildProperties.Binary does not name the cargo package")
}

fn environment(variables: &Json, scope: &Scope) -> Result<BTreeMap<String, String>> {
    let mut environment = BTreeMap::new();
    for (name, value) in variables.as_object().into_iter().flatten() {
        if let Some(value) = scope.resolve(value).with_context(|| format!("variable {name}"))? {
            environment.insert(name.clone(), as_text(&value).with_context(|| format!("variable {name}"))?);
        }
    }
    Ok(environment)
}

fn add_event(function: &mut Function, name: &str, event: &Json, scope: &Scope) -> Result<()> {
    let properties = scope.resolve(&event["Properties"])?.unwrap_or_default();
    if is_off(&properties) {
        return Ok(());
    }
    match event["Type"].as_str().unwrap_or_default() {
        "SQS" => function.queues.push(queue_source(&properties)?),
        kind @ ("Schedule" | "ScheduleV2") => {
            let field = if kind == "Schedule" { "Schedule" } else { "ScheduleExpression" };
            let known = [
                field,
                "Name",
                "Description",
                "Enabled",
                "State",
                "Input",
                "RetryPolicy",
                "DeadLetterConfig",
            ];
            check_properties(&properties, &known)?;
            function.schedules.push(ScheduleSource {
                name: name.to_owned(),
                expression: properties[field]
                    .as_str()
                    .with_context(|| format!("{field} is missing"))?
                    .to_owned(),
                input: properties["Input"].as_str().map(str::to_owned),
            });
        }
        other => bail!("the local stack does not know the event type `{other}`"),
    }
    Ok(())
}

fn is_off(properties: &Json) -> bool {
    properties["Enabled"] == false || properties["State"] == "DISABLED"
}

fn queue_source(properties: &Json) -> Result<QueueSource> {
    let known = [
        "Queue",
        "BatchSize",
        "MaximumBatchingWindowInSeconds",
        "FunctionResponseTypes",
        "ScalingConfig",
        "Enabled",
    ];
    check_properties(properties, &known)?;
    let number = |value: &Json, or: u64| -> Result<u64> {
        if value.is_null() {
            Ok(or)
        } else {
            as_text(value)?.parse().with_context(|| format!("{value} is not a number"))
        }
    };
    let arn = properties["Queue"].as_str().context("Queue is missing")?;
    let maximum = &properties["ScalingConfig"]["MaximumConcurrency"];
    let responses = properties["FunctionResponseTypes"].as_array();
    Ok(QueueSource {
        queue: arn.rsplit(':').next().unwrap_or(arn).to_owned(),
        batch_size: usize::try_from(number(&properties["BatchSize"], 10)?)?.clamp(1, 10_000),
        window: Duration::from_secs(number(&properties["MaximumBatchingWindowInSeconds"], 0)?),
        max_concurrency: if maximum.is_null() {
            None
        } else {
            Some(u32::try_from(number(maximum, 0)?)?.max(1))
        },
        partial: responses.is_some_and(|types| types.iter().any(|t| t == "ReportBatchItemFailures")),
    })
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::template::Template;

    const TEXT: &str = "
Globals:
  Function: {Timeout: 30, MemorySize: 256, Environment: {Variables: {STAGE: local, LEVEL: info}}}
Resources:
  Jobs: {Type: 'AWS::SQS::Queue', Properties: {QueueName: jobs}}
  Worker:
    Type: AWS::Serverless::Function
    Metadata: {BuildMethod: rust-cargolambda, BuildProperties: {Binary: worker}}
    Properties:
      Timeout: 60
      Environment: {Variables: {QUEUE_JOBS: !Ref Jobs, LEVEL: debug}}
      Events:
        Jobs:
          Type: SQS
          Properties:
            Queue: !GetAtt Jobs.Arn
            BatchSize: 20
            MaximumBatchingWindowInSeconds: 1
            FunctionResponseTypes: [ReportBatchItemFailures]
            ScalingConfig: {MaximumConcurrency: 3}
        Tick: {Type: Schedule, Properties: {Schedule: rate(1 minute)}}
        Never: {Type: Schedule, Properties: {Schedule: rate(1 day), Enabled: false}}";

    fn worker() -> Function {
        let mut template = Template::parse(TEXT, PathBuf::from("."), &BTreeMap::new()).unwrap();
        template.set_queue_urls(&BTreeMap::from([("Jobs".to_owned(), "http://sqs/jobs".to_owned())]));
        template.functions().unwrap().remove(0)
    }

    #[test]
    fn globals_are_merged_and_the_function_wins() {
        let function = worker();
        assert_eq!(function.timeout, Duration::from_mins(1));
        assert_eq!(function.memory_mb, 256);
        let expected = [("LEVEL", "debug"), ("QUEUE_JOBS", "http://sqs/jobs"), ("STAGE", "local")];
        let found: Vec<(&str, &str)> =
            function.environment.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn events_become_sources_and_disabled_ones_do_not() {
        let function = worker();
        let expected = QueueSource {
            queue: "jobs".into(),
            batch_size: 20,
            window: Duration::from_secs(1),
            max_concurrency: Some(3),
            partial: true,
        };
        assert_eq!(function.queues, [expected]);
        let schedules: Vec<&str> = function.schedules.iter().map(|s| s.expression.as_str()).collect();
        assert_eq!(schedules, ["rate(1 minute)"]);
    }

    #[test]
    fn an_unknown_event_type_is_refused_by_name() {
        let text = TEXT.replace("Type: SQS", "Type: Kinesis");
        let template = Template::parse(&text, PathBuf::from("."), &BTreeMap::new()).unwrap();
        assert!(format!("{:#}", template.functions().unwrap_err()).contains("Kinesis"));
    }
}
