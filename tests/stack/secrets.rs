//! What a whole run logs, at the most verbose level that a deployment can set, and what it keeps: no address, name, text, token or credential is in the
//! logs, and no credential or token, and no address in a key, in the tables. Provider errors that repeat the address, calls and queue bodies that are
//! not understood and refused requests are part of the run.

mod capture;
mod needles;
mod run;
mod sign;
mod wrongly;

use std::time::Duration;

use serde_json::Value;

use crate::WINDOW_S;
use capture::Captured;
use needles::Needle;
use run::{ANSWER, FIRST, LAST, NOTE, PHONES, Run, STRANGER, SUBJECT, TEXT, UNIT, email};
use wrongly::WRONG;

fn people() -> Vec<Needle> {
    let mut needles: Vec<Needle> =
        PHONES.iter().map(|phone| Needle::phone("a member's number", phone)).collect();
    needles.push(Needle::phone("a stranger's number", STRANGER));
    needles.extend((0..PHONES.len()).map(|number| Needle::new("a member's email", &email(number))));
    needles.push(Needle::new("the domain of the emails", "parish-of-secrets"));
    needles
}

fn texts() -> Vec<Needle> {
    [
        ("a text", TEXT),
        ("a subject", SUBJECT),
        ("a value", NOTE),
        ("an answer", ANSWER),
        ("a name", FIRST),
        ("a name", LAST),
        ("a unit", UNIT),
    ]
    .map(|(what, text)| Needle::new(what, text))
    .into()
}

/// Credentials of the folder, and tokens and signatures of the run.
fn credentials(run: &Run, others: &[String]) -> Vec<Needle> {
    let mut needles = vec![Needle::new("a wrong credential", WRONG), Needle::new("a token", &run.token)];
    let signature = run.token.rsplit('.').next().unwrap_or_default();
    needles.push(Needle::new("the signature of a token", signature));
    needles.extend(others.iter().map(|text| Needle::new("a token or a signature", text)));
    let secrets =
        std::fs::read_to_string(run.stack.data().path().join("secrets.json")).expect("the secrets are there");
    let secrets: Value = serde_json::from_str(&secrets).expect("JSON");
    for (of, fields) in secrets.as_object().expect("an object") {
        for (name, value) in
            fields.as_object().expect("fields").iter().filter(|(name, _)| *name != "account_sid")
        {
            needles.push(Needle::new(&format!("{of} {name}"), value.as_str().expect("a text")));
        }
    }
    needles
}

/// The unsubscribe tokens of the mails that were sent.
async fn unsubscribe_tokens(run: &Run) -> Vec<String> {
    let ledger = run.client.get("/sim/messages").await.to_string();
    let tokens = ledger.split("/unsubscribe/").skip(1);
    let token =
        |rest: &str| rest.chars().take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).collect();
    tokens.map(token).collect::<std::collections::BTreeSet<String>>().into_iter().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_runs_logs_hold_no_address_text_or_credential_and_its_tables_no_credential() {
    let folder = tempfile::tempdir().expect("a folder");
    let captured = Captured::start();
    let run = Run::start(folder.path()).await;
    run.set_up().await;
    run.send().await;
    run.write().await;
    let mut tokens = run.ask_wrongly().await;
    tokens.extend(run.call_wrongly().await);
    run.queue_wrongly().await;
    run.send_with_wrong_credentials().await;
    let unsubscribe = unsubscribe_tokens(&run).await;
    assert!(!unsubscribe.is_empty(), "mails have links");
    let path = format!("/unsubscribe/{}", unsubscribe[0]);
    assert_eq!(run.call("POST", &path, &[], "List-Unsubscribe=One-Click").await.0, 200);
    tokens.extend(unsubscribe);
    // Windows end, and what is unknown becomes unconfirmed.
    tokio::time::sleep(Duration::from_secs(u64::from(WINDOW_S) + 5)).await;

    let credentials = credentials(&run, &tokens);
    let people = people();
    let mut found = Vec::new();
    for (item, keys) in run.items(folder.path()).await {
        let told = credentials.iter().filter_map(|needle| needle.find(&item));
        found.extend(told.map(|what| format!("a table: {what}")));
        let told = people.iter().filter_map(|needle| needle.find(&keys));
        found.extend(told.map(|what| format!("a key: {what}")));
    }
    let logs = run.stack.data().path().join("logs");
    run.stack.stop().await;

    let mut texts_of_logs = vec![("the stack itself".to_owned(), captured.text())];
    for entry in std::fs::read_dir(logs).expect("the logs are there") {
        let path = entry.expect("a file").path();
        let bytes = std::fs::read(&path).expect("a log");
        texts_of_logs.push((path.display().to_string(), String::from_utf8_lossy(&bytes).into_owned()));
    }
    let all: String = texts_of_logs.iter().map(|(_, text)| text.as_str()).collect();
    for told in [
        "a queue body does not parse",
        "a WhatsApp webhook is not understood",
        "a status callback is not understood",
        "an inbound message is not understood",
        "a message came in",
        "a token was refused",
    ] {
        assert!(all.contains(told), "the run was to log {told:?}");
    }
    let needles: Vec<Needle> = people.into_iter().chain(texts()).chain(credentials).collect();
    for (file, text) in texts_of_logs {
        let text = text.to_lowercase();
        found.extend(
            needles.iter().filter_map(|needle| needle.find(&text)).map(|what| format!("{file}: {what}")),
        );
    }
    assert!(found.is_empty(), "{} finds:\n{}", found.len(), found.join("\n"));
}
