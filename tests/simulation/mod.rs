//! The deterministic simulation: the real use cases and the real store on the embedded engine, in one process, in simulated time. One seed
//! decides everything: who acts when, how long each call takes, what fails and how, where functions are killed, what the providers do. Afterwards
//! the promises of the product are checked against what the simulated providers saw.
//!
//! | module | plays the part of |
//! |---|---|
//! | `time`, `dice`, `faults` | the world's laws |
//! | `network` | the network to AWS, with its faults; a witness of every write |
//! | `host`, `queues` | Lambda, its event sources, EventBridge |
//! | `provider`, `receipts`, `look_up`, `ledger` | the message providers and their book |
//! | `people` | those who send, and those who are written to |
//! | `checks` | the judge |
//! | `sabotage` | careless versions of us, which the judge must find |
//!
//! The same seed makes the same run, byte for byte in its diary.

mod checks;
mod core;
mod diary;
mod dice;
mod faults;
mod host;
mod ledger;
mod look_up;
mod network;
mod pace;
mod people;
mod provider;
mod queues;
mod receipts;
mod sabotage;
mod time;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::{Arc, OnceLock};

use local::provision::provision;
use local::template::Template;
use store::directory::AddressKeys;
use store::{Store, Tables};
use testing::transport::{Network, clients};
use tokio::task::LocalSet;
use tokio::time::sleep;

use self::core::{About, BULK_ACTIONS, Core, DIRECTORY, MESSAGE_LOGS};
use host::Host;
use network::{Wires, millis};
pub use people::Scene;
use people::{Memory, People};
pub use sabotage::Sabotage;

/// When faults end, at the latest, in milliseconds since the beginning.
const HEAL_MS: u64 = 600_000;
/// Within which time after that everything has settled: the last expiry, a receipt window, an SQS visibility time-out and some ticks.
const BOUND_MS: u64 = 4 * 3_600_000;
/// What a sender takes only tomorrow waits until then or until it expires.
const DAY_MS: u64 = 25 * 60 * 60 * 1000;

/// All functions of the product in one call chain, in a build that is not optimised, take more than a thread has by default.
const STACK: usize = 64 << 20;

/// The template, which every world is made after.
static TEMPLATE: OnceLock<Template> = OnceLock::new();

/// What came of a simulation.
#[derive(Debug)]
pub struct Run {
    /// Its seed.
    pub seed: u64,
    /// The promises that were broken, with what happened; empty if all is well.
    pub violations: Vec<String>,
    /// The first violation's story: who did what to the message concerned, in order.
    pub story: String,
    /// Everything that happened.
    pub diary: String,
    /// What providers accepted: the recipient and the text of each message, sorted.
    pub ledger: Vec<(String, String)>,
    /// What the run was made of, for statistics.
    pub tally: Tally,
}

/// The size of a run.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tally {
    /// Messages that providers accepted.
    pub accepted: usize,
    /// Rows that were written.
    pub rows: usize,
    /// Dispatchers that were killed or gave up.
    pub killed: usize,
    /// Calls of AWS and of providers.
    pub calls: u64,
}

/// What is simulated.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Decides whatever is left open.
    pub seed: u64,
    /// What is broken on purpose.
    pub sabotage: Option<Sabotage>,
    /// What happens.
    pub story: Story,
}

/// What happens in a simulation.
#[derive(Debug, Clone, Copy)]
pub enum Story {
    /// Whatever the seed decides.
    Life,
    /// One thing, and at most one fault.
    Scene {
        /// The thing.
        scene: Scene,
        /// The call whose answer is lost, counted from 1.
        lost: Option<u64>,
    },
}

/// Runs one simulation of whatever the seed decides, or of where the broken version shows.
///
/// # Panics
/// If the world cannot be set up: that is no finding about the product.
pub fn run(seed: u64, sabotage: Option<Sabotage>) -> Run {
    let story = sabotage.map_or(Story::Life, Sabotage::story);
    play(Plan { seed, sabotage, story })
}

