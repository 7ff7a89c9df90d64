//! How fast the embedded engine is. Run by hand:
//! `cargo test -p engine --test contract --release -- --ignored --nocapture throughput`.

use std::future::Future;
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::{AttributeValue, BatchStatementRequest};
use aws_sdk_sqs::types::{DeleteMessageBatchRequestEntry, SendMessageBatchRequestEntry};
use engine::{Engine, EngineOptions};
use futures_util::future::join_all;

use crate::support::clients;

const WORKERS: usize = 16;

/// Runs `work` in each of the workers and prints how many things were done in a second, and what each cost the engine.
async fn measure<F: Future<Output = u32> + Send + 'static>(what: &str, work: impl Fn(usize) -> F) {
    let (began, busy) = (Instant::now(), engine_cpu());
    let workers: Vec<_> = (0..WORKERS).map(|worker| tokio::spawn(work(worker))).collect();
    let done: u32 = join_all(workers).await.into_iter().map(Result::unwrap).sum();
    let took = began.elapsed();
    let cost = engine_cpu().saturating_sub(busy) / done;
    println!(
        "{what}: {:.0}/s ({done} in {took:.1?}), {cost:.1?} of the engine's CPU each",
        f64::from(done) / took.as_secs_f64()
    );
}

/// CPU time of the engine's threads so far, from `/proc`; zero on other systems.
fn engine_cpu() -> Duration {
    // The kernel counts in hundredths of a second for every program (`USER_HZ`).
    const TICK: Duration = Duration::from_millis(10);
    let Ok(threads) = std::fs::read_dir("/proc/self/task") else { return Duration::ZERO };
    let ticks = threads.flatten().filter_map(|thread| {
        let stat = std::fs::read_to_string(thread.path().join("stat")).ok()?;
        let (_, rest) = stat.split_once("(engine-")?;
        let mut fields = rest.split_once(") ")?.1.split(' ').skip(11);
        Some(fields.next()?.parse::<u32>().ok()? + fields.next()?.parse::<u32>().ok()?)
    });
    TICK * ticks.sum::<u32>()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement: prints numbers and asserts none"]
async fn throughput_of_queues() {
    let folder = tempfile::tempdir().unwrap();
    for (place, data) in [("memory", None), ("file", Some(folder.path().to_owned()))] {
        let engine = Engine::start(EngineOptions { data, ..EngineOptions::default() }).unwrap();
        let (_, sqs) = clients(&engine.dynamodb_url(), &engine.sqs_url());
        let url = sqs.create_queue().queue_name("jobs").send().await.unwrap().queue_url.unwrap();
        for grouped in [false, true] {
            let label = |what: &str| format!("SQS {place}, groups {grouped}: {what}");
            let (client, queue) = (sqs.clone(), url.clone());
            measure(&label("messages sent"), move |worker| {
                send(client.clone(), queue.clone(), worker, grouped)
            })
            .await;
            let (client, queue) = (sqs.clone(), url.clone());
            measure(&label("messages received and deleted"), move |_| drain(client.clone(), queue.clone()))
                .await;
        }
        wakes(&sqs, &url, place).await;
        engine.stop().await;
    }
}

async fn send(sqs: aws_sdk_sqs::Client, url: String, worker: usize, grouped: bool) -> u32 {
    let body = format!(
        "{{\"v\":1,\"parcel\":\"org_{worker}#act_01J9ZQ3YB6Y2V5W3H1M4N7P8Q9#00042#sms\",\"pass\":1}}"
    );
    for _ in 0..200 {
        let entry = |n: usize| {
            let entry = SendMessageBatchRequestEntry::builder().id(n.to_string()).message_body(&body);
            entry.set_message_group_id(grouped.then(|| format!("org_{worker}"))).build().unwrap()
        };
        let entries: Vec<_> = (0..10).map(entry).collect();
        sqs.send_message_batch().queue_url(&url).set_entries(Some(entries)).send().await.unwrap();
    }
    2000
}

async fn drain(sqs: aws_sdk_sqs::Client, url: String) -> u32 {
    let mut done = 0;
    loop {
        let receive = sqs.receive_message().queue_url(&url).max_number_of_messages(10);
        let messages = receive.send().await.unwrap().messages.unwrap_or_default();
        if messages.is_empty() {
            return done;
        }
        done += u32::try_from(messages.len()).unwrap();
        let entry = |(n, message): (usize, &aws_sdk_sqs::types::Message)| {
            let entry = DeleteMessageBatchRequestEntry::builder().id(n.to_string());
            entry.receipt_handle(message.receipt_handle().unwrap()).build().unwrap()
        };
        let entries: Vec<_> = messages.iter().enumerate().map(entry).collect();
        sqs.delete_message_batch().queue_url(&url).set_entries(Some(entries)).send().await.unwrap();
    }
}

/// How long a waiting long poll takes to answer after a message was sent.
async fn wakes(sqs: &aws_sdk_sqs::Client, url: &str, place: &str) {
    let mut took = Vec::new();
    for _ in 0..50 {
        let poll = sqs.receive_message().queue_url(url).wait_time_seconds(20).send();
        let poll = tokio::spawn(async move { poll.await.map(|_| Instant::now()) });
        tokio::time::sleep(Duration::from_millis(20)).await;
        let began = Instant::now();
        sqs.send_message().queue_url(url).message_body("x").send().await.unwrap();
        took.push(poll.await.unwrap().unwrap().saturating_duration_since(began));
    }
    took.sort();
    println!("SQS {place}: a long poll wakes after {:.1?} (median), {:.1?} (worst)", took[25], took[49]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement: prints numbers and asserts none"]
async fn throughput_of_conditional_writes() {
    let folder = tempfile::tempdir().unwrap();
    for (place, data) in [("memory", None), ("file", Some(folder.path().to_owned()))] {
        let engine = Engine::start(EngineOptions { data, ..EngineOptions::default() }).unwrap();
        let (dynamodb, _) = clients(&engine.dynamodb_url(), &engine.sqs_url());
        crate::embedded::make_table(&dynamodb, "rows").await;
        let client = dynamodb.clone();
        measure(&format!("DynamoDB {place}: rows inserted by statements of 25"), move |worker| {
            statements(client.clone(), worker, "INSERT INTO rows VALUE {'pk': ?, 'v': 1}")
        })
        .await;
        let client = dynamodb.clone();
        measure(&format!("DynamoDB {place}: rows updated by statements of 25"), move |worker| {
            statements(client.clone(), worker, "UPDATE rows SET v = 2 WHERE pk = ? AND v = 1")
        })
        .await;
        let client = dynamodb.clone();
        measure(&format!("DynamoDB {place}: rows updated one by one"), move |worker| {
            updates(client.clone(), worker)
        })
        .await;
        engine.stop().await;
    }
}

async fn statements(dynamodb: aws_sdk_dynamodb::Client, worker: usize, statement: &'static str) -> u32 {
    for batch in 0..20 {
        let request = |n: usize| {
            let pk = AttributeValue::S(format!("{worker}-{batch}-{n}"));
            BatchStatementRequest::builder().statement(statement).parameters(pk).build().unwrap()
        };
        let requests: Vec<_> = (0..25).map(request).collect();
        let done = dynamodb.batch_execute_statement().set_statements(Some(requests)).send().await.unwrap();
        assert!(done.responses().iter().all(|response| response.error().is_none()));
    }
    500
}

async fn updates(dynamodb: aws_sdk_dynamodb::Client, worker: usize) -> u32 {
    for batch in 0..20 {
        for n in 0..25 {
            dynamodb
                .update_item()
                .table_name("rows")
                .key("pk", AttributeValue::S(format!("{worker}-{batch}-{n}")))
                .update_expression("SET v = :next")
                .condition_expression("v = :seen")
                .expression_attribute_values(":next", AttributeValue::N("3".into()))
                .expression_attribute_values(":seen", AttributeValue::N("2".into()))
                .send()
                .await
                .unwrap();
        }
    }
    500
}
