//! What only the embedded engine can be asked: time that jumps, restarts, crashes, locks. Always run against it.

use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
    TimeToLiveSpecification,
};
use aws_sdk_sqs::types::QueueAttributeName;
use engine::{Engine, EngineError, EngineOptions, QueueCounts};
use futures_util::future::join;

use crate::support::{TestClock, clients, crash_folder};

fn in_folder(folder: &Path) -> EngineOptions {
    EngineOptions { data: Some(folder.to_owned()), ..EngineOptions::default() }
}

pub(crate) async fn make_table(dynamodb: &aws_sdk_dynamodb::Client, name: &str) {
    let key = KeySchemaElement::builder().attribute_name("pk").key_type(KeyType::Hash).build().unwrap();
    let attribute = AttributeDefinition::builder().attribute_name("pk");
    dynamodb
        .create_table()
        .table_name(name)
        .billing_mode(BillingMode::PayPerRequest)
        .key_schema(key)
        .attribute_definitions(attribute.attribute_type(ScalarAttributeType::S).build().unwrap())
        .send()
        .await
        .unwrap();
}

async fn put(dynamodb: &aws_sdk_dynamodb::Client, table: &str, pk: &str, ttl: i64) {
    let put = dynamodb.put_item().table_name(table).item("pk", AttributeValue::S(pk.into()));
    put.item("ttl", AttributeValue::N(ttl.to_string())).send().await.unwrap();
}

async fn has(dynamodb: &aws_sdk_dynamodb::Client, table: &str, pk: &str) -> bool {
    let get = dynamodb.get_item().table_name(table).key("pk", AttributeValue::S(pk.into()));
    get.send().await.unwrap().item.is_some()
}

async fn make_queue(sqs: &aws_sdk_sqs::Client, name: &str) -> String {
    sqs.create_queue().queue_name(name).send().await.unwrap().queue_url.unwrap()
}

#[tokio::test]
async fn state_survives_a_restart_and_old_queue_urls_still_work() {
    let folder = tempfile::tempdir().unwrap();
    let engine = Engine::start(in_folder(folder.path())).unwrap();
    let (dynamodb, sqs) = clients(&engine.dynamodb_url(), &engine.sqs_url());
    make_table(&dynamodb, "things").await;
    put(&dynamodb, "things", "kept", 0).await;
    let old_url = make_queue(&sqs, "jobs").await;
    sqs.send_message().queue_url(&old_url).message_body("kept").send().await.unwrap();
    sqs.send_message().queue_url(&old_url).message_body("later").delay_seconds(900).send().await.unwrap();
    engine.stop().await;

    let engine = Engine::start(in_folder(folder.path())).unwrap();
    let (dynamodb, sqs) = clients(&engine.dynamodb_url(), &engine.sqs_url());
    assert!(has(&dynamodb, "things", "kept").await);
    let received = sqs.receive_message().queue_url(&old_url).send().await.unwrap();
    assert_eq!(received.messages()[0].body(), Some("kept"));
    assert_eq!(engine.sqs().counts("jobs").unwrap(), QueueCounts { visible: 0, in_flight: 1, delayed: 1 });
    let new_url = sqs.get_queue_url().queue_name("jobs").send().await.unwrap().queue_url.unwrap();
    assert!(new_url.starts_with(&engine.sqs_url()), "{new_url}");
}

/// The body of the process that the next test kills: not a check by itself.
#[tokio::test]
async fn a_process_that_writes_until_it_is_killed() {
    let Some(folder) = crash_folder() else { return };
    let engine = Engine::start(in_folder(Path::new(&folder))).unwrap();
    let (dynamodb, sqs) = clients(&engine.dynamodb_url(), &engine.sqs_url());
    make_table(&dynamodb, "things").await;
    let url = make_queue(&sqs, "jobs").await;
    for number in 0.. {
        put(&dynamodb, "things", &number.to_string(), 0).await;
        sqs.send_message().queue_url(&url).message_body(number.to_string()).send().await.unwrap();
        // What was acknowledged goes to the parent; it is what must survive.
        println!("\nacknowledged {number}");
    }
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "embedded::a_process_that_writes_until_it_is_killed", "--nocapture"])
        .env("TIDINGS_ENGINE_CRASH_FOLDER", folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdout = writer.stdout.take().unwrap();
    let (mut output, mut buffer) = (String::new(), [0_u8; 4096]);
    while output.matches("acknowledged").count() < 100 {
        let read = stdout.read(&mut buffer).unwrap();
        assert!(read > 0, "the writer ended early: {output}");
        output.push_str(std::str::from_utf8(&buffer[..read]).unwrap());
    }
    // On Unix this is SIGKILL.
    writer.kill().unwrap();
    writer.wait().unwrap();
    stdout.read_to_string(&mut output).unwrap();

    let engine = Engine::start(in_folder(folder.path())).unwrap();
    let (dynamodb, _) = clients(&engine.dynamodb_url(), &engine.sqs_url());
    let acknowledged = output.matches("acknowledged").count();
    for number in 0..acknowledged {
        assert!(has(&dynamodb, "things", &number.to_string()).await, "{number} of {acknowledged} is lost");
    }
    let kept = engine.sqs().counts("jobs").unwrap().total();
    assert!(kept >= acknowledged as u64, "{kept} messages of {acknowledged} are left");
}

