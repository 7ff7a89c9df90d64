//! The network between the functions and AWS. A call is decided on before it leaves: whether it gets there, when, how often, and whether its
//! answer comes back. What is on its way goes on when its caller is killed.

mod describe;
mod fate;
mod partly;
mod stale;
mod witness;

use std::sync::Arc;
use std::time::Duration;

use engine::Answer;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::Value;
use testing::transport::{Call, Network, Service, Silence};
use tokio::sync::oneshot;
use tokio::time::sleep;

use super::core::Core;
use super::time::Caller;
pub(crate) use describe::touched;
use fate::Fate;
pub(crate) use stale::Past;
pub(crate) use witness::Witness;

/// The network of a simulation.
#[derive(Debug, Clone)]
pub(crate) struct Wires(pub(crate) Arc<Core>);

impl Network for Wires {
    fn carry(&self, call: Call) -> BoxFuture<'static, Result<Answer, Silence>> {
        let core = Arc::clone(&self.0);
        match Caller::current() {
            // The simulation itself: nothing goes wrong and no time passes.
            None => async move { Ok(perform(&core, "world", &call)) }.boxed(),
            Some(caller) => carry(core, caller, call).boxed(),
        }
    }
}

async fn carry(core: Arc<Core>, caller: Arc<Caller>, call: Call) -> Result<Answer, Silence> {
    let request: Value = serde_json::from_str(&call.body).unwrap_or_default();
    let fate = fate::draw(&core, &call, &request);
    let what = describe::describe(&call, &request);
    let number = core.diary.note(&caller.name, format!("{what}{}", fate.told()), touched(&call, &request));
    if describe::is_gate(&request) {
        caller.begins_gate(number);
    }
    let there = core.dice.mostly_small(1, 8);
    let back = core.dice.mostly_small(1, 8);
    let slow = core.fault(core.faults.slow);
    let there = if slow { core.dice.between(8, 2_000) } else { there };
    match fate {
        Fate::NotReached => {
            sleep(millis(there)).await;
            Err(Silence::NotReached)
        }
        Fate::Lost { gives_up_ms } => {
            drop(on_its_way(&core, &caller, call, there, 1));
            sleep(millis(gives_up_ms)).await;
            Err(Silence::TimedOut)
        }
        Fate::Late { lands_ms, gives_up_ms } => {
            drop(on_its_way(&core, &caller, call, lands_ms, 1));
            sleep(millis(gives_up_ms)).await;
            Err(Silence::TimedOut)
        }
        Fate::Refused(answer) => {
            sleep(millis(there + back)).await;
            Ok(answer)
        }
        Fate::RefusedAfterAll(answer) => {
            drop(on_its_way(&core, &caller, call, there, 1));
            sleep(millis(there + back)).await;
            Ok(answer)
        }
        Fate::Partly => {
            let (part, rest) = partly::split(&core, &call, &request);
            let answer = on_its_way(&core, &caller, part, there, 1);
            let answer = answer.await.map_err(|_| Silence::TimedOut)?;
            sleep(millis(back)).await;
            Ok(partly::join(&call, answer, &rest))
        }
        Fate::Fine | Fate::Twice => {
            let times = if matches!(fate, Fate::Twice) { 2 } else { 1 };
            let answer = on_its_way(&core, &caller, call.clone(), there, times);
            let answer = answer.await.map_err(|_| Silence::TimedOut)?;
            sleep(millis(back)).await;
            Ok(stale::seen(&core, &call, answer))
        }
    }
}

/// Lets a call arrive after a while, whatever becomes of its caller. The answer is that to the last of `times` arrivals.
fn on_its_way(
    core: &Arc<Core>,
    caller: &Caller,
    call: Call,
    after_ms: u64,
    times: u32,
) -> oneshot::Receiver<Answer> {
    let (answer, answered) = oneshot::channel();
    let (core, name) = (Arc::clone(core), caller.name.clone());
    let between = core.dice.mostly_small(1, 2_500);
    tokio::spawn(async move {
        sleep(millis(after_ms)).await;
        let mut last = perform(&core, &name, &call);
        for _ in 1..times {
            sleep(millis(between)).await;
            last = perform(&core, &name, &call);
        }
        // Nobody may be waiting any more.
        answer.send(last).ok();
    });
    answered
}

/// Carries a call out.
fn perform(core: &Core, who: &str, call: &Call) -> Answer {
    let call = match &core.sabotage {
        Some(sabotage) => match sabotage.meddle(call) {
            Ok(call) => call,
            Err(answer) => return answer,
        },
        None => call.clone(),
    };
    match call.service {
        Service::DynamoDb => {
            if describe::is_write(&call.operation) {
                core.past.remember(core, &call);
            }
            let answer = core.engine.call_dynamodb(&call.operation, &call.body);
            if describe::is_write(&call.operation) {
                core.witness.look(core, who, &call);
            }
            match &core.sabotage {
                Some(sabotage) => sabotage.meddle_with_answer(&call, answer),
                None => answer,
            }
        }
        Service::Sqs => {
            let answer = core.engine.call_sqs(&call.operation, call.body.as_bytes());
            core.wakes.sent(core.time, &call.body);
            answer
        }
    }
}

pub(crate) fn millis(ms: u64) -> Duration {
    Duration::from_millis(ms)
}
