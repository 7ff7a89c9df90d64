//! Everything wired as the functions wire it.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use channels::ses::CertificateCache;
use domain::{Clock, Ids, OrgId, Timer, Timestamp};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use queue::Queue;
use serde_json::Value;
use store::Store;
use store::directory::UnsubscribeTokens;
use usecases::Notes;
use usecases::apply_receipt::{ApplyReceipt, apply_receipt};
use usecases::create_bulk_action::{CreateBulkActions, create_bulk_action};
use usecases::dispatch::{Connect, Dispatch, dispatch};
use usecases::jobs::DispatchQueues;
use usecases::manage_directory::{self, Directory};
use usecases::read_log::{ReadLog, read_log};
use usecases::receive_webhook::{Known, ReceiveWebhook, receive_webhook};
use usecases::reconcile::{Ask, Reconcile};
use usecases::secrets::{SecretError, SecretSource};
use usecases::send_message::{SendMessage, send_message};
use usecases::unsubscribe::{Unsubscribe, unsubscribe};
use wire::api::http::{Reply, Request};
use wire::queue::Job;

use crate::{conformance, inbound};

/// One instance of every function, with ways to the providers.
pub struct Functions<W, S, E, A> {
    create: CreateBulkActions,
    fan_out: SendMessage,
    whatsapp: Dispatch<W>,
    sms: Dispatch<S>,
    email: Dispatch<E>,
    receipts: ApplyReceipt,
    /// `reconcile`, which takes no input.
    pub reconcile: Reconcile<A>,
    directory: Directory,
    read: ReadLog,
    webhooks: ReceiveWebhook,
    unsubscribe: Unsubscribe,
}

/// What functions are made of.
pub struct Wiring<'a> {
    /// The database.
    pub store: &'a Store,
    /// SQS.
    pub sqs: &'a aws_sdk_sqs::Client,
    /// The queues' URLs, by logical id.
    pub urls: &'a BTreeMap<String, String>,
    /// The present.
    pub clock: Arc<dyn Clock>,
    /// Waiting.
    pub timer: Arc<dyn Timer>,
    /// Randomness.
    pub ids: Arc<dyn Ids>,
}

/// A secret says by this field that it was read now, not remembered.
pub(crate) const READ_NOW: &str = "read_now";

/// What [`inbound::secret_of`] says.
struct Secrets;

impl SecretSource for Secrets {
    fn secret<'a>(&'a self, org: &'a OrgId, _: &'a str) -> BoxFuture<'a, Result<Value, SecretError>> {
        async { Ok(inbound::secret_of(org)) }.boxed()
    }

    fn secret_now<'a>(&'a self, org: &'a OrgId, _: &'a str) -> BoxFuture<'a, Result<Value, SecretError>> {
        let mut secret = inbound::secret_of(org);
        secret[READ_NOW] = true.into();
        async { Ok(secret) }.boxed()
    }
}

impl Wiring<'_> {
    /// The queue `name`, e.g. `dispatch-sms`.
    pub fn queue<J: Job>(&self, name: &str) -> Queue<J> {
        super::queue_of(self.sqs, self.urls, name)
    }

    fn dispatcher<C: Connect>(&self, connect: C) -> Dispatch<C> {
        Dispatch {
            store: self.store.clone(),
            queue: self.queue(&format!("dispatch-{}", C::CHANNEL)),
            secrets: Arc::new(Secrets),
            clock: Arc::clone(&self.clock),
            timer: Arc::clone(&self.timer),
            ids: Arc::clone(&self.ids),
            notes: Notes::default(),
            connect,
        }
    }
}

