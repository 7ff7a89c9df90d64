//! The world: everything wired as the functions wire it, and queues that are worked off by hand.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aws_sdk_sqs::types::{Message, MessageSystemAttributeName};
use channels::ses::CertificateCache;
use domain::permission::Caller;
use domain::receipt::{Receipt, Report};
use domain::{BulkActionId, Channel, Clock, Ids, OrgId, Timestamp};
use engine::{Engine, EngineOptions};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use local::provision::{Clients, provision};
use queue::Queue;
use serde_json::{Value, json};
use store::directory::{AddressKeys, UnsubscribeTokens};
use store::{Store, Tables};
use usecases::Notes;
use usecases::apply_receipt::{ApplyReceipt, apply_receipt};
use usecases::create_bulk_action::{CreateBulkActions, create_bulk_action};
use usecases::dispatch::{Dispatch, dispatch};
use usecases::jobs::DispatchQueues;
use usecases::manage_directory::{self, Directory};
use usecases::read_log::{ReadLog, read_log};
use usecases::receive_webhook::{Known, ReceiveWebhook, receive_webhook};
use usecases::reconcile::{Reconcile, Report as Reconciled, reconcile};
use usecases::secrets::{SecretError, SecretSource};
use usecases::send_message::{SendMessage, send_message};
use usecases::unsubscribe::{Unsubscribe, unsubscribe};
use wire::api::http::{Reply, Request};
use wire::queue::{ApplyReceiptJob, Job};

use crate::inbound::{self, Writes};
use crate::provider::{FakeChannel, Provider, Seen};
use crate::{CountingIds, TestClock, conformance};

/// Everybody's permissions.
const ALL: &str = "members.view members.edit messaging.send messaging.view messaging.manage";

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
    functions: Functions,
}

struct Functions {
    create: CreateBulkActions,
    fan_out: SendMessage,
    whatsapp: Dispatch<FakeChannel<0>>,
    sms: Dispatch<FakeChannel<1>>,
    email: Dispatch<FakeChannel<2>>,
    receipts: ApplyReceipt,
    reconcile: Reconcile,
    directory: Directory,
    read: ReadLog,
    webhooks: ReceiveWebhook,
    unsubscribe: Unsubscribe,
}

/// The same secrets for every organisation.
struct Secrets;

