//! The whole stack, with a small template and the probe as its only function.

use std::{path::Path, time::Duration};

use aws_sdk_dynamodb::types::AttributeValue;
use local::{Binaries, Stack, StackOptions, jwt::Grant};
use serde_json::Value as Json;

use crate::support::{eventually, probe};

const TEMPLATE: &str = "
Parameters:
  Stage: {Type: String}
Resources:
  Api:
    Type: AWS::Serverless::HttpApi
    Properties: {DefinitionUri: openapi.yaml}
  Things:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: !Sub things-${Stage}
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions:
        - {AttributeName: pk, AttributeType: S}
        - {AttributeName: owner, AttributeType: S}
      KeySchema: [{AttributeName: pk, KeyType: HASH}]
      GlobalSecondaryIndexes:
        - IndexName: by-owner
          KeySchema: [{AttributeName: owner, KeyType: HASH}]
          Projection: {ProjectionType: KEYS_ONLY}
      TimeToLiveSpecification: {AttributeName: ttl, Enabled: true}
  Jobs:
    Type: AWS::SQS::Queue
    Properties:
      QueueName: !Sub jobs-${Stage}
      VisibilityTimeout: 30
      RedrivePolicy: {deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 3}
  Dead: {Type: 'AWS::SQS::Queue', Properties: {QueueName: !Sub 'dead-${Stage}'}}
  Probe:
    Type: AWS::Serverless::Function
    Metadata: {BuildProperties: {Binary: probe}}
    Properties:
      Timeout: 5
      Environment: {Variables: {QUEUE_JOBS: !Ref Jobs, TABLE_THINGS: !Ref Things}}
      Events:
        Jobs:
          Type: SQS
          Properties: {Queue: !GetAtt Jobs.Arn, FunctionResponseTypes: [ReportBatchItemFailures]}
        Tick: {Type: Schedule, Properties: {Schedule: rate(1 day), Input: '{\"Records\": []}'}}";

const OPENAPI: &str = "
paths:
  /closed:
    get:
      security: [{jwt: []}]
      x-amazon-apigateway-integration: {uri: {'Fn::Sub': 'x/${Probe.Arn}/invocations'}}";

/// A stack of the template above in `folder`.
pub(crate) fn options(folder: &Path) -> StackOptions {
    std::fs::write(folder.join("template.yaml"), TEMPLATE).unwrap();
    std::fs::write(folder.join("openapi.yaml"), OPENAPI).unwrap();
    let binaries = Binaries::In(probe().parent().unwrap().to_path_buf());
    StackOptions {
        template: folder.join("template.yaml"),
        binaries,
        ..StackOptions::new(folder.join("data"))
    }
}

/// Whether the probe has said this.
pub(crate) fn log_has(folder: &Path, line: &str) -> bool {
    std::fs::read_to_string(folder.join("data/logs/probe.log")).unwrap_or_default().lines().any(|l| l == line)
}

