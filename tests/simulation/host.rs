//! Lambda: invocations of functions, which may be killed anywhere; and EventBridge, which starts reconcile every minute.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use domain::{Clock, Ids, Timestamp};
use futures_util::FutureExt;
use futures_util::future::join;
use local::provision::Clients;
use store::Store;
use store::directory::UnsubscribeTokens;
use testing::{Functions, Wiring};
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::sleep;
use usecases::reconcile::reconcile;
use wire::api::http::{Reply, Request};

use super::core::{About, Core};
use super::ledger::Accepted;
use super::look_up::SimAsk;
use super::network::millis;
use super::provider::SimChannel;
use super::time::{Caller, FunctionClock};

/// How long the functions behind the API may take, and those behind queues.
const API_TIMEOUT: Duration = Duration::from_secs(29);
pub(crate) const QUEUE_TIMEOUT: Duration = Duration::from_mins(1);

/// One instance of a function: what it remembers ends with it.
pub(crate) struct Instance {
    name: String,
    skew_ms: i64,
    pub(crate) functions: Functions<SimChannel<0>, SimChannel<1>, SimChannel<2>, SimAsk>,
}

/// What runs the functions.
pub(crate) struct Host {
    pub(crate) core: Arc<Core>,
    pub(crate) store: Store,
    pub(crate) clients: Clients,
    pub(crate) urls: BTreeMap<String, String>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    reporter: UnboundedSender<Accepted>,
    /// Instances that wait for work, by function.
    idle: RefCell<BTreeMap<&'static str, Vec<Instance>>>,
    made: Cell<u32>,
    /// Invocations that were killed or ran into an error, by function: their claims die, and somebody has to drive their work again.
    lost: RefCell<BTreeMap<&'static str, usize>>,
    /// Work that is going on.
    pub(crate) at_work: Cell<usize>,
}

/// Randomness for the functions, from the simulation's dice.
struct CoreIds(Arc<Core>);

impl Ids for CoreIds {
    fn random(&self) -> u128 {
        self.0.dice.random()
    }
}

impl Host {
    pub(crate) fn new(
        core: &Arc<Core>,
        store: Store,
        clients: Clients,
        urls: BTreeMap<String, String>,
        reporter: UnboundedSender<Accepted>,
    ) -> Self {
        Self {
            core: Arc::clone(core),
            store,
            clients,
            urls,
            clock: Arc::new(FunctionClock(core.time)),
            ids: Arc::new(CoreIds(Arc::clone(core))),
            reporter,
            idle: RefCell::default(),
            made: Cell::new(0),
            lost: RefCell::default(),
            at_work: Cell::new(0),
        }
    }

    fn instance(&self, function: &'static str) -> Instance {
        if let Some(instance) = self.idle.borrow_mut().get_mut(function).and_then(Vec::pop) {
            return instance;
        }
        self.made.set(self.made.get() + 1);
        let wiring = Wiring {
            store: &self.store,
            sqs: &self.clients.sqs,
            urls: &self.urls,
            clock: Arc::clone(&self.clock),
            timer: Arc::new(FunctionClock(self.core.time)),
            ids: Arc::clone(&self.ids),
        };
        let tokens = UnsubscribeTokens::new(self.store.keys().clone());
        let (core, reporter) = (&self.core, &self.reporter);
        let channels = (
            SimChannel { core: Arc::clone(core), tokens: tokens.clone(), reporter: reporter.clone() },
            SimChannel { core: Arc::clone(core), tokens: tokens.clone(), reporter: reporter.clone() },
            SimChannel { core: Arc::clone(core), tokens, reporter: reporter.clone() },
        );
        let skew = i64::try_from(core.dice.between(0, 2 * core.faults.skew_ms)).unwrap_or(0);
        let skew_ms = skew - i64::try_from(core.faults.skew_ms).unwrap_or(0);
        let name = format!("{function}#{}", self.made.get());
        Instance { name, skew_ms, functions: Functions::new(&wiring, channels, SimAsk(Arc::clone(core))) }
    }

