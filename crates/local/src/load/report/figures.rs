//! Figures from what was counted.

use std::{collections::BTreeMap, time::Duration};

use engine::Service;
use serde_json::{Value as Json, json};

use super::Report;
use crate::load::{
    account::{Count, Kind},
    budgets::Budget,
    median, per,
    prices::Use,
    send::Sent,
};

const MEGABYTE: f64 = 1_048_576.0;
/// Megabytes of a zip are counted in thousands.
const ZIP_MEGABYTE: f64 = 1e6;
/// The function that holds all targets of a request at once.
const HOLDS_ALL: &str = "create-bulk-action";
/// Functions that consume queues.
const CONSUMERS: [&str; 5] =
    ["send-message", "dispatch-whatsapp", "dispatch-sms", "dispatch-email", "apply-receipt"];

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
fn number_of(count: u64) -> f64 {
    count as f64
}

/// So many, spread over so many messages.
pub(super) fn each(count: u64, messages: usize) -> f64 {
    per(number_of(count), messages)
}

/// A number with as many digits as it deserves.
pub(super) fn number(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        size if size < 0.1 => format!("{value:.4}"),
        size if size < 100.0 => format!("{value:.2}"),
        _ => format!("{value:.0}"),
    }
}

fn of_service(sent: &Sent, service: Service) -> Count {
    sent.account.sum(|kind| kind.service == service)
}

/// Requests to queues for which `which` holds, those that got nothing apart.
fn sqs(sent: &Sent, which: impl Fn(&str) -> bool) -> f64 {
    let sum = sent.account.sum(|kind: &Kind| kind.service == Service::Sqs && which(&kind.queue));
    number_of(sum.calls - sum.empty)
}

fn receipts_queue(queue: &str) -> bool {
    queue.contains("apply-receipt")
}

fn invocations(sent: &Sent, which: impl Fn(&str) -> bool) -> u64 {
    sent.worked.iter().filter(|(name, _)| which(name)).map(|(_, worked)| worked.invocations).sum()
}

/// What one message used of AWS.
pub(super) fn used(sent: &Sent) -> Use {
    let dynamodb = of_service(sent, Service::DynamoDb);
    let gigabyte_seconds = sent.worked.values().map(|worked| worked.gigabyte_seconds).sum();
    Use {
        writes: per(dynamodb.writes, sent.recipients),
        reads: per(dynamodb.reads, sent.recipients),
        sqs: per(sqs(sent, |_| true), sent.recipients),
        invocations: each(invocations(sent, |_| true), sent.recipients),
        gigabyte_seconds: per(gigabyte_seconds, sent.recipients),
        http: each(invocations(sent, |name| name == "receive-webhook"), sent.recipients),
    }
}

/// Recipients per second of processor time: of the functions up to `sent` and over the whole life, of the engine, of the simulators.
pub(super) fn per_cpu_second(sent: &Sent) -> BTreeMap<&'static str, u64> {
    let rate = |time: Duration| {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a positive count")]
        let rate = (recipients(sent) / time.as_secs_f64().max(0.01)) as u64;
        rate
    };
    BTreeMap::from([
        ("functions_fan_out_to_sent", rate(sent.times.of_functions(until_sent))),
        ("functions_whole_life", rate(sent.times.of_functions(|_| true))),
        ("engine", rate(sent.times.engine)),
        ("simulators", rate(sent.times.simulators)),
    ])
}

fn recipients(sent: &Sent) -> f64 {
    number_of(u64::try_from(sent.recipients).unwrap_or(u64::MAX))
}

fn until_sent(function: &str) -> bool {
    function == "send-message" || function.starts_with("dispatch-")
}

/// How the action went, and how good its estimate was.
pub(super) fn action(action: &Json) -> Json {
    json!({
        "status": action["status"], "total": action["total"], "success_count": action["success_count"],
        "failed_count": action["failed_count"], "estimated_completion": action["estimated_completion"],
        "last_sent_at": action["last_sent_at"],
    })
}

impl Report {
    /// How long the send takes until everything is delivered.
    pub(super) fn run_time(&self) -> Duration {
        median(self.send.iter().chain(&self.repeats).map(|sent| sent.delivered))
    }

    /// Every budget, and what was measured of it.
    pub(super) fn budgets(&self) -> Vec<Budget> {
        [self.of_the_send(), self.of_its_processor_time(), self.of_size_and_time(), self.of_the_rest()]
            .concat()
    }

    fn of_the_send(&self) -> Vec<Budget> {
        let of = |figure: fn(&Sent) -> f64| self.send.as_ref().map(figure);
        let in_all = |figure: fn(&Sent) -> u64| {
            let sends = || self.send.iter().chain(&self.repeats).chain(&self.references);
            sends().next().map(|_| number_of(sends().map(figure).sum()))
        };
        let floor = self.floor.as_ref();
        let floor = floor.map(|floor| self.run_time().as_secs_f64() / floor.took().as_secs_f64());
        let receipts = |sent: &Sent| per(sqs(sent, receipts_queue), 1) / receipts(sent).max(1.0);
        vec![
            Budget::new(
                "run_over_floor",
                "whole run / floor (wall, medians of three)",
                "",
                floor,
                [2.0, 1.3],
            ),
            Budget::new(
                "writes",
                "write units per message, to delivered and counted",
                "",
                of(writes),
                [5.2, 4.25],
            ),
            Budget::new("reads", "read units per message", "", of(reads), [2.0, 1.0]),
            Budget::new(
                "sqs_per_message",
                "SQS requests per message, create to sent",
                "",
                of(sqs_until_sent),
                [0.2, 0.1],
            ),
            Budget::new("sqs_per_receipt", "SQS requests per receipt", "", of(receipts), [1.6, 1.3]),
            Budget::new("duplicates", "duplicates in the ledger", "", in_all(duplicates), [0.0, 0.0]),
            Budget::new("lost", "lost, by the ledger", "", in_all(lost), [0.0, 0.0]),
        ]
    }