#[test]
fn a_folder_that_is_in_use_is_refused_by_name_and_free_after_the_engine_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let engine = Engine::start(in_folder(folder.path())).unwrap();
    let refused = Engine::start(in_folder(folder.path())).unwrap_err();
    assert!(matches!(refused, EngineError::FolderInUse { .. }));
    assert!(refused.to_string().contains(folder.path().to_str().unwrap()), "{refused}");
    drop(engine);
    Engine::start(in_folder(folder.path())).unwrap();
}

#[test]
fn a_port_that_is_taken_is_refused_by_number() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let refused = Engine::start(EngineOptions { sqs_port: port, ..EngineOptions::default() }).unwrap_err();
    assert!(matches!(refused, EngineError::PortTaken { service: "SQS", .. }));
    assert!(refused.to_string().contains(&port.to_string()), "{refused}");
    drop(taken);
    let engine = Engine::start(EngineOptions { sqs_port: port, ..EngineOptions::default() }).unwrap();
    assert_eq!(engine.sqs_url(), format!("http://127.0.0.1:{port}"));
}

#[test]
fn a_file_that_is_no_database_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("sqs.sqlite"),
        "not a database, but long enough to be read as one".repeat(9),
    )
    .unwrap();
    let refused = Engine::start(in_folder(folder.path())).unwrap_err();
    assert!(matches!(refused, EngineError::Open { service: "SQS", .. }), "{refused:?}");
    assert!(refused.to_string().contains("sqs.sqlite"), "{refused}");
}

#[tokio::test]
async fn messages_expire_when_the_retention_period_is_over() {
    let clock = TestClock::start();
    let engine = Engine::start(EngineOptions { clock: clock.clock(), ..EngineOptions::default() }).unwrap();
    let (_, sqs) = clients(&engine.dynamodb_url(), &engine.sqs_url());
    let dead = make_queue(&sqs, "dead").await;
    let policy =
        "{\"deadLetterTargetArn\":\"arn:aws:sqs:us-east-1:000000000000:dead\",\"maxReceiveCount\":1}";
    let create = sqs.create_queue().queue_name("jobs").attributes(QueueAttributeName::RedrivePolicy, policy);
    let jobs = create.send().await.unwrap().queue_url.unwrap();
    for queue in [&dead, &jobs] {
        let set = sqs.set_queue_attributes().queue_url(queue);
        set.attributes(QueueAttributeName::MessageRetentionPeriod, "60").send().await.unwrap();
    }
    sqs.send_message().queue_url(&jobs).message_body("old").send().await.unwrap();
    let receive = |url: &String| sqs.receive_message().queue_url(url).visibility_timeout(1).send();
    assert_eq!(receive(&jobs).await.unwrap().messages().len(), 1);
    clock.pass(Duration::from_secs(59));
    // It moves to the dead-letter queue, but does not grow younger there.
    assert_eq!(receive(&jobs).await.unwrap().messages().len(), 0);
    assert_eq!(engine.sqs().counts("dead").unwrap().visible, 1);
    clock.pass(Duration::from_secs(1));
    assert_eq!(engine.sqs().counts("dead").unwrap().total(), 0);
    assert_eq!(receive(&dead).await.unwrap().messages().len(), 0);
}

#[tokio::test]
async fn expired_items_are_gone_after_a_sweep_and_others_stay() {
    let clock = TestClock::start();
    let engine = Engine::start(EngineOptions { clock: clock.clock(), ..EngineOptions::default() }).unwrap();
    let (dynamodb, _) = clients(&engine.dynamodb_url(), &engine.sqs_url());
    make_table(&dynamodb, "things").await;
    let ttl = TimeToLiveSpecification::builder().attribute_name("ttl").enabled(true).build().unwrap();
    let enable = dynamodb.update_time_to_live().table_name("things");
    enable.time_to_live_specification(ttl).send().await.unwrap();
    let now = clock.now_ms() / 1000;
    put(&dynamodb, "things", "short", now + 600).await;
    put(&dynamodb, "things", "long", now + 7200).await;
    assert_eq!(engine.sweep_ttl().unwrap(), 0);
    clock.pass(Duration::from_secs(3600));
    assert!(has(&dynamodb, "things", "short").await);
    assert_eq!(engine.sweep_ttl().unwrap(), 1);
    assert!(!has(&dynamodb, "things", "short").await);
    assert!(has(&dynamodb, "things", "long").await);
}

