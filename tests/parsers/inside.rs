//! What comes back to us from outside: tokens and cursors that we made, bodies of our own queues, and events of Lambda's.

use domain::{Channel, OrgId};
use lambda::{http_request, jobs_of};
use serde::Serialize;
use serde::de::DeserializeOwned;
use store::directory::{AddressKeys, UnsubscribeTokens};
use usecases::cursor;
use wire::queue::{ApplyReceiptJob, DispatchJob, Job, SendMessageJob};

fn keys() -> AddressKeys {
    AddressKeys::new(b"a master key for properties, of 32 bytes and more").expect("a key that is long enough")
}

/// A token of an unsubscribe link, and a cursor.
pub(super) fn tokens(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let tokens = UnsubscribeTokens::new(keys());
    if let Some((org, channel, address)) = tokens.open(&text) {
        assert_eq!(tokens.make(&org, channel, &address), *text, "a token has one spelling");
    }
    let org: OrgId = "demo".parse().expect("an id");
    let opened: Option<serde_json::Value> = cursor::open(&keys(), &org, "members?", &text);
    assert!(opened.is_none(), "nobody guesses a seal: {text}");
    let sealed = cursor::seal(&keys(), &org, &text, &text);
    assert_eq!(
        cursor::open(&keys(), &org, &text, &sealed),
        (sealed.len() <= 2_048).then(|| text.clone().into_owned())
    );
    assert!(Channel::ALL.iter().all(|channel| channel.as_str().parse() == Ok(*channel)));
}

fn job<J: Job + Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(bytes: &[u8]) {
    let Ok(job) = serde_json::from_slice::<J>(bytes) else { return };
    let written = serde_json::to_vec(&job).expect("a job is JSON");
    assert_eq!(serde_json::from_slice::<J>(&written).expect("what is written is read"), job);
    assert!(!job.group().is_empty() && job.group().len() <= 128, "SQS takes groups of 1 to 128 characters");
}

/// A body of each queue.
pub(super) fn queue_bodies(bytes: &[u8]) {
    job::<SendMessageJob>(bytes);
    job::<DispatchJob>(bytes);
    job::<ApplyReceiptJob>(bytes);
}

/// An event of API Gateway's, and one of SQS.
pub(super) fn lambda_events(bytes: &[u8]) {
    if let Ok(event) = serde_json::from_slice(bytes) {
        match http_request(event) {
            Ok(request) => {
                let well_formed = |name: &String| *name == name.to_ascii_lowercase();
                assert!(request.headers.keys().all(well_formed));
            }
            Err(problem) => assert!((400..500).contains(&problem.status), "{problem:?}"),
        }
    }
    if let Ok(event) = serde_json::from_slice(bytes) {
        let _read: Vec<Option<SendMessageJob>> = jobs_of(&event);
    }
}