    fn of_its_processor_time(&self) -> Vec<Budget> {
        let of = |name: &str| {
            let rates = self.send.as_ref().map(per_cpu_second);
            rates.and_then(|rates| rates.get(name).copied()).map(number_of)
        };
        let until_sent = of("functions_fan_out_to_sent");
        let whole = of("functions_whole_life");
        vec![
            Budget::new(
                "cpu_until_sent",
                "recipients per CPU-second of functions, fan-out to sent",
                "",
                until_sent,
                [0.0, 6_000.0],
            )
            .at_least(),
            Budget::new(
                "cpu_whole_life",
                "recipients per CPU-second of functions, whole life",
                "",
                whole,
                [0.0, 3_500.0],
            )
            .at_least(),
        ]
    }

    fn of_size_and_time(&self) -> Vec<Budget> {
        let each = |sent: &Sent| per(sent.delivered.as_secs_f64(), sent.recipients);
        let references = per(self.references.iter().map(each).sum(), self.references.len());
        let growth = self.send.as_ref().filter(|_| references > 0.0).map(|sent| each(sent) / references);
        let memory = |names: &[&str], of: &BTreeMap<String, u64>| {
            let largest =
                of.iter().filter(|(name, _)| names.contains(&name.as_str())).map(|(_, bytes)| *bytes).max();
            largest.map(|bytes| number_of(bytes) / MEGABYTE)
        };
        let sent_to_so_many = !self.references.is_empty();
        let at_reference = memory(&CONSUMERS, &self.memory_at_reference).filter(|_| sent_to_so_many);
        let consumers = memory(&CONSUMERS, &self.memory);
        let create = memory(&[HOLDS_ALL], &self.memory);
        let zip = self.sizes.values().max().map(|bytes| number_of(*bytes) / ZIP_MEGABYTE);
        let start = self.starts.values().max().map(|time| time.as_secs_f64() * 1e3);
        vec![
            Budget::new("growth", "time per message / at 10,000 recipients", "", growth, [1.15, 1.05]),
            Budget::new(
                "memory_at_10000",
                "peak memory of a queue consumer at 10,000",
                "MB",
                at_reference,
                [64.0, 32.0],
            ),
            Budget::new(
                "memory",
                "peak memory of a queue consumer at the end",
                "MB",
                consumers,
                [64.0, 32.0],
            ),
            Budget::new(
                "memory_create",
                "peak memory of create-bulk-action at 100,000",
                "MB",
                create,
                [96.0, 96.0],
            ),
            Budget::new("zip", "deployed zip of the largest function that is built", "MB", zip, [5.0, 3.0]),
            Budget::new("start", "slowest start of a function to its first event", "ms", start, [60.0, 20.0]),
        ]
    }

    fn of_the_rest(&self) -> Vec<Budget> {
        let seconds = |time: Option<Duration>| time.map(|time| time.as_secs_f64());
        let webhook =
            |thousandths| self.webhooks.as_ref().map(|all| all.within(thousandths).as_secs_f64() * 1e3);
        let (median, last) = (webhook(500), webhook(990));
        let fairness = self
            .fairness
            .map(|fairness| fairness.beside.as_secs_f64() / fairness.alone.as_secs_f64().max(1e-3));
        let soon_enough = self.fairness.is_some_and(|fairness| fairness.beside <= Duration::from_secs(2));
        let silence = self.silence.as_ref().map(|silence| silence.over_a_day);
        vec![
            Budget::new("acceptance", "accepting 100,000 targets", "s", seconds(self.acceptance), [1.0, 0.3]),
            Budget::new("preview", "preview of 100,000 targets", "s", seconds(self.preview), [10.0, 4.0]),
            Budget::new(
                "fairness",
                "10 recipients beside 50,000 / alone, or within 2 s",
                "",
                fairness,
                [2.0, 1.2],
            )
            .or(soon_enough),
            Budget::new("webhook_median", "receive-webhook at 500/s, median", "ms", median, [10.0, 3.0]),
            Budget::new("webhook_99", "receive-webhook at 500/s, 99th percentile", "ms", last, [50.0, 15.0]),
            Budget::new(
                "reads_over_a_window",
                "read units per message, 24 h window, 2 % silent",
                "",
                silence,
                [3.0, 1.5],
            ),
        ]
    }
}

fn writes(sent: &Sent) -> f64 {
    per(of_service(sent, Service::DynamoDb).writes, sent.recipients)
}

fn reads(sent: &Sent) -> f64 {
    per(of_service(sent, Service::DynamoDb).reads, sent.recipients)
}

fn sqs_until_sent(sent: &Sent) -> f64 {
    per(sqs(sent, |queue| !receipts_queue(queue)), sent.recipients)
}

/// Reports of Twilio and SES come one by one; Meta's are counted as if each came alone, two for each message.
fn receipts(sent: &Sent) -> f64 {
    number_of(invocations(sent, |name| name == "receive-webhook")).max(recipients(sent) * 2.0)
}

fn duplicates(sent: &Sent) -> u64 {
    sent.duplicates_and_lost().0
}

fn lost(sent: &Sent) -> u64 {
    sent.duplicates_and_lost().1
}