async fn get(stack: &Stack, path: &str, token: &str) -> (u16, Json) {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let response = http.get(format!("{}{path}", stack.base_url())).bearer_auth(token).send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_runs_with_its_routes_queues_and_schedules_and_its_data_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let stack = Stack::start(options(folder.path())).await.unwrap();
    let grant =
        Grant { org_id: "demo".into(), sub: "ana".into(), permissions: vec![], ttl: Duration::from_mins(1) };
    let token = stack.token(&grant).unwrap();

    let (status, event) = get(&stack, "/closed", &token).await;
    assert_eq!(status, 201);
    assert_eq!(event["requestContext"]["authorizer"]["jwt"]["claims"]["org_id"], "demo");
    assert_eq!(get(&stack, "/closed", "no token").await.0, 401);
    assert_eq!(get(&stack, "/sim/messages", "").await, (200, serde_json::json!({"items": []})));

    // The schedule fires at the start.
    eventually("the schedule has fired", || log_has(folder.path(), "batch of 0")).await;
    let sqs = &stack.clients().sqs;
    let url = sqs.get_queue_url().queue_name("jobs-local").send().await.unwrap().queue_url.unwrap();
    sqs.send_message().queue_url(&url).message_body("work").send().await.unwrap();
    eventually("the message was given to the function", || log_has(folder.path(), "batch of 1")).await;
    sqs.send_message().queue_url(&url).message_body("later").delay_seconds(900).send().await.unwrap();
    stack.stop().await;

    let stack = Stack::start(options(folder.path())).await.unwrap();
    assert_eq!(get(&stack, "/closed", &token).await.0, 201, "a token holds across restarts");
    let sqs = &stack.clients().sqs;
    let url = sqs.get_queue_url().queue_name("jobs-local").send().await.unwrap().queue_url.unwrap();
    let all = aws_sdk_sqs::types::QueueAttributeName::All;
    let attributes = sqs.get_queue_attributes().queue_url(url).attribute_names(all).send().await.unwrap();
    let attributes = attributes.attributes.unwrap();
    assert_eq!(attributes[&aws_sdk_sqs::types::QueueAttributeName::ApproximateNumberOfMessagesDelayed], "1");
    let tables = stack.clients().dynamodb.list_tables().send().await.unwrap();
    assert_eq!(tables.table_names(), ["things-local"]);
    stack.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_port_is_told_before_anything_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = other.local_addr().unwrap().port();
    let error = Stack::start(StackOptions { port, ..options(folder.path()) }).await.unwrap_err();
    assert!(error.to_string().contains(&format!("port {port} is taken")), "{error}");
    assert!(!folder.path().join("data").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_stacks_cannot_have_one_data_folder() {
    let folder = tempfile::tempdir().unwrap();
    let stack = Stack::start(options(folder.path())).await.unwrap();
    let error = Stack::start(options(folder.path())).await.unwrap_err();
    assert!(error.to_string().contains("another stack is running"), "{error}");
    stack.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_data_folder_gets_the_indexes_that_it_lacks_with_what_it_holds() {
    let folder = tempfile::tempdir().unwrap();
    let start = |template: String| {
        let options = options(folder.path());
        std::fs::write(&options.template, template).unwrap();
        Stack::start(options)
    };
    let indexes =
        TEMPLATE.find("      GlobalSecondaryIndexes").unwrap()..TEMPLATE.find("      TimeToLive").unwrap();
    let mut without = TEMPLATE.to_owned();
    without.replace_range(indexes, "");
    let without = without.replace("        - {AttributeName: owner, AttributeType: S}\n", "");
    let older = start(without).await.unwrap();
    for (id, owner) in [("a", Some("ana")), ("b", None), ("c", Some("ana"))] {
        put_thing(&older, id, owner).await;
    }
    older.stop().await;

    let newer = start(TEMPLATE.to_owned()).await.unwrap();
    assert_eq!(things_of(&newer, "ana").await, ["a", "c"]);
    put_thing(&newer, "d", Some("ana")).await;
    assert_eq!(things_of(&newer, "ana").await, ["a", "c", "d"]);
    newer.stop().await;
    let again = start(TEMPLATE.to_owned()).await.unwrap();
    assert_eq!(things_of(&again, "ana").await, ["a", "c", "d"], "it is there for good");
    again.stop().await;

    let other =
        TEMPLATE.replace("{AttributeName: pk, KeyType: HASH}", "{AttributeName: owner, KeyType: HASH}");
    let error = start(other).await.unwrap_err();
    assert!(format!("{error:#}").contains("other keys"), "{error:#}");
}

async fn put_thing(stack: &Stack, id: &str, owner: Option<&str>) {
    let put = stack.clients().dynamodb.put_item().table_name("things-local");
    let put = put.item("pk", AttributeValue::S(id.into()));
    let owner = owner.map(|owner| AttributeValue::S(owner.into()));
    let put = match owner {
        Some(owner) => put.item("owner", owner),
        None => put,
    };
    put.send().await.unwrap();
}

async fn things_of(stack: &Stack, owner: &str) -> Vec<String> {
    let query = stack.clients().dynamodb.query().table_name("things-local").index_name("by-owner");
    let query =
        query.key_condition_expression("#owner = :owner").expression_attribute_names("#owner", "owner");
    let found =
        query.expression_attribute_values(":owner", AttributeValue::S(owner.into())).send().await.unwrap();
    let mut ids: Vec<String> = found.items().iter().map(|item| item["pk"].as_s().unwrap().clone()).collect();
    ids.sort();
    ids
}
