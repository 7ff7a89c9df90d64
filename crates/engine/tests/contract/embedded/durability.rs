//! Restarts, crashes, locks.

use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};

use engine::{Engine, EngineError, EngineOptions, QueueCounts};

use super::{has, make_queue, make_table, put};
use crate::support::{clients, crash_folder};

fn in_folder(folder: &Path) -> EngineOptions {
    EngineOptions { data: Some(folder.to_owned()), ..EngineOptions::default() }
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
        .args(["--exact", "embedded::durability::a_process_that_writes_until_it_is_killed", "--nocapture"])
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