impl SecretSource for Secrets {
    fn secret<'a>(&'a self, _: &'a OrgId, _: &'a str) -> BoxFuture<'a, Result<Value, SecretError>> {
        async { Ok(inbound::secrets()) }.boxed()
    }
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
        let provider = Provider::new(UnsubscribeTokens::new(keys.clone()));
        let store = Store::new(clients.dynamodb.clone(), tables, keys);
        let functions = Functions::new(&store, &clients.sqs, &urls, &clock, &provider);
        let world = Self {
            provider,
            clock,
            store,
            engine,
            sqs: clients.sqs,
            urls,
            redelivery: Redelivery::Never,
            functions,
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
            let settings = json!({ "sender": sender, "secret_ref": secret, "receipt_window_s": 60, "rate_per_second": 20 });
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

    /// Calls the API as somebody who may do everything.
    pub async fn call(&self, route: &str, path: &[(&str, &str)], body: Value) -> Reply {
        self.request(&Self::as_somebody(route, path, &body)).await
    }

    fn as_somebody(route: &str, path: &[(&str, &str)], body: &Value) -> Request {
        Request {
            route: route.to_owned(),
            path: path.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            headers: BTreeMap::from([("content-type".to_owned(), "application/json".to_owned())]),
            body: if body.is_null() { Vec::new() } else { body.to_string().into_bytes() },
            caller: Some(Caller {
                sub: "tester".into(),
                org_id: Self::org(),
                permissions: Caller::parse_permissions(ALL),
            }),
            ..Request::default()
        }
    }

    /// Calls the API with a caller's `Idempotency-Key`.
    pub async fn call_once(&self, key: &str, route: &str, path: &[(&str, &str)], body: Value) -> Reply {
        let mut request = Self::as_somebody(route, path, &body);
        request.headers.insert("idempotency-key".to_owned(), key.to_owned());
        self.request(&request).await
    }

    /// A member writes. The provider's webhook is signed as the provider signs it.
    pub async fn inbound(&self, writes: &Writes) -> Reply {
        self.request(&writes.request(self.clock.now())).await
    }

    /// Calls the API with a query string.
    pub async fn request_query(&self, route: &str, query: &str) -> Reply {
        let mut request = Self::as_somebody(route, &[], &Value::Null);
        query.clone_into(&mut request.raw_query);
        self.request(&request).await
    }

    /// Calls the API with any request, and holds the answer to `infra/openapi.yaml`.
    ///
    /// # Panics
    /// If the answer is not described there.
    pub async fn request(&self, request: &Request) -> Reply {
        let reply = self.answer(request).await;
        if let Err(violation) = conformance::contract().check(&request.route, &reply) {
            panic!("{violation}");
        }
        reply
    }

    /// What the function that `infra/openapi.yaml` names for the route answers, held to nothing.
    ///
    /// # Panics
    /// If the world has no such function.
    pub async fn answer(&self, request: &Request) -> Reply {
        let functions = &self.functions;
        match conformance::contract().function_of(&request.route) {
            Some("create-bulk-action") => create_bulk_action(&functions.create, request).await,
            Some("read-log") => read_log(&functions.read, request).await,
            Some("manage-directory") => manage_directory::handle(&functions.directory, request).await,
            Some("receive-webhook") => receive_webhook(&functions.webhooks, request).await,
            Some("unsubscribe") => unsubscribe(&functions.unsubscribe, request).await,
            other => panic!("{}: the world has no function {other:?}", request.route),
        }
    }

    /// Calls the API and expects success.
    ///
    /// # Panics
    /// If the answer is a problem.
    pub async fn ok(&self, route: &str, path: &[(&str, &str)], body: Value) -> Value {
        let reply = self.call(route, path, body).await;
        assert!(reply.status < 300, "{route}: {} {}", reply.status, reply.body);
        serde_json::from_str(&reply.body).unwrap_or(Value::Null)
    }

    /// Writes a member.
    pub async fn member(&self, id: &str, fields: Value) {
        self.ok("PUT /members/{id}", &[("id", id)], fields).await;
    }

    /// Writes `count` members `m0`, `m1`, ... with a first name, a phone and an email each.
    ///
    /// # Panics
    /// If one is refused.
    pub async fn members(&self, count: usize) -> Vec<String> {
        let members: Vec<Value> = (0..count)
            .map(|i| json!({
                "id": format!("m{i}"), "first_names": format!("Ana{i}"), "email": format!("ana{i}@example.org"),
                "primary_phone": format!("+6421{:07}", 1_000_000 + i),
            }))
            .collect();
        for some in members.chunks(5000) {
            let imported = self.ok("POST /members/import", &[], json!({ "members": some })).await;
            assert_eq!(imported["imported"], some.len(), "{imported}");
        }
        members.iter().map(|member| member["id"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// Sends an SMS to members; answers the action's id.
    pub async fn send_sms(&self, to: &[String], text: &str) -> BulkActionId {
        self.send(json!({ "target_ids": to, "messages": [{ "channel": "sms", "body": text }] })).await
    }

    /// Creates an action; answers its id.
    ///
    /// # Panics
    /// If it is refused.
    pub async fn send(&self, mut body: Value) -> BulkActionId {
        body["type"] = json!("send_message");
        let action = self.ok("POST /bulk-actions", &[], body).await;
        action["id"].as_str().and_then(|id| id.parse().ok()).expect("an action's id")
    }

    /// An action as the API shows it.
    pub async fn action(&self, id: BulkActionId) -> Value {
        self.ok("GET /bulk-actions/{id}", &[("id", &id.to_string())], Value::Null).await
    }

    /// Works all queues off, as far as messages are visible at the present time. Answers how many jobs failed.
    pub async fn drain(&self) -> usize {
        let mut failed = 0;
        loop {
            let mut worked = 0;
            for name in
                ["send-message", "dispatch-whatsapp", "dispatch-sms", "dispatch-email", "apply-receipt"]
            {
                for message in self.receive(name).await {
                    worked += 1;
                    failed += usize::from(!self.work(name, message).await);
                }
            }
            if worked == 0 {
                return failed;
            }
        }
    }

    /// Works one queue off, once over: what its jobs put on queues stays there.
    pub async fn drain_one(&self, name: &str) {
        for message in self.receive(name).await {
            self.work(name, message).await;
        }
    }

    /// Runs the next job of a queue until it panics, as a function that is killed; its message stays invisible and then comes back.
    ///
    /// # Panics
    /// If there is no job, or it does not panic.
    pub async fn crash_one(&self, name: &str) {
        let message = self.receive(name).await.into_iter().next().expect("a job");
        let body = message.body.unwrap_or_default();
        let crashed = AssertUnwindSafe(self.run(name, &body)).catch_unwind().await;
        assert!(crashed.is_err(), "the function was to stop half-way");
    }

    /// Moves the clock on and lets reconcile run each minute of that time, as the schedule does.
    pub async fn live(&self, time: Duration) {
        let end = self.clock.now() + time;
        while self.clock.now() < end {
            self.clock.advance(Duration::from_mins(1).min(end.since(self.clock.now())));
            self.reconcile().await;
            self.drain().await;
        }
    }

    /// One run of reconcile.
    ///
    /// # Panics
    /// If it fails.
    pub async fn reconcile(&self) -> Reconciled {
        let deadline = self.clock.now() + Duration::from_hours(1);
        reconcile(&self.functions.reconcile, deadline).await.expect("reconcile runs")
    }

    /// Everything on every queue is lost.
    ///
    /// # Panics
    /// If a queue does not exist.
    pub fn purge(&self) {
        for name in self.engine.sqs().queues() {
            self.engine.sqs().purge(&name).expect("a queue");
        }
    }

    /// The providers report on messages: `report` says what, in order, for each that they accepted.
    pub async fn report(&self, report: impl Fn(&Seen) -> Vec<Report>) {
        let at = self.clock.now();
        let mut receipts: BTreeMap<Channel, Vec<Receipt>> = BTreeMap::new();
        for (number, seen) in self.provider.accepted().into_iter().enumerate() {
            for report in report(&seen) {
                receipts.entry(seen.channel).or_default().push(Receipt {
                    message_id: seen.message_id,
                    provider_message_id: Some(format!("SM{}", number + 1)),
                    report,
                    at,
                    provider_code: None,
                });
            }
        }
        for (channel, receipts) in receipts {
            self.post(channel, receipts).await;
        }
    }

    /// Puts receipts on the queue, in jobs of ten.
    ///
    /// # Panics
    /// If the queue does not take them.
    pub async fn post(&self, channel: Channel, receipts: Vec<Receipt>) {
        let jobs: Vec<_> = receipts
            .chunks(10)
            .map(|some| ApplyReceiptJob::V1 { org_id: Self::org(), channel, receipts: some.to_vec() })
            .collect();
        self.queue::<ApplyReceiptJob>("apply-receipt")
            .send(&jobs, Duration::ZERO)
            .await
            .expect("the queue takes them");
    }

    /// A queue of the world, for jobs of a test's own.
    pub fn queue<J: Job>(&self, name: &str) -> Queue<J> {
        queue_of(&self.sqs, &self.urls, name)
    }

    /// The fair-queue groups of the next jobs of a queue, which stay where they are.
    ///
    /// # Panics
    /// If the queue does not answer.
    pub async fn groups(&self, name: &str) -> Vec<String> {
        let url = url_of(&self.urls, name);
        let request =
            self.sqs.receive_message().queue_url(url).max_number_of_messages(10).visibility_timeout(0);
        let request = request.message_system_attribute_names(MessageSystemAttributeName::MessageGroupId);
        let messages = request.send().await.expect("the queue answers").messages.unwrap_or_default();
        let group = |message: &Message| {
            message.attributes()?.get(&MessageSystemAttributeName::MessageGroupId).cloned()
        };
        messages.iter().filter_map(group).collect()
    }

    async fn receive(&self, name: &str) -> Vec<Message> {
        let url = url_of(&self.urls, name);
        let request =
            self.sqs.receive_message().queue_url(url).max_number_of_messages(10).wait_time_seconds(0);
        request.send().await.expect("the queue answers").messages.unwrap_or_default()
    }

    async fn work(&self, name: &str, message: Message) -> bool {
        let body = message.body.as_deref().unwrap_or_default();
        let times = if self.redelivery == Redelivery::Always { 2 } else { 1 };
        for _ in 0..times {
            if let Err(error) = self.run(name, body).await {
                tracing::debug!(%error, "a job failed");
                return false;
            }
        }
        let delete = self.sqs.delete_message().queue_url(url_of(&self.urls, name));
        delete.set_receipt_handle(message.receipt_handle).send().await.expect("the queue deletes");
        true
    }

    /// Runs one job as its function would.
    async fn run(&self, name: &str, body: &str) -> anyhow::Result<()> {
        let functions = &self.functions;
        let deadline = self.clock.now() + Duration::from_mins(1);
        match name {
            "send-message" => send_message(&functions.fan_out, serde_json::from_str(body)?).await?,
            "dispatch-whatsapp" => {
                dispatch(&functions.whatsapp, serde_json::from_str(body)?, deadline).await?;
            }
            "dispatch-sms" => dispatch(&functions.sms, serde_json::from_str(body)?, deadline).await?,
            "dispatch-email" => dispatch(&functions.email, serde_json::from_str(body)?, deadline).await?,
            "apply-receipt" => apply_receipt(&functions.receipts, vec![serde_json::from_str(body)?]).await?,
            other => anyhow::bail!("no function reads {other}"),
        }
        Ok(())
    }

    /// Messages on all queues, dead-letter queues included.
    fn left_over(&self) -> u64 {
        let sqs = self.engine.sqs();
        sqs.queues().iter().filter_map(|name| sqs.counts(name).ok()).map(engine::QueueCounts::total).sum()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(self.left_over(), 0, "messages are left on the queues");
        }
    }
}

fn url_of(urls: &BTreeMap<String, String>, name: &str) -> String {
    // Queues go by their logical ids: `dispatch-sms` is `DispatchSmsQueue`.
    let upper =
        |word: &str| word.get(..1).unwrap_or_default().to_uppercase() + word.get(1..).unwrap_or_default();
    let logical: String = name.split('-').map(upper).collect();
    urls.get(&format!("{logical}Queue")).cloned().expect("a queue of that name")
}

fn queue_of<J: Job>(sqs: &aws_sdk_sqs::Client, urls: &BTreeMap<String, String>, name: &str) -> Queue<J> {
    Queue::new(sqs.clone(), url_of(urls, name))
}

impl Functions {
    fn new(
        store: &Store,
        sqs: &aws_sdk_sqs::Client,
        urls: &BTreeMap<String, String>,
        clock: &Arc<TestClock>,
        provider: &Provider,
    ) -> Self {
        let clock: Arc<dyn Clock> = Arc::clone(clock) as _;
        let ids: Arc<dyn Ids> = Arc::new(CountingIds::default());
        let queues = DispatchQueues {
            whatsapp: queue_of(sqs, urls, "dispatch-whatsapp"),
            sms: queue_of(sqs, urls, "dispatch-sms"),
            email: queue_of(sqs, urls, "dispatch-email"),
        };
        let webhook_queues = queues.clone();
        Self {
            create: CreateBulkActions {
                store: store.clone(),
                queue: queue_of(sqs, urls, "send-message"),
                dispatch: queues.clone(),
                clock: Arc::clone(&clock),
                ids: Arc::clone(&ids),
            },
            fan_out: SendMessage {
                store: store.clone(),
                queue: queue_of(sqs, urls, "send-message"),
                dispatch: queues.clone(),
                clock: Arc::clone(&clock),
            },
            whatsapp: dispatcher(store, &queues.whatsapp, &clock, &ids, FakeChannel(provider.clone())),
            sms: dispatcher(store, &queues.sms, &clock, &ids, FakeChannel(provider.clone())),
            email: dispatcher(store, &queues.email, &clock, &ids, FakeChannel(provider.clone())),
            receipts: ApplyReceipt {
                store: store.clone(),
                clock: Arc::clone(&clock),
                notes: Notes::default(),
            },
            reconcile: Reconcile {
                store: store.clone(),
                send_message: queue_of(sqs, urls, "send-message"),
                dispatch: queues.clone(),
                clock: Arc::clone(&clock),
            },
            directory: Directory { store: store.clone(), clock: Arc::clone(&clock), notes: Notes::default() },
            read: ReadLog { store: store.clone(), clock: Arc::clone(&clock) },
            webhooks: ReceiveWebhook {
                store: store.clone(),
                queue: queue_of(sqs, urls, "apply-receipt"),
                dispatch: webhook_queues,
                notes: Notes::default(),
                secrets: Arc::new(Secrets),
                clock: Arc::clone(&clock),
                certificates: CertificateCache::new(no_http(), None),
                known: Known::default(),
                public_base_url: inbound::PUBLIC_BASE_URL.to_owned(),
                sns_topic_arn: "arn:aws:sns:us-east-1:1:none".to_owned(),
            },
            unsubscribe: Unsubscribe {
                store: store.clone(),
                clock,
                notes: Notes::default(),
                tokens: UnsubscribeTokens::new(store.keys().clone()),
            },
        }
    }
}

/// One client for all worlds: none of them fetches a certificate, and each client would read the machine's own ones.
fn no_http() -> reqwest::Client {
    static CLIENT: OnceLock<reqwest::Client> = OnceLock::new();
    CLIENT.get_or_init(|| channels::http_client().expect("an HTTP client can be made")).clone()
}

fn dispatcher<const CHANNEL: usize>(
    store: &Store,
    queue: &Queue<wire::queue::DispatchJob>,
    clock: &Arc<dyn Clock>,
    ids: &Arc<dyn Ids>,
    connect: FakeChannel<CHANNEL>,
) -> Dispatch<FakeChannel<CHANNEL>> {
    Dispatch {
        store: store.clone(),
        queue: queue.clone(),
        secrets: Arc::new(Secrets),
        clock: Arc::clone(clock),
        ids: Arc::clone(ids),
        notes: Notes::default(),
        connect,
    }
}
