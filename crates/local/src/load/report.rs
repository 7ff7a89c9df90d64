//! What is printed: a table for people, and one JSON object.

mod figures;

use std::{collections::BTreeMap, fmt::Write as _, time::Duration};

use serde_json::{Value as Json, json};

use super::{
    Options,
    budgets::Verdict,
    fairness::Fairness,
    floor::{Floor, Replayed},
    per, prices,
    requests::Latencies,
    send::Sent,
    silence::Silence,
};

/// What was measured so far.
#[derive(Debug, Clone)]
pub(super) struct Report {
    options: Options,
    pub(super) starts: BTreeMap<String, Duration>,
    pub(super) sizes: BTreeMap<String, u64>,
    pub(super) preview: Option<Duration>,
    pub(super) acceptance: Option<Duration>,
    /// Before and after the send: a machine is not always as fast as it was.
    pub(super) references: Vec<Sent>,
    pub(super) memory_at_reference: BTreeMap<String, u64>,
    pub(super) memory: BTreeMap<String, u64>,
    pub(super) send: Option<Sent>,
    /// The same send again, for its time.
    pub(super) repeats: Vec<Sent>,
    pub(super) floor: Option<Floor>,
    pub(super) webhooks: Option<Latencies>,
    pub(super) fairness: Option<Fairness>,
    pub(super) silence: Option<Silence>,
}

impl Report {
    pub(super) fn new(options: &Options) -> Self {
        Self {
            options: options.clone(),
            starts: BTreeMap::new(),
            sizes: BTreeMap::new(),
            preview: None,
            acceptance: None,
            references: Vec::new(),
            memory_at_reference: BTreeMap::new(),
            memory: BTreeMap::new(),
            send: None,
            repeats: Vec::new(),
            floor: None,
            webhooks: None,
            fairness: None,
            silence: None,
        }
    }

    /// Whether nothing that was measured is worse than it must be.
    pub(super) fn holds(&self) -> bool {
        self.of_verdict(Verdict::Missed).is_empty()
    }

    /// The names of the budgets that stand so.
    fn of_verdict(&self, verdict: Verdict) -> Vec<&'static str> {
        let all = self.budgets();
        all.iter().filter(|budget| budget.verdict() == verdict).map(|budget| budget.name).collect()
    }

    /// One object with everything.
    pub(super) fn json(&self) -> Json {
        let budgets: serde_json::Map<String, Json> =
            self.budgets().iter().map(|budget| (budget.name.to_owned(), budget.json())).collect();
        let seconds = |times: &BTreeMap<String, Duration>| -> BTreeMap<String, f64> {
            times.iter().map(|(name, time)| (name.clone(), time.as_secs_f64())).collect()
        };
        json!({
            "recipients": self.options.recipients,
            "channel": self.options.channel,
            "latency_ms": u64::try_from(self.options.latency.as_millis()).unwrap_or(u64::MAX),
            "holds": self.holds(),
            "missed": self.of_verdict(Verdict::Missed),
            "not_measured": self.of_verdict(Verdict::NotMeasured),
            "budgets": budgets,
            "send": self.send.as_ref().map(sent_json),
            "run_s": self.run_time().as_secs_f64(),
            "repeats": self.repeats.iter().map(sent_json).collect::<Vec<_>>(),
            "references": self.references.iter().map(sent_json).collect::<Vec<_>>(),
            "floor": self.floor.as_ref().map(floor_json),
            "peak_memory_bytes": {"at_reference": self.memory_at_reference, "at_the_end": self.memory},
            "start_s": seconds(&self.starts),
            "zip_bytes": self.sizes,
            "fairness": self.fairness.map(|fairness| json!({
                "alone_s": fairness.alone.as_secs_f64(), "beside_s": fairness.beside.as_secs_f64(),
            })),
            "silence": self.silence.as_ref().map(|silence| json!({
                "reads_per_message_through_one_window": silence.per_message,
                "reads_per_idle_tick": silence.idle_tick,
                "reads_by_function": silence.by_function,
            })),
        })
    }

    /// The table.
    pub(super) fn table(&self) -> String {
        let mut table = String::new();
        for budget in self.budgets() {
            let value = budget.value.map_or("-".to_owned(), figures::number);
            let bound = if budget.more_is_better { "at least" } else { "at most" };
            let bounds =
                format!("{bound} {}, aim {}", figures::number(budget.must), figures::number(budget.aim));
            // Writing to a string does not fail.
            let line = writeln!(
                table,
                "{:<62} {value:>9} {:<6} {bounds:<32} {}",
                budget.what,
                budget.unit,
                budget.verdict().name()
            );
            line.unwrap_or_default();
        }
        if let Some(sent) = &self.send {
            let per_cpu = figures::per_cpu_second(sent);
            let stages = format!(
                "\n{} recipients: accepted {:.2} s, written {:.2} s, sent {:.2} s, delivered {:.2} s, settled {:.2} s; \
                 per CPU-second of functions {}, engine {}, simulators {}",
                sent.recipients,
                sent.accepted.as_secs_f64(),
                sent.written.as_secs_f64(),
                sent.called.as_secs_f64(),
                sent.delivered.as_secs_f64(),
                sent.settled.as_secs_f64(),
                per_cpu["functions_whole_life"],
                per_cpu["engine"],
                per_cpu["simulators"],
            );
            table.push_str(&stages);
        }
        table
    }
}