    /// Runs one invocation; `None` if it was killed, panicked or ran out of time.
    pub(crate) async fn invoke<T>(
        &self,
        function: &'static str,
        timeout: Duration,
        work: impl AsyncFnOnce(&Instance, Timestamp) -> T,
    ) -> Option<T> {
        let core = &self.core;
        let instance = self.instance(function);
        let killed_after = core.fault(core.faults.kill).then(|| millis(core.dice.mostly_small(1, 20_000)));
        let ends = killed_after.unwrap_or(timeout).min(timeout);
        let caller = Caller::new(instance.name.clone(), instance.skew_ms);
        let name = instance.name.clone();
        self.at_work.set(self.at_work.get() + 1);
        let run = AssertUnwindSafe(caller.at_work(async {
            let deadline = self.clock.now() + timeout;
            // Whatever it calls: it must not make everybody large who waits for it.
            Box::pin(work(&instance, deadline)).await
        }));
        let result = tokio::select! {
            biased;
            result = run.catch_unwind() => Some(result),
            () = sleep(ends) => None,
        };
        self.at_work.set(self.at_work.get() - 1);
        match result {
            Some(Ok(result)) => {
                self.idle.borrow_mut().entry(function).or_default().push(instance);
                Some(result)
            }
            Some(Err(_)) => {
                core.violated("no panic", About::Key(name.clone()), format!("{name} panicked"));
                None
            }
            None => {
                let why = if killed_after.is_some() { "is killed" } else { "runs out of time" };
                core.diary.note(&name, why, Vec::new());
                self.loses(function);
                None
            }
        }
    }

    /// An invocation came to nothing.
    pub(crate) fn loses(&self, function: &'static str) {
        *self.lost.borrow_mut().entry(function).or_default() += 1;
    }

    /// How many invocations of functions whose names begin so came to nothing.
    pub(crate) fn lost(&self, prefix: &str) -> usize {
        self.lost.borrow().iter().filter(|(name, _)| name.starts_with(prefix)).map(|(_, count)| count).sum()
    }

    /// A call of the API, or of a provider; `None` if no answer came.
    pub(crate) async fn api(&self, request: &Request) -> Option<Reply> {
        let function =
            testing::conformance::contract().function_of(&request.route).expect("a route of the API");
        self.invoke(function, API_TIMEOUT, async |instance, _| instance.functions.answer(request).await).await
    }

    /// A call from outside of the simulation: nothing goes wrong and no time passes.
    pub(crate) async fn outside(&self, request: &Request) -> Reply {
        let instance = self.instance("outside");
        Box::pin(instance.functions.answer(request)).await
    }

    /// Purges all queues at some times.
    pub(crate) async fn purges(self: Rc<Self>) {
        for _ in 0..self.core.faults.purges {
            sleep(millis(self.core.dice.mostly_small(500, 200_000))).await;
            self.purge();
        }
    }

    /// Starts reconcile every minute, as long as there is something to do.
    pub(crate) async fn ticks(self: Rc<Self>) {
        let core = &self.core;
        loop {
            let into = core.time.elapsed_ms() % 60_000;
            sleep(millis(60_000 - into)).await;
            if core.next_due_ms().is_none_or(|due| due > core.time.millis() + 2_000) {
                continue;
            }
            if core.fault(core.faults.two_reconciles) {
                join(self.tick(), self.tick()).await;
            } else {
                self.tick().await;
            }
        }
    }

    async fn tick(&self) {
        let work = async |instance: &Instance, deadline| {
            reconcile(&instance.functions.reconcile, deadline - Duration::from_secs(5)).await
        };
        match self.invoke("reconcile", QUEUE_TIMEOUT, work).await {
            Some(Ok(report)) => {
                self.core.diary.note("reconcile", format!("{report:?}"), Vec::new());
                super::checks::reconciled(&self.core, &report);
            }
            Some(Err(error)) => {
                self.core.diary.note("reconcile", format!("failed: {error}"), Vec::new());
            }
            None => {}
        }
    }
}
