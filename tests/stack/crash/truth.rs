//! The two accounts of what happened: the simulated providers' ledger, which is the truth, and our own rows.

use std::collections::{BTreeMap, BTreeSet};

use domain::Timestamp;
use serde_json::Value;

use super::caller::Caller;
use super::journal::Journal;
use super::members::Member;

/// A message that a provider accepted.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) channel: &'static str,
    pub(crate) to: String,
    pub(crate) at: Timestamp,
    /// Our id of it, as the request says.
    pub(crate) message_id: String,
    /// The words of its text.
    words: BTreeSet<String>,
    pub(crate) item: Value,
}

impl Entry {
    fn of(item: &Value) -> Self {
        let text = |name: &str| item[name].as_str().unwrap_or_default().to_owned();
        let channel = match item["provider"].as_str() {
            Some("twilio") => "sms",
            Some("whatsapp") => "whatsapp",
            _ => "email",
        };
        let said = text("text");
        let words = said.split(|letter: char| !letter.is_ascii_alphanumeric()).map(str::to_owned).collect();
        Self {
            channel,
            to: text("to"),
            at: text("at").parse().expect("a time"),
            message_id: our_id(&item["request"]),
            words,
            item: item.clone(),
        }
    }

    pub(crate) fn says(&self, word: &str) -> bool {
        self.words.contains(word)
    }

    /// The member whose reference it carries.
    pub(crate) fn member(&self) -> Option<Member> {
        self.words.iter().find_map(|word| Member::of_reference(word))
    }
}

/// Where each provider's request carries our id.
fn our_id(request: &Value) -> String {
    let of_query = |url: &str| {
        url.split_once("m=").map(|(_, rest)| rest.split(['#', '&']).next().unwrap_or(rest).to_owned())
    };
    let callback = request["StatusCallback"].as_str().and_then(of_query);
    let opaque = || request["biz_opaque_callback_data"].as_str().map(str::to_owned);
    let tag = || {
        let tags = request["Tags"].as_array()?;
        tags.iter().find(|tag| tag["Name"] == "message_id")?["Value"].as_str().map(str::to_owned)
    };
    callback.or_else(opaque).or_else(tag).unwrap_or_default()
}

/// A row as the API shows it.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) member_id: String,
    pub(crate) channel: String,
    pub(crate) address: String,
    pub(crate) status: String,
    pub(crate) code: Option<String>,
    /// Whether the provider is known to have had it.
    pub(crate) sent: bool,
    pub(crate) covered_by: Option<String>,
    /// The chunk that it stands in.
    pub(crate) chunk: String,
}

impl Row {
    pub(crate) fn of(view: &Value) -> Self {
        let text = |name: &str| view[name].as_str().map(str::to_owned);
        let id = text("id").expect("an id");
        Self {
            member_id: text("member_id").unwrap_or_default(),
            channel: text("channel").expect("a channel"),
            address: text("address").unwrap_or_default(),
            status: text("status").expect("a status"),
            code: text("failure_code"),
            sent: !view["sent_at"].is_null(),
            covered_by: text("covered_by"),
            chunk: id.rsplit_once('-').map(|(chunk, _)| chunk.to_owned()).unwrap_or_default(),
            id,
        }
    }

    pub(crate) fn is(&self, statuses: &[&str]) -> bool {
        statuses.contains(&self.status.as_str())
    }
}

/// An action with all its rows.
#[derive(Debug, Clone)]
pub(crate) struct Action {
    pub(crate) tag: &'static str,
    pub(crate) id: String,
    pub(crate) view: Value,
    pub(crate) rows: Vec<Row>,
}

/// Everything, read when all is quiet.
pub(crate) struct Truth {
    pub(crate) ledger: Vec<Entry>,
    /// Entries by our id.
    pub(crate) by_id: BTreeMap<String, Vec<Entry>>,
    pub(crate) actions: Vec<Action>,
    /// Single sends and replies by their word.
    pub(crate) directs: BTreeMap<String, Row>,
}

impl Truth {
    pub(crate) async fn read(caller: &Caller, journal: &Journal) -> Self {
        let ledger: Vec<Entry> = caller.all("/sim/messages?").await.iter().map(Entry::of).collect();
        let mut by_id: BTreeMap<String, Vec<Entry>> = BTreeMap::new();
        for entry in &ledger {
            by_id.entry(entry.message_id.clone()).or_default().push(entry.clone());
        }
        let mut actions = Vec::new();
        for (tag, id) in journal.actions() {
            let rows = caller.all(&format!("/messages?bulk_action_id={id}&limit=200")).await;
            let view = caller.get(&format!("/bulk-actions/{id}")).await;
            actions.push(Action { tag, id, view, rows: rows.iter().map(Row::of).collect() });
        }
        let known = journal.entries().directs.clone();
        let mut directs = BTreeMap::new();
        for (word, id) in known {
            let row = Row::of(&caller.get(&format!("/messages/{id}")).await);
            directs.insert(word, row);
        }
        Self { ledger, by_id, actions, directs }
    }

    /// How often providers accepted a message with this id of ours.
    pub(crate) fn accepted(&self, id: &str) -> usize {
        self.by_id.get(id).map_or(0, Vec::len)
    }

    /// All rows, those of single messages included.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &Row> {
        self.actions.iter().flat_map(|action| &action.rows).chain(self.directs.values())
    }
}