fn floor_json(floor: &Floor) -> Json {
    let all = |replays: &[Replayed]| replays.iter().map(replayed_json).collect::<Vec<_>>();
    json!({
        "s": floor.took().as_secs_f64(), "calls": floor.calls, "tried": all(&floor.tried),
        "at_the_fastest_concurrency": all(&floor.fastest),
    })
}

fn replayed_json(replayed: &Replayed) -> Json {
    let times = &replayed.times;
    json!({
        "concurrency": replayed.concurrency, "s": replayed.took.as_secs_f64(), "write_units": replayed.writes,
        "cpu_s": {
            "engine": times.engine.as_secs_f64(), "simulators": times.simulators.as_secs_f64(),
            "caller": times.rest.as_secs_f64(),
        },
    })
}

fn sent_json(sent: &Sent) -> Json {
    let (duplicates, lost) = sent.duplicates_and_lost();
    let dollars: BTreeMap<&str, f64> = prices::per_million(figures::used(sent)).into_iter().collect();
    let calls: BTreeMap<String, Json> = sent
        .account
        .counts
        .iter()
        .map(|(kind, count)| {
            let place = if kind.queue.is_empty() { "" } else { " " };
            let name = format!("{} {}{place}{}", kind.caller, kind.operation, kind.queue);
            let json = json!({
                "calls_per_message": figures::each(count.calls, sent.recipients), "calls": count.calls,
                "refused": count.refused, "empty": count.empty, "reads": count.reads, "writes": count.writes,
            });
            (name, json)
        })
        .collect();
    json!({
        "recipients": sent.recipients,
        "duplicates": duplicates,
        "lost": lost,
        "stages_s": {
            "accepted": sent.accepted.as_secs_f64(), "written": sent.written.as_secs_f64(),
            "sent": sent.called.as_secs_f64(), "delivered": sent.delivered.as_secs_f64(),
            "settled": sent.settled.as_secs_f64(),
        },
        "ms_per_message": per(sent.delivered.as_secs_f64() * 1e3, sent.recipients),
        "cpu_s": sent.times.json(),
        "recipients_per_cpu_second": figures::per_cpu_second(sent),
        "hottest_partition": sent.hottest.as_ref().map(|hottest| json!({
            "writes_per_second": hottest.writes, "reads_per_second": hottest.reads,
        })),
        "provider_calls": sent.account.providers,
        "calls": calls,
        "units_per_message": sent.account.tables.iter().map(|(table, (reads, writes))| {
            (table.clone(), json!({"reads": per(*reads, sent.recipients), "writes": per(*writes, sent.recipients)}))
        }).collect::<BTreeMap<_, _>>(),
        "invocations": sent.worked.iter().map(|(name, worked)| (name.clone(), worked.invocations)).collect::<BTreeMap<_, _>>(),
        "dollars_per_million_messages": dollars,
        "dollars_per_million_messages_total": dollars.values().sum::<f64>(),
        "prices": prices::READ,
        "actions": sent.actions.iter().map(figures::action).collect::<Vec<_>>(),
    })
}
