//! The world: everything wired as the functions wire it, and queues that are worked off by hand.

mod calls;
mod contents;
mod functions;
mod law;
mod queues;

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::{OrgId, Timestamp};
use engine::{Engine, EngineOptions};
use local::provision::{Clients, provision};
use queue::Queue;
use serde_json::json;
use store::directory::{AddressKeys, UnsubscribeTokens};
use store::{Store, Tables};
use wire::queue::Job;

use crate::provider::{FakeAsk, FakeChannel, Provider};
use crate::{CountingIds, TestClock};
pub use contents::{Contents, Snapshot};
pub(crate) use functions::READ_NOW;
pub use functions::{Functions, Wiring};
use law::Law;

/// How queue messages are delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Redelivery {
    /// Once, as is usual.
    Never,
    /// Every message twice, as SQS may.
    Always,
}

/// A world with an organisation `demo` that has three channels.
pub struct World {
    /// What the providers do and saw.
    pub provider: Provider,
    /// The clock, to be moved by hand.
    pub clock: Arc<TestClock>,
    /// The database.
    pub store: Store,
    engine: Engine,
    sqs: aws_sdk_sqs::Client,
    urls: BTreeMap<String, String>,
    redelivery: Redelivery,
    functions: Functions<FakeChannel<0>, FakeChannel<1>, FakeChannel<2>, FakeAsk>,
    law: Law,
}

impl World {
    /// A fresh world.
    ///
    /// # Panics
    /// If the engine does not start: a test cannot go on.
    pub async fn start() -> Self {
        Box::pin(Self::try_start()).await.expect("the world starts")
    }

    async fn try_start() -> anyhow::Result<Self> {
        let clock = Arc::new(TestClock::at("2026-12-01T09:00:00Z".parse::<Timestamp>()?));
        let engine_clock = Arc::clone(&clock);
        let options =
            EngineOptions { clock: Arc::new(move || engine_clock.millis()), ..EngineOptions::default() };
        let engine = Engine::start(options)?;
        let clients = Clients::new(&engine.dynamodb_url(), &engine.sqs_url());
        let template = crate::template()?;
        let urls = provision(&template, &clients).await?.queue_urls;

        let table = |name: &str| format!("tidings-local-{name}");
        let tables = Tables {
            directory: table("directory"),
            bulk_actions: table("bulk-actions"),
            message_logs: table("message-logs"),
        };
        let keys = AddressKeys::new(b"a master key for tests, of 32 bytes and more")?;
        let provider = Provider::new(UnsubscribeTokens::new(keys.clone()), Arc::clone(&clock) as _);
        let store = Store::new(clients.dynamodb.clone(), tables, keys);
        let wiring = Wiring {
            store: &store,
            sqs: &clients.sqs,
            urls: &urls,
            clock: Arc::clone(&clock) as _,
            timer: Arc::clone(&clock) as _,
            ids: Arc::new(CountingIds::default()),
        };
        let channels =
            (FakeChannel(provider.clone()), FakeChannel(provider.clone()), FakeChannel(provider.clone()));
        let functions = Functions::new(&wiring, channels, FakeAsk(provider.clone()));
        let world = Self {
            provider,
            clock,
            store,
            engine,
            sqs: clients.sqs,
            urls,
            redelivery: Redelivery::Never,
            functions,
            law: Law::default(),
        };
        world.set_up().await;
        Ok(world)
    }

    /// From now on messages are delivered so.
    pub fn redeliver(&mut self, redelivery: Redelivery) {
        self.redelivery = redelivery;
    }

    async fn set_up(&self) {
        let organisation = json!({ "name": "St Mark", "country": "NZ", "time_zone": "Pacific/Auckland" });
        self.ok("PUT /organisation", &[], organisation).await;
        for (channel, sender) in [
            ("sms", "+6421000000"),
            ("whatsapp", "106540352242922"),
            ("email", "St Mark <office@stmark.example.org>"),
        ] {
            let secret = (channel != "email").then_some("provider");
            let settings = json!({ "sender": sender, "secret_ref": secret, "receipt_window_s": 60, "rate_per_second": 10_000 });
            self.ok("PUT /channels/{channel}", &[("channel", channel)], settings).await;
        }
    }

    /// The organisation of the world.
    ///
    /// # Panics
    /// Never: the id is well formed.
    pub fn org() -> OrgId {
        "demo".parse().expect("an id")
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(self.left_over(), 0, "messages are left on the queues");
            self.law.check();
        }
    }
}

/// The URL of the queue `name`, e.g. `dispatch-sms`.
///
/// # Panics
/// If there is no such queue.
pub fn url_of(urls: &BTreeMap<String, String>, name: &str) -> String {
    // Queues go by their logical ids: `dispatch-sms` is `DispatchSmsQueue`.
    let upper =
        |word: &str| word.get(..1).unwrap_or_default().to_uppercase() + word.get(1..).unwrap_or_default();
    let logical: String = name.split('-').map(upper).collect();
    urls.get(&format!("{logical}Queue")).cloned().expect("a queue of that name")
}

/// The queue `name`.
pub fn queue_of<J: Job>(sqs: &aws_sdk_sqs::Client, urls: &BTreeMap<String, String>, name: &str) -> Queue<J> {
    Queue::new(sqs.clone(), url_of(urls, name))
}
