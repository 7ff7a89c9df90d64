//! What is done to the stack: one seed decides what and when.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use local::provision::Clients;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use super::caller::{Call, Caller, now};
use super::journal::{Blow, Journal};
use crate::running::{Function, Home, Running, eventually};

/// Functions that lost their stack end by themselves, since everything that they work with is gone with it.
const ORPHANS_END: Duration = Duration::from_secs(30);
/// How often the whole stack is killed.
const STACK_KILLS: u64 = 4;
const QUEUES: [&str; 5] =
    ["send-message", "dispatch-sms", "dispatch-whatsapp", "dispatch-email", "apply-receipt"];

/// Something that is done to the stack.
#[derive(Debug, Clone)]
enum What {
    /// One process of a function is killed: the number picks it, one of a dispatcher if it can be.
    Function(usize, bool),
    /// Everything is killed at once.
    PowerCut,
    /// Only the stack is killed, and started again while its functions may still be at work.
    StackAlone,
    /// A queue loses all it holds.
    Purge(&'static str),
    /// A provider changes its ways.
    Behave(Value),
}

/// What is done, in order of time.
#[derive(Debug, Clone)]
pub(crate) struct Plan(Vec<(Duration, What)>);

impl Plan {
    /// The blows of a run of which the first `lasts` are troubled.
    pub(crate) fn of(rng: &mut Rng, lasts: Duration) -> Self {
        let all = u64::try_from(lasts.as_millis()).unwrap_or(u64::MAX);
        let at = Duration::from_millis;
        let mut blows = Vec::new();
        for provider in ["twilio", "whatsapp", "ses"] {
            for since in [0, all / 2] {
                blows.push((at(since), What::Behave(behaviour(rng, provider))));
            }
        }
        let mut next = 2_000;
        while next < all {
            blows.push((at(next), What::Function(rng.usize(..), rng.u8(0..10) < 7)));
            next += rng.u64(200..1_400);
        }
        // One in each part of the time, so that there is work in between.
        for part in 0..STACK_KILLS {
            let within = (part * all / STACK_KILLS + 3_000)..((part + 1) * all / STACK_KILLS - 2_000);
            blows.push((at(rng.u64(within)), if rng.bool() { What::PowerCut } else { What::StackAlone }));
        }
        for queue in QUEUES {
            if queue == "apply-receipt" && rng.bool() {
                // What is lost of it is lost for good; in other runs every report that is kept from us can be told.
                continue;
            }
            // Soon: what a queue loses is driven again minutes later.
            let within = if queue == "send-message" { 1_100..6_500 } else { 3_000..(all / 2) };
            blows.push((at(rng.u64(within)), What::Purge(queue)));
        }
        blows.sort_by_key(|(at, _)| *at);
        Self(blows)
    }

    /// Does it all, and answers the stack as it then runs.
    pub(crate) async fn strike(
        self,
        home: &mut Home,
        running: Running,
        caller: &Caller,
        journal: &Arc<Journal>,
        begin: Instant,
    ) -> Running {
        let mut running = running;
        for (at, what) in self.0 {
            sleep_until(begin + at).await;
            let mut told =
                Blow { at: now(), what: String::new(), dispatchers: BTreeMap::new(), purged_receipts: 0 };
            match what {
                What::Function(number, dispatcher) => {
                    let Some(victim) = pick(running.functions(), number, dispatcher) else { continue };
                    victim.kill();
                    told.what = format!("killed {} (process {})", victim.name, victim.pid);
                    told.count(&[victim]);
                }
                What::PowerCut => {
                    told.kill_all("cut the power", &running.cut_power());
                    running = home.start().await.expect("after a power cut the stack starts again");
                }
                What::StackAlone => {
                    let orphans = running.kill_alone();
                    told.kill_all("killed the stack alone", &orphans);
                    running = home.start().await.expect("after it was killed the stack starts again");
                    let gone = || !orphans.iter().any(Function::runs);
                    eventually("functions that lost their stack have ended", ORPHANS_END, gone).await;
                }
                What::Purge(queue) => {
                    let messages = purge(&sqs(&running), queue).await;
                    told.what = format!("purged {queue} ({messages} messages)");
                    told.purged_receipts = if queue == "apply-receipt" { messages } else { 0 };
                }
                What::Behave(patch) => {
                    let answer = caller.insist(Call::put("/sim/behaviour", &patch)).await;
                    assert!(answer.is_success(), "{}", answer.body);
                    told.what = format!("changed the ways of {}", patch["provider"]);
                }
            }
            journal.entries().blows.push(told);
        }
        running
    }
}

impl Blow {
    fn count(&mut self, killed: &[Function]) {
        for function in killed {
            if let Some(channel) = function.name.strip_prefix("dispatch-") {
                *self.dispatchers.entry(channel.to_owned()).or_default() += 1;
            }
        }
    }

    fn kill_all(&mut self, how: &str, functions: &[Function]) {
        self.what = format!("{how} ({} functions)", functions.len());
        self.count(functions);
    }
}

fn pick(functions: Vec<Function>, number: usize, dispatcher: bool) -> Option<Function> {
    let (mut first, second): (Vec<Function>, Vec<Function>) =
        functions.into_iter().partition(|function| function.is_dispatcher() == dispatcher);
    first.sort_by_key(|function| function.pid);
    let from = if first.is_empty() { second } else { first };
    from.get(number % from.len().max(1)).cloned()
}

/// Slow enough that a kill finds calls under way, and not to be relied upon.
fn behaviour(rng: &mut Rng, provider: &str) -> Value {
    json!({
        "provider": provider, "latency_ms": rng.u64(20..250), "timeout_after_accept_rate": LOST_ANSWERS,
        "callback": { "delay_ms": rng.u64(5..300), "duplicate_rate": 0.3, "reorder": 0.5, "drop_rate": DROPPED },
        "seed": rng.u64(..),
    })
}

/// The share of answers that are lost.
const LOST_ANSWERS: f64 = 0.03;
/// The share of reports that never come.
pub(crate) const DROPPED: f64 = 0.02;

/// The queues of a running stack, over their own API.
pub(crate) fn sqs(running: &Running) -> Clients {
    let functions = running.functions();
    let url = functions.iter().find_map(|function| function.variable("AWS_ENDPOINT_URL_SQS"));
    let url = url.expect("a function that knows where SQS is");
    Clients::new(&url, &url)
}

/// How many messages a queue holds, waiting, delayed and in flight.
pub(crate) async fn held(clients: &Clients, queue: &str) -> usize {
    let sqs = &clients.sqs;
    let found =
        sqs.get_queue_url().queue_name(format!("tidings-local-{queue}")).send().await.expect("the queue");
    let all = sqs.get_queue_attributes().set_queue_url(found.queue_url);
    let all = all.attribute_names("All".into()).send().await.expect("its attributes");
    let held = all.attributes.unwrap_or_default().into_iter();
    let held = held.filter(|(name, _)| name.as_str().starts_with("ApproximateNumberOfMessages"));
    held.filter_map(|(_, count)| count.parse::<usize>().ok()).sum()
}

/// Purges a queue, and answers how much was in it just before.
async fn purge(clients: &Clients, queue: &str) -> usize {
    let held = held(clients, queue).await;
    let found = clients
        .sqs
        .get_queue_url()
        .queue_name(format!("tidings-local-{queue}"))
        .send()
        .await
        .expect("the queue");
    clients.sqs.purge_queue().set_queue_url(found.queue_url).send().await.expect("a queue can be purged");
    held
}
