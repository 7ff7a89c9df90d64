//! What the functions asked of AWS and of the providers: counted, and kept in order where it is to be replayed.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use axum::{
    body::Bytes,
    http::{HeaderMap, HeaderValue},
};
use engine::{Service, Tapped};

use crate::{Exchange, Watch};

/// Which calls are added up together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Kind {
    pub(super) service: Service,
    /// The function's package, or `local`: the pollers of queues.
    pub(super) caller: String,
    pub(super) operation: String,
    /// The queue, of SQS.
    pub(super) queue: String,
}

/// Calls of one kind.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Count {
    pub(super) calls: u64,
    /// Not a success; a condition that failed is one of these.
    pub(super) refused: u64,
    /// Receives without a message.
    pub(super) empty: u64,
    pub(super) reads: f64,
    pub(super) writes: f64,
}

/// One call, as it is replayed.
#[derive(Debug, Clone)]
pub(super) enum Call {
    /// Of DynamoDB or SQS, and how many messages it got.
    Aws { service: Service, operation: String, request: Bytes, messages: usize },
    /// Of a provider.
    Provider { path: String, headers: HeaderMap, body: Bytes },
}

/// A call, when it was answered, and what it consumed.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub(super) at: Instant,
    pub(super) call: Call,
    pub(super) reads: f64,
    pub(super) writes: f64,
}

/// All of one stretch of time.
#[derive(Debug, Clone)]
pub(super) struct Account {
    pub(super) counts: BTreeMap<Kind, Count>,
    /// Read and write units by table.
    pub(super) tables: BTreeMap<String, (f64, f64)>,
    /// When each function last wrote a row.
    pub(super) last_row: BTreeMap<String, Instant>,
    /// Requests to providers, and those of them in which the text stands that was looked for.
    pub(super) providers: u64,
    pub(super) found: u64,
    pub(super) last_found: Option<Instant>,
    pub(super) trace: Vec<Kept>,
}

struct State {
    account: Account,
    keep: bool,
    needle: Option<String>,
}

/// The one who keeps the account.
#[derive(Clone)]
pub(super) struct Accountant(Arc<Mutex<State>>);

impl Account {
    fn new() -> Self {
        Self {
            counts: BTreeMap::new(),
            tables: BTreeMap::new(),
            last_row: BTreeMap::new(),
            providers: 0,
            found: 0,
            last_found: None,
            trace: Vec::new(),
        }
    }

    /// Adds up what was counted of the kinds for which `which` holds.
    pub(super) fn sum(&self, which: impl Fn(&Kind) -> bool) -> Count {
        let mut sum = Count::default();
        for (_, count) in self.counts.iter().filter(|(kind, _)| which(kind)) {
            sum.calls += count.calls;
            sum.refused += count.refused;
            sum.empty += count.empty;
            sum.reads += count.reads;
            sum.writes += count.writes;
        }
        sum
    }

    /// Read units of all calls.
    pub(super) fn reads(&self) -> f64 {
        self.sum(|kind| kind.service == Service::DynamoDb).reads
    }

    fn enter(&mut self, tapped: &Tapped) {
        let sqs = tapped.service == Service::Sqs;
        let kind = Kind {
            service: tapped.service,
            caller: tapped.caller.clone(),
            operation: tapped.operation.clone(),
            queue: if sqs { queue_of(&tapped.request) } else { String::new() },
        };
        let (mut reads, mut writes, mut row) = (0.0, 0.0, false);
        for units in &tapped.units {
            reads += units.reads;
            writes += units.writes;
            let table = self.tables.entry(units.table.clone()).or_default();
            *table = (table.0 + units.reads, table.1 + units.writes);
            row |= units.writes > 0.0 && units.table.contains("message-logs");
        }
        if row {
            self.last_row.insert(tapped.caller.clone(), Instant::now());
        }
        let count = self.counts.entry(kind).or_default();
        count.calls += 1;
        count.refused += u64::from(tapped.status >= 300);
        count.empty +=
            u64::from(sqs && tapped.operation == "ReceiveMessage" && messages(&tapped.answer) == 0);
        count.reads += reads;
        count.writes += writes;
    }
}

impl Accountant {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(State { account: Account::new(), keep: false, needle: None })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets what was before. With `keep` each call is kept; requests to providers in which `needle` stands are counted.
    pub(super) fn begin(&self, keep: bool, needle: Option<String>) {
        *self.state() = State { account: Account::new(), keep, needle };
    }

    /// What has been counted so far, without the calls that were kept.
    pub(super) fn look<T>(&self, look: impl FnOnce(&Account) -> T) -> T {
        look(&self.state().account)
    }

    /// All since the beginning, which ends here.
    pub(super) fn end(&self) -> Account {
        let mut state = self.state();
        state.keep = false;
        std::mem::replace(&mut state.account, Account::new())
    }