#[tokio::test]
async fn a_long_poll_wakes_by_itself_when_a_delay_ends() {
    let engine = Engine::start(EngineOptions::default()).unwrap();
    let (_, sqs) = clients(&engine.dynamodb_url(), &engine.sqs_url());
    let url = make_queue(&sqs, "jobs").await;
    let began = Instant::now();
    sqs.send_message().queue_url(&url).message_body("later").delay_seconds(1).send().await.unwrap();
    let received = sqs.receive_message().queue_url(&url).wait_time_seconds(20).send().await.unwrap();
    assert_eq!(received.messages().len(), 1);
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(990) && took < Duration::from_secs(3), "it took {took:?}");
}

#[tokio::test]
async fn a_long_poll_wakes_when_the_clock_is_moved() {
    let clock = TestClock::start();
    let engine = Engine::start(EngineOptions { clock: clock.clock(), ..EngineOptions::default() }).unwrap();
    let (_, sqs) = clients(&engine.dynamodb_url(), &engine.sqs_url());
    let url = make_queue(&sqs, "jobs").await;
    sqs.send_message().queue_url(&url).message_body("later").delay_seconds(900).send().await.unwrap();
    let poll = sqs.receive_message().queue_url(&url).wait_time_seconds(20).send();
    let mover = async {
        // The poll has to be waiting before the clock moves.
        tokio::time::sleep(Duration::from_millis(200)).await;
        clock.pass(Duration::from_secs(900));
        engine.sqs().wake();
        Instant::now()
    };
    let (received, moved) = join(poll, mover).await;
    assert_eq!(received.unwrap().messages().len(), 1);
    assert!(moved.elapsed() < Duration::from_secs(2), "it woke after {:?}", moved.elapsed());
}

#[tokio::test]
async fn stopping_ends_long_polls_with_an_empty_answer() {
    let engine = Engine::start(EngineOptions::default()).unwrap();
    let (_, sqs) = clients(&engine.dynamodb_url(), &engine.sqs_url());
    let url = make_queue(&sqs, "jobs").await;
    let poll = sqs.receive_message().queue_url(&url).wait_time_seconds(20).send();
    let stop = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let began = Instant::now();
        engine.stop().await;
        began.elapsed()
    };
    let (received, took) = join(poll, stop).await;
    assert!(received.unwrap().messages().is_empty());
    assert!(took < Duration::from_secs(1), "stopping took {took:?}");
}

#[tokio::test]
async fn a_group_with_a_long_backlog_does_not_hold_up_another() {
    let engine = Engine::start(EngineOptions::default()).unwrap();
    let (_, sqs) = clients(&engine.dynamodb_url(), &engine.sqs_url());
    let url = make_queue(&sqs, "jobs").await;
    let send = |group: &'static str, body: String| {
        sqs.send_message().queue_url(&url).message_body(body).message_group_id(group).send()
    };
    for n in 0..30 {
        send("large", format!("large {n}")).await.unwrap();
    }
    let receive = async |most| {
        let received =
            sqs.receive_message().queue_url(&url).max_number_of_messages(most).send().await.unwrap();
        received.messages().iter().filter_map(|m| m.body().map(str::to_owned)).collect::<Vec<_>>()
    };
    assert_eq!(receive(2).await, ["large 0", "large 1"]);
    send("small", "small".to_owned()).await.unwrap();
    let next = receive(2).await;
    assert!(next.contains(&"small".to_owned()), "{next:?}");
    assert_eq!(receive(10).await.len(), 10);
}

#[tokio::test]
async fn a_purge_from_within_empties_a_queue_as_often_as_wanted() {
    let engine = Engine::start(EngineOptions::default()).unwrap();
    let (_, sqs) = clients(&engine.dynamodb_url(), &engine.sqs_url());
    let url = make_queue(&sqs, "jobs").await;
    for _ in 0..2 {
        sqs.send_message().queue_url(&url).message_body("x").send().await.unwrap();
        engine.sqs().purge("jobs").unwrap();
        assert_eq!(engine.sqs().counts("jobs").unwrap().total(), 0);
    }
    assert_eq!(engine.sqs().queues(), ["jobs"]);
    assert!(matches!(engine.sqs().counts("none"), Err(EngineError::NoSuchQueue { .. })));
}
