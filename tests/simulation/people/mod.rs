//! The people: those who send, and those who are written to. Each of them acts at a time of its own, and repeats what was not answered.

mod attacks;
mod members;
mod scenes;
mod senders;
mod sends;

use std::cell::RefCell;
use std::rc::Rc;

use domain::BulkActionId;
use serde_json::Value;
use tokio::time::sleep;
use wire::api::http::{Reply, Request};

use super::core::About;
use super::host::Host;
use super::network::millis;
pub(crate) use members::{Member, drawn, few, set_up};
pub use scenes::Scene;
pub(crate) use sends::Asked;

/// How often somebody repeats what was not answered.
const PATIENCE: u32 = 6;

/// What people did and know.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// What was asked to be sent, with what came of it.
    pub(crate) asked: Vec<Asked>,
    /// Cancellations that were answered with success.
    pub(crate) cancelled: Vec<BulkActionId>,
    /// Members who were deleted or erased, or whose deletion was tried.
    pub(crate) gone: Vec<String>,
}

/// Everybody.
pub(crate) struct People {
    pub(crate) host: Rc<Host>,
    pub(crate) members: Vec<Member>,
    pub(crate) memory: RefCell<Memory>,
}

impl People {
    /// Lets everybody act. Returns when all are through.
    pub(crate) async fn act(self: &Rc<Self>) {
        let dice = &self.host.core.dice;
        let mut acts = Vec::new();
        let sends = dice.count(1, 3);
        for number in 0..sends {
            let people = Rc::clone(self);
            let at = if number == 0 { 0 } else { dice.mostly_small(1, 120_000) };
            acts.push(tokio::task::spawn_local(async move {
                sleep(millis(at)).await;
                people.send(number).await;
            }));
        }
        for number in 0..dice.count(0, 8) {
            let people = Rc::clone(self);
            let at = dice.mostly_small(1, 240_000);
            acts.push(tokio::task::spawn_local(async move {
                sleep(millis(at)).await;
                people.do_something(number).await;
            }));
        }
        if self.host.core.faults.receipts.hostile > 0.0 {
            let people = Rc::clone(self);
            acts.push(tokio::task::spawn_local(async move { people.attack().await }));
        }
        for act in acts {
            if act.await.is_err() {
                self.host.core.violated("no panic", About::Key("people".into()), "somebody panicked");
            }
        }
    }

    async fn do_something(&self, number: usize) {
        match self.host.core.dice.between(0, 13) {
            0 | 1 => self.stop_by_message(number).await,
            2 => self.stop_by_link().await,
            3 => self.stop_by_api().await,
            4 => self.start_again(number).await,
            5 => self.write(number).await,
            6 => self.single(number).await,
            7 => self.retry().await,
            8 => self.cancel().await,
            9 => self.delete().await,
            10 => self.reply(number).await,
            11 => self.change_terms().await,
            12 => self.pause().await,
            _ => self.watch().await,
        }
    }

    /// Calls the API until it answers with something else than a 5xx, with the same key each time.
    async fn ask(&self, request: &Request) -> Option<(u16, Value)> {
        for attempt in 0..PATIENCE {
            if let Some(Reply { status, body, .. }) = self.host.api(request).await
                && status < 500
                && !(status == 409 && body.contains("in-progress"))
            {
                return Some((status, serde_json::from_str(&body).unwrap_or_default()));
            }
            sleep(millis(500 << attempt)).await;
        }
        None
    }

    fn note(&self, what: impl Into<String>) -> u64 {
        self.host.core.diary.note("people", what, Vec::new())
    }
}