    /// To be given to the stack.
    pub(super) fn watch(&self) -> Watch {
        let (aws, providers) = (self.clone(), self.clone());
        Watch {
            aws: Arc::new(move |tapped| aws.aws(tapped)),
            providers: Arc::new(move |exchange| providers.exchange(&exchange)),
        }
    }

    fn aws(&self, tapped: Tapped) {
        let mut state = self.state();
        state.account.enter(&tapped);
        if !state.keep {
            return;
        }
        let sum = |units: fn(&engine::Units) -> f64| tapped.units.iter().map(units).sum();
        let (reads, writes) = (sum(|units| units.reads), sum(|units| units.writes));
        let Tapped { service, operation, request, answer, .. } = tapped;
        let messages = if operation == "ReceiveMessage" { messages(&answer) } else { 0 };
        let call = Call::Aws { service, operation, request: apart(&request), messages };
        state.account.trace.push(Kept { at: Instant::now(), call, reads, writes });
    }

    fn exchange(&self, exchange: &Exchange) {
        let mut state = self.state();
        state.account.providers += 1;
        let path = exchange.uri.to_string();
        if let Some(needle) = &state.needle
            && (path.contains(needle) || find(&exchange.body, needle.as_bytes()))
        {
            state.account.found += 1;
            state.account.last_found = Some(Instant::now());
        }
        if state.keep {
            let headers = exchange.headers.iter().map(|(name, value)| (name.clone(), value_apart(value)));
            let call = Call::Provider { path, headers: headers.collect(), body: apart(&exchange.body) };
            state.account.trace.push(Kept { at: Instant::now(), call, reads: 0.0, writes: 0.0 });
        }
    }
}

/// A copy. What a server hands over is a view of its reading buffer: kept, it would keep that, and each next request would need a new one.
fn apart(bytes: &[u8]) -> Bytes {
    Bytes::copy_from_slice(bytes)
}

fn value_apart(value: &HeaderValue) -> HeaderValue {
    HeaderValue::from_bytes(value.as_bytes()).unwrap_or_else(|_| value.clone())
}

/// The last part of the queue's address in a request's body; no parser, because each call of a run comes by here.
fn queue_of(request: &[u8]) -> String {
    let text = std::str::from_utf8(request).unwrap_or_default();
    let url = text.split_once("\"QueueUrl\":\"").and_then(|(_, rest)| rest.split('"').next());
    url.and_then(|url| url.rsplit('/').next()).unwrap_or_default().to_owned()
}

/// How many messages an answer to a receive holds.
fn messages(answer: &[u8]) -> usize {
    std::str::from_utf8(answer).map_or(0, |text| text.matches("\"ReceiptHandle\":").count())
}

fn find(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len().max(1)).any(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tapped(service: Service, operation: &str, request: &'static str, answer: &'static str) -> Tapped {
        let units =
            vec![engine::Units { table: "tidings-local-message-logs".into(), reads: 0.5, writes: 2.0 }];
        Tapped {
            service,
            caller: "dispatch-sms".into(),
            operation: operation.into(),
            request: Bytes::from_static(request.as_bytes()),
            status: 200,
            answer: Bytes::from_static(answer.as_bytes()),
            units: if service == Service::DynamoDb { units } else { Vec::new() },
        }
    }

    #[test]
    fn calls_are_added_up_by_who_made_them_and_what_they_consumed() {
        let accountant = Accountant::new();
        accountant.begin(true, None);
        accountant.aws(tapped(Service::DynamoDb, "UpdateItem", "{}", "{}"));
        accountant.aws(tapped(Service::DynamoDb, "UpdateItem", "{}", "{}"));
        let account = accountant.end();
        let sum = account.sum(|kind| kind.caller == "dispatch-sms");
        assert_eq!((sum.calls, sum.reads, sum.writes), (2, 1.0, 4.0));
        assert!(account.last_row.contains_key("dispatch-sms"));
        assert_eq!(account.trace.len(), 2);
    }

    #[test]
    fn receives_without_a_message_are_told_apart() {
        let accountant = Accountant::new();
        let request = r#"{"QueueUrl":"http://127.0.0.1:1/000000000000/tidings-local-dispatch-sms"}"#;
        accountant.aws(tapped(
            Service::Sqs,
            "ReceiveMessage",
            request,
            r#"{"Messages":[{"ReceiptHandle":"a"}]}"#,
        ));
        accountant.aws(tapped(Service::Sqs, "ReceiveMessage", request, "{}"));
        let sum = accountant.end().sum(|kind| kind.queue == "tidings-local-dispatch-sms");
        assert_eq!((sum.calls, sum.empty), (2, 1));
    }
}