impl<W: Connect, S: Connect, E: Connect, A: Ask> Functions<W, S, E, A> {
    /// Wires them.
    pub fn new(wiring: &Wiring<'_>, (whatsapp, sms, email): (W, S, E), ask: A) -> Self {
        let Wiring { store, clock, ids, .. } = wiring;
        let queues = DispatchQueues {
            whatsapp: wiring.queue("dispatch-whatsapp"),
            sms: wiring.queue("dispatch-sms"),
            email: wiring.queue("dispatch-email"),
        };
        Self {
            create: CreateBulkActions {
                store: (*store).clone(),
                queue: wiring.queue("send-message"),
                dispatch: queues.clone(),
                clock: Arc::clone(clock),
                ids: Arc::clone(ids),
            },
            fan_out: SendMessage {
                store: (*store).clone(),
                queue: wiring.queue("send-message"),
                dispatch: queues.clone(),
                clock: Arc::clone(clock),
            },
            whatsapp: wiring.dispatcher(whatsapp),
            sms: wiring.dispatcher(sms),
            email: wiring.dispatcher(email),
            receipts: ApplyReceipt {
                store: (*store).clone(),
                clock: Arc::clone(clock),
                notes: Notes::default(),
            },
            reconcile: Reconcile {
                store: (*store).clone(),
                send_message: wiring.queue("send-message"),
                dispatch: queues.clone(),
                secrets: Arc::new(Secrets),
                ask,
                clock: Arc::clone(clock),
            },
            directory: Directory {
                store: (*store).clone(),
                clock: Arc::clone(clock),
                notes: Notes::default(),
            },
            read: ReadLog { store: (*store).clone(), clock: Arc::clone(clock) },
            webhooks: ReceiveWebhook {
                store: (*store).clone(),
                queue: wiring.queue("apply-receipt"),
                dispatch: queues,
                notes: Notes::default(),
                secrets: Arc::new(Secrets),
                clock: Arc::clone(clock),
                certificates: CertificateCache::new(no_http(), None),
                known: Known::default(),
                public_base_url: inbound::PUBLIC_BASE_URL.to_owned(),
                sns_topic_arn: "arn:aws:sns:us-east-1:1:none".to_owned(),
            },
            unsubscribe: Unsubscribe {
                store: (*store).clone(),
                clock: Arc::clone(clock),
                notes: Notes::default(),
                tokens: UnsubscribeTokens::new(store.keys().clone()),
            },
        }
    }

    /// What the function that `infra/openapi.yaml` names for the route answers.
    ///
    /// # Panics
    /// If there is no such function.
    pub async fn answer(&self, request: &Request) -> Reply {
        match conformance::contract().function_of(&request.route) {
            Some("create-bulk-action") => create_bulk_action(&self.create, request).await,
            Some("read-log") => read_log(&self.read, request).await,
            Some("manage-directory") => manage_directory::handle(&self.directory, request).await,
            Some("receive-webhook") => receive_webhook(&self.webhooks, request).await,
            Some("unsubscribe") => unsubscribe(&self.unsubscribe, request).await,
            other => panic!("{}: there is no function {other:?}", request.route),
        }
    }

    /// Runs one job of the queue `name`, to be over by `deadline`.
    ///
    /// # Errors
    /// Those of the function, and if the body does not parse.
    pub async fn run(&self, name: &str, body: &str, deadline: Timestamp) -> anyhow::Result<()> {
        match name {
            "send-message" => send_message(&self.fan_out, serde_json::from_str(body)?).await?,
            "dispatch-whatsapp" => dispatch(&self.whatsapp, serde_json::from_str(body)?, deadline).await?,
            "dispatch-sms" => dispatch(&self.sms, serde_json::from_str(body)?, deadline).await?,
            "dispatch-email" => dispatch(&self.email, serde_json::from_str(body)?, deadline).await?,
            "apply-receipt" => self.run_receipts(&[body]).await?,
            other => anyhow::bail!("no function reads {other}"),
        }
        Ok(())
    }
}

impl<W, S, E, A> Functions<W, S, E, A> {
    /// Runs several jobs of `apply-receipt` together.
    ///
    /// # Errors
    /// Those of the function, and if a body does not parse.
    pub async fn run_receipts(&self, bodies: &[&str]) -> anyhow::Result<()> {
        let jobs = bodies.iter().map(|body| serde_json::from_str(body)).collect::<Result<_, _>>()?;
        Ok(apply_receipt(&self.receipts, jobs).await?)
    }
}

/// One client for all worlds: none of them fetches a certificate, and each client would read the machine's own ones.
fn no_http() -> reqwest::Client {
    static CLIENT: OnceLock<reqwest::Client> = OnceLock::new();
    CLIENT.get_or_init(|| channels::http_client().expect("an HTTP client can be made")).clone()
}
