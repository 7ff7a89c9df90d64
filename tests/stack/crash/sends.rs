//! What is sent in one run: bulk actions that take every way through the system.

use std::time::Duration;

use serde_json::{Value, json};

use super::caller::now;
use super::members::{Ending, Member};

/// A bulk action as its sender means it.
#[derive(Debug, Clone)]
pub(crate) struct Send {
    /// What stands in each of its messages and in those of no other.
    pub(crate) tag: &'static str,
    /// When it is asked for, since the beginning.
    pub(crate) at: Duration,
    pub(crate) members: Vec<Member>,
    pub(crate) channels: &'static [&'static str],
    pub(crate) routing: &'static str,
    pub(crate) dedupe: &'static str,
    /// How long after that it is to start.
    pub(crate) starts_in: Option<Duration>,
}

/// The send that is retried by several people at once: all of it is refused.
pub(crate) const RETRIED: &str = "T02";
/// The send that several people cancel at once, about when it starts.
pub(crate) const CANCELLED: &str = "T08";

impl Send {
    /// A send to a share of the members (in hundredths), at a second of the run.
    fn new(tag: &'static str, at_s: u64, share: (usize, usize), channels: &'static [&'static str]) -> Self {
        let (share, of) = share;
        Self {
            tag,
            at: Duration::from_secs(at_s),
            members: (0..of * share / 100).map(Member).collect(),
            channels,
            routing: "all",
            dedupe: "none",
            starts_in: None,
        }
    }

    /// The rows that it must have.
    pub(crate) fn rows(&self) -> usize {
        if self.routing == "all" { self.members.len() * self.channels.len() } else { self.members.len() }
    }

    /// Body of `POST /bulk-actions`.
    pub(crate) fn body(&self) -> Value {
        let ids: Vec<String> = self.members.iter().map(|member| member.id()).collect();
        let messages: Vec<Value> = self.channels.iter().map(|channel| message(channel, self.tag)).collect();
        let mut body = json!({
            "type": "send_message", "target_ids": ids, "messages": messages, "routing": self.routing,
            "dedupe": self.dedupe,
        });
        if let Some(wait) = self.starts_in {
            body["schedule_at"] = json!((now() + wait).to_string());
        }
        body
    }
}

fn message(channel: &str, tag: &str) -> Value {
    let text = format!("{{{{member.fields.ref}}}} {tag}");
    match channel {
        "sms" => json!({ "channel": "sms", "body": text }),
        "email" => json!({ "channel": "email", "subject": "Sunday", "body": text }),
        _ => {
            let parameters = json!({ "1": "{{member.fields.ref}}", "2": tag });
            json!({ "channel": "whatsapp", "template_id": "service_reminder", "parameters": parameters })
        }
    }
}

/// All sends to `members` members: about 4.4 rows for each of them.
pub(crate) fn all(members: usize) -> Vec<Send> {
    let refused = (0..members).map(Member).filter(|member| member.ending() == Ending::Refused);
    let second = Duration::from_secs;
    vec![
        Send::new("T01", 1, (100, members), &["sms"]),
        Send { members: refused.collect(), ..Send::new(RETRIED, 2, (0, members), &["sms"]) },
        Send { starts_in: Some(second(14)), ..Send::new(CANCELLED, 3, (5, members), &["sms"]) },
        Send { starts_in: Some(second(10)), ..Send::new("T05", 4, (60, members), &["email"]) },
        Send::new("T03", 5, (70, members), &["whatsapp", "email"]),
        Send { dedupe: "address", ..Send::new("T04", 9, (50, members), &["sms"]) },
        Send { routing: "first_reachable", ..Send::new("T06", 14, (40, members), &["whatsapp", "sms"]) },
        Send::new("T07", 18, (15, members), &["sms", "whatsapp", "email"]),
    ]
}
