//! A data folder of which a file is damaged: the stack says which, and leaves all of it as it is.

use std::path::Path;

use local::Stack;
use serde_json::json;

use crate::stack::options;

/// A folder that a stack has used and left.
async fn used() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let stack = Stack::start(options(folder.path())).await.unwrap();
    let sqs = &stack.clients().sqs;
    let url = sqs.get_queue_url().queue_name("jobs-local").send().await.unwrap().queue_url.unwrap();
    for number in 0..200 {
        let id = aws_sdk_dynamodb::types::AttributeValue::S(format!("thing {number}"));
        let text = aws_sdk_dynamodb::types::AttributeValue::S("x".repeat(500));
        let put = stack.clients().dynamodb.put_item().table_name("things-local");
        put.item("pk", id).item("text", text).send().await.unwrap();
        let later = sqs.send_message().queue_url(&url).delay_seconds(900);
        later.message_body("y".repeat(500)).send().await.unwrap();
    }
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let behaviour = json!({ "provider": "ses", "latency_ms": 1 });
    http.put(format!("{}/sim/behaviour", stack.base_url())).json(&behaviour).send().await.unwrap();
    stack.stop().await;
    folder
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// What a start says when `damage` was done to one file of a copy of the folder.
async fn said(used: &Path, name: &str, damage: impl FnOnce(&Path)) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    copy(used, folder.path());
    let file = folder.path().join("data").join(name);
    assert!(file.is_file(), "{name} is not there");
    damage(&file);
    match Stack::start(options(folder.path())).await {
        Ok(stack) => {
            stack.stop().await;
            Ok(())
        }
        Err(error) => Err(format!("{error:#}").replace(&folder.path().display().to_string(), "")),
    }
}

fn cut(share: u64) -> impl Fn(&Path) {
    move |file: &Path| {
        let length = file.metadata().unwrap().len();
        assert!(length > 0, "{} is empty", file.display());
        std::fs::OpenOptions::new().write(true).open(file).unwrap().set_len(length * share / 100).unwrap();
    }
}

/// Nobody can read a directory as a file, not even root.
fn made_unreadable(file: &Path) {
    std::fs::remove_file(file).unwrap();
    std::fs::create_dir(file).unwrap();
}

/// The files that hold something, all of which a start needs whole.
const NEEDED: [&str; 6] = [
    "jwt-key.pem",
    "secrets.json",
    "seeded",
    "engine/dynamodb.sqlite",
    "engine/sqs.sqlite",
    "simulators/simulators.sqlite",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_was_cut_off_is_named() {
    let used = used().await;
    let mut wrong = Vec::new();
    for name in NEEDED {
        for share in [0, 3, 50, 90] {
            match said(used.path(), name, cut(share)).await {
                Ok(()) => wrong.push(format!("{name}, cut to {share} %, goes unnoticed")),
                Err(text) if !text.contains(name) => wrong.push(format!("{name}, cut to {share} %: {text}")),
                Err(_) => {}
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_read_is_named() {
    let used = used().await;
    let mut wrong = Vec::new();
    for name in NEEDED.into_iter().chain(["lock", "engine/engine.lock", "logs/probe.log"]) {
        match said(used.path(), name, made_unreadable).await {
            Ok(()) => wrong.push(format!("{name} goes unnoticed")),
            Err(text) if !text.contains(name) => wrong.push(format!("{name}: {text}")),
            Err(_) => {}
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_holds_something_else_is_named() {
    let used = used().await;
    let mut wrong = Vec::new();
    for name in NEEDED {
        let nonsense = |file: &Path| std::fs::write(file, "nonsense ".repeat(2_000)).unwrap();
        match said(used.path(), name, nonsense).await {
            Ok(()) => wrong.push(format!("{name} goes unnoticed")),
            Err(text) if !text.contains(name) => wrong.push(format!("{name}: {text}")),
            Err(_) => {}
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_be_made_again_is_made_again() {
    let used = used().await;
    let lost = |file: &Path| std::fs::remove_file(file).unwrap();
    for name in ["lock", "engine/engine.lock", "logs/probe.log"] {
        assert_eq!(said(used.path(), name, lost).await, Ok(()), "{name}");
    }
}
