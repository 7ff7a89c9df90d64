//! Restarts, crashes, locks.

use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};

use engine::{Engine, EngineError, EngineOptions, QueueCounts};

use super::{has, make_indexed_table, make_queue, make_table, put};
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

/// The statements that `CreateTable` runs come one by one, and a kill may fall between any two of them.
fn as_if_killed_before(folder: &Path, statement: &str) {
    let file = rusqlite::Connection::open(folder.join("dynamodb.sqlite")).unwrap();
    file.execute_batch(statement).unwrap();
}

/// Found by the crash tests: such a table was described as active and refused every write.
#[tokio::test]
async fn a_table_whose_creation_was_cut_off_is_made_anew() {
    for missing in [
        "DROP TABLE \"things::gsi::by-owner\"",
        "DROP TABLE \"things::gsi::by-owner\"; DROP TABLE \"things\"",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let engine = Engine::start(in_folder(folder.path())).unwrap();
        let (dynamodb, _) = clients(&engine.dynamodb_url(), &engine.sqs_url());
        make_table(&dynamodb, "others").await;
        put(&dynamodb, "others", "kept", 0).await;
        make_indexed_table(&dynamodb, "things").await;
        engine.stop().await;
        as_if_killed_before(folder.path(), missing);

        let engine = Engine::start(in_folder(folder.path())).unwrap();
        let (dynamodb, _) = clients(&engine.dynamodb_url(), &engine.sqs_url());
        let tables = dynamodb.list_tables().send().await.unwrap();
        assert_eq!(tables.table_names(), ["others"], "{missing}");
        make_indexed_table(&dynamodb, "things").await;
        put(&dynamodb, "things", "first", 0).await;
        assert!(has(&dynamodb, "things", "first").await && has(&dynamodb, "others", "kept").await);
        engine.stop().await;
    }
}

#[tokio::test]
async fn a_table_that_holds_items_and_lacks_an_index_is_damaged_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let engine = Engine::start(in_folder(folder.path())).unwrap();
    let (dynamodb, _) = clients(&engine.dynamodb_url(), &engine.sqs_url());
    make_indexed_table(&dynamodb, "things").await;
    put(&dynamodb, "things", "kept", 0).await;
    engine.stop().await;
    as_if_killed_before(folder.path(), "DROP TABLE \"things::gsi::by-owner\"");
    for _ in 0..2 {
        let refused = Engine::start(in_folder(folder.path())).unwrap_err();
        assert!(matches!(refused, EngineError::Open { service: "DynamoDB", .. }), "{refused:?}");
        assert!(refused.to_string().contains("dynamodb.sqlite"), "{refused}");
    }
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
