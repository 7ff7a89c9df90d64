//! What all of a simulation shares.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::diary::Diary;
use super::dice::Dice;
use super::faults::Faults;
use super::ledger::Ledger;
use super::network::{Past, Witness};
use super::pace::Pace;
use super::queues::Wakes;
use super::sabotage::Sabotage;
use super::time::Time;
use super::{Plan, Story};
use engine::InProcess;
use serde_json::{Value, json};

/// The names of the tables, as the template has them.
pub(crate) const BULK_ACTIONS: &str = "tidings-local-bulk-actions";
pub(crate) const MESSAGE_LOGS: &str = "tidings-local-message-logs";
pub(crate) const DIRECTORY: &str = "tidings-local-directory";

/// One simulated world.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) time: Time,
    pub(crate) dice: Dice,
    pub(crate) faults: Faults,
    pub(crate) engine: InProcess,
    pub(crate) diary: Diary,
    pub(crate) ledger: Ledger,
    pub(crate) pace: Pace,
    pub(crate) witness: Witness,
    pub(crate) past: Past,
    /// What is broken on purpose.
    pub(crate) sabotage: Option<Sabotage>,
    /// The one call whose answer is lost, counted from 1.
    lost: Option<u64>,
    calls: AtomicU64,
    /// When something becomes visible in a queue.
    pub(crate) wakes: Wakes,
    healed: AtomicBool,
    violations: Mutex<Vec<Violation>>,
}

/// A promise that was not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Violation {
    /// Which promise.
    pub(crate) promise: &'static str,
    /// What happened.
    pub(crate) what: String,
    /// The message or the key that it is about.
    pub(crate) about: About,
}

/// What a violation is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum About {
    /// A message.
    Message(domain::MessageId),
    /// Whatever has this in its key.
    Key(String),
}

impl Core {
    pub(crate) fn new(plan: &Plan) -> Arc<Self> {
        let time = Time::begin();
        let dice = Dice::of(plan.seed);
        let (faults, lost) = match plan.story {
            Story::Life => (Faults::drawn(&dice), None),
            Story::Scene { lost, .. } => (Faults::default(), lost),
        };
        let engine = InProcess::new(Arc::new(move || time.millis())).expect("an engine in memory starts");
        Arc::new(Self {
            time,
            dice,
            faults,
            engine,
            diary: Diary::new(time),
            ledger: Ledger::default(),
            pace: Pace::default(),
            witness: Witness::default(),
            past: Past::default(),
            sabotage: plan.sabotage,
            lost,
            calls: AtomicU64::new(0),
            wakes: Wakes::default(),
            healed: AtomicBool::new(false),
            violations: Mutex::default(),
        })
    }

    /// From now on nothing goes wrong any more.
    pub(crate) fn heal(&self) {
        self.healed.store(true, Ordering::Relaxed);
        self.diary.note("world", "faults end", Vec::new());
    }

    pub(crate) fn is_healed(&self) -> bool {
        self.healed.load(Ordering::Relaxed)
    }

    /// Whether nothing goes wrong at all.
    pub(crate) fn nothing_fails(&self) -> bool {
        self.faults.are_none() && self.lost.is_none()
    }

    /// Counts a call of AWS or of a provider. Whether it is the one whose answer is lost.
    pub(crate) fn loses_answer(&self) -> bool {
        self.lost == Some(self.calls.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// How many calls were made.
    pub(crate) fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// Whether a fault of this probability happens now.
    pub(crate) fn fault(&self, rate: f64) -> bool {
        !self.is_healed() && self.dice.happens(rate)
    }

    pub(crate) fn violated(&self, promise: &'static str, about: About, what: impl Into<String>) {
        let what = what.into();
        self.diary.note("CHECK", format!("{promise} is broken: {what}"), Vec::new());
        let violation = Violation { promise, what, about };
        self.violations.lock().unwrap_or_else(PoisonError::into_inner).push(violation);
    }

    pub(crate) fn violations(&self) -> Vec<Violation> {
        self.violations.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Looks at an item without taking part: no fault, no time.
    pub(crate) fn peek(&self, table: &str, key: &Value) -> Option<Value> {
        let body = json!({ "TableName": table, "Key": key, "ConsistentRead": true }).to_string();
        let answer = self.engine.call_dynamodb("GetItem", &body);
        let mut answer: Value = serde_json::from_slice(&answer.body).ok()?;
        answer.get_mut("Item").map(Value::take)
    }

    /// The same for a query of a table or an index.
    pub(crate) fn peek_all(&self, query: &Value) -> Vec<Value> {
        let answer = self.engine.call_dynamodb("Query", &query.to_string());
        let mut answer: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        match answer["Items"].take() {
            Value::Array(items) => items,
            _ => Vec::new(),
        }
    }

    /// When reconcile next has something to do, in milliseconds since 1970.
    pub(crate) fn next_due_ms(&self) -> Option<i64> {
        let due = |shard: u8| {
            let query = json!({
                "TableName": BULK_ACTIONS, "IndexName": "work", "Limit": 1,
                "KeyConditionExpression": "work_shard = :shard",
                "ExpressionAttributeValues": { ":shard": { "S": format!("WORK#{shard}") } },
            });
            let item = self.peek_all(&query).into_iter().next()?;
            text(&item["due_at"]).parse::<i64>().ok()
        };
        (0..8).filter_map(due).min()
    }
}

/// The text or number in a DynamoDB value.
pub(crate) fn text(value: &Value) -> &str {
    value["S"].as_str().or_else(|| value["N"].as_str()).unwrap_or_default()
}