/// Runs one simulation.
///
/// # Panics
/// As [`run`].
pub fn play(plan: Plan) -> Run {
    let alone = std::thread::Builder::new().stack_size(STACK).spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        LocalSet::new().block_on(&runtime.expect("a runtime can be made"), simulate(plan))
    });
    match alone.expect("a thread can be made").join() {
        Ok(run) => run,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

async fn simulate(plan: Plan) -> Run {
    let core = Core::new(&plan);
    core.diary.note("world", format!("{plan:?}, {:?}", core.faults), Vec::new());
    let (reporter, accepted) = tokio::sync::mpsc::unbounded_channel();
    let host = Rc::new(connect(&core, reporter).await);
    let members = match plan.story {
        Story::Life => people::drawn(&host),
        Story::Scene { .. } => people::few(),
    };
    people::set_up(&host, &members).await;
    let people = Rc::new(People { host: Rc::clone(&host), members, memory: RefCell::new(Memory::default()) });

    for (queue, batch) in queues::QUEUES {
        tokio::task::spawn_local(Rc::clone(&host).serve(queue, batch));
    }
    tokio::task::spawn_local(Rc::clone(&host).ticks());
    tokio::task::spawn_local(receipts::report_all(Rc::clone(&host), accepted));
    tokio::task::spawn_local(Rc::clone(&host).purges());

    match plan.story {
        Story::Life => {
            let healing = Rc::clone(&host);
            tokio::task::spawn_local(async move {
                sleep(millis(HEAL_MS)).await;
                healing.core.heal();
            });
            people.act().await;
        }
        Story::Scene { scene, .. } => {
            core.heal();
            people.play(scene).await;
        }
    }
    settle(&host).await;
    checks::settled(&host, &people.memory.take()).await;
    told(plan.seed, &host)
}

/// The functions' world: tables and queues as the template names them.
async fn connect(core: &Arc<Core>, reporter: tokio::sync::mpsc::UnboundedSender<ledger::Accepted>) -> Host {
    let network: Arc<dyn Network> = Arc::new(Wires(Arc::clone(core)));
    let clients = clients(&network);
    let template = TEMPLATE.get_or_init(|| testing::template().expect("the template reads"));
    let urls = provision(template, &clients).await.expect("the engine makes tables and queues").queue_urls;
    let tables = Tables {
        directory: DIRECTORY.to_owned(),
        bulk_actions: BULK_ACTIONS.to_owned(),
        message_logs: MESSAGE_LOGS.to_owned(),
    };
    let keys = AddressKeys::new(b"a master key for tests, of 32 bytes and more").expect("it is long enough");
    let store = Store::new(clients.dynamodb.clone(), tables, keys);
    Host::new(core, store, clients, urls, reporter)
}

/// Waits until nothing moves any more.
async fn settle(host: &Host) {
    let core = &host.core;
    loop {
        let idle = host.at_work.get() == 0 && host.waiting() == 0 && core.next_due_ms().is_none();
        if idle && core.is_healed() {
            return;
        }
        let day_ms = if core.pace.limits_days() { DAY_MS } else { 0 };
        if core.time.elapsed_ms() > HEAL_MS + BOUND_MS + day_ms {
            let what = format!(
                "it does not settle: {} at work, {} messages wait, due {:?}",
                host.at_work.get(),
                host.waiting(),
                core.next_due_ms()
            );
            core.violated("P2", About::Key("ACTION".into()), what);
            return;
        }
        sleep(millis(5_000)).await;
    }
}

fn told(seed: u64, host: &Host) -> Run {
    let core = &host.core;
    let violations = core.violations();
    let story = match violations.first().map(|violation| &violation.about) {
        Some(About::Message(id)) => format!("This is the story of {id}:\n{}", core.diary.story(*id)),
        Some(About::Key(key)) => format!("This is what happened to {key}:\n{}", core.diary.about(key)),
        None => String::new(),
    };
    Run {
        seed,
        violations: violations.iter().map(|v| format!("{}: {}", v.promise, v.what)).collect(),
        story,
        diary: core.diary.text(),
        ledger: core.ledger.sorted(),
        tally: Tally {
            accepted: core.ledger.accepted().len(),
            rows: core.witness.rows().len(),
            killed: host.lost("dispatch-"),
            calls: core.calls(),
        },
    }
}
