//! The providers' contracts: what we send and what we make of their answers and calls, held to samples, vectors and fakes.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod fake;
mod ses_events;
mod ses_send;
mod sns;
mod twilio_calls;
mod twilio_look_up;
mod twilio_send;
mod whatsapp_calls;
mod whatsapp_send;

use channels::{Limited, Outcome, Outgoing, Problem};
use domain::content::Rendered;
use domain::member::Address;
use domain::{MessageId, OrgId, Timestamp};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::fake::{Mishap, unlucky};

/// The id of the message that the tests send.
const MESSAGE_ID: &str = "msg_01JD0000000000000000000000-7-99";

fn message_id() -> MessageId {
    MESSAGE_ID.parse().unwrap()
}

fn now() -> Timestamp {
    "2026-10-15T01:00:00Z".parse().unwrap()
}

/// A text of `tests/fixtures`.
fn fixture(path: &str) -> String {
    let path = format!("{}/../../tests/fixtures/{path}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// All texts of a folder of `tests/fixtures`, with their names.
fn fixtures(folder: &str) -> Vec<(String, String)> {
    let path = format!("{}/../../tests/fixtures/{folder}", env!("CARGO_MANIFEST_DIR"));
    let names =
        std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let all: Vec<_> = names.map(|name| (name.clone(), fixture(&format!("{folder}/{name}")))).collect();
    assert!(!all.is_empty());
    all
}

/// The cases of a file of vectors.
fn cases<V: DeserializeOwned>(path: &str) -> Vec<V> {
    #[derive(Deserialize)]
    struct Vectors<V> {
        cases: Vec<V>,
    }
    serde_json::from_str::<Vectors<V>>(&fixture(path)).unwrap().cases
}

/// Holds `send`, which sends to the provider at a URL, to this: where the provider may have had the request, nobody knows what became of it,
/// and it is not made again.
async fn assert_unknown_and_made_once(send: impl AsyncFn(&str) -> Outcome) {
    for mishap in [Mishap::Silence, Mishap::Closed, Mishap::BrokenOff] {
        let (url, connections) = unlucky(mishap).await;
        assert_eq!(brief(&send(&url).await), "unknown", "{mishap:?}");
        assert_eq!(*connections.lock().unwrap(), 1, "{mishap:?}");
    }
}

/// Owns what an [`Outgoing`] borrows.
struct Letter {
    org_id: OrgId,
    to: Address,
    content: Rendered,
    unsubscribe_url: Option<String>,
}

impl Letter {
    fn new(to: &str, content: Rendered) -> Self {
        let org_id = "st-ors".parse().unwrap();
        Self { org_id, to: Address::stored(to.into()), content, unsubscribe_url: None }
    }

    fn outgoing(&self) -> Outgoing<'_> {
        Outgoing {
            message_id: message_id(),
            org_id: &self.org_id,
            to: &self.to,
            content: &self.content,
            unsubscribe_url: self.unsubscribe_url.as_deref(),
        }
    }
}

/// The problem of an outcome that has one.
fn problem(outcome: &Outcome) -> Option<&Problem> {
    match outcome {
        Outcome::Accepted { .. } => None,
        Outcome::Retry { problem, .. }
        | Outcome::Unknown { problem }
        | Outcome::Refused { problem, .. }
        | Outcome::OptedOut { problem }
        | Outcome::SenderRefused { problem, .. } => Some(problem),
    }
}

/// An outcome in few words, for tables.
fn brief(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Accepted { segments: None, .. } => "accepted".into(),
        Outcome::Accepted { segments: Some(segments), .. } => format!("accepted {segments}"),
        Outcome::Retry { after, limited, .. } => {
            let after = after.map_or(String::new(), |after| format!(" after {}", after.as_secs()));
            format!(
                "{}{after}",
                match limited {
                    Some(Limited::Sender) => "slow down",
                    Some(Limited::Recipient) => "recipient later",
                    None => "retry",
                }
            )
        }
        Outcome::Unknown { .. } => "unknown".into(),
        Outcome::Refused { code, .. } => code.as_str().into(),
        Outcome::OptedOut { .. } => "opted out".into(),
        Outcome::SenderRefused { reason, .. } => format!("sender: {reason}"),
    }
}
